// User and group names without NSS: the files first, then the target's own `getent`.
#pragma once
#include "err.h"

#include <sys/types.h>

/// A name (or a decimal id) to its id. ERR_NOT_FOUND "no such user".
bool ids_user(struct arena *a, struct str name, uid_t *uid, struct err *e);
bool ids_group(struct arena *a, struct str name, gid_t *gid, struct err *e);
/// An id to its name; the id as text when nobody knows it. In `a`.
struct str ids_user_name(struct arena *a, uid_t uid);
struct str ids_group_name(struct arena *a, gid_t gid);
/// The whole line of a database ("passwd", "group", "shadow") for a key: the file first, then getent. STR_NONE: none.
struct str ids_line(struct arena *a, const char *database, struct str key);
/// Field i of a colon-separated line.
struct str ids_field(struct str line, size_t i);
