// Child processes driven by one poll loop.
#include "spawn.h"

#include "buf.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_CAP ((size_t)64 << 20)

struct child {
    pid_t pid;
    int in, out, err;  // our ends; -1: closed
};

static void child_close(struct child *c) {
    fd_closep(&c->in);
    fd_closep(&c->out);
    fd_closep(&c->err);
}

static bool make_pipe(int p[2], struct err *e) {
    return pipe2(p, O_CLOEXEC) == 0 || err_sys(e, errno, NO_MARK, "cannot create a pipe");
}

static bool start_child(const struct spawn *s, struct child *c, struct err *e) {
    int in[2] = {-1, -1};
    int out[2] = {-1, -1};
    int er[2] = {-1, -1};
    bool ok = make_pipe(out, e) && (s->terminal || (make_pipe(in, e) && (s->merge || make_pipe(er, e))));
    if (ok) {
        int err_fd = s->terminal ? STDERR_FILENO : er[1];
        int fds[3] = {s->terminal ? STDIN_FILENO : in[0], out[1], s->merge ? out[1] : err_fd};
        ok = spawn_start(s, fds, &c->pid, e);
    }
    fd_closep(&in[0]);
    fd_closep(&out[1]);
    fd_closep(&er[1]);
    c->in = in[1];
    c->out = out[0];
    c->err = er[0];
    if (!ok) {
        child_close(c);
        return false;
    }
    if (c->in >= 0) {
        fcntl(c->in, F_SETFL, O_NONBLOCK);
    }
    if (s->input.n == 0) {
        fd_closep(&c->in);
    }
    return true;
}

static void feed(struct child *c, struct str input, size_t *fed) {
    ssize_t n = write(c->in, input.s + *fed, input.n - *fed);
    if (n > 0) {
        *fed += (size_t)n;
    }
    if ((n < 0 && errno != EAGAIN && errno != EINTR) || *fed == input.n) {
        fd_closep(&c->in);
    }
}

static void drain(int *fd, struct buf *b, bool *truncated) {
    char chunk[16384];
    ssize_t n = read(*fd, chunk, sizeof chunk);
    if (n > 0) {
        buf_add(b, chunk, (size_t)n);
        *truncated |= b->full;
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
        fd_closep(fd);
    }
}

// Moves bytes until both outputs are closed or the deadline fires (false).
static bool pump(const struct spawn *s, struct child *c, struct buf *out, struct buf *err, bool *truncated) {
    int64_t deadline = s->timeout_ms > 0 ? clock_ms() + s->timeout_ms : -1;
    size_t fed = 0;
    while (c->out >= 0 || c->err >= 0) {
        struct pollfd p[3] = {
            {.fd = c->out, .events = POLLIN}, {.fd = c->err, .events = POLLIN}, {.fd = c->in, .events = POLLOUT}};
        int64_t left = deadline < 0 ? -1 : deadline - clock_ms();
        if (deadline >= 0 && left <= 0) {
            return false;
        }
        if (poll(p, 3, left > INT32_MAX ? INT32_MAX : (int)left) < 0 && errno != EINTR) {
            return true;
        }
        if (c->in >= 0 && p[2].revents) {
            feed(c, s->input, &fed);
        }
        if (c->out >= 0 && p[0].revents) {
            drain(&c->out, out, truncated);
        }
        if (c->err >= 0 && p[1].revents) {
            drain(&c->err, err, truncated);
        }
    }
    return true;
}

// Reaps the child; when the deadline passes first, its whole group is killed.
static int reap(pid_t pid, int64_t deadline, bool *timed_out) {
    int st = 0;
    for (int nap_us = 200;;) {
        pid_t r = waitpid(pid, &st, deadline < 0 || *timed_out ? 0 : WNOHANG);
        if (r == pid || (r < 0 && errno != EINTR)) {
            return st;
        }
        if (r == 0 && clock_ms() >= deadline) {
            *timed_out = true;
            kill(-pid, SIGKILL);
        } else if (r == 0) {
            struct timespec t = {.tv_nsec = nap_us * 1000L};
            nanosleep(&t, NULL);
            nap_us = nap_us < 20000 ? nap_us * 2 : nap_us;
        }
    }
}

bool spawn_run(const struct spawn *s, struct arena *a, struct spawn_result *r, struct err *e) {
    *r = (struct spawn_result){0};
    struct child c = {.in = -1, .out = -1, .err = -1};
    // A child that does not read its input must not kill us: SIGPIPE stays blocked while we write.
    sigset_t pipe_set;
    sigset_t old;
    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
    bool ok = start_child(s, &c, e);
    if (ok) {
        struct buf out = {.a = a, .max = s->out_cap ? s->out_cap : DEFAULT_CAP};
        struct buf err = {.a = a, .max = s->err_cap ? s->err_cap : DEFAULT_CAP};
        int64_t deadline = s->timeout_ms > 0 ? clock_ms() + s->timeout_ms : -1;
        r->timed_out = !pump(s, &c, &out, &err, &r->truncated);
        if (r->timed_out) {
            kill(s->terminal ? c.pid : -c.pid, SIGKILL);
        }
        int st = reap(c.pid, deadline, &r->timed_out);
        r->signal = WIFSIGNALED(st) ? WTERMSIG(st) : 0;
        r->status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + r->signal;
        r->out = buf_view(&out);
        r->err = buf_view(&err);
    }
    child_close(&c);
    struct timespec now = {0};
    while (sigtimedwait(&pipe_set, NULL, &now) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return ok;
}

bool spawn_pipes(const char *const *argv, const char *const *envp, const char *cwd, int err_fd, int *pid, int *in,
                 int *out, struct err *e) {
    int to[2] = {-1, -1};
    int from[2] = {-1, -1};
    bool ok = make_pipe(to, e) && make_pipe(from, e);
    if (ok) {
        struct spawn s = {.argv = argv, .envp = envp, .cwd = cwd};
        int fds[3] = {to[0], from[1], err_fd >= 0 ? err_fd : STDERR_FILENO};
        ok = spawn_start(&s, fds, pid, e);
    }
    fd_closep(&to[0]);
    fd_closep(&from[1]);
    if (!ok) {
        fd_closep(&to[1]);
        fd_closep(&from[0]);
        return false;
    }
    *in = to[1];
    *out = from[0];
    return true;
}

bool spawn_stream(const char *const *argv, const char *const *envp, int err_fd, int *pid, int *fd, struct err *e) {
    int pair[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return err_sys(e, errno, NO_MARK, "cannot create a socket pair");
    }
    struct spawn s = {.argv = argv, .envp = envp};
    int fds[3] = {pair[1], pair[1], err_fd >= 0 ? err_fd : STDERR_FILENO};
    bool ok = spawn_start(&s, fds, pid, e);
    fd_closep(&pair[1]);
    if (!ok) {
        fd_closep(&pair[0]);
        return false;
    }
    (void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
    *fd = pair[0];
    return true;
}

const char *spawn_which(struct arena *a, const char *name) {
    if (strchr(name, '/')) {
        return access(name, X_OK) == 0 ? name : NULL;
    }
    const char *path = getenv("PATH");
    struct str rest = str_from(path && *path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    struct str dir;
    while (str_next(&rest, ':', &dir)) {
        const char *full = arena_printf(a, "%.*s/%s", STR(dir.n ? dir : STR_LIT(".")), name);
        if (access(full, X_OK) == 0) {
            return full;
        }
    }
    return NULL;
}
