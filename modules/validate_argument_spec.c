// validate_argument_spec: compares a role's arguments with its specification, which says of each what it may be. All
// that is wrong is reported at once.
#include "module.h"

static const struct arg args[] = {
    {"argument_spec", ARG_RAW, .doc = "The specification: a dictionary of options."},
    {"provided_arguments", ARG_RAW, .doc = "Arguments that win over the variables of the same names."},
    {"validate_args_context", ARG_RAW, .def = "{}", .doc = "Whose arguments they are; handed back in the result."},
    {0},
};

#define SPEC_DEPTH 16

static enum arg_type type_of(struct val v, enum arg_type absent) {
    static const struct {
        const char *name;
        enum arg_type type;
    } types[] = {{"str", ARG_STR},      {"int", ARG_INT},     {"float", ARG_FLOAT}, {"bool", ARG_BOOL},
                 {"list", ARG_LIST},    {"dict", ARG_DICT},   {"path", ARG_PATH},   {"json", ARG_JSON},
                 {"jsonarg", ARG_JSON}, {"bytes", ARG_BYTES}, {"bits", ARG_BITS}};
    for (size_t i = 0; i < COUNTOF(types); i++) {
        if (str_eqz(val_text(v), types[i].name)) {
            return types[i].type;
        }
    }
    return v.kind == VAL_UNDEF || v.kind == VAL_NULL ? absent : ARG_RAW;
}

/// "a|b|c", as tables have it; NULL when there is no list.
static const char *joined(struct arena *a, struct val list) {
    struct buf b = BUF_IN(a);
    if (!val_is_seq(list)) {
        return NULL;
    }
    for (size_t i = 0; i < val_len(list); i++) {
        buf_printf(&b, "%s%.*s", i ? "|" : "", STR(val_str_of(a, val_at_index(list, i))));
    }
    return str_z(a, buf_view(&b));
}

static bool is_true(struct val v) {
    bool yes = false;
    return val_as_bool(v, &yes) && yes;
}

/// One option of a specification as a row of a module's table; `lax`: nothing is required.
static struct arg *table_of(struct arena *a, struct val spec, bool lax, unsigned depth);

static struct arg row_of(struct arena *a, struct str name, struct val spec, bool lax, unsigned depth) {
    struct val elements = val_get(spec, "elements");
    struct val options = val_get(spec, "options");
    struct arg row = {.name = str_z(a, name), .required = !lax && is_true(val_get(spec, "required"))};
    row.type = type_of(val_get(spec, "type"), ARG_STR);
    row.elements = type_of(elements, ARG_RAW);
    row.choices = joined(a, val_get(spec, "choices"));
    row.aliases = joined(a, val_get(spec, "aliases"));
    row.no_log = is_true(val_get(spec, "no_log"));
    row.sub = options.kind == VAL_DICT && depth < SPEC_DEPTH ? table_of(a, options, lax, depth + 1) : NULL;
    return row;
}

static struct arg *table_of(struct arena *a, struct val spec, bool lax, unsigned depth) {
    struct arg *table = ARENA_ARRAY(a, struct arg, val_len(spec) + 1);
    size_t n = 0;
    size_t i = 0;
    for (struct vpair *p; (p = val_each(spec, &i));) {
        if (p->value.kind == VAL_DICT) {
            table[n++] = row_of(a, val_text(p->key), p->value, lax, depth);
        }
    }
    table[n] = (struct arg){0};
    return table;
}

static void complain(struct mod_call *c, struct val errors, const struct err *e) {
    // only the part behind the name of the module, which the role has not
    static const char prefix[] = " module: ";
    struct str text = err_text(e);
    size_t at = str_starts(text, "Unsupported parameters for ") ? str_find(text, 0, str_from(prefix)) : SIZE_MAX;
    val_push(c->arena, errors, val_str(c->arena, at == SIZE_MAX ? text : str_sub(text, at + strlen(prefix), text.n)));
}

static struct val value_for(const struct arg *row, struct val given) {
    struct val v = val_get(given, row->name);
    struct str aliases = row->aliases ? str_from(row->aliases) : STR_NONE;
    struct str alias;
    while (v.kind == VAL_UNDEF && str_next(&aliases, '|', &alias)) {
        v = val_get_str(given, alias);
    }
    return v;
}

static int by_name(const void *x, const void *y) {
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/// The way through nested options to what is checked.
struct walk {
    struct mod_call *c;
    const struct arg *lax;
    struct val errors;
    const char *names[SPEC_DEPTH];
    bool lists[SPEC_DEPTH];  // the option of that name is a list of dicts
};

static void check_missing(struct walk *w, const struct arg *table, struct val given, unsigned depth) {
    struct {
        const char **p;
        size_t n, cap;
    } names = {0};
    struct arena *a = w->c->arena;
    struct buf text = BUF_IN(a);
    for (const struct arg *row = table; row->name; row++) {
        if (row->required && value_for(row, given).kind == VAL_UNDEF) {
            VEC_PUSH(a, names, row->name);  // NOLINT(bugprone-sizeof-expression): a list of pointers
        }
    }
    if (!names.n) {
        return;
    }
    qsort(names.p, names.n, sizeof *names.p, by_name);
    for (size_t i = 0; i < names.n; i++) {
        buf_printf(&text, "%s%s", i ? ", " : "missing required arguments: ", names.p[i]);
    }
    for (unsigned i = 0; i < depth; i++) {
        buf_printf(&text, "%s%s", i ? " -> " : " found in ", w->names[i]);
    }
    val_push(a, w->errors, val_str(a, buf_view(&text)));
}

/// Checks one value alone, with nothing beside it on its way.
static bool check_alone(struct walk *w, struct str name, struct val v, unsigned depth) {
    struct arena *a = w->c->arena;
    struct val one = val_dict(a, 1);
    val_set_str(a, one, name, v);
    for (unsigned i = depth; i-- > 0;) {
        struct val outer = val_dict(a, 1);
        if (w->lists[i]) {
            struct val list = val_list(a, 1);
            val_push(a, list, one);
            one = list;
        }
        val_set(a, outer, w->names[i], one);
        one = outer;
    }
    struct module as = {.args = w->lax};
    struct err e = {.arena = a};
    struct val out = {0};
    if (mod_validate(&as, w->c->name, one, w->c->at, a, &out, &e)) {
        return true;
    }
    complain(w->c, w->errors, &e);
    return false;
}

static void walk(struct walk *w, const struct arg *table, struct val given, unsigned depth);

/// The options inside a value that has some.
static void walk_inside(struct walk *w, const struct arg *row, struct val v, unsigned depth) {
    w->names[depth] = row->name;
    w->lists[depth] = val_is_seq(v);
    if (v.kind == VAL_DICT) {
        walk(w, row->sub, v, depth + 1);
    }
    for (size_t i = 0; val_is_seq(v) && i < val_len(v); i++) {
        if (val_at_index(v, i).kind == VAL_DICT) {
            walk(w, row->sub, val_at_index(v, i), depth + 1);
        }
    }
}

/// The values of one level, then what is inside of them, as Ansible reports them. Names that are unknown: check_names.
static void walk(struct walk *w, const struct arg *table, struct val given, unsigned depth) {
    struct arena *a = w->c->arena;
    check_missing(w, table, given, depth);
    for (const struct arg *row = table; row->name; row++) {
        struct val v = value_for(row, given);
        bool inside = row->sub && depth + 1 < SPEC_DEPTH;
        bool fits = v.kind == VAL_UNDEF || (inside && (v.kind == VAL_DICT || val_is_seq(v)));
        if (fits || check_alone(w, str_from(row->name), v, depth) || !inside) {
            continue;
        }
        val_push(a, w->errors, val_printf(a, "value of '%s' must be of type dict or list of dicts", row->name));
        if (v.kind == VAL_STR) {
            val_push(a, w->errors, val_z(a, "dictionary requested, could not parse JSON or key=value"));
        }
    }
    for (const struct arg *row = table; row->name; row++) {
        if (row->sub && depth + 1 < SPEC_DEPTH) {
            walk_inside(w, row, value_for(row, given), depth);
        }
    }
}

/// Names the specification does not know, on all levels.
static void check_names(struct mod_call *c, const struct arg *table, struct val given, struct val errors) {
    struct module as = {.args = table};
    struct err e = {.arena = c->arena};
    if (!mod_check_names(&as, c->name, given, c->at, c->arena, &e)) {
        complain(c, errors, &e);
    }
}

/// The variables that bear names of options, below what was provided.
static bool gather(struct mod_call *c, const struct arg *table, struct val provided, struct val *given, struct err *e) {
    *given = val_dict(c->arena, 8);
    for (const struct arg *row = table; row->name; row++) {
        struct val v = {0};
        if (!c->ctl->var(c->ctl->self, row->name, c->arena, &v, e)) {
            return false;
        }
        if (v.kind != VAL_UNDEF) {
            val_set(c->arena, *given, row->name, v);
        }
    }
    size_t i = 0;
    for (struct vpair *p; (p = val_each(provided, &i));) {
        val_set_key(c->arena, *given, p->key, p->value);
    }
    return true;
}

static bool run(struct mod_call *c, struct err *e) {
    struct val spec = mod_arg(c, "argument_spec");
    struct val provided = mod_arg(c, "provided_arguments");
    struct val given = {0};
    if (spec.kind == VAL_UNDEF) {
        return mod_fail(c, e, "\"argument_spec\" arg is required in args: %.*s", STR(val_str_of(c->arena, c->args)));
    }
    if (spec.kind != VAL_DICT) {
        return mod_fail(c, e, "Incorrect type for argument_spec, expected dict and got <class '%s'>",
                        val_type_name(spec));
    }
    if (provided.kind != VAL_UNDEF && provided.kind != VAL_DICT) {
        return mod_fail(c, e, "Incorrect type for provided_arguments, expected dict and got <class '%s'>",
                        val_type_name(provided));
    }
    const struct arg *table = table_of(c->arena, spec, false, 0);
    struct walk w = {.c = c, .lax = table_of(c->arena, spec, true, 0), .errors = val_list(c->arena, 4)};
    if (!gather(c, table, provided, &given, e)) {
        return false;
    }
    walk(&w, table, given, 0);
    struct val errors = w.errors;
    check_names(c, table, given, errors);
    mod_set(c, "validate_args_context", mod_arg(c, "validate_args_context"));
    if (!val_len(errors)) {
        mod_set_z(c, "msg", "The arg spec validation passed");
        return true;
    }
    struct buf text = BUF_IN(c->arena);
    for (size_t i = 0; i < val_len(errors); i++) {
        buf_printf(&text, "\n%.*s", STR(val_text(val_at_index(errors, i))));
    }
    mod_set(c, "argument_spec_data", spec);
    mod_set(c, "argument_errors", errors);
    return mod_fail(c, e, "Validation of arguments failed:%.*s", STR(buf_view(&text)));
}

MODULE(validate_argument_spec) = {
    .doc = "Check the arguments of a role against its specification.",
    .spec = "ansible.builtin.validate_argument_spec",
    .example =
        "- ansible.builtin.validate_argument_spec:\n    argument_spec:\n      port: {type: int, required: true}\n"
        "    provided_arguments:\n      port: 80",
    .returns = "argument_errors: What is wrong, one text each.\nargument_spec_data: The specification.\n"
               "validate_args_context: As given.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_CONTROLLER,
    .run = run,
};
