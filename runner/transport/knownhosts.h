// known_hosts files as data: parse once, look up by host name and key, and the line to add. No network, no libssh.
#pragma once
#include "buf.h"
#include "err.h"

enum kh_answer {
    KH_UNKNOWN,     // no key for this host
    KH_OK,          // this key is known
    KH_OTHER_TYPE,  // the host is known by keys of other types only
    KH_CHANGED,     // another key of this type is known
    KH_REVOKED,     // this key is marked @revoked
};
struct kh_file;
struct kh_found {
    enum kh_answer answer;
    const char *path;  // where, unless KH_UNKNOWN; borrowed from the file
    uint32_t line;
    struct str type;  // the type of the key known
};

/// Parses the text of a known_hosts file; lines that are not understood are passed over, as ssh does. `text` and `path`
/// are copied. Hostile text is safe. The result lives in `a` and is immutable.
struct kh_file *kh_parse(struct arena *a, const char *path, struct str text);
/// Looks `name` up: "host" or "[host]:port", any case. `type` as in the file ("ssh-ed25519"), `key` in base64.
struct kh_found kh_lookup(const struct kh_file *f, const char *name, struct str type, struct str key);
/// The first line that names a certificate authority for the host's key; 0: none.
uint32_t kh_authority(const struct kh_file *f, const char *name);
/// Appends the key types known for `name`, each once, as a comma list (for the order of host key algorithms).
void kh_types(const struct kh_file *f, const char *name, struct buf *out);
/// The name under which a host is kept: "[host]:port" unless the port is 22; lower case.
const char *kh_name(struct arena *a, const char *host, int port);
/// The line (with newline) for a new key; with `hash` the name is hashed with a random salt.
struct str kh_line(struct arena *a, const char *name, struct str type, struct str key, bool hash);
/// Appends a line under a lock, creating the file 0600 and its directory 0700. ERR_SYS.
bool kh_append(const char *path, struct str line, struct err *e);
