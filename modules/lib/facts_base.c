// Facts of the system as such: platform, user, environment, time, package and service manager, custom facts.
#include "digest.h"
#include "facts.h"
#include "ids.h"

#include <strings.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

extern char **environ;

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

// Names of the line of a hosts file that holds `word` at or after position `from` (0: the address).
static struct val hosts_line(struct facts *f, struct str text, struct str word, bool address) {
    struct str line;
    while (text.s && str_next(&text, '\n', &line)) {
        struct val w = facts_words(f, str_sub(line, 0, str_find_char(line, 0, '#')));
        for (size_t i = address ? 0 : 1; i < (address ? 1 : val_len(w)) && i < val_len(w); i++) {
            if (str_eq(val_text(val_at_index(w, i)), word)) {
                return w;
            }
        }
    }
    return VNULL;
}

// The lines a resolver other than the hosts file gives, in the same form.
static struct val getent_line(struct facts *f, struct str what) {
    const char *argv[] = {"getent", "hosts", "--", str_z(f->a, what), NULL};
    struct str out = facts_run(f, argv);
    return out.n > 0 ? facts_words(f, str_sub(out, 0, str_find_char(out, 0, '\n'))) : VNULL;
}

// As Python's socket.getfqdn: the own name to an address, the address to names, of these the first with a dot.
// STR_NONE: name servers would have to be asked, and the play does not read the name.
static struct str full_name(struct facts *f, struct str node) {
    static const char *const names = "fqdn|domain";
    struct str hosts = facts_file(f, "/etc/hosts");
    struct val line = hosts_line(f, hosts, node, false);
    if (line.kind == VAL_NULL) {
        if (!facts_wanted(f, names)) {
            return STR_NONE;
        }
        line = getent_line(f, node);
    }
    if (val_len(line) < 2) {
        return node;
    }
    struct val back = hosts_line(f, hosts, val_text(val_at_index(line, 0)), true);
    if (back.kind == VAL_NULL) {
        if (!facts_wanted(f, names)) {
            return STR_NONE;
        }
        back = getent_line(f, val_text(val_at_index(line, 0)));
    }
    if (val_len(back) < 2) {
        return node;
    }
    for (size_t i = 1; i < val_len(back); i++) {
        struct str name = val_text(val_at_index(back, i));
        if (str_find_char(name, 0, '.') != SIZE_MAX) {
            return name;
        }
    }
    return val_text(val_at_index(back, 1));
}

const char *facts_interpreter(void) {
    static const char *const paths[] = {"/usr/bin/python3", "/usr/local/bin/python3", "/usr/bin/python"};
    for (size_t i = 0; i < COUNTOF(paths); i++) {
        if (access(paths[i], X_OK) == 0) {
            return paths[i];
        }
    }
    return NULL;
}

// "3 11 2 final 0 cpython PATH" of the target's Python; STR_NONE without one.
static struct str ask_python(struct facts *f) {
    const char *path = f->python_asked ? NULL : facts_interpreter();
    if (path) {
        const char *argv[] = {
            path,
            "-I",
            "-S",
            "-c",
            "import sys;v=sys.version_info;print(v[0],v[1],v[2],v[3],v[4],sys.implementation.name,sys.executable)",
            NULL};
        f->python = facts_run(f, argv);
    }
    f->python_asked = true;
    return f->python;
}

void facts_platform(struct facts *f) {
    if (!facts_wanted(
            f, "system|kernel*|machine*|python_version|architecture|userspace_*|nodename|hostname|fqdn|domain")) {
        return;
    }
    struct utsname u;
    uname(&u);
    struct str node = str_from(u.nodename);
    struct str host = str_sub(node, 0, str_find_char(node, 0, '.'));
    // before name servers that do not answer have used up the time
    struct val python = facts_wanted(f, "python_version") ? facts_words(f, ask_python(f)) : VNULL;
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
    if (fqdn.s) {
        facts_set(f, "fqdn", val_str(f->a, fqdn));
        facts_set(f, "domain", val_str(f->a, dot == SIZE_MAX ? STR_LIT("") : str_sub(fqdn, dot + 1, fqdn.n)));
    }
    struct str id = facts_file(f, "/var/lib/dbus/machine-id");
    if (id.n == 0) {
        id = facts_file(f, "/etc/machine-id");
    }
    if (id.n > 0) {
        facts_set(f, "machine_id", val_str(f->a, str_sub(id, 0, str_find_char(id, 0, '\n'))));
    }
    if (val_len(python) > 2) {
        facts_set(f, "python_version",
                  val_printf(f->a, "%.*s.%.*s.%.*s", STR(val_text(val_at_index(python, 0))),
                             STR(val_text(val_at_index(python, 1))), STR(val_text(val_at_index(python, 2)))));
    }
}

void facts_user(struct facts *f) {
    if (!facts_wanted(f, "user_*|real_*|effective_*")) {
        return;
    }
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
    if (!facts_wanted(f, "env")) {
        return;
    }
    struct val env = val_dict(f->a, 32);
    for (char **p = environ; *p; p++) {
        const char *eq = strchr(*p, '=');
        if (eq) {
            val_set_str(f->a, env, (struct str){*p, (size_t)(eq - *p)}, val_z(f->a, eq + 1));
        }
    }
    if (f->c->path) {
        val_set(f->a, env, "PATH", val_z(f->a, f->c->path));
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
    if (!facts_wanted(f, "date_time")) {
        return;
    }
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
    static const char *const names[] = {"major", "minor", "micro", "releaselevel", "serial"};
    struct val w = facts_wanted(f, "python") ? facts_words(f, ask_python(f)) : VNULL;
    if (val_len(w) < 7) {
        return;
    }
    struct val p = val_dict(f->a, 5);
    struct val v = val_dict(f->a, 5);
    struct val list = val_list(f->a, 5);
    for (size_t k = 0; k < COUNTOF(names); k++) {
        int64_t n;
        struct val one = val_at_index(w, k);
        one = str_int(val_text(one), &n) ? val_int(n) : one;
        val_set(f->a, v, names[k], one);
        val_push(f->a, list, one);
    }
    val_set(f->a, p, "version", v);
    val_set(f->a, p, "version_info", list);
    val_set(f->a, p, "executable", val_at_index(w, 6));
    val_set(f->a, p, "has_sslcontext", val_bool(true));
    val_set(f->a, p, "type", val_at_index(w, 5));
    facts_set(f, "python", p);
}

// The next word; quotes keep blanks together and stay.
static bool kernel_word(struct str *line, struct str *word) {
    *line = str_trim(*line);
    char quote = 0;
    size_t i = 0;
    for (; i < line->n; i++) {
        char ch = line->s[i];
        if (quote ? ch == quote : ch == '"' || ch == '\'') {
            quote = quote ? 0 : ch;
        } else if (!quote && (ch == ' ' || ch == '\t')) {
            break;
        }
    }
    *word = str_sub(*line, 0, i);
    *line = str_sub(*line, i, line->n);
    return word->n > 0;
}

static struct val kernel_words(struct facts *f, struct str line, bool repeat) {
    struct val d = val_dict(f->a, 16);
    struct str word;
    while (kernel_word(&line, &word)) {
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
    if (!facts_wanted(f, "cmdline|proc_cmdline")) {
        return;
    }
    struct str line = facts_file(f, "/proc/cmdline");
    if (line.s) {
        facts_set(f, "cmdline", kernel_words(f, line, false));
        facts_set(f, "proc_cmdline", kernel_words(f, line, true));
    }
}

static struct val dns_options(struct facts *f, struct val words) {
    struct val o = val_dict(f->a, 2);
    for (size_t i = 1; i < val_len(words); i++) {
        struct str word = val_text(val_at_index(words, i));
        size_t colon = str_find_char(word, 0, ':');
        struct str v = colon == SIZE_MAX ? STR_NONE : str_sub(word, colon + 1, word.n);
        val_set_str(f->a, o, str_sub(word, 0, colon), v.n ? val_str(f->a, v) : val_bool(true));
    }
    return o;
}

void facts_dns(struct facts *f) {
    if (!facts_wanted(f, "dns")) {
        return;
    }
    struct val dns = val_dict(f->a, 4);
    struct str rest = facts_file(f, "/etc/resolv.conf");
    struct str line;
    while (rest.s && str_next(&rest, '\n', &line)) {
        struct val w = facts_words(f, line);
        struct str key = val_len(w) > 0 ? val_text(val_at_index(w, 0)) : STR_NONE;
        bool servers = str_eqz(key, "nameserver");
        if (servers || str_eqz(key, "search") || str_eqz(key, "sortlist")) {
            const char *name = servers ? "nameservers" : str_z(f->a, key);
            struct val old = val_get(dns, name);
            struct val list = servers && old.kind == VAL_LIST ? old : val_list(f->a, 4);
            for (size_t i = 1; i < val_len(w); i++) {
                val_push(f->a, list, val_at_index(w, i));
            }
            val_set(f->a, dns, name, list);
        } else if (str_eqz(key, "domain") && val_len(w) > 1) {
            val_set(f->a, dns, "domain", val_at_index(w, 1));
        } else if (str_eqz(key, "options")) {
            val_set(f->a, dns, "options", dns_options(f, w));
        }
    }
    facts_set(f, "dns", dns);
}

void facts_selinux(struct facts *f) {
    if (!facts_wanted(f, "selinux*")) {
        return;
    }
    struct val selinux = val_dict(f->a, 6);
    bool on = exists("/sys/fs/selinux/enforce");
    val_set(f->a, selinux, "status", val_z(f->a, on ? "enabled" : "disabled"));
    if (on) {
        struct str config = facts_file(f, "/etc/selinux/config");
        struct str mode = facts_key(config, "SELINUX");
        struct str type = facts_key(config, "SELINUXTYPE");
        struct str version = facts_file(f, "/sys/fs/selinux/policyvers");
        int64_t n;
        bool enforcing = str_eqz(facts_file(f, "/sys/fs/selinux/enforce"), "1");
        val_set(f->a, selinux, "policyvers", str_int(version, &n) ? val_int(n) : val_z(f->a, "unknown"));
        val_set(f->a, selinux, "config_mode", val_str(f->a, mode.n ? mode : STR_LIT("unknown")));
        val_set(f->a, selinux, "mode", val_z(f->a, enforcing ? "enforcing" : "permissive"));
        val_set(f->a, selinux, "type", val_str(f->a, type.n ? type : STR_LIT("unknown")));
    }
    facts_set(f, "selinux", selinux);
    facts_set(f, "selinux_python_present", val_bool(true));
}

void facts_apparmor(struct facts *f) {
    if (!facts_wanted(f, "apparmor")) {
        return;
    }
    struct val apparmor = val_dict(f->a, 1);
    val_set(f->a, apparmor, "status", val_z(f->a, exists("/sys/kernel/security/apparmor") ? "enabled" : "disabled"));
    facts_set(f, "apparmor", apparmor);
}

void facts_fips(struct facts *f) {
    if (!facts_wanted(f, "fips")) {
        return;
    }
    facts_set(f, "fips", val_bool(str_eqz(facts_file(f, "/proc/sys/crypto/fips_enabled"), "1")));
}

// What capsh says of the current capabilities.
void facts_caps(struct facts *f) {
    if (!facts_wanted(f, "system_capabilities|system_capabilities_enforced")) {
        return;
    }
    const char *path = facts_program(f, "capsh");
    const char *argv[] = {path, "--print", NULL};
    struct str rest = path ? facts_run(f, argv) : STR_NONE;
    facts_set_z(f, "system_capabilities_enforced", rest.s ? "NA" : "N/A");
    facts_set(f, "system_capabilities", rest.s ? val_list(f->a, 0) : val_z(f->a, "N/A"));
    struct str line;
    while (rest.s && str_next(&rest, '\n', &line)) {
        if (!str_starts(line, "Current:")) {
            continue;
        }
        struct str now = str_trim(str_sub(line, 8, line.n));
        bool all = str_eqz(now, "=ep");
        facts_set_z(f, "system_capabilities_enforced", all ? "False" : "True");
        struct val list = val_list(f->a, 8);
        size_t eq = str_find_char(now, 0, '=');
        struct str caps = eq == SIZE_MAX ? STR_NONE : str_sub(now, eq + 1, str_find_char(now, eq + 1, '='));
        struct str one;
        while (!all && caps.s && str_next(&caps, ',', &one)) {
            val_push(f->a, list, val_str(f->a, str_trim(one)));
        }
        facts_set(f, "system_capabilities", list);
    }
}

void facts_loadavg(struct facts *f) {
    if (!facts_wanted(f, "loadavg")) {
        return;
    }
    double l[3];
    if (getloadavg(l, 3) == 3) {
        struct val d = val_dict(f->a, 3);
        val_set(f->a, d, "1m", val_float(l[0]));
        val_set(f->a, d, "5m", val_float(l[1]));
        val_set(f->a, d, "15m", val_float(l[2]));
        facts_set(f, "loadavg", d);
    }
}

void facts_chroot(struct facts *f) {
    if (!facts_wanted(f, "is_chroot")) {
        return;
    }
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
    static const char *const inits[][2] = {
        {"procd", "openwrt_init"}, {"runit-init", "runit"}, {"svscan", "svc"}, {"openrc-init", "openrc"}};
    struct str init = facts_file(f, "/proc/1/comm");
    const char *name = "service";
    char target[64] = "";
    bool tool = facts_program(f, "systemctl") != NULL;
    bool booted = tool && (exists("/run/systemd/system/") || exists("/dev/.run/systemd/") || exists("/dev/.systemd/"));
    if (init.n > 0 && !str_eqz(init, "init") && !str_ends(init, "sh")) {
        name = str_z(f->a, init);
        for (size_t i = 0; i < COUNTOF(inits); i++) {
            name = str_eqz(init, inits[i][0]) ? inits[i][1] : name;
        }
    } else if (booted) {  // NOLINT(bugprone-branch-clone): the order of Ansible's questions decides
        name = "systemd";
    } else if (facts_program(f, "initctl") && exists("/etc/init/")) {
        name = "upstart";
    } else if (exists("/sbin/openrc")) {
        name = "openrc";
    } else if (tool && readlink("/sbin/init", target, sizeof target - 1) > 0 && str_ends(str_from(target), "systemd")) {
        name = "systemd";
    } else if (exists("/etc/init.d/")) {
        name = "sysvinit";
    }
    facts_set_z(f, "service_mgr", name);
}

/// What lsb_release of Debian 12 says: a shell script, which starts ten programs to write down four lines of
/// os-release. STR_NONE: it is another program, or only a shell could read the file.
static struct str debian_lsb_release(struct facts *f, const char *program) {
    static const char known[] = "484188f4b37b4021998dafd1966cda1c6f8207af9aee3ad51746a5d22acf3e65";  // 12.0-1
    struct err quiet = {.arena = f->a};
    const char *digest = "";
    bool same = digest_file(f->a, "sha256", program, &digest, &quiet) && strcmp(digest, known) == 0;
    struct str text = STR_NONE;
    if (same && !getenv("LSB_OS_RELEASE")) {  // NOLINT(concurrency-mt-unsafe): play-remote has one thread
        text = facts_file(f, exists("/etc/os-release") ? "/etc/os-release" : "/usr/lib/os-release");
    }
    if (!text.s || str_find_char(text, 0, '$') != SIZE_MAX || str_find_char(text, 0, '`') != SIZE_MAX ||
        str_find_char(text, 0, '\\') != SIZE_MAX) {
        return STR_NONE;
    }
    struct str id = facts_key(text, "ID");
    struct str name = facts_key(text, "NAME");
    if (name.n && name.n == id.n && strncasecmp(name.s, id.s, id.n) == 0) {
        id = name;
    } else if (id.n && id.s[0] >= 'a' && id.s[0] <= 'z') {
        id = str_printf(f->a, "%c%.*s", id.s[0] - 'a' + 'A', STR(str_sub(id, 1, id.n)));
    }
    struct str said[] = {id, facts_key(text, "PRETTY_NAME"), facts_key(text, "VERSION_ID"),
                         facts_key(text, "VERSION_CODENAME")};
    for (size_t i = 0; i < COUNTOF(said); i++) {
        said[i] = said[i].n ? said[i] : STR_LIT("n/a");
    }
    return str_printf(f->a, "Distributor ID:\t%.*s\nDescription:\t%.*s\nRelease:\t%.*s\nCodename:\t%.*s\n",
                      STR(said[0]), STR(said[1]), STR(said[2]), STR(said[3]));
}

void facts_lsb(struct facts *f) {
    static const char *const keys[][2] = {{"DISTRIB_ID", "id"},
                                          {"DISTRIB_RELEASE", "release"},
                                          {"DISTRIB_DESCRIPTION", "description"},
                                          {"DISTRIB_CODENAME", "codename"}};
    static const char *const labels[] = {"Distributor ID:", "Release:", "Description:", "Codename:"};
    if (!facts_wanted(f, "lsb")) {
        return;
    }
    const char *program = facts_program(f, "lsb_release");
    const char *argv[] = {program, "-a", NULL};
    struct str said = program ? debian_lsb_release(f, program) : STR_NONE;
    said = program && !said.s ? facts_run(f, argv) : said;
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
    if (!facts_wanted(f, "ssh_host_key_dsa_public*|ssh_host_key_rsa_public*|ssh_host_key_ecdsa_public*|ssh_host_key_"
                         "ed25519_public*")) {
        return;
    }
    static const char *const dirs[] = {"/etc/ssh", "/etc/openssh", "/etc"};
    static const char *const kinds[] = {"dsa", "rsa", "ecdsa", "ed25519"};
    bool found = false;
    for (size_t d = 0; d < COUNTOF(dirs) && !found; d++) {
        for (size_t k = 0; k < COUNTOF(kinds); k++) {
            struct str line = facts_file(f, arena_printf(f->a, "%s/ssh_host_%s_key.pub", dirs[d], kinds[k]));
            struct str type;
            struct str key;
            if (line.s && str_next(&line, ' ', &type) && str_next(&line, ' ', &key)) {
                found = true;
                facts_set(f, arena_printf(f->a, "ssh_host_key_%s_public", kinds[k]), val_str(f->a, key));
                facts_set(f, arena_printf(f->a, "ssh_host_key_%s_public_keytype", kinds[k]), val_str(f->a, type));
            }
        }
    }
}
