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
    bool encrypted;  // a key file could not be used without the agent
    bool failed;     // *e is set: no use to go on
};

// -- key files
// ---------------------------------------------------------------------------------------------------------
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

static const char *read_key(const char *path, struct arena *tmp, ssh_key *out) {
    struct err e = {.arena = tmp};
    struct stat st;
    if (stat(path, &st) != 0) {
        return errno == ENOENT ? "" : "cannot be read";
    }
    struct str text;
    if (!fd_read_file(path, KEY_MAX, tmp, &text, &e)) {
        return "cannot be read";
    }
    if (st.st_uid == getuid() && (st.st_mode & 077) != 0) {
        return "can be read by others: run chmod 600 on it";
    }
    if (is_encrypted(tmp, text)) {
        return "needs a passphrase: add it to the agent with ssh-add";
    }
    if (ssh_pki_import_privkey_base64(text.s, NULL, no_passphrase, NULL, out) != SSH_OK) {
        return "is not a private key";
    }
    return NULL;
}

/// The key of a file, as a copy of this thread's own; NULL: *why ("": no such file).
static ssh_key load_key(struct hub *h, const char *path, const char **why) {
    pthread_mutex_lock(&h->cache_lock);
    struct key_slot *k = h->keys;
    while (k && strcmp(k->path, path) != 0) {
        k = k->next;
    }
    if (!k) {
        struct arena tmp = {.secret = true};
        k = ARENA_NEW(&h->cache, struct key_slot);
        k->path = arena_strndup(&h->cache, path, strlen(path));
        k->why = read_key(path, &tmp, &k->key);
        k->next = h->keys;
        h->keys = k;
        arena_release(&tmp);
    }
    *why = k->why;
    ssh_key copy = k->key ? ssh_key_dup(k->key) : NULL;
    pthread_mutex_unlock(&h->cache_lock);
    return copy;
}

// -- steps
// ---------------------------------------------------------------------------------------------------------------
/// Waits after SSH_AUTH_AGAIN; false: out of time.
static bool again(struct auth *a, int rc) {
    if (rc != SSH_AUTH_AGAIN) {
        return false;
    }
    struct ssh_try *t = a->t;
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
        a->failed = true;
        (void)err_set(a->e, ERR_UNREACHABLE, NO_MARK, "host '%s' closed the connection during authentication: %s",
                      a->t->c->spec.host, ssh_get_error(a->t->session));
    }
    return false;
}

static bool offers(struct auth *a, int method) {
    int list = ssh_userauth_list(a->t->session, NULL);
    return list == 0 || (list & method) != 0;
}

static bool try_key(struct auth *a, const char *given, bool must_exist) {
    const char *path = NULL;
    const char *why = NULL;
    if (!sshconf_expand(&a->t->conf, given, &path, a->e)) {
        a->failed = true;
        return false;
    }
    ssh_key key = load_key(a->t->h, path, &why);
    if (!key) {
        bool missing = !why || !*why;
        if (!missing || must_exist) {
            note(a, path, missing ? "does not exist" : why);
        }
        a->encrypted |= !missing && str_starts(str_from(why), "needs");
        return false;
    }
    tried(a, path);
    int rc = 0;
    do {
        rc = ssh_userauth_publickey(a->t->session, NULL, key);
    } while (again(a, rc));
    ssh_key_free(key);
    return settled(a, rc);
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

static bool keys(struct auth *a) {
    static const char *const defaults[] = {"~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"};
    const struct ssh_conf *f = &a->t->conf;
    if (f->pubkey_auth == SSH_NO || !offers(a, SSH_AUTH_METHOD_PUBLICKEY)) {
        return false;
    }
    for (size_t i = 0; i < f->identities.n && !a->failed && offers(a, SSH_AUTH_METHOD_PUBLICKEY); i++) {
        if (try_key(a, f->identities.p[i], true)) {
            return true;
        }
    }
    if (!a->failed && (f->identities_only != SSH_YES || a->encrypted) && try_agent(a)) {
        return true;
    }
    size_t n = f->identities.n || !offers(a, SSH_AUTH_METHOD_PUBLICKEY) ? 0 : COUNTOF(defaults);
    for (size_t i = 0; i < n && !a->failed; i++) {
        if (try_key(a, defaults[i], false)) {
            return true;
        }
    }
    return false;
}

static bool try_password(struct auth *a, const char *password) {
    tried(a, "password");
    int rc = 0;
    do {
        rc = ssh_userauth_password(a->t->session, NULL, password);
    } while (again(a, rc));
    return settled(a, rc);
}

/// Answers the questions of one round: hidden ones with the password.
static void answer(struct auth *a, const char *password, bool *asked) {
    int n = ssh_userauth_kbdint_getnprompts(a->t->session);
    for (int i = 0; i < n; i++) {
        char echo = 0;
        (void)ssh_userauth_kbdint_getprompt(a->t->session, (unsigned)i, &echo);
        (void)ssh_userauth_kbdint_setanswer(a->t->session, (unsigned)i, echo ? "" : password);
        *asked = true;
    }
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
        answer(a, password, &asked);
    }
    return false;
}

static bool passwords(struct auth *a) {
    const struct conn_spec *s = &a->t->c->spec;
    const struct ssh_conf *f = &a->t->conf;
    if (!s->password.s) {
        return false;
    }
    if (f->password_auth != SSH_NO && offers(a, SSH_AUTH_METHOD_PASSWORD) && try_password(a, s->password.s)) {
        return true;
    }
    return !a->failed && f->kbdint_auth != SSH_NO && offers(a, SSH_AUTH_METHOD_INTERACTIVE) &&
           try_kbdint(a, s->password.s);
}

static bool denied(struct auth *a) {
    struct ssh_try *t = a->t;
    int list = ssh_userauth_list(t->session, NULL);
    struct str used = buf_view(&a->tried);
    struct str notes = buf_view(&a->notes);
    (void)err_set(a->e, ERR_UNREACHABLE, NO_MARK,
                  "permission denied for user '%s' on host '%s' (%s port %d): tried %.*s; the host accepts%s%s%s%s%.*s",
                  t->user, t->c->spec.host, t->host, t->port, STR(used.n ? used : STR_LIT("nothing")),
                  list & SSH_AUTH_METHOD_PUBLICKEY ? " publickey" : "",
                  list & SSH_AUTH_METHOD_PASSWORD ? " password" : "",
                  list & SSH_AUTH_METHOD_INTERACTIVE ? " keyboard-interactive" : "", notes.n ? "; " : "", STR(notes));
    if (!t->c->spec.password.s && (list & (SSH_AUTH_METHOD_PASSWORD | SSH_AUTH_METHOD_INTERACTIVE))) {
        (void)err_hint(a->e, "give a password with --ask-pass or ansible_password, or a key with --private-key");
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
