// Cases with links: what a case writes is a link that another user has put there, to a file of root's, or no file at
// all. The module may refuse, or put a file in place of the link; what the link points to stays as it is.
#include "case.h"

#include "digest.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define STRANGER 65534

struct links {
    struct val before, after;  // files: name -> digest
    struct str name;           // of the file that is a link this time
};

bool links_apply(struct val spec) {
    struct val result = val_get(spec, "result");
    return geteuid() == 0 && !val_truth(val_get(result, "failed")) && val_truth(val_get(result, "changed"));
}

static bool plain(struct one *c) {
    struct links *l = c->self;
    return case_plain(c, &l->before, &l->after);
}

/// What must not change of a file: content, mode, owner; that it is not there.
static const char *state_of(struct arena *a, const char *path) {
    struct stat st;
    struct err e = {.arena = a};
    const char *hex = "";
    if (lstat(path, &st) != 0) {
        return "not there";
    }
    (void)digest_file(a, "sha256", path, &hex, &e);
    return arena_printf(a, "%s, mode %o, owner %u:%u", hex, st.st_mode, st.st_uid, st.st_gid);
}

/// The file of root's, and the link to it in its place.
static bool put_link(struct one *c, const char *path, const char *secret) {
    bool there = access(path, F_OK) == 0;
    if (there && (rename(path, secret) != 0 || chown(secret, 0, 0) != 0 || chmod(secret, 0600) != 0)) {
        return err_sys(c->e, errno, c->spec.mark, "cannot move '%s'", path);
    }
    if (symlink(secret, path) != 0 || lchown(path, STRANGER, STRANGER) != 0) {
        return errno == ENOENT || err_sys(c->e, errno, c->spec.mark, "cannot make the link '%s'", path);
    }
    return true;
}

/// How the result of a case reads, whatever the module made of what it found: an answer, with a reason if it failed.
static bool answered(struct one *c, struct val result, const char *what) {
    const char *msg = str_z(c->a, val_str_of(c->a, val_get(result, "msg")));
    bool failed = val_truth(val_get(result, "failed"));
    if (failed && (!msg[0] || strstr(msg, "it took longer than") || strstr(msg, "killed by signal"))) {
        return err_set(c->e, ERR_MODULE, c->spec.mark, "%s: %s", what, msg[0] ? msg : "no reason is given");
    }
    return true;
}

/// A link of another user in place of the case's file, and what it leads to.
struct planted {
    const char *path, *aside, *secret;
};
static bool plant(struct one *c, struct planted *p) {
    const struct links *l = c->self;
    p->path = arena_printf(c->a, "%s/%.*s", c->dir, STR(l->name));
    p->aside = arena_printf(c->a, "%s.aside", c->dir);
    p->secret = arena_printf(c->a, "%s/secret", p->aside);
    return case_set_up(c) && (mkdir(p->aside, 0700) == 0 || errno == EEXIST) && put_link(c, p->path, p->secret);
}

/// What a link of another user leads to stays as it is, be it the file's name or the directory's.
static bool linked(struct one *c) {
    const struct links *l = c->self;
    struct val result = VNULL;
    struct planted p;
    if (!plant(c, &p)) {
        return false;
    }
    const char *before = state_of(c->a, p.secret);
    bool ok = case_blobs(c) && case_call(c, false, &result);
    const char *after = state_of(c->a, p.secret);
    case_tree_remove(p.aside);
    return ok && answered(c, result, p.path) &&
           (strcmp(before, after) == 0 ||
            err_set(c->e, ERR_MODULE, c->spec.mark,
                    "'%.*s' was a link of user %d, and what it leads to was changed: before %s, after %s", STR(l->name),
                    STRANGER, before, after));
}

/// What is in root's file does not get into one that the link's owner can read.
static bool told(struct one *c) {
    struct val result = VNULL;
    struct planted p;
    if (!plant(c, &p)) {
        return false;
    }
    int fd = open(p.secret, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && fd_write_all(fd, STR_LIT("\n" CASE_SECRET), c->e);
    fd_closep(&fd);
    ok = ok && case_blobs(c) && case_call(c, false, &result);
    struct stat st;
    if (lstat(p.path, &st) == 0 && S_ISLNK(st.st_mode)) {
        unlink(p.path);
    }
    case_tree_remove(p.aside);
    return ok && case_discloses(c, STRANGER);
}

/// A second name of the file keeps the old content.
static bool second_name(struct one *c) {
    const struct links *l = c->self;
    struct val result = VNULL;
    struct err e = {.arena = c->a};
    const char *path = arena_printf(c->a, "%s/%.*s", c->dir, STR(l->name));
    const char *other = arena_printf(c->a, "%s.other", c->dir);
    const char *before = "";
    const char *after = "";
    if (strcmp(c->module, "filesystem") == 0) {
        return true;  // the file is the device
    }
    if (!case_set_up(c) || link(path, other) != 0) {
        return c->e->code == ERR_NONE;  // it is new
    }
    (void)digest_file(c->a, "sha256", other, &before, &e);
    bool ok = case_blobs(c) && case_call(c, false, &result);
    (void)digest_file(c->a, "sha256", other, &after, &e);
    unlink(other);
    return ok && answered(c, result, path) &&
           (strcmp(before, after) == 0 ||
            err_set(c->e, ERR_MODULE, c->spec.mark, "another name of '%.*s' was changed, too", STR(l->name)));
}

/// A directory with a file in it, or a FIFO, where the file should be: an answer, and what is there stays when it
/// fails.
static bool no_file(struct one *c, bool directory) {
    const struct links *l = c->self;
    struct val result = VNULL;
    const char *path = arena_printf(c->a, "%s/%.*s", c->dir, STR(l->name));
    const char *inside = arena_printf(c->a, "%s/kept", path);
    if (!case_set_up(c)) {
        return false;
    }
    case_tree_remove(path);
    if ((directory ? mkdir(path, 0755) : mkfifo(path, 0644)) != 0) {
        return errno == ENOENT || err_sys(c->e, errno, c->spec.mark, "cannot make '%s'", path);
    }
    val_set(c->a, c->spec, "timeout", val_int(30));
    int fd = directory ? open(inside, O_WRONLY | O_CREAT | O_CLOEXEC, 0644) : -1;
    fd_closep(&fd);
    struct stat st;
    bool ok = case_blobs(c) && case_call(c, false, &result) && answered(c, result, path);
    bool kept = directory ? access(inside, F_OK) == 0 : lstat(path, &st) == 0 && S_ISFIFO(st.st_mode);
    return ok && (kept || !val_truth(val_get(result, "failed")) ||
                  err_set(c->e, ERR_MODULE, c->spec.mark, "the %s '%.*s' is gone, though the module failed",
                          directory ? "directory" : "FIFO", STR(l->name)));
}

static bool a_directory(struct one *c) {
    return no_file(c, true);
}

static bool a_fifo(struct one *c) {
    return no_file(c, false);
}

/// The files that the case writes are the same in both.
static bool unchanged(struct one *c, struct val before, struct val now, const char *what) {
    const struct links *l = c->self;
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(l->after, &i))) {
        if (!val_equal(val_get_key(l->before, p->key), p->value) &&
            !val_equal(val_get_key(before, p->key), val_get_key(now, p->key))) {
            return err_set(c->e, ERR_MODULE, c->spec.mark, "'%.*s' was changed through %s of user %d",
                           STR(val_text(p->key)), what, STRANGER);
        }
    }
    return true;
}

/// The directory of the case is a link of another user to one of root's.
static bool below_link(struct one *c) {
    struct val result = VNULL;
    const char *aside = arena_printf(c->a, "%s.aside", c->dir);
    if (!case_set_up(c)) {
        return false;
    }
    if (rename(c->dir, aside) != 0 || symlink(aside, c->dir) != 0 || lchown(c->dir, STRANGER, STRANGER) != 0) {
        return err_sys(c->e, errno, c->spec.mark, "cannot make a link of '%s'", c->dir);
    }
    struct val before = tree_files(c->a, aside, VNULL);
    bool ok = case_blobs(c) && case_call(c, false, &result) && answered(c, result, c->dir);
    struct val now = tree_files(c->a, aside, VNULL);
    unlink(c->dir);
    if (rename(aside, c->dir) != 0) {
        return err_sys(c->e, errno, c->spec.mark, "cannot move '%s' back", aside);
    }
    return ok && unchanged(c, before, now, "a directory's link");
}

/// A file that the case writes; false for links, and backups, which have a time in their names.
static bool writes(const struct links *l, const struct vpair *p) {
    struct val old = val_get_key(l->before, p->key);
    bool link = str_starts(val_text(old), "-> ") || str_starts(val_text(p->value), "-> ");
    return !link && !val_equal(old, p->value) && !str_ends(val_text(p->key), "~");
}

bool links_run(struct runner *r, struct arena *a, const struct case_kind *k, struct err *e) {
    static bool (*const tricks[])(struct one *) = {linked, told, second_name, a_directory, a_fifo};
    struct links l = {.name = STR_NONE};
    struct case_kind with = *k;
    with.self = &l;
    bool ok = case_in_dir(r, a, &with, plain, e);
    bool any = false;
    size_t i = 0;
    struct vpair *p;
    while (ok && (p = val_each(l.after, &i))) {
        l.name = val_text(p->key);
        bool mine = writes(&l, p) && !case_of_program(a, k->spec, l.name);
        for (size_t t = 0; ok && mine && t < COUNTOF(tricks); t++) {
            any = true;
            ok = case_in_dir(r, a, &with, tricks[t], e);
        }
    }
    return ok && (!any || case_in_dir(r, a, &with, below_link, e));
}
