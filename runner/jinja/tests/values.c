// Tests on single values: kinds, numbers, case, names of filters and tests.
#include "bigint.h"
#include "filters/support.h"
#include "filters/text.h"

#include <math.h>

static bool t_defined(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    *out = !is_undef(c->args[0]);
    return true;
}
JTEST(defined) = {
    .doc = "Has a value.", .params = "value", .takes_undef = true, .fn = t_defined, .example = "1 is defined"};

static bool t_undefined(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    *out = is_undef(c->args[0]);
    return true;
}
JTEST(undefined) = {.doc = "Has no value.",
                    .params = "value",
                    .takes_undef = true,
                    .fn = t_undefined,
                    .example = "nosuch is undefined"};

static bool t_none(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    *out = c->args[0].kind == VAL_NULL;
    return true;
}
JTEST(none) = {.doc = "Is none.", .params = "value", .takes_undef = true, .fn = t_none, .example = "none is none"};

static bool t_boolean(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    *out = c->args[0].kind == VAL_BOOL;
    return true;
}
JTEST(boolean) = {
    .doc = "Is true or false.", .params = "value", .takes_undef = true, .fn = t_boolean, .example = "true is boolean"};

static bool t_true(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    *out = c->args[0].kind == VAL_BOOL && c->args[0].u.b;
    return true;
}
JTEST(true) = {.doc = "Is true.", .params = "value", .takes_undef = true, .fn = t_true, .example = "true is true"};

static bool t_false(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    *out = c->args[0].kind == VAL_BOOL && !c->args[0].u.b;
    return true;
}
JTEST(false) = {.doc = "Is false.", .params = "value", .takes_undef = true, .fn = t_false, .example = "false is false"};

static bool t_integer(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    *out = c->args[0].kind == VAL_INT || is_big(c->args[0]);
    return true;
}
JTEST(integer) = {
    .doc = "Is an integer.", .params = "value", .takes_undef = true, .fn = t_integer, .example = "1 is integer"};

static bool t_float(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    *out = c->args[0].kind == VAL_FLOAT;
    return true;
}
JTEST(float) = {.doc = "Is a float.", .params = "value", .takes_undef = true, .fn = t_float, .example = "1.5 is float"};

static bool t_number(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    double d;
    *out = as_num(c->args[0], &d);
    return true;
}
JTEST(number) = {
    .doc = "Is a number.", .params = "value", .takes_undef = true, .fn = t_number, .example = "1 is number"};

static bool t_string(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    *out = c->args[0].kind == VAL_STR;
    return true;
}
JTEST(string) = {.doc = "Is text.", .params = "value", .takes_undef = true, .fn = t_string, .example = "'a' is string"};

static bool t_mapping(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    *out = is_mapping(c->args[0]);
    return true;
}
JTEST(mapping) = {
    .doc = "Is a dictionary.", .params = "value", .takes_undef = true, .fn = t_mapping, .example = "{} is mapping"};

static bool has_items(struct val v) {
    return v.kind == VAL_STR || is_mapping(v) || (val_is_seq(v) && !no_positions(v));
}

static bool t_sequence(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    struct val v = c->args[0];
    *out = has_items(v) || (v.kind == VAL_UNDEF && !undef_strict(c->ctx, v));  // a lenient one is an empty list
    return true;
}
JTEST(sequence) = {.doc = "Has a length and items by position or key.",
                   .params = "value",
                   .takes_undef = true,
                   .fn = t_sequence,
                   .example = "[] is sequence"};

static bool t_iterable(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    struct val v = c->args[0];
    bool lenient = v.kind == VAL_UNDEF && !undef_strict(c->ctx, v);
    *out = has_items(v) || val_is_seq(v) || lenient || (v.kind == VAL_OBJ && v.u.o->type->iter);
    return true;
}
JTEST(iterable) = {.doc = "Can be looped over.", .params = "value", .fn = t_iterable, .example = "[] is iterable"};

/// Functions, macros, bound methods: the objects the engine can call.
static bool val_callable(struct val v) {
    static const char *const names[] = {"builtin_function_or_method", "Macro", "Joiner", "LoopContext",
                                        "BlockReference"};
    for (size_t i = 0; v.kind == VAL_OBJ && i < COUNTOF(names); i++) {
        if (strcmp(v.u.o->type->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool t_callable(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    *out = is_undef(c->args[0]) || val_callable(c->args[0]);
    return true;
}
JTEST(callable) = {
    .doc = "Can be called.", .params = "value", .takes_undef = true, .fn = t_callable, .example = "range is callable"};

static bool t_escaped(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    *out = (is_undef(c->args[0]) && (c->ctx->opts->ansible || c->ctx->opts->undefined == UNDEF_CHAINABLE)) ||
           (c->args[0].kind == VAL_STR && (c->args[0].flags & VAL_MARKUP));
    return true;
}
JTEST(escaped) = {.doc = "Is HTML already.",
                  .params = "value",
                  .takes_undef = true,
                  .fn = t_escaped,
                  .example = "('a' | escape) is escaped"};

/// Identity as CPython gives it for what templates can name: singletons, cached numbers, the same container.
static bool t_sameas(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    struct val a = c->args[0], b = c->args[1];
    if (a.kind != b.kind) {
        *out = false;
    } else if (val_is_seq(a)) {
        *out = a.u.l == b.u.l;
    } else if (a.kind == VAL_DICT) {
        *out = a.u.d == b.u.d;
    } else if (a.kind == VAL_OBJ) {
        *out = a.u.o == b.u.o;
    } else {
        *out = !is_undef(a) && val_equal(a, b);
    }
    return true;
}
JTEST(sameas) = {.doc = "Is the same object.",
                 .params = "value, other",
                 .takes_undef = true,
                 .fn = t_sameas,
                 .example = "true is sameas true"};

static bool t_lower(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    *out = text_is_lower(text_of(c, c->args[0]));
    return true;
}
JTEST(lower) = {.doc = "Is lower case.", .params = "value", .fn = t_lower, .example = "'a' is lower"};

static bool t_upper(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    *out = text_is_upper(text_of(c, c->args[0]));
    return true;
}
JTEST(upper) = {.doc = "Is upper case.", .params = "value", .fn = t_upper, .example = "'A' is upper"};

static bool t_filter(struct jcall *c, bool *out, struct err *e) {
    if (c->args[0].kind != VAL_STR) {
        *out = false;
        return val_hashable(c->args[0]) || is_undef(c->args[0]) ||
               bad_arg(c, e, "value", "the name of a filter", c->args[0]);
    }
    *out = plugin_known(c->ctx, PLUGIN_FILTER, val_text(c->args[0]));
    return true;
}
JTEST(filter) = {.doc = "Is the name of a filter.", .params = "value", .fn = t_filter, .example = "'upper' is filter"};

static bool t_test(struct jcall *c, bool *out, struct err *e) {
    if (c->args[0].kind != VAL_STR) {
        *out = false;
        return val_hashable(c->args[0]) || is_undef(c->args[0]) ||
               bad_arg(c, e, "value", "the name of a test", c->args[0]);
    }
    *out = plugin_known(c->ctx, PLUGIN_TEST, val_text(c->args[0]));
    return true;
}
JTEST(test) = {.doc = "Is the name of a test.", .params = "value", .fn = t_test, .example = "'odd' is test"};

/// Python's %: the sign of the divisor.
static bool remainder_is(struct jcall *c, struct val num, int64_t want, bool *out, struct err *e) {
    struct val got = {0};
    for (size_t i = 0; i < 2; i++) {
        struct val v = i ? num : c->args[0];
        if (v.kind == VAL_UNDEF) {
            return undef_fail(c->ctx, v, c->at, e);
        }
        bool format =
            v.kind == VAL_STR && !i && str_find_char(val_text(v), 0, '%') != SIZE_MAX;  // to Python, text % num
        if (!is_whole(v) && v.kind != VAL_FLOAT && !format) {
            return bad_arg(c, e, i ? "num" : "value", "a number", v);
        }
    }
    if (!op_binary(c->ctx, T_MOD, c->args[0], num, &got, e)) {
        return false;
    }
    *out = op_equal(got, val_int(want));
    return true;
}

static bool t_odd(struct jcall *c, bool *out, struct err *e) {
    return remainder_is(c, val_int(2), 1, out, e);
}
JTEST(odd) = {.doc = "Is odd.", .params = "value", .fn = t_odd, .example = "1 is odd"};

static bool t_even(struct jcall *c, bool *out, struct err *e) {
    return remainder_is(c, val_int(2), 0, out, e);
}
JTEST(even) = {.doc = "Is even.", .params = "value", .fn = t_even, .example = "2 is even"};

static bool t_divisibleby(struct jcall *c, bool *out, struct err *e) {
    return remainder_is(c, c->args[1], 0, out, e);
}
JTEST(divisibleby) = {
    .doc = "Is a multiple.", .params = "value, num", .fn = t_divisibleby, .example = "6 is divisibleby 3"};

static bool t_nan(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    *out = c->args[0].kind == VAL_FLOAT && isnan(c->args[0].u.f);
    return true;
}
JTEST(nan) = {
    .doc = "Is not a number.", .params = "x", .fn = t_nan, .aliases = "isnan", .example = "('nan' | float) is nan"};

static bool t_vault_encrypted(struct jcall *c, bool *out, struct err *e) {
    (void)e;
    *out = c->args[0].kind == VAL_STR && (c->args[0].flags & VAL_VAULTED);
    return true;
}
JTEST(vault_encrypted) = {.doc = "Is an inline vault value.",
                          .params = "value",
                          .takes_sealed = true,
                          .fn = t_vault_encrypted,
                          .example = "'a' is not vault_encrypted"};

/// Ansible's words for true and false; *known false for anything else.
static bool truth_words(struct val v, bool *known) {
    bool r = false;
    *known = val_as_bool(v, &r);
    return r;
}

static bool truthy(struct jcall *c, bool *out, struct err *e) {
    bool convert = false, known = false;
    if (!arg_bool(c, 1, false, &convert, e)) {
        return false;
    }
    bool words = convert && truth_words(c->args[0], &known);
    *out = known ? words : val_truth(c->args[0]);
    return true;
}

static bool t_truthy(struct jcall *c, bool *out, struct err *e) {
    return truthy(c, out, e);
}
JTEST(truthy) = {.doc = "Counts as true.",
                 .params = "value, convert_bool=False",
                 .fn = t_truthy,
                 .example = "'yes' is truthy(convert_bool=True)"};

static bool t_falsy(struct jcall *c, bool *out, struct err *e) {
    if (!truthy(c, out, e)) {
        return false;
    }
    *out = !*out;
    return true;
}
JTEST(falsy) = {
    .doc = "Counts as false.", .params = "value, convert_bool=False", .fn = t_falsy, .example = "'' is falsy"};
