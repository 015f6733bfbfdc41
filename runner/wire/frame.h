// Length-framed messages between play and play-remote. Pure bytes: no I/O, shared by both ends.
#pragma once
#include "buf.h"
#include "err.h"

#define FRAME_MAX ((size_t)64 << 20)  // one frame; larger content travels as several FRAME_BLOB
#define WIRE_VERSION 1

enum frame_kind {
    FRAME_HELLO = 1,    // remote -> play: dict {version, pid, uid, home, uname ...}
    FRAME_REQUEST = 2,  // play -> remote: dict {module, args, check, diff, ...} (msg.h)
    FRAME_RESULT = 3,   // remote -> play: dict, the module's result
    FRAME_BLOB = 4,     // play -> remote: 32 raw bytes SHA-256 of the content, 1 byte flags (1 = last part), data
    FRAME_SCRIPT = 5,   // play -> remote: Lua source: name NUL source
    FRAME_CANCEL = 6,   // play -> remote: stop request `id`
    FRAME_LOG = 7,      // remote -> play: live output of request `id`
    FRAME_PING = 8,     // either way; answered with the same id
    FRAME_BYE = 9,      // play -> remote: finish
};
struct frame {
    uint8_t kind;
    uint32_t id;
    struct str body;  // borrowed from the reader's buffer
};

void frame_write(struct buf *out, enum frame_kind kind, uint32_t id, struct str body);
/// Takes one frame from the front of `in` (a byte stream): 1 and *f (valid until the buffer changes; *used bytes to
/// consume), 0 when more bytes are needed, -1 for a malformed or oversized frame (ERR_SYNTAX).
int frame_read(struct str in, struct frame *f, size_t *used, struct err *e);
