// One module on the hosts of a pattern: a play with one task, made here.
#include "exec.h"

/// Modules whose text is a command line: only their own options are cut out of it.
static bool takes_command(const char *action) {
    static const char *const names[] = {"command", "shell", "raw", "script"};
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (strcmp(action, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static struct task *make_task(struct run *r, struct play *p, struct str name, struct val args, struct err *e) {
    struct arena *a = &r->a;
    struct task *t = ARENA_NEW(a, struct task);
    t->n.kind = NODE_TASK;
    t->n.parent = &p->n;
    t->n.file = p->n.file;
    t->module = module_find(name);
    if (!t->module) {
        err_set(e, ERR_NOT_FOUND, NO_MARK, "there is no module '%.*s'", STR(name));
        return NULL;
    }
    t->kind = TASK_MODULE;
    t->action_name = name;
    t->action = module_short(name);
    t->notify = val_list(a, 0);
    t->listen = t->notify;
    t->args = args;
    if (val_is(args, VAL_STR)) {
        struct val parsed = {0};
        if (!kv_parse(a, val_text(args), args.mark, takes_command(t->action), &parsed, e)) {
            return NULL;
        }
        struct val raw = val_get(parsed, "_raw_params");
        if (!val_is(raw, VAL_UNDEF) && t->module->free_form) {
            (void)val_del_key(parsed, val_z(a, "_raw_params"));
            val_set(a, parsed, t->module->free_form, raw);
        }
        t->args = val_mark_templates(val_reflag(a, parsed, 0, VAL_TRUSTED));
    } else if (!val_is(args, VAL_DICT)) {
        t->args = val_dict(a, 0);
    }
    if (!mod_check_names(t->module, t->action, t->args, NO_MARK, a, e)) {
        return NULL;
    }
    return t;
}

int run_adhoc(const struct run_opts *o, struct str pattern, struct str module, struct val args) {
    struct run r;
    run_init(&r, o);
    struct err e = {.arena = &r.a};
    struct hosts all = {0};
    struct play *p = ARENA_NEW(&r.a, struct play);
    bool end = false;
    p->n.kind = NODE_PLAY;
    p->n.name = STR_LIT("Ansible Ad-Hoc");
    p->n.kw[KW_NAME] = val_z(&r.a, "Ansible Ad-Hoc");
    p->n.kw[KW_GATHER_FACTS] = val_bool(false);
    p->hosts = val_str(&r.a, pattern);
    r.basedir = val_text(val_get(o->cfg, "playbook_dir"));
    struct task *t = make_task(&r, p, module, args, &e);
    bool ok = t && run_match(&r, pattern, NO_MARK, &r.a, &all, &e);
    if (ok && !all.n) {
        ok = err_set(&e, ERR_NOT_FOUND, NO_MARK, "the pattern '%.*s' matches no hosts", STR(pattern));
    }
    if (!ok) {
        run_error(&r, &e);
        run_release(&r);
        return 1;
    }
    struct step s = {.kind = STEP_TASK, .u.task = t};
    VEC_PUSH(&r.a, p->tasks, s);
    if (signals_open(&r)) {
        (void)play_batch(&r, p, (struct val){0}, &all, &all, &end);
        signals_close(&r);
    }
    int code = r.code;
    for (size_t i = 0; i < all.n && !code; i++) {
        code = all.p[i]->unreachable ? 4 : all.p[i]->failed ? 2 : 0;
    }
    if (r.stop) {
        code = 99;
    }
    run_release(&r);
    return code;
}
