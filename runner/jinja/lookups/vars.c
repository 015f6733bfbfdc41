// Lookups on variables, hosts and settings: vars, varnames, inventory_hostnames, config.
#include "lookups/common.h"
#include "regex.h"

static bool find_var(struct jcall *c, struct str name, struct val *out, bool *found, struct err *e) {
    struct val hostvars, me;
    const char *z = str_z(c->a, name);
    if (!lk_var(c, z, out, found, e)) {
        return false;
    }
    if (*found) {
        return true;
    }
    bool have = false, named = false;
    if (!lk_var(c, "hostvars", &hostvars, &have, e) || !lk_var(c, "inventory_hostname", &me, &named, e)) {
        return false;
    }
    if (!have || !named) {
        return true;
    }
    struct val host;
    if (!jinja_getitem(c->ctx, hostvars, me, c->at, &host, e)) {
        return false;
    }
    if (!is_undef(host) && !jinja_getitem(c->ctx, host, val_str(c->a, name), c->at, out, e)) {
        return false;
    }
    *found = !is_undef(host) && !is_undef(*out);
    return true;
}

static bool not_a_name(struct jcall *c, struct val term, struct err *e) {
    return plug_err(c, e, ERR_TYPE, "Invalid setting identifier, \"%.*s\" is not a string, but %s",
                    STR(val_str_of(c->a, term)), val_kind_name(term.kind));
}

static bool l_vars(struct jcall *c, struct val *out, struct err *e) {
    static const char *const names[] = {"default", NULL};
    struct val def = lk_opt(c, "default");
    bool rescue = def.kind != VAL_NULL && (!is_undef(def) || def.u.undef);
    lk_known(c, names);
    *out = val_list(c->a, lk_terms(c));
    for (size_t i = 0; i < lk_terms(c); i++) {
        struct val term = lk_term(c, i), v = {.kind = VAL_UNDEF};
        bool found = false;
        if (term.kind != VAL_STR) {
            return not_a_name(c, term, e);
        }
        if (!find_var(c, val_text(term), &v, &found, e)) {
            if (e->code != ERR_UNDEFINED || !rescue) {
                return false;
            }
            err_clear(e);
            found = false;
        }
        if (!found && !rescue) {
            return err_set(e, ERR_UNDEFINED, c->at, "lookup 'vars': No variable found with this name: %.*s",
                           STR(val_text(term)));
        }
        val_push(c->a, *out, found ? v : def);
    }
    return true;
}
LOOKUP(vars) = {.doc = "Variables by name.",
                .fn = l_vars,
                .example = "lookup('vars', 'nosuch', default='d') == 'd'",
                .options = "default=None"};

static bool l_varnames(struct jcall *c, struct val *out, struct err *e) {
    struct val names = {0};
    if (!lk_names(c, &names, e)) {
        return false;
    }
    *out = val_list(c->a, 8);
    for (size_t i = 0; i < lk_terms(c); i++) {
        struct val term = lk_term(c, i);
        if (term.kind != VAL_STR) {
            return not_a_name(c, term, e);
        }
        struct regex *r = regex_compile(c->a, val_text(term), 0, c->at, e);
        if (!r) {
            struct str why = err_text(e);
            err_clear(e);
            return plug_err(c, e, ERR_ARGS, "Unable to use '%.*s' as a search parameter: %.*s", STR(val_text(term)),
                            STR(why));
        }
        for (size_t k = 0; k < val_len(names); k++) {
            int hit = regex_exec(r, val_text(val_at_index(names, k)), 0, REGEX_SEARCH, c->a, NULL, e);
            if (hit < 0) {
                return false;
            }
            if (hit) {
                val_push(c->a, *out, val_at_index(names, k));
            }
        }
    }
    return true;
}
LOOKUP(varnames) = {
    .doc = "Names of variables by pattern.", .fn = l_varnames, .example = "query('varnames', '^nosuch$') == []"};

static bool l_inventory_hostnames(struct jcall *c, struct val *out, struct err *e) {
    const struct jinja_host *h = c->ctx->host;
    struct buf b = BUF_IN(c->a);
    if (!h || !h->hosts) {
        return plug_err(c, e, ERR_NOT_FOUND, "there is no inventory here");
    }
    struct val terms = lk_flatten(c, c->args[0]);
    for (size_t i = 0; i < val_len(terms); i++) {
        if (i) {
            buf_char(&b, ',');
        }
        val_to_str(&b, val_at_index(terms, i));
    }
    *out = h->hosts(h->self, c->a, buf_view(&b), e);
    if (out->kind != VAL_LIST) {  // as Ansible: a pattern that cannot be read matches nothing
        err_clear(e);
        *out = val_list(c->a, 0);
    }
    return true;
}
LOOKUP(inventory_hostnames) = {.doc = "Hosts by pattern.",
                               .fn = l_inventory_hostnames,
                               .example = "query('inventory_hostnames', 'nosuch', errors='ignore') in ([], none)"};

// What the variables of a connection, shell or become plugin say: ansible_ssh_port, ansible_port.
static bool plugin_var(struct jcall *c, struct str plugin, struct str name, struct val *out, struct err *e) {
    struct str var = str_eqz(name, "remote_user") ? STR_LIT("user") : name;
    const char *names[] = {arena_printf(c->a, "ansible_%.*s_%.*s", STR(plugin), STR(var)),
                           arena_printf(c->a, "ansible_%.*s", STR(var))};
    bool found = false;
    *out = (struct val){.kind = VAL_UNDEF};
    for (size_t i = 0; i < COUNTOF(names) && !found; i++) {
        if (!lk_var(c, names[i], out, &found, e)) {
            return false;
        }
    }
    return true;
}

struct config_lookup {
    struct str missing, kind, plugin;
};

static bool config_opts(struct jcall *c, struct config_lookup *o, struct err *e) {
    static const char *const names[] = {"on_missing", "plugin_type", "plugin_name", "show_origin", NULL};
    lk_known(c, names);
    if (!lk_str(c, "on_missing", STR_LIT("error"), &o->missing, e) ||
        !lk_str(c, "plugin_type", STR_NONE, &o->kind, e) || !lk_str(c, "plugin_name", STR_NONE, &o->plugin, e)) {
        return false;
    }
    if (!str_eqz(o->missing, "error") && !str_eqz(o->missing, "warn") && !str_eqz(o->missing, "skip")) {
        return plug_err(c, e, ERR_ARGS, "'on_missing': valid values are error, warn and skip, not '%.*s'",
                        STR(o->missing));
    }
    if ((o->kind.n > 0) != (o->plugin.n > 0)) {
        return plug_err(c, e, ERR_ARGS,
                        "Both plugin_type and plugin_name are required, cannot use one without the other");
    }
    return !lk_given(c, "show_origin") || plug_err(c, e, ERR_ARGS, "'show_origin' is not supported");
}

static bool config_missing(struct jcall *c, const struct config_lookup *o, struct str name, struct err *e) {
    // the names of settings are in capitals, those of plugins' options are not
    bool other = o->plugin.n == 0 && name.n > 1 && ascii_lower(name.s[1]) == name.s[1] && name.s[1] != '_';
    const char *text =
        arena_printf(c->a, other ? "Invalid setting \"%.*s\"" : "Unable to find setting %.*s", STR(name));
    if (str_eqz(o->missing, "error")) {
        return plug_err(c, e, ERR_NOT_FOUND, "%s", text);
    }
    if (str_eqz(o->missing, "warn")) {
        lk_warn(c, text);
    }
    return true;
}

static bool l_config(struct jcall *c, struct val *out, struct err *e) {
    const struct jinja_host *h = c->ctx->host;
    struct config_lookup o;
    if (!config_opts(c, &o, e)) {
        return false;
    }
    if (!h || !h->setting) {
        return plug_err(c, e, ERR_NOT_FOUND, "settings cannot be read here");
    }
    struct setting_query q = {.given = {.kind = VAL_UNDEF}};
    if (o.plugin.n > 0) {
        q.plugin = arena_printf(c->a, "%.*s:%.*s", STR(o.kind), STR(o.plugin));
    }
    *out = val_list(c->a, lk_terms(c));
    for (size_t i = 0; i < lk_terms(c); i++) {
        struct val term = lk_term(c, i), v;
        if (term.kind != VAL_STR) {
            return not_a_name(c, term, e);
        }
        q.name = val_text(term);
        if (q.plugin && !plugin_var(c, o.plugin, q.name, &q.given, e)) {
            return false;
        }
        if (h->setting(h->self, &q, c->a, &v)) {
            val_push(c->a, *out, v);
        } else if (!config_missing(c, &o, q.name, e)) {
            return false;
        }
    }
    return true;
}
LOOKUP(config) = {.doc = "Settings of the runner.",
                  .fn = l_config,
                  .example = "lookup('config', 'DEFAULT_FORKS', errors='ignore') != 'x'",
                  .options = "on_missing='error', plugin_type=None, plugin_name=None, show_origin=False"};
