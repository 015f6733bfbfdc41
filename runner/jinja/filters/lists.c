// Filters on sequences: first, last, length, join, sort, min, max, sum, batch, slice, flatten, reverse.
#include "ast.h"
#include "filters/support.h"
#include "filters/text.h"
#include "markup.h"

static bool f_list(struct jcall *c, struct val *out, struct err *e) {
    struct val l;
    if (!jinja_iter(c, c->args[0], &l, e)) {
        return false;
    }
    *out = val_list(c->a, val_len(l));
    for (size_t i = 0; i < val_len(l); i++) {
        val_push(c->a, *out, val_at_index(l, i));
    }
    return true;
}
FILTER(list) = {
    .doc = "The items as a list.", .params = "value", .fn = f_list, .example = "'abc' | list == ['a', 'b', 'c']"};

static bool f_length(struct jcall *c, struct val *out, struct err *e) {
    struct val v = c->args[0];
    if (is_loop(v)) {
        return loop_attr_of(v, LOOP_LENGTH, c->a, out);
    }
    if (v.kind == VAL_OBJ) {
        if (!jinja_iter(c, v, &v, e)) {
            return false;
        }
    } else if (is_generator(v) || (v.kind != VAL_STR && v.kind != VAL_DICT && v.kind != VAL_UNDEF && !val_is_seq(v))) {
        return plug_err(c, e, ERR_TYPE, "%s has no length", kind_article(v));
    }
    *out = val_int((int64_t)val_len(v));
    return true;
}
FILTER(length) = {.doc = "Number of items.",
                  .params = "value",
                  .fn = f_length,
                  .aliases = "count",
                  .example = "[1, 2] | length == 2"};

static bool f_first(struct jcall *c, struct val *out, struct err *e) {
    struct val l = c->args[0];
    if (is_generator(l) && val_len(l)) {
        *out = val_at_index(generator_read(c->a, l, 1), 0);
        return true;
    }
    if (!jinja_iter(c, c->args[0], &l, e)) {
        return false;
    }
    *out = val_len(l) ? val_at_index(l, 0) : undef_because(c->a, "no first item, the sequence is empty");
    return true;
}
FILTER(first) = {.doc = "The first item.", .params = "seq", .fn = f_first, .example = "[1, 2] | first == 1"};

static bool f_last(struct jcall *c, struct val *out, struct err *e) {
    struct val l;
    if (is_generator(c->args[0])) {
        return plug_err(c, e, ERR_TYPE, "'generator' object is not reversible");
    }
    if (!jinja_iter(c, c->args[0], &l, e)) {
        return false;
    }
    size_t n = val_len(l);
    *out = n ? val_at_index(l, n - 1) : undef_because(c->a, "no last item, the sequence is empty");
    *out = n && is_markup(c->args[0]) ? markup_set(*out, true) : *out;  // is read by its index, which keeps the mark
    return true;
}
FILTER(last) = {.doc = "The last item.", .params = "seq", .fn = f_last, .example = "[1, 2] | last == 2"};

static bool f_join(struct jcall *c, struct val *out, struct err *e) {
    struct val l;
    if (!jinja_iter(c, c->args[0], &l, e)) {
        return false;
    }
    struct val d = opt_val(c, 1);
    struct str sep = STR_LIT("");
    if (!is_undef(d) || d.u.undef) {
        if (!need_defined(c, d, e)) {
            return false;
        }
        sep = text_of(c, d);
    }
    struct getter g = {.path = opt_val(c, 2)};
    struct val items = val_list(c->a, val_len(l));
    bool html = is_markup(d);
    for (size_t i = 0; i < val_len(l); i++) {
        struct val v;
        if (!getter_get(c, &g, val_at_index(l, i), &v, e) || !need_defined(c, v, e)) {
            return false;
        }
        html = html || is_markup(v);
        val_push(c->a, items, v);
    }
    html = html && c->ctx->state.autoescape;  // then everything is
    if (html && sep.n) {
        sep = val_text(markup_of(c->a, d));
    }
    struct buf b = {.a = c->a, .max = TEXT_CAP};
    for (size_t i = 0; i < val_len(items); i++) {
        buf_str(&b, i ? sep : STR_NONE);
        val_to_str(&b, html ? markup_of(c->a, val_at_index(items, i)) : val_at_index(items, i));
    }
    if (b.full) {
        return plug_err(c, e, ERR_LIMIT, "the result is longer than %zu bytes", TEXT_CAP);
    }
    *out = markup_set(val_str(c->a, buf_view(&b)), html);
    return true;
}
FILTER(join) = {.doc = "Items as one text.",
                .params = "value, d='', attribute=None",
                .fn = f_join,
                .example = "[1, 2] | join('-') == '1-2'"};

static bool f_reverse(struct jcall *c, struct val *out, struct err *e) {
    struct val v = c->args[0], l;
    if (v.kind == VAL_STR) {
        struct str s = val_text(v);
        struct buf b = BUF_IN(c->a);
        char *p = buf_reserve(&b, s.n + 1);
        size_t end = s.n;
        for (size_t i = 0; i < s.n;) {
            size_t start = i;
            utf8_next(s, &i);
            end -= i - start;
            memcpy(p + end, s.s + start, i - start);
        }
        b.n += s.n;
        *out = val_str(c->a, buf_view(&b));
        return true;
    }
    bool plain = !is_generator(v);
    if (!jinja_iter(c, v, &l, e)) {
        return false;
    }
    *out = val_list(c->a, val_len(l));
    for (size_t i = val_len(l); i > 0; i--) {
        val_push(c->a, *out, val_at_index(l, i - 1));
    }
    if (plain) {  // what cannot be read backwards is made a list
        as_generator(c, out);
    }
    return true;
}
FILTER(reverse) = {.doc = "Backwards.",
                   .params = "value",
                   .fn = f_reverse,
                   .html = true,
                   .example = "[1, 2] | reverse | list == [2, 1]"};

// -- ordering --------------------------------------------------------------------------------------------------------

/// The sort keys of a "a,b.c" attribute list: a list of values.
static bool multi_key(struct jcall *c, struct val attr, bool fold, struct val item, struct val *key, struct err *e) {
    *key = val_list(c->a, 1);
    struct getter g = {.path = attr, .fold = fold};
    struct val v;
    if (attr.kind != VAL_STR) {
        if (!getter_get(c, &g, item, &v, e)) {
            return false;
        }
        val_push(c->a, *key, v);
        return true;
    }
    struct str rest = val_text(attr), part;
    while (str_next(&rest, ',', &part)) {
        g.path = val_str(c->a, part);
        if (!getter_get(c, &g, item, &v, e)) {
            return false;
        }
        val_push(c->a, *key, v);
    }
    return true;
}

static bool f_sort(struct jcall *c, struct val *out, struct err *e) {
    bool reverse = false, exact = false;
    struct val l, attr = opt_val(c, 3);
    if (!arg_bool(c, 1, false, &reverse, e) || !arg_bool(c, 2, false, &exact, e) || !jinja_iter(c, c->args[0], &l, e)) {
        return false;
    }
    size_t n = val_len(l);
    struct sort_item *items = ARENA_ARRAY(c->a, struct sort_item, n ? n : 1);
    for (size_t i = 0; i < n; i++) {
        items[i].value = val_at_index(l, i);
        // as Jinja: keys are lists, so that equal ones need no order
        if (!multi_key(c, attr, !exact, items[i].value, &items[i].key, e)) {
            return false;
        }
        for (size_t k = 0; k < val_len(items[i].key) && n > 1; k++) {  // one item is not compared
            if (!need_defined(c, val_at_index(items[i].key, k), e)) {
                return false;
            }
        }
    }
    if (!sort_items(c, items, n, reverse, e)) {
        return false;
    }
    *out = val_list(c->a, n);
    for (size_t i = 0; i < n; i++) {
        val_push(c->a, *out, items[i].value);
    }
    return true;
}
FILTER(sort) = {.doc = "Sorted items.",
                .params = "value, reverse=False, case_sensitive=False, attribute=None",
                .fn = f_sort,
                .example = "['b', 'A'] | sort == ['A', 'b']"};

static bool extreme(struct jcall *c, bool max, struct val *out, struct err *e) {
    bool exact = false;
    struct val l;
    if (!arg_bool(c, 1, false, &exact, e) || !jinja_iter(c, c->args[0], &l, e)) {
        return false;
    }
    if (!val_len(l)) {
        *out = undef_because(c->a, "no aggregated item, the sequence is empty");
        return true;
    }
    struct getter g = {.path = opt_val(c, 2), .fold = !exact};
    struct val best = VNULL;
    for (size_t i = 0; i < val_len(l); i++) {
        struct val item = val_at_index(l, i), key;
        int order = 0;
        if (!getter_get(c, &g, item, &key, e) || (val_len(l) > 1 && !need_defined(c, key, e))) {
            return false;
        }
        if (i && !(max ? val_compare(best, key, &order, e) : val_compare(key, best, &order, e))) {
            return err_wrap(e, c->at, "in '%s'", c->name);
        }
        if (i == 0 || order < 0) {
            best = key;
            *out = item;
        }
    }
    return true;
}

static bool f_min(struct jcall *c, struct val *out, struct err *e) {
    return extreme(c, false, out, e);
}
FILTER(min) = {.doc = "The smallest item.",
               .params = "value, case_sensitive=False, attribute=None",
               .fn = f_min,
               .example = "[2, 1] | min == 1"};

static bool f_max(struct jcall *c, struct val *out, struct err *e) {
    return extreme(c, true, out, e);
}
FILTER(max) = {.doc = "The largest item.",
               .params = "value, case_sensitive=False, attribute=None",
               .fn = f_max,
               .example = "[2, 1] | max == 2"};

static bool f_groupby(struct jcall *c, struct val *out, struct err *e) {
    bool exact = false;
    struct val l;
    if (!arg_bool(c, 3, false, &exact, e) || !jinja_iter(c, c->args[0], &l, e)) {
        return false;
    }
    size_t n = val_len(l);
    struct getter g = {.path = c->args[1], .fold = !exact, .def = opt_val(c, 2)};
    struct sort_item *items = ARENA_ARRAY(c->a, struct sort_item, n ? n : 1);
    for (size_t i = 0; i < n; i++) {
        items[i].value = val_at_index(l, i);
        if (!getter_get(c, &g, items[i].value, &items[i].key, e) || (n > 1 && !need_defined(c, items[i].key, e))) {
            return false;
        }
    }
    if (!sort_items(c, items, n, false, e)) {
        return false;
    }
    *out = val_list(c->a, 8);
    g.fold = false;
    for (size_t i = 0; i < n;) {
        struct val key, group = val_list(c->a, 4), pair = val_tuple(c->a, 2);
        size_t start = i;
        if (!getter_get(c, &g, items[i].value, &key, e)) {
            return false;
        }
        for (; i < n && val_equal(items[i].key, items[start].key); i++) {
            val_push(c->a, group, items[i].value);
        }
        if (i == start) {  // not equal to itself (nan)
            val_push(c->a, group, items[i++].value);
        }
        pair.spare = VAL_SPARE_GROUP;
        val_push(c->a, pair, key);
        val_push(c->a, pair, group);
        val_push(c->a, *out, pair);
    }
    return true;
}
FILTER(groupby) = {
    .doc = "Items grouped by an attribute.",
    .params = "value, attribute, default=None, case_sensitive=False",
    .fn = f_groupby,
    .example = "([{'g': 1, 'n': 'a'}, {'g': 2, 'n': 'b'}] | groupby('g') | map('first') | list) == [1, 2]"};

// -- sum -------------------------------------------------------------------------------------------------------------

static bool add(struct jcall *c, struct val *acc, struct val v, struct err *e) {
    if (v.kind == VAL_UNDEF) {
        return undef_fail(c->ctx, v, c->at, e);
    }
    if (val_is_seq(v) && acc->kind == v.kind) {
        for (size_t i = 0; i < val_len(v); i++) {
            val_push(c->a, *acc, val_at_index(v, i));
        }
        return true;
    }
    return op_binary(c->ctx, T_ADD, *acc, v, acc, e);
}

static bool f_sum(struct jcall *c, struct val *out, struct err *e) {
    struct val l, start = opt_val(c, 2);
    if (!jinja_iter(c, c->args[0], &l, e)) {
        return false;
    }
    struct val acc = is_undef(start) && !start.u.undef ? val_int(0) : start;
    if (acc.kind == VAL_STR) {
        return plug_err(c, e, ERR_TYPE, "strings cannot be summed, use join");
    }
    if (val_is_seq(acc)) {
        acc = val_copy(c->a, acc);
    }
    struct getter g = {.path = opt_val(c, 1)};
    for (size_t i = 0; i < val_len(l); i++) {
        struct val v;
        if (!getter_get(c, &g, val_at_index(l, i), &v, e) || !add(c, &acc, v, e)) {
            return false;
        }
    }
    *out = acc;
    return true;
}
FILTER(sum) = {.doc = "Sum of the items.",
               .params = "iterable, attribute=None, start=0",
               .fn = f_sum,
               .example = "[{'n': 1}, {'n': 2}] | sum(attribute='n') == 3"};

// -- cutting ---------------------------------------------------------------------------------------------------------

/// A number of items that is no whole number: none where nothing is filled up.
static bool batch_size(struct jcall *c, int64_t *count, struct err *e) {
    if (c->ctx->opts->ansible || !opt_none(c, 2)) {
        return arg_int(c, 1, 0, count, e);
    }
    struct val v = c->args[1];
    bool whole = v.kind == VAL_FLOAT && v.u.f >= 0 && v.u.f < 1e9 && (double)(int64_t)v.u.f == v.u.f;
    *count = whole ? (int64_t)v.u.f : -1;
    return need_defined(c, v, e);
}

static bool f_batch(struct jcall *c, struct val *out, struct err *e) {
    int64_t count = -1;  // no row is ever as long as what is no number
    struct val l;
    if (!jinja_iter(c, c->args[0], &l, e) || (val_len(l) && !as_int(c->args[1], &count) && !batch_size(c, &count, e))) {
        return false;
    }
    *out = val_list(c->a, 4);
    as_generator(c, out);
    struct val row = val_list(c->a, 4);
    for (size_t i = 0; i < val_len(l); i++) {
        if ((int64_t)val_len(row) == count) {
            val_push(c->a, *out, row);
            row = val_list(c->a, 4);
        }
        val_push(c->a, row, val_at_index(l, i));
    }
    if (!val_len(row)) {
        return true;
    }
    if (count > (int64_t)ITEMS_CAP) {
        return plug_err(c, e, ERR_LIMIT, "'linecount' must be at most %zu", ITEMS_CAP);
    }
    while (!opt_none(c, 2) && (int64_t)val_len(row) < count) {
        val_push(c->a, row, c->args[2]);
    }
    val_push(c->a, *out, row);
    return true;
}
FILTER(batch) = {.doc = "Items in rows of a length.",
                 .params = "value, linecount, fill_with=None",
                 .lazy = true,
                 .fn = f_batch,
                 .example = "[1, 2, 3] | batch(2, 0) | list == [[1, 2], [3, 0]]"};

static bool f_slice(struct jcall *c, struct val *out, struct err *e) {
    int64_t slices = 0;
    struct val l;
    if (!arg_int(c, 1, 0, &slices, e) || !jinja_iter(c, c->args[0], &l, e)) {
        return false;
    }
    if (slices == 0) {
        return plug_err(c, e, ERR_ARGS, "'slices' must not be 0");
    }
    if (slices > (int64_t)ITEMS_CAP) {
        return plug_err(c, e, ERR_LIMIT, "'slices' must be at most %zu", ITEMS_CAP);
    }
    *out = val_list(c->a, slices > 0 ? (size_t)slices : 0);
    as_generator(c, out);
    size_t pos = 0;
    for (int64_t i = 0; i < slices; i++) {
        size_t per = val_len(l) / (size_t)slices, extra = val_len(l) % (size_t)slices;
        struct val row = val_list(c->a, per + 1);
        size_t end = pos + per + ((size_t)i < extra);
        while (pos < end) {
            val_push(c->a, row, val_at_index(l, pos++));
        }
        if (!opt_none(c, 2) && (size_t)i >= extra) {
            val_push(c->a, row, c->args[2]);
        }
        val_push(c->a, *out, row);
    }
    return true;
}
FILTER(slice) = {.doc = "Items in a number of columns.",
                 .params = "value, slices, fill_with=None",
                 .lazy = true,
                 .fn = f_slice,
                 .example = "[1, 2, 3] | slice(2) | list == [[1, 2], [3]]"};

static bool is_nullish(struct val v) {
    return v.kind == VAL_NULL || str_eqz(val_text(v), "None") || str_eqz(val_text(v), "null");
}

/// `levels` < 0: all. Depth is bounded by what built the value.
static void flatten_to(struct jcall *c, struct val l, int64_t levels, bool skip, struct val out) {
    for (size_t i = 0; i < val_len(l); i++) {
        struct val v = val_at_index(l, i);
        if (skip && is_nullish(v)) {
            continue;
        }
        if (val_is_seq(v) && levels != 0) {
            flatten_to(c, v, levels < 0 ? levels : levels - 1, skip, out);
        } else {
            val_push(c->a, out, v);
        }
    }
}

static bool f_flatten(struct jcall *c, struct val *out, struct err *e) {
    int64_t levels = -1;
    bool skip = true;
    struct val l;
    if ((!opt_none(c, 1) && !arg_int(c, 1, -1, &levels, e)) || !arg_bool(c, 2, true, &skip, e) ||
        !jinja_iter(c, c->args[0], &l, e)) {
        return false;
    }
    if (!opt_none(c, 1) && levels < 0) {
        levels = 0;
    }
    *out = val_list(c->a, val_len(l));
    flatten_to(c, l, levels, skip, *out);
    return true;
}
FILTER(flatten) = {.doc = "Lists in lists as one list.",
                   .params = "mylist, levels=None, skip_nulls=True",
                   .fn = f_flatten,
                   .example = "[1, [2, [3]]] | flatten(levels=1) == [1, 2, [3]]"};
