// Starting programs: what the child inherits, where it is looked for, and how a start that fails is told.
#include "fd.h"
#include "spawn.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_MS 60000
#define STARTS   200
#define THREADS  4

static struct spawn_result run(struct arena *a, const struct spawn *s) {
    struct err e = {.arena = a};
    struct spawn_result r;
    CHECK(spawn_run(s, a, &r, &e));
    CHECK(!r.timed_out);
    return r;
}

#define RUN(a, ...) run(a, &(struct spawn){.argv = (const char *const[]){__VA_ARGS__, NULL}, .timeout_ms = LIMIT_MS})

static void fails_with(const char *name, int why, const char *text) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    int pid = 0;
    const int fds[3] = {fd_null(), STDOUT_FILENO, STDERR_FILENO};
    const char *const argv[] = {name, NULL};
    CHECK(!spawn_start(&(struct spawn){.argv = argv}, fds, &pid, &e));
    assert_int_equal(e.sys_errno, why);
    CHECK_STR(err_text(&e), text);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);  // nothing is left to be reaped
    arena_release(&a);
}

TEST(launch_failures) {
    char dir[] = "/tmp/launch-XXXXXX";
    CHECK(mkdtemp(dir) == dir);
    struct arena a = {0};
    struct err e = {.arena = &a};
    const char *plain = arena_printf(&a, "%s/plain", dir);
    const char *text = arena_printf(&a, "%s/text", dir);
    CHECK(fd_replace_file(plain, STR_LIT("#!/bin/sh\n"), 0644, &e));
    CHECK(fd_replace_file(text, STR_LIT("no program\n"), 0755, &e));
    fails_with("/nonexistent/program", ENOENT, "cannot run '/nonexistent/program': No such file or directory");
    fails_with("no-such-program-anywhere", ENOENT, "cannot run 'no-such-program-anywhere': No such file or directory");
    fails_with("", ENOENT, "cannot run '': No such file or directory");
    fails_with(plain, EACCES, arena_printf(&a, "cannot run '%s': Permission denied", plain));
    fails_with(text, ENOEXEC, arena_printf(&a, "cannot run '%s': Exec format error", text));
    const char *old = arena_printf(&a, "%s", getenv("PATH"));
    CHECK(setenv("PATH", arena_printf(&a, "/nonexistent:%s", dir), 1) == 0);
    fails_with("plain", EACCES, "cannot run 'plain': Permission denied");
    fails_with("text", ENOEXEC, "cannot run 'text': Exec format error");
    CHECK(setenv("PATH", arena_printf(&a, "%s:%s", dir, old), 1) == 0);
    CHECK_STR(RUN(&a, "echo", "found").out, "found\n");
    CHECK(symlink("/bin/echo", arena_printf(&a, "%s/here", dir)) == 0);
    struct spawn s = {.argv = (const char *const[]){"here", "x", NULL}, .cwd = dir, .timeout_ms = LIMIT_MS};
    CHECK(setenv("PATH", "", 1) == 0);
    CHECK_STR(RUN(&a, "echo", "usual places").out, "usual places\n");
    CHECK(setenv("PATH", ":/bin", 1) == 0);  // an empty entry is the directory that the program starts in
    CHECK_STR(run(&a, &s).out, "x\n");
    CHECK(setenv("PATH", old, 1) == 0);
    s.cwd = "/nonexistent";
    struct spawn_result r;
    CHECK(!spawn_run(&s, &a, &r, &e));
    CHECK(unlink(plain) == 0 && unlink(text) == 0 && unlink(arena_printf(&a, "%s/here", dir)) == 0 && rmdir(dir) == 0);
    arena_release(&a);
}

TEST(launch_signals) {
    struct arena a = {0};
    spawn_init();
    sigset_t block;
    sigset_t before;
    sigemptyset(&block);
    sigaddset(&block, SIGTERM);
    sigaddset(&block, SIGUSR1);
    CHECK(pthread_sigmask(SIG_BLOCK, &block, &before) == 0);
    void (*pipe_was)(int) = signal(SIGPIPE, SIG_IGN);
    struct str out = RUN(&a, "grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status").out;
    CHECK_STR(out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    sigset_t now;
    CHECK(pthread_sigmask(SIG_SETMASK, &before, &now) == 0);
    CHECK(sigismember(&now, SIGTERM) == 1 && sigismember(&now, SIGUSR1) == 1 && sigismember(&now, SIGHUP) == 0);
    CHECK(signal(SIGPIPE, pipe_was) == SIG_IGN);
    arena_release(&a);
}

TEST(launch_descriptors) {
    struct arena a = {0};
    int ours = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(ours > STDERR_FILENO);
    const char *script = arena_printf(&a, "test -e /proc/$$/fd/%d || echo closed; cat; echo err >&2", ours);
    struct spawn_result r = RUN(&a, "sh", "-c", script);
    CHECK_STR(r.out, "closed\n");
    CHECK_STR(r.err, "err\n");
    close(ours);
    // standard output of the parent itself, which stays what it is
    int pid = 0;
    struct err e = {.arena = &a};
    const char *const argv[] = {"true", NULL};
    const int same[3] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
    CHECK(spawn_start(&(struct spawn){.argv = argv}, same, &pid, &e));
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    arena_release(&a);
}

TEST(launch_sessions) {
    struct arena a = {0};
    struct str own = RUN(&a, "sh", "-c", "ps -o sid= -p $$ | tr -d ' '; echo $$").out;
    struct str sid;
    CHECK(str_next(&own, '\n', &sid));
    CHECK(str_eq(sid, str_sub(own, 0, own.n - 1)));  // leader of a session
    const char *const argv[] = {
        "sh", "-c", "sleep 0.2; echo $$; ps -o pgid= -p $$ | tr -d ' '; ps -o sid= -p $$ | tr -d ' '", NULL};
    int p[2];
    int pid = 0;
    struct err e = {.arena = &a};
    CHECK(pipe2(p, O_CLOEXEC) == 0);
    const int fds[3] = {fd_null(), p[1], STDERR_FILENO};
    CHECK(spawn_start(&(struct spawn){.argv = argv, .group = true}, fds, &pid, &e));
    close(p[1]);
    CHECK(getpgid(pid) == pid && getsid(pid) == getsid(0));
    struct str out;
    CHECK(fd_read_all(p[0], 4096, &a, &out, &e));
    close(p[0]);
    CHECK_STR(out, arena_printf(&a, "%d\n%d\n%d\n", pid, pid, getsid(0)));
    CHECK(waitpid(pid, NULL, 0) == pid);
    arena_release(&a);
}

static void *many(void *arg) {
    size_t *good = arg;
    const char *const right[] = {"true", NULL};
    const char *const wrong[] = {"/nonexistent", NULL};
    const int fds[3] = {fd_null(), STDOUT_FILENO, STDERR_FILENO};
    for (int i = 0; i < STARTS; i++) {
        struct arena a = {0};
        struct err e = {.arena = &a};
        int pid = 0;
        int status = -1;
        if (i % 3 == 0) {
            *good += !spawn_start(&(struct spawn){.argv = wrong}, fds, &pid, &e) && e.sys_errno == ENOENT;
        } else {
            *good += spawn_start(&(struct spawn){.argv = right}, fds, &pid, &e) && waitpid(pid, &status, 0) == pid &&
                     status == 0;
        }
        arena_release(&a);
    }
    return NULL;
}

TEST(launch_threads) {
    pthread_t t[THREADS];
    size_t good[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&t[i], NULL, many, &good[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(t[i], NULL) == 0);
        assert_int_equal(good[i], STARTS);
    }
}
