// meta: actions that steer the run itself.
#include "exec.h"

enum meta_kind {
    META_NOOP,
    META_FLUSH_HANDLERS,
    META_END_PLAY,
    META_END_BATCH,
    META_END_HOST,
    META_END_ROLE,
    META_CLEAR_FACTS,
    META_CLEAR_HOST_ERRORS,
    META_RESET_CONNECTION,
    META_REFRESH_INVENTORY,
    META_COUNT,
};
static const char *const names[META_COUNT] = {
    [META_NOOP] = "noop",
    [META_FLUSH_HANDLERS] = "flush_handlers",
    [META_END_PLAY] = "end_play",
    [META_END_BATCH] = "end_batch",
    [META_END_HOST] = "end_host",
    [META_END_ROLE] = "end_role",
    [META_CLEAR_FACTS] = "clear_facts",
    [META_CLEAR_HOST_ERRORS] = "clear_host_errors",
    [META_RESET_CONNECTION] = "reset_connection",
    [META_REFRESH_INVENTORY] = "refresh_inventory",
};

struct str meta_action(const struct task *t) {
    struct val v = val_get(t->args, "_raw_params");
    if (val_is(v, VAL_UNDEF)) {
        v = val_get(t->args, "free_form");
    }
    return str_trim(val_text(v));
}

static enum meta_kind find(struct str what) {
    for (int i = 0; i < META_COUNT; i++) {
        if (str_eqz(what, names[i])) {
            return (enum meta_kind)i;
        }
    }
    return META_COUNT;
}

bool meta_known(struct str what) {
    return find(what) != META_COUNT;
}

static void announce(struct play_run *pr, struct pstep *s) {
    if (s->task->implicit) {
        return;
    }
    const struct task *t = s->task;
    struct str role = t->n.role ? (t->n.role->fqcn.n ? t->n.role->fqcn : t->n.role->name) : STR_NONE;
    struct str name = t->n.name.n ? t->n.name : t->action_name;
    struct event ev = {.kind = EV_TASK_START,
                       .name = role.n ? str_printf(&pr->a, "%.*s : %.*s", STR(role), STR(name)) : name,
                       .play = pr->play,
                       .task = t,
                       .handler = s->handler};
    run_event(pr->r, &ev);
}

static void reset_connections(struct play_run *pr, struct view *v) {
    struct login l;
    struct err e = {.arena = v->a};
    v->connected = true;  // as the tasks that opened them
    if (!login_resolve(v, v->h, v->a, &l, &e)) {
        run_error(pr->r, &e);
        return;
    }
    if (strcmp(l.spec.kind, "local") == 0) {
        return;
    }
    struct slot *s = slot_get(pr->r, &l, v->a, &e);
    slot_drop(s);
}

static void each_reachable(struct play_run *pr, void (*fn)(struct hrun *)) {
    for (size_t i = 0; i < pr->batch.n; i++) {
        fn(pr->batch.p[i]);
    }
}

static void end_host(struct hrun *h) {
    if (!h->unreachable) {
        iter_end(&h->it);
    }
}

static void clear_errors(struct hrun *h) {
    h->failed = false;
    h->unreachable = false;
    iter_clear(&h->it);
}

static void clear_facts(struct hrun *h) {
    host_clear_facts(&h->state);
    h->gathered = false;
}

static void refresh(struct play_run *pr) {
    struct run *r = pr->r;
    struct err e = {.arena = &pr->a};
    if (!run_refresh_inventory(r, &e)) {
        run_error(r, &e);
        pr->fatal = true;
    }
}

/// On to the end of the role that the task stands in.
static void end_role(struct play_run *pr, struct hrun *h, const struct role *role) {
    struct pstep *s;
    while ((s = iter_peek(&h->it)) && s->role_end != role) {
        if (s->role_end) {
            role_finish(pr, s->role_end, h);
        }
        iter_take(&h->it);
    }
}

static void act(struct play_run *pr, struct view *v, enum meta_kind kind) {
    switch (kind) {
    case META_FLUSH_HANDLERS:
        if (!v->h->unreachable) {
            handlers_flush(pr, v->h);
        }
        break;
    case META_END_PLAY:
        pr->end_play = true;
        each_reachable(pr, end_host);
        break;
    case META_END_BATCH:
        each_reachable(pr, end_host);
        break;
    case META_END_HOST:
        iter_end(&v->h->it);
        v->h->removed = true;
        break;
    case META_END_ROLE:
        end_role(pr, v->h, v->task->n.role);
        break;
    case META_CLEAR_FACTS:
        each_reachable(pr, clear_facts);
        for (size_t i = 0; i < pr->batch.n; i++) {
            run_keep_facts(pr->r, pr->batch.p[i]);
        }
        break;
    case META_CLEAR_HOST_ERRORS:
        each_reachable(pr, clear_errors);
        break;
    case META_RESET_CONNECTION:
        reset_connections(pr, v);
        break;
    case META_REFRESH_INVENTORY:
        refresh(pr);
        break;
    case META_NOOP:
    case META_COUNT:
        break;
    }
}

/// What is said of a meta action at -vv: done, or left out by its condition.
static struct str remark(struct arena *a, const struct task *t, enum meta_kind kind, struct str host, bool done) {
    static const struct {
        const char *done, *left;
        bool host;  // both end with the host's name
    } words[META_COUNT] = {
        [META_NOOP] = {"noop", "", false},
        [META_FLUSH_HANDLERS] = {"triggered running handlers for ", "not running handlers for ", true},
        [META_END_PLAY] = {"ending play", "continuing play", false},
        [META_END_BATCH] = {"ending batch", "continuing current batch", false},
        [META_END_HOST] = {"ending play for ", "continuing execution for ", true},
        [META_END_ROLE] = {"ending role ", "continuing role ", true},
        [META_CLEAR_FACTS] = {"facts cleared", "not clearing facts and fact cache for ", false},
        [META_CLEAR_HOST_ERRORS] = {"cleared host errors", "not clearing host error state for ", false},
        [META_RESET_CONNECTION] = {"reset connection", "", false},
        [META_REFRESH_INVENTORY] = {"inventory successfully refreshed", "", false},
    };
    struct buf b = BUF_IN(a);
    if (!done) {
        buf_printf(&b, "%s conditional evaluated to False, ", names[kind]);
    }
    buf_z(&b, done ? words[kind].done : words[kind].left);
    if (kind == META_END_ROLE && t->n.role) {
        buf_printf(&b, "%.*s for ", STR(t->n.role->name));
    }
    if (words[kind].host || (!done && (kind == META_CLEAR_FACTS || kind == META_CLEAR_HOST_ERRORS))) {
        buf_str(&b, host);
    }
    return buf_view(&b);
}

static void tell(struct play_run *pr, struct view *v, enum meta_kind kind, bool done) {
    struct arena *a = v->a;
    struct str name = v->h->host->name;
    struct str text = remark(a, v->task, kind, name, done);
    if (!v->task->implicit) {
        struct event ev = {
            .kind = EV_VERBOSE, .level = 2, .name = str_printf(a, "META: %.*s", STR(text)), .play = pr->play};
        run_event(pr->r, &ev);
    }
    if (done) {
        return;
    }
    struct val r = val_dict(a, 3);
    val_set(a, r, "msg",
            kind == META_END_HOST
                ? val_printf(a, "end_host conditional evaluated to false, continuing execution for %.*s", STR(name))
                : val_str(a, meta_action(v->task)));
    val_set(a, r, "skipped", val_bool(true));
    val_set(a, r, "skip_reason", val_str(a, text));
    struct event ev = {.kind = EV_RESULT,
                       .play = pr->play,
                       .task = v->task,
                       .host = name,
                       .handler = v->step->handler,
                       .status = ST_SKIPPED,
                       .result = r};
    run_event(pr->r, &ev);
}

/// noop, refresh_inventory and reset_connection have no condition: they say so.
static bool takes_when(struct play_run *pr, const struct task *t, enum meta_kind kind) {
    if (kind != META_NOOP && kind != META_RESET_CONNECTION && kind != META_REFRESH_INVENTORY) {
        return true;
    }
    if (node_conditional(&t->n)) {
        run_warn(pr->r, NO_MARK, arena_printf(&pr->a, "%s task does not support when conditional", names[kind]));
    }
    return false;
}

bool meta_run(struct play_run *pr, struct hrun *h, struct pstep *s, bool *once, struct err *e) {
    enum meta_kind kind = find(meta_action(s->task));
    *once = kind == META_END_PLAY || kind == META_END_BATCH || kind == META_CLEAR_FACTS ||
            kind == META_CLEAR_HOST_ERRORS || kind == META_REFRESH_INVENTORY;
    if (s->task->implicit && kind == META_FLUSH_HANDLERS) {
        handlers_flush(pr, h);
        return true;
    }
    if (s->task->implicit && kind == META_NOOP) {
        return true;
    }
    announce(pr, s);
    if (kind == META_FLUSH_HANDLERS && s->handler) {
        return err_set(e, ERR_ARGS, s->task->action_at, "flush_handlers cannot be used as a handler");
    }
    struct arena a = {0};
    struct view v;
    bool run = true;
    struct err own = {.arena = &pr->a};
    bool ok = view_init(&v, pr, h, s, &a, &own) &&
              (!takes_when(pr, s->task, kind) || view_conditions(&v, node_whens(&s->task->n, &a), &run, NULL, &own));
    if (!ok) {
        *e = own;
        arena_release(&a);
        return err_wrap(e, s->task->n.at, "in 'meta'");
    }
    if (run) {
        act(pr, &v, kind);
    }
    tell(pr, &v, kind, run);
    if (s->notified) {
        s->notified[h->index] = 0;
    }
    arena_release(&a);
    return true;
}
