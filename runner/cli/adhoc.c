// play adhoc: one module on the hosts of a pattern, as a playbook of one play and one task.
#include "cli.h"

#include "json.h"

/// Modules whose text is the command itself: without it there is nothing to do.
static bool needs_args(struct str module) {
    static const char *const names[] = {"command", "shell", "raw", "script", "win_command", "win_shell"};
    const char *builtin = str_starts(module, "ansible.builtin.")  ? "ansible.builtin."
                          : str_starts(module, "ansible.legacy.") ? "ansible.legacy."
                                                                  : "";
    struct str base = str_sub(module, strlen(builtin), module.n);
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (str_eqz(base, names[i])) {
            return true;
        }
    }
    return false;
}

static bool check_words(const struct settings *s, struct str pattern, struct err *e) {
    struct str m = s->module_name;
    if (str_eqz(m, "import_playbook") || str_eqz(m, "ansible.builtin.import_playbook")) {
        return err_set(e, ERR_ARGS, NO_MARK, "'%.*s' is not a valid action for ad-hoc commands", STR(m));
    }
    if (s->list_hosts || s->module_args.n || !needs_args(m)) {
        return true;
    }
    return err_set(e, ERR_ARGS, NO_MARK, "No argument passed to %.*s module%s", STR(m),
                   str_ends(pattern, ".yml") ? " (did you mean to run ansible-playbook?)" : "");
}

/// The arguments: a dict when they are one in JSON, else text, which the parser takes apart.
static struct val task_args(struct session *x) {
    struct str text = x->s->module_args;
    struct val v = VNULL;
    if (!text.n) {
        return v;
    }
    struct mark at = mark_source("<arguments>", text, 0);
    struct err e = {.arena = x->a};
    struct str body = str_trim(text);
    bool json = str_starts(body, "{") && str_ends(body, "}") && json_parse(x->a, body, &v, &e);
    if (!json || v.kind != VAL_DICT) {
        v = val_str(x->a, text);
    }
    return val_at(val_mark_templates(val_reflag(x->a, v, 0, VAL_TRUSTED)), at);
}

static struct val play_of(struct session *x, struct str pattern) {
    const struct settings *s = x->s;
    struct arena *a = x->a;
    struct val task = val_dict(a, 4);
    struct val tasks = val_list(a, 1);
    struct val play = val_dict(a, 4);
    val_set_str(a, task, s->module_name, task_args(x));
    if (s->task_timeout_s) {
        val_set(a, task, "timeout", val_int(s->task_timeout_s));
    }
    if (s->async_s) {
        val_set(a, task, "async", val_int(s->async_s));
        val_set(a, task, "poll", val_int(s->poll_s));
    }
    val_push(a, tasks, task);
    val_set(a, play, "name", val_z(a, "Ansible Ad-Hoc"));
    val_set(a, play, "hosts", val_str(a, pattern));
    val_set(a, play, "gather_facts", val_bool(false));
    val_set(a, play, "tasks", tasks);
    return play;
}

static bool load(struct session *x, struct str pattern, struct err *e) {
    struct str dir = config_path(x->a, x->s->playbook_dir, STR_NONE);
    vars_files_add_playbook(x->vars_files, dir);
    struct playbook **books = ARENA_ARRAY(x->a, struct playbook *, 1);
    books[0] = pb_value(x->loader, play_of(x, pattern), dir, e);
    x->run.books = books;
    x->run.nbooks = books[0] != NULL;
    return books[0] != NULL;
}

int adhoc_run(struct settings *s, struct str pattern, const struct words *secrets) {
    struct err e = {.arena = s->a};
    struct session x = {0};
    int code;
    if (!check_words(s, pattern, &e)) {
        return cli_report(&e, 5);
    }
    if (!session_open(&x, s, secrets, &e) || !load(&x, pattern, &e)) {
        code = cli_report_in(&x, &e, cli_error_code(&e));
    } else {
        code = run_adhoc(&x.run, pattern, s->list_hosts);
    }
    session_close(&x);
    return code;
}

int tool_adhoc(struct settings *s) {
    struct err e = {.arena = s->a};
    struct words none = {0};
    if (s->positional.n != 1) {
        if (s->positional.n) {
            err_set(&e, ERR_ARGS, NO_MARK, "unexpected word '%.*s' behind the host pattern", STR(s->positional.p[1]));
        } else {
            err_set(&e, ERR_ARGS, NO_MARK, "no host pattern given");
        }
        err_hint(&e, "say: play adhoc PATTERN -m MODULE -a ARGS -i INVENTORY");
        return cli_report(&e, 2);
    }
    if (s->one_line) {
        s->callback = STR_LIT("oneline");
    } else if (!s->adhoc_callbacks || str_eqz(s->callback, "default")) {
        s->callback = STR_LIT("minimal");
    }
    return adhoc_run(s, s->positional.p[0], &none);
}
