// Before the first connection: hosts that the plays would reach in a way that is not supported, by a keyword, a
// variable of the inventory or an option. What a template says is not known yet and waits until a task comes to it.
#include "exec.h"

/// What of a play is looked at: the hosts that may differ from each other.
struct reach {
    struct run *r;
    struct arena a;
    struct host *host[3];  // the first, the first whose variable is not supported, the first without it; or NULL
    struct val said[3];    // what its inventory says
};

static bool is_text(struct val v) {
    return val_is(v, VAL_STR) && !(v.flags & VAL_TMPL);
}

static bool supported(struct val v) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    bool ok = !is_text(v) || connection_check(val_text(v), v.mark, &e);
    arena_release(&a);
    return ok;
}

/// What the inventory says of a host. Files of variables are read only for the first play, which needs them at once: a
/// task may write those of a later one.
static struct val inventory_says(struct reach *q, struct host *h, bool first) {
    struct err e = {.arena = &q->a};
    struct layer const *layers = NULL;
    size_t n = 0;
    if (first && q->r->o->vars_files) {
        if (!vars_files_layers(q->r->o->vars_files, h, &layers, &n, &e)) {
            return VNULL;  // the play will tell
        }
        while (n) {
            struct val v = val_get(layers[--n].vars, "ansible_connection");
            if (!val_is(v, VAL_UNDEF)) {
                return v;
            }
        }
        return (struct val){0};
    }
    struct val v = val_get(h->vars, "ansible_connection");
    for (size_t i = h->nall; i-- && val_is(v, VAL_UNDEF);) {
        v = val_get(h->all[i]->vars, "ansible_connection");
    }
    return v;
}

static bool find_hosts(struct reach *q, struct play *p, bool first) {
    struct err e = {.arena = &q->a};
    struct run_pattern pattern = {.at = p->hosts.mark, .quiet = true};
    struct host **found = NULL;
    size_t n = 0;
    if (!play_pattern(q->r, p, &q->a, &pattern.text, &e) || !run_match_only(q->r, &pattern, &q->a, &found, &n, &e)) {
        return false;  // the play will tell
    }
    for (size_t i = 0; i < n; i++) {
        struct val v = inventory_says(q, found[i], first);
        size_t at = !supported(v) ? 1 : val_is(v, VAL_UNDEF) ? 2 : 0;
        for (size_t k = 0; k <= at; k += at ? at : 1) {
            if (!q->host[k]) {
                q->host[k] = found[i];
                q->said[k] = v;
            }
        }
    }
    return n > 0;
}

/// The value that counts for a host: extra variables, those of the task and around it, the inventory's, the nearest
/// keyword. VAL_UNDEF: nobody says anything.
static struct val counts(struct reach *q, const struct node *n, size_t host) {
    struct val v = val_get(q->r->o->extra_vars, "ansible_connection");
    for (const struct node *up = n; up && val_is(v, VAL_UNDEF); up = up->parent) {
        v = val_get(up->kw[KW_VARS], "ansible_connection");
        for (const struct role *role = up->role; role && val_is(v, VAL_UNDEF); role = role->parent) {
            v = val_get(role->params, "ansible_connection");
            v = val_is(v, VAL_UNDEF) ? val_get(role->vars, "ansible_connection") : v;
        }
    }
    v = val_is(v, VAL_UNDEF) ? q->said[host] : v;
    for (; n && val_is(v, VAL_UNDEF); n = n->parent) {
        v = n->kw[KW_CONNECTION];
    }
    return v;
}

static bool check_reached(struct reach *q, const struct node *n, struct err *e) {
    for (const struct node *up = n; up; up = up->parent) {
        if (!val_is(up->kw[KW_DELEGATE_TO], VAL_UNDEF)) {
            return true;
        }
    }
    for (size_t i = 0; i < COUNTOF(q->host); i++) {
        if (!q->host[i]) {
            continue;
        }
        struct val v = counts(q, n, i);
        struct str option = q->r->o->connection;
        bool ok = val_is(v, VAL_UNDEF) ? !option.n || connection_check(option, NO_MARK, e)
                                       : !is_text(v) || connection_check(val_text(v), v.mark, e);
        if (!ok) {
            return err_wrap(e, n->at, "host '%.*s' cannot be reached by this task", STR(q->host[i]->name));
        }
    }
    return true;
}

static bool check_steps(struct reach *q, const struct steps *s, struct err *e) {
    for (size_t i = 0; i < s->n; i++) {
        const struct task *t = s->p[i].u.task;
        if (s->p[i].kind == STEP_BLOCK) {
            if (!check_steps(q, &s->p[i].u.block->body, e)) {
                return false;
            }
        } else if (t->kind == TASK_MODULE && t->module->side == ON_TARGET && check_certain(q->r, &t->n) &&
                   !check_reached(q, &t->n, e)) {
            return false;
        }
    }
    return true;
}

static bool check_role_tasks(struct reach *q, const struct role *role, struct err *e) {
    for (size_t i = 0; i < role->ndeps; i++) {
        if (!check_role_tasks(q, role->deps[i], e)) {
            return false;
        }
    }
    return check_steps(q, &role->tasks, e);
}

static bool gathers(const struct run *r, const struct play *p) {
    struct val v = p->n.kw[KW_GATHER_FACTS];
    bool on = false;
    return val_is(v, VAL_UNDEF) ? !str_eqz(r->o->gathering, "explicit") : val_as_bool(v, &on) && on;
}

bool check_reach(struct run *r, struct play *p, bool first, struct err *e) {
    struct reach q = {.r = r};
    if (first && p->book) {
        play_vars_dir(r, p);
    }
    bool ok = r->o->syntax_only || !find_hosts(&q, p, first);
    if (!ok) {
        ok = (!gathers(r, p) || check_reached(&q, &p->n, e)) && check_steps(&q, &p->pre_tasks, e);
        for (size_t i = 0; ok && i < p->nroles; i++) {
            ok = check_role_tasks(&q, p->roles[i], e);
        }
        ok = ok && check_steps(&q, &p->tasks, e) && check_steps(&q, &p->post_tasks, e);
    }
    arena_release(&q.a);
    return ok;
}
