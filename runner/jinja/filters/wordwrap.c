// The wordwrap filter: lines cut as Python's textwrap cuts them.
#include "filters/support.h"
#include "filters/text.h"
#include "regex.h"

struct strs {
    struct str *p;
    size_t n, cap;
};
struct wrap {
    struct jcall *c;
    size_t width;
    bool break_long, hyphens;
    struct regex *re;
    struct strs chunks;
    struct buf out;
    size_t lines;
    struct str sep;
};

#define WORD_PUNCT "[\\w!\"'&.,?]"
#define LETTER     "[^\\d\\W]"
#define SPACE      "[\\t\\n\\x0b\\x0c\\r ]"
#define NO_SPACE   "[^\\t\\n\\x0b\\x0c\\r ]"

static const char hyphen_re[] =
    "(?:" SPACE "+|(?<=" WORD_PUNCT ")-{2,}(?=\\w)|" NO_SPACE "+?(?:-(?:(?<=" LETTER LETTER "-)|(?<=" LETTER "-" LETTER
    "-))(?=" LETTER "-?" LETTER ")|(?=" SPACE "|\\Z)|(?<=" WORD_PUNCT ")(?=-{2,}\\w)))";
static const char simple_re[] = SPACE "+";

static void push(struct wrap *w, struct strs *v, struct str s) {
    VEC_PUSH(w->c->a, *v, s);
}

static bool cut_chunks(struct wrap *w, struct str line, struct err *e) {
    w->chunks.n = 0;
    size_t done = 0, pos = 0;
    while (pos < line.n) {
        struct regex_match m;
        int hit = regex_exec(w->re, line, pos, REGEX_SEARCH, w->c->a, &m, e);
        if (hit < 0) {
            return false;
        }
        if (!hit) {
            break;
        }
        if (m.from[0] > done) {
            push(w, &w->chunks, str_sub(line, done, m.from[0]));
        }
        if (m.to[0] > m.from[0]) {
            push(w, &w->chunks, str_sub(line, m.from[0], m.to[0]));
        }
        done = m.to[0];
        pos = m.to[0] > pos ? m.to[0] : pos + 1;
    }
    if (done < line.n) {
        push(w, &w->chunks, str_sub(line, done, line.n));
    }
    return true;
}

static bool blank(struct str s) {
    return text_strip(s, STR_NONE, STRIP_BOTH).n == 0;
}

/// Where a chunk too long for a line is cut: `room` code points, or behind a hyphen before that.
static size_t long_cut(const struct wrap *w, struct str chunk, size_t room) {
    size_t end = text_offset(chunk, room);
    if (!w->hyphens) {
        return end;
    }
    size_t hyphen = end;
    while (hyphen > 0 && chunk.s[hyphen - 1] != '-') {
        hyphen--;
    }
    bool other = false;
    for (size_t i = 0; hyphen > 1 && i < hyphen - 1; i++) {
        other = other || chunk.s[i] != '-';
    }
    return hyphen > 1 && other ? hyphen : end;
}

static void put_line(struct wrap *w, const struct str *parts, size_t n) {
    if (n && blank(parts[n - 1])) {
        n--;
    }
    if (!n) {
        return;
    }
    if (w->lines++) {
        buf_str(&w->out, w->sep);
    }
    for (size_t i = 0; i < n; i++) {
        buf_str(&w->out, parts[i]);
    }
}

static void wrap_chunks(struct wrap *w) {
    struct strs cur = {0};
    w->lines = 0;
    for (size_t i = 0; i < w->chunks.n;) {
        cur.n = 0;
        size_t len = 0;
        if (w->lines && blank(w->chunks.p[i])) {
            i++;
        }
        for (; i < w->chunks.n; i++) {
            size_t l = utf8_len(w->chunks.p[i]);
            if (len + l > w->width) {
                break;
            }
            push(w, &cur, w->chunks.p[i]);
            len += l;
        }
        if (i < w->chunks.n && utf8_len(w->chunks.p[i]) > w->width) {
            struct str *chunk = &w->chunks.p[i];
            if (w->break_long) {
                size_t cut = long_cut(w, *chunk, w->width - len);
                push(w, &cur, str_sub(*chunk, 0, cut));
                *chunk = str_sub(*chunk, cut, chunk->n);
            } else if (!cur.n) {
                push(w, &cur, *chunk);
                i++;
            }
        }
        put_line(w, cur.p, cur.n);
    }
}

static bool f_wordwrap(struct jcall *c, struct val *out, struct err *e) {
    struct wrap w = {.c = c, .out = {.a = c->a, .max = TEXT_CAP}};
    int64_t width = 79;
    struct str newline = str_from(c->ctx->opts->newline ? c->ctx->opts->newline : "\n");
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "s", "a string", c->args[0]);
    }
    if (val_text(c->args[0]).n == 0) {  // without a line nobody looks at the width
        *out = c->args[0];
        return true;
    }
    if (!arg_int(c, 1, 79, &width, e) || !arg_bool(c, 2, true, &w.break_long, e) ||
        !opt_str(c, 3, "wrapstring", newline, &w.sep, e) || !arg_bool(c, 4, true, &w.hyphens, e)) {
        return false;
    }
    w.width = (size_t)width;
    w.re = jinja_regex(c, str_from(w.hyphens ? hyphen_re : simple_re), 0, e);
    if (!w.re) {
        return false;
    }
    struct str rest = val_text(c->args[0]), line;
    for (size_t n = 0; text_line(&rest, &line); n++) {
        if (width <= 0) {
            return plug_err(c, e, ERR_ARGS, "'width' must be more than 0, not %lld", (long long)width);
        }
        if (n) {
            buf_str(&w.out, w.sep);
        }
        if (!cut_chunks(&w, line, e)) {
            return false;
        }
        wrap_chunks(&w);
    }
    if (w.out.full) {
        return plug_err(c, e, ERR_LIMIT, "the result is longer than %zu bytes", TEXT_CAP);
    }
    *out = val_str(c->a, buf_view(&w.out));
    return true;
}
FILTER(wordwrap) = {.doc = "Wrap lines at a width.",
                    .params = "s, width=79, break_long_words=True, wrapstring=None, break_on_hyphens=True",
                    .fn = f_wordwrap,
                    .example = "'aa bb' | wordwrap(2) == 'aa\\nbb'"};
