// Dates and times as YAML 1.1 writes them; objects that print as Python's datetime.date and datetime.datetime.
#pragma once
#include "val.h"

/// The object behind a date value. `micro` are microseconds; `zone_s` is seconds east of UTC when `has_zone`.
struct vdate {
    struct vobj o;
    int year, month, day;
    bool has_time, has_zone;
    int hour, minute, second, micro, zone_s;
};

/// "date" and "datetime": str() is Python's, json is the ISO text; attributes year, month, day, hour, minute, second,
/// microsecond.
extern const struct obj_type date_type;
extern const struct obj_type datetime_type;

enum date_found {
    DATE_NONE,  // not written as a timestamp
    DATE_BAD,   // written as one, but no such day, time or zone exists
    DATE_OK,
};
/// Reads the YAML 1.1 timestamp forms "2001-12-14" and "2001-12-14t21:59:43.10-05:00". With `strict` only those that
/// an untagged scalar may have (two digits in a bare date), else also "2001-1-1" as after !!timestamp.
/// `d` is filled except for `o`. Source: PyYAML constructor.py, timestamp_regexp; resolver.py.
enum date_found date_parse(struct str text, bool strict, struct vdate *d);
/// A date or datetime value, copied to `a`.
struct val date_val(struct arena *a, const struct vdate *d);
/// The date behind `v`, or NULL when it is something else.
const struct vdate *date_of(struct val v);
/// Appends the ISO text with `sep` ('T' or ' ') between date and time.
void date_iso(struct buf *b, const struct vdate *d, char sep);
