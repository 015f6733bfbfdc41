// One attempt to connect, shared by the files that do parts of it in a dialer's thread.
#pragma once
#include "hub.h"
#include "sshconf.h"

#include <netdb.h>

#define AUTH_EXTRA_MS 30000  // authentication may take so much longer than connecting (PAM, agents)

struct ssh_try {
    struct hub *h;
    struct conn *c;
    struct arena *a;
    struct ssh_conf conf;
    const char *host, *user;
    const char *const *env;  // NAME=VALUE to be set on the host, ended by NULL; NULL: none
    int port;
    int64_t timeout_ms, deadline_ms;
    enum host_key_policy policy;
    int fd, proxy_err, proxy_pid;
    uint64_t inode;       // of the socket
    struct str greeting;  // the first bytes from the other side
    bool fd_given;        // the session owns fd
    bool certified;       // only an authority vouches for the host's key
    ssh_session session;
};
/// Waits for the session's socket: 1 ready, 0 deadline, -1 the hub stops.
int ssh_try_wait(struct ssh_try *t);
extern const char ssh_stopped[];  // the reason when the hub stops
// settings.c
/// Reads what the user has set for the host. ERR_ARGS, ERR_SYNTAX with file and line, ERR_UNREACHABLE.
bool ssh_settle(struct ssh_try *t, struct err *e);
/// IdentityAgent as a path, or "none"; NULL: not set, or not there.
const char *ssh_agent_path(struct ssh_try *t);
/// A path, SSH_AUTH_SOCK or $NAME as a path; NULL: there is no such variable.
const char *ssh_agent_named(struct ssh_try *t, const char *way);
// resolve.c
/// getaddrinfo within the deadline. NULL and *list (the caller's), or the reason in t->a.
const char *resolve(struct ssh_try *t, const char *name, const char *port, const struct addrinfo *hints,
                    struct addrinfo **list);
// algorithms.c
/// `given` as a whole list: with + - ^ before it, it changes the usual one. NULL stays NULL; "": nothing is left.
const char *algorithms(struct arena *a, const char *given, const char *usual);
// hostkey.c
/// Compares the server's key with the known_hosts files. ERR_UNREACHABLE, ERR_SYS.
bool host_key_check(struct ssh_try *t, struct err *e);
/// Appends the key types that are known for the host.
void known_types(struct ssh_try *t, struct buf *out);
// auth.c
/// Authenticates by keys, agent and password. ERR_UNREACHABLE with what was tried.
bool ssh_auth(struct ssh_try *t, struct err *e);
