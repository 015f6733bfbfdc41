// Values that many hosts have in common, kept once a run: keys, short texts, and lists and dicts that are equal.
#pragma once
#include "val.h"

struct share;

/// Memory from `a`, which must outlive every value that is shared.
struct share *share_new(struct arena *a);
/// NULL is fine.
void share_free(struct share *s);
/// A deep copy of `v`, as val_promote makes it, in which what was seen before stands once: in the arena of `s`. The
/// rest is in `a`. Secret values are never shared. `s` may be NULL. One thread at a time; never blocks.
struct val share_promote(struct share *s, struct arena *a, struct val v);
