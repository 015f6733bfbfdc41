// "did you mean": the nearest known name.
#pragma once
#include "str.h"

/// The nearest of `names[0..n)` to `got` by edit distance, or NULL when none is near enough.
const char *typo_nearest(struct str got, const char *const *names, size_t n);

/// Incremental form: start with {.got = name}, call typo_offer for each known name, then read .best (NULL: none).
struct typo {
    struct str got;
    struct str best;
    size_t distance;
};
void typo_offer(struct typo *t, struct str known);
