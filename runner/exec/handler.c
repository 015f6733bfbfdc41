// Handlers: the list of those that can be notified, by name and by topic, and the flag each host has in them.
#include "exec.h"

#include "typo.h"

static void add(struct play_run *pr, struct task *t, size_t group) {
    struct pstep *s = plan_task(pr, t, true);
    s->notified = ARENA_ARRAY(&pr->a, uint8_t, pr->batch.n + 1);
    s->group = group;
    s->at = pr->handler_order.n;
    order_push(&pr->a, &pr->handler_order, s);
    steps_push(&pr->a, &pr->handlers, s);
}

static size_t next_group(const struct play_run *pr) {
    return pr->handlers.n ? pr->handlers.p[pr->handlers.n - 1]->group + 1 : 0;
}

static bool known(const struct play_run *pr, const struct task *t) {
    for (size_t i = 0; i < pr->handlers.n; i++) {
        if (pr->handlers.p[i]->task == t) {
            return true;
        }
    }
    return false;
}

void handlers_add_role(struct play_run *pr, struct role *role) {
    for (size_t i = 0; i < role->ndeps; i++) {
        handlers_add_role(pr, role->deps[i]);
    }
    size_t group = next_group(pr);
    for (size_t i = 0; i < role->nhandlers; i++) {
        if (!known(pr, role->handlers[i])) {
            add(pr, role->handlers[i], group);
        }
    }
}

bool handlers_load(struct play_run *pr, struct err *e) {
    (void)e;
    for (size_t i = 0; i < pr->play->nroles; i++) {
        handlers_add_role(pr, pr->play->roles[i]);
    }
    size_t group = next_group(pr);
    for (size_t i = 0; i < pr->play->nhandlers; i++) {
        add(pr, pr->play->handlers[i], group);
    }
    for (size_t i = 0; i < pr->play->nimported; i++) {
        handlers_add_role(pr, pr->play->imported[i]);
    }
    return true;
}

/// The handler's name with its templates resolved. A name that cannot be is said to be of no use.
static struct str title(struct play_run *pr, struct pstep *s) {
    if (s->title.s || !s->task->n.name.n) {
        return s->title;
    }
    struct view v;
    struct err e = {.arena = &pr->a};
    struct val raw = s->task->n.kw[KW_NAME];
    if (!val_any_flag(raw, VAL_TMPL)) {
        s->title = s->task->n.name;
        return s->title;
    }
    if (view_init(&v, pr, NULL, s, &pr->a, &e) && view_value(&v, raw, &raw, &e)) {
        s->title = str_dup(&pr->a, val_str_of(&pr->a, raw));
    } else if (!val_len(s->task->listen)) {
        run_warn(pr->r, NO_MARK,
                 arena_printf(&pr->a,
                              "Handler '%.*s' is unusable because it has no listen topics and the name could not be "
                              "templated (host-specific variables are not supported in handler names). The error: %.*s",
                              STR(s->task->n.name), STR(err_text(&e))));
    }
    return s->title;
}

static bool has_name(struct play_run *pr, struct pstep *s, struct str name) {
    struct str own = title(pr, s);
    const struct role *role = s->task->n.role;
    if (!own.n) {
        return false;
    }
    if (str_eq(own, name)) {
        return true;
    }
    if (!role || !str_ends(name, str_z(&pr->a, own))) {
        return false;
    }
    struct str lead = str_sub(name, 0, name.n - own.n);
    return str_eq(lead, str_printf(&pr->a, "%.*s : ", STR(role->name))) ||
           str_eq(lead, str_printf(&pr->a, "%.*s : ", STR(role->fqcn)));
}

/// Topics are taken as they are written: they are no templates.
static bool listens(const struct pstep *s, struct str topic) {
    struct val topics = s->task->listen;
    for (size_t i = 0; i < val_len(topics); i++) {
        if (str_eq(val_text(val_at_index(topics, i)), topic)) {
            return true;
        }
    }
    return false;
}

static void notify(struct job *j, struct pstep *s) {
    if (!j->h->in_batch || s->notified[j->h->index]) {
        return;
    }
    s->notified[j->h->index] = 1;
    iter_touch(&j->h->it);
    struct str name = title(j->pr, s);
    struct event ev = {.kind = EV_NOTIFY,
                       .name = name.n ? name : s->task->n.name,
                       .play = j->pr->play,
                       .task = s->task,
                       .host = j->h->host->name,
                       .handler = true};
    run_event(j->pr->r, &ev);
}

/// The last list with the name wins; in one list the first.
static struct pstep *by_name(struct play_run *pr, struct str name) {
    for (size_t end = pr->handlers.n; end;) {
        size_t begin = end - 1;
        while (begin && pr->handlers.p[begin - 1]->group == pr->handlers.p[begin]->group) {
            begin--;
        }
        for (size_t i = begin; i < end; i++) {
            if (has_name(pr, pr->handlers.p[i], name)) {
                return pr->handlers.p[i];
            }
        }
        end = begin;
    }
    return NULL;
}

bool handler_notify(struct job *j, struct str name, struct err *e) {
    struct play_run *pr = j->pr;
    struct pstep *s = by_name(pr, name);
    bool found = s != NULL;
    if (s) {
        notify(j, s);
    }
    for (size_t i = 0; i < pr->handlers.n; i++) {
        if (listens(pr->handlers.p[i], name)) {
            found = true;
            notify(j, pr->handlers.p[i]);
        }
    }
    if (found) {
        return true;
    }
    struct typo t = {.got = name};
    for (size_t i = 0; i < pr->handlers.n; i++) {
        typo_offer(&t, title(pr, pr->handlers.p[i]));
    }
    err_set(e, ERR_NOT_FOUND, j->task->n.at,
            "The requested handler '%.*s' was not found in either the main handlers list nor in the listening handlers "
            "list",
            STR(name));
    if (pr->r->o->missing_handler_ok) {
        run_warn(pr->r, NO_MARK, str_z(&pr->a, err_text(e)));
        err_clear(e);
        return true;
    }
    return t.best.n ? err_hint(e, "did you mean '%.*s'?", STR(t.best)) : false;
}

void handler_ran(struct play_run *pr, struct pstep *s, struct hrun *h) {
    size_t end = h ? h->index + 1 : pr->batch.n;
    for (size_t i = h ? h->index : 0; i < end; i++) {
        s->notified[i] = 0;
        iter_touch(&pr->batch.p[i]->it);
    }
}

void handlers_flush(struct play_run *pr, struct hrun *h) {
    iter_flush(&h->it, &pr->handlers);
}
