// Filters of community.crypto on keys: openssl_privatekey_info, openssl_publickey_info.
#include "filters/pkey.h"
#include "bigint.h"
#include "digest.h"

#include <limits.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>

// -- shared ----------------------------------------------------------------------------------------------------------

bool ssl_fail(const struct jcall *c, struct err *e, const char *what) {
    char reason[160] = "it is not what it should be";
    unsigned long code = ERR_get_error();
    if (code) {
        ERR_error_string_n(code, reason, sizeof reason);
    }
    ERR_clear_error();
    return plug_err(c, e, ERR_ARGS, "%s: %s", what, reason);
}

struct val ssl_integer(struct arena *a, const BIGNUM *n) {
    char *digits = BN_bn2dec(n);
    struct val v = digits ? big_val(a, str_from(digits)) : VNULL;
    OPENSSL_free(digits);
    return v;
}

struct val ssl_hex(struct arena *a, const unsigned char *p, size_t n) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < n; i++) {
        buf_printf(&b, "%s%02x", i ? ":" : "", p[i]);
    }
    return val_str(a, buf_view(&b));
}

struct val ssl_fingerprints(struct arena *a, const unsigned char *p, size_t n) {
    static const struct {
        const char *python, *openssl;
        size_t len;  // of those whose length is asked for
    } algorithms[] = {{"md5", "MD5", 0},
                      {"sha1", "SHA1", 0},
                      {"sha224", "SHA224", 0},
                      {"sha256", "SHA256", 0},
                      {"sha384", "SHA384", 0},
                      {"sha512", "SHA512", 0},
                      {"sha3_224", "SHA3-224", 0},
                      {"sha3_256", "SHA3-256", 0},
                      {"sha3_384", "SHA3-384", 0},
                      {"sha3_512", "SHA3-512", 0},
                      {"shake_128", "SHAKE128", 32},
                      {"shake_256", "SHAKE256", 32},
                      {"blake2b", "BLAKE2B512", 0},
                      {"blake2s", "BLAKE2S256", 0}};
    struct val out = val_dict(a, COUNTOF(algorithms));
    for (size_t i = 0; i < COUNTOF(algorithms); i++) {
        unsigned char md[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        const EVP_MD *type = EVP_get_digestbyname(algorithms[i].openssl);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        bool ok = type && ctx && EVP_DigestInit_ex(ctx, type, NULL) && EVP_DigestUpdate(ctx, p, n);
        if (ok && algorithms[i].len) {
            len = (unsigned)algorithms[i].len;
            ok = EVP_DigestFinalXOF(ctx, md, len);
        } else {
            ok = ok && EVP_DigestFinal_ex(ctx, md, &len);
        }
        EVP_MD_CTX_free(ctx);
        if (ok) {  // one that the system's policy forbids is left out, as in the collection
            val_set(a, out, algorithms[i].python, ssl_hex(a, md, len));
        }
    }
    ERR_clear_error();
    return out;
}

static bool put_number(struct arena *a, EVP_PKEY *key, const char *param, struct val to, const char *name) {
    BIGNUM *n = NULL;
    if (!EVP_PKEY_get_bn_param(key, param, &n)) {
        return false;
    }
    val_set(a, to, name, ssl_integer(a, n));
    BN_clear_free(n);
    return true;
}

struct number {
    const char *param, *name;
};

static bool put_numbers(struct arena *a, EVP_PKEY *key, const struct number *of, struct val to) {
    for (; of->param; of++) {
        if (!put_number(a, key, of->param, to, of->name)) {
            return false;
        }
    }
    return true;
}

/// The names that the Python library has for two curves that OpenSSL calls otherwise.
static const char *curve_name(const char *name) {
    return strcmp(name, "prime256v1") == 0 ? "secp256r1" : strcmp(name, "prime192v1") == 0 ? "secp192r1" : name;
}

static bool public_data(struct arena *a, EVP_PKEY *key, const char **type, struct val to) {
    static const struct number rsa[] = {{OSSL_PKEY_PARAM_RSA_N, "modulus"}, {OSSL_PKEY_PARAM_RSA_E, "exponent"}, {0}};
    static const struct number dsa[] = {{OSSL_PKEY_PARAM_FFC_P, "p"},
                                        {OSSL_PKEY_PARAM_FFC_Q, "q"},
                                        {OSSL_PKEY_PARAM_FFC_G, "g"},
                                        {OSSL_PKEY_PARAM_PUB_KEY, "y"},
                                        {0}};
    static const struct number ec[] = {{OSSL_PKEY_PARAM_EC_PUB_X, "x"}, {OSSL_PKEY_PARAM_EC_PUB_Y, "y"}, {0}};
    int id = EVP_PKEY_get_base_id(key);
    char group[80];
    size_t len = 0;
    switch (id) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
        *type = "RSA";
        val_set(a, to, "size", val_int(EVP_PKEY_get_bits(key)));
        return put_numbers(a, key, rsa, to);
    case EVP_PKEY_DSA:
        *type = "DSA";
        val_set(a, to, "size", val_int(EVP_PKEY_get_bits(key)));
        return put_numbers(a, key, dsa, to);
    case EVP_PKEY_EC:
        *type = "ECC";
        if (!EVP_PKEY_get_group_name(key, group, sizeof group, &len)) {
            return false;
        }
        val_set(a, to, "curve", val_z(a, curve_name(group)));
        if (!put_numbers(a, key, ec, to)) {
            return false;
        }
        val_set(a, to, "exponent_size", val_int(EVP_PKEY_get_bits(key)));
        return true;
    default:
        *type = id == EVP_PKEY_X25519    ? "X25519"
                : id == EVP_PKEY_X448    ? "X448"
                : id == EVP_PKEY_ED25519 ? "Ed25519"
                : id == EVP_PKEY_ED448   ? "Ed448"
                                         : "unknown";
        return true;
    }
}

bool pkey_describe(const struct jcall *c, EVP_PKEY *key, const struct pkey_names *names, struct val to, struct err *e) {
    const char *type = NULL;
    struct val data = val_dict(c->a, 6);
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    if (len < 0 || !public_data(c->a, key, &type, data)) {
        OPENSSL_free(der);
        return ssl_fail(c, e, "the public key cannot be read");
    }
    val_set(c->a, to, names->type, val_z(c->a, type));
    val_set(c->a, to, names->data, data);
    val_set(c->a, to, names->fingerprints, ssl_fingerprints(c->a, der, (size_t)len));
    OPENSSL_free(der);
    return true;
}

bool pkey_pem(const struct jcall *c, EVP_PKEY *key, struct val *out, struct err *e) {
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    bool ok = bio && PEM_write_bio_PUBKEY(bio, key);
    long n = ok ? BIO_get_mem_data(bio, &p) : 0;
    if (ok) {
        *out = val_str(c->a, (struct str){p, (size_t)n});
    }
    BIO_free(bio);
    return ok || ssl_fail(c, e, "the public key cannot be written");
}

// -- filters ---------------------------------------------------------------------------------------------------------

static bool text_bio(struct jcall *c, BIO **bio, struct err *e) {
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "value", "a string", c->args[0]);
    }
    struct str s = val_text(c->args[0]);
    if (s.n > INT_MAX) {
        return plug_err(c, e, ERR_LIMIT, "the text is too long");
    }
    *bio = BIO_new_mem_buf(s.n ? s.s : "", (int)s.n);
    return *bio || ssl_fail(c, e, "out of memory");
}

struct passphrase {
    struct str text;
    bool given, asked;
};

/// OpenSSL's question for a passphrase: never asks the terminal.
static int tell_passphrase(char *to, int size, int writing, void *data) {
    struct passphrase *p = data;
    (void)writing;
    p->asked = true;
    if (!p->given || p->text.n > (size_t)size) {
        return -1;
    }
    memcpy(to, p->text.n ? p->text.s : "", p->text.n);
    return (int)p->text.n;
}

static bool private_data(struct arena *a, EVP_PKEY *key, struct val to) {
    static const struct number rsa[] = {{OSSL_PKEY_PARAM_RSA_FACTOR1, "p"},
                                        {OSSL_PKEY_PARAM_RSA_FACTOR2, "q"},
                                        {OSSL_PKEY_PARAM_RSA_D, "exponent"},
                                        {0}};
    static const struct number dsa[] = {{OSSL_PKEY_PARAM_PRIV_KEY, "x"}, {0}};
    static const struct number ec[] = {{OSSL_PKEY_PARAM_PRIV_KEY, "multiplier"}, {0}};
    int id = EVP_PKEY_get_base_id(key);
    return id == EVP_PKEY_RSA   ? put_numbers(a, key, rsa, to)
           : id == EVP_PKEY_DSA ? put_numbers(a, key, dsa, to)
           : id == EVP_PKEY_EC  ? put_numbers(a, key, ec, to)
                                : true;
}

static bool describe_private(struct jcall *c, EVP_PKEY *key, bool secrets, struct val *out, struct err *e) {
    static const struct pkey_names names = {"type", "public_data", "public_key_fingerprints"};
    struct val pem = {0}, hidden = val_dict(c->a, 4), all = val_dict(c->a, 6);
    if (!pkey_pem(c, key, &pem, e) || !pkey_describe(c, key, &names, all, e)) {
        return false;
    }
    *out = val_dict(c->a, 6);
    val_set(c->a, *out, "public_key", pem);
    val_set(c->a, *out, names.fingerprints, val_get(all, names.fingerprints));
    val_set(c->a, *out, names.type, val_get(all, names.type));
    val_set(c->a, *out, names.data, val_get(all, names.data));
    if (!secrets) {
        return true;
    }
    if (!private_data(c->a, key, hidden)) {
        return ssl_fail(c, e, "the private key cannot be read");
    }
    val_set(c->a, *out, "private_data", val_reflag(c->a, hidden, 0, VAL_SECRET));
    return true;
}

static bool f_privatekey_info(struct jcall *c, struct val *out, struct err *e) {
    struct passphrase pass = {.given = !opt_none(c, 1)};
    bool secrets = false;
    BIO *bio = NULL;
    if (!opt_str(c, 1, "passphrase", STR_NONE, &pass.text, e)) {
        return false;
    }
    if (arg_given(c, 2) && c->args[2].kind != VAL_BOOL) {
        return bad_arg(c, e, "return_private_key_data", "a boolean", c->args[2]);
    }
    secrets = arg_given(c, 2) && c->args[2].u.b;
    if (!text_bio(c, &bio, e)) {
        return false;
    }
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, tell_passphrase, &pass);
    BIO_free(bio);
    if (!key && pass.asked) {
        ERR_clear_error();
        return plug_err(c, e, ERR_ARGS, "wrong or empty passphrase provided for the private key");
    }
    if (!key) {
        return ssl_fail(c, e, "no private key in PEM format that can be read");
    }
    bool ok = pass.given && !pass.asked
                  ? plug_err(c, e, ERR_ARGS, "a passphrase was given, and the private key is not encrypted")
                  : describe_private(c, key, secrets, out, e);
    EVP_PKEY_free(key);
    return ok;
}
FILTER(openssl_privatekey_info) = {
    .doc = "What a private key in PEM format is; numbers of its private half on request.",
    .params = "value, passphrase=None, return_private_key_data=False",
    .fn = f_privatekey_info,
    .fqcn = "community.crypto.openssl_privatekey_info",
    .example = "'community.crypto.openssl_privatekey_info' is filter"};

static EVP_PKEY *read_public(BIO *bio) {
    EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    if (key || BIO_reset(bio) < 0) {
        return key;
    }
    OSSL_DECODER_CTX *d =
        OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", "type-specific", "RSA", EVP_PKEY_PUBLIC_KEY, NULL, NULL);
    if (d && !OSSL_DECODER_from_bio(d, bio)) {
        key = NULL;
    }
    OSSL_DECODER_CTX_free(d);
    return key;
}

static bool f_publickey_info(struct jcall *c, struct val *out, struct err *e) {
    static const struct pkey_names names = {"type", "public_data", "fingerprints"};
    BIO *bio = NULL;
    if (!text_bio(c, &bio, e)) {
        return false;
    }
    EVP_PKEY *key = read_public(bio);
    BIO_free(bio);
    if (!key) {
        return ssl_fail(c, e, "no public key in PEM format that can be read");
    }
    struct val all = val_dict(c->a, 4);
    bool ok = pkey_describe(c, key, &names, all, e);
    EVP_PKEY_free(key);
    if (!ok) {
        return false;
    }
    *out = val_dict(c->a, 4);
    val_set(c->a, *out, names.fingerprints, val_get(all, names.fingerprints));
    val_set(c->a, *out, names.type, val_get(all, names.type));
    val_set(c->a, *out, names.data, val_get(all, names.data));
    return true;
}
FILTER(openssl_publickey_info) = {.doc = "What a public key in PEM format is.",
                                  .params = "value",
                                  .fn = f_publickey_info,
                                  .fqcn = "community.crypto.openssl_publickey_info",
                                  .example = "'community.crypto.openssl_publickey_info' is filter"};
