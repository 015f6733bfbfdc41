// A TCP relay that holds everything back for a time: a long link on one machine.
// bench-relay LISTEN_PORT TARGET_ADDRESS TARGET_PORT DELAY_MS [RATE]: listens on 127.0.0.1; each way takes DELAY_MS,
// and no more than RATE bytes a second go up. When it gets SIGTERM it prints how many bursts went from the client to
// the target, which is about the number of round trips, and how many bytes went up to the target and down from it.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LINKS 2048
#define PIECE 65536

struct piece {
    struct piece *next;
    long due_ms;
    size_t n, at;
    char data[];
};
struct way {
    struct piece *head, *tail;
    long last_ms;       // when the newest piece is due
    long free_ms;       // when the link is free for the next piece
    int from, to, eof;  // eof: 1 read, 2 passed on
};
struct link {
    struct way up, down;
};
static struct link links[LINKS];
static int nlinks;
static volatile sig_atomic_t stop;
static long bursts, bytes[2], rate;

static void on_term(int sig) {
    (void)sig;
    stop = 1;
}

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void take(struct way *w, long delay_ms, int count) {
    char buf[PIECE];
    ssize_t n = read(w->from, buf, sizeof buf);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    struct piece *p = calloc(1, sizeof *p + (n > 0 ? (size_t)n : 0));
    if (!p) {
        exit(1);
    }
    w->eof = n <= 0 ? 1 : w->eof;
    p->n = n > 0 ? (size_t)n : 0;
    p->due_ms = now_ms() + delay_ms;
    if (count && rate) {
        w->free_ms = (w->free_ms > now_ms() ? w->free_ms : now_ms()) + (long)p->n * 1000 / rate;
        p->due_ms = w->free_ms + delay_ms;
    }
    memcpy(p->data, buf, p->n);
    bytes[count ? 0 : 1] += (long)p->n;
    // what is sent within a quarter of the delay goes in one burst
    bursts += count && p->n && p->due_ms - w->last_ms > delay_ms / 4 + 1;
    w->last_ms = p->due_ms;
    if (w->head) {
        w->tail->next = p;
    } else {
        w->head = p;
    }
    w->tail = p;
}

/// Passes on what is due; milliseconds to the next piece.
static long pass(struct way *w) {
    while (w->head && w->head->due_ms <= now_ms()) {
        struct piece *p = w->head;
        ssize_t n = p->n ? send(w->to, p->data + p->at, p->n - p->at, MSG_NOSIGNAL) : 0;
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return 1;
        }
        if (n < 0 || p->n == 0) {
            shutdown(w->to, SHUT_WR);
            w->eof = 2;
        }
        p->at += n > 0 ? (size_t)n : 0;
        if (n >= 0 && p->at < p->n) {
            return 1;
        }
        w->head = p->next;
        free(p);
    }
    return w->head ? w->head->due_ms - now_ms() : 1000;
}

static void accept_one(int listener, const struct sockaddr_in *target) {
    int c = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int t = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    if (c < 0 || t < 0 || nlinks == LINKS || connect(t, (const struct sockaddr *)target, sizeof *target) != 0) {
        close(c);
        close(t);
        return;
    }
    fcntl(t, F_SETFL, O_NONBLOCK);
    setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(t, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    links[nlinks++] = (struct link){.up = {.from = c, .to = t}, .down = {.from = t, .to = c}};
}

static void turn(int listener, const struct sockaddr_in *target, long delay_ms) {
    static struct pollfd p[2 * LINKS + 1];
    static struct way *who[2 * LINKS + 1];
    long wait = 1000;
    nfds_t n = 0;
    p[n++] = (struct pollfd){.fd = listener, .events = POLLIN};
    for (int i = 0; i < nlinks; i++) {
        struct way *ways[2] = {&links[i].up, &links[i].down};
        for (int k = 0; k < 2; k++) {
            long left = pass(ways[k]);
            wait = left < wait ? left : wait;
            who[n] = ways[k];
            p[n++] = (struct pollfd){.fd = ways[k]->eof ? -1 : ways[k]->from, .events = POLLIN};
        }
    }
    if (poll(p, n, (int)(wait < 0 ? 0 : wait)) <= 0) {
        return;
    }
    for (nfds_t i = 1; i < n; i++) {
        if (p[i].revents) {
            take(who[i], delay_ms, (i & 1) != 0);
        }
    }
    if (p[0].revents) {
        accept_one(listener, target);
    }
    for (int i = 0; i < nlinks; i++) {
        if (links[i].up.eof == 2 && links[i].down.eof == 2) {
            close(links[i].up.from);
            close(links[i].up.to);
            links[i--] = links[--nlinks];
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 5 && argc != 6) {
        fprintf(stderr, "usage: bench-relay LISTEN_PORT TARGET_ADDRESS TARGET_PORT DELAY_MS [RATE]\n");
        return 2;
    }
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((unsigned short)strtol(argv[1], NULL, 10))};
    struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons((unsigned short)strtol(argv[3], NULL, 10))};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (inet_pton(AF_INET, argv[2], &target.sin_addr) != 1 || bind(fd, (struct sockaddr *)&here, sizeof here) != 0 ||
        listen(fd, 1024) != 0) {
        perror("bench-relay");
        return 1;
    }
    rate = argc == 6 ? strtol(argv[5], NULL, 10) : 0;
    struct sigaction sa = {.sa_handler = on_term};
    sigaction(SIGTERM, &sa, NULL);
    while (!stop) {
        turn(fd, &target, strtol(argv[4], NULL, 10));
    }
    printf("%ld %ld %ld\n", bursts, bytes[0], bytes[1]);
    return 0;
}
