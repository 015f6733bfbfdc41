// Messages: every kind of value there and back, damage at every byte, counts that lie.
#include "msg.h"

#include "big.h"
#include "test.h"

static struct val sample(struct arena *a) {
    struct val d = val_dict(a, 8);
    val_set(a, d, "null", VNULL);
    val_set(a, d, "yes", val_bool(true));
    val_set(a, d, "no", val_bool(false));
    struct val l = val_list(a, 8);
    const int64_t ints[] = {0, 1, -1, 63, 64, -64, -65, 1 << 20, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < COUNTOF(ints); i++) {
        val_push(a, l, val_int(ints[i]));
    }
    val_set(a, d, "ints", l);
    struct val t = val_tuple(a, 2);
    val_push(a, t, val_float(1.5));
    val_push(a, t, val_float(-0.1));
    val_set(a, d, "tuple", t);
    val_set(a, d, "text", val_str(a, (struct str){"a\0b\xff", 4}));
    val_set(a, d, "secret", val_flag(val_z(a, "hunter2"), VAL_SECRET));
    val_set(a, d, "omit", VOMIT);
    val_set_key(a, d, val_int(5), val_z(a, "int key"));
    val_set(a, d, "big", val_flag(big_val(a, STR_LIT("-9223372036854775809")), VAL_SECRET));
    return d;
}

static bool decode(struct arena *a, struct str in, struct val *v, enum err_code *code) {
    struct err e = {.arena = a};
    bool ok = msg_decode(a, in, v, &e);
    *code = e.code;
    return ok;
}

TEST(msg_round_trip) {
    struct arena a = {0};
    struct buf b = {0};
    struct val v = sample(&a);
    msg_encode(&b, v);
    struct val got;
    enum err_code code;
    CHECK(decode(&a, buf_view(&b), &got, &code));
    CHECK(val_len(got) == val_len(v));
    CHECK(val_equal(val_get(got, "ints"), val_get(v, "ints")));
    CHECK(val_get(got, "tuple").kind == VAL_TUPLE && val_equal(val_get(got, "tuple"), val_get(v, "tuple")));
    CHECK(val_text(val_get(got, "text")).n == 4);
    CHECK(val_get(got, "secret").flags & VAL_SECRET);
    CHECK(!(val_get(got, "text").flags & (VAL_SECRET | VAL_TRUSTED)));
    CHECK(val_is(val_get(got, "omit"), VAL_OMIT) && val_is(val_get(got, "null"), VAL_NULL));
    CHECK_STR(val_text(val_get_key(got, val_int(5))), "int key");
    CHECK_STR(big_digits(val_get(got, "big")), "-9223372036854775809");
    CHECK(val_get(got, "big").flags & VAL_SECRET);
    buf_release(&b);
    arena_release(&a);
}

TEST(msg_large_integers_are_believed_only_when_they_are_some) {
    static const struct str wrong[] = {STR_LIT("\x0b\0"),
                                       STR_LIT("\x0b\x01-"),
                                       STR_LIT("\x0b\x13"
                                               "1234567890123456789"),
                                       STR_LIT("\x0b\x14"
                                               "09223372036854775808"),
                                       STR_LIT("\x0b\x14"
                                               "9223372036854775808x"),
                                       STR_LIT("\x0b\x14"
                                               "9223372036854775808")};
    for (size_t i = 0; i < COUNTOF(wrong); i++) {
        struct arena a = {0};
        struct val v;
        enum err_code code;
        CHECK(!decode(&a, wrong[i], &v, &code) && code == ERR_SYNTAX);
        arena_release(&a);
    }
}

TEST(msg_undefined_keeps_its_name) {
    struct arena a = {0};
    struct buf b = {0};
    msg_encode(&b, val_undef(&a, STR_LIT("foo")));
    struct val got;
    enum err_code code;
    CHECK(decode(&a, buf_view(&b), &got, &code));
    CHECK(val_is(got, VAL_UNDEF));
    CHECK_STR(got.u.undef->name, "foo");
    buf_release(&b);
    arena_release(&a);
}

TEST(msg_cut_or_changed_at_every_byte_never_crashes) {
    struct arena a = {0};
    struct buf b = {0};
    msg_encode(&b, sample(&a));
    for (size_t n = 0; n < b.n; n++) {
        struct arena t = {0};
        struct val v;
        enum err_code code;
        CHECK(!decode(&t, str_sub(buf_view(&b), 0, n), &v, &code));
        CHECK(code == ERR_SYNTAX);
        arena_release(&t);
    }
    for (size_t n = 0; n < b.n; n++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct arena t = {0};
            struct val v;
            enum err_code code;
            b.p[n] = (char)(b.p[n] ^ (1 << bit));
            (void)decode(&t, buf_view(&b), &v, &code);
            b.p[n] = (char)(b.p[n] ^ (1 << bit));
            arena_release(&t);
        }
    }
    buf_release(&b);
    arena_release(&a);
}

TEST(msg_counts_that_lie_take_no_memory) {
    static const char *const hostile[] = {
        "\x06\xff\xff\xff\xff\x0f",                  // a list of 4 G items
        "\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f",  // a dict of 2^63 pairs
        "\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        "\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    };
    for (size_t i = 0; i < COUNTOF(hostile); i++) {
        struct arena a = {0};
        struct val v;
        enum err_code code;
        CHECK(!decode(&a, str_from(hostile[i]), &v, &code));
        CHECK(code == ERR_SYNTAX && a.used < 1024);
        arena_release(&a);
    }
}

TEST(msg_limits_of_depth_and_number) {
    struct arena a = {0};
    struct buf b = {0};
    for (int i = 0; i < MSG_MAX_DEPTH + 1; i++) {
        buf_add(&b, "\x06\x01", 2);
    }
    buf_char(&b, 0);
    struct val v;
    enum err_code code;
    CHECK(!decode(&a, buf_view(&b), &v, &code));
    CHECK(code == ERR_LIMIT);
    buf_release(&b);
    buf_add(&b, "\x06\x80\x80\x80\x02", 5);  // 4 M empty lists
    for (int i = 0; i < 4 << 20; i++) {
        buf_add(&b, "\x06", 2);
    }
    CHECK(!decode(&a, buf_view(&b), &v, &code));
    CHECK(code == ERR_LIMIT);
    buf_release(&b);
    arena_release(&a);
}

TEST(msg_bad_keys_and_rest_are_refused) {
    static const struct str bad[] = {
        {"\x08\x01\x06\x00\x00", 5},  // a list as key
        {"\x00\x00", 2},              // two values
        {"\x7f", 1},                  // no such type
    };
    for (size_t i = 0; i < COUNTOF(bad); i++) {
        struct arena a = {0};
        struct val v;
        enum err_code code;
        CHECK(!decode(&a, bad[i], &v, &code));
        CHECK(code == ERR_SYNTAX);
        arena_release(&a);
    }
}
