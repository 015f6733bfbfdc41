// Age and size limits of the cache. The time of an executable's last use is its modification time. One that another run
// is about to start may go away: play starts again then (transport/peer.c), and sends it anew.
#include "cache.h"

#include "arena.h"
#include "proc.h"
#include "str.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DAY       ((time_t)24 * 60 * 60)
#define AGE_MAX   (60 * DAY)
#define SIZE_MAX_ ((uint64_t)64 << 20)
#define NEW_FOR   ((time_t)10 * 60)  // so long after it was stored it looks around
#define NAME_LEN  ((size_t)64)

struct entry {
    const char *name;
    time_t used;
    uint64_t size;
};
struct cache {
    struct arena a;
    const char *dir;
    int fd;
    time_t now;
    struct {
        struct entry *p;
        size_t n, cap;
    } entries;  // executables but this one
};

static bool is_executable(const char *name) {
    return strlen(name) == NAME_LEN && strspn(name, "0123456789abcdef") == NAME_LEN;
}

/// What is no executable of ours is removed when it is old, or forgotten.
static void look(struct cache *c, const char *name, const char *own) {
    struct stat st;
    if (fstatat(c->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_uid != geteuid()) {
        return;
    }
    time_t age = c->now - st.st_mtime;
    if (S_ISREG(st.st_mode) && is_executable(name) && age <= AGE_MAX) {
        if (strcmp(name, own) != 0) {
            VEC_PUSH(&c->a, c->entries,
                     ((struct entry){arena_strndup(&c->a, name, strlen(name)), st.st_mtime, (uint64_t)st.st_size}));
        }
    } else if (S_ISREG(st.st_mode) && age > (strncmp(name, ".new", 4) == 0 ? DAY : AGE_MAX)) {
        (void)unlinkat(c->fd, name, 0);
    } else if (S_ISDIR(st.st_mode) && strncmp(name, "run-", 4) == 0 && age > AGE_MAX) {
        proc_remove_tree(arena_printf(&c->a, "%s/%s", c->dir, name));
    }
}

static int last_used_first(const void *a, const void *b) {
    const struct entry *x = a;
    const struct entry *y = b;
    if (x->used != y->used) {
        return x->used > y->used ? -1 : 1;
    }
    return strcmp(x->name, y->name);
}

static void clean(struct cache *c, const char *own, uint64_t own_size) {
    DIR *d = fdopendir(dup(c->fd));
    if (!d) {
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(d))) {  // NOLINT(concurrency-mt-unsafe): one thread
        look(c, entry->d_name, own);
    }
    closedir(d);
    uint64_t total = own_size;
    if (c->entries.n) {
        qsort(c->entries.p, c->entries.n, sizeof *c->entries.p, last_used_first);
    }
    for (size_t i = 0; i < c->entries.n; i++) {
        const struct entry *x = &c->entries.p[i];
        struct stat st;
        total += x->size;
        // Used again since the directory was read: it stays.
        bool same = fstatat(c->fd, x->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime == x->used;
        if (total > SIZE_MAX_ && same) {
            (void)unlinkat(c->fd, x->name, 0);
        }
    }
}

void cache_keep(void) {
    char exe[4096];
    struct stat st;
    struct stat dir;
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[n > 0 ? n : 0] = '\0';
    char *own = strrchr(exe, '/');
    if (!own || own == exe || !is_executable(own + 1) || stat(exe, &st) != 0) {
        return;
    }
    *own++ = '\0';
    struct cache c = {.dir = exe, .now = time(NULL)};
    c.fd = open(exe, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (c.fd < 0) {
        return;
    }
    bool ours = fstat(c.fd, &dir) == 0 && dir.st_uid == geteuid() && (dir.st_mode & 0777) == 0700;
    if (ours && c.now - st.st_ctime < NEW_FOR) {
        clean(&c, own, (uint64_t)st.st_size);
    }
    if (ours && c.now - st.st_mtime > DAY / 24) {
        (void)utimensat(c.fd, own, NULL, AT_SYMLINK_NOFOLLOW);
    }
    close(c.fd);
    arena_release(&c.a);
}
