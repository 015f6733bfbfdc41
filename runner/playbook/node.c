// Reading keywords: what a node inherits from blocks, imports, roles and its play.
#include "playbook.h"

static const struct task *as_include(const struct node *n) {
    if (n->kind != NODE_TASK && n->kind != NODE_HANDLER) {
        return NULL;
    }
    const struct task *t = (const struct task *)n;
    return t->kind == TASK_INCLUDE_TASKS || t->kind == TASK_INCLUDE_ROLE ? t : NULL;
}

/// Dynamic includes are passed over.
const struct node *node_heir_of(const struct node *n) {
    const struct node *p = n->parent;
    while (p && as_include(p)) {
        p = p->parent;
    }
    return p;
}

struct val node_kw_from(const struct node **n, enum keyword k) {
    for (; *n; *n = node_heir_of(*n)) {
        if ((*n)->kw[k].kind != VAL_UNDEF) {
            return (*n)->kw[k];
        }
    }
    return (struct val){0};
}

struct val node_kw(const struct node *n, enum keyword k) {
    return node_kw_from(&n, k);
}

/// Appends a keyword's value to `list`: the items of a list, or the value itself; null adds nothing.
static void add_items(struct arena *a, struct val list, struct val v) {
    if (v.kind == VAL_UNDEF || v.kind == VAL_NULL) {
        return;
    }
    if (!val_is_seq(v)) {
        val_push(a, list, v);
        return;
    }
    for (size_t i = 0; i < val_len(v); i++) {
        struct val item = val_at_index(v, i);
        if (item.kind != VAL_NULL) {
            val_push(a, list, item);
        }
    }
}

/// The values of `k` from the outermost parent inwards.
static struct val outside_in(const struct node *n, enum keyword k, struct arena *a) {
    size_t depth = 0;
    for (const struct node *p = n; p; p = node_heir_of(p)) {
        depth++;
    }
    const struct node **chain = ARENA_ARRAY(a, const struct node *, depth);
    size_t i = depth;
    for (const struct node *p = n; p; p = node_heir_of(p)) {
        chain[--i] = p;
    }
    struct val list = val_list(a, 4);
    for (i = 0; i < depth; i++) {
        add_items(a, list, chain[i]->kw[k]);
    }
    return list;
}

struct val node_tags(const struct node *n, struct arena *a) {
    struct val list = val_list(a, 4);
    for (const struct node *p = n; p; p = node_heir_of(p)) {
        add_items(a, list, p->kw[KW_TAGS]);
    }
    return list;
}

struct val node_whens(const struct node *n, struct arena *a) {
    return outside_in(n, KW_WHEN, a);
}

struct val node_environments(const struct node *n, struct arena *a) {
    return outside_in(n, KW_ENVIRONMENT, a);
}

struct val node_module_defaults(const struct node *n, struct arena *a) {
    return outside_in(n, KW_MODULE_DEFAULTS, a);
}

/// Adds the pairs of `from` that `to` does not have yet.
static void add_missing(struct arena *a, struct val to, struct val from) {
    if (from.kind != VAL_DICT) {
        return;
    }
    size_t i = 0;
    for (struct vpair *p; (p = val_each(from, &i));) {
        if (val_get_key(to, p->key).kind == VAL_UNDEF) {
            val_set_key(a, to, p->key, p->value);
        }
    }
}

struct val node_vars(const struct node *n, struct arena *a) {
    struct val all = val_dict(a, 4);
    for (const struct node *p = n; p; p = p->parent) {
        if (p->kind != NODE_PLAY && p->kind != NODE_ROLE) {
            add_missing(a, all, p->kw[KW_VARS]);
        }
    }
    return all;
}

struct val node_include_params(const struct node *n, struct arena *a) {
    struct val all = val_dict(a, 4);
    for (const struct node *p = n; p; p = p->parent) {
        if (as_include(p)) {
            add_missing(a, all, p->kw[KW_VARS]);
        }
    }
    return all;
}

bool node_conditional(const struct node *n) {
    for (; n; n = n->parent) {
        if (n->kw[KW_WHEN].kind != VAL_UNDEF && n->kw[KW_WHEN].kind != VAL_NULL) {
            return true;
        }
    }
    return false;
}

bool node_guarded(const struct node *n) {
    static const enum keyword excuses[] = {KW_WHEN, KW_FAILED_WHEN, KW_RESCUE, KW_IGNORE_ERRORS};
    for (; n; n = n->parent) {
        for (size_t i = 0; i < COUNTOF(excuses); i++) {
            struct val v = n->kw[excuses[i]];
            bool no = excuses[i] == KW_IGNORE_ERRORS && v.kind == VAL_BOOL && !v.u.b;
            if (v.kind != VAL_UNDEF && v.kind != VAL_NULL && !no) {
                return true;
            }
        }
    }
    return false;
}

struct task *node_include(const struct node *n) {
    for (struct node *p = n->parent; p; p = p->parent) {
        if (as_include(p)) {
            return (struct task *)p;
        }
    }
    return NULL;
}

struct play *node_play(struct node *n) {
    while (n && n->kind != NODE_PLAY) {
        n = n->parent;
    }
    return (struct play *)(void *)n;  // a play begins with its node
}
