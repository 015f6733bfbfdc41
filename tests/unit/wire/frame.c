// Frames: round trips, truncation at every byte, hostile headers.
#include "frame.h"
#include "fd.h"

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
    CHECK(frame_read(((struct str){"\0\0\0\0\x0f\0\0\0\0", 9}), &f, &used, &e) == -1);
    arena_release(&a);
}

TEST(frame_packed_round_trip) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct buf text = BUF_IN(&a);
    for (int i = 0; i < 1000; i++) {
        buf_printf(&text, "line %d of many that are alike\n", i);
    }
    struct buf b = {0};
    CHECK(frame_pack(&b, FRAME_BLOB, 9, buf_view(&text)));
    CHECK(b.n < text.n / 3);
    struct frame f;
    size_t used = 0;
    CHECK(frame_read(buf_view(&b), &f, &used, &e) == 1);
    CHECK(f.kind == FRAME_PACKED && f.id == 9 && used == b.n);
    struct buf hold = {0};
    struct frame in;
    CHECK(frame_unpack(&f, &hold, &in, &e));
    CHECK(in.kind == FRAME_BLOB && in.id == 9 && str_eq(in.body, buf_view(&text)));
    buf_release(&hold);
    buf_release(&b);
    arena_release(&a);
}

TEST(frame_pack_leaves_what_does_not_shrink) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    static unsigned char noise[4096];
    random_bytes(noise, sizeof noise);
    struct buf b = {0};
    CHECK(!frame_pack(&b, FRAME_BLOB, 1, (struct str){(const char *)noise, sizeof noise}));
    CHECK(!frame_pack(&b, FRAME_REQUEST, 2, STR_LIT("short")));
    CHECK(b.n == FRAME_HEADER + sizeof noise + FRAME_HEADER + 5);
    struct frame f;
    size_t used = 0;
    CHECK(frame_read(buf_view(&b), &f, &used, &e) == 1 && f.kind == FRAME_BLOB && f.body.n == sizeof noise);
    buf_release(&b);
    arena_release(&a);
}

TEST(frame_packed_hostile) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct buf text = BUF_IN(&a);
    for (int i = 0; i < 200; i++) {
        buf_z(&text, "abcdefgh");
    }
    struct buf b = BUF_IN(&a);
    CHECK(frame_pack(&b, FRAME_REQUEST, 1, buf_view(&text)));
    struct str body = str_sub(buf_view(&b), FRAME_HEADER, b.n);
    char *bad = str_z(&a, body);
    // every byte wrong, every length
    for (size_t i = 0; i < body.n; i++) {
        struct buf hold = {0};
        struct frame in;
        struct frame f = {.kind = FRAME_PACKED, .id = 1, .body = {bad, body.n}};
        bad[i] ^= 0x41;
        bool ok = frame_unpack(&f, &hold, &in, &e);
        CHECK(!ok || str_eq(in.body, buf_view(&text)));
        bad[i] ^= 0x41;
        f.body.n = i;
        CHECK(!frame_unpack(&f, &hold, &in, &e));
        buf_release(&hold);
    }
    // more than there can be in so few bytes, and one compressed twice
    static const char huge[] = "\x02\x03\xff\xff\xff"
                               "zzzzzzzzzzzz";
    struct buf hold = {0};
    struct frame in;
    struct frame f = {.kind = FRAME_PACKED, .body = {huge, sizeof huge - 1}};
    CHECK(!frame_unpack(&f, &hold, &in, &e));
    bad[0] = FRAME_PACKED;
    f.body = (struct str){bad, body.n};
    CHECK(!frame_unpack(&f, &hold, &in, &e));
    buf_release(&hold);
    arena_release(&a);
}
