// Any bytes as an age file: opened or refused with a reason, never a crash; and what is sealed comes back.
#include "agefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    static const char key[] = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    struct arena a = {.secret = true};
    struct err e = {.arena = &a};
    struct str text = {(const char *)p, n};
    struct str plain;
    struct age_identities ids = {0};
    struct age_recipients to = {0};
    struct age_file f;
    if (!age_identities_read(str_from(key), &a, &ids, &e)) {
        abort();
    }
    if (!age_open(text, &ids, NULL, &a, &f, &plain, &e) && (e.code != ERR_VAULT || !e.msg)) {
        abort();
    }
    err_clear(&e);
    (void)age_recipients_read(text, &a, &to, &e);
    (void)age_identities_read(text, &a, &ids, &e);
    if (n % 8 == 0) {
        struct str sealed;
        struct age_file g = {.armored = n % 16 == 0};
        VEC_PUSH(&a, g.to, ids.p[0].who);
        g.to.p[0].text = "age1";
        if (!age_new(&g, &a, &e)) {
            abort();
        }
        age_seal_again(&g, text, &a, &sealed);
        if (!age_open(sealed, &ids, NULL, &a, &f, &plain, &e) || !str_eq(plain, text)) {
            abort();
        }
    }
    arena_release(&a);
    return 0;
}
