// Python literals as ast.literal_eval reads them, for the values of INI inventories.
#include "inv_source.h"

#include <errno.h>

#define LITERAL_DEPTH 90

struct lit {
    struct arena *a;
    const char *p, *end;
    unsigned depth;
};

static bool lit_value(struct lit *l, struct val *out);

static void skip_space(struct lit *l) {
    while (l->p < l->end && (*l->p == ' ' || *l->p == '\t' || *l->p == '\f')) {
        l->p++;
    }
    if (l->p < l->end && *l->p == '#') {
        l->p = l->end;
    }
}

static bool take(struct lit *l, char c) {
    skip_space(l);
    if (l->p < l->end && *l->p == c) {
        l->p++;
        return true;
    }
    return false;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_word(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

// -- numbers ---------------------------------------------------------------------------------------------------------

static int digit_of(char c) {
    if (is_digit(c)) {
        return c - '0';
    }
    char low = (char)(c | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : 99;
}

/// Digits of one base with single underscores between them, to a number below 2^63.
static bool digits(const char *p, const char *end, unsigned base, uint64_t *out) {
    uint64_t v = 0;
    bool last = false;
    for (; p < end; p++) {
        if (*p == '_') {
            if (!last) {
                return false;
            }
            last = false;
            continue;
        }
        unsigned d = (unsigned)digit_of(*p);
        if (d >= base || v > ((uint64_t)INT64_MAX - d) / base) {
            return false;
        }
        v = v * base + d;
        last = true;
    }
    *out = v;
    return last;
}

static bool int_text(const char *p, const char *end, uint64_t *out) {
    if (end - p > 2 && *p == '0' && strchr("xXoObB", p[1])) {
        char kind = (char)(p[1] | 0x20);
        const char *from = p[2] == '_' ? p + 3 : p + 2;
        return digits(from, end, kind == 'x' ? 16 : kind == 'o' ? 8 : 2, out);
    }
    return digits(p, end, 10, out) && (*p != '0' || *out == 0);
}

static bool float_text(const char *p, const char *end, double *out) {
    char text[512];
    size_t n = 0;
    for (const char *q = p; q < end; q++) {
        if (*q == '_') {
            if (q == p || !is_digit(q[-1]) || q + 1 == end || !is_digit(q[1])) {
                return false;
            }
            continue;
        }
        if (n + 1 >= sizeof text) {
            return false;
        }
        text[n++] = *q;
    }
    text[n] = '\0';
    char *stop = NULL;
    *out = strtod(text, &stop);
    return stop == text + n;
}

/// Cuts the token of a number: digits, one point, an exponent with its sign.
static const char *number_end(const char *p, const char *end, bool *is_float) {
    *is_float = false;
    if (end - p > 1 && *p == '0' && strchr("xXoObB", p[1])) {
        while (p < end && is_word(*p)) {
            p++;
        }
        return p;
    }
    while (p < end) {
        if (*p == '.') {
            *is_float = true;
        } else if ((*p == 'e' || *p == 'E') && p + 1 < end && (is_digit(p[1]) || p[1] == '+' || p[1] == '-')) {
            *is_float = true;
            p++;
        } else if (!is_word(*p)) {
            break;
        }
        p++;
    }
    return p;
}

static bool lit_number(struct lit *l, bool negative, struct val *out) {
    bool is_float;
    const char *end = number_end(l->p, l->end, &is_float);
    if (is_float) {
        double f;
        if (!float_text(l->p, end, &f)) {
            return false;
        }
        *out = val_float(negative ? -f : f);
    } else {
        uint64_t u;
        if (!int_text(l->p, end, &u)) {
            return false;
        }
        *out = val_int(negative ? -(int64_t)u : (int64_t)u);
    }
    l->p = end;
    return true;
}

// -- strings ---------------------------------------------------------------------------------------------------------

static bool hex_escape(struct lit *l, unsigned n, struct buf *b, bool bytes) {
    uint32_t cp = 0;
    for (unsigned i = 0; i < n; i++) {
        if (l->p >= l->end || digit_of(*l->p) > 15) {
            return false;
        }
        cp = cp * 16 + (uint32_t)digit_of(*l->p++);
    }
    if (cp > 0x10ffff || (bytes && n > 2) || (cp >= 0xd800 && cp < 0xe000)) {
        return false;
    }
    char out[4];
    buf_add(b, out, utf8_put(cp, out));
    return true;
}

static bool octal_escape(struct lit *l, struct buf *b) {
    uint32_t cp = 0;
    for (unsigned i = 0; i < 3 && l->p < l->end && *l->p >= '0' && *l->p <= '7'; i++) {
        cp = cp * 8 + (uint32_t)(*l->p++ - '0');
    }
    char out[4];
    buf_add(b, out, utf8_put(cp, out));
    return true;
}

static bool escape(struct lit *l, struct buf *b, bool bytes) {
    static const char from[] = "\\'\"abfnrtv";
    static const char to[] = "\\'\"\a\b\f\n\r\t\v";
    if (l->p >= l->end) {
        return false;
    }
    char c = *l->p++;
    const char *known = c ? strchr(from, c) : NULL;
    if (known) {
        buf_char(b, to[known - from]);
        return true;
    }
    switch (c) {
    case 'x':
        return hex_escape(l, 2, b, bytes);
    case 'u':
        return hex_escape(l, 4, b, bytes);
    case 'U':
        return hex_escape(l, 8, b, bytes);
    case 'N':
        return false;
    default:
        if (c >= '0' && c <= '7') {
            l->p--;
            return octal_escape(l, b);
        }
        buf_char(b, '\\');
        buf_char(b, c);
        return true;
    }
}

struct prefix {
    bool raw, bytes;
    size_t n;
};

/// The letters before a quote; false when a string does not start here.
static bool string_prefix(const struct lit *l, struct prefix *out) {
    *out = (struct prefix){0};
    const char *p = l->p;
    bool uni = false;
    for (; p < l->end && p - l->p < 2; p++) {
        char c = (char)(*p | 0x20);
        if (c == 'r' && !out->raw && !uni) {
            out->raw = true;
        } else if (c == 'b' && !out->bytes && !uni) {
            out->bytes = true;
        } else if (c == 'u' && p == l->p) {
            uni = true;
        } else {
            break;
        }
    }
    out->n = (size_t)(p - l->p);
    return p < l->end && (*p == '\'' || *p == '"');
}

static bool at_quote(const struct lit *l, char quote, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (l->p + i >= l->end || l->p[i] != quote) {
            return false;
        }
    }
    return true;
}

static bool one_string(struct lit *l, struct prefix pre, struct buf *b) {
    l->p += pre.n;
    char quote = *l->p;
    size_t n = at_quote(l, quote, 3) ? 3 : 1;
    l->p += n;
    while (!at_quote(l, quote, n)) {
        if (l->p >= l->end) {
            return false;
        }
        char c = *l->p++;
        if (c == '\\' && !pre.raw) {
            if (!escape(l, b, pre.bytes)) {
                return false;
            }
            continue;
        }
        if (pre.bytes && (unsigned char)c >= 0x80) {
            return false;
        }
        buf_char(b, c);
        if (c == '\\') {
            if (l->p >= l->end) {
                return false;
            }
            buf_char(b, *l->p++);
        }
    }
    l->p += n;
    return true;
}

/// Strings that follow each other are one; bytes become text, as Ansible makes them.
static bool lit_string(struct lit *l, struct val *out) {
    struct buf b = BUF_IN(l->a);
    struct prefix pre;
    bool first = true;
    bool bytes = false;
    for (skip_space(l); string_prefix(l, &pre); skip_space(l)) {
        if ((!first && pre.bytes != bytes) || !one_string(l, pre, &b)) {
            return false;
        }
        bytes = pre.bytes;
        first = false;
    }
    *out = val_str(l->a, buf_view(&b));
    return true;
}

// -- containers ------------------------------------------------------------------------------------------------------

static bool items(struct lit *l, char close, struct val list, bool *comma) {
    *comma = false;
    while (!take(l, close)) {
        struct val v;
        if ((val_len(list) > 0 && !*comma) || !lit_value(l, &v)) {
            return false;
        }
        val_push(l->a, list, v);
        *comma = take(l, ',');
    }
    return true;
}

static bool lit_paren(struct lit *l, struct val *out) {
    struct val t = val_tuple(l->a, 4);
    bool comma;
    if (!items(l, ')', t, &comma)) {
        return false;
    }
    *out = val_len(t) == 1 && !comma ? val_at_index(t, 0) : t;
    return true;
}

static bool lit_dict(struct lit *l, struct val *out) {
    *out = val_dict(l->a, 4);
    bool comma = true;
    while (!take(l, '}')) {
        struct val k;
        struct val v;
        if (!comma || !lit_value(l, &k) || val_unhashable(&k) || !take(l, ':') || !lit_value(l, &v)) {
            return false;
        }
        val_set_key(l->a, *out, k, v);
        comma = take(l, ',');
    }
    return true;
}

static bool word(struct lit *l, const char *w) {
    size_t n = strlen(w);
    if ((size_t)(l->end - l->p) < n || memcmp(l->p, w, n) != 0 || (l->p + n < l->end && is_word(l->p[n]))) {
        return false;
    }
    l->p += n;
    return true;
}

static bool lit_name(struct lit *l, struct val *out) {
    if (word(l, "True")) {
        *out = val_bool(true);
    } else if (word(l, "False")) {
        *out = val_bool(false);
    } else if (word(l, "None")) {
        *out = VNULL;
    } else {
        return false;
    }
    return true;
}

static bool lit_atom(struct lit *l, struct val *out) {
    struct prefix pre;
    char c = *l->p;
    if (is_digit(c) || (c == '.' && l->p + 1 < l->end && is_digit(l->p[1]))) {
        return lit_number(l, false, out);
    }
    if (c == '-' || c == '+') {
        l->p++;
        skip_space(l);
        bool number = l->p < l->end && (is_digit(*l->p) || *l->p == '.');
        return number && lit_number(l, c == '-', out);
    }
    if (string_prefix(l, &pre)) {
        return lit_string(l, out);
    }
    bool comma;
    switch (c) {
    case '[':
        l->p++;
        *out = val_list(l->a, 4);
        return items(l, ']', *out, &comma);
    case '(':
        l->p++;
        return lit_paren(l, out);
    case '{':
        l->p++;
        return lit_dict(l, out);
    default:
        return lit_name(l, out);
    }
}

static bool lit_value(struct lit *l, struct val *out) {
    skip_space(l);
    if (l->p >= l->end || l->depth >= LITERAL_DEPTH) {
        return false;
    }
    l->depth++;
    bool ok = lit_atom(l, out);
    l->depth--;
    return ok;
}

bool py_literal(struct arena *a, struct str text, struct val *out) {
    struct lit l = {.a = a, .p = text.s, .end = text.s + text.n};
    if (text.n == 0 || memchr(text.s, 0, text.n) || memchr(text.s, '\n', text.n)) {
        return false;
    }
    struct val first;
    if (!lit_value(&l, &first)) {
        return false;
    }
    if (!take(&l, ',')) {
        skip_space(&l);
        *out = first;
        return l.p == l.end;
    }
    // "a, b" without brackets is a tuple
    struct val t = val_tuple(a, 4);
    val_push(a, t, first);
    bool comma = true;
    for (skip_space(&l); l.p < l.end; skip_space(&l)) {
        struct val v;
        if (!comma || !lit_value(&l, &v)) {
            return false;
        }
        val_push(a, t, v);
        comma = take(&l, ',');
    }
    *out = t;
    return true;
}

struct val inv_ini_value(struct arena *a, struct str text, bool secret, struct mark at) {
    struct val v;
    if (!py_literal(a, text, &v)) {
        v = val_str(a, text);
    }
    unsigned flags = VAL_TRUSTED | (secret ? (unsigned)VAL_SECRET : 0U);
    return val_at(val_mark_templates(val_reflag(a, v, 0, flags)), at);
}
