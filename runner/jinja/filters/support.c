// Helpers of the plugins: wording of errors, sorting, sets of values.
#include "support.h"
#include "big.h"

#include "filters/text.h"
#include "typo.h"

#include <stdarg.h>

bool plug_err(const struct jcall *c, struct err *e, enum err_code code, const char *fmt, ...) {
    struct buf b = BUF_IN(e->arena);
    char small[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < 0) {
        n = 0;
    }
    buf_add(&b, small, (size_t)n < sizeof small ? (size_t)n : sizeof small - 1);
    struct str m = buf_view(&b);
    return err_set(e, code, c->at, "'%s': %.*s", c->name, STR(m));
}

const char *kind_article(struct val v) {
    switch ((enum val_kind)v.kind) {
    case VAL_UNDEF:
        return "undefined";
    case VAL_NULL:
        return "none";
    case VAL_BOOL:
        return "a boolean";
    case VAL_INT:
        return "an integer";
    case VAL_FLOAT:
        return "a float";
    case VAL_STR:
        return "a string";
    case VAL_LIST:
        return "a list";
    case VAL_TUPLE:
        return "a tuple";
    case VAL_DICT:
        return "a dictionary";
    case VAL_OMIT:
        return "omit";
    case VAL_OBJ:
        return val_type_name(v);
    }
    return "an unknown value";
}

bool is_undef(struct val v) {
    return v.kind == VAL_UNDEF;
}

bool need_defined(const struct jcall *c, struct val v, struct err *e) {
    if (!is_undef(v) || (v.u.undef && c->ctx->opts->undefined != UNDEF_STRICT)) {
        return true;
    }
    if (v.u.undef && v.u.undef->hint.n) {
        return err_set(e, ERR_UNDEFINED, c->at, "%.*s", STR(v.u.undef->hint));
    }
    if (v.u.undef && v.u.undef->name.n) {
        return err_set(e, ERR_UNDEFINED, c->at, "'%.*s' is undefined", STR(v.u.undef->name));
    }
    return err_set(e, ERR_UNDEFINED, c->at, "a value given to '%s' is undefined", c->name);
}

bool bad_arg(const struct jcall *c, struct err *e, const char *param, const char *want, struct val got) {
    if (is_undef(got) && got.u.undef && !need_defined(c, got, e)) {
        return false;
    }
    return plug_err(c, e, ERR_TYPE, "'%s' must be %s, not %s", param, want, kind_article(got));
}

void as_generator(const struct jcall *c, struct val *list) {
    if (!c->ctx->opts->ansible && list->kind == VAL_LIST) {
        list->spare = VAL_SPARE_GENERATOR;
    }
}

struct val opt_val(const struct jcall *c, size_t i) {
    return i < c->nargs ? c->args[i] : (struct val){.kind = VAL_UNDEF};
}

bool opt_none(const struct jcall *c, size_t i) {
    struct val v = opt_val(c, i);
    return v.kind == VAL_NULL || (is_undef(v) && !v.u.undef);
}

bool opt_str(struct jcall *c, size_t i, const char *param, struct str def, struct str *out, struct err *e) {
    if (opt_none(c, i)) {
        *out = def;
        return true;
    }
    struct val v = opt_val(c, i);
    if (v.kind != VAL_STR) {
        return bad_arg(c, e, param, "a string", v);
    }
    *out = val_text(v);
    return true;
}

struct val opt_kw(const struct jcall *c, const char *name) {
    return val_is(c->kwargs, VAL_DICT) ? val_get(c->kwargs, name) : (struct val){.kind = VAL_UNDEF};
}

bool only_kw(const struct jcall *c, const char *const *names, struct err *e) {
    if (!val_is(c->kwargs, VAL_DICT)) {
        return true;
    }
    size_t i = 0;
    const struct vpair *p;
    while ((p = val_each(c->kwargs, &i)) != NULL) {
        struct str k = val_text(p->key);
        size_t n = 0;
        while (names[n] && !str_eqz(k, names[n])) {
            n++;
        }
        if (names[n]) {
            continue;
        }
        const char *near = typo_nearest(k, names, n);
        if (near) {
            return plug_err(c, e, ERR_ARGS, "unknown option '%.*s', did you mean '%s'", STR(k), near);
        }
        return plug_err(c, e, ERR_ARGS, "unknown option '%.*s'", STR(k));
    }
    return true;
}

struct str text_of(struct jcall *c, struct val v) {
    return v.kind == VAL_STR ? val_text(v) : val_str_of(c->a, v);
}

struct val undef_because(struct arena *a, const char *hint) {
    struct vundef *u = ARENA_NEW(a, struct vundef);
    u->hint = str_dup(a, str_from(hint));
    return (struct val){.kind = VAL_UNDEF, .u.undef = u};
}

bool as_int(struct val v, int64_t *out) {
    if (v.kind == VAL_INT) {
        *out = v.u.i;
        return true;
    }
    if (v.kind == VAL_BOOL) {
        *out = v.u.b;
        return true;
    }
    return false;
}

bool as_num(struct val v, double *out) {
    if (is_big(v)) {
        *out = big_float(v);
        return true;
    }
    int64_t i;
    if (v.kind == VAL_FLOAT) {
        *out = v.u.f;
        return true;
    }
    if (as_int(v, &i)) {
        *out = (double)i;
        return true;
    }
    return false;
}

bool is_mapping(struct val v) {
    return v.kind == VAL_DICT || (v.kind == VAL_OBJ && v.u.o->type->get && v.u.o->type->iter);
}

bool as_dict(struct jcall *c, const char *param, struct val v, struct val *out, struct err *e) {
    struct val keys;
    *out = v;
    if (v.kind == VAL_DICT) {
        return true;
    }
    if (!is_mapping(v)) {
        return bad_arg(c, e, param, "a dictionary", v);
    }
    if (!jinja_iter(c, v, &keys, e)) {
        return false;
    }
    *out = val_dict(c->a, val_len(keys));
    for (size_t i = 0; i < val_len(keys); i++) {
        struct val k = val_at_index(keys, i), item;
        if (!jinja_getitem(c->ctx, v, k, c->at, &item, e)) {
            return false;
        }
        val_set_key(c->a, *out, k, item);
    }
    return true;
}

struct val ignore_case(struct arena *a, struct val v) {
    return v.kind == VAL_STR ? val_str(a, text_lower(a, val_text(v))) : v;
}

bool getter_get(struct jcall *c, const struct getter *g, struct val item, struct val *out, struct err *e) {
    *out = item;
    if (!is_undef(g->path) && g->path.kind != VAL_NULL) {
        bool has_default = !is_undef(g->def) && g->def.kind != VAL_NULL;
        struct str rest = g->path.kind == VAL_STR ? val_text(g->path) : STR_NONE, part;
        if (!has_default || g->path.kind != VAL_STR) {
            if (!jinja_path(c->ctx, item, g->path, c->at, out, e)) {
                return false;
            }
            *out = has_default && is_undef(*out) ? g->def : *out;
        }
        while (has_default && str_next(&rest, '.', &part)) {  // the default stands in for each part that is missing
            if (!jinja_path(c->ctx, *out, val_str(c->a, part), c->at, out, e)) {
                return false;
            }
            *out = is_undef(*out) ? g->def : *out;
        }
    }
    if (g->fold) {
        *out = ignore_case(c->a, *out);
    }
    return true;
}

/// True when `right` must come before `left`.
static bool goes_first(struct jcall *c, struct val right, struct val left, bool reverse, bool *yes, struct err *e) {
    if (!need_defined(c, right, e) || !need_defined(c, left, e)) {
        return false;
    }
    int order = 0;
    if (!(reverse ? val_compare(left, right, &order, e) : val_compare(right, left, &order, e))) {
        return err_wrap(e, c->at, "in '%s'", c->name);
    }
    *yes = order < 0;
    return true;
}

static bool merge_runs(struct jcall *c, struct sort_item *v, struct sort_item *tmp, const size_t cut[3], bool reverse,
                       struct err *e) {
    size_t i = cut[0], j = cut[1], k = cut[0];
    while (i < cut[1] && j < cut[2]) {
        bool yes = false;
        if (!goes_first(c, v[j].key, v[i].key, reverse, &yes, e)) {
            return false;
        }
        tmp[k++] = yes ? v[j++] : v[i++];
    }
    while (i < cut[1]) {
        tmp[k++] = v[i++];
    }
    while (j < cut[2]) {
        tmp[k++] = v[j++];
    }
    memcpy(v + cut[0], tmp + cut[0], (cut[2] - cut[0]) * sizeof *v);
    return true;
}

bool sort_items(struct jcall *c, struct sort_item *v, size_t n, bool reverse, struct err *e) {
    struct sort_item *tmp = ARENA_ARRAY(c->a, struct sort_item, n ? n : 1);
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t lo = 0; lo + width < n; lo += 2 * width) {
            size_t hi = lo + 2 * width < n ? lo + 2 * width : n;
            size_t cut[3] = {lo, lo + width, hi};
            if (!merge_runs(c, v, tmp, cut, reverse, e)) {
                return false;
            }
        }
    }
    return true;
}

bool val_hashable(struct val v) {
    if (v.kind == VAL_TUPLE) {
        for (size_t i = 0; i < val_len(v); i++) {
            if (!val_hashable(val_at_index(v, i))) {
                return false;
            }
        }
        return true;
    }
    return !val_unhashable(&v) && v.kind != VAL_UNDEF && v.kind != VAL_OMIT && (v.kind != VAL_OBJ || is_big(v));
}

struct value_set set_new(struct arena *a) {
    return (struct value_set){.a = a, .keys = val_dict(a, 8), .rest = val_list(a, 0)};
}

bool set_has(const struct value_set *s, struct val v) {
    if (val_hashable(v)) {
        return !is_undef(val_get_key(s->keys, v));
    }
    for (size_t i = 0; i < val_len(s->rest); i++) {
        if (val_equal(val_at_index(s->rest, i), v)) {
            return true;
        }
    }
    return false;
}

bool set_add(struct value_set *s, struct val v) {
    if (set_has(s, v)) {
        return false;
    }
    if (val_hashable(v)) {
        val_set_key(s->a, s->keys, v, val_bool(true));
    } else {
        val_push(s->a, s->rest, v);
    }
    return true;
}

bool size_mul(const struct jcall *c, size_t a, size_t b, size_t cap, size_t *out, struct err *e) {
    size_t r = 0;
    if (__builtin_mul_overflow(a, b, &r) || r > cap) {
        return plug_err(c, e, ERR_LIMIT, "the result would be larger than %zu", cap);
    }
    *out = r;
    return true;
}

struct val plain_str(struct arena *a, struct str s) {
    return val_str(a, s);
}
