// Hash map from strings to pointers, in insertion order. Keys are borrowed: they must live as long as the map.
#pragma once
#include "str.h"

struct map_slot {
    struct str key;
    void *value;
    uint32_t hash;
};
struct map {
    struct map_slot *slots;  // in insertion order, slots[0..n)
    size_t n, cap;
    uint32_t *index;  // open addressing over slots, value is slot+1
    size_t index_cap;
};

/// The value stored for `key`, or NULL.
void *map_get(const struct map *m, struct str key);
/// The same when str_hash(key) is known.
void *map_get_hashed(const struct map *m, struct str key, uint32_t hash);
/// Stores `value` (not NULL) for `key`, replacing what was there. Memory from `a`.
void map_put(struct map *m, struct arena *a, struct str key, void *value);
/// Iterates: `for (size_t i = 0; i < m->n; i++) m->slots[i]`. Entries are never removed.
