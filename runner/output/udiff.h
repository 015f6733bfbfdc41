// Unified diffs, line by line as Python's difflib prints them.
#pragma once
#include "buf.h"

/// Appends a unified diff with three lines of context; nothing when the texts are equal. Headers are printed as given.
/// `color` wraps removed, added and position lines in terminal colours.
void udiff(struct buf *out, struct str from_header, struct str before, struct str to_header, struct str after,
           bool color);
