// stat: what is known of a path.
#include "digest.h"
#include "fsattr.h"
#include "ids.h"
#include "paths.h"
#include "run.h"

#include <errno.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const struct arg args[] = {
    {"path", ARG_PATH, .required = true, .aliases = "dest|name", .doc = "The path to look at."},
    {"follow", ARG_BOOL, .def = "false", .doc = "Look at what a link points to."},
    {"get_md5", ARG_BOOL, .def = "false", .doc = "Compute the MD5 sum of a regular file, too; roles of old give it."},
    {"get_checksum", ARG_BOOL, .def = "true", .doc = "Compute the checksum of a regular file."},
    {"get_mime", ARG_BOOL, .def = "true", .aliases = "mime|mime_type|mime-type",
     .doc = "Ask `file` for type and charset."},
    {"get_attributes", ARG_BOOL, .def = "true", .aliases = "attr|attributes", .doc = "Ask lsattr for the flags."},
    {"checksum_algorithm", ARG_STR, .def = "sha1", .choices = "md5|sha1|sha224|sha256|sha384|sha512",
     .aliases = "checksum|checksum_algo", .doc = "Algorithm of the checksum."},
    {0},
};

static double stamp(struct timespec t) {
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void put(struct mod_call *c, struct val s, const char *key, struct val v) {
    val_set(c->arena, s, key, v);
}

// The keys stand in the order of Ansible's module: `stat | dict2items` and labels of loops show it.
static void put_kind(struct mod_call *c, struct val s, mode_t m) {
    put(c, s, "mode", val_printf(c->arena, "%04o", (unsigned)(m & 07777)));
    put(c, s, "isdir", val_bool(S_ISDIR(m)));
    put(c, s, "ischr", val_bool(S_ISCHR(m)));
    put(c, s, "isblk", val_bool(S_ISBLK(m)));
    put(c, s, "isreg", val_bool(S_ISREG(m)));
    put(c, s, "isfifo", val_bool(S_ISFIFO(m)));
    put(c, s, "islnk", val_bool(S_ISLNK(m)));
    put(c, s, "issock", val_bool(S_ISSOCK(m)));
}

static void put_bits(struct mod_call *c, struct val s, mode_t m) {
    static const struct {
        const char *name;
        mode_t bit;
    } bits[] = {{"wusr", S_IWUSR}, {"rusr", S_IRUSR}, {"xusr", S_IXUSR}, {"wgrp", S_IWGRP}, {"rgrp", S_IRGRP},
                {"xgrp", S_IXGRP}, {"woth", S_IWOTH}, {"roth", S_IROTH}, {"xoth", S_IXOTH}};
    for (size_t i = 0; i < COUNTOF(bits); i++) {
        put(c, s, bits[i].name, val_bool((m & bits[i].bit) != 0));
    }
    put(c, s, "isuid", val_bool((m & S_ISUID) != 0));
    put(c, s, "isgid", val_bool((m & S_ISGID) != 0));
}

static void put_numbers(struct mod_call *c, struct val s, const struct stat *st) {
    put(c, s, "uid", val_int(st->st_uid));
    put(c, s, "gid", val_int(st->st_gid));
    put(c, s, "size", val_int(st->st_size));
    put(c, s, "inode", val_int((int64_t)st->st_ino));
    put(c, s, "dev", val_int((int64_t)st->st_dev));
    put(c, s, "nlink", val_int((int64_t)st->st_nlink));
    put(c, s, "atime", val_float(stamp(st->st_atim)));
    put(c, s, "mtime", val_float(stamp(st->st_mtim)));
    put(c, s, "ctime", val_float(stamp(st->st_ctim)));
    put_bits(c, s, st->st_mode);
    put(c, s, "blocks", val_int(st->st_blocks));
    put(c, s, "block_size", val_int(st->st_blksize));
    put(c, s, "device_type", val_int((int64_t)st->st_rdev));
}

// Names nobody knows are left out.
static void put_names(struct mod_call *c, struct val s, const struct stat *st) {
    struct str user = ids_user_name(c->arena, st->st_uid);
    struct str group = ids_group_name(c->arena, st->st_gid);
    if (!str_eq(user, str_printf(c->arena, "%u", (unsigned)st->st_uid))) {
        put(c, s, "pw_name", val_str(c->arena, user));
    }
    if (!str_eq(group, str_printf(c->arena, "%u", (unsigned)st->st_gid))) {
        put(c, s, "gr_name", val_str(c->arena, group));
    }
}

static void put_link(struct mod_call *c, struct val s, const char *path) {
    put(c, s, "lnk_source", val_str(c->arena, paths_normal(c->arena, str_from(fsattr_realpath(c->arena, path)))));
    char text[4096];
    ssize_t n = readlink(path, text, sizeof text - 1);
    if (n >= 0) {
        put(c, s, "lnk_target", val_str(c->arena, (struct str){text, (size_t)n}));
    }
}

static void put_mime(struct mod_call *c, struct val s, const char *path) {
    const char *argv[] = {"file", "--mime-type", "--mime-encoding", "--", path, NULL};
    struct run_result r;
    struct err e = {.arena = c->arena};
    struct str type = STR_LIT("unknown");
    struct str charset = STR_LIT("unknown");
    if (run_command(&(struct run){.argv = argv, .timeout_ms = 60000}, c->arena, &r, &e) && r.rc == 0) {
        size_t name = strlen(path) + 1;
        struct str rest = str_trim(str_sub(r.out, name, r.out.n));
        size_t semi = str_find_char(rest, 0, ';');
        size_t eq = str_find(rest, 0, STR_LIT("charset="));
        if (semi != SIZE_MAX && eq != SIZE_MAX) {  // else it is an explanation, not a type
            type = str_sub(rest, 0, semi);
            charset = str_trim(str_sub(rest, eq + 8, rest.n));
        }
    }
    put(c, s, "mimetype", val_str(c->arena, type));
    put(c, s, "charset", val_str(c->arena, charset));
}

static void put_attributes(struct mod_call *c, struct val s, const char *path) {
    struct val names = val_list(c->arena, 4);
    unsigned flags = 0;
    long version;
    bool known = fsattr_flags(path, false, &flags, &version);
    put(c, s, "version", known ? val_printf(c->arena, "%ld", version) : VNULL);
    struct str text = fsattr_flags_text(c->arena, flags, names);
    put(c, s, "attributes", names);
    put(c, s, "attr_flags", val_str(c->arena, text));
}

static bool put_digest(struct mod_call *c, struct val s, const char *key, const char *algorithm, const char *path,
                       struct err *e) {
    const char *hex;
    if (!digest_file(c->arena, algorithm, path, &hex, e)) {
        return false;
    }
    put(c, s, key, val_z(c->arena, hex));
    return true;
}

static bool put_digests(struct mod_call *c, struct val s, const char *path, struct err *e) {
    return access(path, R_OK) != 0 ||
           ((!mod_bool(c, "get_md5") || put_digest(c, s, "md5", "md5", path, e)) &&
            (!mod_bool(c, "get_checksum") || put_digest(c, s, "checksum", mod_z(c, "checksum_algorithm"), path, e)));
}

static bool run(struct mod_call *c, struct err *e) {
    const char *path = mod_z(c, "path");
    bool follow = mod_bool(c, "follow");
    struct val s = val_dict(c->arena, 48);
    struct stat st;
    mod_set(c, "changed", val_bool(false));
    if ((follow ? stat(path, &st) : lstat(path, &st)) != 0) {
        if (errno != ENOENT) {
            return mod_fail_sys(c, e, errno, "cannot look at '%s'", path);
        }
        mod_set(c, "stat", s);
        put(c, s, "exists", val_bool(false));
        return true;
    }
    mod_set(c, "stat", s);
    put(c, s, "exists", val_bool(true));
    put(c, s, "path", val_z(c->arena, path));
    put_kind(c, s, st.st_mode);
    put_numbers(c, s, &st);
    put(c, s, "readable", val_bool(access(path, R_OK) == 0));
    put(c, s, "writeable", val_bool(access(path, W_OK) == 0));
    put(c, s, "executable", val_bool(access(path, X_OK) == 0));
    if (S_ISLNK(st.st_mode)) {
        put_link(c, s, path);
    }
    put_names(c, s, &st);
    if (S_ISREG(st.st_mode) && !put_digests(c, s, path, e)) {
        return false;
    }
    if (mod_bool(c, "get_mime")) {
        put_mime(c, s, path);
    }
    if (mod_bool(c, "get_attributes")) {
        put_attributes(c, s, path);
    }
    return true;
}

MODULE(stat) = {
    .doc = "Report what is known of a path: existence, kind, permissions, times, checksum.",
    .spec = "ansible.builtin.stat",
    .example = "- ansible.builtin.stat:\n    path: /etc/passwd\n  register: passwd",
    .returns = "stat: A dict; `exists` tells whether there is anything at all.",
    .args = args,
    .tidy = true,
    .check = SUPPORT_PARTIAL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .run = run,
};
