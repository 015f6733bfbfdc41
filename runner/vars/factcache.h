// Facts kept between runs: files of JSON as Ansible's jsonfile writes them, or one SQLite database.
#pragma once
#include "val.h"

struct fact_cache;
struct fact_cache_opts {
    struct str plugin;      // "memory" (nothing is kept), "jsonfile", "sqlite"
    struct str connection;  // directory of the files; file of the database, or a directory for it
    struct str prefix;      // before the names of hosts
    int64_t timeout_s;      // older entries do not count; 0: none is too old
};
/// Opens the cache; *out is NULL for "memory". ERR_ARGS for another plugin or a missing connection; ERR_SYS.
bool fact_cache_open(const struct fact_cache_opts *o, struct arena *a, struct fact_cache **out, struct err *e);
void fact_cache_close(struct fact_cache *c);
/// The facts of a host as the module returned them, in `a`, never trusted; VAL_UNDEF when there are none.
/// ERR_SYNTAX or ERR_SYS for an entry that cannot be read.
bool fact_cache_get(struct fact_cache *c, struct str host, struct arena *a, struct val *out, struct err *e);
/// Replaces the facts of a host. ERR_SYS.
bool fact_cache_put(struct fact_cache *c, struct str host, struct val facts, struct err *e);
bool fact_cache_forget(struct fact_cache *c, struct str host, struct err *e);
