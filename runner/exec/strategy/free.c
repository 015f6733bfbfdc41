// The strategies free and host_pinned: every host goes through the play at its own pace. free gives each of the hosts
// that are ready a task in turn while there are forks left; host_pinned works on as many hosts as there are forks and
// takes the next host when one has reached the end.
#include "exec.h"

/// What this strategy knows of the hosts of its batch.
struct pace {
    struct play_run *pr;
    struct job **busy;  // for each host: its job, NULL when it is ready
    bool *pinned;       // host_pinned: holds one of the places
    size_t active, places;
    size_t last;  // the host whose turn it is
    bool warned_once, warned_fatal;
};

static void warn_once(struct pace *p, bool *said, const char *text) {
    if (!*said) {
        *said = true;
        run_warn(p->pr->r, NO_MARK, text);
    }
}

static size_t running(const struct pace *p, const struct pstep *s) {
    size_t n = 0;
    for (size_t i = 0; i < p->pr->batch.n; i++) {
        n += p->busy[i] && p->busy[i]->step == s;
    }
    return n;
}

/// What cannot be done at the hosts' own pace is said, or ends the run.
static bool suits(struct pace *p, struct pstep *s, struct hrun *h, struct err *e) {
    const struct module *m = s->task->module;
    bool yes = false;
    if (m && m->once) {
        return err_set(
            e, ERR_ARGS, s->task->action_at,
            "The '%.*s' module bypasses the host loop, which is currently not supported in the free strategy "
            "and would instead execute for every host in the inventory list.",
            STR(s->task->action_name));
    }
    if (!strategy_bool(p->pr, s, h, KW_RUN_ONCE, false, &yes, e)) {
        return false;
    }
    if (yes) {
        warn_once(p, &p->warned_once,
                  "Using run_once with the free strategy is not currently supported. This task will still be executed "
                  "for every host in the inventory list.");
    }
    if (!strategy_bool(p->pr, s, h, KW_ANY_ERRORS_FATAL, p->pr->r->o->any_errors_fatal, &yes, e)) {
        return false;
    }
    if (yes) {
        warn_once(p, &p->warned_fatal,
                  "Using any_errors_fatal with the free strategy is not supported, as tasks are executed independently "
                  "on each host");
    }
    return true;
}

/// A place of host_pinned; always there for free.
static bool place(struct pace *p, size_t i) {
    if (p->pr->set.strategy != STRATEGY_PINNED || p->pinned[i]) {
        return true;
    }
    if (!p->places) {
        return false;
    }
    p->places--;
    p->pinned[i] = true;
    return true;
}

static void leave(struct pace *p, size_t i) {
    if (p->pinned[i]) {
        p->pinned[i] = false;
        p->places++;
    }
}

/// Gives a ready host its next task. *idle: it has none now.
static bool advance(struct pace *p, size_t i, bool *idle, struct err *e) {
    struct play_run *pr = p->pr;
    struct hrun *h = pr->batch.p[i];
    for (;;) {
        *idle = true;
        struct pstep *s = h->unreachable ? NULL : strategy_next(pr, h);
        if (!s) {
            leave(p, i);
            return true;
        }
        if (!place(p, i)) {
            return true;
        }
        bool passed = !s->handler && role_skip(pr, s->task->n.role, h);
        bool meta = s->task->kind == TASK_META;
        size_t throttle = 0;
        if (!passed && !meta && (!strategy_throttle(pr, s, h, &throttle, e) || !suits(p, s, h, e))) {
            return false;
        }
        if (throttle && running(p, s) >= throttle) {
            return true;
        }
        iter_take(&h->it);
        *idle = false;
        if (passed) {
            continue;
        }
        if (meta) {
            bool once = false;
            return meta_run(pr, h, s, &once, e);
        }
        if (!strategy_wanted(pr, s, h)) {
            return true;
        }
        strategy_announce(pr, s, h);
        p->active++;
        p->busy[i] = strategy_start(pr, h, s, false);
        return true;
    }
}

/// One turn over the hosts, from the one behind the last. *moved: some host went on.
static bool turn(struct pace *p, bool *moved, struct err *e) {
    struct play_run *pr = p->pr;
    size_t n = pr->batch.n;
    size_t forks = strategy_forks(pr);
    size_t start = p->last;
    *moved = false;
    for (size_t k = 0; k < n && !pr->r->stop && !pr->fatal; k++) {
        size_t i = (start + k) % n;
        bool idle = true;
        if (p->busy[i]) {
            continue;
        }
        if (p->active >= forks) {
            p->last = i;
            return true;
        }
        if (!advance(p, i, &idle, e)) {
            return false;
        }
        *moved = *moved || !idle;
    }
    return true;
}

static bool take_finished(struct pace *p, struct err *e) {
    struct play_run *pr = p->pr;
    struct arena a = {0};
    struct jobs includes = {0};
    for (size_t i = 0; i < pr->finished.n; i++) {
        struct job *j = pr->finished.p[i];
        struct hrun *h = j->h;
        p->active--;
        p->busy[h->index] = NULL;
        strategy_finish(pr, j, &includes, &a);
        if (!h->early.n) {  // their views look into its memory
            host_state_settle(&h->state);
        }
    }
    pr->finished.n = 0;
    bool ok = pr->fatal || include_process(pr, &includes, e);
    strategy_free_jobs(&includes);
    arena_release(&a);
    return ok;
}

/// Numbers of jobs are given anew when none is alive, so that the list does not grow with the play.
static void forget_numbers(struct pace *p) {
    if (!p->active) {
        p->pr->live.n = 0;
    }
}

static bool all_gone(const struct play_run *pr) {
    for (size_t i = 0; i < pr->batch.n; i++) {
        if (!pr->batch.p[i]->unreachable) {
            return false;
        }
    }
    return true;
}

bool free_run(struct play_run *pr, struct err *e) {
    struct pace p = {.pr = pr, .places = strategy_forks(pr)};
    bool ok = true;
    bool moved = true;
    p.busy = ARENA_ARRAY(&pr->a, struct job *, pr->batch.n + 1);
    p.pinned = ARENA_ARRAY(&pr->a, bool, pr->batch.n + 1);
    if (!val_is(pr->set.max_fail, VAL_UNDEF)) {
        run_warn(pr->r, NO_MARK,
                 "Using max_fail_percentage with the free strategy is not supported, as tasks are executed "
                 "independently on each host");
    }
    while (ok && !pr->r->stop && !pr->fatal) {
        forget_numbers(&p);
        if (all_gone(pr)) {
            struct event ev = {.kind = EV_NO_HOSTS_LEFT, .play = pr->play};
            run_event(pr->r, &ev);
            break;
        }
        ok = turn(&p, &moved, e);
        if (ok && p.active && !pr->finished.n) {
            wait_some(pr);
        }
        if (ok && !moved && !p.active) {
            break;
        }
        ok = ok && take_finished(&p, e);
    }
    if (p.active) {
        strategy_cancel(pr);
    }
    return ok;
}
