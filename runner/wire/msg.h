// Values as bytes on the wire: a compact tagged encoding, with caps on depth and size. Data from the peer is hostile.
//
// One byte of tag (its high bit: VAL_SECRET), then: integers as zigzag varint, floats as 8 bytes, strings as varint
// length and bytes, lists, tuples and dicts as varint count and their items (key and value in turn).
//
// The dicts that travel (every key is optional unless it is said to be always there; unknown keys are ignored):
//   HELLO    version int (WIRE_VERSION), pid int, uid int, user str, home str, system str, machine str, hostname str:
//            always all of them.
//   REQUEST  module str, args dict: always. check, diff, no_log, log (send FRAME_LOG), sink (FRAME_DATA is taken) bool,
//            default false;
//            diff_max int: larger contents are not shown in a diff; verbosity int; invocation bool: the arguments are
//            in the result whatever the verbosity; env dict of str: added to the environment of the module and its
//            children; lane int: requests of one lane run in order, lanes run at the same time; guarded bool: run only
//            when no request before it in its lane has failed; else it is answered with {failed: true,
//            _ansible_dropped: true}; timeout_ms int: the remote stops the module itself after that time (play waits a
//            little longer); script str: the hex SHA-256 of the Lua source sent before in a FRAME_SCRIPT, which is the
//            module. async int: run in the background for at most that many seconds; the answer comes at once, the
//            module's result goes to a file in async_dir str (default ~/.ansible_async); validate bool: args are as a
//            user wrote them and the remote checks them itself (tests), default false; There is no cwd: a module starts
//            in the login directory of its user.
//   RESULT   the module's result as registered: changed, failed, msg, ...
// Content that args refer to by its hex SHA-256 was sent in FRAME_BLOBs before the request on the same connection.
#pragma once
#include "val.h"

#define MSG_MAX_DEPTH  200
#define MSG_MAX_VALUES ((size_t)2 << 20)  // values in one message, keys included

/// Appends `v`. Marks and flags are not sent except VAL_SECRET. Objects go as obj_type.json; an object without it and
/// dict keys that are not scalars go as their text. Any thread.
void msg_encode(struct buf *out, struct val v);
/// Decodes all of `in` into `a`; untrusted. ERR_SYNTAX / ERR_LIMIT when malformed, too deep or too large.
/// Memory taken is bounded by the length of `in` and MSG_MAX_VALUES, whatever the counts in it say.
bool msg_decode(struct arena *a, struct str in, struct val *out, struct err *e);
