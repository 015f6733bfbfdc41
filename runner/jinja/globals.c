// Global functions: range, dict, lookup, query, now, undef, lipsum and the makers of objects.
#include "ast.h"
#include "datetime.h"
#include "typo.h"

static bool fn_range(struct jcall *c, struct val *out, struct err *e) {
    int64_t v[3] = {0, 0, 1};
    for (size_t i = 0; i < 3; i++) {
        if (arg_given(c, i) && c->args[i].kind != VAL_INT && c->args[i].kind != VAL_BOOL) {
            return c->args[i].kind == VAL_UNDEF
                       ? undef_fail(c->ctx, c->args[i], c->at, e)
                       : err_set(e, ERR_TYPE, c->at, "'%s' object cannot be interpreted as an integer",
                                 val_type_name(c->args[i]));
        }
        if (arg_given(c, i)) {
            v[i] = c->args[i].kind == VAL_BOOL ? c->args[i].u.b : c->args[i].u.i;
        }
    }
    if (!arg_given(c, 1)) {
        v[1] = v[0];
        v[0] = 0;
    }
    if (v[2] == 0) {
        return err_set(e, ERR_TYPE, c->at, "range() arg 3 must not be zero");
    }
    size_t cap = cap_of(c->ctx, RANGE_CAP);
    *out = val_list(c->a, 8);
    for (int64_t i = v[0]; v[2] > 0 ? i < v[1] : i > v[1];) {
        if (out->u.l->n >= cap) {
            return err_set(e, ERR_LIMIT, c->at, "range() of more than %zu numbers", cap);
        }
        val_push(c->a, *out, val_int(i));
        if (__builtin_add_overflow(i, v[2], &i)) {
            break;
        }
    }
    if (!c->ctx->opts->ansible) {
        *out = val_range(c->a, *out, v[0], v[1], v[2]);
    }
    return true;
}

static bool dict_from_pairs(struct jcall *c, struct val pairs, struct val d, struct err *e) {
    struct val list = {0};
    if (!jinja_iter(c, pairs, &list, e)) {
        return false;
    }
    for (size_t i = 0; i < list.u.l->n; i++) {
        struct val p = list.u.l->items[i];
        if ((p.kind != VAL_LIST && p.kind != VAL_TUPLE) || p.u.l->n != 2) {
            return err_set(e, ERR_TYPE, c->at, "dict() needs pairs: item %zu is none", i);
        }
        const struct val *bad = val_unhashable(&p.u.l->items[0]);
        if (bad) {
            return err_set(e, ERR_TYPE, c->at, "unhashable type: '%s'", val_type_name(*bad));
        }
        val_set_key(c->a, d, p.u.l->items[0], p.u.l->items[1]);
    }
    return true;
}

static bool fn_dict(struct jcall *c, struct val *out, struct err *e) {
    *out = val_dict(c->a, 4);
    if (arg_given(c, 0)) {
        struct val v = c->args[0];
        if (v.kind == VAL_UNDEF) {
            return undef_fail(c->ctx, v, c->at, e);
        }
        if (v.kind == VAL_DICT) {
            *out = val_copy(c->a, v);
        } else if (!dict_from_pairs(c, v, *out, e)) {
            return false;
        }
    }
    size_t i = 0;
    for (struct vpair *p = c->kwargs.kind == VAL_DICT ? val_each(c->kwargs, &i) : NULL; p;
         p = val_each(c->kwargs, &i)) {
        val_set_key(c->a, *out, p->key, p->value);
    }
    return true;
}

static bool fn_lipsum(struct jcall *c, struct val *out, struct err *e) {
    static const char *const words[] = {"lorem", "ipsum",       "dolor",      "sit",    "amet",  "consectetur",
                                        "elit",  "adipiscing",  "vestibulum", "mauris", "augue", "pellentesque",
                                        "donec", "ullamcorper", "tempus",     "nulla",  "metus", "sollicitudin"};
    int64_t n = 0, min = 0, max = 0;
    bool html = false;
    if (!arg_int(c, 0, 5, &n, e) || !arg_bool(c, 1, true, &html, e) || !arg_int(c, 2, 20, &min, e) ||
        !arg_int(c, 3, 100, &max, e)) {
        return false;
    }
    if (n < 0 || n > 1000 || min < 0 || max > 10000 || max <= min) {
        return err_set(e, ERR_LIMIT, c->at, "lipsum() takes up to 1000 paragraphs of up to 10000 words");
    }
    struct buf b = BUF_IN(c->a);
    uint32_t seed = 12345;
    for (int64_t p = 0; p < n; p++) {
        buf_z(&b, p ? (html ? "\n" : "\n\n") : "");
        buf_z(&b, html ? "<p>" : "");
        int64_t count = min + (int64_t)(seed % (uint32_t)(max - min));
        for (int64_t w = 0; w < count; w++) {
            seed = seed * 1664525U + 1013904223U;
            struct str one = str_from(words[(seed >> 16) % COUNTOF(words)]);
            buf_char(&b, (char)(w ? one.s[0] : one.s[0] - 32));
            buf_str(&b, str_sub(one, 1, one.n));
            buf_char(&b, (char)(w + 1 < count ? ' ' : '.'));
        }
        buf_z(&b, html ? "</p>" : "");
    }
    *out = val_str(c->a, buf_view(&b));
    return true;
}

static bool fn_now(struct jcall *c, struct val *out, struct err *e) {
    bool utc;
    struct str format;
    if (!arg_bool(c, 0, false, &utc, e)) {
        return false;
    }
    struct vdate d = date_now(utc);
    if (!arg_given(c, 1) || !val_truth(c->args[1])) {
        *out = date_val(c->a, &d);
        return true;
    }
    if (!arg_str(c, 1, &format, e) || !date_strftime(&d, format, c->a, &format, e)) {
        return false;
    }
    *out = val_str(c->a, format);
    return true;
}

static bool fn_undef(struct jcall *c, struct val *out, struct err *e) {
    struct str hint = STR_LIT("Mandatory variable has not been overridden");
    if (arg_given(c, 0) && c->args[0].kind == VAL_STR && val_text(c->args[0]).n && !arg_str(c, 0, &hint, e)) {
        return false;
    }
    *out = undef_hint(c->a, STR_NONE, hint);
    return true;
}

// -- lookups ---------------------------------------------------------------------------------------------------------

// NOLINTNEXTLINE(readability-function-size): declared in jinja.h
bool jinja_lookup(struct jinja_ctx *c, struct str name, struct val terms, struct val kwargs, struct mark at,
                  struct val *list, struct err *e) {
    const struct lookup *l = plugin_lookup(cache_plugins(c->cache), name, at, e);
    if (!l) {
        return false;
    }
    if (c->no_lookups) {
        c->lookups_met = true;
        return err_set(e, ERR_ARGS, at, "lookups are disabled here: '%.*s'", STR(name));
    }
    if (terms.kind != VAL_LIST) {
        struct val one = val_list(c->a, 1);
        val_push(c->a, one, terms);
        terms = one;
    }
    const struct val *bad = undef_inside(&terms);
    if (bad) {
        return undef_fail(c, *bad, at, e);
    }
    struct val given[2] = {terms, kwargs};
    struct jcall call = {.ctx = c, .a = c->a, .args = &terms, .nargs = 1, .kwargs = kwargs, .at = at};
    call.name = str_z(c->a, name);
    call.data = l->data;
    if (!nest_enter(c, e)) {
        return false;
    }
    bool ok = l->fn(&call, list, e);
    NEST_LEAVE(c);
    if (!ok) {
        return false;
    }
    if (list->kind != VAL_LIST) {
        return err_set(e, ERR_TYPE, at, "lookup '%.*s' gave a %s instead of a list", STR(name), val_type_name(*list));
    }
    c->state.untrusted = true;
    unsigned secret = val_any_flag(given[0], VAL_SECRET) || val_any_flag(given[1], VAL_SECRET) ? VAL_SECRET : 0;
    *list = val_reflag(c->a, *list, VAL_TRUSTED | VAL_TMPL, VAL_UNSAFE | secret);
    return true;
}

/// One value of a lookup's list, as lookup() gives it: strings are joined by commas.
static struct val lookup_one(struct arena *a, struct val list) {
    struct buf b = BUF_IN(a);
    unsigned flags = VAL_SAFE_JSON;
    if (!list.u.l->n) {
        return list;
    }
    for (size_t i = 0; i < list.u.l->n; i++) {
        struct val v = list.u.l->items[i];
        if (v.kind != VAL_STR) {
            return list.u.l->n == 1 ? v : list;
        }
        buf_z(&b, i ? "," : "");
        buf_str(&b, val_text(v));
        flags = (flags & v.flags & VAL_SAFE_JSON) | ((flags | v.flags) & VAL_SECRET);
    }
    return list.u.l->n == 1 ? list.u.l->items[0] : val_flag(val_str(a, buf_view(&b)), flags);
}

/// `errors='warn'` and `'ignore'`: the failure becomes an empty result.
static bool tolerate(struct jcall *c, struct val errors, bool wantlist, struct val *out, struct err *e) {
    struct str how = val_text(errors);
    if (e->code == ERR_UNDEFINED || (!str_eqz(how, "warn") && !str_eqz(how, "ignore"))) {
        return false;
    }
    if (str_eqz(how, "warn") && c->ctx->host && c->ctx->host->warn) {
        struct str text = err_text(e);
        c->ctx->host->warn(c->ctx->host->self, c->at,
                           str_z(c->a, str_printf(c->a, "lookup failed but the error is ignored: %.*s", STR(text))));
    }
    err_clear(e);
    *out = wantlist ? val_list(c->a, 0) : VNULL;
    return true;
}

bool lookup_call(struct jcall *c, bool wantlist, struct val *out, struct err *e) {
    struct str name;
    if (!c->nargs) {
        return err_set(e, ERR_ARGS, c->at, "%s() needs the name of a lookup", c->name);
    }
    if (!arg_str(c, 0, &name, e)) {
        return false;
    }
    struct val kwargs = c->kwargs, want = {0}, errors = {0};
    if (kwargs.kind == VAL_DICT) {
        kwargs = val_copy(c->a, kwargs);
        want = val_get(kwargs, "wantlist");
        errors = val_get(kwargs, "errors");
        val_del_key(kwargs, val_z(c->a, "wantlist"));
        val_del_key(kwargs, val_z(c->a, "errors"));
        val_del_key(kwargs, val_z(c->a, "allow_unsafe"));
    }
    wantlist = wantlist || (want.kind != VAL_UNDEF && val_truth(want));
    struct val terms = val_list(c->a, c->nargs), list;
    for (size_t i = 1; i < c->nargs; i++) {
        struct val term = c->args[i];
        if (val_any_flag(term, VAL_TMPL) && !jinja_value(c->ctx, term, &term, e)) {
            return false;
        }
        val_push(c->a, terms, term);
    }
    if (!jinja_lookup(c->ctx, name, terms, kwargs, c->at, &list, e)) {
        return tolerate(c, errors, wantlist, out, e);
    }
    *out = wantlist ? list : lookup_one(c->a, list);
    return true;
}

static bool fn_lookup(struct jcall *c, struct val *out, struct err *e) {
    return lookup_call(c, false, out, e);
}

static bool fn_query(struct jcall *c, struct val *out, struct err *e) {
    return lookup_call(c, true, out, e);
}

// -- the table -------------------------------------------------------------------------------------------------------

static const struct method functions[] = {
    {"dict", "value=None, **", fn_dict, false},
    {"lipsum", "n=5, html=True, min=20, max=100", fn_lipsum, false},
    {"range", "start, stop=None, step=1", fn_range, false},
};
static const struct method ansible_functions[] = {
    {"lookup", "*, **", fn_lookup, false},   {"now", "utc=False, fmt=None", fn_now, false},
    {"q", "*, **", fn_query, false},         {"query", "*, **", fn_query, false},
    {"undef", "hint=None", fn_undef, false},
};

bool global_get(struct jinja_ctx *c, struct str name, struct val *out) {
    bool ansible = !c->opts || c->opts->ansible;
    const struct method *m = method_in(functions, COUNTOF(functions), name);
    if (!m && ansible) {
        m = method_in(ansible_functions, COUNTOF(ansible_functions), name);
    }
    for (const struct method *o = object_makers; !m && o->name; o++) {
        m = str_eqz(name, o->name) ? o : NULL;
    }
    if (m) {
        *out = method_value(c->a, m, (struct val){0});
        return true;
    }
    if (ansible && str_eqz(name, "omit")) {
        *out = VOMIT;
        return true;
    }
    return false;
}
