// Cutting a large content into pieces where the content itself says so: a byte inserted changes one or two pieces, not
// all that follow. Both ends cut alike. Pure bytes: no I/O.
#pragma once
#include "str.h"

#define PIECE_MIN   ((size_t)16 << 10)
#define PIECE_MAX   ((size_t)256 << 10)
/// Contents, and the files that they replace, of at least this size travel as pieces.
#define PIECES_FROM ((size_t)1 << 20)

/// The length of the piece at the front of `rest`, all that follows in the content; 0 for nothing. About 80 KiB on
/// average. Any thread.
size_t piece_length(struct str rest);
