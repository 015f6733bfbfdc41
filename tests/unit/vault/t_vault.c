// Vault envelopes: known answers made by ansible-vault, our own round trips, and every way an envelope can be wrong.
#include "test.h"

#include "digest.h"
#include "fd.h"
#include "kdf.h"
#include "vault.h"

#include <openssl/evp.h>

struct vector {
    const char *name, *password, *label;
    struct str plain, envelope;
};

static struct str field(struct str line, const char *key) {
    size_t n = strlen(key);
    CHECK(str_starts(line, key) && line.n > n && line.s[n] == ' ');
    return str_sub(line, n + 1, line.n);
}

static struct str unhex(struct arena *a, struct str hex) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i + 1 < hex.n; i += 2) {
        char two[3] = {hex.s[i], hex.s[i + 1], 0};
        buf_char(&b, (char)strtol(two, NULL, 16));
    }
    return buf_view(&b);
}

// The next record of vectors.txt, which ends with an empty line.
static bool next_vector(struct arena *a, struct str *rest, struct vector *v) {
    struct str line[4];
    for (size_t i = 0; i < COUNTOF(line); i++) {
        if (!str_next(rest, '\n', &line[i]) || line[i].n == 0) {
            return false;
        }
    }
    v->name = str_z(a, field(line[0], "name"));
    v->password = str_z(a, field(line[1], "password"));
    v->label = str_z(a, field(line[2], "label"));
    v->plain = unhex(a, field(line[3], "plain"));
    size_t end = str_find(*rest, 0, STR_LIT("\n\n"));
    CHECK(end != SIZE_MAX);
    v->envelope = str_sub(*rest, 0, end + 1);
    *rest = str_sub(*rest, end + 2, rest->n);
    return true;
}

static struct str vectors(struct arena *a) {
    struct err e = {.arena = a};
    struct str text;
    CHECK(fd_read_file(TEST_DATA "/cases/vault/vectors.txt", 1 << 20, a, &text, &e));
    return text;
}

static void first_vector(struct arena *a, struct vector *v) {
    struct str rest = vectors(a);
    CHECK(next_vector(a, &rest, v));
}

static void opens(struct vault_ring *r, struct arena *a, struct str envelope, struct str want) {
    struct err e = {.arena = a};
    struct str got;
    if (!vault_open(r, envelope, NO_MARK, a, &got, &e)) {
        struct str why = err_text(&e);
        fail_msg("%.*s", STR(why));
    }
    CHECK(str_eq(got, want));
}

// The error that opening `envelope` gives.
static struct str refusal(struct vault_ring *r, struct arena *a, struct str envelope) {
    struct err e = {.arena = a};
    struct str got;
    CHECK(!vault_open(r, envelope, (struct mark){7}, a, &got, &e));
    CHECK(e.code == ERR_VAULT && e.at.at == 7);
    return err_text(&e);
}

TEST(vault_vectors) {
    struct arena a = {0};
    struct str rest = vectors(&a);
    struct vector v;
    size_t n = 0;
    while (next_vector(&a, &rest, &v)) {
        struct vault_ring *r = vault_ring_new();
        CHECK(vault_is(v.envelope));
        vault_ring_add(r, "other", STR_LIT("not this one"));
        vault_ring_add(r, "default", str_from(v.password));
        opens(r, &a, v.envelope, v.plain);
        opens(r, &a, v.envelope, v.plain);  // from the key cache
        vault_ring_free(r);
        n++;
    }
    CHECK(n == 16);
    arena_release(&a);
}

TEST(vault_round_trip) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct vault_ring *r = vault_ring_new();
    CHECK(vault_ring_empty(r));
    vault_ring_add(r, "default", STR_LIT("one"));
    vault_ring_add(r, "dev", STR_LIT("two"));
    char bytes[100];
    for (size_t n = 0; n < sizeof bytes; n += 7) {
        memset(bytes, (int)n, sizeof bytes);
        struct str plain = {bytes, n};
        struct str env;
        CHECK(vault_seal(r, NULL, plain, &a, &env, &e));
        CHECK(str_starts(env, "$ANSIBLE_VAULT;1.1;AES256\n") && str_ends(env, "\n"));
        opens(r, &a, env, plain);
        CHECK(vault_seal(r, "dev", plain, &a, &env, &e));
        CHECK(str_starts(env, "$ANSIBLE_VAULT;1.2;AES256;dev\n"));
        opens(r, &a, env, plain);
        struct str line;
        while (str_next(&env, '\n', &line)) {
            CHECK(line.n <= 80);
        }
    }
    vault_ring_free(r);
    arena_release(&a);
}

TEST(vault_seal_refuses) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str env;
    struct vault_ring *r = vault_ring_new();
    CHECK(!vault_seal(r, NULL, STR_LIT("x"), &a, &env, &e));
    CHECK_STR(err_text(&e), "a vault password is needed to encrypt");
    vault_ring_add(r, "dev", STR_LIT("one"));
    vault_ring_add(r, "prod", STR_LIT("two"));
    CHECK(!vault_seal(r, "test", STR_LIT("x"), &a, &env, &e));
    CHECK_STR(err_text(&e), "no password for the vault id 'test'; known ids: dev, prod");
    CHECK(!vault_seal(r, "dev", STR_LIT("$ANSIBLE_VAULT;1.1;AES256\n00"), &a, &env, &e));
    CHECK_STR(err_text(&e), "this is encrypted already");
    vault_ring_free(r);
    arena_release(&a);
}

// Replaces every line end and indents, as editors, git and YAML blocks do.
static struct str reflow(struct arena *a, struct str text, const char *end, const char *indent) {
    struct buf b = BUF_IN(a);
    struct str line;
    while (str_next(&text, '\n', &line)) {
        buf_printf(&b, "%s%.*s%s", b.n ? indent : "", STR(line), end);
    }
    return buf_view(&b);
}

TEST(vault_tolerates_white_space) {
    struct arena a = {0};
    struct vector v;
    first_vector(&a, &v);
    struct vault_ring *r = vault_ring_new();
    vault_ring_add(r, "default", str_from(v.password));
    opens(r, &a, reflow(&a, v.envelope, "\r\n", ""), v.plain);
    opens(r, &a, reflow(&a, v.envelope, "  \n", ""), v.plain);
    opens(r, &a, reflow(&a, v.envelope, "\n", "          "), v.plain);
    opens(r, &a, reflow(&a, v.envelope, "\n\n", "\t"), v.plain);
    opens(r, &a, str_rtrim(v.envelope), v.plain);
    vault_ring_free(r);
    arena_release(&a);
}

TEST(vault_wrong_password) {
    struct arena a = {0};
    struct vector v;
    first_vector(&a, &v);
    struct vault_ring *r = vault_ring_new();
    CHECK_STR(refusal(r, &a, v.envelope), "Attempting to decrypt vault data, but no vault password was given");
    CHECK_STR(refusal(NULL, &a, v.envelope), "Attempting to decrypt vault data, but no vault password was given");
    vault_ring_add(r, "default", STR_LIT("wrong"));
    CHECK_STR(refusal(r, &a, v.envelope), "Decryption failed: no vault password given opens this data");
    vault_ring_free(r);
    arena_release(&a);
}

TEST(vault_damaged) {
    struct arena a = {0};
    struct vector v;
    first_vector(&a, &v);
    struct vault_ring *r = vault_ring_new();
    vault_ring_add(r, "default", str_from(v.password));
    struct str t = v.envelope;
    CHECK_STR(refusal(r, &a, str_sub(t, 0, t.n - 2)),
              "the vault data is damaged: Vault format unhexlify error: Odd-length string");
    CHECK_STR(refusal(r, &a, str_sub(t, 0, 100)), "the vault data is damaged: it is cut off");
    CHECK_STR(refusal(r, &a, str_sub(t, 0, t.n - 5)), "the vault data is damaged: it is cut off");
    CHECK_STR(refusal(r, &a, str_sub(t, 0, 26)), "the vault data is damaged: it is cut off");
    CHECK_STR(refusal(r, &a, str_printf(&a, "%.*szz\n", STR(t))),
              "the vault data is damaged: Vault format unhexlify error: Non-hexadecimal digit found");
    char *changed = str_z(&a, t);
    changed[t.n - 2] ^= 1;  // still a digit, still hex inside
    CHECK_STR(refusal(r, &a, str_from(changed)), "Decryption failed: no vault password given opens this data");
    vault_ring_free(r);
    arena_release(&a);
}

TEST(vault_header) {
    struct arena a = {0};
    struct vault_ring *r = vault_ring_new();
    vault_ring_add(r, "default", STR_LIT("x"));
    CHECK_STR(refusal(r, &a, STR_LIT("a: 1\n")),
              "expected vault data that starts with '$ANSIBLE_VAULT;', found something else");
    CHECK_STR(refusal(r, &a, STR_LIT("$ANSIBLE_VAULT;1.1\n00")),
              "the vault header is incomplete: expected '$ANSIBLE_VAULT;VERSION;CIPHER'");
    CHECK_STR(refusal(r, &a, STR_LIT("$ANSIBLE_VAULT;1.0;AES\n00")),
              "vault format '1.0' is not supported: expected 1.1 or 1.2");
    CHECK_STR(refusal(r, &a, STR_LIT("$ANSIBLE_VAULT;1.1;AES\n00")),
              "vault cipher 'AES' is not supported: expected AES256");
    CHECK(!vault_is(STR_LIT("$ANSIBLE_VAUL")) && !vault_is(STR_LIT("")) && !vault_is(STR_LIT(" $ANSIBLE_VAULT;")));
    vault_ring_free(r);
    arena_release(&a);
}

TEST(vault_label_is_only_a_hint) {
    struct arena a = {0};
    struct str rest = vectors(&a);
    struct vector v = {.label = ""};
    do {
        CHECK(next_vector(&a, &rest, &v));
    } while (strcmp(v.label, "dev") != 0);
    struct vault_ring *r = vault_ring_new();
    vault_ring_add(r, "dev", STR_LIT("wrong"));
    CHECK_STR(refusal(r, &a, v.envelope),
              "Decryption failed: no vault password given opens this data, which is labelled 'dev'");
    vault_ring_add(r, "prod", str_from(v.password));
    opens(r, &a, v.envelope, v.plain);
    vault_ring_free(r);
    arena_release(&a);
}

// The right password on data that was changed is told from a wrong password on data that was not.
TEST(vault_changed) {
    struct arena a = {.secret = true};
    struct err e = {.arena = &a};
    struct vault_ring *r = vault_ring_new();
    struct vault_ring *other = vault_ring_new();
    struct str t;
    vault_ring_add(r, "default", STR_LIT("right"));
    vault_ring_add(other, "default", STR_LIT("wrong"));
    CHECK(vault_seal(r, NULL, STR_LIT("a: some text that is long enough\nb: to be known as one\nc: when it opens\n"),
                     &a, &t, &e));
    static const size_t from_end[] = {2, 40, 100};
    for (size_t i = 0; i < COUNTOF(from_end); i++) {
        char *changed = str_z(&a, t);
        char *digit = &changed[t.n - from_end[i]];
        *digit = *digit == '1' ? '2' : '1';
        struct str said = refusal(r, &a, str_from(changed));
        CHECK(str_starts(said, "the vault data was changed") || str_starts(said, "the vault data is damaged"));
    }
    CHECK_STR(refusal(other, &a, t), "Decryption failed: no vault password given opens this data");
    vault_ring_free(other);
    vault_ring_free(r);
    arena_release(&a);
}

TEST(vault_policy_match) {
    struct arena a = {.secret = true};
    struct err e = {.arena = &a};
    struct vault_ring *r = vault_ring_new();
    struct str t;
    struct str plain;
    vault_ring_add(r, "dev", STR_LIT("right"));
    CHECK(vault_seal(r, "dev", STR_LIT("text"), &a, &t, &e));
    vault_ring_free(r);
    r = vault_ring_new();
    vault_ring_add(r, "other", STR_LIT("right"));
    CHECK(vault_open(r, t, NO_MARK, &a, &plain, &e));
    vault_ring_policy(r, &(struct vault_policy){.match = true});
    CHECK_STR(refusal(r, &a, t), "no vault password with the id 'dev' was given, and only that one may be tried");
    vault_ring_add(r, "dev", STR_LIT("right"));
    CHECK(vault_open(r, t, NO_MARK, &a, &plain, &e));
    CHECK_STR(plain, "text");
    vault_ring_free(r);
    arena_release(&a);
}

// Fewer and more jobs than there are threads; libcrypto's own function is the judge.
TEST(kdf_many) {
    enum { MOST = 20, ROUNDS = 50 };
    static const char *const passwords[] = {
        "", "short", "sixty-four bytes and more are hashed before they are used as an HMAC key ....."};
    struct arena a = {.secret = true};
    for (size_t n = 1; n <= MOST; n++) {
        unsigned char got[MOST][KDF_BLOCK];
        struct kdf_job jobs[MOST];
        for (size_t i = 0; i < n; i++) {
            jobs[i] = (struct kdf_job){.password = str_from(passwords[i % 3]),
                                       .salt = str_printf(&a, "salt %zu", i),
                                       .number = (uint32_t)(i % 3) + 1,
                                       .out = got[i]};
        }
        kdf_run(jobs, n, ROUNDS);
        for (size_t i = 0; i < n; i++) {
            unsigned char want[3 * KDF_BLOCK];
            const struct kdf_job *j = &jobs[i];
            CHECK(PKCS5_PBKDF2_HMAC(j->password.s, (int)j->password.n, (const unsigned char *)j->salt.s, (int)j->salt.n,
                                    ROUNDS, EVP_sha256(), sizeof want, want) == 1);
            CHECK(memcmp(want + (size_t)(j->number - 1) * KDF_BLOCK, got[i], KDF_BLOCK) == 0);
        }
    }
    arena_release(&a);
}
