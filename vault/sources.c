// Where vault passwords come from: files, scripts and the terminal. Passwords never enter messages, argv or
// environment.
#include "fd.h"
#include "ring.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum { PASSWORD_MAX = 65536, UNKNOWN_ID = 2 };

struct source {
    struct vault_ring *r;
    const char *label;  // NULL when none was named
    const char *path;   // file, script or prompt word
    bool strict, fresh;
    struct arena *tmp;  // wiped
    struct err *e;
};

// -- the terminal ----------------------------------------------------------------------------------------------------

struct tty {
    int fd, signals;
    struct termios saved;
    sigset_t blocked, old;
};

static bool echo_off(const struct tty *t) {
    struct termios quiet = t->saved;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    return tcsetattr(t->fd, TCSAFLUSH, &quiet) == 0;
}

static void echo_back(const struct tty *t) {
    tcsetattr(t->fd, TCSANOW, &t->saved);
}

// Signals that would leave the terminal mute wait in a descriptor while we read.
static bool tty_open(struct tty *t, struct err *e) {
    t->signals = -1;
    t->fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (t->fd < 0 || tcgetattr(t->fd, &t->saved) != 0) {
        fd_closep(&t->fd);
        return err_set(e, ERR_NOT_FOUND, NO_MARK, "there is no terminal to ask for a password on") ||
               err_hint(e, "give it with --vault-password-file or --vault-id");
    }
    sigemptyset(&t->blocked);
    const int which[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    for (size_t i = 0; i < COUNTOF(which); i++) {
        sigaddset(&t->blocked, which[i]);
    }
    pthread_sigmask(SIG_BLOCK, &t->blocked, &t->old);
    t->signals = signalfd(-1, &t->blocked, SFD_CLOEXEC | SFD_NONBLOCK);
    if (t->signals < 0 || !echo_off(t)) {
        int errno_ = errno;
        fd_closep(&t->signals);
        fd_closep(&t->fd);
        pthread_sigmask(SIG_SETMASK, &t->old, NULL);
        return err_sys(e, errno_, NO_MARK, "cannot turn the terminal's echo off");
    }
    return true;
}

static void tty_close(struct tty *t) {
    echo_back(t);
    fd_closep(&t->signals);
    fd_closep(&t->fd);
    pthread_sigmask(SIG_SETMASK, &t->old, NULL);
}

// Takes a waiting signal: the terminal is restored before it acts. True when reading goes on (after a stop).
static bool tty_signal(struct tty *t, const char *prompt) {
    struct signalfd_siginfo si;
    if (read(t->signals, &si, sizeof si) != (ssize_t)sizeof si) {
        return true;
    }
    int sig = (int)si.ssi_signo;
    echo_back(t);
    if (sig == SIGTSTP) {
        raise(SIGSTOP);
        echo_off(t);
        return write(t->fd, prompt, strlen(prompt)) >= 0;
    }
    // Delivered when the mask is restored; it usually ends the process there.
    kill(getpid(), sig);
    return false;
}

enum got { GOT_LINE, GOT_END, GOT_SIGNAL };

static enum got tty_line(struct tty *t, const char *prompt, struct buf *line) {
    for (;;) {
        struct pollfd p[2] = {{.fd = t->fd, .events = POLLIN}, {.fd = t->signals, .events = POLLIN}};
        if (poll(p, 2, -1) < 0 && errno != EINTR) {
            return GOT_END;
        }
        if (p[1].revents && !tty_signal(t, prompt)) {
            return GOT_SIGNAL;
        }
        if (!(p[0].revents & (POLLIN | POLLHUP | POLLERR))) {
            continue;
        }
        char c;
        ssize_t n = read(t->fd, &c, 1);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (n <= 0 || c == '\n' || c == '\r') {
            return n <= 0 && line->n == 0 ? GOT_END : GOT_LINE;
        }
        buf_char(line, c);
    }
}

bool vault_has_terminal(void) {
    CLEANUP(fd_closep) int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    return fd >= 0;
}

// One line of standard input and no byte more: what follows may be for somebody else. As Python's getpass does where
// there is no terminal.
static bool prompt_stdin(const char *prompt, struct arena *a, struct str *out, struct err *e) {
    struct buf line = {.a = a, .max = PASSWORD_MAX};
    bool any = false;
    fputs(prompt, stderr);
    fflush(stderr);
    for (;;) {
        char c;
        ssize_t n = read(STDIN_FILENO, &c, 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0 && !any) {
            fputs("\n", stderr);
            return err_set(e, ERR_NOT_FOUND, NO_MARK,
                           "there is no terminal to ask for a password on, and standard input is at its end") ||
                   err_hint(e, "give it with --vault-password-file or --vault-id");
        }
        if (n <= 0 || c == '\n') {
            *out = str_ends(buf_view(&line), "\r") ? str_sub(buf_view(&line), 0, line.n - 1) : buf_view(&line);
            return true;
        }
        any = true;
        buf_char(&line, c);
    }
}

bool vault_prompt(const char *prompt, struct arena *a, struct str *out, struct err *e) {
    struct tty t;
    if (!vault_has_terminal()) {
        return prompt_stdin(prompt, a, out, e);
    }
    if (!tty_open(&t, e)) {
        return false;
    }
    struct buf line = {.a = a, .max = PASSWORD_MAX};
    bool shown = write(t.fd, prompt, strlen(prompt)) >= 0;
    enum got got = shown ? tty_line(&t, prompt, &line) : GOT_END;
    if (write(t.fd, "\n", 1) < 0) {
        got = GOT_END;
    }
    tty_close(&t);
    switch (got) {
    case GOT_LINE:
        *out = buf_view(&line);
        return true;
    case GOT_END:
        return err_set(e, ERR_VAULT, NO_MARK, "expected a password, found the end of input");
    case GOT_SIGNAL:
        break;
    }
    return err_set(e, ERR_VAULT, NO_MARK, "interrupted while asking for a password");
}

static bool ask(struct source *s, const char *format, struct str *out) {
    struct buf text = BUF_IN(s->tmp);
    for (const char *p = format; *p; p++) {
        if (*p == '%') {
            buf_z(&text, s->label ? s->label : s->r->label);
        } else {
            buf_char(&text, *p);
        }
    }
    buf_char(&text, '\0');
    struct str line;
    if (!vault_prompt(text.p, s->tmp, &line, s->e)) {
        return false;
    }
    *out = str_trim(line);
    return out->n > 0 || err_set(s->e, ERR_VAULT, NO_MARK, "the password typed is empty");
}

// The wording is Ansible's, which programs that answer prompts rely on.
static bool from_prompt(struct source *s, struct str *out) {
    bool plain = strcmp(s->path, "prompt_ask_vault_pass") == 0;
    if (!s->fresh) {
        return ask(s, plain ? "Vault password: " : "Vault password (%): ", out);
    }
    struct str again;
    if (!ask(s, plain ? "New Vault password: " : "New vault password (%): ", out) ||
        !ask(s, plain ? "Confirm New Vault password: " : "Confirm new vault password (%): ", &again)) {
        return false;
    }
    return (out->n == again.n && CRYPTO_memcmp(out->s, again.s, out->n) == 0) ||
           err_set(s->e, ERR_VAULT, NO_MARK, "the two passwords do not match");
}

// -- files and scripts -----------------------------------------------------------------------------------------------

static struct str strip_lines(struct str s) {
    while (s.n > 0 && (s.s[0] == '\n' || s.s[0] == '\r')) {
        s = str_sub(s, 1, s.n);
    }
    while (s.n > 0 && (s.s[s.n - 1] == '\n' || s.s[s.n - 1] == '\r')) {
        s.n--;
    }
    return s;
}

static bool is_client(const char *path) {
    struct str name = str_from(path);
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash : path, '.');
    return str_ends(dot ? str_sub(name, 0, (size_t)(dot - path)) : name, "-client");
}

static bool from_script(struct source *s, struct str *out) {
    const char *argv[4] = {s->path};
    bool client = is_client(s->path);
    if (client && s->label) {
        argv[1] = "--vault-id";
        argv[2] = s->label;
    }
    struct spawn sp = {.argv = argv, .out_cap = PASSWORD_MAX, .terminal = true};
    struct spawn_result res = {0};
    if (!spawn_run(&sp, s->tmp, &res, s->e)) {
        err_wrap(s->e, NO_MARK, "cannot run the vault password script '%s'", s->path);
        return err_hint(s->e, "if it is not a script, take its executable bit away");
    }
    if (client && res.status == UNKNOWN_ID) {
        return err_set(s->e, ERR_VAULT, NO_MARK, "the vault password script '%s' knows no password for the id '%s'",
                       s->path, s->label ? s->label : s->r->label);
    }
    if (res.status != 0) {
        return err_set(s->e, ERR_VAULT, NO_MARK, "the vault password script '%s' failed with status %d", s->path,
                       res.status);
    }
    if (res.truncated) {
        return err_set(s->e, ERR_LIMIT, NO_MARK, "the vault password script '%s' printed more than %d bytes", s->path,
                       PASSWORD_MAX);
    }
    *out = strip_lines(res.out);
    return out->n > 0 || err_set(s->e, ERR_VAULT, NO_MARK, "the vault password script '%s' printed nothing", s->path);
}

static bool from_file(struct source *s, struct str *out) {
    struct str text;
    if (!fd_read_file(s->path, PASSWORD_MAX, s->tmp, &text, s->e)) {
        return err_wrap(s->e, NO_MARK, "cannot use the vault password file '%s'", s->path);
    }
    text = str_trim(text);
    if (vault_is(text) && !vault_open(s->r, text, NO_MARK, s->tmp, &text, s->e)) {
        return err_wrap(s->e, NO_MARK, "cannot open the vault password file '%s', which is vaulted itself", s->path);
    }
    *out = strip_lines(text);
    return out->n > 0 || err_set(s->e, ERR_VAULT, NO_MARK, "the vault password file '%s' is empty", s->path);
}

// "~/x" under $HOME; other paths as they are, with "./" in front of a bare name so that no search in $PATH happens.
static const char *full_path(struct arena *a, const char *path) {
    const char *home = secure_getenv("HOME");
    if (path[0] == '~' && path[1] == '/' && home) {
        return arena_printf(a, "%s%s", home, path + 1);
    }
    return strchr(path, '/') ? path : arena_printf(a, "./%s", path);
}

static bool from_path(struct source *s, struct str *out) {
    struct stat st;
    s->path = full_path(s->tmp, s->path);
    if (stat(s->path, &st) != 0) {
        return errno == ENOENT ? err_set(s->e, ERR_NOT_FOUND, NO_MARK, "no vault password file '%s'", s->path)
                               : err_sys(s->e, errno, NO_MARK, "cannot use the vault password file '%s'", s->path);
    }
    if (S_ISDIR(st.st_mode)) {
        return err_set(s->e, ERR_VAULT, NO_MARK, "expected a vault password file, found the directory '%s'", s->path);
    }
    bool script = st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH);
    if (s->strict && st.st_mode & (script ? S_IWGRP | S_IWOTH : S_IRWXG | S_IRWXO)) {
        err_set(s->e, ERR_VAULT, NO_MARK, "the vault password %s '%s' is open to other users (mode %04o)",
                script ? "script" : "file", s->path, st.st_mode & 07777U);
        return err_hint(s->e, "chmod %s '%s'", script ? "go-w" : "600", s->path);
    }
    return script ? from_script(s, out) : from_file(s, out);
}

static bool source(struct source *s, const char *spec) {
    const char *at = strchr(spec, '@');
    s->path = at ? at + 1 : spec;
    s->label = at && at > spec ? arena_strndup(s->tmp, spec, (size_t)(at - spec)) : NULL;
    if (s->label && strpbrk(s->label, ";\r\n")) {
        return err_set(s->e, ERR_ARGS, NO_MARK, "the vault id '%s' must not contain ';' or a line end", s->label);
    }
    if (!*s->path) {
        return err_set(s->e, ERR_ARGS, NO_MARK, "expected 'label@file' or 'label@prompt' as the vault id, found '%s'",
                       spec);
    }
    struct str password = STR_NONE;
    bool prompt = strcmp(s->path, "prompt") == 0 || strcmp(s->path, "prompt_ask_vault_pass") == 0;
    if (prompt ? !from_prompt(s, &password) : !from_path(s, &password)) {
        return false;
    }
    vault_ring_add(s->r, s->label ? s->label : s->r->label, password);
    return true;
}

static bool run_source(struct vault_ring *r, const char *spec, bool strict, bool fresh, struct err *e) {
    struct arena tmp = {.secret = true};
    struct source s = {.r = r, .strict = strict, .fresh = fresh, .tmp = &tmp, .e = e};
    bool ok = source(&s, spec);
    arena_release(&tmp);
    return ok;
}

bool vault_ring_source(struct vault_ring *r, const char *spec, bool strict, struct err *e) {
    return run_source(r, spec, strict, false, e);
}

bool vault_ring_source_new(struct vault_ring *r, const char *spec, bool strict, struct err *e) {
    return run_source(r, spec, strict, true, e);
}
