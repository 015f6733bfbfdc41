// Host patterns to hosts: unions first, then intersections (&), then exclusions (!), as Ansible applies them.
#include "inv_source.h"
#include "regex.h"

struct hosts {
    struct host **p;
    size_t n, cap;
};
struct match {
    struct inventory *inv;
    struct arena *a;
    struct mark at;
    struct str *unmatched;
};

// -- splitting -------------------------------------------------------------------------------------------------------

struct parts {
    struct str *p;
    size_t n, cap;
};

static void add_part(struct match *m, struct parts *out, struct str text) {
    text = str_trim(text);
    if (text.n) {
        VEC_PUSH(m->a, *out, text);
    }
}

/// Cuts at ':' and white space outside of complete brackets; unpaired brackets separate too.
static void split_colons(struct match *m, struct str pat, struct parts *out) {
    size_t from = 0;
    size_t i = 0;
    while (i < pat.n) {
        char c = pat.s[i];
        size_t close = c == '[' ? str_find_char(pat, i, ']') : SIZE_MAX;
        if (close != SIZE_MAX) {
            i = close + 1;
            continue;
        }
        if (c == ':' || c == '[' || c == ']' || c == ' ' || (c >= '\t' && c <= '\r')) {
            add_part(m, out, str_sub(pat, from, i));
            from = i + 1;
        }
        i++;
    }
    add_part(m, out, str_sub(pat, from, pat.n));
}

static void split(struct match *m, struct str pat, struct parts *out) {
    struct str host;
    uint32_t port;
    if (str_find_char(pat, 0, ',') != SIZE_MAX) {
        struct str part;
        while (str_next(&pat, ',', &part)) {
            add_part(m, out, part);
        }
    } else if (inv_address(pat, true, &host, &port)) {
        add_part(m, out, pat);
    } else {
        split_colons(m, pat, out);
    }
}

// -- subscripts ------------------------------------------------------------------------------------------------------

struct subscript {
    bool given, range;
    int64_t from, to;  // to == -1: the last
};

static size_t digits(struct str s, size_t i) {
    size_t n = 0;
    while (i + n < s.n && s.s[i + n] >= '0' && s.s[i + n] <= '9') {
        n++;
    }
    return n;
}

static bool number(struct match *m, struct str text, int64_t *out, struct err *e) {
    if (!str_int(text, out)) {
        return err_set(e, ERR_SYNTAX, m->at, "host number '%.*s' in a pattern is too large", STR(text));
    }
    return true;
}

/// Takes "[1]", "[-1]", "[1:3]" or "[1:]" off the end of `*text`; anything else in brackets is left to the wildcard
/// rules.
static bool cut_subscript(struct match *m, struct str *text, struct subscript *sub, struct err *e) {
    *sub = (struct subscript){0};
    struct str t = *text;
    if (t.n < 4 || t.s[0] == '~' || t.s[t.n - 1] != ']') {
        return true;
    }
    size_t open = t.n - 1;
    while (open > 0 && t.s[open] != '[') {
        open--;
    }
    struct str body = str_sub(t, open + 1, t.n - 1);
    bool negative = body.n && body.s[0] == '-';
    size_t first = digits(body, negative);
    if (open == 0 || first == 0) {
        return true;
    }
    size_t after = first + negative;
    if (after < body.n) {
        bool separated = !negative && (body.s[after] == ':' || body.s[after] == '-');
        if (!separated || digits(body, after + 1) != body.n - after - 1) {
            return true;
        }
        sub->range = true;
    }
    sub->given = true;
    sub->to = -1;
    *text = str_sub(t, 0, open);
    if (!number(m, str_sub(body, 0, after), &sub->from, e)) {
        return false;
    }
    return !sub->range || after + 1 == body.n || number(m, str_sub(body, after + 1, body.n), &sub->to, e);
}

static bool apply_subscript(struct match *m, struct str part, struct subscript sub, struct hosts *h, struct err *e) {
    if (!sub.given || h->n == 0) {
        return true;
    }
    int64_t n = (int64_t)h->n;
    // In Ansible "[3:0]" is the same as "[3]".
    if (sub.range && sub.to != 0) {
        int64_t to = sub.to < 0 || sub.to >= n ? n - 1 : sub.to;
        int64_t from = sub.from > n ? n : sub.from;
        h->p += from;
        h->n = to >= from ? (size_t)(to - from + 1) : 0;
        return true;
    }
    int64_t at = sub.from < 0 ? sub.from + n : sub.from;
    if (at < 0 || at >= n) {
        return err_set(e, ERR_NOT_FOUND, m->at, "pattern '%.*s' asks for host number %lld of %lld", STR(part),
                       (long long)sub.from, (long long)n);
    }
    h->p += at;
    h->n = 1;
    return true;
}

// -- names -----------------------------------------------------------------------------------------------------------

struct matcher {
    struct str text;
    struct regex *re;  // "~..."; else NULL
    bool plain;        // no wildcard: equal to one name
};

static bool has_wildcard(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (strchr("*?[", s.s[i]) && s.s[i]) {
            return true;
        }
    }
    return false;
}

/// 1, 0, or -1 with an error.
static int name_matches(struct match *m, const struct matcher *w, struct str name, struct err *e) {
    return w->re ? regex_exec(w->re, name, 0, REGEX_MATCH, m->a, NULL, e) : inv_fnmatch(w->text, name);
}

static void add_host(struct match *m, struct hosts *out, struct host *h) {
    VEC_PUSH(m->a, *out, h);
}

static void add_hosts(struct match *m, struct hosts *out, struct host **p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        add_host(m, out, p[i]);
    }
}

static bool match_groups(struct match *m, const struct matcher *w, struct hosts *out, bool *any, struct err *e) {
    const struct inventory *inv = m->inv;
    for (size_t i = 0; i < inv->groups.n; i++) {
        const struct group *g = inv->groups.slots[i].value;
        if (w->plain) {
            g = inv_group(inv, w->text);
            i = inv->groups.n;
            if (!g) {
                break;
            }
        } else {
            int hit = name_matches(m, w, g->name, e);
            if (hit < 0) {
                return false;
            }
            if (!hit) {
                continue;
            }
        }
        *any = true;
        size_t n = 0;
        struct host **p = inv_group_hosts(inv, g, m->a, &n);
        add_hosts(m, out, p, n);
    }
    return true;
}

static bool match_hosts(struct match *m, const struct matcher *w, struct hosts *out, struct err *e) {
    const struct inventory *inv = m->inv;
    if (w->plain) {
        struct host *h = inv_host(inv, w->text);
        add_hosts(m, out, &h, h != NULL);
        return true;
    }
    for (size_t i = 0; i < inv->nhosts; i++) {
        int hit = name_matches(m, w, inv->order[i]->name, e);
        if (hit < 0) {
            return false;
        }
        if (hit) {
            add_host(m, out, inv->order[i]);
        }
    }
    return true;
}

static bool enumerate(struct match *m, struct str text, struct hosts *out, struct err *e) {
    struct matcher w = {.text = text, .plain = !has_wildcard(text)};
    if (text.s[0] == '~') {
        w.plain = false;
        w.re = regex_compile(m->a, str_sub(text, 1, text.n), 0, m->at, e);
        if (!w.re) {
            return err_wrap(e, m->at, "invalid host pattern '%.*s'", STR(text));
        }
    }
    bool groups = false;
    if (!match_groups(m, &w, out, &groups, e)) {
        return false;
    }
    bool special = w.re || !w.plain || str_find_char(text, 0, '.') != SIZE_MAX;
    if ((!groups || special) && !match_hosts(m, &w, out, e)) {
        return false;
    }
    if (out->n == 0) {
        struct host *local = inv_local_named(m->inv, text);
        add_hosts(m, out, &local, local != NULL);
    }
    if (out->n == 0 && !groups && !str_eqz(text, "all") && m->unmatched && !m->unmatched->s) {
        *m->unmatched = str_dup(m->a, text);
    }
    return true;
}

static bool match_part(struct match *m, struct str part, struct hosts *out, struct err *e) {
    struct str text = part;
    struct subscript sub;
    if (part.n == 0) {
        return err_set(e, ERR_SYNTAX, m->at, "expected a name behind '&' or '!' in a host pattern");
    }
    return cut_subscript(m, &text, &sub, e) && enumerate(m, text, out, e) && apply_subscript(m, part, sub, out, e);
}

// -- combining -------------------------------------------------------------------------------------------------------

static size_t slot(const struct match *m, const struct host *h) {
    return h->implicit ? m->inv->nhosts : h->index;
}

/// Adds what is not there yet.
static void unite(struct match *m, struct hosts *all, uint8_t *in, const struct hosts *more) {
    for (size_t i = 0; i < more->n; i++) {
        uint8_t *seen = &in[slot(m, more->p[i])];
        if (!*seen) {
            *seen = 1;
            add_host(m, all, more->p[i]);
        }
    }
}

/// Keeps those in `other` (keep) or those not in it.
static void filter(struct match *m, struct hosts *all, const struct hosts *other, bool keep) {
    uint8_t *in = ARENA_ARRAY(m->a, uint8_t, m->inv->nhosts + 1);
    for (size_t i = 0; i < other->n; i++) {
        in[slot(m, other->p[i])] = 1;
    }
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++) {
        if ((in[slot(m, all->p[i])] != 0) == keep) {
            all->p[n++] = all->p[i];
        }
    }
    all->n = n;
}

static bool unite_part(struct match *m, struct str part, struct hosts *all, uint8_t *in, struct err *e) {
    struct hosts some = {0};
    struct host *named = inv_host(m->inv, part);
    if (named) {
        add_hosts(m, &some, &named, 1);
    } else if (!match_part(m, part, &some, e)) {
        return false;
    }
    unite(m, all, in, &some);
    return true;
}

static bool filter_parts(struct match *m, const struct parts *parts, char sign, struct hosts *all, struct err *e) {
    for (size_t i = 0; i < parts->n; i++) {
        struct str part = parts->p[i];
        if (part.s[0] != sign) {
            continue;
        }
        struct hosts some = {0};
        if (!match_part(m, str_sub(part, 1, part.n), &some, e)) {
            return false;
        }
        filter(m, all, &some, sign == '&');
    }
    return true;
}

// NOLINTNEXTLINE(readability-function-size): eight parameters by contract
bool inv_match(struct inventory *inv, struct str pat, struct mark at, struct arena *a, struct host ***out, size_t *n,
               struct str *unmatched, struct err *e) {
    struct match m = {inv, a, at, unmatched};
    if (unmatched) {
        *unmatched = STR_NONE;
    }
    struct parts parts = {0};
    struct hosts all = {0};
    bool regular = false;
    split(&m, pat, &parts);
    uint8_t *in = ARENA_ARRAY(a, uint8_t, inv->nhosts + 1);
    for (size_t i = 0; i < parts.n; i++) {
        struct str part = parts.p[i];
        if (part.s[0] == '&' || part.s[0] == '!') {
            continue;
        }
        regular = true;
        if (!unite_part(&m, part, &all, in, e)) {
            return false;
        }
    }
    // Only "&x" and "!y", or nothing: that is about all hosts.
    if (!regular && !unite_part(&m, STR_LIT("all"), &all, in, e)) {
        return false;
    }
    if (!filter_parts(&m, &parts, '&', &all, e) || !filter_parts(&m, &parts, '!', &all, e)) {
        return false;
    }
    *out = all.p;
    *n = all.n;
    return true;
}
