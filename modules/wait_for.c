// wait_for: until a port answers or closes, a file is there or gone, or a text appears.
#include "fd.h"
#include "fsattr.h"
#include "http.h"
#include "regex.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)256 << 20)

static const struct arg args[] = {
    {"host", ARG_STR, .def = "127.0.0.1", .doc = "Host to connect to."},
    {"timeout", ARG_INT, .def = "300", .doc = "Seconds to wait at most."},
    {"connect_timeout", ARG_INT, .def = "5", .doc = "Seconds a single connection may take."},
    {"delay", ARG_INT, .def = "0", .doc = "Seconds to wait before the first look."},
    {"port", ARG_INT, .doc = "Port to wait for."},
    {"active_connection_states", ARG_LIST, .def = "[ESTABLISHED, FIN_WAIT1, FIN_WAIT2, SYN_RECV, SYN_SENT, TIME_WAIT]",
     .doc = "Connections in these states count for drained."},
    {"state", ARG_STR, .def = "started", .choices = "absent|drained|present|started|stopped",
     .doc = "What to wait for."},
    {"path", ARG_PATH, .doc = "File to wait for."},
    {"search_regex", ARG_STR, .doc = "Text to wait for in the file or from the connection."},
    {"exclude_hosts", ARG_LIST, .doc = "Peers that do not count for drained."},
    {"sleep", ARG_INT, .def = "1", .doc = "Seconds between looks."},
    {"msg", ARG_STR, .doc = "Message when it takes too long."},
    {0},
};

struct wait {
    struct mod_call *c;
    struct regex *re;
    int64_t deadline, started;
    struct err *e;
    bool broken;  // the expression gave up
};

static bool text_matches(void *self, struct str text) {
    struct wait *w = self;
    struct regex_match m;
    int rc = regex_exec(w->re, text, 0, REGEX_SEARCH, w->c->arena, &m, w->e);
    w->broken = rc < 0;
    if (rc != 1) {
        return w->broken;  // an expression that gives up ends the wait, too
    }
    struct val groups = val_list(w->c->arena, 2);
    struct val named = val_dict(w->c->arena, 2);
    for (size_t i = 1; i < m.n; i++) {
        struct val g = m.from[i] == SIZE_MAX ? VNULL : val_str(w->c->arena, str_sub(text, m.from[i], m.to[i]));
        val_push(w->c->arena, groups, g);
        if (regex_group_name(w->re, i)) {
            val_set(w->c->arena, named, regex_group_name(w->re, i), g);
        }
    }
    mod_set(w->c, "match_groups", groups);
    mod_set(w->c, "match_groupdict", named);
    return true;
}

// -- one look each ---------------------------------------------------------------------------------------------------

static bool port_open(struct wait *w) {
    struct mod_call *c = w->c;
    int64_t connect = mod_int(c, "connect_timeout", 5) * 1000;
    int64_t left = w->deadline - clock_ms();
    connect = connect < left ? connect : (left > 1 ? left : 1);
    return http_connect(c->arena, mod_z(c, "host"), mod_int(c, "port", 0), connect, left, w->re ? text_matches : NULL,
                        w) == 1;
}

static bool file_ready(struct wait *w) {
    struct mod_call *c = w->c;
    struct stat st;
    const char *path = mod_z(c, "path");
    if (stat(path, &st) != 0) {
        return false;
    }
    struct str state = mod_str(c, "state");
    if (!w->re || str_eqz(state, "absent")) {
        return true;  // for a file to be gone its content does not matter
    }
    struct arena scratch = {0};
    struct err quiet = {.arena = &scratch};
    struct str text;
    bool ok = fd_read_regular(path, FILE_MAX_BYTES, &scratch, &text, &quiet) && text_matches(w, text);
    arena_release(&scratch);
    return ok;
}

// The kernel's number of a connection's state; 0: there is none of this name.
static unsigned long state_number(struct str name) {
    static const char *const names[] = {"",          "ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",
                                        "TIME_WAIT", "CLOSE",       "CLOSE_WAIT", "LAST_ACK", "LISTEN",    "CLOSING"};
    for (unsigned long i = 1; i < COUNTOF(names); i++) {
        if (str_eqz(name, names[i])) {
            return i;
        }
    }
    return 0;
}

static bool state_counts(struct mod_call *c, unsigned long state) {
    struct val list = mod_arg(c, "active_connection_states");
    for (size_t i = 0; i < val_len(list); i++) {
        if (state != 0 && state_number(val_text(val_at_index(list, i))) == state) {
            return true;
        }
    }
    return false;
}

// The peer of a line of /proc/net/tcp as dotted text, for exclude_hosts; IPv4 only.
static bool excluded(struct mod_call *c, struct str remote) {
    struct val list = mod_arg(c, "exclude_hosts");
    unsigned long ip = strtoul(str_z(c->arena, str_sub(remote, 0, str_find_char(remote, 0, ':'))), NULL, 16);
    struct str text = str_printf(c->arena, "%lu.%lu.%lu.%lu", ip & 255, ip >> 8 & 255, ip >> 16 & 255, ip >> 24 & 255);
    for (size_t i = 0; i < val_len(list); i++) {
        if (str_eq(val_text(val_at_index(list, i)), text)) {
            return true;
        }
    }
    return false;
}

static size_t connections(struct mod_call *c, const char *table) {
    struct err quiet = {.arena = c->arena};
    struct str text;
    if (!fd_read_regular(table, (size_t)64 << 20, c->arena, &text, &quiet)) {
        return 0;
    }
    struct str want = str_printf(c->arena, ":%04llX", (unsigned long long)mod_int(c, "port", 0));
    size_t n = 0;
    struct str line;
    while (str_next(&text, '\n', &line)) {
        struct str w[4] = {{0}};
        size_t k = 0;
        struct str word;
        while (k < 4 && str_next(&line, ' ', &word)) {
            if (word.n > 0) {
                w[k++] = word;
            }
        }
        bool mine = k == 4 && w[1].n > want.n && str_eq(str_sub(w[1], w[1].n - want.n, w[1].n), want);
        if (mine && state_counts(c, strtoul(str_z(c->arena, w[3]), NULL, 16)) && !excluded(c, w[2])) {
            n++;
        }
    }
    return n;
}

static bool reached(struct wait *w) {
    struct mod_call *c = w->c;
    struct str state = mod_str(c, "state");
    bool port = mod_has(c, "port");
    if (str_eqz(state, "drained")) {
        return connections(c, "/proc/net/tcp") + connections(c, "/proc/net/tcp6") == 0;
    }
    bool gone = str_eqz(state, "absent") || str_eqz(state, "stopped");
    if (port) {
        return port_open(w) != gone;
    }
    if (mod_has(c, "path")) {
        return file_ready(w) != gone;
    }
    return false;
}

static bool too_late(struct wait *w, struct err *e) {
    struct mod_call *c = w->c;
    mod_set(c, "elapsed", val_int((clock_ms() - w->started) / 1000));
    if (mod_has(c, "msg")) {
        return mod_fail(c, e, "%s", mod_z(c, "msg"));
    }
    struct str state = mod_str(c, "state");
    const char *re = mod_z(c, "search_regex");
    if (mod_has(c, "port")) {
        const char *what = str_eqz(state, "drained")
                               ? "to drain"
                               : (str_eqz(state, "absent") || str_eqz(state, "stopped") ? "to stop." : "");
        if (re && !*what) {
            return mod_fail(c, e, "Timeout when waiting for search string %s in %s:%lld", re, mod_z(c, "host"),
                            (long long)mod_int(c, "port", 0));
        }
        return mod_fail(c, e, "Timeout when waiting for %s:%lld%s%s", mod_z(c, "host"),
                        (long long)mod_int(c, "port", 0), *what ? " " : "", what);
    }
    if (str_eqz(state, "absent")) {
        return mod_fail(c, e, "Timeout when waiting for %s to be absent.", mod_z(c, "path"));
    }
    return re ? mod_fail(c, e, "Timeout when waiting for search string %s in %s", re, mod_z(c, "path"))
              : mod_fail(c, e, "Timeout when waiting for file %s", mod_z(c, "path"));
}

static void pause_for(int64_t ms) {
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&t, &t) != 0 && errno == EINTR) {
    }
}

static bool check_args(struct mod_call *c, struct err *e) {
    struct str state = mod_str(c, "state");
    bool port = mod_has(c, "port");
    bool path = mod_has(c, "path");
    struct val states = mod_arg(c, "active_connection_states");
    mod_set(c, "elapsed", val_int(0));
    if (port && path) {
        return mod_fail(c, e, "port and path parameter can not both be passed to wait_for");
    }
    if (path && (str_eqz(state, "stopped") || str_eqz(state, "drained"))) {
        return mod_fail(c, e, "state=%.*s should only be used for checking a port in the wait_for module", STR(state));
    }
    if (str_eqz(state, "drained") && !port) {
        return mod_fail(c, e, "state=drained needs a port");
    }
    if (mod_has(c, "exclude_hosts") && !str_eqz(state, "drained")) {
        return mod_fail(c, e, "exclude_hosts should only be with state=drained");
    }
    for (size_t i = 0; i < val_len(states); i++) {
        if (state_number(val_text(val_at_index(states, i))) == 0) {
            return mod_fail(c, e, "unknown active_connection_state (%.*s) defined",
                            STR(val_text(val_at_index(states, i))));
        }
    }
    int64_t n = mod_int(c, "port", 1);
    return (n > 0 && n < 65536) || mod_fail(c, e, "port must be between 1 and 65535, not %lld", (long long)n);
}

static bool run(struct mod_call *c, struct err *e) {
    struct wait w = {.c = c, .e = e, .started = clock_ms()};
    if (!check_args(c, e)) {
        return false;
    }
    if (mod_has(c, "search_regex")) {
        w.re = regex_compile(c->arena, mod_str(c, "search_regex"), REGEX_MULTILINE, mod_arg(c, "search_regex").mark, e);
        if (!w.re) {
            return false;
        }
    }
    w.deadline = w.started + mod_int(c, "timeout", 300) * 1000;
    pause_for(mod_int(c, "delay", 0) * 1000);
    bool aim = mod_has(c, "port") || mod_has(c, "path");
    if (!aim) {
        pause_for(mod_int(c, "timeout", 300) * 1000);  // only a pause was asked for, after the delay
    }
    while (aim && !reached(&w)) {
        int64_t left = w.deadline - clock_ms();
        if (left <= 0) {
            return too_late(&w, e);
        }
        int64_t nap = mod_int(c, "sleep", 1) * 1000;
        pause_for(nap < left ? nap : left);
    }
    if (w.broken) {
        return false;
    }
    mod_set(c, "state", mod_arg(c, "state"));
    mod_set(c, "port", mod_has(c, "port") ? mod_arg(c, "port") : VNULL);
    mod_set(c, "search_regex", mod_has(c, "search_regex") ? mod_arg(c, "search_regex") : VNULL);
    mod_set(c, "path", mod_has(c, "path") ? mod_arg(c, "path") : VNULL);
    mod_set(c, "elapsed", val_int((clock_ms() - w.started) / 1000));
    if (!val_has(c->result, "match_groups")) {
        mod_set(c, "match_groups", val_list(c->arena, 0));
        mod_set(c, "match_groupdict", val_dict(c->arena, 0));
    }
    struct stat st;
    if (mod_has(c, "path") && lstat(mod_z(c, "path"), &st) == 0) {
        fsattr_info(c, mod_z(c, "path"));
    }
    return true;
}

MODULE(wait_for) = {
    .doc = "Wait until a port answers or closes, a file is there or gone, or a text appears.",
    .spec = "ansible.builtin.wait_for",
    .example = "- ansible.builtin.wait_for:\n    port: 8080\n    timeout: 60",
    .order = "state port search_regex match_groups match_groupdict path elapsed",
    .returns = "elapsed: Seconds waited.\nmatch_groups: Groups of search_regex.\nmatch_groupdict: Named groups.\n"
               "state: State waited for.\nport: Port.\npath: File.\nsearch_regex: Expression.",
    .args = args,
    .check = SUPPORT_NONE,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .run = run,
};
