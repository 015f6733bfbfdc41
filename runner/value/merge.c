// Combining dicts and lists, as Ansible's combine filter.
#include "val.h"

static bool in_list(struct val list, struct val v) {
    for (size_t i = 0; i < list.u.l->n; i++) {
        if (val_equal(list.u.l->items[i], v)) {
            return true;
        }
    }
    return false;
}

// `first` then `second`; with `unless` items of the list it names are left out of the other one.
static struct val join(struct arena *a, struct val first, struct val second, struct val skip_in_first,
                       struct val skip_in_second) {
    struct val out = val_list(a, first.u.l->n + second.u.l->n);
    for (size_t i = 0; i < first.u.l->n; i++) {
        if (skip_in_first.kind != VAL_LIST || !in_list(skip_in_first, first.u.l->items[i])) {
            val_push(a, out, first.u.l->items[i]);
        }
    }
    for (size_t i = 0; i < second.u.l->n; i++) {
        if (skip_in_second.kind != VAL_LIST || !in_list(skip_in_second, second.u.l->items[i])) {
            val_push(a, out, second.u.l->items[i]);
        }
    }
    out.flags = (uint8_t)(first.flags | second.flags);
    return out;
}

static struct val merge_lists(struct arena *a, struct val low, struct val high, enum merge_lists how) {
    struct val none = {0};
    switch (how) {
    case MERGE_KEEP:
        return low;
    case MERGE_APPEND:
        return join(a, low, high, none, none);
    case MERGE_PREPEND:
        return join(a, high, low, none, none);
    case MERGE_APPEND_RP:
        return join(a, low, high, high, none);
    case MERGE_PREPEND_RP:
        return join(a, high, low, none, high);
    case MERGE_REPLACE:
        break;
    }
    return high;
}

struct val val_merge(struct arena *a, struct val low, struct val high, bool recursive, enum merge_lists lists) {
    if (low.kind != VAL_DICT || high.kind != VAL_DICT) {
        return high;
    }
    struct val out = val_copy(a, low);
    out.flags = (uint8_t)(low.flags | high.flags);
    size_t i = 0;
    for (struct vpair *p; (p = val_each(high, &i));) {
        struct val old = val_get_key(low, p->key);
        struct val now = p->value;
        if (recursive && old.kind == VAL_DICT && now.kind == VAL_DICT) {
            now = val_merge(a, old, now, recursive, lists);
        } else if (old.kind == VAL_LIST && now.kind == VAL_LIST) {
            now = merge_lists(a, old, now, lists);
        }
        val_set_key(a, out, p->key, now);
    }
    return out;
}
