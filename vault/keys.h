// The identities of a person, which open age files: those named, else the keys at their usual places.
#pragma once
#include "agefile.h"

struct age_keys;
struct age_keys *age_keys_new(void);
/// Wipes what was read. NULL is nothing.
void age_keys_free(struct age_keys *k);
/// Names an identity file; it is read when the first age file is opened.
void age_keys_add(struct age_keys *k, const char *path);
/// Opens an age file; plaintext in `a`, `f` (may be NULL) for age_seal_again. A passphrase is asked for once a key, and
/// only for keys that the file is encrypted to. Thread-safe. Errors: as age_open; a named file that cannot be used.
bool age_keys_open(struct age_keys *k, struct str text, struct arena *a, struct age_file *f, struct str *plain,
                   struct err *e);
