// Child processes without a shell: every descriptor closed, own session, output capped, deadline kept.
#pragma once
#include "err.h"

struct spawn {
    const char *const *argv;  // argv[0] is looked up in PATH unless it has a slash
    const char *const *envp;  // NULL: the caller's environment
    const char *cwd;          // NULL: unchanged
    struct str input;         // written to standard input, then closed
    size_t out_cap, err_cap;  // 0: 64 MiB; beyond it the rest is read and dropped
    int64_t timeout_ms;       // 0: none; when it fires the whole process group is killed
    bool merge;               // stderr goes where stdout goes
    bool terminal;            // stdin, stderr and the terminal stay the caller's, so that the child may ask the user;
                              // `input` is not used and nothing is collected in r->err
    const char *tty;          // spawn_start: the child's 0, 1 and 2, and its controlling terminal, instead of `fds`
    bool group;               // a process group of its own in the caller's session, instead of a session
};
struct spawn_result {
    int status;  // exit status, or 128+signal
    int signal;  // 0 when it exited
    bool timed_out, truncated;
    struct str out, err;
};

/// Looks which signals this process ignores, once: spawn_start does it, and one that forks first may do it before.
void spawn_init(void);
/// Starts s->argv with `fds` (kept open) as its 0, 1 and 2, signals as by default. ERR_SYS "cannot run ...".
bool spawn_start(const struct spawn *s, const int fds[3], int *pid, struct err *e);
/// Runs to the end, blocking. ERR_SYS when it could not be started (ENOENT: no such program), ERR_TIMEOUT never: see
/// timed_out.
bool spawn_run(const struct spawn *s, struct arena *a, struct spawn_result *r, struct err *e);

/// Starts a child whose stdin/stdout are pipes (both ends returned, CLOEXEC, blocking) and stderr is `err_fd` (or
/// inherited when -1), in directory `cwd` (NULL: the caller's). For long-lived children such as play-remote under
/// `local`.
bool spawn_pipes(const char *const *argv, const char *const *envp, const char *cwd, int err_fd, int *pid, int *in,
                 int *out, struct err *e);
/// The same with one socket as stdin and stdout (our end: CLOEXEC, non-blocking), as a ProxyCommand wants it.
bool spawn_stream(const char *const *argv, const char *const *envp, int err_fd, int *pid, int *fd, struct err *e);
/// Full path of `name` in $PATH, or NULL. In `a`.
const char *spawn_which(struct arena *a, const char *name);
