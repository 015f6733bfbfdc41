// Filters that make HTML: escape, safe, striptags, urlize, xmlattr.
#include "ast.h"
#include "filters/entities.h"
#include "filters/support.h"
#include "filters/text.h"
#include "markup.h"
#include "regex.h"

static struct val markup(struct jcall *c, struct str s) {
    return val_flag(val_str(c->a, s), VAL_MARKUP);
}

static bool f_forceescape(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    struct buf b = BUF_IN(c->a);
    html_escape(&b, text_of(c, c->args[0]));
    *out = markup(c, buf_view(&b));
    return true;
}
FILTER(forceescape) = {.doc = "Escape for HTML, again if need be.",
                       .params = "value",
                       .fn = f_forceescape,
                       .example = "'<a>' | forceescape == '&lt;a&gt;'"};

static bool f_escape(struct jcall *c, struct val *out, struct err *e) {
    if (c->args[0].kind == VAL_STR && (c->args[0].flags & VAL_MARKUP)) {
        *out = c->args[0];
        return true;
    }
    return f_forceescape(c, out, e);
}
FILTER(escape) = {.doc = "Escape for HTML.",
                  .params = "value",
                  .fn = f_escape,
                  .aliases = "e",
                  .example = "'<a>' | escape == '&lt;a&gt;'"};

static bool f_safe(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    *out = markup(c, text_of(c, c->args[0]));
    return true;
}
FILTER(safe) = {
    .doc = "Mark text as HTML already.", .params = "value", .fn = f_safe, .example = "'<a>' | safe == '<a>'"};

// -- striptags -------------------------------------------------------------------------------------------------------

/// Copies `s` without what stands between `open` and `close`; the rest of an unclosed one stays.
static struct str without(struct arena *a, struct str s, const char *open, const char *close) {
    struct buf b = BUF_IN(a);
    struct str o = str_from(open), cl = str_from(close);
    size_t pos = 0;
    for (;;) {
        size_t start = str_find(s, pos, o);
        size_t end = start == SIZE_MAX ? SIZE_MAX : str_find(s, start, cl);
        if (end == SIZE_MAX) {
            break;
        }
        buf_add(&b, s.s + pos, start - pos);
        pos = end + cl.n;
    }
    buf_add(&b, s.s + pos, s.n - pos);
    return buf_view(&b);
}

static bool put_cp(struct buf *b, uint32_t cp) {
    char u[4];
    if (cp == 0 || cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000)) {
        cp = 0xFFFD;
    }
    buf_add(b, u, utf8_put(cp, u));
    return true;
}

/// A numeric reference whose digits start at s[i]; advances *i behind it.
static bool numeric(struct buf *b, struct str s, size_t *i) {
    size_t k = *i;
    bool hex = k < s.n && (s.s[k] == 'x' || s.s[k] == 'X');
    k += hex;
    uint32_t cp = 0;
    size_t digits = 0;
    for (; k < s.n; k++, digits++) {
        char ch = s.s[k];
        uint32_t d = 99;
        if (ch >= '0' && ch <= '9') {
            d = (uint32_t)(ch - '0');
        } else if (hex && ((ch | 32) >= 'a' && (ch | 32) <= 'f')) {
            d = (uint32_t)((ch | 32) - 'a' + 10);
        }
        if (d == 99) {
            break;
        }
        cp = cp > 0x110000 ? cp : cp * (hex ? 16 : 10) + d;
    }
    if (!digits) {
        return false;
    }
    *i = k + (k < s.n && s.s[k] == ';');
    return put_cp(b, cp);
}

static bool entity(struct buf *b, struct str s, size_t *i) {
    if (*i < s.n && s.s[*i] == '#') {
        (*i)++;
        if (numeric(b, s, i)) {
            return true;
        }
        (*i)--;
        return false;
    }
    size_t end = str_find_char(s, *i, ';');
    if (end == SIZE_MAX) {
        return false;
    }
    struct str name = str_sub(s, *i, end);
    for (size_t k = 0; k < COUNTOF(html_entities); k++) {
        if (str_eqz(name, html_entities[k].name)) {
            *i = end + 1;
            return put_cp(b, html_entities[k].cp);
        }
    }
    if (str_eqz(name, "apos")) {
        *i = end + 1;
        return put_cp(b, '\'');
    }
    return false;
}

static bool f_striptags(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    struct str s = without(c->a, without(c->a, text_of(c, c->args[0]), "<!--", "-->"), "<", ">");
    struct buf flat = BUF_IN(c->a), b = BUF_IN(c->a);
    struct str word;
    while (text_word(&s, &word)) {
        if (flat.n) {
            buf_char(&flat, ' ');
        }
        buf_str(&flat, word);
    }
    struct str t = buf_view(&flat);
    for (size_t i = 0; i < t.n;) {
        char ch = t.s[i++];
        if (ch != '&' || !entity(&b, t, &i)) {
            buf_char(&b, ch);
        }
    }
    *out = val_str(c->a, buf_view(&b));
    return true;
}
FILTER(striptags) = {.doc = "Text without tags, white space collapsed.",
                     .params = "value",
                     .fn = f_striptags,
                     .example = "'<b>bold</b>' | striptags == 'bold'"};

// -- xmlattr ---------------------------------------------------------------------------------------------------------

static bool f_xmlattr(struct jcall *c, struct val *out, struct err *e) {
    bool space = true;
    if (is_undef(c->args[0])) {
        return undef_fail(c->ctx, c->args[0], c->at, e);
    }
    if (c->args[0].kind != VAL_DICT) {
        return bad_arg(c, e, "d", "a dictionary", c->args[0]);
    }
    if (!arg_bool(c, 1, true, &space, e)) {
        return false;
    }
    struct buf b = BUF_IN(c->a);
    size_t i = 0;
    const struct vpair *p;
    while ((p = val_each(c->args[0], &i)) != NULL) {
        if (p->value.kind == VAL_NULL || is_undef(p->value)) {
            continue;
        }
        if (p->key.kind != VAL_STR) {
            return bad_arg(c, e, "attribute name", "a string", p->key);
        }
        struct str k = val_text(p->key);
        for (size_t n = 0; n < k.n; n++) {
            if (strchr(" \t\n\r\f\v/>=", k.s[n]) && k.s[n]) {
                return plug_err(c, e, ERR_ARGS, "invalid character in attribute name '%.*s'", STR(k));
            }
        }
        if (space || b.n) {
            buf_char(&b, ' ');
        }
        html_escape(&b, k);
        buf_z(&b, "=\"");
        if (p->value.kind == VAL_STR && (p->value.flags & VAL_MARKUP)) {
            buf_str(&b, val_text(p->value));
        } else {
            html_escape(&b, text_of(c, p->value));
        }
        buf_char(&b, '"');
    }
    *out = markup_set(val_str(c->a, buf_view(&b)), c->ctx->state.autoescape);
    return true;
}
FILTER(xmlattr) = {.doc = "A dictionary as XML attributes.",
                   .params = "d, autospace=True",
                   .fn = f_xmlattr,
                   .example = "{'class': 'x'} | xmlattr == ' class=\"x\"'"};

// -- urlize ----------------------------------------------------------------------------------------------------------

struct urlize {
    struct jcall *c;
    int64_t limit;  // -1: none
    struct str rel, target;
    struct val schemes;
    struct regex *http, *email, *head, *tail;
    struct buf out;
};

static const char http_re[] = "^((https?://|www\\.)(([\\w%-]+\\.)+)?([a-z]{2,63}|xn--[\\w%]{2,59})|([\\w%-]{2,63}\\.)+"
                              "(com|net|int|edu|gov|org|info|mil)|(https?://)((([\\d]{1,3})(\\.[\\d]{1,3}){3})|"
                              "(\\[([\\da-f]{0,4}:){2}([\\da-f]{0,4}:?){1,6}\\])))(?::[\\d]{1,5})?(?:[/?#]\\S*)?$";

static void put_trimmed(struct urlize *u, struct str s) {
    if (u->limit >= 0 && utf8_len(s) > (size_t)u->limit) {
        buf_str(&u->out, str_sub(s, 0, text_offset(s, (size_t)u->limit)));
        buf_z(&u->out, "...");
        return;
    }
    buf_str(&u->out, s);
}

static void put_link(struct urlize *u, const char *prefix, struct str url, bool trim) {
    buf_z(&u->out, "<a href=\"");
    buf_z(&u->out, prefix);
    buf_str(&u->out, url);
    buf_char(&u->out, '"');
    buf_str(&u->out, u->rel);
    buf_str(&u->out, u->target);
    buf_char(&u->out, '>');
    if (trim) {
        put_trimmed(u, url);
    } else {
        buf_str(&u->out, url);
    }
    buf_z(&u->out, "</a>");
}

static void put_mail(struct urlize *u, const char *prefix, struct str href, struct str shown) {
    buf_z(&u->out, "<a href=\"");
    buf_z(&u->out, prefix);
    buf_str(&u->out, href);
    buf_z(&u->out, "\">");
    buf_str(&u->out, shown);
    buf_z(&u->out, "</a>");
}

static int matches(struct urlize *u, struct regex *r, struct str s, enum regex_how how, struct regex_match *m,
                   struct err *e) {
    return regex_exec(r, s, 0, how, u->c->a, m, e);
}

static bool put_middle(struct urlize *u, struct str mid, struct err *e) {
    int http = matches(u, u->http, mid, REGEX_MATCH, NULL, e);
    int mail = 0, mailto = 0;
    if (http == 0 && str_starts(mid, "mailto:")) {
        mailto = matches(u, u->email, str_sub(mid, 7, mid.n), REGEX_MATCH, NULL, e);
    }
    if (http == 0 && mailto == 0 && str_find_char(mid, 0, '@') != SIZE_MAX && !str_starts(mid, "www.") &&
        str_find_char(mid, 0, ':') == SIZE_MAX) {
        mail = matches(u, u->email, mid, REGEX_MATCH, NULL, e);
    }
    if (http < 0 || mail < 0 || mailto < 0) {
        return false;
    }
    if (http) {
        bool full = str_starts(mid, "https://") || str_starts(mid, "http://");
        put_link(u, full ? "" : "https://", mid, true);
        return true;
    }
    if (mailto) {
        put_mail(u, "", mid, str_sub(mid, 7, mid.n));
        return true;
    }
    if (mail) {
        put_mail(u, "mailto:", mid, mid);
        return true;
    }
    for (size_t i = 0; i < val_len(u->schemes); i++) {
        struct str s = val_text(val_at_index(u->schemes, i));
        if (s.n < mid.n && str_eq(str_sub(mid, 0, s.n), s)) {
            put_link(u, "", mid, false);
            return true;
        }
    }
    buf_str(&u->out, mid);
    return true;
}

static size_t count_of(struct str s, struct str what) {
    size_t n = 0;
    for (size_t pos = 0; (pos = str_find(s, pos, what)) != SIZE_MAX; pos += what.n) {
        n++;
    }
    return n;
}

/// Gives closing brackets that belong to the URL back to it.
static void balance(struct str *mid, struct str *tail) {
    static const char *const pairs[][2] = {{"(", ")"}, {"<", ">"}, {"&lt;", "&gt;"}};
    for (size_t i = 0; i < COUNTOF(pairs); i++) {
        struct str open = str_from(pairs[i][0]), close = str_from(pairs[i][1]);
        size_t starts = count_of(*mid, open), in_tail = count_of(*tail, close);
        if (starts <= count_of(*mid, close)) {
            continue;
        }
        for (size_t n = starts < in_tail ? starts : in_tail; n; n--) {
            size_t end = str_find(*tail, 0, close) + close.n;
            mid->n += end;
            *tail = str_sub(*tail, end, tail->n);
        }
    }
}

static bool put_word(struct urlize *u, struct str word, struct err *e) {
    struct regex_match m;
    struct str mid = word, tail = str_sub(word, word.n, word.n);
    int hit = matches(u, u->head, word, REGEX_MATCH, &m, e);
    if (hit < 0) {
        return false;
    }
    if (hit) {
        buf_str(&u->out, str_sub(word, 0, m.to[0]));
        mid = str_sub(word, m.to[0], word.n);
    }
    hit = matches(u, u->tail, mid, REGEX_SEARCH, &m, e);
    if (hit < 0) {
        return false;
    }
    if (hit) {
        tail = str_sub(mid, m.from[0], mid.n);
        mid = str_sub(mid, 0, m.from[0]);
    }
    balance(&mid, &tail);
    if (!put_middle(u, mid, e)) {
        return false;
    }
    buf_str(&u->out, tail);
    return true;
}

/// The rel attribute: the given words and what the policy adds, sorted, each once.
static struct str rel_attr(struct jcall *c, struct str rel, bool nofollow) {
    struct str words[64];
    size_t n = 0;
    struct str w;
    while (n < COUNTOF(words) - 2 && text_word(&rel, &w)) {
        words[n++] = w;
    }
    words[n++] = STR_LIT("noopener");
    if (nofollow) {
        words[n++] = STR_LIT("nofollow");
    }
    struct buf b = BUF_IN(c->a);
    buf_z(&b, " rel=\"");
    struct str last = STR_NONE;
    for (;;) {
        struct str best = STR_NONE;
        for (size_t i = 0; i < n; i++) {
            if ((!last.s || str_cmp(words[i], last) > 0) && (!best.s || str_cmp(words[i], best) < 0)) {
                best = words[i];
            }
        }
        if (!best.s) {
            break;
        }
        if (last.s) {
            buf_char(&b, ' ');
        }
        html_escape(&b, best);
        last = best;
    }
    buf_char(&b, '"');
    return buf_view(&b);
}

static bool urlize_args(struct urlize *u, struct err *e) {
    struct jcall *c = u->c;
    bool nofollow = false;
    struct str rel, target;
    u->limit = -1;
    if ((!opt_none(c, 1) && !arg_int(c, 1, -1, &u->limit, e)) || !arg_bool(c, 2, false, &nofollow, e) ||
        !opt_str(c, 3, "target", STR_NONE, &target, e) || !opt_str(c, 4, "rel", STR_LIT(""), &rel, e)) {
        return false;
    }
    u->rel = rel_attr(c, rel, nofollow);
    if (target.n) {
        struct buf b = BUF_IN(c->a);
        buf_z(&b, " target=\"");
        html_escape(&b, target);
        buf_char(&b, '"');
        u->target = buf_view(&b);
    }
    u->schemes = val_list(c->a, 0);
    if (!opt_none(c, 5) && !jinja_iter(c, c->args[5], &u->schemes, e)) {
        return false;
    }
    struct regex *ok = jinja_regex(c, STR_LIT("([\\w.+-]{2,}:(/){0,2})"), 0, e);
    for (size_t i = 0; ok && i < val_len(u->schemes); i++) {
        struct val s = val_at_index(u->schemes, i);
        int hit = s.kind == VAL_STR ? matches(u, ok, val_text(s), REGEX_FULLMATCH, NULL, e) : 0;
        if (hit < 0) {
            return false;
        }
        if (!hit) {
            return plug_err(c, e, ERR_ARGS, "'%.*s' is not a URI scheme prefix", STR(text_of(c, s)));
        }
    }
    return ok != NULL;
}

static bool f_urlize(struct jcall *c, struct val *out, struct err *e) {
    struct urlize u = {.c = c, .out = {.a = c->a, .max = TEXT_CAP}};
    if (!urlize_args(&u, e)) {
        return false;
    }
    u.http = jinja_regex(c, str_from(http_re), REGEX_IGNORECASE, e);
    u.email = u.http ? jinja_regex(c, STR_LIT("^\\S+@\\w[\\w.-]*\\.\\w+$"), 0, e) : NULL;
    u.head = u.email ? jinja_regex(c, STR_LIT("^([(<]|&lt;)+"), 0, e) : NULL;
    u.tail = u.head ? jinja_regex(c, STR_LIT("([)>.,\\n]|&gt;)+$"), 0, e) : NULL;
    if (!u.tail) {
        return false;
    }
    struct buf esc = BUF_IN(c->a);
    if (is_markup(c->args[0])) {
        buf_str(&esc, val_text(c->args[0]));
    } else {
        html_escape(&esc, text_of(c, c->args[0]));
    }
    struct str s = buf_view(&esc);
    for (size_t i = 0; i < s.n;) {
        size_t start = i, next = i;
        while (next < s.n && cp_space(utf8_next(s, &next))) {
            i = next;
        }
        buf_add(&u.out, s.s + start, i - start);
        start = next = i;
        while (next < s.n && !cp_space(utf8_next(s, &next))) {
            i = next;
        }
        if (i > start && !put_word(&u, str_sub(s, start, i), e)) {
            return false;
        }
    }
    if (u.out.full) {
        return plug_err(c, e, ERR_LIMIT, "the result is longer than %zu bytes", TEXT_CAP);
    }
    *out = markup_set(val_str(c->a, buf_view(&u.out)), c->ctx->state.autoescape);
    return true;
}
FILTER(urlize) = {.doc = "URLs in text as links.",
                  .params = "value, trim_url_limit=None, nofollow=False, target=None, rel=None, extra_schemes=None",
                  .fn = f_urlize,
                  .example = "('see http://example.com' | urlize) is search('href')"};
