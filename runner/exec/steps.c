// Modules that talk to their target step by step (reboot, wait_for_connection): their controller half says what is sent
// next, and sees every answer, also that there was none.
#include "exec.h"

#include "fd.h"

static enum job_phase ended(struct job *j, const struct err *e) {
    struct item *it = &j->item;
    if (e->code && !val_has(it->call.result, "failed")) {
        return attempt_failed(j, e);
    }
    it->result = it->call.result;
    if (it->call.changed) {
        val_set(&j->a, it->result, "changed", val_bool(true));
    }
    return JOB_RESULT;
}

/// Carries out what the last step asked for, once its pause is over.
static enum job_phase send(struct job *j) {
    struct item *it = &j->item;
    struct mod_step *n = &it->next;
    struct err e = {.arena = &j->a};
    struct val args = {0};
    const struct module *m = module_find(str_from(n->module));
    if (n->connect_ms) {
        it->login.spec.connect_timeout_ms = (int)n->connect_ms;
        it->login.spec.retries = 0;
    }
    if (n->reconnect && !it->call.local) {
        slot_drop(slot_get(j->pr->r, &it->login, &j->a, &e));
    }
    if (e.code || !m || !mod_validate(m, n->module, n->args, j->task->action_at, &j->a, &args, &e)) {
        return attempt_failed(j, &e);
    }
    return attempt_send(j, n->module, args);
}

enum job_phase steps_next(struct job *j) {
    struct item *it = &j->item;
    struct err e = {.arena = &j->a};
    if (it->next.module && val_is(it->call.answer, VAL_UNDEF)) {
        return send(j);  // the pause before it is over
    }
    it->next = (struct mod_step){0};
    it->call.local = strcmp(it->login.spec.kind, "local") == 0;
    bool ok = it->mod->step(&it->call, &it->next, &e);
    it->call.answer = (struct val){0};
    if (!ok || it->next.done) {
        return ended(j, &e);
    }
    if (it->next.sleep_ms > 0) {
        j->due = clock_ms() + it->next.sleep_ms;
        j->after = JOB_STEP;
        return JOB_TIMER;
    }
    return send(j);
}

void steps_answer(struct job *j, const struct completion *c) {
    struct item *it = &j->item;
    if (c->kind == DONE_RESULT && val_is(c->result, VAL_DICT)) {
        it->call.answer = val_reflag(&j->a, val_promote(&j->a, c->result), VAL_TRUSTED | VAL_TMPL, 0);
    } else {
        it->call.answer = result_failed(&j->a, &c->err);
        val_set(&j->a, it->call.answer, "unreachable", val_bool(c->err.code == ERR_UNREACHABLE || c->lost));
        it->slot->dead = true;
    }
    slot_done(it->slot);
    j->phase = JOB_STEP;
}
