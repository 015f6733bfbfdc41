// A request as it waits: everything copied and encoded on the coordinator's thread, so that the shard only moves bytes.
#include "hub.h"

#include "digest.h"
#include "fd.h"
#include "frame.h"
#include "msg.h"

#include <errno.h>
#include <fcntl.h>

#define EAGER_MAX ((size_t)32 << 10)

static const char *dup_z(struct arena *a, const char *z) {
    return z ? arena_strndup(a, z, strlen(z)) : NULL;
}

static void copy_become(struct req *q, const struct conn_become *b) {
    if (!b) {
        q->peer_key = "";
        return;
    }
    q->become.method = dup_z(&q->arena, b->method ? b->method : "sudo");
    q->become.user = dup_z(&q->arena, b->user && *b->user ? b->user : "root");
    q->become.exe = dup_z(&q->arena, b->exe && *b->exe ? b->exe : NULL);
    q->become.flags = dup_z(&q->arena, b->flags && *b->flags ? b->flags : NULL);
    q->become.password = b->password.s ? str_dup(&q->arena, b->password) : STR_NONE;
    q->peer_key = arena_printf(&q->arena, "%s\n%s\n%s\n%s", q->become.method, q->become.user,
                               q->become.exe ? q->become.exe : "", q->become.flags ? q->become.flags : "");
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool sha_raw(const char *hex, unsigned char out[32], struct err *e) {
    for (size_t i = 0; i < 32; i++) {
        int hi = hex_digit(hex[2 * i]);
        int lo = hi < 0 ? -1 : hex_digit(hex[2 * i + 1]);
        if (lo < 0) {
            return err_set(e, ERR_ARGS, NO_MARK, "expected a SHA-256 in hex, found '%.64s'", hex);
        }
        out[i] = (unsigned char)(hi << 4 | lo);
    }
    return true;
}

static bool take_blobs(struct req *q, const struct conn_request *r, struct err *e) {
    q->blobs = r->nblobs ? ARENA_ARRAY(&q->arena, struct blob *, r->nblobs) : NULL;
    for (size_t i = 0; i < r->nblobs; i++) {
        unsigned char sha[32];
        if (!sha_raw(r->blobs[i].sha256, sha, e)) {
            return false;
        }
        const struct conn_blob *b = &r->blobs[i];
        struct content from = {.data = b->data, .path = b->path, .size = b->size};
        q->blobs[q->nblobs++] = blob_take(&q->conn->hub->blobs, sha, from);
    }
    return true;
}

static bool take_script(struct req *q, const struct conn_request *r, char hex[65], struct err *e) {
    if (!r->script.s) {
        return true;
    }
    if (r->script.n + strlen(r->module) + 1 > FRAME_MAX) {
        return err_set(e, ERR_LIMIT, NO_MARK, "the source of module '%s' is larger than %zu bytes", r->module,
                       FRAME_MAX);
    }
    unsigned char sha[DIGEST_MAX];
    struct digest *d = digest_open("sha256");
    digest_add(d, r->script.s, r->script.n);
    (void)digest_close(d, sha);
    hex_encode(sha, 32, hex);
    hex[64] = '\0';
    q->script = blob_take(&q->conn->hub->blobs, sha, (struct content){.data = r->script});
    return true;
}

/// Small contents go ahead of the request: asking for them would take longer.
static bool is_lazy(const struct req *q, const struct conn_request *r) {
    size_t n = 0;
    for (size_t i = 0; i < q->nblobs; i++) {
        n += q->blobs[i]->size;
    }
    return r->on_request && r->async_s == 0 && n > EAGER_MAX;
}

static bool encode_body(struct req *q, const struct conn_request *r, struct err *e) {
    char hex[65] = "";
    if (!take_blobs(q, r, e) || !take_script(q, r, hex, e)) {
        return false;
    }
    struct arena *a = &q->arena;
    struct val d = val_dict(a, 16);
    val_set(a, d, "module", val_z(a, r->module));
    val_set(a, d, "args", val_is(r->args, VAL_DICT) ? r->args : val_dict(a, 0));
    val_set(a, d, "check", val_bool(r->check));
    val_set(a, d, "diff", val_bool(r->diff));
    if (r->diff && r->diff_max) {
        val_set(a, d, "diff_max", val_int((int64_t)r->diff_max));
    }
    val_set(a, d, "no_log", val_bool(r->no_log));
    val_set(a, d, "verbosity", val_int(r->verbosity));
    val_set(a, d, "lane", val_int(r->lane));
    val_set(a, d, "log", val_bool(r->want_log));
    if (r->invocation) {
        val_set(a, d, "invocation", val_bool(true));
    }
    if (q->sink >= 0) {
        val_set(a, d, "sink", val_bool(true));
    }
    if (r->guarded) {
        val_set(a, d, "guarded", val_bool(true));
    }
    q->lazy = is_lazy(q, r);
    if (q->lazy) {
        val_set(a, d, "lazy", val_bool(true));
    }
    if (val_is(r->environment, VAL_DICT)) {
        val_set(a, d, "env", r->environment);
    }
    if (r->timeout_ms > 0) {
        val_set(a, d, "timeout_ms", val_int(r->timeout_ms));
    }
    if (r->async_s > 0) {
        val_set(a, d, "async", val_int(r->async_s));
    }
    if (r->async_s > 0 && r->async_dir.n) {
        val_set(a, d, "async_dir", val_str(a, r->async_dir));
    }
    if (hex[0]) {
        val_set(a, d, "script", val_z(a, hex));
    }
    struct buf b = BUF_IN(a);
    msg_encode(&b, d);
    if (b.n > FRAME_MAX) {
        return err_set(e, ERR_LIMIT, NO_MARK, "the arguments of module '%s' take %zu bytes, more than %zu", r->module,
                       b.n, FRAME_MAX);
    }
    q->body = buf_view(&b);
    return true;
}

struct req *req_new(struct conn *c, const struct conn_request *r, void *tag, uint64_t id, struct err *e) {
    struct arena a = {.secret = true};
    struct req *q = ARENA_NEW(&a, struct req);
    *q = (struct req){.arena = a, .conn = c, .tag = tag, .id = id, .lane = r->lane};
    q->wire_id = (uint32_t)id ? (uint32_t)id : UINT32_MAX;
    q->raw = r->raw;
    q->want_log = r->want_log;
    q->timeout_ms = r->timeout_ms;
    copy_become(q, r->become);
    q->sink = r->sink > 0 ? fcntl(r->sink, F_DUPFD_CLOEXEC, 3) : -1;
    bool ok = r->sink <= 0 || q->sink >= 0 || err_sys(e, errno, NO_MARK, "no descriptor is left");
    if (ok && r->raw) {
        struct val cmd = val_get(r->args, "cmd");
        q->module = "raw";
        ok = val_is(cmd, VAL_STR) || err_set(e, ERR_ARGS, NO_MARK, "raw needs the argument 'cmd'");
        q->command = ok ? str_dup(&q->arena, val_text(cmd)) : STR_NONE;
        struct val shell = val_get(r->args, "executable");
        q->shell = val_is(shell, VAL_STR) && val_text(shell).n ? str_z(&q->arena, val_text(shell)) : NULL;
    } else if (ok) {
        q->module = dup_z(&q->arena, r->module);
        ok = encode_body(q, r, e);
    }
    if (!ok) {
        req_free(q);
        return NULL;
    }
    return q;
}

void req_free(struct req *q) {
    for (size_t i = 0; i < q->nblobs; i++) {
        blob_drop(&q->conn->hub->blobs, q->blobs[i]);
    }
    if (q->script) {
        blob_drop(&q->conn->hub->blobs, q->script);
    }
    fd_closep(&q->sink);
    struct arena a = q->arena;
    arena_release(&a);
}
