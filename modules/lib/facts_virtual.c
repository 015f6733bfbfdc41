// Whether this is a container, a virtual machine or metal.
#include "facts.h"

#include <unistd.h>

struct guess {
    const char *type, *role;
    struct val guest;  // all guest technologies seen
};

static void found(struct facts *f, struct guess *g, const char *type, const char *role) {
    if (strcmp(role, "guest") == 0) {
        for (size_t i = 0; i < val_len(g->guest); i++) {
            if (str_eqz(val_text(val_at_index(g->guest, i)), type)) {
                return;
            }
        }
        val_push(f->a, g->guest, val_z(f->a, type));
    }
    if (!g->type) {
        g->type = type;
        g->role = role;
    }
}

static void containers(struct facts *f, struct guess *g) {
    if (access("/.dockerenv", F_OK) == 0 || access("/.dockerinit", F_OK) == 0) {
        found(f, g, "docker", "guest");
    }
    struct str groups = facts_file(f, "/proc/self/cgroup");
    if (str_find(groups, 0, STR_LIT("/docker")) != SIZE_MAX) {
        found(f, g, "docker", "guest");
    }
    if (str_find(groups, 0, STR_LIT("/lxc")) != SIZE_MAX) {
        found(f, g, "lxc", "guest");
    }
    if (access("/run/.containerenv", F_OK) == 0) {
        found(f, g, "podman", "guest");
    }
    struct str kind = facts_file(f, "/run/systemd/container");
    if (kind.n > 0) {
        found(f, g, str_eqz(kind, "systemd-nspawn") ? "container" : str_z(f->a, kind), "guest");
    }
}

static void machines(struct facts *f, struct guess *g) {
    static const char *const vendors[][2] = {{"KVM", "kvm"},
                                             {"Bochs", "kvm"},
                                             {"Standard PC", "kvm"},
                                             {"VMware", "VMware"},
                                             {"VirtualBox", "virtualbox"},
                                             {"OpenStack", "openstack"},
                                             {"HVM domU", "xen"},
                                             {"Amazon EC2", "kvm"},
                                             {"Google Compute", "kvm"},
                                             {"QEMU", "kvm"},
                                             {"Hetzner", "kvm"},
                                             {"DigitalOcean", "kvm"},
                                             {"Parallels", "parallels"},
                                             {"Virtual Machine", "VirtualPC"}};
    static const char *const files[] = {"product_name", "sys_vendor", "bios_vendor"};
    for (size_t i = 0; i < COUNTOF(files); i++) {
        struct str v = facts_file(f, arena_printf(f->a, "/sys/devices/virtual/dmi/id/%s", files[i]));
        for (size_t k = 0; v.s && k < COUNTOF(vendors); k++) {
            if (str_find(v, 0, str_from(vendors[k][0])) != SIZE_MAX) {
                found(f, g, vendors[k][1], "guest");
            }
        }
    }
    struct str cpu = facts_file(f, "/proc/cpuinfo");
    if (str_find(cpu, 0, STR_LIT("QEMU")) != SIZE_MAX) {
        found(f, g, "kvm", "guest");
    }
}

void facts_virtual(struct facts *f) {
    struct guess g = {.guest = val_list(f->a, 4)};
    struct val host = val_list(f->a, 1);
    containers(f, &g);
    machines(f, &g);
    if (access("/dev/kvm", F_OK) == 0) {
        val_push(f->a, host, val_z(f->a, "kvm"));
        found(f, &g, "kvm", "host");
    }
    facts_set_z(f, "virtualization_type", g.type ? g.type : "NA");
    facts_set_z(f, "virtualization_role", g.role ? g.role : "NA");
    facts_set(f, "virtualization_tech_guest", g.guest);
    facts_set(f, "virtualization_tech_host", host);
}
