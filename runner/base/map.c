// Hash map from strings to pointers: slots in insertion order, an open-addressing index beyond eight of them.
#include "map.h"

static size_t probe(const struct map *m, struct str key, uint32_t hash) {
    size_t mask = m->index_cap - 1;
    size_t i = hash & mask;
    while (m->index[i]) {
        const struct map_slot *s = &m->slots[m->index[i] - 1];
        if (s->hash == hash && str_eq(s->key, key)) {
            return i;
        }
        i = (i + 1) & mask;
    }
    return i;
}

static struct map_slot *find(const struct map *m, struct str key, uint32_t hash) {
    if (!m->index) {
        for (size_t i = 0; i < m->n; i++) {
            if (m->slots[i].hash == hash && str_eq(m->slots[i].key, key)) {
                return &m->slots[i];
            }
        }
        return NULL;
    }
    uint32_t at = m->index[probe(m, key, hash)];
    return at ? &m->slots[at - 1] : NULL;
}

void *map_get(const struct map *m, struct str key) {
    if (m->n == 0) {
        return NULL;
    }
    struct map_slot *s = find(m, key, str_hash(key));
    return s ? s->value : NULL;
}

void *map_get_hashed(const struct map *m, struct str key, uint32_t hash) {
    struct map_slot *s = m->n ? find(m, key, hash) : NULL;
    return s ? s->value : NULL;
}

static void rebuild(struct map *m, struct arena *a, size_t cap) {
    m->index = ARENA_ARRAY(a, uint32_t, cap);
    m->index_cap = cap;
    for (size_t i = 0; i < m->n; i++) {
        m->index[probe(m, m->slots[i].key, m->slots[i].hash)] = (uint32_t)i + 1;
    }
}

void map_put(struct map *m, struct arena *a, struct str key, void *value) {
    uint32_t hash = str_hash(key);
    struct map_slot *s = find(m, key, hash);
    if (s) {
        s->value = value;
        return;
    }
    if (m->n == m->cap || !m->slots) {
        m->slots = vec_grow(a, m->slots, &m->cap, sizeof *m->slots);
    }
    m->slots[m->n++] = (struct map_slot){.key = key, .value = value, .hash = hash};
    if (m->n > 8 && m->n * 2 > m->index_cap) {
        rebuild(m, a, m->index_cap ? m->index_cap * 2 : 32);
    } else if (m->index) {
        m->index[probe(m, key, hash)] = (uint32_t)m->n;
    }
}
