// k=v text: no input may crash or hang; what is accepted is a dictionary of strings.
#include "mark.h"
#include "playbook.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    struct arena a = {0};
    if (n == 0 || n > 8192) {
        return 0;
    }
    struct str text = str_dup(&a, (struct str){(const char *)p + 1, n - 1});
    struct mark at = mark_source("fuzz", text, 0);
    struct err e = {.arena = &a};
    struct val v;
    if (kv_parse(&a, text, at, p[0] & 1, &v, &e)) {
        size_t i = 0;
        for (struct vpair *pair; (pair = val_each(v, &i));) {
            if (pair->key.kind != VAL_STR || pair->value.kind != VAL_STR) {
                BUG("an argument that is no string");
            }
        }
    } else if (e.code == ERR_NONE) {
        BUG("a failure without an error");
    }
    arena_release(&a);
    mark_reset();
    return 0;
}
