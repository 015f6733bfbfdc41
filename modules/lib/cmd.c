// command and shell: arguments to one child process and back.
#include "cmd.h"

#include "fd.h"
#include "run.h"
#include "spec.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#define RC_NO_COMMAND 256

// -- words -----------------------------------------------------------------------------------------------------------

struct splitter {
    struct str s;
    size_t i;
    struct buf word;
    bool in_word;
};

static bool quoted(struct splitter *sp, char quote, struct err *e) {
    for (sp->i++; sp->i < sp->s.n && sp->s.s[sp->i] != quote; sp->i++) {
        char c = sp->s.s[sp->i];
        if (c == '\\' && quote == '"' && sp->i + 1 < sp->s.n) {
            char next = sp->s.s[++sp->i];
            if (next != '"' && next != '\\') {
                buf_char(&sp->word, c);
            }
            c = next;
        }
        buf_char(&sp->word, c);
    }
    return sp->i < sp->s.n || err_set(e, ERR_SYNTAX, NO_MARK, "No closing quotation");
}

bool cmd_split(struct arena *a, struct str line, struct val *words, struct err *e) {
    struct splitter sp = {.s = line, .word = BUF_IN(a)};
    *words = val_list(a, 8);
    for (; sp.i <= line.n; sp.i++) {
        char c = ' ';
        if (sp.i < line.n) {
            c = line.s[sp.i];
        }
        if (strchr(" \t\r\n", c) && c) {
            if (sp.in_word) {
                val_push(a, *words, val_str(a, buf_view(&sp.word)));
            }
            sp.word = BUF_IN(a);
            sp.in_word = false;
            continue;
        }
        sp.in_word = true;
        if (c == '\'' || c == '"') {
            if (!quoted(&sp, c, e)) {
                return false;
            }
        } else if (c == '\\') {
            if (++sp.i >= line.n) {
                return err_set(e, ERR_SYNTAX, NO_MARK, "No escaped character");
            }
            buf_char(&sp.word, line.s[sp.i]);
        } else {
            buf_char(&sp.word, c);
        }
    }
    return true;
}

struct str cmd_quote(struct arena *a, struct str word) {
    bool plain = word.n > 0;
    for (size_t i = 0; i < word.n; i++) {
        char c = word.s[i];
        plain = plain && c && (isalnum((unsigned char)c) || strchr("@%+=:,./-_", c));
    }
    if (plain) {
        return word;
    }
    struct buf b = BUF_IN(a);
    buf_char(&b, '\'');
    for (size_t i = 0; i < word.n; i++) {
        if (word.s[i] == '\'') {
            buf_z(&b, "'\"'\"'");
        } else {
            buf_char(&b, word.s[i]);
        }
    }
    buf_char(&b, '\'');
    return buf_view(&b);
}

// -- result ----------------------------------------------------------------------------------------------------------

/// The keys every result has, in the values they have before anything ran.
static void start_result(struct mod_call *c) {
    static const char *const none[] = {"rc", "cmd", "start", "end", "delta"};
    for (size_t i = 0; i < COUNTOF(none); i++) {
        mod_set(c, none[i], VNULL);
    }
    mod_set_z(c, "stdout", "");
    mod_set_z(c, "stderr", "");
    mod_set_z(c, "msg", "");
}

static struct val time_text(struct arena *a, struct timespec t) {
    struct tm tm;
    localtime_r(&t.tv_sec, &tm);
    char day[32];
    strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", &tm);
    long us = t.tv_nsec / 1000;
    return us ? val_printf(a, "%s.%06ld", day, us) : val_z(a, day);
}

/// As Python prints a timedelta: "0:00:01.234567", "1 day, 0:00:00".
static struct val delta_text(struct arena *a, struct timespec from, struct timespec to) {
    int64_t us = (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec / 1000 - from.tv_nsec / 1000);
    us = us < 0 ? 0 : us;
    long long s = us / 1000000;
    struct buf b = BUF_IN(a);
    if (s >= 86400) {
        buf_printf(&b, "%lld day%s, ", s / 86400, s / 86400 == 1 ? "" : "s");
    }
    buf_printf(&b, "%lld:%02lld:%02lld", s % 86400 / 3600, s % 3600 / 60, s % 60);
    if (us % 1000000) {
        buf_printf(&b, ".%06lld", (long long)(us % 1000000));
    }
    return val_str(a, buf_view(&b));
}

void cmd_times(struct mod_call *c, struct timespec from, struct timespec to) {
    mod_set(c, "start", time_text(c->arena, from));
    mod_set(c, "end", time_text(c->arena, to));
    mod_set(c, "delta", delta_text(c->arena, from, to));
}

static struct str strip_ends(struct str s) {
    while (s.n && (s.s[s.n - 1] == '\n' || s.s[s.n - 1] == '\r')) {
        s.n--;
    }
    return s;
}

static void set_output(struct mod_call *c, struct str out, struct str err) {
    bool strip = mod_bool(c, "strip_empty_ends");
    mod_set_str(c, "stdout", strip ? strip_ends(out) : out);
    mod_set_str(c, "stderr", strip ? strip_ends(err) : err);
}

// -- what to run -----------------------------------------------------------------------------------------------------

static bool refuse(struct mod_call *c, struct err *e, const char *msg) {
    mod_set(c, "rc", val_int(RC_NO_COMMAND));
    return mod_fail(c, e, "%s", msg);
}

/// The words of the command (a list), or its line (a string) for a shell.
static bool read_command(struct mod_call *c, bool shell, struct val *cmd, struct err *e) {
    struct str line = mod_str(c, "_raw_params");
    struct val argv = mod_arg(c, "argv");
    bool have_argv = val_is(argv, VAL_LIST) && val_len(argv);
    if (!str_trim(line).n && !have_argv) {
        return refuse(c, e, "no command given");
    }
    if (line.n && have_argv) {
        return refuse(c, e, "only command or argv can be given, not both");
    }
    *cmd = line.n ? mod_arg(c, "_raw_params") : argv;
    if (line.n && !shell) {
        struct err why = {.arena = c->arena};
        if (!cmd_split(c->arena, line, cmd, &why)) {
            return mod_fail(c, e, "%s", why.msg);
        }
    }
    mod_set(c, "cmd", *cmd);
    return true;
}

static bool matches(const char *pattern) {
    glob_t g = {0};
    // NOLINTNEXTLINE(concurrency-mt-unsafe): play-remote has one thread
    bool found = glob(pattern, GLOB_NOSORT, NULL, &g) == 0 && g.gl_pathc > 0;
    globfree(&g);
    return found;
}

/// creates and removes: true when the command need not run.
static bool is_done(struct mod_call *c) {
    const char *creates = mod_z(c, "creates");
    const char *removes = mod_z(c, "removes");
    const char *path = NULL;
    const char *state = NULL;
    if (creates && *creates && matches(creates)) {
        path = creates;
        state = "exists";
    } else if (removes && *removes && !matches(removes)) {
        path = removes;
        state = "does not exist";
    }
    if (!path) {
        return false;
    }
    const char *shoulda = c->check ? "Would" : "Did";
    mod_set(c, "msg", val_printf(c->arena, "%s not run command since '%s' %s", shoulda, path, state));
    mod_set(c, "stdout", val_printf(c->arena, "skipped, since %s %s", path, state));
    mod_set(c, "rc", val_int(0));
    return true;
}

static void would_run(struct mod_call *c) {
    mod_set(c, "rc", val_int(0));
    mod_set_z(c, "msg", "Command would have run if not in check mode");
    if (mod_has(c, "creates") || mod_has(c, "removes")) {
        mod_changed(c);
    } else {
        mod_set(c, "skipped", val_bool(true));
    }
}

static const char *const *make_argv(struct mod_call *c, bool shell, struct val cmd) {
    struct arena *a = c->arena;
    size_t n = val_is(cmd, VAL_LIST) ? val_len(cmd) : 0;
    const char **argv = ARENA_ARRAY(a, const char *, n + 4);
    if (!shell) {
        bool expand = !mod_has(c, "expand_argument_vars") || mod_bool(c, "expand_argument_vars");
        for (size_t i = 0; i < n; i++) {
            struct str word = val_text(val_at_index(cmd, i));
            argv[i] = str_z(a, expand ? path_expand(a, word) : word);
        }
        return argv;
    }
    const char *executable = mod_z(c, "executable");
    argv[0] = executable && *executable ? executable : "/bin/sh";
    argv[1] = "-c";
    if (val_is(cmd, VAL_STR)) {
        argv[2] = str_z(a, val_text(cmd));
        return argv;
    }
    struct buf line = BUF_IN(a);
    for (size_t i = 0; i < n; i++) {
        buf_printf(&line, "%s%.*s", i ? " " : "", STR(cmd_quote(a, val_text(val_at_index(cmd, i)))));
    }
    argv[2] = str_z(a, buf_view(&line));
    return argv;
}

/// The command could not be started: the result Ansible gives then.
static bool not_started(struct mod_call *c, struct val cmd, const char *program, const struct err *why, struct err *e) {
    struct buf line = BUF_IN(c->arena);
    for (size_t i = 0; val_is(cmd, VAL_LIST) && i < val_len(cmd); i++) {
        buf_printf(&line, "%s%.*s", i ? " " : "", STR(cmd_quote(c->arena, val_text(val_at_index(cmd, i)))));
    }
    c->result = val_dict(c->arena, 8);
    mod_set(c, "cmd", val_is(cmd, VAL_LIST) ? val_str(c->arena, buf_view(&line)) : cmd);
    mod_set(c, "rc", val_int(why->sys_errno));
    mod_set_z(c, "stdout", "");
    mod_set_z(c, "stderr", "");
    return mod_fail(c, e, "[Errno %d] %s: b'%s'", why->sys_errno, strerrordesc_np(why->sys_errno), program);
}

static bool execute(struct mod_call *c, bool shell, struct val cmd, struct err *e) {
    struct str input = mod_str(c, "stdin");
    if (input.n && mod_bool(c, "stdin_add_newline")) {
        input = str_printf(c->arena, "%.*s\n", STR(input));
    }
    struct run r = {.argv = make_argv(c, shell, cmd), .input = input, .log = c->log ? c : NULL};
    struct run_result out;
    struct err why = {.arena = c->arena};
    struct timespec from;
    struct timespec to;
    clock_gettime(CLOCK_REALTIME, &from);
    if (!run_command(&r, c->arena, &out, &why)) {
        return not_started(c, cmd, r.argv[0], &why, e);
    }
    clock_gettime(CLOCK_REALTIME, &to);
    mod_changed(c);
    cmd_times(c, from, to);
    mod_set(c, "rc", val_int(out.rc));
    set_output(c, out.out, out.err);
    if (out.truncated) {
        mod_warn(c, "the output was cut: more than %zu bytes", RUN_OUTPUT_MAX);
    }
    return out.rc == 0 || mod_fail(c, e, "non-zero return code");
}

bool cmd_run(struct mod_call *c, bool shell, struct err *e) {
    struct val cmd = VNULL;
    start_result(c);
    const char *executable = mod_z(c, "executable");
    if (!shell && executable) {
        mod_warn(c,
                 "As of Ansible 2.4, the parameter 'executable' is no longer supported with the 'command' module. Not "
                 "using '%s'.",
                 executable);
    }
    if (!read_command(c, shell, &cmd, e)) {
        return false;
    }
    const char *dir = mod_z(c, "chdir");
    if (dir && *dir && chdir(dir) != 0) {
        int why = errno;
        return mod_fail(c, e, "Unable to change directory before execution: [Errno %d] %s: b'%s'", why,
                        strerrordesc_np(why), dir);
    }
    if (is_done(c)) {
        return true;
    }
    if (c->check) {
        would_run(c);
        return true;
    }
    return execute(c, shell, cmd, e);
}
