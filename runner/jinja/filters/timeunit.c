// Spans of time such as "1h 30min" in one unit: the to_seconds, to_minutes ... filters of community.general.
#include "filters/support.h"
#include "filters/text.h"

#include <ctype.h>

#include <math.h>

enum unit { U_MS, U_S, U_M, U_H, U_D, U_W, U_MO, U_Y, U_COUNT };

/// "hours" and "h"; U_COUNT when there is no such unit. As in Ansible all "s" at the end are dropped.
static enum unit unit_of(struct str s) {
    static const char *const shorts[] = {"ms", "s", "m", "h", "d", "w", "mo", "y"};
    static const struct {
        const char *name;
        enum unit unit;
    } longs[] = {{"millisecond", U_MS}, {"msec", U_MS}, {"msecond", U_MS}, {"sec", U_S},
                 {"second", U_S},       {"hour", U_H},  {"min", U_M},      {"minute", U_M},
                 {"day", U_D},          {"week", U_W},  {"month", U_MO},   {"year", U_Y}};
    struct str root = s;
    while (root.n && root.s[root.n - 1] == 's') {
        root.n--;
    }
    for (size_t i = 0; i < COUNTOF(longs); i++) {
        if (str_eqz(root, longs[i].name)) {
            return longs[i].unit;
        }
    }
    for (size_t i = 0; i < COUNTOF(shorts); i++) {
        if (str_eqz(s, shorts[i])) {
            return (enum unit)i;
        }
    }
    return U_COUNT;
}

static bool days_of(struct jcall *c, const char *name, double absent, double *out, struct err *e) {
    struct val v = opt_kw(c, name);
    *out = absent;
    return (is_undef(v) && !v.u.undef) || as_num(v, out) || bad_arg(c, e, name, "a number of days", v);
}

/// Milliseconds of a "-3h" and the like.
static bool word_ms(struct jcall *c, struct str word, const double *ms, double *out, struct err *e) {
    size_t i = word.s[0] == '-', start = i;
    int64_t n = 0;
    while (i < word.n && word.s[i] >= '0' && word.s[i] <= '9') {
        i++;
    }
    size_t end = i;
    while (end < word.n && (word.s[end] == '_' || isalnum((unsigned char)word.s[end]))) {
        end++;
    }
    enum unit u = unit_of(str_sub(word, i, end));
    if (i == start || i == end || u == U_COUNT || !str_int(str_sub(word, 0, i), &n)) {
        return plug_err(c, e, ERR_ARGS, "'%.*s' is no span of time such as 30min", STR(word));
    }
    *out = (double)n * ms[u];
    return true;
}

static bool convert(struct jcall *c, struct str unit, struct val *out, struct err *e) {
    static const char *const names[] = {"year", "month", NULL};
    const double second = 1000, hour = 3600 * second, day = 24 * hour;
    double ms[U_COUNT] = {1, second, 60 * second, hour, day, 7 * day, 0, 0}, sum = 0, year, month, one = 0;
    enum unit u = unit_of(unit);
    struct str rest = val_text(c->args[0]), word;
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "human_time", "a string", c->args[0]);
    }
    if (str_eqz(rest, "0")) {
        *out = val_int(0);
        return true;
    }
    if (u == U_COUNT) {
        return plug_err(c, e, ERR_ARGS, "there is no unit '%.*s'", STR(unit));
    }
    if (!only_kw(c, names, e) || !days_of(c, "year", 365, &year, e) || !days_of(c, "month", 30, &month, e)) {
        return false;
    }
    ms[U_MO] = month * day;
    ms[U_Y] = year * day;
    while (text_word(&rest, &word)) {
        if (!word_ms(c, word, ms, &one, e)) {
            return false;
        }
        sum += one;
    }
    if (ms[u] == 0) {
        return plug_err(c, e, ERR_ARGS, "the unit has no length");
    }
    char digits[400];
    snprintf(digits, sizeof digits, "%.12f", sum / ms[u]);
    *out = val_float(strtod(digits, NULL));
    return true;
}

static bool f_to_time_unit(struct jcall *c, struct val *out, struct err *e) {
    struct str unit = STR_LIT("ms");
    return (opt_none(c, 1) || opt_str(c, 1, "unit", unit, &unit, e)) && convert(c, unit, out, e);
}
FILTER(to_time_unit) = {.doc = "A span of time in a unit. Options: year=365, month=30 (days).",
                        .params = "human_time, unit='ms', **",
                        .fn = f_to_time_unit,
                        .fqcn = "community.general.to_time_unit",
                        .example = "'1h 30min' | community.general.to_time_unit('h') == 1.5"};

static bool f_to_milliseconds(struct jcall *c, struct val *out, struct err *e) {
    return convert(c, STR_LIT("ms"), out, e);
}
FILTER(to_milliseconds) = {.doc = "A span of time in milliseconds.",
                           .params = "human_time, **",
                           .fn = f_to_milliseconds,
                           .fqcn = "community.general.to_milliseconds",
                           .example = "'2s' | community.general.to_milliseconds == 2000.0"};

static bool f_to_seconds(struct jcall *c, struct val *out, struct err *e) {
    return convert(c, STR_LIT("s"), out, e);
}
FILTER(to_seconds) = {.doc = "A span of time in seconds.",
                      .params = "human_time, **",
                      .fn = f_to_seconds,
                      .fqcn = "community.general.to_seconds",
                      .example = "'2min 5s' | community.general.to_seconds == 125.0"};

static bool f_to_minutes(struct jcall *c, struct val *out, struct err *e) {
    return convert(c, STR_LIT("m"), out, e);
}
FILTER(to_minutes) = {.doc = "A span of time in minutes.",
                      .params = "human_time, **",
                      .fn = f_to_minutes,
                      .fqcn = "community.general.to_minutes",
                      .example = "'1h' | community.general.to_minutes == 60.0"};

static bool f_to_hours(struct jcall *c, struct val *out, struct err *e) {
    return convert(c, STR_LIT("h"), out, e);
}
FILTER(to_hours) = {.doc = "A span of time in hours.",
                    .params = "human_time, **",
                    .fn = f_to_hours,
                    .fqcn = "community.general.to_hours",
                    .example = "'1d' | community.general.to_hours == 24.0"};

static bool f_to_days(struct jcall *c, struct val *out, struct err *e) {
    return convert(c, STR_LIT("d"), out, e);
}
FILTER(to_days) = {.doc = "A span of time in days. Options: year=365, month=30 (days).",
                   .params = "human_time, **",
                   .fn = f_to_days,
                   .fqcn = "community.general.to_days",
                   .example = "'1w' | community.general.to_days == 7.0"};

static bool f_to_weeks(struct jcall *c, struct val *out, struct err *e) {
    return convert(c, STR_LIT("w"), out, e);
}
FILTER(to_weeks) = {.doc = "A span of time in weeks. Options: year=365, month=30 (days).",
                    .params = "human_time, **",
                    .fn = f_to_weeks,
                    .fqcn = "community.general.to_weeks",
                    .example = "'14d' | community.general.to_weeks == 2.0"};

static bool f_to_months(struct jcall *c, struct val *out, struct err *e) {
    return convert(c, STR_LIT("mo"), out, e);
}
FILTER(to_months) = {.doc = "A span of time in months. Options: year=365, month=30 (days).",
                     .params = "human_time, **",
                     .fn = f_to_months,
                     .fqcn = "community.general.to_months",
                     .example = "'60d' | community.general.to_months == 2.0"};

static bool f_to_years(struct jcall *c, struct val *out, struct err *e) {
    return convert(c, STR_LIT("y"), out, e);
}
FILTER(to_years) = {.doc = "A span of time in years. Options: year=365, month=30 (days).",
                    .params = "human_time, **",
                    .fn = f_to_years,
                    .fqcn = "community.general.to_years",
                    .example = "'365d' | community.general.to_years == 1.0"};
