// Names of TLS cipher suites as OpenSSL and so Ansible has them, and the numbers that go over the wire.
#include "ciphers.h"

#include <mbedtls/ssl.h>

bool cipher_id(struct str name, int *id) {
    static const struct {
        const char *name;
        int id;
    } suites[] = {
        {"ECDHE-ECDSA-AES256-GCM-SHA384", 0xC02C},
        {"ECDHE-RSA-AES256-GCM-SHA384", 0xC030},
        {"DHE-RSA-AES256-GCM-SHA384", 0x009F},
        {"ECDHE-ECDSA-CHACHA20-POLY1305", 0xCCA9},
        {"ECDHE-RSA-CHACHA20-POLY1305", 0xCCA8},
        {"DHE-RSA-CHACHA20-POLY1305", 0xCCAA},
        {"ECDHE-ECDSA-AES128-GCM-SHA256", 0xC02B},
        {"ECDHE-RSA-AES128-GCM-SHA256", 0xC02F},
        {"DHE-RSA-AES128-GCM-SHA256", 0x009E},
        {"ECDHE-ECDSA-AES256-SHA384", 0xC024},
        {"ECDHE-RSA-AES256-SHA384", 0xC028},
        {"DHE-RSA-AES256-SHA256", 0x006B},
        {"ECDHE-ECDSA-AES128-SHA256", 0xC023},
        {"ECDHE-RSA-AES128-SHA256", 0xC027},
        {"DHE-RSA-AES128-SHA256", 0x0067},
        {"ECDHE-ECDSA-AES256-SHA", 0xC00A},
        {"ECDHE-RSA-AES256-SHA", 0xC014},
        {"DHE-RSA-AES256-SHA", 0x0039},
        {"ECDHE-ECDSA-AES128-SHA", 0xC009},
        {"ECDHE-RSA-AES128-SHA", 0xC013},
        {"DHE-RSA-AES128-SHA", 0x0033},
        {"AES256-GCM-SHA384", 0x009D},
        {"AES128-GCM-SHA256", 0x009C},
        {"AES256-SHA256", 0x003D},
        {"AES128-SHA256", 0x003C},
        {"AES256-SHA", 0x0035},
        {"AES128-SHA", 0x002F},
    };
    for (size_t i = 0; i < COUNTOF(suites); i++) {
        if (str_eqz(name, suites[i].name)) {
            *id = suites[i].id;
            return true;
        }
    }
    return false;
}

void cipher_offer(void *conf, const int *suites) {
    mbedtls_ssl_conf_ciphersuites(conf, suites);
}
