// Filters that choose and rename the keys of nested data: keep_keys, remove_keys, replace_keys of ansible.utils.
#include "filters/keys.h"
#include "filters/support.h"

#define DEPTH_MAX 200

static bool deep_target(struct jcall *c, bool pairs, struct key_tests *t, struct err *e) {
    static const char *const names[] = {"equality", "starts_with", "ends_with", "regex"};
    struct val target = c->args[1];
    struct str mode;
    size_t how = 0;
    if (!val_is_seq(c->args[0]) && c->args[0].kind != VAL_DICT) {
        return bad_arg(c, e, "data", "a list or a dictionary", c->args[0]);
    }
    if (target.kind != VAL_LIST) {
        return bad_arg(c, e, "target", "a list", target);
    }
    if (!opt_str(c, 2, "matching_parameter", STR_LIT("equality"), &mode, e)) {
        return false;
    }
    while (how < COUNTOF(names) && !str_eqz(mode, names[how])) {
        how++;
    }
    if (how == COUNTOF(names) || (how == 0 && !opt_none(c, 2))) {
        return plug_err(c, e, ERR_ARGS, "'matching_parameter' must be starts_with, ends_with or regex, not '%.*s'",
                        STR(mode));
    }
    t->p = ARENA_ARRAY(c->a, struct key_test, val_len(target) + 1);
    for (size_t i = 0; i < val_len(target); i++) {
        struct val item = val_at_index(target, i);
        if (pairs && (item.kind != VAL_DICT || !val_has(item, "before") || val_get(item, "after").kind != VAL_STR)) {
            return plug_err(c, e, ERR_ARGS, "each item of 'target' must be a dictionary of texts 'before' and 'after'");
        }
        if (!key_test_add(c, t, (enum key_how)how, pairs ? val_get(item, "before") : item, e)) {
            return false;
        }
        t->p[i].after = pairs ? val_text(val_get(item, "after")) : STR_NONE;
    }
    return true;
}

static bool too_deep(struct jcall *c, unsigned depth, struct err *e) {
    return depth > DEPTH_MAX ? !plug_err(c, e, ERR_LIMIT, "the data is nested deeper than %d levels", DEPTH_MAX)
                             : false;
}

static bool key_fits(struct jcall *c, const struct key_tests *t, struct val key, const struct key_test **fit,
                     struct err *e) {
    *fit = NULL;
    if (key.kind != VAL_STR) {
        return plug_err(c, e, ERR_TYPE, "the keys must be strings, one is %s", kind_article(key));
    }
    return key_first_fit(c, t, val_text(key), fit, e);
}

static bool is_nothing(struct val v) {
    return v.kind == VAL_NULL || ((v.kind == VAL_LIST || v.kind == VAL_DICT) && !val_len(v));
}

static bool keep_deep(struct jcall *c, const struct key_tests *t, struct val v, unsigned depth, struct val *out,
                      struct err *e) {
    *out = VNULL;
    if (too_deep(c, depth, e)) {
        return false;
    }
    if (v.kind == VAL_LIST) {
        *out = val_list(c->a, val_len(v));
        for (size_t i = 0; i < val_len(v); i++) {
            struct val made;
            if (!keep_deep(c, t, val_at_index(v, i), depth + 1, &made, e)) {
                return false;
            }
            if (!is_nothing(made)) {
                val_push(c->a, *out, made);
            }
        }
    } else if (v.kind == VAL_DICT) {
        size_t k = 0;
        *out = val_dict(c->a, val_len(v));
        for (const struct vpair *p; (p = val_each(v, &k));) {
            const struct key_test *fit;
            struct val made = p->value;
            if (!key_fits(c, t, p->key, &fit, e) || (!fit && !keep_deep(c, t, p->value, depth + 1, &made, e))) {
                return false;
            }
            if (fit || !is_nothing(made)) {
                val_set_key(c->a, *out, p->key, made);
            }
        }
    }
    return true;
}

static bool f_keep_deep(struct jcall *c, struct val *out, struct err *e) {
    struct key_tests t = {0};
    return deep_target(c, false, &t, e) && keep_deep(c, &t, c->args[0], 0, out, e);
}
FILTER(utils_keep_keys) = {.doc = "Nested data with only those keys that match, and what leads to them.",
                           .params = "data, target, matching_parameter=None",
                           .fn = f_keep_deep,
                           .fqcn = "ansible.utils.keep_keys",
                           .example = "{'a': 1, 'b': {'a': 2, 'c': 3}} | ansible.utils.keep_keys(['a']) == "
                                      "{'a': 1, 'b': {'a': 2}}"};

typedef bool deep_fn(struct jcall *c, const struct key_tests *t, struct val v, unsigned depth, struct val *out,
                     struct err *e);

static bool each_item(struct jcall *c, const struct key_tests *t, deep_fn *fn, struct val list, unsigned depth,
                      struct val *out, struct err *e) {
    *out = val_list(c->a, val_len(list));
    for (size_t i = 0; i < val_len(list); i++) {
        struct val made;
        if (!fn(c, t, val_at_index(list, i), depth + 1, &made, e)) {
            return false;
        }
        val_push(c->a, *out, made);
    }
    return true;
}

static bool remove_deep(struct jcall *c, const struct key_tests *t, struct val v, unsigned depth, struct val *out,
                        struct err *e) {
    *out = v;
    if (too_deep(c, depth, e)) {
        return false;
    }
    if (v.kind == VAL_LIST) {
        return each_item(c, t, remove_deep, v, depth, out, e);
    }
    if (v.kind == VAL_DICT) {
        size_t k = 0;
        *out = val_dict(c->a, val_len(v));
        for (const struct vpair *p; (p = val_each(v, &k));) {
            const struct key_test *fit;
            struct val made;
            if (!key_fits(c, t, p->key, &fit, e) || (!fit && !remove_deep(c, t, p->value, depth + 1, &made, e))) {
                return false;
            }
            if (!fit) {
                val_set_key(c->a, *out, p->key, made);
            }
        }
    }
    return true;
}

/// As there: what is empty or false leaves the lists.
static struct val clear_deep(struct arena *a, struct val v) {
    struct val out = v;
    if (v.kind == VAL_LIST) {
        out = val_list(a, val_len(v));
        for (size_t i = 0; i < val_len(v); i++) {
            if (val_truth(val_at_index(v, i))) {
                val_push(a, out, clear_deep(a, val_at_index(v, i)));
            }
        }
    } else if (v.kind == VAL_DICT) {
        size_t k = 0;
        out = val_dict(a, val_len(v));
        for (const struct vpair *p; (p = val_each(v, &k));) {
            val_set_key(a, out, p->key, clear_deep(a, p->value));
        }
    }
    return out;
}

static bool f_remove_deep(struct jcall *c, struct val *out, struct err *e) {
    struct key_tests t = {0};
    if (!deep_target(c, false, &t, e) || !remove_deep(c, &t, c->args[0], 0, out, e)) {
        return false;
    }
    *out = clear_deep(c->a, *out);
    return true;
}
FILTER(utils_remove_keys) = {.doc = "Nested data without those keys that match.",
                             .params = "data, target, matching_parameter=None",
                             .fn = f_remove_deep,
                             .fqcn = "ansible.utils.remove_keys",
                             .example = "{'a': 1, 'b': {'a': 2, 'c': 3}} | ansible.utils.remove_keys(['a']) == "
                                        "{'b': {'c': 3}}"};

/// One renaming: what is renamed goes to the end, or takes the place of the key that it becomes.
static bool rename_keys(struct jcall *c, const struct key_test *t, struct val *d, struct err *e) {
    struct val keys = val_list(c->a, val_len(*d));
    size_t k = 0;
    for (const struct vpair *p; (p = val_each(*d, &k));) {
        if (p->key.kind != VAL_STR) {
            return plug_err(c, e, ERR_TYPE, "the keys must be strings, one is %s", kind_article(p->key));
        }
        val_push(c->a, keys, p->key);
    }
    for (size_t i = 0; i < val_len(keys); i++) {
        struct val key = val_at_index(keys, i), v = val_get_key(*d, key);
        bool yes = false;
        if (!key_test_fits(c, t, val_text(key), &yes, e)) {
            return false;
        }
        if (yes && !is_undef(v)) {
            val_del_key(*d, key);
            val_set_str(c->a, *d, t->after, v);
        }
    }
    return true;
}

static bool replace_deep(struct jcall *c, const struct key_tests *t, struct val v, unsigned depth, struct val *out,
                         struct err *e) {
    *out = v;
    if (too_deep(c, depth, e)) {
        return false;
    }
    if (v.kind == VAL_LIST) {
        return each_item(c, t, replace_deep, v, depth, out, e);
    }
    if (v.kind == VAL_DICT) {
        struct val d = val_dict(c->a, val_len(v));
        size_t k = 0;
        for (const struct vpair *p; (p = val_each(v, &k));) {
            val_set_key(c->a, d, p->key, p->value);
        }
        for (size_t i = 0; i < t->n; i++) {
            if (!rename_keys(c, &t->p[i], &d, e)) {
                return false;
            }
        }
        *out = val_dict(c->a, val_len(d));
        k = 0;
        for (const struct vpair *p; (p = val_each(d, &k));) {
            struct val made;
            if (!replace_deep(c, t, p->value, depth + 1, &made, e)) {
                return false;
            }
            val_set_key(c->a, *out, p->key, made);
        }
    }
    return true;
}

static bool f_replace_deep(struct jcall *c, struct val *out, struct err *e) {
    struct key_tests t = {0};
    return deep_target(c, true, &t, e) && replace_deep(c, &t, c->args[0], 0, out, e);
}
FILTER(utils_replace_keys) = {
    .doc = "Nested data with the keys that match renamed.",
    .params = "data, target, matching_parameter=None",
    .fn = f_replace_deep,
    .fqcn = "ansible.utils.replace_keys",
    .example = "{'b': [{'a': 1}]} | ansible.utils.replace_keys([{'before': 'a', 'after': 'c'}]) == "
               "{'b': [{'c': 1}]}"};
