// service: a service under whatever manages services on the target: systemd, OpenRC or System V scripts.
#include "service.h"

#include "run.h"

#include <sys/stat.h>
#include <unistd.h>

static const struct arg args[] = {
    {"name", ARG_STR, .required = true, .doc = "The service."},
    {"state", ARG_STR, .choices = "reloaded|restarted|started|stopped", .doc = "What is to be done with it."},
    {"enabled", ARG_BOOL, .doc = "Whether it starts at boot."},
    {"sleep", ARG_INT, .doc = "Seconds between stop and start of a restart."},
    {"pattern", ARG_STR, .doc = "Text in the process list that tells that it runs, when its script has no status."},
    {"runlevel", ARG_STR, .def = "default", .doc = "OpenRC runlevel."},
    {"arguments", ARG_STR, .def = "", .aliases = "args", .doc = "More words for the service's script."},
    {"use", ARG_STR, .def = "auto", .doc = "systemd, openrc or sysvinit; found out by default."},
    {"daemon_reload", ARG_BOOL, .aliases = "daemon-reload", .doc = "systemd: read changed unit files first."},
    {"daemon_reexec", ARG_BOOL, .aliases = "daemon-reexec", .doc = "systemd: restart systemd itself first."},
    {"force", ARG_BOOL, .doc = "systemd: replace existing links when enabling."},
    {"masked", ARG_BOOL, .doc = "systemd: whether it cannot be started at all."},
    {"no_block", ARG_BOOL, .doc = "systemd: do not wait for the operation to finish."},
    {"scope", ARG_STR, .choices = "system|user|global", .doc = "systemd: whose units."},
    {0},
};

struct script {
    const char *name;
    bool openrc, running, crashed, stopped_first;
    const char *enable, *action;
};

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

// Which manager runs here; never taken from facts.
static const char *manager(struct mod_call *c) {
    const char *use = mod_z(c, "use");
    if (use && strcmp(use, "auto") != 0) {
        return use;
    }
    if (exists("/run/systemd/system") || exists("/dev/.run/systemd") || exists("/dev/.systemd")) {
        return "systemd";
    }
    if (exists("/sbin/openrc-run") || exists("/sbin/rc-service")) {
        return "openrc";
    }
    return exists("/etc/init.d") ? "sysvinit" : NULL;
}

static bool call(struct mod_call *c, const char *const *argv, struct run_result *r, struct err *e) {
    return run_command(&(struct run){.argv = argv, .timeout_ms = 600000}, c->arena, r, e);
}

// The program that runs a script of /etc/init.d with an environment of its own; NULL: there is none.
static const char *service_program(void) {
    static const char *const places[] = {"/sbin/service", "/usr/sbin/service", "/bin/service", "/usr/bin/service"};
    for (size_t i = 0; i < COUNTOF(places); i++) {
        if (access(places[i], X_OK) == 0) {
            return places[i];
        }
    }
    return NULL;
}

static bool verb(struct mod_call *c, const struct script *s, const char *what, struct run_result *r, struct err *e) {
    const char *script = arena_printf(c->arena, "/etc/init.d/%s", s->name);
    const char *extra = mod_z(c, "arguments");
    extra = extra && *extra && strcmp(what, "zap") != 0 ? extra : NULL;
    const char *program = service_program();
    const char *openrc[] = {"rc-service", "--", s->name, what, extra, NULL};
    const char *direct[] = {script, what, extra, NULL};
    const char *through[] = {program, s->name, what, extra, NULL};
    return call(c, s->openrc ? openrc : program ? through : direct, r, e);
}

// Whether a line of the process list holds the pattern.
static bool pattern_runs(struct mod_call *c, bool *running, struct err *e) {
    const char *argv[] = {"ps", "-o", "args", "-A", NULL};
    struct run_result r;
    if (!call(c, argv, &r, e)) {
        return false;
    }
    *running = str_find(r.out, 0, mod_str(c, "pattern")) != SIZE_MAX;
    return true;
}

static bool holds(struct str text, const char *word) {
    return str_find(text, 0, str_from(word)) != SIZE_MAX;
}

// What a script of /etc/init.d says: its status as the LSB has it, else the words of an answer of one line.
static bool script_says_running(struct mod_call *c, const struct script *s, const struct run_result *r) {
    if ((r->rc >= 1 && r->rc <= 4) || r->rc == 69) {
        return false;
    }
    size_t end = str_find_char(r->out, 0, '\n');
    if (end != SIZE_MAX && str_find_char(r->out, end + 1, '\n') != SIZE_MAX) {
        return r->rc == 0;
    }
    char *text = str_z(c->arena, r->out);
    char *name = str_z(c->arena, str_from(s->name));
    for (char *p = text; *p; p++) {
        *p = ascii_lower(*p);
    }
    for (char *p = name; *p; p++) {
        *p = ascii_lower(*p);
    }
    struct str words = str_replace(c->arena, str_from(text), str_from(name), STR_LIT(""));
    if (holds(words, "stop") || holds(words, "could not access pid file") ||
        holds(words, "is dead and pid file exists") || holds(words, "dead but subsys locked") ||
        holds(words, "dead but pid file exists")) {
        return false;
    }
    return holds(words, "run") ? !holds(words, "not ") : r->rc == 0;
}

static bool says_running(const struct run_result *r) {
    if (str_find(r->out, 0, STR_LIT("not running")) != SIZE_MAX ||
        str_find(r->out, 0, STR_LIT("stopped")) != SIZE_MAX || str_find(r->out, 0, STR_LIT("crashed")) != SIZE_MAX) {
        return false;
    }
    return r->rc == 0;
}

static bool enabled_now(struct mod_call *c, const struct script *s, bool *enabled, struct err *e) {
    struct run_result r;
    *enabled = false;
    if (!s->openrc) {
        const char *argv[] = {"sh", "-c", "ls /etc/rc[2345].d/S??\"$1\" >/dev/null 2>&1", "sh", s->name, NULL};
        if (!call(c, argv, &r, e)) {
            return false;
        }
        *enabled = r.rc == 0;
        return true;
    }
    const char *argv[] = {"rc-update", "show", mod_z(c, "runlevel"), NULL};
    if (!call(c, argv, &r, e)) {
        return false;
    }
    struct str line;
    while (str_next(&r.out, '\n', &line)) {
        struct str name = str_trim(str_sub(line, 0, str_find_char(line, 0, '|')));
        *enabled = *enabled || str_eqz(name, s->name);
    }
    return true;
}

static void plan_action(struct mod_call *c, struct script *s) {
    struct str want = mod_str(c, "state");
    if (str_eqz(want, "started")) {
        s->action = s->running ? NULL : "start";
    } else if (str_eqz(want, "stopped")) {
        s->action = s->running ? "stop" : NULL;
    } else if (str_eqz(want, "restarted")) {
        s->action = s->running ? "restart" : "start";
    } else if (str_eqz(want, "reloaded")) {
        s->action = s->running ? "reload" : "start";
    }
    if (s->action) {
        mod_changed(c);
        if (c->check) {
            mod_set_z(c, "msg", "service state changed");
        }
    }
    if (want.n > 0) {
        mod_set_z(c, "state", str_eqz(want, "stopped") ? "stopped" : "started");
    }
}

static bool plan_script(struct mod_call *c, bool openrc, struct err *e) {
    struct script *s = ARENA_NEW(c->arena, struct script);
    c->state = s;
    s->name = mod_z(c, "name");
    s->openrc = openrc;
    struct run_result r;
    if (!mod_has(c, "state") && !mod_has(c, "enabled")) {
        return mod_fail(c, e, "one of the following is required: state, enabled");
    }
    if (strchr(s->name, '/') || s->name[0] == '-' || !exists(arena_printf(c->arena, "/etc/init.d/%s", s->name))) {
        return mod_fail(c, e, "Could not find the requested service %s: host", s->name);
    }
    mod_set_z(c, "name", s->name);
    if (mod_has(c, "pattern")) {
        if (!pattern_runs(c, &s->running, e)) {
            return false;
        }
    } else if (!verb(c, s, "status", &r, e)) {
        return false;
    } else {
        s->running = openrc ? says_running(&r) : script_says_running(c, s, &r);
        s->crashed = openrc && (holds(r.out, "crashed") || holds(r.err, "crashed"));
    }
    if (mod_has(c, "enabled")) {
        bool now;
        if (!enabled_now(c, s, &now, e)) {
            return false;
        }
        bool want = mod_bool(c, "enabled");
        mod_set(c, "enabled", val_bool(want));
        if (now != want) {
            s->enable = want ? "enable" : "disable";
            mod_changed(c);
        }
    }
    plan_action(c, s);
    return true;
}

static bool set_enabled(struct mod_call *c, const struct script *s, struct err *e) {
    struct run_result r;
    bool on = strcmp(s->enable, "enable") == 0;
    const char *openrc[] = {"rc-update", on ? "add" : "del", s->name, mod_z(c, "runlevel"), NULL};
    const char *sysv[] = {"update-rc.d", s->name, on ? "defaults" : "disable", NULL};
    const char *sysv_on[] = {"update-rc.d", s->name, "enable", NULL};
    if (!call(c, s->openrc ? openrc : sysv, &r, e) || (!s->openrc && on && r.rc == 0 && !call(c, sysv_on, &r, e))) {
        return false;
    }
    return r.rc == 0 || mod_fail(c, e, "Unable to %s service %s: %.*s", s->enable, s->name, STR(str_trim(r.err)));
}

static bool run_script(struct mod_call *c, struct err *e) {
    struct script *s = c->state;
    struct run_result r;
    if (s->enable && !set_enabled(c, s, e)) {
        return false;
    }
    if (!s->action) {
        return true;
    }
    const char *action = s->action;
    if (strcmp(action, "restart") == 0 && (!s->openrc || mod_has(c, "sleep"))) {  // not every script can restart
        if (!verb(c, s, "stop", &r, e)) {
            return false;
        }
        sleep((unsigned)mod_int(c, "sleep", 0));
        action = "start";
    }
    if (s->crashed && strcmp(action, "start") == 0 && !verb(c, s, "zap", &r, e)) {  // else it counts as started
        return false;
    }
    if (!verb(c, s, action, &r, e)) {
        return false;
    }
    return r.rc == 0 || mod_fail(c, e, "Unable to %s service %s: %.*s%.*s", action, s->name, STR(r.out), STR(r.err));
}

static bool plan(struct mod_call *c, struct err *e) {
    const char *use = manager(c);
    if (!use) {
        return mod_fail(c, e,
                        "no service manager found on this target: expected systemd, OpenRC or scripts in /etc/init.d");
    }
    static const char *const same[] = {"name",  "state",  "enabled",  "daemon_reload", "daemon_reexec",
                                       "force", "masked", "no_block", "scope"};
    if (strcmp(use, "systemd") == 0) {
        struct val raw = val_dict(c->arena, COUNTOF(same));
        for (size_t i = 0; i < COUNTOF(same); i++) {
            if (mod_has(c, same[i])) {
                val_set(c->arena, raw, same[i], mod_arg(c, same[i]));
            }
        }
        c->mod = module_find(STR_LIT("systemd"));
        return mod_validate(c->mod, "systemd", raw, c->at, c->arena, &c->args, e) && service_systemd_plan(c, e);
    }
    if (strcmp(use, "openrc") != 0 && strcmp(use, "sysvinit") != 0) {
        return mod_fail(c, e, "service manager '%s' is not supported, only systemd, openrc and sysvinit", use);
    }
    for (size_t i = 3; i < COUNTOF(same); i++) {
        if (mod_has(c, same[i])) {
            return mod_fail(c, e, "'%s' is for systemd, and services are managed by %s here", same[i], use);
        }
    }
    return plan_script(c, strcmp(use, "openrc") == 0, e);
}

static bool run(struct mod_call *c, struct err *e) {
    return c->mod == module_find(STR_LIT("systemd")) ? service_systemd_run(c, e) : run_script(c, e);
}

MODULE(service) = {
    .doc = "Start, stop and enable services under the target's own service manager.",
    .spec = "ansible.builtin.service",
    .example = "- ansible.builtin.service:\n    name: cron\n    state: started\n    enabled: true",
    .order = "name enabled changed",
    .returns = "name: The service.\nstate: Its state.\nenabled: Whether it starts at boot.\n"
               "status: What systemd said before.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .plan = plan,
    .run = run,
};
