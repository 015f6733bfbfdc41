// Authentication: explicit keys, the agent, the default keys, the password. Key files are read once a run.
#include "digest.h"
#include "fd.h"
#include "ssh.h"

#include <errno.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_MAX    ((size_t)1 << 20)
#define KBD_ROUNDS 4

struct auth {
    struct ssh_try *t;
    struct err *e;
    struct buf tried, notes;
    bool encrypted;  // a key file could not be used without its passphrase
    bool in_agent;   // a file holds a public key only: the agent is meant to have the other half
    bool failed;     // *e is set: no use to go on
};

// -- key files
// ---------------------------------------------------------------------------------------------------------
/// libssh asks here when it has no passphrase: never at the terminal.
static int no_passphrase(const char *prompt UNUSED, char *buf UNUSED, size_t len UNUSED, int echo UNUSED,
                         int verify UNUSED, void *user UNUSED) {
    return -1;
}

/// True for a private key that needs a passphrase.
static bool is_encrypted(struct arena *a, struct str text) {
    static const char begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
    size_t at = str_find(text, 0, str_from(begin));
    if (at == SIZE_MAX) {
        return str_find(text, 0, STR_LIT("ENCRYPTED")) != SIZE_MAX;
    }
    struct str body = str_sub(text, at + sizeof begin - 1, text.n);
    size_t end = str_find(body, 0, STR_LIT("-----END"));
    struct err e = {.arena = a};
    struct str raw;
    // "openssh-key-v1" NUL, then the cipher's name with its length: "none" when there is no passphrase
    return end != SIZE_MAX && base64_decode(a, str_sub(body, 0, end), &raw, &e) && raw.n > 23 &&
           memcmp(raw.s + 15, "\0\0\0\4none", 8) != 0;
}

/// True for a public key, which says which key of the agent to use.
static bool is_public(struct str text) {
    return str_starts(text, "ssh-") || str_starts(text, "ecdsa-sha2-") || str_starts(text, "sk-");
}

/// True for a key whose secret stays on a security key: libssh cannot ask that, the agent can.
static bool is_on_token(struct arena *a, const char *path) {
    struct err e = {.arena = a};
    struct str text;
    return fd_read_file(arena_printf(a, "%s.pub", path), KEY_MAX, a, &text, &e) && str_starts(text, "sk-");
}

/// Reads a key file into `k`: its key, or why there is none. The cache is locked.
static void read_key(struct key_slot *k, const char *passphrase, struct arena *tmp) {
    struct err e = {.arena = tmp};
    struct stat st;
    struct str text;
    k->encrypted = false;
    if (stat(k->path, &st) != 0) {
        k->why = errno == ENOENT ? "" : "cannot be read";
        k->is_public = errno == ENOENT && access(arena_printf(tmp, "%s.pub", k->path), R_OK) == 0;
    } else if (!fd_read_file(k->path, KEY_MAX, tmp, &text, &e)) {
        k->why = "cannot be read";
    } else if (is_public(text)) {
        k->is_public = true;
        k->why = "is the public half: the private one must be in the agent, or be named instead";
    } else if (st.st_uid == getuid() && (st.st_mode & 077) != 0) {
        k->why = "can be read by others: run chmod 600 on it";
    } else if (is_on_token(tmp, k->path)) {
        k->is_public = true;
        k->why = "lies on a security key: add it to the agent with ssh-add, or use ansible_connection=openssh";
    } else if (is_encrypted(tmp, text) && !passphrase) {
        k->encrypted = true;
        k->why = "needs a passphrase: set ansible_ssh_private_key_passphrase or add it to the agent with ssh-add";
    } else if (ssh_pki_import_privkey_base64(text.s, passphrase, no_passphrase, NULL, &k->key) != SSH_OK) {
        k->encrypted = passphrase != NULL;
        k->why = passphrase ? "cannot be read with the passphrase given" : "is not a private key";
    }
}

/// The slot of a file, read with `passphrase` when that may help. The cache is locked.
static struct key_slot *key_slot(struct hub *h, const char *path, const char *passphrase) {
    struct key_slot *k = h->keys;
    while (k && strcmp(k->path, path) != 0) {
        k = k->next;
    }
    bool fresh = !k;
    if (fresh) {
        k = ARENA_NEW(&h->cache, struct key_slot);
        k->path = arena_strndup(&h->cache, path, strlen(path));
        k->next = h->keys;
        h->keys = k;
    }
    if (fresh || (k->encrypted && !k->key && passphrase)) {
        struct arena tmp = {.secret = true};
        read_key(k, passphrase, &tmp);
        arena_release(&tmp);
    }
    return k;
}

/// Asks for the passphrase of a key, once a run, one dialer at a time.
static void ask_passphrase(struct auth *a, const char *path) {
    struct hub *h = a->t->h;
    struct arena secret = {.secret = true};
    int64_t from = clock_ms();
    pthread_mutex_lock(&h->ask_lock);
    pthread_mutex_lock(&h->cache_lock);
    struct key_slot *k = key_slot(h, path, NULL);
    bool ask = k->encrypted && !k->key && !k->asked;
    k->asked = true;
    pthread_mutex_unlock(&h->cache_lock);
    struct str answer = STR_NONE;
    if (ask) {
        answer = dial_ask(h, a->t->c, arena_printf(&secret, "Enter passphrase for key '%s': ", path), &secret);
    }
    if (answer.n) {
        pthread_mutex_lock(&h->cache_lock);
        (void)key_slot(h, path, str_z(&secret, answer));
        pthread_mutex_unlock(&h->cache_lock);
    }
    pthread_mutex_unlock(&h->ask_lock);
    arena_release(&secret);
    a->t->deadline_ms += clock_ms() - from;
}

/// What load_key found.
struct loaded {
    ssh_key key;      // this thread's own copy, or NULL
    const char *why;  // NULL key: why; "": there is no such file
    bool locked;      // it was not usable before for want of its passphrase
};
static struct loaded load_key(struct auth *a, const char *path, bool ask) {
    struct hub *h = a->t->h;
    const char *passphrase = a->t->c->spec.passphrase.s;
    pthread_mutex_lock(&h->cache_lock);
    struct key_slot *k = key_slot(h, path, passphrase);
    struct loaded out = {.locked = k->encrypted && !k->key};
    if (ask && out.locked && !passphrase) {
        pthread_mutex_unlock(&h->cache_lock);
        ask_passphrase(a, path);
        pthread_mutex_lock(&h->cache_lock);
    }
    a->encrypted |= out.locked;
    a->in_agent |= k->is_public;
    out.why = k->why ? k->why : "";
    out.key = k->key ? ssh_key_dup(k->key) : NULL;
    pthread_mutex_unlock(&h->cache_lock);
    return out;
}

// -- steps
// ---------------------------------------------------------------------------------------------------------------
/// The connection ended: says so once. Always false.
static bool closed(struct auth *a) {
    a->failed = true;
    return err_set(a->e, ERR_UNREACHABLE, NO_MARK, "host '%s' closed the connection during authentication: %s",
                   a->t->c->spec.host, ssh_get_error(a->t->session));
}

/// Waits after SSH_AUTH_AGAIN; false: out of time, or the connection is gone: libssh says "again" then, too.
static bool again(struct auth *a, int rc) {
    if (rc != SSH_AUTH_AGAIN) {
        return false;
    }
    struct ssh_try *t = a->t;
    if (!ssh_is_connected(t->session)) {
        return closed(a);
    }
    int w = ssh_try_wait(t);
    if (w > 0) {
        return true;
    }
    a->failed = true;
    return err_set(a->e, ERR_UNREACHABLE, NO_MARK, "authentication on host '%s' did not end in time%s%s",
                   t->c->spec.host, w < 0 ? ": " : "", w < 0 ? ssh_stopped : "");
}

static void tried(struct auth *a, const char *what) {
    buf_printf(&a->tried, "%s%s", a->tried.n ? ", " : "", what);
}

static void note(struct auth *a, const char *path, const char *why) {
    buf_printf(&a->notes, "%skey '%s' %s", a->notes.n ? "; " : "", path, why);
}

/// True when a method is accepted; sets failed when the connection is gone.
static bool settled(struct auth *a, int rc) {
    if (rc == SSH_AUTH_SUCCESS) {
        return true;
    }
    if (rc == SSH_AUTH_ERROR && !a->failed && !ssh_is_connected(a->t->session)) {
        return closed(a);
    }
    return false;
}

static bool offers(struct auth *a, int method) {
    int list = ssh_userauth_list(a->t->session, NULL);
    return list == 0 || (list & method) != 0;
}

static bool offer(struct auth *a, ssh_key key) {
    int rc = 0;
    do {
        rc = ssh_userauth_publickey(a->t->session, NULL, key);
    } while (again(a, rc));
    return settled(a, rc);
}

/// The public half as on the wire: strings with a length of four bytes, the first names the type.
static struct str wire_form(struct auth *a, ssh_key key) {
    struct err e = {.arena = a->t->a};
    struct str raw = STR_NONE;
    char *b64 = NULL;
    if (ssh_pki_export_pubkey_base64(key, &b64) != SSH_OK || !base64_decode(a->t->a, str_from(b64), &raw, &e)) {
        raw = STR_NONE;
    }
    ssh_string_free_char(b64);
    return raw;
}

/// `s` without its first string.
static struct str skip_string(struct str s) {
    if (s.n < 4) {
        return STR_NONE;
    }
    const unsigned char *p = (const unsigned char *)s.s;
    size_t n = ((size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]) + 4;
    return n > s.n ? STR_NONE : str_sub(s, n, s.n);
}

/// True for a certificate of this key: behind its type and its nonce stands what stands in the key behind the type.
static bool belongs(struct auth *a, ssh_key cert, ssh_key key) {
    struct str in_cert = skip_string(skip_string(wire_form(a, cert)));
    struct str in_key = skip_string(wire_form(a, key));
    return in_key.n && in_cert.n >= in_key.n && memcmp(in_cert.s, in_key.s, in_key.n) == 0;
}

/// Offers the key with a certificate, when that is one of it.
static bool try_certificate(struct auth *a, ssh_key key, const char *path) {
    ssh_key cert = NULL;
    ssh_key both = NULL;
    bool done = false;
    if (access(path, R_OK) == 0 && ssh_pki_import_cert_file(path, &cert) == SSH_OK && belongs(a, cert, key)) {
        both = ssh_key_dup(key);
        if (both && ssh_pki_copy_cert_to_privkey(cert, both) == SSH_OK) {
            tried(a, path);
            done = offer(a, both);
        }
    }
    ssh_key_free(both);
    ssh_key_free(cert);
    return done;
}

/// Certificates first: those of CertificateFile, then the one beside the key.
static bool try_certificates(struct auth *a, ssh_key key, const char *path) {
    const struct ssh_conf *f = &a->t->conf;
    for (size_t i = 0; i < f->certificates.n && !a->failed; i++) {
        const char *file = NULL;
        if (!sshconf_expand(f, f->certificates.p[i], &file, a->e)) {
            a->failed = true;
        } else if (try_certificate(a, key, file)) {
            return true;
        }
    }
    return !a->failed && try_certificate(a, key, arena_printf(a->t->a, "%s-cert.pub", path));
}

/// `ask`: only keys that miss their passphrase, which is asked for; else all others.
static bool try_key(struct auth *a, const char *given, bool must_exist, bool ask) {
    const char *path = NULL;
    if (!sshconf_expand(&a->t->conf, given, &path, a->e)) {
        a->failed = true;
        return false;
    }
    struct loaded l = load_key(a, path, ask);
    if (!l.key) {
        bool missing = !*l.why;
        if (ask == l.locked && (!missing || must_exist)) {
            note(a, path, missing ? "does not exist" : l.why);
        }
        return false;
    }
    bool done = false;
    if (ask == l.locked) {
        done = try_certificates(a, l.key, path);
        if (!done && !a->failed && offers(a, SSH_AUTH_METHOD_PUBLICKEY)) {
            tried(a, path);
            done = offer(a, l.key);
        }
    }
    ssh_key_free(l.key);
    return done;
}

static bool try_agent(struct auth *a) {
    bool none = a->t->conf.identity_agent && strcasecmp(a->t->conf.identity_agent, "none") == 0;
    if (none || (!a->t->conf.identity_agent && !login_env("SSH_AUTH_SOCK"))) {
        return false;
    }
    tried(a, "agent");
    int rc = 0;
    do {
        rc = ssh_userauth_agent(a->t->session, NULL);
    } while (again(a, rc));
    return settled(a, rc);
}

/// Key files in their order. The first time those are passed over whose passphrase nobody gave yet: the agent may have
/// them. The second time (`ask`) it is their turn.
static bool key_files(struct auth *a, bool ask) {
    static const char *const defaults[] = {"~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"};
    const struct ssh_names *own = &a->t->conf.identities;
    size_t n = own->n ? own->n : COUNTOF(defaults);
    const char *const *files = own->n ? (const char *const *)own->p : defaults;
    for (size_t i = 0; i < n && !a->failed && offers(a, SSH_AUTH_METHOD_PUBLICKEY); i++) {
        if (strcasecmp(files[i], "none") == 0) {
            continue;
        }
        if (try_key(a, files[i], own->n != 0, ask)) {
            return true;
        }
    }
    return false;
}

/// The place of a method in PreferredAuthentications, from 1; 0: it is not to be tried.
static size_t preferred(const struct ssh_conf *f, const char *method) {
    struct str rest = str_from(f->preferred ? f->preferred : method);
    struct str one;
    for (size_t n = 1; str_next(&rest, ',', &one); n++) {
        if (str_eqz(str_trim(one), method)) {
            return n;
        }
    }
    return 0;
}

static bool keys(struct auth *a) {
    const struct ssh_conf *f = &a->t->conf;
    bool off = f->pubkey_auth && (strcasecmp(f->pubkey_auth, "no") == 0 || strcasecmp(f->pubkey_auth, "false") == 0);
    if (off || !preferred(f, "publickey") || !offers(a, SSH_AUTH_METHOD_PUBLICKEY)) {
        return false;
    }
    bool files_first = f->identities.n != 0;
    if (files_first && key_files(a, false)) {
        return true;
    }
    if (!a->failed && (f->identities_only != SSH_YES || a->encrypted || a->in_agent) && try_agent(a)) {
        return true;
    }
    if (!files_first && !a->failed && key_files(a, false)) {
        return true;
    }
    return !a->failed && a->encrypted && f->batch != SSH_YES && key_files(a, true);
}

/// The password answers only a question that holds what sshpass_prompt says, `question` being what ssh would print. As
/// with sshpass, one that does not is waited on, but no longer than a login may take.
static bool is_asked(struct auth *a, struct str question) {
    struct ssh_try *t = a->t;
    struct str want = t->c->spec.prompt;
    if (!want.n || str_find(question, 0, want) != SIZE_MAX) {
        return true;
    }
    int w = dial_wait(t->h, t->fd, 0, t->deadline_ms);
    if (w > 0) {
        return closed(a);
    }
    a->failed = true;
    (void)err_set(
        a->e, ERR_UNREACHABLE, NO_MARK,
        "host '%s' was not given the password: expected a question with '%.*s' (sshpass_prompt), found '%.*s'%s%s",
        t->c->spec.host, STR(want), STR(tidy_text(t->a, question, 256)), w < 0 ? ": " : "", w < 0 ? ssh_stopped : "");
    return err_hint(a->e, "leave ansible_sshpass_prompt out: the question is recognised without it");
}

static bool try_password(struct auth *a, const char *password) {
    tried(a, "password");
    if (!is_asked(a, str_printf(a->t->a, "%s@%s's password: ", a->t->user, a->t->host))) {
        return false;
    }
    int rc = 0;
    do {
        rc = ssh_userauth_password(a->t->session, NULL, password);
    } while (again(a, rc));
    return settled(a, rc);
}

/// Answers the questions of one round: hidden ones with the password. false: one is not to be answered.
static bool answer(struct auth *a, const char *password, bool *asked) {
    int n = ssh_userauth_kbdint_getnprompts(a->t->session);
    for (int i = 0; i < n; i++) {
        char echo = 0;
        const char *text = ssh_userauth_kbdint_getprompt(a->t->session, (unsigned)i, &echo);
        struct str asks = str_printf(a->t->a, "(%s@%s) %s", a->t->user, a->t->host, text ? text : "");
        if (!echo && !is_asked(a, asks)) {
            return false;
        }
        (void)ssh_userauth_kbdint_setanswer(a->t->session, (unsigned)i, echo ? "" : password);
        *asked = true;
    }
    return true;
}

static bool try_kbdint(struct auth *a, const char *password) {
    tried(a, "keyboard-interactive");
    bool asked = false;
    for (int round = 0; round < KBD_ROUNDS; round++) {
        int rc = 0;
        do {
            rc = ssh_userauth_kbdint(a->t->session, NULL, NULL);
        } while (again(a, rc));
        if (rc != SSH_AUTH_INFO) {
            return settled(a, rc);
        }
        if (asked && ssh_userauth_kbdint_getnprompts(a->t->session) > 0) {
            return false;  // asked again: the answer was wrong, or there is a question that we cannot answer
        }
        if (!answer(a, password, &asked)) {
            return false;
        }
    }
    return false;
}

static bool passwords(struct auth *a) {
    const struct conn_spec *s = &a->t->c->spec;
    const struct ssh_conf *f = &a->t->conf;
    if (!s->password.s) {
        return false;
    }
    size_t plain = f->password_auth != SSH_NO ? preferred(f, "password") : 0;
    size_t asked = f->kbdint_auth != SSH_NO ? preferred(f, "keyboard-interactive") : 0;
    bool asked_first = asked && asked < plain;
    for (int i = 0; i < 2 && !a->failed; i++) {
        bool ask = (i == 0) == asked_first;
        if (ask && asked && offers(a, SSH_AUTH_METHOD_INTERACTIVE) && try_kbdint(a, s->password.s)) {
            return true;
        }
        if (!ask && plain && offers(a, SSH_AUTH_METHOD_PASSWORD) && try_password(a, s->password.s)) {
            return true;
        }
    }
    return false;
}

static bool denied(struct auth *a) {
    struct ssh_try *t = a->t;
    int list = ssh_userauth_list(t->session, NULL);
    struct str used = buf_view(&a->tried);
    struct str notes = buf_view(&a->notes);
    (void)err_set(
        a->e, ERR_UNREACHABLE, NO_MARK,
        "permission denied for user '%s' on host '%s' (%s port %d): tried %.*s; the host accepts%s%s%s%s%s%s%.*s",
        t->user, t->c->spec.host, t->host, t->port, STR(used.n ? used : STR_LIT("nothing")),
        list & SSH_AUTH_METHOD_PUBLICKEY ? " publickey" : "", list & SSH_AUTH_METHOD_PASSWORD ? " password" : "",
        list & SSH_AUTH_METHOD_INTERACTIVE ? " keyboard-interactive" : "",
        list & SSH_AUTH_METHOD_GSSAPI_MIC ? " gssapi-with-mic" : "",
        list & SSH_AUTH_METHOD_HOSTBASED ? " hostbased" : "", notes.n ? "; " : "", STR(notes));
    if (!t->c->spec.password.s && (list & (SSH_AUTH_METHOD_PASSWORD | SSH_AUTH_METHOD_INTERACTIVE))) {
        (void)err_hint(a->e, "give a password with --ask-pass or ansible_password, or a key with --private-key");
    } else if (list & (SSH_AUTH_METHOD_GSSAPI_MIC | SSH_AUTH_METHOD_HOSTBASED)) {
        (void)err_hint(a->e, "gssapi and hostbased are done by the system's ssh: ansible_connection=openssh");
    }
    return false;
}

bool ssh_auth(struct ssh_try *t, struct err *e) {
    struct auth a = {.t = t, .e = e, .tried = BUF_IN(t->a), .notes = BUF_IN(t->a)};
    // Keys first: a server says what it accepts when one fails, so asking before would be a round trip for nothing.
    if (keys(&a)) {
        return true;
    }
    if (!a.failed && ssh_userauth_list(t->session, NULL) == 0) {
        int rc = 0;
        do {
            rc = ssh_userauth_none(t->session, NULL);
        } while (again(&a, rc));
        if (settled(&a, rc)) {
            return true;
        }
    }
    if (!a.failed && passwords(&a)) {
        return true;
    }
    return a.failed ? false : denied(&a);
}
