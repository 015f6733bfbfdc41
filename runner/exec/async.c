// Tasks in the background: started with async:, asked about every poll: seconds until they end or their time is over.
// What the target keeps of them is in modules/remote/async.c; the question is the module async_status.
#include "exec.h"

#include "fd.h"

bool async_read(struct job *j, struct err *e) {
    // their controller halves bring files or go on after the answer
    static const char *const not_these[] = {"raw",    "script",    "copy",     "template", "fetch",
                                            "reboot", "unarchive", "assemble", "patch",    "async_status"};
    struct item *it = &j->item;
    struct async_poll *p = &it->async;
    struct val dir = {0};
    *p = (struct async_poll){0};
    if (!view_int(&j->v, KW_ASYNC, 0, &p->limit_s, e) || p->limit_s <= 0) {
        return e->code == ERR_NONE;
    }
    if (!view_int(&j->v, KW_POLL, j->pr->r->o->poll_s, &p->poll_s, e) ||
        !view_var(&j->v, "ansible_async_dir", &dir, e)) {
        return false;
    }
    if (p->poll_s < 0) {
        return err_set(e, ERR_ARGS, j->task->n.kw[KW_POLL].mark,
                       "Invalid value for poll, please pass a value greater or "
                       "equal to 0");
    }
    bool ours = it->mod->side == ON_TARGET;
    for (size_t i = 0; i < COUNTOF(not_these); i++) {
        ours = ours && strcmp(j->task->action, not_these[i]) != 0;
    }
    if (!ours) {
        return err_set(e, ERR_ARGS, j->task->action_at, "async is not supported for this task.");
    }
    if (it->check) {
        return err_set(e, ERR_ARGS, j->task->action_at, "check mode and async cannot be used on same task.");
    }
    p->dir = val_is(dir, VAL_STR) ? val_text(dir) : j->pr->r->o->async_dir;
    p->state = ASYNC_START;
    p->left_s = p->limit_s;
    return true;
}

static void tell(struct job *j, int level, struct val result) {
    struct event ev = result_event(j, EV_ASYNC, result, &j->a);
    ev.level = level;
    run_event(j->pr->r, &ev);
}

static enum job_phase ask_later(struct job *j) {
    j->item.async.state = ASYNC_POLL;
    j->item.async.since = clock_ms();
    j->due = j->item.async.since + j->item.async.poll_s * 1000;
    j->after = JOB_POLL;
    return JOB_TIMER;
}

enum job_phase async_ask(struct job *j) {
    struct item *it = &j->item;
    struct async_poll *p = &it->async;
    struct err e = {.arena = &j->a};
    struct val args = val_dict(&j->a, 3);
    val_set(&j->a, args, "jid", p->jid);
    val_set(&j->a, args, "mode", val_z(&j->a, p->state == ASYNC_CLEANUP ? "cleanup" : "status"));
    val_set(&j->a, args, "_async_dir", p->dir.n ? val_str(&j->a, p->dir) : val_z(&j->a, "~/.ansible_async"));
    it->slot = slot_get(j->pr->r, &it->login, &j->a, &e);
    if (!it->slot) {
        it->result = result_failed(&j->a, &e);
        return JOB_RESULT;
    }
    struct conn_request q = {.module = "async_status",
                             .args = args,
                             .become = it->login.use_become ? &it->login.become : NULL,
                             .verbosity = j->pr->r->o->verbosity,
                             .environment = it->environment,
                             .lane = ++j->pr->r->lane};
    it->slot->in_flight++;
    j->request = conn_submit(it->slot->conn, &q, j);
    return JOB_SENT;
}

/// The answer to "how is it doing?".
static enum job_phase polled(struct job *j) {
    struct async_poll *p = &j->item.async;
    struct val r = j->item.result;
    bool lost = result_flag(r, "unreachable");
    bool over = !lost && (result_flag(r, "finished") || result_is_failed(r) || result_is_skipped(r));
    if (over) {
        p->result = r;
        p->state = ASYNC_CLEANUP;
        return JOB_POLL;
    }
    // a host that cannot be asked costs the time that it takes to find out
    int64_t took = (clock_ms() - p->since) / 1000;
    p->left_s -= lost && took > p->poll_s ? took : p->poll_s;
    if (!lost) {
        tell(j, 0, r);
    }
    if (p->left_s > 0) {
        return ask_later(j);
    }
    struct val late = val_dict(&j->a, 3);
    val_set(&j->a, late, "failed", val_bool(true));
    val_set(&j->a, late, "msg",
            val_printf(&j->a, "async task did not complete within the requested time - %llds", (long long)p->limit_s));
    val_set(&j->a, late, "async_result", r);
    j->item.result = late;
    p->state = ASYNC_DONE;
    tell(j, 2, late);
    return JOB_RESULT;
}

bool async_next(struct job *j, enum job_phase *phase) {
    struct async_poll *p = &j->item.async;
    struct val r = j->item.result;
    switch (p->state) {
    case ASYNC_NONE:
    case ASYNC_DONE:
        return false;
    case ASYNC_START:
        p->jid = val_get(r, "ansible_job_id");
        p->state = ASYNC_DONE;
        if (!p->poll_s || result_is_failed(r) || result_is_skipped(r) || result_flag(r, "unreachable") ||
            !val_is(p->jid, VAL_STR)) {
            return false;
        }
        *phase = ask_later(j);
        return true;
    case ASYNC_POLL:
        *phase = polled(j);
        return *phase != JOB_RESULT;
    case ASYNC_CLEANUP:
        break;
    }
    p->state = ASYNC_DONE;
    j->item.result = p->result;
    tell(j, result_is_failed(p->result) ? 2 : 1, p->result);
    return false;
}
