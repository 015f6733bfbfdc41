// The controller's end of the protocol, as small as a test needs it.
#include "fd.h"
#include "modtest.h"
#include "msg.h"
#include "spawn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MS 20000

void peer_send(struct peer *p, enum frame_kind kind, uint32_t id, struct str body, struct err *e) {
    struct buf b = {.a = NULL};
    frame_write(&b, kind, id, body);
    (void)fd_write_all(p->in, buf_view(&b), e);
    buf_release(&b);
}

/// The next frame. Its body lives in the input buffer until the next call.
static bool next_frame(struct peer *p, int64_t deadline, struct frame *f, size_t *used, struct err *e) {
    for (;;) {
        int got = frame_read(buf_view(&p->input), f, used, e);
        if (got != 0) {
            return got > 0;
        }
        if (fd_wait(p->out, POLLIN, deadline) <= 0) {
            return err_set(e, ERR_TIMEOUT, NO_MARK, "no answer in time");
        }
        char *to = buf_reserve(&p->input, 65536);
        ssize_t n = read(p->out, to, 65536);
        if (n <= 0) {
            return err_set(e, ERR_SYS, NO_MARK, "play-remote closed the connection");
        }
        p->input.n += (size_t)n;
    }
}

bool peer_start(struct peer *p, const char *program, struct err *e) {
    const char *const argv[] = {program, NULL};
    *p = (struct peer){.next_id = 1};
    if (!spawn_pipes(argv, NULL, NULL, -1, &p->pid, &p->in, &p->out, e)) {
        return false;
    }
    struct frame f;
    size_t used = 0;
    if (!next_frame(p, clock_ms() + START_MS, &f, &used, e)) {
        return false;
    }
    bool hello = f.kind == FRAME_HELLO;
    buf_consume(&p->input, used);
    return hello || err_set(e, ERR_SYNTAX, NO_MARK, "expected HELLO, found frame %u", (unsigned)f.kind);
}

bool peer_end(struct peer *p) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    peer_send(p, FRAME_BYE, 0, STR_LIT(""), &e);
    fd_closep(&p->in);
    int status = 0;
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR) {
    }
    fd_closep(&p->out);
    buf_release(&p->input);
    arena_release(&a);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void peer_adopt(bool on) {
    prctl(PR_SET_CHILD_SUBREAPER, on ? 1 : 0);
}

/// A child of this process, 0 when there is none.
static int some_child(void) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str text = STR_NONE;
    const char *path = arena_printf(&a, "/proc/self/task/%d/children", (int)getpid());
    (void)fd_read_file(path, 65536, &a, &text, &e);
    int pid = text.n ? (int)strtol(str_z(&a, text), NULL, 10) : 0;
    arena_release(&a);
    return pid;
}

void peer_kill(struct peer *p) {
    int pid = p->pid;
    do {
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
    } while ((pid = some_child()) > 0);  // what the killed one leaves behind
    fd_closep(&p->in);
    fd_closep(&p->out);
    buf_release(&p->input);
}

bool peer_call(struct peer *p, struct val request, int64_t timeout_ms, struct arena *a, struct val *result,
               struct err *e) {
    struct buf body = BUF_IN(a);
    uint32_t id = p->next_id++;
    msg_encode(&body, request);
    peer_send(p, FRAME_REQUEST, id, buf_view(&body), e);
    int64_t deadline = clock_ms() + timeout_ms;
    for (;;) {
        struct frame f;
        size_t used = 0;
        if (!next_frame(p, deadline, &f, &used, e)) {
            return false;
        }
        bool mine = f.kind == FRAME_RESULT && f.id == id;
        bool ok = !mine || msg_decode(a, f.body, result, e);
        buf_consume(&p->input, used);
        if (mine || !ok) {
            return ok;
        }
    }
}
