// A play-remote for the tests: when the test program is run under a name such as play-remote-x86_64 or a SHA-256, it
// speaks the protocol instead of running tests. Modules: ping sleep crash hang junk blob script log big.
#include "fd.h"
#include "frame.h"
#include "msg.h"
#include "sshconf.h"

#include <poll.h>
#include <sys/utsname.h>
#include <unistd.h>

struct pending {
    uint32_t id;
    int64_t at;
    bool stubborn;
};
struct fake {
    struct arena a;
    struct buf in;
    struct pending wait[64];
    size_t nwait;
    int64_t blob_bytes, blobs, scripts;
};

static void send(enum frame_kind kind, uint32_t id, struct val v) {
    struct buf body = {0};
    struct buf out = {0};
    msg_encode(&body, v);
    frame_write(&out, kind, id, buf_view(&body));
    struct arena a = {0};
    struct err e = {.arena = &a};
    if (!fd_write_all(STDOUT_FILENO, buf_view(&out), &e)) {
        _exit(9);
    }
    arena_release(&a);
    buf_release(&out);
    buf_release(&body);
}

static void hello(struct fake *f) {
    struct val d = val_dict(&f->a, 8);
    struct utsname u;
    (void)uname(&u);
    val_set(&f->a, d, "version", val_int(WIRE_VERSION));
    val_set(&f->a, d, "pid", val_int(getpid()));
    val_set(&f->a, d, "uid", val_int((int64_t)getuid()));
    val_set(&f->a, d, "user", val_z(&f->a, "tester"));
    val_set(&f->a, d, "home", val_z(&f->a, login_home(&f->a)));
    val_set(&f->a, d, "system", val_z(&f->a, u.sysname));
    val_set(&f->a, d, "machine", val_z(&f->a, u.machine));
    val_set(&f->a, d, "hostname", val_z(&f->a, u.nodename));
    send(FRAME_HELLO, 0, d);
}

static void later(struct fake *f, uint32_t id, int64_t ms, bool stubborn) {
    if (f->nwait == 64) {
        _exit(8);
    }
    f->wait[f->nwait++] = (struct pending){id, clock_ms() + ms, stubborn};
}

static void request(struct fake *f, uint32_t id, struct val req) {
    struct str module = val_text(val_get(req, "module"));
    struct val args = val_get(req, "args");
    int64_t ms = 0;
    (void)val_as_int(val_get(args, "ms"), &ms);
    struct val out = val_dict(&f->a, 8);
    val_set(&f->a, out, "args", args);
    val_set(&f->a, out, "pid", val_int(getpid()));
    val_set(&f->a, out, "uid", val_int((int64_t)getuid()));
    if (str_eqz(module, "sleep") || str_eqz(module, "hang")) {
        later(f, id, ms, str_eqz(module, "hang"));
        return;
    }
    if (str_eqz(module, "crash")) {
        fputs("fake remote: it hurts\n", stderr);
        _exit(3);
    }
    if (str_eqz(module, "junk")) {
        (void)!write(STDOUT_FILENO, "this is not a frame at all", 26);
        return;
    }
    if (str_eqz(module, "log")) {
        struct buf b = {0};
        frame_write(&b, FRAME_LOG, id, STR_LIT("live text"));
        (void)!write(STDOUT_FILENO, b.p, b.n);
        buf_release(&b);
    }
    if (str_eqz(module, "big")) {
        char *p = arena_alloc(&f->a, (size_t)ms);
        memset(p, 'x', (size_t)ms);
        val_set(&f->a, out, "data", val_str(&f->a, (struct str){p, (size_t)ms}));
    }
    val_set(&f->a, out, "blob_bytes", val_int(f->blob_bytes));
    val_set(&f->a, out, "blobs", val_int(f->blobs));
    val_set(&f->a, out, "scripts", val_int(f->scripts));
    val_set(&f->a, out, "script", val_get(req, "script"));
    send(FRAME_RESULT, id, out);
}

static void cancel(struct fake *f, uint32_t id) {
    for (size_t i = 0; i < f->nwait; i++) {
        if (f->wait[i].id == id && !f->wait[i].stubborn) {
            f->wait[i].at = 0;
        }
    }
}

static void handle(struct fake *f, const struct frame *fr) {
    struct err e = {.arena = &f->a};
    struct val v;
    struct buf b = {0};
    switch (fr->kind) {
    case FRAME_REQUEST:
        if (!msg_decode(&f->a, fr->body, &v, &e)) {
            _exit(7);
        }
        request(f, fr->id, v);
        break;
    case FRAME_BLOB:
        f->blob_bytes += (int64_t)(fr->body.n - FRAME_BLOB_HEAD);
        f->blobs += fr->body.s[32] & FRAME_BLOB_LAST;
        break;
    case FRAME_PACKED: {
        struct frame in;
        struct buf hold = {0};
        if (!frame_unpack(fr, &hold, &in, &e)) {
            _exit(8);
        }
        handle(f, &in);
        buf_release(&hold);
        break;
    }
    case FRAME_SCRIPT:
        f->scripts++;
        break;
    case FRAME_CANCEL:
        cancel(f, fr->id);
        break;
    case FRAME_PING:
        frame_write(&b, FRAME_PING, fr->id, fr->body);
        (void)!write(STDOUT_FILENO, b.p, b.n);
        buf_release(&b);
        break;
    case FRAME_BYE:
        _exit(0);
    default:
        _exit(6);
    }
}

static void wake(struct fake *f) {
    for (size_t i = 0; i < f->nwait;) {
        if (clock_ms() < f->wait[i].at) {
            i++;
            continue;
        }
        struct val out = val_dict(&f->a, 1);
        val_set(&f->a, out, "slept", val_bool(f->wait[i].at != 0));
        send(FRAME_RESULT, f->wait[i].id, out);
        f->wait[i] = f->wait[--f->nwait];
    }
}

static void fake_main(void) {
    static struct fake f;
    hello(&f);
    for (;;) {
        struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
        if (poll(&p, 1, f.nwait ? 10 : -1) > 0) {
            char *to = buf_reserve(&f.in, 65536);
            ssize_t n = read(STDIN_FILENO, to, 65536);
            if (n <= 0) {
                _exit(0);
            }
            f.in.n += (size_t)n;
        }
        struct frame fr;
        size_t used = 0;
        struct err e = {.arena = &f.a};
        int got = 0;
        while ((got = frame_read(buf_view(&f.in), &fr, &used, &e)) > 0) {
            handle(&f, &fr);
            buf_consume(&f.in, used);
        }
        if (got < 0) {
            _exit(5);
        }
        wake(&f);
    }
}

__attribute__((constructor)) static void maybe(int argc, char **argv) {
    const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;
    name = name ? name + 1 : "";
    bool remote =
        strncmp(name, "play-remote-", 12) == 0 || (strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64);
    if (remote && argc == 2 && strcmp(argv[1], "--self-check") == 0) {
        _exit(0);
    }
    if (remote) {
        fake_main();
    }
}
