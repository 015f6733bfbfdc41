// A text file that a module edits: found, read, compared and put back, as blockinfile and replace do it.
#pragma once
#include "replace.h"

struct textfile {
    const char *path;  // as given
    const char *real;  // where a link leads
    struct str old, now;
    bool found;
    struct fsattr attr;
};
/// Reads the argument `path` and its content. A directory fails the module with rc 256. `now` starts as `old`.
bool textfile_open(struct mod_call *c, struct textfile *t, struct err *e);
/// Compares owner, mode and the like; a difference marks the call changed and is added to `msg` (in the result, "msg").
/// `diff`: as an entry of the diff, too.
bool textfile_attributes(struct mod_call *c, struct textfile *t, struct str msg, bool diff, struct err *e);
/// The diff as lineinfile and blockinfile have it, after textfile_attributes: always there, and a pair of content
/// (empty unless it is to be shown) and attributes.
void textfile_diff(struct mod_call *c, const struct textfile *t);
/// Puts `now` in place, after the backup and the validation that were asked for; sets backup_file. Missing directories
/// above the file are made.
bool textfile_write(struct mod_call *c, struct textfile *t, struct err *e);
