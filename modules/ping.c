// ping: proves that a module can be run on the target; touches nothing.
#include "module.h"

static const struct arg args[] = {
    {"data", ARG_STR, .def = "pong", .doc = "What to answer; \"crash\" makes the module fail."},
    {0},
};

static bool run(struct mod_call *c, struct err *e) {
    if (str_eqz(mod_str(c, "data"), "crash")) {
        mod_set(c, "rc", val_int(1));
        mod_set_z(c, "module_stdout", "Exception: boom\n");  // over a terminal, as ssh's, both are one
        mod_set_z(c, "module_stderr", "Exception: boom\n");
        mod_set_z(c, "exception", "Exception: boom\n");
        return mod_fail(c, e, "MODULE FAILURE\nSee stdout/stderr for the exact error");
    }
    mod_set(c, "ping", mod_arg(c, "data"));
    return true;
}

MODULE(ping) = {
    .doc = "Try to reach a host and run a module on it; answers `pong`.",
    .spec = "ansible.builtin.ping",
    .example = "- ansible.builtin.ping:",
    .order = "",
    .returns = "ping: The value of `data`.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .tidy = true,
    .run = run,
};
