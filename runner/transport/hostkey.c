// The server's host key against the known_hosts files, which are read and indexed once a run.
#include "digest.h"
#include "fd.h"
#include "ssh.h"

#include <errno.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define KNOWN_MAX     ((size_t)64 << 20)
#define KNOWN_DEFAULT "~/.ssh/known_hosts ~/.ssh/known_hosts2"
#define KNOWN_GLOBAL  "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"

struct server_key {
    struct str type, text;  // as in known_hosts
    const char *print;      // fingerprint
};

// -- files -----------------------------------------------------------------------------------------------------------
/// Reads a file unless that was done; the lock is held.
static void load(struct hub *h, const char *path) {
    for (struct known_file *k = h->known; k; k = k->next) {
        if (strcmp(k->path, path) == 0) {
            return;
        }
    }
    struct err e = {.arena = &h->cache};
    struct str text = STR_LIT("");
    if (!fd_read_file(path, KNOWN_MAX, &h->cache, &text, &e)) {
        text = STR_LIT("");  // a file that is not there or not readable knows no keys
    }
    struct known_file *k = ARENA_NEW(&h->cache, struct known_file);
    k->path = arena_strndup(&h->cache, path, strlen(path));
    k->file = kh_parse(&h->cache, path, text);
    k->next = h->known;
    h->known = k;
}

/// The files of this connection, the user's first.
static void files(struct ssh_try *t, struct ssh_names *out) {
    const char *own = t->conf.user_known_hosts ? t->conf.user_known_hosts : KNOWN_DEFAULT;
    const char *global = t->conf.global_known_hosts ? t->conf.global_known_hosts : KNOWN_GLOBAL;
    struct ssh_names words = {0};
    struct err e = {.arena = t->a};
    (void)args_split(t->a, own, &words, &e);
    (void)args_split(t->a, global, &words, &e);
    for (size_t i = 0; i < words.n; i++) {
        const char *path = words.p[i];
        if (strcasecmp(path, "none") != 0 && sshconf_expand(&t->conf, path, &path, &e)) {
            names_push(t->a, out, path);
        }
    }
}

static bool wanted(const struct ssh_names *paths, const char *path) {
    for (size_t i = 0; i < paths->n; i++) {
        if (strcmp(paths->p[i], path) == 0) {
            return true;
        }
    }
    return false;
}

static const char *name_of(struct ssh_try *t) {
    return t->conf.host_key_alias ? kh_name(t->a, t->conf.host_key_alias, 22) : kh_name(t->a, t->host, t->port);
}

void known_types(struct ssh_try *t, struct buf *out) {
    struct ssh_names paths = {0};
    files(t, &paths);
    const char *name = name_of(t);
    pthread_mutex_lock(&t->h->cache_lock);
    for (size_t i = 0; i < paths.n; i++) {
        load(t->h, paths.p[i]);
    }
    for (struct known_file *k = t->h->known; k; k = k->next) {
        if (wanted(&paths, k->path)) {
            kh_types(k->file, name, out);
        }
    }
    pthread_mutex_unlock(&t->h->cache_lock);
}

static struct kh_found look(struct ssh_try *t, const struct ssh_names *paths, const char *name,
                            const struct server_key *key) {
    static const int rank[] = {[KH_UNKNOWN] = 0, [KH_OTHER_TYPE] = 1, [KH_CHANGED] = 2, [KH_OK] = 3, [KH_REVOKED] = 4};
    struct kh_found best = {0};
    for (struct known_file *k = t->h->known; k; k = k->next) {
        if (wanted(paths, k->path)) {
            struct kh_found f = kh_lookup(k->file, name, key->type, key->text);
            if (rank[f.answer] > rank[best.answer]) {
                best = f;
            }
        }
    }
    return best;
}

// -- the key
// -----------------------------------------------------------------------------------------------------------
static bool server_key(struct ssh_try *t, struct server_key *out, struct err *e) {
    ssh_key key = NULL;
    char *b64 = NULL;
    unsigned char *hash = NULL;
    size_t n = 0;
    bool ok = ssh_get_server_publickey(t->session, &key) == SSH_OK &&
              ssh_pki_export_pubkey_base64(key, &b64) == SSH_OK &&
              ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &n) == SSH_OK;
    struct str raw;
    if (ok) {
        out->text = str_dup(t->a, str_from(b64));
        char *print = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, n);
        out->print = arena_printf(t->a, "%s", print ? print : "?");
        ssh_string_free_char(print);
        // The blob begins with the type: 4 bytes of length and the name.
        ok = base64_decode(t->a, out->text, &raw, e) && raw.n > 4 && (unsigned char)raw.s[3] <= raw.n - 4;
    }
    if (ok) {
        out->type = str_sub(raw, 4, 4 + (size_t)(unsigned char)raw.s[3]);
    } else {
        (void)err_set(e, ERR_UNREACHABLE, NO_MARK, "the host key of '%s' cannot be read: %s", t->c->spec.host,
                      ssh_get_error(t->session));
    }
    ssh_clean_pubkey_hash(&hash);
    ssh_string_free_char(b64);
    ssh_key_free(key);
    return ok;
}

/// libssh (0.10.6) takes the names of host certificates out of what it offers, so that a server shows its plain key.
static bool only_certified(struct ssh_try *t, const struct ssh_names *paths, struct err *e) {
    for (struct known_file *k = t->h->known; k; k = k->next) {
        uint32_t line = wanted(paths, k->path) ? kh_authority(k->file, name_of(t)) : 0;
        if (line) {
            t->certified = true;
            (void)err_set(
                e, ERR_UNREACHABLE, NO_MARK,
                "the host key of '%s' (%s) is known by a certificate authority only (@cert-authority, %s line "
                "%u): host certificates need the system's ssh and a login without a password",
                t->c->spec.host, name_of(t), k->path, line);
            return err_hint(e, "use the system's ssh for this host: ansible_connection=openssh; or add its own key");
        }
    }
    return true;
}

static bool unknown(struct ssh_try *t, const struct server_key *key, const struct ssh_names *paths, struct err *e) {
    if (!only_certified(t, paths, e)) {
        return false;
    }
    (void)err_set(e, ERR_UNREACHABLE, NO_MARK, "the host key of '%s' (%s) is not known: %.*s %s", t->c->spec.host,
                  name_of(t), STR(key->type), key->print);
    return err_hint(e,
                    "compare the fingerprint with the host's, then run: ssh-keyscan -p %d %s >> %s; or accept new keys "
                    "with -o StrictHostKeyChecking=accept-new in the ssh arguments",
                    t->port, t->host, paths->n ? paths->p[0] : "~/.ssh/known_hosts");
}

static bool changed(struct ssh_try *t, const struct server_key *key, const struct kh_found *f, struct err *e) {
    const char *is = f->answer == KH_CHANGED ? "has changed" : "is of another type than the one known";
    (void)err_set(e, ERR_UNREACHABLE, NO_MARK,
                  "the host key of '%s' (%s) %s: the host shows %.*s %s, but %s line %u has another %.*s key",
                  t->c->spec.host, name_of(t), is, STR(key->type), key->print, f->path, f->line, STR(f->type));
    return err_hint(e, "somebody may be in between; if the host was installed anew: ssh-keygen -f %s -R '%s'", f->path,
                    name_of(t));
}

/// Writes a new key down; the lock is held.
static bool accept_key(struct ssh_try *t, const struct server_key *key, const struct ssh_names *paths, struct err *e) {
    if (!paths->n || strcmp(paths->p[0], "/dev/null") == 0) {
        return true;
    }
    const char *path = paths->p[0];
    struct hub *h = t->h;
    struct str line = kh_line(&h->cache, name_of(t), key->type, key->text, t->conf.hash_known_hosts == SSH_YES);
    if (!kh_append(path, line, e)) {
        return false;
    }
    struct known_file *k = ARENA_NEW(&h->cache, struct known_file);
    k->path = arena_strndup(&h->cache, path, strlen(path));
    k->file = kh_parse(&h->cache, path, line);
    k->next = h->known;
    h->known = k;
    return true;
}

/// The host is this machine, whose keys NoHostAuthenticationForLocalhost takes as they are.
static bool is_loopback(const struct ssh_try *t) {
    struct sockaddr_storage peer = {0};
    socklen_t n = sizeof peer;
    if (getpeername(t->fd, (struct sockaddr *)&peer, &n) != 0) {
        return false;
    }
    if (peer.ss_family == AF_INET6) {
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)&peer)->sin6_addr);
    }
    return peer.ss_family == AF_INET &&
           ntohl(((const struct sockaddr_in *)(const void *)&peer)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/// RevokedHostKeys: lines with public keys. As in ssh, no key is good when the file cannot be read.
static bool not_revoked(struct ssh_try *t, const struct server_key *key, struct err *e) {
    const char *path = t->conf.revoked_keys;
    struct str text;
    if (!path || strcasecmp(path, "none") == 0) {
        return true;
    }
    if (!sshconf_expand(&t->conf, path, &path, e) || !fd_read_file(path, KNOWN_MAX, t->a, &text, e)) {
        return err_wrap(e, NO_MARK, "in RevokedHostKeys of host '%s'", t->c->spec.host);
    }
    if (str_starts(text, "SSHKRL\n")) {
        (void)err_set(
            e, ERR_UNREACHABLE, NO_MARK,
            "RevokedHostKeys of host '%s' names '%s', a list in OpenSSH's binary format (KRL): expected lines "
            "with public keys",
            t->c->spec.host, path);
        return err_hint(e, "use the system's ssh for this host: ansible_connection=openssh");
    }
    struct str line;
    for (uint32_t number = 1; str_next(&text, '\n', &line); number++) {
        struct str type = STR_NONE;
        struct str blob = STR_NONE;
        line = str_trim(line);
        bool two = str_next(&line, ' ', &type) && str_next(&line, ' ', &blob);
        if (two && str_eq(type, key->type) && str_eq(blob, key->text)) {
            return err_set(e, ERR_UNREACHABLE, NO_MARK, "the host key of '%s' is revoked: %s line %u", t->c->spec.host,
                           path, number);
        }
    }
    return true;
}

bool host_key_check(struct ssh_try *t, struct err *e) {
    struct server_key key = {0};
    bool off = t->policy == HOST_KEY_OFF;
    off |= t->conf.trust_loopback == SSH_YES && !t->conf.host_key_alias && is_loopback(t);
    if (off && !t->conf.revoked_keys) {
        return true;
    }
    if (!server_key(t, &key, e) || !not_revoked(t, &key, e)) {
        return false;
    }
    if (off) {
        return true;
    }
    struct ssh_names paths = {0};
    files(t, &paths);
    pthread_mutex_lock(&t->h->cache_lock);
    for (size_t i = 0; i < paths.n; i++) {
        load(t->h, paths.p[i]);
    }
    struct kh_found f = look(t, &paths, name_of(t), &key);
    if (f.answer == KH_UNKNOWN && t->port != 22 && !t->conf.host_key_alias) {
        // As ssh: a key known for the host without its port is good, but says nothing against another one.
        struct kh_found bare = look(t, &paths, kh_name(t->a, t->host, 22), &key);
        f = bare.answer == KH_OK || bare.answer == KH_REVOKED ? bare : f;
    }
    bool ok = true;
    switch (f.answer) {
    case KH_OK:
        break;
    case KH_UNKNOWN:
        ok = t->policy == HOST_KEY_ACCEPT_NEW ? accept_key(t, &key, &paths, e) : unknown(t, &key, &paths, e);
        break;
    case KH_OTHER_TYPE:
    case KH_CHANGED:
        ok = changed(t, &key, &f, e);
        break;
    case KH_REVOKED:
        ok = err_set(e, ERR_UNREACHABLE, NO_MARK, "the host key of '%s' is revoked: %s line %u", t->c->spec.host,
                     f.path, f.line);
        break;
    }
    pthread_mutex_unlock(&t->h->cache_lock);
    return ok;
}
