// Integers that do not fit 64 bits, kept as decimal text. What computes with them is in jinja/bigint.c.
#pragma once
#include "val.h"

struct vbig {
    struct vobj o;
    struct str digits;  // with "-" in front when negative, without leading zeros
};
extern const struct obj_type big_type;

#define BIG_DIGITS 4300  // as many as Python turns into text

/// An integer from its decimal digits: VAL_INT when it fits 64 bits, else an object. `digits` as in struct vbig.
struct val big_val(struct arena *a, struct str digits);
/// The digits of a large integer; STR_NONE for any other value.
struct str big_digits(struct val v);
bool is_big(struct val v);
/// The nearest float, infinite when there is none.
double big_float(struct val v);
/// Compares numbers of which one is large: -1, 0, 1; 2 when the other is not a number (nan).
int big_compare(struct val a, struct val b);
