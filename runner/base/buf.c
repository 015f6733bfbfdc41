// Growable byte buffers.
#include "buf.h"

#include <stdarg.h>

char *buf_reserve(struct buf *b, size_t n) {
    if (b->cap - b->n < n + 1) {
        size_t cap = b->cap ? b->cap * 2 : n > 63 ? n + 1 : 64;
        while (cap < b->n + n + 1) {
            cap *= 2;
        }
        if (b->a) {
            b->p = arena_grow(b->a, b->p, b->cap, cap);
        } else {
            b->p = realloc(b->p, cap);
            if (!b->p) {
                BUG("out of memory");
            }
        }
        b->cap = cap;
    }
    return b->p + b->n;
}

void buf_add(struct buf *b, const void *p, size_t n) {
    if (b->max && b->n + n > b->max) {
        b->full = true;
        n = b->max > b->n ? b->max - b->n : 0;
    }
    if (n > 0) {
        memcpy(buf_reserve(b, n), p, n);
        b->n += n;
    }
}

void buf_z(struct buf *b, const char *z) {
    buf_add(b, z, strlen(z));
}

void buf_printf(struct buf *b, const char *fmt, ...) {
    char tmp[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(tmp, sizeof tmp, fmt, ap);
    va_end(ap);
    if (n < 0) {
        return;
    }
    if ((size_t)n < sizeof tmp) {
        buf_add(b, tmp, (size_t)n);
        return;
    }
    char *p = buf_reserve(b, (size_t)n);
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
    if (b->max && b->n > b->max) {
        b->n = b->max;
        b->full = true;
    }
}

void buf_consume(struct buf *b, size_t n) {
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

struct str buf_view(struct buf *b) {
    if (b->n >= b->cap) {
        buf_reserve(b, 0);
    }
    b->p[b->n] = '\0';
    return (struct str){b->p, b->n};
}

void buf_release(struct buf *b) {
    if (!b->a) {
        free(b->p);
    }
    *b = (struct buf){.a = b->a, .max = b->max};
}

struct str str_replace(struct arena *a, struct str text, struct str from, struct str to) {
    size_t at = from.n ? str_find(text, 0, from) : SIZE_MAX;
    if (at == SIZE_MAX) {
        return text;
    }
    struct buf b = BUF_IN(a);
    size_t done = 0;
    for (; at != SIZE_MAX; at = str_find(text, done, from)) {
        buf_str(&b, str_sub(text, done, at));
        buf_str(&b, to);
        done = at + from.n;
    }
    buf_str(&b, str_sub(text, done, text.n));
    return buf_view(&b);
}

struct str path_clean(struct arena *a, struct str path) {
    struct buf b = BUF_IN(a);
    struct str part;
    while (str_next(&path, '/', &part)) {
        if (part.n == 0 || str_eqz(part, ".")) {
            continue;
        }
        if (str_eqz(part, "..")) {
            while (b.n && b.p[--b.n] != '/') {
            }
            continue;
        }
        buf_char(&b, '/');
        buf_str(&b, part);
    }
    if (b.n == 0) {
        buf_char(&b, '/');
    }
    return str_dup(a, buf_view(&b));
}
