// What can be said about templates without running them: syntax, plugin names, free variables.
#include "ast.h"

struct walk {
    struct jinja_cache *cache;
    struct err *e;
    struct arena scratch;  // templates when there is no cache
    // free names
    struct arena *a;
    struct val names;
    bool exact;
    struct mark base;
    const struct tmpl *t;
    struct {
        struct str *p;
        size_t n, cap;
    } bound;  // names set by the template so far
};

static bool walk_node(struct walk *w, const struct node *n);

static bool walk_list(struct walk *w, const struct node *n) {
    for (; n; n = n->next) {
        if (!walk_node(w, n)) {
            return false;
        }
    }
    return true;
}

static bool is_lookup(struct str name) {
    return str_eqz(name, "lookup") || str_eqz(name, "query") || str_eqz(name, "q");
}

/// The lookup a call names by a constant must exist.
static bool check_call(struct walk *w, const struct node *n) {
    if (n->a->type != N_NAME || !is_lookup(n->a->name) || !n->args->pos || n->args->pos->type != N_CONST ||
        n->args->pos->val.kind != VAL_STR) {
        return true;
    }
    struct str name = val_text(n->args->pos->val);
    return plugin_lookup(cache_plugins(w->cache), name, tmpl_mark(w->t, w->base, n->args->pos->at), w->e) != NULL;
}

static void bind_str(struct walk *w, struct str name) {
    if (w->a) {
        VEC_PUSH(w->a, w->bound, name);
    }
}

static void bind(struct walk *w, const struct node *target) {
    if (!target || !w->a) {
        return;
    }
    if (target->type == N_NAME) {
        bind_str(w, target->name);
    }
    for (const struct node *k = target->type == N_TUPLE ? target->kids : NULL; k; k = k->next) {
        bind(w, k);
    }
}

static bool is_bound(const struct walk *w, struct str name) {
    for (size_t i = 0; i < w->bound.n; i++) {
        if (str_eq(w->bound.p[i], name)) {
            return true;
        }
    }
    return false;
}

static void read_name(struct walk *w, struct str name) {
    struct val dummy;
    struct jinja_ctx ctx = {.a = w->a};
    if (!w->a || is_bound(w, name)) {
        return;
    }
    if (str_eqz(name, "vars")) {
        w->exact = false;
    }
    if (global_get(&ctx, name, &dummy)) {
        return;
    }
    for (size_t i = 0; i < w->names.u.l->n; i++) {
        if (str_eq(val_text(w->names.u.l->items[i]), name)) {
            return;
        }
    }
    val_push(w->a, w->names, val_str(w->a, name));
}

static bool walk_args(struct walk *w, const struct call_args *ca) {
    return !ca ||
           (walk_list(w, ca->pos) && walk_list(w, ca->kw) && walk_node(w, ca->star) && walk_node(w, ca->starstar));
}

/// A part whose own names end with it.
static bool walk_scope(struct walk *w, const struct node *target, const struct node *params, const struct node *body) {
    size_t n = w->bound.n;
    bool ok = true;
    bind(w, target);
    for (const struct node *p = params; p; p = p->next) {
        bind(w, p->type == N_PAIR ? p->a : p);
    }
    ok = walk_list(w, body);
    w->bound.n = n;
    return ok;
}

static bool walk_for(struct walk *w, const struct node *n) {
    size_t mark = w->bound.n;
    if (!walk_node(w, n->b)) {
        return false;
    }
    bind_str(w, STR_LIT("loop"));
    bind(w, n->a);
    bool ok = walk_node(w, n->c) && walk_list(w, n->body);
    w->bound.n = mark;
    return ok && walk_list(w, n->other);
}

static bool walk_macro(struct walk *w, const struct node *n) {
    size_t mark = w->bound.n;
    for (const struct node *p = n->kids; p; p = p->next) {
        if (!walk_node(w, p->a)) {
            return false;
        }
    }
    bind_str(w, STR_LIT("caller"));
    bind_str(w, STR_LIT("varargs"));
    bind_str(w, STR_LIT("kwargs"));
    bool ok = walk_scope(w, NULL, n->kids, n->body);
    w->bound.n = mark;
    return ok;
}

/// Names bound by what is imported; what the other template reads is not known.
static bool walk_import(struct walk *w, const struct node *n) {
    w->exact = false;
    if (n->type == N_IMPORT) {
        bind_str(w, n->name);
    }
    for (const struct node *k = n->type == N_FROM ? n->kids : NULL; k; k = k->next) {
        bind_str(w, k->text);
    }
    return walk_node(w, n->a);
}

static bool walk_with(struct walk *w, const struct node *n) {
    for (const struct node *k = n->kids; k; k = k->next) {
        if (!walk_node(w, k->b)) {
            return false;
        }
    }
    return walk_scope(w, NULL, n->kids, n->body);
}

static bool walk_set(struct walk *w, const struct node *n) {
    bool ok = walk_node(w, n->b) && walk_scope(w, NULL, NULL, n->body);
    bind(w, n->a);
    return ok;
}

static bool walk_statement(struct walk *w, const struct node *n) {
    switch (n->type) {  // NOLINT(clang-diagnostic-switch-enum)
    case N_FOR:
        return walk_for(w, n);
    case N_SET:
    case N_SETBLOCK:
        return walk_set(w, n);
    case N_WITH:
        return walk_with(w, n);
    case N_MACRO:
        bind_str(w, n->name);
        return walk_macro(w, n);
    case N_CALLBLOCK:
        return walk_node(w, n->a) && walk_macro(w, n->b);
    case N_INCLUDE:
    case N_EXTENDS:
    case N_IMPORT:
    case N_FROM:
        return walk_import(w, n);
    default:
        return walk_node(w, n->a) && walk_node(w, n->b) && walk_node(w, n->c) && walk_list(w, n->kids) &&
               walk_list(w, n->body) && walk_list(w, n->other);
    }
}

static bool walk_node(struct walk *w, const struct node *n) {
    if (!n) {
        return true;
    }
    if (n->type == N_NAME) {
        read_name(w, n->name);
        return true;
    }
    if (n->type == N_CALL) {
        bool dynamic = n->a->type == N_NAME && is_lookup(n->a->name);
        if (dynamic) {
            w->exact = false;  // lookups may read any variable
        }
        return check_call(w, n) && walk_node(w, n->a) && walk_args(w, n->args);
    }
    return walk_statement(w, n) && walk_args(w, n->args);
}

static bool walk_text(struct walk *w, struct val s, bool bare) {
    struct arena *a = w->a ? w->a : &w->scratch;
    w->t = cache_get(w->cache, a, &(struct tmpl_key){val_text(s), s.mark, &jinja_opts_ansible, bare}, w->e);
    w->base = s.mark;
    if (!w->t) {
        return false;
    }
    w->bound.n = 0;
    return walk_list(w, w->t->body);
}

static bool walk_value(struct walk *w, struct val v) {
    if (!(v.flags & VAL_TMPL) || v.flags & VAL_SEALED) {
        return true;
    }
    if (v.kind == VAL_STR) {
        return walk_text(w, v, false);
    }
    if (v.kind == VAL_LIST || v.kind == VAL_TUPLE) {
        for (size_t i = 0; i < v.u.l->n; i++) {
            if (!walk_value(w, v.u.l->items[i])) {
                return false;
            }
        }
    } else if (v.kind == VAL_DICT) {
        size_t i = 0;
        for (struct vpair *p = val_each(v, &i); p; p = val_each(v, &i)) {
            if (!walk_value(w, p->value)) {
                return false;
            }
        }
    }
    return true;
}

bool jinja_check(struct jinja_cache *cache, struct val v, struct err *e) {
    struct walk w = {.cache = cache, .e = e};
    bool ok = walk_value(&w, v);
    arena_release(&w.scratch);
    return ok;
}

bool jinja_check_expr(struct jinja_cache *cache, struct str expr, struct mark at, struct err *e) {
    struct walk w = {.cache = cache, .e = e};
    struct val s = val_at(val_str(&w.scratch, expr), at);
    bool ok = walk_text(&w, s, true);
    arena_release(&w.scratch);
    return ok;
}

// NOLINTNEXTLINE(readability-function-size): declared in jinja.h
bool jinja_free_names(struct jinja_cache *cache, struct val v, bool is_expr, struct arena *a, struct val *names,
                      bool *exact, struct err *e) {
    struct walk w = {.cache = cache, .e = e, .a = a, .names = val_list(a, 4), .exact = true};
    bool ok = is_expr && v.kind == VAL_STR && str_find(val_text(v), 0, STR_LIT("{{")) == SIZE_MAX
                  ? walk_text(&w, v, true)
                  : walk_value(&w, v.kind == VAL_STR ? val_flag(v, VAL_TMPL) : v);
    *names = w.names;
    *exact = w.exact && !(is_expr && v.kind == VAL_STR && str_find(val_text(v), 0, STR_LIT("{{")) != SIZE_MAX);
    return ok;
}
