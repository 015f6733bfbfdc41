// apt: packages of Debian systems. What is installed comes from dpkg's status file, changes go through apt-get.
#include "apt.h"
#include "dpkg.h"
#include "fd.h"
#include "run.h"

#include <errno.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct arg args[] = {
    {"name", ARG_LIST, .aliases = "package|pkg", .doc = "Packages, also as name=version and with wildcards."},
    {"state", ARG_STR, .def = "present", .choices = "absent|build-dep|fixed|latest|present", .doc = "What is wanted."},
    {"update_cache", ARG_BOOL, .aliases = "update-cache", .doc = "Run `apt-get update` first."},
    {"update_cache_retries", ARG_INT, .def = "5", .doc = "How often the update is tried."},
    {"update_cache_retry_max_delay", ARG_INT, .def = "12", .doc = "Longest pause between tries, in seconds."},
    {"cache_valid_time", ARG_INT, .def = "0", .doc = "Do not update lists younger than this many seconds."},
    {"purge", ARG_BOOL, .def = "false", .doc = "Remove configuration files, too."},
    {"default_release", ARG_STR, .aliases = "default-release", .doc = "Prefer this release."},
    {"install_recommends", ARG_BOOL, .aliases = "install-recommends", .doc = "Install recommended packages, too."},
    {"force", ARG_BOOL, .def = "false", .doc = "Pass --force-yes: may break the system."},
    {"clean", ARG_BOOL, .def = "false", .doc = "Run `apt-get clean`."},
    {"allow_unauthenticated", ARG_BOOL, .def = "false", .aliases = "allow-unauthenticated",
     .doc = "Skip signature checks."},
    {"allow_downgrade", ARG_BOOL, .def = "false", .aliases = "allow-downgrade|allow_downgrades|allow-downgrades",
     .doc = "Install older versions when asked for."},
    {"allow_change_held_packages", ARG_BOOL, .def = "false", .doc = "Change held packages."},
    {"upgrade", ARG_STR, .def = "no", .choices = "dist|full|no|safe|yes", .doc = "Upgrade all packages."},
    {"dpkg_options", ARG_STR, .def = "force-confdef,force-confold", .doc = "Options for dpkg, with commas between."},
    {"deb", ARG_PATH, .doc = "A .deb file on the target."},
    {"autoremove", ARG_BOOL, .def = "false", .doc = "Remove packages nothing depends on any more."},
    {"autoclean", ARG_BOOL, .def = "false", .doc = "Run `apt-get autoclean`."},
    {"policy_rc_d", ARG_INT,
     .doc = "Exit code of a policy-rc.d put in place for the time of the run (101: start nothing)."},
    {"only_upgrade", ARG_BOOL, .def = "false", .doc = "Only upgrade what is installed."},
    {"fail_on_autoremove", ARG_BOOL, .def = "false", .doc = "Refuse to remove packages as a side effect."},
    {"force_apt_get", ARG_BOOL, .def = "false", .doc = "Accepted; apt-get is always used."},
    {"lock_timeout", ARG_INT, .def = "60", .doc = "Seconds to wait for the lock of apt and dpkg."},
    {0},
};

#define POLICY_FILE "/usr/sbin/policy-rc.d"

struct names {
    const char **p;
    size_t n, cap;
};
struct apt {
    struct dpkg db;
    struct names wanted;  // words for apt-get: name, name=version, a .deb
    bool update;          // lists are to be refreshed
    bool packages;        // packages were asked for
    bool cache_updated;
    int64_t cache_time;
};

// -- apt-get ---------------------------------------------------------------------------------------------------------

static void add(struct mod_call *c, struct names *v, const char *word) {
    VEC_PUSH(c->arena, *v, word);
}

// The options every apt-get call has.
static void base_words(struct mod_call *c, struct names *v) {
    add(c, v, "apt-get");
    add(c, v, "-q");
    add(c, v, "-y");
    add(c, v, "-o");
    add(c, v, arena_printf(c->arena, "DPkg::Lock::Timeout=%lld", (long long)mod_int(c, "lock_timeout", 60)));
    struct str rest = mod_str(c, "dpkg_options");
    struct str one;
    while (rest.n > 0 && str_next(&rest, ',', &one)) {
        add(c, v, "-o");
        add(c, v, arena_printf(c->arena, "Dpkg::Options::=--%.*s", STR(str_trim(one))));
    }
}

static void change_words(struct mod_call *c, struct names *v) {
    static const struct {
        const char *arg, *word;
    } flags[] = {{"force", "--force-yes"},
                 {"allow_unauthenticated", "--allow-unauthenticated"},
                 {"allow_downgrade", "--allow-downgrades"},
                 {"allow_change_held_packages", "--allow-change-held-packages"},
                 {"only_upgrade", "--only-upgrade"},
                 {"fail_on_autoremove", "--no-remove"},
                 {"purge", "--purge"},
                 {"autoremove", "--auto-remove"}};
    for (size_t i = 0; i < COUNTOF(flags); i++) {
        if (mod_bool(c, flags[i].arg)) {
            add(c, v, flags[i].word);
        }
    }
    if (mod_has(c, "install_recommends")) {
        add(c, v, "-o");
        add(c, v, mod_bool(c, "install_recommends") ? "APT::Install-Recommends=yes" : "APT::Install-Recommends=no");
    }
    if (mod_has(c, "default_release")) {
        add(c, v, "-t");
        add(c, v, mod_z(c, "default_release"));
    }
}

static bool apt_get(struct mod_call *c, struct names *v, struct run_result *r, struct err *e) {
    add(c, v, NULL);
    setenv("DEBIAN_FRONTEND", "noninteractive", 1);
    setenv("DEBIAN_PRIORITY", "critical", 1);
    if (!run_command(&(struct run){.argv = v->p, .log = c}, c->arena, r, e)) {
        return err_wrap(e, NO_MARK, "apt-get cannot be run on this target");
    }
    return true;
}

static bool fail_with(struct mod_call *c, const struct run_result *r, const char *what, struct err *e) {
    mod_set(c, "rc", val_int(r->rc));
    mod_set_str(c, "stdout", r->out);
    mod_set_str(c, "stderr", r->err);
    return mod_fail(c, e, "%s failed: %.*s", what, STR(str_trim(r->err)));
}

// Runs a changing command; the result tells whether apt changed anything.
static bool change(struct mod_call *c, struct names *v, const char *what, bool *changed, struct err *e) {
    struct run_result r;
    if (!apt_get(c, v, &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        return fail_with(c, &r, what, e);
    }
    *changed = str_find(r.out, 0, STR_LIT("0 upgraded, 0 newly installed, 0 to remove")) == SIZE_MAX;
    mod_set_str(c, "stdout", r.out);
    mod_set_str(c, "stderr", r.err);
    return true;
}

// -- package lists ---------------------------------------------------------------------------------------------------

static int64_t lists_time(void) {
    static const char *const paths[] = {"/var/lib/apt/periodic/update-success-stamp", "/var/lib/apt/lists"};
    for (size_t i = 0; i < COUNTOF(paths); i++) {
        struct stat st;
        if (stat(paths[i], &st) == 0) {
            return st.st_mtim.tv_sec;
        }
    }
    return 0;
}

static bool update_lists(struct mod_call *c, struct apt *s, struct err *e) {
    int64_t tries = mod_int(c, "update_cache_retries", 5);
    int64_t longest = mod_int(c, "update_cache_retry_max_delay", 12);
    struct run_result r = {0};
    for (int64_t i = 0; i < (tries < 1 ? 1 : tries); i++) {
        struct names v = {0};
        base_words(c, &v);
        add(c, &v, "update");
        if (!apt_get(c, &v, &r, e)) {
            return false;
        }
        if (r.rc == 0 && str_find(r.err, 0, STR_LIT("W: Failed to fetch")) == SIZE_MAX) {
            s->cache_updated = true;
            return true;
        }
        int64_t pause = (int64_t)1 << (i < 10 ? i : 10);
        sleep((unsigned)(pause < longest ? pause : longest));
    }
    return fail_with(c, &r, "Failed to update apt cache: apt-get update", e);
}

// -- what is wanted --------------------------------------------------------------------------------------------------

static bool has_wildcard(struct str s) {
    return str_find_char(s, 0, '*') != SIZE_MAX || str_find_char(s, 0, '?') != SIZE_MAX;
}

static bool installed(const struct apt *s, struct str name) {
    return dpkg_installed(&s->db, name) || map_get(&s->db.provides, name);
}

// Candidates of packages, asked in one call: name -> version text, as long as apt knows the name.
static bool candidates(struct mod_call *c, const struct names *names, struct map *out, struct err *e) {
    struct names v = {0};
    add(c, &v, "apt-cache");
    add(c, &v, "policy");
    add(c, &v, "--");
    for (size_t i = 0; i < names->n; i++) {
        add(c, &v, names->p[i]);
    }
    add(c, &v, NULL);
    struct run_result r;
    setenv("LC_ALL", "C.UTF-8", 1);
    if (!run_command(&(struct run){.argv = v.p}, c->arena, &r, e)) {
        return false;
    }
    struct str rest = r.out;
    struct str line;
    struct str name = STR_NONE;
    while (str_next(&rest, '\n', &line)) {
        if (line.n > 1 && line.s[0] != ' ') {
            name = str_sub(line, 0, line.n - 1);
        }
        struct str t = str_trim(line);
        if (str_starts(t, "Candidate:") && name.n > 0) {
            struct str *version = ARENA_NEW(c->arena, struct str);
            *version = str_trim(str_sub(t, 10, t.n));
            map_put(out, c->arena, name, version);
        }
    }
    return true;
}

struct want {
    struct str name, version;  // version: pattern, or empty
};

static struct want split_name(struct str word) {
    size_t eq = str_find_char(word, 0, '=');
    struct want w = {.name = str_sub(word, 0, eq)};
    if (eq != SIZE_MAX) {
        w.version = str_sub(word, eq + 1, word.n);
    }
    return w;
}

static bool version_matches(struct mod_call *c, struct str have, struct str pattern) {
    return fnmatch(str_z(c->arena, pattern), str_z(c->arena, have), 0) == 0;
}

// Installed packages whose names match a pattern; for absent and latest.
static void expand_installed(struct mod_call *c, const struct apt *s, struct str pattern, struct names *out) {
    const char *p = str_z(c->arena, pattern);
    for (size_t i = 0; i < s->db.by_name.n; i++) {
        const struct dpkg_package *k = s->db.by_name.slots[i].value;
        bool plain = str_find_char(s->db.by_name.slots[i].key, 0, ':') == SIZE_MAX;
        if (plain && k->installed && fnmatch(p, str_z(c->arena, k->name), 0) == 0) {
            add(c, out, str_z(c->arena, k->name));
        }
    }
}

// All packages apt knows whose names match a pattern.
static bool expand_known(struct mod_call *c, struct str pattern, struct names *out, struct err *e) {
    const char *argv[] = {"apt-cache", "pkgnames", NULL};
    struct run_result r;
    if (!run_command(&(struct run){.argv = argv}, c->arena, &r, e)) {
        return false;
    }
    const char *p = str_z(c->arena, pattern);
    struct str rest = r.out;
    struct str line;
    size_t before = out->n;
    while (str_next(&rest, '\n', &line)) {
        if (line.n > 0 && fnmatch(p, str_z(c->arena, line), 0) == 0) {
            add(c, out, str_z(c->arena, line));
        }
    }
    return out->n > before || mod_fail(c, e, "No package(s) matching '%.*s' available", STR(pattern));
}

// The names to look at, wildcards expanded.
static bool expand(struct mod_call *c, const struct apt *s, struct names *out, struct err *e) {
    struct val list = mod_arg(c, "name");
    bool gone = str_eqz(mod_str(c, "state"), "absent");
    for (size_t i = 0; i < val_len(list); i++) {
        struct str word = str_trim(val_str_of(c->arena, val_at_index(list, i)));
        struct want w = split_name(word);
        if (word.n == 0) {
            continue;
        }
        if (word.s[0] == '-') {
            return mod_fail(c, e, "'%.*s' is not the name of a package", STR(word));
        }
        if (!has_wildcard(w.name)) {
            add(c, out, str_z(c->arena, word));
        } else if (gone) {
            expand_installed(c, s, w.name, out);
        } else if (!expand_known(c, w.name, out, e)) {
            return false;
        }
    }
    return true;
}

static bool wants_present(struct mod_call *c, struct apt *s, const struct names *names, bool latest, struct err *e) {
    struct names ask = {0};
    for (size_t i = 0; i < names->n; i++) {
        struct want w = split_name(str_from(names->p[i]));
        const struct dpkg_package *p = dpkg_installed(&s->db, w.name);
        bool there = w.version.n ? p && version_matches(c, p->version, w.version) : installed(s, w.name);
        if (!there || latest) {
            add(c, &ask, str_z(c->arena, w.name));
        }
    }
    struct map cand = {0};
    if (ask.n > 0 && !candidates(c, &ask, &cand, e)) {
        return false;
    }
    for (size_t i = 0; i < names->n; i++) {
        struct want w = split_name(str_from(names->p[i]));
        const struct dpkg_package *p = dpkg_installed(&s->db, w.name);
        bool there = w.version.n ? p && version_matches(c, p->version, w.version) : installed(s, w.name);
        const struct str *version = map_get(&cand, w.name);
        if (there && latest && p && version && !w.version.n) {
            there = str_eqz(*version, "(none)") || dpkg_compare(*version, p->version) <= 0;
        }
        if (there || (mod_bool(c, "only_upgrade") && !p)) {
            continue;
        }
        if (!version && !p) {
            return mod_fail(c, e, "No package matching '%.*s' is available", STR(w.name));
        }
        add(c, &s->wanted, names->p[i]);
    }
    return true;
}

static void wants_absent(struct mod_call *c, struct apt *s, const struct names *names) {
    for (size_t i = 0; i < names->n; i++) {
        struct want w = split_name(str_from(names->p[i]));
        const struct dpkg_package *p = map_get(&s->db.by_name, w.name);
        // With purge a removed package still has something to give: its configuration files.
        if (p && (p->installed || (mod_bool(c, "purge") && p->version.n > 0 && !p->installed))) {
            add(c, &s->wanted, str_z(c->arena, w.name));
        }
    }
}

static bool wants_deb(struct mod_call *c, struct apt *s, struct err *e) {
    const char *deb = mod_z(c, "deb");
    if (access(deb, R_OK) != 0) {
        return mod_fail(c, e, "Unable to read the package file '%s' (a file on the target is needed)", deb);
    }
    const char *argv[] = {"dpkg-deb", "--show", "--showformat=${Package}\\t${Version}\\t${Architecture}",
                          "--",       deb,      NULL};
    struct run_result r;
    if (!run_command(&(struct run){.argv = argv}, c->arena, &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        return fail_with(c, &r, "dpkg-deb", e);
    }
    struct str rest = r.out;
    struct str name;
    struct str version;
    str_next(&rest, '\t', &name);
    str_next(&rest, '\t', &version);
    const struct dpkg_package *p = dpkg_installed(&s->db, name);
    if (!p || dpkg_compare(version, p->version) > 0 || (mod_bool(c, "force") && !str_eq(version, p->version))) {
        char real[4096];
        add(c, &s->wanted, realpath(deb, real) ? arena_strndup(c->arena, real, strlen(real)) : deb);
    }
    return true;
}

static bool look(struct mod_call *c, struct apt *s, struct err *e) {
    s->wanted = (struct names){0};
    if (!dpkg_load(c->arena, &s->db, e)) {
        return false;
    }
    if (mod_has(c, "deb")) {
        return wants_deb(c, s, e);
    }
    struct names names = {0};
    if (!expand(c, s, &names, e)) {
        return false;
    }
    struct str state = mod_str(c, "state");
    if (str_eqz(state, "absent")) {
        wants_absent(c, s, &names);
        return true;
    }
    if (str_eqz(state, "build-dep") || str_eqz(state, "fixed")) {
        s->wanted = names;
        return true;
    }
    return wants_present(c, s, &names, str_eqz(state, "latest"), e);
}

// -- plan and run ----------------------------------------------------------------------------------------------------

static bool upgrade_wanted(struct mod_call *c) {
    return !str_eqz(mod_str(c, "upgrade"), "no");
}

// Asks apt what it would do; for operations whose effect only apt knows.
static bool simulate(struct mod_call *c, struct names *v, const char *what, bool *would, struct err *e) {
    struct run_result r;
    add(c, v, "--simulate");
    if (!apt_get(c, v, &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        return fail_with(c, &r, what, e);
    }
    *would = str_find(r.out, 0, STR_LIT("\nInst ")) != SIZE_MAX || str_find(r.out, 0, STR_LIT("\nRemv ")) != SIZE_MAX ||
             str_find(r.out, 0, STR_LIT("\nPurg ")) != SIZE_MAX || str_find(r.out, 0, STR_LIT("\nConf ")) != SIZE_MAX;
    return true;
}

static void operation_words(struct mod_call *c, const struct apt *s, struct names *v) {
    struct str state = mod_str(c, "state");
    base_words(c, v);
    change_words(c, v);
    if (upgrade_wanted(c)) {
        struct str u = mod_str(c, "upgrade");
        add(c, v, str_eqz(u, "dist") || str_eqz(u, "full") ? "dist-upgrade" : "upgrade");
        if (str_eqz(u, "safe") || str_eqz(u, "yes")) {
            add(c, v, "--with-new-pkgs");
        }
        return;
    }
    if (str_eqz(state, "absent")) {
        add(c, v, "remove");
    } else if (str_eqz(state, "build-dep")) {
        add(c, v, "build-dep");
    } else if (str_eqz(state, "fixed") && s->wanted.n == 0) {
        add(c, v, "--fix-broken");
        add(c, v, "install");
    } else if (s->wanted.n == 0 && mod_bool(c, "autoremove")) {
        add(c, v, "autoremove");
    } else {
        add(c, v, str_eqz(state, "fixed") ? "--fix-broken" : "install");
        if (str_eqz(state, "fixed")) {
            add(c, v, "install");
        }
    }
    for (size_t i = 0; i < s->wanted.n; i++) {
        add(c, v, s->wanted.p[i]);
    }
}

// True when apt-get has something to be asked for beyond the packages counted in `wanted`.
static bool needs_apt(struct mod_call *c) {
    struct str state = mod_str(c, "state");
    return upgrade_wanted(c) || mod_bool(c, "autoremove") || str_eqz(state, "build-dep") || str_eqz(state, "fixed");
}

static void report(struct mod_call *c, const struct apt *s) {
    mod_set(c, "cache_updated", val_bool(s->cache_updated));
    mod_set(c, "cache_update_time", val_int(lists_time()));
}

static bool plan(struct mod_call *c, struct err *e) {
    struct apt *s = ARENA_NEW(c->arena, struct apt);
    c->state = s;
    s->packages = val_len(mod_arg(c, "name")) > 0 || mod_has(c, "deb");
    int64_t valid = mod_int(c, "cache_valid_time", 0);
    bool asked = mod_has(c, "update_cache") ? mod_bool(c, "update_cache") : valid > 0;
    s->cache_time = lists_time();
    s->update = asked && (valid <= 0 || s->cache_time + valid < (int64_t)time(NULL));
    report(c, s);
    if (s->update) {
        if (!c->check) {
            mod_changed(c);  // decided in run, when the lists are new
            return true;
        }
        // Ansible updates the lists in check mode, too; here nothing is touched and the old lists are looked at.
    }
    if ((s->packages || needs_apt(c)) && !look(c, s, e)) {
        return false;
    }
    if (s->wanted.n > 0 && !needs_apt(c)) {
        mod_changed(c);
        return true;
    }
    if (needs_apt(c)) {
        struct names v = {0};
        bool would = false;
        operation_words(c, s, &v);
        if (!simulate(c, &v, "apt-get", &would, e)) {
            return false;
        }
        if (would) {
            mod_changed(c);
        }
    }
    if (mod_bool(c, "clean") || mod_bool(c, "autoclean")) {
        mod_changed(c);
    }
    return true;
}

static bool policy_put(struct mod_call *c, bool *had, struct err *e) {
    *had = rename(POLICY_FILE, POLICY_FILE ".play-saved") == 0;
    struct str text = str_printf(c->arena, "#!/bin/sh\nexit %lld\n", (long long)mod_int(c, "policy_rc_d", 101));
    return fd_replace_file(POLICY_FILE, text, 0755, e);
}

static void policy_remove(bool had) {
    unlink(POLICY_FILE);
    if (had) {
        (void)rename(POLICY_FILE ".play-saved", POLICY_FILE);
    }
}

static bool operate(struct mod_call *c, struct apt *s, bool *changed, struct err *e) {
    if ((s->packages || needs_apt(c)) && s->update && !look(c, s, e)) {
        return false;
    }
    bool nothing = s->wanted.n == 0 && !needs_apt(c);
    if (nothing) {
        return true;
    }
    struct names v = {0};
    operation_words(c, s, &v);
    bool had = false;
    bool policy = mod_has(c, "policy_rc_d");
    if (policy && !policy_put(c, &had, e)) {
        return false;
    }
    struct buf what = BUF_IN(c->arena);
    buf_z(&what, "'apt-get");
    for (size_t i = 1; i < v.n; i++) {
        buf_printf(&what, " %s", v.p[i]);
    }
    buf_char(&what, '\'');
    bool ok = change(c, &v, buf_view(&what).s, changed, e);
    if (policy) {
        policy_remove(had);
    }
    return ok;
}

static bool clean_up(struct mod_call *c, struct err *e) {
    static const char *const verbs[] = {"clean", "autoclean"};
    for (size_t i = 0; i < COUNTOF(verbs); i++) {
        if (mod_bool(c, verbs[i])) {
            struct names v = {0};
            struct run_result r;
            base_words(c, &v);
            add(c, &v, verbs[i]);
            if (!apt_get(c, &v, &r, e)) {
                return false;
            }
            if (r.rc != 0) {
                return fail_with(c, &r, verbs[i], e);
            }
        }
    }
    return true;
}

static bool run(struct mod_call *c, struct err *e) {
    struct apt *s = c->state;
    c->changed = false;
    if (s->update && !update_lists(c, s, e)) {
        return false;
    }
    bool changed = false;
    if (!operate(c, s, &changed, e) || !clean_up(c, e)) {
        return false;
    }
    bool lists_only = !s->packages && !needs_apt(c);
    c->changed = changed || mod_bool(c, "clean") || (lists_only && s->update && lists_time() != s->cache_time);
    s->cache_updated = s->cache_updated && lists_time() != s->cache_time;
    report(c, s);
    return true;
}

bool apt_plan(struct mod_call *c, struct err *e) {
    return plan(c, e);
}

bool apt_run(struct mod_call *c, struct err *e) {
    return run(c, e);
}

MODULE(apt) = {
    .doc = "Install, upgrade and remove packages with apt.",
    .spec = "ansible.builtin.apt",
    .example = "- ansible.builtin.apt:\n    name: [nginx, git]\n    update_cache: true\n    cache_valid_time: 3600",
    .returns = "cache_updated: Whether the package lists were refreshed.\ncache_update_time: When they were.\n"
               "stdout: What apt-get said.\nstderr: Its complaints.",
    .args = args,
    .exclusive = "deb,name;deb,upgrade",
    .required_one_of = "autoremove,deb,name,update_cache,upgrade,clean,autoclean",
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .plan = plan,
    .run = run,
};
