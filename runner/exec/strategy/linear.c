// The linear strategy: the same task on all hosts of the batch before the next one. Hosts that stand elsewhere wait.
#include "exec.h"

/// One task and the hosts that run it in this round.
struct round {
    struct pstep *step;
    struct arena a;  // until the end of the round
    struct hosts hosts;
    struct jobs done;  // kept only when the task includes something
    bool fatal_task;   // any_errors_fatal, or run_once
    bool lost;         // a host failed in it, or could not be reached
};

// -- choosing ---------------------------------------------------------------------------------------------------------

/// Distance from the cursor: what comes earlier in the play goes first; what lies behind comes last.
static size_t rank(const struct play_run *pr, const struct pstep *s) {
    return s->at >= pr->tasks.cursor ? s->at - pr->tasks.cursor : s->at + pr->tasks.n;
}

static bool before(const struct play_run *pr, const struct pstep *x, const struct pstep *y) {
    if (!y) {
        return true;
    }
    if (x->handler != y->handler) {
        return x->handler == pr->in_handlers;
    }
    return x->handler ? x->at < y->at : rank(pr, x) < rank(pr, y);
}

static struct pstep *peek(struct hrun *h) {
    return h->unreachable ? NULL : iter_peek(&h->it);
}

/// Lets go of handlers when no host is in them any more.
static void look_ahead(struct play_run *pr) {
    bool any_handler = false;
    for (size_t i = 0; i < pr->batch.n; i++) {
        struct hrun *h = pr->batch.p[i];
        struct pstep *s = h->unreachable ? NULL : strategy_next(pr, h);
        any_handler = any_handler || (s && s->handler);
    }
    pr->in_handlers = any_handler && pr->in_handlers;
}

/// Moves the hosts that stand at the chosen step. A role they have completed before is passed over.
static void take(struct play_run *pr, struct round *rd) {
    for (size_t i = 0; i < pr->batch.n; i++) {
        struct hrun *h = pr->batch.p[i];
        if (!rd->step || peek(h) != rd->step) {
            continue;
        }
        iter_take(&h->it);
        if (rd->step->handler || !role_skip(pr, rd->step->task->n.role, h)) {
            hosts_push(&rd->a, &rd->hosts, h);
        }
    }
}

static bool choose(struct play_run *pr, struct round *rd) {
    look_ahead(pr);
    for (size_t i = 0; i < pr->batch.n; i++) {
        struct pstep *s = peek(pr->batch.p[i]);
        if (s && before(pr, s, rd->step)) {
            rd->step = s;
        }
    }
    if (!rd->step) {
        return false;
    }
    take(pr, rd);
    const struct task *t = rd->step->task;
    if (!rd->step->handler) {
        pr->tasks.cursor = rd->step->at + 1;
        pr->in_handlers = pr->in_handlers || (t->kind == TASK_META && str_eqz(meta_action(t), "flush_handlers"));
    }
    return true;
}

// -- one round --------------------------------------------------------------------------------------------------------

static void finish_job(struct play_run *pr, struct round *rd, struct job *j) {
    struct hrun *h = j->h;
    enum task_status status = result_status(j->result);
    bool ignored = j->ignore_errors;
    strategy_finish(pr, j, &rd->done, &rd->a);
    h->hit = status == ST_FAILED && !ignored;
    rd->lost = rd->lost || h->hit || (status == ST_UNREACHABLE && h->unreachable);
    if (status == ST_FAILED && ignored) {
        rd->fatal_task = false;
    }
}

static void finish_jobs(struct play_run *pr, struct round *rd, size_t *active) {
    for (size_t i = 0; i < pr->finished.n; i++) {
        (*active)--;
        finish_job(pr, rd, pr->finished.p[i]);
    }
    pr->finished.n = 0;
}

static void run_jobs(struct play_run *pr, struct round *rd, size_t limit, bool once) {
    size_t n = once ? 1 : rd->hosts.n;
    size_t next = 0;
    size_t active = 0;
    pr->live.n = 0;
    while (!pr->r->stop && (next < n || active)) {
        for (; next < n && active < limit && !pr->fatal; finish_jobs(pr, rd, &active)) {
            active++;
            (void)strategy_start(pr, rd->hosts.p[next++], rd->step, once);
        }
        next = pr->fatal ? n : next;
        if (active) {
            wait_some(pr);
            finish_jobs(pr, rd, &active);
        }
    }
    if (pr->r->stop) {
        strategy_cancel(pr);
    }
}

static bool run_metas(struct play_run *pr, struct round *rd, struct err *e) {
    bool once = false;
    for (size_t i = 0; i < rd->hosts.n && !once; i++) {
        if (!meta_run(pr, rd->hosts.p[i], rd->step, &once, e)) {
            return false;
        }
    }
    return true;
}

static bool run_round(struct play_run *pr, struct round *rd, struct err *e) {
    bool once = false;
    bool fatal = false;
    size_t limit = 0;
    if (!rd->hosts.n) {
        return true;
    }
    if (rd->step->task->kind == TASK_META) {
        return run_metas(pr, rd, e);
    }
    if (!strategy_wanted(pr, rd->step, NULL)) {
        return true;
    }
    const struct module *m = rd->step->task->module;
    struct hrun *first = rd->hosts.p[0];
    if (!strategy_bool(pr, rd->step, first, KW_RUN_ONCE, false, &once, e) ||
        !strategy_bool(pr, rd->step, first, KW_ANY_ERRORS_FATAL, pr->r->o->any_errors_fatal, &fatal, e) ||
        !strategy_throttle(pr, rd->step, first, &limit, e)) {
        return false;
    }
    limit = limit && limit < strategy_forks(pr) ? limit : strategy_forks(pr);
    bool first_only = once || (m && m->once);
    rd->fatal_task = fatal || first_only;
    strategy_announce(pr, rd->step, first);
    for (size_t i = 0; i < pr->batch.n; i++) {
        pr->batch.p[i]->hit = false;
    }
    run_jobs(pr, rd, limit, first_only);
    bool ok = include_process(pr, &rd->done, e);
    for (size_t i = 0; i < rd->hosts.n; i++) {
        rd->lost = rd->lost || rd->hosts.p[i]->hit;  // an include may have failed
    }
    strategy_free_jobs(&rd->done);
    for (size_t i = 0; i < rd->hosts.n && !pr->r->stop; i++) {
        struct hrun *h = rd->hosts.p[i];
        if (!h->early.n) {  // their views look into its memory
            host_state_settle(&h->state);
        }
    }
    return ok;
}

// -- after a round ----------------------------------------------------------------------------------------------------

static void no_hosts_left(struct play_run *pr) {
    struct event ev = {.kind = EV_NO_HOSTS_LEFT, .play = pr->play};
    run_event(pr->r, &ev);
}

static size_t count(const struct play_run *pr, bool failed) {
    size_t n = 0;
    for (size_t i = 0; i < pr->batch.n; i++) {
        const struct hrun *h = pr->batch.p[i];
        n += !h->unreachable && (!failed || h->failed);
    }
    return n;
}

/// All hosts that did not fail in this round fail now, also those in a rescue or always part. One that is rescued from
/// it goes on in this play only.
static void spread_failure(struct play_run *pr) {
    for (size_t i = 0; i < pr->batch.n; i++) {
        struct hrun *h = pr->batch.p[i];
        if (!h->unreachable && !h->hit) {
            iter_fail(&h->it);
            h->failed = true;
            h->removed = true;
        }
    }
}

static bool all_at_end(const struct play_run *pr) {
    for (size_t i = 0; i < pr->batch.n; i++) {
        const struct hrun *h = pr->batch.p[i];
        if (!h->unreachable && h->it.state == ITER_RUNNING) {
            return false;
        }
    }
    return true;
}

static bool too_many_failed(struct play_run *pr) {
    struct val max = pr->set.max_fail;
    int64_t whole = 0;
    double limit = 0;
    if (val_is(max, VAL_UNDEF) || val_is(max, VAL_NULL)) {
        return false;
    }
    if (val_is(max, VAL_FLOAT)) {
        limit = max.u.f;
    } else {
        struct str text = val_text(max);
        while (text.n && text.s[text.n - 1] == '%') {
            text.n--;
        }
        if (!val_as_int(max, &whole) && !str_int(str_trim(text), &whole)) {
            return false;
        }
        limit = (double)whole;
    }
    size_t failed = 0;
    for (size_t i = 0; i < pr->batch.n; i++) {
        failed += pr->batch.p[i]->failed;
    }
    return (double)failed * 100 > limit * (double)pr->batch.n;
}

/// True when the play ends here because of failures.
static bool broken(struct play_run *pr, const struct round *rd, bool *breaking) {
    if (rd->fatal_task && rd->lost) {
        spread_failure(pr);
        if (!pr->r->o->v219 && all_at_end(pr)) {  // 2.14 says so, and runs no other play; 2.19 does not
            no_hosts_left(pr);
            pr->broken = true;
        }
    }
    if (rd->hosts.n && too_many_failed(pr)) {
        spread_failure(pr);
        no_hosts_left(pr);
        *breaking = true;
    }
    if (*breaking && count(pr, true) >= count(pr, false)) {
        no_hosts_left(pr);
        return true;
    }
    return false;
}

bool linear_run(struct play_run *pr, struct err *e) {
    bool breaking = false;
    bool ok = true;
    while (!pr->r->stop && !pr->fatal) {
        struct round rd = {0};
        bool more = choose(pr, &rd);
        ok = !more || run_round(pr, &rd, e);
        bool end = !more || !ok || broken(pr, &rd, &breaking);
        arena_release(&rd.a);
        if (end) {
            break;
        }
    }
    pr->broken = pr->broken || breaking;
    return ok;
}
