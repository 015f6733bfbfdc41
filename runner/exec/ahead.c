// Items of a loop in flight together: while one is on its way, those behind it are prepared and sent, where nothing can
// tell the difference. They go in one lane to one process, which keeps their order, and their results are looked at in
// order. A template that asks for what the loop registers, or for a lookup, is not evaluated early: the item waits.
#include "exec.h"

#define AHEAD_MAX   ((size_t)64)       // items of one job
#define AHEAD_MIN   ((size_t)8)        // of each job, however many there are
#define AHEAD_ALL   ((size_t)16384)    // of all jobs together: each lies in memory until it is answered
#define AHEAD_BYTES ((size_t)8 << 20)  // of content that they send

struct ahead {
    struct item item;
    uint64_t request;
    enum job_phase phase;  // JOB_SENT, JOB_RESULT once it is answered, JOB_ITEM_DONE when `when` skipped it
};

/// A scope that tells when something is asked for that an earlier item may still change.
struct watched {
    struct jinja_scope inner;
    struct str reg;
    bool met;
};

static bool watched_get(void *self, struct str name, struct arena *a, struct val *out, struct err *e) {
    struct watched *w = self;
    if (w->reg.n && (str_eq(name, w->reg) || str_eqz(name, "vars"))) {
        w->met = true;
        return err_set(e, ERR_ARGS, NO_MARK, "'%.*s' is not known yet", STR(name));
    }
    return w->inner.get(w->inner.self, name, a, out, e);
}

static void watched_names(void *self, void (*offer)(void *, struct str), void *to) {
    struct watched *w = self;
    if (w->inner.names) {
        w->inner.names(w->inner.self, offer, to);
    }
}

/// True for a loop whose items do not depend on each other by their keywords. On this machine an item may write the
/// file that the next one's module reads here before it is sent.
static bool may(const struct job *j) {
    const struct item *it = &j->item;
    const struct node *n = &j->task->n;
    if (it->mod && it->mod->prepare && strcmp(it->login.spec.kind, "local") == 0) {
        return false;
    }
    return j->looping && !j->ahead_off && it->mod && it->mod->side == ON_TARGET && !it->mod->step && !it->gather &&
           !it->timeout_ms && it->tries <= 1 && !j->lc.pause_ms && val_is(n->kw[KW_UNTIL], VAL_UNDEF) &&
           val_is(node_kw(n, KW_ASYNC), VAL_UNDEF) && val_is(val_get(j->task->loop_control, "break_when"), VAL_UNDEF);
}

/// True when the item j->item goes to where `now` went.
static bool same_way(const struct job *j, const struct item *now) {
    const struct item *it = &j->item;
    return it->mod == now->mod && it->target == now->target && !it->timeout_ms && it->tries <= 1 &&
           login_same(&it->login, &now->login);
}

static size_t content(const struct item *it) {
    size_t n = 0;
    for (size_t i = 0; i < it->call.blobs.n; i++) {
        n += it->call.blobs.p[i].size;
    }
    return n;
}

/// Prepares and sends item j->i; false: it has to wait for its turn.
static bool one(struct job *j, const struct item *now, const struct watched *w, enum job_phase *phase) {
    struct err e = {.arena = &j->a};
    j->v.jc.lookups_met = false;
    *phase = item_begin(j, &e);
    if (*phase == JOB_ATTEMPT && same_way(j, now)) {
        *phase = attempt_prepare(j);
    }
    if (w->met || j->v.jc.lookups_met) {
        return false;
    }
    if (*phase == JOB_SENT) {
        *phase = attempt_submit(j);
        return *phase == JOB_SENT;
    }
    return *phase == JOB_ITEM_DONE;
}

/// How many of `left` items may be on their way: with many hosts fewer of each.
static size_t ring_size(const struct job *j, size_t left) {
    size_t forks = j->pr->r->o->forks > 0 ? (size_t)j->pr->r->o->forks : 1;
    size_t jobs = j->pr->live.n < forks ? j->pr->live.n : forks;
    size_t share = AHEAD_ALL / (jobs ? jobs : 1);
    share = share < AHEAD_MIN ? AHEAD_MIN : share > AHEAD_MAX ? AHEAD_MAX : share;
    return left < share ? left : share;
}

void ahead_fill(struct job *j) {
    size_t total = val_len(j->items);
    if (!may(j) || j->i + 1 >= total) {
        return;
    }
    struct ahead_queue *q = &j->ahead;
    if (!q->p) {
        q->cap = ring_size(j, total - j->i - 1);
        q->p = ARENA_ARRAY(&j->a, struct ahead, q->cap);
    }
    if (q->n > q->cap / 2) {
        return;  // many at a time: they travel in one packet, and one process of the target runs them
    }
    struct item now = j->item;
    size_t at = j->i;
    uint64_t request = j->request;
    struct watched w = {.inner = j->v.jc.scope, .reg = now.reg};
    j->v.jc.scope = (struct jinja_scope){&w, watched_get, watched_names};
    j->v.jc.no_lookups = true;
    while (!j->ahead_off && q->n < q->cap && at + 1 + q->n < total && q->bytes < AHEAD_BYTES) {
        enum job_phase phase = JOB_ITEM;
        j->i = at + 1 + q->n;
        if (one(j, &now, &w, &phase)) {
            q->p[(q->first + q->n++) % q->cap] = (struct ahead){j->item, j->request, phase};
            q->bytes += content(&j->item);
        } else {
            j->ahead_off = true;  // what one item needs, those behind it need too
        }
    }
    j->v.jc.scope = w.inner;
    j->v.jc.no_lookups = false;
    j->item = now;
    j->i = at;
    j->request = request;
    loop_set_vars(j);
}

bool ahead_take(struct job *j, enum job_phase *phase) {
    struct ahead_queue *q = &j->ahead;
    if (!q->n) {
        return false;
    }
    const struct ahead *first = &q->p[q->first];
    j->item = first->item;
    j->request = first->request;
    *phase = first->phase;
    q->first = (q->first + 1) % q->cap;
    q->n--;
    q->bytes -= content(&j->item);
    loop_set_vars(j);
    return true;
}

void ahead_completed(struct job *j, struct completion *c) {
    struct ahead_queue *q = &j->ahead;
    for (size_t i = 0; i < q->n; i++) {
        struct ahead *x = &q->p[(q->first + i) % q->cap];
        if (x->phase == JOB_SENT && x->request == c->id) {
            struct item now = j->item;
            enum job_phase phase = j->phase;
            j->item = x->item;
            job_completed(j, c);
            x->item = j->item;
            x->phase = JOB_RESULT;
            j->item = now;
            j->phase = phase;
            return;
        }
    }
}

void ahead_cancel(struct job *j) {
    struct ahead_queue *q = &j->ahead;
    for (size_t i = 0; i < q->n; i++) {
        const struct ahead *x = &q->p[(q->first + i) % q->cap];
        if (x->phase == JOB_SENT && x->item.slot->conn) {
            conn_cancel(x->item.slot->conn, x->request);
        }
    }
}
