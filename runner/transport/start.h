// How play-remote is started on a target: the shell text sent, and the reading of what comes back. No I/O here: shared
// by ssh and local, with and without become.
#pragma once
#include "buf.h"
#include "conn.h"

#define START_ARCHES 2
/// One play-remote executable; data and sha256 are there once it was loaded, packed once a target asked for it.
struct payload {
    const char *machine;  // as uname -m; NULL: none
    const char *path;
    struct str data, packed;
    char sha256[65];
};
struct payloads {
    struct payload p[START_ARCHES];
    const char *dir;
};
/// Looks which DIR/play-remote-ARCH there are. Reads nothing.
void payloads_find(struct payloads *p, const char *dir, struct arena *a);
/// Reads and hashes those that were not loaded yet: some milliseconds, so it is done while the first host is dialled.
/// ERR_SYS for one that cannot be read.
bool payloads_load(struct payloads *p, struct arena *a, struct err *e);
/// Makes p->packed, the gzip form of p->data, in `a`, the first time: 0.15 s. ERR_SYS when memory is short.
bool payload_pack(struct payload *p, struct arena *a, struct err *e);
const struct payload *payload_for(const struct payloads *p, struct str machine);

enum start_step {
    START_WAIT,      // nothing to do until more arrives
    START_PASSWORD,  // send the become password and a newline
    START_UPLOAD,    // send start.need->data, or with start.packed the size of ->packed, a newline and that
    START_READY,     // what follows in the input is the program's own output
    START_FAILED,    // see *e
};
/// One start in progress.
struct start {
    const char *host, *nonce;   // nonce: at the head of each line that is ours
    const char *method, *user;  // become, or NULL
    const char *by;             // the program in front of the command, for messages; NULL: a login
    bool has_password;
    const struct payloads *payloads;
    const char *remote_tmp;  // as the user gave it, or NULL
    const char *copy;        // a file on the target that may hold the executable, or NULL
    bool direct;             // it may be run where it is
    bool verify;             // what lies in the cache is checked by its digest before it is run
    const char *terminal;    // play-remote on the target, which gives doas a terminal to ask on; NULL: not needed
    // what was learned
    struct str path;  // of the executable on the target
    const struct payload *need;
    bool packed;  // it wants the packed form
    bool prompted, confirmed;
    size_t seen;       // of the stderr text, already searched for prompts
    size_t ours;       // lines with the nonce so far
    struct buf noise;  // the end of what was printed before the first of them
    struct buf bad;    // why candidates for the cache directory were not used
};
/// A random word for start.nonce, in `a`.
const char *start_nonce(struct arena *a);
/// Splits off what the target said from the front of `in`. Called whenever something arrived.
enum start_step start_out(struct start *s, struct buf *in, struct err *e);
/// Looks for the password prompt in the stderr text so far.
enum start_step start_err(struct start *s, struct str text, struct err *e);
/// What it said, for messages: the stderr text, or else what the login shell printed on standard output.
struct str start_heard(struct arena *a, struct start *s, struct str text, size_t max);
/// The error for a program that ended before it was ready. `status` is its exit status, -1 unknown.
bool start_ended(struct start *s, struct str text, int status, struct err *e);

/// The POSIX sh text that finds, or receives and checks, play-remote and becomes it: one line without single quotes,
/// exclamation marks and backslashes, so that every login shell passes it on. ERR_ARGS for a remote_tmp that cannot be
/// quoted.
bool start_script(struct arena *a, const struct start *s, const char **out, struct err *e);
/// Puts the become method in front of /bin/sh -c SCRIPT. ERR_ARGS for an unknown method or what it cannot do.
bool become_argv(struct arena *a, const struct conn_become *b, const struct start *s, const char *script,
                 const char *const **argv, struct err *e);
/// True when the method asks for the password on a terminal only: start.terminal must be set.
bool become_wants_terminal(const struct conn_become *b);
/// The line with which su and doas begin on standard error.
const char *become_marker(struct arena *a, const struct start *s);
/// What a target said, without our own prompts and marks.
struct str start_said(struct arena *a, const struct start *s, struct str text);
/// The two errors a person can mend; always false.
bool become_missing(const struct start *s, struct err *e);
bool become_incorrect(const struct start *s, struct err *e);
/// An argv as one command line for the login shell.
const char *shell_join(struct arena *a, const char *const *argv);
void shell_quote(struct buf *b, const char *word);
/// Text from a target made fit for a message: one line, printable, the last `max` bytes.
struct str tidy_text(struct arena *a, struct str text, size_t max);
