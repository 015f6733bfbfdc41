// INI text, read as Python's configparser reads it.
#pragma once
#include "filters/support.h"

struct ini {
    struct jcall *c;
    struct val sections;  // name -> dict of option -> text or none
    struct val defaults;
    bool fold;              // option names in lower case
    bool no_value;          // options without a value are allowed
    struct val delimiters;  // list of texts; VAL_UNDEF: "=" and ":"
    // while reading
    struct val cur;  // section, VAL_UNDEF before the first
    struct str option;
    struct buf value;
    bool open, none;  // an option is being read; it has no value
    size_t indent;
};

/// Reads all of `text`; the caller has set c, fold, no_value and delimiters. ERR_SYNTAX with the line.
bool ini_read(struct ini *p, struct str text, struct err *e);
/// The name of an option as it is kept.
struct str ini_option_name(const struct ini *p, struct str s);
