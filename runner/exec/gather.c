// Facts of several modules: FACTS_MODULES, or the variable ansible_facts_modules, names what the action gather_facts
// and the start of a play run, one after the other; their facts make one result.
#include "exec.h"

struct gathering {
    struct task **tasks;  // one for each module, all of them known before the first is sent
    size_t n, i;
    struct val args;  // those of gather_facts
    struct val all;   // the result so far
    struct val failed, skipped;
};

bool gather_is(const struct task *t) {
    return strcmp(t->action, "gather_facts") == 0 || str_eqz(t->action_name, "gather_facts");  // the latter: its start
}

static bool is_setup(struct str name) {
    return str_eqz(name, "setup") || str_eqz(name, "ansible.builtin.setup") || str_eqz(name, "ansible.legacy.setup");
}

/// The names in force for this host; "smart" stands for setup and comes last.
static bool names_of(struct job *j, struct val *out, struct err *e) {
    const struct run_opts *o = j->pr->r->o;
    struct setting_query q = {.name = STR_LIT("FACTS_MODULES")};
    struct val given = {0};
    struct val list = {0};
    bool smart = false;
    *out = val_list(&j->a, 2);
    if (!view_var(&j->v, "ansible_facts_modules", &q.given, e)) {
        return false;
    }
    if (o->setting && o->setting(o->setting_self, &q, &j->a, &given)) {
        list = given;
    }
    for (size_t i = 0; val_is_seq(list) && i < val_len(list); i++) {
        struct val name = val_at_index(list, i);
        if (str_eqz(val_text(name), "smart")) {
            smart = true;
        } else {
            val_push(&j->a, *out, name);
        }
    }
    if (smart || !val_len(*out)) {
        val_push(&j->a, *out, val_z(&j->a, "ansible.legacy.setup"));
    }
    return true;
}

/// The task as one that runs this module, without its arguments; made once for all hosts.
static struct task *task_for(struct job *j, struct str name, struct err *e) {
    struct play_run *pr = j->pr;
    struct str key = str_printf(&j->a, "%p %.*s", (const void *)j->step->task, STR(name));
    struct task *known = map_get(&pr->fact_tasks, key);
    if (known) {
        return known;
    }
    struct task bare = *j->step->task;
    bare.args = val_dict(&pr->a, 0);
    struct task *bound = pb_bind_action(pr->r->o->loader, &bare, name, e);
    if (!bound) {
        err_set(e, ERR_NOT_FOUND, j->task->action_at, "The module %.*s was not found in configured module paths",
                STR(name));
        err_hint(e, "FACTS_MODULES or ansible_facts_modules names it");
        return NULL;
    }
    map_put(&pr->fact_tasks, &pr->a, str_dup(&pr->a, key), bound);
    return bound;
}

bool gather_begin(struct job *j, struct err *e) {
    struct val names = {0};
    if (!names_of(j, &names, e)) {
        return false;
    }
    if (val_len(names) == 1 && is_setup(val_text(val_at_index(names, 0)))) {
        return true;  // what the task does by itself
    }
    struct gathering *g = ARENA_NEW(&j->a, struct gathering);
    g->n = val_len(names);
    g->tasks = ARENA_ARRAY(&j->a, struct task *, g->n);
    for (size_t i = 0; i < g->n; i++) {
        g->tasks[i] = task_for(j, val_text(val_at_index(names, i)), e);
        if (!g->tasks[i]) {
            return false;
        }
    }
    j->item.gather = g;
    return true;
}

/// What only setup takes is left out for others; it is told what was asked for by somebody.
static struct val args_for(struct job *j, const struct task *t, struct val given) {
    static const char *const only_setup[][2] = {
        {"gather_subset", "subset"}, {"gather_timeout", "timeout"}, {"filter", "filter"}};
    struct val args = val_copy(&j->a, given);
    (void)val_del_key(args, val_z(&j->a, "parallel"));
    for (size_t i = 0; i < COUNTOF(only_setup) && !is_setup(t->action_name); i++) {
        struct val v = val_get(args, only_setup[i][0]);
        struct val first = val_is(v, VAL_LIST) && val_len(v) == 1 ? val_at_index(v, 0) : v;
        if (!val_is(v, VAL_UNDEF) && !(i == 0 && str_eqz(val_text(first), "all"))) {
            run_warn(j->pr->r, j->task->n.at,
                     arena_printf(&j->a, "Not passing %s(%.*s) to %.*s", only_setup[i][1], STR(val_str_of(&j->a, v)),
                                  STR(t->action_name)));
        }
        (void)val_del_key(args, val_z(&j->a, only_setup[i][0]));
    }
    return args;
}

bool gather_turn(struct job *j, struct err *e) {
    struct item *it = &j->item;
    struct gathering *g = it->gather;
    struct val args = val_dict(&j->a, 4);
    if (g->i == 0) {
        g->args = g->args.kind == VAL_UNDEF ? it->args : g->args;
        g->all = val_dict(&j->a, 4);
        g->failed = val_dict(&j->a, 1);
        g->skipped = val_dict(&j->a, 1);
        val_set(&j->a, g->all, "ansible_facts", val_dict(&j->a, 0));
    } else {
        it->attempt--;  // one attempt runs all of them
    }
    j->task = g->tasks[g->i];
    it->mod = j->task->module;
    if (it->mod->refuse) {
        return err_set(e, ERR_NOT_FOUND, j->task->action_at, "%s", it->mod->refuse);
    }
    if (!attempt_defaults(j, args, e)) {
        return false;
    }
    struct val own = args_for(j, j->task, g->args);
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(own, &i))) {
        val_set_key(&j->a, args, p->key, p->value);
    }
    it->args = args;
    return true;
}

/// The part of an answer that goes on, over what there is: dicts are merged, lists joined.
static void combine(struct job *j, struct gathering *g, struct val answer) {
    static const char *const keys[] = {"ansible_facts", "warnings", "deprecations"};
    struct val part = val_dict(&j->a, COUNTOF(keys));
    for (size_t i = 0; i < COUNTOF(keys); i++) {
        struct val v = val_get(answer, keys[i]);
        bool facts = i == 0;
        v = facts == val_is(v, VAL_DICT) && facts != val_is_seq(v) ? v
            : facts                                                ? val_dict(&j->a, 0)
                                                                   : val_list(&j->a, 0);
        val_set(&j->a, part, keys[i], v);
    }
    g->all = val_merge(&j->a, g->all, part, true, MERGE_APPEND_RP);
}

/// "The following modules were skipped: a, b"
static void tell(struct job *j, struct val all, struct val which, const char *what, const char *key) {
    struct buf b = {.a = &j->a};
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(which, &i))) {
        buf_printf(&b, "%s%.*s", b.n ? ", " : "", STR(val_text(p->key)));
    }
    val_set(&j->a, all, "msg", val_printf(&j->a, "The following modules %s: %.*s\n", what, (int)b.n, b.p));
    val_set(&j->a, all, key, which);
}

static struct val whole(struct job *j, struct gathering *g) {
    struct val all = g->all;
    if (val_len(g->skipped)) {
        tell(j, all, g->skipped, "were skipped", "skipped_modules");
        if (val_len(g->skipped) == g->n) {
            val_set(&j->a, all, "skipped", val_bool(true));
        }
    }
    if (val_len(g->failed)) {
        tell(j, all, g->failed, "failed to execute", "failed_modules");
        val_set(&j->a, all, "failed", val_bool(true));
    }
    return all;
}

bool gather_more(struct job *j) {
    struct item *it = &j->item;
    struct gathering *g = it->gather;
    struct val r = it->result;
    struct val name = val_str(&j->a, j->task->action_name);
    if (result_is_failed(r)) {
        val_set_key(&j->a, g->failed, name, r);
    } else if (result_is_skipped(r)) {
        val_set_key(&j->a, g->skipped, name, r);
    } else {
        combine(j, g, r);
    }
    if (++g->i < g->n) {
        return true;
    }
    g->i = 0;  // another attempt begins anew
    j->task = j->step->task;
    it->result = whole(j, g);
    return false;
}
