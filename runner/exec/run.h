// One run: plays over hosts, from options to exit code. The coordinator: the only thread that decides.
#pragma once
#include "callback.h"
#include "inventory.h"
#include "playbook.h"
#include "scope.h"

struct run;
struct vault_ring;
struct fact_cache;
struct setting_query;
struct run_opts {
    struct inventory *inventory;
    struct vars_files *vars_files;
    struct fact_cache *facts;  // kept between runs; NULL: none
    struct playbook **books;
    size_t nbooks;
    struct pb_loader *loader;
    struct output *output;
    struct vault_ring *vault;
    const struct yaml_vault *yaml_vault;
    struct jinja_cache *cache;
    struct val extra_vars;       // dict, level EXTRA
    struct str limit;            // host pattern, empty: none
    struct str retry_dir;        // of NAME.retry; empty: beside the playbook
    struct val tags, skip_tags;  // lists of strings
    int forks, verbosity;
    bool check, diff, step, syntax_only /* or listing: nothing is to run */, force_handlers, flush_cache;
    struct str start_at_task;
    // connection defaults (command line and ansible.cfg); variables override them
    struct val
        become_plugins;      // method -> dict of become_user, become_exe, become_flags, become_pass: what settings give
    struct str executable;   // shell on targets; empty: /bin/sh
    struct str async_dir;    // of tasks in the background, on targets; empty: ~/.ansible_async
    bool private_role_vars;  // the vars of roles are for their own tasks only
    struct str remote_user, connection, private_key, ssh_common_args, ssh_extra_args, become_method, become_user;
    struct str sshpass_prompt;
    struct str ssh_args, become_exe, become_flags;
    int ssh_retries;
    struct str conn_password, become_password;  // secret
    size_t diff_max;                            // as in struct mod_call
    bool show_password;                         // who typed it asked to see it
    bool become;
    int port, timeout_s;     // connect timeout
    int64_t task_timeout_s;  // 0: none
    int64_t poll_s;          // between questions about a task in the background
    int host_key;            // enum host_key_policy
    bool live;               // show the output of commands while they run
    bool warn_places;        // warnings say where
    struct str remote_dir;   // where play-remote-<arch> is
    struct str remote_tmp;
    struct str gathering;  // implicit, explicit, smart
    bool any_errors_fatal, inject_facts, retry_files, merge_dicts /* hash_behaviour */, native /* jinja2_native */;
    bool v219, strict_conditions;  // compat: see struct jinja_ctx
    enum pattern_mismatch { MISMATCH_WARN, MISMATCH_ERROR, MISMATCH_IGNORE } pattern_mismatch;
    struct str strategy;                                                // of plays that name none; empty: linear
    enum { VARS_ROOT_TOP, VARS_ROOT_BOTTOM, VARS_ROOT_ALL } vars_root;  // PLAYBOOK_VARS_ROOT
    bool no_log;                           // DEFAULT_NO_LOG: tasks hide what they do unless they say otherwise
    bool missing_handler_ok;               // notifying a handler nobody knows is no error
    bool task_debugger, debugger_ignores;  // debug failed tasks; not those whose errors are ignored
    /// meta: refresh_inventory: reads the sources of `inventory` again, in place.
    bool (*reload)(void *self, struct err *e);
    void *reload_self;
    struct str inventory_text;  // for ansible_inventory_sources
    struct val cfg;             // texts of ansible.cfg by name: config_file, ansible_managed
    /// For lookup config; false: unknown.
    bool (*setting)(void *self, const struct setting_query *q, struct arena *a, struct val *out);
    void *setting_self;
};
/// Runs all plays. Returns the exit code as ansible-playbook's: 0, 1 error, 2 failed hosts, 3 unreachable (bit-or'ed
/// 4), 4 parser, 99, 250.
int run_playbooks(const struct run_opts *o);
/// The listings print to stdout as ansible-playbook does and touch no host. Exit code.
int run_list(const struct run_opts *o, bool hosts, bool tasks, bool tags);
/// One module on the hosts of a pattern (play ping, play adhoc): the first play of o->books, whose `hosts` is
/// `pattern`. `list`: only the hosts are listed.
int run_adhoc(const struct run_opts *o, struct str pattern, bool list);
/// Of --limit: ERR_NOT_FOUND when it leaves none of the inventory's hosts. An inventory without hosts is none to limit.
bool run_check_limit(struct run *r, struct err *e);
/// The pattern of --limit with the patterns of each @file put in. In `a`.
bool run_limit_pattern(struct str limit, struct arena *a, struct str *out, struct err *e);

/// What `play template` renders: a template file, text from elsewhere, or an expression.
struct render_what {
    struct str host;  // inventory name or pattern that matches one host; empty: localhost
    struct str path;  // a template file (may be a vault), or empty: `text`
    struct str text;
    struct str name;  // what `text` is called in messages
    bool is_expr;     // `text` is an expression
};
struct rendered {
    struct str host;
    struct val value;  // text (VAL_STR), or what an expression gave
    bool secret;
};
/// Renders with the variables that the host would have in a task of a play without roles, facts or connection. The
/// result lives in `a`. ERR_NOT_FOUND for a host or file; the errors of the template.
bool run_render(const struct run_opts *o, const struct render_what *w, struct arena *a, struct rendered *out,
                struct err *e);
