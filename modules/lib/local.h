// Files of the controller that the result of a module on a target goes to.
#pragma once
#include "module.h"

/// A path of the controller as it was given: ~ expanded, relative to the playbook.
bool local_path(struct mod_call *c, struct str path, struct str *out, struct err *e);
/// Makes the directories above `path` that are missing.
bool local_parents(struct mod_call *c, struct str path, struct err *e);

/// A file that a module on the target fills while it runs. It has another name until sink_keep, and is removed with the
/// call when that never comes.
struct sink {
    int fd;
    const char *path, *temp;
};
/// prepare: opens a file for `path`, readable by its owner alone, and makes it the call's.
bool sink_open(struct mod_call *c, struct str path, struct err *e);
/// finish: puts it in place, if its content has this SHA-256.
bool sink_keep(struct mod_call *c, struct str sha256, struct err *e);
