// Places in source files, 4 bytes each. A mark is an offset into the row of all sources loaded by this process.
#pragma once
#include "str.h"

struct mark {
    uint32_t at;  // 0: no place
};
#define NO_MARK ((struct mark){0})

enum mark_flags {
    MARK_SECRET = 1,  // decrypted from a vault: its text is never shown in an excerpt
};

struct place {
    const char *file;    // as shown to the user; NULL when the mark is NO_MARK
    uint32_t line, col;  // 1-based; col counts code points
    struct str text;     // the line's text without its newline; empty for MARK_SECRET sources
};

/// Registers a source text under `name` and returns the mark of its first byte. Copies both. Any thread.
/// The mark of byte i is {base.at + i}. Aborts beyond 4 GiB of sources in one run (callers cap file sizes).
struct mark mark_source(const char *name, struct str text, enum mark_flags flags);
/// Resolves a mark. Any thread; the strings live until exit.
struct place mark_place(struct mark m);
/// The whole text of the source that holds `m` and the offset of `m` in it; false for NO_MARK and secret sources.
bool mark_text(struct mark m, struct str *text, size_t *offset);
/// The place of byte `offset` of `decoded`, a YAML scalar whose source text starts at `m`: follows quotes, escapes
/// and block indentation as far as the two texts agree, otherwise returns `m`.
struct mark mark_inside(struct mark m, struct str decoded, size_t offset);
/// Forgets all sources (tests only).
void mark_reset(void);
