// Runs module cases (tests/modules/README.md) through a real play-remote: check mode, the real run, the second run.
#include "case.h"

#include "digest.h"
#include "fd.h"
#include "load.h"
#include "spawn.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

bool case_shell(struct one *c, const char *key) {
    struct val lines = val_get(c->spec, key);
    bool text = val_is(lines, VAL_STR);
    for (size_t i = 0; i < (text ? 1 : val_len(lines)); i++) {
        const char *argv[] = {"/bin/sh", "-ec", str_z(c->a, val_text(text ? lines : val_at_index(lines, i))), NULL};
        struct spawn s = {.argv = argv, .cwd = c->dir, .merge = true, .timeout_ms = 60000};
        struct spawn_result out;
        if (!spawn_run(&s, c->a, &out, c->e)) {
            return false;
        }
        if (out.status != 0) {
            return err_set(c->e, ERR_MODULE, lines.mark, "%s: '%s' ended with %d: %.*s", key, argv[2], out.status,
                           STR(out.out));
        }
    }
    return true;
}

/// NULL when the case can run here, else why not.
static const char *unmet(struct arena *a, struct val requires) {
    for (size_t i = 0; i < val_len(requires); i++) {
        const char *r = str_z(a, val_text(val_at_index(requires, i)));
        bool ok = true;
        if (strcmp(r, "root") == 0 || strcmp(r, "user") == 0) {
            ok = (geteuid() == 0) == (r[0] == 'r');
        } else if (strncmp(r, "cmd:", 4) == 0) {
            ok = spawn_which(a, r + 4) != NULL;
        } else if (strncmp(r, "file:", 5) == 0) {
            ok = access(r + 5, F_OK) == 0;
        } else if (strncmp(r, "no:", 3) == 0) {
            ok = getenv(r + 3) == NULL;  // NOLINT(concurrency-mt-unsafe): one thread
        } else if (strncmp(r, "env:", 4) == 0) {
            ok = getenv(r + 4) != NULL;  // NOLINT(concurrency-mt-unsafe): one thread
        } else {
            ok = false;
        }
        if (!ok) {
            return r;
        }
    }
    return NULL;
}

bool case_logs(struct arena *a, struct val spec, struct str name) {
    struct vpair *p;
    struct val files = val_get(spec, "files");
    for (size_t i = 0; (p = val_each(files, &i));) {
        struct str text = val_text(val_get(p->value, "content"));
        size_t at = str_starts(text, "#!") ? str_find(text, 0, str_printf(a, "@DIR@/%.*s", STR(name))) : SIZE_MAX;
        while (at != SIZE_MAX && at > 0) {
            if (text.s[at - 1] == '>' || (text.s[at - 1] == ' ' && at > 1 && text.s[at - 2] == '>')) {
                return true;
            }
            at = str_find(text, at + 1, str_printf(a, "@DIR@/%.*s", STR(name)));
        }
    }
    return false;
}

bool case_of_program(struct arena *a, struct val spec, struct str name) {
    struct val theirs = val_get(spec, "by_program");
    for (size_t i = 0; i < val_len(theirs); i++) {
        if (str_eq(val_text(val_at_index(theirs, i)), name)) {
            return true;
        }
    }
    return case_logs(a, spec, name);
}

bool case_discloses(struct one *c, unsigned uid) {
    struct val all = tree_files(c->a, c->dir, VNULL);
    struct vpair *p;
    for (size_t i = 0; (p = val_each(all, &i));) {
        const char *path = arena_printf(c->a, "%s/%.*s", c->dir, STR(val_text(p->key)));
        struct err none = {.arena = c->a};
        struct str text;
        struct stat st;
        if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_uid == uid || st.st_mode & S_IROTH) &&
            fd_read_regular(path, (size_t)64 << 20, c->a, &text, &none) &&
            str_find(text, 0, STR_LIT(CASE_SECRET)) != SIZE_MAX) {
            return err_set(c->e, ERR_MODULE, c->spec.mark, "user %u can read in '%s' what only root may", uid, path);
        }
    }
    return true;
}

bool case_blobs(struct one *c) {
    struct val blobs = val_get(c->spec, "blobs");
    struct vpair *p;
    for (size_t i = 0; (p = val_each(blobs, &i));) {
        unsigned char sum[DIGEST_MAX];
        struct str data = val_text(p->value);
        struct digest *d = digest_open("sha256");
        digest_add(d, data.s, data.n);
        digest_close(d, sum);
        struct buf body = BUF_IN(c->a);
        buf_add(&body, sum, 32);
        buf_char(&body, FRAME_BLOB_LAST);
        buf_str(&body, data);
        peer_send(&c->r->peer, FRAME_BLOB, 0, buf_view(&body), c->e);
    }
    return c->e->code == ERR_NONE;
}

/// A module of the project's library: its source is sent ahead. One of play-remote's own has none.
static bool send_script(struct one *c, struct val request) {
    if (!c->r->library) {
        return true;
    }
    struct str source;
    struct err e = {.arena = c->a};
    const char *hex = NULL;
    if (!fd_read_file(arena_printf(c->a, "%s/%s.lua", c->r->library, c->module), (size_t)1 << 20, c->a, &source, &e)) {
        return e.sys_errno == ENOENT || err_set(c->e, ERR_SYS, NO_MARK, "%.*s", STR(err_text(&e)));
    }
    if (!digest_hex(c->a, "sha256", source, &hex, c->e)) {
        return false;
    }
    struct buf body = BUF_IN(c->a);
    buf_add(&body, c->module, strlen(c->module) + 1);
    buf_str(&body, source);
    peer_send(&c->r->peer, FRAME_SCRIPT, 0, buf_view(&body), c->e);
    val_set(c->a, request, "script", val_z(c->a, hex));
    return c->e->code == ERR_NONE;
}

bool case_call(struct one *c, bool check, struct val *result) {
    struct val request = val_dict(c->a, 8);
    if (!send_script(c, request)) {
        return false;
    }
    struct val args = val_get(c->spec, "args");
    struct val timeout = val_get(c->spec, "timeout");
    int64_t ms = (val_is(timeout, VAL_INT) ? timeout.u.i : 60) * 1000;
    val_set(c->a, request, "module", val_z(c->a, c->module));
    val_set(c->a, request, "args", val_is(args, VAL_DICT) ? args : val_dict(c->a, 0));
    val_set(c->a, request, "validate", val_bool(true));
    val_set(c->a, request, "check", val_bool(check));
    val_set(c->a, request, "diff", val_bool(val_truth(val_get(c->spec, "diff"))));
    if (val_has(c->spec, "verbosity")) {
        val_set(c->a, request, "verbosity", val_get(c->spec, "verbosity"));
    }
    if (val_has(c->spec, "env")) {
        val_set(c->a, request, "env", val_get(c->spec, "env"));
    }
    val_set(c->a, request, "timeout_ms", val_int(ms));
    return peer_call(&c->r->peer, request, c->cut_ms ? c->cut_ms : ms + 5000, c->a, result, c->e);
}

/// What svn keeps for itself, and writes each time.
static struct str without_svn(struct arena *a, struct str tree) {
    struct buf b = BUF_IN(a);
    struct str line;
    while (str_next(&tree, '\n', &line)) {
        if (str_find(line, 0, STR_LIT("/.svn")) == SIZE_MAX) {
            buf_printf(&b, "%.*s\n", STR(line));
        }
    }
    return buf_view(&b);
}

static bool same_tree(struct one *c, struct str before, const char *when) {
    struct str after = without_svn(c->a, tree_print(c->a, c->dir));
    before = without_svn(c->a, before);
    struct str b = before;
    struct str a = after;
    struct str x;
    struct str y;
    for (;;) {
        bool more_b = str_next(&b, '\n', &x);
        bool more_a = str_next(&a, '\n', &y);
        if (!more_a && !more_b) {
            return true;
        }
        if (!more_a || !more_b || !str_eq(x, y)) {
            return err_set(c->e, ERR_MODULE, c->spec.mark, "%s changed the tree: expected '%.*s', found '%.*s'", when,
                           STR(more_b ? x : STR_LIT("")), STR(more_a ? y : STR_LIT("")));
        }
    }
}

static bool fails(struct val expected) {
    return val_truth(val_get(expected, "failed"));
}

static bool check_run(struct one *c, struct val want) {
    struct val result = VNULL;
    struct val expected = val_get(c->spec, "check_result");
    if (val_has(c->spec, "check") && !val_truth(val_get(c->spec, "check"))) {
        return true;
    }
    struct str before = tree_print(c->a, c->dir);
    if (!case_call(c, true, &result) || !same_tree(c, before, "check mode")) {
        return false;
    }
    if (val_is(expected, VAL_UNDEF)) {
        if (fails(want) || !val_has(want, "changed")) {
            return true;
        }
        expected = val_dict(c->a, 2);
        val_set(c->a, expected, "changed", val_get(want, "changed"));
        val_set(c->a, expected, "failed", val_bool(false));
    }
    return expect(c->a, "check mode", expected, result, c->e);
}

bool case_again(struct one *c) {
    struct val result = VNULL;
    if (!val_truth(val_get(c->spec, "idempotent"))) {
        return true;
    }
    struct str before = tree_print(c->a, c->dir);
    struct val want = val_dict(c->a, 2);
    val_set(c->a, want, "changed", val_bool(false));
    val_set(c->a, want, "failed", val_bool(false));
    return case_call(c, false, &result) && expect(c->a, "second run", want, result, c->e) &&
           same_tree(c, before, "the second run");
}

static bool absent_keys(struct one *c, struct val result) {
    struct val keys = val_get(c->spec, "without");
    for (size_t i = 0; i < val_len(keys); i++) {
        struct val key = val_at_index(keys, i);
        if (!val_is(val_get_key(result, key), VAL_UNDEF)) {
            return err_set(c->e, ERR_MODULE, key.mark, "result has '%.*s'", STR(val_text(key)));
        }
    }
    return true;
}

static bool all_runs(struct one *c) {
    struct val want = val_get(c->spec, "result");
    struct val result = VNULL;
    if (!case_set_up(c) || !case_blobs(c) || !check_run(c, want) || !case_call(c, false, &result)) {
        return false;
    }
    bool success = val_has(want, "failed") || !val_truth(val_get(result, "failed"));
    if (!success) {
        return err_set(c->e, ERR_MODULE, c->spec.mark, "the module failed: %.*s",
                       STR(val_str_of(c->a, val_get(result, "msg"))));
    }
    return (val_is(want, VAL_UNDEF) || expect(c->a, "result", want, result, c->e)) && absent_keys(c, result) &&
           tree_check(c->a, c->dir, val_get(c->spec, "after"), c->e) && case_again(c);
}

static bool check_keys(struct arena *a, struct val spec, struct err *e) {
    static const char *const known[] = {"name",    "module", "args",       "files",     "setup",   "blobs",
                                        "env",     "diff",   "verbosity",  "check",     "result",  "check_result",
                                        "without", "after",  "idempotent", "requires",  "timeout", "cleanup",
                                        "watch",   "state",  "exchange",   "by_program"};
    struct vpair *p;
    for (size_t i = 0; (p = val_each(spec, &i));) {
        bool ok = false;
        for (size_t k = 0; k < COUNTOF(known); k++) {
            ok = ok || str_eqz(val_str_of(a, p->key), known[k]);
        }
        if (!ok) {
            return err_set(e, ERR_ARGS, p->value.mark, "unknown key '%.*s'", STR(val_str_of(a, p->key)));
        }
    }
    return val_is(val_get(spec, "name"), VAL_STR) || err_set(e, ERR_ARGS, spec.mark, "a case needs a name");
}

bool case_set_up(struct one *c) {
    return tree_make(c->a, c->dir, val_get(c->spec, "files"), c->e) && case_shell(c, "setup");
}

bool case_plain(struct one *c, struct val *before, struct val *after) {
    struct val result = VNULL;
    if (!case_set_up(c)) {
        return false;
    }
    *before = tree_files(c->a, c->dir, VNULL);
    bool ok = case_blobs(c) && case_call(c, false, &result);
    *after = tree_files(c->a, c->dir, VNULL);
    return ok;
}

static const char *temporary(void) {
    const char *tmp = getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): one thread
    return tmp ? tmp : "/tmp";
}

/// In /tmp itself the kernel may refuse links of others (fs.protected_symlinks), which is not the module's merit.
static bool make_top(struct runner *r, struct err *e) {
    int n = snprintf(r->top, sizeof r->top, "%s/play-cases-XXXXXX", temporary());
    if (n < 0 || (size_t)n >= sizeof r->top || !mkdtemp(r->top) || chmod(r->top, 0755) != 0) {
        return err_sys(e, errno, NO_MARK, "cannot make a directory for the cases in '%s'", temporary());
    }
    return true;
}

bool case_in_dir(struct runner *r, struct arena *a, const struct case_kind *k, bool (*runs)(struct one *),
                 struct err *e) {
    struct val spec = k->spec;
    char *dir = arena_printf(a, "%s/play-case-XXXXXX", r->top[0] ? r->top : temporary());
    if (!mkdtemp(dir)) {
        return err_sys(e, errno, NO_MARK, "cannot make a directory");
    }
    chmod(dir, 0755);
    struct val blobs = val_get(spec, "blobs");
    struct one c = {
        .a = a, .r = r, .spec = fill_in(a, spec, str_from(dir), blobs), .dir = dir, .module = k->module, .e = e};
    if (val_has(spec, "module")) {
        c.module = str_z(a, val_text(val_get(spec, "module")));
    }
    c.self = k->self;
    bool ok = runs(&c);
    struct err after = {.arena = a};
    c.e = &after;
    // of a run that was cut short or refused it does not say whether the result is right
    bool judged = !r->faults && !r->moments && !r->links && !r->races;
    if (!case_shell(&c, "cleanup") && ok && judged) {
        *e = after;
        ok = false;
    }
    case_tree_remove(dir);
    return ok;
}

static bool run_as_asked(struct runner *r, struct arena *a, const struct case_kind *k, struct err *e) {
    if (r->links) {
        return links_run(r, a, k, e);
    }
    if (r->races) {
        return races_run(r, a, k, e);
    }
    return r->faults || r->moments ? faults_run(r, a, k, e) : case_in_dir(r, a, k, all_runs, e);
}

static void run_case(struct runner *r, const char *file, struct val spec, const char *module) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str name = val_str_of(&a, val_get(spec, "name"));
    if (r->only && str_find(name, 0, str_from(r->only)) == SIZE_MAX) {
        arena_release(&a);
        return;
    }
    const char *why = unmet(&a, val_get(spec, "requires"));
    struct case_kind k = {.spec = spec, .module = module};
    bool special = r->faults || r->moments || r->links || r->races;
    bool apart = special && ((r->first && r->had) || !(r->links || r->races ? links_apply(spec) : faults_apply(spec)));
    r->had = r->had || (special && !why && !apart);
    if (special && why && !apart && strncmp(why, "cmd:", 4) == 0) {
        snprintf(r->lacks, sizeof r->lacks, "%s", why + 4);
    }
    if (why || apart) {
        r->skipped++;
        if (!special) {
            printf("skipped: %s: %.*s: needs %s\n", file, STR(name), why);
        }
    } else if (check_keys(&a, spec, &e) && run_as_asked(r, &a, &k, &e)) {
        r->passed++;
        if (r->verbose) {
            printf("ok: %s: %.*s\n", file, STR(name));
        }
    } else {
        struct place at = mark_place(e.at);
        printf("FAILED: %s:%u: %.*s: %.*s\n", file, at.file ? at.line : mark_place(spec.mark).line, STR(name),
               STR(err_text(&e)));
        r->failed++;
        if (e.code == ERR_TIMEOUT || e.code == ERR_SYS) {
            // The connection may be out of step: the next case gets a fresh one.
            kill(r->peer.pid, SIGKILL);
            (void)peer_end(&r->peer);
            struct err again = {.arena = &a};
            if (!peer_start(&r->peer, r->program, &again)) {
                printf("FAILED: cannot start play-remote again\n");
            }
        }
    }
    arena_release(&a);
}

static void run_file(struct runner *r, const char *path, const char *module) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str text;
    struct val cases = VNULL;
    if (!fd_read_file(path, (size_t)8 << 20, &a, &text, &e) ||
        !yaml_load(path, text, &(struct yaml_opts){0}, &a, &cases, &e) || !val_is(cases, VAL_LIST)) {
        printf("FAILED: %s: %.*s\n", path, STR(e.msg ? err_text(&e) : STR_LIT("expected a list of cases")));
        r->failed++;
    }
    for (size_t i = 0; val_is(cases, VAL_LIST) && i < val_len(cases); i++) {
        run_case(r, path, val_at_index(cases, i), module);
    }
    arena_release(&a);
}

static int by_text(const void *x, const void *y) {
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

struct files {
    const char **p;
    size_t n, cap;
};

static void add_file(struct arena *a, struct files *list, const char *path) {
    VEC_PUSH(a, *list, path);
}

/// The name of the directory a file lies in: the module its cases are for.
static const char *module_of(struct arena *a, const char *file) {
    struct str rest = str_from(file);
    struct str part;
    struct str dir = STR_NONE;
    struct str last = STR_NONE;
    while (str_next(&rest, '/', &part)) {
        dir = last;
        last = part.n ? part : last;
    }
    return str_z(a, dir);
}

/// A file of cases, or a directory of them.
static void run_path(struct runner *r, const char *path) {
    struct arena a = {0};
    struct files files = {0};
    DIR *d = opendir(path);
    const struct dirent *entry;
    while (d && (entry = readdir(d))) {  // NOLINT(concurrency-mt-unsafe): one thread
        if (str_ends(str_from(entry->d_name), ".yml")) {
            add_file(&a, &files, arena_printf(&a, "%s/%s", path, entry->d_name));
        }
    }
    if (d) {
        closedir(d);
    } else {
        add_file(&a, &files, path);
    }
    if (files.n) {
        qsort(files.p, files.n, sizeof *files.p, by_text);
    }
    for (size_t i = 0; i < files.n; i++) {
        run_file(r, files.p[i], module_of(&a, files.p[i]));
    }
    arena_release(&a);
}

int modtest_run(const struct modtest *t) {
    struct runner r = {.program = t->program,
                       .only = t->only,
                       .library = t->library,
                       .verbose = t->verbose,
                       .faults = t->faults,
                       .links = t->links,
                       .races = t->races,
                       .moments = t->moments,
                       .first = t->first,
                       .kills = t->kills,
                       .points = t->points};
    struct arena a = {0};
    struct err e = {.arena = &a};
    signal(SIGPIPE, SIG_IGN);
    if (((r.links || r.races) && !make_top(&r, &e)) || !peer_start(&r.peer, r.program, &e)) {
        fprintf(stderr, "cannot start %s: %.*s\n", r.program, STR(err_text(&e)));
        arena_release(&a);
        return 2;
    }
    for (size_t i = 0; i < t->npaths; i++) {
        r.had = false;
        r.lacks[0] = '\0';
        run_path(&r, t->paths[i]);
        bool special = r.faults || r.moments || r.links || r.races;
        if (special && !r.had && !r.only && r.lacks[0]) {
            printf("skipped: %s: needs the program %s\n", t->paths[i], r.lacks);
        } else if (special && !r.had && !r.only) {
            printf("FAILED: %s: no case of it can be run here that changes something\n", t->paths[i]);
            r.failed++;
        }
    }
    if (!peer_end(&r.peer)) {
        printf("FAILED: play-remote did not end well\n");
        r.failed++;
    }
    if (r.top[0]) {
        rmdir(r.top);
    }
    printf("%zu passed, %zu failed, %zu skipped\n", r.passed, r.failed, r.skipped);
    arena_release(&a);
    return r.failed ? 1 : 0;
}
