// Inventories that are the configuration of an inventory plugin: "plugin: constructed" makes variables and groups of
// what the sources before it gave, "plugin: generator" makes hosts of layers.
#include "inv_source.h"

struct maker {
    struct inv_source *s;
    struct inventory *inv;
    struct arena *a;
    const struct inv_templates *t;
    bool strict, use_extra, leading_separator;
};

static bool option_bool(struct val config, const char *name, bool absent) {
    bool v = absent;
    struct val given = val_get(config, name);
    if (given.kind != VAL_UNDEF) {
        (void)val_as_bool(given, &v);
    }
    return v;
}

// -- constructed -----------------------------------------------------------------------------------------------------

/// An expression with the variables of a host; *ok is false when it failed and that is no error.
static bool compose(struct maker *m, struct val expr, struct val vars, struct val *out, bool *ok, struct err *e) {
    struct err mine = {.arena = e->arena};
    struct inv_eval q = {.text = expr, .vars = vars, .kind = INV_EVAL_COMPOSE, .extra = m->use_extra};
    *ok = m->t->eval(m->t->self, &q, m->a, out, &mine);
    if (!*ok && m->strict) {
        *e = mine;
        return false;
    }
    return true;
}

static bool compose_vars(struct maker *m, struct val config, struct host *h, struct val vars, struct err *e) {
    struct val list = val_get(config, "compose");
    size_t i = 0;
    for (struct vpair *p; list.kind == VAL_DICT && (p = val_each(list, &i));) {
        struct val v = VNULL;
        bool ok = false;
        if (!compose(m, p->value, vars, &v, &ok, e)) {
            return err_wrap(e, p->key.mark, "Could not set %.*s for host %.*s", STR(val_text(p->key)), STR(h->name));
        }
        if (ok && !inv_host_var(m->inv, h, val_text(p->key),
                                val_at(val_reflag(m->inv->a, v, VAL_UNSAFE, 0), p->value.mark), e)) {
            return false;
        }
    }
    return true;
}

static bool compose_groups(struct maker *m, struct val config, struct host *h, struct val vars, struct err *e) {
    struct val list = val_get(config, "groups");
    size_t i = 0;
    for (struct vpair *p; list.kind == VAL_DICT && (p = val_each(list, &i));) {
        struct val v = VNULL;
        struct err mine = {.arena = e->arena};
        struct inv_eval q = {.text = p->value, .vars = vars, .kind = INV_EVAL_TRUTH};
        if (!m->t->eval(m->t->self, &q, m->a, &v, &mine)) {
            if (m->strict) {
                *e = mine;
                return err_wrap(e, p->key.mark, "Could not add host %.*s to group %.*s", STR(h->name),
                                STR(val_text(p->key)));
            }
            continue;
        }
        if (val_truth(v)) {
            struct group *g = inv_want_group(m->inv, val_text(p->key), p->key.mark, e);
            if (!g) {
                return false;
            }
            (void)inv_join(m->inv, g, h);
        }
    }
    return true;
}

struct keyed {
    struct val entry, fallback, trailing;
    struct str prefix, separator, parent;
    struct mark at;
};

static bool keyed_one(struct maker *m, struct keyed *k, struct host *h, struct str bare, struct err *e) {
    struct arena *a = m->inv->a;
    if (!k->prefix.n && !m->leading_separator) {
        k->separator = STR_LIT("");
    }
    struct str name = str_printf(a, "%.*s%.*s%.*s", STR(k->prefix), STR(k->separator), STR(bare));
    struct group *g = inv_want_group(m->inv, name, k->at, e);
    if (!g) {
        return false;
    }
    (void)inv_join(m->inv, g, h);
    if (!k->parent.n) {
        return true;
    }
    struct group *parent = inv_want_group(m->inv, k->parent, k->at, e);
    return parent && inv_add_child(m->inv, parent, g, k->at, e);
}

static bool is_empty_text(struct val v) {
    return v.kind == VAL_STR && val_text(v).n == 0;
}

/// One name of a list, or the default for an empty one.
static struct str keyed_name(struct maker *m, const struct keyed *k, struct val v) {
    bool fall = is_empty_text(v) && k->fallback.kind != VAL_UNDEF && k->fallback.kind != VAL_NULL;
    return val_str_of(m->a, fall ? k->fallback : v);
}

static bool keyed_pairs(struct maker *m, struct keyed *k, struct host *h, struct val d, struct err *e) {
    bool yes = true;
    size_t i = 0;
    for (struct vpair *p; (p = val_each(d, &i));) {
        struct str key = val_str_of(m->a, p->key);
        bool fall = k->fallback.kind != VAL_UNDEF && k->fallback.kind != VAL_NULL;
        bool cut = is_empty_text(p->value) && !fall && val_as_bool(k->trailing, &yes) && !yes;
        struct str bare =
            cut ? key : str_printf(m->a, "%.*s%.*s%.*s", STR(key), STR(k->separator), STR(keyed_name(m, k, p->value)));
        if (!keyed_one(m, k, h, bare, e)) {
            return false;
        }
    }
    return true;
}

static bool keyed_groups_of(struct maker *m, struct keyed *k, struct host *h, struct val key, struct err *e) {
    if (key.kind == VAL_STR) {
        return keyed_one(m, k, h, keyed_name(m, k, key), e);
    }
    if (key.kind == VAL_DICT) {
        return keyed_pairs(m, k, h, key, e);
    }
    if (!val_is_seq(key)) {
        return err_set(e, ERR_TYPE, k->at, "a key of keyed_groups must give text, a list or a dictionary, not %s",
                       val_kind_name(key.kind));
    }
    for (size_t i = 0; i < val_len(key); i++) {
        if (!keyed_one(m, k, h, keyed_name(m, k, val_at_index(key, i)), e)) {
            return false;
        }
    }
    return true;
}

static struct str text_or(struct arena *a, struct val v, struct str absent) {
    return v.kind == VAL_UNDEF ? absent : v.kind == VAL_NULL ? STR_LIT("None") : val_str_of(a, v);
}

static bool keyed_parent(struct maker *m, struct keyed *k, struct val vars, bool *ok, struct err *e) {
    struct val raw = val_get(k->entry, "parent_group");
    struct val v = VNULL;
    struct err mine = {.arena = e->arena};
    struct inv_eval q = {.text = raw, .vars = vars, .kind = INV_EVAL_TEXT};
    *ok = true;
    if (raw.kind != VAL_STR || !val_text(raw).n) {
        return true;
    }
    *ok = m->t->eval(m->t->self, &q, m->a, &v, &mine);
    if (!*ok && m->strict) {
        *e = mine;
        return false;
    }
    k->parent = *ok ? val_str_of(m->a, v) : STR_NONE;
    return true;
}

static bool keyed_entry(struct maker *m, struct val entry, struct host *h, struct val vars, struct err *e) {
    struct keyed k = {.entry = entry, .fallback = val_get(entry, "default_value"), .at = entry.mark};
    struct val key = VNULL;
    bool ok = false;
    k.trailing = val_get(entry, "trailing_separator");
    if (entry.kind != VAL_DICT || !val_len(entry)) {
        return err_set(e, ERR_SYNTAX, entry.mark, "an entry of keyed_groups must be a dictionary, not %s",
                       val_kind_name(entry.kind));
    }
    if (!compose(m, val_get(entry, "key"), vars, &key, &ok, e)) {
        return err_wrap(e, entry.mark, "Could not generate group for host %.*s", STR(h->name));
    }
    if (!ok) {
        return true;
    }
    if (k.trailing.kind != VAL_UNDEF && k.fallback.kind != VAL_UNDEF) {
        return err_set(e, ERR_ARGS, entry.mark,
                       "parameters are mutually exclusive for keyed groups: default_value|trailing_separator");
    }
    bool fall = is_empty_text(key) && k.fallback.kind != VAL_UNDEF && k.fallback.kind != VAL_NULL;
    if (!val_truth(key) && !fall) {
        bool nothing = (val_is_seq(key) || key.kind == VAL_DICT) && !val_len(key);
        return !m->strict || nothing ||
               err_set(e, ERR_ARGS, entry.mark, "No key or key resulted empty for %.*s in host %.*s, invalid entry",
                       STR(val_text(val_get(entry, "key"))), STR(h->name));
    }
    k.prefix = text_or(m->a, val_get(entry, "prefix"), STR_LIT(""));
    k.separator = text_or(m->a, val_get(entry, "separator"), STR_LIT("_"));
    if (!keyed_parent(m, &k, vars, &ok, e)) {
        return err_wrap(e, entry.mark, "Could not generate parent group");
    }
    return !ok || keyed_groups_of(m, &k, h, key, e);
}

static bool construct_host(struct maker *m, struct val config, struct host *h, struct err *e) {
    bool plugins = option_bool(config, "use_vars_plugins", false);
    struct val keyed = val_get(config, "keyed_groups");
    struct val vars = VNULL;
    if (!m->t->vars(m->t->self, m->inv, h, plugins, m->a, &vars, e) || !compose_vars(m, config, h, vars, e) ||
        !m->t->vars(m->t->self, m->inv, h, plugins, m->a, &vars, e) || !compose_groups(m, config, h, vars, e)) {
        return false;
    }
    for (size_t i = 0; val_is_seq(keyed) && i < val_len(keyed); i++) {
        if (!keyed_entry(m, val_at_index(keyed, i), h, vars, e)) {
            return false;
        }
    }
    return true;
}

static bool constructed(struct maker *m, struct val config, struct err *e) {
    m->strict = option_bool(config, "strict", false);
    m->use_extra = option_bool(config, "use_extra_vars", m->s->o->use_extra_vars);
    m->leading_separator = option_bool(config, "leading_separator", true);
    inv_freeze(m->inv);
    // Names of groups that are made of values are made legal, whatever the setting says of names that people wrote.
    enum inv_group_chars how = m->inv->group_chars;
    m->inv->group_chars = GROUP_CHARS_SILENTLY;
    bool ok = true;
    size_t n = m->inv->nhosts;
    for (size_t i = 0; i < n && ok; i++) {
        ok = construct_host(m, config, m->inv->order[i], e);
    }
    m->inv->group_chars = how;
    return ok;
}

// -- generator -------------------------------------------------------------------------------------------------------

static bool render(struct maker *m, struct val text, struct val vars, struct val *out, struct err *e) {
    struct inv_eval q = {.text = text, .vars = vars, .kind = INV_EVAL_TEXT};
    return m->t->eval(m->t->self, &q, m->a, out, e) || err_wrap(e, text.mark, "in the generator");
}

/// What becomes a child of the groups around it: a host or a group.
struct child {
    struct host *h;
    struct group *g;
};

static bool generate_parents(struct maker *m, struct child c, struct val parents, struct val vars, unsigned depth,
                             struct err *e);

static bool generate_parent(struct maker *m, struct child c, struct val parent, struct val vars, unsigned depth,
                            struct err *e) {
    struct val name = VNULL;
    if (val_get(parent, "name").kind != VAL_STR) {
        return err_set(e, ERR_SYNTAX, parent.mark, "a parent in the generator needs a 'name'");
    }
    if (!render(m, val_get(parent, "name"), vars, &name, e)) {
        return false;
    }
    struct group *g = inv_want_group(m->inv, val_str_of(m->a, name), parent.mark, e);
    if (!g) {
        return false;
    }
    struct val set = val_get(parent, "vars");
    size_t i = 0;
    for (struct vpair *p; set.kind == VAL_DICT && (p = val_each(set, &i));) {
        struct val v = VNULL;
        if (!render(m, p->value, vars, &v, e) ||
            !inv_group_var(m->inv, g, val_text(p->key), val_promote(m->inv->a, v), e)) {
            return false;
        }
    }
    if (c.h) {
        (void)inv_join(m->inv, g, c.h);
    } else if (!inv_add_child(m->inv, g, c.g, parent.mark, e)) {
        return false;
    }
    return generate_parents(m, (struct child){.g = g}, val_get(parent, "parents"), vars, depth + 1, e);
}

static bool generate_parents(struct maker *m, struct child c, struct val parents, struct val vars, unsigned depth,
                             struct err *e) {
    if (depth > 64) {
        return err_set(e, ERR_LIMIT, parents.mark, "parents in the generator are nested more than 64 deep");
    }
    for (size_t i = 0; val_is_seq(parents) && i < val_len(parents); i++) {
        if (!generate_parent(m, c, val_at_index(parents, i), vars, depth, e)) {
            return false;
        }
    }
    return true;
}

static bool generate_host(struct maker *m, struct val hosts, struct val vars, struct err *e) {
    struct val name = VNULL;
    if (!render(m, val_get(hosts, "name"), vars, &name, e)) {
        return false;
    }
    struct host *h = inv_want_host(m->s, val_str_of(m->a, name), NULL, 0, hosts.mark, e);
    return h && generate_parents(m, (struct child){.h = h}, val_get(hosts, "parents"), vars, 0, e);
}

/// Every combination of the layers' values, the last layer changing fastest.
static bool generate(struct maker *m, struct val hosts, struct val layers, size_t at, struct val vars, struct err *e) {
    size_t i = 0;
    size_t k = 0;
    struct vpair *p = NULL;
    while ((p = val_each(layers, &i)) && k < at) {
        k++;
    }
    if (!p) {
        return generate_host(m, hosts, vars, e);
    }
    if (!val_is_seq(p->value)) {
        return err_set(e, ERR_SYNTAX, p->value.mark, "a layer of the generator must be a list, not %s",
                       val_kind_name(p->value.kind));
    }
    for (size_t x = 0; x < val_len(p->value); x++) {
        val_set_key(m->a, vars, p->key, val_at_index(p->value, x));
        if (m->inv->nhosts > INV_RANGE_CAP) {
            return err_set(e, ERR_LIMIT, layers.mark, "the generator makes more than %zu hosts", INV_RANGE_CAP);
        }
        if (!generate(m, hosts, layers, at + 1, vars, e)) {
            return false;
        }
    }
    return true;
}

static bool generator(struct maker *m, struct val config, struct err *e) {
    struct val hosts = val_get(config, "hosts");
    struct val layers = val_get(config, "layers");
    if (hosts.kind != VAL_DICT || val_get(hosts, "name").kind != VAL_STR || layers.kind != VAL_DICT) {
        return err_set(e, ERR_SYNTAX, config.mark, "the generator needs 'hosts' with a 'name', and 'layers'");
    }
    return generate(m, hosts, layers, 0, val_dict(m->a, 8), e);
}

// -- the file --------------------------------------------------------------------------------------------------------

static struct str plain_name(struct str name) {
    return str_starts(name, "ansible.builtin.") ? str_sub(name, 16, name.n) : name;
}

bool inv_parse_plugin(struct inv_source *s, struct val config, struct err *e) {
    static const struct {
        const char *name;
        bool (*run)(struct maker *m, struct val config, struct err *e);
        const char *options;
    } plugins[] = {
        {"constructed", constructed,
         "plugin strict compose groups keyed_groups use_extra_vars leading_separator use_vars_plugins cache"},
        {"generator", generator, "plugin hosts layers"}};
    struct val plugin = val_get(config, "plugin");
    struct maker m = {.s = s, .inv = s->inv, .a = s->o->a, .t = s->o->templates};
    if (plugin.kind != VAL_STR) {
        return err_set(e, ERR_SYNTAX, plugin.mark, "the name of an inventory plugin must be a string, not %s",
                       val_kind_name(plugin.kind));
    }
    for (size_t i = 0; i < COUNTOF(plugins); i++) {
        if (!str_eqz(plain_name(val_text(plugin)), plugins[i].name)) {
            continue;
        }
        size_t k = 0;
        for (struct vpair *p; (p = val_each(config, &k));) {
            struct str rest = str_from(plugins[i].options);
            struct str one;
            bool known = false;
            while (str_next(&rest, ' ', &one)) {
                known = known || str_eq(one, val_text(p->key));
            }
            if (!known) {
                inv_warn(s->inv, p->key.mark, "the inventory plugin %s has no option '%.*s'", plugins[i].name,
                         STR(val_text(p->key)));
            }
        }
        return m.t ? plugins[i].run(&m, config, e)
                   : err_set(e, ERR_NOT_FOUND, plugin.mark, "templates are not available for this inventory");
    }
    (void)err_set(e, ERR_NOT_FOUND, plugin.mark, "inventory plugin '%.*s' is not one of those that are built in",
                  STR(val_text(plugin)));
    return err_hint(e, "constructed, generator, INI, YAML, TOML, scripts and host lists are; a script that prints JSON "
                       "can take the place of any other");
}
