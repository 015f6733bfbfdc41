// expect: a program on a terminal of its own, whose questions are answered.
#include "cmd.h"
#include "fd.h"
#include "regex.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define WINDOW     2000  // bytes of unanswered output that a question is looked for in
#define OUTPUT_MAX ((size_t)16 << 20)
#define ENDING_MS  100  // a program that closed its terminal is given this long before it is asked to end

static const struct arg args[] = {
    {"command", ARG_STR, .required = true, .doc = "The program and its arguments; no shell reads them."},
    {"responses", ARG_DICT, .required = true,
     .doc = "Answers by regular expression of the question; a list answers one time after the other."},
    {"chdir", ARG_PATH, .doc = "Directory to run in."},
    {"creates", ARG_PATH, .doc = "When this exists the command is not run."},
    {"removes", ARG_PATH, .doc = "When this does not exist the command is not run."},
    {"timeout", ARG_INT, .def = "30", .doc = "Seconds to wait for each question or the end."},
    {"echo", ARG_BOOL, .def = "false", .doc = "Show the answers in the output."},
    {0},
};

struct question {
    struct str text;
    struct regex *re;
    struct val answers;  // a list, or one value
    size_t given;
};

struct talk {
    struct mod_call *c;
    struct question *q;
    size_t n;
    int master;
    pid_t pid;
    struct buf out;
    size_t answered;  // up to here the output has been answered
};

// -- the terminal ----------------------------------------------------------------------------------------------------

static bool open_terminal(struct talk *t, char *slave, size_t size, struct err *e) {
    t->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (t->master < 0 || grantpt(t->master) != 0 || unlockpt(t->master) != 0 ||
        ptsname_r(t->master, slave, size) != 0) {
        return mod_fail_sys(t->c, e, errno, "cannot open a terminal");
    }
    CLEANUP(fd_closep) int fd = open(slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios tio;
    if (fd < 0 || tcgetattr(fd, &tio) != 0) {
        return mod_fail_sys(t->c, e, errno, "cannot open the terminal %s", slave);
    }
    if (!mod_bool(t->c, "echo")) {
        tio.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(fd, TCSANOW, &tio);
    }
    return true;
}

static bool start(struct talk *t, const char *const *argv, struct err *e) {
    char slave[64];
    if (!open_terminal(t, slave, sizeof slave, e)) {
        return false;
    }
    struct spawn s = {.argv = argv, .tty = slave};
    int none[3] = {-1, -1, -1};
    int pid;
    if (!spawn_start(&s, none, &pid, e)) {
        bool missing = e->sys_errno == ENOENT || e->sys_errno == EACCES;
        if (!missing) {
            return false;
        }
        err_clear(e);
        return mod_fail(t->c, e, "The command was not found or was not executable: %s.", argv[0]);
    }
    t->pid = pid;
    return true;
}

/// 1: something came; 0: too late; -1: the terminal was closed.
static int read_more(struct talk *t, int64_t deadline) {
    char chunk[4096];
    int ready = fd_wait(t->master, POLLIN, deadline);
    if (ready <= 0) {
        return ready;
    }
    ssize_t n = read(t->master, chunk, sizeof chunk);
    if (n <= 0) {
        return n < 0 && errno == EINTR ? 1 : -1;
    }
    buf_add(&t->out, chunk, (size_t)n);
    return 1;
}

// -- questions and answers -------------------------------------------------------------------------------------------

static bool read_questions(struct talk *t, struct err *e) {
    struct val responses = mod_arg(t->c, "responses");
    struct vpair *p;
    t->q = ARENA_ARRAY(t->c->arena, struct question, val_len(responses) + 1);
    for (size_t i = 0; (p = val_each(responses, &i));) {
        struct question *q = &t->q[t->n++];
        q->text = val_str_of(t->c->arena, p->key);
        q->re = regex_compile(t->c->arena, q->text, REGEX_BYTES | REGEX_DOTALL, p->key.mark, e);
        if (!q->re) {
            return false;
        }
        q->answers = p->value;
    }
    return true;
}

/// The question that comes first in what is not answered; NULL: none. *end: where it ends.
static struct question *find_question(struct talk *t, size_t *end, bool *ok, struct err *e) {
    struct question *found = NULL;
    size_t first = SIZE_MAX;
    size_t from = t->answered;
    if (t->out.n - from > WINDOW) {
        from = t->out.n - WINDOW;
    }
    struct str text = {t->out.p + from, t->out.n - from};
    for (size_t i = 0; i < t->n; i++) {
        struct regex_match m;
        int rc = regex_exec(t->q[i].re, text, 0, REGEX_SEARCH, t->c->arena, &m, e);
        if (rc < 0) {
            *ok = false;
            return NULL;
        }
        if (rc > 0 && m.from[0] < first) {
            first = m.from[0];
            *end = from + m.to[0];
            found = &t->q[i];
        }
    }
    return found;
}

static bool answer(struct talk *t, struct question *q, size_t end, struct err *e) {
    struct val v = q->answers;
    struct arena *a = t->c->arena;
    if (val_is_seq(v)) {
        if (q->given >= val_len(v)) {
            struct str said = {t->out.p + t->answered, end - t->answered};
            return mod_fail(t->c, e, "No remaining responses for '%.*s', output was '%.*s'", STR(q->text), STR(said));
        }
        v = val_at_index(v, q->given++);
    }
    struct str text = val_is(v, VAL_STR) ? val_text(v) : val_str_of(a, v);
    while (text.n && text.s[text.n - 1] == '\n') {
        text.n--;
    }
    t->answered = end;
    struct err ignored = {.arena = a};
    // A program that has ended meanwhile is noticed by the next read.
    (void)fd_write_all(t->master, str_printf(a, "%.*s\n", STR(text)), &ignored);
    return true;
}

/// Answers until the program closes its terminal; *late: it asked nothing we know for too long.
static bool converse(struct talk *t, bool *late, struct err *e) {
    int64_t wait_ms = mod_int(t->c, "timeout", 30) * 1000;
    int64_t deadline = clock_ms() + wait_ms;
    for (;;) {
        size_t end = 0;
        bool ok = true;
        struct question *q = t->out.n > t->answered ? find_question(t, &end, &ok, e) : NULL;
        if (!ok) {
            return false;
        }
        if (q && end == t->answered) {
            return mod_fail(t->c, e, "the question '%.*s' matches nothing at all", STR(q->text));
        }
        if (q) {
            if (!answer(t, q, end, e)) {
                return false;
            }
            deadline = clock_ms() + wait_ms;
            continue;
        }
        int more = read_more(t, deadline);
        if (more <= 0 || t->out.full) {
            *late = more == 0 || t->out.full;
            return true;
        }
    }
}

/// The exit status; false: it was killed by a signal (also ours, when it does not end by itself).
static bool reap(struct talk *t, bool late, int *rc) {
    static const int signals[] = {0, SIGHUP, SIGCONT, SIGINT, SIGKILL};
    int status = 0;
    for (size_t i = late ? 1 : 0; i < COUNTOF(signals); i++) {
        if (signals[i]) {
            kill(-t->pid, signals[i]);
        } else {
            fd_closep(&t->master);
        }
        int64_t until = clock_ms() + (signals[i] ? ENDING_MS : ENDING_MS * 10);
        do {
            if (waitpid(t->pid, &status, WNOHANG) == t->pid) {
                *rc = WEXITSTATUS(status);
                return WIFEXITED(status);
            }
            struct timespec nap = {.tv_nsec = 2000000};
            nanosleep(&nap, NULL);
        } while (clock_ms() < until);
    }
    waitpid(t->pid, &status, 0);
    *rc = WEXITSTATUS(status);
    return WIFEXITED(status);
}

// -- the module ------------------------------------------------------------------------------------------------------

static bool skipped(struct mod_call *c) {
    static const char *const names[] = {"creates", "removes"};
    for (size_t i = 0; i < COUNTOF(names); i++) {
        const char *path = mod_z(c, names[i]);
        struct stat st;
        bool here = path && *path && stat(path, &st) == 0;
        if (path && *path && here == (i == 0)) {
            mod_set(c, "cmd", mod_arg(c, "command"));
            mod_set(c, "stdout",
                    val_printf(c->arena, "skipped, since %s %s", path, i == 0 ? "exists" : "does not exist"));
            mod_set(c, "rc", val_int(0));
            return true;
        }
    }
    return false;
}

static const char *const *make_argv(struct mod_call *c, struct err *e) {
    struct val words;
    if (!cmd_split(c->arena, mod_str(c, "command"), &words, e)) {
        return NULL;
    }
    if (val_len(words) == 0) {
        mod_set(c, "rc", val_int(256));
        mod_fail(c, e, "no command given");
        return NULL;
    }
    const char **argv = ARENA_ARRAY(c->arena, const char *, val_len(words) + 1);
    for (size_t i = 0; i < val_len(words); i++) {
        argv[i] = str_z(c->arena, val_text(val_at_index(words, i)));
    }
    return argv;
}

static bool report(struct talk *t, bool ended, int rc, struct timespec from, struct err *e) {
    struct timespec to;
    clock_gettime(CLOCK_REALTIME, &to);
    struct str out = buf_view(&t->out);
    while (out.n && (out.s[out.n - 1] == '\n' || out.s[out.n - 1] == '\r')) {
        out.n--;
    }
    mod_set(t->c, "cmd", mod_arg(t->c, "command"));
    mod_set_str(t->c, "stdout", out);
    mod_set(t->c, "rc", ended ? val_int(rc) : VNULL);
    cmd_times(t->c, from, to);
    mod_changed(t->c);
    if (!ended) {
        return mod_fail(t->c, e, "command exceeded timeout");
    }
    return rc == 0 || mod_fail(t->c, e, "non-zero return code");
}

static bool run(struct mod_call *c, struct err *e) {
    struct talk t = {.c = c, .master = -1, .out = {.a = c->arena, .max = OUTPUT_MAX}};
    const char *dir = mod_z(c, "chdir");
    struct timespec from;
    const char *const *argv = make_argv(c, e);
    if (!argv || !read_questions(&t, e)) {
        return false;
    }
    if (dir && *dir && chdir(dir) != 0) {
        return mod_fail_sys(c, e, errno, "cannot change to directory '%s'", dir);
    }
    if (skipped(c)) {
        return true;
    }
    clock_gettime(CLOCK_REALTIME, &from);
    if (!start(&t, argv, e)) {
        fd_closep(&t.master);
        return false;
    }
    bool late = false;
    int rc = 0;
    bool ok = converse(&t, &late, e);
    bool ended = reap(&t, late || !ok, &rc);
    fd_closep(&t.master);
    return ok && report(&t, ended && !late, rc, from, e);
}

MODULE(expect) = {
    .doc = "Run a program on a terminal and answer its questions.",
    .spec = "ansible.builtin.expect",
    .example =
        "- ansible.builtin.expect:\n    command: ssh-keygen -f /root/key -t ed25519\n    creates: /root/key\n    "
        "responses:\n      '(?i)passphrase': ''",
    .returns = "cmd: The command.\nstdout: What it said, its questions included.\nrc: Exit status.\nstart: When it "
               "started.\nend: When it ended.\ndelta: How long it took.",
    .args = args,
    .check = SUPPORT_NONE,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .run = run,
};
