// OpenSSH's ed25519 private keys as age identities. libssh opens those that have a passphrase.
#include "age.h"

#include "digest.h"

#include <libssh/libssh.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { SEED_AND_PUBLIC = 64, CHECKS = 8 };
static const char BEGIN[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
static const char END[] = "-----END OPENSSH PRIVATE KEY-----";

struct openssh {
    struct str cipher, public, private;
};

// The outer layer: cipher, name and options of the key derivation, how many keys, the public key, the private part.
static bool open_layer(struct str text, struct arena *a, struct openssh *k) {
    size_t end = str_find(text, 0, str_from(END));
    struct err ignored = {.arena = a};
    struct str raw;
    struct str derivation;
    if (end == SIZE_MAX || !base64_decode(a, str_sub(text, sizeof BEGIN - 1, end), &raw, &ignored) ||
        !str_starts(raw, "openssh-key-v1")) {
        return false;
    }
    struct str rest = str_sub(raw, sizeof "openssh-key-v1", raw.n);
    if (!age_ssh_str(&rest, &k->cipher) || !age_ssh_str(&rest, &derivation) || !age_ssh_str(&rest, &derivation) ||
        rest.n < 4) {
        return false;
    }
    rest = str_sub(rest, 4, rest.n);
    return age_ssh_str(&rest, &k->public) && age_ssh_str(&rest, &k->private);
}

// The X25519 secret is the first half of the SHA-512 of the seed, as in ed25519 itself.
static bool take_secret(struct str private, struct age_identity *id) {
    unsigned char sum[64];
    struct str type;
    struct str public;
    struct str pair;
    struct str rest = str_sub(private, CHECKS, private.n);
    if (!age_ssh_str(&rest, &type) || !age_ssh_str(&rest, &public) || !age_ssh_str(&rest, &pair) ||
        pair.n != SEED_AND_PUBLIC) {
        return false;
    }
    if (EVP_Digest(pair.s, AGE_KEY, sum, NULL, EVP_sha512(), NULL) != 1) {
        BUG("libcrypto cannot compute SHA-512");
    }
    memcpy(id->secret, sum, AGE_KEY);
    OPENSSL_cleanse(sum, sizeof sum);
    return true;
}

bool age_ssh_identity(struct str text, struct arena *a, struct age_identity *id, struct err *e) {
    struct openssh k;
    struct str type;
    if (!str_starts(text, BEGIN)) {
        return err_set(e, ERR_VAULT, NO_MARK, "the key is no OpenSSH private key");
    }
    if (!open_layer(text, a, &k)) {
        return err_set(e, ERR_VAULT, NO_MARK, "the key is damaged");
    }
    struct str rest = k.public;
    if (!age_ssh_str(&rest, &type) || !str_eqz(type, "ssh-ed25519")) {
        return err_set(e, ERR_VAULT, NO_MARK, "the key is not an ed25519 key; other SSH keys are not supported");
    }
    bool ok = age_ssh_recipient(k.public, a, &id->who);
    if (ok && str_eqz(k.cipher, "none")) {
        ok = take_secret(k.private, id);
    } else {
        id->locked = str_dup(a, text);
    }
    return ok || err_set(e, ERR_VAULT, NO_MARK, "the key is damaged");
}

bool age_ssh_unlock(struct age_identity *id, struct str passphrase, struct arena *a, struct err *e) {
    ssh_key key = NULL;
    char *plain = NULL;
    struct openssh k;
    bool ok = ssh_pki_import_privkey_base64(str_z(a, id->locked), str_z(a, passphrase), NULL, NULL, &key) == SSH_OK &&
              ssh_pki_export_privkey_base64(key, NULL, NULL, NULL, &plain) == SSH_OK &&
              open_layer(str_from(plain), a, &k) && str_eqz(k.cipher, "none") && take_secret(k.private, id);
    if (plain) {
        OPENSSL_cleanse(plain, strlen(plain));
        ssh_string_free_char(plain);
    }
    ssh_key_free(key);
    if (ok) {
        id->locked = STR_NONE;
    }
    return ok || err_set(e, ERR_VAULT, NO_MARK, "the passphrase of the key '%s' is wrong", id->from ? id->from : "?");
}
