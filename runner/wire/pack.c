// Compressing frames: apart from reading them, so that play-remote does not hold what it does not use.
#include "frame.h"

#include <zlib.h>

#define PACK_MIN ((size_t)512)  // below, nothing is gained

bool frame_pack(struct buf *out, enum frame_kind kind, uint32_t id, struct str body) {
    uLongf n = body.n - body.n / 8;
    if (body.n < PACK_MIN || body.n > FRAME_MAX) {
        frame_write(out, kind, id, body);
        return false;
    }
    size_t start = out->n;
    unsigned char *p = (unsigned char *)buf_reserve(out, FRAME_HEADER + PACK_HEAD + n);
    // Room for what pays and no more: compressing anything else ends early.
    if (compress2(p + FRAME_HEADER + PACK_HEAD, &n, (const Bytef *)body.s, body.n, Z_BEST_SPEED) != Z_OK) {
        frame_write(out, kind, id, body);
        return false;
    }
    frame_put32(p, (uint32_t)(PACK_HEAD + n));
    p[4] = FRAME_PACKED;
    frame_put32(p + 5, id);
    p[FRAME_HEADER] = (unsigned char)kind;
    frame_put32(p + FRAME_HEADER + 1, (uint32_t)body.n);
    out->n = start + FRAME_HEADER + PACK_HEAD + n;
    return true;
}
