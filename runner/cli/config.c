// ansible.cfg and ANSIBLE_* variables: one row a setting. The command line is read afterwards and wins.
#include "cli.h"

#include "fd.h"
#include "typo.h"

#include <ctype.h>
#include <sys/stat.h>
#include <unistd.h>

enum setting_kind { SET_TEXT, SET_BOOL, SET_NUMBER, SET_WORDS, SET_PATHS, SET_FLAG_NOT, SET_IGNORED };
struct setting_row {
    const char *section, *key, *env;
    enum setting_kind kind;
    size_t offset;
};
#define AT(member) offsetof(struct settings, member)

// SET_IGNORED: legal in Ansible, has no meaning here (Python, ControlPersist, cow), accepted without a word.
static const struct setting_row rows[] = {
    {"defaults", "inventory", "ANSIBLE_INVENTORY", SET_WORDS, AT(inventory)},
    {"defaults", "roles_path", "ANSIBLE_ROLES_PATH", SET_PATHS, AT(roles_path)},
    {"defaults", "collections_path", "ANSIBLE_COLLECTIONS_PATH", SET_PATHS, AT(collections_path)},
    {"defaults", "collections_paths", "ANSIBLE_COLLECTIONS_PATHS", SET_PATHS, AT(collections_path)},
    {"defaults", "remote_user", "ANSIBLE_REMOTE_USER", SET_TEXT, AT(remote_user)},
    {"defaults", "remote_port", "ANSIBLE_REMOTE_PORT", SET_NUMBER, AT(port)},
    {"defaults", "private_key_file", "ANSIBLE_PRIVATE_KEY_FILE", SET_TEXT, AT(private_key)},
    {"defaults", "transport", "ANSIBLE_TRANSPORT", SET_TEXT, AT(connection)},
    {"defaults", "forks", "ANSIBLE_FORKS", SET_NUMBER, AT(forks)},
    {"defaults", "timeout", "ANSIBLE_TIMEOUT", SET_NUMBER, AT(timeout_s)},
    {"defaults", "task_timeout", "ANSIBLE_TASK_TIMEOUT", SET_NUMBER, AT(task_timeout_s)},
    {"defaults", "host_key_checking", "ANSIBLE_HOST_KEY_CHECKING", SET_BOOL, AT(host_key_checking)},
    {"defaults", "vault_password_file", "ANSIBLE_VAULT_PASSWORD_FILE", SET_WORDS, AT(vault_file)},
    {"defaults", "vault_identity_list", "ANSIBLE_VAULT_IDENTITY_LIST", SET_WORDS, AT(vault_list)},
    {"defaults", "vault_identity", "ANSIBLE_VAULT_IDENTITY", SET_TEXT, AT(vault_label)},
    {"defaults", "vault_id_match", "ANSIBLE_VAULT_ID_MATCH", SET_BOOL, AT(vault_match)},
    {"defaults", "vault_encrypt_identity", "ANSIBLE_VAULT_ENCRYPT_IDENTITY", SET_IGNORED, 0},
    {"defaults", "vault_encrypt_salt", "ANSIBLE_VAULT_ENCRYPT_SALT", SET_IGNORED, 0},
    {"defaults", "ask_vault_pass", "ANSIBLE_ASK_VAULT_PASS", SET_BOOL, AT(ask_vault)},
    {"defaults", "ask_pass", "ANSIBLE_ASK_PASS", SET_BOOL, AT(ask_pass)},
    {"defaults", "gathering", "ANSIBLE_GATHERING", SET_TEXT, AT(gathering)},
    {"defaults", "stdout_callback", "ANSIBLE_STDOUT_CALLBACK", SET_TEXT, AT(callback)},
    {"defaults", "force_handlers", "ANSIBLE_FORCE_HANDLERS", SET_BOOL, AT(force_handlers)},
    {"defaults", "any_errors_fatal", "ANSIBLE_ANY_ERRORS_FATAL", SET_BOOL, AT(any_errors_fatal)},
    {"defaults", "inject_facts_as_vars", "ANSIBLE_INJECT_FACT_VARS", SET_BOOL, AT(inject_facts)},
    {"defaults", "display_skipped_hosts", "ANSIBLE_DISPLAY_SKIPPED_HOSTS", SET_BOOL, AT(show_skipped)},
    {"defaults", "display_ok_hosts", "ANSIBLE_DISPLAY_OK_HOSTS", SET_BOOL, AT(show_ok)},
    {"defaults", "retry_files_enabled", "ANSIBLE_RETRY_FILES_ENABLED", SET_BOOL, AT(retry_files)},
    {"defaults", "remote_tmp", "ANSIBLE_REMOTE_TMP", SET_IGNORED, 0},
    {"defaults", "nocolor", "ANSIBLE_NOCOLOR", SET_BOOL, AT(no_color)},
    {"defaults", "force_color", "ANSIBLE_FORCE_COLOR", SET_BOOL, AT(color)},
    {"defaults", "verbosity", "ANSIBLE_VERBOSITY", SET_NUMBER, AT(verbosity)},
    {"defaults", "nocows", "ANSIBLE_NOCOWS", SET_IGNORED, 0},
    {"defaults", "cow_selection", "ANSIBLE_COW_SELECTION", SET_IGNORED, 0},
    {"defaults", "interpreter_python", "ANSIBLE_PYTHON_INTERPRETER", SET_IGNORED, 0},
    {"defaults", "deprecation_warnings", "ANSIBLE_DEPRECATION_WARNINGS", SET_IGNORED, 0},
    {"defaults", "command_warnings", "ANSIBLE_COMMAND_WARNINGS", SET_IGNORED, 0},
    {"defaults", "system_warnings", "ANSIBLE_SYSTEM_WARNINGS", SET_IGNORED, 0},
    {"defaults", "localhost_warning", "ANSIBLE_LOCALHOST_WARNING", SET_IGNORED, 0},
    {"defaults", "local_tmp", "ANSIBLE_LOCAL_TEMP", SET_IGNORED, 0},
    {"defaults", "internal_poll_interval", NULL, SET_IGNORED, 0},
    {"defaults", "poll_interval", "ANSIBLE_POLL_INTERVAL", SET_IGNORED, 0},
    {"defaults", "allow_world_readable_tmpfiles", NULL, SET_IGNORED, 0},
    {"defaults", "pipelining", "ANSIBLE_PIPELINING", SET_IGNORED, 0},
    {"defaults", "callbacks_enabled", "ANSIBLE_CALLBACKS_ENABLED", SET_IGNORED, 0},
    {"defaults", "callback_whitelist", NULL, SET_IGNORED, 0},
    {"defaults", "bin_ansible_callbacks", NULL, SET_IGNORED, 0},
    {"privilege_escalation", "become", "ANSIBLE_BECOME", SET_BOOL, AT(become)},
    {"privilege_escalation", "become_method", "ANSIBLE_BECOME_METHOD", SET_TEXT, AT(become_method)},
    {"privilege_escalation", "become_user", "ANSIBLE_BECOME_USER", SET_TEXT, AT(become_user)},
    {"privilege_escalation", "become_exe", "ANSIBLE_BECOME_EXE", SET_TEXT, AT(become_exe)},
    {"privilege_escalation", "become_flags", "ANSIBLE_BECOME_FLAGS", SET_TEXT, AT(become_flags)},
    {"privilege_escalation", "become_ask_pass", "ANSIBLE_BECOME_ASK_PASS", SET_BOOL, AT(ask_become_pass)},
    {"ssh_connection", "ssh_common_args", "ANSIBLE_SSH_COMMON_ARGS", SET_TEXT, AT(ssh_common_args)},
    {"ssh_connection", "ssh_extra_args", "ANSIBLE_SSH_EXTRA_ARGS", SET_TEXT, AT(ssh_extra_args)},
    {"ssh_connection", "host_key_checking", "ANSIBLE_SSH_HOST_KEY_CHECKING", SET_BOOL, AT(host_key_checking)},
    {"ssh_connection", "ssh_args", "ANSIBLE_SSH_ARGS", SET_TEXT, AT(ssh_args)},
    {"ssh_connection", "pipelining", "ANSIBLE_SSH_PIPELINING", SET_IGNORED, 0},
    {"ssh_connection", "control_path", "ANSIBLE_SSH_CONTROL_PATH", SET_IGNORED, 0},
    {"ssh_connection", "control_path_dir", "ANSIBLE_SSH_CONTROL_PATH_DIR", SET_IGNORED, 0},
    {"ssh_connection", "retries", "ANSIBLE_SSH_RETRIES", SET_NUMBER, AT(ssh_retries)},
    {"ssh_connection", "transfer_method", "ANSIBLE_SSH_TRANSFER_METHOD", SET_IGNORED, 0},
    {"ssh_connection", "scp_if_ssh", "ANSIBLE_SCP_IF_SSH", SET_IGNORED, 0},
    {"ssh_connection", "usetty", "ANSIBLE_SSH_USETTY", SET_IGNORED, 0},
};
// Sections whose keys belong to parts that have their own rules or are not ours.
static const char *const other_sections[] = {
    "inventory",       "diff", "galaxy", "colors", "persistent_connection", "selinux", "tags", "paramiko_connection",
    "callback_default"};

// "a, b" or "a:b", each relative to the directory of the file it stands in.
static void add_words(struct settings *s, struct words *w, struct str value, char sep, struct str dir) {
    struct str one;
    *w = (struct words){0};
    while (str_next(&value, sep, &one)) {
        one = str_trim(one);
        bool path =
            one.n > 0 && one.s[0] != '/' && one.s[0] != '~' && dir.n > 0 && str_find_char(one, 0, '@') == SIZE_MAX;
        if (one.n > 1 && one.s[0] == '~' && one.s[1] == '/' && getenv("HOME")) {
            one = str_printf(s->a, "%s%.*s", getenv("HOME"), STR(str_sub(one, 1, one.n)));
        } else if (path) {
            one = str_printf(s->a, "%.*s/%.*s", STR(dir), STR(one));
        }
        if (one.n > 0) {
            VEC_PUSH(s->a, *w, one);
        }
    }
}

static bool apply(struct settings *s, const struct setting_row *r, struct str value, struct str dir, struct mark at,
                  struct err *e) {
    char *base = (char *)s + r->offset;
    bool yes;
    int64_t n;
    switch (r->kind) {
    case SET_TEXT:
        *(struct str *)(void *)base = str_dup(s->a, value);
        return true;
    case SET_BOOL:
    case SET_FLAG_NOT:
        if (!val_as_bool(val_str(s->a, value), &yes)) {
            return err_set(e, ERR_ARGS, at, "setting '%s' must be yes or no, not '%.*s'", r->key, STR(value));
        }
        *(bool *)(void *)base = r->kind == SET_BOOL ? yes : !yes;
        return true;
    case SET_NUMBER:
        if (!str_int(value, &n) || n < 0) {
            return err_set(e, ERR_ARGS, at, "setting '%s' must be a whole number, not '%.*s'", r->key, STR(value));
        }
        *(int64_t *)(void *)base = n;
        return true;
    case SET_WORDS:
        add_words(s, (struct words *)(void *)base, str_dup(s->a, value), ',', dir);
        return true;
    case SET_PATHS:
        add_words(s, (struct words *)(void *)base, str_dup(s->a, value), ':', dir);
        return true;
    case SET_IGNORED:
        return true;
    }
    return true;
}

static void warn(struct settings *s, struct str text) {
    VEC_PUSH(s->a, s->config_warnings, text);
}

static bool set_line(struct settings *s, struct str section, struct str key, struct str value, struct str dir,
                     struct mark at, struct err *e) {
    struct typo t = {.got = key};
    for (size_t i = 0; i < COUNTOF(rows); i++) {
        if (str_eqz(section, rows[i].section)) {
            if (str_eqz(key, rows[i].key)) {
                return apply(s, &rows[i], value, dir, at, e);
            }
            typo_offer(&t, str_from(rows[i].key));
        }
    }
    for (size_t i = 0; i < COUNTOF(other_sections); i++) {
        if (str_eqz(section, other_sections[i])) {
            return true;
        }
    }
    struct place p = mark_place(at);
    struct str more = t.best.s ? str_printf(s->a, "; did you mean '%.*s'?", STR(t.best)) : STR_NONE;
    warn(s, str_printf(s->a, "%s:%u: setting '%.*s' in [%.*s] is not known here and has no effect%.*s", p.file, p.line,
                       STR(key), STR(section), STR(more)));
    return true;
}

static bool read_ini(struct settings *s, const char *path, struct err *e) {
    struct str text;
    if (!fd_read_file(path, (size_t)1 << 20, s->a, &text, e)) {
        return false;
    }
    struct mark base = mark_source(path, text, 0);
    const char *slash = strrchr(path, '/');
    struct str dir = slash ? (struct str){path, (size_t)(slash - path)} : STR_LIT(".");
    struct str section = STR_NONE;
    struct str rest = text;
    struct str line;
    while (str_next(&rest, '\n', &line)) {
        struct mark at = {base.at + (uint32_t)(line.s - text.s)};
        struct str t = str_trim(line);
        if (t.n == 0 || t.s[0] == '#' || t.s[0] == ';') {
            continue;
        }
        if (t.s[0] == '[') {
            section = str_sub(t, 1, str_find_char(t, 0, ']'));
            continue;
        }
        size_t eq = str_find_char(t, 0, '=');
        size_t colon = str_find_char(t, 0, ':');
        eq = colon < eq ? colon : eq;
        if (eq == SIZE_MAX) {
            return err_set(e, ERR_SYNTAX, at, "expected 'key = value' in the configuration, found '%.*s'", STR(t));
        }
        struct str value = str_trim(str_sub(t, eq + 1, t.n));
        size_t comment = str_find(value, 0, STR_LIT(" ;"));
        value = str_trim(str_sub(value, 0, comment));
        if (!set_line(s, section, str_trim(str_sub(t, 0, eq)), value, dir, at, e)) {
            return false;
        }
    }
    return true;
}

// The first configuration file that exists; "" when there is none.
static struct str find_config(struct settings *s) {
    const char *given = getenv("ANSIBLE_CONFIG");
    if (given && *given) {
        struct stat st;
        bool dir = stat(given, &st) == 0 && S_ISDIR(st.st_mode);
        return dir ? str_printf(s->a, "%s/ansible.cfg", given) : str_from(given);
    }
    if (access("ansible.cfg", R_OK) == 0) {
        struct stat st;
        if (stat(".", &st) == 0 && st.st_mode & S_IWOTH) {
            warn(s,
                 STR_LIT(
                     "this directory is world-writable: ansible.cfg in it is not read; set ANSIBLE_CONFIG to use it"));
        } else {
            char cwd[4096];
            return str_printf(s->a, "%s/ansible.cfg", getcwd(cwd, sizeof cwd) ? cwd : ".");
        }
    }
    const char *home = getenv("HOME");
    const char *mine = home ? arena_printf(s->a, "%s/.ansible.cfg", home) : "";
    if (access(mine, R_OK) == 0) {
        return str_from(mine);
    }
    return access("/etc/ansible/ansible.cfg", R_OK) == 0 ? STR_LIT("/etc/ansible/ansible.cfg") : STR_NONE;
}

bool config_load(struct settings *s, struct err *e) {
    s->config_file = find_config(s);
    if (s->config_file.n > 0 && !read_ini(s, s->config_file.s, e)) {
        return err_wrap(e, NO_MARK, "cannot use the configuration file '%.*s'", STR(s->config_file));
    }
    for (size_t i = 0; i < COUNTOF(rows); i++) {
        const char *v = rows[i].env ? getenv(rows[i].env) : NULL;
        if (v && *v && !apply(s, &rows[i], str_from(v), STR_NONE, NO_MARK, e)) {
            return err_wrap(e, NO_MARK, "in the environment variable %s", rows[i].env);
        }
    }
    return true;
}
