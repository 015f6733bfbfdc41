// What modules call: reading their arguments and building their result.
#include "digest.h"
#include "module.h"
#include "spawn.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#undef mod_fail
#undef mod_fail_sys

// -- arguments -------------------------------------------------------------------------------------------------------

struct val mod_arg(struct mod_call *c, const char *arg) {
    return val_get(c->args, arg);
}

struct str mod_str(struct mod_call *c, const char *arg) {
    return val_text(mod_arg(c, arg));
}

const char *mod_z(struct mod_call *c, const char *arg) {
    struct val v = mod_arg(c, arg);
    return val_is(v, VAL_STR) ? v.u.s->s : NULL;
}

bool mod_bool(struct mod_call *c, const char *arg) {
    struct val v = mod_arg(c, arg);
    return val_is(v, VAL_BOOL) && v.u.b;
}

int64_t mod_int(struct mod_call *c, const char *arg, int64_t absent) {
    struct val v = mod_arg(c, arg);
    return val_is(v, VAL_INT) ? v.u.i : absent;
}

bool mod_has(struct mod_call *c, const char *arg) {
    struct val v = mod_arg(c, arg);
    return !val_is(v, VAL_UNDEF) && !val_is(v, VAL_NULL);
}

// -- result ----------------------------------------------------------------------------------------------------------

void mod_set(struct mod_call *c, const char *key, struct val v) {
    if (!val_is(c->result, VAL_DICT)) {
        c->result = val_dict(c->arena, 16);
    }
    val_set(c->arena, c->result, key, v);
}

void mod_set_z(struct mod_call *c, const char *key, const char *z) {
    mod_set(c, key, z ? val_z(c->arena, z) : VNULL);
}

void mod_set_str(struct mod_call *c, const char *key, struct str s) {
    mod_set(c, key, val_str(c->arena, s));
}

void mod_changed(struct mod_call *c) {
    c->changed = true;
}

static struct val diff_list(struct mod_call *c) {
    if (!val_is(c->diffs, VAL_LIST)) {
        c->diffs = val_list(c->arena, 2);
    }
    return c->diffs;
}

/// The diff entry whose `before` is a dict: all attributes that differ are shown as one pair, as Ansible's modules do.
static struct val attribute_diff(struct mod_call *c) {
    struct val list = diff_list(c);
    for (size_t i = 0; i < val_len(list); i++) {
        if (val_is(val_get(val_at_index(list, i), "before"), VAL_DICT)) {
            return val_at_index(list, i);
        }
    }
    struct val pair = val_dict(c->arena, 2);
    val_set(c->arena, pair, "before", val_dict(c->arena, 4));
    val_set(c->arena, pair, "after", val_dict(c->arena, 4));
    val_push(c->arena, list, pair);
    return pair;
}

bool mod_differs(struct mod_call *c, const char *what, struct val now, struct val want) {
    if (val_equal(now, want)) {
        return false;
    }
    c->changed = true;
    struct val pair = attribute_diff(c);
    val_set(c->arena, val_get(pair, "before"), what, val_is(now, VAL_UNDEF) ? VNULL : now);
    val_set(c->arena, val_get(pair, "after"), what, val_is(want, VAL_UNDEF) ? VNULL : want);
    return true;
}

size_t mod_diff_max(const struct mod_call *c) {
    return c->diff_max ? c->diff_max : MOD_DIFF_MAX;
}

bool mod_diff_shows(struct mod_call *c, struct val pair, const char *side, struct str text, bool binary) {
    bool larger = text.n > mod_diff_max(c);
    if (binary) {
        val_set(c->arena, pair, arena_printf(c->arena, "%s_binary", side), val_int(1));
    } else if (larger) {
        val_set(c->arena, pair, arena_printf(c->arena, "%s_larger", side), val_int((int64_t)mod_diff_max(c)));
    }
    return !binary && !larger;
}

static void diff_side(struct mod_call *c, struct val pair, const char *side, struct str header, struct str text) {
    struct arena *a = c->arena;
    bool before = strcmp(side, "before") == 0;
    if (header.s) {
        val_set(a, pair, before ? "before_header" : "after_header", val_str(a, header));
    }
    bool binary = text.n && text.n <= mod_diff_max(c) && memchr(text.s, 0, text.n);
    if (mod_diff_shows(c, pair, before ? "dst" : "src", text, binary)) {
        val_set(a, pair, side, val_str(a, text));
    }
}

void mod_diff_text(struct mod_call *c, struct str before_header, struct str before, struct str after_header,
                   struct str after) {
    c->changed = true;
    if (!c->diff && !c->mod->always_diff) {
        return;
    }
    struct val pair = val_dict(c->arena, 4);
    diff_side(c, pair, "before", before_header, before);
    diff_side(c, pair, "after", after_header, after);
    val_push(c->arena, diff_list(c), pair);
}

PRINTF_LIKE(2, 0) static struct str format(struct arena *a, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *p = arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return (struct str){p, (size_t)n};
}

void mod_warn(struct mod_call *c, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    struct str text = format(c->arena, fmt, ap);
    va_end(ap);
    if (!val_is(val_get(c->result, "warnings"), VAL_LIST)) {
        mod_set(c, "warnings", val_list(c->arena, 2));
    }
    val_push(c->arena, val_get(c->result, "warnings"), val_str(c->arena, text));
}

struct str mod_shortened(struct arena *a, struct str text, size_t max) {
    if (text.n <= max) {
        return text;
    }
    size_t head = max / 2, tail = text.n - max / 2;
    while (head > 0 && ((unsigned char)text.s[head] & 0xC0) == 0x80) {
        head--;
    }
    while (tail < text.n && ((unsigned char)text.s[tail] & 0xC0) == 0x80) {
        tail++;
    }
    return str_printf(a, "%.*s... (%zu bytes left out) ...%.*s", STR(str_sub(text, 0, head)), tail - head,
                      STR(str_sub(text, tail, text.n)));
}

static bool fail(struct mod_call *c, struct err *e, struct str msg) {
    msg = mod_shortened(c->arena, msg, MOD_MESSAGE_MAX);
    mod_set(c, "failed", val_bool(true));
    mod_set_str(c, "msg", msg);
    return err_set(e, ERR_MODULE, c->at, "%.*s", STR(msg));
}

bool mod_fail(struct mod_call *c, struct err *e, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    struct str msg = format(c->arena, fmt, ap);
    va_end(ap);
    return fail(c, e, msg);
}

bool mod_fail_sys(struct mod_call *c, struct err *e, int errno_, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    struct str msg = format(c->arena, fmt, ap);
    va_end(ap);
    return fail(c, e, str_printf(c->arena, "%.*s: %s", STR(msg), strerrordesc_np(errno_)));
}

bool mod_fail_program(struct mod_call *c, struct err *e, const char *name) {
    const char *path = getenv("PATH");  // NOLINT(concurrency-mt-unsafe): a module's process has one thread
    return mod_fail(c, e, "Failed to find required executable \"%s\" in paths: %s", name, path ? path : "");
}

const char *mod_need(struct mod_call *c, const char *name, struct err *e) {
    const char *path = spawn_which(c->arena, name);
    if (!path) {
        (void)mod_fail_program(c, e, name);
    }
    return path;
}

bool mod_skip(struct mod_call *c, const char *msg) {
    mod_set(c, "skipped", val_bool(true));
    mod_set_z(c, "msg", msg);
    return true;
}

struct val mod_attach(struct mod_call *c, struct str data) {
    const char *hex = NULL;
    struct err e = {.arena = c->arena};
    if (!digest_hex(c->arena, "sha256", data, &hex, &e)) {
        BUG("no SHA-256");
    }
    struct mod_blob b = {.data = data, .size = data.n};
    memcpy(b.sha256, hex, sizeof b.sha256);
    VEC_PUSH(c->arena, c->blobs, b);
    return val_z(c->arena, hex);
}

struct val mod_attach_file(struct mod_call *c, const char *path, size_t size, struct err *e) {
    const char *hex = NULL;
    if (!digest_file(c->arena, "sha256", path, &hex, e)) {
        return (struct val){0};
    }
    struct mod_blob b = {.path = path, .size = size};
    memcpy(b.sha256, hex, sizeof b.sha256);
    VEC_PUSH(c->arena, c->blobs, b);
    return val_z(c->arena, hex);
}

/// Makes a directory, or accepts one that only we can have made.
static bool private_dir(const char *path) {
    struct stat st;
    if (mkdir(path, 0700) == 0) {
        return true;
    }
    if (errno != EEXIST || lstat(path, &st) != 0) {
        return false;
    }
    errno = EPERM;
    return S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 077) == 0;
}

bool mod_tmpdir(struct mod_call *c, struct str *dir, struct err *e) {
    if (!c->tmpdir.n) {
        const char *env =
            getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): nobody changes the environment while threads run
        struct str base = c->tmp_base.n ? c->tmp_base : str_from(env && *env == '/' ? env : "/tmp");
        if (c->tmp_base.n && !private_dir(str_z(c->arena, base))) {
            return err_sys(e, errno, c->at, "cannot make the directory '%.*s'", STR(base));
        }
        char *path = arena_printf(c->arena, "%.*s/play-XXXXXX", STR(base));
        if (!mkdtemp(path)) {
            return err_sys(e, errno, c->at, "cannot make a directory in '%.*s'", STR(base));
        }
        c->tmpdir = str_from(path);
    }
    *dir = c->tmpdir;
    return true;
}
