// Ratcliff-Obershelp matching of lines, as difflib.SequenceMatcher does it, so that diffs read the same.
// Source: the documented behaviour of Python's difflib (longest match first, popular lines of long files ignored).
#include "udiff.h"

#include "map.h"

#define POPULAR_FROM 200
#define MAX_LINES    200000

struct lines {
    struct str *p;
    size_t n, cap;
};
// Where a line stands in `b`: a chain through `next`.
struct spots {
    size_t *p;
    size_t n, cap;
};
struct matcher {
    struct arena *a;
    struct lines x, y;
    struct map where;        // line of y -> struct spots *
    size_t *run, *run_next;  // lengths of matches that end at each line of y
};
struct block {
    size_t i, j, n;
};
struct blocks {
    struct block *p;
    size_t n, cap;
};
enum op { OP_EQUAL, OP_REPLACE };
struct opcode {
    enum op op;
    size_t i1, i2, j1, j2;
};
struct opcodes {
    struct opcode *p;
    size_t n, cap;
};

static struct lines split_lines(struct arena *a, struct str s) {
    struct lines l = {.p = ARENA_ARRAY(a, struct str, 8), .cap = 8};
    for (size_t at = 0; at < s.n && l.n < MAX_LINES;) {
        size_t nl = str_find_char(s, at, '\n');
        size_t end = nl == SIZE_MAX ? s.n : nl + 1;
        struct str line = str_sub(s, at, end);
        if (nl == SIZE_MAX) {
            line = str_printf(a, "%.*s\n\\ No newline at end of file\n", STR(line));
        }
        VEC_PUSH(a, l, line);
        at = end;
    }
    return l;
}

static void index_lines(struct matcher *m) {
    for (size_t j = 0; j < m->y.n; j++) {
        struct spots *s = map_get(&m->where, m->y.p[j]);
        if (!s) {
            s = ARENA_NEW(m->a, struct spots);
            map_put(&m->where, m->a, m->y.p[j], s);
        }
        VEC_PUSH(m->a, *s, j);
    }
    if (m->y.n < POPULAR_FROM) {
        return;
    }
    for (size_t k = 0; k < m->where.n; k++) {
        struct spots *s = m->where.slots[k].value;
        if (s->n > m->y.n / 100 + 1) {
            s->n = 0;
        }
    }
}

static struct block longest_match(struct matcher *m, size_t i1, size_t i2, size_t j1, size_t j2) {
    struct block best = {i1, j1, 0};
    memset(m->run, 0, (m->y.n + 1) * sizeof *m->run);
    for (size_t i = i1; i < i2; i++) {
        memset(m->run_next, 0, (m->y.n + 1) * sizeof *m->run_next);
        const struct spots *s = map_get(&m->where, m->x.p[i]);
        for (size_t k = 0; s && k < s->n; k++) {
            size_t j = s->p[k];
            if (j < j1) {
                continue;
            }
            if (j >= j2) {
                break;
            }
            size_t n = m->run[j] + 1;
            m->run_next[j + 1] = n;
            if (n > best.n) {
                best = (struct block){i + 1 - n, j + 1 - n, n};
            }
        }
        size_t *t = m->run;
        m->run = m->run_next;
        m->run_next = t;
    }
    while (best.i > i1 && best.j > j1 && str_eq(m->x.p[best.i - 1], m->y.p[best.j - 1])) {
        best.i--;
        best.j--;
        best.n++;
    }
    while (best.i + best.n < i2 && best.j + best.n < j2 && str_eq(m->x.p[best.i + best.n], m->y.p[best.j + best.n])) {
        best.n++;
    }
    return best;
}

static void match_range(struct matcher *m, size_t i1, size_t i2, size_t j1, size_t j2, struct blocks *out) {
    struct block b = longest_match(m, i1, i2, j1, j2);
    if (b.n == 0) {
        return;
    }
    if (i1 < b.i && j1 < b.j) {
        match_range(m, i1, b.i, j1, b.j, out);
    }
    VEC_PUSH(m->a, *out, b);
    if (b.i + b.n < i2 && b.j + b.n < j2) {
        match_range(m, b.i + b.n, i2, b.j + b.n, j2, out);
    }
}

static struct opcodes make_opcodes(struct matcher *m) {
    struct blocks blocks = {0};
    match_range(m, 0, m->x.n, 0, m->y.n, &blocks);
    struct block end = {m->x.n, m->y.n, 0};
    VEC_PUSH(m->a, blocks, end);
    struct opcodes ops = {0};
    size_t i = 0;
    size_t j = 0;
    for (size_t k = 0; k < blocks.n; k++) {
        struct block b = blocks.p[k];
        if (i < b.i || j < b.j) {
            struct opcode o = {OP_REPLACE, i, b.i, j, b.j};
            VEC_PUSH(m->a, ops, o);
        }
        if (b.n > 0) {
            struct opcode *last = ops.n ? &ops.p[ops.n - 1] : NULL;
            if (last && last->op == OP_EQUAL) {
                last->i2 += b.n;
                last->j2 += b.n;
            } else {
                struct opcode o = {OP_EQUAL, b.i, b.i + b.n, b.j, b.j + b.n};
                VEC_PUSH(m->a, ops, o);
            }
        }
        i = b.i + b.n;
        j = b.j + b.n;
    }
    return ops;
}

/// Ends a line; the empty rest behind a coloured one is coloured, too, as Ansible prints it.
static void end_line(struct buf *out, const char *color) {
    if (color) {
        buf_printf(out, "\033[0m\n%s\033[0m", color);
    } else {
        buf_char(out, '\n');
    }
}

static void put_line(struct buf *out, char sign, struct str line, const char *color) {
    struct str body = str_ends(line, "\n") ? str_sub(line, 0, line.n - 1) : line;
    buf_z(out, color ? color : "");
    buf_char(out, sign);
    buf_str(out, body);
    end_line(out, color);
}

static void put_range(struct buf *out, size_t from, size_t to) {
    size_t n = to - from;
    if (n == 1) {
        buf_printf(out, "%zu", from + 1);
    } else {
        buf_printf(out, "%zu,%zu", n ? from + 1 : from, n);
    }
}

// One hunk: ops[a..b) where the first and last equal runs are already cut to the context.
static void put_hunk(struct buf *out, const struct matcher *m, const struct opcode *ops, size_t n,
                     const struct udiff_style *style) {
    buf_z(out, style->lines ? style->lines : "");
    buf_z(out, "@@ -");
    put_range(out, ops[0].i1, ops[n - 1].i2);
    buf_z(out, " +");
    put_range(out, ops[0].j1, ops[n - 1].j2);
    buf_z(out, " @@");
    end_line(out, style->lines);
    for (size_t k = 0; k < n; k++) {
        const struct opcode *o = &ops[k];
        for (size_t i = o->i1; i < o->i2; i++) {
            bool same = o->op == OP_EQUAL;
            put_line(out, same ? ' ' : '-', m->x.p[i], same ? NULL : style->remove);
        }
        for (size_t j = o->j1; o->op != OP_EQUAL && j < o->j2; j++) {
            put_line(out, '+', m->y.p[j], style->add);
        }
    }
}

static void trim_ends(struct opcodes *ops, size_t context) {
    struct opcode *first = &ops->p[0];
    struct opcode *last = &ops->p[ops->n - 1];
    if (first->op == OP_EQUAL && first->i2 - first->i1 > context) {
        first->i1 = first->i2 - context;
        first->j1 = first->j2 - context;
    }
    if (last->op == OP_EQUAL && last->i2 - last->i1 > context) {
        last->i2 = last->i1 + context;
        last->j2 = last->j1 + context;
    }
}

static void put_hunks(struct buf *out, struct matcher *m, struct opcodes *ops, const struct udiff_style *style) {
    size_t context = style->context > 0 ? (size_t)style->context : 0;
    trim_ends(ops, context);
    struct opcodes group = {0};
    for (size_t k = 0; k < ops->n; k++) {
        struct opcode o = ops->p[k];
        if (o.op == OP_EQUAL && o.i2 - o.i1 > 2 * context) {
            struct opcode head = {OP_EQUAL, o.i1, o.i1 + context, o.j1, o.j1 + context};
            VEC_PUSH(m->a, group, head);
            put_hunk(out, m, group.p, group.n, style);
            group.n = 0;
            o.i1 = o.i2 - context;
            o.j1 = o.j2 - context;
        }
        VEC_PUSH(m->a, group, o);
    }
    if (group.n > 1 || (group.n == 1 && group.p[0].op != OP_EQUAL)) {
        put_hunk(out, m, group.p, group.n, style);
    }
}

void udiff(struct buf *out, struct str from_header, struct str before, struct str to_header, struct str after,
           const struct udiff_style *style) {
    if (str_eq(before, after)) {
        return;
    }
    struct arena a = {0};
    struct matcher m = {.a = &a, .x = split_lines(&a, before), .y = split_lines(&a, after)};
    index_lines(&m);
    m.run = ARENA_ARRAY(&a, size_t, m.y.n + 1);
    m.run_next = ARENA_ARRAY(&a, size_t, m.y.n + 1);
    struct opcodes ops = make_opcodes(&m);
    if (ops.n > 0) {
        buf_printf(out, "%s--- %.*s", style->remove ? style->remove : "", STR(from_header));
        end_line(out, style->remove);
        buf_printf(out, "%s+++ %.*s", style->add ? style->add : "", STR(to_header));
        end_line(out, style->add);
        put_hunks(out, &m, &ops, style);
    }
    arena_release(&a);
}
