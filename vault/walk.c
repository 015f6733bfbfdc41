// The files of a project, in byte order.
#include "walk.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 64, SIZE_CAP = 64 << 20 };

struct walker {
    bool (*fn)(void *self, const char *path, struct err *e);
    void *self;
    struct arena *a;
    struct err *e;
};
struct names {
    const char **p;
    size_t n, cap;
};

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool read_names(struct walker *w, const char *dir, struct names *names) {
    DIR *d = opendir(dir);
    if (!d) {
        return err_sys(w->e, errno, NO_MARK, "cannot read the directory '%s'", dir);
    }
    // One thread reads this stream. NOLINTNEXTLINE(concurrency-mt-unsafe)
    for (struct dirent *it; (it = readdir(d));) {
        if (strcmp(it->d_name, ".") != 0 && strcmp(it->d_name, "..") != 0 && strcmp(it->d_name, ".git") != 0) {
            VEC_PUSH(w->a, *names, arena_strndup(w->a, it->d_name, strlen(it->d_name)));
        }
    }
    closedir(d);
    if (names->n > 1) {
        qsort(names->p, names->n, sizeof *names->p, by_name);
    }
    return true;
}

// NOLINTNEXTLINE(misc-no-recursion): depth is bounded
static bool walk_dir(struct walker *w, const char *dir, int depth) {
    struct names names = {0};
    if (depth > DEPTH_MAX) {
        return err_set(w->e, ERR_LIMIT, NO_MARK, "'%s' is nested more than %d deep", dir, DEPTH_MAX);
    }
    if (!read_names(w, dir, &names)) {
        return false;
    }
    for (size_t i = 0; i < names.n; i++) {
        const char *path = strcmp(dir, ".") == 0 ? names.p[i] : arena_printf(w->a, "%s/%s", dir, names.p[i]);
        struct stat st;
        if (lstat(path, &st) != 0) {
            continue;
        }
        bool ok = true;
        if (S_ISDIR(st.st_mode)) {
            ok = walk_dir(w, path, depth + 1);
        } else if (S_ISREG(st.st_mode) && st.st_size < SIZE_CAP) {
            ok = w->fn(w->self, path, w->e);
        }
        if (!ok) {
            return false;
        }
    }
    return true;
}

bool walk(const char *root, bool (*fn)(void *self, const char *path, struct err *e), void *self, struct arena *a,
          struct err *e) {
    struct walker w = {.fn = fn, .self = self, .a = a, .e = e};
    struct stat st;
    if (stat(root, &st) != 0) {
        return err_sys(e, errno, NO_MARK, "cannot read '%s'", root);
    }
    return S_ISDIR(st.st_mode) ? walk_dir(&w, root, 0) : fn(self, root, e);
}
