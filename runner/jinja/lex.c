// The lexer: cuts template text into data and tokens, and applies whitespace control while doing so.
#include "ast.h"
#include "bigint.h"

enum state { S_ROOT, S_VAR, S_BLOCK, S_LINE };

struct lexer {
    const struct source *s;
    struct str t;
    size_t i;
    struct tokens *out;
    struct err *e;
    bool line_start;  // the last match ended a line
    char open[256];   // closing brackets expected
    size_t nopen;
    bool first[256];  // bytes that can start a delimiter
    bool lines;       // line statements or comments are on
};
struct hit {  // a delimiter found in text
    enum { H_RAW, H_COMMENT, H_BLOCK, H_VAR, H_LINE, H_LINE_COMMENT } kind;
    size_t len;  // with its sign
    char sign;
};

static const char *const tok_names[] = {
    [T_EOF] = "end of template",
    [T_DATA] = "template data / text",
    [T_VAR_BEGIN] = "begin of print statement",
    [T_VAR_END] = "end of print statement",
    [T_BLOCK_BEGIN] = "begin of statement block",
    [T_BLOCK_END] = "end of statement block",
    [T_NAME] = "name",
    [T_STR] = "string",
    [T_INT] = "integer",
    [T_FLOAT] = "float",
    [T_ADD] = "+",
    [T_SUB] = "-",
    [T_MUL] = "*",
    [T_DIV] = "/",
    [T_FLOORDIV] = "//",
    [T_MOD] = "%",
    [T_POW] = "**",
    [T_TILDE] = "~",
    [T_LPAREN] = "(",
    [T_RPAREN] = ")",
    [T_LBRACKET] = "[",
    [T_RBRACKET] = "]",
    [T_LBRACE] = "{",
    [T_RBRACE] = "}",
    [T_EQ] = "==",
    [T_NE] = "!=",
    [T_GT] = ">",
    [T_GE] = ">=",
    [T_LT] = "<",
    [T_LE] = "<=",
    [T_ASSIGN] = "=",
    [T_DOT] = ".",
    [T_COLON] = ":",
    [T_PIPE] = "|",
    [T_COMMA] = ",",
    [T_SEMICOLON] = ";",
};

const char *tok_name(enum tok_type t) {
    return tok_names[t];
}

static struct mark lex_mark(const struct lexer *l, size_t at) {
    return tmpl_mark(l->s->t, l->s->base, at);
}

static bool at_z(const struct lexer *l, size_t i, const char *z) {
    size_t n = z ? strlen(z) : 0;
    return n && i + n <= l->t.n && memcmp(l->t.s + i, z, n) == 0;
}

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/// The length of the white space character at i, beyond ASCII too (a no-break space comes with pasted text); 0: none.
static size_t space_at(const struct lexer *l, size_t i) {
    if (i >= l->t.n || (unsigned char)l->t.s[i] < 0x80) {
        return i < l->t.n && is_space(l->t.s[i]) ? 1 : 0;
    }
    size_t next = i;
    uint32_t cp = utf8_next(l->t, &next);
    bool space = cp == 0x85 || cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 ||
                 cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000;
    return space ? next - i : 0;
}

static size_t skip_space(const struct lexer *l, size_t i) {
    for (size_t n; (n = space_at(l, i)) > 0;) {
        i += n;
    }
    return i;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static struct token *push(struct lexer *l, enum tok_type type, size_t at, struct str text) {
    struct token t = {.type = type, .at = (uint32_t)at, .text = text};
    VEC_PUSH(l->s->a, *l->out, t);
    return &l->out->p[l->out->n - 1];
}

/// Newlines in data become the configured sequence.
static struct str newlines(const struct lexer *l, struct str s) {
    const char *nl = l->s->o->newline;
    if (!nl || strcmp(nl, "\n") == 0 || str_find_char(s, 0, '\n') == SIZE_MAX) {
        return s;
    }
    struct buf b = BUF_IN(l->s->a);
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] == '\n') {
            buf_z(&b, nl);
        } else {
            buf_char(&b, s.s[i]);
        }
    }
    return buf_view(&b);
}

static void push_data(struct lexer *l, size_t from, size_t to) {
    if (to > from) {
        push(l, T_DATA, from, newlines(l, str_sub(l->t, from, to)));
    }
}

// -- the root: text and delimiters -----------------------------------------------------------------------------------

/// `{% raw %}` at i: its length, or 0.
static size_t raw_begin(const struct lexer *l, size_t i, char *sign) {
    const struct jinja_opts *o = l->s->o;
    if (!at_z(l, i, o->block_start)) {
        return 0;
    }
    size_t p = i + strlen(o->block_start);
    *sign = 0;
    if (p < l->t.n && (l->t.s[p] == '-' || l->t.s[p] == '+')) {
        *sign = l->t.s[p++];
    }
    p = skip_space(l, p);
    if (!at_z(l, p, "raw")) {
        return 0;
    }
    p = skip_space(l, p + 3);
    if (p < l->t.n && l->t.s[p] == '-' && at_z(l, p + 1, o->block_end)) {
        return skip_space(l, p + 1 + strlen(o->block_end)) - i;
    }
    return at_z(l, p, o->block_end) ? p + strlen(o->block_end) - i : 0;
}

/// A line statement or comment at i.
static bool line_hit(const struct lexer *l, size_t i, struct hit *h) {
    const struct jinja_opts *o = l->s->o;
    bool start = i == 0 || l->t.s[i - 1] == '\n';
    size_t p = i;
    while (p < l->t.n && is_space(l->t.s[p]) && l->t.s[p] != '\n' && l->t.s[p] != '\r') {
        p++;
    }
    bool comment = (start || !is_space(l->t.s[i - 1])) && at_z(l, p, o->line_comment);
    bool statement = start && at_z(l, p, o->line_statement);
    if (comment && statement) {
        statement = strlen(o->line_statement) >= strlen(o->line_comment);
        comment = !statement;
    }
    if (!comment && !statement) {
        return false;
    }
    size_t n = strlen(comment ? o->line_comment : o->line_statement);
    *h = (struct hit){.kind = comment ? H_LINE_COMMENT : H_LINE, .len = p + n - i};
    if (p + n < l->t.n && (l->t.s[p + n] == '-' || l->t.s[p + n] == '+')) {
        h->sign = l->t.s[p + n];
        h->len++;
    }
    return true;
}

/// The delimiter that starts at i: raw first, then the longest.
static bool delimiter(const struct lexer *l, size_t i, struct hit *h) {
    const struct jinja_opts *o = l->s->o;
    if (l->lines && line_hit(l, i, h)) {
        return true;
    }
    if (!l->first[(unsigned char)l->t.s[i]]) {
        return false;
    }
    char sign;
    size_t raw = raw_begin(l, i, &sign);
    if (raw) {
        *h = (struct hit){.kind = H_RAW, .len = raw, .sign = sign};
        return true;
    }
    const char *const begin[] = {o->comment_start, o->block_start, o->var_start};
    size_t best = 0;
    for (size_t k = 0; k < 3; k++) {
        size_t n = begin[k] ? strlen(begin[k]) : 0;
        if (n > best && at_z(l, i, begin[k])) {
            best = n;
            h->kind = k == 0 ? H_COMMENT : k == 1 ? H_BLOCK : H_VAR;
        }
    }
    if (!best) {
        return false;
    }
    h->sign = 0;
    h->len = best;
    if (i + best < l->t.n && (l->t.s[i + best] == '-' || l->t.s[i + best] == '+')) {
        h->sign = l->t.s[i + best];
        h->len++;
    }
    return true;
}

/// Where data [from, to) ends after the sign of the tag behind it did its work.
static size_t strip_data(const struct lexer *l, size_t from, size_t to, char sign, bool is_var) {
    if (sign == '-') {
        while (to > from && is_space(l->t.s[to - 1])) {
            to--;
        }
    } else if (sign != '+' && l->s->o->lstrip_blocks && !is_var) {
        size_t line = to;
        while (line > from && l->t.s[line - 1] != '\n') {
            line--;
        }
        size_t p = line;
        while (p < to && is_space(l->t.s[p])) {
            p++;
        }
        if (p == to && p > line && (line > from || l->line_start)) {
            to = line;
        }
    }
    return to;
}

/// The end of a block or comment at i (`end` with its sign and what it swallows): the offset behind it, or 0.
static size_t block_end(const struct lexer *l, size_t i, const char *end) {
    size_t n = strlen(end);
    if (i < l->t.n && l->t.s[i] == '+' && at_z(l, i + 1, end)) {
        return i + 1 + n;
    }
    if (i < l->t.n && l->t.s[i] == '-' && at_z(l, i + 1, end)) {
        return skip_space(l, i + 1 + n);
    }
    if (!at_z(l, i, end)) {
        return 0;
    }
    i += n;
    if (l->s->o->trim_blocks && i < l->t.n && l->t.s[i] == '\n') {
        i++;
    }
    return i;
}

static void passed(struct lexer *l, size_t to) {
    l->i = to;
    l->line_start = to > 0 && l->t.s[to - 1] == '\n';
}

static bool lex_comment(struct lexer *l, size_t at) {
    for (size_t i = l->i; i < l->t.n; i++) {
        size_t end = block_end(l, i, l->s->o->comment_end);
        if (end) {
            passed(l, end);
            return true;
        }
    }
    if (l->i >= l->t.n) {
        return true;  // Jinja looks for the end only where something is left
    }
    return err_set(l->e, ERR_SYNTAX, lex_mark(l, at), "Missing end of comment tag");
}

/// An end that is missing is told where the text begins, as Jinja2 does.
static bool lex_raw(struct lexer *l) {
    const char *start = l->s->o->block_start;
    for (size_t i = l->i; i < l->t.n; i++) {
        if (!at_z(l, i, start)) {
            continue;
        }
        size_t p = i + strlen(start);
        char sign = 0;
        if (p < l->t.n && (l->t.s[p] == '-' || l->t.s[p] == '+')) {
            sign = l->t.s[p++];
        }
        p = skip_space(l, p);
        size_t end = at_z(l, p, "endraw") ? block_end(l, skip_space(l, p + 6), l->s->o->block_end) : 0;
        if (end) {
            push_data(l, l->i, strip_data(l, l->i, i, sign, false));
            passed(l, end);
            return true;
        }
    }
    if (l->i >= l->t.n) {
        return true;
    }
    return err_set(l->e, ERR_SYNTAX, lex_mark(l, l->i), "Missing end of raw directive");
}

// -- inside tags -----------------------------------------------------------------------------------------------------

static int hex_digit(char c) {
    return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// Reads `n` hex digits of an escape; false when there are fewer.
static bool hex_escape(struct str s, size_t *i, size_t n, uint32_t *cp) {
    *cp = 0;
    for (size_t k = 0; k < n; k++) {
        int d = *i < s.n ? hex_digit(s.s[*i]) : -1;
        if (d < 0) {
            return false;
        }
        *cp = *cp * 16 + (uint32_t)d;
        (*i)++;
    }
    return *cp <= 0x10FFFF;
}

/// A simple escape letter's character, or -1.
static int simple_escape(char c) {
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'a':
        return '\a';
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'v':
        return '\v';
    case '\\':
    case '\'':
    case '"':
        return c;
    default:
        return -1;
    }
}

/// One escape behind a backslash at s[*i].
static bool unescape_one(struct buf *b, struct str s, size_t *i) {
    char c = s.s[(*i)++];
    int simple = simple_escape(c);
    uint32_t cp = 0;
    if (simple >= 0) {
        buf_char(b, (char)simple);
        return true;
    }
    if (c == '\n') {
        return true;
    }
    if (c == 'x' || c == 'u' || c == 'U') {
        if (!hex_escape(s, i, c == 'x' ? 2 : c == 'u' ? 4 : 8, &cp)) {
            return false;
        }
    } else if (c >= '0' && c <= '7') {
        cp = (uint32_t)(c - '0');
        for (int k = 0; k < 2 && *i < s.n && s.s[*i] >= '0' && s.s[*i] <= '7'; k++) {
            cp = cp * 8 + (uint32_t)(s.s[(*i)++] - '0');
        }
    } else if (c == 'N') {
        return false;
    } else {
        buf_char(b, '\\');
        buf_char(b, c);
        return true;
    }
    char u[4];
    buf_add(b, u, utf8_put(cp, u));
    return true;
}

static bool unescape(struct lexer *l, size_t at, struct str raw, bool keep, struct str *out) {
    if (str_find_char(raw, 0, '\\') == SIZE_MAX) {
        *out = newlines(l, raw);
        return true;
    }
    struct buf b = BUF_IN(l->s->a);
    for (size_t i = 0; i < raw.n;) {
        if (raw.s[i] != '\\' || i + 1 >= raw.n) {
            buf_char(&b, raw.s[i++]);
        } else if (keep) {
            // An escaped quote must not end the literal; everything else stays as it was written.
            if (raw.s[i + 1] != '\'' && raw.s[i + 1] != '"') {
                buf_char(&b, '\\');
            }
            buf_char(&b, raw.s[i + 1]);
            i += 2;
        } else {
            i++;
            if (!unescape_one(&b, raw, &i)) {
                return err_set(l->e, ERR_SYNTAX, lex_mark(l, at), "bad escape in string");
            }
        }
    }
    *out = buf_view(&b);
    return true;
}

static bool unexpected_char(struct lexer *l, size_t at) {
    size_t i = at;
    utf8_next(l->t, &i);
    err_set(l->e, ERR_SYNTAX, lex_mark(l, at), "unexpected char '%.*s' at %zu", (int)(i - at), l->t.s + at, at);
    bool quote = l->t.s[at] == '\'' || l->t.s[at] == '"';
    return quote ? err_hint(l->e, "the text that this quote begins has no end") : false;
}

static bool lex_string(struct lexer *l, enum state st) {
    size_t at = l->i, i = at + 1;
    char q = l->t.s[at];
    while (i < l->t.n && l->t.s[i] != q) {
        i += l->t.s[i] == '\\' ? 2 : 1;
    }
    if (i >= l->t.n) {
        return unexpected_char(l, at);
    }
    struct str text;
    if (!unescape(l, at, str_sub(l->t, at + 1, i), st == S_VAR && l->s->o->raw_backslashes, &text)) {
        return false;
    }
    push(l, T_STR, at, text);
    l->i = i + 1;
    return true;
}

/// Length of `digit (_? digit)*` in the base at i, 0 when there is none.
static size_t digits(const struct lexer *l, size_t i, int base) {
    size_t n = 0;
    while (i + n < l->t.n) {
        size_t skip = n && l->t.s[i + n] == '_' ? 1 : 0;
        int d = i + n + skip < l->t.n ? hex_digit(l->t.s[i + n + skip]) : -1;
        if (d < 0 || d >= base) {
            break;
        }
        n += skip + 1;
    }
    return n;
}

/// Where a float at i ends, or i when it is none.
static size_t float_end(const struct lexer *l, size_t i) {
    if (i > 0 && l->t.s[i - 1] == '.') {
        return i;
    }
    size_t p = i + digits(l, i, 10), end = i;
    if (p < l->t.n && l->t.s[p] == '.') {
        size_t n = digits(l, p + 1, 10);
        if (n) {
            end = p = p + 1 + n;
        }
    }
    if (p < l->t.n && (l->t.s[p] == 'e' || l->t.s[p] == 'E')) {
        size_t x = p + 1;
        if (x < l->t.n && (l->t.s[x] == '+' || l->t.s[x] == '-')) {
            x++;
        }
        size_t n = digits(l, x, 10);
        end = n ? x + n : end;
    }
    return end;
}

static bool lex_int(struct lexer *l) {
    size_t at = l->i, p = at;
    int base = 10;
    if (l->t.s[p] == '0' && p + 1 < l->t.n) {
        char c = (char)(l->t.s[p + 1] | 0x20);
        base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
        if (base != 10) {
            p += 2 + (p + 2 < l->t.n && l->t.s[p + 2] == '_');
            if (!digits(l, p, base)) {
                p = at;
                base = 10;
            }
        }
    }
    // A zero ends where the zeros end: 012 is 0 and 12.
    size_t n = digits(l, p, base == 10 && l->t.s[at] == '0' ? 1 : base);
    struct buf b = BUF_IN(l->s->a);
    struct val v = {0};
    for (size_t i = p; i < p + n; i++) {
        if (l->t.s[i] != '_') {
            buf_char(&b, l->t.s[i]);
        }
    }
    if (!big_parse(l->s->a, buf_view(&b), base, false, &v, l->e)) {
        l->e->at = lex_mark(l, at);
        return false;
    }
    push(l, T_INT, at, str_sub(l->t, at, p + n))->num = v;
    l->i = p + n;
    return true;
}

static bool lex_number(struct lexer *l) {
    size_t end = float_end(l, l->i);
    if (end == l->i) {
        return lex_int(l);
    }
    struct buf b = BUF_IN(l->s->a);
    for (size_t i = l->i; i < end; i++) {
        if (l->t.s[i] != '_') {
            buf_char(&b, l->t.s[i]);
        }
    }
    push(l, T_FLOAT, l->i, str_sub(l->t, l->i, end))->num = val_float(strtod(buf_view(&b).s, NULL));
    l->i = end;
    return true;
}

static enum tok_type operator_at(const struct lexer *l, size_t *n) {
    static const char *const two[] = {"//", "**", "==", "!=", ">=", "<="};
    static const enum tok_type two_type[] = {T_FLOORDIV, T_POW, T_EQ, T_NE, T_GE, T_LE};
    static const char one[] = "+-*/%~()[]{}><=.:|,;";
    static const enum tok_type one_type[] = {T_ADD,    T_SUB,      T_MUL,      T_DIV,    T_MOD,    T_TILDE,    T_LPAREN,
                                             T_RPAREN, T_LBRACKET, T_RBRACKET, T_LBRACE, T_RBRACE, T_GT,       T_LT,
                                             T_ASSIGN, T_DOT,      T_COLON,    T_PIPE,   T_COMMA,  T_SEMICOLON};
    for (size_t k = 0; k < COUNTOF(two); k++) {
        if (at_z(l, l->i, two[k])) {
            *n = 2;
            return two_type[k];
        }
    }
    const char *c = l->t.s[l->i] ? strchr(one, l->t.s[l->i]) : NULL;
    *n = 1;
    return c ? one_type[c - one] : T_EOF;
}

static bool balance(struct lexer *l, enum tok_type t, size_t at) {
    char c = l->t.s[at];
    if (t == T_LPAREN || t == T_LBRACKET || t == T_LBRACE) {
        if (l->nopen == sizeof l->open) {
            return err_set(l->e, ERR_LIMIT, lex_mark(l, at), "brackets nested deeper than %zu", sizeof l->open);
        }
        l->open[l->nopen++] = (char)(c == '(' ? ')' : c == '[' ? ']' : '}');
    } else if (t == T_RPAREN || t == T_RBRACKET || t == T_RBRACE) {
        if (!l->nopen) {
            return err_set(l->e, ERR_SYNTAX, lex_mark(l, at), "unexpected '%c'", c);
        }
        char want = l->open[--l->nopen];
        if (want != c) {
            return err_set(l->e, ERR_SYNTAX, lex_mark(l, at), "unexpected '%c', expected '%c'", c, want);
        }
    }
    return true;
}

/// A name that ends at `end` or before: other letters than ASCII's are looked at.
static bool lex_name(struct lexer *l, size_t end) {
    bool valid = true;
    for (size_t i = l->i; i < end;) {
        size_t from = i;
        uint32_t cp = utf8_next(l->t, &i);
        if (cp >= 0x80 && !cp_in_name(cp)) {
            end = from;
            break;
        }
        valid = valid && (from > l->i || cp < 0x80 || cp_starts_name(cp));
    }
    if (end == l->i) {
        return unexpected_char(l, l->i);
    }
    if (!valid) {
        return err_set(l->e, ERR_SYNTAX, lex_mark(l, l->i), "Invalid character in identifier");
    }
    push(l, T_NAME, l->i, str_sub(l->t, l->i, end));
    l->i = end;
    return true;
}

/// One token of an expression at l->i.
static bool lex_token(struct lexer *l, enum state st) {
    char c = l->t.s[l->i];
    if (is_digit(c)) {
        return lex_number(l);
    }
    if (is_name_start(c)) {
        size_t i = l->i;
        while (i < l->t.n && (is_name_start(l->t.s[i]) || is_digit(l->t.s[i])) && !space_at(l, i)) {
            i++;
        }
        return lex_name(l, i);
    }
    if (c == '\'' || c == '"') {
        return lex_string(l, st);
    }
    size_t n;
    enum tok_type t = operator_at(l, &n);
    if (t == T_EOF) {
        return unexpected_char(l, l->i);
    }
    if (!balance(l, t, l->i)) {
        return false;
    }
    push(l, t, l->i, str_sub(l->t, l->i, l->i + n));
    l->i += n;
    return true;
}

/// The end of a line statement at i (`\s*(\n|$)`, as much as it takes): offset behind it, or SIZE_MAX.
static size_t line_end(const struct lexer *l, size_t i) {
    size_t end = SIZE_MAX;
    for (; i < l->t.n && is_space(l->t.s[i]); i++) {
        end = l->t.s[i] == '\n' ? i + 1 : end;
    }
    return i >= l->t.n ? i : end;
}

/// Tokens up to the end of a tag.
static bool lex_tag(struct lexer *l, enum state st) {
    const struct jinja_opts *o = l->s->o;
    while (l->i <= l->t.n) {
        size_t end = SIZE_MAX;
        if (!l->nopen && st == S_LINE) {
            end = line_end(l, l->i);
        } else if (!l->nopen && st == S_BLOCK && l->i < l->t.n) {
            size_t p = block_end(l, l->i, o->block_end);
            end = p ? p : end;
        } else if (!l->nopen && st == S_VAR && l->i < l->t.n) {
            if (l->t.s[l->i] == '-' && at_z(l, l->i + 1, o->var_end)) {
                end = skip_space(l, l->i + 1 + strlen(o->var_end));
            } else if (at_z(l, l->i, o->var_end)) {
                end = l->i + strlen(o->var_end);
            }
        }
        if (end != SIZE_MAX) {
            push(l, st == S_VAR ? T_VAR_END : T_BLOCK_END, l->i, STR_NONE);
            passed(l, end);
            return true;
        }
        if (l->i >= l->t.n) {
            return true;  // the parser says what is missing
        }
        size_t blank = space_at(l, l->i);
        if (blank) {
            l->i += blank;
        } else if (!lex_token(l, st)) {
            return false;
        }
    }
    return true;
}

static bool lex_root(struct lexer *l) {
    while (l->i < l->t.n) {
        struct hit h = {0};
        size_t i = l->i;
        while (i < l->t.n && !((l->lines || l->first[(unsigned char)l->t.s[i]]) && delimiter(l, i, &h))) {
            i++;
        }
        if (i == l->t.n) {
            push_data(l, l->i, i);
            l->i = i;
            return true;
        }
        push_data(l, l->i, strip_data(l, l->i, i, h.sign, h.kind == H_VAR));
        passed(l, i + h.len);
        l->nopen = 0;
        bool ok = true;
        switch (h.kind) {
        case H_RAW:
            ok = lex_raw(l);
            break;
        case H_COMMENT:
            ok = lex_comment(l, i);
            break;
        case H_LINE_COMMENT:
            while (l->i < l->t.n && l->t.s[l->i] != '\n') {
                l->i++;
            }
            break;
        case H_BLOCK:
        case H_LINE:
            push(l, T_BLOCK_BEGIN, i, STR_NONE);
            ok = lex_tag(l, h.kind == H_LINE ? S_LINE : S_BLOCK);
            break;
        case H_VAR:
            push(l, T_VAR_BEGIN, i, STR_NONE);
            ok = lex_tag(l, S_VAR);
            break;
        }
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool lex_bare(struct lexer *l) {
    while (l->i < l->t.n) {
        size_t blank = space_at(l, l->i);
        if (blank) {
            l->i += blank;
        } else if (!lex_token(l, S_BLOCK)) {
            return false;
        }
    }
    return true;
}

bool jinja_lex(const struct source *s, bool bare, struct tokens *out, struct err *e) {
    struct lexer l = {.s = s, .t = s->text, .out = out, .e = e, .line_start = true};
    const struct jinja_opts *o = s->o;
    const char *const begin[] = {o->comment_start, o->block_start, o->var_start};
    for (size_t i = 0; i < COUNTOF(begin); i++) {
        if (begin[i]) {
            l.first[(unsigned char)begin[i][0]] = true;
        }
    }
    l.lines = o->line_statement || o->line_comment;
    if (!bare && !o->keep_trailing_newline && l.t.n && l.t.s[l.t.n - 1] == '\n') {
        l.t.n--;
    }
    bool ok = bare ? lex_bare(&l) : lex_root(&l);
    // Jinja's end of the template stands where its last token begins
    size_t end = o->ansible || !out->n ? l.t.n : out->p[out->n - 1].at;
    push(&l, T_EOF, end, STR_NONE);
    return ok;
}
