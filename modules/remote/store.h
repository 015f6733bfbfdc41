// What play sent ahead of its requests: file contents and Lua modules, kept by their SHA-256 until the connection ends.
#pragma once
#include "buf.h"
#include "digest.h"
#include "err.h"

#define STORE_MEMORY  ((size_t)8 << 20)  // contents in memory; beyond it they go to an unlinked file
#define STORE_DISK    ((uint64_t)16 << 30)
#define SCRIPT_MAX    ((size_t)1 << 20)   // one Lua module
#define SCRIPTS_TOTAL ((size_t)32 << 20)  // all of them

struct store_extent {
    uint64_t at, len;
};
struct store_blob {
    struct store_blob *next;
    unsigned char sha[32];
    struct digest *digest;  // NULL: complete
    bool good;              // complete and its digest is the one it was announced with
    struct buf mem;         // heap; empty once it went to the file
    uint64_t len;
    struct {
        struct store_extent *p;
        size_t n, cap;
    } extents;
};
struct store_script {
    struct store_script *next;
    const char *name;
    const char *sha256;
    struct str source;
};
struct store {
    struct arena arena;
    const char *dir;  // 0700, for the file; made when first needed
    struct store_blob *blobs;
    struct store_script *scripts;
    size_t memory, script_bytes;
    uint64_t disk;
    int fd;  // the unlinked file; -1: none yet
};

void store_init(struct store *s, const char *dir);
void store_release(struct store *s);
/// Takes the body of one FRAME_BLOB. ERR_SYNTAX, ERR_LIMIT, ERR_SYS; content that fails its digest is dropped.
bool store_blob(struct store *s, struct str body, struct err *e);
/// Takes the body of one FRAME_SCRIPT.
bool store_script(struct store *s, struct str body, struct err *e);
/// Complete content by its hex SHA-256: borrowed, mapped from the file when it lies there. ERR_NOT_FOUND.
bool store_find_blob(struct store *s, struct str sha256, struct arena *a, struct str *data, struct err *e);
const struct store_script *store_find_script(const struct store *s, struct str sha256);
