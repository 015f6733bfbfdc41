// The coordinator's side of transport/: the hub, its completion queue, and the calls that only post messages.
#include "hub.h"

#include "digest.h"
#include "fd.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

// -- completions -----------------------------------------------------------------------------------------------------
struct done *done_new(enum completion_kind kind, void *tag, uint64_t id) {
    struct arena a = {0};
    struct done *d = ARENA_NEW(&a, struct done);
    d->c = (struct completion){.kind = kind, .tag = tag, .id = id, .arena = a};
    return d;
}

void done_push(struct hub *h, struct done *d) {
    pthread_mutex_lock(&h->done_lock);
    bool first = !h->done_head;
    if (first) {
        h->done_head = d;
    } else {
        h->done_tail->next = d;
    }
    h->done_tail = d;
    pthread_mutex_unlock(&h->done_lock);
    uint64_t one = 1;
    if (first && write(h->done_fd, &one, sizeof one) < 0) {
        BUG("eventfd: %d", errno);
    }
}

static bool done_pop(struct hub *h, struct completion *out) {
    pthread_mutex_lock(&h->done_lock);
    struct done *d = h->done_head;
    if (d) {
        h->done_head = d->next;
    }
    if (!h->done_head) {
        uint64_t n = 0;
        ssize_t got = read(h->done_fd, &n, sizeof n);  // not readable any more
        (void)got;
    }
    pthread_mutex_unlock(&h->done_lock);
    if (!d) {
        return false;
    }
    *out = d->c;
    if (out->err.arena) {
        out->err.arena = &out->arena;
    }
    return true;
}

void completion_release(struct completion *c) {
    arena_release(&c->arena);
    *c = (struct completion){0};
}

struct err err_copy(struct arena *a, const struct err *from) {
    struct err e = {.arena = a, .code = from->code, .sys_errno = from->sys_errno, .at = from->at};
    e.msg = from->msg ? arena_strndup(a, from->msg, strlen(from->msg)) : "";
    e.hint = from->hint ? arena_strndup(a, from->hint, strlen(from->hint)) : NULL;
    if (from->cause) {
        struct err *cause = ARENA_NEW(a, struct err);
        *cause = err_copy(a, from->cause);
        e.cause = cause;
    }
    return e;
}

void hub_answer(struct hub *h, struct str answer) {
    uint64_t one = 1;
    h->answer_arena.secret = true;
    h->answer = answer.s ? str_dup(&h->answer_arena, answer) : STR_NONE;
    if (write(h->answer_fd, &one, sizeof one) < 0) {
        BUG("eventfd: %d", errno);
    }
}

size_t hub_sessions(const struct hub *h) {
    return h->places.max;
}

int hub_fd(const struct hub *h) {
    return h->done_fd;
}

bool hub_wait(struct hub *h, int timeout_ms, struct completion *out) {
    int64_t deadline = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms;
    while (!done_pop(h, out)) {
        if (timeout_ms == 0 || fd_wait(h->done_fd, POLLIN, deadline) == 0) {
            return false;
        }
    }
    return true;
}

// -- the hub ---------------------------------------------------------------------------------------------------------
static void hub_init(struct hub *h, const struct hub_opts *o) {
#ifdef M_ARENA_MAX
    // Sessions are made by dialers and live in the shard: a heap for every dialer would stay half empty (measured: 86
    // KiB a host instead of 47 with 20 dialers).
    (void)mallopt(M_ARENA_MAX, 1);
#endif
    pthread_mutex_init(&h->done_lock, NULL);
    pthread_mutex_init(&h->dial_lock, NULL);
    pthread_mutex_init(&h->cache_lock, NULL);
    pthread_mutex_init(&h->ask_lock, NULL);
    pthread_mutex_init(&h->gate_lock, NULL);
    pthread_cond_init(&h->gate_cond, NULL);
    pthread_mutex_init(&h->blobs.lock, NULL);
    pthread_mutex_init(&h->blobs.pack_lock, NULL);
    pthread_mutex_init(&h->payload_lock, NULL);
    for (size_t i = 0; i < SHARDS_MAX; i++) {
        pthread_mutex_init(&h->shards[i].lock, NULL);
    }
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    h->nshards = cores < 1 ? 1 : (cores > SHARDS_MAX ? SHARDS_MAX : (size_t)cores);
    pthread_cond_init(&h->dial_cond, NULL);
    h->keepalive_ms = o->keepalive_ms > 0 ? o->keepalive_ms : KEEPALIVE_MS;
    h->start_ms = o->start_ms > 0 ? o->start_ms : START_IDLE_MS;
    h->forks = o->forks < 1 ? 1 : (size_t)o->forks;
    if (h->forks > DIALERS_MAX) {
        h->forks = DIALERS_MAX;
    }
    places_init(&h->places, o->sessions_max, &h->forks);
    h->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    h->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    h->answer_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    payloads_find(&h->payloads, o->remote_dir ? o->remote_dir : ".", &h->arena);
}

static void hub_destroy(struct hub *h) {
    struct completion c;
    while (done_pop(h, &c)) {
        completion_release(&c);
    }
    for (struct key_slot *k = h->keys; k; k = k->next) {
        ssh_key_free(k->key);
    }
    fd_closep(&h->done_fd);
    fd_closep(&h->stop_fd);
    fd_closep(&h->answer_fd);
    arena_release(&h->answer_arena);
    pthread_mutex_destroy(&h->done_lock);
    pthread_mutex_destroy(&h->dial_lock);
    pthread_mutex_destroy(&h->cache_lock);
    pthread_mutex_destroy(&h->ask_lock);
    pthread_mutex_destroy(&h->gate_lock);
    pthread_cond_destroy(&h->gate_cond);
    arena_release(&h->gate_arena);
    places_release(&h->places);
    pthread_mutex_destroy(&h->blobs.lock);
    pthread_mutex_destroy(&h->blobs.pack_lock);
    pthread_mutex_destroy(&h->payload_lock);
    for (size_t i = 0; i < SHARDS_MAX; i++) {
        pthread_mutex_destroy(&h->shards[i].lock);
    }
    arena_release(&h->payload_arena);
    pthread_cond_destroy(&h->dial_cond);
    arena_release(&h->cache);
    struct arena a = h->arena;
    arena_release(&a);
}

struct hub *hub_new(const struct hub_opts *o, struct err *e) {
    struct arena a = {0};
    struct hub *h = ARENA_NEW(&a, struct hub);
    h->arena = a;
    hub_init(h, o);
    if (h->done_fd < 0 || h->stop_fd < 0 || h->answer_fd < 0) {
        (void)err_sys(e, errno, NO_MARK, "cannot create an event descriptor");
        hub_destroy(h);
        return NULL;
    }
    if (ssh_init() != SSH_OK) {
        (void)err_set(e, ERR_SYS, NO_MARK, "cannot start the ssh library");
        hub_destroy(h);
        return NULL;
    }
    if (!shard_start(&h->shards[0], h, e)) {
        (void)ssh_finalize();
        hub_destroy(h);
        return NULL;
    }
    return h;
}

void hub_free(struct hub *h) {
    if (!h) {
        return;
    }
    uint64_t one = 1;
    pthread_mutex_lock(&h->dial_lock);
    h->stopping = true;
    pthread_cond_broadcast(&h->dial_cond);
    pthread_mutex_unlock(&h->dial_lock);
    if (write(h->stop_fd, &one, sizeof one) < 0) {
        BUG("eventfd: %d", errno);
    }
    gates_release(h);
    places_open(&h->places);
    bool all = dial_stop(h, 1200);
    for (size_t i = 0; i < SHARDS_MAX; i++) {
        shard_stop(&h->shards[i]);
    }
    if (!all) {
        return;  // a dialer is stuck inside the system's resolver: what it uses stays
    }
    (void)ssh_finalize();
    hub_destroy(h);
}

// -- calls -----------------------------------------------------------------------------------------------------------
static const char *dup_z(struct arena *a, const char *z) {
    return z ? arena_strndup(a, z, strlen(z)) : NULL;
}

static const char *const *dup_words(struct arena *a, const char *const *words) {
    size_t n = 0;
    while (words && words[n]) {
        n++;
    }
    const char **copy = words ? ARENA_ARRAY(a, const char *, n + 1) : NULL;
    for (size_t i = 0; i < n; i++) {
        copy[i] = dup_z(a, words[i]);
    }
    return copy;
}

static void spec_copy(struct conn *c, const struct conn_spec *s) {
    struct arena *a = &c->arena;
    c->spec = *s;
    c->spec.kind = dup_z(a, s->kind);
    c->spec.prefix = dup_words(a, s->prefix);
    c->spec.host = dup_z(a, s->host ? s->host : "?");
    c->spec.address = dup_z(a, s->address ? s->address : c->spec.host);
    c->spec.user = dup_z(a, s->user);
    c->spec.key_file = dup_z(a, s->key_file);
    c->spec.ssh_args = dup_z(a, s->ssh_args);
    c->spec.config_file = dup_z(a, s->config_file);
    c->spec.remote_tmp = dup_z(a, s->remote_tmp);
    c->spec.executable = dup_z(a, s->executable);
    c->spec.dir = dup_z(a, s->dir);
    c->spec.passphrase = s->passphrase.s ? str_dup(&c->secrets, s->passphrase) : STR_NONE;
    c->spec.password = s->password.s ? str_dup(&c->secrets, s->password) : STR_NONE;
}

static struct note *note_new(enum note_kind kind, struct conn *c) {
    struct arena a = {0};
    struct note *n = ARENA_NEW(&a, struct note);
    *n = (struct note){.arena = a, .kind = kind, .conn = c};
    return n;
}

/// Hosts go round the shards, each of which starts with its first one.
static struct shard *next_shard(struct hub *h) {
    struct shard *s = &h->shards[h->nconns++ % h->nshards];
    struct arena tmp = {0};
    struct err e = {.arena = &tmp};
    if (!s->running && !shard_start(s, h, &e)) {
        s = &h->shards[0];
    }
    arena_release(&tmp);
    return s;
}

struct conn *conn_open(struct hub *h, const struct conn_spec *spec, void *tag) {
    struct arena a = {0};
    struct conn *c = ARENA_NEW(&a, struct conn);
    c->arena = a;
    c->secrets.secret = true;
    c->hub = h;
    c->tag = tag;
    c->watch.fd = -1;
    c->alive_ms = h->keepalive_ms;
    c->alive_count = KEEPALIVE_LOST;
    spec_copy(c, spec);
    c->local = !spec->prefix && spec->kind && strcmp(spec->kind, "local") == 0;
    bool given = spec->kind && strcmp(spec->kind, "socket") == 0;
    c->spec.socket = given ? spec->socket : -1;
    c->child = c->local || spec->prefix || given;
    bool ssh = !c->child && spec->kind && strcmp(spec->kind, "ssh") == 0;
    c->dialing = ssh;
    c->shard = next_shard(h);
    shard_post(c->shard, note_new(NOTE_OPEN, c));
    if (ssh) {
        dial_queue(h, c);
    }
    return c;
}

uint64_t conn_submit(struct conn *c, const struct conn_request *r, void *tag) {
    struct hub *h = c->hub;
    uint64_t id = ++h->next_id;
    struct arena tmp = {0};
    struct err e = {.arena = &tmp};
    struct req *req = req_new(c, r, tag, id, &e);
    if (req) {
        struct note *n = note_new(NOTE_SUBMIT, c);
        n->req = req;
        shard_post(c->shard, n);
    } else {
        struct done *d = done_new(DONE_FAILED, tag, id);
        d->c.err = err_copy(&d->c.arena, &e);
        done_push(h, d);
    }
    arena_release(&tmp);
    return id;
}

void conn_cancel(struct conn *c, uint64_t id) {
    struct note *n = note_new(NOTE_CANCEL, c);
    n->id = id;
    shard_post(c->shard, n);
}

void conn_close(struct conn *c) {
    if (c) {
        shard_post(c->shard, note_new(NOTE_CLOSE, c));
    }
}
