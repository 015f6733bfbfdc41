// What a task knows of its connection when no variable says it: ansible_user from remote_user or -u, ansible_host from
// the host's name, and their kin. As in Ansible they are seen from a task's `when` on, not in its name or loop, nor in
// `vars` and hostvars; with delegate_to they speak of the host that it names.
#include "exec.h"

enum part { PART_KIND, PART_ADDRESS, PART_USER, PART_PASSWORD, PART_PORT, PART_TIMEOUT, PART_KEY };

struct attribute {
    struct str names[2];  // one stands in for the other
    enum part part;
};
#define NAME(z)                                                                                                        \
    { z, sizeof(z) - 1 }
static const struct attribute table[] = {
    {{NAME("ansible_connection")}, PART_KIND},
    {{NAME("ansible_ssh_host"), NAME("ansible_host")}, PART_ADDRESS},
    {{NAME("ansible_ssh_user"), NAME("ansible_user")}, PART_USER},
    {{NAME("ansible_ssh_pass"), NAME("ansible_password")}, PART_PASSWORD},
    {{NAME("ansible_ssh_port"), NAME("ansible_port")}, PART_PORT},
    {{NAME("ansible_ssh_timeout"), NAME("ansible_timeout")}, PART_TIMEOUT},
    {{NAME("ansible_ssh_private_key_file"), NAME("ansible_private_key_file")}, PART_KEY},
};

static const struct attribute *attribute_of(struct str name) {
    for (size_t i = 0; str_starts(name, "ansible_") && i < COUNTOF(table); i++) {
        for (size_t k = 0; k < COUNTOF(table[i].names); k++) {
            if (str_eq(name, table[i].names[k])) {
                return &table[i];
            }
        }
    }
    return NULL;
}

bool connected_kw(struct view *v, enum keyword k, struct val *out, struct err *e) {
    struct map known = v->jc.resolved;
    bool connected = v->connected;
    v->jc.resolved = (struct map){0};
    v->connected = false;
    bool ok = view_kw(v, k, out, e);
    v->connected = connected;
    v->jc.resolved = known;
    return ok;
}

/// The first of its names that is a variable of the delegated host, or of this one; in the same way.
static bool variable(struct view *v, const struct attribute *t, struct val *out, struct err *e) {
    struct view *of = v->other ? v->other : v;
    struct map known = of->jc.resolved;
    bool connected = of->connected;
    bool ok = true;
    of->jc.resolved = (struct map){0};
    v->connected = false;
    of->connected = false;
    *out = (struct val){0};
    for (size_t k = 0; ok && k < COUNTOF(t->names) && t->names[k].n && val_is(*out, VAL_UNDEF); k++) {
        ok = view_var(of, t->names[k].s, out, e);
    }
    of->connected = connected;
    v->connected = true;
    of->jc.resolved = known;
    return ok;
}

static struct val text_or_none(struct arena *a, struct str s) {
    return s.n ? val_str(a, s) : (struct val){0};
}

static bool kind(struct view *v, struct arena *a, struct val *out, struct err *e) {
    const struct run_opts *o = v->r->o;
    if (!connected_kw(v, KW_CONNECTION, out, e)) {
        return false;
    }
    if (!val_is(*out, VAL_STR) || (v->other && str_eqz(val_text(*out), "local"))) {
        *out = val_str(a, o->connection.n && !v->other ? o->connection : STR_LIT("ssh"));
    }
    return true;
}

static bool default_of(struct view *v, const struct attribute *t, struct arena *a, struct val *out, struct err *e) {
    const struct run_opts *o = v->r->o;
    *out = (struct val){0};
    switch (t->part) {
    case PART_KIND:
        return kind(v, a, out, e);
    case PART_ADDRESS:
        *out = val_str(a, v->other ? v->delegated : v->h->host->name);
        return true;
    case PART_USER:
        if (!connected_kw(v, KW_REMOTE_USER, out, e)) {
            return false;
        }
        *out = val_is(*out, VAL_UNDEF) ? text_or_none(a, o->remote_user) : *out;
        return true;
    case PART_PASSWORD:
        *out = text_or_none(a, o->conn_password);
        *out = o->show_password ? *out : val_flag(*out, VAL_SECRET);
        return true;
    case PART_PORT:
        *out = o->port ? val_int(o->port) : *out;
        return true;
    case PART_TIMEOUT:
        *out = val_int(o->timeout_s > 0 ? o->timeout_s : 10);
        return true;
    case PART_KEY:
        *out = text_or_none(a, o->private_key);
        return true;
    }
    return true;
}

/// A condition asks before the task has looked where it is delegated to.
static bool delegate(struct view *v, struct err *e) {
    struct val to = {0};
    if (v->other || v->far || val_is(node_kw(&v->task->n, KW_DELEGATE_TO), VAL_UNDEF)) {
        return true;
    }
    if (!connected_kw(v, KW_DELEGATE_TO, &to, e)) {
        return false;
    }
    return !val_is(to, VAL_STR) || view_delegate(v, val_text(to), run_host_named(v->r, val_text(to)), e);
}

bool connected_get(void *view, struct str name, struct arena *a, struct val *out, struct err *e) {
    struct view *v = view;
    const struct attribute *t = v->connected ? attribute_of(name) : NULL;
    *out = (struct val){0};
    if (!t) {
        return true;
    }
    return delegate(v, e) && variable(v, t, out, e) && (!val_is(*out, VAL_UNDEF) || default_of(v, t, a, out, e));
}

void connected_names(void *view, void (*offer)(void *, struct str), void *to) {
    struct view *v = view;
    for (size_t i = 0; i < COUNTOF(table); i++) {
        for (size_t k = 0; k < COUNTOF(table[i].names); k++) {
            struct err ignored = {.arena = v->a};
            struct val got = {0};
            struct str name = table[i].names[k];
            if (name.n && connected_get(v, name, v->a, &got, &ignored) && !val_is(got, VAL_UNDEF)) {
                offer(to, name);
            }
        }
    }
}

/// True when one of the names of `t` is a variable there.
static bool has(struct view *of, const struct attribute *t) {
    struct val raw = {0};
    struct err ignored = {.arena = of->a};
    for (size_t k = 0; k < COUNTOF(t->names) && t->names[k].n; k++) {
        if (scope_get(&of->sc, t->names[k], of->a, &raw, NULL, &ignored) && !val_is(raw, VAL_UNDEF)) {
            return true;
        }
    }
    return false;
}

void connected_delegated(struct view *v, struct view *plain) {
    struct arena *a = plain->a;
    struct err ignored = {.arena = a};
    struct val user = {0};
    struct val d = val_dict(a, 3);
    for (size_t i = 0; i < COUNTOF(table); i++) {
        if (has(plain, &table[i])) {
            continue;
        }
        if (table[i].part == PART_ADDRESS) {
            val_set(a, d, "ansible_host", val_str(a, v->delegated));
        } else if (table[i].part == PART_PORT) {
            val_set(a, d, "ansible_port", v->r->o->port ? val_int(v->r->o->port) : VNULL);
        } else if (table[i].part == PART_USER && default_of(v, &table[i], a, &user, &ignored)) {
            val_set(a, d, "ansible_user", val_is(user, VAL_UNDEF) ? VNULL : user);
        }
    }
    scope_push(&plain->sc, LEVEL_COMMAND_LINE, d);
}
