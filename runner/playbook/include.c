// Imports, expanded while parsing, and the checks of includes, which exec loads when it meets them.
#include "parse.h"

// -- options and keywords --------------------------------------------------------------------------------------------
static const char *const file_args[] = {"file", "_raw_params", "apply"};
static const char *const role_args[] = {
    "name",          "role",  "tasks_from", "vars_from",        "defaults_from",
    "handlers_from", "apply", "public",     "allow_duplicates", "rolespec_validate"};

static bool names_ok(const struct task *t, const char *const *names, size_t n, struct err *e) {
    size_t i = 0;
    for (struct vpair *p; (p = val_each(t->args, &i));) {
        bool known = false;
        for (size_t k = 0; k < n && !known; k++) {
            known = str_eqz(val_text(p->key), names[k]);
        }
        if (known) {
            continue;
        }
        struct str got = val_str_of(e->arena, p->key);
        err_set(e, ERR_ARGS, p->key.mark, "Invalid options for %s: %.*s", t->action, STR(got));
        const char *near = typo_nearest(got, names, n);
        return near ? err_hint(e, "did you mean '%s'?", near) : err_hint(e, "variables go under 'vars'");
    }
    return true;
}

/// Of a dynamic include only these keywords have a meaning; the others belong under `apply`.
static bool keywords_ok(const struct ctx *c, struct task *t, struct err *e) {
    static const enum keyword legal[] = {KW_COLLECTIONS, KW_DEBUGGER, KW_IGNORE_ERRORS, KW_LOOP,     KW_LOOP_CONTROL,
                                         KW_NAME,        KW_NO_LOG,   KW_REGISTER,      KW_RUN_ONCE, KW_TAGS,
                                         KW_TIMEOUT,     KW_VARS,     KW_WHEN,          KW_LISTEN};
    for (int k = KW_NONE + 1; k < KW_COUNT; k++) {
        bool ok = t->n.kw[k].kind == VAL_UNDEF;
        for (size_t i = 0; i < COUNTOF(legal) && !ok; i++) {
            ok = legal[i] == (enum keyword)k;
        }
        if (ok) {
            continue;
        }
        struct mark at = t->n.kw[k].mark.at ? t->n.kw[k].mark : t->action_at;
        if (c->l->o.bad_attribute_ok) {
            pb_warn(c->l, at, "Ignoring invalid attribute: %s", keyword_docs[k].name);
            t->n.kw[k] = (struct val){0};
            continue;
        }
        err_set(e, ERR_ARGS, at, "'%s' is not a keyword of '%s'", keyword_docs[k].name, t->action);
        if (keyword_docs[k].where & ON_BLOCK) {
            return err_hint(e, "put it under 'apply' to give it to the tasks that are included");
        }
        return false;
    }
    return true;
}

static bool apply_ok(const struct ctx *c, const struct task *t, bool dynamic, struct err *e) {
    struct val apply = val_get(t->args, "apply");
    if (apply.kind == VAL_UNDEF) {
        return true;
    }
    if (!dynamic) {
        err_set(e, ERR_ARGS, apply.mark, "Invalid options for %s: apply", t->action);
        return err_hint(e, "keywords of an import are inherited by its tasks already");
    }
    if (apply.kind != VAL_DICT) {
        return err_set(e, ERR_ARGS, apply.mark, "'apply' must be a dictionary, not %s", val_kind_name(apply.kind));
    }
    static const enum keyword lists[] = {KW_BLOCK, KW_RESCUE, KW_ALWAYS};
    for (size_t i = 0; i < COUNTOF(lists); i++) {
        struct val v = val_get(apply, keyword_docs[lists[i]].name);
        if (v.kind != VAL_UNDEF) {
            return err_set(e, ERR_ARGS, v.mark, "'%s' is not a keyword of apply", keyword_docs[lists[i]].name);
        }
    }
    struct node *scratch = ARENA_NEW(c->l->a, struct node);
    return fields_take(c->l, scratch, apply, ON_BLOCK, "apply", e);
}

/// Renames one of two spellings of an option to the one exec reads.
static void settle(struct arena *a, struct task *t, const char *from, const char *to) {
    struct val v = val_get(t->args, from);
    if (v.kind == VAL_UNDEF) {
        return;
    }
    val_del_key(t->args, val_z(a, from));
    if (val_get(t->args, to).kind == VAL_UNDEF) {
        val_set(a, t->args, to, v);
    }
}

static bool needs_text(const struct task *t, const char *arg, const char *shown, struct err *e) {
    struct val v = val_get(t->args, arg);
    if (v.kind == VAL_UNDEF || v.kind == VAL_NULL || (v.kind == VAL_STR && !val_text(v).n)) {
        return err_set(e, ERR_ARGS, t->action_at, "'%s' needs '%s'", t->action, shown);
    }
    if (v.kind == VAL_DICT || val_is_seq(v)) {
        return err_set(e, ERR_ARGS, v.mark, "Expected a string for %s but got %s", shown, val_kind_name(v.kind));
    }
    return true;
}

/// The old `include: file.yml a=b`: what is no option becomes variables.
static void extra_to_vars(struct arena *a, struct task *t) {
    struct val vars = t->n.kw[KW_VARS].kind == VAL_DICT ? val_copy(a, t->n.kw[KW_VARS]) : val_dict(a, 4);
    struct val kept = val_at(val_dict(a, 2), t->args.mark);
    t->params = t->n.kw[KW_VARS];
    size_t i = 0;
    for (struct vpair *p; (p = val_each(t->args, &i));) {
        bool option = str_eqz(val_text(p->key), "_raw_params") || str_eqz(val_text(p->key), "file") ||
                      str_eqz(val_text(p->key), "apply");
        val_set_key(a, option ? kept : vars, p->key, p->value);
    }
    t->args = kept;
    t->n.kw[KW_VARS] = val_mark_templates(vars);
}

static bool check_role_args(const struct ctx *c, struct task *t, bool dynamic, struct err *e) {
    static const char *const texts[] = {"tasks_from", "vars_from", "defaults_from", "handlers_from"};
    if (c->handlers) {
        return err_set(e, ERR_ARGS, t->action_at, "Using '%s' as a handler is not supported.", t->action);
    }
    if (!names_ok(t, role_args, COUNTOF(role_args), e)) {
        return false;
    }
    settle(c->l->a, t, "role", "name");
    for (size_t i = 0; i < COUNTOF(texts); i++) {
        if (val_has(t->args, texts[i]) && !needs_text(t, texts[i], texts[i], e)) {
            return false;
        }
    }
    return needs_text(t, "name", "name", e) && apply_ok(c, t, dynamic, e);
}

bool include_check(const struct ctx *c, struct task *t, enum act act, struct err *e) {
    bool dynamic = act == ACT_INCLUDE_TASKS || act == ACT_INCLUDE_ROLE;
    if (val_has(t->args, "_variable_params")) {
        return err_set(e, ERR_ARGS, t->action_at, "the options of '%s' cannot be one template", t->action);
    }
    if (act == ACT_INCLUDE_ROLE || act == ACT_IMPORT_ROLE) {
        return check_role_args(c, t, dynamic, e) && (!dynamic || keywords_ok(c, t, e));
    }
    if (act == ACT_INCLUDE) {
        pb_warn(c->l, t->action_at, "'include' is deprecated: write 'include_tasks' or 'import_tasks'");
        extra_to_vars(c->l->a, t);
    }
    if (!names_ok(t, file_args, COUNTOF(file_args), e)) {
        return false;
    }
    settle(c->l->a, t, "file", "_raw_params");
    return needs_text(t, "_raw_params", "file", e) && apply_ok(c, t, act == ACT_INCLUDE_TASKS, e) &&
           (!dynamic || keywords_ok(c, t, e));
}

bool include_is_static(const struct task *t) {
    const struct task *by = node_include(&t->n);  // that of a role does not matter: its files are read for themselves
    return !has_template(val_get(t->args, "_raw_params")) && t->loop.kind == VAL_UNDEF &&
           (!by || by->n.role != t->n.role);
}

// -- names -----------------------------------------------------------------------------------------------------------
static void magic_text(const struct ctx *c, struct val d, const char *name, struct str s) {
    val_set(c->l->a, d, name, val_flag(val_str(c->l->a, s), VAL_TRUSTED));
}

/// Magic variables that do not depend on a host.
static struct val known_magic(const struct ctx *c) {
    struct val d = val_dict(c->l->a, 4);
    magic_text(c, d, "playbook_dir", pb_dirname(c->play->book->file));
    if (c->role) {
        struct str name = c->role->fqcn.n ? c->role->fqcn : c->role->name;
        magic_text(c, d, "role_path", c->role->path);
        magic_text(c, d, "role_name", c->role->name);
        magic_text(c, d, "ansible_role_name", name);
    }
    return d;
}

/// Variables known before any host, as far as the place has them: later layers win.
static struct val known_vars(const struct ctx *c) {
    struct arena *a = c->l->a;
    struct val all = val_dict(a, 16);
    for (const struct role *r = c->role; r; r = r->parent) {
        if (r->defaults.kind == VAL_DICT) {
            all = val_merge(a, r->defaults, all, false, MERGE_REPLACE);
        }
    }
    all = val_merge(a, all, play_statics(c->l, c->play), false, MERGE_REPLACE);
    if (c->role && c->role->vars.kind == VAL_DICT) {
        all = val_merge(a, all, c->role->vars, false, MERGE_REPLACE);
    }
    all = val_merge(a, all, node_vars(c->parent, a), false, MERGE_REPLACE);
    if (c->role && c->role->params.kind == VAL_DICT) {
        all = val_merge(a, all, c->role->params, false, MERGE_REPLACE);
    }
    all = val_mark_templates(all);
    return val_merge(a, all, known_magic(c), false, MERGE_REPLACE);
}

/// Renders what is read while parsing.
static bool static_value(const struct ctx *c, struct val raw, const char *what, struct val *out, struct err *e) {
    *out = raw;
    if (!has_template(raw)) {
        return true;
    }
    if (!c->l->o.template_static) {
        return err_set(e, ERR_ARGS, raw.mark, "'%s' cannot be a template here", what);
    }
    return c->l->o.template_static(c->l->o.template_self, raw, known_vars(c), c->l->a, out, e);
}

bool static_name(const struct ctx *c, struct val raw, const char *what, struct str *out, struct err *e) {
    struct val v = {0};
    if (!static_value(c, raw, what, &v, e)) {
        // Ansible's exit code is then 1, as for what is not there; that of a tasks file is 4.
        bool tasks = str_ends(str_from(what), "import_tasks") || str_ends(str_from(what), "include");
        e->code = e->code == ERR_UNDEFINED && !tasks ? ERR_NOT_FOUND : e->code;
        err_wrap(e, raw.mark, "in the name given to '%s'", what);
        return err_hint(e, "names read while parsing can use play variables, role defaults and extra variables, "
                           "not facts or inventory variables");
    }
    if (v.kind == VAL_DICT || val_is_seq(v) || v.kind == VAL_NULL || v.kind == VAL_UNDEF) {
        return err_set(e, ERR_ARGS, raw.mark, "the name given to '%s' must be a string, not %s", what,
                       val_kind_name(v.kind));
    }
    struct str s = kv_strip(v.kind == VAL_STR ? val_text(v) : val_str_of(c->l->a, v));
    if (!s.n && !has_template(raw)) {
        return err_set(e, ERR_ARGS, raw.mark, "the name given to '%s' is empty", what);
    }
    if (!s.n) {  // Ansible goes on: a role is then the first directory where roles are looked for
        pb_warn(c->l, raw.mark, "the name given to '%s' is empty", what);
    }
    *out = str_dup(c->l->a, s);
    return true;
}

// -- finding a tasks file --------------------------------------------------------------------------------------------
/// Offers `name` beside the files that include each other around `from`, nearest first.
static void offer_beside(struct arena *a, struct candidates *cand, const struct node *from, struct str name) {
    for (const struct node *n = from; n && n->kind != NODE_PLAY; n = n->parent) {
        if (n->role == from->role && n->kind != NODE_ROLE && n->file.n) {
            path_offer(a, cand, path_join(a, pb_dirname(n->file), name));
        }
    }
}

static void offer_under(struct arena *a, struct candidates *cand, struct str dir, const char *sub, struct str name) {
    path_offer(a, cand, path_join(a, path_join(a, dir, str_from(sub)), name));
    path_offer(a, cand, path_join(a, dir, name));
}

/// Where: the place of the include; `dynamic`: Ansible then prefers the role's own directory to the nearest file's.
static bool tasks_file(const struct ctx *where, const struct node *from, bool dynamic, struct val name, struct str *out,
                       struct err *e) {
    struct arena *a = where->l->a;
    struct str text = kv_unquote(val_text(name));
    struct str base = pb_dirname(where->play->book->file);
    const char *sub = where->handlers ? "handlers" : "tasks";
    struct candidates cand = {0};
    if (text.n && (text.s[0] == '/' || text.s[0] == '~')) {
        path_offer(a, &cand, path_join(a, base, text));
        return path_choose(a, &cand, text, name.mark, out, e);
    }
    if (!where->role) {
        path_offer(a, &cand, path_join(a, pb_dirname(from->file), text));
        path_offer(a, &cand, path_join(a, base, text));
        offer_beside(a, &cand, from, text);
        return path_choose(a, &cand, text, name.mark, out, e);
    }
    if (!dynamic) {
        offer_beside(a, &cand, from, text);
    }
    offer_under(a, &cand, where->role->path, sub, text);
    offer_under(a, &cand, where->role->path, "tasks", text);
    offer_under(a, &cand, base, sub, text);
    offer_beside(a, &cand, from, text);
    return path_choose(a, &cand, text, name.mark, out, e);
}

// -- expanding -------------------------------------------------------------------------------------------------------
/// The block that stands for an import: it keeps the keywords that its tasks inherit.
static struct block *import_block(const struct ctx *c, const struct task *t) {
    struct block *b = block_implicit(c, t->n.at);
    b->n.name = t->n.name;
    for (int k = KW_NONE + 1; k < KW_COUNT; k++) {
        if (keyword_docs[k].where & ON_BLOCK) {
            b->n.kw[k] = t->n.kw[k];
        }
    }
    return b;
}

static bool import_possible(const struct ctx *c, const struct task *t, struct err *e) {
    if (t->loop.kind != VAL_UNDEF) {
        struct mark at = t->loop.mark.at ? t->loop.mark : t->action_at;
        err_set(e, ERR_ARGS, at, "'%s' cannot be used with a loop", t->action);
        return err_hint(e, "use '%s'", t->kind == TASK_INCLUDE_ROLE ? "include_role" : "include_tasks");
    }
    if (c->depth >= IMPORT_DEPTH_MAX) {
        return err_set(e, ERR_LIMIT, t->action_at, "imports are nested more than %d deep: this one leads to itself",
                       IMPORT_DEPTH_MAX);
    }
    return true;
}

/// Reads a list of tasks from a file; an empty one is warned about.
static bool read_list(struct pb_loader *l, struct str path, struct mark at, struct val *out, struct err *e) {
    if (!pb_file(l, path, at, out, e)) {
        return false;
    }
    if (out->kind == VAL_NULL) {
        pb_warn(l, at, "'%.*s' is empty and has no tasks", STR(path));
        return true;
    }
    if (out->kind != VAL_LIST) {
        return err_set(e, ERR_SYNTAX, out->mark, "a tasks file must be a list of tasks, not %s",
                       val_kind_name(out->kind));
    }
    return true;
}

bool import_tasks(const struct ctx *c, struct task *t, struct steps *out, struct err *e) {
    if (!import_possible(c, t, e)) {
        return false;
    }
    struct block *b = import_block(c, t);
    struct ctx in = *c;
    b->params = t->params;
    in.parent = &b->n;
    in.depth++;
    struct val raw = val_get(t->args, "_raw_params");
    struct str name = STR_NONE;
    struct val list = {0};
    if (!static_name(&in, raw, t->action, &name, e) ||
        !tasks_file(c, &b->n, false, val_at(val_str(c->l->a, name), raw.mark), &in.file, e) ||
        !read_list(c->l, in.file, raw.mark, &list, e)) {
        return false;
    }
    if (!steps_parse(&in, list, "tasks", c->handlers ? out : &b->body, e)) {
        return e->code == ERR_LIMIT ? false : err_wrap(e, t->action_at, "in tasks imported here");
    }
    if (!c->handlers && b->body.n) {
        steps_block(c->l->a, out, b);
    }
    return true;
}

/// The *_from options as a dict {tasks, vars, defaults, handlers}; `c` NULL: they are templated already.
static bool from_files(struct arena *a, const struct ctx *c, struct val args, struct val *out, struct err *e) {
    static const char *const parts[] = {"tasks", "vars", "defaults", "handlers"};
    *out = val_dict(a, 4);
    for (size_t i = 0; i < COUNTOF(parts); i++) {
        struct val v = val_get(args, arena_printf(a, "%s_from", parts[i]));
        if (v.kind == VAL_UNDEF || v.kind == VAL_NULL || v.kind == VAL_OMIT) {
            continue;
        }
        struct str s = val_text(v);
        if (c && !static_name(c, v, parts[i], &s, e)) {
            return false;
        }
        val_set(a, *out, parts[i], val_at(val_str(a, s), v.mark));
    }
    return true;
}

static bool flag_of(struct val args, const char *name, bool absent) {
    bool b = absent;
    struct val v = val_get(args, name);
    return v.kind == VAL_UNDEF || !val_as_bool(v, &b) ? absent : b;
}

/// The flags of an import are read while parsing, as its name is: a template of one is rendered here.
static bool static_flag(const struct ctx *c, const struct task *t, const char *name, bool *out, struct err *e) {
    struct val v = val_get(t->args, name);
    *out = true;
    if (v.kind == VAL_UNDEF || v.kind == VAL_NULL) {
        return true;
    }
    if (!static_value(c, v, name, &v, e)) {
        return err_wrap(e, v.mark, "in '%s' of '%s'", name, t->action);
    }
    return val_as_bool(v, out) || err_set(e, ERR_ARGS, v.mark, "'%s' of '%s' must be a boolean, not %s", name,
                                          t->action, val_kind_name(v.kind));
}

static void keep_imported(struct arena *a, struct play *p, struct role *r) {
    size_t old = p->nimported * sizeof(struct role *);
    p->imported = arena_grow(a, p->imported, old, old + sizeof(struct role *));
    p->imported[p->nimported++] = r;
}

bool import_role(const struct ctx *c, struct task *t, struct steps *out, struct err *e) {
    if (!import_possible(c, t, e)) {
        return false;
    }
    struct arena *a = c->l->a;
    struct block *b = import_block(c, t);
    struct ctx in = *c;
    in.parent = &b->n;
    in.depth++;
    struct role_how how = {.parent = c->role, .included = true, .is_public = true};
    struct val raw = val_get(t->args, "name");
    struct str name = STR_NONE;
    struct role *r = NULL;
    bool duplicates = true;
    if (!static_flag(&in, t, "rolespec_validate", &how.validate, e) ||
        !static_flag(&in, t, "public", &how.is_public, e) || !static_flag(&in, t, "allow_duplicates", &duplicates, e) ||
        !static_name(&in, raw, t->action, &name, e) || !from_files(a, &in, t->args, &how.from, e)) {
        return false;
    }
    how.def = val_at(val_flag(val_str(a, name), name.n ? 0 : VAL_TMPL), raw.mark);  // empty: static_name said so
    if (!role_load(&in, &how, &r, e)) {
        return e->code == ERR_LIMIT ? false : err_wrap(e, t->action_at, "in the role imported here");
    }
    r->allow_duplicates = duplicates;
    r->n.kw[KW_VARS] = t->n.kw[KW_VARS];
    keep_imported(a, c->play, r);
    struct block *tasks = pb_role_block(c->l, c->play, r, e);
    if (!tasks) {
        return false;
    }
    steps_block(a, &b->body, tasks);
    steps_block(a, out, b);
    return true;
}

// -- at run time -----------------------------------------------------------------------------------------------------
static struct ctx ctx_of(struct pb_loader *l, struct play *p, struct task *by, bool handlers) {
    return (struct ctx){
        .l = l, .play = p, .parent = &by->n, .role = by->n.role, .file = by->n.file, .handlers = handlers};
}

/// The block between an include and what it included, with the keywords of `apply`.
static struct block *apply_block(const struct ctx *c, const struct task *by, struct err *e) {
    struct block *b = block_implicit(c, by->n.at);
    struct val apply = val_get(by->args, "apply");
    if (apply.kind == VAL_DICT && !fields_take(c->l, &b->n, apply, ON_BLOCK, "apply", e)) {
        return NULL;
    }
    return b;
}

struct block *pb_load_tasks(struct pb_loader *l, struct play *p, struct task *by, struct str file, bool handlers,
                            struct err *e) {
    struct ctx c = ctx_of(l, p, by, handlers);
    struct val name = val_at(val_str(l->a, kv_strip(file)), val_get(by->args, "_raw_params").mark);
    if (!name.mark.at) {
        name.mark = by->action_at;
    }
    struct block *b = apply_block(&c, by, e);
    struct val list = {0};
    if (!b || !tasks_file(&c, &by->n, true, name, &c.file, e) || !read_list(l, c.file, name.mark, &list, e)) {
        return NULL;
    }
    c.parent = &b->n;
    b->nothing = list.kind == VAL_NULL;
    if (!steps_parse(&c, list, "tasks", &b->body, e)) {
        err_wrap(e, by->action_at, "in tasks included here");
        return NULL;
    }
    return b;
}

struct block *pb_load_role(struct pb_loader *l, struct play *p, struct task *by, struct val args, struct role **role,
                           struct err *e) {
    struct ctx c = ctx_of(l, p, by, false);
    struct block *b = apply_block(&c, by, e);
    if (!b) {
        return NULL;
    }
    c.parent = &b->n;
    struct val name = val_get(args, "name");
    if (name.kind == VAL_UNDEF) {
        name = val_get(args, "role");
    }
    struct mark at = val_get(by->args, "name").mark;
    struct role_how how = {.parent = by->n.role, .included = true, .params = by->n.kw[KW_VARS]};
    struct role *r = NULL;
    how.validate = flag_of(args, "rolespec_validate", true);
    how.is_public = flag_of(args, "public", false);
    how.def = val_at(val_reflag(l->a, name, VAL_TMPL, 0), at.at ? at : by->action_at);
    if (!from_files(l->a, NULL, args, &how.from, e) || !role_load(&c, &how, &r, e)) {
        err_wrap(e, by->action_at, "in the role included here");
        return NULL;
    }
    r->allow_duplicates = flag_of(args, "allow_duplicates", true);
    struct block *tasks = pb_role_block(l, p, r, e);
    if (!tasks) {
        return NULL;
    }
    steps_block(l->a, &b->body, tasks);
    *role = r;
    return b;
}

bool pb_find_tasks(struct pb_loader *l, struct play *p, struct task *by, struct val name, struct str *path,
                   struct err *e) {
    struct ctx c = ctx_of(l, p, by, by->n.kind == NODE_HANDLER);
    struct val text = val_at(val_str(l->a, kv_strip(val_text(name))), name.mark);
    return tasks_file(&c, &by->n, true, text, path, e);
}
