// Dates, times and differences of them as template values: what now(), to_datetime and YAML timestamps give.
#pragma once
#include "val.h"

/// A point in time in some calendar zone, or a plain date.
struct vdate {
    struct vobj o;
    int64_t sec;      // seconds since 1970-01-01 00:00:00 of the same wall clock (no zone applied)
    int32_t usec;     // 0..999999
    bool date_only;   // datetime.date
    bool aware;       // `offset` counts
    int32_t offset;   // seconds east of UTC
};
/// datetime.timedelta.
struct vdelta {
    struct vobj o;
    int64_t sec;   // floor of the difference
    int32_t usec;  // 0..999999, added to sec
};
extern const struct obj_type date_type, delta_type;

/// New values in `a`.
struct val val_date(struct arena *a, struct vdate d);
struct val val_delta(struct arena *a, int64_t sec, int32_t usec);
/// The date or difference a value holds, or NULL.
const struct vdate *val_as_date(struct val v);
const struct vdelta *val_as_delta(struct val v);
/// Now, in local time or UTC (naive, as Python's datetime.now()).
struct vdate date_now(bool utc);
/// Days from 1970-01-01 of a civil date (month 1..12), and back.
int64_t date_days(int64_t year, int month, int day);
void date_civil(int64_t days, int64_t *year, int *month, int *day);
/// Python's strftime: all directives of C's plus %f. ERR_LIMIT when the text grows too long.
bool date_strftime(const struct vdate *d, struct str format, struct arena *a, struct str *out, struct err *e);
/// Seconds since the epoch: aware dates by their offset, naive ones by the local zone (mktime).
double date_timestamp(const struct vdate *d);
/// + and - where at least one side is a date or difference; false with ERR_TYPE otherwise.
bool date_arith(struct arena *a, char op, struct val l, struct val r, struct val *out, struct err *e);
/// Orders two dates or two differences: -1, 0, 1; false when they cannot be compared.
bool date_order(struct val l, struct val r, int *out);
