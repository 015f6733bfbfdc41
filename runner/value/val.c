// Making, reading, building and copying values.
#include "val.h"
#include "big.h"

#include <stdarg.h>

struct val val_bool(bool b) {
    return (struct val){.kind = VAL_BOOL, .u.b = b};
}

struct val val_int(int64_t i) {
    return (struct val){.kind = VAL_INT, .u.i = i};
}

struct val val_float(double f) {
    return (struct val){.kind = VAL_FLOAT, .u.f = f};
}

struct val val_str(struct arena *a, struct str s) {
    struct vstr *p = arena_alloc(a, sizeof *p + s.n + 1);
    p->n = s.n;
    if (s.n > 0) {
        memcpy(p->s, s.s, s.n);
    }
    return (struct val){.kind = VAL_STR, .u.s = p};
}

struct val val_z(struct arena *a, const char *z) {
    return val_str(a, str_from(z));
}

struct val val_printf(struct arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n;
    struct vstr *p = arena_alloc(a, sizeof *p + len + 1);
    p->n = len;
    va_start(ap, fmt);
    vsnprintf(p->s, len + 1, fmt, ap);
    va_end(ap);
    return (struct val){.kind = VAL_STR, .u.s = p};
}

static struct val seq(struct arena *a, enum val_kind kind, size_t cap) {
    struct vlist *l = ARENA_NEW(a, struct vlist);
    l->cap = cap;
    l->items = cap ? ARENA_ARRAY(a, struct val, cap) : NULL;
    return (struct val){.kind = (uint8_t)kind, .u.l = l};
}

struct val val_list(struct arena *a, size_t cap) {
    return seq(a, VAL_LIST, cap);
}

struct val val_tuple(struct arena *a, size_t cap) {
    return seq(a, VAL_TUPLE, cap);
}

struct val val_dict(struct arena *a, size_t cap) {
    struct vdict *d = ARENA_NEW(a, struct vdict);
    d->cap = cap;
    d->pairs = cap ? ARENA_ARRAY(a, struct vpair, cap) : NULL;
    return (struct val){.kind = VAL_DICT, .u.d = d};
}

struct val val_undef(struct arena *a, struct str name) {
    struct vundef *u = ARENA_NEW(a, struct vundef);
    u->name = str_dup(a, name);
    return (struct val){.kind = VAL_UNDEF, .u.undef = u};
}

struct val val_obj(const struct vobj *o) {
    return (struct val){.kind = VAL_OBJ, .u.o = o};
}

struct val val_at(struct val v, struct mark m) {
    v.mark = m;
    return v;
}

struct val val_flag(struct val v, unsigned flags) {
    v.flags = (uint8_t)(v.flags | flags);
    return v;
}

struct str val_text(struct val v) {
    return v.kind == VAL_STR ? (struct str){v.u.s->s, v.u.s->n} : STR_NONE;
}

bool val_is(struct val v, enum val_kind k) {
    return v.kind == k;
}

bool val_is_seq(struct val v) {
    return v.kind == VAL_LIST || v.kind == VAL_TUPLE;
}

const char *val_kind_name(enum val_kind k) {
    static const char *const names[] = {
        [VAL_UNDEF] = "nothing",   [VAL_NULL] = "null",    [VAL_BOOL] = "boolean", [VAL_INT] = "integer",
        [VAL_FLOAT] = "float",     [VAL_STR] = "string",   [VAL_LIST] = "list",    [VAL_TUPLE] = "tuple",
        [VAL_DICT] = "dictionary", [VAL_OMIT] = "omitted", [VAL_OBJ] = "object",
    };
    return names[k];
}

const char *val_type_name(struct val v) {
    static const char *const names[] = {
        [VAL_UNDEF] = "AnsibleUndefined",
        [VAL_NULL] = "NoneType",
        [VAL_BOOL] = "bool",
        [VAL_INT] = "int",
        [VAL_FLOAT] = "float",
        [VAL_STR] = "str",
        [VAL_LIST] = "list",
        [VAL_TUPLE] = "tuple",
        [VAL_DICT] = "dict",
        [VAL_OMIT] = "omit",
        [VAL_OBJ] = "object",
    };
    return v.kind == VAL_OBJ ? v.u.o->type->name : names[v.kind];
}

size_t val_len(struct val v) {
    switch ((enum val_kind)v.kind) {
    case VAL_LIST:
    case VAL_TUPLE:
        return v.u.l->n;
    case VAL_DICT:
        return v.u.d->live;
    case VAL_STR:
        return utf8_len(val_text(v));
    case VAL_UNDEF:
    case VAL_NULL:
    case VAL_BOOL:
    case VAL_INT:
    case VAL_FLOAT:
    case VAL_OMIT:
    case VAL_OBJ:
        break;
    }
    return 0;
}

struct val val_at_index(struct val list, size_t i) {
    if (!val_is_seq(list) || i >= list.u.l->n) {
        BUG("index %zu outside of a %s", i, val_kind_name((enum val_kind)list.kind));
    }
    return list.u.l->items[i];
}

void val_push(struct arena *a, struct val list, struct val item) {
    struct vlist *l = list.u.l;
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 4;
        l->items = arena_grow(a, l->items, l->cap * sizeof *l->items, cap * sizeof *l->items);
        l->cap = cap;
    }
    l->items[l->n++] = item;
}

// -- dicts -----------------------------------------------------------------------------------------------------------

#define SMALL_DICT 8

static bool same_key(struct val a, struct val b) {
    if (a.kind == VAL_STR && b.kind == VAL_STR) {
        return a.u.s == b.u.s || str_eq(val_text(a), val_text(b));
    }
    return val_equal(a, b);
}

// The slot in the index where `key` is or would go.
static size_t probe(const struct vdict *d, struct val key, uint32_t hash) {
    size_t mask = d->index_cap - 1;
    size_t i = hash & mask;
    while (d->index[i]) {
        const struct vpair *p = &d->pairs[d->index[i] - 1];
        if (p->key.kind != VAL_UNDEF && same_key(p->key, key)) {
            return i;
        }
        i = (i + 1) & mask;
    }
    return i;
}

static struct vpair *find(const struct vdict *d, struct val key) {
    if (!d->index) {
        for (size_t i = 0; i < d->n; i++) {
            if (d->pairs[i].key.kind != VAL_UNDEF && same_key(d->pairs[i].key, key)) {
                return &d->pairs[i];
            }
        }
        return NULL;
    }
    uint32_t at = d->index[probe(d, key, val_hash(key))];
    return at ? &d->pairs[at - 1] : NULL;
}

// As find, for a text that is not a value yet: no allocation. `hash` may be 0: not known.
static struct vpair *find_text(const struct vdict *d, struct str key, uint32_t hash) {
    if (!d->index) {
        for (size_t i = 0; i < d->n; i++) {
            if (d->pairs[i].key.kind == VAL_STR && str_eq(val_text(d->pairs[i].key), key)) {
                return &d->pairs[i];
            }
        }
        return NULL;
    }
    size_t mask = d->index_cap - 1;
    for (size_t i = (hash ? hash : str_hash(key)) & mask; d->index[i]; i = (i + 1) & mask) {
        struct vpair *p = &d->pairs[d->index[i] - 1];
        if (p->key.kind == VAL_STR && str_eq(val_text(p->key), key)) {
            return p;
        }
    }
    return NULL;
}

static void rebuild(struct arena *a, struct vdict *d, size_t cap) {
    d->index = ARENA_ARRAY(a, uint32_t, cap);
    d->index_cap = cap;
    for (size_t i = 0; i < d->n; i++) {
        if (d->pairs[i].key.kind != VAL_UNDEF) {
            d->index[probe(d, d->pairs[i].key, val_hash(d->pairs[i].key))] = (uint32_t)i + 1;
        }
    }
}

struct val val_get_hashed(struct val d, struct str key, uint32_t hash) {
    if (d.kind != VAL_DICT) {
        return (struct val){0};
    }
    struct vpair *p = find_text(d.u.d, key, hash);
    return p ? p->value : (struct val){0};
}

struct val val_get_str(struct val d, struct str key) {
    return val_get_hashed(d, key, 0);
}

struct val val_get(struct val d, const char *key) {
    return val_get_str(d, str_from(key));
}

struct val val_get_key(struct val d, struct val key) {
    if (d.kind != VAL_DICT) {
        return (struct val){0};
    }
    struct vpair *p = find(d.u.d, key);
    return p ? p->value : (struct val){0};
}

bool val_has(struct val d, const char *key) {
    return d.kind == VAL_DICT && find_text(d.u.d, str_from(key), 0);
}

bool val_has_key(struct val d, struct val key) {
    return d.kind == VAL_DICT && find(d.u.d, key);
}

static void append_pair(struct arena *a, struct vdict *d, struct val key, struct val v) {
    if (d->n == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 4;
        d->pairs = arena_grow(a, d->pairs, d->cap * sizeof *d->pairs, cap * sizeof *d->pairs);
        d->cap = cap;
    }
    d->pairs[d->n++] = (struct vpair){key, v};
    d->live++;
    if (d->n > SMALL_DICT && d->n * 2 > d->index_cap) {
        size_t want = d->index_cap ? d->index_cap * 2 : (size_t)SMALL_DICT * 4;
        while (want < d->cap * 2) {
            want *= 2;  // a dict made for many pairs is indexed once
        }
        rebuild(a, d, want);
    } else if (d->index) {
        d->index[probe(d, key, val_hash(key))] = (uint32_t)d->n;
    }
}

void val_set_key(struct arena *a, struct val d, struct val key, struct val v) {
    struct vpair *p = find(d.u.d, key);
    if (p) {
        p->value = v;
        return;
    }
    append_pair(a, d.u.d, key, v);
}

void val_set_str(struct arena *a, struct val d, struct str key, struct val v) {
    struct vpair *p = find_text(d.u.d, key, 0);
    if (p) {
        p->value = v;
        return;
    }
    append_pair(a, d.u.d, val_str(a, key), v);
}

void val_set(struct arena *a, struct val d, const char *key, struct val v) {
    val_set_str(a, d, str_from(key), v);
}

bool val_del_key(struct val d, struct val key) {
    struct vpair *p = find(d.u.d, key);
    if (!p) {
        return false;
    }
    // The pair stays as a hole: the index still leads through it, iteration skips it.
    *p = (struct vpair){0};
    d.u.d->live--;
    return true;
}

struct vpair *val_each(struct val d, size_t *i) {
    if (d.kind != VAL_DICT) {
        return NULL;
    }
    while (*i < d.u.d->n) {
        struct vpair *p = &d.u.d->pairs[(*i)++];
        if (p->key.kind != VAL_UNDEF) {
            return p;
        }
    }
    return NULL;
}

// -- copying ---------------------------------------------------------------------------------------------------------

struct val val_copy(struct arena *a, struct val v) {
    struct val out = v;
    if (val_is_seq(v)) {
        out.u.l = seq(a, (enum val_kind)v.kind, v.u.l->n).u.l;
        for (size_t i = 0; i < v.u.l->n; i++) {
            val_push(a, out, v.u.l->items[i]);
        }
    } else if (v.kind == VAL_DICT) {
        out.u.d = val_dict(a, v.u.d->live).u.d;
        size_t i = 0;
        for (struct vpair *p; (p = val_each(v, &i));) {
            append_pair(a, out.u.d, p->key, p->value);
        }
    }
    return out;
}

// Deep copy; `clear` and `set` change the flags of every value on the way.
static struct val deep(struct arena *a, struct val v, unsigned clear, unsigned set) {
    struct val out = v;
    switch ((enum val_kind)v.kind) {
    case VAL_STR:
        out.u.s = val_str(a, val_text(v)).u.s;
        break;
    case VAL_LIST:
    case VAL_TUPLE:
        out.u.l = seq(a, (enum val_kind)v.kind, v.u.l->n).u.l;
        for (size_t i = 0; i < v.u.l->n; i++) {
            val_push(a, out, deep(a, v.u.l->items[i], clear, set));
        }
        break;
    case VAL_DICT: {
        out.u.d = val_dict(a, v.u.d->live).u.d;
        size_t i = 0;
        for (struct vpair *p; (p = val_each(v, &i));) {
            append_pair(a, out.u.d, deep(a, p->key, clear, set & ~(unsigned)VAL_SECRET), deep(a, p->value, clear, set));
        }
        break;
    }
    case VAL_OBJ:
        if (is_big(v)) {
            out.u.o = big_val(a, big_digits(v)).u.o;
            break;
        }
        if (v.u.o->type->json && v.u.o->type->json(v, a, &out)) {
            out = deep(a, out, clear, set);
        } else {
            struct buf b = BUF_IN(a);
            val_to_str(&b, v);
            out = val_str(a, buf_view(&b));
        }
        out.mark = v.mark;
        break;
    case VAL_UNDEF:
        if (v.u.undef) {
            struct val u = val_undef(a, v.u.undef->name);
            struct vundef *mine = ARENA_NEW(a, struct vundef);
            *mine = (struct vundef){.name = u.u.undef->name, .hint = str_dup(a, v.u.undef->hint)};
            out.u.undef = mine;
        }
        break;
    case VAL_NULL:
    case VAL_BOOL:
    case VAL_INT:
    case VAL_FLOAT:
    case VAL_OMIT:
        break;
    }
    clear &= out.flags & VAL_SEALED ? ~(unsigned)VAL_TMPL : ~0U;  // what is sealed must be opened before it is used
    out.flags = (uint8_t)((out.flags & ~clear) | set);
    return out;
}

struct val val_promote(struct arena *a, struct val v) {
    return deep(a, v, 0, 0);
}

static bool has_tuple(struct val v) {
    if (v.kind == VAL_TUPLE) {
        return true;
    }
    for (size_t i = 0; v.kind == VAL_LIST && i < v.u.l->n; i++) {
        if (has_tuple(v.u.l->items[i])) {
            return true;
        }
    }
    size_t i = 0;
    for (const struct vpair *p = v.kind == VAL_DICT ? val_each(v, &i) : NULL; p; p = val_each(v, &i)) {
        if (has_tuple(p->value)) {
            return true;
        }
    }
    return false;
}

static struct val untupled(struct arena *a, struct val v) {
    if (val_is_seq(v)) {
        struct val out = val_list(a, v.u.l->n);
        for (size_t i = 0; i < v.u.l->n; i++) {
            val_push(a, out, untupled(a, v.u.l->items[i]));
        }
        return val_at(val_flag(out, v.flags), v.mark);
    }
    if (v.kind != VAL_DICT) {
        return v;
    }
    struct val out = val_dict(a, v.u.d->live);
    size_t i = 0;
    for (const struct vpair *p; (p = val_each(v, &i));) {
        val_set_key(a, out, p->key, untupled(a, p->value));
    }
    return val_at(val_flag(out, v.flags), v.mark);
}

struct val val_untuple(struct arena *a, struct val v) {
    return has_tuple(v) ? untupled(a, v) : v;
}

struct val val_reflag(struct arena *a, struct val v, unsigned clear, unsigned set) {
    return deep(a, v, clear, set);
}

bool val_any_flag(struct val v, unsigned flags) {
    if (v.flags & flags) {
        return true;
    }
    if (val_is_seq(v)) {
        for (size_t i = 0; i < v.u.l->n; i++) {
            if (val_any_flag(v.u.l->items[i], flags)) {
                return true;
            }
        }
    } else if (v.kind == VAL_DICT) {
        size_t i = 0;
        for (struct vpair *p; (p = val_each(v, &i));) {
            if (val_any_flag(p->key, flags) || val_any_flag(p->value, flags)) {
                return true;
            }
        }
    }
    return false;
}

static bool has_template(struct str s) {
    for (size_t i = str_find_char(s, 0, '{'); i != SIZE_MAX && i + 1 < s.n; i = str_find_char(s, i + 1, '{')) {
        char c = s.s[i + 1];
        if (c == '{' || c == '%' || c == '#') {
            return true;
        }
    }
    return false;
}

struct val val_mark_templates(struct val v) {
    bool found = false;
    if (v.flags & VAL_UNSAFE) {
        return v;
    }
    if (v.kind == VAL_STR) {
        found = v.flags & VAL_TRUSTED && has_template(val_text(v));
    } else if (val_is_seq(v)) {
        for (size_t i = 0; i < v.u.l->n; i++) {
            v.u.l->items[i] = val_mark_templates(v.u.l->items[i]);
            found |= (v.u.l->items[i].flags & VAL_TMPL) != 0;
        }
    } else if (v.kind == VAL_DICT) {
        size_t i = 0;
        for (struct vpair *p; (p = val_each(v, &i));) {
            p->key = val_mark_templates(p->key);
            p->value = val_mark_templates(p->value);
            found |= ((p->key.flags | p->value.flags) & VAL_TMPL) != 0;
        }
    }
    return found ? val_flag(v, VAL_TMPL) : v;
}

// -- Ansible's rules -------------------------------------------------------------------------------------------------

bool val_as_bool(struct val v, bool *out) {
    static const char *const yes[] = {"true", "yes", "on", "1", "y", "t"};
    static const char *const no[] = {"false", "no", "off", "0", "n", "f"};
    if (v.kind == VAL_BOOL) {
        *out = v.u.b;
        return true;
    }
    if (v.kind == VAL_INT && (v.u.i == 0 || v.u.i == 1)) {
        *out = v.u.i == 1;
        return true;
    }
    if (v.kind == VAL_FLOAT && (v.u.f == 0.0 || v.u.f == 1.0)) {
        *out = v.u.f == 1.0;
        return true;
    }
    struct str s = str_trim(val_text(v));
    for (size_t i = 0; i < COUNTOF(yes); i++) {
        if (s.n == strlen(yes[i]) && strncasecmp(s.s, yes[i], s.n) == 0) {
            *out = true;
            return true;
        }
        if (s.n == strlen(no[i]) && strncasecmp(s.s, no[i], s.n) == 0) {
            *out = false;
            return true;
        }
    }
    return false;
}

bool val_as_int(struct val v, int64_t *out) {
    if (v.kind == VAL_INT) {
        *out = v.u.i;
        return true;
    }
    if (v.kind == VAL_BOOL) {
        *out = v.u.b ? 1 : 0;
        return true;
    }
    if (v.kind == VAL_FLOAT && v.u.f >= -9.0e18 && v.u.f <= 9.0e18 && (double)(int64_t)v.u.f == v.u.f) {
        *out = (int64_t)v.u.f;
        return true;
    }
    return v.kind == VAL_STR && str_int(str_trim(val_text(v)), out);
}
