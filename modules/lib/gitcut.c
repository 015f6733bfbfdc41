// What a git that was killed, or met a full disk, leaves behind: locks, half a clone, half a checkout.
#include "fd.h"
#include "filetree.h"
#include "gitcmd.h"
#include "inuse.h"
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define CONFIG_MAX    ((size_t)4 << 20)
// In the directory of the repository while files are checked out
#define CHECKOUT_MARK "play-checkout"

static bool exists(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0;
}

static bool is_own_dir(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

// -- locks -----------------------------------------------------------------------------------------------------------

struct locks {
    struct mod_call *c;
    const char *paths[64];
    size_t n;
};

static bool note_lock(void *ctx, const struct tree_entry *t, struct err *e) {
    struct locks *k = ctx;
    (void)e;
    bool lock = S_ISREG(t->st.st_mode) && str_ends(str_from(t->name), ".lock");
    if (lock && k->n < COUNTOF(k->paths)) {
        k->paths[k->n++] = arena_strndup(k->c->arena, t->path, strlen(t->path));
    }
    return true;
}

/// Removes the locks of a git that is gone.
static bool remove_locks(struct mod_call *c, const struct git *g, struct err *e) {
    static const char *const names[] = {"index", "HEAD", "config", "packed-refs", "shallow"};
    struct locks k = {.c = c};
    for (size_t i = 0; i < COUNTOF(names); i++) {
        const char *path = arena_printf(c->arena, "%s/%s.lock", g->git_dir, names[i]);
        if (exists(path)) {
            k.paths[k.n++] = path;
        }
    }
    const char *refs = arena_printf(c->arena, "%s/refs", g->git_dir);
    if (is_own_dir(refs) && !tree_walk(c, refs, note_lock, &k, e)) {
        return false;
    }
    if (k.n && (dir_in_use(c->arena, g->dest, "git") || dir_in_use(c->arena, g->git_dir, "git"))) {
        return true;  // git says itself what is in the way
    }
    for (size_t i = 0; i < k.n; i++) {
        if (!file_in_use(c->arena, k.paths[i]) && !trust_unlink(c, k.paths[i], e) &&
            (e->code != ERR_NONE || errno != ENOENT)) {
            return e->code == ERR_NONE &&
                   mod_fail_sys(c, e, errno, "cannot remove '%s', which a git that was killed has left", k.paths[i]);
        }
    }
    return true;
}

// -- clones ----------------------------------------------------------------------------------------------------------

/// Something in a repository's directory that `git init` does not make.
static bool note_foreign(void *ctx, const struct tree_entry *t, struct err *e) {
    static const char *const known[] = {"branches", "hooks",   "info", "description", "HEAD",
                                        "config",   "objects", "refs", "config.lock", "HEAD.lock",
                                        "pack",     "heads",   "tags", "exclude",     "remotes"};
    bool *foreign = ctx;
    bool ok =
        str_ends(str_from(t->name), ".sample") || str_find(str_from(t->path), 0, STR_LIT("/objects/")) != SIZE_MAX;
    for (size_t i = 0; i < COUNTOF(known); i++) {
        ok = ok || strcmp(t->name, known[i]) == 0;
    }
    (void)e;
    *foreign = *foreign || !ok;
    return true;
}

/// A clone of this module that did not come to its end: it says so, or nothing but what `git init` makes is there.
static bool is_cut(struct mod_call *c, const char *dir, bool bare, bool *cut, struct err *e) {
    struct str config = STR_NONE;
    struct err none = {.arena = c->arena};
    bool foreign = false;
    *cut = false;
    if (!is_own_dir(dir) || (!bare && exists(arena_printf(c->arena, "%s/index", dir)))) {
        return true;
    }
    (void)fd_read_file(arena_printf(c->arena, "%s/config", dir), CONFIG_MAX, c->arena, &config, &none);
    if (str_find(config, 0, STR_LIT("[play]\n\tunfinished = true\n")) != SIZE_MAX) {
        *cut = true;
        return true;
    }
    if (str_find(config, 0, STR_LIT("[remote ")) != SIZE_MAX) {
        return true;
    }
    if (!tree_walk(c, dir, note_foreign, &foreign, e)) {
        return false;
    }
    *cut = !foreign;
    return true;
}

struct inside {
    struct mod_call *c;
    const char *root;
};

static bool remove_entry(void *ctx, const struct tree_entry *t, struct err *e) {
    const struct inside *in = ctx;
    size_t n = strlen(in->root);
    return strchr(t->path + n + 1, '/') || tree_remove(in->c, t->path, e);
}

bool git_recover(struct mod_call *c, struct git *g, bool bare, const char *separate, struct err *e) {
    const char *dirs[] = {g->git_dir, separate};
    if (!g->git_dir) {
        return true;
    }
    for (size_t i = 0; i < COUNTOF(dirs); i++) {
        bool cut = false;
        if (!dirs[i] || !exists(dirs[i])) {
            continue;
        }
        if (!is_cut(c, dirs[i], bare, &cut, e)) {
            return false;
        }
        // The directory that is given stays: it may have an owner and a mode of its own.
        struct inside in = {c, dirs[i]};
        bool given = bare || i == 1 || dirs[i] == separate;
        if (cut && !(given ? tree_walk(c, dirs[i], remove_entry, &in, e) : tree_remove(c, dirs[i], e))) {
            return false;
        }
        const char *link = arena_printf(c->arena, "%s/.git", g->dest);
        struct stat st;
        if (cut && !bare && lstat(link, &st) == 0 && S_ISREG(st.st_mode) && !trust_unlink(c, link, e)) {
            return e->code == ERR_NONE && mod_fail_sys(c, e, errno, "cannot remove '%s'", link);
        }
    }
    return !is_own_dir(g->git_dir) || remove_locks(c, g, e);
}

const char *git_config_of(struct mod_call *c, const struct git *g) {
    size_t n = strlen(g->dest);
    bool inside = strncmp(g->git_dir, g->dest, n) == 0 && (!g->git_dir[n] || g->git_dir[n] == '/');
    const char *dir = inside ? g->git_dir + n + (g->git_dir[n] == '/') : g->git_dir;
    return *dir ? arena_printf(c->arena, "%s/config", dir) : "config";
}

bool git_move(struct mod_call *c, const char *from, const char *to, struct err *e) {
    CLEANUP(fd_closep) int from_dir = -1;
    CLEANUP(fd_closep) int to_dir = -1;
    const char *a = trust_anchor(c, from, &from_dir, e);
    const char *b = a ? trust_anchor(c, to, &to_dir, e) : NULL;
    return b && rename(a, b) == 0;
}

// -- checkouts -------------------------------------------------------------------------------------------------------

static const char *mark_of(struct mod_call *c, const struct git *g) {
    return arena_printf(c->arena, "%s/" CHECKOUT_MARK, g->git_dir);
}

bool git_checkout_was_cut(struct mod_call *c, const struct git *g) {
    return exists(mark_of(c, g));
}

bool git_checkout_begins(struct mod_call *c, const struct git *g, struct err *e) {
    CLEANUP(fd_closep) int dir = -1;
    const char *at = trust_anchor(c, mark_of(c, g), &dir, e);
    CLEANUP(fd_closep) int fd = at ? open(at, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    return fd >= 0 || (e->code == ERR_NONE && mod_fail_sys(c, e, errno, "cannot write '%s'", mark_of(c, g)));
}

void git_checkout_ends(struct mod_call *c, const struct git *g, bool ok) {
    struct run_result r;
    struct err none = {.arena = c->arena};
    struct str line;
    if (!ok && (!exists(arena_printf(c->arena, "%s/index", g->git_dir)) ||
                !git_try(c, g, g->dest, GIT_WORDS("status", "--porcelain"), &r, &none) || r.rc != 0)) {
        return;
    }
    while (!ok && r.out.n > 0 && str_next(&r.out, '\n', &line)) {
        if (line.n > 0 && !str_starts(line, "??")) {
            return;
        }
    }
    struct err refused = {.arena = c->arena};
    (void)trust_unlink(c, mark_of(c, g), &refused);
}
