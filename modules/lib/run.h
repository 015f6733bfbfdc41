// A child process of a module, run to its end as Ansible's run_command does: when the program has ended, output that a
// background child of it still holds open is waited for no longer than a second of silence.
#pragma once
#include "err.h"

#define RUN_OUTPUT_MAX ((size_t)16 << 20)  // of each stream; more is read and dropped

struct mod_call;
struct run {
    const char *const *argv;  // argv[0] is looked up in PATH unless it has a slash
    const char *const *envp;  // NULL: the module's own environment
    const char *cwd;          // NULL: unchanged
    struct str input;
    int64_t timeout_ms;    // 0: none; then the group is killed and rc is -9
    struct mod_call *log;  // live output goes to its log; NULL: none
};
struct run_result {
    int rc;  // exit status, or minus the signal as in Python
    bool truncated, timed_out;
    struct str out, err;
};
/// ERR_SYS when it cannot be started (sys_errno ENOENT: no such program). Blocks. Output is in `a`.
bool run_command(const struct run *r, struct arena *a, struct run_result *out, struct err *e);
