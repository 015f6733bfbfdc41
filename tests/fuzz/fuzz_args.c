// Module arguments: every type's conversion, Python literals and command words, from hostile text.
#include "cmd.h"
#include "coerce.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct val text = val_str(&a, (struct str){(const char *)p, n});
    for (int type = ARG_STR; type <= ARG_BITS; type++) {
        struct val out = VNULL;
        const char *why = NULL;
        if (!coerce_value(&a, text, (enum arg_type)type, &out, &why) && !why) {
            BUG("no reason for '%s'", coerce_type_name((enum arg_type)type));
        }
    }
    struct val out = VNULL;
    (void)literal_parse(&a, val_text(text), &out);
    (void)cmd_split(&a, val_text(text), &out, &e);
    (void)cmd_quote(&a, val_text(text));
    arena_release(&a);
    return 0;
}
