// What the readers of inventory sources (ini, yaml, script, ssh-config, host list) share. Private to this layer and
// vars/.
#pragma once
#include "inventory.h"

/// One source being read. Names and values it keeps are copied to o->a.
struct inv_source {
    struct inventory *inv;
    const struct inv_opts *o;
    struct str path;               // absolute path, or the host list
    struct str text;               // decrypted content of a file
    struct mark base;              // of text[0]
    bool secret;                   // the file was vaulted: its text never appears in messages
    bool evident;                  // set by a reader: this is an inventory of its kind, so an error in it is final
    bool not_yaml;                 // set by inv_parse_yaml: the text is no YAML at all
    struct val file_val, dir_val;  // inventory_file, inventory_dir
};

#define INV_FILE_CAP  ((size_t)256 << 20)
#define INV_RANGE_CAP ((size_t)1000000)

// -- model (inventory.c) ---------------------------------------------------------------------------------------------
/// An empty inventory with the groups all and ungrouped.
struct inventory *inv_new(const struct inv_opts *o);
/// The name a group gets under inv_opts.group_chars.
struct str inv_safe_group(const struct inventory *inv, struct str name);
/// The group of that name (made safe first), made when missing. ERR_SYNTAX for an empty name.
struct group *inv_want_group(struct inventory *inv, struct str wanted, struct mark at, struct err *e);
/// The host of that name, made when missing (with port, inventory_file and inventory_dir), put into `g` unless NULL.
struct host *inv_want_host(struct inv_source *s, struct str name, struct group *g, uint32_t port, struct mark at,
                           struct err *e);
/// The same; a new host takes the dict `*vars` as its variables when it can, and leaves undefined there.
struct host *inv_want_host_with(struct inv_source *s, struct str name, struct group *g, uint32_t port, struct mark at,
                                struct val *vars, struct err *e);
/// Sets a variable; ansible_group_priority of a group sets its priority. ERR_SYNTAX when that is no integer.
bool inv_group_var(struct inventory *inv, struct group *g, struct str name, struct val v, struct err *e);
/// A variable of a host; as in Ansible it goes to the group when there is one of the same name.
bool inv_host_var(struct inventory *inv, struct host *h, struct str name, struct val v, struct err *e);
/// The same with a string of the inventory's arena, which is kept as the key.
bool inv_host_entry(struct inventory *inv, struct host *h, struct val key, struct val v, struct err *e);
/// ERR_SYNTAX when `child` already is above `parent`.
bool inv_add_child(struct inventory *inv, struct group *parent, struct group *child, struct mark at, struct err *e);
/// Puts a host directly into a group; false when it was there.
bool inv_join(struct inventory *inv, struct group *g, struct host *h);
/// After all sources: every group below "all", "ungrouped" set right, then inv_freeze.
bool inv_reconcile(struct inventory *inv, struct err *e);
/// The same for one host after it was added or joined a group at run time.
void inv_settle_host(struct inventory *inv, struct host *h);
void inv_warn(const struct inventory *inv, struct mark at, const char *fmt, ...) PRINTF_LIKE(3, 4);
/// What Ansible tells from -vvv on.
void inv_remark(const struct inventory *inv, const char *fmt, ...) PRINTF_LIKE(2, 3);
/// A copy of `v` in the inventory's arena that may be templated.
struct val inv_trust(struct inventory *inv, struct val v);

// -- files (sources.c) -----------------------------------------------------------------------------------------------
/// Reads a user's file, decrypting it when it is vaulted. ERR_SYS, ERR_LIMIT, ERR_VAULT.
bool inv_read_file(const char *path, const struct yaml_vault *vault, struct arena *a, struct str *text, bool *secret,
                   struct err *e);
/// Reads text as Ansible reads variable files: JSON when it is JSON, else YAML. Trusted.
bool inv_load_text(const char *path, struct str text, const struct yaml_opts *y, struct arena *a, struct val *out,
                   struct err *e);
/// The names in a directory in byte order, without "." and "..". ERR_SYS.
bool inv_list_dir(const char *path, struct arena *a, struct str **names, size_t *n, struct err *e);

// -- readers ---------------------------------------------------------------------------------------------------------
bool inv_parse_ini(struct inv_source *s, struct err *e);
bool inv_parse_yaml(struct inv_source *s, struct err *e);
bool inv_parse_toml(struct inv_source *s, struct err *e);
/// What YAML and TOML have in common: a dict of groups.
bool inv_parse_groups(struct inv_source *s, struct val data, struct err *e);
/// A file with "plugin: NAME". ERR_NOT_FOUND for a plugin that is not built in.
bool inv_parse_plugin(struct inv_source *s, struct val config, struct err *e);
bool inv_parse_advanced_host_list(struct inv_source *s, struct err *e);
/// *ran is false when the file could not be executed at all (then other readers may try).
bool inv_parse_script(struct inv_source *s, bool *ran, struct err *e);
bool inv_looks_like_ssh_config(struct str text);
bool inv_parse_ssh_config(struct inv_source *s, struct err *e);
bool inv_parse_host_list(struct inv_source *s, struct err *e);

// -- names (range.c) -------------------------------------------------------------------------------------------------
struct host_names {
    struct str *p;
    size_t n, cap;
    uint32_t port;  // 0: none
};
/// A host definition such as "web[01:20].example.com:2222": its names, in s->o->a, and the port.
bool inv_expand_host(struct inv_source *s, struct str text, struct mark at, struct host_names *out, struct err *e);

// -- values (literal.c) ----------------------------------------------------------------------------------------------
/// Python's ast.literal_eval: numbers, strings, tuples, lists, dicts, True, False, None. False when it is none of
/// these, or one without an equivalent here (complex numbers, sets, integers beyond 64 bits).
bool py_literal(struct arena *a, struct str text, struct val *out);
/// Value of an INI assignment: a literal, else the text; trusted, marked, and VAL_SECRET when `secret`.
struct val inv_ini_value(struct arena *a, struct str text, bool secret, struct mark at);

/// Python's fnmatch.fnmatchcase.
bool inv_fnmatch(struct str pat, struct str text);

/// Appends to a pointer array whose capacity is its length rounded up to a power of two (at least 4).
#define PTR_PUSH(a, p, n, item)                                                                                        \
    do {                                                                                                               \
        if ((n) == 0) {                                                                                                \
            (p) = arena_alloc((a), 4 * sizeof *(p));                                                                   \
        } else if ((n) >= 4 && ((n) & ((n)-1)) == 0) {                                                                 \
            (p) = arena_grow((a), (p), (n) * sizeof *(p), (n)*2 * sizeof *(p));                                        \
        }                                                                                                              \
        (p)[(n)++] = (item);                                                                                           \
    } while (0)
