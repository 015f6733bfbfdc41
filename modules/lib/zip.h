// A ZIP archive written into memory, stored without compression: what Python imports from.
#pragma once
#include "buf.h"

struct zip {
    struct buf data, directory;
    struct arena *a;
    unsigned entries;
};
void zip_start(struct zip *z, struct arena *a);
/// Adds a file. `name` is a relative path with slashes, below 64 KiB; a file has less than 4 GiB.
void zip_add(struct zip *z, struct str name, struct str data);
/// The whole archive. Borrowed: it lives as long as the arena.
struct str zip_finish(struct zip *z);
