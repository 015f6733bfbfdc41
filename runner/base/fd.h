// Files and descriptors: reading with a cap, atomic replacement, polling with a deadline. Everything is O_CLOEXEC.
#pragma once
#include "err.h"

void fd_closep(int *fd);
/// Reads a regular file or FIFO up to `cap` bytes. ERR_SYS, or ERR_LIMIT when it is larger. Result in `a`, NUL behind.
bool fd_read_file(const char *path, size_t cap, struct arena *a, struct str *out, struct err *e);
/// The same, but a FIFO or device, which might never give anything, is an error.
bool fd_read_regular(const char *path, size_t cap, struct arena *a, struct str *out, struct err *e);
/// Reads an open descriptor to its end.
bool fd_read_all(int fd, size_t cap, struct arena *a, struct str *out, struct err *e);
/// Writes all of it, retrying short writes and EINTR.
bool fd_write_all(int fd, struct str data, struct err *e);
/// Replaces `path` by temp file in the same directory + fsync + rename. `mode` is the final mode.
bool fd_replace_file(const char *path, struct str data, unsigned mode, struct err *e);
/// /dev/null to read from, opened once a process and not to be closed. -1: it cannot be opened, errno.
int fd_null(void);
/// Monotonic clock in ms.
int64_t clock_ms(void);
/// Waits until `fd` has `events` (poll.h) or the deadline (clock_ms units; -1: none): 1 ready, 0 deadline, -1 error.
int fd_wait(int fd, short events, int64_t deadline_ms);
/// Random bytes from the system; aborts when the system has none.
void random_bytes(void *p, size_t n);
