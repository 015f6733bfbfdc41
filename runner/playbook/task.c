// One task or handler: which module it runs, with which arguments, under which keywords.
#include "parse.h"
#include "varname.h"

/// The keys of a task, sorted into what they are for.
struct parts {
    struct vpair *action, *local, *args;
    struct {
        struct key {
            struct vpair *it;
        } * p;
        size_t n, cap;
    } modules, strangers;
};
/// The action as found: `name` and what was given to it.
struct found {
    struct val name;      // string with its mark
    struct val given;     // dict, text or null
    struct mark text_at;  // where the text begins
    enum act act;
    const struct module *module;
};

static const struct {
    const char *name;
    enum act act;
} family[] = {
    {"include", ACT_INCLUDE},           {"include_tasks", ACT_INCLUDE_TASKS}, {"include_role", ACT_INCLUDE_ROLE},
    {"import_tasks", ACT_IMPORT_TASKS}, {"import_role", ACT_IMPORT_ROLE},     {"meta", ACT_META},
};

struct str action_base(struct str name) {
    static const char *const ours[] = {"ansible.builtin.", "ansible.legacy."};
    for (size_t i = 0; i < COUNTOF(ours); i++) {
        if (str_starts(name, ours[i])) {
            return str_sub(name, strlen(ours[i]), name.n);
        }
    }
    return name;
}

static const struct module *by_full_name(const struct ctx *c, struct str coll, struct str name, struct err *e) {
    struct pb_module m = {.name = str_printf(c->l->a, "%.*s.%.*s", STR(coll), STR(name)),
                          .role_path = c->role ? c->role->path : STR_NONE,
                          .book_dir = c->play && c->play->book ? pb_dirname(c->play->book->file) : STR_NONE};
    const struct module *found = module_find(m.name);
    return found || !c->l->o.find_module ? found : c->l->o.find_module(c->l->o.find_self, &m, e);
}

static const struct module *in_list(const struct ctx *c, struct val list, struct str name, struct err *e) {
    const struct module *m = NULL;
    for (size_t i = 0; val_is_seq(list) && i < val_len(list) && !m && e->code == ERR_NONE; i++) {
        m = by_full_name(c, val_text(val_at_index(list, i)), name, e);
    }
    return m;
}

/// Short names are looked for in the collection of the role or playbook and in those of `collections:`, of the task,
/// around it and of the role's meta.
static const struct module *in_collections(const struct ctx *c, struct str name, struct err *e) {
    const struct module *m = NULL;
    if (str_find_char(name, 0, '.') != SIZE_MAX) {
        return NULL;
    }
    struct str coll = implied_collection(c);
    if (coll.n) {
        m = by_full_name(c, coll, name, e);
    }
    m = m || e->code != ERR_NONE ? m : in_list(c, c->collections, name, e);
    m = m || e->code != ERR_NONE ? m : in_list(c, node_kw(c->parent, KW_COLLECTIONS), name, e);
    return m || e->code != ERR_NONE || !c->role ? m : in_list(c, val_get(c->role->meta, "collections"), name, e);
}

/// Finds what runs under a name: ACT_UNKNOWN when nothing does. False only when a project's own module is broken.
static bool resolve(const struct ctx *c, struct str name, struct found *f, struct err *e) {
    struct str base = action_base(name);
    f->module = NULL;
    for (size_t i = 0; i < COUNTOF(family); i++) {
        if (str_eqz(base, family[i].name)) {
            f->act = family[i].act;
            return true;
        }
    }
    f->act = ACT_MODULE;
    if (c->l->o.rejected && map_get(c->l->o.rejected, base)) {
        return err_set(e, ERR_ARGS, NO_MARK, "the module '%.*s' is rejected by the plugin filter file", STR(base));
    }
    struct pb_module m = {.name = base,
                          .role_path = c->role ? c->role->path : STR_NONE,
                          .book_dir = c->play && c->play->book ? pb_dirname(c->play->book->file) : STR_NONE};
    // As in Ansible a short name is the project's module first; a full name that we have is ours.
    bool short_name = str_find_char(base, 0, '.') == SIZE_MAX && !str_starts(name, "ansible.builtin.");
    const struct module *ours = module_find(name);
    if (c->l->o.find_module && (short_name || !ours)) {
        f->module = c->l->o.find_module(c->l->o.find_self, &m, e);
        if (!f->module && e->code != ERR_NONE) {
            return false;
        }
    }
    if (ours && (!f->module || f->module->refuse)) {
        f->module = ours;
    }
    if (!f->module) {
        f->module = in_collections(c, name, e);
        if (!f->module && e->code != ERR_NONE) {
            return false;
        }
    }
    if (!f->module) {
        f->act = ACT_UNKNOWN;
    }
    return true;
}

bool action_find(const struct ctx *c, struct str name, const struct module **out, enum act *act, struct err *e) {
    struct found f = {0};
    bool ok = resolve(c, name, &f, e);
    *out = f.module;
    *act = f.act;
    return ok;
}

// -- sorting the keys ------------------------------------------------------------------------------------------------
static unsigned where_of(const struct ctx *c) {
    return c->handlers ? ON_HANDLER : ON_TASK;
}

static const char *what_of(const struct ctx *c) {
    return c->handlers ? "a Handler" : "a Task";
}

/// Where the keys that name an action are kept; NULL for other keys.
static struct vpair **action_key(struct parts *parts, struct str name) {
    if (str_eqz(name, "action")) {
        return &parts->action;
    }
    if (str_eqz(name, "local_action")) {
        return &parts->local;
    }
    return str_eqz(name, "args") ? &parts->args : NULL;
}

/// `loop` or `with_something`. As in Ansible, a `loop` behind a `with_something` gives it another value.
static bool take_loop(const struct ctx *c, struct task *t, struct vpair *p, struct str name, struct err *e) {
    bool plain = str_eqz(name, "loop");
    if (plain && p->value.kind == VAL_NULL) {
        return true;
    }
    if (t->loop.kind != VAL_UNDEF && !(plain && t->loop_with.n)) {
        return err_set(e, ERR_LIMIT, p->key.mark, "a task can have one loop, found '%.*s' too", STR(name));
    }
    if (p->value.kind == VAL_NULL) {
        return err_set(e, ERR_ARGS, p->key.mark, "'%.*s' needs a value", STR(name));
    }
    bool replaced = plain && t->loop_with.n;
    t->loop_with = plain ? t->loop_with : str_sub(name, 5, name.n);
    t->loop = p->value;
    return !plain || replaced || field_set(c->l, &t->n, KW_LOOP, p->value, e);
}

static bool take_key(const struct ctx *c, struct task *t, struct parts *parts, struct vpair *p, struct err *e) {
    struct str name = STR_NONE;
    if (!key_text(p, &name, e)) {
        return false;
    }
    struct vpair **action = action_key(parts, name);
    if (action) {
        *action = p;
        return true;
    }
    if ((str_starts(name, "with_") && name.n > 5) || str_eqz(name, "loop")) {
        return take_loop(c, t, p, name, e);
    }
    enum keyword k = keyword_find(name);
    if (k != KW_NONE && (keyword_docs[k].where & where_of(c))) {
        return field_set(c->l, &t->n, k, p->value, e);
    }
    struct found f = {0};
    struct key key = {p};
    if (!resolve(c, name, &f, e)) {
        return err_wrap(e, p->key.mark, "in the action of a task");
    }
    if (f.act == ACT_UNKNOWN) {
        VEC_PUSH(c->l->a, parts->strangers, key);
    } else {
        VEC_PUSH(c->l->a, parts->modules, key);
    }
    return true;
}

// -- choosing the action ---------------------------------------------------------------------------------------------
static bool unknown_module(const struct ctx *c, struct val name, struct err *e) {
    struct str s = val_text(name);
    struct typo t = {.got = action_base(s)};
    for (size_t i = 0; i < module_count; i++) {
        typo_offer(&t, str_from(module_table[i].name));
    }
    for (size_t i = 0; i < COUNTOF(family); i++) {
        typo_offer(&t, str_from(family[i].name));
    }
    for (int k = KW_NONE + 1; k < KW_COUNT; k++) {
        if (keyword_docs[k].where & where_of(c)) {
            typo_offer(&t, str_from(keyword_docs[k].name));
        }
    }
    err_set(e, ERR_ARGS, name.mark, "unknown module '%.*s'", STR(s));
    struct str coll = collection_of(s);
    if (coll.n) {
        bool here = collection_state(c, coll) == COLLECTION_ON_DISK;
        return err_hint(e,
                        here ? "the collection '%.*s' that is installed here has no such module"
                             : "the collection '%.*s' is not in the collections_path, and nothing of it is built in",
                        STR(coll));
    }
    if (str_eqz(action_base(s), "import_playbook")) {
        return err_hint(e, "'import_playbook' stands in the list of plays, not among tasks");
    }
    if (t.best.n) {
        return err_hint(e, "did you mean '%.*s'?", STR(t.best));
    }
    return err_hint(e, "a task without a 'when' must name a module that exists");
}

static bool no_module(struct val d, struct err *e) {
    struct buf b = BUF_IN(e->arena);
    size_t i = 0;
    for (struct vpair *p; (p = val_each(d, &i));) {
        buf_printf(&b, "%s%.*s", b.n ? ", " : "", STR(val_text(p->key)));
    }
    if (!b.n) {
        return err_set(e, ERR_ARGS, d.mark, "no module/action detected in task: it is empty");
    }
    return err_set(e, ERR_ARGS, d.mark, "no module/action detected in task, only %.*s", STR(buf_view(&b)));
}

/// Of several unknown keys the one that can be a module is the one with a collection's name.
static struct vpair *likely_module(const struct parts *parts) {
    struct vpair *dotted = NULL;
    for (size_t i = 0; i < parts->strangers.n; i++) {
        struct vpair *p = parts->strangers.p[i].it;
        if (str_find_char(val_text(p->key), 0, '.') != SIZE_MAX) {
            if (dotted) {
                return NULL;
            }
            dotted = p;
        }
    }
    return parts->strangers.n == 1 ? parts->strangers.p[0].it : dotted;
}

/// Splits "copy src=a" into the module's name and the rest.
static bool split_action(struct arena *a, struct val text, const char *what, struct found *f, struct err *e) {
    struct kv_words w = {0};
    if (text.kind != VAL_STR) {
        return err_set(e, ERR_ARGS, text.mark, "'%s' must name a module as text, not %s", what,
                       val_kind_name(text.kind));
    }
    struct str s = val_text(text);
    if (!kv_split(a, s, text.mark, &w, e)) {
        return false;
    }
    if (!w.n) {
        return err_set(e, ERR_ARGS, text.mark, "'%s' names no module", what);
    }
    f->name = val_at(val_flag(val_str(a, kv_strip(w.p[0].s)), text.flags & ~(unsigned)VAL_TMPL), text.mark);
    f->name = val_mark_templates(f->name);
    f->text_at = w.n > 1 ? mark_inside(text.mark, s, w.p[1].at) : text.mark;
    struct val rest = val_str(a, w.n > 1 ? str_sub(s, w.p[1].at, s.n) : STR_LIT(""));
    f->given = val_at(val_flag(rest, text.flags), f->text_at);
    return true;
}

static bool is_free_form(struct str name) {
    static const char *const names[] = {"command", "shell", "raw", "script", "win_command", "win_shell"};
    struct str base = action_base(name);
    if (str_starts(name, "ansible.windows.")) {
        base = str_sub(name, strlen("ansible.windows."), name.n);
    }
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (str_eqz(base, names[i])) {
            return true;
        }
    }
    return false;
}

/// k=v text as a dict; the text's flags spread to the values.
static bool text_args(struct arena *a, struct val text, struct str module, struct val *out, struct err *e) {
    if (!kv_parse(a, val_text(text), text.mark, is_free_form(module), out, e)) {
        return false;
    }
    unsigned set = text.flags & (VAL_SECRET | VAL_UNSAFE | VAL_VAULTED);
    if (set || !(text.flags & VAL_TRUSTED)) {
        bool plain = (text.flags & VAL_UNSAFE) || !(text.flags & VAL_TRUSTED);
        *out = val_reflag(a, *out, plain ? VAL_TMPL | VAL_TRUSTED : 0U, set);
    }
    return true;
}

/// `over` put over `base`, both dicts.
static struct val overlay(struct arena *a, struct val base, struct val over) {
    size_t i = 0;
    for (struct vpair *p; (p = val_each(over, &i));) {
        val_set_key(a, base, p->key, p->value);
    }
    return base;
}

/// `action: {module: "copy src=a", dest: b, args: {...}}`: everything beside `module` is an argument.
static bool action_dict(struct arena *a, struct val d, const char *what, struct found *f, struct err *e) {
    struct val module = val_get(d, "module");
    if (module.kind == VAL_UNDEF) {
        err_set(e, ERR_ARGS, d.mark, "'%s' as a dictionary needs 'module'", what);
        return false;
    }
    struct val text = {0};
    if (!split_action(a, module, what, f, e) || !text_args(a, f->given, val_text(f->name), &text, e)) {
        return false;
    }
    struct val inner = val_get(d, "args");
    struct val args = val_at(val_copy(a, d), d.mark);
    struct val key = val_z(a, "module");
    val_del_key(args, key);
    args = overlay(a, args, text);
    if (inner.kind != VAL_UNDEF) {
        val_del_key(args, val_z(a, "args"));
        if (inner.kind == VAL_STR && !text_args(a, inner, STR_LIT(""), &inner, e)) {
            return false;
        }
        args = overlay(a, args, inner);
    }
    f->given = val_mark_templates(args);
    return true;
}

static bool old_style(const struct ctx *c, struct vpair *p, struct found *f, struct err *e) {
    const char *what = str_z(c->l->a, val_text(p->key));
    bool ok = p->value.kind == VAL_DICT ? action_dict(c->l->a, p->value, what, f, e)
                                        : split_action(c->l->a, p->value, what, f, e);
    if (!ok) {
        return false;
    }
    if (has_template(f->name)) {
        f->act = ACT_UNKNOWN;
        f->module = NULL;
        return true;
    }
    return resolve(c, val_text(f->name), f, e) || err_wrap(e, f->name.mark, "in the action of a task");
}

static bool conflict(struct str a, struct val b, struct err *e) {
    return err_set(e, ERR_ARGS, b.mark, "conflicting action statements: %.*s, %.*s", STR(a), STR(val_text(b)));
}

static bool choose_key(const struct ctx *c, struct val d, const struct parts *parts, struct found *f, struct err *e) {
    struct vpair *p = parts->modules.n ? parts->modules.p[0].it : likely_module(parts);
    if (parts->modules.n > 1) {
        return conflict(val_text(p->key), parts->modules.p[1].it->key, e);
    }
    if (!p) {
        if (!parts->strangers.n) {
            return no_module(d, e);
        }
        return unknown_module(c, parts->strangers.p[0].it->key, e);
    }
    for (size_t i = 0; i < parts->strangers.n; i++) {
        if (parts->strangers.p[i].it != p) {
            return field_unknown(parts->strangers.p[i].it, where_of(c), what_of(c), e);
        }
    }
    f->name = p->key;
    f->given = p->value;
    f->text_at = p->value.mark;
    return resolve(c, val_text(p->key), f, e);
}

static bool choose_action(const struct ctx *c, struct val d, const struct parts *parts, struct found *f,
                          struct err *e) {
    struct vpair *old = parts->action ? parts->action : parts->local;
    if (!old) {
        return choose_key(c, d, parts, f, e);
    }
    if (parts->action && parts->local) {
        return err_set(e, ERR_ARGS, parts->local->key.mark, "'action' and 'local_action' cannot be used together");
    }
    if (!old_style(c, old, f, e)) {
        return false;
    }
    if (parts->modules.n) {
        return conflict(val_text(f->name), parts->modules.p[0].it->key, e);
    }
    if (parts->strangers.n) {
        return field_unknown(parts->strangers.p[0].it, where_of(c), what_of(c), e);
    }
    return true;
}

// -- arguments -------------------------------------------------------------------------------------------------------
/// What `args:` gives: a dict, or a template that gives one.
static bool base_args(const struct ctx *c, const struct parts *parts, struct val *out, struct err *e) {
    struct arena *a = c->l->a;
    struct val v = parts->args ? parts->args->value : VNULL;
    *out = val_at(val_dict(a, 4), v.mark);
    if (v.kind == VAL_NULL) {
        return true;
    }
    if (v.kind == VAL_DICT) {
        *out = val_at(val_copy(a, v), v.mark);
        return true;
    }
    if (v.kind == VAL_STR && has_template(v)) {
        val_set(a, *out, "_variable_params", v);
        return true;
    }
    err_set(e, ERR_ARGS, v.mark, "'args' must be a dictionary, not %s", val_kind_name(v.kind));
    return v.kind == VAL_STR ? err_hint(e, "a variable is written \"{{ name }}\"") : false;
}

static bool given_args(const struct ctx *c, const struct found *f, struct val *out, struct err *e) {
    struct str name = val_text(f->name);
    switch ((enum val_kind)f->given.kind) {
    case VAL_DICT:
        *out = f->given;
        break;
    case VAL_STR:
        return text_args(c->l->a, f->given, name, out, e);
    case VAL_NULL:
        *out = val_dict(c->l->a, 0);
        break;
    case VAL_UNDEF:
    case VAL_BOOL:
    case VAL_INT:
    case VAL_FLOAT:
    case VAL_LIST:
    case VAL_TUPLE:
    case VAL_OMIT:
    case VAL_OBJ:
        return err_set(e, ERR_ARGS, f->given.mark, "arguments of '%.*s' must be a dictionary or text, not %s",
                       STR(name), val_kind_name(f->given.kind));
    }
    return true;
}

static bool reserved_args(const struct found *f, struct val args, struct err *e) {
    size_t i = 0;
    for (struct vpair *p; (p = val_each(args, &i));) {
        if (str_starts(val_text(p->key), "_ansible_") && !is_free_form(val_text(f->name))) {
            return err_set(e, ERR_ARGS, p->key.mark, "'%.*s' is not an argument of '%.*s'", STR(val_text(p->key)),
                           STR(val_text(f->name)));
        }
    }
    return true;
}

/// Moves the free-form text to where the module wants it; text a module cannot take must be a template of arguments.
static bool place_raw(struct arena *a, struct task *t, struct err *e) {
    struct val raw = val_get(t->args, "_raw_params");
    struct val cmd = val_get(t->args, "cmd");
    bool own = t->module && (t->module->free_form || !is_free_form(t->action_name));  // else one of Windows
    const char *home = own ? t->module->free_form : "_raw_params";
    bool empty = raw.kind == VAL_UNDEF || (raw.kind == VAL_STR && val_text(raw).n == 0);
    if (home && is_free_form(t->action_name) && cmd.kind != VAL_UNDEF && strcmp(home, "cmd") != 0) {
        if (!empty) {
            return err_set(e, ERR_ARGS, cmd.mark, "'cmd' cannot be used together with free-form text");
        }
        val_del_key(t->args, val_z(a, "cmd"));
        raw = cmd;
        val_set(a, t->args, "_raw_params", raw);
        empty = false;
    }
    if (raw.kind == VAL_UNDEF || (home && strcmp(home, "_raw_params") == 0)) {
        return true;
    }
    val_del_key(t->args, val_z(a, "_raw_params"));
    if (empty) {
        return true;
    }
    if (home) {
        if (!val_has(t->args, home)) {
            val_set(a, t->args, home, raw);
        }
        return true;
    }
    if (!has_template(raw)) {
        err_set(e, ERR_ARGS, raw.mark, "'%.*s' takes no free-form text, only named arguments", STR(t->action_name));
        return err_hint(e, "write name=value, or a dictionary");
    }
    val_set(a, t->args, "_variable_params", raw);
    return true;
}

/// set_fact takes names that are templates: as pairs {key, value} under "_dynamic" they are templated like values.
static void place_keys(struct arena *a, struct task *t) {
    struct val pairs = val_list(a, 1);
    struct val kept = val_at(val_dict(a, val_len(t->args)), t->args.mark);
    size_t i = 0;
    for (struct vpair *p; (p = val_each(t->args, &i));) {
        bool dynamic = (p->key.flags & VAL_TRUSTED) && str_find(val_text(p->key), 0, STR_LIT("{{")) != SIZE_MAX;
        if (!dynamic) {
            val_set_key(a, kept, p->key, p->value);
            continue;
        }
        struct val pair = val_dict(a, 2);
        val_set(a, pair, "key", val_mark_templates(p->key));
        val_set(a, pair, "value", p->value);
        val_push(a, pairs, pair);
    }
    if (val_len(pairs)) {
        val_set(a, kept, "_dynamic", pairs);
        t->args = kept;
    }
}

/// Names can be checked now; values may be templates.
/// A wrong argument that need not come to anything is reported when the task runs.
static bool check_names(const struct pb_loader *l, const struct task *t, struct err *e) {
    struct val named = val_copy(l->a, t->args);
    val_del_key(named, val_z(l->a, "_variable_params"));
    if (mod_check_names(t->module, t->action, named, t->action_at, l->a, e)) {
        return true;
    }
    if (e->code != ERR_ARGS || !(l->o.no_run || node_guarded(&t->n))) {
        return false;
    }
    err_clear(e);
    return true;
}

static bool meta_ok(const struct task *t, struct err *e) {
    static const char *const names[] = {"clear_facts",       "clear_host_errors", "end_batch",      "end_host",
                                        "end_play",          "end_role",          "flush_handlers", "noop",
                                        "refresh_inventory", "reset_connection"};
    struct val v = val_get(t->args, "_raw_params");
    struct str s = str_trim(val_text(v));
    struct buf all = BUF_IN(e->arena);
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (str_eqz(s, names[i])) {
            return true;
        }
        buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
    }
    err_set(e, ERR_ARGS, v.mark.at ? v.mark : t->action_at, "unknown meta action '%.*s'", STR(s));
    const char *near = typo_nearest(s, names, COUNTOF(names));
    return near ? err_hint(e, "did you mean '%s'?", near) : err_hint(e, "known: %.*s", STR(buf_view(&all)));
}

static enum task_kind kind_of(enum act act) {
    switch (act) {
    case ACT_MODULE:
        return TASK_MODULE;
    case ACT_INCLUDE:
    case ACT_INCLUDE_TASKS:
    case ACT_IMPORT_TASKS:
        return TASK_INCLUDE_TASKS;
    case ACT_INCLUDE_ROLE:
    case ACT_IMPORT_ROLE:
        return TASK_INCLUDE_ROLE;
    case ACT_META:
        return TASK_META;
    case ACT_UNKNOWN:
        break;
    }
    return TASK_UNKNOWN;
}

static const char *short_name(struct arena *a, const struct found *f) {
    struct str base = action_base(val_text(f->name));
    if (f->act == ACT_MODULE && module_find(val_text(f->name)) == f->module) {
        const char *known = module_short(val_text(f->name));
        return known ? known : str_z(a, base);
    }
    if (f->act == ACT_INCLUDE) {
        return "include_tasks";
    }
    return str_z(a, base);
}

static bool set_action(const struct ctx *c, struct task *t, const struct parts *parts, const struct found *f,
                       struct err *e) {
    struct val given = {0};
    t->action = short_name(c->l->a, f);
    t->action_name = val_text(f->name);
    t->action_raw = f->name;
    t->action_at = f->name.mark.at ? f->name.mark : t->n.at;
    t->kind = kind_of(f->act);
    t->module = f->module;
    t->elsewhere = f->act == ACT_UNKNOWN && !has_template(f->name) &&
                   module_elsewhere(c, t->action_name, action_base(t->action_name));
    if (f->act == ACT_UNKNOWN && !has_template(f->name) && !t->elsewhere) {
        if (!node_conditional(&t->n)) {
            return unknown_module(c, f->name, e);
        }
        pb_warn(c->l, t->action_at, "module '%.*s' is not known; the task fails if it is to run", STR(t->action_name));
    }
    if (!base_args(c, parts, &t->args, e) || !given_args(c, f, &given, e) || !reserved_args(f, given, e)) {
        return false;
    }
    t->args = overlay(c->l->a, t->args, given);
    if (f->act == ACT_META) {
        return meta_ok(t, e);
    }
    if (f->act == ACT_UNKNOWN) {
        return true;
    }
    if (f->act != ACT_MODULE) {
        return include_check(c, t, f->act, e);
    }
    if (strcmp(t->action, "set_fact") == 0) {
        place_keys(c->l->a, t);
    }
    return place_raw(c->l->a, t, e) && check_names(c->l, t, e);
}

// -- the rest of a task ----------------------------------------------------------------------------------------------
static bool names_list(struct arena *a, struct val v, const char *what, struct val *out, struct err *e) {
    struct val list = val_at(val_list(a, 1), v.mark);
    if (v.kind == VAL_UNDEF || v.kind == VAL_NULL) {
        *out = list;
        return true;
    }
    if (v.kind != VAL_LIST) {
        val_push(a, list, v);
        v = list;
    }
    for (size_t i = 0; i < val_len(v); i++) {
        struct val item = val_at_index(v, i);
        if (item.kind != VAL_STR) {
            return err_set(e, ERR_ARGS, item.mark, "'%s' must hold strings, not %s", what, val_kind_name(item.kind));
        }
    }
    *out = val_mark_templates(v);
    return true;
}

static bool variable_name(struct val v, const char *what, struct err *e) {
    if (v.kind == VAL_UNDEF || v.kind == VAL_NULL || has_template(v)) {
        return true;
    }
    if (v.kind != VAL_STR || !var_name_ok(val_text(v))) {
        bool plain = v.kind == VAL_STR || v.kind == VAL_INT || v.kind == VAL_FLOAT;
        return err_set(e, ERR_ARGS, v.mark, "Invalid variable name in '%s' specified: '%.*s'", what,
                       STR(plain ? val_str_of(e->arena, v) : str_from(val_kind_name(v.kind))));
    }
    return true;
}

static bool set_loop_control(const struct ctx *c, struct task *t, struct err *e) {
    struct val d = t->n.kw[KW_LOOP_CONTROL];
    if (d.kind == VAL_UNDEF || d.kind == VAL_NULL) {
        return true;
    }
    struct node *scratch = ARENA_NEW(c->l->a, struct node);
    if (d.kind != VAL_DICT) {
        return err_set(e, ERR_ARGS, d.mark, "'loop_control' must be a dictionary and cannot be a template itself");
    }
    t->loop_control = d;
    return fields_take(c->l, scratch, d, ON_LOOP_CONTROL, "loop_control", e) &&
           variable_name(scratch->kw[KW_LOOP_VAR], "loop_var", e) &&
           variable_name(scratch->kw[KW_INDEX_VAR], "index_var", e);
}

static bool set_lists(const struct ctx *c, struct task *t, struct err *e) {
    struct val notify = t->n.kw[KW_NOTIFY];
    if (notify.kind == VAL_UNDEF) {
        notify = node_kw(&t->n, KW_NOTIFY);
    }
    return names_list(c->l->a, notify, "notify", &t->notify, e) &&
           names_list(c->l->a, t->n.kw[KW_LISTEN], "listen", &t->listen, e);
}

bool task_parse(const struct ctx *around, struct val d, struct task **out, enum act *act, struct err *e) {
    struct ctx own = *around;
    const struct ctx *c = &own;
    own.collections = val_get(d, "collections");
    struct task *t = ARENA_NEW(c->l->a, struct task);
    struct parts parts = {0};
    struct found f = {0};
    node_init(&t->n, c->handlers ? NODE_HANDLER : NODE_TASK, c, d.mark);
    t->id = ++c->l->tasks;
    size_t i = 0;
    for (struct vpair *p; (p = val_each(d, &i));) {
        if (!take_key(c, t, &parts, p, e)) {
            return false;
        }
    }
    if (!choose_action(c, d, &parts, &f, e)) {
        return false;
    }
    if (parts.local) {
        struct val host = val_flag(val_z(c->l->a, "localhost"), VAL_TRUSTED);
        t->n.kw[KW_DELEGATE_TO] = val_at(host, parts.local->key.mark);
    }
    if (!set_loop_control(c, t, e) || !set_lists(c, t, e) || !variable_name(t->n.kw[KW_REGISTER], "register", e) ||
        !set_action(c, t, &parts, &f, e)) {
        return false;
    }
    if (!fields_ok(&t->n, e)) {
        if (!c->l->o.no_run && !node_guarded(&t->n)) {
            return false;
        }
        err_clear(e);  // the task fails when it runs, if it does
    }
    t->args = val_mark_templates(t->args);
    *out = t;
    *act = f.act;
    return true;
}

struct task *pb_bind_action(struct pb_loader *l, const struct task *t, struct str name, struct err *e) {
    struct ctx c = {
        .l = l, .parent = t->n.parent, .play = node_play(t->n.parent), .role = t->n.role, .file = t->n.file};
    c.handlers = t->n.kind == NODE_HANDLER;
    struct found f = {.name = val_at(val_str(l->a, kv_strip(name)), t->action_at)};
    if (!resolve(&c, val_text(f.name), &f, e)) {
        return NULL;
    }
    if (f.act != ACT_MODULE) {
        unknown_module(&c, f.name, e);
        return NULL;
    }
    struct task *copy = ARENA_NEW(l->a, struct task);
    *copy = *t;
    copy->kind = TASK_MODULE;
    copy->module = f.module;
    copy->action = short_name(l->a, &f);
    copy->action_name = val_text(f.name);
    copy->action_raw = f.name;
    copy->args = val_copy(l->a, t->args);
    if (!place_raw(l->a, copy, e) || !check_names(l, copy, e)) {
        return NULL;
    }
    copy->args = val_mark_templates(copy->args);
    return copy;
}
