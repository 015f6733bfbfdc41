// dnf: packages of the Red Hat family, through the command line of dnf (or yum) and rpm's own database.
#include "fd.h"
#include "map.h"
#include "rpmcut.h"
#include "spawn.h"
#include "trust.h"
#include "unfinished.h"
#include "words.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static const struct arg args[] = {
    {"name", ARG_LIST, .def = "[]", .aliases = "pkg",
     .doc = "Packages, with versions or conditions; @groups; files and URLs; * for everything with state latest."},
    {"state", ARG_STR, .choices = "absent|installed|latest|present|removed", .doc = "present when absent."},
    {"list", ARG_STR, .doc = "Return packages instead: installed, updates, available, repos, or those of a name."},
    {"update_cache", ARG_BOOL, .def = "false", .aliases = "expire-cache", .doc = "Fetch metadata although it is new."},
    {"update_only", ARG_BOOL, .def = "false", .doc = "With latest: install nothing that is not there."},
    {"autoremove", ARG_BOOL, .def = "false", .doc = "Remove what was needed by other packages only."},
    {"allow_downgrade", ARG_BOOL, .def = "false", .doc = "A version asked for may be an older one."},
    {"allowerasing", ARG_BOOL, .def = "false", .doc = "Packages that are in the way may be removed."},
    {"nobest", ARG_BOOL, .doc = "The newest version need not be the one that is taken."},
    {"best", ARG_BOOL, .doc = "The opposite of nobest."},
    {"skip_broken", ARG_BOOL, .def = "false", .doc = "Leave out what cannot be installed."},
    {"security", ARG_BOOL, .def = "false", .doc = "With latest: only what fixes security."},
    {"bugfix", ARG_BOOL, .def = "false", .doc = "With latest: only what fixes bugs."},
    {"cacheonly", ARG_BOOL, .def = "false", .doc = "Fetch no metadata."},
    {"conf_file", ARG_STR, .doc = "Another configuration."},
    {"disable_excludes", ARG_STR, .doc = "all, main or a repository whose excludes do not count."},
    {"disable_gpg_check", ARG_BOOL, .def = "false", .doc = "Do not check signatures."},
    {"disable_plugin", ARG_LIST, .def = "[]", .doc = "Plugins not to use."},
    {"enable_plugin", ARG_LIST, .def = "[]", .doc = "Plugins to use."},
    {"disablerepo", ARG_LIST, .def = "[]", .doc = "Repositories not to use."},
    {"enablerepo", ARG_LIST, .def = "[]", .doc = "Repositories to use."},
    {"exclude", ARG_LIST, .def = "[]", .doc = "Packages to leave out."},
    {"download_only", ARG_BOOL, .def = "false", .doc = "Fetch packages, install nothing."},
    {"download_dir", ARG_STR, .doc = "Directory to fetch them to."},
    {"installroot", ARG_STR, .def = "/", .doc = "Root of another system."},
    {"install_repoquery", ARG_BOOL, .def = "true", .doc = "Accepted; has no effect."},
    {"install_weak_deps", ARG_BOOL, .def = "true", .doc = "Install what packages recommend."},
    {"releasever", ARG_STR, .doc = "Release whose packages are used."},
    {"sslverify", ARG_BOOL, .def = "true", .doc = "Check certificates of repositories."},
    {"validate_certs", ARG_BOOL, .def = "true", .doc = "Check certificates of URLs in name."},
    {"lock_timeout", ARG_INT, .def = "30", .doc = "Seconds to wait for another dnf."},
    {"use_backend", ARG_STR, .def = "auto", .choices = "auto|yum|yum4|dnf|dnf4|dnf5",
     .doc = "Accepted: the one there is."},
    {0},
};

#define LOCK_FILE "/var/cache/dnf/metadata_lock.pid"

struct dnf {
    struct mod_call *c;
    const char *program;
    const char *root;  // "": the system itself
    struct val results, failures;
    struct map before;  // "name.arch" -> struct str *, the version that was installed before the transaction
    bool twice;         // of some "name.arch" two versions are there
    struct unfinished cut;
};

// -- command lines ---------------------------------------------------------------------------------------------------

static void each_option(struct mod_call *c, struct words *w, const char *arg, const char *option) {
    struct val list = mod_arg(c, arg);
    for (size_t i = 0; i < val_len(list); i++) {
        words_add(c, w, arena_printf(c->arena, "%s=%.*s", option, STR(val_text(val_at_index(list, i)))));
    }
}

static void text_option(struct mod_call *c, struct words *w, const char *arg, const char *option) {
    if (mod_str(c, arg).n) {
        words_add(c, w, arena_printf(c->arena, "%s=%s", option, mod_z(c, arg)));
    }
}

static void flag_option(struct mod_call *c, struct words *w, const char *arg, bool when, const char *option) {
    if (mod_has(c, arg) && mod_bool(c, arg) == when) {
        words_add(c, w, option);
    }
}

static void common_options(struct dnf *d, struct words *w) {
    struct mod_call *c = d->c;
    words_add(c, w, d->program);
    words_add(c, w, "-y");
    words_add(c, w, "--color=never");
    text_option(c, w, "conf_file", "--config");
    text_option(c, w, "releasever", "--releasever");
    text_option(c, w, "disable_excludes", "--disableexcludes");
    if (*d->root) {
        text_option(c, w, "installroot", "--installroot");
    }
    each_option(c, w, "disablerepo", "--disablerepo");
    each_option(c, w, "enablerepo", "--enablerepo");
    each_option(c, w, "disable_plugin", "--disableplugin");
    each_option(c, w, "enable_plugin", "--enableplugin");
    each_option(c, w, "exclude", "--exclude");
    flag_option(c, w, "disable_gpg_check", true, "--nogpgcheck");
    flag_option(c, w, "sslverify", false, "--setopt=sslverify=0");
    flag_option(c, w, "install_weak_deps", false, "--setopt=install_weak_deps=0");
    flag_option(c, w, "cacheonly", true, "--cacheonly");
    flag_option(c, w, "update_cache", true, "--refresh");
}

static void transaction_options(struct dnf *d, struct words *w) {
    struct mod_call *c = d->c;
    flag_option(c, w, "allowerasing", true, "--allowerasing");
    flag_option(c, w, "nobest", true, "--nobest");
    flag_option(c, w, "best", false, "--nobest");
    flag_option(c, w, "skip_broken", true, "--skip-broken");
    flag_option(c, w, "security", true, "--security");
    flag_option(c, w, "bugfix", true, "--bugfix");
    flag_option(c, w, "download_only", true, "--downloadonly");
    text_option(c, w, "download_dir", "--downloaddir");
    if (c->check) {
        words_add(c, w, "--assumeno");
    }
}

/// Whether a dnf holds the lock: one that was killed has left it, with a number that no process has any more.
static bool is_locked(struct arena *a, const char *path) {
    struct err ignored = {.arena = a};
    struct str text;
    if (!fd_read_regular(path, 32, a, &text, &ignored)) {
        return false;
    }
    char *end;
    const char *number = str_z(a, text);
    long pid = strtol(number, &end, 10);
    return end == number || pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

/// Another dnf is given its time; dnf itself would wait for ever.
static bool wait_for_lock(struct dnf *d, struct err *e) {
    int64_t left_ms = mod_int(d->c, "lock_timeout", 30) * 1000;
    while (is_locked(d->c->arena, LOCK_FILE)) {
        if (left_ms <= 0) {
            return mod_fail(d->c, e, "dnf lockfile is held by another process");
        }
        struct timespec nap = {.tv_nsec = 100000000};
        nanosleep(&nap, NULL);
        left_ms -= 100;
    }
    return true;
}

// -- what is installed -----------------------------------------------------------------------------------------------

static void rpm_begin(struct dnf *d, struct words *w) {
    words_add(d->c, w, "rpm");
    if (*d->root) {
        words_opt(d->c, w, "--root", d->root);
    }
}

/// Asks rpm. A database that does not open, because the rpm that made it was killed, is made whole first.
static bool rpm_run(struct dnf *d, struct words *w, struct run_result *r, struct err *e) {
    struct words init = {0};
    struct run_result made;
    if (!words_run(d->c, w, STR_NONE, r, e)) {
        return false;
    }
    if (r->rc == 0 || str_find(r->err, 0, STR_LIT("error: cannot open Packages database")) == SIZE_MAX) {
        return true;
    }
    rpm_begin(d, &init);
    words_add(d->c, &init, "--initdb");
    if (!d->c->check && (!words_run(d->c, &init, STR_NONE, &made, e) || !words_run(d->c, w, STR_NONE, r, e))) {
        return false;
    }
    return r->rc == 0 || str_find(r->err, 0, STR_LIT("error: cannot open Packages database")) == SIZE_MAX ||
           mod_fail(d->c, e,
                    "rpm's database cannot be opened; where there is room on the disk, `rpm --rebuilddb` mends what it "
                    "can: %.*s",
                    STR(str_trim(r->err)));
}

static bool rpm_query(struct dnf *d, const char *how, const char *name, struct run_result *r, struct err *e) {
    struct words w = {0};
    rpm_begin(d, &w);
    words_add(d->c, &w, "-q");
    if (how) {
        words_add(d->c, &w, how);
    }
    words_opt(d->c, &w, "--qf", "%{NAME} %|EPOCH?{%{EPOCH}}:{0}|:%{VERSION}-%{RELEASE}\\n");
    words_opt(d->c, &w, "--", name);
    return rpm_run(d, &w, r, e);
}

static bool is_installed(struct dnf *d, const char *name, bool *here, struct err *e) {
    struct run_result r;
    if (!rpm_query(d, NULL, name, &r, e)) {
        return false;
    }
    *here = r.rc == 0;
    if (*here || name[0] != '/') {
        return true;
    }
    if (!rpm_query(d, "--whatprovides", name, &r, e)) {
        return false;
    }
    *here = r.rc == 0;
    return true;
}

/// "name-1.2-3" of a package that is there in a newer version.
static bool is_newer_installed(struct dnf *d, const char *spec, bool *newer, struct err *e) {
    struct str s = str_from(spec);
    size_t dash[2] = {0};
    size_t n = 0;
    *newer = false;
    for (size_t i = s.n; i-- > 1 && n < 2;) {
        if (s.s[i] == '-') {
            dash[n++] = i;
        }
    }
    struct run_result r;
    struct run_result order;
    for (size_t k = n; k-- > 0;) {
        const char *name = str_z(d->c->arena, str_sub(s, 0, dash[k]));
        if (!rpm_query(d, NULL, name, &r, e)) {
            return false;
        }
        struct str line = str_sub(r.out, 0, str_find_char(r.out, 0, '\n'));
        size_t blank = str_find_char(line, 0, ' ');
        if (r.rc != 0 || blank == SIZE_MAX) {
            continue;
        }
        struct words w = {0};
        const char *eval = "%{lua: print(rpm.vercmp(\"%{have}\", \"%{want}\"))}";
        struct str want = str_sub(s, dash[k] + 1, s.n);
        bool epoch = str_find_char(want, 0, ':') != SIZE_MAX;
        struct str have = str_sub(line, blank + 1, line.n);
        have = epoch ? have : str_sub(have, str_find_char(have, 0, ':') + 1, have.n);
        if (n == 1 || k == 0) {  // no release was asked for
            bool release = k == 1;
            have = release ? have : str_sub(have, 0, str_find_char(have, 0, '-'));
        }
        words_add(d->c, &w, "rpm");
        words_opt(d->c, &w, "-D", arena_printf(d->c->arena, "have %.*s", STR(have)));
        words_opt(d->c, &w, "-D", arena_printf(d->c->arena, "want %.*s", STR(want)));
        words_opt(d->c, &w, "--eval", eval);
        if (!words_run(d->c, &w, STR_NONE, &order, e)) {
            return false;
        }
        *newer = order.rc == 0 && str_eqz(str_trim(order.out), "1");
        return true;
    }
    return true;
}

static bool remember_installed(struct dnf *d, struct err *e) {
    struct arena *a = d->c->arena;
    struct words w = {0};
    struct run_result r;
    struct str line;
    rpm_begin(d, &w);
    words_add(d->c, &w, "-qa");
    words_opt(d->c, &w, "--qf", "%{NAME}.%{ARCH} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n");
    if (!rpm_run(d, &w, &r, e)) {
        return false;
    }
    d->before = (struct map){0};
    d->twice = false;
    while (str_next(&r.out, '\n', &line)) {
        size_t blank = str_find_char(line, 0, ' ');
        struct str *version = ARENA_NEW(a, struct str);
        *version = blank == SIZE_MAX ? line : str_sub(line, blank + 1, line.n);
        d->twice = d->twice || map_get(&d->before, str_sub(line, 0, blank));
        map_put(&d->before, a, str_sub(line, 0, blank), version);
    }
    return true;
}

// -- what dnf says ---------------------------------------------------------------------------------------------------

/// What a heading of the transaction's table does to the packages below it; NULL: it is none.
static const char *heading(struct dnf *d, struct str line) {
    static const char *const install[] = {"Installing", "Upgrading", "Reinstalling", "Downgrading"};
    if (str_starts(line, "Removing") && str_ends(line, ":")) {
        return "Removed";
    }
    for (size_t i = 0; i < COUNTOF(install); i++) {
        if (str_starts(line, install[i]) && str_ends(line, ":")) {
            return mod_bool(d->c, "download_only") ? "Downloaded" : "Installed";
        }
    }
    return NULL;
}

static void add_package(struct dnf *d, const char *what, const struct str field[3]) {
    struct arena *a = d->c->arena;
    struct str key = str_printf(a, "%.*s.%.*s", STR(field[0]), STR(field[1]));
    const struct str *old = strcmp(what, "Installed") == 0 ? map_get(&d->before, key) : NULL;
    val_push(a, d->results, val_printf(a, "%s: %.*s-%.*s.%.*s", what, STR(field[0]), STR(field[2]), STR(field[1])));
    if (old) {
        val_push(a, d->results, val_printf(a, "Removed: %.*s-%.*s.%.*s", STR(field[0]), STR(*old), STR(field[1])));
    }
}

/// The table: a package is a line that starts with one blank; what does not fit goes on in lines with more of them.
static void read_table(struct dnf *d, struct str text) {
    struct str line;
    struct str field[3] = {0};
    const char *what = NULL;
    size_t n = 0;
    while (str_next(&text, '\n', &line)) {
        const char *next = heading(d, line);
        if (next || str_starts(line, "Transaction Summary")) {
            what = next;
            continue;
        }
        if (!what || !line.n || line.s[0] != ' ' || str_starts(str_trim(line), "replacing ")) {
            continue;
        }
        n = line.n > 1 && line.s[1] != ' ' ? 0 : n;
        struct str word;
        while (n < COUNTOF(field) && str_next(&line, ' ', &word)) {
            if (!word.n) {
                continue;
            }
            field[n++] = word;
            if (n == COUNTOF(field)) {
                add_package(d, what, field);
            }
        }
    }
}

static bool refused(struct dnf *d, const struct run_result *r, struct err *e) {
    struct arena *a = d->c->arena;
    struct str text = r->err.n ? r->err : r->out;
    struct str rest = str_printf(a, "%.*s\n%.*s", STR(r->out), STR(r->err));
    struct str line;
    while (str_next(&rest, '\n', &line)) {
        static const char *const missing[] = {"No match for argument: ", "No package "};
        for (size_t i = 0; i < COUNTOF(missing); i++) {
            if (str_starts(line, missing[i])) {
                struct str name = str_trim(str_sub(line, strlen(missing[i]), line.n));
                name = str_sub(name, 0, str_find(name, 0, STR_LIT(" available")));
                val_push(a, d->failures, val_printf(a, "No package %.*s available.", STR(name)));
            }
        }
    }
    mod_set(d->c, "rc", val_int(1));
    mod_set(d->c, "results", val_list(a, 1));
    if (val_len(d->failures)) {
        mod_set(d->c, "failures", d->failures);
        return mod_fail(d->c, e, "Failed to install some of the specified packages");
    }
    size_t problem = str_find(text, 0, STR_LIT("Error: \n"));
    if (problem != SIZE_MAX) {
        mod_set(d->c, "failures", d->failures);
        return mod_fail(d->c, e, "Depsolve Error occurred: \n%.*s", STR(str_rtrim(str_sub(text, problem + 8, text.n))));
    }
    size_t group = str_find(text, 0, STR_LIT("Module or Group '"));
    if (group != SIZE_MAX) {
        struct str name = str_sub(text, group + strlen("Module or Group '"), text.n);
        return mod_fail(d->c, e, "No group %.*s available.", STR(str_sub(name, 0, str_find_char(name, 0, '\''))));
    }
    text = str_trim(text);
    size_t at = str_find(text, 0, STR_LIT("Error: "));
    return mod_fail(d->c, e, "%.*s", STR(at == SIZE_MAX ? text : str_sub(text, at + 7, text.n)));
}

static bool transaction(struct dnf *d, const char *verb, const struct words *names, const char *option, struct err *e) {
    struct words w = {0};
    struct run_result r;
    common_options(d, &w);
    transaction_options(d, &w);
    if (option) {
        words_add(d->c, &w, option);
    }
    words_add(d->c, &w, verb);
    words_add(d->c, &w, "--");
    for (size_t i = 0; i < names->n; i++) {
        words_add(d->c, &w, names->p[i]);
    }
    if (!wait_for_lock(d, e) || !remember_installed(d, e) || (!d->c->check && !unfinished_begin(d->c, &d->cut, e)) ||
        !words_run(d->c, &w, STR_NONE, &r, e)) {
        return false;
    }
    bool begun = str_find(r.out, 0, STR_LIT("Running transaction\n")) != SIZE_MAX;
    bool whole = r.rc >= 0 && (r.rc == 0 || !begun);
    if (!d->c->check && !d->cut.found && whole && !unfinished_end(d->c, &d->cut, e)) {
        return false;
    }
    struct str table = r.out;
    size_t before = val_len(d->results);
    read_table(d, table);
    bool would = val_len(d->results) > before || str_find(r.out, 0, STR_LIT("Dependencies resolved.\n===")) != SIZE_MAX;
    // With --assumeno a transaction ends with 1 and "Operation aborted."
    bool aborted = d->c->check && str_find(r.err.n ? r.err : r.out, 0, STR_LIT("Operation aborted")) != SIZE_MAX;
    if (r.rc != 0 && !aborted) {
        d->c->changed = false;
        return refused(d, &r, e);
    }
    if (would && str_find(r.out, 0, STR_LIT("Nothing to do")) == SIZE_MAX) {
        mod_changed(d->c);
    }
    return true;
}

// -- what a dnf that did not come to its end has left ----------------------------------------------------------------

/// Of a package that was upgraded both versions may be there: dnf knows the one to keep, and those that may be there
/// twice (kernels).
static bool remove_duplicates(struct dnf *d, struct err *e) {
    struct words w = {0};
    struct run_result r;
    if (!d->twice) {
        return true;
    }
    common_options(d, &w);
    words_add(d->c, &w, "remove");
    words_add(d->c, &w, "--duplicates");
    if (!words_run(d->c, &w, STR_NONE, &r, e)) {
        return false;
    }
    if (r.rc == 0) {
        read_table(d, r.out);
        mod_changed(d->c);
        return true;
    }
    return str_find(r.err, 0, STR_LIT("No duplicated packages found")) != SIZE_MAX || refused(d, &r, e);
}

static bool recover(struct dnf *d, struct err *e) {
    if (!unfinished_look(d->c, d->root, "/var/lib/dnf", &d->cut, e) || !d->cut.found || d->c->check) {
        return e->code == ERR_NONE;
    }
    const char *lock = arena_printf(d->c->arena, "%s/var/lib/dnf/rpmdb_lock.pid", d->root);
    if (!is_locked(d->c->arena, lock) && !trust_unlink(d->c, lock, e) && e->code != ERR_NONE) {
        return false;
    }
    return wait_for_lock(d, e) && remember_installed(d, e) && rpmcut_remove(d->c, d->root, d->cut.since, e) &&
           remove_duplicates(d, e);
}

/// When what was asked for is there: the directories of all packages are known then. (Those that were known before are
/// cleared before, because a transaction of the same second takes the same names.)
static bool recovered(struct dnf *d, struct err *e) {
    return !d->cut.found || d->c->check ||
           (rpmcut_remove(d->c, d->root, d->cut.since, e) && unfinished_end(d->c, &d->cut, e));
}

// -- states ----------------------------------------------------------------------------------------------------------

static bool plain_name(const char *name) {
    return name[0] != '@' && !strchr(name, '*') && !strchr(name, '?') && !strstr(name, "://") &&
           !str_ends(str_from(name), ".rpm") && !strpbrk(name, "<>=");
}

/// Sorts the names: what is there, and what dnf has to see to. A file of a package is looked at by name, too.
static bool sort_names(struct dnf *d, struct words *here, struct words *todo, struct err *e) {
    struct val names = mod_arg(d->c, "name");
    for (size_t i = 0; i < val_len(names); i++) {
        const char *name = str_z(d->c->arena, str_trim(val_text(val_at_index(names, i))));
        bool installed = false;
        bool newer = false;
        if (!*name || *name == '-') {
            return mod_fail(d->c, e, "'%s' is no name of a package", name);
        }
        if (plain_name(name) && !is_installed(d, name, &installed, e)) {
            return false;
        }
        if (!installed && plain_name(name) && !mod_bool(d->c, "allow_downgrade") &&
            !is_newer_installed(d, name, &newer, e)) {
            return false;
        }
        words_add(d->c, installed || newer ? here : todo, name);
    }
    return true;
}

static bool is_file(const char *name) {
    return strstr(name, "://") || str_ends(str_from(name), ".rpm");
}

/// Files are reported as installed whatever becomes of them, as Ansible does.
static void report_files(struct dnf *d, const struct words *todo) {
    for (size_t i = 0; i < todo->n; i++) {
        if (is_file(todo->p[i])) {
            val_push(d->c->arena, d->results, val_printf(d->c->arena, "Installed %s", todo->p[i]));
        }
    }
}

static bool everything(struct dnf *d) {
    struct val names = mod_arg(d->c, "name");
    return val_len(names) == 1 && str_eqz(val_text(val_at_index(names, 0)), "*");
}

static bool latest(struct dnf *d, struct words *here, struct words *todo, struct err *e) {
    struct words none = {0};
    if (everything(d)) {
        return transaction(d, "upgrade", &none, NULL, e);
    }
    for (size_t i = 0; mod_bool(d->c, "update_only") && i < todo->n; i++) {
        val_push(
            d->c->arena, d->results,
            val_printf(d->c->arena, "Packages providing %s not installed due to update_only specified", todo->p[i]));
    }
    bool install = todo->n > 0 && !mod_bool(d->c, "update_only");
    return (here->n == 0 || transaction(d, "upgrade", here, "--best", e)) &&
           (!install || transaction(d, "install", todo, "--best", e));
}

static bool absent(struct dnf *d, struct words *here, struct words *todo, struct err *e) {
    struct words groups = {0};
    struct words none = {0};
    const char *keep = mod_bool(d->c, "autoremove") ? NULL : "--noautoremove";
    for (size_t i = 0; i < todo->n; i++) {
        const char *name = todo->p[i];
        if (is_file(name)) {
            return mod_fail(d->c, e, "Cannot remove paths -- please specify package name.");
        }
        if (name[0] == '@' || strpbrk(name, "*?")) {
            words_add(d->c, &groups, name);
        }
    }
    if (val_len(mod_arg(d->c, "name")) == 0) {
        return transaction(d, "autoremove", &none, NULL, e);
    }
    if (here->n && !transaction(d, "remove", here, keep, e)) {
        return false;
    }
    for (size_t i = 0; i < groups.n; i++) {
        struct words one = {.p = &groups.p[i], .n = 1};
        size_t before = val_len(d->results);
        if (!transaction(d, "remove", &one, keep, e)) {
            return false;
        }
        if (val_len(d->results) == before && groups.p[i][0] != '@') {
            val_push(d->c->arena, d->results, val_printf(d->c->arena, "%s is not installed", groups.p[i]));
        }
    }
    return true;
}

static bool ensure(struct dnf *d, struct err *e) {
    struct str state = mod_str(d->c, "state");
    struct words here = {0};
    struct words todo = {0};
    bool alone = val_len(mod_arg(d->c, "name")) == 0 && mod_bool(d->c, "autoremove");
    if (!mod_bool(d->c, "download_only") && geteuid() != 0) {
        mod_set(d->c, "results", val_list(d->c->arena, 1));
        return mod_fail(d->c, e, "This command has to be run under the root user.");
    }
    if (mod_bool(d->c, "autoremove") && mod_has(d->c, "state") && !str_eqz(state, "absent") &&
        !str_eqz(state, "removed")) {
        return mod_fail(d->c, e, "Autoremove should be used alone or with state=absent");
    }
    if (!recover(d, e) || !sort_names(d, &here, &todo, e)) {
        return false;
    }
    bool ok;
    if (!str_eqz(state, "absent") && !str_eqz(state, "removed")) {
        report_files(d, &todo);
    }
    if (alone || str_eqz(state, "absent") || str_eqz(state, "removed")) {
        ok = absent(d, &here, &todo, e);
    } else if (str_eqz(state, "latest")) {
        ok = latest(d, &here, &todo, e);
    } else {
        ok = todo.n == 0 || mod_bool(d->c, "update_only") || transaction(d, "install", &todo, NULL, e);
    }
    if (!ok || !recovered(d, e)) {
        return false;
    }
    bool would = d->c->changed && d->c->check;
    mod_set_z(d->c, "msg",
              would           ? "Check mode: No changes made, but would have if not in check mode"
              : d->c->changed ? ""
                              : "Nothing to do");
    mod_set(d->c, "results", d->results);
    mod_set(d->c, "rc", val_int(0));
    return true;
}

// -- lists -----------------------------------------------------------------------------------------------------------

static void add_listed(struct dnf *d, struct str line) {
    static const char *const keys[] = {"name", "epoch", "version", "release", "arch", "repo"};
    struct arena *a = d->c->arena;
    struct val v = val_dict(a, 10);
    struct str part[COUNTOF(keys)];
    for (size_t i = 0; i < COUNTOF(keys); i++) {
        if (!str_next(&line, '\t', &part[i])) {
            return;
        }
        val_set(a, v, keys[i], val_str(a, part[i]));
    }
    struct val full =
        val_printf(a, "%.*s:%.*s-%.*s-%.*s.%.*s", STR(part[1]), STR(part[0]), STR(part[2]), STR(part[3]), STR(part[4]));
    bool here = str_eqz(part[5], "@System") || str_eqz(part[5], "installed");
    val_set(a, v, "envra", full);
    val_set(a, v, "nevra", full);
    val_set(a, v, "yumstate", val_z(a, here ? "installed" : "available"));
    val_push(a, d->results, v);
}

static bool query(struct dnf *d, const char *option, const char *name, struct err *e) {
    struct words w = {0};
    struct run_result r;
    struct str line;
    common_options(d, &w);
    words_add(d->c, &w, "-q");
    words_add(d->c, &w, "repoquery");
    words_add(d->c, &w, option);
    words_add(d->c, &w, "--qf=%{name}\t%{epoch}\t%{version}\t%{release}\t%{arch}\t%{reponame}\n");
    if (name) {
        words_opt(d->c, &w, "--", name);
    }
    if (!words_run(d->c, &w, STR_NONE, &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        return refused(d, &r, e);
    }
    while (str_next(&r.out, '\n', &line)) {
        if (line.n) {
            add_listed(d, line);
        }
    }
    return true;
}

static bool list_repos(struct dnf *d, struct err *e) {
    struct words w = {0};
    struct run_result r;
    struct str line;
    common_options(d, &w);
    words_add(d->c, &w, "-q");
    words_add(d->c, &w, "repolist");
    if (!words_run(d->c, &w, STR_NONE, &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        return refused(d, &r, e);
    }
    for (bool first = true; str_next(&r.out, '\n', &line); first = false) {
        struct str id = str_sub(line, 0, str_find_char(line, 0, ' '));
        if (!first && id.n) {
            struct val v = val_dict(d->c->arena, 2);
            val_set(d->c->arena, v, "repoid", val_str(d->c->arena, id));
            val_set(d->c->arena, v, "state", val_z(d->c->arena, "enabled"));
            val_push(d->c->arena, d->results, v);
        }
    }
    return true;
}

static bool list_packages(struct dnf *d, struct err *e) {
    struct str what = mod_str(d->c, "list");
    bool ok;
    if (str_eqz(what, "repos")) {
        ok = list_repos(d, e);
    } else if (str_eqz(what, "installed") || str_eqz(what, "available")) {
        ok = query(d, arena_printf(d->c->arena, "--%.*s", STR(what)), NULL, e);
    } else if (str_eqz(what, "updates") || str_eqz(what, "upgrades")) {
        ok = query(d, "--upgrades", NULL, e);
    } else {
        ok = query(d, "--installed", mod_z(d->c, "list"), e) && query(d, "--available", mod_z(d->c, "list"), e);
    }
    mod_set_z(d->c, "msg", "");
    mod_set(d->c, "results", d->results);
    return ok;
}

static bool refresh(struct dnf *d, struct err *e) {
    struct words w = {0};
    struct run_result r;
    common_options(d, &w);
    words_add(d->c, &w, "makecache");
    if (!words_run(d->c, &w, STR_NONE, &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        return refused(d, &r, e);
    }
    mod_set_z(d->c, "msg", "Cache updated");
    mod_set(d->c, "results", d->results);
    mod_set(d->c, "rc", val_int(0));
    return true;
}

static bool run(struct mod_call *c, struct err *e) {
    struct dnf d = {.c = c, .results = val_list(c->arena, 8), .failures = val_list(c->arena, 4)};
    d.root = str_eqz(mod_str(c, "installroot"), "/") ? "" : mod_z(c, "installroot");
    d.program = spawn_which(c->arena, "dnf");
    d.program = d.program ? d.program : spawn_which(c->arena, "yum");
    if (!d.program) {
        mod_set(c, "results", d.results);
        return mod_fail(c, e, "neither dnf nor yum is installed on this target");
    }
    if (mod_has(c, "list")) {
        return list_packages(&d, e);
    }
    if (mod_bool(c, "update_cache") && val_len(mod_arg(c, "name")) == 0) {
        return refresh(&d, e);
    }
    if (val_len(mod_arg(c, "name")) == 0 && !mod_bool(c, "autoremove")) {
        return mod_fail(c, e, "one of the following is required: name, list, update_cache");
    }
    return ensure(&d, e);
}

MODULE(dnf) = {
    .doc = "Install, upgrade and remove packages with dnf.",
    .spec = "ansible.builtin.dnf",
    .example = "- ansible.builtin.dnf:\n    name: [httpd, 'mariadb-server >= 10']\n    state: present",
    .returns = "results: What was done, or the packages listed.\nfailures: What could not be done.\nmsg: In short.",
    .args = args,
    .exclusive = "name,list;best,nobest",
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .run = run,
};
