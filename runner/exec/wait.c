// Where the coordinator waits: completions from the hub, timers of jobs, signals. Nothing else in exec/ blocks, except
// questions to the person at the terminal.

#include "exec.h"

#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

// -- signals ----------------------------------------------------------------------------------------------------------
static void signal_set(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
}

/// Waits for signals: the first is told to the coordinator, which ends the run cleanly; the second ends everything at
/// once, also while the coordinator is busy. What runs on targets ends with its connection.
static void *watch_signals(void *arg) {
    struct run *r = arg;
    struct signalfd_siginfo si;
    for (;;) {
        struct pollfd p[2] = {{.fd = r->sig_in, .events = POLLIN}, {.fd = r->sig_stop, .events = POLLIN}};
        if (poll(p, 2, -1) < 0 && errno != EINTR) {
            return NULL;
        }
        if (p[1].revents) {
            return NULL;
        }
        while (p[0].revents && read(r->sig_in, &si, sizeof si) == (ssize_t)sizeof si) {
            uint64_t one = 1;
            r->sig_last = (int)si.ssi_signo;
            if (r->sig_count++ > 0 || write(r->sigfd, &one, sizeof one) < 0) {
                _exit(RC_INTERRUPTED);
            }
        }
    }
}

bool signals_open(struct run *r) {
    sigset_t set;
    signal_set(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    r->sig_in = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    r->sigfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r->sig_stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return r->sig_in >= 0 && r->sigfd >= 0 && r->sig_stop >= 0 &&
           pthread_create(&r->sig_thread, NULL, watch_signals, r) == 0;
}

void signals_close(struct run *r) {
    sigset_t set;
    uint64_t one = 1;
    signal_set(&set);
    if (write(r->sig_stop, &one, sizeof one) < 0) {
        BUG("eventfd: %d", errno);
    }
    pthread_join(r->sig_thread, NULL);
    fd_closep(&r->sig_in);
    fd_closep(&r->sigfd);
    fd_closep(&r->sig_stop);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void take_signal(struct run *r) {
    uint64_t n = 0;
    if (read(r->sigfd, &n, sizeof n) == (ssize_t)sizeof n) {
        r->stop = true;
    }
}

// -- questions --------------------------------------------------------------------------------------------------------

/// Reads a line: 1 done, 0 deadline, -1 end of input, or a signal, which is left for the caller to take.
static int read_line(struct run *r, int fd, int64_t timeout_ms, struct buf *b) {
    int64_t end = timeout_ms > 0 ? clock_ms() + timeout_ms : -1;
    for (;;) {
        struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = r->sigfd, .events = POLLIN}};
        int64_t left = end < 0 ? -1 : end - clock_ms();
        if (end >= 0 && left <= 0) {
            return 0;
        }
        if (poll(p, 2, left > 60000 ? 60000 : (int)left) < 0 && errno != EINTR) {
            return -1;
        }
        if (p[1].revents) {
            return -1;
        }
        if (!p[0].revents) {
            continue;
        }
        char c = 0;
        ssize_t n = read(fd, &c, 1);
        if (n <= 0) {
            return -1;
        }
        if (c == '\n' || c == '\r') {
            return 1;
        }
        buf_char(b, c);
    }
}

/// True when standard input is the terminal this program runs at in the foreground.
static bool at_terminal(void) {
    return isatty(STDIN_FILENO) && getpgrp() == tcgetpgrp(STDIN_FILENO);
}

/// After Ctrl-C in a pause: true to go on. Another signal, also while it asks, means no and ends the run. True when
/// there was no signal.
static bool ask_go_on(struct run *r) {
    struct termios old;
    bool on = false;
    take_signal(r);
    if (!r->stop || r->sig_last != SIGINT || tcgetattr(STDIN_FILENO, &old) < 0) {
        return !r->stop;
    }
    r->stop = false;
    r->sig_count = 0;
    output_text(r->o->output, STR_LIT("Press 'C' to continue the play or 'A' to abort \r\n"));
    struct termios raw = old;
    raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    for (;;) {
        struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = r->sigfd, .events = POLLIN}};
        char c = 0;
        if ((poll(p, 2, -1) < 0 && errno != EINTR) || p[1].revents) {
            take_signal(r);
            break;
        }
        if (p[0].revents && read(STDIN_FILENO, &c, 1) <= 0) {
            break;
        }
        on = c == 'c' || c == 'C';
        if (on || c == 'a' || c == 'A') {
            break;
        }
    }
    tcsetattr(STDIN_FILENO, TCSANOW, &old);
    return on;
}

static bool abort_asked(struct err *e) {
    return err_set(e, ERR_TIMEOUT, NO_MARK, "user requested abort!");
}

bool ask_pause(struct run *r, bool echo, struct arena *a, struct str *out, struct err *e) {
    struct termios old;
    if (!at_terminal() || tcgetattr(STDIN_FILENO, &old) < 0) {
        return err_set(e, ERR_NOT_FOUND, NO_MARK, "standard input is no terminal in the foreground");
    }
    struct termios raw = old;
    raw.c_lflag &= echo ? ~(tcflag_t)0 : ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
    struct buf b = {.a = a, .max = 65536};
    int got = read_line(r, STDIN_FILENO, 0, &b);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
    *out = got < 0 ? STR_LIT("") : buf_view(&b);
    return got >= 0 || ask_go_on(r) || abort_asked(e);
}

static void file(struct play_run *pr, struct job *j) {
    if (j->phase == JOB_DONE) {
        jobs_push(&pr->a, &pr->finished, j);
    } else if (j->phase == JOB_TIMER) {
        jobs_push(&pr->a, &pr->timers, j);
    }
}

void wait_start(struct play_run *pr, struct job *j) {
    do {
        job_run(j);
    } while (j->phase == JOB_DONE && debugger_again(j));
    file(pr, j);
}

/// Milliseconds to the next timer, -1: none.
static int next_timer(const struct play_run *pr) {
    int64_t best = -1;
    int64_t now = clock_ms();
    for (size_t i = 0; i < pr->timers.n; i++) {
        int64_t left = pr->timers.p[i]->due - now;
        left = left < 0 ? 0 : left;
        best = best < 0 || left < best ? left : best;
    }
    return best > 60000 ? 60000 : (int)best;
}

static void fire_timers(struct play_run *pr) {
    int64_t now = clock_ms();
    size_t n = pr->timers.n;
    for (size_t i = 0; i < n;) {
        struct job *j = pr->timers.p[i];
        if (j->due > now) {
            i++;
            continue;
        }
        pr->timers.p[i] = pr->timers.p[--n];  // what a job appends while it runs stands behind the old ones
        memmove(pr->timers.p + n, pr->timers.p + n + 1, (pr->timers.n - n - 1) * sizeof(struct job *));
        pr->timers.n--;
        j->phase = j->after;
        wait_start(pr, j);
    }
}

/// A dialer needs the passphrase of a key.
static void answer(struct run *r, const struct completion *c) {
    struct arena a = {.secret = true};
    struct err e = {.arena = &a};
    struct str got = STR_NONE;
    struct question q = {.prompt = str_z(&a, c->log), .timeout_ms = 100000};
    bool ok = ask_terminal(r, &q, &a, &got, &e);
    hub_answer(r->hub, ok ? got : STR_NONE);
    arena_release(&a);
}

static void live_line(struct job *j, struct str line) {
    struct event ev = {.kind = EV_LOG, .host = j->h->host->name, .name = line, .task = j->task};
    run_event(j->pr->r, &ev);
}

/// Live output, in whole lines; what is longer than the buffer is shown in pieces.
static void live_output(struct job *j, struct str text) {
    struct str part;
    while (text.n) {
        size_t end = str_find_char(text, 0, '\n');
        bool whole = end != SIZE_MAX;
        part = str_sub(text, 0, whole ? end : text.n);
        text = str_sub(text, whole ? end + 1 : text.n, text.n);
        if (j->live_line.n + part.n > LIVE_LINE_MAX) {
            live_line(j, buf_view(&j->live_line));
            buf_consume(&j->live_line, j->live_line.n);
            part = str_sub(part, 0, LIVE_LINE_MAX);
        }
        buf_str(&j->live_line, part);
        if (whole) {
            live_line(j, buf_view(&j->live_line));
            buf_consume(&j->live_line, j->live_line.n);
        }
    }
}

static void deliver(struct play_run *pr, struct completion *c) {
    enum tag_kind kind = *(enum tag_kind *)c->tag;
    if (c->kind == DONE_ASK) {
        answer(pr->r, c);
        return;
    }
    if (c->kind == DONE_OPEN) {
        return;
    }
    if (c->kind == DONE_WARN) {
        run_warn(pr->r, NO_MARK, str_z(&c->arena, c->log));
        return;
    }
    if (c->kind == DONE_NOTE) {
        output_event(pr->r->o->output, &(struct event){.kind = EV_VERBOSE, .level = 1, .name = c->log});
        return;
    }
    if (kind == TAG_SLOT) {
        return;  // requests on it fail by themselves
    }
    struct job *j = c->tag;
    if (c->kind == DONE_LOG) {
        live_output(j, c->log);
        return;
    }
    if (j->live_line.n) {
        live_line(j, buf_view(&j->live_line));
        buf_consume(&j->live_line, j->live_line.n);
    }
    if (j->given_up) {
        slot_done(j->item.slot);
        return;
    }
    if (j->early) {
        enum job_phase phase = j->phase;
        if (phase == JOB_SENT && j->request == c->id) {
            job_completed(j, c);
        } else {
            ahead_completed(j, c);
        }
        return;
    }
    if (j->phase != JOB_SENT || j->request != c->id) {
        ahead_completed(j, c);
        return;
    }
    job_completed(j, c);
    wait_start(pr, j);
}

/// The next completion: one that was kept, or one that has come.
static bool next_completion(struct run *r, struct completion *c) {
    if (!r->kept.n) {
        return r->hub && hub_wait(r->hub, 0, c);
    }
    *c = r->kept.p[0];
    c->err.arena = &c->arena;
    r->kept.n--;
    memmove(r->kept.p, r->kept.p + 1, r->kept.n * sizeof *r->kept.p);
    return true;
}

static void drain(struct play_run *pr) {
    struct completion c;
    while (next_completion(pr->r, &c)) {
        deliver(pr, &c);
        completion_release(&c);
    }
}

/// One completion while only `jobs` are waited for.
static void take_only(struct play_run *pr, const struct jobs *jobs, struct completion *c) {
    struct run *r = pr->r;
    if (c->kind == DONE_ASK) {
        answer(r, c);
        completion_release(c);
        return;
    }
    for (size_t i = 0; i < jobs->n; i++) {
        struct job *j = jobs->p[i];
        if (c->tag == j) {
            if (c->kind != DONE_LOG && j->phase == JOB_SENT && j->request == c->id) {
                job_completed(j, c);
            }
            completion_release(c);
            return;
        }
    }
    VEC_PUSH(&r->a, r->kept, *c);
}

static bool any_sent(const struct jobs *jobs) {
    for (size_t i = 0; i < jobs->n; i++) {
        if (jobs->p[i]->phase == JOB_SENT) {
            return true;
        }
    }
    return false;
}

void wait_only(struct play_run *pr, const struct jobs *jobs) {
    struct run *r = pr->r;
    while (any_sent(jobs) && !r->stop) {
        struct pollfd p[2] = {{.fd = r->sigfd, .events = POLLIN}, {.fd = hub_fd(r->hub), .events = POLLIN}};
        struct completion c;
        if (poll(p, 2, 60000) > 0 && p[0].revents) {
            take_signal(r);
        }
        while (hub_wait(r->hub, 0, &c)) {
            take_only(pr, jobs, &c);
        }
    }
}

/// Ctrl-C while a `pause` waits for its time: goes on early, or fails the task. False: no task pauses.
static bool pause_interrupted(struct play_run *pr) {
    struct job *j = NULL;
    for (size_t i = 0; i < pr->timers.n && !j; i++) {
        j = pr->timers.p[i]->item.call.sleep_ms > 0 ? pr->timers.p[i] : NULL;
    }
    if (!j || !at_terminal()) {
        return false;
    }
    if (!ask_go_on(pr->r)) {
        struct err e = {.arena = &j->a};
        (void)abort_asked(&e);
        j->item.result = result_failed(&j->a, &e);
    }
    j->due = clock_ms();
    return true;
}

void wait_some(struct play_run *pr) {
    struct run *r = pr->r;
    struct pollfd p[2] = {{.fd = r->sigfd, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    if (r->hub) {
        p[1].fd = hub_fd(r->hub);
    }
    int got = poll(p, 2, r->kept.n ? 0 : next_timer(pr));
    if (got > 0 && p[0].revents && (r->sig_last != SIGINT || !pause_interrupted(pr))) {
        take_signal(r);
    }
    drain(pr);
    if (pr->timers.n) {
        fire_timers(pr);
    }
}

/// Without a terminal: the prompt goes to standard output, the answer comes from standard input.
static bool ask_pipe(struct run *r, const struct question *q, struct arena *a, struct str *out, struct err *e) {
    struct buf b = {.a = a, .max = 65536};
    output_text(r->o->output, str_from(q->prompt));
    int got = read_line(r, STDIN_FILENO, q->timeout_ms, &b);
    take_signal(r);
    *out = buf_view(&b);
    return got > 0 || (got < 0 && b.n) ||
           err_set(e, ERR_TIMEOUT, NO_MARK, "the question '%s' has no answer on standard input", q->prompt);
}

bool ask_terminal(struct run *r, const struct question *q, struct arena *a, struct str *out, struct err *e) {
    if (q->stdin_too && !isatty(STDIN_FILENO)) {
        return ask_pipe(r, q, a, out, e);
    }
    CLEANUP(fd_closep) int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct termios old;
    if (fd < 0 || tcgetattr(fd, &old) < 0) {
        return err_set(e, ERR_NOT_FOUND, NO_MARK, "there is no terminal to ask at");
    }
    struct termios raw = old;
    if (!q->echo) {
        raw.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(fd, TCSAFLUSH, &raw);
    }
    struct buf b = {.a = a, .max = 65536};
    bool ok = fd_write_all(fd, str_from(q->prompt), e);
    int got = ok ? read_line(r, fd, q->timeout_ms, &b) : -1;
    take_signal(r);
    if (!q->echo) {
        tcsetattr(fd, TCSAFLUSH, &old);
        (void)fd_write_all(fd, STR_LIT("\n"), e);
    }
    *out = buf_view(&b);
    if (got < 0 && ok) {
        return err_set(e, ERR_TIMEOUT, NO_MARK, "the question was interrupted");
    }
    if (got == 0) {
        return err_set(e, ERR_TIMEOUT, NO_MARK, "no answer in time");
    }
    return ok;
}
