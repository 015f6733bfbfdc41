// The account database of the target as the modules user and group see it: entries of /etc/passwd, /etc/group and
// /etc/shadow, and changes of single fields where no tool of the system makes them.
#pragma once
#include "words.h"

#include <sys/types.h>

struct account {
    bool found;
    struct str name, comment, home, shell;
    struct str password;  // of the shadow file where there is one; STR_NONE: not readable
    uid_t uid;
    gid_t gid;
    bool has_shadow;
    int64_t min_days, max_days, warn_days, inactive_days, expires_day;  // of the shadow file; -1: not set
};
/// Looks a user up; `local`: in /etc/passwd only. A user that does not exist gives found = false.
void account_user(struct mod_call *c, struct str name, bool local, struct account *out);
/// The line of a group by name (`local`: in /etc/group only), or by number when no group has that name. STR_NONE: none.
struct str account_group(struct mod_call *c, struct str name, bool local);
/// Names of the groups that list the user as a member, in the order of /etc/group. A list of strings.
struct val account_memberships(struct mod_call *c, struct str user);

/// True when the shadow utilities (useradd ...) are there; else busybox' adduser and addgroup are used.
bool account_has_tool(struct mod_call *c, const char *tool);
/// True when the call wants an account gone whose name none can have: it is to be looked up nowhere, and all is well.
bool account_none_to_remove(struct mod_call *c);
/// Refuses a `name` that a tool would read as an option or that would break the line-based files; not where there is
/// none to remove.
bool account_name_ok(struct mod_call *c, const char *what, struct err *e);
/// Fields of one entry to change; STR_NONE: as it is.
struct account_edit {
    const char *file;  // "/etc/passwd"
    struct str name;
    size_t n;
    struct str field[9];
};
/// Replaces fields of an entry: under the lock of the shadow utilities, by a new file that is renamed. Owner, mode and
/// ACL stay. ERR_MODULE when there is no such entry.
bool account_change(struct mod_call *c, const struct account_edit *edit, struct err *e);
/// Sets a crypted password through `chpasswd -e`: it is on no command line.
bool account_set_password(struct mod_call *c, struct str name, struct str crypted, struct run_result *r, struct err *e);
