// Names of hosts: addresses with ports, and [x:y:step] ranges expanded to names.
#include "inv_source.h"

// -- addresses -------------------------------------------------------------------------------------------------------

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_hex(char c) {
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool is_letter(char c) {
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_word(char c) {
    return is_digit(c) || is_letter(c) || c == '_' || (unsigned char)c >= 0x80;
}

enum range_kind { RANGE_DECIMAL, RANGE_HEX, RANGE_ALNUM };

static size_t run(struct str s, size_t i, bool (*is)(char)) {
    size_t n = 0;
    while (i + n < s.n && is(s.s[i + n])) {
        n++;
    }
    return n;
}

/// Length of a well-formed range at s[i], or 0.
static size_t range_at(struct str s, size_t i, enum range_kind kind) {
    size_t p = i;
    if (p >= s.n || s.s[p] != '[') {
        return 0;
    }
    p++;
    bool (*is)(char) = kind == RANGE_HEX ? is_hex : is_digit;
    if (kind == RANGE_ALNUM && p + 2 < s.n && is_letter(s.s[p]) && s.s[p + 1] == ':' && is_letter(s.s[p + 2])) {
        p += 3;
    } else {
        size_t n = run(s, p, is);
        if (n == 0 || p + n >= s.n || s.s[p + n] != ':') {
            return 0;
        }
        p += n + 1;
        n = run(s, p, is);
        if (n == 0) {
            return 0;
        }
        p += n;
    }
    if (p < s.n && s.s[p] == ':') {
        size_t n = run(s, p + 1, is_digit);
        if (n == 0) {
            return 0;
        }
        p += n + 1;
    }
    return p < s.n && s.s[p] == ']' ? p + 1 - i : 0;
}

/// Length of a part of an IPv4 address (0..255 or a range), or 0.
static size_t v4_part(struct str s, size_t i) {
    size_t n = run(s, i, is_digit);
    if (n == 0) {
        return range_at(s, i, RANGE_DECIMAL);
    }
    int64_t v;
    return n <= 3 && str_int(str_sub(s, i, i + n), &v) && v <= 255 ? n : 0;
}

static bool is_v4(struct str s) {
    size_t i = 0;
    for (int part = 0; part < 4; part++) {
        size_t n = v4_part(s, i);
        if (n == 0 || (part < 3 && (i + n >= s.n || s.s[i + n] != '.'))) {
            return false;
        }
        i += n + (part < 3);
    }
    return i == s.n;
}

static size_t v6_part(struct str s, size_t i) {
    size_t n = run(s, i, is_hex);
    return n == 0 ? range_at(s, i, RANGE_HEX) : n <= 4 ? n : 0;
}

/// As Ansible's expression, which anchors only its start: "fe80::1%eth0" and "a::b.c" pass too.
static bool is_v6(struct str s) {
    if (str_starts(s, "::")) {
        return true;
    }
    size_t i = 0;
    for (int parts = 1; parts <= 8; parts++) {
        size_t n = v6_part(s, i);
        if (n == 0) {
            return false;
        }
        i += n;
        if (parts == 8) {
            return true;
        }
        if (i >= s.n || s.s[i] != ':') {
            // 0:0:0:0:0:0:1.2.3.4 and 0:0:0:0:0:ffff:1.2.3.4
            return parts == 7 && i < s.n && s.s[i] == '.' &&
                   (str_starts(s, "0:0:0:0:0:0:") || str_starts(s, "0:0:0:0:0:ffff:"));
        }
        i++;
        if (parts <= 6 && i < s.n && s.s[i] == ':') {
            return true;
        }
    }
    return false;
}

static bool is_label_end(struct str s, size_t i) {
    return i == s.n || s.s[i] == '.';
}

static bool is_hostname(struct str s) {
    size_t i = 0;
    while (i <= s.n) {
        size_t start = i;
        while (!is_label_end(s, i)) {
            size_t n = range_at(s, i, RANGE_ALNUM);
            bool ok = n > 0 || is_word(s.s[i]) || (s.s[i] == '-' && i > start);
            if (!ok) {
                return false;
            }
            i += n ? n : 1;
        }
        if (i == start || s.s[i - 1] == '-' || s.s[i - 1] == '_') {
            return false;
        }
        i++;
    }
    return true;
}

static bool port_number(struct str digits, uint32_t *port) {
    int64_t v;
    if (digits.n == 0 || run(digits, 0, is_digit) != digits.n || !str_int(digits, &v) || v > UINT32_MAX) {
        return false;
    }
    *port = (uint32_t)v;
    return true;
}

/// Everything outside of complete brackets is neither ':' nor a bracket.
static bool is_plain(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] == '[') {
            i = str_find_char(s, i, ']');
            if (i == SIZE_MAX) {
                return false;
            }
        } else if (s.s[i] == ':' || s.s[i] == ']') {
            return false;
        }
    }
    return true;
}

static size_t last_colon(struct str s) {
    for (size_t i = s.n; i > 0; i--) {
        if (s.s[i - 1] == ':') {
            return i - 1;
        }
    }
    return SIZE_MAX;
}

bool inv_address(struct str text, bool ranges, struct str *host, uint32_t *port) {
    *port = 0;
    struct str h = text;
    size_t c = last_colon(h);
    if (c != SIZE_MAX && c >= 3 && h.s[0] == '[' && h.s[c - 1] == ']' && port_number(str_sub(h, c + 1, h.n), port)) {
        h = str_sub(h, 1, c - 1);
        c = last_colon(h);
    }
    if (c != SIZE_MAX && is_plain(str_sub(h, 0, c)) && port_number(str_sub(h, c + 1, h.n), port)) {
        h = str_sub(h, 0, c);
    }
    if (h.n == 0 || (!is_v4(h) && !is_v6(h) && !is_hostname(h))) {
        return false;
    }
    if (!ranges && str_find_char(h, 0, '[') != SIZE_MAX) {
        return false;
    }
    *host = h;
    return true;
}

// -- ranges ----------------------------------------------------------------------------------------------------------

struct expand {
    struct inv_source *s;
    struct str text;  // the whole definition, for messages
    struct mark at;
    struct host_names out;
};

struct range {
    int64_t from, to, step;
    bool letters;
    size_t width;  // zero-padded to this
};

static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

static size_t letter_index(struct str s) {
    return str_find(STR_LIT("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"), 0, s);
}

static bool bad(struct expand *x, struct err *e, const char *what) {
    if (x->s->secret) {
        return err_set(e, ERR_SYNTAX, x->at, "host range %s", what);
    }
    return err_set(e, ERR_SYNTAX, x->at, "host range %s, found '%.*s'", what, STR(x->text));
}

static bool parse_bounds(struct expand *x, struct str from, struct str to, struct range *r, struct err *e) {
    if (to.n == 0) {
        return bad(x, e, "must specify end value");
    }
    if (from.n == 0) {
        from = STR_LIT("0");
    }
    if (from.n > 1 && from.s[0] == '0') {
        r->width = from.n;
        if (to.n != from.n) {
            return bad(x, e, "must have a begin and an end of equal length when the begin starts with 0");
        }
    }
    size_t a = letter_index(from);
    size_t b = letter_index(to);
    if (a != SIZE_MAX && b != SIZE_MAX) {
        r->letters = true;
        r->from = (int64_t)a;
        r->to = (int64_t)b;
        return a <= b || bad(x, e, "must not begin behind its end");
    }
    if (!str_int(from, &r->from) || !str_int(to, &r->to)) {
        (void)bad(x, e, "must be two numbers or two letters");
        e->code = ERR_TYPE;
        return false;
    }
    return true;
}

static bool parse_range(struct expand *x, struct str body, struct range *r, struct err *e) {
    struct str parts[4];
    size_t n = 0;
    struct str rest = body;
    while (n < 4 && str_next(&rest, ':', &parts[n])) {
        n++;
    }
    if (n != 2 && n != 3) {
        return bad(x, e, "must be begin:end or begin:end:step");
    }
    *r = (struct range){.step = 1};
    if (n == 3 && (!str_int(parts[2], &r->step) || r->step == 0)) {
        return bad(x, e, "must have a step that is a number other than 0");
    }
    if (!parse_bounds(x, parts[0], parts[1], r, e)) {
        return false;
    }
    if (r->letters && r->step < 0) {
        return bad(x, e, "of letters must have a step above 0");
    }
    return true;
}

static bool expand_into(struct expand *x, struct str text, struct err *e);

static bool expand_one(struct expand *x, struct str head, struct str mid, struct str tail, struct err *e) {
    struct arena *a = x->s->o->a;
    size_t n = head.n + mid.n + tail.n;
    char *p = arena_alloc(a, n + 1);
    struct buf b = {.a = a, .p = p, .cap = n + 1};
    buf_str(&b, head);
    buf_str(&b, mid);
    buf_str(&b, tail);
    struct str name = buf_view(&b);
    if (str_find_char(tail, 0, '[') != SIZE_MAX) {
        return expand_into(x, name, e);
    }
    if (x->out.n >= INV_RANGE_CAP) {
        return err_set(e, ERR_LIMIT, x->at, "host range gives more than %zu names", INV_RANGE_CAP);
    }
    VEC_PUSH(a, x->out, name);
    return true;
}

static bool expand_range(struct expand *x, const struct range *r, struct str head, struct str tail, struct err *e) {
    char text[32];
    for (int64_t i = r->from; r->step > 0 ? i <= r->to : i > r->to; i += r->step) {
        struct str mid;
        if (r->letters) {
            mid = (struct str){&LETTERS[i], 1};
        } else {
            int w = r->width > sizeof text - 1 ? (int)sizeof text - 1 : (int)r->width;
            int n = snprintf(text, sizeof text, "%0*lld", w, (long long)i);
            mid = (struct str){text, (size_t)n};
        }
        if (!expand_one(x, head, mid, tail, e)) {
            return false;
        }
        if (r->step > 0 ? i > INT64_MAX - r->step : i < INT64_MIN - r->step) {
            break;
        }
    }
    return true;
}

static bool expand_into(struct expand *x, struct str text, struct err *e) {
    size_t open = str_find_char(text, 0, '[');
    if (open == SIZE_MAX) {
        x->out.p = ARENA_NEW(x->s->o->a, struct str);  // nearly every host: one name, no room for more
        x->out.p[0] = text;
        x->out.n = x->out.cap = 1;
        return true;
    }
    size_t close = str_find_char(text, open, ']');
    if (close == SIZE_MAX || str_find_char(text, 0, ']') < open) {
        return bad(x, e, "must have its ']' behind its '['");
    }
    struct range r = {0};
    if (!parse_range(x, str_sub(text, open + 1, close), &r, e)) {
        return false;
    }
    if (r.width > 18) {
        return bad(x, e, "must have at most 18 digits");
    }
    return expand_range(x, &r, str_sub(text, 0, open), str_sub(text, close + 1, text.n), e);
}

bool inv_expand_host(struct inv_source *s, struct str text, struct mark at, struct host_names *out, struct err *e) {
    struct expand x = {.s = s, .text = text, .at = at};
    struct str host;
    if (!inv_address(text, true, &host, &x.out.port)) {
        host = text;
        x.out.port = 0;
    }
    if (!expand_into(&x, host, e)) {
        return false;
    }
    if (x.out.n == 0) {
        inv_warn(s->inv, at, "host range '%.*s' is empty", STR(text));
    }
    *out = x.out;
    return true;
}
