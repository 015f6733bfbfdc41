// Filters that show addresses in other forms: ip4_hex, ipcut, ipv6form, usable_range; ansible.utils has them.
#include "filters/ip.h"

static bool bad_address(struct jcall *c, struct str s, struct err *e) {
    return plug_err(c, e, ERR_ARGS, "You must pass a valid IP address; %.*s is invalid", STR(s));
}

static bool f_ip4_hex(struct jcall *c, struct val *out, struct err *e) {
    struct str s, sep = STR_LIT(""), rest, part;
    struct ipnet n;
    struct buf b = BUF_IN(c->a);
    if (!arg_str(c, 0, &s, e) || (!opt_none(c, 1) && !arg_str(c, 1, &sep, e))) {
        return false;
    }
    if (!ip_parse_address(s, &n) || n.version != 4) {
        return bad_address(c, s, e);
    }
    size_t i = 0;
    for (rest = s; i < 4 && str_next(&rest, '.', &part); i++) {
        int64_t v;
        if (!str_int(part, &v)) {
            return bad_address(c, s, e);
        }
        buf_str(&b, i ? sep : STR_LIT(""));
        buf_printf(&b, "%02x", (unsigned)v);
    }
    *out = val_str(c->a, buf_view(&b));
    return i == 4 || bad_address(c, s, e);
}
FILTER(ip4_hex) = {.doc = "An IPv4 address in hexadecimal digits.",
                   .params = "arg, delimiter=''",
                   .fn = f_ip4_hex,
                   .fqcn = "ansible.utils.ip4_hex",
                   .example = "'192.168.1.5' | ip4_hex(':') == 'c0:a8:01:05'"};

/// The address bit by bit, as text.
static struct str bits_of(struct arena *a, const struct ipnet *n) {
    char *z = arena_alloc(a, 129);
    int width = ip_width(n);
    for (int i = 0; i < width; i++) {
        z[i] = (char)('0' + (int)(n->value >> (width - 1 - i) & 1));
    }
    return (struct str){z, (size_t)width};
}

static bool f_ipcut(struct jcall *c, struct val *out, struct err *e) {
    struct str s;
    struct ipnet n;
    int64_t amount;
    struct buf b = BUF_IN(c->a);
    if (!arg_str(c, 0, &s, e) || !arg_int(c, 1, 0, &amount, e)) {
        return false;
    }
    if (!ip_parse_address(s, &n)) {
        return bad_address(c, s, e);
    }
    struct str bits = bits_of(c->a, &n);
    size_t word = n.version == 4 ? 8 : 16, keep = (size_t)(amount < 0 ? -(amount + 1) : amount) + (amount < 0);
    keep = keep > bits.n ? bits.n : keep;
    bits = amount < 0 ? str_sub(bits, bits.n - keep, bits.n) : str_sub(bits, 0, keep);
    for (size_t i = 0; i < bits.n; i += word) {
        unsigned v = 0;
        for (size_t k = i; k < i + word && k < bits.n; k++) {
            v = v << 1 | (unsigned)(bits.s[k] - '0');
        }
        buf_z(&b, i == 0 ? "" : n.version == 4 ? "." : ":");
        buf_printf(&b, n.version == 4 ? "%u" : "%x", v);
    }
    *out = val_str(c->a, buf_view(&b));
    return true;
}
FILTER(ipcut) = {.doc = "The first or, when negative, the last bits of an address.",
                 .params = "value, amount",
                 .fn = f_ipcut,
                 .fqcn = "ansible.utils.ipcut",
                 .example = "'1234:4321:abcd:dcba::17' | ansible.utils.ipcut(-80) == 'dcba:0:0:0:17'"};

static bool f_ipv6form(struct jcall *c, struct val *out, struct err *e) {
    struct str s, form;
    struct ipnet n;
    struct buf b = BUF_IN(c->a);
    if (!arg_str(c, 0, &s, e) || !arg_str(c, 1, &form, e)) {
        return false;
    }
    if (!ip_parse_address(s, &n)) {
        return bad_address(c, s, e);
    }
    bool compress = str_eqz(form, "compress"), expand = str_eqz(form, "expand");
    if (!compress && !expand && !str_eqz(form, "x509")) {
        return plug_err(c, e, ERR_ARGS, "'format' must be compress, expand or x509, not '%.*s'", STR(form));
    }
    if (n.version == 4 && !compress && !expand) {
        return bad_address(c, s, e);
    }
    if (compress || n.version == 4) {
        *out = val_str(c->a, ip_text(c->a, n.version, n.value));
        return true;
    }
    for (int i = 0; i < 8; i++) {
        buf_z(&b, i ? ":" : "");
        buf_printf(&b, expand ? "%04x" : "%x", (unsigned)(n.value >> (112 - 16 * i) & 0xffff));
    }
    *out = val_str(c->a, buf_view(&b));
    return true;
}
FILTER(ipv6form) = {.doc = "An IPv6 address expanded, compressed, or as X.509 names have it.",
                    .params = "value, format",
                    .fn = f_ipv6form,
                    .fqcn = "ansible.utils.ipv6form",
                    .example = "'::1' | ansible.utils.ipv6form('x509') == '0:0:0:0:0:0:0:1'"};

#define RANGE_CAP 65536

static bool f_usable_range(struct jcall *c, struct val *out, struct err *e) {
    struct str s;
    struct ipnet n;
    if (!arg_str(c, 0, &s, e)) {
        return false;
    }
    if (!ip_parse(s, &n)) {
        return plug_err(c, e, ERR_ARGS, "'%.*s' does not appear to be an IPv4 or IPv6 network", STR(s));
    }
    if (n.value != ip_first(&n)) {
        return plug_err(c, e, ERR_ARGS, "%.*s has host bits set", STR(s));
    }
    if (ip_size1(&n) >= RANGE_CAP) {
        return plug_err(c, e, ERR_LIMIT, "the network has more than %d addresses", RANGE_CAP);
    }
    size_t size = (size_t)ip_size1(&n) + 1;
    struct val ips = val_list(c->a, size);
    for (size_t i = 0; i < size; i++) {
        val_push(c->a, ips, val_str(c->a, ip_text(c->a, n.version, n.value + i)));
    }
    *out = val_dict(c->a, 2);
    val_set(c->a, *out, "usable_ips", ips);
    val_set(c->a, *out, "number_of_ips", val_int((int64_t)size));
    return true;
}
FILTER(usable_range) = {.doc = "All addresses of a network, and how many they are.",
                        .params = "ip",
                        .fn = f_usable_range,
                        .fqcn = "ansible.utils.usable_range",
                        .example = "('10.0.0.0/30' | ansible.utils.usable_range).number_of_ips == 4"};
