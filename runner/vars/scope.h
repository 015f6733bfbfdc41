// Variable layers and the precedence table. Layers are shared, looked up by name, never merged into a copy per host.
#pragma once
#include "inventory.h"
#include "jinja.h"

/// The 22 levels, low to high (ansible-names.md). The only place that lists them; names and docs in scope.c's table.
enum var_level {
    LEVEL_COMMAND_LINE = 1,  // -u and friends: not variables, listed for completeness
    LEVEL_ROLE_DEFAULTS,
    LEVEL_INV_FILE_GROUP,
    LEVEL_INV_GROUP_ALL,
    LEVEL_PB_GROUP_ALL,
    LEVEL_INV_GROUP,
    LEVEL_PB_GROUP,
    LEVEL_INV_FILE_HOST,
    LEVEL_INV_HOST,
    LEVEL_PB_HOST,
    LEVEL_FACTS,  // and cacheable set_fact
    LEVEL_PLAY_VARS,
    LEVEL_PROMPT,
    LEVEL_VARS_FILES,
    LEVEL_ROLE_VARS,
    LEVEL_BLOCK_VARS,
    LEVEL_TASK_VARS,
    LEVEL_INCLUDE_VARS,
    LEVEL_SET_FACT,  // and registered
    LEVEL_ROLE_PARAMS,
    LEVEL_INCLUDE_PARAMS,
    LEVEL_EXTRA,
    LEVEL_MAGIC,  // above all: inventory_hostname, item ... cannot be overridden
    LEVEL_COUNT
};
struct var_level_doc {
    const char *name, *doc;
};
extern const struct var_level_doc var_levels[LEVEL_COUNT];

/// One dict on the stack. Within a level, later pushed wins.
struct layer {
    uint8_t level;
    struct val vars;
};
/// What one host has, owned by its arena: facts, set_fact, include_vars, registered. Values are final (never templated)
/// except include_vars, whose strings keep VAL_TMPL.
struct host_state {
    struct host *host;
    struct arena arena;
    struct val facts;           // ansible_facts without the prefix: {"distribution": ...}
    struct val facts_prefixed;  // {"ansible_distribution": ...}: layer LEVEL_FACTS
    struct val set_facts;       // layer LEVEL_SET_FACT: set_fact and register
    struct val include_vars;    // layer LEVEL_INCLUDE_VARS
    struct val left;            // dict whose keys are facts that are there but were not gathered ("lsb", "facter_*")
    struct val raw_facts;       // facts as modules returned them, for the fact cache; empty unless keep_raw
    bool keep_raw;
    struct share *share;  // where values that hosts have in common stand once (share.h), or NULL
    size_t settle_at;     // size of the arena from which host_state_settle looks again
};
/// group_vars and host_vars of the inventory and the playbook, loaded once per file and shared.
struct vars_files;
struct vars_files *vars_files_new(struct arena *a, struct inventory *inv, const struct yaml_vault *vault,
                                  void (*warn)(void *, struct mark, const char *), void *warn_self);
/// Adds a directory with group_vars/ and host_vars/ next to a playbook (levels PB_*).
void vars_files_add_playbook(struct vars_files *vf, struct str dir);
/// From now on these directories take the place of all that were added: those of the next play, or of one task.
void vars_files_use(struct vars_files *vf, const struct str *dirs, size_t n);
/// VARIABLE_PRECEDENCE: names of what the variables of groups are made of, later ones win; what is not named is not
/// read, unknown names are warned about.
void vars_files_order(struct vars_files *vf, const struct str *names, size_t n);
/// When files are read (RUN_VARS_PLUGINS, stage): with the inventory, as if they stood in it; for the tasks (the
/// default).
void vars_files_stages(struct vars_files *vf, bool early, bool late);
/// The inventory layers of one host (levels 3 to 10), low to high, cached per host until the host or its groups change
/// (add_host, group_by). Files are read when the first host needs them and shared. ERR_SYNTAX and so on of the files.
/// One thread at a time.
bool vars_files_layers(struct vars_files *vf, struct host *h, struct layer const **out, size_t *n, struct err *e);

/// All of them as one dict in `a`; `own`: only what is defined for the host itself, not for its groups.
bool vars_files_host(struct vars_files *vf, struct host *h, bool own, struct arena *a, struct val *out, struct err *e);
/// What is defined for a group itself, in the inventory and in group_vars, as one dict in `a`; `inventory_only`: not in
/// the group_vars of playbooks.
bool vars_files_group(struct vars_files *vf, struct group *g, bool inventory_only, struct arena *a, struct val *out,
                      struct err *e);
/// hash_behaviour = merge: dicts of different levels are merged by the two functions above.
void vars_files_merge(struct vars_files *vf, bool merge);

/// The variables one task sees on one host: a stack of layers over the inventory layers.
struct scope {
    struct arena *a;
    const struct layer *base;  // from vars_files_layers
    size_t nbase;
    struct host_state *state;
    struct {
        struct layer *p;
        size_t n, cap;
    } extra;  // pushed by exec: play, role, block, task vars, params, extra, magic
    /// Lazily made names (hostvars, groups, vars, ansible_play_hosts ...): asked before all layers. May be NULL.
    bool (*magic)(void *self, struct str name, struct arena *a, struct val *out, struct err *e);
    void *magic_self;
    /// Asked after all layers, and not for `vars`; `last_names` are offered with the others. May be NULL.
    bool (*last)(void *self, struct str name, struct arena *a, struct val *out, struct err *e);
    void *last_self;
    void (*last_names)(void *self, void (*offer)(void *, struct str), void *to);
    /// Called when a fact of `state->left` is asked for, or all facts: fetches them, and empties `left`. May be NULL.
    void (*complete)(void *self, struct host_state *state);
    void *complete_self;
    bool inject_facts;  // INJECT_FACTS_AS_VARS
    bool merge_dicts;   // hash_behaviour=merge: a dict is merged over those of lower levels
};
/// Adds a layer; within a level the one pushed last wins. `vars` must be a dict and outlive the scope.
void scope_push(struct scope *s, enum var_level level, struct val vars);
/// The raw (untemplated) value with the highest precedence; VAL_UNDEF when none. *level may be NULL.
bool scope_get(struct scope *s, struct str name, struct arena *a, struct val *out, enum var_level *level,
               struct err *e);
/// As struct jinja_scope for the engine.
struct jinja_scope scope_jinja(struct scope *s);
/// Every visible name with its raw value, as one dict (for `vars`, hostvars iteration, debug).
bool scope_all(struct scope *s, struct arena *a, struct val *out, struct err *e);
/// The names `magic` may answer to, NULL-terminated. scope_all asks for each of them but `vars` and `hostvars`.
extern const char *const scope_magic_names[];
/// Every definition of one name, high to low (play vars explain): dicts with level (number), name, doc, value, and
/// file, line and column where the place is known.
struct val scope_explain(struct scope *s, struct str name, struct arena *a);

// -- host state ------------------------------------------------------------------------------------------------------
void host_state_init(struct host_state *hs, struct host *h);
void host_state_release(struct host_state *hs);
/// Gives memory back: when the arena is over 1 MiB and more than half of it is dead, what lives moves to a fresh one.
/// Every value taken from this host before is then invalid: call it between tasks, when no template or loop holds one.
void host_state_settle(struct host_state *hs);
/// These store a deep copy into a layer; a new value shadows the old one. host_add_facts drops what facts must never
/// set (connection variables, interpreters, become, internal keys) from the injected variables, as Ansible does; they
/// stay readable in ansible_facts.
void host_set_fact(struct host_state *hs, struct str name, struct val v);
void host_add_facts(struct host_state *hs, struct val ansible_facts);
void host_add_vars(struct host_state *hs, struct val vars);
void host_clear_facts(struct host_state *hs);
/// Notes which facts were not gathered: a dict of names, copied; VAL_UNDEF: none.
void host_facts_left(struct host_state *hs, struct val left);
