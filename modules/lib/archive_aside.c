// unzip opens what it writes by name, so that another user who may write to the directory can have it write through a
// link of his, and what it leaves when it is killed has not its mode yet. So it unpacks into a directory that nobody
// else can enter, beside where the files are to be; then each is moved to its place.
#include "archive.h"
#include "fd.h"
#include "filetree.h"
#include "run.h"
#include "trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/// A directory that was made, and what it is to be like in the end.
struct made {
    const char *path;
    struct stat st;
};
struct aside {
    struct archive *ar;
    const char *path;   // its name
    const char *place;  // the same directory, whatever becomes of the name
    int fd;
    struct {
        struct made *p;
        size_t n, cap;
    } made;
};

// -- whether it can be -----------------------------------------------------------------------------------------------

/// unzip's own options may depend on what is there already, and nothing can be moved to what is mounted within.
static bool possible(struct archive *ar) {
    struct stat top;
    struct stat st;
    if (val_len(mod_arg(ar->c, "extra_opts")) > 0 || lstat(ar->dest, &top) != 0) {
        return false;
    }
    for (size_t i = 0; i < val_len(ar->files); i++) {
        struct str name = val_text(val_at_index(ar->files, i));
        for (size_t k = 1; k < name.n; k++) {
            bool part = name.s[k] == '/';
            if (part && lstat(arena_printf(ar->c->arena, "%s/%.*s", ar->dest, (int)k, name.s), &st) == 0 &&
                st.st_dev != top.st_dev) {
                return false;
            }
        }
    }
    return true;
}

// -- the directory ---------------------------------------------------------------------------------------------------

/// The same for each run of a task, so that one that was killed is cleaned up after by the next.
static const char *aside_path(struct archive *ar) {
    uint32_t sum = 0;
    for (size_t i = 0; i < val_len(ar->members); i++) {
        sum = sum * 31 + (uint32_t)val_get(val_at_index(ar->members, i), "crc").u.i;
    }
    return arena_printf(ar->c->arena, "%s/.ansible-unzip-%08x", ar->dest, sum);
}

bool archive_zip_leftover(struct archive *ar) {
    struct stat st;
    return lstat(aside_path(ar), &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && possible(ar);
}

/// Opens what is there by that name: a directory that nobody else can enter.
static bool open_aside(struct aside *as, struct err *e) {
    struct stat st;
    as->place = trust_cwd(as->ar->c, as->path, &as->fd, e);
    if (as->place && as->fd < 0) {  // it is the path itself
        as->fd = open(as->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    bool ok = as->place && fstat(as->fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 0077) == 0;
    return ok ||
           (e->code == ERR_NONE &&
            mod_fail(as->ar->c, e, "cannot unpack in '%s': expected a directory that nobody else can enter", as->path));
}

/// Removes it with all that is in it.
static bool remove_aside(struct aside *as, struct err *e) {
    struct mod_call *c = as->ar->c;
    int fd = openat(as->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    bool ok = d || mod_fail_sys(c, e, errno, "cannot read '%s'", as->path);
    for (struct dirent *de; ok && d && (de = readdir(d));) {
        bool dots = strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0;
        ok = dots || tree_remove(c, arena_printf(c->arena, "%s/%s", as->place, de->d_name), e);
    }
    if (d) {
        closedir(d);
    } else {
        fd_closep(&fd);
    }
    fd_closep(&as->fd);
    CLEANUP(fd_closep) int dir = -1;
    const char *at = ok ? trust_anchor(c, as->path, &dir, e) : NULL;
    return ok && at && (rmdir(at) == 0 || mod_fail_sys(c, e, errno, "cannot remove '%s'", as->path));
}

/// *none: this user may make no directory there.
static bool make_aside(struct aside *as, bool *none, struct err *e) {
    struct mod_call *c = as->ar->c;
    if (archive_zip_leftover(as->ar) && !(open_aside(as, e) && remove_aside(as, e))) {
        return false;
    }
    if (!trust_mkdir(c, as->path, 0700, e)) {
        *none = e->code == ERR_NONE && errno == EACCES && geteuid() != 0;
        return e->code == ERR_NONE && !*none && mod_fail_sys(c, e, errno, "cannot make directory '%s'", as->path);
    }
    return open_aside(as, e);
}

// -- moving ----------------------------------------------------------------------------------------------------------

static bool move_entry(void *ctx, const struct tree_entry *t, struct err *e) {
    struct aside *as = ctx;
    struct mod_call *c = as->ar->c;
    const char *to = arena_printf(c->arena, "%s%s", as->ar->dest, t->path + strlen(as->place) + strlen("/."));
    CLEANUP(fd_closep) int dir = -1;
    const char *at = trust_anchor(c, to, &dir, e);
    struct stat st;
    if (!at) {
        return e->code == ERR_NONE && mod_fail_sys(c, e, errno, "cannot put '%s'", to);
    }
    if (!S_ISDIR(t->st.st_mode)) {
        return renameat(t->dir, t->name, AT_FDCWD, at) == 0 || mod_fail_sys(c, e, errno, "cannot put '%s'", to);
    }
    // Its mode is right from the start, should the rest not be done; who is not root must be able to move into and out
    // of it
    mode_t more = geteuid() == 0 ? 0 : S_IRWXU;
    mode_t mask = umask(0);
    bool made = mkdir(at, (t->st.st_mode & 0777) | more) == 0;
    int why = errno;
    umask(mask);
    if (more && (t->st.st_mode & more) != more && fchmodat(t->dir, t->name, S_IRWXU, 0) != 0) {
        return mod_fail_sys(c, e, errno, "cannot open '%s' to its owner", t->path);
    }
    if (made) {
        VEC_PUSH(c->arena, as->made, ((struct made){to, t->st}));
        return true;
    }
    bool there = why == EEXIST && stat(at, &st) == 0 && S_ISDIR(st.st_mode);
    return there || mod_fail_sys(c, e, why == EEXIST ? ENOTDIR : why, "cannot make directory '%s'", to);
}

/// Modes and times of the new directories, now that nothing more comes into them.
static bool finish_made(struct aside *as, struct err *e) {
    struct mod_call *c = as->ar->c;
    for (size_t i = as->made.n; i-- > 0;) {
        const struct made *m = &as->made.p[i];
        const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, m->st.st_mtim};
        CLEANUP(fd_closep) int fd = trust_open(c, m->path, e);
        struct stat st;
        bool ok = fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && fchmod(fd, m->st.st_mode & 07777) == 0 &&
                  futimens(fd, times) == 0;
        if (!ok) {
            return e->code == ERR_NONE && mod_fail_sys(c, e, errno, "cannot set the mode of '%s'", m->path);
        }
    }
    return true;
}

static bool move_all(struct aside *as, struct err *e) {
    struct arena *a = as->ar->c->arena;
    return tree_walk(as->ar->c, arena_printf(a, "%s/.", as->place), move_entry, as, e) && finish_made(as, e);
}

static bool unpack_aside(struct aside *as, struct val argv, struct run_result *r, struct err *e) {
    struct archive *ar = as->ar;
    const char *place = ar->place;
    ar->place = as->place;
    bool ok = archive_call(ar, argv, r, e);
    ar->place = place;
    return ok && (r->rc != 0 || (archive_zip_complete(ar, as->place, e) && move_all(as, e)));
}

bool archive_zip_unpack(struct archive *ar, struct val argv, struct run_result *r, struct err *e) {
    struct aside as = {.ar = ar, .path = aside_path(ar), .fd = -1};
    bool none = !possible(ar);
    if (!none && make_aside(&as, &none, e)) {
        bool ok = unpack_aside(&as, argv, r, e);
        struct err late = {.arena = ar->c->arena};
        bool clean = remove_aside(&as, ok ? e : &late);
        return ok && clean;
    }
    fd_closep(&as.fd);
    return none && archive_call(ar, argv, r, e) && (r->rc != 0 || archive_zip_complete(ar, ar->dest, e));
}
