// Lookups that rearrange their terms: items, list, dict, nested, together, indexed_items, subelements, random_choice.
#include "filters/mt19937.h"
#include "lookups/common.h"

static bool l_items(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    *out = lk_flatten(c, c->args[0]);
    return true;
}
LOOKUP(items) = {
    .doc = "The terms, lists in them opened once.", .fn = l_items, .example = "query('items', [1, 2], 3) == [1, 2, 3]"};

static bool l_list(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    *out = val_copy(c->a, c->args[0]);
    return true;
}
LOOKUP(list) = {
    .doc = "The terms as they are.", .fn = l_list, .raw_terms = true, .example = "query('list', [1], 2) == [[1], 2]"};

static bool l_dict(struct jcall *c, struct val *out, struct err *e) {
    *out = val_list(c->a, 8);
    for (size_t i = 0; i < lk_terms(c); i++) {
        struct val d;
        if (!as_dict(c, "term", lk_term(c, i), &d, e)) {
            return false;
        }
        size_t k = 0;
        const struct vpair *p;
        while ((p = val_each(d, &k)) != NULL) {
            struct val item = val_dict(c->a, 2);
            val_set(c->a, item, "key", p->key);
            val_set(c->a, item, "value", p->value);
            val_push(c->a, *out, item);
        }
    }
    return true;
}
LOOKUP(dict) = {.doc = "Key and value of each pair.",
                .fn = l_dict,
                .example = "query('dict', {'a': 1}) == [{'key': 'a', 'value': 1}]"};

static bool l_indexed_items(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    struct val l = lk_flatten(c, c->args[0]);
    *out = val_list(c->a, val_len(l));
    for (size_t i = 0; i < val_len(l); i++) {
        struct val t = val_tuple(c->a, 2);
        val_push(c->a, t, val_int((int64_t)i));
        val_push(c->a, t, val_at_index(l, i));
        val_push(c->a, *out, t);
    }
    return true;
}
LOOKUP(indexed_items) = {.doc = "Items with their number.",
                         .fn = l_indexed_items,
                         .example = "(query('indexed_items', ['a']) | first | first) == 0"};

/// A term of nested or together as a list: one that is none becomes a list of itself.
static bool term_list(struct jcall *c, size_t i, struct val *out, struct err *e) {
    struct val v = lk_term(c, i);
    if (val_is_seq(v)) {
        *out = v;
        return true;
    }
    if (v.kind == VAL_DICT || v.kind == VAL_OBJ) {
        return jinja_iter(c, v, out, e);
    }
    *out = val_list(c->a, 1);
    val_push(c->a, *out, v);
    return true;
}

static bool l_nested(struct jcall *c, struct val *out, struct err *e) {
    struct val rows = val_list(c->a, 1), next, l;
    if (!lk_terms(c)) {
        return err_set(e, ERR_ARGS, c->at, "with_nested requires at least one element in the nested list");
    }
    if (!term_list(c, 0, &rows, e)) {
        return false;
    }
    for (size_t i = 1; i < lk_terms(c); i++) {
        size_t total;
        if (!term_list(c, i, &l, e) || !size_mul(c, val_len(rows), val_len(l), ITEMS_CAP, &total, e)) {
            return false;
        }
        next = val_list(c->a, total);
        for (size_t n = 0; n < total; n++) {
            struct val pair = val_list(c->a, 2);
            val_push(c->a, pair, val_at_index(rows, n / val_len(l)));
            val_push(c->a, pair, val_at_index(l, n % val_len(l)));
            val_push(c->a, next, lk_flatten(c, pair));
        }
        rows = next;
    }
    *out = val_list(c->a, val_len(rows));
    for (size_t i = 0; i < val_len(rows); i++) {
        struct val row = val_at_index(rows, i);
        if (row.kind == VAL_DICT) {
            return plug_err(c, e, ERR_TYPE, "one list of dictionaries cannot be nested");
        }
        if (!val_is_seq(row) && !jinja_iter(c, row, &row, e)) {
            return false;
        }
        val_push(c->a, *out, lk_flatten(c, row));
    }
    return true;
}
LOOKUP(nested) = {.doc = "Every choice of one item of each list.",
                  .fn = l_nested,
                  .raw_terms = true,
                  .example = "query('nested', [1, 2], ['a']) == [[1, 'a'], [2, 'a']]"};

static bool l_together(struct jcall *c, struct val *out, struct err *e) {
    size_t n = lk_terms(c), rows = 0;
    if (!n) {
        return err_set(e, ERR_ARGS, c->at, "with_together requires at least one element in each list");
    }
    struct val *lists = ARENA_ARRAY(c->a, struct val, n);
    for (size_t i = 0; i < n; i++) {
        if (!term_list(c, i, &lists[i], e)) {
            return false;
        }
        rows = val_len(lists[i]) > rows ? val_len(lists[i]) : rows;
    }
    *out = val_list(c->a, rows);
    for (size_t r = 0; r < rows; r++) {
        struct val row = val_list(c->a, n);
        for (size_t i = 0; i < n; i++) {
            val_push(c->a, row, r < val_len(lists[i]) ? val_at_index(lists[i], r) : VNULL);
        }
        val_push(c->a, *out, lk_flatten(c, row));
    }
    return true;
}
LOOKUP(together) = {.doc = "Lists item by item, as long as the longest.",
                    .fn = l_together,
                    .raw_terms = true,
                    .example = "query('together', [1, 2], ['a', 'b']) == [[1, 'a'], [2, 'b']]"};

static bool l_random_choice(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    struct mt *m = ARENA_NEW(c->a, struct mt);
    mt_init_system(m);
    *out = val_list(c->a, 1);
    if (lk_terms(c)) {
        val_push(c->a, *out, lk_term(c, (size_t)mt_below(m, lk_terms(c))));
    }
    return true;
}
LOOKUP(random_choice) = {
    .doc = "One of the terms by chance.", .fn = l_random_choice, .example = "lookup('random_choice', 1, 1) == 1"};

// -- subelements -----------------------------------------------------------------------------------------------------

static bool was_skipped(struct val d) {
    struct val v = val_get(d, "skipped");
    return !is_undef(v) && !(v.kind == VAL_BOOL && !v.u.b);
}

struct sub {
    struct jcall *c;
    struct str *path;
    size_t n;
    bool skip_missing;
};

/// Takes the list out of a copy of `item`; both results are new. *list stays empty when it is missing and may be.
static bool take_list(const struct sub *s, struct val item, struct val *copy, struct val *list, struct err *e) {
    struct jcall *c = s->c;
    struct val at = *copy = val_copy(c->a, item);
    *list = val_list(c->a, 0);
    for (size_t i = 0; i < s->n; i++) {
        struct val v = val_get_str(at, s->path[i]);
        bool last = i + 1 == s->n;
        if (is_undef(v)) {
            if (s->skip_missing) {
                continue;
            }
            return plug_err(c, e, ERR_ARGS, "could not find '%.*s' key in iterated item", STR(s->path[i]));
        }
        if (v.kind != (last ? VAL_LIST : VAL_DICT)) {
            if (!last && s->skip_missing) {
                continue;
            }
            return plug_err(c, e, ERR_TYPE, "the key '%.*s' should point to a %s, found %s", STR(s->path[i]),
                            last ? "list" : "dictionary", kind_article(v));
        }
        if (last) {
            *list = v;
            val_del_key(at, val_str(c->a, s->path[i]));
        } else {
            v = val_copy(c->a, v);
            val_set_str(c->a, at, s->path[i], v);
            at = v;
        }
    }
    return true;
}

static bool sub_setup(struct jcall *c, struct sub *s, struct val *items, struct err *e) {
    size_t n = lk_terms(c);
    *s = (struct sub){.c = c};
    *items = VNULL;
    if (n < 2 || n > 3) {
        return plug_err(c, e, ERR_ARGS, "expects a list of two or three items, found %zu", n);
    }
    *items = lk_term(c, 0);
    if (items->kind != VAL_LIST && !is_mapping(*items)) {  // a single item is a list of one
        struct val one = val_list(c->a, 1);
        val_push(c->a, one, *items);
        *items = one;
    }
    struct val key = lk_term(c, 1), flags = n == 3 ? lk_term(c, 2) : (struct val){.kind = VAL_UNDEF};
    if (key.kind != VAL_STR) {
        return plug_err(c, e, ERR_TYPE,
                        "expects first a dict or a list, second a string pointing to the subkey, found %s and %s",
                        kind_article(*items), kind_article(key));
    }
    if (n == 3 && flags.kind != VAL_DICT) {
        return plug_err(c, e, ERR_TYPE, "the optional third item must be a dict with 'skip_missing', not %s",
                        kind_article(flags));
    }
    *s = (struct sub){.c = c, .path = ARENA_ARRAY(c->a, struct str, val_text(key).n + 2)};
    struct str rest = val_text(key), part;
    while (str_next(&rest, '.', &part)) {
        s->path[s->n++] = part;
    }
    struct val skip = val_get(flags, "skip_missing");
    return lk_bool(c, "skip_missing", !is_undef(skip) && val_as_bool(skip, &s->skip_missing) && s->skip_missing,
                   &s->skip_missing, e);
}

static bool l_subelements(struct jcall *c, struct val *out, struct err *e) {
    struct sub s;
    struct val items;
    *out = val_list(c->a, 8);
    if (!sub_setup(c, &s, &items, e)) {
        return false;
    }
    if (is_mapping(items)) {
        struct val d, l = val_list(c->a, 8);
        if (!as_dict(c, "term", items, &d, e)) {
            return false;
        }
        if (was_skipped(d)) {
            return true;
        }
        size_t i = 0;
        const struct vpair *p;
        while ((p = val_each(d, &i)) != NULL) {
            val_push(c->a, l, p->value);
        }
        items = l;
    }
    for (size_t i = 0; i < val_len(items); i++) {
        struct val item = val_at_index(items, i), copy, list;
        if (item.kind != VAL_DICT) {
            return plug_err(c, e, ERR_TYPE, "expects a dictionary, found %s", kind_article(item));
        }
        if (was_skipped(item)) {
            continue;
        }
        if (!take_list(&s, item, &copy, &list, e)) {
            return false;
        }
        for (size_t k = 0; k < val_len(list); k++) {
            struct val t = val_tuple(c->a, 2);
            val_push(c->a, t, copy);
            val_push(c->a, t, val_at_index(list, k));
            val_push(c->a, *out, t);
        }
    }
    return true;
}
LOOKUP(subelements) = {.doc = "Each item with each element of a list inside it.",
                       .fn = l_subelements,
                       .raw_terms = true,
                       .example = "(query('subelements', [{'n': 1, 'l': ['a', 'b']}], 'l') | length) == 2",
                       .options = "skip_missing=False, as the last term"};
