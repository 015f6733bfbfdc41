// Compiles the blocks of a play: what the tags select, with one step object for each place a task stands at, in the
// order in which lock step takes them. Also remembers which roles a host has completed.
#include "exec.h"

struct pstep *plan_task(struct play_run *pr, struct task *t, bool handler) {
    struct pstep *s = ARENA_NEW(&pr->a, struct pstep);
    s->task = t;
    s->handler = handler;
    return s;
}

struct pstep *plan_meta(struct play_run *pr, const char *what) {
    struct task *t = ARENA_NEW(&pr->a, struct task);
    t->n.kind = NODE_TASK;
    t->n.parent = &pr->play->n;
    t->n.at = pr->play->n.at;
    t->n.file = pr->play->n.file;
    t->action = "meta";
    t->action_name = STR_LIT("meta");
    t->kind = TASK_META;
    t->implicit = true;
    t->args = val_dict(&pr->a, 1);
    val_set(&pr->a, t->args, "_raw_params", val_z(&pr->a, what));
    t->notify = val_list(&pr->a, 0);
    t->listen = t->notify;
    return plan_task(pr, t, false);
}

void plan_order(struct play_run *pr, struct order *o, struct pstep *s) {
    if (s->block) {
        for (int sec = 0; sec < SEC_COUNT; sec++) {
            for (size_t i = 0; i < s->block->sec[sec].n; i++) {
                plan_order(pr, o, s->block->sec[sec].p[i]);
            }
        }
        return;
    }
    s->at = o->n;
    order_push(&pr->a, o, s);
}

/// Moves what stands behind `from` (it was just appended) to `*at`.
static void splice(struct play_run *pr, struct order *o, size_t from, size_t *at) {
    size_t n = o->n - from;
    if (n && *at < from) {
        const size_t each = sizeof(struct pstep *);
        struct pstep **moved = ARENA_ARRAY(&pr->a, struct pstep *, n);
        memcpy(moved, o->p + from, n * each);
        memmove(o->p + *at + n, o->p + *at, (from - *at) * each);
        memcpy(o->p + *at, moved, n * each);
        for (size_t i = *at; i < o->n; i++) {
            o->p[i]->at = i;
        }
    }
    *at += n;
}

static bool list_has(struct val list, const char *name) {
    for (size_t i = 0; i < val_len(list); i++) {
        if (str_eqz(val_text(val_at_index(list, i)), name)) {
            return true;
        }
    }
    return false;
}

static bool lists_meet(struct val a, struct val b) {
    for (size_t i = 0; i < val_len(a); i++) {
        for (size_t k = 0; k < val_len(b); k++) {
            if (str_eq(val_text(val_at_index(a, i)), val_text(val_at_index(b, k)))) {
                return true;
            }
        }
    }
    return false;
}

/// Ansible's rules for always, never, tagged, untagged and all.
static bool tags_select(struct val tags, bool untagged, struct val only, struct val skip) {
    bool never = list_has(tags, "never");
    bool all = !val_len(only) || list_has(only, "all");
    bool run = list_has(tags, "always") || (all && !never) || lists_meet(tags, only) ||
               (list_has(only, "tagged") && !untagged && !never);
    if (!run || !val_len(skip)) {
        return run;
    }
    if (list_has(skip, "all")) {
        return list_has(tags, "always") && !list_has(skip, "always");
    }
    return !lists_meet(tags, skip) && !(list_has(skip, "tagged") && !untagged);
}

static void add_tags(struct arena *a, struct val list, struct val v) {
    if (val_is_seq(v)) {
        for (size_t i = 0; i < val_len(v); i++) {
            add_tags(a, list, val_at_index(v, i));
        }
        return;
    }
    struct str name = val_is(v, VAL_STR) ? val_text(v) : val_str_of(a, v);
    for (size_t i = 0; i < val_len(list); i++) {
        if (str_eq(val_text(val_at_index(list, i)), name)) {
            return;
        }
    }
    val_push(a, list, val_str(a, name));
}

bool plan_tags(struct play_run *pr, const struct node *n, struct arena *a, bool *selected, struct val *names,
               struct err *e) {
    struct val raw = node_tags(n, a);
    struct val list = val_list(a, 4);
    if (val_any_flag(raw, VAL_TMPL)) {
        struct view v;
        raw = val_mark_templates(raw);
        if (!view_init(&v, pr, NULL, NULL, a, e) || !view_value(&v, raw, &raw, e)) {
            return err_wrap(e, n->at, "in the tags of this task");
        }
    }
    add_tags(a, list, raw);
    bool untagged = val_len(list) == 0;
    if (names) {
        *names = val_copy(a, list);
    }
    if (untagged) {
        val_push(a, list, val_z(a, "untagged"));
    }
    *selected = tags_select(list, untagged, pr->r->o->tags, pr->r->o->skip_tags);
    return true;
}

bool plan_may_select(const struct run *r, const struct node *n) {
    struct arena a = {0};
    struct val raw = node_tags(n, &a);
    bool selected = true;
    if (!val_any_flag(raw, VAL_TMPL)) {
        struct val list = val_list(&a, 4);
        add_tags(&a, list, raw);
        bool untagged = val_len(list) == 0;
        if (untagged) {
            val_push(&a, list, val_z(&a, "untagged"));
        }
        selected = tags_select(list, untagged, r->o->tags, r->o->skip_tags);
    }
    arena_release(&a);
    return selected;
}

/// What stays the same while a block is compiled.
struct compiler {
    struct play_run *pr;
    bool handler;
};

static bool compile(const struct compiler *c, const struct block *b, const struct role *outer, struct pblock **out,
                    struct err *e);

static bool compile_task(const struct compiler *c, struct task *t, struct psteps *to, struct err *e) {
    struct play_run *pr = c->pr;
    bool selected = true;
    if (!c->handler && !(t->kind == TASK_META && t->implicit) && !plan_tags(pr, &t->n, &pr->a, &selected, NULL, e)) {
        return false;
    }
    if (selected) {
        steps_push(&pr->a, to, plan_task(pr, t, c->handler));
    }
    return true;
}

static bool compile_steps(const struct compiler *c, const struct steps *from, const struct role *role,
                          struct psteps *to, struct err *e) {
    for (size_t i = 0; i < from->n; i++) {
        const struct step *s = &from->p[i];
        struct pblock *b = NULL;
        if (s->kind == STEP_BLOCK ? !compile(c, s->u.block, role, &b, e) : !compile_task(c, s->u.task, to, e)) {
            return false;
        }
        if (b) {
            struct pstep *p = ARENA_NEW(&c->pr->a, struct pstep);
            p->block = b;
            steps_push(&c->pr->a, to, p);
        }
    }
    return true;
}

/// `outer` is the role around the block: where it changes, a role begins, and its end is marked with a step.
static bool compile(const struct compiler *c, const struct block *b, const struct role *outer, struct pblock **out,
                    struct err *e) {
    const struct steps *from[SEC_COUNT] = {&b->body, &b->rescue, &b->always};
    struct pblock *pb = ARENA_NEW(&c->pr->a, struct pblock);
    size_t n = 0;
    pb->src = b;
    *out = NULL;
    for (int sec = 0; sec < SEC_COUNT; sec++) {
        if (!compile_steps(c, from[sec], b->n.role, &pb->sec[sec], e)) {
            return false;
        }
        n += pb->sec[sec].n;
    }
    if (!n) {
        return true;
    }
    if (!c->handler && b->n.role && b->n.role != outer) {
        struct pstep *end = ARENA_NEW(&c->pr->a, struct pstep);
        end->role_end = b->n.role;
        steps_push(&c->pr->a, &pb->sec[SEC_BODY], end);
    }
    *out = pb;
    return true;
}

bool plan_block(struct play_run *pr, const struct planned *what, size_t *at, struct pblock **out, struct err *e) {
    struct compiler c = {.pr = pr, .handler = what->handler};
    if (!compile(&c, what->block, what->outer, out, e)) {
        return false;
    }
    if (!*out) {
        return true;
    }
    struct order *o = what->handler ? &pr->handler_order : &pr->tasks;
    size_t from = o->n;
    struct pstep top = {.block = *out};
    plan_order(pr, o, &top);
    if (at) {
        splice(pr, o, from, at);
    }
    return true;
}

// -- roles ------------------------------------------------------------------------------------------------------------

void plan_role_vars(struct play_run *pr, struct role *role) {
    if (!role->is_public) {
        return;
    }
    for (size_t i = 0; i < pr->roles.n; i++) {
        if (pr->roles.p[i] == role) {
            return;
        }
    }
    for (size_t i = 0; i < role->ndeps; i++) {
        plan_role_vars(pr, role->deps[i]);
    }
    VEC_PUSH(&pr->a, pr->roles, role);  // NOLINT(bugprone-sizeof-expression): a list of pointers
}

void plan_roles(struct play_run *pr) {
    for (size_t i = 0; i < pr->play->nroles; i++) {
        plan_role_vars(pr, pr->play->roles[i]);
    }
    for (size_t i = 0; i < pr->play->nimported; i++) {
        plan_role_vars(pr, pr->play->imported[i]);
    }
}

static struct role_done *role_record(struct play_run *pr, const struct role *role) {
    const struct role *first = role->same ? role->same : role;
    for (size_t i = 0; i < pr->done.n; i++) {
        if (pr->done.p[i]->role == first) {
            return pr->done.p[i];
        }
    }
    struct role_done *d = ARENA_NEW(&pr->a, struct role_done);
    d->role = first;
    d->ran = ARENA_ARRAY(&pr->a, uint8_t, pr->batch.n + 1);
    d->done = ARENA_ARRAY(&pr->a, uint8_t, pr->batch.n + 1);
    VEC_PUSH(&pr->a, pr->done, d);  // NOLINT(bugprone-sizeof-expression): a list of pointers
    return d;
}

bool role_skip(struct play_run *pr, const struct role *role, const struct hrun *h) {
    return role && !role->allow_duplicates && role_record(pr, role)->done[h->index];
}

void role_ran(struct play_run *pr, const struct role *role, const struct hrun *h) {
    if (role && h->in_batch) {
        role_record(pr, role)->ran[h->index] = 1;
    }
}

void role_finish(struct play_run *pr, const struct role *role, const struct hrun *h) {
    struct role_done *d = role_record(pr, role);
    if (d->ran[h->index]) {
        d->done[h->index] = 1;
    }
}
