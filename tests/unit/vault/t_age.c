// Files made by the age tool open with a fixed identity; damaged ones are refused, each with its message.
#include "test.h"

#include "agefile.h"

static const char key[] = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
static const char recipient[] = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

static void identity(struct arena *a, struct age_identities *ids) {
    struct err e = {.arena = a};
    CHECK(age_identities_read(str_from(key), a, ids, &e));
}

static struct str sample(struct arena *a, const char *name) {
    struct err e = {.arena = a};
    struct str text;
    CHECK(fd_read_file(arena_printf(a, TEST_DATA "/fuzz/corpus/age/%s", name), 1 << 20, a, &text, &e));
    return text;
}

TEST(age_known_files) {
    static const char *const names[] = {"binary", "armored", "ours"};
    struct arena a = {.secret = true};
    struct err e = {.arena = &a};
    struct age_identities ids = {0};
    identity(&a, &ids);
    for (size_t i = 0; i < COUNTOF(names); i++) {
        struct age_file f;
        struct str plain;
        CHECK(age_open(sample(&a, names[i]), &ids, NULL, &a, &f, &plain, &e));
        CHECK_STR(plain, "a: 1\n");
    }
    arena_release(&a);
}

TEST(age_public_key) {
    struct arena a = {.secret = true};
    struct err e = {.arena = &a};
    struct age_identities ids = {0};
    struct age_recipient r;
    identity(&a, &ids);
    CHECK(age_recipient_read(str_from(recipient), &a, &r, &e));
    CHECK(memcmp(r.pub, ids.p[0].who.pub, AGE_KEY) == 0);
    CHECK(!age_recipient_read(STR_LIT("age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwq"), &a, &r, &e));
    err_clear(&e);
    CHECK(!age_recipient_read(STR_LIT("ssh-rsa AAAA"), &a, &r, &e));
    arena_release(&a);
}

TEST(age_every_byte_counts) {
    struct arena a = {.secret = true};
    struct age_identities ids = {0};
    identity(&a, &ids);
    struct str good = sample(&a, "binary");
    for (size_t i = 0; i < good.n; i++) {
        struct err e = {.arena = &a};
        struct age_file f;
        struct str plain;
        char *bad = arena_strndup(&a, good.s, good.n);
        bad[i] ^= 1;
        CHECK(!age_open((struct str){bad, good.n}, &ids, NULL, &a, &f, &plain, &e));
        e = (struct err){.arena = &a};
        CHECK(!age_open(str_sub(good, 0, i), &ids, NULL, &a, &f, &plain, &e));
    }
    arena_release(&a);
}
