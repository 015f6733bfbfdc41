// shell: runs one command line by a shell.
#include "cmd.h"

static const struct arg args[] = {
    {"_raw_params", ARG_STR, .aliases = "cmd", .doc = "The command line for the shell."},
    {"argv", ARG_LIST, .doc = "The command as a list of words, quoted for the shell."},
    {"creates", ARG_PATH, .doc = "A file or pattern; when it exists the command is not run."},
    {"removes", ARG_PATH, .doc = "A file or pattern; when it does not exist the command is not run."},
    {"chdir", ARG_PATH, .doc = "Directory to run in."},
    {"executable", ARG_PATH, .doc = "The shell; /bin/sh when absent."},
    {"stdin", ARG_STR, .doc = "Text for the standard input."},
    {"stdin_add_newline", ARG_BOOL, .def = "true", .doc = "Append a newline to `stdin`."},
    {"strip_empty_ends", ARG_BOOL, .def = "true", .doc = "Strip line ends from the end of the outputs."},
    {0},
};

static bool run(struct mod_call *c, struct err *e) {
    return cmd_run(c, true, e);
}

MODULE(shell) = {
    .doc = "Run a command line by a shell on the target.",
    .spec = "ansible.builtin.shell",
    .example = "- ansible.builtin.shell: ps ax | grep -c nginx\n  args: {executable: /bin/bash}",
    .returns = "cmd: The command line.\nrc: Exit status, or minus the signal.\nstdout: Standard output.\n"
               "stderr: Standard error.\nstart: When it started.\nend: When it ended.\ndelta: How long it took.",
    .args = args,
    .free_form = "_raw_params",
    .check = SUPPORT_PARTIAL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .run = run,
};
