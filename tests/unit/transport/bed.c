// The test server and helpers, see bed.h.
#include "bed.h"

#include "fd.h"
#include "spawn.h"
#include "sshconf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct bed bed;
static struct arena bed_arena;

char *bed_path(const char *name) {
    CHECK(bed.dir[0]);
    return arena_printf(&bed_arena, "%s/%s", bed.dir, name);
}

void bed_write(const char *path, const char *text, unsigned mode) {
    struct err e = {.arena = &bed_arena};
    (void)unlink(path);
    CHECK(fd_replace_file(path, str_from(text), mode, &e));
}

int bed_run(const char *const *argv) {
    struct err e = {.arena = &bed_arena};
    struct spawn_result r;
    struct spawn s = {.argv = argv, .timeout_ms = 30000};
    return spawn_run(&s, &bed_arena, &r, &e) ? r.status : -1;
}

static int listen_any(int *port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof sa;
    CHECK(bind(fd, (struct sockaddr *)&sa, n) == 0 && listen(fd, 16) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&sa, &n) == 0);
    *port = ntohs(sa.sin_port);
    return fd;
}

static void keygen(const char *path, const char *type) {
    const char *const argv[] = {"ssh-keygen", "-q", "-t", type, "-N", "", "-f", path, NULL};
    CHECK(bed_run(argv) == 0);
}

static char *slurp(const char *path) {
    struct err e = {.arena = &bed_arena};
    struct str s;
    CHECK(fd_read_file(path, 1 << 20, &bed_arena, &s, &e));
    return str_z(&bed_arena, s);
}

static void bed_stop(void) {
    if (bed.pid > 0) {
        kill(-bed.pid, SIGTERM);
    }
    const char *const argv[] = {"rm", "-rf", bed.dir, NULL};
    struct err e = {.arena = &bed_arena};
    struct spawn_result r;
    (void)spawn_run(&(struct spawn){.argv = argv}, &bed_arena, &r, &e);
    arena_release(&bed_arena);
}

static void copy_self(const char *to) {
    const char *const argv[] = {"cp", arena_printf(&bed_arena, "/proc/%d/exe", getpid()), to, NULL};
    CHECK(bed_run(argv) == 0);
}

static void write_known(void) {
    char *pub = slurp(bed_path("host_key.pub"));
    bed_write(bed.known, arena_printf(&bed_arena, "# test\n[127.0.0.1]:%d %s", bed.port, pub), 0600);
}

static void start_sshd(void) {
    int probe = listen_any(&bed.port);
    close(probe);
    if (getuid() == 0) {
        (void)mkdir("/run/sshd", 0755);
    }
    bool pam = login_env("PLAY_TEST_PAM") != NULL;
    bed_write(bed_path("sshd_config"),
              arena_printf(&bed_arena,
                           "ListenAddress 127.0.0.1\nPort %d\nHostKey %s/host_key\nAuthorizedKeysFile %s/authorized\n"
                           "UsePAM %s\nStrictModes no\nPasswordAuthentication %s\nPidFile none\nMaxStartups 200\n"
                           "PermitRootLogin yes\nSetEnv HOME=%s\nMaxSessions 10\nTrustedUserCAKeys %s/ca.pub\n",
                           bed.port, bed.dir, bed.dir, pam ? "yes" : "no", pam ? "no" : "yes", bed.home, bed.dir),
              0600);
    struct err e = {.arena = &bed_arena};
    int log = open(bed_path("sshd.log"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const char *const argv[] = {"/usr/sbin/sshd", "-D", "-e", "-f", bed_path("sshd_config"), NULL};
    int in = -1;
    int out = -1;
    CHECK(spawn_pipes(argv, NULL, NULL, log, &bed.pid, &in, &out, &e));
    close(log);
    for (int i = 0; i < 200; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in sa = {
            .sin_family = AF_INET, .sin_port = htons((uint16_t)bed.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int rc = connect(fd, (struct sockaddr *)&sa, sizeof sa);
        close(fd);
        if (rc == 0) {
            return;
        }
        usleep(20000);
    }
    fail_msg("sshd did not start");
}

static void make_bed(void) {
    strcpy(bed.dir, "/tmp/play-bed-XXXXXX");
    CHECK(mkdtemp(bed.dir) != NULL);
    (void)atexit(bed_stop);
    bed.key = bed_path("key");
    bed.other_key = bed_path("other");
    bed.known = bed_path("known_hosts");
    bed.home = bed_path("home");
    CHECK(mkdir(bed.home, 0700) == 0);
    bed_write(bed_path("empty"), "", 0600);
    keygen(bed.key, "ed25519");
    keygen(bed.other_key, "ed25519");
    keygen(bed_path("host_key"), "ed25519");
    keygen(bed_path("ca"), "ed25519");
    bed_write(bed_path("authorized"), slurp(bed_path("key.pub")), 0600);
    copy_self(bed_path("play-remote-x86_64"));
    copy_self(bed_path("play-remote-aarch64"));
    bed.silent_fd = listen_any(&bed.silent_port);
    // Nothing of the invoking user may decide a test.
    (void)setenv("HOME", bed.home, 1);  // NOLINT(concurrency-mt-unsafe): no thread yet
    (void)unsetenv("SSH_AUTH_SOCK");    // NOLINT(concurrency-mt-unsafe)
}

struct bed *bed_get(void) {
    if (!bed.dir[0]) {
        make_bed();
    }
    if (!bed.pid && access("/usr/sbin/sshd", X_OK) == 0) {
        start_sshd();
        write_known();
    }
    if (!bed.pid) {
        skip();
    }
    return &bed;
}

struct conn_spec bed_spec(void) {
    const struct bed *b = bed_get();
    struct conn_spec s = {.kind = "ssh", .host = "web1", .address = "127.0.0.1", .port = b->port};
    s.key_file = b->key;
    s.config_file = bed_path("empty");
    s.ssh_args = arena_printf(&bed_arena, "-o UserKnownHostsFile=%s -o GlobalKnownHostsFile=/dev/null", b->known);
    s.connect_timeout_ms = 20000;
    return s;
}

struct hub *bed_hub_keepalive(int64_t ms) {
    (void)bed_get();
    struct err e = {.arena = &bed_arena};
    struct hub *h = hub_new(&(struct hub_opts){.forks = 8, .remote_dir = bed.dir, .keepalive_ms = ms}, &e);
    CHECK(h != NULL);
    return h;
}

struct hub *bed_hub(void) {
    return bed_hub_keepalive(0);
}

struct completion next_done(struct hub *h) {
    struct completion c = {0};
    for (;;) {
        if (!hub_wait(h, 60000, &c)) {
            fail_msg("no completion within 60 s");
        }
        if (c.kind != DONE_NOTE) {
            return c;
        }
        completion_release(&c);
    }
}

const char *err_of(struct completion *c) {
    c->err.arena = &c->arena;
    struct str s = err_text(&c->err);
    return str_z(&c->arena, s);
}

uint64_t submit(struct conn *c, const char *module, int64_t ms, void *tag) {
    struct arena a = {0};
    struct val args = val_dict(&a, 1);
    val_set(&a, args, "ms", val_int(ms));
    uint64_t id = conn_submit(c, &(struct conn_request){.module = module, .args = args}, tag);
    arena_release(&a);
    return id;
}

struct conn *open_ok(struct hub *h, const struct conn_spec *s) {
    struct conn *c = conn_open(h, s, h);
    struct completion d = next_done(h);
    if (d.kind != DONE_OPEN) {
        fail_msg("not open: %s", err_of(&d));
    }
    CHECK(d.tag == h);
    CHECK(val_text(val_get(d.result, "system")).n > 0);
    completion_release(&d);
    return c;
}
