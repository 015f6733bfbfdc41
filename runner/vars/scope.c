// The precedence table and the stack of layers one task sees on one host. Values are returned raw, never templated
// here.
#include "scope.h"

const struct var_level_doc var_levels[LEVEL_COUNT] = {
    [0] = {"none", "no level"},
    [LEVEL_COMMAND_LINE] = {"command line", "values of options such as -u; they are not variables"},
    [LEVEL_ROLE_DEFAULTS] = {"role defaults", "defaults/main.yml of roles"},
    [LEVEL_INV_FILE_GROUP] = {"inventory group vars", "variables of groups in an inventory file or script"},
    [LEVEL_INV_GROUP_ALL] = {"inventory group_vars/all", "group_vars/all next to an inventory source"},
    [LEVEL_PB_GROUP_ALL] = {"playbook group_vars/all", "group_vars/all next to the playbook"},
    [LEVEL_INV_GROUP] = {"inventory group_vars", "group_vars/NAME next to an inventory source"},
    [LEVEL_PB_GROUP] = {"playbook group_vars", "group_vars/NAME next to the playbook"},
    [LEVEL_INV_FILE_HOST] = {"inventory host vars", "variables of a host in an inventory file or script"},
    [LEVEL_INV_HOST] = {"inventory host_vars", "host_vars/NAME next to an inventory source"},
    [LEVEL_PB_HOST] = {"playbook host_vars", "host_vars/NAME next to the playbook"},
    [LEVEL_FACTS] = {"facts", "facts of the host and cacheable set_fact"},
    [LEVEL_PLAY_VARS] = {"play vars", "vars of the play"},
    [LEVEL_PROMPT] = {"vars_prompt", "answers to vars_prompt of the play"},
    [LEVEL_VARS_FILES] = {"vars_files", "files in vars_files of the play"},
    [LEVEL_ROLE_VARS] = {"role vars", "vars/main.yml of roles"},
    [LEVEL_BLOCK_VARS] = {"block vars", "vars of the blocks around a task"},
    [LEVEL_TASK_VARS] = {"task vars", "vars of the task"},
    [LEVEL_INCLUDE_VARS] = {"include_vars", "variables read by include_vars"},
    [LEVEL_SET_FACT] = {"set_fact", "set_fact and registered results"},
    [LEVEL_ROLE_PARAMS] = {"role params", "parameters given to a role"},
    [LEVEL_INCLUDE_PARAMS] = {"include params", "vars of an include or import"},
    [LEVEL_EXTRA] = {"extra vars", "-e on the command line"},
    [LEVEL_MAGIC] = {"magic", "names the program sets itself, such as inventory_hostname and item"},
};

const char *const scope_magic_names[] = {"ansible_check_mode",
                                         "ansible_config_file",
                                         "ansible_current_hosts",
                                         "ansible_dependent_role_names",
                                         "ansible_diff_mode",
                                         "ansible_failed_hosts",
                                         "ansible_forks",
                                         "ansible_index_var",
                                         "ansible_inventory_sources",
                                         "ansible_limit",
                                         "ansible_loop",
                                         "ansible_loop_var",
                                         "ansible_parent_role_names",
                                         "ansible_parent_role_paths",
                                         "ansible_play_batch",
                                         "ansible_play_hosts",
                                         "ansible_play_hosts_all",
                                         "ansible_play_name",
                                         "ansible_play_role_names",
                                         "ansible_playbook_python",
                                         "ansible_role_name",
                                         "ansible_role_names",
                                         "ansible_run_tags",
                                         "ansible_search_path",
                                         "ansible_skip_tags",
                                         "ansible_verbosity",
                                         "ansible_version",
                                         "environment",
                                         "group_names",
                                         "groups",
                                         "hostvars",
                                         "inventory_dir",
                                         "inventory_file",
                                         "inventory_hostname",
                                         "inventory_hostname_short",
                                         "omit",
                                         "play_hosts",
                                         "playbook_dir",
                                         "role_name",
                                         "role_names",
                                         "role_path",
                                         "vars",
                                         NULL};

// -- walking ---------------------------------------------------------------------------------------------------------

#define STATE_LAYERS 3

/// Goes through all layers from high to low. At one level, pushed layers are above the host's state, that above the
/// base.
struct walk {
    const struct scope *s;
    size_t extra, base;  // how many are left
    struct layer state[STATE_LAYERS];
    size_t nstate, at_state;
};

static void walk_start(struct walk *w, const struct scope *s) {
    *w = (struct walk){.s = s, .extra = s->extra.n, .base = s->nbase};
    if (s->state) {
        w->state[0] = (struct layer){LEVEL_SET_FACT, s->state->set_facts};
        w->state[1] = (struct layer){LEVEL_INCLUDE_VARS, s->state->include_vars};
        w->state[2] = (struct layer){LEVEL_FACTS, s->state->facts_prefixed};
        w->nstate = STATE_LAYERS;
    }
}

/// *facts tells that the layer is the host's facts, which need care.
static bool walk_next(struct walk *w, struct layer *out, bool *facts) {
    const struct layer *extra = w->extra ? &w->s->extra.p[w->extra - 1] : NULL;
    const struct layer *state = w->at_state < w->nstate ? &w->state[w->at_state] : NULL;
    const struct layer *base = w->base ? &w->s->base[w->base - 1] : NULL;
    int x = extra ? extra->level : -1;
    int t = state ? state->level : -1;
    int b = base ? base->level : -1;
    *facts = false;
    if (extra && x >= t && x >= b) {
        *out = *extra;
        w->extra--;
    } else if (state && t >= b) {
        *out = *state;
        *facts = state->level == LEVEL_FACTS;
        w->at_state++;
    } else if (base) {
        *out = *base;
        w->base--;
    } else {
        return false;
    }
    return true;
}

/// Facts as a layer: ansible_facts itself, ansible_local always, the rest when they are injected.
static bool get_fact(const struct scope *s, struct str name, struct arena *a, struct val *out) {
    if (str_eqz(name, "ansible_facts")) {
        *out = s->state->facts.kind == VAL_DICT ? s->state->facts : val_dict(a, 0);
        return true;
    }
    if (!s->inject_facts && !str_eqz(name, "ansible_local")) {
        return false;
    }
    *out = val_get_str(s->state->facts_prefixed, name);
    if (out->kind == VAL_UNDEF && !s->inject_facts) {
        *out = val_dict(a, 0);
    }
    return out->kind != VAL_UNDEF;
}

static bool get_from(const struct scope *s, const struct layer *l, bool facts, struct str name, struct arena *a,
                     struct val *out) {
    if (facts) {
        return get_fact(s, name, a, out);
    }
    *out = val_get_str(l->vars, name);
    return out->kind != VAL_UNDEF;
}

/// hash_behaviour=merge: `high` over every dict of that name further down, until something else hides the rest.
static void merge_down(struct walk *w, struct str name, struct arena *a, struct val *high) {
    struct layer l;
    bool facts;
    struct val low;
    while (high->kind == VAL_DICT && walk_next(w, &l, &facts)) {
        if (!get_from(w->s, &l, facts, name, a, &low)) {
            continue;
        }
        if (low.kind != VAL_DICT) {
            return;
        }
        struct mark at = high->mark;
        *high = val_at(val_mark_templates(val_merge(a, low, *high, true, MERGE_REPLACE)), at);
    }
}

// -- the scope -------------------------------------------------------------------------------------------------------

void scope_push(struct scope *s, enum var_level level, struct val vars) {
    if (vars.kind != VAL_DICT || val_len(vars) == 0) {
        return;
    }
    struct layer l = {.level = (uint8_t)level, .vars = vars};
    VEC_PUSH(s->a, s->extra, l);
    size_t i = s->extra.n - 1;
    for (; i > 0 && s->extra.p[i - 1].level > l.level; i--) {
        s->extra.p[i] = s->extra.p[i - 1];
    }
    s->extra.p[i] = l;
}

/// True when the host has facts of that name that were not gathered.
static bool is_left(struct val left, struct str name) {
    size_t i = 0;
    struct vpair *p;
    if (val_get_str(left, name).kind != VAL_UNDEF) {
        return true;
    }
    while ((p = val_each(left, &i))) {
        struct str one = val_text(p->key);
        bool any_end = one.n && one.s[one.n - 1] == '*';
        if (any_end && name.n >= one.n - 1 && memcmp(name.s, one.s, one.n - 1) == 0) {
            return true;
        }
    }
    return false;
}

#define FACTS_OF "ansible_facts."

/// Sees to it that a fact that is asked for was gathered; NULL: all of them. Gives back the name of the variable.
static struct str complete_facts(const struct scope *s, const struct str *name) {
    static const size_t prefix = sizeof "ansible_" - 1;
    struct val left = s->state ? s->state->left : (struct val){0};
    bool part = name && str_starts(*name, FACTS_OF);
    if (val_len(left) && s->complete) {
        bool wanted = !name || str_eqz(*name, "ansible_facts") || is_left(left, *name);
        if (part) {
            wanted = is_left(left, str_sub(*name, sizeof FACTS_OF - 1, name->n));
        } else if (!wanted && str_starts(*name, "ansible_")) {
            wanted = is_left(left, str_sub(*name, prefix, name->n));
        }
        if (wanted) {
            s->complete(s->complete_self, s->state);
        }
    }
    return part ? STR_LIT("ansible_facts") : name ? *name : STR_NONE;
}

static bool get_magic(const struct scope *s, struct str name, struct arena *a, struct val *out, struct err *e) {
    *out = (struct val){.kind = VAL_UNDEF};
    return !s->magic || s->magic(s->magic_self, name, a, out, e);
}

bool scope_get(struct scope *s, struct str name, struct arena *a, struct val *out, enum var_level *level,
               struct err *e) {
    name = complete_facts(s, &name);
    if (!get_magic(s, name, a, out, e)) {
        return false;
    }
    if (out->kind != VAL_UNDEF) {
        if (level) {
            *level = LEVEL_MAGIC;
        }
        return true;
    }
    struct walk w;
    struct layer l;
    bool facts;
    walk_start(&w, s);
    while (walk_next(&w, &l, &facts)) {
        if (get_from(s, &l, facts, name, a, out)) {
            if (level) {
                *level = (enum var_level)l.level;
            }
            if (s->merge_dicts) {
                merge_down(&w, name, a, out);
            }
            return true;
        }
    }
    *out = (struct val){.kind = VAL_UNDEF};
    if (level) {
        *level = (enum var_level)0;
    }
    return !s->last || s->last(s->last_self, name, a, out, e);
}

static bool jinja_get(void *self, struct str name, struct arena *a, struct val *out, struct err *e) {
    return scope_get(self, name, a, out, NULL, e);
}

static void offer_dict(struct val d, void (*offer)(void *, struct str), void *to) {
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(d, &i))) {
        if (p->key.kind == VAL_STR) {
            offer(to, val_text(p->key));
        }
    }
}

static void jinja_names(void *self, void (*offer)(void *, struct str), void *to) {
    const struct scope *s = self;
    struct walk w;
    struct layer l;
    bool facts;
    complete_facts(s, NULL);
    walk_start(&w, s);
    while (walk_next(&w, &l, &facts)) {
        if (facts) {
            offer(to, STR_LIT("ansible_facts"));
        }
        if (!facts || s->inject_facts) {
            offer_dict(l.vars, offer, to);
        }
    }
    for (const char *const *m = scope_magic_names; s->magic && *m; m++) {
        offer(to, str_from(*m));
    }
    if (s->last_names) {
        s->last_names(s->last_self, offer, to);
    }
}

struct jinja_scope scope_jinja(struct scope *s) {
    return (struct jinja_scope){.self = s, .get = jinja_get, .names = jinja_names};
}

// -- everything ------------------------------------------------------------------------------------------------------

static void add_missing(const struct scope *s, struct arena *a, struct val out, struct val key, struct val v) {
    struct val have = val_get_key(out, key);
    if (have.kind == VAL_UNDEF) {
        val_set_key(a, out, key, v);
    } else if (s->merge_dicts && have.kind == VAL_DICT && v.kind == VAL_DICT) {
        val_set_key(a, out, key, val_mark_templates(val_merge(a, v, have, true, MERGE_REPLACE)));
    }
}

static bool add_magic(struct scope *s, struct arena *a, struct val out, struct err *e) {
    for (const char *const *m = scope_magic_names; *m; m++) {
        struct val v;
        if (strcmp(*m, "vars") == 0 || strcmp(*m, "hostvars") == 0) {
            continue;
        }
        if (!get_magic(s, str_from(*m), a, &v, e)) {
            return false;
        }
        if (v.kind != VAL_UNDEF) {
            val_set(a, out, *m, v);
        }
    }
    return true;
}

bool scope_all(struct scope *s, struct arena *a, struct val *out, struct err *e) {
    struct val all = val_dict(a, 64);
    complete_facts(s, NULL);
    if (!add_magic(s, a, all, e)) {
        return false;
    }
    struct walk w;
    struct layer l;
    bool facts;
    walk_start(&w, s);
    while (walk_next(&w, &l, &facts)) {
        struct val v;
        if (facts) {
            if (get_fact(s, STR_LIT("ansible_facts"), a, &v)) {
                add_missing(s, a, all, val_z(a, "ansible_facts"), v);
            }
            if (!s->inject_facts && get_fact(s, STR_LIT("ansible_local"), a, &v)) {
                add_missing(s, a, all, val_z(a, "ansible_local"), v);
            }
        }
        size_t i = 0;
        struct vpair *p;
        while ((!facts || s->inject_facts) && (p = val_each(l.vars, &i))) {
            add_missing(s, a, all, p->key, p->value);
        }
    }
    *out = all;
    return true;
}

static void explain_one(struct val list, enum var_level level, struct val v, struct arena *a) {
    struct val d = val_dict(a, 8);
    val_set(a, d, "level", val_int(level));
    val_set(a, d, "name", val_z(a, var_levels[level].name));
    val_set(a, d, "doc", val_z(a, var_levels[level].doc));
    val_set(a, d, "value", v);
    struct place at = mark_place(v.mark);
    if (at.file) {
        val_set(a, d, "file", val_z(a, at.file));
        val_set(a, d, "line", val_int(at.line));
        val_set(a, d, "column", val_int(at.col));
    }
    val_push(a, list, d);
}

struct val scope_explain(struct scope *s, struct str name, struct arena *a) {
    struct val list = val_list(a, 4);
    struct err ignored = {.arena = a};
    struct val v;
    complete_facts(s, &name);
    if (get_magic(s, name, a, &v, &ignored) && v.kind != VAL_UNDEF) {
        explain_one(list, LEVEL_MAGIC, v, a);
    }
    struct walk w;
    struct layer l;
    bool facts;
    walk_start(&w, s);
    while (walk_next(&w, &l, &facts)) {
        if (get_from(s, &l, facts, name, a, &v)) {
            explain_one(list, (enum var_level)l.level, v, a);
        }
    }
    return list;
}
