// A pseudo-terminal between a program that asks for a password and play, which answers on standard input. Three
// processes: this one moves the few bytes, the leader of the terminal's session waits, and the program is its child. So
// whatever the program becomes can leave the session, and the end of this process hangs the terminal up.
#include "terminal.h"

#include "fd.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define PASSWORD_MAX 4000  // a terminal takes lines of 4095 bytes

struct terminal {
    int master, slave;
    int done[2];  // the leader holds the writing end
    pid_t leader;
    const char *nonce;
};

/// Nothing in a password means anything to the terminal but the newline.
static bool plain_keys(int fd) {
    struct termios t;
    if (tcgetattr(fd, &t) != 0) {
        return false;
    }
    t.c_iflag &= ~(tcflag_t)(ICRNL | INLCR | IGNCR | IXON | IXOFF | ISTRIP);
    t.c_lflag &= ~(tcflag_t)(ISIG | IEXTEN);
    memset(t.c_cc, _POSIX_VDISABLE, sizeof t.c_cc);
    return tcsetattr(fd, TCSANOW, &t) == 0;
}

static bool open_terminal(struct terminal *t) {
    char name[128];
    t->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    return t->master >= 0 && grantpt(t->master) == 0 && unlockpt(t->master) == 0 &&
           ptsname_r(t->master, name, sizeof name) == 0 &&
           (t->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)) >= 0 && plain_keys(t->slave);
}

static int exit_code(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return 1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// The session's leader: it keeps the terminal until the program has ended.
static _Noreturn void lead(struct terminal *t, char **argv) {
    close(t->done[0]);
    close(t->master);
    if (setsid() < 0 || ioctl(t->slave, TIOCSCTTY, 0) != 0) {
        fprintf(stderr, "play-remote: cannot take a terminal: %s\n", strerror(errno));
        _exit(126);
    }
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[0], argv);
        fprintf(stderr, "play-remote: cannot run '%s': %s\n", argv[0], strerror(errno));
        _exit(errno == ENOENT ? 127 : 126);
    }
    _exit(pid < 0 ? 126 : exit_code(pid));
}

static void say(const char *text, size_t n) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    (void)fd_write_all(STDERR_FILENO, (struct str){text, n}, &e);  // only for messages
    arena_release(&a);
}

static bool echo_is_off(const struct terminal *t) {
    struct termios now;
    return tcgetattr(t->slave, &now) == 0 && !(now.c_lflag & ECHO);
}

/// With the echo off the newline behind the answer comes, too: that is no question.
static bool is_question(const char *text, size_t n) {
    return str_trim((struct str){text, n}).n > 0;
}

/// One line of standard input, byte by byte: what follows is for the program. false at its end.
static bool pass_line(const struct terminal *t) {
    char line[PASSWORD_MAX + 1];
    size_t n = 0;
    bool more = true;
    while (more && n < sizeof line && !(n && line[n - 1] == '\n')) {
        ssize_t got = read(STDIN_FILENO, line + n, 1);
        more = got > 0 || (got < 0 && errno == EINTR);
        n += got > 0 ? 1 : 0;
    }
    bool whole = n && line[n - 1] == '\n';
    struct arena a = {0};
    struct err e = {.arena = &a};
    whole = whole && fd_write_all(t->master, (struct str){line, n}, &e);
    arena_release(&a);
    explicit_bzero(line, sizeof line);
    return whole;
}

/// Moves text and the answer until the program has ended.
static bool relay(const struct terminal *t) {
    char text[1024];
    bool asked = false;
    for (;;) {
        struct pollfd p[] = {{.fd = t->master, .events = POLLIN},
                             {.fd = asked ? STDIN_FILENO : -1, .events = POLLIN},
                             {.fd = t->done[0], .events = POLLIN}};
        if (poll(p, 3, -1) < 0) {
            if (errno != EINTR) {
                return false;
            }
            continue;
        }
        ssize_t n = p[0].revents & POLLIN ? read(t->master, text, sizeof text) : 0;
        if (n > 0 && !echo_is_off(t)) {
            say(text, (size_t)n);
        } else if (n > 0 && !asked && is_question(text, (size_t)n)) {
            asked = true;
            int m = snprintf(text, sizeof text, "[%s] password:", t->nonce);
            say(text, m > 0 ? (size_t)m : 0);
        }
        if (p[1].revents) {
            asked = false;
            if (!pass_line(t)) {
                return false;
            }
        }
        if (p[2].revents && n <= 0) {
            return true;
        }
    }
}

int terminal_run(const char *nonce, char **argv) {
    struct terminal t = {.master = -1, .slave = -1, .nonce = nonce};
    signal(SIGPIPE, SIG_IGN);
    if (!open_terminal(&t) || pipe2(t.done, O_CLOEXEC) != 0) {
        fprintf(stderr, "play-remote: '%s' asks for its password on a terminal, and there is none to be had: %s\n",
                argv[0], strerror(errno));
        return 126;
    }
    t.leader = fork();
    if (t.leader == 0) {
        signal(SIGPIPE, SIG_DFL);
        lead(&t, argv);
    }
    close(t.done[1]);
    bool ended = t.leader > 0 && relay(&t);
    close(t.master);  // hangs up
    return ended ? exit_code(t.leader) : 1;
}
