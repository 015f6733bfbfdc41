// Loops: the list, the variables of each item, and the result made of all items.
#include "exec.h"

#include "fd.h"
#include "plugin.h"

static bool not_a_list(struct job *j, struct val got, struct err *e) {
    struct mark at = got.mark.at ? got.mark : j->task->n.at;
    err_set(e, ERR_TYPE, at, "'loop' must be a list, not %s", val_kind_name(got.kind));
    return err_hint(e, "use 'query' instead of 'lookup', or the filter 'dict2items' for a dictionary");
}

/// with_first_found passes over alternatives whose variables are not defined.
static bool lenient_terms(struct job *j, struct val raw, struct val *out, struct err *e) {
    *out = val_list(&j->a, val_len(raw));
    for (size_t i = 0; i < val_len(raw); i++) {
        struct val one = {0};
        struct err own = {.arena = &j->a};
        if (view_value(&j->v, val_at_index(raw, i), &one, &own)) {
            val_push(&j->a, *out, one);
        } else if (own.code != ERR_UNDEFINED) {
            *e = own;
            return false;
        }
    }
    return true;
}

/// What with_first_found looks for is of the kind the action reads.
static struct val lookup_options(struct job *j, struct str loop_with) {
    struct val options = {0};
    if (str_eqz(loop_with, "first_found")) {
        struct str action = j->task->action_name;
        bool templates = str_find(action, 0, STR_LIT("template")) != SIZE_MAX;
        bool vars = str_find(action, 0, STR_LIT("var")) != SIZE_MAX;
        options = val_dict(&j->a, 1);
        val_set(&j->a, options, "_subdir", val_z(&j->a, templates ? "templates" : vars ? "vars" : "files"));
    }
    return options;
}

static bool is_dict(struct val v) {
    return val_is(v, VAL_DICT) || val_is(v, VAL_OBJ);
}

static bool all_dicts(struct val list) {
    for (size_t i = 0; i < val_len(list); i++) {
        if (!is_dict(val_at_index(list, i))) {
            return false;
        }
    }
    return true;
}

/// What a lookup that takes lists or dictionaries only wants instead of `terms`; NULL when they are fine.
static const char *wanted_terms(struct str lookup, struct val terms) {
    if (str_eqz(lookup, "indexed_items") || str_eqz(lookup, "list")) {
        return val_is_seq(terms) ? NULL : "list";
    }
    bool dict = str_eqz(lookup, "dict");
    return dict && !(val_is_seq(terms) ? all_dicts(terms) : is_dict(terms)) ? "dict" : NULL;
}

static bool raw_items(struct job *j, bool *looping, struct val *items, struct err *e) {
    struct task *t = j->task;
    *looping = !val_is(t->loop, VAL_UNDEF);
    if (!*looping) {
        return true;
    }
    if (!t->loop_with.n) {
        if (!view_value(&j->v, t->loop, items, e)) {
            return err_wrap(e, t->n.at, "in 'loop'");
        }
        if (val_is(*items, VAL_TUPLE)) {
            items->kind = VAL_LIST;
        }
        return val_is(*items, VAL_LIST) || not_a_list(j, *items, e);
    }
    struct val terms = {0};
    bool lenient = str_eqz(t->loop_with, "first_found") && val_is_seq(t->loop);
    if (!(lenient ? lenient_terms(j, t->loop, &terms, e) : view_value(&j->v, t->loop, &terms, e))) {
        return err_wrap(e, t->n.at, "in 'with_%.*s'", STR(t->loop_with));
    }
    const char *want = wanted_terms(t->loop_with, terms);
    if (want) {
        return err_set(e, ERR_TYPE, terms.mark.at ? terms.mark : t->n.at, "with_%.*s expects a %s", STR(t->loop_with),
                       want);
    }
    if (!val_is_seq(terms)) {
        struct val one = terms;
        terms = val_list(&j->a, 1);
        val_push(&j->a, terms, one);
    }
    return jinja_lookup(&j->v.jc, t->loop_with, terms, lookup_options(j, t->loop_with), t->n.at, items, e) ||
           err_wrap(e, t->n.at, "in 'with_%.*s'", STR(t->loop_with));
}

bool loop_items(struct job *j, bool *looping, struct val *items, struct err *e) {
    if (!raw_items(j, looping, items, e)) {
        return false;
    }
    *items = *looping ? val_untuple(&j->a, *items) : *items;
    return true;
}

static bool control(struct job *j, const char *key, struct val *out, struct err *e) {
    *out = val_get(j->task->loop_control, key);
    if (val_is(*out, VAL_UNDEF)) {
        return true;
    }
    return view_value(&j->v, *out, out, e) || err_wrap(e, j->task->n.at, "in 'loop_control'");
}

static bool control_bool(struct job *j, const char *key, bool absent, bool *out, struct err *e) {
    struct val v = {0};
    *out = absent;
    if (!control(j, key, &v, e) || val_is(v, VAL_UNDEF)) {
        return e->code == ERR_NONE;
    }
    return val_as_bool(v, out) ||
           err_set(e, ERR_TYPE, v.mark, "'%s' must be a boolean, not %s", key, val_kind_name(v.kind));
}

static bool control_name(struct job *j, const char *key, struct str absent, struct str *out, struct err *e) {
    struct val v = {0};
    *out = absent;
    if (!control(j, key, &v, e) || val_is(v, VAL_UNDEF)) {
        return e->code == ERR_NONE;
    }
    *out = val_text(v);
    return val_is(v, VAL_STR) ||
           err_set(e, ERR_TYPE, v.mark, "'%s' must be a variable name, not %s", key, val_kind_name(v.kind));
}

bool loop_control_read(struct job *j, struct err *e) {
    struct loop_control *lc = &j->lc;
    struct val pause = {0};
    int64_t whole = 0;
    if (!control_name(j, "loop_var", STR_LIT("item"), &lc->var, e) ||
        !control_name(j, "index_var", STR_NONE, &lc->index_var, e) ||
        !control_bool(j, "extended", false, &lc->extended, e) ||
        !control_bool(j, "extended_allitems", true, &lc->allitems, e) || !control(j, "pause", &pause, e)) {
        return false;
    }
    lc->label = val_get(j->task->loop_control, "label");
    if (val_is(pause, VAL_FLOAT)) {
        lc->pause_ms = (int64_t)(pause.u.f * 1000);
    } else if (!val_is(pause, VAL_UNDEF)) {
        if (!val_as_int(pause, &whole)) {
            return err_set(e, ERR_TYPE, pause.mark, "'pause' must be a number, not %s", val_kind_name(pause.kind));
        }
        lc->pause_ms = whole * 1000;
    }
    struct val known = {0};
    if (!scope_get(&j->v.sc, lc->var, &j->a, &known, NULL, e)) {
        return false;
    }
    if (!val_is(known, VAL_UNDEF)) {
        run_warn(j->pr->r, j->task->n.at,
                 arena_printf(&j->a,
                              "the loop variable '%.*s' is already in use: set 'loop_var' in 'loop_control' to "
                              "another name",
                              STR(lc->var)));
    }
    return true;
}

static struct val extended(struct job *j) {
    int64_t n = (int64_t)val_len(j->items);
    int64_t i = (int64_t)j->i;
    struct val d = val_dict(&j->a, 12);
    val_set(&j->a, d, "index", val_int(i + 1));
    val_set(&j->a, d, "index0", val_int(i));
    val_set(&j->a, d, "first", val_bool(i == 0));
    val_set(&j->a, d, "last", val_bool(i + 1 == n));
    val_set(&j->a, d, "length", val_int(n));
    val_set(&j->a, d, "revindex", val_int(n - i));
    val_set(&j->a, d, "revindex0", val_int(n - i - 1));
    if (j->lc.allitems) {
        val_set(&j->a, d, "allitems", j->items);
    }
    if (i + 1 < n) {
        val_set(&j->a, d, "nextitem", val_at_index(j->items, j->i + 1));
    }
    if (i > 0) {
        val_set(&j->a, d, "previtem", val_at_index(j->items, j->i - 1));
    }
    return d;
}

/// In results an item that is a tuple is a list, as after Ansible's way through JSON.
static struct val as_data(struct val v) {
    v.kind = v.kind == VAL_TUPLE ? VAL_LIST : v.kind;
    return v;
}

/// Sets the item's variables in `d`: both in the scope and in the item's result.
static void set_item(struct job *j, struct val d) {
    const struct loop_control *lc = &j->lc;
    val_set_str(&j->a, d, lc->var, j->item.value);
    val_set(&j->a, d, "ansible_loop_var", val_str(&j->a, lc->var));
    if (lc->index_var.n) {
        val_set_str(&j->a, d, lc->index_var, val_int((int64_t)j->i));
        val_set(&j->a, d, "ansible_index_var", val_str(&j->a, lc->index_var));
    }
    if (lc->extended) {
        val_set(&j->a, d, "ansible_loop", extended(j));
    }
}

void loop_set_vars(struct job *j) {
    set_item(j, j->v.loop);
    view_changed(&j->v);
}

static void label_item(struct job *j, struct val r, struct val *label) {
    struct err e = {.arena = &j->a};
    *label = as_data(j->item.value);
    if (val_is(j->lc.label, VAL_UNDEF)) {
        return;
    }
    if (!view_value(&j->v, j->lc.label, label, &e)) {
        val_set(&j->a, r, "failed", val_bool(true));
        val_set(&j->a, r, "msg",
                val_printf(&j->a, "the template in 'label' of 'loop_control' failed: %.*s", STR(err_text(&e))));
    }
}

static bool break_now(struct job *j) {
    struct err e = {.arena = &j->a};
    struct val cond = val_get(j->task->loop_control, "break_when");
    bool stop = false;
    return !val_is(cond, VAL_UNDEF) && view_conditions(&j->v, cond, &stop, NULL, &e) && stop;
}

enum job_phase loop_item_done(struct job *j) {
    struct val r = j->item.result;
    struct val label = {0};
    set_item(j, r);
    val_set_str(&j->a, r, j->lc.var, as_data(j->item.value));
    label_item(j, r, &label);
    val_set(&j->a, r, "_ansible_item_label", label);
    if (j->item.delegated.n) {
        val_set(&j->a, r, ITEM_DELEGATED, val_str(&j->a, j->item.delegated));
    }
    if (!task_is_include(j->task) || result_status(r) == ST_SKIPPED || result_status(r) == ST_FAILED) {
        struct arena tmp = {0};
        struct event ev = result_event(j, EV_ITEM_RESULT, r, &tmp);
        ev.status = result_status(r);
        ev.item_label = ev.no_log ? VNULL : label;
        run_event(j->pr->r, &ev);
        arena_release(&tmp);
    }
    if (result_is_failed(r) && (!j->has_results || !j->item.ignore_errors)) {
        j->ignore_errors = j->item.ignore_errors;
        j->has_results = true;
    }
    j->ignore_unreachable = j->item.ignore_unreachable;
    val_push(&j->a, j->results, r);
    bool stop = break_now(j);
    j->i++;
    if (stop || j->i >= val_len(j->items)) {
        return JOB_DONE;
    }
    if (j->lc.pause_ms > 0) {
        j->due = clock_ms() + j->lc.pause_ms;
        j->after = JOB_ITEM;
        return JOB_TIMER;
    }
    return JOB_ITEM;
}

/// Moves lists such as warnings from the items to the whole result.
static void gather_lists(struct job *j, struct val item, struct val all) {
    static const char *const keys[] = {"warnings", "deprecations"};
    for (size_t k = 0; k < COUNTOF(keys); k++) {
        struct val l = val_get(item, keys[k]);
        if (!val_is_seq(l) || !val_len(l)) {
            continue;
        }
        if (!val_has(all, keys[k])) {
            val_set(&j->a, all, keys[k], val_list(&j->a, 2));
        }
        for (size_t i = 0; i < val_len(l); i++) {
            val_push(&j->a, val_get(all, keys[k]), val_at_index(l, i));
        }
        (void)val_del_key(item, val_z(&j->a, keys[k]));
    }
}

struct val loop_result(struct job *j) {
    struct val all = val_dict(&j->a, 6);
    bool changed = false;
    bool failed = false;
    bool skipped = true;
    val_set(&j->a, all, "results", j->results);
    for (size_t i = 0; i < val_len(j->results); i++) {
        struct val r = val_at_index(j->results, i);
        changed = changed || result_flag(r, "changed");
        failed = failed || result_flag(r, "failed");
        skipped = skipped && result_is_skipped(r);
        gather_lists(j, r, all);
    }
    val_set(&j->a, all, "skipped", val_bool(skipped));
    if (changed) {
        val_set(&j->a, all, "changed", val_bool(true));
    }
    if (failed) {
        val_set(&j->a, all, "failed", val_bool(true));
    }
    val_set(&j->a, all, "msg",
            val_z(&j->a, skipped  ? "All items skipped"
                         : failed ? "One or more items failed"
                                  : "All items completed"));
    val_set(&j->a, all, "changed", val_bool(changed));
    return all;
}
