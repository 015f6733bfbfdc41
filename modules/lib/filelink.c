// Symbolic and hard links of the module `file`.
#include "filestate.h"

#include "fd.h"
#include "replace.h"
#include "trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static bool directory_is_empty(const char *path) {
    DIR *d = opendir(path);
    size_t n = 0;
    while (d && readdir(d)) {
        n++;
    }
    if (d) {
        closedir(d);
    }
    return n <= 2;
}

// The text of the link that is there, or NULL.
static const char *link_text(struct mod_call *c, const char *path) {
    char text[4096];
    ssize_t n = readlink(path, text, sizeof text - 1);
    return n < 0 ? NULL : arena_strndup(c->arena, text, (size_t)n);
}

static bool is(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

// Where a relative target is looked up: from the link's directory, or `below` a directory that is there instead.
static const char *target_of(struct mod_call *c, const struct file *f, bool below) {
    if (f->src[0] == '/') {
        return f->src;
    }
    if (below) {
        return arena_printf(c->arena, "%s/%s", f->path, f->src);
    }
    const char *slash = strrchr(f->path, '/');
    return slash ? arena_printf(c->arena, "%.*s/%s", (int)(slash - f->path), f->path, f->src) : f->src;
}

static bool may_replace(struct mod_call *c, struct file *f, struct err *e) {
    bool dir = is(f->now, "directory");
    if (!mod_bool(c, "force")) {
        return file_fail(c, f, "path", e,
                         arena_printf(c->arena, "refusing to convert from %s to symlink for %s", f->now, f->shown));
    }
    if (dir && !directory_is_empty(f->path)) {
        return file_fail(c, f, "path", e,
                         arena_printf(c->arena, "the directory %s is not empty, refusing to convert it", f->shown));
    }
    return true;
}

// Attributes of the link itself, or with `follow` of what it leads to.
static bool link_attributes(struct mod_call *c, struct file *f, struct err *e) {
    struct stat st;
    if (!mod_bool(c, "follow")) {
        if (lstat(f->path, &st) != 0 || !S_ISLNK(st.st_mode)) {
            st = fsattr_fresh(f->path, false);
            st.st_mode = S_IFLNK | 0777;
        }
        return file_attributes(c, f, f->path, &st, e);
    }
    const char *target = f->src ? target_of(c, f, false) : f->path;
    if (stat(target, &st) != 0) {
        if (!c->check) {
            mod_warn(c, "attributes are not set: %s leads to nothing (follow: false sets those of the link)", f->shown);
        }
        return true;
    }
    return file_attributes(c, f, fsattr_realpath(c->arena, target), &st, e);
}

bool file_plan_link(struct mod_call *c, struct file *f, struct err *e) {
    const char *old = is(f->now, "link") ? link_text(c, f->path) : NULL;
    struct stat st;
    if (!f->src && old && mod_bool(c, "follow") && stat(f->path, &st) == 0) {
        f->src = old;
    }
    const char *target = f->src ? target_of(c, f, is(f->now, "directory")) : NULL;
    if (target && stat(target, &st) != 0 && !mod_bool(c, "force")) {
        mod_set_z(c, "src", f->src);
        return file_fail(
            c, f, "path", e,
            arena_printf(c->arena,
                         "src file does not exist, use \"force=yes\" if you really want to create the link: %s",
                         target));
    }
    bool there = old || is(f->now, "absent");
    if (!there && !may_replace(c, f, e)) {
        return false;
    }
    if (!old && !f->src) {
        return mod_fail(c, e, "src is required for creating new symlinks");
    }
    mod_set(c, "src", f->src ? val_z(c->arena, f->src) : VNULL);
    mod_set_z(c, "dest", f->shown);
    if (!old) {
        f->create = true;
        f->clear = is(f->now, "directory");
        mod_changed(c);
    } else if (f->src && !is(old, f->src)) {
        f->create = true;
        file_differs(c, f, "src", val_z(c->arena, old), val_z(c->arena, f->src));
    }
    return (c->check && stat(f->path, &st) != 0) || link_attributes(c, f, e);
}

// What is there decides whether it may become another hard link; *same: it is the right one already.
static bool check_hard(struct mod_call *c, struct file *f, const struct stat *src, bool *same, struct err *e) {
    struct stat st;
    *same = stat(f->path, &st) == 0 && st.st_ino == src->st_ino && st.st_dev == src->st_dev;
    if (is(f->now, "link")) {
        const char *old = link_text(c, f->path);
        *same = old && is(old, f->src);
        if (!*same) {
            file_differs(c, f, "src", val_z(c->arena, old ? old : ""), val_z(c->arena, f->src));
        }
        return true;
    }
    if (is(f->now, "absent") || *same || (mod_bool(c, "force") && !is(f->now, "directory"))) {
        return true;
    }
    mod_set_z(c, "src", f->src);
    if (is(f->now, "file")) {
        return file_fail(c, f, "dest", e, "Cannot link, file exists at destination");
    }
    return file_fail(c, f, "dest", e, "Cannot link, different hard link exists at destination");
}

bool file_plan_hard(struct mod_call *c, struct file *f, struct err *e) {
    struct stat st;
    struct stat src;
    bool same = true;
    if (!f->src && !is(f->now, "hard")) {
        return mod_fail(c, e, "src is required for creating new hardlinks");
    }
    if (f->src && stat(f->src, &src) != 0) {
        mod_set_z(c, "src", f->src);
        return file_fail(c, f, "dest", e, "src does not exist");
    }
    if (f->src && !check_hard(c, f, &src, &same, e)) {
        return false;
    }
    mod_set_z(c, "dest", f->shown);
    mod_set(c, "src", f->src ? val_z(c->arena, f->src) : VNULL);
    if (f->src && !same) {
        f->create = true;
        mod_changed(c);
    }
    if (c->check && is(f->now, "absent")) {
        return true;
    }
    if (f->create) {
        return file_attributes(c, f, f->path, &src, e);
    }
    return lstat(f->path, &st) != 0 || file_attributes(c, f, f->path, &st, e);
}

// The link appears under a temporary name first, so that what it replaces is never missing.
static bool make_link(struct mod_call *c, struct file *f, struct err *e) {
    bool hard = is(f->state, "hard");
    CLEANUP(fd_closep) int anchor = -1;
    const char *at = trust_anchor(c, f->path, &anchor, e);
    if (!at) {
        mod_set_z(c, "path", f->shown);
        return e->code == ERR_NONE && mod_fail_sys(c, e, errno, "Error while linking %s to %s", f->shown, f->src);
    }
    const char *tmp = replace_temp_name(c->arena, at);
    // AT_SYMLINK_FOLLOW is not given: a link planted at src is linked, not what it leads to.
    if ((hard ? linkat(AT_FDCWD, f->src, AT_FDCWD, tmp, 0) : symlink(f->src, tmp)) != 0) {
        mod_set_z(c, "path", f->shown);
        return mod_fail_sys(c, e, errno, "Error while linking %s to %s", f->shown, f->src);
    }
    if (f->clear && rmdir(at) != 0 && errno != ENOENT) {
        int why = errno;
        unlink(tmp);
        return mod_fail_sys(c, e, why, "Error while replacing %s", f->shown);
    }
    if (rename(tmp, at) != 0) {
        int why = errno;
        unlink(tmp);
        return mod_fail_sys(c, e, why, "Error while replacing %s", f->shown);
    }
    unlink(tmp);  // rename leaves both names when they are the same file already
    return true;
}

bool file_run_link(struct mod_call *c, struct file *f, struct err *e) {
    if (f->create && !make_link(c, f, e)) {
        return false;
    }
    if (is(f->state, "hard") || !mod_bool(c, "follow")) {
        return file_apply(c, f, f->path, e);
    }
    struct stat st;
    return stat(f->path, &st) != 0 || file_apply(c, f, fsattr_realpath(c->arena, f->path), e);
}
