// Changes to the inventory while a play runs: add_host and group_by. Only the coordinator calls them.
#include "inv_source.h"

static bool same_vars(struct val have, struct val want) {
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(want, &i))) {
        struct val old = val_get_key(have, p->key);
        if (old.kind == VAL_UNDEF || !val_equal(old, p->value)) {
            return false;
        }
    }
    return true;
}

static bool set_vars(struct inventory *inv, struct host *h, struct val vars) {
    if (vars.kind != VAL_DICT || same_vars(h->vars, vars)) {
        return false;
    }
    // A new dict: whoever caches layers of this host sees by the pointer that they are old.
    h->vars = val_merge(inv->a, h->vars, val_promote(inv->a, vars), false, MERGE_REPLACE);
    return true;
}

struct join {
    struct inventory *inv;
    struct host *h;
    bool changed, new_group;
};

static bool join_one(struct join *j, struct val name, struct err *e) {
    if (name.kind != VAL_STR) {
        return err_set(e, ERR_ARGS, name.mark, "a group name must be a string, not %s", val_kind_name(name.kind));
    }
    struct str text = str_trim(val_text(name));
    if (text.n == 0) {
        return true;
    }
    size_t before = j->inv->groups.n;
    struct group *g = inv_want_group(j->inv, text, name.mark, e);
    if (!g) {
        return false;
    }
    if (j->inv->groups.n != before) {
        j->new_group = true;
        if (!inv_add_child(j->inv, j->inv->all, g, name.mark, e)) {
            return false;
        }
    }
    j->changed = inv_join(j->inv, g, j->h) || j->changed;
    return true;
}

static bool join_groups(struct join *j, struct val groups, struct err *e) {
    if (groups.kind == VAL_STR) {
        struct str rest = val_text(groups);
        struct str part;
        while (str_next(&rest, ',', &part)) {
            if (!join_one(j, val_at(val_str(j->inv->a, part), groups.mark), e)) {
                return false;
            }
        }
        return true;
    }
    if (groups.kind == VAL_UNDEF || groups.kind == VAL_NULL) {
        return true;
    }
    if (!val_is_seq(groups)) {
        return err_set(e, ERR_ARGS, groups.mark, "groups must be a list of names, not %s", val_kind_name(groups.kind));
    }
    for (size_t i = 0; i < val_len(groups); i++) {
        if (!join_one(j, val_at_index(groups, i), e)) {
            return false;
        }
    }
    return true;
}

struct host *inv_add_host(struct inventory *inv, struct str name, struct val groups, struct val vars, bool *changed,
                          struct err *e) {
    size_t before = inv->nhosts;
    struct inv_source none = {.inv = inv, .file_val = VNULL, .dir_val = VNULL};
    struct host *h = inv_want_host(&none, name, inv->all, 0, vars.mark, e);
    if (!h) {
        return NULL;
    }
    struct join j = {.inv = inv, .h = h, .changed = inv->nhosts != before};
    j.changed = set_vars(inv, h, vars) || j.changed;
    if (!join_groups(&j, groups, e)) {
        return NULL;
    }
    if (j.changed || j.new_group) {
        inv_settle_host(inv, h);
        inv_freeze_host(inv, h);
    }
    *changed = j.changed || j.new_group;
    return h;
}

static bool add_parent(struct inventory *inv, struct group *g, struct val name, bool *changed, struct err *e) {
    if (name.kind != VAL_STR) {
        return err_set(e, ERR_ARGS, name.mark, "a parent group must be a string, not %s", val_kind_name(name.kind));
    }
    size_t before = inv->groups.n;
    struct group *parent = inv_want_group(inv, val_text(name), name.mark, e);
    if (!parent || (inv->groups.n != before && !inv_add_child(inv, inv->all, parent, name.mark, e))) {
        return false;
    }
    size_t had = g->nparents;
    if (!inv_add_child(inv, parent, g, name.mark, e)) {
        return false;
    }
    *changed = *changed || g->nparents != had || inv->groups.n != before;
    return true;
}

static bool add_parents(struct inventory *inv, struct group *g, struct val parents, bool *changed, struct err *e) {
    if (parents.kind == VAL_STR) {
        return add_parent(inv, g, parents, changed, e);
    }
    for (size_t i = 0; i < val_len(parents); i++) {
        if (!add_parent(inv, g, val_at_index(parents, i), changed, e)) {
            return false;
        }
    }
    return g->nparents > 0 || inv_add_child(inv, inv->all, g, g->at, e);
}

bool inv_group_by(struct inventory *inv, struct host *h, struct str group, struct val parents, bool *changed,
                  struct err *e) {
    size_t before = inv->groups.n;
    struct group *g = inv_want_group(inv, group, NO_MARK, e);
    if (!g) {
        return false;
    }
    bool edges = inv->groups.n != before;
    if (!add_parents(inv, g, parents, &edges, e)) {
        return false;
    }
    bool joined = inv_join(inv, g, h);
    if (joined) {
        inv_settle_host(inv, h);
    }
    if (edges) {
        inv_freeze(inv);
    } else if (joined) {
        inv_freeze_host(inv, h);
    }
    *changed = joined || edges;
    return true;
}
