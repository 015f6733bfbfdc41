// INI text: reading it as Python's configparser does, and the filters from_ini and to_ini.
#include "filters/inifile.h"

#include "filters/text.h"

struct str ini_option_name(const struct ini *p, struct str s) {
    s = text_strip(s, STR_NONE, STRIP_BOTH);
    return p->fold ? text_lower(p->c->a, s) : s;
}

static void finish(struct ini *p) {
    if (p->open) {
        struct str v = text_strip(buf_view(&p->value), STR_NONE, STRIP_RIGHT);
        val_set_str(p->c->a, p->cur, p->option, p->none ? VNULL : val_str(p->c->a, v));
    }
    p->open = false;
}

static bool new_section(struct ini *p, struct str name, struct err *e) {
    finish(p);
    if (str_eqz(name, "DEFAULT")) {
        p->cur = p->defaults;
        return true;
    }
    if (!is_undef(val_get_str(p->sections, name))) {
        return plug_err(p->c, e, ERR_SYNTAX, "section '%.*s' is there twice", STR(name));
    }
    p->cur = val_dict(p->c->a, 8);
    val_set_str(p->c->a, p->sections, name, p->cur);
    return true;
}

/// Where the first delimiter of a line stands, or its length; *width is the delimiter's.
static size_t delimiter_at(const struct ini *p, struct str line, size_t *width) {
    size_t best = line.n;
    if (!val_is_seq(p->delimiters)) {
        size_t equals = str_find_char(line, 0, '='), colon = str_find_char(line, 0, ':');
        best = equals < best ? equals : best;
        return colon < best ? colon : best;
    }
    for (size_t i = 0; i < val_len(p->delimiters); i++) {
        struct str d = val_text(val_at_index(p->delimiters, i));
        size_t at = str_find(line, 0, d);
        if (at < best) {
            best = at;
            *width = d.n;
        }
    }
    return best;
}

static bool new_option(struct ini *p, struct str line, size_t number, struct err *e) {
    size_t width = 1, at = delimiter_at(p, line, &width);
    bool value = at < line.n;
    finish(p);
    p->option = ini_option_name(p, str_sub(line, 0, at));
    if (!value && !p->no_value) {
        return plug_err(p->c, e, ERR_SYNTAX, "line %zu has no '=': '%.*s'", number, STR(line));
    }
    if (!p->option.n) {
        return plug_err(p->c, e, ERR_SYNTAX, "line %zu has no option before '='", number);
    }
    if (!is_undef(val_get_str(p->cur, p->option))) {
        return plug_err(p->c, e, ERR_SYNTAX, "Duplicate option in line %zu: '%.*s'", number, STR(p->option));
    }
    p->open = true;
    p->none = !value;
    p->value = BUF_IN(p->c->a);
    buf_str(&p->value, text_strip(str_sub(line, value ? at + width : at, line.n), STR_NONE, STRIP_BOTH));
    return true;
}

static bool read_line(struct ini *p, struct str line, size_t number, struct err *e) {
    struct str text = text_strip(line, STR_NONE, STRIP_BOTH);
    bool comment = str_starts(text, "#") || str_starts(text, ";");
    if (!text.n || comment) {
        if (!comment && p->open && !p->none) {
            buf_char(&p->value, '\n');
        }
        return true;
    }
    size_t indent = line.n - text_strip(line, STR_NONE, STRIP_LEFT).n;
    if (!is_undef(p->cur) && p->open && indent > p->indent) {
        p->none = false;
        buf_char(&p->value, '\n');
        buf_str(&p->value, text);
        return true;
    }
    p->indent = indent;
    size_t close = text.n;
    while (close > 1 && text.s[close - 1] != ']') {
        close--;
    }
    if (text.s[0] == '[' && close > 2) {
        return new_section(p, str_sub(text, 1, close - 1), e);
    }
    if (is_undef(p->cur)) {
        return plug_err(p->c, e, ERR_SYNTAX, "line %zu stands before the first section", number);
    }
    return new_option(p, text, number, e);
}

bool ini_read(struct ini *p, struct str text, struct err *e) {
    struct str line;
    p->sections = val_dict(p->c->a, 8);
    p->defaults = val_dict(p->c->a, 8);
    for (size_t n = 1; str_next(&text, '\n', &line); n++) {
        if (!read_line(p, line, n, e)) {
            return false;
        }
    }
    finish(p);
    return true;
}

// -- filters ---------------------------------------------------------------------------------------------------------

static bool f_from_ini(struct jcall *c, struct val *out, struct err *e) {
    struct ini p = {.c = c, .delimiters = {.kind = VAL_UNDEF}};
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "obj", "a string", c->args[0]);
    }
    if (!opt_none(c, 1)) {
        p.delimiters = c->args[1];
        bool texts = val_is_seq(p.delimiters);
        for (size_t i = 0; texts && i < val_len(p.delimiters); i++) {
            struct val d = val_at_index(p.delimiters, i);
            texts = d.kind == VAL_STR && val_text(d).n > 0;
        }
        if (!texts) {
            return bad_arg(c, e, "delimiters", "a list of strings", p.delimiters);
        }
    }
    if (!ini_read(&p, val_text(c->args[0]), e)) {
        return false;
    }
    *out = val_dict(c->a, val_len(p.sections) + 1);
    size_t i = 0;
    for (const struct vpair *s; (s = val_each(p.sections, &i));) {
        val_set_key(c->a, *out, s->key, val_merge(c->a, p.defaults, s->value, false, MERGE_REPLACE));
    }
    if (val_len(p.defaults)) {
        val_set(c->a, *out, "DEFAULT", p.defaults);
    }
    return true;
}
FILTER(from_ini) = {.doc = "INI text as a dictionary of sections.",
                    .params = "obj, delimiters=None",
                    .fn = f_from_ini,
                    .fqcn = "community.general.from_ini",
                    .example = "'[a]\\nb = 1' | community.general.from_ini == {'a': {'b': '1'}}"};

static bool write_section(struct jcall *c, struct buf *b, struct val name, struct val options, bool tight,
                          struct err *e) {
    struct str title = text_of(c, name);
    size_t i = 0;
    if (options.kind != VAL_DICT) {
        return plug_err(c, e, ERR_TYPE, "section '%.*s' must be a dictionary, not %s", STR(title),
                        kind_article(options));
    }
    buf_printf(b, "[%.*s]\n", STR(title));
    for (const struct vpair *p; (p = val_each(options, &i));) {
        if (p->value.kind == VAL_NULL) {
            return plug_err(c, e, ERR_TYPE, "option '%.*s' of section '%.*s' has no value", STR(text_of(c, p->key)),
                            STR(title));
        }
        buf_str(b, text_of(c, p->key));
        buf_z(b, tight ? "=" : " = ");
        buf_str(b, str_replace(c->a, text_of(c, p->value), STR_LIT("\n"), STR_LIT("\n\t")));
        buf_char(b, '\n');
    }
    buf_char(b, '\n');
    return true;
}

static bool f_to_ini(struct jcall *c, struct val *out, struct err *e) {
    static const char *const names[] = {"no_extra_spaces", NULL};
    struct val d = c->args[0], tight = opt_kw(c, "no_extra_spaces"), defaults = val_get(d, "DEFAULT");
    struct buf b = BUF_IN(c->a);
    if (!only_kw(c, names, e)) {
        return false;
    }
    if (d.kind != VAL_DICT) {
        return bad_arg(c, e, "obj", "a dictionary", d);
    }
    if (!is_undef(tight) && tight.kind != VAL_BOOL) {
        return bad_arg(c, e, "no_extra_spaces", "a boolean", tight);
    }
    bool close = !is_undef(tight) && tight.u.b;
    if (!val_len(d)) {
        return plug_err(c, e, ERR_ARGS, "an empty dictionary cannot become INI text");
    }
    if (val_len(defaults) && !write_section(c, &b, val_z(c->a, "DEFAULT"), defaults, close, e)) {
        return false;
    }
    size_t i = 0;
    for (const struct vpair *p; (p = val_each(d, &i));) {
        if (!str_eqz(text_of(c, p->key), "DEFAULT") && !write_section(c, &b, p->key, p->value, close, e)) {
            return false;
        }
    }
    struct str s = buf_view(&b);
    *out = val_str(c->a, str_sub(s, 0, s.n ? s.n - 1 : 0));
    return true;
}
FILTER(to_ini) = {.doc = "A dictionary of sections as INI text. 'no_extra_spaces': no spaces around '='.",
                  .params = "obj, /, **",
                  .fn = f_to_ini,
                  .fqcn = "community.general.to_ini",
                  .example = "{'a': {'b': 1}} | community.general.to_ini == '[a]\\nb = 1\\n'"};
