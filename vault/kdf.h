// PBKDF2-HMAC-SHA256 on SHA-256's compression function alone, many at once: a vault's many short rounds cost mostly
// overhead otherwise.
#pragma once
#include "str.h"

enum { KDF_BLOCK = 32 };
/// One block of a derived key: bytes (number - 1) * 32 to number * 32 of what RFC 8018 calls DK.
struct kdf_job {
    struct str password, salt;
    uint32_t number;     // 1, 2, ...
    unsigned char *out;  // KDF_BLOCK bytes
};

/// Fills `out` of every job. Sixteen at a time where the processor has the registers for it, and on as many threads as
/// there are processors; blocks until all are done. Proven by the vectors of tests/unit/vault.
void kdf_run(const struct kdf_job *jobs, size_t n, unsigned rounds);
/// How many jobs cost about as much time as one: what reads ahead asks for multiples of it.
size_t kdf_batch(void);
