// Files of a playbook: paths, the search for a name in several places, and one parse per file.
#include "fd.h"
#include "json.h"
#include "parse.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)64 << 20)

// -- paths -----------------------------------------------------------------------------------------------------------
struct str pb_dirname(struct str path) {
    for (size_t i = path.n; i-- > 0;) {
        if (path.s[i] == '/') {
            return i ? str_sub(path, 0, i) : STR_LIT("/");
        }
    }
    return STR_LIT(".");
}

struct str pb_basename(struct str path) {
    for (size_t i = path.n; i-- > 0;) {
        if (path.s[i] == '/') {
            return str_sub(path, i + 1, path.n);
        }
    }
    return path;
}

/// Takes the last component off; what cannot be taken off ("" or "..") gets one more "..".
static void step_up(struct buf *b) {
    if (b->n == 1 && b->p[0] == '/') {
        return;
    }
    struct str base = pb_basename(buf_view(b));
    if (b->n == 0 || str_eqz(base, "..")) {
        buf_z(b, b->n ? "/.." : "..");
        return;
    }
    size_t keep = b->n - base.n;
    b->n = keep > 1 ? keep - 1 : keep;
}

/// As Python's os.path.normpath.
static struct str normal(struct arena *a, struct str path) {
    struct buf b = BUF_IN(a);
    if (path.n && path.s[0] == '/') {
        buf_char(&b, '/');
    }
    struct str part;
    while (str_next(&path, '/', &part)) {
        if (part.n == 0 || str_eqz(part, ".")) {
            continue;
        }
        if (str_eqz(part, "..")) {
            step_up(&b);
            continue;
        }
        if (b.n && b.p[b.n - 1] != '/') {
            buf_char(&b, '/');
        }
        buf_str(&b, part);
    }
    if (!b.n) {
        buf_char(&b, '.');
    }
    return str_dup(a, buf_view(&b));
}

struct str path_join(struct arena *a, struct str dir, struct str name) {
    if (name.n && name.s[0] == '/') {
        return normal(a, name);
    }
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment
    const char *home = getenv("HOME");
    if (home && (str_eqz(name, "~") || str_starts(name, "~/"))) {
        return normal(a, str_printf(a, "%s/%.*s", home, STR(str_sub(name, 1, name.n))));
    }
    return normal(a, str_printf(a, "%.*s/%.*s", STR(dir), STR(name)));
}

struct str path_absolute(struct arena *a, struct str path) {
    char cwd[PATH_MAX];
    struct str dir = getcwd(cwd, sizeof cwd) ? str_dup(a, str_from(cwd)) : STR_LIT(".");
    return path_join(a, dir, path);
}

static bool path_has_mode(struct arena *a, struct str path, mode_t type) {
    struct stat st;
    if (memchr(path.s, 0, path.n) || stat(str_z(a, path), &st) != 0) {
        return false;
    }
    return (st.st_mode & S_IFMT) == type;
}

bool path_is_file(struct arena *a, struct str path) {
    return path_has_mode(a, path, S_IFREG) || path_has_mode(a, path, S_IFIFO);
}

struct str path_without_links(struct arena *a, struct str path) {
    char real[PATH_MAX];
    return realpath(str_z(a, path), real) ? str_dup(a, str_from(real)) : path;
}

bool path_is_dir(struct arena *a, struct str path) {
    return path_has_mode(a, path, S_IFDIR);
}

void path_add(struct arena *a, struct candidates *c, struct str path) {
    VEC_PUSH(a, *c, path);
}

void path_offer(struct arena *a, struct candidates *c, struct str path) {
    for (size_t i = 0; i < c->n; i++) {
        if (str_eq(c->p[i], path)) {
            return;
        }
    }
    path_add(a, c, path);
}

static int by_bytes(const void *l, const void *r) {
    return str_cmp(*(const struct str *)l, *(const struct str *)r);
}

struct candidates path_list(struct arena *a, struct str dir) {
    struct candidates names = {0};
    DIR *d = opendir(str_z(a, dir));
    if (!d) {
        return names;
    }
    // NOLINTNEXTLINE(concurrency-mt-unsafe): each call reads its own stream
    for (const struct dirent *it; (it = readdir(d));) {
        if (strcmp(it->d_name, ".") != 0 && strcmp(it->d_name, "..") != 0) {
            path_add(a, &names, str_dup(a, str_from(it->d_name)));
        }
    }
    closedir(d);
    if (names.n) {
        qsort(names.p, names.n, sizeof *names.p, by_bytes);
    }
    return names;
}

/// The nearest file name to `name` in the directories of the candidates; empty when none is near.
static struct str similar_file(struct arena *a, const struct candidates *c, struct str name) {
    struct typo t = {.got = pb_basename(name)};
    for (size_t i = 0; i < c->n; i++) {
        struct candidates there = path_list(a, pb_dirname(c->p[i]));
        for (size_t k = 0; k < there.n; k++) {
            typo_offer(&t, there.p[k]);
        }
    }
    return t.best;
}

bool path_choose(struct arena *a, const struct candidates *c, struct str name, struct mark at, struct str *out,
                 struct err *e) {
    for (size_t i = 0; i < c->n; i++) {
        if (path_is_file(a, c->p[i])) {
            *out = c->p[i];
            return true;
        }
    }
    struct buf tried = BUF_IN(a);
    for (size_t i = 0; i < c->n; i++) {
        buf_printf(&tried, "%s%.*s", i ? ", " : "", STR(c->p[i]));
    }
    err_set(e, ERR_NOT_FOUND, at, "file '%.*s' was not found", STR(name));
    struct str near = similar_file(a, c, name);
    if (near.n) {
        return err_hint(e, "did you mean '%.*s'? tried: %.*s", STR(near), STR(buf_view(&tried)));
    }
    return err_hint(e, "tried: %.*s", STR(buf_view(&tried)));
}

// -- reading ---------------------------------------------------------------------------------------------------------
static bool read_text(struct pb_loader *l, struct str path, struct str *text, bool *secret, struct err *e) {
    *secret = false;
    if (l->o.read) {
        return l->o.read(l->o.read_self, path, l->a, text, secret, e);
    }
    return fd_read_file(str_z(l->a, path), FILE_MAX_BYTES, l->a, text, e);
}

/// JSON that is no YAML (tabs): Ansible reads every file as JSON first.
static bool read_json(struct pb_loader *l, struct str text, bool secret, struct val *out) {
    struct arena scratch = {0};
    struct err e = {.arena = &scratch};
    struct val v;
    bool ok = json_parse(l->a, text, &v, &e);
    arena_release(&scratch);
    if (ok) {
        *out = val_mark_templates(val_reflag(l->a, v, 0, VAL_TRUSTED | (secret ? (unsigned)VAL_SECRET : 0U)));
    }
    return ok;
}

bool pb_file(struct pb_loader *l, struct str path, struct mark at, struct val *out, struct err *e) {
    const struct val *known = map_get(&l->files, path);
    if (known) {
        *out = *known;
        return true;
    }
    struct str text = STR_NONE;
    bool secret = false;
    if (!path_is_file(l->a, path)) {
        bool dir = path_is_dir(l->a, path);
        return err_set(e, ERR_NOT_FOUND, at, "file '%.*s' %s", STR(path), dir ? "is a directory" : "was not found");
    }
    if (!read_text(l, path, &text, &secret, e)) {
        return err_wrap(e, at, "while reading '%.*s'", STR(path));
    }
    struct yaml_opts o = {
        .trusted = true,
        .secret = secret,
        .vault = l->o.vault,
        .warn = l->o.warn,
        .duplicates = l->o.duplicates,
        .warn_self = l->o.warn_self,
    };
    struct val *v = ARENA_NEW(l->a, struct val);
    char *name = str_z(l->a, path);
    if (!yaml_load(name, text, &o, l->a, v, e)) {
        if (!str_ends(path, ".json") || !read_json(l, text, secret, v)) {
            return false;
        }
        err_clear(e);
    }
    map_put(&l->files, l->a, (struct str){name, path.n}, v);
    *out = *v;
    return true;
}
