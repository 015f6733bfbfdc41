// What a module is. One file in modules/ defines exactly one MODULE(); the table is generated.
#pragma once
#include "val.h"

enum arg_type {
    ARG_STR,
    ARG_INT,
    ARG_FLOAT,
    ARG_BOOL,
    ARG_LIST,
    ARG_DICT,
    ARG_PATH,
    ARG_RAW,
    ARG_JSON,
    ARG_BYTES,
    ARG_BITS
};
enum support { SUPPORT_NONE, SUPPORT_PARTIAL, SUPPORT_FULL };
enum side { ON_TARGET, ON_CONTROLLER };

struct mod_call;
struct mod_step;
struct arg {
    const char *name;
    enum arg_type type;
    bool required, no_log;
    bool empty_is_none;      // an empty text counts as not given, once it is checked what is required: roles pass
                             // default('')
    enum arg_type elements;  // for ARG_LIST: ARG_STR (0) unless told
    const char *def;         // default, as YAML text; NULL: none
    const char *choices;     // "a|b|c"; NULL: any
    const char *aliases;     // "dest|name"
    const struct arg *sub;   // options of a dict, or of the dicts in a list
    const char *doc;
};

struct module {
    const char *doc, *example, *spec;
    const struct arg *args;         // ends with {0}
    const char *returns;            // "name: doc\n..." what the result holds beyond changed, failed, msg
    const char *order;              // "a b": keys the result begins with, as Ansible's does; NULL: "changed". Where
                                    // that is not named it is the last, as when Ansible's core adds it
    const char *exclusive;          // "a,b;c,d": groups of which at most one may be given
    const char *required_one_of;    // "a,b;c,d"
    const char *required_together;  // "a,b"
    const char *required_if;        // "state=present:a,b;state=absent:c"
    const char *required_by;        // "a:b,c"
    const char *free_form;          // argument that takes a free-form string ("_raw_params"), NULL: k=v only
    bool any_args;                  // accepts names not in `args` (set_fact, add_host)
    bool file_args;                 // owner group mode seuser serole setype selevel unsafe_writes attributes are added
    bool no_target;                 // raw: works without play-remote
    bool no_invocation;             // the result never says with which arguments it ran, as Ansible's does not
    bool always_diff;               // the result has its diff also when nobody asked to see it
    bool tidy;    // leaves its process as it was (umask, environment), but for the directory of a free form: requests
                  // may share one
    bool once;    // run once for all hosts (add_host, pause)
    bool beside;  // runs on the controller, or where delegate_to says; `_login` tells of the host
    enum support check, diff;
    enum side side;
    /// Controller half of an ON_TARGET module, before it is sent: reads files, renders templates, attaches content.
    bool (*prepare)(struct mod_call *, struct err *);
    bool (*plan)(struct mod_call *, struct err *);  // optional, reads only; records what differs
    bool (*run)(struct mod_call *, struct err *);
    /// Controller: steers a module that needs several requests. Called first with `c->answer` undefined, then with the
    /// result of each request (`unreachable` when there was no answer); fills `next`. false: it failed.
    bool (*step)(struct mod_call *, struct mod_step *next, struct err *);
    /// Controller half after the result came back (fetch). `c->result` is the target's result.
    bool (*finish)(struct mod_call *, struct err *);
    const void *script;   // Lua modules: what script/ needs
    const char *target;   // the module that runs on the target in its place; NULL: itself
    const void *foreign;  // programs of a project: struct foreign
    const char *refuse;   // why it cannot run here, when it was found but cannot; NULL: it can
    const char *render;   // Lua modules: "src:content": the template that `src` names is rendered into `content`
};

/// What the controller lends to `prepare`, `finish` and ON_CONTROLLER modules. NULL in play-remote.
struct mod_ctl {
    void *self;
    /// Finds a file along Ansible's search path; kind: "files", "templates", "vars", "tasks". ERR_NOT_FOUND lists what
    /// was tried.
    bool (*find)(void *self, const char *kind, struct str name, struct arena *a, struct str *path, struct err *e);
    /// Reads a file, decrypting vault files unless `raw`; *secret tells that it was one.
    bool (*read)(void *self, struct str path, bool raw, struct arena *a, struct str *text, bool *secret, struct err *e);
    /// True for a regular file that `read` gives as it is.
    bool (*plain)(void *self, struct str path, bool raw);
    /// Loads a YAML or JSON vars file (a dict).
    bool (*load_vars)(void *self, struct str path, struct arena *a, struct val *out, struct err *e);
    /// Renders a template file with the task's variables plus `extra`. `opts`: dict of the template module's options.
    bool (*render)(void *self, struct str path, struct val opts, struct val extra, struct arena *a, struct str *out,
                   bool *secret, struct err *e);
    /// Evaluates a bare expression; an undefined result is kind VAL_UNDEF, not an error, when allow_undef.
    bool (*eval)(void *self, struct str expr, struct mark at, bool allow_undef, struct arena *a, struct val *out,
                 struct err *e);
    /// What a template that gives `v` alone would be: text that looks like a list, dict or boolean becomes one.
    struct val (*typed)(void *self, struct val v);
    /// A conditional, as `when:`.
    bool (*truth)(void *self, struct val cond, bool *out, struct err *e);
    /// Text in an encoding by its Python name. ERR_ARGS at `at` for an unknown one, ERR_TYPE for what it cannot
    /// express.
    bool (*encode)(void *self, struct str text, struct str encoding, struct mark at, struct arena *a, struct str *out,
                   struct err *e);
    /// A variable of the host, templated; VAL_UNDEF when missing.
    bool (*var)(void *self, const char *name, struct arena *a, struct val *out, struct err *e);
    /// The task's name as it is shown.
    struct str (*title)(void *self);
    /// Shows a line on the screen, at once.
    void (*show)(void *self, const char *line);
    /// Waits for a line from the person at the terminal on standard input; ERR_NOT_FOUND when there is none or the
    /// program runs in the background. Ctrl-C asks whether to go on: `*out` is empty then, or ERR_TIMEOUT.
    bool (*ask)(void *self, bool echo, struct arena *a, struct str *out, struct err *e);
    int verbosity;
    bool native;  // jinja2_native: templates keep their types, and texts are not taken for booleans
};

/// What a module that talks to the target step by step (reboot, wait_for_connection) wants next.
struct mod_step {
    const char *module;  // run this module on the target; NULL: nothing is sent
    struct val args;     // its raw arguments
    int64_t timeout_ms;  // of the request; 0: none
    int64_t sleep_ms;    // first wait
    bool reconnect;      // then forget the connection, so that the request opens a new one
    int64_t connect_ms;  // how long connecting may take; 0: as configured
    bool done;           // the module's result is complete
};
#define MOD_FILE_STAYS ((off_t)1 << 20)  // a file of this size is not read into memory to be attached
struct mod_blob {
    char sha256[65];
    struct str data;
    const char *path;  // instead of data: a file that is read when it is sent
    size_t size;
};
#define MOD_DIFF_MAX ((size_t)104448)  // MAX_FILE_SIZE_FOR_DIFF, unless it is set
/// One call of a module. The arena dies after the call.
struct mod_call {
    struct arena *arena;
    const struct module *mod;
    const char *name;
    struct val args;  // dict, validated: each declared argument that was given or has a default, of its type
    bool check, diff, no_log;
    size_t diff_max;  // bytes; larger contents are not shown in a diff. 0: MOD_DIFF_MAX
    bool invocation;  // the result says with which arguments the module ran, whatever the verbosity
    int verbosity;
    struct mark at;     // of the task (controller side)
    struct val result;  // dict under construction
    bool changed;
    const char *order;    // of the keys of this result, in place of the module's; NULL: that
    struct val diffs;     // list of {before, after, before_header, after_header}
    void *state;          // from plan to run
    struct mod_ctl *ctl;  // NULL on the target
    struct {
        struct mod_blob *p;
        size_t n, cap;
    } blobs;                   // prepare: content to send; see mod_attach
    struct sink *sink;         // prepare: the file that takes what the target sends (local.h); NULL: none
    bool on_request;           // prepare: the target is told the digests first, since it may have them (see have)
    const struct err *why;     // set by mod_execute: what failed and where, NULL when nothing did
    struct val bad_condition;  // of a module of the controller that failed: an argument that is no condition
    struct val answer;         // `step`: the result of the last request; VAL_UNDEF: there was none
    bool local;                // `step`: the target is this machine
    const char *path;          // on the target: $PATH as the login has it, when sbin was added to ours; else NULL
    bool detached;             // on the target: runs in the background, as a job of async
    int64_t sleep_ms;          // ON_CONTROLLER: the task completes only after this time (pause)
    /// On the target: content attached by `prepare`, by its SHA-256. ERR_NOT_FOUND. Borrowed.
    bool (*blob)(struct mod_call *, struct str sha256, struct str *data, struct err *);
    /// On the target: sends live output to the controller. May be NULL.
    void (*log)(struct mod_call *, struct str text);
    /// On the target: sends a piece of the file that `prepare` opened on the controller. NULL when it opened none.
    void (*data)(struct mod_call *, struct str piece);
    /// On the target, when contents are sent only on request (else NULL): true when this one is here, because it
    /// arrived or because the file at `path`, of `size` bytes, is just that.
    bool (*have)(struct mod_call *, struct str sha256, const char *path, int64_t size);
    /// Asks for the contents in `list` (hex SHA-256s) and does not return: the call begins anew when they are here, so
    /// that nothing may have been changed before. Returns when the list is empty, unless only that was to be found out.
    void (*need)(struct mod_call *, struct val list);
    void *io;
    struct str
        tmpdir;  // on the target: a 0700 directory for this call, made by mod_tmpdir when first asked, removed after
    struct str tmp_base;  // where mod_tmpdir makes it (made 0700 when missing); STR_NONE: $TMPDIR or /tmp
};

// -- arguments -------------------------------------------------------------------------------------------------------
struct str mod_str(struct mod_call *c, const char *arg);  // STR_NONE when absent
const char *mod_z(struct mod_call *c, const char *arg);   // NUL-terminated, NULL when absent
bool mod_bool(struct mod_call *c, const char *arg);       // false when absent
int64_t mod_int(struct mod_call *c, const char *arg, int64_t absent);
struct val mod_arg(struct mod_call *c, const char *arg);  // VAL_UNDEF when absent
bool mod_has(struct mod_call *c, const char *arg);        // given (or has a default) and not null

// -- result ----------------------------------------------------------------------------------------------------------
void mod_set(struct mod_call *c, const char *key, struct val v);
void mod_set_z(struct mod_call *c, const char *key, const char *z);
void mod_set_str(struct mod_call *c, const char *key, struct str s);
/// Records that `what` differs: the call becomes changed, and with diff the pair is shown. Returns true.
bool mod_differs(struct mod_call *c, const char *what, struct val now, struct val want);
/// The size from which contents are not shown in a diff.
size_t mod_diff_max(const struct mod_call *c);
/// False: the content of this side ("src", "dst") is not shown, and `pair` says why.
bool mod_diff_shows(struct mod_call *c, struct val pair, const char *side, struct str text, bool binary);
/// A diff of file contents, with headers as Ansible's. `before`/`after` STR_NONE: absent. Marks changed.
void mod_diff_text(struct mod_call *c, struct str before_header, struct str before, struct str after_header,
                   struct str after);
void mod_changed(struct mod_call *c);
void mod_warn(struct mod_call *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
// A message is shown up to so many bytes, and so much of what a program printed is kept beside it.
#define MOD_MESSAGE_MAX ((size_t)16 << 10)
#define MOD_OUTPUT_MAX  ((size_t)1 << 20)
/// A text of at most `max` bytes and a few: its beginning and end, and how much was between.
struct str mod_shortened(struct arena *a, struct str text, size_t max);
/// Fails the module: the result gets failed=true and this msg (keys set before stay). Returns false.
bool mod_fail(struct mod_call *c, struct err *e, const char *fmt, ...) PRINTF_LIKE(3, 4);
/// The same with ": strerror".
bool mod_fail_sys(struct mod_call *c, struct err *e, int errno_, const char *fmt, ...) PRINTF_LIKE(4, 5);
/// The same in Ansible's words for a program that is not there; the message names the directories of $PATH.
bool mod_fail_program(struct mod_call *c, struct err *e, const char *name);
/// Path of a program in $PATH; NULL: the module has failed, as above.
const char *mod_need(struct mod_call *c, const char *name, struct err *e);
#define mod_fail(...)     err_false(mod_fail(__VA_ARGS__))
#define mod_fail_sys(...) err_false(mod_fail_sys(__VA_ARGS__))
/// Ends the module as skipped with this msg. Returns true.
bool mod_skip(struct mod_call *c, const char *msg);
/// prepare: attaches content and returns its SHA-256 as a value to put into the args.
struct val mod_attach(struct mod_call *c, struct str data);
/// The same with the content of a file, which stays where it is. VAL_UNDEF: ERR_SYS.
struct val mod_attach_file(struct mod_call *c, const char *path, size_t size, struct err *e);
/// On the target: the call's private directory.
bool mod_tmpdir(struct mod_call *c, struct str *dir, struct err *e);

// -- core (module.c) -------------------------------------------------------------------------------------------------
/// Checks and converts raw arguments by the module's table as Ansible's AnsibleModule does: aliases, types, defaults,
/// choices, required, exclusive sets. `*out` is the dict the module sees. Values with VAL_OMIT are left out. Unknown
/// names: ERR_ARGS with "did you mean". Errors point at the value's mark.
bool mod_validate(const struct module *m, const char *name, struct val raw, struct mark at, struct arena *a,
                  struct val *out, struct err *e);
/// Only the names, for checks before any host is touched (values may be templates).
bool mod_check_names(const struct module *m, const char *name, struct val raw, struct mark at, struct arena *a,
                     struct err *e);
/// Runs plan/run as check mode and diff say and completes the result dict (changed, diff, warnings, invocation ...).
void mod_execute(struct mod_call *c);
/// Puts the keys of the result into the order of Ansible's modules, which a loop over registered results shows: those
/// that `order` names, the others as they were set, a failure, and what the core adds there when the module has not
/// named it itself.
void mod_arrange(struct mod_call *c);
/// By short name or FQCN (ansible.builtin.x, ansible.legacy.x, collection names of what we have); NULL when unknown.
const struct module *module_find(struct str name);
/// The short name a table row has ("systemd_service" -> "systemd").
const char *module_short(struct str name);

#define MODULE(n)                                                                                                      \
    extern const struct module module_is_##n;                                                                          \
    const struct module module_is_##n

struct module_entry {
    const char *name;
    const struct module *it;
};
extern const struct module_entry module_table[];  // generated, sorted by name
extern const size_t module_count;
/// Lua modules compiled in: name and source. Generated from modules/*.lua; {NULL} behind.
struct module_lua {
    const char *name, *file;
    const char *source;
    size_t len;
};
extern const struct module_lua module_lua_table[];
/// What they share, loaded by use("name"). Generated from modules/lib/*.lua.
extern const struct module_lua script_library_table[];
