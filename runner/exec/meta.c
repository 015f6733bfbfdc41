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
    return find(what) != META_COUNT && find(what) != META_END_ROLE;
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
    case META_CLEAR_FACTS:
        each_reachable(pr, clear_facts);
        break;
    case META_CLEAR_HOST_ERRORS:
        each_reachable(pr, clear_errors);
        break;
    case META_RESET_CONNECTION:
        reset_connections(pr, v);
        break;
    case META_NOOP:
    case META_END_ROLE:
    case META_COUNT:
        break;
    }
}

bool meta_run(struct play_run *pr, struct hrun *h, struct pstep *s, bool *once, struct err *e) {
    enum meta_kind kind = find(meta_action(s->task));
    bool conditional = kind != META_NOOP && kind != META_RESET_CONNECTION;
    *once =
        kind == META_END_PLAY || kind == META_END_BATCH || kind == META_CLEAR_FACTS || kind == META_CLEAR_HOST_ERRORS;
    if (s->task->implicit && kind == META_FLUSH_HANDLERS) {
        handlers_flush(pr, h);
        return true;
    }
    if (s->task->implicit && kind == META_NOOP) {
        return true;
    }
    announce(pr, s);
    struct arena a = {0};
    struct view v;
    bool run = true;
    struct err own = {.arena = &pr->a};
    bool ok = view_init(&v, pr, h, s, &a, &own) &&
              (!conditional || view_conditions(&v, node_whens(&s->task->n, &a), &run, NULL, &own));
    if (!ok) {
        *e = own;
        arena_release(&a);
        return err_wrap(e, s->task->n.at, "in 'meta'");
    }
    if (run) {
        act(pr, &v, kind);
    } else {
        struct val r = val_dict(&a, 3);
        val_set(&a, r, "msg", val_str(&a, meta_action(s->task)));
        val_set(&a, r, "skipped", val_bool(true));
        val_set(&a, r, "skip_reason",
                val_printf(&a, "%s conditional evaluated to False, for %.*s", names[kind], STR(h->host->name)));
        struct event ev = {.kind = EV_RESULT,
                           .play = pr->play,
                           .task = s->task,
                           .host = h->host->name,
                           .handler = s->handler,
                           .status = ST_SKIPPED,
                           .result = r};
        run_event(pr->r, &ev);
    }
    if (s->notified) {
        s->notified[h->index] = 0;
    }
    arena_release(&a);
    return true;
}
