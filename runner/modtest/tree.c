// The files of a case: making them, comparing them, and a fingerprint of everything that must not change.
#include "digest.h"
#include "fd.h"
#include "modtest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)64 << 20)

static const char *path_in(struct arena *a, const char *dir, struct str name) {
    return str_starts(name, "/") ? str_z(a, name) : arena_printf(a, "%s/%.*s", dir, STR(name));
}

static bool make_dirs(struct arena *a, const char *path) {
    struct str rest = str_from(path);
    for (size_t at = str_find_char(rest, 1, '/'); at != SIZE_MAX; at = str_find_char(rest, at + 1, '/')) {
        if (mkdir(str_z(a, str_sub(rest, 0, at)), 0755) != 0 && errno != EEXIST) {
            return false;
        }
    }
    return true;
}

/// The mode of an entry: an octal string or a YAML integer.
static bool read_mode(struct arena *a, struct val v, unsigned *mode) {
    if (val_is(v, VAL_INT)) {
        *mode = (unsigned)v.u.i & 07777;
        return true;
    }
    if (!val_is(v, VAL_STR)) {
        return false;
    }
    *mode = (unsigned)strtoul(str_z(a, val_text(v)), NULL, 8) & 07777;
    return true;
}

static bool write_file(const char *path, struct str text) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool ok = fd >= 0 && fd_write_all(fd, text, &e) && fchmod(fd, 0644) == 0;
    fd_closep(&fd);
    arena_release(&a);
    return ok;
}

static bool make_entry(struct arena *a, const char *path, struct val v) {
    struct val link = val_get(v, "link");
    struct val content = val_is(v, VAL_STR) ? v : val_get(v, "content");
    unsigned mode = 0;
    bool is_dir = str_ends(str_from(path), "/");
    if (val_is(link, VAL_STR)) {
        return symlink(str_z(a, val_text(link)), path) == 0;
    }
    if (!is_dir && !write_file(path, val_text(content))) {
        return false;
    }
    if (read_mode(a, val_get(v, "mode"), &mode) && chmod(path, mode) != 0) {
        return false;
    }
    struct val mtime = val_get(v, "mtime");
    if (val_is(mtime, VAL_INT)) {
        struct timespec t[2] = {{.tv_sec = mtime.u.i}, {.tv_sec = mtime.u.i}};
        return utimensat(AT_FDCWD, path, t, 0) == 0;
    }
    return true;
}

bool tree_make(struct arena *a, const char *dir, struct val files, struct err *e) {
    struct vpair *p;
    for (size_t i = 0; (p = val_each(files, &i));) {
        const char *path = path_in(a, dir, val_str_of(a, p->key));
        if (!make_dirs(a, path) || !make_entry(a, path, p->value)) {
            return err_sys(e, errno, p->value.mark, "cannot make '%s'", path);
        }
    }
    return true;
}

static bool differs(struct err *e, struct mark at, const char *path, const char *what) {
    return err_set(e, ERR_MODULE, at, "after: %s: %s", path, what);
}

static bool check_content(struct arena *a, const char *path, struct val want, struct err *e) {
    struct str text;
    struct err ignored = {.arena = a};
    if (!fd_read_file(path, FILE_MAX, a, &text, &ignored)) {
        return differs(e, want.mark, path, "cannot be read");
    }
    if (str_eq(text, val_text(want))) {
        return true;
    }
    struct buf b = BUF_IN(a);
    buf_z(&b, "expected ");
    val_to_repr(&b, want);
    buf_z(&b, ", found ");
    val_to_repr(&b, val_str(a, text));
    return differs(e, want.mark, path, str_z(a, buf_view(&b)));
}

static bool check_link(struct arena *a, const char *path, struct val want, struct err *e) {
    char target[4096];
    ssize_t n = readlink(path, target, sizeof target);
    struct str got = {target, n < 0 ? 0 : (size_t)n};
    return str_eq(got, val_text(want)) ||
           differs(e, want.mark, path,
                   arena_printf(a, "expected a link to '%.*s', found '%.*s'", STR(val_text(want)), STR(got)));
}

static bool check_entry(struct arena *a, const char *path, struct val want, struct err *e) {
    struct stat st;
    bool is_dir = str_ends(str_from(path), "/");
    bool exists = lstat(path, &st) == 0;
    if (val_is(want, VAL_NULL) || !exists) {
        return exists == !val_is(want, VAL_NULL) || differs(e, want.mark, path, exists ? "exists" : "does not exist");
    }
    struct val link = val_get(want, "link");
    if (val_is(link, VAL_STR)) {
        return check_link(a, path, link, e);
    }
    if (is_dir ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode)) {
        return differs(e, want.mark, path, is_dir ? "is not a directory" : "is not a regular file");
    }
    unsigned mode = 0;
    if (read_mode(a, val_get(want, "mode"), &mode) && mode != (st.st_mode & 07777)) {
        return differs(e, want.mark, path, arena_printf(a, "expected mode %04o, found %04o", mode, st.st_mode & 07777));
    }
    struct val mtime = val_get(want, "mtime");
    if (val_is(mtime, VAL_INT) && mtime.u.i != st.st_mtime) {
        return differs(e, want.mark, path, arena_printf(a, "its mtime is %lld", (long long)st.st_mtime));
    }
    struct val content = val_is(want, VAL_STR) ? want : val_get(want, "content");
    return is_dir || !val_is(content, VAL_STR) || check_content(a, path, content, e);
}

bool tree_check(struct arena *a, const char *dir, struct val files, struct err *e) {
    struct vpair *p;
    for (size_t i = 0; (p = val_each(files, &i));) {
        if (!check_entry(a, path_in(a, dir, val_str_of(a, p->key)), p->value, e)) {
            return false;
        }
    }
    return true;
}

static int by_text(const void *x, const void *y) {
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static void print_entry(struct arena *a, const char *path, struct buf *out) {
    struct stat st;
    struct err e = {.arena = a};
    if (lstat(path, &st) != 0) {
        return;
    }
    buf_printf(out, "%s %o %u:%u %lld %lld.%09ld", path, st.st_mode, st.st_uid, st.st_gid,
               S_ISDIR(st.st_mode) ? 0LL : (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    const char *hex = NULL;
    char target[4096];
    ssize_t n = S_ISLNK(st.st_mode) ? readlink(path, target, sizeof target) : -1;
    if (n > 0) {
        buf_printf(out, " -> %.*s", (int)n, target);
    } else if (S_ISREG(st.st_mode) && digest_file(a, "sha256", path, &hex, &e)) {
        buf_printf(out, " %s", hex);
    }
    buf_char(out, '\n');
}

struct names {
    const char **p;
    size_t n, cap;
};

static void add_name(struct arena *a, struct names *list, const char *name) {
    VEC_PUSH(a, *list, name);
}

static struct names list_dir(struct arena *a, const char *path) {
    struct names names = {0};
    DIR *d = opendir(path);
    const struct dirent *entry;
    while (d && (entry = readdir(d))) {  // NOLINT(concurrency-mt-unsafe): one thread
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            add_name(a, &names, path_in(a, path, str_from(entry->d_name)));
        }
    }
    if (d) {
        closedir(d);
    }
    if (names.n) {
        qsort(names.p, names.n, sizeof *names.p, by_text);
    }
    return names;
}

static bool is_dir(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void print_below(struct arena *a, const char *path, struct buf *out) {
    print_entry(a, path, out);
    if (!is_dir(path)) {
        return;
    }
    struct names names = list_dir(a, path);
    for (size_t i = 0; i < names.n; i++) {
        print_below(a, names.p[i], out);
    }
}

struct str tree_print(struct arena *a, const char *dir) {
    struct buf b = BUF_IN(a);
    print_below(a, dir, &b);
    return buf_view(&b);
}

static void files_below(struct arena *a, const char *path, size_t skip, struct val out) {
    struct stat st;
    struct err e = {.arena = a};
    const char *hex = NULL;
    char target[4096];
    ssize_t n = readlink(path, target, sizeof target);
    if (n >= 0) {
        val_set(a, out, path + skip, val_printf(a, "-> %.*s", (int)n, target));
    } else if (is_dir(path)) {
        struct names names = list_dir(a, path);
        for (size_t i = 0; i < names.n; i++) {
            files_below(a, names.p[i], skip, out);
        }
    } else if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && digest_file(a, "sha256", path, &hex, &e)) {
        val_set(a, out, path + skip, val_z(a, hex));
    }
}

struct val tree_files(struct arena *a, const char *dir, struct val watch) {
    struct val out = val_dict(a, 16);
    files_below(a, dir, strlen(dir) + 1, out);
    for (size_t i = 0; i < val_len(watch); i++) {
        files_below(a, str_z(a, val_text(val_at_index(watch, i))), 0, out);
    }
    return out;
}

static void remove_below(struct arena *a, const char *path) {
    if (!is_dir(path)) {
        unlink(path);
        return;
    }
    chmod(path, 0700);
    struct names names = list_dir(a, path);
    for (size_t i = 0; i < names.n; i++) {
        remove_below(a, names.p[i]);
    }
    rmdir(path);
}

void case_tree_remove(const char *dir) {
    struct arena a = {0};
    remove_below(&a, dir);
    arena_release(&a);
}
