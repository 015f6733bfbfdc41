// What apt offers: versions of packages, and who provides a name.
#pragma once
#include "dpkg.h"
#include "map.h"
#include "module.h"

struct apt_names {
    const char **p;
    size_t n, cap;
};
struct apt_offer {
    struct str candidate;  // "(none)" when there is no version to install
    struct {
        struct str *p;
        size_t n, cap;
    } versions;  // newest first; none: only a name, which other packages provide
};
struct apt_want {
    struct str name, version;  // version: pattern, or empty
    bool at_least;             // "name>=version"
};

/// "name", "name=pattern" or "name>=version".
struct apt_want apt_split(struct str word);
/// Whether a version is one that is wanted.
bool apt_version_matches(struct mod_call *c, struct str have, const struct apt_want *w);
/// Asks apt-cache for all `names` in one call: name -> struct apt_offer, as long as apt knows the name.
bool apt_offers(struct mod_call *c, const struct apt_names *names, struct map *out, struct err *e);
/// The newest version on offer that fits, NONE when none does or `o` is NULL.
struct str apt_best(struct mod_call *c, const struct apt_offer *o, const struct apt_want *w);
/// How many packages have `name` among what their version on offer provides, and the last one's name.
bool apt_providers(struct mod_call *c, struct str name, size_t *count, struct str *last, struct err *e);
