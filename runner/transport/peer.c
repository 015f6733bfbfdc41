// Peers: start, frames in and out, raw output. What a request means is not known here.
#include "peer.h"

#include "fd.h"
#include "frame.h"
#include "msg.h"

#include <errno.h>
#include <strings.h>
#include <sys/utsname.h>

#define ERRS_MAX            ((size_t)32 << 10)
#define RAW_MAX             ((size_t)64 << 20)
#define REOPENS_BEFORE_IDLE 3  // then processes that have nothing to do are ended: MaxSessions may be low
#define REOPENS             20
#define REOPEN_MS           50
#define LOG_MAX             ((size_t)64 << 20)
#define IN_KEEP             ((size_t)2 << 10)  // buffers above are given back when empty

struct conn *peer_conn(const struct peer *p) {
    return p->conn;
}

// -- starting --------------------------------------------------------------------------------------------------------
static int64_t start_deadline(const struct conn *c) {
    int64_t t = c->spec.connect_timeout_ms > 0 ? c->spec.connect_timeout_ms : 10000;
    return clock_ms() + t + c->hub->start_ms;
}

static void arm(struct peer *p) {
    p->deadline_ms = start_deadline(p->conn);
    shard_alarm(p->conn->shard, p->deadline_ms);
}

static const char *own_path(struct hub *h) {
    struct utsname u;
    if (uname(&u) != 0) {
        return NULL;
    }
    const struct payload *p = payload_for(&h->payloads, str_from(u.machine));
    return p ? p->path : NULL;
}

static bool payload_missing(const struct hub *h, struct err *e) {
    return err_set(e, ERR_NOT_FOUND, NO_MARK, "there is no play-remote executable in '%s'", h->payloads.dir);
}

/// The raw command as sh text behind a line that says that become succeeded.
static const char *raw_script(struct peer *p, const char *const *argv) {
    return arena_printf(&p->secrets, "echo \"%s ok -\"; exec %s", p->start.nonce, shell_join(&p->secrets, argv));
}

/// play-remote where it can be run to give doas a terminal.
static bool find_terminal(struct peer *p, const struct req *r, struct err *e) {
    const struct conn *c = p->conn;
    if (!r || !become_wants_terminal(&r->become)) {
        return true;
    }
    p->start.terminal = c->local ? own_path(c->hub) : c->remote_path;
    return p->start.terminal || payload_missing(c->hub, e);
}

/// What to run: argv for a child, or for the login shell of an ssh session.
static bool command(struct peer *p, const struct req *r, const char *const **argv, struct err *e) {
    struct conn *c = p->conn;
    struct arena *a = &p->secrets;
    const char *script = NULL;
    const char **v = ARENA_ARRAY(a, const char *, 4);
    *argv = v;
    if (!find_terminal(p, r, e)) {
        return false;
    }
    if (p->raw) {
        const char *usual = c->spec.executable ? c->spec.executable : "/bin/sh";
        v[0] = p->raw->shell ? p->raw->shell : usual;
        v[1] = "-c";
        v[2] = str_z(a, p->raw->command);
        if (!p->start.method) {
            p->state = PEER_RAW;
            return true;
        }
        script = raw_script(p, v);
    } else {
        const char *local = c->local ? own_path(c->hub) : NULL;
        if (c->local ? !local : !c->hub->payloads.p[0].machine && !c->hub->payloads.p[1].machine) {
            return payload_missing(c->hub, e);
        }
        if (c->local && !p->start.method) {
            v[0] = local;
            p->state = PEER_HELLO;
            return true;
        }
        const char *unreadable = shard_payloads(c->shard);
        if (unreadable) {
            return err_set(e, ERR_SYS, NO_MARK, "%s", unreadable);
        }
        p->start.remote_tmp = c->spec.remote_tmp;
        p->start.copy = c->local ? local : c->remote_path;
        p->start.direct = c->local;
        if (!start_script(a, &p->start, &script, e)) {
            return false;
        }
    }
    if (p->start.method) {
        return become_argv(a, &r->become, &p->start, script, argv, e);
    }
    v[0] = "/bin/sh";
    v[1] = "-c";
    v[2] = script;
    return true;
}

/// The words of the connection before those of the command.
static const char *const *behind(struct peer *p, const char *const *argv) {
    const struct conn_spec *s = &p->conn->spec;
    struct arena *a = &p->secrets;
    size_t n = 0;
    size_t m = 0;
    if (!s->prefix) {
        return argv;
    }
    while (s->prefix[n]) {
        n++;
    }
    while (argv[m]) {
        m++;
    }
    const char **all = ARENA_ARRAY(a, const char *, n + m + 1);
    memcpy(all, s->prefix, n * sizeof *all);
    if (s->joined) {
        all[n] = shell_join(a, argv);
    } else {
        memcpy(all + n, argv, m * sizeof *all);
    }
    return all;
}

static bool is_name(const char *assignment) {
    size_t n = strspn(assignment, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return n && assignment[n] == '=' && !(assignment[0] >= '0' && assignment[0] <= '9');
}

/// Sets the variables of SendEnv and SetEnv. libssh would wait for an answer to each, so the shell that is started sets
/// them, or `env` where there is none or a name is not one for a shell.
static const char *const *with_env(struct peer *p, const char *const *argv) {
    struct ssh_names all = {0};
    struct arena *a = &p->secrets;
    const char *const *env = p->conn->env;
    if (!env) {
        return argv;
    }
    bool names = true;
    for (size_t i = 0; env[i]; i++) {
        names = names && is_name(env[i]);
    }
    if (names && strcmp(argv[0], "/bin/sh") == 0 && argv[1] && strcmp(argv[1], "-c") == 0 && argv[2] && !argv[3]) {
        struct buf script = BUF_IN(a);
        for (; *env; env++) {
            buf_z(&script, "export ");
            shell_quote(&script, *env);
            buf_z(&script, "; ");
        }
        buf_z(&script, argv[2]);
        names_push(a, &all, argv[0]);
        names_push(a, &all, argv[1]);
        names_push(a, &all, str_z(a, buf_view(&script)));
    } else {
        names_push(a, &all, "env");
        for (; *env; env++) {
            names_push(a, &all, *env);
        }
        for (; *argv; argv++) {
            names_push(a, &all, *argv);
        }
    }
    names_push(a, &all, NULL);
    return all.p;
}

/// A program of the connection that cannot be run is the host's failure.
static bool unreachable(const struct peer *p, struct err *e) {
    if (p->conn->spec.prefix) {
        const char *why = arena_printf(e->arena, "%.*s", STR(err_text(e)));
        (void)err_set(e, ERR_UNREACHABLE, NO_MARK, "cannot connect to host '%s' by '%s': %s", p->conn->spec.host,
                      p->conn->spec.kind, why);
    }
    return false;
}

static bool launch(struct peer *p, const struct req *r, struct err *e) {
    struct shard *s = p->conn->shard;
    const char *const *argv = NULL;
    if (p->conn->spec.socket >= 0) {
        int fd = p->conn->spec.socket;
        p->conn->spec.socket = -1;
        p->state = PEER_HELLO;
        stream_socket(&p->stream, s, fd, p);
        return true;
    }
    if (!command(p, r, &argv, e)) {
        return false;
    }
    if (p->conn->child) {
        argv = behind(p, argv);
        if (!stream_child(&p->stream, s, argv, p->conn->spec.dir, p, e)) {
            return unreachable(p, e);
        }
        if (p->state == PEER_RAW) {
            stream_eof(&p->stream);
        }
        return true;
    }
    stream_ssh(&p->stream, s, p->conn->session, shell_join(&p->secrets, with_env(p, argv)));
    p->stream.lend_agent = p->conn->agent_path != NULL;
    return true;
}

struct peer *peer_new(struct conn *c, struct req *r, struct err *e) {
    struct arena a = {0};
    struct peer *p = ARENA_NEW(&a, struct peer);
    p->arena = a;
    p->secrets.secret = true;
    p->conn = c;
    bool raw = r && r->raw;
    p->key = raw ? NULL : arena_strndup(&p->arena, r ? r->peer_key : "", r ? strlen(r->peer_key) : 0);
    p->errs.max = raw ? RAW_MAX : 0;
    p->in.max = raw ? RAW_MAX : 0;
    p->start = (struct start){
        .host = c->spec.host, .nonce = start_nonce(&p->arena), .payloads = &c->hub->payloads, .verify = c->restarted};
    p->start.by = c->spec.prefix ? c->spec.kind : NULL;
    if (r && r->become.method) {
        p->start.method = arena_strndup(&p->arena, r->become.method, strlen(r->become.method));
        p->start.user = arena_strndup(&p->arena, r->become.user, strlen(r->become.user));
        p->start.has_password = r->become.password.s != NULL;
        if (p->start.has_password) {
            p->password = str_dup(&p->secrets, r->become.password);
        }
    }
    p->raw = raw ? r : NULL;
    p->stream.in.fd = p->stream.out.fd = p->stream.err.fd = -1;
    p->next = c->peers;
    c->peers = p;
    arm(p);
    if (!launch(p, r, e)) {
        peer_close(p, 0);
        return NULL;
    }
    return p;
}

// -- ending ----------------------------------------------------------------------------------------------------------
void peer_close(struct peer *p, int64_t grace_ms) {
    struct conn *c = p->conn;
    if (grace_ms > 0 && p->state == PEER_READY && p->out.n == 0) {
        struct buf bye = {0};
        frame_write(&bye, FRAME_BYE, 0, STR_NONE);
        (void)stream_write(&p->stream, bye.p, bye.n);
        buf_release(&bye);
    }
    stream_close(&p->stream, grace_ms);
    struct peer **slot = &c->peers;
    while (*slot != p) {
        slot = &(*slot)->next;
    }
    *slot = p->next;
    p->state = PEER_GONE;
    p->conn = NULL;
    p->next = c->shard->gone;
    c->shard->gone = p;
}

void peer_fail(struct peer *p, const struct err *why) {
    struct conn *c = p->conn;
    struct arena tmp = {0};
    struct err e = err_copy(&tmp, why);
    bool login = p->key && !*p->key;
    bool starting = p->state == PEER_START || p->state == PEER_HELLO;
    peer_close(p, 0);
    for (struct req *r = c->reqs, *next; r; r = next) {
        next = r->next;
        if (r->peer == p || (login && r->for_path && !c->remote_path)) {
            conn_fail_req(r, &e);
        }
    }
    if (login && starting && !c->opened) {
        struct done *d = done_new(DONE_FAILED, c->tag, 0);
        d->c.err = err_copy(&d->c.arena, &e);
        conn_tell_open(c, d);
        c->broken = err_copy(&c->arena, &e);
    }
    c->redispatch = true;
    arena_release(&tmp);
}

void peers_bury(struct shard *s) {
    while (s->gone) {
        struct peer *p = s->gone;
        s->gone = p->next;
        peer_forget(p, &s->hub->blobs);
        if (p->out.p) {
            explicit_bzero(p->out.p, p->out.cap);
        }
        buf_release(&p->in);
        buf_release(&p->out);
        buf_release(&p->errs);
        buf_release(&p->start.bad);
        buf_release(&p->start.noise);
        arena_release(&p->secrets);
        struct arena a = p->arena;
        arena_release(&a);
    }
}

/// play-remote was found in the cache and ended before it said hello: another run has tidied it up, or its file is not
/// what was stored. What was sent to it was never run, so it is started again, once, and its file is checked first.
/// false: this is not the case, or not for the first time.
static bool start_again(struct peer *p) {
    struct conn *c = p->conn;
    bool cached = p->state == PEER_HELLO && p->start.path.n && !p->start.need && !p->start.direct;
    if (!cached || c->restarted || !p->key) {
        return false;
    }
    bool login = !*p->key;
    c->restarted = true;
    c->remote_path = login ? NULL : c->remote_path;
    for (struct req *r = c->reqs; r; r = r->next) {
        if (r->peer == p) {
            r->peer = NULL;
            r->state = REQ_HELD;
            r->blob_i = r->blob_at = 0;
            r->deadline_ms = 0;
        }
    }
    peer_close(p, 0);
    if (login && !c->spec.lazy) {
        conn_login(c);
    }
    c->redispatch = true;
    return true;
}

/// The program ended or closed its output.
static void ended(struct peer *p) {
    if (start_again(p)) {
        return;
    }
    struct arena tmp = {0};
    struct err e = {.arena = &tmp};
    int status = p->stream.status;
    if (p->state != PEER_READY) {
        buf_char(&p->in, '\n');
        (void)start_out(&p->start, &p->in, &e);  // what it said without a newline
        (void)start_ended(&p->start, buf_view(&p->errs), status, &e);
    } else {
        struct str said = tidy_text(&tmp, buf_view(&p->errs), 1024);
        const char *sep = said.n ? ": " : "";
        if (status >= 0) {
            (void)err_set(&e, ERR_UNREACHABLE, NO_MARK, "play-remote on host '%s' ended (exit status %d)%s%.*s",
                          p->conn->spec.host, status, sep, STR(said));
        } else {
            (void)err_set(&e, ERR_UNREACHABLE, NO_MARK, "play-remote on host '%s' was killed%s%.*s", p->conn->spec.host,
                          sep, STR(said));
        }
    }
    peer_fail(p, &e);
    arena_release(&tmp);
}

static void broken_frame(struct peer *p, const struct err *why) {
    struct arena tmp = {0};
    struct err e = err_copy(&tmp, why);
    (void)err_set(&e, ERR_UNREACHABLE, NO_MARK, "play-remote on host '%s' does not keep the protocol: %s",
                  p->conn->spec.host, why->msg);
    peer_fail(p, &e);
    arena_release(&tmp);
}

// -- frames in -------------------------------------------------------------------------------------------------------
static bool on_hello(struct peer *p, const struct frame *f, struct err *e) {
    struct done *d = done_new(DONE_OPEN, p->conn->tag, 0);
    struct val v = {0};
    int64_t version = 0;
    bool ok = msg_decode(&d->c.arena, f->body, &v, e);
    if (ok && (!val_is(v, VAL_DICT) || !val_as_int(val_get(v, "version"), &version) || version != WIRE_VERSION)) {
        ok = err_set(e, ERR_SYNTAX, NO_MARK, "expected protocol version %d, found %lld", WIRE_VERSION,
                     (long long)version);
    }
    if (!ok) {
        struct completion c = d->c;
        completion_release(&c);
        return false;
    }
    p->state = PEER_READY;
    p->deadline_ms = 0;
    p->password = STR_NONE;
    arena_release(&p->secrets);
    if (!*p->key && !p->conn->opened) {
        d->c.result = v;
        conn_tell_open(p->conn, d);
    } else {
        struct completion c = d->c;
        completion_release(&c);
    }
    return true;
}

static bool on_result(struct peer *p, const struct frame *f, struct err *e) {
    struct req *r = peer_find(p, f->id);
    if (!r) {
        return true;  // given up before
    }
    if (r->timeout_ms > 0 && clock_ms() - r->sent_ms >= r->timeout_ms) {
        r->timed_out = true;
    }
    if (r->cancelled || r->timed_out) {
        conn_fail_req(r, NULL);
        return true;
    }
    struct done *d = done_new(DONE_RESULT, r->tag, r->id);
    struct val v = {0};
    bool ok = msg_decode(&d->c.arena, f->body, &v, e);
    if (ok && !val_is(v, VAL_DICT)) {
        ok = err_set(e, ERR_SYNTAX, NO_MARK, "expected a dictionary as the result, found %s", val_kind_name(v.kind));
    }
    if (!ok) {
        struct completion c = d->c;
        completion_release(&c);
        return false;
    }
    d->c.result = v;
    conn_answer(r, d);
    return true;
}

static void on_log(struct peer *p, const struct frame *f) {
    struct req *r = peer_find(p, f->id);
    if (!r || !r->want_log || r->log_bytes >= LOG_MAX) {
        return;
    }
    r->log_bytes += f->body.n;
    struct done *d = done_new(DONE_LOG, r->tag, r->id);
    d->c.log = str_dup(&d->c.arena, f->body);
    done_push(p->conn->hub, d);
}

/// Written here, before anything else is read: what the disk cannot take is not taken from the target either.
static void on_data(struct peer *p, const struct frame *f) {
    struct req *r = peer_find(p, f->id);
    if (!r || r->sink < 0 || r->sink_errno || r->cancelled) {
        return;
    }
    struct arena tmp = {0};
    struct err e = {.arena = &tmp};
    if (!fd_write_all(r->sink, f->body, &e)) {
        r->sink_errno = e.sys_errno ? e.sys_errno : EIO;
        r->cancelled = true;
        peer_cancel(p, r);
    }
    arena_release(&tmp);
}

static bool on_frame(struct peer *p, const struct frame *f, struct err *e) {
    if (p->state == PEER_HELLO) {
        if (f->kind != FRAME_HELLO) {
            return err_set(e, ERR_SYNTAX, NO_MARK, "expected a hello, found frame kind %u", f->kind);
        }
        return on_hello(p, f, e);
    }
    switch ((enum frame_kind)f->kind) {
    case FRAME_RESULT:
        return on_result(p, f, e);
    case FRAME_LOG:
        on_log(p, f);
        return true;
    case FRAME_DATA:
        on_data(p, f);
        return true;
    case FRAME_PING:
        return true;
    case FRAME_NEED:
        return peer_need(p, f, e);
    case FRAME_PIECES:
        return peer_pieces(p, f, e);
    case FRAME_HELLO:
    case FRAME_REQUEST:
    case FRAME_BLOB:
    case FRAME_SCRIPT:
    case FRAME_CANCEL:
    case FRAME_BYE:
    case FRAME_PACKED:
    case FRAME_RECIPE:
        break;
    }
    return err_set(e, ERR_SYNTAX, NO_MARK, "frame kind %u is not for play", f->kind);
}

/// Handles every whole frame in the input; false: the peer is gone.
static bool frames(struct peer *p) {
    struct arena tmp = {0};
    struct err e = {.arena = &tmp};
    size_t at = 0;
    int got = 0;
    struct frame f;
    size_t used = 0;
    while ((got = frame_read(str_sub(buf_view(&p->in), at, p->in.n), &f, &used, &e)) > 0) {
        at += used;
        if (!on_frame(p, &f, &e)) {
            got = -1;
            break;
        }
    }
    if (got < 0) {
        broken_frame(p, &e);
    } else {
        buf_consume(&p->in, at);
        if (p->in.n == 0 && p->in.cap > IN_KEEP) {
            buf_release(&p->in);
        }
    }
    arena_release(&tmp);
    return got >= 0;
}

// -- the dialogue before ---------------------------------------------------------------------------------------------
static void ready(struct peer *p) {
    struct conn *c = p->conn;
    if (p->raw) {
        p->state = PEER_RAW;
        p->deadline_ms = 0;
        buf_consume(&p->errs, p->errs.n);  // the prompt
        stream_eof(&p->stream);
        return;
    }
    p->state = PEER_HELLO;
    p->errs.max = 0;
    if (!*p->key && !c->remote_path) {
        c->remote_path = str_z(&c->arena, p->start.path);
        c->redispatch = true;
    }
}

/// false: the peer is gone.
static bool begin_upload(struct peer *p) {
    const struct payload *it = p->start.need;
    p->upload = it->data;
    if (p->start.packed) {
        const char *why = shard_packed(p->conn->shard, it, &p->upload);
        if (why) {
            struct err e = {.arena = &p->arena};
            (void)err_set(&e, ERR_SYS, NO_MARK, "%s", why);
            peer_fail(p, &e);
            return false;
        }
        buf_printf(&p->out, "%zu\n", p->upload.n);
    }
    return true;
}

/// One step of the start; false: the peer is gone.
static bool starting(struct peer *p, enum start_step step, const struct err *e) {
    switch (step) {
    case START_WAIT:
        return true;
    case START_PASSWORD:
        p->password_due = true;
        return true;
    case START_UPLOAD:
        return begin_upload(p);
    case START_READY:
        ready(p);
        return true;
    case START_FAILED:
        peer_fail(p, e);
        return false;
    }
    return true;
}

static bool start_more(struct peer *p) {
    struct err e = {.arena = &p->arena};
    size_t ours = p->start.ours;
    enum start_step step = start_err(&p->start, buf_view(&p->errs), &e);
    if (step == START_PASSWORD) {
        arm(p);
    }
    if (!starting(p, step, &e)) {
        return false;
    }
    step = start_out(&p->start, &p->in, &e);
    if (p->start.ours != ours) {
        arm(p);  // what else a login shell prints is no progress, and may never end
    }
    return starting(p, step, &e);
}

// -- bytes -----------------------------------------------------------------------------------------------------------
static bool read_some(struct peer *p, bool err, struct buf *into) {
    struct shard *s = p->conn->shard;
    bool moved = false;
    for (int i = 0; i < 16; i++) {
        int n = stream_read(&p->stream, err, s->scratch, SHARD_SCRATCH);
        if (n <= 0) {
            break;
        }
        buf_add(into, s->scratch, (size_t)n);
        moved = true;
    }
    return moved;
}

void peer_taken(struct peer *p) {
    uint32_t window = stream_window(&p->stream);
    if (window > p->window && p->conn->ping_ms) {
        p->conn->ping_ms = clock_ms();
    }
    p->window = window;
}

static bool write_some(struct peer *p) {
    bool moved = false;
    peer_taken(p);
    for (;;) {
        peer_fill(p);
        int n = p->out.n ? stream_write(&p->stream, p->out.p, p->out.n) : 0;
        if (n <= 0) {
            break;
        }
        moved = true;
        explicit_bzero(p->out.p, (size_t)n);
        buf_consume(&p->out, (size_t)n);
        if (p->deadline_ms) {
            arm(p);
        }
    }
    if (p->out.n == 0 && p->out.cap > IN_KEEP) {
        buf_release(&p->out);
    }
    p->window = stream_window(&p->stream);
    stream_interest(&p->stream, p->out.n > 0);
    return moved;
}

static void raw_done(struct peer *p) {
    struct req *r = p->raw;
    struct done *d = done_new(DONE_RESULT, r->tag, r->id);
    struct arena *a = &d->c.arena;
    struct val v = val_dict(a, 4);
    val_set(a, v, "rc", val_int(p->stream.status < 0 ? 255 : p->stream.status));
    val_set(a, v, "stdout", val_str(a, buf_view(&p->in)));
    val_set(a, v, "stderr", val_str(a, buf_view(&p->errs)));
    d->c.result = v;
    p->raw = NULL;
    peer_close(p, 0);
    conn_answer(r, d);
}

/// Handles what was read; false: the peer is gone.
static bool digest_input(struct peer *p) {
    if (p->state == PEER_START && !start_more(p)) {
        return false;
    }
    if ((p->state == PEER_HELLO || p->state == PEER_READY) && p->in.n && !frames(p)) {
        return false;
    }
    if (p->state != PEER_RAW && p->state != PEER_START && p->errs.n > ERRS_MAX) {
        buf_consume(&p->errs, p->errs.n - ERRS_MAX / 2);
    }
    return p->state != PEER_GONE;
}

/// A channel was refused: sshd may still count sessions that we closed, so it is asked again for a while.
static bool reopen(struct peer *p) {
    if (p->stream.state != STREAM_OPENING || ++p->opens > REOPENS || !ssh_is_connected(p->conn->session)) {
        return false;
    }
    if (p->opens == REOPENS_BEFORE_IDLE) {
        p->conn->shed = true;
    }
    const char *cmd = p->stream.command;
    stream_close(&p->stream, 0);
    stream_ssh(&p->stream, p->conn->shard, p->conn->session, cmd);
    p->stream.lend_agent = p->conn->agent_path != NULL;
    p->reopen_ms = clock_ms() + REOPEN_MS * (int64_t)p->opens;
    shard_alarm(p->conn->shard, p->reopen_ms);
    return true;
}

static bool start_stream(struct peer *p, bool *moved) {
    struct arena tmp = {0};
    struct err e = {.arena = &tmp};
    if (p->reopen_ms && clock_ms() < p->reopen_ms) {
        return false;
    }
    p->reopen_ms = 0;
    int rc = stream_step(&p->stream, &e);
    if (rc < 0) {
        if (!reopen(p)) {
            peer_fail(p, &e);
        }
    } else if (rc > 0) {
        *moved = true;
        if (p->state == PEER_RAW) {
            stream_eof(&p->stream);
        }
    }
    arena_release(&tmp);
    return p->state != PEER_GONE && p->stream.state >= STREAM_RUNNING;
}

bool peer_work(struct peer *p) {
    bool moved = false;
    if (p->stream.state < STREAM_RUNNING && !start_stream(p, &moved)) {
        return moved;
    }
    if (p->state == PEER_START && p->errs.n > ERRS_MAX) {
        p->errs.max = p->errs.n;  // noise: the rest is dropped
    }
    bool got = read_some(p, true, &p->errs);
    got |= read_some(p, false, &p->in);
    if (got) {
        p->conn->heard_ms = clock_ms();
        p->conn->ping_ms = 0;
        if (!digest_input(p)) {
            return true;
        }
    }
    moved |= got | write_some(p);
    if (!got && p->state != PEER_GONE && stream_ended(&p->stream)) {
        if (p->state == PEER_RAW) {
            raw_done(p);
        } else {
            ended(p);
        }
        return true;
    }
    if (p->stream.eof_ms) {
        p->conn->again = true;  // to look again whether it ended
    }
    return moved;
}
