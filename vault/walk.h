// Walks a project's files for rekey, check and grep.
#pragma once
#include "err.h"

/// Calls `fn` for `root` when it is a file, else for every regular file below it in byte order; `.git` and other
/// repositories' insides, symbolic links and files of 64 MiB and more are left out. Stops when `fn` returns false.
bool walk(const char *root, bool (*fn)(void *self, const char *path, struct err *e), void *self, struct arena *a,
          struct err *e);
