// What is set for one host: the arguments and the files of ssh, read once more when the name was made canonical or a
// block asks for it, and what follows from them.
#include "fd.h"
#include "ssh.h"

#include <fnmatch.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT_MS     10000  // Ansible's default
#define CANONICAL_DOTS 1      // ssh's

extern char **environ;

static bool read_files(struct ssh_try *t, struct err *e) {
    const struct conn_spec *s = &t->c->spec;
    struct ssh_conf *f = &t->conf;
    const char *file = f->config_file ? f->config_file : s->config_file;
    if (file) {
        return strcasecmp(file, "none") == 0 || (sshconf_expand(f, file, &file, e) && sshconf_file(f, file, true, e));
    }
    const char *own = arena_printf(t->a, "%s/.ssh/config", login_home(t->a));
    return sshconf_file(f, own, false, e) && sshconf_file(f, "/etc/ssh/ssh_config", false, e);
}

// -- canonical names -------------------------------------------------------------------------------------------------
static bool is_one(const char *text, const char *word) {
    return text && strcasecmp(text, word) == 0;
}

static size_t dots(const char *name) {
    size_t n = 0;
    for (; *name; name++) {
        n += *name == '.';
    }
    return n;
}

static bool wanted(const struct ssh_conf *f) {
    return is_one(f->canonicalize, "yes") || is_one(f->canonicalize, "true");
}

/// True when the name is to be looked for in CanonicalDomains.
static bool wants_canonical(struct ssh_try *t, const char *name) {
    const struct ssh_conf *f = &t->conf;
    bool always = is_one(f->canonicalize, "always");
    bool proxy =
        (f->proxy_command && !is_one(f->proxy_command, "none")) || (f->proxy_jump && !is_one(f->proxy_jump, "none"));
    struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST};
    struct addrinfo *list = NULL;
    if ((!always && !wanted(f)) || (proxy && !always)) {
        return false;
    }
    if (getaddrinfo(name, NULL, &numeric, &list) == 0) {
        freeaddrinfo(list);
        return false;
    }
    return dots(name) <= (size_t)(f->canonical_dots ? f->canonical_dots : CANONICAL_DOTS);
}

/// The first of CanonicalDomains in which the name is known becomes part of it.
static bool make_canonical(struct ssh_try *t, struct err *e) {
    struct ssh_conf *f = &t->conf;
    const char *name = sshconf_hostname(f);
    struct ssh_names domains = {0};
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    if (!wants_canonical(t, name)) {
        return true;
    }
    if (f->canonical_domains && !args_split(t->a, f->canonical_domains, &domains, e)) {
        return false;
    }
    t->deadline_ms = clock_ms() + TIMEOUT_MS;
    for (size_t i = 0; i < domains.n; i++) {
        const char *full = arena_printf(t->a, "%s.%s", name, domains.p[i]);
        struct addrinfo *list = NULL;
        if (resolve(t, full, NULL, &hints, &list) == NULL) {
            freeaddrinfo(list);
            f->hostname = f->canonical = full;
            return true;
        }
    }
    return f->canonical_fallback != SSH_NO ||
           err_set(e, ERR_UNREACHABLE, NO_MARK, "the name '%s' of host '%s' is in none of the CanonicalDomains (%s)",
                   name, t->c->spec.host, f->canonical_domains ? f->canonical_domains : "");
}

static bool read_settings(struct ssh_try *t, struct err *e) {
    const struct conn_spec *s = &t->c->spec;
    struct ssh_conf *f = &t->conf;
    *f = (struct ssh_conf){.a = t->a, .original = s->address, .port = s->port, .user = s->user};
    if (s->key_file) {
        names_push(t->a, &f->identities, s->key_file);
    }
    if (s->ssh_args && !sshconf_args(f, s->ssh_args, e)) {
        return err_wrap(e, NO_MARK, "in the ssh arguments of host '%s'", s->host);
    }
    if (!read_files(t, e) || !make_canonical(t, e)) {
        return false;
    }
    bool again = f->wants_final || wanted(f) || is_one(f->canonicalize, "always");
    f->final = true;
    f->told.n = again ? 0 : f->told.n;
    return !again || read_files(t, e);
}

// -- the environment -------------------------------------------------------------------------------------------------
/// A name that a shell takes for one; other variables cannot be set.
static bool plain_name(struct str name) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return name.n && (name.s[0] < '0' || name.s[0] > '9') && strspn(name.s, letters) >= name.n;
}

static void add_env(struct ssh_try *t, struct ssh_names *out, const char *pair) {
    const char *is = strchr(pair, '=');
    if (is && plain_name((struct str){pair, (size_t)(is - pair)})) {
        names_push(t->a, out, pair);
    }
}

/// Variables of SendEnv, then those of SetEnv, as NAME=VALUE.
static bool environment(struct ssh_try *t, struct err *e) {
    const struct ssh_conf *f = &t->conf;
    struct ssh_names send = {0};
    struct ssh_names set = {0};
    struct ssh_names out = {0};
    if ((f->send_env && !args_split(t->a, f->send_env, &send, e)) ||
        (f->set_env && !args_split(t->a, f->set_env, &set, e))) {
        return err_wrap(e, NO_MARK, "in SendEnv or SetEnv of host '%s'", t->c->spec.host);
    }
    for (char *const *v = environ; send.n && *v; v++) {
        const char *name = arena_strndup(t->a, *v, strcspn(*v, "="));
        bool wanted = false;
        for (size_t i = 0; i < send.n; i++) {  // "-NAME" takes back what was named before
            bool no = send.p[i][0] == '-';
            wanted = fnmatch(send.p[i] + no, name, 0) == 0 ? !no : wanted;
        }
        if (wanted) {
            add_env(t, &out, *v);
        }
    }
    for (size_t i = 0; i < set.n; i++) {
        if (!strchr(set.p[i], '=')) {
            return err_set(e, ERR_SYNTAX, NO_MARK, "SetEnv of host '%s' must be NAME=VALUE, not '%s'", t->c->spec.host,
                           set.p[i]);
        }
        add_env(t, &out, set.p[i]);
    }
    names_push(t->a, &out, NULL);
    t->env = out.n > 1 ? out.p : NULL;
    return true;
}

// -- what follows ----------------------------------------------------------------------------------------------------
static enum host_key_policy policy_of(const struct ssh_try *t) {
    const char *strict = t->conf.strict;
    enum host_key_policy own = t->c->spec.host_key;
    if (own == HOST_KEY_OFF || !strict) {
        return own;
    }
    if (is_one(strict, "no") || is_one(strict, "off") || is_one(strict, "false")) {
        return HOST_KEY_OFF;
    }
    return is_one(strict, "accept-new") ? HOST_KEY_ACCEPT_NEW : HOST_KEY_STRICT;
}

static bool check_names(const struct ssh_try *t, struct err *e) {
    const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:%-";
    const char *host = t->c->spec.host;
    if (!*t->host || t->host[0] == '-' || t->host[strspn(t->host, plain)]) {
        return err_set(e, ERR_ARGS, NO_MARK, "'%s' is not a host name or address (host '%s')", t->host, host);
    }
    if (!*t->user || t->user[0] == '-' || strpbrk(t->user, "\"'`$\\;&<>|(){} \t\n")) {
        return err_set(e, ERR_ARGS, NO_MARK, "'%s' is not a user name (host '%s')", t->user, host);
    }
    if (t->conf.refused) {
        return err_set(e, ERR_UNREACHABLE, NO_MARK,
                       "ssh_config refuses connections to host '%s' (RefuseConnection): %s", host, t->conf.refused);
    }
    return true;
}

const char *ssh_agent_named(struct ssh_try *t, const char *way) {
    struct err e = {.arena = t->a};
    if (strcmp(way, "SSH_AUTH_SOCK") == 0) {
        return login_env(way);
    }
    if (way[0] == '$' && way[1] != '{') {
        return login_env(way + 1);
    }
    return sshconf_expand(&t->conf, way, &way, &e) ? way : NULL;
}

const char *ssh_agent_path(struct ssh_try *t) {
    const char *way = t->conf.identity_agent;
    return way && strcasecmp(way, "none") != 0 ? ssh_agent_named(t, way) : way;
}

bool ssh_settle(struct ssh_try *t, struct err *e) {
    if (!read_settings(t, e)) {
        return false;
    }
    const struct conn_spec *s = &t->c->spec;
    t->host = sshconf_hostname(&t->conf);
    t->port = t->conf.port ? t->conf.port : 22;
    t->user = sshconf_user(&t->conf);
    if (!check_names(t, e) || !environment(t, e)) {
        return false;
    }
    t->timeout_ms = s->connect_timeout_ms > 0 ? s->connect_timeout_ms : (int64_t)t->conf.connect_timeout_s * 1000;
    int again = t->conf.connection_attempts - 1;
    t->c->spec.retries = again > s->retries ? again : s->retries;
    if (t->timeout_ms <= 0) {
        t->timeout_ms = TIMEOUT_MS;
    }
    t->deadline_ms = clock_ms() + t->timeout_ms;
    t->policy = policy_of(t);
    return true;
}
