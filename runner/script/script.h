// Lua 5.4, sandboxed: loads module tables and runs their plan and run. The only place that knows lua.h.
//
// A module returns a table: doc, spec, example, returns, args, side ("target", "controller"), check and diff ("full",
// "partial", "none"), run, and optionally plan, exclusive, required_one_of, required_together (lists of lists of
// names), required_if ({{"state", "present", {"a", "b"}, any}}), required_by ({a = {"b"}}), free_form, file_args,
// any_args, always_diff, order (see module.h), prepare and finish, which run on the controller before and after. args:
// name -> {type, required, no_log, elements, default, choices, aliases, options, doc}. Another key is an error.
//
// plan and run get one argument `c`. Each runs in a state of its own: only c.state (plain data) goes from plan to run.
//   c.args, c.check, c.show_diff, c.name, c.state
//   c:differs(what, now, want) -> bool   c:changed()   c:diff(name, before, after)   nil: does not exist
//   c:set(key, value)   c:warn(text)   c:skip(text)   c:fail(text, {key = value}) does not return
//   c:attrs_differ(path, "file") -> bool   c:attrs_apply(path)   c:replace(path, text, {validate, mode})
//   c:backup(path) -> name   c:info(path)   (the common file arguments, of modules with file_args)
//   c:exec{argv = {...}, stdin, env, cwd, timeout (s)} -> {rc, stdout, stderr, timed_out}; no such program: rc 127
//   c:which(name) -> path or nil   c:tmpdir() -> private directory of this call
//   c.fs.read(path) -> text or nil   c.fs.write(path, text, {mode})   c.fs.exists(path)   c.fs.remove(path) -> bool
//   c.fs.list(path) -> names or nil   c.fs.stat(path) -> {type, mode, uid, gid, size, mtime} or nil
//   c.fs.readlink realpath symlink rename chown chmod digest remove_tree   (see docs/modules-in-lua.md)
//   c:collect(path) -> path   c:keep(sha256)   prepare and finish: a file of the controller that run fills by
//   c:send{argv, filter, check, env} -> {rc, filter_rc, check_rc, stderr, ..., size, sha256, tail}
//   c.result   finish: the target's result
//   c.http{url, method, headers, body, unix_socket, timeout ...} -> {status, headers, body, url}, or nil and the reason
//   c.base64.encode decode   c.digest(name, bytes, raw)   c.crypt(password, salt)   c.random(n)   c.now()   c.sleep(s)
//   c.user(name) -> {name, uid, gid, home, shell}   c.group(name) -> {name, gid, members}
//   c.fs.mkdir(path, {mode})   c.json.decode(text)   c.json.encode(value, indent)
//   c.re.match(text, pattern) -> {[0] = all, groups by number and name} or nil
//   c.re.gsub(text, pattern, replacement) -> text, count
// Patterns are Python's. Globals: Lua's base without load and files, string, table, math, utf8, use("name"), which
// loads a library of modules/lib, and `null`, list{...} and dict{...}, which keep an empty list and an empty dict
// apart.
#pragma once
#include "val.h"

struct module;
/// Reads a Lua module's table (doc, args, side, check, diff, example, spec) into a struct module that lives in `a`;
/// its plan and run are bound so that calling them runs the Lua functions in a fresh sandboxed state with memory and
/// instruction limits. `name` is the module's name. Errors: ERR_SYNTAX with file:line, ERR_ARGS for a wrong table.
/// Any thread; the result may be used by several.
const struct module *script_module(struct arena *a, const char *name, const char *file, struct str source,
                                   struct err *e);
/// The source of a module that script_module made, to be sent to the target; STR_NONE for a C module. Owner: its arena.
struct str script_source(const struct module *m);

// -- plugins of templates --------------------------------------------------------------------------------------------
//
// A file of filter_plugins/, test_plugins/ or lookup_plugins/ returns the table of one plugin, named as the file:
//   doc, example    texts; `example` is an expression that is true
//   params          "value, sep=',', *, **": names in order, as they are bound; without it everything is passed on
//   args            name -> {type, required, default, doc ...} as of modules: documentation of the parameters
//   undefined       true: undefined values are passed in, as nil
//   run             function(value, sep, ..., options): the parameters in order, then what `*` took, then, with `**`,
//                   a table of the other keywords. A filter returns its result, a test its truth; an error() ends the
//                   template with its text.
// or {plugins = {name = {...}, ...}}. The function of a lookup is run(terms, options, c) and returns a list;
// c.read(name) is the text of a file of the controller, found where the lookup `file` finds it, c.var(name) a variable.
// Globals are those of modules, and json and re; nothing else of the system can be reached.

struct script_plugin {
    const char *name, *file, *doc, *params, *example;
    const struct arg *args;  // ended by a row without a name; may be NULL
    bool takes_undef;
    struct str source;
    bool nested;  // inside `plugins`
};
/// What a lookup may reach. Both may be NULL.
struct script_env {
    void *self;
    bool (*read)(void *self, struct str name, struct arena *a, struct str *text, struct err *e);
    bool (*var)(void *self, struct str name, struct arena *a, struct val *out, struct err *e);
};
/// The plugins of a file. ERR_SYNTAX with file:line, ERR_ARGS for a wrong table.
bool script_plugins(struct arena *a, const char *name, const char *file, struct str source, struct script_plugin **out,
                    size_t *n, struct err *e);
/// Runs one in a state of its own, with the limits of modules. `args` are passed in order, undefined ones as nil, then
/// `options` when it is a dict. Errors: ERR_TYPE at `at` with the file and line in the script.
bool script_plugin_call(const struct script_plugin *p, struct arena *a, const struct val *args, size_t n,
                        struct val options, const struct script_env *env, struct mark at, struct val *out,
                        struct err *e);
