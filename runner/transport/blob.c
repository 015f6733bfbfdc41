// Contents that requests share: one copy a run, however many hosts get it, also of its compressed form.
#include "fd.h"
#include "frame.h"
#include "hub.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PART     ((size_t)256 << 10)
#define SAMPLE   ((size_t)16 << 10)  // of larger content, to see whether it shrinks
#define KEEP_MAX ((size_t)64 << 20)  // larger content is compressed for each host anew

struct blob *blob_take(struct blobs *b, const unsigned char sha[32], struct content from) {
    pthread_mutex_lock(&b->lock);
    struct blob **slot = &b->bucket[sha[0] % BLOB_BUCKETS];
    struct blob *found = *slot;
    while (found && memcmp(found->sha, sha, sizeof found->sha) != 0) {
        found = found->next;
    }
    if (!found) {
        struct arena a = {.secret = true};
        found = ARENA_NEW(&a, struct blob);
        found->next = *slot;
        memcpy(found->sha, sha, sizeof found->sha);
        if (from.path) {
            found->path = arena_strndup(&a, from.path, strlen(from.path));
            found->size = from.size;
        } else {
            found->data = str_dup(&a, from.data);
            found->size = from.data.n;
        }
        found->arena = a;
        *slot = found;
    }
    found->refs++;
    pthread_mutex_unlock(&b->lock);
    return found;
}

struct blob *blob_again(struct blobs *b, struct blob *blob) {
    pthread_mutex_lock(&b->lock);
    blob->refs++;
    pthread_mutex_unlock(&b->lock);
    return blob;
}

void blob_drop(struct blobs *b, struct blob *blob) {
    pthread_mutex_lock(&b->lock);
    if (--blob->refs == 0) {
        struct blob **slot = &b->bucket[blob->sha[0] % BLOB_BUCKETS];
        while (*slot != blob) {
            slot = &(*slot)->next;
        }
        *slot = blob->next;
        struct arena a = blob->arena;
        arena_release(&a);
    }
    pthread_mutex_unlock(&b->lock);
}

// -- on the wire -----------------------------------------------------------------------------------------------------
static void wipe(struct buf *b) {
    if (b->p) {
        explicit_bzero(b->p, b->n);
    }
    buf_release(b);
}

static void read_bytes(const char *path, char *p, size_t at, size_t n) {
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    size_t got = 0;
    ssize_t r = 1;
    while (fd >= 0 && got < n && r > 0) {
        r = pread(fd, p + got, n - got, (off_t)(at + got));
        got += r > 0 ? (size_t)r : 0;
        r = r < 0 && errno == EINTR ? 1 : r;
    }
    memset(p + got, 0, n - got);
}

void blob_bytes(const struct blob *blob, size_t at, size_t end, struct buf *out) {
    if (blob->path) {
        read_bytes(blob->path, buf_reserve(out, end - at), at, end - at);
        out->n += end - at;
    } else {
        buf_str(out, str_sub(blob->data, at, end));
    }
}

static bool shrinks(const struct blob *blob) {
    struct buf in = {0};
    struct buf out = {0};
    blob_bytes(blob, 0, blob->size < SAMPLE ? blob->size : SAMPLE, &in);
    bool yes = frame_pack(&out, FRAME_BLOB, 0, buf_view(&in));
    wipe(&in);
    wipe(&out);
    return yes;
}

static void body_of(const struct blob *blob, size_t at, size_t end, struct buf *body) {
    buf_add(body, blob->sha, sizeof blob->sha);
    buf_char(body, end == blob->size ? FRAME_BLOB_LAST : 0);
    blob_bytes(blob, at, end, body);
}

static void one_frame(const struct blob *blob, size_t at, size_t end, bool pack, struct buf *out) {
    struct buf body = {0};
    body_of(blob, at, end, &body);
    if (pack) {
        (void)frame_pack(out, FRAME_BLOB, 0, buf_view(&body));
    } else {
        frame_write(out, FRAME_BLOB, 0, buf_view(&body));
    }
    wipe(&body);
}

/// The compressed frame of a part, made once a run; the lock is held.
static struct str kept_frame(struct blob *blob, size_t at, size_t end) {
    if (!blob->frames) {
        blob->frames = ARENA_ARRAY(&blob->arena, struct str, blob->size / PART + 1);
    }
    struct str *f = &blob->frames[at / PART];
    if (!f->s) {
        struct buf out = {0};
        one_frame(blob, at, end, true, &out);
        *f = str_dup(&blob->arena, buf_view(&out));
        wipe(&out);
    }
    return *f;
}

void blob_frame(struct blobs *b, struct blob *blob, size_t at, bool pack, struct buf *out, size_t *end) {
    *end = blob->size - at > PART ? at + PART : blob->size;
    if (pack) {
        pthread_mutex_lock(&b->pack_lock);
        blob->plain = blob->tried ? blob->plain : !shrinks(blob);
        blob->tried = true;
        pack = !blob->plain;
        if (pack && blob->size <= KEEP_MAX) {
            buf_str(out, kept_frame(blob, at, *end));
            pthread_mutex_unlock(&b->pack_lock);
            return;
        }
        pthread_mutex_unlock(&b->pack_lock);
    }
    one_frame(blob, at, *end, pack, out);
}
