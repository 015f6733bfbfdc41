// Where this system keeps the certificates it trusts.
#pragma once

/// The file of trusted certificates: $SSL_CERT_FILE, or the first of the usual places that can be read; NULL: none.
const char *ca_bundle_path(void);
