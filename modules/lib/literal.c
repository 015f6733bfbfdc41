// Python literals as templates print them ("{'a': 1, 'b': [True, None]}"), read back into values.
#include "coerce.h"

#define LITERAL_MAX_DEPTH 64

struct literal {
    struct arena *a;
    struct str s;
    size_t at;
    int depth;
};

static bool value(struct literal *l, struct val *out);

static void blanks(struct literal *l) {
    while (l->at < l->s.n && strchr(" \t\r\n", l->s.s[l->at])) {
        l->at++;
    }
}

static bool take(struct literal *l, char c) {
    blanks(l);
    if (l->at < l->s.n && l->s.s[l->at] == c) {
        l->at++;
        return true;
    }
    return false;
}

static bool word(struct literal *l, const char *w) {
    if (!str_starts(str_sub(l->s, l->at, l->s.n), w)) {
        return false;
    }
    l->at += strlen(w);
    return true;
}

static int hex_digits(struct literal *l, size_t count, uint32_t *cp) {
    *cp = 0;
    for (size_t i = 0; i < count; i++) {
        if (l->at >= l->s.n) {
            return -1;
        }
        char c = l->s.s[l->at++];
        const char *digits = "0123456789abcdef";
        const char *p = strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c);
        if (!p || !c) {
            return -1;
        }
        *cp = *cp * 16 + (uint32_t)(p - digits);
    }
    return 0;
}

static bool escape(struct literal *l, struct buf *b) {
    static const char from[] = "abfnrtv\\'\"";
    static const char to[] = "\a\b\f\n\r\t\v\\'\"";
    if (l->at >= l->s.n) {
        return false;
    }
    char c = l->s.s[l->at++];
    const char *p = strchr(from, c);
    if (p && c) {
        buf_char(b, to[p - from]);
        return true;
    }
    if (c == '\n') {
        return true;
    }
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (!digits) {
        buf_char(b, '\\');
        buf_char(b, c);
        return true;
    }
    uint32_t cp = 0;
    if (hex_digits(l, digits, &cp) < 0 || cp > 0x10ffff) {
        return false;
    }
    char utf8[4];
    buf_add(b, utf8, utf8_put(cp, utf8));
    return true;
}

static bool string(struct literal *l, struct val *out) {
    char quote = l->s.s[l->at++];
    struct buf b = BUF_IN(l->a);
    while (l->at < l->s.n && l->s.s[l->at] != quote) {
        char c = l->s.s[l->at++];
        if (c != '\\') {
            buf_char(&b, c);
        } else if (!escape(l, &b)) {
            return false;
        }
    }
    if (l->at >= l->s.n) {
        return false;
    }
    l->at++;
    *out = val_str(l->a, buf_view(&b));
    return true;
}

static bool number(struct literal *l, struct val *out) {
    size_t from = l->at;
    bool real = false;
    while (l->at < l->s.n && strchr("+-0123456789.eE_", l->s.s[l->at]) && l->s.s[l->at]) {
        real = real || strchr(".eE", l->s.s[l->at]);
        l->at++;
    }
    struct str text = str_sub(l->s, from, l->at);
    int64_t i = 0;
    if (!real && str_int(text, &i)) {
        *out = val_int(i);
        return true;
    }
    char *z = str_z(l->a, text);
    char *end = NULL;
    double d = strtod(z, &end);
    if (!real || end == z || *end) {
        return false;
    }
    *out = val_float(d);
    return true;
}

static bool sequence(struct literal *l, char close, struct val *out) {
    struct val list = close == ')' ? val_tuple(l->a, 4) : val_list(l->a, 4);
    bool comma = true;
    while (!take(l, close)) {
        struct val item;
        if (!comma || !value(l, &item)) {
            return false;
        }
        val_push(l->a, list, item);
        comma = take(l, ',');
    }
    bool group = close == ')' && val_len(list) == 1 && !comma;
    *out = group ? val_at_index(list, 0) : list;
    return true;
}

static bool dict(struct literal *l, struct val *out) {
    *out = val_dict(l->a, 4);
    bool comma = true;
    while (!take(l, '}')) {
        struct val key;
        struct val item;
        if (!comma || !value(l, &key) || !take(l, ':') || !value(l, &item)) {
            return false;
        }
        if (val_is(key, VAL_LIST) || val_is(key, VAL_DICT)) {
            return false;
        }
        val_set_key(l->a, *out, key, item);
        comma = take(l, ',');
    }
    return true;
}

static bool container(struct literal *l, struct val *out) {
    char open = l->s.s[l->at];
    if (open != '{' && open != '[' && open != '(') {
        return number(l, out);
    }
    if (l->depth >= LITERAL_MAX_DEPTH) {
        return false;
    }
    l->at++;
    l->depth++;
    bool ok = open == '{' ? dict(l, out) : sequence(l, open == '[' ? ']' : ')', out);
    l->depth--;
    return ok;
}

static bool value(struct literal *l, struct val *out) {
    blanks(l);
    if (l->at >= l->s.n) {
        return false;
    }
    char c = l->s.s[l->at];
    char next = '\0';
    if (l->at + 1 < l->s.n) {
        next = l->s.s[l->at + 1];
    }
    if (c == 'u' && (next == '\'' || next == '"')) {
        l->at++;
        return string(l, out);
    }
    if (c == '\'' || c == '"') {
        return string(l, out);
    }
    if (word(l, "None")) {
        *out = VNULL;
        return true;
    }
    bool yes = word(l, "True");
    if (yes || word(l, "False")) {
        *out = val_bool(yes);
        return true;
    }
    return container(l, out);
}

bool literal_parse(struct arena *a, struct str text, struct val *out) {
    struct literal l = {.a = a, .s = text};
    if (!value(&l, out)) {
        return false;
    }
    blanks(&l);
    return l.at == l.s.n;
}
