#pragma once
#include "str.h"

/// The number of a TLS 1.2 cipher suite by the name OpenSSL has for it; false when the name is not known.
bool cipher_id(struct str name, int *id);
