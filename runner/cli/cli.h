// Command line, configuration and project layout: everything between argv and a run. Private to cli/, except cli_main.
#pragma once
#include "run.h"
#include "vault.h"

/// The whole program. Returns the exit code.
int cli_main(int argc, char **argv);

/// The command lines there are; bits, because an option may belong to several.
enum tool {
    TOOL_RUN = 1,
    TOOL_ADHOC = 2,
    TOOL_INVENTORY = 4,
    TOOL_CONFIG = 8,
    TOOL_DOC = 16,
    TOOL_VARS = 32,
    TOOL_TEMPLATE = 64,
    TOOL_MODULE = 128,
    TOOL_PULL = 256
};

struct words {
    struct str *p;
    size_t n, cap;
};
/// What the command line and the configuration say, before anything is loaded.
struct settings {
    struct arena *a;
    enum tool tool;
    struct words vault_list, vault_ids, vault_files, vault_file;  // sources of vault passwords, in this order
    struct words identities;                                      // files of age keys
    struct str vault_label;                                       // of sources that name none; empty: "default"
    struct words module_path, inventory, tags, skip_tags, extra, roles_path, collections_path, positional;
    struct str limit, remote_user, connection, private_key, ssh_common_args, ssh_extra_args, become_method, become_user;
    struct str sshpass_prompt;
    struct str ssh_args, become_exe, become_flags;
    int64_t ssh_retries;
    struct str strategy, result_format, pretty_results, duplicates;
    struct str start_at_task, remote_tmp, gathering, callback, conn_password_file, become_password_file;
    bool vault_match, check, diff, become, ask_pass, ask_become_pass, ask_vault, list_hosts, list_tasks, list_tags,
        syntax_check;
    bool doc_list, doc_markdown;
    bool step, force_handlers, flush_cache, help, version, accept_new, live, any_errors_fatal, retry_files;
    bool host_key_checking, inject_facts, jinja2_native, color, no_color, show_skipped, show_ok, no_vault_file;
    bool failed_stderr, custom_stats, host_start, check_markers, failure_path;
    bool hide_all, handler_must_exist, args_to_stdout, task_debugger, debugger_ignores;
    int64_t forks, verbosity, timeout_s, port, task_timeout_s, script_timeout_s, diff_max;
    int64_t async_s, poll_s, json_indent;
    struct str log_path, callback_tree, junit_dir, junit_out_of_tree, junit_relative_to, junit_prefix;
    bool junit_on_change, junit_on_ignore, junit_hide, junit_setup, junit_class;
    struct str playbook_dir, module_name, module_args, tree, inv_host, output_file, config_arg, plugin_type, format;
    struct str ignored, colors[COLOR_COUNT], jinja_extensions, null_text;
    struct words log_filter;
    bool action_warnings, verbose_stderr, private_role_vars, undefined_fails, agnostic_prompt, bad_attribute_fails;
    int64_t diff_context, log_verbosity;
    struct str async_dir, executable;
    bool one_line, inv_list, inv_graph, inv_yaml, inv_toml, inv_vars, inv_export, only_changed, disabled;
    struct words filter_plugins, test_plugins, lookup_plugins;
    struct words callbacks_enabled, library, configured_tags, configured_skip_tags, inv_ignore_exts,
        inv_ignore_patterns, inv_enabled;
    struct words module_utils, module_utils_roots;
    struct words yaml_exts, inv_yaml_exts, vars_plugins, vars_precedence;
    struct str compat, broken_conditionals, hash_behaviour, retry_dir, group_chars, pattern_mismatch,
        playbook_vars_root, run_vars_plugins, vars_stage;
    struct str cache_plugin, cache_connection, cache_prefix, interpreter_python;
    int64_t cache_timeout_s;
    bool inv_unparsed_failed, inv_any_unparsed_failed, inv_unparsed_warning, localhost_warning, inv_script_stderr;
    bool inv_use_extra_vars;
    bool as_ansible;          // called by the name of one of Ansible's tools
    bool missing_sources_ok;  // an inventory source that does not exist is a warning, as in Ansible
    bool lenient_sources;     // an inventory source that gives nothing is a warning, as in Ansible
    bool quiet_inventory;     // nothing is run: no warning about an empty inventory
    bool adhoc_callbacks;     // DEFAULT_LOAD_CALLBACK_PLUGINS
    struct str config_file;   // the ansible.cfg that was read; empty: none
    struct words config_warnings;
    struct setting_value *values;  // by row of the table of settings: those that something sets; NULL before
    struct str pull_url, pull_dir, pull_version, pull_module;
    bool pull_full, pull_clean, pull_submodules, pull_verify, pull_accept_key, pull_purge, pull_if_changed, pull_force;
    int64_t pull_sleep_s;
    struct str template_expr, json_cases;  // play template
    bool template_json;
    int64_t bench;
};

/// One option of the command line: the only list of them; help, man page and errors read it.
enum option_kind { OPT_FLAG, OPT_FLAG_OFF, OPT_TEXT, OPT_NUMBER, OPT_LIST, OPT_COUNT, OPT_COMMA_LIST };
struct option_row {
    unsigned tools;       // enum tool bits
    const char *name;     // long name without dashes
    const char *aliases;  // other long names, separated by |
    char letter;          // 0: none
    enum option_kind kind;
    size_t offset;      // in struct settings
    const char *arg;    // name of its argument in the help; NULL: none
    const char *group;  // heading in the help
    const char *doc;
};
extern const struct option_row option_rows[];
extern const size_t option_count;
/// Reads argv[1..] into `s`; words that are no options go to s->positional. ERR_ARGS names the option.
bool options_parse(struct settings *s, int argc, char **argv, struct err *e);
void options_help(FILE *f, enum tool tool, const char *usage, bool all);

// -- settings (config.c) ---------------------------------------------------------------------------------------------
enum config_type {
    CT_STR,
    CT_BOOLEAN,
    CT_INTEGER,
    CT_FLOAT,
    CT_LIST,
    CT_PATH,
    CT_TMPPATH,
    CT_PATHLIST,  // separated by commas
    CT_PATHSPEC,  // separated by colons
    CT_DICT,
    CT_RAW
};
/// One setting: a row of settings.def.
struct setting_row {
    const char *plugin, *name;
    enum config_type type;
    const char *def, *env, *ini, *choices, *doc;
};
extern const struct setting_row setting_rows[];
extern const size_t setting_count;
struct setting_value {
    bool set;  // not the default
    struct val v;
    struct str origin;  // "default", "env: NAME" or the path of the configuration file
};
/// The value of a row as it holds now, with its type.
struct setting_value config_value(struct settings *s, size_t row);
/// Without one pair of quotes around it.
struct str config_unquote(struct str s);
/// Text of a file or the environment as a value of the row's type; relative paths stand beside the file `origin` names.
/// ERR_ARGS at `at`.
bool config_convert(struct settings *s, size_t row, struct str text, struct str origin, struct mark at, struct val *out,
                    struct err *e);
/// An absolute path: "~", "$NAME" and {{CWD}} put in, relative to `dir` (empty: the current one). In `a`.
struct str config_path(struct arena *a, struct str path, struct str dir);
/// The row of a setting by its name ("DEFAULT_FORKS"), of a plugin ("connection:ssh") or NULL: none. SIZE_MAX: unknown.
size_t config_row(const char *plugin, struct str name);

/// The file that -c or --config of `play config` names, found before the settings are read; empty: none.
struct str options_config(int argc, char **argv);
/// Reads ansible.cfg (s->config_arg, ANSIBLE_CONFIG, ./ansible.cfg unless the directory is world-writable,
/// ~/.ansible.cfg, /etc/ansible/ansible.cfg) and the ANSIBLE_* environment into `s`. Unknown settings become warnings.
bool config_load(struct settings *s, struct err *e);

/// A verb of the project: how `play VERB` is run.
struct verb {
    struct str name, file, tag, doc;  // tag: run only the tasks with it; doc: one line
};
struct project {
    struct arena *a;
    struct verb *verbs;
    size_t nverbs;
    struct words envs;       // names of environments
    struct words env_paths;  // where each was found
};
/// Looks around in the current directory. ERR_SYS only; an empty project is no error.
bool project_find(struct project *p, struct arena *a, struct err *e);
/// The inventory sources and secrets files of `env`. ERR_NOT_FOUND tells what was looked for and what exists.
bool project_env(const struct project *p, struct str env, struct words *sources, struct words *secrets, struct err *e);
void project_list(const struct project *p, FILE *f);

/// Everything a run needs, loaded: lives until exit.
struct session {
    struct settings *s;
    struct arena *a;
    struct vault_ring *ring;
    struct age_keys *keys;
    struct yaml_vault yaml_vault;
    struct secrets *secrets;  // of secrets.c
    struct output *output;
    struct inventory *inventory;
    struct vars_files *vars_files;
    struct pb_loader *loader;
    struct jinja_cache *cache;
    struct project_plugins *plugins;  // of plugins.c
    struct val extra_vars;
    struct run_opts run;
    bool asked_vault;
    struct map deprecated;           // what was warned about
    struct map rejected;             // names of modules nobody may use
    struct fact_cache *facts;        // kept between runs; NULL: none
    struct vars_files *early_files;  // while inventories are read (constructed); NULL: not needed yet
    size_t early_dirs;               // how many directories they knew
};
/// Fills the session from the settings: vault, inventory, extra variables (secrets files first), loader, output.
bool session_open(struct session *x, struct settings *s, const struct words *secrets, struct err *e);
void session_close(struct session *x);
/// Templates for inventories, bound to the session.
void session_templates(struct session *x, struct inv_templates *t);
/// Reads a file, decrypting it when it is a vault; registers what was secret for masking.
bool session_read(void *self, struct str path, struct arena *a, struct str *text, bool *secret, struct err *e);
/// The ring and what opens vaulted texts; a session's first and last step.
void secrets_open(struct session *x);
void secrets_close(struct session *x);
/// Fills the ring from the settings: ids and files, a prompt, else the project's own password file. ERR_VAULT.
bool secrets_passwords(struct session *x, struct err *e);
/// Opens a value that was loaded sealed. `self` is the session. ERR_VAULT.
bool secrets_unseal(void *self, struct val sealed, struct arena *a, struct str *plain, struct err *e);
/// The directory of this program: play-remote lies beside it, or in ../libexec/play when installed.
struct str remote_dir(struct arena *a);
/// Prints a warning about a place. `self` is the session.
void session_warn(void *self, struct mark at, const char *msg);
/// Warns that something is going away, once, unless DEPRECATION_WARNINGS is off.
void session_deprecated(struct session *x, const char *msg);
/// The names of modules that PLUGIN_FILTERS_CFG rejects (rejected.c). A file that cannot be used is warned about;
/// ERR_ARGS when it rejects `stat`.
bool rejected_read(struct session *x, struct map *out, struct err *e);
/// Parses -e words ("k=v ...", "@file", YAML or JSON) over `vars`.
bool session_extra(struct session *x, struct str word, struct val vars, struct err *e);
/// Filters, tests and lookups of the project, read from `<base>/filter_plugins` and its neighbours. plugins_dir adds
/// the directory of a playbook or role; `self` is what plugins_new gave.
struct script_plugin;
struct project_plugins *plugins_new(struct session *x);
void plugins_dir(void *self, struct str base);
const struct jinja_plugins *plugins_api(const struct project_plugins *p);
void plugins_each(const struct project_plugins *p, enum plugin_kind kind,
                  void (*one)(void *, const struct script_plugin *, struct str name), void *to);
/// play doc: documentation of modules, keywords and plugins to standard output, as s->plugin_type, doc_list,
/// doc_markdown (a page for each module that is named, else the tables of docs/compatibility.md) and the words say.
/// ERR_NOT_FOUND for an unknown name.
bool doc_show(struct settings *s, struct err *e);
/// The same of the project's own modules: false when it has none of that name, or ERR_SYNTAX, ERR_ARGS, ERR_SYS.
bool doc_own(struct settings *s, struct str name, struct err *e);
void doc_own_list(struct settings *s);
/// A session with settings alone, to look for the project's modules and plugins. Owner: s->a.
struct session *doc_session(struct settings *s);
/// A module as text.
void doc_module(FILE *f, const char *name, const struct module *m);
/// A module as a page of Markdown.
void doc_page(FILE *f, const char *name, const struct module *m);
/// Its part on filters, tests and lookups: one name of any kind; or those of s->plugin_type.
bool doc_plugin(struct settings *s, struct str name);
bool doc_kind(struct settings *s, const struct words *names, bool list, struct err *e);
/// Modules of the project, for the playbook loader (library.c): `self` is what library_new made.
struct library *library_new(struct session *x);
const struct module *library_find(void *self, const struct pb_module *m, struct err *e);
/// Names and files of a project's own modules (`name`: of that one only), seen from the working directory: its
/// library/, playbooks/library/ and the configured places. Owner: x->a.
void library_files(struct session *x, struct str name, struct words *names, struct words *paths);
/// meta/runtime.yml of a collection ("ns.name") on disk; null when it has none, VAL_UNDEF when there is no such
/// collection.
struct val library_runtime(void *self, struct str coll, struct str book_dir);

// -- the tools -------------------------------------------------------------------------------------------------------
/// Prints an error and gives back `code`; cli_report_in masks what is secret in it.
int cli_report(const struct err *e, int code);
int cli_report_in(const struct session *x, const struct err *e, int code);
/// Exit code of an error before anything ran: 4 when the user's files or words cannot be read, else 1.
int cli_error_code(const struct err *e);
/// `play run`: the playbooks among s->positional from number `from`. Exit codes as ansible-playbook's.
int cli_run(struct settings *s, size_t from);
/// Loads the files with the secrets files as extra variables, and runs or lists them as the settings say.
int cli_run_files(struct settings *s, const struct words *files, const struct words *secrets);
/// `play VERB [env=ENV] [k=v ...]`, and `play ping`.
int cli_verb(struct settings *s);
/// `play list`.
int cli_list(struct arena *a);
/// What Ansible's tools ask of the locale; says on standard error what is missing.
bool locale_usable(void);
/// Each runs one tool with parsed options; the exit code is that of Ansible's tool.
int tool_adhoc(struct settings *s);
/// pull.c: also as ansible-pull.
int tool_pull(struct settings *s);
int tool_module(struct settings *s);
int tool_inventory(struct settings *s);
int tool_config(struct settings *s);
int tool_vars(struct settings *s);
/// One module on the hosts of a pattern, as s->module_name and its neighbours say.
int adhoc_run(struct settings *s, struct str pattern, const struct words *secrets);
/// play template: renders a template, an expression, or with --json-cases a file of cases, one result a line.
int tool_template(struct settings *s);
