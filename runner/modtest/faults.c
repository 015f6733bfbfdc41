// Cases with faults: the module is killed, or the disk is full, at one of the system calls that change files. strace
// does it: the program `faults` (tests/modules/fault.sh) starts play-remote under it.
#include "case.h"

#include "fd.h"

#include <signal.h>
#include <unistd.h>

#define NEVER 60000  // the call that is never reached: the calls are only counted

/// What a case does when nothing goes wrong.
struct faults {
    struct val before, after;  // files: name -> digest
    struct val other;          // the same after another run: what differs is new each time
    bool first;                // `after` is taken, else `other`
    long calls;                // that change files, of the process that makes most
    const char *kind, *log;    // of the fault that is tried
    long at;
    bool met;  // it happened
};

bool faults_apply(struct val spec) {
    struct val result = val_get(spec, "result");
    return val_truth(val_get(spec, "idempotent")) && !val_truth(val_get(result, "failed")) &&
           val_truth(val_get(result, "changed"));
}

/// A play-remote for the next call: with the fault of `f`, or without one.
static bool start(struct one *c, const struct faults *f) {
    struct runner *r = c->r;
    if (f) {
        setenv("PLAY_FAULT_REMOTE", r->program, 1);                    // NOLINT(concurrency-mt-unsafe): one thread
        setenv("PLAY_FAULT_KIND", f->kind, 1);                         // NOLINT(concurrency-mt-unsafe)
        setenv("PLAY_FAULT_LOG", f->log, 1);                           // NOLINT(concurrency-mt-unsafe)
        setenv("PLAY_FAULT_AT", arena_printf(c->a, "%ld", f->at), 1);  // NOLINT(concurrency-mt-unsafe)
    }
    return peer_start(&r->peer, f ? r->faults : r->program, c->e);
}

static void stop(struct one *c) {
    (void)peer_end(&c->r->peer);
}

static bool plain(struct one *c) {
    struct faults *f = c->self;
    struct val result = VNULL;
    if (!case_set_up(c)) {
        return false;
    }
    f->before = tree_files(c->a, c->dir, val_get(c->spec, "watch"));
    bool ok = start(c, NULL) && case_blobs(c) && case_call(c, false, &result);
    stop(c);
    *(f->first ? &f->after : &f->other) = tree_files(c->a, c->dir, val_get(c->spec, "watch"));
    return ok;
}

/// Reads strace's log: the calls of each process, and whether one was interfered with.
static void read_log(struct one *c, struct faults *f) {
    struct str text = STR_NONE;
    struct str line;
    struct err e = {.arena = c->a};
    struct val counts = val_dict(c->a, 4);
    f->met = false;
    f->calls = 0;
    (void)fd_read_file(f->log, (size_t)16 << 20, c->a, &text, &e);
    while (text.s && str_next(&text, '\n', &line)) {
        f->met = f->met || str_find(line, 0, STR_LIT("INJECTED")) != SIZE_MAX ||
                 str_find(line, 0, STR_LIT("killed by SIGKILL")) != SIZE_MAX;
        struct val pid = val_str(c->a, str_sub(line, 0, str_find_char(line, 0, ' ')));
        struct val n = val_get_key(counts, pid);
        int64_t now = (val_is(n, VAL_INT) ? n.u.i : 0) + 1;
        val_set_key(c->a, counts, pid, val_int(now));
        f->calls = now > f->calls ? (long)now : f->calls;
    }
}

static bool wrong(struct one *c, const struct faults *f, const char *name, const char *what) {
    return err_set(c->e, ERR_MODULE, c->spec.mark, "%s at call %ld: %s: %s", f->kind, f->at, name, what);
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
static bool old_or_new(struct one *c, const struct faults *f) {
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
        if (known && steady && !val_equal(p->value, before) && !val_equal(p->value, after)) {
            return wrong(c, f, val_text(p->key).s, "is neither the old file nor the new one");
        }
    }
    return true;
}

/// Nothing is there that a run without faults would not have left. Backups have a time in their names.
static bool nothing_left(struct one *c, const struct faults *f) {
    struct val now = tree_files(c->a, c->dir, val_get(c->spec, "watch"));
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(now, &i))) {
        bool known = val_has(f->after, val_text(p->key).s) || val_has(f->other, val_text(p->key).s);
        bool own = str_find(val_text(p->key), 0, STR_LIT("/.git/")) != SIZE_MAX ||  // until it is collected
                   str_find(val_text(p->key), 0, STR_LIT("/.svn/")) != SIZE_MAX;
        if (!known && !own && !str_ends(val_text(p->key), "~")) {
            return wrong(c, f, val_text(p->key).s, "is left behind after the next run");
        }
    }
    return true;
}

static bool faulty(struct one *c) {
    struct faults *f = c->self;
    struct val result = VNULL;
    struct err broken = {.arena = c->a};
    struct err *e = c->e;
    if (!case_set_up(c)) {
        return false;
    }
    f->before = tree_files(c->a, c->dir, val_get(c->spec, "watch"));  // what `setup` makes may hold the time
    c->e = &broken;                                                   // that it does not answer is what was wanted
    (void)(start(c, f) && case_blobs(c) && case_call(c, false, &result));
    c->e = e;
    stop(c);
    read_log(c, f);
    if (!f->met || !old_or_new(c, f)) {
        return !f->met;
    }
    bool ok = start(c, NULL) && case_blobs(c) && case_call(c, false, &result);
    if (ok && val_truth(val_get(result, "failed"))) {
        ok = wrong(c, f, "the next run fails", str_z(c->a, val_str_of(c->a, val_get(result, "msg"))));
    }
    ok = ok && (tree_check(c->a, c->dir, val_get(c->spec, "after"), c->e) ||
                err_wrap(c->e, NO_MARK, "%s at call %ld", f->kind, f->at));
    ok = ok && (case_again(c) || err_wrap(c->e, NO_MARK, "%s at call %ld", f->kind, f->at)) && nothing_left(c, f);
    stop(c);
    return ok;
}

bool faults_run(struct runner *r, struct arena *a, const struct case_kind *k, struct err *e) {
    static const char *const kinds[] = {"signal=KILL", "error=ENOSPC"};
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
    for (size_t i = 0; ok && i < COUNTOF(kinds); i++) {
        f.kind = kinds[i];
        f.at = NEVER;
        ok = case_in_dir(r, a, &with, faulty, e);
        long calls = f.calls;
        ok = ok && (calls > 0 || err_set(e, ERR_MODULE, k->spec.mark, "%s could not be used", r->faults));
        long step = r->points && calls > r->points ? calls / r->points : 1;
        for (long at = 1 + step / 2; ok && at <= calls; at += step) {
            f.at = at;
            ok = case_in_dir(r, a, &with, faulty, e);
        }
    }
    unlink(log);
    struct err again = {.arena = a};
    return peer_start(&r->peer, r->program, &again) && ok;
}
