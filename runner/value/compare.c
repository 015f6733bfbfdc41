// Python's truth, equality, order, membership and hashing.
#include "big.h"
#include "val.h"

#include <math.h>

bool val_truth(struct val v) {
    switch ((enum val_kind)v.kind) {
    case VAL_BOOL:
        return v.u.b;
    case VAL_INT:
        return v.u.i != 0;
    case VAL_FLOAT:
        return v.u.f != 0.0;
    case VAL_STR:
        return v.u.s->n > 0;
    case VAL_LIST:
    case VAL_TUPLE:
        return v.u.l->n > 0 || (v.kind == VAL_LIST && v.spare >= VAL_SPARE_GENERATOR);
    case VAL_DICT:
        return v.u.d->live > 0;
    case VAL_UNDEF:
    case VAL_NULL:
        return false;
    case VAL_OMIT:
    case VAL_OBJ:
        break;
    }
    return true;
}

static bool is_number(struct val v) {
    return v.kind == VAL_BOOL || v.kind == VAL_INT || v.kind == VAL_FLOAT || is_big(v);
}

static int64_t as_i(struct val v) {
    return v.kind == VAL_BOOL ? v.u.b : v.u.i;
}

// Every integer of 64 bits has a long double of its own.
static long double as_f(struct val v) {
    return v.kind == VAL_FLOAT ? (long double)v.u.f : (long double)as_i(v);
}

static int number_compare(struct val a, struct val b) {
    if (is_big(a) || is_big(b)) {
        return big_compare(a, b);
    }
    if (a.kind != VAL_FLOAT && b.kind != VAL_FLOAT) {
        int64_t x = as_i(a);
        int64_t y = as_i(b);
        return x < y ? -1 : x > y;
    }
    long double x = as_f(a);
    long double y = as_f(b);
    return x < y ? -1 : x > y;
}

static bool dict_equal(struct val a, struct val b) {
    if (a.u.d->live != b.u.d->live) {
        return false;
    }
    size_t i = 0;
    for (struct vpair *p; (p = val_each(a, &i));) {
        struct val other = val_get_key(b, p->key);
        if ((other.kind == VAL_UNDEF && p->value.kind != VAL_UNDEF) || !val_equal(p->value, other)) {
            return false;
        }
    }
    return true;
}

static bool seq_equal(struct val a, struct val b) {
    if (a.u.l->n != b.u.l->n) {
        return false;
    }
    for (size_t i = 0; i < a.u.l->n; i++) {
        if (!val_equal(a.u.l->items[i], b.u.l->items[i])) {
            return false;
        }
    }
    return true;
}

static bool object_equal(struct val a, struct val b) {
    if (a.u.o == b.u.o) {
        return true;
    }
    if (a.u.o->type != b.u.o->type || !a.u.o->type->str) {
        return false;
    }
    struct buf x = {0};
    struct buf y = {0};
    a.u.o->type->str(a, &x);
    b.u.o->type->str(b, &y);
    bool same = str_eq(buf_view(&x), buf_view(&y));
    buf_release(&x);
    buf_release(&y);
    return same;
}

bool val_equal(struct val a, struct val b) {
    if (is_number(a) && is_number(b)) {
        if ((a.kind == VAL_FLOAT && a.u.f != a.u.f) || (b.kind == VAL_FLOAT && b.u.f != b.u.f)) {
            return false;
        }
        return number_compare(a, b) == 0;
    }
    if (a.kind != b.kind) {
        return false;
    }
    switch ((enum val_kind)a.kind) {
    case VAL_STR:
        return str_eq(val_text(a), val_text(b));
    case VAL_LIST:
    case VAL_TUPLE:
        return seq_equal(a, b);
    case VAL_DICT:
        return dict_equal(a, b);
    case VAL_OBJ:
        return object_equal(a, b);
    case VAL_NULL:
    case VAL_OMIT:
    case VAL_UNDEF:
        return true;
    case VAL_BOOL:
    case VAL_INT:
    case VAL_FLOAT:
        break;
    }
    return false;
}

static bool cannot_order(struct val a, struct val b, struct err *e) {
    struct val missing = a.kind == VAL_UNDEF ? a : b;
    if (missing.kind == VAL_UNDEF && missing.u.undef) {
        struct str hint = missing.u.undef->hint, name = missing.u.undef->name;
        return hint.n ? err_set(e, ERR_UNDEFINED, missing.u.undef->at, "%.*s", STR(hint))
                      : err_set(e, ERR_UNDEFINED, missing.u.undef->at, "'%.*s' is undefined", STR(name));
    }
    return err_set(e, ERR_TYPE, a.mark, "'<' not supported between instances of '%s' and '%s'", val_type_name(a),
                   val_type_name(b));
}

bool val_compare(struct val a, struct val b, int *out, struct err *e) {
    if (is_number(a) && is_number(b)) {
        *out = number_compare(a, b);
        return true;
    }
    if (a.kind == VAL_STR && b.kind == VAL_STR) {
        *out = str_cmp(val_text(a), val_text(b));
        return true;
    }
    if (val_is_seq(a) && a.kind == b.kind) {
        size_t n = a.u.l->n < b.u.l->n ? a.u.l->n : b.u.l->n;
        for (size_t i = 0; i < n; i++) {
            if (!val_equal(a.u.l->items[i], b.u.l->items[i])) {
                return val_compare(a.u.l->items[i], b.u.l->items[i], out, e);
            }
        }
        *out = a.u.l->n < b.u.l->n ? -1 : a.u.l->n > b.u.l->n;
        return true;
    }
    if (a.kind == VAL_OBJ && b.kind == VAL_OBJ && a.u.o->type == b.u.o->type && a.u.o->type->str) {
        // Dates sort as their ISO text.
        struct buf x = BUF_IN(e->arena);
        struct buf y = BUF_IN(e->arena);
        a.u.o->type->str(a, &x);
        b.u.o->type->str(b, &y);
        *out = str_cmp(buf_view(&x), buf_view(&y));
        return true;
    }
    return cannot_order(a, b, e);
}

const struct val *val_unhashable(const struct val *v) {
    if (v->kind == VAL_TUPLE) {
        const struct val *bad = NULL;
        for (size_t i = 0; i < v->u.l->n && !bad; i++) {
            bad = val_unhashable(&v->u.l->items[i]);
        }
        return bad;
    }
    bool set_like = v->kind == VAL_LIST && (v->spare <= VAL_SPARE_KEYS || v->spare == VAL_SPARE_ITEMS);
    return set_like || v->kind == VAL_DICT ? v : NULL;
}

static bool in_dict(struct val dict, struct val key, bool *out, struct err *e) {
    const struct val *bad = val_unhashable(&key);
    if (bad) {
        return err_set(e, ERR_TYPE, key.mark, "unhashable type: '%s'", val_type_name(*bad));
    }
    *out = val_has_key(dict, key);
    return true;
}

bool val_contains(struct val hay, struct val needle, bool *out, struct err *e) {
    switch ((enum val_kind)hay.kind) {
    case VAL_STR:
        if (needle.kind != VAL_STR) {
            return err_set(e, ERR_TYPE, needle.mark, "'in <string>' requires string as left operand, not %s",
                           val_type_name(needle));
        }
        *out = str_find(val_text(hay), 0, val_text(needle)) != SIZE_MAX;
        return true;
    case VAL_LIST:
    case VAL_TUPLE:
        *out = false;
        for (size_t i = 0; i < hay.u.l->n && !*out; i++) {
            *out = val_equal(hay.u.l->items[i], needle);
        }
        return true;
    case VAL_DICT:
        return in_dict(hay, needle, out, e);
    case VAL_OBJ:
        if (hay.u.o->type->iter) {
            struct val list;
            return hay.u.o->type->iter(hay, e->arena, &list, e) && val_contains(list, needle, out, e);
        }
        break;
    case VAL_UNDEF:
    case VAL_NULL:
    case VAL_BOOL:
    case VAL_INT:
    case VAL_FLOAT:
    case VAL_OMIT:
        break;
    }
    return err_set(e, ERR_TYPE, hay.mark, "argument of type '%s' is not iterable", val_type_name(hay));
}

static uint32_t hash_int(int64_t i) {
    uint64_t x = (uint64_t)i * 0x9E3779B97F4A7C15u;
    return (uint32_t)(x >> 32) | 1u;
}

/// Equal dicts may have their keys in different order.
static uint32_t hash_dict(struct val v) {
    uint32_t h = 23;
    size_t i = 0;
    for (struct vpair *p; (p = val_each(v, &i));) {
        h += (val_hash(p->key) * 31 + val_hash(p->value)) * 2654435761u;
    }
    return h | 1u;
}

uint32_t val_hash(struct val v) {
    switch ((enum val_kind)v.kind) {
    case VAL_BOOL:
        return hash_int(v.u.b);
    case VAL_INT:
        return hash_int(v.u.i);
    case VAL_FLOAT:
        if (v.u.f >= -9.0e18 && v.u.f <= 9.0e18 && (double)(int64_t)v.u.f == v.u.f) {
            return hash_int((int64_t)v.u.f);
        }
        if (isfinite(v.u.f) && floor(v.u.f) == v.u.f) {  // equal to a large integer
            char text[400];
            snprintf(text, sizeof text, "%.0f", v.u.f);
            return str_hash(str_from(text));
        }
        return str_hash((struct str){(const char *)&v.u.f, sizeof v.u.f});
    case VAL_STR:
        return str_hash(val_text(v));
    case VAL_LIST:
    case VAL_TUPLE: {
        uint32_t h = 17;
        for (size_t i = 0; i < v.u.l->n; i++) {
            h = h * 31 + val_hash(v.u.l->items[i]);
        }
        return h | 1u;
    }
    case VAL_DICT:
        return hash_dict(v);
    case VAL_OBJ:
        if (is_big(v)) {
            return str_hash(big_digits(v));
        }
        break;
    case VAL_UNDEF:
    case VAL_NULL:
    case VAL_OMIT:
        break;
    }
    return (uint32_t)v.kind * 2 + 1;
}
