// Escaping for HTML, and MarkupSafe's rules for what happens to text that is HTML already.
#include "markup.h"

void html_escape(struct buf *b, struct str s) {
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        const char *to = NULL;
        switch (s.s[i]) {
        case '&':
            to = "&amp;";
            break;
        case '<':
            to = "&lt;";
            break;
        case '>':
            to = "&gt;";
            break;
        case '\'':
            to = "&#39;";
            break;
        case '"':
            to = "&#34;";
            break;
        default:
            continue;
        }
        buf_add(b, s.s + from, i - from);
        buf_z(b, to);
        from = i + 1;
    }
    buf_add(b, s.s + from, s.n - from);
}

bool is_markup(struct val v) {
    return v.kind == VAL_STR && (v.flags & VAL_MARKUP);
}

struct val markup_set(struct val text, bool on) {
    if (text.kind == VAL_STR) {
        text.flags = (uint8_t)(on ? text.flags | VAL_MARKUP : text.flags & ~VAL_MARKUP);
    }
    return text;
}

struct val markup_of(struct arena *a, struct val v) {
    if (is_markup(v)) {
        return v;
    }
    struct buf b = BUF_IN(a);
    if (v.kind == VAL_OBJ && strcmp(v.u.o->type->name, "TemplateModule") == 0) {
        val_to_str(&b, v);  // what a template printed was escaped then
    } else {
        html_escape(&b, val_str_of(a, v));
    }
    return val_flag(val_str(a, buf_view(&b)), VAL_MARKUP | (v.flags & VAL_SECRET));
}

static bool named(const char *name, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name, list[i]) == 0) {
            return true;
        }
    }
    return false;
}

// Methods whose text arguments are escaped first, and methods that only give HTML again.
static const char *const escaping[] = {"capitalize", "title",      "lower",  "upper",     "replace",   "ljust",
                                       "rjust",      "translate",  "lstrip", "rstrip",    "center",    "strip",
                                       "swapcase",   "expandtabs", "zfill",  "partition", "rpartition"};
static const char *const giving[] = {"split", "rsplit", "splitlines", "join", "format", "format_map"};

void markup_args(struct jcall *c, const char *method) {
    bool join = strcmp(method, "join") == 0;
    if (c->nargs < 2 || (!join && !named(method, escaping, COUNTOF(escaping)))) {
        return;
    }
    struct val *args = ARENA_ARRAY(c->a, struct val, c->nargs);
    memcpy(args, c->args, sizeof *args * c->nargs);
    for (size_t i = 1; i < c->nargs; i++) {
        if (args[i].kind == VAL_STR && !join) {
            args[i] = markup_of(c->a, args[i]);
        }
    }
    struct err ignored = {.arena = c->a};
    struct val list = {0};
    if (join && jinja_iter(c, args[1], &list, &ignored)) {
        args[1] = val_list(c->a, val_len(list));
        for (size_t i = 0; i < val_len(list); i++) {
            val_push(c->a, args[1], markup_of(c->a, val_at_index(list, i)));
        }
    }
    c->args = args;
}

struct val markup_result(struct jcall *c, const char *method, struct val out) {
    if (!named(method, escaping, COUNTOF(escaping)) && !named(method, giving, COUNTOF(giving))) {
        return markup_set(out, false);
    }
    if (!val_is_seq(out)) {
        return markup_set(out, true);
    }
    struct val list = out.kind == VAL_LIST ? val_list(c->a, val_len(out)) : val_tuple(c->a, val_len(out));
    for (size_t i = 0; i < val_len(out); i++) {
        val_push(c->a, list, markup_set(val_at_index(out, i), true));
    }
    return list;
}
