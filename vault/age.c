// The cryptography of age: keys, wrapping, HKDF, ChaCha20-Poly1305, all through libcrypto.
#include "age.h"

#include "digest.h"
#include "fd.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { TAG_LEN = 16, SCRYPT_LOGN_MAX = 20 };
static const char X25519_INFO[] = "age-encryption.org/v1/X25519";
static const char SSH_INFO[] = "age-encryption.org/v1/ssh-ed25519";
static const char SCRYPT_INFO[] = "age-encryption.org/v1/scrypt";
static const unsigned char zero_nonce[12];

static struct str bytes(const unsigned char *p, size_t n) {
    return (struct str){(const char *)p, n};
}

// -- primitives ------------------------------------------------------------------------------------------------------

void age_hmac(const unsigned char key[AGE_KEY], struct str data, unsigned char out[AGE_MAC]) {
    unsigned n = 0;
    if (!HMAC(EVP_sha256(), key, AGE_KEY, (const unsigned char *)data.s, data.n, out, &n) || n != AGE_MAC) {
        BUG("libcrypto cannot compute an HMAC");
    }
}

void age_hkdf(struct str key, struct str salt, const char *info, unsigned char out[AGE_KEY]) {
    unsigned char prk[AGE_KEY];
    unsigned char pad[64] = {0};  // a short HMAC key is padded with zeros
    struct buf b = {0};
    unsigned n = 0;
    const void *salt_p = salt.n > 0 ? (const void *)salt.s : pad;
    if (!HMAC(EVP_sha256(), salt_p, salt.n > 0 ? (int)salt.n : AGE_KEY, (const unsigned char *)(key.n > 0 ? key.s : ""),
              key.n, prk, &n)) {
        BUG("libcrypto cannot compute an HMAC");
    }
    buf_z(&b, info);
    buf_char(&b, 1);
    age_hmac(prk, buf_view(&b), out);
    buf_release(&b);
    OPENSSL_cleanse(prk, sizeof prk);
}

static void cipher_release(EVP_CIPHER_CTX **c) {
    EVP_CIPHER_CTX_free(*c);
}

bool age_aead_open(const unsigned char key[AGE_KEY], const unsigned char nonce[12], struct str in, char *out) {
    CLEANUP(cipher_release) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    unsigned char tag[TAG_LEN];
    int n = 0;
    if (in.n < TAG_LEN || in.n > INT32_MAX) {
        return false;
    }
    size_t len = in.n - TAG_LEN;
    memcpy(tag, in.s + len, TAG_LEN);
    if (!c || EVP_DecryptInit_ex(c, EVP_chacha20_poly1305(), NULL, key, nonce) != 1) {
        BUG("libcrypto cannot run ChaCha20-Poly1305");
    }
    bool ok = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1;
    ok = ok && (len == 0 || EVP_DecryptUpdate(c, (unsigned char *)out, &n, (const unsigned char *)in.s, (int)len) == 1);
    return ok && EVP_DecryptFinal_ex(c, tag, &n) == 1;
}

void age_aead_seal(const unsigned char key[AGE_KEY], const unsigned char nonce[12], struct str in, char *out) {
    CLEANUP(cipher_release) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    unsigned char none[TAG_LEN];
    int n = 0;
    bool ok = c && EVP_EncryptInit_ex(c, EVP_chacha20_poly1305(), NULL, key, nonce) == 1;
    ok = ok &&
         (in.n == 0 || EVP_EncryptUpdate(c, (unsigned char *)out, &n, (const unsigned char *)in.s, (int)in.n) == 1);
    ok = ok && EVP_EncryptFinal_ex(c, none, &n) == 1 &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, out + in.n) == 1;
    if (!ok) {
        BUG("libcrypto cannot run ChaCha20-Poly1305");
    }
}

struct str age_b64(struct arena *a, struct str data) {
    struct str s = base64_encode(a, data);
    while (s.n > 0 && s.s[s.n - 1] == '=') {
        s.n--;
    }
    return s;
}

bool age_unb64(struct arena *a, struct str text, struct str *out) {
    struct err e = {.arena = a};
    return base64_decode(a, text, out, &e) && str_eq(age_b64(a, *out), text);
}

// X25519; `point` NULL: the base point. False when the result is zero (a broken public key).
static bool x25519(const unsigned char scalar[AGE_KEY], const unsigned char *point, unsigned char out[AGE_KEY]) {
    static const unsigned char base[AGE_KEY] = {9};
    EVP_PKEY *mine = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, scalar, AGE_KEY);
    EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point ? point : base, AGE_KEY);
    EVP_PKEY_CTX *c = mine ? EVP_PKEY_CTX_new(mine, NULL) : NULL;
    size_t n = AGE_KEY;
    bool ok = c && theirs && EVP_PKEY_derive_init(c) == 1 && EVP_PKEY_derive_set_peer(c, theirs) == 1 &&
              EVP_PKEY_derive(c, out, &n) == 1 && n == AGE_KEY;
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(theirs);
    EVP_PKEY_free(mine);
    return ok;
}

static void reverse(unsigned char *p) {
    for (size_t i = 0; i < AGE_KEY / 2; i++) {
        unsigned char c = p[i];
        p[i] = p[AGE_KEY - 1 - i];
        p[AGE_KEY - 1 - i] = c;
    }
}

// The X25519 form of an ed25519 public key: u = (1 + y) / (1 - y) mod 2^255 - 19.
static bool montgomery(const unsigned char ed[AGE_KEY], unsigned char out[AGE_KEY]) {
    unsigned char y_bytes[AGE_KEY];
    memcpy(y_bytes, ed, AGE_KEY);
    y_bytes[AGE_KEY - 1] &= 0x7f;
    reverse(y_bytes);
    BN_CTX *c = BN_CTX_new();
    BIGNUM *p = NULL;
    BIGNUM *y = BN_bin2bn(y_bytes, AGE_KEY, NULL);
    BIGNUM *up = BN_new();
    BIGNUM *down = BN_new();
    bool ok = c && y && up && down &&
              BN_hex2bn(&p, "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed") > 0 &&
              BN_cmp(y, p) < 0 && BN_mod_add(up, BN_value_one(), y, p, c) == 1 &&
              BN_mod_sub(down, BN_value_one(), y, p, c) == 1 && BN_mod_inverse(down, down, p, c) != NULL &&
              BN_mod_mul(up, up, down, p, c) == 1 && BN_bn2binpad(up, out, AGE_KEY) == AGE_KEY;
    if (ok) {
        reverse(out);
    }
    BN_free(down);
    BN_free(up);
    BN_free(y);
    BN_free(p);
    BN_CTX_free(c);
    return ok;
}

// -- bech32 ----------------------------------------------------------------------------------------------------------

static uint32_t polymod(uint32_t c, unsigned v) {
    static const uint32_t gen[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
    uint32_t top = c >> 25;
    c = (c & 0x1ffffff) << 5 ^ v;
    for (unsigned i = 0; i < COUNTOF(gen); i++) {
        c ^= (top >> i & 1) ? gen[i] : 0;
    }
    return c;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

// Decodes 32 bytes with the human-readable part `hrp` (lower case).
static bool bech32(struct str s, const char *hrp, unsigned char out[AGE_KEY]) {
    static const char digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    size_t h = strlen(hrp);
    uint32_t check = 1;
    uint32_t acc = 0;
    unsigned bits = 0;
    size_t n = 0;
    if (s.n != h + 1 + 52 + 6 || s.s[h] != '1') {
        return false;
    }
    for (size_t i = 0; i < h; i++) {
        if (lower(s.s[i]) != hrp[i]) {
            return false;
        }
        check = polymod(check, (unsigned)hrp[i] >> 5);
    }
    check = polymod(check, 0);
    for (size_t i = 0; i < h; i++) {
        check = polymod(check, (unsigned)hrp[i] & 31);
    }
    for (size_t i = h + 1; i < s.n; i++) {
        const char *at = s.s[i] ? strchr(digits, lower(s.s[i])) : NULL;
        if (!at) {
            return false;
        }
        unsigned v = (unsigned)(at - digits);
        check = polymod(check, v);
        acc = (acc << 5 | v) & 0xfff;
        bits += 5;
        if (i < s.n - 6 && bits >= 8) {
            bits -= 8;
            out[n++] = (unsigned char)(acc >> bits);
        }
        if (i == s.n - 7 && (acc & ((1U << bits) - 1)) != 0) {
            return false;
        }
    }
    return check == 1 && n == AGE_KEY;
}

// -- recipients ------------------------------------------------------------------------------------------------------

bool age_ssh_str(struct str *rest, struct str *out) {
    const unsigned char *p = (const unsigned char *)rest->s;
    if (rest->n < 4) {
        return false;
    }
    size_t n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    if (n > rest->n - 4) {
        return false;
    }
    *out = str_sub(*rest, 4, 4 + n);
    *rest = str_sub(*rest, 4 + n, rest->n);
    return true;
}

bool age_ssh_recipient(struct str wire, struct arena *a, struct age_recipient *r) {
    struct str rest = wire;
    struct str type;
    struct str key;
    unsigned char sum[32];
    if (!age_ssh_str(&rest, &type) || !str_eqz(type, "ssh-ed25519") || !age_ssh_str(&rest, &key) || key.n != AGE_KEY ||
        rest.n != 0 || !montgomery((const unsigned char *)key.s, r->pub)) {
        return false;
    }
    r->kind = AGE_SSH;
    r->wire = str_dup(a, wire);
    if (EVP_Digest(wire.s, wire.n, sum, NULL, EVP_sha256(), NULL) != 1) {
        BUG("libcrypto cannot compute SHA-256");
    }
    memcpy(r->tag, sum, AGE_TAG);
    struct str b64 = base64_encode(a, wire);
    r->text = arena_printf(a, "ssh-ed25519 %.*s", STR(b64));
    return true;
}

bool age_recipient_read(struct str text, struct arena *a, struct age_recipient *r, struct err *e) {
    *r = (struct age_recipient){0};
    text = str_trim(text);
    if (str_starts(text, "AGE-SECRET-KEY-")) {
        return err_set(e, ERR_ARGS, NO_MARK, "expected a recipient, found a secret key");
    }
    if (str_starts(text, "ssh-ed25519 ")) {
        struct str rest = str_trim(str_sub(text, 12, text.n));
        struct str word;
        struct str wire;
        struct err inner = {.arena = a};
        if (str_next(&rest, ' ', &word) && base64_decode(a, word, &wire, &inner) && age_ssh_recipient(wire, a, r)) {
            return true;
        }
        return err_set(e, ERR_ARGS, NO_MARK, "the ssh-ed25519 key '%.*s' is damaged", STR(str_sub(text, 0, 100)));
    }
    if (str_starts(text, "ssh-") || str_starts(text, "ecdsa-") || str_starts(text, "sk-")) {
        return err_set(e, ERR_ARGS, NO_MARK,
                       "recipients are age1... or ssh-ed25519 keys; '%.*s' keys are not supported",
                       STR(str_sub(text, 0, str_find_char(text, 0, ' '))));
    }
    if (!bech32(text, "age", r->pub)) {
        return err_set(e, ERR_ARGS, NO_MARK, "expected 'age1...' or 'ssh-ed25519 ...' as a recipient, found '%.*s'",
                       STR(str_sub(text, 0, 100)));
    }
    r->kind = AGE_X25519;
    r->text = str_z(a, text);
    return true;
}

bool age_recipients_read(struct str text, struct arena *a, struct age_recipients *to, struct err *e) {
    struct str line;
    while (str_next(&text, '\n', &line)) {
        struct age_recipient r;
        line = str_trim(line);
        if (line.n == 0 || str_starts(line, "#")) {
            continue;
        }
        if (!age_recipient_read(line, a, &r, e)) {
            return false;
        }
        VEC_PUSH(a, *to, r);
    }
    return true;
}

// -- identities ------------------------------------------------------------------------------------------------------

bool age_identities_read(struct str text, struct arena *a, struct age_identities *to, struct err *e) {
    struct age_identity id = {0};
    struct str line;
    text = str_trim(text);
    if (str_starts(text, "-----BEGIN")) {
        if (!age_ssh_identity(text, a, &id, e)) {
            return false;
        }
        VEC_PUSH(a, *to, id);
        OPENSSL_cleanse(&id, sizeof id);
        return true;
    }
    for (unsigned n = 1; str_next(&text, '\n', &line); n++) {
        line = str_trim(line);
        if (line.n == 0 || str_starts(line, "#")) {
            continue;
        }
        if (!bech32(line, "age-secret-key-", id.secret) || !x25519(id.secret, NULL, id.who.pub)) {
            return err_set(e, ERR_VAULT, NO_MARK, "line %u: expected AGE-SECRET-KEY-1..., found something else", n);
        }
        VEC_PUSH(a, *to, id);
    }
    OPENSSL_cleanse(&id, sizeof id);
    return true;
}

// -- wrapping --------------------------------------------------------------------------------------------------------

// Mixes the SSH key into the shared secret, so that the same key as X25519 opens nothing.
static bool tweak(const struct age_recipient *r, unsigned char shared[AGE_KEY]) {
    unsigned char t[AGE_KEY];
    unsigned char out[AGE_KEY];
    age_hkdf(STR_NONE, r->wire, SSH_INFO, t);
    bool ok = x25519(t, shared, out);
    memcpy(shared, out, AGE_KEY);
    OPENSSL_cleanse(out, sizeof out);
    return ok;
}

static void wrap_key(const struct age_recipient *r, const unsigned char share[AGE_KEY],
                     const unsigned char shared[AGE_KEY], unsigned char key[AGE_KEY]) {
    unsigned char salt[2 * AGE_KEY];
    memcpy(salt, share, AGE_KEY);
    memcpy(salt + AGE_KEY, r->pub, AGE_KEY);
    age_hkdf(bytes(shared, AGE_KEY), bytes(salt, sizeof salt), r->kind == AGE_SSH ? SSH_INFO : X25519_INFO, key);
}

bool age_wrap(const struct age_recipient *r, const unsigned char file_key[AGE_FILE_KEY], struct buf *out,
              struct err *e) {
    unsigned char secret[AGE_KEY];
    unsigned char share[AGE_KEY];
    unsigned char shared[AGE_KEY];
    unsigned char key[AGE_KEY];
    char body[AGE_WRAPPED];
    struct arena tmp = {.secret = true};
    random_bytes(secret, sizeof secret);
    bool ok = x25519(secret, NULL, share) && x25519(secret, r->pub, shared) && (r->kind != AGE_SSH || tweak(r, shared));
    if (ok) {
        wrap_key(r, share, shared, key);
        age_aead_seal(key, zero_nonce, bytes(file_key, AGE_FILE_KEY), body);
        buf_z(out, r->kind == AGE_SSH ? "-> ssh-ed25519 " : "-> X25519 ");
        if (r->kind == AGE_SSH) {
            buf_str(out, age_b64(&tmp, bytes(r->tag, AGE_TAG)));
            buf_char(out, ' ');
        }
        buf_str(out, age_b64(&tmp, bytes(share, AGE_KEY)));
        buf_char(out, '\n');
        buf_str(out, age_b64(&tmp, (struct str){body, sizeof body}));
        buf_char(out, '\n');
    }
    OPENSSL_cleanse(secret, sizeof secret);
    OPENSSL_cleanse(shared, sizeof shared);
    OPENSSL_cleanse(key, sizeof key);
    arena_release(&tmp);
    return ok || err_set(e, ERR_VAULT, NO_MARK, "the recipient '%s' has a broken public key", r->text);
}

static bool open_with(const struct age_identity *id, struct str share, struct str body,
                      unsigned char file_key[AGE_FILE_KEY]) {
    unsigned char shared[AGE_KEY];
    unsigned char key[AGE_KEY];
    const unsigned char *s = (const unsigned char *)share.s;
    bool ok = x25519(id->secret, s, shared) && (id->who.kind != AGE_SSH || tweak(&id->who, shared));
    if (ok) {
        wrap_key(&id->who, s, shared, key);
        ok = age_aead_open(key, zero_nonce, body, (char *)file_key);
    }
    OPENSSL_cleanse(shared, sizeof shared);
    OPENSSL_cleanse(key, sizeof key);
    return ok;
}

// True when the arguments of a stanza of this type are those of one for `id`; `share` is what it was wrapped with.
static bool for_identity(const struct age_identity *id, struct str type, struct str args, struct arena *a,
                         struct str *share) {
    struct str word;
    struct str tag = STR_NONE;
    if (!str_eqz(type, id->who.kind == AGE_SSH ? "ssh-ed25519" : "X25519")) {
        return false;
    }
    if (id->who.kind == AGE_SSH && (!str_next(&args, ' ', &word) || !age_unb64(a, word, &tag) || tag.n != AGE_TAG ||
                                    memcmp(tag.s, id->who.tag, AGE_TAG) != 0)) {
        return false;
    }
    return str_next(&args, ' ', &word) && !args.s && age_unb64(a, word, share) && share->n == AGE_KEY;
}

bool age_needs_passphrase(const struct age_identity *id, struct str type, struct str args) {
    struct arena tmp = {0};
    struct str share;
    bool needs = id->locked.n > 0 && for_identity(id, type, args, &tmp, &share);
    arena_release(&tmp);
    return needs;
}

bool age_unwrap(const struct age_identity *id, struct str type, struct str args, struct str body,
                unsigned char file_key[AGE_FILE_KEY]) {
    struct arena tmp = {0};
    struct str share;
    bool ok = id->locked.n == 0 && body.n == AGE_WRAPPED && for_identity(id, type, args, &tmp, &share) &&
              open_with(id, share, body, file_key);
    arena_release(&tmp);
    return ok;
}

bool age_unwrap_scrypt(struct str pass, struct str args, struct str body, unsigned char file_key[AGE_FILE_KEY],
                       struct err *e) {
    struct arena tmp = {0};
    struct buf salt = BUF_IN(&tmp);
    struct str word;
    struct str raw;
    int64_t logn = 0;
    unsigned char key[AGE_KEY];
    bool ok = str_next(&args, ' ', &word) && age_unb64(&tmp, word, &raw) && raw.n == 16 &&
              str_next(&args, ' ', &word) && !args.s && str_int(word, &logn) && logn > 0 && body.n == AGE_WRAPPED;
    if (!ok || logn > SCRYPT_LOGN_MAX) {
        arena_release(&tmp);
        return err_set(e, ERR_VAULT, NO_MARK,
                       ok ? "the passphrase's work factor is higher than this program accepts (2^20)"
                          : "the age header is damaged");
    }
    buf_z(&salt, SCRYPT_INFO);
    buf_str(&salt, raw);
    uint64_t n = (uint64_t)1 << logn;
    ok = EVP_PBE_scrypt(pass.s, pass.n, (const unsigned char *)salt.p, salt.n, n, 8, 1, n * 1024 + (16 << 20), key,
                        AGE_KEY) == 1 &&
         age_aead_open(key, zero_nonce, body, (char *)file_key);
    OPENSSL_cleanse(key, sizeof key);
    arena_release(&tmp);
    return ok || err_set(e, ERR_VAULT, NO_MARK, "the passphrase is wrong");
}
