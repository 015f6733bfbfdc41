// age files (age-encryption.org/v1, binary or armored): header, MAC and payload.
#pragma once
#include "age.h"

struct age_file {
    unsigned char file_key[AGE_FILE_KEY];
    struct str header;  // up to and including "---"
    bool armored;
    struct age_recipients to;  // those the header names: only files of this program name them
    size_t stanzas;            // that wrap the file key
};

/// True when the text starts as an age file does.
bool age_is(struct str text);
/// Asks a question; the answer is in `a`, which is a secret arena. vault_prompt is one.
typedef bool age_ask(const char *prompt, struct arena *a, struct str *out, struct err *e);
/// Opens with the first identity that fits. `ask` (may be NULL) is asked for the passphrase of the file, or of a key
/// the file is encrypted to, which then stays unlocked in `ids`. `a` is a secret arena that lives as long as `ids`.
/// Errors: ERR_VAULT, each cause with its own message: no identity fits, wrong passphrase, damaged header, changed, cut
/// off.
bool age_open(struct str text, struct age_identities *ids, age_ask *ask, struct arena *a, struct age_file *f,
              struct str *plain, struct err *e);
/// A new file key and header for f->to.
bool age_new(struct age_file *f, struct arena *a, struct err *e);
/// Adds a recipient to an opened file; the file key stays.
bool age_add(struct age_file *f, const struct age_recipient *r, struct arena *a, struct err *e);
/// A file with f's header and a fresh payload nonce.
void age_seal_again(const struct age_file *f, struct str plain, struct arena *a, struct str *out);
