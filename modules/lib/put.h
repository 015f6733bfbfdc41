// The target half of copy and template: content that `prepare` attached, compared with a file and put in its place.
#pragma once
#include "replace.h"

/// One file to be put: the request of put_prepare, read back on the target.
struct put_file {
    struct str rel;     // below dest for directories; empty for a single file
    struct str sha256;  // of the attached content
    struct str mode;    // "0644" when mode: preserve asked for the source's
    struct str source;  // name shown in diffs
};
/// Options every module that uses put has (besides its own).
#define PUT_ARGS                                                                                                       \
    {"backup", ARG_BOOL, .def = "false", .doc = "Keep the old file under a dated name."},                              \
        {"force", ARG_BOOL, .def = "true", .aliases = "thirsty", .doc = "Replace a file that differs."},               \
        {"follow", ARG_BOOL, .def = "false", .doc = "Write to what a link at dest points to."},                        \
        {"validate", ARG_STR, .doc = "Command with %s to check the new file before it is put in place."}, {            \
        "_files", ARG_LIST, .elements = ARG_RAW, .doc = "Internal: the attached content."                              \
    }

/// Controller: adds one file to the call's `_files` and attaches its content.
void put_attach(struct mod_call *c, struct str rel, struct str data, struct str mode, struct str source);
/// Controller: sets `_files` of the arguments from what was attached.
void put_seal(struct mod_call *c);

/// Target: compares each attached file with `dest`; records changes and diffs. State is kept in c->state.
bool put_plan(struct mod_call *c, struct err *e);
bool put_run(struct mod_call *c, struct err *e);
/// Target: plans one file that is on the target already (copy with remote_src): directories above `dest` are made when
/// missing, `mode` is what `mode: preserve` means.
bool put_plan_tree(struct mod_call *c, const char *src, const char *dest, struct str data, mode_t mode, struct err *e);
