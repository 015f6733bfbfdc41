// Lua 5.4, sandboxed: loads module tables and runs their plan and run. The only place that knows lua.h.
#pragma once
#include "val.h"

struct module;
/// Reads a Lua module's table (doc, args, side, check, diff, example, spec) into a struct module that lives in `a`;
/// its plan and run are bound so that calling them runs the Lua functions in a fresh sandboxed state with memory and
/// instruction limits. `name` is the module's name. Errors: ERR_SYNTAX with file:line, ERR_ARGS for a wrong table.
const struct module *script_module(struct arena *a, const char *name, const char *file, struct str source,
                                   struct err *e);
/// The source of a module that script_module made, to be sent to the target; STR_NONE for a C module. Owner: its arena.
struct str script_source(const struct module *m);
