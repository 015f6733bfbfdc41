// debug: shows a message or the value of an expression.
#include "module.h"
#include "varname.h"

#define UNDEFINED_TEXT "VARIABLE IS NOT DEFINED!"

static const struct arg args[] = {
    {"msg", ARG_RAW, .doc = "What to show; `Hello world!` when neither `msg` nor `var` is given."},
    {"var", ARG_RAW, .doc = "Name of a variable, or an expression without braces, whose value is shown."},
    {"verbosity", ARG_INT, .def = "0", .doc = "Show it only with at least this many -v."},
    {0},
};

/// The text shown for what does not exist; with -v it says what was missing.
static struct val missing(struct mod_call *c, const struct err *why) {
    if (c->ctl->verbosity < 1) {
        return val_z(c->arena, UNDEFINED_TEXT);
    }
    struct str text = why && why->code != ERR_NONE ? err_text(why) : STR_LIT("");
    return val_printf(c->arena, UNDEFINED_TEXT ": %.*s", STR(text));
}

/// The value of `var`. Text that did not come from the user's files is looked up as a name, never evaluated.
static bool value_of(struct mod_call *c, struct val var, struct val *out, struct err *e) {
    struct err inner = {.arena = c->arena};
    struct str text = val_text(var);
    bool name = var_name_ok(text);
    bool trusted = (var.flags & VAL_TRUSTED) && !(var.flags & VAL_UNSAFE);
    bool ok = true;
    *out = (struct val){0};
    if (trusted) {
        ok = c->ctl->eval(c->ctl->self, text, var.mark.at ? var.mark : c->at, true, c->arena, out, &inner);
    } else if (name) {
        ok = c->ctl->var(c->ctl->self, str_z(c->arena, text), c->arena, out, &inner);
    } else {
        *out = var;
    }
    bool number = out->kind == VAL_INT || out->kind == VAL_FLOAT || out->kind == VAL_NULL;
    if (ok && trusted && !name && number) {
        // As "{{ expression }}" gives it: only a bare name keeps its type.
        *out = val_flag(out->kind == VAL_NULL ? val_z(c->arena, "") : val_str(c->arena, val_str_of(c->arena, *out)),
                        out->flags & VAL_SECRET);
    }
    if (ok && trusted) {
        *out = c->ctl->typed(c->ctl->self, *out);
    }
    if (!ok && inner.code != ERR_UNDEFINED) {
        return mod_fail(c, e, "%.*s", STR(err_text(&inner)));
    }
    if (!ok || out->kind == VAL_UNDEF) {
        *out = missing(c, &inner);
    }
    return true;
}

static bool show_var(struct mod_call *c, struct err *e) {
    struct val var = mod_arg(c, "var");
    struct val v = var;
    if (var.kind == VAL_STR && !value_of(c, var, &v, e)) {
        return false;
    }
    if (var.kind == VAL_STR) {
        mod_set(c, str_z(c->arena, val_text(var)), v);
    } else if (var.kind == VAL_LIST || var.kind == VAL_DICT) {
        // `var: "{{ x }}"` is a mistake that Ansible answers like this.
        mod_set(c, arena_printf(c->arena, "<class '%s'>", val_type_name(var)), missing(c, NULL));
    } else {
        mod_set(c, str_z(c->arena, val_str_of(c->arena, var)), missing(c, NULL));
    }
    return true;
}

static bool run(struct mod_call *c, struct err *e) {
    if (mod_arg(c, "msg").kind != VAL_UNDEF && mod_arg(c, "var").kind != VAL_UNDEF) {
        return mod_fail(c, e, "'msg' and 'var' are incompatible options");
    }
    if (mod_int(c, "verbosity", 0) > c->ctl->verbosity) {
        mod_set_z(c, "skipped_reason", "Verbosity threshold not met.");
        mod_set(c, "skipped", val_bool(true));
        return true;
    }
    if (mod_arg(c, "msg").kind != VAL_UNDEF) {
        mod_set(c, "msg", mod_arg(c, "msg"));
    } else if (mod_arg(c, "var").kind == VAL_UNDEF) {
        mod_set_z(c, "msg", "Hello world!");
    } else if (!show_var(c, e)) {
        return false;
    }
    mod_set(c, "_ansible_verbose_always", val_bool(true));
    return true;
}

MODULE(debug) = {
    .doc = "Show a message or the value of a variable.",
    .spec = "ansible.builtin.debug",
    .example = "- ansible.builtin.debug:\n    msg: \"Release {{ release | default('none') }}\"\n"
               "- ansible.builtin.debug:\n    var: ansible_facts.hostname\n    verbosity: 2",
    .order = "",
    .returns = "msg: The message.\nskipped_reason: Why nothing was shown.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_CONTROLLER,
    .run = run,
};
