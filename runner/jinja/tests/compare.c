// Tests that compare: ==, <, in, contains, subset, any, all.
#include "ast.h"
#include "filters/support.h"

static bool equal(struct jcall *c, bool want, bool *out, struct err *e) {
    if (!need_defined(c, c->args[1], e)) {
        return false;
    }
    *out = op_equal(c->args[0], c->args[1]) == want;
    return true;
}

static bool t_eq(struct jcall *c, bool *out, struct err *e) {
    return equal(c, true, out, e);
}
JTEST(eq) = {.doc = "Equal.", .params = "a, b", .fn = t_eq, .aliases = "==|equalto", .example = "1 is eq 1"};

static bool t_ne(struct jcall *c, bool *out, struct err *e) {
    return equal(c, false, out, e);
}
JTEST(ne) = {.doc = "Not equal.", .params = "a, b", .fn = t_ne, .aliases = "!=", .example = "1 is ne 2"};

static bool order(struct jcall *c, enum tok_type op, bool *out, struct err *e) {
    if (!need_defined(c, c->args[1], e)) {
        return false;
    }
    return op_order(c->args[0], c->args[1], op, out, e) || err_wrap(e, c->at, "in '%s'", c->name);
}

static bool t_lt(struct jcall *c, bool *out, struct err *e) {
    return order(c, T_LT, out, e);
}
JTEST(lt) = {.doc = "Less.", .params = "a, b", .fn = t_lt, .aliases = "<|lessthan", .example = "1 is lt 2"};

static bool t_le(struct jcall *c, bool *out, struct err *e) {
    return order(c, T_LE, out, e);
}
JTEST(le) = {.doc = "Less or equal.", .params = "a, b", .fn = t_le, .aliases = "<=", .example = "1 is le 1"};

static bool t_gt(struct jcall *c, bool *out, struct err *e) {
    return order(c, T_GT, out, e);
}
JTEST(gt) = {.doc = "Greater.", .params = "a, b", .fn = t_gt, .aliases = ">|greaterthan", .example = "2 is gt 1"};

static bool t_ge(struct jcall *c, bool *out, struct err *e) {
    return order(c, T_GE, out, e);
}
JTEST(ge) = {.doc = "Greater or equal.", .params = "a, b", .fn = t_ge, .aliases = ">=", .example = "1 is ge 1"};

static bool within(struct jcall *c, struct val hay, struct val needle, bool *out, struct err *e) {
    *out = false;
    if (!need_defined(c, hay, e)) {
        return false;
    }
    if (val_is_seq(hay) && !val_len(hay) && hay.spare != VAL_SPARE_KEYS) {
        return true;  // nothing is compared
    }
    if (!need_defined(c, needle, e)) {
        return false;
    }
    if (hay.kind == VAL_UNDEF) {
        return true;  // has nothing in it
    }
    return val_contains(hay, needle, out, e) || err_wrap(e, c->at, "in '%s'", c->name);
}

static bool t_in(struct jcall *c, bool *out, struct err *e) {
    return within(c, c->args[1], c->args[0], out, e);
}
JTEST(in) = {
    .doc = "Is contained.", .params = "value, seq", .takes_undef = true, .fn = t_in, .example = "1 is in [1, 2]"};

static bool t_contains(struct jcall *c, bool *out, struct err *e) {
    return within(c, c->args[0], c->args[1], out, e);
}
JTEST(contains) = {.doc = "Contains.", .params = "seq, value", .fn = t_contains, .example = "[1, 2] is contains 1"};

static bool any_all(struct jcall *c, bool all, bool *out, struct err *e) {
    struct val l;
    if (!jinja_iter(c, c->args[0], &l, e)) {
        return false;
    }
    *out = all;
    for (size_t i = 0; i < val_len(l) && *out == all; i++) {
        if (!need_defined(c, val_at_index(l, i), e)) {
            return false;
        }
        *out = val_truth(val_at_index(l, i));
    }
    return true;
}

static bool t_any(struct jcall *c, bool *out, struct err *e) {
    return any_all(c, false, out, e);
}
JTEST(any) = {.doc = "Any item is true.", .params = "value", .fn = t_any, .example = "[false, true] is any"};

static bool t_all(struct jcall *c, bool *out, struct err *e) {
    return any_all(c, true, out, e);
}
JTEST(all) = {.doc = "All items are true.", .params = "value", .fn = t_all, .example = "[true, true] is all"};

/// Fills a set with the items of a value; what cannot be in a Python set is an error.
static bool set_from(struct jcall *c, struct val v, struct value_set *s, struct val *list, struct err *e) {
    *s = set_new(c->a);
    if (!need_defined(c, v, e) || !jinja_iter(c, v, list, e)) {
        return false;
    }
    for (size_t i = 0; i < val_len(*list); i++) {
        if (!val_hashable(val_at_index(*list, i))) {
            return plug_err(c, e, ERR_TYPE, "%s cannot be in a set", kind_article(val_at_index(*list, i)));
        }
        set_add(s, val_at_index(*list, i));
    }
    return true;
}

static bool subset(struct jcall *c, struct val small, struct val big, bool *out, struct err *e) {
    struct value_set in_big, in_small;
    struct val l, ignore;
    if (!set_from(c, small, &in_small, &l, e) || !set_from(c, big, &in_big, &ignore, e)) {
        return false;
    }
    *out = true;
    for (size_t i = 0; i < val_len(l); i++) {
        *out = *out && set_has(&in_big, val_at_index(l, i));
    }
    return true;
}

static bool t_subset(struct jcall *c, bool *out, struct err *e) {
    return subset(c, c->args[0], c->args[1], out, e);
}
JTEST(subset) = {.doc = "All items are in the other list.",
                 .params = "a, b",
                 .fn = t_subset,
                 .aliases = "issubset",
                 .example = "[1] is subset [1, 2]"};

static bool t_superset(struct jcall *c, bool *out, struct err *e) {
    return subset(c, c->args[1], c->args[0], out, e);
}
JTEST(superset) = {.doc = "Has all items of the other list.",
                   .params = "a, b",
                   .fn = t_superset,
                   .aliases = "issuperset",
                   .example = "[1, 2] is superset [1]"};
