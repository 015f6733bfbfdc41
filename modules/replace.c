// replace: every match of a pattern in a file, replaced.
#include "regex.h"
#include "textfile.h"

#include <strings.h>

static const struct arg args[] = {
    {"path", ARG_PATH, .required = true, .aliases = "dest|destfile|name", .doc = "The file."},
    {"regexp", ARG_STR, .required = true, .doc = "What to look for; ^ and $ match at each line."},
    {"replace", ARG_STR, .def = "", .doc = "What to put in its place, with \\1 and \\g<name>; nothing when absent."},
    {"after", ARG_STR, .doc = "Only behind the first match of this pattern, in which a dot matches line ends, too."},
    {"before", ARG_STR, .doc = "Only before a match of this pattern."},
    {"backup", ARG_BOOL, .def = "false", .doc = "Keep the old file under a dated name."},
    {"validate", ARG_STR, .empty_is_none = true,
     .doc = "Command with %s to check the new file before it is put in place."},
    {"encoding", ARG_STR, .def = "utf-8", .doc = "Encoding of the file: utf-8, ascii or latin-1."},
    {0},
};

static bool one_of(const char *name, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/// How the file is written. `*latin`: in bytes that are not UTF-8.
static bool read_encoding(struct mod_call *c, bool *latin, struct err *e) {
    static const char *const plain[] = {"utf-8", "utf8", "utf_8", "ascii", "us-ascii"};
    static const char *const latins[] = {"latin-1", "latin1", "latin_1", "iso-8859-1", "iso8859-1", "iso_8859_1", "l1"};
    const char *name = mod_z(c, "encoding");
    *latin = one_of(name, latins, COUNTOF(latins));
    return *latin || one_of(name, plain, COUNTOF(plain)) ||
           mod_fail(c, e, "the encoding '%s' is not supported: expected utf-8, latin-1 or ascii", name);
}

static struct str from_latin(struct arena *a, struct str text) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < text.n; i++) {
        char out[4];
        buf_add(&b, out, utf8_put((unsigned char)text.s[i], out));
    }
    return b.n ? buf_view(&b) : STR_LIT("");
}

static bool to_latin(struct mod_call *c, struct str text, struct str *out, struct err *e) {
    struct buf b = BUF_IN(c->arena);
    for (size_t i = 0; i < text.n;) {
        uint32_t cp = utf8_next(text, &i);
        if (cp > 0xFF) {
            return mod_fail(c, e, "the encoding '%s' has no character U+%04X, which 'replace' brings",
                            mod_z(c, "encoding"), (unsigned)cp);
        }
        buf_char(&b, (char)cp);
    }
    *out = b.n ? buf_view(&b) : STR_LIT("");
    return true;
}

/// The part of the text between `after` and `before`. `*inside` is false when the patterns do not match.
static bool find_section(struct mod_call *c, struct str text, unsigned flags, struct str *section, bool *inside,
                         struct err *e) {
    struct str after = mod_str(c, "after");
    struct str before = mod_str(c, "before");
    struct regex_match m;
    *section = text;
    *inside = true;
    if (!after.n && !before.n) {
        return true;
    }
    struct str pattern =
        str_printf(c->arena, "%.*s(?P<subsection>.*%s)%.*s", STR(after), after.n && before.n ? "?" : "", STR(before));
    struct mark at = mod_arg(c, after.n ? "after" : "before").mark;
    struct regex *re = regex_compile(c->arena, pattern, flags | REGEX_DOTALL, at, e);
    int rc = re ? regex_exec(re, text, 0, REGEX_SEARCH, c->arena, &m, e) : -1;
    if (rc < 0) {
        return false;
    }
    if (rc == 0) {
        *inside = false;
        mod_set(
            c, "msg",
            val_printf(c->arena, "Pattern for before/after params did not match the given file: %.*s", STR(pattern)));
        return true;
    }
    size_t group = regex_group_number(re, STR_LIT("subsection"));
    *section = str_sub(text, m.from[group], m.to[group]);
    return true;
}

static bool replace_all(struct mod_call *c, struct textfile *t, unsigned flags, struct str section, struct str *msg,
                        struct err *e) {
    struct str out;
    size_t n = 0;
    struct mark at = mod_arg(c, "regexp").mark;
    struct regex *re = regex_compile(c->arena, mod_str(c, "regexp"), flags | REGEX_MULTILINE, at, e);
    struct str with = mod_str(c, "replace");
    if (!re || !regex_sub(re, with.s ? with : STR_LIT(""), section, 0, c->arena, &out, &n, e)) {
        return false;
    }
    if (n == 0 || str_eq(out, section)) {
        return true;
    }
    struct buf b = BUF_IN(c->arena);
    size_t from = (size_t)(section.s - t->old.s);
    buf_str(&b, str_sub(t->old, 0, from));
    buf_str(&b, out);
    buf_str(&b, str_sub(t->old, from + section.n, t->old.n));
    t->now = b.n ? buf_view(&b) : STR_LIT("");
    *msg = str_printf(c->arena, "%zu replacements made", n);
    struct str header = str_from(t->path);
    mod_diff_text(c, header, t->old, header, t->now);
    return true;
}

static bool plan(struct mod_call *c, struct err *e) {
    struct textfile *t = ARENA_NEW(c->arena, struct textfile);
    struct str msg = STR_LIT("");
    struct str section;
    bool inside = false;
    bool latin = false;
    c->state = t;
    if (!textfile_open(c, t, e)) {
        return false;
    }
    if (!t->found) {
        mod_set(c, "rc", val_int(257));
        return mod_fail(c, e, "Path %s does not exist !", t->path);
    }
    mod_set(c, "rc", val_int(0));
    if (!read_encoding(c, &latin, e)) {
        return false;
    }
    struct str raw = t->old;
    t->old = t->now = latin ? from_latin(c->arena, raw) : raw;
    unsigned flags = utf8_valid(t->old) ? 0 : REGEX_BYTES;
    bool ok = find_section(c, t->old, flags, &section, &inside, e) &&
              (!inside || replace_all(c, t, flags, section, &msg, e)) && (!latin || to_latin(c, t->now, &t->now, e));
    t->old = raw;
    return ok && (!inside || textfile_attributes(c, t, msg, false, e));
}

static bool run(struct mod_call *c, struct err *e) {
    return textfile_write(c, c->state, e);
}

MODULE(replace) = {
    .doc = "Replace all matches of a pattern in a file.",
    .spec = "ansible.builtin.replace",
    .example =
        "- ansible.builtin.replace:\n    path: /etc/hosts\n    regexp: '(\\s+)old\\.example(\\s|$)'\n    replace: "
        "'\\1new.example\\2'",
    .order = "rc msg changed",
    .returns = "msg: What was done.\nrc: 0, or 256 for a directory and 257 for a missing file.\n"
               "backup_file: Name of the backup.",
    .args = args,
    .file_args = true,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .side = ON_TARGET,
    .plan = plan,
    .tidy = true,
    .run = run,
};
