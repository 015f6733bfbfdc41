// Playbook files to an immutable tree: every node with its mark, every keyword raw until exec templates it.
#pragma once
#include "load.h"
#include "map.h"
#include "module.h"
#include "val.h"

/// Keywords: one row in keywords.c gives name, where it is legal, type and doc. KW_x indexes node.kw.
enum keyword {
    KW_NONE,
#define KEYWORD(id, name, where, type, doc) KW_##id,
#include "keywords.def"
#undef KEYWORD
    KW_COUNT
};
enum kw_where { ON_PLAY = 1, ON_ROLE = 2, ON_BLOCK = 4, ON_TASK = 8, ON_HANDLER = 16, ON_LOOP_CONTROL = 32 };
struct keyword_doc {
    const char *name, *doc;
    unsigned where;  // enum kw_where bits
    const char
        *type;  // "string", "bool", "list", "dict", "int", "percent", "conditional", "any" ... for messages and checks
};
extern const struct keyword_doc keyword_docs[KW_COUNT];
/// KW_NONE when unknown.
enum keyword keyword_find(struct str name);

enum node_kind { NODE_PLAY, NODE_ROLE, NODE_BLOCK, NODE_TASK, NODE_HANDLER };
/// What play, role, block and task share. A keyword that was not given has kind VAL_UNDEF.
struct node {
    enum node_kind kind;
    struct mark at;
    struct str name;          // raw name (may be a template); empty when none
    struct node *parent;      // enclosing block, import (an implicit block), role use, dynamic include task, play
    struct role *role;        // the role this node came from, or NULL
    struct val kw[KW_COUNT];  // raw values; `tags` is normalised to a list, `vars` to a dict
    struct str file;          // file it stands in
};

struct block;
struct task {
    struct node n;
    const char *action;      // module's short name as in the table ("copy"), or the include family below
    struct str action_name;  // as the user wrote it ("ansible.builtin.copy")
    struct val action_raw;   // the same as a value: VAL_TMPL when the module's name is a template
    struct mark action_at;
    // import_* are expanded while parsing; meta has its action under "_raw_params"
    enum task_kind { TASK_MODULE, TASK_INCLUDE_TASKS, TASK_INCLUDE_ROLE, TASK_META, TASK_UNKNOWN } kind;
    const struct module *module;  // NULL for include, meta and TASK_UNKNOWN
    struct val args;              // raw dict; free-form text is under "_raw_params" (or the module's free_form name);
                      // "_variable_params": a template that gives a dict of arguments (`copy: "{{ args }}"`).
                      // include_tasks: "_raw_params" (the file), "apply"; include_role: "name", "tasks_from" ...
    struct str loop_with;       // "items" for with_items, ... ; empty with `loop:` or none
    struct val loop;            // raw loop expression; VAL_UNDEF: no loop
    struct val loop_control;    // dict of raw keywords
    struct val notify, listen;  // lists
    uint32_t id;                // unique in the run, in order of creation
    bool implicit;              // gathering facts, flush_handlers
    struct val params;          // the old `include`: its `vars`, without what was given as k=v
    bool elsewhere;             // TASK_UNKNOWN: the module is one of Ansible's or of the project, just not of ours
};
enum step_kind { STEP_TASK, STEP_BLOCK };
struct step {
    enum step_kind kind;
    union {
        struct task *task;
        struct block *block;
    } u;
};
struct steps {
    struct step *p;
    size_t n, cap;
};
struct block {
    struct node n;
    struct steps body, rescue, always;
    bool implicit;      // made around a list of tasks, a role, an import
    bool nothing;       // included from a file that holds nothing, not even an empty list
    struct val params;  // of the old `include`: its `vars` are include parameters too
};
/// A role on disk, loaded once per (name, path); its uses are `role_use`.
struct role {
    struct str name;            // short name as used
    struct str fqcn;            // "namespace.collection.role", or the name
    struct str path;            // absolute directory
    struct val defaults, vars;  // dicts: defaults/main, vars/main (with vars_from, defaults_from of the use)
    struct steps tasks;
    struct task **handlers;
    size_t nhandlers;
    struct val meta;     // raw meta/main.yml
    struct role **deps;  // expanded dependencies, in order; they run before, once per play unless allow_duplicates
    size_t ndeps;
    struct role *parent;  // the role that depends on or includes this one
    struct val params;    // role params of this use (level ROLE_PARAMS)
    bool allow_duplicates;
    bool included;   // by include_role or import_role
    bool is_public;  // its variables are seen by the rest of the play: roles:, import_role, include_role with public
    struct node n;   // keywords of the use (when, tags, become ...)
    struct val argument_spec;  // meta/argument_specs.yml entry point, VAL_UNDEF when none
    struct role *same;  // first use in the play with equal name, params and keywords (itself when it is the first):
                        // "has already run on this host" is a fact about `same`, as in Ansible's role cache
};
struct play {
    struct node n;
    struct val hosts;  // raw
    struct steps pre_tasks, tasks, post_tasks;
    struct role **roles;  // in order, dependencies are inside
    size_t nroles;
    struct task **handlers;  // play handlers; role handlers are in the roles
    size_t nhandlers;
    struct role **imported;  // of import_role: their handlers and variables belong to the whole play, but
    size_t nimported;        // their tasks stand where they were imported
    struct val vars_files, vars_prompt;
    struct playbook *book;
};
struct playbook {
    struct str file;     // absolute; each imported playbook has its own, which its plays point at (playbook_dir)
    struct str basedir;  // of the playbook given on the command line
    struct str given;    // as the command line names it; empty: not named there
    struct play **plays;
    size_t nplays;
    struct arena *a;
};

/// A module that is looked for (an empty name only tells of a role): its name as written without "ansible.legacy.", and
/// where it is used.
struct pb_module {
    struct str name, role_path, book_dir;
};
/// What the parser may use. Files are cached by path for the run.
struct pb_opts {
    struct arena *a;
    const struct yaml_vault *vault;
    enum yaml_duplicates duplicates;
    const struct str *roles_path;  // directories, in order (after playbook_dir/roles)
    size_t nroles_path;
    const struct str *collections_path;
    size_t ncollections_path;
    /// Templates a name with the variables known before any host (extra vars, play vars): import_tasks names,
    /// import_playbook.
    bool (*template_static)(void *self, struct val raw, struct val play_vars, struct arena *a, struct val *out,
                            struct err *e);
    void *template_self;
    void (*warn)(void *self, struct mark at, const char *msg);
    void *warn_self;
    /// A module the project ships (in library/ of the role and beside the playbook, in the configured directories, in a
    /// collection), as Lua or as a program: returns it or NULL. May be NULL itself.
    const struct module *(*find_module)(void *self, const struct pb_module *m, struct err *e);
    const struct map *rejected;  // names of modules that may not be used; may be NULL
    /// meta/runtime.yml of a collection ("ns.name"): null when it has none, VAL_UNDEF when the collection is not on
    /// disk. May be NULL.
    struct val (*runtime)(void *self, struct str coll, struct str book_dir);
    void *find_self;  // of the two
    /// Told of the directory of each playbook and role that is read, where the project keeps its plugins. May be NULL.
    void (*plugin_dir)(void *self, struct str dir);
    void *plugin_self;
    /// Reads a file, opening vault files. NULL: plain reading.
    bool (*read)(void *self, struct str path, struct arena *a, struct str *text, bool *secret, struct err *e);
    void *read_self;
    bool bad_attribute_ok;  // a keyword that an include does not have is warned about and ignored
    bool no_run;            // only read and listed: what would fail when a task runs is left alone
};
struct pb_loader;
struct pb_loader *pb_loader_new(const struct pb_opts *o);
/// Reads a playbook with everything that is static in it. ERR_SYNTAX, ERR_ARGS (unknown keyword, module, argument: with
/// "did you mean"), ERR_NOT_FOUND (role, file), each at its mark.
struct playbook *pb_load(struct pb_loader *l, const char *file, struct err *e);
/// The file of "namespace.collection.playbook"; empty when there is none.
struct str pb_collection_playbook(const struct pb_loader *l, struct str name);
/// A playbook of one play made of a value, as `adhoc` needs it; `dir` stands for the directory of its file.
struct playbook *pb_value(struct pb_loader *l, struct val play, struct str dir, struct err *e);
/// For include_tasks at run time: the list of a tasks file as a block whose parent is `by`. `handlers`: parse as
/// handlers. `file` is the templated name; a relative one is searched as Ansible does (beside the including files, the
/// role's tasks, the playbook). The block carries the keywords of `apply:`. ERR_NOT_FOUND lists what was tried.
/// Inheritance as in Ansible: what is included takes keywords from `by`'s parents, not from `by` itself, except `vars`.
struct block *pb_load_tasks(struct pb_loader *l, struct play *p, struct task *by, struct str file, bool handlers,
                            struct err *e);
/// The file that pb_load_tasks would read for `name` (templated text), so that hosts that want the same one share it.
bool pb_find_tasks(struct pb_loader *l, struct play *p, struct task *by, struct val name, struct str *path,
                   struct err *e);
/// For include_role at run time: the role as a block (dependencies first). `args` is the templated argument dict.
struct block *pb_load_role(struct pb_loader *l, struct play *p, struct task *by, struct val args, struct role **role,
                           struct err *e);
/// For a task whose action is a template (`action: "{{ pkg }} name=x"`; kind TASK_UNKNOWN, VAL_TMPL in action_raw): a
/// copy of `t` with the module `name` and checked argument names. ERR_ARGS when there is no such module.
struct task *pb_bind_action(struct pb_loader *l, const struct task *t, struct str name, struct err *e);
/// The role's tasks as a block, dependencies first, for the play's `roles:` section.
struct block *pb_role_block(struct pb_loader *l, struct play *p, struct role *r, struct err *e);

// -- reading keywords (node.c) ---------------------------------------------------------------------------------------
// A dynamic include stands in the parent chain of what it included, but of its keywords only `vars` reach there.
/// The raw value of a keyword that is inherited (become, environment excluded): the nearest of node, parents, play.
struct val node_kw(const struct node *n, enum keyword k);
/// The same from *n on, which becomes the node whose value it is; NULL when there is none.
struct val node_kw_from(const struct node **n, enum keyword k);
/// The next node whose keywords reach `n`; NULL above a play.
const struct node *node_heir_of(const struct node *n);
/// Tags of a node with all its parents', as a list of strings (raw, may hold templates).
struct val node_tags(const struct node *n, struct arena *a);
/// Conditions of `when`, from the outermost parent inwards: each is tested in this order.
struct val node_whens(const struct node *n, struct arena *a);
/// The play a node belongs to; NULL: not known yet.
struct play *node_play(struct node *n);
/// environment: dicts/strings from the play inwards; the caller templates and merges, later wins.
struct val node_environments(const struct node *n, struct arena *a);
/// module_defaults: dicts from the play inwards; later wins.
struct val node_module_defaults(const struct node *n, struct arena *a);
/// True when a key of module_defaults at (or above) `n` means the module `m`: its name, or a group it is in.
bool pb_default_means(struct pb_loader *l, struct node *n, struct str key, const struct module *m);
/// `vars` of the node and its parents below the play and without role uses, merged; the nearest wins.
struct val node_vars(const struct node *n, struct arena *a);
/// `vars` of the dynamic includes around the node, merged: level INCLUDE_PARAMS.
struct val node_include_params(const struct node *n, struct arena *a);
/// True when a condition may leave the task out.
bool node_conditional(const struct node *n);
/// True when what is wrong with a task need not end the run: a condition may leave it out, and ignore_errors,
/// failed_when or a rescue may take its failure.
bool node_guarded(const struct node *n);
/// The dynamic include task nearest around `n`, or NULL.
struct task *node_include(const struct node *n);
/// Free-form or `k=v` text to arguments as Ansible splits it: quotes, jinja blocks and escapes respected.
/// With `free_form` the words that are not known k=v options go to "_raw_params".
bool kv_parse(struct arena *a, struct str text, struct mark at, bool free_form, struct val *out, struct err *e);
