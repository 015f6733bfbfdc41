// Cases with links: what a case writes is a link that another user has put there, to a file of root's. The module may
// refuse, or put a file in place of the link; what the link points to stays as it is.
#include "case.h"

#include "digest.h"

#include <errno.h>
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
    struct val result = VNULL;
    if (!tree_make(c->a, c->dir, val_get(c->spec, "files"), c->e) || !case_shell(c, "setup")) {
        return false;
    }
    l->before = tree_files(c->a, c->dir);
    bool ok = case_blobs(c) && case_call(c, false, &result);
    l->after = tree_files(c->a, c->dir);
    return ok;
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

static bool linked(struct one *c) {
    const struct links *l = c->self;
    struct val result = VNULL;
    const char *path = arena_printf(c->a, "%s/%.*s", c->dir, STR(l->name));
    const char *aside = arena_printf(c->a, "%s.aside", c->dir);
    const char *secret = arena_printf(c->a, "%s/secret", aside);
    if (!tree_make(c->a, c->dir, val_get(c->spec, "files"), c->e) || !case_shell(c, "setup") ||
        (mkdir(aside, 0700) != 0 && errno != EEXIST) || !put_link(c, path, secret)) {
        return false;
    }
    const char *before = state_of(c->a, secret);
    bool ok = case_blobs(c) && case_call(c, false, &result);
    const char *after = state_of(c->a, secret);
    case_tree_remove(aside);
    return ok && (strcmp(before, after) == 0 ||
                  err_set(c->e, ERR_MODULE, c->spec.mark,
                          "'%.*s' was a link of user %d, and what it leads to was changed: before %s, after %s",
                          STR(l->name), STRANGER, before, after));
}

bool links_run(struct runner *r, struct arena *a, const struct case_kind *k, struct err *e) {
    struct links l = {.name = STR_NONE};
    struct case_kind with = *k;
    with.self = &l;
    bool ok = case_in_dir(r, a, &with, plain, e);
    struct val after = l.after;
    struct val before = l.before;
    size_t i = 0;
    struct vpair *p;
    while (ok && (p = val_each(after, &i))) {
        struct val old = val_get_key(before, p->key);
        l.name = val_text(p->key);
        bool link = str_starts(val_text(old), "-> ") || str_starts(val_text(p->value), "-> ");
        if (!link && !val_equal(old, p->value) && !str_ends(l.name, "~")) {
            ok = case_in_dir(r, a, &with, linked, e);
        }
    }
    return ok;
}
