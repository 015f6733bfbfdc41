// What inventories with templates (constructed, generator) need of the engine and of the variables known so far.
#include "cli.h"

#include "factcache.h"

struct early_scope {
    struct val vars, extra;
};

static bool early_get(void *self, struct str name, struct arena *a, struct val *out, struct err *e) {
    (void)a;
    (void)e;
    const struct early_scope *s = self;
    *out = val_get_str(s->extra, name);
    if (out->kind == VAL_UNDEF) {
        *out = val_get_str(s->vars, name);
    }
    return true;
}

static bool eval(void *self, const struct inv_eval *q, struct arena *a, struct val *out, struct err *e) {
    struct session *x = self;
    struct early_scope scope = {q->vars, q->extra ? x->extra_vars : VNULL};
    struct jinja_ctx c = {.a = a, .cache = x->cache, .opts = &jinja_opts_ansible, .no_lookups = true};
    c.scope.self = &scope;
    c.scope.get = early_get;
    struct str text = val_str_of(a, q->text);
    switch (q->kind) {
    case INV_EVAL_TEXT:
        return jinja_value(&c, q->text, out, e);
    case INV_EVAL_TRUTH:
        return jinja_expr(&c, text, q->text.mark, false, out, e);
    case INV_EVAL_COMPOSE:
        break;
    }
    struct val whole = val_flag(val_printf(a, "{{%.*s}}", STR(text)), VAL_TRUSTED | VAL_TMPL);
    return jinja_string(&c, val_at(whole, q->text.mark), out, e) || err_wrap(e, q->text.mark, "in '%.*s'", STR(text));
}

static void over(struct arena *a, struct val into, struct val vars) {
    size_t i = 0;
    for (struct vpair *p; (p = val_each(vars, &i));) {
        val_set_key(a, into, p->key, p->value);
    }
}

static bool host_vars(void *self, struct inventory *inv, struct host *h, bool plugins, struct arena *a, struct val *out,
                      struct err *e) {
    struct session *x = self;
    inv_freeze_host(inv, h);
    if (plugins) {
        if (!x->early_files || x->early_dirs != inv->nbasedirs) {
            x->early_files = vars_files_new(x->a, inv, &x->yaml_vault, session_warn, x);
            vars_files_merge(x->early_files, inv->merge);
            x->early_dirs = inv->nbasedirs;
        }
        if (!vars_files_host(x->early_files, h, false, a, out, e)) {
            return false;
        }
    } else {
        *out = val_dict(a, 16);
        for (size_t i = 0; i < h->nall; i++) {
            over(a, *out, h->all[i]->vars);
        }
        over(a, *out, h->vars);
    }
    struct val facts = VNULL;
    if (x->facts && !fact_cache_get(x->facts, h->name, a, &facts, e)) {
        return false;
    }
    over(a, *out, facts);
    val_set(a, *out, "inventory_hostname", val_str(a, h->name));
    val_set(a, *out, "inventory_hostname_short", val_str(a, str_sub(h->name, 0, str_find_char(h->name, 0, '.'))));
    val_set(a, *out, "group_names", inv_group_names(h, a));
    return true;
}

void session_templates(struct session *x, struct inv_templates *t) {
    *t = (struct inv_templates){.self = x, .eval = eval, .vars = host_vars};
}
