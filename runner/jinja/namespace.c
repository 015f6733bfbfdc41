// Namespaces: objects whose attributes a template sets, and what a value may hold.
#include "ast.h"

struct space {
    struct vobj o;
    struct val vars;
    bool busy;  // someone goes through vars, which may hold this
};

static bool space_get(struct val self, struct str attr, struct arena *a, struct val *out) {
    (void)a;
    const struct space *s = (const struct space *)(const void *)self.u.o;
    *out = val_get_str(s->vars, attr);
    return out->kind != VAL_UNDEF || out->u.undef;
}

static struct space *space_of(struct val v) {
    union {
        const struct vobj *o;
        struct space *s;
    } u = {.o = v.u.o};
    return u.s;
}

static void space_str(struct val self, struct buf *out) {
    struct space *s = space_of(self);
    bool inside = s->busy;
    buf_z(out, "<Namespace ");
    s->busy = true;
    if (inside) {
        buf_z(out, "{...}");
    } else {
        val_to_repr(out, s->vars);
    }
    s->busy = inside;
    buf_char(out, '>');
}

static const struct obj_type space_type = {.name = "Namespace", .get = space_get, .str = space_str};

#define HOLD_DEPTH 200

static bool may_hold(const void *into, struct val v, unsigned depth);

/// Namespaces may hold each other and themselves, with nothing between them.
static bool space_may_hold(const void *into, struct val v, unsigned depth) {
    struct space *s = space_of(v);
    if (s->busy) {
        return true;
    }
    bool ok = true;
    size_t i = 0;
    s->busy = true;
    for (struct vpair *p = val_each(s->vars, &i); p && ok; p = val_each(s->vars, &i)) {
        ok = (is_namespace(p->value) && p->value.u.o == into) || may_hold(into, p->value, depth + 1);
    }
    s->busy = false;
    return ok;
}

/// False when `v` is nested too deep or reaches `into`.
static bool may_hold(const void *into, struct val v, unsigned depth) {
    if (depth > HOLD_DEPTH) {
        return false;
    }
    if (v.kind == VAL_LIST || v.kind == VAL_TUPLE) {
        for (size_t i = 0; i < v.u.l->n; i++) {
            if (!may_hold(into, v.u.l->items[i], depth + 1)) {
                return false;
            }
        }
        return v.u.l != into;
    }
    if (v.kind == VAL_DICT) {
        size_t i = 0;
        for (struct vpair *p = val_each(v, &i); p; p = val_each(v, &i)) {
            if (!may_hold(into, p->value, depth + 1)) {
                return false;
            }
        }
        return v.u.d != into;
    }
    return !is_namespace(v) || (v.u.o != into && space_may_hold(into, v, depth));
}

bool val_may_hold(const void *into, struct val v, struct mark at, struct err *e) {
    return may_hold(into, v, 0)
               ? true
               : err_set(e, ERR_LIMIT, at, "a value may not contain itself or nest deeper than %d levels", HOLD_DEPTH);
}

bool is_namespace(struct val v) {
    return v.kind == VAL_OBJ && v.u.o->type == &space_type;
}

bool namespace_set(struct arena *a, struct val ns, struct str name, struct val v, struct err *e) {
    if (!(is_namespace(v) && v.u.o == ns.u.o) && !val_may_hold(ns.u.o, v, NO_MARK, e)) {
        return false;
    }
    val_set_str(a, ((const struct space *)(const void *)ns.u.o)->vars, name, v);
    return true;
}

bool make_namespace(struct jcall *c, struct val *out, struct err *e) {
    struct space *s = ARENA_NEW(c->a, struct space);
    s->o.type = &space_type;
    s->vars = val_dict(c->a, 4);
    for (size_t i = 0; i < c->nargs; i++) {
        if (c->args[i].kind != VAL_DICT) {
            return err_set(e, ERR_TYPE, c->at, "namespace() takes dicts and keywords, not %s",
                           val_type_name(c->args[i]));
        }
        s->vars = val_merge(c->a, s->vars, c->args[i], false, MERGE_REPLACE);
    }
    if (c->kwargs.kind == VAL_DICT) {
        s->vars = val_merge(c->a, s->vars, c->kwargs, false, MERGE_REPLACE);
    }
    s->vars = val_copy(c->a, s->vars);
    *out = val_obj(&s->o);
    return true;
}
