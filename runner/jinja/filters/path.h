// Python's os.path on text, shared by filters, tests and lookups.
#pragma once
#include "str.h"

struct str path_base(struct str p);
struct str path_dir(struct str p);
/// Two paths joined: an absolute `b` wins.
struct str path_join2(struct arena *a, struct str p, struct str b);
struct str path_norm(struct arena *a, struct str p);
/// Absolute and normal, against the working directory.
struct str path_abs(struct arena *a, struct str p);
/// Follows links as far as the path exists (os.path.realpath, not strict).
struct str path_real(struct arena *a, struct str p);
/// "~" and "~user"; unchanged when there is no such user.
struct str path_user(struct arena *a, struct str p);
