// Cases as JSON objects: the options of Jinja2's Environment by name, variables, other templates.
#include "case.h"
#include "ast.h"
#include "typo.h"

static bool wrong(struct str name, const char *want, struct val got, struct err *e) {
    return err_set(e, ERR_ARGS, NO_MARK, "'%.*s' must be %s, not %s", STR(name), want,
                   val_kind_name((enum val_kind)got.kind));
}

// -- options ---------------------------------------------------------------------------------------------------------

static bool undefined_kind(struct val v, struct jinja_opts *o, struct err *e) {
    static const struct {
        const char *name;
        enum undef_mode mode;
    } kinds[] = {{"Undefined", UNDEF_DEFAULT},
                 {"ChainableUndefined", UNDEF_CHAINABLE},
                 {"StrictUndefined", UNDEF_STRICT},
                 {"DebugUndefined", UNDEF_DEBUG}};
    struct str name = val_text(v);
    size_t dot = name.n;
    while (dot > 0 && name.s[dot - 1] != '.') {
        dot--;
    }
    for (size_t i = 0; i < COUNTOF(kinds); i++) {
        if (str_eqz(str_sub(name, dot, name.n), kinds[i].name)) {
            o->undefined = kinds[i].mode;
            return true;
        }
    }
    return v.kind == VAL_NULL || err_set(e, ERR_ARGS, NO_MARK, "undefined kind '%.*s' is not supported", STR(name));
}

static bool extension(struct val v, struct jinja_opts *o, struct err *e) {
    struct str name = val_text(v);
    static const char *const prefix = "jinja2.ext.";
    if (str_starts(name, prefix)) {
        name = str_sub(name, strlen(prefix), name.n);
    }
    const struct {
        const char *name, *other;
        bool *flag;
    } known[] = {{"do", "ExprStmtExtension", &o->ext_do},
                 {"loopcontrols", "LoopControlExtension", &o->ext_loopcontrols},
                 {"i18n", "InternationalizationExtension", &o->ext_i18n},
                 {"autoescape", "AutoEscapeExtension", NULL},  // part of the language since Jinja 2.9
                 {"with_", "WithExtension", NULL}};
    for (size_t i = 0; i < COUNTOF(known); i++) {
        if (str_eqz(name, known[i].name) || str_eqz(name, known[i].other)) {
            if (known[i].flag) {
                *known[i].flag = true;
            }
            return true;
        }
    }
    return err_set(e, ERR_ARGS, NO_MARK, "the extension '%.*s' is not supported", STR(val_text(v)));
}

bool jinja_extensions(struct str names, struct arena *a, struct jinja_dialect *d, struct err *e) {
    struct jinja_opts o = {0};
    struct str one;
    while (names.s && str_next(&names, ',', &one)) {
        if (str_trim(one).n && !extension(val_str(a, str_trim(one)), &o, e)) {
            return false;
        }
    }
    d->ext_do = o.ext_do;
    d->ext_loopcontrols = o.ext_loopcontrols;
    d->ext_i18n = o.ext_i18n;
    return true;
}

static bool extensions(struct val v, struct jinja_opts *o, struct err *e) {
    if (v.kind != VAL_LIST && v.kind != VAL_NULL) {
        return wrong(STR_LIT("extensions"), "a list of names", v, e);
    }
    for (size_t i = 0; v.kind == VAL_LIST && i < v.u.l->n; i++) {
        if (!extension(v.u.l->items[i], o, e)) {
            return false;
        }
    }
    return true;
}

/// An option with a text; *known tells whether it is one.
static bool text_option(struct arena *a, const struct vpair *p, struct jinja_opts *o, bool *known, struct err *e) {
    const struct {
        const char *name;
        const char **text;
        bool may_be_none;
    } texts[] = {{"block_start_string", &o->block_start, false},
                 {"block_end_string", &o->block_end, false},
                 {"variable_start_string", &o->var_start, false},
                 {"variable_end_string", &o->var_end, false},
                 {"comment_start_string", &o->comment_start, false},
                 {"comment_end_string", &o->comment_end, false},
                 {"line_statement_prefix", &o->line_statement, true},
                 {"line_comment_prefix", &o->line_comment, true},
                 {"newline_sequence", &o->newline, false}};
    for (size_t i = 0; i < COUNTOF(texts); i++) {
        if (str_eqz(val_text(p->key), texts[i].name)) {
            struct val v = p->value;
            *known = true;
            bool none = v.kind == VAL_NULL || (v.kind == VAL_STR && !val_text(v).n);
            if ((v.kind != VAL_STR && v.kind != VAL_NULL) || (none && !texts[i].may_be_none)) {
                return wrong(val_text(p->key), "a text", v, e);
            }
            *texts[i].text = none ? NULL : str_z(a, val_text(v));
            return true;
        }
    }
    return true;
}

static bool option(struct arena *a, const struct vpair *p, struct jinja_opts *o, struct err *e) {
    struct str name = val_text(p->key);
    const struct {
        const char *name;
        bool *flag;  // NULL: makes no difference to what is rendered
    } flags[] = {{"trim_blocks", &o->trim_blocks},
                 {"lstrip_blocks", &o->lstrip_blocks},
                 {"keep_trailing_newline", &o->keep_trailing_newline},
                 {"autoescape", &o->autoescape},
                 {"optimized", NULL},
                 {"cache_size", NULL},
                 {"auto_reload", NULL},
                 {"enable_async", NULL}};
    for (size_t i = 0; i < COUNTOF(flags); i++) {
        if (str_eqz(name, flags[i].name)) {
            if (flags[i].flag) {
                *flags[i].flag = val_truth(p->value);
            }
            return true;
        }
    }
    bool known = false;
    if (!text_option(a, p, o, &known, e) || known) {
        return known && e->code == ERR_NONE;
    }
    if (str_eqz(name, "undefined")) {
        return undefined_kind(p->value, o, e);
    }
    if (str_eqz(name, "extensions")) {
        return extensions(p->value, o, e);
    }
    bool unset = p->value.kind == VAL_NULL &&
                 (str_eqz(name, "finalize") || str_eqz(name, "loader") || str_eqz(name, "bytecode_cache"));
    return unset || err_set(e, ERR_ARGS, NO_MARK, "the Environment option '%.*s' is not supported", STR(name));
}

bool jinja_case_options(struct arena *a, struct val env, struct jinja_opts *o, struct err *e) {
    size_t i = 0;
    for (struct vpair *p = env.kind == VAL_DICT ? val_each(env, &i) : NULL; p; p = val_each(env, &i)) {
        if (!option(a, p, o, e)) {
            return false;
        }
    }
    return true;
}

// -- cases -----------------------------------------------------------------------------------------------------------

static bool templates(struct arena *a, struct val v, struct map *m, struct err *e) {
    size_t i = 0;
    for (struct vpair *p = v.kind == VAL_DICT ? val_each(v, &i) : NULL; p; p = val_each(v, &i)) {
        if (p->value.kind != VAL_STR) {
            return wrong(val_text(p->key), "the text of a template", p->value, e);
        }
        struct str *s = ARENA_NEW(a, struct str);
        *s = val_text(p->value);
        map_put(m, a, val_text(p->key), s);
    }
    return true;
}

bool jinja_case_read(struct arena *a, struct val object, struct jinja_case *out, struct err *e) {
    struct val source = val_get(object, "template"), undefined = val_get(object, "undefined");
    struct val ext = val_get(object, "extensions");
    *out = (struct jinja_case){.id = val_get(object, "id"), .opts = jinja_opts_plain, .vars = val_get(object, "vars")};
    if (object.kind != VAL_DICT) {
        return wrong(STR_LIT("a case"), "an object", object, e);
    }
    if (source.kind != VAL_STR) {
        return wrong(STR_LIT("template"), "a text", source, e);
    }
    out->source = val_text(source);
    if (out->vars.kind != VAL_DICT) {
        out->vars = val_dict(a, 0);
    }
    if (!jinja_case_options(a, val_get(object, "env"), &out->opts, e) ||
        (undefined.kind == VAL_STR && !undefined_kind(undefined, &out->opts, e)) ||
        (ext.kind != VAL_UNDEF && !extensions(ext, &out->opts, e)) ||
        !templates(a, val_get(object, "templates"), &out->templates, e)) {
        return false;
    }
    out->at = mark_source("<template>", out->source, (enum mark_flags)0);
    return true;
}

static bool case_var(void *self, struct str name, struct arena *a, struct val *out, struct err *e) {
    (void)a;
    (void)e;
    *out = val_get_str(((const struct jinja_case *)self)->vars, name);
    return true;
}

static void case_names(void *self, void (*offer)(void *, struct str), void *to) {
    size_t i = 0;
    for (struct vpair *p; (p = val_each(((const struct jinja_case *)self)->vars, &i));) {
        offer(to, val_text(p->key));
    }
}

bool jinja_case_render(struct arena *a, struct jinja_cache *cache, struct jinja_case *k, struct str *out,
                       struct err *e) {
    struct jinja_ctx c = {.a = a, .cache = cache, .opts = &k->opts};
    c.scope = (struct jinja_scope){.self = k, .get = case_var, .names = case_names};
    c.templates = &k->templates;
    return jinja_render(&c, k->source, k->at, &k->opts, out, e);
}

bool jinja_case_compile(struct arena *a, const struct jinja_case *k, struct err *e) {
    return jinja_compile(a, &(struct tmpl_key){k->source, k->at, &k->opts, false}, NULL, e) != NULL;
}
