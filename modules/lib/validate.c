// Argument checking as Ansible's AnsibleModule does it, in its order: aliases, exclusive sets, defaults, required,
// types, choices, dependent sets, sub-options, and unknown names last. The first failure is the one reported.
#include "coerce.h"
#include "load.h"
#include "spec.h"
#include "typo.h"

struct check {
    struct arena *a;
    const struct module *m;
    const char *name;
    struct mark at;
    struct err *e;
    struct val supplied;  // dict as given, without VAL_OMIT: for the marks of the errors
    struct buf context;   // "a -> b" inside sub-options
    struct {
        struct str *p;
        size_t n, cap;
    } unknown;  // "x", "a.y": names no option has
    struct mark unknown_at;
    struct spec unknown_spec;  // the table the last unknown name missed
    struct str unknown_name;
};

static struct mark mark_of(const struct check *k, const char *arg) {
    struct mark m = val_get(k->supplied, arg).mark;
    return m.at ? m : k->at;
}

static bool refuse(struct check *k, struct mark at, const char *msg) {
    struct str in = buf_view(&k->context);
    if (in.n) {
        return err_set(k->e, ERR_ARGS, at, "%s found in %.*s", msg, STR(in));
    }
    return err_set(k->e, ERR_ARGS, at, "%s", msg);
}

// -- names -----------------------------------------------------------------------------------------------------------

static int by_text(const void *x, const void *y) {
    const struct str *a = x;
    const struct str *b = y;
    return str_cmp(*a, *b);
}

struct names {
    struct str *p;
    size_t n, cap;
};

static void add_name(struct arena *a, struct names *list, struct str name) {
    VEC_PUSH(a, *list, name);
}

static void add_joined(struct buf *b, struct names *list) {
    if (list->n) {
        qsort(list->p, list->n, sizeof *list->p, by_text);
    }
    for (size_t i = 0; i < list->n; i++) {
        buf_printf(b, "%s%.*s", i ? ", " : "", STR(list->p[i]));
    }
}

/// "a, b, c (alias1, alias2)", sorted.
static void supported(struct arena *a, struct spec s, struct buf *out) {
    struct names names = {0};
    struct names aliases = {0};
    const struct arg *arg;
    for (size_t i = 0; (arg = spec_each(s, &i));) {
        add_name(a, &names, str_from(arg->name));
        struct str rest = str_from(arg->aliases);
        struct str alias;
        while (spec_next(&rest, '|', &alias)) {
            add_name(a, &aliases, alias);
        }
    }
    add_joined(out, &names);
    if (aliases.n) {
        buf_z(out, " (");
        add_joined(out, &aliases);
        buf_char(out, ')');
    }
}

static void note_unknown(struct check *k, struct spec s, struct vpair *p) {
    struct str name = val_str_of(k->a, p->key);
    struct buf full = BUF_IN(k->a);
    struct str rest = buf_view(&k->context);
    while (rest.n) {
        size_t arrow = str_find(rest, 0, STR_LIT(" -> "));
        buf_str(&full, str_sub(rest, 0, arrow));
        buf_char(&full, '.');
        rest = arrow == SIZE_MAX ? STR_NONE : str_sub(rest, arrow + 4, rest.n);
    }
    buf_str(&full, name);
    VEC_PUSH(k->a, k->unknown, buf_view(&full));
    k->unknown_at = p->key.mark.at ? p->key.mark : p->value.mark.at ? p->value.mark : k->at;
    k->unknown_spec = s;
    k->unknown_name = name;
}

static void offer_names(struct typo *t, struct spec s) {
    const struct arg *arg;
    for (size_t i = 0; (arg = spec_each(s, &i));) {
        typo_offer(t, str_from(arg->name));
        struct str rest = str_from(arg->aliases);
        struct str alias;
        while (spec_next(&rest, '|', &alias)) {
            typo_offer(t, alias);
        }
    }
}

/// Modules whose arguments Ansible checks on the controller, with other words.
static bool is_action(const char *name) {
    static const char *const names[] = {
        "assert", "debug", "fail", "group_by", "reboot", "set_stats", "wait_for_connection"};
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool report_unknown(struct check *k) {
    if (!k->unknown.n) {
        return true;
    }
    struct buf list = BUF_IN(k->a);
    struct names unknown = {.p = k->unknown.p, .n = k->unknown.n};
    struct buf names = BUF_IN(k->a);
    add_joined(&names, &unknown);
    supported(k->a, k->unknown_spec, &list);
    if (is_action(k->name)) {
        err_set(k->e, ERR_ARGS, k->unknown_at, "Invalid options for %s: %.*s", k->name, STR(buf_view(&names)));
    } else {
        err_set(k->e, ERR_ARGS, k->unknown_at,
                "Unsupported parameters for (%s) module: %.*s. Supported parameters include: %.*s.", k->name,
                STR(buf_view(&names)), STR(buf_view(&list)));
    }
    struct typo t = {.got = k->unknown_name};
    offer_names(&t, k->unknown_spec);
    if (t.best.n) {
        err_hint(k->e, "did you mean '%.*s'?", STR(t.best));
    }
    return false;
}

// -- sets of options -------------------------------------------------------------------------------------------------

static size_t count_present(struct val args, struct str group, char sep) {
    size_t n = 0;
    struct str name;
    while (spec_next(&group, sep, &name)) {
        n += !val_is(val_get_str(args, name), VAL_UNDEF);
    }
    return n;
}

static struct str replace_commas(struct arena *a, struct str group, const char *sep) {
    struct buf b = BUF_IN(a);
    struct str name;
    while (spec_next(&group, ',', &name)) {
        buf_printf(&b, "%s%.*s", b.n ? sep : "", STR(name));
    }
    return buf_view(&b);
}

static bool check_exclusive(struct check *k, struct val args) {
    struct str rest = str_from(k->m->exclusive);
    struct str group;
    struct buf hit = BUF_IN(k->a);
    while (spec_next(&rest, ';', &group)) {
        if (count_present(args, group, ',') > 1) {
            buf_printf(&hit, "%s%.*s", hit.n ? ", " : "", STR(replace_commas(k->a, group, "|")));
        }
    }
    return !hit.n ||
           refuse(k, k->at, arena_printf(k->a, "parameters are mutually exclusive: %.*s", STR(buf_view(&hit))));
}

static bool check_together(struct check *k, struct val args) {
    struct str rest = str_from(k->m->required_together);
    struct str group;
    while (spec_next(&rest, ';', &group)) {
        size_t have = count_present(args, group, ',');
        struct str all = replace_commas(k->a, group, ", ");
        struct str first;
        size_t total = 0;
        for (struct str g = group; spec_next(&g, ',', &first);) {
            total++;
        }
        if (have && have < total) {
            return refuse(k, k->at, arena_printf(k->a, "parameters are required together: %.*s", STR(all)));
        }
    }
    return true;
}

static bool check_one_of(struct check *k, struct val args) {
    struct str rest = str_from(k->m->required_one_of);
    struct str group;
    while (spec_next(&rest, ';', &group)) {
        if (!count_present(args, group, ',')) {
            struct str all = replace_commas(k->a, group, ", ");
            return refuse(k, k->at, arena_printf(k->a, "one of the following is required: %.*s", STR(all)));
        }
    }
    return true;
}

static bool value_is(struct arena *a, struct val v, struct str want) {
    bool b = false;
    if (val_is(v, VAL_BOOL)) {
        return val_as_bool(val_str(a, want), &b) && b == v.u.b;
    }
    return !val_is(v, VAL_UNDEF) && str_eq(val_str_of(a, v), want);
}

/// One rule "state=present:a,b" (all of them) or "state=present:a|b" (any of them).
static bool check_if_rule(struct check *k, struct val args, struct str rule) {
    size_t eq = str_find_char(rule, 0, '=');
    size_t colon = str_find_char(rule, 0, ':');
    if (eq == SIZE_MAX || colon == SIZE_MAX || colon < eq) {
        BUG("required_if of %s: '%.*s'", k->name, STR(rule));
    }
    struct str key = str_sub(rule, 0, eq);
    struct str names = str_sub(rule, colon + 1, rule.n);
    bool any = str_find_char(names, 0, '|') != SIZE_MAX;
    struct val v = val_get_str(args, key);
    if (!value_is(k->a, v, str_sub(rule, eq + 1, colon))) {
        return true;
    }
    struct buf missing = BUF_IN(k->a);
    struct str name;
    bool found = false;
    while (spec_next(&names, any ? '|' : ',', &name)) {
        if (val_is(val_get_str(args, name), VAL_UNDEF)) {
            buf_printf(&missing, "%s%.*s", missing.n ? ", " : "", STR(name));
        } else {
            found = true;
        }
    }
    if (!missing.n || (any && found)) {
        return true;
    }
    return refuse(k, mark_of(k, str_z(k->a, key)),
                  arena_printf(k->a, "%.*s is %.*s but %s of the following are missing: %.*s", STR(key),
                               STR(val_str_of(k->a, v)), any ? "any" : "all", STR(buf_view(&missing))));
}

static bool check_if(struct check *k, struct val args) {
    struct str rest = str_from(k->m->required_if);
    struct str rule;
    while (spec_next(&rest, ';', &rule)) {
        if (!check_if_rule(k, args, rule)) {
            return false;
        }
    }
    return true;
}

static bool given(struct val args, struct str name) {
    struct val v = val_get_str(args, name);
    return !val_is(v, VAL_UNDEF) && !val_is(v, VAL_NULL);
}

static bool check_by(struct check *k, struct val args) {
    struct str rest = str_from(k->m->required_by);
    struct str rule;
    while (spec_next(&rest, ';', &rule)) {
        size_t colon = str_find_char(rule, 0, ':');
        struct str key = str_sub(rule, 0, colon);
        struct str names = str_sub(rule, colon + 1, rule.n);
        struct buf missing = BUF_IN(k->a);
        struct str name;
        while (given(args, key) && spec_next(&names, ',', &name)) {
            if (!given(args, name)) {
                buf_printf(&missing, "%s%.*s", missing.n ? ", " : "", STR(name));
            }
        }
        if (missing.n) {
            return refuse(
                k, mark_of(k, str_z(k->a, key)),
                arena_printf(k->a, "missing parameter(s) required by '%.*s': %.*s", STR(key), STR(buf_view(&missing))));
        }
    }
    return true;
}

// -- one level of options --------------------------------------------------------------------------------------------

/// Gives every option its canonical name; unknown names are noted and left out unless the module takes any.
static struct val canonical(struct check *k, struct spec s, struct val raw, bool any) {
    struct val out = val_dict(k->a, val_len(raw));
    struct vpair *p;
    for (size_t i = 0; (p = val_each(raw, &i));) {
        if (val_is(p->value, VAL_OMIT)) {
            continue;
        }
        const struct arg *arg = val_is(p->key, VAL_STR) ? spec_find(s, val_text(p->key)) : NULL;
        if (arg && str_eqz(val_text(p->key), arg->name)) {
            if (!val_has(out, arg->name)) {
                val_set(k->a, out, arg->name, p->value);
            }
        } else if (arg) {
            val_set(k->a, out, arg->name, p->value);  // an alias wins over the name itself, as in Ansible
        } else if (any && val_is(p->key, VAL_STR)) {
            val_set_str(k->a, out, val_text(p->key), p->value);
        } else {
            note_unknown(k, s, p);
        }
    }
    return out;
}

static struct val default_of(struct arena *a, const struct arg *arg) {
    struct str text = str_from(arg->def);
    if (arg->type == ARG_STR || arg->type == ARG_PATH) {
        return val_str(a, text);
    }
    if (!str_starts(text, "[") && !str_starts(text, "{") && !str_starts(text, "\"")) {
        return yaml_scalar(a, text);
    }
    struct val v;
    struct err e = {.arena = a};
    if (!yaml_load("default", text, &(struct yaml_opts){0}, a, &v, &e)) {
        BUG("default of '%s': %s", arg->name, arg->def);
    }
    return v;
}

static bool defaults_and_required(struct check *k, struct spec s, struct val args) {
    struct names missing = {0};
    const struct arg *arg;
    for (size_t i = 0; (arg = spec_each(s, &i));) {
        if (val_has(args, arg->name)) {
            continue;
        }
        if (arg->def) {
            val_set(k->a, args, arg->name, default_of(k->a, arg));
        } else if (arg->required) {
            add_name(k->a, &missing, str_from(arg->name));
        }
    }
    if (!missing.n) {
        return true;
    }
    struct buf list = BUF_IN(k->a);
    add_joined(&list, &missing);
    return refuse(k, k->at, arena_printf(k->a, "missing required arguments: %.*s", STR(buf_view(&list))));
}

static bool convert_elements(struct check *k, const struct arg *arg, struct val *list) {
    enum arg_type want = arg->sub ? ARG_DICT : arg->elements;
    struct val out = val_list(k->a, val_len(*list));
    for (size_t i = 0; i < val_len(*list); i++) {
        struct val item = val_at_index(*list, i);
        struct val done = item;
        const char *why = NULL;
        if (val_is(item, VAL_OMIT)) {
            continue;
        }
        if (!coerce_value(k->a, item, want, &done, &why)) {
            struct str in = buf_view(&k->context);
            struct str where = in.n ? str_printf(k->a, " found in '%.*s'", STR(in)) : STR_NONE;
            return err_set(k->e, ERR_ARGS, item.mark.at ? item.mark : mark_of(k, arg->name),
                           "Elements value for option '%s'%.*s is of type %s and we were unable to convert to %s: %s",
                           arg->name, STR(where), coerce_class(k->a, item), coerce_type_name(want), why);
        }
        val_push(k->a, out, done);
    }
    *list = val_at(val_flag(out, list->flags), list->mark);
    return true;
}

static bool convert_types(struct check *k, struct spec s, struct val args) {
    const struct arg *arg;
    for (size_t i = 0; (arg = spec_each(s, &i));) {
        struct val v = val_get(args, arg->name);
        if (val_is(v, VAL_UNDEF) || val_is(v, VAL_NULL)) {
            continue;
        }
        struct val done = v;
        const char *why = NULL;
        if (!coerce_value(k->a, v, arg->type, &done, &why)) {
            struct str in = buf_view(&k->context);
            struct str where = in.n ? str_printf(k->a, " found in '%.*s'.", STR(in)) : STR_NONE;
            return err_set(k->e, ERR_ARGS, mark_of(k, arg->name),
                           "argument '%s' is of type %s%.*s and we were unable to convert to %s: %s", arg->name,
                           coerce_class(k->a, v), STR(where), coerce_type_name(arg->type), why);
        }
        if (arg->type == ARG_LIST && !convert_elements(k, arg, &done)) {
            return false;
        }
        val_set(k->a, args, arg->name, done);
    }
    return true;
}

static bool is_choice(struct str choices, struct str text) {
    struct str choice;
    while (str_next(&choices, '|', &choice)) {  // nothing at all may be one of them
        if (str_eq(choice, text)) {
            return true;
        }
    }
    return false;
}

/// YAML reads "no" as false; when exactly one choice means that, it is the one.
static struct str choice_for_bool(struct arena *a, struct str choices, bool want) {
    struct str found = STR_NONE;
    struct str choice;
    while (spec_next(&choices, '|', &choice)) {
        bool b = false;
        if (!val_as_bool(val_str(a, choice), &b) || b != want) {
            continue;
        }
        if (found.n) {
            return STR_NONE;
        }
        found = choice;
    }
    return found;
}

static struct str list_choices(struct arena *a, const char *choices) {
    struct buf b = BUF_IN(a);
    struct str rest = str_from(choices);
    struct str choice;
    for (size_t i = 0; str_next(&rest, '|', &choice); i++) {
        buf_printf(&b, "%s%.*s", i ? ", " : "", STR(choice));
    }
    return buf_view(&b);
}

static bool check_choice(struct check *k, const struct arg *arg, struct val args, struct val v) {
    struct str choices = str_from(arg->choices);
    struct str text = val_str_of(k->a, v);
    if (is_choice(choices, text) && !val_is(v, VAL_NULL)) {
        return true;
    }
    if (str_eqz(text, "False") || str_eqz(text, "True")) {
        struct str one = choice_for_bool(k->a, choices, text.s[0] == 'T');
        if (one.n) {
            val_set(k->a, args, arg->name, val_at(val_str(k->a, one), v.mark));
            return true;
        }
    }
    return refuse(k, mark_of(k, arg->name),
                  arena_printf(k->a, "value of %s must be one of: %.*s, got: %.*s", arg->name,
                               STR(list_choices(k->a, arg->choices)), STR(text)));
}

static bool check_choice_list(struct check *k, const struct arg *arg, struct val list) {
    struct buf wrong = BUF_IN(k->a);
    for (size_t i = 0; i < val_len(list); i++) {
        struct str text = val_str_of(k->a, val_at_index(list, i));
        if (!is_choice(str_from(arg->choices), text)) {
            buf_printf(&wrong, "%s%.*s", wrong.n ? ", " : "", STR(text));
        }
    }
    return !wrong.n || refuse(k, mark_of(k, arg->name),
                              arena_printf(k->a, "value of %s must be one or more of: %.*s. Got no match for: %.*s",
                                           arg->name, STR(list_choices(k->a, arg->choices)), STR(buf_view(&wrong))));
}

static bool check_choices(struct check *k, struct spec s, struct val args) {
    const struct arg *arg;
    for (size_t i = 0; (arg = spec_each(s, &i));) {
        struct val v = val_get(args, arg->name);
        if (!arg->choices || val_is(v, VAL_UNDEF)) {
            continue;
        }
        bool ok = val_is(v, VAL_LIST) ? check_choice_list(k, arg, v) : check_choice(k, arg, args, v);
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool check_level(struct check *k, struct spec s, struct val raw, bool top, struct val *out);

/// Checks the dict or the dicts of a list that option `arg` holds.
static bool check_sub(struct check *k, const struct arg *arg, struct val args) {
    struct val v = val_get(args, arg->name);
    if (!arg->sub || val_is(v, VAL_UNDEF) || val_is(v, VAL_NULL)) {
        return true;
    }
    size_t keep = k->context.n;
    struct val supplied = k->supplied;
    buf_printf(&k->context, "%s%s", keep ? " -> " : "", arg->name);
    bool is_list = val_is(v, VAL_LIST);
    struct val list = val_list(k->a, val_len(v));
    bool ok = true;
    for (size_t i = 0; ok && i < (is_list ? val_len(v) : 1); i++) {
        struct val item = is_list ? val_at_index(v, i) : v;
        struct val done = VNULL;
        ok = check_level(k, spec_sub(arg->sub), item, false, &done);
        val_push(k->a, list, val_at(val_flag(done, item.flags), item.mark));
    }
    k->supplied = supplied;
    k->context.n = keep;
    if (ok) {
        val_set(k->a, args, arg->name, is_list ? val_at(list, v.mark) : val_at_index(list, 0));
    }
    return ok;
}

static bool check_level(struct check *k, struct spec s, struct val raw, bool top, struct val *out) {
    struct val args = canonical(k, s, raw, top && k->m->any_args);
    k->supplied = val_copy(k->a, args);
    *out = args;
    if (!(top ? check_exclusive(k, args) : true) || !defaults_and_required(k, s, args) || !convert_types(k, s, args) ||
        !check_choices(k, s, args)) {
        return false;
    }
    if (top && !(check_together(k, args) && check_one_of(k, args) && check_if(k, args) && check_by(k, args))) {
        return false;
    }
    const struct arg *arg;
    for (size_t i = 0; (arg = spec_each(s, &i));) {
        struct val v = val_get(args, arg->name);
        if (arg->empty_is_none && val_is(v, VAL_STR) && !val_text(v).n) {
            val_set(k->a, args, arg->name, VNULL);
        } else if (!check_sub(k, arg, args)) {
            return false;
        }
    }
    return true;
}

/// Free-form text arrives as `_raw_params` and goes to the argument the module names for it.
static struct val place_free_form(struct arena *a, const struct module *m, struct val raw) {
    struct val text = val_get(raw, "_raw_params");
    if (!m->free_form || val_is(text, VAL_UNDEF) || strcmp(m->free_form, "_raw_params") == 0) {
        return raw;
    }
    struct val out = val_copy(a, raw);
    val_del_key(out, val_z(a, "_raw_params"));
    val_set(a, out, m->free_form, text);
    return out;
}

// NOLINTNEXTLINE(readability-function-size): the arguments are the contract of module.h
bool mod_validate(const struct module *m, const char *name, struct val raw, struct mark at, struct arena *a,
                  struct val *out, struct err *e) {
    struct check k = {.a = a, .m = m, .name = name, .at = at, .e = e, .context = BUF_IN(a), .unknown_at = at};
    struct val given_args = val_is(raw, VAL_DICT) ? raw : val_dict(a, 0);
    if (!val_is(raw, VAL_DICT) && !val_is(raw, VAL_NULL) && !val_is(raw, VAL_UNDEF)) {
        return err_set(e, ERR_ARGS, at, "the arguments of '%s' must be a dictionary, not %s", name,
                       val_kind_name(raw.kind));
    }
    return check_level(&k, spec_of(m), place_free_form(a, m, given_args), true, out) && report_unknown(&k);
}

static void collect_unknown(struct check *k, struct spec s, struct val raw) {
    struct vpair *p;
    for (size_t i = 0; (p = val_each(raw, &i));) {
        const struct arg *arg = val_is(p->key, VAL_STR) ? spec_find(s, val_text(p->key)) : NULL;
        if (!arg) {
            note_unknown(k, s, p);
            continue;
        }
        if (!arg->sub) {
            continue;
        }
        size_t keep = k->context.n;
        buf_printf(&k->context, "%s%s", keep ? " -> " : "", arg->name);
        if (val_is(p->value, VAL_DICT)) {
            collect_unknown(k, spec_sub(arg->sub), p->value);
        }
        for (size_t n = 0; val_is(p->value, VAL_LIST) && n < val_len(p->value); n++) {
            if (val_is(val_at_index(p->value, n), VAL_DICT)) {
                collect_unknown(k, spec_sub(arg->sub), val_at_index(p->value, n));
            }
        }
        k->context.n = keep;
    }
}

bool mod_check_names(const struct module *m, const char *name, struct val raw, struct mark at, struct arena *a,
                     struct err *e) {
    struct check k = {.a = a, .m = m, .name = name, .at = at, .e = e, .context = BUF_IN(a), .unknown_at = at};
    if (!val_is(raw, VAL_DICT) || m->any_args) {
        return true;
    }
    collect_unknown(&k, spec_of(m), place_free_form(a, m, raw));
    return report_unknown(&k);
}
