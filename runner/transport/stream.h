// A program on the target as three byte streams and an exit status: an ssh channel or a local child. Never blocks.
#pragma once
#include "hub.h"

enum stream_state { STREAM_OPENING, STREAM_EXEC, STREAM_RUNNING, STREAM_ENDED };
struct stream {
    struct shard *shard;
    enum stream_state state;
    // ssh
    ssh_session session;  // NULL: a local child
    ssh_channel channel;
    const char *command;  // until it runs
    bool lend_agent;      // ask the host to forward our agent to the command
    // local
    int pid;
    struct watch in, out, err;
    bool both;  // what is written goes to `out`, a socket
    bool reaped;
    int64_t eof_ms;  // when its output was closed before it ended
    int status;      // -1: not known
};
/// A channel on `session` that will run `command` (borrowed until it runs).
void stream_ssh(struct stream *s, struct shard *shard, ssh_session session, const char *command);
/// A child process in directory `cwd` (NULL: ours). `owner` is what its watches name. ERR_SYS.
bool stream_child(struct stream *s, struct shard *shard, const char *const *argv, const char *cwd, struct peer *owner,
                  struct err *e);
/// A program at the other end of a connected socket, which becomes the stream's.
void stream_socket(struct stream *s, struct shard *shard, int fd, struct peer *owner);
/// Goes on opening: 1 something happened, 0 wait, -1 failed (ERR_UNREACHABLE).
int stream_step(struct stream *s, struct err *e);
/// Reads output (`err`: standard error): bytes, 0 nothing now, -1 end.
int stream_read(struct stream *s, bool err, char *p, size_t n);
/// Writes what fits: bytes, 0 not now, -1 the other end is closed.
int stream_write(struct stream *s, const char *p, size_t n);
/// What the other end of an ssh channel still takes: it grows when the program there has read. 0 for other streams.
uint32_t stream_window(const struct stream *s);
/// True when it ended and everything was read; its exit status is then s->status.
bool stream_ended(struct stream *s);
/// Closes standard input.
void stream_eof(struct stream *s);
/// Adjusts what epoll waits for: whether there is something to write.
void stream_interest(struct stream *s, bool write);
/// Ends and forgets it. A child that does not end in `grace_ms` is killed.
void stream_close(struct stream *s, int64_t grace_ms);
