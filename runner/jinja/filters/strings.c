// Filters on text: case, padding, trimming, replacing, wrapping, formatting, quoting.
#include "ast.h"
#include "filters/support.h"
#include "filters/text.h"
#include "markup.h"
#include "regex.h"

static bool give(struct jcall *c, struct val *out, struct str s) {
    *out = val_str(c->a, s);
    return true;
}

static bool f_upper(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return give(c, out, text_upper(c->a, text_of(c, c->args[0])));
}
FILTER(upper) = {.doc = "Upper case.", .params = "value", .fn = f_upper, .html = true, .example = "'a' | upper == 'A'"};

static bool f_lower(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return give(c, out, text_lower(c->a, text_of(c, c->args[0])));
}
FILTER(lower) = {.doc = "Lower case.", .params = "value", .fn = f_lower, .html = true, .example = "'A' | lower == 'a'"};

static bool f_capitalize(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return give(c, out, text_capitalize(c->a, text_of(c, c->args[0])));
}
FILTER(capitalize) = {.doc = "First letter upper, the others lower case.",
                      .params = "value",
                      .fn = f_capitalize,
                      .html = true,
                      .example = "'aB' | capitalize == 'Ab'"};

static bool f_title(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    return give(c, out, text_title(c->a, text_of(c, c->args[0])));
}
FILTER(title) = {.doc = "Every word with an upper case letter first.",
                 .params = "value",
                 .fn = f_title,
                 .example = "'a b' | title == 'A B'"};

static bool f_center(struct jcall *c, struct val *out, struct err *e) {
    int64_t width = 80;
    if (!arg_int(c, 1, 80, &width, e)) {
        return false;
    }
    struct str s = text_of(c, c->args[0]);
    size_t len = utf8_len(s);
    if (width < 0 || (size_t)width <= len) {
        return give(c, out, s);
    }
    size_t w = (size_t)width;
    if (w > TEXT_CAP) {
        return plug_err(c, e, ERR_LIMIT, "'width' must be at most %zu", TEXT_CAP);
    }
    size_t fill = w - len;
    size_t left = fill / 2 + (fill & w & 1);
    struct buf b = BUF_IN(c->a);
    for (size_t i = 0; i < fill; i++) {
        if (i == left) {
            buf_str(&b, s);
        }
        buf_char(&b, ' ');
    }
    if (left == fill) {
        buf_str(&b, s);
    }
    return give(c, out, buf_view(&b));
}
FILTER(center) = {.doc = "Centre in a field.",
                  .params = "value, width=80",
                  .fn = f_center,
                  .html = true,
                  .example = "'a' | center(3) == ' a '"};

static bool f_trim(struct jcall *c, struct val *out, struct err *e) {
    struct str chars = STR_NONE;
    if (!opt_str(c, 1, "chars", STR_NONE, &chars, e)) {
        return false;
    }
    if (is_markup(c->args[0]) && c->nargs > 1 && val_is(c->args[1], VAL_STR)) {  // Markup escapes them
        chars = val_text(markup_of(c->a, c->args[1]));
    }
    return give(c, out, text_strip(text_of(c, c->args[0]), chars, STRIP_BOTH));
}
FILTER(trim) = {.doc = "Strip white space or the given characters.",
                .params = "value, chars=None",
                .fn = f_trim,
                .html = true,
                .example = "' a ' | trim == 'a'"};

static bool f_replace(struct jcall *c, struct val *out, struct err *e) {
    int64_t count = -1;
    for (size_t i = 1; i < 3; i++) {
        if (!need_defined(c, c->args[i], e)) {
            return false;
        }
    }
    if (!opt_none(c, 3) && !arg_int(c, 3, -1, &count, e)) {
        return false;
    }
    struct val text = c->args[0], old = c->args[1], new = c->args[2];
    bool html = c->ctx->state.autoescape && (is_markup(text) || is_markup(old) || is_markup(new));
    if (html) {
        text = markup_of(c->a, text);
        old = markup_of(c->a, old);
        new = markup_of(c->a, new);
    }
    struct str r = text_replace(c->a, text_of(c, text), text_of(c, old), text_of(c, new), count);
    if (r.n >= TEXT_CAP) {
        return plug_err(c, e, ERR_LIMIT, "the result is longer than %zu bytes", TEXT_CAP);
    }
    *out = markup_set(val_str(c->a, r), html);
    return true;
}
FILTER(replace) = {.doc = "Replace a substring.",
                   .params = "s, old, new, count=None",
                   .fn = f_replace,
                   .example = "'aaa' | replace('a', 'b', 2) == 'bba'"};

static bool f_string(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    *out = val_flag(val_str(c->a, text_of(c, c->args[0])), VAL_SAFE_JSON);
    return true;
}
FILTER(string) = {.doc = "str() of a value; it stays text.",
                  .params = "value",
                  .fn = f_string,
                  .html = true,
                  .example = "1 | string == '1'"};

static bool f_truncate(struct jcall *c, struct val *out, struct err *e) {
    int64_t length = 255, leeway = 5;
    bool kill = false;
    struct str end;
    struct val v = c->args[0];
    bool sized = v.kind == VAL_STR || (val_is_seq(v) && !is_generator(v)) || v.kind == VAL_DICT || v.kind == VAL_UNDEF;
    if (!sized) {
        return bad_arg(c, e, "s", "a string", v);
    }
    if (!arg_int(c, 1, 255, &length, e) || !arg_bool(c, 2, false, &kill, e) ||
        !opt_str(c, 3, "end", STR_LIT("..."), &end, e) || (!opt_none(c, 4) && !arg_int(c, 4, 5, &leeway, e))) {
        return false;
    }
    size_t end_len = utf8_len(end);
    if (length < (int64_t)end_len) {
        return plug_err(c, e, ERR_ARGS, "'length' must be at least %zu, the length of 'end', not %lld", end_len,
                        (long long)length);
    }
    if (leeway < 0) {
        return plug_err(c, e, ERR_ARGS, "'leeway' must not be negative");
    }
    if (v.kind != VAL_STR) {
        *out = v;  // short enough
        return (int64_t)val_len(v) <= length + leeway || bad_arg(c, e, "s", "a string", v);
    }
    struct str s = val_text(v);
    size_t len = utf8_len(s);
    if (leeway > INT64_MAX - length || (int64_t)len <= length + leeway) {
        *out = v;
        return true;
    }
    struct str cut = str_sub(s, 0, text_offset(s, (size_t)length - end_len));
    if (!kill) {
        for (size_t i = cut.n; i > 0; i--) {
            if (cut.s[i - 1] == ' ') {
                cut.n = i - 1;
                break;
            }
        }
    }
    struct str parts[2] = {cut, end};
    return give(c, out, text_join(c->a, STR_LIT(""), parts, 2));
}
FILTER(truncate) = {.doc = "Cut to a length.",
                    .params = "s, length=255, killwords=False, end='...', leeway=None",
                    .fn = f_truncate,
                    .html = true,
                    .example = "'hello world' | truncate(8, true, '...', 0) == 'hello...'"};

static bool f_indent(struct jcall *c, struct val *out, struct err *e) {
    struct val v = c->args[0], w = opt_val(c, 1);
    int64_t width = 4;
    bool first = false, blank = false;
    if (v.kind != VAL_STR) {
        return bad_arg(c, e, "s", "a string", v);
    }
    if (w.kind != VAL_STR && !arg_int(c, 1, 4, &width, e)) {
        return false;
    }
    if (!arg_bool(c, 2, false, &first, e) || !arg_bool(c, 3, false, &blank, e)) {
        return false;
    }
    if (width > 1 << 16) {
        return plug_err(c, e, ERR_LIMIT, "'width' must be at most 65536");
    }
    struct buf pad = BUF_IN(c->a);
    buf_str(&pad, val_text(w));
    for (int64_t i = 0; w.kind != VAL_STR && i < width; i++) {
        buf_char(&pad, ' ');
    }
    struct str ind = buf_view(&pad);
    struct str parts[2] = {val_text(v), STR_LIT("\n")};
    struct str rest = text_join(c->a, STR_LIT(""), parts, 2), line;
    struct buf b = {.a = c->a, .max = TEXT_CAP};
    for (size_t n = 0; text_line(&rest, &line); n++) {
        if (n) {
            buf_char(&b, '\n');
        }
        if (n ? blank || line.n : first) {
            buf_str(&b, ind);
        }
        buf_str(&b, line);
    }
    if (b.full) {
        return plug_err(c, e, ERR_LIMIT, "the result is longer than %zu bytes", TEXT_CAP);
    }
    return give(c, out, buf_view(&b));
}
FILTER(indent) = {.doc = "Indent lines, not the first unless asked.",
                  .params = "s, width=4, first=False, blank=False",
                  .fn = f_indent,
                  .html = true,
                  .example = "'a\\nb' | indent(2) == 'a\\n  b'"};

static bool f_wordcount(struct jcall *c, struct val *out, struct err *e) {
    struct regex *r = jinja_regex(c, STR_LIT("\\w+"), 0, e);
    if (!r) {
        return false;
    }
    struct str s = text_of(c, c->args[0]);
    int64_t n = 0;
    for (size_t pos = 0; pos <= s.n;) {
        struct regex_match m;
        int hit = regex_exec(r, s, pos, REGEX_SEARCH, c->a, &m, e);
        if (hit < 0) {
            return false;
        }
        if (!hit) {
            break;
        }
        n++;
        pos = m.to[0];
    }
    *out = val_int(n);
    return true;
}
FILTER(wordcount) = {.doc = "Number of words.", .params = "s", .fn = f_wordcount, .example = "'a b' | wordcount == 2"};

static bool f_format(struct jcall *c, struct val *out, struct err *e) {
    bool kw = val_is(c->kwargs, VAL_DICT) && val_len(c->kwargs) > 0;
    if (kw && c->nargs > 1) {
        return plug_err(c, e, ERR_ARGS, "positional and keyword values cannot be mixed");
    }
    struct val args = c->kwargs;
    if (!kw) {
        args = val_tuple(c->a, c->nargs);
        for (size_t i = 1; i < c->nargs; i++) {
            val_push(c->a, args, c->args[i]);
        }
    }
    struct str s;
    struct val f = is_markup(c->args[0]) ? c->args[0] : val_str(c->a, text_of(c, c->args[0]));
    if (!fmt_percent(c->ctx, f, args, &s, e)) {
        return err_wrap(e, c->at, "in '%s'", c->name);
    }
    return give(c, out, s);
}
FILTER(format) = {.doc = "printf-style formatting.",
                  .params = "value, *, **",
                  .fn = f_format,
                  .html = true,
                  .example = "'%s-%03d' | format('a', 5) == 'a-005'"};

static bool f_split(struct jcall *c, struct val *out, struct err *e) {
    struct val v = c->args[0];
    struct str sep;
    int64_t max = -1;
    if (v.kind != VAL_STR) {
        return bad_arg(c, e, "value", "a string", v);
    }
    if (!opt_str(c, 1, "sep", STR_NONE, &sep, e) || !arg_int(c, 2, -1, &max, e)) {
        return false;
    }
    if (sep.s && !sep.n) {
        return plug_err(c, e, ERR_ARGS, "the separator must not be empty");
    }
    struct str rest = val_text(v), part;
    *out = val_list(c->a, 8);
    if (!sep.s) {
        while (max != 0 && text_word(&rest, &part)) {
            val_push(c->a, *out, val_str(c->a, part));
            max -= max > 0;
        }
        rest = text_strip(rest, STR_NONE, max == 0 ? STRIP_LEFT : STRIP_BOTH);
        if (rest.n) {
            val_push(c->a, *out, val_str(c->a, rest));
        }
        return true;
    }
    size_t pos = 0;
    for (size_t hit; max != 0 && (hit = str_find(rest, pos, sep)) != SIZE_MAX; max -= max > 0) {
        val_push(c->a, *out, val_str(c->a, str_sub(rest, pos, hit)));
        pos = hit + sep.n;
    }
    val_push(c->a, *out, val_str(c->a, str_sub(rest, pos, rest.n)));
    return true;
}
FILTER(split) = {.doc = "Split text into a list.",
                 .params = "value, sep=None, maxsplit=-1",
                 .fn = f_split,
                 .example = "'a,b' | split(',') == ['a', 'b']"};

static bool f_quote(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    struct val v = c->args[0];
    return give(c, out, text_shell_quote(c->a, v.kind == VAL_NULL ? STR_LIT("") : text_of(c, v)));
}
FILTER(quote) = {
    .doc = "Quote for a POSIX shell.", .params = "value", .fn = f_quote, .example = "'a b' | quote == \"'a b'\""};

// -- comment ---------------------------------------------------------------------------------------------------------

struct comment {
    struct str newline, beginning, prefix, decoration, postfix, end;
    int64_t prefix_count, postfix_count;
};

static const struct {
    const char *name, *beginning, *decoration, *end;
} comment_styles[] = {
    {"plain", "", "# ", ""},        {"erlang", "", "% ", ""},      {"c", "", "// ", ""},
    {"cblock", "/*", " * ", " */"}, {"xml", "<!--", " - ", "-->"},
};

static bool comment_text(struct jcall *c, const char *name, struct str *out, struct err *e) {
    struct val v = opt_kw(c, name);
    if (is_undef(v) && !v.u.undef) {
        return true;
    }
    if (v.kind != VAL_STR) {
        return bad_arg(c, e, name, "a string", v);
    }
    *out = val_text(v);
    return true;
}

static bool comment_count(struct jcall *c, const char *name, int64_t *out, struct err *e) {
    struct val v = opt_kw(c, name);
    *out = 1;
    if (is_undef(v) && !v.u.undef) {
        return true;
    }
    if (!val_as_int(v, out)) {
        return bad_arg(c, e, name, "an integer", v);
    }
    if (*out > 1 << 16) {
        return plug_err(c, e, ERR_LIMIT, "'%s' must be at most 65536", name);
    }
    return true;
}

/// Other keywords do nothing, as in Ansible.
static bool comment_read(struct jcall *c, struct comment *p, struct err *e) {
    struct str style;
    if (!opt_str(c, 1, "style", STR_LIT("plain"), &style, e)) {
        return false;
    }
    size_t i = 0;
    while (i < COUNTOF(comment_styles) && !str_eqz(style, comment_styles[i].name)) {
        i++;
    }
    if (i == COUNTOF(comment_styles)) {
        return plug_err(c, e, ERR_ARGS, "'style' must be one of plain, erlang, c, cblock, xml, not '%.*s'", STR(style));
    }
    p->newline = STR_LIT("\n");
    p->beginning = str_from(comment_styles[i].beginning);
    p->end = str_from(comment_styles[i].end);
    p->decoration = str_from(comment_styles[i].decoration);
    if (!comment_text(c, "decoration", &p->decoration, e)) {
        return false;
    }
    p->prefix = p->postfix = text_strip(p->decoration, STR_NONE, STRIP_RIGHT);
    return comment_text(c, "newline", &p->newline, e) && comment_text(c, "beginning", &p->beginning, e) &&
           comment_text(c, "prefix", &p->prefix, e) && comment_text(c, "postfix", &p->postfix, e) &&
           comment_text(c, "end", &p->end, e) && comment_count(c, "prefix_count", &p->prefix_count, e) &&
           comment_count(c, "postfix_count", &p->postfix_count, e);
}

static struct str two(struct jcall *c, struct str a, struct str b) {
    struct str parts[2] = {a, b};
    return text_join(c->a, STR_LIT(""), parts, 2);
}

static bool f_comment(struct jcall *c, struct val *out, struct err *e) {
    struct comment p;
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "text", "a string", c->args[0]);
    }
    if (!comment_read(c, &p, e)) {
        return false;
    }
    struct buf b = {.a = c->a, .max = TEXT_CAP};
    if (p.beginning.n) {
        buf_str(&b, p.beginning);
        buf_str(&b, p.newline);
    }
    for (int64_t i = 0; p.prefix.n && i < p.prefix_count; i++) {
        if (!str_eq(p.prefix, p.newline)) {
            buf_str(&b, p.prefix);
        }
        buf_str(&b, p.newline);
    }
    struct str nl_deco = two(c, p.newline, p.decoration);
    struct str body = two(c, p.decoration, text_replace(c->a, val_text(c->args[0]), p.newline, nl_deco, -1));
    struct str bare = text_strip(p.decoration, STR_NONE, STRIP_RIGHT);
    buf_str(&b, text_replace(c->a, body, two(c, p.decoration, p.newline), two(c, bare, p.newline), -1));
    for (int64_t i = 0; i < p.postfix_count; i++) {
        buf_str(&b, p.newline);
        buf_str(&b, p.postfix);
    }
    if (p.end.n) {
        buf_str(&b, p.newline);
        buf_str(&b, p.end);
    }
    if (b.full) {
        return plug_err(c, e, ERR_LIMIT, "the comment is longer than %zu bytes", TEXT_CAP);
    }
    return give(c, out, buf_view(&b));
}
FILTER(comment) = {.doc = "Text as a comment.",
                   .params = "text, style='plain', **",
                   .fn = f_comment,
                   .example = "'a' | comment('plain') == '#\\n# a\\n#'"};
