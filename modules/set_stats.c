// set_stats: custom statistics for the end of the run.
#include "module.h"
#include "varname.h"

static const struct arg args[] = {
    {"data", ARG_RAW, .required = true, .doc = "Names and values to keep."},
    {"per_host", ARG_RAW, .def = "false", .doc = "Keep them by host instead of for the whole run."},
    {"aggregate", ARG_RAW, .def = "true", .doc = "Add to a value kept before instead of replacing it."},
    {0},
};

/// Anything that does not mean yes is no.
static struct val flag(struct mod_call *c, const char *arg) {
    bool yes = false;
    return val_bool(val_as_bool(mod_arg(c, arg), &yes) && yes);
}

static bool run(struct mod_call *c, struct err *e) {
    struct val data = mod_arg(c, "data");
    if (data.kind != VAL_DICT) {
        return mod_fail(c, e, "The 'data' option needs to be a dictionary/hash");
    }
    struct val stats = val_dict(c->arena, 3);
    struct val kept = val_dict(c->arena, val_len(data));
    size_t i = 0;
    for (struct vpair *p; (p = val_each(data, &i));) {
        struct str name = val_str_of(c->arena, p->key);
        if (!var_name_ok(name)) {
            return mod_fail(c, e,
                            "The variable name '%.*s' is not valid. Variables must start with a letter or underscore "
                            "character, and contain only letters, numbers and underscores.",
                            STR(name));
        }
        val_set_str(c->arena, kept, name, p->value);
    }
    val_set(c->arena, stats, "data", kept);
    val_set(c->arena, stats, "per_host", flag(c, "per_host"));
    val_set(c->arena, stats, "aggregate", flag(c, "aggregate"));
    mod_set(c, "ansible_stats", stats);
    return true;
}

MODULE(set_stats) = {
    .doc = "Keep custom statistics, shown at the end of the run.",
    .spec = "ansible.builtin.set_stats",
    .example = "- ansible.builtin.set_stats:\n    data:\n      packages_updated: 3\n    per_host: true",
    .returns = "ansible_stats: What was kept: data, per_host, aggregate.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_CONTROLLER,
    .run = run,
};
