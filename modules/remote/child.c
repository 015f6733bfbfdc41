// The child that serves one request: finds the module, runs it and sends its result.
#include "async.h"
#include "basis.h"
#include "fd.h"
#include "module.h"
#include "msg.h"
#include "pieces.h"
#include "proc.h"
#include "remote.h"
#include "script.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_MIN      ((size_t)1 << 20)
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/// A file that a content is to replace.
struct old {
    unsigned char sha[32];
    const char *path;
};
struct child {
    struct remote *remote;
    const struct job *job;
    int fd;
    uint32_t id;
    struct {
        struct old *p;
        size_t n, cap;
    } old;
};

static void send(int fd, enum frame_kind kind, uint32_t id, struct str body, struct arena *a) {
    struct buf out = {.a = NULL};
    frame_write(&out, kind, id, body);
    struct err e = {.arena = a};
    if (!fd_write_all(fd, buf_view(&out), &e)) {
        _exit(1);  // nobody listens any more
    }
    buf_release(&out);
}

static void send_log(struct mod_call *c, struct str text) {
    const struct child *k = c->io;
    send(k->fd, FRAME_LOG, k->id, str_sub(text, 0, FRAME_MAX / 2), c->arena);
}

static void send_data(struct mod_call *c, struct str piece) {
    const struct child *k = c->io;
    send(k->fd, FRAME_DATA, k->id, piece, c->arena);
}

static bool find_blob(struct mod_call *c, struct str sha256, struct str *data, struct err *e) {
    const struct child *k = c->io;
    return store_find_blob(&k->remote->store, sha256, c->arena, data, e);
}

/// A file of `size` bytes. A large one is mapped: a tree that is compared must not lie in memory as a whole.
static bool read_there(const char *path, size_t size, struct arena *a, struct str *data) {
    struct err e = {.arena = a};
    if (size < MAP_MIN) {
        return fd_read_file(path, MAP_MIN, a, data, &e) && data->n == size;
    }
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (uintmax_t)st.st_size != size) {
        return false;
    }
    void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    *data = p == MAP_FAILED ? STR_NONE : (struct str){p, size};
    return p != MAP_FAILED;
}

static void note_old(struct mod_call *c, const unsigned char sha[32], const char *path) {
    struct child *k = c->io;
    struct old o = {.path = path};
    memcpy(o.sha, sha, sizeof o.sha);
    VEC_PUSH(c->arena, k->old, o);
}

static bool have_blob(struct mod_call *c, struct str sha256, const char *path, int64_t size) {
    const struct child *k = c->io;
    struct store *s = &k->remote->store;
    unsigned char sha[32];
    struct stat st;
    if (!store_digest(sha256, sha)) {
        return false;
    }
    if (store_state(s, sha) == STORE_WHOLE) {
        return true;
    }
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        return false;
    }
    if (size >= (int64_t)PIECES_FROM && st.st_size >= (off_t)PIECES_FROM) {
        note_old(c, sha, path);
    }
    if (st.st_size != size) {
        return false;
    }
    struct str data;
    const char *hex = NULL;
    struct err e = {.arena = c->arena};
    bool same = read_there(path, (size_t)size, c->arena, &data) && digest_hex(c->arena, "sha256", data, &hex, &e) &&
                str_eqz(sha256, hex);
    if (same) {
        store_lend(s, sha, data);
    }
    return same;
}

/// Asks for what differs from the file that is there; false: there is none to speak of.
static bool need_pieces(struct mod_call *c, const unsigned char sha[32]) {
    const struct child *k = c->io;
    struct buf body = {0};
    bool done = false;
    for (size_t i = 0; i < k->old.n && !done; i++) {
        if (memcmp(k->old.p[i].sha, sha, 32) == 0 && basis_describe(sha, k->old.p[i].path, &body)) {
            send(k->fd, FRAME_PIECES, k->id, buf_view(&body), c->arena);
            done = true;
        }
        buf_consume(&body, body.n);
    }
    buf_release(&body);
    return done;
}

static void need_blobs(struct mod_call *c, struct val list) {
    const struct child *k = c->io;
    struct buf body = BUF_IN(c->arena);
    bool asked = false;
    for (size_t i = 0; i < val_len(list); i++) {
        unsigned char sha[32];
        if (!store_digest(val_text(val_at_index(list, i)), sha)) {
            continue;
        }
        if (store_state(&k->remote->store, sha) == STORE_MISSING && need_pieces(c, sha)) {
            asked = true;
        } else {
            buf_add(&body, sha, sizeof sha);
        }
    }
    if (body.n) {
        send(k->fd, FRAME_NEED, k->id, buf_view(&body), c->arena);
    }
    if (asked || body.n || k->job->ahead) {
        _exit(0);
    }
}

/// As play judges a result.
static bool has_failed(struct val result) {
    struct val failed = val_get(result, "failed");
    struct val rc = val_get(result, "rc");
    int64_t n = 0;
    return val_is(failed, VAL_UNDEF) ? val_as_int(rc, &n) && n != 0 : val_truth(failed);
}

static void send_result(const struct child *k, struct arena *a, struct val result) {
    struct buf body = {.a = NULL, .max = FRAME_MAX};
    msg_encode(&body, result);
    if (body.full) {
        buf_release(&body);
        struct val failed = val_dict(a, 2);
        val_set(a, failed, "failed", val_bool(true));
        val_set(a, failed, "changed", val_get(result, "changed"));
        val_set(a, failed, "msg", val_printf(a, "the result is larger than %zu bytes", FRAME_MAX));
        body = (struct buf){0};
        msg_encode(&body, failed);
    }
    // the parent puts the id in; to it, another one than 0 says that the request failed
    uint32_t failed = has_failed(result);
    send(k->fd, FRAME_RESULT, failed, buf_view(&body), a);
    buf_release(&body);
}

static void fail(struct mod_call *c, const struct err *e) {
    c->result = val_dict(c->arena, 3);
    mod_set(c, "failed", val_bool(true));
    mod_set(c, "changed", val_bool(false));
    mod_set_str(c, "msg", err_text(e));
}

/// Administration tools lie in sbin, which a login that is not interactive may lack. What runs the user's own text sees
/// the PATH as it is.
static void complete_path(struct mod_call *c) {
    struct arena *a = c->arena;
    const struct module *m = c->mod;
    const char *path = getenv("PATH");  // NOLINT(concurrency-mt-unsafe): one thread
    if (!path || !*path) {
        setenv("PATH", DEFAULT_PATH, 1);  // NOLINT(concurrency-mt-unsafe): one thread
        return;
    }
    if (!m || m->free_form) {
        return;
    }
    static const char *const more[] = {"/sbin", "/usr/sbin", "/usr/local/sbin"};
    struct buf b = BUF_IN(a);
    buf_z(&b, path);
    for (size_t i = 0; i < COUNTOF(more); i++) {
        struct str rest = buf_view(&b);
        struct str dir;
        bool have = false;
        while (str_next(&rest, ':', &dir)) {
            have = have || str_eqz(dir, more[i]);
        }
        if (!have) {
            buf_printf(&b, ":%s", more[i]);
        }
    }
    c->path = arena_strndup(a, path, strlen(path));
    setenv("PATH", str_z(a, buf_view(&b)), 1);  // NOLINT(concurrency-mt-unsafe): one thread
}

static void set_environment(struct arena *a, struct val env) {
    struct vpair *p;
    for (size_t i = 0; val_is(env, VAL_DICT) && (p = val_each(env, &i));) {
        struct str name = val_str_of(a, p->key);
        if (name.n && str_find_char(name, 0, '=') == SIZE_MAX) {
            setenv(str_z(a, name), str_z(a, val_str_of(a, p->value)), 1);  // NOLINT(concurrency-mt-unsafe): one thread
        }
    }
}

static bool find_module(struct remote *r, struct mod_call *c, struct val request, struct err *e) {
    struct str sha = val_text(val_get(request, "script"));
    if (sha.n) {
        const struct store_script *script = store_find_script(&r->store, sha);
        if (!script) {
            return err_set(e, ERR_NOT_FOUND, NO_MARK, "Lua module %.*s did not arrive", STR(sha));
        }
        const char *file = arena_printf(c->arena, "%s.lua", script->name);
        c->mod = script_module(c->arena, script->name, file, script->source, e);
        return c->mod != NULL;
    }
    c->mod = module_find(str_from(c->name));
    if (!c->mod) {
        return err_set(e, ERR_NOT_FOUND, NO_MARK, "module '%s' is not known to play-remote", c->name);
    }
    if (!c->mod->run && !c->mod->plan) {
        return err_set(e, ERR_ARGS, NO_MARK, "module '%s' does not run on the target", c->name);
    }
    return true;
}

static bool prepare(struct remote *r, struct mod_call *c, struct val request, struct err *e) {
    if (!find_module(r, c, request, e)) {
        return false;
    }
    c->args = val_get(request, "args");
    if (val_truth(val_get(request, "validate"))) {
        return mod_validate(c->mod, c->name, c->args, NO_MARK, c->arena, &c->args, e);
    }
    return true;
}

/// The process in the background of an async task: no connection, a directory for temporary files of its own.
static void run_detached(struct mod_call *c, const struct async_job *b) {
    c->detached = true;
    c->log = NULL;
    c->data = NULL;
    c->tmp_base = STR_NONE;
    mod_execute(c);
    async_finish(c->arena, b, c->result);
    if (c->tmpdir.n) {
        proc_remove_tree(str_z(c->arena, c->tmpdir));
    }
    _exit(0);
}

/// Starts the module in the background, and says so.
static void start_detached(struct mod_call *c, struct val request, struct child *k) {
    struct async_job b;
    struct err e = {.arena = c->arena};
    struct val dir = val_get(request, "async_dir");
    struct str where = val_is(dir, VAL_STR) ? val_text(dir) : STR_LIT("~/.ansible_async");
    bool ok = async_prepare(c->arena, where, val_get(request, "async").u.i, &b, &e);
    if (ok && !async_detach(c->arena, &b, &e) && !e.code) {
        close(k->fd);
        run_detached(c, &b);
    }
    if (ok && !e.code) {
        c->result = async_started(c->arena, &b);
    } else {
        fail(c, &e);
    }
}

/// True for a request that finds its process as every other one does.
static bool is_plain(const struct job *j) {
    static const char *const special[] = {"env", "async", "script", "sink"};
    bool plain = true;
    for (size_t i = 0; i < COUNTOF(special); i++) {
        plain = plain && val_is(val_get(j->request, special[i]), VAL_UNDEF);
    }
    return plain;
}

bool child_shares(const struct job *j, const struct job *next) {
    struct str name = val_text(val_get(j->request, "module"));
    if (!j->lane || j->lazy || next->lazy || !is_plain(j) || !is_plain(next) ||
        !str_eq(name, val_text(val_get(next->request, "module")))) {
        return false;
    }
    const struct module *m = module_find(name);
    return m && m->tidy;
}

bool child_keeps(const struct job *j) {
    const struct module *m = is_plain(j) ? module_find(val_text(val_get(j->request, "module"))) : NULL;
    // What starts the user's own programs has a group of processes of its own, with which those are stopped.
    return m && m->tidy && !m->free_form && !j->ahead;
}

bool child_run(struct remote *r, struct job *j, int fd) {
    struct arena *a = &j->arena;
    struct err e = {.arena = a};
    struct val request = j->request;
    struct child k = {.remote = r, .job = j, .fd = fd, .id = j->id};
    struct mod_call c = {.arena = a,
                         .name = str_z(a, val_text(val_get(request, "module"))),
                         .check = val_truth(val_get(request, "check")),
                         .diff = val_truth(val_get(request, "diff")),
                         .no_log = val_truth(val_get(request, "no_log")),
                         .invocation = val_truth(val_get(request, "invocation")),
                         .blob = find_blob,
                         .have = j->lazy ? have_blob : NULL,
                         .need = need_blobs,
                         .io = &k,
                         .tmp_base = str_from(r->dir)};
    struct val diff_max = val_get(request, "diff_max");
    c.diff_max = val_is(diff_max, VAL_INT) && diff_max.u.i > 0 ? (size_t)diff_max.u.i : 0;
    struct val verbosity = val_get(request, "verbosity");
    c.verbosity = val_is(verbosity, VAL_INT) ? (int)verbosity.u.i : 0;
    c.log = val_truth(val_get(request, "log")) ? send_log : NULL;
    c.data = val_truth(val_get(request, "sink")) ? send_data : NULL;
    set_environment(a, val_get(request, "env"));
    if (prepare(r, &c, request, &e)) {
        complete_path(&c);
        if (val_is(val_get(request, "async"), VAL_INT)) {
            start_detached(&c, request, &k);
        } else {
            mod_execute(&c);
        }
    } else {
        fail(&c, &e);
    }
    if (j->ahead) {
        return false;  // not its turn yet: it fails when that comes
    }
    if (c.tmpdir.n) {
        proc_remove_tree(str_z(a, c.tmpdir));
    }
    send_result(&k, a, c.result);
    if (c.path) {
        setenv("PATH", c.path, 1);  // NOLINT(concurrency-mt-unsafe): one thread
    }
    return !has_failed(c.result);
}
