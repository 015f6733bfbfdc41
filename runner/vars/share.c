// Sharing equal values between hosts. What is seen for the first time is only remembered by its hash, in a table of
// fixed size; what is seen again goes to the pool. So what only one host has dies with that host, and the pool is
// bounded.
#include "share.h"

#include "map.h"

#define TEXT_MAX ((size_t)128)
#define ITEM_MAX ((size_t)256)      // items of a list or dict that is shared
#define SEEN     ((size_t)1 << 13)  // hashes remembered: some times what `setup` tells of a host
#define POOL_MAX ((size_t)32 << 20)

struct held {
    const struct vstr *s;
};
struct share {
    struct arena *a;
    struct arena scratch;  // lists and dicts until it is known whether they are shared
    struct map texts;      // text -> struct held
    struct map values;     // kind and items as bytes -> struct val
    struct buf key;
    size_t used;
    uint32_t seen[SEEN];
};

struct share *share_new(struct arena *a) {
    struct share *s = ARENA_NEW(a, struct share);
    s->a = a;
    s->key.a = a;
    return s;
}

/// True when `hash` was there lately; notes it.
static bool seen(struct share *s, uint32_t hash) {
    uint32_t *slot = &s->seen[hash % SEEN];
    bool was = *slot == hash;
    *slot = hash;
    return was && s->used < POOL_MAX;
}

static struct val promote(struct share *s, struct arena *a, struct val v, bool *pooled);

static struct val text(struct share *s, struct arena *a, struct val v, bool *pooled) {
    struct str t = val_text(v);
    if (t.n > TEXT_MAX || v.flags & VAL_SECRET) {
        return val_promote(a, v);
    }
    uint32_t hash = str_hash(t);
    struct held *have = map_get_hashed(&s->texts, t, hash);
    if (!have && !seen(s, hash)) {
        return val_promote(a, v);
    }
    if (!have) {
        struct val kept = val_str(s->a, t);
        have = ARENA_NEW(s->a, struct held);
        have->s = kept.u.s;
        map_put(&s->texts, s->a, val_text(kept), have);
        s->used += sizeof *have + sizeof *have->s + t.n;
    }
    *pooled = true;
    v.u.s = have->s;
    return v;
}

/// Adds a value to the key: what it is and where it lies, without what its union does not use.
static void add_key(struct buf *key, struct val v) {
    if (v.kind == VAL_BOOL) {
        bool b = v.u.b;
        v.u.i = b;
    } else if (v.kind == VAL_NULL) {
        v.u.i = 0;
    }
    buf_add(key, &v, sizeof v);
}

static struct val list(struct share *s, struct arena *a, struct val v, bool *pooled) {
    struct val out = val_list(&s->scratch, v.u.l->n);
    bool all = v.u.l->n <= ITEM_MAX;
    for (size_t i = 0; i < v.u.l->n; i++) {
        bool one = false;
        val_push(&s->scratch, out, promote(s, a, v.u.l->items[i], &one));
        all = all && one;
    }
    *pooled = all;
    return out;
}

static struct val dict(struct share *s, struct arena *a, struct val v, bool *pooled) {
    struct val out = val_dict(&s->scratch, v.u.d->live);
    bool all = v.u.d->live <= ITEM_MAX;
    size_t i = 0;
    for (struct vpair *p; (p = val_each(v, &i));) {
        bool key = false;
        bool value = false;
        struct val k = promote(s, a, p->key, &key);
        val_set_key(&s->scratch, out, k, promote(s, a, p->value, &value));
        all = all && key && value;
    }
    *pooled = all;
    return out;
}

/// Puts the one list or dict with these items, all of which are in the pool, into *v; false: there is none.
static bool same(struct share *s, struct val *v) {
    s->key.n = 0;
    buf_char(&s->key, (char)v->kind);
    for (size_t i = 0; v->kind == VAL_LIST && i < v->u.l->n; i++) {
        add_key(&s->key, v->u.l->items[i]);
    }
    size_t i = 0;
    for (struct vpair *p; v->kind == VAL_DICT && (p = val_each(*v, &i));) {
        add_key(&s->key, p->key);
        add_key(&s->key, p->value);
    }
    struct str key = buf_view(&s->key);
    uint32_t hash = str_hash(key);
    struct val *have = map_get_hashed(&s->values, key, hash);
    if (!have && !seen(s, hash)) {
        return false;
    }
    if (!have) {
        have = ARENA_NEW(s->a, struct val);
        *have = val_copy(s->a, *v);
        map_put(&s->values, s->a, str_dup(s->a, key), have);
        s->used += 2 * key.n;
    }
    v->u = have->u;
    return true;
}

static struct val container(struct share *s, struct arena *a, struct val v, bool *pooled) {
    struct val out = v;
    out.u = v.kind == VAL_DICT ? dict(s, a, v, pooled).u : list(s, a, v, pooled).u;
    *pooled = *pooled && same(s, &out);
    return *pooled ? out : val_copy(a, out);
}

static struct val promote(struct share *s, struct arena *a, struct val v, bool *pooled) {
    *pooled = false;
    switch ((enum val_kind)v.kind) {
    case VAL_STR:
        return text(s, a, v, pooled);
    case VAL_LIST:
    case VAL_DICT:
        return container(s, a, v, pooled);
    case VAL_NULL:
    case VAL_BOOL:
    case VAL_INT:
    case VAL_FLOAT:
    case VAL_OMIT:
        *pooled = true;
        return v;
    case VAL_TUPLE:
    case VAL_OBJ:
    case VAL_UNDEF:
        break;
    }
    return val_promote(a, v);
}

struct val share_promote(struct share *s, struct arena *a, struct val v) {
    bool pooled = false;
    if (!s || (v.flags & VAL_SECRET)) {
        return val_promote(a, v);
    }
    struct val out = promote(s, a, v, &pooled);
    arena_reset(&s->scratch);
    return out;
}

void share_free(struct share *s) {
    if (s) {
        arena_release(&s->scratch);
    }
}
