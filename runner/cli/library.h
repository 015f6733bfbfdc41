// What library.c and routing.c share; nothing else includes it.
#pragma once
#include "cli.h"

struct library {
    struct session *x;
    struct arena *a;
    struct map dirs;      // path -> struct words *: names in it
    struct map modules;   // path -> const struct module *
    struct map by_name;   // "name\nrole\nbook" -> struct found_module *
    struct words roles;   // paths of all roles met: their libraries serve everybody
    struct map runtimes;  // path -> struct val *: meta/runtime.yml
    unsigned redirects;   // being followed
    bool core_looked;
    struct val core;  // list of [name, text]; null: not found
};

/// The directory of a collection ("ns.name"), beside the playbook or in the configured places; empty: it is nowhere.
struct str library_collection_dir(struct library *l, struct str coll, struct str book_dir);
/// A module that moved is the one it moved to, *out; NULL when it is still there. What is going away is warned about,
/// what is gone is ERR_ARGS.
bool library_routed(struct library *l, const struct pb_module *m, const struct module **out, struct err *e);
