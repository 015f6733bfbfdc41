// What each keyword of ssh_config means here.
#pragma once
#include "sshconf.h"

struct ssh_opt;
/// The row of a keyword, in any case; NULL: there is none.
const struct ssh_opt *sshopt_find(const char *name);
/// ERR_SYNTAX for a keyword that is none, with the one that was meant. Always false.
bool sshopt_unknown(const char *name, struct err *e);
/// The rest of the line is its value, as it stands.
bool sshopt_whole(const struct ssh_opt *o);
/// It takes any number of words.
bool sshopt_many(const struct ssh_opt *o);
/// Why somebody may miss what this says, since it has no effect; NULL: nobody will.
const char *sshopt_told(const struct ssh_opt *o, const char *value);
/// Applies one option; the first value wins. ERR_SYNTAX naming the option and its value.
bool sshopt_set(struct ssh_conf *c, const struct ssh_opt *o, const char *value, struct err *e);
