#include "unfinished.h"

#include "fd.h"
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define MARK "play-unfinished"

bool unfinished_look(struct mod_call *c, const char *root, const char *dir, struct unfinished *u, struct err *e) {
    struct stat st;
    *u = (struct unfinished){.root = root};
    if (geteuid() != 0 || access(*root ? root : dir, F_OK) != 0) {
        return true;
    }
    u->path = arena_printf(c->arena, "%s%s/" MARK, root, dir);
    CLEANUP(fd_closep) int fd = trust_open(c, u->path, e);
    if (e->code != ERR_NONE) {
        return false;
    }
    u->found = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (u->found) {
        u->since = st.st_ctim;
    }
    return true;
}

/// The directories above the mark, as far as they are missing below `root`, which is there.
static bool make_parents(struct mod_call *c, const struct unfinished *u, struct err *e) {
    for (const char *p = u->path + strlen(u->root) + 1; (p = strchr(p, '/')); p++) {
        const char *dir = arena_strndup(c->arena, u->path, (size_t)(p - u->path));
        if (!trust_mkdir(c, dir, 0755, e) && errno != EEXIST) {
            return e->code == ERR_NONE && mod_fail_sys(c, e, errno, "cannot make '%s'", dir);
        }
    }
    return true;
}

bool unfinished_begin(struct mod_call *c, const struct unfinished *u, struct err *e) {
    CLEANUP(fd_closep) int dir = -1;
    if (!u->path || u->found) {
        return true;
    }
    if (!make_parents(c, u, e)) {
        return false;
    }
    const char *at = trust_anchor(c, u->path, &dir, e);
    CLEANUP(fd_closep) int fd = at ? open(at, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644) : -1;
    return fd >= 0 || (e->code == ERR_NONE && mod_fail_sys(c, e, errno, "cannot write '%s'", u->path));
}

bool unfinished_end(struct mod_call *c, struct unfinished *u, struct err *e) {
    u->found = false;
    return !u->path || trust_unlink(c, u->path, e) || errno == ENOENT ||
           (e->code == ERR_NONE && mod_fail_sys(c, e, errno, "cannot remove '%s'", u->path));
}
