// add_host: adds a host, and groups, to the inventory of this run.
#include "module.h"

static const struct arg args[] = {
    {"name", ARG_RAW, .aliases = "hostname|host", .doc = "Name or address of the host, also as host:port."},
    {"groups", ARG_RAW, .aliases = "groupname|group", .doc = "Groups it belongs to: a list, or names with commas."},
    {"_raw_params", ARG_RAW, .doc = "A dictionary with all of this, given as a template."},
    {0},
};

/// Cuts ":port" off "host:port" and "[address]:port"; an IPv6 address without brackets has none.
static bool cut_port(struct str name, struct str *host, int64_t *port) {
    size_t colon = name.n;
    while (colon > 0 && name.s[colon - 1] != ':') {
        colon--;
    }
    if (colon < 2 || !str_int(str_sub(name, colon, name.n), port) || *port < 1 || *port > 65535) {
        return false;
    }
    struct str head = str_sub(name, 0, colon - 1);
    if (head.n > 2 && str_starts(head, "[") && str_ends(head, "]")) {
        *host = str_sub(head, 1, head.n - 1);
        return true;
    }
    if (str_find_char(head, 0, ':') != SIZE_MAX) {
        return false;
    }
    *host = head;
    return true;
}

static bool group_list(struct mod_call *c, struct val v, struct val *out, struct err *e) {
    *out = val_list(c->arena, 4);
    if (v.kind == VAL_UNDEF || !val_truth(v)) {
        return true;
    }
    if (v.kind == VAL_STR) {
        struct str rest = val_text(v);
        for (struct str part; str_next(&rest, ',', &part);) {
            val_push(c->arena, *out, val_str(c->arena, str_trim(part)));
        }
        return true;
    }
    if (!val_is_seq(v)) {
        return mod_fail(c, e, "Groups must be specified as a list.");
    }
    for (size_t i = 0; i < val_len(v); i++) {
        struct val g = val_str(c->arena, str_trim(val_str_of(c->arena, val_at_index(v, i))));
        struct err ignored = {.arena = c->arena};
        bool known = false;
        if (!val_contains(*out, g, &known, &ignored) || !known) {
            val_push(c->arena, *out, g);
        }
    }
    return true;
}

static struct val first_of(struct val d, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct val v = val_get(d, names[i]);
        if (v.kind != VAL_UNDEF) {
            return v;
        }
    }
    return (struct val){0};
}

static bool special(struct str key) {
    static const char *const names[] = {"name", "hostname", "groups", "groupname", "_raw_params"};
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (str_eqz(key, names[i])) {
            return true;
        }
    }
    return false;
}

static bool run(struct mod_call *c, struct err *e) {
    static const char *const names[] = {"name", "hostname", "host"};
    static const char *const group_names[] = {"groupname", "groups", "group"};
    struct val raw = mod_arg(c, "_raw_params");
    if (raw.kind != VAL_UNDEF && raw.kind != VAL_DICT) {
        return mod_fail(c, e, "Invalid raw parameters passed, requires a dictonary/mapping got a  <class '%s'>",
                        val_type_name(raw));
    }
    struct val all = raw.kind == VAL_DICT ? val_merge(c->arena, raw, c->args, false, MERGE_REPLACE) : c->args;
    struct val name = first_of(all, names, COUNTOF(names));
    if (name.kind == VAL_UNDEF || name.kind == VAL_NULL) {
        return mod_fail(c, e, "name, host or hostname needs to be provided");
    }
    struct val groups;
    if (!group_list(c, first_of(all, group_names, COUNTOF(group_names)), &groups, e)) {
        return false;
    }
    struct str host = val_str_of(c->arena, name);
    int64_t port = 0;
    bool has_port = cut_port(host, &host, &port);
    struct val vars = val_dict(c->arena, 8);
    size_t i = 0;
    for (struct vpair *p; (p = val_each(all, &i));) {
        if (!special(val_text(p->key))) {
            val_set_key(c->arena, vars, p->key, p->value);
        }
    }
    if (has_port) {
        val_set(c->arena, vars, "ansible_ssh_port", val_int(port));
    }
    struct val add = val_dict(c->arena, 3);
    val_set(c->arena, add, "host_name", val_str(c->arena, host));
    val_set(c->arena, add, "groups", groups);
    val_set(c->arena, add, "host_vars", vars);
    mod_set(c, "add_host", add);
    return true;
}

MODULE(add_host) = {
    .doc = "Add a host, and groups, to the inventory of this run; other arguments become its variables.",
    .spec = "ansible.builtin.add_host",
    .example = "- ansible.builtin.add_host:\n    name: web9.example.org\n    groups: [web, fresh]\n    http_port: 8080",
    .returns = "add_host: What was added: host_name, groups, host_vars.",
    .args = args,
    .free_form = "_raw_params",
    .any_args = true,
    .once = true,
    .check = SUPPORT_PARTIAL,
    .diff = SUPPORT_NONE,
    .side = ON_CONTROLLER,
    .run = run,
};
