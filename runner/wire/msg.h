// Values as bytes on the wire: a compact tagged encoding, with caps on depth and size. Data from the peer is hostile.
#pragma once
#include "val.h"

#define MSG_MAX_DEPTH 200
/// Appends `v`. Marks and flags are not sent except VAL_SECRET. Objects go as obj_type.json.
void msg_encode(struct buf *out, struct val v);
/// Decodes all of `in` into `a`; untrusted. ERR_SYNTAX / ERR_LIMIT when malformed, too deep or too large.
bool msg_decode(struct arena *a, struct str in, struct val *out, struct err *e);
