// Borrowed strings and UTF-8.
#include "str.h"

#include <errno.h>
#include <stdarg.h>

struct str str_from(const char *z) {
    return z ? (struct str){z, strlen(z)} : STR_NONE;
}

bool str_eq(struct str a, struct str b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.s, b.s, a.n) == 0);
}

bool str_eqz(struct str a, const char *z) {
    return a.n == (z ? strlen(z) : 0) && (a.n == 0 || memcmp(a.s, z, a.n) == 0);
}

int str_cmp(struct str a, struct str b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.s, b.s, n) : 0;
    if (c != 0) {
        return c < 0 ? -1 : 1;
    }
    return a.n == b.n ? 0 : (a.n < b.n ? -1 : 1);
}

bool str_starts(struct str s, const char *prefix) {
    size_t n = strlen(prefix);
    return s.n >= n && memcmp(s.s ? s.s : "", prefix, n) == 0;
}

bool str_ends(struct str s, const char *suffix) {
    size_t n = strlen(suffix);
    return s.n >= n && (n == 0 || memcmp(s.s + s.n - n, suffix, n) == 0);
}

size_t str_find(struct str s, size_t from, struct str needle) {
    if (from > s.n) {
        return SIZE_MAX;
    }
    if (needle.n == 0) {
        return from;
    }
    if (s.n - from < needle.n) {
        return SIZE_MAX;
    }
    const char *p = memmem(s.s + from, s.n - from, needle.s, needle.n);
    return p ? (size_t)(p - s.s) : SIZE_MAX;
}

size_t str_find_char(struct str s, size_t from, char c) {
    if (from >= s.n) {
        return SIZE_MAX;
    }
    const char *p = memchr(s.s + from, c, s.n - from);
    return p ? (size_t)(p - s.s) : SIZE_MAX;
}

struct str str_sub(struct str s, size_t from, size_t to) {
    if (to > s.n) {
        to = s.n;
    }
    if (from > to) {
        from = to;
    }
    return (struct str){s.s ? s.s + from : "", to - from};
}

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_rtrim(struct str s) {
    while (s.n > 0 && is_space(s.s[s.n - 1])) {
        s.n--;
    }
    return s;
}

struct str str_trim(struct str s) {
    s = str_rtrim(s);
    while (s.n > 0 && is_space(s.s[0])) {
        s.s++;
        s.n--;
    }
    return s;
}

struct str str_dup(struct arena *a, struct str s) {
    return (struct str){arena_strndup(a, s.s, s.n), s.n};
}

char *str_z(struct arena *a, struct str s) {
    return arena_strndup(a, s.s, s.n);
}

struct str str_printf(struct arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) {
        return STR_LIT("(unprintable)");
    }
    char *p = arena_alloc(a, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (struct str){p, (size_t)n};
}

bool str_next(struct str *rest, char sep, struct str *part) {
    if (!rest->s) {
        return false;
    }
    size_t i = str_find_char(*rest, 0, sep);
    if (i == SIZE_MAX) {
        *part = *rest;
        *rest = STR_NONE;
    } else {
        *part = (struct str){rest->s, i};
        *rest = (struct str){rest->s + i + 1, rest->n - i - 1};
    }
    return true;
}

bool str_int(struct str s, int64_t *out) {
    size_t i = 0;
    bool neg = false;
    if (s.n > 0 && (s.s[0] == '-' || s.s[0] == '+')) {
        neg = s.s[0] == '-';
        i = 1;
    }
    if (i == s.n) {
        return false;
    }
    uint64_t v = 0;
    for (; i < s.n; i++) {
        if (s.s[i] < '0' || s.s[i] > '9') {
            return false;
        }
        uint64_t d = (uint64_t)(s.s[i] - '0');
        if (v > (UINT64_MAX - d) / 10) {
            return false;
        }
        v = v * 10 + d;
    }
    uint64_t limit = (uint64_t)INT64_MAX + (neg ? 1 : 0);
    if (v > limit) {
        return false;
    }
    *out = neg ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

uint32_t str_hash(struct str s) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.n; i++) {
        h = (h ^ (unsigned char)s.s[i]) * 0x100000001b3u;
    }
    h ^= h >> 32;
    return (uint32_t)h | 1u;  // never 0: 0 means "not computed"
}

// Length of a valid sequence at p (n bytes left) with its code point, or 0.
static size_t utf8_decode(const unsigned char *p, size_t n, uint32_t *cp) {
    size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : p[0] >= 0xC2 ? 2 : 0;
    if (len == 0 || len > n || p[0] > 0xF4) {
        return 0;
    }
    static const unsigned char first_mask[5] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t v = p[0] & first_mask[len];
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 0;
        }
        v = v << 6 | (p[i] & 0x3F);
    }
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (v < least[len] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF)) {
        return 0;
    }
    *cp = v;
    return len;
}

uint32_t utf8_next(struct str s, size_t *i) {
    uint32_t cp;
    const unsigned char *p = (const unsigned char *)s.s + *i;
    size_t len = utf8_decode(p, s.n - *i, &cp);
    if (len == 0) {
        *i += 1;
        return 0xDC00u + *p;
    }
    *i += len;
    return cp;
}

size_t utf8_put(uint32_t cp, char out[4]) {
    if (cp >= 0xDC80 && cp <= 0xDCFF) {
        out[0] = (char)(cp - 0xDC00u);
        return 1;
    }
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

size_t utf8_len(struct str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; n++) {
        utf8_next(s, &i);
    }
    return n;
}

bool utf8_valid(struct str s) {
    for (size_t i = 0; i < s.n;) {
        uint32_t cp;
        size_t len = utf8_decode((const unsigned char *)s.s + i, s.n - i, &cp);
        if (len == 0) {
            return false;
        }
        i += len;
    }
    return true;
}
