// Names of colours as Ansible's settings have them ("bright red", "color208", "rgb253", "gray5"), as codes of a
// terminal.
#include "output.h"

/// The decimal number at the start of `s`; -1: none.
static int leading_number(struct str s) {
    int n = -1;
    for (size_t i = 0; i < s.n && i < 6 && s.s[i] >= '0' && s.s[i] <= '9'; i++) {
        n = (n < 0 ? 0 : n) * 10 + (s.s[i] - '0');
    }
    return n;
}

static const char *of_256(struct arena *a, int n) {
    return n >= 0 ? arena_printf(a, "38;5;%d", n) : NULL;
}

const char *color_code(struct arena *a, struct str name) {
    static const char *const known[][2] = {
        {"black", "0;30"},   {"bright gray", "0;37"}, {"blue", "0;34"},          {"white", "1;37"},
        {"green", "0;32"},   {"bright blue", "1;34"}, {"cyan", "0;36"},          {"bright green", "1;32"},
        {"red", "0;31"},     {"bright cyan", "1;36"}, {"purple", "0;35"},        {"bright red", "1;31"},
        {"yellow", "0;33"},  {"dark gray", "1;30"},   {"bright purple", "1;35"}, {"bright yellow", "1;33"},
        {"magenta", "0;35"}, {"normal", "0"},         {"bright magenta", "1;35"}};
    for (size_t i = 0; i < COUNTOF(known); i++) {
        if (str_eqz(name, known[i][0])) {
            return known[i][1];
        }
    }
    if (str_starts(name, "color")) {
        return of_256(a, leading_number(str_sub(name, 5, name.n)));
    }
    if (str_starts(name, "gray")) {
        int n = leading_number(str_sub(name, 4, name.n));
        return of_256(a, n < 0 ? n : 232 + n);
    }
    int cube = 0;
    for (size_t i = 3; i < 6; i++) {
        bool digit = str_starts(name, "rgb") && name.n >= 6 && name.s[i] >= '0' && name.s[i] <= '5';
        if (!digit) {
            return NULL;
        }
        cube = cube * 6 + (name.s[i] - '0');
    }
    return of_256(a, 16 + cube);
}

static const char *const usual[COLOR_COUNT] = {
    [COLOR_OK] = "0;32",          [COLOR_CHANGED] = "0;33",  [COLOR_ERROR] = "0;31",     [COLOR_SKIP] = "0;36",
    [COLOR_WARN] = "1;35",        [COLOR_VERBOSE] = "0;34",  [COLOR_DEBUG] = "1;30",     [COLOR_INCLUDED] = "0;36",
    [COLOR_UNREACHABLE] = "1;31", [COLOR_DIFF_ADD] = "0;32", [COLOR_DEPRECATE] = "0;35", [COLOR_DIFF_REMOVE] = "0;31",
    [COLOR_DIFF_LINES] = "0;36",
};

void color_init(struct output *o) {
    for (size_t i = 0; i < COLOR_COUNT; i++) {
        const char *code = o->opts.colors[i] ? o->opts.colors[i] : usual[i];
        o->codes[i] = o->opts.color && code ? arena_printf(&o->arena, "\033[%sm", code) : "";
    }
}

const char *out_color(const struct output *o, enum color color) {
    return o->codes[color];
}
