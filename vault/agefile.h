// age files (age-encryption.org/v1, binary or armored): header, MAC and payload; and what the verbs need of them.
#pragma once
#include "age.h"
#include "tool.h"

struct age_file {
    unsigned char file_key[AGE_FILE_KEY];
    struct str header;  // up to and including "---"
    bool armored;
    struct age_recipients to;  // those the header names: only files of this program name them
    size_t stanzas;            // that wrap the file key
};

/// True when the text starts as an age file does.
bool age_is(struct str text);
/// Opens with the first identity that fits; `passphrase` (may be NULL) is asked when the file needs one.
/// Errors: ERR_VAULT, each cause with its own message: no identity fits, damaged header, changed, cut off.
bool age_open(struct str text, const struct age_identities *ids,
              bool (*passphrase)(struct arena *a, struct str *out, struct err *e), struct arena *a, struct age_file *f,
              struct str *plain, struct err *e);
/// A new file key and header for f->to.
bool age_new(struct age_file *f, struct arena *a, struct err *e);
/// Adds a recipient to an opened file; the file key stays.
bool age_add(struct age_file *f, const struct age_recipient *r, struct arena *a, struct err *e);
/// A file with f's header and a fresh payload nonce.
void age_seal_again(const struct age_file *f, struct str plain, struct arena *a, struct str *out);

/// Opens with --identity files, or $XDG_CONFIG_HOME/vault/identities (~/.config/...) and ~/.ssh/id_ed25519.
bool tool_age_open(struct tool *t, struct str in, struct age_file *f, struct str *plain);
/// A new file for the --recipient options (a key, or a file of keys).
bool tool_age_recipients(struct tool *t, struct age_file *f);
