// One play: hosts, variables, roles and the lists of tasks.
#include "parse.h"

static bool hosts_ok(const struct play *p, struct err *e) {
    struct val h = p->hosts;
    if (h.kind == VAL_UNDEF) {
        err_set(e, ERR_ARGS, p->n.at, "a play needs 'hosts'");
        return err_hint(e, "name the hosts or groups it runs on, such as 'hosts: all'");
    }
    bool empty =
        h.kind == VAL_NULL || (h.kind == VAL_STR && !kv_strip(val_text(h)).n) || (h.kind == VAL_LIST && !val_len(h));
    if (empty) {
        return err_set(e, ERR_ARGS, h.mark.at ? h.mark : p->n.at,
                       "Hosts list cannot be empty. Please check your playbook");
    }
    if (h.kind != VAL_STR && h.kind != VAL_LIST) {
        return err_set(e, ERR_ARGS, h.mark, "'hosts' must be a string or a list, not %s", val_kind_name(h.kind));
    }
    for (size_t i = 0; h.kind == VAL_LIST && i < val_len(h); i++) {
        struct val item = val_at_index(h, i);
        if (item.kind != VAL_STR) {
            return err_set(e, ERR_ARGS, item.mark.at ? item.mark : h.mark, "'hosts' must hold strings, not %s",
                           val_kind_name(item.kind));
        }
    }
    return true;
}

static bool prompt_ok(struct val d, struct err *e) {
    static const char *const names[] = {"name",    "prompt", "default",   "private", "confirm",
                                        "encrypt", "salt",   "salt_size", "unsafe"};
    if (d.kind != VAL_DICT) {
        return err_set(e, ERR_ARGS, d.mark, "an item of 'vars_prompt' must be a dictionary, not %s",
                       val_kind_name(d.kind));
    }
    size_t i = 0;
    for (struct vpair *p; (p = val_each(d, &i));) {
        struct str key = STR_NONE;
        if (!key_text(p, &key, e)) {
            return false;
        }
        const char *near = typo_nearest(key, names, COUNTOF(names));
        bool known = !near && !val_has(d, "name");  // that is the worse mistake
        for (size_t k = 0; k < COUNTOF(names) && !known; k++) {
            known = str_eqz(key, names[k]);
        }
        if (!known) {
            err_set(e, ERR_ARGS, p->key.mark, "Invalid vars_prompt data structure, found unsupported key '%.*s'",
                    STR(key));
            return near ? err_hint(e, "did you mean '%s'?", near) : false;
        }
    }
    return val_has(d, "name") || err_set(e, ERR_ARGS, d.mark, "Invalid vars_prompt data structure, missing 'name' key");
}

static bool take_prompts(struct pb_loader *l, struct play *p, struct err *e) {
    struct val v = p->n.kw[KW_VARS_PROMPT];
    struct val list = val_list(l->a, 1);
    if (v.kind == VAL_DICT) {
        val_push(l->a, list, v);
        v = list;
    }
    if (!list_of(l->a, v, "vars_prompt", &p->vars_prompt, e)) {
        return false;
    }
    for (size_t i = 0; i < val_len(p->vars_prompt); i++) {
        if (!prompt_ok(val_at_index(p->vars_prompt, i), e)) {
            return false;
        }
    }
    return true;
}

static bool take_vars_files(struct pb_loader *l, struct play *p, struct err *e) {
    struct val v = p->n.kw[KW_VARS_FILES];
    if (v.kind == VAL_STR) {
        p->vars_files = val_at(val_list(l->a, 1), v.mark);
        val_push(l->a, p->vars_files, v);
        p->vars_files = val_mark_templates(p->vars_files);
        return true;
    }
    if (!list_of(l->a, v, "vars_files", &p->vars_files, e)) {
        return false;
    }
    for (size_t i = 0; i < val_len(p->vars_files); i++) {
        struct val item = val_at_index(p->vars_files, i);
        if (item.kind != VAL_STR && item.kind != VAL_LIST) {
            return err_set(e, ERR_ARGS, item.mark, "an item of 'vars_files' must be a file name or a list, not %s",
                           val_kind_name(item.kind));
        }
    }
    return true;
}

// -- keywords --------------------------------------------------------------------------------------------------------
static bool unknown_key(struct vpair *p, struct str name, struct err *e) {
    field_unknown(p, ON_PLAY, "a Play", e);
    if (str_eqz(name, "include")) {
        return err_hint(e, "playbooks are included with 'import_playbook'");
    }
    if (module_find(name) || str_starts(name, "include_") || str_starts(name, "import_")) {
        return err_hint(e, "tasks stand under 'tasks' of a play");
    }
    return false;
}

static bool take_key(struct pb_loader *l, struct play *p, struct vpair *pair, struct err *e) {
    struct str name = STR_NONE;
    if (!key_text(pair, &name, e)) {
        return false;
    }
    enum keyword k = keyword_find(name);
    if (str_eqz(name, "user")) {
        k = KW_REMOTE_USER;
        if (p->n.kw[k].kind != VAL_UNDEF) {
            return err_set(e, ERR_ARGS, pair->key.mark,
                           "both 'user' and 'remote_user' are set for this play. The use of 'user' is deprecated, and "
                           "should be removed");
        }
    }
    if (k == KW_NONE || !(keyword_docs[k].where & ON_PLAY)) {
        return unknown_key(pair, name, e);
    }
    return field_set(l, &p->n, k, pair->value, e);
}

/// What import_playbook gives: variables over the play's, conditions for everything in it, more tags.
static void take_import(struct arena *a, struct play *p, const struct import *by) {
    struct val vars = p->n.kw[KW_VARS].kind == VAL_DICT ? p->n.kw[KW_VARS] : val_dict(a, 0);
    if (by->vars.kind == VAL_DICT && val_len(by->vars)) {
        vars = val_mark_templates(val_merge(a, vars, by->vars, false, MERGE_REPLACE));
    }
    p->n.kw[KW_VARS] = vars;
    if (val_len(by->when)) {
        p->n.kw[KW_WHEN] = by->when;
    }
    struct val tags = val_at(val_list(a, 4), p->n.kw[KW_TAGS].mark);
    for (size_t i = 0; i < val_len(p->n.kw[KW_TAGS]); i++) {
        val_push(a, tags, val_at_index(p->n.kw[KW_TAGS], i));
    }
    for (size_t i = 0; i < val_len(by->tags); i++) {
        val_push(a, tags, val_at_index(by->tags, i));
    }
    if (val_len(tags)) {
        p->n.kw[KW_TAGS] = tags;
    }
}

// -- contents --------------------------------------------------------------------------------------------------------
static bool load_roles(const struct ctx *c, struct play *p, struct err *e) {
    struct val list = {0};
    struct val given = p->n.kw[KW_ROLES];
    if (given.kind != VAL_UNDEF && given.kind != VAL_NULL && given.kind != VAL_LIST) {
        return err_set(e, ERR_SYNTAX, given.mark,
                       "A malformed role declaration was encountered: 'roles' must be a list");
    }
    if (!list_of(c->l->a, given, "roles", &list, e)) {
        return false;
    }
    p->roles = ARENA_ARRAY(c->l->a, struct role *, val_len(list) + 1);
    for (size_t i = 0; i < val_len(list); i++) {
        struct role_how how = {.def = val_at_index(list, i), .validate = true, .is_public = true};
        if (!role_load(c, &how, &p->roles[i], e)) {
            return false;
        }
        p->nroles = i + 1;
    }
    return true;
}

bool play_parse(struct pb_loader *l, struct playbook *pb, struct val d, const struct import *by, struct play **out,
                struct err *e) {
    struct play *p = ARENA_NEW(l->a, struct play);
    struct ctx c = {.l = l, .play = p, .file = pb->file};
    node_init(&p->n, NODE_PLAY, &c, d.mark);
    c.parent = &p->n;
    p->book = pb;
    size_t i = 0;
    for (struct vpair *pair; (pair = val_each(d, &i));) {
        if (!take_key(l, p, pair, e)) {
            return false;
        }
    }
    p->hosts = p->n.kw[KW_HOSTS];
    if (!hosts_ok(p, e)) {
        return false;
    }
    take_import(l->a, p, by);
    if (!take_vars_files(l, p, e) || !take_prompts(l, p, e) || !load_roles(&c, p, e) ||
        !steps_parse(&c, p->n.kw[KW_PRE_TASKS], "pre_tasks", &p->pre_tasks, e) ||
        !steps_parse(&c, p->n.kw[KW_TASKS], "tasks", &p->tasks, e) ||
        !steps_parse(&c, p->n.kw[KW_POST_TASKS], "post_tasks", &p->post_tasks, e) ||
        !handlers_parse(&c, p->n.kw[KW_HANDLERS], "handlers", &p->handlers, &p->nhandlers, e)) {
        return false;
    }
    *out = p;
    return true;
}

// -- variables before any host ---------------------------------------------------------------------------------------
static struct val file_vars(struct pb_loader *l, const struct play *p, struct val name) {
    struct str base = pb_dirname(p->book->file);
    struct str dirs[] = {path_join(l->a, base, STR_LIT("vars")), base};
    if (name.kind != VAL_STR || has_template(name)) {
        return (struct val){0};
    }
    for (size_t i = 0; i < COUNTOF(dirs); i++) {
        struct arena scratch = {0};
        struct err e = {.arena = &scratch};
        struct str path = path_join(l->a, dirs[i], val_text(name));
        struct val v = {0};
        bool ok = path_is_file(l->a, path) && pb_file(l, path, name.mark, &v, &e);
        arena_release(&scratch);
        if (ok) {
            return v;
        }
    }
    return (struct val){0};
}

/// One item of vars_files: a name, or names of which the first that exists counts. Files that cannot be read now are
/// left to the run, which reports them.
static struct val item_vars(struct pb_loader *l, const struct play *p, struct val item) {
    if (item.kind != VAL_LIST) {
        return file_vars(l, p, item);
    }
    for (size_t i = 0; i < val_len(item); i++) {
        struct val v = file_vars(l, p, val_at_index(item, i));
        if (v.kind == VAL_DICT) {
            return v;
        }
    }
    return (struct val){0};
}

struct val play_statics(struct pb_loader *l, struct play *p) {
    for (size_t i = 0; i < l->statics.n; i++) {
        if (l->statics.p[i].play == p) {
            return l->statics.p[i].vars;
        }
    }
    struct val all = p->n.kw[KW_VARS].kind == VAL_DICT ? p->n.kw[KW_VARS] : val_dict(l->a, 0);
    for (size_t i = 0; i < val_len(p->vars_files); i++) {
        struct val v = item_vars(l, p, val_at_index(p->vars_files, i));
        if (v.kind == VAL_DICT) {
            all = val_merge(l->a, all, v, false, MERGE_REPLACE);
        }
    }
    struct known it = {.play = p, .vars = val_mark_templates(all)};
    VEC_PUSH(l->a, l->statics, it);
    return it.vars;
}
