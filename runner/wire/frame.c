// Frames as bytes: header in network order, caps checked before anything is believed. Knows nothing of descriptors.
#include "frame.h"

#include <zlib.h>

void frame_put32(unsigned char *p, uint32_t v) {
    p[0] = (unsigned char)(v >> 24);
    p[1] = (unsigned char)(v >> 16);
    p[2] = (unsigned char)(v >> 8);
    p[3] = (unsigned char)v;
}

uint32_t frame_get32(const unsigned char *p) {
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | (uint32_t)p[3];
}

static uint32_t get32(const char *s) {
    return frame_get32((const unsigned char *)s);
}

void frame_write(struct buf *out, enum frame_kind kind, uint32_t id, struct str body) {
    if (body.n > FRAME_MAX) {
        BUG("frame of %zu bytes", body.n);
    }
    unsigned char head[FRAME_HEADER];
    frame_put32(head, (uint32_t)body.n);
    head[4] = (unsigned char)kind;
    frame_put32(head + 5, id);
    buf_add(out, head, sizeof head);
    buf_str(out, body);
}

int frame_read(struct str in, struct frame *f, size_t *used, struct err *e) {
    if (in.n < FRAME_HEADER) {
        return 0;
    }
    size_t len = get32(in.s);
    unsigned kind = (unsigned char)in.s[4];
    if (kind < FRAME_HELLO || kind > FRAME_DATA) {
        (void)err_set(e, ERR_SYNTAX, NO_MARK, "expected a frame, found kind %u", kind);
        return -1;
    }
    if (len > FRAME_MAX) {
        (void)err_set(e, ERR_SYNTAX, NO_MARK, "expected a frame of at most %zu bytes, found %zu", FRAME_MAX, len);
        return -1;
    }
    if (in.n - FRAME_HEADER < len) {
        return 0;
    }
    *f = (struct frame){
        .kind = (uint8_t)kind, .id = get32(in.s + 5), .body = str_sub(in, FRAME_HEADER, FRAME_HEADER + len)};
    *used = FRAME_HEADER + len;
    return 1;
}

bool frame_unpack(const struct frame *in, struct buf *hold, struct frame *out, struct err *e) {
    size_t len = in->body.n > PACK_HEAD ? get32(in->body.s + 1) : 0;
    unsigned kind = len ? (unsigned char)in->body.s[0] : 0;
    // zlib makes at most a thousand bytes of one: what claims more is not believed
    if (!len || len > FRAME_MAX || len / 1100 > in->body.n || kind < FRAME_HELLO || kind > FRAME_RECIPE ||
        kind == FRAME_PACKED) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "expected a compressed frame, found kind %u of %zu bytes", kind, len);
    }
    uLongf n = len;
    const Bytef *from = (const Bytef *)in->body.s + PACK_HEAD;
    if (uncompress((Bytef *)buf_reserve(hold, len), &n, from, in->body.n - PACK_HEAD) != Z_OK || n != len) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "a compressed frame is damaged");
    }
    *out = (struct frame){.kind = (uint8_t)kind, .id = in->id, .body = {hold->p + hold->n, len}};
    hold->n += len;
    return true;
}
