// Implicit types of YAML 1.1 exactly as PyYAML's regular expressions accept them, matched by hand.
#include "resolve.h"
#include "big.h"

#include "date.h"
#include "digest.h"
#include "load.h"

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static char at(struct str s, size_t i) {
    return (char)(i < s.n ? s.s[i] : 0);
}

// The offset after the run of characters of `set` that starts at i.
static size_t run(struct str s, size_t i, const char *set) {
    while (i < s.n && s.s[i] && strchr(set, s.s[i])) {
        i++;
    }
    return i;
}

static size_t skip_sign(struct str s) {
    return at(s, 0) == '-' || at(s, 0) == '+' ? 1 : 0;
}

// (:[0-5]?[0-9])+ at i; returns i when there is none.
static size_t skip_sixties(struct str s, size_t i) {
    while (at(s, i) == ':' && is_digit(at(s, i + 1))) {
        i += at(s, i + 1) <= '5' && is_digit(at(s, i + 2)) ? 3 : 2;
    }
    return i;
}

// ([eE][-+][0-9]+)? up to the end of s.
static bool exponent_or_end(struct str s, size_t i) {
    if (i == s.n) {
        return true;
    }
    if ((at(s, i) != 'e' && at(s, i) != 'E') || (at(s, i + 1) != '-' && at(s, i + 1) != '+')) {
        return false;
    }
    size_t from = i + 2;
    i = run(s, from, "0123456789");
    return i > from && i == s.n;
}

static bool one_of(struct str s, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (str_eqz(s, words[i])) {
            return true;
        }
    }
    return false;
}

static bool is_float(struct str s) {
    static const char *const inf[] = {".inf", ".Inf", ".INF"};
    static const char *const nan[] = {".nan", ".NaN", ".NAN"};
    size_t sign = skip_sign(s);
    if (one_of(str_sub(s, sign, s.n), inf, COUNTOF(inf)) || one_of(s, nan, COUNTOF(nan))) {
        return true;
    }
    if (s.n > BIG_DIGITS || at(s, 0) == '.') {
        return is_digit(at(s, 1)) && exponent_or_end(s, run(s, 2, "0123456789_"));
    }
    if (!is_digit(at(s, sign))) {
        return false;
    }
    size_t i = run(s, sign, "0123456789_");
    if (at(s, i) == '.') {
        return exponent_or_end(s, run(s, i + 1, "0123456789_"));
    }
    size_t j = skip_sixties(s, i);
    return j > i && at(s, j) == '.' && run(s, j + 1, "0123456789_") == s.n;
}

static bool is_int(struct str s) {
    size_t i = skip_sign(s);
    if (at(s, i) == '0') {
        if (i + 1 == s.n) {
            return true;
        }
        const char *set = at(s, i + 1) == 'b' ? "01_" : at(s, i + 1) == 'x' ? "0123456789abcdefABCDEF_" : NULL;
        if (set) {
            return i + 2 < s.n && run(s, i + 2, set) == s.n;
        }
        return run(s, i + 1, "01234567_") == s.n;
    }
    if (!is_digit(at(s, i))) {
        return false;
    }
    i = run(s, i, "0123456789_");
    return skip_sixties(s, i) == s.n;
}

static bool is_bool(struct str s) {
    static const char *const words[] = {"yes",   "Yes",   "YES",   "no", "No", "NO", "true", "True", "TRUE",
                                        "false", "False", "FALSE", "on", "On", "ON", "off",  "Off",  "OFF"};
    return one_of(s, words, COUNTOF(words));
}

static bool is_null(struct str s) {
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    return one_of(s, words, COUNTOF(words));
}

enum ytag resolve_plain(struct str text) {
    char c = at(text, 0);
    struct vdate d;
    if (is_digit(c) || c == '-' || c == '+' || c == '.') {
        if (is_float(text)) {
            return TAG_FLOAT;
        }
        if (is_int(text)) {
            return TAG_INT;
        }
        return is_digit(c) && date_parse(text, true, &d) != DATE_NONE ? TAG_DATE : TAG_STR;
    }
    if (is_null(text)) {
        return TAG_NULL;
    }
    if (is_bool(text)) {
        return TAG_BOOL;
    }
    if (str_eqz(text, "<<")) {
        return TAG_MERGE;
    }
    return str_eqz(text, "=") ? TAG_VALUE : TAG_STR;
}

enum ytag resolve_tag(const char *name) {
    static const struct {
        const char *name;
        enum ytag tag;
    } own[] = {{"!unsafe", TAG_UNSAFE}, {"!vault", TAG_VAULT}, {"!vault-encrypted", TAG_VAULT}},
      core[] = {{"str", TAG_STR},        {"bool", TAG_BOOL},   {"int", TAG_INT},
                {"float", TAG_FLOAT},    {"null", TAG_NULL},   {"timestamp", TAG_DATE},
                {"binary", TAG_BINARY},  {"seq", TAG_SEQ},     {"map", TAG_MAP},
                {"set", TAG_SET},        {"omap", TAG_OMAP},   {"pairs", TAG_PAIRS},
                {"merge", TAG_MERGE},    {"value", TAG_VALUE}, {"python/unicode", TAG_STR},
                {"python/dict", TAG_MAP}};
    static const char prefix[] = "tag:yaml.org,2002:";
    for (size_t i = 0; i < COUNTOF(own); i++) {
        if (strcmp(name, own[i].name) == 0) {
            return own[i].tag;
        }
    }
    if (strncmp(name, prefix, sizeof prefix - 1) == 0) {
        for (size_t i = 0; i < COUNTOF(core); i++) {
            if (strcmp(name + sizeof prefix - 1, core[i].name) == 0) {
                return core[i].tag;
            }
        }
    }
    return TAG_UNKNOWN;
}

// `s` without underscores, lower case.
static struct str squeeze(struct arena *a, struct str s) {
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        if (c != '_') {
            p[n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
    }
    return (struct str){p, n};
}

static int digit_of(char c) {
    return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

enum number { NUMBER_OK, NUMBER_BAD, NUMBER_BIG };

// All of `s` in `base`.
static enum number to_u64(struct str s, unsigned base, uint64_t *out) {
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned)digit_of(s.s[i]);
        if (d >= base) {
            return NUMBER_BAD;
        }
        if (__builtin_mul_overflow(v, (uint64_t)base, &v) || __builtin_add_overflow(v, (uint64_t)d, &v)) {
            return NUMBER_BIG;
        }
    }
    *out = v;
    return s.n > 0 ? NUMBER_OK : NUMBER_BAD;
}

static enum number sixties(struct str s, uint64_t *out) {
    uint64_t v = 0;
    struct str part;
    while (str_next(&s, ':', &part)) {
        uint64_t d = 0;
        enum number got = to_u64(part, 10, &d);
        if (got != NUMBER_OK) {
            return got;
        }
        if (__builtin_mul_overflow(v, (uint64_t)60, &v) || __builtin_add_overflow(v, d, &v)) {
            return NUMBER_BIG;
        }
    }
    *out = v;
    return NUMBER_OK;
}

static enum number magnitude(struct str s, uint64_t *out) {
    if (str_starts(s, "0b")) {
        return to_u64(str_sub(s, 2, s.n), 2, out);
    }
    if (str_starts(s, "0x")) {
        return to_u64(str_sub(s, 2, s.n), 16, out);
    }
    if (at(s, 0) == '0') {
        return to_u64(s, 8, out);
    }
    return str_find_char(s, 0, ':') == SIZE_MAX ? to_u64(s, 10, out) : sixties(s, out);
}

static bool make_int(struct str text, struct arena *a, struct mark m, struct val *out, struct err *e) {
    struct str s = squeeze(a, str_trim(text));
    bool minus = at(s, 0) == '-';
    s = str_sub(s, skip_sign(s), s.n);
    uint64_t v = 0;
    enum number got = magnitude(s, &v);
    if (got == NUMBER_BAD) {
        return err_set(e, ERR_SYNTAX, m, "this is not an integer");
    }
    if (got == NUMBER_OK && v <= (uint64_t)INT64_MAX + minus) {
        *out = val_int(minus ? (int64_t)(0 - v) : (int64_t)v);
        return true;
    }
    if (got == NUMBER_OK) {
        *out = big_val(a, str_printf(a, "%s%llu", minus ? "-" : "", (unsigned long long)v));
        return true;
    }
    if (at(s, 0) == '0' || str_find_char(s, 0, ':') != SIZE_MAX || run(s, 0, "0123456789") != s.n) {
        return err_set(e, ERR_LIMIT, m, "this integer does not fit in 64 bits") ||
               err_hint(e, "put it in quotes to use it as a string");
    }
    *out = big_val(a, str_printf(a, "%s%.*s", minus ? "-" : "", STR(s)));
    return true;
}

// All of `s` as strtod reads it, without its hexadecimal and nan(...) forms.
static bool to_double(struct arena *a, struct str s, double *out) {
    static const char *const words[] = {"inf", "infinity", "nan"};
    struct str digits = str_sub(s, skip_sign(s), s.n);
    if (digits.n == 0 || (run(digits, 0, "0123456789.e+-") != digits.n && !one_of(digits, words, COUNTOF(words)))) {
        return false;
    }
    char *z = str_z(a, s);
    char *end = NULL;
    *out = strtod(z, &end);
    return end == z + s.n;
}

static bool make_float(struct str text, struct arena *a, struct mark m, struct val *out, struct err *e) {
    struct str s = squeeze(a, str_trim(text));
    double sign = at(s, 0) == '-' ? -1.0 : 1.0;
    struct str rest = str_sub(s, skip_sign(s), s.n);
    if (str_eqz(rest, ".inf")) {
        *out = val_float(sign * __builtin_inf());
        return true;
    }
    if (str_eqz(rest, ".nan")) {
        *out = val_float(__builtin_nan(""));
        return true;
    }
    // From the right, as PyYAML adds up, so that rounding agrees.
    double v = 0;
    double base = 1;
    for (bool more = true; more;) {
        size_t colon = rest.n;
        while (colon > 0 && rest.s[colon - 1] != ':') {
            colon--;
        }
        double d = 0;
        if (!to_double(a, str_sub(rest, colon, rest.n), &d)) {
            return err_set(e, ERR_SYNTAX, m, "this is not a floating point number");
        }
        v += d * base;
        base *= 60;
        more = colon > 0;
        rest = str_sub(rest, 0, more ? colon - 1 : 0);
    }
    *out = val_float(sign * v);
    return true;
}

static bool make_bool(struct str text, struct arena *a, struct mark m, struct val *out, struct err *e) {
    struct str s = squeeze(a, text);
    if (s.n == text.n && (str_eqz(s, "yes") || str_eqz(s, "true") || str_eqz(s, "on"))) {
        *out = val_bool(true);
        return true;
    }
    if (s.n == text.n && (str_eqz(s, "no") || str_eqz(s, "false") || str_eqz(s, "off"))) {
        *out = val_bool(false);
        return true;
    }
    return err_set(e, ERR_SYNTAX, m, "this is not a boolean") || err_hint(e, "write true or false");
}

static bool make_date(struct str text, struct arena *a, struct mark m, struct val *out, struct err *e) {
    struct vdate d;
    switch (date_parse(text, false, &d)) {
    case DATE_OK:
        *out = date_val(a, &d);
        return true;
    case DATE_BAD:
        return err_set(e, ERR_SYNTAX, m, "this looks like a date, but there is no such day or time") ||
               err_hint(e, "put it in quotes to use it as a string");
    case DATE_NONE:
        break;
    }
    return err_set(e, ERR_SYNTAX, m, "this is not a timestamp") ||
           err_hint(e, "timestamps are written as 2001-12-14 or 2001-12-14 21:59:43");
}

static bool make_binary(struct str text, struct arena *a, struct mark m, struct val *out, struct err *e) {
    struct str bytes;
    size_t significant = 0;
    for (size_t i = 0; i < text.n; i++) {
        significant += !strchr(" \t\r\n", text.s[i]);
    }
    if (significant % 4 != 0 || !base64_decode(a, text, &bytes, e)) {
        return err_set(e, ERR_SYNTAX, m, "this is not base64 text");
    }
    *out = val_str(a, bytes);
    return true;
}

bool resolve_make(enum ytag tag, struct str text, struct arena *a, struct mark at_, struct val *out, struct err *e) {
    switch (tag) {
    case TAG_NULL:
        *out = VNULL;
        return true;
    case TAG_BOOL:
        return make_bool(text, a, at_, out, e);
    case TAG_INT:
        return make_int(text, a, at_, out, e);
    case TAG_FLOAT:
        return make_float(text, a, at_, out, e);
    case TAG_DATE:
        return make_date(text, a, at_, out, e);
    case TAG_BINARY:
        return make_binary(text, a, at_, out, e);
    case TAG_STR:
    case TAG_VALUE:
        *out = val_str(a, text);
        return true;
    case TAG_MERGE:
    case TAG_SEQ:
    case TAG_MAP:
    case TAG_SET:
    case TAG_OMAP:
    case TAG_PAIRS:
    case TAG_UNSAFE:
    case TAG_VAULT:
    case TAG_UNKNOWN:
        break;
    }
    BUG("tag %d has no scalar form", (int)tag);
}

struct val yaml_scalar(struct arena *a, struct str text) {
    enum ytag tag = resolve_plain(text);
    struct val v;
    struct err e = {.arena = a};
    if (tag == TAG_MERGE || tag == TAG_VALUE || !resolve_make(tag, text, a, NO_MARK, &v, &e)) {
        return val_str(a, text);
    }
    return v;
}
