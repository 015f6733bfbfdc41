// Tasks in flight together: while a host's task is on its way, the tasks behind it are prepared and sent, where nothing
// can tell the difference. The remote runs such a request only if nothing before it in its lane has failed, and says so
// otherwise; then it is sent again when its turn comes, if it still comes. What is not certain waits:
// - a task that may fail here although the target says it went well ends the chain (failed_when, until, a label ...);
// - a template that asks for what a task in the chain registers, or for a lookup, is not evaluated early;
// - only modules that change no variables of the host are in a chain, all by one login to one process.
// For one host, or where each host goes its own way: otherwise the hosts wait for each other anyway.
#include "exec.h"

#define EARLY_MAX ((size_t)32)

/// A scope that tells when something is asked for that a task in the chain may still change.
struct chain {
    struct jinja_scope inner;
    const struct jobs *jobs;  // with what they register
    bool met;
};

static struct str registers(const struct job *j) {
    struct val reg = j->task->n.kw[KW_REGISTER];
    return val_is(reg, VAL_STR) ? val_text(reg) : STR_NONE;
}

static bool chain_get(void *self, struct str name, struct arena *a, struct val *out, struct err *e) {
    struct chain *c = self;
    bool unsure = str_eqz(name, "vars") || str_eqz(name, "hostvars");
    for (size_t i = 0; i < c->jobs->n && !unsure; i++) {
        unsure = str_eq(registers(c->jobs->p[i]), name);
    }
    if (unsure) {
        c->met = true;
        return err_set(e, ERR_ARGS, NO_MARK, "'%.*s' is not known yet", STR(name));
    }
    return c->inner.get(c->inner.self, name, a, out, e);
}

static void chain_names(void *self, void (*offer)(void *, struct str), void *to) {
    const struct chain *c = self;
    if (c->inner.names) {
        c->inner.names(c->inner.self, offer, to);
    }
}

/// Modules whose results are never facts.
static bool plain_module(const struct module *m) {
    static const char *const names[] = {
        "apt",     "apt_key",     "apt_repository", "assemble",  "blockinfile", "command",
        "copy",    "cron",        "file",           "find",      "get_url",     "git",
        "group",   "known_hosts", "lineinfile",     "package",   "ping",        "replace",
        "script",  "service",     "shell",          "slurp",     "stat",        "systemd_service",
        "systemd", "template",    "tempfile",       "unarchive", "uri",         "user"};
    bool found = false;
    for (size_t i = 0; m && i < COUNTOF(names) && !found; i++) {
        found = module_find(str_from(names[i])) == m;
    }
    return found;
}

static bool absent(const struct node *n, enum keyword k) {
    struct val v = node_kw(n, k);
    return val_is(v, VAL_UNDEF) || val_is(v, VAL_NULL);
}

/// True when the task's fate is decided by the target alone.
static bool plain_task(const struct job *j) {
    const struct task *t = j->task;
    const struct node *n = &t->n;
    struct val changed = n->kw[KW_CHANGED_WHEN];
    bool flat = val_is(changed, VAL_UNDEF) || val_is(changed, VAL_BOOL);
    return t->kind == TASK_MODULE && plain_module(t->module) && flat && absent(n, KW_FAILED_WHEN) &&
           absent(n, KW_UNTIL) && absent(n, KW_ASYNC) && absent(n, KW_DELEGATE_TO) && absent(n, KW_TIMEOUT) &&
           absent(n, KW_DEBUGGER) && absent(n, KW_THROTTLE) && !t->module->finish && !t->module->no_target &&
           !val_is(t->loop_control, VAL_DICT) && !j->pr->r->o->task_timeout_s;
}

/// True when everything of the job was sent and nothing of it comes between.
static bool all_sent(const struct job *j) {
    return j->phase == JOB_SENT && (!j->looping || (!j->ahead_off && j->i + j->ahead.n + 1 == val_len(j->items)));
}

static bool possible(const struct job *j) {
    const struct run *r = j->pr->r;
    return (j->pr->batch.n == 1 || j->pr->set.strategy != STRATEGY_LINEAR) && !r->step && !r->start_at.n &&
           !j->step->handler && !j->run_once && all_sent(j) && plain_task(j) &&
           strcmp(j->item.login.spec.kind, "local") != 0;
}

/// Brings a new job up to the sending; false: it has to wait for its turn.
static bool prepare(struct job *j, const struct job *first, const struct jobs *chain) {
    struct err e = {.arena = &j->a};
    if (!job_view(j, &e)) {
        return false;
    }
    struct chain c = {.inner = j->v.jc.scope, .jobs = chain};
    j->v.jc.scope = (struct jinja_scope){&c, chain_get, chain_names};
    j->v.jc.no_lookups = true;
    bool ok = job_begin(j, &e) && (!j->looping || val_len(j->items)) && !j->loop_err;
    enum job_phase phase = ok ? item_begin(j, &e) : JOB_DONE;
    bool sent = phase == JOB_ATTEMPT && j->item.mod == j->task->module && !j->item.timeout_ms &&
                login_same(&j->item.login, &first->item.login) && attempt_prepare(j) == JOB_SENT;
    sent = sent && !c.met && !j->v.jc.lookups_met;
    if (sent) {
        j->no_log = j->no_log || j->item.no_log;
        j->lane = first->lane;
        j->phase = attempt_submit(j);
        sent = j->phase == JOB_SENT;
    }
    if (sent) {
        ahead_fill(j);
    }
    j->v.jc.scope = c.inner;
    j->v.jc.no_lookups = false;
    view_changed(&j->v);
    return sent;
}

/// The step behind those of the chain, for this host; NULL: none that may be known now.
static struct pstep *next_step(struct iter *it, const struct job *last) {
    struct pstep *s = iter_peek(it);
    bool fits = s && s->task && !s->handler && s->task->kind == TASK_MODULE && s->task->n.role == last->task->n.role &&
                !last->v.delegated.n;
    if (!fits) {
        return NULL;
    }
    iter_take(it);
    return s;
}

void early_fill(struct job *j) {
    struct play_run *pr = j->pr;
    struct hrun *h = j->h;
    if (j->early || h->early.n || !possible(j)) {
        return;
    }
    struct arena a = {0};
    struct iter it;
    iter_copy(&it, &h->it, &a);
    struct jobs chain = {0};
    jobs_push(&a, &chain, j);
    const struct job *last = j;
    for (size_t n = 0; n < EARLY_MAX; n++) {
        struct pstep *s = next_step(&it, last);
        struct job *k = s ? job_new(pr, h, s) : NULL;
        if (!k) {
            break;
        }
        k->early = true;
        if (!plain_task(k) || !prepare(k, j, &chain)) {
            job_free(k);
            break;
        }
        jobs_push(&a, &chain, k);
        jobs_push(&pr->a, &h->early, k);
        last = k;
        if (!all_sent(k)) {
            break;
        }
    }
    arena_release(&a);
}

struct job *early_take(struct hrun *h, const struct pstep *s) {
    if (!h->early.n || h->early.p[0]->step != s) {
        early_drop(h);
        return NULL;
    }
    struct job *j = h->early.p[0];
    h->early.n--;
    memmove(h->early.p, h->early.p + 1, h->early.n * sizeof *h->early.p);
    j->early = false;
    return j;
}

void early_drop(struct hrun *h) {
    for (size_t i = 0; i < h->early.n; i++) {
        struct job *j = h->early.p[i];
        struct run *r = j->pr->r;
        if (j->phase == JOB_SENT) {
            conn_cancel(j->item.slot->conn, j->request);
        }
        ahead_cancel(j);
        j->given_up = true;
        jobs_push(&r->a, &r->abandoned, j);
    }
    h->early = (struct jobs){0};
}
