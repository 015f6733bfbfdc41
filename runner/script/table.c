// The tables that Lua modules and plugins return: their texts, lists of names and argument specifications.
#include "table.h"

#include "json.h"
#include "typo.h"

bool table_wrong(struct reader *r, const char *where, const char *what) {
    return err_set(r->e, ERR_ARGS, NO_MARK, "%s: %s: %s", r->file, where, what);
}

bool table_keys(struct reader *r, struct val d, const char *where, const char *const *names, size_t n) {
    struct vpair *p;
    for (size_t i = 0; (p = val_each(d, &i));) {
        bool known = false;
        for (size_t k = 0; k < n; k++) {
            known = known || str_eqz(val_text(p->key), names[k]);
        }
        if (known) {
            continue;
        }
        const char *near = typo_nearest(val_text(p->key), names, n);
        (void)err_set(r->e, ERR_ARGS, NO_MARK, "%s: %s has no key '%.*s'", r->file, where, STR(val_text(p->key)));
        return near ? err_hint(r->e, "did you mean '%s'?", near) : false;
    }
    return true;
}

const char *table_text(struct reader *r, struct val d, const char *key) {
    struct val v = val_get(d, key);
    return val_is(v, VAL_STR) ? str_z(r->a, val_text(v)) : NULL;
}

/// A list of names as "a|b"; a string stays as it is.
const char *table_names(struct reader *r, struct val v, const char *sep) {
    if (val_is(v, VAL_STR)) {
        return str_z(r->a, val_text(v));
    }
    if (!val_is(v, VAL_LIST)) {
        return NULL;
    }
    struct buf b = BUF_IN(r->a);
    for (size_t i = 0; i < val_len(v); i++) {
        buf_printf(&b, "%s%.*s", i ? sep : "", STR(val_str_of(r->a, val_at_index(v, i))));
    }
    return str_z(r->a, buf_view(&b));
}

static bool read_type(struct reader *r, struct val d, const char *key, const char *where, enum arg_type *out) {
    static const char *const names[] = {"str",  "int", "float", "bool",  "list", "dict",
                                        "path", "raw", "json",  "bytes", "bits"};
    const char *name = table_text(r, d, key);
    if (!name) {
        *out = ARG_STR;
        return true;
    }
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (enum arg_type)i;
            return true;
        }
    }
    return table_wrong(r, where, arena_printf(r->a, "'%s' is not a type", name));
}

static bool read_default(struct reader *r, struct val d, struct arg *arg) {
    struct val v = val_get(d, "default");
    if (val_is(v, VAL_UNDEF) || val_is(v, VAL_NULL)) {
        return true;
    }
    if (val_is(v, VAL_STR) && arg->type != ARG_RAW && arg->type != ARG_LIST && arg->type != ARG_DICT) {
        arg->def = str_z(r->a, val_text(v));
        return true;
    }
    struct buf b = BUF_IN(r->a);
    if (!json_write(&b, v, &(struct json_style){0}, r->e)) {
        return false;
    }
    arg->def = str_z(r->a, buf_view(&b));
    return true;
}

static bool read_args(struct reader *r, struct val v, const char *where, int depth, const struct arg **out);

static bool read_arg(struct reader *r, struct vpair *p, int depth, struct arg *arg) {
    static const char *const keys[] = {"type",    "required", "no_log",  "elements", "default",
                                       "choices", "aliases",  "options", "doc",      "empty_is_none"};
    struct val d = p->value;
    const char *where = arena_printf(r->a, "argument '%.*s'", STR(val_text(p->key)));
    if (!val_is(d, VAL_DICT)) {
        return table_wrong(r, where, "must be a table");
    }
    if (!table_keys(r, d, where, keys, COUNTOF(keys))) {
        return false;
    }
    arg->name = str_z(r->a, val_text(p->key));
    arg->required = val_truth(val_get(d, "required"));
    arg->no_log = val_truth(val_get(d, "no_log"));
    arg->empty_is_none = val_truth(val_get(d, "empty_is_none"));
    arg->choices = table_names(r, val_get(d, "choices"), "|");
    arg->aliases = table_names(r, val_get(d, "aliases"), "|");
    arg->doc = table_text(r, d, "doc");
    if (!read_type(r, d, "type", where, &arg->type) || !read_type(r, d, "elements", where, &arg->elements) ||
        !read_default(r, d, arg)) {
        return false;
    }
    struct val options = val_get(d, "options");
    return val_is(options, VAL_UNDEF) || read_args(r, options, where, depth + 1, &arg->sub);
}

static bool read_args(struct reader *r, struct val v, const char *where, int depth, const struct arg **out) {
    if (!val_is(v, VAL_DICT) || depth > 8) {
        return table_wrong(r, where, "its options must be a table");
    }
    struct arg *args = ARENA_ARRAY(r->a, struct arg, val_len(v) + 1);
    size_t n = 0;
    struct vpair *p;
    for (size_t i = 0; (p = val_each(v, &i));) {
        if (!read_arg(r, p, depth, &args[n++])) {
            return false;
        }
    }
    *out = args;
    return true;
}

bool table_args(struct reader *r, struct val v, const char *where, const struct arg **out) {
    return read_args(r, v, where, 0, out);
}
