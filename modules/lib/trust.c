// One look at each component, and only for root: without its rights nobody reaches more than he may anyway.
#include "trust.h"

#include "fd.h"
#include "fsattr.h"
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHAIN_MAX 40  // links that lead to links, as the kernel's limit

/// Whose what a link leads to is: the owner of the file, or of the directory where it would be made.
static bool owner_of(struct arena *a, const char *target, uid_t *uid) {
    struct stat st;
    struct str dir = paths_dir(str_from(target));
    bool known = stat(target, &st) == 0 || (dir.n && stat(str_z(a, dir), &st) == 0);
    *uid = st.st_uid;
    return known;
}

/// Where the link `part` leads, as a path that does not depend on the directory of this process more than `part` does.
static const char *target_of(struct arena *a, const char *part) {
    char to[PATH_MAX];
    ssize_t n = readlink(part, to, sizeof to - 1);
    if (n <= 0) {
        return NULL;
    }
    to[n] = '\0';
    struct str dir = paths_dir(str_from(part));
    return to[0] == '/' || !dir.n ? arena_strndup(a, to, (size_t)n) : arena_printf(a, "%.*s/%s", STR(dir), to);
}

static bool planted(struct mod_call *c, const char *link, uid_t uid, struct err *e) {
    return mod_fail(c, e,
                    "'%s' is a link of user %u to something that is not his: it is not followed; make it a link of "
                    "root if it is meant",
                    link, (unsigned)uid);
}

static bool check(struct mod_call *c, const char *path, bool last, int depth, struct err *e) {
    for (size_t i = 1; path[0]; i++) {
        bool end = path[i] == '\0';
        if (end && !last) {
            return true;
        }
        if (!end && path[i] != '/') {
            continue;
        }
        struct stat link;
        uid_t owner;
        const char *part = arena_strndup(c->arena, path, i);
        if (lstat(part, &link) != 0) {
            return true;  // from here on nothing is there
        }
        const char *target = S_ISLNK(link.st_mode) ? target_of(c->arena, part) : NULL;
        if (target && link.st_uid != 0 && owner_of(c->arena, target, &owner) && owner != link.st_uid) {
            return planted(c, part, link.st_uid, e);
        }
        if (target && depth < CHAIN_MAX) {
            return check(c, arena_printf(c->arena, "%s%s", target, path + i), last, depth + 1, e);
        }
        if (end) {
            return true;
        }
    }
    return true;
}

bool trust_path(struct mod_call *c, const char *path, bool last, struct err *e) {
    return geteuid() != 0 || check(c, path, last, 0, e);
}

static int walk(struct mod_call *c, int from, const char *dir, int depth, struct err *e);

/// What the link `fd`, an entry of `at`, leads to.
static int through_link(struct mod_call *c, int at, int fd, const struct stat *link, int depth, struct err *e) {
    char to[PATH_MAX];
    struct stat st;
    ssize_t n = readlinkat(fd, "", to, sizeof to - 1);
    if (n <= 0 || depth >= CHAIN_MAX) {
        errno = n < 0 ? errno : ELOOP;
        return -1;
    }
    to[n] = '\0';
    int next = walk(c, at, to, depth + 1, e);
    if (next >= 0 && link->st_uid != 0 && (fstat(next, &st) != 0 || st.st_uid != link->st_uid)) {
        fd_closep(&next);
        (void)planted(c, to, link->st_uid, e);
    }
    return next;
}

/// Opens a path part by part, from `from` on if it is relative. -1: refused, or errno.
static int walk(struct mod_call *c, int from, const char *dir, int depth, struct err *e) {
    struct str rest = str_from(dir);
    struct str part;
    int at = dir[0] == '/' ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)
                           : openat(from, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    while (at >= 0 && str_next(&rest, '/', &part)) {
        struct stat st;
        if (!part.n) {
            continue;
        }
        int next = openat(at, str_z(c->arena, part), O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (next >= 0 && fstat(next, &st) == 0 && S_ISLNK(st.st_mode)) {
            int link = next;
            next = through_link(c, at, link, &st, depth, e);
            close(link);
        }
        int why = errno;
        close(at);
        errno = why;
        at = next;
    }
    return at;
}

static bool by_descriptor(void) {
    return geteuid() == 0 && access("/proc/self/fd", X_OK) == 0;
}

/// The directory and the name of `path`.
static const char *split(struct arena *a, const char *path, const char **name) {
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    return !slash ? "." : arena_strndup(a, path, slash == path ? 1 : (size_t)(slash - path));
}

/// May the link of user `uid` lead to `target`?
static bool leads_home(struct mod_call *c, const char *link, uid_t uid, const char *target, struct err *e) {
    struct stat st;
    const char *name;
    CLEANUP(fd_closep) int fd = walk(c, AT_FDCWD, target, 0, e);
    if (fd < 0 && e->code == ERR_NONE) {
        fd = walk(c, AT_FDCWD, split(c->arena, target, &name), 0, e);  // it would be made there
    }
    if (fd < 0) {
        return e->code == ERR_NONE;
    }
    return uid == 0 || (fstat(fd, &st) == 0 && st.st_uid == uid) || planted(c, link, uid, e);
}

static const char *real(struct mod_call *c, const char *path, int depth, struct err *e) {
    char where[PATH_MAX];
    char to[PATH_MAX];
    struct stat st;
    const char *name;
    CLEANUP(fd_closep) int dir = walk(c, AT_FDCWD, split(c->arena, path, &name), 0, e);
    if (dir < 0 || !*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return e->code != ERR_NONE || !trust_path(c, path, true, e) ? NULL : fsattr_realpath(c->arena, path);
    }
    ssize_t n = readlink(arena_printf(c->arena, "/proc/self/fd/%d", dir), where, sizeof where - 1);
    where[n < 0 ? 0 : n] = '\0';
    const char *full = arena_printf(c->arena, "%s/%s", strcmp(where, "/") == 0 ? "" : where, name);
    CLEANUP(fd_closep) int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISLNK(st.st_mode) || depth >= CHAIN_MAX) {
        return full;
    }
    n = readlinkat(fd, "", to, sizeof to - 1);
    to[n < 0 ? 0 : n] = '\0';
    const char *target = to[0] == '/' ? to : arena_printf(c->arena, "%s/%s", where, to);
    return leads_home(c, path, st.st_uid, target, e) ? real(c, target, depth + 1, e) : NULL;
}

const char *trust_real(struct mod_call *c, const char *path, struct err *e) {
    if (by_descriptor()) {
        return real(c, path, 0, e);
    }
    return trust_path(c, path, true, e) ? fsattr_realpath(c->arena, path) : NULL;
}

const char *trust_anchor(struct mod_call *c, const char *path, int *fd, struct err *e) {
    const char *name;
    const char *dir = split(c->arena, path, &name);
    if (!by_descriptor() || !*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return trust_path(c, path, false, e) ? path : NULL;
    }
    *fd = walk(c, AT_FDCWD, dir, 0, e);
    return *fd < 0 ? NULL : arena_printf(c->arena, "/proc/self/fd/%d/%s", *fd, name);
}

bool trust_mkdir(struct mod_call *c, const char *path, mode_t mode, struct err *e) {
    int dir = -1;
    const char *at = trust_anchor(c, path, &dir, e);
    bool ok = at && mkdir(at, mode) == 0;
    int why = errno;
    fd_closep(&dir);
    errno = why;
    return ok;
}

bool trust_unlink(struct mod_call *c, const char *path, struct err *e) {
    int dir = -1;
    const char *at = trust_anchor(c, path, &dir, e);
    bool ok = at && unlink(at) == 0;
    int why = errno;
    fd_closep(&dir);
    errno = why;
    return ok;
}

int trust_open(struct mod_call *c, const char *path, struct err *e) {
    CLEANUP(fd_closep) int dir = -1;
    const char *at = trust_anchor(c, path, &dir, e);
    int fd = at ? open(at, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    int why = errno;
    fd_closep(&dir);
    errno = why;
    return fd;
}

const char *trust_hold(struct mod_call *c, const char *path, bool whole, struct err *e) {
    int dir = -1;
    const char *real = whole && by_descriptor() ? trust_real(c, path, e) : path;
    const char *at = real ? trust_anchor(c, real, &dir, e) : NULL;
    if (at && whole && dir >= 0) {
        int fd = open(at, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        int why = errno;
        close(dir);
        errno = why;
        dir = fd;
        at = fd < 0 ? NULL : arena_printf(c->arena, "/proc/self/fd/%d", fd);
    }
    if (dir >= 0) {
        fcntl(dir, F_SETFD, 0);  // programs get it, under the same number
    }
    return at;
}

const char *trust_cwd(struct mod_call *c, const char *dir, int *fd, struct err *e) {
    const char *name = arena_printf(c->arena, "%s/x", dir);
    const char *at = trust_anchor(c, name, fd, e);
    return at ? arena_strndup(c->arena, at, strlen(at) - 2) : NULL;
}
