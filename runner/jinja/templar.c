// Ansible's templating rules: variables templated when read, native types of single values, conversion of text.
#include "ast.h"
#include "big.h"

bool val_untrusted(struct val v) {
    if (v.kind == VAL_STR) {
        return !(v.flags & VAL_TRUSTED);
    }
    if (v.kind == VAL_LIST || v.kind == VAL_TUPLE) {
        for (size_t i = 0; i < v.u.l->n; i++) {
            if (val_untrusted(v.u.l->items[i])) {
                return true;
            }
        }
    } else if (v.kind == VAL_DICT) {
        size_t i = 0;
        for (struct vpair *p = val_each(v, &i); p; p = val_each(v, &i)) {
            if (val_untrusted(p->value)) {
                return true;
            }
        }
    }
    return v.kind == VAL_OBJ && !is_big(v);
}

struct val val_copy_deep(struct arena *a, struct val v) {
    if (v.kind == VAL_LIST || v.kind == VAL_TUPLE) {
        struct val out = v.kind == VAL_LIST ? val_list(a, v.u.l->n) : val_tuple(a, v.u.l->n);
        for (size_t i = 0; i < v.u.l->n; i++) {
            val_push(a, out, val_copy_deep(a, v.u.l->items[i]));
        }
        v.u.l = out.u.l;
    } else if (v.kind == VAL_DICT) {
        struct val out = val_dict(a, v.u.d->live);
        size_t i = 0;
        for (struct vpair *p = val_each(v, &i); p; p = val_each(v, &i)) {
            val_set_key(a, out, p->key, val_copy_deep(a, p->value));
        }
        v.u.d = out.u.d;
    }
    return v;
}

// -- variables -------------------------------------------------------------------------------------------------------

static bool loop_found(struct jinja_ctx *c, struct str name, struct mark at, struct err *e) {
    struct buf b = BUF_IN(c->a);
    bool seen = false;
    for (unsigned i = 0; i < c->depth; i++) {
        seen = seen || str_eq(c->resolving[i], name);
        if (seen) {
            buf_printf(&b, "'%.*s' -> ", STR(c->resolving[i]));
        }
    }
    if (seen) {
        struct str chain = buf_view(&b);
        return err_set(e, ERR_LIMIT, at, "recursive loop detected in template string: %.*s'%.*s'", STR(chain),
                       STR(name));
    }
    return false;
}

static bool too_deep(struct jinja_ctx *c, struct str name, struct mark at, struct err *e) {
    if (c->depth < COUNTOF(c->resolving)) {
        return false;
    }
    err_set(e, ERR_LIMIT, at, "variables refer to each other more than %zu levels deep, at '%.*s'",
            COUNTOF(c->resolving), STR(name));
    return true;
}

static bool chained(const struct jinja_ctx *c, struct str name) {
    for (unsigned i = 0; i < c->depth; i++) {
        if (str_eq(c->resolving[i], name)) {
            return true;
        }
    }
    return false;
}

/// Back to the notes of the template around, which keep that something untrusted was read.
static void restore(struct jinja_ctx *c, const struct jinja_state *saved) {
    struct jinja_state now = c->state;
    c->state = *saved;
    c->state.untrusted |= now.untrusted;
    c->state.steps = now.steps;
    c->state.rounds = now.rounds;
}

/// Templates a raw variable. One that uses something undefined becomes undefined itself, until it is used.
static bool template_raw(struct jinja_ctx *c, struct str name, struct val raw, struct val *out, struct err *e) {
    if (chained(c, name)) {
        return loop_found(c, name, NO_MARK, e);
    }
    if (too_deep(c, name, raw.mark, e)) {
        return false;
    }
    struct jinja_state saved = c->state;
    const struct jinja_opts *opts = c->opts;
    c->opts = opts->ansible ? &jinja_opts_ansible : opts;
    c->resolving[c->depth++] = name;
    bool ok = jinja_value(c, raw, out, e);
    c->depth--;
    c->opts = opts;
    restore(c, &saved);
    if (ok || e->code != ERR_UNDEFINED) {
        return ok;
    }
    struct str why = str_dup(c->a, str_from(e->msg));
    if (raw.kind == VAL_STR && !(raw.flags & VAL_SECRET)) {
        why = str_printf(c->a, "%.*s: %.*s", STR(val_text(raw)), STR(why));
    }
    struct mark at = e->at;
    err_clear(e);
    *out = undef_hint(c->a, name, why);
    struct vundef *u = ARENA_NEW(c->a, struct vundef);
    *u = *out->u.undef;
    u->at = at;
    out->u.undef = u;
    return true;
}

const struct resolved *name_entry(struct jinja_ctx *c, struct str name, uint32_t hash, struct err *e) {
    struct resolved *r = map_get_hashed(&c->resolved, name, hash);
    if (r) {
        return r;
    }
    struct val raw = {0};
    if (!c->scope.get || !c->scope.get(c->scope.self, name, c->a, &raw, e)) {
        if (c->scope.get && e->code != ERR_NONE) {
            return NULL;
        }
        raw = (struct val){0};
    }
    struct str key = str_dup(c->a, name);
    struct resolved made = {.v = raw, .direct = !(raw.flags & VAL_TMPL)};
    bool outer = c->state.untrusted;
    c->state.untrusted = false;
    if (!made.direct && !template_raw(c, key, raw, &made.v, e)) {
        c->state.untrusted = outer;
        return NULL;
    }
    made.untrusted = c->state.untrusted || (made.direct && val_untrusted(raw));
    c->state.untrusted = outer;
    r = ARENA_NEW(c->a, struct resolved);
    *r = made;
    map_put(&c->resolved, c->a, key, r);
    return r;
}

bool name_resolve(struct jinja_ctx *c, const struct node *n, bool no_scope, struct val *out, struct err *e) {
    if (!no_scope) {
        const struct resolved *r = n->text.n ? name_entry(c, n->text, str_hash(n->text), e) : NULL;
        if (n->text.n && !r) {
            return false;
        }
        if (!r || (r->v.kind == VAL_UNDEF && !r->v.u.undef)) {
            r = name_entry(c, n->name, n->hash, e);
        }
        if (!r) {
            return false;
        }
        if (r->v.kind != VAL_UNDEF || r->v.u.undef) {
            c->state.untrusted |= r->untrusted;
            *out = r->v;
            return true;
        }
    }
    if (!global_get(c, n->name, out)) {
        *out = undef_plain(c, val_undef(c->a, n->name));
    }
    return true;
}

void jinja_ctx_changed(struct jinja_ctx *c) {
    c->resolved = (struct map){0};
}

// -- strings ---------------------------------------------------------------------------------------------------------

static size_t newlines_at_end(struct str s, const char *nl) {
    size_t n = 0;
    while (str_ends(s, nl)) {
        s.n -= strlen(nl);
        n++;
    }
    return n;
}

/// Ansible gives text back the newlines at its end that templating took, as the sequence `nl`.
static struct val keep_newlines(struct jinja_ctx *c, struct str src, struct val v, const char *nl) {
    size_t want = newlines_at_end(src, "\n"), have = newlines_at_end(val_text(v), "\n");
    if (want <= have) {
        return v;
    }
    struct buf b = BUF_IN(c->a);
    buf_str(&b, val_text(v));
    while (have++ < want) {
        buf_z(&b, nl);
    }
    struct val out = val_str(c->a, buf_view(&b));
    out.flags = v.flags;
    return out;
}

/// Runs a template with fresh notes; `*untrusted` and `*secret` tell what went in.
static bool run(struct jinja_ctx *c, const struct tmpl *t, struct mark at, enum concat_mode mode, struct val *out,
                struct err *e) {
    struct jinja_state saved = c->state;
    struct sink s = {.b = BUF_IN(c->a)};
    c->state.mode = (uint8_t)mode;
    c->state.untrusted = false;
    c->state.const_templates = false;
    bool ok = nest_enter(c, e) && run_template(c, t, at, &s, e);
    if (ok) {
        struct rt r = {.c = c, .a = c->a, .e = e};
        ok = sink_value(&r, &s, out);
    }
    bool untrusted = c->state.untrusted;
    restore(c, &saved);
    c->state.secret = s.secret;
    if (ok && out->kind == VAL_STR) {
        out->flags &= (uint8_t) ~(VAL_TMPL | VAL_TRUSTED);
        out->flags |= untrusted ? VAL_UNSAFE : VAL_TRUSTED;
    }
    return ok;
}

static bool unseal(struct jinja_ctx *c, struct val s, struct val *out, struct err *e) {
    struct str plain;
    if (!c->host || !c->host->unseal) {
        return err_set(e, ERR_VAULT, s.mark, "a vaulted value cannot be opened here");
    }
    if (!c->host->unseal(c->host->self, s, c->a, &plain, e)) {
        return false;
    }
    *out = val_at(val_flag(val_str(c->a, plain), s.flags & (unsigned)~(VAL_SEALED | VAL_TMPL)), s.mark);
    return true;
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the value, which its loader bounds
bool unseal_all(struct jinja_ctx *c, struct val v, struct val *out, struct err *e) {
    *out = v;
    if (!val_any_flag(v, VAL_SEALED)) {
        return true;
    }
    if (v.kind == VAL_STR) {
        return unseal(c, v, out, e);
    }
    struct val made = val_copy(c->a, v);
    size_t i = 0;
    for (struct vpair *p = v.kind == VAL_DICT ? val_each(made, &i) : NULL; p; p = val_each(made, &i)) {
        if (!unseal_all(c, p->value, &p->value, e)) {
            return false;
        }
    }
    for (size_t k = 0; v.kind != VAL_DICT && k < made.u.l->n; k++) {
        if (!unseal_all(c, made.u.l->items[k], &made.u.l->items[k], e)) {
            return false;
        }
    }
    *out = made;
    return true;
}

/// error_on_undefined_vars = False: the text stays as it is, and that is no error.
static bool stays(const struct jinja_ctx *c, struct err *e) {
    if (e->code != ERR_UNDEFINED || !cache_dialect(c->cache)->undefined_stays) {
        return false;
    }
    err_clear(e);
    return true;
}

bool jinja_string(struct jinja_ctx *c, struct val s, struct val *out, struct err *e) {
    if (s.kind != VAL_STR || !(s.flags & VAL_TMPL)) {
        *out = s;
        return true;
    }
    if (s.flags & VAL_SEALED) {
        return unseal(c, s, out, e);
    }
    const struct tmpl *t = cache_get(c->cache, c->a, &(struct tmpl_key){val_text(s), s.mark, c->opts, false}, e);
    if (!t) {
        return false;
    }
    if (t->single_name.n) {
        const struct resolved *r = name_entry(c, t->single_name, str_hash(t->single_name), e);
        if (!r) {
            return false;
        }
        bool plain = r->v.kind == VAL_BOOL || r->v.kind == VAL_INT || r->v.kind == VAL_FLOAT || r->v.kind == VAL_NULL ||
                     is_big(r->v);
        struct str none = cache_dialect(c->cache)->null_text;
        if (r->v.kind == VAL_NULL && none.s) {
            *out = val_str(c->a, none);
            return true;
        }
        if (r->direct && plain) {
            *out = r->v;
            return true;
        }
    }
    unsigned secret = s.flags & VAL_SECRET;
    if (!run(c, t, s.mark, c->native ? CONCAT_NATIVE : CONCAT_EVAL, out, e)) {
        *out = val_at(val_flag(val_str(c->a, val_text(s)), s.flags & (unsigned)~VAL_TMPL), s.mark);
        return stays(c, e);
    }
    if (out->kind == VAL_STR) {
        *out = keep_newlines(c, val_text(s), *out, "\n");
    }
    if (secret && !(out->flags & VAL_SECRET)) {
        *out = val_reflag(c->a, *out, 0, VAL_SECRET);
        c->state.secret = true;
    }
    out->mark = s.mark.at ? s.mark : out->mark;
    return true;
}

bool jinja_value(struct jinja_ctx *c, struct val v, struct val *out, struct err *e) {
    if (!(v.flags & VAL_TMPL)) {
        *out = v;
        return true;
    }
    if (v.kind == VAL_STR) {
        return jinja_string(c, v, out, e);
    }
    if (v.kind != VAL_LIST && v.kind != VAL_TUPLE && v.kind != VAL_DICT) {
        *out = v;
        return true;
    }
    if (!nest_enter(c, e)) {
        return false;
    }
    bool ok = true;
    struct val made = v.kind == VAL_DICT   ? val_dict(c->a, v.u.d->live)
                      : v.kind == VAL_LIST ? val_list(c->a, v.u.l->n)
                                           : val_tuple(c->a, v.u.l->n);
    size_t i = 0;
    for (struct vpair *p = v.kind == VAL_DICT ? val_each(v, &i) : NULL; ok && p; p = val_each(v, &i)) {
        struct val item = {0};
        ok = jinja_value(c, p->value, &item, e);
        if (ok) {
            val_set_key(c->a, made, p->key, item);
        }
    }
    for (size_t k = 0; v.kind != VAL_DICT && ok && k < v.u.l->n; k++) {
        struct val item = {0};
        ok = jinja_value(c, v.u.l->items[k], &item, e);
        if (ok) {
            val_push(c->a, made, item);
        }
    }
    NEST_LEAVE(c);
    made.mark = v.mark;
    made.flags = v.flags & (uint8_t)~VAL_TMPL;
    *out = made;
    return ok;
}

bool jinja_render(struct jinja_ctx *c, struct str src, struct mark at, const struct jinja_opts *o, struct str *out,
                  struct err *e) {
    const struct jinja_opts *opts = c->opts;
    const struct tmpl *t = cache_get(c->cache, c->a, &(struct tmpl_key){src, at, o, false}, e);
    struct val v;
    if (!t) {
        return false;
    }
    c->opts = o;
    bool ok = run(c, t, at, CONCAT_TEXT, &v, e);
    c->opts = opts;
    if (!ok) {
        *out = str_dup(c->a, src);
        return o->ansible && stays(c, e);
    }
    if (v.kind != VAL_STR) {
        v = val_str(c->a, val_str_of(c->a, v));
    }
    *out = val_text(o->ansible ? keep_newlines(c, src, v, t->o.newline ? t->o.newline : "\n") : v);
    return true;
}

bool jinja_expr(struct jinja_ctx *c, struct str expr, struct mark at, bool allow_undef, struct val *out,
                struct err *e) {
    const struct tmpl *t = cache_get(c->cache, c->a, &(struct tmpl_key){expr, at, c->opts, true}, e);
    if (!t) {
        return false;
    }
    struct jinja_state saved = c->state;
    struct unit *u = ARENA_NEW(c->a, struct unit);
    *u = (struct unit){.t = t,
                       .base = at,
                       .top = locals_new(c->a, NULL),
                       .copies = locals_new(c->a, NULL),
                       .blocks = ARENA_NEW(c->a, struct block_set)};
    struct rt r = {.c = c, .a = c->a, .e = e, .u = u, .f = u->top};
    c->state.mode = c->native ? CONCAT_NATIVE : CONCAT_EVAL;
    c->state.untrusted = false;
    bool ok = expr_eval(&r, t->body, out);
    restore(c, &saved);
    if (!ok) {
        return false;
    }
    const struct val *bad = allow_undef ? NULL : undef_inside(out);
    if (bad && undef_strict(c, *bad)) {
        return undef_fail(c, *bad, rt_mark(&r, t->body), e);
    }
    c->state.secret = val_any_flag(*out, VAL_SECRET);
    return true;
}

struct val jinja_typed(struct jinja_ctx *c, struct val v) {
    struct val out = {0};
    if (v.kind != VAL_STR || c->native || (v.flags & VAL_SAFE_JSON) || !literal_eval(c->a, val_text(v), &out)) {
        return v;
    }
    return v.flags & VAL_SECRET ? val_reflag(c->a, out, 0, VAL_SECRET) : out;
}
