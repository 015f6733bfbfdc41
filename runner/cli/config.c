// ansible.cfg and ANSIBLE_* variables: which file is read, what it says, and what that means for a run. The settings
// themselves are the rows of settings.def. The command line is read afterwards and wins.
#include "cli.h"

#include "fd.h"
#include "typo.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTING(plugin, name, type, def, env, ini, choices, doc) {plugin, name, type, def, env, ini, choices, doc},
const struct setting_row setting_rows[] = {
#include "settings.def"
};
#undef SETTING
const size_t setting_count = COUNTOF(setting_rows);

static void warn(struct settings *s, struct str text) {
    VEC_PUSH(s->a, s->config_warnings, text);
}

size_t config_row(const char *plugin, struct str name) {
    for (size_t i = 0; i < setting_count; i++) {
        const char *p = setting_rows[i].plugin;
        bool same = p == plugin || (p && plugin && strcmp(p, plugin) == 0);
        if (same && str_eqz(name, setting_rows[i].name)) {
            return i;
        }
    }
    return SIZE_MAX;
}

// -- what a setting means for a run ----------------------------------------------------------------------------------

enum member_kind { MEMBER_TEXT, MEMBER_BOOL, MEMBER_NUMBER, MEMBER_WORDS };
#define AT(member) offsetof(struct settings, member)
static const struct member {
    const char *plugin, *name;
    enum member_kind kind;
    size_t offset;
} members[] = {
    {NULL, "DEFAULT_HOST_LIST", MEMBER_WORDS, AT(inventory)},
    {NULL, "DEFAULT_ROLES_PATH", MEMBER_WORDS, AT(roles_path)},
    {NULL, "COLLECTIONS_PATHS", MEMBER_WORDS, AT(collections_path)},
    {NULL, "DEFAULT_MODULE_PATH", MEMBER_WORDS, AT(library)},
    {NULL, "DEFAULT_FILTER_PLUGIN_PATH", MEMBER_WORDS, AT(filter_plugins)},
    {NULL, "DEFAULT_TEST_PLUGIN_PATH", MEMBER_WORDS, AT(test_plugins)},
    {NULL, "DEFAULT_LOOKUP_PLUGIN_PATH", MEMBER_WORDS, AT(lookup_plugins)},
    {NULL, "DEFAULT_MODULE_UTILS_PATH", MEMBER_WORDS, AT(module_utils)},
    {NULL, "PLAY_MODULE_UTILS", MEMBER_WORDS, AT(module_utils_roots)},
    {NULL, "DEFAULT_REMOTE_USER", MEMBER_TEXT, AT(remote_user)},
    {NULL, "DEFAULT_REMOTE_PORT", MEMBER_NUMBER, AT(port)},
    {NULL, "DEFAULT_PRIVATE_KEY_FILE", MEMBER_TEXT, AT(private_key)},
    {NULL, "DEFAULT_TRANSPORT", MEMBER_TEXT, AT(connection)},
    {NULL, "DEFAULT_FORKS", MEMBER_NUMBER, AT(forks)},
    {NULL, "DEFAULT_TIMEOUT", MEMBER_NUMBER, AT(timeout_s)},
    {NULL, "MAX_FILE_SIZE_FOR_DIFF", MEMBER_NUMBER, AT(diff_max)},
    {NULL, "TASK_TIMEOUT", MEMBER_NUMBER, AT(task_timeout_s)},
    {NULL, "HOST_KEY_CHECKING", MEMBER_BOOL, AT(host_key_checking)},
    {"connection:ssh", "host_key_checking", MEMBER_BOOL, AT(host_key_checking)},
    {NULL, "DEFAULT_VAULT_PASSWORD_FILE", MEMBER_WORDS, AT(vault_file)},
    {NULL, "DEFAULT_VAULT_IDENTITY_LIST", MEMBER_WORDS, AT(vault_list)},
    {NULL, "DEFAULT_VAULT_IDENTITY", MEMBER_TEXT, AT(vault_label)},
    {NULL, "DEFAULT_VAULT_ID_MATCH", MEMBER_BOOL, AT(vault_match)},
    {NULL, "DEFAULT_BECOME_EXE", MEMBER_TEXT, AT(become_exe)},
    {NULL, "DEFAULT_BECOME_FLAGS", MEMBER_TEXT, AT(become_flags)},
    {"connection:ssh", "ssh_args", MEMBER_TEXT, AT(ssh_args)},
    {"connection:ssh", "reconnection_retries", MEMBER_NUMBER, AT(ssh_retries)},
    {NULL, "DEFAULT_ASK_VAULT_PASS", MEMBER_BOOL, AT(ask_vault)},
    {NULL, "DEFAULT_ASK_PASS", MEMBER_BOOL, AT(ask_pass)},
    {NULL, "CONNECTION_PASSWORD_FILE", MEMBER_TEXT, AT(conn_password_file)},
    {NULL, "BECOME_PASSWORD_FILE", MEMBER_TEXT, AT(become_password_file)},
    {NULL, "DEFAULT_GATHERING", MEMBER_TEXT, AT(gathering)},
    {NULL, "DEFAULT_STDOUT_CALLBACK", MEMBER_TEXT, AT(callback)},
    {NULL, "DEFAULT_LOAD_CALLBACK_PLUGINS", MEMBER_BOOL, AT(adhoc_callbacks)},
    {NULL, "DEFAULT_FORCE_HANDLERS", MEMBER_BOOL, AT(force_handlers)},
    {NULL, "ANY_ERRORS_FATAL", MEMBER_BOOL, AT(any_errors_fatal)},
    {NULL, "DEFAULT_JINJA2_NATIVE", MEMBER_BOOL, AT(jinja2_native)},
    {NULL, "PLAY_COMPAT", MEMBER_TEXT, AT(compat)},
    {NULL, "ALLOW_BROKEN_CONDITIONALS", MEMBER_TEXT, AT(broken_conditionals)},
    {NULL, "INJECT_FACTS_AS_VARS", MEMBER_BOOL, AT(inject_facts)},
    {NULL, "DEFAULT_HASH_BEHAVIOUR", MEMBER_TEXT, AT(hash_behaviour)},
    {"callback:default", "display_skipped_hosts", MEMBER_BOOL, AT(show_skipped)},
    {"callback:default", "display_ok_hosts", MEMBER_BOOL, AT(show_ok)},
    {"callback:default", "display_failed_stderr", MEMBER_BOOL, AT(failed_stderr)},
    {"callback:default", "show_custom_stats", MEMBER_BOOL, AT(custom_stats)},
    {"callback:default", "show_per_host_start", MEMBER_BOOL, AT(host_start)},
    {"callback:default", "check_mode_markers", MEMBER_BOOL, AT(check_markers)},
    {"callback:default", "show_task_path_on_failure", MEMBER_BOOL, AT(failure_path)},
    {"callback:default", "result_format", MEMBER_TEXT, AT(result_format)},
    {"callback:default", "pretty_results", MEMBER_TEXT, AT(pretty_results)},
    {"callback:json", "json_indent", MEMBER_NUMBER, AT(json_indent)},
    {"callback:junit", "fail_on_change", MEMBER_BOOL, AT(junit_on_change)},
    {"callback:junit", "fail_on_ignore", MEMBER_BOOL, AT(junit_on_ignore)},
    {"callback:junit", "hide_task_arguments", MEMBER_BOOL, AT(junit_hide)},
    {"callback:junit", "include_setup_tasks_in_report", MEMBER_BOOL, AT(junit_setup)},
    {"callback:junit", "output_dir", MEMBER_TEXT, AT(junit_dir)},
    {"callback:junit", "replace_out_of_tree_path", MEMBER_TEXT, AT(junit_out_of_tree)},
    {"callback:junit", "task_class", MEMBER_BOOL, AT(junit_class)},
    {"callback:junit", "task_relative_path", MEMBER_TEXT, AT(junit_relative_to)},
    {"callback:junit", "test_case_prefix", MEMBER_TEXT, AT(junit_prefix)},
    {"callback:tree", "directory", MEMBER_TEXT, AT(callback_tree)},
    {NULL, "DEFAULT_LOG_PATH", MEMBER_TEXT, AT(log_path)},
    {NULL, "DISPLAY_ARGS_TO_STDOUT", MEMBER_BOOL, AT(args_to_stdout)},
    {NULL, "DUPLICATE_YAML_DICT_KEY", MEMBER_TEXT, AT(duplicates)},
    {NULL, "DEFAULT_STRATEGY", MEMBER_TEXT, AT(strategy)},
    {NULL, "ERROR_ON_MISSING_HANDLER", MEMBER_BOOL, AT(handler_must_exist)},
    {NULL, "DEFAULT_NO_LOG", MEMBER_BOOL, AT(hide_all)},
    {NULL, "CALLBACKS_ENABLED", MEMBER_WORDS, AT(callbacks_enabled)},
    {NULL, "ENABLE_TASK_DEBUGGER", MEMBER_BOOL, AT(task_debugger)},
    {NULL, "TASK_DEBUGGER_IGNORE_ERRORS", MEMBER_BOOL, AT(debugger_ignores)},
    {NULL, "RETRY_FILES_ENABLED", MEMBER_BOOL, AT(retry_files)},
    {NULL, "RETRY_FILES_SAVE_PATH", MEMBER_TEXT, AT(retry_dir)},
    {NULL, "ANSIBLE_NOCOLOR", MEMBER_BOOL, AT(no_color)},
    {NULL, "ANSIBLE_FORCE_COLOR", MEMBER_BOOL, AT(color)},
    {NULL, "DEFAULT_VERBOSITY", MEMBER_NUMBER, AT(verbosity)},
    {NULL, "DEFAULT_POLL_INTERVAL", MEMBER_NUMBER, AT(poll_s)},
    {NULL, "DEFAULT_BECOME", MEMBER_BOOL, AT(become)},
    {NULL, "DEFAULT_BECOME_METHOD", MEMBER_TEXT, AT(become_method)},
    {NULL, "DEFAULT_BECOME_USER", MEMBER_TEXT, AT(become_user)},
    {NULL, "DEFAULT_BECOME_ASK_PASS", MEMBER_BOOL, AT(ask_become_pass)},
    {"connection:ssh", "ssh_common_args", MEMBER_TEXT, AT(ssh_common_args)},
    {"connection:ssh", "ssh_extra_args", MEMBER_TEXT, AT(ssh_extra_args)},
    {"connection:ssh", "sshpass_prompt", MEMBER_TEXT, AT(sshpass_prompt)},
    {"connection:ssh", "timeout", MEMBER_NUMBER, AT(timeout_s)},
    {NULL, "DIFF_ALWAYS", MEMBER_BOOL, AT(diff)},
    {NULL, "TAGS_RUN", MEMBER_WORDS, AT(configured_tags)},
    {NULL, "TAGS_SKIP", MEMBER_WORDS, AT(configured_skip_tags)},
    {NULL, "PLAYBOOK_DIR", MEMBER_TEXT, AT(playbook_dir)},
    {NULL, "INVENTORY_EXPORT", MEMBER_BOOL, AT(inv_export)},
    {NULL, "DEFAULT_MODULE_NAME", MEMBER_TEXT, AT(module_name)},
    {NULL, "DEFAULT_MODULE_ARGS", MEMBER_TEXT, AT(module_args)},
    {NULL, "INVENTORY_IGNORE_EXTS", MEMBER_WORDS, AT(inv_ignore_exts)},
    {NULL, "INVENTORY_IGNORE_PATTERNS", MEMBER_WORDS, AT(inv_ignore_patterns)},
    {NULL, "INVENTORY_ENABLED", MEMBER_WORDS, AT(inv_enabled)},
    {NULL, "INVENTORY_UNPARSED_IS_FAILED", MEMBER_BOOL, AT(inv_unparsed_failed)},
    {NULL, "INVENTORY_ANY_UNPARSED_IS_FAILED", MEMBER_BOOL, AT(inv_any_unparsed_failed)},
    {NULL, "INVENTORY_UNPARSED_WARNING", MEMBER_BOOL, AT(inv_unparsed_warning)},
    {NULL, "LOCALHOST_WARNING", MEMBER_BOOL, AT(localhost_warning)},
    {NULL, "TRANSFORM_INVALID_GROUP_CHARS", MEMBER_TEXT, AT(group_chars)},
    {NULL, "HOST_PATTERN_MISMATCH", MEMBER_TEXT, AT(pattern_mismatch)},
    {NULL, "YAML_FILENAME_EXTENSIONS", MEMBER_WORDS, AT(yaml_exts)},
    {"inventory:yaml", "yaml_extensions", MEMBER_WORDS, AT(inv_yaml_exts)},
    {"inventory:script", "always_show_stderr", MEMBER_BOOL, AT(inv_script_stderr)},
    {"inventory:constructed", "use_extra_vars", MEMBER_BOOL, AT(inv_use_extra_vars)},
    {NULL, "VARIABLE_PLUGINS_ENABLED", MEMBER_WORDS, AT(vars_plugins)},
    {NULL, "VARIABLE_PRECEDENCE", MEMBER_WORDS, AT(vars_precedence)},
    {NULL, "PLAYBOOK_VARS_ROOT", MEMBER_TEXT, AT(playbook_vars_root)},
    {NULL, "RUN_VARS_PLUGINS", MEMBER_TEXT, AT(run_vars_plugins)},
    {"vars:host_group_vars", "stage", MEMBER_TEXT, AT(vars_stage)},
    {NULL, "CACHE_PLUGIN", MEMBER_TEXT, AT(cache_plugin)},
    {NULL, "CACHE_PLUGIN_CONNECTION", MEMBER_TEXT, AT(cache_connection)},
    {NULL, "CACHE_PLUGIN_PREFIX", MEMBER_TEXT, AT(cache_prefix)},
    {NULL, "CACHE_PLUGIN_TIMEOUT", MEMBER_NUMBER, AT(cache_timeout_s)},
    {NULL, "INTERPRETER_PYTHON", MEMBER_TEXT, AT(interpreter_python)},
    {NULL, "COLOR_OK", MEMBER_TEXT, AT(colors[COLOR_OK])},
    {NULL, "COLOR_CHANGED", MEMBER_TEXT, AT(colors[COLOR_CHANGED])},
    {NULL, "COLOR_ERROR", MEMBER_TEXT, AT(colors[COLOR_ERROR])},
    {NULL, "COLOR_SKIP", MEMBER_TEXT, AT(colors[COLOR_SKIP])},
    {NULL, "COLOR_WARN", MEMBER_TEXT, AT(colors[COLOR_WARN])},
    {NULL, "COLOR_UNREACHABLE", MEMBER_TEXT, AT(colors[COLOR_UNREACHABLE])},
    {NULL, "COLOR_VERBOSE", MEMBER_TEXT, AT(colors[COLOR_VERBOSE])},
    {NULL, "COLOR_DEBUG", MEMBER_TEXT, AT(colors[COLOR_DEBUG])},
    {NULL, "COLOR_INCLUDED", MEMBER_TEXT, AT(colors[COLOR_INCLUDED])},
    {NULL, "COLOR_DEPRECATE", MEMBER_TEXT, AT(colors[COLOR_DEPRECATE])},
    {NULL, "COLOR_DIFF_ADD", MEMBER_TEXT, AT(colors[COLOR_DIFF_ADD])},
    {NULL, "COLOR_DIFF_REMOVE", MEMBER_TEXT, AT(colors[COLOR_DIFF_REMOVE])},
    {NULL, "COLOR_DIFF_LINES", MEMBER_TEXT, AT(colors[COLOR_DIFF_LINES])},
    {NULL, "DIFF_CONTEXT", MEMBER_NUMBER, AT(diff_context)},
    {NULL, "ACTION_WARNINGS", MEMBER_BOOL, AT(action_warnings)},
    {NULL, "VERBOSE_TO_STDERR", MEMBER_BOOL, AT(verbose_stderr)},
    {NULL, "LOG_VERBOSITY", MEMBER_NUMBER, AT(log_verbosity)},
    {NULL, "DEFAULT_LOG_FILTER", MEMBER_WORDS, AT(log_filter)},
    {NULL, "DEFAULT_JINJA2_EXTENSIONS", MEMBER_TEXT, AT(jinja_extensions)},
    {NULL, "DEFAULT_NULL_REPRESENTATION", MEMBER_TEXT, AT(null_text)},
    {NULL, "DEFAULT_UNDEFINED_VAR_BEHAVIOR", MEMBER_BOOL, AT(undefined_fails)},
    {NULL, "DEFAULT_PRIVATE_ROLE_VARS", MEMBER_BOOL, AT(private_role_vars)},
    {NULL, "AGNOSTIC_BECOME_PROMPT", MEMBER_BOOL, AT(agnostic_prompt)},
    {NULL, "INVALID_TASK_ATTRIBUTE_FAILED", MEMBER_BOOL, AT(bad_attribute_fails)},
    {NULL, "DEFAULT_EXECUTABLE", MEMBER_TEXT, AT(executable)},
    {"shell:sh", "remote_tmp", MEMBER_TEXT, AT(remote_tmp)},
    {"shell:sh", "async_dir", MEMBER_TEXT, AT(async_dir)},
};

static void set_member(struct settings *s, const struct member *m, struct val v) {
    char *at = (char *)s + m->offset;
    struct words w = {0};
    int64_t n;
    bool b;
    switch (m->kind) {
    case MEMBER_TEXT:
        *(struct str *)(void *)at = val_is(v, VAL_NULL) ? STR_NONE : val_str_of(s->a, v);
        return;
    case MEMBER_BOOL:
        *(bool *)(void *)at = val_as_bool(v, &b) && b;
        return;
    case MEMBER_NUMBER:
        *(int64_t *)(void *)at = val_as_int(v, &n) ? n : 0;
        return;
    case MEMBER_WORDS:
        for (size_t i = 0; val_is_seq(v) && i < val_len(v); i++) {
            VEC_PUSH(s->a, w, val_str_of(s->a, val_at_index(v, i)));
        }
        if (val_is(v, VAL_STR) && val_text(v).n) {
            VEC_PUSH(s->a, w, val_text(v));
        }
        *(struct words *)(void *)at = w;
        return;
    }
}

static void set_members(struct settings *s, const struct setting_row *r, struct val v) {
    for (size_t i = 0; i < COUNTOF(members); i++) {
        bool same = r->plugin == members[i].plugin ||
                    (r->plugin && members[i].plugin && strcmp(r->plugin, members[i].plugin) == 0);
        if (same && strcmp(r->name, members[i].name) == 0) {
            set_member(s, &members[i], v);
        }
    }
}

// -- the file --------------------------------------------------------------------------------------------------------

/// Sections whose keys are the business of others: servers of galaxy, plugins of a project.
static bool foreign_section(struct str section) {
    static const char *const names[] = {"galaxy",
                                        "colors",
                                        "persistent_connection",
                                        "paramiko_connection",
                                        "selinux",
                                        "jinja2",
                                        "netconf_connection",
                                        "connection",
                                        "accelerate",
                                        "testing",
                                        "winrm"};
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (str_eqz(section, names[i])) {
            return true;
        }
    }
    return str_starts(section, "callback_") || str_starts(section, "galaxy_server.") ||
           str_ends(section, "_become_plugin") || str_starts(section, "inventory_plugin") ||
           str_starts(section, "vars_") || str_ends(section, "_connection");
}

/// Whether `names` ("section:key|...") has this one.
static bool names_key(const char *names, struct str section, struct str key) {
    struct str rest = str_from(names);
    struct str one;
    while (rest.s && str_next(&rest, '|', &one)) {
        size_t colon = str_find_char(one, 0, ':');
        if (str_eq(str_sub(one, 0, colon), section) && str_eq(str_sub(one, colon + 1, one.n), key)) {
            return true;
        }
    }
    return false;
}

static void unknown(struct settings *s, struct str section, struct str key, struct mark at) {
    struct typo t = {.got = key};
    struct str one;
    for (size_t i = 0; i < setting_count; i++) {
        struct str rest = str_from(setting_rows[i].ini);
        while (rest.s && str_next(&rest, '|', &one)) {
            size_t colon = str_find_char(one, 0, ':');
            if (str_eq(str_sub(one, 0, colon), section)) {
                typo_offer(&t, str_sub(one, colon + 1, one.n));
            }
        }
    }
    struct place p = mark_place(at);
    struct str more = t.best.s ? str_printf(s->a, "; did you mean '%.*s'?", STR(t.best)) : STR_NONE;
    warn(s, str_printf(s->a, "%s:%u: setting '%.*s' in [%.*s] is not known here and has no effect%.*s", p.file, p.line,
                       STR(key), STR(section), STR(more)));
}

struct line {
    struct str section, key, value;
    struct mark at;
};

/// As in Ansible, what is neither yes nor no is no; it is told, for it may have been meant otherwise.
static void no_boolean(struct settings *s, size_t row, struct str text, struct mark at) {
    struct val as_is = val_str(s->a, config_unquote(text));
    bool yes = false;
    if (setting_rows[row].type == CT_BOOLEAN && !val_as_bool(as_is, &yes)) {
        struct place p = mark_place(at);
        struct str where = p.file ? str_printf(s->a, "%s:%u: ", p.file, p.line) : STR_NONE;
        warn(s, str_printf(s->a, "%.*ssetting %s must be yes or no, not '%.*s'; it is taken as no", STR(where),
                           setting_rows[row].name, STR(text)));
    }
}

static bool set_row(struct settings *s, size_t row, struct str text, struct str origin, struct mark at, struct err *e) {
    struct setting_value *v = &s->values[row];
    if (!config_convert(s, row, text, origin, at, &v->v, e)) {
        return false;
    }
    no_boolean(s, row, text, at);
    v->set = true;
    v->origin = origin;
    return true;
}

static bool set_line(struct settings *s, const struct line *l, struct err *e) {
    bool known = false;
    for (size_t i = 0; i < setting_count; i++) {
        if (setting_rows[i].ini && names_key(setting_rows[i].ini, l->section, l->key)) {
            known = true;
            if (!set_row(s, i, l->value, s->config_file, l->at, e)) {
                return false;
            }
        }
    }
    if (!known && !foreign_section(l->section) && !str_eqz(l->key, "hostfile") && !str_eqz(l->key, "sudo_user")) {
        unknown(s, l->section, l->key, l->at);
    }
    return true;
}

static struct str lower(struct arena *a, struct str s) {
    char *z = str_z(a, s);
    for (size_t i = 0; i < s.n; i++) {
        z[i] = (char)(z[i] >= 'A' && z[i] <= 'Z' ? z[i] + 32 : z[i]);
    }
    return (struct str){z, s.n};
}

/// Without what follows a " ;", as Python's configparser cuts inline comments.
static struct str without_comment(struct str value) {
    for (size_t i = 0; i < value.n; i++) {
        if (value.s[i] == ';' && (i == 0 || value.s[i - 1] == ' ' || value.s[i - 1] == '\t')) {
            return str_trim(str_sub(value, 0, i));
        }
    }
    return str_trim(value);
}

static bool parse_line(struct settings *s, struct str t, struct line *l, struct err *e) {
    if (t.s[0] == '[') {
        l->section = str_sub(t, 1, str_find_char(t, 0, ']'));
        return true;
    }
    size_t eq = str_find_char(t, 0, '=');
    size_t colon = str_find_char(t, 0, ':');
    eq = colon < eq ? colon : eq;
    if (eq == SIZE_MAX) {
        return err_set(e, ERR_SYNTAX, l->at, "expected 'key = value' in the configuration, found '%.*s'", STR(t));
    }
    l->key = lower(s->a, str_trim(str_sub(t, 0, eq)));
    l->value = without_comment(str_sub(t, eq + 1, t.n));
    return true;
}

static bool read_ini(struct settings *s, const char *path, struct err *e) {
    struct str text;
    if (!fd_read_file(path, (size_t)1 << 20, s->a, &text, e)) {
        return false;
    }
    struct mark base = mark_source(path, text, 0);
    struct line l = {0};
    struct str rest = text;
    struct str row;
    while (str_next(&rest, '\n', &row)) {
        struct str t = str_trim(row);
        bool more = row.n && (row.s[0] == ' ' || row.s[0] == '\t') && l.key.n;
        if (t.n == 0 || t.s[0] == '#' || t.s[0] == ';') {
            continue;
        }
        if (more) {  // a value goes on in indented lines
            l.value = str_printf(s->a, "%.*s\n%.*s", STR(l.value), STR(without_comment(t)));
            continue;
        }
        if (l.key.n && !set_line(s, &l, e)) {
            return false;
        }
        l.key = STR_NONE;
        l.at = (struct mark){base.at + (uint32_t)(t.s - text.s)};
        if (!parse_line(s, t, &l, e)) {
            return false;
        }
    }
    return !l.key.n || set_line(s, &l, e);
}

static bool in_cwd(struct settings *s, struct str *out) {
    if (access("ansible.cfg", R_OK) != 0) {
        return false;
    }
    struct stat st;
    char cwd[4096];
    if (stat(".", &st) == 0 && st.st_mode & S_IWOTH) {
        warn(s,
             STR_LIT("this directory is world-writable: ansible.cfg in it is not read; set ANSIBLE_CONFIG to use it"));
        return false;
    }
    *out = str_printf(s->a, "%s/ansible.cfg", getcwd(cwd, sizeof cwd) ? cwd : ".");
    return true;
}

// The first configuration file that exists; "" when there is none.
static struct str find_config(struct settings *s) {
    struct str given = s->config_arg.n ? s->config_arg : str_from(getenv("ANSIBLE_CONFIG"));
    struct str found;
    if (given.n) {
        struct stat st;
        given = config_path(s->a, given, STR_NONE);
        bool dir = stat(given.s, &st) == 0 && S_ISDIR(st.st_mode);
        given = dir ? str_printf(s->a, "%s/ansible.cfg", given.s) : given;
        if (s->config_arg.n || access(given.s, R_OK) == 0) {
            return given;
        }
        warn(s,
             str_printf(s->a,
                        "ANSIBLE_CONFIG names '%.*s', which cannot be read: the next place is looked at, as in Ansible",
                        STR(given)));
    }
    if (in_cwd(s, &found)) {
        return found;
    }
    const char *home = getenv("HOME");
    const char *mine = home ? arena_printf(s->a, "%s/.ansible.cfg", home) : "";
    if (access(mine, R_OK) == 0) {
        return str_from(mine);
    }
    return access("/etc/ansible/ansible.cfg", R_OK) == 0 ? STR_LIT("/etc/ansible/ansible.cfg") : STR_NONE;
}

static bool read_environment(struct settings *s, struct err *e) {
    for (size_t i = 0; i < setting_count; i++) {
        struct str rest = str_from(setting_rows[i].env);
        struct str one;
        while (rest.s && str_next(&rest, '|', &one)) {
            char name[128];
            snprintf(name, sizeof name, "%.*s", STR(one));
            const char *v = getenv(name);
            if (v && (*v || setting_rows[i].type == CT_STR || setting_rows[i].type == CT_RAW) &&
                !set_row(s, i, str_from(v), str_printf(s->a, "env: %s", name), NO_MARK, e)) {
                return err_wrap(e, NO_MARK, "in the environment variable %s", name);
            }
        }
    }
    return true;
}

bool config_load(struct settings *s, struct err *e) {
    s->values = ARENA_ARRAY(s->a, struct setting_value, setting_count);
    s->config_file = find_config(s);
    const char *given = s->config_arg.n > 0 && s->config_file.n > 0 ? s->config_file.s : NULL;
    if (given && access(given, R_OK) != 0) {
        err_sys(e, errno, NO_MARK, "The provided configuration file is missing or not accessible: %s", given);
        return err_hint(e, "name another one with --config");
    }
    if (s->config_file.n > 0 && !read_ini(s, s->config_file.s, e)) {
        return err_wrap(e, NO_MARK, "cannot use the configuration file '%.*s'", STR(s->config_file));
    }
    if (!read_environment(s, e)) {
        return false;
    }
    for (size_t i = 0; i < setting_count; i++) {
        if (s->values[i].set) {
            set_members(s, &setting_rows[i], s->values[i].v);
        }
    }
    return true;
}
