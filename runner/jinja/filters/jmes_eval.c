// JMESPath expressions evaluated on values, and the filter json_query.
#include "filters/jmes.h"

bool jm_false(struct val v) {
    switch (v.kind) {
    case VAL_UNDEF:
    case VAL_NULL:
        return true;
    case VAL_BOOL:
        return !v.u.b;
    case VAL_STR:
        return !val_text(v).n;
    case VAL_LIST:
    case VAL_DICT:
        return !val_len(v);
    default:
        return false;
    }
}

bool jm_number(struct val v) {
    return v.kind == VAL_INT || v.kind == VAL_FLOAT;
}

static bool call(struct jm *j, const struct jm_node *n, struct val v, struct val *out) {
    struct jm_arg *args = ARENA_ARRAY(j->c->a, struct jm_arg, n->nkids + 1);
    for (size_t i = 0; i < n->nkids; i++) {
        if (n->kids[i]->type == JM_REF) {
            args[i].ref = n->kids[i]->a;
        } else if (!jm_eval(j, n->kids[i], v, &args[i].v)) {
            return false;
        }
    }
    return jm_call(j, n->text, args, n->nkids, out);
}

/// Items of a list with an expression applied; what gives none is left out.
static bool each(struct jm *j, const struct jm_node *n, struct val items, struct val *out) {
    struct val list = val_list(j->c->a, val_len(items));
    for (size_t i = 0; i < val_len(items); i++) {
        struct val item = val_at_index(items, i), got;
        if (n->c) {
            if (!jm_eval(j, n->c, item, &got)) {
                return false;
            }
            if (jm_false(got)) {
                continue;
            }
        }
        if (!jm_eval(j, n->b, item, &got)) {
            return false;
        }
        if (got.kind != VAL_NULL) {
            val_push(j->c->a, list, got);
        }
    }
    *out = list;
    return true;
}

static struct val values_of(struct arena *a, struct val d) {
    struct val list = val_list(a, val_len(d));
    size_t i = 0;
    for (const struct vpair *p; (p = val_each(d, &i));) {
        val_push(a, list, p->value);
    }
    return list;
}

static bool projection(struct jm *j, const struct jm_node *n, struct val v, struct val *out) {
    struct val base = VNULL;
    if (!jm_eval(j, n->a, v, &base)) {
        return false;
    }
    if (base.kind != (n->type == JM_VALUES ? VAL_DICT : VAL_LIST)) {
        *out = VNULL;
        return true;
    }
    return each(j, n, n->type == JM_VALUES ? values_of(j->c->a, base) : base, out);
}

static bool flatten(struct jm *j, const struct jm_node *n, struct val v, struct val *out) {
    struct val base = VNULL;
    if (!jm_eval(j, n->a, v, &base)) {
        return false;
    }
    *out = VNULL;
    if (base.kind != VAL_LIST) {
        return true;
    }
    *out = val_list(j->c->a, val_len(base));
    for (size_t i = 0; i < val_len(base); i++) {
        struct val item = val_at_index(base, i);
        for (size_t k = 0; item.kind == VAL_LIST && k < val_len(item); k++) {
            val_push(j->c->a, *out, val_at_index(item, k));
        }
        if (item.kind != VAL_LIST) {
            val_push(j->c->a, *out, item);
        }
    }
    return true;
}

/// A bound of a slice as Python takes it.
static int64_t bound(int64_t at, int64_t len, int64_t low, int64_t high) {
    at = at < 0 ? at + len : at;
    return at < low ? low : at > high ? high : at;
}

static bool slice(struct jm *j, const struct jm_node *n, struct val v, struct val *out) {
    struct val base = VNULL;
    int64_t step = n->given[2] ? n->n[2] : 1;
    if (!jm_eval(j, n->a, v, &base)) {
        return false;
    }
    *out = VNULL;
    if (base.kind != VAL_LIST) {
        return true;
    }
    if (!step) {
        return jm_error(j, "the step of a slice is 0");
    }
    int64_t len = (int64_t)val_len(base), low = step < 0 ? -1 : 0, high = step < 0 ? len - 1 : len;
    int64_t from = n->given[0] ? bound(n->n[0], len, low, high) : step < 0 ? high : low;
    int64_t to = n->given[1] ? bound(n->n[1], len, low, high) : step < 0 ? low : high;
    *out = val_list(j->c->a, 8);
    for (int64_t i = from; step < 0 ? i > to : i < to;) {
        val_push(j->c->a, *out, val_at_index(base, (size_t)i));
        if (__builtin_add_overflow(i, step, &i)) {
            break;
        }
    }
    return true;
}

static bool index_of(struct jm *j, const struct jm_node *n, struct val v, struct val *out) {
    struct val base = VNULL;
    if (!jm_eval(j, n->a, v, &base)) {
        return false;
    }
    int64_t len = (int64_t)val_len(base), at = n->n[0] < 0 ? n->n[0] + len : n->n[0];
    *out = base.kind == VAL_LIST && at >= 0 && at < len ? val_at_index(base, (size_t)at) : VNULL;
    return true;
}

static bool multi(struct jm *j, const struct jm_node *n, struct val v, struct val *out) {
    *out = VNULL;
    if (v.kind == VAL_NULL) {
        return true;
    }
    struct val made = n->type == JM_LIST ? val_list(j->c->a, n->nkids) : val_dict(j->c->a, n->nkids);
    for (size_t i = 0; i < n->nkids; i++) {
        struct val one = VNULL;
        if (!jm_eval(j, n->type == JM_LIST ? n->kids[i] : n->kids[i]->a, v, &one)) {
            return false;
        }
        if (n->type == JM_LIST) {
            val_push(j->c->a, made, one);
        } else {
            val_set_str(j->c->a, made, n->kids[i]->text, one);
        }
    }
    *out = made;
    return true;
}

/// 0 and 1 are not false and true here.
static bool equal(struct val a, struct val b) {
    bool mixed = (a.kind == VAL_BOOL && jm_number(b)) || (b.kind == VAL_BOOL && jm_number(a));
    return !mixed && val_equal(a, b);
}

static bool ordered(struct val v) {
    return jm_number(v) || v.kind == VAL_STR;
}

static bool compare(struct jm *j, const struct jm_node *n, struct val v, struct val *out) {
    struct val a = VNULL, b = VNULL;
    int order = 0;
    if (!jm_eval(j, n->a, v, &a) || !jm_eval(j, n->b, v, &b)) {
        return false;
    }
    if (n->op == JM_EQ || n->op == JM_NE) {
        *out = val_bool(equal(a, b) == (n->op == JM_EQ));
        return true;
    }
    *out = VNULL;
    if (!ordered(a) || !ordered(b)) {
        return true;
    }
    if (jm_number(a) != jm_number(b)) {
        return jm_error(j, "a number and a text cannot be ordered");
    }
    if (!val_compare(a, b, &order, j->e)) {
        return false;
    }
    *out = val_bool(n->op == JM_LT ? order < 0 : n->op == JM_LE ? order <= 0 : n->op == JM_GT ? order > 0 : order >= 0);
    return true;
}

/// or, and: the left side when it decides, else the right one.
static bool either(struct jm *j, const struct jm_node *n, struct val v, struct val *out) {
    return jm_eval(j, n->a, v, out) && (jm_false(*out) == (n->type == JM_AND) || jm_eval(j, n->b, v, out));
}

static bool negated(struct jm *j, const struct jm_node *n, struct val v, struct val *out) {
    struct val got = VNULL;
    if (!jm_eval(j, n->a, v, &got)) {
        return false;
    }
    *out = val_bool(!jm_number(got) && jm_false(got));
    return true;
}

static bool eval(struct jm *j, const struct jm_node *n, struct val v, struct val *out) {
    switch (n->type) {
    case JM_FIELD:
        *out = val_get_str(v, n->text);
        *out = out->kind == VAL_UNDEF ? VNULL : *out;
        return true;
    case JM_LITERAL:
        *out = n->val;
        return true;
    case JM_CURRENT:
        *out = v;
        return true;
    case JM_SUB:
        return jm_eval(j, n->a, v, out) && jm_eval(j, n->b, *out, out);
    case JM_INDEX:
        return index_of(j, n, v, out);
    case JM_SLICE:
        return slice(j, n, v, out);
    case JM_FLATTEN:
        return flatten(j, n, v, out);
    case JM_PROJECT:
    case JM_VALUES:
    case JM_FILTER:
        return projection(j, n, v, out);
    case JM_LIST:
    case JM_DICT:
        return multi(j, n, v, out);
    case JM_OR:
    case JM_AND:
        return either(j, n, v, out);
    case JM_NOT:
        return negated(j, n, v, out);
    case JM_COMPARE:
        return compare(j, n, v, out);
    case JM_REF:
        return jm_error(j, "&expression is only an argument of a function");
    case JM_CALL:
        return call(j, n, v, out);
    }
    return false;
}

bool jm_eval(struct jm *j, const struct jm_node *n, struct val v, struct val *out) {
    if (++j->depth > 4 * JM_DEPTH) {
        return jm_error(j, "it is nested deeper than %d levels", JM_DEPTH);
    }
    bool ok = eval(j, n, v, out);
    j->depth--;
    return ok;
}

static bool f_json_query(struct jcall *c, struct val *out, struct err *e) {
    struct val data = c->args[0];
    struct jm j = {.c = c, .e = e};
    if (c->args[1].kind != VAL_STR) {
        return bad_arg(c, e, "expr", "a string", c->args[1]);
    }
    if (data.kind == VAL_OBJ && is_mapping(data) && !as_dict(c, "data", data, &data, e)) {
        return false;
    }
    j.expr = val_text(c->args[1]);
    const struct jm_node *n = jm_parse(&j);
    return n && jm_eval(&j, n, data, out);
}
FILTER(json_query) = {.doc = "What a JMESPath expression selects of the data.",
                      .params = "data, expr",
                      .fn = f_json_query,
                      .fqcn = "community.general.json_query",
                      .example = "{'a': [{'b': 1}, {'b': 2}]} | json_query('a[*].b') == [1, 2]"};
