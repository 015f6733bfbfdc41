// The parts of play-remote: the connection, the requests on it and the children that serve them.
#pragma once
#include "frame.h"
#include "store.h"
#include "val.h"

#include <sys/types.h>

#define CHILDREN_MAX 16     // requests served at once
#define FAILED_LANES 256    // remembered: more than play has in flight at once
#define QUEUE_MAX    65536  // requests waiting

struct job {
    struct job *next;
    struct arena arena;  // holds the job itself and the decoded request
    uint32_t id;
    struct val request;
    int64_t lane, timeout_ms;
    bool guarded;         // not to run once something in its lane failed
    pid_t pid;            // 0: waiting
    int fd;               // its frames come from here; -1: none
    int give;             // the next request may go to the same child here (kept.c); -1: it ends with this one
    size_t news;          // of the store, as the child knows it
    struct buf in;        // heap
    int64_t deadline;     // clock_ms; -1: none
    bool answered;        // its RESULT was passed on
    int64_t quiet;        // until then (clock_ms) it is not looked at what its child writes; 0: at once
    bool shared;          // waiting: the child of a job before it in its lane goes on with it
    const char *doomed;   // shared: why it is to be stopped when that child comes to it; NULL: it is not
    const char *stopped;  // why it was killed; NULL: it was not
    bool late;            // because it took too long
    bool lazy;            // contents are sent when the child asks for them
    bool ahead;           // the child only asks for contents: what comes before it in its lane is not done yet
    bool asked;           // that was done
    bool rests;           // its child has done it and waits for another
    unsigned char *need;  // raw digests asked for
    size_t nneed, have;   // how many, and how many of them are here
};
/// A child without a request, which takes the next one. It knows the store as it was when the child was made.
struct kept {
    pid_t pid;  // 0: none
    int fd, give;
    size_t news;
};
struct remote {
    int in, out;  // the connection
    int signals;  // signalfd: asked to end
    struct buf input, output;
    bool eof, bye;
    bool wide;     // the pipe to the connection has its usual size again
    int64_t said;  // when something was last written to the connection
    int64_t hold;  // until then results may wait for those that follow at once; 0: nothing is held back
    struct store store;
    struct job *jobs;  // in order of arrival
    size_t running, queued;
    bool look;  // something came or ended: a request may be startable
    struct kept kept;
    int64_t failed[FAILED_LANES];  // the lanes that failed last, a ring; 0: none
    size_t nfailed;
    const char *dir;  // 0700; everything temporary lies in it; made when first needed
};

// -- kept.c ----------------------------------------------------------------------------------------------------------
/// Hands a request over to the kept child. false: there is none, or it needs a process of its own.
bool kept_takes(struct remote *r, struct job *j);
/// Keeps the child of `j`, which rests. false: one is kept already; then this one ends.
bool kept_add(struct remote *r, struct job *j);
/// Ends the kept child.
void kept_end(struct remote *r);
/// In the child: serves requests from `give` until one needs another process. Does not return.
_Noreturn void kept_serve(struct remote *r, int give, int fd);

// -- jobs.c ----------------------------------------------------------------------------------------------------------
/// A request that arrived; NULL: ERR_SYNTAX, and `a` is the caller's still.
struct job *job_decode(struct arena *a, uint32_t id, struct str body, struct err *e);
/// Queues a request; a malformed one is answered at once.
void jobs_add(struct remote *r, uint32_t id, struct str body);
void jobs_cancel(struct remote *r, uint32_t id);
/// Starts what may run: one request a lane, at most CHILDREN_MAX. Looks only when r->look is set.
void jobs_start(struct remote *r);
/// Takes what a child wrote; at its end the child is reaped and the job removed.
void jobs_read(struct remote *r, struct job *j);
/// Kills what is over its time. Returns the next deadline (clock_ms), -1: none.
int64_t jobs_expire(struct remote *r);
/// Kills and reaps every child and forgets what was queued.
void jobs_end(struct remote *r);
void remote_answer(struct remote *r, uint32_t id, struct val result);
void remote_fail(struct remote *r, uint32_t id, const char *msg);

// -- child.c ---------------------------------------------------------------------------------------------------------
/// In the forked child: runs the module and writes FRAME_LOGs, FRAME_DATAs and one FRAME_RESULT to `fd`, or one
/// FRAME_NEED. true: it went well, and the child may go on with what shares it.
bool child_run(struct remote *r, struct job *j, int fd);
/// True when one child may run `next`, too, once it has run `j`: the same module, which leaves its process as it was.
bool child_shares(const struct job *j, const struct job *next);
/// True when a child that has run `j` may run any other request of which this is true, too.
bool child_keeps(const struct job *j);

// -- check.c ---------------------------------------------------------------------------------------------------------
/// Tries every part that a wrong build or machine would break. Prints one line a part; false when one failed.
bool self_check(void);
/// The user's row of /etc/passwd: name (0) or home (5), else what the environment says.
struct str login_field(struct arena *a, size_t field);
