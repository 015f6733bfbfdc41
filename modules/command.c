// command: runs one program, without a shell.
#include "cmd.h"

static const struct arg args[] = {
    {"_raw_params", ARG_STR, .aliases = "cmd", .doc = "The command line; split into words, no shell looks at it."},
    {"argv", ARG_LIST, .doc = "The command as a list of words."},
    CMD_CHDIR,
    {"executable", ARG_STR, .doc = "Not used by this module; see `shell`."},
    CMD_ARGS,
    {"expand_argument_vars", ARG_BOOL, .def = "true", .doc = "Expand ~ and $VARIABLES in the words."},
    {0},
};

static bool run(struct mod_call *c, struct err *e) {
    return cmd_run(c, false, e);
}

MODULE(command) = {
    .doc = "Run a program on the target, without a shell: no pipes, redirections or globs.",
    .spec = "ansible.builtin.command",
    .example = "- ansible.builtin.command:\n    argv: [/usr/bin/make, install]\n    creates: /usr/local/bin/tool",
    .order = "changed stdout stderr rc cmd start end delta msg",
    .returns = "cmd: The words that were run.\n" CMD_RETURNS,
    .args = args,
    .free_form = "_raw_params",
    .tidy = true,
    .check = SUPPORT_PARTIAL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .run = run,
};
