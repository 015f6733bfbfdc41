// Putting new content in place: temp file in the same directory, attributes kept, fsync, rename.
#pragma once
#include "fsattr.h"

struct replace {
    const char *path;  // where it goes; a symbolic link there is replaced, not followed
    struct str data;
    const char *source;         // a file whose content it gets instead of `data`; NULL: none
    const struct fsattr *attr;  // set before the file appears; NULL: none
    const char *validate;       // command with %s, run on the new file first; NULL: none
    bool unsafe_writes;         // write in place when the file cannot be replaced (a bind mount)
    mode_t new_mode;            // of a file that did not exist, before attr; 0: 0666 without the umask
};
/// On failure the old file is as it was and nothing is left beside it. Errors: ERR_MODULE when the validation fails.
bool replace_file(struct mod_call *c, const struct replace *r, struct err *e);
/// Copies `path` to a backup as Ansible names them, beside `shown` and after its name (a link to `path`, or `path`
/// itself); its name in *name. Attributes are kept. Refuses links as replace_old does.
bool replace_backup(struct mod_call *c, const char *path, const char *shown, struct str *name, struct err *e);
/// Reads a file of the target for comparing, capped at 512 MiB. A missing file gives *found = false.
bool replace_read(struct mod_call *c, const char *path, struct str *data, bool *found, struct err *e);
/// The same for what is going to be replaced: refuses a link that another user may have planted, also when he puts it
/// there meanwhile, since he would find in the new file what he may not see.
bool replace_old(struct mod_call *c, const char *path, struct str *data, bool *found, struct err *e);
/// The same for looking only: a large file is mapped, so *data is good until somebody changes the file in place.
bool replace_view(struct mod_call *c, const char *path, struct str *data, bool *found, struct err *e);
/// The number in a temporary file's name that is tried first.
uint64_t replace_first_name(const char *name);
/// The temporary name beside `path` that is tried first, whatever is there.
char *replace_first_temp(struct arena *a, const char *path);
/// A temporary name beside `path`, for a link or a file that gets it when it is whole: the same each time, and what a
/// killed run left there is removed; another one when somebody uses that.
const char *replace_temp_name(struct arena *a, const char *path);
/// True when the data would be shown as binary (a NUL byte).
bool replace_binary(struct str data);
