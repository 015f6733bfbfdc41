// get_url: a file fetched by the target over HTTP, checked and put in place.
#include "digest.h"
#include "fd.h"
#include "fsattr.h"
#include "http.h"
#include "replace.h"
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

static const struct arg args[] = {
    HTTP_ARGS,
    {"dest", ARG_PATH, .required = true, .doc = "File, or directory to put the file into."},
    {"tmp_dest", ARG_PATH,
     .doc = "A directory; the new file is made beside dest all the same, so that it appears at once."},
    {"backup", ARG_BOOL, .def = "false", .doc = "Keep the old file under a dated name."},
    {"checksum", ARG_STR, .def = "", .doc = "ALGORITHM:HEX or ALGORITHM:URL of a checksum file."},
    {"timeout", ARG_INT, .def = "10", .doc = "Seconds of silence after which the request fails."},
    {"url_username", ARG_STR, .aliases = "username", .doc = "Name for authentication."},
    {"url_password", ARG_STR, .no_log = true, .aliases = "password", .doc = "Password for authentication."},
    {0},
};

struct fetch {
    struct http_request q;
    const char *dest;
    bool dir;               // dest is a directory: the name comes from the answer
    const char *algorithm;  // of checksum; NULL: none asked for
    struct str want;
    struct fsattr attr;
};

// -- checksum --------------------------------------------------------------------------------------------------------

static bool all_hex(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.s[i];
        if (!((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f') || (ch >= 'A' && ch <= 'F'))) {
            return false;
        }
    }
    return s.n > 0;
}

static struct str base_of(struct str url) {
    url = str_sub(url, 0, str_find_char(url, 0, '?'));
    size_t from = 0;
    for (size_t i = 0; i < url.n; i++) {
        from = url.s[i] == '/' ? i + 1 : from;
    }
    return str_sub(url, from, url.n);
}

// A file of "HEX  [*]NAME" lines, or of a single sum.
static bool checksum_from_url(struct mod_call *c, struct fetch *f, struct str url, struct err *e) {
    struct http_request q = f->q;
    struct http_response r;
    q.url = str_z(c->arena, url);
    q.body_max = (size_t)8 << 20;
    if (!http_perform(c, &q, &r, e)) {
        return false;
    }
    if (r.status != 200) {
        return mod_fail(c, e, "Unable to find a checksum: %.*s answered %lld", STR(url), (long long)r.status);
    }
    struct str name = base_of(str_from(f->q.url));
    struct str rest = r.body;
    struct str line;
    while (str_next(&rest, '\n', &line)) {
        line = str_trim(line);
        size_t space = str_find_char(line, 0, ' ');
        struct str file = str_trim(str_sub(line, space, line.n));
        while (file.n > 0 && (file.s[0] == '*' || str_starts(file, "./"))) {
            file = str_sub(file, file.s[0] == '*' ? 1 : 2, file.n);
        }
        if (f->want.n == 0 && (str_eq(file, name) || (space == SIZE_MAX && all_hex(line)))) {
            f->want = str_sub(line, 0, space);
        }
    }
    return f->want.n > 0 || mod_fail(c, e, "Unable to find a checksum for file '%.*s' in '%.*s'", STR(name), STR(url));
}

// As in Ansible: what is no letter, digit or underscore is left out, such as blanks without width from web pages.
static struct str plain_sum(struct arena *a, struct str sum) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < sum.n; i++) {
        char ch = sum.s[i];
        ch = (char)(ch >= 'A' && ch <= 'Z' ? ch - 'A' + 'a' : ch);
        if ((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '_') {
            buf_char(&b, ch);
        }
    }
    return buf_view(&b);
}

static bool is_address(struct str s) {
    return str_starts(s, "http://") || str_starts(s, "https://") || str_starts(s, "file://");
}

static bool read_checksum(struct mod_call *c, struct fetch *f, struct err *e) {
    struct str text = str_trim(mod_str(c, "checksum"));
    if (text.n == 0) {
        return true;
    }
    size_t colon = str_find_char(text, 0, ':');
    if (colon == SIZE_MAX) {
        return mod_fail(c, e, "The checksum parameter has to be in format <algorithm>:<checksum>");
    }
    f->algorithm = str_z(c->arena, str_trim(str_sub(text, 0, colon)));
    f->want = str_trim(str_sub(text, colon + 1, text.n));
    struct digest *known = digest_open(f->algorithm);
    if (!known) {
        return mod_fail(c, e,
                        "Could not hash file with algorithm '%s': expected md5, sha1, sha224, sha256, sha384 or sha512",
                        f->algorithm);
    }
    unsigned char raw[DIGEST_MAX];
    digest_close(known, raw);
    if (is_address(f->want)) {
        struct str url = f->want;
        f->want = STR_NONE;
        if (!checksum_from_url(c, f, url, e)) {
            return false;
        }
    }
    f->want = plain_sum(c->arena, f->want);
    if (!all_hex(f->want)) {
        return mod_fail(c, e, "The checksum format is invalid: expected hexadecimal digits");
    }
    char *lower = str_z(c->arena, f->want);
    for (char *s = lower; *s; s++) {
        *s = (char)(*s >= 'A' && *s <= 'F' ? *s + 32 : *s);
    }
    f->want = str_from(lower);
    return true;
}

// -- fetching --------------------------------------------------------------------------------------------------------

/// The new file while it is fetched.
struct fresh {
    int fd, dir;       // dir: the anchor of its directory
    const char *path;  // to it, by the anchor or (unnamed) by the descriptor; NULL: check mode makes none
    bool named;
};

// A file in the directory of `dest`: without a name where the file system can do that, so that an answer that brings
// nothing new leaves no trace.
static bool open_beside(struct mod_call *c, const char *dest, struct fresh *t, struct err *e) {
    const char *slash = strrchr(dest, '/');
    int shown = !slash ? 0 : slash == dest ? 1 : (int)(slash - dest);
    const char *at = trust_anchor(c, dest, &t->dir, e);
    if (at) {
        const char *end = strrchr(at, '/');
        const char *dir = end ? arena_strndup(c->arena, at, (size_t)(end - at) + 1) : ".";
        t->fd = access("/proc/self/fd", X_OK) == 0 ? open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600) : -1;
        t->path = arena_printf(c->arena, "/proc/self/fd/%d", t->fd);
        if (t->fd < 0) {
            t->named = true;
            t->path = replace_temp_name(c->arena, at);
            t->fd = open(t->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        }
    }
    if (t->fd >= 0) {
        (void)flock(t->fd, LOCK_EX | LOCK_NB);  // tells others that it is in use
    }
    if (t->fd < 0 && e->code == ERR_NONE) {
        return errno == ENOENT ? mod_fail(c, e, "Destination %.*s does not exist", shown, dest)
                               : mod_fail_sys(c, e, errno, "Destination %.*s is not writable", shown, dest);
    }
    return t->fd >= 0;
}

static void name_in_dir(struct mod_call *c, struct fetch *f, const struct http_response *r) {
    struct str name = base_of(http_disposition(r));
    name = name.n > 0 ? name : base_of(r->url);
    if (name.n == 0 || str_eqz(name, "..") || str_eqz(name, ".")) {
        name = STR_LIT("index.html");
    }
    const char *slash = str_ends(str_from(f->dest), "/") ? "" : "/";
    f->dest = arena_printf(c->arena, "%s%s%.*s", f->dest, slash, STR(name));
}

static bool attributes_only(struct mod_call *c, struct fetch *f, const char *msg, struct err *e) {
    struct stat st;
    struct val before = val_dict(c->arena, 2);
    struct val after = val_dict(c->arena, 2);
    bool differs = false;
    if (lstat(f->dest, &st) != 0) {
        return mod_fail_sys(c, e, errno, "cannot look at '%s'", f->dest);
    }
    if (!fsattr_differs(c, &f->attr, f->dest, &st, before, after, &differs, e)) {
        return false;
    }
    if (differs) {
        mod_changed(c);
        if (!c->check && !fsattr_apply(c, &f->attr, f->dest, e)) {
            return false;
        }
    }
    mod_set_z(c, "msg", differs ? arena_printf(c->arena, "%s but file attributes changed", msg) : msg);
    mod_set_z(c, "dest", f->dest);
    fsattr_info(c, f->dest);
    return true;
}

static bool sums(struct mod_call *c, const char *tmp, const struct fetch *f, bool *same, struct err *e) {
    const char *hex;
    if (f->algorithm) {
        if (!digest_file(c->arena, f->algorithm, tmp, &hex, e)) {
            return false;
        }
        if (!str_eqz(f->want, hex)) {
            mod_set(c, "changed", val_bool(true));  // it has been fetched
            return mod_fail(c, e, "The checksum for %s did not match %.*s; it was %s.", f->dest, STR(f->want), hex);
        }
    }
    if (!digest_file(c->arena, "sha1", tmp, &hex, e)) {
        return false;
    }
    mod_set_z(c, "checksum_src", hex);
    const char *old = NULL;
    struct err quiet = {.arena = c->arena};
    if (access(f->dest, F_OK) == 0 && digest_file(c->arena, "sha1", f->dest, &old, &quiet)) {
        mod_set_z(c, "checksum_dest", old);
    } else {
        mod_set(c, "checksum_dest", VNULL);
    }
    *same = old && strcmp(old, hex) == 0;
    return digest_file(c->arena, "md5", tmp, &hex, e) && (mod_set_z(c, "md5sum", hex), true);
}

/// What the new file keeps of the old one.
static struct fsattr kept(const char *dest, bool *there) {
    struct stat st;
    mode_t mask = umask(0);
    umask(mask);
    struct fsattr keep = {.has_mode = true, .mode = 0666 & ~mask};
    *there = lstat(dest, &st) == 0;
    if (*there && S_ISREG(st.st_mode)) {
        keep = (struct fsattr){.has_mode = true,
                               .mode = st.st_mode & 07777,
                               .has_uid = true,
                               .uid = st.st_uid,
                               .has_gid = true,
                               .gid = st.st_gid};
    }
    return keep;
}

static bool put(struct mod_call *c, struct fetch *f, const struct fresh *t, struct err *e) {
    CLEANUP(fd_closep) int dir = -1;
    bool there;
    const char *dest = trust_anchor(c, f->dest, &dir, e);
    if (!dest) {
        return e->code == ERR_NONE && mod_fail_sys(c, e, errno, "cannot put the file at '%s'", f->dest);
    }
    struct fsattr keep = kept(dest, &there);
    struct str backup = STR_NONE;
    if (mod_bool(c, "backup") && there && !replace_backup(c, f->dest, f->dest, &backup, e)) {
        return false;
    }
    if (backup.n > 0) {
        mod_set_str(c, "backup_file", backup);
    }
    if (!fsattr_apply_fd(&keep, t->fd, e) || !fsattr_apply_fd(&f->attr, t->fd, e)) {
        return false;
    }
    const char *tmp = t->named ? t->path : replace_temp_name(c->arena, dest);
    if (!t->named && linkat(AT_FDCWD, t->path, AT_FDCWD, tmp, AT_SYMLINK_FOLLOW) != 0) {
        return mod_fail_sys(c, e, errno, "cannot put the file at '%s'", f->dest);
    }
    if (fsync(t->fd) != 0 || rename(tmp, dest) != 0) {
        int why = errno;
        unlink(tmp);
        return mod_fail_sys(c, e, why, "cannot put the file at '%s'", f->dest);
    }
    mod_changed(c);
    return fsattr_apply(c, &f->attr, f->dest, e);
}

static bool fetched(struct mod_call *c, struct fetch *f, const struct http_response *r, const struct fresh *t,
                    struct err *e) {
    mod_set(c, "status_code", str_starts(r->url, "file://") ? VNULL : val_int(r->status));
    mod_set(c, "elapsed", val_int(r->elapsed_s));
    if (r->status == 304) {
        return attributes_only(c, f, "HTTP Error 304: Not Modified", e);
    }
    if (r->status != 200) {
        mod_set_z(c, "response", arena_printf(c->arena, "HTTP Error %lld: %.*s", (long long)r->status, STR(r->reason)));
        mod_set_z(c, "dest", f->dest);
        return mod_fail(c, e, "Request failed");
    }
    bool same;
    struct stat st;
    const char *tmp = mod_z(c, "tmp_dest");
    if (tmp && *tmp && (stat(tmp, &st) != 0 || !S_ISDIR(st.st_mode))) {
        bool there = access(tmp, F_OK) == 0;
        return mod_fail(c, e, "tmp_dest: %s %s", tmp,
                        there ? "is a file but should be a directory" : "directory does not exist");
    }
    if (f->dir) {
        name_in_dir(c, f, r);
    }
    struct str length = val_text(val_get(r->headers, "content-length"));
    const char *msg = arena_printf(c->arena, "OK (%.*s bytes)", STR(length.n ? length : STR_LIT("unknown")));
    if (!t->path) {  // check mode fetches nothing
        const char *slash = strrchr(f->dest, '/');
        const char *dir = slash ? arena_strndup(c->arena, f->dest, (size_t)(slash - f->dest) + 1) : ".";
        if (access(dir, F_OK) != 0) {
            return mod_fail(c, e, "Destination %.*s does not exist", (int)(slash - f->dest), f->dest);
        }
        mod_changed(c);
        mod_set_z(c, "dest", f->dest);
        mod_set_z(c, "msg", msg);
        return true;
    }
    if (!sums(c, t->path, f, &same, e)) {
        return false;
    }
    mod_set_z(c, "src", t->named ? t->path : replace_temp_name(c->arena, f->dest));
    if (same) {
        return attributes_only(c, f, msg, e);
    }
    mod_set_z(c, "msg", msg);
    mod_set_z(c, "dest", f->dest);
    bool ok = put(c, f, t, e);
    fsattr_info(c, f->dest);
    return ok;
}

static bool download(struct mod_call *c, struct fetch *f, struct err *e) {
    struct http_response r;
    struct fresh t = {.fd = -1, .dir = -1};
    bool ok = true;
    if (c->check) {
        f->q.method = "HEAD";
    } else {
        ok = open_beside(c, f->dir ? arena_printf(c->arena, "%s/new", f->dest) : f->dest, &t, e);
        f->q.out_fd = t.fd;
    }
    if (ok && !http_perform(c, &f->q, &r, e)) {
        mod_set_z(c, "dest", f->dest);
        mod_set(c, "elapsed", val_int(r.elapsed_s));
        ok = false;
    }
    ok = ok && fetched(c, f, &r, &t, e);
    if (t.named && t.fd >= 0) {
        unlink(t.path);  // gone already when it was renamed
    }
    fd_closep(&t.fd);
    fd_closep(&t.dir);
    return ok;
}

static bool run(struct mod_call *c, struct err *e) {
    struct fetch *f = ARENA_NEW(c->arena, struct fetch);
    struct stat st;
    if (!http_args(c, &f->q, e) || !fsattr_read(c, "mode", &f->attr, e) || !read_checksum(c, f, e)) {
        return false;
    }
    f->q.follow = HTTP_FOLLOW_ALL;
    f->dest = mod_z(c, "dest");
    mod_set_z(c, "url", f->q.url);
    mod_set_z(c, "dest", f->dest);
    f->dir = stat(f->dest, &st) == 0 && S_ISDIR(st.st_mode);
    bool there = !f->dir && stat(f->dest, &st) == 0;
    bool force = mod_bool(c, "force");
    if (there && !force && f->algorithm) {
        const char *hex;
        if (!digest_file(c->arena, f->algorithm, f->dest, &hex, e)) {
            return false;
        }
        if (str_eqz(f->want, hex)) {
            mod_set(c, "checksum_src", VNULL);
            mod_set(c, "checksum_dest", VNULL);
            mod_set(c, "elapsed", val_int(0));
            return attributes_only(c, f, "file already exists", e);
        }
        force = true;
    }
    f->q.fresh = force;
    f->q.modified_since = there && !force ? st.st_mtim.tv_sec : 0;
    return download(c, f, e);
}

MODULE(get_url) = {
    .doc = "Download a file to the target.",
    .spec = "ansible.builtin.get_url",
    .example = "- ansible.builtin.get_url:\n    url: http://example.test/tool.tar.gz\n    dest: /opt/tool.tar.gz\n"
               "    checksum: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    .order = "msg status_code changed checksum_dest checksum_src dest elapsed url src md5sum",
    .returns =
        "url: The address.\ndest: Where the file is.\nchecksum_src: SHA1 of what was fetched.\n"
        "checksum_dest: SHA1 of the old file.\nmd5sum: MD5 of what was fetched.\nstatus_code: Status; null for a "
        "file: address.\nsrc: Where it was until it was complete.\n"
        "msg: Status text.\nelapsed: Seconds.\nbackup_file: Name of the backup.",
    .args = args,
    .file_args = true,
    .check = SUPPORT_PARTIAL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .run = run,
};
