// Hosts and groups: sources to one frozen inventory, patterns to hosts. Knows nothing of plays and connections.
#pragma once
#include "load.h"
#include "map.h"
#include "val.h"

/// What happens to characters in group names that are not valid in variable names (force_valid_group_names).
enum inv_group_chars {
    GROUP_CHARS_NEVER,     // the name stays, with a warning (default)
    GROUP_CHARS_ALWAYS,    // they become '_', with a warning
    GROUP_CHARS_IGNORE,    // the name stays, silently
    GROUP_CHARS_SILENTLY,  // they become '_', silently
};
struct group;
struct host {
    struct str name;
    uint32_t index;         // position in inventory order
    struct val vars;        // dict: from the inventory file (level 8)
    struct group **groups;  // direct groups, in the order they were joined
    size_t ngroups;
    struct group **all;  // all groups, ancestors included, in merge order (depth, priority, name); set by inv_freeze
    size_t nall;
    struct mark at;
    bool implicit;  // localhost that no source named
};
struct group {
    struct str name;
    uint32_t depth;
    int64_t priority;     // ansible_group_priority
    struct val vars;      // dict: from the inventory file (level 3)
    struct host **hosts;  // direct, in order
    size_t nhosts, hosts_cap;
    struct group **children, **parents;
    size_t nchildren, nparents;
    struct mark at;
    uint32_t index;  // order of creation
    uint32_t rank;   // position among all groups by (depth, priority, name), "all" first; set by inv_freeze
    uint32_t seen;   // scratch of the walks in inv_freeze
};
struct inventory {
    struct arena *a;
    struct map hosts, groups;  // name -> struct host * / struct group *
    struct host **order;       // all hosts in inventory order (implicit localhost is not in it)
    size_t nhosts, hosts_cap;
    struct group *all, *ungrouped;
    struct str *sources;  // absolute paths, in order
    size_t nsources;
    struct str *basedirs;  // directories of the sources: where group_vars and host_vars are looked for
    size_t nbasedirs;
    struct host *localhost;  // the first of localhost, 127.0.0.1, ::1 a source names; else the implicit one, if made
    void (*warn)(void *self, struct mark at, const char *msg);  // from inv_opts; NULL: silent
    void (*remark)(void *self, const char *msg);                // from inv_opts; NULL: silent
    void *warn_self;
    enum inv_group_chars group_chars;
    bool warned_name;              // the warning about group names was given
    struct val file_key, dir_key;  // "inventory_file", "inventory_dir": names of variables that every host has
    uint32_t walk;                 // scratch: number of the current walk
    bool merge;                    // from inv_opts
};
/// Templates for inventories that need them; lent by whoever knows the engine. No lookups are allowed in them.
enum inv_eval_kind { INV_EVAL_COMPOSE, INV_EVAL_TRUTH, INV_EVAL_TEXT };
struct inv_eval {
    struct val text;  // an expression, a condition, or text with templates
    struct val vars;
    enum inv_eval_kind kind;
    bool extra;  // extra variables are over `vars`
};
struct inv_templates {
    void *self;
    bool (*eval)(void *self, const struct inv_eval *q, struct arena *a, struct val *out, struct err *e);
    /// The variables of a host as known so far; `plugins`: with group_vars and host_vars.
    bool (*vars)(void *self, struct inventory *inv, struct host *h, bool plugins, struct arena *a, struct val *out,
                 struct err *e);
};
/// Readers that may be left out by INVENTORY_ENABLED; bits.
enum inv_reader {
    READ_HOST_LIST = 1,
    READ_ADVANCED_HOST_LIST = 2,
    READ_SCRIPT = 4,
    READ_AUTO = 8,
    READ_YAML = 16,
    READ_INI = 32,
    READ_TOML = 64,
    READ_DEFAULT = READ_HOST_LIST | READ_SCRIPT | READ_AUTO | READ_YAML | READ_INI | READ_TOML
};
struct inv_opts {
    const struct yaml_vault *vault;
    void (*warn)(void *self, struct mark at, const char *msg);
    void (*remark)(void *self, const char *msg);  // what only -vvv shows
    void *warn_self;                              // of both
    int64_t script_timeout_ms;                    // 0: none
    enum inv_group_chars group_chars;
    const char *const
        *ignore_exts;  // ends of file names skipped in directories, NULL-terminated; NULL: inv_ignore_exts
    struct arena *a;
    const struct inv_templates *templates;  // NULL: constructed and generator are errors
    unsigned readers;                       // enum inv_reader bits; 0: READ_DEFAULT
    const char *const *ignore_patterns;     // regular expressions of names skipped in directories; NULL: none
    bool missing_ok;                        // a source that does not exist is a warning, as in Ansible
    bool empty_ok;                          // the same for a directory without inventories
    bool any_failed;                        // INVENTORY_ANY_UNPARSED_IS_FAILED
    bool all_failed;                        // INVENTORY_UNPARSED_IS_FAILED
    bool no_unparsed_warning;
    bool merge;           // hash_behaviour: a variable set again that is a dict is merged
    bool use_extra_vars;  // default of that option of constructed
    bool quiet_scripts;   // what scripts print to standard error is not shown
};
/// The default of INVENTORY_IGNORE_EXTS.
extern const char *const inv_ignore_exts[];

/// Loads `sources` (file, directory, "host1,host2,", INI, YAML, executable script, output of `vagrant ssh-config`) into
/// one inventory in o->a. Errors: ERR_NOT_FOUND, ERR_SYNTAX with mark. A source nobody can parse is an error naming
/// what was tried. In a directory a file that is no inventory at all (free text, a playbook) is a warning and skipped,
/// as in Ansible; a file that clearly is one (sections, a YAML extension) and has a mistake is an error, where Ansible
/// would go on with half of it. The files `secrets` (extra variables of `play VERB env=NAME`) are not inventories.
struct inventory *inv_load(const char *const *sources, size_t n, const struct inv_opts *o, struct err *e);
/// Adds a host at run time (add_host); groups are made when missing. Coordinator only. *changed tells whether anything
/// was new.
struct host *inv_add_host(struct inventory *inv, struct str name, struct val groups, struct val vars, bool *changed,
                          struct err *e);
/// Puts a host into a group made at run time, below `parents` (list of names; none: "all"), as group_by. Coordinator
/// only.
bool inv_group_by(struct inventory *inv, struct host *h, struct str group, struct val parents, bool *changed,
                  struct err *e);
/// Orders groups by depth and fills host->all; called by inv_load, inv_add_host and group_by.
void inv_freeze(struct inventory *inv);
/// The same for one host while sources are still being read: fills h->all.
void inv_freeze_host(struct inventory *inv, struct host *h);
struct host *inv_host(const struct inventory *inv, struct str name);
struct group *inv_group(const struct inventory *inv, struct str name);
/// The implicit localhost (ansible_connection=local), created on first use.
struct host *inv_localhost(struct inventory *inv);
/// The host that stands for localhost when `name` is one of its names, made when missing; otherwise NULL.
struct host *inv_local_named(struct inventory *inv, struct str name);
/// Splits "host:port", "[::1]:22" or a plain name. False when it is no host name or address; *port is 0 when there is
/// none. With `ranges`, [x:y] may stand in the name. Source: lib/ansible/parsing/utils/addresses.py.
bool inv_address(struct str text, bool ranges, struct str *host, uint32_t *port);
/// Expands a host pattern such as "web:&prod:!db[1:3]" to hosts, in Ansible's order: parts as written, groups level by
/// level. Result: `*n` borrowed hosts in an array owned by `a`; none matching gives 0. `*unmatched` (may be NULL) gets
/// the first part that matched nothing. "localhost" and 127.0.0.1 give the implicit localhost when no source names
/// them. Errors: ERR_SYNTAX at `at` for a malformed range or regex; `@file` is the caller's business. Source:
/// ansible-core lib/ansible/inventory/manager.py; cases: tests/cases/patterns.case.
bool inv_match(struct inventory *inv, struct str pat, struct mark at, struct arena *a, struct host ***out, size_t *n,
               struct str *unmatched, struct err *e);
/// The hosts of a group and of the groups below it, each once, level by level. Borrowed; the array is in `a`.
struct host **inv_group_hosts(const struct inventory *inv, const struct group *g, struct arena *a, size_t *n);
/// The `group_names` magic variable: sorted, without "all".
struct val inv_group_names(const struct host *h, struct arena *a);
/// The `groups` magic variable: name -> list of host names.
struct val inv_groups_val(const struct inventory *inv, struct arena *a);
