// user: an account of the target: what differs is found here, lib/usertool.c changes it.
#include "home.h"
#include "ids.h"
#include "usertool.h"

#include <sys/stat.h>
#include <unistd.h>

static const struct arg args[] = {
    {"name", ARG_STR, .required = true, .aliases = "user", .doc = "Name of the user."},
    {"state", ARG_STR, .def = "present", .choices = "absent|present", .doc = "Whether the user is to exist."},
    {"uid", ARG_INT, .doc = "Number of the user."},
    {"non_unique", ARG_BOOL, .def = "false", .doc = "Allow a number that another user has."},
    {"group", ARG_STR, .doc = "Primary group, by name or number."},
    {"groups", ARG_LIST, .doc = "Other groups; an empty string: none."},
    {"append", ARG_BOOL, .def = "false", .doc = "Keep groups that are not in `groups`."},
    {"comment", ARG_STR, .doc = "Full name or description."},
    {"home", ARG_PATH, .doc = "Home directory."},
    {"shell", ARG_STR, .doc = "Login shell."},
    {"password", ARG_STR, .no_log = true, .doc = "Password hash as crypt(3) makes it."},
    {"update_password", ARG_STR, .def = "always", .choices = "always|on_create",
     .doc = "When the password of a user is set."},
    {"password_lock", ARG_BOOL, .doc = "Lock (true) or unlock (false) the password."},
    {"password_expire_max", ARG_INT, .doc = "Days after which the password must be changed."},
    {"password_expire_min", ARG_INT, .doc = "Days before which it must not be changed."},
    {"password_expire_warn", ARG_INT, .doc = "Days of warning before it expires."},
    {"password_expire_account_disable", ARG_INT, .doc = "Days after which an expired password disables the account."},
    {"expires", ARG_FLOAT, .doc = "When the account expires, in seconds since 1970; negative: never."},
    {"system", ARG_BOOL, .def = "false", .doc = "Make a new user a system user."},
    {"uid_min", ARG_INT, .doc = "Lowest number for a new user, instead of UID_MIN of /etc/login.defs."},
    {"uid_max", ARG_INT, .doc = "Highest number for a new user, instead of UID_MAX of /etc/login.defs."},
    {"create_home", ARG_BOOL, .def = "true", .aliases = "createhome", .doc = "Make the home directory when missing."},
    {"skeleton", ARG_STR, .doc = "Directory whose content a new home gets; /etc/skel when absent."},
    {"umask", ARG_STR, .doc = "File mode mask of a new home directory."},
    {"move_home", ARG_BOOL, .def = "false", .doc = "Move the old home to `home` when that changes."},
    {"force", ARG_BOOL, .def = "false",
     .doc = "With state absent remove the user although logged in; with generate_ssh_key replace a key."},
    {"remove", ARG_BOOL, .def = "false", .doc = "With state absent remove the home and the mail spool, too."},
    {"generate_ssh_key", ARG_BOOL, .doc = "Make an SSH key pair when there is none."},
    {"ssh_key_bits", ARG_INT, .def = "0", .doc = "Size of the key; 0: what ssh-keygen takes."},
    {"ssh_key_type", ARG_STR, .def = "rsa", .doc = "Type of the key."},
    {"ssh_key_file", ARG_PATH, .doc = "The private key's file, below the home unless absolute; .ssh/id_TYPE."},
    {"ssh_key_comment", ARG_STR, .doc = "Comment of the key; \"ansible-generated on HOSTNAME\" when absent."},
    {"ssh_key_passphrase", ARG_STR, .no_log = true, .doc = "Passphrase of the key; none when absent."},
    {"local", ARG_BOOL, .doc = "Look at /etc/passwd only and use libuser's tools, where users come from a directory."},
    {"seuser", ARG_STR, .doc = "SELinux user of a new user."},
    {"login_class", ARG_STR, .doc = "Not used on Linux."},
    {"hidden", ARG_BOOL, .doc = "Not used on Linux."},
    {"profile", ARG_STR, .doc = "Not used on Linux."},
    {"authorization", ARG_STR, .doc = "Not used on Linux."},
    {"role", ARG_STR, .doc = "Not used on Linux."},
    {0},
};

enum action { KEEP, CREATE, MODIFY, REMOVE };
struct user {
    struct account now;
    enum action todo;
    struct user_change change;
    struct val groups;  // names asked for; VAL_UNDEF: not asked for
    struct sshkey key;
    bool make_home, make_key, ageing, key_checked;
};

// -- arguments -------------------------------------------------------------------------------------------------------

/// True for what crypt(3) may have made, or marks an account that has no password.
static bool looks_hashed(struct mod_call *c, struct str pw) {
    static const char plain[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    if (pw.n == 0 || str_eqz(pw, "*") || str_eqz(pw, "!") || str_eqz(pw, "*************")) {
        return true;
    }
    struct str rest = pw;
    struct str kind = STR_NONE;
    struct str last = STR_NONE;
    struct str part;
    size_t fields = 0;
    for (; str_next(&rest, '$', &part); fields++) {
        kind = fields == 1 ? part : kind;
        last = part;
    }
    bool ok =
        fields >= 3 && strcspn(str_z(c->arena, pw), ":*!") == pw.n && strspn(str_z(c->arena, last), plain) == last.n;
    ok = ok && (!str_eqz(kind, "1") || last.n == 22) && (!str_eqz(kind, "5") || last.n == 43);
    return ok && (!str_eqz(kind, "6") || last.n == 86);
}

static bool check_password(struct mod_call *c, struct err *e) {
    struct str pw = mod_str(c, "password");
    if (!looks_hashed(c, pw)) {
        mod_warn(c, "'password' appears not to have been hashed, and is stored as it is: see the filter password_hash");
    }
    for (size_t i = 0; i < pw.n; i++) {
        if (pw.s[i] == ':' || (unsigned char)pw.s[i] < ' ') {
            return mod_fail(c, e, "the password hash holds a character that /etc/shadow cannot");
        }
    }
    return true;
}

static bool plain_text(struct mod_call *c, const char *arg, struct err *e) {
    struct str s = mod_str(c, arg);
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] == ':' || s.s[i] == '\n') {
            return mod_fail(c, e, "'%s' must not contain a colon or a line break", arg);
        }
    }
    return true;
}

static bool check_args(struct mod_call *c, struct err *e) {
    static const char *const not_local[] = {"umask", "uid_min", "uid_max"};
    static const char *const fields[] = {"comment", "home", "shell"};
    if (!account_name_ok(c, "user name", e) || !check_password(c, e)) {
        return false;
    }
    for (size_t i = 0; i < COUNTOF(not_local); i++) {
        if (mod_has(c, not_local[i]) && mod_bool(c, "local")) {
            return mod_fail(c, e, "'%s' can not be used with 'local'", not_local[i]);
        }
    }
    for (size_t i = 0; i < COUNTOF(fields); i++) {
        if (!plain_text(c, fields[i], e)) {
            return false;
        }
    }
    if (mod_has(c, "uid") && (mod_int(c, "uid", 0) < 0 || mod_int(c, "uid", 0) > UINT32_MAX - 1)) {
        return mod_fail(c, e, "'%lld' is not a valid user number", (long long)mod_int(c, "uid", 0));
    }
    if (mod_bool(c, "append") && !mod_has(c, "groups")) {
        mod_warn(c, "'append' is set, but no 'groups' are specified. Use 'groups' for appending new groups.");
    }
    return true;
}

static bool has_name(struct val list, struct str name) {
    for (size_t i = 0; i < val_len(list); i++) {
        if (str_eq(val_text(val_at_index(list, i)), name)) {
            return true;
        }
    }
    return false;
}

/// The groups asked for, as names; a number stands for the group that has it.
static bool read_groups(struct mod_call *c, struct user *u, struct err *e) {
    struct val list = mod_arg(c, "groups");
    if (!mod_has(c, "groups")) {
        return true;
    }
    u->groups = val_list(c->arena, 4);
    for (size_t i = 0; i < val_len(list); i++) {
        struct str rest = val_text(val_at_index(list, i));
        struct str one;
        while (rest.n > 0 && str_next(&rest, ',', &one)) {
            one = str_trim(one);
            struct str line = one.n ? account_group(c, one, false) : STR_NONE;
            if (one.n > 0 && !line.s) {
                return mod_fail(c, e, "Group %.*s does not exist", STR(one));
            }
            if (one.n > 0 && !has_name(u->groups, ids_field(line, 0))) {
                val_push(c->arena, u->groups, val_str(c->arena, ids_field(line, 0)));
            }
        }
    }
    return true;
}

static struct val groups_text(struct mod_call *c) {
    struct val list = mod_arg(c, "groups");
    struct buf b = BUF_IN(c->arena);
    for (size_t i = 0; i < val_len(list); i++) {
        buf_printf(&b, "%s%.*s", i ? "," : "", STR(val_text(val_at_index(list, i))));
    }
    return val_str(c->arena, buf_view(&b));
}

// -- what differs ----------------------------------------------------------------------------------------------------

static bool group_change(struct mod_call *c, struct user *u, struct err *e) {
    struct user_change *ch = &u->change;
    int64_t gid;
    if (mod_has(c, "group")) {
        struct str line = account_group(c, mod_str(c, "group"), false);
        if (!line.s || !str_int(ids_field(line, 2), &gid)) {
            return mod_fail(c, e, "Group %.*s does not exist", STR(mod_str(c, "group")));
        }
        ch->gid = (gid_t)gid;
        ch->group = u->now.found && ch->gid != u->now.gid;
    }
    if (!val_is(u->groups, VAL_LIST)) {
        return true;
    }
    struct val current = account_memberships(c, u->now.name);
    ch->all = u->groups;
    ch->add = val_list(c->arena, 2);
    ch->del = val_list(c->arena, 2);
    for (size_t i = 0; i < val_len(u->groups); i++) {
        if (!has_name(current, val_text(val_at_index(u->groups, i)))) {
            val_push(c->arena, ch->add, val_at_index(u->groups, i));
        }
    }
    for (size_t i = 0; i < val_len(current) && !mod_bool(c, "append"); i++) {
        if (!has_name(u->groups, val_text(val_at_index(current, i)))) {
            val_push(c->arena, ch->del, val_at_index(current, i));
        }
    }
    ch->groups = val_len(ch->add) + val_len(ch->del) > 0;
    return true;
}

static struct str unlocked(struct str pw) {
    while (pw.n > 0 && pw.s[0] == '!') {
        pw = str_sub(pw, 1, pw.n);
    }
    return pw;
}

static void password_change(struct mod_call *c, struct user *u) {
    struct user_change *ch = &u->change;
    bool locked = str_starts(u->now.password, "!");
    if (mod_has(c, "password_lock")) {
        ch->lock = mod_bool(c, "password_lock") && !locked;
        ch->unlock = !mod_bool(c, "password_lock") && locked;
    }
    ch->password = mod_has(c, "password") && str_eqz(mod_str(c, "update_password"), "always") &&
                   !str_eq(unlocked(u->now.password), unlocked(mod_str(c, "password")));
    if (ch->unlock && !ch->password && !unlocked(u->now.password).n && !account_has_tool(c, "usermod")) {
        ch->unlock = false;  // usermod refuses that, too
        mod_warn(c, "the account stays locked: it has no password, and anybody could log in; give one with 'password'");
    }
}

static bool text_differs(struct mod_call *c, const char *arg, struct str now) {
    return mod_has(c, arg) && !str_eq(mod_str(c, arg), now);
}

static bool find_changes(struct mod_call *c, struct user *u, struct err *e) {
    struct user_change *ch = &u->change;
    ch->uid = mod_has(c, "uid") && mod_int(c, "uid", 0) != (int64_t)u->now.uid;
    if (!group_change(c, u, e)) {
        return false;
    }
    ch->comment = text_differs(c, "comment", u->now.comment);
    ch->home = text_differs(c, "home", u->now.home);
    ch->shell = text_differs(c, "shell", u->now.shell);
    if (mod_has(c, "expires")) {
        int64_t day = user_expires_day(c);
        int64_t now = u->now.expires_day;
        ch->expires = day < 0 ? now >= 0 : now != day;
    }
    password_change(c, u);
    bool any = ch->uid || ch->group || ch->groups || ch->comment || ch->home || ch->shell || ch->expires;
    u->todo = any || ch->lock || ch->unlock || ch->password ? MODIFY : KEEP;
    return true;
}

static const char *host_comment(struct mod_call *c) {
    char host[256] = "";
    if (gethostname(host, sizeof host - 1) != 0) {
        host[0] = '\0';
    }
    return arena_printf(c->arena, "ansible-generated on %s", host);
}

static void describe_key(struct mod_call *c, struct user *u) {
    struct sshkey *k = &u->key;
    k->home = str_z(c->arena, u->now.home);
    k->type = mod_z(c, "ssh_key_type");
    k->file = mod_has(c, "ssh_key_file") ? mod_z(c, "ssh_key_file") : arena_printf(c->arena, ".ssh/id_%s", k->type);
    k->comment = mod_has(c, "ssh_key_comment") ? mod_z(c, "ssh_key_comment") : host_comment(c);
    k->bits = mod_int(c, "ssh_key_bits", 0);
    k->passphrase = mod_str(c, "ssh_key_passphrase");
    k->force = mod_bool(c, "force");
    k->uid = u->now.uid;
    k->gid = u->now.gid;
}

/// Whether a key is to be made; warns as Ansible when one is there.
static void find_key(struct mod_call *c, struct user *u) {
    bool key;
    bool pub;
    describe_key(c, u);
    const char *path = sshkey_path(c, &u->key);
    sshkey_exists(c, &u->key, &key, &pub);
    u->make_key = u->key.force || (!key && !pub);
    if (u->key_checked) {
        return;
    }
    u->key_checked = true;
    if (key && u->key.force) {
        mod_warn(c, "Overwriting existing ssh key private file \"%s\"", path);
    } else if (key) {
        mod_warn(c, "Found existing ssh key private file \"%s\", no force, so skipping ssh-keygen generation", path);
        return;
    }
    if (pub && u->key.force) {
        mod_warn(c, "Overwriting existing ssh key public file \"%s.pub\"", path);
    } else if (pub) {
        mod_warn(c, "Found existing ssh key public file \"%s.pub\", no force, so skipping ssh-keygen generation", path);
    }
}

/// What is left to do for a user that exists: the home directory, the key, the ageing.
static bool find_rest(struct mod_call *c, struct user *u, struct err *e) {
    struct stat st;
    const char *home = mod_has(c, "home") ? mod_z(c, "home") : str_z(c->arena, u->now.home);
    u->make_home = mod_bool(c, "create_home") && stat(home, &st) != 0;
    if (mod_bool(c, "generate_ssh_key")) {
        find_key(c, u);
    }
    return user_ageing(c, &u->now, false, &u->ageing, e);
}

// -- result ----------------------------------------------------------------------------------------------------------

static void report_user(struct mod_call *c, const struct user *u) {
    mod_set(c, "uid", val_int((int64_t)u->now.uid));
    mod_set(c, "group", val_int((int64_t)u->now.gid));
    mod_set_str(c, "comment", u->now.comment);
    mod_set_str(c, "home", u->now.home);
    mod_set_str(c, "shell", u->now.shell);
    if (mod_has(c, "groups")) {
        mod_set(c, "groups", groups_text(c));
    }
}

static void report_action(struct mod_call *c, const struct user *u) {
    mod_set(c, "name", mod_arg(c, "name"));
    mod_set(c, "state", mod_arg(c, "state"));
    if (u->todo == REMOVE) {
        mod_set(c, "force", mod_arg(c, "force"));
        mod_set(c, "remove", mod_arg(c, "remove"));
        return;
    }
    if (str_eqz(mod_str(c, "state"), "absent")) {
        return;
    }
    bool create = u->todo == CREATE;
    mod_set(c, create ? "system" : "append", mod_arg(c, create ? "system" : "append"));
    mod_set(c, create ? "create_home" : "move_home", mod_arg(c, create ? "create_home" : "move_home"));
    if (mod_has(c, "password")) {
        mod_set_z(c, "password", "NOT_LOGGING_PASSWORD");
    }
}

// -- plan and run ----------------------------------------------------------------------------------------------------

static bool look(struct mod_call *c, struct user *u, struct err *e) {
    if (account_none_to_remove(c)) {
        u->todo = KEEP;
        return true;
    }
    account_user(c, mod_str(c, "name"), mod_bool(c, "local"), &u->now);
    if (!u->now.found && mod_bool(c, "local")) {
        mod_warn(c,
                 "local: true, and the user '%.*s' is not in /etc/passwd. The local user account may already exist "
                 "where the system keeps its users elsewhere",
                 STR(u->now.name));
    }
    if (str_eqz(mod_str(c, "state"), "absent")) {
        u->todo = u->now.found ? REMOVE : KEEP;
        return true;
    }
    if (!u->now.found) {
        u->todo = CREATE;
        // In check mode the groups may be those that a task before would have made.
        return c->check || (read_groups(c, u, e) && group_change(c, u, e));
    }
    if (!read_groups(c, u, e)) {
        return false;
    }
    return find_changes(c, u, e) && find_rest(c, u, e);
}

static bool plan(struct mod_call *c, struct err *e) {
    struct user *u = ARENA_NEW(c->arena, struct user);
    c->state = u;
    if (!check_args(c, e) || !look(c, u, e)) {
        return false;
    }
    if (u->todo != KEEP || u->make_home || u->make_key || u->ageing) {
        mod_changed(c);
    }
    if (c->check && (u->todo == CREATE || u->todo == REMOVE)) {
        return true;
    }
    report_action(c, u);
    if (u->now.found && str_eqz(mod_str(c, "state"), "present")) {
        report_user(c, u);
        return !mod_bool(c, "generate_ssh_key") || sshkey_report(c, &u->key, e);
    }
    return true;
}

/// Home, key and ageing, after the account itself is as it should be.
static bool finish(struct mod_call *c, struct user *u, struct err *e) {
    account_user(c, mod_str(c, "name"), mod_bool(c, "local"), &u->now);
    if (!u->now.found) {
        return mod_fail(c, e, "failed to look up user name: %.*s", STR(mod_str(c, "name")));
    }
    if (!find_rest(c, u, e)) {
        return false;
    }
    const char *home = mod_has(c, "home") ? mod_z(c, "home") : str_z(c->arena, u->now.home);
    if (u->make_home && !user_make_home(c, home, &u->now, u->todo == CREATE, e)) {
        return false;
    }
    report_user(c, u);
    if (u->make_key && !sshkey_generate(c, &u->key, e)) {
        return false;
    }
    if (mod_bool(c, "generate_ssh_key") && !sshkey_report(c, &u->key, e)) {
        return false;
    }
    return user_ageing(c, &u->now, true, &u->ageing, e);
}

static bool run(struct mod_call *c, struct err *e) {
    struct user *u = c->state;
    struct user_output o = {.out = BUF_IN(c->arena), .err = BUF_IN(c->arena)};
    bool ok = true;
    if (u->todo == REMOVE) {
        ok = user_remove(c, &o, e);
    } else if (u->todo == CREATE) {
        ok = user_create(c, u->groups, &o, e);
    } else if (u->todo == MODIFY) {
        ok = user_modify(c, &u->now, &u->change, &o, e);
    }
    if (ok && o.out.n) {
        mod_set_str(c, "stdout", buf_view(&o.out));
    }
    if (ok && o.err.n) {
        mod_set_str(c, "stderr", buf_view(&o.err));
    }
    return ok && (u->todo == REMOVE || finish(c, u, e));
}

MODULE(user) = {
    .doc = "Manage user accounts.",
    .spec = "ansible.builtin.user",
    .example = "- ansible.builtin.user:\n    name: deploy\n    shell: /bin/bash\n    groups: [adm]\n    append: true",
    .order = "name state append move_home changed",
    .returns =
        "name: Name of the user.\nstate: What was asked for.\nuid: Its number.\ngroup: Number of its primary group.\n"
        "groups: The other groups asked for.\ncomment: Description.\nhome: Home directory.\nshell: Login shell.\n"
        "append: As asked for.\nmove_home: As asked for.\ncreate_home: As asked for.\nsystem: As asked for.\n"
        "force: As asked for.\nremove: As asked for.\npassword: Fixed text when a password was given.\n"
        "ssh_fingerprint: Fingerprint of the key.\nssh_key_file: Its file.\nssh_public_key: The public key.\n"
        "stdout: What the tools said.\nstderr: Their complaints.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .plan = plan,
    .tidy = true,
    .run = run,
};
