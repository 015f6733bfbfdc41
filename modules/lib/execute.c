// One call of a module: plan and run as check mode says, and what every result holds beside the module's own keys.
#include "coerce.h"
#include "spec.h"

#include <stdlib.h>

#define MASKED "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"

// -- no_log ----------------------------------------------------------------------------------------------------------

struct secrets {
    struct str *p;
    size_t n, cap;
};

static void add_secret(struct arena *a, struct secrets *s, struct str text) {
    VEC_PUSH(a, *s, text);
}

static void note_secret(struct arena *a, struct secrets *s, struct val v) {
    struct vpair *p;
    for (size_t i = 0; val_is(v, VAL_DICT) && (p = val_each(v, &i));) {
        note_secret(a, s, p->value);
    }
    for (size_t i = 0; val_is_seq(v) && i < val_len(v); i++) {
        note_secret(a, s, val_at_index(v, i));
    }
    if (val_is(v, VAL_STR) || val_is(v, VAL_INT) || val_is(v, VAL_FLOAT)) {
        struct str text = val_str_of(a, v);
        if (text.n) {
            add_secret(a, s, text);
        }
    }
}

static void collect_secrets(struct arena *a, struct spec spec, struct val args, struct secrets *s) {
    const struct arg *arg;
    for (size_t i = 0; (arg = spec_each(spec, &i));) {
        struct val v = val_get(args, arg->name);
        if (arg->no_log) {
            note_secret(a, s, v);
        } else if (arg->sub && val_is(v, VAL_DICT)) {
            collect_secrets(a, spec_sub(arg->sub), v, s);
        }
        for (size_t k = 0; arg->sub && !arg->no_log && val_is(v, VAL_LIST) && k < val_len(v); k++) {
            collect_secrets(a, spec_sub(arg->sub), val_at_index(v, k), s);
        }
    }
}

static struct val mask_scalar(struct arena *a, struct val v, const struct secrets *s) {
    struct str text = val_is(v, VAL_STR) ? val_text(v) : val_str_of(a, v);
    struct str clean = text;
    for (size_t i = 0; i < s->n; i++) {
        if (str_eq(text, s->p[i])) {
            return val_z(a, MASKED);
        }
        clean = str_replace(a, clean, s->p[i], STR_LIT("********"));
    }
    if (clean.s == text.s) {
        return v;
    }
    return val_is(v, VAL_STR) ? val_str(a, clean) : val_z(a, MASKED);
}

static struct val mask(struct arena *a, struct val v, const struct secrets *s) {
    if (val_is(v, VAL_DICT)) {
        struct val out = val_dict(a, val_len(v));
        struct vpair *p;
        for (size_t i = 0; (p = val_each(v, &i));) {
            val_set_key(a, out, p->key, mask(a, p->value, s));
        }
        return val_flag(out, v.flags);
    }
    if (val_is_seq(v)) {
        struct val out = val_list(a, val_len(v));
        for (size_t i = 0; i < val_len(v); i++) {
            val_push(a, out, mask(a, val_at_index(v, i), s));
        }
        return val_flag(out, v.flags);
    }
    return val_flag(mask_scalar(a, v, s), v.flags);
}

/// Keys of the core that say how the call ended: their values are never secrets.
static bool is_verdict(struct str key) {
    return str_eqz(key, "changed") || str_eqz(key, "failed") || str_eqz(key, "skipped");
}

static void mask_result(struct mod_call *c) {
    struct secrets s = {0};
    collect_secrets(c->arena, spec_of(c->mod), c->args, &s);
    struct vpair *p;
    for (size_t i = 0; s.n && (p = val_each(c->result, &i));) {
        if (!is_verdict(val_text(p->key))) {
            p->value = mask(c->arena, p->value, &s);
        }
    }
}

// -- completion ------------------------------------------------------------------------------------------------------

/// True when a line ends at s[*i]; *i is then behind its end. Line ends as Python's str.splitlines.
static bool line_end(struct str s, size_t *i) {
    size_t next = *i;
    uint32_t cp = utf8_next(s, &next);
    bool end = (cp >= 0x0a && cp <= 0x0d) || (cp >= 0x1c && cp <= 0x1e) || cp == 0x85 || cp == 0x2028 || cp == 0x2029;
    if (end && cp == '\r' && next < s.n && s.s[next] == '\n') {
        next++;
    }
    *i = end ? next : *i;
    return end;
}

static struct val split_lines(struct arena *a, struct str s) {
    struct val list = val_list(a, 8);
    size_t from = 0;
    for (size_t i = 0; i < s.n;) {
        size_t end = i;
        if (line_end(s, &i)) {
            val_push(a, list, val_str(a, str_sub(s, from, end)));
            from = i;
        } else {
            utf8_next(s, &i);
        }
    }
    if (from < s.n) {
        val_push(a, list, val_str(a, str_sub(s, from, s.n)));
    }
    return list;
}

static void add_lines(struct mod_call *c, const char *key, const char *lines) {
    struct val v = val_get(c->result, key);
    if (val_is(v, VAL_STR) && !val_has(c->result, lines)) {
        mod_set(c, lines, split_lines(c->arena, val_text(v)));
    }
}

/// Names with an underscore are what the controller attaches, but for those that Ansible has itself.
static bool is_attached(struct str name) {
    static const char *const ansibles[] = {"_raw_params", "_original_basename", "_diff_peek", "_async_dir"};
    for (size_t i = 0; i < COUNTOF(ansibles); i++) {
        if (str_eqz(name, ansibles[i])) {
            return false;
        }
    }
    return str_starts(name, "_");
}

/// The arguments as shown with -vvv, and registered for each item of a loop: every option, null when it was not given,
/// secrets masked.
static struct val shown_args(struct arena *a, struct spec s, struct val args) {
    struct val out = val_dict(a, val_len(args));
    const struct arg *arg;
    size_t k = 0;
    for (struct vpair *p; (p = val_each(args, &k));) {
        if (!is_attached(val_text(p->key))) {
            val_set_key(a, out, p->key, p->value);
        }
    }
    for (size_t i = 0; (arg = spec_each(s, &i));) {
        struct val v = val_get(args, arg->name);
        if (is_attached(str_from(arg->name))) {
            continue;
        }
        if (val_is(v, VAL_UNDEF)) {
            v = VNULL;
        } else if (arg->no_log && !val_is(v, VAL_NULL)) {
            v = val_z(a, MASKED);
        } else if (arg->sub && val_is(v, VAL_DICT)) {
            v = shown_args(a, spec_sub(arg->sub), v);
        }
        val_set(a, out, arg->name, v);
    }
    return out;
}

/// command and shell are one module in Ansible, which says which of the two it was behind the arguments that were
/// given; `warn` is accepted, but is gone there.
static struct val as_command(struct mod_call *c, struct val shown) {
    bool shell = strcmp(c->name, "shell") == 0;
    if (!shell && strcmp(c->name, "command") != 0) {
        return shown;
    }
    struct val out = val_dict(c->arena, val_len(shown));
    size_t i = 0;
    for (struct vpair *p; (p = val_each(shown, &i));) {
        if (str_eqz(val_text(p->key), "stdin_add_newline")) {  // the first that has a default
            val_set(c->arena, out, "_uses_shell", val_bool(shell));
        }
        if (!str_eqz(val_text(p->key), "warn")) {
            val_set_key(c->arena, out, p->key, p->value);
        }
    }
    return out;
}

/// A program of the project's: its result is as it gave it.
static bool is_foreign(const struct mod_call *c) {
    return strcmp(c->name, "_program") == 0;
}

static void add_invocation(struct mod_call *c) {
    // only the program knows which of its arguments are secret
    if ((c->verbosity < 3 && !c->invocation) || is_foreign(c) || c->mod->no_invocation ||
        val_has(c->result, "invocation")) {
        return;
    }
    struct val invocation = val_dict(c->arena, 1);
    struct val shown = shown_args(c->arena, spec_of(c->mod), c->args);
    val_set(c->arena, invocation, "module_args", as_command(c, shown));
    mod_set(c, "invocation", invocation);
}

/// A module that says it has no diff shows none, whatever it recorded to find out what differs.
static void add_diff(struct mod_call *c) {
    size_t n = c->mod->diff == SUPPORT_NONE ? 0 : val_len(c->diffs);
    if ((c->diff || c->mod->always_diff) && n && !val_has(c->result, "diff")) {
        mod_set(c, "diff", n == 1 ? val_at_index(c->diffs, 0) : c->diffs);
    }
}

/// A return code other than 0 is a failure unless the module says otherwise.
static void add_failed(struct mod_call *c) {
    if (!val_has(c->result, "failed")) {
        struct val rc = val_get(c->result, "rc");
        bool bad = val_is(rc, VAL_INT) ? rc.u.i != 0 : val_is(rc, VAL_STR) && !str_eqz(val_text(rc), "0");
        mod_set(c, "failed", val_bool(bad));
    }
}

/// Copies the value of `key` to `to` when there is one.
static void take(struct mod_call *c, struct val to, struct str key) {
    struct val k = val_str(c->arena, key);
    if (val_has_key(c->result, k)) {
        val_set_key(c->arena, to, k, val_get_key(c->result, k));
    }
}

void mod_arrange(struct mod_call *c) {
    static const char *const last[] = {"diff", "invocation", "stdout_lines", "stderr_lines", "failed", "changed"};
    bool failed = val_truth(val_get(c->result, "failed"));
    bool plain = !failed && !val_truth(val_get(c->result, "skipped"));
    struct val out = val_flag(val_dict(c->arena, val_len(c->result)), c->result.flags);
    const char *own = c->order ? c->order : c->mod->order;
    struct str order = str_from(own ? own : plain ? "changed" : "");
    struct str key;
    while (str_next(&order, ' ', &key)) {
        if (!failed || !(str_eqz(key, "msg") || (str_eqz(key, "changed") && !c->changed))) {
            take(c, out, key);
        }
    }
    struct vpair *p;
    for (size_t i = 0; (p = val_each(c->result, &i));) {
        key = val_text(p->key);
        bool later = failed && str_eqz(key, "msg");
        for (size_t k = 0; k < COUNTOF(last); k++) {
            later = later || str_eqz(key, last[k]);
        }
        if (!later) {
            take(c, out, key);
        }
    }
    if (failed) {
        take(c, out, str_from("failed"));
        take(c, out, str_from("msg"));
    }
    for (size_t k = 0; k < COUNTOF(last); k++) {
        take(c, out, str_from(last[k]));
    }
    c->result = out;
}

static void complete(struct mod_call *c, bool ok, const struct err *e) {
    if (!val_is(c->result, VAL_DICT)) {
        c->result = val_dict(c->arena, 8);
    }
    if (!ok && (e->code != ERR_MODULE || !val_truth(val_get(c->result, "failed")))) {
        mod_set(c, "failed", val_bool(true));
        mod_set_str(c, "msg", err_text(e));
    }
    if (!ok && c->mod->plan) {
        c->changed = false;  // what was planned did not come about; a module that knows better has set it in its result
    }
    c->changed = c->changed || val_truth(val_get(c->result, "changed"));
    if (val_truth(val_get(c->result, "skipped"))) {
        c->changed = false;
    }
    mod_set(c, "changed", val_bool(c->changed));
    add_failed(c);
    add_diff(c);
    if (c->mod->side != ON_CONTROLLER) {  // where Ansible's have no module behind them
        add_lines(c, "stdout", "stdout_lines");
        add_lines(c, "stderr", "stderr_lines");
    }
    mask_result(c);
    add_invocation(c);
    if (!is_foreign(c)) {
        mod_arrange(c);
    }
}

static bool plan_and_run(struct mod_call *c, struct err *e) {
    if (c->check && c->mod->check == SUPPORT_NONE) {
        return mod_skip(c, arena_printf(c->arena, "remote module (%s) does not support check mode", c->name));
    }
    if (!c->mod->plan && !c->mod->run) {
        return mod_fail(c, e, "the module '%s' has no half that runs on a target", c->name);
    }
    if (!c->mod->plan) {
        return c->mod->run(c, e);
    }
    if (!c->mod->plan(c, e)) {
        return false;
    }
    if (!c->mod->plan) {
        return true;  // the plan handed the call over to a module that does everything at once
    }
    if (!c->changed || c->check || val_truth(val_get(c->result, "skipped")) || !c->mod->run) {
        return true;
    }
    return c->mod->run(c, e);
}

/// `unsafe_writes` that was not given is what the task's environment says.
static void unsafe_writes(struct mod_call *c) {
    bool on = false;
    const char *told = getenv("ANSIBLE_UNSAFE_WRITES");  // NOLINT(concurrency-mt-unsafe): play-remote has one thread
    if (c->mod->file_args && !mod_has(c, "unsafe_writes")) {
        on = told && val_as_bool(val_z(c->arena, told), &on) && on;
        val_set(c->arena, c->args, "unsafe_writes", val_bool(on));
    }
}

void mod_execute(struct mod_call *c) {
    struct err e = {.arena = c->arena};
    if (!c->ctl) {
        spec_expand_paths(c->arena, spec_of(c->mod), c->args);
        unsafe_writes(c);
    }
    bool ok = plan_and_run(c, &e);
    if (!ok && c->mod->plan) {  // what was planned did not come to be, unless the module says so itself
        c->changed = false;
        c->diffs = (struct val){0};
        if (val_is(c->result, VAL_DICT)) {
            val_del_key(c->result, val_z(c->arena, "diff"));
        }
    }
    complete(c, ok, &e);
    if (!ok) {
        struct err *kept = ARENA_NEW(c->arena, struct err);
        *kept = e;
        c->why = kept;
    }
}
