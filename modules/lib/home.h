// Home directories and what is put into them. A home belongs to its user, who may put symbolic links there: everything
// below it is opened by directory descriptors and without following links.
#pragma once
#include "module.h"

#include <sys/types.h>

struct home {
    const char *path;
    const char *skeleton;  // directory whose content is copied; NULL: /etc/skel
    mode_t mode;           // 0: by HOME_MODE or UMASK of /etc/login.defs
    uid_t uid;
    gid_t gid;
};
/// Makes a home directory that does not exist, with its parents; it appears complete, under its name, or not at all.
bool home_create(struct mod_call *c, const struct home *h, struct err *e);
/// Gives everything in `path` that belongs to `from` to `to`; links are not followed. A missing path is fine.
bool home_give(struct mod_call *c, const char *path, uid_t from, uid_t to, gid_t gid, struct err *e);
/// Makes the directories of `path` above its last part.
bool home_parents(struct mod_call *c, const char *path, struct err *e);

/// A key pair of a user.
struct sshkey {
    const char *home, *file;  // `file`: absolute, or below `home`
    const char *type, *comment;
    int64_t bits;  // 0: the program's default
    struct str passphrase;
    uid_t uid;
    gid_t gid;
    bool force;
};
/// The whole path of the private key.
const char *sshkey_path(struct mod_call *c, const struct sshkey *k);
/// Tells whether the private key or the public one exists. Links count as existing.
void sshkey_exists(struct mod_call *c, const struct sshkey *k, bool *key, bool *pub);
/// Makes the pair in the call's private directory and moves it in place, owned by the user. The passphrase goes through
/// a file in that directory, never through a command line or an environment.
bool sshkey_generate(struct mod_call *c, const struct sshkey *k, struct err *e);
/// Sets ssh_fingerprint, ssh_key_file and ssh_public_key of the result.
bool sshkey_report(struct mod_call *c, const struct sshkey *k, struct err *e);
