// raw: a command line for the login shell of the target. The transport runs it, without play-remote; this is its table.
#include "module.h"

static const struct arg args[] = {
    {"_raw_params", ARG_STR, .required = true, .aliases = "cmd", .doc = "The command line."},
    {"executable", ARG_PATH, .doc = "Shell to run it with; the login shell when absent."},
    {0},
};

MODULE(raw) = {
    .doc = "Run a command line on a target that has nothing installed, not even what play-remote needs.",
    .spec = "ansible.builtin.raw",
    .example = "- ansible.builtin.raw: uname -a",
    .returns = "rc: Exit status.\nstdout: Standard output.\nstderr: Standard error.",
    .args = args,
    .free_form = "_raw_params",
    .any_args = true,  // Ansible's does not look at others
    .no_target = true,
    .check = SUPPORT_NONE,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
};
