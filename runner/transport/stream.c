// Streams over an ssh channel (only calls that do not block in a non-blocking session) and over the pipes of a child.
#include "stream.h"

#include "fd.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK_MAX ((size_t)64 << 10)
#define LINGER_MS 2000

void stream_ssh(struct stream *s, struct shard *shard, ssh_session session, const char *command) {
    *s = (struct stream){.shard = shard, .session = session, .command = command, .status = -1};
    s->in.fd = s->out.fd = s->err.fd = -1;
    s->channel = ssh_channel_new(session);
}

bool stream_child(struct stream *s, struct shard *shard, const char *const *argv, const char *cwd, struct peer *owner,
                  struct err *e) {
    *s = (struct stream){.shard = shard, .state = STREAM_RUNNING, .status = -1};
    s->in.fd = s->out.fd = s->err.fd = -1;
    int er[2];
    int in = -1;
    int out = -1;
    if (pipe2(er, O_CLOEXEC) != 0) {
        return err_sys(e, errno, NO_MARK, "cannot create a pipe");
    }
    bool ok = spawn_pipes(argv, NULL, cwd, er[1], &s->pid, &in, &out, e);
    fd_closep(&er[1]);
    if (!ok) {
        fd_closep(&er[0]);
        return false;
    }
    const int fds[] = {in, out, er[0]};
    for (size_t i = 0; i < COUNTOF(fds); i++) {
        (void)fcntl(fds[i], F_SETFL, O_NONBLOCK);
    }
    s->in = s->out = s->err = (struct watch){.kind = WATCH_CHILD, .fd = -1, .owner = owner};
    shard_watch(shard, &s->in, in, 0);
    shard_watch(shard, &s->out, out, EPOLLIN);
    shard_watch(shard, &s->err, er[0], EPOLLIN);
    return true;
}

void stream_socket(struct stream *s, struct shard *shard, int fd, struct peer *owner) {
    *s = (struct stream){.shard = shard, .state = STREAM_RUNNING, .both = true, .reaped = true, .status = -1};
    s->in.fd = s->err.fd = -1;
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    s->out = (struct watch){.kind = WATCH_CHILD, .fd = -1, .owner = owner};
    shard_watch(shard, &s->out, fd, EPOLLIN);
}

/// A session that is gone is told by the connection: for every program on it, and with the server's reason.
static int open_failed(struct stream *s, const char *what, struct err *e) {
    if (!ssh_is_connected(s->session)) {
        return 0;
    }
    (void)err_set(e, ERR_UNREACHABLE, NO_MARK, "cannot %s: %s", what, ssh_get_error(s->session));
    return -1;
}

int stream_step(struct stream *s, struct err *e) {
    if (s->state == STREAM_OPENING) {
        int rc = s->channel ? ssh_channel_open_session(s->channel) : SSH_ERROR;
        if (rc == SSH_AGAIN) {
            return 0;
        }
        if (rc != SSH_OK) {
            return open_failed(s, "open another ssh channel (is MaxSessions of the server too low?)", e);
        }
        s->state = STREAM_EXEC;
    }
    if (s->state == STREAM_EXEC) {
        if (s->lend_agent) {
            s->lend_agent = false;
            (void)ssh_channel_request_auth_agent(s->channel);
        }
        int rc = ssh_channel_request_exec(s->channel, s->command);
        if (rc == SSH_AGAIN) {
            return 0;
        }
        if (rc != SSH_OK) {
            return open_failed(s, "run a command over ssh", e);
        }
        s->state = STREAM_RUNNING;
        s->command = NULL;
        return 1;
    }
    return 0;
}

static int child_read(struct shard *shard, struct watch *w, char *p, size_t n) {
    if (w->fd < 0) {
        return -1;
    }
    ssize_t got = read(w->fd, p, n);
    if (got > 0) {
        return (int)got;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    shard_unwatch(shard, w);
    return -1;
}

int stream_read(struct stream *s, bool err, char *p, size_t n) {
    if (!s->session) {
        return child_read(s->shard, err ? &s->err : &s->out, p, n);
    }
    if (s->state != STREAM_RUNNING) {
        return 0;
    }
    int got = ssh_channel_read_nonblocking(s->channel, p, (uint32_t)n, err);
    return got < 0 ? -1 : got;
}

int stream_write(struct stream *s, const char *p, size_t n) {
    if (n > CHUNK_MAX) {
        n = CHUNK_MAX;
    }
    if (s->session) {
        if (s->state != STREAM_RUNNING || (ssh_get_poll_flags(s->session) & SSH_WRITE_PENDING)) {
            return 0;
        }
        uint32_t window = ssh_channel_window_size(s->channel);
        if (window == 0) {
            return 0;
        }
        int put = ssh_channel_write(s->channel, p, n < window ? (uint32_t)n : window);
        return put == SSH_AGAIN ? 0 : (put < 0 ? -1 : put);
    }
    struct watch *to = s->both ? &s->out : &s->in;
    if (to->fd < 0) {
        return -1;
    }
    ssize_t put = write(to->fd, p, n);
    if (put >= 0) {
        return (int)put;
    }
    if (errno == EAGAIN || errno == EINTR) {
        return 0;
    }
    shard_unwatch(s->shard, to);
    return -1;
}

uint32_t stream_window(const struct stream *s) {
    return s->session && s->state == STREAM_RUNNING ? ssh_channel_window_size(s->channel) : 0;
}

static void child_status(struct stream *s) {
    int st = 0;
    if (s->reaped) {
        return;
    }
    if (waitpid(s->pid, &st, WNOHANG) == s->pid) {
        s->reaped = true;
        s->status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
        return;
    }
    // It closed its output but is still there: nothing more can come from it.
    int64_t now = clock_ms();
    if (s->eof_ms == 0) {
        s->eof_ms = now;
    } else if (now - s->eof_ms > LINGER_MS) {
        kill(-s->pid, SIGKILL);
    }
    shard_alarm(s->shard, now + 5);
}

bool stream_ended(struct stream *s) {
    if (s->session) {
        if (!ssh_is_connected(s->session)) {
            return false;  // the connection's end, not the program's
        }
        if (s->state == STREAM_RUNNING && ssh_channel_is_closed(s->channel)) {
            s->status = ssh_channel_get_exit_status(s->channel);
            s->state = STREAM_ENDED;
        }
        return s->state == STREAM_ENDED;
    }
    if (s->out.fd >= 0 || s->err.fd >= 0) {
        return false;
    }
    child_status(s);
    return s->reaped;
}

void stream_eof(struct stream *s) {
    if (s->session) {
        (void)ssh_channel_send_eof(s->channel);
    } else {
        shard_unwatch(s->shard, &s->in);
    }
}

void stream_interest(struct stream *s, bool write) {
    if (s->both && s->out.fd >= 0) {
        shard_watch(s->shard, &s->out, s->out.fd, EPOLLIN | (write ? EPOLLOUT : 0U));
    } else if (!s->session && s->in.fd >= 0) {
        shard_watch(s->shard, &s->in, s->in.fd, write ? EPOLLOUT : 0);
    }
}

void stream_close(struct stream *s, int64_t grace_ms) {
    if (s->session) {
        if (s->channel) {
            if (grace_ms <= 0 && s->state == STREAM_RUNNING) {
                (void)ssh_channel_request_send_signal(s->channel, "KILL");
            }
            ssh_channel_free(s->channel);
        }
        s->channel = NULL;
        s->state = STREAM_ENDED;
        return;
    }
    shard_unwatch(s->shard, &s->in);
    shard_unwatch(s->shard, &s->out);
    shard_unwatch(s->shard, &s->err);
    if (s->pid > 0 && !s->reaped) {
        if (grace_ms <= 0) {
            kill(-s->pid, SIGKILL);
        }
        shard_reap(s->shard, s->pid, clock_ms() + grace_ms);
        s->reaped = true;
    }
}
