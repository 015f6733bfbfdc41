// Port names, for the static link: c-ares asks the C library, whose answer needs NSS. URLs and options carry numbers,
// so no name is known here; defining the functions keeps the NSS code out of the executable.
#include <netdb.h>
#include <stddef.h>

struct servent *getservbyname(const char *name, const char *proto) {
    (void)name;
    (void)proto;
    return NULL;
}

// NOLINTBEGIN(readability-non-const-parameter,readability-inconsistent-declaration-parameter-name): the C library's
int getservbyport_r(int port, const char *proto, struct servent *out, char *buf, size_t len, struct servent **result) {
    (void)port;
    (void)proto;
    (void)out;
    (void)buf;
    (void)len;
    *result = NULL;
    return 0;
}
// NOLINTEND(readability-non-const-parameter,readability-inconsistent-declaration-parameter-name)
