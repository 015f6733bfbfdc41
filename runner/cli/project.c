// A project's layout: which verbs and which environments are here, found in the places people already use.
#include "cli.h"

#include "fd.h"
#include "typo.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const env_dirs[] = {"inventories", "environments", "inventory", "envs"};
static const char *const host_files[] = {"hosts",     "hosts.yml",     "hosts.yaml",     "hosts.ini",
                                         "inventory", "inventory.yml", "inventory.yaml", "inventory.ini"};
static const char *const secret_files[] = {"secrets", "secrets.yml", "secrets.yaml", "vault.yml", "vault.yaml"};
static const char *const sole_playbooks[] = {"playbook.yml", "playbook.yaml", "site.yml", "site.yaml", "main.yml"};

static bool is_dir(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_file(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

static int by_name(const void *x, const void *y) {
    const struct str *a = x;
    const struct str *b = y;
    return str_cmp(*a, *b);
}

// Names in a directory, sorted, without hidden ones. A directory that is not there is empty.
static struct words list_dir(struct arena *a, const char *path) {
    struct words w = {0};
    DIR *d = opendir(path);
    if (!d) {
        return w;
    }
    for (struct dirent *de; (de = readdir(d));) {
        if (de->d_name[0] != '.') {
            VEC_PUSH(a, w, str_dup(a, str_from(de->d_name)));
        }
    }
    closedir(d);
    if (w.n > 1) {
        qsort(w.p, w.n, sizeof *w.p, by_name);
    }
    return w;
}

static bool is_yaml(struct str name) {
    return str_ends(name, ".yml") || str_ends(name, ".yaml");
}

static struct str stem(struct str name) {
    size_t dot = SIZE_MAX;
    for (size_t i = 1; i < name.n; i++) {
        if (name.s[i] == '.') {
            dot = i;
        }
    }
    return str_sub(name, 0, dot);
}

// The first comment of a playbook, else the name of its first play; also tells whether the text looks like a playbook.
static bool describe(struct arena *a, const char *path, struct str *doc) {
    struct err e = {.arena = a};
    struct str text;
    *doc = STR_NONE;
    if (!fd_read_file(path, (size_t)4 << 20, a, &text, &e)) {
        return false;
    }
    bool playbook = false;
    struct str comment = STR_NONE;
    struct str name = STR_NONE;
    struct str rest = text;
    struct str line;
    while (str_next(&rest, '\n', &line)) {
        struct str t = str_trim(line);
        if (!playbook && comment.n == 0 && t.n > 1 && t.s[0] == '#') {
            comment = str_trim(str_sub(t, 1, t.n));
        }
        playbook = playbook || str_starts(line, "- hosts:") || str_starts(line, "  hosts:") ||
                   str_starts(line, "- import_playbook:") || str_starts(line, "- ansible.builtin.import_playbook:");
        if (name.n == 0 && str_starts(line, "- name:")) {
            name = str_trim(str_sub(line, 7, line.n));
        }
    }
    if (name.n > 1 && (name.s[0] == '"' || name.s[0] == '\'')) {
        name = str_sub(name, 1, name.n - 1);
    }
    *doc = str_dup(a, comment.n ? comment : name);
    return playbook;
}

struct verbs {
    struct verb *p;
    size_t n, cap;
};

static void add_verb(struct arena *a, struct verbs *v, struct verb one) {
    for (size_t i = 0; i < v->n; i++) {
        if (str_eq(v->p[i].name, one.name)) {
            return;
        }
    }
    VEC_PUSH(a, *v, one);
}

static void verbs_in(struct arena *a, struct verbs *v, const char *dir) {
    struct words names = list_dir(a, dir);
    for (size_t i = 0; i < names.n; i++) {
        struct str path = str_eqz(str_from(dir), ".") ? names.p[i] : str_printf(a, "%s/%.*s", dir, STR(names.p[i]));
        struct verb one = {.name = stem(names.p[i]), .file = path};
        if (is_yaml(names.p[i]) && is_file(path.s) && describe(a, path.s, &one.doc)) {
            add_verb(a, v, one);
        }
    }
}

// Tags of the only playbook become verbs: the words after "tags:" in `from`, without templates. `file` is the playbook.
static void verbs_from_tags(struct arena *a, struct verbs *v, struct str file, struct str from) {
    struct err e = {.arena = a};
    struct str text;
    if (!fd_read_file(from.s, (size_t)4 << 20, a, &text, &e)) {
        return;
    }
    struct str rest = text;
    struct str line;
    bool list = false;
    while (str_next(&rest, '\n', &line)) {
        struct str t = str_trim(line);
        t = str_starts(t, "- tags:") ? str_sub(t, 2, t.n) : t;
        bool head = str_starts(t, "tags:");
        bool item = list && str_starts(t, "- ");
        list = (head && t.n == 5) || item;
        struct str words = head ? str_sub(t, 5, t.n) : (item ? str_sub(t, 2, t.n) : STR_NONE);
        struct str one;
        while (words.n > 0 && str_next(&words, ',', &one)) {
            one = str_trim(one);
            while (one.n > 0 && strchr("[]'\" ", one.s[0])) {
                one = str_sub(one, 1, one.n);
            }
            while (one.n > 0 && strchr("[]'\" ", one.s[one.n - 1])) {
                one.n--;
            }
            if (one.n > 0 && str_find_char(one, 0, '{') == SIZE_MAX && !str_eqz(one, "always") &&
                !str_eqz(one, "never")) {
                struct str doc = str_printf(a, "the tasks tagged '%.*s' of %.*s", STR(one), STR(file));
                add_verb(a, v, (struct verb){.name = one, .file = file, .tag = one, .doc = doc});
            }
        }
    }
}

// Those of the playbook itself and of what its roles begin with.
static void verbs_of_book(struct arena *a, struct verbs *v, struct str file) {
    struct words roles = list_dir(a, "roles");
    verbs_from_tags(a, v, file, file);
    for (size_t i = 0; i < roles.n; i++) {
        verbs_from_tags(a, v, file, str_printf(a, "roles/%.*s/tasks/main.yml", STR(roles.p[i])));
    }
}

static void find_verbs(struct project *p) {
    struct verbs v = {0};
    verbs_in(p->a, &v, "playbooks");
    verbs_in(p->a, &v, ".");
    size_t files = v.n;
    struct str only = files == 1 ? v.p[0].file : STR_NONE;
    for (size_t i = 0; i < COUNTOF(sole_playbooks) && only.n == 0; i++) {
        if (is_file(sole_playbooks[i])) {
            only = str_from(sole_playbooks[i]);
        }
    }
    if (only.n > 0) {
        verbs_of_book(p->a, &v, only);
    }
    p->verbs = v.p;
    p->nverbs = v.n;
}

static void add_env(struct project *p, struct str name, struct str path) {
    for (size_t i = 0; i < p->envs.n; i++) {
        if (str_eq(p->envs.p[i], name)) {
            return;
        }
    }
    VEC_PUSH(p->a, p->envs, name);
    VEC_PUSH(p->a, p->env_paths, path);
}

bool project_find(struct project *p, struct arena *a, struct err *e) {
    (void)e;
    *p = (struct project){.a = a};
    find_verbs(p);
    for (size_t d = 0; d < COUNTOF(env_dirs); d++) {
        struct words names = list_dir(a, env_dirs[d]);
        for (size_t i = 0; i < names.n; i++) {
            struct str path = str_printf(a, "%s/%.*s", env_dirs[d], STR(names.p[i]));
            bool special = str_eqz(names.p[i], "group_vars") || str_eqz(names.p[i], "host_vars");
            if (!special) {
                add_env(p, is_dir(path.s) ? names.p[i] : stem(names.p[i]), path);
            }
        }
    }
    return true;
}

static bool no_env(const struct project *p, struct str env, struct err *e) {
    struct typo t = {.got = env};
    struct buf names = BUF_IN(e->arena);
    for (size_t i = 0; i < p->envs.n; i++) {
        typo_offer(&t, p->envs.p[i]);
        buf_printf(&names, "%s%.*s", i ? ", " : "", STR(p->envs.p[i]));
    }
    err_set(e, ERR_NOT_FOUND, NO_MARK,
            "no environment '%.*s': looked for inventories/%.*s, environments/%.*s and inventory/%.*s", STR(env),
            STR(env), STR(env), STR(env));
    if (t.best.s) {
        return err_hint(e, "did you mean env=%.*s? here are: %.*s", STR(t.best), STR(buf_view(&names)));
    }
    return err_hint(e, p->envs.n ? "here are: %.*s" : "create inventories/%.*s/hosts",
                    STR(p->envs.n ? buf_view(&names) : env));
}

bool project_env(const struct project *p, struct str env, struct words *sources, struct words *secrets, struct err *e) {
    struct str path = STR_NONE;
    for (size_t i = 0; i < p->envs.n && path.n == 0; i++) {
        if (str_eq(p->envs.p[i], env)) {
            path = p->env_paths.p[i];
        }
    }
    if (path.n == 0) {
        return no_env(p, env, e);
    }
    if (!is_dir(path.s)) {
        VEC_PUSH(p->a, *sources, path);
        return true;
    }
    // Its hosts file alone, so that `secrets` beside it is not read as an inventory; without one, the directory.
    struct str hosts = path;
    for (size_t i = 0; i < COUNTOF(host_files); i++) {
        struct str f = str_printf(p->a, "%.*s/%s", STR(path), host_files[i]);
        if (is_file(f.s)) {
            hosts = f;
            break;
        }
    }
    VEC_PUSH(p->a, *sources, hosts);
    for (size_t i = 0; i < COUNTOF(secret_files); i++) {
        struct str f = str_printf(p->a, "%.*s/%s", STR(path), secret_files[i]);
        if (is_file(f.s)) {
            VEC_PUSH(p->a, *secrets, f);
        }
    }
    return true;
}

void project_list(const struct project *p, FILE *f) {
    if (p->nverbs == 0) {
        fputs("No playbooks here: a verb is playbooks/VERB.yml, VERB.yml, or a tag of the only playbook.\n", f);
    } else {
        fputs("Verbs (play VERB env=ENV [k=v ...]):\n", f);
    }
    for (size_t i = 0; i < p->nverbs; i++) {
        const struct verb *v = &p->verbs[i];
        fprintf(f, "  %-16.*s %.*s\n", STR(v->name), STR(v->doc.n ? v->doc : v->file));
        if (v->doc.n > 0 && v->tag.n == 0) {
            fprintf(f, "  %-16s   from %.*s\n", "", STR(v->file));
        }
    }
    if (p->envs.n == 0) {
        fputs("\nNo environments here: looked in inventories/, environments/ and inventory/.\n", f);
        return;
    }
    fputs("\nEnvironments (env=ENV):\n", f);
    for (size_t i = 0; i < p->envs.n; i++) {
        struct err e = {.arena = p->a};
        struct words sources = {0};
        struct words secrets = {0};
        project_env(p, p->envs.p[i], &sources, &secrets, &e);
        fprintf(f, "  %-16.*s %.*s", STR(p->envs.p[i]), STR(sources.n ? sources.p[0] : p->env_paths.p[i]));
        for (size_t k = 0; k < secrets.n; k++) {
            fprintf(f, " + %.*s", STR(secrets.p[k]));
        }
        fputc('\n', f);
    }
}
