// Tests by regular expression: match, search, regex; and URLs: uri, url, urn.
#include "filters/support.h"
#include "filters/urlparts.h"
#include "regex.h"

static bool run(struct jcall *c, enum regex_how how, bool *out, struct err *e) {
    bool ignorecase = false, multiline = false;
    struct str pattern;
    if (c->nargs > 1 && c->args[1].kind == VAL_NULL) {
        return bad_arg(c, e, "pattern", "a string", c->args[1]);
    }
    if (!opt_str(c, 1, "pattern", STR_LIT(""), &pattern, e) || !arg_bool(c, 2, false, &ignorecase, e) ||
        !arg_bool(c, 3, false, &multiline, e)) {
        return false;
    }
    unsigned flags = (ignorecase ? REGEX_IGNORECASE : 0U) | (multiline ? REGEX_MULTILINE : 0U);
    struct regex *r = jinja_regex(c, pattern, flags, e);
    if (!r) {
        return false;
    }
    int hit = regex_exec(r, text_of(c, c->args[0]), 0, how, c->a, NULL, e);
    *out = hit > 0;
    return hit >= 0 || err_wrap(e, c->at, "in '%s'", c->name);
}

#define MATCH_PARAMS "value, pattern='', ignorecase=False, multiline=False"

static bool t_match(struct jcall *c, bool *out, struct err *e) {
    return run(c, REGEX_MATCH, out, e);
}
JTEST(match) = {.doc = "Begins with what the pattern matches.",
                .params = MATCH_PARAMS,
                .fn = t_match,
                .example = "'foobar' is match('foo')"};

static bool t_search(struct jcall *c, bool *out, struct err *e) {
    return run(c, REGEX_SEARCH, out, e);
}
JTEST(search) = {.doc = "Contains what the pattern matches.",
                 .params = MATCH_PARAMS,
                 .fn = t_search,
                 .example = "'foobar' is search('bar')"};

static bool t_regex(struct jcall *c, bool *out, struct err *e) {
    static const char *const names[] = {"search", "match", "fullmatch"};
    static const enum regex_how how[] = {REGEX_SEARCH, REGEX_MATCH, REGEX_FULLMATCH};
    struct str type;
    if (!opt_str(c, 4, "match_type", STR_LIT("search"), &type, e)) {
        return false;
    }
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (str_eqz(type, names[i])) {
            return run(c, how[i], out, e);
        }
    }
    return plug_err(c, e, ERR_ARGS, "'match_type' must be search, match or fullmatch, not '%.*s'", STR(type));
}
JTEST(regex) = {.doc = "Matches a pattern.",
                .params = MATCH_PARAMS ", match_type='search'",
                .fn = t_regex,
                .example = "'foobar' is regex('o+b', match_type='search')"};

/// *out: `value` is a URI of one of `schemes` (any when none are given).
static bool is_uri(struct jcall *c, struct val schemes, struct urlparts *p, bool *out, struct err *e) {
    const char *why = NULL;
    struct val v = c->args[0];
    *p = (struct urlparts){0};
    *out = v.kind == VAL_NULL || (v.kind == VAL_STR && urlparts_split(c->a, val_text(v), p, &why));
    if (!*out || is_undef(schemes) || !val_truth(schemes)) {
        return true;
    }
    return val_contains(schemes, val_str(c->a, p->scheme.s ? p->scheme : STR_LIT("")), out, e) ||
           err_wrap(e, c->at, "in '%s'", c->name);
}

static bool t_uri(struct jcall *c, bool *out, struct err *e) {
    struct urlparts p;
    return is_uri(c, opt_val(c, 1), &p, out, e);
}
JTEST(uri) = {.doc = "Is a URI.", .params = "value, schemes=None", .fn = t_uri, .example = "'http://a' is uri"};

static bool t_url(struct jcall *c, bool *out, struct err *e) {
    struct urlparts p;
    if (!is_uri(c, opt_val(c, 1), &p, out, e)) {
        return false;
    }
    *out = *out && (p.netloc.n || str_eqz(p.scheme, "file"));
    return true;
}
JTEST(url) = {.doc = "Is a URL.", .params = "value, schemes=None", .fn = t_url, .example = "'http://a/b' is url"};

static bool t_urn(struct jcall *c, bool *out, struct err *e) {
    struct urlparts p;
    if (!is_uri(c, (struct val){.kind = VAL_UNDEF}, &p, out, e)) {
        return false;
    }
    *out = *out && str_eqz(p.scheme, "urn");
    return true;
}
JTEST(urn) = {.doc = "Is a URN.", .params = "value", .fn = t_urn, .example = "'urn:isbn:1' is urn"};
