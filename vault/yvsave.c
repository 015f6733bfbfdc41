// Puts edited values back into a YAML text: the counterpart of yv_show.
#include "yamlvault.h"

enum { FRESH_INDENT = 10, LEAK_MIN = 4 };
#define TAG "!decrypted"

struct hider {
    struct yv_save *s;
    struct str text;
    struct arena *a;
    struct buf *out;
    struct err *e;
    bool *seen;  // [old->n]
    size_t at;   // start of the current line
    uint32_t line;
};
// One `!decrypted` value as found in the edited text.
struct found {
    size_t number;  // 0: new
    int outer;
    struct str plain;
    size_t next;  // where the text goes on
    struct str tail;
};

static bool bad(struct hider *h, const char *what) {
    return err_set(h->e, ERR_SYNTAX, NO_MARK, "line %u: %s", h->line, what);
}

static size_t end_of_line(struct str t, size_t at) {
    size_t end = str_find_char(t, at, '\n');
    return end == SIZE_MAX ? t.n : end;
}

static int indent(struct str line) {
    size_t i = 0;
    while (i < line.n && line.s[i] == ' ') {
        i++;
    }
    return (int)i;
}

// -- scalars ---------------------------------------------------------------------------------------------------------

static int hex_value(char c) {
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

// The escape behind a backslash at s[*i].
static bool escape(struct str s, size_t *i, struct buf *b) {
    static const char from[] = "nt\"\\/r0abefv ";
    static const char to[] = "\n\t\"\\/\r\0\a\b\033\f\v ";
    char c = s.s[(*i)++];
    const char *at = c ? strchr(from, c) : NULL;
    if (at) {
        buf_char(b, to[at - from]);
        return true;
    }
    size_t digits = c == 'x' ? 2 : (c == 'u' ? 4 : (c == 'U' ? 8 : 0));
    uint32_t cp = 0;
    for (size_t k = 0; k < digits; k++) {
        int d = *i < s.n ? hex_value(s.s[(*i)++]) : -1;
        if (d < 0) {
            return false;
        }
        cp = cp << 4 | (uint32_t)d;
    }
    char utf8[4];
    if (digits == 0 || cp > 0x10ffff) {
        return false;
    }
    buf_add(b, utf8, utf8_put(cp, utf8));
    return true;
}

// A quoted scalar that starts at s[0]; *used is its length.
static bool read_quoted(struct hider *h, struct str s, struct str *plain, size_t *used) {
    struct buf b = BUF_IN(h->a);
    char q = s.s[0];
    for (size_t i = 1; i < s.n;) {
        char c = s.s[i++];
        if (c == q && q == '\'' && i < s.n && s.s[i] == q) {
            i++;
        } else if (c == q) {
            *plain = buf_view(&b);
            *used = i;
            return true;
        } else if (c == '\\' && q == '"') {
            if (i == s.n || !escape(s, &i, &b)) {
                return bad(h, "unknown escape in a decrypted value");
            }
            continue;
        }
        buf_char(&b, c);
    }
    return bad(h, "the quote of a decrypted value must end on its line");
}

// The lines of a literal block below the tag.
static bool read_literal(struct hider *h, struct str mode, struct found *f) {
    struct buf b = BUF_IN(h->a);
    int inner = -1;
    size_t blanks = 0;
    if (!str_eqz(mode, "|") && !str_eqz(mode, "|-") && !str_eqz(mode, "|+")) {
        return bad(h, "a decrypted block starts with '|', '|-' or '|+'");
    }
    while (f->next < h->text.n) {
        size_t end = end_of_line(h->text, f->next);
        struct str line = str_sub(h->text, f->next, end);
        bool blank = str_trim(line).n == 0;
        if (!blank && indent(line) <= (inner < 0 ? f->outer : inner - 1)) {
            break;
        }
        inner = inner < 0 && !blank ? indent(line) : inner;
        f->next = end + 1;
        if (blank && (inner < 0 || (int)line.n <= inner)) {
            blanks++;
            continue;
        }
        for (; blanks > 0; blanks--) {
            buf_char(&b, '\n');
        }
        buf_str(&b, str_sub(line, (size_t)inner, line.n));
        buf_char(&b, '\n');
    }
    // Blank lines at the end belong to the layout, unless the block keeps them.
    struct str body = buf_view(&b);
    if (str_eqz(mode, "|-") && body.n > 0) {
        body.n--;
    }
    f->plain = body;
    if (str_eqz(mode, "|+")) {
        for (; blanks > 0; blanks--) {
            buf_char(&b, '\n');
        }
        f->plain = buf_view(&b);
    }
    f->tail = STR_NONE;
    for (; blanks > 0; blanks--) {
        f->tail = str_printf(h->a, "%.*s\n", STR(f->tail));
    }
    return true;
}

static bool read_scalar(struct hider *h, struct str rest, size_t line_stop, struct found *f) {
    struct str body = str_trim(rest);
    f->next = line_stop + 1;
    if (str_starts(body, "|") || str_starts(body, ">")) {
        return read_literal(h, body, f);
    }
    if (str_starts(body, "\"") || str_starts(body, "'")) {
        size_t used;
        if (!read_quoted(h, body, &f->plain, &used)) {
            return false;
        }
        f->tail = str_sub(body, used, body.n);
        return f->tail.n == 0 || str_starts(str_trim(f->tail), "#") ||
               bad(h, "expected the end of the line behind the quote of a decrypted value");
    }
    size_t comment = str_find(body, 0, STR_LIT(" #"));
    f->plain = str_rtrim(str_sub(body, 0, comment));
    f->tail = str_sub(body, comment, body.n);
    return true;
}

// -- writing ---------------------------------------------------------------------------------------------------------

static void put_envelope(struct hider *h, struct str envelope, int inner) {
    struct str line;
    buf_z(h->out, "!vault |");
    while (str_next(&envelope, '\n', &line)) {
        if (line.n > 0) {
            buf_printf(h->out, "\n%*s%.*s", inner, "", STR(line));
        }
    }
}

static bool put_value(struct hider *h, const struct found *f) {
    const struct yv_doc *d = h->s->old;
    const struct yv_value *v = f->number > 0 ? &d->p[f->number - 1] : NULL;
    if (v && str_eq(v->plain, f->plain)) {
        h->s->kept++;
        if (v->outer == f->outer) {
            buf_str(h->out, str_sub(d->text, v->start, v->end));
        } else {
            put_envelope(h, v->envelope, f->outer + (v->inner > v->outer ? v->inner - v->outer : 2));
        }
        return true;
    }
    struct str envelope;
    struct vault_seal_opts o = {
        .id = v ? v->id : h->s->id, .label = v ? vault_label(v->envelope, h->a) : NULL, .salt = h->s->salt};
    if (!o.id && vault_ring_len(h->s->ring) > 1) {
        return err_set(h->e, ERR_ARGS, NO_MARK,
                       "line %u: several passwords could encrypt the new value: choose one with --encrypt-vault-id",
                       h->line);
    }
    if (!vault_seal_with(h->s->ring, &o, f->plain, h->a, &envelope, h->e)) {
        return err_wrap(h->e, NO_MARK, "line %u", h->line);
    }
    h->s->fresh++;
    int inner = v ? f->outer + (v->inner > v->outer ? v->inner - v->outer : 2) : FRESH_INDENT;
    put_envelope(h, envelope, inner > f->outer ? inner : f->outer + 2);
    return true;
}

static bool read_number(struct hider *h, struct str line, size_t *i, size_t *number) {
    *number = 0;
    if (*i < line.n && line.s[*i] == ':') {
        size_t from = ++*i;
        int64_t n;
        while (*i < line.n && line.s[*i] >= '0' && line.s[*i] <= '9') {
            ++*i;
        }
        if (!str_int(str_sub(line, from, *i), &n) || n < 1 || (uint64_t)n > h->s->old->n) {
            return bad(h, "no value of the file has this number; a new one is written as '" TAG " text'");
        }
        *number = (size_t)n;
    }
    return *i == line.n || line.s[*i] == ' ' || bad(h, "expected a space behind '" TAG "'");
}

// A line with the tag.
static bool hide_line(struct hider *h, struct str line, size_t tag, size_t stop) {
    struct found f = {.outer = indent(line)};
    struct str before = str_rtrim(str_sub(line, 0, tag));
    bool place = before.n == 0 || str_ends(before, ":") || str_ends(before, "-");
    if (!place || str_starts(str_trim(before), "#")) {
        return bad(h, "'" TAG "' must stand right behind 'key:' or '-', not in a comment or a list in brackets");
    }
    size_t i = tag + strlen(TAG);
    if (!read_number(h, line, &i, &f.number) || !read_scalar(h, str_sub(line, i, line.n), stop, &f)) {
        return false;
    }
    if (f.number > 0) {
        h->seen[f.number - 1] = true;
    }
    buf_str(h->out, str_sub(line, 0, tag));
    if (!put_value(h, &f)) {
        return false;
    }
    bool more = f.next <= h->text.n;
    if (more) {
        buf_char(h->out, '\n');
        buf_str(h->out, str_starts(f.tail, "\n") ? f.tail : STR_NONE);
    }
    for (size_t k = h->at; k < f.next && k < h->text.n; k++) {
        h->line += h->text.s[k] == '\n';
    }
    h->at = f.next;
    return true;
}

// A value that lost its mark but whose text is still there would be saved in the clear.
static bool no_leak(struct hider *h) {
    const struct yv_doc *d = h->s->old;
    struct str out = buf_view(h->out);
    for (size_t i = 0; i < d->n && !h->s->force; i++) {
        const struct yv_value *v = &d->p[i];
        bool was_there = str_find(d->text, 0, v->plain) != SIZE_MAX;
        if (!h->seen[i] && v->plain.n >= LEAK_MIN && !was_there && str_find(out, 0, v->plain) != SIZE_MAX) {
            err_set(h->e, ERR_VAULT, NO_MARK, "the value that was encrypted at line %u would be saved in the clear",
                    v->line);
            return err_hint(h->e, "put '" TAG ":%zu' in front of it, or use --force", i + 1);
        }
    }
    return true;
}

bool yv_hide(struct yv_save *s, struct str shown, struct arena *a, struct str *out, struct err *e) {
    struct buf b = BUF_IN(a);
    struct hider h = {.s = s, .text = shown, .a = a, .out = &b, .e = e, .line = 1};
    h.seen = ARENA_ARRAY(a, bool, s->old->n + 1);
    s->kept = s->fresh = 0;
    while (h.at < shown.n) {
        size_t end = end_of_line(shown, h.at);
        struct str line = str_sub(shown, h.at, end);
        size_t tag = str_find(line, 0, STR_LIT(TAG));
        if (tag != SIZE_MAX) {
            if (!hide_line(&h, line, tag, end)) {
                return false;
            }
            continue;
        }
        buf_str(&b, str_sub(shown, h.at, end + 1));
        h.at = end + 1;
        h.line++;
    }
    *out = buf_view(&b);
    return no_leak(&h);
}

bool yv_reseal(const struct yv_doc *d, struct vault_ring *r, const struct vault_seal_opts *o, struct arena *a,
               struct str *out, struct err *e) {
    struct buf b = BUF_IN(a);
    struct hider h = {.a = a, .out = &b};
    struct vault_seal_opts one = *o;
    struct str *salts = ARENA_ARRAY(a, struct str, d->n + 1);
    size_t at = 0;
    if (o->salt.n == 0 && !vault_salts(r, o->id, d->n, a, salts, e)) {
        return false;
    }
    for (size_t i = 0; i < d->n; i++) {
        const struct yv_value *v = &d->p[i];
        struct str envelope;
        one.salt = o->salt.n > 0 ? o->salt : salts[i];
        if (!vault_seal_with(r, &one, v->plain, a, &envelope, e)) {
            return err_wrap(e, NO_MARK, "line %u", v->line);
        }
        buf_str(&b, str_sub(d->text, at, v->start));
        put_envelope(&h, envelope, v->inner);
        at = v->end;
    }
    buf_str(&b, str_sub(d->text, at, d->text.n));
    *out = buf_view(&b);
    return true;
}
