// Helpers of the lookups: options, terms, files.
#include "lookups/common.h"

#include "filters/text.h"
#include "typo.h"

struct val lk_opt(const struct jcall *c, const char *name) {
    return opt_kw(c, name);
}

bool lk_given(const struct jcall *c, const char *name) {
    struct val v = opt_kw(c, name);
    return v.kind != VAL_NULL && (!is_undef(v) || v.u.undef);
}

bool lk_str(struct jcall *c, const char *name, struct str def, struct str *out, struct err *e) {
    *out = def;
    if (!lk_given(c, name)) {
        return true;
    }
    struct val v = opt_kw(c, name);
    double d;
    if (v.kind != VAL_STR && !as_num(v, &d)) {
        return bad_arg(c, e, name, "a string", v);
    }
    *out = text_of(c, v);
    return true;
}

bool lk_bool(struct jcall *c, const char *name, bool def, bool *out, struct err *e) {
    *out = def;
    return !lk_given(c, name) || val_as_bool(opt_kw(c, name), out) || bad_arg(c, e, name, "a boolean", opt_kw(c, name));
}

bool lk_int(struct jcall *c, const char *name, int64_t def, int64_t *out, struct err *e) {
    *out = def;
    return !lk_given(c, name) || val_as_int(opt_kw(c, name), out) || bad_arg(c, e, name, "an integer", opt_kw(c, name));
}

void lk_warn(const struct jcall *c, const char *msg) {
    if (c->ctx->host && c->ctx->host->warn) {
        c->ctx->host->warn(c->ctx->host->self, c->at, msg);
    }
}

void lk_known(const struct jcall *c, const char *const *names) {
    size_t i = 0, n = 0;
    const struct vpair *p;
    while (names[n]) {
        n++;
    }
    while (val_is(c->kwargs, VAL_DICT) && (p = val_each(c->kwargs, &i)) != NULL) {
        struct str k = val_text(p->key);
        bool known = str_starts(k, "_");
        for (size_t m = 0; m < n; m++) {
            known = known || str_eqz(k, names[m]);
        }
        if (!known) {
            const char *near = typo_nearest(k, names, n);
            lk_warn(c, arena_printf(c->a, "lookup '%s' has no option '%.*s'%s%s%s", c->name, STR(k),
                                    near ? ", did you mean '" : "", near ? near : "", near ? "'" : ""));
        }
    }
}

size_t lk_terms(const struct jcall *c) {
    return val_len(c->args[0]);
}

struct val lk_term(const struct jcall *c, size_t i) {
    return val_at_index(c->args[0], i);
}

bool lk_term_str(struct jcall *c, size_t i, struct str *out, struct err *e) {
    struct val v = lk_term(c, i);
    double d;
    if (v.kind != VAL_STR && !as_num(v, &d)) {
        return bad_arg(c, e, "term", "a string", v);
    }
    *out = text_of(c, v);
    return true;
}

bool lk_each_term(struct jcall *c, bool (*one)(struct jcall *, struct str term, struct val list, struct err *),
                  struct val *out, struct err *e) {
    *out = val_list(c->a, lk_terms(c));
    for (size_t i = 0; i < lk_terms(c); i++) {
        struct str term = STR_NONE;
        if (!lk_term_str(c, i, &term, e) || !one(c, term, *out, e)) {
            return false;
        }
    }
    return true;
}

bool lk_find(struct jcall *c, const char *kind, struct str name, struct str *path, struct err *e) {
    const struct jinja_host *h = c->ctx->host;
    if (!h || !h->find) {
        return plug_err(c, e, ERR_NOT_FOUND, "files of the controller cannot be reached here");
    }
    return h->find(h->self, kind, name, c->a, path, e) ||
           err_wrap(e, c->at, "lookup '%s' could not find '%.*s'", c->name, STR(name));
}

bool lk_read(struct jcall *c, struct str path, struct str *text, bool *secret, struct err *e) {
    const struct jinja_host *h = c->ctx->host;
    *secret = false;
    if (!h || !h->read) {
        return plug_err(c, e, ERR_NOT_FOUND, "files of the controller cannot be read here");
    }
    return h->read(h->self, path, c->a, text, secret, e) ||
           err_wrap(e, c->at, "lookup '%s' could not read '%.*s'", c->name, STR(path));
}

struct offered {
    struct value_set seen;
    struct val names;
};

static void offer(void *to, struct str name) {
    struct offered *o = to;
    struct val v = val_str(o->seen.a, name);
    if (set_add(&o->seen, v)) {
        val_push(o->seen.a, o->names, v);
    }
}

bool lk_names(struct jcall *c, struct val *names, struct err *e) {
    struct offered o = {.seen = set_new(c->a), .names = val_list(c->a, 64)};
    if (!c->ctx->scope.names) {
        return plug_err(c, e, ERR_NOT_FOUND, "no variables can be searched here");
    }
    c->ctx->scope.names(c->ctx->scope.self, offer, &o);
    *names = o.names;
    return true;
}

bool lk_var(struct jcall *c, const char *name, struct val *out, bool *found, struct err *e) {
    struct val raw = {.kind = VAL_UNDEF};
    struct jinja_ctx *ctx = c->ctx;
    *found = false;
    if (!ctx->scope.get) {
        return true;
    }
    if (!ctx->scope.get(ctx->scope.self, str_from(name), c->a, &raw, e)) {
        return false;
    }
    *found = !is_undef(raw);
    return !*found || jinja_value(ctx, raw, out, e);
}

struct str lk_basedir(const struct jcall *c) {
    const struct jinja_host *h = c->ctx->host;
    return h && h->basedir.n ? h->basedir : STR_LIT(".");
}

struct val lk_flatten(struct jcall *c, struct val l) {
    struct val r = val_list(c->a, val_len(l));
    for (size_t i = 0; i < val_len(l); i++) {
        struct val v = val_at_index(l, i);
        if (!val_is_seq(v)) {
            val_push(c->a, r, v);
        }
        for (size_t k = 0; val_is_seq(v) && k < val_len(v); k++) {
            val_push(c->a, r, val_at_index(v, k));
        }
    }
    return r;
}

// -- key=value -------------------------------------------------------------------------------------------------------

/// The next word: white space inside quotes and inside {{ }} does not end it.
static bool kv_word(struct jcall *c, struct str *rest, struct str *word, struct err *e) {
    struct str s = text_strip(*rest, STR_NONE, STRIP_LEFT);
    char quote = 0;
    size_t depth = 0, i = 0;
    *word = STR_NONE;
    for (; i < s.n; i++) {
        char ch = s.s[i];
        bool escaped = i > 0 && s.s[i - 1] == '\\';
        bool pair = i + 1 < s.n && s.s[i + 1] == ch;
        if (quote) {
            if (ch == quote && !escaped) {
                quote = 0;
            }
        } else if ((ch == '"' || ch == '\'') && !escaped && !depth) {
            quote = ch;
        } else if (ch == '{' && pair) {
            depth++;
            i++;
        } else if (ch == '}' && pair && depth) {
            depth--;
            i++;
        } else if (!depth && cp_space((unsigned char)ch)) {
            break;
        }
    }
    if (quote) {
        return plug_err(c, e, ERR_SYNTAX, "a quote in '%.*s' is not closed", STR(*rest));
    }
    *word = str_sub(s, 0, i);
    *rest = str_sub(s, i, s.n);
    return true;
}

static struct str unescape(struct arena *a, struct str s) {
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < s.n; i++) {
        const char *p = s.s[i] == '\\' && i + 1 < s.n && s.s[i + 1] ? strchr(from, s.s[i + 1]) : NULL;
        if (p) {
            buf_char(&b, to[p - from]);
            i++;
        } else {
            buf_char(&b, s.s[i]);
        }
    }
    return buf_view(&b);
}

static struct str unquote(struct str s) {
    bool quoted = s.n > 1 && (s.s[0] == '"' || s.s[0] == '\'') && s.s[s.n - 1] == s.s[0] && s.s[s.n - 2] != '\\';
    return quoted ? str_sub(s, 1, s.n - 1) : s;
}

bool lk_kv(struct jcall *c, struct str text, struct str *raw, struct val *kv, struct err *e) {
    struct buf b = BUF_IN(c->a);
    struct str rest = text, word;
    *kv = val_dict(c->a, 4);
    while (text_strip(rest, STR_NONE, STRIP_LEFT).n) {
        if (!kv_word(c, &rest, &word, e)) {
            return false;
        }
        word = unescape(c->a, word);
        size_t eq = str_find_char(word, 1, '=');
        while (eq != SIZE_MAX && word.s[eq - 1] == '\\') {
            eq = str_find_char(word, eq + 1, '=');
        }
        if (eq == SIZE_MAX) {
            if (b.n) {
                buf_char(&b, ' ');
            }
            buf_str(&b, text_replace(c->a, word, STR_LIT("\\="), STR_LIT("="), -1));
            continue;
        }
        struct str v = text_strip(str_sub(word, eq + 1, word.n), STR_NONE, STRIP_BOTH);
        val_set_str(c->a, *kv, text_strip(str_sub(word, 0, eq), STR_NONE, STRIP_BOTH), val_str(c->a, unquote(v)));
    }
    *raw = b.n ? buf_view(&b) : STR_NONE;
    return true;
}

size_t lk_receive(char *p, size_t size, size_t n, void *to) {
    struct buf *b = to;
    buf_add(b, p, size * n);
    return b->full ? 0 : size * n;
}
