// The three families of account tools behind one interface.
#include "usertool.h"

#include "home.h"
#include "ids.h"
#include "retire.h"

#include <errno.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

static bool run(struct mod_call *c, struct words *w, struct user_output *o, struct err *e) {
    struct run_result r;
    if (!words_run(c, w, STR_NONE, &r, e)) {
        return false;
    }
    buf_str(&o->out, r.out);
    buf_str(&o->err, r.err);
    if (r.rc != 0) {
        mod_set(c, "name", mod_arg(c, "name"));
        mod_set(c, "rc", val_int(r.rc));
        return mod_fail(c, e, "%.*s", STR(r.err.n ? r.err : r.out));
    }
    return true;
}

/// libuser's tools are meant only where users may come from a directory: never with busybox's tools alone.
static bool is_local(struct mod_call *c) {
    return mod_bool(c, "local") && (account_has_tool(c, "luseradd") || account_has_tool(c, "useradd"));
}

int64_t user_expires_day(struct mod_call *c) {
    struct val v = mod_arg(c, "expires");
    double seconds = val_is(v, VAL_FLOAT) ? v.u.f : (double)mod_int(c, "expires", -1);
    double day = floor(seconds / 86400);
    return seconds < 0 ? -1 : day > 1e9 ? 1000000000 : (int64_t)day;
}

/// The day as usermod -e takes it; empty: never.
static const char *expires_text(struct mod_call *c) {
    int64_t day = user_expires_day(c);
    time_t t = (time_t)(day * 86400);
    struct tm tm;
    char text[64];
    if (day < 0 || !gmtime_r(&t, &tm) || strftime(text, sizeof text, "%Y-%m-%d", &tm) == 0) {
        return "";
    }
    return arena_strndup(c->arena, text, strlen(text));
}

static const char *joined(struct mod_call *c, struct val names) {
    struct buf b = BUF_IN(c->arena);
    for (size_t i = 0; i < val_len(names); i++) {
        buf_printf(&b, "%s%.*s", i ? "," : "", STR(val_text(val_at_index(names, i))));
    }
    return buf_view(&b).n ? b.p : "";
}

// -- passwords and ageing --------------------------------------------------------------------------------------------

static bool set_password(struct mod_call *c, struct user_output *o, struct err *e) {
    struct run_result r;
    struct str crypted = mod_str(c, "password");
    if (mod_bool(c, "password_lock")) {
        crypted = str_printf(c->arena, "!%.*s", STR(crypted));
    }
    if (!account_set_password(c, mod_str(c, "name"), crypted, &r, e)) {
        return false;
    }
    buf_str(&o->out, r.out);
    buf_str(&o->err, r.err);
    if (r.rc != 0) {
        mod_set(c, "name", mod_arg(c, "name"));
        mod_set(c, "rc", val_int(r.rc));
        return mod_fail(c, e, "%.*s", STR(r.err));
    }
    return true;
}

static bool set_shadow(struct mod_call *c, size_t field, struct str value, struct err *e) {
    struct account_edit edit = {.file = "/etc/shadow", .name = mod_str(c, "name"), .n = 9};
    edit.field[field] = value;
    return account_change(c, &edit, e);
}

bool user_ageing(struct mod_call *c, const struct account *now, bool apply, bool *differs, struct err *e) {
    const struct {
        const char *arg, *option;
        size_t field;
        int64_t is;
    } rows[] = {{"password_expire_min", "-m", 3, now->min_days},
                {"password_expire_max", "-M", 4, now->max_days},
                {"password_expire_warn", "-W", 5, now->warn_days},
                {"password_expire_account_disable", "-I", 6, now->inactive_days}};
    struct words w = {0};
    bool chage = account_has_tool(c, "chage");
    words_add(c, &w, "chage");
    *differs = false;
    for (size_t i = 0; i < COUNTOF(rows); i++) {
        int64_t want = mod_int(c, rows[i].arg, -1);
        if (!mod_has(c, rows[i].arg) || !now->has_shadow || want == rows[i].is) {
            continue;
        }
        *differs = true;
        words_opt_int(c, &w, rows[i].option, want);
        struct str text = want < 0 ? STR_LIT("") : str_printf(c->arena, "%lld", (long long)want);
        if (apply && !chage && !set_shadow(c, rows[i].field, text, e)) {
            return false;
        }
    }
    if (!*differs || !apply || !chage) {
        return true;
    }
    struct user_output o = {.out = BUF_IN(c->arena), .err = BUF_IN(c->arena)};
    words_add(c, &w, mod_z(c, "name"));
    return run(c, &w, &o, e);
}

static bool local_extras(struct mod_call *c, bool expires, struct val add, struct val del, struct user_output *o,
                         struct err *e) {
    const char *name = mod_z(c, "name");
    if (expires) {
        struct words w = {0};
        words_add(c, &w, "lchage");
        words_opt_int(c, &w, "-E", user_expires_day(c));
        words_add(c, &w, name);
        if (!run(c, &w, o, e)) {
            return false;
        }
    }
    struct val lists[] = {add, del};
    for (size_t k = 0; k < COUNTOF(lists); k++) {
        for (size_t i = 0; i < val_len(lists[k]); i++) {
            struct words w = {0};
            words_add(c, &w, "lgroupmod");
            words_opt(c, &w, k == 0 ? "-M" : "-m", name);
            words_add(c, &w, str_z(c->arena, val_text(val_at_index(lists[k], i))));
            if (!run(c, &w, o, e)) {
                return false;
            }
        }
    }
    return true;
}

// -- creating --------------------------------------------------------------------------------------------------------

static bool option_groups(struct mod_call *c, struct words *w, bool local, struct err *e) {
    (void)e;
    struct str name = mod_str(c, "name");
    if (mod_has(c, "group")) {
        struct str line = account_group(c, mod_str(c, "group"), false);
        words_opt(c, w, "-g", str_z(c->arena, ids_field(line, 0)));
    } else if (account_group(c, name, false).s) {
        // A group of the user's name exists: none is to be made for the user.
        words_add(c, w, local ? "-n" : "-N");
    }
    return true;
}

static void option_strings(struct mod_call *c, struct words *w) {
    static const char *const rows[][2] = {{"comment", "-c"}, {"home", "-d"}, {"shell", "-s"}};
    for (size_t i = 0; i < COUNTOF(rows); i++) {
        if (mod_has(c, rows[i][0])) {
            words_opt(c, w, rows[i][1], mod_z(c, rows[i][0]));
        }
    }
}

static void option_home(struct mod_call *c, struct words *w, bool local) {
    if (!mod_bool(c, "create_home")) {
        words_add(c, w, "-M");
        return;
    }
    if (!local) {
        words_add(c, w, "-m");
    }
    if (mod_has(c, "skeleton")) {
        words_opt(c, w, "-k", mod_z(c, "skeleton"));
    }
    if (mod_has(c, "umask")) {
        words_opt(c, w, "-K", arena_printf(c->arena, "UMASK=%s", mod_z(c, "umask")));
    }
}

static void option_range(struct mod_call *c, struct words *w) {
    static const char *const rows[][2] = {{"uid_min", "UID_MIN"}, {"uid_max", "UID_MAX"}};
    for (size_t i = 0; i < COUNTOF(rows); i++) {
        if (mod_has(c, rows[i][0])) {
            words_opt(c, w, "-K", arena_printf(c->arena, "%s=%lld", rows[i][1], (long long)mod_int(c, rows[i][0], 0)));
        }
    }
}

static bool create_shadow(struct mod_call *c, struct val groups, struct user_output *o, struct err *e) {
    bool local = is_local(c);
    struct words w = {0};
    words_add(c, &w, local ? "luseradd" : "useradd");
    if (mod_has(c, "uid")) {
        words_opt_int(c, &w, "-u", mod_int(c, "uid", 0));
        if (mod_bool(c, "non_unique")) {
            words_add(c, &w, "-o");
        }
    }
    if (mod_has(c, "seuser")) {
        words_opt(c, &w, "-Z", mod_z(c, "seuser"));
    }
    if (!option_groups(c, &w, local, e)) {
        return false;
    }
    if (val_len(groups) > 0 && !local) {
        words_opt(c, &w, "-G", joined(c, groups));
    }
    option_strings(c, &w);
    if (mod_has(c, "expires") && !local) {
        words_opt(c, &w, "-e", expires_text(c));
    }
    option_home(c, &w, local);
    option_range(c, &w);
    if (mod_bool(c, "system")) {
        words_add(c, &w, "-r");
    }
    words_add(c, &w, mod_z(c, "name"));
    return run(c, &w, o, e) && (!local || local_extras(c, mod_has(c, "expires"), groups, VNULL, o, e));
}

static bool busybox_groups(struct mod_call *c, struct val add, struct val del, struct user_output *o, struct err *e) {
    struct val lists[] = {add, del};
    for (size_t k = 0; k < COUNTOF(lists); k++) {
        for (size_t i = 0; i < val_len(lists[k]); i++) {
            struct words w = {0};
            words_add(c, &w, k == 0 ? "adduser" : "delgroup");
            words_add(c, &w, mod_z(c, "name"));
            words_add(c, &w, str_z(c->arena, val_text(val_at_index(lists[k], i))));
            if (!run(c, &w, o, e)) {
                return false;
            }
        }
    }
    return true;
}

static bool set_expires_by_hand(struct mod_call *c, struct err *e) {
    int64_t day = user_expires_day(c);
    return set_shadow(c, 7, day < 0 ? STR_LIT("") : str_printf(c->arena, "%lld", (long long)day), e);
}

static bool create_busybox(struct mod_call *c, struct val groups, struct user_output *o, struct err *e) {
    struct words w = {0};
    words_add(c, &w, "adduser");
    words_add(c, &w, "-D");
    words_add(c, &w, "-H");  // the home is made by us, as umask and skeleton say
    if (mod_has(c, "uid")) {
        words_opt_int(c, &w, "-u", mod_int(c, "uid", 0));
    }
    struct str group = account_group(c, mod_has(c, "group") ? mod_str(c, "group") : mod_str(c, "name"), false);
    if (group.s) {
        words_opt(c, &w, "-G", str_z(c->arena, ids_field(group, 0)));
    }
    static const char *const rows[][2] = {{"comment", "-g"}, {"home", "-h"}, {"shell", "-s"}};
    for (size_t i = 0; i < COUNTOF(rows); i++) {
        if (mod_has(c, rows[i][0])) {
            words_opt(c, &w, rows[i][1], mod_z(c, rows[i][0]));
        }
    }
    if (mod_bool(c, "system")) {
        words_add(c, &w, "-S");
    }
    words_add(c, &w, mod_z(c, "name"));
    return run(c, &w, o, e) && busybox_groups(c, groups, VNULL, o, e) &&
           (!mod_has(c, "expires") || set_expires_by_hand(c, e));
}

static bool refuse_busybox(struct mod_call *c, struct err *e) {
    static const char *const shadow_only[] = {"seuser", "uid_min", "uid_max"};
    for (size_t i = 0; i < COUNTOF(shadow_only); i++) {
        if (mod_has(c, shadow_only[i])) {
            return mod_fail(c, e, "'%s' needs useradd, which this target does not have", shadow_only[i]);
        }
    }
    return true;
}

bool user_make_home(struct mod_call *c, const char *path, const struct account *u, bool fresh, struct err *e) {
    struct home h = {.path = path, .skeleton = mod_z(c, "skeleton"), .uid = u->uid, .gid = u->gid};
    if (mod_has(c, "umask")) {
        char *end;
        unsigned long mask = strtoul(mod_z(c, "umask"), &end, 8);
        if (*end || mask > 0777) {
            return mod_fail(c, e, "'%s' is not a valid umask", mod_z(c, "umask"));
        }
        h.mode = 0777 & ~(mode_t)mask;
    } else if (fresh && !account_has_tool(c, "useradd")) {
        h.mode = S_ISGID | 0755;  // as busybox's adduser makes it
    }
    return home_create(c, &h, e);
}

bool user_create(struct mod_call *c, struct val groups, struct user_output *o, struct err *e) {
    bool shadow = is_local(c) || account_has_tool(c, "useradd");
    if (mod_has(c, "home") && mod_bool(c, "create_home") && !home_parents(c, mod_z(c, "home"), e)) {
        return false;
    }
    if (!(shadow || refuse_busybox(c, e)) ||
        !(shadow ? create_shadow(c, groups, o, e) : create_busybox(c, groups, o, e))) {
        return false;
    }
    return !mod_has(c, "password") || set_password(c, o, e);
}

// -- changing --------------------------------------------------------------------------------------------------------

static bool modify_shadow(struct mod_call *c, const struct user_change *ch, struct user_output *o, struct err *e) {
    bool local = is_local(c);
    struct words w = {0};
    words_add(c, &w, local ? "lusermod" : "usermod");
    if (ch->uid) {
        words_opt_int(c, &w, "-u", mod_int(c, "uid", 0));
        if (mod_bool(c, "non_unique")) {
            words_add(c, &w, "-o");
        }
    }
    if (ch->group) {
        words_opt_int(c, &w, "-g", ch->gid);
    }
    if (ch->groups && !local) {
        if (mod_bool(c, "append")) {
            words_add(c, &w, "-a");
        }
        words_opt(c, &w, "-G", joined(c, ch->all));
    }
    if (ch->comment) {
        words_opt(c, &w, "-c", mod_z(c, "comment"));
    }
    if (ch->home) {
        words_opt(c, &w, "-d", mod_z(c, "home"));
        if (mod_bool(c, "move_home")) {
            words_add(c, &w, "-m");
        }
    }
    if (ch->shell) {
        words_opt(c, &w, "-s", mod_z(c, "shell"));
    }
    if (ch->expires && !local) {
        words_opt(c, &w, "-e", expires_text(c));
    }
    if ((ch->lock || ch->unlock) && !ch->password) {
        words_add(c, &w, ch->lock ? "-L" : "-U");
    }
    if (w.n > 1) {
        words_add(c, &w, mod_z(c, "name"));
        if (!run(c, &w, o, e)) {
            return false;
        }
    }
    return !local || local_extras(c, ch->expires, ch->add, ch->del, o, e);
}

/// usermod -m of a target without usermod.
static bool move_home(struct mod_call *c, struct str old, struct err *e) {
    const char *from = str_z(c->arena, old);
    const char *to = mod_z(c, "home");
    struct stat st;
    if (lstat(from, &st) != 0 || lstat(to, &st) == 0) {
        return true;
    }
    if (!home_parents(c, to, e)) {
        return false;
    }
    return rename(from, to) == 0 || mod_fail_sys(c, e, errno, "cannot move the home directory '%s' to '%s'", from, to);
}

static bool modify_busybox(struct mod_call *c, const struct account *now, const struct user_change *ch,
                           struct user_output *o, struct err *e) {
    struct account_edit edit = {.file = "/etc/passwd", .name = now->name, .n = 7};
    const char *home = str_z(c->arena, now->home);
    if (ch->uid) {
        uid_t uid = (uid_t)mod_int(c, "uid", 0);
        struct str other = ids_user_name(c->arena, uid);
        if (!mod_bool(c, "non_unique") && ids_line(c->arena, "passwd", other).s) {
            return mod_fail(c, e, "UID '%lld' already exists", (long long)uid);
        }
        edit.field[2] = str_printf(c->arena, "%lld", (long long)uid);
    }
    if (ch->group) {
        edit.field[3] = str_printf(c->arena, "%lld", (long long)ch->gid);
    }
    edit.field[4] = ch->comment ? mod_str(c, "comment") : STR_NONE;
    edit.field[5] = ch->home ? mod_str(c, "home") : STR_NONE;
    edit.field[6] = ch->shell ? mod_str(c, "shell") : STR_NONE;
    bool fields = ch->uid || ch->group || ch->comment || ch->home || ch->shell;
    if (ch->home && mod_bool(c, "move_home") && !move_home(c, now->home, e)) {
        return false;
    }
    if (fields && !account_change(c, &edit, e)) {
        return false;
    }
    if (ch->uid) {
        const char *where = ch->home && mod_bool(c, "move_home") ? mod_z(c, "home") : home;
        if (!home_give(c, where, now->uid, (uid_t)mod_int(c, "uid", 0), ch->group ? ch->gid : now->gid, e)) {
            return false;
        }
    }
    if ((ch->lock || ch->unlock) && !ch->password) {
        struct str pw =
            ch->lock ? str_printf(c->arena, "!%.*s", STR(now->password)) : str_sub(now->password, 1, now->password.n);
        if (!set_shadow(c, 1, pw, e)) {
            return false;
        }
    }
    return busybox_groups(c, ch->add, ch->del, o, e) && (!ch->expires || set_expires_by_hand(c, e));
}

bool user_modify(struct mod_call *c, const struct account *now, const struct user_change *ch, struct user_output *o,
                 struct err *e) {
    bool shadow = is_local(c) || account_has_tool(c, "usermod");
    bool ok = shadow ? modify_shadow(c, ch, o, e) : modify_busybox(c, now, ch, o, e);
    return ok && (!ch->password || set_password(c, o, e));
}

bool user_remove(struct mod_call *c, struct user_output *o, struct err *e) {
    bool local = is_local(c);
    bool shadow = local || account_has_tool(c, "userdel");
    struct words w = {0};
    uid_t uid = 0;
    struct err none = {.arena = c->arena};
    if (ids_user(c->arena, mod_str(c, "name"), &uid, &none)) {
        retire_remotes(c->arena, uid);
    }
    words_add(c, &w, local ? "luserdel" : shadow ? "userdel" : "deluser");
    if (mod_bool(c, "force") && shadow && !local) {
        words_add(c, &w, "-f");
    }
    if (mod_bool(c, "remove")) {
        words_add(c, &w, shadow ? "-r" : "--remove-home");
    }
    words_add(c, &w, mod_z(c, "name"));
    return run(c, &w, o, e);
}
