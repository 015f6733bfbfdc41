// The functions of JMESPath.
#include "filters/jmes.h"
#include "filters/text.h"
#include "json.h"

#include <math.h>

/// What an argument may be; bits.
enum { ANY = 0, NUMBER = 1, STRING = 2, BOOLEAN = 4, ARRAY = 8, OBJECT = 16, NUMBERS = 64, STRINGS = 128, REF = 256 };

static const char *type_name(struct val v) {
    switch (v.kind) {
    case VAL_BOOL:
        return "boolean";
    case VAL_INT:
    case VAL_FLOAT:
        return "number";
    case VAL_STR:
        return "string";
    case VAL_LIST:
    case VAL_TUPLE:
        return "array";
    case VAL_DICT:
        return "object";
    default:
        return "null";
    }
}

static bool all_of(struct val l, bool strings) {
    for (size_t i = 0; l.kind == VAL_LIST && i < val_len(l); i++) {
        struct val v = val_at_index(l, i);
        if (strings ? v.kind != VAL_STR : !jm_number(v)) {
            return false;
        }
    }
    return l.kind == VAL_LIST;
}

static bool fits(const struct jm_arg *arg, int want) {
    struct val v = arg->v;
    if (arg->ref || (want & REF)) {
        return arg->ref && (want & REF);
    }
    return want == ANY || ((want & NUMBER) && jm_number(v)) || ((want & STRING) && v.kind == VAL_STR) ||
           ((want & BOOLEAN) && v.kind == VAL_BOOL) || ((want & ARRAY) && v.kind == VAL_LIST) ||
           ((want & OBJECT) && v.kind == VAL_DICT) || ((want & NUMBERS) && all_of(v, false)) ||
           ((want & STRINGS) && all_of(v, true));
}

struct jf {
    struct jm *j;
    const struct jm_arg *args;
    size_t n;
    struct val *out;
};

static bool give(struct jf *f, struct val v) {
    *f->out = v;
    return true;
}

static bool jf_abs(struct jf *f) {
    struct val v = f->args[0].v;
    if (v.kind == VAL_INT && v.u.i == INT64_MIN) {
        return jm_error(f->j, "the number does not fit");
    }
    return give(f, v.kind == VAL_INT ? val_int(v.u.i < 0 ? -v.u.i : v.u.i) : val_float(fabs(v.u.f)));
}

static bool add_all(struct jf *f, struct val *sum) {
    struct val l = f->args[0].v;
    int64_t whole = 0;
    double real = 0;
    bool floats = false;
    for (size_t i = 0; i < val_len(l); i++) {
        struct val v = val_at_index(l, i);
        double d = 0;
        (void)as_num(v, &d);
        if (v.kind == VAL_FLOAT && !floats) {
            floats = true;
            real = (double)whole;
        }
        if (floats) {
            real += d;
        } else if (__builtin_add_overflow(whole, v.u.i, &whole)) {
            return jm_error(f->j, "the sum does not fit an integer of 64 bits");
        }
    }
    *sum = floats ? val_float(real) : val_int(whole);
    return true;
}

static bool jf_avg(struct jf *f) {
    struct val sum;
    double d = 0;
    size_t n = val_len(f->args[0].v);
    if (!n) {
        return give(f, VNULL);
    }
    if (!add_all(f, &sum)) {
        return false;
    }
    (void)as_num(sum, &d);
    return give(f, val_float(d / (double)n));
}

static bool jf_sum(struct jf *f) {
    return add_all(f, f->out);
}

static bool whole(struct jf *f, double (*round_it)(double)) {
    struct val v = f->args[0].v;
    double d = v.kind == VAL_FLOAT ? round_it(v.u.f) : 0;
    if (v.kind == VAL_FLOAT && !(fabs(d) < 9.2e18)) {
        return jm_error(f->j, "the number does not fit an integer of 64 bits");
    }
    return give(f, v.kind == VAL_FLOAT ? val_int((int64_t)d) : v);
}

static bool jf_ceil(struct jf *f) {
    return whole(f, ceil);
}

static bool jf_floor(struct jf *f) {
    return whole(f, floor);
}

static bool jf_not_null(struct jf *f) {
    for (size_t i = 0; i < f->n; i++) {
        if (f->args[i].v.kind != VAL_NULL) {
            return give(f, f->args[i].v);
        }
    }
    return give(f, VNULL);
}

static bool jf_to_array(struct jf *f) {
    struct val v = f->args[0].v;
    if (v.kind == VAL_LIST) {
        return give(f, v);
    }
    *f->out = val_list(f->j->c->a, 1);
    val_push(f->j->c->a, *f->out, v);
    return true;
}

static bool jf_to_string(struct jf *f) {
    static const struct json_style tight = {.ascii = true, .item_sep = ",", .key_sep = ":"};
    struct buf b = BUF_IN(f->j->c->a);
    if (f->args[0].v.kind == VAL_STR) {
        return give(f, f->args[0].v);
    }
    return json_write(&b, f->args[0].v, &tight, f->j->e) && give(f, val_str(f->j->c->a, buf_view(&b)));
}

static bool jf_to_number(struct jf *f) {
    struct val v = f->args[0].v;
    int64_t i;
    if (jm_number(v)) {
        return give(f, v);
    }
    if (v.kind != VAL_STR) {
        return give(f, VNULL);
    }
    struct str s = str_trim(val_text(v));
    if (str_int(s, &i)) {
        return give(f, val_int(i));
    }
    char *end;
    const char *z = str_z(f->j->c->a, s);
    double d = strtod(z, &end);
    bool number = s.n && !*end && !strpbrk(z, "xX");
    return give(f, number ? val_float(d) : VNULL);
}

static bool jf_type(struct jf *f) {
    return give(f, val_z(f->j->c->a, type_name(f->args[0].v)));
}

static bool jf_contains(struct jf *f) {
    struct val hay = f->args[0].v, needle = f->args[1].v;
    bool yes = false;
    if (hay.kind == VAL_STR && needle.kind != VAL_STR) {
        return jm_error(f->j, "contains() of a string looks for a string, not %s", type_name(needle));
    }
    return val_contains(hay, needle, &yes, f->j->e) && give(f, val_bool(yes));
}

static bool jf_length(struct jf *f) {
    return give(f, val_int((int64_t)val_len(f->args[0].v)));
}

static bool jf_ends_with(struct jf *f) {
    struct str s = val_text(f->args[0].v), end = val_text(f->args[1].v);
    return give(f, val_bool(s.n >= end.n && str_eq(str_sub(s, s.n - end.n, s.n), end)));
}

static bool jf_starts_with(struct jf *f) {
    struct str s = val_text(f->args[0].v), start = val_text(f->args[1].v);
    return give(f, val_bool(s.n >= start.n && str_eq(str_sub(s, 0, start.n), start)));
}

static bool jf_reverse(struct jf *f) {
    struct val v = f->args[0].v;
    struct arena *a = f->j->c->a;
    if (v.kind == VAL_LIST) {
        *f->out = val_list(a, val_len(v));
        for (size_t i = val_len(v); i-- > 0;) {
            val_push(a, *f->out, val_at_index(v, i));
        }
        return true;
    }
    struct buf b = BUF_IN(a);
    struct str s = val_text(v);
    for (size_t end = s.n; end > 0;) {
        size_t start = end - 1;
        while (start > 0 && ((unsigned char)s.s[start] & 0xc0) == 0x80) {
            start--;
        }
        buf_add(&b, s.s + start, end - start);
        end = start;
    }
    return give(f, val_str(a, buf_view(&b)));
}

static bool jf_join(struct jf *f) {
    struct buf b = BUF_IN(f->j->c->a);
    struct val l = f->args[1].v;
    for (size_t i = 0; i < val_len(l); i++) {
        buf_str(&b, i ? val_text(f->args[0].v) : STR_LIT(""));
        buf_str(&b, val_text(val_at_index(l, i)));
    }
    return give(f, val_str(f->j->c->a, buf_view(&b)));
}

static bool jf_map(struct jf *f) {
    struct val l = f->args[1].v, one;
    struct val made = val_list(f->j->c->a, val_len(l));
    for (size_t i = 0; i < val_len(l); i++) {
        if (!jm_eval(f->j, f->args[0].ref, val_at_index(l, i), &one)) {
            return false;
        }
        val_push(f->j->c->a, made, one);
    }
    return give(f, made);
}

static bool jf_merge(struct jf *f) {
    struct arena *a = f->j->c->a;
    struct val made = val_dict(a, 8);
    for (size_t i = 0; i < f->n; i++) {
        size_t k = 0;
        for (const struct vpair *p; (p = val_each(f->args[i].v, &k));) {
            val_set_key(a, made, p->key, p->value);
        }
    }
    return give(f, made);
}

static bool parts(struct jf *f, bool keys) {
    struct arena *a = f->j->c->a;
    struct val made = val_list(a, val_len(f->args[0].v));
    size_t k = 0;
    for (const struct vpair *p; (p = val_each(f->args[0].v, &k));) {
        val_push(a, made, keys ? p->key : p->value);
    }
    return give(f, made);
}

static bool jf_keys(struct jf *f) {
    return parts(f, true);
}

static bool jf_values(struct jf *f) {
    return parts(f, false);
}

// -- order -----------------------------------------------------------------------------------------------------------

/// Items of the list with their sort keys: the items themselves, or what the expression gives.
static bool keyed(struct jf *f, bool by, struct sort_item **out) {
    struct val l = f->args[0].v;
    size_t n = val_len(l);
    *out = ARENA_ARRAY(f->j->c->a, struct sort_item, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct sort_item *it = &(*out)[i];
        it->value = it->key = val_at_index(l, i);
        if (!by) {
            continue;
        }
        if (!jm_eval(f->j, f->args[1].ref, it->value, &it->key)) {
            return false;
        }
        bool number = jm_number(it->key);
        if ((!number && it->key.kind != VAL_STR) || number != jm_number((*out)[0].key)) {
            return jm_error(f->j, "the keys must all be numbers or all be strings, one is %s", type_name(it->key));
        }
    }
    return true;
}

static bool sorted(struct jf *f, bool by) {
    struct sort_item *items;
    size_t n = val_len(f->args[0].v);
    if (!keyed(f, by, &items) || !sort_items(f->j->c, items, n, false, f->j->e)) {
        return false;
    }
    struct val made = val_list(f->j->c->a, n);
    for (size_t i = 0; i < n; i++) {
        val_push(f->j->c->a, made, items[i].value);
    }
    return give(f, made);
}

static bool jf_sort(struct jf *f) {
    return sorted(f, false);
}

static bool jf_sort_by(struct jf *f) {
    return sorted(f, true);
}

static bool extreme(struct jf *f, bool by, int sign) {
    struct sort_item *items;
    size_t n = val_len(f->args[0].v), best = 0;
    if (!keyed(f, by, &items)) {
        return false;
    }
    for (size_t i = 1; i < n; i++) {
        int order = 0;
        if (!val_compare(items[i].key, items[best].key, &order, f->j->e)) {
            return false;
        }
        best = order * sign > 0 ? i : best;
    }
    return give(f, n ? items[best].value : VNULL);
}

static bool jf_max(struct jf *f) {
    return extreme(f, false, 1);
}

static bool jf_min(struct jf *f) {
    return extreme(f, false, -1);
}

static bool jf_max_by(struct jf *f) {
    return extreme(f, true, 1);
}

static bool jf_min_by(struct jf *f) {
    return extreme(f, true, -1);
}

static const struct {
    const char *name;
    bool (*fn)(struct jf *f);
    uint8_t min, max;  // arguments; max 0: any number
    int types[2];
} functions[] = {
    {"abs", jf_abs, 1, 1, {NUMBER, 0}},
    {"avg", jf_avg, 1, 1, {NUMBERS, 0}},
    {"ceil", jf_ceil, 1, 1, {NUMBER, 0}},
    {"contains", jf_contains, 2, 2, {ARRAY | STRING, ANY}},
    {"ends_with", jf_ends_with, 2, 2, {STRING, STRING}},
    {"floor", jf_floor, 1, 1, {NUMBER, 0}},
    {"join", jf_join, 2, 2, {STRING, STRINGS}},
    {"keys", jf_keys, 1, 1, {OBJECT, 0}},
    {"length", jf_length, 1, 1, {STRING | ARRAY | OBJECT, 0}},
    {"map", jf_map, 2, 2, {REF, ARRAY}},
    {"max", jf_max, 1, 1, {NUMBERS | STRINGS, 0}},
    {"max_by", jf_max_by, 2, 2, {ARRAY, REF}},
    {"merge", jf_merge, 1, 0, {OBJECT, OBJECT}},
    {"min", jf_min, 1, 1, {NUMBERS | STRINGS, 0}},
    {"min_by", jf_min_by, 2, 2, {ARRAY, REF}},
    {"not_null", jf_not_null, 1, 0, {ANY, ANY}},
    {"reverse", jf_reverse, 1, 1, {ARRAY | STRING, 0}},
    {"sort", jf_sort, 1, 1, {NUMBERS | STRINGS, 0}},
    {"sort_by", jf_sort_by, 2, 2, {ARRAY, REF}},
    {"starts_with", jf_starts_with, 2, 2, {STRING, STRING}},
    {"sum", jf_sum, 1, 1, {NUMBERS, 0}},
    {"to_array", jf_to_array, 1, 1, {ANY, 0}},
    {"to_number", jf_to_number, 1, 1, {ANY, 0}},
    {"to_string", jf_to_string, 1, 1, {ANY, 0}},
    {"type", jf_type, 1, 1, {ANY, 0}},
    {"values", jf_values, 1, 1, {OBJECT, 0}},
};

bool jm_call(struct jm *j, struct str name, const struct jm_arg *args, size_t n, struct val *out) {
    struct jf f = {j, args, n, out};
    for (size_t i = 0; i < COUNTOF(functions); i++) {
        if (!str_eqz(name, functions[i].name)) {
            continue;
        }
        if (n < functions[i].min || (functions[i].max && n > functions[i].max)) {
            return jm_error(j, "%.*s() takes %s%d argument%s, not %zu", STR(name), functions[i].max ? "" : "at least ",
                            functions[i].min, functions[i].min == 1 ? "" : "s", n);
        }
        for (size_t k = 0; k < n; k++) {
            if (!fits(&args[k], functions[i].types[k ? 1 : 0])) {
                return jm_error(j, "argument %zu of %.*s() cannot be %s", k + 1, STR(name),
                                args[k].ref ? "an expression" : type_name(args[k].v));
            }
        }
        if (!functions[i].fn(&f)) {
            return false;
        }
        for (size_t k = 0; k < n; k++) {
            *out = val_taint(*out, &args[k].v, 1);
        }
        return true;
    }
    return jm_error(j, "unknown function %.*s()", STR(name));
}
