// The real play-remote behind both connections, when it was built beside this test.
#include "bed.h"
#include "fd.h"

#include <unistd.h>

/// The directory of the executables of this build, or NULL.
static const char *bin_dir(void) {
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);
    if (n <= 0) {
        return NULL;
    }
    path[n] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash) {
        return NULL;
    }
    (void)snprintf(slash, 64, "/../bin/play-remote-x86_64");
    if (access(path, X_OK) != 0) {
        return NULL;
    }
    *strrchr(path, '/') = '\0';
    return path;
}

static void exercise(const struct conn_spec *s, const struct conn_become *b) {
    const char *dir = bin_dir();
    if (!dir) {
        skip();
    }
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct hub *h = hub_new(&(struct hub_opts){.forks = 4, .remote_dir = dir, .keepalive_ms = 1000}, &e);
    CHECK(h != NULL);
    struct conn *c = open_ok(h, s);
    struct val args = val_dict(&a, 1);
    val_set(&a, args, "data", val_z(&a, "pong!"));
    for (int i = 0; i < 5; i++) {
        conn_submit(c, &(struct conn_request){.module = "ping", .args = args, .become = b}, NULL);
    }
    for (int i = 0; i < 5; i++) {
        struct completion d = next_done(h);
        if (d.kind != DONE_RESULT) {
            fail_msg("%s", err_of(&d));
        }
        CHECK_STR(val_text(val_get(d.result, "ping")), "pong!");
        completion_release(&d);
    }
    args = val_dict(&a, 1);
    val_set(&a, args, "_raw_params", val_z(&a, "sleep 60"));
    conn_submit(c, &(struct conn_request){.module = "command", .args = args, .become = b, .timeout_ms = 300}, NULL);
    int64_t t0 = clock_ms();
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_TIMEOUT && clock_ms() - t0 < 1500);
    completion_release(&d);
    uint64_t id = conn_submit(c, &(struct conn_request){.module = "command", .args = args, .become = b}, NULL);
    CHECK(!hub_wait(h, 3400, &d));  // pings are answered while it runs
    conn_cancel(c, id);
    d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_SYS);
    completion_release(&d);
    hub_free(h);
    arena_release(&a);
}

TEST(real_remote_local) {
    struct conn_spec s = {.kind = "local", .host = "localhost"};
    exercise(&s, NULL);
}

TEST(real_remote_ssh) {
    struct conn_spec s = bed_spec();
    exercise(&s, NULL);
}

TEST(real_remote_ssh_su) {
    if (getuid() != 0) {
        skip();
    }
    struct conn_spec s = bed_spec();
    struct conn_become b = {.method = "su", .user = "nobody"};
    exercise(&s, &b);
    const char *const clean[] = {"/bin/sh", "-c", "rm -rf /var/tmp/.play-$(id -u nobody)", NULL};
    CHECK(bed_run(clean) == 0);
}

TEST(real_remote_local_sudo) {
    const char *const sudo[] = {"sudo", "-n", "-u", "nobody", "true", NULL};
    if (bed_run(sudo) != 0) {
        skip();
    }
    struct conn_spec s = {.kind = "local", .host = "localhost"};
    struct conn_become b = {.method = "sudo", .user = "nobody"};
    exercise(&s, &b);
}
