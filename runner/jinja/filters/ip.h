// IP addresses and networks as Python's netaddr reads and prints them.
#pragma once
#include "filters/support.h"

/// 128 bits, for addresses of both versions.
__extension__ typedef unsigned __int128 ip_bits;

struct ipnet {
    int version;  // 4 or 6
    int prefix;
    ip_bits value;  // with its host bits
};

/// "10.0.0.1", "10.0.0.1/24", "10.1/255.255.0.0", "fe80::1/64": what netaddr.IPNetwork takes.
bool ip_parse(struct str s, struct ipnet *out);
/// A single address, as netaddr.IPAddress takes it: old short forms of IPv4 ("10.1") are inet_aton's.
bool ip_parse_address(struct str s, struct ipnet *out);
/// An address of whichever version the number fits; netaddr.IPAddress(number).
struct ipnet ip_of_number(ip_bits n);
int ip_width(const struct ipnet *n);
ip_bits ip_max(int version);
ip_bits ip_hostmask(const struct ipnet *n);
ip_bits ip_first(const struct ipnet *n);
ip_bits ip_last(const struct ipnet *n);
/// Number of addresses minus one (the number itself may need 129 bits).
ip_bits ip_size1(const struct ipnet *n);
/// `inner` lies in `outer`.
bool ip_within(const struct ipnet *inner, const struct ipnet *outer);
/// The same for an outer network written as text, which must be valid.
bool ip_within_text(const struct ipnet *inner, const char *outer);
/// An address of `version`, without a prefix.
struct str ip_text(struct arena *a, int version, ip_bits value);
/// "10.0.0.1/24"
struct str ip_cidr(struct arena *a, const struct ipnet *n);
/// A number as digits.
struct str ip_digits(struct arena *a, ip_bits n);
/// Digits as a number; false when it does not fit. Any sign, space or other character is refused.
bool ip_number(struct str s, ip_bits *out);
/// A whole number with a sign, as Python's int() reads it: its size, and whether it is negative. False when it does not
/// fit.
bool ip_signed(struct str s, bool *negative, ip_bits *out);
/// The filter ipaddr itself: `version` 0, 4 or 6. `*out` is false or none when the query does not fit. ERR_ARGS.
bool ip_query(struct jcall *c, struct val value, struct str query, int version, struct val *out, struct err *e);
