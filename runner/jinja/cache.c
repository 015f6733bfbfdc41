// Compiles templates and keeps them by content and options, for all threads, as long as the run lasts.
#include "ast.h"

#include <pthread.h>

const struct jinja_opts jinja_opts_ansible = {
    .block_start = "{%",
    .block_end = "%}",
    .var_start = "{{",
    .var_end = "}}",
    .comment_start = "{#",
    .comment_end = "#}",
    .newline = "\n",
    .trim_blocks = true,
    .ansible = true,
    .raw_backslashes = true,
};
const struct jinja_opts jinja_opts_file = {
    .block_start = "{%",
    .block_end = "%}",
    .var_start = "{{",
    .var_end = "}}",
    .comment_start = "{#",
    .comment_end = "#}",
    .newline = "\n",
    .trim_blocks = true,
    .ansible = true,
};
const struct jinja_opts jinja_opts_plain = {
    .block_start = "{%",
    .block_end = "%}",
    .var_start = "{{",
    .var_end = "}}",
    .comment_start = "{#",
    .comment_end = "#}",
    .newline = "\n",
    .undefined = UNDEF_DEFAULT,
};

struct entry {
    struct entry *next;
    uint32_t hash;
    bool bare;
    struct tmpl *t;
};
struct file {
    struct str text;
    struct mark base;
};
struct jinja_cache {
    struct arena a;
    pthread_mutex_t lock;
    struct entry **slots;
    size_t nslots, n;
    struct map files;  // path -> struct file *
    const struct jinja_plugins *plugins;
    struct jinja_dialect dialect;
};

struct jinja_cache *jinja_cache_new(void) {
    struct arena a = {0};
    struct jinja_cache *c = ARENA_NEW(&a, struct jinja_cache);
    c->a = a;
    c->nslots = 1024;
    c->slots = ARENA_ARRAY(&c->a, struct entry *, c->nslots);
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void jinja_cache_free(struct jinja_cache *c) {
    if (c) {
        pthread_mutex_destroy(&c->lock);
        struct arena a = c->a;  // the cache itself lies in it
        arena_release(&a);
    }
}

void jinja_cache_plugins(struct jinja_cache *c, const struct jinja_plugins *p) {
    c->plugins = p;
}

void jinja_cache_dialect(struct jinja_cache *c, const struct jinja_dialect *d) {
    c->dialect = *d;
}

const struct jinja_dialect *cache_dialect(const struct jinja_cache *c) {
    static const struct jinja_dialect usual = {0};
    return c ? &c->dialect : &usual;
}

const struct jinja_plugins *cache_plugins(const struct jinja_cache *c) {
    return c ? c->plugins : NULL;
}

// -- compiling -------------------------------------------------------------------------------------------------------

struct mark tmpl_mark(const struct tmpl *t, struct mark base, size_t offset) {
    if (!base.at) {
        return base;
    }
    size_t at = t->cut + offset;
    if (t->text.s != t->src.s + t->cut) {  // "\r\n" became "\n": count in the source
        at = 0;
        for (size_t k = 0; k < t->cut + offset && at < t->src.n; k++) {
            at += t->src.s[at] == '\r' && at + 1 < t->src.n && t->src.s[at + 1] == '\n' ? 2 : 1;
        }
    }
    return mark_inside(base, t->src, at);
}

static struct str unix_lines(struct arena *a, struct str s) {
    if (str_find_char(s, 0, '\r') == SIZE_MAX) {
        return s;
    }
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] == '\r') {
            i += i + 1 < s.n && s.s[i + 1] == '\n';
            buf_char(&b, '\n');
        } else {
            buf_char(&b, s.s[i]);
        }
    }
    return buf_view(&b);
}

/// One `key: value` of a `#jinja2:` header.
static bool override(struct arena *a, struct jinja_opts *o, struct str pair, struct mark at, struct err *e) {
    size_t colon = str_find_char(pair, 0, ':');
    struct val v;
    if (colon == SIZE_MAX) {
        return err_set(e, ERR_SYNTAX, at, "failed to parse jinja2 override '%.*s': expected 'option: value'",
                       STR(str_trim(pair)));
    }
    struct str key = str_trim(str_sub(pair, 0, colon)), text = str_trim(str_sub(pair, colon + 1, pair.n));
    struct str list = str_printf(a, "[%.*s]", STR(text));
    if (!literal_eval(a, list, &v) || v.kind != VAL_LIST || v.u.l->n != 1) {
        return err_set(e, ERR_SYNTAX, at, "failed to parse jinja2 override '%.*s': its value is no constant", STR(key));
    }
    v = v.u.l->items[0];
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"trim_blocks", &o->trim_blocks},
                 {"lstrip_blocks", &o->lstrip_blocks},
                 {"keep_trailing_newline", &o->keep_trailing_newline}};
    const struct {
        const char *name;
        const char **text;
    } texts[] = {
        {"block_start_string", &o->block_start},
        {"block_end_string", &o->block_end},
        {"variable_start_string", &o->var_start},
        {"variable_end_string", &o->var_end},
        {"comment_start_string", &o->comment_start},
        {"comment_end_string", &o->comment_end},
        {"line_statement_prefix", &o->line_statement},
        {"line_comment_prefix", &o->line_comment},
        {"newline_sequence", &o->newline},
    };
    for (size_t i = 0; i < COUNTOF(flags); i++) {
        if (str_eqz(key, flags[i].name)) {
            *flags[i].flag = val_truth(v);
            return true;
        }
    }
    for (size_t i = 0; i < COUNTOF(texts); i++) {
        if (str_eqz(key, texts[i].name) && v.kind == VAL_STR && val_text(v).n) {
            *texts[i].text = str_z(a, val_text(v));
            return true;
        }
    }
    return err_set(e, ERR_SYNTAX, at, "unknown jinja2 override '%.*s'", STR(key));
}

/// Reads and cuts off a `#jinja2:` first line.
static bool read_header(struct arena *a, struct tmpl *t, struct mark at, struct err *e) {
    if (!t->o.ansible || !str_starts(t->text, "#jinja2:")) {
        return true;
    }
    size_t eol = str_find_char(t->text, 0, '\n');
    size_t end = eol == SIZE_MAX ? t->text.n : eol;
    struct str line = str_sub(t->text, strlen("#jinja2:"), end), pair;
    while (str_next(&line, ',', &pair)) {
        if (!override(a, &t->o, pair, at, e)) {
            return false;
        }
    }
    t->cut = eol == SIZE_MAX ? t->text.n : eol + 1;
    t->text = str_sub(t->text, t->cut, t->text.n);
    return true;
}

/// The name in a template that is nothing but `{{ name }}`.
static struct str single_name(const struct tmpl *t) {
    const struct node *n = t->body;
    bool one = n && !n->next && n->type == N_OUTPUT && n->kids && !n->kids->next && n->kids->type == N_NAME;
    if (!one || !str_starts(t->text, t->o.var_start)) {
        return STR_NONE;
    }
    struct str s = str_ends(t->text, "\n") ? str_sub(t->text, 0, t->text.n - 1) : t->text;
    size_t from = strlen(t->o.var_start), to = s.n - strlen(t->o.var_end);
    bool plain = str_ends(s, t->o.var_end) && to > from;
    return plain && str_eq(str_trim(str_sub(s, from, to)), n->kids->name) ? n->kids->name : STR_NONE;
}

static bool parse(struct parser *p, bool bare) {
    struct tmpl *t = p->tmpl;
    struct err unread = {0};
    if (!jinja_lex(&p->s, bare, &p->t, p->e)) {
        if (bare) {
            return false;
        }
        unread = *p->e;  // matters when the parser gets there: what is wrong before is reported first
        err_clear(p->e);
    }
    if (!bare) {
        bool ok = parse_template(p, &t->body);
        if (unread.code != ERR_NONE && (ok || p->i + 1 >= p->t.n)) {
            *p->e = unread;
            return false;
        }
        if (!ok) {
            return false;
        }
    } else {
        t->body = parse_expr(p);
        if (!t->body) {
            return false;
        }
        if (tok(p)->type != T_EOF) {
            struct str got = tok(p)->text.n ? tok(p)->text : str_from(tok_name(tok(p)->type));
            return err_set(p->e, ERR_SYNTAX, parse_mark(p, tok(p)->at), "unexpected '%.*s' behind the expression",
                           STR(got));
        }
    }
    t->blocks = p->blocks.p;
    t->nblocks = p->blocks.n;
    if (!bare) {
        mark_refs(p->s.a, t, p->set.p, p->set.n);
    }
    return true;
}

struct tmpl *jinja_compile(struct arena *a, const struct tmpl_key *k, const struct jinja_plugins *plugins,
                           struct err *e) {
    struct str src = k->src;
    struct mark at = k->at;
    struct tmpl *t = ARENA_NEW(a, struct tmpl);
    if (src.n >= UINT32_MAX / 2) {
        err_set(e, ERR_LIMIT, at, "template of %zu bytes is too large", src.n);
        return NULL;
    }
    t->src = str_dup(a, src);
    t->asked = *k->o;
    t->o = *k->o;
    t->text = unix_lines(a, t->src);
    if (!k->bare && !read_header(a, t, at, e)) {
        return NULL;
    }
    struct parser *p = ARENA_NEW(a, struct parser);
    *p = (struct parser){.s = {.a = a, .text = t->text, .base = at, .o = &t->o, .t = t}, .tmpl = t, .e = e};
    p->escaping = p->folding = t->o.autoescape ? ESC_ON : ESC_OFF;
    p->plugins = plugins;
    if (!parse(p, k->bare)) {
        return NULL;
    }
    t->single_name = k->bare ? STR_NONE : single_name(t);
    return t;
}

// -- the table -------------------------------------------------------------------------------------------------------

static bool same_z(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_opts(const struct jinja_opts *a, const struct jinja_opts *b) {
    return same_z(a->block_start, b->block_start) && same_z(a->block_end, b->block_end) &&
           same_z(a->var_start, b->var_start) && same_z(a->var_end, b->var_end) &&
           same_z(a->comment_start, b->comment_start) && same_z(a->comment_end, b->comment_end) &&
           same_z(a->line_statement, b->line_statement) && same_z(a->line_comment, b->line_comment) &&
           same_z(a->newline, b->newline) && a->trim_blocks == b->trim_blocks && a->lstrip_blocks == b->lstrip_blocks &&
           a->keep_trailing_newline == b->keep_trailing_newline && a->ext_do == b->ext_do &&
           a->ext_loopcontrols == b->ext_loopcontrols && a->ext_i18n == b->ext_i18n && a->autoescape == b->autoescape &&
           a->undefined == b->undefined && a->ansible == b->ansible && a->raw_backslashes == b->raw_backslashes;
}

/// The delimiters of `o` copied, so that a kept template does not point into the memory of who asked first.
static struct jinja_opts keep_opts(struct arena *a, const struct jinja_opts *o) {
    struct jinja_opts k = *o;
    const char **z[] = {&k.block_start, &k.block_end,      &k.var_start,    &k.var_end, &k.comment_start,
                        &k.comment_end, &k.line_statement, &k.line_comment, &k.newline};
    for (size_t i = 0; i < COUNTOF(z); i++) {
        *z[i] = *z[i] ? str_z(a, str_from(*z[i])) : NULL;
    }
    return k;
}

static void grow(struct jinja_cache *c) {
    size_t n = c->nslots * 4;
    struct entry **slots = ARENA_ARRAY(&c->a, struct entry *, n);
    for (size_t i = 0; i < c->nslots; i++) {
        for (struct entry *it = c->slots[i], *next; it; it = next) {
            next = it->next;
            it->next = slots[it->hash % n];
            slots[it->hash % n] = it;
        }
    }
    c->slots = slots;
    c->nslots = n;
}

/// Eight bytes at a time: templates are looked up by their whole text each time they are rendered.
static uint32_t source_hash(struct str s) {
    uint64_t h = 0x9e3779b97f4a7c15u ^ s.n, word;
    size_t i = 0;
    for (; i + sizeof word <= s.n; i += sizeof word) {
        memcpy(&word, s.s + i, sizeof word);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    for (; i < s.n; i++) {
        h = (h ^ (unsigned char)s.s[i]) * 0x100000001b3u;
    }
    return (uint32_t)(h ^ (h >> 32));
}

static const struct tmpl *get_locked(struct jinja_cache *c, const struct tmpl_key *k, struct err *e) {
    uint32_t h = source_hash(k->src);
    for (struct entry *it = c->slots[h % c->nslots]; it; it = it->next) {
        if (it->hash == h && it->bare == k->bare && str_eq(it->t->src, k->src) && same_opts(&it->t->asked, k->o)) {
            return it->t;
        }
    }
    struct jinja_opts o = keep_opts(&c->a, k->o);
    o.ext_do |= c->dialect.ext_do;
    o.ext_loopcontrols |= c->dialect.ext_loopcontrols;
    o.ext_i18n |= c->dialect.ext_i18n;
    struct tmpl *t = jinja_compile(&c->a, &(struct tmpl_key){k->src, k->at, &o, k->bare}, c->plugins, e);
    if (!t) {
        return NULL;
    }
    t->asked.ext_do = k->o->ext_do;
    t->asked.ext_loopcontrols = k->o->ext_loopcontrols;
    t->asked.ext_i18n = k->o->ext_i18n;
    if (c->n > c->nslots) {
        grow(c);
    }
    struct entry *it = ARENA_NEW(&c->a, struct entry);
    *it = (struct entry){c->slots[h % c->nslots], h, k->bare, t};
    c->slots[h % c->nslots] = it;
    c->n++;
    return t;
}

const struct tmpl *cache_get(struct jinja_cache *c, struct arena *a, const struct tmpl_key *k, struct err *e) {
    if (!c) {
        return jinja_compile(a, k, NULL, e);
    }
    pthread_mutex_lock(&c->lock);
    const struct tmpl *t = get_locked(c, k, e);
    pthread_mutex_unlock(&c->lock);
    return t;
}

const struct tmpl *cache_file(struct jinja_ctx *c, struct source_file *f, const struct jinja_opts *o, struct err *e) {
    enum mark_flags flags = f->secret ? MARK_SECRET : (enum mark_flags)0;
    const char *name = str_z(c->a, f->path);
    if (!c->cache) {
        f->base = mark_source(name, f->text, flags);
        return jinja_compile(c->a, &(struct tmpl_key){f->text, f->base, o, false}, NULL, e);
    }
    struct jinja_cache *k = c->cache;
    pthread_mutex_lock(&k->lock);
    struct file *known = map_get(&k->files, f->path);
    if (!known || !str_eq(known->text, f->text)) {
        known = ARENA_NEW(&k->a, struct file);
        known->text = str_dup(&k->a, f->text);
        known->base = mark_source(name, f->text, flags);
        map_put(&k->files, &k->a, str_dup(&k->a, f->path), known);
    }
    f->base = known->base;
    const struct tmpl *t = get_locked(k, &(struct tmpl_key){f->text, f->base, o, false}, e);
    pthread_mutex_unlock(&k->lock);
    return t;
}
