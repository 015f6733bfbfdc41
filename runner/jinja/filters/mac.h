// Hardware addresses, as netaddr.EUI reads them.
#pragma once
#include "str.h"

/// A MAC address (48 bits) or an EUI-64; *wide tells which.
bool mac_parse(struct str s, uint64_t *out, bool *wide);
