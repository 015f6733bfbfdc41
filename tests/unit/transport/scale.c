// Many hosts at once: a process of its own plays them all, over sockets that are connected already. PLAY_TEST_HOSTS
// says how many; 10,000 of them under the thread sanitizer are part of .ci/run.
#include "bed.h"

#include "fd.h"
#include "frame.h"
#include "msg.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define USUAL   1000
#define PROCESS ((size_t)2500)  // hosts of one process

struct far {
    int fd;
    struct buf in;
};

// -- the hosts -------------------------------------------------------------------------------------------------------
static void say(int fd, enum frame_kind kind, uint32_t id, bool hello) {
    struct arena a = {0};
    struct val v = val_dict(&a, 1);
    struct buf body = BUF_IN(&a);
    struct buf out = BUF_IN(&a);
    val_set(&a, v, hello ? "version" : "pong", val_int(WIRE_VERSION));
    msg_encode(&body, v);
    frame_write(&out, kind, id, buf_view(&body));
    if (write(fd, out.p, out.n) != (ssize_t)out.n) {
        _exit(3);
    }
    arena_release(&a);
}

/// false: the host is gone.
static bool answer(struct far *f, const struct frame *fr) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct val v;
    bool stays = true;
    if (fr->kind == FRAME_REQUEST && msg_decode(&a, fr->body, &v, &e)) {
        struct str module = val_text(val_get(v, "module"));
        if (str_eqz(module, "ping")) {
            say(f->fd, FRAME_RESULT, fr->id, false);
        } else if (str_eqz(module, "junk")) {
            stays = write(f->fd, "this is no frame at all, is it", 30) == 30;
        } else if (str_eqz(module, "reset")) {
            stays = false;
        }  // "silent" gets nothing
    } else if (fr->kind == FRAME_CANCEL) {
        say(f->fd, FRAME_RESULT, fr->id, false);
    }
    arena_release(&a);
    return stays && fr->kind != FRAME_BYE;
}

static bool hear(struct far *f) {
    char *to = buf_reserve(&f->in, 4096);
    ssize_t n = read(f->fd, to, 4096);
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct frame fr;
    size_t used = 0;
    bool stays = n > 0;
    f->in.n += n > 0 ? (size_t)n : 0;
    while (stays && frame_read(buf_view(&f->in), &fr, &used, &e) > 0) {
        stays = answer(f, &fr);
        buf_consume(&f->in, used);
    }
    arena_release(&a);
    return stays;
}

_Noreturn static void play_hosts(struct far *hosts, size_t n) {
    int ep = epoll_create1(EPOLL_CLOEXEC);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < n; i++) {
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &hosts[i]};
        (void)epoll_ctl(ep, EPOLL_CTL_ADD, hosts[i].fd, &ev);
        say(hosts[i].fd, FRAME_HELLO, 0, true);
    }
    for (size_t left = n; left;) {
        struct epoll_event ev[64];
        int got = epoll_wait(ep, ev, 64, 60000);
        if (got == 0) {
            _exit(4);
        }
        for (int i = 0; i < got; i++) {
            struct far *f = ev[i].data.ptr;
            if (!hear(f)) {
                close(f->fd);
                left--;
            }
        }
    }
    _exit(0);
}

// -- this side -------------------------------------------------------------------------------------------------------
static size_t how_many(void) {
    const char *text = getenv("PLAY_TEST_HOSTS");  // NOLINT(concurrency-mt-unsafe): one thread
    size_t n = text ? (size_t)strtoul(text, NULL, 10) : USUAL;
    struct rlimit files;
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = files.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
    if (files.rlim_max < n + PROCESS + 100) {
        print_message("only %lu descriptors\n", (unsigned long)files.rlim_max);
        n = (size_t)files.rlim_max - PROCESS - 100;
    }
    return n;
}

/// A process that plays `n` hosts; our ends of their sockets.
static pid_t start_hosts(size_t n, int *ours) {
    struct arena a = {0};
    struct far *hosts = ARENA_ARRAY(&a, struct far, n);
    for (size_t i = 0; i < n; i++) {
        int pair[2];
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
        ours[i] = pair[0];
        hosts[i].fd = pair[1];
    }
    pid_t pid = fork();
    CHECK(pid >= 0);
    for (size_t i = 0; i < n; i++) {
        close(pid == 0 ? ours[i] : hosts[i].fd);
    }
    if (pid == 0) {
        play_hosts(hosts, n);
    }
    arena_release(&a);
    return pid;
}

static const char *module_of(size_t i) {
    static const char *const odd[] = {"reset", "junk", "silent"};
    size_t k = i % 50;
    return k < COUNTOF(odd) ? odd[k] : "ping";
}

TEST(scale_many_hosts) {
    size_t n = how_many();
    CHECK(n > 0 && n <= 64 * PROCESS);
    struct arena a = {0};
    int *ours = ARENA_ARRAY(&a, int, n);
    pid_t far[64];
    size_t nfar = 0;
    for (size_t i = 0; i < n; i += PROCESS) {
        far[nfar++] = start_hosts(n - i < PROCESS ? n - i : PROCESS, ours + i);
    }
    struct err e = {.arena = &a};
    struct hub *h = hub_new(&(struct hub_opts){.forks = 4, .remote_dir = "."}, &e);
    CHECK(h != NULL);
    int64_t t0 = clock_ms();
    struct conn **conns = ARENA_ARRAY(&a, struct conn *, n);
    size_t odd = 0;
    for (size_t i = 0; i < n; i++) {
        const char *module = module_of(i);
        struct conn_request r = {.module = module, .lane = 1};
        r.timeout_ms = strcmp(module, "silent") == 0 && i % 100 < 50 ? 1000 : 0;
        conns[i] = conn_open(h, &(struct conn_spec){.kind = "socket", .host = "h", .socket = ours[i]}, NULL);
        conn_submit(conns[i], &(struct conn_request){.module = "ping", .lane = 1}, NULL);
        uint64_t id = conn_submit(conns[i], &r, NULL);
        if (strcmp(module, "silent") == 0 && !r.timeout_ms) {
            conn_cancel(conns[i], id);
        }
        odd += strcmp(module, "ping") != 0;
    }
    size_t count[DONE_ASK + 1] = {0};
    while (count[DONE_RESULT] + count[DONE_FAILED] < 2 * n) {
        struct completion d = next_done(h);
        count[d.kind]++;
        completion_release(&d);
    }
    CHECK(count[DONE_OPEN] == n && count[DONE_FAILED] == odd && count[DONE_RESULT] == 2 * n - odd);
    for (size_t i = 0; i < n / 2; i++) {
        conn_close(conns[i]);
    }
    hub_free(h);
    print_message("%zu hosts, %zu that failed: %lld ms\n", n, odd, (long long)(clock_ms() - t0));
    for (size_t i = 0; i < nfar; i++) {
        int status = 0;
        CHECK(waitpid(far[i], &status, 0) == far[i] && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    arena_release(&a);
}
