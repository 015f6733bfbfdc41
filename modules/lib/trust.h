// Links that may be followed while writing with somebody else's rights.
#pragma once
#include "module.h"

/// Refuses a path that leads through a link by which its owner reaches what is not his: as root, a link of another user
/// to something that belongs to a third (usually root itself) is one he planted. `last`: the last part is followed,
/// too. Links of root and of the caller, and links of a user to his own files, are fine. Reads only.
bool trust_path(struct mod_call *c, const char *path, bool last, struct err *e);
