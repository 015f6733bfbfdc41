// Python literals in text: what ansible's templating turns into lists, dicts and bools, with JSON's words understood
// too.
#include "ast.h"

#include <math.h>

#define LITERAL_DEPTH 90

struct reader {
    struct arena *a;
    struct str s;
    size_t i;
    unsigned depth;
    bool python;  // no JSON words
};

static bool value(struct reader *r, struct val *out);

/// Skips blanks and, inside brackets, newlines and comments.
static void skip(struct reader *r, bool lines) {
    while (r->i < r->s.n) {
        char c = r->s.s[r->i];
        if (c == ' ' || c == '\t' || c == '\f' || (lines && (c == '\n' || c == '\r'))) {
            r->i++;
        } else if (c == '#' && lines) {
            while (r->i < r->s.n && r->s.s[r->i] != '\n') {
                r->i++;
            }
        } else if (c == '\\' && r->i + 1 < r->s.n && r->s.s[r->i + 1] == '\n') {
            r->i += 2;
        } else {
            break;
        }
    }
}

static bool peek(struct reader *r, char c) {
    return r->i < r->s.n && r->s.s[r->i] == c;
}

static bool take(struct reader *r, char c) {
    bool yes = peek(r, c);
    r->i += yes;
    return yes;
}

// -- strings ---------------------------------------------------------------------------------------------------------

static bool hex(struct reader *r, size_t n, uint32_t *cp) {
    *cp = 0;
    for (size_t k = 0; k < n; k++, r->i++) {
        char c = (char)(r->i < r->s.n ? r->s.s[r->i] : 'g');
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0) {
            return false;
        }
        *cp = *cp * 16 + (uint32_t)d;
    }
    return *cp <= 0x10FFFF;
}

/// The second half of a surrogate pair, as JSON writes characters beyond the BMP.
static void pair(struct reader *r, uint32_t *cp) {
    size_t at = r->i;
    uint32_t low;
    if (*cp < 0xD800 || *cp > 0xDBFF || !take(r, '\\') || !take(r, 'u') || !hex(r, 4, &low) || low < 0xDC00 ||
        low > 0xDFFF) {
        r->i = at;
        return;
    }
    *cp = 0x10000 + ((*cp - 0xD800) << 10) + (low - 0xDC00);
}

static bool escape(struct reader *r, struct buf *b) {
    static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
    if (r->i >= r->s.n) {
        return false;
    }
    char c = r->s.s[r->i++], u[4];
    const char *simple = c ? strchr(from, c) : NULL;
    uint32_t cp = 0;
    if (simple) {
        buf_char(b, to[simple - from]);
        return true;
    }
    if (c == '\n') {
        return true;
    }
    if (c == 'x' || c == 'u' || c == 'U') {
        if (!hex(r, c == 'x' ? 2 : c == 'u' ? 4 : 8, &cp)) {
            return false;
        }
        pair(r, &cp);
    } else if (c >= '0' && c <= '7') {
        cp = (uint32_t)(c - '0');
        for (int k = 0; k < 2 && r->i < r->s.n && r->s.s[r->i] >= '0' && r->s.s[r->i] <= '7'; k++) {
            cp = cp * 8 + (uint32_t)(r->s.s[r->i++] - '0');
        }
    } else {
        buf_char(b, '\\');
        buf_char(b, c);
        return c != 'N';
    }
    buf_add(b, u, utf8_put(cp, u));
    return true;
}

/// One quoted string with its prefix; adds to `b`.
static bool quoted(struct reader *r, struct buf *b) {
    bool raw = take(r, 'r') || take(r, 'R');
    if (!raw && !take(r, 'u')) {
        (void)take(r, 'U');
    }
    char q = (char)(r->i < r->s.n ? r->s.s[r->i] : 0);
    if (q != '\'' && q != '"') {
        return false;
    }
    char three[3] = {q, q, q};
    bool triple = str_find(str_sub(r->s, r->i, r->i + 3), 0, (struct str){three, 3}) == 0;
    r->i += triple ? 3 : 1;
    while (r->i < r->s.n) {
        char c = r->s.s[r->i];
        if (c == q && (!triple || str_find(str_sub(r->s, r->i, r->i + 3), 0, (struct str){three, 3}) == 0)) {
            r->i += triple ? 3 : 1;
            return true;
        }
        if (c == '\n' && !triple) {
            return false;
        }
        r->i++;
        if (c != '\\') {
            buf_char(b, c);
        } else if (raw) {
            buf_char(b, c);
            if (r->i < r->s.n) {
                buf_char(b, r->s.s[r->i++]);
            }
        } else if (!escape(r, b)) {
            return false;
        }
    }
    return false;
}

static bool starts_string(const struct reader *r) {
    size_t i = r->i;
    if (i < r->s.n && strchr("rRuU", r->s.s[i]) && r->s.s[i]) {
        i++;
    }
    return i < r->s.n && (r->s.s[i] == '\'' || r->s.s[i] == '"');
}

static bool string(struct reader *r, struct val *out) {
    struct buf b = BUF_IN(r->a);
    while (starts_string(r)) {
        if (!quoted(r, &b)) {
            return false;
        }
        skip(r, r->depth > 0);
    }
    *out = val_str(r->a, buf_view(&b));
    return true;
}

// -- numbers and words -----------------------------------------------------------------------------------------------

/// 0x, 0o and 0b integers.
static bool based(struct reader *r, bool neg, struct val *out) {
    int base = (r->s.s[r->i + 1] | 0x20) == 'x' ? 16 : (r->s.s[r->i + 1] | 0x20) == 'o' ? 8 : 2;
    struct str digits = str_sub(r->s, r->i + 2, r->i + 2 + 63);
    char *text = str_z(r->a, digits), *end;
    long long v = strtoll(text, &end, base);
    if (end == text || v == INT64_MAX || *text == '-' || *text == '+') {
        return false;
    }
    r->i += 2 + (size_t)(end - text);
    *out = val_int(neg ? -v : v);
    return true;
}

static bool number(struct reader *r, struct val *out) {
    size_t from = r->i;
    bool neg = false;
    while (peek(r, '-') || peek(r, '+')) {
        neg ^= peek(r, '-');
        r->i++;
        skip(r, true);
        from = r->i;
    }
    if (r->i + 2 < r->s.n && r->s.s[r->i] == '0' && strchr("xXoObB", r->s.s[r->i + 1]) && r->s.s[r->i + 1]) {
        return based(r, neg, out);
    }
    bool is_float = false;
    struct buf b = BUF_IN(r->a);
    for (; r->i < r->s.n; r->i++) {
        char c = r->s.s[r->i];
        bool exp = (c == '+' || c == '-') && r->i > from && (r->s.s[r->i - 1] | 0x20) == 'e';
        if (!((c >= '0' && c <= '9') || c == '.' || c == 'e' || c == 'E' || c == '_' || exp)) {
            break;
        }
        is_float |= c == '.' || c == 'e' || c == 'E';
        if (c != '_') {
            buf_char(&b, c);
        }
    }
    struct str t = buf_view(&b);
    if (!t.n || (r->i < r->s.n && strchr("xXoObBjJ", r->s.s[r->i]) && r->s.s[r->i])) {
        return false;
    }
    if (is_float) {
        char *end;
        double f = strtod(t.s, &end);
        *out = val_float(neg ? -f : f);
        return end == t.s + t.n && (t.n > 1 || t.s[0] != '.');
    }
    int64_t i;
    bool zero = true;
    for (size_t k = 0; k < t.n; k++) {
        zero = zero && t.s[k] == '0';
    }
    if ((t.s[0] == '0' && t.n > 1 && !zero) || !str_int(t, &i)) {
        return false;
    }
    *out = val_int(neg ? -i : i);
    return true;
}

static bool word(struct reader *r, struct val *out) {
    static const struct {
        const char *name;
        int kind;  // 0 none, 1 false, 2 true
    } words[] = {{"None", 0}, {"null", 0}, {"False", 1}, {"false", 1}, {"True", 2}, {"true", 2}};
    for (size_t k = 0; k < COUNTOF(words); k++) {
        size_t n = strlen(words[k].name);
        struct str rest = str_sub(r->s, r->i, r->s.n);
        if (!str_starts(rest, words[k].name) || (r->python && words[k].name[0] >= 'a')) {
            continue;
        }
        char c = (char)(rest.n > n ? rest.s[n] : ' ');
        if (c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
            return false;
        }
        r->i += n;
        *out = words[k].kind ? val_bool(words[k].kind == 2) : VNULL;
        return true;
    }
    return false;
}

// -- containers ------------------------------------------------------------------------------------------------------

static bool items(struct reader *r, char close, struct val list, bool *comma) {
    *comma = false;
    skip(r, true);
    while (!take(r, close)) {
        struct val v;
        if (!value(r, &v)) {
            return false;
        }
        val_push(r->a, list, v);
        skip(r, true);
        if (take(r, ',')) {
            *comma = true;
            skip(r, true);
        } else if (!peek(r, close)) {
            return false;
        }
    }
    return true;
}

static bool usable_key(struct val v) {
    if (v.kind == VAL_TUPLE) {
        for (size_t i = 0; i < v.u.l->n; i++) {
            if (!usable_key(v.u.l->items[i])) {
                return false;
            }
        }
    }
    return v.kind != VAL_LIST && v.kind != VAL_DICT;
}

static bool dict(struct reader *r, struct val *out) {
    *out = val_dict(r->a, 4);
    skip(r, true);
    while (!take(r, '}')) {
        struct val k, v;
        if (!value(r, &k) || !usable_key(k)) {
            return false;
        }
        skip(r, true);
        if (!take(r, ':')) {
            return false;
        }
        skip(r, true);
        if (!value(r, &v)) {
            return false;
        }
        val_set_key(r->a, *out, k, v);
        skip(r, true);
        if (take(r, ',')) {
            skip(r, true);
        } else if (!peek(r, '}')) {
            return false;
        }
    }
    return true;
}

static bool container(struct reader *r, struct val *out) {
    bool comma, ok;
    if (++r->depth > LITERAL_DEPTH) {
        return false;
    }
    if (take(r, '[')) {
        *out = val_list(r->a, 4);
        ok = items(r, ']', *out, &comma);
    } else if (take(r, '(')) {
        *out = val_tuple(r->a, 4);
        ok = items(r, ')', *out, &comma);
        if (ok && !comma && out->u.l->n == 1) {
            *out = out->u.l->items[0];
        }
    } else {
        r->i++;
        ok = dict(r, out);
    }
    r->depth--;
    return ok;
}

static bool value(struct reader *r, struct val *out) {
    char c = (char)(r->i < r->s.n ? r->s.s[r->i] : 0);
    if (c == '[' || c == '(' || c == '{') {
        return container(r, out);
    }
    if (starts_string(r)) {
        return string(r, out);
    }
    if ((c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.') {
        return number(r, out);
    }
    return word(r, out);
}

bool literal_eval(struct arena *a, struct str text, struct val *out) {
    if (str_eqz(text, "True") || str_eqz(text, "False")) {
        *out = val_bool(text.s[0] == 'T');
        return true;
    }
    if (!text.n || (text.s[0] != '[' && text.s[0] != '{')) {
        return false;
    }
    struct reader r = {.a = a, .s = text};
    struct val v;
    if (!value(&r, &v)) {
        return false;
    }
    skip(&r, true);
    if (r.i != text.n) {
        return false;
    }
    *out = v;
    return true;
}

bool literal_native(struct arena *a, struct str text, struct val *out) {
    struct reader r = {.a = a, .s = text, .python = true};
    struct val v, next;
    if (!text.n || text.s[0] == ' ' || text.s[0] == '\t' || !value(&r, &v)) {
        return false;
    }
    skip(&r, false);
    if (r.i < text.n && text.s[r.i] == ',') {  // a tuple without brackets
        struct val first = v;
        v = val_tuple(a, 4);
        val_push(a, v, first);
        while (take(&r, ',')) {
            skip(&r, false);
            if (!value(&r, &next)) {
                break;
            }
            val_push(a, v, next);
            skip(&r, false);
        }
    }
    skip(&r, true);
    if (r.i != text.n) {
        return false;
    }
    *out = v;
    if (v.kind == VAL_STR) {
        *out = val_printf(a, "%c%.*s%c", text.s[0], STR(val_text(v)), text.s[0]);
    }
    return true;
}

static bool safe_in(struct val v, unsigned depth) {
    if (depth > LITERAL_DEPTH) {
        return false;
    }
    if (v.kind == VAL_FLOAT) {
        return isfinite(v.u.f);
    }
    if (v.kind == VAL_LIST || v.kind == VAL_TUPLE) {
        for (size_t i = 0; i < v.u.l->n; i++) {
            if (!safe_in(v.u.l->items[i], depth + 1)) {
                return false;
            }
        }
    } else if (v.kind == VAL_DICT) {
        size_t i = 0;
        for (struct vpair *p = val_each(v, &i); p; p = val_each(v, &i)) {
            if (!safe_in(p->key, depth + 1) || !safe_in(p->value, depth + 1)) {
                return false;
            }
        }
    }
    return v.kind != VAL_OBJ && v.kind != VAL_UNDEF;
}

bool literal_safe(struct val v) {
    return safe_in(v, 0);
}
