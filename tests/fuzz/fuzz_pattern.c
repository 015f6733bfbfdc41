// Host patterns on a fixed inventory: every pattern gives hosts, each once, or an error.
#include "inv_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    static const char hosts[] =
        "lonely\n[web]\nweb[1:5].example.com\n[db]\ndb[1:3]\n[prod:children]\nweb\ndb\n[dc-1]\ndb1\n::1\n";
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct inv_opts o = {.a = &a};
    struct inv_source s = {.inv = inv_new(&o),
                           .o = &o,
                           .path = STR_LIT("fuzz"),
                           .text = {hosts, sizeof hosts - 1},
                           .file_val = VNULL,
                           .dir_val = VNULL};
    if (n > 512 || !inv_parse_ini(&s, &e) || !inv_reconcile(s.inv, &e)) {
        arena_release(&a);
        return 0;
    }
    struct str pat = str_dup(&a, (struct str){(const char *)p, n});
    struct host **out = NULL;
    size_t count = 0;
    if (!inv_match(s.inv, pat, NO_MARK, &a, &out, &count, NULL, &e)) {
        if (e.code == ERR_NONE) {
            BUG("a failure without an error");
        }
        count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (out[i] == out[k]) {
                BUG("a host twice");
            }
        }
    }
    arena_release(&a);
    return 0;
}
