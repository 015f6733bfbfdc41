// Filters on URLs: urlencode, urldecode, urlsplit.
#include "filters/support.h"
#include "filters/text.h"
#include "filters/urlparts.h"

static void quote_to(struct buf *b, struct str s, bool query) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.s[i];
        bool alnum = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        if (alnum || (ch && strchr("_.-~", ch)) || (!query && ch == '/')) {
            buf_char(b, (char)ch);
        } else if (query && ch == ' ') {
            buf_char(b, '+');
        } else {
            buf_printf(b, "%%%02X", ch);
        }
    }
}

static bool quote_pair(struct jcall *c, struct buf *b, struct val k, struct val v, struct err *e) {
    if (!need_defined(c, k, e) || !need_defined(c, v, e)) {
        return false;
    }
    if (b->n) {
        buf_char(b, '&');
    }
    quote_to(b, text_of(c, k), true);
    buf_char(b, '=');
    quote_to(b, text_of(c, v), true);
    return true;
}

static bool quote_pairs(struct jcall *c, struct buf *b, struct val list, struct err *e) {
    for (size_t i = 0; i < val_len(list); i++) {
        struct val pair;
        if (!jinja_iter(c, val_at_index(list, i), &pair, e)) {
            return false;
        }
        if (val_len(pair) != 2) {
            return plug_err(c, e, ERR_TYPE, "expected pairs of key and value, found %zu items", val_len(pair));
        }
        if (!quote_pair(c, b, val_at_index(pair, 0), val_at_index(pair, 1), e)) {
            return false;
        }
    }
    return true;
}

static bool f_urlencode(struct jcall *c, struct val *out, struct err *e) {
    struct val v = c->args[0];
    struct buf b = BUF_IN(c->a);
    if (v.kind == VAL_DICT) {
        size_t i = 0;
        const struct vpair *p;
        while ((p = val_each(v, &i)) != NULL) {
            if (!quote_pair(c, &b, p->key, p->value, e)) {
                return false;
            }
        }
    } else if (val_is_seq(v)) {
        if (!quote_pairs(c, &b, v, e)) {
            return false;
        }
    } else {
        quote_to(&b, text_of(c, v), false);
    }
    *out = val_str(c->a, buf_view(&b));
    return true;
}
FILTER(urlencode) = {
    .doc = "Quote for a URL.", .params = "value", .fn = f_urlencode, .example = "'a b' | urlencode == 'a%20b'"};

static int hex_digit(char ch) {
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }
    ch = (char)(ch | 32);
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

static bool f_urldecode(struct jcall *c, struct val *out, struct err *e) {
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "string", "a string", c->args[0]);
    }
    struct str s = val_text(c->args[0]);
    struct buf b = BUF_IN(c->a);
    for (size_t i = 0; i < s.n; i++) {
        int hi = s.s[i] == '%' && i + 2 < s.n ? hex_digit(s.s[i + 1]) : -1;
        int lo = hi >= 0 ? hex_digit(s.s[i + 2]) : -1;
        if (lo >= 0) {
            buf_char(&b, (char)(hi * 16 + lo));
            i += 2;
        } else {
            char ch = s.s[i];
            buf_char(&b, (char)(ch == '+' ? ' ' : ch));
        }
    }
    struct str raw = buf_view(&b);
    if (!utf8_valid(raw)) {  // as errors='replace'
        struct buf fixed = BUF_IN(c->a);
        for (size_t i = 0; i < raw.n;) {
            char u[4];
            uint32_t cp = utf8_next(raw, &i);
            buf_add(&fixed, u, utf8_put(cp >= 0xDC80 && cp <= 0xDCFF ? 0xFFFD : cp, u));
        }
        raw = buf_view(&fixed);
    }
    *out = val_str(c->a, raw);
    return true;
}
FILTER(urldecode) = {
    .doc = "Undo URL quoting.", .params = "string", .fn = f_urldecode, .example = "'a%20b' | urldecode == 'a b'"};

static struct val or_none(struct jcall *c, struct str s) {
    return s.s ? val_str(c->a, s) : VNULL;
}

static bool f_urlsplit(struct jcall *c, struct val *out, struct err *e) {
    struct str query;
    struct urlparts p;
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "value", "a string", c->args[0]);
    }
    if (!opt_str(c, 1, "query", STR_LIT(""), &query, e)) {
        return false;
    }
    const char *why = NULL;
    if (!urlparts_split(c->a, val_text(c->args[0]), &p, &why)) {
        return plug_err(c, e, ERR_ARGS, "%s", why);
    }
    int64_t port = 0;
    if (p.port.s && (!str_int(p.port, &port) || port < 0 || port > 65535)) {
        return plug_err(c, e, ERR_ARGS, "the port is not a number from 0 to 65535");
    }
    struct val d = val_dict(c->a, 16);
    val_set(c->a, d, "fragment", val_str(c->a, p.fragment));
    val_set(c->a, d, "hostname", or_none(c, p.hostname));
    val_set(c->a, d, "netloc", val_str(c->a, p.netloc));
    val_set(c->a, d, "password", or_none(c, p.password));
    val_set(c->a, d, "path", val_str(c->a, p.path));
    val_set(c->a, d, "port", p.port.s ? val_int(port) : VNULL);
    val_set(c->a, d, "query", val_str(c->a, p.query));
    val_set(c->a, d, "scheme", val_str(c->a, p.scheme));
    val_set(c->a, d, "username", or_none(c, p.username));
    if (!query.n) {
        *out = d;
        return true;
    }
    *out = val_get_str(d, query);
    return !is_undef(*out) || plug_err(c, e, ERR_ARGS, "unknown URL component '%.*s'", STR(query));
}
FILTER(urlsplit) = {.doc = "The parts of a URL.",
                    .params = "value, query=''",
                    .fn = f_urlsplit,
                    .example = "'http://h:80/p' | urlsplit('hostname') == 'h'"};
