// unarchive: unpacks an archive of the controller, of the target or of a web server into a directory of the target.
#include "archive.h"
#include "fd.h"
#include "http.h"
#include "map.h"
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const struct arg args[] = {
    {"src", ARG_PATH, .required = true,
     .doc = "The archive: on the controller; with remote_src on the target, or a URL."},
    {"dest", ARG_PATH, .required = true, .doc = "Directory to unpack into; it must exist."},
    {"remote_src", ARG_BOOL, .doc = "src is on the target, or a URL the target fetches."},
    {"copy", ARG_BOOL, .doc = "The old name of the opposite of remote_src."},
    {"creates", ARG_PATH, .doc = "When this exists nothing is done."},
    {"list_files", ARG_BOOL, .def = "false", .doc = "Return the names in the archive."},
    {"keep_newer", ARG_BOOL, .def = "false", .doc = "Leave files alone that are newer than those in the archive."},
    {"exclude", ARG_LIST, .def = "[]", .doc = "Names and patterns to leave out."},
    {"include", ARG_LIST, .def = "[]", .doc = "Names and patterns to unpack; everything when empty."},
    {"extra_opts", ARG_LIST, .def = "[]", .doc = "More options for tar or unzip."},
    {"validate_certs", ARG_BOOL, .def = "true", .doc = "Check the certificate of the server of a URL."},
    {"io_buffer_size", ARG_INT, .def = "65536", .doc = "Accepted; has no effect."},
    {"decrypt", ARG_BOOL, .def = "true", .doc = "Decrypt src when it is a vault file."},
    {"_archive", ARG_STR, .doc = "Internal: the attached archive."},
    {0},
};

#define DOWNLOAD_TIMEOUT_MS 10000

static bool is_remote(struct mod_call *c) {
    return mod_has(c, "copy") ? !mod_bool(c, "copy") : mod_bool(c, "remote_src");
}

// -- controller ------------------------------------------------------------------------------------------------------

static bool prepare(struct mod_call *c, struct err *e) {
    struct str path;
    struct str data;
    bool secret;
    bool raw = !mod_bool(c, "decrypt");
    struct stat st;
    struct val archive = {0};
    if (is_remote(c)) {
        return true;
    }
    if (!c->ctl->find(c->ctl->self, "files", mod_str(c, "src"), c->arena, &path, e)) {
        return false;
    }
    const char *z = str_z(c->arena, path);
    if (stat(z, &st) == 0 && st.st_size >= MOD_FILE_STAYS && c->ctl->plain(c->ctl->self, path, raw)) {
        archive = mod_attach_file(c, z, (size_t)st.st_size, e);
    } else if (c->ctl->read(c->ctl->self, path, raw, c->arena, &data, &secret, e)) {
        archive = mod_attach(c, data);
    }
    val_set(c->arena, c->args, "src", val_str(c->arena, path));
    val_set(c->arena, c->args, "_archive", archive);
    return val_is(archive, VAL_STR);
}

// -- target: where the archive is ------------------------------------------------------------------------------------

static int open_source(struct mod_call *c, const char **path, struct err *e) {
    struct str dir;
    if (!mod_tmpdir(c, &dir, e)) {
        return -1;
    }
    *path = arena_printf(c->arena, "%.*s/source", STR(dir));
    int fd = open(*path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        mod_fail_sys(c, e, errno, "cannot write '%s'", *path);
    }
    return fd;
}

static bool put_source(struct mod_call *c, const char **path, struct err *e) {
    struct str data;
    if (!c->blob(c, mod_str(c, "_archive"), &data, e)) {
        return false;
    }
    CLEANUP(fd_closep) int fd = open_source(c, path, e);
    return fd >= 0 && fd_write_all(fd, data, e);
}

static bool download(struct mod_call *c, const char **path, struct err *e) {
    struct http_request q = {.url = mod_z(c, "src"),
                             .method = "GET",
                             .headers = {0},
                             .agent = "ansible-httpget",
                             .validate_certs = mod_bool(c, "validate_certs"),
                             .use_proxy = true,
                             .follow = HTTP_FOLLOW_SAFE,
                             .fail_prefix = "Failure downloading ",
                             .timeout_ms = DOWNLOAD_TIMEOUT_MS};
    struct http_response r;
    CLEANUP(fd_closep) int fd = open_source(c, path, e);
    q.out_fd = fd;
    if (fd < 0 || !http_perform(c, &q, &r, e)) {
        return false;
    }
    return r.status == 200 ||
           mod_fail(c, e, "Failure downloading %s, HTTP Error %lld: %.*s", q.url, (long long)r.status, STR(r.reason));
}

static bool find_source(struct mod_call *c, const char **path, struct err *e) {
    struct str src = mod_str(c, "src");
    if (mod_has(c, "_archive")) {
        return put_source(c, path, e);
    }
    if (str_find(src, 0, STR_LIT("://")) != SIZE_MAX) {
        return download(c, path, e);
    }
    *path = mod_z(c, "src");
    char here[4096];
    if (**path != '/' && getcwd(here, sizeof here)) {
        *path = arena_printf(c->arena, "%s/%s", here, *path);
    }
    struct stat st;
    return stat(*path, &st) == 0 || mod_fail(c, e, "Source '%s' does not exist", *path);
}

// -- target: owner, group and mode of what was unpacked --------------------------------------------------------------

static bool has_attributes(const struct fsattr *f) {
    bool context = f->context[0].s || f->context[1].s || f->context[2].s || f->context[3].s;
    return f->has_mode || f->has_uid || f->has_gid || f->attributes.n || context;
}

static bool set_attributes(struct archive *ar, struct str name, bool apply, struct err *e) {
    struct mod_call *c = ar->c;
    struct str normal = paths_normal(c->arena, str_printf(c->arena, "%s/%.*s", ar->dest, STR(name)));
    const char *path = str_z(c->arena, normal);
    struct val before = val_dict(c->arena, 4);
    struct val after = val_dict(c->arena, 4);
    bool differs = false;
    struct stat st;
    if (lstat(path, &st) != 0) {
        return !apply || errno == ENOENT || mod_fail_sys(c, e, errno, "Unexpected error when accessing exploded file");
    }
    if (!fsattr_differs(c, &ar->attr, path, &st, before, after, &differs, e)) {
        return false;
    }
    if (differs) {
        mod_changed(c);
    }
    return !differs || !apply || fsattr_apply(c, &ar->attr, path, e);
}

static bool all_attributes(struct archive *ar, bool apply, struct err *e) {
    struct map tops = {0};
    struct arena *a = ar->c->arena;
    if (!has_attributes(&ar->attr)) {
        return true;
    }
    for (size_t i = 0; i < val_len(ar->files); i++) {
        struct str name = val_text(val_at_index(ar->files, i));
        size_t slash = str_find_char(name, 0, '/');
        if (slash != SIZE_MAX && slash > 0) {
            map_put(&tops, a, str_sub(name, 0, slash), ar);
        }
        if (!set_attributes(ar, name, apply, e)) {
            return false;
        }
    }
    for (size_t i = 0; i < tops.n; i++) {
        if (!set_attributes(ar, tops.slots[i].key, apply, e)) {
            return false;
        }
    }
    return true;
}

// -- target: plan and run --------------------------------------------------------------------------------------------

static void report(struct archive *ar) {
    struct mod_call *c = ar->c;
    mod_set_z(c, "handler", ar->handler);
    mod_set_z(c, "dest", ar->dest);
    mod_set_z(c, "src", ar->src);
    if (mod_bool(c, "list_files")) {
        mod_set(c, "files", ar->files);
    }
    if (ar->diff.n) {
        struct val diff = val_dict(c->arena, 1);
        val_set(c->arena, diff, "prepared", val_str(c->arena, ar->diff));
        mod_set(c, "diff", diff);
    }
    fsattr_info(c, ar->dest);
}

static bool plan(struct mod_call *c, struct err *e) {
    struct archive *ar = ARENA_NEW(c->arena, struct archive);
    const char *creates = mod_z(c, "creates");
    const char *dest = mod_z(c, "dest");
    struct stat st;
    c->state = ar;
    if (creates && *creates && stat(creates, &st) == 0) {
        return mod_skip(c, arena_printf(c->arena, "skipped, since %s exists", creates));
    }
    if (stat(dest, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return mod_fail(c, e, "dest '%s' must be an existing dir", dest);
    }
    *ar = (struct archive){.c = c, .dest = dest};
    if (!fsattr_read(c, "mode", &ar->attr, e) || !find_source(c, &ar->src, e) || !archive_open(ar, e) ||
        !archive_compare(ar, e)) {
        return false;
    }
    if (!ar->same) {
        mod_changed(c);
    } else if (!all_attributes(ar, false, e)) {
        return false;
    }
    report(ar);
    return true;
}

static bool run(struct mod_call *c, struct err *e) {
    struct archive *ar = c->state;
    if (!ar->same && !archive_extract(ar, e)) {
        return false;
    }
    if (!all_attributes(ar, true, e)) {
        return false;
    }
    fsattr_info(c, ar->dest);
    return true;
}

MODULE(unarchive) = {
    .doc = "Unpack an archive: tar in any compression, or zip.",
    .spec = "ansible.builtin.unarchive",
    .example = "- ansible.builtin.unarchive:\n    src: app.tar.gz\n    dest: /srv/app\n    owner: app\n    extra_opts: "
               "[--strip-components=1]",
    .order = "handler dest src extract_results changed",
    .returns =
        "handler: Kind of the archive.\ndest: The directory.\nsrc: Where the archive was.\nfiles: Names in it, with "
        "list_files.\nextract_results: What unpacking it said.",
    .args = args,
    .file_args = true,
    .exclusive = "include,exclude;copy,remote_src",
    .check = SUPPORT_FULL,
    .diff = SUPPORT_PARTIAL,
    .side = ON_TARGET,
    .prepare = prepare,
    .plan = plan,
    .run = run,
};
