// Runs the YAML cases of modules (tests/modules/README.md) through a real play-remote. Its output goes to stdout.
#pragma once
#include "frame.h"
#include "val.h"

struct modtest {
    const char *program;  // play-remote
    const char *library;  // directory of Lua modules that are tested in place of built-in ones; NULL: none
    const char *only;     // cases whose name has this text; NULL: all
    bool verbose;         // name the cases that passed, too
    bool links;           // what the cases write is a link of another user to a file of root's, or no file at all
    bool races;           // the same, while the other user exchanges it for such a link, again and again
    bool first;           // with faults, links or races: one case of each path
    const char *faults;   // program that starts play-remote with a fault (tests/modules/fault.sh); NULL: none
    bool kills;           // with faults: only SIGKILL, no full disk
    bool moments;         // programs write: killed with all that it started, at moments in time, and the disk of TMPDIR
                   // is filled; with `faults`, which may be NULL then, the programs are killed at system calls, too
    int points;  // with faults: how many of a case's system calls or moments are tried, 0: all, or 3 moments
    const char *const *paths;
    size_t npaths;
};
/// Runs the files, and those in the directories. 0: all passed; 1: not all, or with faults, links or races a path has
/// no case that changes anything; 2: they could not be run.
int modtest_run(const struct modtest *t);

// -- parts, also used by the tests of the protocol
// ----------------------------------------------------------------------

/// play-remote as a child, spoken to in frames.
struct peer {
    int pid, in, out;
    struct buf input;  // heap
    uint32_t next_id;
};
bool peer_start(struct peer *p, const char *program, struct err *e);
/// Says goodbye and waits; false when it did not end well.
bool peer_end(struct peer *p);
/// Kills it with all that it has started, and waits until nothing of that runs. It must have been started after
/// peer_adopt().
void peer_kill(struct peer *p);
/// From now on what loses its parent becomes a child of this process (`on`), or no longer.
void peer_adopt(bool on);
void peer_send(struct peer *p, enum frame_kind kind, uint32_t id, struct str body, struct err *e);
/// Sends a request and waits for its result.
bool peer_call(struct peer *p, struct val request, int64_t timeout_ms, struct arena *a, struct val *result,
               struct err *e);

/// Makes what `files` says below `dir`.
bool tree_make(struct arena *a, const char *dir, struct val files, struct err *e);
/// Compares what is listed; ERR_MODULE says what differs.
bool tree_check(struct arena *a, const char *dir, struct val files, struct err *e);
/// One line for each file with everything that must not change in check mode.
struct str tree_print(struct arena *a, const char *dir);
/// The regular files and links below `dir`: relative name -> digest, or "-> target". `watch`: list of absolute paths
/// elsewhere, under their whole names; or null.
struct val tree_files(struct arena *a, const char *dir, struct val watch);
void case_tree_remove(const char *dir);

/// Compares a result with what is expected; ERR_MODULE says where they differ.
bool expect(struct arena *a, const char *where, struct val want, struct val got, struct err *e);
/// Replaces @DIR@ and @BLOB:name@ in every string.
struct val fill_in(struct arena *a, struct val v, struct str dir, struct val blobs);
