// The engine's own objects: loop, macros, cycler, joiner, template modules, bound methods and functions.
#include "ast.h"
#include "markup.h"

// -- bound methods and functions -------------------------------------------------------------------------------------

struct bound {
    struct vobj o;
    const struct method *m;
    struct val self;  // VAL_UNDEF without u.undef: a function
};

/// Functions that are classes in Python, which shows those by their names. Playbooks print `namespace` by mistake.
static const struct {
    const char *name, *path;
} classes[] = {{"cycler", "jinja2.utils.Cycler"},
               {"dict", "dict"},
               {"joiner", "jinja2.utils.Joiner"},
               {"namespace", "jinja2.utils.Namespace"},
               {"range", "range"}};

static void bound_str(struct val self, struct buf *out) {
    const struct bound *b = (const struct bound *)(const void *)self.u.o;
    if (b->self.kind == VAL_UNDEF) {
        for (size_t i = 0; i < COUNTOF(classes); i++) {
            if (strcmp(classes[i].name, b->m->name) == 0) {
                buf_printf(out, "<class '%s'>", classes[i].path);
                return;
            }
        }
        buf_printf(out, "<function %s>", b->m->name);
    } else {
        buf_printf(out, "<built-in method %s of %s object>", b->m->name, val_type_name(b->self));
    }
}

static const struct obj_type bound_type = {.name = "builtin_function_or_method", .str = bound_str};

struct val method_value(struct arena *a, const struct method *m, struct val self) {
    struct bound *b = ARENA_NEW(a, struct bound);
    b->o.type = &bound_type;
    b->m = m;
    b->self = self;
    return val_obj(&b->o);
}

bool is_function(struct val v) {
    return v.kind == VAL_OBJ && v.u.o->type == &bound_type &&
           ((const struct bound *)(const void *)v.u.o)->self.kind == VAL_UNDEF;
}

static bool bound_call(struct jcall *c, struct val fn, struct val *out, struct err *e) {
    const struct bound *b = (const struct bound *)(const void *)fn.u.o;
    c->name = b->m->name;
    c->params = b->m->params;
    if (b->self.kind == VAL_UNDEF) {
        return method_invoke(c, b->m, out, e);
    }
    struct val *args = ARENA_ARRAY(c->a, struct val, c->nargs + 1);
    args[0] = b->self;
    if (c->nargs) {
        memcpy(args + 1, c->args, sizeof *args * c->nargs);
    }
    c->args = args;
    c->nargs++;
    return method_invoke(c, b->m, out, e);
}

// -- loop ------------------------------------------------------------------------------------------------------------

struct loop {
    struct vobj o;
    struct rt r;  // what to run the body with
    const struct node *node;
    struct val items;
    size_t index;
    unsigned depth;
    bool has_last;
    struct val last;  // what changed() saw
};

static struct loop *as_loop(struct val v) {
    union {
        const struct vobj *o;
        struct loop *l;
    } u = {.o = v.u.o};
    return u.l;
}

bool is_loop(struct val v) {
    return v.kind == VAL_OBJ && strcmp(v.u.o->type->name, "LoopContext") == 0;
}

enum loop_attr loop_attr_named(struct str name) {
    static const char *const names[] = {
        [LOOP_INDEX] = "index",         [LOOP_INDEX0] = "index0",    [LOOP_REVINDEX] = "revindex",
        [LOOP_REVINDEX0] = "revindex0", [LOOP_LENGTH] = "length",    [LOOP_DEPTH] = "depth",
        [LOOP_DEPTH0] = "depth0",       [LOOP_FIRST] = "first",      [LOOP_LAST] = "last",
        [LOOP_PREVITEM] = "previtem",   [LOOP_NEXTITEM] = "nextitem"};
    for (size_t i = LOOP_INDEX; i < COUNTOF(names); i++) {
        if (str_eqz(name, names[i])) {
            return (enum loop_attr)i;
        }
    }
    return LOOP_NONE;
}

static bool loop_get(struct val self, struct str attr, struct arena *a, struct val *out) {
    enum loop_attr which = loop_attr_named(attr);
    return which && loop_attr_of(self, which, a, out);
}

static void loop_str(struct val self, struct buf *out) {
    const struct loop *l = as_loop(self);
    buf_printf(out, "<LoopContext %zu/%zu>", l->index + 1, l->items.u.l->n);
}

static const struct obj_type loop_type = {.name = "LoopContext", .get = loop_get, .str = loop_str};

bool loop_attr_of(struct val v, enum loop_attr attr, struct arena *a, struct val *out) {
    if (v.u.o->type != &loop_type) {
        return false;
    }
    const struct loop *l = as_loop(v);
    size_t n = l->items.u.l->n, i = l->index;
    switch (attr) {
    case LOOP_NONE:
        return false;
    case LOOP_INDEX:
    case LOOP_INDEX0:
        *out = val_int((int64_t)i + (attr == LOOP_INDEX));
        return true;
    case LOOP_REVINDEX:
    case LOOP_REVINDEX0:
        *out = val_int((int64_t)(n - i) - (attr == LOOP_REVINDEX0));
        return true;
    case LOOP_LENGTH:
        *out = val_int((int64_t)n);
        return true;
    case LOOP_DEPTH:
    case LOOP_DEPTH0:
        *out = val_int((int64_t)l->depth + (attr == LOOP_DEPTH));
        return true;
    case LOOP_FIRST:
    case LOOP_LAST:
        *out = val_bool(attr == LOOP_FIRST ? i == 0 : i + 1 >= n);
        return true;
    case LOOP_PREVITEM:
    case LOOP_NEXTITEM:
        break;
    }
    bool next = attr == LOOP_NEXTITEM, exists = next ? i + 1 < n : i > 0;
    if (exists) {
        *out = l->items.u.l->items[next ? i + 1 : i - 1];
    } else {
        *out = undef_hint(a, next ? STR_LIT("nextitem") : STR_LIT("previtem"),
                          next ? STR_LIT("there is no next item") : STR_LIT("there is no previous item"));
    }
    return true;
}

struct val loop_new(struct rt *r, const struct node *n, struct val items, unsigned depth) {
    struct loop *l = ARENA_NEW(r->a, struct loop);
    *l = (struct loop){.o.type = &loop_type, .r = *r, .node = n, .items = items, .depth = depth};
    return val_obj(&l->o);
}

void loop_advance(struct val loop, size_t index) {
    as_loop(loop)->index = index;
}

/// loop(children): runs the loop's body for another list and gives its text.
static bool loop_call(struct jcall *c, struct val fn, struct val *out, struct err *e) {
    struct loop *l = as_loop(fn);
    struct val list = {0};
    if (!l->node->flag) {
        return err_set(e, ERR_TYPE, c->at, "The loop must have the 'recursive' marker to be called recursively");
    }
    if (c->nargs != 1) {
        return err_set(e, ERR_ARGS, c->at, "loop() takes one argument, got %zu", c->nargs);
    }
    if (!jinja_iter(c, c->args[0], &list, e)) {
        return false;
    }
    struct sink s = {.b = BUF_IN(c->a)};
    struct rt r = l->r;
    r.e = e;
    r.out = &s;
    if (!exec_for_items(&r, l->node, list, l->depth + 1) || !sink_value(&r, &s, out)) {
        return false;
    }
    *out = markup_set(*out, escapes(&r, l->node));
    return true;
}

static bool loop_cycle(struct jcall *c, struct val *out, struct err *e) {
    const struct loop *l = as_loop(c->args[0]);
    if (c->nargs < 2) {
        return err_set(e, ERR_TYPE, c->at, "no items for cycling given");
    }
    *out = c->args[1 + l->index % (c->nargs - 1)];
    return true;
}

/// Comparing tuples goes up to the first items that differ: an undefined value that it meets may be an error.
static bool changed_undef(struct jcall *c, const struct loop *l, struct val now, struct err *e) {
    for (size_t i = 0; l->has_last && i < now.u.l->n && i < l->last.u.l->n; i++) {
        struct val a = l->last.u.l->items[i], b = now.u.l->items[i];
        if (a.kind == VAL_UNDEF || b.kind == VAL_UNDEF) {
            const struct val *bad = undef_strict(c->ctx, a) ? &a : undef_strict(c->ctx, b) ? &b : NULL;
            return !bad || undef_fail(c->ctx, *bad, c->at, e);
        }
        if (!val_equal(a, b)) {
            break;
        }
    }
    return true;
}

static bool loop_changed(struct jcall *c, struct val *out, struct err *e) {
    struct loop *l = as_loop(c->args[0]);
    struct val now = val_tuple(c->a, c->nargs);
    for (size_t i = 1; i < c->nargs; i++) {
        val_push(c->a, now, c->args[i]);
    }
    if (!changed_undef(c, l, now, e)) {
        return false;
    }
    *out = val_bool(!l->has_last || !val_equal(l->last, now));
    l->has_last = true;
    l->last = now;
    return true;
}

// -- cycler, joiner --------------------------------------------------------------------------------------------------

struct cycler {
    struct vobj o;
    struct val items;
    size_t pos;
};

static struct cycler *as_cycler(struct val v) {
    union {
        const struct vobj *o;
        struct cycler *c;
    } u = {.o = v.u.o};
    return u.c;
}

static bool cycler_get(struct val self, struct str attr, struct arena *a, struct val *out) {
    (void)a;
    const struct cycler *y = as_cycler(self);
    if (!str_eqz(attr, "current")) {
        return false;
    }
    *out = y->items.u.l->items[y->pos];
    return true;
}

static const struct obj_type cycler_type = {.name = "Cycler", .get = cycler_get};

static bool cycler_next(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    struct cycler *y = as_cycler(c->args[0]);
    *out = y->items.u.l->items[y->pos];
    y->pos = (y->pos + 1) % y->items.u.l->n;
    return true;
}

static bool cycler_reset(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    as_cycler(c->args[0])->pos = 0;
    *out = VNULL;
    return true;
}

struct joiner {
    struct vobj o;
    struct val sep;
    bool used;
};
static const struct obj_type joiner_type = {.name = "Joiner"};

static bool joiner_call(struct jcall *c, struct val fn, struct val *out, struct err *e) {
    (void)e;
    union {
        const struct vobj *o;
        struct joiner *j;
    } u = {.o = fn.u.o};
    *out = u.j->used ? u.j->sep : val_str(c->a, STR_LIT(""));
    u.j->used = true;
    return true;
}

// -- functions that make objects -------------------------------------------------------------------------------------

static bool make_cycler(struct jcall *c, struct val *out, struct err *e) {
    if (!c->nargs) {
        return err_set(e, ERR_TYPE, c->at, "at least one item has to be provided");
    }
    struct cycler *y = ARENA_NEW(c->a, struct cycler);
    y->o.type = &cycler_type;
    y->items = val_list(c->a, c->nargs);
    for (size_t i = 0; i < c->nargs; i++) {
        val_push(c->a, y->items, c->args[i]);
    }
    *out = val_obj(&y->o);
    return true;
}

static bool make_joiner(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    struct joiner *j = ARENA_NEW(c->a, struct joiner);
    j->o.type = &joiner_type;
    j->sep = arg_given(c, 0) ? c->args[0] : val_str(c->a, STR_LIT(", "));
    *out = val_obj(&j->o);
    return true;
}

const struct method object_makers[] = {
    {"namespace", "*, **", make_namespace, false},
    {"cycler", "*", make_cycler, false},
    {"joiner", "sep=', '", make_joiner, false},
    {NULL, NULL, NULL, false},
};

// -- macros ----------------------------------------------------------------------------------------------------------

struct macro {
    struct vobj o;
    const struct node *node;
    const struct unit *u;
    struct frame *f;
};

static bool mentions(const struct node *n, const char *name);

static bool mentions_list(const struct node *n, const char *name) {
    for (; n; n = n->next) {
        if (mentions(n, name)) {
            return true;
        }
    }
    return false;
}

/// Does a tree read the name? What stands in a block of it does not count.
static bool mentions(const struct node *n, const char *name) {
    if (!n || n->type == N_BLOCK) {
        return false;
    }
    if (n->type == N_NAME && str_eqz(n->name, name)) {
        return true;
    }
    const struct call_args *ca = n->args;
    return mentions(n->a, name) || mentions(n->b, name) || mentions(n->c, name) || mentions_list(n->kids, name) ||
           mentions_list(n->body, name) || mentions_list(n->other, name) ||
           (ca && (mentions_list(ca->pos, name) || mentions_list(ca->kw, name) || mentions(ca->star, name) ||
                   mentions(ca->starstar, name)));
}

static bool macro_get(struct val self, struct str attr, struct arena *a, struct val *out) {
    const struct macro *m = (const struct macro *)(const void *)self.u.o;
    if (str_eqz(attr, "name")) {
        *out = val_str(a, m->node->name);
    } else if (str_eqz(attr, "caller")) {
        *out = val_bool(m->node->flag);
    } else if (str_eqz(attr, "catch_kwargs") || str_eqz(attr, "catch_varargs")) {
        bool names = str_eqz(attr, "catch_kwargs");
        *out = val_bool(mentions_list(m->node->body, names ? "kwargs" : "varargs"));
    } else if (str_eqz(attr, "arguments")) {
        *out = val_tuple(a, 4);
        for (const struct node *p = m->node->kids; p; p = p->next) {
            val_push(a, *out, val_str(a, p->name));
        }
    } else {
        return false;
    }
    return true;
}

static void macro_str(struct val self, struct buf *out) {
    const struct macro *m = (const struct macro *)(const void *)self.u.o;
    if (m->node->flag2) {
        buf_z(out, "<Macro anonymous>");
    } else {
        buf_printf(out, "<Macro '%.*s'>", STR(m->node->name));
    }
}

static const struct obj_type macro_type = {.name = "Macro", .get = macro_get, .str = macro_str};

struct val macro_new(struct rt *r, const struct node *n) {
    struct macro *m = ARENA_NEW(r->a, struct macro);
    *m = (struct macro){.o.type = &macro_type, .node = n, .u = r->u, .f = r->f};
    for (struct frame *f = r->f; f; f = f->up) {
        f->captured = true;
    }
    return val_obj(&m->o);
}

/// What is left over for `varargs` and `kwargs`, or the complaint that nothing takes it.
struct leftovers {
    struct val varargs, kwargs, caller;
};

static bool macro_keyword(struct jcall *c, const struct macro *m, struct val *given, struct leftovers *rest) {
    size_t i = 0;
    for (struct vpair *p = c->kwargs.kind == VAL_DICT ? val_each(c->kwargs, &i) : NULL; p;
         p = val_each(c->kwargs, &i)) {
        size_t k = 0;
        const struct node *param = m->node->kids;
        while (param && !str_eq(param->name, val_text(p->key))) {
            param = param->next;
            k++;
        }
        if (param) {
            given[k] = p->value;
        } else if (str_eqz(val_text(p->key), "caller")) {
            rest->caller = p->value;
        } else {
            val_set_key(c->a, rest->kwargs, p->key, p->value);
        }
    }
    return true;
}

/// The value of an argument that was not given.
static bool is_absent(struct val v) {
    return v.kind == VAL_UNDEF && !v.u.undef;
}

static bool macro_leftovers(struct jcall *c, const struct macro *m, struct leftovers *rest, struct err *e) {
    if (rest->varargs.u.l->n && !mentions_list(m->node->body, "varargs")) {
        return err_set(e, ERR_ARGS, c->at, "macro '%.*s' takes not more than %zu argument(s)", STR(m->node->name),
                       c->nargs - rest->varargs.u.l->n);
    }
    if (val_len(rest->kwargs) && !mentions_list(m->node->body, "kwargs")) {
        size_t i = 0;
        struct str key = val_text(val_each(rest->kwargs, &i)->key);
        return err_set(e, ERR_ARGS, c->at, "macro '%.*s' takes no keyword argument '%.*s'", STR(m->node->name),
                       STR(key));
    }
    bool called = !is_absent(rest->caller);
    if (called && !m->node->flag && mentions_list(m->node->body, "kwargs")) {
        val_set(c->a, rest->kwargs, "caller", rest->caller);
    } else if (called && !m->node->flag) {
        return err_set(e, ERR_ARGS, c->at, "macro '%.*s' was invoked with a call block but does not use caller()",
                       STR(m->node->name));
    }
    return true;
}

/// The value of a parameter that was not given.
static bool param_default(struct rt *r, const struct node *p, struct val *v) {
    if (p->a) {
        return expr_eval(r, p->a, v);
    }
    *v = undef_hint(r->a, p->name, str_printf(r->a, "parameter '%.*s' was not provided", STR(p->name)));
    return true;
}

static bool macro_params(struct rt *r, const struct macro *m, const struct val *given) {
    size_t i = 0;
    for (const struct node *p = m->node->kids; p; p = p->next, i++) {
        struct val v = given[i];
        if (v.kind == VAL_UNDEF && !v.u.undef && !param_default(r, p, &v)) {
            return false;
        }
        locals_set(r->a, r->f, p->name, v);
    }
    return true;
}

static bool macro_call(struct jcall *c, struct val fn, struct val *out, struct err *e) {
    const struct macro *m = (const struct macro *)(const void *)fn.u.o;
    size_t n = 0, i = 0;
    for (const struct node *p = m->node->kids; p; p = p->next) {
        n++;
    }
    struct val *given = ARENA_ARRAY(c->a, struct val, n + 1);
    struct leftovers rest = {.varargs = val_tuple(c->a, 2), .kwargs = val_dict(c->a, 2)};
    for (; i < c->nargs; i++) {
        if (i < n) {
            given[i] = c->args[i];
        } else {
            val_push(c->a, rest.varargs, c->args[i]);
        }
    }
    if (!macro_keyword(c, m, given, &rest) || !macro_leftovers(c, m, &rest, e)) {
        return false;
    }
    struct rt r = {.c = c->ctx, .a = c->a, .e = e, .u = m->u, .f = locals_new(c->a, m->f)};
    if (m->node->flag && !str_eqz(m->node->name, "caller")) {
        struct val none = undef_hint(c->a, STR_LIT("caller"), STR_LIT("No caller defined"));
        locals_set(c->a, r.f, STR_LIT("caller"),
                   is_absent(rest.caller) || rest.caller.kind == VAL_NULL ? none : rest.caller);
    }
    if (!macro_params(&r, m, given)) {
        return false;
    }
    locals_set(c->a, r.f, STR_LIT("varargs"), rest.varargs);
    locals_set(c->a, r.f, STR_LIT("kwargs"), rest.kwargs);
    return exec_capture(&r, m->node->body, c->ctx->state.autoescape, out);
}

// -- super and modules -----------------------------------------------------------------------------------------------

struct super {
    struct vobj o;
    struct rt r;
    struct block_link *link;
    struct str name;
    bool exact;  // self.name(): the block itself, not its parent
};
static bool super_get(struct val self, struct str attr, struct arena *a, struct val *out);
static const struct obj_type super_type = {.name = "BlockReference", .get = super_get};

static struct val no_parent(struct arena *a, struct str block) {
    return undef_hint(a, STR_LIT("super"), str_printf(a, "there is no parent block called '%.*s'.", STR(block)));
}

struct val super_new(struct rt *r, struct block_link *l) {
    if (!l->up) {
        return no_parent(r->a, l->node->name);
    }
    struct super *s = ARENA_NEW(r->a, struct super);
    *s = (struct super){.o.type = &super_type, .r = *r, .link = l, .name = l->node->name};
    return val_obj(&s->o);
}

/// super.super: the parent of the parent.
static bool super_get(struct val self, struct str attr, struct arena *a, struct val *out) {
    const struct super *s = (const struct super *)(const void *)self.u.o;
    struct block_link *up = s->exact ? s->link : s->link->up;
    if (!str_eqz(attr, "super")) {
        return false;
    }
    if (!up || !up->up) {
        *out = no_parent(a, s->name);
        return true;
    }
    struct super *parent = ARENA_NEW(a, struct super);
    *parent = (struct super){.o.type = &super_type, .r = s->r, .link = up, .name = s->name};
    *out = val_obj(&parent->o);
    return true;
}

static bool super_call(struct jcall *c, struct val fn, struct val *out, struct err *e) {
    const struct super *s = (const struct super *)(const void *)fn.u.o;
    struct block_link *up = s->link;
    if (!s->exact) {
        up = up->up;
    }
    if (!up) {
        return err_set(e, ERR_UNDEFINED, c->at, "there is no parent block called '%.*s'", STR(s->name));
    }
    struct rt r = s->r;
    r.e = e;
    r.u = up->unit;
    r.block = up;
    r.f = locals_new(c->a, r.seen ? r.seen : up->unit->top);
    r.f->root = true;
    return exec_capture(&r, up->node->body, c->ctx->state.autoescape, out);
}

struct selfref {
    struct vobj o;
    struct rt r;
};

static bool self_get(struct val self, struct str attr, struct arena *a, struct val *out) {
    const struct selfref *s = (const struct selfref *)(const void *)self.u.o;
    struct block_link *l = block_find(s->r.u->blocks, attr);
    if (!l) {
        return false;
    }
    struct super *p = ARENA_NEW(a, struct super);
    *p = (struct super){.o.type = &super_type, .r = s->r, .link = l, .name = attr, .exact = true};
    *out = val_obj(&p->o);
    return true;
}

static void self_str(struct val self, struct buf *out) {
    (void)self;
    buf_z(out, "<TemplateReference None>");
}

static const struct obj_type self_type = {.name = "TemplateReference", .get = self_get, .str = self_str};

struct val self_new(struct rt *r) {
    struct selfref *s = ARENA_NEW(r->a, struct selfref);
    *s = (struct selfref){.o.type = &self_type, .r = *r};
    return val_obj(&s->o);
}

struct module {
    struct vobj o;
    struct frame *vars;
    struct val text;
};

static bool module_get(struct val self, struct str attr, struct arena *a, struct val *out) {
    (void)a;
    const struct module *m = (const struct module *)(const void *)self.u.o;
    for (size_t i = 0; i < m->vars->n; i++) {
        if (str_eq(m->vars->vars[i].name, attr) && attr.n && attr.s[0] != '_') {
            *out = m->vars->vars[i].v;
            return true;
        }
    }
    return false;
}

static void module_str(struct val self, struct buf *out) {
    val_to_str(out, ((const struct module *)(const void *)self.u.o)->text);
}

static const struct obj_type module_type = {.name = "TemplateModule", .get = module_get, .str = module_str};

struct val module_new(struct rt *r, struct frame *vars, struct val text) {
    struct module *m = ARENA_NEW(r->a, struct module);
    *m = (struct module){.o.type = &module_type, .vars = vars, .text = text};
    return val_obj(&m->o);
}

// -- dispatch --------------------------------------------------------------------------------------------------------

bool obj_call(struct jcall *c, struct val fn, bool *known, struct val *out, struct err *e) {
    static const struct {
        const struct obj_type *type;
        bool (*call)(struct jcall *c, struct val fn, struct val *out, struct err *e);
    } calls[] = {
        {&bound_type, bound_call},   {&macro_type, macro_call}, {&loop_type, loop_call},
        {&joiner_type, joiner_call}, {&super_type, super_call},
    };
    for (size_t i = 0; i < COUNTOF(calls); i++) {
        if (fn.u.o->type == calls[i].type) {
            *known = true;
            return calls[i].call(c, fn, out, e);
        }
    }
    *known = false;
    return false;
}

// -- methods of objects ----------------------------------------------------------------------------------------------

static bool mapping_keys(struct jcall *c, struct val *out, struct err *e) {
    return c->args[0].u.o->type->iter(c->args[0], c->a, out, e);
}

/// What a mapping object holds for a key, templated when it is raw.
static bool mapping_item(struct jcall *c, struct val key, struct val *out, struct err *e) {
    return jinja_getitem(c->ctx, c->args[0], key, c->at, out, e);
}

static bool mapping_list(struct jcall *c, bool pairs, struct val *out, struct err *e) {
    struct val keys = {0};
    if (!mapping_keys(c, &keys, e)) {
        return false;
    }
    *out = val_list(c->a, keys.u.l->n);
    for (size_t i = 0; i < keys.u.l->n; i++) {
        struct val v, key = keys.u.l->items[i];
        if (!mapping_item(c, key, &v, e)) {
            return false;
        }
        if (pairs) {
            struct val pair = val_tuple(c->a, 2);
            val_push(c->a, pair, key);
            val_push(c->a, pair, v);
            v = pair;
        }
        val_push(c->a, *out, v);
    }
    return true;
}

static bool mapping_items(struct jcall *c, struct val *out, struct err *e) {
    return mapping_list(c, true, out, e);
}

static bool mapping_values(struct jcall *c, struct val *out, struct err *e) {
    return mapping_list(c, false, out, e);
}

static bool mapping_get(struct jcall *c, struct val *out, struct err *e) {
    struct val got = {0};
    if (c->args[1].kind == VAL_STR && c->args[0].u.o->type->get(c->args[0], val_text(c->args[1]), c->a, &got)) {
        return mapping_item(c, c->args[1], out, e);
    }
    *out = arg_given(c, 2) ? c->args[2] : VNULL;
    return true;
}

const struct method *obj_method(struct val self, struct str name) {
    static const struct method loop_methods[] = {{"changed", "self, *", loop_changed, false},
                                                 {"cycle", "self, *", loop_cycle, false}};
    static const struct method cycler_methods[] = {{"next", "self", cycler_next, false},
                                                   {"reset", "self", cycler_reset, false}};
    static const struct method mapping[] = {{"get", "self, key, default=None", mapping_get, false},
                                            {"items", "self", mapping_items, false},
                                            {"keys", "self", mapping_keys, false},
                                            {"values", "self", mapping_values, false}};
    const struct obj_type *t = self.u.o->type;
    if (t == &loop_type) {
        return method_in(loop_methods, COUNTOF(loop_methods), name);
    }
    if (t == &cycler_type) {
        return method_in(cycler_methods, COUNTOF(cycler_methods), name);
    }
    const struct method *m = date_method(self, name);
    return m || !t->get || !t->iter ? m : method_in(mapping, COUNTOF(mapping), name);
}
