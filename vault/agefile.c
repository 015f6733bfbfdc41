// Reads and writes age files. The file key stays in memory only while a file is open.
#include "agefile.h"

#include "digest.h"
#include "fd.h"

#include <openssl/crypto.h>

enum { CHUNK = 65536, TAG_LEN = 16, NONCE_LEN = 16, STANZAS_MAX = 4096, COLUMNS = 64 };
static const char MAGIC[] = "age-encryption.org/v1\n";
static const char BEGIN[] = "-----BEGIN AGE ENCRYPTED FILE-----";
static const char END[] = "-----END AGE ENCRYPTED FILE-----";

bool age_is(struct str text) {
    return str_starts(text, "age-encryption.org/v1") || str_starts(text, BEGIN);
}

static bool broken(struct err *e, const char *how) {
    return err_set(e, ERR_VAULT, NO_MARK, "the age file is damaged: %s", how);
}

// -- the header ------------------------------------------------------------------------------------------------------

struct stanza {
    struct str type, args, body;
};
struct reader {
    struct str text;
    size_t at;
    struct arena *a;
    struct err *e;
};
struct opening {
    struct age_identities *ids;
    age_ask *ask;
    bool found;
};

static bool header_line(struct reader *r, struct str *line) {
    size_t end = str_find_char(r->text, r->at, '\n');
    if (end == SIZE_MAX || end - r->at > 65536) {
        return broken(r->e, "its header is cut off");
    }
    *line = str_sub(r->text, r->at, end);
    r->at = end + 1;
    return true;
}

static bool read_stanza(struct reader *r, struct str first, struct stanza *s) {
    struct buf b = BUF_IN(r->a);
    struct str line;
    struct str rest = str_sub(first, 3, first.n);
    if (!str_next(&rest, ' ', &s->type) || s->type.n == 0) {
        return broken(r->e, "a stanza has no type");
    }
    s->args = rest;
    do {
        struct str part = STR_NONE;
        if (!header_line(r, &line)) {
            return false;
        }
        if (line.n > COLUMNS || (line.n > 0 && !age_unb64(r->a, line, &part))) {
            return broken(r->e, "a stanza's body is not base64 in lines of 64");
        }
        buf_str(&b, part);
    } while (line.n == COLUMNS);
    s->body = buf_view(&b);
    return true;
}

// Asks for the passphrase of a key that the stanza was made for; it stays unlocked.
static bool unlock(struct reader *r, const struct stanza *s, struct opening *o, struct age_identity *id) {
    struct str pass;
    if (!age_needs_passphrase(id, s->type, s->args)) {
        return true;
    }
    const char *name = id->from ? id->from : "?";
    if (!o->ask) {
        return err_set(r->e, ERR_VAULT, NO_MARK, "the key '%s' has a passphrase, and nobody can be asked", name);
    }
    return o->ask(arena_printf(r->a, "Passphrase of the key '%s': ", name), r->a, &pass, r->e) &&
           age_ssh_unlock(id, pass, r->a, r->e);
}

static bool try_stanza(struct reader *r, const struct stanza *s, struct opening *o, struct age_file *f) {
    if (str_eqz(s->type, "scrypt") && o->ask) {
        struct str pass;
        if (f->stanzas > 1) {
            return broken(r->e, "a passphrase must be the only way to open it");
        }
        o->found =
            o->ask("Passphrase: ", r->a, &pass, r->e) && age_unwrap_scrypt(pass, s->args, s->body, f->file_key, r->e);
        return o->found;
    }
    for (size_t i = 0; i < o->ids->n && !o->found; i++) {
        if (!unlock(r, s, o, &o->ids->p[i])) {
            return false;
        }
        o->found = age_unwrap(&o->ids->p[i], s->type, s->args, s->body, f->file_key);
    }
    return true;
}

static bool read_stanzas(struct reader *r, struct opening *o, struct age_file *f, struct str *last) {
    for (size_t n = 0;; n++) {
        struct stanza s;
        if (!header_line(r, last)) {
            return false;
        }
        if (str_starts(*last, "---")) {
            return n > 0 || broken(r->e, "it names nobody");
        }
        if (!str_starts(*last, "-> ") || n == STANZAS_MAX) {
            return broken(r->e, "expected a stanza in its header");
        }
        if (!read_stanza(r, *last, &s)) {
            return false;
        }
        struct age_recipient who;
        struct err ignored = {.arena = r->a};
        if (str_eqz(s.type, "vault-recipient")) {
            if (age_recipient_read(s.args, r->a, &who, &ignored)) {
                VEC_PUSH(r->a, f->to, who);
            }
            continue;
        }
        f->stanzas++;
        if (!try_stanza(r, &s, o, f)) {
            return false;
        }
    }
}

static void mac_of(const unsigned char *file_key, struct str header, unsigned char mac[AGE_MAC]) {
    unsigned char key[AGE_KEY];
    age_hkdf((struct str){(const char *)file_key, AGE_FILE_KEY}, STR_NONE, "header", key);
    age_hmac(key, header, mac);
    OPENSSL_cleanse(key, sizeof key);
}

static bool read_header(struct reader *r, struct opening *o, struct age_file *f) {
    struct str last;
    struct str mac;
    unsigned char want[AGE_MAC];
    if (!str_starts(r->text, MAGIC)) {
        return err_set(r->e, ERR_VAULT, NO_MARK, "expected the age format 'age-encryption.org/v1', found another");
    }
    r->at = sizeof MAGIC - 1;
    if (!read_stanzas(r, o, f, &last)) {
        return false;
    }
    f->header = str_sub(r->text, 0, r->at - 1 - last.n + 3);
    if (!str_starts(last, "--- ") || !age_unb64(r->a, str_sub(last, 4, last.n), &mac) || mac.n != AGE_MAC) {
        return broken(r->e, "its header ends without a checksum");
    }
    if (!o->found) {
        err_set(r->e, ERR_VAULT, NO_MARK, "no identity given opens this file, which is encrypted to %zu recipient%s",
                f->stanzas, f->stanzas == 1 ? "" : "s");
        return err_hint(r->e, "name the file of your secret key with --identity");
    }
    mac_of(f->file_key, f->header, want);
    return CRYPTO_memcmp(want, mac.s, AGE_MAC) == 0 || broken(r->e, "its header was changed");
}

// -- the payload -----------------------------------------------------------------------------------------------------

static void payload_key(const struct age_file *f, struct str nonce, unsigned char key[AGE_KEY]) {
    age_hkdf((struct str){(const char *)f->file_key, AGE_FILE_KEY}, nonce, "payload", key);
}

// 11 bytes of counter, then 1 for the last chunk.
static void chunk_nonce(uint64_t i, bool last, unsigned char nonce[12]) {
    memset(nonce, 0, 12);
    for (int k = 0; k < 8; k++) {
        nonce[10 - k] = (unsigned char)(i >> (8 * k));
    }
    nonce[11] = last;
}

static bool open_payload(const struct age_file *f, struct str in, struct arena *a, struct str *plain, struct err *e) {
    unsigned char key[AGE_KEY];
    unsigned char nonce[12];
    if (in.n < NONCE_LEN + TAG_LEN) {
        return broken(e, "it is cut off");
    }
    payload_key(f, str_sub(in, 0, NONCE_LEN), key);
    struct str rest = str_sub(in, NONCE_LEN, in.n);
    char *out = arena_alloc(a, rest.n);
    size_t n = 0;
    bool ok = true;
    for (uint64_t i = 0; ok && rest.n > 0; i++) {
        bool last = rest.n <= CHUNK + TAG_LEN;
        struct str part = str_sub(rest, 0, CHUNK + TAG_LEN);
        chunk_nonce(i, last, nonce);
        // only an empty file ends with an empty chunk
        ok = part.n >= TAG_LEN && (part.n > TAG_LEN || i == 0) && age_aead_open(key, nonce, part, out + n);
        n += ok ? part.n - TAG_LEN : 0;
        rest = str_sub(rest, part.n, rest.n);
    }
    OPENSSL_cleanse(key, sizeof key);
    *plain = (struct str){out, n};
    return ok || broken(e, "its content was changed or cut off");
}

static void seal_payload(const struct age_file *f, struct str plain, struct buf *out) {
    unsigned char key[AGE_KEY];
    unsigned char nonce[12];
    char salt[NONCE_LEN];
    random_bytes(salt, sizeof salt);
    payload_key(f, (struct str){salt, sizeof salt}, key);
    buf_add(out, salt, sizeof salt);
    for (uint64_t i = 0;; i++) {
        bool last = plain.n <= CHUNK;
        struct str part = str_sub(plain, 0, CHUNK);
        chunk_nonce(i, last, nonce);
        age_aead_seal(key, nonce, part, buf_reserve(out, part.n + TAG_LEN));
        out->n += part.n + TAG_LEN;
        plain = str_sub(plain, part.n, plain.n);
        if (last) {
            break;
        }
    }
    OPENSSL_cleanse(key, sizeof key);
}

// -- files -----------------------------------------------------------------------------------------------------------

static bool dearmor(struct str text, struct arena *a, struct str *out, struct err *e) {
    struct buf b = BUF_IN(a);
    struct str rest = str_trim(text);
    struct str line;
    bool short_line = false;
    bool ended = false;
    str_next(&rest, '\n', &line);
    while (!ended && str_next(&rest, '\n', &line)) {
        struct str part;
        struct err inner = {.arena = a};
        line = str_rtrim(line);
        ended = str_eqz(line, END);
        if (ended) {
            break;
        }
        if (short_line || line.n > COLUMNS || line.n == 0 || !base64_decode(a, line, &part, &inner)) {
            return broken(e, "its armor is not base64 in lines of 64");
        }
        short_line = line.n < COLUMNS;
        buf_str(&b, part);
    }
    *out = buf_view(&b);
    return (ended && !rest.s) || broken(e, "its armor has no end line, or something behind it");
}

static struct str armor(struct str raw, struct arena *a) {
    struct buf b = BUF_IN(a);
    struct str text = base64_encode(a, raw);
    buf_printf(&b, "%s\n", BEGIN);
    for (size_t i = 0; i < text.n; i += COLUMNS) {
        buf_str(&b, str_sub(text, i, i + COLUMNS));
        buf_char(&b, '\n');
    }
    buf_printf(&b, "%s\n", END);
    return buf_view(&b);
}

bool age_open(struct str text, struct age_identities *ids, age_ask *ask, struct arena *a, struct age_file *f,
              struct str *plain, struct err *e) {
    struct reader r = {.text = text, .a = a, .e = e};
    struct opening o = {.ids = ids, .ask = ask};
    *f = (struct age_file){.armored = str_starts(text, BEGIN)};
    if (f->armored && !dearmor(text, a, &r.text, e)) {
        return false;
    }
    return read_header(&r, &o, f) && open_payload(f, str_sub(r.text, r.at, r.text.n), a, plain, e);
}

bool age_add(struct age_file *f, const struct age_recipient *who, struct arena *a, struct err *e) {
    struct buf b = BUF_IN(a);
    buf_str(&b, str_sub(f->header, 0, f->header.n - 3));
    if (!age_wrap(who, f->file_key, &b, e)) {
        return false;
    }
    // Unknown stanzas are skipped by other programs; this one tells whom to keep when somebody is removed.
    buf_printf(&b, "-> vault-recipient %s\n\n---", who->text);
    f->header = buf_view(&b);
    f->stanzas++;
    return true;
}

bool age_new(struct age_file *f, struct arena *a, struct err *e) {
    random_bytes(f->file_key, sizeof f->file_key);
    f->stanzas = 0;
    f->header = str_printf(a, "%s---", MAGIC);
    for (size_t i = 0; i < f->to.n; i++) {
        if (!age_add(f, &f->to.p[i], a, e)) {
            return false;
        }
    }
    return f->to.n > 0 || err_set(e, ERR_ARGS, NO_MARK, "expected at least one recipient");
}

void age_seal_again(const struct age_file *f, struct str plain, struct arena *a, struct str *out) {
    struct buf b = BUF_IN(a);
    unsigned char mac[AGE_MAC];
    mac_of(f->file_key, f->header, mac);
    buf_str(&b, f->header);
    buf_char(&b, ' ');
    buf_str(&b, age_b64(a, (struct str){(const char *)mac, sizeof mac}));
    buf_char(&b, '\n');
    seal_payload(f, plain, &b);
    *out = f->armored ? armor(buf_view(&b), a) : buf_view(&b);
}
