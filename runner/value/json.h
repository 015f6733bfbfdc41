// JSON: read with jansson, written as Python's json module writes it.
#pragma once
#include "val.h"

#define JSON_LINES (-1)
struct json_style {
    int indent;               // 0: one line
    const char *indent_text;  // a level's indentation instead of spaces; indent is JSON_LINES
    bool sort_keys;
    bool same_keys;                  // with sort_keys: text beside numbers is an error, else it stays in its order
    bool ascii;                      // non-ASCII as \uXXXX (Python's default)
    const char *item_sep, *key_sep;  // NULL: Python's default for the indent
};

/// Parses one JSON document. Keys keep their order. The result is untrusted and lives in `a`. ERR_SYNTAX with line and
/// column.
bool json_parse(struct arena *a, struct str text, struct val *out, struct err *e);
/// Appends `v`. Dates and objects become what obj_type.json says. ERR_TYPE for undefined and what JSON cannot say.
bool json_write(struct buf *b, struct val v, const struct json_style *style, struct err *e);
