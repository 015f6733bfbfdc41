// Any text as a known_hosts file: no crash in parsing and looking up.
#include "knownhosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    static const char *const names[] = {"web1", "[127.0.0.1]:2222", "a.b.example.org", ""};
    struct arena a = {0};
    const struct kh_file *f = kh_parse(&a, "fuzz", (struct str){(const char *)p, n});
    for (size_t i = 0; i < COUNTOF(names); i++) {
        struct kh_found k = kh_lookup(f, names[i], STR_LIT("ssh-ed25519"), STR_LIT("AAAA"));
        if (k.answer != KH_UNKNOWN && k.line == 0) {
            BUG("found without a line");
        }
        struct buf types = BUF_IN(&a);
        kh_types(f, names[i], &types);
    }
    arena_release(&a);
    return 0;
}
