// JMESPath expressions: tokens and tree, with the binding powers of the reference implementation in Python.
#include "filters/jmes.h"
#include "json.h"

#include <stdarg.h>

enum jt {
    JT_EOF,
    JT_NAME,
    JT_QUOTED,
    JT_LITERAL,
    JT_NUMBER,
    JT_RBRACKET,
    JT_RPAREN,
    JT_COMMA,
    JT_RBRACE,
    JT_CURRENT,
    JT_REF,
    JT_COLON,
    JT_PIPE,
    JT_OR,
    JT_AND,
    JT_EQ,
    JT_NE,
    JT_LT,
    JT_LE,
    JT_GT,
    JT_GE,
    JT_FLATTEN,
    JT_STAR,
    JT_FILTER,
    JT_DOT,
    JT_NOT,
    JT_LBRACE,
    JT_LBRACKET,
    JT_LPAREN,
};
static const uint8_t power[] = {
    [JT_PIPE] = 1, [JT_OR] = 2,   [JT_AND] = 3,     [JT_EQ] = 5,        [JT_NE] = 5,      [JT_LT] = 5,
    [JT_LE] = 5,   [JT_GT] = 5,   [JT_GE] = 5,      [JT_FLATTEN] = 9,   [JT_STAR] = 20,   [JT_FILTER] = 21,
    [JT_DOT] = 40, [JT_NOT] = 45, [JT_LBRACE] = 50, [JT_LBRACKET] = 55, [JT_LPAREN] = 60,
};
#define PROJECTION_STOP 10

struct jtok {
    enum jt type;
    size_t at;
    struct str text;
    struct val val;
    int64_t n;
};
struct jparser {
    struct jm *j;
    struct {
        struct jtok *p;
        size_t n, cap;
    } t;
    size_t i;
};

bool jm_error(struct jm *j, const char *fmt, ...) {
    char small[256];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    return plug_err(j->c, j->e, ERR_ARGS, "JMESPath '%.*s': %s", STR(j->expr), small);
}

// -- tokens ----------------------------------------------------------------------------------------------------------

static bool name_char(char ch, bool first) {
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_' || (!first && ch >= '0' && ch <= '9');
}

/// From the delimiter at `*i` to the next one without a backslash; *i ends behind it.
static bool quoted(struct jparser *p, size_t *i, struct str *out) {
    struct str s = p->j->expr;
    size_t start = *i + 1, k = start;
    while (k < s.n && s.s[k] != s.s[*i]) {
        k += s.s[k] == '\\' ? 2 : 1;
    }
    if (k >= s.n) {
        return jm_error(p->j, "the %c at %zu is not closed", s.s[*i], *i);
    }
    *out = str_sub(s, start, k);
    *i = k + 1;
    return true;
}

/// A literal between backquotes: JSON, or (as it once was) bare text.
static bool literal(struct jparser *p, size_t *i, struct jtok *t) {
    struct str s = STR_NONE;
    struct err ignored = {.arena = p->j->c->a};
    size_t at = *i;
    if (!quoted(p, i, &s)) {
        return false;
    }
    s = str_replace(p->j->c->a, s, STR_LIT("\\`"), STR_LIT("`"));
    while (s.n && strchr(" \t\n\r", s.s[0])) {
        s = str_sub(s, 1, s.n);
    }
    t->type = JT_LITERAL;
    if (json_parse(p->j->c->a, s, &t->val, &ignored)) {
        return true;
    }
    struct str bare = str_printf(p->j->c->a, "\"%.*s\"", STR(s));
    err_clear(&ignored);
    return json_parse(p->j->c->a, bare, &t->val, &ignored) || jm_error(p->j, "the literal at %zu is no JSON", at);
}

static bool string_token(struct jparser *p, size_t *i, struct jtok *t) {
    struct str all = p->j->expr, s = STR_NONE;
    char quote = all.s[*i];
    size_t at = *i;
    if (quote == '`') {
        return literal(p, i, t);
    }
    if (!quoted(p, i, &s)) {
        return false;
    }
    if (quote == '\'') {
        t->type = JT_LITERAL;
        t->val = val_str(p->j->c->a, str_replace(p->j->c->a, s, STR_LIT("\\'"), STR_LIT("'")));
        return true;
    }
    struct err ignored = {.arena = p->j->c->a};
    struct val v;
    if (!json_parse(p->j->c->a, str_sub(all, at, *i), &v, &ignored)) {
        return jm_error(p->j, "the name at %zu is no JSON text", at);
    }
    t->type = JT_QUOTED;
    t->text = val_text(v);
    return true;
}

static bool number_token(struct jparser *p, size_t *i, struct jtok *t) {
    struct str s = p->j->expr;
    size_t k = *i + 1;
    while (k < s.n && s.s[k] >= '0' && s.s[k] <= '9') {
        k++;
    }
    t->type = JT_NUMBER;
    if (!str_int(str_sub(s, *i, k), &t->n)) {
        return jm_error(p->j, "the number at %zu is none", *i);
    }
    *i = k;
    return true;
}

static bool sign_token(struct jparser *p, size_t *i, struct jtok *t) {
    static const struct {
        const char *text;
        enum jt type;
    } signs[] = {{"[]", JT_FLATTEN}, {"[?", JT_FILTER}, {"||", JT_OR},    {"&&", JT_AND},     {"==", JT_EQ},
                 {"!=", JT_NE},      {"<=", JT_LE},     {">=", JT_GE},    {"[", JT_LBRACKET}, {"]", JT_RBRACKET},
                 {"(", JT_LPAREN},   {")", JT_RPAREN},  {"{", JT_LBRACE}, {"}", JT_RBRACE},   {".", JT_DOT},
                 {"*", JT_STAR},     {",", JT_COMMA},   {":", JT_COLON},  {"@", JT_CURRENT},  {"&", JT_REF},
                 {"|", JT_PIPE},     {"<", JT_LT},      {">", JT_GT},     {"!", JT_NOT}};
    struct str rest = str_sub(p->j->expr, *i, p->j->expr.n);
    for (size_t k = 0; k < COUNTOF(signs); k++) {
        if (str_starts(rest, signs[k].text)) {
            t->type = signs[k].type;
            *i += strlen(signs[k].text);
            return true;
        }
    }
    return jm_error(p->j, "unexpected character '%.*s' at %zu", 1, rest.s, *i);
}

static bool tokens(struct jparser *p) {
    struct str s = p->j->expr;
    struct arena *a = p->j->c->a;
    for (size_t i = 0; i < s.n;) {
        struct jtok t = {.at = i};
        char ch = s.s[i];
        bool ok = true;
        if (strchr(" \t\n\r", ch)) {
            i++;
            continue;
        }
        if (name_char(ch, true)) {
            size_t k = i;
            while (k < s.n && name_char(s.s[k], false)) {
                k++;
            }
            t.type = JT_NAME;
            t.text = str_sub(s, i, k);
            i = k;
        } else if ((ch >= '0' && ch <= '9') || (ch == '-' && i + 1 < s.n && s.s[i + 1] >= '0' && s.s[i + 1] <= '9')) {
            ok = number_token(p, &i, &t);
        } else if (ch == '"' || ch == '\'' || ch == '`') {
            ok = string_token(p, &i, &t);
        } else {
            ok = sign_token(p, &i, &t);
        }
        if (!ok) {
            return false;
        }
        VEC_PUSH(a, p->t, t);
    }
    struct jtok end = {.type = JT_EOF, .at = s.n};
    VEC_PUSH(a, p->t, end);
    return true;
}

// -- tree ------------------------------------------------------------------------------------------------------------

static struct jm_node *expression(struct jparser *p, unsigned bind);

static struct jtok *now(struct jparser *p) {
    return &p->t.p[p->i];
}

static bool skip(struct jparser *p, enum jt type) {
    bool yes = now(p)->type == type;
    p->i += yes && type != JT_EOF;
    return yes;
}

static struct jm_node *bad_token(struct jparser *p) {
    size_t at = now(p)->at;
    if (now(p)->type == JT_EOF) {
        (void)jm_error(p->j, "it ends where more is expected");
    } else {
        struct str rest = str_sub(p->j->expr, at, at + 10);
        (void)jm_error(p->j, "unexpected '%.*s' at %zu", STR(rest), at);
    }
    return NULL;
}

static struct jm_node *node(struct jparser *p, enum jm_type type, struct jm_node *a, struct jm_node *b) {
    struct jm_node *n = ARENA_NEW(p->j->c->a, struct jm_node);
    n->type = type;
    n->a = a;
    n->b = b;
    return n;
}

static struct jm_node *identity(struct jparser *p) {
    return node(p, JM_CURRENT, NULL, NULL);
}

static void add_kid(struct jparser *p, struct jm_node *n, struct jm_node *kid) {
    if (n->nkids == n->cap) {
        n->kids = vec_grow(p->j->c->a, n->kids, &n->cap, sizeof(struct jm_node *));
    }
    n->kids[n->nkids++] = kid;
}

static struct jm_node *multi_list(struct jparser *p) {
    struct jm_node *n = node(p, JM_LIST, NULL, NULL);
    for (;;) {
        struct jm_node *kid = expression(p, 0);
        if (!kid) {
            return NULL;
        }
        add_kid(p, n, kid);
        if (skip(p, JT_RBRACKET)) {
            return n;
        }
        if (!skip(p, JT_COMMA)) {
            return bad_token(p);
        }
    }
}

static struct jm_node *multi_dict(struct jparser *p) {
    struct jm_node *n = node(p, JM_DICT, NULL, NULL);
    for (;;) {
        struct jtok *key = now(p);
        if (!skip(p, JT_NAME) && !skip(p, JT_QUOTED)) {
            return bad_token(p);
        }
        if (!skip(p, JT_COLON)) {
            return bad_token(p);
        }
        struct jm_node *value = expression(p, 0);
        if (!value) {
            return NULL;
        }
        struct jm_node *pair = node(p, JM_SUB, value, NULL);
        pair->text = key->text;
        add_kid(p, n, pair);
        if (skip(p, JT_RBRACE)) {
            return n;
        }
        if (!skip(p, JT_COMMA)) {
            return bad_token(p);
        }
    }
}

static struct jm_node *dot_rhs(struct jparser *p, unsigned bind) {
    enum jt type = now(p)->type;
    if (type == JT_QUOTED || type == JT_NAME || type == JT_STAR) {
        return expression(p, bind);
    }
    if (skip(p, JT_LBRACKET)) {
        return multi_list(p);
    }
    return skip(p, JT_LBRACE) ? multi_dict(p) : bad_token(p);
}

static struct jm_node *projection_rhs(struct jparser *p, unsigned bind) {
    enum jt type = now(p)->type;
    if (power[type] < PROJECTION_STOP) {
        return identity(p);
    }
    if (type == JT_LBRACKET || type == JT_FILTER) {
        return expression(p, bind);
    }
    return skip(p, JT_DOT) ? dot_rhs(p, bind) : bad_token(p);
}

/// A node over `left` with what follows applied to each item.
static struct jm_node *project(struct jparser *p, enum jm_type type, struct jm_node *left, unsigned bind) {
    struct jm_node *right = projection_rhs(p, bind);
    return right ? node(p, type, left, right) : NULL;
}

/// [n] and [from:to:step], behind the bracket.
static struct jm_node *index_or_slice(struct jparser *p, struct jm_node *left) {
    struct jm_node *n = node(p, JM_INDEX, left, NULL);
    size_t part = 0;
    while (!skip(p, JT_RBRACKET)) {
        if (now(p)->type == JT_NUMBER && !n->given[part]) {
            n->n[part] = now(p)->n;
            n->given[part] = true;
            p->i++;
        } else if (now(p)->type == JT_COLON && part < 2) {
            n->type = JM_SLICE;
            part++;
            p->i++;
        } else {
            return bad_token(p);
        }
    }
    return n->type == JM_SLICE ? project(p, JM_PROJECT, n, power[JT_STAR]) : n;
}

static struct jm_node *filter(struct jparser *p, struct jm_node *left) {
    struct jm_node *cond = expression(p, 0);
    if (!cond) {
        return NULL;
    }
    if (!skip(p, JT_RBRACKET)) {
        return bad_token(p);
    }
    struct jm_node *right = now(p)->type == JT_FLATTEN ? identity(p) : projection_rhs(p, power[JT_FILTER]);
    struct jm_node *n = right ? node(p, JM_FILTER, left, right) : NULL;
    if (n) {
        n->c = cond;
    }
    return n;
}

static struct jm_node *flatten(struct jparser *p, struct jm_node *left) {
    return project(p, JM_PROJECT, node(p, JM_FLATTEN, left, NULL), power[JT_FLATTEN]);
}

static struct jm_node *star_values(struct jparser *p, struct jm_node *left, unsigned bind) {
    return project(p, JM_VALUES, left, bind);
}

static struct jm_node *prefix_bracket(struct jparser *p) {
    enum jt type = now(p)->type;
    if (type == JT_NUMBER || type == JT_COLON) {
        return index_or_slice(p, identity(p));
    }
    if (type == JT_STAR && p->t.p[p->i + 1].type == JT_RBRACKET) {
        p->i += 2;
        return project(p, JM_PROJECT, identity(p), power[JT_STAR]);
    }
    return multi_list(p);
}

static struct jm_node *unary(struct jparser *p, enum jm_type type, unsigned bind) {
    struct jm_node *a = expression(p, bind);
    return a ? node(p, type, a, NULL) : NULL;
}

static struct jm_node *leaf(struct jparser *p, const struct jtok *t) {
    struct jm_node *n = node(p, t->type == JT_LITERAL ? JM_LITERAL : JM_FIELD, NULL, NULL);
    n->text = t->text;
    n->val = t->val;
    return n;
}

static struct jm_node *prefix(struct jparser *p) {
    struct jtok *t = now(p);
    if (t->type == JT_EOF) {
        return bad_token(p);
    }
    p->i++;
    switch (t->type) {  // NOLINT(clang-diagnostic-switch-enum): what else there is cannot begin an expression
    case JT_LITERAL:
    case JT_NAME:
        return leaf(p, t);
    case JT_QUOTED:
        return now(p)->type == JT_LPAREN ? bad_token(p) : leaf(p, t);
    case JT_STAR:
        return now(p)->type == JT_RBRACKET ? node(p, JM_VALUES, identity(p), identity(p))
                                           : star_values(p, identity(p), power[JT_STAR]);
    case JT_FILTER:
        return filter(p, identity(p));
    case JT_LBRACE:
        return multi_dict(p);
    case JT_LPAREN: {
        struct jm_node *n = expression(p, 0);
        return !n ? NULL : skip(p, JT_RPAREN) ? node(p, JM_SUB, n, identity(p)) : bad_token(p);
    }
    case JT_FLATTEN:
        return flatten(p, identity(p));
    case JT_NOT:
        return unary(p, JM_NOT, power[JT_NOT]);
    case JT_LBRACKET:
        return prefix_bracket(p);
    case JT_CURRENT:
        return identity(p);
    case JT_REF:
        return unary(p, JM_REF, 0);
    default:
        p->i--;
        return bad_token(p);
    }
}

static struct jm_node *call(struct jparser *p, const struct jm_node *left) {
    if (left->type != JM_FIELD) {
        p->i--;
        return bad_token(p);
    }
    struct jm_node *n = node(p, JM_CALL, NULL, NULL);
    n->text = left->text;
    while (!skip(p, JT_RPAREN)) {
        struct jm_node *arg = expression(p, 0);
        if (!arg) {
            return NULL;
        }
        add_kid(p, n, arg);
        if (now(p)->type == JT_COMMA) {
            p->i++;
        } else if (now(p)->type != JT_RPAREN) {
            return bad_token(p);
        }
    }
    return n;
}

static struct jm_node *binary(struct jparser *p, enum jm_type type, struct jm_node *left, enum jt op) {
    struct jm_node *right = expression(p, power[op]);
    return right ? node(p, type, left, right) : NULL;
}

static struct jm_node *compare(struct jparser *p, struct jm_node *left, enum jt op) {
    static const enum jm_op ops[] = {
        [JT_EQ] = JM_EQ, [JT_NE] = JM_NE, [JT_LT] = JM_LT, [JT_LE] = JM_LE, [JT_GT] = JM_GT, [JT_GE] = JM_GE};
    struct jm_node *n = binary(p, JM_COMPARE, left, op);
    if (n) {
        n->op = ops[op];
    }
    return n;
}

static struct jm_node *infix(struct jparser *p, struct jm_node *left) {
    struct jtok *t = now(p);
    p->i++;
    switch (t->type) {  // NOLINT(clang-diagnostic-switch-enum): the others bind nothing
    case JT_DOT:
        if (skip(p, JT_STAR)) {
            return star_values(p, left, power[JT_DOT]);
        } else {
            struct jm_node *right = dot_rhs(p, power[JT_DOT]);
            return right ? node(p, JM_SUB, left, right) : NULL;
        }
    case JT_PIPE:
        return binary(p, JM_SUB, left, JT_PIPE);
    case JT_OR:
        return binary(p, JM_OR, left, JT_OR);
    case JT_AND:
        return binary(p, JM_AND, left, JT_AND);
    case JT_LPAREN:
        return call(p, left);
    case JT_FILTER:
        return filter(p, left);
    case JT_EQ:
    case JT_NE:
    case JT_LT:
    case JT_LE:
    case JT_GT:
    case JT_GE:
        return compare(p, left, t->type);
    case JT_FLATTEN:
        return flatten(p, left);
    case JT_LBRACKET:
        if (now(p)->type == JT_NUMBER || now(p)->type == JT_COLON) {
            return index_or_slice(p, left);
        }
        return skip(p, JT_STAR) && skip(p, JT_RBRACKET) ? project(p, JM_PROJECT, left, power[JT_STAR]) : bad_token(p);
    default:
        p->i--;
        return bad_token(p);
    }
}

static struct jm_node *expression(struct jparser *p, unsigned bind) {
    if (++p->j->depth > JM_DEPTH) {
        (void)jm_error(p->j, "it is nested deeper than %d levels", JM_DEPTH);
        return NULL;
    }
    struct jm_node *left = prefix(p);
    while (left && bind < power[now(p)->type]) {
        left = infix(p, left);
    }
    p->j->depth--;
    return left;
}

struct jm_node *jm_parse(struct jm *j) {
    struct jparser p = {.j = j};
    if (!str_trim(j->expr).n) {
        (void)jm_error(j, "it is empty");
        return NULL;
    }
    if (!tokens(&p)) {
        return NULL;
    }
    struct jm_node *n = expression(&p, 0);
    if (n && now(&p)->type != JT_EOF) {
        return bad_token(&p);
    }
    j->depth = 0;
    return n;
}
