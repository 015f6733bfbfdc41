// Lists of tasks and blocks.
#include "parse.h"

void steps_task(struct arena *a, struct steps *s, struct task *t) {
    struct step it = {.kind = STEP_TASK, .u.task = t};
    VEC_PUSH(a, *s, it);
}

void steps_block(struct arena *a, struct steps *s, struct block *b) {
    struct step it = {.kind = STEP_BLOCK, .u.block = b};
    VEC_PUSH(a, *s, it);
}

struct block *block_implicit(const struct ctx *c, struct mark at) {
    struct block *b = ARENA_NEW(c->l->a, struct block);
    node_init(&b->n, NODE_BLOCK, c, at);
    b->implicit = true;
    return b;
}

static bool is_block(struct val d) {
    return val_has(d, "block") || val_has(d, "rescue") || val_has(d, "always");
}

/// `rescue` and `always` need something to follow.
static bool needs_block(const struct block *b, enum keyword k, size_t n, struct err *e) {
    if (!n || b->body.n) {
        return true;
    }
    return err_set(e, ERR_ARGS, b->n.kw[k].mark, "'%s' needs a 'block' with tasks", keyword_docs[k].name);
}

/// A list of handlers may have blocks, whose tasks are then handlers; those blocks may have none.
static bool in_handler_block(const struct ctx *c) {
    return c->handlers && c->parent->kind == NODE_BLOCK && !((const struct block *)(const void *)c->parent)->implicit;
}

static bool block_parse(const struct ctx *c, struct val d, struct block **out, struct err *e) {
    struct block *b = ARENA_NEW(c->l->a, struct block);
    node_init(&b->n, NODE_BLOCK, c, d.mark);
    if (in_handler_block(c)) {
        err_set(e, ERR_ARGS, d.mark, "Using a block as a handler is not supported.");
        return err_hint(e, "list its tasks as handlers with the same 'listen'");
    }
    if (!fields_take(c->l, &b->n, d, ON_BLOCK, "a Block", e)) {
        return false;
    }
    struct ctx in = *c;
    in.parent = &b->n;
    if (!steps_parse(&in, b->n.kw[KW_BLOCK], "block", &b->body, e) ||
        !steps_parse(&in, b->n.kw[KW_RESCUE], "rescue", &b->rescue, e) ||
        !steps_parse(&in, b->n.kw[KW_ALWAYS], "always", &b->always, e) || !needs_block(b, KW_RESCUE, b->rescue.n, e) ||
        !needs_block(b, KW_ALWAYS, b->always.n, e)) {
        return false;
    }
    *out = b;
    return true;
}

static bool add_task(const struct ctx *c, struct val d, struct steps *out, struct err *e) {
    struct task *t = NULL;
    enum act act = ACT_UNKNOWN;
    if (!task_parse(c, d, &t, &act, e)) {
        return false;
    }
    if (act == ACT_IMPORT_TASKS || (act == ACT_INCLUDE && include_is_static(t))) {
        return import_tasks(c, t, out, e);
    }
    if (act == ACT_IMPORT_ROLE) {
        return import_role(c, t, out, e);
    }
    steps_task(c->l->a, out, t);
    return true;
}

static bool not_a_task(const struct ctx *c, struct val v, struct err *e) {
    const char *what = c->handlers ? "handler" : "task";
    if (v.kind == VAL_STR && !(v.flags & VAL_SECRET)) {
        struct str s = val_text(v);
        err_set(e, ERR_SYNTAX, v.mark, "a %s must be a dictionary, not the string '%.*s'", what,
                STR(str_sub(s, 0, s.n > 60 ? 60 : s.n)));
    } else {
        err_set(e, ERR_SYNTAX, v.mark, "a %s must be a dictionary, not %s", what, val_kind_name(v.kind));
    }
    return err_hint(e, "write \"- module: arguments\", with a space behind the colon");
}

bool steps_parse(const struct ctx *c, struct val list, const char *what, struct steps *out, struct err *e) {
    struct val items = {0};
    if (list.kind != VAL_LIST && list.kind != VAL_NULL && list.kind != VAL_UNDEF) {
        return err_set(e, ERR_SYNTAX, list.mark,
                       "A malformed block was encountered while loading %s: %.*s should be a list or None", what,
                       STR(val_str_of(c->l->a, list)));
    }
    if (!list_of(c->l->a, list, what, &items, e)) {
        return false;
    }
    for (size_t i = 0; i < val_len(items); i++) {
        struct val d = val_at_index(items, i);
        if (d.kind == VAL_NULL) {
            pb_warn(c->l, d.mark, "an empty item in '%s' is ignored", what);
            continue;
        }
        if (d.kind != VAL_DICT) {
            return not_a_task(c, d, e);
        }
        if (is_block(d)) {
            struct block *b = NULL;
            if (!block_parse(c, d, &b, e)) {
                return false;
            }
            steps_block(c->l->a, out, b);
        } else if (!add_task(c, d, out, e)) {
            return false;
        }
    }
    return true;
}

/// The tasks of a list of handlers; of its blocks, those of `block`, as in Ansible.
static void handlers_flatten(struct arena *a, const struct steps *from, struct steps *to) {
    for (size_t i = 0; i < from->n; i++) {
        if (from->p[i].kind == STEP_BLOCK) {
            handlers_flatten(a, &from->p[i].u.block->body, to);
        } else {
            steps_task(a, to, from->p[i].u.task);
        }
    }
}

bool handlers_parse(const struct ctx *c, struct val list, const char *what, struct task ***out, size_t *n,
                    struct err *e) {
    struct ctx in = *c;
    in.handlers = true;
    struct steps parsed = {0};
    struct steps steps = {0};
    if (!steps_parse(&in, list, what, &parsed, e)) {
        return false;
    }
    handlers_flatten(c->l->a, &parsed, &steps);
    *out = ARENA_ARRAY(c->l->a, struct task *, steps.n + 1);
    for (size_t i = 0; i < steps.n; i++) {
        (*out)[i] = steps.p[i].u.task;
    }
    *n = steps.n;
    return true;
}
