// Unified diffs, line by line as Python's difflib prints them.
#pragma once
#include "buf.h"

/// How a diff is printed: lines of context, and what starts the colour of added, removed and position lines (NULL:
/// none).
struct udiff_style {
    int context;
    const char *add, *remove, *lines;
};
/// Appends a unified diff; nothing when the texts are equal. Headers are printed as given.
void udiff(struct buf *out, struct str from_header, struct str before, struct str to_header, struct str after,
           const struct udiff_style *style);
