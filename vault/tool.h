// What the verbs of the `vault` tool share: the command line as read, messages, passwords, files. One file a verb.
#pragma once
#include "buf.h"
#include "config.h"
#include "fd.h"
#include "keys.h"
#include "vault.h"

// As ansible-vault's.
enum { EXIT_OK = 0, EXIT_ERROR = 1, EXIT_USAGE = 2, EXIT_OPTIONS = 5 };
enum { FILE_CAP = 256 << 20 };

struct texts {
    const char **p;
    size_t n, cap;
};
struct tool {
    struct arena *a;  // wiped at the end: it holds plaintexts
    struct err *e;
    struct vault_ring *ring;
    struct age_keys *keys;
    struct vault_config config;
    struct texts files, ids, password_files, names, recipients;
    const char *output, *encrypt_id, *stdin_name, *new_id, *new_file;
    bool ask, prompt, show_input, force, recursive, ignore_case, list, armor, same_salt;
    bool unlocked, as_ansible;  // as_ansible: called by that tool's name
};

/// Prints the failure as "vault: ABOUT: message" and its hint. `about` may be NULL. Returns EXIT_ERROR.
int tool_complain(const struct err *e, const char *about);
/// Prints "vault: text 'name'" and returns `code`. `name` may be NULL.
int tool_refuse(int code, const char *text, const char *name);
/// Progress for people: nothing when standard output is not a terminal.
void tool_tell(const char *text);
void tool_add(struct tool *t, struct texts *to, const char *text);

/// Applies the settings that are not about where passwords come from. False: one of them is not yes or no.
bool tool_policy(struct tool *t);
/// Fills the ring from configuration, options and prompts, once. `encrypts`: prompts ask twice.
bool tool_unlock(struct tool *t, bool encrypts);
/// As tool_unlock, for the password that `rekey` is going to use, into `ring`.
bool tool_unlock_new(struct tool *t, struct vault_ring *ring);
/// Which password encrypts must be clear when there are several: EXIT_OK or EXIT_OPTIONS, told.
int tool_choose_id(struct tool *t);

bool tool_is_std(const char *name);
/// Reads a file, or standard input for "-".
bool tool_read(struct tool *t, const char *name, struct str *text);
/// Replaces or creates `name` in one step ("-": standard output). Symbolic links are followed, so that the link stays.
/// `allow` are the bits of an existing file's mode that are kept; a new file is for its owner only.
bool tool_write(struct tool *t, const char *name, struct str text, unsigned allow);
/// Decrypts an Ansible-Vault or age file; passwords are read when the first one needs them.
bool tool_open(struct tool *t, struct str in, struct str *out);
/// What people and git read: whole files decrypted, values in YAML shown as the editor gets them but without their
/// numbers; text that holds no vault data as it is.
bool tool_readable(struct tool *t, struct str in, struct str *out);

/// Opens an age file with --identity files, or the keys at their usual places.
bool tool_age_open(struct tool *t, struct str in, struct age_file *f, struct str *plain);
/// A new file for the --recipient options (a key, or a file of keys).
bool tool_age_recipients(struct tool *t, struct age_file *f);

/// A child's end: its exit status, or 128 + signal.
int tool_wait(int pid);

int verb_view(struct tool *t);
int verb_encrypt(struct tool *t);
int verb_decrypt(struct tool *t);
int verb_encrypt_string(struct tool *t);
int verb_edit(struct tool *t);
int verb_create(struct tool *t);
int verb_rekey(struct tool *t);
int verb_diff(struct tool *t);
int verb_textconv(struct tool *t);
int verb_merge(struct tool *t);
int verb_git_setup(struct tool *t);
int verb_check(struct tool *t);
int verb_grep(struct tool *t);
int verb_recipients(struct tool *t);
/// Removes the scratch directory in files[0] when standard input ends: it outlives a killed editor session.
int verb_sweep(struct tool *t);
