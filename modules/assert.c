// assert: fails unless every condition holds.
#include "module.h"

static const struct arg args[] = {
    {"that", ARG_RAW, .required = true, .doc = "A condition as in `when`, or a list of them."},
    {"fail_msg", ARG_RAW, .aliases = "msg", .doc = "Message, or list of lines, when a condition does not hold."},
    {"success_msg", ARG_RAW, .doc = "Message, or list of lines, when all conditions hold."},
    {"quiet", ARG_BOOL, .def = "false", .doc = "Do not show the result of each item in full."},
    {0},
};

/// A message is text or a list of texts.
static bool message(struct mod_call *c, const char *arg, const char *shown, const char *absent, struct val *out,
                    struct err *e) {
    struct val v = mod_arg(c, arg);
    *out = v;
    if (v.kind == VAL_UNDEF || v.kind == VAL_NULL) {
        *out = val_z(c->arena, absent);
        return true;
    }
    if (v.kind != VAL_LIST) {
        return v.kind == VAL_STR ||
               mod_fail(c, e, "Incorrect type for %s, expected a string or list and got <class '%s'>", shown,
                        val_type_name(v));
    }
    for (size_t i = 0; i < val_len(v); i++) {
        if (val_at_index(v, i).kind != VAL_STR) {
            return mod_fail(c, e, "Type of one of the elements in %s list is not string type", shown);
        }
    }
    return true;
}

static bool broken(struct mod_call *c, struct val that, struct val msg, struct err *e) {
    c->order = "failed";
    mod_set(c, "failed", val_bool(true));
    mod_set(c, "evaluated_to", val_bool(false));
    mod_set(c, "assertion", that);
    mod_set(c, "msg", msg);
    return err_set(e, ERR_MODULE, that.mark.at ? that.mark : c->at, "%.*s", STR(val_str_of(c->arena, msg)));
}

static bool run(struct mod_call *c, struct err *e) {
    struct val bad;
    struct val good;
    struct val that = mod_arg(c, "that");
    if (!message(c, "fail_msg", "fail_msg or msg", "Assertion failed", &bad, e) ||
        !message(c, "success_msg", "success_msg", "All assertions passed", &good, e)) {
        return false;
    }
    if (!mod_bool(c, "quiet")) {
        mod_set(c, "_ansible_verbose_always", val_bool(true));
    }
    size_t n = val_is_seq(that) ? val_len(that) : 1;
    for (size_t i = 0; i < n; i++) {
        struct val cond = val_is_seq(that) ? val_at_index(that, i) : that;
        bool holds = false;
        if (!c->ctl->truth(c->ctl->self, cond, &holds, e)) {
            c->bad_condition = cond;
            return false;
        }
        if (!holds) {
            return broken(c, cond, bad, e);
        }
    }
    mod_set(c, "msg", good);
    return true;
}

MODULE(assert) = {
    .doc = "Fail unless every condition holds.",
    .spec = "ansible.builtin.assert",
    .example = "- ansible.builtin.assert:\n    that:\n      - 1 + 1 == 2\n      - \"'web' != 'db'\"\n"
               "    fail_msg: arithmetic is broken",
    .returns = "assertion: The condition that did not hold.\nevaluated_to: What it gave.\nmsg: The message.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_CONTROLLER,
    .run = run,
};
