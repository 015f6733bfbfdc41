// Walking and removing trees. Every step is relative to an open directory and refuses links.
#include "filetree.h"

#include "fd.h"
#include "trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define LIST_MAX  ((size_t)1000000)
#define MAX_DEPTH 200

static bool is_dots(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

// Opens `name` below `dir` as a directory, never through a link. NULL with errno.
static DIR *open_dir(int dir, const char *name) {
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d && fd >= 0) {
        int why = errno;
        close(fd);
        errno = why;
    }
    return d;
}

struct walk {
    struct mod_call *c;
    tree_fn *fn;
    void *ctx;
    size_t n;
};
struct names {
    const char **p;
    size_t n, cap;
};

// The sorted-as-found names of one directory; those that are directories go to `below` as well.
static bool visit(struct walk *w, DIR *d, const char *path, struct names *below, struct err *e) {
    for (struct dirent *de; (de = readdir(d));) {
        struct tree_entry t = {.dir = dirfd(d)};
        if (is_dots(de->d_name) || fstatat(t.dir, de->d_name, &t.st, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
        }
        if (++w->n > LIST_MAX) {
            return err_set(e, ERR_LIMIT, NO_MARK, "more than %zu paths below '%s'", LIST_MAX, path);
        }
        t.name = arena_strndup(w->c->arena, de->d_name, strlen(de->d_name));
        t.path = arena_printf(w->c->arena, "%s/%s", path, de->d_name);
        if (!w->fn(w->ctx, &t, e)) {
            return false;
        }
        if (S_ISDIR(t.st.st_mode)) {
            VEC_PUSH(w->c->arena, *below, t.name);
        }
    }
    return true;
}

static bool walk(struct walk *w, int dir, const char *name, const char *path, unsigned depth, struct err *e) {
    if (depth > MAX_DEPTH) {
        return err_set(e, ERR_LIMIT, NO_MARK, "more than %d levels of directories at '%s'", MAX_DEPTH, path);
    }
    DIR *d = open_dir(dir, name);
    if (!d && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) {
        return true;  // gone or replaced meanwhile
    }
    if (!d) {
        return mod_fail_sys(w->c, e, errno, "cannot read directory '%s'", path);
    }
    struct names below = {0};
    bool ok = visit(w, d, path, &below, e);
    for (size_t i = 0; ok && i < below.n; i++) {
        ok = walk(w, dirfd(d), below.p[i], arena_printf(w->c->arena, "%s/%s", path, below.p[i]), depth + 1, e);
    }
    closedir(d);
    return ok;
}

bool tree_walk(struct mod_call *c, const char *path, tree_fn *fn, void *ctx, struct err *e) {
    struct walk w = {.c = c, .fn = fn, .ctx = ctx};
    return walk(&w, AT_FDCWD, path, path, 0, e);
}

struct lists {
    struct arena *a;
    struct val dirs, files;
};

static bool add_entry(void *ctx, const struct tree_entry *t, struct err *e) {
    (void)e;
    struct lists *l = ctx;
    struct stat st;
    bool dir = S_ISDIR(t->st.st_mode);
    if (S_ISLNK(t->st.st_mode)) {  // a link to a directory is listed as one
        dir = fstatat(t->dir, t->name, &st, 0) == 0 && S_ISDIR(st.st_mode);
    }
    val_push(l->a, dir ? l->dirs : l->files, val_z(l->a, t->path));
    return true;
}

bool tree_list(struct mod_call *c, const char *path, struct val dirs, struct val files, struct err *e) {
    struct lists l = {c->arena, dirs, files};
    return tree_walk(c, path, add_entry, &l, e);
}

static bool remove_below(struct mod_call *c, int dir, const char *name, const char *path, unsigned depth,
                         struct err *e) {
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT || errno == ENOTDIR) {
        return true;
    }
    int why = errno;
    DIR *d = depth > MAX_DEPTH ? NULL : open_dir(dir, name);
    if (!d) {
        return mod_fail_sys(c, e, why == EISDIR ? errno : why, "cannot remove '%s'", path);
    }
    bool ok = true;
    for (struct dirent *de; ok && (de = readdir(d));) {
        if (!is_dots(de->d_name)) {
            const char *full = arena_printf(c->arena, "%s/%s", path, de->d_name);
            ok = remove_below(c, dirfd(d), de->d_name, full, depth + 1, e);
        }
    }
    closedir(d);
    if (ok && unlinkat(dir, name, AT_REMOVEDIR) != 0 && errno != ENOENT) {
        return mod_fail_sys(c, e, errno, "cannot remove directory '%s'", path);
    }
    return ok;
}

bool tree_remove(struct mod_call *c, const char *path, struct err *e) {
    CLEANUP(fd_closep) int dir = -1;
    const char *at = trust_anchor(c, path, &dir, e);
    if (!at) {
        return e->code == ERR_NONE &&
               (errno == ENOENT || errno == ENOTDIR || mod_fail_sys(c, e, errno, "cannot remove '%s'", path));
    }
    return remove_below(c, AT_FDCWD, at, path, 0, e);
}
