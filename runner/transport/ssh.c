// One ssh connection up to authentication, in a dialer's thread: settings, socket, key exchange, host key. The session
// is non-blocking throughout, so that every step keeps its deadline.
#include "ssh.h"

#include "fd.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOST_KEYS "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256"

// What libssh offers by itself.
#define PUBLIC_KEYS                                                                                                    \
    "ssh-ed25519,ecdsa-sha2-nistp521,ecdsa-sha2-nistp384,ecdsa-sha2-nistp256,sk-ssh-ed25519@openssh.com,"              \
    "sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256"
#define CIPHERS                                                                                                        \
    "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr"
#define MACS "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512"
#define KEX                                                                                                            \
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"         \
    "diffie-hellman-group18-sha512,diffie-hellman-group16-sha512,diffie-hellman-group-exchange-sha256,"                \
    "diffie-hellman-group14-sha256"

const char ssh_stopped[] = "the run ended";

// -- the socket
// --------------------------------------------------------------------------------------------------------
static bool no_connect(struct ssh_try *t, const char *why, struct err *e) {
    return err_set(e, ERR_UNREACHABLE, NO_MARK, "cannot connect to host '%s' (%s port %d): %s", t->c->spec.host,
                   t->host, t->port, why);
}

static const char *late(struct ssh_try *t) {
    return arena_printf(t->a, "no answer within %lld s", (long long)((t->timeout_ms + 999) / 1000));
}

/// Waits for a connection under way; NULL or the reason why there is none.
static const char *await(struct ssh_try *t, int fd, int failed) {
    char text[128];
    if (failed == EINPROGRESS) {
        int w = dial_wait(t->h, fd, POLLOUT, t->deadline_ms);
        if (w <= 0) {
            return w < 0 ? ssh_stopped : late(t);
        }
        socklen_t n = sizeof failed;
        (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &n);
    }
    return failed ? arena_printf(t->a, "%s", strerror_r(failed, text, sizeof text)) : NULL;
}

/// Binds to BindAddress; NULL or the reason why not.
static const char *bind_local(struct ssh_try *t, int family) {
    char text[128];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = family};
    struct addrinfo *list = NULL;
    const char *why = t->conf.bind_address ? resolve(t, t->conf.bind_address, NULL, &hints, &list) : NULL;
    why = why ? arena_printf(t->a, "BindAddress '%s': %s", t->conf.bind_address, why) : NULL;
    if (list && bind(t->fd, list->ai_addr, list->ai_addrlen) != 0) {
        why = arena_printf(t->a, "BindAddress '%s': %s", t->conf.bind_address, strerror_r(errno, text, sizeof text));
    }
    if (list) {
        freeaddrinfo(list);
    }
    return why;
}

static const char *bind_interface(struct ssh_try *t) {
    char text[128];
    const char *name = t->conf.bind_interface;
    if (!name || setsockopt(t->fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) == 0) {
        return NULL;
    }
    return arena_printf(t->a, "BindInterface '%s': %s", name, strerror_r(errno, text, sizeof text));
}

/// A connection's: the kernel's own probes find a host that is gone while only `raw` runs there.
static void set_keepalive(const struct ssh_try *t, int fd) {
    int one = 1;
    int each = t->conf.alive_interval_s > 0 ? t->conf.alive_interval_s : (int)(t->h->keepalive_ms / 1000);
    int count = t->conf.alive_count > 0 ? t->conf.alive_count : KEEPALIVE_LOST;
    each = each > 0 ? each : 1;
    unsigned gone_ms = (unsigned)each * (unsigned)(count + 1) * 1000;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &each, sizeof each);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &each, sizeof each);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &gone_ms, sizeof gone_ms);
}

/// Connects to one address: sets t->fd, or returns the reason.
static const char *try_address(struct ssh_try *t, const struct addrinfo *ai) {
    char text[128];
    t->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (t->fd < 0) {
        return arena_printf(t->a, "%s", strerror_r(errno, text, sizeof text));
    }
    int one = 1;
    (void)setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const char *why = bind_local(t, ai->ai_family);
    why = why ? why : bind_interface(t);
    if (!why) {
        why = await(t, t->fd, connect(t->fd, ai->ai_addr, ai->ai_addrlen) == 0 ? 0 : errno);
    }
    if (why) {
        fd_closep(&t->fd);
        return why;
    }
    set_keepalive(t, t->fd);  // only now: the attempt to connect has a deadline of its own
    return NULL;
}

static bool tcp(struct ssh_try *t, struct err *e) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    const char *family = t->conf.address_family;
    if (family) {
        hints.ai_family = strcasecmp(family, "inet") == 0 ? AF_INET : (strcasecmp(family, "inet6") == 0 ? AF_INET6 : 0);
    }
    struct addrinfo *list = NULL;
    const char *unknown = resolve(t, t->host, arena_printf(t->a, "%d", t->port), &hints, &list);
    if (unknown) {
        return no_connect(t, unknown, e);
    }
    const char *why = "no address";
    for (const struct addrinfo *ai = list; ai && why && clock_ms() < t->deadline_ms; ai = ai->ai_next) {
        why = try_address(t, ai);
    }
    freeaddrinfo(list);
    return !why || no_connect(t, why, e);
}

static bool is_set(const char *option) {
    return option && strcasecmp(option, "none") != 0;
}

/// ssh_config defines ProxyCommand as a command for a shell; the tokens in it were checked in settle().
static bool command_argv(struct ssh_try *t, struct ssh_names *v, struct err *e) {
    const char *cmd = NULL;
    if (!sshconf_expand(&t->conf, t->conf.proxy_command, &cmd, e)) {
        return err_wrap(e, NO_MARK, "in ProxyCommand of host '%s'", t->c->spec.host);
    }
    names_push(t->a, v, "/bin/sh");
    names_push(t->a, v, "-c");
    names_push(t->a, v, arena_printf(t->a, "exec %s", cmd));
    return true;
}

/// A jump is left to the ssh program: it authenticates to the jump hosts with its own settings.
static void jump_argv(struct ssh_try *t, struct ssh_names *v) {
    const char *jumps = t->conf.proxy_jump;
    const char *file = t->conf.config_file ? t->conf.config_file : t->c->spec.config_file;
    const char *last = strrchr(jumps, ',');
    names_push(t->a, v, "ssh");
    names_push(t->a, v, "-oBatchMode=yes");
    if (file) {
        names_push(t->a, v, "-F");
        names_push(t->a, v, file);
    }
    if (last) {
        names_push(t->a, v, "-J");
        names_push(t->a, v, arena_strndup(t->a, jumps, (size_t)(last - jumps)));
    }
    const char *jump = last ? last + 1 : jumps;
    names_push(t->a, v, "-W");
    names_push(t->a, v, arena_printf(t->a, "[%s]:%d", t->host, t->port));
    names_push(t->a, v, "--");
    names_push(t->a, v, strncmp(jump, "ssh://", 6) == 0 ? jump : arena_printf(t->a, "ssh://%s", jump));
}

/// The program whose input and output are the connection; NULL: none.
static bool proxy_argv(struct ssh_try *t, const char *const **argv, struct err *e) {
    struct ssh_names v = {0};
    *argv = NULL;
    if (t->conf.proxy_command) {
        if (!is_set(t->conf.proxy_command)) {
            return true;
        }
        if (t->conf.proxy_fdpass == SSH_YES) {
            (void)err_set(e, ERR_ARGS, NO_MARK, "ProxyUseFdpass of host '%s' is not supported", t->c->spec.host);
            return err_hint(e, "use the system's ssh for this host: ansible_connection=openssh");
        }
        if (!command_argv(t, &v, e)) {
            return false;
        }
    } else if (is_set(t->conf.proxy_jump)) {
        jump_argv(t, &v);
    } else {
        return true;
    }
    names_push(t->a, &v, NULL);
    *argv = v.p;
    return true;
}

static bool open_socket(struct ssh_try *t, struct err *e) {
    const char *const *argv = NULL;
    if (!proxy_argv(t, &argv, e)) {
        return false;
    }
    if (!argv) {
        return tcp(t, e);
    }
    t->proxy_err = memfd_create("proxy", MFD_CLOEXEC);
    int null = t->proxy_err < 0 ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
    bool ok = spawn_stream(argv, NULL, t->proxy_err >= 0 ? t->proxy_err : null, &t->proxy_pid, &t->fd, e);
    fd_closep(&null);
    return ok || err_wrap(e, NO_MARK, "while starting the proxy command of host '%s'", t->c->spec.host);
}

/// What the proxy command said, for messages.
static struct str proxy_said(struct ssh_try *t) {
    char text[1024];
    off_t size = t->proxy_err >= 0 ? lseek(t->proxy_err, 0, SEEK_END) : 0;
    off_t from = size > (off_t)sizeof text ? size - (off_t)sizeof text : 0;
    ssize_t n = size > 0 ? pread(t->proxy_err, text, sizeof text, from) : 0;
    return n > 0 ? tidy_text(t->a, (struct str){text, (size_t)n}, sizeof text) : STR_NONE;
}

// -- the session
// -------------------------------------------------------------------------------------------------------
int ssh_try_wait(struct ssh_try *t) {
    short events = POLLIN;
    if (ssh_get_poll_flags(t->session) & SSH_WRITE_PENDING) {
        events |= POLLOUT;
    }
    tcp_ack_now(t->fd);
    return dial_wait(t->h, t->fd, events, t->deadline_ms);
}

static bool set_text(struct ssh_try *t, enum ssh_options_e o, const char *name, const char *value, struct err *e) {
    if (!value || ssh_options_set(t->session, o, value) == SSH_OK) {
        return true;
    }
    return err_set(e, ERR_ARGS, NO_MARK, "ssh option %s '%s' of host '%s' is not supported: %s", name, value,
                   t->c->spec.host, ssh_get_error(t->session));
}

/// Host key algorithms, those known for the host first: a server that has several keys then shows the known one.
static const char *host_key_list(struct ssh_try *t) {
    const char *given = t->conf.host_key_algorithms;
    if (t->policy == HOST_KEY_OFF || (given && !strchr("+-^", *given))) {
        return algorithms(t->a, given, HOST_KEYS);
    }
    struct buf known = BUF_IN(t->a);
    known_types(t, &known);
    struct buf out = BUF_IN(t->a);
    struct str rest = buf_view(&known);
    struct str type;
    while (str_next(&rest, ',', &type)) {
        if (str_eqz(type, "ssh-rsa")) {
            buf_z(&out, "rsa-sha2-512,rsa-sha2-256,");
        } else if (str_find(STR_LIT(HOST_KEYS), 0, type) != SIZE_MAX && type.n) {
            buf_printf(&out, "%.*s,", STR(type));
        }
    }
    buf_z(&out, HOST_KEYS);
    const char *usual = buf_view(&out).s;
    return given ? algorithms(t->a, given, usual) : usual;
}

/// Sets one or two lists of algorithms (the same in both directions). `value` as in the configuration.
static bool set_list(struct ssh_try *t, const enum ssh_options_e o[2], const char *name, const char *value,
                     const char *usual, struct err *e) {
    const char *list = algorithms(t->a, value, usual);
    for (size_t i = 0; list && i < 2; i++) {
        if (!*list || ssh_options_set(t->session, o[i], list) != SSH_OK) {
            (void)err_set(e, ERR_ARGS, NO_MARK, "%s '%s' of host '%s' leaves nothing that is supported: expected of %s",
                          name, value, t->c->spec.host, usual);
            return err_hint(e, "ansible_connection=openssh uses the system's ssh, which may know others");
        }
    }
    return true;
}

static bool set_lists(struct ssh_try *t, struct err *e) {
    static const enum ssh_options_e hosts[] = {SSH_OPTIONS_HOSTKEYS, SSH_OPTIONS_HOSTKEYS};
    static const enum ssh_options_e ciphers[] = {SSH_OPTIONS_CIPHERS_C_S, SSH_OPTIONS_CIPHERS_S_C};
    static const enum ssh_options_e kex[] = {SSH_OPTIONS_KEY_EXCHANGE, SSH_OPTIONS_KEY_EXCHANGE};
    static const enum ssh_options_e macs[] = {SSH_OPTIONS_HMAC_C_S, SSH_OPTIONS_HMAC_S_C};
    static const enum ssh_options_e keys[] = {SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES,
                                              SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES};
    const struct ssh_conf *f = &t->conf;
    return set_list(t, hosts, "HostKeyAlgorithms", host_key_list(t), HOST_KEYS, e) &&
           set_list(t, ciphers, "Ciphers", f->ciphers, CIPHERS, e) &&
           set_list(t, kex, "KexAlgorithms", f->kex, KEX, e) && set_list(t, macs, "MACs", f->macs, MACS, e) &&
           set_list(t, keys, "PubkeyAcceptedAlgorithms", f->pubkey_algorithms, PUBLIC_KEYS, e);
}

static bool set_options(struct ssh_try *t, struct err *e) {
    const struct ssh_conf *f = &t->conf;
    bool no = false;
    int zero = 0;
    long wait_s = 600;  // ours are shorter
    ssh_session s = t->session;
    bool ok = ssh_options_set(s, SSH_OPTIONS_PROCESS_CONFIG, &no) == SSH_OK &&
              ssh_options_set(s, SSH_OPTIONS_HOST, t->host) == SSH_OK &&
              ssh_options_set(s, SSH_OPTIONS_PORT, &t->port) == SSH_OK &&
              ssh_options_set(s, SSH_OPTIONS_USER, t->user) == SSH_OK &&
              ssh_options_set(s, SSH_OPTIONS_FD, &t->fd) == SSH_OK &&
              ssh_options_set(s, SSH_OPTIONS_TIMEOUT, &wait_s) == SSH_OK &&
              ssh_options_set(s, SSH_OPTIONS_LOG_VERBOSITY, &zero) == SSH_OK &&
              ssh_options_set(s, SSH_OPTIONS_KNOWNHOSTS, "/dev/null") == SSH_OK &&
              ssh_options_set(s, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null") == SSH_OK;
    if (!ok) {
        return err_set(e, ERR_SYS, NO_MARK, "cannot prepare the ssh session: %s", ssh_get_error(s));
    }
    return set_lists(t, e) && set_text(t, SSH_OPTIONS_IDENTITY_AGENT, "IdentityAgent", ssh_agent_path(t), e) &&
           (!f->rsa_bits || ssh_options_set(s, SSH_OPTIONS_RSA_MIN_SIZE, &f->rsa_bits) == SSH_OK ||
            err_set(e, ERR_ARGS, NO_MARK, "RequiredRSASize %d of host '%s' is not supported: %s", f->rsa_bits,
                    t->c->spec.host, ssh_get_error(s))) &&
           (f->compression != SSH_YES || set_text(t, SSH_OPTIONS_COMPRESSION, "Compression", "yes", e));
}

/// Notes how the server begins, before libssh takes it: that is shown when it is no SSH.
static void note_greeting(struct ssh_try *t) {
    if (!t->greeting.n && !ssh_get_serverbanner(t->session)) {
        char text[128];
        ssize_t n = recv(t->fd, text, sizeof text, MSG_PEEK | MSG_DONTWAIT);
        t->greeting = n > 0 ? str_dup(t->a, (struct str){text, (size_t)n}) : STR_NONE;
    }
}

/// OpenSSH says so, and hangs up, when as many logins as it allows are under way.
static bool is_crowded(const struct ssh_try *t) {
    return str_starts(t->greeting, "Exceeded MaxStartups");
}

/// Why there was no handshake; `why` is what libssh says, or that it took too long.
static const char *no_handshake(struct ssh_try *t, const char *why, bool closed) {
    struct str said = proxy_said(t);
    struct str first = t->greeting;
    if (said.n || t->proxy_pid > 0) {
        return said.n ? arena_printf(t->a, "%s: %.*s", why, STR(said))
                      : arena_printf(t->a, "%s (through a proxy command, which said nothing)", why);
    }
    if (ssh_get_serverbanner(t->session) || str_find(first, 0, STR_LIT("SSH-")) != SIZE_MAX) {
        return why;
    }
    if (first.n && !is_crowded(t)) {
        size_t end = str_find_char(first, 0, '\n');
        return arena_printf(t->a, "what answers there does not speak SSH: it begins with '%.*s'",
                            STR(tidy_text(t->a, str_sub(first, 0, end == SIZE_MAX ? first.n : end), 80)));
    }
    return closed ? arena_printf(t->a,
                                 "it closed the connection before it said anything: %s (too busy, see MaxStartups of "
                                 "its sshd_config, or not for this address)",
                                 why)
                  : arena_printf(t->a, "%s: connected, but nothing was said", why);
}

static bool handshake(struct ssh_try *t, struct err *e) {
    ssh_set_blocking(t->session, 0);
    t->fd_given = true;
    for (;;) {
        int rc = ssh_connect(t->session);
        if (rc == SSH_OK) {
            return true;
        }
        if (rc != SSH_AGAIN || !ssh_is_connected(t->session)) {  // libssh may say "again" for ever once it is closed
            return no_connect(t, no_handshake(t, ssh_get_error(t->session), true), e);
        }
        int w = ssh_try_wait(t);
        if (w <= 0) {
            return no_connect(t, w < 0 ? ssh_stopped : no_handshake(t, late(t), false), e);
        }
        note_greeting(t);
    }
}

void ssh_end(ssh_session session, int fd, uint64_t inode) {
    struct stat now;
    ssh_disconnect(session);
    ssh_free(session);
    // libssh may have closed it long ago, and another thread may have got the number: but not the same socket.
    if (fd >= 0 && fstat(fd, &now) == 0 && S_ISSOCK(now.st_mode) && (uint64_t)now.st_ino == inode) {
        close(fd);
    }
}

static uint64_t inode_of(int fd) {
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

static void abandon(struct ssh_try *t) {
    if (t->session) {
        ssh_end(t->session, t->fd_given ? t->fd : -1, t->inode);
        t->fd = t->fd_given ? -1 : t->fd;
        t->session = NULL;
    }
    fd_closep(&t->fd);
    if (t->proxy_pid > 0) {
        kill(-t->proxy_pid, SIGKILL);
        while (waitpid(t->proxy_pid, NULL, 0) < 0 && errno == EINTR) {
        }
        t->proxy_pid = 0;
    }
}

/// The agent to lend to the host; NULL: none.
static const char *agent_to_lend(struct ssh_try *t) {
    const char *way = t->conf.forward_agent;
    if (!way || strcasecmp(way, "no") == 0) {
        return NULL;
    }
    if (strcasecmp(way, "yes") == 0) {
        way = t->conf.identity_agent ? t->conf.identity_agent : "SSH_AUTH_SOCK";
    }
    return ssh_agent_named(t, way);
}

/// Says once a run what of the settings has no effect.
static void tell(struct ssh_try *t) {
    struct hub *h = t->h;
    for (size_t i = 0; i < t->conf.told.n; i++) {
        const char *text = t->conf.told.p[i];
        bool known = false;
        pthread_mutex_lock(&h->cache_lock);
        for (size_t k = 0; k < h->told.n && !known; k++) {
            known = strcmp(h->told.p[k], text) == 0;
        }
        if (!known) {
            names_push(&h->cache, &h->told, arena_strndup(&h->cache, text, strlen(text)));
        }
        pthread_mutex_unlock(&h->cache_lock);
        if (!known) {
            struct done *d = done_new(DONE_WARN, t->c->tag, 0);
            d->c.log = str_printf(&d->c.arena, "%s", text);
            done_push(h, d);
        }
    }
}

bool ssh_dial(struct hub *h, struct conn *c, struct dialed *d, struct err *e) {
    struct ssh_try t = {.h = h, .c = c, .a = &d->arena, .fd = -1, .proxy_err = -1};
    d->may_retry = false;
    d->turned_away = false;
    bool ok = ssh_settle(&t, e);
    d->env = ok ? t.env : NULL;
    struct gate *gate = NULL;
    if (ok) {
        tell(&t);
        gate = gate_enter(h, t.host, t.port, d);
        t.deadline_ms = clock_ms() + t.timeout_ms;
        d->may_retry = true;
        ok = open_socket(&t, e);
    }
    if (ok) {
        t.inode = inode_of(t.fd);
        t.session = ssh_new();
        ok = (t.session && set_options(&t, e) && handshake(&t, e));
        d->turned_away = !ok && t.fd_given && !ssh_get_serverbanner(t.session) && (!t.greeting.n || is_crowded(&t)) &&
                         clock_ms() < t.deadline_ms;
    }
    if (ok) {
        d->may_retry = false;
        t.deadline_ms = clock_ms() + t.timeout_ms + AUTH_EXTRA_MS;
        ok = host_key_check(&t, e) && ssh_auth(&t, e);
    }
    if (gate) {
        gate_leave(h, gate, ok, d->turned_away);
    }
    d->certified = !ok && t.certified;
    if (!ok) {
        abandon(&t);
    }
    fd_closep(&t.proxy_err);
    d->session = t.session;
    d->fd = t.fd;
    d->inode = t.inode;
    d->alive_ms = (int64_t)t.conf.alive_interval_s * 1000;
    d->alive_count = t.conf.alive_count;
    d->agent_path = ok ? agent_to_lend(&t) : NULL;
    d->proxy_pid = t.proxy_pid;
    return ok;
}
