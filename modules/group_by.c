// group_by: puts the host into a group named by a value.
#include "module.h"

static const struct arg args[] = {
    {"key", ARG_STR, .required = true, .doc = "Name of the group; spaces become dashes."},
    {"parents", ARG_RAW, .def = "all", .doc = "A group, or list of groups, that the group belongs to."},
    {0},
};

static struct val group_name(struct arena *a, struct str name) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < name.n; i++) {
        buf_char(&b, (char)(name.s[i] == ' ' ? '-' : name.s[i]));
    }
    return val_str(a, buf_view(&b));
}

static bool run(struct mod_call *c, struct err *e) {
    struct val parents = mod_arg(c, "parents");
    struct val list = val_list(c->arena, 1);
    size_t n = val_is_seq(parents) ? val_len(parents) : 1;
    for (size_t i = 0; i < n; i++) {
        struct val p = val_is_seq(parents) ? val_at_index(parents, i) : parents;
        if (p.kind != VAL_STR) {
            return mod_fail(c, e, "'parents' must hold group names, not %s", val_kind_name(p.kind));
        }
        val_push(c->arena, list, group_name(c->arena, val_text(p)));
    }
    mod_set(c, "add_group", group_name(c->arena, mod_str(c, "key")));
    mod_set(c, "parent_groups", list);
    return true;
}

MODULE(group_by) = {
    .doc = "Put the host into a group named by a value.",
    .spec = "ansible.builtin.group_by",
    .example = "- ansible.builtin.group_by:\n    key: \"os_{{ ansible_facts['distribution'] | default('unknown') }}\"",
    .returns = "add_group: The group.\nparent_groups: Its parents.",
    .args = args,
    .check = SUPPORT_PARTIAL,
    .diff = SUPPORT_NONE,
    .side = ON_CONTROLLER,
    .run = run,
};
