// A program on a target that requests are sent to: the login user's play-remote, that of a become user, or one raw
// command. In the shard's thread.
#pragma once
#include "frame.h"
#include "hub.h"
#include "stream.h"

enum peer_state { PEER_START, PEER_HELLO, PEER_READY, PEER_RAW, PEER_GONE };
struct peer {
    struct arena arena;
    struct arena secrets;  // what starting it takes, with the become password; until it said hello
    struct peer *next;     // in conn->peers, then in the graveyard
    struct conn *conn;     // NULL once gone
    const char *key;       // see req.peer_key; NULL: raw
    enum peer_state state;
    struct stream stream;
    struct start start;
    struct str password;
    bool password_due;
    struct buf in, out, errs;
    struct str upload;  // what is still to be sent of the executable
    struct req *sendq, *sendq_tail;
    size_t pending;     // requests given to it and not answered
    size_t queued;      // of them, those in sendq
    int64_t hold_ms;    // until then what is in sendq may wait for more; 0: nothing waits
    int64_t reopen_ms;  // when to try again to open a channel that was refused; 0: not waiting
    int opens;
    uint32_t window;                  // of the stream when it was last looked at
    int64_t deadline_ms;              // of the start, moved on by progress
    struct req *raw;                  // PEER_RAW and on its way there
    struct map sent;                  // content and scripts it has or is being sent (.value: how), by their digests
    struct need *needs, *needs_tail;  // content it asked for
    size_t need_at;                   // what was sent of the first
};
struct need {
    struct need *next;
    struct blob *blob;       // counted
    struct old_pieces *old;  // of the file that it replaces there; NULL: it is sent as a whole
};

/// Starts the program for `r` (NULL: the login play-remote) and links it to the connection. NULL: *e.
struct peer *peer_new(struct conn *c, struct req *r, struct err *e);
/// Gives it a request.
void peer_give(struct peer *p, struct req *r);
/// Sends FRAME_CANCEL, or takes the request back when it was not sent.
void peer_cancel(struct peer *p, struct req *r);
void peer_ping(struct peer *p);
/// The other end has read since it was last looked at, though it may not have come to the ping yet: over a slow link a
/// large content lies before it. That counts as an answer.
void peer_taken(struct peer *p);
/// Keeps the output buffer supplied, a piece at a time: content is not copied for every host at once.
void peer_fill(struct peer *p);
/// True while the requests in sendq wait for others to go with, at most a few milliseconds: each packet costs the
/// server and both ends more than the frame in it, and a host that has something to do does not miss the next one.
bool peer_holds(struct peer *p);
/// The request on the wire with this id, or NULL.
struct req *peer_find(const struct peer *p, uint32_t wire_id);
/// Takes a FRAME_NEED, whose digests are in the order of the request's contents. ERR_SYNTAX for what is not its own.
bool peer_need(struct peer *p, const struct frame *f, struct err *e);
/// Takes a FRAME_PIECES. ERR_SYNTAX for a content that is not its own.
bool peer_pieces(struct peer *p, const struct frame *f, struct err *e);
/// Gives back the contents that were still to be sent.
void peer_forget(struct peer *p, struct blobs *all);
/// Moves bytes; true when something moved.
bool peer_work(struct peer *p);
/// Ends it: its requests fail with *why.
void peer_fail(struct peer *p, const struct err *why);
/// Ends it quietly; `grace_ms` for a local child to end.
void peer_close(struct peer *p, int64_t grace_ms);
struct conn *peer_conn(const struct peer *p);
/// Frees what is gone; called when no event can name it any more.
void peers_bury(struct shard *s);
