// Facts of the machine: processors, memory, mounts, uptime, firmware.
#include "facts.h"
#include "fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

// -- processors ------------------------------------------------------------------------------------------------------

struct cpus {
    struct val list;
    int64_t vcpus, sockets, cores, siblings;
    struct val ids;  // physical ids seen
};

static struct str colon_value(struct str line) {
    size_t colon = str_find_char(line, 0, ':');
    return colon == SIZE_MAX ? STR_NONE : str_trim(str_sub(line, colon + 1, line.n));
}

static void cpu_line(struct facts *f, struct cpus *c, struct str line) {
    struct str key = str_trim(str_sub(line, 0, str_find_char(line, 0, ':')));
    struct str v = colon_value(line);
    int64_t n = 0;
    bool number = v.n > 0 && str_int(v, &n);
    if (str_eqz(key, "processor")) {
        val_push(f->a, c->list, val_str(f->a, v));
        c->vcpus++;
    } else if (str_eqz(key, "vendor_id") || str_eqz(key, "model name") || str_eqz(key, "Processor") ||
               str_eqz(key, "cpu") || str_eqz(key, "Vendor")) {
        val_push(f->a, c->list, val_str(f->a, v));
    } else if (str_eqz(key, "physical id")) {
        val_set_str(f->a, c->ids, v, val_bool(true));
    } else if (str_eqz(key, "cpu cores") && number) {
        c->cores = n;
    } else if (str_eqz(key, "siblings") && number) {
        c->siblings = n;
    }
}

static void processors(struct facts *f) {
    struct cpus c = {.list = val_list(f->a, 16), .ids = val_dict(f->a, 4), .cores = 1};
    struct str rest = facts_file(f, "/proc/cpuinfo");
    struct str line;
    while (rest.s && str_next(&rest, '\n', &line)) {
        cpu_line(f, &c, line);
    }
    c.sockets = (int64_t)val_len(c.ids);
    bool plain = c.sockets == 0;
    c.sockets = plain ? c.vcpus : c.sockets;
    c.cores = plain ? 1 : c.cores;
    int64_t threads = plain || c.siblings == 0 || c.cores == 0 ? 1 : c.siblings / c.cores;
    cpu_set_t set;
    int64_t usable = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : c.vcpus;
    facts_set(f, "processor", c.list);
    facts_set(f, "processor_count", val_int(c.sockets));
    facts_set(f, "processor_cores", val_int(c.cores));
    facts_set(f, "processor_threads_per_core", val_int(threads < 1 ? 1 : threads));
    facts_set(f, "processor_vcpus", val_int(plain ? c.vcpus : c.sockets * c.cores * (threads < 1 ? 1 : threads)));
    facts_set(f, "processor_nproc", val_int(usable));
}

// -- memory ----------------------------------------------------------------------------------------------------------

static int64_t meminfo_mb(struct str text, const char *key) {
    struct str line;
    while (text.s && str_next(&text, '\n', &line)) {
        if (str_starts(line, key) && line.s[strlen(key)] == ':') {
            struct str v = str_trim(str_sub(line, strlen(key) + 1, line.n));
            int64_t kb = 0;
            str_int(str_sub(v, 0, str_find_char(v, 0, ' ')), &kb);
            return kb / 1024;
        }
    }
    return 0;
}

static void memory(struct facts *f) {
    struct str text = facts_file(f, "/proc/meminfo");
    int64_t total = meminfo_mb(text, "MemTotal");
    int64_t free_mb = meminfo_mb(text, "MemFree");
    int64_t cached = meminfo_mb(text, "Cached") + meminfo_mb(text, "Buffers");
    int64_t swap = meminfo_mb(text, "SwapTotal");
    int64_t swap_free = meminfo_mb(text, "SwapFree");
    facts_set(f, "memtotal_mb", val_int(total));
    facts_set(f, "memfree_mb", val_int(free_mb));
    facts_set(f, "swaptotal_mb", val_int(swap));
    facts_set(f, "swapfree_mb", val_int(swap_free));
    struct val m = val_dict(f->a, 3);
    struct val real = val_dict(f->a, 3);
    struct val nocache = val_dict(f->a, 2);
    struct val sw = val_dict(f->a, 4);
    val_set(f->a, real, "total", val_int(total));
    val_set(f->a, real, "used", val_int(total - free_mb));
    val_set(f->a, real, "free", val_int(free_mb));
    val_set(f->a, nocache, "free", val_int(free_mb + cached));
    val_set(f->a, nocache, "used", val_int(total - free_mb - cached));
    val_set(f->a, sw, "total", val_int(swap));
    val_set(f->a, sw, "free", val_int(swap_free));
    val_set(f->a, sw, "used", val_int(swap - swap_free));
    val_set(f->a, sw, "cached", val_int(meminfo_mb(text, "SwapCached")));
    val_set(f->a, m, "real", real);
    val_set(f->a, m, "nocache", nocache);
    val_set(f->a, m, "swap", sw);
    facts_set(f, "memory_mb", m);
}

// -- mounts ----------------------------------------------------------------------------------------------------------

// /proc/mounts writes blanks as \040.
static struct str unescape(struct facts *f, struct str s) {
    struct buf b = BUF_IN(f->a);
    for (size_t i = 0; i < s.n; i++) {
        bool octal = s.s[i] == '\\' && i + 3 < s.n && s.s[i + 1] >= '0' && s.s[i + 1] <= '3';
        if (octal) {
            buf_char(&b, (char)((s.s[i + 1] - '0') * 64 + (s.s[i + 2] - '0') * 8 + (s.s[i + 3] - '0')));
            i += 3;
        } else {
            buf_char(&b, s.s[i]);
        }
    }
    return buf_view(&b);
}

// statvfs hangs on a dead network mount: a child asks, and is left behind when it does not answer. All of them ask at
// the same time, so that several dead mounts take no longer than one.
struct ask {
    pid_t pid;  // 0: nobody asks
    int fd;
};

static struct ask ask_start(const char *mount) {
    int p[2];
    if (pipe2(p, O_CLOEXEC) != 0) {
        return (struct ask){0};
    }
    pid_t pid = fork();  // NOLINT: play-remote has no threads
    if (pid == 0) {
        struct statvfs v;
        bool ok = statvfs(mount, &v) == 0;
        _exit(ok && write(p[1], &v, sizeof v) == (ssize_t)sizeof v ? 0 : 1);
    }
    close(p[1]);
    if (pid < 0) {
        close(p[0]);
        return (struct ask){0};
    }
    return (struct ask){pid, p[0]};
}

static bool ask_end(struct ask ask, int64_t until_ms, struct statvfs *out) {
    if (!ask.pid) {
        return false;
    }
    bool ok = fd_wait(ask.fd, POLLIN, until_ms) == 1 && read(ask.fd, out, sizeof *out) == (ssize_t)sizeof *out;
    close(ask.fd);
    kill(ask.pid, SIGKILL);
    waitpid(ask.pid, NULL, ok ? 0 : WNOHANG);
    return ok;
}

static bool is_network(struct str type) {
    return str_starts(type, "nfs") || str_eqz(type, "cifs") || str_eqz(type, "smb3") || str_starts(type, "fuse") ||
           str_eqz(type, "ceph") || str_eqz(type, "9p") || str_eqz(type, "glusterfs");
}

static void put_sizes(struct facts *f, struct val m, const struct statvfs *v) {
    int64_t total = (int64_t)v->f_blocks;
    int64_t avail = (int64_t)v->f_bavail;
    val_set(f->a, m, "size_total", val_int((int64_t)v->f_frsize * total));
    val_set(f->a, m, "size_available", val_int((int64_t)v->f_frsize * avail));
    val_set(f->a, m, "block_size", val_int((int64_t)v->f_bsize));
    val_set(f->a, m, "block_total", val_int(total));
    val_set(f->a, m, "block_available", val_int(avail));
    val_set(f->a, m, "block_used", val_int(total - avail));
    val_set(f->a, m, "inode_total", val_int((int64_t)v->f_files));
    val_set(f->a, m, "inode_available", val_int((int64_t)v->f_favail));
    val_set(f->a, m, "inode_used", val_int((int64_t)v->f_files - (int64_t)v->f_favail));
}

// The UUID whose link in /dev/disk/by-uuid leads to this device.
static struct str uuid_of(struct facts *f, struct str device) {
    struct dirent **names;
    int n = scandir("/dev/disk/by-uuid", &names, NULL, alphasort);
    struct str uuid = STR_LIT("N/A");
    for (int i = 0; i < n; i++) {
        char real[4096];
        if (realpath(arena_printf(f->a, "/dev/disk/by-uuid/%s", names[i]->d_name), real) && str_eqz(device, real)) {
            uuid = str_dup(f->a, str_from(names[i]->d_name));
        }
        free(names[i]);
    }
    if (n >= 0) {
        free(names);
    }
    return uuid;
}

// Mount points that show only a part of their file system: bind mounts and subvolumes.
static struct val bind_mounts(struct facts *f) {
    struct val out = val_dict(f->a, 4);
    struct str rest = facts_file(f, "/proc/self/mountinfo");
    struct str line;
    while (rest.s && str_next(&rest, '\n', &line)) {
        struct val w = facts_words(f, line);
        if (val_len(w) > 5 && !str_eqz(val_text(val_at_index(w, 3)), "/")) {
            val_set_str(f->a, out, unescape(f, val_text(val_at_index(w, 4))), val_bool(true));
        }
    }
    return out;
}

// What lsblk knows, for systems without /dev/disk.
static struct val lsblk_uuids(struct facts *f) {
    struct val out = val_dict(f->a, 4);
    const char *path = access("/dev/disk/by-uuid", F_OK) == 0 ? NULL : facts_program(f, "lsblk");
    const char *argv[] = {path, "--list", "--noheadings", "--paths", "--output", "NAME,UUID", "--exclude", "2", NULL};
    struct str rest = path ? facts_run(f, argv) : STR_NONE;
    struct str line;
    while (rest.s && str_next(&rest, '\n', &line)) {
        struct val w = facts_words(f, line);
        if (val_len(w) == 2) {
            val_set_str(f->a, out, val_text(val_at_index(w, 0)), val_at_index(w, 1));
        }
    }
    return out;
}

struct mount {
    struct str device, point, type, options;
    struct ask ask;  // of its size, when the answer may not come
};

static void mount_sizes(struct facts *f, struct val m, const struct mount *x) {
    struct statvfs v;
    bool ok = is_network(x->type) ? ask_end(x->ask, f->until_ms, &v) : statvfs(x->point.s, &v) == 0;
    if (ok) {
        put_sizes(f, m, &v);
    } else if (is_network(x->type)) {
        mod_warn(f->c, "Timeout exceeded when getting mount info for %s", x->point.s);
        val_set(f->a, m, "note", val_z(f->a, "Could not get extra information due to timeout"));
    }
}

// A line of /proc/self/mounts; false: not a file system on a device or a server.
static bool read_mount(struct facts *f, struct str line, struct mount *out) {
    struct val words = facts_words(f, line);
    struct str w[4];
    for (size_t n = 0; n < COUNTOF(w); n++) {
        if (n == val_len(words)) {
            return false;
        }
        w[n] = unescape(f, val_text(val_at_index(words, n)));
    }
    *out = (struct mount){.device = w[0], .point = w[1], .type = w[2], .options = w[3]};
    bool device = str_starts(w[0], "/") || str_starts(w[0], "\\") || str_find(w[0], 0, STR_LIT(":/")) != SIZE_MAX;
    return device && !str_eqz(w[2], "none");
}

static void mounts(struct facts *f) {
    struct {
        struct mount *p;
        size_t n, cap;
    } all = {0};
    struct val by_mount = val_dict(f->a, 4);
    struct val list = val_list(f->a, 4);
    struct str rest = facts_file(f, "/proc/self/mounts");
    struct str line;
    while (rest.s && str_next(&rest, '\n', &line)) {
        struct mount x;
        if (read_mount(f, line, &x)) {
            x.ask = is_network(x.type) ? ask_start(x.point.s) : (struct ask){0};
            VEC_PUSH(f->a, all, x);
        }
    }
    struct val binds = bind_mounts(f);
    struct val uuids = lsblk_uuids(f);
    for (size_t i = 0; i < all.n; i++) {
        const struct mount *x = &all.p[i];
        struct val m = val_dict(f->a, 16);
        bool bind = val_get_str(binds, x->point).kind == VAL_BOOL;
        struct val uuid = val_get_str(uuids, x->device);
        val_set(f->a, m, "mount", val_str(f->a, x->point));
        val_set(f->a, m, "device", val_str(f->a, x->device));
        val_set(f->a, m, "fstype", val_str(f->a, x->type));
        val_set(f->a, m, "options", val_printf(f->a, "%.*s%s", STR(x->options), bind ? ",bind" : ""));
        mount_sizes(f, m, x);
        val_set(f->a, m, "uuid", uuid.kind == VAL_STR ? uuid : val_str(f->a, uuid_of(f, x->device)));
        val_set_str(f->a, by_mount, x->point, m);  // what is mounted last on a place is what is seen there
    }
    size_t i = 0;
    for (struct vpair *p; (p = val_each(by_mount, &i));) {
        val_push(f->a, list, p->value);
    }
    facts_set(f, "mounts", list);
}

// -- the rest --------------------------------------------------------------------------------------------------------

// The chassis types of the SMBIOS specification.
static void form_factor(struct facts *f) {
    static const char *const forms[] = {"Unknown",
                                        "Other",
                                        "Unknown",
                                        "Desktop",
                                        "Low Profile Desktop",
                                        "Pizza Box",
                                        "Mini Tower",
                                        "Tower",
                                        "Portable",
                                        "Laptop",
                                        "Notebook",
                                        "Hand Held",
                                        "Docking Station",
                                        "All In One",
                                        "Sub Notebook",
                                        "Space-saving",
                                        "Lunch Box",
                                        "Main Server Chassis",
                                        "Expansion Chassis",
                                        "Sub Chassis",
                                        "Bus Expansion Chassis",
                                        "Peripheral Chassis",
                                        "RAID Chassis",
                                        "Rack Mount Chassis",
                                        "Sealed-case PC",
                                        "Multi-system",
                                        "CompactPCI",
                                        "AdvancedTCA",
                                        "Blade",
                                        "Blade Enclosure",
                                        "Tablet",
                                        "Convertible",
                                        "Detachable",
                                        "IoT Gateway",
                                        "Embedded PC",
                                        "Mini PC",
                                        "Stick PC"};
    struct str type = facts_file(f, "/sys/devices/virtual/dmi/id/chassis_type");
    int64_t n;
    if (type.n == 0 || !str_int(type, &n)) {
        facts_set_z(f, "form_factor", "NA");
    } else if (n < 0 || n >= (int64_t)COUNTOF(forms)) {
        facts_set(f, "form_factor", val_printf(f->a, "unknown (%.*s)", STR(type)));
    } else {
        facts_set_z(f, "form_factor", forms[n]);
    }
}

static void firmware(struct facts *f) {
    static const char *const files[][2] = {{"bios_date", "bios_date"},
                                           {"bios_vendor", "bios_vendor"},
                                           {"bios_version", "bios_version"},
                                           {"board_asset_tag", "board_asset_tag"},
                                           {"board_name", "board_name"},
                                           {"board_serial", "board_serial"},
                                           {"board_vendor", "board_vendor"},
                                           {"board_version", "board_version"},
                                           {"chassis_asset_tag", "chassis_asset_tag"},
                                           {"chassis_serial", "chassis_serial"},
                                           {"chassis_vendor", "chassis_vendor"},
                                           {"chassis_version", "chassis_version"},
                                           {"product_name", "product_name"},
                                           {"product_serial", "product_serial"},
                                           {"product_uuid", "product_uuid"},
                                           {"product_version", "product_version"},
                                           {"system_vendor", "sys_vendor"}};
    for (size_t i = 0; i < COUNTOF(files); i++) {
        struct str v = facts_file(f, arena_printf(f->a, "/sys/devices/virtual/dmi/id/%s", files[i][1]));
        facts_set(f, files[i][0], val_str(f->a, v.n ? v : STR_LIT("NA")));
    }
    form_factor(f);
}

static void uptime(struct facts *f) {
    struct str up = facts_file(f, "/proc/uptime");
    int64_t s;
    if (up.s && str_int(str_sub(up, 0, str_find_char(up, 0, '.')), &s)) {
        facts_set(f, "uptime_seconds", val_int(s));
    }
}

void facts_hardware(struct facts *f) {
    if (facts_wanted(f, "processor*")) {
        processors(f);
    }
    if (facts_wanted(f, "mem*|swap*")) {
        memory(f);
    }
    if (facts_wanted(f, "bios_*|board_*|chassis_*|product_*|system_vendor|form_factor")) {
        firmware(f);
    }
    facts_devices(f);
    if (facts_wanted(f, "uptime_seconds")) {
        uptime(f);
    }
    if (facts_wanted(f, "mounts")) {
        mounts(f);
    }
}
