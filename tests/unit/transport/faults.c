// A server that misbehaves, at every stage of a connection: each fault has its own message, nothing hangs, nothing
// grows without end. The server is libssh's, in a thread of the test, and plays one part each time.
#include "bed.h"

#include "fd.h"
#include "frame.h"
#include "msg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct server;
typedef void part(struct server *s);
struct server {
    pthread_t thread;
    int listener, port;
    int stop[2];  // a pipe: closed by the test at its end
    part *play;   // what it does with a connection
    bool raw;     // `play` gets the socket, without ssh
    int fd;
    ssh_session session;
    ssh_channel channel;
    const char *nonce, *host_key;
    struct arena arena;
};

static void wait_for_the_end(struct server *s) {
    char c = 0;
    while (read(s->stop[0], &c, 1) < 0 && errno == EINTR) {
    }
}

static void say(struct server *s, const void *p, size_t n) {
    (void)ssh_channel_write(s->channel, p, (uint32_t)n);
}

static void say_ok(struct server *s) {
    const char *line = arena_printf(&s->arena, "%s ok /nowhere/play-remote\n", s->nonce);
    say(s, line, strlen(line));
}

static void say_frame(struct server *s, enum frame_kind kind, uint32_t id, struct val v) {
    struct buf body = {0};
    struct buf out = {0};
    msg_encode(&body, v);
    frame_write(&out, kind, id, buf_view(&body));
    say(s, out.p, out.n);
    buf_release(&body);
    buf_release(&out);
}

static void say_hello(struct server *s, int64_t version) {
    struct val d = val_dict(&s->arena, 8);
    val_set(&s->arena, d, "version", val_int(version));
    val_set(&s->arena, d, "system", val_z(&s->arena, "Linux"));
    say_ok(s);
    say_frame(s, FRAME_HELLO, 0, d);
}

/// The word after "p=" of the start text.
static const char *nonce_of(struct server *s, const char *command) {
    const char *p = strstr(command, "PLAY-");
    return p ? arena_strndup(&s->arena, p, strcspn(p, "; ")) : "";
}

/// The state is told by this call alone, which is called deprecated in favour of callbacks.
static int publickey_state(ssh_message m) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    return ssh_message_auth_publickey_state(m);
#pragma GCC diagnostic pop
}

/// Answers what a client asks for until it runs a command.
static bool until_exec(struct server *s) {
    ssh_message m;
    while ((m = ssh_message_get(s->session)) != NULL) {
        int type = ssh_message_type(m);
        int sub = ssh_message_subtype(m);
        bool exec = false;
        if (type == SSH_REQUEST_AUTH && sub == SSH_AUTH_METHOD_PUBLICKEY) {
            if (publickey_state(m) == SSH_PUBLICKEY_STATE_NONE) {
                (void)ssh_message_auth_reply_pk_ok_simple(m);
            } else {
                (void)ssh_message_auth_reply_success(m, 0);
            }
        } else if (type == SSH_REQUEST_CHANNEL_OPEN) {
            s->channel = ssh_message_channel_request_open_reply_accept(m);
        } else if (type == SSH_REQUEST_CHANNEL && sub == SSH_CHANNEL_REQUEST_EXEC) {
            s->nonce = nonce_of(s, ssh_message_channel_request_command(m));
            (void)ssh_message_channel_request_reply_success(m);
            exec = true;
        } else {
            (void)ssh_message_reply_default(m);
        }
        ssh_message_free(m);
        if (exec) {
            return true;
        }
    }
    return false;
}

static void serve_ssh(struct server *s) {
    ssh_bind bind = ssh_bind_new();
    s->session = ssh_new();
    (void)ssh_bind_options_set(bind, SSH_BIND_OPTIONS_HOSTKEY, s->host_key);
    if (ssh_bind_accept_fd(bind, s->session, s->fd) == SSH_OK && ssh_handle_key_exchange(s->session) == SSH_OK) {
        ssh_set_auth_methods(s->session, SSH_AUTH_METHOD_PUBLICKEY);
        s->play(s);
    }
    ssh_disconnect(s->session);
    ssh_free(s->session);
    ssh_bind_free(bind);
}

static void *server_main(void *arg) {
    struct server *s = arg;
    s->fd = accept(s->listener, NULL, NULL);
    if (s->fd >= 0) {
        if (s->raw) {
            s->play(s);
            close(s->fd);
        } else {
            serve_ssh(s);
        }
    }
    return NULL;
}

static void server_start(struct server *s, part *play, bool raw) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof sa;
    *s = (struct server){.play = play, .raw = raw, .nonce = "", .host_key = bed_path("host_key")};
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(s->listener, (struct sockaddr *)&sa, n) == 0 && listen(s->listener, 4) == 0);
    CHECK(getsockname(s->listener, (struct sockaddr *)&sa, &n) == 0 && pipe(s->stop) == 0);
    s->port = ntohs(sa.sin_port);
    CHECK(pthread_create(&s->thread, NULL, server_main, s) == 0);
}

static void server_end(struct server *s) {
    close(s->stop[1]);
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
    close(s->stop[0]);
    arena_release(&s->arena);
}

static long peak_kib(void) {
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? u.ru_maxrss : 0;
}

#ifdef SANITIZED
#define FLOOD ((size_t)8 << 20)
#else
#define FLOOD ((size_t)256 << 20)
#endif
#define MUST_END_MS 60000  // on a busy machine; nothing may hang
#define GROWTH_KIB  (120L << 10)

/// What a fault is met with besides a plain request.
struct besides {
    const char *ssh_args;
    bool raw;  // a second request, over a channel of its own
};

/// Connects to a server that plays this part, sends it a request and expects a failure with one of the texts.
static void fault_with(part *play, bool raw, const struct besides *b, const char *want, const char *or_want) {
    struct conn_spec spec = bed_spec();
    struct server s;
    server_start(&s, play, raw);
    spec.port = s.port;
    spec.host_key = HOST_KEY_OFF;
    spec.connect_timeout_ms = 1500;
    spec.ssh_args = b->ssh_args ? b->ssh_args : spec.ssh_args;
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct hub *h = hub_new(
        &(struct hub_opts){.forks = 2, .remote_dir = bed_get()->dir, .keepalive_ms = 300, .start_ms = 1000}, &e);
    CHECK(h != NULL);
    long before = peak_kib();
    int64_t t0 = clock_ms();
    struct conn *c = conn_open(h, &spec, NULL);
    uint64_t id = submit(c, "ping", 0, NULL);
    if (b->raw) {
        struct val args = val_dict(&a, 1);
        val_set(&a, args, "cmd", val_z(&a, "true"));
        (void)conn_submit(c, &(struct conn_request){.module = "raw", .args = args, .raw = true, .lane = 77}, NULL);
    }
    char wrong[512] = "";  // said when the server, which is on this stack, has ended
    for (bool mine = false; !mine;) {
        struct completion d = next_done(h);
        mine = d.id == id && d.kind != DONE_LOG;
        if (mine && d.kind != DONE_FAILED) {
            (void)snprintf(wrong, sizeof wrong, "expected a failure with '%s'", want);
        } else if (mine && !strstr(err_of(&d), want) && !(or_want && strstr(err_of(&d), or_want))) {
            (void)snprintf(wrong, sizeof wrong, "expected '%s' in: %s", want, err_of(&d));
        }
        completion_release(&d);
    }
    int64_t took = clock_ms() - t0;
    long grown = peak_kib() - before;
    if (!wrong[0] && (took > MUST_END_MS || grown > GROWTH_KIB)) {
        (void)snprintf(wrong, sizeof wrong, "took %lld ms, memory grew by %ld KiB", (long long)took, grown);
    }
    close(s.stop[1]);
    s.stop[1] = -1;
    hub_free(h);
    server_end(&s);
    arena_release(&a);
    if (wrong[0]) {
        fail_msg("%s", wrong);
    }
}

static void fault(part *play, bool raw, const char *want, const char *or_want) {
    fault_with(play, raw, &(struct besides){0}, want, or_want);
}

// -- before ssh ------------------------------------------------------------------------------------------------------
static void part_nothing(struct server *s) {
    wait_for_the_end(s);
}
static void part_close(struct server *s) {
    (void)s;
}
static void part_reset(struct server *s) {
    struct linger l = {.l_onoff = 1};
    (void)send(s->fd, "SSH-2.0-x\r\n", 11, MSG_NOSIGNAL);
    (void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
}
static void part_banner_only(struct server *s) {
    (void)send(s->fd, "SSH-2.0-x\r\n", 11, MSG_NOSIGNAL);
    wait_for_the_end(s);
}
static void part_http(struct server *s) {
    static const char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    (void)send(s->fd, text, sizeof text - 1, MSG_NOSIGNAL);
}
static void part_endless_line(struct server *s) {
    char junk[65536];
    memset(junk, 'x', sizeof junk);
    for (int i = 0; i < 16384 && send(s->fd, junk, sizeof junk, MSG_NOSIGNAL) > 0; i++) {
    }
}
static void part_broken_packets(struct server *s) {
    unsigned char junk[4096];
    (void)send(s->fd, "SSH-2.0-x\r\n", 11, MSG_NOSIGNAL);
    memset(junk, 0xff, sizeof junk);
    for (int i = 0; i < 1024 && send(s->fd, junk, sizeof junk, MSG_NOSIGNAL) > 0; i++) {
    }
}

TEST(faults_before_ssh) {
    fault(part_nothing, true, ": connected, but nothing was said", NULL);
    fault(part_close, true, "it closed the connection before it said anything", "nothing was said");
    fault(part_reset, true, "cannot connect", NULL);
    fault(part_banner_only, true, "no answer within", NULL);
    fault(part_http, true, "does not speak SSH: it begins with 'HTTP/1.1 400 Bad Request'", NULL);
    fault(part_endless_line, true, "does not speak SSH: it begins with 'xxxxxx", NULL);
    fault(part_broken_packets, true, "cannot connect", NULL);
}

// -- authentication and channels -------------------------------------------------------------------------------------
static void part_closed_auth(struct server *s) {
    ssh_message m = ssh_message_get(s->session);
    ssh_message_free(m);
}
static void part_silent_channel(struct server *s) {
    for (int i = 0; i < 3; i++) {
        ssh_message m = ssh_message_get(s->session);
        if (m && ssh_message_type(m) == SSH_REQUEST_AUTH && publickey_state(m) == SSH_PUBLICKEY_STATE_NONE) {
            (void)ssh_message_auth_reply_pk_ok_simple(m);
        } else if (m && ssh_message_type(m) == SSH_REQUEST_AUTH) {
            (void)ssh_message_auth_reply_success(m, 0);
            ssh_message_free(m);
            break;
        } else if (m) {
            (void)ssh_message_reply_default(m);
        }
        ssh_message_free(m);
    }
    wait_for_the_end(s);
}

TEST(faults_while_logging_in) {
    fault(part_closed_auth, false, "closed the connection during authentication", "during authentication");
    fault(part_silent_channel, false, "did not start in time", NULL);
}

// -- the start of play-remote ----------------------------------------------------------------------------------------
static void part_silent_exec(struct server *s) {
    if (until_exec(s)) {
        wait_for_the_end(s);
    }
}
static void part_exit(struct server *s) {
    if (until_exec(s)) {
        (void)ssh_channel_request_send_exit_status(s->channel, 7);
        (void)ssh_channel_send_eof(s->channel);
        (void)ssh_channel_close(s->channel);
        wait_for_the_end(s);
    }
}
static void part_speaks(struct server *s) {
    static const char text[] = "This account is \xff\xfe\x80 \x1b[31mnot available\x1b[0m\r\n";
    if (until_exec(s)) {
        (void)ssh_channel_write_stderr(s->channel, text, sizeof text - 1);
        (void)ssh_channel_request_send_exit_status(s->channel, 1);
        (void)ssh_channel_close(s->channel);
        wait_for_the_end(s);
    }
}
/// Output until the client takes no more; true while it does.
static bool flood(struct server *s, bool err, char byte, size_t total) {
    char junk[32768];
    memset(junk, byte, sizeof junk);
    for (size_t n = 0; n < total; n += sizeof junk) {
        int put = err ? ssh_channel_write_stderr(s->channel, junk, sizeof junk)
                      : ssh_channel_write(s->channel, junk, sizeof junk);
        if (put <= 0) {
            return false;
        }
    }
    return true;
}
static void part_endless_stdout(struct server *s) {
    if (until_exec(s) && flood(s, false, 'a', FLOOD)) {
        (void)ssh_channel_close(s->channel);
        wait_for_the_end(s);
    }
}
static void part_endless_stderr(struct server *s) {
    if (until_exec(s) && flood(s, true, '\n', FLOOD)) {
        (void)ssh_channel_close(s->channel);
        wait_for_the_end(s);
    }
}
/// As nologin: why there is no shell stands on standard output.
static void part_says_why(struct server *s) {
    if (until_exec(s)) {
        say(s, "Welcome\nThis account is closed", 30);
        ssh_channel_request_send_exit_status(s->channel, 1);
        (void)ssh_channel_close(s->channel);
        wait_for_the_end(s);
    }
}
static void part_ok_then_nothing(struct server *s) {
    if (until_exec(s)) {
        say_ok(s);
        wait_for_the_end(s);
    }
}
static void part_ok_then_text(struct server *s) {
    if (until_exec(s)) {
        say_ok(s);
        say(s, "Segmentation fault\n", 19);
        wait_for_the_end(s);
    }
}
static void part_other_version(struct server *s) {
    if (until_exec(s)) {
        say_hello(s, 99);
        wait_for_the_end(s);
    }
}

TEST(faults_at_the_start) {
    fault(part_silent_exec, false, "did not start in time", NULL);
    fault(part_exit, false, "exit status 7", NULL);
    fault(part_speaks, false, "not available", NULL);
    fault(part_endless_stdout, false, "play-remote", NULL);
    fault(part_endless_stderr, false, "play-remote", NULL);
    fault(part_says_why, false, "(exit status 1): Welcome This account is closed", NULL);
    fault(part_ok_then_nothing, false, "did not start in time", NULL);
    fault(part_ok_then_text, false, "does not keep the protocol", NULL);
    fault(part_other_version, false, "expected protocol version", NULL);
}

// -- requests --------------------------------------------------------------------------------------------------------
static bool until_ready(struct server *s) {
    if (!until_exec(s)) {
        return false;
    }
    say_hello(s, WIRE_VERSION);
    char in[4096];
    return ssh_channel_read_timeout(s->channel, in, sizeof in, 0, 5000) > 0;
}
static void part_frame_too_long(struct server *s) {
    static const char head[9] = "\x7f\xff\xff\xff\x03\0\0\0\1";
    if (until_ready(s)) {
        say(s, head, sizeof head);
        wait_for_the_end(s);
    }
}
static void part_unknown_kind(struct server *s) {
    static const char head[9] = "\0\0\0\0\x63\0\0\0\1";
    if (until_ready(s)) {
        say(s, head, sizeof head);
        wait_for_the_end(s);
    }
}
static void part_broken_body(struct server *s) {
    static const char frame[] = "\0\0\0\4\x03\0\0\0\1\xff\xff\xff\xff";
    if (until_ready(s)) {
        say(s, frame, sizeof frame - 1);
        wait_for_the_end(s);
    }
}
static void part_not_a_dict(struct server *s) {
    if (until_ready(s)) {
        say_frame(s, FRAME_RESULT, 1, val_int(5));
        wait_for_the_end(s);
    }
}
static void part_other_id_then_end(struct server *s) {
    if (until_ready(s)) {
        say_frame(s, FRAME_RESULT, 4711, val_dict(&s->arena, 0));  // nobody asked: passed over
        say_frame(s, FRAME_LOG, 4712, VNULL);
        (void)ssh_channel_request_send_exit_status(s->channel, 3);
        (void)ssh_channel_close(s->channel);
        wait_for_the_end(s);
    }
}
static void part_never_answers(struct server *s) {
    if (until_ready(s)) {
        wait_for_the_end(s);
    }
}
static void part_eof_only(struct server *s) {
    if (until_ready(s)) {
        (void)ssh_channel_send_eof(s->channel);
        wait_for_the_end(s);
    }
}
static void part_dies(struct server *s) {
    if (until_ready(s)) {
        shutdown(s->fd, SHUT_RDWR);
    }
}
static void part_log_flood(struct server *s) {
    if (!until_ready(s)) {
        return;
    }
    char *text = arena_alloc(&s->arena, 1 << 20);
    memset(text, 'l', 1 << 20);
    for (size_t n = 0; n < FLOOD; n += 1 << 20) {  // nobody wants logs
        struct buf out = {0};
        frame_write(&out, FRAME_LOG, 1, (struct str){text, 1 << 20});
        say(s, out.p, out.n);
        buf_release(&out);
    }
    (void)ssh_channel_close(s->channel);
    wait_for_the_end(s);
}

TEST(faults_in_requests) {
    fault(part_frame_too_long, false, "does not keep the protocol", NULL);
    fault(part_unknown_kind, false, "does not keep the protocol", NULL);
    fault(part_broken_body, false, "does not keep the protocol", NULL);
    fault(part_not_a_dict, false, "does not keep the protocol", NULL);
    fault(part_other_id_then_end, false, "exit status 3", "ended");
    fault(part_never_answers, false, "has not answered", NULL);
    fault(part_eof_only, false, "has not answered", "ended");
    fault(part_dies, false, "was lost", NULL);
    fault(part_log_flood, false, "play-remote", NULL);
}

// -- the server disconnects ------------------------------------------------------------------------------------------
// serve_ssh says SSH_MSG_DISCONNECT when a part returns. libssh goes on answering "again" once it has taken that, so
// each stage must find out by itself; none of these may end by its deadline.

/// Before keys were exchanged: a packet that is not encrypted.
static void part_disconnects_early(struct server *s) {
    static const unsigned char packet[] = "SSH-2.0-x\r\n"
                                          "\0\0\0\x1c\x0b\1\0\0\0\2\0\0\0\3bye\0\0\0\0"
                                          "\0\0\0\0\0\0\0\0\0\0\0";
    (void)send(s->fd, packet, sizeof packet - 1, MSG_NOSIGNAL);
    wait_for_the_end(s);
}

/// Answers until something of this kind comes, which stays without an answer; false: the client went away.
static bool until(struct server *s, int type, int subtype, int nth) {
    ssh_message m;
    while ((m = ssh_message_get(s->session)) != NULL) {
        bool it = ssh_message_type(m) == type && (subtype < 0 || ssh_message_subtype(m) == subtype) && --nth == 0;
        if (!it && ssh_message_type(m) == SSH_REQUEST_AUTH && publickey_state(m) == SSH_PUBLICKEY_STATE_NONE) {
            (void)ssh_message_auth_reply_pk_ok_simple(m);
        } else if (!it && ssh_message_type(m) == SSH_REQUEST_AUTH) {
            (void)ssh_message_auth_reply_success(m, 0);
        } else if (!it && ssh_message_type(m) == SSH_REQUEST_CHANNEL_OPEN) {
            s->channel = ssh_message_channel_request_open_reply_accept(m);
        } else if (!it) {
            (void)ssh_message_reply_default(m);
        }
        ssh_message_free(m);
        if (it) {
            return true;
        }
    }
    return false;
}
static void part_disconnects_service(struct server *s) {
    (void)until(s, SSH_REQUEST_SERVICE, -1, 1);
}
static void part_disconnects_signature(struct server *s) {
    (void)until(s, SSH_REQUEST_AUTH, SSH_AUTH_METHOD_PUBLICKEY, 1);
}
static void part_disconnects_channel(struct server *s) {
    (void)until(s, SSH_REQUEST_CHANNEL_OPEN, -1, 1);
}
static void part_disconnects_second_channel(struct server *s) {
    (void)until(s, SSH_REQUEST_CHANNEL_OPEN, -1, 2);
}
static void part_disconnects_exec(struct server *s) {
    (void)until(s, SSH_REQUEST_CHANNEL, SSH_CHANNEL_REQUEST_EXEC, 1);
}
static void part_disconnects_start(struct server *s) {
    (void)until_exec(s);
}
static void part_disconnects_hello(struct server *s) {
    if (until_exec(s)) {
        say_ok(s);
    }
}
/// play-remote is being written.
static void part_disconnects_upload(struct server *s) {
    char in[8192];
    if (until_exec(s)) {
        const char *line = arena_printf(&s->arena, "%s need x86_64\n", s->nonce);
        say(s, line, strlen(line));
        (void)ssh_channel_read_timeout(s->channel, in, sizeof in, 0, 5000);
    }
}
static void part_disconnects_request(struct server *s) {
    (void)until_ready(s);
}
/// The host asks for the agent and goes away while that channel is open.
static void part_disconnects_agent(struct server *s) {
    ssh_channel agent = until_ready(s) ? ssh_channel_new(s->session) : NULL;
    if (agent) {
        (void)ssh_channel_open_auth_agent(agent);
        (void)ssh_channel_write(agent, "\0\0\0\1\x0b", 5);
    }
}

/// Where an agent would listen; it never answers.
static int silent_agent(const char *path) {
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(sa.sun_path, path, strlen(path) + 1);
    CHECK(strlen(path) < sizeof sa.sun_path);
    CHECK(bind(fd, (struct sockaddr *)&sa, sizeof sa) == 0 && listen(fd, 8) == 0);
    return fd;
}

TEST(faults_disconnects) {
    fault(part_disconnects_early, true, "cannot connect", NULL);
    fault(part_disconnects_service, false, "closed the connection during authentication", NULL);
    fault(part_disconnects_signature, false, "closed the connection during authentication", NULL);
    fault(part_disconnects_channel, false, "was lost", NULL);
    fault(part_disconnects_exec, false, "was lost", NULL);
    fault(part_disconnects_start, false, "was lost", NULL);
    fault(part_disconnects_hello, false, "was lost", NULL);
    fault(part_disconnects_upload, false, "was lost", NULL);
    fault(part_disconnects_request, false, "was lost", NULL);
    fault_with(part_disconnects_second_channel, false, &(struct besides){.raw = true}, "was lost", NULL);
    char *path = bed_path("silent_agent");
    int fd = silent_agent(path);
    char args[256];
    (void)snprintf(args, sizeof args, "-o ForwardAgent=%s", path);
    fault_with(part_disconnects_agent, false, &(struct besides){.ssh_args = args}, "was lost", NULL);
    close(fd);
}
