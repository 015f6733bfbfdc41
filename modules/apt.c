// apt: packages of Debian systems. What is installed comes from dpkg's status file, changes go through apt-get.
#include "apt.h"
#include "aptoffer.h"
#include "dpkg.h"
#include "fd.h"
#include "http.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct arg args[] = {
    {"package", ARG_LIST, .aliases = "name|pkg", .doc = "Packages, also as name=version and with wildcards."},
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
    {"autoclean", ARG_BOOL, .def = "false", .doc = "Run `apt-get autoclean`, in a task without packages."},
    {"policy_rc_d", ARG_INT,
     .doc = "Exit code of a policy-rc.d put in place for the time of the run (101: start nothing)."},
    {"only_upgrade", ARG_BOOL, .def = "false", .doc = "Only upgrade what is installed."},
    {"fail_on_autoremove", ARG_BOOL, .def = "false", .doc = "Refuse to remove packages as a side effect."},
    {"force_apt_get", ARG_BOOL, .def = "false", .doc = "Accepted; apt-get is always used."},
    {"lock_timeout", ARG_INT, .def = "60", .doc = "Seconds to wait for the lock of apt and dpkg."},
    {0},
};

#define POLICY_FILE "/usr/sbin/policy-rc.d"

struct apt {
    struct dpkg db;
    struct apt_names wanted;  // words for apt-get: name, name=version, a .deb
    struct apt_names named;   // what is to be present, wildcards expanded
    bool update;              // lists are to be refreshed
    bool cache_updated;
    int64_t cache_time;
};

// -- apt-get ---------------------------------------------------------------------------------------------------------

static void add(struct mod_call *c, struct apt_names *v, const char *word) {
    VEC_PUSH(c->arena, *v, word);
}

// The options every apt-get call has.
static void base_words(struct mod_call *c, struct apt_names *v) {
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

/// True when `verb` is one of "a|b".
static bool is_verb(const char *verbs, const char *verb) {
    struct str rest = str_from(verbs);
    struct str one;
    bool found = false;
    while (!found && str_next(&rest, '|', &one)) {
        found = str_eqz(one, verb);
    }
    return found;
}

// The options that mean something to apt-get's command, as Ansible gives them: none of the others is passed on.
static void change_words(struct mod_call *c, const char *verb, struct apt_names *v) {
    static const struct {
        const char *arg, *word, *verbs;
    } flags[] = {{"force", "--force-yes", "install|build-dep|remove|autoremove|upgrade|dist-upgrade"},
                 {"allow_unauthenticated", "--allow-unauthenticated", "install|build-dep|upgrade|dist-upgrade"},
                 {"allow_downgrade", "--allow-downgrades", "install|build-dep|upgrade|dist-upgrade"},
                 {"allow_change_held_packages", "--allow-change-held-packages", "install|build-dep|remove"},
                 {"only_upgrade", "--only-upgrade", "install|build-dep"},
                 {"fail_on_autoremove", "--no-remove", "install|build-dep|upgrade|dist-upgrade"},
                 {"purge", "--purge", "remove|autoremove"},
                 {"autoremove", "--auto-remove", "install|remove|upgrade|dist-upgrade"}};
    for (size_t i = 0; i < COUNTOF(flags); i++) {
        if (mod_bool(c, flags[i].arg) && is_verb(flags[i].verbs, verb)) {
            add(c, v, flags[i].word);
        }
    }
    if (mod_has(c, "install_recommends") && is_verb("install|build-dep", verb)) {
        add(c, v, "-o");
        add(c, v, mod_bool(c, "install_recommends") ? "APT::Install-Recommends=yes" : "APT::Install-Recommends=no");
    }
    if (mod_has(c, "default_release") && is_verb("install|build-dep|upgrade|dist-upgrade", verb)) {
        add(c, v, "-t");
        add(c, v, mod_z(c, "default_release"));
    }
}

static bool apt_get(struct mod_call *c, struct apt_names *v, struct run_result *r, struct err *e) {
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

// What apt says between "Reading state information..." and its summary, as the diff.
static void show_diff(struct mod_call *c, struct str out) {
    if (!c->diff) {
        return;
    }
    struct str mark = STR_LIT("Reading state information...\n");
    size_t from = str_find(out, 0, mark);
    from = from == SIZE_MAX ? 0 : from + mark.n;
    size_t to = str_find(out, from, STR_LIT(" upgraded, "));
    to = to == SIZE_MAX ? out.n : str_find_char(out, to, '\n');
    struct val d = val_dict(c->arena, 1);
    val_set(c->arena, d, "prepared", val_str(c->arena, str_sub(out, from, to)));
    if (c->diffs.kind != VAL_LIST) {
        c->diffs = val_list(c->arena, 1);
    }
    val_push(c->arena, c->diffs, d);
}

// Runs a changing command; the result tells whether apt changed anything.
static bool change(struct mod_call *c, const char *verb, struct apt_names *v, const char *what, bool *changed,
                   struct err *e) {
    struct run_result r;
    if (!apt_get(c, v, &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        return fail_with(c, &r, what, e);
    }
    *changed = strcmp(verb, "autoclean") == 0
                   ? str_find(r.out, 0, STR_LIT("\nDel ")) != SIZE_MAX
                   : str_find(r.out, 0, STR_LIT("0 upgraded, 0 newly installed, 0 to remove")) == SIZE_MAX;
    mod_set_str(c, "stdout", r.out);
    mod_set_str(c, "stderr", r.err);
    show_diff(c, r.out);
    return true;
}

struct str apt_messages(struct arena *a, struct str text) {
    struct buf b = BUF_IN(a);
    struct str line;
    while (str_next(&text, '\n', &line)) {
        bool known = str_starts(line, "E: ") || str_starts(line, "W: ");
        if (known) {
            buf_printf(&b, "%s%c:%.*s", b.n ? ", " : "", line.s[0], STR(str_trim(str_sub(line, 3, line.n))));
        }
    }
    return b.n ? buf_view(&b) : STR_LIT("unknown reason");
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
        struct apt_names v = {0};
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
    mod_set(c, "rc", val_int(r.rc));
    return mod_fail(c, e, "Failed to update apt cache: %.*s", STR(apt_messages(c->arena, r.err)));
}

// -- what is wanted --------------------------------------------------------------------------------------------------

// None of these may stand in the name of a package.
static bool has_wildcard(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (strchr("*?[]!", s.s[i])) {
            return true;
        }
    }
    return false;
}

// Ansible leaves out what it says of the lists when they do not know the name.
static bool unknown(struct mod_call *c, struct err *e, const char *msg) {
    (void)val_del_key(c->result, val_z(c->arena, "cache_updated"));
    (void)val_del_key(c->result, val_z(c->arena, "cache_update_time"));
    return mod_fail(c, e, "%s", msg);
}

static bool no_package(struct mod_call *c, struct str name, struct err *e) {
    return unknown(c, e, arena_printf(c->arena, "No package matching '%.*s' is available", STR(name)));
}

// All packages apt knows whose names match a pattern.
static bool expand_known(struct mod_call *c, struct str pattern, struct apt_names *out, struct err *e) {
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
    return out->n > before ||
           unknown(c, e, arena_printf(c->arena, "No package(s) matching '%.*s' available", STR(pattern)));
}

// The names to look at, wildcards expanded.
static bool expand(struct mod_call *c, struct apt_names *out, struct err *e) {
    struct val list = mod_arg(c, "package");
    for (size_t i = 0; i < val_len(list); i++) {
        struct str word = str_trim(val_str_of(c->arena, val_at_index(list, i)));
        struct apt_want w = apt_split(word);
        if (word.n == 0 && str_eqz(mod_str(c, "state"), "absent")) {
            continue;
        }
        if (word.n == 0) {
            return no_package(c, word, e);
        }
        if (word.s[0] == '-') {
            return mod_fail(c, e, "'%.*s' is not the name of a package", STR(word));
        }
        if (!has_wildcard(w.name)) {
            add(c, out, str_z(c->arena, word));
        } else if (!expand_known(c, w.name, out, e)) {
            return false;
        }
    }
    return true;
}

// Packages the user asked for are no longer there only because others need them.
static struct apt_names auto_installed(struct mod_call *c, const struct apt_names *names) {
    struct apt_names out = {0};
    struct err quiet = {.arena = c->arena};
    struct str text;
    struct str line;
    struct str name = STR_NONE;
    if (!fd_read_file("/var/lib/apt/extended_states", (size_t)64 << 20, c->arena, &text, &quiet)) {
        return out;
    }
    while (str_next(&text, '\n', &line)) {
        if (str_starts(line, "Package: ")) {
            name = str_trim(str_sub(line, 9, line.n));
        }
        for (size_t i = 0; str_eqz(line, "Auto-Installed: 1") && i < names->n; i++) {
            if (str_eq(apt_split(str_from(names->p[i])).name, name)) {
                add(c, &out, str_z(c->arena, name));
            }
        }
    }
    return out;
}

static bool mark_manual(struct mod_call *c, struct apt *s, struct err *e) {
    struct apt_names found = auto_installed(c, &s->named);
    struct apt_names v = {0};
    struct run_result r;
    if (found.n == 0) {
        return true;
    }
    add(c, &v, "apt-mark");
    add(c, &v, "manual");
    for (size_t i = 0; i < found.n; i++) {
        add(c, &v, found.p[i]);
    }
    add(c, &v, NULL);
    if (!run_command(&(struct run){.argv = v.p}, c->arena, &r, e)) {
        return false;
    }
    return r.rc == 0 || fail_with(c, &r, "'apt-mark manual'", e);
}

// The word for apt-get that brings one package to what is wanted; NULL in *word: it is as wanted.
static bool want_one(struct mod_call *c, const struct apt *s, const char *text, const struct apt_offer *o, bool latest,
                     const char **word, struct err *e) {
    struct apt_want w = apt_split(str_from(text));
    const struct dpkg_package *p = dpkg_installed(&s->db, w.name);
    struct str best = apt_best(c, o, &w);
    *word = NULL;
    if (p && (!w.version.n || apt_version_matches(c, p->version, &w))) {
        // A pattern that a newer version fits, too, asks for that one.
        bool move = latest || (w.version.n && !w.at_least);
        if (move && best.n && dpkg_compare(best, p->version) > 0) {
            *word = w.version.n ? arena_printf(c->arena, "%.*s=%.*s", STR(w.name), STR(best)) : text;
        }
        return true;
    }
    if (!o && !p) {
        return no_package(c, w.name, e);
    }
    if (!p && o->versions.n == 0) {  // only a name: other packages provide it
        size_t count;
        struct str name;
        if (!apt_providers(c, w.name, &count, &name, e)) {
            return false;
        }
        if (count == 0) {
            return no_package(c, w.name, e);
        }
        // With a choice it is the user's to choose: apt refuses.
        const struct dpkg_package *other = count == 1 ? dpkg_installed(&s->db, name) : NULL;
        bool there = other && (!w.version.n || apt_version_matches(c, other->version, &w));
        *word = there || mod_bool(c, "only_upgrade") ? NULL : text;
        return true;
    }
    if (mod_bool(c, "only_upgrade") && !p) {
        return true;
    }
    if (!best.n) {
        return mod_fail(c, e, "no available installation candidate for %s", text);
    }
    *word = w.version.n ? arena_printf(c->arena, "%.*s=%.*s", STR(w.name), STR(best)) : text;
    return true;
}

/// What is on offer for "name" or "name:arch": apt-cache tells of the own architecture without saying it.
static const struct apt_offer *offer_of(const struct apt *s, const struct map *offers, struct str name) {
    const struct apt_offer *o = map_get(offers, name);
    size_t colon = str_find_char(name, 0, ':');
    struct str arch = colon == SIZE_MAX ? STR_NONE : str_sub(name, colon + 1, name.n);
    bool own = arch.n && (str_eq(arch, s->db.native) || str_eqz(arch, "all"));
    return o || !own ? o : map_get(offers, str_sub(name, 0, colon));
}

static bool wants_present(struct mod_call *c, struct apt *s, const struct apt_names *names, bool latest,
                          struct err *e) {
    struct apt_names ask = {0};
    struct map offers = {0};
    for (size_t i = 0; i < names->n; i++) {
        struct apt_want w = apt_split(str_from(names->p[i]));
        const struct dpkg_package *p = dpkg_installed(&s->db, w.name);
        bool there = p && (!w.version.n || (apt_version_matches(c, p->version, &w) && !has_wildcard(w.version)));
        if (!there || latest) {
            add(c, &ask, str_z(c->arena, w.name));
        }
    }
    if (ask.n > 0 && !apt_offers(c, &ask, &offers, e)) {
        return false;
    }
    for (size_t i = 0; i < names->n; i++) {
        const char *word;
        struct apt_want w = apt_split(str_from(names->p[i]));
        if (!want_one(c, s, names->p[i], offer_of(s, &offers, w.name), latest, &word, e)) {
            return false;
        }
        if (word) {
            add(c, &s->wanted, word);
        }
    }
    return true;
}

static void wants_absent(struct mod_call *c, struct apt *s, const struct apt_names *names) {
    for (size_t i = 0; i < names->n; i++) {
        struct apt_want w = apt_split(str_from(names->p[i]));
        const struct dpkg_package *p = map_get(&s->db.by_name, w.name);
        p = p ? p : dpkg_installed(&s->db, w.name);
        bool fits = p && (!w.version.n || apt_version_matches(c, p->version, &w));
        // With purge a removed package still has something to give: its configuration files.
        if (p && ((p->installed && fits) || (mod_bool(c, "purge") && p->version.n > 0))) {
            add(c, &s->wanted, str_z(c->arena, w.name));
        }
    }
}

// A .deb at an address is fetched into the call's own directory.
static bool fetch_deb(struct mod_call *c, struct str url, const char **path, struct err *e) {
    struct str dir;
    struct http_response r;
    if (!mod_tmpdir(c, &dir, e)) {
        return false;
    }
    *path = arena_printf(c->arena, "%.*s/fetched-%08x.deb", STR(dir), (unsigned)str_hash(url));
    CLEANUP(fd_closep) int fd = open(*path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return mod_fail_sys(c, e, errno, "cannot write '%s'", *path);
    }
    struct http_request q = {.url = str_z(c->arena, url),
                             .method = "GET",
                             .validate_certs = true,
                             .use_proxy = true,
                             .follow = HTTP_FOLLOW_ALL,
                             .timeout_ms = 30000,
                             .out_fd = fd};
    if (!http_perform(c, &q, &r, e)) {
        return false;
    }
    return r.status == 200 || mod_fail(c, e, "Failure downloading %.*s, HTTP Error %lld: %.*s", STR(url),
                                       (long long)r.status, STR(r.reason));
}

static bool wants_deb(struct mod_call *c, struct apt *s, struct str file, struct err *e) {
    const char *deb = str_z(c->arena, file);
    if ((str_starts(file, "http://") || str_starts(file, "https://")) && !fetch_deb(c, file, &deb, e)) {
        return false;
    }
    if (access(deb, R_OK) != 0) {
        return mod_fail_sys(c, e, errno, "Unable to install package: could not open file %s", deb);
    }
    const char *argv[] = {"dpkg-deb", "--show", "--showformat=${Package}\\t${Version}\\t${Architecture}",
                          "--",       deb,      NULL};
    struct run_result r;
    if (!run_command(&(struct run){.argv = argv}, c->arena, &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        return fail_with(c, &r, "Unable to install package: dpkg-deb", e);
    }
    struct str rest = r.out;
    struct str name;
    struct str version;
    struct str arch = STR_NONE;
    str_next(&rest, '\t', &name);
    str_next(&rest, '\t', &version);
    str_next(&rest, '\t', &arch);
    const struct dpkg_package *p = dpkg_installed(&s->db, str_printf(c->arena, "%.*s:%.*s", STR(name), STR(arch)));
    p = p ? p : dpkg_installed(&s->db, name);
    int order = p ? dpkg_compare(version, p->version) : 1;
    if (order < 0 && !mod_bool(c, "force") && !mod_bool(c, "allow_downgrade")) {
        return mod_fail(c, e, "A later version is already installed");
    }
    if (order != 0) {
        char real[4096];
        add(c, &s->wanted, realpath(deb, real) ? arena_strndup(c->arena, real, strlen(real)) : deb);
    }
    return true;
}

static bool look(struct mod_call *c, struct apt *s, struct err *e) {
    s->wanted = (struct apt_names){0};
    if (!dpkg_load(c->arena, &s->db, e)) {
        return false;
    }
    if (mod_has(c, "deb")) {
        struct str rest = mod_str(c, "deb");
        struct str one;
        while (str_next(&rest, ',', &one)) {
            if (!wants_deb(c, s, one, e)) {
                return false;
            }
        }
        return true;
    }
    struct apt_names names = {0};
    if (!expand(c, &names, e)) {
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
    s->named = names;
    return wants_present(c, s, &names, str_eqz(state, "latest"), e);
}

// -- plan and run ----------------------------------------------------------------------------------------------------

// "yes", "dist" ...; NULL: no upgrade is asked for. Everything at its latest is one, too.
static const char *upgrade_mode(struct mod_call *c) {
    struct val list = mod_arg(c, "package");
    bool all = val_len(list) == 1 && str_eqz(val_text(val_at_index(list, 0)), "*");
    if (all && str_eqz(mod_str(c, "state"), "latest")) {
        return "yes";
    }
    return str_eqz(mod_str(c, "upgrade"), "no") ? NULL : mod_z(c, "upgrade");
}

static bool has_packages(struct mod_call *c) {
    return val_len(mod_arg(c, "package")) > 0 || mod_has(c, "deb");
}

// The verb for apt-get, NULL when nothing is to be done.
static const char *verb_of(struct mod_call *c, const struct apt *s) {
    struct str state = mod_str(c, "state");
    const char *upgrade = upgrade_mode(c);
    if (upgrade) {
        return strcmp(upgrade, "dist") == 0 || strcmp(upgrade, "full") == 0 ? "dist-upgrade" : "upgrade";
    }
    if (!has_packages(c)) {
        bool repair = str_eqz(state, "fixed") && mod_arg(c, "package").kind == VAL_UNDEF;
        const char *verb = mod_bool(c, "autoremove") ? "autoremove" : (repair ? "install" : NULL);
        return mod_bool(c, "autoclean") ? "autoclean" : verb;  // one of them, as Ansible's module
    }
    if (s->wanted.n == 0) {
        return NULL;
    }
    return str_eqz(state, "absent") ? "remove" : (str_eqz(state, "build-dep") ? "build-dep" : "install");
}

static void operation_words(struct mod_call *c, const struct apt *s, const char *verb, struct apt_names *v) {
    base_words(c, v);
    change_words(c, verb, v);
    if (str_eqz(mod_str(c, "state"), "fixed")) {
        add(c, v, "--fix-broken");
    }
    if (strcmp(verb, "upgrade") == 0) {
        add(c, v, "--with-new-pkgs");
    }
    add(c, v, verb);
    for (size_t i = 0; has_packages(c) && !upgrade_mode(c) && i < s->wanted.n; i++) {
        add(c, v, s->wanted.p[i]);
    }
}

// Asks apt what it would do, and shows it.
static bool simulate(struct mod_call *c, const struct apt *s, const char *verb, bool *would, struct err *e) {
    struct run_result r;
    struct apt_names v = {0};
    operation_words(c, s, verb, &v);
    add(c, &v, "--simulate");
    if (!apt_get(c, &v, &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        return fail_with(c, &r, arena_printf(c->arena, "'apt-get %s'", verb), e);
    }
    static const char *const marks[] = {"\nInst ", "\nRemv ", "\nPurg ", "\nConf ", "\nDel "};
    *would = false;
    for (size_t i = 0; i < COUNTOF(marks); i++) {
        *would = *would || str_find(r.out, 0, str_from(marks[i])) != SIZE_MAX;
    }
    // What stays when there is nothing to be done; otherwise the real run says it again.
    mod_set_str(c, "stdout", r.out);
    mod_set_str(c, "stderr", r.err);
    if (upgrade_mode(c)) {
        mod_set_str(c, "msg", r.out);
    }
    if (c->check) {
        show_diff(c, r.out);
    }
    return true;
}

static void report(struct mod_call *c, const struct apt *s) {
    bool named = mod_arg(c, "package").kind != VAL_UNDEF;
    bool other = upgrade_mode(c) || mod_has(c, "deb") || (named && str_eqz(mod_str(c, "state"), "absent")) ||
                 (!has_packages(c) && (mod_bool(c, "autoremove") || mod_bool(c, "autoclean")));
    if (!other) {
        mod_set(c, "cache_updated", val_bool(s->cache_updated));
        mod_set(c, "cache_update_time", val_int(lists_time()));
    }
}

// What is to be done with the lists as they are.
static bool plan_operation(struct mod_call *c, struct apt *s, struct err *e) {
    bool upgrade = upgrade_mode(c) != NULL;
    if (has_packages(c) && !upgrade && !look(c, s, e)) {
        return false;
    }
    const char *verb = verb_of(c, s);
    bool plain = has_packages(c) && !upgrade && !str_eqz(mod_str(c, "state"), "build-dep");
    bool would = plain;
    if (verb && (c->check || !plain) && !simulate(c, s, verb, &would, e)) {
        return false;
    }
    if (verb && (would || plain)) {
        mod_changed(c);
    }
    if (!c->check && (mod_bool(c, "clean") || auto_installed(c, &s->named).n > 0)) {
        mod_changed(c);  // done silently: run takes it back
    }
    return true;
}

static bool plan(struct mod_call *c, struct err *e) {
    struct apt *s = ARENA_NEW(c->arena, struct apt);
    c->state = s;
    int64_t valid = mod_int(c, "cache_valid_time", 0);
    bool asked = mod_has(c, "update_cache") ? mod_bool(c, "update_cache") : valid > 0;
    s->cache_time = lists_time();
    s->update = asked && (valid <= 0 || s->cache_time + valid < (int64_t)time(NULL));
    s->cache_updated = s->update && c->check;
    report(c, s);
    if (s->update && (!c->check || (!has_packages(c) && !upgrade_mode(c)))) {
        mod_changed(c);  // decided in run, when the lists are new
    }
    // Ansible updates the lists in check mode, too; here nothing is touched and the old lists are looked at.
    return (s->update && !c->check) || plan_operation(c, s, e);
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
    if (has_packages(c) && !upgrade_mode(c) && s->update && !look(c, s, e)) {
        return false;
    }
    const char *verb = verb_of(c, s);
    if (!verb) {
        return true;
    }
    struct apt_names v = {0};
    operation_words(c, s, verb, &v);
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
    bool ok = change(c, verb, &v, buf_view(&what).s, changed, e);
    if (policy) {
        policy_remove(had);
    }
    if (ok && upgrade_mode(c)) {
        mod_set(c, "msg", val_get(c->result, "stdout"));
    }
    return ok;
}

/// `apt-get clean` says nothing, and Ansible calls it no change.
static bool clean_up(struct mod_call *c, struct err *e) {
    struct apt_names v = {0};
    struct run_result r;
    if (!mod_bool(c, "clean")) {
        return true;
    }
    base_words(c, &v);
    add(c, &v, "clean");
    return apt_get(c, &v, &r, e) && (r.rc == 0 || fail_with(c, &r, "clean", e));
}

static bool run(struct mod_call *c, struct err *e) {
    struct apt *s = c->state;
    c->changed = false;
    if (s->update && !update_lists(c, s, e)) {
        return false;
    }
    bool changed = false;
    if (!operate(c, s, &changed, e) || !clean_up(c, e) || !mark_manual(c, s, e)) {
        return false;
    }
    bool lists_only = !has_packages(c) && !upgrade_mode(c);
    s->cache_updated = s->cache_updated && lists_time() != s->cache_time;
    c->changed = changed || (lists_only && s->update && s->cache_updated);
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
    .exclusive = "deb,package,upgrade",
    .required_one_of = "autoremove,deb,package,update_cache,upgrade,clean,autoclean",
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .side = ON_TARGET,
    .plan = plan,
    .run = run,
};
