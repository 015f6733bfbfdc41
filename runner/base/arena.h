// Bump allocator. Everything a play builds lives in an arena; nothing in one is freed alone.
#pragma once

struct arena_block;
struct arena_end;
struct arena {
    struct arena_block *head;
    size_t used;             // bytes handed out since the last reset
    size_t next_cap;         // size of the next block; grows so that many small arenas stay small
    bool secret;             // blocks are locked in memory, kept out of core dumps, and wiped before they are returned
    struct arena_end *ends;  // what arena_at_end asked for, newest first
};

/// Allocates `size` zeroed bytes aligned for any type. Never returns NULL: aborts on OOM.
/// Owner: the arena; valid until arena_reset/arena_release.
void *arena_alloc(struct arena *a, size_t size) MUST_USE;

/// Grows the allocation `p` of `old` bytes to `size` bytes, in place when it is the newest one, else by copying.
/// New bytes are zero. `p` may be NULL when `old` is 0.
void *arena_grow(struct arena *a, void *p, size_t old, size_t size) MUST_USE;

/// Copies `n` bytes and adds a NUL. Owner: the arena.
char *arena_strndup(struct arena *a, const char *s, size_t n) MUST_USE;

/// Formats into the arena; the result ends with NUL. Owner: the arena.
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_USE;

/// Calls `fn(p)` when the arena is reset or released, before its memory goes; the newest first. For the few things that
/// memory of an arena cannot hold. `p` lives as long as the arena; `fn` must not allocate from it.
void arena_at_end(struct arena *a, void (*fn)(void *p), void *p);

/// Invalidates every allocation; keeps the newest block for reuse (poisoned under ASan).
void arena_reset(struct arena *a);

/// Returns all memory. Safe on a zeroed or already released arena.
void arena_release(struct arena *a);

/// From now on every arena wipes what it returns. For a process that has come to know a secret, which then may be
/// anywhere that templates write to. Any thread.
void arena_wipe_all(void);

#define ARENA_NEW(a, type)      ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (size_t)(n)))

/// Doubles an array of `*cap` items of `item` bytes and returns where it is now. For VEC_PUSH.
void *vec_grow(struct arena *a, void *p, size_t *cap, size_t item) MUST_USE;

/// A growable array in an arena: `struct { T *p; size_t n, cap; } v = {0}; VEC_PUSH(a, v, item);` An expression, so
/// that it adds no branch to the reader's count.
#define VEC_PUSH(a, v, item)                                                                                           \
    ((v).n == (v).cap ? (void)((v).p = vec_grow((a), (v).p, &(v).cap, sizeof(*(v).p))) : (void)0,                      \
     (void)((v).p[(v).n++] = (item)))
