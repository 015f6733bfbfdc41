// Tests on paths of the controller: file, directory, link, exists, mount, same_file, abs, vaulted_file.
#include "fd.h"
#include "filters/path.h"
#include "filters/support.h"
#include "vault.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool path_at(struct jcall *c, size_t i, const char **out, struct err *e) {
    *out = "";
    if (c->args[i].kind != VAL_STR) {
        return bad_arg(c, e, "path", "a string", c->args[i]);
    }
    struct str p = val_text(c->args[i]);
    *out = p.n && memchr(p.s, 0, p.n) ? "" : str_z(c->a, p);  // Python: such a path does not exist
    return true;
}

/// `type`: 0 any, else S_IFREG, S_IFDIR, S_IFLNK.
static bool is_kind(struct jcall *c, bool follow, mode_t type, bool *out, struct err *e) {
    const char *p;
    struct stat st;
    if (!path_at(c, 0, &p, e)) {
        return false;
    }
    *out = (follow ? stat(p, &st) : lstat(p, &st)) == 0 && (!type || (st.st_mode & S_IFMT) == type);
    return true;
}

static bool t_directory(struct jcall *c, bool *out, struct err *e) {
    return is_kind(c, true, S_IFDIR, out, e);
}
JTEST(directory) = {
    .doc = "Is a directory.", .params = "path", .fn = t_directory, .aliases = "is_dir", .example = "'/' is directory"};

static bool t_file(struct jcall *c, bool *out, struct err *e) {
    return is_kind(c, true, S_IFREG, out, e);
}
JTEST(file) = {.doc = "Is a regular file.",
               .params = "path",
               .fn = t_file,
               .aliases = "is_file",
               .example = "'/etc/passwd' is file"};

static bool t_link(struct jcall *c, bool *out, struct err *e) {
    return is_kind(c, false, S_IFLNK, out, e);
}
JTEST(link) = {.doc = "Is a symbolic link.",
               .params = "path",
               .fn = t_link,
               .aliases = "is_link",
               .example = "'/proc/self' is link"};

static bool t_exists(struct jcall *c, bool *out, struct err *e) {
    return is_kind(c, true, 0, out, e);
}
JTEST(exists) = {.doc = "Exists.", .params = "path", .fn = t_exists, .example = "'/' is exists"};

static bool t_link_exists(struct jcall *c, bool *out, struct err *e) {
    return is_kind(c, false, 0, out, e);
}
JTEST(link_exists) = {.doc = "Exists, perhaps as a broken link.",
                      .params = "path",
                      .fn = t_link_exists,
                      .example = "'/proc/self' is link_exists"};

static bool t_abs(struct jcall *c, bool *out, struct err *e) {
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "path", "a string", c->args[0]);
    }
    *out = str_starts(val_text(c->args[0]), "/");
    return true;
}
JTEST(abs) = {
    .doc = "Is an absolute path.", .params = "path", .fn = t_abs, .aliases = "is_abs", .example = "'/a' is abs"};

static bool t_same_file(struct jcall *c, bool *out, struct err *e) {
    const char *a, *b;
    struct stat x, y;
    if (!path_at(c, 0, &a, e) || !path_at(c, 1, &b, e)) {
        return false;
    }
    if (stat(a, &x) != 0) {
        return err_sys(e, errno, c->at, "'%s' cannot examine '%s'", c->name, a);
    }
    if (stat(b, &y) != 0) {
        return err_sys(e, errno, c->at, "'%s' cannot examine '%s'", c->name, b);
    }
    *out = x.st_dev == y.st_dev && x.st_ino == y.st_ino;
    return true;
}
JTEST(same_file) = {.doc = "Are one file.",
                    .params = "path, other",
                    .fn = t_same_file,
                    .aliases = "is_same_file",
                    .example = "'/etc' is same_file('/etc/.')"};

static bool t_mount(struct jcall *c, bool *out, struct err *e) {
    const char *p;
    struct stat here, up;
    if (!path_at(c, 0, &p, e)) {
        return false;
    }
    *out = false;
    if (lstat(p, &here) != 0 || S_ISLNK(here.st_mode)) {
        return true;
    }
    struct str parent = path_real(c->a, path_join2(c->a, str_from(p), STR_LIT("..")));
    if (lstat(str_z(c->a, parent), &up) == 0) {
        *out = here.st_dev != up.st_dev || here.st_ino == up.st_ino;
    }
    return true;
}
JTEST(mount) = {
    .doc = "Is a mount point.", .params = "path", .fn = t_mount, .aliases = "is_mount", .example = "'/' is mount"};

static bool t_vaulted_file(struct jcall *c, bool *out, struct err *e) {
    const char *p;
    char head[32];
    if (!path_at(c, 0, &p, e)) {
        return false;
    }
    CLEANUP(fd_closep) int fd = open(p, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof head);
    if (n < 0) {
        return err_sys(e, errno, c->at, "'%s' cannot read '%s'", c->name, p);
    }
    *out = vault_is((struct str){head, (size_t)n});
    return true;
}
JTEST(vaulted_file) = {.doc = "Is a file in a vault envelope.",
                       .params = "path",
                       .fn = t_vaulted_file,
                       .example = "'/etc/passwd' is not vaulted_file"};
