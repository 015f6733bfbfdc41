// Which names a template never looks for outside: Jinja2 settles for each scope, before it runs, where its names come
// from. A name that a scope sets and has not read before is its own from the scope's start, so bodies inside of it that
// come first find nothing, whatever the context has. Follows what jinja2/idtracking.py does.
#include "ast.h"
#include "map.h"

/// Where a name of a scope comes from at its start, and whether the scope sets it.
enum { REF_NONE, REF_PARAM, REF_OUTSIDE, REF_OWN, REF_ALIAS, REF_KIND = 7, REF_SET = 8 };

struct level {
    struct level *up;
    uint8_t *refs;  // by the number of the name
};
struct refs {
    struct arena *a;
    struct map names;  // only names that are set somewhere matter: the name to its number (size_t)
    struct level *now;
    bool marks;  // the second walk over a scope: its names are known, reads are marked
};

static void visit(struct refs *w, struct node *n);
static void visit_list(struct refs *w, struct node *n);

/// Where a name stands in each scope's `refs`; NULL: nothing sets it.
static const size_t *number(const struct refs *w, struct str name) {
    return map_get(&w->names, name);
}

/// The innermost scope's way to get a name.
static uint8_t find(const struct level *l, size_t i) {
    uint8_t kind = REF_NONE;
    for (; l && (kind == REF_NONE || kind == REF_ALIAS); l = l->up) {
        kind = l->refs[i] & REF_KIND ? l->refs[i] & REF_KIND : kind;
    }
    return kind;
}

static void set_param(struct refs *w, struct str name) {
    const size_t *i = number(w, name);
    if (i) {
        w->now->refs[*i] = REF_PARAM | REF_SET;
    }
}

static void set_name(struct refs *w, struct str name) {
    const size_t *i = number(w, name);
    if (!i || w->marks) {
        return;
    }
    uint8_t *ref = &w->now->refs[*i];
    if (!(*ref & REF_KIND)) {
        *ref |= find(w->now->up, *i) ? REF_ALIAS : REF_OWN;
    }
    *ref |= REF_SET;
}

static void read_name(struct refs *w, struct node *n) {
    const size_t *i = map_get_hashed(&w->names, n->name, n->hash);
    if (!i) {
        return;
    }
    uint8_t kind = find(w->now, *i);
    if (w->marks) {
        n->flag = kind == REF_OWN;
    } else if (!kind) {
        w->now->refs[*i] |= REF_OUTSIDE;
    }
}

static void visit_target(struct refs *w, struct node *n, bool param) {
    if (n->type == N_TUPLE || n->type == N_LIST) {
        for (struct node *k = n->kids; k; k = k->next) {
            visit_target(w, k, param);
        }
    } else if (n->type == N_NSREF) {
        struct node read = {.type = N_NAME, .name = n->name, .hash = str_hash(n->name)};
        read_name(w, &read);
    } else if (param) {
        set_param(w, n->name);
    } else {
        set_name(w, n->name);
    }
}

static struct level *level_copy(struct refs *w, struct arena *a, const struct level *of) {
    struct level *l = ARENA_NEW(a, struct level);
    l->refs = ARENA_ARRAY(a, uint8_t, w->names.n);
    l->up = of->up;
    memcpy(l->refs, of->refs, w->names.n);
    return l;
}

static void branches(struct refs *w, struct node *body, struct node *elifs, struct node *other);

/// What Jinja2 keeps as the list of elifs, each without an else of its own.
static void visit_elifs(struct refs *w, struct node *n) {
    for (; n; n = n->flag ? n->other : NULL) {
        visit(w, n->a);
        branches(w, n->body, NULL, NULL);
    }
}

/// The three branches of an `if`. A name that only some of them set may come from outside.
static void branches(struct refs *w, struct node *body, struct node *elifs, struct node *other) {
    struct arena scratch = {0};
    struct level *all = w->now, *before = level_copy(w, &scratch, all);
    uint8_t *count = ARENA_ARRAY(&scratch, uint8_t, w->names.n);
    for (int b = 0; b < 3; b++) {
        w->now = level_copy(w, &scratch, before);
        if (b == 1) {
            visit_elifs(w, elifs);
        } else {
            visit_list(w, b ? other : body);
        }
        for (size_t i = 0; i < w->names.n; i++) {
            uint8_t ref = w->now->refs[i], kind = ref & REF_KIND;
            all->refs[i] = (uint8_t)((kind ? kind : all->refs[i] & REF_KIND) | ((all->refs[i] | ref) & REF_SET));
            count[i] = (uint8_t)(count[i] + ((ref & REF_SET) && !(before->refs[i] & REF_SET)));
        }
    }
    for (size_t i = 0; i < w->names.n; i++) {
        if (count[i] == 1 || count[i] == 2) {
            all->refs[i] = REF_SET | (find(all->up, i) ? REF_ALIAS : REF_OUTSIDE);
        }
    }
    w->now = all;
    arena_release(&scratch);
}

static void visit_if(struct refs *w, struct node *n) {
    struct node *last = n;
    visit(w, n->a);
    if (w->marks) {
        visit_list(w, n->body);
        visit_list(w, n->other);
        return;
    }
    while (last->flag) {
        last = last->other;
    }
    branches(w, n->body, n->flag ? n->other : NULL, last->other);
}

static void visit_args(struct refs *w, struct call_args *ca) {
    if (ca) {
        visit_list(w, ca->pos);
        visit_list(w, ca->kw);
        visit(w, ca->star);
        visit(w, ca->starstar);
    }
}

/// A part of a template with names of its own: what is bound at its start, and what it reads and sets.
struct part {
    struct node *target;  // of a loop
    struct node *params;  // of a macro (N_NAME), of `with` (N_PAIR)
    struct node *expr;    // read inside of it
    struct node *body;
    bool called, loops;  // a macro, the body of a loop
};

static void visit_part(struct refs *w, const struct part *s) {
    if (s->target) {
        visit_target(w, s->target, true);
    }
    for (struct node *p = s->params; p; p = p->next) {
        visit_target(w, p->type == N_PAIR ? p->a : p, true);
        visit(w, p->type == N_PAIR ? NULL : p->a);
    }
    if (s->loops) {
        set_param(w, STR_LIT("loop"));
    }
    visit(w, s->expr);
    visit_list(w, s->body);
    if (s->called) {
        set_param(w, STR_LIT("caller"));
        set_param(w, STR_LIT("varargs"));
        set_param(w, STR_LIT("kwargs"));
    }
}

/// Walks over a scope twice: to know its names, and to mark its reads and walk over the scopes in it.
static void scope(struct refs *w, const struct part *s) {
    struct level l = {.up = w->now, .refs = ARENA_ARRAY(w->a, uint8_t, w->names.n)};
    bool marks = w->marks;
    w->now = &l;
    w->marks = false;
    visit_part(w, s);
    w->marks = true;
    visit_part(w, s);
    w->marks = marks;
    w->now = l.up;
}

/// The scopes that a statement opens.
static void inner(struct refs *w, struct node *n) {
    switch (n->type) {  // NOLINT(clang-diagnostic-switch-enum)
    case N_FOR:
        scope(w, &(struct part){.target = n->a, .body = n->body, .loops = n->flag2});
        if (n->c) {
            scope(w, &(struct part){.target = n->a, .expr = n->c});
        }
        scope(w, &(struct part){.body = n->other});
        break;
    case N_WITH:
        scope(w, &(struct part){.params = n->kids, .body = n->body});
        break;
    case N_MACRO:
        scope(w, &(struct part){.params = n->kids, .body = n->body, .called = true});
        break;
    case N_CALLBLOCK:
        inner(w, n->b);
        break;
    case N_AUTOESCAPE:
        scope(w, &(struct part){.expr = n->a, .body = n->body});
        break;
    default:  // bodies of set and filter
        scope(w, &(struct part){.body = n->body});
    }
}

/// What a statement reads and sets in the scope where it stands.
static void visit_statement(struct refs *w, struct node *n) {
    switch (n->type) {  // NOLINT(clang-diagnostic-switch-enum)
    case N_FOR:
        visit(w, n->b);
        break;
    case N_WITH:
        for (struct node *k = n->kids; k; k = k->next) {
            visit(w, k->b);
        }
        break;
    case N_MACRO:
        set_name(w, n->name);
        break;
    case N_CALLBLOCK:
        visit(w, n->a);
        break;
    case N_FILTERBLOCK:
        visit(w, n->b);
        break;
    case N_SETBLOCK:
        visit_target(w, n->a, false);
        visit(w, w->marks ? n->b : NULL);  // Jinja2 passes over its filters here
        break;
    default:
        break;
    }
    if (w->marks) {
        inner(w, n);
    }
}

static void visit_import(struct refs *w, struct node *n) {
    visit(w, n->a);
    if (n->type == N_IMPORT) {
        set_name(w, n->name);
    }
    for (struct node *k = n->kids; k; k = k->next) {
        set_name(w, k->text);
    }
}

static void visit(struct refs *w, struct node *n) {
    if (!n) {
        return;
    }
    switch (n->type) {  // NOLINT(clang-diagnostic-switch-enum)
    case N_NAME:
        read_name(w, n);
        break;
    case N_BLOCK:
        break;  // sees the context, not the names around
    case N_IF:
        visit_if(w, n);
        break;
    case N_FOR:
    case N_WITH:
    case N_MACRO:
    case N_CALLBLOCK:
    case N_FILTERBLOCK:
    case N_SETBLOCK:
    case N_AUTOESCAPE:
        visit_statement(w, n);
        break;
    case N_SET:
        visit(w, n->b);
        visit_target(w, n->a, false);
        break;
    case N_IMPORT:
    case N_FROM:
        visit_import(w, n);
        break;
    default:
        visit(w, n->a);
        visit(w, n->b);
        visit(w, n->c);
        visit_list(w, n->kids);
        visit_args(w, n->args);
    }
}

static void visit_list(struct refs *w, struct node *n) {
    for (; n; n = n->next) {
        visit(w, n);
    }
}

void mark_refs(struct arena *a, struct tmpl *t, const struct str *set, size_t n) {
    struct refs w = {.a = a};
    for (size_t i = 0; i < n; i++) {
        if (!number(&w, set[i])) {
            size_t *at = ARENA_NEW(a, size_t);
            *at = w.names.n;
            map_put(&w.names, a, set[i], at);
        }
    }
    if (!n) {
        return;
    }
    scope(&w, &(struct part){.body = t->body});
    for (size_t i = 0; i < t->nblocks; i++) {
        scope(&w, &(struct part){.body = t->blocks[i]->body});
    }
}

static bool constant(const struct node *n, bool calls);

/// May the filter or test be called while a template is read? Jinja2 keeps those back that get the context.
static bool folds(const struct node *n) {
    static const char *const later[] = {"map", "select", "reject", "selectattr", "rejectattr", "random"};
    for (size_t i = 0; i < COUNTOF(later); i++) {
        if (str_eqz(n->name, later[i])) {
            return false;
        }
    }
    bool ok = !n->args || (!n->args->star && !n->args->starstar);
    for (const struct node *k = ok && n->args ? n->args->pos : NULL; k && ok; k = k->next) {
        ok = constant(k, true);
    }
    for (const struct node *k = ok && n->args ? n->args->kw : NULL; k && ok; k = k->next) {
        ok = constant(k->a, true);
    }
    return ok;
}

static bool constant(const struct node *n, bool calls) {
    if (!n) {
        return true;
    }
    if (n->type == N_TEST || n->type == N_FILTER) {
        return calls && n->plugin && constant(n->a, calls) && folds(n);
    }
    if (n->type == N_NAME || n->type == N_CALL) {
        return false;
    }
    for (const struct node *k = n->kids; k; k = k->next) {
        if (!constant(k, calls)) {
            return false;
        }
    }
    return constant(n->a, calls) && constant(n->b, calls) && constant(n->c, calls);
}

bool is_constant(const struct node *n) {
    return constant(n, true);
}

bool is_literal(const struct node *n) {
    return constant(n, false);
}
