// What play sent ahead of its requests: file contents and Lua modules, kept by their SHA-256 until the connection ends.
#pragma once
#include "buf.h"
#include "digest.h"
#include "err.h"

#define STORE_MEMORY  ((size_t)8 << 20)  // contents in memory; beyond it they go to an unlinked file
#define STORE_BUCKETS 256
#define STORE_DISK    ((uint64_t)16 << 30)
#define SCRIPT_MAX    ((size_t)1 << 20)   // one Lua module
#define SCRIPTS_TOTAL ((size_t)32 << 20)  // all of them

struct store_extent {
    uint64_t at, len;
};
/// A file that a content is to replace, and where its pieces lie.
struct store_basis {
    int fd;
    size_t n;
    struct store_extent *pieces;  // one behind the other
};
struct store_blob {
    struct store_blob *next;
    unsigned char sha[32];
    struct store_basis *basis;  // it comes as a recipe for this; NULL: it does not
    bool torn, retry;           // the recipe failed; it was asked for as a whole since
    struct digest *digest;      // NULL: complete
    bool good;                  // complete and its digest is the one it was announced with
    struct buf mem;             // heap; empty once it went to the file
    struct str lent;            // see store_lend
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
    const char *dir;                          // 0700, for the file; made when first needed
    struct store_blob *blobs[STORE_BUCKETS];  // by the first byte of their digest
    struct store_script *scripts;
    size_t memory, script_bytes;
    uint64_t disk;
    int fd;       // the unlinked file; -1: none yet
    size_t lent;  // contents that are not its own
    size_t news;  // how many messages it took: a copy that counts fewer lacks something
};

void store_init(struct store *s, const char *dir);
void store_release(struct store *s);
/// Takes the body of one FRAME_BLOB. ERR_SYNTAX, ERR_LIMIT, ERR_SYS; content that fails its digest is dropped.
bool store_blob(struct store *s, struct str body, struct err *e);
enum store_state { STORE_MISSING, STORE_COMING, STORE_WHOLE, STORE_DAMAGED };
/// How far content is.
enum store_state store_state(const struct store *s, const unsigned char sha[32]);
/// Adds content that lies in memory already, `data` being borrowed until store_take_back. For a child, in its copy.
void store_lend(struct store *s, const unsigned char sha[32], struct str data);
/// Forgets everything that was lent.
void store_take_back(struct store *s);
/// Opens the file of a basis (basis.h) for its content, which is now expected as a FRAME_RECIPE; the body of the
/// FRAME_PIECES that asks for it goes to `ask`. false: it cannot be, or is coming already.
bool store_expect(struct store *s, struct str basis, struct buf *ask);
/// True when content comes as a recipe.
bool store_expects(const struct store *s, const unsigned char sha[32]);
/// Takes the body of one FRAME_RECIPE. ERR_SYNTAX, ERR_LIMIT, ERR_SYS.
bool store_recipe(struct store *s, struct str body, struct err *e);
/// True, once, for content that a recipe did not make (the file was changed meanwhile): it is to be sent as it is.
bool store_retry(struct store *s, const unsigned char sha[32]);
/// Takes the body of one FRAME_SCRIPT.
bool store_script(struct store *s, struct str body, struct err *e);
/// A hex SHA-256 as 32 bytes; false for another text.
bool store_digest(struct str hex, unsigned char sha[32]);
/// Complete content by its hex SHA-256: borrowed, mapped from the file when it lies there. ERR_NOT_FOUND.
bool store_find_blob(struct store *s, struct str sha256, struct arena *a, struct str *data, struct err *e);
const struct store_script *store_find_script(const struct store *s, struct str sha256);
