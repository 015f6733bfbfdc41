// set_fact: sets variables of the host for the rest of the run.
#include "module.h"
#include "varname.h"

static const struct arg args[] = {
    {"cacheable", ARG_BOOL, .def = "false", .doc = "Keep the values in the fact cache too, as facts."},
    {"_dynamic", ARG_LIST, .elements = ARG_DICT,
     .doc = "Pairs {key, value} whose names are templates; the playbook reader moves them here."},
    {0},
};

/// Texts that look like booleans become booleans, as with Ansible's default (not native) templates.
static struct val plain(struct val v) {
    static const char *const words[] = {"true", "false", "yes", "no"};
    struct str s = val_text(v);
    bool b;
    for (size_t i = 0; v.kind == VAL_STR && i < COUNTOF(words); i++) {
        if (s.n == strlen(words[i]) && strncasecmp(s.s, words[i], s.n) == 0 && val_as_bool(v, &b)) {
            return val_at(val_flag(val_bool(b), v.flags & VAL_SECRET), v.mark);
        }
    }
    return v;
}

static bool add(struct mod_call *c, struct val facts, struct str name, struct val v, struct err *e) {
    if (!var_name_ok(name)) {
        return mod_fail(c, e,
                        "The variable name '%.*s' is not valid. Variables must start with a letter or underscore "
                        "character, and contain only letters, numbers and underscores.",
                        STR(name));
    }
    val_set_str(c->arena, facts, name, val_untuple(c->arena, c->ctl && c->ctl->native ? v : plain(v)));
    return true;
}

static bool add_dynamic(struct mod_call *c, struct val facts, struct err *e) {
    struct val list = mod_arg(c, "_dynamic");
    for (size_t i = 0; i < val_len(list); i++) {
        struct val pair = val_at_index(list, i);
        struct str name = val_str_of(c->arena, val_get(pair, "key"));
        if (!add(c, facts, name, val_get(pair, "value"), e)) {
            return false;
        }
    }
    return true;
}

static bool run(struct mod_call *c, struct err *e) {
    struct val facts = val_dict(c->arena, val_len(c->args));
    size_t i = 0;
    for (struct vpair *p; (p = val_each(c->args, &i));) {
        struct str name = val_text(p->key);
        if (!str_eqz(name, "cacheable") && !str_eqz(name, "_dynamic") && !add(c, facts, name, p->value, e)) {
            return false;
        }
    }
    if (!add_dynamic(c, facts, e)) {
        return false;
    }
    if (!val_len(facts)) {
        return mod_fail(c, e, "No key/value pairs provided, at least one is required for this action to succeed");
    }
    mod_set(c, "ansible_facts", facts);
    mod_set(c, "_ansible_facts_cacheable", val_bool(mod_bool(c, "cacheable")));
    return true;
}

MODULE(set_fact) = {
    .doc = "Set variables of the host for the rest of the run.",
    .spec = "ansible.builtin.set_fact",
    .example = "- ansible.builtin.set_fact:\n    release_dir: \"/srv/{{ release | default('current') }}\"\n"
               "    ready: true",
    .order = "",
    .returns = "ansible_facts: The variables that were set.",
    .args = args,
    .any_args = true,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_CONTROLLER,
    .run = run,
};
