// Inside transport/: what the coordinator's side, the dialers and the shard share. Nothing outside includes it.
#pragma once
#include "knownhosts.h"
#include "map.h"
#include "sshconf.h"
#include "start.h"

#include <libssh/libssh.h>
#include <pthread.h>

#define DIALERS_MAX     128
#define SHARDS_MAX      16
#define BLOB_BUCKETS    256
#define CANCEL_GRACE_MS 2000
#define START_IDLE_MS   20000
#define KEEPALIVE_MS    15000
#define KEEPALIVE_LOST  3  // unanswered for so many times the keepalive: the connection is dead
#define SHARD_SCRATCH   ((size_t)64 << 10)

// -- completions -----------------------------------------------------------------------------------------------------
struct done {
    struct completion c;
    struct done *next;
};

// -- content shared by requests: one copy a run, however many hosts get it -------------------------------------------
struct blob_piece {
    size_t end;  // where it ends in the content
    unsigned char sha[32];
};
struct blob {
    struct arena arena;
    struct blob *next;
    unsigned char sha[32];
    size_t size;
    struct str data;   // unless it lies in a file
    const char *path;  // that file
    size_t refs;
    // under pack_lock
    struct str *frames;  // compressed FRAME_BLOBs, a part each; made when first needed
    bool tried, plain;   // whether it shrinks was found out: it does not
    struct {
        struct blob_piece *p;
        size_t n, cap;
    } pieces;  // as far as they were asked for
};
struct blobs {
    pthread_mutex_t lock, pack_lock;
    struct blob *bucket[BLOB_BUCKETS];
};
/// What a blob is made of: text, or a file with its size.
struct content {
    struct str data;
    const char *path;
    size_t size;
};
/// A counted reference to the content; copied in when it is new. Any thread.
struct blob *blob_take(struct blobs *b, const unsigned char sha[32], struct content from);
/// One more reference.
struct blob *blob_again(struct blobs *b, struct blob *blob);
/// Appends the bytes from `at` to `end`. What a file has no more of is zeros: the target finds out by the digest.
void blob_bytes(const struct blob *blob, size_t at, size_t end, struct buf *out);
void blob_drop(struct blobs *b, struct blob *blob);
/// Appends the frame with the part of the content that begins at `at`, compressed where `pack` allows it and it pays;
/// its end in *end. A shard's thread.
void blob_frame(struct blobs *b, struct blob *blob, size_t at, bool pack, struct buf *out, size_t *end);

// recipe.c: contents as what differs from a file on the target
struct old_pieces;
/// From the raw SHA-256s of the pieces of that file, one behind the other.
struct old_pieces *old_pieces_new(struct str digests);
void old_pieces_free(struct old_pieces *o);
/// As blob_frame, of a FRAME_RECIPE. `at` is 0 or where the last part ended.
void recipe_frame(struct blobs *b, struct blob *blob, const struct old_pieces *old, size_t at, bool pack,
                  struct buf *out, size_t *end);

// -- requests --------------------------------------------------------------------------------------------------------
enum req_state { REQ_HELD, REQ_QUEUED, REQ_SENT };  // waits for its lane or process; in its send queue; on the wire
struct req {
    struct arena arena;  // wiped: owns all of it
    struct conn *conn;
    struct req *prev, *next;  // in conn->reqs
    struct req *send_next;    // in peer->sendq
    void *tag;
    uint64_t id;
    uint32_t wire_id, lane;
    enum req_state state;
    struct peer *peer;  // from REQ_QUEUED on
    struct conn_become become;
    const char *peer_key;  // which process runs it: "" login, else method, user, exe, flags
    bool raw, want_log, cancelled, timed_out;
    bool for_path;       // REQ_HELD until the login process tells where play-remote lies
    struct str command;  // raw
    const char *shell;   // raw: what runs it; NULL: that of the connection
    struct str body;     // encoded REQUEST
    struct blob **blobs;
    size_t nblobs, blob_i, blob_at;
    bool lazy;  // the blobs follow when the target asks for them
    struct blob *script;
    const char *module;
    int64_t timeout_ms, sent_ms, deadline_ms;  // deadline_ms 0: none
    int64_t kill_ms;                           // after FRAME_CANCEL; 0: none
    size_t log_bytes;
    int sink;        // a descriptor of its own for what the module sends; -1: none
    int sink_errno;  // why that could not be written; 0: it could
};
/// Copies and encodes a request; NULL on failure: ERR_ARGS, ERR_LIMIT.
struct req *req_new(struct conn *c, const struct conn_request *r, void *tag, uint64_t id, struct err *e);
void req_free(struct req *q);

// -- messages to the shard -------------------------------------------------------------------------------------------
enum note_kind { NOTE_OPEN, NOTE_DIALED, NOTE_SUBMIT, NOTE_CANCEL, NOTE_CLOSE, NOTE_SHED };
struct note {
    struct arena arena;
    struct note *next;
    enum note_kind kind;
    struct conn *conn;
    struct req *req;
    uint64_t id;
    struct dialed *dialed;
};

/// What a dialer hands over: a session that is authenticated, or the reason why there is none.
struct dialed {
    struct arena arena;
    bool ok;
    struct err err;
    ssh_session session;
    int fd;
    uint64_t inode;          // of the socket
    int proxy_pid;           // 0: none
    const char *agent_path;  // the local agent that the host may use, or NULL
    const char *const *env;  // NAME=VALUE to be set on the host, ended by NULL; NULL: none
    int64_t alive_ms;        // ServerAliveInterval, or 0
    int alive_count;         // ServerAliveCountMax, or 0
    bool turned_away;        // closed before it said anything: the server has enough to do (MaxStartups)
    uint64_t let_in;         // connections to that server that had got through at the last try
    bool progress;           // and more have since
    bool may_retry;          // the failure may pass by itself
    bool certified;          // only an authority vouches for the host's key: the system's ssh can check that
};

// -- connections -----------------------------------------------------------------------------------------------------
enum watch_kind { WATCH_INBOX, WATCH_SESSION, WATCH_CHILD, WATCH_RELAY };
struct watch {
    enum watch_kind kind;
    int fd;           // -1: not watched
    uint32_t events;  // as registered
    void *owner;      // struct conn or struct peer
};

enum conn_state { CONN_DIALING, CONN_UP, CONN_PARKED, CONN_DEAD };  // parked: no session, see places.c
struct conn {
    struct arena arena;
    struct arena secrets;  // passwords of the spec; released when dialled
    struct hub *hub;
    struct shard *shard;
    struct conn *prev, *next;  // shard's list
    struct conn *dial_next;
    struct conn_spec spec;  // copied
    void *tag;
    bool local;  // the target is this machine: play-remote is run where it lies
    bool child;  // its streams are children of this process: local, or behind spec.prefix
    // The shard's:
    enum conn_state state;
    bool opened;        // DONE_OPEN or its failure was told
    bool closed;        // conn_close was called
    bool dialing;       // a dialer holds it
    bool buried;        // in the graveyard
    bool few_channels;  // that happened
    bool shed;          // processes that have nothing to do are to end: the host allows too few channels
    bool redispatch;    // a request may have become sendable
    bool hung_up;       // reading from the session failed
    bool again;         // stopped working for fairness
    struct err dead;    // CONN_DEAD: why
    struct err broken;  // code ERR_NONE: no; else play-remote cannot run there, only raw works
    ssh_session session;
    uint64_t inode;    // of its socket
    ssh_channel pump;  // never opened: reads packets when no other channel does
    struct ssh_counter_struct traffic;
    struct watch watch;
    int64_t alive_ms;  // how long a silence is before a ping, and how many of those make it dead
    int alive_count;
    int64_t heard_ms, ping_ms;  // last bytes from it; the ping not answered yet, or 0
    int proxy_pid;
    struct peer *peers;
    struct relay *relays;          // agent forwarding
    const char *agent_path;        // the agent to lend, or NULL
    const char *const *env;        // NAME=VALUE for what runs on the host, ended by NULL; NULL: none
    struct req *reqs, *reqs_tail;  // in order of submission
    const char *remote_path;       // of play-remote on the target, learned by the login process
    bool restarted;                // play-remote was gone when it was to start, and was started again
};

// -- the shard -------------------------------------------------------------------------------------------------------
struct reap {
    int pid;
    int64_t kill_ms;
};
struct shard {
    struct hub *hub;
    pthread_t thread;
    bool running;
    int epoll;
    // inbox
    pthread_mutex_t lock;
    int wake_fd;
    struct note *head, *tail;
    bool stop, listens;  // listens: it was started
    // shard thread only
    struct watch wake;
    struct conn *conns, *graveyard;
    struct peer *gone;
    struct relay *relays_gone;
    int64_t next_scan;
    struct arena arena;
    struct {
        struct reap *p;
        size_t n, cap;
    } reaps;
    char *scratch;
};
bool shard_start(struct shard *s, struct hub *h, struct err *e);
/// Asks the shard to end and joins it.
void shard_stop(struct shard *s);
/// Posts a message. Any thread.
void shard_post(struct shard *s, struct note *n);
/// The same for a shard that may not be there; false: it is not.
bool shard_tell(struct shard *s, struct note *n);
void shard_watch(struct shard *s, struct watch *w, int fd, uint32_t events);
void shard_unwatch(struct shard *s, struct watch *w);
/// Makes sure that deadlines are looked at by then.
void shard_alarm(struct shard *s, int64_t at_ms);
/// Loads the executables unless that was done; the reason when they cannot be, else NULL.
const char *shard_payloads(struct shard *s);
/// The packed form of one of them, made unless that was done, in *out; the reason when it cannot be, else NULL.
const char *shard_packed(struct shard *s, const struct payload *p, struct str *out);
/// Ends a child: it is killed when it is still there at `kill_ms`.
void shard_reap(struct shard *s, int pid, int64_t kill_ms);

// conn.c: life of a connection, in the shard's thread
void conn_begin(struct conn *c);
void conn_adopt(struct conn *c, struct dialed *d);
void conn_take(struct conn *c, struct req *r);
void conn_stop(struct conn *c, uint64_t id);
void conn_end(struct conn *c);
/// Starts the login process, or tells that there will be none.
void conn_login(struct conn *c);
/// The session is gone: everything pending fails with *why.
void conn_die(struct conn *c, const struct err *why);
/// Closes the session when nothing is done over it; true when it did. The next request opens it again.
bool conn_park(struct conn *c);
/// Moves bytes both ways until nothing moves any more.
void conn_work(struct conn *c);
/// Deadlines; lowers *next to when it wants to be called again.
void conn_tick(struct conn *c, int64_t now, int64_t *next);
/// Answers a request and forgets it.
void conn_answer(struct req *r, struct done *d);
/// The same with a failure; what was cancelled or late says so instead of *why.
void conn_fail_req(struct req *r, const struct err *why);
/// Answers conn_open, once.
void conn_tell_open(struct conn *c, struct done *d);

// -- the hub ---------------------------------------------------------------------------------------------------------
struct known_file {  // a file as read once, or a key accepted since (the same path again)
    struct known_file *next;
    const char *path;
    struct kh_file *file;
};
struct key_slot {
    const char *path;
    struct key_slot *next;
    ssh_key key;      // NULL: not usable
    const char *why;  // then: why not; NULL: there is no such file
    bool encrypted;   // not usable without its passphrase
    bool is_public;   // only the public half is there: the agent may have the key
    bool asked;       // the user was asked for it
};
struct places {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    size_t max, held, wanted;
    bool open;  // the hub stops
};
struct hub {
    struct arena arena;
    struct places places;
    pthread_mutex_t payload_lock;
    struct arena payload_arena;
    struct payloads payloads;   // loaded by a shard, under the lock
    const char *payload_error;  // also
    int64_t keepalive_ms, start_ms;
    // coordinator only
    uint64_t next_id;
    // completions
    pthread_mutex_t done_lock;
    struct done *done_head, *done_tail;
    int done_fd;
    // dialers
    pthread_mutex_t dial_lock;
    pthread_cond_t dial_cond;
    struct conn *dial_head, *dial_tail;
    pthread_t dialers[DIALERS_MAX];
    size_t ndialers, idle, queued, forks;
    int stop_fd;  // readable once the hub stops
    bool stopping;
    // how many may knock at one server (gate.c)
    pthread_mutex_t gate_lock;
    pthread_cond_t gate_cond;
    struct arena gate_arena;
    struct gate *gates;
    bool gates_open;  // the hub stops
    // questions of the dialers, one at a time
    pthread_mutex_t ask_lock;
    int answer_fd;
    struct arena answer_arena;
    struct str answer;
    // caches of the dialers
    pthread_mutex_t cache_lock;
    struct arena cache;
    struct known_file *known;
    struct key_slot *keys;
    struct ssh_names told;  // warnings
    struct blobs blobs;
    struct shard shards[SHARDS_MAX];  // a host stays in one for the whole run
    size_t nshards, nconns;           // nconns: the coordinator's
};
struct done *done_new(enum completion_kind kind, void *tag, uint64_t id);
void done_push(struct hub *h, struct done *d);
/// A deep copy of `from` whose text lives in `a`.
struct err err_copy(struct arena *a, const struct err *from);

/// Acknowledges at once what came in. sshd leaves Nagle's algorithm on for sessions without a terminal: it holds back
/// its next packet until then, up to the 40 ms for which the kernel would delay the acknowledgement.
void tcp_ack_now(int fd);

// gate.c
/// Waits until one more connection may be made to the server. Never NULL.
struct gate *gate_enter(struct hub *h, const char *host, int port, struct dialed *d);
/// The handshake is over; `turned_away`: the server closed it before it said anything.
void gate_leave(struct hub *h, struct gate *g, bool let_in, bool turned_away);
/// Lets everybody through: the hub stops.
void gates_release(struct hub *h);

// places.c
/// `sessions_max` 0: as many as there may be files. Lowers *dialers, so that these leave enough of them to the
/// sessions.
void places_init(struct places *p, size_t sessions_max, size_t *dialers);
void places_release(struct places *p);
/// Lets everybody through: the hub stops.
void places_open(struct places *p);
/// Waits until one more session may be opened. A dialer's thread.
void place_take(struct hub *h);
void place_give(struct hub *h);
/// How many sessions are waited for.
size_t places_wanted(struct hub *h);

// dial.c
void dial_queue(struct hub *h, struct conn *c);
/// Joins the dialers; false when some are still stuck in the system's resolver or agent after `wait_ms`.
bool dial_stop(struct hub *h, int64_t wait_ms);

// ssh.c
/// Ends a session and closes its socket, known by its inode: libssh has done that only after some errors.
void ssh_end(ssh_session session, int fd, uint64_t inode);
/// Connects and authenticates, blocking, for at most the times of the spec. Fills *d (d->err on failure).
bool ssh_dial(struct hub *h, struct conn *c, struct dialed *d, struct err *e);
/// Waits for `fd` or the end of the hub: 1 ready, 0 deadline, -1 stopping.
int dial_wait(struct hub *h, int fd, short events, int64_t deadline_ms);
/// Asks the user through the coordinator, for at most two minutes; STR_NONE without an answer. ask_lock is held.
struct str dial_ask(struct hub *h, struct conn *c, const char *prompt, struct arena *a);
