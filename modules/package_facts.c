// package_facts: what is installed, by the package manager's own data, as facts.
#include "dpkg.h"
#include "words.h"

#include <unistd.h>

static const struct arg args[] = {
    {"manager", ARG_LIST, .def = "[auto]",
     .doc = "Package managers to ask: auto, apt, rpm, apk, pacman or portage, in this order."},
    {"strategy", ARG_STR, .def = "first", .choices = "first|all", .doc = "Ask the first one there is, or all of them."},
    {0},
};

struct asking {
    struct mod_call *c;
    struct val packages;
};

/// Adds one package: facts are lists by name, as there may be several architectures and versions.
static void add(struct asking *q, struct str name, const char *source, struct val details) {
    struct arena *a = q->c->arena;
    struct val entries = val_get_str(q->packages, name);
    if (val_is(entries, VAL_UNDEF)) {
        entries = val_list(a, 1);
        val_set_str(a, q->packages, str_dup(a, name), entries);
    }
    val_set(a, details, "name", val_str(a, name));
    val_set(a, details, "source", val_z(a, source));
    val_push(a, entries, details);
}

static struct val details_of(struct asking *q, struct str version) {
    struct val d = val_dict(q->c->arena, 6);
    val_set(q->c->arena, d, "version", val_str(q->c->arena, version));
    return d;
}

static bool ask(struct asking *q, const char *const *argv, struct str *out, struct err *e) {
    struct words w = {0};
    struct run_result r;
    for (; *argv; argv++) {
        words_add(q->c, &w, *argv);
    }
    if (!words_run(q->c, &w, STR_NONE, &r, e)) {
        return false;
    }
    if (r.rc != 0 || r.truncated) {
        return err_set(e, ERR_MODULE, NO_MARK, "Unable to list packages rc=%d : %.*s", r.rc, STR(str_trim(r.err)));
    }
    *out = r.out;
    return true;
}

// -- apt -------------------------------------------------------------------------------------------------------------

/// Where packages come from, as `apt-cache policy` tells: "http://... Packages" -> what its Release file calls itself.
static void read_origins(struct arena *a, struct str text, struct map *origins) {
    struct str line;
    struct str source = STR_NONE;
    while (str_next(&text, '\n', &line)) {
        struct str t = str_trim(line);
        size_t blank = str_find_char(t, 0, ' ');
        size_t o = str_find(t, 0, STR_LIT("o="));
        if (str_starts(t, "release ") && source.n && o != SIZE_MAX && (t.s[o - 1] == ' ' || t.s[o - 1] == ',')) {
            struct str *name = ARENA_NEW(a, struct str);
            *name = str_sub(t, o + 2, str_find_char(t, o, ','));
            map_put(origins, a, source, name);
        } else if (blank != SIZE_MAX && t.s[0] >= '0' && t.s[0] <= '9') {
            source = str_trim(str_sub(t, blank, t.n));
        }
    }
}

/// The table of versions of each package: the first source of the installed one ("***") names its origin.
static void read_policies(struct arena *a, struct str text, const struct map *origins, struct map *found) {
    struct str line;
    struct str name = STR_NONE;
    bool installed = false;
    while (str_next(&text, '\n', &line)) {
        struct str t = str_trim(line);
        size_t blank = str_find_char(t, 0, ' ');
        if (line.n && line.s[0] != ' ' && str_ends(line, ":")) {
            name = str_sub(line, 0, line.n - 1);
            installed = false;
        } else if (str_starts(line, " *** ")) {
            installed = true;
        } else if (installed && str_starts(line, "        ") && blank != SIZE_MAX) {
            struct str *origin = map_get(origins, str_trim(str_sub(t, blank, t.n)));
            if (origin) {
                map_put(found, a, name, origin);
            }
            installed = false;
        } else {
            installed = false;
        }
    }
}

static bool apt_origins(struct asking *q, const struct dpkg *d, struct map *found, struct err *e) {
    struct arena *a = q->c->arena;
    struct map origins = {0};
    struct str out;
    const char *all[] = {"apt-cache", "policy", NULL};
    if (!ask(q, all, &out, e)) {
        return false;
    }
    read_origins(a, out, &origins);
    const char **argv = ARENA_ARRAY(a, const char *, d->by_name.n + 4);
    size_t n = 0;
    argv[n++] = "apt-cache";
    argv[n++] = "policy";
    argv[n++] = "--";
    for (size_t i = 0; i < d->by_name.n; i++) {
        const struct dpkg_package *p = d->by_name.slots[i].value;
        if (p->installed && str_find_char(d->by_name.slots[i].key, 0, ':') != SIZE_MAX) {
            argv[n++] = str_z(a, d->by_name.slots[i].key);
        }
    }
    if (n == 3) {
        return true;
    }
    if (!ask(q, argv, &out, e)) {
        return false;
    }
    read_policies(a, out, &origins, found);
    return true;
}

static bool by_apt(struct asking *q, struct err *e) {
    struct arena *a = q->c->arena;
    struct dpkg d;
    struct map origins = {0};
    if (!dpkg_load(a, &d, e)) {
        return false;
    }
    if (!apt_origins(q, &d, &origins, e)) {
        mod_warn(q->c, "where packages come from is not known: %.*s", STR(err_text(e)));
        err_clear(e);
    }
    for (size_t i = 0; i < d.by_name.n; i++) {
        const struct dpkg_package *p = d.by_name.slots[i].value;
        struct str full = d.by_name.slots[i].key;
        if (!p->installed || str_find_char(full, 0, ':') == SIZE_MAX) {
            continue;
        }
        bool own = str_eq(p->arch, d.native) || str_eqz(p->arch, "all");
        // apt-cache shows packages of the own architecture without it.
        const struct str *origin = map_get(&origins, own ? p->name : full);
        origin = origin ? origin : map_get(&origins, full);
        struct val v = details_of(q, p->version);
        val_set(a, v, "arch", val_str(a, p->arch));
        val_set(a, v, "category", val_str(a, p->section));
        val_set(a, v, "origin", origin ? val_str(a, *origin) : val_z(a, ""));
        add(q, own ? p->name : full, "apt", v);
    }
    return true;
}

// -- the others ------------------------------------------------------------------------------------------------------

static bool by_rpm(struct asking *q, struct err *e) {
    struct arena *a = q->c->arena;
    const char *argv[] = {"rpm", "-qa", "--qf", "%{NAME}\\t%{VERSION}\\t%{RELEASE}\\t%{EPOCH}\\t%{ARCH}\\n", NULL};
    struct str out;
    struct str line;
    if (!ask(q, argv, &out, e)) {
        return false;
    }
    while (str_next(&out, '\n', &line)) {
        struct str field[5] = {0};
        size_t n = 0;
        while (n < COUNTOF(field) && str_next(&line, '\t', &field[n])) {
            n++;
        }
        int64_t epoch;
        if (n != COUNTOF(field)) {
            continue;
        }
        struct val v = details_of(q, field[1]);
        val_set(a, v, "release", val_str(a, field[2]));
        val_set(a, v, "epoch", str_int(field[3], &epoch) ? val_int(epoch) : VNULL);
        val_set(a, v, "arch", str_eqz(field[4], "(none)") ? VNULL : val_str(a, field[4]));
        add(q, field[0], "rpm", v);
    }
    return true;
}

/// Cuts "name-1.2.3-r0" at its last two dashes.
static bool cut_dash(struct str *text, struct str *behind) {
    for (size_t i = text->n; i-- > 0;) {
        if (text->s[i] == '-') {
            *behind = str_sub(*text, i + 1, text->n);
            *text = str_sub(*text, 0, i);
            return true;
        }
    }
    return false;
}

static bool by_apk(struct asking *q, struct err *e) {
    const char *argv[] = {"apk", "info", "-v", NULL};
    struct str out;
    struct str line;
    if (!ask(q, argv, &out, e)) {
        return false;
    }
    while (str_next(&out, '\n', &line)) {
        struct str release;
        struct str version;
        struct str name = str_trim(line);
        if (!name.n || !cut_dash(&name, &release) || !cut_dash(&name, &version)) {
            continue;
        }
        struct val v = details_of(q, version);
        val_set(q->c->arena, v, "release", val_str(q->c->arena, release));
        add(q, name, "apk", v);
    }
    return true;
}

static void add_pacman(struct asking *q, struct map *fields) {
    struct arena *a = q->c->arena;
    const struct str *name = map_get(fields, STR_LIT("Name"));
    const struct str *version = map_get(fields, STR_LIT("Version"));
    const struct str *arch = map_get(fields, STR_LIT("Architecture"));
    const struct str *provides = map_get(fields, STR_LIT("Provides"));
    if (!name || !version) {
        return;
    }
    struct val v = details_of(q, *version);
    val_set(a, v, "arch", arch ? val_str(a, *arch) : VNULL);
    struct val list = VNULL;
    if (provides && !str_eqz(*provides, "None")) {
        struct str rest = *provides;
        struct str one;
        list = val_list(a, 4);
        while (str_next(&rest, ' ', &one)) {
            if (one.n) {
                val_push(a, list, val_str(a, str_sub(one, 0, str_find_char(one, 0, '='))));
            }
        }
    }
    val_set(a, v, "provides", list);
    add(q, *name, "pacman", v);
}

static bool by_pacman(struct asking *q, struct err *e) {
    struct arena *a = q->c->arena;
    const char *argv[] = {"pacman", "-Qi", NULL};
    struct str out;
    struct str line;
    struct map fields = {0};
    struct str *last = NULL;
    if (!ask(q, argv, &out, e)) {
        return false;
    }
    while (str_next(&out, '\n', &line)) {
        size_t colon = str_find(line, 0, STR_LIT(" : "));
        if (line.n == 0) {
            add_pacman(q, &fields);
            fields = (struct map){0};
            last = NULL;
        } else if (colon != SIZE_MAX && line.s[0] != ' ') {
            last = ARENA_NEW(a, struct str);
            *last = str_trim(str_sub(line, colon + 3, line.n));
            map_put(&fields, a, str_trim(str_sub(line, 0, colon)), last);
        } else if (last) {
            *last = str_printf(a, "%.*s  %.*s", STR(*last), STR(str_trim(line)));
        }
    }
    add_pacman(q, &fields);
    return true;
}

static bool by_portage(struct asking *q, struct err *e) {
    struct arena *a = q->c->arena;
    const char *argv[] = {"qlist", "-ICv", NULL};
    struct str out;
    struct str line;
    if (!ask(q, argv, &out, e)) {
        return false;
    }
    while (str_next(&out, '\n', &line)) {
        struct str name = str_trim(line);
        struct str category = STR_LIT("");
        struct str behind;
        struct str revision = STR_LIT("");
        size_t slash = str_find_char(name, 0, '/');
        if (slash != SIZE_MAX) {
            category = str_sub(name, 0, slash);
            name = str_sub(name, slash + 1, name.n);
        }
        if (!cut_dash(&name, &behind)) {
            continue;
        }
        if (behind.n > 1 && behind.s[0] == 'r') {
            revision = behind;
            (void)cut_dash(&name, &behind);
        }
        struct val v = details_of(q, behind);
        val_set(a, v, "category", val_str(a, category));
        val_set(a, v, "ebuild_revision", val_str(a, revision));
        add(q, name, "portage", v);
    }
    return true;
}

static const struct manager {
    const char *name, *path, *path2;
    bool (*list)(struct asking *, struct err *);
} managers[] = {{"apt", "/usr/bin/apt-get", "/usr/bin/dpkg", by_apt},
                {"rpm", "/usr/bin/rpm", "/bin/rpm", by_rpm},
                {"apk", "/sbin/apk", "/usr/bin/apk", by_apk},
                {"pacman", "/usr/bin/pacman", "/bin/pacman", by_pacman},
                {"portage", "/usr/bin/qlist", "/bin/qlist", by_portage}};

static const struct manager *manager_named(struct str name) {
    for (size_t i = 0; i < COUNTOF(managers); i++) {
        if (name.n == strlen(managers[i].name) && strncasecmp(name.s, managers[i].name, name.n) == 0) {
            return &managers[i];
        }
    }
    return NULL;
}

/// The managers to try, in order; those that `auto` stands for at the end.
static bool wanted(struct mod_call *c, const struct manager **list, bool *asked, size_t *n, struct err *e) {
    struct val names = mod_arg(c, "manager");
    bool automatic = false;
    for (size_t i = 0; i < val_len(names) && *n < COUNTOF(managers); i++) {
        struct str name = val_text(val_at_index(names, i));
        const struct manager *m = manager_named(name);
        bool is_auto = name.n == 4 && strncasecmp(name.s, "auto", 4) == 0;
        automatic = automatic || is_auto;
        if (!m && !is_auto) {
            return mod_fail(c, e, "Unsupported package managers requested: %.*s", STR(name));
        }
        if (m) {
            asked[*n] = true;
            list[(*n)++] = m;
        }
    }
    for (size_t i = 0; automatic && i < COUNTOF(managers); i++) {
        list[(*n)++] = &managers[i];
    }
    return true;
}

static bool run(struct mod_call *c, struct err *e) {
    const struct manager *list[2 * COUNTOF(managers)];
    bool asked[2 * COUNTOF(managers)] = {false};
    bool done[COUNTOF(managers)] = {false};
    size_t n = 0;
    size_t found = 0;
    struct asking q = {.c = c, .packages = val_dict(c->arena, 512)};
    if (!wanted(c, list, asked, &n, e)) {
        return false;
    }
    for (size_t i = 0; i < n && !(found && str_eqz(mod_str(c, "strategy"), "first")); i++) {
        const struct manager *m = list[i];
        if (done[m - managers] || (access(m->path, X_OK) != 0 && access(m->path2, X_OK) != 0)) {
            continue;
        }
        done[m - managers] = true;
        if (m->list(&q, e)) {
            found++;
            continue;
        }
        if (asked[i]) {
            mod_warn(c, "Requested package manager %s was not usable by this module: %.*s", m->name, STR(err_text(e)));
        }
        err_clear(e);
    }
    if (!found) {
        return mod_fail(c, e, "Could not detect a supported package manager from the following list: %.*s",
                        STR(val_str_of(c->arena, mod_arg(c, "manager"))));
    }
    struct val facts = val_dict(c->arena, 1);
    val_set(c->arena, facts, "packages", q.packages);
    mod_set(c, "ansible_facts", facts);
    return true;
}

MODULE(package_facts) = {
    .doc = "Return what is installed as facts.",
    .spec = "ansible.builtin.package_facts",
    .example = "- ansible.builtin.package_facts:\n    manager: auto\n- ansible.builtin.debug:\n    msg: \"{{ "
               "ansible_facts.packages['bash'][0].version }}\"\n  when: \"'bash' in ansible_facts.packages\"",
    .order = "",
    .returns = "ansible_facts: `packages`, a list of versions by name.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .run = run,
};
