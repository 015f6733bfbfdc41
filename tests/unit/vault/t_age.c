// Files made by the age tool open with a fixed identity; damaged ones are refused, each with its message.
#include "test.h"

#include "agefile.h"
#include "fd.h"

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

static size_t asked;

static bool answer(const char *prompt, struct arena *a, struct str *out, struct err *e) {
    (void)a;
    (void)e;
    asked++;
    CHECK(strstr(prompt, "'the key'") != NULL);
    *out = asked == 1 ? STR_LIT("wrong") : STR_LIT("pass phrase");
    return true;
}

static struct str sealed_for(const char *who, struct arena *a) {
    struct err e = {.arena = a};
    struct age_file f = {0};
    struct age_recipient r;
    struct str out = STR_NONE;
    CHECK(age_recipient_read(str_from(who), a, &r, &e));
    VEC_PUSH(a, f.to, r);
    CHECK(age_new(&f, a, &e));
    age_seal_again(&f, STR_LIT("plain"), a, &out);
    return out;
}

TEST(age_ssh_key_with_a_passphrase) {
    struct arena a = {.secret = true};
    struct err e = {.arena = &a};
    struct age_identities ids = {0};
    struct age_file f;
    struct str text;
    struct str public;
    struct str plain;
    CHECK(fd_read_file(TEST_DATA "/unit/vault/data/locked_key", 1 << 20, &a, &text, &e));
    CHECK(fd_read_file(TEST_DATA "/unit/vault/data/locked_key.pub", 1 << 20, &a, &public, &e));
    CHECK(age_identities_read(text, &a, &ids, &e));
    CHECK(ids.n == 1 && ids.p[0].locked.n > 0);
    ids.p[0].from = "the key";
    struct str mine = sealed_for(str_z(&a, public), &a);
    asked = 0;
    CHECK(!age_open(sealed_for(recipient, &a), &ids, answer, &a, &f, &plain, &e));
    CHECK(asked == 0);
    e = (struct err){.arena = &a};
    CHECK(!age_open(mine, &ids, NULL, &a, &f, &plain, &e));
    CHECK(strstr(e.msg, "nobody can be asked") != NULL);
    e = (struct err){.arena = &a};
    CHECK(!age_open(mine, &ids, answer, &a, &f, &plain, &e));
    CHECK(strstr(e.msg, "the passphrase of the key 'the key' is wrong") != NULL);
    e = (struct err){.arena = &a};
    CHECK(age_open(mine, &ids, answer, &a, &f, &plain, &e));
    CHECK_STR(plain, "plain");
    CHECK(age_open(mine, &ids, answer, &a, &f, &plain, &e));
    CHECK(asked == 2);
    arena_release(&a);
}
