// Running a program for a module: one poll loop, Ansible's rule for children left in the background.
#include "run.h"

#include "fd.h"
#include "module.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define SILENCE_MS 1000

struct io {
    pid_t pid;
    int in, out, err;
    bool ended;
    int status;
    size_t fed;
};

static bool start(const struct run *r, struct io *io, struct err *e) {
    int p[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    bool ok = r->input.n ? pipe2(p[0], O_CLOEXEC) == 0 : fd_null() >= 0;
    ok = ok && pipe2(p[1], O_CLOEXEC) == 0 && pipe2(p[2], O_CLOEXEC) == 0;
    if (!ok) {
        err_sys(e, errno, NO_MARK, "cannot run '%s'", r->argv[0]);
    } else {
        int fds[3] = {r->input.n ? p[0][0] : fd_null(), p[1][1], p[2][1]};
        struct spawn s = {.argv = r->argv, .envp = r->envp, .cwd = r->cwd, .group = true};
        ok = spawn_start(&s, fds, &io->pid, e);
    }
    fd_closep(&p[0][0]);
    fd_closep(&p[1][1]);
    fd_closep(&p[2][1]);
    io->in = p[0][1];
    io->out = p[1][0];
    io->err = p[2][0];
    if (ok && io->in >= 0) {
        fcntl(io->in, F_SETFL, O_NONBLOCK);
    }
    return ok;
}

static void feed(const struct run *r, struct io *io) {
    ssize_t n = write(io->in, r->input.s + io->fed, r->input.n - io->fed);
    if (n > 0) {
        io->fed += (size_t)n;
    }
    if ((n < 0 && errno != EAGAIN && errno != EINTR) || io->fed == r->input.n) {
        fd_closep(&io->in);
    }
}

static void drain(const struct run *r, int *fd, struct buf *b) {
    UNFILLED char chunk[16384];
    ssize_t n = read(*fd, chunk, sizeof chunk);
    if (n > 0) {
        buf_add(b, chunk, (size_t)n);
        if (r->log && r->log->log) {
            r->log->log(r->log, (struct str){chunk, (size_t)n});
        }
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
        fd_closep(fd);
    }
}

static void check_ended(struct io *io, bool block) {
    if (io->ended) {
        return;
    }
    pid_t got = waitpid(io->pid, &io->status, block ? 0 : WNOHANG);
    io->ended = got == io->pid || (got < 0 && errno != EINTR);
}

/// How long to wait for output: until the deadline, but look after the program every second.
static int wait_ms(int64_t deadline) {
    int64_t left = deadline < 0 ? SILENCE_MS : deadline - clock_ms();
    return left < 0 ? 0 : left > SILENCE_MS ? SILENCE_MS : (int)left;
}

/// Moves bytes until both outputs are closed, or the program ended and nothing came for a second. false: too late.
static bool pump(const struct run *r, struct io *io, struct buf *out, struct buf *err) {
    int64_t deadline = r->timeout_ms > 0 ? clock_ms() + r->timeout_ms : -1;
    while (io->out >= 0 || io->err >= 0) {
        struct pollfd p[3] = {
            {.fd = io->out, .events = POLLIN}, {.fd = io->err, .events = POLLIN}, {.fd = io->in, .events = POLLOUT}};
        int n = poll(p, 3, wait_ms(deadline));
        if (n < 0 && errno != EINTR) {
            return true;
        }
        if (n == 0) {
            check_ended(io, false);
            if (io->ended) {
                return true;
            }
        }
        if (deadline >= 0 && clock_ms() >= deadline) {
            return false;
        }
        if (n > 0 && io->in >= 0 && p[2].revents) {
            feed(r, io);
        }
        if (n > 0 && io->out >= 0 && p[0].revents) {
            drain(r, &io->out, out);
        }
        if (n > 0 && io->err >= 0 && p[1].revents) {
            drain(r, &io->err, err);
        }
    }
    while (!io->ended && deadline >= 0) {
        check_ended(io, false);
        if (!io->ended && clock_ms() >= deadline) {
            return false;
        }
        struct timespec nap = {.tv_nsec = 2000000};
        nanosleep(&nap, NULL);
    }
    return true;
}

bool run_command(const struct run *r, struct arena *a, struct run_result *result, struct err *e) {
    *result = (struct run_result){0};
    struct io io = {.in = -1, .out = -1, .err = -1};
    sigset_t pipe_set;
    sigset_t old;
    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
    bool ok = start(r, &io, e);
    if (ok) {
        struct buf out = {.a = a, .max = RUN_OUTPUT_MAX};
        struct buf err = {.a = a, .max = RUN_OUTPUT_MAX};
        if (!pump(r, &io, &out, &err)) {
            result->timed_out = true;
            kill(-io.pid, SIGKILL);
        }
        check_ended(&io, true);
        result->rc = WIFEXITED(io.status) ? WEXITSTATUS(io.status) : -WTERMSIG(io.status);
        result->truncated = out.full || err.full;
        result->out = buf_view(&out);
        result->err = buf_view(&err);
    }
    fd_closep(&io.in);
    fd_closep(&io.out);
    fd_closep(&io.err);
    struct timespec now = {0};
    while (sigtimedwait(&pipe_set, NULL, &now) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return ok;
}
