// What a task sees on a host: the layers of variables in their order, and the template engine over them.
#include "exec.h"

bool task_is_include(const struct task *t) {
    return t->kind == TASK_INCLUDE_TASKS || t->kind == TASK_INCLUDE_ROLE;
}

// -- layers that do not depend on the host ----------------------------------------------------------------------------

struct layers {
    struct arena *a;
    struct layer *p;
    size_t n, cap;
    bool named_only;  // `vars` where a role is named are seen in that role only, and win over its files (2.19)
};

static void add(struct layers *l, enum var_level level, struct val vars) {
    if (val_is(vars, VAL_DICT) && val_len(vars)) {
        struct layer x = {.level = (uint8_t)level, .vars = vars};
        VEC_PUSH(l->a, *l, x);
    }
}

static void role_defaults(struct layers *l, const struct role *role) {
    for (size_t i = 0; i < role->ndeps; i++) {
        role_defaults(l, role->deps[i]);
    }
    add(l, LEVEL_ROLE_DEFAULTS, role->defaults);
}

static void chain_vars(struct layers *l, const struct role *role) {
    add(l, LEVEL_ROLE_VARS, role->n.kw[KW_VARS]);
    add(l, LEVEL_ROLE_VARS, role->vars);
}

/// What a role shows to others.
static void exported_vars(struct layers *l, const struct role *role, bool deps) {
    for (size_t i = 0; deps && i < role->ndeps; i++) {
        exported_vars(l, role->deps[i], true);
    }
    if (l->named_only) {
        add(l, LEVEL_ROLE_VARS, role->vars);
    } else {
        chain_vars(l, role);
    }
}

/// What a role sees of itself, above what it sees of the roles that led to it.
static void own_vars(struct layers *l, const struct role *role) {
    chain_vars(l, role);
    if (l->named_only) {
        add(l, LEVEL_ROLE_VARS, role->n.kw[KW_VARS]);
    }
}

/// Roles from the outermost that led to `role` inwards.
static void role_chain(struct layers *l, const struct role *role, void (*each)(struct layers *, const struct role *)) {
    if (role->parent) {
        role_chain(l, role->parent, each);
    }
    each(l, role);
}

static void chain_defaults(struct layers *l, const struct role *role) {
    add(l, LEVEL_ROLE_DEFAULTS, role->defaults);
}

static void chain_params(struct layers *l, const struct role *role) {
    add(l, LEVEL_ROLE_PARAMS, role->params);
}

static void task_role_layers(struct layers *l, const struct role *role) {
    role_defaults(l, role);
    role_chain(l, role, chain_defaults);
    if (role->parent) {
        role_chain(l, role->parent, chain_vars);
    }
    for (size_t i = 0; i < role->ndeps; i++) {
        exported_vars(l, role->deps[i], true);
    }
    own_vars(l, role);
    role_chain(l, role, chain_params);
}

/// vars: of the enclosing nodes, outermost first. Those of an include also count as include parameters.
static void node_layers(struct layers *l, const struct node *n, const struct node *self) {
    if (n->parent) {
        node_layers(l, n->parent, self);
    }
    struct val vars = n->kw[KW_VARS];
    switch (n->kind) {
    case NODE_PLAY:
    case NODE_ROLE:
        break;
    case NODE_BLOCK:
        add(l, LEVEL_BLOCK_VARS, vars);
        add(l, LEVEL_INCLUDE_PARAMS, ((const struct block *)(const void *)n)->params);
        break;
    case NODE_TASK:
    case NODE_HANDLER:
        add(l, n == self ? LEVEL_TASK_VARS : LEVEL_BLOCK_VARS, vars);
        if (task_is_include((const struct task *)(const void *)n)) {
            add(l, LEVEL_INCLUDE_PARAMS, vars);
        }
        break;
    }
}

static void play_layers(struct layers *l, struct play_run *pr, const struct pstep *step) {
    for (size_t i = 0; i < pr->roles.n; i++) {
        add(l, LEVEL_ROLE_DEFAULTS, pr->roles.p[i]->defaults);
    }
    add(l, LEVEL_PLAY_VARS, pr->play->n.kw[KW_VARS]);
    add(l, LEVEL_PROMPT, pr->r->prompt);
    for (size_t i = 0; i < pr->roles.n && !pr->r->o->private_role_vars; i++) {
        exported_vars(l, pr->roles.p[i], false);
    }
    if (step && step->task) {
        if (step->task->n.role) {
            task_role_layers(l, step->task->n.role);
        }
        node_layers(l, &step->task->n, &step->task->n);
    }
}

static void static_layers(struct view *v) {
    struct pstep *step = v->step;
    if (step && step->layers) {
        for (size_t i = 0; i < step->nlayers; i++) {
            scope_push(&v->sc, step->layers[i].level, step->layers[i].vars);
        }
        return;
    }
    struct layers l = {.a = step ? &v->pr->a : v->a, .named_only = v->r->o->v219};
    play_layers(&l, v->pr, step);
    for (size_t i = 0; i < l.n; i++) {
        scope_push(&v->sc, l.p[i].level, l.p[i].vars);
    }
    if (step) {
        step->layers = l.p ? l.p : ARENA_NEW(l.a, struct layer);
        step->nlayers = l.n;
    }
}

// -- views ------------------------------------------------------------------------------------------------------------

void play_vars_dir(struct run *r, const struct play *p) {
    struct str dir = run_dir_of(p->book->file);
    if (r->o->vars_files) {
        vars_files_use(r->o->vars_files, &dir, 1);
    }
}

/// PLAYBOOK_VARS_ROOT other than top: group_vars and host_vars of the roles around the task and of its file's
/// directory.
static void task_vars_dirs(struct view *v) {
    struct val path = magic_task_path(v, v->a);
    size_t n = val_len(path);
    n = v->r->o->vars_root == VARS_ROOT_BOTTOM && n > 1 ? 1 : n;
    struct str *dirs = ARENA_ARRAY(v->a, struct str, n + 1);
    for (size_t i = 0; i < n; i++) {
        dirs[i] = val_text(val_at_index(path, i));
    }
    vars_files_use(v->r->o->vars_files, dirs, n);
}

static bool host_layers(struct view *v, struct err *e) {
    struct vars_files *vf = v->r->o->vars_files;
    if (!vf) {
        return true;
    }
    bool own = v->r->o->vars_root != VARS_ROOT_TOP && v->task && v->pr && v->pr->play;
    if (own) {
        task_vars_dirs(v);
    }
    bool ok = vars_files_layers(vf, v->h->host, &v->sc.base, &v->sc.nbase, e);
    if (own) {
        play_vars_dir(v->r, v->pr->play);
    }
    return ok;
}

static bool view_base(struct view *v, struct err *e) {
    v->sc = (struct scope){.a = v->a,
                           .magic = magic_get,
                           .magic_self = v,
                           .inject_facts = v->r->o->inject_facts,
                           .merge_dicts = v->r->o->merge_dicts};
    if (v->h) {
        v->sc.state = &v->h->state;
        v->sc.complete = facts_complete;
        v->sc.complete_self = v;
        if (!host_layers(v, e)) {
            return false;
        }
    }
    v->jh = (struct jinja_host){0};
    ctl_init(v);
    v->jc = (struct jinja_ctx){.a = v->a,
                               .cache = v->r->o->cache,
                               .opts = &jinja_opts_ansible,
                               .host = &v->jh,
                               .native = v->r->o->native,
                               .v219 = v->r->o->v219,
                               .strict_conditions = v->r->o->strict_conditions};
    v->jc.scope = scope_jinja(&v->sc);
    return true;
}

bool view_init(struct view *v, struct play_run *pr, struct hrun *h, struct pstep *step, struct arena *a,
               struct err *e) {
    *v = (struct view){.pr = pr, .r = pr->r, .h = h, .step = step, .task = step ? step->task : NULL, .a = a};
    if (!view_base(v, e)) {
        return false;
    }
    if (h && step) {
        v->sc.last = connected_get;
        v->sc.last_self = v;
        v->sc.last_names = connected_names;
    }
    static_layers(v);
    scope_push(&v->sc, LEVEL_EXTRA, v->r->o->extra_vars);
    if (!vars_files_push(v, e)) {
        return false;
    }
    v->loop = val_dict(a, 4);
    v->live = val_dict(a, 4);
    return true;
}

bool view_delegate(struct view *v, struct str name, struct hrun *to, struct err *e) {
    struct view *other = ARENA_NEW(v->a, struct view);
    if (!view_init(other, v->pr, to, v->step, v->a, e)) {
        return false;
    }
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(v->loop, &i))) {
        val_set_key(v->a, other->loop, p->key, p->value);
    }
    other->far = true;
    other->connected = true;
    v->delegated = name;
    v->other = other;
    view_changed(v);
    return true;
}

bool view_plain(struct view *v, struct play_run *pr, struct hrun *h, struct arena *a, struct err *e) {
    *v = (struct view){.pr = pr, .r = pr->r, .h = h, .a = a, .plain = true};
    if (!view_base(v, e)) {
        return false;
    }
    scope_push(&v->sc, LEVEL_EXTRA, v->r->o->extra_vars);
    return true;
}

void view_changed(struct view *v) {
    if (!v->live_on && val_len(v->live)) {
        scope_push(&v->sc, LEVEL_MAGIC, v->live);
        v->live_on = true;
    }
    if (!v->loop_on && val_len(v->loop)) {
        scope_push(&v->sc, LEVEL_MAGIC, v->loop);
        v->loop_on = true;
    }
    jinja_ctx_changed(&v->jc);
}

bool view_value(struct view *v, struct val raw, struct val *out, struct err *e) {
    return jinja_value(&v->jc, raw, out, e);
}

bool view_var(struct view *v, const char *name, struct val *out, struct err *e) {
    struct val raw = {0};
    enum var_level level = (enum var_level)0;
    if (!scope_get(&v->sc, str_from(name), v->a, &raw, &level, e)) {
        return false;
    }
    v->varied = v->varied || level == LEVEL_MAGIC || val_any_flag(raw, VAL_TMPL);
    if (val_is(raw, VAL_UNDEF)) {
        *out = raw;
        return true;
    }
    return jinja_value(&v->jc, raw, out, e);
}

bool view_kw(struct view *v, enum keyword k, struct val *out, struct err *e) {
    for (const struct node *n = &v->task->n; n; n = node_heir_of(n)) {
        struct val raw = node_kw_from(&n, k);
        if (val_is(raw, VAL_UNDEF)) {
            break;
        }
        v->varied = v->varied || val_any_flag(raw, VAL_TMPL);
        if (!jinja_value(&v->jc, raw, out, e)) {
            return err_wrap(e, raw.mark, "in '%s'", keyword_docs[k].name);
        }
        if (!val_is(*out, VAL_OMIT)) {  // what is omitted is taken from further out
            *out = val_is(*out, VAL_NULL) ? (struct val){0} : *out;
            return true;
        }
    }
    *out = (struct val){0};
    return true;
}

static bool kw_type(struct view *v, enum keyword k, struct val got, const char *want, struct err *e) {
    struct mark at = got.mark.at ? got.mark : v->task->n.at;
    if (val_is(got, VAL_STR) && !(got.flags & VAL_SECRET)) {
        return err_set(e, ERR_TYPE, at, "'%s' must be %s: the value '%.*s' is not a valid %s", keyword_docs[k].name,
                       want, STR(val_text(got)), want[1] == 'n' ? want + 3 : want + 2);
    }
    return err_set(e, ERR_TYPE, at, "'%s' must be %s, not %s", keyword_docs[k].name, want, val_kind_name(got.kind));
}

bool view_bool(struct view *v, enum keyword k, bool absent, bool *out, struct err *e) {
    struct val got = {0};
    *out = absent;
    if (!view_kw(v, k, &got, e)) {
        return false;
    }
    if (val_is(got, VAL_UNDEF) || (val_is(got, VAL_STR) && !val_text(got).n)) {
        return true;
    }
    return val_as_bool(got, out) || kw_type(v, k, got, "a boolean", e);
}

bool view_int(struct view *v, enum keyword k, int64_t absent, int64_t *out, struct err *e) {
    struct val got = {0};
    *out = absent;
    if (!view_kw(v, k, &got, e)) {
        return false;
    }
    if (val_is(got, VAL_UNDEF) || (val_is(got, VAL_STR) && !val_text(got).n)) {
        return true;
    }
    if (val_is(got, VAL_FLOAT)) {
        *out = (int64_t)got.u.f;
        return true;
    }
    return val_as_int(got, out) || kw_type(v, k, got, "an integer", e);
}

bool view_conditions(struct view *v, struct val conds, bool *out, struct val *which, struct err *e) {
    *out = true;
    if (!val_is_seq(conds)) {
        bool none = val_is(conds, VAL_UNDEF) || (val_is(conds, VAL_NULL) && !v->jc.v219);
        return none || jinja_truth(&v->jc, conds, out, e);
    }
    for (size_t i = 0; i < val_len(conds) && *out; i++) {
        struct val c = val_at_index(conds, i);
        if (val_is_seq(c)) {
            if (!view_conditions(v, c, out, which, e)) {
                return false;
            }
            continue;
        }
        bool empty = !v->jc.v219 && (val_is(c, VAL_NULL) || (val_is(c, VAL_STR) && !val_text(c).n));
        if (!empty && !jinja_truth(&v->jc, c, out, e)) {
            if (which) {
                *which = c;
            }
            return false;
        }
        if (!*out && which) {
            *which = c;
        }
    }
    return true;
}

struct str view_name(struct view *v, struct val raw) {
    struct err e = {.arena = v->a};
    struct val out = raw;
    if (val_any_flag(raw, VAL_TMPL) && !jinja_value(&v->jc, raw, &out, &e)) {
        out = raw;
    }
    return val_is(out, VAL_STR) ? val_text(out) : val_str_of(v->a, out);
}

struct str task_title(struct view *v) {
    const struct task *t = v->task;
    struct val raw = t->n.kw[KW_NAME];
    if (!val_is(raw, VAL_STR)) {
        raw = val_mark_templates(val_flag(val_str(v->a, t->n.name), VAL_TRUSTED));
    }
    struct str name = t->n.name.n ? view_name(v, raw) : t->action_name;
    if (t->kind == TASK_INCLUDE_ROLE) {
        struct val role = val_get(t->args, "name");
        role = val_is(role, VAL_UNDEF) ? val_get(t->args, "role") : role;
        return t->n.name.n ? name : str_printf(v->a, "%.*s : %.*s", STR(name), STR(val_text(role)));
    }
    if (t->n.role) {
        struct str role = t->n.role->fqcn.n ? t->n.role->fqcn : t->n.role->name;
        return str_printf(v->a, "%.*s : %.*s", STR(role), STR(name));
    }
    return name;
}
