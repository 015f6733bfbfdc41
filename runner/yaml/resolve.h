// What an untagged YAML scalar means (PyYAML's implicit resolver) and how text becomes a value of a tag.
#pragma once
#include "val.h"

enum ytag {
    TAG_STR,
    TAG_BOOL,
    TAG_INT,
    TAG_FLOAT,
    TAG_NULL,
    TAG_DATE,
    TAG_MERGE,  // "<<"
    TAG_VALUE,  // "="
    TAG_BINARY,
    TAG_SEQ,
    TAG_MAP,
    TAG_SET,
    TAG_OMAP,
    TAG_PAIRS,
    TAG_UNSAFE,
    TAG_VAULT,
    TAG_UNKNOWN,
};

/// The tag of a plain scalar without a tag: one of TAG_STR ... TAG_VALUE.
/// Source: PyYAML resolver.py; cases: tests/cases/yaml/load.json.
enum ytag resolve_plain(struct str text);
/// The tag behind a resolved tag name such as "tag:yaml.org,2002:int" or "!vault".
enum ytag resolve_tag(const char *name);
/// The value of a scalar tag (TAG_STR ... TAG_DATE, TAG_BINARY). Decimal integers beyond 64 bits become strings of
/// their digits. Errors: ERR_SYNTAX at `at` when the text does not fit the tag; the text itself is not repeated.
bool resolve_make(enum ytag tag, struct str text, struct arena *a, struct mark at, struct val *out, struct err *e);
