// The remote work of a workload without any protocol: what the targets must do whoever asks them, once for each of N
// hosts, all at the same time. It starts the same programs, looks at the same files and hashes them, and captures the
// output of programs as any result needs it. Prints the milliseconds from its start to its end. The second run of a
// workload is meant, which changes nothing: DIR/hN must be as the first run of `play` has left it.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#define HOSTS_MAX   1024
#define OUTPUT_TEXT 65536
#define WORDS_MAX   16

extern char **environ;

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void fail(const char *what, const char *name) {
    fprintf(stderr, "bench-work: %s '%s': %s\n", what, name, strerror(errno));
    _exit(1);
}

// -- programs --------------------------------------------------------------------------------------------------------
struct running {
    pid_t pid;
    int out;
};

static struct running start(const char *const *argv) {
    struct running r;
    int p[2];
    char *words[WORDS_MAX] = {0};
    posix_spawn_file_actions_t fa;
    for (size_t i = 0; argv[i] && i + 1 < WORDS_MAX; i++) {
        memcpy(&words[i], &argv[i], sizeof words[i]);  // posix_spawn leaves them alone
    }
    if (pipe2(p, O_CLOEXEC) != 0 || posix_spawn_file_actions_init(&fa) != 0) {
        fail("cannot prepare", argv[0]);
    }
    posix_spawn_file_actions_addopen(&fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&fa, p[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&fa, p[1], STDERR_FILENO);
    errno = posix_spawnp(&r.pid, argv[0], &fa, NULL, words, environ);
    if (errno != 0) {
        fail("cannot start", argv[0]);
    }
    posix_spawn_file_actions_destroy(&fa);
    close(p[1]);
    r.out = p[0];
    return r;
}

static void finish(struct running r) {
    char text[OUTPUT_TEXT];
    int status = 0;
    while (read(r.out, text, sizeof text) > 0) {
    }
    close(r.out);
    while (waitpid(r.pid, &status, 0) < 0 && errno == EINTR) {
    }
}

static void program(const char *const *argv) {
    finish(start(argv));
}

#define PROGRAM(...) program((const char *const[]){__VA_ARGS__, NULL})

// -- files -----------------------------------------------------------------------------------------------------------
static void look(const char *dir, const char *name) {
    char path[4096];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    if (lstat(path, &st) != 0 && strcmp(name, "etc/none") != 0) {
        fail("there is no", path);
    }
}

/// Looks at a file and reads it; with its digest when there is one to be compared or told.
static void contents(const char *dir, const char *name, const EVP_MD *digest) {
    char path[4096];
    static char text[1 << 20];
    unsigned char sum[EVP_MAX_MD_SIZE];
    look(dir, name);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (n < 0 || (digest && EVP_Digest(text, (size_t)n, sum, NULL, digest, NULL) != 1)) {
        fail("cannot read", path);
    }
    close(fd);
}

// -- the workloads ---------------------------------------------------------------------------------------------------
static void commands(const char *dir) {
    (void)dir;
    for (int i = 0; i < 100; i++) {
        PROGRAM("/bin/true");
    }
}

static void copies(const char *dir) {
    char name[32];
    look(dir, "");
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "c%d", i);
        contents(dir, name, EVP_sha1());
    }
}

/// The programs that `setup` asks, as both play and Ansible do; they do not wait for each other. The files that it
/// reads beside them are left out.
static void facts(const char *dir) {
    (void)dir;
    static const char version[] = "import sys;print(sys.version_info)";
    struct running all[] = {
        start((const char *const[]){"/usr/bin/python3", "-I", "-S", "-c", version, NULL}),
        start((const char *const[]){"lsb_release", "-a", NULL}),
        start((const char *const[]){"capsh", "--print", NULL}),
        start((const char *const[]){"lsblk", "--list", "--noheadings", "--paths", "--output", "NAME,UUID", NULL}),
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        finish(all[i]);
    }
}

static void mixed(const char *dir) {
    static const char *const dirs[] = {"", "etc", "log", "run"};
    static const char *const files[] = {"etc/hello",    "etc/f.txt",    "etc/t.conf",
                                        "etc/t-a.conf", "etc/t-b.conf", "etc/n"};
    char path[4096];
    char cat[4200];
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        look(dir, dirs[i]);
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        contents(dir, files[i], EVP_sha1());
    }
    contents(dir, "etc/lines", NULL);
    PROGRAM("true");
    PROGRAM("/bin/sh", "-c", "echo $((1 + 2))");
    contents(dir, "etc/f.txt", EVP_sha1());  // stat tells the checksum and the kind
    (void)snprintf(path, sizeof path, "%s/etc/f.txt", dir);
    PROGRAM("file", "--mime-type", "--mime-encoding", "--", path);
    look(dir, "etc/link");
    look(dir, "etc/none");
    contents("/etc", "passwd", NULL);
    contents("/etc", "group", NULL);
    PROGRAM("true");
    if (strcmp(strrchr(dir, '/'), "/h1") == 0) {
        PROGRAM("true");  // run_once
    }
    (void)snprintf(cat, sizeof cat, "cat %s/etc/n", dir);
    PROGRAM("/bin/sh", "-c", cat);
}

static const struct workload {
    const char *name;
    void (*run)(const char *dir);
} workloads[] = {{"commands", commands}, {"copies", copies}, {"facts", facts}, {"mixed", mixed}};

int main(int argc, char **argv) {
    double begin = now_ms();
    long n = argc == 4 ? strtol(argv[2], NULL, 10) : 0;
    const struct workload *w = NULL;
    for (size_t i = 0; argc == 4 && i < sizeof workloads / sizeof *workloads; i++) {
        w = strcmp(argv[1], workloads[i].name) == 0 ? &workloads[i] : w;
    }
    if (!w || n < 1 || n > HOSTS_MAX) {
        fprintf(stderr, "usage: bench-work commands|copies|facts|mixed HOSTS DIR\n");
        return 2;
    }
    static pid_t hosts[HOSTS_MAX];
    for (long i = 0; i < n; i++) {
        hosts[i] = fork();
        if (hosts[i] == 0) {
            char dir[2048];
            (void)snprintf(dir, sizeof dir, "%s/h%ld", argv[3], i + 1);
            w->run(dir);
            _exit(0);
        }
        if (hosts[i] < 0) {
            fail("cannot start", "a process");
        }
    }
    int bad = 0;
    for (long i = 0; i < n; i++) {
        int status = 0;
        bad |= waitpid(hosts[i], &status, 0) != hosts[i] || status != 0;
    }
    printf("%.1f\n", now_ms() - begin);
    return bad;
}
