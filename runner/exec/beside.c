// Modules that run beside the host and not on it (synchronize): their program runs on the controller, or where
// delegate_to says, and is told how the host is reached.
#include "exec.h"

static void text(struct arena *a, struct val d, const char *key, const char *z) {
    if (z) {
        val_set(a, d, key, val_z(a, z));
    }
}

static void secret(struct arena *a, struct val d, const char *key, struct str s) {
    if (s.n) {
        val_set(a, d, key, val_flag(val_str(a, s), VAL_SECRET));
    }
}

/// How the host is reached, as plain values.
static struct val describe(struct arena *a, const struct login *l) {
    static const char *const policies[] = {
        [HOST_KEY_STRICT] = "yes", [HOST_KEY_ACCEPT_NEW] = "accept-new", [HOST_KEY_OFF] = "no"};
    const struct conn_spec *s = &l->spec;
    struct val d = val_dict(a, 12);
    text(a, d, "kind", s->kind);
    text(a, d, "address", s->address ? s->address : s->host);
    text(a, d, "user", s->user);
    text(a, d, "key_file", s->key_file);
    text(a, d, "ssh_args", s->ssh_args);
    text(a, d, "host_key", policies[s->host_key]);
    secret(a, d, "password", s->password);
    secret(a, d, "passphrase", s->passphrase);
    if (s->port) {
        val_set(a, d, "port", val_int(s->port));
    }
    if (s->prefix) {
        struct val words = val_list(a, 8);
        for (size_t i = 0; s->prefix[i]; i++) {
            val_push(a, words, val_z(a, s->prefix[i]));
        }
        val_set(a, d, "prefix", words);
    }
    if (l->use_become) {
        text(a, d, "become_method", l->become.method);
        text(a, d, "become_user", l->become.user);
        val_set(a, d, "become_password", val_bool(l->become.password.n > 0));
    }
    return d;
}

/// True when the delegated host is the host itself, by its name or its address.
static bool itself(const struct job *j, const struct login *host) {
    return str_eq(j->item.delegated, j->h->host->name) ||
           (host->spec.address && str_eqz(j->item.delegated, host->spec.address));
}

bool beside_place(struct job *j, struct err *e) {
    struct item *it = &j->item;
    struct login host;
    j->v.connected = false;  // its variables speak of the delegated host
    bool ok = login_resolve(&j->v, j->h, &j->a, &host, e);
    j->v.connected = true;
    if (!ok) {
        return false;
    }
    struct val d = describe(&j->a, &host);
    bool remote = strcmp(it->login.spec.kind, "local") != 0;
    bool self = it->delegated.n ? itself(j, &host) : !remote;
    bool delegated = it->delegated.n && (self || remote);
    val_set(&j->a, d, "self", val_bool(self));
    val_set(&j->a, d, "delegated", val_bool(delegated));
    val_set(&j->a, it->args, "_login", d);
    if (!self) {
        it->login.use_become = false;  // rsync at the other end takes it
    }
    if (!delegated && remote) {
        it->login =
            (struct login){.spec = {.kind = "local", .host = "localhost", .dir = str_z(&j->a, j->pr->r->basedir)}};
    }
    return true;
}
