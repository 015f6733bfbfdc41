// The web service that the model project deploys in tests: `site api FILE` answers /api/health, `site client FILE` the
// page. FILE holds KEY=VALUE lines: APP_NAME, APP_VERSION, API_LISTEN, CLIENT_LISTEN (ADDRESS:PORT), SESSION_SECRET.
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct settings {
    char name[64], version[64], listen[64], secret[128];
};

static void keep(char *to, size_t cap, const char *value) {
    snprintf(to, cap, "%s", value);
}

static int read_settings(const char *path, const char *listen_key, struct settings *s) {
    FILE *f = fopen(path, "r");
    char line[512];
    if (!f) {
        perror(path);
        return -1;
    }
    while (fgets(line, sizeof line, f)) {
        char *value = strchr(line, '=');
        if (line[0] == '#' || !value) {
            continue;
        }
        *value++ = '\0';
        value[strcspn(value, "\r\n")] = '\0';
        if (strcmp(line, "APP_NAME") == 0) {
            keep(s->name, sizeof s->name, value);
        } else if (strcmp(line, "APP_VERSION") == 0) {
            keep(s->version, sizeof s->version, value);
        } else if (strcmp(line, "SESSION_SECRET") == 0) {
            keep(s->secret, sizeof s->secret, value);
        } else if (strcmp(line, listen_key) == 0) {
            keep(s->listen, sizeof s->listen, value);
        }
    }
    fclose(f);
    if (!s->listen[0] || !s->secret[0]) {
        fprintf(stderr, "%s: %s and SESSION_SECRET are needed\n", path, listen_key);
        return -1;
    }
    return 0;
}

static int open_listener(const char *where) {
    struct sockaddr_in at = {.sin_family = AF_INET};
    char address[64];
    int one = 1;
    keep(address, sizeof address, where);
    char *port = strrchr(address, ':');
    if (!port) {
        fprintf(stderr, "expected ADDRESS:PORT, found '%s'\n", where);
        return -1;
    }
    *port++ = '\0';
    at.sin_port = htons((unsigned short)strtoul(port, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 16) != 0) {
        perror(where);
        return -1;
    }
    return fd;
}

static void answer(int fd, int api, const struct settings *s) {
    struct timeval limit = {.tv_sec = 2};
    char request[2048];
    char body[512];
    char head[256];
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ssize_t n = recv(fd, request, sizeof request - 1, 0);
    if (n <= 0) {
        return;
    }
    request[n] = '\0';
    int found = strncmp(request, api ? "GET /api/health" : "GET / ", api ? 15 : 6) == 0;
    if (!found) {
        snprintf(body, sizeof body, "not found\n");
    } else if (api) {
        snprintf(body, sizeof body, "{\"status\": \"ok\", \"app\": \"%s\", \"version\": \"%s\"}\n", s->name,
                 s->version);
    } else {
        snprintf(body, sizeof body, "<!doctype html><title>%s</title><h1>Welcome to %s</h1><p>version %s</p>\n",
                 s->name, s->name, s->version);
    }
    int len = snprintf(
        head, sizeof head, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
        found ? "200 OK" : "404 Not Found", found && api ? "application/json" : "text/html", strlen(body));
    if (send(fd, head, (size_t)len, 0) == len) {
        send(fd, body, strlen(body), 0);
    }
}

int main(int argc, char **argv) {
    struct settings s = {.name = "site", .version = "unknown"};
    if (argc != 3 || (strcmp(argv[1], "api") != 0 && strcmp(argv[1], "client") != 0)) {
        fprintf(stderr, "usage: site api|client SETTINGS\n");
        return 2;
    }
    int api = strcmp(argv[1], "api") == 0;
    if (read_settings(argv[2], api ? "API_LISTEN" : "CLIENT_LISTEN", &s) != 0) {
        return 1;
    }
    int listener = open_listener(s.listen);
    if (listener < 0) {
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0) {
            answer(fd, api, &s);
            close(fd);
        }
    }
}
