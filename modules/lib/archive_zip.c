// zip archives: the central directory is read here, `unzip` unpacks.
#include "archive.h"
#include "fd.h"
#include "ids.h"
#include "run.h"
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define DIRECTORY_MAX ((size_t)256 << 20)
#define END_SIZE      22
#define ENTRY_SIZE    46
#define COMMENT_MAX   65535

// -- the central directory -------------------------------------------------------------------------------------------

static uint64_t number(const unsigned char *p, size_t n) {
    uint64_t v = 0;
    for (size_t i = n; i-- > 0;) {
        v = v << 8 | p[i];
    }
    return v;
}

static const unsigned char *bytes(struct str s) {
    return (const unsigned char *)s.s;
}

static bool broken(struct archive *ar, struct err *e) {
    return err_set(e, ERR_MODULE, NO_MARK, "%s is no zip file, or it is damaged", ar->src);
}

static bool read_at(int fd, uint64_t at, char *to, size_t n) {
    return at <= INT64_MAX && pread(fd, to, n, (off_t)at) == (ssize_t)n;
}

/// Where the central directory is: from the record at the end, or its 64-bit form.
static bool find_directory(int fd, uint64_t size, struct arena *a, uint64_t *at, uint64_t *len) {
    size_t n = size < END_SIZE + COMMENT_MAX ? (size_t)size : END_SIZE + COMMENT_MAX;
    char *tail = arena_alloc(a, n + 1);
    if (n < END_SIZE || !read_at(fd, size - n, tail, n)) {
        return false;
    }
    for (size_t i = n - END_SIZE + 1; i-- > 0;) {
        const unsigned char *p = (const unsigned char *)tail + i;
        if (memcmp(p, "PK\5\6", 4) != 0) {
            continue;
        }
        *len = number(p + 12, 4);
        *at = number(p + 16, 4);
        char end64[56];
        if (*at == UINT32_MAX && i >= 20 && memcmp(p - 20, "PK\6\7", 4) == 0 &&
            read_at(fd, number(p - 20 + 8, 8), end64, sizeof end64)) {
            *len = number((const unsigned char *)end64 + 40, 8);
            *at = number((const unsigned char *)end64 + 48, 8);
        } else {
            // Something may stand before the first entry: the directory ends where this record begins.
            *at = size - n + i >= *len ? size - n + i - *len : UINT64_MAX;
        }
        return *at <= size && *len <= size - *at;
    }
    return false;
}

static time_t dos_time(uint64_t date, uint64_t time) {
    struct tm tm = {.tm_year = (int)(date >> 9) + 80,
                    .tm_mon = (int)(date >> 5 & 15) - 1,
                    .tm_mday = (int)(date & 31),
                    .tm_hour = (int)(time >> 11),
                    .tm_min = (int)(time >> 5 & 63),
                    .tm_sec = (int)(time & 31) * 2,
                    .tm_isdst = -1};
    return mktime(&tm);
}

/// What the extra fields say of time (UT) and size (64 bits).
static void extra_fields(const unsigned char *p, size_t n, time_t *mtime, uint64_t *size) {
    while (n >= 4) {
        uint64_t id = number(p, 2);
        size_t len = (size_t)number(p + 2, 2);
        if (len > n - 4) {
            return;
        }
        if (id == 0x5455 && len >= 5 && (p[4] & 1)) {
            *mtime = (time_t)(int32_t)number(p + 5, 4);
        } else if (id == 1 && len >= 8 && *size == UINT32_MAX) {
            *size = number(p + 4, 8);
        }
        p += 4 + len;
        n -= 4 + len;
    }
}

static void add_member(struct archive *ar, const unsigned char *p, struct str name, size_t extra) {
    struct arena *a = ar->c->arena;
    uint64_t size = number(p + 24, 4);
    time_t mtime = dos_time(number(p + 14, 2), number(p + 12, 2));
    bool unix_host = p[5] == 3 || p[5] == 19;
    uint64_t attributes = number(p + 38, 4);
    extra_fields(p + ENTRY_SIZE + name.n, extra, &mtime, &size);
    struct val m = val_dict(a, 8);
    val_set(a, m, "name", val_str(a, name));
    val_set(a, m, "crc", val_int((int64_t)number(p + 16, 4)));
    val_set(a, m, "size", val_int((int64_t)size));
    val_set(a, m, "mtime", val_int(mtime));
    val_set(a, m, "mode", val_int(unix_host ? (int64_t)(attributes >> 16) : 0));
    val_set(a, m, "read_only", val_bool(attributes & 1));
    val_push(a, ar->members, m);
    val_push(a, ar->files, val_str(a, name));
}

bool archive_zip_list(struct archive *ar, struct err *e) {
    CLEANUP(fd_closep) int fd = open(ar->src, O_RDONLY | O_CLOEXEC);
    struct stat st;
    uint64_t at;
    uint64_t len;
    ar->members = val_list(ar->c->arena, 64);
    if (fd < 0 || fstat(fd, &st) != 0) {
        return err_sys(e, errno, NO_MARK, "cannot read %s", ar->src);
    }
    if (!find_directory(fd, (uint64_t)st.st_size, ar->c->arena, &at, &len) || len > DIRECTORY_MAX) {
        return broken(ar, e);
    }
    char *all = arena_alloc(ar->c->arena, (size_t)len + 1);
    if (!read_at(fd, at, all, (size_t)len)) {
        return broken(ar, e);
    }
    struct str rest = {all, (size_t)len};
    while (rest.n >= ENTRY_SIZE && memcmp(rest.s, "PK\1\2", 4) == 0) {
        const unsigned char *p = bytes(rest);
        size_t name = (size_t)number(p + 28, 2);
        size_t extra = (size_t)number(p + 30, 2);
        size_t whole = ENTRY_SIZE + name + extra + (size_t)number(p + 32, 2);
        if (whole > rest.n) {
            return broken(ar, e);
        }
        struct str text = str_sub(rest, ENTRY_SIZE, ENTRY_SIZE + name);
        if (archive_wanted(ar, text)) {
            add_member(ar, p, text, extra);
        }
        rest = str_sub(rest, whole, rest.n);
    }
    return true;
}

// -- comparing -------------------------------------------------------------------------------------------------------

static bool file_crc(const char *path, uint32_t *out) {
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    static uint32_t table[256];
    for (uint32_t i = 0; !table[255] && i < 256; i++) {
        uint32_t v = i;
        for (int k = 0; k < 8; k++) {
            v = v & 1 ? 0xEDB88320U ^ v >> 1 : v >> 1;
        }
        table[i] = v;
    }
    uint32_t crc = UINT32_MAX;
    unsigned char chunk[65536];
    ssize_t n = 0;
    while (fd >= 0 && (n = read(fd, chunk, sizeof chunk)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            crc = table[(crc ^ chunk[i]) & 255] ^ crc >> 8;
        }
    }
    *out = ~crc;
    return fd >= 0 && n == 0;
}

/// The permissions unzip gives: those stored, or made from the attributes of DOS.
static mode_t stored_mode(struct val m, bool dir) {
    mode_t mode = (mode_t)val_get(m, "mode").u.i;
    if (mode) {
        return mode & 0777;
    }
    mode_t mask = umask(0);
    umask(mask);
    mode_t base = dir ? 0777 : val_truth(val_get(m, "read_only")) ? 0444 : 0666;
    return base & ~mask;
}

static int64_t field(struct val m, const char *key) {
    return val_get(m, key).u.i;
}

static void compare_content(struct archive *ar, struct val m, const struct stat *st, const char *path, char *item) {
    time_t mtime = (time_t)field(m, "mtime");
    bool keep = mod_bool(ar->c, "keep_newer");
    uint32_t crc;
    if (keep ? mtime > st->st_mtime : mtime != st->st_mtime) {
        item[4] = 't';
    }
    if (field(m, "size") != st->st_size) {
        item[3] = 's';
    }
    if (!file_crc(path, &crc) || crc != (uint32_t)field(m, "crc")) {
        item[2] = 'c';
    }
}

static bool compare_attributes(struct archive *ar, struct val m, const struct stat *st, bool dir, char *item,
                               struct err *e) {
    mode_t mode = stored_mode(m, dir);
    uid_t uid = ar->attr.has_uid ? ar->attr.uid : geteuid();
    gid_t gid = ar->attr.has_gid ? ar->attr.gid : getegid();
    if (ar->attr.has_mode && !fsattr_mode(&ar->attr, st->st_mode & 07777, dir, &mode, e)) {
        return false;
    }
    if (!S_ISLNK(st->st_mode) && mode != (st->st_mode & 07777)) {
        item[5] = 'p';
    }
    if (st->st_uid != uid) {
        item[6] = 'o';
    }
    if (st->st_gid != gid) {
        item[6] = 'g';
    }
    return true;
}

/// One line of the itemized differences, or nothing.
static bool compare_member(struct archive *ar, struct val m, struct buf *diff, struct err *e) {
    struct str name = val_text(val_get(m, "name"));
    const char *path = arena_printf(ar->c->arena, "%s/%.*s", ar->dest, STR(name));
    bool dir = str_ends(name, "/");
    bool link = S_ISLNK((mode_t)field(m, "mode"));
    char type = dir ? 'd' : link ? 'L' : 'f';
    struct stat st;
    const char *plain = arena_strndup(ar->c->arena, path, strlen(path) - (dir ? 1 : 0));
    if (lstat(plain, &st) != 0) {
        buf_printf(diff, ">%c++++++.?? %.*s\n", type, STR(name));
        return true;
    }
    val_set(ar->c->arena, m, "there", val_bool(true));
    bool kind = dir ? S_ISDIR(st.st_mode) : link ? S_ISLNK(st.st_mode) : S_ISREG(st.st_mode);
    if (!kind) {
        buf_printf(diff, "c%c++++++.?? %.*s\n", type, STR(name));
        return true;
    }
    char item[] = ".?.......??";
    item[1] = type;
    if (type == 'f' && mod_bool(ar->c, "keep_newer") && (time_t)field(m, "mtime") < st.st_mtime) {
        return true;
    }
    if (type == 'f') {
        compare_content(ar, m, &st, plain, item);
    }
    if (!compare_attributes(ar, m, &st, dir, item, e)) {
        return false;
    }
    if (strspn(item + 2, ".?") != strlen(item + 2)) {
        buf_printf(diff, "%s %.*s\n", item, STR(name));
    }
    return true;
}

bool archive_zip_compare(struct archive *ar, struct err *e) {
    struct buf diff = BUF_IN(ar->c->arena);
    for (size_t i = 0; i < val_len(ar->members); i++) {
        if (!compare_member(ar, val_at_index(ar->members, i), &diff, e)) {
            return false;
        }
    }
    ar->diff = buf_view(&diff);
    ar->same = ar->diff.n == 0 && !archive_zip_leftover(ar);
    return true;
}

/// unzip has no option to keep newer files: they are left out by name. A '[' in a name would start a pattern.
static void leave_newer(struct archive *ar, struct val argv, bool *excluding) {
    struct arena *a = ar->c->arena;
    struct stat st;
    for (size_t i = 0; mod_bool(ar->c, "keep_newer") && i < val_len(ar->members); i++) {
        struct val m = val_at_index(ar->members, i);
        struct str name = val_text(val_get(m, "name"));
        if (lstat(arena_printf(a, "%s/%.*s", ar->dest, STR(name)), &st) == 0 && S_ISREG(st.st_mode) &&
            (time_t)field(m, "mtime") < st.st_mtime) {
            if (!*excluding) {
                val_push(a, argv, val_z(a, "-x"));
                *excluding = true;
            }
            val_set(a, m, "kept", val_bool(true));
            val_push(a, argv, val_str(a, str_replace(a, name, STR_LIT("["), STR_LIT("[[]"))));
        }
    }
}

void archive_zip_command(struct archive *ar, struct val argv) {
    struct arena *a = ar->c->arena;
    bool excluding = val_len(mod_arg(ar->c, "exclude")) > 0;
    val_push(a, argv, val_z(a, "-o"));
    archive_words(ar, argv, "extra_opts", "");
    val_push(a, argv, val_z(a, ar->src));
    if (excluding) {
        val_push(a, argv, val_z(a, "-x"));
        archive_words(ar, argv, "exclude", "");
    }
    leave_newer(ar, argv, &excluding);
    archive_words(ar, argv, "include", "");
    val_push(a, argv, val_z(a, "-d"));
    val_push(a, argv, val_z(a, ar->dest));
}

// -- what busybox's unzip leaves out ---------------------------------------------------------------------------------

/// Its files have the time at which they were unpacked, and modes cut by the umask: the next run would unpack again.
static bool complete(struct archive *ar, struct val m, const char *top, struct err *e) {
    struct str name = val_text(val_get(m, "name"));
    bool dir = str_ends(name, "/");
    const char *path = arena_printf(ar->c->arena, "%s/%.*s", top, (int)name.n - dir, name.s);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)field(m, "mtime")}};
    mode_t mode = stored_mode(m, dir);
    struct stat st;
    CLEANUP(fd_closep) int fd = trust_open(ar->c, path, e);
    if (fd < 0 || fstat(fd, &st) != 0 || !(dir ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode))) {
        return e->code == ERR_NONE;  // a link, or what was unpacked cannot be read by the one who did it
    }
    if (!dir && st.st_mtime != times[1].tv_sec && futimens(fd, times) != 0) {
        return mod_fail_sys(ar->c, e, errno, "cannot set the time of '%s'", path);
    }
    // unzip leaves a directory alone that was there before
    bool kept = dir && top == ar->dest && val_truth(val_get(m, "there"));
    bool same = kept || ar->attr.has_mode || (st.st_mode & 0777) == mode;
    return same || fchmod(fd, mode) == 0 || mod_fail_sys(ar->c, e, errno, "cannot set the mode of '%s'", path);
}

bool archive_zip_complete(struct archive *ar, const char *top, struct err *e) {
    bool as_asked = val_len(mod_arg(ar->c, "extra_opts")) > 0;
    for (size_t i = 0; !as_asked && i < val_len(ar->members); i++) {
        struct val m = val_at_index(ar->members, i);
        if (!val_truth(val_get(m, "kept")) && !complete(ar, m, top, e)) {
            return false;
        }
    }
    return true;
}
