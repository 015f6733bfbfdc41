// The list of collectors and what they share.
#include "facts.h"

#include "fd.h"
#include "run.h"

const struct collector fact_collectors[] = {
    {"platform", "min", facts_platform},
    {"distribution", "min", facts_distribution},
    {"user", "min", facts_user},
    {"env", "min", facts_env},
    {"date_time", "min", facts_date_time},
    {"python", "min", facts_python},
    {"cmdline", "min", facts_cmdline},
    {"dns", "min", facts_dns},
    {"selinux|apparmor|fips|caps", "min", facts_security},
    {"chroot|is_chroot", "min", facts_chroot},
    {"pkg_mgr", "min", facts_pkg_mgr},
    {"service_mgr", "min", facts_service_mgr},
    {"lsb", "min", facts_lsb},
    {"ssh_pub_keys", "min", facts_ssh_keys},
    {"local", "min", facts_local},
    {"hardware|processor|memory|mounts|dmi|devices|uptime|loadavg", "hardware", facts_hardware},
    {"network|interfaces|default_ipv4|default_ipv6|all_ipv4_addresses|all_ipv6_addresses", "network", facts_network},
    {"virtual|virtualization_type|virtualization_role", "virtual", facts_virtual},
};
const size_t fact_collector_count = COUNTOF(fact_collectors);

void facts_set(struct facts *f, const char *name, struct val v) {
    val_set_str(f->a, f->out, str_printf(f->a, "ansible_%s", name), v);
}

void facts_set_z(struct facts *f, const char *name, const char *z) {
    facts_set(f, name, val_z(f->a, z));
}

struct str facts_file(struct facts *f, const char *path) {
    struct err e = {.arena = f->a};
    struct str text;
    if (!fd_read_file(path, (size_t)4 << 20, f->a, &text, &e)) {
        return STR_NONE;
    }
    return str_trim(text);
}

struct str facts_run(struct facts *f, const char *const *argv) {
    struct err e = {.arena = f->a};
    struct run_result r;
    struct run job = {.argv = argv, .timeout_ms = f->deadline_ms};
    if (!run_command(&job, f->a, &r, &e) || r.rc != 0 || r.timed_out) {
        return STR_NONE;
    }
    return str_trim(r.out);
}

struct str facts_key(struct str text, const char *key) {
    struct str line;
    size_t n = strlen(key);
    while (text.s && str_next(&text, '\n', &line)) {
        line = str_trim(line);
        if (str_starts(line, key) && line.n > n && line.s[n] == '=') {
            struct str v = str_trim(str_sub(line, n + 1, line.n));
            bool quoted = v.n > 1 && (v.s[0] == '"' || v.s[0] == '\'') && v.s[v.n - 1] == v.s[0];
            return quoted ? str_sub(v, 1, v.n - 1) : v;
        }
    }
    return STR_NONE;
}
