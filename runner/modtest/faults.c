// Cases with faults: the module is killed, or the disk is full, at one of the system calls that change files. strace
// does it: the program `faults` (tests/modules/fault.sh) starts play-remote under it. Programs that modules call make
// thousands of calls, wait for themselves through pipes, and write in place: they are killed with play-remote at
// moments in time, the disk is really full, and only the next run is judged.
#include "case.h"

#include "fd.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define NEVER       60000  // the call that is never reached: the calls are only counted
#define A_SECOND_MS 1100
#define MOMENTS     3       // that are tried unless `points` says how many
#define DISK_MAX    262144  // blocks that a disk that is filled may have

enum how { AT_CALL, AT_MOMENT, DISK_FULL };
struct kind {
    enum how how;
    const char *name;  // as fault.sh knows it
};

/// What a case does when nothing goes wrong.
struct faults {
    struct val before, after;  // files: name -> digest
    struct val other;          // the same after another run: what differs is new each time
    bool first;                // `after` is taken, else `other`
    struct str state;          // what `state` prints after it
    struct val calls;          // the names of those it is about, of the process that makes most
    int64_t ms;                // how long the module takes
    long blocks;               // of the disk that it needs
    struct kind kind;          // the fault that is tried
    long at;                   // call, milliseconds or blocks that are left
    const char *log;
    bool met;           // it happened
    const char *doubt;  // the file that was neither the old nor the new one, which may be new each second
};

bool faults_apply(struct val spec) {
    struct val result = val_get(spec, "result");
    bool told = val_truth(val_get(spec, "idempotent")) || val_has(spec, "state");
    return told && !val_truth(val_get(result, "failed")) && val_truth(val_get(result, "changed"));
}

/// Tells the program `faults` which call ends with the fault: strace counts the calls of each name.
static void name_call(struct one *c, const struct faults *f) {
    struct val name = f->at == NEVER ? val_z(c->a, "write") : val_at_index(f->calls, (size_t)f->at - 1);
    long nth = f->at == NEVER ? NEVER : 0;
    for (size_t i = 0; f->at != NEVER && i < (size_t)f->at; i++) {
        nth += val_equal(val_at_index(f->calls, i), name);
    }
    setenv("PLAY_FAULT_CALL", str_z(c->a, val_text(name)), 1);   // NOLINT(concurrency-mt-unsafe): one thread
    setenv("PLAY_FAULT_AT", arena_printf(c->a, "%ld", nth), 1);  // NOLINT(concurrency-mt-unsafe)
}

/// A play-remote for the next call: with the fault of `f`, or without one.
static bool start(struct one *c, const struct faults *f) {
    struct runner *r = c->r;
    bool call = f && f->kind.how == AT_CALL;
    if (call) {
        setenv("PLAY_FAULT_REMOTE", r->program, 1);  // NOLINT(concurrency-mt-unsafe): one thread
        setenv("PLAY_FAULT_KIND", f->kind.name, 1);  // NOLINT(concurrency-mt-unsafe)
        setenv("PLAY_FAULT_LOG", f->log, 1);         // NOLINT(concurrency-mt-unsafe)
        name_call(c, f);
    }
    return peer_start(&r->peer, call ? r->faults : r->program, c->e);
}

static void stop(struct one *c) {
    (void)peer_end(&c->r->peer);
}

static long blocks_free(const char *dir) {
    struct statvfs v;
    return statvfs(dir, &v) == 0 ? (long)v.f_bfree : 0;
}

/// What the case's `state` prints: what is there elsewhere, in a database or an engine.
static bool state_of(struct one *c, struct str *text) {
    struct val script = val_get(c->spec, "state");
    *text = STR_NONE;
    if (!val_is(script, VAL_STR)) {
        return true;
    }
    const char *argv[] = {"/bin/sh", "-ec", str_z(c->a, val_text(script)), NULL};
    struct spawn s = {.argv = argv, .cwd = c->dir, .merge = true, .timeout_ms = 60000};
    struct spawn_result out;
    if (!spawn_run(&s, c->a, &out, c->e)) {
        return false;
    }
    *text = out.out;
    return out.status == 0 ||
           err_set(c->e, ERR_MODULE, script.mark, "state: '%s' ended with %d: %.*s", argv[2], out.status, STR(out.out));
}

static bool plain(struct one *c) {
    struct faults *f = c->self;
    struct val result = VNULL;
    if (!case_set_up(c)) {
        return false;
    }
    f->before = tree_files(c->a, c->dir, val_get(c->spec, "watch"));
    long blocks = blocks_free(c->dir);
    int64_t since = clock_ms();
    bool ok = start(c, NULL) && case_blobs(c) && case_call(c, false, &result);
    f->ms = clock_ms() - since;
    f->blocks = blocks - blocks_free(c->dir);
    stop(c);
    if (ok && val_truth(val_get(result, "failed"))) {
        ok = err_set(c->e, ERR_MODULE, c->spec.mark, "the module failed: %.*s",
                     STR(val_str_of(c->a, val_get(result, "msg"))));
    }
    *(f->first ? &f->after : &f->other) = tree_files(c->a, c->dir, val_get(c->spec, "watch"));
    return ok && (!f->first || state_of(c, &f->state));
}

/// The name of the call in a line of strace's log; STR_NONE: the second half of a call, or a signal.
static struct str called(struct str line, size_t space) {
    size_t open = str_find_char(line, 0, '(');
    struct str name = space < open && open < line.n ? str_trim(str_sub(line, space, open)) : STR_NONE;
    return str_find_char(name, 0, ' ') == SIZE_MAX ? name : STR_NONE;
}

/// Reads strace's log: whether a call was interfered with, and without a fault the calls of the process that makes
/// most.
static void read_log(struct one *c, struct faults *f) {
    struct str text = STR_NONE;
    struct str line;
    struct err e = {.arena = c->a};
    struct val processes = val_dict(c->a, 4);
    f->met = false;
    (void)fd_read_file(f->log, (size_t)16 << 20, c->a, &text, &e);
    while (text.s && str_next(&text, '\n', &line)) {
        // a call that is killed has no result
        f->met = f->met || str_find(line, 0, STR_LIT("INJECTED")) != SIZE_MAX || str_ends(line, "= ?");
        size_t space = str_find_char(line, 0, ' ');
        struct str name = called(line, space);
        if (!name.n) {
            continue;
        }
        struct val pid = val_str(c->a, str_sub(line, 0, space));
        struct val calls = val_get_key(processes, pid);
        if (!val_is(calls, VAL_LIST)) {
            calls = val_list(c->a, 16);
            val_set_key(c->a, processes, pid, calls);
        }
        val_push(c->a, calls, val_str(c->a, name));
    }
    struct vpair *p;
    for (size_t i = 0; f->at == NEVER && (p = val_each(processes, &i));) {
        f->calls = val_len(p->value) > val_len(f->calls) ? p->value : f->calls;
    }
    f->met = f->met && f->at != NEVER;
}

static bool wrong(struct one *c, const struct faults *f, const char *name, const char *what) {
    return err_set(c->e, ERR_MODULE, c->spec.mark, "%s at %ld: %s: %s", f->kind.name, f->at, name, what);
}

/// A file has a content that no run without faults gave it; unless another one does, see tried().
static bool odd(struct one *c, struct faults *f, const char *name, const char *what) {
    f->doubt = name;
    return wrong(c, f, name, what);
}

/// Modules whose new files are written where they belong by another program, or one by one; the next run repairs them.
static bool in_place(const char *module) {
    static const char *const names[] = {"unarchive", "git", "subversion"};
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (strcmp(module, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/// Each file that the case knows is the old or the new one.
static bool old_or_new(struct one *c, struct faults *f) {
    struct val now = tree_files(c->a, c->dir, val_get(c->spec, "watch"));
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(f->before, &i))) {
        if (!val_has(now, val_text(p->key).s) && val_has(f->after, val_text(p->key).s)) {
            return wrong(c, f, val_text(p->key).s, "is lost");
        }
    }
    for (i = 0; (p = val_each(now, &i));) {
        struct val before = val_get_key(f->before, p->key);
        struct val after = val_get_key(f->after, p->key);
        bool known = val_is(before, VAL_STR) || (val_is(after, VAL_STR) && !in_place(c->module));
        bool steady = val_equal(after, val_get_key(f->other, p->key));
        bool written =
            str_starts(val_text(p->key), ".ansible_tmp");  // what becomes the new file: half of it is no fault
        if (known && steady && !written && !val_equal(p->value, before) && !val_equal(p->value, after)) {
            return odd(c, f, val_text(p->key).s, "is neither the old file nor the new one");
        }
    }
    return true;
}

/// What git, svn, npm, dnf and rpm keep for themselves, until they collect it or make it anew: a case has a `state` for
/// what they tell of it.
static bool of_program(struct str name) {
    static const char *const places[] = {".git/", "/.svn/", "/var/cache/dnf/", "/.rpmdb/"};
    for (size_t i = 0; i < COUNTOF(places); i++) {
        if (str_find(name, 0, str_from(places[i])) != SIZE_MAX) {
            return true;
        }
    }
    return str_starts(name, ".rpmdb/") || str_ends(name, "/node_modules/.package-lock.json");
}

static bool same_state(struct one *c, const struct faults *f) {
    struct str state;
    return state_of(c, &state) && (str_eq(state, f->state) || wrong(c, f, "after the next run the state is another one",
                                                                    arena_printf(c->a, "expected '%.*s', found '%.*s'",
                                                                                 STR(f->state), STR(state))));
}

/// Nothing is there that a run without faults would not have left, and nothing of that is missing. Backups have a time
/// in their names, and some files another content each time.
static bool as_without(struct one *c, struct faults *f) {
    struct val now = tree_files(c->a, c->dir, val_get(c->spec, "watch"));
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(now, &i))) {
        bool known = val_has(f->after, val_text(p->key).s) || val_has(f->other, val_text(p->key).s);
        if (!known && !of_program(val_text(p->key)) && !str_ends(val_text(p->key), "~")) {
            return wrong(c, f, val_text(p->key).s, "is left behind after the next run");
        }
    }
    for (i = 0; (p = val_each(f->after, &i));) {
        struct val mine = val_get_key(now, p->key);
        struct val other = val_get_key(f->other, p->key);
        if (!val_is(other, VAL_STR) || of_program(val_text(p->key))) {
            continue;
        }
        if (!val_is(mine, VAL_STR)) {
            return wrong(c, f, val_text(p->key).s, "is missing after the next run");
        }
        if (val_equal(p->value, other) && !val_equal(p->value, mine)) {
            return odd(c, f, val_text(p->key).s, "is not whole after the next run");
        }
    }
    return same_state(c, f);
}

/// The module with play-remote and all that they have started is killed after `at` ms.
static bool cut_off(struct one *c, const struct faults *f) {
    struct val result = VNULL;
    struct err broken = {.arena = c->a};
    struct err *e = c->e;
    peer_adopt(true);
    bool ok = start(c, NULL) && case_blobs(c);
    if (ok) {
        c->cut_ms = f->at > 0 ? f->at : 1;
        c->e = &broken;  // that there is no answer is what was wanted
        (void)case_call(c, false, &result);
        c->cut_ms = 0;
        c->e = e;
    }
    peer_kill(&c->r->peer);
    peer_adopt(false);
    return ok;
}

/// A file that leaves `left` blocks of the disk of the case; NULL when it cannot be made.
static const char *fill_disk(struct one *c, long left) {
    struct statvfs v;
    const char *path = arena_printf(c->a, "%s.full", c->dir);
    if (statvfs(c->dir, &v) != 0 || v.f_blocks > DISK_MAX) {
        err_set(c->e, ERR_MODULE, c->spec.mark, "'%s' is on no small disk: set TMPDIR (tests/modules/small_disk.sh)",
                c->dir);
        return NULL;
    }
    off_t size = ((off_t)v.f_bfree - left) * (off_t)v.f_frsize;
    CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int rc = fd < 0 ? errno : size > 0 ? posix_fallocate(fd, 0, size) : 0;
    if (rc != 0) {
        err_sys(c->e, rc, c->spec.mark, "cannot fill the disk of '%s'", c->dir);
        return NULL;
    }
    return path;
}

/// The module meets a disk that has `at` blocks left: it ends, and when it fails it says why.
static bool disk_full(struct one *c, const struct faults *f) {
    struct val result = VNULL;
    const char *ballast = fill_disk(c, f->at);
    if (!ballast) {
        return false;
    }
    bool ok = start(c, NULL) && case_blobs(c) && case_call(c, false, &result);
    stop(c);
    unlink(ballast);
    if (!ok) {
        return false;
    }
    struct str msg = val_str_of(c->a, val_get(result, "msg"));
    if (val_truth(val_get(result, "failed"))) {
        if (c->r->verbose) {
            printf("full disk, %ld blocks left: %.*s\n", f->at, STR(str_sub(msg, 0, msg.n < 300 ? msg.n : 300)));
        }
        return str_trim(msg).n || wrong(c, f, "the module", "fails without a message");
    }
    return true;
}

static bool at_call(struct one *c, struct faults *f) {
    struct val result = VNULL;
    struct err broken = {.arena = c->a};
    struct err *e = c->e;
    c->e = &broken;  // that it does not answer is what was wanted
    (void)(start(c, f) && case_blobs(c) && case_call(c, false, &result));
    c->e = e;
    stop(c);
    read_log(c, f);
    return f->met && (c->r->moments || old_or_new(c, f));
}

static bool strike(struct one *c, struct faults *f) {
    switch (f->kind.how) {
    case AT_CALL:
        return at_call(c, f);
    case AT_MOMENT:
        return cut_off(c, f);
    case DISK_FULL:
        return disk_full(c, f);
    }
    return false;
}

static bool faulty(struct one *c) {
    struct faults *f = c->self;
    struct val result = VNULL;
    f->met = true;
    if (!case_set_up(c)) {
        return false;
    }
    f->before = tree_files(c->a, c->dir, val_get(c->spec, "watch"));  // what `setup` makes may hold the time
    if (!strike(c, f)) {
        return !f->met;
    }
    bool ok = start(c, NULL) && case_blobs(c) && case_call(c, false, &result);
    if (ok && val_truth(val_get(result, "failed"))) {
        ok = wrong(c, f, "the next run fails", str_z(c->a, val_str_of(c->a, val_get(result, "msg"))));
    }
    ok = ok && (tree_check(c->a, c->dir, val_get(c->spec, "after"), c->e) ||
                err_wrap(c->e, NO_MARK, "%s at %ld", f->kind.name, f->at));
    ok = ok && (case_again(c) || err_wrap(c->e, NO_MARK, "%s at %ld", f->kind.name, f->at)) && as_without(c, f);
    stop(c);
    return ok;
}

/// How far the faults of this kind go: calls, milliseconds or blocks.
static bool find_extent(struct runner *r, struct arena *a, struct case_kind *k, long *extent, struct err *e) {
    struct faults *f = k->self;
    if (f->kind.how != AT_CALL) {
        *extent = f->kind.how == AT_MOMENT ? (long)f->ms : f->blocks;
        return true;
    }
    f->at = NEVER;
    f->calls = val_list(a, 0);
    bool ok = case_in_dir(r, a, k, faulty, e);
    *extent = (long)val_len(f->calls);
    return ok && (*extent > 0 || err_set(e, ERR_MODULE, k->spec.mark, "%s could not be used", r->faults));
}

/// The fault. When it leaves a file that was the same in both runs without faults, but holds a time in seconds, it is
/// tried again: a third such run tells.
static bool tried(struct runner *r, struct arena *a, struct case_kind *k, struct err *e) {
    struct faults *f = k->self;
    for (;;) {
        struct err first = {.arena = a};
        f->doubt = NULL;
        if (case_in_dir(r, a, k, faulty, &first)) {
            return true;
        }
        const char *doubt = f->doubt;
        struct val was = doubt ? val_get(f->other, doubt) : VNULL;
        (void)poll(NULL, 0, doubt ? A_SECOND_MS : 0);
        if (!doubt || !case_in_dir(r, a, k, plain, e) || val_equal(val_get(f->other, doubt), was)) {
            *e = e->code == ERR_NONE ? first : *e;
            return false;
        }
    }
}

static bool all_points(struct runner *r, struct arena *a, struct case_kind *k, struct err *e) {
    struct faults *f = k->self;
    long extent;
    if (!find_extent(r, a, k, &extent, e)) {
        return false;
    }
    long points = r->points ? r->points : r->moments ? MOMENTS : extent;
    long step = extent > points ? extent / points : 1;
    bool ok = true;
    bool met = false;
    f->at = f->kind.how == AT_CALL ? 1 + step / 2 : step / 2;
    for (long n = 0; ok && (f->kind.how == AT_CALL ? f->at <= extent : n < points); n++, f->at += step) {
        ok = tried(r, a, k, e);
        met = met || f->met;
    }
    // a program may make another number of calls each time: an earlier one is surer
    for (f->at = 1 + step / 2; ok && !met && f->kind.how == AT_CALL && f->at > 1;) {
        f->at /= 2;
        ok = tried(r, a, k, e);
        met = f->met;
    }
    return ok && (met || err_set(e, ERR_MODULE, k->spec.mark, "%s never happened", f->kind.name));
}

bool faults_run(struct runner *r, struct arena *a, const struct case_kind *k, struct err *e) {
    static const struct kind calls[] = {{AT_CALL, "signal=KILL"}, {AT_CALL, "error=ENOSPC"}};
    static const struct kind moments[] = {
        {AT_MOMENT, "killed after ms"}, {DISK_FULL, "blocks left"}, {AT_CALL, "signal=KILL"}};
    const struct kind *kinds = r->moments ? moments : calls;
    size_t n = !r->moments ? COUNTOF(calls) : r->faults ? COUNTOF(moments) : COUNTOF(moments) - 1;
    n = r->kills ? 1 : n;
    const char *tmp = getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): one thread
    char *log = arena_printf(a, "%s/play-fault-XXXXXX", tmp ? tmp : "/tmp");
    int fd = mkstemp(log);
    struct faults f = {.log = log, .first = true};
    struct case_kind with = *k;
    fd_closep(&fd);
    with.self = &f;
    (void)peer_end(&r->peer);  // each call has one of its own
    bool ok = case_in_dir(r, a, &with, plain, e);
    f.first = false;
    ok = ok && case_in_dir(r, a, &with, plain, e);
    for (size_t i = 0; ok && i < n; i++) {
        f.kind = kinds[i];
        ok = all_points(r, a, &with, e);
    }
    unlink(log);
    struct err again = {.arena = a};
    return peer_start(&r->peer, r->program, &again) && ok;
}
