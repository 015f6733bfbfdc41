// The expression parser: tokens to syntax tree by recursive descent, with Jinja's precedence.
#include "ast.h"
#include "typo.h"

void nodes_add(struct nodes *l, struct node *n) {
    if (l->last) {
        l->last->next = n;
    } else {
        l->first = n;
    }
    l->last = n;
    l->n++;
}

struct node *node_new(struct parser *p, enum node_type type, size_t at) {
    struct node *n = ARENA_NEW(p->s.a, struct node);
    n->type = type;
    n->at = (uint32_t)at;
    return n;
}

struct token *tok(struct parser *p) {
    return &p->t.p[p->i];
}

struct token *tok_ahead(struct parser *p) {
    return &p->t.p[p->i + 1 < p->t.n ? p->i + 1 : p->i];
}

bool tok_is(struct parser *p, enum tok_type t) {
    return tok(p)->type == t;
}

bool tok_is_name(struct parser *p, const char *name) {
    return tok(p)->type == T_NAME && str_eqz(tok(p)->text, name);
}

static void advance(struct parser *p) {
    if (p->i + 1 < p->t.n) {
        p->i++;
    }
}

bool tok_skip(struct parser *p, enum tok_type t) {
    if (!tok_is(p, t)) {
        return false;
    }
    advance(p);
    return true;
}

bool tok_skip_name(struct parser *p, const char *name) {
    if (!tok_is_name(p, name)) {
        return false;
    }
    advance(p);
    return true;
}

struct mark parse_mark(const struct parser *p, size_t at) {
    return tmpl_mark(p->tmpl, p->s.base, at);
}

/// What a token is called in messages: names and strings by their text.
static struct str describe(const struct token *t) {
    return t->type == T_NAME ? t->text : str_from(tok_name(t->type));
}

bool tok_expect(struct parser *p, enum tok_type t) {
    if (tok_skip(p, t)) {
        return true;
    }
    struct token *got = tok(p);
    if (got->type == T_EOF) {
        return err_set(p->e, ERR_SYNTAX, parse_mark(p, got->at), "unexpected end of template, expected '%s'",
                       tok_name(t));
    }
    struct str d = describe(got);
    return err_set(p->e, ERR_SYNTAX, parse_mark(p, got->at), "expected token '%s', got '%.*s'", tok_name(t), STR(d));
}

bool parse_enter(struct parser *p) {
    if (p->depth >= PARSE_DEPTH) {
        return err_set(p->e, ERR_LIMIT, parse_mark(p, tok(p)->at), "template nested deeper than %d levels",
                       PARSE_DEPTH);
    }
    p->depth++;
    return true;
}

void parse_late(struct parser *p, const char *msg) {
    if (msg && !p->late) {
        p->late = msg;
        p->late_at = tok(p)->at;
    }
}

static struct node *parse_or(struct parser *p);
static struct node *parse_unary(struct parser *p, bool filters);

static struct node *binary(struct parser *p, enum node_type type, struct node *a, struct node *b,
                           const struct token *op) {
    if (!b) {
        return NULL;
    }
    struct node *n = node_new(p, type, op->at);
    n->a = a;
    n->b = b;
    n->op = (uint8_t)op->type;
    return n;
}

struct node *parse_expr(struct parser *p) {
    if (!parse_enter(p)) {
        return NULL;
    }
    const struct node *missing = p->missing;
    struct node *n = parse_or(p);
    while (n && tok_is_name(p, "if")) {
        bool soft = p->soft;
        p->soft = true;
        p->missing = missing;  // what is chosen by a condition may be missing until then
        struct node *cond = node_new(p, N_COND, tok(p)->at);
        advance(p);
        cond->b = n;
        cond->a = parse_or(p);
        n = cond->a ? cond : NULL;
        if (n && tok_skip_name(p, "else")) {
            cond->c = parse_expr(p);
            n = cond->c ? cond : NULL;
        }
        p->soft = soft;
    }
    p->depth--;
    return n;
}

// -- literals and names ----------------------------------------------------------------------------------------------

static struct node *constant(struct parser *p, size_t at, struct val v) {
    struct node *n = node_new(p, N_CONST, at);
    n->val = v;
    return n;
}

static struct node *parse_name(struct parser *p) {
    struct token *t = tok(p);
    advance(p);
    if (str_eqz(t->text, "true") || str_eqz(t->text, "True")) {
        return constant(p, t->at, val_bool(true));
    }
    if (str_eqz(t->text, "false") || str_eqz(t->text, "False")) {
        return constant(p, t->at, val_bool(false));
    }
    if (str_eqz(t->text, "none") || str_eqz(t->text, "None")) {
        return constant(p, t->at, VNULL);
    }
    p->loop_refs += str_eqz(t->text, "loop");
    p->caller_refs += str_eqz(t->text, "caller");
    struct node *n = node_new(p, N_NAME, t->at);
    n->name = t->text;
    n->hash = str_hash(n->name);
    return n;
}

static struct node *parse_string(struct parser *p) {
    struct token *t = tok(p);
    advance(p);
    if (!tok_is(p, T_STR)) {
        return constant(p, t->at, val_str(p->s.a, t->text));
    }
    struct buf b = BUF_IN(p->s.a);
    buf_str(&b, t->text);
    while (tok_is(p, T_STR)) {
        buf_str(&b, tok(p)->text);
        advance(p);
    }
    return constant(p, t->at, val_str(p->s.a, buf_view(&b)));
}

static struct node *parse_list(struct parser *p) {
    struct node *n = node_new(p, N_LIST, tok(p)->at);
    struct nodes items = {0};
    advance(p);
    while (!tok_is(p, T_RBRACKET)) {
        if (items.n && !tok_expect(p, T_COMMA)) {
            return NULL;
        }
        if (tok_is(p, T_RBRACKET)) {
            break;
        }
        struct node *item = parse_expr(p);
        if (!item) {
            return NULL;
        }
        nodes_add(&items, item);
    }
    n->kids = items.first;
    return tok_expect(p, T_RBRACKET) ? n : NULL;
}

static struct node *parse_dict(struct parser *p) {
    struct node *n = node_new(p, N_DICT, tok(p)->at);
    struct nodes items = {0};
    advance(p);
    while (!tok_is(p, T_RBRACE)) {
        if (items.n && !tok_expect(p, T_COMMA)) {
            return NULL;
        }
        if (tok_is(p, T_RBRACE)) {
            break;
        }
        struct node *pair = node_new(p, N_PAIR, tok(p)->at);
        pair->a = parse_expr(p);
        if (!pair->a || !tok_expect(p, T_COLON) || !(pair->b = parse_expr(p))) {
            return NULL;
        }
        nodes_add(&items, pair);
    }
    n->kids = items.first;
    return tok_expect(p, T_RBRACE) ? n : NULL;
}

/// `( ... )`: a tuple or a parenthesized expression.
static struct node *parse_paren(struct parser *p) {
    size_t at = tok(p)->at;
    advance(p);
    if (tok_is(p, T_RPAREN)) {
        advance(p);
        return node_new(p, N_TUPLE, at);
    }
    struct node *n = parse_tuple(p, false, true, NULL);
    return n && tok_expect(p, T_RPAREN) ? n : NULL;
}

struct node *parse_primary(struct parser *p) {
    if (!parse_enter(p)) {
        return NULL;
    }
    struct token *t = tok(p);
    struct node *n = NULL;
    if (t->type == T_NAME) {
        n = parse_name(p);
    } else if (t->type == T_STR) {
        n = parse_string(p);
    } else if (t->type == T_INT || t->type == T_FLOAT) {
        n = constant(p, t->at, t->num);
        advance(p);
    } else if (t->type == T_LPAREN) {
        n = parse_paren(p);
    } else if (t->type == T_LBRACKET) {
        n = parse_list(p);
    } else if (t->type == T_LBRACE) {
        n = parse_dict(p);
    } else if (t->type == T_EOF) {
        err_set(p->e, ERR_SYNTAX, parse_mark(p, t->at), "unexpected end of template, expected an expression");
    } else {
        err_set(p->e, ERR_SYNTAX, parse_mark(p, t->at), "unexpected '%s'", tok_name(t->type));
    }
    p->depth--;
    return n;
}

static bool tuple_end(struct parser *p, const char *end) {
    return tok_is(p, T_VAR_END) || tok_is(p, T_BLOCK_END) || tok_is(p, T_RPAREN) || tok_is(p, T_EOF) ||
           (end && tok_is_name(p, end));
}

struct node *parse_tuple(struct parser *p, bool simple, bool cond, const char *end) {
    size_t at = tok(p)->at;
    struct nodes items = {0};
    bool tuple = false;
    while (true) {
        if (items.n && !tok_expect(p, T_COMMA)) {
            return NULL;
        }
        if (tuple_end(p, end)) {
            break;
        }
        struct node *n = simple ? parse_primary(p) : cond ? parse_expr(p) : parse_or(p);
        if (!n) {
            return NULL;
        }
        nodes_add(&items, n);
        if (!tok_is(p, T_COMMA)) {
            break;
        }
        tuple = true;
    }
    if (!tuple && items.first) {
        return items.first;
    }
    if (!tuple) {
        struct str d = describe(tok(p));
        err_set(p->e, ERR_SYNTAX, parse_mark(p, at), "Expected an expression, got '%.*s'", STR(d));
        return NULL;
    }
    struct node *n = node_new(p, N_TUPLE, at);
    n->kids = items.first;
    return n;
}

// -- postfix: attributes, items, calls, filters, tests ---------------------------------------------------------------

static bool parse_slice(struct parser *p, struct node **out) {
    struct node *part[3] = {0};
    size_t at = tok(p)->at;
    if (!tok_is(p, T_COLON)) {
        part[0] = parse_expr(p);
        if (!part[0]) {
            return false;
        }
        if (!tok_is(p, T_COLON)) {
            *out = part[0];
            return true;
        }
    }
    for (int i = 1; i < 3 && tok_skip(p, T_COLON); i++) {
        if (!tok_is(p, T_COLON) && !tok_is(p, T_RBRACKET) && !tok_is(p, T_COMMA)) {
            part[i] = parse_expr(p);
            if (!part[i]) {
                return false;
            }
        }
    }
    *out = node_new(p, N_SLICE, at);
    (*out)->a = part[0];
    (*out)->b = part[1];
    (*out)->c = part[2];
    return true;
}

/// `ansible_facts.key`: the scope is told which of the facts is meant, as some are fetched only when they are read.
static void name_fact(struct parser *p, struct node *of, struct str key) {
    if (of->type == N_NAME && str_eqz(of->name, "ansible_facts")) {
        of->text = str_printf(p->s.a, "ansible_facts.%.*s", STR(key));
    }
}

static struct node *parse_bracket(struct parser *p, struct node *of) {
    struct node *n = node_new(p, N_GETITEM, tok(p)->at);
    struct nodes items = {0};
    advance(p);
    n->a = of;
    while (!tok_is(p, T_RBRACKET)) {
        struct node *item;
        if ((items.n && !tok_expect(p, T_COMMA)) || !parse_slice(p, &item)) {
            return NULL;
        }
        nodes_add(&items, item);
    }
    n->b = items.first;
    if (items.n != 1) {
        n->b = node_new(p, N_TUPLE, n->at);
        n->b->kids = items.first;
    } else if (n->b->type == N_CONST && n->b->val.kind == VAL_STR) {
        name_fact(p, of, val_text(n->b->val));
    }
    return tok_expect(p, T_RBRACKET) ? n : NULL;
}

static struct node *parse_dot(struct parser *p, struct node *of) {
    size_t at = tok(p)->at;
    advance(p);
    struct token *t = tok(p);
    struct node *n = NULL;
    if (t->type == T_NAME) {
        n = node_new(p, N_GETATTR, at);
        n->name = t->text;
        n->hash = str_hash(n->name);
        n->flag = dict_method(n->name) != NULL;
        n->op = (uint8_t)loop_attr_named(n->name);
        n->val = val_str(p->s.a, t->text);
        p->tmpl->mutates |= method_is_mutator(t->text);
        if (!n->flag) {
            name_fact(p, of, n->name);
        }
    } else if (t->type == T_INT) {
        n = node_new(p, N_GETITEM, at);
        n->b = constant(p, t->at, t->num);
    } else {
        advance(p);  // Jinja has read the next token when it complains about this one
        err_set(p->e, ERR_SYNTAX, parse_mark(p, t->at), "expected name or number");
        return NULL;
    }
    advance(p);
    n->a = of;
    return n;
}

struct arg_lists {
    struct nodes pos, kw;
    struct call_args *ca;
};

static bool bad_call(struct parser *p, size_t at) {
    return err_set(p->e, ERR_SYNTAX, parse_mark(p, at), "invalid syntax for function call expression");
}

static bool parse_arg(struct parser *p, struct arg_lists *l, size_t at) {
    struct call_args *ca = l->ca;
    if (tok_is(p, T_MUL)) {
        advance(p);
        return ca->star || ca->starstar ? bad_call(p, at) : (ca->star = parse_expr(p)) != NULL;
    }
    if (tok_is(p, T_POW)) {
        advance(p);
        return ca->starstar ? bad_call(p, at) : (ca->starstar = parse_expr(p)) != NULL;
    }
    if (tok_is(p, T_NAME) && tok_ahead(p)->type == T_ASSIGN) {
        struct node *kw = node_new(p, N_KEYWORD, tok(p)->at);
        kw->name = tok(p)->text;
        advance(p);
        advance(p);
        if (ca->starstar) {
            return bad_call(p, at);
        }
        for (const struct node *k = l->kw.first; k; k = k->next) {
            if (str_eq(k->name, kw->name)) {
                parse_late(p, str_z(p->s.a, str_printf(p->s.a, "keyword argument repeated: %.*s", STR(kw->name))));
            }
        }
        nodes_add(&l->kw, kw);
        return (kw->a = parse_expr(p)) != NULL;
    }
    if (ca->star || ca->starstar || l->kw.n) {
        return bad_call(p, at);
    }
    struct node *n = parse_expr(p);
    if (n) {
        nodes_add(&l->pos, n);
    }
    return n != NULL;
}

static struct call_args *parse_args(struct parser *p) {
    struct arg_lists l = {.ca = ARENA_NEW(p->s.a, struct call_args)};
    size_t at = tok(p)->at;
    if (!tok_expect(p, T_LPAREN)) {
        return NULL;
    }
    for (bool first = true; !tok_is(p, T_RPAREN); first = false) {
        if (!first && !tok_expect(p, T_COMMA)) {
            return NULL;
        }
        if (!first && tok_is(p, T_RPAREN)) {
            break;
        }
        if (!parse_arg(p, &l, at)) {
            return NULL;
        }
    }
    l.ca->pos = l.pos.first;
    l.ca->kw = l.kw.first;
    l.ca->npos = l.pos.n;
    l.ca->nkw = l.kw.n;
    return tok_expect(p, T_RPAREN) ? l.ca : NULL;
}

/// Templates inside the literal terms of a lookup are templated before the lookup sees them, as Ansible does.
static void terms_are_templates(struct parser *p, struct node *list) {
    for (struct node *n = list; n; n = n->next) {
        if (n->type == N_CONST && n->val.kind == VAL_STR) {
            n->val = val_at(val_flag(n->val, VAL_TRUSTED), parse_mark(p, n->at + 1));
            n->val = val_mark_templates(n->val);
        } else if (n->type == N_LIST || n->type == N_TUPLE) {
            terms_are_templates(p, n->kids);
        }
    }
}

static struct node *parse_call(struct parser *p, struct node *callee) {
    struct node *n = node_new(p, N_CALL, tok(p)->at);
    n->a = callee;
    n->args = parse_args(p);
    bool lookup = callee->type == N_NAME &&
                  (str_eqz(callee->name, "lookup") || str_eqz(callee->name, "query") || str_eqz(callee->name, "q"));
    if (n->args && lookup && p->s.o->ansible) {
        terms_are_templates(p, n->args->pos);
    }
    return n->args ? n : NULL;
}

static struct node *parse_postfix(struct parser *p, struct node *n) {
    while (n) {
        if (tok_is(p, T_DOT)) {
            n = parse_dot(p, n);
        } else if (tok_is(p, T_LBRACKET)) {
            n = parse_bracket(p, n);
        } else if (tok_is(p, T_LPAREN)) {
            n = parse_call(p, n);
        } else {
            break;
        }
    }
    return n;
}

/// A dotted plugin name.
static bool plugin_name(struct parser *p, struct str *name) {
    struct token *t = tok(p);
    if (!tok_expect(p, T_NAME)) {
        return false;
    }
    *name = t->text;
    while (tok_skip(p, T_DOT)) {
        struct token *part = tok(p);
        if (!tok_expect(p, T_NAME)) {
            return false;
        }
        *name = str_printf(p->s.a, "%.*s.%.*s", STR(*name), STR(part->text));
    }
    return true;
}

static bool find_plugin(struct parser *p, struct node *n) {
    const char *params = NULL;
    struct mark at = parse_mark(p, n->at);
    if (n->type == N_FILTER) {
        const struct filter *f = plugin_filter(p->plugins, n->name, at, p->e);
        n->plugin = f;
        params = f ? f->params : NULL;
    } else {
        const struct jtest *t = plugin_test(p->plugins, n->name, at, p->e);
        n->plugin = t;
        params = t ? t->params : NULL;
    }
    if (!n->plugin && p->s.o->ansible) {
        return false;
    }
    if (!n->plugin) {  // Jinja complains once all of the template is read, or when it is called
        err_clear(p->e);
        n->name = str_dup(p->s.a, n->name);
        p->missing = p->missing || p->soft ? p->missing : n;
        return true;
    }
    struct sig *s = ARENA_NEW(p->s.a, struct sig);
    sig_parse(params, s);
    n->sig = s;
    n->name = str_dup(p->s.a, n->name);
    return true;
}

struct node *parse_filters(struct parser *p, struct node *input, bool inline_first) {
    struct node *n = input;
    while (inline_first || tok_is(p, T_PIPE)) {
        if (!inline_first) {
            advance(p);
        }
        inline_first = false;
        struct node *f = node_new(p, N_FILTER, tok(p)->at);
        f->a = n;
        if (!plugin_name(p, &f->name) || !find_plugin(p, f)) {
            return NULL;
        }
        if (tok_is(p, T_LPAREN) && !(f->args = parse_args(p))) {
            return NULL;
        }
        n = f;
    }
    return n;
}

/// Does an argument without parentheses follow a test's name?
static bool test_arg_follows(struct parser *p) {
    switch (tok(p)->type) {
    case T_NAME:
        return !tok_is_name(p, "else") && !tok_is_name(p, "or") && !tok_is_name(p, "and");
    case T_STR:
    case T_INT:
    case T_FLOAT:
    case T_LBRACKET:
    case T_LBRACE:
        return true;
    default:
        return false;
    }
}

static struct node *parse_test(struct parser *p, struct node *of) {
    advance(p);
    bool negated = tok_skip_name(p, "not");
    struct node *n = node_new(p, N_TEST, tok(p)->at);
    n->a = of;
    if (!plugin_name(p, &n->name) || !find_plugin(p, n)) {
        return NULL;
    }
    if (tok_is(p, T_LPAREN)) {
        n->args = parse_args(p);
        if (!n->args) {
            return NULL;
        }
    } else if (test_arg_follows(p)) {
        if (tok_is_name(p, "is")) {
            err_set(p->e, ERR_SYNTAX, parse_mark(p, tok(p)->at), "You cannot chain multiple tests with is");
            return NULL;
        }
        // `x is defined if y` and `x is a not in b`: Jinja takes the word as an argument too.
        n->args = ARENA_NEW(p->s.a, struct call_args);
        n->args->pos = parse_postfix(p, parse_primary(p));
        n->args->npos = 1;
        if (!n->args->pos) {
            return NULL;
        }
    }
    if (!negated) {
        return n;
    }
    struct node *neg = node_new(p, N_NOT, n->at);
    neg->a = n;
    return neg;
}

static struct node *parse_filter_expr(struct parser *p, struct node *n) {
    while (n) {
        if (tok_is(p, T_PIPE)) {
            n = parse_filters(p, n, false);
        } else if (tok_is_name(p, "is")) {
            n = parse_test(p, n);
        } else if (tok_is(p, T_LPAREN)) {
            n = parse_call(p, n);
        } else {
            break;
        }
    }
    return n;
}

// -- operators -------------------------------------------------------------------------------------------------------

static struct node *parse_unary(struct parser *p, bool filters) {
    if (!parse_enter(p)) {
        return NULL;
    }
    struct node *n;
    if (tok_is(p, T_SUB) || tok_is(p, T_ADD)) {
        n = node_new(p, tok_is(p, T_SUB) ? N_NEG : N_POS, tok(p)->at);
        advance(p);
        n->a = parse_unary(p, false);
        n = n->a ? n : NULL;
    } else {
        n = parse_primary(p);
    }
    n = parse_postfix(p, n);
    if (filters) {
        n = parse_filter_expr(p, n);
    }
    p->depth--;
    return n;
}

static struct node *parse_pow(struct parser *p) {
    struct node *n = parse_unary(p, true);
    while (n && tok_is(p, T_POW)) {
        struct token *op = tok(p);
        advance(p);
        n = binary(p, N_BINOP, n, parse_unary(p, true), op);
    }
    return n;
}

static struct node *parse_product(struct parser *p) {
    struct node *n = parse_pow(p);
    while (n && (tok_is(p, T_MUL) || tok_is(p, T_DIV) || tok_is(p, T_FLOORDIV) || tok_is(p, T_MOD))) {
        struct token *op = tok(p);
        advance(p);
        n = binary(p, N_BINOP, n, parse_pow(p), op);
    }
    return n;
}

static struct node *parse_concat(struct parser *p) {
    struct node *first = parse_product(p);
    if (!first || !tok_is(p, T_TILDE)) {
        return first;
    }
    struct nodes parts = {0};
    struct node *n = node_new(p, N_CONCAT, first->at);
    n->op = (uint8_t)p->escaping;
    nodes_add(&parts, first);
    while (tok_skip(p, T_TILDE)) {
        struct node *part = parse_product(p);
        if (!part) {
            return NULL;
        }
        nodes_add(&parts, part);
    }
    n->kids = parts.first;
    if (p->asking || is_constant(n)) {
        n->op = ESC_OFF;  // plain text where it is asked for, and what Jinja2 joins when it reads the template
    }
    return n;
}

static struct node *parse_sum(struct parser *p) {
    struct node *n = parse_concat(p);
    while (n && (tok_is(p, T_ADD) || tok_is(p, T_SUB))) {
        struct token *op = tok(p);
        advance(p);
        n = binary(p, N_BINOP, n, parse_concat(p), op);
    }
    return n;
}

/// The comparison operator at the current token, or T_EOF; takes its tokens.
static enum tok_type compare_op(struct parser *p) {
    enum tok_type t = tok(p)->type;
    if (t == T_EQ || t == T_NE || t == T_LT || t == T_LE || t == T_GT || t == T_GE) {
        advance(p);
        return t;
    }
    if (tok_skip_name(p, "in")) {
        return T_NAME;
    }
    if (tok_is_name(p, "not") && tok_ahead(p)->type == T_NAME && str_eqz(tok_ahead(p)->text, "in")) {
        advance(p);
        advance(p);
        return T_SEMICOLON;
    }
    return T_EOF;
}

static struct node *parse_compare(struct parser *p) {
    struct node *first = parse_sum(p);
    if (!first) {
        return NULL;
    }
    struct nodes ops = {0};
    size_t at = tok(p)->at;
    bool soft = p->soft, constants = is_constant(first);
    for (enum tok_type op = compare_op(p); op != T_EOF; op = compare_op(p)) {
        struct node *n = node_new(p, N_OPERAND, at);
        n->op = (uint8_t)op;
        p->soft = soft || (constants && ops.n);  // what a comparison of constants leaves out is never compiled
        n->a = parse_sum(p);
        p->soft = soft;
        if (!n->a) {
            return NULL;
        }
        constants = constants && is_constant(n->a);
        nodes_add(&ops, n);
        at = tok(p)->at;
    }
    if (!ops.n) {
        return first;
    }
    struct node *n = node_new(p, N_COMPARE, ops.first->at);
    n->a = first;
    n->kids = ops.first;
    return n;
}

static struct node *parse_not(struct parser *p) {
    if (!tok_is_name(p, "not")) {
        return parse_compare(p);
    }
    if (!parse_enter(p)) {
        return NULL;
    }
    struct node *n = node_new(p, N_NOT, tok(p)->at);
    advance(p);
    n->a = parse_not(p);
    p->depth--;
    return n->a ? n : NULL;
}

static struct node *parse_and(struct parser *p) {
    struct node *n = parse_not(p);
    while (n && tok_is_name(p, "and")) {
        struct token *op = tok(p);
        bool soft = p->soft;
        p->soft = soft || is_constant(n);
        advance(p);
        n = binary(p, N_AND, n, parse_not(p), op);
        p->soft = soft;
    }
    return n;
}

static struct node *parse_or(struct parser *p) {
    struct node *n = parse_and(p);
    while (n && tok_is_name(p, "or")) {
        struct token *op = tok(p);
        bool soft = p->soft;
        p->soft = soft || is_constant(n);
        advance(p);
        n = binary(p, N_OR, n, parse_and(p), op);
        p->soft = soft;
    }
    return n;
}
