// What every strategy does with one task on one host: finding it, announcing it, limits, starting and finishing its
// job.
#include "exec.h"

#include "fd.h"

static bool wants_facts(const struct play_run *pr, const struct hrun *h) {
    struct val given = pr->set.gather_facts;
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

struct pstep *strategy_next(struct play_run *pr, struct hrun *h) {
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

bool strategy_bool(struct play_run *pr, struct pstep *s, struct hrun *h, enum keyword k, bool absent, bool *out,
                   struct err *e) {
    struct arena a = {0};
    struct view v;
    struct err own = {.arena = &pr->a};
    struct val raw = node_kw(&s->task->n, k);
    *out = absent;
    if (val_is(raw, VAL_UNDEF) || val_is(raw, VAL_NULL)) {
        return true;
    }
    if (!val_any_flag(raw, VAL_TMPL)) {
        return val_as_bool(raw, out) || err_set(e, ERR_TYPE, raw.mark, "'%s' must be a boolean, not %s",
                                                keyword_docs[k].name, val_kind_name(raw.kind));
    }
    bool ok = view_init(&v, pr, h, s, &a, &own) && view_bool(&v, k, absent, out, &own);
    if (!ok) {
        *e = (struct err){.arena = &pr->a, .code = own.code, .at = own.at, .msg = own.msg, .hint = own.hint};
    }
    arena_release(&a);
    return ok;
}

bool strategy_throttle(struct play_run *pr, struct pstep *s, struct hrun *h, size_t *out, struct err *e) {
    struct val raw = node_kw(&s->task->n, KW_THROTTLE);
    int64_t n = 0;
    *out = 0;
    if (val_is(raw, VAL_UNDEF)) {
        return true;
    }
    struct arena a = {0};
    struct view v;
    struct err own = {.arena = &pr->a};
    bool ok = view_init(&v, pr, h, s, &a, &own) && view_int(&v, KW_THROTTLE, 0, &n, &own);
    arena_release(&a);
    if (!ok) {
        *e = own;
        return false;
    }
    *out = n > 0 ? (size_t)n : 0;
    return true;
}

size_t strategy_forks(const struct play_run *pr) {
    return pr->r->o->forks > 0 ? (size_t)pr->r->o->forks : 5;
}

void strategy_announce(struct play_run *pr, struct pstep *s, struct hrun *h) {
    struct arena a = {0};
    struct view v;
    struct err e = {.arena = &a};
    struct event ev = {.kind = EV_TASK_START,
                       .name = s->task->n.name,
                       .play = pr->play,
                       .task = s->task,
                       .handler = s->handler,
                       .check = pr->r->o->check};
    if (view_init(&v, pr, h, s, &a, &e)) {
        bool flag = ev.check;
        struct err quiet = {.arena = &a};
        ev.name = task_title(&v);
        if (view_bool(&v, KW_CHECK_MODE, ev.check, &flag, &quiet)) {
            ev.check = flag;
        }
        flag = false;
        ev.no_log = view_bool(&v, KW_NO_LOG, pr->r->o->no_log, &flag, &quiet) && flag;
    }
    run_event(pr->r, &ev);
    arena_release(&a);
}

static bool is_word(struct str s, const char *letter, const char *word) {
    const char *want = s.n == 1 ? letter : word;
    bool same = s.n == strlen(want);
    for (size_t i = 0; same && i < s.n; i++) {
        same = (s.s[i] | 0x20) == want[i];
    }
    return same;
}

/// --step, the question: anything but yes and continue leaves the task out.
static bool ask(struct run *r, const char *prompt, struct arena *a) {
    struct str answer = STR_NONE;
    struct err e = {.arena = a};
    struct question q = {.prompt = prompt, .echo = true, .stdin_too = true};
    if (!ask_terminal(r, &q, a, &answer, &e)) {
        run_error(r, &e);
        r->stop = true;
        return false;
    }
    bool go_on = is_word(answer, "c", "continue");
    r->step = !go_on;
    return go_on || is_word(answer, "y", "yes");
}

bool strategy_wanted(struct play_run *pr, struct pstep *s, struct hrun *h) {
    struct run *r = pr->r;
    if (!r->step) {
        return true;
    }
    struct arena a = {0};
    const struct role *role = s->task->n.role;
    struct str name = s->task->n.name.n ? s->task->n.name : s->task->action_name;
    struct buf b = BUF_IN(&a);
    buf_printf(&b, "Perform task: %s: ", s->handler ? "HANDLER" : "TASK");
    if (role) {
        buf_printf(&b, "%.*s : ", STR(role->fqcn.n ? role->fqcn : role->name));
    }
    buf_printf(&b, "%.*s ", STR(name));
    if (h) {
        buf_printf(&b, "on %.*s ", STR(h->host->name));
    }
    buf_z(&b, "(N)o/(y)es/(c)ontinue: ");
    bool yes = ask(r, str_z(&a, buf_view(&b)), &a);
    struct event ev = {.kind = EV_BANNER, .name = buf_view(&b)};
    if (!r->stop) {
        run_event(r, &ev);
    }
    arena_release(&a);
    return yes;
}

struct job *strategy_start(struct play_run *pr, struct hrun *h, struct pstep *s, bool once) {
    struct job *j = early_take(h, s);
    bool sent = j && j->phase == JOB_SENT;
    j = j ? j : job_new(pr, h, s);
    j->run_once = once;
    j->began_ms = clock_ms();
    j->number = pr->live.n;
    jobs_push(&pr->a, &pr->live, j);
    if (sent) {
        ahead_fill(j);
        early_fill(j);
    } else {
        wait_start(pr, j);
    }
    return j;
}

void strategy_finish(struct play_run *pr, struct job *j, struct jobs *includes, struct arena *a) {
    pr->live.p[j->number] = NULL;
    result_process(j);
    if (task_is_include(j->task)) {
        jobs_push(a, includes, j);
    } else {
        job_free(j);
    }
}

void strategy_free_jobs(struct jobs *l) {
    for (size_t i = 0; i < l->n; i++) {
        job_free(l->p[i]);
    }
    l->n = 0;
}

/// After Ctrl-C: where a host stood.
static void tell_where(struct play_run *pr, const struct job *j) {
    struct arena a = {0};
    struct view v;
    struct err e = {.arena = &a};
    struct str name = j->task->n.name.n ? j->task->n.name : j->task->action_name;
    if (view_init(&v, pr, NULL, j->step, &a, &e)) {
        name = task_title(&v);
    }
    const char *doing = j->phase == JOB_SENT ? "was at" : "waited in";
    struct event ev = {.kind = EV_WARNING};
    ev.name = str_printf(&a, "interrupted: host %.*s %s the task '%.*s' for %lld s", STR(j->h->host->name), doing,
                         STR(name), (long long)((clock_ms() - j->began_ms) / 1000));
    run_event(pr->r, &ev);
    arena_release(&a);
}

#define TOLD_MAX 20  // hosts named after Ctrl-C

void strategy_cancel(struct play_run *pr) {
    size_t told = 0;
    for (size_t i = 0; i < pr->batch.n; i++) {
        early_drop(pr->batch.p[i]);
    }
    size_t more = 0;
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
        if (told < TOLD_MAX) {
            tell_where(pr, j);
        }
        more += ++told > TOLD_MAX;
    }
    if (more) {
        struct event ev = {.kind = EV_WARNING, .name = str_printf(&pr->a, "interrupted: and %zu hosts more", more)};
        run_event(pr->r, &ev);
    }
    pr->timers.n = 0;
}
