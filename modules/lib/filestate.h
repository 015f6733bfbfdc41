// What the parts of the module `file` share: the state it works on, its times and its links.
#pragma once
#include "fsattr.h"

struct file {
    const char *path;         // what is worked on, without slashes behind
    const char *shown;        // as the result shows it
    const char *state, *now;  // wanted; there
    const char *src;          // as written into a link
    struct fsattr attr;
    struct val before, after;  // of the diff
    struct timespec times[2];  // access, modification: UTIME_OMIT (preserve), UTIME_NOW or a time
    bool create, clear;        // something new goes there; an empty directory is in its way
};

/// Notes a difference in the diff; `changed` tells whether the call is changed by it.
void file_differs(struct mod_call *c, struct file *f, const char *key, struct val was, struct val want);
/// Compares attributes and times with `st`, what is at `path` or will be there.
bool file_attributes(struct mod_call *c, struct file *f, const char *path, const struct stat *st, struct err *e);
/// Applies them.
bool file_apply(struct mod_call *c, struct file *f, const char *path, struct err *e);
/// Fails with the keys `path` (or dest) and src set.
bool file_fail(struct mod_call *c, struct file *f, const char *key, struct err *e, const char *msg);

bool file_plan_link(struct mod_call *c, struct file *f, struct err *e);
bool file_plan_hard(struct mod_call *c, struct file *f, struct err *e);
bool file_run_link(struct mod_call *c, struct file *f, struct err *e);
