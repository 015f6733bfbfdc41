// Values of settings: text of the file or the environment to a value of the setting's type, and defaults.
#include "cli.h"

#include <unistd.h>

// -- paths -----------------------------------------------------------------------------------------------------------

/// "~/x" and "$NAME" or "${NAME}" put in; a name that is not set stays as it is, as Python's expandvars leaves it.
static struct str expand(struct arena *a, struct str path) {
    struct buf b = BUF_IN(a);
    const char *home = getenv("HOME");
    size_t i = 0;
    if (path.n && path.s[0] == '~' && (path.n == 1 || path.s[1] == '/') && home) {
        buf_z(&b, home);
        i = 1;
    }
    while (i < path.n) {
        size_t k = i + 1;
        bool braces = path.s[i] == '$' && k < path.n && path.s[k] == '{';
        size_t from = braces ? k + 1 : k;
        size_t to = from;
        while (path.s[i] == '$' && to < path.n &&
               (path.s[to] == '_' || ((path.s[to] | 32) >= 'a' && (path.s[to] | 32) <= 'z') ||
                (path.s[to] >= '0' && path.s[to] <= '9'))) {
            to++;
        }
        const char *v = to > from && (!braces || (to < path.n && path.s[to] == '}'))
                            ? getenv(str_z(a, str_sub(path, from, to)))
                            : NULL;
        if (v) {
            buf_z(&b, v);
            i = braces ? to + 1 : to;
        } else {
            buf_char(&b, path.s[i++]);
        }
    }
    return buf_view(&b);
}

struct str config_path(struct arena *a, struct str path, struct str dir) {
    char cwd[4096];
    if (!getcwd(cwd, sizeof cwd)) {
        cwd[0] = '\0';
    }
    path = str_replace(a, path, STR_LIT("{{CWD}}"), str_from(cwd));
    path = expand(a, path);
    if (!path.n || path.s[0] != '/') {
        path = str_printf(a, "%.*s/%.*s", STR(dir.n ? dir : str_from(cwd)), STR(path));
    }
    return path_clean(a, path);
}

static struct str dir_of(struct str file) {
    size_t n = file.n;
    while (n && file.s[n - 1] != '/') {
        n--;
    }
    return str_sub(file, 0, n > 1 ? n - 1 : n);
}

// -- types -----------------------------------------------------------------------------------------------------------

struct str config_unquote(struct str s) {
    bool quoted = s.n > 1 && (s.s[0] == '"' || s.s[0] == '\'') && s.s[s.n - 1] == s.s[0];
    return quoted ? str_sub(s, 1, s.n - 1) : s;
}

struct parts {
    char sep;
    bool paths;
    struct str dir;
};

static struct val split(struct arena *a, struct str text, const struct parts *p) {
    struct val list = val_list(a, 4);
    struct str one;
    while (str_next(&text, p->sep, &one)) {
        one = config_unquote(str_trim(one));
        if (p->paths && one.n == 0) {
            continue;
        }
        val_push(a, list, val_str(a, p->paths ? config_path(a, one, p->dir) : one));
    }
    return list;
}

/// A list of hosts ("web1,web2,") is no list of files.
static struct val sources(struct arena *a, struct str text, struct str dir) {
    struct val list = val_list(a, 1);
    if (str_ends(text, ",") && access(str_z(a, config_path(a, str_sub(text, 0, text.n - 1), dir)), F_OK) != 0) {
        val_push(a, list, val_str(a, text));
        return list;
    }
    return split(a, text, &(struct parts){',', true, dir});
}

/// A text as it was given, and where: a file, or "env: NAME".
struct given {
    struct str text, origin;
    struct mark at;
};

static bool wrong(size_t row, const struct given *g, const char *want, struct err *e) {
    return err_set(e, ERR_ARGS, g->at,
                   "Invalid type for configuration option setting: %s (from %.*s): expected %s, found '%.*s'",
                   setting_rows[row].name, STR(g->origin), want, STR(g->text));
}

/// Settings that list vault passwords: "label@file", each file beside the configuration.
static struct val identities(struct arena *a, struct str text, struct str dir) {
    struct val plain = split(a, text, &(struct parts){',', false, STR_NONE});
    struct val out = val_list(a, val_len(plain));
    for (size_t i = 0; i < val_len(plain); i++) {
        struct str one = val_text(val_at_index(plain, i));
        bool path = one.n && str_find_char(one, 0, '@') == SIZE_MAX && !str_eqz(one, "prompt");
        val_push(a, out, val_str(a, path ? config_path(a, one, dir) : one));
    }
    return out;
}

static bool check_choice(size_t row, struct str text, struct mark at, struct err *e) {
    struct str rest = str_from(setting_rows[row].choices);
    struct str one;
    if (!rest.s) {
        return true;
    }
    while (str_next(&rest, '|', &one)) {
        if (str_eq(one, text)) {
            return true;
        }
    }
    return err_set(e, ERR_ARGS, at, "setting %s must be one of %s, not '%.*s'", setting_rows[row].name,
                   str_replace(e->arena, str_from(setting_rows[row].choices), STR_LIT("|"), STR_LIT(", ")).s,
                   STR(text));
}

static bool to_number(struct str text, struct val *out) {
    int64_t n = 0;
    if (str_int(text, &n)) {
        *out = val_int(n);
        return true;
    }
    return false;
}

static bool to_dict(struct settings *s, size_t row, const struct given *g, struct val *out, struct err *e) {
    struct yaml_opts y = {0};
    return (yaml_load(NULL, g->text, &y, s->a, out, e) && out->kind == VAL_DICT) || wrong(row, g, "a dictionary", e);
}

bool config_convert(struct settings *s, size_t row, struct str text, struct str origin, struct mark at, struct val *out,
                    struct err *e) {
    const struct setting_row *r = &setting_rows[row];
    struct arena *a = s->a;
    struct str dir = str_starts(origin, "/") ? dir_of(origin) : STR_NONE;
    bool yes = false;
    text = str_trim(text);
    const struct given given = {text, origin, at};
    switch (r->type) {
    case CT_STR:
        text = config_unquote(text);
        *out = val_str(a, text);
        return check_choice(row, text, at, e);
    case CT_RAW:
        *out = val_str(a, text);
        return true;
    case CT_BOOLEAN:
        *out = val_bool(val_as_bool(val_str(a, config_unquote(text)), &yes) && yes);
        return true;
    case CT_INTEGER:
        return to_number(config_unquote(text), out) || wrong(row, &given, "a whole number", e);
    case CT_FLOAT:
        *out = yaml_scalar(a, config_unquote(text));
        return out->kind == VAL_FLOAT || out->kind == VAL_INT || wrong(row, &given, "a number", e);
    case CT_LIST:
        *out = strcmp(r->name, "DEFAULT_VAULT_IDENTITY_LIST") == 0 ? identities(a, text, dir)
                                                                   : split(a, text, &(struct parts){',', false, dir});
        return true;
    case CT_PATH:
    case CT_TMPPATH:
        *out = val_str(a, config_path(a, config_unquote(text), dir));
        return true;
    case CT_PATHLIST:
        *out = sources(a, text, dir);
        return true;
    case CT_PATHSPEC:
        *out = split(a, text, &(struct parts){':', true, dir});
        return true;
    case CT_DICT:
        return to_dict(s, row, &given, out, e);
    }
    return false;
}

// -- defaults --------------------------------------------------------------------------------------------------------

static bool default_name(void *self, struct str name, struct arena *a, struct val *out, struct err *e) {
    static const char *const reject[] = {".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst"};
    struct settings *s = self;
    (void)e;
    *out = (struct val){.kind = VAL_UNDEF};
    if (str_eqz(name, "ANSIBLE_HOME")) {
        *out = config_value(s, config_row(NULL, name)).v;
    } else if (str_eqz(name, "REJECT_EXTS")) {
        *out = val_tuple(a, COUNTOF(reject));
        for (size_t i = 0; i < COUNTOF(reject); i++) {
            val_push(a, *out, val_z(a, reject[i]));
        }
    }
    return true;
}

static struct val rendered(struct settings *s, struct str text) {
    struct err e = {.arena = s->a};
    struct jinja_ctx c = {.a = s->a, .opts = &jinja_opts_plain, .cache = jinja_cache_new()};
    struct val v = VNULL;
    c.scope.self = s;
    c.scope.get = default_name;
    if (!jinja_expr(&c, str_sub(text, 2, text.n - 2), NO_MARK, false, &v, &e)) {
        v = val_str(s->a, text);
    }
    v = val_promote(s->a, v);
    jinja_cache_free(c.cache);
    return v;
}

static struct val default_of(struct settings *s, size_t row) {
    const struct setting_row *r = &setting_rows[row];
    struct err e = {.arena = s->a};
    struct str text = str_from(r->def);
    struct val v = VNULL;
    if (!r->def) {
        return v;
    }
    if (str_starts(text, "{{") && str_ends(text, "}}")) {
        v = rendered(s, text);
        if (v.kind != VAL_STR) {
            return v;
        }
        text = val_text(v);
    } else if (text.n && (text.s[0] == '[' || text.s[0] == '{')) {
        struct yaml_opts y = {0};
        return yaml_load(NULL, text, &y, s->a, &v, &e) ? v : val_str(s->a, text);
    }
    if (r->type == CT_STR) {
        return val_str(s->a, text);
    }
    return config_convert(s, row, text, STR_NONE, NO_MARK, &v, &e) ? v : val_str(s->a, text);
}

struct setting_value config_value(struct settings *s, size_t row) {
    if (s->values && s->values[row].set) {
        return s->values[row];
    }
    return (struct setting_value){.v = default_of(s, row), .origin = STR_LIT("default")};
}
