// Python's str methods on UTF-8 text: case, white space, lines, codecs, numbers.
#pragma once
#include "val.h"

/// Unicode case mapping as str.upper, lower, capitalize and Jinja2's title. Result in `a`.
struct str text_upper(struct arena *a, struct str s);
struct str text_lower(struct arena *a, struct str s);
struct str text_capitalize(struct arena *a, struct str s);
struct str text_title(struct arena *a, struct str s);
/// str.islower / str.isupper.
bool text_is_lower(struct str s);
bool text_is_upper(struct str s);
/// str.isspace of one code point.
bool cp_space(uint32_t cp);
/// str.strip(): white space at the left and/or right; or any code point of `chars` when it has a pointer.
enum strip_side { STRIP_LEFT = 1, STRIP_RIGHT = 2, STRIP_BOTH = 3 };
struct str text_strip(struct str s, struct str chars, enum strip_side side);
/// str.splitlines(): cuts `*rest` after its first line (without the line end); false at the end.
bool text_line(struct str *rest, struct str *line);
/// str.split(): the next run of non-space; false at the end.
bool text_word(struct str *rest, struct str *word);
/// Byte offset of code point `n` (or s.n when there are fewer).
size_t text_offset(struct str s, size_t n);
/// str.replace; `count` < 0: all.
struct str text_replace(struct arena *a, struct str s, struct str from, struct str to, int64_t count);
/// str.join of a C array.
struct str text_join(struct arena *a, struct str sep, const struct str *parts, size_t n);
/// Text to bytes in a Python codec name and back. ERR_ARGS for an unknown codec, ERR_TYPE for what does not fit.
bool text_encode(struct arena *a, struct str s, struct str codec, struct mark at, struct str *out, struct err *e);
bool text_decode(struct arena *a, struct str s, struct str codec, struct mark at, struct str *out, struct err *e);
/// shlex.quote.
struct str text_shell_quote(struct arena *a, struct str s);
/// Python's int(text, base) and float(text). int: 1 ok, 0 not a number, -1 does not fit 64 bits.
int text_to_int(struct str s, int base, int64_t *out);
/// The same for an integer of any size: 1 ok, 0 not a number, -1 the error is set.
int text_to_whole(struct arena *a, struct str s, int base, struct val *out, struct err *e);
bool text_to_float(struct arena *a, struct str s, double *out);
