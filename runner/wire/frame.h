// Length-framed messages between play and play-remote. Pure bytes: no I/O, shared by both ends.
//
// A frame is 9 bytes of header and the body: length of the body (32 bits), kind (8 bits), id (32 bits), big-endian.
// The first frame is the remote's HELLO with id 0.
#pragma once
#include "buf.h"
#include "err.h"

#define FRAME_MAX    ((size_t)64 << 20)  // one frame; larger content travels as several FRAME_BLOB
#define FRAME_HEADER ((size_t)9)
#define WIRE_VERSION 4

// The bodies that are dicts (HELLO, REQUEST, RESULT) are described in msg.h.
enum frame_kind {
    FRAME_HELLO = 1,    // remote -> play: dict {version, pid, uid, home, uname ...}
    FRAME_REQUEST = 2,  // play -> remote: dict {module, args, check, diff, ...} (msg.h)
    FRAME_RESULT = 3,   // remote -> play: dict, the module's result
    FRAME_BLOB = 4,     // play -> remote: 32 raw bytes SHA-256 of the content, 1 byte flags (1 = last part), data
    FRAME_SCRIPT = 5,   // play -> remote: Lua source: name NUL source; kept by the SHA-256 of the source (see REQUEST)
    FRAME_CANCEL = 6,   // play -> remote: stop request `id`; it is still answered with a RESULT
    FRAME_LOG = 7,      // remote -> play: live output of request `id`
    FRAME_PING = 8,     // play -> remote; answered with the same id and body. The remote never starts one
    FRAME_BYE = 9,      // play -> remote: finish
    FRAME_NEED = 10,  // remote -> play: raw SHA-256s, one behind the other: contents of request `id` that are not there
    FRAME_PACKED = 11,  // play -> remote: another frame, compressed: its kind (8 bits), the length of its body (32
                        // bits), zlib's output
    FRAME_PIECES = 12,  // remote -> play: raw SHA-256 of a content of request `id` that is not there, and of the pieces
                        // (pieces.h) of the file that it is to replace, one behind the other
    FRAME_RECIPE = 13,  // play -> remote: 32 raw bytes SHA-256 of the content, 1 byte flags, steps (below)
    FRAME_DATA = 14,    // remote -> play: a piece of what request `id`, which said `sink`, writes on the controller
};
// A step of a recipe: its kind (8 bits), two numbers (32 bits each), and what is new.
#define RECIPE_STEP     ((size_t)9)
#define RECIPE_OLD      0             // the first of the pieces, and how many
#define RECIPE_NEW      1             // how many bytes follow, 0
#define PACK_HEAD       ((size_t)5)   // of what is in a FRAME_PACKED
#define FRAME_BLOB_LAST 1             // flag of the last part of a blob
#define FRAME_BLOB_HEAD ((size_t)33)  // digest and flags

struct frame {
    uint8_t kind;
    uint32_t id;
    struct str body;  // borrowed from the reader's buffer
};

/// Appends one frame. `body` is at most FRAME_MAX bytes (the caller checks; more is a BUG).
void frame_write(struct buf *out, enum frame_kind kind, uint32_t id, struct str body);
/// Takes one frame from the front of `in` (a byte stream): 1 and *f (valid until the buffer changes; *used bytes to
/// consume), 0 when more bytes are needed, -1 for a malformed or oversized frame (ERR_SYNTAX).
int frame_read(struct str in, struct frame *f, size_t *used, struct err *e);
/// A number in network order.
void frame_put32(unsigned char *p, uint32_t v);
uint32_t frame_get32(const unsigned char *p);
/// Appends a frame as frame_write does, as a FRAME_PACKED when that saves an eighth; true when it did. Takes some
/// milliseconds a megabyte.
bool frame_pack(struct buf *out, enum frame_kind kind, uint32_t id, struct str body);
/// Appends `data` as a gzip file. 30 ms a megabyte. false: memory is short, or it is 4 GiB or more.
bool gzip_pack(struct buf *out, struct str data);
/// What is in a FRAME_PACKED, in *out; its body is in `hold`. ERR_SYNTAX for what is damaged, or longer than FRAME_MAX.
bool frame_unpack(const struct frame *in, struct buf *hold, struct frame *out, struct err *e);
