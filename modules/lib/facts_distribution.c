// Which distribution this is, from os-release and the older files beside it.
#include "facts.h"

#include <unistd.h>

struct family {
    const char *family, *members;
};
// Members are distribution names, separated by |.
static const struct family families[] = {
    {"RedHat", "RedHat|RHEL|Fedora|CentOS|Scientific|OracleLinux|Amazon|Virtuozzo|AlmaLinux|Rocky|TencentOS|openEuler|"
               "Kylin Linux Advanced Server"},
    {"Debian", "Debian|Ubuntu|Raspbian|Neon|KDE neon|Linux Mint|SteamOS|Devuan|Kali|Cumulus "
               "Linux|Pop!_OS|Parrot|Pardus GNU/Linux|Uos|Deepin|OSMC|Linuxmint"},
    {"Suse", "SLES|SLED|SuSE|openSUSE|openSUSE Tumbleweed|openSUSE Leap|SLES_SAP|SUSE_LINUX|openSUSE MicroOS"},
    {"Archlinux", "Archlinux|Antergos|Manjaro"},
    {"Gentoo", "Gentoo|Funtoo"},
    {"Alpine", "Alpine"},
    {"Altlinux", "Altlinux"},
    {"Flatcar", "Flatcar"},
};

struct naming {
    const char *id, *name;  // ID of os-release -> Ansible's name
};
static const struct naming names[] = {
    {"debian", "Debian"},
    {"ubuntu", "Ubuntu"},
    {"raspbian", "Debian"},
    {"alpine", "Alpine"},
    {"rhel", "RedHat"},
    {"centos", "CentOS"},
    {"fedora", "Fedora"},
    {"rocky", "Rocky"},
    {"almalinux", "AlmaLinux"},
    {"ol", "OracleLinux"},
    {"amzn", "Amazon"},
    {"arch", "Archlinux"},
    {"manjaro", "Manjaro"},
    {"opensuse-leap", "openSUSE Leap"},
    {"opensuse-tumbleweed", "openSUSE Tumbleweed"},
    {"sles", "SLES"},
    {"gentoo", "Gentoo"},
    {"kali", "Kali"},
    {"linuxmint", "Linux Mint"},
    {"devuan", "Devuan"},
    {"flatcar", "Flatcar"},
    {"pop", "Pop!_OS"},
};

static const char *family_of(struct str name) {
    for (size_t i = 0; i < COUNTOF(families); i++) {
        struct str rest = str_from(families[i].members);
        struct str one;
        while (str_next(&rest, '|', &one)) {
            if (str_eq(one, name)) {
                return families[i].family;
            }
        }
    }
    return NULL;
}

static struct str name_of(struct str id, struct str pretty) {
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (str_eqz(id, names[i].id)) {
            return str_from(names[i].name);
        }
    }
    return str_sub(pretty, 0, str_find_char(pretty, 0, ' '));
}

// Debian says its point release only in /etc/debian_version.
static struct str exact_version(struct facts *f, struct str id, struct str version) {
    if (str_eqz(id, "debian")) {
        struct str full = facts_file(f, "/etc/debian_version");
        bool number = full.n > 0 && full.s[0] >= '0' && full.s[0] <= '9';
        return number ? full : version;
    }
    if (str_eqz(id, "alpine")) {
        struct str full = facts_file(f, "/etc/alpine-release");
        return full.n > 0 ? full : version;
    }
    return version;
}

void facts_distribution(struct facts *f) {
    if (!facts_wanted(f, "distribution*|os_family")) {
        return;
    }
    const char *path = access("/etc/os-release", R_OK) == 0 ? "/etc/os-release" : "/usr/lib/os-release";
    struct str text = facts_file(f, path);
    struct str id = facts_key(text, "ID");
    struct str name = name_of(id, facts_key(text, "NAME"));
    struct str version = exact_version(f, id, facts_key(text, "VERSION_ID"));
    struct str codename = facts_key(text, "VERSION_CODENAME");
    if (!text.s) {
        facts_set_z(f, "distribution", "Linux");
        facts_set_z(f, "distribution_version", "NA");
        facts_set_z(f, "distribution_release", "NA");
        facts_set_z(f, "os_family", "Linux");
        return;
    }
    const char *family = family_of(name);
    size_t dot = str_find_char(version, 0, '.');
    facts_set(f, "distribution", val_str(f->a, name));
    facts_set(f, "distribution_version", val_str(f->a, version.n ? version : STR_LIT("NA")));
    facts_set(f, "distribution_release", val_str(f->a, codename.n ? codename : STR_LIT("NA")));
    facts_set(f, "distribution_major_version", val_str(f->a, str_sub(version, 0, dot)));
    if (dot != SIZE_MAX && str_eqz(id, "debian")) {
        facts_set(f, "distribution_minor_version", val_str(f->a, str_sub(version, dot + 1, version.n)));
    }
    facts_set_z(f, "distribution_file_path", str_eqz(id, "alpine") ? "/etc/alpine-release" : path);
    facts_set(f, "distribution_file_variety", val_str(f->a, family ? str_from(family) : name));
    facts_set(f, "distribution_file_parsed", val_bool(true));
    facts_set(f, "os_family", val_str(f->a, family ? str_from(family) : name));
}
