// Arithmetic on integers of any size, with OpenSSL's BIGNUM; results of more than BIG_DIGITS digits are refused.
#pragma once
#include "ast.h"
#include "big.h"

/// An integer of 64 bits or a large one; bools count.
bool is_whole(struct val v);
/// l op r for two whole numbers: + - * / // % **. `/` gives a float, rounded once as in Python.
bool big_op(struct arena *a, enum tok_type op, struct val l, struct val r, struct val *out, struct err *e);
/// Digits of any base up to 36, without sign, prefix and underscores, as a whole number.
bool big_parse(struct arena *a, struct str digits, int base, bool negative, struct val *out, struct err *e);
/// A whole number's digits without sign in base 2, 8, 10 or 16 (lower case).
struct str big_in_base(struct arena *a, struct val v, int base);
/// A float without its fraction as a whole number; ERR_TYPE for nan and infinity.
bool big_from_float(struct arena *a, double f, struct val *out, struct err *e);
