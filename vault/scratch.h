// Places for plaintext that other programs open: a 0700 directory in memory, gone on every way out, or files without a
// name; and the editor.
#pragma once
#include "tool.h"

#include <signal.h>

struct scratch {
    const char *dir;  // NULL: files have no name
    int fds[4];       // those
    size_t n_fds;
    int guard;  // closing it, or our death, makes the sweeper remove the directory
    int sweeper;
    sigset_t *old_mask;  // while it is open, signals that end us wait
};
/// Creates the directory on $XDG_RUNTIME_DIR, /dev/shm or /run/shm, whichever is a file system in memory and ours to
/// write to. Where there is none, files have no name: plaintext never goes to a disk. ERR_SYS.
bool scratch_open(struct tool *t, struct scratch *s);
/// Files without a name (memfd), for programs that read what they are given and need no more.
void scratch_open_nameless(struct scratch *s);
/// Writes `text` to a new file `name` of mode 0600; its path in t->a is good in this process and in those it starts.
bool scratch_put(struct tool *t, struct scratch *s, const char *name, struct str text, const char **path);
/// Removes the directory and what is in it. A signal that waited acts then.
void scratch_close(struct scratch *s);
/// Runs $EDITOR on `path` and waits. Editors that are known to make swap, backup or history files are told not to.
/// ERR_NOT_FOUND: no such editor; ERR_VAULT: it failed.
bool scratch_edit(struct tool *t, struct scratch *s, const char *path);
