// PBKDF2-HMAC-SHA256, single blocks of it and many at once, on libcrypto's compression function alone: short rounds
// cost mostly overhead otherwise (docs/decisions/0014).
#pragma once
#include "str.h"

enum { KDF_BLOCK = 32 };
/// One block of a derived key: bytes (number - 1) * 32 to number * 32 of what RFC 8018 calls DK.
struct kdf_job {
    struct str password, salt;
    uint32_t number;     // 1, 2, ...
    unsigned char *out;  // KDF_BLOCK bytes
};

/// Fills `out` of every job, on as many threads as there are processors; blocks until all are done.
void kdf_run(const struct kdf_job *jobs, size_t n, unsigned rounds);
