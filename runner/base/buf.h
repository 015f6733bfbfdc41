// A growable byte buffer. Heap-backed (a == NULL, release it) or arena-backed (never released alone).
#pragma once
#include "str.h"

struct buf {
    struct arena *a;  // NULL: heap
    char *p;
    size_t n, cap;
    size_t max;  // 0: no limit; otherwise appending past it sets `full` and drops the rest
    bool full;
};

#define BUF_IN(arena) ((struct buf){.a = (arena)})

void buf_add(struct buf *b, const void *p, size_t n);
void buf_z(struct buf *b, const char *z);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/// Makes room for `n` more bytes and returns where they go; the caller then adds to b->n what it wrote.
char *buf_reserve(struct buf *b, size_t n);
/// Both are inline for the usual case, that there is room: most of a template's output goes through them.
static inline void buf_str(struct buf *b, struct str s) {
    if (b->p && s.n && s.n < b->cap - b->n && (!b->max || s.n <= b->max - b->n)) {
        memcpy(b->p + b->n, s.s, s.n);
        b->n += s.n;
    } else {
        buf_add(b, s.s, s.n);
    }
}
static inline void buf_char(struct buf *b, char c) {
    buf_str(b, (struct str){&c, 1});
}
/// Removes the first `n` bytes.
void buf_consume(struct buf *b, size_t n);
/// What is in the buffer, NUL-terminated behind its length. Borrowed: until the next append.
struct str buf_view(struct buf *b);
void buf_release(struct buf *b);

/// `text` with every `from` replaced by `to`, in `a`; the same text (not copied) when it holds none.
struct str str_replace(struct arena *a, struct str text, struct str from, struct str to);

/// The absolute path `path` without empty parts, "." and ".."; links are not looked at. Copied into `a`.
struct str path_clean(struct arena *a, struct str path);
