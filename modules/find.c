// find: files of the target by name, kind, age, size or content.
#include "digest.h"
#include "fd.h"
#include "ids.h"
#include "paths.h"
#include "regex.h"
#include "spec.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#define MATCHES_MAX 30000  // what one result can hold
#define TEXT_MAX    ((size_t)256 << 20)
#define DEPTH_MAX   512

static const struct arg args[] = {
    {"paths", ARG_LIST, .required = true, .aliases = "name|path", .doc = "Directories to look in."},
    {"patterns", ARG_LIST, .def = "[]", .aliases = "pattern", .doc = "Names to find; any of them."},
    {"excludes", ARG_LIST, .aliases = "exclude", .doc = "Names not to find, of those that match `patterns`."},
    {"contains", ARG_STR, .doc = "Regular expression a line of the file must match from its start."},
    {"read_whole_file", ARG_BOOL, .def = "false", .doc = "`contains` is looked for anywhere in the whole text."},
    {"file_type", ARG_STR, .def = "file", .choices = "any|directory|file|link", .doc = "Kind of what to find."},
    {"age", ARG_STR, .doc = "At least this old (negative: at most): seconds, or with s, m, h, d or w behind."},
    {"age_stamp", ARG_STR, .def = "mtime", .choices = "atime|ctime|mtime", .doc = "The time `age` looks at."},
    {"size", ARG_STR, .doc = "At least this large (negative: at most): bytes, or with b, k, m, g or t behind."},
    {"recurse", ARG_BOOL, .def = "false", .doc = "Look into directories below, too."},
    {"hidden", ARG_BOOL, .def = "false", .doc = "Names that start with a dot count, too."},
    {"follow", ARG_BOOL, .def = "false", .doc = "With recurse: go through links to directories."},
    {"get_checksum", ARG_BOOL, .def = "false", .doc = "Compute the SHA1 of files that are found."},
    {"use_regex", ARG_BOOL, .def = "false", .doc = "patterns and excludes are regular expressions, not globs."},
    {"depth", ARG_INT, .doc = "How many levels to go down; 1: only what is in the directory itself."},
    {0},
};

struct regexes {
    struct regex **p;
    size_t n, cap;
};
struct names {
    struct str *p;
    size_t n, cap;
};
struct found {
    struct names files, dirs;
};
/// The directories between the start and where the search is, so that links do not lead it in circles.
struct visit {
    const struct visit *above;
    dev_t dev;
    ino_t ino;
    int64_t level;
};
struct search {
    struct mod_call *c;
    struct regexes patterns, excludes;
    struct regex *contains;
    bool has_age, has_size, whole, recurse, hidden, follow, checksum, warned;
    int64_t age, size, depth, looked;
    char stamp;  // a, c, m
    char type;   // any, directory, file, link: its first letter
    double now;
    struct val files, skipped;
};

// -- what to look for ------------------------------------------------------------------------------------------------

/// A shell pattern as a regular expression, as Python's fnmatch: a star matches slashes and leading dots.
static struct str glob_regex(struct arena *a, struct str glob) {
    struct buf b = BUF_IN(a);
    buf_z(&b, "(?s:");
    for (size_t i = 0; i < glob.n; i++) {
        char ch = glob.s[i];
        size_t first = i + 1 < glob.n && glob.s[i + 1] == '!' ? i + 2 : i + 1;
        size_t close = ch == '[' && first < glob.n ? str_find_char(glob, first + 1, ']') : SIZE_MAX;
        if (ch == '*') {
            buf_z(&b, ".*");
        } else if (ch == '?') {
            buf_char(&b, '.');
        } else if (close != SIZE_MAX) {
            buf_z(&b, first == i + 2 ? "[^" : "[");
            for (i = first; i < close; i++) {
                buf_printf(&b, "%s%c", strchr("\\[]^&~|", glob.s[i]) ? "\\" : "", glob.s[i]);
            }
            buf_char(&b, ']');
        } else {
            buf_str(&b, regex_escape(a, str_sub(glob, i, i + 1)));
        }
    }
    buf_z(&b, ")\\Z");
    return buf_view(&b);
}

static bool compile(struct mod_call *c, const char *arg, struct regexes *out, struct err *e) {
    bool regex = mod_bool(c, "use_regex");
    struct val list = mod_arg(c, arg);
    size_t n = val_len(list);
    for (size_t i = 0; i < n; i++) {
        struct str text = val_text(val_at_index(list, i));
        struct err why = {.arena = c->arena};
        struct regex *r = regex_compile(c->arena, regex ? text : glob_regex(c->arena, text), 0, NO_MARK, &why);
        if (!r) {
            return mod_fail(c, e, "%s: '%.*s' is no valid pattern: %s", arg, STR(text), why.msg);
        }
        VEC_PUSH(c->arena, *out, r);
    }
    return true;
}

/// A number with one of the letters behind; the letter's place in `units` gives the factor.
static bool read_amount(struct mod_call *c, const char *arg, const char *units, const int64_t *factor, int64_t *out,
                        struct err *e) {
    struct str s = mod_str(c, arg);
    int64_t by = 1;
    const char *unit = s.n ? strchr(units, s.s[s.n - 1] | 0x20) : NULL;
    struct str digits = unit ? str_sub(s, 0, s.n - 1) : s;
    if (unit) {
        by = factor[unit - units];
    }
    if (!digits.n || digits.s[0] == '+' || !str_int(digits, out) || __builtin_mul_overflow(*out, by, out)) {
        mod_set_str(c, arg, s);
        return mod_fail(c, e, "failed to process %s", arg);
    }
    return true;
}

static bool read_search(struct search *s, struct err *e) {
    static const int64_t seconds[] = {1, 60, 3600, 86400, 604800};
    static const int64_t bytes[] = {1, 1 << 10, 1 << 20, 1 << 30, (int64_t)1 << 40};
    struct mod_call *c = s->c;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    s->now = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    s->files = val_list(c->arena, 16);
    s->skipped = val_dict(c->arena, 4);
    s->whole = mod_bool(c, "read_whole_file");
    s->recurse = mod_bool(c, "recurse");
    s->hidden = mod_bool(c, "hidden");
    s->follow = mod_bool(c, "follow");
    s->checksum = mod_bool(c, "get_checksum");
    s->depth = mod_int(c, "depth", 0);
    s->stamp = mod_z(c, "age_stamp")[0];
    s->type = mod_z(c, "file_type")[0];
    s->has_age = mod_has(c, "age");
    s->has_size = mod_has(c, "size");
    if (s->has_age && !read_amount(c, "age", "smhdw", seconds, &s->age, e)) {
        return false;
    }
    if (s->has_size && !read_amount(c, "size", "bkmgt", bytes, &s->size, e)) {
        return false;
    }
    if (mod_has(c, "contains")) {
        struct err why = {.arena = c->arena};
        s->contains = regex_compile(c->arena, mod_str(c, "contains"), 0, NO_MARK, &why);
        if (!s->contains) {
            return mod_fail(c, e, "contains: no valid regular expression: %s", why.msg);
        }
    }
    if (!val_len(mod_arg(c, "patterns"))) {  // the invocation shows it, too
        struct val all = val_list(c->arena, 1);
        val_push(c->arena, all, val_z(c->arena, mod_bool(c, "use_regex") ? ".*" : "*"));
        val_set(c->arena, c->args, "patterns", all);
    }
    return compile(c, "patterns", &s->patterns, e) && compile(c, "excludes", &s->excludes, e);
}

// -- whether one matches ---------------------------------------------------------------------------------------------

static bool any_matches(struct search *s, const struct regexes *r, struct str name) {
    struct err e = {.arena = s->c->arena};
    for (size_t i = 0; i < r->n; i++) {
        if (regex_exec(r->p[i], name, 0, REGEX_MATCH, s->c->arena, NULL, &e) == 1) {
            return true;
        }
    }
    return false;
}

static double stamp(struct timespec t) {
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool age_fits(const struct search *s, const struct stat *st) {
    struct timespec t = s->stamp == 'a' ? st->st_atim : s->stamp == 'c' ? st->st_ctim : st->st_mtim;
    double old = s->now - stamp(t);
    return !s->has_age || (s->age >= 0 ? old >= (double)s->age : old <= -(double)s->age);
}

static bool size_fits(const struct search *s, const struct stat *st) {
    return !s->has_size || (s->size >= 0 ? st->st_size >= s->size : -st->st_size >= s->size);
}

static bool text_matches(struct search *s, struct str text, struct arena *a) {
    struct err e = {.arena = a};
    if (!utf8_valid(text)) {
        return false;
    }
    text = str_replace(a, str_replace(a, text, STR_LIT("\r\n"), STR_LIT("\n")), STR_LIT("\r"), STR_LIT("\n"));
    if (s->whole) {
        return regex_exec(s->contains, text, 0, REGEX_SEARCH, a, NULL, &e) == 1;
    }
    for (size_t from = 0; from < text.n;) {
        size_t end = str_find_char(text, from, '\n');
        end = end == SIZE_MAX ? text.n : end + 1;
        if (regex_exec(s->contains, str_sub(text, from, end), 0, REGEX_MATCH, a, NULL, &e) == 1) {
            return true;
        }
        from = end;
    }
    return false;
}

/// A file that cannot be read does not match.
static bool content_fits(struct search *s, const char *path) {
    if (!s->contains) {
        return true;
    }
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str text;
    bool fits = fd_read_regular(path, TEXT_MAX, &a, &text, &e) && text_matches(s, text, &a);
    arena_release(&a);
    return fits;
}

static bool fits(struct search *s, const char *path, struct str name, const struct stat *st) {
    bool reg = S_ISREG(st->st_mode);
    if ((s->type == 'd' && !S_ISDIR(st->st_mode)) || (s->type == 'f' && !reg) ||
        (s->type == 'l' && !S_ISLNK(st->st_mode))) {
        return false;
    }
    if (!any_matches(s, &s->patterns, name) || any_matches(s, &s->excludes, name) || !age_fits(s, st)) {
        return false;
    }
    return (!reg || size_fits(s, st)) && (s->type != 'f' || content_fits(s, path));
}

// -- what is reported ------------------------------------------------------------------------------------------------

/// The name of an id; empty when it has none.
static struct val id_name(struct arena *a, struct str name, int64_t id) {
    int64_t number;
    bool unknown = str_int(name, &number) && number == id;
    return val_str(a, unknown ? STR_LIT("") : name);
}

static void put_kind(struct arena *a, struct val f, mode_t m) {
    static const struct {
        const char *name;
        mode_t kind;
    } kinds[] = {{"isdir", S_IFDIR},  {"ischr", S_IFCHR}, {"isblk", S_IFBLK},  {"isreg", S_IFREG},
                 {"isfifo", S_IFIFO}, {"islnk", S_IFLNK}, {"issock", S_IFSOCK}};
    val_set(a, f, "mode", val_printf(a, "%04o", (unsigned)(m & 07777)));
    for (size_t i = 0; i < COUNTOF(kinds); i++) {
        val_set(a, f, kinds[i].name, val_bool((m & S_IFMT) == kinds[i].kind));
    }
}

static void put_rights(struct arena *a, struct val f, mode_t m) {
    static const struct {
        const char *name;
        mode_t bit;
    } bits[] = {{"wusr", S_IWUSR}, {"rusr", S_IRUSR},  {"xusr", S_IXUSR}, {"wgrp", S_IWGRP},
                {"rgrp", S_IRGRP}, {"xgrp", S_IXGRP},  {"woth", S_IWOTH}, {"roth", S_IROTH},
                {"xoth", S_IXOTH}, {"isuid", S_ISUID}, {"isgid", S_ISGID}};
    for (size_t i = 0; i < COUNTOF(bits); i++) {
        val_set(a, f, bits[i].name, val_bool((m & bits[i].bit) != 0));
    }
}

static bool report(struct search *s, const char *path, const struct stat *st, struct err *e) {
    struct arena *a = s->c->arena;
    struct val f = val_dict(a, 40);
    val_set(a, f, "path", val_z(a, path));
    put_kind(a, f, st->st_mode);
    val_set(a, f, "uid", val_int(st->st_uid));
    val_set(a, f, "gid", val_int(st->st_gid));
    val_set(a, f, "size", val_int(st->st_size));
    val_set(a, f, "inode", val_int((int64_t)st->st_ino));
    val_set(a, f, "dev", val_int((int64_t)st->st_dev));
    val_set(a, f, "nlink", val_int((int64_t)st->st_nlink));
    val_set(a, f, "atime", val_float(stamp(st->st_atim)));
    val_set(a, f, "mtime", val_float(stamp(st->st_mtim)));
    val_set(a, f, "ctime", val_float(stamp(st->st_ctim)));
    val_set(a, f, "gr_name", id_name(a, ids_group_name(a, st->st_gid), st->st_gid));
    val_set(a, f, "pw_name", id_name(a, ids_user_name(a, st->st_uid), st->st_uid));
    put_rights(a, f, st->st_mode);
    if (s->checksum && S_ISREG(st->st_mode) && s->type != 'd') {
        const char *hex;
        if (!digest_file(a, "sha1", path, &hex, e)) {
            return false;
        }
        val_set(a, f, "checksum", val_z(a, hex));
    }
    val_push(a, s->files, f);
    return val_len(s->files) <= MATCHES_MAX ||
           mod_fail(s->c, e, "more than %d matches: narrow the search with patterns, paths or depth", MATCHES_MAX);
}

// -- walking ---------------------------------------------------------------------------------------------------------

static void skip(struct search *s, const char *path, const char *what, const char *why) {
    struct arena *a = s->c->arena;
    mod_warn(s->c, "Skipped %s due to this access issue: %s\n", what, why);
    val_set(a, s->skipped, path, val_z(a, why));
    s->warned = true;
}

static bool list(struct search *s, const char *dir, struct found *f) {
    struct arena *a = s->c->arena;
    DIR *d = opendir(dir);
    const struct dirent *entry;
    if (!d) {
        return false;
    }
    while ((entry = readdir(d))) {  // NOLINT(concurrency-mt-unsafe): the stream is ours alone
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        struct str name = str_dup(a, str_from(entry->d_name));
        if (fstatat(dirfd(d), entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode)) {
            VEC_PUSH(a, f->dirs, name);
        } else {
            VEC_PUSH(a, f->files, name);
        }
    }
    closedir(d);
    return true;
}

static const char *join(struct arena *a, const char *dir, struct str name) {
    bool root = strcmp(dir, "/") == 0;
    bool here = strcmp(dir, ".") == 0;
    return arena_printf(a, "%s%s%.*s", here ? "" : dir, root || here ? "" : "/", STR(name));
}

static bool examine(struct search *s, const char *dir, const struct names *names, struct err *e) {
    for (size_t i = 0; i < names->n; i++) {
        const char *path = join(s->c->arena, dir, names->p[i]);
        struct stat st;
        if (names->p[i].s[0] == '.' && !s->hidden) {
            continue;
        }
        if (lstat(path, &st) != 0) {
            const char *why = arena_printf(s->c->arena, "[Errno %d] %s: '%s'", errno, strerrordesc_np(errno), path);
            skip(s, path, arena_printf(s->c->arena, "entry '%s'", path), why);
        } else if (fits(s, path, names->p[i], &st) && !report(s, path, &st, e)) {
            return false;
        }
    }
    return true;
}

/// True when the directory `path` was not met on the way to `above`.
static bool enter(const char *path, const struct visit *above, bool follow, struct visit *p) {
    struct stat st;
    if ((follow ? stat(path, &st) : lstat(path, &st)) != 0 || !S_ISDIR(st.st_mode)) {
        return false;
    }
    *p = (struct visit){above, st.st_dev, st.st_ino, above ? above->level + 1 : 1};
    for (const struct visit *q = above; q; q = q->above) {
        if (q->dev == p->dev && q->ino == p->ino) {
            return false;
        }
    }
    return p->level < DEPTH_MAX;
}

/// ERR_SYS: a directory that cannot be read ends the search of this path, as with Ansible.
static bool walk(struct search *s, const char *dir, const struct visit *at, struct err *e) {
    struct found f = {0};
    if (!list(s, dir, &f)) {
        return err_set(e, ERR_SYS, NO_MARK, "[Errno %d] %s: '%s'", errno, strerrordesc_np(errno), dir);
    }
    s->looked += (int64_t)(f.files.n + f.dirs.n);
    if (s->depth && at->level > s->depth) {
        return true;
    }
    if (!examine(s, dir, &f.files, e) || !examine(s, dir, &f.dirs, e)) {
        return false;
    }
    for (size_t i = 0; s->recurse && i < f.dirs.n; i++) {
        const char *path = join(s->c->arena, dir, f.dirs.p[i]);
        struct visit p;
        if (enter(path, at, s->follow, &p) && !walk(s, path, &p, e)) {
            return false;
        }
    }
    return true;
}

static bool search_path(struct search *s, const char *path, struct err *e) {
    struct arena *a = s->c->arena;
    struct visit p;
    const char *what = arena_printf(a, "'%s' path", path);
    if (!enter(path, NULL, true, &p)) {
        skip(s, path, what, arena_printf(a, "'%s' is not a directory", path));
        return true;
    }
    struct err why = {.arena = a};
    if (walk(s, str_z(a, paths_normal(a, str_from(path))), &p, &why)) {
        return true;
    }
    if (why.code != ERR_SYS) {
        *e = why;
        return false;
    }
    skip(s, path, what, why.msg);
    return true;
}

static bool run(struct mod_call *c, struct err *e) {
    struct search s = {.c = c};
    struct val paths = mod_arg(c, "paths");
    if (!read_search(&s, e)) {
        return false;
    }
    for (size_t i = 0; i < val_len(paths); i++) {
        if (!search_path(&s, str_z(c->arena, path_expand(c->arena, val_text(val_at_index(paths, i)))), e)) {
            return false;
        }
    }
    mod_set(c, "files", s.files);
    mod_set(c, "matched", val_int((int64_t)val_len(s.files)));
    mod_set(c, "examined", val_int(s.looked));
    mod_set(c, "skipped_paths", s.skipped);
    mod_set_z(c, "msg", s.warned ? "Not all paths examined, check warnings for details" : "All paths examined");
    return true;
}

MODULE(find) = {
    .doc = "Find files, directories or links by name, kind, age, size or content.",
    .spec = "ansible.builtin.find",
    .example = "- ansible.builtin.find:\n    paths: /var/log\n    patterns: '*.gz'\n    age: 4w\n  register: old",
    .order = "files changed msg",
    .returns = "files: What was found: dicts as `stat` gives them, with path.\nmatched: How many were found.\n"
               "examined: How many were looked at.\nskipped_paths: What could not be looked at, and why.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .tidy = true,
    .run = run,
};
