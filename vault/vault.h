// Ansible-Vault envelopes 1.1 and 1.2: PBKDF2-HMAC-SHA256, AES-256-CTR, HMAC-SHA256 (libcrypto). No I/O except the key
// sources.
#pragma once
#include "buf.h"
#include "err.h"

/// A ring of vault ids and passwords, with a cache of derived keys per (password, salt). Thread-safe.
struct vault_ring;
struct vault_ring *vault_ring_new(void);
void vault_ring_free(struct vault_ring *r);  // wipes
/// Adds a password under `id` ("default" when none was named). The text is copied to locked memory.
void vault_ring_add(struct vault_ring *r, const char *id, struct str password);
/// Reads `spec` as ansible's --vault-id: [label@]source, source a file, an executable (run; `-client` scripts get
/// --vault-id label) or "prompt"/"prompt_ask_vault_pass" (asked on the terminal). A password file that others can read
/// is an error when `strict`. Errors: ERR_NOT_FOUND, ERR_VAULT, ERR_SYS; the password is never in a message.
bool vault_ring_source(struct vault_ring *r, const char *spec, bool strict, struct err *e);
/// The same for a password that is going to encrypt: prompts ask twice and the two answers must agree.
bool vault_ring_source_new(struct vault_ring *r, const char *spec, bool strict, struct err *e);
/// The settings vault_identity, vault_id_match and vault_encrypt_salt. NULL or empty: "default", random salts.
struct vault_policy {
    const char *label;  // of sources that name none
    const char *salt;   // of everything that is encrypted: makes it reproducible, and weaker
    bool match;         // only passwords with the label of an envelope are tried on it
};
void vault_ring_policy(struct vault_ring *r, const struct vault_policy *p);
bool vault_ring_empty(const struct vault_ring *r);
/// Number of passwords, and the id of password i (borrowed from the ring).
size_t vault_ring_len(const struct vault_ring *r);
const char *vault_ring_id(const struct vault_ring *r, size_t i);

/// True when the text starts with "$ANSIBLE_VAULT;".
bool vault_is(struct str text);
/// Decrypts. Tries the id of the label first, then every other in order. Plaintext in `a`.
/// Errors: ERR_VAULT, each cause with its own message: no password given, wrong password, damaged hex, truncated,
/// unknown version or cipher; `at` is where the envelope stands.
bool vault_open(struct vault_ring *r, struct str envelope, struct mark at, struct arena *a, struct str *plain,
                struct err *e);
/// False with the cause when the text is no whole envelope: what can be seen without a password. Errors: ERR_VAULT.
bool vault_is_whole(struct str envelope, struct mark at, struct err *e);
/// The label in the header of an envelope ("default" when it has none). In `a`.
const char *vault_label(struct str text, struct arena *a);
/// The salt of an envelope; empty when it is damaged. In `a`.
struct str vault_salt(struct str text, struct arena *a);
/// As vault_open, and says which password fitted: its id, borrowed from the ring.
bool vault_open_id(struct vault_ring *r, struct str envelope, struct mark at, struct arena *a, struct str *plain,
                   const char **id, struct err *e);
/// Derives the keys of many envelopes at once, on all processors: opening them is fast afterwards. Damaged ones, and
/// those that no password opens, are left to vault_open to complain about.
void vault_warm(struct vault_ring *r, const struct str *envelopes, size_t n);
/// Fills `salts` with `n` fresh random salts whose keys are derived at once, for vault_seal_with. `id` as there.
bool vault_salts(struct vault_ring *r, const char *id, size_t n, struct arena *a, struct str *salts, struct err *e);
/// Encrypts with the first password of `id` (NULL: the first of all). `id` other than "default" gives format 1.2.
bool vault_seal(struct vault_ring *r, const char *id, struct str plain, struct arena *a, struct str *envelope,
                struct err *e);
struct vault_seal_opts {
    const char *id;     // NULL: the first password of all; a pointer of the ring: exactly that one
    const char *label;  // what the header says; NULL: the id
    struct str salt;    // n == 0: random; a fixed one makes the envelope reproducible
};
/// As vault_seal, with options.
bool vault_seal_with(struct vault_ring *r, const struct vault_seal_opts *o, struct str plain, struct arena *a,
                     struct str *envelope, struct err *e);
/// Reads a line from the terminal without echo; where there is no terminal, from standard input. ERR_NOT_FOUND when
/// that is at its end. Wiped by the caller's arena. Blocks without limit: ask only what the user asked to be asked, or
/// when vault_has_terminal().
bool vault_prompt(const char *prompt, struct arena *a, struct str *out, struct err *e);
bool vault_has_terminal(void);
