// Pages for secrets, and the pool of single ones.
#include "pages.h"

#include <pthread.h>
#include <sys/mman.h>

#define SLAB ((size_t)16)  // pages mapped at once: what a user may lock is 64 KiB in places

struct page {
    struct page *next;
};
static struct {
    pthread_mutex_t lock;
    struct page *free;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *map_pages(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    (void)mlock(p, size);
    (void)madvise(p, size, MADV_DONTDUMP);
    return p;
}

static void push(void *p) {
    struct page *page = p;
    page->next = pool.free;
    pool.free = page;
}

void *pages_new(size_t size) {
    if (size != PAGE_LEN) {
        return map_pages(size);
    }
    pthread_mutex_lock(&pool.lock);
    if (!pool.free) {
        char *slab = map_pages(SLAB * PAGE_LEN);
        for (size_t i = 0; slab && i < SLAB; i++) {
            push(slab + i * PAGE_LEN);
        }
    }
    struct page *page = pool.free;
    if (page) {
        pool.free = page->next;
    }
    pthread_mutex_unlock(&pool.lock);
    return page;
}

void pages_free(void *p, size_t size) {
    if (size != PAGE_LEN) {
        munmap(p, size);
        return;
    }
    pthread_mutex_lock(&pool.lock);
    push(p);
    pthread_mutex_unlock(&pool.lock);
}
