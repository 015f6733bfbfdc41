// Results as text: JSON or YAML, on one line or several, without what is internal or too much.
#include "output.h"

#include "emit.h"
#include "json.h"

static bool hidden(struct output *o, struct str key) {
    if (str_starts(key, "_ansible_") || str_eqz(key, "failed") || str_eqz(key, "skipped")) {
        return true;
    }
    return str_eqz(key, "exception") || (o->opts.verbosity < 3 && (str_eqz(key, "invocation") || str_eqz(key, "diff")));
}

// Text as YAML's block style can take it: no blanks before line ends, no tabs, nothing special.
static struct str readable(struct output *o, struct str s) {
    struct buf b = BUF_IN(&o->scratch);
    size_t col = 0;
    s = str_rtrim(s);
    for (size_t i = 0; i < s.n;) {
        size_t from = i;
        uint32_t cp = utf8_next(s, &i);
        if (cp == '\t') {
            do {
                buf_char(&b, ' ');
            } while (++col % 8);
            continue;
        }
        if (cp == '\n') {
            while (b.n && b.p[b.n - 1] == ' ') {
                b.n--;
            }
        }
        bool special = cp != '\n' && (cp < 0x20 || (cp > 0x7E && cp < 0xA0 && cp != 0x85) || cp == 0xFEFF ||
                                      (cp >= 0xD800 && cp < 0xE000) || cp == 0xFFFE || cp == 0xFFFF);
        if (!special) {
            buf_str(&b, str_sub(s, from, i));
        }
        col = cp == '\n' ? 0 : col + 1;
    }
    return buf_view(&b);
}

static struct val readable_all(struct output *o, struct val v) {
    struct arena *a = &o->scratch;
    if (v.kind == VAL_STR && str_find_char(val_text(v), 0, '\n') != SIZE_MAX) {
        return val_str(a, readable(o, val_text(v)));
    }
    if (val_is_seq(v)) {
        struct val out = val_list(a, val_len(v));
        for (size_t i = 0; i < val_len(v); i++) {
            val_push(a, out, readable_all(o, val_at_index(v, i)));
        }
        return out;
    }
    if (v.kind == VAL_DICT) {
        struct val out = val_dict(a, val_len(v));
        size_t i = 0;
        for (struct vpair *p; (p = val_each(v, &i));) {
            val_set_key(a, out, p->key, readable_all(o, p->value));
        }
        return out;
    }
    return v;
}

static void omit_lines(struct output *o, struct val v, const char *key, const char *lines) {
    if (val_has(v, key) && val_has(v, lines)) {
        val_set(&o->scratch, v, lines, val_z(&o->scratch, "<omitted>"));
    }
}

static struct str as_yaml(struct output *o, struct val v, int indent) {
    struct buf b = BUF_IN(&o->scratch);
    struct buf out = BUF_IN(&o->scratch);
    struct err e = {.arena = &o->scratch};
    bool lossy = o->opts.pretty != PRETTY_OFF;
    v = lossy ? readable_all(o, v) : v;
    struct yaml_style style = {.indent = indent, .sort_keys = true, .literal = true};
    if (!yaml_emit(&b, v, &style, &e)) {
        return str_printf(&o->scratch, "msg: 'the result cannot be shown: %s'", e.msg);
    }
    struct str rest = buf_view(&b);
    struct str line;
    rest.n -= str_ends(rest, "\n") ? 1 : 0;
    while (str_next(&rest, '\n', &line)) {
        buf_printf(&out, "%s%*s%.*s", out.n ? "\n" : "", line.n ? (indent ? indent : 4) : 0, "", STR(line));
    }
    return buf_view(&out);
}

static struct str as_json(struct output *o, struct val v, int indent) {
    struct buf b = BUF_IN(&o->scratch);
    struct err e = {.arena = &o->scratch};
    struct json_style style = {.indent = indent, .sort_keys = true};
    if (!json_write(&b, v, &style, &e)) {
        return str_printf(&o->scratch, "{\"msg\": \"the result cannot be shown: %s\"}", e.msg);
    }
    return buf_view(&b);
}

static bool is_internal(struct val key) {
    return key.kind == VAL_STR && str_starts(val_text(key), "_ansible_");
}

static bool any_internal(struct val v) {
    size_t i = 0;
    struct vpair *p;
    for (; val_is_seq(v) && i < val_len(v); i++) {
        if (any_internal(val_at_index(v, i))) {
            return true;
        }
    }
    while (v.kind == VAL_DICT && (p = val_each(v, &i))) {
        if (is_internal(p->key) || any_internal(p->value)) {
            return true;
        }
    }
    return false;
}

/// Without internal keys at any depth.
static struct val without_internal(struct arena *a, struct val v) {
    size_t i = 0;
    struct vpair *p;
    if (!any_internal(v)) {
        return v;
    }
    struct val out = v.kind == VAL_DICT ? val_dict(a, val_len(v)) : val_list(a, val_len(v));
    for (; val_is_seq(v) && i < val_len(v); i++) {
        val_push(a, out, without_internal(a, val_at_index(v, i)));
    }
    while (v.kind == VAL_DICT && (p = val_each(v, &i))) {
        if (!is_internal(p->key)) {
            val_set_key(a, out, p->key, without_internal(a, p->value));
        }
    }
    return val_flag(out, v.flags);
}

struct val out_shown(struct output *o, struct val result) {
    struct val shown = val_dict(&o->scratch, 8);
    size_t i = 0;
    for (struct vpair *p; (p = val_each(result, &i));) {
        if (!hidden(o, val_text(p->key))) {
            val_set_key(&o->scratch, shown, p->key, without_internal(&o->scratch, p->value));
        }
    }
    return out_masked(o, shown);
}

/// stdout_callback = yaml (community.general): a line with `changed`, then the rest as YAML.
static struct str yaml_dump(struct output *o, struct val result) {
    struct val v = val_copy(&o->scratch, out_shown(o, result));
    struct buf b = BUF_IN(&o->scratch);
    struct buf text = BUF_IN(&o->scratch);
    struct err e = {.arena = &o->scratch};
    struct yaml_style style = {.width = 1000, .sort_keys = true, .literal = true};
    struct val changed = val_get(v, "changed");
    if (val_is(changed, VAL_BOOL)) {
        buf_printf(&b, "changed=%s ", changed.u.b ? "true" : "false");
        val_del_key(v, val_z(&o->scratch, "changed"));
    }
    omit_lines(o, v, "stdout", "stdout_lines");
    omit_lines(o, v, "stderr", "stderr_lines");
    if (val_len(v) && yaml_emit(&text, readable_all(o, v), &style, &e)) {
        struct str rest = str_rtrim(buf_view(&text));
        struct str line;
        while (str_next(&rest, '\n', &line)) {
            buf_printf(&b, "\n  %.*s", STR(line));
        }
    }
    return str_rtrim(buf_view(&b));
}

CALLBACK(yaml) = {
    .doc = "The default one, with results as YAML.",
    .event = default_event,
    .dump = yaml_dump,
};

/// stdout_callback = debug (ansible.posix): what a command printed stands below its result.
static struct str debug_dump(struct output *o, struct val result) {
    static const char *const texts[] = {"stdout", "stderr", "msg", "module_stdout", "module_stderr"};
    struct val v = val_copy(&o->scratch, out_shown(o, result));
    struct buf b = BUF_IN(&o->scratch);
    struct buf below = BUF_IN(&o->scratch);
    for (size_t i = 0; i < COUNTOF(texts); i++) {
        struct val text = val_get(v, texts[i]);
        if (val_truth(text)) {
            buf_char(&below, '\n');
            buf_char(&below, '\n');
            for (const char *c = texts[i]; *c; c++) {
                buf_char(&below, *c == '_' ? '_' : (char)(*c - 0x20));
            }
            buf_printf(&below, ":\n\n%.*s\n", STR(val_str_of(&o->scratch, text)));
        }
        (void)val_del_key(v, val_z(&o->scratch, texts[i]));
    }
    (void)val_del_key(v, val_z(&o->scratch, "stdout_lines"));
    (void)val_del_key(v, val_z(&o->scratch, "stderr_lines"));
    buf_str(&b, as_json(o, v, 4));
    buf_str(&b, buf_view(&below));
    b.n -= below.n ? 1 : 0;  // the line is ended by who prints it
    return buf_view(&b);
}

CALLBACK(debug) = {
    .doc = "The default one, with the output of commands below their results.",
    .event = default_event,
    .dump = debug_dump,
};

struct str out_result_indent(struct output *o, struct val result, int indent) {
    bool pretty = o->opts.pretty == PRETTY_ON || (o->opts.pretty == PRETTY_DEFAULT && o->opts.yaml);
    struct val shown = out_shown(o, result);
    indent = o->opts.pretty == PRETTY_OFF ? 0 : !indent && pretty ? 4 : indent;
    if (!o->opts.yaml) {
        return as_json(o, shown, indent);
    }
    if (o->opts.pretty != PRETTY_OFF) {
        shown = val_copy(&o->scratch, shown);
        omit_lines(o, shown, "stdout", "stdout_lines");
        omit_lines(o, shown, "stderr", "stderr_lines");
    }
    return str_printf(&o->scratch, "\n%.*s", STR(as_yaml(o, shown, indent)));
}

struct str out_result(struct output *o, struct val result, bool pretty) {
    return out_result_indent(o, result, pretty ? 4 : 0);
}

struct str out_structure(struct output *o, struct val v) {
    v = out_masked(o, v);
    struct str text = o->opts.yaml ? as_yaml(o, v, 4) : as_json(o, v, 4);
    return str_printf(&o->scratch, "%.*s\n", STR(text));
}
