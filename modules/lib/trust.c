// One lstat a component, and only for root: without its rights nobody reaches more than he may anyway.
#include "trust.h"

#include "paths.h"

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
            return mod_fail(
                c, e,
                "'%s' is a link of user %u to something that is not his: it is not followed; make it a link "
                "of root if it is meant",
                part, (unsigned)link.st_uid);
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
