// What `command` and `shell` share: one program run, its result as Ansible shows it.
#pragma once
#include "module.h"

/// Runs the command of the call; `shell`: by a shell. Sets cmd, rc, stdout, stderr, start, end, delta and msg.
bool cmd_run(struct mod_call *c, bool shell, struct err *e);
/// Splits a command line into words as Python's shlex.split. ERR_SYNTAX.
bool cmd_split(struct arena *a, struct str line, struct val *words, struct err *e);
/// Quotes a word for a POSIX shell as Python's shlex.quote.
struct str cmd_quote(struct arena *a, struct str word);
