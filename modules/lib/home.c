// Making home directories: copied to a temporary name beside the wanted one and renamed.
#include "home.h"

#include "fd.h"
#include "replace.h"
#include "trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH 100
#define COPY_MAX  ((size_t)256 << 20)

bool home_parents(struct mod_call *c, const char *path, struct err *e) {
    for (const char *s = strchr(path + 1, '/'); s; s = strchr(s + 1, '/')) {
        const char *dir = arena_strndup(c->arena, path, (size_t)(s - path));
        if (!trust_mkdir(c, dir, 0755, e) && (e->code != ERR_NONE || errno != EEXIST)) {
            return e->code == ERR_NONE && mod_fail_sys(c, e, errno, "cannot create directory '%s'", dir);
        }
    }
    return true;
}

// -- copying the skeleton --------------------------------------------------------------------------------------------

struct copy {
    struct mod_call *c;
    uid_t uid;
    gid_t gid;
};
static bool copy_tree(const struct copy *k, int from, int to, unsigned depth, struct err *e);

static bool copy_file(const struct copy *k, int from, int to, const char *name, mode_t mode, struct err *e) {
    CLEANUP(fd_closep) int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(fd_closep) int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct str data;
    if (in < 0 || out < 0) {
        return mod_fail_sys(k->c, e, errno, "cannot copy '%s' to the home directory", name);
    }
    if (!fd_read_all(in, COPY_MAX, k->c->arena, &data, e) || !fd_write_all(out, data, e)) {
        return err_wrap(e, NO_MARK, "cannot copy '%s' to the home directory", name);
    }
    bool ok = fchown(out, k->uid, k->gid) == 0 && fchmod(out, mode & 0777) == 0 && fsync(out) == 0;
    return ok || mod_fail_sys(k->c, e, errno, "cannot copy '%s' to the home directory", name);
}

static bool copy_link(const struct copy *k, int from, int to, const char *name, struct err *e) {
    char text[4096];
    ssize_t n = readlinkat(from, name, text, sizeof text - 1);
    if (n >= 0) {
        text[n] = '\0';
    }
    bool ok = n >= 0 && symlinkat(text, to, name) == 0 && fchownat(to, name, k->uid, k->gid, AT_SYMLINK_NOFOLLOW) == 0;
    return ok || mod_fail_sys(k->c, e, errno, "cannot copy the link '%s' to the home directory", name);
}

static bool copy_dir(const struct copy *k, int from, int to, const char *name, mode_t mode, unsigned depth,
                     struct err *e) {  // NOLINT(misc-no-recursion): bounded by MAX_DEPTH
    CLEANUP(fd_closep) int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(fd_closep) int out = -1;
    if (in >= 0 && mkdirat(to, name, 0700) == 0) {
        out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (out < 0) {
        return mod_fail_sys(k->c, e, errno, "cannot copy '%s' to the home directory", name);
    }
    bool ok = copy_tree(k, in, out, depth + 1, e);
    if (ok && (fchown(out, k->uid, k->gid) != 0 || fchmod(out, mode & 0777) != 0)) {
        return mod_fail_sys(k->c, e, errno, "cannot copy '%s' to the home directory", name);
    }
    return ok;
}

static bool copy_entry(const struct copy *k, int from, int to, const char *name, unsigned depth,
                       struct err *e) {  // NOLINT(misc-no-recursion): bounded by MAX_DEPTH
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT || mod_fail_sys(k->c, e, errno, "cannot look at '%s'", name);
    }
    if (S_ISDIR(st.st_mode)) {
        return copy_dir(k, from, to, name, st.st_mode, depth, e);
    }
    if (S_ISLNK(st.st_mode)) {
        return copy_link(k, from, to, name, e);
    }
    return !S_ISREG(st.st_mode) || copy_file(k, from, to, name, st.st_mode, e);
}

/// Copies what is in directory `from` to directory `to`. Both stay open.
static bool copy_tree(const struct copy *k, int from, int to, unsigned depth,
                      struct err *e) {  // NOLINT(misc-no-recursion): bounded by MAX_DEPTH
    int again = depth > MAX_DEPTH ? -1 : openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = again < 0 ? NULL : fdopendir(again);
    if (!d) {
        fd_closep(&again);
        return mod_fail(k->c, e, "cannot read the skeleton directory");
    }
    bool ok = true;
    for (struct dirent *de; ok && (de = readdir(d));) {
        if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0) {
            ok = copy_entry(k, from, to, de->d_name, depth, e);
        }
    }
    closedir(d);
    return ok;
}

static void remove_tree(int dir, const char *name, unsigned depth) {  // NOLINT(misc-no-recursion): bounded
    if (unlinkat(dir, name, 0) == 0 || depth > MAX_DEPTH) {
        return;
    }
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *de; d && (de = readdir(d));) {
        if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0) {
            remove_tree(dirfd(d), de->d_name, depth + 1);
        }
    }
    if (d) {
        closedir(d);
    }
    unlinkat(dir, name, AT_REMOVEDIR);
}

// -- home directories ------------------------------------------------------------------------------------------------

static bool octal(struct str s, mode_t *out) {
    mode_t m = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] < '0' || s.s[i] > '7' || m > 07777) {
            return false;
        }
        m = m * 8 + (mode_t)(s.s[i] - '0');
    }
    *out = m;
    return s.n > 0;
}

/// The value behind a keyword of /etc/login.defs.
static bool login_def(struct str text, const char *key, mode_t *out) {
    struct str line;
    size_t n = strlen(key);
    while (str_next(&text, '\n', &line)) {
        line = str_trim(line);
        if (str_starts(line, key) && line.n > n && (line.s[n] == ' ' || line.s[n] == '\t')) {
            return octal(str_trim(str_sub(line, n, line.n)), out);
        }
    }
    return false;
}

static mode_t default_mode(struct mod_call *c) {
    struct err e = {.arena = c->arena};
    struct str text = STR_NONE;
    mode_t m;
    (void)fd_read_file("/etc/login.defs", COPY_MAX, c->arena, &text, &e);
    if (login_def(text, "HOME_MODE", &m)) {
        return m & 0777;
    }
    return login_def(text, "UMASK", &m) ? 0777 & ~m : 0755;
}

static bool fill(struct mod_call *c, const struct home *h, int fd, struct err *e) {
    const char *skeleton = h->skeleton ? h->skeleton : "/etc/skel";
    CLEANUP(fd_closep) int from = open(skeleton, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from < 0 && errno != ENOENT) {
        return mod_fail_sys(c, e, errno, "cannot read the skeleton '%s'", skeleton);
    }
    struct copy k = {.c = c, .uid = h->uid, .gid = h->gid};
    if (from >= 0 && !copy_tree(&k, from, fd, 0, e)) {
        return false;
    }
    bool ok = fchown(fd, h->uid, h->gid) == 0 && fchmod(fd, h->mode ? h->mode : default_mode(c)) == 0;
    return ok || mod_fail_sys(c, e, errno, "cannot give '%s' to its user", h->path);
}

bool home_create(struct mod_call *c, const struct home *h, struct err *e) {
    size_t n = strlen(h->path);
    while (n > 1 && h->path[n - 1] == '/') {
        n--;
    }
    const char *path = arena_strndup(c->arena, h->path, n);
    if (path[0] != '/') {
        return mod_fail(c, e, "the home directory must be an absolute path, not '%s'", path);
    }
    if (!home_parents(c, path, e)) {
        return false;
    }
    // The same name each time, so that the next run finds what a killed one left.
    const char *tmp = replace_first_temp(c->arena, path);
    remove_tree(AT_FDCWD, tmp, 0);
    if (mkdir(tmp, 0700) != 0) {
        return mod_fail_sys(c, e, errno, "cannot create the home directory '%s'", path);
    }
    CLEANUP(fd_closep) int fd = open(tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool ok = fd >= 0 ? fill(c, h, fd, e) : mod_fail_sys(c, e, errno, "cannot open '%s'", tmp);
    if (ok && rename(tmp, path) != 0) {
        ok = mod_fail_sys(c, e, errno, "cannot create the home directory '%s'", path);
    }
    if (!ok) {
        remove_tree(AT_FDCWD, tmp, 0);
    }
    return ok;
}

static bool give(int dir, const char *name, const struct copy *to, uid_t from,
                 unsigned depth) {  // NOLINT(misc-no-recursion)
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT;
    }
    bool ok = depth <= MAX_DEPTH;
    int fd = S_ISDIR(st.st_mode) && ok ? openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *de; d && ok && (de = readdir(d));) {
        if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0) {
            ok = give(dirfd(d), de->d_name, to, from, depth + 1);
        }
    }
    if (d) {
        closedir(d);
    }
    return ok && (st.st_uid != from || fchownat(dir, name, to->uid, to->gid, AT_SYMLINK_NOFOLLOW) == 0);
}

bool home_give(struct mod_call *c, const char *path, uid_t from, uid_t to, gid_t gid, struct err *e) {
    struct copy k = {.c = c, .uid = to, .gid = gid};
    return give(AT_FDCWD, path, &k, from, 0) || mod_fail_sys(c, e, errno, "cannot give '%s' to its user", path);
}
