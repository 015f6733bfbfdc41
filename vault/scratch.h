// A place for plaintext that an editor can open: a 0700 directory in memory, gone on every way out; and the editor.
#pragma once
#include "tool.h"

#include <signal.h>

struct scratch {
    const char *dir;
    int guard;  // closing it, or our death, makes the sweeper remove the directory
    int sweeper;
    sigset_t *old_mask;  // while it is open, signals that end us wait
};
/// Creates the directory on $XDG_RUNTIME_DIR, /dev/shm or /run/shm, whichever is a file system in memory and ours to
/// write to. ERR_NOT_FOUND when there is none: plaintext never goes to a disk.
bool scratch_open(struct tool *t, struct scratch *s);
/// Writes `text` to a new file `name` of mode 0600 in it; its path in t->a.
bool scratch_put(struct tool *t, const struct scratch *s, const char *name, struct str text, const char **path);
/// Removes the directory and what is in it. A signal that waited acts then.
void scratch_close(struct scratch *s);
/// Runs $EDITOR on `path` and waits. Editors that are known to make swap, backup or history files are told not to.
/// ERR_NOT_FOUND: no such editor; ERR_VAULT: it failed.
bool scratch_edit(struct tool *t, struct scratch *s, const char *path);
