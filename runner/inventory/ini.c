// INI inventories: [group], [group:children], [group:vars]; hosts with ranges, ports and k=v. Two passes: the first
// only checks.
#include "inv_source.h"
#include "typo.h"

enum section { SECTION_HOSTS, SECTION_CHILDREN, SECTION_VARS };

/// A group that was mentioned (as a child, or by its vars) before it was declared.
struct pending {
    enum section how;
    struct mark at;
    struct {
        struct group **p;
        size_t n, cap;
    } parents;
    bool done;
};

struct ini {
    struct inv_source *s;
    struct arena *a;
    bool dry;  // first pass: syntax only
    struct group *group;
    enum section section;
    struct map pending;  // name -> struct pending
    struct buf token;
};

static struct mark mark_of(const struct ini *p, const char *at) {
    return p->s->base.at ? (struct mark){p->s->base.at + (uint32_t)(at - p->s->text.s)} : NO_MARK;
}

/// "expected WHAT, found 'TEXT'", without the text when the file is secret.
static bool expected(const struct ini *p, struct str found, const char *what, struct err *e) {
    if (p->s->secret) {
        return err_set(e, ERR_SYNTAX, mark_of(p, found.s), "expected %s", what);
    }
    return err_set(e, ERR_SYNTAX, mark_of(p, found.s), "expected %s, found '%.*s'", what, STR(found));
}

// -- words of a host line --------------------------------------------------------------------------------------------

struct word {
    struct str text;       // unquoted
    const char *from;      // where it starts in the file
    size_t equals;         // offset of the first '=' in text, SIZE_MAX: none
    const char *value_at;  // where the text behind that '=' starts in the file
};

struct lexer {
    const char *p, *end;
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void put(struct ini *p, struct word *w, char c, const char *at) {
    if (c == '=' && w->equals == SIZE_MAX) {
        w->equals = p->token.n;
        w->value_at = at + 1;
    }
    buf_char(&p->token, c);
}

/// The inside of quotes; the lexer stands behind the opening one.
static bool quoted(struct ini *p, struct lexer *l, struct word *w, char quote, struct err *e) {
    const char *open = l->p - 1;
    for (; l->p < l->end && *l->p != quote; l->p++) {
        if (quote == '"' && *l->p == '\\') {
            if (l->p + 1 >= l->end) {
                break;
            }
            if (l->p[1] == '"' || l->p[1] == '\\') {
                l->p++;
            }
        }
        put(p, w, *l->p, l->p);
    }
    if (l->p >= l->end) {
        return err_set(e, ERR_SYNTAX, mark_of(p, open), "expected a closing %c for the quote opened here", quote);
    }
    l->p++;
    return true;
}

/// The next word as Python's shlex cuts it: quotes, backslash, and '#' anywhere outside of these starts a comment.
/// *more is false at the end of the line.
static bool next_word(struct ini *p, struct lexer *l, struct word *w, bool *more, struct err *e) {
    while (l->p < l->end && is_blank(*l->p)) {
        l->p++;
    }
    *more = l->p < l->end && *l->p != '#';
    *w = (struct word){.from = l->p, .equals = SIZE_MAX};
    p->token = BUF_IN(p->a);
    while (l->p < l->end && !is_blank(*l->p)) {
        char c = *l->p++;
        if (c == '#') {
            l->p = l->end;
            break;
        }
        if (c == '\'' || c == '"') {
            if (!quoted(p, l, w, c, e)) {
                return false;
            }
        } else if (c == '\\') {
            if (l->p >= l->end) {
                return err_set(e, ERR_SYNTAX, mark_of(p, l->p - 1), "expected a character after the backslash");
            }
            put(p, w, *l->p, l->p);
            l->p++;
        } else {
            put(p, w, c, l->p - 1);
        }
    }
    w->text = buf_view(&p->token);
    return true;
}

// -- lines -----------------------------------------------------------------------------------------------------------

struct assignment {
    struct str name;
    struct val value;
};
struct assignments {
    struct assignment *p;
    size_t n, cap;
};

static bool read_assignments(struct ini *p, struct lexer *l, struct assignments *out, struct err *e) {
    for (;;) {
        struct word w;
        bool more;
        if (!next_word(p, l, &w, &more, e)) {
            return false;
        }
        if (!more) {
            return true;
        }
        if (w.equals == SIZE_MAX) {
            return expected(p, (struct str){w.from, (size_t)(l->p - w.from)}, "key=value for the host", e);
        }
        if (p->dry) {
            continue;
        }
        struct str name = str_sub(w.text, 0, w.equals);
        struct str value = str_sub(w.text, w.equals + 1, w.text.n);
        struct assignment as = {name, inv_ini_value(p->a, value, p->s->secret, mark_of(p, w.value_at))};
        VEC_PUSH(p->a, *out, as);
    }
}

static bool check_host_word(struct ini *p, const struct word *w, const struct host_names *names, struct err *e) {
    if (w->text.n && w->text.s[w->text.n - 1] == ':' && names->port == 0) {
        return expected(p, (struct str){w->from, w->text.n}, "a port behind ':' in the host name", e);
    }
    for (size_t i = 0; i < names->n; i++) {
        if (str_eqz(str_trim(names->p[i]), "---")) {
            return expected(p, (struct str){w->from, 3}, "a host name (is this a YAML file?)", e);
        }
    }
    return true;
}

static bool host_line(struct ini *p, struct str line, struct err *e) {
    struct lexer l = {line.s, line.s + line.n};
    struct word w;
    bool more;
    struct host_names names;
    if (!next_word(p, &l, &w, &more, e) || !inv_expand_host(p->s, w.text, mark_of(p, w.from), &names, e) ||
        !check_host_word(p, &w, &names, e)) {
        return false;
    }
    struct assignments vars = {0};
    if (!read_assignments(p, &l, &vars, e)) {
        return false;
    }
    for (size_t i = 0; i < names.n && !p->dry; i++) {
        struct host *h = inv_want_host(p->s, names.p[i], p->group, names.port, mark_of(p, w.from), e);
        if (!h) {
            return false;
        }
        for (size_t k = 0; k < vars.n; k++) {
            if (!inv_host_var(p->s->inv, h, vars.p[k].name, vars.p[k].value, e)) {
                return false;
            }
        }
    }
    return true;
}

static bool vars_line(struct ini *p, struct str line, struct err *e) {
    size_t eq = str_find_char(line, 0, '=');
    if (eq == SIZE_MAX) {
        return expected(p, line, "key=value", e);
    }
    if (p->dry) {
        return true;
    }
    struct str name = str_trim(str_sub(line, 0, eq));
    struct str value = str_trim(str_sub(line, eq + 1, line.n));
    return inv_group_var(p->s->inv, p->group, str_dup(p->a, name),
                         inv_ini_value(p->a, value, p->s->secret, mark_of(p, value.s)), e);
}

/// A name without ':', ']' and white space, then nothing or a comment. Returns its length, 0 when it is malformed.
static size_t group_name_length(struct str line) {
    size_t n = 0;
    while (n < line.n && line.s[n] != ':' && line.s[n] != ']' && !is_blank(line.s[n])) {
        n++;
    }
    struct str rest = str_trim(str_sub(line, n, line.n));
    return rest.n == 0 || rest.s[0] == '#' ? n : 0;
}

static bool children_line(struct ini *p, struct str line, struct err *e) {
    size_t n = group_name_length(line);
    if (n == 0) {
        return expected(p, line, "the name of a group", e);
    }
    if (p->dry) {
        return true;
    }
    struct str name = inv_safe_group(p->s->inv, str_sub(line, 0, n));
    struct group *child = inv_group(p->s->inv, name);
    if (child) {
        return inv_add_child(p->s->inv, p->group, child, mark_of(p, line.s), e);
    }
    struct pending *pend = map_get(&p->pending, name);
    if (!pend) {
        pend = ARENA_NEW(p->a, struct pending);
        pend->how = SECTION_CHILDREN;
        pend->at = mark_of(p, line.s);
        map_put(&p->pending, p->a, str_dup(p->a, name), pend);
    }
    VEC_PUSH(p->a, pend->parents, p->group);
    return true;
}

// -- sections --------------------------------------------------------------------------------------------------------

static bool section_kind(struct ini *p, struct str kind, enum section *out, struct err *e) {
    static const char *const names[] = {"hosts", "children", "vars"};
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (str_eqz(kind, names[i])) {
            *out = (enum section)i;
            return true;
        }
    }
    if (p->s->secret) {
        return expected(p, kind, "hosts, children or vars behind ':'", e);
    }
    (void)err_set(e, ERR_SYNTAX, mark_of(p, kind.s), "expected hosts, children or vars behind ':', found '%.*s'",
                  STR(kind));
    const char *near = typo_nearest(kind, names, COUNTOF(names));
    return near ? err_hint(e, "did you mean '%s'?", near) : false;
}

/// Cuts "[name:kind]" and what may follow it. *is is false when the line is no section at all.
static bool cut_section(struct ini *p, struct str line, struct str *name, struct str *kind, bool *is, struct err *e) {
    size_t i = 1;
    while (i < line.n && line.s[i] != ':' && line.s[i] != ']' && !is_blank(line.s[i])) {
        i++;
    }
    *name = str_sub(line, 1, i);
    *kind = STR_NONE;
    size_t close = i;
    if (i < line.n && line.s[i] == ':') {
        close = str_find_char(line, i, ']');
        *kind = str_sub(line, i + 1, close);
    }
    *is = name->n > 0 && close < line.n && line.s[close] == ']';
    for (size_t k = 0; k < kind->n; k++) {
        *is = *is && !is_blank(kind->s[k]) && kind->s[k] != ':' && kind->s[k] != '-';
    }
    *is = *is && (kind->s == NULL || kind->n > 0);
    if (*is) {
        struct str rest = str_trim(str_sub(line, close + 1, line.n));
        *is = rest.n == 0 || rest.s[0] == '#';
    }
    if (!*is && line.s[line.n - 1] == ']') {
        return expected(p, line, "[group], [group:children] or [group:vars] without spaces", e);
    }
    return true;
}

static bool declare(struct ini *p, struct group *g, struct err *e) {
    struct pending *pend = map_get(&p->pending, g->name);
    if (!pend || pend->done || p->section == SECTION_VARS) {
        return true;
    }
    pend->done = true;
    for (size_t i = 0; i < pend->parents.n; i++) {
        if (!inv_add_child(p->s->inv, pend->parents.p[i], g, pend->at, e)) {
            return false;
        }
    }
    return true;
}

static bool section_line(struct ini *p, struct str line, bool *is, struct err *e) {
    struct str name;
    struct str kind;
    if (!cut_section(p, line, &name, &kind, is, e)) {
        return false;
    }
    if (!*is) {
        return true;
    }
    p->s->evident = true;
    p->section = SECTION_HOSTS;
    if (kind.s && !section_kind(p, kind, &p->section, e)) {
        return false;
    }
    if (p->dry) {
        return true;
    }
    size_t before = p->s->inv->groups.n;
    p->group = inv_want_group(p->s->inv, name, mark_of(p, name.s), e);
    if (!p->group) {
        return false;
    }
    bool made = p->s->inv->groups.n != before;
    if (made && p->section == SECTION_VARS && !map_get(&p->pending, p->group->name)) {
        struct pending *pend = ARENA_NEW(p->a, struct pending);
        pend->how = SECTION_VARS;
        pend->at = mark_of(p, name.s);
        map_put(&p->pending, p->a, p->group->name, pend);
    }
    return declare(p, p->group, e);
}

static bool one_line(struct ini *p, struct str line, struct err *e) {
    if (line.s[0] == '[') {
        bool is = false;
        if (!section_line(p, line, &is, e)) {
            return false;
        }
        if (is) {
            return true;
        }
    }
    switch (p->section) {
    case SECTION_HOSTS:
        return host_line(p, line, e);
    case SECTION_CHILDREN:
        return children_line(p, line, e);
    case SECTION_VARS:
        return vars_line(p, line, e);
    }
    return false;
}

/// The first group that was mentioned and never declared is an error.
static bool check_pending(struct ini *p, struct err *e) {
    for (size_t i = 0; i < p->pending.n; i++) {
        const struct pending *pend = p->pending.slots[i].value;
        struct str name = p->pending.slots[i].key;
        if (pend->done) {
            continue;
        }
        if (pend->how == SECTION_VARS) {
            return err_set(e, ERR_SYNTAX, pend->at, "section [%.*s:vars] is for a group that is not defined",
                           STR(name));
        }
        (void)err_set(e, ERR_SYNTAX, pend->at, "section [%.*s:children] names group '%.*s', which is not defined",
                      STR(pend->parents.p[0]->name), STR(name));
        struct typo t = {.got = name};
        for (size_t k = 0; k < p->s->inv->groups.n; k++) {
            typo_offer(&t, p->s->inv->groups.slots[k].key);
        }
        return t.best.s ? err_hint(e, "did you mean '%.*s'?", STR(t.best)) : false;
    }
    return true;
}

static bool one_pass(struct ini *p, struct err *e) {
    p->group = p->s->inv->ungrouped;
    p->section = SECTION_HOSTS;
    struct str rest = p->s->text;
    if (str_starts(rest, "\xef\xbb\xbf")) {
        rest = str_sub(rest, 3, rest.n);
    }
    struct str line;
    while (str_next(&rest, '\n', &line)) {
        line = str_trim(line);
        if (line.n == 0 || line.s[0] == '#' || line.s[0] == ';') {
            continue;
        }
        if (p->dry && !utf8_valid(line)) {
            return err_set(e, ERR_SYNTAX, mark_of(p, line.s), "expected UTF-8 text, found other bytes");
        }
        if (!one_line(p, line, e)) {
            return false;
        }
    }
    return p->dry || check_pending(p, e);
}

bool inv_parse_ini(struct inv_source *s, struct err *e) {
    struct ini p = {.s = s, .a = s->o->a, .dry = true};
    if (!one_pass(&p, e)) {
        return false;
    }
    p.dry = false;
    return one_pass(&p, e);
}
