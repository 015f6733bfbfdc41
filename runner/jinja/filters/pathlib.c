// Python's os.path functions.
#include "filters/path.h"

#include "buf.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t last_slash(struct str p) {
    size_t i = p.n;
    while (i > 0 && p.s[i - 1] != '/') {
        i--;
    }
    return i;
}

struct str path_base(struct str p) {
    return str_sub(p, last_slash(p), p.n);
}

struct str path_dir(struct str p) {
    struct str head = str_sub(p, 0, last_slash(p));
    size_t n = head.n;
    while (n > 0 && head.s[n - 1] == '/') {
        n--;
    }
    return n ? str_sub(head, 0, n) : head;
}

struct str path_join2(struct arena *a, struct str p, struct str b) {
    if (str_starts(b, "/")) {
        return b;
    }
    bool bare = !p.n || p.s[p.n - 1] == '/';
    return str_printf(a, "%.*s%s%.*s", STR(p), bare ? "" : "/", STR(b));
}

struct str path_norm(struct arena *a, struct str p) {
    if (!p.n) {
        return STR_LIT(".");
    }
    size_t lead = 0;
    if (p.s[0] == '/') {
        lead = str_starts(p, "//") && !str_starts(p, "///") ? 2 : 1;
    }
    struct str *parts = ARENA_ARRAY(a, struct str, p.n / 2 + 2), rest = p, part;
    size_t n = 0;
    while (str_next(&rest, '/', &part)) {
        if (!part.n || str_eqz(part, ".")) {
            continue;
        }
        bool up = str_eqz(part, "..");
        if (up && n && !str_eqz(parts[n - 1], "..")) {
            n--;
        } else if (!up || !lead) {
            parts[n++] = part;
        }
    }
    struct buf b = BUF_IN(a);
    buf_add(&b, "//", lead);
    for (size_t i = 0; i < n; i++) {
        if (i) {
            buf_char(&b, '/');
        }
        buf_str(&b, parts[i]);
    }
    return b.n ? buf_view(&b) : STR_LIT(".");
}

struct str path_abs(struct arena *a, struct str p) {
    char cwd[PATH_MAX];
    if (!str_starts(p, "/") && getcwd(cwd, sizeof cwd)) {
        p = path_join2(a, str_from(cwd), p);
    }
    return path_norm(a, p);
}

/// Resolves the parts of `rest` below `path`; `budget` bounds the links followed.
static struct str resolve(struct arena *a, struct str path, struct str rest, unsigned *budget) {
    struct str part;
    while (str_next(&rest, '/', &part)) {
        if (!part.n || str_eqz(part, ".")) {
            continue;
        }
        if (str_eqz(part, "..")) {
            path = path_dir(path);
            continue;
        }
        struct str next = path_join2(a, path, part);
        char *target = arena_alloc(a, PATH_MAX);
        ssize_t n = *budget ? readlink(str_z(a, next), target, PATH_MAX - 1) : -1;
        if (n < 0) {
            path = next;
            continue;
        }
        (*budget)--;
        struct str link = {target, (size_t)n};
        path = resolve(a, str_starts(link, "/") ? STR_LIT("/") : path, link, budget);
    }
    return path;
}

struct str path_real(struct arena *a, struct str p) {
    unsigned budget = 40;
    char cwd[PATH_MAX];
    struct str base = STR_LIT("/");
    if (!str_starts(p, "/") && getcwd(cwd, sizeof cwd)) {
        base = str_dup(a, str_from(cwd));
    }
    return path_norm(a, resolve(a, base, p, &budget));
}

static const char *home_of(struct arena *a, const char *user) {
    struct passwd pw, *found = NULL;
    size_t cap = 1 << 14;
    char *room = arena_alloc(a, cap);
    int rc = user ? getpwnam_r(user, &pw, room, cap, &found) : getpwuid_r(getuid(), &pw, room, cap, &found);
    return rc == 0 && found ? found->pw_dir : NULL;
}

struct str path_user(struct arena *a, struct str p) {
    if (!str_starts(p, "~")) {
        return p;
    }
    size_t end = str_find_char(p, 0, '/');
    end = end == SIZE_MAX ? p.n : end;
    const char *home = NULL;
    if (end == 1) {
        home = getenv("HOME");  // NOLINT(concurrency-mt-unsafe): nothing sets variables once threads run
        home = home ? home : home_of(a, NULL);
    } else {
        home = home_of(a, str_z(a, str_sub(p, 1, end)));
    }
    if (!home) {
        return p;
    }
    struct str h = str_from(home);
    while (h.n && h.s[h.n - 1] == '/') {
        h.n--;
    }
    struct str r = str_printf(a, "%.*s%.*s", STR(h), STR(str_sub(p, end, p.n)));
    return r.n ? r : STR_LIT("/");
}
