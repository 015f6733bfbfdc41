// Agent channels: small messages both ways between a channel and a Unix socket, nothing looked at.
#include "relay.h"

#include "fd.h"

#include <errno.h>
#include <libssh/callbacks.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RELAYS_MAX 16                   // at once a host
#define RELAY_BUF  ((size_t)256 << 10)  // the agent's own limit for a message

static int agent_connect(const char *path) {
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof sa.sun_path) {
        return -1;
    }
    memcpy(sa.sun_path, path, n + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&sa, sizeof sa) != 0) {
        fd_closep(&fd);
    }
    return fd;
}

/// libssh asks for the channel of an agent that the host wants to talk to; NULL refuses.
static ssh_channel on_open(ssh_session session, void *user) {
    struct conn *c = user;
    size_t n = 0;
    for (const struct relay *r = c->relays; r; r = r->next) {
        n++;
    }
    int fd = n < RELAYS_MAX ? agent_connect(c->agent_path) : -1;
    if (fd < 0) {
        return NULL;
    }
    struct arena a = {0};
    struct relay *r = ARENA_NEW(&a, struct relay);
    r->arena = a;
    r->conn = c;
    r->channel = ssh_channel_new(session);
    r->sock = (struct watch){.kind = WATCH_RELAY, .fd = -1, .owner = r};
    shard_watch(c->shard, &r->sock, fd, EPOLLIN);
    r->next = c->relays;
    c->relays = r;
    return r->channel;
}

void relay_listen(struct conn *c) {
    struct ssh_callbacks_struct *cb = ARENA_NEW(&c->arena, struct ssh_callbacks_struct);
    cb->userdata = c;
    cb->channel_open_request_auth_agent_function = on_open;
    ssh_callbacks_init(cb);
    (void)ssh_set_callbacks(c->session, cb);
}

static void relay_end(struct relay *r) {
    struct conn *c = r->conn;
    struct relay **slot = &c->relays;
    while (*slot != r) {
        slot = &(*slot)->next;
    }
    *slot = r->next;
    shard_unwatch(c->shard, &r->sock);
    ssh_channel_free(r->channel);
    r->conn = NULL;
    r->next = c->shard->relays_gone;
    c->shard->relays_gone = r;
}

void relay_close_all(struct conn *c) {
    while (c->relays) {
        relay_end(c->relays);
    }
}

void relay_bury(struct shard *s) {
    while (s->relays_gone) {
        struct relay *r = s->relays_gone;
        s->relays_gone = r->next;
        buf_release(&r->to_agent);
        buf_release(&r->to_host);
        struct arena a = r->arena;
        arena_release(&a);
    }
}

/// From the host to the agent; -1: the end.
static int to_agent(struct relay *r) {
    char *p = buf_reserve(&r->to_agent, 4096);
    int n = r->to_agent.n < RELAY_BUF ? ssh_channel_read_nonblocking(r->channel, p, 4096, 0) : 0;
    if (n < 0) {
        return -1;
    }
    r->to_agent.n += (size_t)n;
    ssize_t put = r->to_agent.n ? send(r->sock.fd, r->to_agent.p, r->to_agent.n, MSG_NOSIGNAL) : 0;
    if (put < 0) {
        return errno == EAGAIN || errno == EINTR ? n : -1;
    }
    buf_consume(&r->to_agent, (size_t)put);
    return n + (int)put;
}

static int to_host(struct relay *r) {
    ssize_t n = 0;
    if (r->to_host.n < RELAY_BUF) {
        n = read(r->sock.fd, buf_reserve(&r->to_host, 4096), 4096);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            return -1;
        }
        n = n < 0 ? 0 : n;
        r->to_host.n += (size_t)n;
    }
    uint32_t window = ssh_channel_window_size(r->channel);
    if (r->to_host.n == 0 || window == 0) {
        return (int)n;
    }
    int put = ssh_channel_write(r->channel, r->to_host.p, r->to_host.n < window ? (uint32_t)r->to_host.n : window);
    if (put < 0) {
        return put == SSH_AGAIN ? (int)n : -1;
    }
    buf_consume(&r->to_host, (size_t)put);
    return (int)n + put;
}

bool relay_work(struct conn *c) {
    bool moved = false;
    for (struct relay *r = c->relays, *next; r; r = next) {
        next = r->next;
        if (!ssh_channel_is_open(r->channel)) {
            // Not confirmed yet, or closed by the host.
            if (ssh_channel_is_closed(r->channel) && ssh_channel_is_eof(r->channel)) {
                relay_end(r);
            }
            continue;
        }
        int up = to_agent(r);
        int down = up < 0 ? -1 : to_host(r);
        if (down < 0) {
            relay_end(r);
            moved = true;
            continue;
        }
        moved |= up + down > 0;
        shard_watch(c->shard, &r->sock, r->sock.fd, EPOLLIN | (r->to_agent.n ? EPOLLOUT : 0U));
    }
    return moved;
}
