// File attributes. Changes go through O_PATH descriptors opened with O_NOFOLLOW, so a link planted in between is
// refused.
#include "fsattr.h"

#include "fd.h"
#include "ids.h"
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PERMS ((mode_t)07777)

static const char *const context_args[] = {"seuser", "serole", "setype", "selevel"};

static bool selinux_enabled(void) {
    return access("/sys/fs/selinux/enforce", F_OK) == 0;
}

// -- modes -----------------------------------------------------------------------------------------------------------

static bool bad_mode(struct str text, struct err *e) {
    return err_set(e, ERR_ARGS, NO_MARK,
                   "mode must be in octal or symbolic form: expected e.g. '0644' or 'u=rw,go=r', found '%.*s'",
                   STR(text));
}

static bool parse_octal(struct str s, mode_t *out) {
    if (s.n > 1 && s.s[0] == '0' && (s.s[1] == 'o' || s.s[1] == 'O')) {
        s = str_sub(s, 2, s.n);
    }
    unsigned v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] < '0' || s.s[i] > '7' || v > 07777) {
            return false;
        }
        v = v * 8 + (unsigned)(s.s[i] - '0');
    }
    *out = v;
    return s.n > 0 && v <= 07777;
}

static mode_t who_mask(struct str who) {
    mode_t m = 0;
    for (size_t i = 0; i < who.n; i++) {
        m |= who.s[i] == 'u' || who.s[i] == 'a' ? 04700 : 0;
        m |= who.s[i] == 'g' || who.s[i] == 'a' ? 02070 : 0;
        m |= who.s[i] == 'o' || who.s[i] == 'a' ? 01007 : 0;
    }
    return m;
}

// One permission letter for all of u, g and o; false for an unknown letter.
static bool perm_bits(char c, mode_t now, bool dir, mode_t *bits) {
    switch (c) {
    case 'r':
        *bits = 0444;
        return true;
    case 'w':
        *bits = 0222;
        return true;
    case 'x':
        *bits = 0111;
        return true;
    case 'X':
        *bits = dir || now & 0111 ? 0111 : 0;
        return true;
    case 's':
        *bits = 06000;
        return true;
    case 't':
        *bits = 01000;
        return true;
    case 'u':
        *bits = (now >> 6 & 7) * 0111;
        return true;
    case 'g':
        *bits = (now >> 3 & 7) * 0111;
        return true;
    case 'o':
        *bits = (now & 7) * 0111;
        return true;
    default:
        return false;
    }
}

// "u=rwX", "go-w", "g=u", "a+x", several operators in a row.
static bool apply_clause(struct str clause, bool dir, mode_t *mode) {
    size_t i = 0;
    while (i < clause.n && strchr("ugoa", clause.s[i])) {
        i++;
    }
    struct str who = i ? str_sub(clause, 0, i) : STR_LIT("a");
    mode_t mask = who_mask(who);
    if (i == 0) {
        mode_t creation = umask(0);  // "+x" for nobody in particular respects the umask, as chmod does
        umask(creation);
        mask &= ~creation;
    }
    if (i == clause.n) {
        return false;
    }
    mode_t before = *mode;
    while (i < clause.n) {
        char op = clause.s[i++];
        if (op != '=' && op != '+' && op != '-') {
            return false;
        }
        mode_t bits = 0;
        for (; i < clause.n && !strchr("=+-", clause.s[i]); i++) {
            mode_t one;
            if (!perm_bits(clause.s[i], before, dir, &one)) {
                return false;
            }
            bits |= one;
        }
        bits &= mask;
        if (op == '=') {
            *mode = (*mode & ~mask) | bits;
        } else {
            *mode = op == '+' ? *mode | bits : *mode & ~bits;
        }
    }
    return true;
}

bool fsattr_mode(const struct fsattr *f, mode_t now, bool dir, mode_t *out, struct err *e) {
    *out = now & PERMS;
    if (!f->has_mode) {
        return true;
    }
    if (!f->symbolic.s) {
        *out = f->mode;
        return true;
    }
    struct str rest = f->symbolic;
    struct str clause;
    while (str_next(&rest, ',', &clause)) {
        if (clause.n > 0 && !apply_clause(clause, dir, out)) {
            return bad_mode(f->symbolic, e);
        }
    }
    return true;
}

static bool read_mode(struct mod_call *c, const char *arg, struct fsattr *f, struct err *e) {
    struct val v = mod_arg(c, arg);
    if (!mod_has(c, arg)) {
        return true;
    }
    if (v.kind == VAL_INT) {
        if (v.u.i < 0 || v.u.i > 07777) {
            return bad_mode(str_printf(c->arena, "%lld", (long long)v.u.i), e);
        }
        f->has_mode = true;
        f->mode = (mode_t)v.u.i;
        return true;
    }
    struct str s = str_trim(val_str_of(c->arena, v));
    bool of_source = strcmp(c->name, "copy") == 0 || strcmp(c->name, "template") == 0;
    if (s.n == 0 || (of_source && str_eqz(s, "preserve"))) {
        return true;
    }
    f->has_mode = true;
    if (parse_octal(s, &f->mode)) {
        return true;
    }
    f->symbolic = s;
    mode_t probe;
    if (!fsattr_mode(f, 0644, false, &probe, e)) {
        mod_set(c, "details", val_printf(c->arena, "bad symbolic permission for mode: %.*s", STR(s)));
        return false;
    }
    return true;
}

// In check mode an earlier task would have made the user: only a file that is there already cannot do without.
static bool unknown(struct mod_call *c, struct fsattr *f, const char *kind, struct str name, struct err *e) {
    if (!c->check || e->code != ERR_NOT_FOUND) {
        return false;
    }
    mod_warn(c, "failed to look up %s %.*s: create it before this point in a real run", kind, STR(name));
    f->unknown = str_dup(c->arena, err_text(e));
    err_clear(e);
    return true;
}

static bool read_owner(struct mod_call *c, struct fsattr *f, struct err *e) {
    struct str owner = mod_str(c, "owner");
    struct str group = mod_str(c, "group");
    f->has_uid = owner.n > 0 && ids_user(c->arena, owner, &f->uid, e);
    if (owner.n > 0 && !f->has_uid && !unknown(c, f, "user", owner, e)) {
        return false;
    }
    f->has_gid = group.n > 0 && ids_group(c->arena, group, &f->gid, e);
    return group.n == 0 || f->has_gid || unknown(c, f, "group", group, e);
}

bool fsattr_read(struct mod_call *c, const char *mode_arg, struct fsattr *f, struct err *e) {
    *f = (struct fsattr){0};
    if (!read_mode(c, mode_arg, f, e)) {
        return false;
    }
    if (!read_owner(c, f, e)) {
        return false;
    }
    for (size_t i = 0; i < COUNTOF(context_args); i++) {
        f->context[i] = mod_str(c, context_args[i]);
    }
    f->attributes = mod_str(c, "attributes");
    return true;
}

// -- comparing -------------------------------------------------------------------------------------------------------

struct val fsattr_mode_text(struct arena *a, mode_t mode) {
    return val_printf(a, "0%03o", (unsigned)(mode & PERMS));
}

static void note(struct mod_call *c, struct val before, struct val after, const char *key, struct val was,
                 struct val want) {
    val_set(c->arena, before, key, was);
    val_set(c->arena, after, key, want);
}

// The context the path has and the one it should have; false when SELinux is off or nothing differs.
static bool context_differs(struct mod_call *c, const struct fsattr *f, const char *path, struct str *was,
                            struct str *want) {
    char text[512];
    ssize_t n = selinux_enabled() ? lgetxattr(path, "security.selinux", text, sizeof text - 1) : -1;
    if (n <= 0) {
        return false;
    }
    text[n] = '\0';
    *was = str_dup(c->arena, str_from(text));
    struct str rest = *was;
    struct buf b = BUF_IN(c->arena);
    for (size_t i = 0; i < 4; i++) {
        struct str part = STR_NONE;
        if (i < 3) {
            str_next(&rest, ':', &part);
        } else {
            part = rest;
        }
        bool asked = f->context[i].n > 0 && !str_eqz(f->context[i], "_default");
        buf_printf(&b, "%s%.*s", i ? ":" : "", STR(asked ? f->context[i] : part));
    }
    *want = str_rtrim(buf_view(&b));
    return !str_eq(*was, *want);
}

// -- chattr flags ----------------------------------------------------------------------------------------------------

static const struct {
    char letter;
    unsigned bit;
    bool settable;
    const char *name;
} flag_table[] = {
    // in lsattr's order
    {'s', FS_SECRM_FL, true, "zero"},
    {'u', FS_UNRM_FL, true, "undelete"},
    {'S', FS_SYNC_FL, true, "synchronous"},
    {'D', FS_DIRSYNC_FL, true, "dirsync"},
    {'i', FS_IMMUTABLE_FL, true, "immutable"},
    {'a', FS_APPEND_FL, true, "append"},
    {'d', FS_NODUMP_FL, true, "nodump"},
    {'A', FS_NOATIME_FL, true, "noatime"},
    {'c', FS_COMPR_FL, true, "compressed"},
    {'E', FS_ENCRYPT_FL, false, "encrypted"},
    {'j', FS_JOURNAL_DATA_FL, true, "journalled"},
    {'I', FS_INDEX_FL, false, "indexed"},
    {'t', FS_NOTAIL_FL, true, "notail"},
    {'T', FS_TOPDIR_FL, true, "blockroot"},
    {'e', FS_EXTENT_FL, false, "extents"},
    {'C', FS_NOCOW_FL, true, "nocow"},
    {'x', FS_DAX_FL, true, NULL},
    {'F', FS_CASEFOLD_FL, true, NULL},
    {'N', FS_INLINE_DATA_FL, false, "inline"},
    {'P', FS_PROJINHERIT_FL, true, NULL},
    {'V', FS_VERITY_FL, false, NULL},
};

// A readable descriptor of a regular file or directory; -1 for anything else, which has no flags.
static int open_flags(const char *path, bool follow) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    if (fd >= 0 && (fstat(fd, &st) != 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))) {
        close(fd);
        errno = ENOTTY;
        return -1;
    }
    return fd;
}

bool fsattr_flags(const char *path, bool follow, unsigned *flags, long *version) {
    CLEANUP(fd_closep) int fd = open_flags(path, follow);
    long bits = 0;
    if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &bits) != 0) {
        return false;
    }
    *flags = (unsigned)bits;
    if (version) {
        *version = 0;
        ioctl(fd, FS_IOC_GETVERSION, version);
        *version = (long)(unsigned)*version;
    }
    return true;
}

struct str fsattr_flags_text(struct arena *a, unsigned flags, struct val names) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < COUNTOF(flag_table); i++) {
        if (flags & flag_table[i].bit) {
            buf_char(&b, flag_table[i].letter);
            if (flag_table[i].name && val_is(names, VAL_LIST)) {
                val_push(a, names, val_z(a, flag_table[i].name));
            }
        }
    }
    return buf_view(&b);
}

// The flags `asked` for ("+i", "-i", "=di", "di") of a file that has `now`; false for an unknown letter.
static bool wanted_flags(struct str asked, unsigned now, unsigned *out) {
    char op = asked.s[0] == '+' || asked.s[0] == '-' || asked.s[0] == '=' ? asked.s[0] : '\0';
    unsigned bits = 0;
    unsigned settable = 0;
    for (size_t i = op ? 1 : 0; i < asked.n; i++) {
        size_t k = 0;
        while (k < COUNTOF(flag_table) && flag_table[k].letter != asked.s[i]) {
            k++;
        }
        if (k == COUNTOF(flag_table)) {
            return false;
        }
        bits |= flag_table[k].bit;
    }
    for (size_t k = 0; k < COUNTOF(flag_table); k++) {
        settable |= flag_table[k].settable ? flag_table[k].bit : 0;
    }
    *out = op == '+' ? now | bits : op == '-' ? now & ~bits : (now & ~settable) | bits;
    return true;
}

static bool flags_differ(struct mod_call *c, const struct fsattr *f, const char *path, struct str *was, struct err *e) {
    unsigned now = 0;
    unsigned want;
    *was = STR_NONE;
    if (f->attributes.n == 0) {
        return true;
    }
    fsattr_flags(path, false, &now, NULL);
    if (!wanted_flags(f->attributes, now, &want)) {
        return err_set(e, ERR_ARGS, NO_MARK, "attributes '%.*s' are not flags as chattr takes them",
                       STR(f->attributes));
    }
    if (want != now) {
        *was = fsattr_flags_text(c->arena, now, (struct val){0});
        *was = was->s ? *was : STR_LIT("");
    }
    return true;
}

static bool apply_flags(const struct fsattr *f, const char *proc, struct err *e) {
    if (f->attributes.n == 0) {
        return true;
    }
    CLEANUP(fd_closep) int fd = open_flags(proc, true);
    long now = 0;
    unsigned want;
    if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &now) != 0) {
        return err_sys(e, errno, NO_MARK, "chattr failed");
    }
    if (!wanted_flags(f->attributes, (unsigned)now, &want) || want == (unsigned)now) {
        return true;
    }
    long value = (long)want;
    return ioctl(fd, FS_IOC_SETFLAGS, &value) == 0 || err_sys(e, errno, NO_MARK, "chattr failed");
}

bool fsattr_differs(struct mod_call *c, const struct fsattr *f, const char *path, const struct stat *st,
                    struct val before, struct val after, bool *differs, struct err *e) {
    bool link = S_ISLNK(st->st_mode);
    mode_t want;
    if (f->unknown.s) {
        return err_set(e, ERR_NOT_FOUND, NO_MARK, "%.*s", STR(f->unknown));
    }
    if (!fsattr_mode(f, st->st_mode, S_ISDIR(st->st_mode), &want, e)) {
        return false;
    }
    if (f->has_uid && f->uid != st->st_uid) {
        note(c, before, after, "owner", val_int(st->st_uid), val_int(f->uid));
        *differs = true;
    }
    if (f->has_gid && f->gid != st->st_gid) {
        note(c, before, after, "group", val_int(st->st_gid), val_int(f->gid));
        *differs = true;
    }
    if (f->has_mode && !link && want != (st->st_mode & PERMS)) {
        note(c, before, after, "mode", fsattr_mode_text(c->arena, st->st_mode), fsattr_mode_text(c->arena, want));
        *differs = true;
    }
    struct str was;
    struct str ctx;
    if (context_differs(c, f, path, &was, &ctx)) {
        note(c, before, after, "secontext", val_str(c->arena, was), val_str(c->arena, ctx));
        *differs = true;
    }
    if (!flags_differ(c, f, path, &was, e)) {
        return false;
    }
    if (was.s) {
        bool op = strchr("+-=", f->attributes.s[0]) != NULL;
        note(c, before, after, "attributes", val_str(c->arena, was),
             val_printf(c->arena, "%s%.*s", op ? "" : "=", STR(f->attributes)));
        *differs = true;
    }
    return true;
}

// -- applying --------------------------------------------------------------------------------------------------------

bool fsattr_apply_fd(const struct fsattr *f, int fd, struct err *e) {
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return err_sys(e, errno, NO_MARK, "cannot read attributes");
    }
    uid_t uid = f->has_uid ? f->uid : st.st_uid;
    gid_t gid = f->has_gid ? f->gid : st.st_gid;
    if ((uid != st.st_uid || gid != st.st_gid) && fchown(fd, uid, gid) != 0) {
        return err_sys(e, errno, NO_MARK, "%s failed", uid != st.st_uid ? "chown" : "chgrp");
    }
    mode_t want;
    if (!fsattr_mode(f, st.st_mode, S_ISDIR(st.st_mode), &want, e)) {
        return false;
    }
    // chown may have cleared setuid bits: set the mode whenever one was asked for.
    if (f->has_mode && fchmod(fd, want) != 0) {
        return err_sys(e, errno, NO_MARK, "chmod failed");
    }
    return true;
}

// Through the descriptor of exactly this inode: /proc/self/fd lets chmod work on an O_PATH descriptor.
static bool apply_path(const struct fsattr *f, int fd, const char *proc, const struct stat *st, struct err *e) {
    uid_t uid = f->has_uid ? f->uid : (uid_t)-1;
    gid_t gid = f->has_gid ? f->gid : (gid_t)-1;
    bool owner = (f->has_uid && uid != st->st_uid) || (f->has_gid && gid != st->st_gid);
    if (owner && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) != 0) {
        return err_sys(e, errno, NO_MARK, "%s failed", f->has_uid && uid != st->st_uid ? "chown" : "chgrp");
    }
    if (!f->has_mode || S_ISLNK(st->st_mode)) {
        return true;
    }
    mode_t want;
    if (!fsattr_mode(f, st->st_mode, S_ISDIR(st->st_mode), &want, e)) {
        return false;
    }
    if (want == (st->st_mode & PERMS) && !owner) {
        return true;
    }
    if (chmod(proc, want) != 0) {
        return err_sys(e, errno, NO_MARK, "chmod failed");
    }
    return true;
}

bool fsattr_apply_at(struct mod_call *c, const struct fsattr *f, int dir, const char *name, const char *path,
                     struct err *e) {
    CLEANUP(fd_closep) int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        return err_sys(e, errno, NO_MARK, "cannot open '%s'", path);
    }
    char proc[64];
    snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
    if (!apply_path(f, fd, proc, &st, e)) {
        return err_wrap(e, NO_MARK, "cannot set attributes of '%s'", path);
    }
    struct str was;
    struct str want;
    if (context_differs(c, f, path, &was, &want) && setxattr(proc, "security.selinux", want.s, want.n + 1, 0) != 0) {
        return err_sys(e, errno, NO_MARK, "set selinux context failed for '%s'", path);
    }
    return apply_flags(f, proc, e) || err_wrap(e, NO_MARK, "cannot set attributes of '%s'", path);
}

bool fsattr_apply(struct mod_call *c, const struct fsattr *f, const char *path, struct err *e) {
    CLEANUP(fd_closep) int dir = -1;
    const char *at = trust_anchor(c, path, &dir, e);
    if (!at) {
        return e->code == ERR_NONE ? err_sys(e, errno, NO_MARK, "cannot open '%s'", path) : false;
    }
    return fsattr_apply_at(c, f, AT_FDCWD, at, path, e);
}

// -- reporting -------------------------------------------------------------------------------------------------------

// The part of a path before its last name: "." for "x", "/" for "/x".
static const char *parent_of(struct arena *a, const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) {
        return ".";
    }
    return slash == path ? "/" : arena_strndup(a, path, (size_t)(slash - path));
}

const char *fsattr_realpath(struct arena *a, const char *path) {
    char real[4096];
    for (int links = 0; links < 40; links++) {
        if (realpath(path, real)) {
            return arena_strndup(a, real, strlen(real));
        }
        const char *dir = parent_of(a, path);
        ssize_t n = readlink(path, real, sizeof real - 1);
        if (n < 0) {  // nothing is there: its directory may still be reached by links
            const char *slash = strrchr(path, '/');
            const char *name = slash ? slash + 1 : path;
            if (strcmp(dir, "/") == 0 || strcmp(dir, ".") == 0) {
                return path;
            }
            const char *above = fsattr_realpath(a, dir);
            return arena_printf(a, "%s/%s", strcmp(above, "/") == 0 ? "" : above, name);
        }
        real[n] = '\0';
        path = real[0] == '/' ? arena_strndup(a, real, (size_t)n) : arena_printf(a, "%s/%s", dir, real);
    }
    return path;
}

struct stat fsattr_fresh(const char *path, bool dir) {
    mode_t mask = umask(0);
    umask(mask);
    struct stat st = {.st_uid = geteuid(), .st_gid = getegid()};
    char above[4096];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (n < sizeof above) {
        memcpy(above, path, n);
        above[n] = '\0';
        struct stat up;
        if (stat(n ? above : (slash ? "/" : "."), &up) == 0 && up.st_mode & S_ISGID) {
            st.st_gid = up.st_gid;
            st.st_mode = dir ? S_ISGID : 0;
        }
    }
    st.st_mode |= dir ? S_IFDIR | (0777 & ~mask) : S_IFREG | (0666 & ~mask);
    return st;
}

const char *fsattr_state(const char *path, bool follow) {
    struct stat st;
    if ((follow ? stat(path, &st) : lstat(path, &st)) != 0) {
        return "absent";
    }
    if (S_ISLNK(st.st_mode)) {
        return "link";
    }
    if (S_ISDIR(st.st_mode)) {
        return "directory";
    }
    return st.st_nlink > 1 ? "hard" : "file";
}

void fsattr_info(struct mod_call *c, const char *path) {
    struct stat st;
    if (stat(path, &st) != 0 || lstat(path, &st) != 0) {
        return;  // a link to nothing counts as nothing, too
    }
    mod_set(c, "uid", val_int(st.st_uid));
    mod_set(c, "gid", val_int(st.st_gid));
    mod_set_str(c, "owner", ids_user_name(c->arena, st.st_uid));
    mod_set_str(c, "group", ids_group_name(c->arena, st.st_gid));
    mod_set(c, "mode", fsattr_mode_text(c->arena, st.st_mode));
    mod_set_z(c, "state", fsattr_state(path, false));
    mod_set(c, "size", val_int(st.st_size));
}
