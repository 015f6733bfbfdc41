// Making, changing and removing a user with the tools of the target: the shadow utilities, libuser (local) or busybox.
#pragma once
#include "accounts.h"

/// What the module `user` found to be different.
struct user_change {
    bool uid, group, groups, comment, home, shell, expires, lock, unlock, password;
    gid_t gid;            // for `group`
    struct val add, del;  // names of groups to enter and to leave
    struct val all;       // names of all groups, for a tool that sets them at once
};
/// Output of the tools that were run.
struct user_output {
    struct buf out, err;
};
/// The argument `expires` as a day since 1970; negative: never.
int64_t user_expires_day(struct mod_call *c);
/// Creates the user of the call, with its groups and password, but not its key. Fails the module with rc and the tool's
/// message.
bool user_create(struct mod_call *c, struct val groups, struct user_output *o, struct err *e);
bool user_modify(struct mod_call *c, const struct account *now, const struct user_change *ch, struct user_output *o,
                 struct err *e);
bool user_remove(struct mod_call *c, struct user_output *o, struct err *e);
/// Sets the ageing fields that were asked for and differ. `*differs` tells whether any does; `apply`: change them.
bool user_ageing(struct mod_call *c, const struct account *now, bool apply, bool *differs, struct err *e);
/// Makes the home directory as create_home, skeleton and umask say; `fresh`: of a user who was just made.
bool user_make_home(struct mod_call *c, const char *path, const struct account *u, bool fresh, struct err *e);
