// copy: files, directories and given content to the target.
#include "json.h"
#include "put.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILES ((size_t)20000)
#define MAX_DEPTH 100

static const struct arg args[] = {
    {"src", ARG_PATH, .doc = "File or directory on the controller (on the target with remote_src)."},
    {"content", ARG_RAW, .doc = "The content itself, instead of src."},
    {"dest", ARG_PATH, .required = true, .doc = "Where it goes."},
    {"remote_src", ARG_BOOL, .def = "false", .doc = "src is on the target."},
    {"directory_mode", ARG_RAW, .doc = "Mode of directories that are created."},
    {"local_follow", ARG_BOOL, .def = "true", .doc = "Follow links below src."},
    {"decrypt", ARG_BOOL, .def = "true", .doc = "Decrypt src when it is a vault file."},
    {"checksum", ARG_STR, .doc = "SHA1 that the source must have."},
    {"_original_basename", ARG_STR, .doc = "Internal."},
    PUT_ARGS,
    {0},
};

// -- controller ------------------------------------------------------------------------------------------------------

static bool attach_content(struct mod_call *c, struct err *e) {
    struct val v = mod_arg(c, "content");
    struct str data;
    if (v.kind == VAL_DICT || val_is_seq(v)) {
        struct buf b = BUF_IN(c->arena);
        if (!json_write(&b, v, NULL, e)) {
            return false;
        }
        data = buf_view(&b);
    } else {
        data = val_str_of(c->arena, v);
    }
    put_attach(c, STR_NONE, data, STR_NONE, STR_NONE);
    // The content has become an attachment: it must not be shown or sent a second time.
    val_del_key(c->args, val_z(c->arena, "content"));
    return true;
}

static bool attach_file(struct mod_call *c, struct str path, struct str rel, struct err *e) {
    struct str data;
    bool secret;
    struct stat st;
    if (stat(str_z(c->arena, path), &st) != 0) {
        return err_sys(e, errno, val_get(c->args, "src").mark, "cannot read '%.*s'", STR(path));
    }
    if (!c->ctl->read(c->ctl->self, path, !mod_bool(c, "decrypt"), c->arena, &data, &secret, e)) {
        return false;
    }
    struct str mode = STR_NONE;
    if (str_eqz(val_text(mod_arg(c, "mode")), "preserve")) {
        mode = str_printf(c->arena, "%04o", (unsigned)(st.st_mode & 07777));
    }
    put_attach(c, rel, data, mode, path);
    return true;
}

static bool attach_tree(struct mod_call *c, struct str dir, struct str rel, unsigned depth, struct err *e);

static bool attach_entry(struct mod_call *c, struct str path, struct str name, unsigned depth, struct err *e) {
    struct stat st;
    bool follow = mod_bool(c, "local_follow");
    const char *z = str_z(c->arena, path);
    if ((follow ? stat(z, &st) : lstat(z, &st)) != 0) {
        return err_sys(e, errno, val_get(c->args, "src").mark, "cannot read '%s'", z);
    }
    if (S_ISDIR(st.st_mode)) {
        return attach_tree(c, path, name, depth + 1, e);
    }
    if (S_ISLNK(st.st_mode)) {
        return err_set(e, ERR_ARGS, val_get(c->args, "src").mark,
                       "'%s' is a symbolic link: copying links as links (local_follow: false) is not supported", z);
    }
    return attach_file(c, path, name, e);
}

static bool attach_tree(struct mod_call *c, struct str dir, struct str rel, unsigned depth, struct err *e) {
    struct dirent **names;
    int n = depth > MAX_DEPTH ? -1 : scandir(str_z(c->arena, dir), &names, NULL, alphasort);
    if (n < 0) {
        return err_sys(e, depth > MAX_DEPTH ? ELOOP : errno, val_get(c->args, "src").mark,
                       "cannot read directory '%.*s'", STR(dir));
    }
    bool ok = true;
    bool empty = true;
    for (int i = 0; i < n; i++) {
        struct str name = str_dup(c->arena, str_from(names[i]->d_name));
        free(names[i]);
        if (!ok || str_eqz(name, ".") || str_eqz(name, "..")) {
            continue;
        }
        empty = false;
        struct str below = rel.n ? str_printf(c->arena, "%.*s/%.*s", STR(rel), STR(name)) : name;
        ok = attach_entry(c, str_printf(c->arena, "%.*s/%.*s", STR(dir), STR(name)), below, depth, e);
        if (ok && c->blobs.n > MAX_FILES) {
            ok = err_set(e, ERR_LIMIT, val_get(c->args, "src").mark, "more than %zu files below '%.*s'", MAX_FILES,
                         STR(dir));
        }
    }
    free(names);
    if (ok && empty && rel.n > 0) {
        put_attach(c, str_printf(c->arena, "%.*s/", STR(rel)), STR_NONE, STR_NONE, dir);
    }
    return ok;
}

static struct str basename_of(struct str path) {
    size_t from = 0;
    for (size_t i = 0; i < path.n; i++) {
        from = path.s[i] == '/' ? i + 1 : from;
    }
    return str_sub(path, from, path.n);
}

static bool prepare(struct mod_call *c, struct err *e) {
    struct mark at = val_get(c->args, "dest").mark;
    bool content = mod_has(c, "content");
    if (content == mod_has(c, "src")) {
        return err_set(e, ERR_ARGS, c->at,
                       content ? "src and content are mutually exclusive" : "src (or content) is required");
    }
    if (mod_bool(c, "remote_src")) {
        return !content || err_set(e, ERR_ARGS, at, "content cannot be used with remote_src");
    }
    if (content) {
        if (str_ends(mod_str(c, "dest"), "/")) {
            return err_set(e, ERR_ARGS, at, "can not use content with a dir as dest");
        }
        return attach_content(c, e);
    }
    struct str src = mod_str(c, "src");
    struct str path;
    struct stat st;
    if (!c->ctl->find(c->ctl->self, "files", src, c->arena, &path, e)) {
        return false;
    }
    if (stat(str_z(c->arena, path), &st) == 0 && S_ISDIR(st.st_mode)) {
        // "dir" copies the directory itself, "dir/" what is in it.
        bool inside = str_ends(src, "/");
        while (path.n > 1 && path.s[path.n - 1] == '/') {
            path.n--;
        }
        bool ok = attach_tree(c, path, inside ? STR_NONE : basename_of(path), 0, e);
        put_seal(c);
        return ok;
    }
    return attach_file(c, path, STR_NONE, e);
}

// -- target ----------------------------------------------------------------------------------------------------------

static bool plan_remote_tree(struct mod_call *c, const char *src, const char *dest, unsigned depth, struct err *e) {
    struct dirent **names;
    int n = depth > MAX_DEPTH ? -1 : scandir(src, &names, NULL, alphasort);
    if (n < 0) {
        return mod_fail_sys(c, e, depth > MAX_DEPTH ? ELOOP : errno, "cannot read directory '%s'", src);
    }
    bool ok = true;
    for (int i = 0; i < n; i++) {
        const char *from = arena_printf(c->arena, "%s/%s", src, names[i]->d_name);
        const char *to = arena_printf(c->arena, "%s/%s", dest, names[i]->d_name);
        bool dots = strcmp(names[i]->d_name, ".") == 0 || strcmp(names[i]->d_name, "..") == 0;
        free(names[i]);
        struct stat st;
        if (!ok || dots || stat(from, &st) != 0) {
            continue;
        }
        struct str data;
        bool found;
        ok = S_ISDIR(st.st_mode)
                 ? plan_remote_tree(c, from, to, depth + 1, e)
                 : replace_read(c, from, &data, &found, e) && put_plan_tree(c, from, to, data, st.st_mode, e);
    }
    free(names);
    return ok;
}

static bool plan_remote(struct mod_call *c, struct err *e) {
    const char *src = mod_z(c, "src");
    struct stat st;
    if (stat(src, &st) != 0) {
        return mod_fail(c, e, "Source %s not found", src);
    }
    mod_set_z(c, "src", src);
    struct str base = basename_of(str_from(src));
    const char *dest = mod_z(c, "dest");
    struct stat ds;
    bool into = str_ends(str_from(dest), "/") || (stat(dest, &ds) == 0 && S_ISDIR(ds.st_mode));
    if (S_ISDIR(st.st_mode)) {
        bool inside = str_ends(str_from(src), "/");
        dest = inside ? dest : arena_printf(c->arena, "%s/%.*s", dest, STR(base));
        mod_set_z(c, "dest", dest);
        return plan_remote_tree(c, src, dest, 0, e);
    }
    dest = into ? arena_printf(c->arena, "%s/%.*s", dest, STR(base)) : dest;
    mod_set_z(c, "dest", dest);
    struct str data;
    bool found;
    if (!replace_read(c, src, &data, &found, e)) {
        return false;
    }
    if (!found) {
        return mod_fail(c, e, "Source %s is not a regular file", src);
    }
    return put_plan_tree(c, src, dest, data, st.st_mode, e);
}

static bool plan(struct mod_call *c, struct err *e) {
    return mod_bool(c, "remote_src") ? plan_remote(c, e) : put_plan(c, e);
}

MODULE(copy) = {
    .doc = "Copy files, directories or given content to the target.",
    .spec = "ansible.builtin.copy",
    .example = "- ansible.builtin.copy:\n    content: |\n      hello\n    dest: /etc/motd\n    mode: '0644'",
    .returns =
        "dest: Where it went.\nchecksum: SHA1 of the content.\nmd5sum: MD5 of what was written.\n"
        "backup_file: Name of the backup.\nstate: Kind of dest.\nmode: Permissions.\nowner: Owner.\n"
        "group: Group.\nuid: Owner's id.\ngid: Group's id.\nsize: Size in bytes.\nsrc: The source on the target.",
    .args = args,
    .file_args = true,
    .exclusive = "src,content",
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .side = ON_TARGET,
    .prepare = prepare,
    .plan = plan,
    .run = put_run,
};
