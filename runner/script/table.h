// Reading the tables that Lua files return, as plain values.
#pragma once
#include "module.h"

struct reader {
    struct arena *a;
    const char *file;
    struct err *e;
};

/// ERR_ARGS "file: where: what"; returns false.
bool table_wrong(struct reader *r, const char *where, const char *what);
/// Fails for a key that is none of `names`, with "did you mean".
bool table_keys(struct reader *r, struct val d, const char *where, const char *const *names, size_t n);
/// The text under a key, or NULL.
const char *table_text(struct reader *r, struct val d, const char *key);
/// A list of names as "a|b" with `sep` between them; a string stays as it is; NULL for anything else.
const char *table_names(struct reader *r, struct val v, const char *sep);
/// The specification `name -> {type, required, default ...}` as rows.
bool table_args(struct reader *r, struct val v, const char *where, const struct arg **out);
