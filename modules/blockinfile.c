// blockinfile: lines of a text file between two marker lines.
#include "regex.h"
#include "textfile.h"

#define NONE SIZE_MAX

static const struct arg args[] = {
    {"path", ARG_PATH, .required = true, .aliases = "dest|destfile|name", .doc = "The file."},
    {"state", ARG_STR, .def = "present", .choices = "absent|present", .doc = "Whether the block is to be there."},
    {"marker", ARG_STR, .def = "# {mark} ANSIBLE MANAGED BLOCK", .doc = "The marker lines; {mark} is replaced."},
    {"block", ARG_STR, .def = "", .aliases = "content", .doc = "The lines; none: the block is removed."},
    {"insertafter", ARG_STR, .doc = "EOF or a pattern: a new block goes behind the last line that matches."},
    {"insertbefore", ARG_STR, .doc = "BOF or a pattern: a new block goes before the last line that matches."},
    {"create", ARG_BOOL, .def = "false", .doc = "Create the file when it does not exist."},
    {"backup", ARG_BOOL, .def = "false", .doc = "Keep the old file under a dated name."},
    {"validate", ARG_STR, .empty_is_none = true,
     .doc = "Command with %s to check the new file before it is put in place."},
    {"marker_begin", ARG_STR, .def = "BEGIN", .doc = "What {mark} is in the first marker."},
    {"marker_end", ARG_STR, .def = "END", .doc = "What {mark} is in the last one."},
    {"append_newline", ARG_BOOL, .def = "false", .doc = "An empty line behind the block."},
    {"prepend_newline", ARG_BOOL, .def = "false", .doc = "An empty line before the block."},
    {0},
};

struct lines {
    struct str *p;
    size_t n, cap;
};

/// Cuts the text into lines with their ends: \n, \r\n or \r.
static struct lines split(struct arena *a, struct str s) {
    struct lines l = {0};
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool end = s.s[i] == '\n' || (s.s[i] == '\r' && !(i + 1 < s.n && s.s[i + 1] == '\n'));
        if (end || i + 1 == s.n) {
            struct str line = str_sub(s, from, i + 1);
            VEC_PUSH(a, l, line);
            from = i + 1;
        }
    }
    return l;
}

static void insert(struct arena *a, struct lines *l, size_t at, struct str line) {
    VEC_PUSH(a, *l, line);
    memmove(l->p + at + 1, l->p + at, (l->n - 1 - at) * sizeof *l->p);
    l->p[at] = line;
}

static void cut(struct lines *l, size_t from, size_t to) {
    memmove(l->p + from, l->p + to, (l->n - to) * sizeof *l->p);
    l->n -= to - from;
}

static struct str marker_line(struct mod_call *c, const char *which) {
    struct str marker = mod_str(c, "marker");
    struct buf b = BUF_IN(c->arena);
    size_t from = 0;
    size_t at;
    while ((at = str_find(marker, from, STR_LIT("{mark}"))) != SIZE_MAX) {
        buf_str(&b, str_sub(marker, from, at));
        buf_str(&b, mod_str(c, which));
        from = at + 6;
    }
    buf_str(&b, str_sub(marker, from, marker.n));
    buf_char(&b, '\n');
    return buf_view(&b);
}

/// True when the pattern starts with inline flags that make it look at all of the text at once.
static bool is_multiline(struct str pattern) {
    if (!str_starts(pattern, "(?")) {
        return false;
    }
    bool m = false;
    for (size_t i = 2; i < pattern.n && strchr("aiLmsux", pattern.s[i]) && pattern.s[i]; i++) {
        m = m || pattern.s[i] == 'm';
        if (i + 1 < pattern.n && pattern.s[i + 1] == ')') {
            return m;
        }
    }
    return false;
}

static size_t count_lines(struct str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        n += s.s[i] == '\n';
    }
    return n;
}

/// The pattern of insertafter or insertbefore, NULL without one: looked at even when the block is there already.
static bool compile(struct mod_call *c, const char *arg, struct regex **re, struct err *e) {
    *re = arg ? regex_compile(c->arena, mod_str(c, arg), REGEX_BYTES, mod_arg(c, arg).mark, e) : NULL;
    return *re || !arg;
}

/// Where a new block goes by a pattern: behind (`after`) or before what matches; the end of the file without a match.
static bool find_spot(struct mod_call *c, const struct textfile *t, const struct lines *l, struct regex *re, bool after,
                      size_t *at, struct err *e) {
    struct str pattern = mod_str(c, after ? "insertafter" : "insertbefore");
    struct regex_match m;
    size_t spot = NONE;
    int rc = 0;
    if (is_multiline(pattern)) {
        rc = regex_exec(re, t->old, 0, REGEX_SEARCH, c->arena, &m, e);
        spot = rc > 0 ? count_lines(str_sub(t->old, 0, after ? m.to[0] : m.from[0])) : NONE;
    }
    for (size_t i = 0; rc >= 0 && !is_multiline(pattern) && i < l->n; i++) {
        rc = regex_exec(re, l->p[i], 0, REGEX_SEARCH, c->arena, NULL, e);
        spot = rc > 0 ? i : spot;
    }
    size_t next = after ? spot + 1 : spot;
    *at = spot == NONE || next > l->n ? l->n : next;
    return rc >= 0;
}

/// Takes an old block out of the lines and finds where the new one goes.
static bool place(struct mod_call *c, const struct textfile *t, struct lines *l, size_t *at, struct err *e) {
    struct str begin = marker_line(c, "marker_begin");
    struct str end = marker_line(c, "marker_end");
    struct str before = mod_str(c, "insertbefore");
    struct str after = mod_str(c, "insertafter");
    bool behind = after.s && !str_eqz(after, "EOF");
    bool in_front = before.s && !str_eqz(before, "BOF");
    size_t first = NONE;
    size_t last = NONE;
    struct regex *re;
    if (!compile(c, behind ? "insertafter" : in_front ? "insertbefore" : NULL, &re, e)) {
        return false;
    }
    for (size_t i = 0; i < l->n; i++) {
        first = str_eq(l->p[i], begin) ? i : first;
        last = str_eq(l->p[i], end) ? i : last;
    }
    if (first != NONE && last != NONE) {
        *at = first < last ? first : last;
        cut(l, *at, (first < last ? last : first) + 1);
        return true;
    }
    if (re) {
        return find_spot(c, t, l, re, behind, at, e);
    }
    *at = before.s ? 0 : l->n;
    return true;
}

static size_t put_block(struct mod_call *c, struct lines *l, size_t at) {
    struct str block = mod_str(c, "block");
    if (!str_eqz(mod_str(c, "state"), "present") || block.n == 0) {
        return 0;
    }
    if (!str_ends(block, "\n")) {
        block = str_printf(c->arena, "%.*s\n", STR(block));
    }
    insert(c->arena, l, at, marker_line(c, "marker_begin"));
    insert(c->arena, l, at + 1, block);
    insert(c->arena, l, at + 2, marker_line(c, "marker_end"));
    return 3;
}

static bool edit(struct mod_call *c, struct textfile *t, size_t *inserted, struct err *e) {
    struct lines l = split(c->arena, t->old);
    size_t at = 0;
    bool here = str_eqz(mod_str(c, "state"), "present");
    if (!place(c, t, &l, &at, e)) {
        return false;
    }
    if (at > 0 && !str_ends(l.p[at - 1], "\n")) {
        l.p[at - 1] = str_printf(c->arena, "%.*s\n", STR(l.p[at - 1]));
    }
    if (here && mod_bool(c, "prepend_newline") && at > 0 && !str_eqz(l.p[at - 1], "\n")) {
        insert(c->arena, &l, at++, STR_LIT("\n"));
    }
    *inserted = put_block(c, &l, at);
    size_t behind = at + *inserted;
    if (here && mod_bool(c, "append_newline") && behind < l.n && !str_eqz(l.p[behind], "\n")) {
        insert(c->arena, &l, behind, STR_LIT("\n"));
    }
    struct buf b = BUF_IN(c->arena);
    for (size_t i = 0; i < l.n; i++) {
        buf_str(&b, l.p[i]);
    }
    t->now = b.n ? buf_view(&b) : STR_LIT("");
    return true;
}

static bool plan(struct mod_call *c, struct err *e) {
    struct textfile *t = ARENA_NEW(c->arena, struct textfile);
    size_t inserted = 0;
    c->state = t;
    if (!textfile_open(c, t, e)) {
        return false;
    }
    if (!t->found && !mod_bool(c, "create")) {
        mod_set(c, "rc", val_int(257));
        return mod_fail(c, e, "Path %s does not exist !", t->path);
    }
    if (!t->found && str_eqz(mod_str(c, "state"), "absent")) {
        mod_set(c, "msg", val_printf(c->arena, "File %s not present", t->path));
        return true;
    }
    if (!edit(c, t, &inserted, e)) {
        return false;
    }
    struct str msg = STR_LIT("");
    if (!t->found || !str_eq(t->old, t->now)) {
        msg = !t->found ? STR_LIT("File created") : inserted ? STR_LIT("Block inserted") : STR_LIT("Block removed");
        mod_changed(c);
    }
    if (!textfile_attributes(c, t, msg, c->diff, e)) {
        return false;
    }
    textfile_diff(c, t);
    return true;
}

static bool run(struct mod_call *c, struct err *e) {
    return textfile_write(c, c->state, e);
}

MODULE(blockinfile) = {
    .doc = "Insert, change or remove a block of lines between marker lines.",
    .spec = "ansible.builtin.blockinfile",
    .example = "- ansible.builtin.blockinfile:\n    path: /etc/ssh/sshd_config\n    block: |\n      Match User deploy\n"
               "      PasswordAuthentication no",
    .returns =
        "msg: What was done.\nbackup_file: Name of the backup.\nrc: 256 for a directory, 257 for a missing file.",
    .args = args,
    .file_args = true,
    .exclusive = "insertbefore,insertafter",
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .side = ON_TARGET,
    .plan = plan,
    .tidy = true,
    .run = run,
};
