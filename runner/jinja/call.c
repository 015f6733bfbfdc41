// Calling: binds arguments to parameters, and the argument helpers plugins use.
#include "ast.h"
#include "bigint.h"
#include "markup.h"
#include "regex.h"

// -- parameters ------------------------------------------------------------------------------------------------------

/// Where the parameter at `p` ends: a comma outside quotes and brackets, or the end.
static const char *param_end(const char *p) {
    char quote = 0;
    int depth = 0;
    for (; *p; p++) {
        if (quote) {
            quote = (char)(*p == quote ? 0 : quote);
        } else if (*p == '\'' || *p == '"') {
            quote = *p;
        } else if (*p == '(' || *p == '[' || *p == '{') {
            depth++;
        } else if (*p == ')' || *p == ']' || *p == '}') {
            depth--;
        } else if (*p == ',' && depth <= 0) {
            break;
        }
    }
    return p;
}

void sig_parse(const char *params, struct sig *s) {
    *s = (struct sig){0};
    const char *p = params ? params : "*, **";
    while (*p) {
        const char *end = param_end(p);
        struct str one = str_trim((struct str){p, (size_t)(end - p)});
        size_t eq = str_find_char(one, 0, '=');
        struct str name = str_trim(str_sub(one, 0, eq));
        if (str_starts(name, "**") || (s->rest && name.n)) {
            s->any_kw = true;  // keyword-only parameters stay in kwargs too
        } else if (str_starts(name, "*")) {
            s->rest = true;
        } else if (name.n && !str_eqz(name, "/")) {
            if (s->n == SIG_MAX) {
                BUG("more than %d parameters in \"%s\"", SIG_MAX, params);
            }
            s->required = eq == SIZE_MAX ? (uint8_t)(s->n + 1) : s->required;
            s->names[s->n++] = name;
        }
        p = *end ? end + 1 : end;
    }
}

const struct sig *sig_of(const char *params) {
    static _Thread_local struct {
        const char *params;
        struct sig s;
    } kept[64];
    size_t i = ((uintptr_t)params >> 4) % COUNTOF(kept);
    if (kept[i].params != params || !params) {
        sig_parse(params, &kept[i].s);
        kept[i].params = params;
    }
    return &kept[i].s;
}

static bool bind_keyword(struct jcall *c, const struct sig *s, const struct vpair *p, struct val *slots,
                         struct err *e) {
    struct str key = val_text(p->key);
    for (size_t i = 0; i < s->n; i++) {
        if (!str_eq(s->names[i], key)) {
            continue;
        }
        if (slots[i].kind != VAL_UNDEF || slots[i].u.undef) {
            return err_set(e, ERR_ARGS, c->at, "%s() got multiple values for argument '%.*s'", c->name, STR(key));
        }
        slots[i] = p->value;
        return true;
    }
    if (!s->any_kw) {
        return err_set(e, ERR_ARGS, c->at, "%s() got an unexpected keyword argument '%.*s'", c->name, STR(key));
    }
    if (c->kwargs.kind != VAL_DICT) {
        c->kwargs = val_dict(c->a, 4);
    }
    val_set_key(c->a, c->kwargs, p->key, p->value);
    return true;
}

bool sig_bind(struct jcall *c, const struct sig *s, struct val *slots, struct err *e) {
    if (c->nargs == s->n && c->kwargs.kind != VAL_DICT) {
        return true;
    }
    if (c->nargs > s->n && !s->rest) {
        return err_set(e, ERR_ARGS, c->at, "%s() takes at most %d arguments, got %zu", c->name, s->n, c->nargs);
    }
    struct val kwargs = c->kwargs;
    c->kwargs = (struct val){0};
    if (c->nargs <= s->n) {
        memset(slots, 0, sizeof *slots * s->n);
        if (c->nargs) {
            memcpy(slots, c->args, sizeof *slots * c->nargs);
        }
        c->args = slots;
        c->nargs = s->n;
    } else if (kwargs.kind == VAL_DICT) {
        struct val *all = ARENA_ARRAY(c->a, struct val, c->nargs);
        memcpy(all, c->args, sizeof *all * c->nargs);
        c->args = slots = all;
    }
    size_t i = 0;
    for (struct vpair *p = kwargs.kind == VAL_DICT ? val_each(kwargs, &i) : NULL; p; p = val_each(kwargs, &i)) {
        if (!bind_keyword(c, s, p, slots, e)) {
            return false;
        }
    }
    for (size_t k = 0; k < s->required; k++) {
        // All n are set above: NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult)
        if (c->args[k].kind == VAL_UNDEF && !c->args[k].u.undef) {
            return err_set(e, ERR_ARGS, c->at, "%s() missing required argument '%.*s'", c->name, STR(s->names[k]));
        }
    }
    return true;
}

// -- secrets ---------------------------------------------------------------------------------------------------------

struct val val_taint(struct val out, const struct val *vals, size_t n) {
    bool scalar = out.kind == VAL_STR || out.kind == VAL_INT || out.kind == VAL_FLOAT || out.kind == VAL_OBJ;
    bool holds = out.kind == VAL_LIST || out.kind == VAL_DICT || out.kind == VAL_TUPLE;
    for (size_t i = 0; i < n && (scalar || holds); i++) {
        if ((vals[i].flags & VAL_SECRET) || (scalar && val_any_flag(vals[i], VAL_SECRET))) {
            out.flags |= VAL_SECRET;
            return out;
        }
    }
    return out;
}

/// As val_taint, and what a container made from a secret scalar holds is secret too.
void tell_secret(struct jinja_ctx *ctx, struct val v) {
    if (v.kind == VAL_STR && (v.flags & VAL_SECRET) && ctx->host && ctx->host->secret) {
        ctx->host->secret(ctx->host->self, val_text(v), true);
    }
}

static struct val taint_result(struct jcall *c, struct val out, const struct val *args, size_t n, struct val kwargs) {
    bool was = out.flags & VAL_SECRET;
    out = val_taint(out, args, n);
    if (kwargs.kind == VAL_DICT && val_any_flag(kwargs, VAL_SECRET)) {
        out = val_taint(out, &(struct val){.kind = VAL_NULL, .flags = VAL_SECRET}, 1);
    }
    if (!was && (out.flags & VAL_SECRET) && (out.kind == VAL_LIST || out.kind == VAL_DICT || out.kind == VAL_TUPLE)) {
        out = val_reflag(c->a, out, 0, VAL_SECRET);
    }
    tell_secret(c->ctx, out);
    return out;
}

// -- invoking --------------------------------------------------------------------------------------------------------

/// An undefined input where none is wanted. Under lenient options it goes in as it is.
static bool check_input(struct jcall *c, struct err *e) {
    static const char *const fail[] = {
        "abs",   "dictsort", "filesizeformat", "float",  "indent", "int",
        "round", "tojson",   "wordwrap",       "xmlattr"};  // the others take it as text or list without anything
    if (!c->nargs || c->args[0].kind != VAL_UNDEF) {
        return true;
    }
    bool ok = !undef_strict(c->ctx, c->args[0]);
    for (size_t i = 0; i < COUNTOF(fail) && ok; i++) {
        ok = strcmp(c->name, fail[i]) != 0;
    }
    if (ok) {
        return true;
    }
    return undef_fail(c->ctx, c->args[0], c->at, e);
}

/// Whether a message shows a part of a secret in quotes. The whole of it is masked when it is printed, a part is not.
static bool shows_part(const char *msg, struct str secret) {
    const char *p = strchr(msg, '\'');
    while (p) {
        const char *end = strchr(p + 1, '\'');
        struct str word = {p + 1, end ? (size_t)(end - p - 1) : strlen(p + 1)};
        if (word.n && word.n < secret.n && str_find(secret, 0, word) != SIZE_MAX) {
            return true;
        }
        p = end ? strchr(end + 1, '\'') : NULL;
    }
    return false;
}

/// Errors of plugins quote the piece of their input that does not fit.
static bool hide_parts(const struct val *args, size_t n, struct err *e) {
    for (size_t i = 0; i < n; i++) {
        bool secret = args[i].kind == VAL_STR && (args[i].flags & VAL_SECRET);
        for (struct err *x = e; secret && x; x = x->cause) {
            if (shows_part(x->msg, val_text(args[i]))) {
                x->msg = "a secret value does not fit here; what is wrong with it is not shown";
            }
        }
    }
    return false;
}

/// From 2.19 on: an argument without a value becomes the result of what does not say that it takes such. False: none.
static bool undefined_argument(const struct jcall *c, struct val *out) {
    static const char *const takes[] = {"default",   "d",       "defined", "undefined",
                                        "mandatory", "ternary", "unvault", "type_debug"};
    const char *dot = strrchr(c->name, '.');
    const char *name = dot ? dot + 1 : c->name;
    bool ok = !c->ctx->v219;
    for (size_t i = 0; i < COUNTOF(takes) && !ok; i++) {
        ok = strcmp(name, takes[i]) == 0;
    }
    for (size_t i = 0; i < c->nargs && !ok; i++) {
        if (c->args[i].kind == VAL_UNDEF) {
            *out = c->args[i];
            return true;
        }
    }
    return false;
}

/// Runs a filter that is a generator in Jinja2: what goes wrong, here or in the generator it reads from, is kept for
/// those who read its items.
static bool generate(struct jcall *c, const struct filter *f, struct val *out, struct err *e) {
    struct val from = c->nargs ? c->args[0] : (struct val){0};
    *out = (struct val){0};
    if (is_generator(from)) {
        struct val *args = ARENA_ARRAY(c->a, struct val, c->nargs);
        memcpy(args, c->args, c->nargs * sizeof *args);
        args[0] = generator_read(c->a, from, from.u.l->n);
        c->args = args;
    }
    if ((f->takes_undef || check_input(c, e)) && f->fn(c, out, e) && generator_end(from, e)) {
        return true;
    }
    if (e->code == ERR_LIMIT) {
        return false;
    }
    *out = is_generator(*out) ? *out : val_list(c->a, 0);
    generator_fails(c->a, out, e);
    return true;
}

bool filter_invoke(struct jcall *c, const struct filter *f, const struct sig *s, struct val *out, struct err *e) {
    struct val slots[SIG_MAX];
    const struct val *args = c->args, kwargs = c->kwargs;
    size_t n = c->nargs;
    c->params = f->params;
    c->data = f->data;
    if (undefined_argument(c, out)) {
        return true;
    }
    if (f->lazy && !c->ctx->opts->ansible) {
        struct jcall bound = *c;
        return sig_bind(&bound, s, slots, e) && generate(&bound, f, out, e);
    }
    bool ok = (f->takes_undef || check_input(c, e)) && sig_bind(c, s, slots, e) && f->fn(c, out, e);
    c->args = args;  // not what was bound here
    if (!ok) {
        return hide_parts(args, n, e);
    }
    *out = taint_result(c, *out, args, n, kwargs);
    if (out->kind == VAL_UNDEF) {
        *out = undef_plain(c->ctx, *out);
    }
    if (f->html && n && is_markup(args[0])) {
        *out = markup_set(*out, true);
    }
    return true;
}

bool test_invoke(struct jcall *c, const struct jtest *t, const struct sig *s, bool *out, struct err *e) {
    struct val slots[SIG_MAX];
    const struct val *args = c->args;
    c->params = t->params;
    c->data = t->data;
    struct val missing = {0};
    if (undefined_argument(c, &missing)) {
        return undef_fail(c->ctx, missing, c->at, e);
    }
    bool ok = (t->takes_undef || check_input(c, e)) && sig_bind(c, s, slots, e) && t->fn(c, out, e);
    c->args = args;  // not what was bound here
    return ok || hide_parts(args, c->nargs, e);
}

bool method_invoke(struct jcall *c, const struct method *m, struct val *out, struct err *e) {
    struct val slots[SIG_MAX];
    const struct val *args = c->args, kwargs = c->kwargs;
    size_t n = c->nargs;
    bool html = n && is_markup(args[0]);
    if (html) {
        markup_args(c, m->name);
    }
    bool ok = sig_bind(c, sig_of(m->params), slots, e) && m->fn(c, out, e);
    if (ok && html) {
        *out = markup_result(c, m->name, *out);
    }
    c->args = args;
    if (!ok) {
        return hide_parts(args, n, e);
    }
    *out = m->mutates ? *out : taint_result(c, *out, args, n, kwargs);
    return true;
}

// The calls below take what plugin.h, the contract with all plugins, says.
// NOLINTBEGIN(readability-function-size)
bool jinja_call_filter(struct jinja_ctx *ctx, struct str name, const struct val *args, size_t nargs, struct val kwargs,
                       struct mark at, struct val *out, struct err *e) {
    const struct filter *f = plugin_filter(cache_plugins(ctx->cache), name, at, e);
    if (!f) {
        return false;
    }
    struct sig own;
    const struct sig *s = f->data ? (sig_parse(f->params, &own), &own) : sig_of(f->params);
    struct jcall c = {ctx, ctx->a, args, nargs, kwargs, at, str_z(ctx->a, name), f->params, f->data};
    if (!nest_enter(ctx, e)) {
        return false;
    }
    bool ok = filter_invoke(&c, f, s, out, e);
    NEST_LEAVE(ctx);
    return ok;
}

bool jinja_call_test(struct jinja_ctx *ctx, struct str name, const struct val *args, size_t nargs, struct val kwargs,
                     struct mark at, bool *out, struct err *e) {
    const struct jtest *t = plugin_test(cache_plugins(ctx->cache), name, at, e);
    if (!t) {
        return false;
    }
    struct sig own;
    const struct sig *s = t->data ? (sig_parse(t->params, &own), &own) : sig_of(t->params);
    struct jcall c = {ctx, ctx->a, args, nargs, kwargs, at, str_z(ctx->a, name), t->params, t->data};
    return test_invoke(&c, t, s, out, e);
}

bool call_value(struct jcall *c, struct val fn, struct val *out, struct err *e) {
    bool known = false;
    if (!nest_enter(c->ctx, e)) {
        return false;
    }
    bool ok = fn.kind == VAL_OBJ && obj_call(c, fn, &known, out, e);
    NEST_LEAVE(c->ctx);
    if (!known) {
        return err_set(e, ERR_TYPE, c->at, "'%s' object is not callable", val_type_name(fn));
    }
    return ok;
}

bool jinja_call(struct jinja_ctx *ctx, struct val fn, const struct val *args, size_t nargs, struct val kwargs,
                struct mark at, struct val *out, struct err *e) {
    struct jcall c = {ctx, ctx->a, args, nargs, kwargs, at, "call", NULL, NULL};
    return fn.kind == VAL_UNDEF ? undef_fail(ctx, fn, at, e) : call_value(&c, fn, out, e);
}

// NOLINTEND(readability-function-size)

// -- regular expressions ---------------------------------------------------------------------------------------------

struct regex *jinja_regex(struct jcall *c, struct str pattern, unsigned flags, struct err *e) {
    char room[120];
    struct str key = {room, pattern.n + 1};
    struct last_regex *last = &c->ctx->last_regex;
    if (last->regex && last->flags == flags && str_eq(last->pattern, pattern)) {
        return last->regex;
    }
    struct map *known = &c->ctx->regexes;
    char *p = key.n <= sizeof room ? room : arena_alloc(c->a, key.n);
    p[0] = (char)('0' + flags);
    if (pattern.n) {
        memcpy(p + 1, pattern.s, pattern.n);
    }
    key.s = p;
    struct regex *r = map_get(known, key);
    if (!r) {
        r = regex_compile(c->a, pattern, flags, c->at, e);
        if (!r) {
            return NULL;
        }
        map_put(known, c->a, str_dup(c->a, key), r);
    }
    *last = (struct last_regex){r, str_dup(c->a, pattern), flags};
    return r;
}

// -- argument helpers ------------------------------------------------------------------------------------------------

static struct str param_name(const struct jcall *c, size_t i) {
    struct sig s;
    sig_parse(c->params, &s);
    return i < s.n ? s.names[i] : STR_LIT("argument");
}

static bool bad_arg(struct jcall *c, size_t i, const char *want, struct err *e) {
    struct str name = param_name(c, i);
    if (c->args[i].kind == VAL_UNDEF && c->args[i].u.undef) {
        return undef_fail(c->ctx, c->args[i], c->at, e);
    }
    return err_set(e, ERR_TYPE, c->at, "%s: '%.*s' must be %s, not %s", c->name, STR(name), want,
                   val_kind_name((enum val_kind)c->args[i].kind));
}

bool arg_given(const struct jcall *c, size_t i) {
    return i < c->nargs && (c->args[i].kind != VAL_UNDEF || c->args[i].u.undef);
}

bool arg_str(struct jcall *c, size_t i, struct str *out, struct err *e) {
    struct val v = i < c->nargs ? c->args[i] : (struct val){0};
    if (v.kind == VAL_STR) {
        *out = val_text(v);
        return true;
    }
    if (is_whole(v) || v.kind == VAL_FLOAT) {
        *out = val_str_of(c->a, v);
        return true;
    }
    if (i >= c->nargs) {
        return err_set(e, ERR_ARGS, c->at, "%s: a string argument is missing", c->name);
    }
    return bad_arg(c, i, "a string", e);
}

bool arg_int(struct jcall *c, size_t i, int64_t def, int64_t *out, struct err *e) {
    if (!arg_given(c, i)) {
        *out = def;
        return true;
    }
    bool plain = c->ctx && !c->ctx->opts->ansible;  // Python takes no text for a number
    bool fits = plain ? c->args[i].kind == VAL_INT || c->args[i].kind == VAL_BOOL : true;
    return fits && val_as_int(c->args[i], out) ? true : bad_arg(c, i, "an integer", e);
}

bool arg_bool(struct jcall *c, size_t i, bool def, bool *out, struct err *e) {
    if (!arg_given(c, i)) {
        *out = def;
        return true;
    }
    struct val v = c->args[i];
    if (v.kind == VAL_UNDEF) {
        return bad_arg(c, i, "a bool", e);
    }
    *out = val_truth(v);
    if (v.kind == VAL_STR && !val_as_bool(v, out)) {
        *out = val_truth(v);
    }
    return true;
}
