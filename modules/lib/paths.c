// Paths as text.
#include "paths.h"

#include "buf.h"

struct parts {
    struct str *p;
    size_t n, cap;
};

struct str paths_normal(struct arena *a, struct str path) {
    struct parts parts = {0};
    bool absolute = path.n && path.s[0] == '/';
    struct str rest = path;
    struct str part;
    while (rest.s && str_next(&rest, '/', &part)) {
        bool up = str_eqz(part, "..");
        if (!part.n || str_eqz(part, ".") || (up && absolute && !parts.n)) {
            continue;
        }
        if (up && parts.n && !str_eqz(parts.p[parts.n - 1], "..")) {
            parts.n--;
        } else {
            VEC_PUSH(a, parts, part);
        }
    }
    struct buf b = BUF_IN(a);
    if (absolute) {
        buf_char(&b, '/');
    }
    for (size_t i = 0; i < parts.n; i++) {
        buf_printf(&b, "%s%.*s", i ? "/" : "", STR(parts.p[i]));
    }
    return b.n ? buf_view(&b) : STR_LIT(".");
}

struct str paths_base(struct str path) {
    size_t from = path.n;
    while (from > 0 && path.s[from - 1] != '/') {
        from--;
    }
    return str_sub(path, from, path.n);
}

struct str paths_dir(struct str path) {
    size_t end = path.n;
    while (end > 0 && path.s[end - 1] != '/') {
        end--;
    }
    return str_sub(path, 0, end > 1 ? end - 1 : end);
}

bool paths_below(struct str dir, struct str path) {
    if (str_eqz(dir, "/")) {
        return path.n > 1 && path.s[0] == '/';
    }
    if (str_eqz(dir, ".")) {
        return path.n && path.s[0] != '/' && !str_eqz(path, ".") && !str_eqz(path, "..") && !str_starts(path, "../");
    }
    return path.n > dir.n + 1 && path.s[dir.n] == '/' && str_eq(str_sub(path, 0, dir.n), dir);
}
