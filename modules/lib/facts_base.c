// Facts of the system as such: platform, user, environment, time, package and service manager, custom facts.
#include "facts.h"
#include "ids.h"
#include "json.h"
#include "run.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

extern char **environ;

static struct str first_word(struct str s) {
    return str_sub(s, 0, str_find_char(s, 0, ' '));
}

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

// The full name from /etc/hosts, as gethostbyaddr of the own name gives it without DNS.
static struct str full_name(struct facts *f, struct str node) {
    struct str rest = facts_file(f, "/etc/hosts");
    struct str line;
    while (rest.s && str_next(&rest, '\n', &line)) {
        line = str_trim(str_sub(line, 0, str_find_char(line, 0, '#')));
        struct str first = STR_NONE;
        bool mine = false;
        size_t i = 0;
        for (size_t word = 0; i < line.n; word++) {
            size_t end = i;
            while (end < line.n && line.s[end] != ' ' && line.s[end] != '\t') {
                end++;
            }
            struct str w = str_sub(line, i, end);
            first = word == 1 ? w : first;
            mine = mine || (word > 0 && str_eq(w, node));
            i = end;
            while (i < line.n && (line.s[i] == ' ' || line.s[i] == '\t')) {
                i++;
            }
        }
        if (mine && first.n > 0) {
            return first;
        }
    }
    return node;
}

void facts_platform(struct facts *f) {
    struct utsname u;
    uname(&u);
    struct str node = str_from(u.nodename);
    struct str host = str_sub(node, 0, str_find_char(node, 0, '.'));
    struct str fqdn = full_name(f, node);
    size_t dot = str_find_char(fqdn, 0, '.');
    facts_set_z(f, "system", u.sysname);
    facts_set_z(f, "kernel", u.release);
    facts_set_z(f, "kernel_version", u.version);
    facts_set_z(f, "machine", u.machine);
    facts_set_z(f, "architecture", u.machine);
    facts_set_z(f, "userspace_bits", "64");
    facts_set_z(f, "userspace_architecture", u.machine);
    facts_set(f, "nodename", val_str(f->a, node));
    facts_set(f, "hostname", val_str(f->a, host));
    facts_set(f, "fqdn", val_str(f->a, fqdn));
    facts_set(f, "domain", val_str(f->a, dot == SIZE_MAX ? STR_LIT("") : str_sub(fqdn, dot + 1, fqdn.n)));
    struct str id = facts_file(f, "/etc/machine-id");
    if (!id.s) {
        id = facts_file(f, "/var/lib/dbus/machine-id");
    }
    if (id.s) {
        facts_set(f, "machine_id", val_str(f->a, id));
    }
}

void facts_user(struct facts *f) {
    struct str name = ids_user_name(f->a, getuid());
    struct str line = ids_line(f->a, "passwd", name);
    facts_set(f, "user_id", val_str(f->a, name));
    facts_set(f, "user_uid", val_int(getuid()));
    facts_set(f, "user_gid", val_int(getgid()));
    facts_set(f, "user_gecos", val_str(f->a, line.s ? ids_field(line, 4) : STR_LIT("")));
    facts_set(f, "user_dir", val_str(f->a, line.s ? ids_field(line, 5) : STR_LIT("")));
    facts_set(f, "user_shell", val_str(f->a, line.s ? ids_field(line, 6) : STR_LIT("")));
    facts_set(f, "real_user_id", val_int(getuid()));
    facts_set(f, "effective_user_id", val_int(geteuid()));
    facts_set(f, "real_group_id", val_int(getgid()));
    facts_set(f, "effective_group_id", val_int(getegid()));
}

void facts_env(struct facts *f) {
    struct val env = val_dict(f->a, 32);
    for (char **p = environ; *p; p++) {
        const char *eq = strchr(*p, '=');
        if (eq) {
            val_set_str(f->a, env, (struct str){*p, (size_t)(eq - *p)}, val_z(f->a, eq + 1));
        }
    }
    facts_set(f, "env", env);
}

// The formats are the literals below; the compiler cannot see that through a parameter.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void put_time(struct facts *f, struct val d, const char *key, const char *format, const struct tm *tm) {
    char text[64];
    strftime(text, sizeof text, format, tm);
    val_set(f->a, d, key, val_z(f->a, text));
}
#pragma GCC diagnostic pop

void facts_date_time(struct facts *f) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm tm;
    struct tm utc;
    localtime_r(&now.tv_sec, &tm);
    gmtime_r(&now.tv_sec, &utc);
    struct val d = val_dict(f->a, 24);
    put_time(f, d, "year", "%Y", &tm);
    put_time(f, d, "month", "%m", &tm);
    put_time(f, d, "weekday", "%A", &tm);
    put_time(f, d, "weekday_number", "%w", &tm);
    put_time(f, d, "weeknumber", "%W", &tm);
    put_time(f, d, "day", "%d", &tm);
    put_time(f, d, "hour", "%H", &tm);
    put_time(f, d, "minute", "%M", &tm);
    put_time(f, d, "second", "%S", &tm);
    put_time(f, d, "epoch", "%s", &tm);
    put_time(f, d, "epoch_int", "%s", &tm);
    put_time(f, d, "date", "%Y-%m-%d", &tm);
    put_time(f, d, "time", "%H:%M:%S", &tm);
    put_time(f, d, "iso8601_basic_short", "%Y%m%dT%H%M%S", &tm);
    put_time(f, d, "tz", "%Z", &tm);
    put_time(f, d, "tz_offset", "%z", &tm);
    put_time(f, d, "tz_dst", "%Z", &tm);
    put_time(f, d, "iso8601", "%Y-%m-%dT%H:%M:%SZ", &utc);
    char text[64];
    long micro = now.tv_nsec / 1000;
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    val_set(f->a, d, "iso8601_micro", val_printf(f->a, "%s.%06ldZ", text, micro));
    strftime(text, sizeof text, "%Y%m%dT%H%M%S", &tm);
    val_set(f->a, d, "iso8601_basic", val_printf(f->a, "%s%06ld", text, micro));
    facts_set(f, "date_time", d);
}

// A target needs no Python; when it has one its version is told, otherwise the fact is missing.
void facts_python(struct facts *f) {
    static const char *const paths[] = {"/usr/bin/python3", "/usr/local/bin/python3", "/usr/bin/python"};
    for (size_t i = 0; i < COUNTOF(paths); i++) {
        if (access(paths[i], X_OK) != 0) {
            continue;
        }
        const char *argv[] = {paths[i],
                              "-I",
                              "-S",
                              "-c",
                              "import sys;v=sys.version_info;print(v[0],v[1],v[2],v[3],v[4],sys.implementation.name)",
                              NULL};
        struct str out = facts_run(f, argv);
        struct str w[6];
        for (size_t k = 0; k < COUNTOF(w); k++) {
            if (!out.s || !str_next(&out, ' ', &w[k])) {
                return;
            }
        }
        struct val p = val_dict(f->a, 4);
        struct val v = val_dict(f->a, 5);
        struct val list = val_list(f->a, 5);
        static const char *const names[] = {"major", "minor", "micro", "releaselevel", "serial"};
        for (size_t k = 0; k < COUNTOF(names); k++) {
            int64_t n;
            struct val one = str_int(w[k], &n) ? val_int(n) : val_str(f->a, w[k]);
            val_set(f->a, v, names[k], one);
            val_push(f->a, list, one);
        }
        val_set(f->a, p, "version", v);
        val_set(f->a, p, "version_info", list);
        val_set(f->a, p, "executable", val_z(f->a, paths[i]));
        val_set(f->a, p, "has_sslcontext", val_bool(true));
        val_set(f->a, p, "type", val_str(f->a, w[5]));
        facts_set(f, "python", p);
        facts_set(f, "python_version", val_printf(f->a, "%.*s.%.*s.%.*s", STR(w[0]), STR(w[1]), STR(w[2])));
        return;
    }
}

static struct val kernel_words(struct facts *f, struct str line, bool repeat) {
    struct val d = val_dict(f->a, 16);
    struct str word;
    while (line.n > 0 && str_next(&line, ' ', &word)) {
        word = str_trim(word);
        if (word.n == 0) {
            continue;
        }
        size_t eq = str_find_char(word, 0, '=');
        struct str key = str_sub(word, 0, eq);
        struct val v = eq == SIZE_MAX ? val_bool(true) : val_str(f->a, str_sub(word, eq + 1, word.n));
        struct val old = val_get_str(d, key);
        if (repeat && old.kind != VAL_UNDEF && eq != SIZE_MAX) {
            struct val list = old.kind == VAL_LIST ? old : val_list(f->a, 2);
            if (old.kind != VAL_LIST) {
                val_push(f->a, list, old);
            }
            val_push(f->a, list, v);
            v = list;
        }
        val_set_str(f->a, d, key, v);
    }
    return d;
}

void facts_cmdline(struct facts *f) {
    struct str line = facts_file(f, "/proc/cmdline");
    if (line.s) {
        facts_set(f, "cmdline", kernel_words(f, line, false));
        facts_set(f, "proc_cmdline", kernel_words(f, line, true));
    }
}

static void add_words(struct facts *f, struct val dns, const char *key, struct str line) {
    struct val list = val_get(dns, key);
    if (list.kind != VAL_LIST) {
        list = val_list(f->a, 2);
        val_set(f->a, dns, key, list);
    }
    struct str word;
    while (line.n > 0 && str_next(&line, ' ', &word)) {
        word = str_trim(word);
        if (word.n > 0) {
            val_push(f->a, list, val_str(f->a, word));
        }
    }
}

void facts_dns(struct facts *f) {
    struct val dns = val_dict(f->a, 4);
    struct str rest = facts_file(f, "/etc/resolv.conf");
    struct str line;
    while (rest.s && str_next(&rest, '\n', &line)) {
        line = str_trim(line);
        struct str key = first_word(line);
        struct str value = str_trim(str_sub(line, key.n, line.n));
        if (str_eqz(key, "nameserver")) {
            add_words(f, dns, "nameservers", value);
        } else if (str_eqz(key, "search") || str_eqz(key, "sortlist")) {
            add_words(f, dns, key.s[1] == 'e' ? "search" : "sortlist", value);
        } else if (str_eqz(key, "domain")) {
            val_set(f->a, dns, "domain", val_str(f->a, value));
        } else if (str_eqz(key, "options")) {
            struct val o = val_dict(f->a, 2);
            struct str word;
            while (value.n > 0 && str_next(&value, ' ', &word)) {
                size_t colon = str_find_char(word, 0, ':');
                struct val v = colon == SIZE_MAX ? val_bool(true) : val_str(f->a, str_sub(word, colon + 1, word.n));
                val_set_str(f->a, o, str_sub(word, 0, colon), v);
            }
            val_set(f->a, dns, "options", o);
        }
    }
    facts_set(f, "dns", dns);
}

void facts_security(struct facts *f) {
    struct val selinux = val_dict(f->a, 6);
    bool on = exists("/sys/fs/selinux/enforce");
    val_set(f->a, selinux, "status", val_z(f->a, on ? "enabled" : "disabled"));
    if (on) {
        struct str config = facts_file(f, "/etc/selinux/config");
        bool enforcing = str_eqz(facts_file(f, "/sys/fs/selinux/enforce"), "1");
        val_set(f->a, selinux, "mode", val_z(f->a, enforcing ? "enforcing" : "permissive"));
        val_set(f->a, selinux, "config_mode", val_str(f->a, facts_key(config, "SELINUX")));
        val_set(f->a, selinux, "type", val_str(f->a, facts_key(config, "SELINUXTYPE")));
        val_set(f->a, selinux, "policyvers", val_str(f->a, facts_file(f, "/sys/fs/selinux/policyvers")));
    }
    facts_set(f, "selinux", selinux);
    facts_set(f, "selinux_python_present", val_bool(true));
    struct val apparmor = val_dict(f->a, 1);
    val_set(f->a, apparmor, "status", val_z(f->a, exists("/sys/kernel/security/apparmor") ? "enabled" : "disabled"));
    facts_set(f, "apparmor", apparmor);
    facts_set(f, "fips", val_bool(str_eqz(facts_file(f, "/proc/sys/crypto/fips_enabled"), "1")));
}

void facts_chroot(struct facts *f) {
    struct stat root;
    struct stat init;
    bool chroot = getenv("debian_chroot") != NULL;
    if (!chroot && stat("/", &root) == 0) {
        chroot = stat("/proc/1/root/.", &init) == 0 ? root.st_ino != init.st_ino || root.st_dev != init.st_dev
                                                    : root.st_ino != 2 && root.st_ino != 256 && root.st_ino != 128;
    }
    facts_set(f, "is_chroot", val_bool(chroot));
}

void facts_pkg_mgr(struct facts *f) {
    static const char *const known[][2] = {{"/usr/bin/apt-get", "apt"},    {"/usr/bin/dnf", "dnf"},
                                           {"/usr/bin/yum", "yum"},        {"/usr/bin/zypper", "zypper"},
                                           {"/usr/bin/pacman", "pacman"},  {"/sbin/apk", "apk"},
                                           {"/usr/bin/emerge", "portage"}, {"/usr/bin/xbps-install", "xbps"},
                                           {"/usr/bin/opkg", "opkg"},      {"/bin/opkg", "opkg"}};
    for (size_t i = 0; i < COUNTOF(known); i++) {
        if (exists(known[i][0])) {
            facts_set_z(f, "pkg_mgr", known[i][1]);
            return;
        }
    }
    facts_set_z(f, "pkg_mgr", "unknown");
}

void facts_service_mgr(struct facts *f) {
    struct str init = facts_file(f, "/proc/1/comm");
    const char *name = "service";
    if (exists("/run/systemd/system") || exists("/dev/.run/systemd") || exists("/dev/.systemd")) {
        name = "systemd";
    } else if (exists("/sbin/openrc") || exists("/sbin/openrc-run")) {
        name = "openrc";
    } else if (init.n > 0 && !str_eqz(init, "init") && !str_ends(init, "sh")) {
        name = str_z(f->a, init);
    } else if (exists("/etc/init.d")) {
        name = "sysvinit";
    }
    facts_set_z(f, "service_mgr", name);
}

void facts_lsb(struct facts *f) {
    static const char *const keys[][2] = {{"DISTRIB_ID", "id"},
                                          {"DISTRIB_RELEASE", "release"},
                                          {"DISTRIB_DESCRIPTION", "description"},
                                          {"DISTRIB_CODENAME", "codename"}};
    static const char *const labels[] = {"Distributor ID:", "Release:", "Description:", "Codename:"};
    const char *argv[] = {"lsb_release", "-a", NULL};
    struct str said = facts_run(f, argv);
    struct str file = said.s ? STR_NONE : facts_file(f, "/etc/lsb-release");
    struct val lsb = val_dict(f->a, 5);
    for (size_t i = 0; i < COUNTOF(keys); i++) {
        struct str v = facts_key(file, keys[i][0]);
        struct str rest = said;
        struct str line;
        while (rest.s && str_next(&rest, '\n', &line)) {
            if (str_starts(line, labels[i])) {
                v = str_trim(str_sub(line, strlen(labels[i]), line.n));
            }
        }
        if (v.s) {
            val_set(f->a, lsb, keys[i][1], val_str(f->a, v));
        }
    }
    struct str release = val_text(val_get(lsb, "release"));
    if (release.n > 0) {
        val_set(f->a, lsb, "major_release", val_str(f->a, str_sub(release, 0, str_find_char(release, 0, '.'))));
    }
    facts_set(f, "lsb", lsb);
}

void facts_ssh_keys(struct facts *f) {
    static const char *const dirs[] = {"/etc/ssh", "/etc/openssh", "/etc"};
    static const char *const kinds[] = {"dsa", "rsa", "ecdsa", "ed25519"};
    for (size_t d = 0; d < COUNTOF(dirs); d++) {
        for (size_t k = 0; k < COUNTOF(kinds); k++) {
            struct str line = facts_file(f, arena_printf(f->a, "%s/ssh_host_%s_key.pub", dirs[d], kinds[k]));
            struct str type;
            struct str key;
            if (line.s && str_next(&line, ' ', &type) && str_next(&line, ' ', &key)) {
                facts_set(f, arena_printf(f->a, "ssh_host_key_%s_public", kinds[k]), val_str(f->a, key));
                facts_set(f, arena_printf(f->a, "ssh_host_key_%s_public_keytype", kinds[k]), val_str(f->a, type));
            }
        }
    }
}

// "[section]\nkey=value" as a dict of dicts.
static bool parse_ini(struct facts *f, struct str text, struct val *out) {
    struct val d = val_dict(f->a, 4);
    struct val section = VNULL;
    struct str line;
    while (str_next(&text, '\n', &line)) {
        line = str_trim(line);
        if (line.n == 0 || line.s[0] == '#' || line.s[0] == ';') {
            continue;
        }
        size_t eq = str_find_char(line, 0, '=');
        if (line.s[0] == '[' && str_ends(line, "]")) {
            section = val_dict(f->a, 4);
            val_set_str(f->a, d, str_sub(line, 1, line.n - 1), section);
        } else if (section.kind != VAL_DICT || eq == SIZE_MAX) {
            return false;
        } else {
            struct str key = str_trim(str_sub(line, 0, eq));
            char *lower = str_z(f->a, key);
            for (char *p = lower; *p; p++) {
                *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
            }
            val_set(f->a, section, lower, val_str(f->a, str_trim(str_sub(line, eq + 1, line.n))));
        }
    }
    *out = d;
    return true;
}

static void local_fact(struct facts *f, struct val local, const char *path, struct str name) {
    struct stat st;
    struct str text = STR_NONE;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        return;
    }
    struct err e = {.arena = f->a};
    struct val v;
    if (st.st_mode & S_IXUSR) {
        const char *argv[] = {path, NULL};
        struct run_result r;
        if (!run_command(&(struct run){.argv = argv, .timeout_ms = f->deadline_ms}, f->a, &r, &e) || r.rc != 0) {
            v = val_printf(f->a, "Failure executing fact script (%s)", path);
            mod_warn(f->c, "Failure executing fact script (%s)", path);
            val_set_str(f->a, local, name, v);
            return;
        }
        text = r.out;
    } else {
        text = facts_file(f, path);
    }
    if (!json_parse(f->a, text, &v, &e) && !parse_ini(f, text, &v)) {
        v = val_printf(f->a, "error loading facts as JSON or ini - please check content: %s", path);
        mod_warn(f->c, "error loading facts as JSON or ini - please check content: %s", path);
    }
    val_set_str(f->a, local, name, v);
}

void facts_local(struct facts *f) {
    struct val local = val_dict(f->a, 4);
    struct dirent **names;
    int n = f->fact_path ? scandir(f->fact_path, &names, NULL, alphasort) : -1;
    for (int i = 0; i < n; i++) {
        struct str name = str_from(names[i]->d_name);
        if (str_ends(name, ".fact")) {
            local_fact(f, local, arena_printf(f->a, "%s/%s", f->fact_path, names[i]->d_name),
                       str_dup(f->a, str_sub(name, 0, name.n - 5)));
        }
        free(names[i]);
    }
    if (n >= 0) {
        free(names);
    }
    facts_set(f, "local", local);
}
