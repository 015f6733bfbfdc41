// The inventory model: hosts, groups, their relations and their order. Knows no file format.
#include "inventory.h"

#include "inv_source.h"

#include <stdarg.h>

void inv_warn(const struct inventory *inv, struct mark at, const char *fmt, ...) {
    if (!inv->warn) {
        return;
    }
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    inv->warn(inv->warn_self, at, text);
}

void inv_remark(const struct inventory *inv, const char *fmt, ...) {
    if (!inv->remark) {
        return;
    }
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    inv->remark(inv->warn_self, text);
}

struct val inv_trust(struct inventory *inv, struct val v) {
    return val_mark_templates(val_reflag(inv->a, val_promote(inv->a, v), 0, VAL_TRUSTED));
}

// -- groups ----------------------------------------------------------------------------------------------------------

static bool name_byte(unsigned char c, bool first) {
    bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
    return alpha || (!first && c >= '0' && c <= '9');
}

static size_t first_bad_byte(struct str name) {
    for (size_t i = 0; i < name.n; i++) {
        if (!name_byte((unsigned char)name.s[i], i == 0)) {
            return i;
        }
    }
    return SIZE_MAX;
}

static bool replaces(const struct inventory *inv) {
    return inv->group_chars == GROUP_CHARS_ALWAYS || inv->group_chars == GROUP_CHARS_SILENTLY;
}

struct str inv_safe_group(const struct inventory *inv, struct str name) {
    if (!replaces(inv) || first_bad_byte(name) == SIZE_MAX) {
        return name;
    }
    char *copy = str_z(inv->a, name);
    for (size_t i = 0; i < name.n; i++) {
        if (!name_byte((unsigned char)copy[i], i == 0)) {
            copy[i] = '_';
        }
    }
    return (struct str){copy, name.n};
}

static void check_group_name(struct inventory *inv, struct str name, struct mark at) {
    bool silent = inv->group_chars == GROUP_CHARS_IGNORE || inv->group_chars == GROUP_CHARS_SILENTLY;
    size_t bad = silent || inv->warned_name ? SIZE_MAX : first_bad_byte(name);
    if (bad != SIZE_MAX) {
        inv->warned_name = true;
        inv_warn(inv, at, "Invalid characters were found in group names %s: '%c' in '%.*s' is not legal in variables",
                 replaces(inv) ? "and automatically replaced by '_'" : "but not replaced", name.s[bad], STR(name));
    }
}

static struct group *make_group(struct inventory *inv, struct str name, struct mark at) {
    struct group *g = ARENA_NEW(inv->a, struct group);
    g->name = str_dup(inv->a, name);
    g->priority = 1;
    g->vars = val_dict(inv->a, 0);
    g->at = at;
    g->index = (uint32_t)inv->groups.n;
    map_put(&inv->groups, inv->a, g->name, g);
    return g;
}

struct group *inv_want_group(struct inventory *inv, struct str wanted, struct mark at, struct err *e) {
    struct str name = inv_safe_group(inv, wanted);
    struct group *g = map_get(&inv->groups, name);
    if (g) {
        return g;
    }
    if (name.n == 0) {
        (void)err_set(e, ERR_SYNTAX, at, "expected a group name, found an empty one");
        return NULL;
    }
    check_group_name(inv, wanted, at);
    return make_group(inv, name, at);
}

/// With hash_behaviour = merge a dict that is set again is merged.
static void set_var(struct inventory *inv, struct val vars, struct val key, struct val v) {
    if (inv->merge && v.kind == VAL_DICT) {
        struct val old = val_get_key(vars, key);
        if (old.kind == VAL_DICT) {
            v = val_at(val_mark_templates(val_merge(inv->a, old, v, true, MERGE_REPLACE)), v.mark);
        }
    }
    val_set_key(inv->a, vars, key, v);
}

bool inv_group_var(struct inventory *inv, struct group *g, struct str name, struct val v, struct err *e) {
    if (str_eqz(name, "ansible_group_priority")) {
        if (!val_as_int(v, &g->priority)) {
            return err_set(e, ERR_SYNTAX, v.mark, "ansible_group_priority of group '%.*s' must be an integer, not %s",
                           STR(g->name), val_kind_name(v.kind));
        }
        return true;
    }
    set_var(inv, g->vars, val_str(inv->a, name), v);
    return true;
}

/// True when `g` is `top` or below it. Each group is visited once a walk.
static bool is_below(struct inventory *inv, const struct group *top, struct group *g) {
    if (g == top) {
        return true;
    }
    g->seen = inv->walk;
    for (size_t i = 0; i < g->nparents; i++) {
        if (g->parents[i]->seen != inv->walk && is_below(inv, top, g->parents[i])) {
            return true;
        }
    }
    return false;
}

static bool has_parent(const struct group *child, const struct group *parent) {
    for (size_t i = 0; i < child->nparents; i++) {
        if (child->parents[i] == parent) {
            return true;
        }
    }
    return false;
}

bool inv_add_child(struct inventory *inv, struct group *parent, struct group *child, struct mark at, struct err *e) {
    if (parent == child) {
        return err_set(e, ERR_SYNTAX, at, "group '%.*s' cannot be its own child", STR(child->name));
    }
    if (has_parent(child, parent)) {
        return true;
    }
    inv->walk++;
    if (is_below(inv, child, parent)) {
        return err_set(e, ERR_SYNTAX, at, "group '%.*s' as child of '%.*s' makes a loop: '%.*s' is already below it",
                       STR(child->name), STR(parent->name), STR(parent->name));
    }
    PTR_PUSH(inv->a, parent->children, parent->nchildren, child);
    PTR_PUSH(inv->a, child->parents, child->nparents, parent);
    return true;
}

// -- hosts -----------------------------------------------------------------------------------------------------------

static bool is_local_name(struct str name) {
    return str_eqz(name, "localhost") || str_eqz(name, "127.0.0.1") || str_eqz(name, "::1");
}

static struct host *make_host(struct inventory *inv, struct str name, struct val vars, struct mark at) {
    struct host *h = ARENA_NEW(inv->a, struct host);
    h->name = str_dup(inv->a, name);
    h->index = (uint32_t)inv->nhosts;
    h->vars = vars;
    h->at = at;
    if (inv->nhosts == inv->hosts_cap) {
        size_t cap = inv->hosts_cap ? inv->hosts_cap * 2 : 16;
        inv->order =
            arena_grow(inv->a, inv->order, inv->hosts_cap * sizeof(struct host *), cap * sizeof(struct host *));
        inv->hosts_cap = cap;
    }
    inv->order[inv->nhosts++] = h;
    map_put(&inv->hosts, inv->a, h->name, h);
    if (is_local_name(h->name)) {
        if (!inv->localhost || inv->localhost->implicit) {
            inv->localhost = h;
        } else {
            inv_warn(inv, at, "'%.*s' is a second name for localhost; '%.*s' is used where localhost is implied",
                     STR(h->name), STR(inv->localhost->name));
        }
    }
    return h;
}

bool inv_host_entry(struct inventory *inv, struct host *h, struct val key, struct val v, struct err *e) {
    struct group *g = map_get(&inv->groups, h->name);
    if (g) {
        return inv_group_var(inv, g, val_text(key), v, e);
    }
    set_var(inv, h->vars, (struct val){.kind = VAL_STR, .u.s = key.u.s}, v);
    return true;
}

bool inv_host_var(struct inventory *inv, struct host *h, struct str name, struct val v, struct err *e) {
    return inv_host_entry(inv, h, val_str(inv->a, name), v, e);
}

bool inv_join(struct inventory *inv, struct group *g, struct host *h) {
    for (size_t i = 0; i < h->ngroups; i++) {
        if (h->groups[i] == g) {
            return false;
        }
    }
    PTR_PUSH(inv->a, h->groups, h->ngroups, g);
    if (g->nhosts == g->hosts_cap) {
        size_t cap = g->hosts_cap ? g->hosts_cap * 2 : 4;
        g->hosts = arena_grow(inv->a, g->hosts, g->hosts_cap * sizeof(struct host *), cap * sizeof(struct host *));
        g->hosts_cap = cap;
    }
    g->hosts[g->nhosts++] = h;
    return true;
}

/// Whether a dict of a file can be the variables of a new host as it is.
static bool adoptable(const struct inventory *inv, struct str name, struct val vars) {
    size_t i = 0;
    bool ok = vars.kind == VAL_DICT && !map_get(&inv->groups, name);
    for (struct vpair *p = ok ? val_each(vars, &i) : NULL; p; p = val_each(vars, &i)) {
        ok = ok && p->key.kind == VAL_STR;
    }
    for (i = 0; ok && i < vars.u.d->n; i++) {
        vars.u.d->pairs[i].key = (struct val){.kind = VAL_STR, .u.s = vars.u.d->pairs[i].key.u.s};
    }
    return ok;
}

struct host *inv_want_host(struct inv_source *s, struct str name, struct group *g, uint32_t port, struct mark at,
                           struct err *e) {
    struct val none = {0};
    return inv_want_host_with(s, name, g, port, at, &none, e);
}

struct host *inv_want_host_with(struct inv_source *s, struct str name, struct group *g, uint32_t port, struct mark at,
                                struct val *vars, struct err *e) {
    struct inventory *inv = s->inv;
    struct host *h = map_get(&inv->hosts, name);
    if (!h) {
        if (name.n == 0) {
            (void)err_set(e, ERR_SYNTAX, at, "expected a host name, found an empty one");
            return NULL;
        }
        bool adopt = adoptable(inv, name, *vars);
        h = make_host(inv, name, adopt ? *vars : val_dict(inv->a, 4), at);
        *vars = adopt ? (struct val){0} : *vars;
        if (port && !val_has(h->vars, "ansible_port")) {
            val_set(inv->a, h->vars, "ansible_port", val_at(val_int(port), at));
        }
        if ((!val_has(h->vars, "inventory_file") && !inv_host_entry(inv, h, inv->file_key, s->file_val, e)) ||
            (!val_has(h->vars, "inventory_dir") && !inv_host_entry(inv, h, inv->dir_key, s->dir_val, e))) {
            return NULL;
        }
    }
    if (g) {
        (void)inv_join(inv, g, h);
    }
    return h;
}

// -- order -----------------------------------------------------------------------------------------------------------

static int by_rank_rule(const void *pa, const void *pb) {
    const struct group *a = *(struct group *const *)pa;
    const struct group *b = *(struct group *const *)pb;
    if (a->depth != b->depth) {
        return a->depth < b->depth ? -1 : 1;
    }
    if (a->priority != b->priority) {
        return a->priority < b->priority ? -1 : 1;
    }
    return str_cmp(a->name, b->name);
}

static int by_rank(const void *pa, const void *pb) {
    const struct group *a = *(struct group *const *)pa;
    const struct group *b = *(struct group *const *)pb;
    return a->rank < b->rank ? -1 : a->rank > b->rank;
}

/// Longest way down from a group without parents. Loops were refused when the edges were made.
static uint32_t find_depth(struct inventory *inv, struct group *g) {
    if (g->seen == inv->walk) {
        return g->depth;
    }
    uint32_t depth = 0;
    for (size_t i = 0; i < g->nparents; i++) {
        uint32_t d = find_depth(inv, g->parents[i]) + 1;
        depth = d > depth ? d : depth;
    }
    g->seen = inv->walk;
    g->depth = depth;
    return depth;
}

static void rank_groups(struct inventory *inv) {
    size_t n = inv->groups.n;
    struct group **v = ARENA_ARRAY(inv->a, struct group *, n);
    inv->walk++;
    for (size_t i = 0; i < n; i++) {
        v[i] = inv->groups.slots[i].value;
        (void)find_depth(inv, v[i]);
    }
    qsort(v, n, sizeof *v, by_rank_rule);
    uint32_t rank = 1;
    for (size_t i = 0; i < n; i++) {
        v[i]->rank = v[i] == inv->all ? 0 : rank++;
    }
}

struct group_vec {
    struct group **p;
    size_t n, cap;
};

static void collect_up(struct inventory *inv, struct group *g, struct group_vec *out) {
    if (g->seen == inv->walk) {
        return;
    }
    g->seen = inv->walk;
    VEC_PUSH(inv->a, *out, g);
    for (size_t i = 0; i < g->nparents; i++) {
        collect_up(inv, g->parents[i], out);
    }
}

/// Hosts of the same direct groups mostly follow each other in files, so they share the array of the one before.
static bool same_groups(const struct host *a, const struct host *b) {
    return a && a->ngroups == b->ngroups && memcmp(a->groups, b->groups, a->ngroups * sizeof *a->groups) == 0;
}

static void freeze_host(struct inventory *inv, struct host *h, const struct host *before) {
    if (h->ngroups && same_groups(before, h)) {
        h->all = before->all;
        h->nall = before->nall;
        return;
    }
    struct group_vec v = {0};
    inv->walk++;
    for (size_t i = 0; i < h->ngroups; i++) {
        collect_up(inv, h->groups[i], &v);
    }
    if (h->implicit && v.n == 0) {
        VEC_PUSH(inv->a, v, inv->all);
    }
    if (v.n) {
        qsort(v.p, v.n, sizeof *v.p, by_rank);
    }
    h->all = v.p;
    h->nall = v.n;
}

void inv_freeze_host(struct inventory *inv, struct host *h) {
    rank_groups(inv);
    freeze_host(inv, h, NULL);
}

void inv_freeze(struct inventory *inv) {
    rank_groups(inv);
    for (size_t i = 0; i < inv->nhosts; i++) {
        freeze_host(inv, inv->order[i], i ? inv->order[i - 1] : NULL);
    }
    if (inv->localhost && inv->localhost->implicit) {
        freeze_host(inv, inv->localhost, NULL);
    }
}

// -- reconciling -----------------------------------------------------------------------------------------------------

static void leave(struct host *h, const struct group *g) {
    size_t kept = 0;
    for (size_t i = 0; i < h->ngroups; i++) {
        if (h->groups[i] != g) {
            h->groups[kept++] = h->groups[i];
        }
    }
    h->ngroups = kept;
}

/// True when the host is in a group other than "all" and "ungrouped". (When "ungrouped" is made a child of a group,
/// Ansible takes its hosts out of every group, even "all"; here they stay.)
static bool in_real_group(const struct inventory *inv, const struct host *h) {
    for (size_t i = 0; i < h->ngroups; i++) {
        if (h->groups[i] != inv->all && h->groups[i] != inv->ungrouped) {
            return true;
        }
    }
    return false;
}

static bool in_group(const struct host *h, const struct group *g) {
    for (size_t i = 0; i < h->ngroups; i++) {
        if (h->groups[i] == g) {
            return true;
        }
    }
    return false;
}

void inv_settle_host(struct inventory *inv, struct host *h) {
    struct group *u = inv->ungrouped;
    if (!in_real_group(inv, h)) {
        (void)inv_join(inv, u, h);
    } else if (in_group(h, u)) {
        leave(h, u);
        size_t kept = 0;
        for (size_t i = 0; i < u->nhosts; i++) {
            if (u->hosts[i] != h) {
                u->hosts[kept++] = u->hosts[i];
            }
        }
        u->nhosts = kept;
    }
}

static void fix_ungrouped(struct inventory *inv) {
    struct group *u = inv->ungrouped;
    size_t kept = 0;
    for (size_t i = 0; i < u->nhosts; i++) {
        if (in_real_group(inv, u->hosts[i])) {
            leave(u->hosts[i], u);
        } else {
            u->hosts[kept++] = u->hosts[i];
        }
    }
    u->nhosts = kept;
    for (size_t i = 0; i < inv->nhosts; i++) {
        struct host *h = inv->order[i];
        if (!in_real_group(inv, h) && !in_group(h, u)) {
            (void)inv_join(inv, u, h);
        }
    }
}

static bool adopt_orphans(struct inventory *inv, struct err *e) {
    for (size_t i = 0; i < inv->groups.n; i++) {
        struct group *g = inv->groups.slots[i].value;
        if (g != inv->all && g->nparents == 0 && !inv_add_child(inv, inv->all, g, g->at, e)) {
            return false;
        }
    }
    return true;
}

bool inv_reconcile(struct inventory *inv, struct err *e) {
    if (!adopt_orphans(inv, e)) {
        return false;
    }
    fix_ungrouped(inv);
    for (size_t i = 0; i < inv->groups.n; i++) {
        const struct host *h = map_get(&inv->hosts, inv->groups.slots[i].key);
        if (h) {
            inv_warn(inv, h->at, "'%.*s' is the name of a host and of a group; variables of the host go to the group",
                     STR(h->name));
        }
    }
    inv_freeze(inv);
    return true;
}

struct inventory *inv_new(const struct inv_opts *o) {
    struct inventory *inv = ARENA_NEW(o->a, struct inventory);
    inv->a = o->a;
    inv->warn = o->warn;
    inv->remark = o->remark;
    inv->warn_self = o->warn_self;
    inv->group_chars = o->group_chars;
    inv->merge = o->merge;
    inv->file_key = val_z(o->a, "inventory_file");
    inv->dir_key = val_z(o->a, "inventory_dir");
    inv->all = make_group(inv, STR_LIT("all"), NO_MARK);
    inv->ungrouped = make_group(inv, STR_LIT("ungrouped"), NO_MARK);
    PTR_PUSH(inv->a, inv->all->children, inv->all->nchildren, inv->ungrouped);
    PTR_PUSH(inv->a, inv->ungrouped->parents, inv->ungrouped->nparents, inv->all);
    return inv;
}

// -- looking up ------------------------------------------------------------------------------------------------------

struct host *inv_host(const struct inventory *inv, struct str name) {
    return map_get(&inv->hosts, name);
}

struct group *inv_group(const struct inventory *inv, struct str name) {
    return map_get(&inv->groups, name);
}

static struct host *implicit_local(struct inventory *inv, struct str name) {
    if (inv->localhost) {
        return inv->localhost;
    }
    struct host *h = ARENA_NEW(inv->a, struct host);
    h->name = str_dup(inv->a, name);
    h->index = UINT32_MAX;
    h->implicit = true;
    h->vars = val_dict(inv->a, 1);
    val_set(inv->a, h->vars, "ansible_connection", val_z(inv->a, "local"));
    val_set(inv->a, h->vars, "ansible_python_interpreter",
            val_mark_templates(val_flag(val_z(inv->a, "{{ ansible_playbook_python }}"), VAL_TRUSTED)));
    inv->localhost = h;
    freeze_host(inv, h, NULL);
    return h;
}

struct host *inv_localhost(struct inventory *inv) {
    return implicit_local(inv, STR_LIT("localhost"));
}

struct host *inv_local_named(struct inventory *inv, struct str name) {
    return is_local_name(name) ? implicit_local(inv, name) : NULL;
}

struct walk {
    const struct inventory *inv;
    const struct group *top;
    struct arena *a;
    const struct group **queue;
    size_t n;
    uint8_t *group_seen, *host_seen;
    struct {
        struct host **p;
        size_t n, cap;
    } out;
};

static void keep_host(struct walk *w, struct host *h) {
    VEC_PUSH(w->a, w->out, h);
}

static void visit_hosts(struct walk *w, const struct group *g) {
    for (size_t i = 0; i < g->nhosts; i++) {
        struct host *h = g->hosts[i];
        uint8_t *seen = &w->host_seen[h->implicit ? w->inv->nhosts : h->index];
        bool hidden = h->implicit && w->top == w->inv->all;
        if (!*seen && !hidden) {
            keep_host(w, h);
        }
        *seen = 1;
    }
}

struct host **inv_group_hosts(const struct inventory *inv, const struct group *g, struct arena *a, size_t *n) {
    struct walk w = {
        .inv = inv,
        .top = g,
        .a = a,
        .queue = ARENA_ARRAY(a, const struct group *, inv->groups.n),
        .group_seen = ARENA_ARRAY(a, uint8_t, inv->groups.n),
        .host_seen = ARENA_ARRAY(a, uint8_t, inv->nhosts + 1),
    };
    w.queue[w.n++] = g;
    w.group_seen[g->index] = 1;
    for (size_t i = 0; i < w.n; i++) {
        const struct group *at = w.queue[i];
        visit_hosts(&w, at);
        for (size_t k = 0; k < at->nchildren; k++) {
            const struct group *c = at->children[k];
            if (!w.group_seen[c->index]) {
                w.group_seen[c->index] = 1;
                w.queue[w.n++] = c;
            }
        }
    }
    *n = w.out.n;
    return w.out.p;
}

static int by_name(const void *pa, const void *pb) {
    return str_cmp((*(struct group *const *)pa)->name, (*(struct group *const *)pb)->name);
}

struct val inv_group_names(const struct host *h, struct arena *a) {
    struct val list = val_list(a, h->nall);
    struct group **v = ARENA_ARRAY(a, struct group *, h->nall + 1);
    size_t n = 0;
    for (size_t i = 0; i < h->nall; i++) {
        if (!str_eqz(h->all[i]->name, "all")) {
            v[n++] = h->all[i];
        }
    }
    qsort(v, n, sizeof *v, by_name);
    for (size_t i = 0; i < n; i++) {
        val_push(a, list, val_str(a, v[i]->name));
    }
    return list;
}

struct val inv_groups_val(const struct inventory *inv, struct arena *a) {
    struct val d = val_dict(a, inv->groups.n);
    struct val *names = ARENA_ARRAY(a, struct val, inv->nhosts + 1);
    for (size_t i = 0; i < inv->nhosts; i++) {
        names[i] = val_str(a, inv->order[i]->name);
    }
    for (size_t i = 0; i < inv->groups.n; i++) {
        const struct group *g = inv->groups.slots[i].value;
        size_t n = 0;
        struct host **hosts = inv_group_hosts(inv, g, a, &n);
        struct val list = val_list(a, n);
        for (size_t k = 0; k < n; k++) {
            val_push(a, list, hosts[k]->implicit ? val_str(a, hosts[k]->name) : names[hosts[k]->index]);
        }
        val_set_str(a, d, g->name, list);
    }
    return d;
}
