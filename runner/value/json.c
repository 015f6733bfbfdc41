// JSON text: jansson reads it, the writer here prints as Python's json module does.
#include "json.h"
#include "big.h"
#include "fd.h"

#include <jansson.h>
#include <math.h>

#define MAX_DEPTH 1000

/// What is read: integers that do not fit 64 bits, which jansson refuses, come as texts behind `mark`.
struct reader {
    struct arena *a;
    struct str mark;
};

static struct val from_text(const struct reader *r, struct str s) {
    if (r->mark.n && s.n > r->mark.n && memcmp(s.s, r->mark.s, r->mark.n) == 0) {
        return big_val(r->a, str_dup(r->a, str_sub(s, r->mark.n, s.n)));
    }
    return val_str(r->a, s);
}

static struct val from_jansson(const struct reader *r, const json_t *j) {
    struct arena *a = r->a;
    switch (json_typeof(j)) {
    case JSON_OBJECT: {
        struct val d = val_dict(a, json_object_size(j));
        union {
            const json_t *in;
            json_t *out;
        } u = {.in = j};
        for (void *it = json_object_iter(u.out); it; it = json_object_iter_next(u.out, it)) {
            val_set(a, d, json_object_iter_key(it), from_jansson(r, json_object_iter_value(it)));
        }
        return d;
    }
    case JSON_ARRAY: {
        size_t n = json_array_size(j);
        struct val l = val_list(a, n);
        for (size_t i = 0; i < n; i++) {
            val_push(a, l, from_jansson(r, json_array_get(j, i)));
        }
        return l;
    }
    case JSON_STRING:
        return from_text(r, (struct str){json_string_value(j), json_string_length(j)});
    case JSON_INTEGER:
        return val_int(json_integer_value(j));
    case JSON_REAL:
        return val_float(json_real_value(j));
    case JSON_TRUE:
        return val_bool(true);
    case JSON_FALSE:
        return val_bool(false);
    case JSON_NULL:
        break;
    }
    return VNULL;
}

/// Behind the text in quotes that starts at `i`.
static size_t quoted_end(struct str s, size_t i) {
    for (i++; i < s.n && s.s[i] != '"'; i++) {
        i += s.s[i] == '\\';
    }
    return i < s.n ? i + 1 : s.n;
}

static bool is_digit(char ch) {
    return ch >= '0' && ch <= '9';
}

/// The same JSON with each integer of more than 18 digits as a text behind a mark that nobody can guess.
static struct str mark_integers(struct reader *r, struct str s) {
    unsigned char random[16];
    struct buf b = BUF_IN(r->a), m = BUF_IN(r->a);
    random_bytes(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        buf_printf(&m, "%02x", random[i]);
    }
    r->mark = buf_view(&m);
    for (size_t i = 0, end; i < s.n; i = end) {
        size_t digits = i + (s.s[i] == '-');
        end = s.s[i] == '"' ? quoted_end(s, i) : i + 1;
        if (digits < s.n && is_digit(s.s[digits])) {
            for (end = digits; end < s.n && is_digit(s.s[end]); end++) {
            }
            bool whole = end >= s.n || !strchr(".eE", s.s[end]);
            if (whole && end - digits > 18 && end - digits <= BIG_DIGITS && s.s[digits] != '0') {
                buf_printf(&b, "\"%.*s%.*s\"", STR(r->mark), STR(str_sub(s, i, end)));
                continue;
            }
            for (; end < s.n && (is_digit(s.s[end]) || strchr(".eE+-", s.s[end])); end++) {
            }
        }
        buf_str(&b, str_sub(s, i, end));
    }
    return buf_view(&b);
}

bool json_parse(struct arena *a, struct str text, struct val *out, struct err *e) {
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    struct reader r = {.a = a};
    json_error_t why;
    bool marked = false;
    json_t *j = json_loadb(text.s ? text.s : "", text.n, flags, &why);
    if (!j && json_error_code(&why) == json_error_numeric_overflow) {
        struct str other = mark_integers(&r, text);
        j = json_loadb(other.s, other.n, flags, &why);
        marked = true;
    }
    if (!j && marked) {  // its columns are not those of the text
        return err_set(e, ERR_SYNTAX, NO_MARK, "invalid JSON at line %d: %s", why.line, why.text);
    }
    if (!j) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "invalid JSON at line %d, column %d: %s", why.line, why.column,
                       why.text);
    }
    *out = from_jansson(&r, j);
    json_decref(j);
    return true;
}

struct writer {
    struct buf *b;
    const struct json_style *style;
    struct err *e;
    unsigned depth;
};

static void write_text(struct writer *w, struct str s) {
    static const char plain[] = "\b\f\n\r\t\"\\";
    static const char letter[] = "bfnrt\"\\";
    buf_char(w->b, '"');
    for (size_t i = 0; i < s.n;) {
        size_t from = i;
        uint32_t cp = utf8_next(s, &i);
        const char *at = cp && cp < 0x80 ? strchr(plain, (char)cp) : NULL;
        if (at) {
            buf_char(w->b, '\\');
            buf_char(w->b, letter[at - plain]);
        } else if (cp < 0x20 || (w->style->ascii && cp >= 0x7F && cp < 0x10000)) {
            buf_printf(w->b, "\\u%04x", cp);
        } else if (w->style->ascii && cp >= 0x10000) {
            buf_printf(w->b, "\\u%04x\\u%04x", 0xD800 + ((cp - 0x10000) >> 10), 0xDC00 + ((cp - 0x10000) & 0x3FF));
        } else {
            buf_add(w->b, s.s + from, i - from);
        }
    }
    buf_char(w->b, '"');
}

static void newline(struct writer *w) {
    if (w->style->indent != 0) {
        unsigned step = w->style->indent > 0 ? (unsigned)w->style->indent : 0;
        buf_char(w->b, '\n');
        for (unsigned i = 0; i < w->depth * step; i++) {
            buf_char(w->b, ' ');
        }
        for (unsigned i = 0; w->style->indent_text && i < w->depth; i++) {
            buf_z(w->b, w->style->indent_text);
        }
    }
}

static void separator(struct writer *w) {
    const char *sep = w->style->item_sep;
    buf_z(w->b, sep ? sep : (w->style->indent != 0 ? "," : ", "));
    newline(w);
}

static bool write_val(struct writer *w, struct val v);

static bool write_seq(struct writer *w, struct val v) {
    if (v.kind == VAL_LIST && v.spare >= VAL_SPARE_KEYS && v.spare <= VAL_SPARE_FAILING) {
        return err_set(w->e, ERR_TYPE, v.mark, "Object of type %s is not JSON serializable",
                       v.spare >= VAL_SPARE_GENERATOR ? "generator"
                       : v.spare == VAL_SPARE_RANGE   ? "range"
                                                      : "dict view");
    }
    if (v.u.l->n == 0) {
        buf_z(w->b, "[]");
        return true;
    }
    buf_char(w->b, '[');
    w->depth++;
    newline(w);
    for (size_t i = 0; i < v.u.l->n; i++) {
        if (i > 0) {
            separator(w);
        }
        if (!write_val(w, v.u.l->items[i])) {
            return false;
        }
    }
    w->depth--;
    newline(w);
    buf_char(w->b, ']');
    return true;
}

static int by_key(const void *x, const void *y) {
    const struct vpair *const *a = x;
    const struct vpair *const *b = y;
    struct err ignore = {0};
    int order = 0;
    (void)val_compare((*a)->key, (*b)->key, &order, &ignore);  // texts, or numbers: that cannot fail
    return order;
}

static bool is_number(struct val k) {
    return k.kind == VAL_BOOL || k.kind == VAL_INT || k.kind == VAL_FLOAT || is_big(k);
}

static bool sort_pairs(struct writer *w, const struct vpair **pairs, size_t n) {
    for (size_t i = 1; i < n; i++) {
        struct val a = pairs[i - 1]->key, b = pairs[i]->key;
        if ((a.kind == VAL_STR && b.kind == VAL_STR) || (is_number(a) && is_number(b))) {
            continue;
        }
        return !w->style->same_keys || err_set(w->e, ERR_TYPE, b.mark,
                                               "keys that are sorted must be all text or all numbers: '<' not "
                                               "supported between instances of '%s' and '%s'",
                                               val_type_name(b), val_type_name(a));
    }
    qsort(pairs, n, sizeof *pairs, by_key);
    return true;
}

// Keys become text as Python does it: None -> null, True -> true, numbers as they print.
static bool write_key(struct writer *w, struct val k) {
    struct buf b = BUF_IN(w->e->arena);
    switch ((enum val_kind)k.kind) {
    case VAL_STR:
        write_text(w, val_text(k));
        return true;
    case VAL_NULL:
        buf_z(&b, "null");
        break;
    case VAL_BOOL:
        buf_z(&b, k.u.b ? "true" : "false");
        break;
    case VAL_INT:
    case VAL_FLOAT:
    case VAL_OBJ:
        val_to_str(&b, k);
        break;
    case VAL_UNDEF:
    case VAL_LIST:
    case VAL_TUPLE:
    case VAL_DICT:
    case VAL_OMIT:
        return err_set(w->e, ERR_TYPE, k.mark, "keys must be str, int, float, bool or None, not %s", val_type_name(k));
    }
    write_text(w, buf_view(&b));
    return true;
}

static bool write_dict(struct writer *w, struct val v) {
    size_t n = v.u.d->live;
    if (n == 0) {
        buf_z(w->b, "{}");
        return true;
    }
    const struct vpair **pairs = ARENA_ARRAY(w->e->arena, const struct vpair *, n);
    size_t i = 0;
    size_t k = 0;
    for (struct vpair *p; (p = val_each(v, &i));) {
        pairs[k++] = p;
    }
    if (w->style->sort_keys && !sort_pairs(w, pairs, n)) {
        return false;
    }
    buf_char(w->b, '{');
    w->depth++;
    newline(w);
    for (k = 0; k < n; k++) {
        if (k > 0) {
            separator(w);
        }
        if (!write_key(w, pairs[k]->key)) {
            return false;
        }
        buf_z(w->b, w->style->key_sep ? w->style->key_sep : ": ");
        if (!write_val(w, pairs[k]->value)) {
            return false;
        }
    }
    w->depth--;
    newline(w);
    buf_char(w->b, '}');
    return true;
}

static void write_float(struct buf *b, double f) {
    if (isnan(f) || isinf(f)) {
        buf_z(b, isnan(f) ? "NaN" : (f > 0 ? "Infinity" : "-Infinity"));
    } else {
        float_repr(b, f);
    }
}

static bool write_object(struct writer *w, struct val v) {
    struct val plain;
    if (!v.u.o->type->json || !v.u.o->type->json(v, w->e->arena, &plain)) {
        return err_set(w->e, ERR_TYPE, v.mark, "Object of type %s is not JSON serializable", val_type_name(v));
    }
    return write_val(w, plain);
}

// As Ansible: an object by which its JSON reader knows an envelope.
static bool write_sealed(struct writer *w, struct val v) {
    struct val d = val_dict(w->e->arena, 1);
    val_set(w->e->arena, d, "__ansible_vault", val_str(w->e->arena, val_text(v)));
    return write_val(w, d);
}

static bool write_val(struct writer *w, struct val v) {
    if (w->depth > MAX_DEPTH) {
        return err_set(w->e, ERR_LIMIT, v.mark, "nested deeper than %d levels", MAX_DEPTH);
    }
    switch ((enum val_kind)v.kind) {
    case VAL_STR:
        return v.flags & VAL_SEALED ? write_sealed(w, v) : (write_text(w, val_text(v)), true);
    case VAL_LIST:
    case VAL_TUPLE:
        return write_seq(w, v);
    case VAL_DICT:
        return write_dict(w, v);
    case VAL_NULL:
        buf_z(w->b, "null");
        return true;
    case VAL_BOOL:
        buf_z(w->b, v.u.b ? "true" : "false");
        return true;
    case VAL_INT:
        buf_printf(w->b, "%lld", (long long)v.u.i);
        return true;
    case VAL_FLOAT:
        write_float(w->b, v.u.f);
        return true;
    case VAL_OBJ:
        if (is_big(v)) {
            buf_str(w->b, big_digits(v));
            return true;
        }
        return write_object(w, v);
    case VAL_OMIT:
        write_text(w, STR_LIT(OMIT_TOKEN));
        return true;
    case VAL_UNDEF:
        break;
    }
    return err_set(w->e, ERR_TYPE, v.mark, "Object of type %s is not JSON serializable", val_type_name(v));
}

bool json_write(struct buf *b, struct val v, const struct json_style *style, struct err *e) {
    static const struct json_style plain = {0};
    struct writer w = {.b = b, .style = style ? style : &plain, .e = e};
    return write_val(&w, v);
}
