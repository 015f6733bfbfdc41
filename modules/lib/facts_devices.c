// Block devices: what /sys and the links of /dev/disk tell about them, and LVM as its own programs report it.
#include "facts.h"

#include "fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define SYS_BLOCK "/sys/block"

static struct val text_or(struct facts *f, const char *path, struct val absent) {
    struct str v = facts_file(f, path);
    return v.n > 0 ? val_str(f->a, v) : absent;
}

// Names in a directory, sorted, without those that begin with a dot.
static struct val names_in(struct facts *f, const char *path) {
    struct val list = val_list(f->a, 8);
    struct dirent **names;
    int n = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.') {
            val_push(f->a, list, val_z(f->a, names[i]->d_name));
        }
        free(names[i]);
    }
    if (n >= 0) {
        free(names);
    }
    return list;
}

static struct str link_base(struct facts *f, const char *path) {
    char target[4096];
    ssize_t n = readlink(path, target, sizeof target);
    if (n <= 0) {
        return STR_NONE;
    }
    size_t from = 0;
    for (size_t i = 0; i < (size_t)n; i++) {
        from = target[i] == '/' ? i + 1 : from;
    }
    return str_dup(f->a, (struct str){target + from, (size_t)n - from});
}

static void append(struct facts *f, struct val map, struct str key, struct val v) {
    struct val list = val_get_str(map, key);
    if (list.kind != VAL_LIST) {
        list = val_list(f->a, 2);
        val_set_str(f->a, map, key, list);
    }
    val_push(f->a, list, v);
}

// Device name -> names of the links that lead to it.
static struct val links_in(struct facts *f, const char *dir) {
    struct val out = val_dict(f->a, 4);
    struct val names = names_in(f, dir);
    for (size_t i = 0; i < val_len(names); i++) {
        struct val name = val_at_index(names, i);
        struct str target = link_base(f, arena_printf(f->a, "%s/%.*s", dir, STR(val_text(name))));
        if (target.n > 0) {
            append(f, out, target, name);
        }
    }
    return out;
}

static struct val masters(struct facts *f, struct val blocks) {
    struct val out = val_dict(f->a, 4);
    for (size_t i = 0; i < val_len(blocks); i++) {
        struct val owner = val_at_index(blocks, i);
        struct val slaves = names_in(f, arena_printf(f->a, SYS_BLOCK "/%.*s/slaves", STR(val_text(owner))));
        for (size_t k = 0; k < val_len(slaves); k++) {
            append(f, out, val_text(val_at_index(slaves, k)), owner);
        }
    }
    return out;
}

static struct val links_of(struct facts *f, struct val links, struct str name) {
    struct val out = val_dict(f->a, 4);
    size_t i = 0;
    for (struct vpair *p; (p = val_each(links, &i));) {
        struct val list = val_get_str(p->value, name);
        val_set_key(f->a, out, p->key, list.kind == VAL_LIST ? list : val_list(f->a, 0));
    }
    return out;
}

static struct val human(struct facts *f, struct val sectors) {
    static const char units[] = "YZEPTGMK";
    int64_t n = 0;
    double size = val_as_int(sectors, &n) ? (double)n * 512.0 : 0.0;
    double limit = 1208925819614629174706176.0;  // 2^80
    for (size_t i = 0; units[i]; i++) {
        if (size >= limit) {
            return val_printf(f->a, "%.2f %cB", size / limit, units[i]);
        }
        limit /= 1024.0;
    }
    return val_printf(f->a, "%.2f Bytes", size);
}

// Mapped devices that use this one, by the names they have in /dev/mapper.
static struct val holders(struct facts *f, const char *dir) {
    struct val out = val_list(f->a, 2);
    struct val names = names_in(f, arena_printf(f->a, "%s/holders", dir));
    for (size_t i = 0; i < val_len(names); i++) {
        struct str name = val_text(val_at_index(names, i));
        if (str_starts(name, "dm-")) {
            const char *path = arena_printf(f->a, "%s/holders/%.*s/dm/name", dir, STR(name));
            val_push(f->a, out, text_or(f, path, val_at_index(names, i)));
        }
    }
    return out;
}

static struct val sector_size(struct facts *f, const char *dir) {
    struct val v = text_or(f, arena_printf(f->a, "%s/queue/logical_block_size", dir), VNULL);
    return v.kind == VAL_STR ? v : text_or(f, arena_printf(f->a, "%s/queue/hw_sector_size", dir), val_int(512));
}

static struct val partition(struct facts *f, const char *dir, struct str name, struct val links) {
    struct val d = val_dict(f->a, 8);
    struct val uuids = val_get_str(val_get(links, "uuids"), name);
    struct val sectors = text_or(f, arena_printf(f->a, "%s/size", dir), val_int(0));
    val_set(f->a, d, "links", links_of(f, links, name));
    val_set(f->a, d, "start", text_or(f, arena_printf(f->a, "%s/start", dir), val_int(0)));
    val_set(f->a, d, "sectors", sectors);
    val_set(f->a, d, "sectorsize", sector_size(f, dir));
    val_set(f->a, d, "size", human(f, sectors));
    val_set(f->a, d, "uuid", val_len(uuids) > 0 ? val_at_index(uuids, 0) : VNULL);
    val_set(f->a, d, "holders", holders(f, dir));
    return d;
}

// sda1 of sda, nvme0n1p2 of nvme0n1.
static bool is_partition(struct str name, struct str disk) {
    struct str rest = str_sub(name, disk.n, name.n);
    if (!str_eq(str_sub(name, 0, disk.n), disk)) {
        return false;
    }
    rest = str_starts(rest, "p") ? str_sub(rest, 1, rest.n) : rest;
    int64_t n;
    return rest.n > 0 && rest.s[0] >= '0' && rest.s[0] <= '9' && str_int(rest, &n);
}

// "0000:00:1f.2" anywhere but at the end of a device's path: the controller, looked up in what lspci said.
static struct val controller(struct facts *f, const char *dir, struct str pci) {
    char real[4096];
    struct str rest = realpath(dir, real) ? str_dup(f->a, str_from(real)) : STR_NONE;
    struct str part;
    struct str id = STR_NONE;
    while (rest.s && str_next(&rest, '/', &part)) {
        bool address = part.n == 12 && part.s[4] == ':' && part.s[7] == ':' && part.s[10] == '.';
        id = address && rest.s ? part : id;
    }
    struct str line;
    while (id.n > 0 && pci.s && str_next(&pci, '\n', &line)) {
        if (line.n > id.n && str_eq(str_sub(line, 0, id.n), id)) {
            return val_str(f->a, str_trim(str_sub(line, id.n, line.n)));
        }
    }
    return val_z(f->a, "");
}

static struct val scheduler(struct facts *f, const char *dir) {
    struct str all = facts_file(f, arena_printf(f->a, "%s/queue/scheduler", dir));
    size_t open = str_find_char(all, 0, '[');
    size_t shut = str_find_char(all, 0, ']');
    bool one = open != SIZE_MAX && shut != SIZE_MAX && shut > open;
    return val_str(f->a, one ? str_sub(all, open + 1, shut) : STR_LIT(""));
}

static void add_serial(struct facts *f, struct val d, const char *dir, const char *wwn_of) {
    struct str serial = facts_file(f, arena_printf(f->a, "%s/device/serial", dir));
    if (serial.n > 0) {
        val_set(f->a, d, "serial", val_str(f->a, serial));
    }
    if (wwn_of) {
        val_set(f->a, d, "wwn", val_z(f->a, wwn_of));
    }
}

static const char *wwn_of(struct facts *f, struct val links, struct str name) {
    struct val ids = val_get_str(val_get(links, "ids"), name);
    for (size_t i = 0; i < val_len(ids); i++) {
        struct str id = val_text(val_at_index(ids, i));
        if (str_starts(id, "wwn-")) {
            return str_z(f->a, str_sub(id, 4, id.n));
        }
    }
    return NULL;
}

static struct val disk(struct facts *f, struct str name, struct val links, struct str pci) {
    static const char *const device[] = {"vendor", "model", "sas_address", "sas_device_handle"};
    const char *dir = arena_printf(f->a, SYS_BLOCK "/%.*s", STR(name));
    struct val d = val_dict(f->a, 20);
    val_set(f->a, d, "virtual", val_int(1));
    val_set(f->a, d, "links", links_of(f, links, name));
    for (size_t i = 0; i < COUNTOF(device); i++) {
        val_set(f->a, d, device[i], text_or(f, arena_printf(f->a, "%s/device/%s", dir, device[i]), VNULL));
    }
    add_serial(f, d, dir, wwn_of(f, links, name));
    val_set(f->a, d, "removable", text_or(f, arena_printf(f->a, "%s/removable", dir), VNULL));
    val_set(f->a, d, "support_discard", text_or(f, arena_printf(f->a, "%s/queue/discard_granularity", dir), VNULL));
    struct val parts = val_dict(f->a, 4);
    struct val names = names_in(f, dir);
    for (size_t i = 0; i < val_len(names); i++) {
        struct str part = val_text(val_at_index(names, i));
        if (is_partition(part, name)) {
            const char *sub = arena_printf(f->a, "%s/%.*s", dir, STR(part));
            val_set_str(f->a, parts, part, partition(f, sub, part, links));
        }
    }
    val_set(f->a, d, "partitions", parts);
    val_set(f->a, d, "rotational", text_or(f, arena_printf(f->a, "%s/queue/rotational", dir), VNULL));
    val_set(f->a, d, "scheduler_mode", scheduler(f, dir));
    struct val sectors = text_or(f, arena_printf(f->a, "%s/size", dir), val_int(0));
    val_set(f->a, d, "sectors", sectors);
    val_set(f->a, d, "sectorsize", sector_size(f, dir));
    val_set(f->a, d, "size", human(f, sectors));
    val_set(f->a, d, "host", controller(f, dir, pci));
    val_set(f->a, d, "holders", holders(f, dir));
    return d;
}

// -- LVM -------------------------------------------------------------------------------------------------------------

// One of vgs, lvs, pvs: its lines cut at commas, at least `least` items each.
static struct val lvm_rows(struct facts *f, const char *program, size_t least) {
    const char *path = facts_program(f, program);
    const char *argv[] = {path, "--noheadings", "--nosuffix", "--units", "g", "--separator", ",", NULL};
    struct val rows = val_list(f->a, 4);
    struct str rest = path ? facts_run(f, argv) : STR_NONE;
    struct str line;
    while (rest.s && str_next(&rest, '\n', &line)) {
        struct val row = val_list(f->a, 8);
        struct str item;
        line = str_trim(line);
        while (line.n > 0 && str_next(&line, ',', &item)) {
            val_push(f->a, row, val_str(f->a, item));
        }
        if (val_len(row) >= least) {
            val_push(f->a, rows, row);
        }
    }
    return rows;
}

// columns: names and the item each has; negative from the end.
struct lvm_column {
    const char *name;
    int item;
};

static struct val lvm_table(struct facts *f, const char *program, const struct lvm_column *columns, size_t n) {
    struct val out = val_dict(f->a, 4);
    struct val rows = lvm_rows(f, program, 6);
    for (size_t i = 0; i < val_len(rows); i++) {
        struct val row = val_at_index(rows, i);
        struct val d = val_dict(f->a, n);
        for (size_t k = 0; k < n; k++) {
            int at = columns[k].item < 0 ? (int)val_len(row) + columns[k].item : columns[k].item;
            val_set(f->a, d, columns[k].name, val_at_index(row, (size_t)at));
        }
        struct str name = val_text(val_at_index(row, 0));
        if (str_starts(name, "/dev/dm-")) {
            const char *path = arena_printf(f->a, SYS_BLOCK "/%.*s/dm/name", STR(str_sub(name, 5, name.n)));
            struct str mapped = facts_file(f, path);
            name = mapped.n > 0 ? str_printf(f->a, "/dev/mapper/%.*s", STR(mapped)) : name;
        }
        val_set_str(f->a, out, name, d);
    }
    return out;
}

// Whether a block device may be LVM's: its label is in one of the first four sectors.
static bool maybe_lvm(const char *name, const char *path) {
    static const char label[] = "LABELONE";
    char head[4 * 512];
    if (strncmp(name, "fd", 2) == 0 && name[2] >= '0' && name[2] <= '9') {
        return false;  // a floppy drive takes seconds to say that it is empty
    }
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return errno == EMFILE || errno == ENFILE;  // what we may not open, LVM may not either
    }
    ssize_t n = read(fd, head, sizeof head);
    for (ssize_t at = 0; at + 512 <= n; at += 512) {
        if (memcmp(head + at, label, sizeof label - 1) == 0) {
            return true;
        }
    }
    return n < 0;
}

// The three programs take a third of the time of all facts, on machines that mostly have no LVM.
static bool has_lvm(struct facts *f) {
    struct val names = names_in(f, "/sys/class/block");
    bool found = val_len(names) == 0;  // no /sys: nothing is known
    for (size_t i = 0; i < val_len(names) && !found; i++) {
        const char *name = str_z(f->a, val_text(val_at_index(names, i)));
        char *path = arena_printf(f->a, "/dev/%s", name);
        for (char *s = path; *s; s++) {
            *s = *s == '!' ? '/' : *s;  // as the kernel writes a slash
        }
        found = maybe_lvm(name, path);
    }
    return found;
}

static void lvm(struct facts *f) {
    static const struct lvm_column vgs[] = {{"size_g", -2}, {"free_g", -1}, {"num_lvs", 2}, {"num_pvs", 1}};
    static const struct lvm_column lvs[] = {{"size_g", 3}, {"vg", 1}};
    static const struct lvm_column pvs[] = {{"size_g", 4}, {"free_g", 5}, {"vg", 1}};
    if (getuid() != 0 || !facts_program(f, "vgs")) {
        facts_set_z(f, "lvm", "N/A");
        return;
    }
    if (!facts_wanted(f, "lvm")) {
        return;
    }
    struct val all = val_dict(f->a, 3);
    bool any = has_lvm(f);
    val_set(f->a, all, "lvs", any ? lvm_table(f, "lvs", lvs, COUNTOF(lvs)) : val_dict(f->a, 0));
    val_set(f->a, all, "vgs", any ? lvm_table(f, "vgs", vgs, COUNTOF(vgs)) : val_dict(f->a, 0));
    val_set(f->a, all, "pvs", any ? lvm_table(f, "pvs", pvs, COUNTOF(pvs)) : val_dict(f->a, 0));
    facts_set(f, "lvm", all);
}

static void devices(struct facts *f) {
    struct val blocks = names_in(f, SYS_BLOCK);
    struct val links = val_dict(f->a, 4);
    val_set(f->a, links, "ids", links_in(f, "/dev/disk/by-id"));
    val_set(f->a, links, "uuids", links_in(f, "/dev/disk/by-uuid"));
    val_set(f->a, links, "labels", links_in(f, "/dev/disk/by-label"));
    val_set(f->a, links, "masters", masters(f, blocks));
    const char *lspci = facts_program(f, "lspci");
    const char *argv[] = {lspci, "-D", NULL};
    struct str pci = lspci ? facts_run(f, argv) : STR_NONE;
    struct val devices = val_dict(f->a, 8);
    for (size_t i = 0; i < val_len(blocks); i++) {
        struct str name = val_text(val_at_index(blocks, i));
        val_set_str(f->a, devices, name, disk(f, name, links, pci));
    }
    facts_set(f, "devices", devices);
    facts_set(f, "device_links", links);
}

void facts_devices(struct facts *f) {
    if (facts_wanted(f, "devices|device_links")) {
        devices(f);
    }
    lvm(f);
}
