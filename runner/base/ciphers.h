#pragma once
#include "str.h"

/// The number of a TLS 1.2 cipher suite by the name OpenSSL has for it; false when the name is not known.
bool cipher_id(struct str name, int *id);
/// Makes `suites` (numbers, 0 ends them; they must stay) all that a TLS configuration of mbedTLS offers.
void cipher_offer(void *conf, const int *suites);
