// Expressions: evaluates the syntax tree to values.
#include "ast.h"
#include "bigint.h"
#include "datetime.h"
#include "markup.h"

struct mark rt_mark(const struct rt *r, const struct node *n) {
    return tmpl_mark(r->u->t, r->u->base, n->at);
}

size_t cap_of(const struct jinja_ctx *c, size_t most) {
    return c->output_cap && c->output_cap < most ? c->output_cap : most;
}

bool nest_failed(struct jinja_ctx *c, struct err *e) {
    if (c->state.nesting >= NEST_MAX) {
        return err_set(e, ERR_LIMIT, NO_MARK, "template evaluation nested deeper than %d levels", NEST_MAX);
    }
    return err_set(e, ERR_LIMIT, NO_MARK, "template takes more than %zu steps", c->step_cap);
}

/// Secret if one of the inputs is; bools and nothing reveal too little to be masked.
static struct val taint2(struct val out, struct val l, struct val r) {
    if (((l.flags | r.flags) & VAL_SECRET) && out.kind != VAL_BOOL && out.kind != VAL_NULL) {
        out.flags |= VAL_SECRET;
    }
    return out;
}

bool eval_truth(struct rt *r, const struct node *n, bool *out) {
    struct val v = {0};
    if (!expr_eval(r, n, &v)) {
        return false;
    }
    if (v.kind == VAL_UNDEF) {
        *out = false;
        return undef_strict(r->c, v) ? undef_fail(r->c, v, rt_mark(r, n), r->e) : true;
    }
    *out = val_truth(v);
    return true;
}

/// A name that the template may set, and has not yet.
static bool eval_own(struct rt *r, const struct node *n, struct val *out) {
    const struct var *v = locals_within(r->f, n->name, n->hash);
    if (v) {
        *out = v->v;
        return true;
    }
    struct vundef *u = ARENA_NEW(r->a, struct vundef);
    *u = (struct vundef){.name = n->name, .late = true};
    *out = undef_plain(r->c, (struct val){.kind = VAL_UNDEF, .u.undef = u});
    return true;
}

static bool eval_name(struct rt *r, const struct node *n, struct val *out) {
    if (n->flag) {
        return eval_own(r, n, out);
    }
    struct var *v = locals_hashed(r->f, n->name, n->hash);
    v = v || !r->u->copies->n ? v : locals_hashed(r->u->copies, n->name, n->hash);
    if (v) {
        *out = v->v;
        return true;
    }
    if (r->block && str_eqz(n->name, "super")) {
        *out = super_new(r, r->block);
        return true;
    }
    if (str_eqz(n->name, "self")) {  // whatever a variable of that name says
        *out = self_new(r);
        return true;
    }
    if (!name_resolve(r->c, n, r->u->no_scope, out, r->e)) {
        return false;
    }
    if (out->kind == VAL_UNDEF && r->u->t->o.ext_i18n && str_eqz(n->name, "_")) {  // the extension's other name
        const struct node gettext = {
            .type = N_NAME, .at = n->at, .name = STR_LIT("gettext"), .hash = str_hash(STR_LIT("gettext"))};
        return eval_name(r, &gettext, out);
    }
    if ((r->u->t->mutates || r->u->mutates) && (out->kind == VAL_LIST || out->kind == VAL_DICT)) {
        *out = val_copy_deep(r->a, *out);
        locals_set(r->a, r->u->copies, n->name, *out);
    }
    return true;
}

static bool eval_items(struct rt *r, const struct node *n, struct val *out) {
    struct val list = n->type == N_LIST ? val_list(r->a, 4) : val_tuple(r->a, 4);
    for (const struct node *k = n->kids; k; k = k->next) {
        struct val v = {0};
        if (!expr_eval(r, k, &v)) {
            return false;
        }
        val_push(r->a, list, v);
    }
    *out = list;
    return true;
}

static bool eval_dict(struct rt *r, const struct node *n, struct val *out) {
    struct val d = val_dict(r->a, 4);
    for (const struct node *k = n->kids; k; k = k->next) {
        struct val key = {0}, v = {0};
        if (!expr_eval(r, k->a, &key) || !expr_eval(r, k->b, &v)) {
            return false;
        }
        if (key.kind == VAL_UNDEF) {
            return undef_fail(r->c, key, rt_mark(r, k->a), r->e);
        }
        const struct val *bad = val_unhashable(&key);
        if (bad) {
            return FAIL(r, k->a, ERR_TYPE, "unhashable type: '%s'", val_type_name(*bad));
        }
        val_set_key(r->a, d, key, v);
    }
    *out = d;
    return true;
}

static bool eval_cond(struct rt *r, const struct node *n, struct val *out) {
    bool yes = false;
    if (!eval_truth(r, n->a, &yes)) {
        return false;
    }
    if (yes) {
        return expr_eval(r, n->b, out);
    }
    if (n->c) {
        return expr_eval(r, n->c, out);
    }
    *out = undef_hint(r->a, STR_NONE,
                      STR_LIT("the inline if-expression evaluated to false and no else section was defined"));
    out->spare |= SPARE_LENIENT;
    *out = undef_plain(r->c, *out);
    return true;
}

static bool eval_logic(struct rt *r, const struct node *n, struct val *out) {
    if (!expr_eval(r, n->a, out)) {
        return false;
    }
    if (out->kind == VAL_UNDEF && undef_strict(r->c, *out)) {
        return undef_fail(r->c, *out, rt_mark(r, n->a), r->e);
    }
    return val_truth(*out) == (n->type == N_OR) ? true : expr_eval(r, n->b, out);
}

static bool eval_binop(struct rt *r, const struct node *n, struct val *out) {
    struct val l = {0}, rr = {0};
    if (!expr_eval(r, n->a, &l) || !expr_eval(r, n->b, &rr)) {
        return false;
    }
    const struct val *bad = l.kind == VAL_UNDEF ? &l : rr.kind == VAL_UNDEF ? &rr : NULL;
    bool formats = l.kind == VAL_STR && n->op == T_MOD && !r->c->opts->ansible;  // Python asks the text first
    if (bad == &rr && n->op == T_ADD && is_markup(l) && r->c->opts->undefined == UNDEF_CHAINABLE) {
        *out = l;  // such a value is HTML without anything in it
        return true;
    }
    if (bad && !formats) {
        return undef_fail(r->c, *bad, rt_mark(r, bad == &l ? n->a : n->b), r->e);
    }
    if (!op_binary(r->c, (enum tok_type)n->op, l, rr, out, r->e)) {
        return false;
    }
    *out = taint2(*out, l, rr);
    return true;
}

static bool eval_concat(struct rt *r, const struct node *n, struct val *out) {
    struct buf b = BUF_IN(r->a);
    b.max = cap_of(r->c, OUTPUT_CAP);
    bool secret = false, html = false, escape = escapes(r, n);
    for (const struct node *k = n->kids; k; k = k->next) {
        struct val v = {0};
        if (!expr_eval(r, k, &v)) {
            return false;
        }
        const struct val *bad = r->c->opts->ansible ? undef_inside(&v) : &v;
        if (bad && undef_strict(r->c, *bad)) {
            return undef_fail(r->c, *bad, rt_mark(r, k), r->e);
        }
        if (escape && !html && is_markup(v)) {  // from the first HTML on, all of it is
            struct buf plain = b;
            b = BUF_IN(r->a);
            b.max = plain.max;
            html_escape(&b, buf_view(&plain));
            html = true;
        }
        v = undef_shown(r->c, v);
        if (v.kind != VAL_UNDEF) {
            secret |= val_any_flag(v, VAL_SECRET);
            val_to_str(&b, html ? markup_of(r->a, v) : v);
        }
    }
    if (b.full) {
        return FAIL(r, n, ERR_LIMIT, "text grows beyond %zu bytes", b.max);
    }
    *out = markup_set(val_flag(val_str(r->a, buf_view(&b)), secret ? VAL_SECRET : 0), html);
    return true;
}

/// `in` with an undefined side.
static bool undef_in(struct rt *r, const struct val *v, bool *out) {
    struct jcall c = {.ctx = r->c, .a = r->a, .name = "in"};
    struct val list = {0};
    *out = false;
    if (v[1].kind == VAL_UNDEF) {
        return undef_strict(r->c, v[1]) ? undef_fail(r->c, v[1], NO_MARK, r->e) : true;
    }
    if (v[1].kind == VAL_STR) {
        return err_set(r->e, ERR_TYPE, NO_MARK, "'in <string>' requires string as left operand, not %s",
                       val_type_name(v[0]));
    }
    if (!jinja_iter(&c, v[1], &list, r->e)) {
        return false;
    }
    if (undef_strict(r->c, v[0]) && (v[1].kind == VAL_DICT || val_len(list))) {
        return undef_fail(r->c, v[0], NO_MARK, r->e);
    }
    for (size_t i = 0; v[1].kind != VAL_DICT && i < val_len(list); i++) {
        *out = *out || val_at_index(list, i).kind == VAL_UNDEF;
    }
    return true;
}

static bool compare_undef(struct rt *r, const struct node *n, enum tok_type op, const struct val *v, bool *out) {
    const struct val *bad = undef_strict(r->c, v[0]) ? &v[0] : undef_strict(r->c, v[1]) ? &v[1] : NULL;
    bool order = op == T_LT || op == T_LE || op == T_GT || op == T_GE;
    if (op == T_NAME || op == T_SEMICOLON) {
        bool ok = undef_in(r, v, out);
        *out = *out != (op == T_SEMICOLON);
        return ok;
    }
    if (bad || order) {
        bad = bad ? bad : v[0].kind == VAL_UNDEF ? &v[0] : &v[1];
        return undef_fail(r->c, *bad, rt_mark(r, n), r->e);
    }
    bool same = v[0].kind == VAL_UNDEF && v[1].kind == VAL_UNDEF;
    *out = op == T_EQ ? same : !same;
    return true;
}

/// What is looked for in a dictionary's keys or items is hashed, so it must be able to be a key.
static const struct val *no_key(struct val hay, const struct val *needle) {
    if (hay.kind != VAL_LIST || (hay.spare != VAL_SPARE_KEYS && hay.spare != VAL_SPARE_ITEMS)) {
        return NULL;
    }
    if (hay.spare == VAL_SPARE_KEYS) {
        return val_unhashable(needle);
    }
    return needle->kind == VAL_TUPLE && needle->u.l->n == 2 ? val_unhashable(&needle->u.l->items[0]) : NULL;
}

static bool contains(struct rt *r, struct val hay, struct val needle, bool *out) {
    *out = false;
    if (is_generator(hay)) {  // is read up to what is found
        while (!*out && hay.u.l->n) {
            struct val item = generator_read(r->a, hay, 1).u.l->items[0];
            if (undef_strict(r->c, item)) {
                return undef_fail(r->c, item, NO_MARK, r->e);  // comparing with it
            }
            *out = op_equal(item, needle);
        }
        return *out || generator_end(hay, r->e);
    }
    if (hay.kind == VAL_OBJ) {
        struct jcall c = {.ctx = r->c, .a = r->a, .name = "in"};
        struct val list = {0};
        if (needle.kind == VAL_STR && hay.u.o->type->get && method_find(hay, STR_LIT("keys"))) {
            struct val got = {0};
            *out = hay.u.o->type->get(hay, val_text(needle), r->a, &got);
            return true;
        }
        if (!jinja_iter(&c, hay, &list, r->e)) {
            return false;
        }
        hay = list;
    }
    const struct val *bad = no_key(hay, &needle);
    if (bad) {
        return err_set(r->e, ERR_TYPE, NO_MARK, "unhashable type: '%s'", val_type_name(*bad));
    }
    for (size_t i = 0; (hay.kind == VAL_LIST || hay.kind == VAL_TUPLE) && i < hay.u.l->n && !*out; i++) {
        struct val item = hay.u.l->items[i];
        if (undef_strict(r->c, item)) {
            return undef_fail(r->c, item, NO_MARK, r->e);  // comparing with it
        }
        *out = val_equal(item, needle);
    }
    return hay.kind == VAL_LIST || hay.kind == VAL_TUPLE || val_contains(hay, needle, out, r->e);
}

static bool compare_one(struct rt *r, const struct node *n, const struct val *v, bool *out) {
    enum tok_type op = (enum tok_type)n->op;
    if (v[0].kind == VAL_UNDEF || v[1].kind == VAL_UNDEF) {
        return compare_undef(r, n, op, v, out);
    }
    switch (n->op) {
    case T_EQ:
        *out = op_equal(v[0], v[1]);
        return true;
    case T_NE:
        *out = !op_equal(v[0], v[1]);
        return true;
    case T_NAME:
        return contains(r, v[1], v[0], out);
    case T_SEMICOLON:
        if (!contains(r, v[1], v[0], out)) {
            return false;
        }
        *out = !*out;
        return true;
    default:
        return op_order(v[0], v[1], op, out, r->e);
    }
}

static bool eval_compare(struct rt *r, const struct node *n, struct val *out) {
    struct val v[2] = {0};
    bool yes = true;
    if (!expr_eval(r, n->a, &v[0])) {
        return false;
    }
    for (const struct node *k = n->kids; k && yes; k = k->next) {
        if (!expr_eval(r, k->a, &v[1])) {
            return false;
        }
        if (!compare_one(r, k, v, &yes)) {
            return false;
        }
        v[0] = v[1];
    }
    *out = val_bool(yes);
    return true;
}

static bool eval_getattr(struct rt *r, const struct node *n, struct val *out) {
    struct val v = {0};
    if (!expr_eval(r, n->a, &v)) {
        return false;
    }
    if (v.kind == VAL_DICT && !n->flag) {
        *out = val_get_hashed(v, n->name, n->hash);
        if (out->kind != VAL_UNDEF) {
            *out = taint2(*out, v, v);
            return true;
        }
    } else if (v.kind == VAL_OBJ && n->op && loop_attr_of(v, (enum loop_attr)n->op, r->a, out)) {
        return true;
    }
    if (!jinja_getattr(r->c, v, n->name, NO_MARK, out, r->e)) {
        return false;
    }
    if (r->u->t->mutates && v.kind == VAL_OBJ && (out->kind == VAL_LIST || out->kind == VAL_DICT) &&
        !(v.spare & SPARE_LENIENT)) {
        const char *type = v.u.o->type->name;
        bool own = strcmp(type, "Namespace") == 0 || strcmp(type, "LoopContext") == 0 ||
                   strcmp(type, "TemplateModule") == 0 || strcmp(type, "Cycler") == 0;
        *out = own ? *out : val_copy_deep(r->a, *out);
    }
    return true;
}

static bool eval_slice(struct rt *r, const struct node *n, struct val *out) {
    struct val v, part[3] = {VNULL, VNULL, VNULL};
    const struct node *p[3] = {n->b->a, n->b->b, n->b->c};
    if (!expr_eval(r, n->a, &v)) {
        return false;
    }
    for (int i = 0; i < 3; i++) {
        if (p[i] && !expr_eval(r, p[i], &part[i])) {
            return false;
        }
    }
    if (v.kind == VAL_UNDEF) {
        return jinja_getattr(r->c, v, STR_LIT("slice"), rt_mark(r, n->a), out, r->e);
    }
    for (int i = 0; i < 3; i++) {
        if (p[i] && part[i].kind == VAL_UNDEF) {
            return undef_fail(r->c, part[i], rt_mark(r, p[i]), r->e);
        }
    }
    if (!op_slice(r->a, v, part, out, r->e)) {
        return false;
    }
    *out = taint2(*out, v, v);
    return true;
}

static bool eval_getitem(struct rt *r, const struct node *n, struct val *out) {
    struct val v = {0}, key = {0};
    if (n->b->type == N_SLICE) {
        return eval_slice(r, n, out);
    }
    return expr_eval(r, n->a, &v) && expr_eval(r, n->b, &key) && jinja_getitem(r->c, v, key, NO_MARK, out, r->e);
}

static bool eval_unary(struct rt *r, const struct node *n, struct val *out) {
    struct val v = {0};
    if (n->type == N_NOT) {
        bool yes = false;
        if (!eval_truth(r, n->a, &yes)) {
            return false;
        }
        *out = val_bool(!yes);
        return true;
    }
    if (!expr_eval(r, n->a, &v)) {
        return false;
    }
    if (v.kind == VAL_UNDEF) {
        return undef_fail(r->c, v, rt_mark(r, n->a), r->e);
    }
    if (n->type == N_NEG) {
        bool ok = op_negate(r->c, v, out, r->e);
        *out = ok ? taint2(*out, v, v) : *out;
        return ok;
    }
    if (!is_whole(v) && v.kind != VAL_FLOAT) {
        return FAIL(r, n, ERR_TYPE, "bad operand type for unary +: '%s'", val_type_name(v));
    }
    *out = v.kind == VAL_BOOL ? val_int(v.u.b) : v;
    return true;
}

// -- calls -----------------------------------------------------------------------------------------------------------

static bool spread_args(struct rt *r, const struct node *star, struct val *args, size_t *n, size_t cap) {
    struct val v = {0}, list = {0};
    struct jcall jc = {.ctx = r->c, .a = r->a, .name = "*args"};
    if (!expr_eval(r, star, &v) || !jinja_iter(&jc, v, &list, r->e)) {
        return false;
    }
    for (size_t i = 0; i < list.u.l->n; i++) {
        if (*n == cap) {
            return FAIL(r, star, ERR_LIMIT, "more than %zu arguments", cap);
        }
        args[(*n)++] = list.u.l->items[i];
    }
    return true;
}

static bool spread_kwargs(struct rt *r, const struct node *n, struct val kwargs) {
    struct val v = {0};
    if (!expr_eval(r, n, &v)) {
        return false;
    }
    if (v.kind != VAL_DICT) {
        return FAIL(r, n, ERR_TYPE, "argument after ** must be a mapping, not %s", val_type_name(v));
    }
    size_t i = 0;
    for (struct vpair *p = val_each(v, &i); p; p = val_each(v, &i)) {
        if (p->key.kind != VAL_STR) {
            return FAIL(r, n, ERR_TYPE, "keywords must be strings");
        }
        val_set_key(r->a, kwargs, p->key, p->value);
    }
    return true;
}

#define STAR_MAX 1000
#define ARG_ROOM 6  // arguments that need no memory of the arena

bool eval_args(struct rt *r, const struct call_args *ca, struct jcall *c, size_t reserve, struct arg_room room) {
    size_t cap = reserve + (ca ? ca->npos + (ca->star ? STAR_MAX : 0) : 0);
    struct val *args = cap <= room.n ? room.p : ARENA_ARRAY(r->a, struct val, cap);
    size_t n = reserve;
    c->args = args;
    c->kwargs = (struct val){0};
    if (ca) {
        for (const struct node *k = ca->pos; k; k = k->next) {
            if (!expr_eval(r, k, &args[n++])) {
                return false;
            }
        }
        if (ca->star && !spread_args(r, ca->star, args, &n, cap)) {
            return false;
        }
        if (ca->kw || ca->starstar) {
            c->kwargs = val_dict(r->a, ca->nkw);
        }
        for (const struct node *k = ca->kw; k; k = k->next) {
            struct val v = {0};
            if (!expr_eval(r, k->a, &v)) {
                return false;
            }
            val_set_str(r->a, c->kwargs, k->name, v);
        }
        if (ca->starstar && !spread_kwargs(r, ca->starstar, c->kwargs)) {
            return false;
        }
    }
    c->nargs = n;
    return true;
}

/// x.method(...) without making a bound method.
static bool call_method(struct rt *r, const struct node *n, struct val self, const struct method *m, struct val *out) {
    struct jcall c = {.ctx = r->c, .a = r->a, .name = m->name, .params = m->params};
    struct val stack[ARG_ROOM] = {0};
    if (!eval_args(r, n->args, &c, 1, (struct arg_room){stack, ARG_ROOM})) {
        return false;
    }
    union {
        const struct val *c;
        struct val *v;
    } slot = {.c = c.args};
    slot.v[0] = self;
    return method_invoke(&c, m, out, r->e);
}

static bool eval_call(struct rt *r, const struct node *n, struct val *out) {
    struct val fn = {0};
    if (n->a->type == N_GETATTR) {
        struct val self = {0};
        if (!expr_eval(r, n->a->a, &self)) {
            return false;
        }
        const struct method *m = method_find(self, n->a->name);
        if (m) {
            return call_method(r, n, self, m, out);
        }
        if (!jinja_getattr(r->c, self, n->a->name, NO_MARK, &fn, r->e)) {
            return false;
        }
    } else if (!expr_eval(r, n->a, &fn)) {
        return false;
    }
    if (fn.kind == VAL_UNDEF) {
        return undef_fail(r->c, fn, rt_mark(r, n->a), r->e);
    }
    // Only functions of the engine (lookup) tell places in warnings; errors get theirs when they come by.
    struct jcall c = {.ctx = r->c, .a = r->a, .at = is_function(fn) ? rt_mark(r, n) : NO_MARK, .name = "call"};
    struct val stack[ARG_ROOM] = {0};
    return eval_args(r, n->args, &c, 0, (struct arg_room){stack, ARG_ROOM}) && call_value(&c, fn, out, r->e);
}

/// The value of `n`; when it is a variable that no vault password opens, its envelope.
static bool eval_sealed(struct rt *r, const struct node *n, struct val *out) {
    if (expr_eval(r, n, out)) {
        return true;
    }
    struct val raw = {0};
    struct err mine = {.arena = r->a};
    const struct jinja_scope *s = &r->c->scope;
    if (r->e->code != ERR_VAULT || n->type != N_NAME || !s->get || !s->get(s->self, n->name, r->a, &raw, &mine) ||
        !(raw.flags & VAL_SEALED)) {
        return false;
    }
    err_clear(r->e);
    *out = raw;
    return true;
}

bool eval_filter(struct rt *r, const struct node *n, const struct val *input, struct val *out) {
    const struct filter *f = n->plugin;
    struct val v = {0};
    if (n->a) {
        bool chain = input && n->a->type == N_FILTER;
        bool sealed = f && f->takes_sealed;
        if (!(chain ? eval_filter(r, n->a, input, &v) : sealed ? eval_sealed(r, n->a, &v) : expr_eval(r, n->a, &v))) {
            return false;
        }
    } else if (input) {
        v = *input;
    } else {
        BUG("filter without input");
    }
    struct jcall c = {.ctx = r->c, .a = r->a, .name = n->name.s};
    struct val stack[ARG_ROOM] = {0};
    if (!eval_args(r, n->args, &c, 1, (struct arg_room){stack, ARG_ROOM})) {
        return false;
    }
    union {
        const struct val *c;
        struct val *v;
    } slot = {.c = c.args};
    slot.v[0] = v;
    return f ? filter_invoke(&c, f, n->sig, out, r->e)
             : FAIL(r, n, ERR_NOT_FOUND, "No filter named '%.*s' found.", STR(n->name));
}

static bool eval_test(struct rt *r, const struct node *n, struct val *out) {
    struct val v = {0};
    struct jcall c = {.ctx = r->c, .a = r->a, .name = n->name.s};
    struct val stack[ARG_ROOM] = {0};
    const struct jtest *t = n->plugin;
    if (!(t && t->takes_sealed ? eval_sealed(r, n->a, &v) : expr_eval(r, n->a, &v)) ||
        !eval_args(r, n->args, &c, 1, (struct arg_room){stack, ARG_ROOM})) {
        return false;
    }
    union {
        const struct val *c;
        struct val *v;
    } slot = {.c = c.args};
    slot.v[0] = v;
    bool yes = false;
    if (!t) {
        return FAIL(r, n, ERR_NOT_FOUND, "No test named '%.*s' found.", STR(n->name));
    }
    if (!test_invoke(&c, t, n->sig, &yes, r->e)) {
        return false;
    }
    *out = val_bool(yes);
    return true;
}

/// A string in a condition of 2.19 that is a template itself.
static bool const_template(struct rt *r, const struct node *n, struct val *out) {
    struct val text = val_mark_templates(val_at(val_flag(n->val, VAL_TRUSTED), rt_mark(r, n)));
    r->c->state.const_templates = false;
    bool ok = jinja_string(r->c, text, out, r->e);
    r->c->state.const_templates = true;
    return ok;
}

static bool eval_node(struct rt *r, const struct node *n, struct val *out) {
    switch (n->type) {  // NOLINT(clang-diagnostic-switch-enum)
    case N_CONST:
        *out = n->val;
        return true;
    case N_NAME:
        return eval_name(r, n, out);
    case N_LIST:
    case N_TUPLE:
        return eval_items(r, n, out);
    case N_DICT:
        return eval_dict(r, n, out);
    case N_COND:
        return eval_cond(r, n, out);
    case N_OR:
    case N_AND:
        return eval_logic(r, n, out);
    case N_MARKSAFE:
        if (!expr_eval(r, n->a, out)) {
            return false;
        }
        *out = escapes(r, n) ? markup_set(*out, true) : *out;
        return true;
    case N_NOT:
    case N_NEG:
    case N_POS:
        return eval_unary(r, n, out);
    case N_BINOP:
        return eval_binop(r, n, out);
    case N_CONCAT:
        return eval_concat(r, n, out);
    case N_COMPARE:
        return eval_compare(r, n, out);
    case N_GETATTR:
        return eval_getattr(r, n, out);
    case N_GETITEM:
        return eval_getitem(r, n, out);
    case N_CALL:
        return eval_call(r, n, out);
    case N_FILTER:
        return eval_filter(r, n, NULL, out);
    case N_TEST:
        return eval_test(r, n, out);
    default:
        return FAIL(r, n, ERR_SYNTAX, "a slice is only possible inside [ ]");
    }
}

bool expr_eval(struct rt *r, const struct node *n, struct val *out) {
    if (n->type == N_CONST) {
        *out = n->val;
        return !r->c->state.const_templates || n->val.kind != VAL_STR || const_template(r, n, out);
    }
    if (!nest_enter(r->c, r->e)) {
        return false;
    }
    bool ok = eval_node(r, n, out);
    NEST_LEAVE(r->c);
    if (!ok && !r->e->at.at) {
        r->e->at = rt_mark(r, n);
    }
    return ok;
}
