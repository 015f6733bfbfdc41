// Paths as text: what Python's os.path does with them, without looking at the file system.
#pragma once
#include "str.h"

/// os.path.normpath: no "//", "." or "x/.." left; ".." stays only where there is nothing to take back.
struct str paths_normal(struct arena *a, struct str path);
/// The part behind the last slash.
struct str paths_base(struct str path);
/// The part before the last slash, without it; "/" for "/x", "" for "x".
struct str paths_dir(struct str path);
/// True when the normal path `path` is below (not at) the normal directory `dir`.
bool paths_below(struct str dir, struct str path);
