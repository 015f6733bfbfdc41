// Recipes: a large content told as pieces that the target has already and bytes that it has not. Only a part is looked
// at in each call, so that other hosts of the shard have their turn; the pieces of a content are cut once a run.
#include "frame.h"
#include "hub.h"
#include "pieces.h"

#include <openssl/evp.h>

#define PART        ((size_t)256 << 10)  // new bytes in a frame, at the least when there are so many
#define PART_PIECES 64                   // looked at for a frame

struct old_pieces {
    struct arena arena;
    struct map index;  // digest -> a pointer into `numbers`
    uint32_t *numbers;
};

struct old_pieces *old_pieces_new(struct str digests) {
    struct arena a = {0};
    struct old_pieces *o = ARENA_NEW(&a, struct old_pieces);
    size_t n = digests.n / 32;
    struct str all = str_dup(&a, digests);
    o->numbers = ARENA_ARRAY(&a, uint32_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct str key = str_sub(all, 32 * i, 32 * i + 32);
        o->numbers[i] = (uint32_t)i;
        if (!map_get(&o->index, key)) {
            map_put(&o->index, &a, key, &o->numbers[i]);
        }
    }
    o->arena = a;
    return o;
}

void old_pieces_free(struct old_pieces *o) {
    if (o) {
        struct arena a = o->arena;
        arena_release(&a);
    }
}

/// The piece that begins at `at`, where another one ended; the lock is held.
static struct blob_piece piece_at(struct blob *b, size_t at) {
    size_t lo = 0;
    size_t hi = b->pieces.n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (b->pieces.p[mid].end > at) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    if (lo == b->pieces.n) {
        struct buf rest = {0};
        blob_bytes(b, at, b->size - at < PIECE_MAX ? b->size : at + PIECE_MAX, &rest);
        struct blob_piece p = {.end = at + piece_length(buf_view(&rest))};
        if (EVP_Digest(rest.p, p.end - at, p.sha, NULL, EVP_sha256(), NULL) != 1) {
            BUG("no SHA-256");
        }
        explicit_bzero(rest.p, rest.n);
        buf_release(&rest);
        VEC_PUSH(&b->arena, b->pieces, p);
    }
    return b->pieces.p[lo];
}

static void step(struct buf *body, unsigned kind, size_t first, size_t count) {
    unsigned char s[RECIPE_STEP] = {(unsigned char)kind};
    frame_put32(s + 1, (uint32_t)first);
    frame_put32(s + 5, (uint32_t)count);
    buf_add(body, s, sizeof s);
}

void recipe_frame(struct blobs *b, struct blob *blob, const struct old_pieces *old, size_t at, bool pack,
                  struct buf *out, size_t *end) {
    struct buf body = {0};
    size_t first = 0;
    size_t count = 0;  // old pieces in a row that are not written yet
    buf_add(&body, blob->sha, sizeof blob->sha);
    buf_char(&body, 0);
    for (size_t i = 0; i < PART_PIECES && at < blob->size && body.n < PART; i++) {
        pthread_mutex_lock(&b->pack_lock);
        struct blob_piece p = piece_at(blob, at);
        pthread_mutex_unlock(&b->pack_lock);
        const uint32_t *have = map_get(&old->index, (struct str){(const char *)p.sha, sizeof p.sha});
        if (count && !(have && *have == first + count)) {
            step(&body, RECIPE_OLD, first, count);
            count = 0;
        }
        if (have) {
            first = count ? first : *have;
            count++;
        } else {
            step(&body, RECIPE_NEW, p.end - at, 0);
            blob_bytes(blob, at, p.end, &body);
        }
        at = p.end;
    }
    if (count) {
        step(&body, RECIPE_OLD, first, count);
    }
    body.p[sizeof blob->sha] = at == blob->size ? FRAME_BLOB_LAST : 0;
    if (pack) {
        (void)frame_pack(out, FRAME_RECIPE, 0, buf_view(&body));
    } else {
        frame_write(out, FRAME_RECIPE, 0, buf_view(&body));
    }
    explicit_bzero(body.p, body.n);
    buf_release(&body);
    *end = at;
}
