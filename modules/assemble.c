// assemble: one file from the files of a directory, of the target or of the controller.
#include "digest.h"
#include "paths.h"
#include "regex.h"
#include "textfile.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#define FRAGMENTS_MAX 20000
#define TOTAL_MAX     ((size_t)512 << 20)

static const struct arg args[] = {
    {"src", ARG_PATH, .required = true, .doc = "Directory with the fragments."},
    {"dest", ARG_PATH, .required = true, .doc = "The file to make."},
    {"delimiter", ARG_STR, .doc = "What goes between fragments, on lines of its own; \\n and the like are understood."},
    {"backup", ARG_BOOL, .def = "false", .doc = "Keep the old file under a dated name."},
    {"remote_src", ARG_BOOL, .def = "true", .doc = "src is on the target; otherwise on the controller."},
    {"regexp", ARG_STR, .doc = "Take only fragments whose name has a match."},
    {"ignore_hidden", ARG_BOOL, .def = "false", .doc = "Leave out fragments whose name starts with a dot."},
    {"validate", ARG_STR, .empty_is_none = true,
     .doc = "Command with %s to check the new file before it is put in place."},
    {"decrypt", ARG_BOOL, .def = "true", .doc = "With remote_src false: decrypt fragments that are vault files."},
    {"_content", ARG_STR, .doc = "Internal: the attached content."},
    {0},
};

struct names {
    struct str *p;
    size_t n, cap;
};

// -- putting fragments together (on either side) ---------------------------------------------------------------------

static char escape_char(char c) {
    static const char from[] = "\\'\"abfnrtv";
    static const char to[] = "\\'\"\a\b\f\n\r\t\v";
    const char *at = c ? strchr(from, c) : NULL;
    size_t i = at ? (size_t)(at - from) : sizeof to - 1;
    return to[i];
}

/// The value of a digit; -1 when it is none of this base.
static int digit(char c, unsigned base) {
    if (base == 8) {
        return c >= '0' && c <= '7' ? c - '0' : -1;
    }
    if (!isxdigit((unsigned char)c)) {
        return -1;
    }
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/// Takes the value of `\x41` or `\101` at s[*i]; false when it is none.
static bool escape_number(struct str s, size_t *i, char *out) {
    bool hex = s.s[*i] == 'x';
    unsigned base = hex ? 16 : 8;
    size_t from = *i + hex;
    size_t max = hex ? 2 : 3;
    unsigned value = 0;
    size_t n = 0;
    while (n < max && from + n < s.n && digit(s.s[from + n], base) >= 0) {
        value = value * base + (unsigned)digit(s.s[from + n], base);
        n++;
    }
    if (n == 0 || (hex && n != 2)) {
        return false;
    }
    *i = from + n - 1;
    *out = (char)(unsigned char)value;
    return true;
}

/// Escapes as in a Python bytes literal; unknown ones stay as they are.
static struct str unescape(struct arena *a, struct str s) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < s.n; i++) {
        char number;
        if (s.s[i] != '\\' || i + 1 >= s.n) {
            buf_char(&b, s.s[i]);
            continue;
        }
        char c = s.s[++i];
        if (escape_char(c)) {
            buf_char(&b, escape_char(c));
        } else if ((c == 'x' || (c >= '0' && c <= '7')) && escape_number(s, &i, &number)) {
            buf_char(&b, number);
        } else if (c != '\n') {
            buf_char(&b, '\\');
            buf_char(&b, c);
        }
    }
    return b.n ? buf_view(&b) : STR_LIT("");
}

/// `before`: the fragment before this one; NULL: this is the first.
static void append(struct buf *b, struct str delimiter, const struct str *before, struct str fragment) {
    if (before) {
        if (!str_ends(*before, "\n")) {  // an empty one is a line, too
            buf_char(b, '\n');
        }
        buf_str(b, delimiter);
    }
    buf_str(b, fragment);
}

static int by_bytes(const void *a, const void *b) {
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static bool wanted(struct mod_call *c, struct regex *re, const char *dir, struct str name, struct err *e) {
    struct stat st;
    if (mod_bool(c, "ignore_hidden") && name.s[0] == '.') {
        return false;
    }
    if (re && regex_exec(re, name, 0, REGEX_SEARCH, c->arena, NULL, e) != 1) {
        return false;
    }
    return stat(arena_printf(c->arena, "%s/%s", dir, name.s), &st) == 0 && S_ISREG(st.st_mode);
}

/// The names of the fragments, sorted.
static bool list(struct mod_call *c, const char *dir, struct names *names, struct err *e) {
    struct regex *re = NULL;
    struct str pattern = mod_str(c, "regexp");
    struct err why = {.arena = c->arena};
    if (pattern.s && !(re = regex_compile(c->arena, pattern, 0, NO_MARK, &why))) {
        return mod_fail(c, e, "Invalid Regexp (%s) in \"%.*s\"", why.msg, STR(pattern));
    }
    DIR *d = opendir(dir);
    const struct dirent *entry;
    if (!d) {
        return mod_fail_sys(c, e, errno, "cannot read directory '%s'", dir);
    }
    while ((entry = readdir(d)) && names->n <= FRAGMENTS_MAX) {  // NOLINT(concurrency-mt-unsafe): our own stream
        struct str name = str_from(entry->d_name);
        if (wanted(c, re, dir, name, &why)) {
            VEC_PUSH(c->arena, *names, str_dup(c->arena, name));
        }
    }
    closedir(d);
    if (names->n > FRAGMENTS_MAX) {
        return mod_fail(c, e, "more than %d fragments in '%s'", FRAGMENTS_MAX, dir);
    }
    if (names->n) {
        qsort(names->p, names->n, sizeof *names->p, by_bytes);
    }
    return why.code == ERR_NONE || mod_fail(c, e, "regexp: %s", why.msg);
}

static bool read_fragment(struct mod_call *c, struct str path, struct str *text, struct err *e) {
    bool flag;
    if (c->ctl) {
        return c->ctl->read(c->ctl->self, path, !mod_bool(c, "decrypt"), c->arena, text, &flag, e);
    }
    return replace_read(c, path.s, text, &flag, e) && (flag || mod_fail(c, e, "'%s' has gone away", path.s));
}

static bool assemble(struct mod_call *c, const char *dir, struct str *out, struct err *e) {
    struct names names = {0};
    struct buf b = BUF_IN(c->arena);
    struct str delimiter = unescape(c->arena, mod_str(c, "delimiter"));
    // On the controller Ansible's adds a line end even where there is one.
    if (delimiter.n && (c->ctl || !str_ends(delimiter, "\n"))) {
        struct buf whole = BUF_IN(c->arena);
        buf_str(&whole, delimiter);
        buf_char(&whole, '\n');
        delimiter = buf_view(&whole);
    }
    if (!list(c, dir, &names, e)) {
        return false;
    }
    struct str before;
    for (size_t i = 0; i < names.n; i++) {
        struct str text;
        if (!read_fragment(c, str_printf(c->arena, "%s/%s", dir, names.p[i].s), &text, e)) {
            return false;
        }
        if (b.n + text.n > TOTAL_MAX) {
            return mod_fail(c, e, "the fragments in '%s' are larger than %zu bytes", dir, TOTAL_MAX);
        }
        append(&b, delimiter, i ? &before : NULL, text);
        before = text;
    }
    *out = b.n ? buf_view(&b) : STR_LIT("");
    return true;
}

static bool check_source(struct mod_call *c, const char *src, struct err *e) {
    struct stat st;
    if (stat(src, &st) != 0) {
        return mod_fail(c, e, "Source (%s) does not exist", src);
    }
    return S_ISDIR(st.st_mode) || mod_fail(c, e, "Source (%s) is not a directory", src);
}

// -- controller ------------------------------------------------------------------------------------------------------

static bool prepare(struct mod_call *c, struct err *e) {
    struct str path;
    struct str data;
    (void)val_del_key(c->args, val_z(c->arena, "_content"));
    if (mod_bool(c, "remote_src")) {
        return true;
    }
    if (!c->ctl->find(c->ctl->self, "files", mod_str(c, "src"), c->arena, &path, e) ||
        !check_source(c, str_z(c->arena, path), e) || !assemble(c, str_z(c->arena, path), &data, e)) {
        return false;
    }
    val_set(c->arena, c->args, "_content", mod_attach(c, data));
    return true;
}

// -- target ----------------------------------------------------------------------------------------------------------

static bool content(struct mod_call *c, struct str *data, struct err *e) {
    if (mod_has(c, "_content")) {
        return c->blob(c, mod_str(c, "_content"), data, e);
    }
    return check_source(c, mod_z(c, "src"), e) && assemble(c, mod_z(c, "src"), data, e);
}

static bool plan(struct mod_call *c, struct err *e) {
    struct textfile *t = ARENA_NEW(c->arena, struct textfile);
    struct stat st;
    const char *hex;
    c->state = t;
    t->path = t->real = mod_z(c, "dest");
    mod_set_z(c, "src", mod_z(c, "src"));
    mod_set_z(c, "dest", t->path);
    if (stat(t->path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return mod_fail(c, e, "Destination (%s) is a directory", t->path);
    }
    const char *dir = str_z(c->arena, paths_dir(str_from(t->path)));
    if (*dir && (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))) {
        return mod_fail(c, e, "Destination directory %s does not exist", dir);
    }
    if (!content(c, &t->now, e) || !replace_old(c, t->path, &t->old, &t->found, e) ||
        !fsattr_read(c, "mode", &t->attr, e) || !digest_hex(c->arena, "sha1", t->now, &hex, e)) {
        return false;
    }
    mod_set_z(c, "checksum", hex);
    if (!digest_hex(c->arena, "md5", t->now, &hex, e)) {
        return false;
    }
    mod_set_z(c, "md5sum", hex);
    if (!t->found || !str_eq(t->old, t->now)) {
        struct str header = str_from(t->path);
        mod_diff_text(c, header, t->found ? t->old : STR_NONE, header, t->now);
    }
    bool ok = textfile_attributes(c, t, STR_LIT(""), true, e);
    mod_set_z(c, "msg", "OK");
    fsattr_info(c, t->path);
    return ok;
}

static bool run(struct mod_call *c, struct err *e) {
    struct textfile *t = c->state;
    if (!textfile_write(c, t, e)) {
        return false;
    }
    fsattr_info(c, t->path);
    return true;
}

MODULE(assemble) = {
    .doc = "Make one file from the files of a directory, in the order of their names.",
    .spec = "ansible.builtin.assemble",
    .example =
        "- ansible.builtin.assemble:\n    src: /etc/app/conf.d\n    dest: /etc/app/app.conf\n    regexp: '\\.conf$'",
    .order = "src dest checksum md5sum changed",
    .returns = "dest: The file.\nsrc: The directory.\nchecksum: SHA1 of the content.\nmd5sum: MD5 of the content.\n"
               "backup_file: Name of the backup.\nstate: Kind of dest.\nmode: Permissions.\nowner: Owner.\n"
               "group: Group.\nuid: Owner's id.\ngid: Group's id.\nsize: Size in bytes.",
    .args = args,
    .file_args = true,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .side = ON_TARGET,
    .prepare = prepare,
    .plan = plan,
    .tidy = true,
    .run = run,
};
