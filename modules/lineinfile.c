// lineinfile: one line of a text file, present or absent.
#include "regex.h"
#include "replace.h"

#include <errno.h>
#include <unistd.h>

static const struct arg args[] = {
    {"path", ARG_PATH, .required = true, .aliases = "dest|destfile|name", .doc = "The file."},
    {"state", ARG_STR, .def = "present", .choices = "absent|present", .doc = "Whether the line is to be there."},
    {"regexp", ARG_STR, .aliases = "regex", .doc = "The line to replace or remove: the last one that matches."},
    {"search_string", ARG_STR, .doc = "As regexp, but a literal text."},
    {"line", ARG_STR, .aliases = "value", .doc = "The line itself, without a line end."},
    {"backrefs", ARG_BOOL, .def = "false", .doc = "Expand \\1 in line from regexp; without a match nothing changes."},
    {"insertafter", ARG_STR, .doc = "EOF or a pattern: where a new line goes (behind the last match)."},
    {"insertbefore", ARG_STR, .doc = "BOF or a pattern: where a new line goes (before the last match)."},
    {"create", ARG_BOOL, .def = "false", .doc = "Create the file when it does not exist."},
    {"backup", ARG_BOOL, .def = "false", .doc = "Keep the old file under a dated name."},
    {"firstmatch", ARG_BOOL, .def = "false", .doc = "Use the first match of the patterns, not the last."},
    {"validate", ARG_STR, .doc = "Command with %s to check the new file before it is put in place."},
    {0},
};

struct lines {
    struct str *p;
    size_t n, cap;
};
struct work {
    const char *path;
    struct str old, now;
    bool found;
    struct fsattr attr;
};

static struct lines split(struct arena *a, struct str s) {
    struct lines l = {0};
    for (size_t at = 0; at < s.n;) {
        size_t nl = str_find_char(s, at, '\n');
        size_t end = nl == SIZE_MAX ? s.n : nl + 1;
        struct str line = str_sub(s, at, end);
        VEC_PUSH(a, l, line);
        at = end;
    }
    return l;
}

static struct str without_end(struct str line) {
    while (line.n > 0 && (line.s[line.n - 1] == '\n' || line.s[line.n - 1] == '\r')) {
        line.n--;
    }
    return line;
}

struct finder {
    struct mod_call *c;
    struct regex *re, *where;  // regexp; insertafter or insertbefore
    struct str literal;        // search_string
    bool after, first;
    size_t hit, spot;  // line numbers; SIZE_MAX: none
    struct regex_match match;
};

static bool matches(struct finder *f, struct str line, bool *hit, struct err *e) {
    *hit = false;
    if (f->literal.s) {
        *hit = str_find(line, 0, f->literal) != SIZE_MAX;
        return true;
    }
    if (!f->re) {
        return true;
    }
    struct regex_match m;
    int rc = regex_exec(f->re, line, 0, REGEX_SEARCH, f->c->arena, &m, e);
    if (rc > 0) {
        *hit = true;
        f->match = m;
    }
    return rc >= 0;
}

static bool find_spot(struct finder *f, struct str line, size_t i, struct err *e) {
    if (!f->where || (f->first && f->spot != SIZE_MAX)) {
        return true;
    }
    int rc = regex_exec(f->where, line, 0, REGEX_SEARCH, f->c->arena, NULL, e);
    if (rc > 0) {
        f->spot = i;
    }
    return rc >= 0;
}

static bool scan(struct finder *f, const struct lines *l, struct str line, struct err *e) {
    f->hit = f->spot = SIZE_MAX;
    bool pattern = f->re || f->literal.s;
    for (size_t i = 0; i < l->n; i++) {
        struct str now = without_end(l->p[i]);
        bool hit;
        if (!matches(f, now, &hit, e)) {
            return false;
        }
        if (!pattern || !hit) {
            hit = pattern ? hit : str_eq(now, line);
        }
        if (hit) {
            f->hit = i;
            if (pattern && f->first) {
                break;
            }
        } else if (!find_spot(f, now, i, e)) {
            return false;
        }
    }
    // A pattern that matches nothing: the line itself may be there already.
    for (size_t i = 0; pattern && f->hit == SIZE_MAX && i < l->n && !mod_bool(f->c, "backrefs"); i++) {
        if (str_eq(without_end(l->p[i]), line)) {
            f->hit = i;
        }
    }
    return true;
}

static struct regex *compile(struct mod_call *c, const char *arg, struct err *e) {
    struct str pat = mod_str(c, arg);
    return pat.s ? regex_compile(c->arena, pat, 0, mod_arg(c, arg).mark, e) : NULL;
}

static struct str join(struct arena *a, const struct lines *l) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < l->n; i++) {
        buf_str(&b, l->p[i]);
    }
    return buf_view(&b);
}

static void insert(struct arena *a, struct lines *l, size_t at, struct str line) {
    VEC_PUSH(a, *l, line);
    memmove(l->p + at + 1, l->p + at, (l->n - 1 - at) * sizeof *l->p);
    l->p[at] = line;
}

// Ends the last line of a file that has no line end, so that another one can follow.
static void end_last(struct arena *a, struct lines *l) {
    if (l->n > 0 && !str_ends(l->p[l->n - 1], "\n")) {
        l->p[l->n - 1] = str_printf(a, "%.*s\n", STR(l->p[l->n - 1]));
    }
}

static void insert_new(struct finder *f, struct lines *l, struct str line) {
    struct arena *a = f->c->arena;
    struct str before = mod_str(f->c, "insertbefore");
    struct str after = mod_str(f->c, "insertafter");
    size_t at = l->n;
    if (str_eqz(before, "BOF") || str_eqz(after, "BOF")) {
        at = 0;
    } else if (f->spot != SIZE_MAX) {
        at = f->spot + (f->after ? 1 : 0);
    }
    if (at == l->n) {
        end_last(a, l);
    }
    insert(a, l, at, line);
}

static bool present(struct finder *f, struct work *w, struct lines *l, struct err *e) {
    struct arena *a = f->c->arena;
    struct str line = mod_str(f->c, "line");
    bool backrefs = mod_bool(f->c, "backrefs");
    bool by_line = !f->re && !f->literal.s;
    if (f->hit == SIZE_MAX) {
        if (backrefs) {
            return true;
        }
        insert_new(f, l, str_printf(a, "%.*s\n", STR(line)));
        mod_set_z(f->c, "msg", "line added");
        w->now = join(a, l);
        return true;
    }
    struct str want = line;
    if (backrefs && f->match.n) {
        struct buf b = BUF_IN(a);
        if (!regex_expand(f->re, line, without_end(l->p[f->hit]), &f->match, &b, e)) {
            return false;
        }
        want = buf_view(&b);
    }
    if (!str_ends(want, "\n")) {
        want = str_printf(a, "%.*s\n", STR(want));
    }
    bool same = by_line ? true : str_eq(l->p[f->hit], want);
    if (!same && !str_eq(without_end(l->p[f->hit]), without_end(want))) {
        l->p[f->hit] = want;
        mod_set_z(f->c, "msg", "line replaced");
    }
    w->now = join(a, l);
    return true;
}

static bool absent(struct finder *f, struct work *w, struct lines *l, struct err *e) {
    struct lines keep = {0};
    size_t removed = 0;
    struct str line = mod_str(f->c, "line");
    for (size_t i = 0; i < l->n; i++) {
        bool hit;
        struct str now = without_end(l->p[i]);
        if (!matches(f, now, &hit, e)) {
            return false;
        }
        if (!f->re && !f->literal.s) {
            hit = str_eq(now, line);
        }
        if (hit) {
            removed++;
        } else {
            VEC_PUSH(f->c->arena, keep, l->p[i]);
        }
    }
    w->now = join(f->c->arena, &keep);
    mod_set(f->c, "found", val_int((int64_t)removed));
    if (removed > 0) {
        mod_set(f->c, "msg", val_printf(f->c->arena, "%zu line(s) removed", removed));
    }
    return true;
}

static bool check_args(struct mod_call *c, struct err *e) {
    bool here = str_eqz(mod_str(c, "state"), "present");
    if (mod_has(c, "regexp") && mod_has(c, "search_string")) {
        return mod_fail(c, e, "parameters are mutually exclusive: regexp|search_string");
    }
    if (here && mod_bool(c, "backrefs") && !mod_has(c, "regexp")) {
        return mod_fail(c, e, "regexp is required with backrefs=true");
    }
    if (here && !mod_arg(c, "line").u.s) {
        return mod_fail(c, e, "line is required with state=present");
    }
    if (!here && !mod_has(c, "regexp") && !mod_has(c, "search_string") && !mod_has(c, "line")) {
        return mod_fail(c, e, "one of line, search_string, or regexp is required with state=absent");
    }
    return true;
}

static bool read_file(struct mod_call *c, struct work *w, bool here, struct err *e) {
    struct stat st;
    if (stat(w->path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return mod_fail(c, e, "Path %s is a directory !", w->path);
    }
    if (!replace_read(c, w->path, &w->old, &w->found, e)) {
        return false;
    }
    if (!w->found && here && !mod_bool(c, "create")) {
        mod_set(c, "rc", val_int(257));
        return mod_fail(c, e, "Destination %s does not exist !", w->path);
    }
    return true;
}

// The file a link stands for is the one that is edited.
static const char *resolve(struct mod_call *c, const char *path) {
    char real[4096];
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && realpath(path, real)) {
        return arena_strndup(c->arena, real, strlen(real));
    }
    return path;
}

static bool finder_open(struct mod_call *c, struct finder *f, struct err *e) {
    *f = (struct finder){.c = c, .first = mod_bool(c, "firstmatch")};
    struct str before = mod_str(c, "insertbefore");
    struct str after = mod_str(c, "insertafter");
    const char *where = before.s && !str_eqz(before, "BOF") ? "insertbefore" : NULL;
    if (!where && after.s && !str_eqz(after, "EOF") && !str_eqz(after, "BOF")) {
        where = "insertafter";
        f->after = true;
    }
    f->literal = mod_str(c, "search_string");
    f->re = compile(c, "regexp", e);
    if (!f->re && mod_has(c, "regexp")) {
        return false;
    }
    f->where = where ? compile(c, where, e) : NULL;
    return f->where || !where;
}

static bool attributes(struct mod_call *c, struct work *w, struct err *e) {
    struct stat st;
    bool there = lstat(w->path, &st) == 0;
    if (!there) {
        mode_t mask = umask(0);
        umask(mask);
        st = (struct stat){.st_uid = geteuid(), .st_gid = getegid(), .st_mode = S_IFREG | (0666 & ~mask)};
    }
    struct val before = val_dict(c->arena, 4);
    struct val after = val_dict(c->arena, 4);
    bool differs = false;
    if (!fsattr_read(c, "mode", &w->attr, e) ||
        !fsattr_differs(c, &w->attr, w->path, &st, before, after, &differs, e)) {
        return false;
    }
    if (differs && there) {
        struct str msg = val_text(val_get(c->result, "msg"));
        mod_set(
            c, "msg",
            val_printf(c->arena, "%.*s%sownership, perms or SE linux context changed", STR(msg), msg.n ? " and " : ""));
        mod_changed(c);
        struct val d = val_dict(c->arena, 4);
        val_set(c->arena, d, "before", before);
        val_set(c->arena, d, "after", after);
        val_set(c->arena, d, "before_header", val_printf(c->arena, "%s (file attributes)", w->path));
        val_set(c->arena, d, "after_header", val_printf(c->arena, "%s (file attributes)", w->path));
        c->diffs = c->diffs.kind == VAL_LIST ? c->diffs : val_list(c->arena, 1);
        val_push(c->arena, c->diffs, d);
    }
    return true;
}

static bool plan(struct mod_call *c, struct err *e) {
    struct work *w = ARENA_NEW(c->arena, struct work);
    c->state = w;
    w->path = resolve(c, mod_z(c, "path"));
    bool here = str_eqz(mod_str(c, "state"), "present");
    struct finder f;
    if (!check_args(c, e) || !read_file(c, w, here, e) || !finder_open(c, &f, e)) {
        return false;
    }
    struct lines l = split(c->arena, w->old);
    w->now = w->old;
    mod_set_z(c, "msg", "");
    if (here) {
        mod_set_z(c, "backup", "");
        if (!scan(&f, &l, mod_str(c, "line"), e) || !present(&f, w, &l, e)) {
            return false;
        }
    } else if (!w->found) {
        mod_set_z(c, "msg", "file not present");
        return true;
    } else if (!absent(&f, w, &l, e)) {
        return false;
    }
    if (!str_eq(w->old, w->now) || (here && !w->found && w->now.n > 0)) {
        struct str header = str_printf(c->arena, "%s (content)", w->path);
        mod_diff_text(c, header, w->old, header, w->now);
    }
    return attributes(c, w, e);
}

static bool make_parent(struct mod_call *c, const char *path, struct err *e) {
    for (const char *s = strchr(path + 1, '/'); s; s = strchr(s + 1, '/')) {
        const char *dir = arena_strndup(c->arena, path, (size_t)(s - path));
        if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
            return mod_fail_sys(c, e, errno, "Error creating %s", dir);
        }
    }
    return true;
}

static bool run(struct mod_call *c, struct err *e) {
    struct work *w = c->state;
    if (str_eq(w->old, w->now) && w->found) {
        return fsattr_apply(c, &w->attr, w->path, e);
    }
    struct str backup = STR_LIT("");
    if (!w->found && !make_parent(c, w->path, e)) {
        return false;
    }
    if (mod_bool(c, "backup") && w->found && !replace_backup(c, w->path, &backup, e)) {
        return false;
    }
    struct replace r = {.path = w->path,
                        .data = w->now,
                        .attr = &w->attr,
                        .validate = mod_z(c, "validate"),
                        .unsafe_writes = mod_bool(c, "unsafe_writes")};
    if (!replace_file(c, &r, e)) {
        return false;
    }
    mod_set_str(c, "backup", backup);
    struct fsattr rest = w->attr;
    rest.has_mode = rest.has_uid = rest.has_gid = false;
    return fsattr_apply(c, &rest, w->path, e);
}

MODULE(lineinfile) = {
    .doc = "Make sure that one line is in a text file, or is not.",
    .spec = "ansible.builtin.lineinfile",
    .example = "- ansible.builtin.lineinfile:\n    path: /etc/hosts\n    regexp: '^127\\.0\\.0\\.1'\n    line: "
               "127.0.0.1 localhost",
    .returns = "msg: What was done.\nbackup: Name of the backup.\nfound: Number of lines removed.",
    .args = args,
    .file_args = true,
    .exclusive = "insertbefore,insertafter;regexp,search_string;backrefs,search_string",
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .side = ON_TARGET,
    .plan = plan,
    .run = run,
};
