// A module in the background: it goes on when the connection has ended, and leaves its result in a file that
// async_status reads. The file is where Ansible has it, ~/.ansible_async/JOB, with the same content.
#include "async.h"

#include "fd.h"
#include "json.h"
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOB_MODE 0600

static struct val state(struct arena *a, const struct async_job *b) {
    struct val d = val_dict(a, 3);
    val_set(a, d, "started", val_int(1));
    val_set(a, d, "finished", val_int(0));
    val_set(a, d, "ansible_job_id", val_z(a, b->jid));
    return d;
}

static bool write_job(struct arena *a, const struct async_job *b, struct val v, struct err *e) {
    struct buf text = BUF_IN(a);
    struct json_style style = {0};
    return json_write(&text, v, &style, e) && fd_replace_file(b->path, buf_view(&text), JOB_MODE, e);
}

/// Makes the directory with those above it.
static bool make_dirs(struct arena *a, const char *path, struct err *e) {
    for (const char *p = path + 1; p[-1]; p++) {
        if (*p && *p != '/') {
            continue;
        }
        const char *part = str_z(a, (struct str){path, (size_t)(p - path)});
        if (mkdir(part, 0700) != 0 && errno != EEXIST) {
            return err_sys(e, errno, NO_MARK, "could not create directory: %s", part);
        }
    }
    return true;
}

bool async_prepare(struct arena *a, struct str dir, int64_t limit_s, struct async_job *b, struct err *e) {
    const char *home = getenv("HOME");  // NOLINT(concurrency-mt-unsafe): one thread
    uint64_t random = 0;
    random_bytes(&random, sizeof random);
    if (str_starts(dir, "~/") || str_eqz(dir, "~")) {
        struct str at = home && *home ? str_from(home) : login_field(a, 5);
        dir = str_printf(a, "%.*s%.*s", STR(at), STR(str_sub(dir, 1, dir.n)));
    }
    *b = (struct async_job){.limit_s = limit_s};
    b->jid = arena_printf(a, "j%llu.%d", (unsigned long long)(random % 1000000000000ULL), (int)getpid());
    b->path = arena_printf(a, "%.*s/%s", STR(dir), b->jid);
    return make_dirs(a, str_z(a, dir), e) && write_job(a, b, state(a, b), e);
}

struct val async_started(struct arena *a, const struct async_job *b) {
    struct val d = state(a, b);
    val_set(a, d, "failed", val_int(0));
    val_set(a, d, "changed", val_bool(true));
    val_set(a, d, "results_file", val_z(a, b->path));
    return d;
}

void async_finish(struct arena *a, const struct async_job *b, struct val result) {
    struct err e = {.arena = a};
    if (val_has(result, "module_stderr") && !val_has(result, "stderr")) {  // the names that jobs in the background have
        val_set(a, result, "stderr", val_get(result, "module_stderr"));
        val_set(a, result, "data", val_get(result, "module_stdout"));
    }
    if (!write_job(a, b, result, &e)) {
        struct val r = val_dict(a, 3);
        err_clear(&e);
        val_set(a, r, "failed", val_bool(true));
        val_set(a, r, "ansible_job_id", val_z(a, b->jid));
        val_set(a, r, "msg", val_z(a, "the result of the module cannot be written"));
        (void)write_job(a, b, r, &e);
    }
}

static void failed(struct arena *a, const struct async_job *b, pid_t child, const char *msg) {
    struct val r = val_dict(a, 4);
    val_set(a, r, "failed", val_bool(true));
    val_set(a, r, "msg", val_z(a, msg));
    val_set(a, r, "child_pid", val_int(child));
    val_set(a, r, "ansible_job_id", val_z(a, b->jid));
    async_finish(a, b, r);
}

/// Waits for the module; at the end of its time it is killed with all it started.
static void watch(struct arena *a, const struct async_job *b, pid_t child) {
    int64_t end = clock_ms() + b->limit_s * 1000;
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (clock_ms() >= end) {
            failed(a, b, child, "Timeout exceeded");
            proc_kill_tree(child);
            (void)waitpid(child, &status, 0);
            return;
        }
        struct timespec nap = {.tv_nsec = 100000000L};
        nanosleep(&nap, NULL);
    }
    if (WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) != 0)) {
        failed(a, b, child, "the module ended without a result");
    }
}

bool async_detach(struct arena *a, const struct async_job *b, struct err *e) {
    pid_t first = fork();
    if (first < 0) {
        return err_sys(e, errno, NO_MARK, "cannot start a process");
    }
    if (first > 0) {
        return true;
    }
    setsid();
    prctl(PR_SET_PDEATHSIG, 0);
    pid_t module = fork();
    if (module > 0) {
        watch(a, b, module);
        _exit(0);
    }
    if (module < 0) {
        failed(a, b, 0, "cannot start a process");
        _exit(1);
    }
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, 0);
    return false;
}
