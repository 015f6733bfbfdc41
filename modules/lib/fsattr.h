// Owner, group, mode, SELinux context and chattr flags of a path: read from the arguments, compared, applied.
#pragma once
#include "module.h"

#include <sys/stat.h>

/// What the common file arguments ask for. Everything not asked for stays as it is.
struct fsattr {
    bool has_mode, has_uid, has_gid;
    mode_t mode;          // when `symbolic` is empty
    struct str symbolic;  // "u=rwX,g-w"
    uid_t uid;
    gid_t gid;
    struct str context[4];  // user, role, type, level; STR_NONE: not asked for
    struct str attributes;  // as chattr takes them
    struct str unknown;     // check mode: the user or group that does not exist yet; fails where there is a file
};
/// Reads owner, group, mode ... of the call; `mode_arg` names the mode argument ("mode", "directory_mode").
/// Errors: unknown user or group, malformed mode.
bool fsattr_read(struct mod_call *c, const char *mode_arg, struct fsattr *f, struct err *e);
/// The mode a file of mode `now` gets; `dir` decides what X means. ERR_ARGS for a malformed symbolic mode.
bool fsattr_mode(const struct fsattr *f, mode_t now, bool dir, mode_t *out, struct err *e);
/// What differs at `path` (`st` is its lstat, or what a new file will have): fills `before` and `after` (dicts) as
/// Ansible's diff and tells whether anything does. Reads only.
bool fsattr_differs(struct mod_call *c, const struct fsattr *f, const char *path, const struct stat *st,
                    struct val before, struct val after, bool *differs, struct err *e);
/// Makes it so, never through a symbolic link at the end of `path`.
bool fsattr_apply(struct mod_call *c, const struct fsattr *f, const char *path, struct err *e);
/// The same for `name` below the open directory `dir`; `path` is what messages show.
bool fsattr_apply_at(struct mod_call *c, const struct fsattr *f, int dir, const char *name, const char *path,
                     struct err *e);
/// The same for an open file that is not in place yet (mode and owner only).
bool fsattr_apply_fd(const struct fsattr *f, int fd, struct err *e);
/// Adds uid, gid, owner, group, mode, state, size of `path` to the result, as Ansible does for path and dest; nothing
/// when it does not exist or is a link to nothing.
void fsattr_info(struct mod_call *c, const char *path);
/// "0644".
struct val fsattr_mode_text(struct arena *a, mode_t mode);
/// "file", "directory", "link", "hard" or "absent", as Ansible's get_state. `follow`: of what a link points to.
const char *fsattr_state(const char *path, bool follow);
/// What `path` leads to, all links resolved; parts that do not exist are kept (Python's os.path.realpath). In `a`.
const char *fsattr_realpath(struct arena *a, const char *path);
/// Owner, group and mode that a file or directory newly made at `path` gets.
struct stat fsattr_fresh(const char *path, bool dir);
/// The inode flags that chattr knows, and the inode's version (may be NULL); false when the file system has none.
bool fsattr_flags(const char *path, bool follow, unsigned *flags, long *version);
/// Their letters as lsattr shows them; their names are added to the list `names` unless it is VAL_UNDEF.
struct str fsattr_flags_text(struct arena *a, unsigned flags, struct val names);
