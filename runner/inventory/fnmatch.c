// Shell wildcards as Python's fnmatch reads them: * ? [seq] [!seq], case-sensitive, by code points.
#include "inv_source.h"

/// End of the bracket expression that starts at p[i] (the offset of its ']'), or SIZE_MAX: then '[' is plain text.
static size_t class_end(struct str p, size_t i) {
    size_t j = i + 1;
    if (j < p.n && p.s[j] == '!') {
        j++;
    }
    if (j < p.n && p.s[j] == ']') {
        j++;
    }
    return str_find_char(p, j, ']');
}

static bool in_class(struct str body, uint32_t c) {
    bool negate = body.n && body.s[0] == '!';
    size_t i = negate;
    bool found = false;
    while (i < body.n) {
        uint32_t from = utf8_next(body, &i);
        uint32_t to = from;
        if (i + 1 < body.n && body.s[i] == '-') {
            i++;
            to = utf8_next(body, &i);
        }
        found = found || (c >= from && c <= to);
    }
    return found != negate;
}

/// Matches one element of the pattern at p[*i], moving both; '*' is the caller's business.
static bool one(struct str p, size_t *i, struct str t, size_t *k) {
    if (*k >= t.n) {
        return false;
    }
    if (p.s[*i] == '[') {
        size_t end = class_end(p, *i);
        if (end != SIZE_MAX) {
            struct str body = str_sub(p, *i + 1, end);
            *i = end + 1;
            return in_class(body, utf8_next(t, k));
        }
    }
    if (p.s[*i] == '?') {
        (*i)++;
        (void)utf8_next(t, k);
        return true;
    }
    return p.s[(*i)++] == t.s[(*k)++];
}

bool inv_fnmatch(struct str p, struct str t) {
    size_t i = 0;
    size_t k = 0;
    size_t star = SIZE_MAX;  // pattern offset behind the last '*'
    size_t mark = 0;         // text offset it was tried at
    while (i < p.n || k < t.n) {
        if (i < p.n && p.s[i] == '*') {
            star = ++i;
            mark = k;
            continue;
        }
        size_t ni = i;
        size_t nk = k;
        if (i < p.n && one(p, &ni, t, &nk)) {
            i = ni;
            k = nk;
            continue;
        }
        if (star == SIZE_MAX || mark >= t.n) {
            return false;
        }
        (void)utf8_next(t, &mark);
        i = star;
        k = mark;
    }
    return true;
}
