// Network facts: interfaces with their addresses, and which one leads out.
#include "facts.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
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
    const struct sockaddr_in *all = (const struct sockaddr_in *)(const void *)i->ifa_broadaddr;
    // An address without a broadcast address has its own or its peer's in that place.
    bool broadcast = i->ifa_flags & IFF_BROADCAST && all && mask && ~mask->sin_addr.s_addr &&
                     (all->sin_addr.s_addr == (ip->sin_addr.s_addr | ~mask->sin_addr.s_addr) ||
                      all->sin_addr.s_addr == (ip->sin_addr.s_addr & mask->sin_addr.s_addr) ||
                      all->sin_addr.s_addr == INADDR_BROADCAST);
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

static struct str base_of_link(struct facts *f, const char *path) {
    char real[4096];
    struct str all = realpath(path, real) ? str_dup(f->a, str_from(real)) : STR_NONE;
    size_t from = 0;
    for (size_t i = 0; i < all.n; i++) {
        from = all.s[i] == '/' ? i + 1 : from;
    }
    return str_sub(all, from, all.n);
}

static struct val first_of(struct facts *f, struct str text) {
    struct val w = facts_words(f, text);
    return val_len(w) > 0 ? val_at_index(w, 0) : val_z(f->a, "");
}

static void bridge_facts(struct facts *f, const char *name, struct val d) {
    struct val ports = val_list(f->a, 4);
    DIR *dir = opendir(arena_printf(f->a, "/sys/class/net/%s/brif", name));
    for (struct dirent *de; dir && (de = readdir(dir));) {
        if (de->d_name[0] != '.') {
            val_push(f->a, ports, val_z(f->a, de->d_name));
        }
    }
    if (dir) {
        closedir(dir);
    }
    val_set(f->a, d, "interfaces", ports);
    val_set(f->a, d, "id", val_str(f->a, sys_net(f, name, "bridge/bridge_id")));
    val_set(f->a, d, "stp", val_bool(str_eqz(sys_net(f, name, "bridge/stp_state"), "1")));
}

static void bonding_facts(struct facts *f, const char *name, struct val d) {
    static const char *const words[] = {"mode", "miimon", "lacp_rate"};
    val_set(f->a, d, "slaves", facts_words(f, sys_net(f, name, "bonding/slaves")));
    for (size_t i = 0; i < COUNTOF(words); i++) {
        val_set(f->a, d, words[i], first_of(f, sys_net(f, name, arena_printf(f->a, "bonding/%s", words[i]))));
    }
    struct str primary = sys_net(f, name, "bonding/primary");
    if (primary.n > 0) {
        val_set(f->a, d, "primary", val_str(f->a, primary));
        val_set(f->a, d, "all_slaves_active", val_bool(str_eqz(sys_net(f, name, "bonding/all_slaves_active"), "1")));
    }
}

// Lower-case words behind `prefix` anywhere in the text.
static struct val words_after(struct facts *f, struct str text, const char *prefix) {
    struct val list = val_list(f->a, 8);
    struct str p = str_from(prefix);
    for (size_t at = str_find(text, 0, p); at != SIZE_MAX; at = str_find(text, at, p)) {
        at += p.n;
        struct buf b = BUF_IN(f->a);
        for (; at < text.n && (text.s[at] == '_' || (text.s[at] >= '0' && text.s[at] <= '9') ||
                               (text.s[at] >= 'A' && text.s[at] <= 'Z'));
             at++) {
            buf_char(&b, (char)(text.s[at] >= 'A' && text.s[at] <= 'Z' ? text.s[at] + 32 : text.s[at]));
        }
        val_push(f->a, list, val_str(f->a, buf_view(&b)));
    }
    return list;
}

// Offload features and time stamping, where ethtool is installed.
static void ethtool_facts(struct facts *f, const char *name, struct val d, const char *program) {
    const char *features[] = {program, "-k", name, NULL};
    const char *stamps[] = {program, "-T", name, NULL};
    struct str rest = facts_run(f, features);
    struct str line;
    if (rest.s) {
        struct val v = val_dict(f->a, 64);
        while (str_next(&rest, '\n', &line)) {
            size_t colon = str_find(line, 0, STR_LIT(": "));
            char *key = str_z(f->a, str_trim(str_sub(line, 0, colon)));
            for (char *s = key; *s; s++) {
                *s = *s == '-' ? '_' : *s;
            }
            if (colon != SIZE_MAX && colon + 2 < line.n) {
                val_set(f->a, v, key, val_str(f->a, str_trim(str_sub(line, colon + 2, line.n))));
            }
        }
        val_set(f->a, d, "features", v);
    }
    rest = facts_run(f, stamps);
    if (rest.s) {
        val_set(f->a, d, "timestamping", words_after(f, rest, "SOF_TIMESTAMPING_"));
        val_set(f->a, d, "hw_timestamp_filters", words_after(f, rest, "HWTSTAMP_FILTER_"));
        size_t at = str_find(rest, 0, STR_LIT("PTP Hardware Clock: "));
        struct str clock = at == SIZE_MAX ? STR_NONE : str_sub(rest, at + 20, str_find_char(rest, at, '\n'));
        int64_t n;
        if (str_int(str_trim(clock), &n)) {
            val_set(f->a, d, "phc_index", val_int(n));
        }
    }
}

static struct val interface(struct facts *f, const char *name) {
    struct val d = val_dict(f->a, 12);
    struct str mac = sys_net(f, name, "address");
    struct str mtu = sys_net(f, name, "mtu");
    struct str speed = sys_net(f, name, "speed");
    struct str driver = base_of_link(f, arena_printf(f->a, "/sys/class/net/%s/device/driver/module", name));
    struct str pci = base_of_link(f, arena_printf(f->a, "/sys/class/net/%s/device", name));
    const char *type = type_of(f, name);
    int64_t n;
    val_set(f->a, d, "device", val_z(f->a, name));
    if (mac.n > 0 && !str_eqz(mac, "00:00:00:00:00:00")) {
        val_set(f->a, d, "macaddress", val_str(f->a, mac));
    }
    if (str_int(mtu, &n)) {
        val_set(f->a, d, "mtu", val_int(n));
    }
    if (driver.n > 0) {
        val_set(f->a, d, "module", val_str(f->a, driver));
    }
    val_set(f->a, d, "type", val_z(f->a, type));
    if (strcmp(type, "bridge") == 0) {
        bridge_facts(f, name, d);
    } else if (strcmp(type, "bonding") == 0) {
        bonding_facts(f, name, d);
    }
    struct str permanent = sys_net(f, name, "bonding_slave/perm_hwaddr");
    if (permanent.n > 0) {
        val_set(f->a, d, "perm_macaddress", val_str(f->a, permanent));
    }
    if (pci.n > 0) {
        val_set(f->a, d, "pciid", val_str(f->a, pci));
    }
    if (speed.n > 0 && str_int(speed, &n)) {
        val_set(f->a, d, "speed", val_int(n));
    }
    val_set(f->a, d, "active", val_bool(!str_eqz(sys_net(f, name, "operstate"), "down")));
    struct str flags = sys_net(f, name, "flags");
    unsigned long bits = flags.n > 0 ? strtoul(flags.s, NULL, 16) : 0;
    val_set(f->a, d, "promisc", val_bool((bits & IFF_PROMISC) != 0));
    return d;
}

static void push_to(struct facts *f, struct val d, const char *key, struct val v) {
    struct val list = val_get(d, key);
    if (list.kind != VAL_LIST) {
        list = val_list(f->a, 2);
        val_set(f->a, d, key, list);
    }
    val_push(f->a, list, v);
}

// The kernel calls an address secondary when one of the same network was there before.
static bool is_secondary(struct val d, struct val v) {
    struct val first = val_get(d, "ipv4");
    struct val more = val_get(d, "ipv4_secondaries");
    struct val net = val_get(v, "network");
    bool same = val_equal(val_get(first, "network"), net) && val_equal(val_get(first, "prefix"), val_get(v, "prefix"));
    for (size_t i = 0; i < val_len(more); i++) {
        same = same || val_equal(val_get(val_at_index(more, i), "network"), net);
    }
    return same;
}

// An IPv4 address goes to its device, or to the label ("eth0:1") it was added with.
static void add_ipv4(struct facts *f, struct val devices, const char *label, const struct ifaddrs *i) {
    struct str name = str_from(label);
    struct str base = str_sub(name, 0, str_find_char(name, 0, ':'));
    struct val device = val_get_str(devices, base);
    struct val d = val_get(devices, label);
    if (device.kind != VAL_DICT) {
        return;
    }
    if (d.kind != VAL_DICT) {
        d = val_dict(f->a, 2);
        val_set(f->a, devices, label, d);
    }
    struct val v = ipv4_of(f, i);
    bool secondary = is_secondary(device, v);
    if (!secondary && !val_has(d, "ipv4")) {
        val_set(f->a, d, "ipv4", v);
    } else {
        push_to(f, d, "ipv4_secondaries", v);
    }
    if (secondary && base.n != name.n) {
        push_to(f, device, "ipv4_secondaries", v);
    }
}

static void add_address(struct facts *f, struct val devices, const struct ifaddrs *i) {
    if (i->ifa_addr->sa_family == AF_INET) {
        add_ipv4(f, devices, i->ifa_name, i);
    } else if (i->ifa_addr->sa_family == AF_INET6) {
        struct val d = val_get(devices, i->ifa_name);
        if (d.kind == VAL_DICT) {
            push_to(f, d, "ipv6", ipv6_of(f, i));
        }
    }
}

// All addresses but those of the loopback, device by device.
static void list_addresses(struct facts *f, struct val devices, const struct ifaddrs *all) {
    struct val all4 = val_list(f->a, 4);
    struct val all6 = val_list(f->a, 4);
    size_t k = 0;
    for (struct vpair *p; (p = val_each(devices, &k));) {
        for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
            struct str name = str_from(i->ifa_name);
            if (!i->ifa_addr || !str_eq(val_text(p->key), str_sub(name, 0, str_find_char(name, 0, ':')))) {
                continue;
            }
            const char *text = address_text(f, i->ifa_addr);
            if (i->ifa_addr->sa_family == AF_INET && strncmp(text, "127.", 4) != 0) {
                val_push(f->a, all4, val_z(f->a, text));
            } else if (i->ifa_addr->sa_family == AF_INET6 && strcmp(text, "::1") != 0) {
                val_push(f->a, all6, val_z(f->a, text));
            }
        }
    }
    facts_set(f, "all_ipv4_addresses", all4);
    facts_set(f, "all_ipv6_addresses", all6);
}

// The address this machine would use towards `to`: connecting a datagram socket sends nothing.
static const char *source_address(struct facts *f, const struct sockaddr *to, socklen_t n) {
    struct sockaddr_storage own = {0};
    socklen_t len = sizeof own;
    int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, to, n) == 0 && getsockname(fd, (struct sockaddr *)&own, &len) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return ok ? address_text(f, (const struct sockaddr *)&own) : NULL;
}

// The gateway towards `to` through this device: of the routes that fit, the one with the longest mask.
static struct str gateway4(struct facts *f, struct str device, in_addr_t to) {
    struct str rest = facts_file(f, "/proc/net/route");
    struct str line;
    struct str gateway = STR_NONE;
    int64_t best = -1;
    while (rest.s && str_next(&rest, '\n', &line)) {
        struct val w = facts_words(f, line);
        if (val_len(w) < 8 || !str_eq(val_text(val_at_index(w, 0)), device)) {
            continue;
        }
        in_addr_t net = (in_addr_t)strtoul(str_z(f->a, val_text(val_at_index(w, 1))), NULL, 16);
        in_addr_t via = (in_addr_t)strtoul(str_z(f->a, val_text(val_at_index(w, 2))), NULL, 16);
        in_addr_t mask = (in_addr_t)strtoul(str_z(f->a, val_text(val_at_index(w, 7))), NULL, 16);
        if ((to & mask) == net && __builtin_popcount(mask) > best) {
            struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = via};
            best = __builtin_popcount(mask);
            gateway = via ? str_from(address_text(f, (const struct sockaddr *)&sa)) : STR_NONE;
        }
    }
    return gateway;
}

static bool hex_address(struct str hex, struct in6_addr *out) {
    for (size_t i = 0; hex.n == 32 && i < 16; i++) {
        char two[3] = {hex.s[2 * i], hex.s[2 * i + 1], 0};
        out->s6_addr[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return hex.n == 32;
}

static bool same_net(const struct in6_addr *a, const struct in6_addr *b, int64_t bits) {
    for (int64_t i = 0; i < bits; i++) {
        int shift = 7 - (int)(i % 8);
        if (((a->s6_addr[i / 8] ^ b->s6_addr[i / 8]) >> shift) & 1) {
            return false;
        }
    }
    return true;
}

static struct str gateway6(struct facts *f, struct str device, const struct in6_addr *to) {
    struct str rest = facts_file(f, "/proc/net/ipv6_route");
    struct str line;
    struct str gateway = STR_NONE;
    int64_t best = -1;
    while (rest.s && str_next(&rest, '\n', &line)) {
        struct val w = facts_words(f, line);
        struct in6_addr net;
        struct sockaddr_in6 via = {.sin6_family = AF_INET6};
        bool mine = val_len(w) == 10 && str_eq(val_text(val_at_index(w, 9)), device) &&
                    hex_address(val_text(val_at_index(w, 0)), &net) &&
                    hex_address(val_text(val_at_index(w, 4)), &via.sin6_addr);
        int64_t bits = mine ? (int64_t)strtoul(str_z(f->a, val_text(val_at_index(w, 1))), NULL, 16) : 129;
        if (bits <= 128 && bits > best && same_net(&net, to, bits)) {
            best = bits;
            bool direct = IN6_IS_ADDR_UNSPECIFIED(&via.sin6_addr);
            gateway = direct ? STR_NONE : str_from(address_text(f, (const struct sockaddr *)&via));
        }
    }
    return gateway;
}

static void copy_keys(struct facts *f, struct val from, struct val to, const char *const *keys, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct val v = val_get(from, keys[i]);
        if (v.kind != VAL_UNDEF) {
            val_set(f->a, to, keys[i], v);
        }
    }
}

static bool has_address(struct val list, const char *address, struct val *out) {
    for (size_t i = 0; i < val_len(list); i++) {
        *out = val_at_index(list, i);
        if (str_eqz(val_text(val_get(*out, "address")), address)) {
            return true;
        }
    }
    return false;
}

// The device that has an address, its name, and the address's own facts.
static bool owner_of(struct facts *f, struct val devices, const char *address, struct str *name, struct val *own) {
    size_t i = 0;
    for (struct vpair *p; address && (p = val_each(devices, &i));) {
        struct val v4 = val_list(f->a, 1);
        val_push(f->a, v4, val_get(p->value, "ipv4"));
        *name = val_text(p->key);
        if (has_address(v4, address, own) || has_address(val_get(p->value, "ipv4_secondaries"), address, own) ||
            has_address(val_get(p->value, "ipv6"), address, own)) {
            return true;
        }
    }
    return false;
}

// The same for a device that /sys does not show: its name and the address.
static bool hidden_owner(struct facts *f, const struct ifaddrs *all, const char *address, struct str *name,
                         struct val *own) {
    for (const struct ifaddrs *i = all; address && i; i = i->ifa_next) {
        if (i->ifa_addr && strcmp(address_text(f, i->ifa_addr), address) == 0) {
            *name = str_from(i->ifa_name);
            *own = val_dict(f->a, 1);
            val_set(f->a, *own, "address", val_z(f->a, address));
            return true;
        }
    }
    return false;
}

static void default_facts(struct facts *f, struct val devices, const struct ifaddrs *all) {
    static const char *const link[] = {"macaddress", "mtu", "type"};
    static const char *const keys[] = {"address", "broadcast", "netmask", "network", "prefix", "scope"};
    struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(53)};
    struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(53)};
    inet_pton(AF_INET, "8.8.8.8", &to4.sin_addr);
    inet_pton(AF_INET6, "2404:6800:400a:800::1012", &to6.sin6_addr);
    const char *own[2] = {source_address(f, (const struct sockaddr *)&to4, sizeof to4),
                          source_address(f, (const struct sockaddr *)&to6, sizeof to6)};
    for (int i = 0; i < 2; i++) {
        struct val d = val_dict(f->a, 10);
        struct str label;
        struct val v;
        bool shown = owner_of(f, devices, own[i], &label, &v);
        if (shown || hidden_owner(f, all, own[i], &label, &v)) {
            struct str device = str_sub(label, 0, str_find_char(label, 0, ':'));
            struct str via = i == 0 ? gateway4(f, device, to4.sin_addr.s_addr) : gateway6(f, device, &to6.sin6_addr);
            if (via.n > 0) {
                val_set(f->a, d, "gateway", val_str(f->a, via));
            }
            val_set(f->a, d, "interface", val_str(f->a, device));
            copy_keys(f, v, d, keys, COUNTOF(keys));
            copy_keys(f, val_get_str(devices, device), d, link, COUNTOF(link));
            if (i == 0 && shown) {
                val_set(f->a, d, "alias", val_str(f->a, label));
            }
        }
        facts_set(f, i == 0 ? "default_ipv4" : "default_ipv6", d);
    }
}

/// A device's fact is named after it.
static const char *fact_name(struct facts *f, const char *device) {
    char *name = arena_strndup(f->a, device, strlen(device));
    for (char *s = name; *s; s++) {
        *s = *s == '-' || *s == ':' ? '_' : *s;
    }
    return name;
}

static bool network_wanted(struct facts *f) {
    struct buf names = BUF_IN(f->a);
    buf_z(&names, "interfaces|default_ipv*|all_ipv*");
    DIR *d = opendir("/sys/class/net");
    for (struct dirent *de; d && (de = readdir(d));) {
        if (de->d_name[0] != '.') {
            const char *name = fact_name(f, de->d_name);
            buf_printf(&names, "|%s|%s_*", name, name);  // the second: labels of its addresses
        }
    }
    if (d) {
        closedir(d);
    }
    return facts_wanted(f, str_z(f->a, buf_view(&names)));
}

void facts_network(struct facts *f) {
    if (!network_wanted(f)) {
        return;
    }
    struct val devices = val_dict(f->a, 8);
    struct val names = val_list(f->a, 8);
    const char *ethtool = facts_program(f, "ethtool");
    DIR *d = opendir("/sys/class/net");
    for (struct dirent *de; d && (de = readdir(d));) {
        if (de->d_name[0] != '.' && access(arena_printf(f->a, "/sys/class/net/%s/flags", de->d_name), F_OK) == 0) {
            const char *name = arena_strndup(f->a, de->d_name, strlen(de->d_name));
            struct val one = interface(f, name);
            val_set(f->a, devices, name, one);
            if (ethtool) {
                ethtool_facts(f, name, one, ethtool);
            }
        }
    }
    if (d) {
        closedir(d);
    }
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) == 0) {
        for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
            if (i->ifa_addr) {
                add_address(f, devices, i);
            }
        }
    }
    size_t i = 0;
    for (struct vpair *p; (p = val_each(devices, &i));) {
        char *listed = str_z(f->a, val_text(p->key));
        for (char *s = listed; *s; s++) {
            *s = *s == ':' ? '_' : *s;
        }
        val_push(f->a, names, val_z(f->a, listed));
        facts_set(f, fact_name(f, listed), p->value);
    }
    facts_set(f, "interfaces", names);
    default_facts(f, devices, all);
    list_addresses(f, devices, all);
    if (all) {
        freeifaddrs(all);
    }
}

// -- names of storage initiators -------------------------------------------------------------------------------------

void facts_fibre_channel(struct facts *f) {
    if (!facts_wanted(f, "fibre_channel_wwn")) {
        return;
    }
    struct val list = val_list(f->a, 2);
    DIR *d = opendir("/sys/class/fc_host");
    for (struct dirent *de; d && (de = readdir(d));) {
        struct str v = facts_file(f, arena_printf(f->a, "/sys/class/fc_host/%s/port_name", de->d_name));
        if (v.n > 2) {
            val_push(f->a, list, val_str(f->a, str_sub(v, 2, v.n)));
        }
    }
    if (d) {
        closedir(d);
    }
    facts_set(f, "fibre_channel_wwn", list);
}

// The first line of a file that begins with `prefix`, from `skip` on.
static struct val line_of(struct facts *f, const char *path, const char *prefix, size_t skip) {
    struct str rest = facts_file(f, path);
    struct str line;
    while (rest.s && str_next(&rest, '\n', &line)) {
        if (str_starts(line, prefix)) {
            return val_str(f->a, str_rtrim(str_sub(line, skip, line.n)));
        }
    }
    return val_z(f->a, "");
}

void facts_iscsi(struct facts *f) {
    if (!facts_wanted(f, "iscsi_iqn")) {
        return;
    }
    facts_set(f, "iscsi_iqn", line_of(f, "/etc/iscsi/initiatorname.iscsi", "InitiatorName=", 14));
}

void facts_nvme(struct facts *f) {
    if (!facts_wanted(f, "hostnqn")) {
        return;
    }
    facts_set(f, "hostnqn", line_of(f, "/etc/nvme/hostnqn", "nqn.", 0));
}
