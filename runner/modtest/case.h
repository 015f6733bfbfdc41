// What the two ways to run a case share: as it is (cases.c), and with faults (faults.c). Private to this layer.
#pragma once
#include "modtest.h"

struct runner {
    struct peer peer;
    const char *program, *only, *library, *faults;
    bool verbose, links, races, first, kills, moments;
    int points;
    size_t passed, failed, skipped;
    bool had;        // a case of this path was run with faults, links or races
    char top[64];    // where the cases' directories are made; empty: in TMPDIR or /tmp
    char lacks[64];  // a program that a case of this path, which would have been run so, needs
};
/// A case in a directory of its own.
struct one {
    struct arena *a;
    struct runner *r;
    struct val spec;  // with the directory's name filled in
    const char *dir, *module;
    void *self;      // of case_kind
    int64_t cut_ms;  // how long an answer is waited for; 0: as the case says
    struct err *e;
};
struct case_kind {
    struct val spec;
    const char *module;  // unless the case names another
    void *self;
};
/// Runs `runs` in a fresh directory, then the case's `cleanup`.
bool case_in_dir(struct runner *r, struct arena *a, const struct case_kind *k, bool (*runs)(struct one *),
                 struct err *e);
bool case_shell(struct one *c, const char *key);
/// Makes the case's files, and runs its `setup`.
bool case_set_up(struct one *c);
/// A run as it is, and the files before and after it.
bool case_plain(struct one *c, struct val *before, struct val *after);
bool case_blobs(struct one *c);
bool case_call(struct one *c, bool check, struct val *result);
/// What a file of root's holds that others must not see: a line of its own.
#define CASE_SECRET "# secret-of-root\n"
/// Fails when a file in the case's directory that user `uid` can read has CASE_SECRET.
bool case_discloses(struct one *c, unsigned uid);
/// The second run of an idempotent case.
bool case_again(struct one *c);

/// True for a file that a stand-in of the case for a program writes, a script that says "> @DIR@/name".
bool case_logs(struct arena *a, struct val spec, struct str name);
/// Also for one that is in `by_program`: the stand-in writes it, but where the module has it work.
bool case_of_program(struct arena *a, struct val spec, struct str name);
/// True for cases that change something as root.
bool links_apply(struct val spec);
/// Runs the case for each file that it writes, which is a link of another user to a file of root's then: that file
/// stays as it is. Then with a second name of the file, a directory, a FIFO, and with a link on the way to it.
bool links_run(struct runner *r, struct arena *a, const struct case_kind *k, struct err *e);
/// Runs the case again and again, while what it writes is exchanged for such a link and back.
bool races_run(struct runner *r, struct arena *a, const struct case_kind *k, struct err *e);
/// True for cases that change something, and can be repeated or print their state.
bool faults_apply(struct val spec);
/// Stops the module at its system calls, one after the other: by SIGKILL, then by a full disk. Every file that was
/// there is the old or the new one then, and the next run does what the case wants and leaves nothing behind; `state`
/// prints what it prints without. Where programs write (`moments`) they are killed with play-remote at moments in
/// time, and the disk is really full.
bool faults_run(struct runner *r, struct arena *a, const struct case_kind *k, struct err *e);
