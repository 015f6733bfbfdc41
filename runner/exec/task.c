// One task on one host as a state machine: items, attempts, results. Nothing here waits: a job that has to is left in
// JOB_SENT or JOB_TIMER and is moved on by wait.c. docs/how-a-task-travels.md tells the whole way.
#include "exec.h"

#include "fd.h"

struct job *job_new(struct play_run *pr, struct hrun *h, struct pstep *s) {
    struct arena first = {0};
    struct job *j = ARENA_NEW(&first, struct job);
    j->a = first;  // the job lives in its own arena
    j->tag = TAG_JOB;
    j->pr = pr;
    j->h = h;
    j->step = s;
    j->task = s->task;
    j->phase = JOB_ITEM;
    j->began_ms = clock_ms();
    j->live_line = (struct buf){.a = &j->a, .max = LIVE_LINE_MAX};
    j->err.arena = &j->a;
    return j;
}

void job_free(struct job *j) {
    struct arena a = j->a;
    arena_release(&a);
}

void job_restart(struct job *j) {
    struct arena a = j->a;
    struct job fresh = {.tag = TAG_JOB,
                        .pr = j->pr,
                        .h = j->h,
                        .step = j->step,
                        .task = j->task,
                        .run_once = j->run_once,
                        .number = j->number,
                        .debug_vars = j->debug_vars};
    *j = fresh;
    j->a = a;
    j->err.arena = &j->a;
}

/// The message of an error that ended the task before it ran, as people look for it.
static struct val abort_message(struct job *j, const struct err *e) {
    const struct err *root = e;
    while (root->cause) {
        root = root->cause;
    }
    if (j->bad_condition.n) {
        return val_printf(&j->a,
                          "The conditional check '%.*s' failed. The error was: error while evaluating conditional "
                          "(%.*s): %s",
                          STR(j->bad_condition), STR(j->bad_condition), root->msg ? root->msg : "failed");
    }
    if (e->code == ERR_UNDEFINED) {
        return val_printf(&j->a, "The task includes an option with an undefined variable. The error was: %s",
                          root->msg ? root->msg : "failed");
    }
    return val_z(&j->a, root->msg ? root->msg : "failed");  // as in Ansible; the way to it is shown on the screen
}

enum job_phase job_abort(struct job *j, const struct err *e) {
    struct err quiet = {.arena = &j->a};
    bool on = false;
    if (j->started && view_bool(&j->v, KW_IGNORE_ERRORS, false, &on, &quiet)) {
        j->ignore_errors = on;
    }
    if (j->started && view_bool(&j->v, KW_NO_LOG, j->pr->r->o->no_log, &on, &quiet)) {
        j->no_log = j->no_log || on;
    }
    struct val to = {0};
    if (j->started && connected_kw(&j->v, KW_DELEGATE_TO, &to, &quiet) && val_is(to, VAL_STR) &&
        !str_eq(val_text(to), j->h->host->name)) {
        j->item.label = str_dup(&j->a, val_text(to));
    }
    j->result = result_failed(&j->a, e);
    val_set(&j->a, j->result, "msg", abort_message(j, e));
    j->aborted = true;
    j->err = *e;
    return JOB_DONE;
}

bool job_view(struct job *j, struct err *e) {
    j->viewed = true;
    return view_init(&j->v, j->pr, j->h, j->step, &j->a, e);
}

bool job_begin(struct job *j, struct err *e) {
    if (!j->viewed && !job_view(j, e)) {
        return false;
    }
    j->started = true;
    if (val_is(j->debug_vars, VAL_DICT)) {
        scope_push(&j->v.sc, LEVEL_MAGIC, j->debug_vars);
    }
    struct err own = {.arena = &j->a};
    if (!loop_items(j, &j->looping, &j->items, &own)) {
        if (own.code != ERR_UNDEFINED) {
            *e = own;
            return false;
        }
        struct err *kept = ARENA_NEW(&j->a, struct err);
        *kept = own;
        j->loop_err = kept;
        j->looping = false;
    }
    if (j->looping) {
        j->results = val_list(&j->a, val_len(j->items));
        return loop_control_read(j, e);
    }
    return true;
}

static void empty_loop(struct job *j) {
    struct val r = val_dict(&j->a, 4);
    val_set(&j->a, r, "changed", val_bool(false));
    val_set(&j->a, r, "skipped", val_bool(true));
    val_set(&j->a, r, "skipped_reason", val_z(&j->a, "No items in the list"));
    val_set(&j->a, r, "results", j->results);
    j->result = r;
}

static struct val skipped(struct job *j, struct val which) {
    struct val r = val_dict(&j->a, 4);
    if (j->v.jc.v219) {
        val_set(&j->a, r, "false_condition", val_reflag(&j->a, which, VAL_TMPL | VAL_TRUSTED, 0));
    }
    val_set(&j->a, r, "changed", val_bool(false));
    val_set(&j->a, r, "skipped", val_bool(true));
    val_set(&j->a, r, "skip_reason", val_z(&j->a, "Conditional result was False"));
    return r;
}

void job_bad_condition(struct job *j, struct val which) {
    if (!val_any_flag(which, VAL_SECRET)) {
        j->bad_condition = val_str_of(&j->a, which);
    }
}

static bool when_holds(struct job *j, bool *out, struct val *false_one, struct err *e) {
    struct val conds = node_whens(&j->task->n, &j->a);
    struct err own = {.arena = &j->a};
    struct val which = {0};
    if (view_conditions(&j->v, conds, out, &which, &own)) {
        *false_one = which;
        return true;
    }
    if (!j->loop_err) {
        job_bad_condition(j, which);
    }
    *e = j->loop_err ? *j->loop_err : own;  // an error in the loop goes before one in its condition
    return j->loop_err ? false : err_wrap(e, j->task->n.at, "in 'when'");
}

/// What an include asks for is returned as its result; include.c loads it when the round is over.
static bool include_result(struct job *j, struct err *e) {
    struct val r = val_dict(&j->a, 2);
    struct val args = {0};
    if (!view_value(&j->v, j->task->args, &args, e)) {
        return err_wrap(e, j->task->action_at, "in the arguments of '%.*s'", STR(j->task->action_name));
    }
    val_set(&j->a, r, "include_args", args);
    val_set(&j->a, r, "_ansible_include", val_bool(true));
    j->item.result = r;
    return true;
}

enum job_phase item_begin(struct job *j, struct err *e) {
    j->item = (struct item){.attempt = 0, .ignore_errors = j->ignore_errors};
    j->v.connected = true;
    j->v.other = NULL;
    if (j->looping) {
        j->item.value = val_at_index(j->items, j->i);
        loop_set_vars(j);
    }
    bool run = true;
    struct val which = VNULL;
    if (!view_bool(&j->v, KW_NO_LOG, j->pr->r->o->no_log, &j->item.no_log, e) || !when_holds(j, &run, &which, e)) {
        return JOB_DONE;
    }
    if (!run) {
        j->item.result = skipped(j, which);
        return JOB_ITEM_DONE;
    }
    if (j->loop_err) {
        *e = *j->loop_err;
        return JOB_DONE;
    }
    if (task_is_include(j->task)) {
        return include_result(j, e) ? JOB_ITEM_DONE : JOB_DONE;
    }
    return item_prepare(j, e) ? JOB_ATTEMPT : JOB_DONE;
}

static enum job_phase job_item(struct job *j) {
    struct err e = {.arena = &j->a};
    if (!j->started && !job_begin(j, &e)) {
        return job_abort(j, &e);
    }
    if (j->looping && !val_len(j->items)) {
        empty_loop(j);
        return JOB_DONE;
    }
    enum job_phase next = JOB_ITEM;
    if (!ahead_take(j, &next)) {
        next = item_begin(j, &e);
    }
    j->no_log = j->no_log || j->item.no_log;
    return next == JOB_DONE ? job_abort(j, &e) : next;
}

static enum job_phase job_item_done(struct job *j) {
    if (j->looping) {
        return loop_item_done(j);
    }
    j->result = j->item.result;
    j->ignore_errors = j->item.ignore_errors;
    j->ignore_unreachable = j->item.ignore_unreachable;
    return JOB_DONE;
}

void job_run(struct job *j) {
    for (;;) {
        switch (j->phase) {
        case JOB_ITEM:
            j->phase = job_item(j);
            break;
        case JOB_ATTEMPT:
            j->phase = attempt_start(j);
            break;
        case JOB_STEP:
            j->phase = steps_next(j);
            break;
        case JOB_RESULT:
            j->phase = attempt_result(j);
            break;
        case JOB_POLL:
            j->phase = async_ask(j);
            break;
        case JOB_ITEM_DONE:
            j->phase = job_item_done(j);
            break;
        case JOB_SENT:
            ahead_fill(j);
            early_fill(j);
            return;
        case JOB_TIMER:
        case JOB_DONE:
            return;
        }
        if (j->phase == JOB_DONE && j->looping && !j->aborted && val_len(j->items)) {
            j->result = loop_result(j);
        }
    }
}
