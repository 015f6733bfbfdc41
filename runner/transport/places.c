// How many ssh sessions there may be at once: the descriptors that the process may open. Beyond that, sessions without
// work are closed, and opened again when there is some.
#include "hub.h"

#include <sys/resource.h>

#define OTHER_FILES 64           // what the run has open besides
#define DIAL_FILES  ((size_t)4)  // a dialer: keys, the agent, what a proxy says
#define DIAL_SHARE  3            // of what is left, dialers may take one part in so many

/// The soft limit of a login is often 1024; raised as far as that goes.
static size_t files_max(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
        return 1024;
    }
    if (files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
        (void)getrlimit(RLIMIT_NOFILE, &files);
    }
    return files.rlim_cur == RLIM_INFINITY ? SIZE_MAX : (size_t)files.rlim_cur;
}

void places_init(struct places *p, size_t sessions_max, size_t *dialers) {
    size_t files = files_max();
    size_t left = files > OTHER_FILES + 8 ? files - OTHER_FILES : 8;
    size_t most = left / (DIAL_SHARE * DIAL_FILES);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->cond, NULL);
    *dialers = *dialers < most ? *dialers : (most > 0 ? most : 1);
    left -= DIAL_FILES * *dialers;
    p->max = left > 8 ? left : 8;
    if (sessions_max && sessions_max < p->max) {
        p->max = sessions_max;
    }
}

void places_release(struct places *p) {
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->cond);
}

void places_open(struct places *p) {
    pthread_mutex_lock(&p->lock);
    p->open = true;
    pthread_cond_broadcast(&p->cond);
    pthread_mutex_unlock(&p->lock);
}

static void ask_shards(struct hub *h) {
    for (size_t i = 0; i < SHARDS_MAX; i++) {
        struct arena a = {0};
        struct note *n = ARENA_NEW(&a, struct note);
        *n = (struct note){.arena = a, .kind = NOTE_SHED};
        if (!shard_tell(&h->shards[i], n)) {
            arena_release(&a);
        }
    }
}

void place_take(struct hub *h) {
    struct places *p = &h->places;
    pthread_mutex_lock(&p->lock);
    p->wanted++;
    while (p->held >= p->max && !p->open) {
        pthread_mutex_unlock(&p->lock);
        ask_shards(h);  // what gets idle later looks by itself
        pthread_mutex_lock(&p->lock);
        if (p->held >= p->max && !p->open) {
            pthread_cond_wait(&p->cond, &p->lock);
        }
    }
    p->wanted--;
    p->held++;
    pthread_mutex_unlock(&p->lock);
}

void place_give(struct hub *h) {
    pthread_mutex_lock(&h->places.lock);
    h->places.held--;
    pthread_cond_signal(&h->places.cond);
    pthread_mutex_unlock(&h->places.lock);
}

size_t places_wanted(struct hub *h) {
    struct places *p = &h->places;
    pthread_mutex_lock(&p->lock);
    size_t n = p->held >= p->max ? p->wanted : 0;
    pthread_mutex_unlock(&p->lock);
    return n;
}
