// Dates in templates: now, strftime, differences, attributes and methods.
#include "datetime.h"

#include "ast.h"

#include <sys/time.h>

// -- calendar --------------------------------------------------------------------------------------------------------

int64_t date_days(int64_t year, int month, int day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t yoe = year - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void civil(int64_t days, struct vdate *d) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    d->day = (int)(doy - (153 * mp + 2) / 5 + 1);
    d->month = (int)(mp < 10 ? mp + 3 : mp - 9);
    d->year = (int)(yoe + era * 400 + (d->month <= 2));
}

int64_t date_seconds(const struct vdate *d) {
    int64_t s = date_days(d->year, d->month, d->day) * 86400;
    return d->has_time ? s + d->hour * INT64_C(3600) + d->minute * INT64_C(60) + d->second : s;
}

struct vdate date_from_seconds(int64_t sec, int32_t usec) {
    struct vdate d = {.has_time = true, .micro = usec};
    int64_t days = sec / 86400 - (sec % 86400 < 0), rest = sec - days * 86400;
    civil(days, &d);
    d.hour = (int)(rest / 3600);
    d.minute = (int)(rest / 60 % 60);
    d.second = (int)(rest % 60);
    return d;
}

struct vdate date_now(bool utc) {
    struct timeval tv;
    struct tm tm;
    gettimeofday(&tv, NULL);
    if (utc) {
        return date_from_seconds(tv.tv_sec, (int32_t)tv.tv_usec);
    }
    localtime_r(&tv.tv_sec, &tm);
    return date_from_seconds(tv.tv_sec + tm.tm_gmtoff, (int32_t)tv.tv_usec);
}

static void to_tm(const struct vdate *d, struct tm *tm) {
    int64_t days = date_days(d->year, d->month, d->day);
    *tm = (struct tm){.tm_year = d->year - 1900, .tm_mon = d->month - 1, .tm_mday = d->day, .tm_isdst = -1};
    if (d->has_time) {
        tm->tm_hour = d->hour;
        tm->tm_min = d->minute;
        tm->tm_sec = d->second;
    }
    tm->tm_wday = (int)(((days + 4) % 7 + 7) % 7);
    tm->tm_yday = (int)(days - date_days(d->year, 1, 1));
}

double date_timestamp(const struct vdate *d) {
    double micro = d->has_time ? d->micro / 1e6 : 0;
    if (d->has_zone) {
        return (double)(date_seconds(d) - d->zone_s) + micro;
    }
    struct tm tm;
    to_tm(d, &tm);
    return (double)mktime(&tm) + micro;
}

// -- strftime --------------------------------------------------------------------------------------------------------

static bool one_directive(const struct vdate *d, const struct tm *tm, char what, struct buf *b) {
    size_t (*const format_time)(char *, size_t, const char *, const struct tm *) = strftime;  // format is the user's
    char fmt[3] = {'%', what, 0}, text[256];
    if (what == 'f') {
        buf_printf(b, "%06d", d->has_time ? d->micro : 0);
    } else if (what == 'z') {
        int z = d->zone_s < 0 ? -d->zone_s : d->zone_s;
        if (d->has_zone) {
            buf_printf(b, "%c%02d%02d", d->zone_s < 0 ? '-' : '+', z / 3600, z / 60 % 60);
        }
    } else if (what == 'Z') {
        buf_z(b, d->has_zone && d->zone_s == 0 ? "UTC" : "");
    } else if (what == 's') {
        buf_printf(b, "%lld", (long long)date_timestamp(d));
    } else if (format_time(text, sizeof text, fmt, tm)) {
        buf_z(b, text);
    }
    return b->n < (1 << 20);
}

bool date_strftime(const struct vdate *d, struct str format, struct arena *a, struct str *out, struct err *e) {
    struct buf b = BUF_IN(a);
    struct tm tm;
    to_tm(d, &tm);
    for (size_t i = 0; i < format.n; i++) {
        if (format.s[i] != '%' || i + 1 >= format.n) {
            buf_char(&b, format.s[i]);
        } else if (!one_directive(d, &tm, format.s[++i], &b)) {
            return err_set(e, ERR_LIMIT, NO_MARK, "strftime: the text grows too long");
        }
    }
    *out = buf_view(&b);
    return true;
}

// -- differences -----------------------------------------------------------------------------------------------------

const struct vdelta *delta_of(struct val v) {
    return v.kind == VAL_OBJ && v.u.o->type == &delta_type ? (const struct vdelta *)(const void *)v.u.o : NULL;
}

struct val val_delta(struct arena *a, int64_t sec, int32_t usec) {
    struct vdelta *d = ARENA_NEW(a, struct vdelta);
    *d = (struct vdelta){.o.type = &delta_type, .sec = sec, .usec = usec};
    return val_obj(&d->o);
}

// Of a value that is known to be one: the object's own functions are called with nothing else.
static const struct vdelta *self_delta(struct val self) {
    return (const struct vdelta *)(const void *)self.u.o;
}

static int64_t delta_days(const struct vdelta *d) {
    return d->sec / 86400 - (d->sec % 86400 < 0);
}

static bool delta_get(struct val self, struct str attr, struct arena *a, struct val *out) {
    (void)a;
    const struct vdelta *d = self_delta(self);
    if (str_eqz(attr, "days")) {
        *out = val_int(delta_days(d));
    } else if (str_eqz(attr, "seconds")) {
        *out = val_int(d->sec - delta_days(d) * 86400);
    } else if (str_eqz(attr, "microseconds")) {
        *out = val_int(d->usec);
    } else {
        return false;
    }
    return true;
}

static void delta_str(struct val self, struct buf *out) {
    const struct vdelta *d = self_delta(self);
    int64_t days = delta_days(d), rest = d->sec - days * 86400;
    if (days) {
        buf_printf(out, "%lld day%s, ", (long long)days, days == 1 || days == -1 ? "" : "s");
    }
    buf_printf(out, "%lld:%02lld:%02lld", (long long)(rest / 3600), (long long)(rest / 60 % 60),
               (long long)(rest % 60));
    if (d->usec) {
        buf_printf(out, ".%06d", d->usec);
    }
}

static bool delta_json(struct val self, struct arena *a, struct val *out) {
    struct buf b = BUF_IN(a);
    delta_str(self, &b);
    *out = val_str(a, buf_view(&b));
    return true;
}

const struct obj_type delta_type = {
    .name = "datetime.timedelta", .get = delta_get, .str = delta_str, .json = delta_json};

/// Microseconds since the epoch of a date's wall clock, in UTC when it has a zone.
static int64_t micros(const struct vdate *d) {
    return (date_seconds(d) - (d->has_zone ? d->zone_s : 0)) * 1000000 + (d->has_time ? d->micro : 0);
}

static int64_t delta_micros(const struct vdelta *d) {
    return d->sec * 1000000 + d->usec;
}

static struct val delta_from(struct arena *a, int64_t us) {
    int64_t sec = us / 1000000 - (us % 1000000 < 0);
    return val_delta(a, sec, (int32_t)(us - sec * 1000000));
}

static bool shift(struct arena *a, const struct vdate *d, int64_t us, struct val *out, struct err *e) {
    int64_t local = date_seconds(d) * 1000000 + (d->has_time ? d->micro : 0) + us;
    int64_t sec = local / 1000000 - (local % 1000000 < 0);
    struct vdate made = date_from_seconds(sec, (int32_t)(local - sec * 1000000));
    made.has_time = d->has_time;
    made.has_zone = d->has_zone;
    made.zone_s = d->zone_s;
    if (made.year < 1 || made.year > 9999) {
        return err_set(e, ERR_LIMIT, NO_MARK, "date value out of range");
    }
    *out = date_val(a, &made);
    return true;
}

bool date_arith(struct arena *a, char op, struct val l, struct val r, struct val *out, struct err *e) {
    const struct vdate *dl = date_of(l), *dr = date_of(r);
    const struct vdelta *tl = delta_of(l), *tr = delta_of(r);
    if (dl && dr && op == '-' && dl->has_time == dr->has_time) {
        if (dl->has_zone != dr->has_zone) {
            return err_set(e, ERR_TYPE, NO_MARK, "can't subtract offset-naive and offset-aware datetimes");
        }
        *out = delta_from(a, micros(dl) - micros(dr));
        return true;
    }
    if (dl && tr) {
        return shift(a, dl, op == '-' ? -delta_micros(tr) : delta_micros(tr), out, e);
    }
    if (tl && dr && op == '+') {
        return shift(a, dr, delta_micros(tl), out, e);
    }
    if (tl && tr) {
        *out = delta_from(a, delta_micros(tl) + (op == '-' ? -delta_micros(tr) : delta_micros(tr)));
        return true;
    }
    return err_set(e, ERR_TYPE, NO_MARK, "unsupported operand type(s) for %c: '%s' and '%s'", op, val_type_name(l),
                   val_type_name(r));
}

bool date_order(struct val l, struct val r, int *out) {
    const struct vdate *dl = date_of(l), *dr = date_of(r);
    const struct vdelta *tl = delta_of(l), *tr = delta_of(r);
    int64_t a, b;
    if (dl && dr && dl->has_time == dr->has_time && dl->has_zone == dr->has_zone) {
        a = micros(dl);
        b = micros(dr);
    } else if (tl && tr) {
        a = delta_micros(tl);
        b = delta_micros(tr);
    } else {
        return false;
    }
    *out = a < b ? -1 : a > b;
    return true;
}

// -- methods ---------------------------------------------------------------------------------------------------------

static const struct vdate *self_date(const struct jcall *c) {
    return date_of(c->args[0]);
}

static bool m_strftime(struct jcall *c, struct val *out, struct err *e) {
    struct str f;
    if (!arg_str(c, 1, &f, e) || !date_strftime(self_date(c), f, c->a, &f, e)) {
        return false;
    }
    *out = val_str(c->a, f);
    return true;
}

static bool m_isoformat(struct jcall *c, struct val *out, struct err *e) {
    struct str sep = STR_LIT("T");
    struct buf b = BUF_IN(c->a);
    if (arg_given(c, 1) && !arg_str(c, 1, &sep, e)) {
        return false;
    }
    date_iso(&b, self_date(c), (char)(sep.n ? sep.s[0] : 'T'));
    *out = val_str(c->a, buf_view(&b));
    return true;
}

static bool m_timestamp(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    *out = val_float(date_timestamp(self_date(c)));
    return true;
}

static bool m_weekday(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    struct tm tm;
    to_tm(self_date(c), &tm);
    *out = val_int(strcmp(c->name, "weekday") == 0 ? (tm.tm_wday + 6) % 7 : (tm.tm_wday + 6) % 7 + 1);
    return true;
}

static bool m_date(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    struct vdate d = *self_date(c);
    d.has_time = d.has_zone = false;
    *out = date_val(c->a, &d);
    return true;
}

static bool m_toordinal(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    const struct vdate *d = self_date(c);
    *out = val_int(date_days(d->year, d->month, d->day) + 719163);
    return true;
}

static bool m_total_seconds(struct jcall *c, struct val *out, struct err *e) {
    (void)e;
    *out = val_float((double)delta_micros(self_delta(c->args[0])) / 1e6);
    return true;
}

static const struct method date_table[] = {
    {"date", "self", m_date, false},           {"isoformat", "self, sep='T', timespec='auto'", m_isoformat, false},
    {"isoweekday", "self", m_weekday, false},  {"strftime", "self, format", m_strftime, false},
    {"timestamp", "self", m_timestamp, false}, {"toordinal", "self", m_toordinal, false},
    {"weekday", "self", m_weekday, false},
};
static const struct method delta_table[] = {{"total_seconds", "self", m_total_seconds, false}};

const struct method *date_method(struct val self, struct str name) {
    if (date_of(self)) {
        return method_in(date_table, COUNTOF(date_table), name);
    }
    return delta_of(self) ? method_in(delta_table, COUNTOF(delta_table), name) : NULL;
}
