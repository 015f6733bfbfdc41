// Filters of ansible.utils on nested data: get_path, to_paths, index_of, param_list_compare.
#include "ast.h"
#include "big.h"
#include "filters/support.h"

#define DEPTH_MAX 200

// -- get_path --------------------------------------------------------------------------------------------------------

static bool name_char(char ch, bool first) {
    return ch == '_' || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (!first && ch >= '0' && ch <= '9');
}

static size_t name_end(struct str s, size_t i) {
    size_t from = i;
    while (i < s.n && name_char(s.s[i], i == from)) {
        i++;
    }
    return i;
}

static bool bad_path(struct jcall *c, struct str path, size_t at, struct err *e) {
    return plug_err(c, e, ERR_ARGS,
                    "'path' must be names, \".name\", \"[number]\" and \"['key']\", not '%.*s' (at its character %zu)",
                    STR(path), at + 1);
}

/// The key inside of brackets that open at *i.
static bool bracket_key(struct jcall *c, struct str path, size_t *i, struct val *key, struct err *e) {
    size_t from = *i + 1, end;
    char quote = from < path.n ? path.s[from] : 0;
    if (quote == '\'' || quote == '"') {
        end = str_find_char(path, from + 1, quote);
        if (end == SIZE_MAX || end + 1 >= path.n || path.s[end + 1] != ']') {
            return bad_path(c, path, *i, e);
        }
        *key = val_str(c->a, str_sub(path, from + 1, end));
        *i = end + 2;
        return true;
    }
    int64_t n = 0;
    end = str_find_char(path, from, ']');
    if (end == SIZE_MAX || !str_int(str_sub(path, from, end), &n)) {
        return bad_path(c, path, *i, e);
    }
    *key = val_int(n);
    *i = end + 1;
    return true;
}

/// What a template that is only this value gives as text, which lists, dictionaries and booleans are read from again.
static struct val as_rendered(struct jcall *c, struct val v) {
    struct val read = v;
    if (v.kind == VAL_STR && literal_eval(c->a, val_text(v), &read)) {
        return val_reflag(c->a, read, VAL_TRUSTED | VAL_TMPL, v.flags & VAL_SECRET);
    }
    if (v.kind == VAL_NULL) {
        return val_str(c->a, STR_LIT(""));
    }
    return v.kind == VAL_INT || v.kind == VAL_FLOAT || is_big(v) ? val_str(c->a, text_of(c, v)) : v;
}

/// Follows a path without evaluating it: what it is made of may come from a target.
static bool f_get_path(struct jcall *c, struct val *out, struct err *e) {
    struct val d = c->args[0], path_val = c->args[1];
    bool list = false;
    if (!as_dict(c, "var", d, &d, e) || !arg_bool(c, 2, false, &list, e)) {
        return false;
    }
    if (path_val.kind != VAL_STR) {
        return bad_arg(c, e, "path", "a string", path_val);
    }
    struct str path = str_trim(val_text(path_val));
    size_t i = name_end(path, 0);
    if (!i) {
        return bad_path(c, path, 0, e);
    }
    struct val v = val_get_str(d, str_sub(path, 0, i));
    if (is_undef(v)) {
        return plug_err(c, e, ERR_UNDEFINED, "'%.*s' is undefined", STR(str_sub(path, 0, i)));
    }
    while (i < path.n) {
        struct val key = VNULL;
        bool dot = path.s[i] == '.';
        if (dot) {
            size_t end = name_end(path, i + 1);
            key = val_str(c->a, str_sub(path, i + 1, end));
            if (end == i + 1) {
                return bad_path(c, path, i, e);
            }
            i = end;
        } else if (path.s[i] != '[') {
            return bad_path(c, path, i, e);
        } else if (!bracket_key(c, path, &i, &key, e)) {
            return false;
        }
        if (!(dot ? jinja_getattr(c->ctx, v, val_text(key), c->at, &v, e)
                  : jinja_getitem(c->ctx, v, key, c->at, &v, e)) ||
            !need_defined(c, v, e)) {
            return false;
        }
    }
    *out = as_rendered(c, v);
    if (list) {
        struct val l = val_list(c->a, 1);
        val_push(c->a, l, *out);
        *out = l;
    }
    return true;
}
FILTER(utils_get_path) = {.doc = "The value at the end of a path through dictionaries and lists.",
                          .params = "var, path, wantlist=False",
                          .fn = f_get_path,
                          .fqcn = "ansible.utils.get_path",
                          .example = "{'a': {'b': [1, 2]}} | ansible.utils.get_path('a.b[1]') == '2'"};

// -- to_paths --------------------------------------------------------------------------------------------------------

static bool flatten(struct jcall *c, struct val v, struct str name, unsigned depth, struct val out, struct err *e) {
    if (depth > DEPTH_MAX) {
        return plug_err(c, e, ERR_LIMIT, "the value is nested deeper than %d levels", DEPTH_MAX);
    }
    size_t k = 0;
    if (v.kind == VAL_DICT && val_len(v)) {
        for (const struct vpair *p; (p = val_each(v, &k));) {
            if (p->key.kind != VAL_STR) {
                return plug_err(c, e, ERR_TYPE, "the keys must be strings, one is %s", kind_article(p->key));
            }
            struct str key = val_text(p->key);
            struct str path = !name.n ? key
                              : key.n && name_end(key, 0) == key.n
                                  ? str_printf(c->a, "%.*s.%.*s", STR(name), STR(key))
                                  : str_printf(c->a, "%.*s['%.*s']", STR(name), STR(key));
            if (!flatten(c, p->value, path, depth + 1, out, e)) {
                return false;
            }
        }
        return true;
    }
    if (val_is_seq(v) && v.kind == VAL_LIST && val_len(v)) {
        for (size_t i = 0; i < val_len(v); i++) {
            if (!flatten(c, val_at_index(v, i), str_printf(c->a, "%.*s[%zu]", STR(name), i), depth + 1, out, e)) {
                return false;
            }
        }
        return true;
    }
    val_set_str(c->a, out, name, v);
    return true;
}

static bool f_to_paths(struct jcall *c, struct val *out, struct err *e) {
    struct val v = c->args[0];
    bool list = false;
    if (!arg_bool(c, 2, false, &list, e)) {
        return false;
    }
    if (!opt_none(c, 1) && val_truth(c->args[1])) {
        struct str prepend;
        if (!opt_str(c, 1, "prepend", STR_NONE, &prepend, e)) {
            return false;
        }
        struct val d = val_dict(c->a, 1);
        val_set_str(c->a, d, prepend, v);
        v = d;
    }
    bool empty = (v.kind == VAL_DICT || v.kind == VAL_LIST) && !val_len(v);
    *out = empty ? v : val_dict(c->a, 8);
    if (!empty && !flatten(c, v, STR_LIT(""), 0, *out, e)) {
        return false;
    }
    if (list) {
        struct val l = val_list(c->a, 1);
        val_push(c->a, l, *out);
        *out = l;
    }
    return true;
}
FILTER(utils_to_paths) = {.doc = "A dictionary of all paths through a value to what stands at their ends.",
                          .params = "var, prepend=None, wantlist=False",
                          .fn = f_to_paths,
                          .fqcn = "ansible.utils.to_paths",
                          .example = "{'a': {'b': [1]}} | ansible.utils.to_paths == {'a.b[0]': 1}"};

// -- index_of --------------------------------------------------------------------------------------------------------

struct test_name {
    struct str name;
    bool invert;
};

/// "!name" and "not name" turn a test around; of the second all of its letters are taken away in front, as there.
static struct test_name read_test(struct str s) {
    struct test_name t = {.name = s, .invert = true};
    if (str_starts(s, "!")) {
        while (str_starts(t.name, "!")) {
            t.name = str_sub(t.name, 1, t.name.n);
        }
        t.name = str_eqz(t.name, "=") ? STR_LIT("==") : t.name;
    } else if (str_starts(s, "not ")) {
        while (t.name.n && strchr("not ", t.name.s[0])) {
            t.name = str_sub(t.name, 1, t.name.n);
        }
    } else {
        t.invert = false;
    }
    return t;
}

static bool passes(struct jcall *c, const struct test_name *t, struct val entry, bool *yes, struct err *e) {
    struct val args[2] = {entry, opt_val(c, 2)};
    bool alone = opt_none(c, 2);
    if (!alone && args[1].kind != VAL_LIST && str_eqz(t->name, "in")) {
        struct val l = val_list(c->a, 1);
        val_push(c->a, l, args[1]);
        args[1] = l;
    }
    if (!jinja_call_test(c->ctx, t->name, args, alone ? 1 : 2, (struct val){.kind = VAL_UNDEF}, c->at, yes, e)) {
        return err_wrap(e, c->at, "in '%s'", c->name);
    }
    *yes = *yes != t->invert;
    return true;
}

static bool f_index_of(struct jcall *c, struct val *out, struct err *e) {
    struct val data = c->args[0], key = opt_val(c, 3), found = val_list(c->a, 4);
    bool list = false, must = false, keyed = !opt_none(c, 3);
    struct str name;
    if (data.kind != VAL_LIST) {
        return bad_arg(c, e, "data", "a list", data);
    }
    if (!opt_str(c, 1, "test", STR_NONE, &name, e) || !arg_bool(c, 4, false, &list, e) ||
        !arg_bool(c, 5, false, &must, e)) {
        return false;
    }
    if (keyed && key.kind != VAL_STR && key.kind != VAL_INT && key.kind != VAL_BOOL) {
        return bad_arg(c, e, "key", "a string, an integer or a boolean", key);
    }
    struct test_name t = read_test(name);
    for (size_t i = 0; keyed && i < val_len(data); i++) {
        if (val_at_index(data, i).kind != VAL_DICT) {
            return plug_err(c, e, ERR_TYPE, "with 'key' all items must be dictionaries, item %zu is %s", i,
                            kind_article(val_at_index(data, i)));
        }
    }
    for (size_t i = 0; i < val_len(data); i++) {
        struct val entry = val_at_index(data, i);
        bool yes = false;
        entry = keyed ? val_get_key(entry, key) : entry;
        if (keyed && is_undef(entry)) {
            if (must) {
                return plug_err(c, e, ERR_NOT_FOUND, "'%.*s' is not in item %zu", STR(text_of(c, key)), i);
            }
            continue;
        }
        if (!passes(c, &t, entry, &yes, e)) {
            return false;
        }
        if (yes) {
            val_push(c->a, found, val_int((int64_t)i));
        }
    }
    *out = val_len(found) == 1 && !list ? val_at_index(found, 0) : found;
    return true;
}
FILTER(utils_index_of) = {.doc = "Where in a list the items are that pass a test.",
                          .params = "data, test, value=None, key=None, wantlist=False, fail_on_missing=False",
                          .fn = f_index_of,
                          .fqcn = "ansible.utils.index_of",
                          .example = "['a', 'b'] | ansible.utils.index_of('eq', 'b') == 1"};

// -- param_list_compare ----------------------------------------------------------------------------------------------

static bool texts(struct jcall *c, struct val v, const char *param, struct err *e) {
    if (v.kind != VAL_LIST) {
        return bad_arg(c, e, param, "a list", v);
    }
    for (size_t i = 0; i < val_len(v); i++) {
        if (val_at_index(v, i).kind != VAL_STR) {
            return bad_arg(c, e, param, "a list of strings", val_at_index(v, i));
        }
    }
    return true;
}

static bool has(struct val list, struct val v) {
    bool yes = false;
    struct err none = {0};
    return val_contains(list, v, &yes, &none) && yes;
}

static bool f_param_list_compare(struct jcall *c, struct val *out, struct err *e) {
    struct val base = c->args[0], target = c->args[1], chosen = val_list(c->a, 8), unknown = val_list(c->a, 4);
    struct val dropped = val_list(c->a, 4);
    if (!texts(c, base, "base", e) || !texts(c, target, "target", e)) {
        return false;
    }
    bool all = has(target, val_str(c->a, STR_LIT("all")));
    for (size_t i = 0; i < val_len(target); i++) {
        struct str t = val_text(val_at_index(target, i));
        if (str_starts(t, "!")) {
            val_push(c->a, dropped, val_str(c->a, str_sub(t, 1, t.n)));
        }
    }
    for (size_t i = 0; all && i < val_len(base); i++) {
        if (!has(dropped, val_at_index(base, i))) {
            val_push(c->a, chosen, val_at_index(base, i));
        }
    }
    for (size_t i = 0; i < val_len(target); i++) {
        struct val v = val_at_index(target, i);
        bool special = str_eqz(val_text(v), "all") || str_starts(val_text(v), "!");
        if (!special && has(base, v) && !has(chosen, v)) {
            val_push(c->a, chosen, v);
        } else if (!special && !has(base, v)) {
            val_push(c->a, unknown, v);
        }
    }
    size_t n = val_len(chosen);
    struct sort_item *items = ARENA_ARRAY(c->a, struct sort_item, n + 1);
    for (size_t i = 0; i < n; i++) {
        items[i] = (struct sort_item){val_at_index(chosen, i), val_at_index(chosen, i)};
    }
    if (!sort_items(c, items, n, false, e)) {
        return false;
    }
    struct val sorted = val_list(c->a, n);
    for (size_t i = 0; i < n; i++) {
        val_push(c->a, sorted, items[i].value);
    }
    *out = val_dict(c->a, 2);
    val_set(c->a, *out, "actionable", sorted);
    val_set(c->a, *out, "unsupported", unknown);
    return true;
}
FILTER(utils_param_list_compare) = {
    .doc = "Which of the wanted names there are, with `all` and `!name`.",
    .params = "base, target",
    .fn = f_param_list_compare,
    .fqcn = "ansible.utils.param_list_compare",
    .example = "(['a', 'b'] | ansible.utils.param_list_compare(['all', '!b'])).actionable "
               "== ['a']"};
