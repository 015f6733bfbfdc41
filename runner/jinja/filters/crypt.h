// Password hashes of the system's crypt library, with Ansible's names and defaults.
#pragma once
#include "filters/mt19937.h"

struct crypt_opts {
    struct str scheme;  // md5_crypt, sha256_crypt, sha512_crypt, bcrypt; or md5, sha256, sha512, blowfish
    struct str salt;    // s == NULL: random
    int64_t salt_size;  // 0: the scheme's
    int64_t rounds;     // 0: the scheme's
    struct str ident;   // bcrypt: 2, 2a, 2b, 2y; empty: 2b. Others ignore it
};
/// Hashes `password`. The result is in `a`. ERR_ARGS at `at` for an unknown scheme or a bad salt, ident or rounds.
bool crypt_hash(struct arena *a, struct str password, const struct crypt_opts *o, struct mark at, struct str *out,
                struct err *e);
/// Length of a random salt for `scheme` (8 for an unknown one) and its default ident or NULL.
size_t crypt_salt_size(struct str scheme);
const char *crypt_ident(struct str scheme);
/// `n` random characters of `chars`.
struct str random_chars(struct arena *a, struct mt *m, struct str chars, size_t n);
/// A random salt of `n` characters from the system's random numbers.
struct str random_salt(struct arena *a, size_t n);
