// The inside of a vault ring, shared by vault.c (cryptography) and sources.c (where passwords come from).
#pragma once
#include "map.h"
#include "vault.h"

#include <pthread.h>

struct locked {
    struct locked *next;
    size_t size, used;
};
struct vault_secret {
    const char *id;
    unsigned char *p;  // in locked memory
    size_t n;
};
struct vault_derived {
    unsigned char *key;  // in locked memory
    unsigned have;       // which of its parts are there
    unsigned planned;    // which of them the derivation number `by` is going to compute
    uint64_t by;
};
struct vault_ring {
    struct arena arena;
    pthread_mutex_t lock;
    struct locked *locked;
    struct {
        struct vault_secret *p;
        size_t n, cap;
    } secrets;
    const char *label;     // of passwords without one
    bool match;            // only passwords of an envelope's own label are tried
    struct str salt;       // empty: random
    uint64_t derivations;  // so far
    struct map derived;    // of struct vault_derived, by password and salt
};
