// Finds them in /proc by the name of their executable: play-remote-MACHINE, or the SHA-256 it is cached under.
#include "retire.h"

#include "fd.h"
#include "str.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_MS 2000

/// The last part of what /proc/PID/exe points to, without " (deleted)"; STR_NONE when it cannot be read.
static struct str exe_name(struct arena *a, const char *pid) {
    char to[4096];
    ssize_t n = readlink(arena_printf(a, "/proc/%s/exe", pid), to, sizeof to);
    if (n <= 0) {
        return STR_NONE;
    }
    struct str path = str_dup(a, (struct str){to, (size_t)n});
    size_t slash = path.n;
    while (slash > 0 && path.s[slash - 1] != '/') {
        slash--;
    }
    struct str name = str_sub(path, slash, path.n);
    size_t space = str_find_char(name, 0, ' ');
    return space == SIZE_MAX ? name : str_sub(name, 0, space);
}

static bool is_remote(struct str name) {
    return str_starts(name, "play-remote-") || (name.n == 64 && strspn(name.s, "0123456789abcdef") >= 64);
}

/// Sends `sig` to each; how many there are.
static size_t signal_all(struct arena *a, uid_t uid, int sig) {
    size_t n = 0;
    DIR *d = opendir("/proc");
    const struct dirent *entry;
    while (d && (entry = readdir(d))) {  // NOLINT(concurrency-mt-unsafe): one thread
        int64_t pid = 0;
        struct stat st;
        if (!str_int(str_from(entry->d_name), &pid) || pid <= 1 || pid == getpid() ||
            stat(arena_printf(a, "/proc/%lld", (long long)pid), &st) != 0 || st.st_uid != uid ||
            !is_remote(exe_name(a, entry->d_name))) {
            continue;
        }
        n += kill((pid_t)pid, sig) == 0;
    }
    if (d) {
        closedir(d);
    }
    return n;
}

void retire_remotes(struct arena *a, uid_t uid) {
    if (uid == geteuid() || signal_all(a, uid, SIGTERM) == 0) {
        return;
    }
    int64_t until = clock_ms() + WAIT_MS;
    while (signal_all(a, uid, 0) && clock_ms() < until) {
        struct timespec nap = {.tv_nsec = 5000000};
        nanosleep(&nap, NULL);
    }
}
