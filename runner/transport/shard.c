// The shard: one thread, one epoll over every session, child and its inbox. It owns all connections.
#include "hub.h"
#include "peer.h"
#include "relay.h"

#include "fd.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVENTS  64
#define SCAN_MS 30000  // at most so long between two looks at all deadlines
#define STOP_MS 300    // for local children to end by themselves when the hub stops

bool shard_tell(struct shard *s, struct note *n) {
    pthread_mutex_lock(&s->lock);
    bool there = s->listens && !s->stop;
    pthread_mutex_unlock(&s->lock);
    if (there) {
        shard_post(s, n);
    }
    return there;
}

void shard_post(struct shard *s, struct note *n) {
    pthread_mutex_lock(&s->lock);
    bool first = !s->head;
    if (first) {
        s->head = n;
    } else {
        s->tail->next = n;
    }
    s->tail = n;
    pthread_mutex_unlock(&s->lock);
    uint64_t one = 1;
    if (first && write(s->wake_fd, &one, sizeof one) < 0) {
        BUG("eventfd: %d", errno);
    }
}

void shard_watch(struct shard *s, struct watch *w, int fd, uint32_t events) {
    // Not registered while nothing is wanted: epoll would report hang-ups for ever.
    struct epoll_event ev = {.events = events, .data.ptr = w};
    if (events && !w->events) {
        (void)epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev);
    } else if (events && events != w->events) {
        (void)epoll_ctl(s->epoll, EPOLL_CTL_MOD, fd, &ev);
    } else if (!events && w->events) {
        (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, fd, NULL);
    }
    w->fd = fd;
    w->events = events;
}

void shard_unwatch(struct shard *s, struct watch *w) {
    if (w->fd >= 0) {
        shard_watch(s, w, w->fd, 0);
        fd_closep(&w->fd);
    }
}

void shard_alarm(struct shard *s, int64_t at_ms) {
    if (at_ms < s->next_scan) {
        s->next_scan = at_ms;
    }
}

void shard_reap(struct shard *s, int pid, int64_t kill_ms) {
    struct reap r = {.pid = pid, .kill_ms = kill_ms};
    VEC_PUSH(&s->arena, s->reaps, r);
    shard_alarm(s, clock_ms() + 20);
}

const char *shard_payloads(struct shard *s) {
    struct hub *h = s->hub;
    pthread_mutex_lock(&h->payload_lock);
    struct err e = {.arena = &h->payload_arena};
    if (!h->payload_error && !payloads_load(&h->payloads, &h->payload_arena, &e)) {
        h->payload_error = e.msg;
    }
    const char *why = h->payload_error;
    pthread_mutex_unlock(&h->payload_lock);
    return why;
}

const char *shard_packed(struct shard *s, const struct payload *p, struct str *out) {
    struct hub *h = s->hub;
    struct payload *it = &h->payloads.p[p - h->payloads.p];
    pthread_mutex_lock(&h->payload_lock);
    struct err e = {.arena = &h->payload_arena};
    const char *why = payload_pack(it, &h->payload_arena, &e) ? NULL : e.msg;
    *out = it->packed;
    pthread_mutex_unlock(&h->payload_lock);
    return why;
}

// -- the inbox -------------------------------------------------------------------------------------------------------
static void conn_link(struct shard *s, struct conn *c) {
    c->next = s->conns;
    if (s->conns) {
        s->conns->prev = c;
    }
    s->conns = c;
}

static void shed(struct shard *s) {
    size_t n = places_wanted(s->hub);
    for (struct conn *c = s->conns; c && n; c = c->next) {
        n -= conn_park(c);
    }
}

static void handle(struct shard *s, struct note *n) {
    switch (n->kind) {
    case NOTE_OPEN:
        conn_link(s, n->conn);
        conn_begin(n->conn);
        break;
    case NOTE_DIALED:
        conn_adopt(n->conn, n->dialed);
        break;
    case NOTE_SUBMIT:
        conn_take(n->conn, n->req);
        break;
    case NOTE_CANCEL:
        conn_stop(n->conn, n->id);
        break;
    case NOTE_CLOSE:
        conn_end(n->conn);
        break;
    case NOTE_SHED:
        shed(s);
        break;
    }
    struct arena a = n->arena;
    arena_release(&a);
}

/// Handles every message; false when the shard shall stop.
static bool inbox(struct shard *s) {
    uint64_t count = 0;
    ssize_t got = read(s->wake_fd, &count, sizeof count);
    (void)got;
    pthread_mutex_lock(&s->lock);
    struct note *n = s->head;
    s->head = NULL;
    bool stop = s->stop;
    pthread_mutex_unlock(&s->lock);
    while (n) {
        struct note *next = n->next;
        handle(s, n);
        n = next;
    }
    return !stop;
}

// -- timers ----------------------------------------------------------------------------------------------------------
static void reap_children(struct shard *s, int64_t now) {
    size_t kept = 0;
    for (size_t i = 0; i < s->reaps.n; i++) {
        struct reap *r = &s->reaps.p[i];
        int st = 0;
        if (waitpid(r->pid, &st, WNOHANG) != 0) {
            continue;  // reaped, or not ours any more
        }
        if (now >= r->kill_ms) {
            kill(-r->pid, SIGKILL);
            r->kill_ms = now + 1000;
        }
        s->reaps.p[kept++] = *r;
    }
    s->reaps.n = kept;
}

static void scan(struct shard *s) {
    int64_t now = clock_ms();
    if (now < s->next_scan) {
        return;
    }
    s->next_scan = now + SCAN_MS;
    reap_children(s, now);
    if (s->reaps.n) {
        shard_alarm(s, now + 20);
    }
    for (struct conn *c = s->conns; c; c = c->next) {
        int64_t next = INT64_MAX;
        conn_tick(c, now, &next);
        shard_alarm(s, next);
    }
    // A deadline that is due at once must not make the loop spin.
    if (s->next_scan < now + 5) {
        s->next_scan = now + 5;
    }
}

static void bury(struct shard *s) {
    while (s->graveyard) {
        struct conn *c = s->graveyard;
        s->graveyard = c->next;
        arena_release(&c->secrets);
        struct arena a = c->arena;
        arena_release(&a);
    }
}

static bool dispatch(struct shard *s, const struct watch *w) {
    switch (w->kind) {
    case WATCH_INBOX:
        return inbox(s);
    case WATCH_SESSION: {
        struct conn *c = w->owner;
        if (!c->buried) {
            conn_work(c);
        }
        return true;
    }
    case WATCH_RELAY: {
        const struct relay *r = w->owner;
        if (r->conn && !r->conn->buried) {
            conn_work(r->conn);
        }
        return true;
    }
    case WATCH_CHILD: {
        struct conn *c = peer_conn(w->owner);
        if (c && !c->buried) {
            conn_work(c);
        }
        return true;
    }
    }
    return true;
}

/// Ends every connection; children get a moment to end by themselves.
static void end_all(struct shard *s) {
    for (struct conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        conn_end(c);
    }
    int64_t deadline = clock_ms() + STOP_MS;
    while (s->reaps.n && clock_ms() < deadline) {
        struct timespec nap = {.tv_nsec = 2000000};
        nanosleep(&nap, NULL);
        reap_children(s, clock_ms());
    }
    for (size_t i = 0; i < s->reaps.n; i++) {
        kill(-s->reaps.p[i].pid, SIGKILL);
    }
    for (size_t i = 0; i < s->reaps.n; i++) {
        int st = 0;
        (void)waitpid(s->reaps.p[i].pid, &st, kill(s->reaps.p[i].pid, 0) == 0 ? WNOHANG : 0);
    }
}

static void *shard_main(void *arg) {
    struct shard *s = arg;
    bool on = true;
    while (on) {
        struct epoll_event ev[EVENTS];
        int64_t left = s->next_scan - clock_ms();
        int n = epoll_wait(s->epoll, ev, EVENTS, left < 0 ? 0 : (int)(left > SCAN_MS ? SCAN_MS : left));
        for (int i = 0; i < n; i++) {
            on = dispatch(s, ev[i].data.ptr) && on;
        }
        scan(s);
        peers_bury(s);
        relay_bury(s);
        bury(s);
    }
    end_all(s);
    peers_bury(s);
    relay_bury(s);
    bury(s);
    return NULL;
}

// -- life ------------------------------------------------------------------------------------------------------------
static void shard_release(struct shard *s) {
    fd_closep(&s->epoll);
    fd_closep(&s->wake_fd);
    arena_release(&s->arena);
}

bool shard_start(struct shard *s, struct hub *h, struct err *e) {
    s->hub = h;
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->epoll < 0 || s->wake_fd < 0) {
        (void)err_sys(e, errno, NO_MARK, "cannot create an event descriptor");
        shard_release(s);
        return false;
    }
    s->scratch = arena_alloc(&s->arena, SHARD_SCRATCH);
    s->wake = (struct watch){.kind = WATCH_INBOX, .fd = -1, .owner = s};
    shard_watch(s, &s->wake, s->wake_fd, EPOLLIN);
    // Signals are the coordinator's; a closed pipe is an error here, not a signal.
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    int rc = pthread_create(&s->thread, NULL, shard_main, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0) {
        (void)err_sys(e, rc, NO_MARK, "cannot start a thread");
        shard_release(s);
        return false;
    }
    s->running = true;
    pthread_mutex_lock(&s->lock);
    s->listens = true;
    pthread_mutex_unlock(&s->lock);
    return true;
}

void shard_stop(struct shard *s) {
    if (!s->running) {
        return;
    }
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_mutex_unlock(&s->lock);
    uint64_t one = 1;
    if (write(s->wake_fd, &one, sizeof one) < 0) {
        BUG("eventfd: %d", errno);
    }
    pthread_join(s->thread, NULL);
    s->running = false;
    shard_release(s);
}
