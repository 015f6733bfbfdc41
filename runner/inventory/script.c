// Executable inventories: `--list` prints JSON groups, `_meta.hostvars` or `--host NAME` the variables of hosts.
#include "inv_source.h"

#include "fd.h"
#include "json.h"
#include "spawn.h"

#include <errno.h>

struct script {
    struct inv_source *s;
    struct inventory *inv;
    const char *path;
    int64_t deadline_ms;  // -1: none
    struct {
        struct host **p;
        size_t n, cap;
    } hosts;
    uint8_t *listed;
    size_t listed_cap;
};

static bool time_left(const struct script *sc, int64_t *ms, struct err *e) {
    *ms = 0;
    if (sc->deadline_ms < 0) {
        return true;
    }
    *ms = sc->deadline_ms - clock_ms();
    return *ms > 0 || err_set(e, ERR_TIMEOUT, NO_MARK, "inventory script '%s' did not end within %lld ms", sc->path,
                              (long long)sc->s->o->script_timeout_ms);
}

/// Runs the script. *ran is false when the system could not start it as a program.
static bool run(struct script *sc, const char *flag, const char *name, struct str *out, bool *ran, struct err *e) {
    const char *const argv[] = {sc->path, flag, name, NULL};
    struct spawn sp = {.argv = argv};
    struct spawn_result res;
    if (!time_left(sc, &sp.timeout_ms, e)) {
        return false;
    }
    if (!spawn_run(&sp, sc->s->o->a, &res, e)) {
        *ran = false;
        return err_wrap(e, NO_MARK, "cannot run inventory script '%s'", sc->path);
    }
    struct str text = str_trim(res.err);
    if (res.timed_out) {
        return err_set(e, ERR_TIMEOUT, NO_MARK, "inventory script '%s' did not end within %lld ms", sc->path,
                       (long long)sc->s->o->script_timeout_ms);
    }
    if (res.truncated) {
        return err_set(e, ERR_LIMIT, NO_MARK, "inventory script '%s' printed more than 64 MiB", sc->path);
    }
    if (res.status == 127 || res.status == 126) {
        // The interpreter line names nothing that can be run.
        *ran = text.n > 0;
    }
    if (res.status != 0) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "inventory script '%s %s' ended with status %d: %.*s", sc->path, flag,
                       res.status, STR(str_sub(text, 0, 2000)));
    }
    if (text.n && !sc->s->o->quiet_scripts) {
        inv_warn(sc->inv, NO_MARK, "inventory script '%s': %.*s", sc->path, STR(str_sub(text, 0, 800)));
    }
    *out = str_trim(res.out);
    return true;
}

static bool run_json(struct script *sc, const char *flag, const char *name, struct val *out, bool *ran, struct err *e) {
    struct str text = STR_NONE;
    if (!run(sc, flag, name, &text, ran, e)) {
        return false;
    }
    if (text.n == 0 && name) {
        *out = val_dict(sc->s->o->a, 0);
        return true;
    }
    if (!json_parse(sc->s->o->a, text, out, e)) {
        return err_wrap(e, NO_MARK, "inventory script '%s %s' did not print JSON", sc->path, flag);
    }
    if (out->kind != VAL_DICT) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "inventory script '%s %s' must print a JSON object, not %s", sc->path,
                       flag, val_kind_name(out->kind));
    }
    *out = inv_trust(sc->inv, *out);
    return true;
}

static void list_host(struct script *sc, struct host *h) {
    if (h->index >= sc->listed_cap) {
        size_t cap = sc->listed_cap ? sc->listed_cap * 2 : 256;
        while (cap <= h->index) {
            cap *= 2;
        }
        sc->listed = arena_grow(sc->inv->a, sc->listed, sc->listed_cap, cap);
        sc->listed_cap = cap;
    }
    if (!sc->listed[h->index]) {
        sc->listed[h->index] = 1;
        VEC_PUSH(sc->inv->a, sc->hosts, h);
    }
}

static bool bad_group(const struct script *sc, struct str group, const char *what, struct val v, struct err *e) {
    return err_set(e, ERR_SYNTAX, NO_MARK, "inventory script '%s': %s of group '%.*s' must be a %s, not %s", sc->path,
                   what, STR(group), strcmp(what, "vars") == 0 ? "dictionary" : "list", val_kind_name(v.kind));
}

static bool group_hosts(struct script *sc, struct group *g, struct val hosts, struct err *e) {
    if (hosts.kind != VAL_LIST) {
        return bad_group(sc, g->name, "hosts", hosts, e);
    }
    for (size_t i = 0; i < val_len(hosts); i++) {
        struct val name = val_at_index(hosts, i);
        if (name.kind != VAL_STR) {
            return bad_group(sc, g->name, "hosts", name, e);
        }
        struct host *h = inv_want_host(sc->s, val_text(name), g, 0, NO_MARK, e);
        if (!h) {
            return false;
        }
        list_host(sc, h);
    }
    return true;
}

static bool group_children(struct script *sc, struct group *g, struct val children, struct err *e) {
    if (children.kind != VAL_LIST) {
        return bad_group(sc, g->name, "children", children, e);
    }
    for (size_t i = 0; i < val_len(children); i++) {
        struct val name = val_at_index(children, i);
        if (name.kind != VAL_STR) {
            return bad_group(sc, g->name, "children", name, e);
        }
        struct group *child = inv_want_group(sc->inv, val_text(name), NO_MARK, e);
        if (!child || !inv_add_child(sc->inv, g, child, NO_MARK, e)) {
            return false;
        }
    }
    return true;
}

static bool group_vars(struct script *sc, struct group *g, struct val vars, struct err *e) {
    if (vars.kind != VAL_DICT) {
        return bad_group(sc, g->name, "vars", vars, e);
    }
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(vars, &i))) {
        if (!inv_group_var(sc->inv, g, val_text(p->key), p->value, e)) {
            return false;
        }
    }
    return true;
}

/// A list is the hosts; a dict without hosts, children and vars is one host of the group's name with these variables.
static bool parse_group(struct script *sc, struct str name, struct val data, struct err *e) {
    struct group *g = inv_want_group(sc->inv, name, NO_MARK, e);
    if (!g) {
        return false;
    }
    if (data.kind != VAL_DICT) {
        return group_hosts(sc, g, data, e);
    }
    struct val hosts = val_get(data, "hosts");
    struct val vars = val_get(data, "vars");
    struct val children = val_get(data, "children");
    if (hosts.kind == VAL_UNDEF && vars.kind == VAL_UNDEF && children.kind == VAL_UNDEF) {
        struct host *h = inv_want_host(sc->s, name, g, 0, NO_MARK, e);
        if (!h) {
            return false;
        }
        list_host(sc, h);
        vars = data;
    }
    return (hosts.kind == VAL_UNDEF || group_hosts(sc, g, hosts, e)) &&
           (vars.kind == VAL_UNDEF || group_vars(sc, g, vars, e)) &&
           (children.kind == VAL_UNDEF || group_children(sc, g, children, e));
}

static bool host_vars(struct script *sc, struct host *h, struct val vars, struct err *e) {
    if (vars.kind == VAL_UNDEF) {
        return true;
    }
    if (vars.kind != VAL_DICT) {
        return err_set(e, ERR_SYNTAX, NO_MARK,
                       "inventory script '%s': variables of host '%.*s' must be a dictionary, not %s", sc->path,
                       STR(h->name), val_kind_name(vars.kind));
    }
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(vars, &i))) {
        if (!inv_host_var(sc->inv, h, val_text(p->key), p->value, e)) {
            return false;
        }
    }
    return true;
}

static bool all_host_vars(struct script *sc, struct val meta, struct err *e) {
    for (size_t i = 0; i < sc->hosts.n; i++) {
        struct host *h = sc->hosts.p[i];
        struct val vars;
        bool ran = true;
        if (meta.kind != VAL_UNDEF) {
            vars = val_get_str(meta, h->name);
        } else if (!run_json(sc, "--host", str_z(sc->inv->a, h->name), &vars, &ran, e)) {
            return false;
        }
        if (!host_vars(sc, h, vars, e)) {
            return false;
        }
    }
    return true;
}

bool inv_parse_script(struct inv_source *s, bool *ran, struct err *e) {
    struct script sc = {.s = s, .inv = s->inv, .path = str_z(s->o->a, s->path), .deadline_ms = -1};
    if (s->o->script_timeout_ms > 0) {
        sc.deadline_ms = clock_ms() + s->o->script_timeout_ms;
    }
    struct val list;
    *ran = true;
    if (!run_json(&sc, "--list", NULL, &list, ran, e)) {
        return false;
    }
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(list, &i))) {
        struct str name = val_text(p->key);
        if (!str_eqz(name, "_meta") && !parse_group(&sc, name, p->value, e)) {
            return false;
        }
    }
    struct val meta = val_get(val_get(list, "_meta"), "hostvars");
    if (meta.kind != VAL_UNDEF && meta.kind != VAL_DICT) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "inventory script '%s': _meta.hostvars must be a dictionary, not %s",
                       sc.path, val_kind_name(meta.kind));
    }
    return all_host_vars(&sc, meta, e);
}
