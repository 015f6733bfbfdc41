// apk: packages of Alpine Linux.
#include "fd.h"
#include "spawn.h"
#include "unfinished.h"
#include "words.h"

#include <sys/statvfs.h>
#include <time.h>

#define DATABASE   "/lib/apk/db/installed"
#define WORLD_MAX  ((size_t)4 << 20)
#define OWNERS_MAX 1000                 // files of one question for their packages
#define ROOMY      ((uint64_t)1 << 30)  // bytes; with more of them free no single package fills the disk

static const struct arg args[] = {
    {"name", ARG_LIST, .doc = "Packages, also with a version (name=1.2-r0) or a repository (name@edge)."},
    {"state", ARG_STR, .def = "present", .choices = "present|installed|absent|removed|latest",
     .doc = "Whether they are installed, and whether newer ones are wanted."},
    {"repository", ARG_LIST, .doc = "Repositories to use instead of the configured ones."},
    {"update_cache", ARG_BOOL, .def = "false", .doc = "Fetch the indexes first."},
    {"upgrade", ARG_BOOL, .def = "false", .doc = "Upgrade all packages."},
    {"available", ARG_BOOL, .def = "false",
     .doc = "With upgrade: also to versions that are older or of other repositories."},
    {"no_cache", ARG_BOOL, .def = "false", .doc = "Keep no index on the target."},
    {"world", ARG_STR, .def = "/etc/apk/world", .doc = "The list of packages that were asked for."},
    {0},
};

struct apk {
    struct mod_call *c;
    const char *program;
    struct str world;
    struct unfinished cut;
};

static void begin(struct apk *k, struct words *w, const char *verb) {
    struct val repositories = mod_arg(k->c, "repository");
    words_add(k->c, w, k->program);
    if (val_len(repositories)) {
        words_opt(k->c, w, "--repositories-file", "/dev/null");
    }
    for (size_t i = 0; i < val_len(repositories); i++) {
        words_opt(k->c, w, "--repository", str_z(k->c->arena, val_text(val_at_index(repositories, i))));
    }
    if (mod_bool(k->c, "no_cache")) {
        words_add(k->c, w, "--no-cache");
    }
    words_add(k->c, w, verb);
    if (k->c->check && strcmp(verb, "update") != 0 && strcmp(verb, "info") != 0 && strcmp(verb, "version") != 0) {
        words_add(k->c, w, "--simulate");
    }
}

/// "(1/2) Installing name (1.2-r0)": the names.
static struct val named_packages(struct apk *k, struct str out) {
    struct val list = val_list(k->c->arena, 8);
    struct str line;
    while (str_next(&out, '\n', &line)) {
        size_t close = str_find_char(line, 0, ')');
        struct str word;
        if (!str_starts(line, "(") || close == SIZE_MAX) {
            continue;
        }
        struct str rest = str_trim(str_sub(line, close + 1, line.n));
        for (size_t n = 0; str_next(&rest, ' ', &word);) {
            n += word.n > 0;
            if (n == 2 && word.n) {
                val_push(k->c->arena, list, val_str(k->c->arena, word));
                break;
            }
        }
    }
    return list;
}

static bool call(struct apk *k, struct words *w, struct run_result *r, struct err *e) {
    if (!words_run(k->c, w, STR_NONE, r, e)) {
        return false;
    }
    mod_set_str(k->c, "stdout", r->out);
    mod_set_str(k->c, "stderr", r->err);
    return true;
}

/// Fetches the indexes; what apk says then is the result when that is `only` what was asked for.
static bool update(struct apk *k, bool only, struct err *e) {
    struct words w = {0};
    struct run_result r;
    begin(k, &w, "update");
    if (!words_run(k->c, &w, STR_NONE, &r, e)) {
        return false;
    }
    if (r.rc != 0 || only) {
        mod_set_str(k->c, "stdout", r.out);
        mod_set_str(k->c, "stderr", r.err);
    }
    return r.rc == 0 || mod_fail(k->c, e, "could not update package db");
}

static const char *const places[] = {"/", "/usr", "/var", "/opt"};

/// apk (2.14) takes a full disk for a success: the files are there, and empty.
static bool room_left(struct apk *k, struct err *e) {
    for (size_t i = 0; i < COUNTOF(places) && !k->c->check; i++) {
        struct statvfs v;
        if (statvfs(places[i], &v) == 0 && v.f_blocks > 0 && v.f_bavail == 0 && !(v.f_flag & ST_RDONLY)) {
            return mod_fail(k->c, e,
                            "no space is left on '%s', which apk does not tell: files of the packages may be empty; "
                            "make room, and the next run, or `apk fix` with the packages that `apk audit --system` "
                            "names, mends them",
                            places[i]);
        }
    }
    return true;
}

/// Its database is a new file after each change, unless there was no room for it.
static bool wrote(struct apk *k, const struct stat *before, struct err *e) {
    struct stat st;
    return stat(DATABASE, &st) != 0 || before->st_ino != st.st_ino || before->st_mtim.tv_sec != st.st_mtim.tv_sec ||
           before->st_mtim.tv_nsec != st.st_mtim.tv_nsec ||
           mod_fail(
               k->c, e,
               "apk has not written its database '%s', which it does not tell: make room on the disk, and run this "
               "again",
               DATABASE);
}

// -- what an apk that did not come to its end has left ---------------------------------------------------------------

/// The packages of these files, into *names.
static bool owners(struct apk *k, const struct words *files, struct words *names, struct err *e) {
    for (size_t from = 0; from < files->n; from += OWNERS_MAX) {
        struct words w = {0};
        struct run_result r;
        struct str line;
        begin(k, &w, "info");
        words_add(k->c, &w, "--quiet");
        words_add(k->c, &w, "--who-owns");
        for (size_t i = from; i < files->n && i < from + OWNERS_MAX; i++) {
            words_add(k->c, &w, files->p[i]);
        }
        if (!words_run(k->c, &w, STR_NONE, &r, e)) {
            return false;
        }
        while (str_next(&r.out, '\n', &line)) {
            if (line.n && line.s[0] != '-' && str_find_char(line, 0, ' ') == SIZE_MAX) {
                words_add(k->c, names, str_z(k->c->arena, line));
            }
        }
    }
    return true;
}

/// What apk says is not as its package has it, and was changed since the mark was made: "U usr/bin/x". `missing`: also
/// what is not there.
static bool damaged(struct apk *k, bool missing, struct words *files, struct err *e) {
    struct words audit = {0};
    struct run_result r;
    struct str line;
    begin(k, &audit, "audit");
    words_add(k->c, &audit, "--system");
    if (!words_run(k->c, &audit, STR_NONE, &r, e)) {
        return false;
    }
    while (str_next(&r.out, '\n', &line)) {
        struct stat st;
        const char *path = arena_printf(k->c->arena, "/%.*s", STR(str_sub(line, 2, line.n)));
        bool there = lstat(path, &st) == 0;
        if (line.n > 2 && line.s[1] == ' ' && (there ? st.st_ctim.tv_sec >= k->cut.since.tv_sec : missing)) {
            words_add(k->c, files, path);
        }
    }
    return true;
}

/// Installs the packages again to which these files belong; `*any`: there are some.
static bool fix(struct apk *k, const struct words *files, bool *any, struct err *e) {
    struct words w = {0};
    struct run_result r;
    begin(k, &w, "fix");
    size_t before = w.n;
    *any = false;
    if (!owners(k, files, &w, e)) {
        return false;
    }
    if (w.n == before) {
        return true;
    }
    if (!call(k, &w, &r, e)) {
        return false;
    }
    *any = true;
    mod_changed(k->c);
    return r.rc == 0 || mod_fail(k->c, e, "failed to fix what an apk that did not come to its end has left: %.*s",
                                 STR(str_trim(r.err.n ? r.err : r.out)));
}

static bool recover(struct apk *k, struct err *e) {
    struct words files = {0};
    bool any;
    if (!unfinished_look(k->c, "", "/lib/apk/db", &k->cut, e) || !k->cut.found || k->c->check) {
        return e->code == ERR_NONE;
    }
    return damaged(k, true, &files, e) && fix(k, &files, &any, e) && room_left(k, e) &&
           unfinished_end(k->c, &k->cut, e);
}

// -- changing --------------------------------------------------------------------------------------------------------

static bool is_roomy(void) {
    bool roomy = true;
    for (size_t i = 0; i < COUNTOF(places); i++) {
        struct statvfs v;
        roomy = roomy && (statvfs(places[i], &v) != 0 || (uint64_t)v.f_bavail * v.f_frsize >= ROOMY);
    }
    return roomy;
}

/// A disk that was full for a while, as an upgrade frees what it replaces: files that are empty now are made again.
static bool refill(struct apk *k, struct err *e) {
    struct words files = {0};
    struct words still = {0};
    bool any;
    if (!damaged(k, false, &files, e) || !fix(k, &files, &any, e) || (any && !damaged(k, false, &still, e))) {
        return false;
    }
    for (size_t i = 0; i < still.n; i++) {
        struct stat st;
        if (lstat(still.p[i], &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0) {
            return mod_fail(k->c, e,
                            "there was no room for '%s', which apk does not tell: make room on the disk, and run this "
                            "again",
                            still.p[i]);
        }
    }
    return true;
}

/// Runs what changes packages, with a mark that stays when they may be half there. `room`: it needs some on the disk.
static bool change(struct apk *k, struct words *w, bool room, struct run_result *r, struct err *e) {
    if (k->c->check) {
        return call(k, w, r, e);
    }
    struct stat before = {0};
    bool tight = room && !is_roomy();
    if (!k->cut.found) {
        clock_gettime(CLOCK_REALTIME_COARSE, &k->cut.since);
    }
    (void)stat(DATABASE, &before);
    if (!unfinished_begin(k->c, &k->cut, e) || !call(k, w, r, e)) {
        return false;
    }
    bool begun = str_find(r->out, 0, STR_LIT("(1/")) != SIZE_MAX;
    if (r->rc < 0 || (r->rc > 0 && begun)) {
        return true;  // half done, perhaps; the caller says what failed
    }
    if (r->rc == 0 && begun && (!wrote(k, &before, e) || (room && !room_left(k, e)) || (tight && !refill(k, e)))) {
        return false;
    }
    return unfinished_end(k->c, &k->cut, e);
}

static bool upgrade(struct apk *k, struct err *e) {
    struct words w = {0};
    struct run_result r;
    begin(k, &w, "upgrade");
    if (mod_bool(k->c, "available")) {
        words_add(k->c, &w, "--available");
    }
    if (!change(k, &w, true, &r, e)) {
        return false;
    }
    struct val packages = named_packages(k, r.out);
    mod_set(k->c, "packages", packages);
    if (r.rc != 0) {
        return mod_fail(k->c, e, "failed to upgrade packages");
    }
    bool changed = val_len(packages) > 0;
    if (changed) {
        mod_changed(k->c);
    }
    mod_set_z(k->c, "msg", changed ? "upgraded packages" : "packages already upgraded");
    return true;
}

// -- what is installed -----------------------------------------------------------------------------------------------

static bool is_installed(struct apk *k, const char *name, bool *here, struct err *e) {
    struct words w = {0};
    struct run_result r;
    begin(k, &w, "info");
    words_add(k->c, &w, "--installed");
    words_add(k->c, &w, name);
    if (!words_run(k->c, &w, STR_NONE, &r, e)) {
        return false;
    }
    *here = r.rc == 0;
    return true;
}

/// A line "name-1.0-r0 < 1.1-r0" of `apk version` tells that there is a newer one.
static bool is_latest(struct apk *k, const char *name, bool *latest, struct err *e) {
    struct words w = {0};
    struct run_result r;
    begin(k, &w, "version");
    words_add(k->c, &w, name);
    if (!words_run(k->c, &w, STR_NONE, &r, e)) {
        return false;
    }
    *latest = str_find(r.out, 0, STR_LIT(" < ")) == SIZE_MAX;
    return true;
}

/// A virtual package (`apk add --virtual`) stands for those it depends on, which go into *parts.
static bool is_virtual(struct apk *k, const char *name, bool *yes, struct val parts, struct err *e) {
    struct words w = {0};
    struct words depends = {0};
    struct run_result r;
    begin(k, &w, "info");
    words_add(k->c, &w, "--verbose");
    words_opt(k->c, &w, "--description", name);
    if (!words_run(k->c, &w, STR_NONE, &r, e)) {
        return false;
    }
    *yes = str_starts(r.out, arena_printf(k->c->arena, "%s: virtual meta package", name));
    if (!*yes) {
        return true;
    }
    begin(k, &depends, "info");
    words_add(k->c, &depends, "--verbose");
    words_opt(k->c, &depends, "--depends", name);
    if (!words_run(k->c, &depends, STR_NONE, &r, e)) {
        return false;
    }
    struct str line = str_trim(r.out);
    struct str word;
    for (size_t i = 0; str_next(&line, ' ', &word); i++) {
        word = str_trim(word);
        if (i > 0 && word.n) {  // the first is "name:"
            val_push(k->c->arena, parts, val_str(k->c->arena, word));
        }
    }
    return true;
}

static struct str bare(struct str name) {
    size_t n = 0;
    while (n < name.n && !strchr("=<>~@", name.s[n])) {
        n++;
    }
    return str_sub(name, 0, n);
}

/// Whether a word of world is the package that was asked for. A name alone is any version of it; one with a condition
/// is that condition, of which apk keeps "~" for "~=" and "=" for "==".
static bool is_asked(struct arena *a, struct str word, struct str name) {
    struct str base = bare(name);
    if (!str_eq(bare(word), base)) {
        return false;
    }
    struct str condition = str_sub(name, base.n, name.n);
    condition = str_replace(a, condition, STR_LIT("~="), STR_LIT("~"));
    condition = str_replace(a, condition, STR_LIT("=="), STR_LIT("="));
    return condition.n == 0 || str_eq(str_sub(word, base.n, word.n), condition);
}

/// Installed only because others need it, or with another condition: `apk add` makes it what was asked for.
static bool in_world(const struct apk *k, const char *name) {
    const char *p = k->world.s;
    const char *end = k->world.s + k->world.n;
    while (p < end) {
        const char *from = p;
        while (p < end && !strchr(" \t\r\n", *p)) {
            p++;
        }
        if (is_asked(k->c->arena, (struct str){from, (size_t)(p - from)}, str_from(name))) {
            return true;
        }
        p++;
    }
    return false;
}

// -- states ----------------------------------------------------------------------------------------------------------

static struct str joined(struct mod_call *c, const struct words *names) {
    struct buf b = BUF_IN(c->arena);
    for (size_t i = 0; i < names->n; i++) {
        buf_printf(&b, "%s%s", i ? " " : "", names->p[i]);
    }
    return buf_view(&b);
}

static bool act(struct apk *k, const char *verb, const char *option, const struct words *names, const char *failed,
                const char *done, struct err *e) {
    struct words w = {0};
    struct run_result r;
    begin(k, &w, verb);
    if (option) {
        words_add(k->c, &w, option);
    }
    for (size_t i = 0; i < names->n; i++) {
        words_add(k->c, &w, names->p[i]);
    }
    if (!change(k, &w, strcmp(verb, "del") != 0, &r, e)) {
        return false;
    }
    struct str list = joined(k->c, names);
    mod_set(k->c, "packages", named_packages(k, r.out));
    if (r.rc != 0) {
        return mod_fail(k->c, e, "failed to %s %.*s", failed, STR(list));
    }
    mod_changed(k->c);
    mod_set(k->c, "msg", val_printf(k->c->arena, "%s %.*s package(s)", done, STR(list)));
    return true;
}

/// Puts the names of *parts that have a newer version into *todo.
static bool newer_parts(struct apk *k, struct val parts, struct words *todo, bool *newer, struct err *e) {
    for (size_t i = 0; i < val_len(parts); i++) {
        const char *name = str_z(k->c->arena, val_text(val_at_index(parts, i)));
        bool newest;
        if (!is_latest(k, name, &newest, e)) {
            return false;
        }
        if (!newest) {
            words_add(k->c, todo, name);
            *newer = true;
        }
    }
    return true;
}

static bool present(struct apk *k, bool latest, struct err *e) {
    struct val names = mod_arg(k->c, "name");
    struct words todo = {0};
    bool newer = false;
    for (size_t i = 0; i < val_len(names); i++) {
        const char *name = str_z(k->c->arena, val_text(val_at_index(names, i)));
        struct val parts = val_list(k->c->arena, 4);
        bool here;
        bool group = false;
        bool newest = true;
        if (latest && !is_virtual(k, name, &group, parts, e)) {
            return false;
        }
        if (group) {
            if (!newer_parts(k, parts, &todo, &newer, e)) {
                return false;
            }
            continue;
        }
        if (!is_installed(k, name, &here, e) || (here && latest && !is_latest(k, name, &newest, e))) {
            return false;
        }
        if (!here || !newest || !in_world(k, name)) {
            words_add(k->c, &todo, name);
        }
        newer = newer || !newest;
    }
    if (todo.n == 0) {
        mod_set_z(k->c, "msg", "package(s) already installed");
        return true;
    }
    return act(k, "add", newer ? "--upgrade" : NULL, &todo, "install", "installed", e);
}

/// `apk del` ends well when others need a package, which then stays.
static bool stays(struct apk *k, const struct words *names, bool *stay, struct err *e) {
    struct val out = val_get(k->c->result, "stdout");
    *stay = k->c->check && str_find(val_text(out), 0, STR_LIT("packages are not removed")) != SIZE_MAX;
    for (size_t i = 0; i < names->n && !k->c->check && !*stay; i++) {
        if (!is_installed(k, names->p[i], stay, e)) {
            return false;
        }
    }
    return true;
}

static bool absent(struct apk *k, struct err *e) {
    struct val names = mod_arg(k->c, "name");
    struct words todo = {0};
    for (size_t i = 0; i < val_len(names); i++) {
        const char *name = str_z(k->c->arena, val_text(val_at_index(names, i)));
        bool here;
        if (!is_installed(k, name, &here, e)) {
            return false;
        }
        if (here) {
            words_add(k->c, &todo, name);
        }
    }
    if (todo.n == 0) {
        mod_set_z(k->c, "msg", "package(s) already removed");
        return true;
    }
    bool stay;
    if (!act(k, "del", "--purge", &todo, "remove", "removed", e) || !stays(k, &todo, &stay, e)) {
        return false;
    }
    return !stay || mod_fail(k->c, e, "failed to remove %.*s package(s)", STR(joined(k->c, &todo)));
}

static bool check_names(struct mod_call *c, struct err *e) {
    struct val names = mod_arg(c, "name");
    for (size_t i = 0; i < val_len(names); i++) {
        struct str name = val_text(val_at_index(names, i));
        if (!name.n || name.s[0] == '-' || str_find_char(name, 0, ' ') != SIZE_MAX) {
            return mod_fail(c, e, "'%.*s' is no name of a package", STR(name));
        }
    }
    return true;
}

static bool run(struct mod_call *c, struct err *e) {
    struct apk k = {.c = c, .program = spawn_which(c->arena, "apk"), .world = STR_LIT("")};
    struct str state = mod_str(c, "state");
    bool names = val_len(mod_arg(c, "name")) > 0;
    bool given = mod_has(c, "name");
    struct err ignored = {.arena = c->arena};
    if (!given && !mod_bool(c, "update_cache") && !mod_bool(c, "upgrade")) {
        return mod_fail(c, e, "one of the following is required: name, update_cache, upgrade");
    }
    if (!k.program) {
        return mod_fail_program(c, e, "apk");
    }
    if (!check_names(c, e) || !recover(&k, e) ||
        (mod_bool(c, "update_cache") && !update(&k, !names && !mod_bool(c, "upgrade"), e))) {
        return false;
    }
    if (mod_bool(c, "upgrade")) {
        return upgrade(&k, e);
    }
    if (!names && mod_bool(c, "update_cache")) {
        mod_changed(c);
        mod_set_z(c, "msg", "updated repository indexes");
        return true;
    }
    (void)fd_read_file(mod_z(c, "world"), WORLD_MAX, c->arena, &k.world, &ignored);
    if (str_eqz(state, "absent") || str_eqz(state, "removed")) {
        return absent(&k, e);
    }
    return present(&k, str_eqz(state, "latest"), e);
}

MODULE(apk) = {
    .doc = "Install, upgrade and remove packages of Alpine Linux.",
    .spec = "community.general.apk",
    .example = "- community.general.apk:\n    name: [nginx, openssh]\n    update_cache: true",
    .returns = "packages: What apk did something with.\nmsg: In short.\nstdout: What apk said.",
    .args = args,
    .exclusive = "name,upgrade",
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .run = run,
};
