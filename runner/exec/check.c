// Honest before the first connection: what is not supported is named at its place, and every template is checked for
// syntax and for filters, tests and lookups that do not exist.
#include "exec.h"

#include "typo.h"

/// What is missing here is in the way only of a run that is sure to come to it. The first of its own conditions a node
/// always comes to.
static bool missing_may(const struct run *r, const struct node *n, bool first) {
    // a loop may have nothing to go over
    bool loops = n->kind == NODE_TASK && !val_is(((const struct task *)n)->loop, VAL_UNDEF);
    return r->o->syntax_only || loops || node_conditional(first ? n->parent : n) || !plan_may_select(r, n);
}

static bool missing_is_fine(const struct run *r, const struct node *n) {
    return missing_may(r, n, false);
}

/// True when a failure of the task is foreseen: its mistakes are for the run to find.
static bool excused(const struct node *n) {
    static const enum keyword excuses[] = {KW_FAILED_WHEN, KW_RESCUE, KW_IGNORE_ERRORS};
    for (; n; n = n->parent) {
        for (size_t i = 0; i < COUNTOF(excuses); i++) {
            struct val v = n->kw[excuses[i]];
            bool no = val_is(v, VAL_UNDEF) || val_is(v, VAL_NULL) || (val_is(v, VAL_BOOL) && !v.u.b);
            if (!no) {
                return true;
            }
        }
    }
    return false;
}

/// What a template that cannot be right does: listings and syntax checks only tell of it, as Ansible finds it when the
/// task runs.
static bool template_error(struct run *r, const struct node *n, bool first, struct err *e) {
    if (r->o->syntax_only) {
        run_warn(r, e->at, str_z(&r->a, err_text(e)));
    } else if (!excused(n) && (e->code != ERR_NOT_FOUND || !missing_may(r, n, first))) {
        return false;
    }
    err_clear(e);
    return true;
}

/// Plugins that do not exist here are forgiven where they need not be met; what cannot be read never is.
static bool check_template(struct run *r, const struct node *n, struct val v, struct err *e) {
    return jinja_check(r->o->cache, v, e) || template_error(r, n, false, e);
}

/// Values that are templates as they stand.
static bool check_templates(struct run *r, const struct node *n, struct err *e) {
    static const enum keyword skip[] = {KW_WHEN,  KW_CHANGED_WHEN, KW_FAILED_WHEN, KW_UNTIL,     KW_TASKS,
                                        KW_ROLES, KW_PRE_TASKS,    KW_POST_TASKS,  KW_HANDLERS,  KW_BLOCK,
                                        KW_ARGS,  KW_RESCUE,       KW_ALWAYS,      KW_LOOP,      KW_ACTION,
                                        KW_HOSTS, KW_LOCAL_ACTION, KW_VARS_PROMPT, KW_VARS_FILES};
    for (int k = KW_NONE + 1; k < KW_COUNT; k++) {
        bool expr = false;
        for (size_t i = 0; i < COUNTOF(skip); i++) {
            expr = expr || k == (int)skip[i];
        }
        if (!expr && val_any_flag(n->kw[k], VAL_TMPL) && !check_template(r, n, n->kw[k], e)) {
            return err_wrap(e, n->kw[k].mark, "in '%s'", keyword_docs[k].name);
        }
    }
    return true;
}

/// Conditions are expressions; one that holds {{ }} is a template first.
static bool check_condition(struct run *r, const struct node *n, struct val c, bool first, struct err *e) {
    if (val_is_seq(c)) {
        for (size_t i = 0; i < val_len(c); i++) {
            if (!check_condition(r, n, val_at_index(c, i), first && i == 0, e)) {
                return false;
            }
        }
        return true;
    }
    if (!val_is(c, VAL_STR) || !str_trim(val_text(c)).n) {
        return true;
    }
    bool ok =
        c.flags & VAL_TMPL ? jinja_check(r->o->cache, c, e) : jinja_check_expr(r->o->cache, val_text(c), c.mark, e);
    return ok || template_error(r, n, first, e);
}

static bool check_conditions(struct run *r, const struct node *n, struct err *e) {
    static const enum keyword conds[] = {KW_WHEN, KW_CHANGED_WHEN, KW_FAILED_WHEN, KW_UNTIL};
    for (size_t i = 0; i < COUNTOF(conds); i++) {
        struct val v = n->kw[conds[i]];
        if (!val_is(v, VAL_UNDEF) && !check_condition(r, n, v, conds[i] == KW_WHEN, e)) {
            return err_wrap(e, v.mark, "in '%s'", keyword_docs[conds[i]].name);
        }
    }
    return true;
}

/// A become method that is written there and does not exist is in the way as an unknown module is.
static bool check_become(const struct run *r, const struct node *n, struct err *e) {
    static const char *const known[] = {"sudo", "su", "doas"};
    struct val m = n->kw[KW_BECOME_METHOD];
    struct val on = n->kw[KW_BECOME];
    bool off = val_is(on, VAL_BOOL) && !val_truth(on);
    if (!val_is(m, VAL_STR) || (m.flags & VAL_TMPL) || off || r->o->syntax_only || node_conditional(n) || excused(n)) {
        return true;
    }
    struct str name = become_name(val_text(m));
    for (size_t i = 0; i < COUNTOF(known); i++) {
        if (str_eqz(name, known[i])) {
            return true;
        }
    }
    err_set(e, ERR_ARGS, m.mark, "become_method '%.*s' is not supported: expected sudo, su or doas", STR(name));
    const char *near = typo_nearest(name, known, COUNTOF(known));
    return near ? err_hint(e, "did you mean '%s'?", near) : false;
}

bool check_certain(const struct run *r, const struct node *n) {
    return !missing_is_fine(r, n) && !excused(n);
}

static bool check_node(struct run *r, const struct node *n, struct err *e) {
    return check_become(r, n, e) && check_templates(r, n, e) && check_conditions(r, n, e);
}

/// A module of Ansible's that is missing here is in the way only of a run that would come to it.
static bool check_unknown(const struct run *r, const struct task *t, struct err *e) {
    if (t->action_raw.flags & VAL_TMPL) {
        return true;
    }
    if (t->elsewhere) {
        return missing_is_fine(r, &t->n) ||
               err_set(e, ERR_NOT_FOUND, t->action_at, "the module '%.*s' is not supported yet", STR(t->action_name));
    }
    if (node_conditional(&t->n)) {
        return true;
    }
    struct typo ty = {.got = t->action_name};
    for (size_t i = 0; i < module_count; i++) {
        typo_offer(&ty, str_from(module_table[i].name));
    }
    err_set(e, ERR_NOT_FOUND, t->action_at, "couldn't resolve module/action '%.*s'", STR(t->action_name));
    return ty.best.n ? err_hint(e, "did you mean '%.*s'?", STR(ty.best)) : false;
}

/// Remembers the tags of a task, for those that were asked for and exist nowhere.
static void note_tags(struct run *r, const struct task *t) {
    struct val tags = node_tags(&t->n, &r->a);
    r->more_tags = r->more_tags || task_is_include(t) || val_any_flag(tags, VAL_TMPL);
    for (size_t i = 0; val_is_seq(tags) && i < val_len(tags); i++) {
        struct str rest = val_str_of(&r->a, val_at_index(tags, i));
        struct str one;
        while (str_next(&rest, ',', &one)) {
            map_put(&r->tags, &r->a, str_dup(&r->a, str_trim(one)), r);
        }
    }
}

void check_tags(struct run *r) {
    static const char *const special[] = {"all", "always", "never", "tagged", "untagged"};
    for (size_t i = 0; !r->more_tags && val_is_seq(r->o->tags) && i < val_len(r->o->tags); i++) {
        struct str tag = val_text(val_at_index(r->o->tags, i));
        bool known = map_get(&r->tags, tag) != NULL;
        for (size_t k = 0; k < COUNTOF(special); k++) {
            known = known || str_eqz(tag, special[k]);
        }
        if (!known) {
            run_warn(r, NO_MARK, arena_printf(&r->a, "no task has the tag '%.*s'", STR(tag)));
        }
    }
}

static bool check_task(struct run *r, const struct task *t, struct err *e) {
    note_tags(r, t);
    if (t->kind == TASK_META && !meta_known(meta_action(t))) {
        return err_set(e, ERR_ARGS, t->action_at, "the meta action '%.*s' is not supported", STR(meta_action(t)));
    }
    if (t->kind == TASK_META && str_eqz(meta_action(t), "end_role") && !t->n.role) {
        return err_set(e, ERR_ARGS, t->action_at, "Cannot execute 'end_role' from outside of a role");
    }
    if (t->kind == TASK_UNKNOWN && !check_unknown(r, t, e)) {
        return false;
    }
    if (t->module && t->module->refuse && !missing_is_fine(r, &t->n)) {
        return err_set(e, ERR_NOT_FOUND, t->action_at, "%s", t->module->refuse);
    }
    if (val_any_flag(t->args, VAL_TMPL) && !check_template(r, &t->n, t->args, e)) {
        return err_wrap(e, t->action_at, "in the arguments of '%.*s'", STR(t->action_name));
    }
    if (val_any_flag(t->loop, VAL_TMPL) && !check_template(r, &t->n, t->loop, e)) {
        return err_wrap(e, t->n.at, "in the loop");
    }
    return check_node(r, &t->n, e);
}

static bool check_steps(struct run *r, const struct steps *s, struct err *e) {
    for (size_t i = 0; i < s->n; i++) {
        if (s->p[i].kind == STEP_BLOCK ? !check_block(r, s->p[i].u.block, e) : !check_task(r, s->p[i].u.task, e)) {
            return false;
        }
    }
    return true;
}

bool check_block(struct run *r, const struct block *b, struct err *e) {
    return check_node(r, &b->n, e) && check_steps(r, &b->body, e) && check_steps(r, &b->rescue, e) &&
           check_steps(r, &b->always, e);
}

bool check_role(struct run *r, const struct role *role, struct err *e) {
    output_public(r->o->output, role->name);
    for (size_t i = 0; i < role->ndeps; i++) {
        if (!check_role(r, role->deps[i], e)) {
            return false;
        }
    }
    for (size_t i = 0; i < role->nhandlers; i++) {
        if (!check_task(r, role->handlers[i], e)) {
            return false;
        }
    }
    return check_node(r, &role->n, e) && check_steps(r, &role->tasks, e);
}

static bool check_strategy(const struct run *r, const struct play *p, struct err *e) {
    static const char *const known[] = {"linear", "free", "host_pinned", "debug"};
    struct val s = p->n.kw[KW_STRATEGY];
    struct str name = val_text(s);
    if (r->o->syntax_only || !val_is(s, VAL_STR) || val_any_flag(s, VAL_TMPL)) {
        return true;
    }
    struct str base = str_starts(name, "ansible.builtin.") ? str_sub(name, 16, name.n) : name;
    for (size_t i = 0; i < COUNTOF(known); i++) {
        if (str_eqz(base, known[i])) {
            return true;
        }
    }
    const char *near = typo_nearest(base, known, COUNTOF(known));
    err_set(e, ERR_ARGS, s.mark, "the strategy '%.*s' is not supported", STR(name));
    return err_hint(e, "did you mean '%s'?", near ? near : "linear");
}

bool check_play(struct run *r, struct play *p, struct err *e) {
    if (!check_strategy(r, p, e)) {
        return false;
    }
    for (size_t i = 0; i < p->nroles; i++) {
        if (!check_role(r, p->roles[i], e)) {
            return false;
        }
    }
    for (size_t i = 0; i < p->nimported; i++) {
        if (!check_role(r, p->imported[i], e)) {
            return false;
        }
    }
    for (size_t i = 0; i < p->nhandlers; i++) {
        if (!check_task(r, p->handlers[i], e)) {
            return false;
        }
    }
    return check_node(r, &p->n, e) && check_steps(r, &p->pre_tasks, e) && check_steps(r, &p->tasks, e) &&
           check_steps(r, &p->post_tasks, e);
}
