// Attributes, items and iteration of values, and what undefined values say when they are used.
#include "ast.h"
#include "bigint.h"
#include "typo.h"

// -- undefined -------------------------------------------------------------------------------------------------------

struct val undef_hint(struct arena *a, struct str name, struct str hint) {
    struct vundef *u = ARENA_NEW(a, struct vundef);
    u->name = str_dup(a, name);
    u->hint = str_dup(a, hint);
    return (struct val){.kind = VAL_UNDEF, .u.undef = u};
}

struct val undef_attr(struct arena *a, struct val of, struct val key) {
    // Without printf: templates ask for attributes that may not exist all the time (`x.y is defined`, `x.y|default`).
    struct buf b = BUF_IN(a);
    bool attribute = key.kind == VAL_STR;
    buf_z(&b, attribute ? "'" : "");
    buf_z(&b, of.kind == VAL_NULL ? "None" : val_type_name(of));
    buf_z(&b, of.kind == VAL_NULL ? "" : " object");
    size_t owner = b.n;
    buf_z(&b, attribute ? "' has no attribute " : " has no element ");
    size_t quoted = b.n;
    if (key.flags & VAL_SECRET) {
        buf_z(&b, "'********'");  // a part of a secret is not recognized when it is printed
    } else {
        val_to_repr(&b, key);
    }
    struct str text = buf_view(&b);
    struct vundef *u = ARENA_NEW(a, struct vundef);
    *u = (struct vundef){.name = attribute ? val_text(key) : STR_NONE,
                         .hint = text,
                         .of = of.kind == VAL_DICT && !(of.flags & VAL_SECRET) ? of.u.d : NULL,
                         .owner = str_sub(text, attribute, owner),
                         .key = str_sub(text, quoted, text.n)};
    return (struct val){.kind = VAL_UNDEF, .u.undef = u};
}

bool undef_strict(const struct jinja_ctx *c, struct val v) {
    return v.kind == VAL_UNDEF && c->opts->undefined == UNDEF_STRICT && !(v.spare & SPARE_LENIENT);
}

struct val undef_plain(const struct jinja_ctx *c, struct val v) {
    v.spare |= c->opts->ansible ? 0 : VAL_SPARE_PLAIN;
    return v;
}

struct val undef_shown(const struct jinja_ctx *c, struct val v) {
    if (v.kind != VAL_UNDEF || c->opts->undefined != UNDEF_DEBUG || !v.u.undef) {
        return v;
    }
    struct str hint = v.u.undef->hint, owner = v.u.undef->owner;
    if (!hint.n) {
        return val_printf(c->a, "{{ %.*s }}", STR(v.u.undef->name));
    }
    if (!owner.n) {
        return val_printf(c->a, "{{ undefined value printed: %.*s }}", STR(hint));
    }
    return val_printf(c->a, "{{ no such element: %.*s[%.*s] }}", STR(owner), STR(v.u.undef->key));
}

static void offer_name(void *to, struct str name) {
    typo_offer(to, name);
}

/// A key of the dictionary that looks like the one that is missing.
static void offer_keys(const struct vundef *u, struct typo *t) {
    struct val d = {.kind = VAL_DICT};
    union {
        const struct vdict *c;
        struct vdict *v;
    } of = {.c = u->of};
    d.u.d = of.v;
    size_t i = 0;
    for (const struct vpair *p = val_each(d, &i); p; p = val_each(d, &i)) {
        if (p->key.kind == VAL_STR && !(p->key.flags & VAL_SECRET)) {
            typo_offer(t, val_text(p->key));
        }
    }
}

bool undef_fail(struct jinja_ctx *c, struct val v, struct mark at, struct err *e) {
    if (!v.u.undef) {
        return err_set(e, ERR_UNDEFINED, at, "a value is undefined");
    }
    struct typo t = {.got = v.u.undef->name};
    if (v.u.undef->hint.n) {
        struct mark own = v.u.undef->at;
        err_set(e, ERR_UNDEFINED, own.at ? own : at, "%.*s", STR(v.u.undef->hint));
        if (v.u.undef->of) {
            offer_keys(v.u.undef, &t);
        }
        return t.best.s ? err_hint(e, "did you mean '%.*s'?", STR(t.best)) : false;
    }
    err_set(e, ERR_UNDEFINED, at, "'%.*s' is undefined", STR(v.u.undef->name));
    if (v.u.undef->late) {
        return err_hint(e, "the template sets it further on, so it is not looked for outside of the template");
    }
    if (c->scope.names) {
        c->scope.names(c->scope.self, offer_name, &t);
    }
    return t.best.s ? err_hint(e, "did you mean '%.*s'?", STR(t.best)) : false;
}

static const struct val *undef_in(const struct val *v, unsigned depth) {
    if (v->kind == VAL_UNDEF) {
        return v;
    }
    if (depth > 64) {
        return NULL;
    }
    const struct val *bad = NULL;
    if (v->kind == VAL_LIST || v->kind == VAL_TUPLE) {
        for (size_t i = 0; i < v->u.l->n && !bad; i++) {
            bad = undef_in(&v->u.l->items[i], depth + 1);
        }
    } else if (v->kind == VAL_DICT) {
        size_t i = 0;
        for (struct vpair *p = val_each(*v, &i); p && !bad; p = val_each(*v, &i)) {
            bad = undef_in(&p->value, depth + 1);
        }
    }
    return bad;
}

const struct val *undef_inside(const struct val *v) {
    return undef_in(v, 0);
}

// -- attributes and items --------------------------------------------------------------------------------------------

/// An attribute or item of an undefined value.
static bool of_undef(struct jinja_ctx *c, struct val v, struct mark at, struct val *out, struct err *e) {
    enum undef_mode mode = c->opts->undefined;
    bool chains = mode == UNDEF_CHAINABLE || (mode == UNDEF_STRICT && c->opts->ansible);  // AnsibleUndefined does
    if (!chains || (v.spare & SPARE_LENIENT)) {
        return undef_fail(c, v, at, e);
    }
    *out = v;
    return true;
}

static struct val from_secret(struct val item, struct val of) {
    if ((of.flags & VAL_SECRET) && item.kind != VAL_BOOL && item.kind != VAL_NULL) {
        item.flags |= VAL_SECRET;
    }
    return item;
}

/// Item of a sequence by integer, negative from the end; false when out of range.
static bool seq_item(struct arena *a, struct val v, int64_t i, struct val *out) {
    int64_t n = (int64_t)val_len(v);
    if (i < 0) {
        i += n;
    }
    if (i < 0 || i >= n) {
        return false;
    }
    if (v.kind != VAL_STR) {
        *out = v.u.l->items[i];
        return true;
    }
    struct str s = val_text(v);
    size_t at = 0;
    for (int64_t k = 0; k < i; k++) {
        utf8_next(s, &at);
    }
    size_t from = at;
    utf8_next(s, &at);
    *out = val_flag(val_str(a, str_sub(s, from, at)), v.flags & VAL_MARKUP);
    return true;
}

/// The item a bracket finds; false when there is none.
static bool item_of(struct arena *a, struct val v, struct val key, struct val *out) {
    if (v.kind == VAL_DICT) {
        *out = val_get_key(v, key);
        return out->kind != VAL_UNDEF || out->u.undef;
    }
    if (v.kind == VAL_OBJ) {
        return key.kind == VAL_STR && v.u.o->type->get && v.u.o->type->get(v, val_text(key), a, out);
    }
    if ((v.kind != VAL_LIST && v.kind != VAL_TUPLE && v.kind != VAL_STR) || no_positions(v)) {
        return false;
    }
    if (key.kind == VAL_INT || key.kind == VAL_BOOL) {
        return seq_item(a, v, key.kind == VAL_BOOL ? key.u.b : key.u.i, out);
    }
    return false;
}

/// What an object gives may still be a template (a host's variables): it is templated as any variable.
static bool finish(struct jinja_ctx *c, struct val of, struct val *out, struct err *e) {
    *out = from_secret(*out, of);
    return of.kind == VAL_OBJ && (out->flags & VAL_TMPL) ? jinja_value(c, *out, out, e) : true;
}

/// The named members of the tuples groupby makes.
static bool group_member(struct val v, struct str name, struct val *out) {
    bool list = str_eqz(name, "list");
    if (v.kind != VAL_TUPLE || v.spare != VAL_SPARE_GROUP || (!list && !str_eqz(name, "grouper"))) {
        return false;
    }
    *out = v.u.l->items[list];
    return true;
}

bool jinja_getattr(struct jinja_ctx *ctx, struct val v, struct str name, struct mark at, struct val *out,
                   struct err *e) {
    if (v.kind == VAL_UNDEF) {
        return of_undef(ctx, v, at, out, e);
    }
    if (v.kind == VAL_OBJ && v.u.o->type->get && v.u.o->type->get(v, name, ctx->a, out)) {
        return finish(ctx, v, out, e);
    }
    if (group_member(v, name, out)) {
        return finish(ctx, v, out, e);
    }
    const struct method *m = method_find(v, name);
    if (m) {
        *out = method_value(ctx->a, m, v);
        return true;
    }
    if ((v.kind == VAL_FLOAT || is_whole(v)) && number_attr(v, name, out)) {
        return finish(ctx, v, out, e);
    }
    if (v.kind == VAL_DICT) {
        *out = val_get_str(v, name);
        if (out->kind != VAL_UNDEF || out->u.undef) {
            return finish(ctx, v, out, e);
        }
    }
    *out = undef_plain(ctx, undef_attr(ctx->a, v, val_str(ctx->a, name)));
    return true;
}

bool jinja_getitem(struct jinja_ctx *ctx, struct val v, struct val key, struct mark at, struct val *out,
                   struct err *e) {
    if (v.kind == VAL_UNDEF) {
        return of_undef(ctx, v, at, out, e);
    }
    if (key.kind == VAL_UNDEF) {
        if (!undef_strict(ctx, key) || (v.kind != VAL_DICT && v.kind != VAL_OBJ)) {  // only those hash it
            *out = undef_hint(ctx->a, STR_NONE, STR_LIT("an undefined value was used as a key"));
            return true;
        }
        return undef_fail(ctx, key, at, e);
    }
    if (item_of(ctx->a, v, key, out) || group_member(v, val_text(key), out)) {
        return finish(ctx, v, out, e);
    }
    if ((v.kind == VAL_FLOAT || is_whole(v)) && key.kind == VAL_STR && number_attr(v, val_text(key), out)) {
        return finish(ctx, v, out, e);
    }
    const struct method *m = key.kind == VAL_STR ? method_find(v, val_text(key)) : NULL;
    *out = m ? method_value(ctx->a, m, v) : undef_plain(ctx, undef_attr(ctx->a, v, key));
    return true;
}

bool jinja_path(struct jinja_ctx *ctx, struct val v, struct val path, struct mark at, struct val *out, struct err *e) {
    if (path.kind != VAL_STR) {
        return jinja_getitem(ctx, v, path, at, out, e);
    }
    struct str rest = val_text(path), part;
    *out = v;
    while (str_next(&rest, '.', &part)) {
        int64_t i;
        bool number = part.n && part.s[0] >= '0' && part.s[0] <= '9' && str_int(part, &i);
        struct val key = number ? val_int(i) : val_str(ctx->a, part);
        if (!jinja_getitem(ctx, *out, key, at, out, e)) {
            return false;
        }
    }
    return true;
}

// -- iteration -------------------------------------------------------------------------------------------------------

static struct val characters(struct arena *a, struct val v) {
    struct str s = val_text(v);
    struct val list = val_list(a, s.n);
    for (size_t i = 0; i < s.n;) {
        size_t from = i;
        utf8_next(s, &i);
        val_push(a, list, from_secret(val_str(a, str_sub(s, from, i)), v));
    }
    return list;
}

static struct val keys_of(struct arena *a, struct val v) {
    struct val list = val_list(a, val_len(v));
    size_t i = 0;
    for (struct vpair *p = val_each(v, &i); p; p = val_each(v, &i)) {
        val_push(a, list, p->key);
    }
    return list;
}

struct val generator_read(struct arena *a, struct val v, size_t n) {
    struct val list = val_list(a, 0);
    *list.u.l = (struct vlist){.n = n, .cap = n, .items = v.u.l->items};
    if (n > 0) {  // without items there may be no array
        v.u.l->items += n;
        v.u.l->n -= n;
        v.u.l->cap -= n;
    }
    return list;
}

struct failure {
    struct vobj o;
    struct err why;
};

void generator_fails(struct arena *a, struct val *v, struct err *e) {
    static const struct obj_type type = {.name = "error"};
    struct failure *f = ARENA_NEW(a, struct failure);
    *f = (struct failure){.o.type = &type, .why = *e};
    err_clear(e);
    val_push(a, *v, val_obj(&f->o));
    v->u.l->n--;
    v->spare = VAL_SPARE_FAILING;
}

bool generator_end(struct val v, struct err *e) {
    if (v.spare != VAL_SPARE_FAILING) {
        return true;
    }
    struct err why = ((const struct failure *)(const void *)v.u.l->items[v.u.l->n].u.o)->why;
    why.arena = e->arena;
    *e = why;
    return false;
}

bool jinja_iter(struct jcall *c, struct val v, struct val *list, struct err *e) {
    switch ((enum val_kind)v.kind) {
    case VAL_LIST:
        *list = v;
        if (is_generator(v)) {
            *list = generator_read(c->a, v, v.u.l->n);
            return generator_end(v, e);
        }
        return true;
    case VAL_TUPLE:
        *list = v;
        return true;
    case VAL_DICT:
        *list = keys_of(c->a, v);
        return true;
    case VAL_STR:
        *list = characters(c->a, v);
        return true;
    case VAL_UNDEF:
        if (undef_strict(c->ctx, v)) {
            return undef_fail(c->ctx, v, c->at, e);
        }
        *list = val_list(c->a, 0);
        return true;
    case VAL_OBJ:
        if (v.u.o->type->iter) {
            return v.u.o->type->iter(v, c->a, list, e);
        }
        break;
    case VAL_NULL:
    case VAL_BOOL:
    case VAL_INT:
    case VAL_FLOAT:
    case VAL_OMIT:
        break;
    }
    return err_set(e, ERR_TYPE, c->at, "'%s' object is not iterable", val_type_name(v));
}
