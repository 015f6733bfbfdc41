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
    unsigned where;   // enum kw_where bits
    const char *type; // "string", "bool", "list", "dict", "int", "percent", "conditional", "any" ... for messages and checks
};
extern const struct keyword_doc keyword_docs[KW_COUNT];
/// KW_NONE when unknown.
enum keyword keyword_find(struct str name);

enum node_kind { NODE_PLAY, NODE_ROLE, NODE_BLOCK, NODE_TASK, NODE_HANDLER };
/// What play, role, block and task share. A keyword that was not given has kind VAL_UNDEF.
struct node {
    enum node_kind kind;
    struct mark at;
    struct str name;         // raw name (may be a template); empty when none
    struct node *parent;     // enclosing block, role use, including task (for static imports), play
    struct role *role;       // the role this node came from, or NULL
    struct val kw[KW_COUNT]; // raw values; `tags` is normalised to a list, `vars` to a dict
    struct str file;         // file it stands in
};

struct block;
struct task {
    struct node n;
    const char *action;          // module's short name as in the table ("copy"), or the include family below
    struct str action_name;      // as the user wrote it ("ansible.builtin.copy")
    struct mark action_at;
    enum task_kind { TASK_MODULE, TASK_INCLUDE_TASKS, TASK_INCLUDE_ROLE, TASK_META, TASK_UNKNOWN } kind;  // import_* are expanded while parsing
    const struct module *module; // NULL for include, meta and TASK_UNKNOWN
    struct val args;             // raw dict; free-form text is under "_raw_params" (or the module's free_form name)
    struct str loop_with;        // "items" for with_items, ... ; empty with `loop:` or none
    struct val loop;             // raw loop expression; VAL_UNDEF: no loop
    struct val loop_control;     // dict of raw keywords
    struct val notify, listen;   // lists
    uint32_t id;                 // unique in the run, in order of creation
    bool implicit;               // gathering facts, flush_handlers
};
enum step_kind { STEP_TASK, STEP_BLOCK };
struct step {
    enum step_kind kind;
    union { struct task *task; struct block *block; } u;
};
struct steps {
    struct step *p;
    size_t n, cap;
};
struct block {
    struct node n;
    struct steps body, rescue, always;
    bool implicit;  // made around a list of tasks, a role, an import
};
/// A role on disk, loaded once per (name, path); its uses are `role_use`.
struct role {
    struct str name;         // short name as used
    struct str fqcn;         // "namespace.collection.role", or the name
    struct str path;         // absolute directory
    struct val defaults, vars;  // dicts: defaults/main, vars/main (with vars_from, defaults_from of the use)
    struct steps tasks;
    struct task **handlers;
    size_t nhandlers;
    struct val meta;         // raw meta/main.yml
    struct role **deps;      // expanded dependencies, in order; they run before, once per play unless allow_duplicates
    size_t ndeps;
    struct role *parent;     // the role that depends on or includes this one
    struct val params;       // role params of this use (level ROLE_PARAMS)
    bool allow_duplicates;
    bool is_public;          // include_role public: / roles: and import_role are public
    struct node n;           // keywords of the use (when, tags, become ...)
    struct val argument_spec;  // meta/argument_specs.yml entry point, VAL_UNDEF when none
};
struct play {
    struct node n;
    struct val hosts;                 // raw
    struct steps pre_tasks, tasks, post_tasks;
    struct role **roles;              // in order, dependencies are inside
    size_t nroles;
    struct task **handlers;           // play handlers; role handlers are in the roles
    size_t nhandlers;
    struct val vars_files, vars_prompt;
    struct playbook *book;
};
struct playbook {
    struct str file;     // absolute
    struct str basedir;  // of the playbook given on the command line
    struct play **plays;
    size_t nplays;
    struct arena *a;
};

/// What the parser may use. Files are cached by path for the run.
struct pb_opts {
    struct arena *a;
    const struct yaml_vault *vault;
    const struct str *roles_path;   // directories, in order (after playbook_dir/roles)
    size_t nroles_path;
    const struct str *collections_path;
    size_t ncollections_path;
    /// Templates a name with the variables known before any host (extra vars, play vars): import_tasks names, import_playbook.
    bool (*template_static)(void *self, struct val raw, struct val play_vars, struct arena *a, struct val *out, struct err *e);
    void *template_self;
    void (*warn)(void *self, struct mark at, const char *msg);
    void *warn_self;
    /// A module the project ships (library/*.lua): returns it or NULL. May be NULL itself.
    const struct module *(*find_module)(void *self, struct str name, struct str role_path, struct err *e);
    bool (*read)(void *self, struct str path, struct arena *a, struct str *text, bool *secret, struct err *e);  // vault-aware
};
struct pb_loader;
struct pb_loader *pb_loader_new(const struct pb_opts *o);
/// Reads a playbook with everything that is static in it. ERR_SYNTAX, ERR_ARGS (unknown keyword, module, argument: with
/// "did you mean"), ERR_NOT_FOUND (role, file), each at its mark.
struct playbook *pb_load(struct pb_loader *l, const char *file, struct err *e);
/// For include_tasks at run time: the list of a tasks file as a block whose parent is `by`. `handlers`: parse as handlers.
struct block *pb_load_tasks(struct pb_loader *l, struct play *p, struct task *by, struct str file, bool handlers, struct err *e);
/// For include_role at run time: the role as a block (dependencies first). `args` is the templated argument dict.
struct block *pb_load_role(struct pb_loader *l, struct play *p, struct task *by, struct val args, struct role **role, struct err *e);
/// The role's tasks as a block, dependencies first, for the play's `roles:` section.
struct block *pb_role_block(struct pb_loader *l, struct play *p, struct role *r, struct err *e);

// -- reading keywords (node.c) ---------------------------------------------------------------------------------------
/// The raw value of a keyword that is inherited (become, environment excluded): the nearest of node, parents, play.
struct val node_kw(const struct node *n, enum keyword k);
/// Tags of a node with all its parents', as a list of strings (raw, may hold templates).
struct val node_tags(const struct node *n, struct arena *a);
/// Conditions of `when`, from the outermost parent inwards: each is tested in this order.
struct val node_whens(const struct node *n, struct arena *a);
/// environment: dicts/strings from the play inwards; the caller templates and merges, later wins.
struct val node_environments(const struct node *n, struct arena *a);
/// Free-form or `k=v` text to arguments as Ansible splits it: quotes, jinja blocks and escapes respected.
/// With `free_form` the words that are not known k=v options go to "_raw_params".
bool kv_parse(struct arena *a, struct str text, struct mark at, bool free_form, struct val *out, struct err *e);
