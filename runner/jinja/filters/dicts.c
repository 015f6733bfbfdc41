// Filters on dictionaries: combine, dict2items, items2dict, dictsort, items, extract, subelements, rekey_on_member.
#include "filters/support.h"
#include "filters/text.h"

static bool merge_kind(struct jcall *c, enum merge_lists *out, struct err *e) {
    static const char *const names[] = {"replace", "keep", "append", "prepend", "append_rp", "prepend_rp"};
    static const enum merge_lists kinds[] = {MERGE_REPLACE, MERGE_KEEP,      MERGE_APPEND,
                                             MERGE_PREPEND, MERGE_APPEND_RP, MERGE_PREPEND_RP};
    struct val v = opt_kw(c, "list_merge");
    *out = MERGE_REPLACE;
    if (is_undef(v) && !v.u.undef) {
        return true;
    }
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (str_eqz(val_text(v), names[i])) {
            *out = kinds[i];
            return true;
        }
    }
    return plug_err(c, e, ERR_ARGS,
                    "'list_merge' must be replace, keep, append, prepend, append_rp or prepend_rp, not '%.*s'",
                    STR(text_of(c, v)));
}

static bool combine_push(struct jcall *c, struct val list, struct val v, struct err *e) {
    if (v.kind == VAL_NULL || (v.kind == VAL_STR && (str_eqz(val_text(v), "None") || str_eqz(val_text(v), "null")))) {
        return true;
    }
    if (!need_defined(c, v, e) || (is_mapping(v) && !as_dict(c, "value", v, &v, e))) {
        return false;
    }
    val_push(c->a, list, v);
    return true;
}

/// The dictionaries of `all` merged, the last one wins.
static bool combine_all(struct jcall *c, struct val all, bool recursive, enum merge_lists lists, struct val *out,
                        struct err *e) {
    size_t n = val_len(all);
    *out = n ? val_at_index(all, n - 1) : val_dict(c->a, 0);
    for (size_t i = n; i > 1; i--) {
        struct val low = val_at_index(all, i - 2);
        if (low.kind != VAL_DICT || out->kind != VAL_DICT) {
            return err_set(e, ERR_TYPE, c->at,
                           "failed to combine variables, expected dicts but got a '%s' and a '%s': \n%.*s\n%.*s",
                           val_type_name(low), val_type_name(*out), STR(val_str_of(c->a, low)),
                           STR(val_str_of(c->a, *out)));
        }
        *out = val_merge(c->a, low, *out, recursive, lists);
    }
    return true;
}

static bool f_combine(struct jcall *c, struct val *out, struct err *e) {
    static const char *const names[] = {"recursive", "list_merge", NULL};
    enum merge_lists lists;
    if (!only_kw(c, names, e)) {
        err_clear(e);
        return err_set(e, ERR_ARGS, c->at, "'recursive' and 'list_merge' are the only valid keyword arguments");
    }
    if (!merge_kind(c, &lists, e)) {
        return false;
    }
    struct val rec = opt_kw(c, "recursive");
    bool recursive = !is_undef(rec) && val_truth(rec);
    struct val all = val_list(c->a, c->nargs);
    for (size_t i = 0; i < c->nargs; i++) {
        struct val v = c->args[i];
        if (!val_is_seq(v)) {
            if (!combine_push(c, all, v, e)) {
                return false;
            }
            continue;
        }
        for (size_t k = 0; k < val_len(v); k++) {
            if (!combine_push(c, all, val_at_index(v, k), e)) {
                return false;
            }
        }
    }
    return combine_all(c, all, recursive, lists, out, e);
}
FILTER(combine) = {.doc = "Dictionaries merged, later ones win.",
                   .params = "*, **",
                   .fn = f_combine,
                   .example = "{'a': {'x': 1}} | combine({'a': {'y': 2}}, recursive=True) == {'a': {'x': 1, 'y': 2}}"};

static bool key_names(struct jcall *c, struct val *key, struct val *value, struct err *e) {
    *key = arg_given(c, 1) ? c->args[1] : val_z(c->a, "key");
    *value = arg_given(c, 2) ? c->args[2] : val_z(c->a, "value");
    return need_defined(c, *key, e) && need_defined(c, *value, e);
}

static bool f_dict2items(struct jcall *c, struct val *out, struct err *e) {
    struct val kn, vn, d = c->args[0];
    if (!need_defined(c, d, e)) {
        return false;
    }
    if (!is_mapping(d)) {
        return err_set(e, ERR_TYPE, c->at, "dict2items requires a dictionary, got %s instead", kind_article(d));
    }
    if (!as_dict(c, "value", d, &d, e)) {
        return false;
    }
    if (!key_names(c, &kn, &vn, e)) {
        return false;
    }
    *out = val_list(c->a, val_len(d));
    size_t i = 0;
    const struct vpair *p;
    while ((p = val_each(d, &i)) != NULL) {
        struct val item = val_dict(c->a, 2);
        val_set_key(c->a, item, kn, p->key);
        val_set_key(c->a, item, vn, p->value);
        val_push(c->a, *out, item);
    }
    return true;
}
FILTER(dict2items) = {.doc = "A dictionary as a list of key and value.",
                      .params = "mydict, key_name='key', value_name='value'",
                      .fn = f_dict2items,
                      .example = "{'a': 1} | dict2items == [{'key': 'a', 'value': 1}]"};

static bool f_items2dict(struct jcall *c, struct val *out, struct err *e) {
    struct val kn, vn, l = c->args[0];
    if (!val_is_seq(l)) {
        return need_defined(c, l, e) &&
               err_set(e, ERR_TYPE, c->at, "items2dict requires a list, got %s instead", kind_article(l));
    }
    if (!key_names(c, &kn, &vn, e)) {
        return false;
    }
    *out = val_dict(c->a, val_len(l));
    for (size_t i = 0; i < val_len(l); i++) {
        struct val item = val_at_index(l, i);
        if (item.kind != VAL_DICT) {
            return err_set(e, ERR_TYPE, c->at, "items2dict requires a list of dictionaries, item %zu is %s", i,
                           kind_article(item));
        }
        struct val k = val_get_key(item, kn), v = val_get_key(item, vn);
        if ((is_undef(k) && !k.u.undef) || (is_undef(v) && !v.u.undef)) {
            return err_set(e, ERR_TYPE, c->at,
                           "items2dict requires each dictionary in the list to contain the keys '%.*s' and '%.*s', "
                           "item %zu does not",
                           STR(text_of(c, kn)), STR(text_of(c, vn)), i);
        }
        if (!val_hashable(k)) {
            return plug_err(c, e, ERR_TYPE, "%s cannot be a key", kind_article(k));
        }
        val_set_key(c->a, *out, k, v);
    }
    return true;
}
FILTER(items2dict) = {.doc = "A list of key and value as a dictionary.",
                      .params = "mylist, key_name='key', value_name='value'",
                      .fn = f_items2dict,
                      .example = "[{'key': 'a', 'value': 1}] | items2dict == {'a': 1}"};

static struct val pair_of(struct jcall *c, struct val a, struct val b) {
    struct val t = val_tuple(c->a, 2);
    val_push(c->a, t, a);
    val_push(c->a, t, b);
    return t;
}

static bool f_items(struct jcall *c, struct val *out, struct err *e) {
    struct val d = c->args[0];
    *out = val_list(c->a, val_len(d));
    as_generator(c, out);
    if (is_undef(d)) {
        return true;
    }
    if (!as_dict(c, "value", d, &d, e)) {
        return false;
    }
    size_t i = 0;
    const struct vpair *p;
    while ((p = val_each(d, &i)) != NULL) {
        val_push(c->a, *out, pair_of(c, p->key, p->value));
    }
    return true;
}
FILTER(items) = {.doc = "Pairs of key and value.",
                 .params = "value",
                 .takes_undef = true,
                 .lazy = true,
                 .fn = f_items,
                 .example = "{'a': 1} | items | list == [('a', 1)]"};

static bool f_dictsort(struct jcall *c, struct val *out, struct err *e) {
    bool exact = false, reverse = false;
    struct str by;
    struct val d = c->args[0];
    if (!as_dict(c, "value", d, &d, e)) {
        return false;
    }
    if (!arg_bool(c, 1, false, &exact, e) || !opt_str(c, 2, "by", STR_LIT("key"), &by, e) ||
        !arg_bool(c, 3, false, &reverse, e)) {
        return false;
    }
    bool by_value = str_eqz(by, "value");
    if (!by_value && !str_eqz(by, "key")) {
        return plug_err(c, e, ERR_ARGS, "'by' must be key or value, not '%.*s'", STR(by));
    }
    struct sort_item *items = ARENA_ARRAY(c->a, struct sort_item, val_len(d) + 1);
    size_t n = 0, i = 0;
    const struct vpair *p;
    while ((p = val_each(d, &i)) != NULL) {
        struct val k = by_value ? p->value : p->key;
        items[n].key = exact ? k : ignore_case(c->a, k);
        items[n++].value = pair_of(c, p->key, p->value);
    }
    if (!sort_items(c, items, n, reverse, e)) {
        return false;
    }
    *out = val_list(c->a, n);
    for (i = 0; i < n; i++) {
        val_push(c->a, *out, items[i].value);
    }
    return true;
}
FILTER(dictsort) = {.doc = "Pairs of a dictionary, sorted.",
                    .params = "value, case_sensitive=False, by='key', reverse=False",
                    .fn = f_dictsort,
                    .example = "{'b': 1, 'a': 2} | dictsort == [('a', 2), ('b', 1)]"};

static bool f_extract(struct jcall *c, struct val *out, struct err *e) {
    struct val more = opt_val(c, 2);
    *out = c->args[1];
    if (is_undef(*out)) {
        return true;
    }
    if (!jinja_getitem(c->ctx, *out, c->args[0], c->at, out, e)) {
        return false;
    }
    if (opt_none(c, 2)) {
        return true;
    }
    if (more.kind != VAL_LIST) {
        return is_undef(*out) || jinja_getitem(c->ctx, *out, more, c->at, out, e);
    }
    for (size_t i = 0; i < val_len(more) && !is_undef(*out); i++) {
        if (!jinja_getitem(c->ctx, *out, val_at_index(more, i), c->at, out, e)) {
            return false;
        }
    }
    return true;
}
FILTER(extract) = {.doc = "The item of a container by key.",
                   .params = "item, container, morekeys=None",
                   .fn = f_extract,
                   .example = "[0, 2] | map('extract', ['x', 'y', 'z']) | list == ['x', 'z']"};

// -- subelements -----------------------------------------------------------------------------------------------------

/// The list under the path inside `item`; *found false when a key is missing and that is allowed.
static bool sub_list(struct jcall *c, struct val item, struct val path, bool skip, struct val *out, struct err *e) {
    *out = item;
    for (size_t i = 0; i < val_len(path); i++) {
        struct val k = val_at_index(path, i);
        if (out->kind != VAL_DICT) {
            return plug_err(c, e, ERR_TYPE, "the key '%.*s' should point to a dictionary, found %s", STR(text_of(c, k)),
                            kind_article(*out));
        }
        struct val v = val_get_key(*out, k);
        if (is_undef(v) && !v.u.undef) {
            if (skip) {
                *out = val_list(c->a, 0);
                return true;
            }
            return plug_err(c, e, ERR_ARGS, "could not find the key '%.*s' in the item", STR(text_of(c, k)));
        }
        *out = v;
    }
    if (out->kind != VAL_LIST) {
        return plug_err(c, e, ERR_TYPE, "the key '%.*s' should point to a list, found %s",
                        STR(text_of(c, val_at_index(path, val_len(path) - 1))), kind_article(*out));
    }
    return true;
}

static bool sub_path(struct jcall *c, struct val *path, struct err *e) {
    struct val p = c->args[1];
    *path = p;
    if (p.kind == VAL_STR) {
        *path = val_list(c->a, 4);
        struct str rest = val_text(p), part;
        while (str_next(&rest, '.', &part)) {
            val_push(c->a, *path, val_str(c->a, part));
        }
    } else if (p.kind != VAL_LIST) {
        return need_defined(c, p, e) &&
               err_set(e, ERR_TYPE, c->at, "subelements must be a list or a string, not %s", kind_article(p));
    }
    return val_len(*path) || plug_err(c, e, ERR_ARGS, "'subelements' must not be empty");
}

static bool f_subelements(struct jcall *c, struct val *out, struct err *e) {
    bool skip = false;
    struct val path, all = c->args[0];
    if (is_mapping(all)) {
        if (!as_dict(c, "obj", all, &all, e)) {
            return false;
        }
        struct val l = val_list(c->a, val_len(all));
        size_t i = 0;
        const struct vpair *p;
        while ((p = val_each(all, &i)) != NULL) {
            val_push(c->a, l, p->value);
        }
        all = l;
    } else if (all.kind != VAL_LIST) {
        return need_defined(c, all, e) && err_set(e, ERR_TYPE, c->at, "obj must be a list of dicts or a nested dict");
    }
    if (!arg_bool(c, 2, false, &skip, e) || !sub_path(c, &path, e)) {
        return false;
    }
    *out = val_list(c->a, 8);
    for (size_t i = 0; i < val_len(all); i++) {
        struct val l;
        if (!sub_list(c, val_at_index(all, i), path, skip, &l, e)) {
            return false;
        }
        for (size_t k = 0; k < val_len(l); k++) {
            val_push(c->a, *out, pair_of(c, val_at_index(all, i), val_at_index(l, k)));
        }
    }
    return true;
}
FILTER(subelements) = {
    .doc = "Each item with each element of a list inside it.",
    .params = "obj, subelements, skip_missing=False",
    .fn = f_subelements,
    .example = "([{'n': 1, 'l': ['a', 'b']}] | subelements('l') | map('last') | list) == ['a', 'b']"};

static bool rekey_one(struct jcall *c, struct val item, bool overwrite, struct val out, struct err *e) {
    if (item.kind != VAL_DICT) {
        return need_defined(c, item, e) &&
               plug_err(c, e, ERR_TYPE, "List item is not a valid dict, it is %s", kind_article(item));
    }
    struct val k = val_get_key(item, c->args[1]);
    if (is_undef(k) && !k.u.undef) {
        return plug_err(c, e, ERR_ARGS, "Key %.*s was not found in an item", STR(text_of(c, c->args[1])));
    }
    if (!val_hashable(k)) {
        return plug_err(c, e, ERR_TYPE, "%s cannot be a key", kind_article(k));
    }
    if (!is_undef(val_get_key(out, k)) && !overwrite) {
        return plug_err(c, e, ERR_ARGS, "Key %.*s is not unique, cannot correctly turn into dict", STR(text_of(c, k)));
    }
    val_set_key(c->a, out, k, item);
    return true;
}

static bool f_rekey_on_member(struct jcall *c, struct val *out, struct err *e) {
    struct str dup;
    struct val data = c->args[0];
    if (!opt_str(c, 2, "duplicates", STR_LIT("error"), &dup, e) || !need_defined(c, c->args[1], e)) {
        return false;
    }
    bool overwrite = str_eqz(dup, "overwrite");
    if (!overwrite && !str_eqz(dup, "error")) {
        return plug_err(c, e, ERR_ARGS,
                        "duplicates parameter to rekey_on_member has unknown value: %.*s, expected error or overwrite",
                        STR(dup));
    }
    if (data.kind != VAL_DICT && !val_is_seq(data)) {
        return need_defined(c, data, e) &&
               plug_err(c, e, ERR_TYPE, "Type is not a valid list, set, or dict: %s", kind_article(data));
    }
    *out = val_dict(c->a, val_len(data));
    size_t i = 0;
    const struct vpair *p;
    while (data.kind == VAL_DICT && (p = val_each(data, &i)) != NULL) {
        if (!rekey_one(c, p->value, overwrite, *out, e)) {
            return false;
        }
    }
    for (i = 0; val_is_seq(data) && i < val_len(data); i++) {
        if (!rekey_one(c, val_at_index(data, i), overwrite, *out, e)) {
            return false;
        }
    }
    return true;
}
FILTER(rekey_on_member) = {.doc = "Dictionaries by the value of one of their keys.",
                           .params = "data, key, duplicates='error'",
                           .fn = f_rekey_on_member,
                           .example = "[{'n': 'a', 'v': 1}] | rekey_on_member('n') == {'a': {'n': 'a', 'v': 1}}"};
