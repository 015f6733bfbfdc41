// What is told about keys of public key cryptography, shared by the filters of community.crypto.
#pragma once
#include "filters/support.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/// A number of OpenSSL as an integer of any size.
struct val ssl_integer(struct arena *a, const BIGNUM *n);
/// ERR_ARGS: what could not be done, and OpenSSL's reason. Returns false.
bool ssl_fail(const struct jcall *c, struct err *e, const char *what);
/// "ab:cd" of bytes.
struct val ssl_hex(struct arena *a, const unsigned char *p, size_t n);
/// A dictionary of the digests of `n` bytes, one for each algorithm that Python guarantees.
struct val ssl_fingerprints(struct arena *a, const unsigned char *p, size_t n);
/// The PEM text of a public key.
bool pkey_pem(const struct jcall *c, EVP_PKEY *key, struct val *out, struct err *e);
/// Sets `type`, `data` and `fingerprints` (names of entries of `to`) to what the key's public half is.
struct pkey_names {
    const char *type, *data, *fingerprints;
};
bool pkey_describe(const struct jcall *c, EVP_PKEY *key, const struct pkey_names *names, struct val to, struct err *e);
