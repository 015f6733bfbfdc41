// INI inventories, their host ranges and literals: no input may crash, hang or break the model.
#include "inv_source.h"

#include "mark.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct inv_opts o = {.a = &a};
    struct str text = str_dup(&a, (struct str){(const char *)p, n});
    // A range may ask for a million names; that is allowed, but slow for a fuzzer.
    size_t digits = 0;
    for (size_t i = 0; i < n; i++) {
        digits += p[i] >= '0' && p[i] <= '9';
    }
    if (digits > 8 || n > 4096) {
        arena_release(&a);
        return 0;
    }
    struct inv_source s = {
        .inv = inv_new(&o), .o = &o, .path = STR_LIT("fuzz"), .text = text, .file_val = VNULL, .dir_val = VNULL};
    s.base = mark_source("fuzz", text, 0);
    bool ok = inv_looks_like_ssh_config(text) ? inv_parse_ssh_config(&s, &e) : inv_parse_ini(&s, &e);
    if (ok && inv_reconcile(s.inv, &e)) {
        for (size_t i = 0; i < s.inv->nhosts; i++) {
            if (s.inv->order[i]->nall == 0) {
                BUG("a host without groups");
            }
        }
    } else if (e.code == ERR_NONE) {
        BUG("a failure without an error");
    }
    arena_release(&a);
    mark_reset();
    return 0;
}
