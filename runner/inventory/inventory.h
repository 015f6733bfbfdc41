// Hosts and groups: sources to one frozen inventory, patterns to hosts. Knows nothing of plays and connections.
#pragma once
#include "map.h"
#include "val.h"
#include "load.h"

struct group;
struct host {
    struct str name;
    uint32_t index;          // position in inventory order
    struct val vars;         // dict: from the inventory file (level 8)
    struct group **groups;   // direct groups
    size_t ngroups;
    struct group **all;      // all groups, ancestors included, in merge order (depth, priority, name); set by inv_freeze
    size_t nall;
    struct mark at;
    bool implicit;           // localhost that no source named
};
struct group {
    struct str name;
    uint32_t depth;
    int64_t priority;        // ansible_group_priority
    struct val vars;         // dict: from the inventory file (level 3)
    struct host **hosts;     // direct, in order
    size_t nhosts, hosts_cap;
    struct group **children, **parents;
    size_t nchildren, nparents;
    struct mark at;
};
/// Variables of one group_vars/ or host_vars/ directory pair, loaded when first asked for.
struct inventory {
    struct arena *a;
    struct map hosts, groups;      // name -> struct host * / struct group *
    struct host **order;           // all hosts in inventory order (implicit localhost is not in it)
    size_t nhosts, hosts_cap;
    struct group *all, *ungrouped;
    struct str *sources;           // absolute paths, in order
    size_t nsources;
    struct str *basedirs;          // directories of the sources: where group_vars and host_vars are looked for
    size_t nbasedirs;
    struct host *localhost;        // implicit localhost, made when a pattern asks for it
};
struct inv_opts {
    const struct yaml_vault *vault;
    void (*warn)(void *self, struct mark at, const char *msg);
    void *warn_self;
    int64_t script_timeout_ms;
    struct arena *a;
};
/// Loads `sources` (file, directory, "host1,host2,", INI, YAML, executable script, output of `vagrant ssh-config`) into one
/// inventory in o->a. Errors: ERR_NOT_FOUND, ERR_SYNTAX with mark. A source nobody can parse is an error naming what was tried.
struct inventory *inv_load(const char *const *sources, size_t n, const struct inv_opts *o, struct err *e);
/// Adds a host at run time (add_host); groups are made when missing. Coordinator only. *changed tells whether anything was new.
struct host *inv_add_host(struct inventory *inv, struct str name, struct val groups, struct val vars, bool *changed, struct err *e);
/// Orders groups by depth and fills host->all; called by inv_load, inv_add_host and group_by.
void inv_freeze(struct inventory *inv);
struct host *inv_host(const struct inventory *inv, struct str name);
struct group *inv_group(const struct inventory *inv, struct str name);
/// The implicit localhost (ansible_connection=local), created on first use.
struct host *inv_localhost(struct inventory *inv);
/// Expands a host pattern such as "web:&prod:!db[1:3]" to hosts, in inventory order.
/// Result: `*n` borrowed hosts in an array owned by `a`; none matching gives 0. `*unmatched` (may be NULL) gets the first part that
/// matched nothing. "localhost" and 127.0.0.1 give the implicit localhost when no source names them.
/// Errors: ERR_SYNTAX at `at` for a malformed range or regex; `@file` is the caller's business.
/// Source: ansible-core lib/ansible/inventory/manager.py; cases: tests/cases/patterns.case.
bool inv_match(struct inventory *inv, struct str pat, struct mark at, struct arena *a, struct host ***out, size_t *n,
               struct str *unmatched, struct err *e);
/// The `groups` magic variable: name -> list of host names.
struct val inv_groups_val(const struct inventory *inv, struct arena *a);
