// synchronize: rsync between this machine and the host, or between two hosts. rsync logs in by itself, with the
// system's ssh: it is told how this program reaches the host. Passwords go through ssh's askpass, never through argv.
#include "cmd.h"
#include "fd.h"
#include "paths.h"
#include "run.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARKER "<<CHANGED>>"

static const struct arg login_args[] = {
    {"kind", ARG_STR, .doc = "The connection."},
    {"address", ARG_STR, .doc = "Where the host is."},
    {"user", ARG_STR, .doc = "Who logs in."},
    {"port", ARG_INT, .doc = "Port of ssh."},
    {"key_file", ARG_STR, .doc = "Private key."},
    {"ssh_args", ARG_STR, .doc = "Words for ssh."},
    {"host_key", ARG_STR, .doc = "StrictHostKeyChecking."},
    {"password", ARG_STR, .no_log = true, .doc = "Of the login."},
    {"passphrase", ARG_STR, .no_log = true, .doc = "Of the key."},
    {"prefix", ARG_LIST, .doc = "Words of a connection that is a program."},
    {"become_method", ARG_STR, .doc = "How the user is changed."},
    {"become_user", ARG_STR, .doc = "To whom."},
    {"become_password", ARG_BOOL, .doc = "Whether that takes a password."},
    {"self", ARG_BOOL, .doc = "rsync runs on the host itself."},
    {"delegated", ARG_BOOL, .doc = "rsync runs on another host than the controller."},
    {0},
};
static const struct arg args[] = {
    {"src", ARG_PATH, .required = true, .doc = "What is copied: on the controller (push) or on the host (pull)."},
    {"dest", ARG_PATH, .required = true, .doc = "Where to: on the host (push) or on the controller (pull)."},
    {"mode", ARG_STR, .def = "push", .choices = "pull|push", .doc = "The direction."},
    {"dest_port", ARG_INT, .doc = "Port of ssh; that of the connection."},
    {"archive", ARG_BOOL, .def = "true", .doc = "Recursive, with links, permissions, times, owner, group and devices."},
    {"checksum", ARG_BOOL, .def = "false", .doc = "Compare contents, not times and sizes."},
    {"compress", ARG_BOOL, .def = "true", .doc = "Compress on the way."},
    {"existing_only", ARG_BOOL, .def = "false", .doc = "Make no files that are not there."},
    {"delete", ARG_BOOL, .def = "false", .doc = "Remove files in dest that src does not have; needs recursive."},
    {"dirs", ARG_BOOL, .def = "false", .doc = "Copy directories without what is in them."},
    {"recursive", ARG_BOOL, .doc = "Go into directories; as archive."},
    {"links", ARG_BOOL, .doc = "Copy links as links; as archive."},
    {"copy_links", ARG_BOOL, .def = "false", .doc = "Copy what links lead to."},
    {"perms", ARG_BOOL, .doc = "Keep permissions; as archive."},
    {"times", ARG_BOOL, .doc = "Keep times; as archive."},
    {"owner", ARG_BOOL, .doc = "Keep owners; as archive."},
    {"group", ARG_BOOL, .doc = "Keep groups; as archive."},
    {"rsync_path", ARG_STR, .doc = "rsync on the other side; with become `sudo -u USER rsync`."},
    {"rsync_timeout", ARG_INT, .def = "0", .doc = "Seconds without data after which rsync gives up."},
    {"rsync_opts", ARG_LIST, .def = "[]", .doc = "More options of rsync."},
    {"set_remote_user", ARG_BOOL, .def = "true", .doc = "Log in as the user of the connection."},
    {"use_ssh_args", ARG_BOOL, .def = "false", .doc = "Give ssh_args also to a rsync on a delegated host."},
    {"ssh_connection_multiplexing", ARG_BOOL, .def = "false", .doc = "Let ssh share connections."},
    {"partial", ARG_BOOL, .def = "false", .doc = "Keep what was copied when the connection breaks."},
    {"verify_host", ARG_BOOL, .def = "false", .doc = "Refuse unknown host keys whatever the connection does."},
    {"private_key", ARG_PATH, .doc = "Private key; that of the connection."},
    {"link_dest", ARG_LIST, .elements = ARG_PATH, .doc = "Directories with files to make hard links to."},
    {"delay_updates", ARG_BOOL, .def = "true", .doc = "Put all files in place at the end."},
    {"_login", ARG_DICT, .sub = login_args, .doc = "Internal: how the host is reached."},
    {"_rsync", ARG_STR, .doc = "Internal: ansible_rsync_path."},
    {0},
};

static struct str login_text(struct mod_call *c, const char *key) {
    return val_text(val_get(mod_arg(c, "_login"), key));
}

static bool login_is(struct mod_call *c, const char *key) {
    return val_truth(val_get(mod_arg(c, "_login"), key));
}

static bool by_ssh(struct mod_call *c) {
    struct str kind = login_text(c, "kind");
    return str_eqz(kind, "ssh") || str_eqz(kind, "openssh");
}

/// Connections through `PROGRAM exec ... CONTAINER`, and how many words the container is from the end.
static size_t container_words(struct mod_call *c) {
    struct str kind = login_text(c, "kind");
    static const struct {
        const char *ending;
        size_t words;
    } kinds[] = {{"docker", 1}, {"docker_api", 1}, {"podman", 1}, {"buildah", 2}};
    for (size_t i = 0; i < COUNTOF(kinds); i++) {
        if (str_ends(kind, kinds[i].ending)) {
            return kinds[i].words;
        }
    }
    return 0;
}

// -- controller: whose path is which ----------------------------------------------------------------------------------

/// A path of this machine: below files/ of the role or the play, or beside the playbook.
static bool local_path(struct mod_call *c, struct str path, struct str *out, struct err *e) {
    struct err none = {.arena = c->arena};
    struct val dir = VNULL;
    *out = path;
    if (path.n == 0 || path.s[0] == '/' || path.s[0] == '~' || str_find_char(path, 0, ':') != SIZE_MAX) {
        return true;
    }
    if (!c->ctl->find(c->ctl->self, "files", path, c->arena, out, &none)) {
        if (!c->ctl->var(c->ctl->self, "playbook_dir", c->arena, &dir, e)) {
            return false;
        }
        *out = str_printf(c->arena, "%.*s/%.*s", STR(val_text(dir)), STR(path));
    }
    struct str normal = paths_normal(c->arena, *out);
    *out = str_ends(path, "/") ? str_printf(c->arena, "%.*s/", STR(normal)) : normal;
    return true;
}

/// A path of the host as rsync writes it.
static struct str host_path(struct mod_call *c, struct str path) {
    struct arena *a = c->arena;
    struct str address = login_text(c, "address");
    struct str user = by_ssh(c) && mod_bool(c, "set_remote_user") ? login_text(c, "user") : STR_NONE;
    struct str who = user.n ? str_printf(a, "%.*s@", STR(user)) : STR_LIT("");
    if (str_starts(path, "rsync://")) {
        return path;
    }
    if (str_find_char(address, 0, ':') != SIZE_MAX) {
        return str_printf(a, "%.*s[%.*s]:%.*s", STR(who), STR(address), STR(path));
    }
    if (str_find_char(path, 0, ':') == SIZE_MAX) {
        return str_printf(a, "%.*s%.*s:%.*s", STR(who), STR(address), STR(path));
    }
    return str_find_char(path, 0, '@') == SIZE_MAX ? str_printf(a, "%.*s%.*s", STR(who), STR(path)) : path;
}

static bool prepare(struct mod_call *c, struct err *e) {
    struct arena *a = c->arena;
    struct str src = mod_str(c, "src");
    struct str dest = mod_str(c, "dest");
    struct str kind = login_text(c, "kind");
    struct val rsync = VNULL;
    bool pull = str_eqz(mod_str(c, "mode"), "pull");
    bool self = login_is(c, "self");
    if (!self && !by_ssh(c) && !container_words(c) && !str_eqz(kind, "local")) {
        return mod_fail(
            c, e,
            "synchronize uses rsync, which reaches hosts by ssh, docker or as files of its own machine, not by "
            "%.*s",
            STR(kind));
    }
    if (!c->ctl->var(c->ctl->self, "ansible_rsync_path", a, &rsync, e)) {
        return false;
    }
    if (val_is(rsync, VAL_STR)) {
        val_set(a, c->args, "_rsync", rsync);
    }
    bool ok = true;
    if (self || !pull) {
        ok = local_path(c, src, &src, e);
    } else {
        src = host_path(c, src);
    }
    if (self || pull) {
        ok = ok && local_path(c, dest, &dest, e);
    } else {
        dest = host_path(c, dest);
    }
    val_set(a, c->args, "src", val_str(a, src));
    val_set(a, c->args, "dest", val_str(a, dest));
    return ok;
}

// -- where rsync runs: its command line -------------------------------------------------------------------------------

static void word(struct mod_call *c, struct buf *b, struct str text) {
    buf_printf(b, "%s%.*s", b->n ? " " : "", STR(cmd_quote(c->arena, text)));
}

static void words(struct mod_call *c, struct buf *b, const char *const *all) {
    for (; *all; all++) {
        word(c, b, str_from(*all));
    }
}

static bool which(struct mod_call *c, const char *name, struct str *out, struct err *e) {
    const char *path = mod_need(c, name, e);
    *out = str_from(path ? path : "");
    return path != NULL;
}

/// ssh as rsync is to call it.
static bool ssh_command(struct mod_call *c, struct buf *b, struct err *e) {
    struct str ssh;
    struct val port = mod_arg(c, "dest_port");
    struct str key = mod_has(c, "private_key") ? mod_str(c, "private_key") : login_text(c, "key_file");
    struct str policy = mod_bool(c, "verify_host") ? STR_LIT("yes") : login_text(c, "host_key");
    struct str more = login_text(c, "ssh_args");
    bool secret = login_text(c, "password").n || login_text(c, "passphrase").n;
    if (!which(c, "ssh", &ssh, e)) {
        return false;
    }
    word(c, b, ssh);
    if (!mod_bool(c, "ssh_connection_multiplexing")) {
        words(c, b, (const char *const[]){"-S", "none", NULL});
    }
    if (key.n) {
        word(c, b, STR_LIT("-i"));
        word(c, b, key);
    }
    if (!val_is(port, VAL_INT)) {
        port = val_get(mod_arg(c, "_login"), "port");
    }
    if (val_is(port, VAL_INT)) {
        buf_printf(b, " -o Port=%lld", (long long)port.u.i);
    }
    buf_printf(b, " -o StrictHostKeyChecking=%.*s", STR(policy.n ? policy : STR_LIT("yes")));
    if (str_eqz(policy, "no")) {
        buf_z(b, " -o UserKnownHostsFile=/dev/null");
    }
    buf_z(b, secret ? " -o NumberOfPasswordPrompts=1" : " -o BatchMode=yes");
    if (more.n && (mod_bool(c, "use_ssh_args") || !login_is(c, "delegated"))) {
        buf_printf(b, " %.*s", STR(more));
    }
    return true;
}

/// The words in front of a container's name.
static void container_command(struct mod_call *c, struct buf *b) {
    struct val prefix = val_get(mod_arg(c, "_login"), "prefix");
    size_t n = val_len(prefix);
    size_t behind = container_words(c);
    for (size_t i = 0; i + behind < n; i++) {
        word(c, b, val_text(val_at_index(prefix, i)));
        if (behind == 1 && str_eqz(val_text(val_at_index(prefix, i)), "exec") && login_text(c, "become_user").n) {
            word(c, b, STR_LIT("-u"));
            word(c, b, login_text(c, "become_user"));
        }
    }
}

static bool has_rsh(struct mod_call *c) {
    struct val opts = mod_arg(c, "rsync_opts");
    for (size_t i = 0; i < val_len(opts); i++) {
        if (str_find(val_text(val_at_index(opts, i)), 0, STR_LIT("--rsh")) != SIZE_MAX) {
            return true;
        }
    }
    return false;
}

/// How rsync reaches the other side.
static bool shell_words(struct mod_call *c, struct buf *b, struct err *e) {
    struct str src = mod_str(c, "src");
    struct str dest = mod_str(c, "dest");
    bool daemon = str_starts(src, "rsync://") || str_starts(dest, "rsync://");
    bool far = str_find_char(src, 0, ':') != SIZE_MAX || str_find_char(dest, 0, ':') != SIZE_MAX;
    struct buf rsh = BUF_IN(c->arena);
    if (str_starts(src, "rsync://") && str_starts(dest, "rsync://")) {
        mod_set(c, "rc", val_int(1));
        return mod_fail(c, e, "either src or dest must be a localhost");
    }
    if (daemon || !far || has_rsh(c)) {
        return true;
    }
    if (container_words(c) && !login_is(c, "delegated")) {
        container_command(c, &rsh);
        buf_z(b, " --blocking-io");
    } else if (!ssh_command(c, &rsh, e)) {
        return false;
    }
    buf_printf(b, " --rsh=%.*s", STR(cmd_quote(c->arena, buf_view(&rsh))));
    return true;
}

/// rsync at the other end as another user.
static bool far_rsync(struct mod_call *c, struct buf *b, struct err *e) {
    struct str path = mod_str(c, "rsync_path");
    struct str method = login_text(c, "become_method");
    if (!path.n && method.n && by_ssh(c) && !login_is(c, "self")) {
        if (login_is(c, "become_password")) {
            return mod_fail(c, e,
                            "become with a password does not work with synchronize: rsync has no way to give it to "
                            "%.*s on the host; allow it without a password, or give rsync_path",
                            STR(method));
        }
        if (!str_eqz(method, "sudo") && !str_eqz(method, "doas")) {
            return mod_fail(c, e,
                            "become_method %.*s does not work with synchronize: use sudo or doas, or give rsync_path",
                            STR(method));
        }
        path = str_printf(c->arena, "%.*s -u %.*s rsync", STR(method), STR(login_text(c, "become_user")));
    }
    if (path.n) {
        buf_printf(b, " --rsync-path=%.*s", STR(cmd_quote(c->arena, path)));
    }
    return true;
}

static void flags(struct mod_call *c, struct buf *b) {
    static const struct {
        const char *arg, *word;
    } parts[] = {{"recursive", "recursive"}, {"links", "links"}, {"perms", "perms"},
                 {"times", "times"},         {"owner", "owner"}, {"group", "group"}};
    bool archive = mod_bool(c, "archive");
    int64_t timeout = mod_int(c, "rsync_timeout", 0);
    buf_z(b, mod_bool(c, "delay_updates") ? " --delay-updates -F" : "");
    buf_z(b, mod_bool(c, "compress") ? " --compress" : "");
    if (timeout) {
        buf_printf(b, " --timeout=%lld", (long long)timeout);
    }
    buf_z(b, c->check ? " --dry-run" : "");
    buf_z(b, mod_bool(c, "delete") ? " --delete-after" : "");
    buf_z(b, mod_bool(c, "existing_only") ? " --existing" : "");
    buf_z(b, mod_bool(c, "checksum") ? " --checksum" : "");
    buf_z(b, mod_bool(c, "copy_links") ? " --copy-links" : "");
    buf_z(b, archive ? " --archive" : "");
    for (size_t i = 0; i < COUNTOF(parts); i++) {
        if (mod_has(c, parts[i].arg) && mod_bool(c, parts[i].arg) != archive) {
            buf_printf(b, " --%s%s", archive ? "no-" : "", parts[i].word);
        }
    }
    buf_z(b, mod_bool(c, "dirs") ? " --dirs" : "");
}

static bool link_words(struct mod_call *c, struct buf *b, struct err *e) {
    struct val all = mod_arg(c, "link_dest");
    struct str dest = mod_str(c, "dest");
    struct str into = paths_normal(c->arena, paths_dir(dest));
    if (!val_len(all)) {
        return true;
    }
    buf_z(b, " -H -vv");
    for (size_t i = 0; i < val_len(all); i++) {
        struct str path = paths_normal(c->arena, val_text(val_at_index(all, i)));
        if (str_starts(into, str_z(c->arena, path))) {
            return mod_fail(c, e, "Hardlinking into a subdirectory of the source would cause recursion. %.*s and %.*s",
                            STR(into), STR(dest));
        }
        word(c, b, str_printf(c->arena, "--link-dest=%.*s", STR(path)));
    }
    return true;
}

static bool command_line(struct mod_call *c, struct buf *b, struct err *e) {
    struct str rsync = mod_str(c, "_rsync").n ? mod_str(c, "_rsync") : STR_LIT("rsync");
    struct val opts = mod_arg(c, "rsync_opts");
    if (str_find_char(rsync, 0, '/') == SIZE_MAX && !which(c, str_z(c->arena, rsync), &rsync, e)) {
        return false;
    }
    word(c, b, rsync);
    flags(c, b);
    if (!shell_words(c, b, e) || !far_rsync(c, b, e)) {
        return false;
    }
    for (size_t i = 0; i < val_len(opts); i++) {
        struct str text = val_str_of(c->arena, val_at_index(opts, i));
        if (!text.n) {
            mod_warn(c, "an empty text in 'rsync_opts' makes rsync send the current directory: say \".\" when that is "
                        "what you want");
        }
        buf_printf(b, " %.*s", STR(text));
    }
    buf_z(b, mod_bool(c, "partial") ? " --partial" : "");
    if (!link_words(c, b, e)) {
        return false;
    }
    buf_z(b, " --out-format='" MARKER "%i %n%L'");
    word(c, b, mod_str(c, "src"));
    word(c, b, mod_str(c, "dest"));
    return true;
}

// -- running it -------------------------------------------------------------------------------------------------------

static bool put(struct mod_call *c, struct str dir, const char *name, struct str text, struct err *e) {
    return fd_replace_file(arena_printf(c->arena, "%.*s/%s", STR(dir), name), text, 0600, e);
}

/// Lets ssh ask a program of the call's private directory, which knows the answers.
static bool offer_secrets(struct mod_call *c, struct err *e) {
    static const char script[] = "#!/bin/sh\n"
                                 "case $1 in\n"
                                 "*assphrase*) exec cat \"${0%/*}/passphrase\" ;;\n"
                                 "*) exec cat \"${0%/*}/password\" ;;\n"
                                 "esac\n";
    struct str dir;
    struct str password = login_text(c, "password");
    struct str passphrase = login_text(c, "passphrase");
    if (!password.n && !passphrase.n) {
        return true;
    }
    if (!mod_tmpdir(c, &dir, e) || !put(c, dir, "password", password, e) || !put(c, dir, "passphrase", passphrase, e)) {
        return false;
    }
    const char *ask = arena_printf(c->arena, "%.*s/ask", STR(dir));
    if (!fd_replace_file(ask, str_from(script), 0700, e)) {
        return false;
    }
    setenv("SSH_ASKPASS", ask, 1);              // NOLINT(concurrency-mt-unsafe): one thread
    setenv("SSH_ASKPASS_REQUIRE", "force", 1);  // NOLINT(concurrency-mt-unsafe): one thread
    return true;
}

/// The output without the marker, and its lines that are not empty.
static struct str clean(struct mod_call *c, struct str out) {
    struct buf b = BUF_IN(c->arena);
    struct val lines = val_list(c->arena, 16);
    struct str line;
    size_t from = 0;
    for (size_t at; (at = str_find(out, from, STR_LIT(MARKER))) != SIZE_MAX; from = at + strlen(MARKER)) {
        buf_str(&b, str_sub(out, from, at));
    }
    buf_str(&b, str_sub(out, from, out.n));
    struct str text = buf_view(&b);
    struct str rest = text;
    while (rest.n && str_next(&rest, '\n', &line)) {
        if (line.n) {
            val_push(c->arena, lines, val_str(c->arena, line));
        }
    }
    mod_set(c, "stdout_lines", lines);
    return text;
}

static bool run(struct mod_call *c, struct err *e) {
    struct buf line = BUF_IN(c->arena);
    struct val list;
    struct run_result out;
    if (!command_line(c, &line, e) || !cmd_split(c->arena, buf_view(&line), &list, e) || !offer_secrets(c, e)) {
        return false;
    }
    const char **argv = ARENA_ARRAY(c->arena, const char *, val_len(list) + 1);
    for (size_t i = 0; i < val_len(list); i++) {
        argv[i] = str_z(c->arena, val_text(val_at_index(list, i)));
    }
    struct run r = {.argv = argv, .log = c->log ? c : NULL};
    if (!run_command(&r, c->arena, &out, e)) {
        return false;
    }
    mod_set_str(c, "cmd", buf_view(&line));
    mod_set(c, "rc", val_int(out.rc));
    if (out.rc != 0) {
        return mod_fail(c, e, "%.*s", STR(out.err));
    }
    const char *sign = val_len(mod_arg(c, "link_dest")) ? MARKER "." : MARKER;
    bool met = str_find(out.out, 0, str_from(sign)) != SIZE_MAX;
    if (val_len(mod_arg(c, "link_dest")) ? !met : met) {
        mod_changed(c);
    }
    struct str text = clean(c, out.out);
    mod_set_str(c, "msg", text);
    if (c->diff) {
        struct val diff = val_dict(c->arena, 1);
        val_set(c->arena, diff, "prepared", val_str(c->arena, text));
        mod_set(c, "diff", diff);
    }
    return true;
}

MODULE(synchronize) = {
    .doc = "Copy directories with rsync, between this machine and the host or between two hosts.",
    .spec = "ansible.posix.synchronize",
    .example = "- ansible.posix.synchronize:\n    src: site/\n    dest: /var/www/site\n    delete: true",
    .returns = "msg: What rsync printed.\nstdout_lines: Its lines.\ncmd: The command line.\nrc: Exit status of rsync.",
    .args = args,
    .beside = true,
    .side = ON_TARGET,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .prepare = prepare,
    .run = run,
};
