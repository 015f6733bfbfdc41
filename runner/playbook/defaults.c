// module_defaults: which module or group of modules a key means. Groups are those of ansible-core and of
// meta/runtime.yml in collections on disk; of collections whose modules are built in, the groups are known without
// them.
#include "parse.h"

/// A group by its full name and the playbook's directory: the full names of its actions.
struct group {
    bool found;
    struct map has;
};
struct adding {
    struct pb_loader *l;
    struct str book_dir;
    struct map seen;  // groups that are in already: they may extend each other
    struct group *g;
};

/// ansible-core's own groups are made of those of collections.
static const struct {
    const char *name, *extends;
} core_groups[] = {
    {"acme", "community.crypto.acme"},
    {"aws", "amazon.aws.aws community.aws.aws"},
    {"azure", "azure.azcollection.azure"},
    {"cpm", "wti.remote.cpm"},
    {"docker", "community.general.docker community.docker.docker"},
    {"gcp", "google.cloud.gcp"},
    {"k8s", "community.kubernetes.k8s community.general.k8s community.kubevirt.k8s community.okd.k8s "
            "kubernetes.core.k8s"},
    {"os", "openstack.cloud.os"},
    {"ovirt", "ovirt.ovirt.ovirt community.general.ovirt"},
    {"testgroup", "testns.testcoll.testgroup testns.testcoll.anothergroup testns.boguscoll.testgroup"},
    {"testlegacy", ""},
    {"vmware", "community.vmware.vmware"},
};
/// Groups whose modules are built in: all that begin so.
static const struct {
    const char *name, *prefix;
} own_groups[] = {
    {"community.docker.docker", "community.docker.docker_"},
    {"community.mysql.all", "community.mysql.mysql_"},
    {"community.postgresql.all", "community.postgresql.postgresql_"},
};

static struct str last_part(struct str name) {
    size_t dot = name.n;
    while (dot > 0 && name.s[dot - 1] != '.') {
        dot--;
    }
    return str_sub(name, dot, name.n);
}

static struct val runtime_of(const struct adding *g, struct str coll) {
    return g->l->o.runtime ? g->l->o.runtime(g->l->o.find_self, coll, g->book_dir) : (struct val){0};
}

static void add_action(struct adding *g, struct str coll, struct str name) {
    struct arena *a = g->l->a;
    struct str full = str_find_char(name, 0, '.') == SIZE_MAX ? str_printf(a, "%.*s.%.*s", STR(coll), STR(name)) : name;
    const struct module *ours = module_find(full);
    map_put(&g->g->has, a, full, g);
    if (ours) {
        map_put(&g->g->has, a, str_from(ours->spec), g);
    }
    struct val modules = val_get(val_get(runtime_of(g, collection_of(full)), "plugin_routing"), "modules");
    struct str to = val_text(val_get(val_get_str(modules, last_part(full)), "redirect"));
    if (to.n) {
        map_put(&g->g->has, a, to, g);
    }
}

static bool add_group(struct adding *g, struct str full);

static void add_members(struct adding *g, struct str coll, struct val list) {
    for (size_t i = 0; i < val_len(list); i++) {
        struct val item = val_at_index(list, i);
        struct val more = val_get(val_get(item, "metadata"), "extend_group");
        if (item.kind == VAL_STR) {
            add_action(g, coll, val_text(item));
        }
        for (size_t k = 0; val_is_seq(more) && k < val_len(more); k++) {
            struct str name = val_text(val_at_index(more, k));
            bool full = str_find_char(name, 0, '.') != SIZE_MAX;
            (void)add_group(g, full ? name : str_printf(g->l->a, "%.*s.%.*s", STR(coll), STR(name)));
        }
    }
}

static bool add_core(struct adding *g, struct str name) {
    for (size_t i = 0; i < COUNTOF(core_groups); i++) {
        struct str all = str_from(core_groups[i].extends);
        struct str one;
        if (!str_eqz(name, core_groups[i].name)) {
            continue;
        }
        if (str_eqz(name, "testgroup")) {
            add_action(g, STR_LIT("ansible.builtin"), STR_LIT("ping"));
        }
        while (str_next(&all, ' ', &one)) {
            (void)add_group(g, one);
        }
        return true;
    }
    return false;
}

/// False when there is no such group.
static bool add_group(struct adding *g, struct str full) {
    struct str coll = collection_of(full);
    struct str name = last_part(full);
    if (map_get(&g->seen, full)) {
        return true;
    }
    map_put(&g->seen, g->l->a, full, g);
    if (str_eqz(coll, "ansible.builtin")) {
        return add_core(g, name);
    }
    struct val groups = val_get(runtime_of(g, coll), "action_groups");
    struct val list = val_get_str(groups, full);
    list = list.kind == VAL_UNDEF ? val_get_str(groups, name) : list;
    if (val_is_seq(list)) {
        add_members(g, coll, list);
        return true;
    }
    for (size_t i = 0; i < COUNTOF(own_groups); i++) {
        if (str_eqz(full, own_groups[i].name)) {
            map_put(&g->g->has, g->l->a, str_from(own_groups[i].prefix), g);
            return true;
        }
    }
    return false;
}

static struct str full_group(struct pb_loader *l, struct str name) {
    name = str_starts(name, "ansible.legacy.") ? last_part(name) : name;
    return str_find_char(name, 0, '.') == SIZE_MAX ? str_printf(l->a, "ansible.builtin.%.*s", STR(name)) : name;
}

static struct str book_dir(struct node *n) {
    const struct play *p = node_play(n);
    return p && p->book ? pb_dirname(p->book->file) : STR_NONE;
}

static const struct group *group_of(struct pb_loader *l, struct node *n, struct str full) {
    struct str dir = book_dir(n);
    struct str key = str_printf(l->a, "%.*s\n%.*s", STR(full), STR(dir));
    struct group *g = map_get(&l->groups, key);
    if (!g) {
        g = ARENA_NEW(l->a, struct group);
        struct adding adding = {.l = l, .book_dir = dir, .g = g};
        g->found = add_group(&adding, full);
        map_put(&l->groups, l->a, key, g);
    }
    return g;
}

static bool group_has(const struct group *g, struct str name) {
    for (size_t i = 0; i < COUNTOF(own_groups); i++) {
        if (str_starts(name, own_groups[i].prefix) && map_get(&g->has, str_from(own_groups[i].prefix))) {
            return true;
        }
    }
    return map_get(&g->has, name) != NULL;
}

// -- keys ------------------------------------------------------------------------------------------------------------

static struct ctx ctx_of(struct pb_loader *l, struct node *n) {
    return (struct ctx){.l = l, .role = n->role, .file = n->file, .play = node_play(n)};
}

static bool key_module(struct pb_loader *l, struct node *n, struct str key, const struct module **out, enum act *act,
                       struct err *e) {
    struct ctx c = ctx_of(l, n);
    return action_find(&c, key, out, act, e);
}

static bool key_ok(struct pb_loader *l, struct node *n, struct val key, struct err *e) {
    struct str name = val_text(key);
    const struct module *m = NULL;
    enum act act = ACT_UNKNOWN;
    if (str_starts(name, "group/")) {
        struct str full = full_group(l, str_sub(name, strlen("group/"), name.n));
        return group_of(l, n, full)->found ||
               err_set(e, ERR_SYNTAX, key.mark, "could not resolve the module_defaults group '%.*s'", STR(full)) ||
               err_hint(e,
                        "groups are those of ansible-core and of meta/runtime.yml in collections that are installed");
    }
    if (!key_module(l, n, name, &m, &act, e)) {
        return err_wrap(e, key.mark, "in 'module_defaults'");
    }
    struct ctx c = ctx_of(l, n);
    if (act != ACT_UNKNOWN || module_elsewhere(&c, name, action_base(name))) {
        return true;
    }
    return err_set(e, ERR_NOT_FOUND, key.mark, "could not resolve the action '%.*s' in module_defaults", STR(name));
}

bool defaults_ok(struct pb_loader *l, struct node *n, struct val v, struct err *e) {
    for (size_t i = 0; val_is_seq(v) && i < val_len(v); i++) {
        if (!defaults_ok(l, n, val_at_index(v, i), e)) {
            return false;
        }
    }
    if (v.kind == VAL_NULL || val_is_seq(v)) {
        return true;
    }
    if (v.kind != VAL_DICT) {
        return err_set(e, ERR_ARGS, v.mark, "'module_defaults' must be a dictionary by module name, not %s",
                       val_kind_name(v.kind));
    }
    size_t i = 0;
    for (struct vpair *p; (p = val_each(v, &i));) {
        struct str name = STR_NONE;
        if (!key_text(p, &name, e) || !key_ok(l, n, p->key, e)) {
            return false;
        }
    }
    return true;
}

bool pb_default_means(struct pb_loader *l, struct node *n, struct str key, const struct module *m) {
    struct err quiet = {.arena = l->a};
    const struct module *found = NULL;
    enum act act = ACT_UNKNOWN;
    if (str_starts(key, "group/")) {
        struct str full = full_group(l, str_sub(key, strlen("group/"), key.n));
        return m->spec && group_has(group_of(l, n, full), str_from(m->spec));
    }
    return key_module(l, n, key, &found, &act, &quiet) && found == m;
}
