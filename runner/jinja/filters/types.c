// Filters on single values: default, mandatory, ternary, conversions, rounding, type names.
#include "bigint.h"
#include "filters/support.h"
#include "filters/text.h"

#include <math.h>

static bool f_default(struct jcall *c, struct val *out, struct err *e) {
    bool falsy = false;
    struct val v = c->args[0];
    struct val how = opt_val(c, 2);
    if (is_undef(how) && how.u.undef && !is_undef(v)) {  // an undefined variable asks for nothing, or fails when strict
        if (undef_strict(c->ctx, how)) {
            return undef_fail(c->ctx, how, c->at, e);
        }
    } else if (!is_undef(v) && !arg_bool(c, 2, false, &falsy, e)) {
        return false;
    }
    if (!is_undef(v) && (!falsy || val_truth(v))) {
        *out = v;
        return true;
    }
    struct val d = opt_val(c, 1);
    *out = is_undef(d) && !d.u.undef ? val_z(c->a, "") : d;
    return true;
}
FILTER(default) = {.doc = "Another value when this one is undefined.",
                   .params = "value, default_value='', boolean=False",
                   .takes_undef = true,
                   .fn = f_default,
                   .aliases = "d",
                   .example = "nosuch | default('x') == 'x'"};

static bool f_mandatory(struct jcall *c, struct val *out, struct err *e) {
    struct val v = c->args[0];
    *out = v;
    if (!is_undef(v)) {
        return true;
    }
    if (!opt_none(c, 1)) {
        return err_set(e, ERR_ARGS, c->at, "%.*s", STR(text_of(c, c->args[1])));
    }
    if (v.u.undef && v.u.undef->name.n) {
        return err_set(e, ERR_ARGS, c->at, "Mandatory variable '%.*s'  not defined.", STR(v.u.undef->name));
    }
    return err_set(e, ERR_ARGS, c->at, "Mandatory variable  not defined.");
}
FILTER(mandatory) = {.doc = "Fail when undefined.",
                     .params = "value, msg=None",
                     .takes_undef = true,
                     .fn = f_mandatory,
                     .example = "1 | mandatory == 1"};

static bool f_ternary(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    struct val v = c->args[0];
    if (v.kind == VAL_NULL && !opt_none(c, 3)) {
        *out = c->args[3];
    } else {
        *out = val_truth(v) ? c->args[1] : c->args[2];
    }
    return true;
}
FILTER(ternary) = {.doc = "One of two or three values.",
                   .params = "value, true_val, false_val, none_val=None",
                   .fn = f_ternary,
                   .example = "true | ternary('yes', 'no') == 'yes'"};

static bool f_bool(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    static const char *const yes[] = {"yes", "on", "1", "true"};
    struct val v = c->args[0];
    *out = v;
    if (v.kind == VAL_NULL || v.kind == VAL_BOOL) {
        return true;
    }
    bool r = (v.kind == VAL_INT && v.u.i == 1) || (v.kind == VAL_FLOAT && v.u.f == 1.0);
    if (v.kind == VAL_STR) {
        struct str low = text_lower(c->a, val_text(v));
        for (size_t i = 0; i < COUNTOF(yes); i++) {
            r = r || str_eqz(low, yes[i]);
        }
    }
    *out = val_bool(r);
    return true;
}
FILTER(bool) = {.doc = "yes, on, 1 and true are true.", .params = "value", .fn = f_bool, .example = "'yes' | bool"};

static bool float_to_int(struct jcall *c, double d, struct val *out, struct err *e) {
    if (isinf(d)) {
        return plug_err(c, e, ERR_TYPE, "infinity cannot become an integer");
    }
    return big_from_float(c->a, d, out, e);
}

static bool f_int(struct jcall *c, struct val *out, struct err *e) {
    int64_t base = 10, n = 0;
    struct val v = c->args[0];
    if (!arg_int(c, 2, 10, &base, e)) {
        return false;
    }
    if (as_int(v, &n) || is_big(v)) {
        *out = is_big(v) ? v : val_int(n);
        return true;
    }
    double d = 0;
    if (v.kind == VAL_STR) {
        int r = base < 0 || base > 36 ? 0 : text_to_whole(c->a, val_text(v), (int)base, out, e);
        if (r) {
            return r > 0;
        }
    }
    bool number = v.kind == VAL_STR ? text_to_float(c->a, val_text(v), &d) : as_num(v, &d);
    if (number && !isnan(d)) {
        return float_to_int(c, d, out, e);
    }
    *out = arg_given(c, 1) ? c->args[1] : val_int(0);
    return true;
}
FILTER(int) = {
    .doc = "To an integer.", .params = "value, default=0, base=10", .fn = f_int, .example = "'12' | int == 12"};

static bool f_float(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    double d = 0;
    struct val v = c->args[0];
    if (v.kind == VAL_STR ? text_to_float(c->a, val_text(v), &d) : as_num(v, &d)) {
        *out = val_float(d);
    } else {
        *out = arg_given(c, 1) ? c->args[1] : val_float(0.0);
    }
    return true;
}
FILTER(float) = {
    .doc = "To a float.", .params = "value, default=0.0", .fn = f_float, .example = "'1.5' | float == 1.5"};

static bool f_abs(struct jcall *c, struct val *out, struct err *e) {
    int64_t n;
    struct val v = c->args[0];
    if (v.kind == VAL_FLOAT) {
        *out = val_float(fabs(v.u.f));
        return true;
    }
    if (!is_whole(v)) {
        return bad_arg(c, e, "value", "a number", v);
    }
    bool neg = is_big(v) ? big_digits(v).s[0] == '-' : as_int(v, &n) && n < 0;
    return neg ? op_negate(c->ctx, v, out, e) : op_binary(c->ctx, T_ADD, v, val_int(0), out, e);
}
FILTER(abs) = {.doc = "Absolute value.", .params = "value", .fn = f_abs, .example = "-1 | abs == 1"};

/// Python's round(int, negative digits): to the nearest multiple of 10^digits, halves to even.
static bool round_whole(struct jcall *c, struct val v, int64_t precision, struct val *out, struct err *e) {
    struct jinja_ctx *x = c->ctx;
    struct val unit, q, rest, twice, odd;
    int order = 0;
    if (precision >= 0) {
        return op_binary(x, T_ADD, v, val_int(0), out, e);  // True is 1
    }
    if (precision < -BIG_DIGITS) {
        *out = val_int(0);
        return true;
    }
    if (!op_binary(x, T_POW, val_int(10), val_int(-precision), &unit, e) || !op_binary(x, T_FLOORDIV, v, unit, &q, e) ||
        !op_binary(x, T_MOD, v, unit, &rest, e) || !op_binary(x, T_MUL, rest, val_int(2), &twice, e) ||
        !op_binary(x, T_MOD, q, val_int(2), &odd, e) || !val_compare(twice, unit, &order, e)) {
        return false;
    }
    bool up = order > 0 || (order == 0 && val_truth(odd));
    return op_binary(x, T_ADD, q, val_int(up), &q, e) && op_binary(x, T_MUL, q, unit, out, e);
}

static double round_float(struct arena *a, double d, int64_t precision) {
    if (!isfinite(d) || precision > 320) {
        return d;
    }
    if (precision >= 0) {
        struct buf b = BUF_IN(a);
        buf_printf(&b, "%.*f", (int)precision, d);
        return strtod(buf_view(&b).s, NULL);
    }
    if (precision < -308) {
        return 0.0 * d;
    }
    double unit = pow(10, (double)-precision);
    double q = d / unit, r = round(q);
    if (fabs(q - r) == 0.5) {
        r = 2.0 * round(q / 2.0);
    }
    return r * unit;
}

static bool f_round(struct jcall *c, struct val *out, struct err *e) {
    int64_t precision = 0;
    struct str method;
    struct val v = c->args[0];
    double d = 0;
    if (!arg_int(c, 1, 0, &precision, e) || !opt_str(c, 2, "method", STR_LIT("common"), &method, e)) {
        return false;
    }
    if (!as_num(v, &d)) {
        return bad_arg(c, e, "value", "a number", v);
    }
    if (str_eqz(method, "common")) {
        if (is_whole(v)) {
            return round_whole(c, v, precision, out, e);
        }
        *out = val_float(round_float(c->a, d, precision));
        return true;
    }
    bool up = str_eqz(method, "ceil");
    if (!up && !str_eqz(method, "floor")) {
        return plug_err(c, e, ERR_ARGS, "'method' must be common, ceil or floor, not '%.*s'", STR(method));
    }
    double unit = pow(10, (double)precision);
    double scaled = d * unit;
    if (!isfinite(scaled) || unit == 0.0) {
        return plug_err(c, e, ERR_TYPE, "the number is too large to be rounded so");
    }
    *out = val_float(((up ? ceil(scaled) : floor(scaled)) + 0.0) / unit);  // a whole number in between: no -0.0
    return true;
}
FILTER(round) = {.doc = "Round a number.",
                 .params = "value, precision=0, method='common'",
                 .fn = f_round,
                 .example = "2.567 | round(1) == 2.6"};

static bool f_filesizeformat(struct jcall *c, struct val *out, struct err *e) {
    static const char *const units[2][8] = {{"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"},
                                            {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"}};
    bool binary = false;
    double d = 0;
    struct val v = c->args[0];
    if (!arg_bool(c, 1, false, &binary, e)) {
        return false;
    }
    if (v.kind == VAL_STR ? !text_to_float(c->a, val_text(v), &d) : !as_num(v, &d)) {
        return bad_arg(c, e, "value", "a number", v);
    }
    double base = binary ? 1024 : 1000;
    if (d == 1) {
        *out = val_z(c->a, "1 Byte");
        return true;
    }
    if (d < base) {
        struct val whole = VNULL;
        if (!big_from_float(c->a, d, &whole, e)) {
            return err_wrap(e, c->at, "in '%s'", c->name);
        }
        struct str digits = val_str_of(c->a, whole);
        *out = val_printf(c->a, "%.*s Bytes", STR(digits));
        return true;
    }
    double unit = base * base;
    size_t i = 0;
    while (i < 7 && !(d < unit)) {
        unit *= base;
        i++;
    }
    *out = val_printf(c->a, "%.1f %s", base * d / unit, units[binary][i]);
    return true;
}
FILTER(filesizeformat) = {.doc = "A size for people.",
                          .params = "value, binary=False",
                          .fn = f_filesizeformat,
                          .example = "1000 | filesizeformat == '1.0 kB'"};

static bool f_type_debug(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    struct val v = c->args[0];
    const char *name = val_type_name(v);
    if (c->ctx->v219) {
        name = is_undef(v) ? "UndefinedMarker" : name;
    } else if (is_undef(v)) {
        name = "AnsibleUndefined";
    } else if (v.kind == VAL_STR) {
        if (v.flags & VAL_VAULTED) {
            name = "AnsibleVaultEncryptedUnicode";
        } else if (v.flags & VAL_MARKUP) {
            name = "Markup";
        } else if (v.flags & VAL_SAFE_JSON) {
            name = v.flags & VAL_UNSAFE ? "NativeJinjaUnsafeText" : "NativeJinjaText";
        } else if (v.flags & VAL_UNSAFE) {
            name = "AnsibleUnsafeText";
        } else if (v.flags & VAL_TRUSTED) {
            name = "AnsibleUnicode";
        }
    }
    *out = val_z(c->a, name);
    return true;
}
FILTER(type_debug) = {.doc = "Python's name of the type.",
                      .params = "value",
                      .takes_undef = true,
                      .fn = f_type_debug,
                      .example = "[1] | type_debug == 'list'"};

static bool f_attr(struct jcall *c, struct val *out, struct err *e) {
    struct val v = c->args[0];
    if (c->args[1].kind != VAL_STR) {
        return bad_arg(c, e, "name", "a string", c->args[1]);
    }
    if (is_undef(v)) {
        return jinja_getattr(c->ctx, v, STR_LIT("attr"), c->at, out, e);
    }
    struct str name = val_text(c->args[1]);
    if (v.kind == VAL_OBJ || v.kind == VAL_TUPLE) {
        return jinja_getattr(c->ctx, v, name, c->at, out, e);
    }
    // Plain values have methods only; foo["bar"] is no attribute.
    struct val method;
    if (v.kind == VAL_DICT && !is_undef(val_get_str(v, name))) {
        if (!jinja_getattr(c->ctx, val_dict(c->a, 0), name, c->at, &method, e)) {
            return false;
        }
        if (is_undef(method)) {
            *out = method;
            return true;
        }
    }
    return jinja_getattr(c->ctx, v, name, c->at, out, e);
}
FILTER(attr) = {.doc = "An attribute, never an item.",
                .params = "obj, name",
                .takes_undef = true,
                .fn = f_attr,
                .example = "[] | attr('nosuch') is undefined"};
