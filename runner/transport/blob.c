// Contents that requests share: one copy a run, however many hosts get it, also of its compressed form.
#include "frame.h"
#include "hub.h"

#define PART     ((size_t)256 << 10)
#define SAMPLE   ((size_t)16 << 10)  // of larger content, to see whether it shrinks
#define KEEP_MAX ((size_t)64 << 20)  // larger content is compressed for each host anew

struct blob *blob_take(struct blobs *b, const unsigned char sha[32], struct str data) {
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
        found->data = str_dup(&a, data);
        found->arena = a;
        *slot = found;
    }
    found->refs++;
    pthread_mutex_unlock(&b->lock);
    return found;
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
static bool shrinks(const struct blob *blob) {
    struct buf out = {0};
    bool yes = frame_pack(&out, FRAME_BLOB, 0, str_sub(blob->data, 0, SAMPLE));
    explicit_bzero(out.p, out.n);
    buf_release(&out);
    return yes;
}

static void body_of(const struct blob *blob, size_t at, size_t end, struct buf *body) {
    buf_add(body, blob->sha, sizeof blob->sha);
    buf_char(body, end == blob->data.n ? FRAME_BLOB_LAST : 0);
    buf_str(body, str_sub(blob->data, at, end));
}

static void one_frame(const struct blob *blob, size_t at, size_t end, bool pack, struct buf *out) {
    struct buf body = {0};
    body_of(blob, at, end, &body);
    if (pack) {
        (void)frame_pack(out, FRAME_BLOB, 0, buf_view(&body));
    } else {
        frame_write(out, FRAME_BLOB, 0, buf_view(&body));
    }
    explicit_bzero(body.p, body.n);
    buf_release(&body);
}

/// The compressed frame of a part, made once a run; the lock is held.
static struct str kept_frame(struct blob *blob, size_t at, size_t end) {
    if (!blob->frames) {
        blob->frames = ARENA_ARRAY(&blob->arena, struct str, blob->data.n / PART + 1);
    }
    struct str *f = &blob->frames[at / PART];
    if (!f->s) {
        struct buf out = {0};
        one_frame(blob, at, end, true, &out);
        *f = str_dup(&blob->arena, buf_view(&out));
        explicit_bzero(out.p, out.n);
        buf_release(&out);
    }
    return *f;
}

void blob_frame(struct blobs *b, struct blob *blob, size_t at, bool pack, struct buf *out, size_t *end) {
    *end = blob->data.n - at > PART ? at + PART : blob->data.n;
    if (pack) {
        pthread_mutex_lock(&b->pack_lock);
        blob->plain = blob->tried ? blob->plain : !shrinks(blob);
        blob->tried = true;
        pack = !blob->plain;
        if (pack && blob->data.n <= KEEP_MAX) {
            buf_str(out, kept_frame(blob, at, *end));
            pthread_mutex_unlock(&b->pack_lock);
            return;
        }
        pthread_mutex_unlock(&b->pack_lock);
    }
    one_frame(blob, at, *end, pack, out);
}
