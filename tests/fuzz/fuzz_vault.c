// Any bytes as a vault envelope: refused with a reason, never a crash; and any bytes come back from seal and open.
#include "vault.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str text = {(const char *)p, n};
    struct str plain;
    struct str envelope;
    // Deriving a key is slow on purpose: without a password the envelope is read and nothing is derived.
    struct vault_ring *r = vault_ring_new();
    if (vault_open(r, text, NO_MARK, &a, &plain, &e) || e.code != ERR_VAULT || !e.msg) {
        abort();
    }
    err_clear(&e);
    vault_warm(r, &text, 1);
    vault_ring_add(r, "default", STR_LIT("secret"));
    if (n % 16 == 1 && !vault_open(r, text, NO_MARK, &a, &plain, &e) && (e.code != ERR_VAULT || !e.msg)) {
        abort();
    }
    if (n % 16 == 0 && vault_seal(r, NULL, text, &a, &envelope, &e)) {
        if (!vault_open(r, envelope, NO_MARK, &a, &plain, &e) || !str_eq(plain, text)) {
            abort();
        }
    }
    vault_ring_free(r);
    arena_release(&a);
    return 0;
}
