// What the files of the parser share; nothing outside runner/playbook includes it.
#pragma once
#include "map.h"
#include "playbook.h"
#include "typo.h"

struct pb_loader {
    struct pb_opts o;
    struct arena *a;
    struct map files;  // path -> struct val, parsed
    struct {
        struct known *p;
        size_t n, cap;
    } statics;
    uint32_t tasks;     // ids given out
    struct map groups;  // of modules, see defaults.c
    struct map uses;    // play and hash of the key -> struct role_use
};
/// A role as a play uses it: `key` holds all that makes two uses the same.
struct role_use {
    struct role *role;
    struct val key;
    struct role_use *next;  // with the same hash
};
/// Variables of a play that are known before any host.
struct known {
    const struct play *play;
    struct val vars;
};
/// What import_playbook gives to the plays behind it: the outermost import's variables win.
struct import {
    struct val vars, when, tags;  // dict, list, list
    unsigned depth;
};
/// Where a list of tasks is being read.
struct ctx {
    struct pb_loader *l;
    struct play *play;
    struct node *parent;
    struct role *role;
    struct str file;
    bool handlers;
    struct val collections;  // of the task being read; UNDEF: none
    unsigned depth;          // static imports around it
};
#define IMPORT_DEPTH_MAX 64

// -- kv.c ------------------------------------------------------------------------------------------------------------
struct kv_word {
    struct str s;
    size_t at;  // offset in the text
};
struct kv_words {
    struct kv_word *p;
    size_t n, cap;
};
/// Ansible's split_args.
bool kv_split(struct arena *a, struct str text, struct mark at, struct kv_words *out, struct err *e);
/// Python's str.strip() / one pair of quotes removed.
struct str kv_strip(struct str s);
struct str kv_unquote(struct str s);

// -- file.c ----------------------------------------------------------------------------------------------------------
/// One document of a user's file, read once per loader. ERR_NOT_FOUND at `at`; ERR_SYNTAX in the file.
bool pb_file(struct pb_loader *l, struct str path, struct mark at, struct val *out, struct err *e);
/// `name` under `dir` unless absolute or "~/...", without "." and "..".
struct str path_join(struct arena *a, struct str dir, struct str name);
struct str pb_dirname(struct str path);
struct str pb_basename(struct str path);
bool path_is_file(struct arena *a, struct str path);
bool path_is_dir(struct arena *a, struct str path);
/// The path without symbolic links; itself when it cannot be followed.
struct str path_without_links(struct arena *a, struct str path);
/// Absolute form of a path given on the command line.
struct str path_absolute(struct arena *a, struct str path);
/// A row of candidate paths; the first that exists wins.
struct candidates {
    struct str *p;
    size_t n, cap;
};
void path_add(struct arena *a, struct candidates *c, struct str path);
/// Adds it unless it is there already.
void path_offer(struct arena *a, struct candidates *c, struct str path);
/// The first existing file, or ERR_NOT_FOUND that lists what was tried.
bool path_choose(struct arena *a, const struct candidates *c, struct str name, struct mark at, struct str *out,
                 struct err *e);
/// "namespace.collection" that short names mean first: that of the role, or of the playbook's place; empty: none.
struct str implied_collection(const struct ctx *c);
/// Names in a directory, sorted; empty when it cannot be read.
struct candidates path_list(struct arena *a, struct str dir);

// -- fields.c --------------------------------------------------------------------------------------------------------
void node_init(struct node *n, enum node_kind kind, const struct ctx *c, struct mark at);
/// Stores a keyword after checking its type, except on tasks; `tags` becomes a list, `vars` a dict.
bool field_set(struct pb_loader *l, struct node *n, enum keyword k, struct val v, struct err *e);
/// The types of a task's keywords, once all of them are known: a task whose failure is allowed fails only when it runs.
bool fields_ok(const struct node *n, struct err *e);
/// All pairs of `d` as keywords legal in `where`; others are ERR_ARGS. `what`: "a block", "a play" ...
bool fields_take(struct pb_loader *l, struct node *n, struct val d, unsigned where, const char *what, struct err *e);
/// ERR_ARGS for a key that is no keyword of `what`, with "did you mean".
bool field_unknown(struct vpair *p, unsigned where, const char *what, struct err *e);
/// The text of a key; ERR_SYNTAX when it is no string.
bool key_text(struct vpair *p, struct str *out, struct err *e);
/// A value that must be a list; null gives an empty one. `what` names it in messages.
bool list_of(struct arena *a, struct val v, const char *what, struct val *out, struct err *e);
void pb_warn(struct pb_loader *l, struct mark at, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool has_template(struct val v);

// -- block.c ---------------------------------------------------------------------------------------------------------
bool steps_parse(const struct ctx *c, struct val list, const char *what, struct steps *out, struct err *e);
void steps_task(struct arena *a, struct steps *s, struct task *t);
void steps_block(struct arena *a, struct steps *s, struct block *b);
/// A list of handlers as tasks; blocks are refused, imports expanded.
bool handlers_parse(const struct ctx *c, struct val list, const char *what, struct task ***out, size_t *n,
                    struct err *e);
/// A block made around a list of tasks, an import or a role.
struct block *block_implicit(const struct ctx *c, struct mark at);

// -- task.c ----------------------------------------------------------------------------------------------------------
/// What a task's action is, before it becomes a struct task.
enum act {
    ACT_MODULE,
    ACT_INCLUDE,
    ACT_INCLUDE_TASKS,
    ACT_INCLUDE_ROLE,
    ACT_IMPORT_TASKS,
    ACT_IMPORT_ROLE,
    ACT_META,
    ACT_UNKNOWN
};
bool task_parse(const struct ctx *c, struct val d, struct task **out, enum act *act, struct err *e);

/// What stands behind a name of a module: *act is ACT_UNKNOWN when nothing does, *out NULL when it is no module. False
/// only when a project's own module is broken.
bool action_find(const struct ctx *c, struct str name, const struct module **out, enum act *act, struct err *e);
/// The name without ansible.builtin. or ansible.legacy.
struct str action_base(struct str name);

// -- defaults.c ------------------------------------------------------------------------------------------------------
/// module_defaults of a node: a dict of modules or "group/NAME" to defaults, or a list of them; all must be known.
bool defaults_ok(struct pb_loader *l, struct node *n, struct val v, struct err *e);

// -- elsewhere.c -----------------------------------------------------------------------------------------------------
/// True for a module that exists, but not here: one of Ansible's, maybe one of a collection that is partly built in and
/// not on disk, or in the project's library in Python. `base` is `name` without ansible.builtin. or ansible.legacy.
bool module_elsewhere(const struct ctx *c, struct str name, struct str base);
/// "ns.collection" of "ns.collection.name"; empty for other names.
struct str collection_of(struct str name);
enum collection_state { COLLECTION_UNKNOWN, COLLECTION_BUILT_IN, COLLECTION_ON_DISK };
/// Whether a collection can be looked into: its files are on disk, or modules of it are built in, or neither.
enum collection_state collection_state(const struct ctx *c, struct str coll);

// -- include.c -------------------------------------------------------------------------------------------------------
/// Checks the options and keywords of an include or import and normalises its args.
bool include_check(const struct ctx *c, struct task *t, enum act act, struct err *e);
/// True when a legacy `include` is to be expanded while parsing.
bool include_is_static(const struct task *t);
bool import_tasks(const struct ctx *c, struct task *t, struct steps *out, struct err *e);
bool import_role(const struct ctx *c, struct task *t, struct steps *out, struct err *e);
/// A name as text, templated when it has a template. `what` is the keyword it belongs to.
bool static_name(const struct ctx *c, struct val raw, const char *what, struct str *out, struct err *e);

// -- role.c ----------------------------------------------------------------------------------------------------------
/// How one use of a role differs from its files.
struct role_how {
    struct val def;       // string or dict as in `roles:`; for includes the name as a string
    struct val from;      // dict: tasks, vars, defaults, handlers -> name; VAL_UNDEF: all main
    struct val params;    // include_role: vars of the task
    struct role *parent;  // role that depends on or includes this one
    bool included;        // include_role or import_role
    bool is_public;       // its variables are seen by the rest of the play
    bool validate;        // rolespec_validate
};
bool role_load(const struct ctx *c, const struct role_how *how, struct role **out, struct err *e);

// -- play.c ----------------------------------------------------------------------------------------------------------
bool play_parse(struct pb_loader *l, struct playbook *pb, struct val d, const struct import *by, struct play **out,
                struct err *e);
/// Play variables and the variables of its vars_files that can be known before any host.
struct val play_statics(struct pb_loader *l, struct play *p);
