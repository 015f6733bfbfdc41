// Keywords of plays, roles, blocks and tasks: which are legal, what type they take, and how they are stored.
#include <stdarg.h>

#include "parse.h"
#include "varname.h"

void pb_warn(struct pb_loader *l, struct mark at, const char *fmt, ...) {
    if (!l->o.warn) {
        return;
    }
    struct buf b = BUF_IN(l->a);
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_z(&b, text);
    l->o.warn(l->o.warn_self, at, str_z(l->a, buf_view(&b)));
}

bool has_template(struct val v) {
    return (v.flags & VAL_TMPL) != 0;
}

void node_init(struct node *n, enum node_kind kind, const struct ctx *c, struct mark at) {
    n->kind = kind;
    n->at = at;
    n->parent = c->parent;
    n->role = c->role;
    n->file = c->file;
}

bool key_text(struct vpair *p, struct str *out, struct err *e) {
    if (p->key.kind != VAL_STR) {
        struct mark at = p->key.mark.at ? p->key.mark : p->value.mark;
        return err_set(e, ERR_SYNTAX, at, "a keyword must be a string, not %s", val_kind_name(p->key.kind));
    }
    *out = val_text(p->key);
    return true;
}

bool list_of(struct arena *a, struct val v, const char *what, struct val *out, struct err *e) {
    if (v.kind == VAL_NULL || v.kind == VAL_UNDEF) {
        *out = val_at(val_list(a, 0), v.mark);
        return true;
    }
    if (v.kind != VAL_LIST) {
        return err_set(e, ERR_SYNTAX, v.mark, "'%s' must be a list, not %s", what, val_kind_name(v.kind));
    }
    *out = v;
    return true;
}

// -- unknown keywords ------------------------------------------------------------------------------------------------
static void legal_names(struct buf *b, unsigned where) {
    const char *sep = "";
    for (int k = KW_NONE + 1; k < KW_COUNT; k++) {
        if (keyword_docs[k].where & where) {
            buf_printf(b, "%s%s", sep, keyword_docs[k].name);
            sep = ", ";
        }
    }
}

bool field_unknown(struct vpair *p, unsigned where, const char *what, struct err *e) {
    struct str name = STR_NONE;
    if (!key_text(p, &name, e)) {
        return false;
    }
    err_set(e, ERR_ARGS, p->key.mark, "'%.*s' is not a valid attribute for %s", STR(name), what);
    struct typo t = {.got = name};
    for (int k = KW_NONE + 1; k < KW_COUNT; k++) {
        if (keyword_docs[k].where & where) {
            typo_offer(&t, str_from(keyword_docs[k].name));
        }
    }
    if (t.best.n && !str_eq(t.best, name)) {
        return err_hint(e, "did you mean '%.*s'?", STR(t.best));
    }
    if (where == ON_BLOCK && (str_eqz(name, "loop") || str_starts(name, "with_"))) {
        return err_hint(e, "a block cannot loop; put its tasks in a file and use include_tasks with the loop");
    }
    struct buf b = BUF_IN(e->arena);
    legal_names(&b, where);
    return err_hint(e, "known here: %.*s", STR(buf_view(&b)));
}

// -- types -----------------------------------------------------------------------------------------------------------
static bool wrong_type(enum keyword k, const char *want, struct val v, struct err *e) {
    const char *name = keyword_docs[k].name;
    if (v.kind == VAL_STR && !(v.flags & VAL_SECRET)) {
        return err_set(e, ERR_ARGS, v.mark, "'%s' must be %s, not '%.*s'", name, want, STR(val_text(v)));
    }
    return err_set(e, ERR_ARGS, v.mark, "'%s' must be %s, not %s", name, want, val_kind_name(v.kind));
}

static bool is_number(struct val v, bool percent) {
    if (v.kind == VAL_INT || v.kind == VAL_FLOAT) {
        return true;
    }
    struct str s = str_trim(val_text(v));
    if (percent && str_ends(s, "%")) {
        s = str_trim(str_sub(s, 0, s.n - 1));
    }
    size_t digits = 0;
    size_t dots = 0;
    for (size_t i = s.n && (s.s[0] == '-' || s.s[0] == '+') ? 1 : 0; i < s.n; i++) {
        if (s.s[i] == '.') {
            dots++;
        } else if (s.s[i] >= '0' && s.s[i] <= '9') {
            digits++;
        } else {
            return false;
        }
    }
    return digits > 0 && dots <= 1;
}

/// Checks what can be known without variables. Null is "not set" everywhere, a template anything.
static bool type_ok(enum keyword k, struct val v, struct err *e) {
    const char *type = keyword_docs[k].type;
    if (v.kind == VAL_NULL || (v.kind == VAL_STR && has_template(v))) {
        return true;
    }
    if (strcmp(type, "bool") == 0) {
        bool b;
        return val_as_bool(v, &b) || wrong_type(k, "a boolean", v, e);
    }
    if (strcmp(type, "int") == 0) {
        return (is_number(v, false) && v.kind != VAL_BOOL) || wrong_type(k, "a number", v, e);
    }
    if (strcmp(type, "float") == 0 || strcmp(type, "percent") == 0) {
        return is_number(v, type[0] == 'p') || wrong_type(k, type[0] == 'p' ? "a percentage" : "a number", v, e);
    }
    if (strcmp(type, "string") == 0) {
        return (v.kind != VAL_DICT && !val_is_seq(v)) || wrong_type(k, "a string", v, e);
    }
    if (strcmp(type, "dict") == 0) {
        return v.kind == VAL_DICT || wrong_type(k, "a dictionary", v, e);
    }
    return true;
}

static bool one_of(enum keyword k, const char *const *names, size_t n, struct val v, struct err *e) {
    struct str s = val_text(v);
    struct buf all = BUF_IN(e->arena);
    for (size_t i = 0; i < n; i++) {
        if (str_eqz(s, names[i])) {
            return true;
        }
        buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
    }
    wrong_type(k, "one of the known values", v, e);
    const char *near = typo_nearest(s, names, n);
    if (near) {
        return err_hint(e, "did you mean '%s'?", near);
    }
    return err_hint(e, "known: %.*s", STR(buf_view(&all)));
}

static bool choice_ok(enum keyword k, struct val v, struct err *e) {
    static const char *const debuggers[] = {"always", "never", "on_failed", "on_unreachable", "on_skipped"};
    static const char *const orders[] = {"inventory", "reverse_inventory", "sorted", "reverse_sorted", "shuffle"};
    if (v.kind != VAL_STR || has_template(v)) {
        return true;
    }
    if (k == KW_DEBUGGER) {
        return one_of(k, debuggers, COUNTOF(debuggers), v, e);
    }
    if (k == KW_ORDER) {
        return one_of(k, orders, COUNTOF(orders), v, e);
    }
    return true;
}

// -- normal forms ----------------------------------------------------------------------------------------------------
static bool tags_list(struct arena *a, struct val v, struct val *out, struct err *e) {
    struct val list = val_at(val_list(a, 4), v.mark);
    if (v.kind == VAL_STR) {
        struct str rest = val_text(v);
        struct str part;
        if (has_template(v)) {
            val_push(a, list, v);
        } else {
            while (str_next(&rest, ',', &part)) {
                val_push(a, list, val_at(val_flag(val_str(a, kv_strip(part)), v.flags), v.mark));
            }
        }
    } else if (v.kind == VAL_LIST) {
        for (size_t i = 0; i < val_len(v); i++) {
            struct val tag = val_at_index(v, i);
            if (tag.kind == VAL_DICT || val_is_seq(tag) || tag.kind == VAL_NULL) {
                return err_set(e, ERR_ARGS, tag.mark, "a tag must be a string, not %s", val_kind_name(tag.kind));
            }
            val_push(a, list, tag.kind == VAL_STR ? tag : val_at(val_str(a, val_str_of(a, tag)), tag.mark));
        }
    } else if (v.kind == VAL_INT) {
        val_push(a, list, val_at(val_str(a, val_str_of(a, v)), v.mark));
    } else if (v.kind != VAL_NULL) {
        return err_set(e, ERR_ARGS, v.mark, "'tags' must be a list or a string, not %s", val_kind_name(v.kind));
    }
    *out = list;
    return true;
}

static bool add_vars(struct arena *a, struct val to, struct val from, struct err *e) {
    size_t i = 0;
    for (struct vpair *p; (p = val_each(from, &i));) {
        if (p->key.kind != VAL_STR || !var_name_ok(val_text(p->key))) {
            err_set(e, ERR_ARGS, p->key.mark, "'%.*s' is not a valid variable name", STR(val_str_of(a, p->key)));
            return err_hint(e, "names start with a letter or underscore and hold letters, digits and underscores");
        }
        val_set_key(a, to, p->key, p->value);
    }
    return true;
}

static bool vars_dict(struct arena *a, struct val v, struct val *out, struct err *e) {
    struct val d = val_at(val_dict(a, 4), v.mark);
    if (v.kind == VAL_LIST) {
        for (size_t i = 0; i < val_len(v); i++) {
            struct val item = val_at_index(v, i);
            if (item.kind != VAL_DICT) {
                return err_set(e, ERR_ARGS, item.mark, "an item of 'vars' must be a dictionary, not %s",
                               val_kind_name(item.kind));
            }
            if (!add_vars(a, d, item, e)) {
                return false;
            }
        }
    } else if (v.kind == VAL_DICT) {
        if (!add_vars(a, d, v, e)) {
            return false;
        }
    } else if (v.kind != VAL_NULL) {
        return err_set(e, ERR_ARGS, v.mark, "'vars' must be a dictionary, not %s", val_kind_name(v.kind));
    }
    *out = val_mark_templates(d);
    return true;
}

bool field_set(struct pb_loader *l, struct node *n, enum keyword k, struct val v, struct err *e) {
    if (k == KW_TAGS) {
        return tags_list(l->a, v, &n->kw[k], e);
    }
    if (k == KW_VARS) {
        return vars_dict(l->a, v, &n->kw[k], e);
    }
    if (k == KW_MODULE_DEFAULTS && !defaults_ok(l, n, v, e)) {
        return false;
    }
    bool later = n->kind == NODE_TASK || n->kind == NODE_HANDLER;  // fields_ok, once all keywords are known
    if (!later && (!type_ok(k, v, e) || !choice_ok(k, v, e))) {
        return false;
    }
    if (k == KW_NAME && v.kind != VAL_NULL) {
        n->name = v.kind == VAL_STR ? val_text(v) : val_str_of(l->a, v);
    }
    n->kw[k] = v;
    return true;
}

bool fields_ok(const struct node *n, struct err *e) {
    for (int k = KW_NONE + 1; k < KW_COUNT; k++) {
        struct val v = n->kw[k];
        if (v.kind != VAL_UNDEF && k != KW_TAGS && k != KW_VARS &&
            (!type_ok((enum keyword)k, v, e) || !choice_ok((enum keyword)k, v, e))) {
            return false;
        }
    }
    return true;
}

bool fields_take(struct pb_loader *l, struct node *n, struct val d, unsigned where, const char *what, struct err *e) {
    size_t i = 0;
    for (struct vpair *p; (p = val_each(d, &i));) {
        struct str name = STR_NONE;
        if (!key_text(p, &name, e)) {
            return false;
        }
        enum keyword k = keyword_find(name);
        if (k == KW_NONE || !(keyword_docs[k].where & where)) {
            return field_unknown(p, where, what, e);
        }
        if (!field_set(l, n, k, p->value, e)) {
            return false;
        }
    }
    return true;
}
