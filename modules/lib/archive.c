// What tar and zip share: telling them apart, names that lead out, running the program.
#include "archive.h"

#include "fd.h"
#include "run.h"
#include "spawn.h"
#include "trust.h"
#include "words.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <unistd.h>

void archive_words(struct archive *ar, struct val argv, const char *arg, const char *prefix) {
    struct val list = mod_arg(ar->c, arg);
    for (size_t i = 0; i < val_len(list); i++) {
        struct str word = val_text(val_at_index(list, i));
        val_push(ar->c->arena, argv, val_printf(ar->c->arena, "%s%.*s", prefix, STR(word)));
    }
}

static bool matches(struct archive *ar, const char *arg, const char *name) {
    struct val list = mod_arg(ar->c, arg);
    for (size_t i = 0; i < val_len(list); i++) {
        struct str pattern = val_text(val_at_index(list, i));
        while (pattern.n > 1 && pattern.s[pattern.n - 1] == '/') {
            pattern.n--;
        }
        if (fnmatch(str_z(ar->c->arena, pattern), name, FNM_NOESCAPE) == 0) {
            return true;
        }
    }
    return false;
}

bool archive_wanted(struct archive *ar, struct str name) {
    const char *z = str_z(ar->c->arena, name);
    if (ar->kind == ARCHIVE_ZIP && val_len(mod_arg(ar->c, "include"))) {
        return matches(ar, "include", z);
    }
    return !matches(ar, "exclude", z);
}

bool archive_call(struct archive *ar, struct val argv, struct run_result *r, struct err *e) {
    static const char *const plain[] = {"LANG=C", "LC_ALL=C", "LC_MESSAGES=C", "LANGUAGE=C"};
    size_t n = val_len(argv);
    const char **words = ARENA_ARRAY(ar->c->arena, const char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        words[i] = str_z(ar->c->arena, val_text(val_at_index(argv, i)));
        bool into = i > 0 && (strcmp(words[i - 1], "-C") == 0 || strcmp(words[i - 1], "-d") == 0);
        words[i] = into && strcmp(words[i], ar->dest) == 0 ? "." : words[i];  // where it is started
    }
    struct run run = {.argv = words, .cwd = ar->place, .envp = words_env(ar->c, plain, COUNTOF(plain))};
    return run_command(&run, ar->c->arena, r, e);
}

// -- what it is ------------------------------------------------------------------------------------------------------

static const struct {
    const char *magic;
    size_t n;
    const char *handler, *zipflag;
    enum archive_kind kind;
} formats[] = {{"PK\3\4", 4, "ZipArchive", NULL, ARCHIVE_ZIP},
               {"PK\5\6", 4, "ZipArchive", NULL, ARCHIVE_ZIP},
               {"\x1f\x8b", 2, "TgzArchive", "-z", ARCHIVE_TAR},
               {"\x1f\x9d", 2, "TgzArchive", "-z", ARCHIVE_TAR},
               {"BZh", 3, "TarBzipArchive", "-j", ARCHIVE_TAR},
               {"\xfd"
                "7zXZ\0",
                6, "TarXzArchive", "-J", ARCHIVE_TAR},
               {"]\0\0", 3, "TarXzArchive", "--lzma", ARCHIVE_TAR},
               {"LZIP", 4, "TarXzArchive", "--lzip", ARCHIVE_TAR},
               {"(\xb5/\xfd", 4, "TarZstdArchive", "--use-compress-program=zstd", ARCHIVE_TAR}};

static bool recognize(struct archive *ar, struct err *e) {
    CLEANUP(fd_closep) int fd = open(ar->src, O_RDONLY | O_CLOEXEC);
    char head[512];
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        return mod_fail(ar->c, e, errno == ENOENT ? "Source '%s' does not exist" : "Source '%s' not readable", ar->src);
    }
    if (!S_ISREG(st.st_mode)) {
        return mod_fail(ar->c, e, "Source '%s' not readable: it is no regular file", ar->src);
    }
    if (st.st_size == 0) {
        return mod_fail(ar->c, e, "Invalid archive '%s', the file is 0 bytes", ar->src);
    }
    ssize_t n = pread(fd, head, sizeof head, 0);
    ar->handler = "TarArchive";
    ar->kind = ARCHIVE_TAR;
    for (size_t i = 0; i < COUNTOF(formats); i++) {
        if (n >= (ssize_t)formats[i].n && memcmp(head, formats[i].magic, formats[i].n) == 0) {
            ar->handler = formats[i].handler;
            ar->zipflag = formats[i].zipflag;
            ar->kind = formats[i].kind;
            return true;
        }
    }
    bool tar = n == sizeof head && memcmp(head + 257, "ustar", 5) == 0;
    // An old tar has no magic; a zip file may start with a program that unpacks it.
    if (!tar && str_ends(str_from(ar->src), ".zip")) {
        ar->handler = "ZipArchive";
        ar->kind = ARCHIVE_ZIP;
    }
    return true;
}

static bool no_handler(struct archive *ar, const char *why, struct err *e) {
    return mod_fail(ar->c, e,
                    "Failed to find handler for \"%s\". Make sure the required command to extract the file is "
                    "installed.\n%s",
                    ar->src, why);
}

static bool find_program(struct archive *ar, struct err *e) {
    struct arena *a = ar->c->arena;
    const char *gtar = ar->kind == ARCHIVE_TAR ? spawn_which(a, "gtar") : NULL;
    ar->program = gtar ? gtar : spawn_which(a, ar->kind == ARCHIVE_TAR ? "tar" : "unzip");
    if (!ar->program) {
        return no_handler(ar,
                          ar->kind == ARCHIVE_TAR ? "Unable to find required 'gtar' or 'tar' binary in the path"
                                                  : "Unable to find required 'unzip' binary in the path.",
                          e);
    }
    return true;
}

// -- names that lead out ---------------------------------------------------------------------------------------------

static bool leads_up(struct str name) {
    struct str part;
    while (str_next(&name, '/', &part)) {
        if (str_eqz(part, "..")) {
            return true;
        }
    }
    return false;
}

static bool check_names(struct archive *ar, struct err *e) {
    struct str before = STR_NONE;
    for (size_t i = 0; i < val_len(ar->files); i++) {
        struct str name = val_text(val_at_index(ar->files, i));
        if (leads_up(name)) {
            return mod_fail(ar->c, e, "the archive %s holds '%.*s', which leads out of %s: nothing was unpacked",
                            ar->src, STR(name), ar->dest);
        }
        // Neighbours share their directories.
        size_t slash = name.n;
        while (slash > 0 && name.s[slash - 1] != '/') {
            slash--;
        }
        struct str dir = str_sub(name, 0, slash);
        if (before.s && str_eq(dir, before)) {
            continue;
        }
        before = dir;
        const char *path = arena_printf(ar->c->arena, "%s/%.*s", ar->dest, STR(name));
        if (!trust_path(ar->c, path, false, e)) {
            return false;
        }
    }
    return true;
}

// -- what unarchive calls --------------------------------------------------------------------------------------------

bool archive_open(struct archive *ar, struct err *e) {
    int fd = -1;  // until this process ends
    ar->files = val_list(ar->c->arena, 64);
    ar->place = trust_cwd(ar->c, ar->dest, &fd, e);
    if (!ar->place) {
        return e->code == ERR_NONE && mod_fail_sys(ar->c, e, errno, "cannot open '%s'", ar->dest);
    }
    if (!recognize(ar, e) || !find_program(ar, e)) {
        return false;
    }
    bool ok = ar->kind == ARCHIVE_ZIP ? archive_zip_list(ar, e) : archive_tar_list(ar, e);
    if (!ok) {
        struct str why = err_text(e);
        err_clear(e);
        return no_handler(
            ar, arena_printf(ar->c->arena, "Command \"%s\" could not handle archive: %.*s", ar->program, STR(why)), e);
    }
    if (val_len(ar->files) == 0 && ar->kind == ARCHIVE_TAR) {
        return no_handler(ar,
                          arena_printf(ar->c->arena,
                                       "Command \"%s\" found no files in archive. Empty archive files are not "
                                       "supported.",
                                       ar->program),
                          e);
    }
    return check_names(ar, e);
}

bool archive_compare(struct archive *ar, struct err *e) {
    return ar->kind == ARCHIVE_ZIP ? archive_zip_compare(ar, e) : archive_tar_compare(ar, e);
}

bool archive_extract(struct archive *ar, struct err *e) {
    struct arena *a = ar->c->arena;
    struct val argv = val_list(a, 16);
    struct val results = val_dict(a, 4);
    struct run_result r;
    val_push(a, argv, val_z(a, ar->program));
    if (ar->kind == ARCHIVE_ZIP) {
        archive_zip_command(ar, argv);
    } else {
        archive_tar_command(ar, argv);
    }
    if (!(ar->kind == ARCHIVE_ZIP ? archive_zip_unpack(ar, argv, &r, e) : archive_call(ar, argv, &r, e))) {
        return false;
    }
    val_set(a, results, "cmd", argv);
    val_set(a, results, "rc", val_int(r.rc));
    val_set(a, results, "out", val_str(a, r.out));
    val_set(a, results, "err", val_str(a, r.err));
    mod_set(ar->c, "extract_results", results);
    return r.rc == 0 || mod_fail(ar->c, e, "failed to unpack %s to %s", ar->src, ar->dest);
}
