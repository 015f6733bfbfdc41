// The linear strategy: the same task on all hosts of the batch before the next one. Hosts that stand elsewhere wait.
#include "exec.h"

/// One task and the hosts that run it in this round.
struct round {
    struct pstep *step;
    struct arena a;  // until the end of the round
    struct hosts hosts;
    struct jobs done;  // kept only when the task includes something
    bool fatal_task;   // any_errors_fatal, or run_once
    size_t failed, unreachable;
};

// -- choosing ---------------------------------------------------------------------------------------------------------

static bool wants_facts(const struct play_run *pr, const struct hrun *h) {
    struct val given = pr->play->n.kw[KW_GATHER_FACTS];
    struct str how = pr->r->o->gathering;
    bool yes = true;
    if (!val_is(given, VAL_UNDEF) && !val_as_bool(given, &yes)) {
        yes = val_truth(given);
    }
    if (str_eqz(how, "explicit")) {
        return !val_is(given, VAL_UNDEF) && yes;
    }
    return yes && !(str_eqz(how, "smart") && h->gathered);
}

/// A host's next step, past those that are not for it.
static struct pstep *next_step(struct play_run *pr, struct hrun *h) {
    struct pstep *s;
    while ((s = iter_peek(&h->it))) {
        if (s->role_end) {
            role_finish(pr, s->role_end, h);
        } else if (s != pr->setup || wants_facts(pr, h)) {
            return s;
        }
        iter_take(&h->it);
    }
    return NULL;
}

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
        struct pstep *s = h->unreachable ? NULL : next_step(pr, h);
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

static bool truth_kw(struct play_run *pr, struct round *rd, enum keyword k, bool absent, bool *out, struct err *e) {
    struct arena a = {0};
    struct view v;
    struct err own = {.arena = &pr->a};
    struct val raw = node_kw(&rd->step->task->n, k);
    *out = absent;
    if (val_is(raw, VAL_UNDEF)) {
        return true;
    }
    if (!val_any_flag(raw, VAL_TMPL)) {
        return val_as_bool(raw, out) || err_set(e, ERR_TYPE, raw.mark, "'%s' must be a boolean, not %s",
                                                keyword_docs[k].name, val_kind_name(raw.kind));
    }
    bool ok = view_init(&v, pr, rd->hosts.p[0], rd->step, &a, &own) && view_bool(&v, k, absent, out, &own);
    if (!ok) {
        *e = (struct err){.arena = &pr->a, .code = own.code, .at = own.at, .msg = own.msg, .hint = own.hint};
    }
    arena_release(&a);
    return ok;
}

static void announce(struct play_run *pr, struct round *rd) {
    struct arena a = {0};
    struct view v;
    struct err e = {.arena = &a};
    struct event ev = {.kind = EV_TASK_START,
                       .name = rd->step->task->n.name,
                       .play = pr->play,
                       .task = rd->step->task,
                       .handler = rd->step->handler,
                       .check = pr->r->o->check};
    if (view_init(&v, pr, rd->hosts.p[0], rd->step, &a, &e)) {
        bool check = ev.check;
        struct err quiet = {.arena = &a};
        ev.name = task_title(&v);
        if (view_bool(&v, KW_CHECK_MODE, ev.check, &check, &quiet)) {
            ev.check = check;
        }
    }
    run_event(pr->r, &ev);
    arena_release(&a);
}

static bool step_wanted(struct play_run *pr, const struct round *rd) {
    struct run *r = pr->r;
    struct arena a = {0};
    struct str answer = STR_NONE;
    struct err e = {.arena = &a};
    if (!r->step) {
        return true;
    }
    struct str name = rd->step->task->n.name.n ? rd->step->task->n.name : rd->step->task->action_name;
    const char *prompt = arena_printf(&a, "Perform task: TASK: %.*s (N)o/(y)es/(c)ontinue: ", STR(name));
    bool yes = false;
    struct question q = {.prompt = prompt, .echo = true};
    if (ask_terminal(r, &q, &a, &answer, &e)) {
        char c = (char)(answer.n ? answer.s[0] | 0x20 : 'n');
        r->step = c != 'c';
        yes = c == 'y' || c == 'c';
    } else if (e.code == ERR_NOT_FOUND) {
        run_error(r, &e);
        r->stop = true;
    }
    arena_release(&a);
    return yes;
}

static void finish_job(struct play_run *pr, struct round *rd, struct job *j) {
    struct hrun *h = j->h;
    enum task_status status = result_status(j->result);
    pr->live.p[j->number] = NULL;
    result_process(j);
    rd->failed += status == ST_FAILED && !j->ignore_errors && iter_failed(&h->it);
    rd->unreachable += status == ST_UNREACHABLE && h->unreachable;
    if (status == ST_FAILED && j->ignore_errors) {
        rd->fatal_task = false;
    }
    if (task_is_include(j->task)) {
        jobs_push(&rd->a, &rd->done, j);
    } else {
        job_free(j);
    }
}

static void finish_jobs(struct play_run *pr, struct round *rd, size_t *active) {
    for (size_t i = 0; i < pr->finished.n; i++) {
        (*active)--;
        finish_job(pr, rd, pr->finished.p[i]);
    }
    pr->finished.n = 0;
}

/// After Ctrl-C: what is in flight is given up; run_release frees the jobs once no completion can come any more.
static void cancel(struct play_run *pr) {
    for (size_t i = 0; i < pr->live.n; i++) {
        struct job *j = pr->live.p[i];
        if (!j) {
            continue;
        }
        if (j->phase == JOB_SENT && j->item.slot && j->item.slot->conn) {
            conn_cancel(j->item.slot->conn, j->request);
        }
        ahead_cancel(j);
        jobs_push(&pr->r->a, &pr->r->abandoned, j);
    }
    pr->timers.n = 0;
}

static bool limit_of(struct play_run *pr, struct round *rd, size_t *limit, struct err *e) {
    struct val raw = node_kw(&rd->step->task->n, KW_THROTTLE);
    int64_t n = 0;
    *limit = pr->r->o->forks > 0 ? (size_t)pr->r->o->forks : 5;
    if (val_is(raw, VAL_UNDEF)) {
        return true;
    }
    struct arena a = {0};
    struct view v;
    struct err own = {.arena = &pr->a};
    bool ok = view_init(&v, pr, rd->hosts.p[0], rd->step, &a, &own) && view_int(&v, KW_THROTTLE, 0, &n, &own);
    arena_release(&a);
    if (!ok) {
        *e = own;
        return false;
    }
    if (n > 0 && (size_t)n < *limit) {
        *limit = (size_t)n;
    }
    return true;
}

static void start_job(struct play_run *pr, struct round *rd, struct hrun *h, bool once) {
    struct job *j = job_new(pr, h, rd->step);
    j->run_once = once;
    j->number = pr->live.n;
    jobs_push(&pr->a, &pr->live, j);
    wait_start(pr, j);
}

static void run_jobs(struct play_run *pr, struct round *rd, size_t limit, bool once) {
    size_t n = once ? 1 : rd->hosts.n;
    size_t next = 0;
    size_t active = 0;
    pr->live.n = 0;
    while (!pr->r->stop && (next < n || active)) {
        for (; next < n && active < limit && !pr->fatal; finish_jobs(pr, rd, &active)) {
            active++;
            start_job(pr, rd, rd->hosts.p[next++], once);
        }
        next = pr->fatal ? n : next;
        if (active) {
            wait_some(pr);
            finish_jobs(pr, rd, &active);
        }
    }
    if (pr->r->stop) {
        cancel(pr);
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
    size_t limit = 1;
    if (!rd->hosts.n) {
        return true;
    }
    if (rd->step->task->kind == TASK_META) {
        return run_metas(pr, rd, e);
    }
    if (!step_wanted(pr, rd)) {
        return true;
    }
    const struct module *m = rd->step->task->module;
    if (!truth_kw(pr, rd, KW_RUN_ONCE, false, &once, e) ||
        !truth_kw(pr, rd, KW_ANY_ERRORS_FATAL, pr->r->o->any_errors_fatal, &fatal, e) || !limit_of(pr, rd, &limit, e)) {
        return false;
    }
    bool first_only = once || (m && m->once);
    rd->fatal_task = fatal || first_only;
    announce(pr, rd);
    run_jobs(pr, rd, limit, first_only);
    bool ok = include_process(pr, &rd->done, e);
    for (size_t i = 0; i < rd->done.n; i++) {
        job_free(rd->done.p[i]);
    }
    for (size_t i = 0; i < rd->hosts.n && !pr->r->stop; i++) {
        host_state_settle(&rd->hosts.p[i]->state);
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

static void spread_failure(struct play_run *pr) {
    for (size_t i = 0; i < pr->batch.n; i++) {
        struct hrun *h = pr->batch.p[i];
        if (!h->unreachable && !iter_in_recovery(&h->it)) {
            h->failed = true;
        }
    }
}

static bool too_many_failed(struct play_run *pr) {
    struct val max = pr->play->n.kw[KW_MAX_FAIL_PERCENTAGE];
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
    if (rd->fatal_task && (rd->failed || rd->unreachable)) {
        spread_failure(pr);
        *breaking = true;
    }
    if (rd->hosts.n && too_many_failed(pr)) {
        for (size_t i = 0; i < pr->batch.n; i++) {
            struct hrun *h = pr->batch.p[i];
            if (!h->unreachable && !h->failed) {
                h->failed = true;
                iter_fail(&h->it);
            }
        }
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
    pr->broken = breaking;
    return ok;
}
