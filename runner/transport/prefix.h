// Connections that are a program on this machine in front of the command: docker exec, kubectl exec, chroot ... One
// table says which variables of Ansible's connection plugins become which words. No I/O.
#pragma once
#include "conn.h"

/// Where the words of a prefix come from.
struct prefix_source {
    const struct conn_spec *login;  // host, address, port, user, key_file, ssh_args, host_key ... as for ssh
    /// The first defined of the variables in `list` (names separated by '|'), STR_NONE when none is.
    bool (*var)(void *ctx, const char *list, struct str *out, struct err *e);
    void *ctx;
};
/// True when `kind` (a short or a full plugin name) is in the table.
bool prefix_known(struct str kind);
/// The words of the connection `kind`, ended by NULL, in `a`. `*joined`: the program passes what follows to a shell as
/// one command line. ERR_ARGS for a kind that is not in the table, a setting that is not supported and a name that
/// would be taken for an option; errors of the source.
bool prefix_argv(struct arena *a, struct str kind, const struct prefix_source *s, const char *const **argv,
                 bool *joined, struct err *e);
/// ERR_ARGS for a connection that is not supported: names those that are.
bool prefix_unknown(struct str kind, struct mark at, struct err *e);
