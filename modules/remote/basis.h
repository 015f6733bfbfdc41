// A file that a content is to replace, as the child describes it to its parent: the content's raw SHA-256, the length
// of the path (32 bits) and the path, then for each piece its length (32 bits) and its raw SHA-256.
#pragma once
#include "buf.h"
#include "err.h"

#define BASIS_PIECE ((size_t)36)

/// Appends the description of `path`; false when it is no file, too small, or has changed while it was read.
bool basis_describe(const unsigned char sha[32], const char *path, struct buf *out);
/// Splits a description: *path in `a`, NULL when it is malformed; the pieces are returned.
struct str basis_path(struct arena *a, struct str body, const char **path);
