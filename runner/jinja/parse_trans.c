// The tag `trans` of Jinja2's extension i18n: becomes a call of gettext, ngettext, pgettext or npgettext, which a
// template or its variables must define, as in an Environment without installed translations.
#include "ast.h"

struct trans {
    struct parser *p;
    struct nodes vars;       // N_PAIR: name (as a constant), expression
    struct node *plural_by;  // what decides between singular and plural
    struct node *call;       // what must be called just once for that, or NULL
    struct str context;
    struct str singular, plural;
    struct node *refs;  // N_NAME: what the texts name
    bool has_context, has_plural, trimmed, trim_said, named;
};

static bool fail(struct parser *p, size_t at, const char *msg) {
    return err_set(p->e, ERR_SYNTAX, parse_mark(p, at), "%s", msg);
}

static void next(struct parser *p) {
    p->i += p->i + 1 < p->t.n;
}

static struct node *name_node(struct parser *p, struct str name, size_t at) {
    struct node *n = node_new(p, N_NAME, at);
    n->name = name;
    n->hash = str_hash(name);
    return n;
}

static struct node *text_node(struct parser *p, struct str text, size_t at) {
    struct node *n = node_new(p, N_CONST, at);
    n->val = val_str(p->s.a, text);
    return n;
}

static struct node *variable(const struct trans *t, struct str name) {
    for (struct node *k = t->vars.first; k; k = k->next) {
        if (str_eq(val_text(k->a->val), name)) {
            return k;
        }
    }
    return NULL;
}

static void add_variable(struct trans *t, struct str name, struct node *value) {
    struct node *pair = node_new(t->p, N_PAIR, value->at);
    pair->a = text_node(t->p, name, value->at);
    pair->b = value;
    nodes_add(&t->vars, pair);
}

/// `name`, `name=expression`, `trimmed` or `notrimmed`.
static bool read_variable(struct trans *t) {
    struct parser *p = t->p;
    struct token *name = tok(p);
    if (!tok_expect(p, T_NAME)) {
        return false;
    }
    if (variable(t, name->text)) {
        return err_set(p->e, ERR_SYNTAX, parse_mark(p, name->at), "translatable variable '%.*s' defined twice.",
                       STR(name->text));
    }
    struct node *value = NULL;
    if (tok_skip(p, T_ASSIGN)) {
        value = parse_expr(p);
    } else if (!t->trim_said && (str_eqz(name->text, "trimmed") || str_eqz(name->text, "notrimmed"))) {
        t->trim_said = true;
        t->trimmed = str_eqz(name->text, "trimmed");
        return true;
    } else {
        value = name_node(p, name->text, name->at);
    }
    if (!value) {
        return false;
    }
    if (!t->plural_by && value->type == N_CALL) {
        t->call = value;
        value = name_node(p, STR_LIT("_trans"), name->at);
    }
    t->plural_by = t->plural_by ? t->plural_by : value;
    add_variable(t, name->text, value);
    return true;
}

/// Text and names up to `endtrans` or, where it may stand, `pluralize`: that word is the current token then.
static bool read_block(struct trans *t, bool may_pluralize, struct str *text, struct node **first) {
    struct parser *p = t->p;
    struct buf b = BUF_IN(p->s.a);
    *first = NULL;
    while (true) {
        struct token *k = tok(p);
        if (k->type == T_DATA) {
            for (size_t i = 0; i < k->text.n; i++) {
                buf_z(&b, k->text.s[i] == '%' ? "%" : "");
                buf_char(&b, k->text.s[i]);
            }
            next(p);
        } else if (k->type == T_VAR_BEGIN) {
            next(p);
            struct token *name = tok(p);
            if (!tok_expect(p, T_NAME) || !tok_expect(p, T_VAR_END)) {
                return false;
            }
            buf_printf(&b, "%%(%.*s)s", STR(name->text));
            struct node *ref = name_node(p, name->text, name->at);
            *first = *first ? *first : ref;
            ref->next = t->refs;
            t->refs = ref;
            t->named = true;
        } else if (k->type == T_BLOCK_BEGIN) {
            next(p);
            bool plural = tok_is_name(p, "pluralize");
            if (tok_is_name(p, "endtrans") || (plural && may_pluralize)) {
                *text = buf_view(&b);
                return true;
            }
            return fail(p, tok(p)->at,
                        plural ? "a translatable section can have only one pluralize section"
                               : "control structures in translatable sections are not allowed");
        } else {
            return fail(p, k->at, "unclosed translation block");
        }
    }
}

static bool read_plural(struct trans *t) {
    struct parser *p = t->p;
    struct node *first;
    next(p);
    t->has_plural = true;
    if (!tok_is(p, T_BLOCK_END)) {
        struct token *name = tok(p);
        if (!tok_expect(p, T_NAME)) {
            return false;
        }
        const struct node *pair = variable(t, name->text);
        if (!pair) {
            return err_set(p->e, ERR_SYNTAX, parse_mark(p, name->at), "unknown variable '%.*s' for pluralization",
                           STR(name->text));
        }
        t->plural_by = pair->b;
    }
    return tok_expect(p, T_BLOCK_END) && read_block(t, false, &t->plural, &first);
}

/// Lines and the blanks around them become one blank; none at the ends.
static struct str trim_lines(struct arena *a, struct str s) {
    struct buf b = BUF_IN(a);
    s = str_trim(s);
    for (size_t i = 0; i < s.n;) {
        size_t end = i;
        bool line = false;
        while (end < s.n && (s.s[end] == ' ' || (s.s[end] >= '\t' && s.s[end] <= '\r'))) {
            line |= s.s[end++] == '\n';
        }
        if (line) {
            buf_char(&b, ' ');
        } else {
            buf_str(&b, str_sub(s, i, end));
        }
        i = end;
        if (i < s.n) {
            buf_char(&b, s.s[i++]);
        }
    }
    return buf_view(&b);
}

static struct str single_percent(struct arena *a, struct str s) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < s.n; i++) {
        buf_char(&b, s.s[i]);
        i += s.s[i] == '%';  // they come in pairs
    }
    return buf_view(&b);
}

/// What is printed: the call, marked as HTML where output is escaped, with the variables put in.
static struct node *make_output(struct trans *t, size_t at) {
    struct parser *p = t->p;
    struct nodes args = {0};
    struct str fn = str_printf(p->s.a, "%s%sgettext", t->has_plural ? "n" : "", t->has_context ? "p" : "");
    struct node *call = node_new(p, N_CALL, at), *safe = node_new(p, N_MARKSAFE, at);
    if (t->has_context) {
        nodes_add(&args, text_node(p, t->context, at));
    }
    nodes_add(&args, text_node(p, t->named ? t->singular : single_percent(p->s.a, t->singular), at));
    if (t->has_plural) {
        nodes_add(&args, text_node(p, t->named ? t->plural : single_percent(p->s.a, t->plural), at));
        struct node *by = node_new(p, t->plural_by->type, t->plural_by->at);
        *by = *t->plural_by;  // stands in two lists
        by->next = NULL;
        nodes_add(&args, by);
    }
    call->a = name_node(p, fn, at);
    call->args = ARENA_NEW(p->s.a, struct call_args);
    *call->args = (struct call_args){.pos = args.first, .npos = args.n};
    safe->a = call;
    safe->op = (uint8_t)p->escaping;
    struct node *out = node_new(p, N_OUTPUT, at);
    out->op = (uint8_t)p->escaping;
    out->kids = safe;
    if (t->vars.n) {
        struct node *format = node_new(p, N_BINOP, at), *dict = node_new(p, N_DICT, at);
        dict->kids = t->vars.first;
        format->op = T_MOD;
        format->a = safe;
        format->b = dict;
        out->kids = format;
    }
    return out;
}

struct node *tag_trans(struct parser *p) {
    struct trans t = {.p = p};
    size_t at = tok(p)->at;
    struct node *first = NULL;
    next(p);
    if (tok_is(p, T_STR)) {
        t.has_context = true;
        t.context = tok(p)->text;
        next(p);
    }
    while (!tok_is(p, T_BLOCK_END)) {
        if (t.vars.n && !tok_expect(p, T_COMMA)) {
            return NULL;
        }
        if (tok_skip(p, T_COLON)) {
            break;
        }
        if (!read_variable(&t)) {
            return NULL;
        }
    }
    if (!tok_expect(p, T_BLOCK_END) || !read_block(&t, true, &t.singular, &first)) {
        return NULL;
    }
    if (first && !t.plural_by) {
        t.plural_by = name_node(p, first->name, first->at);
    }
    if (tok_is_name(p, "pluralize") && !read_plural(&t)) {
        return NULL;
    }
    next(p);
    for (const struct node *r = t.refs; r; r = r->next) {
        if (!variable(&t, r->name)) {
            add_variable(&t, r->name, name_node(p, r->name, r->at));
        }
    }
    if (t.has_plural && !t.plural_by) {
        fail(p, at, "pluralize without variables");
        return NULL;
    }
    if (t.trimmed) {
        t.singular = trim_lines(p->s.a, t.singular);
        t.plural = trim_lines(p->s.a, t.plural);
    }
    struct node *out = make_output(&t, at);
    if (!t.call) {
        return out;
    }
    struct node *with = node_new(p, N_WITH, at), *pair = node_new(p, N_PAIR, at);
    pair->a = name_node(p, STR_LIT("_trans"), at);
    pair->b = t.call;
    with->kids = pair;
    with->body = out;
    return with;
}
