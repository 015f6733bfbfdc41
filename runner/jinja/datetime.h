// Arithmetic, formatting and methods of dates in templates: what now() and to_datetime give, and differences of them.
#pragma once
#include "date.h"

/// datetime.timedelta: seconds, rounded down, and microseconds (0..999999) on top.
struct vdelta {
    struct vobj o;
    int64_t sec;
    int32_t usec;
};
extern const struct obj_type delta_type;

struct val val_delta(struct arena *a, int64_t sec, int32_t usec);
/// The difference behind `v`, or NULL when it is something else.
const struct vdelta *delta_of(struct val v);
/// Days from 1970-01-01 to a civil date.
int64_t date_days(int64_t year, int month, int day);
/// Seconds from 1970-01-01 00:00:00 to `d` by its own wall clock, no zone applied; and back (naive, with a time).
int64_t date_seconds(const struct vdate *d);
struct vdate date_from_seconds(int64_t sec, int32_t usec);
/// Now, in local time or UTC; naive as Python's datetime.now().
struct vdate date_now(bool utc);
/// Seconds since the epoch: with a zone by it, without by the local zone.
double date_timestamp(const struct vdate *d);
/// Python's strftime: C's directives plus %f. ERR_LIMIT when the text grows too long.
bool date_strftime(const struct vdate *d, struct str format, struct arena *a, struct str *out, struct err *e);
/// `l op r` for '+' and '-' when a side is a date or difference. ERR_TYPE when Python has no such operation.
bool date_arith(struct arena *a, char op, struct val l, struct val r, struct val *out, struct err *e);
/// Orders two dates or two differences: -1, 0, 1; false when they cannot be compared.
bool date_order(struct val l, struct val r, int *out);
