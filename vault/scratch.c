// The scratch directory of edit, diff and merge, and running an editor on it. Plaintext is only ever in memory.
#include "scratch.h"

#include "digest.h"
#include "spawn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

// -- the directory ---------------------------------------------------------------------------------------------------

static bool in_memory(const char *dir) {
    struct statfs fs;
    return dir && *dir == '/' && statfs(dir, &fs) == 0 &&
           (fs.f_type == (__typeof__(fs.f_type))TMPFS_MAGIC || fs.f_type == (__typeof__(fs.f_type))RAMFS_MAGIC) &&
           access(dir, W_OK | X_OK) == 0;
}

// Removes a directory of ours; editors put nothing but files and flat directories into it.
static void remove_tree(int parent, const char *name, int depth) {
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    // One thread reads this stream. NOLINTNEXTLINE(concurrency-mt-unsafe)
    for (struct dirent *it; d && (it = readdir(d));) {
        if (strcmp(it->d_name, ".") == 0 || strcmp(it->d_name, "..") == 0) {
            continue;
        }
        if (unlinkat(fd, it->d_name, 0) != 0 && depth < 8) {
            remove_tree(fd, it->d_name, depth + 1);  // NOLINT(misc-no-recursion): depth is bounded
        }
    }
    if (d) {
        closedir(d);
    }
    unlinkat(parent, name, AT_REMOVEDIR);
}

// The sweeper is this program again: it waits until the pipe ends, also when we are killed, and removes the directory.
// It runs before there is a directory, so that no moment is without it.
static bool start_sweeper(struct tool *t, struct scratch *s, const char *dir) {
    int p[2];
    if (pipe2(p, O_CLOEXEC) != 0) {
        return err_sys(t->e, errno, NO_MARK, "cannot create a pipe");
    }
    CLEANUP(fd_closep) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const char *argv[] = {"/proc/self/exe", "sweep", dir, NULL};
    struct spawn sp = {.argv = argv};
    int fds[3] = {p[0], null, null};
    bool ok = spawn_start(&sp, fds, &s->sweeper, t->e);
    fd_closep(&p[0]);
    s->guard = p[1];
    return ok;
}

static bool make_dir(struct tool *t, struct scratch *s, const char *place) {
    unsigned char random[12];
    char hex[2 * sizeof random + 1];
    random_bytes(random, sizeof random);
    hex_encode(random, sizeof random, hex);
    hex[sizeof hex - 1] = 0;
    const char *dir = arena_printf(t->a, "%s/vault-edit.%s", place, hex);
    if (!start_sweeper(t, s, dir)) {
        return false;
    }
    if (mkdir(dir, 0700) != 0) {
        return err_sys(t->e, errno, NO_MARK, "cannot make the directory '%s'", dir);
    }
    s->dir = dir;
    return true;
}

static const int held[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD};

static void hold_signals(struct tool *t, struct scratch *s) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < COUNTOF(held); i++) {
        sigaddset(&set, held[i]);
    }
    s->old_mask = ARENA_NEW(t->a, sigset_t);
    pthread_sigmask(SIG_BLOCK, &set, s->old_mask);
}

bool scratch_open(struct tool *t, struct scratch *s) {
    const char *const places[] = {secure_getenv("XDG_RUNTIME_DIR"), "/dev/shm", "/run/shm"};
    *s = (struct scratch){.guard = -1, .sweeper = -1};
    hold_signals(t, s);
    for (size_t i = 0; i < COUNTOF(places); i++) {
        if (in_memory(places[i])) {
            bool ok = make_dir(t, s, places[i]);
            if (!ok) {
                scratch_close(s);
            }
            return ok;
        }
    }
    return true;  // then files have no name: what is put is a memfd
}

void scratch_open_nameless(struct scratch *s) {
    *s = (struct scratch){.guard = -1, .sweeper = -1};
}

// Inherited by the programs that are given its path, which is good in their process too.
static bool put_nameless(struct tool *t, struct scratch *s, struct str text, const char **path) {
    if (s->n_fds == COUNTOF(s->fds)) {
        BUG("too many scratch files");
    }
    int fd = memfd_create("vault", 0);
    if (fd < 0) {
        err_sys(t->e, errno, NO_MARK, "cannot make a file in memory for the plaintext");
        return err_hint(t->e, "$XDG_RUNTIME_DIR or /dev/shm as a tmpfs that you may write to would do as well");
    }
    s->fds[s->n_fds++] = fd;
    *path = arena_printf(t->a, "/proc/self/fd/%d", fd);
    return fd_write_all(fd, text, t->e) || err_wrap(t->e, NO_MARK, "cannot show the plaintext");
}

bool scratch_put(struct tool *t, struct scratch *s, const char *name, struct str text, const char **path) {
    if (!s->dir) {
        return put_nameless(t, s, text, path);
    }
    *path = arena_printf(t->a, "%s/%s", s->dir, name);
    CLEANUP(fd_closep) int fd = open(*path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_sys(t->e, errno, NO_MARK, "cannot create '%s'", *path);
    }
    return fd_write_all(fd, text, t->e) || err_wrap(t->e, NO_MARK, "cannot show the plaintext in '%s'", *path);
}

void scratch_close(struct scratch *s) {
    if (s->dir) {
        remove_tree(AT_FDCWD, s->dir, 0);
        s->dir = NULL;
    }
    while (s->n_fds > 0) {
        fd_closep(&s->fds[--s->n_fds]);
    }
    fd_closep(&s->guard);
    if (s->sweeper > 0) {
        tool_wait(s->sweeper);
        s->sweeper = -1;
    }
    if (s->old_mask) {
        // Ends of our own children and Ctrl-C meant for the editor are not for us.
        struct timespec now = {0};
        sigset_t drop;
        sigemptyset(&drop);
        sigaddset(&drop, SIGCHLD);
        sigaddset(&drop, SIGPIPE);
        while (sigtimedwait(&drop, NULL, &now) > 0) {
        }
        pthread_sigmask(SIG_SETMASK, s->old_mask, NULL);
        s->old_mask = NULL;
    }
}

int verb_sweep(struct tool *t) {
    const char *dir = t->files.n == 1 ? t->files.p[0] : "";
    const char *name = strrchr(dir, '/');
    struct stat st;
    char c;
    if (!name || strncmp(name, "/vault-edit.", 12) != 0) {
        return tool_refuse(EXIT_USAGE, "sweep removes only scratch directories of vault, not", dir);
    }
    for (ssize_t n = 1; n != 0;) {
        n = read(STDIN_FILENO, &c, 1);
        if (n < 0 && errno != EINTR) {
            break;
        }
    }
    if (lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid()) {
        remove_tree(AT_FDCWD, dir, 0);
    }
    return EXIT_OK;
}

// -- the editor ------------------------------------------------------------------------------------------------------

struct quiet {
    const char *name;  // part of the program's name
    const char *args[8];
};
#define VIM_QUIET "set nobackup nowritebackup noundofile noswapfile"
static const struct quiet quiets[] = {
    {"nvim", {"-n", "-i", "NONE", "--cmd", VIM_QUIET, "-c", VIM_QUIET}},
    {"vim", {"-n", "-i", "NONE", "--cmd", VIM_QUIET, "-c", VIM_QUIET}},
    {"emacs",
     {"--eval", "(setq make-backup-files nil auto-save-default nil create-lockfiles nil auto-save-list-file-prefix nil "
                "savehist-mode nil)"}},
    {"nano", {"--ignorercfiles"}},
    {"micro", {"-backup", "false", "-savehistory", "false", "-saveundo", "false"}},
};

static void add_quiet(struct tool *t, struct texts *argv) {
    const char *path = spawn_which(t->a, argv->p[0]);
    char real[PATH_MAX];
    const char *full = path && realpath(path, real) ? real : argv->p[0];
    const char *slash = strrchr(full, '/');
    const char *name = slash ? slash + 1 : full;
    bool client = strncmp(name, "emacsclient", 11) == 0;
    for (size_t i = 0; i < COUNTOF(quiets) && !client; i++) {
        if (strstr(name, quiets[i].name)) {
            for (size_t k = 0; k < COUNTOF(quiets[i].args) && quiets[i].args[k]; k++) {
                tool_add(t, argv, quiets[i].args[k]);
            }
            return;
        }
    }
}

// Splits $EDITOR into words; quotes and backslashes as in a shell, nothing else is special.
static bool split_words(struct tool *t, struct str s, struct texts *argv) {
    struct buf word = BUF_IN(t->a);
    char quote = 0;
    bool open = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        if (quote ? c == quote : c == '\'' || c == '"') {
            quote = quote ? 0 : c;
            open = true;
        } else if (c == '\\' && quote != '\'' && i + 1 < s.n) {
            buf_char(&word, s.s[++i]);
            open = true;
        } else if (!quote && (c == ' ' || c == '\t')) {
            if (open) {
                tool_add(t, argv, str_z(t->a, buf_view(&word)));
                word.n = 0;
            }
            open = false;
        } else {
            buf_char(&word, c);
            open = true;
        }
    }
    if (open) {
        tool_add(t, argv, str_z(t->a, buf_view(&word)));
    }
    return (quote == 0 && argv->n > 0) || err_set(t->e, ERR_ARGS, NO_MARK, "$EDITOR is not a command");
}

// The environment with TMPDIR in the scratch directory, for what the editor's filters write.
static const char *const *editor_env(struct tool *t, const struct scratch *s) {
    struct texts env = {0};
    for (char **p = environ; *p; p++) {
        if (strncmp(*p, "TMPDIR=", 7) != 0) {
            tool_add(t, &env, *p);
        }
    }
    if (s->dir) {
        tool_add(t, &env, arena_printf(t->a, "TMPDIR=%s", s->dir));
    }
    tool_add(t, &env, NULL);
    return env.p;
}

// Waits for the editor. Ctrl-C and Ctrl-\ are the editor's; what ends us ends it first. False when we are to end.
static bool wait_editor(int pid, int *status) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < COUNTOF(held); i++) {
        sigaddset(&set, held[i]);
    }
    bool go_on = true;
    for (int st = 0;;) {
        if (waitpid(pid, &st, WNOHANG) == pid) {
            *status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
            return go_on;
        }
        struct timespec tick = {.tv_sec = 1};
        int sig = sigtimedwait(&set, NULL, &tick);
        if (sig == SIGTERM || sig == SIGHUP) {
            kill(pid, go_on ? sig : SIGKILL);
            go_on = false;
        }
    }
}

bool scratch_edit(struct tool *t, struct scratch *s, const char *path) {
    const char *editor = secure_getenv("ANSIBLE_EDITOR");
    editor = editor && *editor ? editor : secure_getenv("EDITOR");
    struct texts argv = {0};
    int pid;
    int status = 0;
    if (!split_words(t, str_from(editor && *editor ? editor : "vi"), &argv)) {
        return false;
    }
    const char *name = argv.p[0];
    if (!spawn_which(t->a, name)) {
        err_set(t->e, ERR_NOT_FOUND, NO_MARK, "no editor '%s'", name);
        return err_hint(t->e, "name one in $EDITOR");
    }
    add_quiet(t, &argv);
    tool_add(t, &argv, path);
    tool_add(t, &argv, NULL);
    struct spawn sp = {.argv = argv.p, .envp = editor_env(t, s), .terminal = true};
    int fds[3] = {0, 1, 2};
    if (!spawn_start(&sp, fds, &pid, t->e)) {
        return false;
    }
    if (!wait_editor(pid, &status)) {
        return err_set(t->e, ERR_VAULT, NO_MARK, "ended by a signal while the editor ran; nothing was saved");
    }
    return status == 0 ||
           err_set(t->e, ERR_VAULT, NO_MARK, "the editor '%s' failed with status %d; nothing was saved", name, status);
}
