// Filters that choose and rename the keys of dictionaries in a list: keep_keys, remove_keys, replace_keys of
// community.general.
#include "filters/keys.h"
#include "filters/support.h"
#include "regex.h"

static bool check_data(struct jcall *c, enum key_how *how, struct err *e) {
    static const char *const names[] = {"equal", "starts_with", "ends_with", "regex"};
    struct val data = c->args[0];
    struct str mode = STR_LIT("equal");
    if (!val_is_seq(data)) {
        return bad_arg(c, e, "data", "a list", data);
    }
    for (size_t i = 0; i < val_len(data); i++) {
        struct val d = val_at_index(data, i);
        size_t k = 0;
        if (d.kind != VAL_DICT) {
            return bad_arg(c, e, "data", "a list of dictionaries", d);
        }
        for (const struct vpair *p; (p = val_each(d, &k));) {
            if (p->key.kind != VAL_STR) {
                return plug_err(c, e, ERR_TYPE, "the keys must be strings, one is %s", kind_article(p->key));
            }
        }
    }
    if (!opt_none(c, 2) && !opt_str(c, 2, "matching_parameter", mode, &mode, e)) {
        return false;
    }
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (str_eqz(mode, names[i])) {
            *how = (enum key_how)i;
            return true;
        }
    }
    return plug_err(c, e, ERR_ARGS, "'matching_parameter' must be equal, starts_with, ends_with or regex, not '%.*s'",
                    STR(mode));
}

bool key_test_add(struct jcall *c, struct key_tests *t, enum key_how how, struct val text, struct err *e) {
    struct key_test *k = &t->p[t->n];
    if (text.kind != VAL_STR) {
        return bad_arg(c, e, "target", "made of strings", text);
    }
    *k = (struct key_test){.how = how, .text = val_text(text)};
    if (how == KEY_REGEX && !(k->re = regex_compile(c->a, k->text, 0, c->at, e))) {
        return err_wrap(e, c->at, "in '%s'", c->name);
    }
    t->n++;
    return true;
}

bool key_test_fits(struct jcall *c, const struct key_test *t, struct str key, bool *yes, struct err *e) {
    struct str x = t->text;
    int hit = 0;
    switch (t->how) {
    case KEY_EQUAL:
        *yes = str_eq(key, x);
        return true;
    case KEY_STARTS:
        *yes = key.n >= x.n && str_eq(str_sub(key, 0, x.n), x);
        return true;
    case KEY_ENDS:
        *yes = key.n >= x.n && str_eq(str_sub(key, key.n - x.n, key.n), x);
        return true;
    case KEY_REGEX:
        hit = regex_exec(t->re, key, 0, REGEX_MATCH, c->a, NULL, e);
        *yes = hit > 0;
        return hit >= 0;
    }
    return false;
}

bool key_first_fit(struct jcall *c, const struct key_tests *t, struct str key, const struct key_test **out,
                   struct err *e) {
    *out = NULL;
    for (size_t i = 0; i < t->n && !*out; i++) {
        bool yes = false;
        if (!key_test_fits(c, &t->p[i], key, &yes, e)) {
            return false;
        }
        *out = yes ? &t->p[i] : NULL;
    }
    return true;
}

static bool read_target(struct jcall *c, enum key_how how, struct key_tests *t, struct err *e) {
    struct val target = opt_val(c, 1);
    size_t n = val_is_seq(target) ? val_len(target) : 1;
    if (!val_is_seq(target) && target.kind != VAL_STR) {
        return bad_arg(c, e, "target", "a string or a list", target);
    }
    if (!n || (target.kind == VAL_STR && !val_text(target).n)) {
        return plug_err(c, e, ERR_ARGS, "'target' must not be empty");
    }
    if (how == KEY_REGEX && n > 1) {
        return plug_err(c, e, ERR_ARGS, "'target' must be one item when 'matching_parameter' is regex");
    }
    t->p = ARENA_ARRAY(c->a, struct key_test, n);
    for (size_t i = 0; i < n; i++) {
        if (!key_test_add(c, t, how, val_is_seq(target) ? val_at_index(target, i) : target, e)) {
            return false;
        }
    }
    return true;
}

static bool choose(struct jcall *c, bool keep, struct val *out, struct err *e) {
    enum key_how how = KEY_EQUAL;
    struct key_tests t = {0};
    if (!check_data(c, &how, e) || !read_target(c, how, &t, e)) {
        return false;
    }
    *out = val_list(c->a, val_len(c->args[0]));
    for (size_t i = 0; i < val_len(c->args[0]); i++) {
        struct val d = val_at_index(c->args[0], i), made = val_dict(c->a, val_len(d));
        size_t k = 0;
        for (const struct vpair *p; (p = val_each(d, &k));) {
            const struct key_test *fit;
            if (!key_first_fit(c, &t, val_text(p->key), &fit, e)) {
                return false;
            }
            if ((fit != NULL) == keep) {
                val_set_key(c->a, made, p->key, p->value);
            }
        }
        val_push(c->a, *out, made);
    }
    return true;
}

static bool f_keep_keys(struct jcall *c, struct val *out, struct err *e) {
    return choose(c, true, out, e);
}
FILTER(keep_keys) = {.doc = "The dictionaries of a list with only those keys that match.",
                     .params = "data, target=None, matching_parameter='equal'",
                     .fn = f_keep_keys,
                     .fqcn = "community.general.keep_keys",
                     .example = "[{'a': 1, 'b': 2}] | community.general.keep_keys('a') == [{'a': 1}]"};

static bool f_remove_keys(struct jcall *c, struct val *out, struct err *e) {
    return choose(c, false, out, e);
}
FILTER(remove_keys) = {.doc = "The dictionaries of a list without those keys that match.",
                       .params = "data, target=None, matching_parameter='equal'",
                       .fn = f_remove_keys,
                       .fqcn = "community.general.remove_keys",
                       .example = "[{'a': 1, 'b': 2}] | community.general.remove_keys('a') == [{'b': 2}]"};

static bool read_pairs(struct jcall *c, enum key_how how, struct key_tests *t, struct err *e) {
    struct val target = opt_val(c, 1);
    if (target.kind != VAL_LIST) {
        return bad_arg(c, e, "target", "a list", target);
    }
    if (!val_len(target)) {
        return plug_err(c, e, ERR_ARGS, "'target' must not be empty");
    }
    t->p = ARENA_ARRAY(c->a, struct key_test, val_len(target));
    for (size_t i = 0; i < val_len(target); i++) {
        struct val d = val_at_index(target, i), after = val_get(d, "after");
        if (d.kind != VAL_DICT || !val_has(d, "before") || after.kind != VAL_STR) {
            return plug_err(c, e, ERR_ARGS, "each item of 'target' must be a dictionary of texts 'before' and 'after'");
        }
        if (!key_test_add(c, t, how, val_get(d, "before"), e)) {
            return false;
        }
        t->p[i].after = val_text(after);
    }
    return true;
}

static bool f_replace_keys(struct jcall *c, struct val *out, struct err *e) {
    enum key_how how = KEY_EQUAL;
    struct key_tests t = {0};
    if (!check_data(c, &how, e) || !read_pairs(c, how, &t, e)) {
        return false;
    }
    *out = val_list(c->a, val_len(c->args[0]));
    for (size_t i = 0; i < val_len(c->args[0]); i++) {
        struct val d = val_at_index(c->args[0], i), made = val_dict(c->a, val_len(d));
        size_t k = 0;
        for (const struct vpair *p; (p = val_each(d, &k));) {
            const struct key_test *fit;
            if (!key_first_fit(c, &t, val_text(p->key), &fit, e)) {
                return false;
            }
            val_set_key(c->a, made, fit ? val_str(c->a, fit->after) : p->key, p->value);
        }
        val_push(c->a, *out, made);
    }
    return true;
}
FILTER(replace_keys) = {.doc = "The dictionaries of a list with the keys that match renamed.",
                        .params = "data, target=None, matching_parameter='equal'",
                        .fn = f_replace_keys,
                        .fqcn = "community.general.replace_keys",
                        .example = "[{'a': 1}] | community.general.replace_keys([{'before': 'a', 'after': 'b'}]) == "
                                   "[{'b': 1}]"};
