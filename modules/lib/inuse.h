// Whether a process works with a file or in a directory: a lock that nobody holds was left by one that was killed.
#pragma once
#include "arena.h"

#include <stdbool.h>

/// True when a process (of those whose descriptors this one may read) has the file `path` open.
bool file_in_use(struct arena *a, const char *path);
/// True when a process of that name (the kernel's, at most 15 bytes) works in the directory `path` or below it.
bool dir_in_use(struct arena *a, const char *path, const char *name);
