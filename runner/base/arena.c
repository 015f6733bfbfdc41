// Bump allocator over a list of malloc blocks.
#include "arena.h"

#include "pages.h"

#include <stdarg.h>
#include <stdatomic.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#define BLOCK_MIN ((size_t)1024)
#define BLOCK_MAX ((size_t)256 * 1024)
#define ALIGN     (_Alignof(max_align_t))
#define VEC_LARGE ((size_t)64)  // of such elements there is often one

static atomic_bool wipe_all;

void arena_wipe_all(void) {
    atomic_store_explicit(&wipe_all, true, memory_order_relaxed);
}

struct arena_block {
    struct arena_block *next;
    size_t cap, len;
    bool pages;  // of secrets (pages.h), not from malloc
    _Alignas(max_align_t) unsigned char data[];
};

struct arena_end {
    struct arena_end *next;
    void (*fn)(void *p);
    void *p;
};

static void out_of_memory(void) {
    fputs("play: out of memory\n", stderr);
    abort();
}

static size_t round_up(size_t n) {
    return (n + ALIGN - 1) & ~(ALIGN - 1);
}

// A capacity that with the block's head fills pages.
static size_t whole_pages(size_t cap) {
    return ((sizeof(struct arena_block) + cap + PAGE_LEN - 1) & ~(PAGE_LEN - 1)) - sizeof(struct arena_block);
}

static void *block_push(struct arena *a, size_t need) {
    size_t cap = a->next_cap < BLOCK_MIN ? BLOCK_MIN : a->next_cap;
    a->next_cap = cap < BLOCK_MAX ? cap * 2 : BLOCK_MAX;
    if (need > cap) {
        cap = need;
    }
    if (need > SIZE_MAX / 2) {
        out_of_memory();
    }
    if (a->secret) {
        cap = whole_pages(cap);
    }
    struct arena_block *b = a->secret ? pages_new(sizeof *b + cap) : malloc(sizeof *b + cap);
    if (!b) {
        out_of_memory();
    }
    *b = (struct arena_block){.next = a->head, .cap = cap, .len = need, .pages = a->secret};
    POISON(b->data + need, cap - need);
    a->head = b;
    return b->data;
}

void *arena_alloc(struct arena *a, size_t size) {
    size = round_up(size);
    a->used += size;
    void *p;
    if (a->head && a->head->cap - a->head->len >= size) {
        p = a->head->data + a->head->len;
        a->head->len += size;
        UNPOISON(p, size);
    } else {
        p = block_push(a, size);
    }
    return memset(p, 0, size);
}

void *arena_grow(struct arena *a, void *p, size_t old, size_t size) {
    struct arena_block *b = a->head;
    size_t was = round_up(old);
    size_t now = round_up(size);
    if (p && b && (unsigned char *)p + was == b->data + b->len && b->cap - b->len >= now - was) {
        UNPOISON(b->data + b->len, now - was);
        memset(b->data + b->len, 0, now - was);
        b->len += now - was;
        a->used += now - was;
        return p;
    }
    void *q = arena_alloc(a, size);
    if (p && old > 0) {
        memcpy(q, p, old);
    }
    return q;
}

void *vec_grow(struct arena *a, void *p, size_t *cap, size_t item) {
    size_t old = *cap;
    *cap = old ? old * 2 : item > VEC_LARGE ? 1 : 8;
    return arena_grow(a, p, old * item, *cap * item);
}

char *arena_strndup(struct arena *a, const char *s, size_t n) {
    char *p = arena_alloc(a, n + 1);
    if (n > 0) {
        memcpy(p, s, n);
    }
    return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) {
        return arena_strndup(a, "(unprintable)", 13);
    }
    char *p = arena_alloc(a, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return p;
}

static void block_free(struct arena *a, struct arena_block *b) {
    UNPOISON(b->data, b->cap);
    if (a->secret || atomic_load_explicit(&wipe_all, memory_order_relaxed)) {
        explicit_bzero(b->data, b->cap);
    }
    if (b->pages) {
        pages_free(b, sizeof *b + b->cap);
    } else {
        free(b);
    }
}

void arena_at_end(struct arena *a, void (*fn)(void *p), void *p) {
    struct arena_end *end = ARENA_NEW(a, struct arena_end);
    *end = (struct arena_end){.next = a->ends, .fn = fn, .p = p};
    a->ends = end;
}

static void run_ends(struct arena *a) {
    for (struct arena_end *end = a->ends; end; end = end->next) {
        end->fn(end->p);
    }
    a->ends = NULL;
}

void arena_reset(struct arena *a) {
    run_ends(a);
    struct arena_block *b = a->head;
    if (!b) {
        return;
    }
    for (struct arena_block *n = b->next; n;) {
        struct arena_block *next = n->next;
        block_free(a, n);
        n = next;
    }
    if (a->secret || atomic_load_explicit(&wipe_all, memory_order_relaxed)) {
        UNPOISON(b->data, b->cap);
        explicit_bzero(b->data, b->cap);
    }
    b->next = NULL;
    b->len = 0;
    a->used = 0;
    POISON(b->data, b->cap);
}

void arena_release(struct arena *a) {
    run_ends(a);
    while (a->head) {
        struct arena_block *b = a->head;
        a->head = b->next;
        block_free(a, b);
    }
    a->used = 0;
    a->next_cap = 0;
}
