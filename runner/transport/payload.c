// The executables that are put on targets: read once, packed once, for all hosts.
#include "start.h"

#include "digest.h"
#include "fd.h"
#include "frame.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAYLOAD_MAX ((size_t)256 << 20)

void payloads_find(struct payloads *p, const char *dir, struct arena *a) {
    static const char *const machines[START_ARCHES] = {"x86_64", "aarch64"};
    p->dir = arena_strndup(a, dir, strlen(dir));
    for (size_t i = 0; i < START_ARCHES; i++) {
        const char *path = arena_printf(a, "%s/play-remote-%s", dir, machines[i]);
        if (access(path, F_OK) == 0) {
            p->p[i] = (struct payload){.machine = machines[i], .path = path};
        }
    }
}

/// Reads a file into memory of just its size: it is by far the largest thing that a run holds.
static bool read_whole(const char *path, struct arena *a, struct str *out, struct err *e) {
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        return err_sys(e, errno, NO_MARK, "cannot open '%s'", path);
    }
    if (!S_ISREG(st.st_mode) || st.st_size <= 0 || (uintmax_t)st.st_size > PAYLOAD_MAX) {
        return err_set(e, ERR_LIMIT, NO_MARK, "'%s' is not an executable of play", path);
    }
    size_t size = (size_t)st.st_size;
    char *p = arena_alloc(a, size);
    size_t at = 0;
    ssize_t n = 1;
    while (at < size && (n = read(fd, p + at, size - at)) > 0) {
        at += (size_t)n;
    }
    if (at < size) {
        return err_sys(e, n < 0 ? errno : EIO, NO_MARK, "cannot read '%s'", path);
    }
    *out = (struct str){p, size};
    return true;
}

/// By OpenSSL, which uses the processor's instructions for it: 2 ms instead of 20, at the start of every run.
static bool fast_sha256(struct str data, char hex[65], struct err *e) {
    unsigned char sum[32];
    unsigned n = 0;
    if (EVP_Digest(data.s, data.n, sum, &n, EVP_sha256(), NULL) != 1 || n != sizeof sum) {
        return err_set(e, ERR_SYS, NO_MARK, "cannot compute a SHA-256");
    }
    hex_encode(sum, sizeof sum, hex);
    hex[64] = '\0';
    return true;
}

bool payloads_load(struct payloads *p, struct arena *a, struct err *e) {
    for (size_t i = 0; i < START_ARCHES; i++) {
        struct payload *one = &p->p[i];
        if (!one->machine || one->data.n) {
            continue;
        }
        if (!read_whole(one->path, a, &one->data, e) || !fast_sha256(one->data, one->sha256, e)) {
            one->data = STR_NONE;
            return false;
        }
    }
    return true;
}

const struct payload *payload_for(const struct payloads *p, struct str machine) {
    for (size_t i = 0; i < START_ARCHES; i++) {
        if (p->p[i].machine && str_eqz(machine, p->p[i].machine)) {
            return &p->p[i];
        }
    }
    return NULL;
}

bool payload_pack(struct payload *p, struct arena *a, struct err *e) {
    if (p->packed.n) {
        return true;
    }
    CLEANUP(buf_release) struct buf out = {0};
    if (!gzip_pack(&out, p->data)) {
        return err_set(e, ERR_SYS, NO_MARK, "cannot pack '%s': out of memory", p->path);
    }
    p->packed = str_dup(a, buf_view(&out));
    return true;
}
