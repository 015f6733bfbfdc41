// The test version: loose, strict, semantic and PEP 440 version numbers compared.
#include "tests/version.h"

#include "filters/text.h"
#include "regex.h"

/// Compares digits as numbers of any length.
static int cmp_digits(struct str a, struct str b) {
    while (a.n > 1 && a.s[0] == '0') {
        a = str_sub(a, 1, a.n);
    }
    while (b.n > 1 && b.s[0] == '0') {
        b = str_sub(b, 1, b.n);
    }
    if (a.n != b.n) {
        return a.n < b.n ? -1 : 1;
    }
    int r = str_cmp(a, b);
    return r < 0 ? -1 : r > 0;
}

static bool all_digits(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] < '0' || s.s[i] > '9') {
            return false;
        }
    }
    return s.n > 0;
}

// -- loose -----------------------------------------------------------------------------------------------------------

enum char_class { C_DIGIT, C_LOWER, C_DOT, C_OTHER };

static enum char_class class_of(char ch) {
    if (ch >= '0' && ch <= '9') {
        return C_DIGIT;
    }
    if (ch >= 'a' && ch <= 'z') {
        return C_LOWER;
    }
    return ch == '.' ? C_DOT : C_OTHER;
}

/// The next component: a run of digits, of lower case letters or of anything else; dots only separate.
static bool loose_next(struct str *rest, struct str *part) {
    while (rest->n && rest->s[0] == '.') {
        *rest = str_sub(*rest, 1, rest->n);
    }
    if (!rest->n) {
        return false;
    }
    enum char_class k = class_of(rest->s[0]);
    size_t i = 1;
    while (i < rest->n && class_of(rest->s[i]) == k) {
        i++;
    }
    *part = str_sub(*rest, 0, i);
    *rest = str_sub(*rest, i, rest->n);
    return true;
}

bool version_cmp_loose(struct jcall *c, struct str a, struct str b, int *out, struct err *e) {
    struct str x, y;
    for (;;) {
        bool more_a = loose_next(&a, &x), more_b = loose_next(&b, &y);
        if (!more_a || !more_b) {
            *out = more_a - more_b;
            return true;
        }
        bool nx = all_digits(x), ny = all_digits(y);
        if (nx != ny) {
            return plug_err(c, e, ERR_TYPE, "'%.*s' and '%.*s' cannot be compared: one is a number, one is not", STR(x),
                            STR(y));
        }
        int r = str_cmp(x, y);
        *out = nx ? cmp_digits(x, y) : (r > 0) - (r < 0);
        if (*out) {
            return true;
        }
    }
}

// -- by pattern ------------------------------------------------------------------------------------------------------

#define PARTS 10

/// Fills the first PARTS groups of `pattern`; false with ERR_ARGS when `s` is no such version.
static bool parse(struct jcall *c, const char *pattern, const char *what, struct str s, struct str groups[PARTS],
                  struct err *e) {
    memset(groups, 0, PARTS * sizeof *groups);
    struct regex *r = jinja_regex(c, str_from(pattern), 0, e);
    struct regex_match m;
    int hit = r ? regex_exec(r, s, 0, REGEX_FULLMATCH, c->a, &m, e) : -1;
    if (hit < 0) {
        return false;
    }
    if (!hit) {
        return plug_err(c, e, ERR_ARGS, "'%.*s' is not a %s version", STR(s), what);
    }
    for (size_t i = 0; i < PARTS && i + 1 < m.n; i++) {
        groups[i] = m.from[i + 1] != SIZE_MAX ? str_sub(s, m.from[i + 1], m.to[i + 1]) : STR_NONE;
    }
    return true;
}

static int cmp_or_zero(struct str a, struct str b) {
    return cmp_digits(a.n ? a : STR_LIT("0"), b.n ? b : STR_LIT("0"));
}

static bool cmp_strict(struct jcall *c, struct str a, struct str b, int *out, struct err *e) {
    static const char re[] = "([0-9]+)\\.([0-9]+)(?:\\.([0-9]+))?(?:([ab])([0-9]+))?";
    struct str x[PARTS], y[PARTS];
    if (!parse(c, re, "strict", a, x, e) || !parse(c, re, "strict", b, y, e)) {
        return false;
    }
    *out = 0;
    for (size_t i = 0; i < 3 && !*out; i++) {
        *out = cmp_or_zero(x[i], y[i]);
    }
    if (*out || (!x[3].s && !y[3].s)) {
        return true;
    }
    if (!x[3].s || !y[3].s) {
        *out = x[3].s ? -1 : 1;
        return true;
    }
    *out = x[3].s[0] - y[3].s[0];
    if (!*out) {
        *out = cmp_digits(x[4], y[4]);
    }
    return true;
}

static int cmp_prerelease(struct str a, struct str b) {
    struct str x, y;
    for (;;) {
        bool more_a = str_next(&a, '.', &x), more_b = str_next(&b, '.', &y);
        if (!more_a || !more_b) {
            return more_a - more_b;
        }
        bool nx = all_digits(x), ny = all_digits(y);
        int r = nx && ny ? cmp_digits(x, y) : nx != ny ? (nx ? -1 : 1) : str_cmp(x, y);
        if (r) {
            return r;
        }
    }
}

static bool cmp_semver(struct jcall *c, struct str a, struct str b, int *out, struct err *e) {
    static const char re[] = "(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)"
                             "(?:-((?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
                             "(?:\\.(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
                             "(?:\\+[0-9a-zA-Z-]+(?:\\.[0-9a-zA-Z-]+)*)?";
    struct str x[PARTS], y[PARTS];
    if (!parse(c, re, "semantic", a, x, e) || !parse(c, re, "semantic", b, y, e)) {
        return false;
    }
    *out = 0;
    for (size_t i = 0; i < 3 && !*out; i++) {
        *out = cmp_digits(x[i], y[i]);
    }
    if (!*out && (x[3].s || y[3].s)) {
        *out = !x[3].s ? 1 : !y[3].s ? -1 : cmp_prerelease(x[3], y[3]);
    }
    return true;
}

// -- PEP 440 ---------------------------------------------------------------------------------------------------------

enum pep_group { P_EPOCH, P_RELEASE, P_PRE, P_PRE_N, P_POST_1, P_POST, P_POST_N, P_DEV, P_DEV_N, P_LOCAL };

static const char pep_re[] = "\\s*[vV]?(?:([0-9]+)!)?([0-9]+(?:\\.[0-9]+)*)"
                             "(?:[-_.]?(alpha|beta|preview|pre|rc|a|b|c)[-_.]?([0-9]+)?)?"
                             "(?:-([0-9]+)|[-_.]?(post|rev|r)[-_.]?([0-9]+)?)?"
                             "(?:[-_.]?(dev)[-_.]?([0-9]+)?)?"
                             "(?:\\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?\\s*";

/// Release numbers without the zeros at their end.
static int cmp_release(struct str a, struct str b) {
    struct str x = STR_NONE, y = STR_NONE;
    bool more_a, more_b;
    do {
        more_a = str_next(&a, '.', &x);
        more_b = str_next(&b, '.', &y);
        int r = cmp_or_zero(more_a ? x : STR_NONE, more_b ? y : STR_NONE);
        if (r) {
            return r;
        }
    } while (more_a || more_b);
    return 0;
}

/// Order of the stages: a development release of nothing else, alpha, beta, candidate, final.
static int pep_stage(const struct str *v) {
    if (v[P_PRE].s) {
        char ch = v[P_PRE].s[0];
        return ch == 'a' ? 1 : ch == 'b' ? 2 : 3;
    }
    bool post = v[P_POST].s || v[P_POST_1].s;
    return v[P_DEV].s && !post ? 0 : 4;
}

static int cmp_local(struct arena *ar, struct str a, struct str b) {
    if (!a.s || !b.s) {
        return (a.s != NULL) - (b.s != NULL);
    }
    struct str x, y, ra = a, rb = b;
    ra = text_replace(ar, text_replace(ar, ra, STR_LIT("-"), STR_LIT("."), -1), STR_LIT("_"), STR_LIT("."), -1);
    rb = text_replace(ar, text_replace(ar, rb, STR_LIT("-"), STR_LIT("."), -1), STR_LIT("_"), STR_LIT("."), -1);
    for (;;) {
        bool more_a = str_next(&ra, '.', &x), more_b = str_next(&rb, '.', &y);
        if (!more_a || !more_b) {
            return more_a - more_b;
        }
        bool nx = all_digits(x), ny = all_digits(y);
        int r = nx && ny ? cmp_digits(x, y) : nx != ny ? (nx ? 1 : -1) : str_cmp(x, y);
        if (r) {
            return r;
        }
    }
}

static bool cmp_pep440(struct jcall *c, struct str a, struct str b, int *out, struct err *e) {
    struct str x[PARTS], y[PARTS];
    if (!parse(c, pep_re, "PEP 440", text_lower(c->a, a), x, e) ||
        !parse(c, pep_re, "PEP 440", text_lower(c->a, b), y, e)) {
        return false;
    }
    bool post_x = x[P_POST].s || x[P_POST_1].s, post_y = y[P_POST].s || y[P_POST_1].s;
    int steps[] = {
        cmp_or_zero(x[P_EPOCH], y[P_EPOCH]),
        cmp_release(x[P_RELEASE], y[P_RELEASE]),
        pep_stage(x) - pep_stage(y),
        cmp_or_zero(x[P_PRE_N], y[P_PRE_N]),
        post_x - post_y,
        cmp_or_zero(x[P_POST_1].s ? x[P_POST_1] : x[P_POST_N], y[P_POST_1].s ? y[P_POST_1] : y[P_POST_N]),
        (y[P_DEV].s != NULL) - (x[P_DEV].s != NULL),
        cmp_or_zero(x[P_DEV_N], y[P_DEV_N]),
        cmp_local(c->a, x[P_LOCAL], y[P_LOCAL]),
    };
    *out = 0;
    for (size_t i = 0; i < COUNTOF(steps) && !*out; i++) {
        *out = steps[i];
    }
    return true;
}

// -- the test --------------------------------------------------------------------------------------------------------

typedef bool (*version_cmp)(struct jcall *c, struct str a, struct str b, int *out, struct err *e);

static bool choose(struct jcall *c, version_cmp *cmp, struct err *e) {
    static const struct {
        const char *name;
        version_cmp fn;
    } types[] = {{"loose", version_cmp_loose},
                 {"strict", cmp_strict},
                 {"semver", cmp_semver},
                 {"semantic", cmp_semver},
                 {"pep440", cmp_pep440}};
    bool strict = false;
    *cmp = version_cmp_loose;
    if (!opt_none(c, 3) && !opt_none(c, 4)) {
        return plug_err(c, e, ERR_ARGS, "'strict' and 'version_type' exclude each other");
    }
    if (!opt_none(c, 3) && !arg_bool(c, 3, false, &strict, e)) {
        return false;
    }
    if (strict) {
        *cmp = cmp_strict;
    }
    if (opt_none(c, 4)) {
        return true;
    }
    struct str type = text_of(c, c->args[4]);
    for (size_t i = 0; i < COUNTOF(types); i++) {
        if (str_eqz(type, types[i].name)) {
            *cmp = types[i].fn;
            return true;
        }
    }
    return plug_err(c, e, ERR_ARGS, "'version_type' must be loose, strict, semver, semantic or pep440, not '%.*s'",
                    STR(type));
}

/// Bits: 1 less, 2 equal, 4 greater satisfy the operator; 0: no such operator.
static unsigned operator_mask(struct str op) {
    static const struct {
        const char *name;
        unsigned mask;
    } ops[] = {{"==", 2}, {"=", 2},  {"eq", 2}, {"<", 1},  {"lt", 1}, {"<=", 3}, {"le", 3},
               {">", 4},  {"gt", 4}, {">=", 6}, {"ge", 6}, {"!=", 5}, {"<>", 5}, {"ne", 5}};
    for (size_t i = 0; i < COUNTOF(ops); i++) {
        if (str_eqz(op, ops[i].name)) {
            return ops[i].mask;
        }
    }
    return 0;
}

static bool t_version(struct jcall *c, bool *out, struct err *e) {
    version_cmp cmp;
    struct str op;
    if (!need_defined(c, c->args[1], e) || !choose(c, &cmp, e) || !opt_str(c, 2, "operator", STR_LIT("eq"), &op, e)) {
        return false;
    }
    for (size_t i = 0; i < 2; i++) {
        if (!val_truth(c->args[i])) {
            return plug_err(c, e, ERR_ARGS, "%s cannot be empty",
                            i ? "the version to compare against" : "the version value");
        }
    }
    unsigned mask = operator_mask(op);
    if (!mask) {
        return plug_err(c, e, ERR_ARGS, "'operator' must be one of == = eq < lt <= le > gt >= ge != <> ne, not '%.*s'",
                        STR(op));
    }
    int r = 0;
    if (!cmp(c, text_of(c, c->args[0]), text_of(c, c->args[1]), &r, e)) {
        return false;
    }
    *out = (mask & (r < 0 ? 1U : r == 0 ? 2U : 4U)) != 0;
    return true;
}
JTEST(version) = {.doc = "Compares version numbers.",
                  .params = "value, version, operator='eq', strict=None, version_type=None",
                  .fn = t_version,
                  .aliases = "version_compare",
                  .example = "'1.10' is version('1.9', '>')"};
