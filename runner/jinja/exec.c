// Statements and output: runs a template's body.
#include "ast.h"
#include "markup.h"

// -- variables -------------------------------------------------------------------------------------------------------

struct frame *locals_new(struct arena *a, struct frame *up) {
    struct frame *f = ARENA_NEW(a, struct frame);
    f->up = up;
    return f;
}

static struct var *frame_own(struct frame *f, struct str name, uint32_t hash) {
    for (size_t i = 0; i < f->n; i++) {
        if (f->vars[i].hash == hash && str_eq(f->vars[i].name, name)) {
            return &f->vars[i];
        }
    }
    return NULL;
}

struct var *locals_hashed(struct frame *f, struct str name, uint32_t hash) {
    for (; f; f = f->up) {
        struct var *v = f->n ? frame_own(f, name, hash) : NULL;
        if (v) {
            return v;
        }
    }
    return NULL;
}

struct var *locals_within(struct frame *f, struct str name, uint32_t hash) {
    bool last = false;
    for (; f && !last; f = f->up) {
        struct var *v = f->n ? frame_own(f, name, hash) : NULL;
        if (v) {
            return v;
        }
        last = f->root;
    }
    return NULL;
}

struct var *locals_find(struct frame *f, struct str name) {
    return locals_hashed(f, name, str_hash(name));
}

void locals_set(struct arena *a, struct frame *f, struct str name, struct val v) {
    locals_put(a, f, name, str_hash(name), v);
}

void locals_put(struct arena *a, struct frame *f, struct str name, uint32_t hash, struct val v) {
    struct var *old = frame_own(f, name, hash);
    if (old) {
        old->v = v;
        return;
    }
    if (f->n == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 4;
        f->vars = arena_grow(a, f->vars, f->cap * sizeof *f->vars, cap * sizeof *f->vars);
        f->cap = cap;
    }
    f->vars[f->n++] = (struct var){name, hash, v};
}

bool exec_assign(struct rt *r, const struct node *target, struct val v) {
    if (target->type == N_NAME) {
        locals_put(r->a, r->f, target->name, target->hash, v);
        return true;
    }
    if (target->type == N_NSREF) {
        struct val ns = {0};
        struct var *found = locals_find(r->f, target->name);
        if (found) {
            ns = found->v;
        }
        return is_namespace(ns) ? namespace_set(r->a, ns, target->text, v, r->e)
                                : FAIL(r, target, ERR_TYPE, "cannot assign attribute on non-namespace object");
    }
    struct jcall c = {.ctx = r->c, .a = r->a, .name = "unpack"};
    struct val list = {0};
    if (!jinja_iter(&c, v, &list, r->e)) {
        if (r->e->code == ERR_TYPE) {
            err_clear(r->e);
            FAIL(r, target, ERR_TYPE, "cannot unpack non-iterable %s object", val_type_name(v));
        }
        return false;
    }
    size_t want = 0, i = 0;
    for (const struct node *k = target->kids; k; k = k->next) {
        want++;
    }
    if (list.u.l->n != want) {
        return list.u.l->n > want ? FAIL(r, target, ERR_TYPE, "too many values to unpack (expected %zu)", want)
                                  : FAIL(r, target, ERR_TYPE, "not enough values to unpack (expected %zu, got %zu)",
                                         want, (size_t)list.u.l->n);
    }
    for (const struct node *k = target->kids; k; k = k->next) {
        if (!exec_assign(r, k, list.u.l->items[i++])) {
            return false;
        }
    }
    return true;
}

// -- output ----------------------------------------------------------------------------------------------------------

static void sink_flush(struct rt *r) {
    struct sink *s = r->out;
    if (!s->b.max) {
        s->b.max = cap_of(r->c, OUTPUT_CAP);
    }
    if (s->n == 1 && !(r->c->v219 && s->first.kind == VAL_NULL)) {
        val_to_str(&s->b, s->first);
    }
    s->n = 2;
}

static bool sink_full(struct rt *r) {
    return r->out->b.full ? err_set(r->e, ERR_LIMIT, NO_MARK, "template output grows beyond %zu bytes", r->out->b.max)
                          : true;
}

bool put_text(struct rt *r, struct str s) {
    if (!r->out || !s.n) {
        return true;
    }
    sink_flush(r);
    buf_str(&r->out->b, s);
    return sink_full(r);
}

bool put_value(struct rt *r, struct val v, bool escape) {
    v = undef_shown(r->c, v);
    if (escape && !is_markup(v) && v.kind != VAL_UNDEF) {
        v = markup_of(r->a, v);
    }
    if (v.kind == VAL_STR && r->out && r->out->n > 1) {
        r->out->secret = r->out->secret || (v.flags & VAL_SECRET);
        tell_secret(r->c, v);
        buf_str(&r->out->b, val_text(v));
        return sink_full(r);
    }
    const struct val *bad = r->c->opts->ansible ? undef_inside(&v) : &v;
    if (bad && (undef_strict(r->c, *bad))) {
        return undef_fail(r->c, *bad, NO_MARK, r->e);
    }
    if (v.kind == VAL_UNDEF || (v.kind == VAL_NULL && r->u->t->o.ansible && r->c->state.mode != CONCAT_NATIVE)) {
        v = (struct val){.kind = VAL_STR, .u.s = val_str(r->a, STR_LIT("")).u.s};
    }
    if (!r->out) {
        return true;
    }
    struct val plain;
    if (v.kind == VAL_OBJ && v.u.o->type->json && v.u.o->type->json(v, r->a, &plain) &&
        val_any_flag(plain, VAL_SEALED)) {
        if (!unseal_all(r->c, plain, &v, r->e)) {
            return false;
        }
    }
    r->out->secret = r->out->secret || val_any_flag(v, VAL_SECRET);
    tell_secret(r->c, v);
    bool changes = (v.kind == VAL_LIST || v.kind == VAL_DICT) && (r->u->t->mutates || r->u->mutates);
    if (r->out->n == 0 && !(changes && r->c->state.mode == CONCAT_TEXT)) {
        r->out->n = 1;
        r->out->first = v;
        return true;
    }
    sink_flush(r);
    if (r->c->v219 && v.kind == VAL_NULL) {
        return true;
    }
    val_to_str(&r->out->b, v);
    return sink_full(r);
}

/// What jinja2_native makes of the parts of a template; false: it stays text.
static bool native_value(struct rt *r, const struct sink *s, struct str text, struct val *out) {
    if (s->n == 1 && s->first.kind != VAL_STR && s->first.kind != VAL_OBJ) {
        *out = s->first;
        return true;
    }
    return !r->c->v219 && literal_native(r->a, text, out);  // from 2.19 on, text is never read as a literal
}

/// The variables of a host, as a template that is only them gives a dictionary. What could not be templated in it stays
/// the text that it is.
static bool plain_object(struct rt *r, struct val v, struct val *out) {
    if (v.kind != VAL_OBJ || !v.u.o->type->json || !v.u.o->type->json(v, r->a, out) || out->kind != VAL_DICT ||
        !literal_safe(*out)) {
        return false;
    }
    *out = val_reflag(r->a, *out, VAL_TRUSTED, 0);
    return true;
}

bool sink_value(struct rt *r, struct sink *s, struct val *out) {
    struct str text;
    bool secret = s->secret;
    if (s->n == 0) {
        *out = r->c->state.mode == CONCAT_NATIVE ? VNULL : val_str(r->a, STR_LIT(""));
        return true;
    }
    if (s->n == 1) {
        if (s->first.kind == VAL_STR && (r->c->state.mode == CONCAT_TEXT || (s->first.flags & VAL_SAFE_JSON))) {
            *out = s->first;
            return true;
        }
        bool native = s->first.kind == VAL_LIST || s->first.kind == VAL_DICT || s->first.kind == VAL_BOOL;
        if (s->first.kind == VAL_OMIT || (native && r->c->state.mode == CONCAT_EVAL && literal_safe(s->first))) {
            *out = s->first;
            return true;
        }
        if (r->c->state.mode != CONCAT_TEXT && plain_object(r, s->first, out)) {
            return true;
        }
        text = s->first.kind == VAL_STR ? val_text(s->first) : val_str_of(r->a, s->first);
    } else {
        text = buf_view(&s->b);
    }
    if ((r->c->state.mode == CONCAT_EVAL && literal_eval(r->a, text, out)) ||
        (r->c->state.mode == CONCAT_NATIVE && native_value(r, s, text, out))) {
        *out = secret ? val_reflag(r->a, *out, 0, VAL_SECRET) : *out;
        return true;
    }
    bool same = s->n == 1 && s->first.kind == VAL_STR;
    *out = val_flag(same ? s->first : val_str(r->a, text), secret ? VAL_SECRET : 0);
    return true;
}

static enum flow capture(struct rt *r, const struct node *body, bool html, struct val *out) {
    struct sink s = {.b = BUF_IN(r->a)}, *old = r->out;
    r->out = &s;
    enum flow flow = exec_list(r, body);
    r->out = old;
    if (flow == FLOW_NEXT) {
        flow = sink_value(r, &s, out) ? flow : FLOW_ERROR;
        *out = markup_set(*out, html);
    }
    return flow;
}

bool exec_capture(struct rt *r, const struct node *body, bool html, struct val *out) {
    return capture(r, body, html, out) != FLOW_ERROR;
}

// -- loops -----------------------------------------------------------------------------------------------------------

static struct frame *fresh(struct rt *r, struct frame *f, struct frame *up) {
    if (f && !f->captured) {
        f->n = 0;
        return f;
    }
    return locals_new(r->a, up);
}

/// Keeps the items whose condition holds.
static bool filter_items(struct rt *r, const struct node *n, struct val items, struct val *out) {
    struct frame *up = r->f, *f = NULL;
    *out = val_list(r->a, items.u.l->n);
    for (size_t i = 0; i < items.u.l->n; i++) {
        bool keep = false;
        r->f = f = fresh(r, f, up);
        bool ok = exec_assign(r, n->a, items.u.l->items[i]) && eval_truth(r, n->c, &keep);
        r->f = up;
        if (!ok) {
            return false;
        }
        if (keep) {
            val_push(r->a, *out, items.u.l->items[i]);
        }
    }
    return true;
}

#define ROUNDS_CAP 50000000           // of all loops together: some seconds
#define MEMORY_CAP ((size_t)1 << 30)  // that the rounds of a loop use; it is freed with the task

/// `used`: of the arena, before the loop.
static bool round_allowed(struct rt *r, const struct node *n, size_t used) {
    struct jinja_state *s = &r->c->state;
    if (++s->rounds > ROUNDS_CAP || (r->c->step_cap && ++s->steps > r->c->step_cap)) {
        return FAIL(r, n, ERR_LIMIT, "loops of more than %zu rounds", s->rounds - 1);
    }
    return r->a->used - used <= MEMORY_CAP ||
           FAIL(r, n, ERR_LIMIT, "a loop that takes more than %zu MiB of memory", MEMORY_CAP >> 20);
}

/// What a loop goes through; `dict` is the dictionary that a template may change meanwhile, or undefined.
struct loop_over {
    struct val items, dict;
    struct val from;  // a generator, which may fail at its end
};

/// Runs the body for each item. `lazy`: the condition is asked as the loop goes, as a generator would.
static enum flow run_items(struct rt *r, const struct node *n, const struct loop_over *over, struct val loop,
                           size_t *done) {
    struct frame *up = r->f, *f = NULL;
    enum flow flow = FLOW_NEXT;
    bool lazy = n->c && loop.kind != VAL_OBJ;
    uint32_t loop_hash = str_hash(STR_LIT("loop"));
    size_t used = r->a->used, entries = over->dict.kind == VAL_DICT ? val_len(over->dict) : 0;
    struct val items = over->items;
    for (size_t i = 0; i < items.u.l->n && flow == FLOW_NEXT; i++) {
        bool keep = true;
        if (!round_allowed(r, n, used)) {
            flow = FLOW_ERROR;
            break;
        }
        r->f = f = fresh(r, f, up);
        if (loop.kind == VAL_OBJ) {
            loop_advance(loop, i);
            locals_put(r->a, f, STR_LIT("loop"), loop_hash, loop);
        }
        if (!exec_assign(r, n->a, items.u.l->items[i]) || (lazy && !eval_truth(r, n->c, &keep))) {
            flow = FLOW_ERROR;
        } else if (keep) {
            flow = exec_list(r, n->body);
            *done += flow == FLOW_NEXT;  // rounds that `break` or `continue` left do not keep `else` away
            flow = flow == FLOW_CONTINUE ? FLOW_NEXT : flow;
        }
        if (flow == FLOW_NEXT && over->dict.kind == VAL_DICT && val_len(over->dict) != entries) {
            FAIL(r, n, ERR_TYPE, "dictionary changed size during iteration");
            flow = FLOW_ERROR;
        }
    }
    r->f = up;
    return flow == FLOW_NEXT && !generator_end(over->from, r->e) ? FLOW_ERROR : flow;
}

static enum flow for_items(struct rt *r, const struct node *n, struct loop_over *over, unsigned depth) {
    struct val loop = {0};
    size_t done = 0;
    if (n->flag2) {
        if (n->c && !filter_items(r, n, over->items, &over->items)) {
            return FLOW_ERROR;
        }
        loop = loop_new(r, n, over->items, depth);
    }
    enum flow flow = run_items(r, n, over, loop, &done);
    if (flow == FLOW_BREAK) {
        flow = FLOW_NEXT;
    }
    if (flow == FLOW_NEXT && !done && n->other) {
        struct frame *up = r->f;
        r->f = locals_new(r->a, up);
        flow = exec_list(r, n->other);
        r->f = up;
    }
    return flow;
}

bool exec_for_items(struct rt *r, const struct node *n, struct val items, unsigned depth) {
    struct loop_over over = {.items = items};
    return for_items(r, n, &over, depth) != FLOW_ERROR;
}

/// In templates that change values: the dictionary that a loop goes through, itself or by a view; `*items` is what it
/// gives. An undefined value: the loop is over something else.
static bool loop_dict(struct rt *r, const struct node *of, struct val *dict, struct val *items) {
    const struct node *attr = of->type == N_CALL && !of->args->npos && !of->args->nkw ? of->a : NULL;
    bool view = attr && attr->type == N_GETATTR && attr->a->type == N_NAME &&
                (str_eqz(attr->name, "items") || str_eqz(attr->name, "keys") || str_eqz(attr->name, "values"));
    struct val v = {0};
    if (!view) {
        if (!expr_eval(r, of, items)) {
            return false;
        }
        *dict = items->kind == VAL_DICT ? *items : *dict;
        return true;
    }
    if (!expr_eval(r, attr->a, &v)) {
        return false;
    }
    if (v.kind != VAL_DICT) {
        return expr_eval(r, of, items);
    }
    struct jcall c = {.ctx = r->c, .a = r->a, .name = "for", .args = &v, .nargs = 1};
    *dict = v;
    return method_invoke(&c, dict_method(attr->name), items, r->e);
}

static enum flow exec_for(struct rt *r, const struct node *n) {
    struct val v = {0};
    struct loop_over over = {0};
    struct jcall c = {.ctx = r->c, .a = r->a, .name = "for"};
    bool changes = r->u->t->mutates || r->u->mutates;
    if (!(changes ? loop_dict(r, n->b, &over.dict, &v) : expr_eval(r, n->b, &v))) {
        return FLOW_ERROR;
    }
    if (is_generator(v)) {
        over.from = v;
        over.items = generator_read(r->a, v, v.u.l->n);
    } else if (!jinja_iter(&c, v, &over.items, r->e)) {
        return FLOW_ERROR;
    }
    return for_items(r, n, &over, 0);
}

// -- other statements ------------------------------------------------------------------------------------------------

static enum flow flow_of(bool ok) {
    return ok ? FLOW_NEXT : FLOW_ERROR;
}

static enum flow exec_output(struct rt *r, const struct node *n) {
    if (r->mute) {
        return FLOW_NEXT;
    }
    bool escape = escapes(r, n);
    for (const struct node *k = n->kids; k; k = k->next) {
        struct val v = {0};
        if (!expr_eval(r, k, &v)) {
            return FLOW_ERROR;
        }
        if (!put_value(r, v, escape)) {
            if (!r->e->at.at) {
                r->e->at = rt_mark(r, k);
            }
            return FLOW_ERROR;
        }
    }
    return FLOW_NEXT;
}

static enum flow exec_if(struct rt *r, const struct node *n) {
    bool yes;
    while (true) {  // `elif` is an `if` as the only statement of what is done else
        if (!eval_truth(r, n->a, &yes)) {
            return FLOW_ERROR;
        }
        if (yes || !n->other || !n->flag) {
            return exec_list(r, yes ? n->body : n->other);
        }
        n = n->other;
    }
}

static enum flow exec_set(struct rt *r, const struct node *n) {
    struct val v = {0};
    return flow_of(expr_eval(r, n->b, &v) && val_may_hold(NULL, v, NO_MARK, r->e) && exec_assign(r, n->a, v));
}

/// Runs a body in its own frame and gives its text. What leaves a loop leaves the body without one.
static enum flow capture_scoped(struct rt *r, const struct node *body, bool html, struct val *v) {
    struct frame *up = r->f;
    r->f = locals_new(r->a, up);
    enum flow flow = capture(r, body, html, v);
    r->f = up;
    return flow;
}

static enum flow exec_setblock(struct rt *r, const struct node *n) {
    struct val v = {0};
    bool mute = r->mute;
    r->mute = false;
    enum flow flow = capture_scoped(r, n->body, r->c->state.autoescape, &v);
    r->mute = mute;
    if (flow != FLOW_NEXT) {
        return flow;
    }
    if (n->b && !eval_filter(r, n->b, &v, &v)) {
        return FLOW_ERROR;
    }
    if (n->b && r->c->state.autoescape) {  // whatever a filter made of it is HTML now
        if (undef_strict(r->c, v)) {
            return flow_of(undef_fail(r->c, v, rt_mark(r, n), r->e));
        }
        v = markup_set(val_flag(val_str(r->a, val_str_of(r->a, v)), v.flags & VAL_SECRET), true);
    }
    return flow_of(exec_assign(r, n->a, v));
}

static enum flow exec_filterblock(struct rt *r, const struct node *n) {
    struct val v = {0};
    enum flow flow = capture_scoped(r, n->body, escapes(r, n), &v);
    if (flow != FLOW_NEXT) {
        return flow;
    }
    return flow_of(eval_filter(r, n->b, &v, &v) && put_value(r, v, false));
}

static enum flow exec_with(struct rt *r, const struct node *n) {
    struct frame *up = r->f, *f = locals_new(r->a, up);
    enum flow flow = FLOW_NEXT;
    for (const struct node *k = n->kids; k && flow == FLOW_NEXT; k = k->next) {
        struct val v = {0};
        r->f = up;  // values see the outside only
        bool ok = expr_eval(r, k->b, &v);
        r->f = f;
        flow = flow_of(ok && exec_assign(r, k->a, v));
    }
    r->f = f;
    if (flow == FLOW_NEXT) {
        flow = exec_list(r, n->body);
    }
    r->f = up;
    return flow;
}

static enum flow exec_autoescape(struct rt *r, const struct node *n) {
    struct frame *up = r->f;
    bool before = r->c->state.autoescape, on = false;
    if (!eval_truth(r, n->a, &on)) {
        return FLOW_ERROR;
    }
    r->c->state.autoescape = on;
    r->f = locals_new(r->a, up);
    enum flow flow = exec_list(r, n->body);
    r->f = up;
    r->c->state.autoescape = before;
    return flow;
}

static enum flow exec_macro(struct rt *r, const struct node *n) {
    locals_set(r->a, r->f, n->name, macro_new(r, n));
    return FLOW_NEXT;
}

static enum flow exec_callblock(struct rt *r, const struct node *n) {
    struct val fn = {0}, out = {0};
    struct jcall c = {.ctx = r->c, .a = r->a, .name = "call"};
    if (!expr_eval(r, n->a->a, &fn) || !eval_args(r, n->a->args, &c, 0, (struct arg_room){0})) {
        return FLOW_ERROR;
    }
    if (fn.kind == VAL_UNDEF) {
        undef_fail(r->c, fn, c.at, r->e);
        return FLOW_ERROR;
    }
    if (c.kwargs.kind != VAL_DICT) {
        c.kwargs = val_dict(r->a, 1);
    }
    val_set(r->a, c.kwargs, "caller", macro_new(r, n->b));
    return flow_of(call_value(&c, fn, &out, r->e) && put_value(r, out, false));
}

static enum flow exec_one(struct rt *r, const struct node *n) {
    struct val v = {0};
    switch (n->type) {  // NOLINT(clang-diagnostic-switch-enum)
    case N_DATA:
        return flow_of(r->mute || put_text(r, n->text));
    case N_OUTPUT:
        return exec_output(r, n);
    case N_FOR:
        return exec_for(r, n);
    case N_IF:
        return exec_if(r, n);
    case N_SET:
        return exec_set(r, n);
    case N_SETBLOCK:
        return exec_setblock(r, n);
    case N_WITH:
        return exec_with(r, n);
    case N_MACRO:
        return exec_macro(r, n);
    case N_CALLBLOCK:
        return exec_callblock(r, n);
    case N_FILTERBLOCK:
        return exec_filterblock(r, n);
    case N_AUTOESCAPE:
        return exec_autoescape(r, n);
    case N_BLOCK:
        return exec_block(r, n);
    case N_EXTENDS:
        return exec_extends(r, n);
    case N_INCLUDE:
        return exec_include(r, n);
    case N_IMPORT:
        return exec_import(r, n);
    case N_FROM:
        return exec_from(r, n);
    case N_DO:
        return flow_of(expr_eval(r, n->a, &v));
    case N_BREAK:
        return FLOW_BREAK;
    case N_CONTINUE:
        return FLOW_CONTINUE;
    default:
        BUG("statement of type %d", (int)n->type);
    }
}

enum flow exec_list(struct rt *r, const struct node *n) {
    enum flow flow = FLOW_NEXT;
    if (!nest_enter(r->c, r->e)) {
        return FLOW_ERROR;
    }
    for (; n && flow == FLOW_NEXT; n = n->next) {
        flow = exec_one(r, n);
        if (flow == FLOW_ERROR && !r->e->at.at) {
            r->e->at = rt_mark(r, n);
        }
    }
    NEST_LEAVE(r->c);
    return flow;
}
