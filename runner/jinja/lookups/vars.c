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
            return bad_arg(c, e, "term", "the name of a variable", term);
        }
        if (!find_var(c, val_text(term), &v, &found, e)) {
            if (e->code != ERR_UNDEFINED || !rescue) {
                return false;
            }
            err_clear(e);
            found = false;
        }
        if (!found && !rescue) {
            return err_set(e, ERR_UNDEFINED, c->at, "lookup 'vars': there is no variable '%.*s'", STR(val_text(term)));
        }
        val_push(c->a, *out, found ? v : def);
    }
    return true;
}
LOOKUP(vars) = {.doc = "Variables by name.",
                .fn = l_vars,
                .example = "lookup('vars', 'nosuch', default='d') == 'd'",
                .options = "default=None"};

struct offered {
    struct value_set seen;
    struct val names;
};

static void offer(void *to, struct str name) {
    struct offered *o = to;
    struct val v = val_str(o->seen.a, name);
    if (set_add(&o->seen, v)) {
        val_push(o->seen.a, o->names, v);
    }
}

static bool l_varnames(struct jcall *c, struct val *out, struct err *e) {
    struct offered o = {.seen = set_new(c->a), .names = val_list(c->a, 64)};
    if (!c->ctx->scope.names) {
        return plug_err(c, e, ERR_NOT_FOUND, "no variables can be searched here");
    }
    c->ctx->scope.names(c->ctx->scope.self, offer, &o);
    *out = val_list(c->a, 8);
    for (size_t i = 0; i < lk_terms(c); i++) {
        struct val term = lk_term(c, i);
        if (term.kind != VAL_STR) {
            return bad_arg(c, e, "term", "a regular expression", term);
        }
        struct regex *r = regex_compile(c->a, val_text(term), 0, c->at, e);
        for (size_t k = 0; r && k < val_len(o.names); k++) {
            int hit = regex_exec(r, val_text(val_at_index(o.names, k)), 0, REGEX_SEARCH, c->a, NULL, e);
            if (hit < 0) {
                return false;
            }
            if (hit) {
                val_push(c->a, *out, val_at_index(o.names, k));
            }
        }
        if (!r) {
            return false;
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

static bool l_config(struct jcall *c, struct val *out, struct err *e) {
    static const char *const names[] = {"on_missing", "plugin_type", "plugin_name", "show_origin", NULL};
    const struct jinja_host *h = c->ctx->host;
    struct str missing;
    lk_known(c, names);
    if (!lk_str(c, "on_missing", STR_LIT("error"), &missing, e)) {
        return false;
    }
    bool fail = str_eqz(missing, "error"), warn = str_eqz(missing, "warn");
    if (!fail && !warn && !str_eqz(missing, "skip")) {
        return plug_err(c, e, ERR_ARGS, "'on_missing' must be error, warn or skip, not '%.*s'", STR(missing));
    }
    for (size_t i = 1; i < 4; i++) {
        if (lk_given(c, names[i])) {
            return plug_err(c, e, ERR_ARGS, "'%s' is not supported", names[i]);
        }
    }
    if (!h || !h->setting) {
        return plug_err(c, e, ERR_NOT_FOUND, "settings cannot be read here");
    }
    *out = val_list(c->a, lk_terms(c));
    for (size_t i = 0; i < lk_terms(c); i++) {
        struct val term = lk_term(c, i), v;
        if (term.kind != VAL_STR) {
            return bad_arg(c, e, "term", "the name of a setting", term);
        }
        if (h->setting(h->self, val_text(term), c->a, &v)) {
            val_push(c->a, *out, v);
        } else if (fail) {
            return plug_err(c, e, ERR_NOT_FOUND, "there is no setting '%.*s'", STR(val_text(term)));
        } else if (warn) {
            lk_warn(c, arena_printf(c->a, "there is no setting '%.*s'", STR(val_text(term))));
        }
    }
    return true;
}
LOOKUP(config) = {.doc = "Settings of the runner.",
                  .fn = l_config,
                  .example = "lookup('config', 'DEFAULT_FORKS', errors='ignore') != 'x'",
                  .options = "on_missing='error', plugin_type=None, plugin_name=None, show_origin=False"};
