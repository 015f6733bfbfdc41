// The lookup merge_variables of community.general: all variables whose names match, put together.
#include "lookups/common.h"
#include "regex.h"

#include <stdlib.h>

enum strategy { REPLACE, KEEP, APPEND, PREPEND, MERGE, SHALLOW };
enum transformation { DEDUP_FIRST, DEDUP_LAST, FLATTEN };
enum match { MATCH_REGEX, MATCH_PREFIX, MATCH_SUFFIX };
enum on_override { OVERRIDE_ERROR, OVERRIDE_WARN, OVERRIDE_IGNORE };

#define TRANSFORMATIONS_MAX 16
#define DEPTH_MAX           100

struct merger {
    struct jcall *c;
    struct err *e;
    int match, override, dicts, lists, conflicts, others;
    int transformations[TRANSFORMATIONS_MAX];
    size_t ntransformations;
    struct buf path;  // only ever grows, as in the collection: messages name the key that was looked at last
    struct str last;
};

struct choice {
    const char *name;
    int value;
};

// -- options ---------------------------------------------------------------------------------------------------------

static bool choose(struct merger *m, const char *what, struct str got, const struct choice *of, int *out) {
    struct buf all = BUF_IN(m->c->a);
    for (const struct choice *k = of; k->name; k++) {
        if (str_eqz(got, k->name)) {
            *out = k->value;
            return true;
        }
        buf_printf(&all, "%s%s", k == of ? "" : ", ", k->name);
    }
    return plug_err(m->c, m->e, ERR_ARGS, "'%s': valid values are %.*s, not '%.*s'", what, STR(buf_view(&all)),
                    STR(got));
}

/// An option with a few values: of the call, else of the environment, else the first of `of`.
static bool option(struct merger *m, const char *name, const char *env, const struct choice *of, int *out) {
    const char *def = env ? getenv(env) : NULL;  // NOLINT(concurrency-mt-unsafe): set before threads run
    struct str got;
    return lk_str(m->c, name, str_from(def ? def : of->name), &got, m->e) && choose(m, name, got, of, out);
}

static bool read_transformation(struct merger *m, struct val v) {
    static const struct choice names[] = {{"dedup", DEDUP_FIRST}, {"flatten", FLATTEN}, {0}};
    static const struct choice keeps[] = {{"first", DEDUP_FIRST}, {"last", DEDUP_LAST}, {0}};
    struct val name = v.kind == VAL_DICT ? val_get(v, "name") : v, keep = {0};
    if (name.kind != VAL_STR) {
        return bad_arg(m->c, m->e, "list_transformations", "a list of names, or dictionaries with a name", v);
    }
    if (m->ntransformations == TRANSFORMATIONS_MAX) {
        return plug_err(m->c, m->e, ERR_LIMIT, "more than %d transformations", TRANSFORMATIONS_MAX);
    }
    int *t = &m->transformations[m->ntransformations++];
    if (!choose(m, "list_transformations", val_text(name), names, t)) {
        return false;
    }
    if (v.kind == VAL_DICT && val_get(v, "options").kind == VAL_DICT) {
        keep = val_get(val_get(v, "options"), "keep");
    }
    return *t == FLATTEN || keep.kind == VAL_UNDEF || choose(m, "keep", text_of(m->c, keep), keeps, t);
}

static bool read_options(struct merger *m) {
    static const char *const known[] = {"pattern_type",
                                        "initial_value",
                                        "override",
                                        "groups",
                                        "dict_merge",
                                        "list_merge",
                                        "type_conflict_merge",
                                        "default_merge",
                                        "list_transformations",
                                        NULL};
    static const struct choice matches[] = {
        {"regex", MATCH_REGEX}, {"prefix", MATCH_PREFIX}, {"suffix", MATCH_SUFFIX}, {0}};
    static const struct choice overrides[] = {
        {"error", OVERRIDE_ERROR}, {"warn", OVERRIDE_WARN}, {"ignore", OVERRIDE_IGNORE}, {0}};
    static const struct choice dicts[] = {
        {"deep", MERGE}, {"shallow", SHALLOW}, {"replace", REPLACE}, {"keep", KEEP}, {0}};
    static const struct choice lists[] = {{"append", APPEND},   {"replace", REPLACE}, {"keep", KEEP},
                                          {"prepend", PREPEND}, {"merge", MERGE},     {0}};
    static const struct choice plain[] = {{"replace", REPLACE}, {"keep", KEEP}, {0}};
    lk_known(m->c, known);
    if (!option(m, "pattern_type", "ANSIBLE_MERGE_VARIABLES_PATTERN_TYPE", matches, &m->match) ||
        !option(m, "override", "ANSIBLE_MERGE_VARIABLES_OVERRIDE", overrides, &m->override) ||
        !option(m, "dict_merge", NULL, dicts, &m->dicts) || !option(m, "list_merge", NULL, lists, &m->lists) ||
        !option(m, "type_conflict_merge", NULL, plain, &m->conflicts) ||
        !option(m, "default_merge", NULL, plain, &m->others)) {
        return false;
    }
    struct val t = lk_opt(m->c, "list_transformations");
    if (!lk_given(m->c, "list_transformations")) {
        return true;
    }
    if (t.kind != VAL_LIST) {
        return read_transformation(m, t);
    }
    for (size_t i = 0; i < val_len(t); i++) {
        if (!read_transformation(m, val_at_index(t, i))) {
            return false;
        }
    }
    return true;
}

// -- merging ---------------------------------------------------------------------------------------------------------

static bool flatten_into(struct merger *m, struct val list, struct val out, unsigned depth) {
    for (size_t i = 0; i < val_len(list); i++) {
        struct val v = val_at_index(list, i);
        if (v.kind != VAL_LIST) {
            val_push(m->c->a, out, v);
        } else if (depth > DEPTH_MAX) {
            return plug_err(m->c, m->e, ERR_LIMIT, "lists are nested deeper than %d levels", DEPTH_MAX);
        } else if (!flatten_into(m, v, out, depth + 1)) {
            return false;
        }
    }
    return true;
}

static struct val reversed(struct arena *a, struct val list) {
    struct val out = val_list(a, val_len(list));
    for (size_t i = val_len(list); i-- > 0;) {
        val_push(a, out, val_at_index(list, i));
    }
    return out;
}

static struct val dedup(struct arena *a, struct val list) {
    struct value_set seen = set_new(a);
    struct val out = val_list(a, val_len(list));
    for (size_t i = 0; i < val_len(list); i++) {
        if (set_add(&seen, val_at_index(list, i))) {
            val_push(a, out, val_at_index(list, i));
        }
    }
    return out;
}

static bool transform_one(struct merger *m, int how, struct val *v) {
    struct arena *a = m->c->a;
    struct val in = *v;
    if (how == FLATTEN) {
        *v = val_list(a, val_len(in));
        return flatten_into(m, in, *v, 0);
    }
    *v = how == DEDUP_LAST ? reversed(a, dedup(a, reversed(a, in))) : dedup(a, in);
    return true;
}

static bool transform(struct merger *m, struct val *v) {
    for (size_t i = 0; i < m->ntransformations && v->kind == VAL_LIST; i++) {
        if (!transform_one(m, m->transformations[i], v)) {
            return false;
        }
    }
    return true;
}

/// Whether Python would call the types of two values the same, or one a kind of the other.
static bool same_type(struct val l, struct val r) {
    bool whole_l = l.kind == VAL_BOOL || l.kind == VAL_INT, whole_r = r.kind == VAL_BOOL || r.kind == VAL_INT;
    return l.kind == r.kind || (whole_l && whole_r);
}

static void path_add(struct merger *m, struct str key) {
    buf_char(&m->path, '.');
    buf_str(&m->path, key);
    m->last = str_dup(m->c->a, key);
}

static bool overridden(struct merger *m, struct val old, struct val new) {
    bool plain = new.kind != VAL_DICT &&new.kind != VAL_LIST;
    if (same_type(old, new) && !(plain && !val_equal(old, new))) {
        return true;
    }
    bool secret = val_any_flag(old, VAL_SECRET) || val_any_flag(new, VAL_SECRET);
    const char *msg =
        arena_printf(m->c->a, "the key '%.*s' with value '%.*s' will be overwritten with value '%.*s' from '%.*s'",
                     STR(m->last), STR(secret ? STR_LIT("********") : val_str_of(m->c->a, old)),
                     STR(secret ? STR_LIT("********") : val_str_of(m->c->a, new)), STR(buf_view(&m->path)));
    if (m->override == OVERRIDE_ERROR) {
        return plug_err(m->c, m->e, ERR_ARGS, "%s", msg);
    }
    if (m->override == OVERRIDE_WARN) {
        lk_warn(m->c, msg);
    }
    return true;
}

static bool merge(struct merger *m, struct val left, struct val right, struct val *out, unsigned depth);

static bool merge_dicts(struct merger *m, struct val left, struct val right, unsigned depth) {
    size_t i = 0;
    for (struct vpair *p = val_each(right, &i); p; p = val_each(right, &i)) {
        struct val old = val_get_key(left, p->key), merged = p->value;
        if (val_has_key(left, p->key)) {
            path_add(m, text_of(m->c, p->key));
            if (!merge(m, old, p->value, &merged, depth + 1) || !overridden(m, old, merged)) {
                return false;
            }
        }
        val_set_key(m->c->a, left, p->key, merged);
    }
    return true;
}

static bool merge_items(struct merger *m, struct val left, struct val right, unsigned depth) {
    size_t had = val_len(left);
    for (size_t i = 0; i < val_len(right); i++) {
        struct val v = val_at_index(right, i), merged = {0};
        if (i >= had) {
            val_push(m->c->a, left, v);
            continue;
        }
        path_add(m, str_printf(m->c->a, "%zu", i));
        if (!merge(m, val_at_index(left, i), v, &merged, depth + 1) || !overridden(m, val_at_index(left, i), merged)) {
            return false;
        }
        left.u.l->items[i] = merged;
    }
    return true;
}

static struct val joined(struct arena *a, struct val first, struct val then) {
    struct val out = val_copy(a, first);
    for (size_t i = 0; i < val_len(then); i++) {
        val_push(a, out, val_at_index(then, i));
    }
    return out;
}

static bool merge(struct merger *m, struct val left, struct val right, struct val *out, unsigned depth) {
    bool lists = left.kind == VAL_LIST && right.kind == VAL_LIST;
    bool dicts = left.kind == VAL_DICT && right.kind == VAL_DICT;
    int how = !same_type(left, right) ? m->conflicts : m->others;
    if (depth > DEPTH_MAX) {
        return plug_err(m->c, m->e, ERR_LIMIT, "values are nested deeper than %d levels", DEPTH_MAX);
    }
    if (lists) {
        how = m->lists;
    } else if (dicts && m->dicts != SHALLOW) {
        how = m->dicts;
    } else if (dicts && !depth) {
        how = MERGE;
    }
    *out = left;
    switch (how) {
    case REPLACE:
        *out = right;
        break;
    case APPEND:
        *out = joined(m->c->a, left, right);
        break;
    case PREPEND:
        *out = joined(m->c->a, right, left);
        break;
    case MERGE:
        if (!(dicts ? merge_dicts : merge_items)(m, left, right, depth)) {
            return false;
        }
        break;
    default:  // KEEP
        break;
    }
    return transform(m, out);
}

// -- variables -------------------------------------------------------------------------------------------------------

/// The names to choose from: the template's own variables, or those of a host.
static bool all_names(struct merger *m, struct val host, struct val *names) {
    if (host.kind != VAL_UNDEF) {
        return jinja_iter(m->c, host, names, m->e);
    }
    return lk_names(m->c, names, m->e);
}

static bool fits(struct merger *m, struct str name, const char *pattern, struct regex *re, bool *yes) {
    if (m->match != MATCH_REGEX) {
        *yes = m->match == MATCH_PREFIX ? str_starts(name, pattern) : str_ends(name, pattern);
        return true;
    }
    int hit = regex_exec(re, name, 0, REGEX_SEARCH, m->c->a, NULL, m->e);
    *yes = hit > 0;
    return hit >= 0;
}

static bool find_names(struct merger *m, struct val host, struct str pattern, struct sort_item **out, size_t *n) {
    struct val names = {0};
    struct regex *re = m->match == MATCH_REGEX ? jinja_regex(m->c, pattern, 0, m->e) : NULL;
    if ((m->match == MATCH_REGEX && !re) || !all_names(m, host, &names)) {
        return false;
    }
    *out = ARENA_ARRAY(m->c->a, struct sort_item, val_len(names) + 1);
    *n = 0;
    for (size_t i = 0; i < val_len(names); i++) {
        struct val name = val_at_index(names, i);
        bool yes = false;
        if (!fits(m, val_text(name), str_z(m->c->a, pattern), re, &yes)) {
            return false;
        }
        if (yes) {
            (*out)[(*n)++] = (struct sort_item){.key = name, .value = name};
        }
    }
    return sort_items(m->c, *out, *n, false, m->e);
}

static bool read_var(struct merger *m, struct val host, struct val name, struct val *out) {
    bool found = false;
    if (host.kind != VAL_UNDEF) {
        return jinja_getitem(m->c->ctx, host, name, m->c->at, out, m->e);
    }
    return lk_var(m->c, str_z(m->c->a, val_text(name)), out, &found, m->e);
}

static bool container(struct merger *m, struct val v, const char *what) {
    return v.kind == VAL_LIST || v.kind == VAL_DICT ||
           plug_err(m->c, m->e, ERR_TYPE, "%s must be a list or a dictionary, not %s", what, kind_article(v));
}

/// Merges what matches onto `*result` (VAL_NULL: nothing yet). `host`: an undefined value is the template's own.
static bool merge_vars(struct merger *m, struct val host, struct str pattern, struct val *result) {
    struct sort_item *names = NULL;
    size_t n = 0;
    int type = result->kind;
    if (!find_names(m, host, pattern, &names, &n) || (type != VAL_NULL && !container(m, *result, "'initial_value'"))) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct val v = {0};
        struct str name = val_text(names[i].key);
        if (!read_var(m, host, names[i].key, &v) ||
            !container(m, v, arena_printf(m->c->a, "the variable '%.*s'", STR(name)))) {
            return false;
        }
        v = val_promote(m->c->a, v);
        if (type != VAL_NULL && type != v.kind) {
            return plug_err(m->c, m->e, ERR_TYPE, "the variable '%.*s' is %s, and those before are not", STR(name),
                            kind_article(v));
        }
        type = v.kind;
        m->path = (struct buf)BUF_IN(m->c->a);
        buf_str(&m->path, name);
        m->last = name;
        if (result->kind == VAL_NULL) {
            *result = v;
        } else if (!merge(m, *result, v, result, 0)) {
            return false;
        }
    }
    return true;
}

static bool in_groups(struct merger *m, struct val host, struct val groups, bool *yes) {
    struct val mine = {0}, list = {0};
    *yes = false;
    if (!jinja_getitem(m->c->ctx, host, val_z(m->c->a, "group_names"), m->c->at, &mine, m->e) ||
        !jinja_iter(m->c, mine, &list, m->e)) {
        return false;
    }
    for (size_t i = 0; i < val_len(groups); i++) {
        struct val g = val_at_index(groups, i);
        bool has = false;
        *yes = *yes || str_eqz(val_text(g), "all") || (val_contains(list, g, &has, m->e) && has);
    }
    return true;
}

static bool merge_hosts(struct merger *m, struct val groups, struct str pattern, struct val *result) {
    struct val hostvars = {0}, hosts = {0};
    bool found = false;
    if (!lk_var(m->c, "hostvars", &hostvars, &found, m->e)) {
        return false;
    }
    if (!found) {
        return plug_err(m->c, m->e, ERR_NOT_FOUND, "'groups' needs an inventory, and there is none here");
    }
    if (!jinja_iter(m->c, hostvars, &hosts, m->e)) {
        return false;
    }
    for (size_t i = 0; i < val_len(hosts); i++) {
        struct val host = {0};
        bool mine = false;
        if (!jinja_getitem(m->c->ctx, hostvars, val_at_index(hosts, i), m->c->at, &host, m->e) ||
            !in_groups(m, host, groups, &mine) || (mine && !merge_vars(m, host, pattern, result))) {
            return false;
        }
    }
    return true;
}

static bool l_merge_variables(struct jcall *c, struct val *out, struct err *e) {
    struct merger m = {.c = c, .e = e};
    struct val initial = VNULL, groups = lk_opt(c, "groups");
    if (!read_options(&m)) {
        return false;
    }
    if (lk_given(c, "initial_value")) {
        initial = val_promote(c->a, lk_opt(c, "initial_value"));
    }
    if (lk_given(c, "groups") && groups.kind != VAL_LIST) {
        struct val one = groups;
        groups = val_list(c->a, 1);
        val_push(c->a, groups, one);
    }
    *out = val_list(c->a, lk_terms(c));
    for (size_t i = 0; i < lk_terms(c); i++) {
        struct val term = lk_term(c, i), result = initial;
        if (term.kind != VAL_STR) {
            return bad_arg(c, e, "term", "a string", term);
        }
        bool ok = lk_given(c, "groups") && val_len(groups)
                      ? merge_hosts(&m, groups, val_text(term), &result)
                      : merge_vars(&m, (struct val){.kind = VAL_UNDEF}, val_text(term), &result);
        if (!ok) {
            return false;
        }
        val_push(c->a, *out, result);
    }
    return true;
}
LOOKUP(merge_variables) = {
    .doc = "All variables whose names match a pattern, as one list or dictionary.",
    .fn = l_merge_variables,
    .fqcn = "community.general.merge_variables",
    .options = "pattern_type='regex', initial_value=None, override='error', groups=None, dict_merge='deep', "
               "list_merge='append', type_conflict_merge='replace', default_merge='replace', list_transformations=[]",
    .example = "lookup('community.general.merge_variables', '^nosuch$', initial_value=[1]) == [1]"};
