// Inline `!vault |` values inside the text of a YAML file: found by layout, so that everything else keeps its bytes.
#pragma once
#include "buf.h"
#include "err.h"
#include "vault.h"

struct yv_value {
    size_t start, end;  // from the `!` of the tag to the end of the block's last line, its newline left out
    size_t header;      // end of the line with the tag, without its newline
    int outer, inner;   // indent of the line with the tag, and of the block
    uint32_t line;      // 1-based
    struct str envelope;
    struct str plain;
    const char *id;  // which password opened it; borrowed from the ring
};
struct yv_doc {
    struct str text;
    struct yv_value *p;
    size_t n, cap;
    uint32_t other;  // line of the first vault data in another form, such as a quoted text; 0: none
};

/// Finds every `!vault |` block that holds an envelope. Values in `a`.
void yv_scan(struct str text, struct arena *a, struct yv_doc *d);
/// Opens all values, their keys derived together. Errors: those of vault_open, with the line in words.
bool yv_open(struct vault_ring *r, struct yv_doc *d, struct arena *a, struct err *e);
/// The text as people edit it: each value as `!decrypted:N "plain"`. Values that are not text stay encrypted.
struct str yv_show(const struct yv_doc *d, struct arena *a);
struct yv_save {
    const struct yv_doc *old;
    struct vault_ring *ring;
    const char *id;      // for values without a number; NULL: the only password there is
    struct str salt;     // as in vault_seal_opts
    bool force;          // lets a value that was encrypted stand in the clear
    size_t kept, fresh;  // counts, filled
};
/// The edited text with its values encrypted again; those that did not change keep their envelope byte for byte.
/// Errors: ERR_SYNTAX with the line in words, ERR_VAULT.
bool yv_hide(struct yv_save *s, struct str shown, struct arena *a, struct str *out, struct err *e);
/// The text with every envelope replaced by what `seal` makes of its plaintext. For rekey.
bool yv_reseal(const struct yv_doc *d, struct vault_ring *r, const struct vault_seal_opts *o, struct arena *a,
               struct str *out, struct err *e);
/// False with the place in words when `text` is not YAML; vaulted values are taken as they are.
bool yv_parses(struct str text, struct err *e);
/// True when `text` is YAML and a mapping or list.
bool yv_is_yaml(struct str text);
