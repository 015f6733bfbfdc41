// Filters, tests and lookups of a project: Lua files in filter_plugins/, test_plugins/ and lookup_plugins/ beside the
// playbook and in roles, in configured directories, and in collections. Those in Python are named when they are used.
#include "cli.h"

#include "fd.h"
#include "lookups/common.h"
#include "script.h"

#include <dirent.h>
#include <unistd.h>

#define FILE_CAP ((size_t)1 << 20)

static const char *const kind_words[] = {"filter", "test", "lookup"};

struct own_plugin {
    enum plugin_kind kind;
    struct str name;
    const struct script_plugin *script;
    const void *row;        // struct filter, jtest or lookup
    const struct err *why;  // the file cannot be read; row is NULL
};
struct python_file {
    enum plugin_kind kind;
    struct str path;
};
struct project_plugins {
    struct arena *a;
    struct session *x;
    struct words bases;  // directories of playbooks and roles
    struct words dirs;   // read so far
    struct {
        struct own_plugin *p;
        size_t n, cap;
    } own;
    struct {
        struct python_file *p;
        size_t n, cap;
    } python;
    struct jinja_plugins api;
};

// -- calling ---------------------------------------------------------------------------------------------------------

static bool call_filter(struct jcall *c, struct val *out, struct err *e) {
    return script_plugin_call(c->data, c->a, c->args, c->nargs, c->kwargs, NULL, c->at, out, e);
}

static bool call_test(struct jcall *c, bool *out, struct err *e) {
    struct val v = VNULL;
    bool ok = script_plugin_call(c->data, c->a, c->args, c->nargs, c->kwargs, NULL, c->at, &v, e);
    *out = ok && val_truth(v);
    return ok;
}

/// What a lookup in Lua may reach: files and variables, as the lookups `file` and `vars`.
struct reach {
    struct jcall *c;
    bool secret;
};

static bool reach_read(void *self, struct str name, struct arena *a, struct str *text, struct err *e) {
    struct reach *r = self;
    struct str path;
    bool secret = false;
    (void)a;
    if (!lk_find(r->c, "files", name, &path, e) || !lk_read(r->c, path, text, &secret, e)) {
        return false;
    }
    r->secret = r->secret || secret;
    return true;
}

static bool reach_var(void *self, struct str name, struct arena *a, struct val *out, struct err *e) {
    struct reach *r = self;
    bool found = false;
    *out = VNULL;
    if (!lk_var(r->c, str_z(a, name), out, &found, e)) {
        return false;
    }
    r->secret = r->secret || (found && val_any_flag(*out, VAL_SECRET));
    return true;
}

static bool call_lookup(struct jcall *c, struct val *out, struct err *e) {
    struct reach r = {.c = c};
    struct script_env env = {.self = &r, .read = reach_read, .var = reach_var};
    struct val options = c->kwargs.kind == VAL_DICT ? c->kwargs : val_dict(c->a, 0), v;
    if (!script_plugin_call(c->data, c->a, c->args, 1, options, &env, c->at, &v, e)) {
        return false;
    }
    *out = v;
    if (v.kind != VAL_LIST) {
        *out = val_list(c->a, 1);
        val_push(c->a, *out, v);
    }
    *out = r.secret ? val_reflag(c->a, *out, 0, VAL_SECRET) : *out;
    return true;
}

static const void *make_row(struct arena *a, enum plugin_kind kind, const struct script_plugin *s) {
    const char *doc = s->doc ? s->doc : "";
    if (kind == PLUGIN_FILTER) {
        struct filter *f = ARENA_NEW(a, struct filter);
        *f =
            (struct filter){.doc = doc, .params = s->params ? s->params : "value, *, **", .fn = call_filter, .data = s};
        f->takes_undef = s->takes_undef;
        f->fqcn = s->name;
        f->example = s->example;
        return f;
    }
    if (kind == PLUGIN_TEST) {
        struct jtest *t = ARENA_NEW(a, struct jtest);
        *t = (struct jtest){.doc = doc, .params = s->params ? s->params : "value, *, **", .fn = call_test, .data = s};
        t->takes_undef = s->takes_undef;
        t->fqcn = s->name;
        t->example = s->example;
        return t;
    }
    struct lookup *l = ARENA_NEW(a, struct lookup);
    *l = (struct lookup){.doc = doc, .fn = call_lookup, .fqcn = s->name, .example = s->example, .data = s};
    l->options = s->params;
    return l;
}

// -- reading ---------------------------------------------------------------------------------------------------------

static void add(struct project_plugins *p, enum plugin_kind kind, struct str name, const struct script_plugin *script,
                const struct err *why) {
    struct own_plugin one = {.kind = kind, .name = name, .script = script, .why = why};
    one.row = script ? make_row(p->a, kind, script) : NULL;
    VEC_PUSH(p->a, p->own, one);
}

/// A Lua file; `prefix` is put before the names of what a collection holds.
static void read_lua(struct project_plugins *p, enum plugin_kind kind, struct str path, struct str stem,
                     struct str prefix) {
    struct err *e = ARENA_NEW(p->a, struct err);
    struct script_plugin *list = NULL;
    struct str text;
    size_t n = 0;
    e->arena = p->a;
    const char *name = str_z(p->a, str_printf(p->a, "%.*s%.*s", STR(prefix), STR(stem)));
    if (!fd_read_file(path.s, FILE_CAP, p->a, &text, e) || !script_plugins(p->a, name, path.s, text, &list, &n, e)) {
        add(p, kind, str_from(name), NULL, e);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct str full = list[i].nested ? str_printf(p->a, "%.*s%s", STR(prefix), list[i].name) : str_from(name);
        add(p, kind, str_dup(p->a, full), &list[i], NULL);
    }
}

static bool seen(struct project_plugins *p, struct str dir) {
    for (size_t i = 0; i < p->dirs.n; i++) {
        if (str_eq(p->dirs.p[i], dir)) {
            return true;
        }
    }
    VEC_PUSH(p->a, p->dirs, dir);
    return false;
}

static int by_name(const void *a, const void *b) {
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/// The files of one directory, in the order of their names.
static void read_dir(struct project_plugins *p, enum plugin_kind kind, struct str dir, struct str prefix) {
    struct words names = {0};
    dir = str_dup(p->a, dir);
    DIR *d = opendir(dir.s);
    if (!d) {
        return;
    }
    if (seen(p, dir)) {
        closedir(d);
        return;
    }
    for (const struct dirent *it; (it = readdir(d));) {  // NOLINT(concurrency-mt-unsafe): a stream of its own
        struct str name = str_dup(p->a, str_from(it->d_name));
        if (str_ends(name, ".lua") || str_ends(name, ".py")) {
            VEC_PUSH(p->a, names, name);
        }
    }
    closedir(d);
    if (names.n) {
        qsort(names.p, names.n, sizeof *names.p, by_name);
    }
    for (size_t i = 0; i < names.n; i++) {
        struct str path = str_printf(p->a, "%.*s/%.*s", STR(dir), STR(names.p[i]));
        if (str_ends(path, ".lua")) {
            read_lua(p, kind, path, str_sub(names.p[i], 0, names.p[i].n - strlen(".lua")), prefix);
        } else {
            struct python_file f = {kind, path};
            VEC_PUSH(p->a, p->python, f);
        }
    }
}

void plugins_dir(void *self, struct str base) {
    struct project_plugins *p = self;
    base = str_dup(p->a, base);
    VEC_PUSH(p->a, p->bases, base);
    for (size_t k = 0; k < COUNTOF(kind_words); k++) {
        read_dir(p, (enum plugin_kind)k, str_printf(p->a, "%.*s/%s_plugins", STR(base), kind_words[k]), STR_NONE);
    }
}

/// The plugins of the collection that a full name belongs to.
static void read_collection(struct project_plugins *p, enum plugin_kind kind, struct str name) {
    size_t first = str_find_char(name, 0, '.');
    size_t second = first == SIZE_MAX ? SIZE_MAX : str_find_char(name, first + 1, '.');
    if (second == SIZE_MAX) {
        return;
    }
    struct str ns = str_sub(name, 0, first), coll = str_sub(name, first + 1, second);
    struct str prefix = str_sub(name, 0, second + 1);
    struct words roots = p->x->s->collections_path;
    for (size_t i = 0; i < roots.n + p->bases.n; i++) {
        struct str root = i < roots.n ? roots.p[i] : str_printf(p->a, "%.*s/collections", STR(p->bases.p[i - roots.n]));
        const char *sub = str_ends(root, "ansible_collections") ? "" : "/ansible_collections";
        read_dir(p, kind,
                 str_printf(p->a, "%.*s%s/%.*s/%.*s/plugins/%s", STR(root), sub, STR(ns), STR(coll), kind_words[kind]),
                 prefix);
    }
}

// -- finding ---------------------------------------------------------------------------------------------------------

/// True when a Python file seems to define a plugin of that name: as a function, or as a text in quotes.
static bool defines(const struct python_file *f, struct str name) {
    struct arena scratch = {0};
    struct err e = {.arena = &scratch};
    struct str text;
    size_t slash = f->path.n;
    while (slash > 0 && f->path.s[slash - 1] != '/') {
        slash--;
    }
    struct str stem = str_sub(f->path, slash, f->path.n - strlen(".py"));
    bool yes = str_eq(stem, name);
    if (!yes && f->kind != PLUGIN_LOOKUP && fd_read_file(f->path.s, FILE_CAP, &scratch, &text, &e)) {
        for (int i = 0; i < 3 && !yes; i++) {
            char form[256];
            int n = i == 0   ? snprintf(form, sizeof form, "'%.*s'", STR(name))
                    : i == 1 ? snprintf(form, sizeof form, "\"%.*s\"", STR(name))
                             : snprintf(form, sizeof form, "def %.*s(", STR(name));
            yes = n > 0 && (size_t)n < sizeof form && str_find(text, 0, (struct str){form, (size_t)n}) != SIZE_MAX;
        }
    }
    arena_release(&scratch);
    return yes;
}

/// A plugin that is there in Python only.
static void in_python(struct project_plugins *p, enum plugin_kind kind, struct str name, struct mark at,
                      struct err *e) {
    size_t dot = name.n;
    while (dot > 0 && name.s[dot - 1] != '.') {
        dot--;
    }
    struct str base = str_sub(name, dot, name.n);
    for (size_t i = 0; i < p->python.n; i++) {
        const struct python_file *f = &p->python.p[i];
        if (f->kind == kind && defines(f, base)) {
            (void)err_set(e, ERR_NOT_FOUND, at, "the %s '%.*s' is written in Python, which is not run here: %.*s",
                          kind_words[kind], STR(name), STR(f->path));
            (void)err_hint(e, "write it in Lua, as %s_plugins/%.*s.lua", kind_words[kind], STR(base));
            return;
        }
    }
}

static bool built_in(enum plugin_kind kind, struct str name) {
    return kind == PLUGIN_FILTER ? filter_find(name) != NULL
           : kind == PLUGIN_TEST ? jtest_find(name) != NULL
                                 : lookup_find(name) != NULL;
}

static const void *find(void *self, enum plugin_kind kind, struct str name, struct mark at, struct err *e) {
    struct project_plugins *p = self;
    if (!built_in(kind, name)) {
        read_collection(p, kind, name);
    }
    for (size_t i = 0; i < p->own.n; i++) {
        const struct own_plugin *o = &p->own.p[i];
        if (o->kind != kind || !str_eq(o->name, name)) {
            continue;
        }
        if (!o->row) {
            (void)err_set(e, o->why->code, o->why->at, "%s", o->why->msg);
            (void)err_wrap(e, at, "in the %s plugin '%.*s'", kind_words[kind], STR(name));
        }
        return o->row;
    }
    if (!built_in(kind, name)) {
        in_python(p, kind, name, at, e);
    }
    return NULL;
}

static void names(void *self, enum plugin_kind kind, void (*offer)(void *, struct str), void *to) {
    const struct project_plugins *p = self;
    for (size_t i = 0; i < p->own.n; i++) {
        if (p->own.p[i].kind == kind) {
            offer(to, p->own.p[i].name);
        }
    }
}

struct project_plugins *plugins_new(struct session *x) {
    struct project_plugins *p = ARENA_NEW(x->a, struct project_plugins);
    const struct words *configured[] = {&x->s->filter_plugins, &x->s->test_plugins, &x->s->lookup_plugins};
    p->a = x->a;
    p->x = x;
    p->api = (struct jinja_plugins){.self = p, .find = find, .names = names};
    for (size_t k = 0; k < COUNTOF(configured); k++) {
        for (size_t i = 0; i < configured[k]->n; i++) {
            read_dir(p, (enum plugin_kind)k, configured[k]->p[i], STR_NONE);
        }
    }
    plugins_dir(p, x->s->playbook_dir.n ? x->s->playbook_dir : STR_LIT("."));
    return p;
}

const struct jinja_plugins *plugins_api(const struct project_plugins *p) {
    return &p->api;
}

void plugins_each(const struct project_plugins *p, enum plugin_kind kind,
                  void (*one)(void *, const struct script_plugin *, struct str name), void *to) {
    for (size_t i = 0; p && i < p->own.n; i++) {
        if (p->own.p[i].kind == kind && p->own.p[i].script) {
            one(to, p->own.p[i].script, p->own.p[i].name);
        }
    }
}
