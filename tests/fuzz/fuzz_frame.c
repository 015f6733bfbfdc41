// Any bytes as a stream of frames: no crash, progress with every frame, nothing read beyond the input.
#include "frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str in = {(const char *)p, n};
    struct frame f;
    size_t used = 0;
    while (frame_read(in, &f, &used, &e) > 0) {
        if (used < FRAME_HEADER || used > in.n || f.body.n + FRAME_HEADER != used) {
            BUG("frame of %zu bytes in %zu", used, in.n);
        }
        struct buf again = {0};
        frame_write(&again, (enum frame_kind)f.kind, f.id, f.body);
        if (again.n != used || memcmp(again.p, in.s, used) != 0) {
            BUG("frame does not write back");
        }
        buf_release(&again);
        struct buf hold = {0};
        struct frame inner;
        if (f.kind == FRAME_PACKED && frame_unpack(&f, &hold, &inner, &e) && inner.body.n > FRAME_MAX) {
            BUG("unpacked to %zu bytes", inner.body.n);
        }
        buf_release(&hold);
        in = str_sub(in, used, in.n);
    }
    arena_release(&a);
    return 0;
}
