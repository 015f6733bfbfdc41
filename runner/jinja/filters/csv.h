// CSV text, read as Python's csv module reads it.
#pragma once
#include "filters/support.h"

struct csv {
    struct str s;
    size_t i;  // where the next row begins
    char delimiter;
    bool skip_space;  // behind delimiters
    bool strict;      // what does not fit is an error
};
/// The next row as a list of texts, empty for an empty line; false at the end of the data, or with ERR_SYNTAX in `e`
/// (only when strict).
bool csv_row(struct csv *r, struct jcall *c, struct val *row, struct err *e);
