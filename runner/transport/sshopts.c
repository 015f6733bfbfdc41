// The keywords of ssh_config, as OpenSSH 10 knows them, and what each means here: it sets a field, changes nothing that
// matters, or would be missed, which is told. One table for files and for ssh's -o.
#include "sshopts.h"

#include "typo.h"

#include <strings.h>

enum opt_type {
    OPT_HARMLESS,  // about terminals, logs, shared connections, what is asked: no task would notice
    OPT_TOLD,      // has no effect, which somebody may miss; text: why
    OPT_ONE,       // one word
    OPT_LIST,      // any number of words, one field
    OPT_WHOLE,     // the rest of the line
    OPT_INT,
    OPT_TIME,  // seconds, or as in 1m30s
    OPT_TRI,   // yes or no
    OPT_WORD,  // one of the words in text
    OPT_NAMES  // may be given several times, all count; each line has one word
};
struct ssh_opt {
    const char *name;
    enum opt_type type;
    size_t at;
    const char *text;
};

#define AT(field) offsetof(struct ssh_conf, field)
#define PORTS     "the program's own SSH forwards no ports"
#define HARMLESS(NAME)                                                                                                 \
    { NAME, OPT_HARMLESS, 0, NULL }
static const struct ssh_opt opts[] = {
    {"AddressFamily", OPT_WORD, AT(address_family), "any inet inet6"},
    {"BatchMode", OPT_TRI, AT(batch), NULL},
    {"BindAddress", OPT_ONE, AT(bind_address), NULL},
    {"BindInterface", OPT_ONE, AT(bind_interface), NULL},
    {"CanonicalDomains", OPT_LIST, AT(canonical_domains), NULL},
    {"CanonicalizeFallbackLocal", OPT_TRI, AT(canonical_fallback), NULL},
    {"CanonicalizeHostname", OPT_WORD, AT(canonicalize), "yes no always true false none"},
    {"CanonicalizeMaxDots", OPT_INT, AT(canonical_dots), NULL},
    {"CanonicalizePermittedCNAMEs", OPT_TOLD, 0, "aliases in the DNS are not followed"},
    {"CertificateFile", OPT_NAMES, AT(certificates), NULL},
    {"ChallengeResponseAuthentication", OPT_TRI, AT(kbdint_auth), NULL},
    {"CheckHostIP", OPT_TOLD, 0, "host keys are looked up by name only"},
    {"Ciphers", OPT_ONE, AT(ciphers), NULL},
    {"Compression", OPT_TRI, AT(compression), NULL},
    {"ConnectTimeout", OPT_TIME, AT(connect_timeout_s), NULL},
    {"ConnectionAttempts", OPT_INT, AT(connection_attempts), NULL},
    {"DynamicForward", OPT_TOLD, 0, PORTS},
    {"ForwardAgent", OPT_ONE, AT(forward_agent), NULL},
    {"GlobalKnownHostsFile", OPT_LIST, AT(global_known_hosts), NULL},
    {"HashKnownHosts", OPT_TRI, AT(hash_known_hosts), NULL},
    {"HostKeyAlgorithms", OPT_ONE, AT(host_key_algorithms), NULL},
    {"HostKeyAlias", OPT_ONE, AT(host_key_alias), NULL},
    {"HostName", OPT_ONE, AT(hostname), NULL},
    {"IdentitiesOnly", OPT_TRI, AT(identities_only), NULL},
    {"IdentityAgent", OPT_ONE, AT(identity_agent), NULL},
    {"IdentityFile", OPT_NAMES, AT(identities), NULL},
    {"IgnoreUnknown", OPT_ONE, AT(ignore_unknown), NULL},
    {"KbdInteractiveAuthentication", OPT_TRI, AT(kbdint_auth), NULL},
    {"KexAlgorithms", OPT_ONE, AT(kex), NULL},
    {"KnownHostsCommand", OPT_TOLD, 0, "host keys are looked up in files only"},
    {"LocalForward", OPT_TOLD, 0, PORTS},
    {"MACs", OPT_ONE, AT(macs), NULL},
    {"NoHostAuthenticationForLocalhost", OPT_TRI, AT(trust_loopback), NULL},
    {"PKCS11Provider", OPT_TOLD, 0, "keys on a token are used by the system's ssh only"},
    {"PasswordAuthentication", OPT_TRI, AT(password_auth), NULL},
    {"PermitLocalCommand", OPT_TOLD, 0, "LocalCommand is run by the system's ssh only"},
    {"Port", OPT_INT, AT(port), NULL},
    {"PreferredAuthentications", OPT_ONE, AT(preferred), NULL},
    {"ProxyCommand", OPT_WHOLE, AT(proxy_command), NULL},
    {"ProxyJump", OPT_ONE, AT(proxy_jump), NULL},
    {"ProxyUseFdpass", OPT_TRI, AT(proxy_fdpass), NULL},
    {"PubkeyAcceptedAlgorithms", OPT_ONE, AT(pubkey_algorithms), NULL},
    {"PubkeyAcceptedKeyTypes", OPT_ONE, AT(pubkey_algorithms), NULL},
    {"PubkeyAuthentication", OPT_WORD, AT(pubkey_auth), "yes no true false unbound host-bound"},
    {"RefuseConnection", OPT_WHOLE, AT(refused), NULL},
    {"RemoteForward", OPT_TOLD, 0, PORTS},
    {"RequiredRSASize", OPT_INT, AT(rsa_bits), NULL},
    {"RevokedHostKeys", OPT_ONE, AT(revoked_keys), NULL},
    {"SendEnv", OPT_LIST, AT(send_env), NULL},
    {"ServerAliveCountMax", OPT_INT, AT(alive_count), NULL},
    {"ServerAliveInterval", OPT_TIME, AT(alive_interval_s), NULL},
    {"SetEnv", OPT_LIST, AT(set_env), NULL},
    {"StrictHostKeyChecking", OPT_WORD, AT(strict), "yes no off accept-new ask true false"},
    {"Tag", OPT_ONE, AT(tag), NULL},
    {"Tunnel", OPT_TOLD, 0, "the program's own SSH makes no tunnels"},
    {"User", OPT_ONE, AT(user), NULL},
    {"UserKnownHostsFile", OPT_LIST, AT(user_known_hosts), NULL},
    // What follows changes nothing that a task could notice, or is stricter without.
    HARMLESS("AddKeysToAgent"),
    HARMLESS("CASignatureAlgorithms"),  // host certificates are checked by the system's ssh, which reads it itself
    HARMLESS("ChannelTimeout"),
    HARMLESS("ClearAllForwardings"),
    HARMLESS("ControlMaster"),
    HARMLESS("ControlPath"),
    HARMLESS("ControlPersist"),
    HARMLESS("EnableEscapeCommandline"),
    HARMLESS("EnableSSHKeysign"),
    HARMLESS("EscapeChar"),
    HARMLESS("ExitOnForwardFailure"),
    HARMLESS("FingerprintHash"),
    HARMLESS("ForkAfterAuthentication"),
    HARMLESS("ForwardX11"),
    HARMLESS("ForwardX11Timeout"),
    HARMLESS("ForwardX11Trusted"),
    HARMLESS("GSSAPIAuthentication"),  // on in many systems' files; what a host accepts is told when a login fails
    HARMLESS("GSSAPIClientIdentity"),
    HARMLESS("GSSAPIDelegateCredentials"),
    HARMLESS("GSSAPIKeyExchange"),
    HARMLESS("GSSAPIKexAlgorithms"),
    HARMLESS("GSSAPIRenewalForcesRekey"),
    HARMLESS("GSSAPIServerIdentity"),
    HARMLESS("GSSAPITrustDns"),
    HARMLESS("GatewayPorts"),
    HARMLESS("HostbasedAcceptedAlgorithms"),
    HARMLESS("HostbasedAuthentication"),
    HARMLESS("HostbasedKeyTypes"),
    HARMLESS("IPQoS"),
    HARMLESS("KbdInteractiveDevices"),
    HARMLESS("LocalCommand"),  // counts with PermitLocalCommand only
    HARMLESS("LogLevel"),
    HARMLESS("LogVerbose"),
    HARMLESS("NumberOfPasswordPrompts"),
    HARMLESS("ObscureKeystrokeTiming"),
    HARMLESS("PermitRemoteOpen"),
    HARMLESS("ProtocolKeepAlives"),
    HARMLESS("RekeyLimit"),
    HARMLESS("RemoteCommand"),
    HARMLESS("RequestTTY"),
    HARMLESS("SecurityKeyProvider"),
    HARMLESS("SessionType"),
    HARMLESS("SetupTimeOut"),
    HARMLESS("StdinNull"),
    HARMLESS("StreamLocalBindMask"),
    HARMLESS("StreamLocalBindUnlink"),
    HARMLESS("SyslogFacility"),
    HARMLESS("TCPKeepAlive"),
    HARMLESS("TunnelDevice"),
    HARMLESS("UpdateHostKeys"),
    HARMLESS("VerifyHostKeyDNS"),
    HARMLESS("VersionAddendum"),
    HARMLESS("VisualHostKey"),
    HARMLESS("WarnWeakCrypto"),
    HARMLESS("XAuthLocation"),
    // of long ago, which ssh passes over, too
    HARMLESS("AFSTokenPassing"),
    HARMLESS("Cipher"),
    HARMLESS("CompressionLevel"),
    HARMLESS("DSAAuthentication"),
    HARMLESS("FallbackToRsh"),
    HARMLESS("GlobalKnownHostsFile2"),
    HARMLESS("KerberosAuthentication"),
    HARMLESS("KerberosTgtPassing"),
    HARMLESS("Protocol"),
    HARMLESS("RSAAuthentication"),
    HARMLESS("RhostsAuthentication"),
    HARMLESS("RhostsRSAAuthentication"),
    HARMLESS("SkeyAuthentication"),
    HARMLESS("SmartcardDevice"),
    HARMLESS("TISAuthentication"),
    HARMLESS("UsePrivilegedPort"),
    HARMLESS("UseRoaming"),
    HARMLESS("UseRsh"),
    HARMLESS("UserKnownHostsFile2"),
};

const struct ssh_opt *sshopt_find(const char *name) {
    for (size_t i = 0; i < COUNTOF(opts); i++) {
        if (strcasecmp(opts[i].name, name) == 0) {
            return &opts[i];
        }
    }
    return NULL;
}

bool sshopt_unknown(const char *name, struct err *e) {
    struct typo near = {.got = str_from(name)};
    for (size_t i = 0; i < COUNTOF(opts); i++) {
        typo_offer(&near, str_from(opts[i].name));
    }
    (void)err_set(e, ERR_SYNTAX, NO_MARK, "'%s' is not an option of ssh", name);
    return near.best.n ? err_hint(e, "did you mean '%.*s'", STR(near.best))
                       : err_hint(e, "options of other programs are passed over with 'IgnoreUnknown %s'", name);
}

bool sshopt_whole(const struct ssh_opt *o) {
    return o->type == OPT_WHOLE;
}

bool sshopt_many(const struct ssh_opt *o) {
    return o->type == OPT_LIST || o->type == OPT_HARMLESS || o->type == OPT_TOLD;
}

const char *sshopt_told(const struct ssh_opt *o, const char *value) {
    static const char *const off[] = {"no", "none", "false", "off"};
    for (size_t i = 0; i < COUNTOF(off); i++) {
        if (strcasecmp(value, off[i]) == 0) {
            return NULL;
        }
    }
    return o->type == OPT_TOLD ? o->text : NULL;
}

// -- setting one -----------------------------------------------------------------------------------------------------
static bool is_yes(const char *value) {
    return strcasecmp(value, "yes") == 0 || strcasecmp(value, "true") == 0;
}

static bool set_tri(enum ssh_tri *slot, const struct ssh_opt *o, const char *value, struct err *e) {
    if (!is_yes(value) && strcasecmp(value, "no") != 0 && strcasecmp(value, "false") != 0) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "ssh option '%s' must be yes or no, not '%s'", o->name, value);
    }
    if (*slot == SSH_UNSET) {
        *slot = is_yes(value) ? SSH_YES : SSH_NO;
    }
    return true;
}

static bool set_int(int *slot, const struct ssh_opt *o, const char *value, struct err *e) {
    int64_t n = 0;
    bool port = strcmp(o->name, "Port") == 0;
    if (!str_int(str_from(value), &n) || n < port || n > 65535) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "ssh option '%s' must be a number from %d to 65535, not '%s'", o->name,
                       port, value);
    }
    if (*slot == 0) {
        *slot = (int)n;
    }
    return true;
}

/// Seconds of "90", "1m30s", "2h", "none".
static bool seconds(const char *text, int64_t *out) {
    static const char units[] = "smhdw";
    static const int64_t of[] = {1, 60, 3600, 86400, 604800};
    *out = 0;
    if (strcasecmp(text, "none") == 0) {
        return true;
    }
    for (const char *s = text; *s;) {
        size_t n = strspn(s, "0123456789");
        int64_t number = 0;
        if (!n || n > 9 || !str_int((struct str){s, n}, &number)) {
            return false;
        }
        s += n;
        const char *unit = *s ? strchr(units, *s | 0x20) : units;
        if (!unit) {
            return false;
        }
        *out += number * of[unit - units];
        s += *s != '\0';
    }
    return *text && *out <= INT32_MAX / 1000;
}

static bool set_time(int *slot, const struct ssh_opt *o, const char *value, struct err *e) {
    int64_t n = 0;
    if (!seconds(value, &n)) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "ssh option '%s' must be a time such as 90 or 1m30s, not '%s'", o->name,
                       value);
    }
    if (*slot == 0) {
        *slot = (int)n;
    }
    return true;
}

static bool set_word(struct ssh_conf *c, const struct ssh_opt *o, const char *value, struct err *e) {
    struct str words = str_from(o->text);
    struct str w;
    bool known = false;
    while (str_next(&words, ' ', &w)) {
        known |= w.n == strlen(value) && strncasecmp(w.s, value, w.n) == 0;
    }
    if (!known) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "ssh option '%s' must be one of %s, not '%s'", o->name, o->text, value);
    }
    const char **slot = (const char **)(void *)((char *)c + o->at);
    *slot = *slot ? *slot : value;
    return true;
}

/// The files may be read twice: a name that is there already stays where it is.
static void push_new(struct arena *a, struct ssh_names *names, const char *value) {
    for (size_t i = 0; i < names->n; i++) {
        if (strcmp(names->p[i], value) == 0) {
            return;
        }
    }
    names_push(a, names, value);
}

/// Whichever of ProxyJump and ProxyCommand comes first takes the other's place, as in ssh.
static bool other_proxy(const struct ssh_conf *c, const struct ssh_opt *o) {
    bool jumps = c->proxy_jump && strcasecmp(c->proxy_jump, "none") != 0;
    return (o->at == AT(proxy_command) && jumps) || (o->at == AT(proxy_jump) && c->proxy_command);
}

static void set_text(struct ssh_conf *c, const struct ssh_opt *o, const char *value) {
    const char **slot = (const char **)(void *)((char *)c + o->at);
    if (o->at == AT(send_env)) {  // all of them count
        *slot = *slot ? arena_printf(c->a, "%s %s", *slot, value) : value;
    } else if (!*slot && !other_proxy(c, o)) {
        *slot = value;
    }
}

bool sshopt_set(struct ssh_conf *c, const struct ssh_opt *o, const char *value, struct err *e) {
    void *slot = (char *)c + o->at;
    switch (o->type) {
    case OPT_HARMLESS:
    case OPT_TOLD:
        return true;
    case OPT_TRI:
        return set_tri(slot, o, value, e);
    case OPT_INT:
        return set_int(slot, o, value, e);
    case OPT_TIME:
        return set_time(slot, o, value, e);
    case OPT_WORD:
        return set_word(c, o, value, e);
    case OPT_NAMES:
        push_new(c->a, slot, value);
        return true;
    case OPT_ONE:
    case OPT_LIST:
    case OPT_WHOLE:
        set_text(c, o, value);
        return true;
    }
    return true;
}
