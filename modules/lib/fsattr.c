// File attributes. Changes go through O_PATH descriptors opened with O_NOFOLLOW, so a link planted in between is
// refused.
#include "fsattr.h"

#include "fd.h"
#include "ids.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
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
        if (!apply_clause(clause, dir, out)) {
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
    if (s.n == 0 || str_eqz(s, "preserve")) {
        return true;
    }
    f->has_mode = true;
    if (parse_octal(s, &f->mode)) {
        return true;
    }
    f->symbolic = s;
    mode_t probe;
    return fsattr_mode(f, 0644, false, &probe, e);
}

bool fsattr_read(struct mod_call *c, const char *mode_arg, struct fsattr *f, struct err *e) {
    *f = (struct fsattr){0};
    if (!read_mode(c, mode_arg, f, e)) {
        return false;
    }
    struct str owner = mod_str(c, "owner");
    struct str group = mod_str(c, "group");
    if (owner.n > 0) {
        f->has_uid = true;
        if (!ids_user(c->arena, owner, &f->uid, e)) {
            return false;
        }
    }
    if (group.n > 0) {
        f->has_gid = true;
        if (!ids_group(c->arena, group, &f->gid, e)) {
            return false;
        }
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

// The flags lsattr shows for `path`, without dashes; STR_NONE when the file system has none.
static struct str current_flags(struct mod_call *c, const char *path) {
    const char *argv[] = {"lsattr", "-d", "--", path, NULL};
    struct run_result r;
    struct err e = {.arena = c->arena};
    if (!run_command(&(struct run){.argv = argv, .timeout_ms = 30000}, c->arena, &r, &e) || r.rc != 0) {
        return STR_NONE;
    }
    struct buf b = BUF_IN(c->arena);
    for (size_t i = 0; i < r.out.n && r.out.s[i] != ' '; i++) {
        if (r.out.s[i] != '-') {
            buf_char(&b, r.out.s[i]);
        }
    }
    return buf_view(&b);
}

static bool flags_differ(struct str now, struct str asked) {
    char op = asked.s[0] == '+' || asked.s[0] == '-' || asked.s[0] == '=' ? asked.s[0] : '=';
    struct str want = op == asked.s[0] ? str_sub(asked, 1, asked.n) : asked;
    size_t have = 0;
    for (size_t i = 0; i < want.n; i++) {
        have += str_find_char(now, 0, want.s[i]) != SIZE_MAX;
    }
    if (op == '+') {
        return have < want.n;
    }
    return op == '-' ? have > 0 : have < want.n || now.n != want.n;
}

bool fsattr_differs(struct mod_call *c, const struct fsattr *f, const char *path, const struct stat *st,
                    struct val before, struct val after, bool *differs, struct err *e) {
    bool link = S_ISLNK(st->st_mode);
    mode_t want;
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
    if (f->attributes.n > 0) {
        struct str now = current_flags(c, path);
        if (flags_differ(now, f->attributes)) {
            note(c, before, after, "attributes", val_str(c->arena, now), val_str(c->arena, f->attributes));
            *differs = true;
        }
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
static bool apply_path(const struct fsattr *f, int fd, const struct stat *st, struct err *e) {
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
    char proc[64];
    snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
    if (chmod(proc, want) != 0) {
        return err_sys(e, errno, NO_MARK, "chmod failed");
    }
    return true;
}

static bool apply_flags(struct mod_call *c, const struct fsattr *f, const char *path, struct err *e) {
    if (f->attributes.n == 0 || !flags_differ(current_flags(c, path), f->attributes)) {
        return true;
    }
    bool op = strchr("+-=", f->attributes.s[0]) != NULL;
    const char *flags = arena_printf(c->arena, "%s%.*s", op ? "" : "=", STR(f->attributes));
    const char *argv[] = {"chattr", flags, "--", path, NULL};
    struct run_result r;
    if (!run_command(&(struct run){.argv = argv, .timeout_ms = 30000}, c->arena, &r, e)) {
        return err_wrap(e, NO_MARK, "chattr failed");
    }
    return r.rc == 0 || err_set(e, ERR_MODULE, NO_MARK, "chattr failed: %.*s", STR(str_trim(r.err)));
}

bool fsattr_apply(struct mod_call *c, const struct fsattr *f, const char *path, struct err *e) {
    CLEANUP(fd_closep) int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        return err_sys(e, errno, NO_MARK, "cannot open '%s'", path);
    }
    if (!apply_path(f, fd, &st, e)) {
        return err_wrap(e, NO_MARK, "cannot set attributes of '%s'", path);
    }
    struct str was;
    struct str want;
    if (context_differs(c, f, path, &was, &want) && lsetxattr(path, "security.selinux", want.s, want.n + 1, 0) != 0) {
        return err_sys(e, errno, NO_MARK, "set selinux context failed for '%s'", path);
    }
    return apply_flags(c, f, path, e);
}

// -- reporting -------------------------------------------------------------------------------------------------------

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
    if (access(path, F_OK) != 0 || lstat(path, &st) != 0) {
        mod_set_z(c, "state", "absent");
        return;
    }
    mod_set(c, "uid", val_int(st.st_uid));
    mod_set(c, "gid", val_int(st.st_gid));
    mod_set_str(c, "owner", ids_user_name(c->arena, st.st_uid));
    mod_set_str(c, "group", ids_group_name(c->arena, st.st_gid));
    mod_set(c, "mode", fsattr_mode_text(c->arena, st.st_mode));
    mod_set_z(c, "state", fsattr_state(path, false));
    mod_set(c, "size", val_int(st.st_size));
}
