// The lookup sequence: formatted numbers from start to end.
#include "ast.h"
#include "filters/text.h"
#include "lookups/common.h"
#include "regex.h"

struct seq {
    int64_t start, end, count, stride;
    bool has_end, has_count;
    struct str format;
};

static bool number(struct jcall *c, const char *name, struct val v, int64_t *out, struct err *e) {
    if (v.kind == VAL_STR ? text_to_int(val_text(v), 0, out) == 1 : val_as_int(v, out)) {
        return true;
    }
    return err_set(e, ERR_ARGS, c->at, "can't parse %s=%.*s as integer", name, STR(text_of(c, v)));
}

/// Takes start, end, count, stride and format out of a dictionary of options.
static bool options(struct jcall *c, struct val d, struct seq *s, struct err *e) {
    size_t i = 0;
    const struct vpair *p;
    while (val_is(d, VAL_DICT) && (p = val_each(d, &i)) != NULL) {
        struct str k = val_text(p->key);
        bool ok;
        if (p->value.kind == VAL_NULL) {
            continue;
        }
        if (str_eqz(k, "start")) {
            ok = number(c, "start", p->value, &s->start, e);
        } else if (str_eqz(k, "end")) {
            ok = s->has_end = number(c, "end", p->value, &s->end, e);
        } else if (str_eqz(k, "count")) {
            ok = s->has_count = number(c, "count", p->value, &s->count, e);
        } else if (str_eqz(k, "stride")) {
            ok = number(c, "stride", p->value, &s->stride, e);
        } else if (str_eqz(k, "format")) {
            s->format = text_of(c, p->value);
            ok = true;
        } else {
            ok = err_set(e, ERR_ARGS, c->at, "unrecognized arguments to with_sequence: ['%.*s']", STR(k));
        }
        if (!ok) {
            return false;
        }
    }
    return true;
}

static struct val group(struct jcall *c, const struct regex_match *m, struct str s, size_t i) {
    return m->from[i] == SIZE_MAX ? VNULL : val_str(c->a, str_sub(s, m->from[i], m->to[i]));
}

/// "[start-]end[/stride][:format]", or options.
static bool term_read(struct jcall *c, struct str term, struct seq *s, struct err *e) {
    static const char shortcut[] = "^(?:(0?x?[0-9a-f]+)-)?(0?x?[0-9a-f]+)(?:/(0?x?[0-9a-f]+))?(?::(.+))?$";
    struct regex *r = regex_compile(c->a, str_from(shortcut), REGEX_IGNORECASE, c->at, e);
    struct regex_match m;
    int hit = r ? regex_exec(r, term, 0, REGEX_MATCH, c->a, &m, e) : -1;
    if (hit < 0) {
        return false;
    }
    struct val d = val_dict(c->a, 4);
    if (hit) {
        static const char *const parts[] = {"start", "end", "stride", "format"};
        for (size_t i = 0; i < COUNTOF(parts); i++) {
            val_set(c->a, d, parts[i], group(c, &m, term, i + 1));
        }
        return options(c, d, s, e);
    }
    struct str raw;
    if (!lk_kv(c, term, &raw, &d, e)) {
        return false;
    }
    if (raw.s) {
        return plug_err(c, e, ERR_ARGS, "'%.*s' is no range and no option", STR(raw));
    }
    return options(c, d, s, e);
}

static bool check(struct jcall *c, struct seq *s, struct err *e) {
    if (s->has_count == s->has_end) {
        return err_set(e, ERR_ARGS, c->at,
                       s->has_count ? "can't specify both count and end in with_sequence"
                                    : "must specify count or end in with_sequence");
    }
    if (s->has_count) {
        int64_t span;
        if (s->count == 0) {
            *s = (struct seq){.format = s->format};
        } else if (__builtin_mul_overflow(s->count, s->stride, &span) ||
                   __builtin_add_overflow(s->start, span - 1, &s->end)) {
            return plug_err(c, e, ERR_LIMIT, "the sequence is too long");
        }
    }
    if (s->stride > 0 && s->end < s->start) {
        return err_set(e, ERR_ARGS, c->at, "to count backwards make stride negative");
    }
    if (s->stride < 0 && s->end > s->start) {
        return err_set(e, ERR_ARGS, c->at, "to count forward don't make stride negative");
    }
    size_t marks = 0;
    for (size_t i = 0; i < s->format.n; i++) {
        marks += s->format.s[i] == '%';
    }
    return marks == 1 || err_set(e, ERR_ARGS, c->at, "bad formatting string: %.*s", STR(s->format));
}

static bool generate(struct jcall *c, const struct seq *s, struct val out, struct err *e) {
    if (!s->stride) {
        return true;
    }
    for (int64_t i = s->start; s->stride > 0 ? i <= s->end : i >= s->end;) {
        struct str text;
        if (val_len(out) >= ITEMS_CAP) {
            return plug_err(c, e, ERR_LIMIT, "the sequence is longer than %zu", ITEMS_CAP);
        }
        if (!fmt_percent(c->ctx, val_str(c->a, s->format), val_int(i), &text, e)) {
            return err_wrap(e, c->at, "lookup '%s' cannot format %lld with '%.*s'", c->name, (long long)i,
                            STR(s->format));
        }
        val_push(c->a, out, val_str(c->a, text));
        if (__builtin_add_overflow(i, s->stride, &i)) {
            break;
        }
    }
    return true;
}

static bool l_sequence(struct jcall *c, struct val *out, struct err *e) {
    size_t n = lk_terms(c);
    bool only_options = !n && val_is(c->kwargs, VAL_DICT) && val_len(c->kwargs);
    *out = val_list(c->a, 16);
    for (size_t i = 0; i < n + only_options; i++) {
        struct seq s = {.start = 1, .stride = 1, .format = STR_LIT("%d")};
        struct str term = STR_LIT("");
        if (n && !lk_term_str(c, i, &term, e)) {
            return false;
        }
        if (!options(c, c->kwargs, &s, e) || (term.n && !term_read(c, term, &s, e)) || !check(c, &s, e) ||
            !generate(c, &s, *out, e)) {
            return false;
        }
    }
    return true;
}
LOOKUP(sequence) = {.doc = "Numbers, formatted.",
                    .fn = l_sequence,
                    .example = "query('sequence', 'start=1 end=3') == ['1', '2', '3']",
                    .options = "start=1, end=None, count=None, stride=1, format='%d'"};
