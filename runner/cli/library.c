// Modules a project ships: found in library/ directories and collections, as Lua, as programs of any kind, or in Python
// for ansible-core's module_utils, which are found on this machine when somebody installed them.
#include "library.h"

#include "fd.h"
#include "foreign.h"
#include "script.h"

#include <dirent.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODULE_MAX ((size_t)64 << 20)

struct found_module {
    const struct module *m;
};

struct library *library_new(struct session *x) {
    struct library *l = ARENA_NEW(x->a, struct library);
    l->x = x;
    l->a = x->a;
    l->core = VNULL;
    return l;
}

// -- directories -----------------------------------------------------------------------------------------------------

static int by_name(const void *x, const void *y) {
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

static const struct words *listing(struct library *l, struct str dir) {
    struct words *w = map_get(&l->dirs, dir);
    if (w) {
        return w;
    }
    w = ARENA_NEW(l->a, struct words);
    DIR *d = opendir(str_z(l->a, dir));
    for (struct dirent *de; d && (de = readdir(d));) {  // NOLINT(concurrency-mt-unsafe): one DIR, one thread
        if (de->d_name[0] != '.') {
            VEC_PUSH(l->a, *w, str_dup(l->a, str_from(de->d_name)));
        }
    }
    if (d) {
        closedir(d);
    }
    if (w->n > 1) {
        qsort(w->p, w->n, sizeof *w->p, by_name);
    }
    map_put(&l->dirs, l->a, str_dup(l->a, dir), w);
    return w;
}

/// Ends of names that are no modules (MODULE_IGNORE_EXTS), and PowerShell.
static bool ignored(struct str name) {
    static const char *const ends[] = {".pyc", ".pyo", ".swp", ".bak",  "~",    ".rpm", ".md",
                                       ".txt", ".rst", ".yml", ".yaml", ".ini", ".ps1", ".json"};
    for (size_t i = 0; i < COUNTOF(ends); i++) {
        if (str_ends(name, ends[i])) {
            return true;
        }
    }
    return false;
}

/// The file of a module in a directory: its name with any extension; Lua before all.
static struct str module_file(struct library *l, struct str dir, struct str name) {
    const struct words *w = listing(l, dir);
    struct str found = STR_NONE;
    for (size_t i = 0; i < w->n; i++) {
        struct str one = w->p[i];
        bool same = one.n >= name.n && memcmp(one.s, name.s, name.n) == 0 &&
                    (one.n == name.n || (one.s[name.n] == '.' && str_find_char(one, name.n + 1, '.') == SIZE_MAX));
        if (!same || ignored(one)) {
            continue;
        }
        struct str path = str_printf(l->a, "%.*s/%.*s", STR(dir), STR(one));
        struct stat st;
        if (stat(path.s, &st) != 0 || !S_ISREG(st.st_mode)) {
            continue;
        }
        if (str_ends(one, ".lua")) {
            return path;
        }
        found = found.n ? found : path;
    }
    return found;
}

// -- module_utils ----------------------------------------------------------------------------------------------------

static bool add_file(struct library *l, struct val files, struct str name, struct str path) {
    struct err e = {.arena = l->a};
    struct str text;
    if (!fd_read_file(str_z(l->a, path), MODULE_MAX, l->a, &text, &e)) {
        return false;
    }
    struct val pair = val_list(l->a, 2);
    val_push(l->a, pair, val_str(l->a, name));
    val_push(l->a, pair, val_str(l->a, text));
    val_push(l->a, files, pair);
    return true;
}

/// All Python files below a directory, named from `prefix` on.
static void add_tree(struct library *l, struct val files, struct str dir, struct str prefix, unsigned depth) {
    const struct words *w = listing(l, dir);
    for (size_t i = 0; i < w->n && depth < 16; i++) {
        struct str path = str_printf(l->a, "%.*s/%.*s", STR(dir), STR(w->p[i]));
        struct str name = str_printf(l->a, "%.*s/%.*s", STR(prefix), STR(w->p[i]));
        struct stat st;
        if (stat(path.s, &st) != 0) {
            continue;
        }
        if (S_ISDIR(st.st_mode) && !str_eqz(w->p[i], "__pycache__")) {
            add_tree(l, files, path, name, depth + 1);
        } else if (S_ISREG(st.st_mode) && str_ends(w->p[i], ".py")) {
            add_file(l, files, name, path);
        }
    }
}

static bool try_core(struct library *l, struct str root) {
    struct str dir = str_printf(l->a, "%.*s/ansible/module_utils", STR(root));
    if (access(arena_printf(l->a, "%s/basic.py", dir.s), R_OK) != 0) {
        return false;
    }
    l->core = val_list(l->a, 256);
    add_tree(l, l->core, dir, STR_LIT("ansible/module_utils"), 0);
    return true;
}

static bool try_glob(struct library *l, const char *pattern) {
    glob_t g = {0};
    bool ok = false;
    if (glob(pattern, 0, NULL, &g) == 0) {
        for (size_t i = g.gl_pathc; i > 0 && !ok; i--) {  // the newest Python first
            ok = try_core(l, str_from(g.gl_pathv[i - 1]));
        }
    }
    globfree(&g);
    return ok;
}

/// Where Python keeps packages: what is configured, $PYTHONPATH, a virtual environment, the user's, the system's.
static void find_core(struct library *l) {
    static const char *const usual[] = {"/usr/lib/python3/dist-packages",
                                        "/usr/local/lib/python3*/dist-packages",
                                        "/usr/local/lib/python3*/site-packages",
                                        "/usr/lib/python3*/site-packages",
                                        "/usr/lib64/python3*/site-packages",
                                        "/opt/pipx/venvs/ansible*/lib/python3*/site-packages",
                                        "/usr/lib/ansible*/lib/python3*/site-packages"};
    const char *venv = getenv("VIRTUAL_ENV");
    const char *home = getenv("HOME");
    struct str path = str_from(getenv("PYTHONPATH"));
    struct str one;
    l->core_looked = true;
    for (size_t i = 0; i < l->x->s->module_utils_roots.n; i++) {
        if (try_core(l, l->x->s->module_utils_roots.p[i])) {
            return;
        }
    }
    while (path.s && str_next(&path, ':', &one)) {
        if (one.n && try_core(l, one)) {
            return;
        }
    }
    if (venv && try_glob(l, arena_printf(l->a, "%s/lib/python3*/site-packages", venv))) {
        return;
    }
    if (home &&
        (try_glob(l, arena_printf(l->a, "%s/.local/lib/python3*/site-packages", home)) ||
         try_glob(l, arena_printf(l->a, "%s/.local/share/pipx/venvs/ansible*/lib/python3*/site-packages", home)))) {
        return;
    }
    for (size_t i = 0; i < COUNTOF(usual); i++) {
        if (try_glob(l, usual[i])) {
            return;
        }
    }
}

// -- Python modules --------------------------------------------------------------------------------------------------

static void add_empty(struct library *l, struct val files, struct map *seen, struct str name) {
    if (map_get(seen, name)) {
        return;
    }
    map_put(seen, l->a, name, l);
    struct val pair = val_list(l->a, 2);
    val_push(l->a, pair, val_str(l->a, name));
    val_push(l->a, pair, val_z(l->a, ""));
    val_push(l->a, files, pair);
}

static bool word_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

struct payload {
    struct library *l;
    struct val files;
    struct map packages;     // names of __init__.py files that are in
    struct map collections;  // those whose module_utils are in
    struct str book_dir;
};

static void add_collections_of(struct payload *p, struct str text);

/// The packages above a collection's plugins, and its module_utils with what those import.
static void add_collection(struct payload *p, struct str coll) {
    struct library *l = p->l;
    if (map_get(&p->collections, coll)) {
        return;
    }
    map_put(&p->collections, l->a, coll, l);
    struct str dir = library_collection_dir(l, coll, p->book_dir);
    size_t dot = str_find_char(coll, 0, '.');
    struct str ns = str_printf(l->a, "ansible_collections/%.*s", STR(str_sub(coll, 0, dot)));
    struct str base = str_printf(l->a, "%.*s/%.*s", STR(ns), STR(str_sub(coll, dot + 1, coll.n)));
    add_empty(l, p->files, &p->packages, STR_LIT("ansible_collections/__init__.py"));
    add_empty(l, p->files, &p->packages, str_printf(l->a, "%.*s/__init__.py", STR(ns)));
    add_empty(l, p->files, &p->packages, str_printf(l->a, "%.*s/__init__.py", STR(base)));
    add_empty(l, p->files, &p->packages, str_printf(l->a, "%.*s/plugins/__init__.py", STR(base)));
    add_empty(l, p->files, &p->packages, str_printf(l->a, "%.*s/plugins/modules/__init__.py", STR(base)));
    if (!dir.n) {
        return;
    }
    struct str utils = str_printf(l->a, "%.*s/plugins/module_utils", STR(dir));
    struct str prefix = str_printf(l->a, "%.*s/plugins/module_utils", STR(base));
    size_t before = val_len(p->files);
    add_tree(l, p->files, utils, prefix, 0);
    bool init = false;
    for (size_t i = before; i < val_len(p->files); i++) {
        struct val file = val_at_index(p->files, i);
        struct str name = val_text(val_at_index(file, 0));
        init = init || str_eq(name, str_printf(l->a, "%.*s/__init__.py", STR(prefix)));
        add_collections_of(p, val_text(val_at_index(file, 1)));
    }
    if (!init) {
        add_empty(l, p->files, &p->packages, str_printf(l->a, "%.*s/__init__.py", STR(prefix)));
    }
}

/// Every collection named in "ansible_collections.NS.NAME".
static void add_collections_of(struct payload *p, struct str text) {
    static const char lead[] = "ansible_collections.";
    for (size_t at = 0; (at = str_find(text, at, str_from(lead))) != SIZE_MAX;) {
        at += sizeof lead - 1;
        size_t end = at;
        unsigned dots = 0;
        while (end < text.n && (word_byte(text.s[end]) || (text.s[end] == '.' && dots == 0))) {
            dots += text.s[end] == '.';
            end++;
        }
        if (dots == 1 && text.s[end - 1] != '.') {
            add_collection(p, str_dup(p->l->a, str_sub(text, at, end)));
        }
    }
}

/// The module's own part of the payload: itself, the packages around it, module_utils of project and collections.
static struct val own_files(struct library *l, const struct pb_module *m, const struct foreign *f, struct str coll) {
    struct payload p = {.l = l, .files = val_list(l->a, 16), .book_dir = m->book_dir};
    struct str stem = str_sub(f->name, 0, str_find_char(f->name, 0, '.'));
    struct str name = str_printf(l->a, "ansible/modules/%.*s.py", STR(stem));
    add_empty(l, p.files, &p.packages, STR_LIT("ansible/__init__.py"));
    add_empty(l, p.files, &p.packages, STR_LIT("ansible/modules/__init__.py"));
    if (coll.n) {
        size_t dot = str_find_char(coll, 0, '.');
        name = str_printf(l->a, "ansible_collections/%.*s/%.*s/plugins/modules/%.*s.py", STR(str_sub(coll, 0, dot)),
                          STR(str_sub(coll, dot + 1, coll.n)), STR(stem));
        add_collection(&p, coll);
    }
    struct val pair = val_list(l->a, 2);
    val_push(l->a, pair, val_str(l->a, name));
    val_push(l->a, pair, val_str(l->a, f->text));
    val_push(l->a, p.files, pair);
    add_collections_of(&p, f->text);
    struct str dirs[] = {m->role_path, m->book_dir, STR_LIT(".")};
    for (size_t i = 0; i < COUNTOF(dirs); i++) {
        if (dirs[i].n) {
            add_tree(l, p.files, str_printf(l->a, "%.*s/module_utils", STR(dirs[i])), STR_LIT("ansible/module_utils"),
                     0);
        }
    }
    for (size_t i = 0; i < l->x->s->module_utils.n; i++) {
        add_tree(l, p.files, l->x->s->module_utils.p[i], STR_LIT("ansible/module_utils"), 0);
    }
    return p.files;
}

/// ansible-core's files without those that the project replaces: a name stands in an archive once.
static struct val without_replaced(struct library *l, struct val own) {
    struct map have = {0};
    bool any = false;
    for (size_t i = 0; i < val_len(own); i++) {
        struct str name = val_text(val_at_index(val_at_index(own, i), 0));
        map_put(&have, l->a, name, l);
        any = any || str_starts(name, "ansible/module_utils/");
    }
    if (!any) {
        return l->core;
    }
    struct val out = val_list(l->a, val_len(l->core));
    for (size_t i = 0; i < val_len(l->core); i++) {
        struct val file = val_at_index(l->core, i);
        if (!map_get(&have, val_text(val_at_index(file, 0)))) {
            val_push(l->a, out, file);
        }
    }
    return out;
}

// -- modules ---------------------------------------------------------------------------------------------------------

static const struct module *refused(struct library *l, struct str name, const char *why) {
    static const struct arg none[] = {{0}};
    struct module *m = ARENA_NEW(l->a, struct module);
    *m = (struct module){.doc = "", .spec = str_z(l->a, name), .args = none, .any_args = true, .refuse = why};
    m->side = ON_TARGET;
    return m;
}

static const struct module *python_module(struct library *l, const struct pb_module *m, struct foreign *f,
                                          struct str coll) {
    if (!l->core_looked) {
        find_core(l);
    }
    if (l->core.kind == VAL_NULL) {
        return refused(
            l, m->name,
            arena_printf(l->a,
                         "the module '%.*s' (%.*s) is written in Python for ansible-core's module_utils, which "
                         "this machine does not have; install ansible-core here, or set PLAY_MODULE_UTILS to "
                         "the directory that holds ansible/module_utils",
                         STR(m->name), STR(f->path)));
    }
    f->own = own_files(l, m, f, coll);
    f->core = without_replaced(l, f->own);
    f->python = str_eqz(l->x->s->interpreter_python, "auto") ? STR_NONE : l->x->s->interpreter_python;
    f->python_fallback = config_value(l->x->s, config_row(NULL, STR_LIT("INTERPRETER_PYTHON_FALLBACK"))).v;
    return foreign_module(l->a, f);
}

static const struct module *load(struct library *l, const struct pb_module *m, struct str path, struct str coll,
                                 struct err *e) {
    const struct module **had = map_get(&l->modules, path);
    if (had) {
        return *had;
    }
    const struct module *known = NULL;
    struct str text;
    bool secret;
    if (str_ends(path, ".lua")) {
        known = session_read(l->x, path, l->a, &text, &secret, e)
                    ? script_module(l->a, str_z(l->a, m->name), path.s, text, e)
                    : NULL;
    } else if (fd_read_file(path.s, MODULE_MAX, l->a, &text, e)) {
        struct foreign *f = ARENA_NEW(l->a, struct foreign);
        size_t slash = path.n;
        while (slash && path.s[slash - 1] != '/') {
            slash--;
        }
        *f = (struct foreign){.name = str_sub(path, slash, path.n),
                              .path = path,
                              .fqcn = coll.n ? m->name : STR_NONE,
                              .text = text,
                              .style = foreign_style_of(text)};
        known = f->style == FOREIGN_PYTHON ? python_module(l, m, f, coll) : foreign_module(l->a, f);
    }
    if (known) {
        had = ARENA_NEW(l->a, const struct module *);
        *had = known;
        map_put(&l->modules, l->a, path, had);
    }
    return known;
}

/// An action plugin in Python would run on the controller: that needs Ansible itself.
static const struct module *action_file(struct library *l, const struct pb_module *m, struct str path) {
    if (access(path.s, R_OK) != 0) {
        return NULL;
    }
    return refused(l, m->name,
                   arena_printf(l->a,
                                "'%.*s' is an action plugin in Python (%s), which runs inside of Ansible "
                                "only; a module in library/, in Lua or any language, can take its place",
                                STR(m->name), path.s));
}

static const struct module *action_plugin(struct library *l, const struct pb_module *m) {
    struct str dirs[] = {m->role_path, m->book_dir};
    const struct module *found = NULL;
    for (size_t i = 0; i < COUNTOF(dirs) && !found; i++) {
        struct str path = str_printf(l->a, "%.*s/action_plugins/%.*s.py", STR(dirs[i]), STR(m->name));
        found = dirs[i].n ? action_file(l, m, path) : NULL;
    }
    return found;
}

static const struct module *for_windows(struct library *l, const struct pb_module *m, struct str path) {
    if (access(path.s, R_OK) != 0) {
        return NULL;
    }
    return refused(l, m->name,
                   arena_printf(l->a,
                                "the module '%.*s' (%s) is written in PowerShell; Windows targets are not supported",
                                STR(m->name), path.s));
}

/// A module of the collection "ns.name", also under the name it has moved to (meta/runtime.yml).
static const struct module *in_collection(struct library *l, const struct pb_module *m, struct err *e) {
    size_t dot = str_find_char(m->name, str_find_char(m->name, 0, '.') + 1, '.');
    struct str coll = str_sub(m->name, 0, dot);
    struct str name = str_sub(m->name, dot + 1, m->name.n);
    struct str dir = library_collection_dir(l, coll, m->book_dir);
    if (!dir.n) {
        return NULL;
    }
    const struct module *moved = NULL;
    if (!library_routed(l, m, &moved, e)) {
        return NULL;
    }
    if (moved) {
        return moved;
    }
    struct str sub = name;  // "a.b.name" lies in plugins/modules/a/b
    struct str modules = str_printf(l->a, "%.*s/plugins/modules", STR(dir));
    for (size_t d; (d = str_find_char(sub, 0, '.')) != SIZE_MAX;) {
        modules = str_printf(l->a, "%.*s/%.*s", STR(modules), STR(str_sub(sub, 0, d)));
        sub = str_sub(sub, d + 1, sub.n);
    }
    const struct module *found =
        action_file(l, m, str_printf(l->a, "%.*s/plugins/action/%.*s.py", STR(dir), STR(name)));
    struct str path = found ? STR_NONE : module_file(l, modules, sub);
    if (path.n) {
        return load(l, m, path, coll, e);
    }
    return found ? found : for_windows(l, m, str_printf(l->a, "%.*s/%.*s.ps1", STR(modules), STR(sub)));
}

/// As in Ansible the libraries of all roles serve everybody, in the order in which the roles were met.
static struct words library_dirs(struct library *l, struct str book_dir) {
    struct words dirs = {0};
    VEC_PUSH(l->a, dirs, str_printf(l->a, "%.*s/library", STR(book_dir.n ? book_dir : STR_LIT("."))));
    VEC_PUSH(l->a, dirs, STR_LIT("library"));
    VEC_PUSH(l->a, dirs, STR_LIT("playbooks/library"));
    for (size_t i = 0; i < l->roles.n; i++) {
        VEC_PUSH(l->a, dirs, str_printf(l->a, "%.*s/library", STR(l->roles.p[i])));
    }
    for (size_t i = 0; i < l->x->s->library.n; i++) {
        VEC_PUSH(l->a, dirs, l->x->s->library.p[i]);
    }
    return dirs;
}

static const struct module *in_libraries(struct library *l, const struct pb_module *m, struct err *e) {
    struct words dirs = library_dirs(l, m->book_dir);
    for (size_t i = 0; i < dirs.n; i++) {
        struct str path = module_file(l, dirs.p[i], m->name);
        if (path.n) {
            return load(l, m, path, STR_NONE, e);
        }
    }
    return NULL;
}

void library_files(struct session *x, struct str name, struct words *names, struct words *paths) {
    struct library *l = library_new(x);
    struct words dirs = library_dirs(l, STR_NONE);
    struct map seen = {0};
    for (size_t i = 0; i < dirs.n; i++) {
        const struct words *files = listing(l, dirs.p[i]);
        for (size_t k = 0; k < files->n; k++) {
            struct str file = files->p[k];
            struct str one = str_sub(file, 0, str_find_char(file, 0, '.'));
            bool wanted = name.n ? str_eq(one, name) : !ignored(file) && !str_starts(one, "_");
            struct str path = wanted && !map_get(&seen, one) ? module_file(l, dirs.p[i], one) : STR_NONE;
            if (path.n) {
                map_put(&seen, l->a, one, l);
                VEC_PUSH(l->a, *names, one);
                VEC_PUSH(l->a, *paths, path);
            }
        }
    }
}

static void meet_role(struct library *l, struct str path) {
    bool have = !path.n;
    for (size_t i = 0; i < l->roles.n && !have; i++) {
        have = str_eq(l->roles.p[i], path);
    }
    if (!have) {
        VEC_PUSH(l->a, l->roles, str_dup(l->a, path));
        l->by_name = (struct map){0};  // what was missing may be in the new role
    }
}

const struct module *library_find(void *self, const struct pb_module *m, struct err *e) {
    struct library *l = self;
    meet_role(l, m->role_path);
    if (!m->name.n || str_find_char(m->name, 0, '/') != SIZE_MAX || str_starts(m->name, ".")) {
        return NULL;
    }
    struct str key = str_printf(l->a, "%.*s\n%.*s\n%.*s", STR(m->name), STR(m->role_path), STR(m->book_dir));
    struct found_module *known = map_get(&l->by_name, key);
    if (known) {
        return known->m;
    }
    const struct module *found = NULL;
    if (str_find_char(m->name, 0, '.') != SIZE_MAX) {
        size_t first = str_find_char(m->name, 0, '.');
        found = str_find_char(m->name, first + 1, '.') != SIZE_MAX ? in_collection(l, m, e) : NULL;
    } else {
        found = action_plugin(l, m);
        found = found ? found : in_libraries(l, m, e);
    }
    if (!found && e->code != ERR_NONE) {
        return NULL;
    }
    known = ARENA_NEW(l->a, struct found_module);
    known->m = found;
    map_put(&l->by_name, l->a, key, known);
    return found;
}
