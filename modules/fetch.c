// fetch: a file of the target to the controller. The target is not believed: where the file goes is worked out here,
// what it sends is checked against its own checksum, and a path that leads out of dest is refused.
#include "digest.h"
#include "fd.h"
#include "local.h"
#include "paths.h"
#include "spec.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONTENT_MAX ((size_t)56 << 20)  // with the rest of the result it must fit one message

static const struct arg args[] = {
    {"src", ARG_RAW, .doc = "Needed. File on the target; a link is followed, a directory refused."},
    {"dest", ARG_STR, .doc = "Needed. Directory on the controller: the file goes to dest/HOST/src."},
    {"flat", ARG_BOOL, .def = "false", .doc = "dest is the file itself, or with a slash behind its directory."},
    {"fail_on_missing", ARG_BOOL, .def = "true", .doc = "Fail when src cannot be read."},
    {"validate_checksum", ARG_BOOL, .def = "true", .doc = "Compare the checksums after the copy."},
    {"_have", ARG_STR, .doc = "Internal: checksum of the file the controller has."},
    {0},
};

// -- where it goes ---------------------------------------------------------------------------------------------------

static bool is_dir(struct arena *a, struct str path) {
    struct stat st;
    return stat(str_z(a, path), &st) == 0 && S_ISDIR(st.st_mode);
}

static bool traversal(struct mod_call *c, struct str root, struct str path, struct err *e) {
    return mod_fail(c, e, "Detected directory traversal, expected to be contained in '%.*s' but got '%.*s'", STR(root),
                    STR(path));
}

static bool flat_dest(struct mod_call *c, struct str src, struct str *out, struct err *e) {
    struct str dest = mod_str(c, "dest");
    struct str path;
    if (!local_path(c, dest, &path, e)) {
        return false;
    }
    if (str_ends(dest, "/")) {
        struct str base = paths_base(src);
        if (!base.n || str_eqz(base, ".") || str_eqz(base, "..")) {
            return traversal(c, path, src, e);
        }
        path = str_printf(c->arena, "%.*s/%.*s", STR(path), STR(base));
    } else if (is_dir(c->arena, path)) {
        return mod_fail(c, e,
                        "dest is an existing directory, use a trailing slash if you want to fetch src into that "
                        "directory");
    }
    *out = paths_normal(c->arena, path);
    return true;
}

/// What the user wrote may lead anywhere below dest; what the target made of it stays below dest/HOST.
static bool host_dest(struct mod_call *c, struct str src, struct str *out, struct err *e) {
    struct str path;
    struct val host = VNULL;
    if (!local_path(c, mod_str(c, "dest"), &path, e) ||
        !c->ctl->var(c->ctl->self, "inventory_hostname", c->arena, &host, e)) {
        return false;
    }
    struct str name = val_text(host);
    struct str dest = paths_normal(c->arena, path);
    struct str root = paths_normal(c->arena, str_printf(c->arena, "%.*s/%.*s", STR(path), STR(name)));
    if (!name.n || !paths_below(dest, root)) {
        return traversal(c, path, root, e);
    }
    *out = paths_normal(c->arena, str_printf(c->arena, "%.*s/%.*s", STR(root), STR(src)));
    root = str_eq(src, mod_str(c, "src")) ? dest : root;
    return paths_below(root, *out) || traversal(c, root, *out, e);
}

static bool place(struct mod_call *c, struct str src, struct str *out, struct err *e) {
    return mod_bool(c, "flat") ? flat_dest(c, src, out, e) : host_dest(c, src, out, e);
}

/// SHA1 of a file of the controller; NULL when there is none.
static bool checksum_of(struct mod_call *c, const char *path, const char **hex, struct err *e) {
    struct stat st;
    *hex = NULL;
    if (stat(path, &st) != 0 || S_ISDIR(st.st_mode)) {
        return true;
    }
    return digest_file(c->arena, "sha1", path, hex, e);
}

/// The paths only the target can complete.
static bool needs_target(struct str src) {
    return str_starts(src, "~") || str_find_char(src, 0, '$') != SIZE_MAX;
}

// -- controller, before ----------------------------------------------------------------------------------------------

static bool prepare(struct mod_call *c, struct err *e) {
    struct str src = mod_str(c, "src");
    struct str dest;
    const char *have = NULL;
    (void)val_del_key(c->args, val_z(c->arena, "_have"));
    if (c->check) {
        return mod_skip(c, "check mode not (yet) supported for this module");
    }
    if (mod_has(c, "src") && mod_arg(c, "src").kind != VAL_STR) {
        return mod_fail(c, e, "Invalid type supplied for source option, it must be a string, not %s",
                        val_kind_name(mod_arg(c, "src").kind));
    }
    if (!src.n || !mod_str(c, "dest").n) {
        return mod_fail(c, e, "src and dest are required");
    }
    if (needs_target(src)) {
        return true;
    }
    if (!place(c, src, &dest, e) || !checksum_of(c, str_z(c->arena, dest), &have, e)) {
        return false;
    }
    if (have) {
        val_set(c->arena, c->args, "_have", val_z(c->arena, have));
    }
    return true;
}

// -- target ----------------------------------------------------------------------------------------------------------

static bool missing(struct mod_call *c, struct err *e, const char *msg) {
    if (mod_bool(c, "fail_on_missing")) {
        return mod_fail(c, e, "%s", msg);
    }
    mod_set_str(c, "file", path_expand(c->arena, mod_str(c, "src")));
    mod_set_z(c, "msg", msg);
    return true;
}

static bool run(struct mod_call *c, struct err *e) {
    const char *src = str_z(c->arena, path_expand(c->arena, mod_str(c, "src")));
    struct str data;
    const char *hex;
    struct err why = {.arena = c->arena};
    struct stat st;
    if (stat(src, &st) == 0 && S_ISDIR(st.st_mode)) {
        return missing(c, e,
                       mod_bool(c, "fail_on_missing")
                           ? "remote file is a directory, fetch cannot work on directories"
                           : "remote file is a directory, fetch cannot work on directories, not transferring, ignored");
    }
    if (!fd_read_regular(src, CONTENT_MAX, c->arena, &data, &why)) {
        if (why.sys_errno == ENOENT || why.sys_errno == ENOTDIR) {
            return missing(c, e, "the remote file does not exist, not transferring, ignored");
        }
        if (why.code == ERR_LIMIT) {
            return mod_fail(c, e, "cannot fetch %s: it is larger than %zu bytes", src, CONTENT_MAX);
        }
        return missing(c, e,
                       why.sys_errno == EACCES
                           ? arena_printf(c->arena, "file is not readable: %s", src)
                           : arena_printf(c->arena, "unable to fetch %s: %.*s", src, STR(err_text(&why))));
    }
    if (!digest_hex(c->arena, "sha1", data, &hex, e)) {
        return false;
    }
    mod_set_z(c, "file", src);
    mod_set_z(c, "remote_checksum", hex);
    if (!str_eqz(mod_str(c, "_have"), hex)) {
        mod_set_str(c, "_content", data);
    }
    return true;
}

// -- controller, after -----------------------------------------------------------------------------------------------

/// Writes through a link at dest, as Ansible; an existing file keeps its mode.
static bool write_local(struct mod_call *c, struct str dest, struct str data, struct err *e) {
    char real[4096];
    struct stat st;
    mode_t mask = umask(0);
    umask(mask);
    const char *path = str_z(c->arena, dest);
    unsigned mode = 0666 & ~mask;
    if (realpath(path, real)) {
        path = real;
    }
    if (stat(path, &st) == 0) {
        mode = st.st_mode & 07777;
    }
    return local_parents(c, dest, e) && fd_replace_file(path, data, mode, e);
}

static bool set_checksums(struct mod_call *c, struct str dest, struct str *sum, struct err *e) {
    const char *md5;
    const char *sha1;
    const char *path = str_z(c->arena, dest);
    if (!digest_file(c->arena, "md5", path, &md5, e) || !digest_file(c->arena, "sha1", path, &sha1, e)) {
        return false;
    }
    mod_set_str(c, "dest", dest);
    mod_set_z(c, "md5sum", md5);
    mod_set_z(c, "checksum", sha1);
    *sum = str_from(sha1);
    return true;
}

static void forget(struct mod_call *c, const char *key) {
    (void)val_del_key(c->result, val_z(c->arena, key));
}

static bool store(struct mod_call *c, struct str dest, struct str data, struct str remote, struct err *e) {
    struct str local;
    if (!write_local(c, dest, data, e) || !set_checksums(c, dest, &local, e)) {
        return false;
    }
    mod_set(c, "remote_md5sum", VNULL);
    mod_set_str(c, "remote_checksum", remote);
    if (mod_bool(c, "validate_checksum") && !str_eq(local, remote)) {
        return mod_fail(c, e, "checksum mismatch");
    }
    forget(c, "file");
    mod_set(c, "changed", val_bool(true));
    return true;
}

static bool finish(struct mod_call *c, struct err *e) {
    struct str remote = str_dup(c->arena, val_text(val_get(c->result, "remote_checksum")));
    struct val content = val_get(c->result, "_content");
    struct str src = mod_str(c, "src");
    struct str dest;
    struct str local;
    const char *have = NULL;
    forget(c, "_content");
    forget(c, "remote_checksum");
    if (!remote.n) {
        return true;  // nothing to fetch, and that is fine
    }
    if (needs_target(src)) {
        src = val_text(val_get(c->result, "file"));
    }
    if (!place(c, src, &dest, e) || !checksum_of(c, str_z(c->arena, dest), &have, e)) {
        return false;
    }
    if (have && str_eqz(remote, have)) {
        mod_set(c, "changed", val_bool(false));
        return set_checksums(c, dest, &local, e);
    }
    if (!val_is(content, VAL_STR)) {
        return mod_fail(c, e, "the target did not send the content of '%.*s'", STR(src));
    }
    return store(c, dest, val_text(content), remote, e);
}

MODULE(fetch) = {
    .doc = "Copy a file of the target to the controller.",
    .spec = "ansible.builtin.fetch",
    .example = "- ansible.builtin.fetch:\n    src: /etc/machine-id\n    dest: collected/",
    .order = "changed md5sum file dest remote_md5sum checksum remote_checksum",
    .returns = "dest: Where it went.\nfile: The file on the target.\nchecksum: SHA1 of the file on the controller.\n"
               "md5sum: MD5 of it.\nremote_checksum: SHA1 of the file on the target.\nremote_md5sum: Always null.",
    .args = args,
    .any_args = true,  // Ansible's does not look at others: roles give it a mode, or validate_md5
    .check = SUPPORT_NONE,
    .diff = SUPPORT_NONE,
    .no_invocation = true,
    .side = ON_TARGET,
    .prepare = prepare,
    .run = run,
    .finish = finish,
};
