// The lookup ini: values of INI and properties files, read as Python's configparser reads them.
#include "filters/inifile.h"
#include "filters/text.h"
#include "lookups/common.h"
#include "regex.h"

// -- interpolation ---------------------------------------------------------------------------------------------------

static struct val ini_get(const struct ini *p, struct val section, struct str option) {
    struct val v = val_get_str(section, option);
    return is_undef(v) ? val_get_str(p->defaults, option) : v;
}

static bool interpolate(struct ini *p, struct val section, struct str s, unsigned depth, struct buf *out,
                        struct err *e) {
    if (depth > 10) {
        return plug_err(p->c, e, ERR_LIMIT, "%%(...)s refer to each other more than 10 deep");
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] != '%') {
            buf_char(out, s.s[i]);
            continue;
        }
        char next = 0;
        if (i + 1 < s.n) {
            next = s.s[i + 1];
        }
        if (next == '%') {
            buf_char(out, '%');
            i++;
            continue;
        }
        size_t end = next == '(' ? str_find(s, i, STR_LIT(")s")) : SIZE_MAX;
        if (end == SIZE_MAX) {
            return plug_err(p->c, e, ERR_SYNTAX, "'%%' must be followed by '%%' or '(name)s'");
        }
        struct str name = ini_option_name(p, str_sub(s, i + 2, end));
        struct val v = ini_get(p, section, name);
        if (is_undef(v)) {
            return plug_err(p->c, e, ERR_ARGS, "%%(%.*s)s names no option", STR(name));
        }
        if (out->n > TEXT_CAP) {
            return plug_err(p->c, e, ERR_LIMIT, "the value is longer than %zu bytes", TEXT_CAP);
        }
        if (!interpolate(p, section, val_text(v), depth + 1, out, e)) {
            return false;
        }
        i = end + 1;
    }
    return true;
}

static bool final_value(struct ini *p, struct val section, struct val raw, bool expand, struct val *out,
                        struct err *e) {
    *out = raw;
    if (!expand || raw.kind != VAL_STR) {
        return true;
    }
    struct buf b = BUF_IN(p->c->a);
    if (!interpolate(p, section, val_text(raw), 0, &b, e)) {
        return false;
    }
    *out = val_str(p->c->a, buf_view(&b));
    return true;
}

// -- the lookup ------------------------------------------------------------------------------------------------------

static const char *const names[] = {"type",    "file",           "section",        "re",         "encoding",
                                    "default", "case_sensitive", "allow_no_value", "allow_none", "interpolation",
                                    NULL};

/// "key section=x file=y": options inside the term, each lasting to the next "name=".
static bool term_options(struct jcall *c, struct str term, struct str *key, struct val opts, struct err *e) {
    struct str word, name = STR_NONE;
    struct buf b = BUF_IN(c->a);
    *key = STR_NONE;
    while (text_word(&term, &word)) {
        size_t eq = str_find_char(word, 0, '=');
        bool known = false;
        for (size_t i = 0; names[i] && eq != SIZE_MAX; i++) {
            known = known || str_eqz(str_sub(word, 0, eq), names[i]);
        }
        if (eq != SIZE_MAX && !known) {
            return plug_err(c, e, ERR_ARGS, "'%.*s' is not a valid option", STR(str_sub(word, 0, eq)));
        }
        if (known) {
            name = str_sub(word, 0, eq);
            b = BUF_IN(c->a);
            word = str_sub(word, eq + 1, word.n);
        }
        if (b.n) {
            buf_char(&b, ' ');
        }
        buf_str(&b, word);
        if (name.s) {
            val_set_str(c->a, opts, name, val_str(c->a, buf_view(&b)));
        } else {
            *key = str_dup(c->a, buf_view(&b));
        }
    }
    return key->s ||
           plug_err(c, e, ERR_ARGS, "No key to lookup was provided as first term with in string inline options");
}

static bool pick(struct ini *p, struct str key, struct str section, struct val out, struct err *e) {
    struct jcall *c = p->c;
    bool re = false, expand = true;
    struct val v, s = str_eqz(section, "DEFAULT") ? p->defaults : val_get_str(p->sections, section);
    if (!lk_bool(c, "re", false, &re, e) || !lk_bool(c, "interpolation", true, &expand, e)) {
        return false;
    }
    if (is_undef(s)) {
        return plug_err(c, e, ERR_NOT_FOUND, "No section '%.*s'", STR(section));
    }
    if (!re) {
        v = ini_get(p, s, ini_option_name(p, key));
        if (is_undef(v)) {
            v = lk_given(c, "default") ? lk_opt(c, "default") : val_z(c->a, "");
        } else if (!final_value(p, s, v, expand, &v, e)) {
            return false;
        }
        if (v.kind != VAL_NULL) {
            val_push(c->a, out, v);
        }
        return true;
    }
    struct regex *r = regex_compile(c->a, key, 0, c->at, e);
    struct val all = val_merge(c->a, p->defaults, s, false, MERGE_REPLACE);
    size_t i = 0;
    const struct vpair *pair;
    while (r && (pair = val_each(all, &i)) != NULL) {
        int hit = regex_exec(r, val_text(pair->key), 0, REGEX_MATCH, c->a, NULL, e);
        if (hit < 0 || (hit && !final_value(p, s, pair->value, expand, &v, e))) {
            return false;
        }
        if (hit) {
            val_push(c->a, out, v);
        }
    }
    return r != NULL;
}

static bool one_term(struct jcall *c, struct str term, struct val out, struct err *e) {
    struct jcall t = *c;
    struct ini p = {.c = &t};
    struct str key = term, file, section, type, encoding, path, text;
    bool secret, sensitive = false, none = false;
    t.kwargs = val_is(c->kwargs, VAL_DICT) ? val_copy(c->a, c->kwargs) : val_dict(c->a, 4);
    struct str trimmed = text_strip(term, STR_NONE, STRIP_BOTH);
    bool inline_opts = str_find_char(term, 0, '=') != SIZE_MAX || str_find_char(trimmed, 0, ' ') != SIZE_MAX;
    if (inline_opts && !term_options(c, term, &key, t.kwargs, e)) {
        return false;
    }
    if (!lk_str(&t, "file", STR_LIT("ansible.ini"), &file, e) ||
        !lk_str(&t, "section", STR_LIT("global"), &section, e) || !lk_str(&t, "type", STR_LIT("ini"), &type, e) ||
        !lk_str(&t, "encoding", STR_LIT("utf-8"), &encoding, e) ||
        !lk_bool(&t, "case_sensitive", false, &sensitive, e) ||
        !lk_bool(&t, lk_given(&t, "allow_none") ? "allow_none" : "allow_no_value", false, &none, e)) {
        return false;
    }
    bool properties = str_eqz(type, "properties");
    if (!properties && !str_eqz(type, "ini")) {
        return plug_err(c, e, ERR_ARGS, "'type' must be ini or properties, not '%.*s'", STR(type));
    }
    if (!lk_find(c, "files", file, &path, e) || !lk_read(c, path, &text, &secret, e) ||
        !text_decode(c->a, text, encoding, c->at, &text, e)) {
        return false;
    }
    p.fold = !sensitive;
    p.no_value = none;
    if (properties) {
        section = STR_LIT("java_properties");
        text = str_printf(c->a, "[java_properties]\n%.*s", STR(text));
    }
    size_t before = val_len(out);
    if (!ini_read(&p, text, e) || !pick(&p, key, section, out, e)) {
        return err_wrap(e, c->at, "in file '%.*s'", STR(file));
    }
    for (size_t i = before; secret && i < val_len(out); i++) {
        out.u.l->items[i] = val_flag(out.u.l->items[i], VAL_SECRET);
    }
    return true;
}

static bool l_ini(struct jcall *c, struct val *out, struct err *e) {
    lk_known(c, names);
    return lk_each_term(c, one_term, out, e);
}
LOOKUP(ini) = {
    .doc = "Values of an INI file.",
    .fn = l_ini,
    .example = "lookup('ini', 'k', section='s', file='/dev/null', default='d', errors='ignore') in ('d', '', none)",
    .options = "type='ini', file='ansible.ini', section='global', re=False, encoding='utf-8', default='', "
               "case_sensitive=False, allow_no_value=False, interpolation=True"};
