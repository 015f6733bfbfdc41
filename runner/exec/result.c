// What follows from a task's final result on a host: statistics, what is told to output/, facts, register, notified
// handlers, and the host's way on after a failure.
#include "exec.h"
#include "facts.h"

// -- reading results --------------------------------------------------------------------------------------------------

bool result_flag(struct val result, const char *key) {
    return val_truth(val_get(result, key));
}

static bool any_item(struct val result, bool (*is)(struct val)) {
    struct val items = val_get(result, "results");
    for (size_t i = 0; val_is(items, VAL_LIST) && i < val_len(items); i++) {
        if (val_is(val_at_index(items, i), VAL_DICT) && is(val_at_index(items, i))) {
            return true;
        }
    }
    return false;
}

static bool judged(struct val result) {
    return val_has(result, "failed_when_result");
}

static bool judged_failed(struct val result) {
    return result_flag(result, "failed_when_result");
}

/// What failed_when said goes before what the module says, also in the items of a loop.
bool result_is_failed(struct val result) {
    if (judged(result)) {
        return judged_failed(result);
    }
    return any_item(result, judged) ? any_item(result, judged_failed) : result_flag(result, "failed");
}

bool result_is_unreachable(struct val result) {
    return result_flag(result, "unreachable") || any_item(result, result_is_unreachable);
}

bool result_is_skipped(struct val result) {
    return result_flag(result, "skipped");
}

enum task_status result_status(struct val result) {
    if (result_is_failed(result)) {
        return ST_FAILED;
    }
    if (result_is_unreachable(result)) {
        return ST_UNREACHABLE;
    }
    if (result_is_skipped(result)) {
        return ST_SKIPPED;
    }
    return result_flag(result, "changed") ? ST_CHANGED : ST_OK;
}

/// As Ansible does, the arguments are kept for the items of a loop only.
static bool internal(struct str key, bool item) {
    return str_starts(key, "_ansible_") || (!item && str_eqz(key, "invocation"));
}

static struct val public(struct arena *a, struct val v, bool item) {
    size_t i = 0;
    struct vpair *p;
    if (val_is(v, VAL_DICT)) {
        struct val out = val_flag(val_dict(a, val_len(v)), v.flags);
        while ((p = val_each(v, &i))) {
            if (!internal(val_text(p->key), item)) {
                bool list = val_is(p->value, VAL_LIST) && str_eqz(val_text(p->key), "results");
                val_set_key(a, out, p->key, list ? public(a, p->value, true) : p->value);
            }
        }
        return out;
    }
    if (val_is(v, VAL_LIST)) {
        struct val out = val_flag(val_list(a, val_len(v)), v.flags);
        for (; i < val_len(v); i++) {
            val_push(a, out, public(a, val_at_index(v, i), item));
        }
        return out;
    }
    return v;
}

struct val result_public(struct arena *a, struct val v) {
    return public(a, v, false);
}

// -- telling ----------------------------------------------------------------------------------------------------------

/// What a callback gets: the status is told apart from the result.
static struct val shown(struct arena *a, struct val result) {
    static const char *const drop[] = {"failed", "skipped", "_ansible_notify", "_ansible_include"};
    struct val out = val_copy(a, result);
    for (size_t i = 0; i < COUNTOF(drop); i++) {
        (void)val_del_key(out, val_z(a, drop[i]));
    }
    return out;
}

/// What no_log leaves of a result.
static struct val censored(struct arena *a, struct val result) {
    static const char *const kept[] = {"attempts", "changed", "retries"};
    struct val out = val_dict(a, 4);
    val_set(a, out, "censored",
            val_z(a, "the output has been hidden due to the fact that 'no_log: true' was specified for this result"));
    for (size_t i = 0; i < COUNTOF(kept); i++) {
        if (val_has(result, kept[i])) {
            val_set(a, out, kept[i], val_get(result, kept[i]));
        }
    }
    return out;
}

struct event result_event(struct job *j, enum event_kind kind, struct val result, struct arena *a) {
    bool hide = j->no_log || j->item.no_log || result_flag(result, "_ansible_no_log");
    return (struct event){.kind = kind,
                          .play = j->pr->play,
                          .task = j->task,
                          .host = j->h->host->name,
                          // of a lost connection the address is not said
                          .delegated_to =
                              j->item.label.n && result_flag(result, "unreachable") ? j->item.delegated : j->item.label,
                          .handler = j->step->handler,
                          .check = j->item.check,
                          .no_log = hide,
                          .ignore_errors = j->ignore_errors || j->item.ignore_errors,
                          .diff_on = j->item.diff || j->pr->r->o->diff,
                          .loop = j->looping,
                          .status = result_status(result),
                          .err = hide ? NULL : (j->aborted ? &j->err : j->item.why),
                          .result = hide ? censored(a, result) : shown(a, result)};
}

void host_seen(struct hrun *h) {
    h->in_stats = true;
}

// -- failing ----------------------------------------------------------------------------------------------------------

/// ansible_failed_task and ansible_failed_result, for the rescue part.
static void remember_failure(struct job *j) {
    struct val t = val_dict(&j->a, 8);
    struct val name = j->task->n.kw[KW_NAME];
    bool one = j->viewed && !j->looping;  // of a loop's items none is meant
    bool named = one && val_is(name, VAL_STR);
    val_set(&j->a, t, "name", val_str(&j->a, named ? view_name(&j->v, name) : j->task->n.name));
    val_set(&j->a, t, "action", val_str(&j->a, j->task->action_name));
    val_set(&j->a, t, "args", one && val_is(j->item.args, VAL_DICT) ? j->item.args : j->task->args);
    val_set(&j->a, t, "register", j->task->n.kw[KW_REGISTER].kind == VAL_UNDEF ? VNULL : j->task->n.kw[KW_REGISTER]);
    val_set(&j->a, t, "tags", node_tags(&j->task->n, &j->a));
    val_set(&j->a, t, "when", node_whens(&j->task->n, &j->a));
    t = val_reflag(&j->a, t, VAL_TRUSTED | VAL_TMPL, VAL_UNSAFE);
    host_set_fact(&j->h->state, STR_LIT("ansible_failed_task"), t);
    host_set_fact(&j->h->state, STR_LIT("ansible_failed_result"), result_public(&j->a, j->result));
}

static void fail_host(struct job *j) {
    struct hrun *h = j->h;
    bool rescue = iter_would_rescue(&h->it);
    bool counts = iter_counts_rescued(&h->it);
    for (size_t i = 0; j->run_once && i < j->pr->batch.n; i++) {
        struct hrun *x = j->pr->batch.p[i];
        if (x != h && !x->unreachable) {
            iter_fail(&x->it);
            x->removed = true;
        }
    }
    iter_fail(&h->it);
    h->removed = !rescue;
    h->failed = h->failed || iter_failed(&h->it);
    if (counts) {
        h->stats.rescued++;
        remember_failure(j);
    } else {
        h->stats.failed++;
    }
}

static void count_ok(struct job *j) {
    j->h->stats.ok++;
    if (result_flag(j->result, "changed")) {
        j->h->stats.changed++;
    }
}

static void on_failed(struct job *j) {
    if (j->ignore_errors) {
        count_ok(j);
        j->h->stats.ignored++;
    } else {
        fail_host(j);
    }
    role_ran(j->pr, j->task->n.role, j->h);
}

static void on_unreachable(struct job *j) {
    struct hrun *h = j->h;
    if (j->ignore_unreachable) {
        h->stats.ok++;
        h->stats.ignored++;
        return;
    }
    h->unreachable = true;
    h->removed = true;
    h->stats.unreachable++;
}

// -- what a good result brings ----------------------------------------------------------------------------------------

/// The hosts that share a result: the job's, or with run_once all of the batch.
static size_t sharers(struct job *j, struct hrun ***out) {
    if (!j->run_once) {
        *out = &j->h;
        return 1;
    }
    struct hosts all = {0};
    for (size_t i = 0; i < j->pr->batch.n; i++) {
        if (!j->pr->batch.p[i]->unreachable) {
            hosts_push(&j->a, &all, j->pr->batch.p[i]);
        }
    }
    *out = all.p;
    return all.n;
}

static void store_facts(struct job *j, struct hrun *h, struct val result) {
    struct val facts = val_get(result, "ansible_facts");
    bool set_fact = strcmp(j->task->action, "set_fact") == 0;
    if (!val_is(facts, VAL_DICT)) {
        return;
    }
    if (strcmp(j->task->action, "include_vars") == 0) {
        host_add_vars(&h->state, facts);
        return;
    }
    if (!set_fact || result_flag(result, "_ansible_facts_cacheable")) {
        if (gather_is(j->task)) {
            facts = val_copy(&j->a, facts);
            val_set(&j->a, facts, "_ansible_facts_gathered", val_bool(true));
        }
        host_add_facts(&h->state, facts);
        if (strcmp(j->task->action, "setup") == 0) {
            host_facts_left(&h->state, val_get(result, FACTS_LEFT));
        }
        h->gathered = h->gathered || gather_is(j->task);  // as in Ansible not a task `setup`
        run_keep_facts(j->pr->r, h);
    }
    size_t i = 0;
    struct vpair *p;
    while (set_fact && (p = val_each(facts, &i))) {
        host_set_fact(&h->state, val_text(p->key), p->value);
    }
}

static void take_facts(struct job *j, struct val result) {
    struct hrun **to = NULL;
    bool delegate = false;
    struct err e = {.arena = &j->a};
    if (!val_has(result, "ansible_facts") || strcmp(j->task->action, "debug") == 0) {
        return;
    }
    if (j->item.delegated.n && view_bool(&j->v, KW_DELEGATE_FACTS, false, &delegate, &e) && delegate) {
        struct val name = val_get(result, ITEM_DELEGATED);
        store_facts(j, val_is(name, VAL_STR) ? run_host_named(j->pr->r, val_text(name)) : j->item.target, result);
        return;
    }
    size_t n = sharers(j, &to);
    for (size_t i = 0; i < n; i++) {
        store_facts(j, to[i], result);
    }
}

bool result_apply_inventory(struct run *r, struct str name, struct val result, bool *changed, struct err *e) {
    struct inventory *inv = r->o->inventory;
    struct val add = val_get(result, "add_host");
    struct val group = val_get(result, "add_group");
    r->groups = (struct val){0};
    if (val_is(add, VAL_DICT)) {
        struct val vars = val_get(add, "host_vars");
        return inv_add_host(inv, val_text(val_get(add, "host_name")), val_get(add, "groups"),
                            val_is(vars, VAL_UNDEF) ? val_dict(&r->a, 0) : vars, changed, e) != NULL;
    }
    struct host *h = inv_host(inv, name);
    h = h ? h : inv_local_named(inv, name);  // a member of groups although no source names it
    return !h || inv_group_by(inv, h, val_text(group), val_get(result, "parent_groups"), changed, e);
}

void result_inventory(struct job *j, struct val result) {
    struct run *r = j->pr->r;
    struct val group = val_get(result, "add_group");
    struct err e = {.arena = &j->a};
    bool changed = false;
    if (val_is(group, VAL_STR)) {
        if (group.flags & VAL_SECRET || val_any_flag(j->item.args, VAL_SECRET)) {
            output_secret(r->o->output, val_text(group));  // its blanks have become dashes: another text
        }
    } else if (!val_is(val_get(result, "add_host"), VAL_DICT)) {
        return;
    }
    j->login_known = false;
    if (!result_apply_inventory(r, j->h->host->name, result, &changed, &e)) {
        run_error(r, &e);
    }
    if (changed) {
        struct val kept = val_dict(&r->a, 2);
        val_set(&r->a, kept, "host", val_str(&r->a, j->h->host->name));
        val_set(&r->a, kept, "result", val_promote(&r->a, result));
        val_push(&r->a, r->dynamic, kept);
    }
    val_set(&j->a, result, "changed", val_bool(changed));
}

static struct val add_numbers(struct arena *a, struct val old, struct val more) {
    if (val_is(old, VAL_INT) && val_is(more, VAL_INT)) {
        return val_int(old.u.i + more.u.i);
    }
    if (val_is(old, VAL_DICT) && val_is(more, VAL_DICT)) {
        return val_merge(a, old, more, false, MERGE_REPLACE);
    }
    if (val_is(old, VAL_LIST) && val_is(more, VAL_LIST)) {
        struct val out = val_copy(a, old);
        for (size_t i = 0; i < val_len(more); i++) {
            val_push(a, out, val_at_index(more, i));
        }
        return out;
    }
    if (val_is(old, VAL_STR) && val_is(more, VAL_STR)) {
        return val_printf(a, "%.*s%.*s", STR(val_text(old)), STR(val_text(more)));
    }
    return more;
}

/// set_stats: custom statistics of the run or of each host.
static void take_stats(struct job *j, struct val result) {
    struct run *r = j->pr->r;
    struct val stats = val_get(result, "ansible_stats");
    struct val data = val_get(stats, "data");
    bool per_host = !val_has(stats, "per_host") || result_flag(stats, "per_host");
    if (!val_is(data, VAL_DICT) || !val_len(data)) {
        return;
    }
    struct hrun **to = NULL;
    size_t n = per_host ? sharers(j, &to) : 1;
    for (size_t k = 0; k < n; k++) {
        struct str who = per_host ? to[k]->host->name : STR_LIT("_run");
        struct val mine = val_get_str(r->custom_stats, who);
        if (val_is(mine, VAL_UNDEF)) {
            mine = val_dict(&r->a, 4);
            val_set_str(&r->a, r->custom_stats, who, mine);
        }
        size_t i = 0;
        struct vpair *p;
        while ((p = val_each(data, &i))) {
            struct val old = val_get_key(mine, p->key);
            struct val v = result_flag(stats, "aggregate") ? add_numbers(&r->a, old, p->value) : p->value;
            val_set_key(&r->a, mine, val_promote(&r->a, p->key), val_promote(&r->a, v));
        }
    }
}

static void take_notify(struct job *j, struct val result) {
    struct val names = val_get(result, "_ansible_notify");
    struct err e = {.arena = &j->a};
    if (!result_flag(j->result, "changed")) {
        return;
    }
    for (size_t i = 0; i < val_len(names); i++) {
        struct val one = val_at_index(names, i);
        size_t n = val_is_seq(one) ? val_len(one) : 1;
        for (size_t k = 0; k < n; k++) {
            struct val name = val_is_seq(one) ? val_at_index(one, k) : one;
            if (!val_is(name, VAL_OMIT) &&
                !handler_notify(j, val_is(name, VAL_STR) ? val_text(name) : val_str_of(&j->a, name), &e)) {
                run_error(j->pr->r, &e);
                j->pr->fatal = true;
                return;
            }
        }
    }
}

static void take_one(struct job *j, struct val result) {
    take_notify(j, result);
    take_facts(j, result);
    take_stats(j, result);
}

static void on_ok(struct job *j) {
    struct val items = val_get(j->result, "results");
    if (j->looping) {
        for (size_t i = 0; i < val_len(items); i++) {
            take_one(j, val_at_index(items, i));
        }
    } else {
        take_one(j, j->result);
    }
    role_ran(j->pr, j->task->n.role, j->h);
    if (!task_is_include(j->task)) {
        count_ok(j);
    }
}

static void store_register(struct job *j) {
    struct val reg = j->task->n.kw[KW_REGISTER];
    struct hrun **to = NULL;
    if (!val_is(reg, VAL_STR)) {
        return;
    }
    size_t n = sharers(j, &to);
    struct val stored = result_public(&j->a, j->result);
    for (size_t i = 0; i < n; i++) {
        host_set_fact(&to[i]->state, val_text(reg), stored);
    }
}

void result_show(struct job *j) {
    enum task_status status = result_status(j->result);
    bool include_ok = task_is_include(j->task) && (status == ST_OK || status == ST_CHANGED);
    if (include_ok || j->shown) {
        return;
    }
    struct event ev = result_event(j, EV_RESULT, j->result, &j->a);
    ev.ignore_errors = status == ST_UNREACHABLE ? j->ignore_unreachable : j->ignore_errors;
    run_event(j->pr->r, &ev);
}

void result_process(struct job *j) {
    enum task_status status = result_status(j->result);
    host_seen(j->h);
    switch (status) {
    case ST_FAILED:
        on_failed(j);
        break;
    case ST_UNREACHABLE:
        on_unreachable(j);
        break;
    case ST_SKIPPED:
        j->h->stats.skipped++;
        break;
    case ST_OK:
    case ST_CHANGED:
        on_ok(j);
        break;
    }
    if (j->pr->fatal) {
        return;
    }
    result_show(j);
    store_register(j);
    if (j->step->notified && j->h->in_batch) {
        handler_ran(j->pr, j->step, j->run_once ? NULL : j->h);
    }
}
