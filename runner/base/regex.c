// Python's regular expressions on PCRE2. The syntaxes differ in a few places only; they are rewritten before compiling.
#include "regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 10000000u
#define HEAP_LIMIT  65536u              // KiB
#define GROWTH      ((size_t)64 << 20)  // what replacing may add to a text
#define HOT         4096u  // work after which a regex is worth machine code: 60 short subjects, or one long one

struct regex {
    pcre2_code *code;
    struct arena *a;
    size_t work;  // matches and bytes so far; SIZE_MAX: machine code was asked for
    bool fast;    // and made
    pcre2_match_context *limits;
    pcre2_match_data *found;  // what the last match left; made once, since PCRE2 keeps its stack in it
    uint32_t groups;
    bool utf;
};

// PCRE2 allocates from the arena, so that a regex needs no release; what it frees stays until the arena dies.
static void *re_alloc(size_t n, void *a) {
    return arena_alloc(a, n);
}
static void re_free(void *p, void *a) {
    (void)p;
    (void)a;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Python: "\Z" is the very end, "\z" is unknown; "(?P=name)", "(?P<name>" are the same; "{,n}" means {0,n}.
static void translate_escape(struct str pat, size_t *i, struct buf *out) {
    char c = pat.s[*i + 1];
    *i += 2;
    switch (c) {
    case 'Z':
        buf_z(out, "\\z");
        return;
    case 'U':
    case 'u': {
        size_t want = c == 'u' ? 4 : 8;
        buf_printf(out, "\\x{%.*s}", STR(str_sub(pat, *i, *i + want)));
        *i += want <= pat.n - *i ? want : pat.n - *i;
        return;
    }
    default:
        buf_char(out, '\\');
        buf_char(out, c);
    }
}

static bool open_repeat(struct str pat, size_t i) {
    size_t k = i + 2;
    while (k < pat.n && is_digit(pat.s[k])) {
        k++;
    }
    return pat.s[i] == '{' && i + 1 < pat.n && pat.s[i + 1] == ',' && k > i + 2 && k < pat.n && pat.s[k] == '}';
}

static struct str translate(struct arena *a, struct str pat) {
    struct buf out = BUF_IN(a);
    bool in_class = false;
    size_t class_start = 0;
    for (size_t i = 0; i < pat.n;) {
        char c = pat.s[i];
        if (c == '\\' && i + 1 < pat.n) {
            translate_escape(pat, &i, &out);
            continue;
        }
        if (in_class) {
            bool first = i == class_start + 1 || (i == class_start + 2 && pat.s[class_start + 1] == '^');
            in_class = c != ']' || first;
            if (c == '[') {
                buf_char(&out, '\\');  // "[[" is literal in Python, the start of a POSIX class in PCRE2
            }
        } else if (c == '[') {
            in_class = true;
            class_start = i;
        } else if (open_repeat(pat, i)) {
            buf_z(&out, "{0");
            i++;
            continue;
        }
        buf_char(&out, c);
        i++;
    }
    return buf_view(&out);
}

struct regex *regex_compile(struct arena *a, struct str pat, unsigned flags, struct mark at, struct err *e) {
    struct regex *r = ARENA_NEW(a, struct regex);
    r->a = a;
    pcre2_general_context *mem = pcre2_general_context_create(re_alloc, re_free, a);
    pcre2_compile_context *cc = pcre2_compile_context_create(mem);
    pcre2_set_parens_nest_limit(cc, 200);
    r->utf = !(flags & REGEX_BYTES) && utf8_valid(pat);
    uint32_t opt = PCRE2_NEVER_BACKSLASH_C | PCRE2_ALT_CIRCUMFLEX;  // "^" also behind a last line end, as in Python
    opt |= r->utf ? PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF : 0;
    opt |= flags & REGEX_IGNORECASE ? PCRE2_CASELESS : 0;
    opt |= flags & REGEX_MULTILINE ? PCRE2_MULTILINE : 0;
    opt |= flags & REGEX_DOTALL ? PCRE2_DOTALL : 0;
    opt |= flags & REGEX_VERBOSE ? PCRE2_EXTENDED : 0;
    struct str p = translate(a, pat);
    int code = 0;
    PCRE2_SIZE where = 0;
    r->code = pcre2_compile((PCRE2_SPTR)p.s, p.n, opt, &code, &where, cc);
    if (!r->code) {
        PCRE2_UCHAR text[200];
        pcre2_get_error_message(code, text, sizeof text);
        const char *why = code == PCRE2_ERROR_QUANTIFIER_INVALID ? "nothing to repeat" : (const char *)text;
        err_set(e, ERR_SYNTAX, at, "invalid regular expression '%.*s': %s at position %zu", STR(pat), why,
                (size_t)where);
        return NULL;
    }
    r->limits = pcre2_match_context_create(mem);
    pcre2_set_match_limit(r->limits, MATCH_LIMIT);
    pcre2_set_heap_limit(r->limits, HEAP_LIMIT);
    pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &r->groups);
    r->found = pcre2_match_data_create(r->groups + 1, mem);
    return r;
}

size_t regex_groups(const struct regex *r) {
    return r->groups;
}

static const unsigned char *names(const struct regex *r, uint32_t *n, uint32_t *size) {
    PCRE2_SPTR table = NULL;
    pcre2_pattern_info(r->code, PCRE2_INFO_NAMECOUNT, n);
    pcre2_pattern_info(r->code, PCRE2_INFO_NAMEENTRYSIZE, size);
    pcre2_pattern_info(r->code, PCRE2_INFO_NAMETABLE, (void *)&table);
    return table;
}

const char *regex_group_name(const struct regex *r, size_t i) {
    uint32_t n = 0;
    uint32_t size = 0;
    const unsigned char *t = names(r, &n, &size);
    for (uint32_t k = 0; k < n; k++, t += size) {
        if ((size_t)(t[0] << 8 | t[1]) == i) {
            return (const char *)t + 2;
        }
    }
    return NULL;
}

size_t regex_group_number(const struct regex *r, struct str name) {
    uint32_t n = 0;
    uint32_t size = 0;
    const unsigned char *t = names(r, &n, &size);
    for (uint32_t k = 0; k < n; k++, t += size) {
        if (str_eqz(name, (const char *)t + 2)) {
            return (size_t)(t[0] << 8 | t[1]);
        }
    }
    return 0;
}

static void groups_new(const struct regex *r, struct arena *a, struct regex_match *m) {
    m->n = (size_t)r->groups + 1;
    m->from = ARENA_ARRAY(a, size_t, m->n * 2);
    m->to = m->from + m->n;
}

static void groups_copy(const struct regex *r, struct regex_match *m) {
    _Static_assert(PCRE2_UNSET == SIZE_MAX, "a group that is not set has the same number here and there");
    const PCRE2_SIZE *ov = pcre2_get_ovector_pointer(r->found);
    for (size_t i = 0; i < m->n; i++) {
        m->from[i] = ov[2 * i];
        m->to[i] = ov[2 * i + 1];
    }
}

static void code_free(void *code) {
    pcre2_code_free(code);
}

/// Machine code is the one thing of a regex that does not lie in its arena. Where the system allows none, PCRE2 goes on
/// interpreting.
static void warm_up(struct regex *r, size_t bytes) {
    r->work += HOT / 64 + bytes;
    if (r->work >= HOT) {
        r->work = SIZE_MAX;
        r->fast = pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE) == 0;
        if (r->fast) {
            arena_at_end(r->a, code_free, r->code);
        }
    }
}

/// 1 found, 0 not, -1 an error. Machine code searches only, and has a small stack; everything else is interpreted.
static int match(struct regex *r, struct str s, size_t from, uint32_t opt, struct err *e) {
    PCRE2_SPTR text = (PCRE2_SPTR)(s.s ? s.s : "");
    int rc = PCRE2_ERROR_JIT_STACKLIMIT;
    if (from > s.n) {
        return 0;
    }
    if (r->work != SIZE_MAX) {
        warm_up(r, s.n - from);
    }
    if (r->fast && !(opt & ~PCRE2_NOTEMPTY_ATSTART)) {
        rc = pcre2_jit_match(r->code, text, s.n, from, opt, r->found, r->limits);
    }
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {
        rc = pcre2_match(r->code, text, s.n, from, opt | PCRE2_NO_JIT, r->found, r->limits);
    }
    if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH) {
        return rc >= 0;
    }
    PCRE2_UCHAR why[200];
    pcre2_get_error_message(rc, why, sizeof why);
    err_set(e, ERR_LIMIT, NO_MARK, "regular expression gave up: %s", (char *)why);
    return -1;
}

int regex_exec(struct regex *r, struct str s, size_t from, enum regex_how how, struct arena *a, struct regex_match *m,
               struct err *e) {
    uint32_t opt = how == REGEX_SEARCH ? 0 : PCRE2_ANCHORED;
    opt |= how == REGEX_FULLMATCH ? PCRE2_ENDANCHORED : 0;
    int rc = match(r, s, from, opt, e);
    if (rc > 0 && m) {
        groups_new(r, a, m);
        groups_copy(r, m);
    }
    return rc;
}

int regex_next(struct regex *r, struct str s, struct regex_walk *w, struct arena *a, struct regex_match *m,
               struct err *e) {
    int rc = match(r, s, w->at, w->empty ? PCRE2_NOTEMPTY_ATSTART : 0, e);
    if (rc > 0) {
        if (!m->from) {
            groups_new(r, a, m);
        }
        groups_copy(r, m);
        w->at = m->to[0];
        w->empty = m->to[0] == m->from[0];
    }
    return rc;
}

/// A replacement on its way into `out`.
struct template {
    const struct regex *r;
    struct str text;
    size_t i;  // behind the backslash, then behind what it began
    struct str subject;
    const struct regex_match *m;  // NULL: the template is only looked through
    struct buf *out;
    struct err *e;
};

static bool bad(const struct template *t, const char *why, struct str what) {
    return err_set(t->e, ERR_SYNTAX, NO_MARK, "%s%.*s in replacement '%.*s'", why, STR(what), STR(t->text));
}

static bool add_group(struct template *t, size_t g) {
    const struct regex_match *m = t->m;
    if (m && m->from[g] != SIZE_MAX && m->to[g] >= m->from[g]) {
        buf_str(t->out, str_sub(t->subject, m->from[g], m->to[g]));
    }
    return true;
}

/// "\g<name>" or "\g<2>".
static bool named_group(struct template *t) {
    size_t from = t->i + 1;
    if (from >= t->text.n || t->text.s[from] != '<') {
        return bad(t, "expected '<' behind '\\g'", STR_LIT(""));
    }
    size_t end = str_find_char(t->text, from, '>');
    if (end == SIZE_MAX) {
        return bad(t, "expected '>' behind '\\g<'", STR_LIT(""));
    }
    struct str name = str_sub(t->text, from + 1, end);
    int64_t n = 0;
    t->i = end + 1;
    if (!name.n) {
        return bad(t, "missing group name", STR_LIT(""));
    }
    if (str_int(name, &n)) {
        return n >= 0 && (size_t)n <= t->r->groups ? add_group(t, (size_t)n) : bad(t, "invalid group reference ", name);
    }
    size_t g = regex_group_number(t->r, name);
    return g ? add_group(t, g) : bad(t, "unknown group name ", name);
}

static bool is_octal(struct str s, size_t i) {
    return i < s.n && s.s[i] >= '0' && s.s[i] <= '7';
}

static bool add_octal(struct template *t, size_t digits) {
    unsigned code = 0;
    struct str number = str_sub(t->text, t->i, t->i + digits);
    for (size_t k = 0; k < digits; k++) {
        code = code * 8 + (unsigned)(number.s[k] - '0');
    }
    t->i += digits;
    if (code > 0377) {
        return bad(t, "octal escape outside of 0-0377: \\", number);
    }
    if (t->r->utf) {
        char utf8[4];
        buf_add(t->out, utf8, utf8_put(code, utf8));
    } else {
        buf_char(t->out, (char)code);
    }
    return true;
}

/// "\12" is a group, "\012" and "\123" are characters.
static bool number(struct template *t) {
    struct str s = t->text;
    size_t i = t->i;
    if (s.s[i] == '0') {
        return add_octal(t, 1 + (size_t)is_octal(s, i + 1) + (size_t)(is_octal(s, i + 1) && is_octal(s, i + 2)));
    }
    if (is_octal(s, i) && is_octal(s, i + 1) && is_octal(s, i + 2)) {
        return add_octal(t, 3);
    }
    size_t digits = 1 + (size_t)(i + 1 < s.n && is_digit(s.s[i + 1]));
    int64_t g = 0;
    (void)str_int(str_sub(s, i, i + digits), &g);
    t->i += digits;
    return (size_t)g <= t->r->groups ? add_group(t, (size_t)g)
                                     : bad(t, "invalid group reference ", str_sub(s, i, i + digits));
}

static bool escaped(struct template *t) {
    static const char from[] = "nrtafvb\\";
    static const char to[] = "\n\r\t\a\f\v\b\\";
    char c = t->text.s[t->i++];
    const char *p = c ? strchr(from, c) : NULL;
    if (p) {
        buf_char(t->out, to[p - from]);
        return true;
    }
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
        return bad(t, "bad escape \\", str_sub(t->text, t->i - 1, t->i));
    }
    buf_char(t->out, '\\');
    buf_char(t->out, c);
    return true;
}

static bool expand(struct template *t) {
    bool ok = true;
    while (ok && t->i < t->text.n) {
        size_t plain = str_find_char(t->text, t->i, '\\');
        buf_str(t->out, str_sub(t->text, t->i, plain));
        if (plain >= t->text.n) {
            break;
        }
        t->i = plain + 1;
        if (t->i == t->text.n) {
            return bad(t, "bad escape (end of pattern)", STR_LIT(""));
        }
        char c = t->text.s[t->i];
        if (c == 'g') {
            ok = named_group(t);
        } else {
            ok = is_digit(c) ? number(t) : escaped(t);
        }
    }
    return ok;
}

bool regex_expand(const struct regex *r, struct str repl, struct str subject, const struct regex_match *m,
                  struct buf *out, struct err *e) {
    struct template t = {.r = r, .text = repl, .subject = subject, .m = m, .out = out, .e = e};
    return expand(&t);
}

bool regex_sub(struct regex *r, struct str repl, struct str subject, size_t count, struct arena *a, struct str *out,
               size_t *n, struct err *e) {
    struct buf b = {.a = a, .max = subject.n + GROWTH};
    size_t done = 0;
    size_t copied = 0;
    struct regex_walk w = {0};
    struct regex_match m = {0};
    if (!regex_expand(r, repl, subject, NULL, &b, e)) {
        return false;  // told even where nothing matches
    }
    b.n = 0;
    while (count == 0 || done < count) {
        int rc = regex_next(r, subject, &w, a, &m, e);
        if (rc < 0) {
            return false;
        }
        if (rc == 0) {
            break;
        }
        buf_str(&b, str_sub(subject, copied, m.from[0]));
        if (!regex_expand(r, repl, subject, &m, &b, e)) {
            return false;
        }
        if (b.full) {
            return err_set(e, ERR_LIMIT, NO_MARK, "replacing makes the text grow by more than %zu bytes", GROWTH);
        }
        copied = m.to[0];
        done++;
    }
    buf_str(&b, str_sub(subject, copied, subject.n));
    *out = buf_view(&b);
    if (n) {
        *n = done;
    }
    return true;
}

struct str regex_escape(struct arena *a, struct str s) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] && strchr("()[]{}?*+-|^$\\.&~# \t\n\r\v\f", s.s[i])) {
            buf_char(&b, '\\');
        }
        buf_char(&b, s.s[i]);
    }
    return buf_view(&b);
}
