// Set filters as Ansible defines them: unique, union, intersect, difference, symmetric_difference.
#include "ast.h"
#include "filters/support.h"

static void unique_exact(struct jcall *c, struct val l, struct val *out) {
    struct value_set seen = set_new(c->a);
    *out = val_list(c->a, val_len(l));
    for (size_t i = 0; i < val_len(l); i++) {
        struct val v = val_at_index(l, i);
        if (set_add(&seen, v)) {
            val_push(c->a, *out, v);
        }
    }
}

static bool f_unique(struct jcall *c, struct val *out, struct err *e) {
    bool exact = false;
    struct val l, attr = opt_val(c, 2);
    bool given = !opt_none(c, 1), by_attr = !opt_none(c, 2) && val_truth(attr);
    if ((given && !arg_bool(c, 1, false, &exact, e)) || !jinja_iter(c, c->args[0], &l, e)) {
        return false;
    }
    struct getter g = {.path = attr, .fold = !exact};
    struct value_set seen = set_new(c->a);
    *out = val_list(c->a, val_len(l));
    as_generator(c, out);
    for (size_t i = 0; i < val_len(l); i++) {
        struct val item = val_at_index(l, i), key;
        if (!getter_get(c, &g, item, &key, e) || !need_defined(c, key, e)) {
            return false;
        }
        if (is_undef(key)) {  // all of them are one
            key = VOMIT;
        } else if (!val_hashable(key)) {
            if (!c->ctx->opts->ansible || (given && !exact) || by_attr) {
                return plug_err(c, e, ERR_TYPE,
                                "%s cannot be compared with 'case_sensitive' or 'attribute': Jinja2's "
                                "unique filter failed and we cannot fall back to Ansible's version",
                                kind_article(key));
            }
            // As Ansible: what cannot be hashed is compared as it is, upper and lower case apart.
            unique_exact(c, l, out);
            return true;
        }
        if (set_add(&seen, key)) {
            val_push(c->a, *out, item);
        }
    }
    return true;
}
FILTER(unique) = {.doc = "Each item once.",
                  .params = "a, case_sensitive=None, attribute=None",
                  .lazy = true,
                  .fn = f_unique,
                  .example = "[1, 2, 1] | unique == [1, 2]"};

static bool both(struct jcall *c, struct val *a, struct val *b, struct err *e) {
    *a = *b = VNULL;
    return need_defined(c, c->args[1], e) && jinja_iter(c, c->args[0], a, e) && jinja_iter(c, c->args[1], b, e);
}

static struct value_set set_of(struct jcall *c, struct val l) {
    struct value_set s = set_new(c->a);
    for (size_t i = 0; i < val_len(l); i++) {
        set_add(&s, val_at_index(l, i));
    }
    return s;
}

/// Whether comparing these two would read a value that is undefined.
static const struct val *undefined_of(const struct val *v, const struct val *w) {
    if (v->kind == VAL_UNDEF || w->kind == VAL_UNDEF) {
        return v->kind == VAL_UNDEF ? v : w;
    }
    const struct val *bad = v->kind == w->kind ? undef_inside(v) : NULL;
    return bad || v->kind != w->kind ? bad : undef_inside(w);
}

/// `x in b` for the items of `a` reads the items of `b` up to the one that is equal: those must have values.
static bool all_comparable(struct jcall *c, struct val a, struct val b, struct err *e) {
    if (!undef_inside(&a) && !undef_inside(&b)) {
        return true;
    }
    for (size_t i = 0; i < val_len(a); i++) {
        struct val v = val_at_index(a, i);
        for (size_t k = 0; k < val_len(b); k++) {
            struct val w = val_at_index(b, k);
            const struct val *bad = undefined_of(&v, &w);
            if (bad && !need_defined(c, *bad, e)) {
                return false;
            }
            if (val_equal(v, w)) {
                break;
            }
        }
    }
    return true;
}

/// The items of `a` that are (want) or are not in `b`, each once.
static struct val filtered(struct jcall *c, struct val a, struct val b, bool want) {
    struct value_set in_b = set_of(c, b);
    struct val r = val_list(c->a, 8);
    for (size_t i = 0; i < val_len(a); i++) {
        struct val v = val_at_index(a, i);
        if (set_has(&in_b, v) == want) {
            val_push(c->a, r, v);
        }
    }
    unique_exact(c, r, &r);
    return r;
}

/// `x in text`, for a list against a string.
static bool within_text(struct jcall *c, struct val a, struct val text, bool want, struct val *out, struct err *e) {
    *out = val_list(c->a, 8);
    for (size_t i = 0; i < val_len(a); i++) {
        bool in = false;
        if (!val_contains(text, val_at_index(a, i), &in, e)) {
            return err_wrap(e, c->at, "in '%s'", c->name);
        }
        if (in == want) {
            val_push(c->a, *out, val_at_index(a, i));
        }
    }
    unique_exact(c, *out, out);
    return true;
}

static bool kept(struct jcall *c, bool want, struct val *out, struct err *e) {
    struct val a, b;
    if (!both(c, &a, &b, e)) {
        return false;
    }
    if (c->args[0].kind == VAL_LIST && c->args[1].kind == VAL_STR) {
        return within_text(c, a, c->args[1], want, out, e);
    }
    if (!all_comparable(c, a, b, e)) {
        return false;
    }
    *out = filtered(c, a, b, want);
    return true;
}

static bool f_intersect(struct jcall *c, struct val *out, struct err *e) {
    return kept(c, true, out, e);
}
FILTER(intersect) = {
    .doc = "Items in both lists.", .params = "a, b", .fn = f_intersect, .example = "[1, 2] | intersect([2, 3]) == [2]"};

static bool f_difference(struct jcall *c, struct val *out, struct err *e) {
    return kept(c, false, out, e);
}
FILTER(difference) = {.doc = "Items of the first list not in the second.",
                      .params = "a, b",
                      .fn = f_difference,
                      .example = "[1, 2] | difference([2, 3]) == [1]"};

static bool joined(struct jcall *c, struct val *out, struct err *e) {
    struct val a, b;
    *out = VNULL;
    if (!both(c, &a, &b, e)) {
        return false;
    }
    bool hashed = c->args[0].kind != VAL_LIST && c->args[0].kind != VAL_DICT;  // Python makes sets of these
    if (!hashed && (c->args[0].kind != VAL_LIST || c->args[1].kind != VAL_LIST)) {
        return plug_err(c, e, ERR_TYPE, "expected two lists, found %s and %s", kind_article(c->args[0]),
                        kind_article(c->args[1]));
    }
    struct val all = val_list(c->a, val_len(a) + val_len(b));
    for (size_t i = 0; i < val_len(a); i++) {
        val_push(c->a, all, val_at_index(a, i));
    }
    for (size_t i = 0; i < val_len(b); i++) {
        val_push(c->a, all, val_at_index(b, i));
    }
    unique_exact(c, all, out);
    return true;
}

static bool f_union(struct jcall *c, struct val *out, struct err *e) {
    return joined(c, out, e);
}
FILTER(union) = {.doc = "Items of both lists, each once.",
                 .params = "a, b",
                 .fn = f_union,
                 .example = "[1, 2] | union([2, 3]) == [1, 2, 3]"};

static bool f_symmetric_difference(struct jcall *c, struct val *out, struct err *e) {
    struct val a, b, all;
    if (!both(c, &a, &b, e) || !joined(c, &all, e)) {
        return false;
    }
    *out = filtered(c, all, filtered(c, a, b, true), false);
    return true;
}
FILTER(symmetric_difference) = {.doc = "Items in only one of two lists.",
                                .params = "a, b",
                                .fn = f_symmetric_difference,
                                .example = "[1, 2] | symmetric_difference([2, 3]) == [1, 3]"};

// -- combining -------------------------------------------------------------------------------------------------------

static bool lists_of(struct jcall *c, struct val **lists, struct err *e) {
    *lists = ARENA_ARRAY(c->a, struct val, c->nargs);
    for (size_t i = 0; i < c->nargs; i++) {
        if (!need_defined(c, c->args[i], e) || !jinja_iter(c, c->args[i], &(*lists)[i], e)) {
            return false;
        }
    }
    return true;
}

static struct val row_of(struct jcall *c, const struct val *lists, size_t i, struct val fill) {
    struct val row = val_tuple(c->a, c->nargs);
    for (size_t k = 0; k < c->nargs; k++) {
        val_push(c->a, row, i < val_len(lists[k]) ? val_at_index(lists[k], i) : fill);
    }
    return row;
}

static bool f_zip(struct jcall *c, struct val *out, struct err *e) {
    static const char *const names[] = {"strict", NULL};
    struct val *lists;
    if (!only_kw(c, names, e) || !lists_of(c, &lists, e)) {
        return false;
    }
    size_t n = val_len(lists[0]);
    bool differ = false;
    for (size_t i = 1; i < c->nargs; i++) {
        differ = differ || val_len(lists[i]) != val_len(lists[0]);
        n = val_len(lists[i]) < n ? val_len(lists[i]) : n;
    }
    if (differ && val_truth(opt_kw(c, "strict"))) {
        return plug_err(c, e, ERR_ARGS, "the lists differ in length and 'strict' is set");
    }
    *out = val_list(c->a, n);
    for (size_t i = 0; i < n; i++) {
        val_push(c->a, *out, row_of(c, lists, i, VNULL));
    }
    return true;
}
FILTER(zip) = {.doc = "Lists item by item, as long as the shortest.",
               .params = "value, *, **",
               .fn = f_zip,
               .example = "[1, 2] | zip(['a', 'b']) | list == [(1, 'a'), (2, 'b')]"};

static bool f_zip_longest(struct jcall *c, struct val *out, struct err *e) {
    static const char *const names[] = {"fillvalue", NULL};
    struct val *lists, fill = opt_kw(c, "fillvalue");
    if (!only_kw(c, names, e) || !lists_of(c, &lists, e)) {
        return false;
    }
    fill = is_undef(fill) && !fill.u.undef ? VNULL : fill;
    size_t n = 0;
    for (size_t i = 0; i < c->nargs; i++) {
        n = val_len(lists[i]) > n ? val_len(lists[i]) : n;
    }
    *out = val_list(c->a, n);
    for (size_t i = 0; i < n; i++) {
        val_push(c->a, *out, row_of(c, lists, i, fill));
    }
    return true;
}
FILTER(zip_longest) = {.doc = "Lists item by item, as long as the longest.",
                       .params = "value, *, **",
                       .fn = f_zip_longest,
                       .example = "[1, 2] | zip_longest(['a'], fillvalue='-') | list == [(1, 'a'), (2, '-')]"};

static bool f_product(struct jcall *c, struct val *out, struct err *e) {
    static const char *const names[] = {"repeat", NULL};
    struct val *lists, rep = opt_kw(c, "repeat");
    int64_t repeat = 1;
    if (!only_kw(c, names, e) || !lists_of(c, &lists, e)) {
        return false;
    }
    if (!is_undef(rep) && (!as_int(rep, &repeat) || repeat < 0)) {
        return plug_err(c, e, ERR_TYPE, "'repeat' must be a number of 0 or more");
    }
    if (repeat > 1024) {
        return plug_err(c, e, ERR_LIMIT, "'repeat' must be at most 1024");
    }
    size_t width = c->nargs * (size_t)repeat, total = 1, cells = 0;
    for (size_t i = 0; i < width; i++) {
        size_t len = val_len(lists[i % c->nargs]);
        if (!len) {
            total = 0;
            break;
        }
        if (!size_mul(c, total, len, ITEMS_CAP, &total, e)) {
            return false;
        }
    }
    if (!size_mul(c, total, width, ITEMS_CAP * 8, &cells, e)) {
        return false;
    }
    *out = val_list(c->a, total);
    for (size_t n = 0; n < total; n++) {
        struct val row = val_tuple(c->a, width);
        size_t unit = total, rest = n;
        for (size_t i = 0; i < width; i++) {
            unit /= val_len(lists[i % c->nargs]);
            val_push(c->a, row, val_at_index(lists[i % c->nargs], rest / unit));
            rest %= unit;
        }
        val_push(c->a, *out, row);
    }
    return true;
}
FILTER(product) = {.doc = "Every choice of one item of each list.",
                   .params = "value, *, **",
                   .fn = f_product,
                   .example = "[1, 2] | product(['a']) | list == [(1, 'a'), (2, 'a')]"};

static bool push_pick(struct jcall *c, struct val out, struct val l, const size_t *idx, size_t r, struct err *e) {
    if ((val_len(out) + 1) * (r ? r : 1) > ITEMS_CAP * 8 || val_len(out) >= ITEMS_CAP) {
        return plug_err(c, e, ERR_LIMIT, "the result would be larger than %zu items", ITEMS_CAP);
    }
    struct val row = val_tuple(c->a, r);
    for (size_t i = 0; i < r; i++) {
        val_push(c->a, row, val_at_index(l, idx[i]));
    }
    val_push(c->a, out, row);
    return true;
}

static bool pick_size(struct jcall *c, bool required, struct val *l, size_t *r, struct err *e) {
    int64_t n = 0;
    if (!jinja_iter(c, c->args[0], l, e)) {
        return false;
    }
    *r = val_len(*l);
    if (opt_none(c, 1) && !required) {
        return true;
    }
    if (!as_int(opt_val(c, 1), &n)) {
        return bad_arg(c, e, "r", "an integer", opt_val(c, 1));
    }
    if (n < 0) {
        return plug_err(c, e, ERR_ARGS, "'r' must not be negative");
    }
    *r = (size_t)n;
    return true;
}

static bool f_combinations(struct jcall *c, struct val *out, struct err *e) {
    struct val l;
    size_t r;
    if (!pick_size(c, true, &l, &r, e)) {
        return false;
    }
    size_t n = val_len(l);
    *out = val_list(c->a, 8);
    if (r > n) {
        return true;
    }
    size_t *idx = ARENA_ARRAY(c->a, size_t, r + 1);
    for (size_t i = 0; i < r; i++) {
        idx[i] = i;
    }
    for (;;) {
        if (!push_pick(c, *out, l, idx, r, e)) {
            return false;
        }
        size_t i = r;
        while (i > 0 && idx[i - 1] == i - 1 + n - r) {
            i--;
        }
        if (!i) {
            return true;
        }
        idx[i - 1]++;
        for (size_t k = i; k < r; k++) {
            idx[k] = idx[k - 1] + 1;
        }
    }
}
FILTER(combinations) = {.doc = "Every choice of r items, order kept.",
                        .params = "iterable, r",
                        .fn = f_combinations,
                        .example = "[1, 2, 3] | combinations(2) | list | length == 3"};

/// Advances idx[0..r) of n to the next permutation in lexicographic order; false after the last.
static bool next_permutation(size_t *idx, bool *used, size_t r, size_t n) {
    for (size_t i = r; i > 0; i--) {
        used[idx[i - 1]] = false;
        size_t v = idx[i - 1] + 1;
        while (v < n && used[v]) {
            v++;
        }
        if (v == n) {
            continue;
        }
        idx[i - 1] = v;
        used[v] = true;
        for (size_t k = i, free = 0; k < r; k++) {
            while (used[free]) {
                free++;
            }
            idx[k] = free;
            used[free] = true;
        }
        return true;
    }
    return false;
}

static bool f_permutations(struct jcall *c, struct val *out, struct err *e) {
    struct val l;
    size_t r;
    if (!pick_size(c, false, &l, &r, e)) {
        return false;
    }
    size_t n = val_len(l);
    *out = val_list(c->a, 8);
    if (r > n) {
        return true;
    }
    size_t *idx = ARENA_ARRAY(c->a, size_t, r + 1);
    bool *used = ARENA_ARRAY(c->a, bool, n + 1);
    for (size_t i = 0; i < r; i++) {
        idx[i] = i;
        used[i] = true;
    }
    do {
        if (!push_pick(c, *out, l, idx, r, e)) {
            return false;
        }
    } while (next_permutation(idx, used, r, n));
    return true;
}
FILTER(permutations) = {.doc = "Every order of r items.",
                        .params = "iterable, r=None",
                        .fn = f_permutations,
                        .example = "[1, 2, 3] | permutations(2) | list | length == 6"};
