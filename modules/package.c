// package: the target's own package manager, with the arguments all of them share.
#include "module.h"

#include <unistd.h>

static const struct arg args[] = {
    {"name", ARG_LIST, .aliases = "pkg",
     .doc = "Packages; whether they must be named is up to the manager (update_cache alone)."},
    {"state", ARG_STR, .doc = "present, absent or latest, and what the manager has beyond; present by default."},
    {"use", ARG_STR, .def = "auto", .doc = "The manager; found out on the target by default."},
    {0},
};

// The manager of this target. Never taken from facts: a target could lie about them.
static const char *manager(struct mod_call *c) {
    static const struct {
        const char *path, *name;
    } known[] = {{"/usr/bin/apt-get", "apt"}, {"/sbin/apk", "apk"},          {"/usr/bin/dnf", "dnf"},
                 {"/usr/bin/yum", "yum"},     {"/usr/bin/pacman", "pacman"}, {"/usr/bin/zypper", "zypper"}};
    const char *use = mod_z(c, "use");
    if (use && strcmp(use, "auto") != 0) {
        return use;
    }
    for (size_t i = 0; i < COUNTOF(known); i++) {
        if (access(known[i].path, X_OK) == 0) {
            return known[i].name;
        }
    }
    return NULL;
}

static const struct module *manager_module(const char *name) {
    static const char *const names[] = {"apt", "apk", "dnf", "yum", "pacman"};
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return module_find(str_from(name));
        }
    }
    return NULL;
}

// The same arguments under the manager's own table, so that its defaults and choices apply.
static bool as_manager(struct mod_call *c, const struct module *m, const char *name, struct err *e) {
    struct val raw = val_copy(c->arena, c->args);
    val_del_key(raw, val_z(c->arena, "use"));
    c->mod = m;
    return mod_validate(m, name, raw, c->at, c->arena, &c->args, e);
}

static bool plan(struct mod_call *c, struct err *e) {
    const char *name = manager(c);
    if (!name) {
        return mod_fail(
            c, e, "Could not detect which package manager to use. Try gathering facts or setting the \"use\" option.");
    }
    const struct module *m = manager_module(name);
    if (!m) {
        return mod_fail(c, e, "package manager '%s' is not supported: expected apt, apk, dnf or pacman", name);
    }
    return as_manager(c, m, name, e) && (m->plan ? m->plan(c, e) : m->run(c, e));
}

// Reached only when `plan` has found no manager, as it puts the manager's table in place of this one.
static bool run(struct mod_call *c, struct err *e) {
    return c->mod->run != run ? c->mod->run(c, e) : mod_fail(c, e, "no package manager was found");
}

MODULE(package) = {
    .doc = "Install and remove packages with the target's own package manager.",
    .spec = "ansible.builtin.package",
    .example = "- ansible.builtin.package:\n    name: git\n    state: present",
    .returns = "stdout: What the manager said.",
    .args = args,
    .any_args = true,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .plan = plan,
    .run = run,
};
