// Frames: round trips, truncation at every byte, hostile headers.
#include "frame.h"

#include "test.h"

TEST(frame_round_trip) {
    struct buf b = {0};
    frame_write(&b, FRAME_REQUEST, 7, STR_LIT("hello"));
    frame_write(&b, FRAME_PING, UINT32_MAX, STR_LIT(""));
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct frame f;
    size_t used = 0;
    CHECK(frame_read(buf_view(&b), &f, &used, &e) == 1);
    CHECK(f.kind == FRAME_REQUEST && f.id == 7);
    CHECK_STR(f.body, "hello");
    CHECK(used == FRAME_HEADER + 5);
    struct str rest = str_sub(buf_view(&b), used, b.n);
    CHECK(frame_read(rest, &f, &used, &e) == 1);
    CHECK(f.kind == FRAME_PING && f.id == UINT32_MAX && f.body.n == 0 && used == rest.n);
    buf_release(&b);
    arena_release(&a);
}

TEST(frame_cut_at_every_byte_waits_for_more) {
    struct buf b = {0};
    frame_write(&b, FRAME_RESULT, 1, STR_LIT("0123456789"));
    struct arena a = {0};
    struct err e = {.arena = &a};
    for (size_t n = 0; n < b.n; n++) {
        struct frame f;
        size_t used = 0;
        CHECK(frame_read(str_sub(buf_view(&b), 0, n), &f, &used, &e) == 0);
    }
    buf_release(&b);
    arena_release(&a);
}

TEST(frame_hostile_headers_are_errors) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct frame f;
    size_t used = 0;
    CHECK(frame_read(((struct str){"\xff\xff\xff\xff\x03\0\0\0\1", 9}), &f, &used, &e) == -1);
    CHECK(e.code == ERR_SYNTAX);
    CHECK(frame_read(((struct str){"\x04\0\0\1\x03\0\0\0\1", 9}), &f, &used, &e) == -1);
    CHECK(frame_read(((struct str){"\x04\0\0\0\x03\0\0\0\1", 9}), &f, &used, &e) == 0);
    CHECK(frame_read(((struct str){"\0\0\0\0\0\0\0\0\0", 9}), &f, &used, &e) == -1);
    CHECK(frame_read(((struct str){"\0\0\0\0\x0a\0\0\0\0", 9}), &f, &used, &e) == -1);
    arena_release(&a);
}
