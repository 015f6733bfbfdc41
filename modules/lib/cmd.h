// What `command` and `shell` share: one program run, its result as Ansible shows it.
#pragma once
#include "module.h"

#include <time.h>

/// Options command and shell share, in Ansible's order: `executable` stands between the two.
#define CMD_CHDIR                                                                                                      \
    { "chdir", ARG_PATH, .doc = "Directory to run in." }
#define CMD_ARGS                                                                                                       \
    {"creates", ARG_PATH, .doc = "A file or pattern; when it exists the command is not run."},                         \
        {"removes", ARG_PATH, .doc = "A file or pattern; when it does not exist the command is not run."},             \
        {"warn", ARG_BOOL, .doc = "Takes no part any more; roles written for Ansible before 2.14 give it."},           \
        {"stdin", ARG_STR, .doc = "Text for the standard input."},                                                     \
        {"stdin_add_newline", ARG_BOOL, .def = "true", .doc = "Append a newline to `stdin`."}, {                       \
        "strip_empty_ends", ARG_BOOL, .def = "true", .doc = "Strip line ends from the end of the outputs."             \
    }
#define CMD_RETURNS                                                                                                    \
    "rc: Exit status, or minus the signal.\nstdout: Standard output.\nstderr: Standard error.\n"                       \
    "start: When it started.\nend: When it ended.\ndelta: How long it took."

/// Runs the command of the call; `shell`: by a shell. Sets cmd, rc, stdout, stderr, start, end, delta and msg.
bool cmd_run(struct mod_call *c, bool shell, struct err *e);
/// Sets start, end and delta.
void cmd_times(struct mod_call *c, struct timespec from, struct timespec to);
/// Splits a command line into words as Python's shlex.split. ERR_SYNTAX.
bool cmd_split(struct arena *a, struct str line, struct val *words, struct err *e);
/// Quotes a word for a POSIX shell as Python's shlex.quote.
struct str cmd_quote(struct arena *a, struct str word);
