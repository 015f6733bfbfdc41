// meta: what the runner itself does between tasks; exec/ carries it out, this is its row in the table.
#include "module.h"

static const struct arg args[] = {
    {"_raw_params", ARG_STR, .required = true,
     .choices = "clear_facts|clear_host_errors|end_batch|end_host|end_play|end_role|flush_handlers|noop|"
                "refresh_inventory|reset_connection",
     .doc = "What to do: forget facts or failures, end the host, batch, role or play, run notified handlers now, "
            "read the inventory again, drop the connection, or nothing."},
    {0},
};

static bool run(struct mod_call *c, struct err *e) {
    return mod_fail(c, e, "meta actions cannot be run as a module");
}

MODULE(meta) = {
    .doc = "Control the run: handlers, facts, failures, connection, end of play.",
    .spec = "ansible.builtin.meta",
    .example = "- ansible.builtin.meta: flush_handlers",
    .returns = "msg: What was done.",
    .args = args,
    .free_form = "_raw_params",
    .check = SUPPORT_PARTIAL,
    .diff = SUPPORT_NONE,
    .side = ON_CONTROLLER,
    .run = run,
};
