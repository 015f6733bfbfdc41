// The target half of copy and template: content that `prepare` attached, compared with a file and put in its place.
#pragma once
#include "replace.h"

/// Options every module that uses put has (besides its own).
#define PUT_ARGS                                                                                                       \
    {"backup", ARG_BOOL, .def = "false", .doc = "Keep the old file under a dated name."},                              \
        {"force", ARG_BOOL, .def = "true", .aliases = "thirsty", .doc = "Replace a file that differs."},               \
        {"follow", ARG_BOOL, .def = "false", .doc = "Write to what a link at dest points to."},                        \
        {"validate", ARG_STR, .empty_is_none = true,                                                                   \
         .doc = "Command with %s to check the new file before it is put in place."},                                   \
    {                                                                                                                  \
        "_files", ARG_LIST, .elements = ARG_RAW, .doc = "Internal: the attached content."                              \
    }

/// Something to be put: a file, a directory or a link.
struct put_item {
    const char *dest;
    struct str data;
    struct str source;  // name shown in diffs
    struct str mode;    // "0644" when `mode: preserve` asked for the source's; STR_NONE: as the arguments say
    mode_t new_mode;    // of what does not exist yet, when nothing else is asked for; 0: by the umask
    bool own_mode;      // the argument `mode` is not for this one
    bool top;           // a directory that `mode` is for, not directory_mode
};
/// Controller: adds one file to the call's `_files` and attaches its content. `rel`: its path below dest, STR_NONE for
/// a single file.
void put_attach(struct mod_call *c, struct str rel, struct str data, struct str mode, struct str source);
/// The same with a file that stays where it is until it is sent.
bool put_attach_file(struct mod_call *c, struct str rel, const char *path, size_t size, struct str mode, struct err *e);
/// Controller: adds a directory, or a link with this text.
void put_attach_dir(struct mod_call *c, struct str rel);
void put_attach_link(struct mod_call *c, struct str rel, struct str text);
/// Controller: what is attached is a tree, also when it is empty.
void put_seal(struct mod_call *c);

/// Target: compares each attached file with `dest`; records changes and diffs. State is kept in c->state.
bool put_plan(struct mod_call *c, struct err *e);
bool put_run(struct mod_call *c, struct err *e);
/// Target: plans one item (copy with remote_src); directories above dest are made when missing if `parents`.
bool put_plan_file(struct mod_call *c, const struct put_item *i, bool parents, struct err *e);
bool put_plan_dir(struct mod_call *c, const struct put_item *i, struct err *e);
bool put_plan_link(struct mod_call *c, const char *dest, struct str text, struct err *e);
