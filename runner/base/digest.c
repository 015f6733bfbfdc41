// Digests through mbedcrypto, base64 by hand (twenty lines, and strict about what it refuses).
#include "digest.h"

#include "buf.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <mbedtls/md.h>
#include <sys/stat.h>
#include <unistd.h>

struct digest {
    const mbedtls_md_info_t *info;
    mbedtls_md_context_t ctx;
};

struct digest *digest_open(const char *name) {
    char upper[16];
    size_t n = strlen(name);
    if (n >= sizeof upper) {
        return NULL;
    }
    for (size_t i = 0; i <= n; i++) {
        upper[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
    }
    const mbedtls_md_info_t *info = mbedtls_md_info_from_string(upper);
    if (!info) {
        return NULL;
    }
    struct digest *d = calloc(1, sizeof *d);
    if (!d) {
        BUG("out of memory");
    }
    d->info = info;
    mbedtls_md_init(&d->ctx);
    if (mbedtls_md_setup(&d->ctx, info, 0) != 0 || mbedtls_md_starts(&d->ctx) != 0) {
        BUG("cannot start digest %s", name);
    }
    return d;
}

void digest_add(struct digest *d, const void *p, size_t n) {
    if (mbedtls_md_update(&d->ctx, p, n) != 0) {
        BUG("digest failed");
    }
}

size_t digest_close(struct digest *d, unsigned char out[DIGEST_MAX]) {
    size_t n = mbedtls_md_get_size(d->info);
    if (mbedtls_md_finish(&d->ctx, out) != 0) {
        BUG("digest failed");
    }
    mbedtls_md_free(&d->ctx);
    free(d);
    return n;
}

void hex_encode(const unsigned char *p, size_t n, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * n] = '\0';
}

static const char *finish(struct arena *a, struct digest *d) {
    unsigned char raw[DIGEST_MAX];
    size_t n = digest_close(d, raw);
    char *hex = arena_alloc(a, 2 * n + 1);
    hex_encode(raw, n, hex);
    return hex;
}

static bool unknown(const char *name, struct err *e) {
    return err_set(e, ERR_ARGS, NO_MARK, "unknown digest '%s', expected md5, sha1, sha224, sha256, sha384 or sha512",
                   name);
}

bool digest_hex(struct arena *a, const char *name, struct str data, const char **hex, struct err *e) {
    struct digest *d = digest_open(name);
    if (!d) {
        return unknown(name, e);
    }
    digest_add(d, data.s, data.n);
    *hex = finish(a, d);
    return true;
}

bool digest_file(struct arena *a, const char *name, const char *path, const char **hex, struct err *e) {
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return err_sys(e, errno, NO_MARK, "cannot open '%s'", path);
    }
    struct stat st;
    if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))) {
        return err_sys(e, EINVAL, NO_MARK, "'%s' is no regular file: cannot read it", path);
    }
    struct digest *d = digest_open(name);
    if (!d) {
        return unknown(name, e);
    }
    char chunk[32768];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            int why = errno;
            finish(a, d);
            return err_sys(e, why, NO_MARK, "cannot read '%s'", path);
        }
        digest_add(d, chunk, (size_t)n);
    }
    *hex = finish(a, d);
    return true;
}

struct str base64_encode(struct arena *a, struct str data) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    const unsigned char *p = (const unsigned char *)data.s;
    char *out = arena_alloc(a, (data.n + 2) / 3 * 4 + 1);
    size_t o = 0;
    for (size_t i = 0; i < data.n; i += 3) {
        size_t left = data.n - i;
        uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);
        out[o++] = digits[v >> 18];
        out[o++] = digits[v >> 12 & 63];
        out[o++] = digits[left > 1 ? v >> 6 & 63 : 64];
        out[o++] = digits[left > 2 ? v & 63 : 64];
    }
    return (struct str){out, o};
}

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+' || c == '-') {
        return 62;
    }
    return c == '/' || c == '_' ? 63 : -1;
}

bool base64_decode(struct arena *a, struct str text, struct str *out, struct err *e) {
    char *p = arena_alloc(a, text.n / 4 * 3 + 4);
    size_t n = 0;
    uint32_t v = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.s[i];
        if (c == '=' || c == '\n' || c == '\r' || c == ' ' || c == '\t') {
            continue;
        }
        int d = base64_digit(c);
        if (d < 0) {
            return err_set(e, ERR_SYNTAX, NO_MARK, "expected base64 text, found byte 0x%02x at offset %zu",
                           (unsigned)(unsigned char)c, i);
        }
        v = v << 6 | (uint32_t)d;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            p[n++] = (char)(unsigned char)(v >> bits & 0xFF);
        }
    }
    p[n] = '\0';
    *out = (struct str){p, n};
    return true;
}
