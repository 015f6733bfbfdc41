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
    int port;
    int64_t timeout_ms, deadline_ms;
    enum host_key_policy policy;
    int fd, proxy_err, proxy_pid;
    uint64_t inode;  // of the socket
    bool fd_given;   // the session owns fd
    bool certified;  // only an authority vouches for the host's key
    ssh_session session;
};
/// Waits for the session's socket: 1 ready, 0 deadline, -1 the hub stops.
int ssh_try_wait(struct ssh_try *t);
extern const char ssh_stopped[];  // the reason when the hub stops
// resolve.c
/// getaddrinfo within the deadline. NULL and *list (the caller's), or the reason in t->a.
const char *resolve(struct ssh_try *t, const char *name, const char *port, const struct addrinfo *hints,
                    struct addrinfo **list);
// hostkey.c
/// Compares the server's key with the known_hosts files. ERR_UNREACHABLE, ERR_SYS.
bool host_key_check(struct ssh_try *t, struct err *e);
/// Appends the key types that are known for the host.
void known_types(struct ssh_try *t, struct buf *out);
// auth.c
/// Authenticates by keys, agent and password. ERR_UNREACHABLE with what was tried.
bool ssh_auth(struct ssh_try *t, struct err *e);
