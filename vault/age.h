// age keys: X25519 and ssh-ed25519 recipients and identities, and how they wrap a file key (age-encryption.org/v1).
#pragma once
#include "buf.h"
#include "err.h"

enum { AGE_KEY = 32, AGE_FILE_KEY = 16, AGE_WRAPPED = 32, AGE_TAG = 4, AGE_MAC = 32 };
enum age_kind { AGE_X25519, AGE_SSH };
struct age_recipient {
    enum age_kind kind;
    const char *text;            // as given, without a comment
    unsigned char pub[AGE_KEY];  // X25519
    unsigned char tag[AGE_TAG];  // ssh only
    struct str wire;             // ssh only: the public key as on the wire
};
struct age_identity {
    struct age_recipient who;
    unsigned char secret[AGE_KEY];
    struct str locked;  // the text of an SSH key that has a passphrase, until it is given; `secret` means nothing then
    const char *from;   // the file's name, for questions and messages; may be NULL
};
struct age_recipients {
    struct age_recipient *p;
    size_t n, cap;
};
struct age_identities {
    struct age_identity *p;
    size_t n, cap;
};

/// "age1..." or "ssh-ed25519 AAAA... [comment]". In `a`. ERR_ARGS; other kinds of keys are refused by name.
bool age_recipient_read(struct str text, struct arena *a, struct age_recipient *r, struct err *e);
/// The recipients of a file, one a line, `#` for comments.
bool age_recipients_read(struct str text, struct arena *a, struct age_recipients *to, struct err *e);
/// What an identity file holds: AGE-SECRET-KEY-1 lines, or an OpenSSH ed25519 key, which may have a passphrase. `a` is
/// a secret arena. ERR_VAULT, without any of the text.
bool age_identities_read(struct str text, struct arena *a, struct age_identities *to, struct err *e);

/// A stanza (its lines, with newlines) that wraps `file_key` for `r`. False never happens but for a broken public key.
bool age_wrap(const struct age_recipient *r, const unsigned char file_key[AGE_FILE_KEY], struct buf *out,
              struct err *e);
/// True when the stanza `type args...` was made for `id`, which can not be used before age_ssh_unlock.
bool age_needs_passphrase(const struct age_identity *id, struct str type, struct str args);
/// True when the stanza `type args... / body` was made for `id`; the file key is then in `file_key`.
bool age_unwrap(const struct age_identity *id, struct str type, struct str args, struct str body,
                unsigned char file_key[AGE_FILE_KEY]);
/// The same for a passphrase. `logn` is capped.
bool age_unwrap_scrypt(struct str passphrase, struct str args, struct str body, unsigned char file_key[AGE_FILE_KEY],
                       struct err *e);

/// HKDF-SHA256 of one block; `salt` may be empty.
void age_hkdf(struct str key, struct str salt, const char *info, unsigned char out[AGE_KEY]);
/// HMAC-SHA256.
void age_hmac(const unsigned char key[AGE_KEY], struct str data, unsigned char out[AGE_MAC]);
/// ChaCha20-Poly1305. Opening: `in` ends with the tag, `out` gets in.n - 16 bytes; false when the tag is wrong.
bool age_aead_open(const unsigned char key[AGE_KEY], const unsigned char nonce[12], struct str in, char *out);
void age_aead_seal(const unsigned char key[AGE_KEY], const unsigned char nonce[12], struct str in, char *out);
/// Base64 without padding; decoding takes the one canonical form only.
struct str age_b64(struct arena *a, struct str data);
bool age_unb64(struct arena *a, struct str text, struct str *out);

/// One OpenSSH private key (sshkey.c). Its public half can be read without the passphrase. ERR_VAULT.
bool age_ssh_identity(struct str text, struct arena *a, struct age_identity *id, struct err *e);
/// Opens id->locked. `a` is a secret arena. ERR_VAULT when the passphrase is wrong.
bool age_ssh_unlock(struct age_identity *id, struct str passphrase, struct arena *a, struct err *e);
/// A length-prefixed string of the SSH wire format; `rest` is what follows. False when it is cut off.
bool age_ssh_str(struct str *rest, struct str *out);
/// The recipient of an ssh-ed25519 public key in wire format. False when it is another type, or damaged.
bool age_ssh_recipient(struct str wire, struct arena *a, struct age_recipient *r);
