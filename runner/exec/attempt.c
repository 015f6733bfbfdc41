// One item of a task: its keywords and arguments templated, sent or run here, and its result judged by changed_when,
// failed_when and until.
#include "exec.h"

#include "facts.h"
#include "fd.h"
#include "local.h"
#include "script.h"

struct val result_failed(struct arena *a, const struct err *e) {
    struct val r = val_dict(a, 3);
    struct str text = err_text(e);
    const char *hint = NULL;
    bool ansibles_words = e->code == ERR_VAULT || e->code == ERR_NOT_FOUND;  // playbooks compare them
    for (const struct err *c = e; c && !ansibles_words; c = c->cause) {
        hint = c->hint ? c->hint : hint;
    }
    val_set(a, r, "failed", val_bool(true));
    val_set(a, r, "msg", hint ? val_printf(a, "%.*s (%s)", STR(text), hint) : val_str(a, text));
    return r;
}

// -- preparing --------------------------------------------------------------------------------------------------------

static bool item_tries(struct job *j, struct err *e) {
    struct item *it = &j->item;
    int64_t retries = 3;
    it->tries = 1;
    struct val delay = {0};
    double seconds = 5;
    if (val_is(j->task->n.kw[KW_UNTIL], VAL_UNDEF)) {
        return true;
    }
    if (!view_int(&j->v, KW_RETRIES, 3, &retries, e) || !view_kw(&j->v, KW_DELAY, &delay, e)) {
        return false;
    }
    int64_t whole = 0;
    if (val_is(delay, VAL_FLOAT)) {
        seconds = delay.u.f;
    } else if (!val_is(delay, VAL_UNDEF)) {
        if (!val_as_int(delay, &whole)) {
            return err_set(e, ERR_TYPE, delay.mark, "'delay' must be a number, not %s", val_kind_name(delay.kind));
        }
        seconds = (double)whole;
    }
    it->tries = retries <= 0 ? 1 : retries + 1;
    it->delay_ms = seconds < 0 ? 1000 : (int64_t)(seconds * 1000);
    return true;
}

static bool is_identifier(struct str s) {
    if (!s.n || (s.s[0] >= '0' && s.s[0] <= '9')) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) {
            return false;
        }
    }
    return true;
}

static bool item_keywords(struct job *j, struct err *e) {
    struct item *it = &j->item;
    const struct run_opts *o = j->pr->r->o;
    struct val reg = {0};
    int64_t timeout_s = o->task_timeout_s;
    if (!view_bool(&j->v, KW_CHECK_MODE, o->check, &it->check, e) ||
        !view_bool(&j->v, KW_DIFF, o->diff, &it->diff, e) ||
        !view_bool(&j->v, KW_IGNORE_ERRORS, false, &it->ignore_errors, e) ||
        !view_bool(&j->v, KW_IGNORE_UNREACHABLE, false, &it->ignore_unreachable, e) ||
        !view_int(&j->v, KW_TIMEOUT, timeout_s, &timeout_s, e) || !view_kw(&j->v, KW_REGISTER, &reg, e) ||
        !item_tries(j, e)) {
        return false;
    }
    it->timeout_ms = timeout_s > 0 ? timeout_s * 1000 : 0;
    if (!async_read(j, e)) {
        return false;
    }
    if (!val_is(reg, VAL_UNDEF)) {
        if (!val_is(reg, VAL_STR) || !is_identifier(val_text(reg))) {
            return err_set(e, ERR_ARGS, reg.mark, "'register' must be a variable name, not '%.*s'",
                           STR(val_str_of(&j->a, reg)));
        }
        it->reg = val_text(reg);
    }
    return view_value(&j->v, j->task->notify, &it->notify, e) || err_wrap(e, j->task->n.at, "in 'notify'");
}

/// What is in force of module_defaults for `m`: by key, the innermost wins as a whole.
static struct val defaults_for(struct job *j, const struct module *m) {
    struct val all = node_module_defaults(&j->task->n, &j->a);
    struct val out = val_dict(&j->a, 2);
    for (size_t k = 0; k < val_len(all); k++) {
        size_t i = 0;
        struct vpair *p;
        struct val one = val_at_index(all, k);
        while (val_is(one, VAL_DICT) && (p = val_each(one, &i))) {
            struct str key = val_text(p->key);
            if (pb_default_means(j->pr->r->o->loader, &j->task->n, key, m)) {
                // the names of an action are many, and mean one thing
                val_set_key(&j->a, out, str_starts(key, "group/") ? p->key : val_z(&j->a, "action"), p->value);
            }
        }
    }
    return out;
}

static bool add_defaults(struct job *j, struct val defaults, struct val into, struct err *e) {
    size_t i = 0;
    struct vpair *p;
    if (!view_value(&j->v, defaults, &defaults, e)) {
        return err_wrap(e, defaults.mark, "in 'module_defaults'");
    }
    while (val_is(defaults, VAL_DICT) && (p = val_each(defaults, &i))) {
        val_set_key(&j->a, into, p->key, p->value);
    }
    return true;
}

/// Defaults of module_defaults for one module: those of its groups, over them its own.
static bool defaults_of(struct job *j, const struct module *m, struct val into, struct err *e) {
    struct val all = defaults_for(j, m);
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(all, &i))) {
        if (str_starts(val_text(p->key), "group/") && !add_defaults(j, p->value, into, e)) {
            return false;
        }
    }
    struct val own = val_get(all, "action");
    return own.kind == VAL_UNDEF || add_defaults(j, own, into, e);
}

/// The defaults of an action; below them, those of the module that `service` and `package` hand the task over to.
bool attempt_defaults(struct job *j, struct val into, struct err *e) {
    static const char *const handed[][2] = {{"service", "ansible_service_mgr"}, {"package", "ansible_pkg_mgr"}};
    struct err quiet = {.arena = &j->a};
    for (size_t i = 0; i < COUNTOF(handed); i++) {
        struct val manager = {0};
        if (strcmp(j->task->action, handed[i][0]) != 0 || !view_var(&j->v, handed[i][1], &manager, &quiet) ||
            !val_is(manager, VAL_STR)) {
            continue;
        }
        const struct module *m = module_find(val_text(manager));
        if (m && !defaults_of(j, m, into, e)) {
            return false;
        }
    }
    return !j->task->module || defaults_of(j, j->task->module, into, e);
}

/// Leaves out what is `omit`, at any depth.
static struct val drop_omit(struct arena *a, struct val v) {
    size_t i = 0;
    struct vpair *p;
    if (val_is(v, VAL_DICT)) {
        struct val out = val_at(val_flag(val_dict(a, val_len(v)), v.flags), v.mark);
        while ((p = val_each(v, &i))) {
            if (!val_is(p->value, VAL_OMIT)) {
                val_set_key(a, out, p->key, drop_omit(a, p->value));
            }
        }
        return out;
    }
    if (val_is(v, VAL_LIST)) {
        struct val out = val_at(val_flag(val_list(a, val_len(v)), v.flags), v.mark);
        for (; i < val_len(v); i++) {
            if (!val_is(val_at_index(v, i), VAL_OMIT)) {
                val_push(a, out, drop_omit(a, val_at_index(v, i)));
            }
        }
        return out;
    }
    return v;
}

/// Arguments given as one template that makes a dictionary.
static bool take_whole(struct job *j, struct val whole, struct val into, struct err *e) {
    size_t i = 0;
    struct vpair *p;
    if (!val_is(whole, VAL_DICT)) {
        return err_set(e, ERR_TYPE, whole.mark,
                       "the arguments of '%.*s' must be a dictionary, not %s: invalid or malformed argument: '%.*s'",
                       STR(j->task->action_name), val_kind_name(whole.kind), STR(val_str_of(&j->a, whole)));
    }
    while ((p = val_each(whole, &i))) {
        val_set_key(&j->a, into, p->key, p->value);
    }
    return true;
}

/// set_fact takes templates as names of variables.
static bool templated_names(struct job *j, struct val *args, struct err *e) {
    size_t i = 0;
    struct vpair *p;
    struct val out = val_at(val_dict(&j->a, val_len(*args)), args->mark);
    while (val_is(*args, VAL_DICT) && (p = val_each(*args, &i))) {
        struct val key = p->key;
        if (val_is(key, VAL_STR) && str_find(val_text(key), 0, STR_LIT("{{")) != SIZE_MAX) {
            key = val_mark_templates(val_flag(key, VAL_TRUSTED));
            if (!view_value(&j->v, key, &key, e)) {
                return err_wrap(e, p->key.mark, "in the name of a variable");
            }
        }
        val_set_key(&j->a, out, key, p->value);
    }
    *args = val_is(*args, VAL_DICT) ? out : *args;
    return true;
}

/// The arguments, templated. A list of conditions of assert keeps its templates: the module evaluates them. From 2.19
/// on all of them stay the expressions that they are; only a template that gives a list of them is looked into.
static bool templated_args(struct job *j, struct val *out, struct err *e) {
    struct val raw = j->task->args;
    struct val that = val_get(raw, "that");
    struct val list = that;
    bool keep =
        strcmp(j->task->action, "assert") == 0 && !val_is(that, VAL_UNDEF) && (j->v.jc.v219 || val_is_seq(that));
    if (!keep) {
        return view_value(&j->v, raw, out, e);
    }
    raw = val_copy(&j->a, raw);
    (void)val_del_key(raw, val_z(&j->a, "that"));
    if (!view_value(&j->v, raw, out, e) ||
        (val_is(that, VAL_STR) && str_starts(val_text(that), "{{") && !view_value(&j->v, that, &list, e))) {
        return false;
    }
    *out = val_copy(&j->a, *out);
    val_set(&j->a, *out, "that", val_is_seq(list) ? list : that);
    return true;
}

static bool item_args(struct job *j, struct val *out, struct err *e) {
    struct val defaults = val_dict(&j->a, 4);
    struct val args = {0};
    if (!templated_args(j, &args, e)) {
        return err_wrap(e, j->task->action_at, "in the arguments of '%.*s'", STR(j->task->action_name));
    }
    if (strcmp(j->task->action, "set_fact") == 0 && !templated_names(j, &args, e)) {
        return false;
    }
    args = val_is(args, VAL_DICT) ? val_copy(&j->a, args) : args;
    if (!attempt_defaults(j, defaults, e)) {
        return false;
    }
    if (!val_is(args, VAL_DICT)) {
        return err_set(e, ERR_TYPE, j->task->action_at, "the arguments of '%.*s' must be a dictionary, not %s",
                       STR(j->task->action_name), val_kind_name(args.kind));
    }
    struct val whole = val_get(args, "_variable_params");
    if (!val_is(whole, VAL_UNDEF) && !take_whole(j, whole, defaults, e)) {
        return false;
    }
    (void)val_del_key(args, val_z(&j->a, "_variable_params"));
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(args, &i))) {
        if (val_is(p->value, VAL_OMIT)) {
            (void)val_del_key(defaults, p->key);
            continue;
        }
        val_set_key(&j->a, defaults, p->key, p->value);
    }
    *out = drop_omit(&j->a, defaults);
    return true;
}

/// Everything typed into a no_log argument is masked wherever it turns up later.
static void mask_args(struct job *j) {
    for (const struct arg *g = j->item.mod->args; g && g->name; g++) {
        struct val v = val_get(j->item.call.args, g->name);
        if (g->no_log && val_is(v, VAL_STR) && val_text(v).n) {
            output_secret(j->pr->r->o->output, val_text(v));
        }
    }
}

/// An action that is a template becomes known only now.
static bool bind_action(struct job *j, struct err *e) {
    struct val name = {0};
    if (j->step->task->kind != TASK_UNKNOWN || !(j->step->task->action_raw.flags & VAL_TMPL)) {
        return true;
    }
    if (!view_value(&j->v, j->step->task->action_raw, &name, e)) {
        return err_wrap(e, j->task->action_at, "in the name of the module");
    }
    struct task *bound = pb_bind_action(j->pr->r->o->loader, j->step->task, val_str_of(&j->a, name), e);
    j->task = bound ? bound : j->task;
    return bound != NULL;
}

/// How the item reaches its target. The items of a loop share it when nothing was asked for that may differ between
/// them: a template, a variable of the loop, or what was registered.
static bool item_login(struct job *j, struct view *cv, struct err *e) {
    struct item *it = &j->item;
    bool shared = j->looping && cv == &j->v && !str_starts(it->reg, "ansible_");
    if (shared && j->login_known) {
        it->login = j->login;
        return true;
    }
    cv->varied = false;
    if (!login_resolve(cv, it->target, &j->a, &it->login, e)) {
        return false;
    }
    j->login_known = shared && !cv->varied;
    j->login = it->login;
    return true;
}

bool item_prepare(struct job *j, struct err *e) {
    struct item *it = &j->item;
    struct view *cv = NULL;
    if (!bind_action(j, e)) {
        return false;
    }
    it->mod = j->task->module;
    if (!it->mod) {
        return err_set(e, ERR_NOT_FOUND, j->task->action_at,
                       j->task->elsewhere ? "the module '%.*s' is not supported yet"
                                          : "couldn't resolve module/action '%.*s'",
                       STR(j->task->action_name));
    }
    if (it->mod->refuse) {
        return err_set(e, ERR_NOT_FOUND, j->task->action_at, "%s", it->mod->refuse);
    }
    if (!item_delegate(j, &cv, e) || !item_keywords(j, e) || !item_args(j, &it->args, e)) {
        return false;
    }
    if (gather_is(j->step->task) && !gather_begin(j, e)) {
        return false;
    }
    if (!it->gather && !facts_tell(j, it->args, e)) {
        return false;
    }
    if (it->mod->side == ON_CONTROLLER) {
        return delegate_label(j, cv, e);
    }
    return item_login(j, cv, e) && delegate_label(j, cv, e) && (!it->mod->beside || beside_place(j, e)) &&
           environment_resolve(&j->v, &it->environment, e);
}

// -- running ----------------------------------------------------------------------------------------------------------

static void keep_why(struct job *j, const struct err *e) {
    struct err *kept = ARENA_NEW(&j->a, struct err);
    *kept = *e;
    j->item.why = kept;
}

enum job_phase attempt_failed(struct job *j, const struct err *e) {
    keep_why(j, e);
    struct val r = result_failed(&j->a, e);
    val_set(&j->a, r, "changed", val_bool(false));
    j->item.result = r;
    return JOB_RESULT;
}

static void call_init(struct job *j, struct val args) {
    struct item *it = &j->item;
    it->call = (struct mod_call){.arena = &j->a,
                                 .mod = it->mod,
                                 .name = j->task->action,
                                 .args = args,
                                 .check = it->check,
                                 .diff = it->diff,
                                 .diff_max = j->pr->r->o->diff_max,
                                 .no_log = it->no_log,
                                 .verbosity = j->pr->r->o->verbosity,
                                 .at = j->task->n.at,
                                 .result = val_dict(&j->a, 2),
                                 .ctl = &j->v.ctl};
}

/// raw: the transport takes the command line as `cmd`.
static struct val raw_args(struct arena *a, struct val args) {
    struct val out = val_copy(a, args);
    struct val cmd = val_get(args, "_raw_params");
    if (!val_is(cmd, VAL_UNDEF)) {
        (void)val_del_key(out, val_z(a, "_raw_params"));
        val_set(a, out, "cmd", cmd);
    }
    return out;
}

/// shell: with the shell that the host is set to use, unless the task names one.
static struct val shell_args(struct job *j, const char *module, struct val args) {
    const char *shell = j->item.login.spec.executable;
    if (strcmp(module, "shell") != 0 || !shell || !*shell || val_truth(val_get(args, "executable"))) {
        return args;
    }
    struct val out = val_copy(&j->a, args);
    val_set(&j->a, out, "executable", val_z(&j->a, shell));
    return out;
}

enum job_phase attempt_send(struct job *j, const char *module, struct val args) {
    struct item *it = &j->item;
    struct err e = {.arena = &j->a};
    it->slot = slot_get(j->pr->r, &it->login, &j->a, &e);
    if (!it->slot) {
        return attempt_failed(j, &e);
    }
    trace_become(j->pr->r, &it->login);
    struct conn_blob *blobs = ARENA_ARRAY(&j->a, struct conn_blob, it->call.blobs.n + 1);
    for (size_t i = 0; i < it->call.blobs.n; i++) {
        const struct mod_blob *b = &it->call.blobs.p[i];
        memcpy(blobs[i].sha256, b->sha256, sizeof blobs[i].sha256);
        blobs[i].data = b->data;
        blobs[i].path = b->path;
        blobs[i].size = b->size;
    }
    j->lane = j->lane ? j->lane : ++j->pr->r->lane;
    // modules of the table are in play-remote; those of the project travel as source
    bool own = it->mod->script && module_find(str_from(module)) != it->mod;
    struct conn_request q = {.module = module,
                             .args = it->mod->no_target ? raw_args(&j->a, args) : shell_args(j, module, args),
                             .become = it->login.use_become ? &it->login.become : NULL,
                             .check = it->check,
                             .diff = it->diff,
                             .diff_max = j->pr->r->o->diff_max,
                             .no_log = it->no_log,
                             .invocation = j->looping && it->reg.n,
                             .verbosity = j->pr->r->o->verbosity,
                             .timeout_ms = it->next.timeout_ms ? it->next.timeout_ms : it->timeout_ms,
                             .async_s = it->async.state == ASYNC_START ? it->async.limit_s : 0,
                             .async_dir = it->async.dir,
                             .environment = it->environment,
                             .script = own ? script_source(it->mod) : STR_NONE,
                             .blobs = blobs,
                             .nblobs = it->call.blobs.n,
                             .on_request = it->call.on_request,
                             .lane = j->lane,
                             .raw = it->mod->no_target,
                             .guarded = j->early,
                             .sink = it->call.sink ? it->call.sink->fd : 0,
                             .want_log = j->pr->r->o->live && !it->no_log};
    it->slot->in_flight++;
    it->landed = false;
    it->dropped = false;
    j->request = conn_submit(it->slot->conn, &q, j);
    return JOB_SENT;
}

enum job_phase attempt_submit(struct job *j) {
    const char *target = j->item.mod->target;
    return attempt_send(j, target ? target : j->task->action, j->item.call.args);
}

/// timeout: ran out.
static struct val timed_out(struct job *j) {
    struct val r = val_dict(&j->a, 3);
    val_set(&j->a, r, "failed", val_bool(true));
    val_set(&j->a, r, "changed", val_bool(false));
    val_set(&j->a, r, "msg",
            val_printf(&j->a, "The %.*s action failed to execute in the expected time frame (%lld) and was terminated",
                       STR(j->task->action_name), (long long)(j->item.timeout_ms / 1000)));
    return r;
}

/// What a module's controller half gave instead of a request; false: there is nothing to send.
static bool has_prepared(struct job *j) {
    struct item *it = &j->item;
    struct err e = {.arena = &j->a};
    if (it->mod->no_target && it->check) {
        it->result = val_dict(&j->a, 2);
        val_set(&j->a, it->result, "skipped", val_bool(true));
        return false;
    }
    if (it->mod->prepare && !it->mod->prepare(&it->call, &e)) {
        keep_why(j, &e);
        it->result = it->call.result;
        if (!val_has(it->result, "failed")) {
            it->result = result_failed(&j->a, &e);
        }
        return false;
    }
    if (result_is_skipped(it->call.result)) {
        it->result = it->call.result;
        return false;
    }
    return true;
}

/// Arguments checked and the call set up; false: the result says why not.
static bool call_ready(struct job *j) {
    struct item *it = &j->item;
    struct err e = {.arena = &j->a};
    it->attempt++;
    it->why = NULL;
    struct val args = {0};
    if (!mod_validate(it->mod, j->task->action, it->args, j->task->action_at, &j->a, &args, &e)) {
        (void)attempt_failed(j, &e);
        return false;
    }
    call_init(j, args);
    mask_args(j);
    return true;
}

enum job_phase attempt_prepare(struct job *j) {
    return call_ready(j) && has_prepared(j) ? JOB_SENT : JOB_RESULT;
}

enum job_phase attempt_start(struct job *j) {
    struct item *it = &j->item;
    struct err e = {.arena = &j->a};
    if (it->gather && !gather_turn(j, &e)) {
        return attempt_failed(j, &e);
    }
    if (it->mod->side != ON_CONTROLLER) {
        if (attempt_prepare(j) != JOB_SENT) {
            return JOB_RESULT;
        }
        it->next = (struct mod_step){0};
        return it->mod->step ? JOB_STEP : attempt_submit(j);
    }
    if (!call_ready(j)) {
        return JOB_RESULT;
    }
    mod_execute(&it->call);
    it->result = it->call.result;
    it->why = it->call.why;
    if (it->why && !val_is(it->call.bad_condition, VAL_UNDEF)) {
        job_bad_condition(j, it->call.bad_condition);
        return job_abort(j, it->why);
    }
    if (it->call.sleep_ms > 0) {
        bool late = it->timeout_ms && it->call.sleep_ms > it->timeout_ms;
        it->result = late ? timed_out(j) : it->result;
        j->due = clock_ms() + (late ? it->timeout_ms : it->call.sleep_ms);
        j->after = JOB_RESULT;
        return JOB_TIMER;
    }
    return JOB_RESULT;
}

/// The controller half after the target's answer.
static void finish(struct job *j) {
    struct item *it = &j->item;
    if (!it->mod->finish || result_is_failed(it->result) || result_is_skipped(it->result)) {
        return;
    }
    struct err e = {.arena = &j->a};
    it->call.result = it->result;
    if (!it->mod->finish(&it->call, &e)) {
        keep_why(j, &e);
        if (!val_has(it->call.result, "failed")) {
            it->call.result = result_failed(&j->a, &e);
        }
    }
    mod_arrange(&it->call);
    it->result = it->call.result;
}

static struct val lines_of(struct arena *a, struct str text) {
    struct val list = val_list(a, 8);
    struct str line;
    if (str_ends(text, "\n")) {
        text.n--;
    }
    while (text.n && str_next(&text, '\n', &line)) {
        val_push(a, list, val_str(a, str_ends(line, "\r") ? str_sub(line, 0, line.n - 1) : line));
    }
    return list;
}

/// What the transport says of a raw command, completed as Ansible's raw does.
static void raw_result(struct arena *a, struct val r) {
    struct val err = val_get(r, "stderr");
    (void)val_del_key(r, val_z(a, "stderr"));  // it comes after the lines of stdout
    val_set(a, r, "stdout_lines", lines_of(a, val_text(val_get(r, "stdout"))));
    val_set(a, r, "stderr", err);
    val_set(a, r, "stderr_lines", lines_of(a, val_text(err)));
    val_set(a, r, "changed", val_bool(true));
    if (!val_equal(val_get(r, "rc"), val_int(0))) {
        val_set(a, r, "failed", val_bool(true));
        val_set(a, r, "msg", val_z(a, "non-zero return code"));
    }
}

#define RESULT_ROOM 6  // keys that are added to a result here, those of a loop among them

/// What only the controller may say: it would notify handlers, change the inventory or give facts to other hosts.
static bool is_ours_to_say(struct str key) {
    static const char *const remote[] = {"_ansible_dropped", "_ansible_timed_out", "_ansible_verbose_override",
                                         FACTS_LEFT};
    for (size_t i = 0; i < COUNTOF(remote); i++) {
        if (str_eqz(key, remote[i])) {
            return false;
        }
    }
    return str_starts(key, "_ansible_") || str_eqz(key, "add_host") || str_eqz(key, "add_group");
}

/// The target's answer in the job's own memory. Nothing in it is a template, or moves the controller.
static struct val take_result(struct arena *a, struct val answer) {
    const unsigned clear = VAL_TRUSTED | VAL_TMPL;
    if (!val_is(answer, VAL_DICT)) {
        struct val r = val_dict(a, 2);
        val_set(a, r, "failed", val_bool(true));
        val_set(a, r, "msg", val_z(a, "the target's answer is not a dictionary"));
        return r;
    }
    struct val r = val_dict(a, val_len(answer) + RESULT_ROOM);
    size_t i = 0;
    for (const struct vpair *p; (p = val_each(answer, &i));) {
        if (!is_ours_to_say(val_text(p->key))) {
            val_set_key(a, r, val_reflag(a, p->key, clear, 0), val_reflag(a, p->value, clear, 0));
        }
    }
    return val_flag(r, answer.flags & ~clear);
}

void job_completed(struct job *j, struct completion *c) {
    struct item *it = &j->item;
    if (it->mod->step) {
        steps_answer(j, c);
        return;
    }
    bool late = c->kind == DONE_RESULT ? result_flag(c->result, "_ansible_timed_out") : c->err.code == ERR_TIMEOUT;
    if (late && it->timeout_ms) {
        it->result = timed_out(j);
    } else if (c->kind == DONE_RESULT) {
        it->result = take_result(&j->a, c->result);
        if (it->mod->no_target && val_has(it->result, "rc")) {
            raw_result(&j->a, it->result);
        }
        it->landed = true;
        it->dropped = result_flag(it->result, "_ansible_dropped");
    } else {
        struct val r = result_failed(&j->a, &c->err);
        val_set(&j->a, r, "changed", val_bool(false));
        if (c->err.code == ERR_UNREACHABLE || c->lost) {
            (void)val_del_key(r, val_z(&j->a, "failed"));
            val_set(&j->a, r, "unreachable", val_bool(true));
            it->slot->dead = true;
        }
        it->result = r;
    }
    slot_done(it->slot);
    j->phase = JOB_RESULT;
}

// -- judging ----------------------------------------------------------------------------------------------------------

static void complete_result(struct job *j) {
    struct val r = j->item.result;
    struct val rc = val_get(r, "rc");
    if (val_is(val_get(r, "failed"), VAL_UNDEF) && !result_flag(r, "unreachable")) {
        bool bad = !val_is(rc, VAL_UNDEF) && !val_equal(rc, val_int(0)) && !str_eqz(val_text(rc), "0");
        val_set(&j->a, r, "failed", val_bool(bad));
    }
    if (!val_is(j->task->n.kw[KW_UNTIL], VAL_UNDEF)) {
        val_set(&j->a, r, "attempts", val_int(j->item.attempt));
    }
    if (val_is(val_get(r, "changed"), VAL_UNDEF)) {
        val_set(&j->a, r, "changed", val_bool(false));
    }
}

/// changed_when and failed_when with the result in scope.
static void judge(struct job *j) {
    struct val r = j->item.result;
    struct err e = {.arena = &j->a};
    struct val changed = j->task->n.kw[KW_CHANGED_WHEN];
    struct val failed = j->task->n.kw[KW_FAILED_WHEN];
    const char *part = "changed_when_result";
    bool yes = false;
    bool ok = true;
    if (job_asks(changed)) {
        ok = view_conditions(&j->v, changed, &yes, NULL, &e);
        if (ok) {
            val_set(&j->a, r, "changed", val_bool(yes));
            job_publish(j);
        }
    }
    if (ok && job_asks(failed)) {
        part = "failed_when_result";
        ok = view_conditions(&j->v, failed, &yes, NULL, &e);
        if (ok) {
            val_set(&j->a, r, "failed_when_result", val_bool(yes));
            val_set(&j->a, r, "failed", val_bool(yes));
        }
    }
    if (!ok) {
        val_set(&j->a, r, "failed", val_bool(true));
        val_set(&j->a, r, part, val_str(&j->a, err_text(&e)));
    }
    job_publish(j);
}

/// until: true when the job has to wait for another attempt.
static bool try_again(struct job *j, struct err *e) {
    struct item *it = &j->item;
    bool done = false;
    if (it->tries <= 1) {
        return false;
    }
    struct val until = j->task->n.kw[KW_UNTIL];
    if (!view_conditions(&j->v, until, &done, NULL, e)) {
        job_bad_condition(j, until);
        return false;
    }
    if (done) {
        return false;
    }
    if (it->attempt >= it->tries) {
        val_set(&j->a, it->result, "attempts", val_int(it->tries - 1));
        val_set(&j->a, it->result, "failed", val_bool(true));
        job_publish(j);
        return false;
    }
    val_set(&j->a, it->result, "retries", val_int(it->tries));
    struct event ev = result_event(j, EV_RETRY, it->result, &j->a);
    ev.retries_left = it->tries - it->attempt;
    struct val name = j->task->n.kw[KW_NAME];  // a name of its own stands without that of its role
    ev.name = val_is(name, VAL_STR) && val_text(name).n ? view_name(&j->v, name) : task_title(&j->v);
    run_event(j->pr->r, &ev);
    j->due = clock_ms() + it->delay_ms;
    j->after = JOB_ATTEMPT;
    return true;
}

enum job_phase attempt_result(struct job *j) {
    struct item *it = &j->item;
    struct err e = {.arena = &j->a};
    enum job_phase next = JOB_RESULT;
    if (it->async.state != ASYNC_NONE && async_next(j, &next)) {
        return next;
    }
    if (result_flag(it->result, "unreachable")) {
        j->task = it->gather ? j->step->task : j->task;
        return JOB_ITEM_DONE;
    }
    if (it->dropped) {
        j->lane = 0;
        j->ahead_off = true;
        return attempt_submit(j);
    }
    if (it->landed) {
        it->landed = false;
        finish(j);
    }
    if (it->gather && gather_more(j)) {
        return JOB_ATTEMPT;
    }
    complete_result(j);
    if (!result_is_failed(it->result) && !result_is_skipped(it->result)) {
        result_inventory(j, it->result);
    }
    job_publish(j);
    job_publish_facts(j);
    if (!val_has(it->result, "skipped")) {
        judge(j);
    }
    if (val_len(it->notify)) {
        val_set(&j->a, it->result, "_ansible_notify", it->notify);
    }
    if (try_again(j, &e)) {
        return JOB_TIMER;
    }
    if (e.code) {
        err_wrap(&e, j->task->n.at, "in 'until'");
        return job_abort(j, &e);
    }
    return JOB_ITEM_DONE;
}
