// Requests: queued by lane, each served by a forked child, so that a crash or a hang stays its own.
#include "fd.h"
#include "msg.h"
#include "proc.h"
#include "remote.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_CHUNK 65536
#define ROW_MS     2   // what a child that goes on with the next request writes is read that often
#define HOLD_MS    20  // results of a child that goes on with the next request wait so long for more

void remote_answer(struct remote *r, uint32_t id, struct val result) {
    struct buf body = {.a = NULL};
    msg_encode(&body, result);
    frame_write(&r->output, FRAME_RESULT, id, buf_view(&body));
    buf_release(&body);
}

void remote_fail(struct remote *r, uint32_t id, const char *msg) {
    struct arena a = {0};
    struct val result = val_dict(&a, 3);
    val_set(&a, result, "failed", val_bool(true));
    val_set(&a, result, "changed", val_bool(false));
    val_set(&a, result, "msg", val_z(&a, msg));
    remote_answer(r, id, result);
    arena_release(&a);
}

static void job_free(struct job *j) {
    fd_closep(&j->fd);
    fd_closep(&j->give);
    buf_release(&j->in);
    struct arena a = j->arena;
    arena_release(&a);
}

static int64_t number(struct val v) {
    return val_is(v, VAL_INT) && v.u.i > 0 ? v.u.i : 0;
}

struct job *job_decode(struct arena *a, uint32_t id, struct str body, struct err *e) {
    struct val request = VNULL;
    if (!msg_decode(a, body, &request, e)) {
        return NULL;
    }
    if (!val_is(val_get(request, "module"), VAL_STR) || !val_is(val_get(request, "args"), VAL_DICT)) {
        err_set(e, ERR_SYNTAX, NO_MARK, "expected a request with module and args");
        return NULL;
    }
    struct job *j = ARENA_NEW(a, struct job);
    *j = (struct job){.id = id, .request = request, .fd = -1, .give = -1, .deadline = -1};
    j->lane = number(val_get(request, "lane"));
    j->lazy = val_truth(val_get(request, "lazy"));
    j->guarded = val_truth(val_get(request, "guarded"));
    j->timeout_ms = number(val_get(request, "timeout_ms"));
    j->arena = *a;
    return j;
}

void jobs_add(struct remote *r, uint32_t id, struct str body) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct job *j = NULL;
    if (r->queued >= QUEUE_MAX) {
        err_set(&e, ERR_LIMIT, NO_MARK, "more than %d requests wait", QUEUE_MAX);
    } else {
        j = job_decode(&a, id, body, &e);
    }
    if (!j) {
        remote_fail(r, id, str_z(&a, err_text(&e)));
        arena_release(&a);
        return;
    }
    struct job **end = &r->jobs;
    while (*end) {
        end = &(*end)->next;
    }
    *end = j;
    r->queued++;
}

static void job_remove(struct remote *r, struct job *j) {
    struct job **at = &r->jobs;
    while (*at != j) {
        at = &(*at)->next;
    }
    *at = j->next;
    r->queued--;
    job_free(j);
}

static void stop(struct job *j, const char *why) {
    if (j->pid && !j->stopped) {
        j->stopped = why;
        proc_kill_tree(j->pid);
    }
}

static void lane_failed(struct remote *r, const struct job *j) {
    r->look = true;
    if (j->lane) {
        r->failed[r->nfailed++ % FAILED_LANES] = j->lane;
    }
}

void jobs_cancel(struct remote *r, uint32_t id) {
    struct job *next;
    for (struct job *j = r->jobs; j; j = next) {
        next = j->next;
        if (j->id != id) {
            continue;
        }
        if (j->pid) {
            stop(j, "the request was cancelled");
        } else if (j->shared) {
            j->doomed = "the request was cancelled";
        } else {
            remote_fail(r, id, "the request was cancelled");
            lane_failed(r, j);
            job_remove(r, j);
        }
    }
}

/// True for a request that is not to run, because something before it in its lane failed.
static bool is_dropped(const struct remote *r, const struct job *j) {
    bool found = false;
    for (size_t i = 0; j->guarded && i < FAILED_LANES && !found; i++) {
        found = r->failed[i] == j->lane;
    }
    return found;
}

static void drop(struct remote *r, struct job *j) {
    struct val result = val_dict(&j->arena, 3);
    val_set(&j->arena, result, "failed", val_bool(true));
    val_set(&j->arena, result, "changed", val_bool(false));
    val_set(&j->arena, result, "_ansible_dropped", val_bool(true));
    remote_answer(r, j->id, result);
    job_remove(r, j);
}

static bool lane_is_free(const struct remote *r, const struct job *j) {
    const struct job *before = r->jobs;
    while (before != j && before->lane != j->lane) {
        before = before->next;
    }
    return before == j;
}

static struct job *next_of_lane(const struct job *j) {
    struct job *k = j->next;
    while (k && k->lane != j->lane) {
        k = k->next;
    }
    return k;
}

/// What is here already of the same kind, one behind the other, is run by the child of the first.
static bool goes_on(const struct remote *r, const struct job *j, const struct job *k) {
    return !j->ahead && child_shares(j, k) && !is_dropped(r, k);
}

static void share(const struct remote *r, struct job *j) {
    for (struct job *k = next_of_lane(j); k && goes_on(r, j, k); k = next_of_lane(k)) {
        k->shared = true;
    }
}

static void unshare(const struct job *j) {
    for (struct job *k = next_of_lane(j); k; k = next_of_lane(k)) {
        k->shared = false;
    }
}

/// In the child: nothing of the connection and of other children stays open, and it dies with the remote.
static void detach(struct remote *r, pid_t parent) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1);
    }
    close(r->in);
    close(r->out);
    for (const struct job *j = r->jobs; j; j = j->next) {
        if (j->fd >= 0) {
            close(j->fd);
        }
        if (j->give >= 0) {
            close(j->give);
        }
    }
    if (r->kept.pid) {
        close(r->kept.fd);
        close(r->kept.give);
    }
    close(r->signals);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);  // NOLINT(concurrency-mt-unsafe): one thread
    signal(SIGPIPE, SIG_DFL);
}

_Noreturn static void serve_job(struct remote *r, struct job *j, int fd, int give) {
    struct job *next = next_of_lane(j);
    int home = next && goes_on(r, j, next) ? open(".", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    bool well = child_run(r, j, fd);
    for (struct job *k = next; well && k && goes_on(r, j, k); k = next_of_lane(k)) {
        k->ahead = false;
        if (home >= 0 && fchdir(home) != 0) {
            _exit(1);
        }
        well = child_run(r, k, fd);
    }
    fd_closep(&home);
    if (well && give >= 0) {
        kept_serve(r, give, fd);
    }
    _exit(0);
}

/// A child for the job and what shares it. false: the job is answered.
static bool make_child(struct remote *r, struct job *j) {
    int p[2];
    int give[2] = {-1, -1};
    bool keep = !r->kept.pid && child_keeps(j);
    if (pipe2(p, O_CLOEXEC) != 0) {
        remote_fail(r, j->id, "cannot create a pipe");
        return false;
    }
    if (keep && pipe2(give, O_CLOEXEC) != 0) {
        give[0] = give[1] = -1;
    }
    pid_t self = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        close(p[0]);
        fd_closep(&give[1]);
        detach(r, self);
        serve_job(r, j, p[1], give[0]);
    }
    close(p[1]);
    fd_closep(&give[0]);
    if (pid < 0) {
        close(p[0]);
        fd_closep(&give[1]);
        remote_fail(r, j->id, "cannot start a process");
        return false;
    }
    setpgid(pid, pid);
    j->pid = pid;
    j->fd = p[0];
    j->give = give[1];
    j->news = r->store.news;
    share(r, j);
    return true;
}

static void start(struct remote *r, struct job *j) {
    const struct job *next = next_of_lane(j);
    bool row = next && goes_on(r, j, next);
    if ((row || !kept_takes(r, j)) && !make_child(r, j)) {
        j->answered = true;
        return;
    }
    j->deadline = j->timeout_ms ? clock_ms() + j->timeout_ms : -1;
    j->nneed = 0;
    r->running++;
}

/// True when what the job asked for is here. Contents that arrived damaged fail it.
static bool has_arrived(struct remote *r, struct job *j, bool *damaged) {
    for (; j->have < j->nneed; j->have++) {
        const unsigned char *sha = j->need + 32 * j->have;
        if (store_retry(&r->store, sha)) {
            frame_write(&r->output, FRAME_NEED, j->id, (struct str){(const char *)sha, 32});
        }
        enum store_state s = store_state(&r->store, sha);
        *damaged = s == STORE_DAMAGED;
        if (s != STORE_WHOLE) {
            return false;
        }
    }
    return true;
}

/// What waits behind a job that waits for its contents asks for its own meanwhile: one round trip for all.
static bool may_ask(const struct remote *r, const struct job *j) {
    const struct job *first = r->jobs;
    while (first->lane != j->lane) {
        first = first->next;
    }
    return j->lazy && !j->asked && first != j && first->nneed && !first->pid;
}

void jobs_start(struct remote *r) {
    if (!r->look) {
        return;
    }
    r->look = false;
    struct job *next;
    for (struct job *j = r->jobs; j && r->running < CHILDREN_MAX; j = next) {
        next = j->next;
        if (j->pid) {
            continue;
        }
        j->ahead = !lane_is_free(r, j);
        if (j->ahead && !may_ask(r, j)) {
            continue;
        }
        bool damaged = false;
        if (!j->ahead && !has_arrived(r, j, &damaged)) {
            if (damaged) {
                remote_fail(r, j->id,
                            "content arrived damaged: a file of the controller was changed while it was sent");
                lane_failed(r, j);
                job_remove(r, j);
            }
            continue;
        }
        if (j->doomed) {
            remote_fail(r, j->id, j->doomed);
            lane_failed(r, j);
            job_remove(r, j);
            continue;
        }
        if (is_dropped(r, j)) {
            drop(r, j);
            continue;
        }
        start(r, j);
        if (j->answered) {
            lane_failed(r, j);
            job_remove(r, j);
        }
    }
}

/// The answer for a module that took too long: the runner words it.
static void fail_late(struct remote *r, const struct job *j) {
    struct arena a = {0};
    struct val result = val_dict(&a, 4);
    val_set(&a, result, "failed", val_bool(true));
    val_set(&a, result, "changed", val_bool(false));
    val_set(&a, result, "msg", val_z(&a, j->stopped));
    val_set(&a, result, "_ansible_timed_out", val_bool(true));
    remote_answer(r, j->id, result);
    arena_release(&a);
}

static const char *cause_of_death(struct arena *a, const struct job *j, int status) {
    if (j->stopped) {
        return j->stopped;
    }
    if (WIFSIGNALED(status)) {
        int sig = WTERMSIG(status);
        const char *text = sigdescr_np(sig);
        return arena_printf(a, "the module was killed by signal %d (%s)", sig, text ? text : "unknown");
    }
    return arena_printf(a, "the module ended without a result (exit status %d)", WEXITSTATUS(status));
}

static void reap(struct remote *r, struct job *j) {
    int status = 0;
    while (waitpid(j->pid, &status, 0) < 0 && errno == EINTR) {
    }
    r->running--;
    r->look = true;
    unshare(j);
    if (!j->stopped && (j->nneed || j->ahead) && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        j->asked = true;  // it is started again when its contents are here
        j->pid = 0;
        fd_closep(&j->fd);
        fd_closep(&j->give);
        j->have = 0;
        return;
    }
    if (!j->answered) {
        lane_failed(r, j);
    }
    if (!j->answered && j->late) {
        fail_late(r, j);
    } else if (!j->answered) {
        remote_fail(r, j->id, cause_of_death(&j->arena, j, status));
    }
    job_remove(r, j);
}

static void add_need(struct job *j, struct str digests) {
    size_t had = 32 * j->nneed;
    char *all = arena_alloc(&j->arena, had + digests.n);
    if (had) {
        memcpy(all, j->need, had);
    }
    memcpy(all + had, digests.s, digests.n);
    j->need = (unsigned char *)all;
    j->nneed += digests.n / 32;
}

/// The child ends after this: its contents are not here. What comes as a recipe already is not asked for again.
static void take_need(struct remote *r, struct job *j, struct str body) {
    struct buf ask = {0};
    for (size_t i = 0; i + 32 <= body.n; i += 32) {
        struct str sha = str_sub(body, i, i + 32);
        if (!store_expects(&r->store, (const unsigned char *)sha.s)) {
            buf_str(&ask, sha);
        }
    }
    add_need(j, str_sub(body, 0, body.n / 32 * 32));
    if (ask.n) {
        frame_write(&r->output, FRAME_NEED, j->id, buf_view(&ask));
    }
    buf_release(&ask);
}

/// The child says what a file looks like that one of its contents is to replace.
static void take_basis(struct remote *r, struct job *j, struct str body) {
    struct buf ask = {0};
    struct str sha = str_sub(body, 0, 32);
    if (store_expect(&r->store, body, &ask)) {
        add_need(j, sha);
        frame_write(&r->output, FRAME_PIECES, j->id, buf_view(&ask));
    } else if (sha.n == 32) {
        take_need(r, j, sha);
    }
    buf_release(&ask);
}

/// The child has done `j` and goes on with what shares it; NULL: nothing does.
static struct job *move_on(struct remote *r, struct job *j, bool failed) {
    struct job *k = failed || j->stopped ? NULL : next_of_lane(j);
    if (!k || !k->shared) {
        return NULL;
    }
    k->shared = k->ahead = false;
    k->pid = j->pid;
    k->fd = j->fd;
    k->give = j->give;
    k->news = j->news;
    k->in = j->in;
    k->deadline = k->timeout_ms ? clock_ms() + k->timeout_ms : -1;
    j->pid = 0;
    j->fd = j->give = -1;
    j->in = (struct buf){0};
    job_remove(r, j);
    if (k->doomed) {
        stop(k, k->doomed);
    }
    return k;
}

/// Passes complete frames of the child on. false when it wrote something else. *at: what the child is at then.
static bool forward(struct remote *r, struct job **at) {
    struct job *j = *at;
    struct arena tmp = {0};
    struct err e = {.arena = &tmp};
    size_t done = 0;
    struct str all = buf_view(&j->in);
    for (;;) {
        struct frame f;
        size_t used = 0;
        int got = frame_read(str_sub(all, done, all.n), &f, &used, &e);
        if (got <= 0) {
            buf_consume(&j->in, done);
            arena_release(&tmp);
            *at = j;
            return got == 0;
        }
        done += used;
        bool result = f.kind == FRAME_RESULT;
        int64_t since = r->output.n ? r->hold : clock_ms() + HOLD_MS;
        r->hold = 0;
        if (!j->answered && (result || f.kind == FRAME_LOG || f.kind == FRAME_DATA)) {
            frame_write(&r->output, (enum frame_kind)f.kind, j->id, f.body);
        }
        if (f.kind == FRAME_NEED) {
            take_need(r, j, f.body);
        }
        if (f.kind == FRAME_PIECES) {
            take_basis(r, j, f.body);
        }
        if (result && f.id != 0) {
            lane_failed(r, j);
        }
        j->answered = j->answered || result;
        j->rests = result && f.id == 0 && j->give >= 0;
        struct job *next = result ? move_on(r, j, f.id != 0) : NULL;
        if (next) {
            j = next;
            r->hold = since;
        }
    }
}

void jobs_read(struct remote *r, struct job *j) {
    char *p = buf_reserve(&j->in, READ_CHUNK);
    ssize_t n = read(j->fd, p, READ_CHUNK);
    if (n < 0 && errno == EINTR) {
        return;
    }
    if (n > 0) {
        j->in.n += (size_t)n;
        if (!forward(r, &j)) {
            stop(j, "the module wrote a malformed frame");
        }
        if (j->rests && !j->stopped && !j->in.n && kept_add(r, j)) {
            r->running--;
            r->look = true;
            job_remove(r, j);
            return;
        }
        const struct job *next = next_of_lane(j);
        j->quiet = next && next->shared ? clock_ms() + ROW_MS : 0;
        return;
    }
    reap(r, j);
}

int64_t jobs_expire(struct remote *r) {
    int64_t now = clock_ms();
    int64_t next = -1;
    size_t left = r->running;
    for (struct job *j = r->jobs; j && left; j = j->next) {
        left -= j->pid != 0;
        if (!j->pid || j->deadline < 0 || j->stopped) {
            continue;
        }
        if (now >= j->deadline) {
            j->late = true;
            stop(j, arena_printf(&j->arena, "the module was stopped: it took longer than %lld ms",
                                 (long long)j->timeout_ms));
        } else if (next < 0 || j->deadline < next) {
            next = j->deadline;
        }
    }
    return next;
}

void jobs_end(struct remote *r) {
    kept_end(r);
    for (struct job *j = r->jobs; j; j = j->next) {
        stop(j, "the connection was closed");
    }
    while (r->jobs) {
        struct job *j = r->jobs;
        if (j->pid) {
            reap(r, j);
        } else {
            job_remove(r, j);
        }
    }
}
