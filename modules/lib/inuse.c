// Looks at /proc. What another user's process does is not seen unless this one is root: neither can it hold our files
// open for writing then.
#include "inuse.h"

#include "fd.h"
#include "str.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

/// What the link in /proc points to; STR_NONE when it cannot be read.
static struct str target(struct arena *a, const char *link) {
    char to[4096];
    ssize_t n = readlink(link, to, sizeof to);
    return n > 0 ? str_dup(a, (struct str){to, (size_t)n}) : STR_NONE;
}

static bool opens(struct arena *a, const char *pid, struct str path) {
    const char *fds = arena_printf(a, "/proc/%s/fd", pid);
    DIR *d = opendir(fds);
    const struct dirent *entry;
    bool found = false;
    while (d && !found && (entry = readdir(d))) {  // NOLINT(concurrency-mt-unsafe): one thread
        found = str_eq(target(a, arena_printf(a, "%s/%s", fds, entry->d_name)), path);
    }
    if (d) {
        closedir(d);
    }
    return found;
}

static bool works_in(struct arena *a, const char *pid, struct str dir, const char *name) {
    struct str comm = STR_NONE;
    struct err e = {.arena = a};
    if (!fd_read_file(arena_printf(a, "/proc/%s/comm", pid), 64, a, &comm, &e) || !str_eqz(str_rtrim(comm), name)) {
        return false;
    }
    struct str cwd = target(a, arena_printf(a, "/proc/%s/cwd", pid));
    return str_eq(cwd, dir) || str_starts(cwd, arena_printf(a, "%.*s/", STR(dir)));
}

/// Asks each process but this one: `name` NULL: for an open file, else for its directory.
static bool any_process(struct arena *a, const char *path, const char *name) {
    char real[4096];
    bool found = false;
    if (!realpath(path, real)) {
        return false;
    }
    DIR *d = opendir("/proc");
    const struct dirent *entry;
    while (d && !found && (entry = readdir(d))) {  // NOLINT(concurrency-mt-unsafe): one thread
        const char *pid = entry->d_name;
        int64_t number;
        if (str_int(str_from(pid), &number) && number != getpid()) {
            found = name ? works_in(a, pid, str_from(real), name) : opens(a, pid, str_from(real));
        }
    }
    if (d) {
        closedir(d);
    }
    return found;
}

bool file_in_use(struct arena *a, const char *path) {
    return any_process(a, path, NULL);
}

bool dir_in_use(struct arena *a, const char *path, const char *name) {
    return any_process(a, path, name);
}
