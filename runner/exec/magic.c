// Magic variables: made when asked for, above all layers. One row of the table for each name.
#include "exec.h"

// -- objects: hostvars, hostvars[host], vars --------------------------------------------------------------------------

struct hostvars_obj {
    struct vobj o;
    struct play_run *pr;
};
struct view_obj {
    struct vobj o;
    struct view *v;
};

// The value with its templates put in, except where they fail: there the text stays, as in Ansible's hostvars.
static struct val as_far_as_possible(struct view *v, struct val raw, struct arena *a) {
    struct err ignored = {.arena = a};
    struct val out = raw;
    if (!val_any_flag(raw, VAL_TMPL) || jinja_value(&v->jc, raw, &out, &ignored)) {
        return out;
    }
    if (val_is(raw, VAL_LIST)) {
        out = val_list(a, val_len(raw));
        for (size_t i = 0; i < val_len(raw); i++) {
            val_push(a, out, as_far_as_possible(v, val_at_index(raw, i), a));
        }
        return out;
    }
    if (val_is(raw, VAL_DICT)) {
        out = val_dict(a, val_len(raw));
        size_t i = 0;
        for (struct vpair *p; (p = val_each(raw, &i));) {
            val_set_key(a, out, p->key, as_far_as_possible(v, p->value, a));
        }
        return out;
    }
    return val_reflag(a, raw, VAL_TMPL, 0);
}

static bool view_obj_get(struct val self, struct str attr, struct arena *a, struct val *out) {
    struct view *v = ((const struct view_obj *)(const void *)self.u.o)->v;
    struct err e = {.arena = a};
    struct val raw = {0};
    bool connected = v->connected;
    v->connected = false;  // `vars` holds what is defined
    bool ok = scope_get(&v->sc, attr, a, &raw, NULL, &e) && !val_is(raw, VAL_UNDEF);
    v->connected = connected;
    if (!ok) {
        return false;
    }
    *out = as_far_as_possible(v, raw, a);
    return true;
}

/// Every variable, templated where that works; the raw text stays where it does not.
static bool view_obj_json(struct val self, struct arena *a, struct val *out) {
    struct view *v = ((const struct view_obj *)(const void *)self.u.o)->v;
    struct err e = {.arena = a};
    struct val all = {0};
    if (!scope_all(&v->sc, a, &all, &e)) {
        return false;
    }
    *out = val_dict(a, val_len(all));
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(all, &i))) {
        if (!val_is(p->value, VAL_OBJ)) {
            val_set_key(a, *out, p->key, as_far_as_possible(v, p->value, a));
        }
    }
    return true;
}

static bool view_obj_iter(struct val self, struct arena *a, struct val *list, struct err *e) {
    struct view *v = ((const struct view_obj *)(const void *)self.u.o)->v;
    struct val all = {0};
    if (!scope_all(&v->sc, a, &all, e)) {
        return false;
    }
    *list = val_list(a, val_len(all));
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(all, &i))) {
        val_push(a, *list, p->key);
    }
    return true;
}

static void view_obj_str(struct val self, struct buf *out) {
    struct arena a = {0};
    struct val all = {0};
    if (view_obj_json(self, &a, &all)) {
        val_to_repr(out, all);
    }
    arena_release(&a);
}

static const struct obj_type view_type = {"dict", view_obj_get, view_obj_str, view_obj_iter, view_obj_json};

static struct val view_value_of(struct arena *a, struct view *v) {
    struct view_obj *o = ARENA_NEW(a, struct view_obj);
    o->o.type = &view_type;
    o->v = v;
    return val_obj(&o->o);
}

static bool host_view(struct play_run *pr, struct hrun *h, struct arena *a, struct val *out) {
    struct view *v = ARENA_NEW(a, struct view);
    struct err e = {.arena = a};
    if (!view_plain(v, pr, h, a, &e)) {
        return false;
    }
    *out = view_value_of(a, v);
    return true;
}

static bool hostvars_get(struct val self, struct str attr, struct arena *a, struct val *out) {
    struct play_run *pr = ((const struct hostvars_obj *)(const void *)self.u.o)->pr;
    struct inventory *inv = pr->r->o->inventory;
    struct host *h = inv_host(inv, attr);
    if (!h && (str_eqz(attr, "localhost") || str_eqz(attr, "127.0.0.1"))) {
        h = inv_localhost(inv);
    }
    return h && host_view(pr, run_host(pr->r, h), a, out);
}

static bool hostvars_iter(struct val self, struct arena *a, struct val *list, struct err *e) {
    struct inventory *inv = ((const struct hostvars_obj *)(const void *)self.u.o)->pr->r->o->inventory;
    (void)e;
    *list = val_list(a, inv->nhosts);
    for (size_t i = 0; i < inv->nhosts; i++) {
        val_push(a, *list, val_str(a, inv->order[i]->name));
    }
    return true;
}

static bool hostvars_json(struct val self, struct arena *a, struct val *out) {
    struct inventory *inv = ((const struct hostvars_obj *)(const void *)self.u.o)->pr->r->o->inventory;
    *out = val_dict(a, inv->nhosts);
    for (size_t i = 0; i < inv->nhosts; i++) {
        struct val one = {0};
        struct val all = {0};
        if (hostvars_get(self, inv->order[i]->name, a, &one) && view_obj_json(one, a, &all)) {
            val_set_str(a, *out, inv->order[i]->name, all);
        }
    }
    return true;
}

static void hostvars_str(struct val self, struct buf *out) {
    struct arena a = {0};
    struct val all = {0};
    if (hostvars_json(self, &a, &all)) {
        val_to_repr(out, all);
    }
    arena_release(&a);
}

static const struct obj_type hostvars_type = {"HostVars", hostvars_get, hostvars_str, hostvars_iter, hostvars_json};

static struct val m_hostvars(struct view *v, struct arena *a) {
    struct hostvars_obj *o = ARENA_NEW(a, struct hostvars_obj);
    o->o.type = &hostvars_type;
    o->pr = v->pr;
    return val_obj(&o->o);
}

static struct val m_vars(struct view *v, struct arena *a) {
    return view_value_of(a, v);
}

static struct val m_delegated_vars(struct view *v, struct arena *a) {
    if (!v->delegated.n) {
        return (struct val){0};
    }
    struct val d = val_dict(a, 1);
    struct view *other = ARENA_NEW(a, struct view);
    struct err e = {.arena = a};
    if (view_plain(other, v->pr, run_host_named(v->r, v->delegated), a, &e)) {
        other->shown_name = v->h->host->name;  // the host that the task is for
        connected_delegated(v, other);
        val_set_str(a, d, v->delegated, view_value_of(a, other));
    }
    return d;
}

// -- hosts and groups -------------------------------------------------------------------------------------------------

static struct val names(struct arena *a, const struct hosts *l, bool present) {
    struct val out = val_list(a, l->n);
    for (size_t i = 0; i < l->n; i++) {
        if (!present || !l->p[i]->removed) {
            val_push(a, out, val_str(a, l->p[i]->host->name));
        }
    }
    return out;
}

/// Hosts of the batch that have failed in this play, or neither that nor become unreachable.
static struct val batch_where(struct view *v, struct arena *a, bool failed) {
    const struct hosts *l = &v->pr->batch;
    struct val out = val_list(a, l->n);
    for (size_t i = 0; i < l->n; i++) {
        const struct hrun *h = l->p[i];
        if (failed ? h->removed && h->failed : !h->removed) {
            val_push(a, out, val_str(a, h->host->name));
        }
    }
    return out;
}

static int by_index(const void *x, const void *y) {
    uint32_t a = (*(struct hrun *const *)x)->host->index;
    uint32_t b = (*(struct hrun *const *)y)->host->index;
    return (a > b) - (a < b);
}

/// The hosts of the play, which `order` does not put into another order here.
static struct val all_names(struct view *v, struct arena *a, bool present) {
    struct hosts all = v->pr->all;
    if (all.n && v->pr->play && !val_is(v->pr->play->n.kw[KW_ORDER], VAL_UNDEF)) {
        all.p = ARENA_ARRAY(a, struct hrun *, all.n);
        memcpy(all.p, v->pr->all.p, all.n * sizeof *all.p);
        qsort(all.p, all.n, sizeof *all.p, by_index);
    }
    return names(a, &all, present);
}

static struct val m_play_hosts_all(struct view *v, struct arena *a) {
    return all_names(v, a, false);
}

static struct val m_play_hosts(struct view *v, struct arena *a) {
    return all_names(v, a, true);
}

static struct val m_play_batch(struct view *v, struct arena *a) {
    return names(a, &v->pr->batch, true);
}

static struct val m_current_hosts(struct view *v, struct arena *a) {
    return batch_where(v, a, false);
}

static struct val m_failed_hosts(struct view *v, struct arena *a) {
    return batch_where(v, a, true);
}

static struct val m_groups(struct view *v, struct arena *a) {
    (void)a;
    if (val_is(v->r->groups, VAL_UNDEF)) {
        v->r->groups = inv_groups_val(v->r->o->inventory, &v->r->a);
    }
    return v->r->groups;
}

static struct val m_group_names(struct view *v, struct arena *a) {
    return v->h ? inv_group_names(v->h->host, a) : (struct val){0};
}

static struct val m_inventory_hostname(struct view *v, struct arena *a) {
    return v->h ? val_str(a, v->shown_name.n ? v->shown_name : v->h->host->name) : (struct val){0};
}

static struct val m_inventory_hostname_short(struct view *v, struct arena *a) {
    if (!v->h) {
        return (struct val){0};
    }
    struct str name = v->h->host->name;
    return val_str(a, str_sub(name, 0, str_find_char(name, 0, '.')));
}

static struct str inventory_path(struct view *v) {
    struct str file = STR_NONE;
    if (v->h) {
        file = str_from(mark_place(v->h->host->at).file);
    }
    if (!file.n && v->r->o->inventory->nsources && !(v->h && v->h->host->implicit)) {
        file = v->r->o->inventory->sources[0];
    }
    return file;
}

static struct val m_inventory_file(struct view *v, struct arena *a) {
    struct str file = inventory_path(v);
    return file.n ? val_str(a, file) : VNULL;
}

static struct val m_inventory_dir(struct view *v, struct arena *a) {
    struct str file = inventory_path(v);
    return file.n ? val_str(a, run_dir_of(file)) : VNULL;
}

static struct val m_inventory_sources(struct view *v, struct arena *a) {
    const struct inventory *inv = v->r->o->inventory;
    struct val out = val_list(a, inv->nsources);
    for (size_t i = 0; i < inv->nsources; i++) {
        val_push(a, out, val_str(a, inv->sources[i]));
    }
    return out;
}

// -- play, role, options ----------------------------------------------------------------------------------------------

static const struct role *role_of(const struct view *v) {
    return v->task ? v->task->n.role : NULL;
}

static struct val m_role_name(struct view *v, struct arena *a) {
    return role_of(v) ? val_str(a, role_of(v)->name) : (struct val){0};
}

static struct val m_role_fqcn(struct view *v, struct arena *a) {
    const struct role *r = role_of(v);
    return r ? val_str(a, r->fqcn.n ? r->fqcn : r->name) : (struct val){0};
}

static struct val m_role_path(struct view *v, struct arena *a) {
    // The user's own directory: a condition may be made with it.
    return role_of(v) ? val_flag(val_str(a, role_of(v)->path), VAL_TRUSTED) : (struct val){0};
}

static struct val m_collection_name(struct view *v, struct arena *a) {
    const struct role *r = role_of(v);
    if (!r) {
        return (struct val){0};
    }
    size_t dot = str_find_char(r->fqcn, 0, '.');
    dot = dot == SIZE_MAX ? dot : str_find_char(r->fqcn, dot + 1, '.');
    return dot == SIZE_MAX ? VNULL : val_str(a, str_sub(r->fqcn, 0, dot));
}

/// The roles that include or import the one around the task, the nearest first; dependencies are no parents.
static struct val parents(struct view *v, struct arena *a, bool paths) {
    struct val out = {0};
    for (const struct role *r = role_of(v); r && r->parent; r = r->parent) {
        if (!r->included) {
            continue;
        }
        out = val_is(out, VAL_UNDEF) ? val_list(a, 2) : out;
        val_push(a, out, val_str(a, paths ? r->parent->path : r->parent->name));
    }
    return out;
}

static struct val m_parent_names(struct view *v, struct arena *a) {
    return parents(v, a, false);
}

static struct val m_parent_paths(struct view *v, struct arena *a) {
    return parents(v, a, true);
}

static void add_role(struct arena *a, struct val list, const struct role *r, bool self, bool deps) {
    for (size_t i = 0; deps && i < r->ndeps; i++) {
        add_role(a, list, r->deps[i], true, true);
    }
    struct str name = r->fqcn.n ? r->fqcn : r->name;
    for (size_t i = 0; i < val_len(list); i++) {
        if (str_eq(val_text(val_at_index(list, i)), name)) {
            return;
        }
    }
    if (self) {
        val_push(a, list, val_str(a, name));
    }
}

static struct val roles(struct view *v, struct arena *a, bool self, bool deps) {
    const struct play *p = v->pr->play;
    struct val out = val_list(a, p->nroles);
    for (size_t i = 0; i < p->nroles; i++) {
        add_role(a, out, p->roles[i], self, deps);
    }
    return out;
}

static struct val m_role_names(struct view *v, struct arena *a) {
    return roles(v, a, true, true);
}

static struct val m_play_role_names(struct view *v, struct arena *a) {
    return roles(v, a, true, false);
}

static struct val m_dependent_role_names(struct view *v, struct arena *a) {
    return roles(v, a, false, true);
}

static struct val m_play_name(struct view *v, struct arena *a) {
    return val_str(a, v->pr->name);
}

static struct val m_playbook_dir(struct view *v, struct arena *a) {
    return val_flag(val_str(a, v->r->basedir), VAL_TRUSTED);
}

static struct val m_check_mode(struct view *v, struct arena *a) {
    (void)a;
    return val_bool(v->r->o->check);
}

static struct val m_diff_mode(struct view *v, struct arena *a) {
    (void)a;
    return val_bool(v->r->o->diff);
}

static struct val m_verbosity(struct view *v, struct arena *a) {
    (void)a;
    return val_int(v->r->o->verbosity);
}

static struct val m_forks(struct view *v, struct arena *a) {
    (void)a;
    return val_int(v->r->o->forks);
}

static struct val m_run_tags(struct view *v, struct arena *a) {
    struct val tags = v->r->o->tags;
    if (val_len(tags)) {
        return tags;
    }
    tags = val_list(a, 1);
    val_push(a, tags, val_z(a, "all"));
    return tags;
}

static struct val m_skip_tags(struct view *v, struct arena *a) {
    return val_len(v->r->o->skip_tags) ? v->r->o->skip_tags : val_list(a, 0);
}

static struct val m_limit(struct view *v, struct arena *a) {
    return v->r->o->limit.n ? val_str(a, v->r->o->limit) : (struct val){0};
}

static struct val m_config_file(struct view *v, struct arena *a) {
    struct val file = val_get(v->r->o->cfg, "config_file");
    (void)a;
    return val_is(file, VAL_UNDEF) ? VNULL : file;
}

static struct val m_version(struct view *v, struct arena *a) {
    const char *full = v->r->o->v219 ? "2.19.0" : "2.18.0";
    struct val d = val_dict(a, 5);
    val_set(a, d, "full", val_z(a, full));
    val_set(a, d, "major", val_int(2));
    val_set(a, d, "minor", val_int(v->r->o->v219 ? 19 : 18));
    val_set(a, d, "revision", val_int(0));
    val_set(a, d, "string", val_z(a, full));
    return d;
}

static struct val m_omit(struct view *v, struct arena *a) {
    (void)v;
    (void)a;
    return VOMIT;
}

static struct val m_python(struct view *v, struct arena *a) {
    (void)v;
    return val_z(a, "/usr/bin/python3");
}

static struct val m_environment(struct view *v, struct arena *a) {
    return v->task ? node_environments(&v->task->n, a) : (struct val){0};
}

static struct val m_search_path(struct view *v, struct arena *a) {
    return v->task ? magic_search_path(v, a) : (struct val){0};
}

static void add_dir(struct arena *a, struct val list, struct str dir) {
    bool known = dir.n == 0;
    for (size_t i = 0; i < val_len(list); i++) {
        known = known || str_eq(val_text(val_at_index(list, i)), dir);
    }
    if (!known) {
        val_push(a, list, val_str(a, dir));
    }
}

struct val magic_task_path(struct view *v, struct arena *a) {
    struct val out = val_list(a, 4);
    for (const struct role *r = role_of(v); r; r = r->parent) {
        val_push(a, out, val_str(a, r->path));
    }
    add_dir(a, out, run_dir_of(v->task->n.file));
    return out;
}

struct val magic_search_path(struct view *v, struct arena *a) {
    struct val out = magic_task_path(v, a);
    add_dir(a, out, v->r->basedir);
    return out;
}

struct magic {
    const char *name;
    size_t len;
    struct val (*make)(struct view *v, struct arena *a);
    bool plain;  // hostvars[host] has it too
};
#define MAGIC(name, make, plain)                                                                                       \
    { name, sizeof(name) - 1, make, plain }
static const struct magic table[] = {
    MAGIC("inventory_hostname", m_inventory_hostname, true),
    MAGIC("inventory_hostname_short", m_inventory_hostname_short, true),
    MAGIC("hostvars", m_hostvars, false),
    MAGIC("groups", m_groups, true),
    MAGIC("group_names", m_group_names, true),
    MAGIC("omit", m_omit, true),
    MAGIC("vars", m_vars, false),
    MAGIC("environment", m_environment, false),
    MAGIC("playbook_dir", m_playbook_dir, true),
    MAGIC("inventory_dir", m_inventory_dir, true),
    MAGIC("inventory_file", m_inventory_file, true),
    MAGIC("role_name", m_role_name, false),
    MAGIC("role_path", m_role_path, false),
    MAGIC("role_names", m_play_role_names, false),
    MAGIC("play_hosts", m_play_batch, false),
    MAGIC("ansible_play_hosts", m_play_hosts, false),
    MAGIC("ansible_play_hosts_all", m_play_hosts_all, false),
    MAGIC("ansible_play_batch", m_play_batch, false),
    MAGIC("ansible_current_hosts", m_current_hosts, false),
    MAGIC("ansible_failed_hosts", m_failed_hosts, false),
    MAGIC("ansible_play_name", m_play_name, false),
    MAGIC("ansible_play_role_names", m_play_role_names, false),
    MAGIC("ansible_role_names", m_role_names, false),
    MAGIC("ansible_dependent_role_names", m_dependent_role_names, false),
    MAGIC("ansible_parent_role_names", m_parent_names, false),
    MAGIC("ansible_parent_role_paths", m_parent_paths, false),
    MAGIC("ansible_role_name", m_role_fqcn, false),
    MAGIC("ansible_collection_name", m_collection_name, false),
    MAGIC("ansible_check_mode", m_check_mode, true),
    MAGIC("ansible_diff_mode", m_diff_mode, true),
    MAGIC("ansible_verbosity", m_verbosity, true),
    MAGIC("ansible_forks", m_forks, true),
    MAGIC("ansible_run_tags", m_run_tags, true),
    MAGIC("ansible_skip_tags", m_skip_tags, true),
    MAGIC("ansible_limit", m_limit, true),
    MAGIC("ansible_inventory_sources", m_inventory_sources, true),
    MAGIC("ansible_config_file", m_config_file, true),
    MAGIC("ansible_playbook_python", m_python, true),
    MAGIC("ansible_version", m_version, true),
    MAGIC("ansible_search_path", m_search_path, false),
    MAGIC("ansible_delegated_vars", m_delegated_vars, false),
};

bool magic_get(void *self, struct str name, struct arena *a, struct val *out, struct err *e) {
    struct view *v = self;
    (void)e;
    *out = (struct val){0};
    for (size_t i = 0; i < COUNTOF(table); i++) {
        if (name.n == table[i].len && memcmp(name.s, table[i].name, name.n) == 0) {
            if (table[i].plain || !v->plain) {
                *out = table[i].make(v, a);
            }
            return true;
        }
    }
    return true;
}
