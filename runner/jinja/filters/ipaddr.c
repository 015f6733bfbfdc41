// The filter ipaddr with its queries, and ipv4, ipv6 and ipwrap, as ansible.utils has them.
#include "filters/ip.h"

#include "big.h"

enum vtype { ADDRESS, NETWORK };
struct query {
    struct jcall *c;
    struct err *e;
    struct ipnet n;
    enum vtype type;
    struct val value;  // what was asked about, in its normal form
    struct val *out;
};

#define VFALSE val_bool(false)

static bool text(struct query *q, struct str s) {
    *q->out = val_str(q->c->a, s);
    return true;
}

static bool address(struct query *q, ip_bits value) {
    return text(q, ip_text(q->c->a, q->n.version, value));
}

/// An address printed as netaddr.IPAddress(number) guesses its version.
static bool guessed(struct query *q, ip_bits value) {
    struct ipnet n = ip_of_number(value);
    return text(q, ip_text(q->c->a, n.version, value));
}

static bool with_prefix(struct query *q, ip_bits value) {
    struct ipnet n = {q->n.version, q->n.prefix, value};
    return text(q, ip_cidr(q->c->a, &n));
}

static bool is(struct query *q, bool yes) {
    *q->out = yes ? q->value : VNULL;
    return true;
}

static bool none(struct query *q) {
    *q->out = VNULL;
    return true;
}

static bool number(struct query *q, ip_bits n) {
    *q->out = big_val(q->c->a, ip_digits(q->c->a, n));
    return true;
}

static bool no_network(struct query *q) {
    return plug_err(q->c, q->e, ERR_ARGS, "Not a network address");
}

static bool single(const struct query *q) {
    return ip_size1(&q->n) == 0;
}

static bool pair(const struct query *q) {
    return ip_size1(&q->n) == 1;
}

static bool has_broadcast(const struct query *q) {
    return !(q->n.version == 4 && q->n.prefix >= 31) && ip_last(&q->n) != 0;
}

static bool at_network(const struct query *q) {
    return q->n.value == ip_first(&q->n);
}

static void usable(const struct query *q, ip_bits *first, ip_bits *last) {
    ip_bits shrink = pair(q) ? 0 : 1;
    *first = ip_first(&q->n) + shrink;
    *last = ip_last(&q->n) - shrink;
}

// -- what netaddr says of an address ---------------------------------------------------------------------------------

static bool any_of(const struct ipnet *n, const char *const *nets) {
    for (; *nets; nets++) {
        if (ip_within_text(n, *nets)) {
            return true;
        }
    }
    return false;
}

/// 234.0.0.0 to 238.255.255.255 and 225.0.0.0 to 231.255.255.255 are no networks.
static bool odd_ranges(const struct ipnet *n) {
    unsigned top = (unsigned)(n->value >> 24);
    return n->version == 4 && ((top >= 234 && top <= 238) || (top >= 225 && top <= 231));
}

static bool is_private(const struct ipnet *n) {
    static const char *const nets[] = {"10.0.0.0/8",     "100.64.0.0/10",  "172.16.0.0/12", "192.0.0.0/24",
                                       "192.168.0.0/16", "198.18.0.0/15",  "239.0.0.0/8",   "fc00::/7",
                                       "fec0::/10",      "169.254.0.0/16", "fe80::/10",     NULL};
    return any_of(n, nets);
}

static bool is_reserved(const struct ipnet *n) {
    static const char *const nets[] = {
        "0.0.0.0/8",      "192.0.2.0/24", "240.0.0.0/4",    "198.51.100.0/24", "203.0.113.0/24",
        "233.252.0.0/24", "127.0.0.0/8",  "192.88.99.0/24", "ff00::/12",       "::/8",
        "100::/8",        "200::/7",      "400::/6",        "800::/5",         "1000::/4",
        "4000::/3",       "6000::/3",     "8000::/3",       "a000::/3",        "c000::/3",
        "e000::/4",       "f000::/5",     "f800::/6",       "fe00::/9",        NULL};
    return any_of(n, nets) || odd_ranges(n);
}

static bool is_global(const struct ipnet *n) {
    static const char *const never[] = {"::1/128",        "::/128",    "::ffff:0:0/96",
                                        "64:ff9b:1::/48", "100::/64",  "2001::/23",
                                        "2001:db8::/32",  "2002::/16", NULL};
    static const char *const always[] = {"239.0.0.0/8",  "233.252.0.0/24", "192.88.99.0/24",
                                         "192.0.0.9/32", "192.0.0.10/32",  NULL};
    return (!is_private(n) && !is_reserved(n) && !any_of(n, never)) || any_of(n, always) || odd_ranges(n);
}

static bool is_multicast(const struct ipnet *n) {
    return ip_within_text(n, "224.0.0.0/4") || ip_within_text(n, "ff00::/8");
}

static bool is_loopback(const struct ipnet *n) {
    return n->version == 4 ? ip_within_text(n, "127.0.0.0/8") : n->value == 1;
}

static bool power_of_two_or_zero(ip_bits v) {
    return (v & (v - 1)) == 0;
}

/// The address alone.
static struct ipnet host_of(const struct query *q) {
    return (struct ipnet){q->n.version, ip_width(&q->n), q->n.value};
}

static bool is_public(const struct ipnet *n) {
    ip_bits max = ip_max(n->version);
    return !is_multicast(n) && is_global(n) && !is_loopback(n) && !power_of_two_or_zero((n->value ^ max) + 1) &&
           !power_of_two_or_zero(n->value + 1);
}

// -- queries ---------------------------------------------------------------------------------------------------------

static bool q_empty(struct query *q) {
    return q->type == ADDRESS ? address(q, q->n.value) : with_prefix(q, q->n.value);
}

static bool q_6to4(struct query *q) {
    struct ipnet host = host_of(q);
    *q->out = VFALSE;
    if (q->n.version == 6) {
        if ((q->type == ADDRESS || !at_network(q)) && ip_within_text(&host, "2002::/16")) {
            *q->out = q->value;
        }
        return true;
    }
    if (!single(q) && at_network(q)) {
        return true;
    }
    if (is_public(&host) || !is_global(&host)) {
        unsigned v = (unsigned)q->n.value;
        *q->out = val_printf(q->c->a, "2002:%04x:%04x::1/48", v >> 16, v & 0xffff);
    }
    return true;
}

static bool q_address(struct query *q) {
    if (single(q) || !at_network(q) || !has_broadcast(q) || q->n.version == 6) {
        return address(q, q->n.value);
    }
    return none(q);
}

static bool q_address_prefix(struct query *q) {
    if (ip_size1(&q->n) > 1 && (at_network(q) || q->n.value == ip_last(&q->n))) {
        *q->out = VFALSE;
        return true;
    }
    return with_prefix(q, q->n.value);
}

static bool q_bool(struct query *q) {
    *q->out = val_bool(true);
    return true;
}

static bool q_broadcast(struct query *q) {
    return ip_size1(&q->n) > 1 ? address(q, ip_last(&q->n)) : none(q);
}

static bool q_cidr(struct query *q) {
    return with_prefix(q, q->n.value);
}

static bool q_first_usable(struct query *q) {
    if (q->type == ADDRESS) {
        return no_network(q);
    }
    return single(q) ? none(q) : guessed(q, ip_first(&q->n) + (pair(q) ? 0 : 1));
}

static bool q_last_usable(struct query *q) {
    ip_bits first, last;
    if (q->type == ADDRESS) {
        return no_network(q);
    }
    usable(q, &first, &last);
    return single(q) ? none(q) : guessed(q, last);
}

static bool q_host(struct query *q) {
    return single(q) || !at_network(q) || !has_broadcast(q) ? with_prefix(q, q->n.value) : none(q);
}

static bool q_hostmask(struct query *q) {
    return address(q, ip_hostmask(&q->n));
}

static bool q_int(struct query *q) {
    if (q->type == ADDRESS) {
        return number(q, q->n.value);
    }
    struct str digits = ip_digits(q->c->a, q->n.value);
    *q->out = val_printf(q->c->a, "%.*s/%d", STR(digits), q->n.prefix);
    return true;
}

static bool q_ip_prefix(struct query *q) {
    return pair(q) || (!single(q) && !at_network(q)) ? with_prefix(q, q->n.value) : none(q);
}

static bool two(struct query *q, ip_bits a, ip_bits b) {
    struct str x = ip_text(q->c->a, q->n.version, a), y = ip_text(q->c->a, q->n.version, b);
    *q->out = val_printf(q->c->a, "%.*s %.*s", STR(x), STR(y));
    return true;
}

static ip_bits netmask(const struct query *q) {
    return ip_max(q->n.version) ^ ip_hostmask(&q->n);
}

static bool q_ip_netmask(struct query *q) {
    return pair(q) || (!single(q) && !at_network(q)) ? two(q, q->n.value, netmask(q)) : none(q);
}

static bool q_ipv4(struct query *q) {
    const ip_bits mapped = (ip_bits)0xffff << 32;
    if (q->n.version == 4) {
        return is(q, true);
    }
    ip_bits v = q->n.value;
    bool low = v <= 0xffffffffU;
    if (q->n.prefix < 96 || (!low && (v < mapped || v > mapped + 0xffffffffU))) {
        *q->out = VFALSE;
        return true;
    }
    struct ipnet n = {4, q->n.prefix - 96, low ? v : v - mapped};
    return text(q, ip_cidr(q->c->a, &n));
}

static bool q_ipv6(struct query *q) {
    if (q->n.version == 6) {
        return is(q, true);
    }
    struct ipnet n = {6, q->n.prefix + 96, q->n.value + ((ip_bits)0xffff << 32)};
    return text(q, ip_cidr(q->c->a, &n));
}

static bool q_link_local(struct query *q) {
    struct ipnet host = host_of(q);
    return is(q, ip_within_text(&host, "169.254.0.0/16") || ip_within_text(&host, "fe80::/10"));
}

static bool q_loopback(struct query *q) {
    struct ipnet host = host_of(q);
    return is(q, is_loopback(&host));
}

static bool q_multicast(struct query *q) {
    return is(q, is_multicast(&q->n));
}

static bool q_unicast(struct query *q) {
    return is(q, !is_multicast(&q->n));
}

static bool q_net(struct query *q) {
    return !single(q) && at_network(q) ? with_prefix(q, q->n.value) : none(q);
}

static bool q_netmask(struct query *q) {
    return address(q, netmask(q));
}

static bool q_network(struct query *q) {
    return address(q, ip_first(&q->n));
}

static bool q_network_netmask(struct query *q) {
    return two(q, ip_first(&q->n), netmask(q));
}

static bool q_network_wildcard(struct query *q) {
    return two(q, ip_first(&q->n), ip_hostmask(&q->n));
}

static bool q_beside(struct query *q, bool next) {
    ip_bits first, last, edge = next ? ~(ip_bits)0 : 0;
    if (q->type == ADDRESS) {
        return no_network(q);
    }
    if (single(q)) {
        return none(q);
    }
    if (q->n.value == edge) {
        return plug_err(q->c, q->e, ERR_ARGS, "there is no address %s this one", next ? "behind" : "before");
    }
    usable(q, &first, &last);
    ip_bits ip = next ? q->n.value + 1 : q->n.value - 1;
    return ip >= first && ip <= last ? guessed(q, ip) : none(q);
}

static bool q_next_usable(struct query *q) {
    return q_beside(q, true);
}

static bool q_previous_usable(struct query *q) {
    return q_beside(q, false);
}

static bool q_peer(struct query *q) {
    unsigned last = (unsigned)(q->n.value & 3);
    if (q->type == ADDRESS) {
        return no_network(q);
    }
    if (pair(q)) {
        return guessed(q, q->n.value ^ 1);
    }
    if (ip_size1(&q->n) != 3) {
        return plug_err(q->c, q->e, ERR_ARGS, "Not a point-to-point network");
    }
    if (last == 0 || last == 3) {
        return plug_err(q->c, q->e, ERR_ARGS, "%s address of /30 has no peer", last ? "Broadcast" : "Network");
    }
    return guessed(q, q->n.value ^ 3);
}

static bool q_prefix(struct query *q) {
    *q->out = val_int(q->n.prefix);
    return true;
}

static bool q_private(struct query *q) {
    struct ipnet host = host_of(q);
    return is(q, !is_global(&host));
}

static bool q_public(struct query *q) {
    struct ipnet host = host_of(q);
    return is(q, is_public(&host));
}

static bool q_range_usable(struct query *q) {
    ip_bits first, last;
    if (q->type == ADDRESS) {
        return no_network(q);
    }
    if (single(q)) {
        return none(q);
    }
    usable(q, &first, &last);
    struct ipnet a = ip_of_number(first), b = ip_of_number(last);
    struct str x = ip_text(q->c->a, a.version, first), y = ip_text(q->c->a, b.version, last);
    *q->out = val_printf(q->c->a, "%.*s-%.*s", STR(x), STR(y));
    return true;
}

static bool q_revdns(struct query *q) {
    struct buf b = BUF_IN(q->c->a);
    ip_bits v = q->n.value;
    for (int i = 0; i < (q->n.version == 4 ? 4 : 32); i++) {
        if (q->n.version == 4) {
            buf_printf(&b, "%u.", (unsigned)(v & 0xff));
            v >>= 8;
        } else {
            buf_printf(&b, "%x.", (unsigned)(v & 0xf));
            v >>= 4;
        }
    }
    buf_z(&b, q->n.version == 4 ? "in-addr.arpa." : "ip6.arpa.");
    return text(q, buf_view(&b));
}

static bool q_size(struct query *q) {
    ip_bits less_one = ip_size1(&q->n);
    return number(q, less_one == ~(ip_bits)0 ? less_one : less_one + 1);
}

static bool q_size_usable(struct query *q) {
    ip_bits less_one = ip_size1(&q->n);
    return number(q, less_one == 0 ? 0 : less_one == 1 ? 2 : less_one - 1);
}

static bool q_subnet(struct query *q) {
    return with_prefix(q, ip_first(&q->n));
}

static bool q_type(struct query *q) {
    *q->out = val_z(q->c->a, single(q) || !at_network(q) ? "address" : "network");
    return true;
}

static bool q_version(struct query *q) {
    *q->out = val_int(q->n.version);
    return true;
}

static bool q_wrap(struct query *q) {
    if (q->n.version == 4) {
        return is(q, true);
    }
    struct str addr = ip_text(q->c->a, 6, q->n.value);
    *q->out = q->type == ADDRESS ? val_printf(q->c->a, "[%.*s]", STR(addr))
                                 : val_printf(q->c->a, "[%.*s]/%d", STR(addr), q->n.prefix);
    return true;
}

static const struct {
    const char *name;
    bool (*fn)(struct query *q);
} queries[] = {
    {"", q_empty},
    {"6to4", q_6to4},
    {"address", q_address},
    {"address/prefix", q_address_prefix},
    {"bool", q_bool},
    {"broadcast", q_broadcast},
    {"cidr", q_cidr},
    {"first_usable", q_first_usable},
    {"gateway", q_address_prefix},
    {"gw", q_address_prefix},
    {"host", q_host},
    {"host/prefix", q_address_prefix},
    {"hostmask", q_hostmask},
    {"hostnet", q_address_prefix},
    {"int", q_int},
    {"ip", q_address},
    {"ip/prefix", q_ip_prefix},
    {"ip_netmask", q_ip_netmask},
    {"ipv4", q_ipv4},
    {"ipv6", q_ipv6},
    {"last_usable", q_last_usable},
    {"link-local", q_link_local},
    {"lo", q_loopback},
    {"loopback", q_loopback},
    {"multicast", q_multicast},
    {"net", q_net},
    {"netmask", q_netmask},
    {"network", q_network},
    {"network/prefix", q_subnet},
    {"network_id", q_network},
    {"network_netmask", q_network_netmask},
    {"network_wildcard", q_network_wildcard},
    {"next_usable", q_next_usable},
    {"peer", q_peer},
    {"prefix", q_prefix},
    {"previous_usable", q_previous_usable},
    {"private", q_private},
    {"public", q_public},
    {"range_usable", q_range_usable},
    {"revdns", q_revdns},
    {"router", q_address_prefix},
    {"size", q_size},
    {"size_usable", q_size_usable},
    {"subnet", q_subnet},
    {"type", q_type},
    {"unicast", q_unicast},
    {"v4", q_ipv4},
    {"v6", q_ipv6},
    {"version", q_version},
    {"wildcard", q_hostmask},
    {"wrap", q_wrap},
};

// -- what is asked about ---------------------------------------------------------------------------------------------

/// "3232235521" or, with `slash`, "3232235521/24": of the version that holds the number.
static bool from_number(struct query *q, ip_bits n, int64_t prefix, int version) {
    bool v6 = version == 6 || n > 0xffffffffU || prefix > 32;
    if (prefix > 128) {
        return false;
    }
    q->n = (struct ipnet){v6 ? 6 : 4, (int)prefix, n};
    if (prefix < 0) {
        q->n.prefix = ip_width(&q->n);
    }
    q->value = val_str(q->c->a, ip_cidr(q->c->a, &q->n));
    return true;
}

static bool from_text(struct query *q, struct str s) {
    size_t slash = str_find_char(s, 0, '/');
    bool cut = slash != SIZE_MAX && str_find_char(s, slash + 1, '/') == SIZE_MAX;
    q->type = cut ? NETWORK : ADDRESS;
    if (ip_parse(s, &q->n)) {
        return true;
    }
    ip_bits n, prefix;
    return cut && ip_number(str_trim(str_sub(s, 0, slash)), &n) &&
           ip_number(str_trim(str_sub(s, slash + 1, s.n)), &prefix) && prefix <= 128 &&
           from_number(q, n, (int64_t)prefix, 0);
}

/// What is asked about, read; false when it is no address.
static bool take(struct query *q, struct val v, int version) {
    ip_bits n;
    q->value = v;
    q->type = ADDRESS;
    if (v.kind == VAL_INT && v.u.i > 0) {
        return from_number(q, (ip_bits)v.u.i, -1, version);
    }
    if (is_big(v)) {
        return ip_number(big_digits(v), &n) && from_number(q, n, -1, version);
    }
    if (v.kind != VAL_STR || !val_text(v).n) {
        return false;
    }
    return ip_number(val_text(v), &n) ? from_number(q, n, -1, version) : from_text(q, val_text(v));
}

static bool by_index(struct query *q, struct str query) {
    bool back = false;
    ip_bits steps = 0;
    if (single(q)) {
        return q_empty(q);
    }
    if (!ip_signed(query, &back, &steps)) {
        *q->out = VFALSE;
        return true;
    }
    back = back && steps;
    steps -= back;
    if (steps > ip_size1(&q->n)) {
        *q->out = VFALSE;
        return true;
    }
    return with_prefix(q, back ? ip_last(&q->n) - steps : ip_first(&q->n) + steps);
}

/// True when Python's float() takes the text.
static bool is_float(struct arena *a, struct str s) {
    char *end;
    s = str_trim(s);
    const char *z = str_z(a, s);
    (void)strtod(z, &end);
    return s.n && *end == 0 && str_find_char(s, 0, 'x') == SIZE_MAX && str_find_char(s, 0, 'X') == SIZE_MAX;
}

static bool answer(struct query *q, struct str query) {
    struct ipnet net;
    for (size_t i = 0; i < COUNTOF(queries); i++) {
        if (str_eqz(query, queries[i].name)) {
            return queries[i].fn(q);
        }
    }
    ip_bits n;
    bool digits = ip_number(query, &n);
    struct query inner = {.c = q->c};
    if (!digits && take(&inner, val_str(q->c->a, query), 0) && ip_parse(query, &net)) {
        net.value = ip_first(&net);
        return is(q, ip_within(&q->n, &net));
    }
    if (digits || is_float(q->c->a, query)) {
        return by_index(q, query);
    }
    return plug_err(q->c, q->e, ERR_ARGS, "unknown filter type: %.*s", STR(query));
}

static bool falsy(struct val v) {
    return v.kind == VAL_UNDEF || !val_truth(v);
}

bool ip_query(struct jcall *c, struct val value, struct str query, int version, struct val *out, struct err *e) {
    if (val_is_seq(value)) {
        *out = val_list(c->a, val_len(value));
        for (size_t i = 0; i < val_len(value); i++) {
            struct val one = VNULL;
            if (!ip_query(c, val_at_index(value, i), query, version, &one, e)) {
                return false;
            }
            if (!falsy(one)) {
                struct val from = val_at_index(value, i);
                val_push(c->a, *out, val_taint(one, &from, 1));
            }
        }
        return true;
    }
    struct query q = {.c = c, .e = e, .out = out};
    *out = VFALSE;
    if (!take(&q, value, version) || (version && q.n.version != version)) {
        return true;
    }
    return answer(&q, query);
}

// -- the filters -----------------------------------------------------------------------------------------------------

static bool right_type(struct jcall *c, bool ints, struct err *e) {
    struct val v = c->args[0];
    bool ok =
        v.kind == VAL_STR || v.kind == VAL_LIST || v.kind == VAL_BOOL || (ints && (v.kind == VAL_INT || is_big(v)));
    return ok || bad_arg(c, e, "value", ints ? "a string, a list or an integer" : "a string or a list", v);
}

static bool query_arg(struct jcall *c, size_t i, struct str *query, struct err *e) {
    *query = STR_LIT("");
    return opt_none(c, i) || arg_str(c, i, query, e);
}

static bool f_ipaddr(struct jcall *c, struct val *out, struct err *e) {
    struct str query;
    int64_t version = 0;
    if (!right_type(c, true, e) || !query_arg(c, 1, &query, e) || !arg_int(c, 2, 0, &version, e)) {
        return false;
    }
    if (version && version != 4 && version != 6) {
        *out = VFALSE;
        return true;
    }
    return ip_query(c, c->args[0], query, (int)version, out, e);
}
FILTER(ipaddr) = {
    .doc = "The value when it is an IP address or network that fits the query, or what the query asks of it; "
           "of a list, those that fit.",
    .params = "value, query='', version=None, alias='ipaddr'",
    .fn = f_ipaddr,
    .fqcn = "ansible.utils.ipaddr",
    .example = "'192.168.32.5/24' | ipaddr('network') == '192.168.32.0'"};

static bool of_version(struct jcall *c, int version, struct val *out, struct err *e) {
    struct str query;
    return right_type(c, true, e) && query_arg(c, 1, &query, e) && ip_query(c, c->args[0], query, version, out, e);
}

static bool f_ipv4(struct jcall *c, struct val *out, struct err *e) {
    return of_version(c, 4, out, e);
}
FILTER(ipv4) = {.doc = "As ipaddr, for IPv4 only.",
                .params = "value, query=''",
                .fn = f_ipv4,
                .fqcn = "ansible.utils.ipv4",
                .example = "['::1', '10.0.0.1'] | ipv4 == ['10.0.0.1']"};

static bool f_ipv6(struct jcall *c, struct val *out, struct err *e) {
    return of_version(c, 6, out, e);
}
FILTER(ipv6) = {.doc = "As ipaddr, for IPv6 only.",
                .params = "value, query=''",
                .fn = f_ipv6,
                .fqcn = "ansible.utils.ipv6",
                .example = "['::1', '10.0.0.1'] | ipv6 == ['::1']"};

/// One value wrapped; anything that goes wrong leaves it as it is.
static struct val wrapped(struct jcall *c, struct val v, struct str query, bool of_list) {
    struct val found, out;
    struct err e = {.arena = c->a};
    if (!ip_query(c, v, query, 0, &found, &e) || falsy(found)) {
        return v;
    }
    return ip_query(c, of_list ? v : found, STR_LIT("wrap"), 0, &out, &e) ? out : v;
}

static bool f_ipwrap(struct jcall *c, struct val *out, struct err *e) {
    struct str query;
    struct val v = c->args[0];
    static const char *const names[] = {"query", NULL};
    struct val asked = opt_kw(c, "query");
    if (!only_kw(c, names, e) || !right_type(c, false, e)) {
        return false;
    }
    query = asked.kind == VAL_STR ? val_text(asked) : STR_LIT("");
    if (!val_is_seq(v)) {
        *out = wrapped(c, v, query, false);
        return true;
    }
    *out = val_list(c->a, val_len(v));
    for (size_t i = 0; i < val_len(v); i++) {
        struct val one = val_at_index(v, i);
        val_push(c->a, *out, val_taint(wrapped(c, one, query, true), &one, 1));
    }
    return true;
}
FILTER(ipwrap) = {.doc = "IPv6 addresses in brackets, everything else as it is. 'query' is a keyword only.",
                  .params = "value, *, **",
                  .fn = f_ipwrap,
                  .fqcn = "ansible.utils.ipwrap",
                  .example = "'fe80::1' | ipwrap == '[fe80::1]'"};
