// Text formatting as Python does it: `%` and str.format with number formats. Attributes are never reached from a
// format.
#include "ast.h"
#include "bigint.h"
#include "markup.h"

#include <math.h>

#define WIDTH_MAX 100000

/// A parsed format: [[fill]align][sign][z][#][0][width][,][.precision][type], also what a % directive says.
struct spec {
    struct str fill;
    char align, sign, group, type;
    bool alt, zero, plus_zero;  // plus_zero: a negative number that is rounded to zero has no sign
    int64_t width, precision;   // precision -1: none
};

// -- pieces ----------------------------------------------------------------------------------------------------------

static void pad_out(struct buf *out, const struct spec *f, struct str text, char def_align) {
    char align = (char)(f->align ? f->align : def_align);
    int64_t len = (int64_t)utf8_len(text), pad = f->width > len ? f->width - len : 0;
    int64_t left = align == '>' || align == '=' ? pad : align == '^' ? pad / 2 : 0;
    struct str fill = f->fill.n ? f->fill : STR_LIT(" ");
    for (int64_t i = 0; i < left; i++) {
        buf_str(out, fill);
    }
    buf_str(out, text);
    for (int64_t i = left; i < pad; i++) {
        buf_str(out, fill);
    }
}

/// Digits with separators every `step`, padded with zeros to `min` characters.
static void group_digits(struct buf *b, struct str digits, char sep, size_t step, size_t min) {
    size_t n = digits.n;
    while (n + (n - 1) / step < min) {
        n++;
    }
    for (size_t i = 0; i < n; i++) {
        buf_char(b, (char)(i < n - digits.n ? '0' : digits.s[i - (n - digits.n)]));
        size_t left = n - 1 - i;
        if (left && left % step == 0) {
            buf_char(b, sep);
        }
    }
}

/// Puts sign, prefix and digits together; `digits` is the integer part with what follows it.
static void number_out(struct buf *out, const struct spec *f, bool neg, const char *prefix, struct str digits) {
    struct buf b = {0};
    const char *sign = neg ? "-" : f->sign == '+' ? "+" : f->sign == ' ' ? " " : "";
    size_t whole = 0;
    while (whole < digits.n && ((digits.s[whole] >= '0' && digits.s[whole] <= '9') ||
                                (prefix[0] && digits.s[whole] >= 'A' && digits.s[whole] != '_'))) {
        whole++;
    }
    whole = f->type == 'x' || f->type == 'X' ? digits.n : whole;
    bool inner = f->zero || f->align == '=';
    struct str fill = f->zero && !f->fill.n ? STR_LIT("0") : f->fill.n ? f->fill : STR_LIT(" ");
    struct buf grouped = {0};
    if (f->group) {
        bool hex = f->type == 'x' || f->type == 'X' || f->type == 'b' || f->type == 'o';
        int64_t room = f->width - (int64_t)(strlen(sign) + strlen(prefix) + (digits.n - whole));
        size_t min = inner && str_eqz(fill, "0") && room > 0 ? (size_t)room : 0;
        group_digits(&grouped, str_sub(digits, 0, whole), f->group, hex ? 4 : 3, min);
        buf_str(&grouped, str_sub(digits, whole, digits.n));
        digits = buf_view(&grouped);
    }
    int64_t used = (int64_t)(strlen(sign) + strlen(prefix) + digits.n);
    buf_z(&b, sign);
    buf_z(&b, prefix);
    for (int64_t i = used; inner && i < f->width; i++) {
        buf_str(&b, fill);
    }
    buf_str(&b, digits);
    pad_out(out, f, buf_view(&b), '>');
    buf_release(&grouped);
    buf_release(&b);
}

static bool char_out(struct buf *out, const struct spec *f, struct val v, struct err *e) {
    char text[4];
    int64_t cp = v.kind == VAL_BOOL ? v.u.b : v.kind == VAL_INT ? v.u.i : -1;
    if (cp < 0 || cp > 0x10FFFF) {
        return err_set(e, ERR_TYPE, NO_MARK, "%%c arg not in range(0x110000)");
    }
    pad_out(out, f, (struct str){text, utf8_put((uint32_t)cp, text)}, '<');
    return true;
}

/// A whole number of any size in the base of its format.
static bool int_out(struct buf *out, const struct spec *f, struct val v, struct err *e) {
    struct arena scratch = {0};
    int base = f->type == 'b' ? 2 : f->type == 'o' ? 8 : f->type == 'x' || f->type == 'X' ? 16 : 10;
    const char *prefix = !f->alt || base == 10 ? ""
                         : base == 2           ? "0b"
                         : base == 8           ? "0o"
                         : f->type == 'x'      ? "0x"
                                               : "0X";
    if (f->type == 'c') {
        return char_out(out, f, v, e);
    }
    bool neg = is_big(v) ? big_digits(v).s[0] == '-' : v.kind == VAL_INT && v.u.i < 0;
    struct str digits = big_in_base(&scratch, v, base);
    struct buf body = {0};
    for (int64_t i = (int64_t)digits.n; f->precision >= 0 && i < f->precision; i++) {
        buf_char(&body, '0');
    }
    for (size_t i = 0; i < digits.n; i++) {
        buf_char(&body, (char)(f->type == 'X' && digits.s[i] >= 'a' ? digits.s[i] - 32 : digits.s[i]));
    }
    number_out(out, f, neg, prefix, buf_view(&body));
    buf_release(&body);
    arena_release(&scratch);
    return true;
}

static double number_float(struct val v) {
    return v.kind == VAL_FLOAT ? v.u.f : is_big(v) ? big_float(v) : v.kind == VAL_BOOL ? v.u.b : (double)v.u.i;
}

static void fixed_out(struct buf *b, const struct spec *f, double m, int prec) {
    buf_printf(b, f->alt ? "%#.*f" : "%.*f", prec, m);
}

static void exponent_out(struct buf *b, const struct spec *f, double m, int prec) {
    if (f->type == 'e') {
        buf_printf(b, f->alt ? "%#.*e" : "%.*e", prec, m);
    } else {
        buf_printf(b, f->alt ? "%#.*E" : "%.*E", prec, m);
    }
}

static void float_out(struct buf *out, const struct spec *f, double v) {
    struct buf b = {0};
    bool neg = signbit(v) && !isnan(v);
    double m = fabs(v);
    int prec = f->precision < 0 ? 6 : (int)f->precision;
    if (f->type == 0 && f->precision < 0) {
        float_repr(&b, m);
    } else if (f->type == '%') {
        fixed_out(&b, f, m * 100, prec);
        buf_char(&b, '%');
    } else if (f->type == 'e' || f->type == 'E') {
        exponent_out(&b, f, m, prec);
    } else if (f->type == 'g' || f->type == 'G' || f->type == 0 || f->type == 'n') {
        prec = prec == 0 ? 1 : prec;
        buf_printf(&b, f->type == 'G' ? (f->alt ? "%#.*G" : "%.*G") : (f->alt ? "%#.*g" : "%.*g"), prec, m);
        struct str t = buf_view(&b);
        if (f->type == 0 && str_find_char(t, 0, '.') == SIZE_MAX && str_find_char(t, 0, 'e') == SIZE_MAX && !isinf(m) &&
            !isnan(m)) {
            buf_z(&b, ".0");
        }
    } else {
        fixed_out(&b, f, m, prec);
    }
    struct str t = buf_view(&b);
    neg = neg && !(f->plus_zero && !isinf(m) && !isnan(m) && strtod(t.s, NULL) == 0);
    number_out(out, f, neg, "", t);
    buf_release(&b);
}

static struct str cut(struct str s, int64_t precision) {
    if (precision < 0) {
        return s;
    }
    size_t i = 0;
    for (int64_t k = 0; k < precision && i < s.n; k++) {
        utf8_next(s, &i);
    }
    return str_sub(s, 0, i);
}

// -- format specs ----------------------------------------------------------------------------------------------------

static bool is_align(char c) {
    return c == '<' || c == '>' || c == '^' || c == '=';
}

static bool read_int(struct str s, size_t *i, int64_t *out) {
    size_t from = *i;
    int64_t v = 0;
    while (*i < s.n && s.s[*i] >= '0' && s.s[*i] <= '9' && v <= WIDTH_MAX) {
        v = v * 10 + (s.s[(*i)++] - '0');
    }
    if (*i > from) {
        *out = v;
    }
    return v <= WIDTH_MAX;
}

static bool read_spec(struct str s, struct spec *f, struct err *e) {
    size_t i = 0, second = 0;
    *f = (struct spec){.precision = -1};
    if (s.n) {
        utf8_next(s, &second);
    }
    if (second < s.n && is_align(s.s[second])) {
        f->fill = str_sub(s, 0, second);
        f->align = s.s[second];
        i = second + 1;
    } else if (s.n && is_align(s.s[0])) {
        f->align = s.s[i++];
    }
    if (i < s.n && (s.s[i] == '+' || s.s[i] == '-' || s.s[i] == ' ')) {
        f->sign = s.s[i++];
    }
    if (i < s.n && s.s[i] == 'z') {
        f->plus_zero = true;
        i++;
    }
    if (i < s.n && s.s[i] == '#') {
        f->alt = true;
        i++;
    }
    if (i < s.n && s.s[i] == '0' && !f->fill.n) {
        f->zero = !f->align;
        f->fill = f->align ? STR_LIT("0") : STR_NONE;
        i++;
    }
    bool ok = read_int(s, &i, &f->width);
    if (i < s.n && (s.s[i] == ',' || s.s[i] == '_')) {
        f->group = s.s[i++];
    }
    if (i < s.n && s.s[i] == '.') {
        size_t from = ++i;
        f->precision = 0;
        ok = ok && read_int(s, &i, &f->precision);
        if (i == from) {
            return err_set(e, ERR_TYPE, NO_MARK, "Format specifier missing precision");
        }
    }
    if (!ok) {
        return err_set(e, ERR_LIMIT, NO_MARK, "width or precision in format specifier is larger than %d", WIDTH_MAX);
    }
    if (i < s.n) {
        f->type = s.s[i++];
    }
    if (i < s.n) {
        return err_set(e, ERR_TYPE, NO_MARK, "Invalid format specifier '%.*s'", STR(s));
    }
    if (f->group && f->type && !strchr(f->group == '_' ? "deEfFgG%boxX" : "deEfFgG%", f->type)) {
        return err_set(e, ERR_TYPE, NO_MARK, "Cannot specify '%c' with '%c'.", f->group, f->type);
    }
    return true;
}

static bool unknown_code(char code, struct val v, struct err *e) {
    return err_set(e, ERR_TYPE, NO_MARK, "Unknown format code '%c' for object of type '%s'", code, val_type_name(v));
}

bool fmt_spec(struct val v, struct str spec, struct buf *out, struct err *e) {
    struct spec f = {0};
    if (!spec.n) {
        val_to_str(out, v);
        return true;
    }
    if (!read_spec(spec, &f, e)) {
        return false;
    }
    bool whole = is_whole(v);
    if (whole && (f.type == 0 || strchr("bcdoxXn", f.type))) {
        if (f.precision >= 0 || f.plus_zero) {
            return err_set(e, ERR_TYPE, NO_MARK, "%s not allowed in integer format specifier",
                           f.precision >= 0 ? "Precision" : "Negative zero coercion (z)");
        }
        return int_out(out, &f, v, e);
    }
    if (whole || v.kind == VAL_FLOAT) {
        if (f.type && !strchr("eEfFgGn%", f.type)) {
            return unknown_code(f.type, v, e);
        }
        float_out(out, &f, number_float(v));
        return true;
    }
    if (v.kind != VAL_STR) {
        return err_set(e, ERR_TYPE, NO_MARK, "unsupported format string passed to %s.__format__", val_type_name(v));
    }
    if (f.type && f.type != 's') {
        return unknown_code(f.type, v, e);
    }
    if (f.sign || f.plus_zero || f.align == '=' || f.alt || f.group) {
        return err_set(e, ERR_TYPE, NO_MARK,
                       "a sign, 'z', '#', '=' and a separator are not for text in a format specifier");
    }
    if (f.zero && !f.fill.n) {
        f.fill = STR_LIT("0");
    }
    pad_out(out, &f, cut(val_text(v), f.precision), '<');
    return true;
}

/// Python's ascii(): other characters as \\x, \\u and \\U.
static struct buf ascii_only(struct arena *a, struct str s) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < s.n;) {
        uint32_t cp = utf8_next(s, &i);
        if (cp < 0x80) {
            buf_char(&b, (char)cp);
        } else {
            buf_printf(&b, cp < 0x100 ? "\\x%02x" : cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp);
        }
    }
    return b;
}

// -- str.format ------------------------------------------------------------------------------------------------------

struct fields {
    struct jcall *c;
    size_t next;  // the next automatic index
    bool manual, automatic;
    struct err *e;
};

static bool field_arg(struct fields *s, struct str name, struct val *out) {
    struct jcall *c = s->c;
    int64_t i;
    if (!name.n) {
        s->automatic = true;
        i = (int64_t)s->next++;
    } else if (str_int(name, &i)) {
        s->manual = true;
    } else {
        if (c->kwargs.kind != VAL_DICT || !val_has_key(c->kwargs, val_str(c->a, name))) {
            return err_set(s->e, ERR_TYPE, c->at, "format: no argument '%.*s'", STR(name));
        }
        *out = val_get_str(c->kwargs, name);  // which may be undefined
        return true;
    }
    if (s->manual && s->automatic) {
        return err_set(s->e, ERR_TYPE, c->at,
                       "cannot switch from manual field specification to automatic field numbering");
    }
    if (i < 0 || (size_t)i + 1 >= c->nargs) {
        return err_set(s->e, ERR_TYPE, c->at, "Replacement index %lld out of range for positional args tuple",
                       (long long)i);
    }
    *out = c->args[i + 1];
    return true;
}

/// The value of `name[key].attr`: items and attributes of plain data only, as values are all there is.
static bool field_value(struct fields *s, struct str field, struct val *out) {
    size_t end = 0;
    while (end < field.n && field.s[end] != '.' && field.s[end] != '[') {
        end++;
    }
    if (!field_arg(s, str_sub(field, 0, end), out)) {
        return false;
    }
    while (end < field.n) {
        bool item = field.s[end] == '[';
        size_t from = ++end;
        while (end < field.n && (item ? field.s[end] != ']' : field.s[end] != '.' && field.s[end] != '[')) {
            end++;
        }
        struct str key = str_sub(field, from, end);
        end += item;
        int64_t i;
        bool chained = out->kind == VAL_UNDEF;  // its items are itself, where it has any
        bool ok = item && str_int(key, &i)
                      ? jinja_getitem(s->c->ctx, *out, val_int(i), s->c->at, out, s->e)
                      : item && jinja_getitem(s->c->ctx, *out, val_str(s->c->a, key), s->c->at, out, s->e);
        if (!item) {
            return err_set(s->e, ERR_TYPE, s->c->at, "format: attributes are not available, use '[%.*s]'", STR(key));
        }
        if (!ok || (out->kind == VAL_UNDEF && !chained)) {
            return ok ? undef_fail(s->c->ctx, *out, s->c->at, s->e) : false;
        }
    }
    return true;
}

/// The matching '}' of a field at s[i] (behind its '{'), or SIZE_MAX.
static size_t field_end(struct str s, size_t i) {
    int depth = 1;
    for (; i < s.n; i++) {
        depth += s.s[i] == '{' ? 1 : s.s[i] == '}' ? -1 : 0;
        if (depth == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static bool format_text(struct fields *s, struct str f, unsigned depth, struct buf *out);

/// What `!r`, `!s` and `!a` make of a value.
static bool converted(struct fields *s, char conv, struct val *v) {
    struct buf b = BUF_IN(s->c->a);
    if (conv == 'r' || conv == 'a') {
        val_to_repr(&b, *v);
        b = conv == 'a' ? ascii_only(s->c->a, buf_view(&b)) : b;
    } else if (conv == 's') {
        val_to_str(&b, *v);
    } else {
        return err_set(s->e, ERR_TYPE, s->c->at, "Unknown conversion specifier in format");
    }
    *v = val_str(s->c->a, buf_view(&b));
    return true;
}

static bool format_field(struct fields *s, struct str body, unsigned depth, struct buf *out) {
    size_t end = 0;
    bool bracket = false;
    while (end < body.n && (bracket || (body.s[end] != '!' && body.s[end] != ':'))) {
        bracket = body.s[end] == '[' || (bracket && body.s[end] != ']');
        end++;
    }
    struct val v = {0};
    if (!field_value(s, str_sub(body, 0, end), &v)) {
        return false;
    }
    char conv = (char)(end + 1 < body.n && body.s[end] == '!' ? body.s[end + 1] : 0);
    if (conv != 'r' && conv != 'a' && undef_strict(s->c->ctx, v)) {
        return undef_fail(s->c->ctx, v, s->c->at, s->e);
    }
    if (end < body.n && body.s[end] == '!') {
        if (!converted(s, conv, &v)) {
            return false;
        }
        end += 2;
    }
    struct buf spec = BUF_IN(s->c->a);
    if (end < body.n && body.s[end] == ':' && !format_text(s, str_sub(body, end + 1, body.n), depth + 1, &spec)) {
        return false;
    }
    if (v.kind == VAL_UNDEF) {  // prints as nothing, and has no format; a chainable one seems to have __html_format__
        bool chainable = s->c->ctx->opts->undefined == UNDEF_CHAINABLE && is_markup(s->c->args[0]);
        return spec.n || chainable ? undef_fail(s->c->ctx, v, s->c->at, s->e)
                                   : (val_to_str(out, undef_shown(s->c->ctx, v)), true);
    }
    if (!is_markup(s->c->args[0])) {
        return fmt_spec(v, buf_view(&spec), out, s->e);
    }
    if (is_markup(v)) {
        return spec.n ? err_set(s->e, ERR_TYPE, s->c->at, "Unsupported format specification for Markup.")
                      : (buf_str(out, val_text(v)), true);
    }
    struct buf plain = BUF_IN(s->c->a);
    if (!fmt_spec(v, buf_view(&spec), &plain, s->e)) {
        return false;
    }
    html_escape(out, buf_view(&plain));
    return true;
}

static bool format_text(struct fields *s, struct str f, unsigned depth, struct buf *out) {
    if (depth > 2) {
        return err_set(s->e, ERR_TYPE, s->c->at, "Max string recursion exceeded");
    }
    for (size_t i = 0; i < f.n; i++) {
        char ch = f.s[i];
        if ((ch == '{' || ch == '}') && i + 1 < f.n && f.s[i + 1] == ch && depth == 0) {
            buf_char(out, ch);
            i++;
        } else if (ch == '{') {
            size_t end = field_end(f, i + 1);
            if (end == SIZE_MAX) {
                return err_set(s->e, ERR_TYPE, s->c->at, "expected '}' before end of string");
            }
            if (!format_field(s, str_sub(f, i + 1, end), depth, out)) {
                return false;
            }
            i = end;
        } else if (ch == '}') {
            return err_set(s->e, ERR_TYPE, s->c->at, "Single '}' encountered in format string");
        } else {
            buf_char(out, ch);
        }
    }
    return out->full ? err_set(s->e, ERR_LIMIT, s->c->at, "formatted text is too long") : true;
}

bool fmt_format(struct jcall *c, struct str f, struct str *out, struct err *e) {
    struct fields s = {.c = c, .e = e};
    struct buf b = BUF_IN(c->a);
    b.max = cap_of(c->ctx, OUTPUT_CAP);
    if (!format_text(&s, f, 0, &b)) {
        return false;
    }
    *out = buf_view(&b);
    return true;
}

// -- the % operator --------------------------------------------------------------------------------------------------

struct percent {
    const struct jinja_ctx *c;
    struct arena *a;
    struct str f;
    bool html;  // the format is HTML: what goes in is escaped
    size_t i;
    struct val args;
    size_t next;
    bool mapped;
    struct err *e;
};

static bool percent_arg(struct percent *p, struct val *out) {
    if (p->args.kind == VAL_TUPLE) {
        if (p->next >= p->args.u.l->n) {
            return err_set(p->e, ERR_TYPE, NO_MARK, "not enough arguments for format string");
        }
        *out = p->args.u.l->items[p->next++];
        return true;
    }
    if (p->next++) {
        return err_set(p->e, ERR_TYPE, NO_MARK, "not enough arguments for format string");
    }
    *out = p->args;
    return true;
}

static bool percent_number(struct percent *p, int64_t *out) {
    if (p->i < p->f.n && p->f.s[p->i] == '*') {
        struct val v = {0};
        p->i++;
        if (!percent_arg(p, &v)) {
            return false;
        }
        if (v.kind != VAL_INT || v.u.i > WIDTH_MAX || v.u.i < -WIDTH_MAX) {
            return err_set(p->e, ERR_TYPE, NO_MARK, "* wants int");
        }
        *out = v.u.i;
        return true;
    }
    return read_int(p->f, &p->i, out)
               ? true
               : err_set(p->e, ERR_LIMIT, NO_MARK, "width or precision in format is larger than %d", WIDTH_MAX);
}

static bool percent_key(struct percent *p, struct val *v) {
    size_t end = str_find_char(p->f, p->i, ')');
    if (end == SIZE_MAX) {
        return err_set(p->e, ERR_TYPE, NO_MARK, "incomplete format key");
    }
    struct str key = str_sub(p->f, p->i + 1, end);
    if (p->args.kind != VAL_DICT) {
        return err_set(p->e, ERR_TYPE, NO_MARK, "format requires a mapping");
    }
    *v = val_get_str(p->args, key);
    if (v->kind == VAL_UNDEF && !v->u.undef) {
        return err_set(p->e, ERR_TYPE, NO_MARK, "format: no key '%.*s'", STR(key));
    }
    p->i = end + 1;
    p->mapped = true;
    return true;
}

static bool percent_number_out(struct percent *p, struct spec *f, struct val v, struct buf *out) {
    bool number = v.kind == VAL_FLOAT || is_whole(v);
    if (!number) {
        return err_set(p->e, ERR_TYPE, NO_MARK, "%%%c format: a %snumber is required, not %s", f->type,
                       strchr("di", f->type) ? "real " : "", val_type_name(v));
    }
    if (strchr("diuoxX", f->type)) {
        if (v.kind == VAL_FLOAT && strchr("oxX", f->type)) {
            return err_set(p->e, ERR_TYPE, NO_MARK, "%%%c format: an integer is required, not float", f->type);
        }
        return (v.kind != VAL_FLOAT || big_from_float(p->a, v.u.f, &v, p->e)) && int_out(out, f, v, p->e);
    }
    float_out(out, f, number_float(v));
    return true;
}

static bool percent_out(struct percent *p, struct spec *f, struct val v, struct buf *out) {
    bool shows = f->type == 'r' || f->type == 'a';  // that is no use of the value, not even under StrictUndefined
    if (v.kind == VAL_UNDEF && !shows && (f->type != 's' || !(v.spare & VAL_SPARE_PLAIN) || undef_strict(p->c, v))) {
        return err_set(p->e, ERR_UNDEFINED, NO_MARK, "an undefined value in a format");
    }
    if (strchr("diuoxXeEfFgG", f->type)) {
        return percent_number_out(p, f, v, out);
    }
    struct buf b = BUF_IN(p->a);
    if (f->type == 'c' && (v.kind == VAL_INT || v.kind == VAL_BOOL)) {
        return int_out(out, f, v, p->e);
    }
    if (f->type == 'c' && (v.kind != VAL_STR || utf8_len(val_text(v)) != 1)) {
        return err_set(p->e, ERR_TYPE, NO_MARK, "%%c requires int or char");
    }
    if (f->type == 'r' || f->type == 'a') {
        val_to_repr(&b, v);
    } else {
        val_to_str(&b, v);
    }
    if (f->type == 'a') {
        b = ascii_only(p->a, buf_view(&b));
    }
    if (p->html && !(f->type == 's' && is_markup(v))) {
        struct buf escaped = BUF_IN(p->a);
        html_escape(&escaped, buf_view(&b));
        b = escaped;
    }
    f->zero = false;
    pad_out(out, f, f->type == 'c' ? buf_view(&b) : cut(buf_view(&b), f->precision), '>');
    return true;
}

static bool percent_one(struct percent *p, struct buf *out) {
    struct spec f = {.precision = -1};
    struct val v = {0};
    bool left = false, keyed = false;
    if (p->i < p->f.n && p->f.s[p->i] == '(') {
        if (!percent_key(p, &v)) {
            return false;
        }
        keyed = true;
    }
    for (; p->i < p->f.n && p->f.s[p->i] && strchr("#0- +", p->f.s[p->i]); p->i++) {
        char flag = p->f.s[p->i];
        f.alt |= flag == '#';
        f.zero |= flag == '0';
        left |= flag == '-';
        f.sign = (char)(flag == '+' || (flag == ' ' && !f.sign) ? flag : f.sign);
    }
    if (!percent_number(p, &f.width)) {
        return false;
    }
    if (p->i < p->f.n && p->f.s[p->i] == '.') {
        p->i++;
        f.precision = 0;
        if (!percent_number(p, &f.precision)) {
            return false;
        }
    }
    left |= f.width < 0;
    f.width = f.width < 0 ? -f.width : f.width;
    f.align = left ? '<' : '>';
    f.zero = f.zero && !left;
    if (p->i < p->f.n && strchr("hlL", p->f.s[p->i])) {
        p->i++;
    }
    f.type = (char)(p->i < p->f.n ? p->f.s[p->i++] : 0);
    if (!f.type || !strchr("diuoxXeEfFgGcrsa", f.type)) {
        return err_set(p->e, ERR_TYPE, NO_MARK,
                       f.type ? "unsupported format character '%c' at index %zu" : "incomplete format", f.type,
                       p->i - 1);
    }
    return (keyed || percent_arg(p, &v)) && percent_out(p, &f, v, out);
}

bool fmt_percent(struct jinja_ctx *c, struct val format, struct val args, struct str *out, struct err *e) {
    struct arena *a = c->a;
    struct str f = val_text(format);
    struct percent p = {.c = c, .a = a, .f = f, .args = args, .html = is_markup(format), .e = e};
    struct buf b = BUF_IN(a);
    b.max = OUTPUT_CAP;
    while (p.i < f.n) {
        char ch = f.s[p.i++];
        if (ch != '%' || (p.i < f.n && f.s[p.i] == '%')) {
            buf_char(&b, ch);
            p.i += ch == '%';
        } else if (!percent_one(&p, &b)) {
            return false;
        }
    }
    bool left = args.kind == VAL_UNDEF ? false
                : args.kind == VAL_TUPLE
                    ? p.next < args.u.l->n
                    : !p.next && args.kind != VAL_DICT && (args.kind != VAL_LIST || no_positions(args));
    if (left && !p.mapped) {
        return err_set(e, ERR_TYPE, NO_MARK, "not all arguments converted during string formatting");
    }
    if (b.full) {
        return err_set(e, ERR_LIMIT, NO_MARK, "formatted text is too long");
    }
    *out = buf_view(&b);
    return true;
}
