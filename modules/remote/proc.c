// Killing process trees and removing directories.
#include "proc.h"

#include "fd.h"
#include "str.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAT_CAP  4096
#define TREE_DEEP 64

struct proc {
    pid_t pid, parent;
};
struct procs {
    struct proc *p;
    size_t n, cap;
};

/// The parent of a process: field 4 of /proc/PID/stat, behind the last ')'. 0 when it is gone.
static pid_t parent_of(struct arena *a, int64_t pid) {
    struct str text;
    struct err e = {.arena = a};
    if (!fd_read_file(arena_printf(a, "/proc/%lld/stat", (long long)pid), STAT_CAP, a, &text, &e)) {
        return 0;
    }
    size_t end = text.n;
    while (end > 0 && text.s[end - 1] != ')') {
        end--;
    }
    struct str rest = str_trim(str_sub(text, end, text.n));
    struct str field;
    int64_t parent = 0;
    (void)str_next(&rest, ' ', &field);  // the state
    if (!str_next(&rest, ' ', &field) || !str_int(field, &parent)) {
        return 0;
    }
    return (pid_t)parent;
}

static void list_procs(struct arena *a, struct procs *list) {
    DIR *d = opendir("/proc");
    if (!d) {
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(d))) {  // NOLINT(concurrency-mt-unsafe): one thread
        int64_t pid = 0;
        if (!str_int(str_from(entry->d_name), &pid)) {
            continue;
        }
        VEC_PUSH(a, *list, ((struct proc){(pid_t)pid, parent_of(a, pid)}));
    }
    closedir(d);
}

/// Sends `sig` to everything below `root`.
static void signal_below(struct arena *a, pid_t root, int sig) {
    struct procs all = {0};
    list_procs(a, &all);
    pid_t *tree = ARENA_ARRAY(a, pid_t, all.n + 1);
    size_t n = 0;
    tree[n++] = root;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < all.n && n <= all.n; k++) {
            if (all.p[k].parent == tree[i] && all.p[k].pid != root) {
                tree[n++] = all.p[k].pid;
            }
        }
    }
    for (size_t i = 1; i < n; i++) {
        kill(tree[i], sig);
    }
}

void proc_kill_tree(pid_t root) {
    struct arena a = {0};
    // Stopped first, so that it starts nothing new meanwhile; its children are killed until none is left.
    kill(root, SIGSTOP);
    signal_below(&a, root, SIGSTOP);
    signal_below(&a, root, SIGKILL);
    kill(-root, SIGKILL);
    kill(root, SIGKILL);
    arena_release(&a);
}

static void remove_at(int at, const char *name, int deep) {
    struct stat st;
    if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return;
    }
    if (!S_ISDIR(st.st_mode)) {
        unlinkat(at, name, 0);
        return;
    }
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 && deep < TREE_DEEP ? fdopendir(fd) : NULL;
    if (!d) {
        fd_closep(&fd);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(d))) {  // NOLINT(concurrency-mt-unsafe): one thread
        struct stat inside;
        bool self = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!self && fstatat(fd, entry->d_name, &inside, AT_SYMLINK_NOFOLLOW) == 0 && inside.st_dev == st.st_dev) {
            remove_at(fd, entry->d_name, deep + 1);
        }
    }
    closedir(d);
    unlinkat(at, name, AT_REMOVEDIR);
}

void proc_remove_tree(const char *path) {
    remove_at(AT_FDCWD, path, 0);
}
