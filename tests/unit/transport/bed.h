// A throwaway OpenSSH server of the invoking user on 127.0.0.1, and short forms of what the transport tests do.
#pragma once
#include "conn.h"
#include "test.h"

struct bed {
    char dir[64];
    int port;
    int pid;
    int silent_fd, silent_port;  // listens and never answers
    char *key, *other_key, *known, *home;
};
/// The server of this test program, started once; skips the test when sshd is missing.
struct bed *bed_get(void);
/// An absolute path in the bed's directory (leaks: tests only).
char *bed_path(const char *name);
/// A spec for the bed's server: key, known_hosts, empty configuration.
struct conn_spec bed_spec(void);
struct hub *bed_hub(void);
struct hub *bed_hub_keepalive(int64_t ms);
void bed_write(const char *path, const char *text, unsigned mode);
int bed_run(const char *const *argv);
/// The next completion; fails the test after 60 s, which is more than the connect timeout of the bed.
struct completion next_done(struct hub *h);
/// The text of the error of a failed completion, released with it.
const char *err_of(struct completion *c);
/// Submits MODULE with the integer argument ms.
uint64_t submit(struct conn *c, const char *module, int64_t ms, void *tag);
/// Opens a connection and checks that it works.
struct conn *open_ok(struct hub *h, const struct conn_spec *s);
