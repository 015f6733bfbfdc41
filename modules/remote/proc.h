// Processes and directories that must not outlive a request or the connection.
#pragma once
#include "arena.h"

#include <sys/types.h>

/// Kills `root` and everything below it, whatever session or group it moved to. What was detached before (its parent
/// ended) is not below it any more and stays: that is how a playbook starts a daemon.
void proc_kill_tree(pid_t root);
/// Removes a directory and what is in it, without following symbolic links or leaving the file system.
void proc_remove_tree(const char *path);
