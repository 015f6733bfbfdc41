// From settings to everything a run needs: vault, output, inventory, variables, loader. Secrets are registered for
// masking the moment they are decrypted.
#include "cli.h"

#include "factcache.h"
#include "fd.h"
#include "spawn.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_CAP ((size_t)256 << 20)

void session_warn(void *self, struct mark at, const char *msg) {
    struct session *x = self;
    struct place p = mark_place(at);
    struct str text = p.file ? str_printf(x->a, "%s:%u:%u: %s", p.file, p.line, p.col, msg) : str_from(msg);
    output_event(x->output, &(struct event){.kind = EV_WARNING, .name = text});
}

static void session_remark(void *self, const char *msg) {
    const struct session *x = self;
    output_event(x->output, &(struct event){.kind = EV_VERBOSE, .level = 3, .name = str_from(msg)});
}

void session_deprecated(struct session *x, const char *msg) {
    struct val on = config_value(x->s, config_row(NULL, STR_LIT("DEPRECATION_WARNINGS"))).v;
    if (on.kind == VAL_BOOL && on.u.b && !map_get(&x->deprecated, str_from(msg))) {
        map_put(&x->deprecated, x->a, str_from(msg), x);
        struct str text = str_printf(x->a,
                                     "%s Deprecation warnings can be disabled by setting "
                                     "deprecation_warnings=False in ansible.cfg.",
                                     msg);
        output_event(x->output, &(struct event){.kind = EV_DEPRECATED, .name = text});
    }
}

// A password from a file, or what a program prints: its first line.
static bool read_password(struct session *x, struct str file, struct str *out, struct err *e) {
    struct arena *a = x->a;
    const char *path = str_z(a, file);
    struct str text;
    struct stat st;
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & S_IXUSR) {
        const char *argv[] = {path, NULL};
        struct spawn sp = {.argv = argv, .timeout_ms = 60000};
        struct spawn_result r;
        if (!spawn_run(&sp, a, &r, e)) {
            return false;
        }
        if (r.status != 0) {
            return err_set(e, ERR_ARGS, NO_MARK, "the password program '%s' failed with status %d", path, r.status);
        }
        text = r.out;
    } else if (!fd_read_file(path, 65536, a, &text, e)) {
        return false;
    }
    *out = str_rtrim(str_sub(text, 0, str_find_char(text, 0, '\n')));
    output_secret(x->output, *out);
    return true;
}

static bool ask_password(struct session *x, const char *prompt, struct str *out, struct err *e) {
    return vault_prompt(prompt, x->a, out, e);
}

/// The one way to see a password: it was typed at this terminal into an ad-hoc `debug` that names its variable, and
/// nothing but the terminal gets the answer. docs/secrets.md tells of it.
static bool asks_to_see(const struct settings *s) {
    bool debug = str_eqz(s->module_name, "debug") || str_eqz(s->module_name, "ansible.builtin.debug");
    bool named = str_find(s->module_args, 0, STR_LIT("ansible_password")) != SIZE_MAX ||
                 str_find(s->module_args, 0, STR_LIT("ansible_ssh_pass")) != SIZE_MAX;
    return debug && named && !s->log_path.n && !s->tree.n && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static struct str upper(struct arena *a, struct str s) {
    char *z = str_z(a, s);
    for (size_t i = 0; i < s.n; i++) {
        z[i] = ascii_upper(z[i]);
    }
    return (struct str){z, s.n};
}

static bool passwords(struct session *x, struct err *e) {
    struct settings *s = x->s;
    struct run_opts *r = &x->run;
    if (s->conn_password_file.n > 0 && !read_password(x, s->conn_password_file, &r->conn_password, e)) {
        return false;
    }
    if (s->become_password_file.n > 0 && !read_password(x, s->become_password_file, &r->become_password, e)) {
        return false;
    }
    if (s->ask_pass) {
        if (!ask_password(x, "SSH password: ", &r->conn_password, e)) {
            return false;
        }
        r->show_password = asks_to_see(s);
    }
    if (!r->show_password) {
        output_secret(x->output, r->conn_password);
    }
    if (!s->ask_become_pass) {
        return true;
    }
    const char *more = r->conn_password.n > 0 ? "[defaults to SSH password]" : "";
    struct str who = s->agnostic_prompt ? STR_LIT("BECOME") : upper(x->a, s->become_method);
    if (!ask_password(x, arena_printf(x->a, "%.*s password%s: ", STR(who), more), &r->become_password, e)) {
        return false;
    }
    if (r->become_password.n == 0) {
        r->become_password = r->conn_password;
    } else {
        output_secret(x->output, r->become_password);
    }
    return true;
}

static int pretty_of(const struct settings *s) {
    bool yes = false;
    if (!s->pretty_results.n || !val_as_bool(val_str(s->a, s->pretty_results), &yes)) {
        return PRETTY_DEFAULT;
    }
    return yes ? PRETTY_ON : PRETTY_OFF;
}

static enum yaml_duplicates duplicates_of(const struct settings *s) {
    return str_eqz(s->duplicates, "error")    ? YAML_DUPLICATE_ERROR
           : str_eqz(s->duplicates, "ignore") ? YAML_DUPLICATE_IGNORE
                                              : YAML_DUPLICATE_WARN;
}

// -- variables -------------------------------------------------------------------------------------------------------

static bool load_vars_file(struct session *x, struct str path, struct val *out, struct err *e) {
    struct str text;
    bool secret;
    if (!session_read(x, path, x->a, &text, &secret, e)) {
        return false;
    }
    struct yaml_opts o = {
        .trusted = true, .secret = secret, .vault = &x->yaml_vault, .warn = session_warn, .warn_self = x};
    o.duplicates = duplicates_of(x->s);
    if (!yaml_load(str_z(x->a, path), text, &o, x->a, out, e)) {
        return false;
    }
    if (out->kind == VAL_NULL) {
        *out = val_dict(x->a, 0);
    }
    if (out->kind != VAL_DICT) {
        return err_set(e, ERR_SYNTAX, out->mark, "expected a dictionary of variables in '%.*s', found a %s", STR(path),
                       val_kind_name((enum val_kind)out->kind));
    }
    return true;
}

static void merge(struct session *x, struct val into, struct val from) {
    size_t i = 0;
    for (struct vpair *p; (p = val_each(from, &i));) {
        val_set_key(x->a, into, p->key, p->value);
    }
}

bool session_extra(struct session *x, struct str word, struct val vars, struct err *e) {
    struct str t = str_trim(word);
    struct val got;
    if (t.n > 0 && t.s[0] == '@') {
        if (!load_vars_file(x, str_sub(t, 1, t.n), &got, e)) {
            return err_wrap(e, NO_MARK, "cannot read extra variables from '%.*s'", STR(str_sub(t, 1, t.n)));
        }
    } else if (t.n > 0 && (t.s[0] == '{' || t.s[0] == '[')) {
        struct yaml_opts o = {.trusted = true, .vault = &x->yaml_vault};
        if (!yaml_load("<extra variables>", t, &o, x->a, &got, e)) {
            return false;
        }
        if (got.kind != VAL_DICT) {
            return err_set(e, ERR_ARGS, got.mark, "extra variables must be a dictionary, not a %s",
                           val_kind_name((enum val_kind)got.kind));
        }
    } else {
        struct mark at = mark_source("<extra variables>", t, 0);
        if (!kv_parse(x->a, t, at, false, &got, e)) {
            return false;
        }
        if (val_has(got, "_raw_params")) {
            struct str raw = val_text(val_get(got, "_raw_params"));
            session_warn(
                x, at,
                arena_printf(x->a,
                             "expected k=v, found '%.*s', which has no effect; write -e 'name=value', -e @FILE "
                             "or -e '{\"name\": \"value\"}'",
                             STR(raw)));
        }
        got = val_mark_templates(val_reflag(x->a, got, 0, VAL_TRUSTED));
    }
    merge(x, vars, got);
    return true;
}

static bool extra_vars(struct session *x, const struct words *secrets, struct err *e) {
    x->extra_vars = val_dict(x->a, 8);
    for (size_t i = 0; i < secrets->n; i++) {
        struct val v;
        if (!load_vars_file(x, secrets->p[i], &v, e)) {
            return err_wrap(e, NO_MARK, "cannot read the secrets of the environment from '%.*s'", STR(secrets->p[i]));
        }
        merge(x, x->extra_vars, v);
    }
    for (size_t i = 0; i < x->s->extra.n; i++) {
        if (!session_extra(x, x->s->extra.p[i], x->extra_vars, e)) {
            return false;
        }
    }
    return true;
}

// -- services for the playbook loader --------------------------------------------------------------------------------

struct static_scope {
    struct val extra, play;
};

static bool static_get(void *self, struct str name, struct arena *a, struct val *out, struct err *e) {
    (void)a;
    (void)e;
    const struct static_scope *s = self;
    *out = val_get_str(s->extra, name);
    if (out->kind == VAL_UNDEF) {
        *out = val_get_str(s->play, name);
    }
    return true;
}

static bool template_static(void *self, struct val raw, struct val play_vars, struct arena *a, struct val *out,
                            struct err *e) {
    struct session *x = self;
    struct static_scope scope = {x->extra_vars, play_vars};
    struct jinja_host host = {.self = x, .unseal = secrets_unseal};
    struct jinja_ctx c = {.a = a, .cache = x->cache, .opts = &jinja_opts_ansible, .host = &host};
    c.scope.self = &scope;
    c.scope.get = static_get;
    return jinja_value(&c, raw, out, e);
}

/// Whether the place of a failure is shown on standard error, too. Not where exactly Ansible's output is expected and
/// nobody looks on: under the names of Ansible's tools, or with its callback `default` asked for by environment.
static bool wants_places(const struct settings *s) {
    const char *callback = getenv("ANSIBLE_STDOUT_CALLBACK");
    return isatty(STDERR_FILENO) != 0 || !(s->as_ansible || (callback && strcmp(callback, "default") == 0));
}

static struct junit_opts junit_options(const struct session *x) {
    const struct settings *s = x->s;
    struct str dir = config_path(x->a, s->junit_dir.n ? s->junit_dir : STR_LIT("~/.ansible.log"), STR_NONE);
    struct junit_opts o = {.dir = str_z(x->a, dir),
                           .task_class = s->junit_class,
                           .fail_on_change = s->junit_on_change,
                           .fail_on_ignore = s->junit_on_ignore,
                           .no_setup = !s->junit_setup,
                           .hide_arguments = s->junit_hide};
    if (s->junit_relative_to.n) {
        o.relative_to = str_z(x->a, config_path(x->a, s->junit_relative_to, STR_NONE));
    }
    o.out_of_tree = s->junit_out_of_tree.s ? str_z(x->a, s->junit_out_of_tree) : NULL;
    o.prefix = s->junit_prefix.n ? str_z(x->a, s->junit_prefix) : NULL;
    return o;
}

/// Where results go, one file a host: --tree, or the callback `tree`.
static const char *tree_dir(const struct session *x) {
    const struct settings *s = x->s;
    struct str dir = s->tree;
    for (size_t i = 0; !dir.n && i < s->callbacks_enabled.n; i++) {
        struct str name = str_trim(s->callbacks_enabled.p[i]);
        if (str_eqz(name, "tree") || str_eqz(name, "ansible.builtin.tree")) {
            dir = config_path(x->a, s->callback_tree.n ? s->callback_tree : STR_LIT("~/.ansible/tree"), STR_NONE);
        }
    }
    return dir.n ? str_z(x->a, dir) : NULL;
}

/// Whether there is a log: Ansible's messages are all from the logger "ansible", which log_filter may name.
static bool logs(const struct settings *s) {
    bool out = s->log_path.n > 0;
    for (size_t i = 0; i < s->log_filter.n; i++) {
        out = out && !str_eqz(s->log_filter.p[i], "ansible");
    }
    return out;
}

/// The colours that settings name; one that does not exist is a warning.
static void colors(struct session *x, struct output_opts *o) {
    for (size_t i = 0; i < COLOR_COUNT; i++) {
        struct str name = x->s->colors[i];
        o->colors[i] = name.n ? color_code(x->a, name) : NULL;
        if (name.n && !o->colors[i]) {
            struct str text = str_printf(
                x->a, "there is no colour '%.*s'; expected a name such as 'bright red', or colorN, grayN, rgbRGB",
                STR(name));
            VEC_PUSH(x->a, x->s->config_warnings, text);
        }
    }
}

static bool open_output(struct session *x, struct err *e) {
    const struct settings *s = x->s;
    bool tty = isatty(STDOUT_FILENO) != 0;
    struct output_opts o = {.verbosity = (int)s->verbosity,
                            .color = !s->no_color && !getenv("NO_COLOR") && (tty || s->color),
                            .show_skipped = s->show_skipped,
                            .show_ok = s->show_ok,
                            .tree = tree_dir(x),
                            .show_custom_stats = s->custom_stats,
                            .check_markers = s->check_markers,
                            .failed_stderr = s->failed_stderr,
                            .host_start = s->host_start,
                            .failure_path = s->failure_path,
                            .args = s->args_to_stdout,
                            .pretty = pretty_of(s),
                            .places = wants_places(s),
                            .yaml = str_eqz(s->result_format, "yaml"),
                            .columns = 79,
                            .json_indent = (int)s->json_indent,
                            .junit = junit_options(x),
                            .name = str_z(x->a, s->callback),
                            .enabled = s->callbacks_enabled.p,
                            .nenabled = s->callbacks_enabled.n,
                            .log = logs(s) ? str_z(x->a, s->log_path) : NULL,
                            .log_verbosity = (int)s->log_verbosity,
                            .diff_context = (int)s->diff_context,
                            .keep_warnings = !s->action_warnings,
                            .verbose_stderr = s->verbose_stderr,
                            .out = stdout,
                            .err = stderr};
    colors(x, &o);
    x->output = output_new(&o, e);
    for (size_t i = 0; x->output && i < s->config_warnings.n; i++) {
        session_warn(x, NO_MARK, str_z(x->a, s->config_warnings.p[i]));
    }
    return x->output != NULL;
}

static const char **texts(struct arena *a, const struct words *w) {
    const char **out = ARENA_ARRAY(a, const char *, w->n + 1);
    for (size_t i = 0; i < w->n; i++) {
        out[i] = str_z(a, w->p[i]);
    }
    return out;
}

/// INVENTORY_ENABLED as bits; a plugin in Python that is named there is not ours.
static unsigned reader_bits(struct session *x) {
    static const struct {
        const char *name;
        unsigned bit;
    } names[] = {{"host_list", READ_HOST_LIST}, {"advanced_host_list", READ_ADVANCED_HOST_LIST},
                 {"script", READ_SCRIPT},       {"auto", READ_AUTO},
                 {"yaml", READ_YAML},           {"ini", READ_INI},
                 {"toml", READ_TOML},           {"constructed", READ_AUTO},
                 {"generator", READ_AUTO}};
    unsigned bits = 0;
    for (size_t i = 0; i < x->s->inv_enabled.n; i++) {
        struct str name = x->s->inv_enabled.p[i];
        unsigned bit = 0;
        name = str_starts(name, "ansible.builtin.") ? str_sub(name, 16, name.n) : name;
        for (size_t k = 0; k < COUNTOF(names); k++) {
            bit = str_eqz(name, names[k].name) ? names[k].bit : bit;
        }
        bits |= bit;
        if (!bit) {
            session_warn(x, NO_MARK, arena_printf(x->a, "inventory plugin '%.*s' is not built in", STR(name)));
        }
    }
    return bits;
}

static enum inv_group_chars group_chars(struct str how) {
    return str_eqz(how, "always")     ? GROUP_CHARS_ALWAYS
           : str_eqz(how, "ignore")   ? GROUP_CHARS_IGNORE
           : str_eqz(how, "silently") ? GROUP_CHARS_SILENTLY
                                      : GROUP_CHARS_NEVER;
}

/// compat = 2.19
static bool is_219(const struct settings *s) {
    return str_eqz(s->compat, "2.19");
}

/// Ends of names that are no inventories; 2.19 takes `.ini` off the list.
static const char *const *ignored_ends(struct session *x) {
    static const char *const of_219[] = {".pyc", ".pyo", ".swp",  ".bak", "~",      ".rpm", ".md",
                                         ".txt", ".rst", ".orig", ".cfg", ".retry", NULL};
    return x->s->inv_ignore_exts.n ? texts(x->a, &x->s->inv_ignore_exts) : is_219(x->s) ? of_219 : NULL;
}

/// What an inventory that is not vaulted says openly.
static void show_names(struct session *x, const struct inventory *inv) {
    struct str text;
    size_t offset;
    for (size_t i = 0; i < inv->hosts.n; i++) {
        const struct host *h = inv->hosts.slots[i].value;
        if (mark_text(h->at, &text, &offset)) {
            output_public(x->output, h->name);
        }
    }
    for (size_t i = 0; i < inv->groups.n; i++) {
        const struct group *g = inv->groups.slots[i].value;
        if (mark_text(g->at, &text, &offset)) {
            output_public(x->output, g->name);
        }
    }
}

static bool load_inventory(struct session *x, struct err *e) {
    const struct settings *s = x->s;
    struct inv_templates *templates = ARENA_NEW(x->a, struct inv_templates);
    struct inv_opts *o = ARENA_NEW(x->a, struct inv_opts);
    session_templates(x, templates);
    *o = (struct inv_opts){.vault = &x->yaml_vault,
                           .warn = session_warn,
                           .remark = session_remark,
                           .warn_self = x,
                           .script_timeout_ms = s->script_timeout_s * 1000,
                           .group_chars = group_chars(s->group_chars),
                           .ignore_exts = ignored_ends(x),
                           .ignore_patterns = texts(x->a, &s->inv_ignore_patterns),
                           .templates = templates,
                           .readers = reader_bits(x),
                           .missing_ok = s->missing_sources_ok,
                           .empty_ok = s->lenient_sources,
                           .any_failed = s->inv_any_unparsed_failed,
                           .all_failed = s->inv_unparsed_failed,
                           .no_unparsed_warning = !s->inv_unparsed_warning,
                           .merge = str_eqz(s->hash_behaviour, "merge"),
                           .use_extra_vars = s->inv_use_extra_vars,
                           .quiet_scripts = !s->inv_script_stderr,
                           .a = x->a};
    struct inventory *inv = inv_load(texts(x->a, &s->inventory), s->inventory.n, o, e);
    if (!inv) {
        return false;
    }
    if (x->inventory) {
        *x->inventory = *inv;
    } else {
        x->inventory = inv;
    }
    show_names(x, inv);
    return true;
}

/// The inventory is read again and takes the place of the old one; its hosts are new objects.
static bool reload_inventory(void *self, struct err *e) {
    struct session *x = self;
    return load_inventory(x, e);
}

static bool open_facts(struct session *x, struct err *e) {
    const struct settings *s = x->s;
    struct fact_cache_opts o = {.plugin = s->cache_plugin, .prefix = s->cache_prefix, .timeout_s = s->cache_timeout_s};
    if (s->cache_connection.n) {
        o.connection = config_path(x->a, s->cache_connection, STR_NONE);
    }
    return fact_cache_open(&o, x->a, &x->facts, e);
}

static bool open_inventory(struct session *x, struct err *e) {
    if (!load_inventory(x, e)) {
        return false;
    }
    x->vars_files = vars_files_new(x->a, x->inventory, &x->yaml_vault, session_warn, x);
    vars_files_merge(x->vars_files, str_eqz(x->s->hash_behaviour, "merge"));
    if (x->s->vars_precedence.n) {
        vars_files_order(x->vars_files, x->s->vars_precedence.p, x->s->vars_precedence.n);
    }
    struct str stage = x->s->vars_stage;
    if (!stage.n) {
        stage = str_eqz(x->s->run_vars_plugins, "start") ? STR_LIT("inventory") : STR_LIT("task");
    }
    bool both = str_eqz(stage, "all");
    vars_files_stages(x->vars_files, both || str_eqz(stage, "inventory"), both || str_eqz(stage, "task"));
    return true;
}

struct str remote_dir(struct arena *a) {
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0) {
        return STR_LIT(".");
    }
    exe[n] = '\0';
    char *slash = strrchr(exe, '/');
    *slash = '\0';
    struct str installed = str_printf(a, "%s/../libexec/play", exe);
    return access(installed.s, X_OK) == 0 ? installed : str_dup(a, str_from(exe));
}

static struct val word_list(struct arena *a, const struct words *w) {
    struct val l = val_list(a, w->n);
    for (size_t i = 0; i < w->n; i++) {
        val_push(a, l, val_str(a, w->p[i]));
    }
    return l;
}

static bool setting_named(void *self, const struct setting_query *q, struct arena *a, struct val *out) {
    size_t row = config_row(q->plugin, q->name);
    if (row == SIZE_MAX) {
        return false;
    }
    struct err ignored = {.arena = a};
    struct val v = q->given;
    if (val_is(v, VAL_UNDEF)) {
        v = config_value(self, row).v;
    } else if (val_is(v, VAL_STR)) {
        (void)config_convert(self, row, val_text(v), STR_LIT("variable"), v.mark, &v, &ignored);
    }
    *out = val_promote(a, v);
    return true;
}

/// What ansible.cfg and the environment say for one become method; a user from the command line counts more.
static struct val become_plugins(struct session *x) {
    static const char *const names[] = {"become_user", "become_exe", "become_flags", "become_pass"};
    static const char *const methods[] = {"sudo", "su"};
    struct val general = config_value(x->s, config_row(NULL, STR_LIT("DEFAULT_BECOME_USER"))).v;
    bool given = !val_is(general, VAL_STR) || !str_eq(val_text(general), x->s->become_user);
    struct val out = val_dict(x->a, COUNTOF(methods));
    for (size_t i = 0; i < COUNTOF(methods); i++) {
        struct val one = val_dict(x->a, COUNTOF(names));
        for (size_t k = given ? 1 : 0; k < COUNTOF(names); k++) {
            const char *plugin = arena_printf(x->a, "become:%s", methods[i]);
            struct setting_value v = config_value(x->s, config_row(plugin, str_from(names[k])));
            if (v.set && val_is(v.v, VAL_STR)) {
                val_set(x->a, one, names[k], v.v);
            }
        }
        val_set(x->a, out, methods[i], one);
    }
    return out;
}

/// How hosts are reached unless variables say otherwise.
static void fill_login(struct session *x) {
    const struct settings *s = x->s;
    struct run_opts *r = &x->run;
    r->remote_user = s->remote_user;
    r->connection = s->connection;
    r->private_key = s->private_key;
    r->ssh_common_args = s->ssh_common_args;
    r->ssh_extra_args = s->ssh_extra_args;
    r->ssh_args = s->ssh_args;
    r->sshpass_prompt = s->sshpass_prompt;
    r->ssh_retries = (int)s->ssh_retries;
    r->become_exe = s->become_exe;
    r->become_flags = s->become_flags;
    r->become_method = s->become_method;
    r->become_user = s->become_user;
    r->become = s->become;
    r->port = (int)s->port;
    r->timeout_s = (int)s->timeout_s;
    r->host_key = s->accept_new ? 1 : (s->host_key_checking ? 0 : 2);
    r->remote_dir = remote_dir(x->a);
    r->remote_tmp = s->remote_tmp;
    r->async_dir = s->async_dir;
    r->executable = s->executable;
    r->become_plugins = become_plugins(x);
}

static void fill_run(struct session *x) {
    const struct settings *s = x->s;
    struct run_opts *r = &x->run;
    r->inventory = x->inventory;
    r->vars_files = x->vars_files;
    r->loader = x->loader;
    r->output = x->output;
    r->vault = x->ring;
    r->yaml_vault = &x->yaml_vault;
    r->cache = x->cache;
    r->extra_vars = x->extra_vars;
    r->limit = s->limit;
    r->tags = word_list(x->a, &s->tags);
    r->skip_tags = word_list(x->a, &s->skip_tags);
    r->forks = (int)s->forks;
    r->verbosity = (int)s->verbosity;
    r->check = s->check;
    r->diff = s->diff;
    r->vars_root = str_eqz(s->playbook_vars_root, "all")      ? VARS_ROOT_ALL
                   : str_eqz(s->playbook_vars_root, "bottom") ? VARS_ROOT_BOTTOM
                                                              : VARS_ROOT_TOP;
    fill_login(x);
    r->step = s->step;
    r->syntax_only = s->syntax_check || s->list_hosts || s->list_tasks || s->list_tags;
    r->force_handlers = s->force_handlers;
    r->flush_cache = s->flush_cache;
    r->start_at_task = s->start_at_task;
    r->diff_max = s->diff_max > 0 ? (size_t)s->diff_max : (size_t)INT64_MAX;
    r->task_timeout_s = s->task_timeout_s;
    r->live = s->live;
    r->private_role_vars = s->private_role_vars;
    r->gathering = s->gathering;
    r->reload = reload_inventory;
    r->reload_self = x;
    r->strategy = s->strategy;
    r->no_log = s->hide_all;
    r->poll_s = s->poll_s;
    r->missing_handler_ok = !s->handler_must_exist;
    r->task_debugger = s->task_debugger;
    r->debugger_ignores = s->debugger_ignores;
    r->any_errors_fatal = s->any_errors_fatal;
    r->inject_facts = s->inject_facts;
    bool broken_ok = s->broken_conditionals.n ? str_eqz(s->broken_conditionals, "True") : !is_219(s);
    r->v219 = is_219(s);
    r->native = r->v219 || s->jinja2_native;
    r->strict_conditions = !broken_ok;
    r->facts = x->facts;
    r->pattern_mismatch = str_eqz(s->pattern_mismatch, "error")    ? MISMATCH_ERROR
                          : str_eqz(s->pattern_mismatch, "ignore") ? MISMATCH_IGNORE
                                                                   : MISMATCH_WARN;
    r->merge_dicts = str_eqz(s->hash_behaviour, "merge");
    r->retry_files = s->retry_files;
    r->retry_dir = s->retry_dir;
    r->cfg = val_dict(x->a, 4);
    if (s->config_file.n) {
        val_set(x->a, r->cfg, "config_file", val_str(x->a, s->config_file));
    }
    val_set(x->a, r->cfg, "ansible_managed", config_value(x->s, config_row(NULL, STR_LIT("DEFAULT_MANAGED_STR"))).v);
    r->warn_places = wants_places(s);
    r->setting = setting_named;
    r->setting_self = x->s;
}

bool session_open(struct session *x, struct settings *s, const struct words *secrets, struct err *e) {
    x->s = s;
    x->a = s->a;
    secrets_open(x);
    x->cache = jinja_cache_new();
    x->plugins = plugins_new(x);
    jinja_cache_plugins(x->cache, plugins_api(x->plugins));
    struct jinja_dialect dialect = {.undefined_stays = !s->undefined_fails, .null_text = s->null_text};
    if (!jinja_extensions(s->jinja_extensions, x->a, &dialect, e)) {
        return err_wrap(e, NO_MARK, "in the setting DEFAULT_JINJA2_EXTENSIONS");
    }
    jinja_cache_dialect(x->cache, &dialect);
    if (s->compat.n && !str_eqz(s->compat, "2.18") && !str_eqz(s->compat, "2.19")) {
        return err_set(e, ERR_ARGS, NO_MARK, "--compat must be 2.18 or 2.19, not '%.*s'", STR(s->compat));
    }
    if (!open_output(x, e) || !secrets_passwords(x, e) || !extra_vars(x, secrets, e) || !open_facts(x, e) ||
        !open_inventory(x, e)) {
        return false;
    }
    if (!rejected_read(x, &x->rejected, e)) {
        return false;
    }
    struct pb_opts o = {.a = x->a,
                        .rejected = &x->rejected,
                        .vault = &x->yaml_vault,
                        .duplicates = duplicates_of(s),
                        .roles_path = s->roles_path.p,
                        .nroles_path = s->roles_path.n,
                        .collections_path = s->collections_path.p,
                        .ncollections_path = s->collections_path.n,
                        .template_static = template_static,
                        .template_self = x,
                        .warn = session_warn,
                        .warn_self = x,
                        .find_module = library_find,
                        .runtime = library_runtime,
                        .find_self = library_new(x),
                        .plugin_dir = plugins_dir,
                        .plugin_self = x->plugins,
                        .read = session_read,
                        .read_self = x,
                        .bad_attribute_ok = !s->bad_attribute_fails,
                        .no_run = s->syntax_check || s->list_hosts || s->list_tasks || s->list_tags};
    x->loader = pb_loader_new(&o);
    fill_run(x);
    return passwords(x, e);
}

void session_close(struct session *x) {
    fact_cache_close(x->facts);
    x->facts = NULL;
    output_free(x->output);
    x->output = NULL;
    jinja_cache_free(x->cache);
    x->cache = NULL;
    secrets_close(x);
    x->ring = NULL;
}
