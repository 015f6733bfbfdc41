// Running git with an environment of its own and reading what a remote offers.
#include "gitcmd.h"

#include "cmd.h"
#include "fd.h"
#include "spawn.h"
#include "spec.h"
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define GITFILE_MAX ((size_t)65536)

struct str git_masked(struct mod_call *c, struct str text) {
    struct buf b = BUF_IN(c->arena);
    size_t from = 0;
    size_t at;
    while ((at = str_find(text, from, STR_LIT("://"))) != SIZE_MAX) {
        size_t i = at + 3;
        size_t colon = SIZE_MAX;
        while (i < text.n && !strchr("/ \t\n\r'\"@", text.s[i])) {
            colon = text.s[i] == ':' && colon == SIZE_MAX ? i : colon;
            i++;
        }
        bool secret = i < text.n && text.s[i] == '@' && colon != SIZE_MAX;
        buf_str(&b, str_sub(text, from, secret ? colon + 1 : i));
        if (secret) {
            buf_z(&b, "********");
        }
        from = i;
    }
    buf_str(&b, str_sub(text, from, text.n));
    return b.n ? buf_view(&b) : STR_LIT("");
}

// -- running ---------------------------------------------------------------------------------------------------------

/// What git does without a working copy; everything else must not happen where play-remote works.
static bool needs_no_copy(const char *verb) {
    return strcmp(verb, "clone") == 0 || strcmp(verb, "ls-remote") == 0;
}

/// No link that another user may have planted leads to the directory where git works.
static bool run_words(struct mod_call *c, const struct git *g, const char *cwd, const struct words *w,
                      struct run_result *r, struct err *e) {
    CLEANUP(fd_closep) int dir = -1;
    struct stat st;
    struct run run = {.argv = w->p, .envp = g->envp, .cwd = cwd ? trust_cwd(c, cwd, &dir, e) : NULL};
    if (e->code != ERR_NONE) {
        return false;
    }
    if (run.cwd && (stat(run.cwd, &st) != 0 || !S_ISDIR(st.st_mode))) {
        errno = ENOTDIR;
        run.cwd = NULL;
    }
    if (cwd && !run.cwd && !needs_no_copy(w->p[1])) {
        return mod_fail_sys(c, e, errno, "cannot run git in '%s'", cwd);
    }
    if (!run_command(&run, c->arena, r, e)) {
        return e->sys_errno == ENOENT ? mod_fail_program(c, e, g->exe) : false;
    }
    return true;
}

static struct words git_words(struct mod_call *c, const struct git *g, const char *const *words) {
    struct words w = {0};
    words_add(c, &w, g->exe);
    for (size_t i = 0; words[i]; i++) {
        words_add(c, &w, words[i]);
    }
    words_add(c, &w, NULL);
    return w;
}

bool git_try(struct mod_call *c, const struct git *g, const char *cwd, const char *const *words, struct run_result *r,
             struct err *e) {
    struct words w = git_words(c, g, words);
    return run_words(c, g, cwd, &w, r, e);
}

bool git_fail(struct mod_call *c, const struct run_result *r, struct err *e, const char *msg) {
    mod_set(c, "rc", val_int(r->rc));
    mod_set_str(c, "stdout", git_masked(c, r->out));
    mod_set_str(c, "stderr", git_masked(c, r->err));
    return mod_fail(c, e, "%.*s", STR(git_masked(c, str_from(msg))));
}

bool git_must(struct mod_call *c, const struct git *g, const char *const *words, struct run_result *r, struct err *e) {
    struct words w = git_words(c, g, words);
    if (!run_words(c, g, g->dest, &w, r, e)) {
        return false;
    }
    if (r->rc == 0) {
        return true;
    }
    struct buf line = BUF_IN(c->arena);
    for (size_t i = 0; w.p[i]; i++) {
        buf_printf(&line, "%s%.*s", i ? " " : "", STR(cmd_quote(c->arena, str_from(w.p[i]))));
    }
    mod_set_str(c, "cmd", git_masked(c, buf_view(&line)));
    return git_fail(c, r, e, arena_printf(c->arena, "%.*s", STR(str_rtrim(r->err))));
}

// -- ssh -------------------------------------------------------------------------------------------------------------

static void option(struct mod_call *c, struct buf *b, struct str have, const char *text) {
    (void)c;
    if (str_find(have, 0, str_from(text)) == SIZE_MAX) {
        buf_printf(b, " -o %s", text);
    }
}

/// The user's ssh options, each word quoted for the shell git hands its command to.
static bool user_options(struct mod_call *c, struct buf *b, struct err *e) {
    struct val words;
    struct str opts = path_expand_vars(c->arena, mod_str(c, "ssh_opts"));
    if (!mod_has(c, "ssh_opts")) {
        return true;
    }
    if (!cmd_split(c->arena, opts, &words, e)) {
        return err_wrap(e, mod_arg(c, "ssh_opts").mark, "in 'ssh_opts'");
    }
    for (size_t i = 0; i < val_len(words); i++) {
        struct str quoted = cmd_quote(c->arena, val_text(val_at_index(words, i)));
        buf_printf(b, " %.*s", STR(quoted));
    }
    return true;
}

static bool accepts_new_keys(struct mod_call *c, bool *yes, struct err *e) {
    static const char *const argv[] = {"ssh", "-o", "StrictHostKeyChecking=accept-new", "-V", NULL};
    struct run_result r;
    struct err why = {.arena = c->arena};
    if (!run_command(&(struct run){.argv = argv}, c->arena, &r, &why)) {
        return mod_fail(c, e, "Remote host is missing ssh command, so you cannot use acceptnewhostkey option.");
    }
    *yes = r.rc == 0;
    if (!*yes) {
        mod_warn(c, "Your ssh client does not support accept_newhostkey option, therefore it cannot be used.");
    }
    return true;
}

/// The whole ssh command as a shell line.
static bool ssh_line(struct mod_call *c, struct str *line, struct err *e) {
    struct buf b = BUF_IN(c->arena);
    const char *base = getenv("GIT_SSH");            // NOLINT(concurrency-mt-unsafe): a module's process has one thread
    base = base ? base : getenv("GIT_SSH_COMMAND");  // NOLINT(concurrency-mt-unsafe): the same
    struct str given = mod_str(c, "ssh_opts");
    buf_z(&b, base ? base : "ssh");
    if (!user_options(c, &b, e)) {
        return false;
    }
    bool decided = str_find(given, 0, STR_LIT("StrictHostKeyChecking=no")) != SIZE_MAX ||
                   str_find(given, 0, STR_LIT("StrictHostKeyChecking=accept-new")) != SIZE_MAX;
    if (mod_bool(c, "accept_hostkey") && !decided) {
        buf_z(&b, " -o StrictHostKeyChecking=no");
    }
    if (mod_bool(c, "accept_newhostkey") && !decided) {
        bool yes = false;
        if (!accepts_new_keys(c, &yes, e)) {
            return false;
        }
        buf_z(&b, yes ? " -o StrictHostKeyChecking=accept-new" : "");
    }
    option(c, &b, given, "BatchMode=yes");
    if (mod_has(c, "key_file")) {
        buf_printf(&b, " -i %.*s", STR(cmd_quote(c->arena, mod_str(c, "key_file"))));
        option(c, &b, given, "IdentitiesOnly=yes");
    }
    *line = buf_view(&b);
    return true;
}

/// Git before 2.3 wants a program instead of a line.
static bool ssh_program(struct mod_call *c, struct str line, const char **path, struct err *e) {
    struct str dir;
    if (!mod_tmpdir(c, &dir, e)) {
        return false;
    }
    *path = arena_printf(c->arena, "%.*s/ssh", STR(dir));
    CLEANUP(fd_closep) int fd = open(*path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0700);
    return (fd >= 0 || mod_fail_sys(c, e, errno, "cannot create '%s'", *path)) &&
           fd_write_all(fd, str_printf(c->arena, "#!/bin/sh\nexec %.*s \"$@\"\n", STR(line)), e);
}

static bool set_environment(struct mod_call *c, struct git *g, struct err *e) {
    const char *settings[] = {"LC_ALL=C", "LANGUAGE=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", NULL};
    struct str line;
    const char *program;
    if (!ssh_line(c, &line, e)) {
        return false;
    }
    if (g->major > 2 || (g->major == 2 && g->minor >= 3) || g->major == 0) {
        // GIT_SSH would win over nothing: it is part of the line already.
        settings[4] = arena_printf(c->arena, "GIT_SSH_COMMAND=%.*s", STR(line));
    } else if (ssh_program(c, line, &program, e)) {
        settings[4] = arena_printf(c->arena, "GIT_SSH=%s", program);
    } else {
        return false;
    }
    g->envp = words_env(c, settings, COUNTOF(settings));
    return true;
}

// -- opening ---------------------------------------------------------------------------------------------------------

static bool read_version(struct mod_call *c, struct git *g, struct err *e) {
    struct run_result r;
    if (!git_try(c, g, NULL, GIT_WORDS("--version"), &r, e)) {
        return false;
    }
    size_t at = str_find(r.out, 0, STR_LIT("git version "));
    if (r.rc == 0 && at != SIZE_MAX) {
        char *end;
        g->major = (int)strtol(r.out.s + at + 12, &end, 10);
        g->minor = *end == '.' ? (int)strtol(end + 1, NULL, 10) : 0;
    }
    return true;
}

/// Absolute, without "." and "..", as os.path.abspath.
static const char *absolute(struct mod_call *c, const char *path) {
    char cwd[4096];
    struct str full = str_from(path);
    if (path[0] != '/' && getcwd(cwd, sizeof cwd)) {
        full = str_printf(c->arena, "%s/%s", cwd, path);
    }
    struct buf b = BUF_IN(c->arena);
    struct str part;
    while (str_next(&full, '/', &part)) {
        if (str_eqz(part, "..")) {
            while (b.n > 0 && b.p[--b.n] != '/') {
            }
        } else if (part.n > 0 && !str_eqz(part, ".")) {
            buf_printf(&b, "/%.*s", STR(part));
        }
    }
    return b.n ? buf_view(&b).s : "/";
}

bool git_find_dir(struct mod_call *c, struct git *g, struct err *e) {
    static const char bad[] = "Current repo does not have a valid reference to a separate Git dir or it refers to the "
                              "invalid path";
    struct stat st;
    struct str text;
    g->git_dir = mod_bool(c, "bare") ? g->dest : arena_printf(c->arena, "%s/.git", g->dest);
    if (stat(g->git_dir, &st) != 0 || !S_ISREG(st.st_mode)) {
        return true;
    }
    if (!fd_read_file(g->git_dir, GITFILE_MAX, c->arena, &text, e)) {
        return false;
    }
    text = str_rtrim(text);
    if (!str_starts(text, "gitdir: ")) {
        mod_set_z(c, "details", ".git file has invalid git dir reference format");
        return mod_fail(c, e, "%s", bad);
    }
    const char *to = str_z(c->arena, str_sub(text, 8, text.n));
    const char *file = g->git_dir;
    uid_t uid = st.st_uid;
    g->git_dir = to[0] == '/' ? to : arena_printf(c->arena, "%s/%s", g->dest, to);
    if (stat(g->git_dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        mod_set(c, "details", val_printf(c->arena, "%s is not a directory", g->git_dir));
        return mod_fail(c, e, "%s", bad);
    }
    if (geteuid() == 0 && uid != 0 && st.st_uid != uid) {
        return mod_fail(c, e, "'%s' is a file of user %u that leads to '%s', which is not his: it is not followed",
                        file, (unsigned)uid, g->git_dir);
    }
    return true;
}

bool git_open(struct mod_call *c, struct git *g, struct err *e) {
    g->exe = mod_has(c, "executable") ? mod_z(c, "executable") : "git";
    if (!strchr(g->exe, '/') && !mod_need(c, g->exe, e)) {
        return false;
    }
    struct str repo = path_expand_user(c->arena, mod_str(c, "repo"));
    g->repo = str_starts(repo, "/") ? arena_printf(c->arena, "file://%.*s", STR(repo)) : mod_z(c, "repo");
    if (mod_has(c, "dest")) {
        g->dest = absolute(c, mod_z(c, "dest"));
        if (!git_find_dir(c, g, e)) {
            return false;
        }
    }
    return read_version(c, g, e) && set_environment(c, g, e);
}

// -- asking ----------------------------------------------------------------------------------------------------------

static void note_ref(struct git *g, struct str line, const char *version) {
    size_t tab = str_find_char(line, 0, '\t');
    if (tab == SIZE_MAX) {
        return;
    }
    struct str sha = str_sub(line, 0, tab);
    struct str ref = str_sub(line, tab + 1, line.n);
    size_t n = strlen(version);
    if (str_starts(sha, "ref: refs/heads/") && str_eqz(ref, "HEAD")) {
        g->head_branch = str_sub(sha, 16, sha.n);
    } else if (str_eqz(ref, "HEAD")) {
        g->head = sha;
    } else if (str_starts(ref, "refs/heads/") && str_eqz(str_sub(ref, 11, ref.n), version)) {
        g->branch = sha;
    } else if (str_starts(ref, "refs/tags/")) {
        struct str name = str_sub(ref, 10, ref.n);
        bool peeled = name.n == n + 3 && str_starts(name, version) && str_ends(name, "^{}");
        if (peeled || (str_eqz(name, version) && !g->tag.s)) {
            g->tag = sha;
        }
    }
}

bool git_ask(struct mod_call *c, struct git *g, const char *where, struct err *e) {
    if (g->asked && strcmp(where, g->asked_at) == 0) {
        return true;
    }
    struct run_result r;
    const char *version = mod_z(c, "version");
    const char *head = arena_printf(c->arena, "refs/heads/%s", version);
    const char *tag = arena_printf(c->arena, "refs/tags/%s", version);
    const char *peeled = arena_printf(c->arena, "%s^{}", tag);
    if (!git_must(c, g, GIT_WORDS("ls-remote", where, "HEAD", head, tag, peeled), &r, e)) {
        return false;
    }
    g->asked = true;
    g->asked_at = where;
    g->head = g->branch = g->tag = STR_NONE;
    struct str line;
    while (r.out.n > 0 && str_next(&r.out, '\n', &line)) {
        note_ref(g, line, version);
    }
    return true;
}

bool git_rev(struct mod_call *c, const struct git *g, const char *ref, struct str *sha, struct err *e) {
    struct run_result r;
    if (!git_try(c, g, g->dest, GIT_WORDS("rev-parse", ref), &r, e)) {
        return false;
    }
    *sha = r.rc == 0 ? str_rtrim(r.out) : STR_LIT("");
    return true;
}

bool git_head_branch(struct mod_call *c, const struct git *g, struct str *branch, struct err *e) {
    struct run_result r;
    const char *remote = mod_z(c, "remote");
    if (!git_try(c, g, g->dest, GIT_WORDS("symbolic-ref", "-q", "HEAD"), &r, e)) {
        return false;
    }
    const char *prefix = "refs/heads/";
    if (r.rc != 0) {
        prefix = arena_printf(c->arena, "refs/remotes/%s/", remote);
        const char *head = arena_printf(c->arena, "%sHEAD", prefix);
        if (!git_try(c, g, g->dest, GIT_WORDS("symbolic-ref", "-q", head), &r, e)) {
            return false;
        }
    }
    struct str ref = str_rtrim(r.out);
    if (r.rc != 0 || !str_starts(ref, prefix)) {
        return git_fail(c, &r, e, "cannot tell which branch the HEAD of the repository stands for");
    }
    *branch = str_sub(ref, strlen(prefix), ref.n);
    return str_starts(*branch, "-") ? mod_fail(c, e, "the branch '%.*s' cannot be checked out", STR(*branch)) : true;
}
