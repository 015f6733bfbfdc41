// Programs joined by pipes. Their messages go to memory files, so that none of them waits for somebody to read those.
#include "sendout.h"

#include "digest.h"
#include "fd.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE ((size_t)64 << 10)

struct part {
    int pid;  // 0: not started
    int said;
};

/// Starts a program between two descriptors, which are closed here.
static bool start(struct mod_call *c, struct part *p, const char *const *argv, const char *const *envp, int in, int out,
                  struct err *e) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    p->said = memfd_create("said", MFD_CLOEXEC);
    int fds[3] = {in >= 0 ? in : null, out >= 0 ? out : null, p->said};
    struct spawn s = {.argv = argv, .envp = envp, .group = true};
    bool ok = null >= 0 && p->said >= 0;
    ok = ok ? spawn_start(&s, fds, &p->pid, e) : mod_fail_sys(c, e, errno, "cannot run '%s'", argv[0]);
    fd_closep(&null);
    fd_closep(&in);
    fd_closep(&out);
    return ok;
}

static int ended(struct part *p, struct arena *a, struct str *said) {
    int status = 0;
    struct err e = {.arena = a};
    if (!p->pid) {
        fd_closep(&p->said);
        return 0;
    }
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR) {
    }
    off_t size = lseek(p->said, 0, SEEK_END);
    off_t from = size > (off_t)SENDOUT_ERR ? size - (off_t)SENDOUT_ERR : 0;
    if (lseek(p->said, from, SEEK_SET) < 0 || !fd_read_all(p->said, SENDOUT_ERR, a, said, &e)) {
        *said = STR_NONE;
    }
    fd_closep(&p->said);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void keep_tail(struct buf *tail, struct str piece) {
    buf_str(tail, piece);
    if (tail->n > SENDOUT_TAIL) {
        buf_consume(tail, tail->n - SENDOUT_TAIL);
    }
}

/// Everything that comes from `from`: to the controller, and to the program that checks it as long as that reads.
static void pump(struct mod_call *c, int from, int *check, struct sendout_result *out) {
    char *piece = arena_alloc(c->arena, PIECE);
    struct digest *d = digest_open("sha256");
    struct buf tail = BUF_IN(c->arena);
    struct err e = {.arena = c->arena};
    unsigned char raw[DIGEST_MAX];
    char *hex = arena_alloc(c->arena, 65);
    ssize_t n;
    while ((n = read(from, piece, PIECE)) > 0 || (n < 0 && errno == EINTR)) {
        struct str got = {piece, n > 0 ? (size_t)n : 0};
        out->size += (int64_t)got.n;
        digest_add(d, got.s, got.n);
        keep_tail(&tail, got);
        if (got.n) {
            c->data(c, got);
        }
        if (*check >= 0 && !fd_write_all(*check, got, &e)) {
            fd_closep(check);
        }
    }
    fd_closep(check);
    (void)digest_close(d, raw);
    hex_encode(raw, 32, hex);
    out->sha256 = hex;
    out->tail = buf_view(&tail);
}

static bool make_pipe(struct mod_call *c, int p[2], struct err *e) {
    return pipe2(p, O_CLOEXEC) == 0 || mod_fail_sys(c, e, errno, "cannot create a pipe");
}

static bool run(struct mod_call *c, const struct sendout *s, struct part part[3], struct sendout_result *out,
                struct err *e) {
    int made[2] = {-1, -1};
    int sent[2] = {-1, -1};
    int check[2] = {-1, -1};
    bool ok = make_pipe(c, made, e) && start(c, &part[0], s->argv, s->envp, -1, made[1], e);
    int from = made[0];
    if (ok && s->filter && (ok = make_pipe(c, sent, e))) {
        ok = start(c, &part[1], s->filter, s->envp, from, sent[1], e);
        from = sent[0];
    }
    if (ok && s->check) {
        ok = make_pipe(c, check, e) && start(c, &part[2], s->check, s->envp, check[0], -1, e);
    }
    if (ok) {
        pump(c, from, &check[1], out);
    }
    fd_closep(&check[1]);
    fd_closep(&from);
    return ok;
}

bool sendout_run(struct mod_call *c, const struct sendout *s, struct sendout_result *out, struct err *e) {
    *out = (struct sendout_result){0};
    if (!c->data) {
        return mod_fail(c, e, "nobody takes what is sent: a task in the background cannot send a file");
    }
    struct part part[3] = {{.said = -1}, {.said = -1}, {.said = -1}};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction old;
    sigaction(SIGPIPE, &ignore, &old);
    bool ok = run(c, s, part, out, e);
    out->rc = ended(&part[0], c->arena, &out->err);
    out->filter_rc = ended(&part[1], c->arena, &out->filter_err);
    out->check_rc = ended(&part[2], c->arena, &out->check_err);
    sigaction(SIGPIPE, &old, NULL);
    return ok;
}
