// `k=v` text to arguments as Ansible reads it: words may hold quotes and template blocks that span spaces and lines.
// Source: ansible-core lib/ansible/parsing/splitter.py; cases: tests/cases/kv, written by tests/oracle/kv_oracle.py.
#include "parse.h"

struct word {
    struct buf b;
    size_t at;  // offset of its first byte in the text
};
struct splitter {
    struct arena *a;
    struct str text;
    struct mark at;
    struct {
        struct word *p;
        size_t n, cap;
    } words;
    char quote;                    // 0 outside quotes
    size_t print, block, comment;  // open {{, {% and {#
};
/// One piece between spaces, in the line `line_words` pieces long.
struct piece {
    struct str s;
    size_t at, index;
    bool alone;  // the only one of its line
};

static bool unreadable(struct splitter *s, size_t offset, struct err *e, const char *why) {
    return err_set(e, ERR_SYNTAX, mark_inside(s->at, s->text, offset), "%s", why);
}

/// The word under construction; NULL when none was started (Ansible refuses such text too).
static struct word *last_word(struct splitter *s) {
    return s->words.n ? &s->words.p[s->words.n - 1] : NULL;
}

static void start_word(struct splitter *s, const struct piece *p) {
    struct word w = {.b = BUF_IN(s->a), .at = p->at};
    buf_str(&w.b, p->s);
    VEC_PUSH(s->a, s->words, w);
}

static char quote_after(struct str s, char quote) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        if ((c != '"' && c != '\'') || (i > 0 && s.s[i - 1] == '\\')) {
            continue;
        }
        if (!quote) {
            quote = c;
        } else if (quote == c) {
            quote = 0;
        }
    }
    return quote;
}

static size_t count_of(struct str s, const char pair[3]) {
    size_t n = 0;
    for (size_t i = 0; i + 1 < s.n; i++) {
        if (s.s[i] == pair[0] && s.s[i + 1] == pair[1]) {
            n++;
            i++;
        }
    }
    return n;
}

/// Updates one kind of block depth; true when it changed.
static bool depth_moves(size_t *depth, struct str s, const char opener[3], const char closer[3]) {
    size_t before = *depth;
    size_t up = count_of(s, opener);
    size_t down = count_of(s, closer);
    *depth = before + up > down ? before + up - down : 0;
    return *depth != before;
}

static bool in_block(const struct splitter *s) {
    return s->print || s->block || s->comment;
}

/// Puts a piece back where it was cut from: inside quotes or a block.
static bool rejoin(struct splitter *s, const struct piece *p, bool was_quoted, struct err *e) {
    struct word *w = last_word(s);
    if (!w) {
        return unreadable(s, p->at, e, "unbalanced quotes or template braces");
    }
    if (!(p->index == 0 && was_quoted)) {
        if (p->alone) {
            buf_char(&w->b, '\n');
        } else if (p->index > 0) {
            buf_char(&w->b, ' ');
        }
    }
    buf_str(&w->b, p->s);
    return true;
}

static bool take_piece(struct splitter *s, const struct piece *p, struct err *e) {
    bool was_quoted = s->quote != 0;
    s->quote = quote_after(p->s, s->quote);
    bool placed = false;
    if (s->quote && !was_quoted && !in_block(s)) {
        start_word(s, p);
        placed = true;
    } else if (in_block(s) || s->quote || was_quoted) {
        if (!rejoin(s, p, was_quoted, e)) {
            return false;
        }
        placed = true;
    }
    bool moved = depth_moves(&s->print, p->s, "{{", "}}");
    moved = depth_moves(&s->block, p->s, "{%", "%}") || moved;
    moved = depth_moves(&s->comment, p->s, "{#", "#}") || moved;
    if (!placed && (moved || (!in_block(s) && !s->quote && p->s.n))) {
        start_word(s, p);
    }
    return true;
}

/// One line: pieces between single spaces. `*joined`: it ended with a backslash that continues the line.
static bool take_line(struct splitter *s, struct str line, size_t line_at, bool *joined, struct err *e) {
    size_t from = 0;
    bool alone = str_find_char(line, 0, ' ') == SIZE_MAX;
    *joined = false;
    for (size_t index = 0; from <= line.n; index++) {
        size_t end = str_find_char(line, from, ' ');
        if (end == SIZE_MAX) {
            end = line.n;
        }
        struct piece p = {.s = str_sub(line, from, end), .at = line_at + from, .index = index, .alone = alone};
        from = end + 1;
        if (p.s.n == 0 && index != 0) {
            struct word *w = last_word(s);
            if (!w) {
                return unreadable(s, p.at, e, "arguments must not start with more than one space");
            }
            buf_char(&w->b, ' ');
            continue;
        }
        if (str_eqz(p.s, "\\") && !s->quote) {
            *joined = true;
            continue;
        }
        if (!take_piece(s, &p, e)) {
            return false;
        }
    }
    return true;
}

static bool split_words(struct splitter *s, struct err *e) {
    size_t from = 0;
    while (from <= s->text.n) {
        size_t end = str_find_char(s->text, from, '\n');
        bool last = end == SIZE_MAX;
        if (last) {
            end = s->text.n;
        }
        bool joined;
        if (!take_line(s, str_sub(s->text, from, end), from, &joined, e)) {
            return false;
        }
        if (!last && !joined) {
            struct word *w = last_word(s);
            if (!w) {
                return unreadable(s, from, e, "arguments must not start with an empty line");
            }
            buf_char(&w->b, '\n');
        }
        from = end + 1;
    }
    if (in_block(s) || s->quote) {
        struct word *w = last_word(s);
        return unreadable(s, w ? w->at : 0, e, "unbalanced quotes or template braces");
    }
    return true;
}

bool kv_split(struct arena *a, struct str text, struct mark at, struct kv_words *out, struct err *e) {
    struct splitter s = {.a = a, .text = text.s ? text : STR_LIT(""), .at = at};
    if (!split_words(&s, e)) {
        return false;
    }
    *out = (struct kv_words){0};
    for (size_t i = 0; i < s.words.n; i++) {
        struct kv_word w = {.s = buf_view(&s.words.p[i].b), .at = s.words.p[i].at};
        VEC_PUSH(a, *out, w);
    }
    return true;
}

// -- escapes ---------------------------------------------------------------------------------------------------------
static bool hex_digits(struct str s, size_t from, size_t n, uint32_t *cp) {
    if (from + n > s.n) {
        return false;
    }
    uint32_t v = 0;
    for (size_t i = from; i < from + n; i++) {
        char c = s.s[i];
        uint32_t d;
        if (c >= '0' && c <= '9') {
            d = (uint32_t)(c - '0');
        } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
            d = (uint32_t)((c | 0x20) - 'a') + 10;
        } else {
            return false;
        }
        v = v << 4 | d;
    }
    *cp = v;
    return true;
}

/// The length of the numeric escape at s[i] (a backslash), 0 when it is none.
static size_t numeric_escape(struct str s, size_t i, uint32_t *cp) {
    char c = s.s[i + 1];
    size_t digits = c == 'U' ? 8 : c == 'u' ? 4 : c == 'x' ? 2 : 0;
    return digits && hex_digits(s, i + 2, digits, cp) ? digits + 2 : 0;
}

static bool named_escape(struct str s, size_t i) {
    if (s.s[i + 1] != 'N' || i + 3 >= s.n || s.s[i + 2] != '{') {
        return false;
    }
    size_t end = str_find_char(s, i + 3, '}');
    return end != SIZE_MAX && end > i + 3;
}

static bool decode(struct arena *a, const struct kv_word *w, struct mark at, struct str *out, struct err *e) {
    static const char letters[] = "\\'\"abfnrtv";
    static const char values[] = "\\'\"\a\b\f\n\r\t\v";
    if (str_find_char(w->s, 0, '\\') == SIZE_MAX) {
        *out = w->s;
        return true;
    }
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < w->s.n;) {
        char c = w->s.s[i];
        uint32_t cp = 0;
        if (c != '\\' || i + 1 >= w->s.n) {
            buf_char(&b, c);
            i++;
            continue;
        }
        const char *known = memchr(letters, w->s.s[i + 1], sizeof letters - 1);
        size_t len = numeric_escape(w->s, i, &cp);
        if (len) {
            if (cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF)) {
                return err_set(e, ERR_SYNTAX, at, "the escape '%.*s' is no character", (int)len, w->s.s + i);
            }
            char u[4];
            buf_add(&b, u, utf8_put(cp, u));
            i += len;
        } else if (known) {
            buf_char(&b, values[known - letters]);
            i += 2;
        } else if (named_escape(w->s, i)) {
            err_set(e, ERR_SYNTAX, at, "character names (\\N{...}) are not supported in arguments");
            return err_hint(e, "write the character itself or \\uXXXX");
        } else {
            buf_char(&b, c);
            i++;
        }
    }
    *out = buf_view(&b);
    return true;
}

// -- k=v -------------------------------------------------------------------------------------------------------------
static bool py_space(uint32_t c) {
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

struct str kv_strip(struct str s) {
    size_t from = 0;
    for (size_t i = 0; i < s.n; from = i) {
        if (!py_space(utf8_next(s, &i))) {
            break;
        }
    }
    size_t to = from;
    for (size_t i = from; i < s.n;) {
        if (!py_space(utf8_next(s, &i))) {
            to = i;
        }
    }
    return str_sub(s, from, to);
}

struct str kv_unquote(struct str s) {
    if (s.n > 1 && s.s[0] == s.s[s.n - 1] && (s.s[0] == '"' || s.s[0] == '\'') && s.s[s.n - 2] != '\\') {
        return str_sub(s, 1, s.n - 1);
    }
    return s;
}

/// The first `=` behind the first byte that no backslash stands before; SIZE_MAX: none.
static size_t equals_sign(struct str s) {
    size_t pos = str_find_char(s, 1, '=');
    while (pos != SIZE_MAX && s.s[pos - 1] == '\\') {
        pos = str_find_char(s, pos + 1, '=');
    }
    return pos;
}

static bool command_option(struct str k) {
    static const char *const names[] = {"creates", "removes",           "chdir",           "executable", "warn",
                                        "stdin",   "stdin_add_newline", "strip_empty_ends"};
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (str_eqz(k, names[i])) {
            return true;
        }
    }
    return false;
}

static void add_raw(struct buf *raw, struct str s) {
    if (raw->n && raw->p[raw->n - 1] != '\n') {
        buf_char(raw, ' ');
    }
    buf_str(raw, s);
}

static struct str plain_equals(struct arena *a, struct str s) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] == '\\' && i + 1 < s.n && s.s[i + 1] == '=') {
            i++;
        }
        buf_char(&b, s.s[i]);
    }
    return buf_view(&b);
}

bool kv_parse(struct arena *a, struct str text, struct mark at, bool free_form, struct val *out, struct err *e) {
    struct kv_words words = {0};
    if (!kv_split(a, text, at, &words, e)) {
        return false;
    }
    struct val args = val_at(val_dict(a, words.n), at);
    struct buf raw = BUF_IN(a);
    bool any_raw = false;
    for (size_t i = 0; i < words.n; i++) {
        const struct kv_word *w = &words.p[i];
        struct mark here = mark_inside(at, text, w->at);
        struct str x = STR_LIT("");
        if (!decode(a, w, here, &x, e)) {
            return false;
        }
        size_t pos = equals_sign(x);
        if (pos == SIZE_MAX || (free_form && !command_option(str_sub(x, 0, pos)))) {
            bool escaped = pos == SIZE_MAX && str_find_char(x, 0, '=') != SIZE_MAX;
            add_raw(&raw, escaped ? plain_equals(a, x) : w->s);
            any_raw = true;
            continue;
        }
        struct val key = val_at(val_str(a, kv_strip(str_sub(x, 0, pos))), here);
        struct val value = val_str(a, kv_unquote(kv_strip(str_sub(x, pos + 1, x.n))));
        here = mark_inside(at, text, w->at + pos + 1);
        val_set_key(a, args, val_flag(key, VAL_TRUSTED), val_at(val_flag(value, VAL_TRUSTED), here));
    }
    if (any_raw) {
        val_set(a, args, "_raw_params", val_at(val_flag(val_str(a, buf_view(&raw)), VAL_TRUSTED), at));
    }
    *out = val_mark_templates(args);
    return true;
}
