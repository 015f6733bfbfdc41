// Links that may be followed while writing with somebody else's rights.
#pragma once
#include "module.h"

/// Refuses a path that leads through a link by which its owner reaches what is not his: as root, a link of another user
/// to something that belongs to a third (usually root itself) is one he planted. `last`: the last part is followed,
/// too. Links of root and of the caller, and links of a user to his own files, are fine. Reads only.
bool trust_path(struct mod_call *c, const char *path, bool last, struct err *e);
/// What `path` leads to with all links followed, each judged as above while it is read; NULL: refused. What is not
/// there is a name in its directory.
const char *trust_real(struct mod_call *c, const char *path, struct err *e);
/// Another name of `path` for system calls, which stays the same place whatever happens to the directories on the way:
/// each was opened and judged as above, and *fd holds the last one. The last part is not followed. Only for this
/// process. The path itself without root's rights, or without /proc. NULL: refused (in `e`), or errno says why not.
const char *trust_anchor(struct mod_call *c, const char *path, int *fd, struct err *e);
