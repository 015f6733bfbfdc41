// Filters on numbers: log, pow, root, human_readable, human_to_bytes.
#include "filters/support.h"
#include "filters/text.h"

#include <math.h>

static bool number(struct jcall *c, size_t i, double def, double *out, struct err *e) {
    if (!arg_given(c, i)) {
        *out = def;
        return true;
    }
    return as_num(c->args[i], out) ||
           (need_defined(c, c->args[i], e) &&
            err_set(e, ERR_TYPE, c->at, "%s() can only be used on numbers, not %s", c->name, kind_article(c->args[i])));
}

static bool f_log(struct jcall *c, struct val *out, struct err *e) {
    double x, base;
    if (!number(c, 0, 0, &x, e) || !number(c, 1, M_E, &base, e)) {
        return false;
    }
    if (x <= 0 || base <= 0) {
        return plug_err(c, e, ERR_TYPE, "only numbers above 0 have a logarithm");
    }
    double low = base == 10 ? 1 : log(base);
    if (low == 0) {
        return plug_err(c, e, ERR_ARGS, "'base' must not be 1");
    }
    *out = val_float(base == 10 ? log10(x) : log(x) / low);
    return true;
}
FILTER(log) = {.doc = "Logarithm.", .params = "x, base=2.718281828459045", .fn = f_log, .example = "8 | log(2) == 3.0"};

static bool power(struct jcall *c, double x, double y, struct val *out, struct err *e) {
    double r = pow(x, y);
    if (isnan(r) && !isnan(x) && !isnan(y)) {
        return plug_err(c, e, ERR_TYPE, "a negative number has no such power");
    }
    if (isinf(r) && isfinite(x) && isfinite(y)) {
        return plug_err(c, e, ERR_TYPE, x == 0 ? "0 has no negative power" : "the result is too large");
    }
    *out = val_float(r);
    return true;
}

static bool f_pow(struct jcall *c, struct val *out, struct err *e) {
    double x, y;
    return number(c, 0, 0, &x, e) && number(c, 1, 0, &y, e) && power(c, x, y, out, e);
}
FILTER(pow) = {.doc = "Power.", .params = "x, y", .fn = f_pow, .example = "2 | pow(5) == 32"};

static bool f_root(struct jcall *c, struct val *out, struct err *e) {
    double x, base;
    if (!number(c, 0, 0, &x, e) || !number(c, 1, 2, &base, e)) {
        return false;
    }
    if (base == 0) {
        return plug_err(c, e, ERR_ARGS, "'base' must not be 0");
    }
    if (base == 2) {
        if (x < 0) {
            return plug_err(c, e, ERR_TYPE, "a negative number has no square root");
        }
        *out = val_float(sqrt(x));
        return true;
    }
    return power(c, x, 1.0 / base, out, e);
}
FILTER(root) = {.doc = "Root.", .params = "x, base=2", .fn = f_root, .example = "8 | root(3) == 2.0"};

// -- sizes -----------------------------------------------------------------------------------------------------------

static const char size_letters[] = "YZEPTGMKB";

/// What one unit of size_letters[i] is: 2^80 ... 1.
static double size_limit(size_t i) {
    return ldexp(1, (int)(80 - 10 * i));
}

static size_t size_index(char letter) {
    const char *p = letter ? strchr(size_letters, letter >= 'a' && letter <= 'z' ? letter - 32 : letter) : NULL;
    return p ? (size_t)(p - size_letters) : SIZE_MAX;
}

static bool f_human_readable(struct jcall *c, struct val *out, struct err *e) {
    bool bits = false;
    double size;
    struct str unit;
    if (!as_num(c->args[0], &size)) {
        return need_defined(c, c->args[0], e) &&
               err_set(e, ERR_TYPE, c->at, "human_readable() failed on bad input: expected a number, found %s",
                       kind_article(c->args[0]));
    }
    if (!arg_bool(c, 1, false, &bits, e) || !opt_str(c, 2, "unit", STR_NONE, &unit, e)) {
        return false;
    }
    size_t i = 0;
    if (unit.s) {
        i = unit.n == 1 ? size_index(unit.s[0]) : SIZE_MAX;
        i = i == SIZE_MAX ? 8 : i;
    } else {
        while (i < 8 && !(size >= size_limit(i))) {
            i++;
        }
    }
    if (i == 8) {
        *out = val_printf(c->a, "%.2f %s", size, bits ? "bits" : "Bytes");
    } else {
        *out = val_printf(c->a, "%.2f %c%c", size / size_limit(i), size_letters[i], bits ? 'b' : 'B');
    }
    return true;
}
FILTER(human_readable) = {.doc = "Bytes with a unit.",
                          .params = "size, isbits=False, unit=None",
                          .fn = f_human_readable,
                          .example = "1048576 | human_readable == '1.00 MB'"};

static bool is_letter(char ch) {
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
}

/// The leading number and the letters behind it.
static bool split_size(struct jcall *c, struct str s, double *num, struct str *unit) {
    s = text_strip(s, STR_NONE, STRIP_LEFT);
    size_t i = 0;
    bool dot = false;
    for (; i < s.n && ((s.s[i] >= '0' && s.s[i] <= '9') || (s.s[i] == '.' && !dot)); i++) {
        dot = dot || s.s[i] == '.';
    }
    if (!text_to_float(c->a, str_sub(s, 0, i), num)) {
        return false;
    }
    s = text_strip(str_sub(s, i, s.n), STR_NONE, STRIP_LEFT);
    for (i = 0; i < s.n && is_letter(s.s[i]); i++) {
    }
    *unit = str_sub(s, 0, i);
    return true;
}

static bool f_human_to_bytes(struct jcall *c, struct val *out, struct err *e) {
    bool bits = false;
    struct str unit, def;
    double num = 0, limit = 1;
    if (!opt_str(c, 1, "default_unit", STR_NONE, &def, e) || !arg_bool(c, 2, false, &bits, e)) {
        return false;
    }
    struct str text = text_of(c, c->args[0]);
    if (!split_size(c, text, &num, &unit)) {
        return plug_err(c, e, ERR_ARGS, "expected a number with a unit, found '%.*s'", STR(text));
    }
    unit = unit.n ? unit : def;
    if (unit.n) {
        size_t i = size_index(unit.s[0]);
        if (i == SIZE_MAX) {
            return plug_err(c, e, ERR_ARGS, "the unit must begin with one of Y Z E P T G M K B, found '%.*s'",
                            STR(unit));
        }
        struct str low = text_lower(c->a, unit);
        bool named = str_find(low, 0, str_from(bits ? "bit" : "byte")) != SIZE_MAX;
        if (unit.n > 1 && !named && unit.s[1] != (bits ? 'b' : 'B')) {
            return plug_err(c, e, ERR_ARGS, "the unit must be %c%c or %c, not '%.*s'", size_letters[i],
                            bits ? 'b' : 'B', size_letters[i], STR(unit));
        }
        limit = size_limit(i);
    } else if (def.s) {
        return plug_err(c, e, ERR_ARGS, "'default_unit' must not be empty");
    }
    double r = rint(num * limit);
    if (!(r < 9223372036854775808.0)) {
        return plug_err(c, e, ERR_LIMIT, "the size does not fit an integer of 64 bits");
    }
    *out = val_int((int64_t)r);
    return true;
}
FILTER(human_to_bytes) = {.doc = "Bytes of a size with a unit.",
                          .params = "size, default_unit=None, isbits=False",
                          .fn = f_human_to_bytes,
                          .example = "'1M' | human_to_bytes == 1048576"};
