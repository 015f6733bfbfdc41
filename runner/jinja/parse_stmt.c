// The statement parser: tags, bodies and whole templates.
#include "ast.h"

typedef struct node *(*tag_fn)(struct parser *p);

static struct node *fail_at(struct parser *p, size_t at, const char *msg) {
    err_set(p->e, ERR_SYNTAX, parse_mark(p, at), "%s", msg);
    return NULL;
}

static void next(struct parser *p) {
    if (p->i + 1 < p->t.n) {
        p->i++;
    }
}

/// Starts the node of the tag at the current token and steps behind the tag's name.
static struct node *tag_node(struct parser *p, enum node_type type) {
    struct node *n = node_new(p, type, tok(p)->at);
    next(p);
    return n;
}

// -- assignment targets ----------------------------------------------------------------------------------------------

static bool reserved(struct str name) {
    static const char *const words[] = {"true", "false", "none", "True", "False", "None"};
    for (size_t i = 0; i < COUNTOF(words); i++) {
        if (str_eqz(name, words[i])) {
            return true;
        }
    }
    return false;
}

static bool can_assign(const struct node *n) {
    if (n->type == N_TUPLE) {
        for (const struct node *k = n->kids; k; k = k->next) {
            if (!can_assign(k)) {
                return false;
            }
        }
        return true;
    }
    return n->type == N_NAME && !reserved(n->name);
}

static struct node *target_name(struct parser *p) {
    struct token *t = tok(p);
    if (!tok_expect(p, T_NAME)) {
        return NULL;
    }
    struct node *n = node_new(p, N_NAME, t->at);
    n->name = t->text;
    n->hash = str_hash(n->name);
    return reserved(n->name) ? fail_at(p, t->at, "can't assign to a constant") : n;
}

/// A name, a tuple of names, or (with `ns`) an attribute of a namespace.
static struct node *target(struct parser *p, const char *end, bool ns) {
    if (ns && tok_is(p, T_NAME) && tok_ahead(p)->type == T_DOT) {
        struct node *n = node_new(p, N_NSREF, tok(p)->at);
        n->name = tok(p)->text;
        next(p);
        next(p);
        struct token *attr = tok(p);
        if (!tok_expect(p, T_NAME)) {
            return NULL;
        }
        n->text = attr->text;
        return n;
    }
    unsigned loop_refs = p->loop_refs, caller_refs = p->caller_refs;
    struct node *n = parse_tuple(p, true, true, end);
    p->loop_refs = loop_refs;
    p->caller_refs = caller_refs;
    if (n && !can_assign(n)) {
        return fail_at(p, n->at, "can't assign to this expression: a name or a tuple of names was expected");
    }
    return n;
}

/// An expression in a scope of its own: a plugin that is missing there is told, also where nothing comes by.
static struct node *parse_inside(struct parser *p) {
    bool soft = p->soft;
    p->soft = false;
    struct node *n = parse_expr(p);
    p->soft = soft;
    return n;
}

/// The same for the filters of a block.
static struct node *parse_chain(struct parser *p, bool inline_first) {
    bool soft = p->soft;
    p->soft = false;
    struct node *n = parse_filters(p, NULL, inline_first);
    p->soft = soft;
    return n;
}

// -- tags ------------------------------------------------------------------------------------------------------------

static struct node *tag_for(struct parser *p) {
    static const char *const ends[] = {"endfor", "else", NULL}, *const end[] = {"endfor", NULL};
    struct node *n = tag_node(p, N_FOR);
    n->op = (uint8_t)p->escaping;
    n->a = target(p, "in", false);
    if (!n->a) {
        return NULL;
    }
    if (n->a->type == N_NAME && str_eqz(n->a->name, "loop")) {
        return fail_at(p, n->a->at, "Can't assign to special loop variable in for-loop target");
    }
    if (!tok_skip_name(p, "in")) {
        return fail_at(p, tok(p)->at, "expected token 'in' in a for loop");
    }
    n->b = parse_tuple(p, false, false, "recursive");
    bool soft = p->soft;
    p->soft = false;  // the condition is a scope of its own
    if (!n->b || (tok_skip_name(p, "if") && !(n->c = parse_expr(p)))) {
        return NULL;
    }
    p->soft = soft;
    n->flag = tok_skip_name(p, "recursive");
    unsigned refs = p->loop_refs;
    p->loops++;
    bool ok = parse_statements(p, &n->body, ends);
    p->loops--;
    if (!ok) {
        return NULL;
    }
    n->flag2 = n->flag || p->loop_refs != refs;
    if (tok_skip_name(p, "endfor")) {
        return n;
    }
    next(p);
    if (!parse_statements(p, &n->other, end)) {
        return NULL;
    }
    next(p);
    return n;
}

static struct node *tag_if(struct parser *p) {
    static const char *const ends[] = {"elif", "else", "endif", NULL}, *const end[] = {"endif", NULL};
    struct node *first = tag_node(p, N_IF), *n = first;
    while (true) {
        bool soft = p->soft;
        p->soft = true;
        n->a = parse_tuple(p, false, false, NULL);
        p->soft = soft;
        p->soft_body = true;
        if (!n->a || !parse_statements(p, &n->body, ends)) {
            return NULL;
        }
        if (!tok_is_name(p, "elif")) {
            break;
        }
        n->flag = true;
        n->other = tag_node(p, N_IF);
        n = n->other;
    }
    p->soft_body = true;
    if (tok_skip_name(p, "else") && !parse_statements(p, &n->other, end)) {
        return NULL;
    }
    p->soft_body = false;
    next(p);
    return first;
}

/// Notes what a target sets.
static void note_set(struct parser *p, const struct node *target) {
    if (target->type == N_NAME) {
        VEC_PUSH(p->s.a, p->set, target->name);
    }
    for (const struct node *k = target->type == N_NAME ? NULL : target->kids; k; k = k->next) {
        note_set(p, k);
    }
}

static struct node *tag_set(struct parser *p) {
    static const char *const end[] = {"endset", NULL};
    struct node *n = tag_node(p, N_SET);
    n->a = target(p, NULL, true);
    if (!n->a) {
        return NULL;
    }
    note_set(p, n->a);
    if (tok_skip(p, T_ASSIGN)) {
        n->b = parse_tuple(p, false, true, NULL);
        return n->b ? n : NULL;
    }
    n->type = N_SETBLOCK;
    if (tok_is(p, T_PIPE) && !(n->b = parse_chain(p, false))) {
        return NULL;
    }
    bool silent = p->silent;
    p->silent = false;  // its text is kept
    bool ok = parse_statements(p, &n->body, end);
    p->silent = silent;
    if (!ok) {
        return NULL;
    }
    next(p);
    return n;
}

static struct node *tag_with(struct parser *p) {
    static const char *const end[] = {"endwith", NULL};
    struct node *n = tag_node(p, N_WITH);
    struct nodes pairs = {0};
    while (!tok_is(p, T_BLOCK_END) && !tok_is(p, T_EOF)) {
        if (pairs.n && !tok_expect(p, T_COMMA)) {
            return NULL;
        }
        struct node *pair = node_new(p, N_PAIR, tok(p)->at);
        pair->a = target(p, NULL, false);
        if (!pair->a || !tok_expect(p, T_ASSIGN) || !(pair->b = parse_expr(p))) {
            return NULL;
        }
        nodes_add(&pairs, pair);
    }
    n->kids = pairs.first;
    if (!parse_statements(p, &n->body, end)) {
        return NULL;
    }
    next(p);
    return n;
}

/// A body that runs apart from the loops around it.
static bool function_body(struct parser *p, struct node **body, const char *const *end) {
    unsigned loops = p->loops;
    bool silent = p->silent;
    p->loops = 0;
    p->silent = false;
    bool ok = parse_statements(p, body, end);
    p->loops = loops;
    p->silent = silent;
    return ok;
}

/// `(a, b=1)` of a macro or call block.
static bool signature(struct parser *p, struct node *n) {
    struct nodes params = {0};
    bool defaults = false;
    if (!tok_expect(p, T_LPAREN)) {
        return false;
    }
    while (!tok_is(p, T_RPAREN)) {
        if (params.n && !tok_expect(p, T_COMMA)) {
            return false;
        }
        struct node *arg = target_name(p);
        if (!arg) {
            return false;
        }
        if (tok_skip(p, T_ASSIGN)) {
            defaults = true;
            arg->a = parse_inside(p);
            if (!arg->a) {
                return false;
            }
        } else if (defaults) {
            return fail_at(p, arg->at, "non-default argument follows default argument") != NULL;
        } else if (str_eqz(arg->name, "caller")) {
            return fail_at(p, arg->at,
                           "When defining macros or call blocks the special \"caller\" argument must be omitted or be "
                           "given a default.") != NULL;
        }
        nodes_add(&params, arg);
    }
    n->kids = params.first;
    return tok_expect(p, T_RPAREN);
}

static struct node *tag_macro(struct parser *p) {
    static const char *const end[] = {"endmacro", NULL};
    struct node *n = tag_node(p, N_MACRO);
    struct node *name = target_name(p);
    if (!name) {
        return NULL;
    }
    n->name = name->name;
    note_set(p, name);
    unsigned refs = p->caller_refs;
    if (!signature(p, n) || !function_body(p, &n->body, end)) {
        return NULL;
    }
    n->flag = p->caller_refs != refs;
    next(p);
    return n;
}

static struct node *tag_call(struct parser *p) {
    static const char *const end[] = {"endcall", NULL};
    struct node *n = tag_node(p, N_CALLBLOCK);
    n->b = node_new(p, N_MACRO, n->at);
    n->b->name = STR_LIT("caller");
    n->b->flag2 = true;
    if (tok_is(p, T_LPAREN) && !signature(p, n->b)) {
        return NULL;
    }
    n->a = parse_expr(p);
    if (!n->a) {
        return NULL;
    }
    if (n->a->type != N_CALL) {
        return fail_at(p, n->at, "expected call");
    }
    unsigned refs = p->caller_refs;
    if (!function_body(p, &n->b->body, end)) {
        return NULL;
    }
    n->b->flag = p->caller_refs != refs;
    next(p);
    return n;
}

static struct node *tag_filter(struct parser *p) {
    static const char *const end[] = {"endfilter", NULL};
    struct node *n = tag_node(p, N_FILTERBLOCK);
    n->op = (uint8_t)p->escaping;
    n->b = parse_chain(p, true);
    if (!n->b || !parse_statements(p, &n->body, end)) {
        return NULL;
    }
    next(p);
    return n;
}

static bool only_space(const struct node *body) {
    for (; body; body = body->next) {
        if (body->type != N_DATA || str_trim(body->text).n) {
            return false;
        }
    }
    return true;
}

static struct node *tag_block(struct parser *p) {
    static const char *const end[] = {"endblock", NULL};
    struct node *n = tag_node(p, N_BLOCK);
    struct token *name = tok(p);
    if (!tok_expect(p, T_NAME)) {
        return NULL;
    }
    n->name = name->text;
    n->op = p->inner > 0;
    n->flag = tok_skip_name(p, "scoped");
    n->flag2 = tok_skip_name(p, "required");
    if (tok_is(p, T_SUB)) {
        return fail_at(p, name->at, "block names may not contain hyphens, use an underscore instead");
    }
    for (size_t i = 0; i < p->blocks.n && !p->twice; i++) {
        if (str_eq(p->blocks.p[i]->name, n->name)) {
            p->twice = n;
            n->at = name->at;
        }
    }
    VEC_PUSH(p->s.a, p->blocks, n);  // NOLINT(bugprone-sizeof-expression): an array of pointers
    enum escaping outer = p->escaping, folding = p->folding;
    bool asking = p->asking;
    unsigned caller_refs = p->caller_refs;
    p->escaping = p->folding =
        p->s.o->autoescape ? ESC_ON : ESC_OFF;  // a block stands for itself, it may be used elsewhere
    p->asking = false;
    bool ok = function_body(p, &n->body, end);
    p->escaping = outer;
    p->folding = folding;
    p->asking = asking;
    p->caller_refs = caller_refs;  // a macro around it does not call it
    p->loop_refs += n->flag;       // it may be replaced by one that reads `loop`
    if (!ok) {
        return NULL;
    }
    next(p);
    if (n->flag2 && !only_space(n->body)) {
        return fail_at(p, tok(p)->at, "Required blocks can only contain comments or whitespace");
    }
    if (tok_is(p, T_NAME) && str_eq(tok(p)->text, n->name)) {
        next(p);
    }
    return n;
}

static struct node *tag_extends(struct parser *p) {
    struct node *n = tag_node(p, N_EXTENDS);
    p->tmpl->extends = true;
    p->tmpl->mutates = true;
    p->silent |= p->nopen == 1;
    n->a = parse_expr(p);
    return n->a ? n : NULL;
}

static bool import_context(struct parser *p, struct node *n) {
    bool with = tok_is_name(p, "with");
    if ((with || tok_is_name(p, "without")) && tok_ahead(p)->type == T_NAME && str_eqz(tok_ahead(p)->text, "context")) {
        n->flag2 = with;
        next(p);
        next(p);
        return true;
    }
    return false;
}

static struct node *tag_include(struct parser *p) {
    struct node *n = tag_node(p, N_INCLUDE);
    p->tmpl->mutates = true;
    n->a = parse_expr(p);
    if (!n->a) {
        return NULL;
    }
    if (tok_is_name(p, "ignore") && tok_ahead(p)->type == T_NAME && str_eqz(tok_ahead(p)->text, "missing")) {
        n->flag = true;
        next(p);
        next(p);
    }
    n->flag2 = true;
    import_context(p, n);
    return n;
}

static struct node *tag_import(struct parser *p) {
    struct node *n = tag_node(p, N_IMPORT);
    p->tmpl->mutates = true;
    n->a = parse_expr(p);
    if (!n->a) {
        return NULL;
    }
    if (!tok_skip_name(p, "as")) {
        return fail_at(p, tok(p)->at, "expected token 'as' in an import");
    }
    struct node *name = target_name(p);
    if (!name) {
        return NULL;
    }
    n->name = name->name;
    note_set(p, name);
    import_context(p, n);
    return n;
}

static struct node *tag_from(struct parser *p) {
    struct node *n = tag_node(p, N_FROM);
    struct nodes names = {0};
    p->tmpl->mutates = true;
    n->a = parse_expr(p);
    if (!n->a) {
        return NULL;
    }
    if (!tok_skip_name(p, "import")) {
        return fail_at(p, tok(p)->at, "expected token 'import'");
    }
    while (true) {
        if (names.n && !tok_expect(p, T_COMMA)) {
            return NULL;
        }
        if (import_context(p, n)) {
            break;
        }
        struct node *name = target_name(p);
        if (!name) {
            return NULL;
        }
        if (name->name.s[0] == '_') {
            return fail_at(p, name->at, "names starting with an underline can not be imported");
        }
        name->text = name->name;
        if (tok_skip_name(p, "as")) {
            struct node *alias = target_name(p);
            if (!alias) {
                return NULL;
            }
            name->text = alias->name;
        }
        VEC_PUSH(p->s.a, p->set, name->text);
        nodes_add(&names, name);
        if (import_context(p, n) || !tok_is(p, T_COMMA)) {
            break;
        }
    }
    n->kids = names.first;
    return n;
}

static struct node *tag_print(struct parser *p) {
    struct node *n = tag_node(p, N_OUTPUT);
    n->op = (uint8_t)p->escaping;
    struct nodes items = {0};
    while (!tok_is(p, T_BLOCK_END)) {
        if (items.n && !tok_expect(p, T_COMMA)) {
            return NULL;
        }
        struct node *item = parse_expr(p);
        if (!item) {
            return NULL;
        }
        nodes_add(&items, item);
    }
    n->kids = items.first;
    return n;
}

static struct node *tag_autoescape(struct parser *p) {
    static const char *const end[] = {"endautoescape", NULL};
    struct node *n = tag_node(p, N_AUTOESCAPE);
    enum escaping outer = p->escaping, folding = p->folding;
    bool asking = p->asking;
    n->a = parse_inside(p);
    if (!n->a) {
        return NULL;
    }
    p->escaping = n->a->type != N_CONST ? ESC_ASK : val_truth(n->a->val) ? ESC_ON : ESC_OFF;
    p->asking = asking || p->escaping == ESC_ASK;
    p->folding = p->escaping == ESC_ASK ? folding : p->escaping;
    bool ok = parse_statements(p, &n->body, end);
    p->escaping = outer;
    p->folding = folding;
    p->asking = asking;
    if (!ok) {
        return NULL;
    }
    next(p);
    return n;
}

static struct node *tag_do(struct parser *p) {
    struct node *n = tag_node(p, N_DO);
    n->a = parse_tuple(p, false, true, NULL);
    return n->a ? n : NULL;
}

static struct node *tag_break(struct parser *p) {
    parse_late(p, p->loops ? NULL : "'break' outside loop");
    return tag_node(p, N_BREAK);
}

static struct node *tag_continue(struct parser *p) {
    parse_late(p, p->loops ? NULL : "'continue' not properly in loop");
    return tag_node(p, N_CONTINUE);
}

static tag_fn find_tag(struct parser *p, struct str name) {
    static const struct {
        const char *name;
        tag_fn fn;
    } tags[] = {
        {"for", tag_for},         {"if", tag_if},
        {"set", tag_set},         {"with", tag_with},
        {"macro", tag_macro},     {"call", tag_call},
        {"filter", tag_filter},   {"block", tag_block},
        {"extends", tag_extends}, {"include", tag_include},
        {"import", tag_import},   {"from", tag_from},
        {"print", tag_print},     {"autoescape", tag_autoescape},
    };
    for (size_t i = 0; i < COUNTOF(tags); i++) {
        if (str_eqz(name, tags[i].name)) {
            return tags[i].fn;
        }
    }
    if (p->s.o->ext_do && str_eqz(name, "do")) {
        return tag_do;
    }
    if (p->s.o->ext_i18n && str_eqz(name, "trans")) {
        return tag_trans;
    }
    if (p->s.o->ext_loopcontrols && str_eqz(name, "break")) {
        return tag_break;
    }
    return p->s.o->ext_loopcontrols && str_eqz(name, "continue") ? tag_continue : NULL;
}

// -- bodies ----------------------------------------------------------------------------------------------------------

static bool is_end(struct parser *p, const char *const *end) {
    for (; end && *end; end++) {
        if (tok_is_name(p, *end)) {
            return true;
        }
    }
    return false;
}

static void list_ends(struct parser *p, const char *const *end, struct buf *b) {
    for (size_t i = 0; end && end[i]; i++) {
        buf_printf(b, "%s'%s'", i ? " or " : "", end[i]);
    }
    if (p->nopen) {
        buf_printf(b, "; the innermost block that needs to be closed is '%s'", p->open[p->nopen - 1]);
    }
}

static bool unknown_tag(struct parser *p, struct str name, const char *const *end) {
    struct buf b = BUF_IN(p->s.a);
    buf_printf(&b, "Encountered unknown tag '%.*s'", STR(name));
    if (end) {
        buf_z(&b, "; expected ");
        list_ends(p, end, &b);
    }
    return err_set(p->e, ERR_SYNTAX, parse_mark(p, tok(p)->at), "%.*s", STR(buf_view(&b)));
}

static bool end_missing(struct parser *p, const char *const *end) {
    struct buf b = BUF_IN(p->s.a);
    buf_z(&b, "Unexpected end of template; expected ");
    list_ends(p, end, &b);
    return err_set(p->e, ERR_SYNTAX, parse_mark(p, p->nopen && p->s.o->ansible ? p->open_at : tok(p)->at), "%.*s",
                   STR(buf_view(&b)));
}

/// One `{% tag %}` behind its opening delimiter.
static bool parse_tag(struct parser *p, struct nodes *body, const char *const *end) {
    struct token *t = tok(p);
    if (t->type != T_NAME) {
        return err_set(p->e, ERR_SYNTAX, parse_mark(p, t->at), "tag name expected");
    }
    tag_fn fn = find_tag(p, t->text);
    if (!fn) {
        return unknown_tag(p, t->text, end);
    }
    if (!parse_enter(p)) {
        return false;
    }
    p->open[p->nopen++] = str_z(p->s.a, t->text);
    size_t outer = p->open_at;
    p->open_at = t->at;
    struct node *n = fn(p);
    p->open_at = outer;
    p->nopen--;
    p->depth--;
    if (!n) {
        return false;
    }
    nodes_add(body, n);
    return tok_expect(p, T_BLOCK_END);
}

static bool parse_output(struct parser *p, struct nodes *body) {
    struct node *n = node_new(p, N_OUTPUT, tok(p)->at);
    const struct node *missing = p->missing;
    const char *late = p->late;
    n->op = (uint8_t)p->escaping;
    next(p);
    n->kids = parse_tuple(p, false, true, NULL);
    if (p->asking && n->kids && is_literal(n->kids)) {
        n->op = (uint8_t)p->folding;  // it is made text when the template is read
    }
    nodes_add(body, n);
    if (p->silent && !p->s.o->ansible) {  // Jinja2 compiles nothing that is never printed
        p->missing = missing;
        p->late = late;
    }
    return n->kids && tok_expect(p, T_VAR_END);
}

/// Text, output and tags up to one of `end` (left as the current token) or the end of the template.
static bool subparse(struct parser *p, struct node **out, const char *const *end) {
    struct nodes body = {0};
    while (!tok_is(p, T_EOF)) {
        struct token *t = tok(p);
        if (t->type == T_DATA) {
            struct node *n = node_new(p, N_DATA, t->at);
            n->text = t->text;
            nodes_add(&body, n);
            next(p);
        } else if (t->type == T_VAR_BEGIN) {
            if (!parse_output(p, &body)) {
                return false;
            }
        } else {
            next(p);
            if (is_end(p, end)) {
                break;
            }
            if (!parse_tag(p, &body, end)) {
                return false;
            }
        }
    }
    *out = body.first;
    return true;
}

bool parse_statements(struct parser *p, struct node **body, const char *const *end) {
    bool soft = p->soft, is_if = p->soft_body;
    p->soft = p->soft_body;
    p->soft_body = false;
    p->inner += !is_if;
    tok_skip(p, T_COLON);
    if (!tok_expect(p, T_BLOCK_END) || !subparse(p, body, end)) {
        return false;
    }
    p->soft = soft;
    p->inner -= !is_if;
    return tok_is(p, T_EOF) ? end_missing(p, end) : true;
}

bool parse_template(struct parser *p, struct node **body) {
    if (!subparse(p, body, NULL)) {
        return false;
    }
    const struct node *n = p->twice;
    if (n) {
        return err_set(p->e, ERR_SYNTAX, parse_mark(p, n->at), "block '%.*s' defined twice", STR(n->name));
    }
    n = p->missing;
    if (n) {
        return err_set(p->e, ERR_SYNTAX, parse_mark(p, n->at), "No %s named '%.*s'.",
                       n->type == N_FILTER ? "filter" : "test", STR(n->name));
    }
    return !p->late || err_set(p->e, ERR_SYNTAX, parse_mark(p, p->late_at), "%s", p->late);
}
