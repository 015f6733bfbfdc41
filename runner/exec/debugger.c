// The task debugger: debugger:, strategy: debug and ENABLE_TASK_DEBUGGER. It stops at a finished task, shows what is
// asked for, changes the task's arguments or variables, and runs it again, goes on or ends the run.
#include "exec.h"

#include "plugin.h"

enum verdict { AGAIN, GO_ON, QUIT };
/// What the person at the terminal sees and changes.
struct session {
    struct job *j;
    struct view v;
    struct val scope;  // dict: task, task_vars, host, result
    struct str last;   // an empty line repeats it
};

static void say(struct job *j, struct str text) {
    struct event ev = {.kind = EV_VERBOSE, .level = -10, .name = text};
    run_event(j->pr->r, &ev);
}

static bool wanted(const struct job *j, const char *when) {
    enum task_status status = result_status(j->result);
    bool lenient = j->pr->r->o->debugger_ignores && j->ignore_errors;
    bool failed = status == ST_FAILED && !lenient;
    struct str name = str_from(when);
    if (str_eqz(name, "always")) {
        return true;
    }
    return (str_eqz(name, "on_failed") && failed) || (str_eqz(name, "on_unreachable") && status == ST_UNREACHABLE) ||
           (str_eqz(name, "on_skipped") && status == ST_SKIPPED);
}

/// The keyword of the task; else failures and lost hosts, when the debugger is on for all tasks.
static bool stops(const struct job *j) {
    struct val kw = node_kw(&j->task->n, KW_DEBUGGER);
    struct arena a = {0};
    bool yes;
    if (val_is(kw, VAL_STR) && val_text(kw).n) {
        yes = wanted(j, str_z(&a, val_text(kw)));
    } else {
        bool on = j->pr->set.debugger || j->pr->r->o->task_debugger;
        yes = on && (wanted(j, "on_failed") || wanted(j, "on_unreachable"));
    }
    arena_release(&a);
    return yes;
}

static struct val task_object(struct job *j) {
    struct arena *a = &j->a;
    struct val t = val_dict(a, 6);
    struct val none = VNULL;
    struct val reg = j->task->n.kw[KW_REGISTER];
    val_set(a, t, "name", val_str(a, j->task->n.name));
    val_set(a, t, "action", val_str(a, j->task->action_name));
    val_set(a, t, "args", val_reflag(a, j->task->args, VAL_TRUSTED | VAL_TMPL, 0));
    val_set(a, t, "register", val_is(reg, VAL_UNDEF) ? none : reg);
    val_set(a, t, "tags", node_tags(&j->task->n, a));
    val_set(a, t, "when", val_reflag(a, node_whens(&j->task->n, a), VAL_TRUSTED | VAL_TMPL, 0));
    return t;
}

static bool fill_scope(struct session *s, struct err *e) {
    struct job *j = s->j;
    struct arena *a = &j->a;
    struct val vars = {0};
    if (!view_init(&s->v, j->pr, j->h, j->step, a, e)) {
        return false;
    }
    if (val_is(j->debug_vars, VAL_DICT)) {
        scope_push(&s->v.sc, LEVEL_MAGIC, j->debug_vars);
    }
    struct err quiet = {.arena = a};
    (void)view_var(&s->v, "vars", &vars, &quiet);
    struct val result = val_dict(a, 1);
    val_set(a, result, "_result", result_public(a, j->result));
    s->scope = val_dict(a, 4);
    val_set(a, s->scope, "task", task_object(j));
    val_set(a, s->scope, "task_vars", vars);
    val_set(a, s->scope, "host", val_str(a, j->h->host->name));
    val_set(a, s->scope, "result", result);
    scope_push(&s->v.sc, LEVEL_MAGIC, s->scope);
    return true;
}

static bool evaluate(struct session *s, struct str text, struct val *out) {
    struct err e = {.arena = &s->j->a};
    jinja_ctx_changed(&s->v.jc);
    if (jinja_expr(&s->v.jc, str_trim(text), NO_MARK, false, out, &e)) {
        return true;
    }
    say(s->j, str_printf(&s->j->a, "***%.*s", STR(err_text(&e))));
    return false;
}

static void print(struct session *s, struct str text) {
    struct val v = {0};
    struct err e = {.arena = &s->j->a};
    if (!evaluate(s, text, &v)) {
        return;
    }
    struct val shown = {0};
    if (!jinja_call_filter(&s->v.jc, STR_LIT("pprint"), &v, 1, (struct val){0}, NO_MARK, &shown, &e)) {
        shown = val_str(&s->j->a, val_str_of(&s->j->a, v));
    }
    say(s->j, val_text(shown));
}

/// The name in "task.args['name']"; false when `text` is not of that form.
static bool key_of(struct str text, const char *what, struct str *key) {
    text = str_trim(text);
    size_t n = strlen(what);
    if (!str_starts(text, what) || text.n < n + 4 || text.s[n] != '[' || text.s[text.n - 1] != ']') {
        return false;
    }
    *key = str_trim(str_sub(text, n + 1, text.n - 1));
    bool quoted = key->n >= 2 && (key->s[0] == '\'' || key->s[0] == '"') && key->s[key->n - 1] == key->s[0];
    *key = quoted ? str_sub(*key, 1, key->n - 1) : *key;
    return quoted && key->n;
}

/// The copy of the task that this job changes.
static struct task *own_task(struct job *j) {
    if (j->task == j->step->task) {
        struct task *t = ARENA_NEW(&j->a, struct task);
        *t = *j->step->task;
        t->args = val_copy(&j->a, t->args);
        j->task = t;
    }
    return j->task;
}

static void set_arg(struct session *s, struct str key, struct val v) {
    struct job *j = s->j;
    struct task *t = own_task(j);
    struct val name = val_str(&j->a, str_dup(&j->a, key));
    if (val_is(v, VAL_UNDEF)) {
        (void)val_del_key(t->args, name);
    } else {
        val_set_key(&j->a, t->args, name, val_mark_templates(val_reflag(&j->a, v, 0, VAL_TRUSTED)));
        t->args = val_mark_templates(t->args);
    }
    val_set(&j->a, s->scope, "task", task_object(j));
}

static void set_var(struct session *s, struct str key, struct val v) {
    struct job *j = s->j;
    if (!val_is(j->debug_vars, VAL_DICT)) {
        j->debug_vars = val_dict(&j->a, 4);
    }
    val_set_str(&j->a, j->debug_vars, str_dup(&j->a, key), v);
    struct err e = {.arena = &j->a};
    (void)fill_scope(s, &e);
}

/// "task.args['x'] = value", "task_vars['x'] = value", "del task.args['x']"; any other line is an expression.
static void execute(struct session *s, struct str line) {
    struct str key = STR_NONE;
    struct val v = {0};
    if (str_starts(line, "del ") && key_of(str_sub(line, 4, line.n), "task.args", &key)) {
        set_arg(s, key, (struct val){0});
        return;
    }
    size_t eq = str_find_char(line, 0, '=');
    bool assigns = eq != SIZE_MAX && eq + 1 < line.n && line.s[eq + 1] != '=';
    struct str left = assigns ? str_sub(line, 0, eq) : STR_NONE;
    bool arg = assigns && key_of(left, "task.args", &key);
    bool var = assigns && !arg && key_of(left, "task_vars", &key);
    if (arg || var) {
        if (evaluate(s, str_sub(line, eq + 1, line.n), &v)) {
            (arg ? set_arg : set_var)(s, key, v);
        }
        return;
    }
    print(s, line);
}

static bool is(struct str word, const char *letter, const char *name) {
    return str_eqz(word, name) || (letter && str_eqz(word, letter));
}

static void help(struct job *j) {
    say(j, STR_LIT("\nDocumented commands (type help <topic>):\n========================================\n"
                   "EOF  c  continue  h  help  p  pprint  q  quit  r  redo  u  update_task\n"));
}

/// Carries out one line. True when it decides how to go on.
static bool command(struct session *s, struct str line, enum verdict *out) {
    struct job *j = s->j;
    size_t end = 0;
    while (end < line.n && ((line.s[end] | 0x20) >= 'a' || line.s[end] == '_' || line.s[end] == '?') &&
           line.s[end] != '[') {
        end++;
    }
    struct str word = str_sub(line, 0, end);
    struct str rest = str_trim(str_sub(line, end, line.n));
    if (is(word, "p", "pprint")) {
        print(s, rest);
    } else if (rest.n == 0 && is(word, "q", "quit")) {
        say(j, STR_LIT("User interrupted execution"));
        *out = QUIT;
        return true;
    } else if (rest.n == 0 && (is(word, "c", "continue") || is(word, "r", "redo"))) {
        *out = word.s[0] == 'c' ? GO_ON : AGAIN;
        return true;
    } else if (rest.n == 0 && is(word, "u", "update_task")) {
        struct err e = {.arena = &j->a};
        j->task = j->step->task;
        (void)fill_scope(s, &e);
    } else if (is(word, "h", "help") || is(word, NULL, "?")) {
        help(j);
    } else {
        execute(s, line);
    }
    return false;
}

static enum verdict ask(struct session *s) {
    struct job *j = s->j;
    const struct role *role = j->task->n.role;
    struct str name = j->task->n.name.n ? j->task->n.name : j->task->action_name;
    struct str lead = role ? str_printf(&j->a, "%.*s : ", STR(role->fqcn.n ? role->fqcn : role->name)) : STR_NONE;
    const char *prompt = arena_printf(&j->a, "[%.*s] %s: %.*s%.*s (debug)> ", STR(j->h->host->name),
                                      j->step->handler ? "HANDLER" : "TASK", STR(lead), STR(name));
    for (;;) {
        struct str line = STR_NONE;
        struct err e = {.arena = &j->a};
        struct question q = {.prompt = prompt, .echo = true, .stdin_too = true};
        enum verdict v = QUIT;
        if (!ask_terminal(j->pr->r, &q, &j->a, &line, &e)) {
            say(j, STR_LIT("User interrupted execution"));
            return QUIT;
        }
        line = str_trim(line);
        s->last = line.n ? str_dup(&j->a, line) : s->last;
        if (s->last.n && command(s, s->last, &v)) {
            return v;
        }
    }
}

bool debugger_again(struct job *j) {
    struct err e = {.arena = &j->a};
    struct session s = {.j = j};
    if (!stops(j) || j->pr->r->stop) {
        return false;
    }
    result_show(j);
    j->shown = true;
    if (!fill_scope(&s, &e)) {
        run_error(j->pr->r, &e);
        return false;
    }
    switch (ask(&s)) {
    case GO_ON:
        return false;
    case QUIT:
        j->pr->r->stop = true;
        return false;
    case AGAIN:
        break;
    }
    job_restart(j);
    return true;
}
