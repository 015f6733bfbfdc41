// PBKDF2-HMAC-SHA256 on SHA-256's compression function alone: a vault's many short rounds cost mostly overhead
// otherwise.
#pragma once
#include "str.h"

/// Fills `out`, `n` bytes, as RFC 8018 says. Proven by the vectors of tests/unit/vault.
void vault_pbkdf2(struct str password, struct str salt, unsigned rounds, unsigned char *out, size_t n);
