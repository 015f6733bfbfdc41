// Where this system keeps the certificates it trusts.
#include "ca.h"

#include <stdlib.h>
#include <unistd.h>

const char *ca_bundle_path(void) {
    static const char *const files[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                        "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem"};
    const char *given = getenv("SSL_CERT_FILE");  // NOLINT(concurrency-mt-unsafe): nothing sets it
    if (given && *given) {
        return given;
    }
    for (size_t i = 0; i < COUNTOF(files); i++) {
        if (access(files[i], R_OK) == 0) {
            return files[i];
        }
    }
    return NULL;
}
