// Trees of directories: listed, walked and removed through directory descriptors, so that a link planted meanwhile is
// never entered.
#pragma once
#include "module.h"

#include <sys/stat.h>

/// One entry of a walk: `name` below the open directory `dir`; `path` is its whole path.
struct tree_entry {
    int dir;
    const char *name, *path;
    struct stat st;  // lstat
};
/// Calls `fn` for everything below `path` (not for `path` itself), directories before what they hold. Links are
/// entries, never entered. ERR_LIMIT for more than 1,000,000 entries or 200 levels.
typedef bool tree_fn(void *ctx, const struct tree_entry *t, struct err *e);
bool tree_walk(struct mod_call *c, const char *path, tree_fn *fn, void *ctx, struct err *e);
/// The paths of directories and of everything else below `path`, in os.walk's order.
bool tree_list(struct mod_call *c, const char *path, struct val dirs, struct val files, struct err *e);
/// Removes `path` and everything below. A missing path is fine.
bool tree_remove(struct mod_call *c, const char *path, struct err *e);
