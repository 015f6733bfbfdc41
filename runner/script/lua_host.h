// Inside of script/: the sandboxed state, values across the border and the object `c` that modules see.
#pragma once
#include "module.h"

#include <lua.h>

#define SCRIPT_MEMORY       ((size_t)64 << 20)
#define SCRIPT_INSTRUCTIONS 500000000LL
#define SCRIPT_DEPTH        100

/// One sandboxed state and what its C functions need. Lives on the C stack of the call.
struct lua_host {
    lua_State *lua;
    lua_Alloc alloc;  // Lua's own allocator, called within the memory limit
    void *alloc_data;
    size_t memory;
    int64_t instructions;
    struct arena *arena;
    struct mod_call *call;  // NULL while a module table is read
    struct err *err;        // of the running call
    bool failed;            // c:fail was called: *err is set
    struct val planted;     // paths that c.fs.read read through links that another user may have planted
    struct val beside;      // directories of c.fs.beside
    const char *program;    // what c:exec ran last; NULL: nothing
};

/// Opens a state with base (without load and files), string, table, math and utf8. false: out of memory.
bool host_open(struct lua_host *h);
void host_close(struct lua_host *h);
struct lua_host *host_of(lua_State *lua);
/// Runs the chunk of a module and leaves the table it returns on the stack. ERR_SYNTAX with file:line.
bool host_load(struct lua_host *h, const char *file, struct str source, struct err *e);
/// Calls the function below its `nargs` arguments; nothing stays on the stack. Errors: ERR_MODULE.
bool host_call(struct lua_host *h, int nargs, struct err *e);
/// "file:line: text" of the error on top of the stack, which is popped.
struct str host_error(struct lua_host *h);

/// Pushes a value; `nulls`: null becomes nil instead of the `null` sentinel (one level).
void host_push(lua_State *lua, struct val v);
/// Converts what is at `index`. Raises a Lua error for functions and for what is nested too deep.
struct val host_value(lua_State *lua, int index, struct arena *a);
/// Defines `null`, `list` and `dict`.
void host_define_values(lua_State *lua);

/// Pushes the object `c` for the running call.
void host_push_call(lua_State *lua);
/// Adds the methods of tools.c to the object on top of the stack.
void host_push_tools(lua_State *lua);
/// Adds json and re, which need no call, to the table on top of the stack.
void host_push_text_tools(lua_State *lua);
/// Ends the module with an error of the layers below, as c:fail does.
int host_fail(lua_State *lua, const struct err *e);
/// Defines `use`, which loads the libraries of modules/lib/*.lua.
void host_define_use(lua_State *lua);
/// Pushes the table c.fs.
void host_push_fs(lua_State *lua);
/// Adds c.fs.beside to the table on top of the stack, and removes what it made.
void host_define_beside(lua_State *lua);
void host_remove_beside(struct lua_host *h);
/// Raises errno as an error about `path`.
int host_no_file(lua_State *lua, const char *what, const char *path);
/// Refuses to replace what was read through a planted link: its owner would find there what he may not see.
bool host_may_replace(lua_State *lua, const char *path, struct err *e);
/// A new file of mode 0600, by an anchor; raises when that is refused. -1: errno.
int host_new_file(lua_State *lua, const char *path);
struct str host_check_str(lua_State *lua, int index);
/// Raises the error as a Lua error with its place in the script.
int host_raise(lua_State *lua, const struct err *e);
