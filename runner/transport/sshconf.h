// What ssh_config files and ssh command-line arguments say about one host. The first value of an option wins, as in
// ssh.
#pragma once
#include "err.h"

struct ssh_names {
    const char **p;
    size_t n, cap;
};
enum ssh_tri { SSH_UNSET, SSH_YES, SSH_NO };

struct ssh_conf {
    struct arena *a;       // owns every string
    const char *original;  // the name as the inventory has it (%n, Host patterns)
    const char *hostname;  // HostName, or NULL
    const char *user;
    int port;               // 0: not set
    int connect_timeout_s;  // 0: not set
    const char *host_key_alias;
    const char *canonical;                              // the original name made canonical, or NULL
    const char *strict;                                 // StrictHostKeyChecking
    const char *user_known_hosts, *global_known_hosts;  // lists of words, for args_split
    const char *send_env, *set_env;                     // the same: names with wildcards; NAME=VALUE
    const char *canonicalize, *canonical_domains;       // yes, no, always; a list
    const char *revoked_keys;                           // a file, or none
    const char *preferred;                              // methods of authentication, separated by commas
    const char *refused;                                // RefuseConnection: why
    const char *tag, *ignore_unknown, *bind_interface;
    struct ssh_names identities, certificates;
    int connection_attempts, alive_interval_s, alive_count;  // 0: not set
    int canonical_dots, rsa_bits;                            // 0: not set
    const char *identity_agent;
    const char *proxy_command, *proxy_jump;
    const char *ciphers, *kex, *macs, *host_key_algorithms, *pubkey_algorithms;
    const char *address_family, *bind_address;
    const char *forward_agent;  // yes, no, or where the agent is
    enum ssh_tri identities_only, hash_known_hosts, compression;
    enum ssh_tri password_auth, kbdint_auth, batch, trust_loopback, proxy_fdpass, canonical_fallback;
    const char *pubkey_auth;  // yes, no, unbound, host-bound
    struct ssh_names told;    // what has no effect here and may be missed: whole sentences with their places
    const char *config_file;  // -F
    bool final, wants_final;  // the second pass over the files; there is a `Match final`, which matches in it only
};

/// Applies arguments such as "-o StrictHostKeyChecking=no -i key -p 22". What has no meaning here but does no harm
/// (ControlPersist, ServerAliveInterval, -C ...) is accepted; what would change the connection and is not supported is
/// ERR_ARGS naming it.
bool sshconf_args(struct ssh_conf *c, const char *args, struct err *e);
/// Applies a configuration file (again with `final` set when `wants_final` was found set): Host, Match, Include. A
/// missing file is an error only when `must_exist`. ERR_SYNTAX as "FILE line N: ...", also for an unknown keyword, as
/// in ssh; ERR_SYS.
bool sshconf_file(struct ssh_conf *c, const char *path, bool must_exist, struct err *e);
/// Expands ~ and ~user, ${VAR} and the tokens %% %d %h %i %n %p %r %u %L %l in a path or command. ERR_ARGS for another
/// token.
bool sshconf_expand(const struct ssh_conf *c, const char *text, const char **out, struct err *e);
/// True when `name` matches the pattern list of Host: globs, `!` negates. Exposed for tests.
bool sshconf_match(struct str patterns, char sep, const char *name);
/// The host name to connect to: HostName expanded, or the original.
const char *sshconf_hostname(const struct ssh_conf *c);
const char *sshconf_user(const struct ssh_conf *c);
/// Home directory and name of the invoking user, in `a`.
const char *login_home(struct arena *a);
const char *login_name(struct arena *a);
/// An environment variable; NULL when it is not set or empty. Any thread: nobody changes the environment of a run.
const char *login_env(const char *name);
void names_push(struct arena *a, struct ssh_names *names, const char *name);
/// Splits like a shell: white space, single and double quotes, backslash. ERR_SYNTAX for an open quote.
bool args_split(struct arena *a, const char *text, struct ssh_names *out, struct err *e);
