// The template engine: compile once, render many. Jinja2 3.1's language with Ansible's rules on top.
#pragma once
#include "map.h"
#include "val.h"

enum undef_mode { UNDEF_STRICT, UNDEF_CHAINABLE, UNDEF_DEFAULT, UNDEF_DEBUG };

/// The options of a Jinja2 Environment. {0} is not useful: start from jinja_opts_ansible / jinja_opts_plain.
struct jinja_opts {
    const char *block_start, *block_end, *var_start, *var_end, *comment_start, *comment_end;
    const char *line_statement, *line_comment, *newline;
    bool trim_blocks, lstrip_blocks, keep_trailing_newline;
    bool ext_do, ext_loopcontrols, ext_i18n;
    bool autoescape;
    enum undef_mode undefined;
    bool ansible;          // None prints as nothing, newlines at the end are kept, `#jinja2:` headers are read
    bool raw_backslashes;  // string literals inside {{ }} keep their backslashes, as in Ansible's playbooks
};
/// Strings in YAML, as Ansible's Templar: trim_blocks on, newlines at the end kept, raw_backslashes.
extern const struct jinja_opts jinja_opts_ansible;
/// Template files (module template, lookup template): the same, but backslash escapes work as in Python.
extern const struct jinja_opts jinja_opts_file;
extern const struct jinja_opts jinja_opts_plain;  // jinja2.Environment()

/// Where names come from. `get` is asked once per name and context: the engine caches the answer.
struct jinja_scope {
    void *self;
    /// true and *out set when the name exists; the value may be raw (VAL_TMPL): the engine templates it before use.
    /// true with out->kind == VAL_UNDEF: does not exist. false: error. "ansible_facts.KEY" asks for ansible_facts when
    /// nothing but KEY of it is read; a scope that does not know such names is asked for ansible_facts then.
    bool (*get)(void *self, struct str name, struct arena *a, struct val *out, struct err *e);
    /// All names, for "did you mean" and `vars`. May be NULL.
    void (*names)(void *self, void (*offer)(void *, struct str), void *to);
};

/// A setting by its name in ansible.cfg's documentation ("DEFAULT_ROLES_PATH"), or of a plugin.
struct setting_query {
    const char *plugin;  // "connection:ssh"; NULL: none
    struct str name;
    struct val given;  // what a variable says instead, to be given the setting's type; VAL_UNDEF: nothing
};

/// What lookups, include and import may reach; lent by exec/. Every member may be NULL: then what needs it is an error.
struct jinja_host {
    void *self;
    /// Finds a file as Ansible's search path does; kind is "files", "templates", "vars" or "tasks". Full path in `a`.
    bool (*find)(void *self, const char *kind, struct str name, struct arena *a, struct str *path, struct err *e);
    /// Reads a file of the controller, decrypting vault files; *secret tells that it was one.
    bool (*read)(void *self, struct str path, struct arena *a, struct str *text, bool *secret, struct err *e);
    /// Opens a VAL_SEALED value; its text goes to `a`. ERR_VAULT.
    bool (*unseal)(void *self, struct val sealed, struct arena *a, struct str *plain, struct err *e);
    /// Told every text that turns out to be secret, to be masked wherever it is printed. `made`: by a filter or method,
    /// of something secret.
    void (*secret)(void *self, struct str text, bool made);
    struct str basedir;      // for relative paths where Ansible uses the playbook's directory
    struct val environment;  // dict, for lookup('env') overrides; usually VAL_UNDEF: the process environment
    int64_t lookup_timeout_ms;
    void (*warn)(void *self, struct mark at, const char *msg);
    struct val (*hosts)(void *self, struct arena *a, struct str pattern, struct err *e);  // lookup inventory_hostnames
    /// For lookup config; false: unknown.
    bool (*setting)(void *self, const struct setting_query *q, struct arena *a, struct val *out);
};

struct jinja_cache;  // compiled templates by content and options; thread-safe, lives for the run
struct jinja_cache *jinja_cache_new(void);
/// What the settings change in every template of a run, but in no jinja_opts.
struct jinja_dialect {
    bool ext_do, ext_loopcontrols, ext_i18n;
    bool undefined_stays;  // a string that uses something undefined stays as it is written
    struct str null_text;  // what `{{ name }}` of a null gives; .s NULL: null
};
/// Reads names of extensions ("jinja2.ext.do, jinja2.ext.loopcontrols"). ERR_ARGS for one that is not known.
bool jinja_extensions(struct str names, struct arena *a, struct jinja_dialect *d, struct err *e);
/// Before the first template. `d` is copied; its texts are borrowed.
void jinja_cache_dialect(struct jinja_cache *c, const struct jinja_dialect *d);
void jinja_cache_free(struct jinja_cache *c);

enum plugin_kind { PLUGIN_FILTER, PLUGIN_TEST, PLUGIN_LOOKUP };
/// Plugins of the project, lent by exec/: asked before those that are built in.
struct jinja_plugins {
    void *self;
    /// The struct filter, jtest or lookup of that name, or NULL. NULL with an error set: there is one that cannot be
    /// used, and the error says why.
    const void *(*find)(void *self, enum plugin_kind kind, struct str name, struct mark at, struct err *e);
    /// All names, for "did you mean". May be NULL.
    void (*names)(void *self, enum plugin_kind kind, void (*offer)(void *, struct str), void *to);
};
/// `p` must outlive the cache's use. Templates compiled before keep what they found.
void jinja_cache_plugins(struct jinja_cache *c, const struct jinja_plugins *p);

/// The engine's own notes in a context; zeroed by the caller, never read by others except `secret`.
struct jinja_state {
    size_t steps;          // taken so far, when step_cap is set
    size_t rounds;         // of loops so far, capped
    unsigned nesting;      // depth of evaluation, capped
    uint8_t mode;          // how output is put together: enum concat_mode of ast.h
    bool autoescape;       // output is escaped for HTML where it stands now
    bool secret;           // what was rendered last contains a secret
    bool untrusted;        // what was rendered last read an untrusted value
    bool const_templates;  // in a condition of 2.19: its strings may be templates
};

/// One evaluation context: the variables of one host and task. Cheap to make; its arena is the caller's.
struct jinja_ctx {
    struct arena *a;  // results live here
    struct jinja_cache *cache;
    const struct jinja_opts *opts;  // for strings found in variables: jinja_opts_ansible
    struct jinja_scope scope;
    const struct jinja_host *host;  // may be NULL
    struct map resolved;       // name -> struct val *, templated values of this context; reset when variables change
    unsigned depth;            // recursion of templates in variables (loop detection)
    struct str resolving[64];  // the chain of variable names being templated, for error messages
    struct map regexes;        // flags and pattern -> struct regex *: compiled once for a context
    struct last_regex {        // the one used last, found without a search
        struct regex *regex;
        struct str pattern;
        unsigned flags;
    } last_regex;
    size_t output_cap;       // 0: 64 MiB
    struct map *templates;   // name -> struct str *: sources for include/import/extends (tests); else host->find
    struct str beside;       // the directory in which included templates are looked for first; empty: none
    size_t step_cap;         // evaluation steps allowed before ERR_LIMIT; 0: as many as it takes
    bool native;             // jinja2_native: templates give any Python value
    bool v219;               // the rules of ansible-core 2.19, where they differ; goes with native
    bool strict_conditions;  // a condition gives true or false, nothing else
    bool no_lookups;         // lookup(), query() and q() are refused
    bool lookups_met;        // set when that happened
    struct jinja_state state;
};

/// Renders template text to text (template files, free text). `at` is the place of src[0]. c->state.secret tells
/// afterwards whether a secret went into the text.
bool jinja_render(struct jinja_ctx *c, struct str src, struct mark at, const struct jinja_opts *o, struct str *out,
                  struct err *e);
/// Templates one string as Ansible's Templar does (2.14 to 2.18; c->native: as with jinja2_native, else): `{{ name }}`
/// of a number, bool or null keeps its type; lists and dicts keep theirs; text that looks like a Python or JSON list,
/// dict or bool becomes one, other single values become text; VAL_OMIT survives. A string without VAL_TMPL is returned
/// as it is.
bool jinja_string(struct jinja_ctx *c, struct val s, struct val *out, struct err *e);
/// The same for every string inside a list or dict (keys are templated as Ansible does). Values without VAL_TMPL are
/// shared.
bool jinja_value(struct jinja_ctx *c, struct val v, struct val *out, struct err *e);
/// Evaluates a bare expression ("a == 1 and b"), native result. Undefined is an error unless `allow_undef`.
bool jinja_expr(struct jinja_ctx *c, struct str expr, struct mark at, bool allow_undef, struct val *out, struct err *e);
/// What a template that gives `v` alone would be with this context's rules: text that looks like a list, dict or
/// boolean becomes one.
struct val jinja_typed(struct jinja_ctx *c, struct val v);
/// A conditional as in when/changed_when/failed_when/until/assert: bool, or a trusted string that is an expression
/// (with
/// `{{ }}` inside: templated first, with Ansible's warning); a list is the caller's business.
/// An untrusted string is ERR_TYPE: it is never evaluated. Undefined: ERR_UNDEFINED.
bool jinja_truth(struct jinja_ctx *c, struct val cond, bool *out, struct err *e);
/// Checks the syntax of every template in a value and that each filter, test and lookup named by a constant exists,
/// without evaluating. For --syntax-check and "honest before the first connection".
bool jinja_check(struct jinja_cache *cache, struct val v, struct err *e);
bool jinja_check_expr(struct jinja_cache *cache, struct str expr, struct mark at, struct err *e);
/// The free variables an expression or template reads, each once; *exact is false when they cannot be known
/// (vars[...]).
bool jinja_free_names(struct jinja_cache *cache, struct val v, bool is_expr, struct arena *a, struct val *names,
                      bool *exact, struct err *e);
/// Runs a lookup by name, for with_<lookup> and loop: terms as a list. `wantlist` result is a list.
bool jinja_lookup(struct jinja_ctx *c, struct str name, struct val terms, struct val kwargs, struct mark at,
                  struct val *list, struct err *e);
/// Forgets cached variable values, after the scope changed.
void jinja_ctx_changed(struct jinja_ctx *c);
