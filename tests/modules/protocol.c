// play-remote as a peer that may be slow, wrong or gone: requests that crash, hang, queue, are cancelled or cut off.
#include "modtest.h"

#include "digest.h"
#include "fd.h"
#include "msg.h"
#include "pieces.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 20000

struct answer {
    uint8_t kind;
    uint32_t id;
    struct val value;
    struct str raw;
};
struct link {
    struct arena a;
    struct err e;
    struct peer p;
};

static void link_open(struct link *l) {
    *l = (struct link){0};
    l->e.arena = &l->a;
    bool ok = peer_start(&l->p, getenv("PLAY_REMOTE"), &l->e);  // NOLINT(concurrency-mt-unsafe): one thread
    if (!ok) {
        print_error("%.*s\n", STR(err_text(&l->e)));
    }
    CHECK(ok);
}

static void link_close(struct link *l) {
    CHECK(peer_end(&l->p));
    arena_release(&l->a);
}

/// The remote ends by itself, because of what it was sent.
static void link_ended(struct link *l) {
    int status = 0;
    CHECK(waitpid(l->p.pid, &status, 0) == l->p.pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    fd_closep(&l->p.in);
    fd_closep(&l->p.out);
    buf_release(&l->p.input);
    arena_release(&l->a);
}

static void send_request(struct link *l, uint32_t id, struct val args, const char *module, int64_t lane,
                         const char *more, struct val value) {
    struct val r = val_dict(&l->a, 6);
    struct buf b = BUF_IN(&l->a);
    val_set(&l->a, r, "module", val_z(&l->a, module));
    val_set(&l->a, r, "args", args);
    val_set(&l->a, r, "validate", val_bool(true));
    val_set(&l->a, r, "log", val_bool(true));
    val_set(&l->a, r, "lane", val_int(lane));
    if (more) {
        val_set(&l->a, r, more, value);
    }
    msg_encode(&b, r);
    peer_send(&l->p, FRAME_REQUEST, id, buf_view(&b), &l->e);
}

static void send_shell_with(struct link *l, uint32_t id, const char *line, int64_t lane, const char *more,
                            struct val value) {
    struct val args = val_dict(&l->a, 1);
    val_set(&l->a, args, "cmd", val_z(&l->a, line));
    send_request(l, id, args, "shell", lane, more, value);
}

static void send_shell(struct link *l, uint32_t id, const char *line, int64_t lane) {
    send_shell_with(l, id, line, lane, NULL, VNULL);
}

/// A copy of `data` to `dest` whose content was not sent.
static void send_lazy_copy(struct link *l, uint32_t id, const char *dest, struct str data, int64_t lane) {
    struct val args = val_dict(&l->a, 2);
    struct val files = val_list(&l->a, 1);
    struct val file = val_dict(&l->a, 3);
    const char *hex = NULL;
    CHECK(digest_hex(&l->a, "sha256", data, &hex, &l->e));
    val_set(&l->a, file, "rel", val_z(&l->a, ""));
    val_set(&l->a, file, "sha256", val_z(&l->a, hex));
    val_set(&l->a, file, "size", val_int((int64_t)data.n));
    val_push(&l->a, files, file);
    val_set(&l->a, args, "dest", val_z(&l->a, dest));
    val_set(&l->a, args, "_files", files);
    struct val r = val_dict(&l->a, 6);
    struct buf b = BUF_IN(&l->a);
    val_set(&l->a, r, "module", val_z(&l->a, "copy"));
    val_set(&l->a, r, "args", args);
    val_set(&l->a, r, "validate", val_bool(true));
    val_set(&l->a, r, "lazy", val_bool(true));
    val_set(&l->a, r, "lane", val_int(lane));
    msg_encode(&b, r);
    peer_send(&l->p, FRAME_REQUEST, id, buf_view(&b), &l->e);
}

static void send_content(struct link *l, struct str data, struct str announced) {
    unsigned char sum[DIGEST_MAX];
    struct digest *d = digest_open("sha256");
    digest_add(d, announced.s, announced.n);
    (void)digest_close(d, sum);
    struct buf body = BUF_IN(&l->a);
    struct buf out = BUF_IN(&l->a);
    buf_add(&body, sum, 32);
    buf_char(&body, FRAME_BLOB_LAST);
    buf_str(&body, data);
    (void)frame_pack(&out, FRAME_BLOB, 0, buf_view(&body));
    CHECK(fd_write_all(l->p.in, buf_view(&out), &l->e));
}

static bool receive(struct link *l, struct answer *out) {
    int64_t deadline = clock_ms() + WAIT_MS;
    for (;;) {
        struct frame f;
        size_t used = 0;
        int got = frame_read(buf_view(&l->p.input), &f, &used, &l->e);
        if (got > 0) {
            *out = (struct answer){.kind = f.kind, .id = f.id, .raw = str_dup(&l->a, f.body)};
            bool ok = f.kind != FRAME_RESULT || msg_decode(&l->a, out->raw, &out->value, &l->e);
            buf_consume(&l->p.input, used);
            return ok;
        }
        if (got < 0 || fd_wait(l->p.out, POLLIN, deadline) <= 0) {
            return false;
        }
        char *to = buf_reserve(&l->p.input, 65536);
        ssize_t n = read(l->p.out, to, 65536);
        if (n <= 0) {
            return false;
        }
        l->p.input.n += (size_t)n;
    }
}

static struct val result_of(struct link *l, uint32_t id) {
    struct answer x = {0};
    do {
        CHECK(receive(l, &x));
    } while (x.kind != FRAME_RESULT);
    assert_int_equal(x.id, id);
    return x.value;
}

static struct str message(struct val result) {
    return val_text(val_get(result, "msg"));
}

TEST(ping_is_answered) {
    struct link l;
    struct answer x;
    link_open(&l);
    peer_send(&l.p, FRAME_PING, 7, STR_LIT("body"), &l.e);
    CHECK(receive(&l, &x));
    CHECK(x.kind == FRAME_PING && x.id == 7);
    CHECK_STR(x.raw, "body");
    link_close(&l);
}

TEST(a_crash_is_one_failed_request) {
    struct link l;
    link_open(&l);
    send_shell(&l, 1, "kill -SEGV $PPID; sleep 5", 0);
    send_shell(&l, 2, "echo alive", 0);
    struct val dead = result_of(&l, 1);
    CHECK(val_truth(val_get(dead, "failed")));
    CHECK(str_starts(message(dead), "the module was killed by signal 11") ||
          str_starts(message(dead), "the module ended without a result"));  // the sanitizer exits instead
    CHECK_STR(val_text(val_get(result_of(&l, 2), "stdout")), "alive");
    link_close(&l);
}

TEST(one_lane_keeps_its_order) {
    struct link l;
    link_open(&l);
    send_shell(&l, 1, "sleep 0.3; echo 1", 5);
    send_shell(&l, 2, "echo 2", 5);
    CHECK_STR(val_text(val_get(result_of(&l, 1), "stdout")), "1");
    CHECK_STR(val_text(val_get(result_of(&l, 2), "stdout")), "2");
    link_close(&l);
}

TEST(lanes_run_at_the_same_time) {
    struct link l;
    struct answer x;
    link_open(&l);
    send_shell(&l, 1, "sleep 1; echo slow", 1);
    send_shell(&l, 2, "echo fast", 2);
    do {
        CHECK(receive(&l, &x));
    } while (x.kind != FRAME_RESULT);
    CHECK(x.id == 2);
    CHECK_STR(val_text(val_get(result_of(&l, 1), "stdout")), "slow");
    link_close(&l);
}

TEST(more_requests_than_children) {
    struct link l;
    link_open(&l);
    for (uint32_t i = 0; i < 60; i++) {
        send_shell(&l, i, "echo x", i);
    }
    size_t results = 0;
    while (results < 60) {
        struct answer x;
        CHECK(receive(&l, &x));
        results += x.kind == FRAME_RESULT;
    }
    link_close(&l);
}

static bool is_alive(const char *pid_file) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str text;
    int64_t pid = 0;
    bool alive = fd_read_file(pid_file, 64, &a, &text, &e) && str_int(str_trim(text), &pid) && kill((pid_t)pid, 0) == 0;
    arena_release(&a);
    return alive;
}

static void wait_for(const char *path) {
    struct stat st;
    for (int i = 0; i < 500 && (stat(path, &st) != 0 || st.st_size == 0); i++) {
        struct timespec nap = {.tv_nsec = 10000000};
        nanosleep(&nap, NULL);
    }
}

static bool gone_soon(const char *pid_file) {
    for (int i = 0; i < 300 && is_alive(pid_file); i++) {
        struct timespec nap = {.tv_nsec = 10000000};
        nanosleep(&nap, NULL);
    }
    return !is_alive(pid_file);
}

static const char *temp_dir(struct arena *a) {
    const char *tmp = getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): one thread
    char *dir = arena_printf(a, "%s/play-proto-XXXXXX", tmp ? tmp : "/tmp");
    CHECK(mkdtemp(dir) != NULL);
    return dir;
}

TEST(cancel_kills_what_the_module_started) {
    struct link l;
    link_open(&l);
    const char *dir = temp_dir(&l.a);
    const char *pid = arena_printf(&l.a, "%s/pid", dir);
    send_shell(&l, 1, arena_printf(&l.a, "setsid sh -c 'echo $$ > %s; exec sleep 60'", pid), 0);
    send_shell(&l, 2, "echo never", 0);
    wait_for(pid);
    peer_send(&l.p, FRAME_CANCEL, 2, STR_LIT(""), &l.e);
    peer_send(&l.p, FRAME_CANCEL, 1, STR_LIT(""), &l.e);
    CHECK_STR(message(result_of(&l, 2)), "the request was cancelled");
    CHECK_STR(message(result_of(&l, 1)), "the request was cancelled");
    CHECK(gone_soon(pid));
    case_tree_remove(dir);
    link_close(&l);
}

/// What was sent before has been read, and what could start has started.
static void all_is_read(struct link *l) {
    struct answer x;
    peer_send(&l->p, FRAME_PING, 1000, STR_NONE, &l->e);
    do {
        CHECK(receive(l, &x));
    } while (x.kind != FRAME_PING);
}

// Requests of a lane that wait together are run by one process. To make them wait, the first one waits for a file; it
// has started before they are sent, so that its process takes none of them.
struct gate {
    const char *dir, *path;
};
static struct gate gate_shut(struct link *l, uint32_t id) {
    struct gate g = {.dir = temp_dir(&l->a)};
    g.path = arena_printf(&l->a, "%s/gate", g.dir);
    send_shell(l, id, arena_printf(&l->a, "while [ ! -e %s ]; do sleep 0.02; done", g.path), 5);
    all_is_read(l);
    return g;
}
static void gate_open(struct link *l, const struct gate *g) {
    all_is_read(l);
    int fd = open(g->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && close(fd) == 0);
}
static struct str stdout_of(struct link *l, uint32_t id) {
    return val_text(val_get(result_of(l, id), "stdout"));
}

TEST(requests_in_a_row_share_a_process) {
    struct link l;
    link_open(&l);
    struct gate g = gate_shut(&l, 1);
    for (uint32_t i = 2; i < 6; i++) {
        send_shell(&l, i, "echo $PPID", 5);
    }
    send_shell_with(&l, 6, "echo $PPID", 5, "env", val_dict(&l.a, 1));
    gate_open(&l, &g);
    (void)result_of(&l, 1);
    struct str first = stdout_of(&l, 2);
    for (uint32_t i = 3; i < 6; i++) {
        CHECK(str_eq(stdout_of(&l, i), first));
    }
    CHECK(!str_eq(stdout_of(&l, 6), first));  // its environment is its own
    case_tree_remove(g.dir);
    link_close(&l);
}

TEST(a_shared_process_that_ends_takes_one_request_with_it) {
    struct link l;
    link_open(&l);
    struct gate g = gate_shut(&l, 1);
    send_shell(&l, 2, "echo before", 5);
    send_shell(&l, 3, "kill -SEGV $PPID; sleep 5", 5);
    send_shell(&l, 4, "echo after", 5);
    send_shell_with(&l, 5, "sleep 60", 5, "timeout_ms", val_int(300));
    send_shell(&l, 6, "exit 3", 5);
    send_shell(&l, 7, "echo last", 5);
    send_shell_with(&l, 8, "echo never", 5, "guarded", val_bool(true));
    gate_open(&l, &g);
    (void)result_of(&l, 1);
    CHECK_STR(stdout_of(&l, 2), "before");
    CHECK(val_truth(val_get(result_of(&l, 3), "failed")));
    CHECK_STR(stdout_of(&l, 4), "after");
    CHECK(val_truth(val_get(result_of(&l, 5), "_ansible_timed_out")));
    CHECK(val_get(result_of(&l, 6), "rc").u.i == 3);
    CHECK_STR(stdout_of(&l, 7), "last");
    CHECK(val_truth(val_get(result_of(&l, 8), "_ansible_dropped")));
    case_tree_remove(g.dir);
    link_close(&l);
}

TEST(a_request_that_shares_a_process_is_cancelled) {
    struct link l;
    link_open(&l);
    struct gate g = gate_shut(&l, 1);
    const char *second = arena_printf(&l.a, "%s/second", g.dir);
    const char *started = arena_printf(&l.a, "%s/started", g.dir);
    send_shell(&l, 2,
               arena_printf(&l.a, "echo x > %s; while [ ! -e %s ]; do sleep 0.02; done; echo two", started, second), 5);
    send_shell(&l, 3, "sleep 60", 5);
    send_shell(&l, 4, "echo four", 5);
    gate_open(&l, &g);
    (void)result_of(&l, 1);
    wait_for(started);
    peer_send(&l.p, FRAME_CANCEL, 3, STR_NONE, &l.e);
    g.path = second;
    gate_open(&l, &g);
    CHECK_STR(stdout_of(&l, 2), "two");
    CHECK_STR(message(result_of(&l, 3)), "the request was cancelled");
    CHECK_STR(stdout_of(&l, 4), "four");
    case_tree_remove(g.dir);
    link_close(&l);
}

/// The process that a stat of /proc/self finds itself to be.
static struct str process_of(struct link *l, uint32_t id, const char *more, struct val value) {
    struct val args = val_dict(&l->a, 1);
    val_set(&l->a, args, "path", val_z(&l->a, "/proc/self"));
    send_request(l, id, args, "stat", 5, more, value);
    return val_text(val_get(val_get(result_of(l, id), "stat"), "lnk_target"));
}

static pid_t number_of(struct str pid) {
    int64_t n = 0;
    CHECK(str_int(pid, &n) && n > 1);
    return (pid_t)n;
}

TEST(a_process_is_kept_for_the_next_request) {
    struct link l;
    link_open(&l);
    struct str first = process_of(&l, 1, NULL, VNULL);
    CHECK(str_eq(process_of(&l, 2, NULL, VNULL), first));
    CHECK(!str_eq(process_of(&l, 3, "env", val_dict(&l.a, 1)), first));  // its environment is its own
    CHECK(str_eq(process_of(&l, 4, NULL, VNULL), first));
    send_shell(&l, 5, "echo $PPID", 5);
    CHECK(!str_eq(stdout_of(&l, 5), first));  // a user's program has a group of processes of its own
    CHECK(str_eq(process_of(&l, 6, NULL, VNULL), first));
    send_content(&l, STR_LIT("news"), STR_LIT("news"));
    CHECK(!str_eq(process_of(&l, 7, NULL, VNULL), first));  // it would not know them
    link_close(&l);
}

TEST(a_kept_process_that_dies_is_not_missed) {
    struct link l;
    link_open(&l);
    struct str first = process_of(&l, 1, NULL, VNULL);
    kill(number_of(first), SIGKILL);
    for (int i = 0; i < 2000 && kill(number_of(first), 0) == 0; i++) {
        struct timespec nap = {.tv_nsec = 10000000};
        nanosleep(&nap, NULL);
    }
    struct str second = process_of(&l, 2, NULL, VNULL);
    CHECK(second.n && !str_eq(second, first));
    CHECK(str_eq(process_of(&l, 3, NULL, VNULL), second));
    link_close(&l);
}

TEST(a_kept_process_that_hangs_has_a_deadline) {
    struct link l;
    link_open(&l);
    struct str first = process_of(&l, 1, NULL, VNULL);
    kill(number_of(first), SIGSTOP);
    struct val args = val_dict(&l.a, 1);
    val_set(&l.a, args, "path", val_z(&l.a, "/"));
    send_request(&l, 2, args, "stat", 5, "timeout_ms", val_int(300));
    CHECK(val_truth(val_get(result_of(&l, 2), "_ansible_timed_out")));
    CHECK(!str_eq(process_of(&l, 3, NULL, VNULL), first));
    link_close(&l);
}

/// What a lazy copy says: its result, or, an undefined value, that it needs the content.
static struct val copy_says(struct link *l, uint32_t id, const char *dest, struct str data) {
    struct answer x = {0};
    send_lazy_copy(l, id, dest, data, 5);
    do {
        CHECK(receive(l, &x));
    } while (x.kind != FRAME_RESULT && x.kind != FRAME_NEED);
    return x.kind == FRAME_RESULT ? x.value : (struct val){0};
}

TEST(a_kept_process_forgets_what_a_file_was) {
    struct link l;
    link_open(&l);
    const char *dir = temp_dir(&l.a);
    const char *dest = arena_printf(&l.a, "%s/file", dir);
    struct str data = STR_LIT("the content");
    CHECK(fd_replace_file(dest, data, 0644, &l.e));
    struct str first = process_of(&l, 1, NULL, VNULL);
    struct val same = copy_says(&l, 2, dest, data);
    CHECK(val_is(same, VAL_DICT) && !val_truth(val_get(same, "changed")) && !val_truth(val_get(same, "failed")));
    CHECK(str_eq(process_of(&l, 3, NULL, VNULL), first));
    CHECK(fd_replace_file(dest, STR_LIT("another one"), 0644, &l.e));
    CHECK(val_is(copy_says(&l, 4, dest, data), VAL_UNDEF));
    send_content(&l, data, data);
    CHECK(val_truth(val_get(result_of(&l, 4), "changed")));
    case_tree_remove(dir);
    link_close(&l);
}

TEST(nothing_outlives_the_connection) {
    struct link l;
    link_open(&l);
    const char *dir = temp_dir(&l.a);
    const char *pid = arena_printf(&l.a, "%s/pid", dir);
    send_shell(&l, 1, arena_printf(&l.a, "echo $$ > %s; exec sleep 60", pid), 0);
    wait_for(pid);
    fd_closep(&l.p.in);  // as when ssh dies
    int status = 0;
    CHECK(waitpid(l.p.pid, &status, 0) == l.p.pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(gone_soon(pid));
    fd_closep(&l.p.out);
    buf_release(&l.p.input);
    case_tree_remove(dir);
    arena_release(&l.a);
}

TEST(a_signal_ends_it_as_a_closed_connection_does) {
    struct link l;
    link_open(&l);
    const char *dir = temp_dir(&l.a);
    const char *pid = arena_printf(&l.a, "%s/pid", dir);
    send_shell(&l, 1, arena_printf(&l.a, "echo $$ > %s; exec sleep 60", pid), 0);
    wait_for(pid);
    kill(l.p.pid, SIGTERM);
    int status = 0;
    CHECK(waitpid(l.p.pid, &status, 0) == l.p.pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(gone_soon(pid));
    fd_closep(&l.p.in);
    fd_closep(&l.p.out);
    buf_release(&l.p.input);
    case_tree_remove(dir);
    arena_release(&l.a);
}

TEST(live_output_arrives_before_the_result) {
    struct link l;
    struct answer x;
    link_open(&l);
    send_shell(&l, 3, "echo first; sleep 0.2; echo second", 0);
    CHECK(receive(&l, &x));
    CHECK(x.kind == FRAME_LOG && x.id == 3);
    CHECK_STR(x.raw, "first\n");
    CHECK_STR(val_text(val_get(result_of(&l, 3), "stdout")), "first\nsecond");
    link_close(&l);
}

TEST(a_lua_module_travels_as_source) {
    struct link l;
    link_open(&l);
    const char source[] = "return {args = {n = {type = 'int', required = true}}, check = 'full',\n"
                          "run = function(c)\n c:set('twice', c.args.n * 2)\n"
                          "if c.args.n == 13 then error('unlucky') end end}";
    struct buf body = BUF_IN(&l.a);
    const char *hex = NULL;
    buf_add(&body, "mine", 5);
    buf_z(&body, source);
    CHECK(digest_hex(&l.a, "sha256", str_from(source), &hex, &l.e));
    peer_send(&l.p, FRAME_SCRIPT, 0, buf_view(&body), &l.e);
    for (int n = 12; n <= 13; n++) {
        struct val r = val_dict(&l.a, 4);
        struct val args = val_dict(&l.a, 1);
        struct val out = VNULL;
        val_set(&l.a, args, "n", val_int(n));
        val_set(&l.a, r, "module", val_z(&l.a, "mine"));
        val_set(&l.a, r, "args", args);
        val_set(&l.a, r, "script", val_z(&l.a, hex));
        CHECK(peer_call(&l.p, r, WAIT_MS, &l.a, &out, &l.e));
        CHECK(val_equal(val_get(out, "twice"), val_int(2 * (int64_t)n)));
        CHECK(val_truth(val_get(out, "failed")) == (n == 13));
        if (n == 13) {
            CHECK_STR(message(out), "mine.lua:4: unlucky");
        }
    }
    link_close(&l);
}

TEST(wrong_requests_are_answered) {
    struct link l;
    link_open(&l);
    send_request(&l, 1, val_dict(&l.a, 0), "no_such_module", 0, NULL, VNULL);
    CHECK_STR(message(result_of(&l, 1)), "module 'no_such_module' is not known to play-remote");
    peer_send(&l.p, FRAME_REQUEST, 2, STR_LIT("\xff\xff"), &l.e);
    CHECK(val_truth(val_get(result_of(&l, 2), "failed")));
    struct buf b = BUF_IN(&l.a);
    msg_encode(&b, val_dict(&l.a, 0));
    peer_send(&l.p, FRAME_REQUEST, 3, buf_view(&b), &l.e);
    CHECK_STR(message(result_of(&l, 3)), "expected a request with module and args");
    link_close(&l);
}

TEST(a_broken_stream_ends_the_remote) {
    struct link l;
    link_open(&l);
    struct err e = {.arena = &l.a};
    CHECK(fd_write_all(l.p.in, STR_LIT("\xff\xff\xff\xff\x02zzzz"), &e));
    link_ended(&l);
}

// -- content on request ----------------------------------------------------------------------------------------------
static const char *scratch(struct link *l) {
    char *dir = arena_printf(&l->a, "/tmp/protocol.XXXXXX");
    CHECK(mkdtemp(dir) != NULL);
    return dir;
}

static struct str long_text(struct link *l, char c) {
    size_t n = 100000;
    char *p = arena_alloc(&l->a, n);
    memset(p, c, n);
    return (struct str){p, n};
}

static void check_file(struct link *l, const char *path, struct str want) {
    struct str now;
    CHECK(fd_read_file(path, (size_t)8 << 20, &l->a, &now, &l->e));
    CHECK(str_eq(now, want));
    CHECK(unlink(path) == 0);
}

TEST(content_is_asked_for_once_for_what_waits_too) {
    struct link l;
    struct answer x;
    link_open(&l);
    const char *dir = scratch(&l);
    const char *one = arena_printf(&l.a, "%s/one", dir);
    const char *two = arena_printf(&l.a, "%s/two", dir);
    struct str a = long_text(&l, 'a');
    struct str b = long_text(&l, 'b');
    send_lazy_copy(&l, 1, one, a, 3);
    send_lazy_copy(&l, 2, two, b, 3);
    // both questions come before anything is sent
    CHECK(receive(&l, &x) && x.kind == FRAME_NEED && x.id == 1 && x.raw.n == 32);
    CHECK(receive(&l, &x) && x.kind == FRAME_NEED && x.id == 2 && x.raw.n == 32);
    send_content(&l, a, a);
    send_content(&l, b, b);
    CHECK(val_truth(val_get(result_of(&l, 1), "changed")));
    CHECK(val_truth(val_get(result_of(&l, 2), "changed")));
    // the same content elsewhere, and where it lies: nothing is asked
    const char *three = arena_printf(&l.a, "%s/three", dir);
    send_lazy_copy(&l, 3, three, a, 3);
    CHECK(val_truth(val_get(result_of(&l, 3), "changed")));
    check_file(&l, three, a);
    check_file(&l, one, a);
    check_file(&l, two, b);
    CHECK(rmdir(dir) == 0);
    link_close(&l);
}

TEST(content_that_lies_at_its_place_is_not_asked_for) {
    struct link l;
    link_open(&l);
    const char *dir = scratch(&l);
    const char *path = arena_printf(&l.a, "%s/here", dir);
    struct str a = long_text(&l, 'h');
    CHECK(fd_replace_file(path, a, 0644, &l.e));
    send_lazy_copy(&l, 1, path, a, 1);
    struct val r = result_of(&l, 1);
    CHECK(!val_truth(val_get(r, "changed")) && !val_truth(val_get(r, "failed")));
    check_file(&l, path, a);
    CHECK(rmdir(dir) == 0);
    link_close(&l);
}

TEST(content_that_arrives_damaged_fails_the_request) {
    struct link l;
    struct answer x;
    link_open(&l);
    const char *dir = scratch(&l);
    struct str a = long_text(&l, 'a');
    send_lazy_copy(&l, 1, arena_printf(&l.a, "%s/bad", dir), a, 1);
    CHECK(receive(&l, &x) && x.kind == FRAME_NEED);
    send_content(&l, long_text(&l, 'z'), a);
    struct val r = result_of(&l, 1);
    CHECK(val_truth(val_get(r, "failed")));
    CHECK_STR(message(r), "content arrived damaged: a file of the controller was changed while it was sent");
    CHECK(rmdir(dir) == 0);
    link_close(&l);
}

TEST(a_request_that_waits_for_content_is_cancelled) {
    struct link l;
    struct answer x;
    link_open(&l);
    const char *dir = scratch(&l);
    send_lazy_copy(&l, 1, arena_printf(&l.a, "%s/never", dir), long_text(&l, 'a'), 1);
    send_shell(&l, 2, "echo next", 1);
    CHECK(receive(&l, &x) && x.kind == FRAME_NEED);
    peer_send(&l.p, FRAME_CANCEL, 1, STR_NONE, &l.e);
    CHECK_STR(message(result_of(&l, 1)), "the request was cancelled");
    CHECK_STR(val_text(val_get(result_of(&l, 2), "stdout")), "next");
    CHECK(rmdir(dir) == 0);
    link_close(&l);
}

// -- pieces of large files -------------------------------------------------------------------------------------------
static struct str noise(struct link *l, size_t n) {
    char *p = arena_alloc(&l->a, n);
    random_bytes(p, n);
    return (struct str){p, n};
}

static void raw_sha(struct str data, unsigned char sum[DIGEST_MAX]) {
    struct digest *d = digest_open("sha256");
    digest_add(d, data.s, data.n);
    (void)digest_close(d, sum);
}

static void recipe_step(struct buf *body, int kind, size_t first, size_t count) {
    unsigned char s[RECIPE_STEP] = {(unsigned char)kind};
    frame_put32(s + 1, (uint32_t)first);
    frame_put32(s + 5, (uint32_t)count);
    buf_add(body, s, sizeof s);
}

/// Sends `data` as a recipe for the pieces in `asked`; how many bytes of it were new.
static size_t send_recipe(struct link *l, struct str data, struct str asked) {
    unsigned char sum[DIGEST_MAX];
    struct buf body = BUF_IN(&l->a);
    struct buf out = BUF_IN(&l->a);
    size_t fresh = 0;
    raw_sha(data, sum);
    CHECK(asked.n % 32 == 0 && asked.n > 32 && memcmp(asked.s, sum, 32) == 0);
    buf_add(&body, sum, 32);
    buf_char(&body, FRAME_BLOB_LAST);
    for (size_t at = 0; at < data.n;) {
        struct str piece = str_sub(data, at, at + piece_length(str_sub(data, at, data.n)));
        size_t i = 32;
        raw_sha(piece, sum);
        while (i < asked.n && memcmp(asked.s + i, sum, 32) != 0) {
            i += 32;
        }
        if (i < asked.n) {
            recipe_step(&body, RECIPE_OLD, i / 32 - 1, 1);
        } else {
            recipe_step(&body, RECIPE_NEW, piece.n, 0);
            buf_str(&body, piece);
            fresh += piece.n;
        }
        at += piece.n;
    }
    (void)frame_pack(&out, FRAME_RECIPE, 0, buf_view(&body));
    CHECK(fd_write_all(l->p.in, buf_view(&out), &l->e));
    return fresh;
}

/// A file of `data` with a byte changed in the middle, and one more near its front.
static const char *nearly(struct link *l, const char *dir, struct str data) {
    const char *path = arena_printf(&l->a, "%s/large", dir);
    struct buf b = BUF_IN(&l->a);
    buf_str(&b, str_sub(data, 0, 1000));
    buf_char(&b, 'x');
    buf_str(&b, str_sub(data, 1000, data.n));
    b.p[b.n / 2] ^= 1;
    CHECK(fd_replace_file(path, buf_view(&b), 0644, &l->e));
    return path;
}

TEST(what_differs_of_a_large_file_is_asked_for) {
    struct link l;
    struct answer x = {0};
    link_open(&l);
    const char *dir = scratch(&l);
    struct str a = noise(&l, (size_t)4 << 20);
    const char *path = nearly(&l, dir, a);
    send_lazy_copy(&l, 1, path, a, 3);
    CHECK(receive(&l, &x) && x.kind == FRAME_PIECES && x.id == 1);
    size_t fresh = send_recipe(&l, a, x.raw);
    CHECK(fresh > 0 && fresh <= 4 * PIECE_MAX);
    CHECK(val_truth(val_get(result_of(&l, 1), "changed")));
    // the same content elsewhere: nothing is asked
    const char *two = arena_printf(&l.a, "%s/two", dir);
    send_lazy_copy(&l, 2, two, a, 3);
    CHECK(val_truth(val_get(result_of(&l, 2), "changed")));
    check_file(&l, path, a);
    check_file(&l, two, a);
    CHECK(rmdir(dir) == 0);
    link_close(&l);
}

TEST(a_file_that_changes_while_its_pieces_are_used_is_asked_for_as_a_whole) {
    struct link l;
    struct answer x = {0};
    link_open(&l);
    const char *dir = scratch(&l);
    struct str a = noise(&l, (size_t)2 << 20);
    const char *path = nearly(&l, dir, a);
    send_lazy_copy(&l, 1, path, a, 3);
    CHECK(receive(&l, &x) && x.kind == FRAME_PIECES);
    CHECK(truncate(path, 70000) == 0);  // in place: the file that is open changes
    (void)send_recipe(&l, a, x.raw);
    CHECK(receive(&l, &x) && x.kind == FRAME_NEED && x.id == 1 && x.raw.n == 32);
    send_content(&l, a, a);
    CHECK(val_truth(val_get(result_of(&l, 1), "changed")));
    check_file(&l, path, a);
    CHECK(rmdir(dir) == 0);
    link_close(&l);
}

TEST(a_recipe_that_nobody_asked_for_ends_the_remote) {
    for (int way = 0; way < 3; way++) {
        struct link l;
        struct answer x = {0};
        link_open(&l);
        const char *dir = scratch(&l);
        struct str a = noise(&l, (size_t)1 << 20);
        const char *path = nearly(&l, dir, a);
        send_lazy_copy(&l, 1, path, a, 3);
        CHECK(receive(&l, &x) && x.kind == FRAME_PIECES);
        struct buf body = BUF_IN(&l.a);
        buf_str(&body, str_sub(x.raw, 0, 32));
        buf_char(&body, 0);
        if (way == 0) {
            body.p[0] ^= 1;  // another content
        } else if (way == 1) {
            recipe_step(&body, RECIPE_OLD, 0, 100000);
        } else {
            recipe_step(&body, RECIPE_NEW, 1, 0);  // and no byte behind it
        }
        peer_send(&l.p, FRAME_RECIPE, 0, buf_view(&body), &l.e);
        CHECK(unlink(path) == 0 && rmdir(dir) == 0);
        link_ended(&l);
    }
}
