// copy: files, directories and given content to the target.
#include "digest.h"
#include "json.h"
#include "paths.h"
#include "put.h"
#include "trust.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILES ((size_t)20000)
#define MAX_DEPTH 100

static const struct arg args[] = {
    {"src", ARG_PATH, .doc = "File or directory on the controller (on the target with remote_src)."},
    {"content", ARG_RAW, .doc = "The content itself, instead of src."},
    {"dest", ARG_PATH, .doc = "Needed. Where it goes."},
    {"remote_src", ARG_BOOL, .def = "false", .doc = "src is on the target."},
    {"directory_mode", ARG_RAW, .doc = "Mode of directories that are created."},
    {"local_follow", ARG_BOOL, .doc = "Follow links below src; by default not with remote_src."},
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
        if (!json_write(&b, v, &(struct json_style){.ascii = true}, e)) {
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
    const char *z = str_z(c->arena, path);
    bool raw = !mod_bool(c, "decrypt");
    if (stat(z, &st) != 0) {
        return err_sys(e, errno, val_get(c->args, "src").mark, "cannot read '%.*s'", STR(path));
    }
    struct str mode = STR_NONE;
    if (str_eqz(val_text(mod_arg(c, "mode")), "preserve")) {
        mode = str_printf(c->arena, "%04o", (unsigned)(st.st_mode & 07777));
    }
    if (st.st_size >= MOD_FILE_STAYS && c->ctl->plain(c->ctl->self, path, raw)) {
        return put_attach_file(c, rel, z, (size_t)st.st_size, mode, e);
    }
    if (!c->ctl->read(c->ctl->self, path, raw, c->arena, &data, &secret, e)) {
        return false;
    }
    put_attach(c, rel, data, mode, path);
    return true;
}

/// A directory that is being walked, and those above it.
struct walk {
    const struct walk *up;
    unsigned depth;
    dev_t dev;
    ino_t ino;
};

static bool attach_tree(struct mod_call *c, struct str dir, struct str rel, const struct walk *up, struct err *e);

static bool inside_itself(const struct walk *w, const struct stat *st) {
    for (; w; w = w->up) {
        if (w->dev == st->st_dev && w->ino == st->st_ino) {
            return true;
        }
    }
    return false;
}

static bool attach_link(struct mod_call *c, const char *path, struct str rel, struct err *e) {
    char text[4096];
    ssize_t n = readlink(path, text, sizeof text);
    if (n < 0) {
        return err_sys(e, errno, val_get(c->args, "src").mark, "cannot read '%s'", path);
    }
    put_attach_link(c, rel, str_dup(c->arena, (struct str){text, (size_t)n}));
    return true;
}

/// Either directories or everything else: files come before what is in the directories beside them, as with Ansible.
static bool attach_entry(struct mod_call *c, struct str path, struct str rel, const struct walk *w, bool dirs,
                         struct err *e) {
    struct stat st;
    bool follow = !mod_has(c, "local_follow") || mod_bool(c, "local_follow");
    const char *z = str_z(c->arena, path);
    // A link that leads nowhere, or back to where we came from, stays one.
    follow = follow && stat(z, &st) == 0 && !(S_ISDIR(st.st_mode) && inside_itself(w, &st));
    if (!follow && lstat(z, &st) != 0) {
        return err_sys(e, errno, val_get(c->args, "src").mark, "cannot read '%s'", z);
    }
    if (S_ISDIR(st.st_mode) != dirs) {
        return true;
    }
    if (S_ISLNK(st.st_mode)) {
        return attach_link(c, z, rel, e);
    }
    if (!S_ISDIR(st.st_mode)) {
        return attach_file(c, path, rel, e);
    }
    put_attach_dir(c, rel);
    return attach_tree(c, path, rel, w, e);
}

static bool attach_tree(struct mod_call *c, struct str dir, struct str rel, const struct walk *up, struct err *e) {
    struct dirent **names;
    struct stat st;
    struct walk w = {.up = up, .depth = up ? up->depth + 1 : 0};
    bool deep = w.depth > MAX_DEPTH;
    int n = deep || stat(str_z(c->arena, dir), &st) != 0 ? -1 : scandir(str_z(c->arena, dir), &names, NULL, alphasort);
    if (n < 0) {
        return err_sys(e, deep ? ELOOP : errno, val_get(c->args, "src").mark, "cannot read directory '%.*s'", STR(dir));
    }
    w.dev = st.st_dev;
    w.ino = st.st_ino;
    bool ok = true;
    for (int i = 0; n > 0 && i < 2 * n; i++) {
        struct str name = str_dup(c->arena, str_from(names[i % n]->d_name));
        if (!ok || str_eqz(name, ".") || str_eqz(name, "..")) {
            continue;
        }
        struct str below = rel.n ? str_printf(c->arena, "%.*s/%.*s", STR(rel), STR(name)) : name;
        ok = attach_entry(c, str_printf(c->arena, "%.*s/%.*s", STR(dir), STR(name)), below, &w, i >= n, e);
        if (ok && val_len(val_get(c->args, "_files")) > MAX_FILES) {
            ok = err_set(e, ERR_LIMIT, val_get(c->args, "src").mark, "more than %zu files below '%.*s'", MAX_FILES,
                         STR(dir));
        }
    }
    for (int i = 0; i < n; i++) {
        free(names[i]);
    }
    free(names);
    return ok;
}

static bool prepare(struct mod_call *c, struct err *e) {
    struct mark at = val_get(c->args, "dest").mark;
    bool content = mod_has(c, "content");
    bool source = mod_str(c, "src").n > 0;
    if (content ? mod_has(c, "src") : !source) {
        return err_set(e, ERR_ARGS, c->at,
                       content ? "src and content are mutually exclusive" : "src (or content) is required");
    }
    if (!mod_str(c, "dest").n) {
        return err_set(e, ERR_ARGS, c->at, "dest is required");
    }
    if (mod_bool(c, "remote_src") && !content) {
        return true;
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
        val_set(c->arena, c->args, "src", val_printf(c->arena, "%.*s%s", STR(path), inside ? "/" : ""));
        put_seal(c);
        return attach_tree(c, path, inside ? STR_NONE : paths_base(path), NULL, e);
    }
    return attach_file(c, path, STR_NONE, e);
}

// -- target ----------------------------------------------------------------------------------------------------------

static bool plan_remote_tree(struct mod_call *c, const char *src, const char *dest, unsigned depth, struct err *e);

static bool plan_remote_entry(struct mod_call *c, const char *from, const char *to, unsigned depth, struct err *e) {
    struct stat st;
    bool follow = mod_bool(c, "local_follow");
    if ((follow ? stat(from, &st) : lstat(from, &st)) != 0) {
        return mod_fail_sys(c, e, errno, "cannot look at '%s'", from);
    }
    struct put_item i = {.dest = to, .new_mode = st.st_mode & 07777, .own_mode = true};
    bool found;
    char text[4096];
    if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlink(from, text, sizeof text);
        return n < 0 ? mod_fail_sys(c, e, errno, "cannot read '%s'", from)
                     : put_plan_link(c, to, str_dup(c->arena, (struct str){text, (size_t)n}), e);
    }
    if (S_ISDIR(st.st_mode)) {
        return put_plan_dir(c, &i, e) && plan_remote_tree(c, from, to, depth + 1, e);
    }
    return replace_read(c, from, &i.data, &found, e) &&
           (found ? put_plan_file(c, &i, true, e)
                  : mod_fail(c, e, "'%s' is neither a file nor a directory nor a link", from));
}

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
        ok = ok && (dots || plan_remote_entry(c, from, to, depth, e));
    }
    free(names);
    return ok;
}

static const char *without_slash(struct mod_call *c, const char *path) {
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    return arena_strndup(c->arena, path, n);
}

// Where the content of a directory goes, and what `dest`, `mode` and the owner mean: with a slash behind src both are
// dest; without one the content goes below dest, and the rest is for that directory, or for dest when it is made.
struct tree_dest {
    const char *top, *told;
    bool made;  // directories above are made, by the umask
};

static bool tree_dest(struct mod_call *c, const char *src, struct tree_dest *d, struct err *e) {
    const char *dest = without_slash(c, mod_z(c, "dest"));
    struct stat st;
    bool inside = str_ends(str_from(src), "/");
    bool slash = str_ends(str_from(mod_z(c, "dest")), "/");
    bool there = stat(dest, &st) == 0 && S_ISDIR(st.st_mode);
    struct str above = paths_dir(str_from(dest));
    if (!slash && !there && above.n && (stat(str_z(c->arena, above), &st) != 0 || !S_ISDIR(st.st_mode))) {
        return mod_fail(c, e, "Destination directory %.*s does not exist", STR(above));
    }
    d->top = inside ? dest : arena_printf(c->arena, "%s/%.*s", dest, STR(paths_base(str_from(without_slash(c, src)))));
    d->told = there || slash ? d->top : dest;
    d->made = !there && (slash ? inside : !inside);
    if (lstat(d->top, &st) == 0 && !S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode)) {
        return mod_fail(c, e, "cannot replace '%s' by a directory: it is a file", d->top);
    }
    mod_set_z(c, "src", src);
    mod_set(c, "dest", val_printf(c->arena, "%s%s", d->told, inside && (there || slash) ? "/" : ""));
    return true;
}

static bool plan_remote_dir(struct mod_call *c, const char *src, mode_t mode, struct err *e) {
    struct tree_dest d;
    struct stat st;
    if (!tree_dest(c, src, &d, e)) {
        return false;
    }
    if (!mod_bool(c, "force") && stat(d.told, &st) == 0) {
        mod_set_z(c, "msg", "file already exists");
        fsattr_info(c, d.told);
        return true;
    }
    mod_set(c, "checksum", VNULL);
    mod_set(c, "md5sum", VNULL);
    struct put_item told = {.dest = d.told, .new_mode = d.made ? 0 : mode & 07777, .top = true};
    if (str_eqz(val_str_of(c->arena, mod_arg(c, "mode")), "preserve")) {
        told.mode = str_printf(c->arena, "%04o", (unsigned)(mode & 07777));
    }
    struct put_item top = {.dest = d.top, .own_mode = true};
    bool ok = put_plan_dir(c, &told, e) && (d.top == d.told || put_plan_dir(c, &top, e)) &&
              plan_remote_tree(c, without_slash(c, src), d.top, 0, e);
    c->diffs = (struct val){0};
    fsattr_info(c, d.told);
    return ok;
}

static bool remote_sums(struct mod_call *c, struct str data, struct err *e) {
    const char *hex;
    struct str want = mod_str(c, "checksum");
    if (!digest_hex(c->arena, "sha1", data, &hex, e)) {
        return false;
    }
    mod_set_z(c, "checksum", hex);
    if (want.n > 0 && !str_eqz(want, hex)) {
        mod_set_str(c, "expected_checksum", want);
        return mod_fail(c, e, "the file does not have the expected checksum: it is %s", hex);
    }
    if (!digest_hex(c->arena, "md5", data, &hex, e)) {
        return false;
    }
    mod_set_z(c, "md5sum", hex);
    return true;
}

// Where a single file goes, and whether directories are made for it (dest ends with a slash).
static bool remote_dest(struct mod_call *c, const char *src, const char **dest, bool *parents, struct err *e) {
    struct stat st;
    const char *d = mod_z(c, "dest");
    *parents = str_ends(str_from(d), "/");
    *dest = d;
    if (*parents || (stat(d, &st) == 0 && S_ISDIR(st.st_mode))) {
        *dest = arena_printf(c->arena, "%s/%.*s", without_slash(c, d), STR(paths_base(str_from(src))));
    } else {
        struct str dir = paths_dir(str_from(d));
        if (dir.n && (stat(str_z(c->arena, dir), &st) != 0 || !S_ISDIR(st.st_mode))) {
            return mod_fail(c, e, "Destination directory %.*s does not exist", STR(dir));
        }
    }
    if (mod_bool(c, "follow") && stat(*dest, &st) == 0) {
        if (!trust_path(c, *dest, true, e)) {
            return false;
        }
        *dest = trust_real(c, *dest, e);
        if (!*dest) {
            return false;
        }
    }
    return true;
}

static bool plan_remote_file(struct mod_call *c, const char *src, mode_t mode, struct err *e) {
    struct put_item i = {0};
    bool found;
    bool parents;
    struct stat st;
    if (!remote_dest(c, src, &i.dest, &parents, e) || !replace_read(c, src, &i.data, &found, e)) {
        return false;
    }
    if (!found) {
        return mod_fail(c, e, "Cannot copy invalid source '%s': not a file", src);
    }
    if (lstat(i.dest, &st) == 0 && !mod_bool(c, "force")) {
        mod_set_z(c, "msg", "file already exists");
    } else if (!remote_sums(c, i.data, e)) {
        return false;
    }
    if (str_eqz(val_str_of(c->arena, mod_arg(c, "mode")), "preserve")) {
        i.mode = str_printf(c->arena, "%04o", (unsigned)(mode & 07777));
    }
    mod_set_z(c, "src", src);
    mod_set_z(c, "dest", i.dest);
    bool ok = put_plan_file(c, &i, parents, e);
    c->diffs = (struct val){0};
    fsattr_info(c, i.dest);
    return ok;
}

static bool plan(struct mod_call *c, struct err *e) {
    if (mod_has(c, "_files")) {
        return put_plan(c, e);
    }
    const char *src = mod_z(c, "src");
    struct stat st;
    if (!src || stat(src, &st) != 0) {
        return mod_fail(c, e, "Source %s not found", src ? src : "");
    }
    return S_ISDIR(st.st_mode) ? plan_remote_dir(c, src, st.st_mode, e) : plan_remote_file(c, src, st.st_mode, e);
}

MODULE(copy) = {
    .doc = "Copy files, directories or given content to the target.",
    .spec = "ansible.builtin.copy",
    .example = "- ansible.builtin.copy:\n    content: |\n      hello\n    dest: /etc/motd\n    mode: '0644'",
    .order = "diff path dest src md5sum checksum changed",
    .returns =
        "dest: Where it went.\nchecksum: SHA1 of the content.\nmd5sum: MD5 of what was written.\n"
        "backup_file: Name of the backup.\nstate: Kind of dest.\nmode: Permissions.\nowner: Owner.\n"
        "group: Group.\nuid: Owner's id.\ngid: Group's id.\nsize: Size in bytes.\nsrc: The source on the target.",
    .args = args,
    .file_args = true,
    .exclusive = "src,content",
    .tidy = true,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .side = ON_TARGET,
    .prepare = prepare,
    .plan = plan,
    .run = put_run,
};
