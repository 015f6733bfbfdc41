// IP addresses and networks: reading, printing, arithmetic. Knows nothing of filters.
#include "filters/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define MAX4 ((ip_bits)0xffffffffU)

int ip_width(const struct ipnet *n) {
    return n->version == 4 ? 32 : 128;
}

ip_bits ip_max(int version) {
    return version == 4 ? MAX4 : ~(ip_bits)0;
}

ip_bits ip_hostmask(const struct ipnet *n) {
    int host = ip_width(n) - n->prefix;
    return host >= 128 ? ~(ip_bits)0 : ((ip_bits)1 << host) - 1;
}

ip_bits ip_first(const struct ipnet *n) {
    return n->value & (ip_max(n->version) ^ ip_hostmask(n));
}

ip_bits ip_last(const struct ipnet *n) {
    return n->value | ip_hostmask(n);
}

ip_bits ip_size1(const struct ipnet *n) {
    return ip_hostmask(n);
}

bool ip_within(const struct ipnet *inner, const struct ipnet *outer) {
    return inner->version == outer->version && inner->prefix >= outer->prefix && ip_first(outer) <= inner->value &&
           inner->value <= ip_last(outer);
}

bool ip_within_text(const struct ipnet *inner, const char *outer) {
    struct ipnet o;
    return ip_parse(str_from(outer), &o) && ip_within(inner, &o);
}

struct ipnet ip_of_number(ip_bits n) {
    int version = n <= MAX4 ? 4 : 6;
    return (struct ipnet){version, version == 4 ? 32 : 128, n};
}

// -- reading ---------------------------------------------------------------------------------------------------------

static bool pton(int version, struct str s, ip_bits *out) {
    char z[64];
    unsigned char b[16] = {0};
    if (s.n >= sizeof z || memchr(s.s ? s.s : "", 0, s.n)) {
        return false;
    }
    memcpy(z, s.s ? s.s : "", s.n);
    z[s.n] = 0;
    if (inet_pton(version == 4 ? AF_INET : AF_INET6, z, b) != 1) {
        return false;
    }
    *out = 0;
    for (int i = 0; i < (version == 4 ? 4 : 16); i++) {
        *out = *out << 8 | b[i];
    }
    return true;
}

/// Python's int() of text: white space around, a sign, single underscores between digits.
static bool py_int(struct str s, int64_t *out) {
    char clean[32];
    size_t n = 0;
    s = str_trim(s);
    for (size_t i = 0; i < s.n; i++) {
        bool digit = s.s[i] >= '0' && s.s[i] <= '9';
        bool sign = i == 0 && (s.s[i] == '+' || s.s[i] == '-');
        bool joint =
            s.s[i] == '_' && i > 0 && i + 1 < s.n && s.s[i - 1] != '_' && s.s[i - 1] != '+' && s.s[i - 1] != '-';
        if ((!digit && !sign && !joint) || n + 1 >= sizeof clean) {
            return false;
        }
        if (!joint) {
            clean[n++] = s.s[i];
        }
    }
    return str_int((struct str){clean, n}, out);
}

/// "10", "10.1" and "10.01.2.3" as netaddr completes them.
static bool partial_v4(struct str s, ip_bits *out) {
    struct str rest = s, part;
    char z[64];
    size_t n = 0, used = 0;
    while (str_next(&rest, '.', &part)) {
        int64_t v;
        if (n == 4 || !py_int(part, &v) || v < 0 || v > 255) {
            return false;
        }
        used += (size_t)snprintf(z + used, sizeof z - used, "%s%d", n ? "." : "", (int)v);
        n++;
    }
    for (; n && n < 4; n++) {
        used += (size_t)snprintf(z + used, sizeof z - used, ".0");
    }
    return n == 4 && pton(4, (struct str){z, used}, out);
}

static bool is_mask(ip_bits inverted) {
    return ((inverted + 1) & inverted) == 0;
}

static int bits_set(ip_bits v) {
    return __builtin_popcountll((uint64_t)v) + __builtin_popcountll((uint64_t)(v >> 64));
}

static bool read_prefix(struct str s, int version, int *out) {
    int width = version == 4 ? 32 : 128;
    int64_t n;
    ip_bits mask;
    if (py_int(s, &n)) {
        *out = (int)n;
        return n >= 0 && n <= width;
    }
    if (!pton(version, s, &mask)) {
        return false;
    }
    ip_bits inverted = mask ^ ip_max(version);
    if (is_mask(inverted)) {
        *out = bits_set(mask);
        return true;
    }
    *out = width - bits_set(mask);
    return is_mask(mask);
}

static bool parse_as(struct str s, int version, struct ipnet *out) {
    size_t slash = str_find_char(s, 0, '/');
    struct str addr = str_sub(s, 0, slash);
    *out = (struct ipnet){version, version == 4 ? 32 : 128, 0};
    if (!pton(version, addr, &out->value) && (version == 6 || !partial_v4(addr, &out->value))) {
        return false;
    }
    return slash == SIZE_MAX || read_prefix(str_sub(s, slash + 1, s.n), version, &out->prefix);
}

bool ip_parse(struct str s, struct ipnet *out) {
    return parse_as(s, 4, out) || parse_as(s, 6, out);
}

bool ip_parse_address(struct str s, struct ipnet *out) {
    char z[64];
    struct in_addr in;
    if (str_find_char(s, 0, '/') != SIZE_MAX || s.n >= sizeof z || memchr(s.s ? s.s : "", 0, s.n)) {
        return false;
    }
    memcpy(z, s.s ? s.s : "", s.n);
    z[s.n] = 0;
    if (inet_aton(z, &in)) {
        *out = (struct ipnet){4, 32, ntohl(in.s_addr)};
        return true;
    }
    *out = (struct ipnet){6, 128, 0};
    return pton(6, s, &out->value);
}

bool ip_number(struct str s, ip_bits *out) {
    *out = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned)(s.s[i] - '0');
        if (s.s[i] < '0' || s.s[i] > '9' || *out > (~(ip_bits)0 - d) / 10) {
            return false;
        }
        *out = *out * 10 + d;
    }
    return s.n > 0;
}

// -- printing --------------------------------------------------------------------------------------------------------

struct str ip_text(struct arena *a, int version, ip_bits value) {
    unsigned char b[16];
    char z[INET6_ADDRSTRLEN] = "";
    int n = version == 4 ? 4 : 16;
    for (int i = n - 1; i >= 0; i--) {
        b[i] = (unsigned char)value;
        value >>= 8;
    }
    (void)inet_ntop(version == 4 ? AF_INET : AF_INET6, b, z, sizeof z);
    return str_dup(a, str_from(z));
}

struct str ip_cidr(struct arena *a, const struct ipnet *n) {
    struct str addr = ip_text(a, n->version, n->value);
    return str_printf(a, "%.*s/%d", STR(addr), n->prefix);
}

struct str ip_digits(struct arena *a, ip_bits n) {
    char z[48];
    size_t i = sizeof z;
    do {
        z[--i] = (char)('0' + (int)(n % 10));
        n /= 10;
    } while (n);
    return str_dup(a, (struct str){z + i, sizeof z - i});
}

bool ip_signed(struct str s, bool *negative, ip_bits *out) {
    s = str_trim(s);
    *negative = str_starts(s, "-");
    return ip_number(*negative || str_starts(s, "+") ? str_sub(s, 1, s.n) : s, out);
}
