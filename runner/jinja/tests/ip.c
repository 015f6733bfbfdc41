// Tests on IP addresses and networks, as Python's ipaddress reads them; ansible.utils has them.
#include "filters/ip.h"
#include "regex.h"

#include <arpa/inet.h>
#include <netdb.h>

/// Text that inet_pton takes, with an optional scope behind IPv6.
static bool strict_address(struct str s, struct ipnet *out) {
    char z[64];
    unsigned char b[16];
    bool v6 = str_find_char(s, 0, ':') != SIZE_MAX;
    size_t scope = v6 ? str_find_char(s, 0, '%') : SIZE_MAX;
    if (scope != SIZE_MAX && (scope + 1 == s.n || str_find_char(s, scope + 1, '%') != SIZE_MAX)) {
        return false;
    }
    s = str_sub(s, 0, scope);
    if (!s.n || s.n >= sizeof z || memchr(s.s, 0, s.n)) {
        return false;
    }
    memcpy(z, s.s, s.n);
    z[s.n] = 0;
    if (inet_pton(v6 ? AF_INET6 : AF_INET, z, b) != 1) {
        return false;
    }
    *out = (struct ipnet){v6 ? 6 : 4, v6 ? 128 : 32, 0};
    for (int i = 0; i < (v6 ? 16 : 4); i++) {
        out->value = out->value << 8 | b[i];
    }
    return true;
}

/// The prefix behind the slash: digits, or a mask of IPv4.
static bool strict_prefix(struct str s, struct ipnet *n) {
    ip_bits digits;
    struct ipnet whole;
    if (ip_number(s, &digits)) {
        n->prefix = digits <= (ip_bits)ip_width(n) ? (int)digits : -1;
        return n->prefix >= 0;
    }
    char z[96];
    snprintf(z, sizeof z, "0.0.0.0/%.*s", STR(s));
    if (n->version != 4 || str_find_char(s, 0, '.') == SIZE_MAX || !strict_address(s, &whole) ||
        !ip_parse(str_from(z), &whole)) {
        return false;
    }
    n->prefix = whole.prefix;
    return true;
}

/// A network: without host bits.
static bool strict_network(struct str s, struct ipnet *out) {
    size_t slash = str_find_char(s, 0, '/');
    return strict_address(str_sub(s, 0, slash), out) &&
           (slash == SIZE_MAX || strict_prefix(str_sub(s, slash + 1, s.n), out)) && out->value == ip_first(out);
}

static bool input(struct jcall *c, size_t i, struct str *s, struct err *e) {
    struct val v = c->args[i];
    if (v.kind == VAL_UNDEF) {
        return bad_arg(c, e, i ? "network" : "ip", "a string", v);
    }
    *s = text_of(c, v);
    return true;
}

/// Most tests: an address, or a network, that has a property.
static bool ask(struct jcall *c, bool network, bool (*has)(const struct ipnet *n), bool *out, struct err *e) {
    struct str s = STR_NONE;
    struct ipnet n;
    if (!input(c, 0, &s, e)) {
        return false;
    }
    *out = (network ? strict_network(s, &n) : strict_address(s, &n)) && has(&n);
    return true;
}

static bool in_nets(const struct ipnet *n, const char *const *nets) {
    for (; *nets; nets++) {
        if (ip_within_text(n, *nets)) {
            return true;
        }
    }
    return false;
}

static bool any(const struct ipnet *n) {
    return n->version > 0;
}

static bool is4(const struct ipnet *n) {
    return n->version == 4;
}

static bool is6(const struct ipnet *n) {
    return n->version == 6;
}

static bool mapped(const struct ipnet *n) {
    return n->version == 6 && n->value >> 32 == 0xffff;
}

static bool sixtofour(const struct ipnet *n) {
    return n->version == 6 && n->value >> 112 == 0x2002;
}

static bool teredo(const struct ipnet *n) {
    return n->version == 6 && n->value >> 96 == 0x20010000;
}

static bool loopback(const struct ipnet *n) {
    return n->version == 6 ? n->value == 1 : ip_within_text(n, "127.0.0.0/8");
}

static bool multicast(const struct ipnet *n) {
    return ip_within_text(n, "224.0.0.0/4") || ip_within_text(n, "ff00::/8");
}

static bool private_net(const struct ipnet *n) {
    static const char *const nets[] = {"0.0.0.0/8",
                                       "10.0.0.0/8",
                                       "127.0.0.0/8",
                                       "169.254.0.0/16",
                                       "172.16.0.0/12",
                                       "192.0.0.0/24",
                                       "192.0.2.0/24",
                                       "192.168.0.0/16",
                                       "198.18.0.0/15",
                                       "198.51.100.0/24",
                                       "203.0.113.0/24",
                                       "240.0.0.0/4",
                                       "::1/128",
                                       "::/128",
                                       "::ffff:0:0/96",
                                       "64:ff9b:1::/48",
                                       "100::/64",
                                       "2001::/23",
                                       "2001:db8::/32",
                                       "2002::/16",
                                       "fc00::/7",
                                       "fe80::/10",
                                       NULL};
    static const char *const but[] = {"192.0.0.9/32",  "192.0.0.10/32", "2001:1::1/128",
                                      "2001:1::2/128", "2001:3::/32",   "2001:4:112::/48",
                                      "2001:20::/28",  "2001:30::/28",  NULL};
    if (mapped(n)) {
        struct ipnet inner = {4, 32, n->value & 0xffffffff};
        return private_net(&inner);
    }
    return in_nets(n, nets) && !in_nets(n, but);
}

static bool public_net(const struct ipnet *n) {
    return !ip_within_text(n, "100.64.0.0/10") && !private_net(n);
}

static bool reserved(const struct ipnet *n) {
    static const char *const nets[] = {"240.0.0.0/4", "::/8",     "100::/8",  "200::/7",  "400::/6",  "800::/5",
                                       "1000::/4",    "4000::/3", "6000::/3", "8000::/3", "a000::/3", "c000::/3",
                                       "e000::/4",    "f000::/5", "f800::/6", "fe00::/9", NULL};
    return in_nets(n, nets);
}

static bool unspecified(const struct ipnet *n) {
    return n->value == 0;
}

static bool t_ip(struct jcall *c, bool *out, struct err *e) {
    return ask(c, true, any, out, e);
}
JTEST(ip) = {.doc = "Is an IP address or network.",
             .params = "ip",
             .fn = t_ip,
             .fqcn = "ansible.utils.ip",
             .example = "'10.1.1.1' is ansible.utils.ip"};

static bool t_ip_address(struct jcall *c, bool *out, struct err *e) {
    return ask(c, false, any, out, e);
}
JTEST(ip_address) = {.doc = "Is an IP address.",
                     .params = "ip",
                     .fn = t_ip_address,
                     .fqcn = "ansible.utils.ip_address",
                     .example = "'10.1.1.1' is ansible.utils.ip_address"};

static bool t_ipv4(struct jcall *c, bool *out, struct err *e) {
    return ask(c, true, is4, out, e);
}
JTEST(ipv4) = {.doc = "Is an IPv4 address or network.",
               .params = "ip",
               .fn = t_ipv4,
               .fqcn = "ansible.utils.ipv4",
               .example = "'10.0.0.0/8' is ansible.utils.ipv4"};

static bool t_ipv4_address(struct jcall *c, bool *out, struct err *e) {
    return ask(c, false, is4, out, e);
}
JTEST(ipv4_address) = {.doc = "Is an IPv4 address.",
                       .params = "ip",
                       .fn = t_ipv4_address,
                       .fqcn = "ansible.utils.ipv4_address",
                       .example = "'10.1.1.1' is ansible.utils.ipv4_address"};

static bool t_ipv6(struct jcall *c, bool *out, struct err *e) {
    return ask(c, true, is6, out, e);
}
JTEST(ipv6) = {.doc = "Is an IPv6 address or network.",
               .params = "ip",
               .fn = t_ipv6,
               .fqcn = "ansible.utils.ipv6",
               .example = "'2001::/16' is ansible.utils.ipv6"};

static bool t_ipv6_address(struct jcall *c, bool *out, struct err *e) {
    return ask(c, false, is6, out, e);
}
JTEST(ipv6_address) = {.doc = "Is an IPv6 address.",
                       .params = "ip",
                       .fn = t_ipv6_address,
                       .fqcn = "ansible.utils.ipv6_address",
                       .example = "'::1' is ansible.utils.ipv6_address"};

static bool t_ipv6_ipv4_mapped(struct jcall *c, bool *out, struct err *e) {
    return ask(c, false, mapped, out, e);
}
JTEST(ipv6_ipv4_mapped) = {.doc = "Is an IPv6 address that maps an IPv4 address.",
                           .params = "ip",
                           .fn = t_ipv6_ipv4_mapped,
                           .fqcn = "ansible.utils.ipv6_ipv4_mapped",
                           .example = "'::ffff:10.1.1.1' is ansible.utils.ipv6_ipv4_mapped"};

static bool t_ipv6_sixtofour(struct jcall *c, bool *out, struct err *e) {
    return ask(c, false, sixtofour, out, e);
}
JTEST(ipv6_sixtofour) = {.doc = "Is a 6to4 address.",
                         .params = "ip",
                         .fn = t_ipv6_sixtofour,
                         .fqcn = "ansible.utils.ipv6_sixtofour",
                         .example = "'2002:c0a8::1' is ansible.utils.ipv6_sixtofour"};

static bool t_ipv6_teredo(struct jcall *c, bool *out, struct err *e) {
    return ask(c, false, teredo, out, e);
}
JTEST(ipv6_teredo) = {.doc = "Is a Teredo address.",
                      .params = "ip",
                      .fn = t_ipv6_teredo,
                      .fqcn = "ansible.utils.ipv6_teredo",
                      .example = "'2001::c0a8:6301:1' is ansible.utils.ipv6_teredo"};

static bool t_loopback(struct jcall *c, bool *out, struct err *e) {
    return ask(c, false, loopback, out, e);
}
JTEST(loopback) = {.doc = "Is a loopback address.",
                   .params = "ip",
                   .fn = t_loopback,
                   .fqcn = "ansible.utils.loopback",
                   .example = "'127.10.10.10' is ansible.utils.loopback"};

static bool t_multicast(struct jcall *c, bool *out, struct err *e) {
    return ask(c, false, multicast, out, e);
}
JTEST(multicast) = {.doc = "Is a multicast address.",
                    .params = "ip",
                    .fn = t_multicast,
                    .fqcn = "ansible.utils.multicast",
                    .example = "'224.0.0.1' is ansible.utils.multicast"};

static bool t_private(struct jcall *c, bool *out, struct err *e) {
    return ask(c, false, private_net, out, e);
}
JTEST(private) = {.doc = "Is an address of a private range.",
                  .params = "ip",
                  .fn = t_private,
                  .fqcn = "ansible.utils.private",
                  .example = "'10.1.1.1' is ansible.utils.private"};

static bool t_public(struct jcall *c, bool *out, struct err *e) {
    return ask(c, false, public_net, out, e);
}
JTEST(public) = {.doc = "Is an address of a public range.",
                 .params = "ip",
                 .fn = t_public,
                 .fqcn = "ansible.utils.public",
                 .example = "'8.8.8.8' is ansible.utils.public"};

static bool t_reserved(struct jcall *c, bool *out, struct err *e) {
    return ask(c, false, reserved, out, e);
}
JTEST(reserved) = {.doc = "Is an address of a reserved range.",
                   .params = "ip",
                   .fn = t_reserved,
                   .fqcn = "ansible.utils.reserved",
                   .example = "'253.0.0.1' is ansible.utils.reserved"};

static bool t_unspecified(struct jcall *c, bool *out, struct err *e) {
    return ask(c, false, unspecified, out, e);
}
JTEST(unspecified) = {.doc = "Is the unspecified address.",
                      .params = "ip",
                      .fn = t_unspecified,
                      .fqcn = "ansible.utils.unspecified",
                      .example = "'0.0.0.0' is ansible.utils.unspecified"};

// -- masks -----------------------------------------------------------------------------------------------------------

static bool mask_test(struct jcall *c, bool host, bool *out, struct err *e) {
    struct str s = STR_NONE;
    struct ipnet n = {4, 32, 0};
    if (!input(c, 0, &s, e)) {
        return false;
    }
    *out = false;
    if (strict_prefix(s, &n)) {
        n.value = (ip_bits)10 << 24;
        ip_bits mask = host ? ip_hostmask(&n) : ip_hostmask(&n) ^ ip_max(4);
        *out = n.value == ip_first(&n) && str_eq(ip_text(c->a, 4, mask), s);
    }
    return true;
}

static bool t_ipv4_hostmask(struct jcall *c, bool *out, struct err *e) {
    return mask_test(c, true, out, e);
}
JTEST(ipv4_hostmask) = {.doc = "Is a host mask of IPv4.",
                        .params = "ip",
                        .fn = t_ipv4_hostmask,
                        .fqcn = "ansible.utils.ipv4_hostmask",
                        .example = "'0.0.0.255' is ansible.utils.ipv4_hostmask"};

static bool t_ipv4_netmask(struct jcall *c, bool *out, struct err *e) {
    return mask_test(c, false, out, e);
}
JTEST(ipv4_netmask) = {.doc = "Is a netmask of IPv4.",
                       .params = "mask",
                       .fn = t_ipv4_netmask,
                       .fqcn = "ansible.utils.ipv4_netmask",
                       .example = "'255.255.255.0' is ansible.utils.ipv4_netmask"};

// -- what lies in what -----------------------------------------------------------------------------------------------

static bool lies_in(struct str inner, struct str outer) {
    struct ipnet a, b;
    return strict_network(inner, &a) && strict_network(outer, &b) && ip_within(&a, &b);
}

static bool t_in_network(struct jcall *c, bool *out, struct err *e) {
    struct str a = STR_NONE, b = STR_NONE;
    if (!input(c, 0, &a, e) || !input(c, 1, &b, e)) {
        return false;
    }
    *out = lies_in(a, b);
    return true;
}
JTEST(in_network) = {.doc = "Lies in the network.",
                     .params = "ip, network",
                     .fn = t_in_network,
                     .fqcn = "ansible.utils.in_network",
                     .example = "'10.1.1.1' is ansible.utils.in_network '10.0.0.0/8'"};
JTEST(subnet_of) = {.doc = "Is a part of the network.",
                    .params = "network_a, network_b",
                    .fn = t_in_network,
                    .fqcn = "ansible.utils.subnet_of",
                    .example = "'10.1.1.0/24' is ansible.utils.subnet_of '10.0.0.0/8'"};

static bool t_supernet_of(struct jcall *c, bool *out, struct err *e) {
    struct str a = STR_NONE, b = STR_NONE;
    if (!input(c, 0, &a, e) || !input(c, 1, &b, e)) {
        return false;
    }
    *out = lies_in(b, a);
    return true;
}
JTEST(supernet_of) = {.doc = "Contains the network.",
                      .params = "network_a, network_b",
                      .fn = t_supernet_of,
                      .fqcn = "ansible.utils.supernet_of",
                      .example = "'10.0.0.0/8' is ansible.utils.supernet_of '10.1.1.0/24'"};

/// In how many of the networks an address lies.
static bool count_nets(struct jcall *c, size_t *n, struct err *e) {
    struct str ip = STR_NONE;
    struct val l = c->args[1];
    *n = 0;
    if (!input(c, 0, &ip, e)) {
        return false;
    }
    if (!val_is_seq(l)) {
        return l.kind == VAL_STR || bad_arg(c, e, "networks", "a list", l);
    }
    for (size_t i = 0; i < val_len(l); i++) {
        *n += lies_in(ip, text_of(c, val_at_index(l, i)));
    }
    return true;
}

static bool t_in_any_network(struct jcall *c, bool *out, struct err *e) {
    size_t n;
    bool ok = count_nets(c, &n, e);
    *out = ok && n > 0;
    return ok;
}
JTEST(in_any_network) = {.doc = "Lies in one of the networks, or more.",
                         .params = "ip, networks",
                         .fn = t_in_any_network,
                         .fqcn = "ansible.utils.in_any_network",
                         .example = "'10.1.1.1' is ansible.utils.in_any_network ['10.0.0.0/8', '192.168.0.0/16']"};

static bool t_in_one_network(struct jcall *c, bool *out, struct err *e) {
    size_t n;
    bool ok = count_nets(c, &n, e);
    *out = ok && n == 1;
    return ok;
}
JTEST(in_one_network) = {.doc = "Lies in exactly one of the networks.",
                         .params = "ip, networks",
                         .fn = t_in_one_network,
                         .fqcn = "ansible.utils.in_one_network",
                         .example = "'10.1.1.1' is ansible.utils.in_one_network ['10.0.0.0/8', '192.168.0.0/16']"};

// -- names -----------------------------------------------------------------------------------------------------------

static bool t_mac(struct jcall *c, bool *out, struct err *e) {
    static const char pattern[] = "^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$|^([0-9a-f]{4}\\.[0-9a-f]{4}\\.[0-9a-f]{4})$|"
                                  "^[0-9a-f]{12}$";
    struct str s;
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "mac", "a string", c->args[0]);
    }
    s = val_text(c->args[0]);
    struct regex *r = regex_compile(c->a, str_from(pattern), REGEX_IGNORECASE, c->at, e);
    int hit = r ? regex_exec(r, s, 0, REGEX_MATCH, c->a, NULL, e) : -1;
    *out = hit == 1;
    return hit >= 0;
}
JTEST(mac) = {.doc = "Is a hardware address.",
              .params = "mac",
              .fn = t_mac,
              .fqcn = "ansible.utils.mac",
              .example = "'02:16:3e:e4:16:f3' is ansible.utils.mac"};

static bool t_resolvable(struct jcall *c, bool *out, struct err *e) {
    struct str s = STR_NONE;
    struct ipnet n;
    if (!input(c, 0, &s, e)) {
        return false;
    }
    const char *z = str_z(c->a, s);
    struct addrinfo hints = {.ai_flags = strict_address(s, &n) ? AI_NUMERICHOST : 0}, *found = NULL;
    *out = getaddrinfo(z, NULL, &hints, &found) == 0;
    if (*out && hints.ai_flags) {
        char name[NI_MAXHOST];
        *out = getnameinfo(found->ai_addr, found->ai_addrlen, name, sizeof name, NULL, 0, NI_NAMEREQD) == 0;
    }
    if (found) {
        freeaddrinfo(found);
    }
    return true;
}
JTEST(resolvable) = {.doc = "Is a name with an address, or an address with a name.",
                     .params = "host",
                     .fn = t_resolvable,
                     .fqcn = "ansible.utils.resolvable",
                     .example = "'localhost' is ansible.utils.resolvable"};
