// systemd: units, their state and whether they start at boot.
#include "run.h"
#include "service.h"

#include <sys/stat.h>
#include <unistd.h>

static const struct arg args[] = {
    {"name", ARG_STR, .aliases = "service|unit", .doc = "The unit, with or without .service."},
    {"state", ARG_STR, .choices = "reloaded|restarted|started|stopped", .doc = "What is to be done with it."},
    {"enabled", ARG_BOOL, .doc = "Whether it starts at boot."},
    {"force", ARG_BOOL, .doc = "Replace existing links when enabling."},
    {"masked", ARG_BOOL, .doc = "Whether it cannot be started at all."},
    {"daemon_reload", ARG_BOOL, .def = "false", .aliases = "daemon-reload", .doc = "Read changed unit files first."},
    {"daemon_reexec", ARG_BOOL, .def = "false", .aliases = "daemon-reexec", .doc = "Restart systemd itself first."},
    {"scope", ARG_STR, .def = "system", .choices = "system|user|global", .doc = "Whose units."},
    {"no_block", ARG_BOOL, .def = "false", .doc = "Do not wait for the operation to finish."},
    {0},
};

struct unit {
    const char *name;
    struct val status;
    bool found, init_script;
    const char *mask, *enable, *action;  // systemctl verbs still to be run
};

static bool systemctl_with(struct mod_call *c, const char *verb, const char *option, const char *unit,
                           struct run_result *r, struct err *e) {
    const char *argv[10] = {"systemctl"};
    size_t n = 1;
    struct str scope = mod_str(c, "scope");
    if (str_eqz(scope, "user") || str_eqz(scope, "global")) {
        argv[n++] = arena_printf(c->arena, "--%.*s", STR(scope));
    }
    if (mod_bool(c, "no_block")) {
        argv[n++] = "--no-block";
    }
    if (mod_bool(c, "force")) {
        argv[n++] = "--force";
    }
    argv[n++] = verb;
    if (option) {
        argv[n++] = option;
    }
    if (unit) {
        argv[n++] = "--";
        argv[n++] = unit;
    }
    argv[n] = NULL;
    if (str_eqz(scope, "user") && !getenv("XDG_RUNTIME_DIR")) {
        setenv("XDG_RUNTIME_DIR", arena_printf(c->arena, "/run/user/%u", (unsigned)geteuid()), 1);
    }
    if (!run_command(&(struct run){.argv = argv}, c->arena, r, e)) {
        return err_wrap(e, NO_MARK, "systemctl cannot be run: is this a system with systemd?");
    }
    return true;
}

static bool systemctl(struct mod_call *c, const char *verb, const char *unit, struct run_result *r, struct err *e) {
    return systemctl_with(c, verb, NULL, unit, r, e);
}

// "Key=value" lines; the value of an Exec key may go on over several lines until its closing brace.
static struct val parse_show(struct mod_call *c, struct str text) {
    struct val d = val_dict(c->arena, 256);
    struct str line;
    while (str_next(&text, '\n', &line)) {
        size_t eq = str_find_char(line, 0, '=');
        if (eq == SIZE_MAX) {
            continue;
        }
        struct str key = str_sub(line, 0, eq);
        struct str value = str_sub(line, eq + 1, line.n);
        bool open = str_starts(key, "Exec") && str_starts(value, "{") && !str_ends(str_rtrim(value), "}");
        while (open && str_next(&text, '\n', &line)) {
            value = str_printf(c->arena, "%.*s\n%.*s", STR(value), STR(line));
            open = !str_ends(str_rtrim(line), "}");
        }
        val_set_str(c->arena, d, key, val_str(c->arena, str_trim(value)));
    }
    return d;
}

// What failed is told by the message alone, as Ansible does: no state, and nothing of what systemd said before.
static void forget(struct mod_call *c) {
    c->result = val_dict(c->arena, 4);
}

static struct str status(const struct unit *u, const char *key) {
    return val_text(val_get(u->status, key));
}

static bool ignored(const struct run_result *r) {
    return str_find(r->out, 0, STR_LIT("ignoring request")) != SIZE_MAX ||
           str_find(r->out, 0, STR_LIT("ignoring command")) != SIZE_MAX ||
           str_find(r->err, 0, STR_LIT("ignoring request")) != SIZE_MAX ||
           str_find(r->err, 0, STR_LIT("ignoring command")) != SIZE_MAX;
}

static bool missing(struct mod_call *c, const struct unit *u, struct err *e) {
    if (u->found) {
        return true;
    }
    forget(c);
    return mod_fail(c, e, "Could not find the requested service %s: host", u->name);
}

// What is-enabled says of a unit file that exists.
static bool unit_file_state(struct str s) {
    static const char *const states[] = {"enabled",  "enabled-runtime", "linked",   "linked-runtime",
                                         "masked",   "masked-runtime",  "static",   "indirect",
                                         "disabled", "generated",       "transient"};
    for (size_t i = 0; i < COUNTOF(states); i++) {
        if (str_eqz(s, states[i])) {
            return true;
        }
    }
    return false;
}

// Inside a chroot, or told so: nothing runs here, and that is no failure.
static bool nothing_runs_here(void) {
    const char *told = getenv("SYSTEMD_OFFLINE");
    const char *debian = getenv("debian_chroot");
    struct stat root;
    struct stat init;
    if ((told && strcmp(told, "1") == 0) || (debian && *debian)) {
        return true;
    }
    return stat("/", &root) == 0 && stat("/proc/1/root/.", &init) == 0 &&
           (root.st_ino != init.st_ino || root.st_dev != init.st_dev);
}

static bool load(struct mod_call *c, struct unit *u, struct err *e) {
    struct run_result r;
    if (!systemctl(c, "show", u->name, &r, e)) {
        return false;
    }
    u->init_script = access(arena_printf(c->arena, "/etc/init.d/%s", u->name), X_OK) == 0;
    u->status = parse_show(c, r.out);
    if (ignored(&r) || (r.rc != 0 && val_len(u->status) == 0)) {
        // A chroot, or systemd is not running: only unit files can be looked at.
        if (!systemctl(c, "is-enabled", u->name, &r, e)) {
            return false;
        }
        u->found = u->init_script || unit_file_state(str_trim(r.out));
        if (!u->found && !systemctl(c, "list-unit-files", u->name, &r, e)) {
            return false;
        }
        u->found = u->found || r.rc == 0;
        return true;
    }
    struct str state = status(u, "LoadState");
    bool known = state.n > 0 && !str_eqz(state, "not-found");
    if (known && !str_eqz(state, "masked") && status(u, "LoadError").n > 0) {
        forget(c);
        return mod_fail(c, e, "Error loading unit file '%s': %.*s", u->name, STR(status(u, "LoadError")));
    }
    if (u->init_script && !known) {
        mod_warn(c, "The service (%s) is actually an init script but the system is managed by systemd", u->name);
    }
    // A file anywhere is no unit that runs, but it can be enabled.
    u->found = known || u->init_script || (u->name[0] == '/' && access(u->name, F_OK) == 0);
    mod_set(c, "status", u->status);
    return true;
}

static bool plan_mask(struct mod_call *c, struct unit *u, struct err *e) {
    if (!mod_has(c, "masked")) {
        return true;
    }
    struct run_result r;
    if (!systemctl(c, "is-enabled", u->name, &r, e)) {
        return false;
    }
    bool masked = str_eqz(str_trim(r.out), "masked");
    if (masked != mod_bool(c, "masked")) {
        u->mask = masked ? "unmask" : "mask";
        mod_changed(c);
    }
    return true;
}

static bool enabled_now(struct mod_call *c, const struct unit *u, bool *enabled, struct err *e) {
    struct run_result r;
    // With -l a unit that another one has enabled shows how, below the word.
    if (!systemctl_with(c, "is-enabled", "-l", u->name, &r, e)) {
        return false;
    }
    struct str out = str_trim(r.out);
    *enabled = r.rc == 0 && !str_eqz(out, "indirect") && !str_eqz(out, "alias");
    if (r.rc == 1 && u->init_script && !str_ends(out, "disabled") && str_eqz(mod_str(c, "scope"), "system")) {
        // An init script beside a unit file: its start links decide.
        const char *argv[] = {"sh", "-c", "ls /etc/rc?.d/S??\"$1\" >/dev/null 2>&1", "sh", u->name, NULL};
        *enabled = run_command(&(struct run){.argv = argv}, c->arena, &r, e) && r.rc == 0;
        err_clear(e);
    }
    return true;
}

static bool plan_enabled(struct mod_call *c, struct unit *u, struct err *e) {
    if (!mod_has(c, "enabled")) {
        return true;
    }
    bool now;
    if (!missing(c, u, e) || !enabled_now(c, u, &now, e)) {
        return false;
    }
    bool want = mod_bool(c, "enabled");
    mod_set(c, "enabled", val_bool(want));
    if (now != want) {
        u->enable = want ? "enable" : "disable";
        mod_changed(c);
    }
    return true;
}

static bool plan_state(struct mod_call *c, struct unit *u, struct err *e) {
    struct str want = mod_str(c, "state");
    if (want.n == 0) {
        return true;
    }
    if (!missing(c, u, e)) {
        return false;
    }
    mod_set_str(c, "state", want);
    struct str active = status(u, "ActiveState");
    if (active.n == 0) {
        if (nothing_runs_here()) {
            mod_warn(c, "the target is a chroot, or systemd does not run there: what its programs say may be wrong, "
                        "and they may "
                        "fail");
            return true;
        }
        forget(c);
        return mod_fail(c, e, "Service is in unknown state");
    }
    bool running = str_eqz(active, "active") || str_eqz(active, "activating");
    if (str_eqz(want, "started")) {
        u->action = running ? NULL : "start";
    } else if (str_eqz(want, "stopped")) {
        u->action = running || str_eqz(active, "deactivating") ? "stop" : NULL;
    } else {
        u->action = !running ? "start" : (str_eqz(want, "reloaded") ? "reload" : "restart");
        mod_set_z(c, "state", "started");
    }
    if (u->action) {
        mod_changed(c);
    }
    return true;
}

bool service_systemd_plan(struct mod_call *c, struct err *e) {
    struct unit *u = ARENA_NEW(c->arena, struct unit);
    c->state = u;
    u->name = mod_z(c, "name");
    bool reload = mod_bool(c, "daemon_reload") || mod_bool(c, "daemon_reexec");
    if (!u->name) {
        mod_set(c, "name", VNULL);
        mod_set(c, "status", val_dict(c->arena, 0));
    } else {
        if (strpbrk(u->name, "*?[")) {
            return mod_fail(
                c, e, "This module does not currently support using glob patterns, found '%c' in service name: %s",
                *strpbrk(u->name, "*?["), u->name);
        }
        mod_set_z(c, "name", u->name);
        mod_set(c, "status", val_dict(c->arena, 0));
    }
    // Changed unit files must be read before their state can be judged; in check mode nothing may be touched.
    struct run_result r;
    for (int i = 0; reload && !c->check && i < 2; i++) {
        const char *verb = i == 0 ? "daemon-reload" : "daemon-reexec";
        if (!mod_bool(c, i == 0 ? "daemon_reload" : "daemon_reexec")) {
            continue;
        }
        if (!systemctl(c, verb, NULL, &r, e)) {
            return false;
        }
        if (r.rc != 0 && !ignored(&r)) {
            return mod_fail(c, e, "failure %d during %s: %.*s", r.rc, verb, STR(str_trim(r.err)));
        }
    }
    return !u->name || (load(c, u, e) && plan_mask(c, u, e) && plan_enabled(c, u, e) && plan_state(c, u, e));
}

static bool act(struct mod_call *c, const struct unit *u, const char *verb, struct err *e) {
    struct run_result r;
    if (!systemctl(c, verb, u->name, &r, e)) {
        return false;
    }
    if (r.rc == 0) {
        return true;
    }
    forget(c);
    return mod_fail(c, e, "Unable to %s service %s: %.*s", verb, u->name, STR(r.err));
}

/// As Ansible's module: what cannot be masked, as a unit file in /etc, counts as changed, each time. It is told here.
static bool mask(struct mod_call *c, const struct unit *u, struct err *e) {
    struct run_result r;
    if (!systemctl(c, u->mask, u->name, &r, e)) {
        return false;
    }
    if (r.rc != 0 && u->found) {
        mod_warn(c, "Unable to %s service %s: %.*s", u->mask, u->name, STR(str_trim(r.err)));
    }
    return r.rc == 0 || missing(c, u, e);
}

bool service_systemd_run(struct mod_call *c, struct err *e) {
    const struct unit *u = c->state;
    return (!u->mask || mask(c, u, e)) && (!u->enable || act(c, u, u->enable, e)) &&
           (!u->action || act(c, u, u->action, e));
}

MODULE(systemd) = {
    .doc = "Start, stop, enable and mask systemd units.",
    .spec = "ansible.builtin.systemd_service",
    .example = "- ansible.builtin.systemd:\n    name: nginx\n    state: started\n    enabled: true",
    .order = "name changed status enabled state",
    .returns = "name: The unit.\nstatus: What `systemctl show` said before.\nstate: State that was asked for.\n"
               "enabled: Whether it starts at boot.",
    .args = args,
    .required_by = "state:name;enabled:name;masked:name",
    .required_one_of = "state,enabled,masked,daemon_reload,daemon_reexec",
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .plan = service_systemd_plan,
    .run = service_systemd_run,
};
