// "~", "~user" and "$VAR" in paths, as Python's os.path does it. Users come from /etc/passwd: no NSS in play-remote.
#include "fd.h"
#include "spec.h"

#include <ctype.h>
#include <unistd.h>

#define PASSWD_CAP ((size_t)16 << 20)

/// Field `want` of the line of /etc/passwd whose field `key` is `value`.
static struct str passwd_field(struct arena *a, size_t key, struct str value, size_t want) {
    struct str text;
    struct err e = {.arena = a};
    if (!fd_read_file("/etc/passwd", PASSWD_CAP, a, &text, &e)) {
        return STR_NONE;
    }
    struct str line;
    while (str_next(&text, '\n', &line)) {
        struct str fields[7] = {{0}};
        for (size_t i = 0; i < COUNTOF(fields) && str_next(&line, ':', &fields[i]); i++) {
        }
        if (str_eq(fields[key], value)) {
            return fields[want];
        }
    }
    return STR_NONE;
}

static struct str home_of(struct arena *a, struct str user) {
    if (user.n) {
        return passwd_field(a, 0, user, 5);
    }
    const char *home =
        getenv("HOME");  // NOLINT(concurrency-mt-unsafe): nobody changes the environment while threads run
    if (home) {
        return str_from(home);
    }
    return passwd_field(a, 2, str_printf(a, "%u", (unsigned)getuid()), 5);
}

struct str path_expand_user(struct arena *a, struct str s) {
    if (!str_starts(s, "~")) {
        return s;
    }
    size_t slash = str_find_char(s, 0, '/');
    size_t end = slash == SIZE_MAX ? s.n : slash;
    struct str home = home_of(a, str_sub(s, 1, end));
    if (!home.s) {
        return s;
    }
    while (home.n && home.s[home.n - 1] == '/') {
        home.n--;
    }
    struct str out = str_printf(a, "%.*s%.*s", STR(home), STR(str_sub(s, end, s.n)));
    return out.n ? out : STR_LIT("/");
}

static bool name_char(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

struct str path_expand_vars(struct arena *a, struct str s) {
    if (str_find_char(s, 0, '$') == SIZE_MAX) {
        return s;
    }
    struct buf b = BUF_IN(a);
    size_t i = 0;
    while (i < s.n) {
        size_t from = i + 1;
        size_t to = from;
        bool braces = s.s[i] == '$' && from < s.n && s.s[from] == '{';
        if (braces) {
            from++;
            to = str_find_char(s, from, '}');
        } else if (s.s[i] == '$') {
            while (to < s.n && name_char(s.s[to])) {
                to++;
            }
        }
        bool found = s.s[i] == '$' && to != SIZE_MAX && to > from;
        const char *name = found ? str_z(a, str_sub(s, from, to)) : NULL;
        // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment while threads run
        const char *value = name ? getenv(name) : NULL;
        size_t end = found ? to + (braces ? 1 : 0) : i + 1;
        if (value) {
            buf_z(&b, value);
        } else {
            buf_str(&b, str_sub(s, i, end));
        }
        i = end;
    }
    return buf_view(&b);
}

struct str path_expand(struct arena *a, struct str s) {
    return path_expand_user(a, path_expand_vars(a, s));
}
