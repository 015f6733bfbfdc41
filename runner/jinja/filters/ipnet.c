// Filters on networks: parts of them, arithmetic, what lies in what, merging; ansible.utils has them.
#include "filters/ip.h"

#include "big.h"
#include "filters/mac.h"

/// The network a text stands for, as most filters here read it: without host bits when it is written as a network.
/// *none when it is not an address at all.
static bool settled(struct jcall *c, struct val v, struct ipnet *out, bool *none, struct err *e) {
    struct val type, form;
    *none = true;
    if (!ip_query(c, v, STR_LIT("type"), 0, &type, e)) {
        return false;
    }
    if (type.kind != VAL_STR) {
        return true;
    }
    bool network = str_eqz(val_text(type), "network");
    if (!ip_query(c, v, network ? STR_LIT("subnet") : STR_LIT("cidr"), 0, &form, e)) {
        return false;
    }
    *none = form.kind != VAL_STR || !ip_parse(val_text(form), out);
    return true;
}

static struct val arg_text(struct jcall *c, size_t i) {
    return val_str(c->a, text_of(c, c->args[i]));
}

// -- ipsubnet --------------------------------------------------------------------------------------------------------

static struct val cidr_val(struct jcall *c, struct ipnet n) {
    return val_str(c->a, ip_cidr(c->a, &n));
}

/// How many subnets: 2 to the power of `shift`.
static struct val power(struct jcall *c, int shift) {
    return shift == 128 ? val_z(c->a, "340282366920938463463374607431768211456")
                        : val_str(c->a, ip_digits(c->a, (ip_bits)1 << shift));
}

static struct ipnet cut(struct ipnet n, int prefix) {
    n.prefix = prefix;
    n.value = ip_first(&n);
    return n;
}

/// One of the networks of at least `size` bits that hold an address.
static bool above(struct jcall *c, struct ipnet n, int size, int64_t index, struct val *out, struct err *e) {
    int64_t count = n.prefix - size;
    int64_t at = index < 0 ? index + count : index;
    if (at < 0 || at >= count) {
        return plug_err(c, e, ERR_ARGS, "there is no network number %lld between /%d and /%d", (long long)index, size,
                        n.prefix);
    }
    *out = cidr_val(c, cut(n, size + (int)at));
    return true;
}

/// `back`: from the end, 0 is the last one.
static bool subnet_at(struct jcall *c, struct ipnet n, int size, bool back, ip_bits at, struct val *out) {
    int shift = size - n.prefix, width = ip_width(&n);
    if (shift < 0) {  // a larger network: less than one of them fits
        n.prefix = size;
        *out = !back && at == 0 ? cidr_val(c, n) : val_bool(false);
        return true;
    }
    ip_bits last = shift == 128 ? ~(ip_bits)0 : ((ip_bits)1 << shift) - 1;
    if (at > last) {
        *out = val_bool(false);
        return true;
    }
    at = back ? last - at : at;
    n.value += width == size ? at : at << (width - size);
    n.prefix = size;
    *out = cidr_val(c, n);
    return true;
}

static bool by_size(struct jcall *c, struct ipnet n, ip_bits size, struct val *out, struct err *e) {
    int64_t index = 0;
    int width = ip_width(&n);
    bool whole = n.prefix < width;
    if (size > (ip_bits)width) {
        *out = val_bool(false);
        return true;
    }
    bool back = false;
    ip_bits at = 0;
    if (whole && (is_big(c->args[2]) || c->args[2].kind == VAL_STR)) {
        bool big = is_big(c->args[2]),
             fits = ip_signed(big ? big_digits(c->args[2]) : val_text(c->args[2]), &back, &at);
        if (!big && !fits) {
            return bad_arg(c, e, "index", "an integer", c->args[2]);
        }
        back = back && at;
        *out = val_bool(false);
        return !fits || subnet_at(c, n, (int)size, back, at - back, out);
    }
    if (!arg_int(c, 2, 0, &index, e)) {
        return false;
    }
    if (!whole) {
        if (!opt_none(c, 2) && (index > width + 1 - index || index < (int64_t)size - width)) {
            *out = val_bool(false);
            return true;
        }
        return above(c, n, (int)size, index, out, e);
    }
    if (!opt_none(c, 2)) {
        back = index < 0;
        at = back ? (ip_bits) - (index + 1) : (ip_bits)index;
        return subnet_at(c, n, (int)size, back, at, out);
    }
    if ((int)size < n.prefix) {
        return plug_err(c, e, ERR_ARGS, "Requested subnet size of %d is invalid", (int)size);
    }
    *out = power(c, (int)size - n.prefix);
    return true;
}

/// The number, from 1, of a network inside a larger one.
static bool by_rank(struct jcall *c, struct ipnet n, struct str query, struct val *out, struct err *e) {
    struct ipnet outer;
    bool none;
    if (!settled(c, val_str(c->a, query), &outer, &none, e)) {
        return false;
    }
    if (none) {
        return plug_err(c, e, ERR_ARGS, "You must pass a valid subnet or IP address; %.*s is invalid", STR(query));
    }
    if (!ip_within(&n, &outer)) {
        struct ipnet o = cut(outer, outer.prefix);
        struct str x = ip_cidr(c->a, &n), y = ip_cidr(c->a, &o);
        return plug_err(c, e, ERR_ARGS, "%.*s is not in the subnet %.*s", STR(x), STR(y));
    }
    int host = ip_width(&n) - n.prefix, bits = n.prefix - outer.prefix;
    ip_bits rank = host >= 128 ? 0 : n.value >> host;
    rank &= bits >= 128 ? ~(ip_bits)0 : ((ip_bits)1 << bits) - 1;
    *out = val_str(c->a, ip_digits(c->a, rank + 1));
    return true;
}

static bool f_ipsubnet(struct jcall *c, struct val *out, struct err *e) {
    struct ipnet n;
    struct str query = STR_LIT("");
    ip_bits size;
    bool none;
    if (!settled(c, arg_text(c, 0), &n, &none, e) || (!opt_none(c, 1) && !arg_str(c, 1, &query, e))) {
        return false;
    }
    if (none) {
        *out = val_bool(false);
        return true;
    }
    n = cut(n, n.prefix);
    if (!query.n) {
        *out = cidr_val(c, n);
        return true;
    }
    return ip_number(query, &size) ? by_size(c, n, size, out, e) : by_rank(c, n, query, out, e);
}
FILTER(ipsubnet) = {.doc = "A network as such; with a size, how many of that size fit or the one at the index; with a "
                           "larger network, its number in it.",
                    .params = "value, query='', index=None",
                    .fn = f_ipsubnet,
                    .fqcn = "ansible.utils.ipsubnet",
                    .example = "'192.168.144.5/16' | ipsubnet(20, 0) == '192.168.0.0/20'"};

// -- one address -----------------------------------------------------------------------------------------------------

static bool not_valid(struct jcall *c, struct str s, struct err *e) {
    return plug_err(c, e, ERR_ARGS, "You must pass a valid IP address; %.*s is invalid", STR(s));
}

static bool f_ipmath(struct jcall *c, struct val *out, struct err *e) {
    struct str s;
    struct ipnet n;
    int64_t amount = 0;
    bool back = false;
    ip_bits step = 0;
    if (!arg_str(c, 0, &s, e) || !(is_big(c->args[1]) || arg_int(c, 1, 0, &amount, e))) {
        return false;
    }
    struct str digits = is_big(c->args[1]) ? big_digits(c->args[1]) : str_printf(c->a, "%lld", (long long)amount);
    if (!(str_find_char(s, 0, '/') != SIZE_MAX ? ip_parse(s, &n) : ip_parse_address(s, &n))) {
        return not_valid(c, s, e);
    }
    if (!ip_signed(digits, &back, &step) || (back ? step > n.value : step > ip_max(n.version) - n.value)) {
        return plug_err(c, e, ERR_ARGS, "result outside valid IP address boundary!");
    }
    *out = val_str(c->a, ip_text(c->a, n.version, back ? n.value - step : n.value + step));
    return true;
}
FILTER(ipmath) = {.doc = "An address some steps further.",
                  .params = "value, amount",
                  .fn = f_ipmath,
                  .fqcn = "ansible.utils.ipmath",
                  .example = "'192.168.1.5' | ipmath(-10) == '192.168.0.251'"};

static bool f_nthhost(struct jcall *c, struct val *out, struct err *e) {
    struct ipnet n;
    struct str query = STR_LIT("");
    ip_bits steps = 0;
    bool none, back = false;
    struct err ignored = {.arena = c->a};
    *out = val_bool(false);
    if (!opt_none(c, 1) && !arg_str(c, 1, &query, e)) {
        return false;
    }
    if (!settled(c, arg_text(c, 0), &n, &none, &ignored) || none || !ip_signed(query, &back, &steps)) {
        return true;
    }
    back = back && steps;
    steps -= back;
    if (steps > ip_size1(&n)) {
        return !back || plug_err(c, e, ERR_ARGS, "index out range for address range size!");
    }
    *out = val_str(c->a, ip_text(c->a, n.version, back ? ip_last(&n) - steps : ip_first(&n) + steps));
    return true;
}
FILTER(nthhost) = {.doc = "The address at a place of a network, from its start or, when negative, its end.",
                   .params = "value, query=''",
                   .fn = f_nthhost,
                   .fqcn = "ansible.utils.nthhost",
                   .example = "'10.0.0.0/8' | nthhost(305) == '10.0.1.49'"};

static bool beside(struct jcall *c, bool next, struct val *out, struct err *e) {
    struct ipnet n;
    int64_t offset = 0;
    bool none;
    struct err ignored = {.arena = c->a};
    *out = val_bool(false);
    if (!opt_none(c, 1) && !arg_int(c, 1, 0, &offset, e)) {
        return false;
    }
    if (!settled(c, arg_text(c, 0), &n, &none, &ignored) || none) {
        return true;
    }
    if (opt_none(c, 1)) {
        return plug_err(c, e, ERR_ARGS, "Must pass in an integer");
    }
    bool up = next == (offset >= 0);
    ip_bits step = offset < 0 ? (ip_bits) - (offset + 1) + 1 : (ip_bits)offset;
    if (ip_size1(&n) == 0) {
        *out = VNULL;
        return true;
    }
    if (up ? step > ~(ip_bits)0 - n.value : step > n.value) {
        return plug_err(c, e, ERR_ARGS, "there is no such address");
    }
    ip_bits ip = up ? n.value + step : n.value - step, shrink = ip_size1(&n) == 1 ? 0 : 1;
    struct ipnet shown = ip_of_number(ip);
    bool in = ip >= ip_first(&n) + shrink && ip <= ip_last(&n) - shrink;
    *out = in ? val_str(c->a, ip_text(c->a, shown.version, ip)) : VNULL;
    return true;
}

static bool f_next_nth_usable(struct jcall *c, struct val *out, struct err *e) {
    return beside(c, true, out, e);
}
FILTER(next_nth_usable) = {.doc = "The usable address some steps behind this one, in its network.",
                           .params = "value, offset=None",
                           .fn = f_next_nth_usable,
                           .fqcn = "ansible.utils.next_nth_usable",
                           .example = "'192.168.122.1/24' | next_nth_usable(2) == '192.168.122.3'"};

static bool f_previous_nth_usable(struct jcall *c, struct val *out, struct err *e) {
    return beside(c, false, out, e);
}
FILTER(previous_nth_usable) = {.doc = "The usable address some steps before this one, in its network.",
                               .params = "value, offset=None",
                               .fn = f_previous_nth_usable,
                               .fqcn = "ansible.utils.previous_nth_usable",
                               .example = "'192.168.122.10/24' | previous_nth_usable(2) == '192.168.122.8'"};

// -- what lies in what -----------------------------------------------------------------------------------------------

struct span {
    ip_bits first, last;
};

/// First and last address; both 0 for what is no address, as Python compares False.
static bool span_of(struct jcall *c, struct val v, bool usable, struct span *out, struct err *e) {
    struct ipnet n;
    bool none;
    *out = (struct span){0, 0};
    if (!settled(c, v, &n, &none, e) || none) {
        return e->code == ERR_NONE;
    }
    ip_bits size1 = ip_size1(&n), shrink = usable && size1 > 1 ? 1 : 0;
    if (size1 == 0) {
        *out = (struct span){n.value, n.value};
        return true;
    }
    n = cut(n, n.prefix);
    // A pair of IPv4 addresses has no broadcast address: only its first one counts when it is not asked for usable
    // ones.
    ip_bits last = !usable && size1 == 1 ? ip_first(&n) : ip_last(&n) - shrink;
    *out = (struct span){ip_first(&n) + shrink, last};
    return true;
}

static bool inside(struct jcall *c, bool usable, struct val *out, struct err *e) {
    struct span outer, inner;
    struct val value = arg_text(c, 0), test = opt_none(c, 1) ? VNULL : arg_text(c, 1);
    if (!span_of(c, value, usable, &outer, e) || !span_of(c, test, false, &inner, e)) {
        return false;
    }
    *out = val_bool(outer.first <= inner.first && inner.last <= outer.last && inner.first <= outer.last &&
                    outer.first <= inner.last);
    return true;
}

static bool f_network_in_network(struct jcall *c, struct val *out, struct err *e) {
    return inside(c, false, out, e);
}
FILTER(network_in_network) = {.doc = "True when the address or network lies in the network.",
                              .params = "value, test=None",
                              .fn = f_network_in_network,
                              .fqcn = "ansible.utils.network_in_network",
                              .example = "'192.168.0.0/24' | network_in_network('192.168.0.1')"};

static bool f_network_in_usable(struct jcall *c, struct val *out, struct err *e) {
    return inside(c, true, out, e);
}
FILTER(network_in_usable) = {.doc = "True when the address or network lies in the usable part of the network.",
                             .params = "value, test=None",
                             .fn = f_network_in_usable,
                             .fqcn = "ansible.utils.network_in_usable",
                             .example = "not ('192.168.0.0/24' | network_in_usable('192.168.0.255'))"};

/// A list, or text with commas, as Ansible reads an argument that is a list.
static bool list_arg(struct jcall *c, struct val v, struct val *out, struct err *e) {
    *out = v;
    if (v.kind == VAL_STR) {
        struct str rest = val_text(v), part;
        *out = val_list(c->a, 4);
        while (str_next(&rest, ',', &part)) {
            val_push(c->a, *out, val_str(c->a, part));
        }
    }
    return val_is_seq(*out) || bad_arg(c, e, "value", "a list", v);
}

static bool f_reduce_on_network(struct jcall *c, struct val *out, struct err *e) {
    struct span net, one;
    struct val l = c->args[0];
    if (!span_of(c, opt_none(c, 1) ? VNULL : arg_text(c, 1), false, &net, e) || !list_arg(c, l, &l, e)) {
        return false;
    }
    *out = val_list(c->a, val_len(l));
    for (size_t i = 0; i < val_len(l); i++) {
        if (!span_of(c, val_at_index(l, i), false, &one, e)) {
            return false;
        }
        if (net.first <= one.first && one.first <= net.last && net.first <= one.last && one.last <= net.last) {
            val_push(c->a, *out, val_at_index(l, i));
        }
    }
    return true;
}
FILTER(reduce_on_network) = {.doc = "Those addresses of a list that lie in the network.",
                             .params = "value, network=None",
                             .fn = f_reduce_on_network,
                             .fqcn = "ansible.utils.reduce_on_network",
                             .example = "['10.0.0.1', '11.0.0.1'] | reduce_on_network('10.0.0.0/8') == ['10.0.0.1']"};

// -- SLAAC -----------------------------------------------------------------------------------------------------------

static bool f_slaac(struct jcall *c, struct val *out, struct err *e) {
    struct ipnet n;
    struct str query = STR_LIT("");
    uint64_t mac;
    bool none, wide;
    struct err ignored = {.arena = c->a};
    *out = val_bool(false);
    if (!opt_none(c, 1) && !arg_str(c, 1, &query, e)) {
        return false;
    }
    if (!settled(c, arg_text(c, 0), &n, &none, &ignored) || none || n.version != 6 || !mac_parse(query, &mac, &wide)) {
        return true;
    }
    uint64_t eui = wide ? mac : (mac >> 24) << 40 | (uint64_t)0xfffe << 24 | (mac & 0xffffff);
    ip_bits id = eui ^ (uint64_t)2 << 56, net = ip_first(&n);
    if (id > ~(ip_bits)0 - net) {
        return plug_err(c, e, ERR_ARGS, "there is no such address");
    }
    *out = val_str(c->a, ip_text(c->a, 6, net + id));
    return true;
}
FILTER(slaac) = {.doc = "The IPv6 address that a hardware address takes in a network.",
                 .params = "value, query=''",
                 .fn = f_slaac,
                 .fqcn = "ansible.utils.slaac",
                 .example = "'fdcf:1894:23b5:d38c::/64' | slaac('c2:31:b3:83:bf:2b') == "
                            "'fdcf:1894:23b5:d38c:c031:b3ff:fe83:bf2b'"};

// -- merging ---------------------------------------------------------------------------------------------------------

struct range {
    int version;
    ip_bits first, last;
    struct ipnet net;
    bool whole;  // `net` is the network as it was given
};

static int range_cmp(const void *x, const void *y) {
    const struct range *a = x, *b = y;
    return a->version != b->version ? a->version - b->version
           : a->last != b->last     ? (a->last < b->last ? -1 : 1)
           : a->first != b->first   ? (a->first < b->first ? -1 : 1)
                                    : 0;
}

static bool read_nets(struct jcall *c, struct val l, struct range **out, struct err *e) {
    *out = ARENA_ARRAY(c->a, struct range, val_len(l) + 1);
    for (size_t i = 0; i < val_len(l); i++) {
        struct str s = text_of(c, val_at_index(l, i));
        struct range *r = &(*out)[i];
        if (!ip_parse(s, &r->net)) {
            return plug_err(c, e, ERR_ARGS, "invalid IPNetwork %.*s", STR(s));
        }
        *r = (struct range){r->net.version, ip_first(&r->net), ip_last(&r->net), r->net, true};
    }
    return true;
}

/// The fewest networks that make up a range.
static void push_range(struct jcall *c, struct val out, const struct range *r) {
    ip_bits at = r->first;
    int width = r->version == 4 ? 32 : 128;
    for (;;) {
        int host = 0;
        while (host < width) {
            ip_bits mask = host + 1 >= 128 ? ~(ip_bits)0 : ((ip_bits)1 << (host + 1)) - 1;
            if ((at & mask) != 0 || mask > r->last - at) {
                break;
            }
            host++;
        }
        struct ipnet n = {r->version, width - host, at};
        val_push(c->a, out, cidr_val(c, n));
        ip_bits end = ip_last(&n);
        if (end >= r->last) {
            return;
        }
        at = end + 1;
    }
}

static bool merge_nets(struct jcall *c, struct val l, struct val *out, struct err *e) {
    struct range *r;
    size_t n = val_len(l);
    if (!read_nets(c, l, &r, e)) {
        return false;
    }
    qsort(r, n, sizeof *r, range_cmp);
    for (size_t i = n; i-- > 1;) {
        struct range *low = &r[i - 1];
        if (r[i].version == low->version && (r[i].first == 0 || r[i].first - 1 <= low->last)) {
            low->first = r[i].first < low->first ? r[i].first : low->first;
            low->last = r[i].last;
            low->whole = false;
            memmove(&r[i], &r[i + 1], (n - i - 1) * sizeof *r);
            n--;
        }
    }
    *out = val_list(c->a, n);
    for (size_t i = 0; i < n; i++) {
        if (r[i].whole) {
            val_push(c->a, *out, cidr_val(c, r[i].net));
        } else {
            push_range(c, *out, &r[i]);
        }
    }
    return true;
}

/// netaddr's order of networks.
static bool net_less(const struct ipnet *a, const struct ipnet *b) {
    ip_bits fa = ip_first(a), fb = ip_first(b);
    if (a->version != b->version) {
        return a->version < b->version;
    }
    return fa != fb ? fa < fb : a->prefix != b->prefix ? a->prefix < b->prefix : a->value < b->value;
}

static bool span_nets(struct jcall *c, struct val l, struct val *out, struct err *e) {
    struct range *r;
    size_t n = val_len(l);
    *out = VNULL;
    if (!n) {
        return true;
    }
    if (!read_nets(c, l, &r, e)) {
        return false;
    }
    struct ipnet min = r[0].net, max = r[0].net;
    for (size_t i = 1; i < n; i++) {
        min = net_less(&r[i].net, &min) ? r[i].net : min;
        max = net_less(&max, &r[i].net) ? r[i].net : max;
    }
    if (min.version != max.version) {
        return plug_err(c, e, ERR_ARGS, "IP sequence cannot contain both IPv4 and IPv6!");
    }
    if (n > 1) {
        struct ipnet s = {max.version, max.prefix, ip_last(&max)};
        while (s.prefix > 0 && s.value > ip_first(&min)) {
            s.prefix--;
            s.value = ip_first(&s);
        }
        max = s;
    }
    *out = cidr_val(c, max);
    return true;
}

static bool f_cidr_merge(struct jcall *c, struct val *out, struct err *e) {
    struct val l = c->args[0];
    struct str action = STR_LIT("merge");
    if (!opt_none(c, 1) && !arg_str(c, 1, &action, e)) {
        return false;
    }
    if (!list_arg(c, l, &l, e)) {
        return false;
    }
    bool merge = str_eqz(action, "merge");
    if (!merge && !str_eqz(action, "span")) {
        return plug_err(c, e, ERR_ARGS, "invalid action '%.*s', it is merge or span", STR(action));
    }
    if (!(merge ? merge_nets(c, l, out, e) : span_nets(c, l, out, e))) {
        return false;
    }
    *out = val_any_flag(l, VAL_SECRET) ? val_reflag(c->a, *out, 0, VAL_SECRET) : *out;
    return true;
}
FILTER(cidr_merge) = {.doc = "Networks merged to as few as possible, or the one that spans them all.",
                      .params = "value, action='merge'",
                      .fn = f_cidr_merge,
                      .fqcn = "ansible.utils.cidr_merge",
                      .example = "['192.168.0.0/25', '192.168.0.128/25'] | cidr_merge == ['192.168.0.0/24']"};
