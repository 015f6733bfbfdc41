// shell: runs one command line by a shell.
#include "cmd.h"

static const struct arg args[] = {
    {"_raw_params", ARG_STR, .aliases = "cmd", .doc = "The command line for the shell."},
    {"argv", ARG_LIST, .doc = "The command as a list of words, quoted for the shell."},
    CMD_CHDIR,
    {"executable", ARG_PATH, .doc = "The shell; /bin/sh when absent."},
    CMD_ARGS,
    {0},
};

static bool run(struct mod_call *c, struct err *e) {
    return cmd_run(c, true, e);
}

MODULE(shell) = {
    .doc = "Run a command line by a shell on the target.",
    .spec = "ansible.builtin.shell",
    .example = "- ansible.builtin.shell: ps ax | grep -c nginx\n  args: {executable: /bin/bash}",
    .order = "changed stdout stderr rc cmd start end delta msg",
    .returns = "cmd: The command line.\n" CMD_RETURNS,
    .args = args,
    .free_form = "_raw_params",
    .tidy = true,
    .check = SUPPORT_PARTIAL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .run = run,
};
