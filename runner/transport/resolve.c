// getaddrinfo with a deadline: the system's resolver may wait for minutes and cannot be stopped, so it runs in a thread
// of its own, which is left alone when it takes too long.
#include "fd.h"
#include "ssh.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct lookup {
    struct arena arena;
    atomic_int users;  // the thread and who waits: the last one frees it
    int done_fd;
    const char *name, *port;
    struct addrinfo hints;
    struct addrinfo *list;
    int rc;
};

static void leave(struct lookup *l) {
    if (atomic_fetch_sub(&l->users, 1) == 1) {
        if (l->list) {
            freeaddrinfo(l->list);
        }
        fd_closep(&l->done_fd);
        struct arena a = l->arena;
        arena_release(&a);
    }
}

static void *lookup_main(void *arg) {
    struct lookup *l = arg;
    uint64_t one = 1;
    l->rc = getaddrinfo(l->name, l->port, &l->hints, &l->list);
    ssize_t put = write(l->done_fd, &one, sizeof one);
    (void)put;
    leave(l);
    return NULL;
}

static bool lookup_start(struct lookup *l) {
    pthread_t thread;
    pthread_attr_t at;
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    pthread_attr_init(&at);
    pthread_attr_setdetachstate(&at, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&at, (size_t)512 << 10);
    bool ok = l->done_fd >= 0 && pthread_create(&thread, &at, lookup_main, l) == 0;
    pthread_attr_destroy(&at);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return ok;
}

const char *resolve(struct ssh_try *t, const char *name, const char *port, const struct addrinfo *hints,
                    struct addrinfo **list) {
    struct addrinfo numeric = *hints;
    numeric.ai_flags |= AI_NUMERICHOST;
    *list = NULL;
    if (getaddrinfo(name, port, &numeric, list) == 0) {
        return NULL;
    }
    struct arena a = {0};
    struct lookup *l = ARENA_NEW(&a, struct lookup);
    l->arena = a;
    l->hints = *hints;
    l->name = arena_strndup(&l->arena, name, strlen(name));
    l->port = port ? arena_strndup(&l->arena, port, strlen(port)) : NULL;
    l->done_fd = eventfd(0, EFD_CLOEXEC);
    atomic_store(&l->users, 2);
    if (!lookup_start(l)) {
        leave(l);
        leave(l);
        return "no thread could be started";
    }
    const char *why = NULL;
    uint64_t one = 0;
    int got = dial_wait(t->h, l->done_fd, POLLIN, t->deadline_ms);
    if (got <= 0) {
        why = got < 0 ? ssh_stopped
                      : arena_printf(t->a, "the name was not resolved within %lld s",
                                     (long long)((t->timeout_ms + 999) / 1000));
    } else if (read(l->done_fd, &one, sizeof one) == (ssize_t)sizeof one && l->rc != 0) {
        why = gai_strerror(l->rc);
    } else {
        *list = l->list;
        l->list = NULL;
    }
    leave(l);
    return why;
}
