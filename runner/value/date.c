// YAML timestamps, see date.h.
#include "date.h"

struct cursor {
    struct str s;
    size_t i;
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Reads `min` to `max` digits.
static bool digits(struct cursor *c, int min, int max, int *out) {
    int n = 0;
    int v = 0;
    while (n < max && c->i < c->s.n && is_digit(c->s.s[c->i])) {
        v = v * 10 + (c->s.s[c->i++] - '0');
        n++;
    }
    *out = v;
    return n >= min;
}

static bool take(struct cursor *c, char want) {
    if (c->i < c->s.n && c->s.s[c->i] == want) {
        c->i++;
        return true;
    }
    return false;
}

static bool blanks(struct cursor *c) {
    size_t from = c->i;
    while (c->i < c->s.n && (c->s.s[c->i] == ' ' || c->s.s[c->i] == '\t')) {
        c->i++;
    }
    return c->i > from;
}

// ".123456789": the first six digits count.
static void fraction(struct cursor *c, struct vdate *d) {
    int unit = 100000;
    while (c->i < c->s.n && is_digit(c->s.s[c->i])) {
        d->micro += (c->s.s[c->i++] - '0') * unit;
        unit /= 10;
    }
}

static bool zone(struct cursor *c, struct vdate *d) {
    blanks(c);
    if (take(c, 'Z')) {
        d->has_zone = true;
        return true;
    }
    int sign = take(c, '-') ? -1 : (take(c, '+') ? 1 : 0);
    int hours;
    int minutes = 0;
    if (sign == 0 || !digits(c, 1, 2, &hours) || (take(c, ':') && !digits(c, 2, 2, &minutes))) {
        return false;
    }
    d->has_zone = true;
    d->zone_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool time_of_day(struct cursor *c, struct vdate *d) {
    if (!take(c, 'T') && !take(c, 't') && !blanks(c)) {
        return false;
    }
    d->has_time = true;
    if (!digits(c, 1, 2, &d->hour) || !take(c, ':') || !digits(c, 2, 2, &d->minute) || !take(c, ':') ||
        !digits(c, 2, 2, &d->second)) {
        return false;
    }
    if (take(c, '.')) {
        fraction(c, d);
    }
    return c->i == c->s.n || (zone(c, d) && c->i == c->s.n);
}

static int days_in(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool exists(const struct vdate *d) {
    return d->year >= 1 && d->month >= 1 && d->month <= 12 && d->day >= 1 && d->day <= days_in(d->year, d->month) &&
           d->hour < 24 && d->minute < 60 && d->second < 60 && d->zone_s > -86400 && d->zone_s < 86400;
}

enum date_found date_parse(struct str text, bool strict, struct vdate *d) {
    struct cursor c = {.s = text};
    *d = (struct vdate){0};
    if (!digits(&c, 4, 4, &d->year) || !take(&c, '-') || !digits(&c, 1, 2, &d->month) || !take(&c, '-') ||
        !digits(&c, 1, 2, &d->day)) {
        return DATE_NONE;
    }
    if (c.i == text.n) {
        if (strict && text.n != sizeof "2001-12-14" - 1) {
            return DATE_NONE;
        }
    } else if (!time_of_day(&c, d)) {
        return DATE_NONE;
    }
    return exists(d) ? DATE_OK : DATE_BAD;
}

void date_iso(struct buf *b, const struct vdate *d, char sep) {
    buf_printf(b, "%04d-%02d-%02d", d->year, d->month, d->day);
    if (!d->has_time) {
        return;
    }
    buf_printf(b, "%c%02d:%02d:%02d", sep, d->hour, d->minute, d->second);
    if (d->micro) {
        buf_printf(b, ".%06d", d->micro);
    }
    if (d->has_zone) {
        int s = abs(d->zone_s);
        buf_printf(b, "%c%02d:%02d", d->zone_s < 0 ? '-' : '+', s / 3600, s / 60 % 60);
    }
}

const struct vdate *date_of(struct val v) {
    if (v.kind != VAL_OBJ || (v.u.o->type != &date_type && v.u.o->type != &datetime_type)) {
        return NULL;
    }
    return (const struct vdate *)v.u.o;
}

static bool date_get(struct val self, struct str attr, struct arena *a, struct val *out) {
    (void)a;
    const struct vdate *d = date_of(self);
    if (!d) {
        return false;
    }
    const struct {
        const char *name;
        int value;
    } fields[] = {{"year", d->year},     {"month", d->month},   {"day", d->day},          {"hour", d->hour},
                  {"minute", d->minute}, {"second", d->second}, {"microsecond", d->micro}};
    size_t n = d->has_time ? COUNTOF(fields) : 3;
    for (size_t i = 0; i < n; i++) {
        if (str_eqz(attr, fields[i].name)) {
            *out = val_int(fields[i].value);
            return true;
        }
    }
    return false;
}

static void date_str(struct val self, struct buf *out) {
    date_iso(out, date_of(self), ' ');
}

static bool date_json(struct val self, struct arena *a, struct val *out) {
    struct buf b = BUF_IN(a);
    date_iso(&b, date_of(self), 'T');
    *out = val_at(val_str(a, buf_view(&b)), self.mark);
    out->flags = self.flags;
    return true;
}

const struct obj_type date_type = {.name = "date", .get = date_get, .str = date_str, .json = date_json};
const struct obj_type datetime_type = {.name = "datetime", .get = date_get, .str = date_str, .json = date_json};

struct val date_val(struct arena *a, const struct vdate *d) {
    struct vdate *copy = ARENA_NEW(a, struct vdate);
    *copy = *d;
    copy->o.type = d->has_time ? &datetime_type : &date_type;
    return val_obj(&copy->o);
}
