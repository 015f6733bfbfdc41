// Borrowed byte strings: pointer and length, usually UTF-8, not necessarily NUL-terminated.
#pragma once
#include "arena.h"

struct str {
    const char *s;
    size_t n;
};

#define STR(x)     (int)(x).n, (x).s                      // for "%.*s"
#define STR_LIT(l) ((struct str){("" l), sizeof(l) - 1})  // from a literal
#define STR_NONE   ((struct str){NULL, 0})

/// A C string as a struct str; NULL gives STR_NONE.
struct str str_from(const char *z);
bool str_eq(struct str a, struct str b);
bool str_eqz(struct str a, const char *z);
/// Byte order as strcmp: <0, 0, >0.
int str_cmp(struct str a, struct str b);
bool str_starts(struct str s, const char *prefix);
bool str_ends(struct str s, const char *suffix);
/// The offset of `needle` at or after `from`, or SIZE_MAX.
size_t str_find(struct str s, size_t from, struct str needle);
size_t str_find_char(struct str s, size_t from, char c);
/// `s` from `from` (clamped) to `to` (clamped).
struct str str_sub(struct str s, size_t from, size_t to);
/// Without ASCII white space at both ends / the right end.
struct str str_trim(struct str s);
struct str str_rtrim(struct str s);
/// Copy in `a`, with a NUL behind.
struct str str_dup(struct arena *a, struct str s);
/// As str_dup, but returned as a C string.
char *str_z(struct arena *a, struct str s);
/// An ASCII letter in lower / upper case; any other byte as it is.
static inline char ascii_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}
static inline char ascii_upper(char c) {
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}
/// Formats into `a`.
struct str str_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
/// Cuts `*rest` at the next `sep` and returns the part before it; false when `*rest` was exhausted (rest->s == NULL).
bool str_next(struct str *rest, char sep, struct str *part);
/// A decimal integer with optional sign filling all of `s`; false when it is anything else or out of range.
bool str_int(struct str s, int64_t *out);
uint32_t str_hash(struct str s);

/// Decodes one UTF-8 code point at s[*i] and advances *i; an invalid byte gives 0xDC80+byte (as Python's
/// surrogateescape).
uint32_t utf8_next(struct str s, size_t *i);
/// Encodes `cp` to `out` (up to 4 bytes; surrogate escapes give back their byte); returns the length.
size_t utf8_put(uint32_t cp, char out[4]);
/// Number of code points.
size_t utf8_len(struct str s);
/// True when every byte sequence is valid UTF-8.
bool utf8_valid(struct str s);
