// Any text as a YAML file with vaulted values: scanned and saved without a crash; nothing changes when nothing changed.
#include "yamlvault.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    struct arena a = {.secret = true};
    struct err e = {.arena = &a};
    struct str text = {(const char *)p, n};
    struct yv_doc d;
    struct str out;
    struct vault_ring *r = vault_ring_new();
    vault_ring_add(r, "default", STR_LIT("secret"));
    yv_scan(text, &a, &d);
    size_t at = 0;
    for (size_t i = 0; i < d.n; i++) {
        if (d.p[i].start < at || d.p[i].end < d.p[i].start || d.p[i].end > n) {
            abort();
        }
        at = d.p[i].end;
        // as if every value held text; opening them is fuzz_vault's
        d.p[i].plain = STR_LIT("line 1\n\n  line \"2\"\n");
        d.p[i].id = vault_ring_id(r, 0);
    }
    struct yv_save s = {.old = &d, .ring = r, .force = true};
    // The tool edits values in place only where the text is YAML.
    bool marked = str_find(text, 0, STR_LIT("!decrypted")) != SIZE_MAX || !yv_is_yaml(text);
    bool ok = yv_hide(&s, yv_show(&d, &a), &a, &out, &e);
    if (!marked && (!ok || s.fresh > 0 || !str_eq(out, text))) {
        abort();
    }
    vault_ring_free(r);
    arena_release(&a);
    return 0;
}
