// Filters that apply filters and tests to each item: map, select, reject, selectattr, rejectattr.
#include "filters/support.h"

static bool map_attribute(struct jcall *c, struct val l, struct val *out, struct err *e) {
    static const char *const names[] = {"attribute", "default", NULL};
    if (!only_kw(c, names, e)) {
        return false;
    }
    struct getter g = {.path = opt_kw(c, "attribute"), .def = opt_kw(c, "default")};
    for (size_t i = 0; i < val_len(l); i++) {
        struct val v;
        if (!getter_get(c, &g, val_at_index(l, i), &v, e)) {
            return false;
        }
        val_push(c->a, *out, v);
    }
    return true;
}

static bool f_map(struct jcall *c, struct val *out, struct err *e) {
    struct val l;
    *out = val_list(c->a, 8);
    as_generator(c, out);
    if (!val_truth(c->args[0])) {
        return true;
    }
    if (!jinja_iter(c, c->args[0], &l, e)) {
        return false;
    }
    if (c->nargs < 2) {
        struct val attr = opt_kw(c, "attribute");
        if (is_undef(attr) && !attr.u.undef) {
            return plug_err(c, e, ERR_ARGS, "the name of a filter or 'attribute=' is needed");
        }
        return map_attribute(c, l, out, e);
    }
    if (c->args[1].kind != VAL_STR) {
        return bad_arg(c, e, "filter", "the name of a filter", c->args[1]);
    }
    size_t n = c->nargs - 1;
    struct val *args = ARENA_ARRAY(c->a, struct val, n);
    memcpy(args + 1, c->args + 2, (n - 1) * sizeof *args);
    for (size_t i = 0; i < val_len(l); i++) {
        struct val v;
        args[0] = val_at_index(l, i);
        if (!jinja_call_filter(c->ctx, val_text(c->args[1]), args, n, c->kwargs, c->at, &v, e)) {
            return false;
        }
        val_push(c->a, *out, v);
    }
    return true;
}
FILTER(map) = {.doc = "A filter or attribute of each item.",
               .params = "value, *, **",
               .lazy = true,
               .fn = f_map,
               .example = "[{'n': 1}, {'n': 2}] | map(attribute='n') | list == [1, 2]"};

/// `attr`: the first argument is an attribute; `want`: what the test must say for an item to stay.
static bool pick(struct jcall *c, bool attr, bool want, struct val *out, struct err *e) {
    struct val l;
    *out = val_list(c->a, 8);
    as_generator(c, out);
    if (!val_truth(c->args[0])) {
        return true;
    }
    if (!jinja_iter(c, c->args[0], &l, e)) {
        return false;
    }
    size_t at = attr ? 2 : 1;
    if (c->nargs < at) {
        return plug_err(c, e, ERR_ARGS, "the name of an attribute is needed");
    }
    bool test = c->nargs > at;
    if (test && c->args[at].kind != VAL_STR) {
        return bad_arg(c, e, "test", "the name of a test", c->args[at]);
    }
    size_t n = test ? c->nargs - at : 1;
    struct val *args = ARENA_ARRAY(c->a, struct val, n);
    if (test) {
        memcpy(args + 1, c->args + at + 1, (n - 1) * sizeof *args);
    }
    struct getter g = {.path = attr ? c->args[1] : (struct val){.kind = VAL_UNDEF}};
    for (size_t i = 0; i < val_len(l); i++) {
        struct val item = val_at_index(l, i);
        bool yes = false;
        if (!getter_get(c, &g, item, &args[0], e)) {
            return false;
        }
        if (test) {
            if (!jinja_call_test(c->ctx, val_text(c->args[at]), args, n, c->kwargs, c->at, &yes, e)) {
                return false;
            }
        } else {
            if (!need_defined(c, args[0], e)) {
                return false;
            }
            yes = val_truth(args[0]);
        }
        if (yes == want) {
            val_push(c->a, *out, item);
        }
    }
    return true;
}

static bool f_select(struct jcall *c, struct val *out, struct err *e) {
    return pick(c, false, true, out, e);
}
FILTER(select) = {.doc = "Items that pass a test.",
                  .params = "value, *, **",
                  .lazy = true,
                  .fn = f_select,
                  .example = "[1, 2, 3] | select('odd') | list == [1, 3]"};

static bool f_reject(struct jcall *c, struct val *out, struct err *e) {
    return pick(c, false, false, out, e);
}
FILTER(reject) = {.doc = "Items that fail a test.",
                  .params = "value, *, **",
                  .lazy = true,
                  .fn = f_reject,
                  .example = "[1, 2, 3] | reject('odd') | list == [2]"};

static bool f_selectattr(struct jcall *c, struct val *out, struct err *e) {
    return pick(c, true, true, out, e);
}
FILTER(selectattr) = {.doc = "Items whose attribute passes a test.",
                      .params = "value, *, **",
                      .lazy = true,
                      .fn = f_selectattr,
                      .example = "[{'n': 1}, {'n': 2}] | selectattr('n', '>', 1) | list == [{'n': 2}]"};

static bool f_rejectattr(struct jcall *c, struct val *out, struct err *e) {
    return pick(c, true, false, out, e);
}
FILTER(rejectattr) = {.doc = "Items whose attribute fails a test.",
                      .params = "value, *, **",
                      .lazy = true,
                      .fn = f_rejectattr,
                      .example = "[{'n': 1}, {'n': 2}] | rejectattr('n', '>', 1) | list == [{'n': 1}]"};
