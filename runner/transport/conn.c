// Connections in the shard's thread: requests in order of their lanes, the processes they need, deadlines, the end.
#include "fd.h"
#include "hub.h"
#include "peer.h"
#include "prefix.h"
#include "relay.h"
#include "spawn.h"

#include <errno.h>
#include <sys/epoll.h>

#define PEERS_SSH 8   // channels at once: sshd allows 10 (MaxSessions)
#define PASSES    64  // of moving bytes before other connections get their turn
#define CLOSE_MS  1000

// -- answers ---------------------------------------------------------------------------------------------------------
void conn_answer(struct req *r, struct done *d) {
    struct conn *c = r->conn;
    if (r->prev) {
        r->prev->next = r->next;
    } else {
        c->reqs = r->next;
    }
    if (r->next) {
        r->next->prev = r->prev;
    } else {
        c->reqs_tail = r->prev;
    }
    if (r->peer) {
        r->peer->pending--;
    }
    c->redispatch = true;
    if (c->closed) {
        struct completion gone = d->c;
        completion_release(&gone);
    } else {
        done_push(c->hub, d);
    }
    req_free(r);
}

void conn_fail_req(struct req *r, const struct err *why) {
    struct done *d = done_new(DONE_FAILED, r->tag, r->id);
    struct err *e = &d->c.err;
    e->arena = &d->c.arena;
    if (r->timed_out) {
        (void)err_set(e, ERR_TIMEOUT, NO_MARK, "module '%s' on host '%s' did not finish within %lld s", r->module,
                      r->conn->spec.host, (long long)((r->timeout_ms + 999) / 1000));
    } else if (r->sink_errno) {
        (void)err_sys(e, r->sink_errno, NO_MARK, "cannot write what module '%s' sends from host '%s'", r->module,
                      r->conn->spec.host);
    } else if (r->cancelled) {
        (void)err_set(e, ERR_SYS, NO_MARK, "module '%s' on host '%s' was cancelled", r->module, r->conn->spec.host);
        e->sys_errno = ECANCELED;
    } else if (why) {
        *e = err_copy(&d->c.arena, why);
    }
    d->c.lost = r->conn->state == CONN_DEAD && !r->timed_out && !r->cancelled;
    conn_answer(r, d);
}

void conn_tell_open(struct conn *c, struct done *d) {
    if (c->opened || c->closed) {
        struct completion gone = d->c;
        completion_release(&gone);
    } else {
        done_push(c->hub, d);
    }
    c->opened = true;
}

static void tell_failed(struct conn *c, const struct err *why) {
    struct done *d = done_new(DONE_FAILED, c->tag, 0);
    d->c.err = err_copy(&d->c.arena, why);
    conn_tell_open(c, d);
}

// -- the end ---------------------------------------------------------------------------------------------------------
static void drop_session(struct conn *c) {
    if (c->session) {
        int fd = c->watch.fd;
        shard_watch(c->shard, &c->watch, fd, 0);
        c->watch.fd = -1;
        relay_close_all(c);
        if (c->pump) {
            ssh_channel_free(c->pump);
        }
        ssh_end(c->session, fd, c->inode);
        place_give(c->hub);
        c->session = NULL;
        c->pump = NULL;
    }
    if (c->proxy_pid > 0) {
        shard_reap(c->shard, c->proxy_pid, clock_ms() + CLOSE_MS);
        c->proxy_pid = 0;
    }
}

void conn_die(struct conn *c, const struct err *why) {
    if (c->state == CONN_DEAD) {
        return;
    }
    c->state = CONN_DEAD;
    c->dead = err_copy(&c->arena, why);
    while (c->peers) {
        peer_close(c->peers, 0);
    }
    for (struct req *r = c->reqs, *next; r; r = next) {
        next = r->next;
        r->peer = NULL;
        conn_fail_req(r, &c->dead);
    }
    tell_failed(c, &c->dead);
    drop_session(c);
}

static void bury(struct conn *c) {
    struct shard *s = c->shard;
    if (c->prev) {
        c->prev->next = c->next;
    } else {
        s->conns = c->next;
    }
    if (c->next) {
        c->next->prev = c->prev;
    }
    c->buried = true;
    c->next = s->graveyard;
    s->graveyard = c;
}

void conn_end(struct conn *c) {
    if (c->buried || (c->closed && c->dialing)) {
        return;
    }
    c->closed = true;
    for (struct req *r = c->reqs, *next; r; r = next) {
        next = r->next;
        r->peer = NULL;
        conn_fail_req(r, NULL);
    }
    while (c->peers) {
        peer_close(c->peers, CLOSE_MS);
    }
    drop_session(c);
    c->state = CONN_DEAD;
    if (!c->dialing) {
        bury(c);
    }
}

// -- requests --------------------------------------------------------------------------------------------------------
static struct peer *find_peer(const struct conn *c, const char *key) {
    for (struct peer *p = c->peers; p; p = p->next) {
        if (p->key && strcmp(p->key, key) == 0) {
            return p;
        }
    }
    return NULL;
}

/// True when an earlier request of the same lane must end before `r` may be sent: only one process keeps their order.
static bool must_wait(const struct req *r) {
    for (const struct req *q = r->prev; q; q = q->prev) {
        if (q->lane == r->lane && (q->state == REQ_HELD || r->raw || q->raw || strcmp(q->peer_key, r->peer_key) != 0)) {
            return true;
        }
    }
    return false;
}

/// Makes room for one more channel: an idle become process may go. false: all are busy.
static bool room(struct conn *c) {
    size_t n = 0;
    struct peer *idle = NULL;
    for (struct peer *p = c->peers; p; p = p->next) {
        n++;
        if (p->key && *p->key && p->pending == 0 && p->state == PEER_READY) {
            idle = p;
        }
    }
    if (c->child || n < PEERS_SSH) {
        return true;
    }
    if (idle) {
        peer_close(idle, CLOSE_MS);
    }
    return idle != NULL;
}

/// A process for `r` (NULL: the login process); without one `r` has failed, or waits for room.
static struct peer *new_peer(struct conn *c, struct req *r, struct req *fails) {
    if (!room(c)) {
        return NULL;
    }
    struct arena tmp = {0};
    struct err e = {.arena = &tmp};
    struct peer *p = peer_new(c, r, &e);
    if (!p) {
        conn_fail_req(fails, &e);
    }
    arena_release(&tmp);
    return p;
}

/// play-remote gives doas its terminal, so it must be on the target and its place known. false: not yet, or failed.
static bool has_terminal(struct conn *c, struct req *r) {
    if (c->local || c->remote_path || !become_wants_terminal(&r->become)) {
        return true;
    }
    if (c->broken.code != ERR_NONE) {
        conn_fail_req(r, &c->broken);
        return false;
    }
    r->for_path = true;
    if (!find_peer(c, "")) {
        (void)new_peer(c, NULL, r);
    }
    return false;
}

static void send_req(struct conn *c, struct req *r) {
    if (!r->raw && !r->become.method && c->broken.code != ERR_NONE) {
        conn_fail_req(r, &c->broken);
        return;
    }
    struct peer *p = r->raw ? NULL : find_peer(c, r->peer_key);
    if (!p && has_terminal(c, r)) {
        p = new_peer(c, r, r);
    }
    if (p) {
        peer_give(p, r);
    }
}

static void dispatch(struct conn *c) {
    for (struct req *r = c->reqs, *next; r; r = next) {
        next = r->next;
        if (r->state == REQ_HELD && !must_wait(r)) {
            send_req(c, r);
        }
    }
}

void conn_take(struct conn *c, struct req *r) {
    if (c->closed) {
        req_free(r);
        return;
    }
    r->prev = c->reqs_tail;
    if (c->reqs_tail) {
        c->reqs_tail->next = r;
    } else {
        c->reqs = r;
    }
    c->reqs_tail = r;
    if (c->state == CONN_PARKED) {
        c->state = CONN_DIALING;
        c->dialing = true;
        dial_queue(c->hub, c);
    } else if (c->state == CONN_DEAD) {
        conn_fail_req(r, &c->dead);
    } else if (c->state == CONN_UP) {
        dispatch(c);  // after which `r` may be answered and gone
        bool there = c->state == CONN_UP && c->reqs_tail == r;
        if (!there || r->state != REQ_QUEUED || !peer_holds(r->peer)) {
            conn_work(c);
        }
    }
}

void conn_stop(struct conn *c, uint64_t id) {
    for (struct req *r = c->reqs; r; r = r->next) {
        if (r->id != id) {
            continue;
        }
        bool again = r->cancelled;
        r->cancelled = true;
        if (!r->peer) {
            conn_fail_req(r, NULL);
        } else if (!again) {
            peer_cancel(r->peer, r);
        }
        if (c->state == CONN_UP) {
            conn_work(c);
        }
        return;
    }
}

// -- going up --------------------------------------------------------------------------------------------------------
void conn_login(struct conn *c) {
    struct arena tmp = {0};
    struct err e = {.arena = &tmp};
    if (!peer_new(c, NULL, &e)) {
        tell_failed(c, &e);
        c->broken = err_copy(&c->arena, &e);
    }
    arena_release(&tmp);
}

static void start_login(struct conn *c) {
    if (c->spec.lazy) {
        struct done *d = done_new(DONE_OPEN, c->tag, 0);
        d->c.result = val_dict(&d->c.arena, 0);
        conn_tell_open(c, d);
    } else {
        conn_login(c);
    }
    c->redispatch = true;
    conn_work(c);
}

void conn_begin(struct conn *c) {
    if (c->child) {
        c->state = CONN_UP;
        c->heard_ms = clock_ms();
        arena_release(&c->secrets);
        start_login(c);
    } else if (c->dialing) {
        (void)shard_payloads(c->shard);  // a dialer is at work: there is time now
    } else {
        struct arena tmp = {0};
        struct err e = {.arena = &tmp};
        (void)prefix_unknown(str_from(c->spec.kind ? c->spec.kind : ""), NO_MARK, &e);
        conn_die(c, &e);
        arena_release(&tmp);
    }
}

static bool no_variable(void *ctx UNUSED, const char *list UNUSED, struct str *out, struct err *e UNUSED) {
    *out = STR_NONE;
    return true;
}

/// libssh knows no host certificates: the system's ssh, which checks everything anew, becomes the byte stream. false:
/// it is not there, or cannot be used with these settings.
static bool by_system_ssh(struct conn *c) {
    struct arena tmp = {0};
    struct err e = {.arena = &tmp};
    struct prefix_source from = {.login = &c->spec, .var = no_variable};
    bool ok = spawn_which(&tmp, "ssh") != NULL &&
              prefix_argv(&c->arena, STR_LIT("openssh"), &from, &c->spec.prefix, &c->spec.joined, &e);
    arena_release(&tmp);
    if (!ok) {
        return false;
    }
    c->spec.kind = "openssh";
    c->child = true;
    struct done *d = done_new(DONE_NOTE, c->tag, 0);
    d->c.log = str_printf(&d->c.arena,
                          "<%s> only a certificate authority vouches for the host key: connecting by the system's ssh",
                          c->spec.address);
    done_push(c->hub, d);
    return true;
}

static const char *const *copy_env(struct arena *a, const char *const *env) {
    struct ssh_names out = {0};
    for (; env && *env; env++) {
        names_push(a, &out, arena_strndup(a, *env, strlen(*env)));
    }
    names_push(a, &out, NULL);
    return out.n > 1 ? out.p : NULL;
}

void conn_adopt(struct conn *c, struct dialed *d) {
    struct shard *s = c->shard;
    c->dialing = false;
    c->hung_up = false;
    c->ping_ms = 0;
    c->alive_ms = d->alive_ms > 0 ? d->alive_ms : c->alive_ms;
    c->alive_count = d->alive_count > 0 ? d->alive_count : c->alive_count;
    c->proxy_pid = d->proxy_pid;
    if (d->ok) {
        c->session = d->session;
        c->inode = d->inode;
        c->watch = (struct watch){.kind = WATCH_SESSION, .fd = -1, .owner = c};
        shard_watch(s, &c->watch, d->fd, EPOLLIN);
        c->pump = ssh_channel_new(c->session);
        ssh_set_counters(c->session, &c->traffic, NULL);
        c->env = copy_env(&c->arena, d->env);
        if (d->agent_path) {
            c->agent_path = arena_strndup(&c->arena, d->agent_path, strlen(d->agent_path));
            relay_listen(c);
        }
    }
    if (c->closed) {
        drop_session(c);
        bury(c);
    } else if (d->ok || (d->certified && by_system_ssh(c))) {
        c->state = CONN_UP;
        c->heard_ms = clock_ms();
        start_login(c);
        shard_alarm(s, c->heard_ms + c->alive_ms);
    } else {
        conn_die(c, &d->err);
    }
    struct arena a = d->arena;
    arena_release(&a);
}

bool conn_park(struct conn *c) {
    bool idle = c->state == CONN_UP && c->session && c->opened && !c->closed && !c->reqs && !c->relays;
    for (const struct peer *p = c->peers; p; p = p->next) {
        idle = idle && p->state == PEER_READY && p->pending == 0;
    }
    if (!idle) {
        return false;
    }
    while (c->peers) {
        peer_close(c->peers, CLOSE_MS);
    }
    drop_session(c);
    c->state = CONN_PARKED;
    return true;
}

// -- work ------------------------------------------------------------------------------------------------------------
static void lost(struct conn *c) {
    struct arena tmp = {0};
    struct err e = {.arena = &tmp};
    const char *why = ssh_get_error(c->session);
    struct str said = STR_NONE;
    for (struct peer *p = c->peers; p; p = p->next) {
        if (p->key && !*p->key && p->errs.n) {
            said = tidy_text(&tmp, buf_view(&p->errs), 1024);
        }
    }
    const char *channels = c->few_channels
                               ? " (as another channel was opened: a server that allows one only, as tinysshd does, "
                                 "runs neither raw nor become beside other tasks)"
                               : "";
    (void)err_set(&e, ERR_UNREACHABLE, NO_MARK, "the connection to host '%s' was lost%s%s%s%s%.*s", c->spec.host,
                  channels, why && *why ? ": " : "", why ? why : "", said.n ? ": " : "", STR(said));
    conn_die(c, &e);
    arena_release(&tmp);
}

static bool session_alive(struct conn *c) {
    return ssh_is_connected(c->session) && !(ssh_get_status(c->session) & (SSH_CLOSED | SSH_CLOSED_ERROR));
}

static void close_idle(struct conn *c) {
    c->shed = false;
    c->few_channels = true;
    for (struct peer *p = c->peers, *next; p; p = next) {
        next = p->next;
        if (p->key && p->pending == 0 && p->state == PEER_READY) {
            peer_close(p, CLOSE_MS);
        }
    }
}

/// One round over everything that may move; true when something did. A call on one channel may read packets for
/// another: when bytes came in, everybody is asked again, since no event will tell of them.
static bool pass(struct conn *c) {
    uint64_t before = c->traffic.in_bytes;
    bool moved = c->redispatch;
    if (c->session && ssh_channel_poll(c->pump, 0) == SSH_ERROR) {
        c->hung_up = true;
    }
    if (c->redispatch) {
        c->redispatch = false;
        dispatch(c);
    }
    for (struct peer *p = c->peers, *next; p; p = next) {
        next = p->next;
        moved |= peer_work(p);
    }
    if (c->shed) {
        close_idle(c);
    }
    moved |= relay_work(c);
    return moved || c->redispatch || c->traffic.in_bytes != before;
}

void conn_work(struct conn *c) {
    c->again = false;
    for (int n = 0; pass(c) && c->state == CONN_UP; n++) {
        if (n == PASSES) {
            c->again = true;
            shard_alarm(c->shard, 0);
            break;
        }
    }
    if (c->state == CONN_UP && c->session) {
        if (session_alive(c) && !c->hung_up) {
            tcp_ack_now(c->watch.fd);
            uint32_t out = ssh_get_poll_flags(c->session) & SSH_WRITE_PENDING ? EPOLLOUT : 0;
            shard_watch(c->shard, &c->watch, c->watch.fd, EPOLLIN | out);
        } else {
            lost(c);
        }
    }
    if (c->session && !c->reqs && places_wanted(c->hub)) {
        (void)conn_park(c);
    }
}

// -- deadlines -------------------------------------------------------------------------------------------------------
static void earlier(int64_t *next, int64_t at) {
    if (at && at < *next) {
        *next = at;
    }
}

static void start_late(struct peer *p) {
    struct arena tmp = {0};
    struct err e = {.arena = &tmp};
    struct start *s = &p->start;
    struct str said = start_heard(&tmp, s, buf_view(&p->errs), 512);
    if (s->method && !s->confirmed) {
        (void)err_set(&e, ERR_MODULE, NO_MARK, "become: %s to user '%s' on host '%s' did not answer in time%s%.*s",
                      s->method, s->user, s->host, said.n ? ": " : "", STR(said));
    } else {
        (void)err_set(&e, ERR_UNREACHABLE, NO_MARK, "play-remote on host '%s' did not start in time%s%.*s", s->host,
                      said.n ? ": " : "", STR(said));
    }
    peer_fail(p, &e);
    arena_release(&tmp);
}

/// The program did not stop what it was told to stop: it is killed.
static void kill_late(struct req *r) {
    struct peer *p = r->peer;
    struct arena tmp = {0};
    struct err e = {.arena = &tmp};
    (void)err_set(&e, ERR_UNREACHABLE, NO_MARK, "play-remote on host '%s' was killed because module '%s' did not stop",
                  r->conn->spec.host, r->module);
    peer_fail(p, &e);
    arena_release(&tmp);
}

/// The first request that is due for something; NULL: none.
static struct req *due(const struct conn *c, int64_t now) {
    for (struct req *r = c->reqs; r; r = r->next) {
        bool late = r->deadline_ms && now >= r->deadline_ms && !r->timed_out;
        if (r->peer && (late || (r->kill_ms && now >= r->kill_ms))) {
            return r;
        }
    }
    return NULL;
}

static void request_deadlines(struct conn *c, int64_t now, int64_t *next) {
    for (struct req *r = due(c, now); r; r = due(c, now)) {
        c->again = true;
        if (r->kill_ms && now >= r->kill_ms) {
            kill_late(r);
        } else {
            r->timed_out = true;
            peer_cancel(r->peer, r);
        }
    }
    for (struct req *r = c->reqs; r; r = r->next) {
        earlier(next, r->timed_out ? 0 : r->deadline_ms);
        earlier(next, r->kill_ms);
    }
}

static void keepalive(struct conn *c, int64_t now, int64_t *next) {
    struct peer *p = c->peers;
    while (p && p->state != PEER_READY) {
        p = p->next;
    }
    int64_t each = c->alive_ms;
    int64_t dead = each * c->alive_count;
    if (!p || c->local) {
        earlier(next, c->local ? 0 : now + each);
        return;
    }
    for (struct peer *q = c->peers; q && c->ping_ms && now - c->ping_ms >= dead; q = q->next) {
        peer_taken(q);
    }
    if (c->ping_ms && now - c->ping_ms >= dead) {
        struct arena tmp = {0};
        struct err e = {.arena = &tmp};
        (void)err_set(&e, ERR_UNREACHABLE, NO_MARK, "host '%s' has not answered for %lld s", c->spec.host,
                      (long long)((now - c->heard_ms) / 1000));
        conn_die(c, &e);
        arena_release(&tmp);
        return;
    }
    if (!c->ping_ms && now - c->heard_ms >= each) {
        c->ping_ms = now;
        peer_ping(p);
        conn_work(c);
    }
    earlier(next, c->ping_ms ? c->ping_ms + dead : c->heard_ms + each);
}

void conn_tick(struct conn *c, int64_t now, int64_t *next) {
    if (c->state != CONN_UP) {
        return;
    }
    for (struct peer *p = c->peers, *following; p; p = following) {
        following = p->next;
        if (p->reopen_ms) {
            c->again |= now >= p->reopen_ms;
            earlier(next, p->reopen_ms);
        }
        if (p->hold_ms) {
            c->again |= now >= p->hold_ms;
            earlier(next, p->hold_ms);
        }
        if (p->deadline_ms && now >= p->deadline_ms && p->state < PEER_READY) {
            start_late(p);
        } else if (p->state < PEER_READY) {
            earlier(next, p->deadline_ms);
        }
    }
    request_deadlines(c, now, next);
    keepalive(c, now, next);
    if (c->state == CONN_UP && (c->again || c->redispatch)) {
        conn_work(c);
    }
    if (c->again) {
        earlier(next, now);
    }
}
