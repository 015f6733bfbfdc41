// TOML 1.0 to a value with marks, and TOML inventories: groups with vars, children and hosts.
#include "inv_source.h"

struct parser {
    struct inv_source *s;
    struct arena *a;
    struct str t;
    size_t i;
    struct err *e;
    struct map closed;  // tables that were defined by a header, by their full name
    unsigned depth;
};

static struct mark here(const struct parser *p) {
    return (struct mark){p->s->base.at ? p->s->base.at + (uint32_t)p->i : 0};
}

static bool bad(struct parser *p, const char *want) {
    if (p->s->secret) {
        return err_set(p->e, ERR_SYNTAX, here(p), "expected %s in the TOML file", want);
    }
    struct str rest = str_sub(p->t, p->i, p->i + 20);
    rest = str_sub(rest, 0, str_find_char(rest, 0, '\n'));
    return rest.n ? err_set(p->e, ERR_SYNTAX, here(p), "expected %s, found '%.*s'", want, STR(rest))
                  : err_set(p->e, ERR_SYNTAX, here(p), "expected %s, found the end of the line", want);
}

static char at(const struct parser *p) {
    return p->i < p->t.n ? p->t.s[p->i] : '\0';
}

static bool starts(const struct parser *p, const char *what) {
    return str_starts(str_sub(p->t, p->i, p->t.n), what);
}

static void blanks(struct parser *p) {
    while (at(p) == ' ' || at(p) == '\t') {
        p->i++;
    }
}

static void comment(struct parser *p) {
    if (at(p) == '#') {
        while (p->i < p->t.n && at(p) != '\n') {
            p->i++;
        }
    }
}

/// White space, line ends and comments.
static void skip(struct parser *p) {
    for (;;) {
        blanks(p);
        comment(p);
        if (at(p) != '\n' && at(p) != '\r') {
            return;
        }
        p->i++;
    }
}

static bool line_end(struct parser *p) {
    blanks(p);
    comment(p);
    if (at(p) == '\r') {
        p->i++;
    }
    if (p->i >= p->t.n) {
        return true;
    }
    if (at(p) != '\n') {
        return bad(p, "the end of the line");
    }
    p->i++;
    return true;
}

// -- strings ---------------------------------------------------------------------------------------------------------

static bool unicode(struct parser *p, size_t digits, struct buf *b) {
    uint32_t cp = 0;
    char out[4];
    for (size_t k = 0; k < digits; k++, p->i++) {
        char c = at(p);
        uint32_t d = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                     : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                            : 16;
        if (d == 16) {
            return bad(p, "a hexadecimal digit");
        }
        cp = cp * 16 + d;
    }
    if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000)) {
        return bad(p, "the number of a character");
    }
    buf_add(b, out, utf8_put(cp, out));
    return true;
}

static bool escape(struct parser *p, bool multi, struct buf *b) {
    static const char from[] = "btnfr\"\\e";
    static const char to[] = "\b\t\n\f\r\"\\\033";
    char c = at(p);
    const char *known = c ? strchr(from, c) : NULL;
    if (known) {
        buf_char(b, to[known - from]);
        p->i++;
        return true;
    }
    if (c == 'u' || c == 'U') {
        p->i++;
        return unicode(p, c == 'u' ? 4 : 8, b);
    }
    size_t end = p->i;
    while (end < p->t.n && (p->t.s[end] == ' ' || p->t.s[end] == '\t' || p->t.s[end] == '\r')) {
        end++;
    }
    if (multi && end < p->t.n && p->t.s[end] == '\n') {
        while (end < p->t.n && strchr(" \t\r\n", p->t.s[end])) {
            end++;
        }
        p->i = end;
        return true;
    }
    return bad(p, "an escape such as \\n or \\u00e9");
}

static bool string(struct parser *p, struct val *out) {
    char quote = at(p);
    char three[4] = {quote, quote, quote, '\0'};
    bool multi = starts(p, three);
    struct buf b = BUF_IN(p->a);
    struct mark m = here(p);
    p->i += multi ? 3 : 1;
    if (multi && at(p) == '\r') {
        p->i++;
    }
    if (multi && at(p) == '\n') {
        p->i++;
    }
    for (;;) {
        if (p->i >= p->t.n || (!multi && at(p) == '\n')) {
            return bad(p, "the end of the string");
        }
        if (multi ? starts(p, three) : at(p) == quote) {
            p->i += multi ? 3 : 1;
            while (multi && at(p) == quote) {
                buf_char(&b, quote);  // up to two quotes may stand before the closing three
                p->i++;
            }
            break;
        }
        char c = at(p);
        p->i++;
        if (c == '\\' && quote == '"') {
            if (!escape(p, multi, &b)) {
                return false;
            }
        } else {
            buf_char(&b, c);
        }
    }
    *out = val_at(val_str(p->a, buf_view(&b)), m);
    return true;
}

// -- other values ----------------------------------------------------------------------------------------------------

static bool value(struct parser *p, struct val *out);

static bool array(struct parser *p, struct val *out) {
    *out = val_at(val_list(p->a, 4), here(p));
    p->i++;
    for (;;) {
        struct val v = VNULL;
        skip(p);
        if (at(p) == ']') {
            p->i++;
            return true;
        }
        if (!value(p, &v)) {
            return false;
        }
        val_push(p->a, *out, v);
        skip(p);
        if (at(p) == ',') {
            p->i++;
        } else if (at(p) != ']') {
            return bad(p, "',' or ']'");
        }
    }
}

static bool pair(struct parser *p, struct val table);

static bool inline_table(struct parser *p, struct val *out) {
    *out = val_at(val_dict(p->a, 4), here(p));
    p->i++;
    skip(p);
    if (at(p) == '}') {
        p->i++;
        return true;
    }
    for (;;) {
        skip(p);
        if (!pair(p, *out)) {
            return false;
        }
        skip(p);
        char c = at(p);
        p->i++;
        if (c == '}') {
            return true;
        }
        if (c != ',') {
            p->i--;
            return bad(p, "',' or '}'");
        }
    }
}

static bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' ||
           c == '+' || c == '.' || c == ':';
}

static bool based(struct str w, struct val *out) {
    int base = str_starts(w, "0x") ? 16 : str_starts(w, "0o") ? 8 : str_starts(w, "0b") ? 2 : 0;
    char digits[72];
    char *end = NULL;
    if (!base || w.n < 3 || w.n >= sizeof digits) {
        return false;
    }
    snprintf(digits, sizeof digits, "%.*s", STR(str_sub(w, 2, w.n)));
    long long n = strtoll(digits, &end, base);
    *out = val_int(n);
    return *end == '\0';
}

/// Numbers, booleans and dates; a date is text, as the templates show it.
static bool word(struct parser *p, struct val *out) {
    size_t from = p->i;
    struct mark m = here(p);
    while (p->i < p->t.n && is_word(at(p))) {
        p->i++;
    }
    struct str w = str_sub(p->t, from, p->i);
    bool date = w.n >= 8 && (w.s[4] == '-' || w.s[2] == ':');
    int64_t n = 0;
    if (str_eqz(w, "true") || str_eqz(w, "false")) {
        *out = val_bool(w.s[0] == 't');
    } else if (date) {
        if (at(p) == ' ' && p->i + 1 < p->t.n && p->t.s[p->i + 1] >= '0' && p->t.s[p->i + 1] <= '9') {
            p->i++;
            while (p->i < p->t.n && is_word(at(p))) {
                p->i++;
            }
        }
        *out = val_str(p->a, str_sub(p->t, from, p->i));
    } else {
        struct str bare = str_replace(p->a, w, STR_LIT("_"), STR_LIT(""));
        char *end = NULL;
        if (str_int(bare, &n)) {
            *out = val_int(n);
        } else if (!based(bare, out)) {
            const char *z = str_z(p->a, bare);
            double f = strtod(z, &end);
            if (!w.n || *end || end == z) {
                p->i = from;
                return bad(p, "a value: a string in quotes, a number, true, false, a date, a list or a table");
            }
            *out = val_float(f);
        }
    }
    *out = val_at(*out, m);
    return true;
}

static bool value(struct parser *p, struct val *out) {
    if (++p->depth > 100) {
        return err_set(p->e, ERR_LIMIT, here(p), "values are nested more than 100 deep");
    }
    char c = at(p);
    bool ok = c == '"' || c == '\'' ? string(p, out)
              : c == '['            ? array(p, out)
              : c == '{'            ? inline_table(p, out)
                                    : word(p, out);
    p->depth--;
    return ok;
}

// -- keys and tables -------------------------------------------------------------------------------------------------

static bool key_part(struct parser *p, struct val *out) {
    if (at(p) == '"' || at(p) == '\'') {
        return string(p, out);
    }
    size_t from = p->i;
    struct mark m = here(p);
    while (p->i < p->t.n && is_word(at(p)) && at(p) != '.' && at(p) != ':' && at(p) != '+') {
        p->i++;
    }
    if (p->i == from) {
        return bad(p, "a key");
    }
    *out = val_at(val_str(p->a, str_sub(p->t, from, p->i)), m);
    return true;
}

struct keys {
    struct val *p;
    size_t n, cap;
};

static bool dotted(struct parser *p, struct keys *out) {
    for (;;) {
        struct val part = VNULL;
        blanks(p);
        if (!key_part(p, &part)) {
            return false;
        }
        VEC_PUSH(p->a, *out, part);
        blanks(p);
        if (at(p) != '.') {
            return true;
        }
        p->i++;
    }
}

/// The table below `table` of that name, made when missing; of a list of tables the last.
static bool descend(struct parser *p, struct val *table, struct val key) {
    struct val next = val_get_key(*table, key);
    if (next.kind == VAL_UNDEF) {
        next = val_at(val_dict(p->a, 4), key.mark);
        val_set_key(p->a, *table, key, next);
    }
    if (next.kind == VAL_LIST && val_len(next)) {
        next = val_at_index(next, val_len(next) - 1);
    }
    if (next.kind != VAL_DICT) {
        return err_set(p->e, ERR_SYNTAX, key.mark, "'%.*s' is a value already, not a table", STR(val_text(key)));
    }
    *table = next;
    return true;
}

static bool pair(struct parser *p, struct val table) {
    struct keys k = {0};
    struct val v = VNULL;
    if (!dotted(p, &k)) {
        return false;
    }
    if (at(p) != '=') {
        return bad(p, "'='");
    }
    p->i++;
    blanks(p);
    if (!value(p, &v)) {
        return false;
    }
    for (size_t i = 0; i + 1 < k.n; i++) {
        if (!descend(p, &table, k.p[i])) {
            return false;
        }
    }
    struct val last = k.p[k.n - 1];
    if (val_has_key(table, last)) {
        return err_set(p->e, ERR_SYNTAX, last.mark, "'%.*s' is defined twice", STR(val_text(last)));
    }
    val_set_key(p->a, table, last, v);
    return true;
}

static bool header(struct parser *p, struct val root, struct val *table) {
    bool list = starts(p, "[[");
    struct keys k = {0};
    struct mark m = here(p);
    size_t from = p->i;
    p->i += list ? 2 : 1;
    if (!dotted(p, &k)) {
        return false;
    }
    if (!starts(p, list ? "]]" : "]")) {
        return bad(p, list ? "']]'" : "']'");
    }
    p->i += list ? 2 : 1;
    struct str full = str_trim(str_sub(p->t, from, p->i));
    *table = root;
    for (size_t i = 0; i + (list ? 1 : 0) < k.n; i++) {
        if (!descend(p, table, k.p[i])) {
            return false;
        }
    }
    if (!list) {
        if (map_get(&p->closed, full)) {
            return err_set(p->e, ERR_SYNTAX, m, "table %.*s is defined twice", STR(full));
        }
        map_put(&p->closed, p->a, full, p);
        return line_end(p);
    }
    struct val rows = val_get_key(*table, k.p[k.n - 1]);
    if (rows.kind == VAL_UNDEF) {
        rows = val_at(val_list(p->a, 2), m);
        val_set_key(p->a, *table, k.p[k.n - 1], rows);
    }
    if (rows.kind != VAL_LIST) {
        return err_set(p->e, ERR_SYNTAX, m, "'%.*s' is not a list of tables", STR(val_text(k.p[k.n - 1])));
    }
    *table = val_at(val_dict(p->a, 4), m);
    val_push(p->a, rows, *table);
    return line_end(p);
}

static bool document(struct parser *p, struct val *out) {
    struct val root = val_at(val_dict(p->a, 8), here(p));
    struct val table = root;
    for (skip(p); p->i < p->t.n; skip(p)) {
        bool ok = at(p) == '[' ? header(p, root, &table) : pair(p, table) && line_end(p);
        if (!ok) {
            return false;
        }
    }
    *out = root;
    return true;
}

// -- inventories -----------------------------------------------------------------------------------------------------

/// Children are a list of names here, in the other formats a dict.
static void children_as_dict(struct arena *a, struct val data) {
    size_t i = 0;
    for (struct vpair *p; (p = val_each(data, &i));) {
        struct val list = val_get(p->value, "children");
        if (list.kind != VAL_LIST) {
            continue;
        }
        struct val d = val_at(val_dict(a, val_len(list)), list.mark);
        for (size_t k = 0; k < val_len(list); k++) {
            val_set_key(a, d, val_at_index(list, k), VNULL);
        }
        val_set(a, p->value, "children", d);
    }
}

bool inv_parse_toml(struct inv_source *s, struct err *e) {
    struct parser p = {.s = s, .a = s->o->a, .t = s->text, .e = e};
    struct val data = VNULL;
    s->evident = true;
    if (str_starts(p.t, "\xef\xbb\xbf")) {
        p.i = 3;
    }
    if (!utf8_valid(s->text)) {
        return err_set(e, ERR_SYNTAX, s->base, "a TOML file must be UTF-8");
    }
    if (!document(&p, &data)) {
        return false;
    }
    if (!val_len(data)) {
        return err_set(e, ERR_SYNTAX, s->base, "the TOML file is empty");
    }
    if (val_truth(val_get(data, "plugin"))) {
        return err_set(e, ERR_SYNTAX, val_get(data, "plugin").mark,
                       "this is the configuration of a plugin, not an inventory");
    }
    children_as_dict(s->o->a, data);
    unsigned flags = VAL_TRUSTED | (s->secret ? (unsigned)VAL_SECRET : 0U);
    return inv_parse_groups(s, val_mark_templates(val_reflag(s->o->a, data, 0, flags)), e);
}
