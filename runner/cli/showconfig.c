// play config: the settings as they hold (dump), all that there are (list), the file itself (view), a file to begin
// with (init).
#include "cli.h"

#include "emit.h"
#include "fd.h"
#include "json.h"

#include <unistd.h>

struct printer {
    struct settings *s;
    struct arena *a;
    struct buf out;
};

static const char *const type_names[] = {
    [CT_STR] = "string",        [CT_BOOLEAN] = "boolean", [CT_INTEGER] = "integer", [CT_FLOAT] = "float",
    [CT_LIST] = "list",         [CT_PATH] = "path",       [CT_TMPPATH] = "tmppath", [CT_PATHLIST] = "pathlist",
    [CT_PATHSPEC] = "pathspec", [CT_DICT] = "dict",       [CT_RAW] = "raw",
};

/// Rows of the plugins of one type ("connection"), or of none; `all`: both.
static bool wanted(const struct settings *s, const struct setting_row *r) {
    bool base = s->plugin_type.n == 0 || str_eqz(s->plugin_type, "base");
    if (!r->plugin) {
        return base || str_eqz(s->plugin_type, "all");
    }
    struct str plugin = str_from(r->plugin);
    size_t colon = str_find_char(plugin, 0, ':');
    if (base || (!str_eqz(s->plugin_type, "all") && !str_eq(str_sub(plugin, 0, colon), s->plugin_type))) {
        return false;
    }
    struct str name = str_sub(plugin, colon + 1, plugin.n);
    for (size_t i = 1; i < s->positional.n; i++) {
        if (str_eq(s->positional.p[i], name)) {
            return true;
        }
    }
    return s->positional.n < 2;
}

// -- dump ------------------------------------------------------------------------------------------------------------

static struct val as_entry(struct printer *p, const char *name, struct val v, struct str origin) {
    struct val d = val_dict(p->a, 4);
    val_set(p->a, d, "name", val_z(p->a, name));
    val_set(p->a, d, "value", v);
    val_set(p->a, d, "origin", val_str(p->a, origin));
    val_set(p->a, d, "type", VNULL);
    return d;
}

/// A name on its own, underlined.
static void heading(struct printer *p, struct str name, char line) {
    buf_printf(&p->out, "\n%.*s:\n", STR(name));
    for (size_t i = 0; i < name.n; i++) {
        buf_char(&p->out, line);
    }
    buf_char(&p->out, '\n');
}

static void dump_line(struct printer *p, const char *name, struct str origin, struct val v) {
    buf_printf(&p->out, "%s(%.*s) = ", name, STR(origin));
    val_to_str(&p->out, v);
    buf_char(&p->out, '\n');
}

/// The file that was read stands among the settings, in its alphabetical place.
static void dump_file(struct printer *p, struct val list, bool display) {
    struct val file = p->s->config_file.n ? val_str(p->a, p->s->config_file) : VNULL;
    if (display) {
        dump_line(p, "CONFIG_FILE", STR_LIT(""), file);
    } else {
        val_push(p->a, list, as_entry(p, "CONFIG_FILE", file, STR_NONE));
    }
}

/// The settings that belong to no plugin.
static void dump_base(struct printer *p, struct val list, bool display) {
    bool file_done = false;
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting_row *r = &setting_rows[i];
        if (r->plugin || !wanted(p->s, r)) {
            continue;
        }
        if (!file_done && strcmp(r->name, "CONFIG_FILE") > 0) {
            file_done = true;
            dump_file(p, list, display);
        }
        struct setting_value v = config_value(p->s, i);
        if (p->s->only_changed && !v.set) {
            continue;
        }
        if (display) {
            dump_line(p, r->name, v.origin, v.v);
        } else {
            val_push(p->a, list, as_entry(p, r->name, v.v, v.origin));
        }
    }
}

/// The settings of the plugins of one type: {name: [settings]} for each, printed when `display`.
static struct val dump_type(struct printer *p, const char *type, bool display) {
    struct val plugins = val_list(p->a, 4);
    struct val entries = {0};
    struct str last = STR_NONE;
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting_row *r = &setting_rows[i];
        struct str plugin = str_from(r->plugin ? r->plugin : "");
        size_t colon = str_find_char(plugin, 0, ':');
        if (!r->plugin || !str_eqz(str_sub(plugin, 0, colon), type) || !wanted(p->s, r)) {
            continue;
        }
        struct setting_value v = config_value(p->s, i);
        if (p->s->only_changed && !v.set) {
            continue;
        }
        if (!str_eq(plugin, last)) {
            struct val one = val_dict(p->a, 1);
            entries = val_list(p->a, 8);
            val_set_str(p->a, one, str_sub(plugin, colon + 1, plugin.n), entries);
            val_push(p->a, plugins, one);
            last = plugin;
            if (display) {
                heading(p, str_sub(plugin, colon + 1, plugin.n), '_');
            }
        }
        val_push(p->a, entries, as_entry(p, r->name, v.v, v.origin));
        if (display) {
            dump_line(p, r->name, v.origin, v.v);
        }
    }
    return plugins;
}

static struct str capitals(struct arena *a, const char *name) {
    struct buf b = BUF_IN(a);
    for (; *name; name++) {
        buf_char(&b, ascii_upper(*name));
    }
    return buf_view(&b);
}

static struct val dump(struct printer *p, bool display) {
    static const char *const types[] = {"become",    "cache",  "callback", "cliconf", "connection", "httpapi",
                                        "inventory", "lookup", "netconf",  "shell",   "vars"};
    struct val list = val_list(p->a, 64);
    bool all = str_eqz(p->s->plugin_type, "all");
    dump_base(p, list, display);
    for (size_t i = 0; i < COUNTOF(types); i++) {
        struct str upper = capitals(p->a, types[i]);
        size_t from = p->out.n;
        struct val plugins = dump_type(p, types[i], display);
        if (!all) {
            list = val_len(plugins) ? plugins : list;
        } else if (!display) {
            struct val d = val_dict(p->a, 1);
            val_set_str(p->a, d, str_printf(p->a, "%.*s_PLUGINS", STR(upper)), plugins);
            val_push(p->a, list, d);
        } else if (!p->s->only_changed || val_len(plugins)) {
            struct str body = str_dup(p->a, str_sub(buf_view(&p->out), from, p->out.n));
            p->out.n = from;
            heading(p, upper, '=');
            buf_str(&p->out, body);
        }
    }
    return list;
}

// -- list ------------------------------------------------------------------------------------------------------------

static struct val names_of(struct printer *p, const char *names, bool ini) {
    struct val list = val_list(p->a, 2);
    struct str rest = str_from(names);
    struct str one;
    while (rest.s && str_next(&rest, '|', &one)) {
        struct val d = val_dict(p->a, 2);
        size_t colon = str_find_char(one, 0, ':');
        if (ini) {
            val_set(p->a, d, "key", val_str(p->a, str_sub(one, colon + 1, one.n)));
            val_set(p->a, d, "section", val_str(p->a, str_sub(one, 0, colon)));
        } else {
            val_set(p->a, d, "name", val_str(p->a, one));
        }
        val_push(p->a, list, d);
    }
    return list;
}

static struct val plain_default(struct printer *p, const struct setting_row *r) {
    struct str text = str_from(r->def);
    struct val v = VNULL;
    struct err e = {.arena = p->a};
    struct yaml_opts y = {0};
    bool template = str_starts(text, "{{");
    if (!r->def) {
        return VNULL;
    }
    return !template && r->type != CT_STR && r->type != CT_PATH && yaml_load(NULL, text, &y, p->a, &v, &e)
               ? v
               : val_str(p->a, text);
}

static struct val describe(struct printer *p, const struct setting_row *r) {
    struct val d = val_dict(p->a, 8);
    val_set(p->a, d, "default", plain_default(p, r));
    val_set(p->a, d, "description",
            val_z(p->a, r->doc ? r->doc : "Has no meaning here: accepted, and changes nothing."));
    if (r->env) {
        val_set(p->a, d, "env", names_of(p, r->env, false));
    }
    if (r->ini) {
        val_set(p->a, d, "ini", names_of(p, r->ini, true));
    }
    val_set(p->a, d, "type", val_z(p->a, type_names[r->type]));
    if (r->choices) {
        struct str rest = str_from(r->choices);
        struct str one;
        struct val list = val_list(p->a, 4);
        while (str_next(&rest, '|', &one)) {
            val_push(p->a, list, val_str(p->a, one));
        }
        val_set(p->a, d, "choices", list);
    }
    return d;
}

static struct val inner_dict(struct printer *p, struct val d, struct str key) {
    struct val v = val_get_str(d, key);
    if (v.kind == VAL_UNDEF) {
        v = val_dict(p->a, 8);
        val_set_str(p->a, d, key, v);
    }
    return v;
}

static struct val list(struct printer *p) {
    struct val all = val_dict(p->a, setting_count);
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting_row *r = &setting_rows[i];
        if (!wanted(p->s, r)) {
            continue;
        }
        struct val into = all;
        if (r->plugin) {
            struct str plugin = str_from(r->plugin);
            size_t colon = str_find_char(plugin, 0, ':');
            into = inner_dict(p, all, STR_LIT("PLUGINS"));
            into = inner_dict(p, into, str_sub(plugin, 0, colon));
            into = inner_dict(p, into, str_sub(plugin, colon + 1, plugin.n));
        }
        val_set(p->a, into, r->name, describe(p, r));
    }
    return all;
}

// -- init ------------------------------------------------------------------------------------------------------------

static struct str last_name(const char *names) {
    struct str rest = str_from(names);
    struct str one = STR_NONE;
    while (rest.s && str_next(&rest, '|', &one)) {
    }
    return one;
}

static struct str default_text(struct printer *p, const struct setting_row *r) {
    struct val v = plain_default(p, r);
    struct buf b = BUF_IN(p->a);
    if (v.kind == VAL_NULL) {
        return STR_NONE;
    }
    for (size_t i = 0; val_is_seq(v) && i < val_len(v); i++) {
        buf_z(&b, i ? ", " : "");
        val_to_str(&b, val_at_index(v, i));
    }
    if (!val_is_seq(v)) {
        val_to_str(&b, v);
    }
    return buf_view(&b);
}

static void init_setting(struct printer *p, const struct setting_row *r, struct str key, char comment) {
    buf_printf(&p->out, "# (%s) %s\n", type_names[r->type], r->doc ? r->doc : "Has no meaning here.");
    if (p->s->disabled) {
        buf_char(&p->out, comment);
    }
    buf_printf(&p->out, "%.*s=%.*s\n\n", STR(key), STR(default_text(p, r)));
}

static void init_env(struct printer *p) {
    for (size_t i = 0; i < setting_count; i++) {
        if (setting_rows[i].env && wanted(p->s, &setting_rows[i])) {
            init_setting(p, &setting_rows[i], last_name(setting_rows[i].env), '#');
        }
    }
}

static void init_section(struct printer *p, struct str section) {
    buf_printf(&p->out, "[%.*s]\n", STR(section));
    for (size_t i = 0; i < setting_count; i++) {
        struct str last = last_name(setting_rows[i].ini);
        size_t colon = str_find_char(last, 0, ':');
        if (last.n && wanted(p->s, &setting_rows[i]) && str_eq(str_sub(last, 0, colon), section)) {
            init_setting(p, &setting_rows[i], str_sub(last, colon + 1, last.n), ';');
        }
    }
    buf_char(&p->out, '\n');
}

static void init_ini(struct printer *p) {
    struct map seen = {0};
    for (size_t i = 0; i < setting_count; i++) {
        struct str last = last_name(setting_rows[i].ini);
        struct str section = str_sub(last, 0, str_find_char(last, 0, ':'));
        if (last.n && wanted(p->s, &setting_rows[i]) && !map_get(&seen, section)) {
            map_put(&seen, p->a, section, p);
            init_section(p, section);
        }
    }
}

// -- the tool --------------------------------------------------------------------------------------------------------

static bool put(struct printer *p, struct val v, struct err *e) {
    if (str_eqz(p->s->format, "json")) {
        struct json_style style = {.indent = 4, .sort_keys = true};
        bool ok = json_write(&p->out, v, &style, e);
        buf_char(&p->out, '\n');
        return ok;
    }
    struct yaml_style style = {.sort_keys = true};
    return yaml_emit(&p->out, v, &style, e);
}

static bool check_format(const struct settings *s, const char *allowed, struct err *e) {
    struct str rest = str_from(allowed);
    struct str one;
    while (str_next(&rest, '|', &one)) {
        if (!s->format.n || str_eq(one, s->format)) {
            return true;
        }
    }
    return err_set(e, ERR_ARGS, NO_MARK, "--format must be one of %s, not '%.*s'", allowed, STR(s->format));
}

static bool view(struct printer *p, struct err *e) {
    struct str text;
    if (!p->s->config_file.n) {
        return err_set(e, ERR_NOT_FOUND, NO_MARK, "Invalid or no config file was supplied");
    }
    if (!fd_read_file(str_z(p->a, p->s->config_file), (size_t)1 << 20, p->a, &text, e)) {
        return false;
    }
    buf_str(&p->out, text);
    if (!str_ends(text, "\n")) {
        buf_char(&p->out, '\n');
    }
    return true;
}

static bool act(struct printer *p, struct str action, struct err *e) {
    if (str_eqz(action, "view")) {
        return view(p, e);
    }
    if (str_eqz(action, "list")) {
        return check_format(p->s, "yaml|json", e) && put(p, list(p), e);
    }
    if (str_eqz(action, "dump")) {
        bool display = !p->s->format.n || str_eqz(p->s->format, "display");
        if (!check_format(p->s, "display|json|yaml", e)) {
            return false;
        }
        struct val all = dump(p, display);
        return display || put(p, all, e);
    }
    if (str_eqz(action, "init")) {
        if (!check_format(p->s, "ini|env|vars", e)) {
            return false;
        }
        if (!p->s->format.n || str_eqz(p->s->format, "ini")) {
            init_ini(p);
        } else if (str_eqz(p->s->format, "env")) {
            init_env(p);
        }
        return true;
    }
    return err_set(e, ERR_ARGS, NO_MARK, "expected list, dump, view or init, not '%.*s'", STR(action));
}

int tool_config(struct settings *s) {
    struct err e = {.arena = s->a};
    struct printer p = {.s = s, .a = s->a, .out = BUF_IN(s->a)};
    if (!s->positional.n) {
        err_set(&e, ERR_ARGS, NO_MARK, "nothing to do: say list, dump, view or init");
        return cli_report(&e, 2);
    }
    if (s->config_arg.n && access(str_z(s->a, s->config_file), R_OK) != 0) {
        err_set(&e, ERR_ARGS, NO_MARK, "The provided configuration file is missing or not accessible: %.*s",
                STR(s->config_arg));
        return cli_report(&e, 5);
    }
    if (!act(&p, s->positional.p[0], &e)) {
        return cli_report(&e, e.code == ERR_ARGS ? 2 : 1);
    }
    for (size_t i = 0; i < s->config_warnings.n; i++) {
        fprintf(stderr, "[WARNING]: %.*s\n", STR(s->config_warnings.p[i]));
    }
    fwrite(p.out.p, 1, p.out.n, stdout);
    return 0;
}
