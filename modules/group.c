// group: a group of the target, by the shadow utilities, libuser (local) or busybox.
#include "accounts.h"
#include "ids.h"

static const struct arg args[] = {
    {"name", ARG_STR, .required = true, .doc = "Name of the group."},
    {"gid", ARG_INT, .doc = "Its number."},
    {"state", ARG_STR, .def = "present", .choices = "absent|present", .doc = "Whether the group is to exist."},
    {"force", ARG_BOOL, .def = "false", .doc = "Remove the group although it is somebody's primary group."},
    {"system", ARG_BOOL, .def = "false", .doc = "Take a new group's number from the range of system groups."},
    {"local", ARG_BOOL, .def = "false",
     .doc = "Look at /etc/group only and use libuser's tools, on systems whose groups come from a directory."},
    {"non_unique", ARG_BOOL, .def = "false", .doc = "Allow a number that another group has."},
    {"gid_min", ARG_INT, .doc = "Lowest number for a new group, instead of GID_MIN of /etc/login.defs."},
    {"gid_max", ARG_INT, .doc = "Highest number for a new group, instead of GID_MAX of /etc/login.defs."},
    {0},
};

enum action { KEEP, ADD, CHANGE, REMOVE };

static void report(struct mod_call *c, struct str line) {
    mod_set(c, "name", mod_arg(c, "name"));
    mod_set(c, "state", mod_arg(c, "state"));
    int64_t gid;
    if (line.s && str_int(ids_field(line, 2), &gid)) {
        mod_set(c, "system", mod_arg(c, "system"));
        mod_set(c, "gid", val_int(gid));
    }
}

static bool check_args(struct mod_call *c, struct err *e) {
    static const char *const range[] = {"gid_min", "gid_max"};
    if (!account_name_ok(c, "group name", e)) {
        return false;
    }
    if (mod_bool(c, "force") && mod_bool(c, "local")) {
        return mod_fail(c, e,
                        "force is not a valid option for local, force=True and local=True are mutually exclusive");
    }
    for (size_t i = 0; i < COUNTOF(range); i++) {
        if (mod_has(c, range[i]) && mod_bool(c, "local")) {
            return mod_fail(c, e, "'%s' can not be used with 'local'", range[i]);
        }
    }
    if (mod_has(c, "gid") && (mod_int(c, "gid", 0) < 0 || mod_int(c, "gid", 0) > UINT32_MAX - 1)) {
        return mod_fail(c, e, "'%lld' is not a valid group number", (long long)mod_int(c, "gid", 0));
    }
    return true;
}

static struct str find(struct mod_call *c) {
    if (account_none_to_remove(c)) {
        return STR_NONE;
    }
    struct str name = mod_str(c, "name");
    struct str line = account_group(c, name, mod_bool(c, "local"));
    return line.s && str_eq(ids_field(line, 0), name) ? line : STR_NONE;
}

static bool plan(struct mod_call *c, struct err *e) {
    if (!check_args(c, e)) {
        return false;
    }
    enum action *todo = ARENA_NEW(c->arena, enum action);
    c->state = todo;
    struct str line = find(c);
    if (!line.s && mod_bool(c, "local")) {
        mod_warn(
            c, "local: true, and the group is not in /etc/group: where the system keeps its groups elsewhere it may be "
               "there all the same");
    }
    bool here = str_eqz(mod_str(c, "state"), "present");
    int64_t gid = -1;
    if (line.s) {
        str_int(ids_field(line, 2), &gid);
    }
    if (!here) {
        *todo = line.s ? REMOVE : KEEP;
    } else if (!line.s) {
        *todo = ADD;
    } else {
        *todo = mod_has(c, "gid") && mod_int(c, "gid", 0) != gid ? CHANGE : KEEP;
    }
    if (*todo != KEEP) {
        mod_changed(c);
    }
    if (c->check && (*todo == ADD || *todo == REMOVE)) {
        return true;
    }
    report(c, line);
    return true;
}

static bool gid_is_free(struct mod_call *c, struct err *e) {
    if (!mod_has(c, "gid") || mod_bool(c, "non_unique")) {
        return true;
    }
    gid_t gid = (gid_t)mod_int(c, "gid", 0);
    struct str other = ids_group_name(c->arena, gid);
    int64_t unnamed;
    if ((str_int(other, &unnamed) && unnamed == (int64_t)gid) || str_eq(other, mod_str(c, "name"))) {
        return true;
    }
    return mod_fail(c, e, "GID '%lld' already exists with group '%.*s'", (long long)gid, STR(other));
}

static void number_words(struct mod_call *c, struct words *w, bool shadow) {
    if (mod_has(c, "gid")) {
        words_opt_int(c, w, "-g", mod_int(c, "gid", 0));
        if (mod_bool(c, "non_unique") && shadow) {
            words_add(c, w, "-o");
        }
    }
}

static void add_words(struct mod_call *c, struct words *w, bool local, bool shadow) {
    words_add(c, w, local ? "lgroupadd" : shadow ? "groupadd" : "addgroup");
    number_words(c, w, shadow);
    if (mod_bool(c, "system")) {
        words_add(c, w, shadow || local ? "-r" : "-S");
    }
    static const char *const range[][2] = {{"gid_min", "GID_MIN"}, {"gid_max", "GID_MAX"}};
    for (size_t i = 0; i < COUNTOF(range); i++) {
        if (mod_has(c, range[i][0])) {
            words_opt(c, w, "-K",
                      arena_printf(c->arena, "%s=%lld", range[i][1], (long long)mod_int(c, range[i][0], 0)));
        }
    }
}

static bool change_by_hand(struct mod_call *c, struct err *e) {
    struct account_edit edit = {.file = "/etc/group", .name = mod_str(c, "name"), .n = 3};
    edit.field[2] = str_printf(c->arena, "%lld", (long long)mod_int(c, "gid", 0));
    return gid_is_free(c, e) && account_change(c, &edit, e);
}

static bool refuse_busybox(struct mod_call *c, struct err *e) {
    static const char *const shadow_only[] = {"gid_min", "gid_max"};
    for (size_t i = 0; i < COUNTOF(shadow_only); i++) {
        if (mod_has(c, shadow_only[i])) {
            return mod_fail(c, e, "'%s' needs groupadd, which this target does not have", shadow_only[i]);
        }
    }
    return true;
}

/// What the plan has told is not true, or no longer.
static void forget(struct mod_call *c) {
    static const char *const told[] = {"state", "gid", "system"};
    for (size_t i = 0; i < COUNTOF(told); i++) {
        (void)val_del_key(c->result, val_z(c->arena, told[i]));
    }
}

/// What the tool says; a failure tells nothing of what was to be.
static bool refused(struct mod_call *c, const struct run_result *r, struct err *e) {
    forget(c);
    return mod_fail(c, e, "%.*s", STR(r->err.n ? r->err : r->out));
}

static bool run(struct mod_call *c, struct err *e) {
    const enum action *todo = c->state;
    bool shadow = account_has_tool(c, "groupadd");
    bool local = mod_bool(c, "local") && (shadow || account_has_tool(c, "lgroupadd"));
    struct words w = {0};
    if (local && (*todo == ADD || *todo == CHANGE) && !gid_is_free(c, e)) {
        return false;
    }
    if (!local && !shadow && !refuse_busybox(c, e)) {
        return false;
    }
    if (*todo == CHANGE && !local && !shadow) {
        bool ok = change_by_hand(c, e);
        report(c, find(c));
        return ok;
    }
    if (*todo == REMOVE) {
        words_add(c, &w, local ? "lgroupdel" : shadow ? "groupdel" : "delgroup");
        if (mod_bool(c, "force") && shadow) {
            words_add(c, &w, "-f");
        }
    } else if (*todo == ADD) {
        add_words(c, &w, local, shadow);
    } else {
        words_add(c, &w, local ? "lgroupmod" : "groupmod");
        number_words(c, &w, !local);
    }
    words_add(c, &w, mod_z(c, "name"));
    struct run_result r;
    if (!words_run(c, &w, STR_NONE, &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        return refused(c, &r, e);
    }
    if (r.out.n) {
        mod_set_str(c, "stdout", r.out);
    }
    if (r.err.n) {
        mod_set_str(c, "stderr", r.err);
    }
    forget(c);
    report(c, find(c));
    return true;
}

MODULE(group) = {
    .doc = "Manage groups of the system.",
    .spec = "ansible.builtin.group",
    .example = "- ansible.builtin.group:\n    name: deploy\n    system: true",
    .order = "name state changed",
    .returns = "name: Name of the group.\nstate: What was asked for.\ngid: Its number.\n"
               "system: Whether a system group was asked for.\nstdout: What the tool said.\nstderr: Its complaints.",
    .args = args,
    .required_if = "non_unique=true:gid",
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .plan = plan,
    .tidy = true,
    .run = run,
};
