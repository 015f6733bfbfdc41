// Inside kdf.c: one running derivation, and sixteen of them in the registers of AVX-512.
#pragma once
#include <stdint.h>

enum { KDF_WORDS = 8, KDF_WIDE = 16 };
struct kdf_lane {
    uint32_t inner[KDF_WORDS], outer[KDF_WORDS];  // SHA-256 behind the padded key
    uint32_t last[KDF_WORDS], sum[KDF_WORDS];     // U of RFC 8018, and what all of them give
};

/// True when this processor can run kdf_wide.
bool kdf_wide_can(void);
/// Does `rounds` rounds on each of the KDF_WIDE lanes.
void kdf_wide(struct kdf_lane *lanes, unsigned rounds);
