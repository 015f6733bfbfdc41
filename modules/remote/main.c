// play-remote: serves module calls on a target over standard input and output, until the connection closes. One thread;
// the loop here moves frames, jobs.c runs them, store.c keeps what was sent ahead.
#include "cache.h"
#include "fd.h"
#include "msg.h"
#include "nodump.h"
#include "proc.h"
#include "remote.h"
#include "spawn.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define READ_CHUNK 65536
#define OUTPUT_MAX ((size_t)8 << 20)  // beyond it, children are not read until the connection took some

// sshd puts what it finds in the pipe into one packet, and the other end keeps buffers of the largest packet for as
// long as the connection lives: with small ones a controller of many hosts needs 25 KiB a host less.
#define PIPE_SMALL   4096
#define OUTPUT_HELD  ((size_t)2 << 10)
#define PIPE_USUAL   65536
#define OUTPUT_LARGE ((size_t)128 << 10)  // from here on speed counts more

// Who is silent does not find out that nobody is there any more: a connection that was cut is noticed by the server
// when it has something to send, and what runs here ends with it.
#define QUIET_MS 20000

/// A private name for everything temporary, beside the executable when that directory is ours (the cache directory
/// play made), else in $TMPDIR or /tmp. Nothing is created yet.
static const char *choose_dir(struct arena *a) {
    unsigned char random[12];
    char hex[25];
    random_bytes(random, sizeof random);
    hex_encode(random, sizeof random, hex);
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    struct stat st;
    while (n > 0 && exe[n - 1] != '/') {
        n--;
    }
    if (n > 1) {
        exe[n - 1] = '\0';
        if (stat(exe, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 0777) == 0700) {
            return arena_printf(a, "%s/run-%s", exe, hex);
        }
    }
    const char *tmp = getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): one thread
    return arena_printf(a, "%s/play-%s", tmp && *tmp == '/' ? tmp : "/tmp", hex);
}

static void say_hello(struct remote *r) {
    struct arena a = {0};
    struct utsname u = {0};
    uname(&u);
    struct val d = val_dict(&a, 8);
    const char *home = getenv("HOME");  // NOLINT(concurrency-mt-unsafe): one thread
    val_set(&a, d, "version", val_int(WIRE_VERSION));
    val_set(&a, d, "pid", val_int(getpid()));
    val_set(&a, d, "uid", val_int(getuid()));
    val_set(&a, d, "user", val_str(&a, login_field(&a, 0)));
    val_set(&a, d, "home", val_str(&a, home && *home ? str_from(home) : login_field(&a, 5)));
    val_set(&a, d, "system", val_z(&a, u.sysname));
    val_set(&a, d, "machine", val_z(&a, u.machine));
    val_set(&a, d, "hostname", val_z(&a, u.nodename));
    struct buf body = BUF_IN(&a);
    msg_encode(&body, d);
    frame_write(&r->output, FRAME_HELLO, 0, buf_view(&body));
    arena_release(&a);
}

static bool handle(struct remote *r, const struct frame *f, struct err *e);

static bool packed(struct remote *r, const struct frame *f, struct err *e) {
    struct buf hold = {.a = NULL};
    struct frame in;
    bool ok = frame_unpack(f, &hold, &in, e) && handle(r, &in, e);
    if (hold.p) {
        explicit_bzero(hold.p, hold.cap);
    }
    buf_release(&hold);
    return ok;
}

static bool handle(struct remote *r, const struct frame *f, struct err *e) {
    r->look = true;
    switch ((enum frame_kind)f->kind) {
    case FRAME_REQUEST:
        jobs_add(r, f->id, f->body);
        return true;
    case FRAME_BLOB:
        return store_blob(&r->store, f->body, e);
    case FRAME_SCRIPT:
        return store_script(&r->store, f->body, e);
    case FRAME_RECIPE:
        return store_recipe(&r->store, f->body, e);
    case FRAME_CANCEL:
        jobs_cancel(r, f->id);
        return true;
    case FRAME_PING:
        frame_write(&r->output, FRAME_PING, f->id, f->body);
        return true;
    case FRAME_BYE:
        r->bye = true;
        return true;
    case FRAME_PACKED:
        return packed(r, f, e);
    case FRAME_HELLO:
    case FRAME_RESULT:
    case FRAME_LOG:
    case FRAME_NEED:
    case FRAME_PIECES:
    case FRAME_DATA:
        break;
    }
    return err_set(e, ERR_SYNTAX, NO_MARK, "frame kind %u does not belong here", (unsigned)f->kind);
}

/// Handles every complete frame in the input. false: the stream is broken.
static bool take_frames(struct remote *r, struct err *e) {
    struct str all = buf_view(&r->input);
    size_t done = 0;
    bool ok = true;
    while (ok && !r->bye) {
        struct frame f;
        size_t used = 0;
        int got = frame_read(str_sub(all, done, all.n), &f, &used, e);
        if (got <= 0) {
            ok = got == 0;
            break;
        }
        done += used;
        ok = handle(r, &f, e);
    }
    buf_consume(&r->input, done);
    return ok;
}

static bool read_input(struct remote *r, struct err *e) {
    char *p = buf_reserve(&r->input, READ_CHUNK);
    ssize_t n = read(r->in, p, READ_CHUNK);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
        return true;
    }
    if (n <= 0) {
        r->eof = true;
        return true;
    }
    r->input.n += (size_t)n;
    return take_frames(r, e);
}

static void write_output(struct remote *r) {
    struct str out = buf_view(&r->output);
    if (!r->wide && out.n > OUTPUT_LARGE) {
        r->wide = true;
        (void)fcntl(r->out, F_SETPIPE_SZ, PIPE_USUAL);
    }
    ssize_t n = write(r->out, out.s, out.n);
    if (n > 0) {
        r->said = clock_ms();
        buf_consume(&r->output, (size_t)n);
    } else if (n < 0 && errno != EINTR && errno != EAGAIN) {
        r->eof = true;
    }
}

/// Results that others follow at once go out together with them: each packet costs the server more than the frame.
static bool held_back(const struct remote *r) {
    return r->hold && r->output.n < OUTPUT_HELD && r->running && clock_ms() < r->hold;
}

static int poll_timeout(int64_t deadline) {
    if (deadline < 0) {
        return -1;
    }
    int64_t left = deadline - clock_ms();
    return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

static int64_t sooner(int64_t deadline, int64_t other) {
    return deadline < 0 || other < deadline ? other : deadline;
}

/// A sign of life where nothing was said for long; when it comes next.
static int64_t sign_of_life(struct remote *r, int64_t now) {
    if (!r->output.n && now >= r->said + QUIET_MS) {
        frame_write(&r->output, FRAME_PING, 0, STR_NONE);
        r->said = now;
    }
    return r->said + QUIET_MS;
}

static bool turn(struct remote *r, struct err *e) {
    struct pollfd p[CHILDREN_MAX + 4];
    struct job *who[CHILDREN_MAX + 4] = {0};
    nfds_t n = 0;
    int64_t now = clock_ms();
    int64_t sign = sign_of_life(r, now);
    p[n++] = (struct pollfd){.fd = r->in, .events = POLLIN};
    bool held = held_back(r);
    p[n++] = (struct pollfd){.fd = r->output.n && !held ? r->out : -1, .events = POLLOUT};
    p[n++] = (struct pollfd){.fd = r->signals, .events = POLLIN};
    p[n++] = (struct pollfd){.fd = r->kept.pid ? r->kept.fd : -1, .events = POLLIN};
    int64_t wake = sooner(jobs_expire(r), sign);
    size_t left = r->running;
    for (struct job *j = r->jobs; j && left; j = j->next) {
        left -= j->pid != 0;
        if (j->fd >= 0 && (r->output.n < OUTPUT_MAX || j->stopped)) {
            bool quiet = j->quiet > now && !j->stopped;  // its end is told nevertheless
            who[n] = j;
            p[n++] = (struct pollfd){.fd = j->fd, .events = quiet ? 0 : POLLIN};
            wake = quiet ? sooner(wake, j->quiet) : wake;
        }
    }
    wake = held ? sooner(wake, r->hold) : wake;
    if (poll(p, n, poll_timeout(wake)) < 0) {
        return errno == EINTR || err_sys(e, errno, NO_MARK, "cannot wait for the connection");
    }
    if (p[1].revents) {
        write_output(r);
    }
    if (p[2].revents) {
        r->eof = true;  // as if the connection had closed: nothing is left behind
    }
    if (p[3].revents) {
        kept_end(r);  // it died, or said something unasked
    }
    for (nfds_t i = 4; i < n; i++) {
        if (p[i].revents) {
            jobs_read(r, who[i]);
        }
    }
    if (p[0].revents && !read_input(r, e)) {
        return false;
    }
    jobs_start(r);
    if (r->output.n && !held_back(r)) {
        write_output(r);
    }
    return true;
}

/// The connection moves away from 0 and 1, so that nothing printed by mistake can break the stream.
static bool take_connection(struct remote *r) {
    r->in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    r->out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (r->in < 0 || r->out < 0 || null < 0) {
        return false;
    }
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    close(null);
    (void)fcntl(r->out, F_SETPIPE_SZ, PIPE_SMALL);
    return fcntl(r->out, F_SETFL, fcntl(r->out, F_GETFL) | O_NONBLOCK) == 0;
}

static void set_up_process(struct remote *r) {
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigaddset(&end, SIGHUP);
    sigaddset(&end, SIGINT);
    sigprocmask(SIG_BLOCK, &end, NULL);  // NOLINT(concurrency-mt-unsafe): one thread
    r->signals = signalfd(-1, &end, SFD_CLOEXEC);
    spawn_init();
    signal(SIGPIPE, SIG_IGN);
    nodump();          // a crashed module must not leave secrets in a core file
    arena_wipe_all();  // arguments may be secret, and nothing here knows which
    // As Ansible: a directory that cannot be read (become from another user's home) is left for the own one.
    if (access(".", R_OK | X_OK) != 0) {
        const char *home = getenv("HOME");  // NOLINT(concurrency-mt-unsafe): one thread
        if ((!home || chdir(home) != 0) && chdir("/") != 0) {
            return;
        }
    }
}

static int serve(void) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct remote r = {.dir = choose_dir(&a)};
    if (!take_connection(&r)) {
        fprintf(stderr, "play-remote: no connection on standard input and output\n");
        arena_release(&a);
        return 1;
    }
    store_init(&r.store, r.dir);
    set_up_process(&r);
    say_hello(&r);
    write_output(&r);
    cache_keep();
    bool ok = true;
    while (ok && !r.eof && !r.bye) {
        ok = turn(&r, &e);
    }
    if (!ok) {
        fprintf(stderr, "play-remote: %.*s\n", STR(err_text(&e)));
    }
    jobs_end(&r);
    store_release(&r.store);
    fd_closep(&r.signals);
    proc_remove_tree(r.dir);
    buf_release(&r.input);
    buf_release(&r.output);
    arena_release(&a);
    return ok ? 0 : 1;
}

int main(int argc, char **argv) {
    bool detach = argc == 2 && strcmp(argv[1], "--detach") == 0;
    if (detach) {
        (void)setsid();  // away from the terminal on which a password was asked for
    }
    if (argc == 1 || detach) {
        return serve();
    }
    if (argc > 3 && strcmp(argv[1], "--terminal") == 0) {
        return terminal_run(argv[2], argv + 3);
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("play-remote %s (wire %d)\n", PLAY_VERSION, WIRE_VERSION);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--self-check") == 0) {
        return self_check() ? 0 : 1;
    }
    fprintf(stderr,
            "usage: play-remote [--version | --self-check]\nplay starts it on targets; it serves requests on its "
            "standard input and output.\n");
    return 2;
}
