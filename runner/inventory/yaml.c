// YAML and JSON inventories: groups with hosts, vars and children.
#include "inv_source.h"

struct reader {
    struct inv_source *s;
    struct inventory *inv;
    struct arena *a;
    unsigned depth;
};

#define GROUP_DEPTH 100

static bool parse_group(struct reader *r, struct val name, struct val data, struct group **out, struct err *e);

/// A string stands for a dict with that one key; null for nothing.
static bool as_dict(struct reader *r, const char *section, const struct group *g, struct val v, struct val *out,
                    struct err *e) {
    if (v.kind == VAL_DICT || v.kind == VAL_NULL) {
        *out = v;
        return true;
    }
    if (v.kind == VAL_STR) {
        *out = val_at(val_dict(r->a, 1), v.mark);
        val_set_key(r->a, *out, v, VNULL);
        return true;
    }
    return err_set(e, ERR_SYNTAX, v.mark, "'%s' of group '%.*s' must be a dictionary, not %s", section, STR(g->name),
                   val_kind_name(v.kind));
}

static bool add_vars(struct reader *r, struct group *g, struct val vars, struct err *e) {
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(vars, &i))) {
        if (p->key.kind == VAL_STR) {
            if (!inv_group_var(r->inv, g, val_text(p->key), p->value, e)) {
                return false;
            }
        } else {
            val_set_key(r->inv->a, g->vars, p->key, p->value);
        }
    }
    return true;
}

static bool add_children(struct reader *r, struct group *g, struct val children, struct err *e) {
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(children, &i))) {
        struct group *child = NULL;
        if (!parse_group(r, p->key, p->value, &child, e)) {
            return false;
        }
        // As in Ansible: with something else than a dictionary a group that is known already still becomes a child.
        child = child ? child : inv_group(r->inv, val_text(p->key));
        if (!child) {
            return err_set(e, ERR_SYNTAX, p->value.mark, "child group of '%.*s' must be a dictionary, not %s",
                           STR(g->name), val_kind_name(p->value.kind));
        }
        if (!inv_add_child(r->inv, g, child, p->key.mark, e)) {
            return false;
        }
    }
    return true;
}

static bool add_host(struct reader *r, struct group *g, struct val name, struct val vars, struct err *e) {
    if (name.kind != VAL_STR) {
        return err_set(e, ERR_SYNTAX, name.mark, "Host pattern %.*s must be a string, not %s; put it in quotes",
                       STR(val_str_of(r->a, name)), val_kind_name(name.kind));
    }
    if (val_truth(vars) && vars.kind != VAL_DICT) {
        return err_set(e, ERR_SYNTAX, vars.mark, "variables of a host must be a dictionary, not %s",
                       val_kind_name(vars.kind));
    }
    struct host_names names;
    if (!inv_expand_host(r->s, val_text(name), name.mark, &names, e)) {
        return false;
    }
    for (size_t k = 0; k < names.n; k++) {
        struct val taken = names.n == 1 ? vars : (struct val){0};
        struct host *h = inv_want_host_with(r->s, names.p[k], g, names.port, name.mark, &taken, e);
        if (!h) {
            return false;
        }
        size_t i = 0;
        struct vpair *p;
        bool adopted = names.n == 1 && taken.kind == VAL_UNDEF;
        while (!adopted && (p = val_each(vars, &i))) {
            if (p->key.kind == VAL_STR && !inv_host_entry(r->inv, h, p->key, p->value, e)) {
                return false;
            }
        }
    }
    return true;
}

static bool add_hosts(struct reader *r, struct group *g, struct val hosts, struct err *e) {
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(hosts, &i))) {
        if (!add_host(r, g, p->key, p->value, e)) {
            return false;
        }
    }
    return true;
}

static bool add_section(struct reader *r, struct group *g, struct val key, struct val v, struct err *e) {
    static const struct {
        const char *name;
        bool (*add)(struct reader *r, struct group *g, struct val v, struct err *e);
    } sections[] = {{"vars", add_vars}, {"children", add_children}, {"hosts", add_hosts}};
    for (size_t i = 0; i < COUNTOF(sections); i++) {
        if (key.kind == VAL_STR && str_eqz(val_text(key), sections[i].name)) {
            struct val d = {0};
            return as_dict(r, sections[i].name, g, v, &d, e) && sections[i].add(r, g, d, e);
        }
    }
    struct str name = val_str_of(r->a, key);
    if (v.kind == VAL_DICT) {
        inv_warn(r->inv, key.mark, "key '%.*s' in group '%.*s' is skipped: only hosts, children and vars are known",
                 STR(name), STR(g->name));
    } else if (v.kind != VAL_NULL) {
        inv_warn(r->inv, key.mark, "key '%.*s' in group '%.*s' is skipped: it must be a dictionary, not %s", STR(name),
                 STR(g->name), val_kind_name(v.kind));
    }
    return true;
}

/// *out stays NULL when `data` is no group definition (a warning).
static bool parse_group(struct reader *r, struct val name, struct val data, struct group **out, struct err *e) {
    if (data.kind != VAL_DICT && data.kind != VAL_NULL) {
        struct str text = val_str_of(r->a, name);
        inv_warn(r->inv, name.mark, "'%.*s' is skipped: a group must be a dictionary, not %s", STR(text),
                 val_kind_name(data.kind));
        return true;
    }
    if (name.kind != VAL_STR) {
        return err_set(e, ERR_SYNTAX, name.mark, "a group name must be a string, not %s; quote it",
                       val_kind_name(name.kind));
    }
    if (r->depth >= GROUP_DEPTH) {
        return err_set(e, ERR_LIMIT, name.mark, "groups are nested more than %d deep", GROUP_DEPTH);
    }
    struct group *g = inv_want_group(r->inv, val_text(name), name.mark, e);
    if (!g) {
        return false;
    }
    r->depth++;
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(data, &i))) {
        if (!add_section(r, g, p->key, p->value, e)) {
            return false;
        }
    }
    r->depth--;
    *out = g;
    return true;
}

/// True when some value at the top has hosts, children or vars: then it is meant to be an inventory.
static bool has_groups(struct val data) {
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(data, &i))) {
        if (val_has(p->value, "hosts") || val_has(p->value, "children") || val_has(p->value, "vars")) {
            return true;
        }
    }
    return false;
}

bool inv_parse_groups(struct inv_source *s, struct val data, struct err *e) {
    struct reader r = {.s = s, .inv = s->inv, .a = s->o->a};
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(data, &i))) {
        struct group *g = NULL;
        if (!parse_group(&r, p->key, p->value, &g, e)) {
            return false;
        }
    }
    return true;
}

bool inv_parse_yaml(struct inv_source *s, struct err *e) {
    const char *path = str_z(s->o->a, s->path);
    struct yaml_opts y = {.trusted = true,
                          .secret = s->secret,
                          .at = s->base,
                          .vault = s->o->vault,
                          .warn = s->o->warn,
                          .warn_self = s->o->warn_self};
    struct val data;
    if (!inv_load_text(path, s->text, &y, s->o->a, &data, e)) {
        s->not_yaml = true;
        return false;
    }
    if (data.kind != VAL_DICT) {
        return err_set(e, ERR_SYNTAX, data.mark, "a YAML inventory must be a dictionary of groups, not %s",
                       val_kind_name(data.kind));
    }
    if (val_truth(val_get(data, "plugin"))) {
        s->evident = true;
        return inv_parse_plugin(s, data, e);
    }
    s->evident = has_groups(data);
    return inv_parse_groups(s, data, e);
}
