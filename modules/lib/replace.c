// Atomic replacement of files with everything an existing one had: owner, mode, ACL, SELinux context, user attributes.
#include "replace.h"

#include "cmd.h"
#include "fd.h"
#include "run.h"
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#define READ_MAX ((size_t)512 << 20)
#define VIEW_MIN (1 << 20)  // from here on a file is mapped when it is only looked at

bool replace_binary(struct str data) {
    return data.n > 0 && memchr(data.s, 0, data.n) != NULL;
}

bool replace_read(struct mod_call *c, const char *path, struct str *data, bool *found, struct err *e) {
    struct stat st;
    *found = false;
    *data = STR_LIT("");
    if (stat(path, &st) != 0) {
        return errno == ENOENT || errno == ENOTDIR || mod_fail_sys(c, e, errno, "cannot look at '%s'", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return true;
    }
    *found = true;
    return fd_read_regular(path, READ_MAX, c->arena, data, e);
}

/// Reads the open file when it is a regular one.
static bool read_open(int fd, const char *path, struct arena *a, struct str *data, bool *found, struct err *e) {
    struct stat st;
    *found = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (!*found) {
        return true;
    }
    if ((uintmax_t)st.st_size > READ_MAX) {
        return err_set(e, ERR_LIMIT, NO_MARK, "'%s' is too large: %jd bytes, the limit is %zu", path,
                       (intmax_t)st.st_size, READ_MAX);
    }
    return fd_read_all(fd, READ_MAX, a, data, e) || err_wrap(e, NO_MARK, "while reading '%s'", path);
}

/// Opens what will be replaced, through a link only if nobody could have planted it. -1 without an error: errno.
static int open_old(struct mod_call *c, const char *path, struct err *e) {
    struct stat st;
    const char *real = lstat(path, &st) == 0 && S_ISLNK(st.st_mode) ? trust_real(c, path, e) : path;
    int fd = real ? trust_open(c, real, e) : -1;
    if (fd < 0 && e->code == ERR_NONE && errno == ELOOP) {
        mod_fail(c, e, "'%s' has become a link: it is not followed", path);
    }
    return fd;
}

bool replace_old(struct mod_call *c, const char *path, struct str *data, bool *found, struct err *e) {
    CLEANUP(fd_closep) int fd = open_old(c, path, e);
    *found = false;
    *data = STR_LIT("");
    if (fd >= 0) {
        return read_open(fd, path, c->arena, data, found, e);
    }
    if (e->code != ERR_NONE) {
        return false;
    }
    // ENXIO: a socket, which is no file either
    return errno == ENOENT || errno == ENOTDIR || errno == ENXIO ||
           err_sys(e, errno, NO_MARK, "cannot open '%s'", path);
}

bool replace_view(struct mod_call *c, const char *path, struct str *data, bool *found, struct err *e) {
    struct stat st;
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool large = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= VIEW_MIN;
    void *p = large && (uintmax_t)st.st_size <= READ_MAX ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)
                                                         : MAP_FAILED;
    if (p == MAP_FAILED) {
        return replace_read(c, path, data, found, e);
    }
    *data = (struct str){p, (size_t)st.st_size};
    *found = true;
    return true;
}

static mode_t current_umask(void) {
    mode_t m = umask(0);
    umask(m);
    return m;
}

// What the old file has and chmod does not carry: ACLs, labels, user attributes. A file system without them is fine.
// `fd`: the old file if it is open (else -1: it is `from`, no link).
static void copy_xattrs(const char *from, int fd, int to) {
    char names[8192];
    ssize_t n = fd < 0 ? llistxattr(from, names, sizeof names) : flistxattr(fd, names, sizeof names);
    for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1) {
        char value[16384];
        // Capabilities belong to the old content, as setuid does.
        if (strncmp(names + i, "security.", 9) == 0 && strcmp(names + i, "security.selinux") != 0) {
            continue;
        }
        ssize_t len =
            fd < 0 ? lgetxattr(from, names + i, value, sizeof value) : fgetxattr(fd, names + i, value, sizeof value);
        if (len >= 0) {
            (void)fsetxattr(to, names + i, value, (size_t)len, 0);
        }
    }
}

static bool keep_attributes(const char *path, int old, int fd, mode_t new_mode, struct err *e) {
    struct stat st;
    if ((old < 0 ? lstat(path, &st) : fstat(old, &st)) != 0 || !S_ISREG(st.st_mode)) {
        mode_t mode = new_mode ? new_mode : 0666 & ~current_umask();
        // Also in a setgid directory the file is ours, as one that was moved there.
        if (fchown(fd, (uid_t)-1, getegid()) != 0 && errno != EPERM) {
            return err_sys(e, errno, NO_MARK, "chown failed");
        }
        return fchmod(fd, mode) == 0 || err_sys(e, errno, NO_MARK, "chmod failed");
    }
    // Without the right to give files away the new file belongs to us, as with any editor.
    if (fchown(fd, st.st_uid, st.st_gid) != 0 && errno != EPERM) {
        return err_sys(e, errno, NO_MARK, "chown failed");
    }
    copy_xattrs(path, old, fd);
    // New content does not inherit the right to run as somebody else.
    mode_t drop = S_ISUID | (st.st_mode & S_IXGRP ? S_ISGID : 0);
    return fchmod(fd, st.st_mode & 07777 & ~drop) == 0 || err_sys(e, errno, NO_MARK, "chmod failed");
}

// Runs the validate command: words as a shell would split them, %s replaced by the path in each.
static bool validate(struct mod_call *c, const char *command, const char *path, struct err *e) {
    if (!strstr(command, "%s")) {
        return mod_fail(c, e, "validate must contain %%s: %s", command);
    }
    struct val words;
    if (!cmd_split(c->arena, str_from(command), &words, e)) {
        return false;
    }
    const char **argv = ARENA_ARRAY(c->arena, const char *, val_len(words) + 1);
    for (size_t i = 0; i < val_len(words); i++) {
        struct str w = val_text(val_at_index(words, i));
        size_t at = str_find(w, 0, STR_LIT("%s"));
        argv[i] = at == SIZE_MAX ? str_z(c->arena, w)
                                 : arena_printf(c->arena, "%.*s%s%.*s", STR(str_sub(w, 0, at)), path,
                                                STR(str_sub(w, at + 2, w.n)));
    }
    struct run_result r;
    if (!run_command(&(struct run){.argv = argv}, c->arena, &r, e)) {
        return err_wrap(e, NO_MARK, "failed to validate");
    }
    if (r.rc == 0) {
        return true;
    }
    mod_set(c, "exit_status", val_int(r.rc));
    mod_set_str(c, "stdout", r.out);
    mod_set_str(c, "stderr", r.err);
    return mod_fail(c, e, "failed to validate: rc:%d error:%.*s", r.rc, STR(str_trim(r.err)));
}

/// The file `tmp` by the directory of `path`.
static const char *beside(struct mod_call *c, const char *path, const char *tmp) {
    const char *slash = strrchr(path, '/');
    const char *name = strrchr(tmp, '/');
    return arena_printf(c->arena, "%.*s%s", slash ? (int)(slash - path) + 1 : 0, path, name ? name + 1 : tmp);
}

static int open_new(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat st;
    if (fd < 0) {
        return -1;
    }
    // Tells others that it is in use. One that took it for a killed run's in this moment has it.
    bool lost = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (lost || fstat(fd, &st) != 0 || st.st_nlink == 0) {
        close(fd);
        errno = EEXIST;
        return -1;
    }
    return fd;
}

// Removes what a killed run left under this name; false when somebody still writes to it.
static bool reclaim(const char *path) {
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && unlink(path) == 0;
}

// The first name tried depends on the file's only, so that the next run finds what a killed one left.
uint64_t replace_first_name(const char *name) {
    uint64_t h = 14695981039346656037U;
    for (; *name; name++) {
        h = (h ^ (unsigned char)*name) * 1099511628211U;
    }
    return h;
}

static const char *base_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static char *numbered(struct arena *a, const char *path, uint64_t r) {
    return arena_printf(a, "%.*s.ansible_tmp%016llx", (int)(base_of(path) - path), path, (unsigned long long)r);
}

char *replace_first_temp(struct arena *a, const char *path) {
    return numbered(a, path, replace_first_name(base_of(path)));
}

const char *replace_temp_name(struct arena *a, const char *path) {
    struct stat st;
    char *tmp = replace_first_temp(a, path);
    bool gone = lstat(tmp, &st) != 0 || (S_ISLNK(st.st_mode) ? unlink(tmp) == 0 : S_ISREG(st.st_mode) && reclaim(tmp));
    if (!gone) {
        uint64_t r;
        random_bytes(&r, sizeof r);
        tmp = numbered(a, path, r);
    }
    return tmp;
}

static char *temp_beside(struct mod_call *c, const char *path, int *fd, int *why) {
    uint64_t r = replace_first_name(base_of(path));
    for (int tries = 0; tries < 100; tries++) {
        char *tmp = numbered(c->arena, path, r);
        *fd = open_new(tmp);
        *why = errno;
        if (*fd < 0 && *why == EEXIST && tries == 0 && reclaim(tmp)) {
            *fd = open_new(tmp);
            *why = errno;
        }
        if (*fd >= 0) {
            return tmp;
        }
        if (*why != EEXIST) {
            break;
        }
        random_bytes(&r, sizeof r);
    }
    return NULL;
}

static bool write_in_place(const char *path, struct str data, struct err *e) {
    CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return err_sys(e, errno, NO_MARK, "cannot write '%s'", path);
    }
    return fd_write_all(fd, data, e) && (fsync(fd) == 0 || err_sys(e, errno, NO_MARK, "cannot write '%s'", path));
}

static bool copy_content(const char *source, int fd, struct err *e) {
    CLEANUP(fd_closep) int in = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    char chunk[65536];
    ssize_t n = in < 0 ? -1 : 1;
    while (n > 0 && (n = read(in, chunk, sizeof chunk)) > 0) {
        if (!fd_write_all(fd, (struct str){chunk, (size_t)n}, e)) {
            return false;
        }
    }
    return n == 0 || err_sys(e, errno, NO_MARK, "cannot read '%s'", source);
}

/// `path` and `tmp` are names by an anchor.
static bool fill(struct mod_call *c, const struct replace *r, const char *path, const char *tmp, int fd,
                 struct err *e) {
    bool ok = (r->source ? copy_content(r->source, fd, e) : fd_write_all(fd, r->data, e)) &&
              keep_attributes(path, -1, fd, r->new_mode, e) && (!r->attr || fsattr_apply_fd(r->attr, fd, e));
    if (!ok) {
        return err_wrap(e, NO_MARK, "cannot write '%s'", r->path);
    }
    if (fsync(fd) != 0) {
        return mod_fail_sys(c, e, errno, "cannot write '%s'", r->path);
    }
    return !r->validate || validate(c, r->validate, beside(c, r->path, tmp), e);
}

bool replace_file(struct mod_call *c, const struct replace *r, struct err *e) {
    CLEANUP(fd_closep) int dir = -1;
    CLEANUP(fd_closep) int fd = -1;
    int why = 0;
    const char *path = trust_anchor(c, r->path, &dir, e);
    if (!path && e->code != ERR_NONE) {
        return false;
    }
    why = errno;
    char *tmp = path ? temp_beside(c, path, &fd, &why) : NULL;
    if (!tmp) {
        bool in_place = path && r->unsafe_writes && access(path, W_OK) == 0;
        return in_place ? write_in_place(path, r->data, e)
                        : mod_fail_sys(c, e, why, "cannot create a temporary file beside '%s'", r->path);
    }
    bool ok = fill(c, r, path, tmp, fd, e);
    if (ok && rename(tmp, path) != 0) {
        why = errno;
        if (why == EBUSY && r->unsafe_writes) {
            ok = write_in_place(path, r->data, e);
        } else {
            ok = mod_fail_sys(c, e, why, "could not replace file: '%s'", r->path);
        }
        unlink(tmp);
        return ok;
    }
    if (!ok) {
        unlink(tmp);
    }
    return ok;
}

/// Fills the backup `fd` with what the open file `old` holds and is.
static bool fill_backup(int old, const char *path, struct arena *a, int fd, struct err *e) {
    struct str data = STR_NONE;
    struct stat st;
    bool found;
    if (!read_open(old, path, a, &data, &found, e) || !fd_write_all(fd, data, e) ||
        !keep_attributes(path, old, fd, 0, e) || fsync(fd) != 0) {
        return e->code != ERR_NONE ? false : err_sys(e, errno, NO_MARK, "cannot write");
    }
    if (fstat(old, &st) == 0) {
        struct timespec times[2] = {st.st_atim, st.st_mtim};
        futimens(fd, times);
    }
    return true;
}

bool replace_backup(struct mod_call *c, const char *path, const char *shown, struct str *name, struct err *e) {
    struct stat st;
    CLEANUP(fd_closep) int old = open_old(c, path, e);
    *name = STR_LIT("");
    if (old < 0 && (e->code != ERR_NONE || (errno != ENOENT && errno != ENOTDIR && errno != ENXIO))) {
        return e->code == ERR_NONE && mod_fail_sys(c, e, errno, "could not make backup of %s", path);
    }
    if (old < 0 || fstat(old, &st) != 0 || !S_ISREG(st.st_mode)) {
        return true;
    }
    time_t now = time(NULL);
    struct tm tm;
    localtime_r(&now, &tm);
    char stamp[64];
    strftime(stamp, sizeof stamp, "%Y-%m-%d@%H:%M:%S", &tm);
    const char *at = NULL;
    CLEANUP(fd_closep) int dir = -1;
    CLEANUP(fd_closep) int fd = -1;
    // One process serves all tasks: its number and the second are not enough to tell two backups of a file apart.
    for (int number = (int)getpid(), tries = 0; tries < 1000; tries++, number++) {
        *name = str_printf(c->arena, "%s.%d.%s~", shown, number, stamp);
        fd_closep(&dir);
        dir = -1;
        at = trust_anchor(c, name->s, &dir, e);
        if (!at && e->code != ERR_NONE) {
            return false;
        }
        fd = at ? open(at, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
        if (fd >= 0 || errno != EEXIST) {
            break;
        }
    }
    if (fd < 0) {
        return mod_fail_sys(c, e, errno, "could not make backup of %s to %.*s", path, STR(*name));
    }
    bool ok = fill_backup(old, path, c->arena, fd, e) ||
              err_wrap(e, NO_MARK, "could not make backup of %s to %.*s", path, STR(*name));
    if (!ok) {
        unlink(at);
    }
    return ok;
}
