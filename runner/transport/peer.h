// A program on a target that requests are sent to: the login user's play-remote, that of a become user, or one raw
// command. In the shard's thread.
#pragma once
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
    const struct payload *upload;
    size_t upload_at;
    struct req *sendq, *sendq_tail;
    size_t pending;     // requests given to it and not answered
    int64_t reopen_ms;  // when to try again to open a channel that was refused; 0: not waiting
    int opens;
    int64_t deadline_ms;  // of the start, moved on by progress
    struct req *raw;      // PEER_RAW and on its way there
    struct {
        unsigned char (*p)[32];
        size_t n, cap;
    } sent;  // content and scripts it has
};

/// Starts the program for `r` (NULL: the login play-remote) and links it to the connection. NULL: *e.
struct peer *peer_new(struct conn *c, struct req *r, struct err *e);
/// Gives it a request.
void peer_give(struct peer *p, struct req *r);
/// Sends FRAME_CANCEL, or takes the request back when it was not sent.
void peer_cancel(struct peer *p, struct req *r);
void peer_ping(struct peer *p);
/// Moves bytes; true when something moved.
bool peer_work(struct peer *p);
/// Ends it: its requests fail with *why.
void peer_fail(struct peer *p, const struct err *why);
/// Ends it quietly; `grace_ms` for a local child to end.
void peer_close(struct peer *p, int64_t grace_ms);
struct conn *peer_conn(const struct peer *p);
/// Frees what is gone; called when no event can name it any more.
void peers_bury(struct shard *s);
