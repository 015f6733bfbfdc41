// From variables, keywords and options to a login: address, user, secrets, become. Variables win over keywords,
// keywords over options, as for Ansible's plugin options. Connections are opened once for each distinct login and kept.
#include "exec.h"

#include "digest.h"
#include "prefix.h"

/// The first of `names` (separated by '|') that is defined, as text; STR_NONE when none is.
static bool text_var(struct view *v, const char *list, struct str *out, struct err *e) {
    struct str rest = str_from(list);
    struct str name;
    *out = STR_NONE;
    while (str_next(&rest, '|', &name)) {
        struct val got = {0};
        if (!view_var(v, str_z(v->a, name), &got, e)) {
            return err_wrap(e, NO_MARK, "in the variable '%.*s'", STR(name));
        }
        if (val_is(got, VAL_UNDEF) || val_is(got, VAL_NULL) || val_is(got, VAL_OMIT)) {
            continue;
        }
        *out = val_is(got, VAL_STR) ? val_text(got) : val_str_of(v->a, got);
        return true;
    }
    return true;
}

/// Variable, then keyword, then option.
static bool text_opt(struct view *v, const char *vars, enum keyword k, struct str option, struct str *out,
                     struct err *e) {
    if (!text_var(v, vars, out, e)) {
        return false;
    }
    if (out->s) {
        return true;
    }
    struct val kw = {0};
    if (k != KW_NONE && !view_kw(v, k, &kw, e)) {
        return false;
    }
    *out = val_is(kw, VAL_UNDEF) ? option : val_is(kw, VAL_STR) ? val_text(kw) : val_str_of(v->a, kw);
    return true;
}

static bool bool_var(struct view *v, const char *name, bool *known, bool *out, struct err *e) {
    struct val got = {0};
    *known = false;
    if (!view_var(v, name, &got, e)) {
        return err_wrap(e, NO_MARK, "in the variable '%s'", name);
    }
    if (val_is(got, VAL_UNDEF) || val_is(got, VAL_NULL)) {
        return true;
    }
    *known = true;
    return val_as_bool(got, out) ||
           err_set(e, ERR_TYPE, got.mark, "the variable '%s' must be a boolean, not %s", name, val_kind_name(got.kind));
}

static bool int_opt(struct view *v, const char *vars, enum keyword k, int absent, int *out, struct err *e) {
    struct str text;
    int64_t n = 0;
    if (!text_opt(v, vars, k, STR_NONE, &text, e)) {
        return false;
    }
    *out = absent;
    if (!text.n) {
        return true;
    }
    if (!str_int(text, &n) || n < 0 || n > 1 << 30) {
        struct str first = str_from(vars);
        struct str name = STR_NONE;
        (void)str_next(&first, '|', &name);
        return err_set(e, ERR_TYPE, NO_MARK, "'%.*s' must be a number, not '%.*s'", STR(name), STR(text));
    }
    *out = (int)n;
    return true;
}

static const char *z(struct arena *a, struct str s) {
    return s.n ? str_z(a, s) : NULL;
}

static struct str short_kind(struct str kind) {
    static const char *const prefixes[] = {"ansible.builtin.", "ansible.legacy.", "community.libssh."};
    for (size_t i = 0; i < COUNTOF(prefixes); i++) {
        if (str_starts(kind, prefixes[i])) {
            kind = str_sub(kind, strlen(prefixes[i]), kind.n);
        }
    }
    if (str_eqz(kind, "smart") || str_eqz(kind, "paramiko") || str_eqz(kind, "paramiko_ssh") ||
        str_eqz(kind, "libssh")) {
        return STR_LIT("ssh");
    }
    return kind;
}

bool connection_check(struct str kind, struct mark at, struct err *e) {
    kind = short_kind(kind);
    return str_eqz(kind, "ssh") || str_eqz(kind, "local") || prefix_known(kind) || prefix_unknown(kind, at, e);
}

static bool host_key(struct view *cv, enum host_key_policy *out, struct err *e) {
    static const char *const names[] = {"ansible_ssh_host_key_checking", "ansible_host_key_checking"};
    *out = (enum host_key_policy)cv->r->o->host_key;
    for (size_t i = 0; i < COUNTOF(names); i++) {
        bool known = false;
        bool check = true;
        if (!bool_var(cv, names[i], &known, &check, e)) {
            return false;
        }
        if (known) {
            *out = check ? (*out == HOST_KEY_OFF ? HOST_KEY_STRICT : *out) : HOST_KEY_OFF;
            return true;
        }
    }
    return true;
}

static bool ssh_args(struct view *cv, struct arena *a, const char **out, struct err *e) {
    struct str args;
    struct str common;
    struct str extra;
    if (!text_opt(cv, "ansible_ssh_args", KW_NONE, cv->r->o->ssh_args, &args, e) ||
        !text_opt(cv, "ansible_ssh_common_args", KW_NONE, cv->r->o->ssh_common_args, &common, e) ||
        !text_opt(cv, "ansible_ssh_extra_args", KW_NONE, cv->r->o->ssh_extra_args, &extra, e)) {
        return false;
    }
    struct str all = str_trim(str_printf(a, "%.*s %.*s %.*s", STR(args), STR(common), STR(extra)));
    *out = z(a, all);
    return true;
}

static void secret(struct view *v, struct str text) {
    if (text.n) {
        output_secret(v->r->o->output, text);
    }
}

struct str become_name(struct str name) {
    name = short_kind(name);
    return str_starts(name, "community.general.") ? str_sub(name, strlen("community.general."), name.n) : name;
}

/// What the settings of a method say, else `other`, which is that of all methods or of the command line.
static struct str become_setting(struct val of_method, const char *name, struct str other) {
    struct val v = val_get(of_method, name);
    return val_is(v, VAL_STR) ? val_text(v) : other;
}

static bool become_resolve(struct view *cv, struct arena *a, struct login *out, struct err *e) {
    const struct run_opts *o = cv->r->o;
    bool known = false;
    struct str method;
    struct str user;
    struct str exe;
    struct str flags;
    struct str password;
    if (!bool_var(cv, "ansible_become", &known, &out->use_become, e) ||
        (!known && !view_bool(cv, KW_BECOME, o->become, &out->use_become, e))) {
        return false;
    }
    if (!out->use_become) {
        return true;
    }
    if (!text_opt(cv, "ansible_become_method", KW_BECOME_METHOD, o->become_method, &method, e)) {
        return false;
    }
    method = become_name(method.n ? method : STR_LIT("sudo"));
    const char *m = str_z(a, method);
    struct val of = val_get(o->become_plugins, m);
    if (!text_opt(cv, arena_printf(a, "ansible_%s_user|ansible_become_user", m), KW_BECOME_USER,
                  become_setting(of, "become_user", o->become_user), &user, e) ||
        !text_opt(cv, arena_printf(a, "ansible_%s_exe|ansible_become_exe", m), KW_BECOME_EXE,
                  become_setting(of, "become_exe", o->become_exe), &exe, e) ||
        !text_opt(cv, arena_printf(a, "ansible_%s_flags|ansible_become_flags", m), KW_BECOME_FLAGS,
                  become_setting(of, "become_flags", o->become_flags), &flags, e) ||
        !text_opt(
            cv,
            arena_printf(a, "ansible_%s_password|ansible_%s_pass|ansible_become_pass|ansible_become_password", m, m),
            KW_NONE, o->become_password.n ? o->become_password : val_text(val_get(of, "become_pass")), &password, e)) {
        return false;
    }
    secret(cv, password);
    out->become = (struct conn_become){.method = m,
                                       .user = user.n ? str_z(a, user) : "root",
                                       .exe = z(a, exe),
                                       .flags = z(a, flags),
                                       .password = password};
    return true;
}

static bool prefix_var(void *ctx, const char *list, struct str *out, struct err *e) {
    return text_var(ctx, list, out, e);
}

/// The words of a connection that is a program on this machine.
static bool prefix_resolve(struct view *cv, struct str kind, struct arena *a, struct conn_spec *s, struct err *e) {
    if (str_eqz(kind, "ssh") || str_eqz(kind, "local")) {
        return true;
    }
    struct prefix_source from = {.login = s, .var = prefix_var, .ctx = cv};
    return prefix_argv(a, kind, &from, &s->prefix, &s->joined, e);
}

bool login_resolve(struct view *cv, const struct hrun *target, struct arena *a, struct login *out, struct err *e) {
    const struct run_opts *o = cv->r->o;
    struct conn_spec *s = &out->spec;
    struct str kind;
    struct str address;
    struct str user;
    struct str key;
    struct str tmp;
    struct str shell;
    int timeout = 0;
    *out = (struct login){0};
    if (!text_opt(cv, "ansible_connection", KW_CONNECTION, o->connection, &kind, e) ||
        !text_var(cv, "ansible_ssh_host|ansible_host", &address, e) ||
        !int_opt(cv, "ansible_ssh_port|ansible_port", KW_PORT, o->port, &s->port, e) ||
        !text_opt(cv, "ansible_ssh_user|ansible_user", KW_REMOTE_USER, o->remote_user, &user, e) ||
        !text_opt(cv, "ansible_ssh_password|ansible_ssh_pass|ansible_password", KW_NONE, o->conn_password, &s->password,
                  e) ||
        !text_opt(cv, "ansible_sshpass_prompt", KW_NONE, o->sshpass_prompt, &s->prompt, e) ||
        !text_opt(cv, "ansible_ssh_private_key_file|ansible_private_key_file", KW_NONE, o->private_key, &key, e) ||
        !text_var(cv, "ansible_ssh_private_key_passphrase|ansible_private_key_passphrase", &s->passphrase, e) ||
        !text_opt(cv, "ansible_remote_tmp", KW_NONE, o->remote_tmp, &tmp, e) ||
        !text_opt(cv, "ansible_shell_executable", KW_NONE, o->executable, &shell, e) ||
        !ssh_args(cv, a, &s->ssh_args, e) ||
        !int_opt(cv, "ansible_ssh_timeout|ansible_timeout|ansible_connect_timeout", KW_NONE,
                 o->timeout_s > 0 ? o->timeout_s : 10, &timeout, e) ||
        !int_opt(cv, "ansible_ssh_retries", KW_NONE, o->ssh_retries, &s->retries, e) ||
        !host_key(cv, &s->host_key, e) || !become_resolve(cv, a, out, e)) {
        return false;
    }
    secret(cv, s->password);
    secret(cv, s->passphrase);
    if (target->host->implicit && !kind.n) {
        kind = STR_LIT("local");
    }
    s->kind = str_z(a, short_kind(kind.n ? kind : STR_LIT("ssh")));
    s->host = str_z(a, target->host->name);
    s->address = address.n && !str_eq(address, target->host->name) ? str_z(a, address) : NULL;
    s->user = z(a, user);
    s->key_file = z(a, key);
    s->remote_tmp = z(a, tmp);
    s->executable = z(a, shell);
    s->dir = strcmp(s->kind, "local") == 0 ? z(a, cv->r->basedir) : NULL;  // as Ansible: where the playbook is
    s->connect_timeout_ms = timeout * 1000;
    return prefix_resolve(cv, str_from(s->kind), a, s, e);
}

// -- environment ------------------------------------------------------------------------------------------------------

/// A value that asks for the environment of a host whose facts are not known yet is left out, as in Ansible.
static bool templated_value(struct view *v, struct val raw, struct val *out, struct err *e) {
    struct err own = {.arena = e->arena};
    if (view_value(v, raw, out, &own)) {
        return true;
    }
    struct str text = err_text(&own);
    if (own.code == ERR_UNDEFINED && str_find(text, 0, STR_LIT("ansible_env")) != SIZE_MAX) {
        *out = (struct val){.kind = VAL_OMIT};
        return true;
    }
    *e = own;
    return false;
}

/// One item of environment: a dict, whose values are templates each by itself, or a template that gives one.
static bool environment_part(struct view *v, struct val raw, struct val *out, struct err *e) {
    if (!val_is(raw, VAL_DICT)) {
        return view_value(v, raw, out, e);
    }
    size_t i = 0;
    struct vpair *p;
    *out = val_at(val_dict(v->a, val_len(raw)), raw.mark);
    while ((p = val_each(raw, &i))) {
        struct val one = {0};
        if (!templated_value(v, p->value, &one, e)) {
            return false;
        }
        val_set_key(v->a, *out, p->key, one);
    }
    return true;
}

static bool merge_environment(struct view *v, struct val part, struct val into, struct err *e) {
    if (val_is_seq(part)) {
        for (size_t i = 0; i < val_len(part); i++) {
            if (!merge_environment(v, val_at_index(part, i), into, e)) {
                return false;
            }
        }
        return true;
    }
    if (val_is(part, VAL_NULL) || val_is(part, VAL_OMIT) || (val_is(part, VAL_STR) && !val_text(part).n)) {
        return true;
    }
    if (!val_is(part, VAL_DICT)) {
        return err_set(e, ERR_TYPE, part.mark, "'environment' must be a dictionary, not %s", val_kind_name(part.kind));
    }
    size_t i = 0;
    struct vpair *p;
    while ((p = val_each(part, &i))) {
        if (val_is(p->value, VAL_OMIT)) {
            continue;
        }
        struct val text = val_is(p->value, VAL_STR) ? p->value : val_str(v->a, val_str_of(v->a, p->value));
        val_set_str(v->a, into, val_str_of(v->a, p->key), val_flag(text, p->value.flags & VAL_SECRET));
    }
    return true;
}

bool environment_resolve(struct view *v, struct val *out, struct err *e) {
    struct val list = node_environments(&v->task->n, v->a);
    *out = (struct val){0};
    if (!val_len(list)) {
        return true;
    }
    *out = val_dict(v->a, 4);
    for (size_t i = 0; i < val_len(list); i++) {
        struct val part = {0};
        if (!environment_part(v, val_at_index(list, i), &part, e) || !merge_environment(v, part, *out, e)) {
            return err_wrap(e, v->task->n.at, "in 'environment'");
        }
    }
    return true;
}

// -- connections ------------------------------------------------------------------------------------------------------

static void key_part(struct buf *b, const char *s) {
    buf_z(b, s ? s : "");
    buf_char(b, '\n');
}

static bool slot_key(const struct conn_spec *s, struct arena *a, struct str *out, struct err *e) {
    struct buf b = BUF_IN(a);
    const char *hex = "";
    if (s->password.n && !digest_hex(a, "sha256", s->password, &hex, e)) {
        return false;
    }
    const char *parts[] = {s->kind,     s->host,     s->address,    s->user,       hex,
                           s->key_file, s->ssh_args, s->remote_tmp, s->executable, s->dir};
    for (size_t i = 0; i < COUNTOF(parts); i++) {
        key_part(&b, parts[i]);
    }
    for (size_t i = 0; s->prefix && s->prefix[i]; i++) {
        key_part(&b, s->prefix[i]);
    }
    buf_printf(&b, "%d %d", s->port, (int)s->host_key);
    *out = buf_view(&b);
    return true;
}

static bool same_text(const char *x, const char *y) {
    return strcmp(x ? x : "", y ? y : "") == 0;
}

bool login_same(const struct login *x, const struct login *y) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str kx;
    struct str ky;
    const struct conn_become *bx = &x->become;
    const struct conn_become *by = &y->become;
    bool same = slot_key(&x->spec, &a, &kx, &e) && slot_key(&y->spec, &a, &ky, &e) && str_eq(kx, ky) &&
                x->use_become == y->use_become;
    if (same && x->use_become) {
        same = same_text(bx->method, by->method) && same_text(bx->user, by->user) && same_text(bx->exe, by->exe) &&
               same_text(bx->flags, by->flags) && str_eq(bx->password, by->password);
    }
    arena_release(&a);
    return same;
}

static bool hub_start(struct run *r, struct err *e) {
    if (r->hub) {
        return true;
    }
    struct hub_opts h = {.forks = r->o->forks, .remote_dir = str_z(&r->a, r->o->remote_dir)};
    r->hub = hub_new(&h, e);
    return r->hub != NULL;
}

/// Says once that sessions are closed and opened again because there may be no more of them.
static void warn_few_files(struct run *r, const struct login *l, struct arena *a) {
    size_t most = hub_sessions(r->hub);
    if (!r->few_files && strcmp(l->spec.kind, "ssh") == 0 && r->slots.n > most) {
        r->few_files = true;
        run_warn(r, NO_MARK,
                 arena_printf(a,
                              "the limit of open files allows %zu ssh connections at a time: idle ones are closed and "
                              "opened again, which takes time; raise it with 'ulimit -n'",
                              most));
    }
}

struct slot *slot_get(struct run *r, const struct login *l, struct arena *a, struct err *e) {
    struct str key;
    if (!slot_key(&l->spec, a, &key, e) || !hub_start(r, e)) {
        return NULL;
    }
    struct slot *s = map_get(&r->slots, key);
    if (!s || s->dead) {
        struct str kept = s ? s->key : str_dup(&r->a, key);
        s = ARENA_NEW(&r->a, struct slot);
        s->tag = TAG_SLOT;
        s->key = kept;
        trace_connection(r, l);
        s->conn = conn_open(r->hub, &l->spec, s);
        map_put(&r->slots, &r->a, s->key, s);
        warn_few_files(r, l, a);
    }
    return s;
}

static void close_idle(struct slot *s) {
    if (s->dead && !s->in_flight && s->conn) {
        conn_close(s->conn);
        s->conn = NULL;
    }
}

void slot_drop(struct slot *s) {
    if (s) {
        s->dead = true;
        close_idle(s);
    }
}

void slot_done(struct slot *s) {
    s->in_flight--;
    close_idle(s);
}
