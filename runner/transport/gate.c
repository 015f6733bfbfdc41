// How many connections to one server may be in their handshake at once: as many as it lets in. A server that closes
// connections before it says anything (MaxStartups of sshd) gets half as many; each that is let in makes room for one
// more. Hosts behind one address share its gate.
#include "hub.h"

#include <errno.h>

struct gate {
    struct gate *next;
    const char *host;
    int port;
    size_t active, limit;
    uint64_t let_in;
};

static struct gate *find(struct hub *h, const char *host, int port) {
    struct gate *g = h->gates;
    while (g && (g->port != port || strcmp(g->host, host) != 0)) {
        g = g->next;
    }
    if (!g) {
        g = ARENA_NEW(&h->gate_arena, struct gate);
        *g = (struct gate){.next = h->gates,
                           .host = arena_strndup(&h->gate_arena, host, strlen(host)),
                           .port = port,
                           .limit = DIALERS_MAX};
        h->gates = g;
    }
    return g;
}

struct gate *gate_enter(struct hub *h, const char *host, int port, struct dialed *d) {
    pthread_mutex_lock(&h->gate_lock);
    struct gate *g = find(h, host, port);
    while (g->active >= g->limit && !h->gates_open) {
        pthread_cond_wait(&h->gate_cond, &h->gate_lock);
    }
    g->active++;
    d->progress = g->let_in != d->let_in;
    d->let_in = g->let_in;
    pthread_mutex_unlock(&h->gate_lock);
    return g;
}

void gate_leave(struct hub *h, struct gate *g, bool let_in, bool turned_away) {
    pthread_mutex_lock(&h->gate_lock);
    g->active--;
    if (let_in) {
        g->let_in++;
        g->limit += g->limit < DIALERS_MAX;
    } else if (turned_away) {
        size_t half = g->active / 2;
        g->limit = half < g->limit ? (half > 0 ? half : 1) : g->limit;
    }
    pthread_cond_broadcast(&h->gate_cond);
    pthread_mutex_unlock(&h->gate_lock);
}

void gates_release(struct hub *h) {
    pthread_mutex_lock(&h->gate_lock);
    h->gates_open = true;
    pthread_cond_broadcast(&h->gate_cond);
    pthread_mutex_unlock(&h->gate_lock);
}
