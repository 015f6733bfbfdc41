// Dialers: a bounded number of threads that do what may block, one host at a time, and hand the session to the shard.
#include "fd.h"
#include "hub.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define RETRY_MS   1000
#define AWAY_MS    100  // after a server closed the connection before it said anything; doubled each time
#define AWAY_TRIES 5
#define ASK_MS     120000

void tcp_ack_now(int fd) {
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);  // a proxy's socket has no such thing
}

int dial_wait(struct hub *h, int fd, short events, int64_t deadline_ms) {
    for (;;) {
        struct pollfd p[2] = {{.fd = fd, .events = events}, {.fd = h->stop_fd, .events = POLLIN}};
        int64_t left = deadline_ms - clock_ms();
        if (left <= 0) {
            return 0;
        }
        int n = poll(p, 2, left > INT32_MAX ? INT32_MAX : (int)left);
        if (n > 0) {
            return p[1].revents ? -1 : 1;
        }
    }
}

struct str dial_ask(struct hub *h, struct conn *c, const char *prompt, struct arena *a) {
    struct done *d = done_new(DONE_ASK, c->tag, 0);
    d->c.log = str_printf(&d->c.arena, "%s", prompt);
    done_push(h, d);
    if (dial_wait(h, h->answer_fd, POLLIN, clock_ms() + ASK_MS) <= 0) {
        return STR_NONE;
    }
    uint64_t n = 0;
    ssize_t got = read(h->answer_fd, &n, sizeof n);
    (void)got;
    struct str answer = h->answer.s ? str_dup(a, h->answer) : STR_NONE;
    arena_release(&h->answer_arena);
    h->answer = STR_NONE;
    return answer;
}

static void hand_over(struct conn *c, struct dialed *d) {
    struct arena a = {0};
    struct note *n = ARENA_NEW(&a, struct note);
    *n = (struct note){.arena = a, .kind = NOTE_DIALED, .conn = c, .dialed = d};
    shard_post(c->shard, n);
}

/// Hands over a connection that nobody dials.
static void give_up(struct conn *c, const char *why) {
    struct arena a = {0};
    struct dialed *d = ARENA_NEW(&a, struct dialed);
    d->arena = a;
    d->err.arena = &d->arena;
    (void)err_set(&d->err, ERR_UNREACHABLE, NO_MARK, "host '%s' was not connected to: %s", c->spec.host, why);
    hand_over(c, d);
}

/// Dials, again after failures that may pass by themselves.
static void dial(struct hub *h, struct conn *c) {
    struct arena a = {0};
    struct dialed *d = ARENA_NEW(&a, struct dialed);
    d->arena = a;
    int away = 0;
    place_take(h);
    for (int try = 0;; try++) {
        struct err e = {.arena = &d->arena};
        d->proxy_pid = 0;
        d->ok = ssh_dial(h, c, d, &e);
        d->err = e;
        away = d->progress ? 0 : away;
        if (!d->ok && d->turned_away && away < AWAY_TRIES) {
            // Others are let in meanwhile; not all of us come again at the same time.
            unsigned char spread = 0;
            random_bytes(&spread, 1);
            int64_t wait = ((int64_t)AWAY_MS << away++) + spread;
            if (dial_wait(h, -1, 0, clock_ms() + wait) == 0) {
                try--;
                continue;
            }
        }
        bool passing = d->err.code == ERR_UNREACHABLE && d->may_retry;
        if (d->ok || !passing || try >= c->spec.retries || dial_wait(h, -1, 0, clock_ms() + RETRY_MS) < 0) {
            break;
        }
    }
    if (!d->ok) {
        place_give(h);
    }
    hand_over(c, d);
}

static void *dialer_main(void *arg) {
    struct hub *h = arg;
    pthread_mutex_lock(&h->dial_lock);
    while (!h->stopping) {
        struct conn *c = h->dial_head;
        if (!c) {
            h->idle++;
            pthread_cond_wait(&h->dial_cond, &h->dial_lock);
            h->idle--;
            continue;
        }
        h->dial_head = c->dial_next;
        h->queued--;
        pthread_mutex_unlock(&h->dial_lock);
        dial(h, c);
        pthread_mutex_lock(&h->dial_lock);
    }
    pthread_mutex_unlock(&h->dial_lock);
    return NULL;
}

/// Starts one more dialer; its signals stay with the coordinator. The lock is held.
static void dialer_start(struct hub *h) {
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    pthread_attr_t at;
    pthread_attr_init(&at);
    pthread_attr_setstacksize(&at, (size_t)512 << 10);
    if (pthread_create(&h->dialers[h->ndialers], &at, dialer_main, h) == 0) {
        h->ndialers++;
    }
    pthread_attr_destroy(&at);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void dial_queue(struct hub *h, struct conn *c) {
    pthread_mutex_lock(&h->dial_lock);
    c->dial_next = NULL;
    if (h->dial_head) {
        h->dial_tail->dial_next = c;
    } else {
        h->dial_head = c;
    }
    h->dial_tail = c;
    h->queued++;
    if (h->queued > h->idle && h->ndialers < h->forks) {
        dialer_start(h);
    }
    bool none = h->ndialers == 0;
    if (none) {
        h->dial_head = NULL;
        h->queued = 0;
    }
    pthread_cond_signal(&h->dial_cond);
    pthread_mutex_unlock(&h->dial_lock);
    if (none) {
        give_up(c, "no thread could be started");
    }
}

bool dial_stop(struct hub *h, int64_t wait_ms) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(wait_ms / 1000);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    bool all = true;
    for (size_t i = 0; i < h->ndialers; i++) {
        if (pthread_timedjoin_np(h->dialers[i], NULL, &until) != 0) {
            (void)pthread_detach(h->dialers[i]);
            all = false;
        }
    }
    pthread_mutex_lock(&h->dial_lock);
    for (struct conn *c = h->dial_head, *next; c; c = next) {
        next = c->dial_next;
        give_up(c, "the run ended");
    }
    h->dial_head = NULL;
    pthread_mutex_unlock(&h->dial_lock);
    return all;
}
