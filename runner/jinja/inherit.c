// Templates that use others: include, import, from, extends and blocks.
#include "ast.h"

struct block_link *block_find(const struct block_set *s, struct str name) {
    for (size_t i = 0; i < s->n; i++) {
        if (str_eq(s->p[i]->node->name, name)) {
            return s->p[i];
        }
    }
    return NULL;
}

static void add_block(struct arena *a, struct block_set *s, struct block_link *l) {
    struct block_link *child = block_find(s, l->node->name);
    if (!child) {
        VEC_PUSH(a, *s, l);  // NOLINT(bugprone-sizeof-expression): an array of pointers
        return;
    }
    while (child->up) {
        child = child->up;
    }
    child->up = l;
}

/// Adds a template's blocks behind those of its children.
static void add_blocks(struct rt *r) {
    for (size_t i = 0; i < r->u->t->nblocks; i++) {
        struct block_link *l = ARENA_NEW(r->a, struct block_link);
        l->node = r->u->t->blocks[i];
        l->unit = r->u;
        add_block(r->a, r->u->blocks, l);
    }
}

bool run_unit(struct rt *r) {
    add_blocks(r);
    r->parent = NULL;
    r->mute = false;
    bool ok = exec_list(r, r->u->t->body) != FLOW_ERROR;
    if (!ok || !r->parent) {
        return ok;
    }
    if (!nest_enter(r->c, r->e)) {
        return false;
    }
    struct rt up = *r;
    up.u = r->parent;
    ok = run_unit(&up);
    NEST_LEAVE(r->c);
    return ok;
}

bool run_template(struct jinja_ctx *c, const struct tmpl *t, struct mark base, struct sink *s, struct err *e) {
    struct unit *u = ARENA_NEW(c->a, struct unit);
    *u = (struct unit){.t = t,
                       .base = base,
                       .top = locals_new(c->a, NULL),
                       .copies = locals_new(c->a, NULL),
                       .blocks = ARENA_NEW(c->a, struct block_set)};
    struct rt r = {.c = c, .a = c->a, .e = e, .u = u, .f = u->top, .out = s};
    c->state.autoescape = t->o.autoescape;
    return run_unit(&r);
}

// -- loading ---------------------------------------------------------------------------------------------------------

struct loaded {
    const struct tmpl *t;
    struct mark base;
};

static bool read_source(struct rt *r, struct str name, struct source_file *f) {
    struct jinja_ctx *c = r->c;
    if (c->templates) {
        const struct str *found = map_get(c->templates, name);
        f->path = name;
        f->text = found ? *found : STR_NONE;
        return found ? true : err_set(r->e, ERR_NOT_FOUND, NO_MARK, "template '%.*s' not found", STR(name));
    }
    if (!c->host || !c->host->find || !c->host->read) {
        return err_set(r->e, ERR_NOT_FOUND, NO_MARK, "template '%.*s' not found: no templates can be loaded here",
                       STR(name));
    }
    bool found = false;
    if (c->beside.n && !str_starts(name, "/") && !str_starts(name, "~")) {
        struct str near = str_printf(r->a, "%.*s/%.*s", STR(c->beside), STR(name));
        found = c->host->find(c->host->self, "templates", near, r->a, &f->path, r->e);
        if (!found) {
            err_clear(r->e);
        }
    }
    return (found || c->host->find(c->host->self, "templates", name, r->a, &f->path, r->e)) &&
           c->host->read(c->host->self, f->path, r->a, &f->text, &f->secret, r->e);
}

static bool load_name(struct rt *r, struct val v, struct loaded *l) {
    struct source_file f = {0};
    if (v.kind != VAL_STR) {
        return err_set(r->e, ERR_TYPE, NO_MARK, "a template name must be a string, not %s", val_type_name(v));
    }
    if (!read_source(r, val_text(v), &f)) {
        return false;
    }
    if (f.secret && r->out) {
        r->out->secret = true;
    }
    struct jinja_opts o = r->u->t->o;
    o.raw_backslashes = false;
    l->t = cache_file(r->c, &f, &o, r->e);
    l->base = f.base;
    return l->t != NULL;
}

/// Loads the template an expression names; a list gives the first that exists.
static bool load(struct rt *r, const struct node *n, struct loaded *l) {
    struct val v = {0};
    if (!expr_eval(r, n, &v)) {
        return false;
    }
    if (v.kind == VAL_UNDEF) {
        (void)undef_fail(r->c, v, rt_mark(r, n), r->e);
        return false;
    }
    if (v.kind != VAL_LIST && v.kind != VAL_TUPLE) {
        return load_name(r, v, l);
    }
    for (size_t i = 0; i < v.u.l->n; i++) {
        if (load_name(r, v.u.l->items[i], l)) {
            return true;
        }
        if (r->e->code != ERR_NOT_FOUND) {
            return false;
        }
        err_clear(r->e);
    }
    return err_set(r->e, ERR_NOT_FOUND, NO_MARK, "none of the templates given were found");
}

static struct unit *unit_new(struct rt *r, const struct loaded *l, bool context) {
    struct unit *u = ARENA_NEW(r->a, struct unit);
    struct frame *top = locals_new(r->a, context ? r->f : NULL);
    top->root = true;
    *u = (struct unit){.t = l->t,
                       .base = l->base,
                       .no_scope = !context || r->u->no_scope,
                       .top = top,
                       .copies = context ? r->u->copies : locals_new(r->a, NULL),
                       .mutates = context,
                       .blocks = ARENA_NEW(r->a, struct block_set)};
    return u;
}

/// Adds to an error of another template where that was asked for. Always false.
static bool from_here(struct rt *r, const struct node *n) {
    bool other = r->e->at.at && (r->e->code == ERR_SYNTAX || r->e->code == ERR_UNDEFINED || r->e->code == ERR_TYPE);
    const char *how = n->type == N_INCLUDE ? "included" : "imported";
    return other ? err_wrap(r->e, rt_mark(r, n), "in the template %s here", how) : false;
}

// -- statements ------------------------------------------------------------------------------------------------------

enum flow exec_extends(struct rt *r, const struct node *n) {
    struct loaded l = {0};
    if (r->parent) {
        FAIL(r, n, ERR_SYNTAX, "extended multiple times");
        return FLOW_ERROR;
    }
    if (!load(r, n->a, &l)) {
        return FLOW_ERROR;
    }
    struct unit *u = unit_new(r, &l, true);
    u->no_scope = r->u->no_scope;
    u->top = r->u->top;  // a child's variables are its parents' too
    u->copies = r->u->copies;
    u->blocks = r->u->blocks;
    r->parent = u;
    r->mute = true;  // the child's own text counts for nothing from here
    return FLOW_NEXT;
}

enum flow exec_block(struct rt *r, const struct node *n) {
    struct block_link *l = block_find(r->u->blocks, n->name);
    if (r->parent && !n->op) {
        return FLOW_NEXT;
    }
    if (!l) {
        BUG("block without definition");
    }
    if (l->node->flag2) {
        FAIL(r, n, ERR_SYNTAX, "Required block '%.*s' not found", STR(n->name));
        return FLOW_ERROR;
    }
    struct rt b = *r;
    b.mute = false;
    b.parent = NULL;
    b.u = l->unit;
    b.block = l;
    b.seen = n->flag ? r->f : r->seen ? r->seen : r->u->top;
    b.f = locals_new(r->a, b.seen);
    b.f->root = true;
    return exec_list(&b, l->node->body) == FLOW_ERROR ? FLOW_ERROR : FLOW_NEXT;
}

enum flow exec_include(struct rt *r, const struct node *n) {
    struct loaded l = {0};
    if (!load(r, n->a, &l)) {
        if (n->flag && r->e->code == ERR_NOT_FOUND) {
            err_clear(r->e);
            return FLOW_NEXT;
        }
        return from_here(r, n) ? FLOW_NEXT : FLOW_ERROR;
    }
    struct unit *u = unit_new(r, &l, n->flag2);
    struct rt sub = {.c = r->c, .a = r->a, .e = r->e, .u = u, .f = u->top, .out = r->out};
    if (!nest_enter(r->c, r->e)) {
        return FLOW_ERROR;
    }
    bool escape = r->c->state.autoescape;
    r->c->state.autoescape = l.t->o.autoescape;
    bool ok = run_unit(&sub);
    r->c->state.autoescape = escape;
    NEST_LEAVE(r->c);
    return ok || from_here(r, n) ? FLOW_NEXT : FLOW_ERROR;
}

static bool load_module(struct rt *r, const struct node *n, struct unit **u, struct val *text) {
    struct loaded l = {0};
    struct sink s = {.b = BUF_IN(r->a)};
    if (!load(r, n->a, &l)) {
        return from_here(r, n);
    }
    if (!l.t) {
        BUG("loaded, and there is no template");
    }
    *u = unit_new(r, &l, n->flag2);
    struct rt sub = {.c = r->c, .a = r->a, .e = r->e, .u = *u, .f = (*u)->top, .out = &s};
    if (!nest_enter(r->c, r->e)) {
        return false;
    }
    bool escape = r->c->state.autoescape;
    r->c->state.autoescape = l.t->o.autoescape;
    bool ok = run_unit(&sub) && sink_value(&sub, &s, text);
    r->c->state.autoescape = escape;
    NEST_LEAVE(r->c);
    return ok || from_here(r, n);
}

enum flow exec_import(struct rt *r, const struct node *n) {
    struct unit *u;
    struct val text = {0};
    if (!load_module(r, n, &u, &text)) {
        return FLOW_ERROR;
    }
    locals_set(r->a, r->f, n->name, module_new(r, u->top, text));
    return FLOW_NEXT;
}

enum flow exec_from(struct rt *r, const struct node *n) {
    struct unit *u;
    struct val text = {0};
    if (!load_module(r, n, &u, &text)) {
        return FLOW_ERROR;
    }
    struct frame own = *u->top;
    own.up = NULL;
    for (const struct node *k = n->kids; k; k = k->next) {
        struct var *v = locals_find(&own, k->name);
        struct str hint =
            str_printf(r->a, "the imported template does not export the requested name '%.*s'", STR(k->name));
        locals_set(r->a, r->f, k->text, v ? v->v : undef_hint(r->a, k->name, hint));
    }
    return FLOW_NEXT;
}
