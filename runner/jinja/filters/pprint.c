// The filter pprint: values laid out as Python's pprint does, 80 columns wide.
#include "filters/support.h"
#include "filters/text.h"

#define WIDTH 80

struct pp {
    struct jcall *c;
    struct buf out;
};

/// Where a value stands: columns before it, columns needed behind it, depth.
struct spot {
    size_t indent, allowance;
    unsigned level;
};

static struct vpair **sorted_pairs(struct pp *p, struct val d) {
    size_t n = val_len(d), i = 0;
    struct vpair **v = ARENA_ARRAY(p->c->a, struct vpair *, n + 1);
    struct vpair *pair;
    for (size_t k = 0; k < n && (pair = val_each(d, &i)) != NULL; k++) {
        size_t at = k;
        while (at > 0) {
            int order = 0;
            struct arena tmp = {0};
            struct err ignore = {.arena = &tmp};
            if (!val_compare(pair->key, v[at - 1]->key, &order, &ignore)) {
                order = strcmp(val_type_name(pair->key), val_type_name(v[at - 1]->key));
            }
            arena_release(&tmp);
            if (order >= 0) {
                break;
            }
            v[at] = v[at - 1];
            at--;
        }
        v[at] = pair;
    }
    return v;
}

static void flat(struct pp *p, struct buf *b, struct val v);

static void flat_items(struct pp *p, struct buf *b, struct val v) {
    for (size_t i = 0; i < val_len(v); i++) {
        if (i) {
            buf_z(b, ", ");
        }
        flat(p, b, val_at_index(v, i));
    }
}

/// A tuple that Python's pprint lays out; those of groupby have a repr() of their own, which it takes as it is.
static bool laid_out(struct val v) {
    return v.kind == VAL_TUPLE && v.spare != VAL_SPARE_GROUP;
}

/// repr() with sorted keys.
static void flat(struct pp *p, struct buf *b, struct val v) {
    if (v.kind == VAL_DICT) {
        struct vpair **pairs = sorted_pairs(p, v);
        buf_char(b, '{');
        for (size_t i = 0; i < val_len(v); i++) {
            if (i) {
                buf_z(b, ", ");
            }
            flat(p, b, pairs[i]->key);
            buf_z(b, ": ");
            flat(p, b, pairs[i]->value);
        }
        buf_char(b, '}');
    } else if (v.kind == VAL_LIST && v.spare < VAL_SPARE_KEYS) {
        buf_char(b, '[');
        flat_items(p, b, v);
        buf_char(b, ']');
    } else if (laid_out(v)) {
        buf_char(b, '(');
        flat_items(p, b, v);
        buf_z(b, val_len(v) == 1 ? ",)" : ")");
    } else {
        val_to_repr(b, v);
    }
}

static struct str repr(struct pp *p, struct val v) {
    struct buf b = BUF_IN(p->c->a);
    flat(p, &b, v);
    return buf_view(&b);
}

static struct str repr_text(struct pp *p, struct str s) {
    return repr(p, val_str(p->c->a, s));
}

static void line_break(struct pp *p, size_t indent) {
    buf_char(&p->out, '\n');
    for (size_t i = 0; i < indent; i++) {
        buf_char(&p->out, ' ');
    }
}

struct chunks {
    struct str *p;
    size_t n, cap;
};

static void push_repr(struct pp *p, struct chunks *c, struct str text) {
    VEC_PUSH(p->c->a, *c, repr_text(p, text));
}

/// Cuts one long line behind its white space so that each piece fits.
static void cut_line(struct pp *p, struct str line, size_t width, size_t last_width, struct chunks *out) {
    struct str cur = str_sub(line, 0, 0);
    for (size_t i = 0; i < line.n;) {
        size_t end = i, next = i;
        while (end < line.n && !cp_space(utf8_next(line, &next))) {
            end = next;
        }
        next = end;
        while (end < line.n && cp_space(utf8_next(line, &next))) {
            end = next;
        }
        struct str candidate = {cur.s, cur.n + end - i};
        size_t room = end == line.n ? last_width : width;
        if (utf8_len(repr_text(p, candidate)) > room) {
            if (cur.n) {
                push_repr(p, out, cur);
            }
            cur = str_sub(line, i, end);
        } else {
            cur = candidate;
        }
        i = end;
    }
    if (cur.n) {
        push_repr(p, out, cur);
    }
}

static void put_text(struct pp *p, struct str s, struct spot at) {
    struct chunks chunks = {0};
    if (at.level == 1) {
        at.indent++;
        at.allowance++;
    }
    size_t width = at.indent < WIDTH ? WIDTH - at.indent : 0;
    struct str rest = s, line;
    while (text_line(&rest, &line)) {
        line.n = (size_t)(rest.s - line.s);  // with its line end
        size_t last = rest.n ? width : width - (at.allowance < width ? at.allowance : width);
        struct str r = repr_text(p, line);
        if (utf8_len(r) <= last) {
            push_repr(p, &chunks, line);
        } else {
            cut_line(p, line, width, last, &chunks);
        }
    }
    if (chunks.n == 1) {
        buf_str(&p->out, chunks.p[0]);
        return;
    }
    if (at.level == 1) {
        buf_char(&p->out, '(');
    }
    for (size_t i = 0; i < chunks.n; i++) {
        if (i) {
            line_break(p, at.indent);
        }
        buf_str(&p->out, chunks.p[i]);
    }
    if (at.level == 1) {
        buf_char(&p->out, ')');
    }
}

static void put(struct pp *p, struct val v, struct spot at);

static void put_items(struct pp *p, struct val v, struct spot at, const char *end) {
    struct spot in = {at.indent + 1, 1, at.level};
    size_t n = val_len(v);
    for (size_t i = 0; i < n; i++) {
        if (i) {
            buf_char(&p->out, ',');
            line_break(p, in.indent);
        }
        in.allowance = i + 1 == n ? at.allowance + strlen(end) : 1;
        put(p, val_at_index(v, i), in);
    }
    buf_z(&p->out, end);
}

static void put_dict(struct pp *p, struct val v, struct spot at) {
    struct vpair **pairs = sorted_pairs(p, v);
    size_t n = val_len(v);
    buf_char(&p->out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i) {
            buf_char(&p->out, ',');
            line_break(p, at.indent + 1);
        }
        struct str k = repr(p, pairs[i]->key);
        buf_str(&p->out, k);
        buf_z(&p->out, ": ");
        put(p, pairs[i]->value,
            (struct spot){at.indent + 1 + utf8_len(k) + 2, i + 1 == n ? at.allowance + 1 : 1, at.level});
    }
    buf_char(&p->out, '}');
}

static void put(struct pp *p, struct val v, struct spot at) {
    struct str r = repr(p, v);
    at.level++;
    if (utf8_len(r) + at.indent + at.allowance > WIDTH && val_len(v)) {
        if (v.kind == VAL_DICT) {
            put_dict(p, v, at);
            return;
        }
        if (v.kind == VAL_LIST && v.spare < VAL_SPARE_KEYS) {
            buf_char(&p->out, '[');
            put_items(p, v, at, "]");
            return;
        }
        if (laid_out(v)) {
            buf_char(&p->out, '(');
            put_items(p, v, at, val_len(v) == 1 ? ",)" : ")");
            return;
        }
        if (v.kind == VAL_STR && !(v.flags & VAL_MARKUP)) {
            put_text(p, val_text(v), at);
            return;
        }
    }
    buf_str(&p->out, r);
}

static bool f_pprint(struct jcall *c, struct val *out, struct err *e) {
    struct pp p = {.c = c, .out = {.a = c->a, .max = TEXT_CAP}};
    put(&p, c->args[0], (struct spot){0});
    if (p.out.full) {
        return plug_err(c, e, ERR_LIMIT, "the result is longer than %zu bytes", TEXT_CAP);
    }
    *out = val_str(c->a, buf_view(&p.out));
    return true;
}
FILTER(pprint) = {.doc = "A value laid out for people.",
                  .params = "value",
                  .takes_undef = true,
                  .fn = f_pprint,
                  .example = "[1, 'a'] | pprint == \"[1, 'a']\""};
