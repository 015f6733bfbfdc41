// Values as TOML, laid out as Python's `toml` library prints them, which is what ansible-inventory --toml shows.
#include "toml.h"

struct writer {
    struct arena *a;
    struct err *e;
};
struct section {
    struct str name;
    struct val v;
};
struct sections {
    struct section *p;
    size_t n, cap;
};

static bool is_bare(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!ok) {
            return false;
        }
    }
    return s.n > 0;
}

static void put_text(struct buf *b, struct str s) {
    buf_char(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.s[i];
        if (c == '"' || c == '\\') {
            buf_printf(b, "\\%c", c);
        } else if (c == '\n' || c == '\t' || c == '\r') {
            buf_printf(b, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        } else if (c < 0x20 || c == 0x7f) {
            buf_printf(b, "\\u%04x", c);
        } else {
            buf_char(b, (char)c);
        }
    }
    buf_char(b, '"');
}

static bool put_value(struct writer *w, struct buf *b, struct val v);

static bool put_list(struct writer *w, struct buf *b, struct val v) {
    buf_z(b, "[");
    for (size_t i = 0; i < val_len(v); i++) {
        buf_z(b, " ");
        if (!put_value(w, b, val_at_index(v, i))) {
            return false;
        }
        buf_z(b, ",");
    }
    buf_z(b, "]");
    return true;
}

static bool put_value(struct writer *w, struct buf *b, struct val v) {
    if (v.kind == VAL_STR) {
        put_text(b, val_text(v));
    } else if (v.kind == VAL_BOOL) {
        buf_z(b, v.u.b ? "true" : "false");
    } else if (v.kind == VAL_INT || v.kind == VAL_FLOAT) {
        val_to_str(b, v);
    } else if (val_is_seq(v)) {
        return put_list(w, b, v);
    } else if (v.kind == VAL_NULL) {
        buf_z(b, "\"\"");
    } else {
        struct buf text = BUF_IN(w->a);
        val_to_str(&text, v);
        put_text(b, buf_view(&text));
    }
    return true;
}

static struct str quoted(struct arena *a, struct str name) {
    if (is_bare(name)) {
        return name;
    }
    struct buf b = BUF_IN(a);
    put_text(&b, name);
    return buf_view(&b);
}

static bool has_tables(struct val v) {
    for (size_t i = 0; val_is_seq(v) && i < val_len(v); i++) {
        if (val_at_index(v, i).kind == VAL_DICT) {
            return true;
        }
    }
    return false;
}

static bool put_tables(struct writer *w, struct buf *b, struct str name, struct val list);

/// The plain values of a dict as lines, its dicts as sections for later.
static bool put_dict(struct writer *w, struct val d, struct str above, struct buf *lines, struct sections *later) {
    struct buf tables = BUF_IN(w->a);
    size_t i = 0;
    for (struct vpair *p; (p = val_each(d, &i));) {
        if (p->key.kind != VAL_STR) {
            return err_set(w->e, ERR_TYPE, p->key.mark, "TOML has only text as keys, found %s",
                           val_kind_name(p->key.kind));
        }
        struct str name = quoted(w->a, val_text(p->key));
        struct str full = above.n ? str_printf(w->a, "%.*s.%.*s", STR(above), STR(name)) : name;
        if (p->value.kind == VAL_DICT) {
            VEC_PUSH(w->a, *later, ((struct section){name, p->value}));
        } else if (has_tables(p->value)) {
            if (!put_tables(w, &tables, full, p->value)) {
                return false;
            }
        } else if (p->value.kind != VAL_NULL) {
            buf_printf(lines, "%.*s = ", STR(name));
            if (!put_value(w, lines, p->value)) {
                return false;
            }
            buf_char(lines, '\n');
        }
    }
    buf_str(lines, buf_view(&tables));
    return true;
}

/// A list of dicts: [[name]] for each.
static bool put_tables(struct writer *w, struct buf *b, struct str name, struct val list) {
    for (size_t i = 0; i < val_len(list); i++) {
        struct sections later = {0};
        struct buf lines = BUF_IN(w->a);
        buf_printf(b, "[[%.*s]]\n", STR(name));
        if (!put_dict(w, val_at_index(list, i), name, &lines, &later)) {
            return false;
        }
        buf_str(b, buf_view(&lines));
        buf_char(b, '\n');
        for (size_t k = 0; k < later.n; k++) {
            struct str full = str_printf(w->a, "%.*s.%.*s", STR(name), STR(later.p[k].name));
            struct buf inner = BUF_IN(w->a);
            struct sections deeper = {0};
            if (!put_dict(w, later.p[k].v, full, &inner, &deeper)) {
                return false;
            }
            if (inner.n) {
                buf_printf(b, "[%.*s]\n%.*s", STR(full), STR(buf_view(&inner)));
            }
            for (size_t x = 0; x < deeper.n; x++) {
                struct section s = {str_printf(w->a, "%.*s.%.*s", STR(later.p[k].name), STR(deeper.p[x].name)),
                                    deeper.p[x].v};
                VEC_PUSH(w->a, later, s);
            }
        }
    }
    return true;
}

bool toml_write(struct buf *out, struct val v, struct arena *a, struct err *e) {
    struct writer w = {a, e};
    struct sections now = {0};
    if (!put_dict(&w, v, STR_NONE, out, &now)) {
        return false;
    }
    while (now.n) {
        struct sections next = {0};
        for (size_t i = 0; i < now.n; i++) {
            struct buf lines = BUF_IN(a);
            struct sections inner = {0};
            if (!put_dict(&w, now.p[i].v, now.p[i].name, &lines, &inner)) {
                return false;
            }
            if (lines.n || !inner.n) {
                bool gap = out->n && !str_ends(buf_view(out), "\n\n");
                buf_printf(out, "%s[%.*s]\n%.*s", gap ? "\n" : "", STR(now.p[i].name), STR(buf_view(&lines)));
            }
            for (size_t k = 0; k < inner.n; k++) {
                struct str name = str_printf(a, "%.*s.%.*s", STR(now.p[i].name), STR(inner.p[k].name));
                VEC_PUSH(a, next, ((struct section){name, inner.p[k].v}));
            }
        }
        now = next;
    }
    return true;
}
