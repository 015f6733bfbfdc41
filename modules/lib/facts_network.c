// Network facts: interfaces with their addresses, and which one leads out.
#include "facts.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

static struct str sys_net(struct facts *f, const char *name, const char *what) {
    return facts_file(f, arena_printf(f->a, "/sys/class/net/%s/%s", name, what));
}

static const char *address_text(struct facts *f, const struct sockaddr *sa) {
    char text[INET6_ADDRSTRLEN] = "";
    if (sa && sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
    } else if (sa && sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;
        inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
    }
    return arena_strndup(f->a, text, strlen(text));
}

static int prefix_of(const struct sockaddr *mask) {
    const unsigned char *p = NULL;
    size_t n = 0;
    if (mask && mask->sa_family == AF_INET) {
        p = (const unsigned char *)&((const struct sockaddr_in *)(const void *)mask)->sin_addr;
        n = 4;
    } else if (mask && mask->sa_family == AF_INET6) {
        p = (const unsigned char *)&((const struct sockaddr_in6 *)(const void *)mask)->sin6_addr;
        n = 16;
    }
    int bits = 0;
    for (size_t i = 0; i < n; i++) {
        bits += __builtin_popcount(p[i]);
    }
    return bits;
}

static struct val ipv4_of(struct facts *f, const struct ifaddrs *i) {
    const struct sockaddr_in *ip = (const struct sockaddr_in *)(const void *)i->ifa_addr;
    const struct sockaddr_in *mask = (const struct sockaddr_in *)(const void *)i->ifa_netmask;
    struct val d = val_dict(f->a, 5);
    val_set(f->a, d, "address", val_z(f->a, address_text(f, i->ifa_addr)));
    bool broadcast = i->ifa_flags & IFF_BROADCAST && i->ifa_broadaddr;
    val_set(f->a, d, "broadcast", val_z(f->a, broadcast ? address_text(f, i->ifa_broadaddr) : ""));
    val_set(f->a, d, "netmask", val_z(f->a, address_text(f, i->ifa_netmask)));
    struct sockaddr_in net = {.sin_family = AF_INET};
    net.sin_addr.s_addr = mask ? ip->sin_addr.s_addr & mask->sin_addr.s_addr : 0;
    val_set(f->a, d, "network", val_z(f->a, address_text(f, (const struct sockaddr *)&net)));
    val_set(f->a, d, "prefix", val_printf(f->a, "%d", prefix_of(i->ifa_netmask)));
    return d;
}

static struct val ipv6_of(struct facts *f, const struct ifaddrs *i) {
    const struct sockaddr_in6 *ip = (const struct sockaddr_in6 *)(const void *)i->ifa_addr;
    const char *scope = IN6_IS_ADDR_LINKLOCAL(&ip->sin6_addr)   ? "link"
                        : IN6_IS_ADDR_LOOPBACK(&ip->sin6_addr)  ? "host"
                        : IN6_IS_ADDR_SITELOCAL(&ip->sin6_addr) ? "site"
                                                                : "global";
    struct val d = val_dict(f->a, 3);
    val_set(f->a, d, "address", val_z(f->a, address_text(f, i->ifa_addr)));
    val_set(f->a, d, "prefix", val_printf(f->a, "%d", prefix_of(i->ifa_netmask)));
    val_set(f->a, d, "scope", val_z(f->a, scope));
    return d;
}

static const char *type_of(struct facts *f, const char *name) {
    if (access(arena_printf(f->a, "/sys/class/net/%s/bridge", name), F_OK) == 0) {
        return "bridge";
    }
    if (access(arena_printf(f->a, "/sys/class/net/%s/bonding", name), F_OK) == 0) {
        return "bonding";
    }
    struct str type = sys_net(f, name, "type");
    if (str_eqz(type, "772")) {
        return "loopback";
    }
    if (str_eqz(type, "512")) {
        return "ppp";
    }
    if (str_eqz(type, "32")) {
        return "infiniband";
    }
    return str_eqz(type, "1") ? "ether" : (str_eqz(type, "65534") ? "tunnel" : "unknown");
}

static struct val interface(struct facts *f, const char *name) {
    struct val d = val_dict(f->a, 12);
    struct str mac = sys_net(f, name, "address");
    struct str mtu = sys_net(f, name, "mtu");
    struct str speed = sys_net(f, name, "speed");
    int64_t n;
    val_set(f->a, d, "device", val_z(f->a, name));
    if (mac.n > 0 && !str_eqz(mac, "00:00:00:00:00:00")) {
        val_set(f->a, d, "macaddress", val_str(f->a, mac));
    }
    if (str_int(mtu, &n)) {
        val_set(f->a, d, "mtu", val_int(n));
    }
    if (speed.n > 0 && str_int(speed, &n)) {
        val_set(f->a, d, "speed", val_int(n));
    }
    val_set(f->a, d, "type", val_z(f->a, type_of(f, name)));
    struct str state = sys_net(f, name, "operstate");
    val_set(f->a, d, "active", val_bool(!str_eqz(state, "down")));
    struct str flags = sys_net(f, name, "flags");
    unsigned long bits = flags.n > 0 ? strtoul(flags.s, NULL, 16) : 0;
    val_set(f->a, d, "promisc", val_bool((bits & IFF_PROMISC) != 0));
    return d;
}

static void add_address(struct facts *f, struct val d, const struct ifaddrs *i, struct val all4, struct val all6) {
    if (i->ifa_addr->sa_family == AF_INET) {
        struct val v = ipv4_of(f, i);
        if (!val_has(d, "ipv4")) {
            val_set(f->a, d, "ipv4", v);
        } else {
            struct val more = val_get(d, "ipv4_secondaries");
            more = more.kind == VAL_LIST ? more : val_list(f->a, 2);
            val_push(f->a, more, v);
            val_set(f->a, d, "ipv4_secondaries", more);
        }
        struct str text = val_text(val_get(v, "address"));
        if (!str_starts(text, "127.")) {
            val_push(f->a, all4, val_str(f->a, text));
        }
    } else if (i->ifa_addr->sa_family == AF_INET6) {
        struct val list = val_get(d, "ipv6");
        list = list.kind == VAL_LIST ? list : val_list(f->a, 2);
        struct val v = ipv6_of(f, i);
        val_push(f->a, list, v);
        val_set(f->a, d, "ipv6", list);
        struct str text = val_text(val_get(v, "address"));
        if (!str_eqz(text, "::1")) {
            val_push(f->a, all6, val_str(f->a, text));
        }
    }
}

// "ip route get" in /proc: the interface and gateway of 0.0.0.0/0 with the lowest metric.
static bool default_route4(struct facts *f, struct str *device, struct str *gateway) {
    struct str rest = facts_file(f, "/proc/net/route");
    struct str line;
    int64_t best = INT64_MAX;
    while (rest.s && str_next(&rest, '\n', &line)) {
        struct str w[7];
        size_t n = 0;
        while (n < COUNTOF(w) && str_next(&line, '\t', &w[n])) {
            n++;
        }
        int64_t metric;
        bool out = n == COUNTOF(w) && str_eqz(w[1], "00000000") && str_int(str_trim(w[6]), &metric) && metric < best;
        if (out) {
            best = metric;
            *device = w[0];
            struct sockaddr_in sa = {.sin_family = AF_INET};
            sa.sin_addr.s_addr = (in_addr_t)strtoul(str_z(f->a, w[2]), NULL, 16);
            *gateway = str_from(address_text(f, (const struct sockaddr *)&sa));
        }
    }
    return best != INT64_MAX;
}

static bool default_route6(struct facts *f, struct str *device, struct str *gateway) {
    struct str rest = facts_file(f, "/proc/net/ipv6_route");
    struct str line;
    while (rest.s && str_next(&rest, '\n', &line)) {
        struct str w[10];
        size_t n = 0;
        struct str word;
        while (n < COUNTOF(w) && str_next(&line, ' ', &word)) {
            if (word.n > 0) {
                w[n++] = word;
            }
        }
        bool any = n == COUNTOF(w) && str_eqz(w[1], "00") && str_starts(w[0], "00000000000000000000000000000000");
        if (any && !str_eqz(w[9], "lo") && w[4].n == 32) {
            struct sockaddr_in6 sa = {.sin6_family = AF_INET6};
            for (size_t i = 0; i < 16; i++) {
                char hex[3] = {w[4].s[2 * i], w[4].s[2 * i + 1], 0};
                sa.sin6_addr.s6_addr[i] = (uint8_t)strtoul(hex, NULL, 16);
            }
            *device = w[9];
            *gateway = str_from(address_text(f, (const struct sockaddr *)&sa));
            return true;
        }
    }
    return false;
}

static void copy_keys(struct facts *f, struct val from, struct val to, const char *const *keys, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct val v = val_get(from, keys[i]);
        if (v.kind != VAL_UNDEF) {
            val_set(f->a, to, keys[i], v);
        }
    }
}

static void default_facts(struct facts *f, struct val devices) {
    static const char *const link[] = {"macaddress", "mtu", "type"};
    static const char *const v4[] = {"address", "broadcast", "netmask", "network", "prefix"};
    static const char *const v6[] = {"address", "prefix", "scope"};
    struct str device;
    struct str gateway;
    struct val d4 = val_dict(f->a, 10);
    struct val d6 = val_dict(f->a, 8);
    if (default_route4(f, &device, &gateway)) {
        struct val i = val_get_str(devices, device);
        val_set(f->a, d4, "interface", val_str(f->a, device));
        val_set(f->a, d4, "gateway", val_str(f->a, gateway));
        val_set(f->a, d4, "alias", val_str(f->a, device));
        copy_keys(f, i, d4, link, COUNTOF(link));
        copy_keys(f, val_get(i, "ipv4"), d4, v4, COUNTOF(v4));
    }
    if (default_route6(f, &device, &gateway)) {
        struct val i = val_get_str(devices, device);
        struct val list = val_get(i, "ipv6");
        val_set(f->a, d6, "interface", val_str(f->a, device));
        val_set(f->a, d6, "gateway", val_str(f->a, gateway));
        copy_keys(f, i, d6, link, COUNTOF(link));
        if (val_len(list) > 0) {
            copy_keys(f, val_at_index(list, 0), d6, v6, COUNTOF(v6));
        }
    }
    facts_set(f, "default_ipv4", d4);
    facts_set(f, "default_ipv6", d6);
}

void facts_network(struct facts *f) {
    struct val devices = val_dict(f->a, 8);
    struct val names = val_list(f->a, 8);
    struct val all4 = val_list(f->a, 4);
    struct val all6 = val_list(f->a, 4);
    DIR *d = opendir("/sys/class/net");
    for (struct dirent *de; d && (de = readdir(d));) {
        if (de->d_name[0] != '.' && access(arena_printf(f->a, "/sys/class/net/%s/flags", de->d_name), F_OK) == 0) {
            val_set(f->a, devices, de->d_name, interface(f, arena_strndup(f->a, de->d_name, strlen(de->d_name))));
            val_push(f->a, names, val_z(f->a, de->d_name));
        }
    }
    if (d) {
        closedir(d);
    }
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) == 0) {
        for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
            struct val dev = val_get(devices, i->ifa_name);
            if (i->ifa_addr && dev.kind == VAL_DICT) {
                add_address(f, dev, i, all4, all6);
            }
        }
        freeifaddrs(all);
    }
    size_t i = 0;
    for (struct vpair *p; (p = val_each(devices, &i));) {
        char *name = str_z(f->a, val_text(p->key));
        for (char *s = name; *s; s++) {
            *s = *s == '-' || *s == ':' || *s == '.' ? '_' : *s;
        }
        facts_set(f, name, p->value);
    }
    facts_set(f, "interfaces", names);
    facts_set(f, "all_ipv4_addresses", all4);
    facts_set(f, "all_ipv6_addresses", all6);
    default_facts(f, devices);
}
