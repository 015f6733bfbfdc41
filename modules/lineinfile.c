// lineinfile: one line of a text file, present or absent.
#include "regex.h"
#include "textfile.h"

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
    {"validate", ARG_STR, .empty_is_none = true,
     .doc = "Command with %s to check the new file before it is put in place."},
    {0},
};

struct lines {
    struct str *p;
    size_t n, cap;
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
    size_t hit, spot;  // the line to replace, the place of a new one; SIZE_MAX: none
    bool matched;      // by the pattern, not by being equal
    struct regex_match match;
};

static bool by_pattern(const struct finder *f) {
    return f->re || f->literal.s;
}

// 1 when the pattern matches the line (its end included), 0, or -1.
static int matches(struct finder *f, struct str line, struct err *e) {
    if (f->literal.s) {
        return str_find(line, 0, f->literal) != SIZE_MAX;
    }
    struct regex_match m;
    int rc = regex_exec(f->re, line, 0, REGEX_SEARCH, f->c->arena, &m, e);
    if (rc > 0) {
        f->match = m;
    }
    return rc;
}

static bool scan_pattern(struct finder *f, const struct lines *l, struct err *e) {
    for (size_t i = 0; by_pattern(f) && i < l->n; i++) {
        int rc = matches(f, l->p[i], e);
        if (rc < 0) {
            return false;
        }
        if (rc > 0) {
            f->hit = i;
            f->matched = true;
            if (f->first) {
                break;
            }
        }
    }
    return true;
}

// Nothing matched: the line may be there as it is; else the place for it.
static bool scan_place(struct finder *f, const struct lines *l, struct str line, struct err *e) {
    for (size_t i = 0; i < l->n; i++) {
        if (str_eq(without_end(l->p[i]), line)) {
            f->hit = i;
            continue;
        }
        int rc = f->where ? regex_exec(f->where, l->p[i], 0, REGEX_SEARCH, f->c->arena, NULL, e) : 0;
        if (rc < 0) {
            return false;
        }
        if (rc > 0) {
            f->spot = f->after ? i + 1 : i;
            if (f->first) {
                break;
            }
        }
    }
    return true;
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

// Puts a new line in. True when the file gets another one.
static bool insert_new(struct finder *f, struct lines *l, struct str line) {
    struct arena *a = f->c->arena;
    struct str whole = str_printf(a, "%.*s\n", STR(line));
    if (str_eqz(mod_str(f->c, "insertbefore"), "BOF") || str_eqz(mod_str(f->c, "insertafter"), "BOF")) {
        insert(a, l, 0, whole);
        return true;
    }
    size_t at = f->spot == SIZE_MAX ? l->n : f->spot;
    if (f->after && f->spot != SIZE_MAX && at < l->n && str_eq(without_end(l->p[at]), line)) {
        return false;
    }
    if (at == l->n && l->n > 0 && !str_ends(l->p[l->n - 1], "\n") && !str_ends(l->p[l->n - 1], "\r")) {
        l->p[l->n - 1] = str_printf(a, "%.*s\n", STR(l->p[l->n - 1]));
    }
    insert(a, l, at, whole);
    return true;
}

static bool replace_line(struct finder *f, struct lines *l, struct str line, bool *done, struct err *e) {
    struct arena *a = f->c->arena;
    struct str want = line;
    if (!l->p) {
        BUG("line %zu of none", f->hit);
    }
    if (mod_bool(f->c, "backrefs") && f->matched) {
        struct buf b = BUF_IN(a);
        if (!regex_expand(f->re, line, l->p[f->hit], &f->match, &b, e)) {
            return false;
        }
        want = buf_view(&b);
    }
    if (!str_ends(want, "\n")) {
        want = str_printf(a, "%.*s\n", STR(want));
    }
    *done = !str_eq(l->p[f->hit], want);
    l->p[f->hit] = want;
    return true;
}

static bool present(struct finder *f, struct textfile *t, struct str *msg, struct err *e) {
    struct str line = mod_str(f->c, "line");
    struct lines l = split(f->c->arena, t->old);
    bool done = false;
    if (!scan_pattern(f, &l, e) || (!f->matched && !scan_place(f, &l, line, e))) {
        return false;
    }
    if (f->hit != SIZE_MAX) {
        if (!replace_line(f, &l, line, &done, e)) {
            return false;
        }
        *msg = done ? STR_LIT("line replaced") : *msg;
    } else if (!mod_bool(f->c, "backrefs")) {  // with backrefs there is nothing to fill them from
        done = insert_new(f, &l, line);
        *msg = done ? STR_LIT("line added") : *msg;
    }
    t->now = done ? join(f->c->arena, &l) : t->old;
    return true;
}

static bool absent(struct finder *f, struct textfile *t, struct str *msg, struct err *e) {
    struct lines l = split(f->c->arena, t->old);
    struct lines keep = {0};
    struct str line = mod_str(f->c, "line");
    for (size_t i = 0; i < l.n; i++) {
        int rc = by_pattern(f) ? matches(f, l.p[i], e) : str_eq(without_end(l.p[i]), line);
        if (rc < 0) {
            return false;
        }
        if (!rc) {
            VEC_PUSH(f->c->arena, keep, l.p[i]);
        }
    }
    size_t removed = l.n - keep.n;
    t->now = removed ? join(f->c->arena, &keep) : t->old;
    mod_set(f->c, "found", val_int((int64_t)removed));
    *msg = removed ? str_printf(f->c->arena, "%zu line(s) removed", removed) : *msg;
    return true;
}

static bool check_args(struct mod_call *c, bool here, struct err *e) {
    if (here && mod_bool(c, "backrefs") && !mod_has(c, "regexp")) {
        return mod_fail(c, e, "regexp is required with backrefs=true");
    }
    if (here && !mod_has(c, "line")) {
        return mod_fail(c, e, "line is required with state=present");
    }
    if (!here && !mod_has(c, "regexp") && !mod_has(c, "search_string") && !mod_has(c, "line")) {
        return mod_fail(c, e, "one of line, search_string, or regexp is required with state=absent");
    }
    if (mod_has(c, "regexp") && mod_str(c, "regexp").n == 0) {
        // Ansible's words: playbooks look for them.
        mod_warn(c, "The regular expression is an empty string, which will match every line in the file. This may have "
                    "unintended consequences, such as replacing the last line in the file rather than appending. If "
                    "this is desired, use '^' to match every line in the file and avoid this warning.");
    }
    if (mod_has(c, "search_string") && mod_str(c, "search_string").n == 0) {
        mod_warn(c, "The search string is an empty string, which will match every line in the file. This may have "
                    "unintended consequences, such as replacing the last line in the file rather than appending.");
    }
    return true;
}

// Lines are bytes: a file need not be UTF-8.
static bool compile(struct mod_call *c, const char *arg, struct regex **re, struct err *e) {
    struct str pat = mod_str(c, arg);
    *re = pat.s ? regex_compile(c->arena, pat, REGEX_BYTES, mod_arg(c, arg).mark, e) : NULL;
    return *re || !pat.s;
}

static bool finder_open(struct mod_call *c, struct finder *f, bool here, struct err *e) {
    *f = (struct finder){.c = c, .first = mod_bool(c, "firstmatch"), .hit = SIZE_MAX, .spot = SIZE_MAX};
    struct str before = mod_str(c, "insertbefore");
    struct str after = mod_str(c, "insertafter");
    f->after = after.s && !str_eqz(after, "EOF") && !str_eqz(after, "BOF");
    bool where = f->after || (before.s && !str_eqz(before, "BOF"));
    f->literal = mod_has(c, "search_string") ? mod_str(c, "search_string") : STR_NONE;
    const char *arg = f->after ? "insertafter" : "insertbefore";
    where = where && here && mod_str(c, arg).n > 0;  // an empty pattern is no place: the line goes to the end
    return compile(c, "regexp", &f->re, e) && (!where || compile(c, arg, &f->where, e));
}

static bool plan(struct mod_call *c, struct err *e) {
    struct textfile *t = ARENA_NEW(c->arena, struct textfile);
    struct finder f;
    struct str msg = STR_LIT("");
    bool here = str_eqz(mod_str(c, "state"), "present");
    c->state = t;
    if (!check_args(c, here, e) || !textfile_open(c, t, e)) {
        return false;
    }
    if (!t->found && here && !mod_bool(c, "create")) {
        mod_set(c, "rc", val_int(257));
        return mod_fail(c, e, "Destination %s does not exist !", t->path);
    }
    if (!t->found && !here) {
        mod_set_z(c, "msg", "file not present");
        return true;
    }
    if (!finder_open(c, &f, here, e) || !(here ? present(&f, t, &msg, e) : absent(&f, t, &msg, e))) {
        return false;
    }
    if (!str_eq(t->old, t->now)) {
        mod_changed(c);
    }
    if (!textfile_attributes(c, t, msg, c->diff, e)) {
        return false;
    }
    mod_set_z(c, "backup", "");
    textfile_diff(c, t);
    return true;
}

static bool run(struct mod_call *c, struct err *e) {
    struct val name;
    if (!textfile_write(c, c->state, e)) {
        val_del_key(c->result, val_z(c->arena, "backup"));
        return false;
    }
    name = val_get(c->result, "backup_file");
    if (val_is(name, VAL_STR)) {
        mod_set(c, "backup", name);
        val_del_key(c->result, val_z(c->arena, "backup_file"));
    }
    return true;
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
    .tidy = true,
    .run = run,
};
