// What a task's own conditions, and its next items, see of a result: the registered name and the facts it brings.
#include "exec.h"

bool job_asks(struct val cond) {
    return !val_is(cond, VAL_UNDEF) && !val_is(cond, VAL_NULL) && !(val_is_seq(cond) && !val_len(cond));
}

void job_publish(struct job *j) {
    if (j->item.reg.n) {
        val_set_str(&j->a, j->v.live, j->item.reg, result_public(&j->a, j->item.result));
        view_changed(&j->v);
    }
}

static void set_all(struct job *j, struct val to, struct val from) {
    size_t i = 0;
    for (struct vpair *p; val_is(from, VAL_DICT) && (p = val_each(from, &i));) {
        val_set_key(&j->a, to, val_promote(&j->a, p->key), val_promote(&j->a, p->value));
    }
}

/// Facts of a module, as they will be known once the task is done.
static void set_facts(struct job *j, struct val facts) {
    struct host_state seen;
    host_state_init(&seen, j->h->host);
    host_add_facts(&seen, facts);
    struct val all = val_dict(&j->a, val_len(j->h->state.facts) + val_len(seen.facts));
    set_all(j, all, j->h->state.facts);
    set_all(j, all, seen.facts);
    val_set(&j->a, j->v.live, "ansible_facts", all);
    if (j->pr->r->o->inject_facts) {
        set_all(j, j->v.live, seen.facts_prefixed);
    }
    host_state_release(&seen);
}

void job_publish_facts(struct job *j) {
    static const enum keyword asking[] = {KW_CHANGED_WHEN, KW_FAILED_WHEN, KW_UNTIL};
    struct val facts = val_get(j->item.result, "ansible_facts");
    bool seen = j->looping;
    for (size_t i = 0; i < COUNTOF(asking); i++) {
        seen = seen || job_asks(j->task->n.kw[asking[i]]);
    }
    if (!seen || !val_is(facts, VAL_DICT) || strcmp(j->task->action, "debug") == 0) {
        return;
    }
    if (strcmp(j->task->action, "set_fact") == 0 || strcmp(j->task->action, "include_vars") == 0) {
        set_all(j, j->v.live, facts);
    } else {
        set_facts(j, facts);
    }
    view_changed(&j->v);
}
