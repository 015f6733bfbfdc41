// The list of collectors and what they share.
#include "facts.h"

#include "fd.h"
#include "run.h"
#include "spawn.h"

#include <unistd.h>

const struct collector fact_collectors[] = {
    {"platform|system|kernel|kernel_version|machine|python_version|architecture|machine_id", NULL, true,
     facts_platform},
    {"distribution|distribution_version|distribution_release|distribution_major_version|os_family", NULL, true,
     facts_distribution},
    {"lsb", NULL, true, facts_lsb},
    {"selinux", NULL, true, facts_selinux},
    {"apparmor", NULL, true, facts_apparmor},
    {"chroot|is_chroot", NULL, false, facts_chroot},
    {"fips", NULL, true, facts_fips},
    {"python", NULL, true, facts_python},
    {"caps|system_capabilities|system_capabilities_enforced", NULL, true, facts_caps},
    {"pkg_mgr", "distribution", true, facts_pkg_mgr},
    {"service_mgr", "platform|distribution", true, facts_service_mgr},
    {"cmdline", NULL, true, facts_cmdline},
    {"date_time", NULL, true, facts_date_time},
    {"env", NULL, true, facts_env},
    {"loadavg", NULL, false, facts_loadavg},
    {"ssh_pub_keys|ssh_host_pub_keys|ssh_host_key_dsa_public|ssh_host_key_rsa_public|ssh_host_key_ecdsa_public|"
     "ssh_host_key_ed25519_public",
     NULL, true, facts_ssh_keys},
    {"user|user_id|user_uid|user_gid|user_gecos|user_dir|user_shell|real_user_id|effective_user_id|"
     "effective_group_ids",
     NULL, true, facts_user},
    {"virtual|virtualization_type|virtualization_role|virtualization_tech_guest|virtualization_tech_host", NULL, false,
     facts_virtual},
    {"hardware|processor|processor_cores|processor_count|mounts|devices", "platform", false, facts_hardware},
    {"dns", NULL, true, facts_dns},
    {"fibre_channel_wwn", NULL, false, facts_fibre_channel},
    {"network|interfaces|default_ipv4|default_ipv6|all_ipv4_addresses|all_ipv6_addresses", "platform|distribution",
     false, facts_network},
    {"iscsi", NULL, false, facts_iscsi},
    {"nvme", NULL, false, facts_nvme},
    {"local", NULL, true, facts_local},
    {"facter", NULL, false, facts_facter},
    {"ohai", NULL, false, facts_ohai},
};
const size_t fact_collector_count = COUNTOF(fact_collectors);

static bool is_read(struct facts *f, struct str name) {
    bool any_end = str_ends(name, "*");
    for (size_t i = 0; i < val_len(f->read); i++) {
        struct str read = val_text(val_at_index(f->read, i));
        if (any_end ? str_starts(read, str_z(f->a, str_sub(name, 0, name.n - 1))) : str_eq(read, name)) {
            return true;
        }
    }
    return false;
}

bool facts_wanted(struct facts *f, const char *names) {
    bool wanted = f->read.kind != VAL_LIST;
    struct str rest = str_from(names);
    struct str one;
    while (!wanted && str_next(&rest, '|', &one)) {
        wanted = is_read(f, one);
    }
    rest = str_from(names);
    while (!wanted && str_next(&rest, '|', &one)) {
        val_set_str(f->a, f->left, one, val_bool(true));
    }
    return wanted;
}

int64_t facts_time_left(const struct facts *f) {
    int64_t left = f->until_ms - clock_ms();
    return left < 1 ? 1 : left;
}

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
    struct run job = {.argv = argv, .timeout_ms = facts_time_left(f)};
    if (!run_command(&job, f->a, &r, &e)) {
        return STR_NONE;
    }
    if (r.timed_out) {
        mod_warn(f->c, "%s gave no answer within %lld seconds: the facts it is asked for are missing", argv[0],
                 (long long)(f->timeout_ms / 1000));
        return STR_NONE;
    }
    if (r.rc != 0) {
        return STR_NONE;
    }
    return str_trim(r.out);
}

const char *facts_program(struct facts *f, const char *name) {
    static const char *const more[] = {"/sbin", "/usr/sbin", "/usr/local/sbin", "/opt/puppetlabs/bin"};
    const char *path = spawn_which(f->a, name);
    for (size_t i = 0; !path && i < COUNTOF(more); i++) {
        const char *there = arena_printf(f->a, "%s/%s", more[i], name);
        path = access(there, X_OK) == 0 ? there : NULL;
    }
    return path;
}

struct val facts_words(struct facts *f, struct str text) {
    struct val list = val_list(f->a, 4);
    for (size_t i = 0; i < text.n;) {
        size_t end = i;
        while (end < text.n && !strchr(" \t\n", text.s[end])) {
            end++;
        }
        if (end > i) {
            val_push(f->a, list, val_str(f->a, str_sub(text, i, end)));
        }
        i = end + 1;
    }
    return list;
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
