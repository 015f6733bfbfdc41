// What is installed on a Debian system, read from dpkg's status file without starting a program.
#pragma once
#include "map.h"
#include "module.h"

struct dpkg_package {
    struct str name, arch, version, section;
    bool installed, held;
};
struct dpkg {
    struct map by_name;   // "name" (native or first) and "name:arch" -> struct dpkg_package *
    struct str native;    // the system's architecture
    struct map provides;  // virtual name -> struct dpkg_package *, only of installed packages
};
/// Reads /var/lib/dpkg/status. ERR_SYS.
bool dpkg_load(struct arena *a, struct dpkg *d, struct err *e);
/// An installed package of this name ("name" or "name:arch"), or NULL.
const struct dpkg_package *dpkg_installed(const struct dpkg *d, struct str name);
/// Debian's version order: <0, 0, >0.
int dpkg_compare(struct str a, struct str b);
