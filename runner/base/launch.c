// Starting a program: the child uses this process's memory until it executes, as with posix_spawn, and asks the kernel
// for no more than what it changes. The posix_spawn of glibc 2.36 asks for each of 64 signals twice, in case one has a
// handler; nothing here has one (signals are read from descriptors).
#include "fd.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define STACK_SIZE   16384  // one path fits, and more
#define DEFAULT_PATH "/bin:/usr/bin"

// A sanitizer's notes on memory would be wrong once a child that never returns has used it: it gets a copy there.
#ifdef SANITIZED
#define MEMORY 0
#else
#define MEMORY CLONE_VM
#endif

struct launch {
    const struct spawn *s;
    const int *fds;
    const char *path;
    int *why;  // errno of the child
};

// What this process was started to ignore, and SIGPIPE: programs get them back.
static sigset_t ignored;

static void find_ignored(void) {
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE);
    for (int sig = 1; sig <= SIGRTMAX; sig++) {
        struct sigaction now;
        if (sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_IGN) {
            sigaddset(&ignored, sig);
        }
    }
}

void spawn_init(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_ignored);
}

static bool set_session(const struct spawn *s) {
    if (s->terminal) {
        return true;
    }
    return s->group ? setpgid(0, 0) == 0 : setsid() >= 0;
}

static bool set_signals(void) {
    static const struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    sigemptyset(&none);
    bool ok = true;
    for (int sig = 1; sig <= SIGRTMAX; sig++) {
        ok = ok && (sigismember(&ignored, sig) != 1 || sigaction(sig, &usual, NULL) == 0);
    }
    return ok && pthread_sigmask(SIG_SETMASK, &none, NULL) == 0;
}

/// `fd` becomes `as`, and stays open.
static bool put(int fd, int as) {
    return fd == as ? fcntl(fd, F_SETFD, 0) == 0 : dup2(fd, as) == as;
}

static bool set_files(const struct launch *l) {
    bool ok = true;
    for (int i = 0; ok && i < 3; i++) {
        if (l->s->tty) {  // the first terminal that a new session opens becomes its own
            int fd = open(l->s->tty, O_RDWR);
            ok = fd >= 0 && put(fd, i);
            if (fd > STDERR_FILENO) {
                close(fd);
            }
        } else {
            ok = put(l->fds[i], i);
        }
    }
    return ok;
}

static char *const *vector(const char *const *v) {
    union {
        const char *const *in;
        char *const *out;
    } u = {.in = v};
    return u.out;
}

/// Returns only when it failed, with errno.
static void execute(const struct launch *l) {
    const char *name = l->s->argv[0];
    char *const *argv = vector(l->s->argv);
    char *const *env = l->s->envp ? vector(l->s->envp) : environ;
    size_t n = strlen(name);
    if (strchr(name, '/')) {
        execve(name, argv, env);
        return;
    }
    struct str rest = str_from(l->path);
    struct str dir;
    bool forbidden = false;
    errno = ENOENT;
    while (n && str_next(&rest, ':', &dir)) {
        UNFILLED char full[PATH_MAX];
        if (dir.n + n + 2 > sizeof full) {
            continue;
        }
        memcpy(full, dir.s, dir.n);
        full[dir.n] = '/';
        memcpy(full + dir.n + (dir.n != 0), name, n + 1);
        execve(full, argv, env);
        forbidden = forbidden || errno == EACCES;
        if (errno != EACCES && errno != ENOENT && errno != ENOTDIR && errno != ESTALE && errno != ENODEV &&
            errno != ETIMEDOUT) {
            return;
        }
    }
    errno = forbidden ? EACCES : ENOENT;
}

/// In the child.
static int begin(void *arg) {
    const struct launch *l = arg;
    if (set_session(l->s) && set_files(l) && (!l->s->cwd || chdir(l->s->cwd) == 0) && set_signals()) {
        execute(l);
    }
    *l->why = errno;
    _exit(127);
}

/// Where the child leaves its errno: `here`, unless it has a memory of its own.
static int *share(int *here) {
    if (MEMORY) {
        return here;
    }
    void *p = mmap(NULL, sizeof *here, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? here : p;
}

/// The child has executed its program when this returns, or errno tells why not.
static int launch(struct launch *l, int *pid) {
    UNFILLED _Alignas(16) char stack[STACK_SIZE];
    int here = 0;
    l->why = share(&here);
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    int child = clone(begin, stack + sizeof stack, MEMORY | CLONE_VFORK | SIGCHLD, l);
    int why = child < 0 ? errno : *l->why;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    while (child > 0 && why && waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    if (l->why != &here) {
        munmap(l->why, sizeof here);
    }
    *pid = child;
    return why;
}

bool spawn_start(const struct spawn *s, const int fds[3], int *pid, struct err *e) {
    spawn_init();
    const char *path = getenv("PATH");
    struct launch l = {.s = s, .fds = fds, .path = path && *path ? path : DEFAULT_PATH};
    int why = launch(&l, pid);
    return why == 0 || err_sys(e, why, NO_MARK, "cannot run '%s'", s->argv[0]);
}
