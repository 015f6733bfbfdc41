// fail: ends the host's way through the play with a message.
#include "module.h"

static const struct arg args[] = {
    {"msg", ARG_RAW, .doc = "The message; `Failed as requested from task` when it is not given."},
    {0},
};

static bool run(struct mod_call *c, struct err *e) {
    struct val msg = mod_arg(c, "msg");
    if (msg.kind == VAL_UNDEF) {
        msg = val_z(c->arena, "Failed as requested from task");
    }
    mod_set(c, "failed", val_bool(true));
    mod_set(c, "msg", msg);
    return err_set(e, ERR_MODULE, c->at, "%.*s", STR(val_str_of(c->arena, msg)));
}

MODULE(fail) = {
    .doc = "Fail with a message.",
    .spec = "ansible.builtin.fail",
    .example = "- ansible.builtin.fail:\n    msg: This host is too old.\n  when: false",
    .returns = "msg: The message.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_CONTROLLER,
    .run = run,
};
