// Set operations on any number of lists, order kept, and lists of dictionaries merged by a key: community.general's
// lists_* filters.
#include "filters/support.h"

static void push_all(struct jcall *c, struct val to, struct val from) {
    for (size_t i = 0; i < val_len(from); i++) {
        val_push(c->a, to, val_at_index(from, i));
    }
}

static struct val each_once(struct jcall *c, struct val l) {
    struct value_set seen = set_new(c->a);
    struct val out = val_list(c->a, val_len(l));
    for (size_t i = 0; i < val_len(l); i++) {
        if (set_add(&seen, val_at_index(l, i))) {
            val_push(c->a, out, val_at_index(l, i));
        }
    }
    return out;
}

/// Items of `a` that are (want) or are not in `b`.
static struct val kept(struct jcall *c, struct val a, struct val b, bool want) {
    struct value_set in_b = set_new(c->a);
    struct val out = val_list(c->a, val_len(a));
    for (size_t i = 0; i < val_len(b); i++) {
        (void)set_add(&in_b, val_at_index(b, i));
    }
    for (size_t i = 0; i < val_len(a); i++) {
        if (set_has(&in_b, val_at_index(a, i)) == want) {
            val_push(c->a, out, val_at_index(a, i));
        }
    }
    return out;
}

/// A list of nothing but lists stands for its items.
static void open_lists(struct jcall *c, struct val l, struct val into) {
    bool nested = val_len(l) > 0;
    for (size_t i = 0; i < val_len(l); i++) {
        nested = nested && val_is_seq(val_at_index(l, i));
    }
    if (nested) {
        push_all(c, into, l);
    } else if (val_len(l)) {
        val_push(c->a, into, l);
    }
}

static bool operands(struct jcall *c, size_t n, bool flatten, struct val *lists, struct err *e) {
    *lists = val_list(c->a, n);
    for (size_t i = 0; i < n; i++) {
        if (!val_is_seq(c->args[i])) {
            return bad_arg(c, e, "value", "a list", c->args[i]);
        }
        if (flatten) {
            open_lists(c, c->args[i], *lists);
        } else {
            val_push(c->a, *lists, c->args[i]);
        }
    }
    return true;
}

enum set_op { UNION, INTERSECT, DIFFERENCE, SYMMETRIC };

static struct val combine(struct jcall *c, enum set_op op, struct val a, struct val b) {
    struct val all = val_list(c->a, val_len(a) + val_len(b));
    switch (op) {
    case INTERSECT:
        return kept(c, a, b, true);
    case DIFFERENCE:
        return kept(c, a, b, false);
    case UNION:
    case SYMMETRIC:
        break;
    }
    push_all(c, all, a);
    push_all(c, all, b);
    return op == UNION ? all : kept(c, each_once(c, all), kept(c, a, b, true), false);
}

static bool run(struct jcall *c, enum set_op op, struct val *out, struct err *e) {
    static const char *const names[] = {"flatten", NULL};
    struct val flatten = opt_kw(c, "flatten"), lists;
    if (!only_kw(c, names, e) || !operands(c, c->nargs, !is_undef(flatten) && val_truth(flatten), &lists, e)) {
        return false;
    }
    size_t n = val_len(lists);
    if (n < 2) {
        *out = n ? val_at_index(lists, 0) : lists;
        return true;
    }
    *out = val_at_index(lists, 0);
    if (op == INTERSECT || op == DIFFERENCE) {
        *out = each_once(c, *out);
    }
    for (size_t i = 1; i < n; i++) {
        struct val b = val_at_index(lists, i);
        if (!val_is_seq(b)) {
            return bad_arg(c, e, "value", "a list", b);
        }
        *out = combine(c, op, *out, b);
    }
    *out = op == UNION ? each_once(c, *out) : *out;
    return true;
}

static bool f_lists_union(struct jcall *c, struct val *out, struct err *e) {
    return run(c, UNION, out, e);
}
FILTER(lists_union) = {.doc = "Items of all lists, each once, in their order. 'flatten' opens lists of lists.",
                       .params = "*, **",
                       .fn = f_lists_union,
                       .fqcn = "community.general.lists_union",
                       .example = "[3, 1] | community.general.lists_union([1, 2]) == [3, 1, 2]"};

static bool f_lists_intersect(struct jcall *c, struct val *out, struct err *e) {
    return run(c, INTERSECT, out, e);
}
FILTER(lists_intersect) = {.doc = "Items that are in all lists. 'flatten' opens lists of lists.",
                           .params = "*, **",
                           .fn = f_lists_intersect,
                           .fqcn = "community.general.lists_intersect",
                           .example = "[3, 1] | community.general.lists_intersect([1, 2]) == [1]"};

static bool f_lists_difference(struct jcall *c, struct val *out, struct err *e) {
    return run(c, DIFFERENCE, out, e);
}
FILTER(lists_difference) = {.doc = "Items of the first list that are in none of the others. 'flatten' opens lists of "
                                   "lists.",
                            .params = "*, **",
                            .fn = f_lists_difference,
                            .fqcn = "community.general.lists_difference",
                            .example = "[3, 1] | community.general.lists_difference([1, 2]) == [3]"};

static bool f_lists_symmetric_difference(struct jcall *c, struct val *out, struct err *e) {
    return run(c, SYMMETRIC, out, e);
}
FILTER(lists_symmetric_difference) = {
    .doc =
        "Items that are in one of two lists; with more, the result against the next. 'flatten' opens lists of lists.",
    .params = "*, **",
    .fn = f_lists_symmetric_difference,
    .fqcn = "community.general.lists_symmetric_difference",
    .example = "[3, 1] | community.general.lists_symmetric_difference([1, 2]) == [3, 2]"};

// -- by a key --------------------------------------------------------------------------------------------------------

struct mergeby {
    struct val index;
    bool recursive;
    enum merge_lists lists;
};

static bool merge_into(struct jcall *c, const struct mergeby *m, struct val by_key, struct val l, struct err *e) {
    for (size_t i = 0; i < val_len(l); i++) {
        struct val d = val_at_index(l, i);
        if (d.kind != VAL_DICT) {
            return bad_arg(c, e, "value", "a list of dictionaries", d);
        }
        struct val key = val_get_key(d, m->index);
        if (is_undef(key) && !key.u.undef) {
            continue;
        }
        if (!val_hashable(key)) {
            return plug_err(c, e, ERR_TYPE, "%s cannot be a key", kind_article(key));
        }
        struct val had = val_get_key(by_key, key);
        had = had.kind == VAL_DICT ? had : val_dict(c->a, 4);
        val_set_key(c->a, by_key, key, val_merge(c->a, had, d, m->recursive, m->lists));
    }
    return true;
}

static bool merge_two(struct jcall *c, const struct mergeby *m, struct val x, struct val y, struct val *out,
                      struct err *e) {
    struct val by_key = val_dict(c->a, 8);
    if (!merge_into(c, m, by_key, x, e) || !merge_into(c, m, by_key, y, e)) {
        return false;
    }
    size_t n = 0, i = 0;
    struct sort_item *items = ARENA_ARRAY(c->a, struct sort_item, val_len(by_key) + 1);
    for (const struct vpair *p; (p = val_each(by_key, &i));) {
        items[n++] = (struct sort_item){.key = p->key, .value = p->value};
    }
    if (!sort_items(c, items, n, false, e)) {
        return false;
    }
    *out = val_list(c->a, n);
    for (size_t k = 0; k < n; k++) {
        val_push(c->a, *out, items[k].value);
    }
    return true;
}

static bool merge_options(struct jcall *c, struct mergeby *m, struct err *e) {
    static const char *const names[] = {"recursive", "list_merge", NULL};
    static const char *const ways[] = {"replace", "keep", "append", "prepend", "append_rp", "prepend_rp"};
    static const enum merge_lists kinds[] = {MERGE_REPLACE, MERGE_KEEP,      MERGE_APPEND,
                                             MERGE_PREPEND, MERGE_APPEND_RP, MERGE_PREPEND_RP};
    struct val recursive = opt_kw(c, "recursive"), how = opt_kw(c, "list_merge");
    if (!only_kw(c, names, e)) {
        return false;
    }
    m->recursive = !is_undef(recursive) && val_truth(recursive);
    m->lists = MERGE_REPLACE;
    for (size_t i = 0; i < COUNTOF(ways) && !is_undef(how); i++) {
        if (str_eqz(val_text(how), ways[i])) {
            m->lists = kinds[i];
            return true;
        }
    }
    return is_undef(how) ||
           plug_err(c, e, ERR_ARGS, "'list_merge' must be replace, keep, append, prepend, append_rp or prepend_rp");
}

static bool f_lists_mergeby(struct jcall *c, struct val *out, struct err *e) {
    struct mergeby m;
    struct val lists;
    if (!merge_options(c, &m, e)) {
        return false;
    }
    if (c->nargs < 2) {
        return plug_err(c, e, ERR_ARGS, "at least one list and the name of a key are needed");
    }
    if (!operands(c, c->nargs - 1, true, &lists, e)) {
        return false;
    }
    size_t n = val_len(lists);
    if (n < 2) {
        *out = n ? val_at_index(lists, 0) : lists;
        return true;
    }
    m.index = c->args[c->nargs - 1];
    if (m.index.kind != VAL_STR) {
        return bad_arg(c, e, "index", "a string", m.index);
    }
    *out = val_at_index(lists, n - 1);
    for (size_t i = n - 1; i-- > 0;) {
        if (!merge_two(c, &m, val_at_index(lists, i), *out, out, e)) {
            return false;
        }
    }
    return true;
}
FILTER(lists_mergeby) = {
    .doc = "Dictionaries of several lists merged where they have the same value under a key. Options: recursive=False, "
           "list_merge='replace'.",
    .params = "*, **",
    .fn = f_lists_mergeby,
    .fqcn = "community.general.lists_mergeby",
    .example = "[{'n': 'a', 'x': 1}] | community.general.lists_mergeby([{'n': 'a', 'y': 2}], 'n') == "
               "[{'n': 'a', 'x': 1, 'y': 2}]"};
