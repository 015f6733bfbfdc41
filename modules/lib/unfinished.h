// A mark beside a package manager's database while it works: a run that finds one knows that the one before was killed,
// or met a full disk, and what may be half done since when.
#pragma once
#include "module.h"

#include <sys/stat.h>

struct unfinished {
    const char *root;
    const char *path;  // NULL: no mark is kept
    bool found;
    struct timespec since;  // of the mark that was found: when the file was made
};

/// Looks for the mark in the directory `dir` of the package manager below `root` ("": the system itself). None is kept
/// without root's rights, for a root that is still to be made, and on a system without the directory. false: refused
/// (trust.h).
bool unfinished_look(struct mod_call *c, const char *root, const char *dir, struct unfinished *u, struct err *e);
/// Before something is changed; makes the directory below another root. A mark that was found stays as it is.
/// ERR_MODULE when it cannot be written: a disk that is full has no room for packages either.
bool unfinished_begin(struct mod_call *c, const struct unfinished *u, struct err *e);
/// When all is whole again.
bool unfinished_end(struct mod_call *c, struct unfinished *u, struct err *e);
