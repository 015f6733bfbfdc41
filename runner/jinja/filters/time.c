// Filters on dates: strftime, to_datetime.
#include "datetime.h"
#include "filters/support.h"
#include "filters/text.h"
#include "regex.h"

#include <math.h>

static bool f_strftime(struct jcall *c, struct val *out, struct err *e) {
    struct val sec = opt_val(c, 1);
    bool utc = false;
    double t = (double)time(NULL);
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "string_format", "a string", c->args[0]);
    }
    if (!arg_bool(c, 2, false, &utc, e)) {
        return false;
    }
    if (!opt_none(c, 1)) {
        bool ok = sec.kind == VAL_STR ? text_to_float(c->a, val_text(sec), &t) : as_num(sec, &t);
        if (!ok) {
            return plug_err(c, e, ERR_TYPE, "Invalid value for epoch value (%.*s)", STR(text_of(c, sec)));
        }
    }
    if (!(fabs(t) < 6e10)) {
        return plug_err(c, e, ERR_ARGS, "'second' is out of range");
    }
    time_t when = (time_t)floor(t);
    struct tm tm = {0};
    if (utc ? !gmtime_r(&when, &tm) : !localtime_r(&when, &tm)) {
        return plug_err(c, e, ERR_ARGS, "'second' is out of range");
    }
    struct str f = val_text(c->args[0]);
    char *fmt = arena_printf(c->a, "%.*s.", STR(f));  // never empty, so that 0 means too small
    for (size_t cap = f.n * 8 + 64; cap <= TEXT_CAP; cap *= 4) {
        struct buf b = BUF_IN(c->a);
        char *p = buf_reserve(&b, cap);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        size_t n = strftime(p, cap, fmt, &tm);
#pragma GCC diagnostic pop
        if (n) {
            *out = val_str(c->a, (struct str){p, n - 1});
            return true;
        }
    }
    return plug_err(c, e, ERR_LIMIT, "the formatted date is too long");
}
FILTER(strftime) = {.doc = "A time formatted.",
                    .params = "string_format, second=None, utc=False",
                    .fn = f_strftime,
                    .example = "'%Y' | strftime(0) == '1970'"};

// -- to_datetime -----------------------------------------------------------------------------------------------------

static const char *const month_names[] = {"january", "february", "march",     "april",   "may",      "june",
                                          "july",    "august",   "september", "october", "november", "december"};
static const char *const day_names[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};

#define FIELDS_MAX 32
struct parsed {
    struct str field[128];  // by directive letter
};

/// The regular expression one directive stands for, as Python's _strptime defines them; NULL: no such directive.
static const char *directive_re(char ch) {
    switch (ch) {
    case 'd':
        return "(3[0-1]|[1-2]\\d|0[1-9]|[1-9]| [1-9])";
    case 'f':
        return "([0-9]{1,6})";
    case 'H':
        return "(2[0-3]|[0-1]\\d|\\d)";
    case 'I':
        return "(1[0-2]|0[1-9]|[1-9])";
    case 'j':
        return "(36[0-6]|3[0-5]\\d|[1-2]\\d\\d|0[1-9]\\d|00[1-9]|[1-9]\\d|0[1-9]|[1-9])";
    case 'm':
        return "(1[0-2]|0[1-9]|[1-9])";
    case 'M':
        return "([0-5]\\d|\\d)";
    case 'S':
        return "(6[0-1]|[0-5]\\d|\\d)";
    case 'U':
    case 'W':
        return "(5[0-3]|[0-4]\\d|\\d)";
    case 'w':
        return "([0-6])";
    case 'u':
        return "([1-7])";
    case 'y':
        return "(\\d\\d)";
    case 'Y':
        return "(\\d\\d\\d\\d)";
    case 'z':
        return "([+-]\\d\\d:?[0-5]\\d(?::?[0-5]\\d(?:\\.\\d{1,6})?)?|(?-i:Z))";
    case 'p':
        return "(am|pm)";
    case 'Z':
        return "(utc|gmt)";
    case 'A':
        return "(wednesday|thursday|saturday|tuesday|monday|friday|sunday)";
    case 'a':
        return "(mon|tue|wed|thu|fri|sat|sun)";
    case 'B':
        return "(september|february|november|december|january|october|august|march|april|june|july|may)";
    case 'b':
        return "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)";
    default:
        return NULL;
    }
}

/// %c, %x and %X of the C locale.
static struct str expand_format(struct jcall *c, struct str f) {
    f = text_replace(c->a, f, STR_LIT("%c"), STR_LIT("%a %b %d %H:%M:%S %Y"), -1);
    f = text_replace(c->a, f, STR_LIT("%x"), STR_LIT("%m/%d/%y"), -1);
    return text_replace(c->a, f, STR_LIT("%X"), STR_LIT("%H:%M:%S"), -1);
}

static bool build_re(struct jcall *c, struct str f, struct buf *re, char order[FIELDS_MAX], struct err *e) {
    size_t n = 0;
    for (size_t i = 0; i < f.n; i++) {
        if (cp_space((unsigned char)f.s[i])) {
            while (i + 1 < f.n && cp_space((unsigned char)f.s[i + 1])) {
                i++;
            }
            buf_z(re, "\\s+");
            continue;
        }
        if (f.s[i] != '%') {
            size_t start = i;
            while (i + 1 < f.n && f.s[i + 1] != '%' && !cp_space((unsigned char)f.s[i + 1])) {
                i++;
            }
            buf_str(re, regex_escape(c->a, str_sub(f, start, i + 1)));
            continue;
        }
        char d = 0;
        if (++i < f.n) {
            d = f.s[i];
        }
        if (d == '%') {
            buf_char(re, '%');
            continue;
        }
        const char *part = directive_re(d);
        if (!part) {
            return plug_err(c, e, ERR_ARGS, "'%%%c' cannot be used to read a date", d ? d : ' ');
        }
        if (n == FIELDS_MAX) {
            return plug_err(c, e, ERR_LIMIT, "the format has more than %d directives", FIELDS_MAX);
        }
        order[n++] = d;
        buf_z(re, part);
    }
    return true;
}

static int num(const struct parsed *p, char d, int def) {
    int64_t n;
    return p->field[(unsigned char)d].s && str_int(str_trim(p->field[(unsigned char)d]), &n) ? (int)n : def;
}

/// Position of a name among `names` by its first `len` letters (0: all), or -1.
static int name_at(struct jcall *c, struct str s, const char *const *names, size_t n, size_t len) {
    struct str low = text_lower(c->a, s);
    for (size_t i = 0; s.s && i < n; i++) {
        if (len ? strncmp(low.s, names[i], len) == 0 : str_eqz(low, names[i])) {
            return (int)i;
        }
    }
    return -1;
}

static int days_in(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/// Day of the year from week number and weekday (0: Monday).
static int day_of_week(int year, int week, int weekday, bool from_monday) {
    int first = (int)(((date_days(year, 1, 1) + 3) % 7 + 7) % 7);
    if (!from_monday) {
        first = (first + 1) % 7;
        weekday = (weekday + 1) % 7;
    }
    int week0 = (7 - first) % 7;
    return week == 0 ? 1 + weekday - first : 1 + week0 + 7 * (week - 1) + weekday;
}

static void read_zone(struct str z, struct vdate *d) {
    if (!z.s) {
        return;
    }
    d->has_zone = true;
    int digits[6] = {0};
    size_t n = 0;
    for (size_t i = 1; i < z.n && n < 6 && z.s[i] != '.'; i++) {
        if (z.s[i] != ':') {
            digits[n++] = z.s[i] - '0';
        }
    }
    int sec = (digits[0] * 10 + digits[1]) * 3600 + (digits[2] * 10 + digits[3]) * 60 + digits[4] * 10 + digits[5];
    d->zone_s = z.s[0] == '-' ? -sec : sec;
}

static bool read_day(struct jcall *c, const struct parsed *p, struct vdate *d, struct err *e) {
    int year2 = num(p, 'y', -1);
    d->year = num(p, 'Y', year2 < 0 ? 1900 : year2 + (year2 <= 68 ? 2000 : 1900));
    d->month = num(p, 'm', 1);
    int b = name_at(c, p->field['b'], month_names, 12, 3), full = name_at(c, p->field['B'], month_names, 12, 0);
    d->month = full >= 0 ? full + 1 : b >= 0 ? b + 1 : d->month;
    d->day = num(p, 'd', 1);
    if (d->year < 1) {
        return plug_err(c, e, ERR_ARGS, "the year must be from 1 to 9999");
    }
    int weekday = name_at(c, p->field['A'], day_names, 7, 0), short_day = name_at(c, p->field['a'], day_names, 7, 3);
    weekday = weekday >= 0 ? weekday : short_day;
    weekday = p->field['w'].s ? (num(p, 'w', 0) + 6) % 7 : p->field['u'].s ? num(p, 'u', 1) - 1 : weekday;
    int julian = num(p, 'j', 0);
    bool monday = p->field['W'].s != NULL;
    if (!julian && weekday >= 0 && (monday || p->field['U'].s)) {
        julian = day_of_week(d->year, num(p, monday ? 'W' : 'U', 0), weekday, monday);
    }
    if (julian && !p->field['d'].s) {
        struct vdate day = date_from_seconds((date_days(d->year, 1, 1) + julian - 1) * 86400, 0);
        d->year = day.year;
        d->month = day.month;
        d->day = day.day;
    }
    if (d->day > days_in(d->year, d->month)) {
        return plug_err(c, e, ERR_ARGS, "month %d of %d has no day %d", d->month, d->year, d->day);
    }
    return true;
}

static bool read_time(struct jcall *c, const struct parsed *p, struct vdate *d, struct err *e) {
    d->hour = num(p, 'H', 0);
    if (p->field['I'].s) {
        bool pm = p->field['p'].s && (p->field['p'].s[0] | 32) == 'p';
        d->hour = num(p, 'I', 0) % 12 + (pm ? 12 : 0);
    }
    d->minute = num(p, 'M', 0);
    d->second = num(p, 'S', 0);
    if (d->second > 59) {
        return plug_err(c, e, ERR_ARGS, "seconds must be from 0 to 59");
    }
    struct str f = p->field['f'];
    for (size_t i = 0; i < 6; i++) {
        d->micro = d->micro * 10 + (i < f.n ? f.s[i] - '0' : 0);
    }
    read_zone(p->field['z'], d);
    return true;
}

static bool f_to_datetime(struct jcall *c, struct val *out, struct err *e) {
    struct str format;
    struct buf re = BUF_IN(c->a);
    char order[FIELDS_MAX] = {0};
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "string", "a string", c->args[0]);
    }
    if (!opt_str(c, 1, "format", STR_LIT("%Y-%m-%d %H:%M:%S"), &format, e) ||
        !build_re(c, expand_format(c, format), &re, order, e)) {
        return false;
    }
    struct regex *r = regex_compile(c->a, buf_view(&re), REGEX_IGNORECASE, c->at, e);
    if (!r) {
        return false;
    }
    struct str s = val_text(c->args[0]);
    struct regex_match m;
    int hit = regex_exec(r, s, 0, REGEX_FULLMATCH, c->a, &m, e);
    if (hit < 0) {
        return false;
    }
    if (!hit) {
        return plug_err(c, e, ERR_ARGS, "the date '%.*s' does not match the format '%.*s'", STR(s), STR(format));
    }
    struct parsed *p = ARENA_NEW(c->a, struct parsed);
    for (size_t i = 0; i < FIELDS_MAX && order[i]; i++) {
        p->field[(unsigned char)order[i]] = str_sub(s, m.from[i + 1], m.to[i + 1]);
    }
    struct vdate d = {.has_time = true};
    if (!read_day(c, p, &d, e) || !read_time(c, p, &d, e)) {
        return false;
    }
    *out = date_val(c->a, &d);
    return true;
}
FILTER(to_datetime) = {.doc = "A date read from text.",
                       .params = "string, format='%Y-%m-%d %H:%M:%S'",
                       .fn = f_to_datetime,
                       .example = "('2024-01-02 00:00:00' | to_datetime).day == 2"};
