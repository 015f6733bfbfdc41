// The few settings of ansible.cfg and the environment that the vault tool needs.
#pragma once
#include "err.h"

struct vault_config {
    const char *password_file;     // vault_password_file: full path, or NULL
    const char *identity_list;     // vault_identity_list: "label@source, ...", or NULL
    const char *encrypt_identity;  // vault_encrypt_identity, or NULL
    const char *identity;          // vault_identity, or NULL
    const char *match;             // vault_id_match as written, or NULL
    const char *salt;              // vault_encrypt_salt, or NULL
    const char *ask;               // ask_vault_pass as written, or NULL
};

/// Reads the environment ($ANSIBLE_VAULT_PASSWORD_FILE and so on), and what it leaves open from section [defaults] of
/// the first of $ANSIBLE_CONFIG, ./ansible.cfg (not in a directory others may write), ~/.ansible.cfg and
/// /etc/ansible/ansible.cfg. Strings live in `a`. Errors: ERR_SYS, ERR_LIMIT for a file that exists and cannot be read.
/// Source: ansible/config/manager.py, find_ini_config_file.
bool vault_config_read(struct arena *a, struct vault_config *c, struct err *e);
