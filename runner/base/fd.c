// Files and descriptors.
#include "fd.h"

#include "buf.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

void fd_closep(int *fd) {
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

bool fd_read_all(int fd, size_t cap, struct arena *a, struct str *out, struct err *e) {
    struct stat st;
    size_t guess = 4096;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        guess = (size_t)st.st_size + 1;
    }
    if (guess > cap + 1) {
        guess = cap + 1;
    }
    struct buf b = BUF_IN(a);
    for (;;) {
        size_t room = b.cap > b.n + 1 ? b.cap - b.n - 1 : guess;  // the end of a file is found in what is left
        char *p = buf_reserve(&b, room);
        ssize_t n = read(fd, p, room);
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return err_sys(e, errno, NO_MARK, "cannot read");
        }
        if (n == 0) {
            *out = buf_view(&b);
            return true;
        }
        b.n += (size_t)n;
        if (b.n > cap) {
            return err_set(e, ERR_LIMIT, NO_MARK, "larger than the limit of %zu bytes", cap);
        }
        guess = b.n < 4096 ? 4096 : (b.n > 1 << 20 ? 1 << 20 : b.n);
    }
}

static bool read_path(const char *path, bool regular, size_t cap, struct arena *a, struct str *out, struct err *e) {
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (regular ? O_NONBLOCK : 0));
    if (fd < 0) {
        return err_sys(e, errno, NO_MARK, "cannot open '%s'", path);
    }
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return err_sys(e, errno, NO_MARK, "cannot read '%s'", path);
    }
    if (S_ISDIR(st.st_mode)) {
        return err_sys(e, EISDIR, NO_MARK, "cannot read '%s'", path);
    }
    if (regular && !S_ISREG(st.st_mode)) {
        return err_sys(e, EINVAL, NO_MARK, "'%s' is no regular file: cannot read it", path);
    }
    if (S_ISREG(st.st_mode) && st.st_size > 0 && (uintmax_t)st.st_size > cap) {
        return err_set(e, ERR_LIMIT, NO_MARK, "'%s' is too large: %jd bytes, the limit is %zu", path,
                       (intmax_t)st.st_size, cap);
    }
    return fd_read_all(fd, cap, a, out, e) || err_wrap(e, NO_MARK, "while reading '%s'", path);
}

bool fd_read_file(const char *path, size_t cap, struct arena *a, struct str *out, struct err *e) {
    return read_path(path, false, cap, a, out, e);
}

bool fd_read_regular(const char *path, size_t cap, struct arena *a, struct str *out, struct err *e) {
    return read_path(path, true, cap, a, out, e);
}

bool fd_write_all(int fd, struct str data, struct err *e) {
    size_t done = 0;
    while (done < data.n) {
        ssize_t n = write(fd, data.s + done, data.n - done);
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            if (errno == EAGAIN) {
                fd_wait(fd, POLLOUT, -1);
                continue;
            }
            return err_sys(e, errno, NO_MARK, "cannot write");
        }
        done += (size_t)n;
    }
    return true;
}

static void sync_parent(struct arena *a, const char *path) {
    const char *slash = strrchr(path, '/');
    const char *dir = slash ? arena_strndup(a, path, slash == path ? 1 : (size_t)(slash - path)) : ".";
    CLEANUP(fd_closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
    }
}

bool fd_replace_file(const char *path, struct str data, unsigned mode, struct err *e) {
    char *tmp = NULL;
    CLEANUP(fd_closep) int fd = -1;
    for (int tries = 0; fd < 0 && tries < 100; tries++) {
        uint64_t r;
        random_bytes(&r, sizeof r);
        tmp = arena_printf(e->arena, "%s.%016llx.tmp", path, (unsigned long long)r);
        fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && errno != EEXIST) {
            return err_sys(e, errno, NO_MARK, "cannot create '%s'", tmp);
        }
    }
    if (fd < 0) {
        return err_sys(e, EEXIST, NO_MARK, "cannot create a temporary file for '%s'", path);
    }
    bool ok = fd_write_all(fd, data, e);
    if (ok && (fchmod(fd, (mode_t)mode) != 0 || fsync(fd) != 0)) {
        ok = err_sys(e, errno, NO_MARK, "cannot write '%s'", tmp);
    }
    if (ok && rename(tmp, path) != 0) {
        ok = err_sys(e, errno, NO_MARK, "cannot replace '%s'", path);
    }
    if (!ok) {
        unlink(tmp);
        return err_wrap(e, NO_MARK, "'%s' was left as it was", path);
    }
    sync_parent(e->arena, path);
    return true;
}

static int null = -1;

static void open_null(void) {
    null = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int fd_null(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_null);
    return null;
}

int64_t clock_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int fd_wait(int fd, short events, int64_t deadline_ms) {
    for (;;) {
        int timeout = -1;
        if (deadline_ms >= 0) {
            int64_t left = deadline_ms - clock_ms();
            timeout = left <= 0 ? 0 : (left > INT32_MAX ? INT32_MAX : (int)left);
        }
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, timeout);
        if (n > 0) {
            return 1;
        }
        if (n < 0 && errno != EINTR) {
            return -1;
        }
        if (n == 0 && deadline_ms >= 0 && clock_ms() >= deadline_ms) {
            return 0;
        }
    }
}

void random_bytes(void *p, size_t n) {
    unsigned char *at = p;
    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            BUG("the system gives no random bytes");
        }
        at += got;
        n -= (size_t)got;
    }
}
