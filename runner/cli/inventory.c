// play inventory: the inventory as a script would print it, as YAML or TOML, or as a tree.
#include "cli.h"

#include "emit.h"
#include "factcache.h"
#include "fd.h"
#include "json.h"
#include "toml.h"

struct shower {
    struct session *x;
    const struct settings *s;
    struct arena *a;
    struct inventory *inv;
    struct map shown;  // hosts under --limit; n == 0 and !limited: all
    bool limited;
    struct map groups_seen;  // names already described
    struct map hosts_seen;
};

// -- variables -------------------------------------------------------------------------------------------------------

/// Names the program sets itself: no data of the inventory.
static void drop_internal(struct arena *a, struct val d) {
    static const char *const names[] = {"ansible_async_path",
                                        "ansible_collection_name",
                                        "ansible_config_file",
                                        "ansible_dependent_role_names",
                                        "ansible_diff_mode",
                                        "ansible_facts",
                                        "ansible_forks",
                                        "ansible_inventory_sources",
                                        "ansible_limit",
                                        "ansible_play_batch",
                                        "ansible_play_hosts",
                                        "ansible_play_hosts_all",
                                        "ansible_play_role_names",
                                        "ansible_playbook_python",
                                        "ansible_role_name",
                                        "ansible_role_names",
                                        "ansible_run_tags",
                                        "ansible_skip_tags",
                                        "ansible_verbosity",
                                        "ansible_version",
                                        "group_names",
                                        "groups",
                                        "hostvars",
                                        "inventory_dir",
                                        "inventory_file",
                                        "inventory_hostname",
                                        "inventory_hostname_short",
                                        "omit",
                                        "play_hosts",
                                        "playbook_dir",
                                        "role_name",
                                        "role_names",
                                        "role_path",
                                        "role_uuid"};
    for (size_t i = 0; i < COUNTOF(names); i++) {
        (void)val_del_key(d, val_z(a, names[i]));
    }
}

/// Facts of earlier runs are above the inventory.
static bool add_facts(struct shower *w, const struct host *h, struct val into, struct err *e) {
    struct val facts = VNULL;
    struct host_state state;
    size_t i = 0;
    if (!w->x->facts) {
        return true;
    }
    if (!fact_cache_get(w->x->facts, h->name, w->a, &facts, e)) {
        return false;
    }
    host_state_init(&state, NULL);
    host_add_facts(&state, facts);
    for (struct vpair *p; w->s->inject_facts && (p = val_each(state.facts_prefixed, &i));) {
        struct val v = val_reflag(w->a, val_promote(w->a, p->value), 0, VAL_UNSAFE);  // said by the host itself
        val_set_key(w->a, into, val_promote(w->a, p->key), v);
    }
    host_state_release(&state);
    return true;
}

static bool host_vars(struct shower *w, struct host *h, struct val *out, struct err *e) {
    if (!vars_files_host(w->x->vars_files, h, w->s->inv_export, w->a, out, e)) {
        return false;
    }
    if (!w->s->inv_export) {
        size_t i = 0;
        if (!add_facts(w, h, *out, e)) {
            return false;
        }
        for (struct vpair *p; (p = val_each(w->x->extra_vars, &i));) {
            val_set_key(w->a, *out, p->key, p->value);
        }
    }
    drop_internal(w->a, *out);
    return true;
}

static bool group_vars(struct shower *w, struct group *g, struct val *out, struct err *e) {
    // Ansible looks for those of a host, but not of a group, in the working directory, too
    if (!vars_files_group(w->x->vars_files, g, !w->s->playbook_dir.n, w->a, out, e)) {
        return false;
    }
    if (g->priority != 1) {
        val_set(w->a, *out, "ansible_group_priority", val_int(g->priority));
    }
    drop_internal(w->a, *out);
    return true;
}

static bool is_shown(const struct shower *w, const struct host *h) {
    return !w->limited || map_get(&w->shown, h->name);
}

static bool first_time(struct shower *w, struct map *seen, struct str name) {
    if (map_get(seen, name)) {
        return false;
    }
    map_put(seen, w->a, name, w);
    return true;
}

// -- the tree --------------------------------------------------------------------------------------------------------

static void graph_line(struct buf *b, unsigned depth, struct str text) {
    for (unsigned i = 0; i < depth; i++) {
        buf_z(b, "  |");
    }
    buf_printf(b, "%s%.*s\n", depth ? "--" : "", STR(text));
}

static int by_key(const void *x, const void *y) {
    const struct vpair *const *a = x;
    const struct vpair *const *b = y;
    return str_cmp(val_text((*a)->key), val_text((*b)->key));
}

static void graph_vars(struct shower *w, struct buf *b, unsigned depth, struct val vars) {
    size_t n = 0;
    size_t i = 0;
    const struct vpair **sorted = ARENA_ARRAY(w->a, const struct vpair *, val_len(vars) + 1);
    for (struct vpair *p; (p = val_each(vars, &i));) {
        sorted[n++] = p;
    }
    qsort(sorted, n, sizeof *sorted, by_key);
    for (i = 0; i < n; i++) {
        struct buf line = BUF_IN(w->a);
        buf_printf(&line, "{%.*s = ", STR(val_text(sorted[i]->key)));
        val_to_str(&line, sorted[i]->value);
        buf_char(&line, '}');
        graph_line(b, depth, buf_view(&line));
    }
}

static bool graph_host(struct shower *w, struct buf *b, struct host *h, unsigned depth, struct err *e) {
    struct val vars = VNULL;
    graph_line(b, depth, h->name);
    if (!w->s->inv_vars) {
        return true;
    }
    if (!host_vars(w, h, &vars, e)) {
        return false;
    }
    graph_vars(w, b, depth + 1, vars);
    return true;
}

static bool graph_group(struct shower *w, struct buf *b, struct group *g, unsigned depth, struct err *e) {
    graph_line(b, depth, str_printf(w->a, "@%.*s:", STR(g->name)));
    for (size_t i = 0; i < g->nchildren; i++) {
        if (!graph_group(w, b, g->children[i], depth + 1, e)) {
            return false;
        }
    }
    for (size_t i = 0; g != w->inv->all && i < g->nhosts; i++) {
        if (!graph_host(w, b, g->hosts[i], depth + 1, e)) {
            return false;
        }
    }
    struct val vars = VNULL;
    if (w->s->inv_vars) {
        if (!group_vars(w, g, &vars, e)) {
            return false;
        }
        graph_vars(w, b, depth + 1, vars);
    }
    return true;
}

// -- the list --------------------------------------------------------------------------------------------------------

static void set_unless_empty(struct shower *w, struct val d, const char *key, struct val v) {
    if (val_len(v)) {
        val_set(w->a, d, key, v);
    }
}

static bool export_vars(struct shower *w, struct group *g, struct val d, struct err *e) {
    struct val vars = VNULL;
    if (w->s->inv_export) {
        if (!group_vars(w, g, &vars, e)) {
            return false;
        }
        set_unless_empty(w, d, "vars", vars);
    }
    return true;
}

/// The form of inventory scripts: names of hosts and children, variables of hosts under _meta.
static bool json_group(struct shower *w, struct group *g, struct val all, struct err *e) {
    struct val d = val_dict(w->a, 3);
    struct val hosts = val_list(w->a, g->nhosts);
    struct val children = val_list(w->a, g->nchildren);
    for (size_t i = 0; g != w->inv->all && i < g->nhosts; i++) {
        if (is_shown(w, g->hosts[i])) {
            val_push(w->a, hosts, val_str(w->a, g->hosts[i]->name));
        }
    }
    set_unless_empty(w, d, "hosts", hosts);
    for (size_t i = 0; i < g->nchildren; i++) {
        val_push(w->a, children, val_str(w->a, g->children[i]->name));
        if (first_time(w, &w->groups_seen, g->children[i]->name) && !json_group(w, g->children[i], all, e)) {
            return false;
        }
    }
    set_unless_empty(w, d, "children", children);
    if (!export_vars(w, g, d, e)) {
        return false;
    }
    if (val_len(d)) {
        val_set_str(w->a, all, g->name, d);
    }
    return true;
}

static bool json_list(struct shower *w, struct val *out, struct err *e) {
    struct val hostvars = val_dict(w->a, w->inv->nhosts);
    struct val meta = val_dict(w->a, 1);
    *out = val_dict(w->a, w->inv->groups.n);
    if (!json_group(w, w->inv->all, *out, e)) {
        return false;
    }
    for (size_t i = 0; i < w->inv->nhosts; i++) {
        struct host *h = w->inv->order[i];
        struct val vars = VNULL;
        if (!is_shown(w, h)) {
            continue;
        }
        if (!host_vars(w, h, &vars, e)) {
            return false;
        }
        if (val_len(vars)) {
            val_set_str(w->a, hostvars, h->name, vars);
        }
    }
    val_set(w->a, meta, "hostvars", hostvars);
    val_set(w->a, *out, "_meta", meta);
    return true;
}

/// The hosts of a group with their variables, which are said once.
static bool hosts_with_vars(struct shower *w, const struct group *g, struct val *out, struct err *e) {
    *out = val_dict(w->a, g->nhosts);
    for (size_t i = 0; g != w->inv->all && i < g->nhosts; i++) {
        struct val vars = val_dict(w->a, 0);
        if (!is_shown(w, g->hosts[i])) {
            continue;
        }
        if (first_time(w, &w->hosts_seen, g->hosts[i]->name) && !host_vars(w, g->hosts[i], &vars, e)) {
            return false;
        }
        val_set_str(w->a, *out, g->hosts[i]->name, vars);
    }
    return true;
}

/// Groups inside of groups.
static bool yaml_group(struct shower *w, struct group *g, struct val parent, struct err *e) {
    struct val d = val_dict(w->a, 3);
    struct val children = val_dict(w->a, g->nchildren);
    struct val hosts = VNULL;
    for (size_t i = 0; i < g->nchildren; i++) {
        if (!first_time(w, &w->groups_seen, g->children[i]->name)) {
            val_set_str(w->a, children, g->children[i]->name, val_dict(w->a, 0));
        } else if (!yaml_group(w, g->children[i], children, e)) {
            return false;
        }
    }
    if (!hosts_with_vars(w, g, &hosts, e)) {
        return false;
    }
    set_unless_empty(w, d, "children", children);
    set_unless_empty(w, d, "hosts", hosts);
    if (!export_vars(w, g, d, e)) {
        return false;
    }
    if (val_len(d) || g == w->inv->all) {
        val_set_str(w->a, parent, g->name, d);
    }
    return true;
}

/// Groups beside each other; what is in "all" is not said.
static bool toml_group(struct shower *w, struct group *g, struct val all, struct err *e) {
    struct val d = val_dict(w->a, 3);
    struct val children = val_list(w->a, g->nchildren);
    struct val hosts = VNULL;
    val_set_str(w->a, all, g->name, d);
    for (size_t i = 0; i < g->nchildren; i++) {
        struct group *c = g->children[i];
        if (c == w->inv->ungrouped && !c->nhosts) {
            continue;
        }
        if (g != w->inv->all) {
            val_push(w->a, children, val_str(w->a, c->name));
        }
        if (!toml_group(w, c, all, e)) {
            return false;
        }
    }
    if (!hosts_with_vars(w, g, &hosts, e)) {
        return false;
    }
    set_unless_empty(w, d, "children", children);
    set_unless_empty(w, d, "hosts", hosts);
    if (!export_vars(w, g, d, e)) {
        return false;
    }
    if (!val_len(d)) {
        (void)val_del_key(all, val_str(w->a, g->name));
    }
    return true;
}

/// Text that must never be a template says so in JSON.
static struct val mark_unsafe(struct arena *a, struct val v) {
    if (!val_any_flag(v, VAL_UNSAFE)) {
        return v;
    }
    if (v.kind == VAL_STR) {
        struct val d = val_dict(a, 1);
        val_set(a, d, "__ansible_unsafe", v);
        return v.flags & VAL_VAULTED ? v : d;
    }
    struct val out = v.kind == VAL_DICT ? val_dict(a, val_len(v)) : v;
    size_t i = 0;
    for (struct vpair *p; v.kind == VAL_DICT && (p = val_each(v, &i));) {
        val_set_key(a, out, p->key, mark_unsafe(a, p->value));
    }
    if (val_is_seq(v)) {
        out = val_list(a, val_len(v));
        for (; i < val_len(v); i++) {
            val_push(a, out, mark_unsafe(a, val_at_index(v, i)));
        }
    }
    return out;
}

static bool dump(struct shower *w, struct val v, struct buf *out, struct err *e) {
    if (w->s->inv_yaml) {
        struct yaml_style style = {.sort_keys = true, .aliases = true};
        return yaml_emit(out, v, &style, e);
    }
    if (w->s->inv_toml) {
        return toml_write(out, v, w->a, e);
    }
    struct json_style style = {.indent = 4, .sort_keys = true};
    if (!json_write(out, mark_unsafe(w->a, v), &style, e)) {
        return false;
    }
    buf_char(out, '\n');
    return true;
}

static bool list(struct shower *w, struct buf *out, struct err *e) {
    struct val v = val_dict(w->a, 8);
    bool ok = w->s->inv_yaml   ? yaml_group(w, w->inv->all, v, e)
              : w->s->inv_toml ? toml_group(w, w->inv->all, v, e)
                               : json_list(w, &v, e);
    return ok && dump(w, v, out, e);
}

// -- the tool --------------------------------------------------------------------------------------------------------

static bool one_host(struct shower *w, struct buf *out, struct err *e) {
    struct host **found = NULL;
    size_t n = 0;
    struct val vars = VNULL;
    struct str unmatched = STR_NONE;
    if (!inv_match(w->inv, w->s->inv_host, NO_MARK, w->a, &found, &n, &unmatched, e)) {
        return false;
    }
    if (unmatched.n && !str_eqz(w->s->pattern_mismatch, "ignore")) {
        const char *text = arena_printf(w->a, "Could not match supplied host pattern, ignoring: %.*s", STR(unmatched));
        if (str_eqz(w->s->pattern_mismatch, "error")) {
            return err_set(e, ERR_NOT_FOUND, NO_MARK, "%s", text);
        }
        session_warn(w->x, NO_MARK, text);
    }
    if (n != 1) {
        return err_set(e, ERR_ARGS, NO_MARK, "You must pass a single valid host to --host parameter");
    }
    return host_vars(w, found[0], &vars, e) && dump(w, vars, out, e);
}

static bool graph(struct shower *w, struct buf *out, struct err *e) {
    struct str name = w->s->positional.n ? w->s->positional.p[0] : STR_LIT("all");
    struct group *g = inv_group(w->inv, name);
    if (!g) {
        return err_set(e, ERR_ARGS, NO_MARK, "Pattern must be valid group name when using --graph");
    }
    return graph_group(w, out, g, 0, e);
}

static bool apply_limit(struct shower *w, struct err *e) {
    struct host **found = NULL;
    size_t n = 0;
    struct str pattern = STR_NONE;
    w->limited = w->s->limit.n > 0;
    if (!w->limited) {
        return true;
    }
    if (!run_limit_pattern(w->s->limit, w->a, &pattern, e) ||
        !inv_match(w->inv, pattern, NO_MARK, w->a, &found, &n, NULL, e)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        map_put(&w->shown, w->a, found[i]->name, found[i]);
    }
    return true;
}

static bool show(struct session *x, struct err *e) {
    struct shower w = {.x = x, .s = x->s, .a = x->a, .inv = x->inventory};
    struct buf out = BUF_IN(x->a);
    bool ok = x->s->inv_host.n ? one_host(&w, &out, e)
                               : apply_limit(&w, e) && (x->s->inv_graph ? graph(&w, &out, e) : list(&w, &out, e));
    if (!ok) {
        return false;
    }
    if (x->s->output_file.n) {
        return fd_replace_file(str_z(x->a, x->s->output_file), str_rtrim(buf_view(&out)), 0644, e);
    }
    output_text(x->output, buf_view(&out));
    return true;
}

static bool check_words(const struct settings *s, struct err *e) {
    int asked = s->inv_list + s->inv_graph + (s->inv_host.n > 0);
    if (!asked) {
        return err_set(e, ERR_ARGS, NO_MARK,
                       "No action selected, at least one of --host, --graph or --list needs to be specified.");
    }
    return asked == 1 ||
           err_set(e, ERR_ARGS, NO_MARK,
                   "Conflicting options used, only one of --host, --graph or --list can be used at the same time.");
}

int tool_inventory(struct settings *s) {
    struct err e = {.arena = s->a};
    struct session x = {0};
    struct words none = {0};
    int code = 0;
    if (!check_words(s, &e)) {
        return cli_report(&e, 5);
    }
    s->quiet_inventory = true;
    s->callback = STR_LIT("default");
    if (!session_open(&x, s, &none, &e)) {
        code = cli_report_in(&x, &e, cli_error_code(&e));
    } else {
        if (s->playbook_dir.n || !s->inv_export) {
            vars_files_add_playbook(x.vars_files, config_path(s->a, s->playbook_dir, STR_NONE));
        }
        if (!show(&x, &e)) {
            code = cli_report_in(&x, &e, e.code == ERR_ARGS ? 5 : 1);
        }
    }
    session_close(&x);
    return code;
}
