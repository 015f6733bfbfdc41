// Filters on paths: basename, dirname, splitext, realpath, relpath, path_join, win_basename, fileglob ...
#include "filters/path.h"

#include "filters/support.h"
#include "filters/text.h"

#include <glob.h>
#include <sys/stat.h>

static bool path_arg(struct jcall *c, struct str *out, struct err *e) {
    *out = STR_NONE;
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "path", "a string", c->args[0]);
    }
    *out = val_text(c->args[0]);
    if (out->n && memchr(out->s, 0, out->n)) {
        return plug_err(c, e, ERR_ARGS, "a path must not contain a NUL byte");
    }
    return true;
}

static bool give(struct jcall *c, struct val *out, struct str s) {
    *out = val_str(c->a, s);
    return true;
}

static struct val pair_of(struct jcall *c, struct str a, struct str b) {
    struct val t = val_tuple(c->a, 2);
    val_push(c->a, t, val_str(c->a, a));
    val_push(c->a, t, val_str(c->a, b));
    return t;
}

static bool f_basename(struct jcall *c, struct val *out, struct err *e) {
    struct str p;
    return path_arg(c, &p, e) && give(c, out, path_base(p));
}
FILTER(basename) = {.doc = "The last part of a path.",
                    .params = "path",
                    .fn = f_basename,
                    .example = "'/etc/hosts' | basename == 'hosts'"};

static bool f_dirname(struct jcall *c, struct val *out, struct err *e) {
    struct str p;
    return path_arg(c, &p, e) && give(c, out, path_dir(p));
}
FILTER(dirname) = {.doc = "A path without its last part.",
                   .params = "path",
                   .fn = f_dirname,
                   .example = "'/etc/hosts' | dirname == '/etc'"};

static bool f_normpath(struct jcall *c, struct val *out, struct err *e) {
    struct str p;
    return path_arg(c, &p, e) && give(c, out, path_norm(c->a, p));
}
FILTER(normpath) = {.doc = "A path without '.', '..' and '//'.",
                    .params = "path",
                    .fn = f_normpath,
                    .example = "'/a/../b' | normpath == '/b'"};

static bool f_realpath(struct jcall *c, struct val *out, struct err *e) {
    struct str p;
    return path_arg(c, &p, e) && give(c, out, path_real(c->a, p));
}
FILTER(realpath) = {
    .doc = "A path with its links followed.", .params = "path", .fn = f_realpath, .example = "'/.' | realpath == '/'"};

static bool f_expanduser(struct jcall *c, struct val *out, struct err *e) {
    struct str p;
    return path_arg(c, &p, e) && give(c, out, path_user(c->a, p));
}
FILTER(expanduser) = {
    .doc = "A path with ~ replaced.", .params = "path", .fn = f_expanduser, .example = "('~' | expanduser) != '~'"};

static bool name_char(char ch) {
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '_';
}

static const char *env_get(struct jcall *c, struct str name) {
    if (c->ctx->host && val_is(c->ctx->host->environment, VAL_DICT)) {
        struct val v = val_get_str(c->ctx->host->environment, name);
        if (v.kind == VAL_STR) {
            return str_z(c->a, val_text(v));
        }
    }
    return getenv(str_z(c->a, name));  // NOLINT(concurrency-mt-unsafe): nothing sets variables once threads run
}

static bool f_expandvars(struct jcall *c, struct val *out, struct err *e) {
    struct str p;
    if (!path_arg(c, &p, e)) {
        return false;
    }
    struct buf b = BUF_IN(c->a);
    for (size_t i = 0; i < p.n;) {
        if (p.s[i] != '$' || i + 1 >= p.n) {
            buf_char(&b, p.s[i++]);
            continue;
        }
        bool brace = p.s[i + 1] == '{';
        size_t from = i + 1 + brace, to = from;
        while (to < p.n && (brace ? p.s[to] != '}' : name_char(p.s[to]))) {
            to++;
        }
        const char *v = (brace && to >= p.n) || to == from ? NULL : env_get(c, str_sub(p, from, to));
        size_t end = to + (brace && to < p.n);
        if (v) {
            buf_z(&b, v);
        } else {
            buf_str(&b, str_sub(p, i, end));
        }
        i = end;
    }
    return give(c, out, buf_view(&b));
}
FILTER(expandvars) = {.doc = "Text with $VARIABLES replaced.",
                      .params = "path",
                      .fn = f_expandvars,
                      .example = "'$HOME/x' | expandvars == lookup('env', 'HOME') ~ '/x'"};

static bool f_splitext(struct jcall *c, struct val *out, struct err *e) {
    struct str p;
    if (!path_arg(c, &p, e)) {
        return false;
    }
    struct str base = path_base(p);
    size_t lead = 0, dot = SIZE_MAX;
    while (lead < base.n && base.s[lead] == '.') {
        lead++;
    }
    for (size_t i = lead; i < base.n; i++) {
        dot = base.s[i] == '.' ? i : dot;
    }
    size_t at = dot == SIZE_MAX ? p.n : p.n - base.n + dot;
    *out = pair_of(c, str_sub(p, 0, at), str_sub(p, at, p.n));
    return true;
}
FILTER(splitext) = {.doc = "A path and its extension.",
                    .params = "path",
                    .fn = f_splitext,
                    .example = "'a.txt' | splitext == ('a', '.txt')"};

/// The parts of an absolute normal path.
static size_t split_parts(struct str p, struct str *parts, size_t cap) {
    size_t n = 0;
    struct str part;
    while (n < cap && str_next(&p, '/', &part)) {
        if (part.n) {
            parts[n++] = part;
        }
    }
    return n;
}

static bool f_relpath(struct jcall *c, struct val *out, struct err *e) {
    struct str p, start;
    if (!path_arg(c, &p, e) || !opt_str(c, 1, "start", STR_LIT("."), &start, e)) {
        return false;
    }
    if (!p.n) {
        return plug_err(c, e, ERR_ARGS, "the path must not be empty");
    }
    struct str from = path_abs(c->a, start.n ? start : STR_LIT(".")), to = path_abs(c->a, p);
    size_t cap = from.n + to.n + 2;
    struct str *a = ARENA_ARRAY(c->a, struct str, cap), *b = ARENA_ARRAY(c->a, struct str, cap);
    size_t na = split_parts(from, a, cap), nb = split_parts(to, b, cap), same = 0;
    while (same < na && same < nb && str_eq(a[same], b[same])) {
        same++;
    }
    struct buf r = BUF_IN(c->a);
    for (size_t i = same; i < na; i++) {
        buf_z(&r, r.n ? "/.." : "..");
    }
    for (size_t i = same; i < nb; i++) {
        if (r.n) {
            buf_char(&r, '/');
        }
        buf_str(&r, b[i]);
    }
    return give(c, out, r.n ? buf_view(&r) : STR_LIT("."));
}
FILTER(relpath) = {.doc = "A path seen from a directory.",
                   .params = "path, start=None",
                   .fn = f_relpath,
                   .example = "'/a/b' | relpath('/a') == 'b'"};

static bool text_items(struct jcall *c, struct val v, struct err *e) {
    for (size_t i = 0; i < val_len(v); i++) {
        if (val_at_index(v, i).kind != VAL_STR) {
            return bad_arg(c, e, "paths", "a list of strings", val_at_index(v, i));
        }
    }
    return val_len(v) || plug_err(c, e, ERR_ARGS, "'paths' must not be empty");
}

static bool f_path_join(struct jcall *c, struct val *out, struct err *e) {
    struct val v = c->args[0];
    *out = v;
    if (v.kind == VAL_STR) {
        return true;
    }
    if (!val_is_seq(v)) {
        return need_defined(c, v, e) &&
               err_set(e, ERR_TYPE, c->at, "|path_join expects string or sequence, got %s instead.", kind_article(v));
    }
    if (!text_items(c, v, e)) {
        return false;
    }
    struct str p = val_text(val_at_index(v, 0));
    for (size_t i = 1; i < val_len(v); i++) {
        p = path_join2(c->a, p, val_text(val_at_index(v, i)));
    }
    return give(c, out, p);
}
FILTER(path_join) = {.doc = "Parts of a path joined.",
                     .params = "paths",
                     .fn = f_path_join,
                     .example = "['/a', 'b'] | path_join == '/a/b'"};

static bool f_commonpath(struct jcall *c, struct val *out, struct err *e) {
    struct val v = c->args[0];
    if (!val_is_seq(v)) {
        return bad_arg(c, e, "paths", "a list", v);
    }
    if (!text_items(c, v, e)) {
        return false;
    }
    struct str first = val_text(val_at_index(v, 0));
    bool absolute = str_starts(first, "/");
    struct str *common = ARENA_ARRAY(c->a, struct str, first.n + 1);
    size_t n = 0, all = split_parts(first, common, first.n + 1);
    for (size_t i = 0; i < all; i++) {
        if (!str_eqz(common[i], ".")) {
            common[n++] = common[i];
        }
    }
    for (size_t i = 1; i < val_len(v); i++) {
        struct str p = val_text(val_at_index(v, i)), part;
        if (str_starts(p, "/") != absolute) {
            return plug_err(c, e, ERR_ARGS, "absolute and relative paths have nothing in common");
        }
        size_t k = 0;
        while (str_next(&p, '/', &part)) {
            if (!part.n || str_eqz(part, ".")) {
                continue;
            }
            if (k >= n || !str_eq(part, common[k])) {
                break;
            }
            k++;
        }
        n = k;
    }
    struct buf b = BUF_IN(c->a);
    for (size_t i = 0; i < n; i++) {
        if (i || absolute) {
            buf_char(&b, '/');
        }
        buf_str(&b, common[i]);
    }
    if (!n && absolute) {
        buf_char(&b, '/');
    }
    return give(c, out, buf_view(&b));
}
FILTER(commonpath) = {.doc = "The longest path that all begin with.",
                      .params = "paths",
                      .fn = f_commonpath,
                      .example = "['/a/b', '/a/c'] | commonpath == '/a'"};

static bool f_fileglob(struct jcall *c, struct val *out, struct err *e) {
    struct str p;
    if (!path_arg(c, &p, e)) {
        return false;
    }
    *out = val_list(c->a, 8);
    glob_t g;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): without GLOB_TILDE and GLOB_ALTDIRFUNC it is safe
    if (glob(str_z(c->a, p), GLOB_NOESCAPE, NULL, &g) == 0) {
        for (size_t i = 0; i < g.gl_pathc; i++) {
            struct stat st;
            if (stat(g.gl_pathv[i], &st) == 0 && S_ISREG(st.st_mode)) {
                val_push(c->a, *out, val_z(c->a, g.gl_pathv[i]));
            }
        }
        globfree(&g);
    }
    return true;
}
FILTER(fileglob) = {.doc = "Regular files of the controller by pattern.",
                    .params = "pathname",
                    .fn = f_fileglob,
                    .example = "'/etc/host[s]' | fileglob == ['/etc/hosts']"};

// -- Windows ---------------------------------------------------------------------------------------------------------

static bool win_sep(char ch) {
    return ch == '/' || ch == '\\';
}

static size_t win_find(struct str p, size_t from) {
    while (from < p.n && !win_sep(p.s[from])) {
        from++;
    }
    return from;
}

/// Length of the drive: "c:" or "\\server\share".
static size_t win_drive(struct str p) {
    if (p.n >= 2 && win_sep(p.s[0]) && win_sep(p.s[1])) {
        bool unc = p.n >= 8 && p.s[2] == '?' && win_sep(p.s[3]) && (p.s[4] | 32) == 'u' && (p.s[5] | 32) == 'n' &&
                   (p.s[6] | 32) == 'c' && win_sep(p.s[7]);
        size_t first = win_find(p, unc ? 8 : 2);
        return first >= p.n ? p.n : win_find(p, first + 1);
    }
    return p.n >= 2 && p.s[1] == ':' ? 2 : 0;
}

static size_t win_tail(struct str p) {
    size_t drive = win_drive(p), i = p.n;
    while (i > drive && !win_sep(p.s[i - 1])) {
        i--;
    }
    return i;
}

static bool f_win_basename(struct jcall *c, struct val *out, struct err *e) {
    struct str p;
    return path_arg(c, &p, e) && give(c, out, str_sub(p, win_tail(p), p.n));
}
FILTER(win_basename) = {.doc = "The last part of a Windows path.",
                        .params = "path",
                        .fn = f_win_basename,
                        .example = "'C:\\\\a\\\\b.txt' | win_basename == 'b.txt'"};

static bool f_win_dirname(struct jcall *c, struct val *out, struct err *e) {
    struct str p;
    if (!path_arg(c, &p, e)) {
        return false;
    }
    size_t drive = win_drive(p), end = win_tail(p), n = end;
    while (n > drive && win_sep(p.s[n - 1])) {
        n--;
    }
    return give(c, out, str_sub(p, 0, n > drive ? n : end));
}
FILTER(win_dirname) = {.doc = "A Windows path without its last part.",
                       .params = "path",
                       .fn = f_win_dirname,
                       .example = "'C:/a/b.txt' | win_dirname == 'C:/a'"};

static bool f_win_splitdrive(struct jcall *c, struct val *out, struct err *e) {
    struct str p;
    if (!path_arg(c, &p, e)) {
        return false;
    }
    size_t drive = win_drive(p);
    *out = pair_of(c, str_sub(p, 0, drive), str_sub(p, drive, p.n));
    return true;
}
FILTER(win_splitdrive) = {.doc = "Drive and path of a Windows path.",
                          .params = "path",
                          .fn = f_win_splitdrive,
                          .example = "'C:/a' | win_splitdrive == ('C:', '/a')"};
