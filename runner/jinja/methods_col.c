// Methods of lists, tuples, dicts and numbers, as Python's.
#include "ast.h"
#include "bigint.h"

#include <math.h>

#define LIST_CAP 5000000

static bool full(struct jcall *c, size_t n, struct err *e) {
    size_t cap = cap_of(c->ctx, LIST_CAP);
    return n >= cap && !err_set(e, ERR_LIMIT, c->at, "a list of more than %zu items", cap);
}

/// May the list or dict args[0] take `v`?
static bool takes(struct jcall *c, struct val v, struct err *e) {
    const void *into = c->args[0].kind == VAL_DICT ? (const void *)c->args[0].u.d : (const void *)c->args[0].u.l;
    return val_may_hold(into, v, c->at, e);
}

/// Moving or comparing many items counts as rounds of loops, so that a list which grows in its own loop ends in time.
static void costs(const struct jcall *c, size_t n) {
    c->ctx->state.rounds += n / 64;
}

static bool none(struct val *out) {
    *out = VNULL;
    return true;
}

static struct vlist *items(const struct jcall *c) {
    return c->args[0].u.l;
}

// -- lists -----------------------------------------------------------------------------------------------------------

static bool l_append(struct jcall *c, struct val *out, struct err *e) {
    if (full(c, items(c)->n, e) || !takes(c, c->args[1], e)) {
        return false;
    }
    val_push(c->a, c->args[0], c->args[1]);
    return none(out);
}

static bool l_extend(struct jcall *c, struct val *out, struct err *e) {
    struct val more = {0};
    if (!jinja_iter(c, c->args[1], &more, e)) {
        return false;
    }
    size_t n = more.u.l->n;
    if (full(c, items(c)->n + n, e)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!takes(c, more.u.l->items[i], e)) {
            return false;
        }
        val_push(c->a, c->args[0], more.u.l->items[i]);
    }
    return none(out);
}

static bool l_insert(struct jcall *c, struct val *out, struct err *e) {
    int64_t at, n = (int64_t)items(c)->n;
    if (!arg_int(c, 1, 0, &at, e) || full(c, items(c)->n, e) || !takes(c, c->args[2], e)) {
        return false;
    }
    at = at < 0 ? at + n : at;
    at = at < 0 ? 0 : at > n ? n : at;
    val_push(c->a, c->args[0], VNULL);
    struct val *p = items(c)->items;
    memmove(p + at + 1, p + at, (size_t)(n - at) * sizeof *p);
    costs(c, (size_t)(n - at));
    p[at] = c->args[2];
    return none(out);
}

static void cut(struct vlist *l, size_t at) {
    memmove(l->items + at, l->items + at + 1, (l->n - at - 1) * sizeof *l->items);
    l->n--;
}

static bool l_pop(struct jcall *c, struct val *out, struct err *e) {
    struct vlist *l = items(c);
    int64_t at;
    if (!arg_int(c, 1, -1, &at, e)) {
        return false;
    }
    at = at < 0 ? at + (int64_t)l->n : at;
    if (at < 0 || at >= (int64_t)l->n) {
        return err_set(e, ERR_TYPE, c->at, l->n ? "pop index out of range" : "pop from empty list");
    }
    *out = l->items[at];
    costs(c, l->n - (size_t)at);
    cut(l, (size_t)at);
    return true;
}

static size_t position(const struct vlist *l, struct val v, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        if (op_equal(l->items[i], v)) {
            return i;
        }
    }
    return SIZE_MAX;
}

static bool l_remove(struct jcall *c, struct val *out, struct err *e) {
    costs(c, items(c)->n);
    size_t at = position(items(c), c->args[1], 0, items(c)->n);
    if (at == SIZE_MAX) {
        return err_set(e, ERR_TYPE, c->at, "list.remove(x): x not in list");
    }
    cut(items(c), at);
    return none(out);
}

static bool l_index(struct jcall *c, struct val *out, struct err *e) {
    int64_t from, to, n = (int64_t)items(c)->n;
    costs(c, items(c)->n);
    if (!arg_int(c, 2, 0, &from, e) || !arg_int(c, 3, n, &to, e)) {
        return false;
    }
    from = from < 0 ? from + n : from;
    to = to < 0 ? to + n : to;
    from = from < 0 ? 0 : from;
    to = to > n ? n : to < 0 ? 0 : to;
    size_t at = from < to ? position(items(c), c->args[1], (size_t)from, (size_t)to) : SIZE_MAX;
    if (at == SIZE_MAX) {
        struct buf b = BUF_IN(c->a);
        val_to_repr(&b, c->args[1]);
        bool secret = val_any_flag(c->args[1], VAL_SECRET);
        return err_set(e, ERR_TYPE, c->at, "%s is not in %s", secret ? "a value" : buf_view(&b).s,
                       val_type_name(c->args[0]));
    }
    *out = val_int((int64_t)at);
    return true;
}

static bool l_count(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    int64_t n = 0;
    costs(c, items(c)->n);
    for (size_t i = 0; i < items(c)->n; i++) {
        n += op_equal(items(c)->items[i], c->args[1]);
    }
    *out = val_int(n);
    return true;
}

/// Stable merge sort of p[0..n) by "less"; `tmp` has room for n.
static bool merge_sort(struct val *p, size_t n, struct val *tmp, bool down, struct err *e) {
    if (n < 2) {
        return true;
    }
    size_t half = n / 2, i = 0, k = half, o = 0;
    if (!merge_sort(p, half, tmp, down, e) || !merge_sort(p + half, n - half, tmp, down, e)) {
        return false;
    }
    while (i < half && k < n) {
        bool less;
        if (!op_order(down ? p[i] : p[k], down ? p[k] : p[i], T_LT, &less, e)) {
            return false;
        }
        tmp[o++] = less ? p[k++] : p[i++];
    }
    while (i < half) {
        tmp[o++] = p[i++];
    }
    while (k < n) {
        tmp[o++] = p[k++];
    }
    memcpy(p, tmp, n * sizeof *p);
    return true;
}

static bool l_sort(struct jcall *c, struct val *out, struct err *e) {
    struct val down = val_get(c->kwargs, "reverse"), key = val_get(c->kwargs, "key");
    if (key.kind != VAL_UNDEF && key.kind != VAL_NULL) {
        return err_set(e, ERR_ARGS, c->at, "sort() with a key is not supported, use the filter sort(attribute=...)");
    }
    struct vlist *l = items(c);
    struct val *tmp = ARENA_ARRAY(c->a, struct val, l->n + 1);
    return merge_sort(l->items, l->n, tmp, down.kind != VAL_UNDEF && val_truth(down), e) && none(out);
}

static bool l_reverse(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    struct vlist *l = items(c);
    for (size_t i = 0; l->n && i < l->n - 1 - i; i++) {
        struct val t = l->items[i];
        l->items[i] = l->items[l->n - 1 - i];
        l->items[l->n - 1 - i] = t;
    }
    return none(out);
}

static bool any_copy(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    *out = val_copy(c->a, c->args[0]);
    return true;
}

static bool l_clear(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    items(c)->n = 0;
    return none(out);
}

static const struct method list_table[] = {
    {"append", "self, object", l_append, true},
    {"clear", "self", l_clear, true},
    {"copy", "self", any_copy, false},
    {"count", "self, value", l_count, false},
    {"extend", "self, iterable", l_extend, true},
    {"index", "self, value, start=0, stop=None", l_index, false},
    {"insert", "self, index, object", l_insert, true},
    {"pop", "self, index=-1", l_pop, true},
    {"remove", "self, value", l_remove, true},
    {"reverse", "self", l_reverse, true},
    {"sort", "self, *, key=None, reverse=False", l_sort, true},
};
static const struct method tuple_table[] = {
    {"count", "self, value", l_count, false},
    {"index", "self, value, start=0, stop=None", l_index, false},
};

// -- dicts -----------------------------------------------------------------------------------------------------------

static bool key_ok(struct jcall *c, struct val key, struct err *e) {
    if (key.kind == VAL_UNDEF) {
        return undef_fail(c->ctx, key, c->at, e);
    }
    const struct val *bad = val_unhashable(&key);
    return !bad || err_set(e, ERR_TYPE, c->at, "unhashable type: '%s'", val_type_name(*bad));
}

static bool missing(struct val v) {
    return v.kind == VAL_UNDEF && !v.u.undef;
}

static bool d_get(struct jcall *c, struct val *out, struct err *e) {
    if (!key_ok(c, c->args[1], e)) {
        return false;
    }
    *out = val_get_key(c->args[0], c->args[1]);
    if (missing(*out)) {
        *out = arg_given(c, 2) ? c->args[2] : VNULL;
    }
    return true;
}

static bool d_list(struct jcall *c, char what, struct val *out) {
    size_t i = 0;
    *out = val_list(c->a, val_len(c->args[0]));
    for (struct vpair *p = val_each(c->args[0], &i); p; p = val_each(c->args[0], &i)) {
        struct val v = what == 'k' ? p->key : p->value;
        if (what == 'i') {
            v = val_tuple(c->a, 2);
            val_push(c->a, v, p->key);
            val_push(c->a, v, p->value);
        }
        val_push(c->a, *out, v);
    }
    uint16_t view = what == 'k' ? VAL_SPARE_KEYS : what == 'v' ? VAL_SPARE_VALUES : VAL_SPARE_ITEMS;
    out->spare = c->ctx->opts->ansible ? 0 : view;
    return true;
}

static bool d_items(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return d_list(c, 'i', out);
}

static bool d_keys(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return d_list(c, 'k', out);
}

static bool d_values(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return d_list(c, 'v', out);
}

static bool put_all(struct jcall *c, struct val from, struct err *e) {
    size_t i = 0;
    for (struct vpair *p = val_each(from, &i); p; p = val_each(from, &i)) {
        if (!takes(c, p->value, e)) {
            return false;
        }
        val_set_key(c->a, c->args[0], p->key, p->value);
    }
    return true;
}

/// A list of pairs into the dict.
static bool put_pairs(struct jcall *c, struct val list, struct err *e) {
    for (size_t i = 0; i < list.u.l->n; i++) {
        struct val p = list.u.l->items[i];
        if ((p.kind != VAL_LIST && p.kind != VAL_TUPLE) || p.u.l->n != 2) {
            return err_set(e, ERR_TYPE, c->at, "cannot convert dictionary update sequence element #%zu to a sequence",
                           i);
        }
        if (!key_ok(c, p.u.l->items[0], e) || !takes(c, p.u.l->items[1], e)) {
            return false;
        }
        val_set_key(c->a, c->args[0], p.u.l->items[0], p.u.l->items[1]);
    }
    return true;
}

static bool d_update(struct jcall *c, struct val *out, struct err *e) {
    struct val v = arg_given(c, 1) ? c->args[1] : VNULL, list = {0};
    bool ok = true;
    if (v.kind == VAL_DICT) {
        ok = v.u.d == c->args[0].u.d || put_all(c, v, e);
    } else if (v.kind != VAL_NULL) {
        ok = jinja_iter(c, v, &list, e) && put_pairs(c, list, e);
    }
    ok = ok && (c->kwargs.kind != VAL_DICT || put_all(c, c->kwargs, e));
    return ok && none(out);
}

static bool d_pop(struct jcall *c, struct val *out, struct err *e) {
    if (!key_ok(c, c->args[1], e)) {
        return false;
    }
    *out = val_get_key(c->args[0], c->args[1]);
    if (!missing(*out)) {
        val_del_key(c->args[0], c->args[1]);
        return true;
    }
    if (arg_given(c, 2)) {
        *out = c->args[2];
        return true;
    }
    struct buf b = BUF_IN(c->a);
    val_to_repr(&b, c->args[1]);
    return err_set(e, ERR_TYPE, c->at, "pop(): no key %s", buf_view(&b).s);
}

static bool d_popitem(struct jcall *c, struct val *out, struct err *e) {
    struct vpair *last = NULL;
    size_t i = 0;
    for (struct vpair *p = val_each(c->args[0], &i); p; p = val_each(c->args[0], &i)) {
        last = p;
    }
    if (!last) {
        return err_set(e, ERR_TYPE, c->at, "popitem(): dictionary is empty");
    }
    struct val key = last->key;
    *out = val_tuple(c->a, 2);
    val_push(c->a, *out, key);
    val_push(c->a, *out, last->value);
    val_del_key(c->args[0], key);
    return true;
}

static bool d_setdefault(struct jcall *c, struct val *out, struct err *e) {
    if (!key_ok(c, c->args[1], e)) {
        return false;
    }
    *out = val_get_key(c->args[0], c->args[1]);
    if (missing(*out)) {
        *out = arg_given(c, 2) ? c->args[2] : VNULL;
        if (!takes(c, *out, e)) {
            return false;
        }
        val_set_key(c->a, c->args[0], c->args[1], *out);
    }
    return true;
}

static bool d_clear(struct jcall *c, struct val *out, struct err *e) {
    struct val keys = {0};
    (void)e;
    d_list(c, 'k', &keys);
    for (size_t i = 0; i < keys.u.l->n; i++) {
        val_del_key(c->args[0], keys.u.l->items[i]);
    }
    return none(out);
}

static bool d_fromkeys(struct jcall *c, struct val *out, struct err *e) {
    struct val list = {0};
    if (!jinja_iter(c, c->args[1], &list, e)) {
        return false;
    }
    *out = val_dict(c->a, list.u.l->n);
    for (size_t i = 0; i < list.u.l->n; i++) {
        if (!key_ok(c, list.u.l->items[i], e)) {
            return false;
        }
        val_set_key(c->a, *out, list.u.l->items[i], arg_given(c, 2) ? c->args[2] : VNULL);
    }
    return true;
}

static bool d_setitem(struct jcall *c, struct val *out, struct err *e) {
    if (!key_ok(c, c->args[1], e) || !takes(c, c->args[2], e)) {
        return false;
    }
    val_set_key(c->a, c->args[0], c->args[1], c->args[2]);
    return none(out);
}

static const struct method dict_table[] = {
    {"__setitem__", "self, key, value", d_setitem, true},  // the one name of this kind that templates use
    {"clear", "self", d_clear, true},
    {"copy", "self", any_copy, false},
    {"fromkeys", "self, iterable, value=None", d_fromkeys, false},
    {"get", "self, key, default=None", d_get, false},
    {"items", "self", d_items, false},
    {"keys", "self", d_keys, false},
    {"pop", "self, key, default=None", d_pop, true},
    {"popitem", "self", d_popitem, true},
    {"setdefault", "self, key, default=None", d_setdefault, true},
    {"update", "self, other=None, **", d_update, true},
    {"values", "self", d_values, false},
};

// -- numbers ---------------------------------------------------------------------------------------------------------

static bool n_is_integer(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    double f = c->args[0].kind == VAL_FLOAT ? c->args[0].u.f : 0;
    *out = val_bool(isfinite(f) && floor(f) == f);
    return true;
}

static bool n_bit_length(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    struct str bits = big_in_base(c->a, c->args[0], 2);
    *out = val_int(str_eqz(bits, "0") ? 0 : (int64_t)bits.n);
    return true;
}

static bool n_bit_count(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    struct str bits = big_in_base(c->a, c->args[0], 2);
    int64_t n = 0;
    for (size_t i = 0; i < bits.n; i++) {
        n += bits.s[i] == '1';
    }
    *out = val_int(n);
    return true;
}

/// (numerator, denominator) in lowest terms.
static bool n_ratio(struct jcall *c, struct val *out, struct err *e) {
    struct val v = c->args[0], part[2] = {v, val_int(1)};
    if (v.kind == VAL_BOOL) {
        part[0] = val_int(v.u.b);
    } else if (v.kind == VAL_FLOAT) {
        if (!isfinite(v.u.f)) {
            return err_set(e, ERR_TYPE, c->at, "cannot convert %s to integer ratio", isnan(v.u.f) ? "NaN" : "Infinity");
        }
        int exponent = 0;
        double f = frexp(v.u.f, &exponent);
        for (; f != floor(f); exponent--) {
            f *= 2;
        }
        struct val shift = VNULL;
        if (!big_from_float(c->a, f, &part[0], e) ||
            !big_op(c->a, T_POW, val_int(2), val_int(exponent < 0 ? -exponent : exponent), &shift, e) ||
            !big_op(c->a, T_MUL, part[exponent < 0], shift, &part[exponent < 0], e)) {
            return false;
        }
    }
    *out = val_tuple(c->a, 2);
    val_push(c->a, *out, part[0]);
    val_push(c->a, *out, part[1]);
    return true;
}

static bool n_hex(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    double f = c->args[0].u.f;
    if (!isfinite(f) || f == 0) {
        const char *word = f == 0 ? "0x0.0p+0" : isnan(f) ? "nan" : "inf";
        *out = val_printf(c->a, "%s%s", signbit(f) && !isnan(f) ? "-" : "", word);
    } else {
        *out = val_printf(c->a, "%.13a", f);
    }
    return true;
}

bool number_attr(struct val v, struct str name, struct val *out) {
    bool real = str_eqz(name, "real"), imag = str_eqz(name, "imag"), whole = v.kind != VAL_FLOAT;
    if (real || (whole && str_eqz(name, "numerator"))) {
        *out = v.kind == VAL_BOOL ? val_int(v.u.b) : v;
        return true;
    }
    if (imag || (whole && str_eqz(name, "denominator"))) {
        *out = !whole ? val_float(0) : val_int(!imag);
        return true;
    }
    return false;
}

static bool n_conjugate(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    *out = c->args[0].kind == VAL_BOOL ? val_int(c->args[0].u.b) : c->args[0];
    return true;
}

static const struct method int_table[] = {
    {"as_integer_ratio", "self", n_ratio, false},
    {"bit_count", "self", n_bit_count, false},
    {"bit_length", "self", n_bit_length, false},
    {"conjugate", "self", n_conjugate, false},
};
static const struct method float_table[] = {
    {"as_integer_ratio", "self", n_ratio, false},
    {"conjugate", "self", n_conjugate, false},
    {"hex", "self", n_hex, false},
    {"is_integer", "self", n_is_integer, false},
};

// -- finding ---------------------------------------------------------------------------------------------------------

const struct method *method_in(const struct method *table, size_t n, struct str name) {
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int cmp = str_cmp(name, str_from(table[mid].name));
        if (cmp == 0) {
            return &table[mid];
        }
        if (cmp < 0) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return NULL;
}

const struct method *list_method(struct str name) {
    return method_in(list_table, COUNTOF(list_table), name);
}

const struct method *tuple_method(struct str name) {
    return method_in(tuple_table, COUNTOF(tuple_table), name);
}

const struct method *dict_method(struct str name) {
    return method_in(dict_table, COUNTOF(dict_table), name);
}

const struct method *number_method(struct val self, struct str name) {
    return self.kind == VAL_FLOAT ? method_in(float_table, COUNTOF(float_table), name)
                                  : method_in(int_table, COUNTOF(int_table), name);
}

const struct method *method_find(struct val self, struct str name) {
    switch ((enum val_kind)self.kind) {
    case VAL_STR:
        return str_method(name);
    case VAL_LIST:
        return list_method(name);
    case VAL_TUPLE:
        return tuple_method(name);
    case VAL_DICT:
        return dict_method(name);
    case VAL_INT:
    case VAL_BOOL:
    case VAL_FLOAT:
        return number_method(self, name);
    case VAL_OBJ:
        return is_big(self) ? number_method(self, name) : obj_method(self, name);
    case VAL_UNDEF:
    case VAL_NULL:
    case VAL_OMIT:
        break;
    }
    return NULL;
}

bool method_is_mutator(struct str name) {
    const struct method *m = list_method(name);
    const struct method *d = dict_method(name);
    return (m && m->mutates) || (d && d->mutates);
}
