// The output of a program, sent to the controller while it is made.
#pragma once
#include "module.h"

#define SENDOUT_TAIL ((size_t)4096)
#define SENDOUT_ERR  ((size_t)1 << 20)

struct sendout {
    const char *const *argv;    // what makes it
    const char *const *filter;  // what its output goes through, or NULL
    const char *const *check;   // what reads the same as the controller gets, and may end before its end; or NULL
    const char *const *envp;    // of all of them
};
struct sendout_result {
    int rc, filter_rc, check_rc;  // exit status, or minus the signal; 127: no such program
    struct str err, filter_err, check_err;
    int64_t size;
    const char *sha256;
    struct str tail;  // its last bytes
};
/// Runs them to their end. ERR_MODULE when nobody takes what is sent. The call's controller half opened a file for it
/// (sink_open).
bool sendout_run(struct mod_call *c, const struct sendout *s, struct sendout_result *out, struct err *e);
