// Python's `text % values`: the format filter and the operator.
#include "filters/support.h"
#include "filters/text.h"

#include <math.h>

#define WIDTH_MAX (1 << 20)

struct spec {
    bool minus, plus, space, zero, alt;
    int width, prec;  // -1: not given
    char type;
};
struct percent {
    struct arena *a;
    struct str f;
    size_t i;
    struct val args;
    size_t next;
    bool used_map;
    struct mark at;
    struct buf out;
};

static bool take(struct percent *p, struct val *v, struct err *e) {
    if (p->args.kind == VAL_TUPLE) {
        if (p->next >= val_len(p->args)) {
            return err_set(e, ERR_TYPE, p->at, "not enough arguments for format string");
        }
        *v = val_at_index(p->args, p->next++);
        return true;
    }
    if (p->next++) {
        return err_set(e, ERR_TYPE, p->at, "not enough arguments for format string");
    }
    *v = p->args;
    return true;
}

static bool named(struct percent *p, struct val *v, struct err *e) {
    size_t depth = 1, start = ++p->i;
    while (p->i < p->f.n && depth) {
        char ch = p->f.s[p->i++];
        depth += ch == '(';
        depth -= ch == ')';
    }
    if (depth) {
        return err_set(e, ERR_TYPE, p->at, "incomplete format key");
    }
    if (p->args.kind != VAL_DICT) {
        return err_set(e, ERR_TYPE, p->at, "format requires a mapping");
    }
    struct str key = str_sub(p->f, start, p->i - 1);
    *v = val_get_str(p->args, key);
    p->used_map = true;
    if (is_undef(*v) && !v->u.undef) {
        return err_set(e, ERR_TYPE, p->at, "the format string needs the key '%.*s'", STR(key));
    }
    return true;
}

static bool number(struct percent *p, int *out, struct err *e) {
    if (p->i < p->f.n && p->f.s[p->i] == '*') {
        struct val v;
        int64_t n;
        p->i++;
        if (!take(p, &v, e)) {
            return false;
        }
        if (!as_int(v, &n)) {
            return err_set(e, ERR_TYPE, p->at, "* wants int");
        }
        if (n > WIDTH_MAX || n < -WIDTH_MAX) {
            return err_set(e, ERR_LIMIT, p->at, "the format width is too large");
        }
        *out = (int)n;
        return true;
    }
    int n = 0;
    while (p->i < p->f.n && p->f.s[p->i] >= '0' && p->f.s[p->i] <= '9') {
        n = n * 10 + (p->f.s[p->i++] - '0');
        if (n > WIDTH_MAX) {
            return err_set(e, ERR_LIMIT, p->at, "the format width is too large");
        }
    }
    *out = n;
    return true;
}

static bool read_flags(struct percent *p, struct spec *s) {
    for (; p->i < p->f.n; p->i++) {
        switch (p->f.s[p->i]) {
        case '-':
            s->minus = true;
            break;
        case '+':
            s->plus = true;
            break;
        case ' ':
            s->space = true;
            break;
        case '0':
            s->zero = true;
            break;
        case '#':
            s->alt = true;
            break;
        default:
            return true;
        }
    }
    return false;
}

/// Reads one conversion behind its '%'. *has: the value came from %(name).
static bool read_spec(struct percent *p, struct spec *s, struct val *v, bool *has, struct err *e) {
    *s = (struct spec){.width = -1, .prec = -1};
    *has = false;
    if (p->i < p->f.n && p->f.s[p->i] == '(') {
        *has = true;
        if (!named(p, v, e)) {
            return false;
        }
    }
    read_flags(p, s);
    if (!number(p, &s->width, e)) {
        return false;
    }
    if (s->width < 0) {
        s->minus = true;
        s->width = -s->width;
    }
    if (p->i < p->f.n && p->f.s[p->i] == '.') {
        p->i++;
        if (!number(p, &s->prec, e)) {
            return false;
        }
        s->prec = s->prec < 0 ? 0 : s->prec;
    }
    while (p->i < p->f.n && (p->f.s[p->i] == 'l' || p->f.s[p->i] == 'h' || p->f.s[p->i] == 'L')) {
        p->i++;
    }
    if (p->i >= p->f.n) {
        return err_set(e, ERR_TYPE, p->at, "incomplete format");
    }
    s->type = p->f.s[p->i++];
    return true;
}

static void pad(struct buf *b, size_t n, char ch) {
    while (n--) {
        buf_char(b, ch);
    }
}

/// Writes sign/prefix and body padded to the width; zeros go between them.
static void put_padded(struct percent *p, const struct spec *s, struct str head, struct str body, bool zeros) {
    size_t len = head.n + utf8_len(body);
    size_t fill = s->width > 0 && (size_t)s->width > len ? (size_t)s->width - len : 0;
    if (!s->minus && !zeros) {
        pad(&p->out, fill, ' ');
    }
    buf_str(&p->out, head);
    if (!s->minus && zeros) {
        pad(&p->out, fill, '0');
    }
    buf_str(&p->out, body);
    if (s->minus) {
        pad(&p->out, fill, ' ');
    }
}

static struct str sign_of(const struct spec *s, bool negative, const char *prefix, char out[4]) {
    size_t n = 0;
    if (negative) {
        out[n++] = '-';
    } else if (s->plus) {
        out[n++] = '+';
    } else if (s->space) {
        out[n++] = ' ';
    }
    for (size_t i = 0; prefix[i] && n < 4; i++) {
        out[n++] = prefix[i];
    }
    return (struct str){out, n};
}

static bool put_int(struct percent *p, const struct spec *s, struct val v, struct err *e) {
    int64_t n;
    if (!as_int(v, &n)) {
        bool whole = s->type == 'd' || s->type == 'i' || s->type == 'u';
        if (v.kind != VAL_FLOAT || !whole) {
            return err_set(e, ERR_TYPE, p->at, "%%%c format: %s is required, not %s", s->type,
                           whole ? "a real number" : "an integer", val_type_name(v));
        }
        if (!(fabs(v.u.f) < 9.2e18)) {
            return err_set(e, ERR_TYPE, p->at, "%%%c format: the number is too large", s->type);
        }
        n = (int64_t)v.u.f;
    }
    uint64_t mag = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    struct buf b = BUF_IN(p->a);
    const char *prefix = "";
    if (s->type == 'o') {
        buf_printf(&b, "%llo", (unsigned long long)mag);
        prefix = s->alt ? "0o" : "";
    } else if (s->type == 'x') {
        buf_printf(&b, "%llx", (unsigned long long)mag);
        prefix = s->alt ? "0x" : "";
    } else if (s->type == 'X') {
        buf_printf(&b, "%llX", (unsigned long long)mag);
        prefix = s->alt ? "0X" : "";
    } else {
        buf_printf(&b, "%llu", (unsigned long long)mag);
    }
    struct buf body = BUF_IN(p->a);
    if (s->prec > 0 && (size_t)s->prec > b.n) {
        pad(&body, (size_t)s->prec - b.n, '0');
    }
    buf_str(&body, buf_view(&b));
    char head[4];
    put_padded(p, s, sign_of(s, n < 0, prefix, head), buf_view(&body), s->zero);
    return true;
}

static bool put_float(struct percent *p, const struct spec *s, struct val v, struct err *e) {
    double d = 0;
    if (!as_num(v, &d)) {
        return err_set(e, ERR_TYPE, p->at, "%%%c format: a real number is required, not %s", s->type, val_type_name(v));
    }
    int prec = s->prec < 0 ? 6 : s->prec;
    double mag = fabs(d);
    struct buf b = BUF_IN(p->a);
    bool alt = s->alt;
    switch (s->type) {
    case 'e':
        buf_printf(&b, alt ? "%#.*e" : "%.*e", prec, mag);
        break;
    case 'E':
        buf_printf(&b, alt ? "%#.*E" : "%.*E", prec, mag);
        break;
    case 'g':
        buf_printf(&b, alt ? "%#.*g" : "%.*g", prec, mag);
        break;
    case 'G':
        buf_printf(&b, alt ? "%#.*G" : "%.*G", prec, mag);
        break;
    case 'F':
        buf_printf(&b, alt ? "%#.*F" : "%.*F", prec, mag);
        break;
    default:
        buf_printf(&b, alt ? "%#.*f" : "%.*f", prec, mag);
        break;
    }
    char head[4];
    put_padded(p, s, sign_of(s, signbit(d) && !isnan(d), "", head), buf_view(&b), s->zero);
    return true;
}

static bool put_char(struct percent *p, const struct spec *s, struct val v, struct err *e) {
    int64_t n;
    char out[4];
    struct str text = val_text(v);
    if (as_int(v, &n)) {
        if (n < 0 || n > 0x10FFFF) {
            return err_set(e, ERR_TYPE, p->at, "%%c arg not in range(0x110000)");
        }
        text = (struct str){out, utf8_put((uint32_t)n, out)};
    } else if (v.kind != VAL_STR || utf8_len(text) != 1) {
        return err_set(e, ERR_TYPE, p->at, "%%c requires int or char");
    }
    put_padded(p, s, STR_LIT(""), text, false);
    return true;
}

static bool put_text(struct percent *p, const struct spec *s, struct val v, struct err *e) {
    if (is_undef(v)) {
        struct jcall c = {.a = p->a, .at = p->at, .name = "format"};
        return need_defined(&c, v, e);
    }
    struct buf b = BUF_IN(p->a);
    if (s->type == 's') {
        val_to_str(&b, v);
    } else {
        val_to_repr(&b, v);
    }
    struct str t = buf_view(&b);
    if (s->type == 'a') {
        struct buf q = BUF_IN(p->a);
        for (size_t i = 0; i < t.n;) {
            uint32_t cp = utf8_next(t, &i);
            if (cp < 0x80) {
                buf_char(&q, (char)cp);
            } else {
                buf_printf(&q, cp < 0x100 ? "\\x%02x" : cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp);
            }
        }
        t = buf_view(&q);
    }
    if (s->prec >= 0) {
        t = str_sub(t, 0, text_offset(t, (size_t)s->prec));
    }
    put_padded(p, s, STR_LIT(""), t, false);
    return true;
}

static bool convert_one(struct percent *p, struct err *e) {
    struct spec s;
    struct val v = {.kind = VAL_UNDEF};
    bool has = false;
    if (!read_spec(p, &s, &v, &has, e)) {
        return false;
    }
    if (s.type == '%') {
        buf_char(&p->out, '%');
        return true;
    }
    if (!s.type || !strchr("diuoxXeEfFgGcrsa", s.type)) {
        return err_set(e, ERR_TYPE, p->at, "unsupported format character '%c'", s.type);
    }
    if (!has && !take(p, &v, e)) {
        return false;
    }
    if (strchr("diuoxX", s.type)) {
        return put_int(p, &s, v, e);
    }
    if (strchr("eEfFgG", s.type)) {
        return put_float(p, &s, v, e);
    }
    return s.type == 'c' ? put_char(p, &s, v, e) : put_text(p, &s, v, e);
}

bool text_percent(struct arena *a, struct str fmt, struct val args, struct mark at, struct str *out, struct err *e) {
    struct percent p = {.a = a, .f = fmt, .args = args, .at = at, .out = {.a = a, .max = TEXT_CAP}};
    while (p.i < fmt.n) {
        size_t hit = str_find_char(fmt, p.i, '%');
        hit = hit == SIZE_MAX ? fmt.n : hit;
        buf_add(&p.out, fmt.s + p.i, hit - p.i);
        p.i = hit + 1;
        if (hit < fmt.n && !convert_one(&p, e)) {
            return false;
        }
    }
    bool left = args.kind == VAL_TUPLE ? p.next < val_len(args) : args.kind != VAL_DICT && p.next == 0;
    if (left && !p.used_map) {
        return err_set(e, ERR_TYPE, at, "not all arguments converted during string formatting");
    }
    if (p.out.full) {
        return err_set(e, ERR_LIMIT, at, "the formatted text is too long");
    }
    *out = buf_view(&p.out);
    return true;
}
