// Whether this is a container, a virtual machine or metal. The first sign found decides type and role, in Ansible's
// order; all signs are listed.
#include "facts.h"

#include <unistd.h>

struct guess {
    struct facts *f;
    struct str type;
    const char *role;
    struct val guest, host;  // sets: keys of dicts
};

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

static bool holds(struct str text, const char *part) {
    return text.s && str_find(text, 0, str_from(part)) != SIZE_MAX;
}

static void found(struct guess *g, struct str type, const char *role) {
    val_set_str(g->f->a, strcmp(role, "host") == 0 ? g->host : g->guest, type, val_bool(true));
    if (!g->role) {
        g->type = type;
        g->role = role;
    }
}

static void guest(struct guess *g, const char *type) {
    found(g, str_from(type), "guest");
}

// "/docker/" or "/docker-<hex>.scope" in a line of a cgroup file.
static bool docker_group(struct str line) {
    size_t at = str_find(line, 0, STR_LIT("/docker"));
    struct str rest = at == SIZE_MAX ? STR_NONE : str_sub(line, at + 7, line.n);
    return str_starts(rest, "/") || (str_starts(rest, "-") && holds(rest, ".scope"));
}

static void control_groups(struct guess *g) {
    struct str rest = facts_file(g->f, "/proc/1/cgroup");
    struct str line;
    while (rest.s && str_next(&rest, '\n', &line)) {
        if (docker_group(line)) {
            guest(g, "docker");
        }
        if (holds(line, "/lxc/") || holds(line, "/machine.slice/machine-lxc")) {
            guest(g, "lxc");
        }
        if (holds(line, "/system.slice/containerd.service")) {
            guest(g, "containerd");
        }
    }
}

static void containers(struct guess *g) {
    struct facts *f = g->f;
    control_groups(g);
    struct str rest = facts_file(f, "/proc/1/environ");
    struct str line;
    while (rest.s && str_next(&rest, '\0', &line)) {
        if (holds(line, "container=lxc")) {
            guest(g, "lxc");
        }
        if (holds(line, "container=podman")) {
            guest(g, "podman");
        }
        if (str_starts(line, "container=") && line.n > 10) {
            guest(g, "container");
        }
    }
    if (exists("/proc/vz") && !exists("/proc/lve")) {
        found(g, STR_LIT("openvz"), exists("/proc/bc") ? "host" : "guest");
    }
    struct str kind = facts_file(f, "/run/systemd/container");
    if (kind.n > 0) {
        found(g, kind, "guest");
    }
    if (exists("/.dockerenv") || exists("/.dockerinit")) {
        guest(g, "docker");
    }
    static const char *const kinds[] = {"docker", "lxc", "podman", "openvz", "containerd"};
    bool contained = kind.n > 0;
    for (size_t i = 0; i < COUNTOF(kinds); i++) {
        contained = contained || val_has(g->guest, kinds[i]);
    }
    if (contained) {
        val_set(f->a, g->guest, "container", val_bool(true));
    }
    if (exists("/proc/xen")) {
        bool host = holds(facts_file(f, "/proc/xen/capabilities"), "control_d");
        found(g, STR_LIT("xen"), host ? "host" : "guest");
    }
}

static void machines(struct guess *g) {
    // file of /sys/devices/virtual/dmi/id, its content, what that means; in the order that counts
    static const char *const signs[][3] = {{"product_name", "KVM", "kvm"},
                                           {"product_name", "KVM Server", "kvm"},
                                           {"product_name", "Bochs", "kvm"},
                                           {"product_name", "AHV", "kvm"},
                                           {"sys_vendor", "oVirt", "oVirt"},
                                           {"product_name", "RHEV Hypervisor", "RHEV"},
                                           {"product_name", "VMware Virtual Platform", "VMware"},
                                           {"product_name", "VMware7,1", "VMware"},
                                           {"product_name", "OpenStack Compute", "openstack"},
                                           {"product_name", "OpenStack Nova", "openstack"},
                                           {"bios_vendor", "Xen", "xen"},
                                           {"bios_vendor", "innotek GmbH", "virtualbox"},
                                           {"bios_vendor", "Amazon EC2", "kvm"},
                                           {"bios_vendor", "DigitalOcean", "kvm"},
                                           {"bios_vendor", "Hetzner", "kvm"},
                                           {"sys_vendor", "QEMU", "kvm"},
                                           {"sys_vendor", "Amazon EC2", "kvm"},
                                           {"sys_vendor", "DigitalOcean", "kvm"},
                                           {"sys_vendor", "Google", "kvm"},
                                           {"sys_vendor", "Scaleway", "kvm"},
                                           {"sys_vendor", "Nutanix", "kvm"},
                                           {"sys_vendor", "Hetzner", "kvm"},
                                           {"sys_vendor", "KubeVirt", "KubeVirt"},
                                           {"sys_vendor", "Microsoft Corporation", "VirtualPC"},
                                           {"sys_vendor", "Parallels Software International Inc.", "parallels"},
                                           {"sys_vendor", "OpenStack Foundation", "openstack"}};
    struct facts *f = g->f;
    struct str vendor = facts_file(f, "/sys/devices/virtual/dmi/id/sys_vendor");
    if (str_eqz(vendor, "Red Hat") && str_eqz(facts_file(f, "/sys/devices/virtual/dmi/id/product_family"), "RHV")) {
        guest(g, "RHV");
    }
    for (size_t i = 0; i < COUNTOF(signs); i++) {
        struct str v = facts_file(f, arena_printf(f->a, "/sys/devices/virtual/dmi/id/%s", signs[i][0]));
        if (str_eqz(v, signs[i][1])) {
            guest(g, signs[i][2]);
        }
    }
}

static void processor(struct guess *g) {
    static const char *const signs[][3] = {{"model name", "QEMU Virtual CPU", "kvm"},
                                           {"vendor_id", "User Mode Linux", "uml"},
                                           {"model name", "UML", "uml"},
                                           {"machine", "CHRP IBM pSeries (emulated by qemu)", "kvm"},
                                           {"vendor_id", "PowerVM Lx86", "powervm_lx86"}};
    struct str rest = facts_file(g->f, "/proc/cpuinfo");
    struct str line;
    while (rest.s && str_next(&rest, '\n', &line)) {
        for (size_t i = 0; i < COUNTOF(signs); i++) {
            if (str_starts(line, signs[i][0]) && holds(line, signs[i][1])) {
                guest(g, signs[i][2]);
            }
        }
        if (str_starts(line, "vendor_id") && holds(line, "IBM/S390")) {
            found(g, STR_LIT("PR/SM"), "LPAR");
        }
    }
}

static void kernel_modules(struct guess *g) {
    struct str rest = facts_file(g->f, "/proc/modules");
    struct str line;
    bool kvm = false;
    bool box = false;
    bool virtio = false;
    while (rest.s && str_next(&rest, '\n', &line)) {
        struct str name = str_sub(line, 0, str_find_char(line, 0, ' '));
        kvm = kvm || str_eqz(name, "kvm");
        box = box || str_eqz(name, "vboxdrv");
        virtio = virtio || str_eqz(name, "virtio");
    }
    if (kvm) {
        found(g, STR_LIT("kvm"), "host");
    }
    if (box) {
        found(g, STR_LIT("virtualbox"), "host");
    }
    if (virtio) {
        val_set(g->f->a, g->host, "kvm", val_bool(true));
        if (!g->role) {
            g->type = STR_LIT("kvm");
            g->role = "guest";
        }
    }
    if (exists("/dev/kvm")) {
        found(g, STR_LIT("kvm"), "host");
    }
}

static struct val names(struct facts *f, struct val set) {
    struct val list = val_list(f->a, 4);
    size_t i = 0;
    for (struct vpair *p; (p = val_each(set, &i));) {
        val_push(f->a, list, p->key);
    }
    return list;
}

void facts_virtual(struct facts *f) {
    if (!facts_wanted(f, "virtualization_*")) {
        return;
    }
    struct guess g = {.f = f, .guest = val_dict(f->a, 4), .host = val_dict(f->a, 2)};
    containers(&g);
    machines(&g);
    processor(&g);
    kernel_modules(&g);
    facts_set(f, "virtualization_type", val_str(f->a, g.role ? g.type : STR_LIT("NA")));
    facts_set_z(f, "virtualization_role", g.role ? g.role : "NA");
    facts_set(f, "virtualization_tech_guest", names(f, g.guest));
    facts_set(f, "virtualization_tech_host", names(f, g.host));
}
