// The child that is kept: when a request is done that left its process as it was, the child waits for the next one of
// that kind. A new process for each costs the target more than a file that is looked at.
#include "fd.h"
#include "msg.h"
#include "remote.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READ_CHUNK 4096
#define SERVES_MAX 1000                // then another child comes: nothing that one leaves behind grows without end
#define GIVE_MAX   ((size_t)32 << 10)  // goes into the empty pipe as a whole

bool kept_takes(struct remote *r, struct job *j) {
    struct kept *k = &r->kept;
    struct arena tmp = {0};
    struct err e = {.arena = &tmp};
    struct buf body = {.a = NULL};
    struct buf frame = {.a = NULL};
    if (!k->pid || !child_keeps(j) || j->nneed) {
        return false;
    }
    if (k->news != r->store.news) {
        kept_end(r);  // contents came since: a new child knows them
        return false;
    }
    msg_encode(&body, j->request);
    frame_write(&frame, FRAME_REQUEST, j->id, buf_view(&body));
    bool fits = frame.n <= GIVE_MAX;
    bool given = fits && fd_write_all(k->give, buf_view(&frame), &e);
    if (given) {
        j->pid = k->pid;
        j->fd = k->fd;
        j->give = k->give;
        j->news = k->news;
        *k = (struct kept){0};
    } else if (fits) {
        kept_end(r);
    }
    buf_release(&body);
    buf_release(&frame);
    arena_release(&tmp);
    return given;
}

bool kept_add(struct remote *r, struct job *j) {
    if (r->kept.pid) {
        fd_closep(&j->give);
        return false;
    }
    r->kept = (struct kept){.pid = j->pid, .fd = j->fd, .give = j->give, .news = j->news};
    j->pid = 0;
    j->fd = j->give = -1;
    return true;
}

void kept_end(struct remote *r) {
    struct kept *k = &r->kept;
    if (!k->pid) {
        return;
    }
    close(k->fd);
    close(k->give);
    kill(-k->pid, SIGKILL);
    while (waitpid(k->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    *k = (struct kept){0};
}

/// The next request; NULL: there is none, or none that can be read.
static struct job *next_job(int give, struct buf *in) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct job *j = NULL;
    struct frame f;
    size_t used = 0;
    int got;
    while ((got = frame_read(buf_view(in), &f, &used, &e)) == 0) {
        ssize_t n = read(give, buf_reserve(in, READ_CHUNK), READ_CHUNK);
        if (n <= 0 && errno != EINTR) {
            break;
        }
        in->n += n > 0 ? (size_t)n : 0;
    }
    if (got > 0) {
        j = job_decode(&a, f.id, f.body, &e);
        buf_consume(in, used);
    }
    if (!j) {
        arena_release(&a);
    }
    return j;
}

_Noreturn void kept_serve(struct remote *r, int give, int fd) {
    struct buf in = {.a = NULL};
    struct job *j = NULL;
    int left = SERVES_MAX;
    do {
        if (j) {
            struct arena a = j->arena;
            arena_release(&a);
        }
        store_take_back(&r->store);
        tzset();  // a task before may have changed it
        j = left-- ? next_job(give, &in) : NULL;
    } while (j && child_run(r, j, fd));
    _exit(0);
}
