// Values to TOML text.
#pragma once
#include "val.h"

/// Appends the dict `v` as a TOML document. null is left out, objects are text. Scratch memory in `a`. ERR_TYPE for
/// keys that are no text.
bool toml_write(struct buf *out, struct val v, struct arena *a, struct err *e);
