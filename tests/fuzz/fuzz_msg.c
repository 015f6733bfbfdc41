// Any bytes as a message: no crash, bounded memory; what was decoded encodes and decodes to the same again.
#include "msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct val v;
    if (msg_decode(&a, (struct str){(const char *)p, n}, &v, &e)) {
        struct buf one = {0};
        struct buf two = {0};
        struct val w;
        msg_encode(&one, v);
        if (!msg_decode(&a, buf_view(&one), &w, &e)) {
            BUG("does not decode again: %s", e.msg);
        }
        msg_encode(&two, w);
        if (one.n != two.n || memcmp(one.p, two.p, one.n) != 0) {
            BUG("does not encode the same again");
        }
        buf_release(&one);
        buf_release(&two);
    }
    if (a.used > 4096 + n * 256) {
        BUG("%zu bytes of memory for %zu", a.used, n);
    }
    arena_release(&a);
    return 0;
}
