// tar archives through the target's tar: GNU's says itself what differs; of another one the listing is compared.
#include "archive.h"
#include "ids.h"
#include "run.h"

#include <time.h>
#include <unistd.h>

static void push(struct archive *ar, struct val argv, const char *word) {
    val_push(ar->c->arena, argv, val_z(ar->c->arena, word));
}

/// The options all uses of tar share, up to the names.
static void options(struct archive *ar, struct val argv, bool keep_newer) {
    push(ar, argv, "-C");
    push(ar, argv, ar->dest);
    if (ar->zipflag) {
        push(ar, argv, ar->zipflag);
    }
    if (val_len(mod_arg(ar->c, "extra_opts"))) {
        if (ar->gnu) {
            push(ar, argv, "--show-transformed-names");
        }
        archive_words(ar, argv, "extra_opts", "");
    }
    if (keep_newer && mod_bool(ar->c, "keep_newer") && ar->gnu) {
        push(ar, argv, "--keep-newer-files");
    }
    archive_words(ar, argv, "exclude", "--exclude=");
    push(ar, argv, "-f");
    push(ar, argv, ar->src);
    archive_words(ar, argv, "include", "");
}

static struct val command(struct archive *ar) {
    struct val argv = val_list(ar->c->arena, 16);
    push(ar, argv, ar->program);
    return argv;
}

/// Names as tar prints them: octal and C escapes taken back.
static struct str unescape(struct arena *a, struct str s) {
    static const char from[] = "abfnrtv\\";
    static const char to[] = "\a\b\f\n\r\t\v\\";
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < s.n; i++) {
        const char *at = i + 1 < s.n && s.s[i] == '\\' ? strchr(from, s.s[i + 1]) : NULL;
        bool octal = i + 3 < s.n && s.s[i] == '\\';
        for (size_t k = 1; octal && k <= 3; k++) {
            octal = s.s[i + k] >= '0' && s.s[i + k] <= '7';
        }
        if (octal) {
            buf_char(&b, (char)((s.s[i + 1] - '0') * 64 + (s.s[i + 2] - '0') * 8 + (s.s[i + 3] - '0')));
            i += 3;
        } else if (at && *at) {
            buf_char(&b, to[at - from]);
            i++;
        } else {
            buf_char(&b, s.s[i]);
        }
    }
    return buf_view(&b);
}

bool archive_tar_list(struct archive *ar, struct err *e) {
    struct arena *a = ar->c->arena;
    struct run_result r;
    struct val argv = command(ar);
    push(ar, argv, "--version");
    if (!archive_call(ar, argv, &r, e)) {
        return false;
    }
    ar->gnu = str_starts(r.out, "tar") && str_find(r.out, 0, STR_LIT("GNU")) != SIZE_MAX;
    if (!ar->gnu && mod_bool(ar->c, "keep_newer")) {
        return err_set(e, ERR_MODULE, NO_MARK, "keep_newer needs GNU tar, and %s is another one", ar->program);
    }
    argv = command(ar);
    push(ar, argv, ar->gnu ? "--list" : "-t");
    options(ar, argv, false);
    if (!archive_call(ar, argv, &r, e)) {
        return false;
    }
    if (r.rc != 0 || r.truncated) {
        return err_set(e, ERR_MODULE, NO_MARK, "Unable to list files in the archive: %.*s",
                       STR(r.truncated ? STR_LIT("the list is too long") : r.err));
    }
    struct str line;
    while (str_next(&r.out, '\n', &line)) {
        struct str name = ar->gnu ? unescape(a, line) : line;
        while (name.n && name.s[0] == '/') {
            name = str_sub(name, 1, name.n);
        }
        if (line.n && archive_wanted(ar, name)) {
            val_push(a, ar->files, val_str(a, name));
        }
    }
    return true;
}

// -- comparing -------------------------------------------------------------------------------------------------------

/// A line of `tar --diff` about something that unpacking would put right.
static bool counts(struct archive *ar, struct str line) {
    bool root = geteuid() == 0;
    if (str_ends(line, ": : Warning: Cannot stat: No such file or directory")) {
        return false;  // an empty name, made by --strip-components
    }
    return (root && !mod_has(ar->c, "owner") && str_ends(line, ": Uid differs")) ||
           (root && !mod_has(ar->c, "group") && str_ends(line, ": Gid differs")) ||
           (!mod_has(ar->c, "mode") && str_ends(line, ": Mode differs")) || str_ends(line, ": Mod time differs") ||
           str_ends(line, ": Size differs") || str_ends(line, ": Contents differ") ||
           str_ends(line, ": Symlink differs") || str_ends(line, ": File type differs") ||
           str_ends(line, ": Warning: Cannot stat: No such file or directory") ||
           str_find(line, 0, STR_LIT(": Invalid owner")) != SIZE_MAX ||
           str_find(line, 0, STR_LIT(": Invalid group")) != SIZE_MAX;
}

static bool compare_gnu(struct archive *ar, struct err *e) {
    struct run_result r;
    struct val argv = command(ar);
    push(ar, argv, "--diff");
    options(ar, argv, true);
    if (!archive_call(ar, argv, &r, e)) {
        return false;
    }
    ar->same = !r.truncated;
    struct str all[] = {r.out, r.err};
    for (size_t i = 0; i < COUNTOF(all); i++) {
        struct str line;
        while (str_next(&all[i], '\n', &line)) {
            ar->same = ar->same && !counts(ar, line);
        }
    }
    return true;
}

/// "-rw-r--r-- root/root  123 2024-01-01 00:00:00 name[ -> target]": a line of busybox's `tar -tv`.
static bool line_same(struct archive *ar, struct str line) {
    struct arena *a = ar->c->arena;
    struct str field[5];
    for (size_t i = 0; i < COUNTOF(field); i++) {
        line = str_trim(line);
        size_t end = str_find_char(line, 0, ' ');
        field[i] = str_sub(line, 0, end);
        line = str_sub(line, end == SIZE_MAX ? line.n : end, line.n);
    }
    struct str name = str_trim(line);
    char type = field[0].n ? field[0].s[0] : '?';
    size_t arrow = str_find(name, 0, STR_LIT(" -> "));
    if (arrow != SIZE_MAX) {
        name = str_sub(name, 0, arrow);
    }
    struct stat st;
    if (lstat(arena_printf(a, "%s/%.*s", ar->dest, STR(name)), &st) != 0) {
        return false;
    }
    if (type == 'd' || type == 'l') {
        return type == 'd' ? S_ISDIR(st.st_mode) : S_ISLNK(st.st_mode);
    }
    struct tm tm = {.tm_isdst = -1};
    int64_t size;
    const char *when = arena_printf(a, "%.*s %.*s", STR(field[3]), STR(field[4]));
    return arrow != SIZE_MAX || (S_ISREG(st.st_mode) && str_int(field[2], &size) && size == st.st_size &&
                                 strptime(when, "%Y-%m-%d %H:%M:%S", &tm) && mktime(&tm) == st.st_mtime);
}

static bool compare_listing(struct archive *ar, struct err *e) {
    struct run_result r;
    struct val argv = command(ar);
    push(ar, argv, "-tv");
    options(ar, argv, false);
    if (!archive_call(ar, argv, &r, e)) {
        return false;
    }
    ar->same = r.rc == 0 && !r.truncated;
    struct str line;
    while (ar->same && str_next(&r.out, '\n', &line)) {
        ar->same = line.n == 0 || line_same(ar, line);
    }
    return true;
}

bool archive_tar_compare(struct archive *ar, struct err *e) {
    return ar->gnu ? compare_gnu(ar, e) : compare_listing(ar, e);
}

void archive_tar_command(struct archive *ar, struct val argv) {
    push(ar, argv, ar->gnu ? "--extract" : "-x");
    options(ar, argv, true);
}
