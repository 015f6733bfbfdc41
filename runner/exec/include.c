// include_tasks and include_role after the round that ran them: one load for each distinct file, variables and place,
// shared by the hosts that asked for it.
#include "exec.h"
#include "map.h"

enum { INCLUDE_DEPTH_MAX = 250 };

/// What some hosts want included.
struct inclusion {
    struct str what;        // full path, or the role's name
    struct val args, vars;  // templated arguments; variables of the loop's item
    struct val label;
    struct task *task;
    struct pstep *step;
    struct hosts hosts;
    struct pblock *block;  // loaded and filtered by tags; NULL when nothing is left
    bool failed, nothing;
    struct inclusion *next;  // equal to this one
};
/// Inclusions that are equal. Hosts are gathered one after the other: `host`, the last one, has a part in those before
/// `open`.
struct alike {
    struct inclusion *first, *last;
    struct inclusion *open;
    const struct hrun *host;
    struct alike *next;  // with the same key
};
struct inclusions {
    struct inclusion **p;
    size_t n, cap;
    struct map alike;  // struct alike_key -> struct alike
};
/// What finds them; equal inclusions have equal keys.
struct alike_key {
    const struct task *task;
    uint32_t what, args, vars, zero;
};

// -- collecting -------------------------------------------------------------------------------------------------------

static struct val item_vars(struct arena *a, struct val result, struct val *label) {
    static const char *const keys[] = {"ansible_loop_var", "ansible_index_var"};
    struct val vars = val_dict(a, 4);
    for (size_t i = 0; i < COUNTOF(keys); i++) {
        struct val name = val_get(result, keys[i]);
        if (val_is(name, VAL_STR)) {
            val_set_str(a, vars, val_text(name), val_promote(a, val_get_str(result, val_text(name))));
            val_set(a, vars, keys[i], val_promote(a, name));
        }
    }
    if (val_has(result, "ansible_loop")) {
        val_set(a, vars, "ansible_loop", val_promote(a, val_get(result, "ansible_loop")));
    }
    *label = val_promote(a, val_get(result, "_ansible_item_label"));
    return vars;
}

static bool same(const struct inclusion *x, const struct inclusion *y) {
    return x->task == y->task && str_eq(x->what, y->what) && val_equal(x->args, y->args) && val_equal(x->vars, y->vars);
}

/// Those that equal `x`, made when `x` is the first.
static struct alike *alike_of(struct arena *a, struct inclusions *all, struct inclusion *x) {
    struct alike_key *key = ARENA_NEW(a, struct alike_key);
    *key = (struct alike_key){x->task, str_hash(x->what), val_hash(x->args), val_hash(x->vars), 0};
    struct str text = {(const char *)key, sizeof *key};
    struct alike *head = map_get(&all->alike, text);
    for (struct alike *g = head; g; g = g->next) {
        if (same(g->first, x)) {
            return g;
        }
    }
    struct alike *g = ARENA_NEW(a, struct alike);
    *g = (struct alike){.first = x, .next = head};
    map_put(&all->alike, a, text, g);
    return g;
}

/// Joins the first equal inclusion that `h` has no part in; there are several when one host asked more than once.
static void add(struct play_run *pr, struct inclusions *all, struct inclusion *x, struct hrun *h) {
    struct alike *g = alike_of(&pr->a, all, x);
    if (g->host != h) {
        g->host = h;
        g->open = g->last ? g->first : NULL;
    }
    if (g->open) {
        hosts_push(&pr->a, &g->open->hosts, h);
        g->open = g->open->next;
        return;
    }
    if (g->last) {
        g->last->next = x;
    }
    g->last = x;
    hosts_push(&pr->a, &x->hosts, h);
    VEC_PUSH(&pr->a, *all, x);  // NOLINT(bugprone-sizeof-expression): a list of pointers
}

static struct val first_of(struct val args, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct val v = val_get(args, names[i]);
        if (!val_is(v, VAL_UNDEF)) {
            return v;
        }
    }
    return (struct val){0};
}

static bool one_result(struct job *j, struct val result, struct inclusions *all, struct err *e) {
    static const char *const file_names[] = {"_raw_params", "file"};
    static const char *const role_names[] = {"name", "role"};
    struct arena *a = &j->pr->a;
    bool role = j->task->kind == TASK_INCLUDE_ROLE;
    struct inclusion *x = ARENA_NEW(a, struct inclusion);
    x->task = j->task;
    x->step = j->step;
    x->args = val_promote(a, val_get(result, "include_args"));
    x->vars = item_vars(a, result, &x->label);
    struct val what = role ? first_of(x->args, role_names, 2) : first_of(x->args, file_names, 2);
    if (!val_is(what, VAL_STR) || !val_text(what).n) {
        return err_set(e, ERR_ARGS, j->task->action_at, "'%.*s' needs the name of a %s", STR(j->task->action_name),
                       role ? "role" : "file");
    }
    x->what = val_text(what);
    struct val name = val_at(what, what.mark.at ? what.mark : j->task->action_at);
    if (!role && !pb_find_tasks(j->pr->r->o->loader, j->pr->play, j->task, name, &x->what, e)) {
        return false;
    }
    add(j->pr, all, x, j->h);
    return true;
}

// -- failing ----------------------------------------------------------------------------------------------------------

/// Says that a host cannot have what it asked for. It fails when all includes were looked at, and once.
static void include_failed(struct play_run *pr, struct task *t, bool handler, struct hrun *h, const struct err *err) {
    struct val r = val_dict(&pr->a, 2);
    val_set(&pr->a, r, "reason", val_str(&pr->a, err_text(err)));
    h->include_failed = true;
    h->stats.failed++;
    struct event ev = {.kind = EV_RESULT,
                       .play = pr->play,
                       .task = t,
                       .host = h->host->name,
                       .handler = handler,
                       .status = ST_FAILED,
                       .err = err,
                       .result = r};
    run_event(pr->r, &ev);
}

static void fail_hosts(struct play_run *pr) {
    for (size_t i = 0; i < pr->batch.n; i++) {
        struct hrun *h = pr->batch.p[i];
        if (!h->include_failed) {
            continue;
        }
        h->include_failed = false;
        h->hit = true;
        h->removed = !iter_would_rescue(&h->it);
        iter_fail(&h->it);
        h->failed = h->failed || iter_failed(&h->it);
    }
}

// -- loading ----------------------------------------------------------------------------------------------------------

/// A copy of the including task that carries the item's variables, as the parent of what is included.
static struct task *parent_task(struct play_run *pr, const struct inclusion *x) {
    struct task *by = ARENA_NEW(&pr->a, struct task);
    *by = *x->task;
    by->n.kw[KW_VARS] = val_merge(&pr->a, val_is(by->n.kw[KW_VARS], VAL_DICT) ? by->n.kw[KW_VARS] : val_dict(&pr->a, 0),
                                  x->vars, false, MERGE_REPLACE);
    return by;
}

/// An include that leads to itself would go on until memory ends.
static bool not_too_deep(const struct inclusion *x, struct err *e) {
    size_t depth = 0;
    for (const struct node *n = &x->task->n; n; n = n->parent) {
        depth +=
            (n->kind == NODE_TASK || n->kind == NODE_HANDLER) && task_is_include((const struct task *)(const void *)n);
    }
    return depth <= INCLUDE_DEPTH_MAX ||
           err_set(e, ERR_LIMIT, x->task->action_at, "includes are nested more than %d deep: this one leads to itself",
                   INCLUDE_DEPTH_MAX);
}

static bool load(struct play_run *pr, struct inclusion *x, size_t *at, struct err *e) {
    if (!not_too_deep(x, e)) {
        return false;
    }
    struct block *b = NULL;
    struct role *role = NULL;
    struct task *by = parent_task(pr, x);
    bool handler = x->step->handler;
    size_t imported = pr->play->nimported;
    if (x->task->kind == TASK_INCLUDE_ROLE) {
        b = pb_load_role(pr->r->o->loader, pr->play, by, x->args, &role, e);
        if (role) {
            plan_role_vars(pr, role);
            handlers_add_role(pr, role);
        }
    } else {
        by->args = x->args;
        b = pb_load_tasks(pr->r->o->loader, pr->play, by, x->what, handler, e);
    }
    for (; imported < pr->play->nimported; imported++) {  // import_role in what was included
        plan_role_vars(pr, pr->play->imported[imported]);
        handlers_add_role(pr, pr->play->imported[imported]);
    }
    x->nothing = b && b->nothing;
    struct planned what = {.block = b, .outer = x->task->n.role, .handler = handler};
    return b && check_block(pr->r, b, e) && plan_block(pr, &what, at, &x->block, e);
}

/// Of a role only the task's own banner is shown, where it was not yet; from 2.19 on it is told as a file is.
static void announce(struct play_run *pr, const struct inclusion *x) {
    bool role = x->task->kind == TASK_INCLUDE_ROLE && !pr->r->o->v219;
    struct val names = val_list(&pr->a, x->hosts.n);
    for (size_t i = 0; i < x->hosts.n; i++) {
        val_push(&pr->a, names, val_str(&pr->a, x->hosts.p[i]->host->name));
        x->hosts.p[i]->stats.ok += role ? 0 : 1;
    }
    struct event ev = {.kind = EV_INCLUDED,
                       .name = role ? STR_NONE : x->what,
                       .play = pr->play,
                       .task = x->task,
                       .handler = x->step->handler,
                       .loop = val_len(x->vars) > 0,
                       .item_label = x->label,
                       .hosts = names};
    run_event(pr->r, &ev);
}

/// Loads one; what cannot be read ends the run, what is not there fails the hosts that asked.
static bool load_one(struct play_run *pr, struct inclusion *x, size_t *at, struct err *e) {
    struct err own = {.arena = &pr->a};
    if (load(pr, x, at, &own)) {
        if (!x->nothing) {  // Ansible neither tells nor counts that
            announce(pr, x);
        }
        return true;
    }
    x->failed = true;
    if (own.code != ERR_NOT_FOUND && own.code != ERR_SYS) {
        *e = own;
        return false;
    }
    for (size_t i = 0; i < x->hosts.n; i++) {
        include_failed(pr, x->task, x->step->handler, x->hosts.p[i], &own);
    }
    return true;
}

static bool gather(struct play_run *pr, struct job *j, struct inclusions *all, struct err *e) {
    struct val results = j->looping ? val_get(j->result, "results") : (struct val){0};
    size_t n = j->looping ? val_len(results) : 1;
    for (size_t i = 0; i < n; i++) {
        struct val r = j->looping ? val_at_index(results, i) : j->result;
        struct err own = {.arena = &pr->a};
        if (result_is_failed(r) || result_is_skipped(r) || !val_has(r, "include_args")) {
            continue;
        }
        if (one_result(j, r, all, &own)) {
            continue;
        }
        if (own.code != ERR_NOT_FOUND && own.code != ERR_ARGS) {
            *e = own;
            return false;
        }
        include_failed(pr, j->task, j->step->handler, j->h, &own);
    }
    return true;
}

bool include_process(struct play_run *pr, const struct jobs *done, struct err *e) {
    struct inclusions all = {0};
    for (size_t i = 0; i < done->n; i++) {
        if (!gather(pr, done->p[i], &all, e)) {
            return false;
        }
    }
    if (!all.n) {
        fail_hosts(pr);
        return true;
    }
    size_t at = all.p[0]->step->handler ? all.p[0]->step->at + 1 : pr->tasks.cursor;
    for (size_t i = 0; i < all.n; i++) {
        if (!load_one(pr, all.p[i], &at, e)) {
            return false;
        }
    }
    fail_hosts(pr);
    for (size_t i = all.n; i-- > 0;) {  // the stack of open blocks: the last one goes in first
        struct inclusion *x = all.p[i];
        for (size_t k = 0; x->block && !x->failed && k < x->hosts.n; k++) {
            iter_include(&x->hosts.p[k]->it, x->block);
        }
    }
    return true;
}
