// Personal package archives of Launchpad, which people name ppa:OWNER/NAME.
#pragma once
#include "module.h"

struct ppa {
    const char *owner, *name;
    struct str line;  // the entry of sources.list it stands for
};
/// Reads "ppa:OWNER/NAME" or "ppa:OWNER". The release is the argument `codename`, or that of the target's os-release.
/// ERR_MODULE when the text is no such name or no release is known.
bool ppa_read(struct mod_call *c, struct str text, struct ppa *out, struct err *e);
/// Asks Launchpad for the fingerprint of the archive's key: 40 hexadecimal digits in the call's arena. ERR_MODULE.
bool ppa_fingerprint(struct mod_call *c, const struct ppa *p, struct str *out, struct err *e);
/// Makes apt trust this key, which a key server gives: by apt-key, and without that program as a file of
/// trusted.gpg.d. ERR_MODULE.
bool ppa_trust(struct mod_call *c, const struct ppa *p, struct str fingerprint, struct err *e);
