// The lower limit of a run over ssh: what a bare libssh program needs to connect to N hosts at once, check their host
// keys, authenticate with a key, start `cat` on each and send it FRAMES frames of 400 bytes, which come back; AT_ONCE
// of them may be on their way. Prints the milliseconds from its start to the last exit status.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <libssh/libssh.h>

#define HOSTS_MAX 1024
#define FRAME     400

struct job {
    pthread_t thread;
    const char *address, *known_hosts;
    int port;
    ssh_key key;
    long frames, at_once;
    char why[256];  // empty: it worked
};

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int dial(const char *address, int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1) {
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool log_in(struct job *j, ssh_session s) {
    bool no = false;
    int fd = dial(j->address, j->port);
    return fd >= 0 && ssh_options_set(s, SSH_OPTIONS_PROCESS_CONFIG, &no) == SSH_OK &&
           ssh_options_set(s, SSH_OPTIONS_HOST, j->address) == SSH_OK &&
           ssh_options_set(s, SSH_OPTIONS_PORT, &j->port) == SSH_OK &&
           ssh_options_set(s, SSH_OPTIONS_KNOWNHOSTS, j->known_hosts) == SSH_OK &&
           ssh_options_set(s, SSH_OPTIONS_FD, &fd) == SSH_OK && ssh_connect(s) == SSH_OK &&
           ssh_session_is_known_server(s) == SSH_KNOWN_HOSTS_OK &&
           ssh_userauth_publickey(s, NULL, j->key) == SSH_AUTH_SUCCESS;
}

static bool exchange(const struct job *j, ssh_channel c) {
    static const char frame[FRAME] = {0};
    char in[65536];
    long sent = 0;
    long back = 0;  // bytes
    while (back < j->frames * FRAME) {
        while (sent < j->frames && sent - back / FRAME < j->at_once) {
            if (ssh_channel_write(c, frame, FRAME) != FRAME) {
                return false;
            }
            sent++;
        }
        int n = ssh_channel_read(c, in, sizeof in, 0);
        if (n <= 0) {
            return false;
        }
        back += n;
    }
    return ssh_channel_send_eof(c) == SSH_OK;
}

static bool run(struct job *j, ssh_session s) {
    ssh_channel c = ssh_channel_new(s);
    char out[4096];
    bool ok = c && ssh_channel_open_session(c) == SSH_OK && ssh_channel_request_exec(c, "exec cat") == SSH_OK;
    ok = ok && exchange(j, c);
    while (ok && ssh_channel_read(c, out, sizeof out, 0) > 0) {
    }
    ok = ok && ssh_channel_get_exit_status(c) == 0;
    if (c) {
        ssh_channel_free(c);
    }
    return ok;
}

static void *host(void *arg) {
    struct job *j = arg;
    ssh_session s = ssh_new();
    if (!s || !log_in(j, s) || !run(j, s)) {
        (void)snprintf(j->why, sizeof j->why, "%s: %s", j->address, s ? ssh_get_error(s) : "out of memory");
        if (!j->why[strlen(j->address) + 2]) {
            (void)snprintf(j->why, sizeof j->why, "%s: failed", j->address);
        }
    }
    if (s) {
        ssh_disconnect(s);
        ssh_free(s);
    }
    return NULL;
}

int main(int argc, char **argv) {
    static struct job jobs[HOSTS_MAX];
    double start = now_ms();
    if (argc < 7 || argc - 6 > HOSTS_MAX) {
        fprintf(stderr, "usage: bench-limit PORT KEY KNOWN_HOSTS FRAMES AT_ONCE ADDRESS...\n");
        return 2;
    }
    ssh_key key = NULL;
    if (ssh_init() != SSH_OK || ssh_pki_import_privkey_file(argv[2], NULL, NULL, NULL, &key) != SSH_OK) {
        fprintf(stderr, "bench-limit: the key '%s' cannot be read\n", argv[2]);
        return 2;
    }
    int n = argc - 6;
    int bad = 0;
    for (int i = 0; i < n; i++) {
        struct job *j = &jobs[i];
        j->address = argv[6 + i];
        j->port = (int)strtol(argv[1], NULL, 10);
        j->known_hosts = argv[3];
        j->key = ssh_key_dup(key);
        j->frames = strtol(argv[4], NULL, 10);
        j->at_once = strtol(argv[5], NULL, 10);
        if (pthread_create(&j->thread, NULL, host, j) != 0) {
            fprintf(stderr, "bench-limit: no more threads\n");
            return 2;
        }
    }
    for (int i = 0; i < n; i++) {
        pthread_join(jobs[i].thread, NULL);
        ssh_key_free(jobs[i].key);
        if (jobs[i].why[0]) {
            fprintf(stderr, "bench-limit: %s\n", jobs[i].why);
            bad++;
        }
    }
    printf("%.1f\n", now_ms() - start);
    ssh_key_free(key);
    (void)ssh_finalize();
    return bad ? 1 : 0;
}
