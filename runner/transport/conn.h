// Connections to hosts as exec/ sees them: open, submit, cancel, close and a queue of completions. What is below
// (dialers, the shard, libssh, become) must not be noticed above.
#pragma once
#include "val.h"

struct conn_become {
    const char *method;       // "sudo", "su", "doas"
    const char *user;         // target user
    const char *exe, *flags;  // NULL: the method's default
    struct str password;      // STR_NONE: none; asked for by the method -> ERR "password required"
};
enum host_key_policy { HOST_KEY_STRICT, HOST_KEY_ACCEPT_NEW, HOST_KEY_OFF };

/// How to reach a host. Strings are borrowed until conn_open returns (it copies).
struct conn_spec {
    const char *kind;           // "ssh", "local", "socket" or one of prefix.h; another one: ERR_ARGS naming it
    int socket;                 // kind "socket": where play-remote listens already; closed at the end
    const char *const *prefix;  // neither ssh nor local: the words before the command, ended by NULL
    bool joined;                // the program in the prefix takes the command as one line for a shell
    const char *host;           // inventory name, for messages
    const char *address;        // NULL: host
    int port;                   // 0: ssh_config or 22
    const char *user;           // NULL: ssh_config or login name
    struct str password;        // SSH password, or STR_NONE
    struct str prompt;          // the question that the password answers must hold it, or STR_NONE: any question
    struct str passphrase;      // of encrypted key files, or STR_NONE: asked for, see DONE_ASK
    const char *key_file;       // NULL: ssh_config and defaults, and the agent
    const char *ssh_args;       // ansible_ssh_common_args + extra_args
    const char *config_file;    // NULL: ~/.ssh/config
    const char *remote_tmp;     // NULL: ~/.cache/play; where play-remote is put
    const char *executable;     // NULL: /bin/sh; for raw
    const char *dir;            // kind "local": where tasks run; NULL: where this process does
    enum host_key_policy host_key;
    int connect_timeout_ms;
    int retries;  // of the connection
    bool lazy;    // play-remote is not started before a request needs it (hosts used with raw only): DONE_OPEN comes as
                  // soon as the session is up, with an empty dict
};

enum completion_kind { DONE_OPEN, DONE_RESULT, DONE_FAILED, DONE_LOG, DONE_ASK, DONE_NOTE, DONE_WARN };
struct completion {
    enum completion_kind kind;
    void *tag;          // what the caller gave to conn_open / conn_submit
    uint64_t id;        // the request
    struct val result;  // DONE_RESULT: the module's result dict; DONE_OPEN: facts of the hello; in `arena`
    struct err err;     // DONE_FAILED, in `arena`: ERR_UNREACHABLE; ERR_TIMEOUT (task deadline); ERR_MODULE: become was
                        // refused (the task failed, the host is reachable); ERR_ARGS: a setting that is not
                        // supported; ERR_LIMIT; ERR_SYS, with ECANCELED after conn_cancel
    bool lost;          // DONE_FAILED because there is no connection, whatever the code says of its settings
    struct str log;     // DONE_LOG: a piece of live output; DONE_ASK: a question for the user, see hub_answer;
                        // DONE_NOTE: a remark on the connection, for who wants to know more; DONE_WARN: a warning
    struct arena arena;  // owns the above (err.arena points here: set it again after copying the struct); the receiver
                         // releases it with completion_release
};
void completion_release(struct completion *c);

struct hub;   // dialers + shard + completion queue; one per run
struct conn;  // one (host, login) connection, with one play-remote per become user, opened on demand

struct hub_opts {
    int forks;               // dialers at once
    const char *remote_dir;  // where the play-remote executables are: play-remote-<arch>
    size_t sessions_max;     // ssh sessions at once; 0: as many as the limit of descriptors allows
    int64_t keepalive_ms;    // 0: 15 s
    int64_t start_ms;        // beyond the connect timeout, for play-remote to make progress; 0: 20 s
};
struct hub *hub_new(const struct hub_opts *o, struct err *e);
/// How many ssh sessions there may be at once: what the limit of open files leaves.
size_t hub_sessions(const struct hub *h);
/// Stops everything: open requests are cancelled, remotes told to finish, threads joined within 2 s.
void hub_free(struct hub *h);
/// The next completion; blocks up to timeout_ms (-1: for ever). false: none. Coordinator thread only.
bool hub_wait(struct hub *h, int timeout_ms, struct completion *out);
/// Answers a DONE_ASK: the passphrase of a key. STR_NONE: there is nobody to ask.
void hub_answer(struct hub *h, struct str answer);
/// Readable when hub_wait would return at once.
int hub_fd(const struct hub *h);

/// Starts connecting; DONE_OPEN or DONE_FAILED with `tag` follows. Never blocks. After DONE_FAILED every request fails
/// too, except that `raw` still works when the session is up and only play-remote could not be started. The conn is the
/// caller's until conn_close (or hub_free).
struct conn *conn_open(struct hub *h, const struct conn_spec *spec, void *tag);
/// What a task asks of the target.
struct conn_request {
    const char *module;                // name in the module table, or a project's Lua module
    struct val args;                   // validated dict
    const struct conn_become *become;  // NULL: as the login user
    bool check, diff, no_log;
    size_t diff_max;  // as in struct mod_call
    bool invocation;  // the result says with which arguments the module ran, as with verbosity 3
    int verbosity;
    int64_t timeout_ms;             // 0: none
    int64_t async_s;                // run in the background for at most this long; 0: no
    struct str async_dir;           // where its result goes; STR_NONE: ~/.ansible_async
    struct val environment;         // dict of strings, or VAL_UNDEF
    struct str script;              // Lua source of the module, or STR_NONE: sent once per connection and content
    const struct conn_blob *blobs;  // content the args refer to by SHA-256; sent once per connection and content
    size_t nblobs;
    bool on_request;  // they are sent when the target asks for them, unless they are small: it may have them
    uint32_t lane;    // requests of one lane run in order, different lanes at the same time
    bool raw;         // run args.cmd by args.executable or the login shell, without play-remote: {rc, stdout, stderr}
    bool guarded;     // run only when nothing before it in its lane failed; else the result has _ansible_dropped
    bool want_log;    // send live output as DONE_LOG
    int sink;  // what the module sends (FRAME_DATA) is written to this descriptor, which stays the caller's; 0: none
};
struct conn_blob {
    char sha256[65];
    struct str data;   // the content, unless `path` is set
    const char *path;  // a file of this machine that has it: read a part at a time when it is sent
    size_t size;       // of the file
};
/// Queues a request (also before DONE_OPEN). DONE_RESULT or DONE_FAILED with `tag` follows. Returns its id. Never
/// blocks.
uint64_t conn_submit(struct conn *c, const struct conn_request *r, void *tag);
/// Stops a request, also one that runs; DONE_FAILED (ECANCELED) follows unless its result was already on the way. After
/// 2 s without an answer its play-remote is killed, and what else it was running fails.
void conn_cancel(struct conn *c, uint64_t id);
/// Ends the connection (meta: reset_connection); no completion follows for what was open.
void conn_close(struct conn *c);
