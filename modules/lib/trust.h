// Links that may be followed while writing with somebody else's rights.
#pragma once
#include "module.h"

#include <sys/types.h>

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
/// mkdir and unlink by an anchor. false: refused (in `e`), or errno says why not.
bool trust_mkdir(struct mod_call *c, const char *path, mode_t mode, struct err *e);
bool trust_unlink(struct mod_call *c, const char *path, struct err *e);
/// Opens `path` for reading by an anchor, its last part no link; never waits at a FIFO. -1: refused (in `e`), or errno
/// says why not; ELOOP: it is a link.
int trust_open(struct mod_call *c, const char *path, struct err *e);
/// A name for programs that this module runs: of `path` in its directory, which stays the same place as above, until
/// this process ends. `whole`: of the file that is there now, whatever becomes of its name; links are followed as by
/// trust_real. The path itself without root's rights, or without /proc. NULL: as trust_anchor.
const char *trust_hold(struct mod_call *c, const char *path, bool whole, struct err *e);
/// The directory `dir` as a place for programs to work in (struct run), held like an anchor in *fd. NULL: as above.
const char *trust_cwd(struct mod_call *c, const char *dir, int *fd, struct err *e);
