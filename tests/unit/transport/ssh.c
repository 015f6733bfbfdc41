// The ssh connection against a real sshd: host keys, authentication, cache, deadlines, loss.
#include "bed.h"
#include "digest.h"
#include "fd.h"
#include "sshconf.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/// Opens and expects a failure that mentions `want`.
static void expect_failure(const struct conn_spec *s, const char *want) {
    struct hub *h = bed_hub();
    (void)conn_open(h, s, NULL);
    struct completion d = next_done(h);
    while (d.kind == DONE_ASK) {  // a passphrase: nobody is there
        completion_release(&d);
        hub_answer(h, STR_NONE);
        d = next_done(h);
    }
    CHECK(d.kind == DONE_FAILED && (d.err.code == ERR_UNREACHABLE || d.err.code == ERR_ARGS));
    if (!strstr(err_of(&d), want)) {
        fail_msg("expected '%s' in: %s", want, err_of(&d));
    }
    completion_release(&d);
    hub_free(h);
}

TEST(ssh_open_ping_and_cache) {
    struct conn_spec s = bed_spec();
    struct hub *h = bed_hub();
    struct conn *c = open_ok(h, &s);
    submit(c, "ping", 7, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_RESULT);
    completion_release(&d);
    char *dir = bed_path("home/.cache/play");
    struct stat st;
    CHECK(stat(dir, &st) == 0 && (st.st_mode & 07777) == 0700);
    struct arena a = {0};
    struct err e = {.arena = &a};
    const char *hex = NULL;
    CHECK(digest_file(&a, "sha256", "/proc/self/exe", &hex, &e));
    const char *file = arena_printf(&a, "%s/%s", dir, hex);
    struct stat before;
    CHECK(stat(file, &before) == 0);
    CHECK((before.st_mode & 07777) == 0700);
    conn_close(c);
    struct conn *second = open_ok(h, &s);  // the second time it is there
    struct stat after;
    CHECK(stat(file, &after) == 0 && after.st_ino == before.st_ino);
    conn_close(second);
    // A damaged file is replaced, not run.
    bed_write(file, "#!/bin/sh\nexit 99\n", 0700);
    (void)open_ok(h, &s);
    CHECK(stat(file, &after) == 0 && after.st_size == before.st_size);
    arena_release(&a);
    hub_free(h);
}

TEST(ssh_content_goes_through) {
    struct conn_spec s = bed_spec();
    struct hub *h = bed_hub();
    struct conn *c = open_ok(h, &s);
    submit(c, "big", 9000000, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_RESULT && val_text(val_get(d.result, "data")).n == 9000000);
    completion_release(&d);
    struct arena a = {0};
    size_t n = 7000000;
    struct conn_blob blob = {.data = {arena_alloc(&a, n), n}};
    memset(blob.sha256, 'a', 64);
    struct conn_request r = {.module = "blob", .args = val_dict(&a, 0), .blobs = &blob, .nblobs = 1};
    conn_submit(c, &r, NULL);
    d = next_done(h);
    int64_t v = 0;
    CHECK(d.kind == DONE_RESULT && val_as_int(val_get(d.result, "blob_bytes"), &v) && v == (int64_t)n);
    completion_release(&d);
    arena_release(&a);
    hub_free(h);
}

TEST(ssh_unknown_host_key_is_refused) {
    struct conn_spec s = bed_spec();
    s.ssh_args = "-o UserKnownHostsFile=/dev/null";
    expect_failure(&s, "is not known: ssh-ed25519 SHA256:");
}

TEST(ssh_host_key_check_off) {
    struct conn_spec s = bed_spec();
    s.ssh_args = "-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no";
    struct hub *h = bed_hub();
    (void)open_ok(h, &s);
    s.ssh_args = "-o UserKnownHostsFile=/dev/null";
    s.host_key = HOST_KEY_OFF;
    (void)open_ok(h, &s);
    hub_free(h);
}

TEST(ssh_accept_new_writes_the_key) {
    struct conn_spec s = bed_spec();
    char *path = bed_path("accepted/known_hosts");
    char args[256];
    (void)snprintf(args, sizeof args, "-o UserKnownHostsFile=%s -o HashKnownHosts=yes -o GlobalKnownHostsFile=none",
                   path);
    s.ssh_args = args;
    s.host_key = HOST_KEY_ACCEPT_NEW;
    struct hub *h = bed_hub();
    conn_close(open_ok(h, &s));
    s.host_key = HOST_KEY_STRICT;
    conn_close(open_ok(h, &s));  // known in this run
    hub_free(h);
    h = bed_hub();
    conn_close(open_ok(h, &s));  // and in the next
    hub_free(h);
    struct stat st;
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    const char *const argv[] = {"grep", "-q", "^|1|.* ssh-ed25519 AAAA", path, NULL};
    CHECK(bed_run(argv) == 0);
}

TEST(ssh_changed_host_key_names_file_and_line) {
    struct conn_spec s = bed_spec();
    char *path = bed_path("changed");
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str pub;
    CHECK(fd_read_file(bed_path("other.pub"), 4096, &a, &pub, &e));
    bed_write(path, arena_printf(&a, "# one\n\n[127.0.0.1]:%d %.*s", s.port, STR(pub)), 0600);
    s.ssh_args = arena_printf(&a, "-o UserKnownHostsFile=%s -o GlobalKnownHostsFile=/dev/null", path);
    expect_failure(&s, "has changed");
    expect_failure(&s, arena_printf(&a, "%s line 3", path));
    s.host_key = HOST_KEY_ACCEPT_NEW;
    expect_failure(&s, "has changed");
    arena_release(&a);
}

TEST(ssh_host_certificates_need_the_system_ssh) {
    struct conn_spec s = bed_spec();
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str pub;
    char *path = bed_path("authority");
    CHECK(fd_read_file(bed_path("other.pub"), 4096, &a, &pub, &e));
    bed_write(path, arena_printf(&a, "# one\n@cert-authority [127.0.0.*]:%d,web* %.*s", s.port, STR(pub)), 0600);
    s.ssh_args = arena_printf(&a, "-o UserKnownHostsFile=%s -o GlobalKnownHostsFile=/dev/null", path);
    // it finds a key without a certificate
    expect_failure(&s, "Host key verification failed");
    s.password = STR_LIT("secret");
    expect_failure(&s, arena_printf(&a, "known by a certificate authority only (@cert-authority, %s line 2)", path));
    s.password = STR_NONE;
    // a key of its own beside it is enough
    struct str known;
    CHECK(fd_read_file(bed_get()->known, 65536, &a, &known, &e));
    bed_write(path, arena_printf(&a, "@cert-authority [127.0.0.*]:%d %.*s\n%.*s", s.port, STR(pub), STR(known)), 0600);
    struct hub *h = bed_hub();
    conn_close(open_ok(h, &s));
    hub_free(h);
    arena_release(&a);
}

TEST(ssh_algorithms_and_addresses) {
    static const char *const good[] = {
        "-o Ciphers=aes128-ctr -o KexAlgorithms=ecdh-sha2-nistp256 -o MACs=hmac-sha2-512",
        "-o AddressFamily=inet -o BindAddress=127.0.0.1 -o IdentitiesOnly=yes"};
    static const struct {
        const char *args, *why;
    } bad[] = {{"-o Ciphers=rot13", "Ciphers"},
               {"-o KexAlgorithms=none-such", "KexAlgorithms"},
               {"-o BindAddress=192.0.2.1", "BindAddress '192.0.2.1'"},
               {"-o AddressFamily=inet6", "cannot connect to host"}};
    struct arena a = {0};
    const char *base = bed_spec().ssh_args;
    for (size_t i = 0; i < COUNTOF(good); i++) {
        struct conn_spec s = bed_spec();
        struct hub *h = bed_hub();
        s.ssh_args = arena_printf(&a, "%s %s", base ? base : "", good[i]);
        conn_close(open_ok(h, &s));
        hub_free(h);
    }
    for (size_t i = 0; i < COUNTOF(bad); i++) {
        struct conn_spec s = bed_spec();
        s.ssh_args = arena_printf(&a, "%s %s", base ? base : "", bad[i].args);
        expect_failure(&s, bad[i].why);
    }
    arena_release(&a);
}

TEST(ssh_wrong_key_is_denied) {
    struct conn_spec s = bed_spec();
    s.key_file = bed_get()->other_key;
    expect_failure(&s, "permission denied for user");
    expect_failure(&s, s.key_file);
    s.key_file = "/nonexistent/key";
    expect_failure(&s, "key '/nonexistent/key' does not exist");
    s.key_file = bed_path("open_key");
    bed_write(s.key_file, "x", 0644);
    expect_failure(&s, "chmod 600");
    s.key_file = bed_path("locked");
    const char *const argv[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "phrase", "-f", s.key_file, NULL};
    CHECK(bed_run(argv) == 0);
    expect_failure(&s, "passphrase");
}

TEST(ssh_agent_and_encrypted_key) {
    struct conn_spec s = bed_spec();
    struct arena a = {0};
    char *sock = bed_path("agent.sock");
    char *ask = bed_path("ask");
    char *locked = bed_path("agent_key");
    bed_write(ask, "#!/bin/sh\necho phrase\n", 0700);
    const char *script =
        arena_printf(&a,
                     "cp '%s' '%s' && ssh-keygen -q -p -P '' -N phrase -f '%s' && ssh-agent -a '%s' > '%s.env' && "
                     "export SSH_AUTH_SOCK='%s' SSH_ASKPASS='%s' SSH_ASKPASS_REQUIRE=force && ssh-add '%s'",
                     s.key_file, locked, locked, sock, sock, sock, ask, locked);
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    CHECK(bed_run(argv) == 0);
    s.key_file = locked;
    expect_failure(&s, "needs a passphrase");
    (void)setenv("SSH_AUTH_SOCK", sock, 1);  // NOLINT(concurrency-mt-unsafe): no other thread runs
    struct hub *h = bed_hub();
    s.ssh_args = arena_printf(&a, "%s -o ForwardAgent=yes", s.ssh_args);
    struct conn *c = open_ok(h, &s);
    struct val args = val_dict(&a, 1);
    val_set(&a, args, "cmd", val_z(&a, "ssh-add -l"));
    for (uint32_t i = 0; i < 3; i++) {
        conn_submit(c, &(struct conn_request){.module = "raw", .args = args, .raw = true, .lane = i}, NULL);
    }
    for (int i = 0; i < 3; i++) {
        struct completion d = next_done(h);
        CHECK(d.kind == DONE_RESULT);
        if (str_find(val_text(val_get(d.result, "stdout")), 0, STR_LIT("(ED25519)")) == SIZE_MAX) {
            fail_msg("%.*s %.*s", STR(val_text(val_get(d.result, "stdout"))),
                     STR(val_text(val_get(d.result, "stderr"))));
        }
        completion_release(&d);
    }
    hub_free(h);
    (void)unsetenv("SSH_AUTH_SOCK");  // NOLINT(concurrency-mt-unsafe): no other thread runs
    const char *const stop[] = {"/bin/sh", "-c", arena_printf(&a, ". '%s.env' > /dev/null; kill $SSH_AGENT_PID", sock),
                                NULL};
    CHECK(bed_run(stop) == 0);
    arena_release(&a);
}

TEST(ssh_proxy_jump) {
    struct conn_spec s = bed_spec();
    struct arena a = {0};
    const char *const have[] = {"/bin/sh", "-c", "command -v ssh", NULL};
    if (bed_run(have) != 0) {
        skip();
    }
    char *path = bed_path("jump.conf");
    bed_write(path,
              arena_printf(&a,
                           "Host hop*\n  HostName 127.0.0.1\n  Port %d\n  HostKeyAlias [127.0.0.1]:%d\nHost *\n  User "
                           "%s\n  IdentityFile %s\n  UserKnownHostsFile %s\n",
                           s.port, s.port, login_name(&a), s.key_file, bed_get()->known),
              0600);
    s.config_file = path;
    s.ssh_args = arena_printf(&a, "-J 127.0.0.1:%d", s.port);
    struct hub *h = bed_hub();
    conn_close(open_ok(h, &s));
    s.ssh_args = arena_printf(&a, "-J %s@hop1,ssh://hop2,hop3:%d", login_name(&a), s.port);
    conn_close(open_ok(h, &s));
    hub_free(h);
    arena_release(&a);
}

TEST(ssh_refused_and_unresolvable) {
    struct conn_spec s = bed_spec();
    s.port = 1;
    expect_failure(&s, "Connection refused");
    s = bed_spec();
    s.ssh_args = "-b 192.0.2.77";
    expect_failure(&s, "BindAddress '192.0.2.77'");
    s = bed_spec();
    s.address = "no-such-host.invalid";
    expect_failure(&s, "cannot connect to host 'web1' (no-such-host.invalid");
}

TEST(ssh_silent_server_hits_the_deadline) {
    struct conn_spec s = bed_spec();
    s.port = bed_get()->silent_port;
    s.connect_timeout_ms = 400;
    int64_t t0 = clock_ms();
    expect_failure(&s, "no answer within");
    CHECK(clock_ms() - t0 >= 400 && clock_ms() - t0 < 3000);
}

TEST(ssh_free_while_dialling) {
    struct conn_spec s = bed_spec();
    s.port = bed_get()->silent_port;
    struct hub *h = bed_hub();
    for (int i = 0; i < 20; i++) {
        (void)conn_open(h, &s, NULL);
    }
    struct completion d;
    CHECK(!hub_wait(h, 100, &d));
    int64_t t0 = clock_ms();
    hub_free(h);
    CHECK(clock_ms() - t0 < 2000);
}

TEST(ssh_bad_arguments_are_named) {
    struct conn_spec s = bed_spec();
    s.ssh_args = "-o PermitLocalCommand=yes";
    struct hub *h = bed_hub();
    (void)conn_open(h, &s, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_ARGS && strstr(err_of(&d), "PermitLocalCommand"));
    completion_release(&d);
    s = bed_spec();
    s.address = "-oProxyCommand=touch /tmp/x";
    (void)conn_open(h, &s, NULL);
    d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_ARGS);
    completion_release(&d);
    hub_free(h);
}

TEST(ssh_config_file_with_proxy_command) {
    struct conn_spec s = bed_spec();
    struct arena a = {0};
    char *path = bed_path("config");
    bed_write(
        path,
        arena_printf(&a,
                     "Host other\n  Port 1\nHost alias !other\n  HostName 127.0.0.1\n  Port %d\n  IdentityFile %s\n"
                     "  UserKnownHostsFile \"%s\"\n  ProxyCommand nc %%h %%p\n",
                     s.port, s.key_file, bed_get()->known),
        0600);
    const char *const have_nc[] = {"/bin/sh", "-c", "command -v nc", NULL};
    if (bed_run(have_nc) != 0) {
        bed_write(path,
                  arena_printf(&a,
                               "Host alias\n HostName 127.0.0.1\n Port %d\n IdentityFile %s\n UserKnownHostsFile %s\n",
                               s.port, s.key_file, bed_get()->known),
                  0600);
    }
    struct conn_spec t = {.kind = "ssh", .host = "alias", .config_file = path};
    struct hub *h = bed_hub();
    conn_close(open_ok(h, &t));
    hub_free(h);
    bed_write(path, "Host *\n  ProxyCommand echo no route here >&2; exit 1\n", 0600);
    t.address = "127.0.0.1";
    expect_failure(&t, "no route here");
    arena_release(&a);
}

TEST(ssh_server_killed_in_mid_request) {
    struct conn_spec s = bed_spec();
    struct hub *h = bed_hub();
    struct conn *c = open_ok(h, &s);
    submit(c, "sleep", 60000, NULL);
    submit(c, "sleep", 60000, NULL);
    struct arena a = {0};
    struct val args = val_dict(&a, 1);
    // The parent of the remote's shell is the sshd of this session.
    val_set(&a, args, "cmd", val_z(&a, "kill -9 $PPID"));
    conn_submit(c, &(struct conn_request){.module = "raw", .args = args, .raw = true, .lane = 5}, NULL);
    for (int i = 0; i < 3; i++) {
        struct completion d = next_done(h);
        CHECK(d.kind == DONE_FAILED && d.err.code == ERR_UNREACHABLE);
        completion_release(&d);
    }
    submit(c, "ping", 0, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_UNREACHABLE);
    completion_release(&d);
    arena_release(&a);
    hub_free(h);
}

TEST(ssh_request_deadline_and_cancel) {
    struct conn_spec s = bed_spec();
    struct hub *h = bed_hub();
    struct conn *c = open_ok(h, &s);
    struct arena a = {0};
    struct val args = val_dict(&a, 1);
    val_set(&a, args, "ms", val_int(60000));
    conn_submit(c, &(struct conn_request){.module = "sleep", .args = args, .timeout_ms = 200}, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_TIMEOUT);
    completion_release(&d);
    uint64_t id = submit(c, "hang", 60000, NULL);
    CHECK(!hub_wait(h, 50, &d));
    conn_cancel(c, id);
    d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_SYS);
    completion_release(&d);
    submit(c, "ping", 0, NULL);  // a new process on the same session
    d = next_done(h);
    CHECK(d.kind == DONE_RESULT);
    completion_release(&d);
    arena_release(&a);
    hub_free(h);
}

TEST(ssh_twenty_at_once) {
    struct conn_spec s = bed_spec();
    struct hub *h = bed_hub();
    for (int i = 0; i < 20; i++) {
        struct conn *c = conn_open(h, &s, NULL);
        submit(c, "ping", i, NULL);
        submit(c, "ping", i, NULL);
    }
    size_t opened = 0;
    size_t results = 0;
    while (opened + results < 60) {
        struct completion d = next_done(h);
        if (d.kind == DONE_FAILED) {
            fail_msg("%s", err_of(&d));
        }
        opened += d.kind == DONE_OPEN;
        results += d.kind == DONE_RESULT;
        completion_release(&d);
    }
    CHECK(opened == 20 && results == 40);
    hub_free(h);
}

/// Waits for `want` results.
static void results(struct hub *h, size_t want) {
    for (size_t n = 0; n < want;) {
        struct completion d = next_done(h);
        if (d.kind == DONE_FAILED) {
            fail_msg("%s", err_of(&d));
        }
        n += d.kind == DONE_RESULT;
        completion_release(&d);
    }
}

TEST(ssh_more_hosts_than_sessions) {
    struct conn_spec s = bed_spec();
    struct err e = {0};
    struct hub *h = hub_new(&(struct hub_opts){.forks = 6, .remote_dir = bed_get()->dir, .sessions_max = 3}, &e);
    CHECK(h != NULL);
    struct conn *c[12];
    for (size_t i = 0; i < COUNTOF(c); i++) {
        c[i] = conn_open(h, &s, NULL);
        submit(c[i], "ping", 0, NULL);
    }
    results(h, COUNTOF(c));
    // those that were closed meanwhile are opened again, also when several requests come, and one may be cancelled
    for (size_t i = 0; i < COUNTOF(c); i++) {
        submit(c[i], "ping", 0, NULL);
        submit(c[i], "ping", 0, NULL);
    }
    results(h, 2 * COUNTOF(c));
    // a session with work is not closed: three are busy, the fourth waits until one of them is done
    int64_t t0 = clock_ms();
    for (size_t i = 0; i < 4; i++) {
        submit(c[i], "sleep", 400, NULL);
    }
    results(h, 4);
    CHECK(clock_ms() - t0 >= 800);
    for (size_t i = 0; i < COUNTOF(c); i++) {
        conn_close(c[i]);
    }
    hub_free(h);
}

TEST(ssh_raw_in_several_channels) {
    struct conn_spec s = bed_spec();
    s.lazy = true;
    struct hub *h = bed_hub();
    struct conn *c = conn_open(h, &s, NULL);
    struct arena a = {0};
    for (uint32_t i = 0; i < 12; i++) {
        struct val args = val_dict(&a, 1);
        val_set(&a, args, "cmd", val_printf(&a, "echo 'n %u' \"$HOME\"; exit %u", i, i));
        conn_submit(c, &(struct conn_request){.module = "raw", .args = args, .raw = true, .lane = i}, NULL);
    }
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_OPEN);
    completion_release(&d);
    int64_t sum = 0;
    for (int i = 0; i < 12; i++) {
        d = next_done(h);
        if (d.kind != DONE_RESULT) {
            fail_msg("%s", err_of(&d));
        }
        int64_t rc = 0;
        CHECK(val_as_int(val_get(d.result, "rc"), &rc));
        CHECK(str_starts(val_text(val_get(d.result, "stdout")), "n "));
        sum += rc;
        completion_release(&d);
    }
    CHECK(sum == 66);
    arena_release(&a);
    hub_free(h);
}

TEST(ssh_keepalive_pings_are_answered) {
    struct conn_spec s = bed_spec();
    struct hub *h = bed_hub_keepalive(50);
    struct conn *c = open_ok(h, &s);
    struct completion d;
    CHECK(!hub_wait(h, 600, &d));
    submit(c, "ping", 0, NULL);
    d = next_done(h);
    CHECK(d.kind == DONE_RESULT);
    completion_release(&d);
    hub_free(h);
}

TEST(ssh_stopped_remote_is_noticed) {
    struct conn_spec s = bed_spec();
    struct hub *h = bed_hub_keepalive(100);
    struct conn *c = open_ok(h, &s);
    submit(c, "ping", 0, NULL);
    struct completion d = next_done(h);
    int64_t pid = 0;
    CHECK(val_as_int(val_get(d.result, "pid"), &pid) && pid > 1);
    completion_release(&d);
    kill((pid_t)pid, SIGSTOP);
    submit(c, "ping", 0, NULL);
    d = next_done(h);
    kill((pid_t)pid, SIGKILL);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_UNREACHABLE && strstr(err_of(&d), "has not answered"));
    completion_release(&d);
    hub_free(h);
}

TEST(ssh_remote_tmp_and_bad_places) {
    struct conn_spec s = bed_spec();
    struct hub *h = bed_hub();
    s.remote_tmp = bed_path("rtmp");
    conn_close(open_ok(h, &s));
    struct arena a = {0};
    struct stat st;
    CHECK(stat(arena_printf(&a, "%s/.play-%u", s.remote_tmp, (unsigned)getuid()), &st) == 0);
    s.remote_tmp = "/proc/nowhere";  // falls back to the home directory
    conn_close(open_ok(h, &s));
    s.remote_tmp = "/tmp/\"; touch /tmp/evil; \"";
    (void)conn_open(h, &s, NULL);
    struct completion d = next_done(h);
    CHECK(d.kind == DONE_FAILED && d.err.code == ERR_ARGS && strstr(err_of(&d), "remote_tmp"));
    completion_release(&d);
    arena_release(&a);
    hub_free(h);
}
