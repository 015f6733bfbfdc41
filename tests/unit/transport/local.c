// The local connection: life cycle, deadlines, crashes, content, lanes. The fake play-remote is this test program.
#include "bed.h"
#include "digest.h"
#include "fd.h"

#include <errno.h>
#include <unistd.h>

static const struct conn_spec local = {.kind = "local", .host = "localhost"};

TEST(local_open_request_close) {
    struct hub *h = bed_hub();
    struct conn *c = open_ok(h, &local);
    uint64_t id = submit(c, "ping", 42, h);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_RESULT && d.id == id && d.tag == h);
    int64_t ms = 0;
    CHECK(val_as_int(val_get(val_get(d.result, "args"), "ms"), &ms) && ms == 42);
    completion_release(&d);
    conn_close(c);
    CHECK(!hub_wait(h, 50, &d));
    hub_free(h);
}

TEST(local_request_before_open) {
    struct hub *h = bed_hub();
    struct conn *c = conn_open(h, &local, NULL);
    submit(c, "ping", 1, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_OPEN);
    completion_release(&d);
    d = next_done(h);
    CHECK(d.kind == DONE_RESULT);
    completion_release(&d);
    hub_free(h);
}

TEST(local_unknown_connection_is_named) {
    struct hub *h = bed_hub();
    struct conn_spec s = {.kind = "winrm", .host = "win1"};
    (void)conn_open(h, &s, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_ARGS);
    CHECK(strstr(err_of(&d), "winrm") != NULL);
    completion_release(&d);
    hub_free(h);
}

TEST(local_crash_fails_all_and_starts_again) {
    struct hub *h = bed_hub();
    struct conn *c = open_ok(h, &local);
    submit(c, "sleep", 5000, NULL);
    submit(c, "crash", 0, NULL);
    for (int i = 0; i < 2; i++) {
        struct completion d = next_done(h);
        CHECK(d.kind == DONE_FAILED && d.err.code == ERR_UNREACHABLE);
        CHECK(strstr(err_of(&d), "it hurts") && strstr(err_of(&d), "exit status 3"));
        completion_release(&d);
    }
    submit(c, "ping", 0, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_RESULT);
    completion_release(&d);
    hub_free(h);
}

TEST(local_junk_breaks_the_protocol) {
    struct hub *h = bed_hub();
    struct conn *c = open_ok(h, &local);
    submit(c, "junk", 0, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_UNREACHABLE && strstr(err_of(&d), "protocol"));
    completion_release(&d);
    hub_free(h);
}

static uint64_t submit_timed(struct conn *c, const char *module, int64_t timeout_ms) {
    struct arena a = {0};
    struct val args = val_dict(&a, 1);
    val_set(&a, args, "ms", val_int(60000));
    uint64_t id =
        conn_submit(c, &(struct conn_request){.module = module, .args = args, .timeout_ms = timeout_ms}, NULL);
    arena_release(&a);
    return id;
}

TEST(local_deadline_cancels_the_request_only) {
    struct hub *h = bed_hub();
    struct conn *c = open_ok(h, &local);
    int64_t t0 = clock_ms();
    submit_timed(c, "sleep", 200);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_TIMEOUT);
    CHECK(clock_ms() - t0 >= 200 && clock_ms() - t0 < 1900);
    completion_release(&d);
    submit(c, "ping", 0, NULL);
    d = next_done(h);
    CHECK(d.kind == DONE_RESULT);
    completion_release(&d);
    hub_free(h);
}

TEST(local_module_that_does_not_stop_is_killed) {
    struct hub *h = bed_hub();
    struct conn *c = open_ok(h, &local);
    uint64_t late = submit_timed(c, "hang", 100);
    submit(c, "sleep", 60000, NULL);
    for (int i = 0; i < 2; i++) {
        struct completion d = next_done(h);
        CHECK(d.kind == DONE_FAILED);
        CHECK(d.err.code == (d.id == late ? ERR_TIMEOUT : ERR_UNREACHABLE));
        completion_release(&d);
    }
    hub_free(h);
}

TEST(local_cancel) {
    struct hub *h = bed_hub();
    struct conn *c = open_ok(h, &local);
    uint64_t id = submit(c, "sleep", 60000, NULL);
    struct completion d;
    CHECK(!hub_wait(h, 100, &d));
    conn_cancel(c, id);
    d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.id == id && d.err.code == ERR_SYS && d.err.sys_errno == ECANCELED);
    completion_release(&d);
    conn_cancel(c, id);  // no such request any more
    submit(c, "ping", 0, NULL);
    d = next_done(h);
    CHECK(d.kind == DONE_RESULT);
    completion_release(&d);
    hub_free(h);
}

TEST(local_content_and_scripts_are_sent_once) {
    struct hub *h = bed_hub();
    struct conn *c = open_ok(h, &local);
    struct arena a = {0};
    struct err e = {.arena = &a};
    size_t n = 3000000;
    char *text = arena_alloc(&a, n);
    memset(text, 'b', n);
    struct conn_blob blob = {.data = {text, n}};
    const char *hex = NULL;
    CHECK(digest_hex(&a, "sha256", blob.data, &hex, &e));
    memcpy(blob.sha256, hex, 65);
    struct conn_request r = {.module = "blob", .args = val_dict(&a, 0), .blobs = &blob, .nblobs = 1};
    r.script = STR_LIT("return {}");
    for (int i = 0; i < 3; i++) {
        conn_submit(c, &r, NULL);
    }
    for (int i = 0; i < 3; i++) {
        struct completion d = next_done(h);
        CHECK(d.kind == DONE_RESULT);
        int64_t v = 0;
        CHECK(val_as_int(val_get(d.result, "blob_bytes"), &v) && v == (int64_t)n);
        CHECK(val_as_int(val_get(d.result, "blobs"), &v) && v == 1);
        CHECK(val_as_int(val_get(d.result, "scripts"), &v) && v == 1);
        CHECK(val_text(val_get(d.result, "script")).n == 64);
        completion_release(&d);
    }
    arena_release(&a);
    hub_free(h);
}

TEST(local_log_and_large_result) {
    struct hub *h = bed_hub();
    struct conn *c = open_ok(h, &local);
    struct arena a = {0};
    struct conn_request r = {.module = "log", .args = val_dict(&a, 0), .want_log = true};
    conn_submit(c, &r, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_LOG);
    CHECK_STR(d.log, "live text");
    completion_release(&d);
    d = next_done(h);
    CHECK(d.kind == DONE_RESULT);
    completion_release(&d);
    submit(c, "big", 5000000, NULL);
    d = next_done(h);
    CHECK(d.kind == DONE_RESULT && val_text(val_get(d.result, "data")).n == 5000000);
    completion_release(&d);
    arena_release(&a);
    hub_free(h);
}

static uint64_t raw(struct conn *c, const char *cmd, int64_t timeout_ms, uint32_t lane) {
    struct arena a = {0};
    struct val args = val_dict(&a, 1);
    val_set(&a, args, "cmd", val_z(&a, cmd));
    struct conn_request r = {.module = "raw", .args = args, .raw = true, .timeout_ms = timeout_ms, .lane = lane};
    uint64_t id = conn_submit(c, &r, NULL);
    arena_release(&a);
    return id;
}

TEST(local_raw) {
    struct hub *h = bed_hub();
    struct conn_spec s = local;
    s.lazy = true;
    struct conn *c = conn_open(h, &s, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_OPEN && val_len(d.result) == 0);
    completion_release(&d);
    raw(c, "echo out; echo 'er r' >&2; cat; exit 4", 0, 0);
    d = next_done(h);
    CHECK(d.kind == DONE_RESULT);
    int64_t rc = 0;
    CHECK(val_as_int(val_get(d.result, "rc"), &rc) && rc == 4);
    CHECK_STR(val_text(val_get(d.result, "stdout")), "out\n");
    CHECK_STR(val_text(val_get(d.result, "stderr")), "er r\n");
    completion_release(&d);
    raw(c, "sleep 30", 100, 0);
    d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_TIMEOUT);
    completion_release(&d);
    hub_free(h);
}

TEST(local_lane_keeps_order_across_processes) {
    struct hub *h = bed_hub();
    struct conn *c = open_ok(h, &local);
    uint64_t first = submit(c, "sleep", 300, NULL);
    uint64_t second = raw(c, "true", 0, 0);
    uint64_t other = raw(c, "true", 0, 1);
    struct completion d = next_done(h);
    CHECK(d.id == other);
    completion_release(&d);
    d = next_done(h);
    CHECK(d.id == first);
    completion_release(&d);
    d = next_done(h);
    CHECK(d.id == second);
    completion_release(&d);
    hub_free(h);
}

TEST(local_become_refusals) {
    struct hub *h = bed_hub();
    struct conn *c = open_ok(h, &local);
    struct arena a = {0};
    struct conn_become b = {.method = "pfexec", .user = "root"};
    struct conn_request r = {.module = "ping", .args = val_dict(&a, 0), .become = &b};
    conn_submit(c, &r, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_ARGS && strstr(err_of(&d), "pfexec"));
    completion_release(&d);
    b = (struct conn_become){.method = "sudo", .user = "root", .exe = "/nonexistent/sudo"};
    conn_submit(c, &r, NULL);
    d = next_done(h);
    CHECK(d.kind == DONE_FAILED && strstr(err_of(&d), "/nonexistent/sudo"));
    completion_release(&d);
    b = (struct conn_become){.method = "sudo", .user = "no-such-user-here"};
    conn_submit(c, &r, NULL);
    d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_MODULE && strstr(err_of(&d), "no-such-user-here"));
    completion_release(&d);
    arena_release(&a);
    hub_free(h);
}

TEST(local_become_with_password_prompt) {
    struct hub *h = bed_hub();
    // A stand-in for sudo that asks as sudo does.
    bed_write(bed_path("fakesudo"),
              "#!/bin/sh\n"
              "while [ $# -gt 0 ]; do case $1 in -p) p=$2; shift;; --) shift; break;; -u) shift;; esac; shift; done\n"
              "i=0; while [ $i -lt 3 ]; do printf '%s' \"$p\" >&2; read -r w; [ \"$w\" = 's3cret' ] && exec \"$@\"\n"
              "echo 'Sorry, try again.' >&2; i=$((i+1)); done; exit 1\n",
              0755);
    struct conn *c = open_ok(h, &local);
    struct arena a = {0};
    struct conn_become b = {.method = "sudo", .user = "root", .exe = bed_path("fakesudo")};
    b.password = STR_LIT("s3cret");
    struct conn_request r = {.module = "ping", .args = val_dict(&a, 0), .become = &b};
    conn_submit(c, &r, NULL);
    struct completion d = next_done(h);
    if (d.kind != DONE_RESULT) {
        fail_msg("%s", err_of(&d));
    }
    completion_release(&d);
    b.user = "daemon";
    b.password = STR_LIT("wr0ng");
    conn_submit(c, &r, NULL);
    d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_MODULE);
    CHECK(strstr(err_of(&d), "incorrect sudo password") && !strstr(err_of(&d), "wr0ng"));
    completion_release(&d);
    b.user = "bin";
    b.password = STR_NONE;
    b.flags = "-S";
    conn_submit(c, &r, NULL);
    d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_MODULE);
    completion_release(&d);
    r.raw = true;
    r.args = val_dict(&a, 1);
    val_set(&a, r.args, "cmd", val_z(&a, "echo \"it's me\""));
    b = (struct conn_become){.method = "sudo", .user = "root", .exe = bed_path("fakesudo")};
    b.password = STR_LIT("s3cret");
    conn_submit(c, &r, NULL);
    d = next_done(h);
    CHECK(d.kind == DONE_RESULT);
    CHECK_STR(val_text(val_get(d.result, "stdout")), "it's me\n");
    completion_release(&d);
    arena_release(&a);
    hub_free(h);
}

TEST(local_free_with_work_in_flight) {
    struct hub *h = bed_hub();
    struct conn *c = conn_open(h, &local, NULL);
    for (int i = 0; i < 20; i++) {
        submit(c, "sleep", 60000, NULL);
    }
    int64_t t0 = clock_ms();
    hub_free(h);
    CHECK(clock_ms() - t0 < 2000);
}
