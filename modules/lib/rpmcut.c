// rpm writes a file as NAME;HEX, HEX being the time of its transaction, and renames it when it is whole.
#include "rpmcut.h"

#include "fd.h"
#include "map.h"
#include "trust.h"
#include "words.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX 8

static bool is_half(const char *name) {
    const char *end = strrchr(name, ';');
    size_t n = end && end > name ? strlen(end + 1) : 0;
    for (size_t i = 0; i < n; i++) {
        if (!isdigit((unsigned char)end[1 + i]) && !(end[1 + i] >= 'a' && end[1 + i] <= 'f')) {
            return false;
        }
    }
    return n == HEX;
}

static bool since_then(const struct stat *st, struct timespec since) {
    return st->st_ctim.tv_sec > since.tv_sec ||
           (st->st_ctim.tv_sec == since.tv_sec && st->st_ctim.tv_nsec >= since.tv_nsec);
}

static bool remove_in(struct mod_call *c, const char *dir, struct timespec since, struct err *e) {
    int fd = trust_open(c, dir, e);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    if (!d) {
        fd_closep(&fd);
        return e->code == ERR_NONE;  // a directory of a package that is not there, or is a link
    }
    while ((entry = readdir(d))) {
        struct stat st;
        if (is_half(entry->d_name) && fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            !S_ISDIR(st.st_mode) && since_then(&st, since)) {
            (void)unlinkat(fd, entry->d_name, 0);
        }
    }
    closedir(d);
    return true;
}

bool rpmcut_remove(struct mod_call *c, const char *root, struct timespec since, struct err *e) {
    struct words w = {0};
    struct run_result r;
    struct map seen = {0};
    struct str line;
    words_add(c, &w, "rpm");
    if (*root) {
        words_opt(c, &w, "--root", root);
    }
    words_add(c, &w, "-qa");
    words_opt(c, &w, "--qf", "[%{DIRNAMES}\n]");
    if (!words_run(c, &w, STR_NONE, &r, e)) {
        return false;
    }
    while (str_next(&r.out, '\n', &line)) {
        if (str_starts(line, "/") && !map_get(&seen, line)) {
            map_put(&seen, c->arena, line, &seen);
            struct str dir = str_sub(line, 0, line.n - 1);  // they end in a slash
            if (!remove_in(c, *root || dir.n ? arena_printf(c->arena, "%s%.*s", root, STR(dir)) : "/", since, e)) {
                return false;
            }
        }
    }
    return true;
}
