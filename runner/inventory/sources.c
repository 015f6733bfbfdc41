// Inventory sources: which reader takes which file, directories, and reading a user's files (vaulted or not).
#include "inv_source.h"

#include "fd.h"
#include "json.h"
#include "regex.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_DEPTH 32

const char *const inv_ignore_exts[] = {".pyc", ".pyo", ".swp",  ".bak", "~",    ".rpm",   ".md",
                                       ".txt", ".rst", ".orig", ".ini", ".cfg", ".retry", NULL};

// -- files -----------------------------------------------------------------------------------------------------------

bool inv_read_file(const char *path, const struct yaml_vault *vault, struct arena *a, struct str *text, bool *secret,
                   struct err *e) {
    *secret = false;
    if (!fd_read_file(path, INV_FILE_CAP, a, text, e)) {
        return false;
    }
    if (!str_starts(*text, "$ANSIBLE_VAULT") && !(vault && vault->is_file && vault->is_file(*text))) {
        return true;
    }
    if (!vault || !vault->open) {
        return err_set(e, ERR_VAULT, mark_source(path, *text, 0), "'%s' is encrypted and no vault password was given",
                       path);
    }
    struct mark at = mark_source(path, *text, 0);
    *secret = true;
    return vault->open(vault->self, *text, at, a, text, e) || err_wrap(e, at, "while decrypting '%s'", path);
}

bool inv_load_text(const char *path, struct str text, const struct yaml_opts *y, struct arena *a, struct val *out,
                   struct err *e) {
    struct str body = str_trim(text);
    if (body.n && (body.s[0] == '{' || body.s[0] == '[')) {
        struct err ignored = {.arena = a};
        struct val v;
        if (json_parse(a, body, &v, &ignored)) {
            struct mark at = y->at.at ? y->at : mark_source(path, text, y->secret ? MARK_SECRET : 0);
            unsigned flags = VAL_TRUSTED | (y->secret ? (unsigned)VAL_SECRET : 0U);
            *out = val_at(val_mark_templates(val_reflag(a, v, 0, flags)), at);
            return true;
        }
    }
    return yaml_load(path, text, y, a, out, e);
}

static int by_bytes(const void *pa, const void *pb) {
    return str_cmp(*(const struct str *)pa, *(const struct str *)pb);
}

static void dir_closep(DIR **d) {
    if (*d) {
        (void)closedir(*d);
    }
}

struct names {
    struct str *p;
    size_t n, cap;
};

static void add_name(struct arena *a, struct names *v, const char *name) {
    if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
        VEC_PUSH(a, *v, str_dup(a, str_from(name)));
    }
}

bool inv_list_dir(const char *path, struct arena *a, struct str **names, size_t *n, struct err *e) {
    struct names v = {0};
    DIR *d CLEANUP(dir_closep) = opendir(path);
    if (!d) {
        return err_sys(e, errno, NO_MARK, "cannot read directory '%s'", path);
    }
    for (;;) {
        errno = 0;
        // One DIR belongs to one thread here; readdir is safe then.
        const struct dirent *ent = readdir(d);  // NOLINT(concurrency-mt-unsafe)
        if (!ent) {
            break;
        }
        add_name(a, &v, ent->d_name);
    }
    if (errno) {
        return err_sys(e, errno, NO_MARK, "cannot read directory '%s'", path);
    }
    if (v.n) {
        qsort(v.p, v.n, sizeof *v.p, by_bytes);
    }
    *names = v.p;
    *n = v.n;
    return true;
}

// -- one file --------------------------------------------------------------------------------------------------------

/// The first line with content, without a byte order mark.
static struct str first_line(struct str text) {
    struct str rest = text;
    struct str line;
    if (str_starts(rest, "\xef\xbb\xbf")) {
        rest = str_sub(rest, 3, rest.n);
    }
    while (str_next(&rest, '\n', &line)) {
        line = str_trim(line);
        if (line.n && line.s[0] != '#' && line.s[0] != ';') {
            return line;
        }
    }
    return STR_NONE;
}

static struct str extension(struct str path) {
    size_t slash = 0;
    size_t dot = SIZE_MAX;
    for (size_t i = 0; i < path.n; i++) {
        if (path.s[i] == '/') {
            slash = i + 1;
            dot = SIZE_MAX;
        } else if (path.s[i] == '.' && i > slash) {
            dot = i;
        }
    }
    return dot == SIZE_MAX ? STR_NONE : str_sub(path, dot, path.n);
}

static bool is_yaml_name(struct str ext) {
    return str_eqz(ext, ".yml") || str_eqz(ext, ".yaml") || str_eqz(ext, ".json");
}

static bool looks_like_yaml(struct str line) {
    return str_starts(line, "---") || str_starts(line, "{") || (line.n && line.s[line.n - 1] == ':');
}

static unsigned readers(const struct inv_source *s) {
    return s->o->readers ? s->o->readers : READ_DEFAULT;
}

static bool not_enabled(const struct inv_source *s, const char *what, struct err *e) {
    return err_set(e, ERR_SYNTAX, NO_MARK, "'%.*s' looks like %s, which enable_plugins in [inventory] leaves out",
                   STR(s->path), what);
}

/// A file without YAML extension: YAML when that gives groups, else INI. The error is that of the reader it looks made
/// for.
static bool parse_plain(struct inv_source *s, struct str ext, struct err *e) {
    struct str line = first_line(s->text);
    if (!(readers(s) & (READ_YAML | READ_INI))) {
        return not_enabled(s, "an INI inventory", e);
    }
    if (readers(s) & READ_INI && (ext.n || line.n == 0 || line.s[0] == '[' || !(readers(s) & READ_YAML))) {
        return inv_parse_ini(s, e);
    }
    struct err yaml = {.arena = e->arena};
    if (inv_parse_yaml(s, &yaml)) {
        return true;
    }
    bool evident = s->evident;
    s->evident = false;
    struct err ini = {.arena = e->arena};
    if (inv_parse_ini(s, &ini)) {
        return true;
    }
    s->evident = s->evident || evident;
    *e = looks_like_yaml(line) ? yaml : ini;
    return false;
}

/// A line "plugin: NAME": the configuration of an inventory plugin.
static bool names_plugin(struct str text) {
    struct str line;
    while (str_next(&text, '\n', &line)) {
        if (str_starts(line, "plugin:") || str_starts(line, "\"plugin\":")) {
            return true;
        }
    }
    return false;
}

static bool parse_yaml_name(struct inv_source *s, struct err *e) {
    // As Ansible does: an INI inventory under a YAML name is read too, also an empty one.
    struct str line = first_line(s->text);
    if (line.n == 0) {
        return readers(s) & READ_INI || not_enabled(s, "an empty INI inventory", e);
    }
    if (readers(s) & (READ_YAML | READ_AUTO) && inv_parse_yaml(s, e)) {
        return true;
    }
    struct err ini = {.arena = e->arena};
    bool evident = s->evident;
    if (!evident && readers(s) & READ_INI && inv_parse_ini(s, &ini)) {
        err_clear(e);
        return true;
    }
    s->evident = evident || s->not_yaml;
    return e->code != ERR_NONE ? false : not_enabled(s, "a YAML inventory", e);
}

static bool parse_text(struct inv_source *s, struct err *e) {
    struct str ext = extension(s->path);
    if (str_eqz(ext, ".toml")) {
        return readers(s) & READ_TOML ? inv_parse_toml(s, e) : not_enabled(s, "a TOML inventory", e);
    }
    if (!is_yaml_name(ext) && inv_looks_like_ssh_config(s->text)) {
        return inv_parse_ssh_config(s, e);
    }
    if (is_yaml_name(ext) || (names_plugin(s->text) && (!ext.n || str_eqz(ext, ".config")))) {
        return parse_yaml_name(s, e);
    }
    return parse_plain(s, ext, e);
}

static bool parse_file(struct inv_source *s, struct err *e) {
    const char *path = str_z(s->o->a, s->path);
    bool executable = access(path, X_OK) == 0 && readers(s) & READ_SCRIPT;
    struct err script = {.arena = e->arena};
    if (executable) {
        bool ran = true;
        if (inv_parse_script(s, &ran, &script)) {
            return true;
        }
        if (ran) {
            s->evident = true;
            *e = script;
            return false;
        }
    }
    struct arena file = {0};
    if (!inv_read_file(path, s->o->vault, &file, &s->text, &s->secret, e)) {
        arena_release(&file);
        return false;
    }
    size_t start = 0;
    s->base = mark_source(path, s->text, s->secret ? MARK_SECRET : 0);
    if (!mark_text(s->base, &s->text, &start)) {
        s->text = str_dup(s->o->a, s->text);  // a secret: its source does not give the text back
    }
    file.secret = s->secret;  // wiped then
    arena_release(&file);
    if (parse_text(s, e)) {
        return true;
    }
    if (!executable && str_starts(s->text, "#!")) {
        return err_hint(e, "if this is an inventory script, make it executable: chmod +x '%s'", path);
    }
    return false;
}

// -- directories and sources -----------------------------------------------------------------------------------------

/// A regular expression found anywhere in the name; one that is wrong matches nothing.
static bool name_matches(struct arena *a, struct str pattern, struct str name) {
    struct err e = {.arena = a};
    struct regex *re = regex_compile(a, pattern, 0, NO_MARK, &e);
    return re && regex_exec(re, name, 0, REGEX_SEARCH, a, NULL, &e) > 0;
}

static bool is_ignored(const struct inv_opts *o, struct str name) {
    if (str_starts(name, ".") || str_eqz(name, "host_vars") || str_eqz(name, "group_vars") ||
        str_eqz(name, "vars_plugins") || str_eqz(name, "secrets")) {
        return true;
    }
    for (const char *const *pat = o->ignore_patterns; pat && *pat; pat++) {
        if (name_matches(o->a, str_from(*pat), name)) {
            return true;
        }
    }
    for (const char *const *ext = o->ignore_exts ? o->ignore_exts : inv_ignore_exts; *ext; ext++) {
        if (str_ends(name, *ext)) {
            return true;
        }
    }
    return false;
}

static struct str dir_of(struct arena *a, struct str path) {
    size_t slash = 0;
    for (size_t i = 0; i < path.n; i++) {
        slash = path.s[i] == '/' ? i : slash;
    }
    return slash == 0 ? STR_LIT("/") : str_dup(a, str_sub(path, 0, slash));
}

static struct inv_source new_source(struct inventory *inv, const struct inv_opts *o, struct str path) {
    struct inv_source s = {.inv = inv, .o = o, .path = path, .file_val = val_str(o->a, path), .dir_val = VNULL};
    return s;
}

struct loader {
    struct inventory *inv;
    const struct inv_opts *o;
    struct {
        struct str *p;
        size_t n, cap;
    } basedirs;
};

static bool load_dir(struct loader *l, struct str path, unsigned depth, bool *any, struct err *e);

/// A file of a directory: what is no inventory at all is a warning, a mistake in one is an error.
static bool load_entry(struct loader *l, struct str path, unsigned depth, bool *any, struct err *e) {
    struct stat st;
    if (stat(path.s, &st) != 0) {
        inv_warn(l->inv, NO_MARK, "inventory file '%s' cannot be read and is skipped", path.s);
        return true;
    }
    if (S_ISDIR(st.st_mode)) {
        return load_dir(l, path, depth + 1, any, e);
    }
    if (!S_ISREG(st.st_mode)) {
        inv_warn(l->inv, NO_MARK, "'%s' is neither a file nor a directory and is skipped", path.s);
        return true;
    }
    struct inv_source s = new_source(l->inv, l->o, path);
    s.dir_val = val_str(l->o->a, dir_of(l->o->a, path));
    struct err mine = {.arena = e->arena};
    if (parse_file(&s, &mine)) {
        *any = true;
        return true;
    }
    if (s.evident || mine.code == ERR_VAULT || mine.code == ERR_LIMIT || mine.code == ERR_SYS) {
        *e = mine;
        return err_wrap(e, NO_MARK, "cannot read inventory file '%s'", path.s);
    }
    inv_warn(l->inv, mine.at, "'%s' is no inventory and is skipped: %.*s", path.s, STR(err_text(&mine)));
    return true;
}

static bool load_dir(struct loader *l, struct str path, unsigned depth, bool *any, struct err *e) {
    struct str *names = NULL;
    size_t n = 0;
    if (depth > DIR_DEPTH) {
        return err_set(e, ERR_LIMIT, NO_MARK, "inventory directory '%s' is nested more than %d deep", path.s,
                       DIR_DEPTH);
    }
    if (!inv_list_dir(path.s, l->o->a, &names, &n, e)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (is_ignored(l->o, names[i])) {
            if (str_ends(names[i], ".ini")) {
                inv_warn(l->inv, NO_MARK, "'%s/%s' is ignored: .ini files in inventory directories are not inventories",
                         path.s, names[i].s);
            }
            continue;
        }
        const char *sep = path.s[path.n - 1] == '/' ? "" : "/";
        if (!load_entry(l, str_printf(l->o->a, "%s%s%s", path.s, sep, names[i].s), depth, any, e)) {
            return false;
        }
    }
    return true;
}

static void add_basedir(struct loader *l, struct str dir) {
    // Named twice, the later place counts: its variables are merged last.
    for (size_t i = 0; i < l->basedirs.n; i++) {
        if (str_eq(l->basedirs.p[i], dir)) {
            memmove(&l->basedirs.p[i], &l->basedirs.p[i + 1], (l->basedirs.n - i - 1) * sizeof dir);
            l->basedirs.n--;
            break;
        }
    }
    VEC_PUSH(l->o->a, l->basedirs, dir);
    l->inv->basedirs = l->basedirs.p;
    l->inv->nbasedirs = l->basedirs.n;
}

/// Absolute, without "." and ".." and doubled slashes; symlinks are not resolved.
static struct str absolute(struct arena *a, const char *path) {
    struct str full = str_from(path);
    char cwd[PATH_MAX];
    if (path[0] != '/' && getcwd(cwd, sizeof cwd)) {
        full = str_printf(a, "%s/%s", cwd, path);
    }
    return path_clean(a, full);
}

/// A source that gave nothing: a warning, an error, or an error only when no source gives anything.
static bool gave_nothing(struct loader *l, const char *text, struct err *e) {
    bool usual = strcmp(text, "/etc/ansible/hosts") == 0;
    bool ok = access(text, F_OK) == 0 ? l->o->empty_ok : l->o->missing_ok || usual;
    if (!ok || l->o->any_failed) {
        return false;
    }
    if (!usual) {
        inv_warn(l->inv, NO_MARK, "Unable to parse %s as an inventory source: %.*s", text, STR(err_text(e)));
    }
    err_clear(e);
    return true;
}

static bool load_list(struct loader *l, const char *text, struct str *name, struct err *e) {
    unsigned r = l->o->readers ? l->o->readers : READ_DEFAULT;
    struct inv_source s = new_source(l->inv, l->o, str_dup(l->o->a, str_from(text)));
    *name = s.path;
    if (r & READ_HOST_LIST) {
        return inv_parse_host_list(&s, e);
    }
    return r & READ_ADVANCED_HOST_LIST ? inv_parse_advanced_host_list(&s, e) : not_enabled(&s, "a list of hosts", e);
}

static bool load_path(struct loader *l, const char *text, struct str name, struct err *e) {
    struct stat st;
    if (stat(text, &st) != 0) {
        add_basedir(l, dir_of(l->o->a, name));  // as in Ansible: its group_vars count all the same
        (void)err_set(e, ERR_NOT_FOUND, NO_MARK, "inventory source '%s' does not exist", text);
        return err_hint(e, "a list of hosts needs a comma: '%s,'", text);
    }
    if (S_ISDIR(st.st_mode)) {
        bool any = false;
        add_basedir(l, name);
        return load_dir(l, name, 0, &any, e) &&
               (any || err_set(e, ERR_NOT_FOUND, NO_MARK, "no inventory found in directory '%s'", text));
    }
    struct str dir = dir_of(l->o->a, name);
    add_basedir(l, dir);
    struct inv_source s = new_source(l->inv, l->o, name);
    s.dir_val = val_str(l->o->a, dir);
    return parse_file(&s, e) || err_wrap(e, NO_MARK, "cannot read inventory '%s'", text);
}

/// *parsed tells that the source gave an inventory.
static bool load_source(struct loader *l, const char *text, struct str *name, bool *parsed, struct err *e) {
    struct stat st;
    if (strchr(text, ',') && stat(text, &st) != 0) {
        *parsed = true;
        return load_list(l, text, name, e);
    }
    *name = absolute(l->o->a, text);
    *parsed = load_path(l, text, *name, e);
    return *parsed || (e->code == ERR_NOT_FOUND && e->at.at == 0 && gave_nothing(l, text, e));
}

static bool load_all(struct loader *l, const char *const *sources, size_t n, struct err *e) {
    bool any = false;
    bool asked = false;
    l->inv->sources = ARENA_ARRAY(l->o->a, struct str, n + 1);
    for (size_t i = 0; i < n; i++) {
        bool parsed = false;
        struct str name;
        if (sources[i][0] == '\0') {
            continue;
        }
        if (!load_source(l, sources[i], &name, &parsed, e)) {
            return false;
        }
        any = any || parsed;
        asked = true;
        l->inv->sources[l->inv->nsources++] = name;
    }
    if (!any && asked && l->o->all_failed) {
        return err_set(e, ERR_NOT_FOUND, NO_MARK,
                       "No inventory was parsed, please check your configuration and options.");
    }
    if (!any && asked && !l->o->no_unparsed_warning) {
        inv_warn(l->inv, NO_MARK, "No inventory was parsed, only implicit localhost is available");
    }
    return inv_reconcile(l->inv, e);
}

struct inventory *inv_load(const char *const *sources, size_t n, const struct inv_opts *o, struct err *e) {
    struct loader l = {.inv = inv_new(o), .o = o};
    return load_all(&l, sources, n, e) ? l.inv : NULL;
}
