// Filters that digest or encode: hash, checksum, md5, sha1, password_hash, b64encode, b64decode, to_uuid.
#include "digest.h"
#include "filters/crypt.h"
#include "filters/support.h"
#include "filters/text.h"

#include <openssl/evp.h>

static bool digest(struct jcall *c, const char *name, struct val *out, struct err *e) {
    const char *hex = NULL;
    if (!digest_hex(c->a, name, text_of(c, c->args[0]), &hex, e)) {
        return err_wrap(e, c->at, "in '%s'", c->name);
    }
    *out = val_z(c->a, hex);
    return true;
}

static bool f_md5(struct jcall *c, struct val *out, struct err *e) {
    return digest(c, "md5", out, e);
}
FILTER(md5) = {.doc = "MD5 of text, hexadecimal.",
               .params = "data",
               .fn = f_md5,
               .example = "'a' | md5 == '0cc175b9c0f1b6a831c399e269772661'"};

static bool f_sha1(struct jcall *c, struct val *out, struct err *e) {
    return digest(c, "sha1", out, e);
}
FILTER(sha1) = {.doc = "SHA-1 of text, hexadecimal.",
                .params = "data",
                .fn = f_sha1,
                .aliases = "checksum",
                .example = "'a' | sha1 == '86f7e437faa5a7fce15d1ddcb9eaeaea377667b8'"};

/// Python's hashlib names that OpenSSL spells differently.
static const char *openssl_name(struct arena *a, struct str name) {
    static const char *const alias[][2] = {
        {"blake2b", "BLAKE2B-512"},   {"blake2s", "BLAKE2S-256"},   {"sha3_224", "SHA3-224"},
        {"sha3_256", "SHA3-256"},     {"sha3_384", "SHA3-384"},     {"sha3_512", "SHA3-512"},
        {"sha512_224", "SHA512-224"}, {"sha512_256", "SHA512-256"},
    };
    struct str low = text_lower(a, name);
    for (size_t i = 0; i < COUNTOF(alias); i++) {
        if (str_eqz(low, alias[i][0])) {
            return alias[i][1];
        }
    }
    return str_z(a, low);
}

static bool f_hash(struct jcall *c, struct val *out, struct err *e) {
    struct str name;
    if (!opt_str(c, 1, "hashtype", STR_LIT("sha1"), &name, e)) {
        return false;
    }
    struct str data = text_of(c, c->args[0]);
    const EVP_MD *md = EVP_get_digestbyname(openssl_name(c->a, name));
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    // shake has no length of its own: hashlib refuses it here too
    if (!md || (EVP_MD_get_flags(md) & EVP_MD_FLAG_XOF)) {
        return plug_err(c, e, ERR_ARGS, "unsupported hash type '%.*s'", STR(name));
    }
    if (EVP_Digest(data.s ? data.s : "", data.n, sum, &n, md, NULL) != 1) {
        return plug_err(c, e, ERR_ARGS, "hash '%.*s' is not available", STR(name));
    }
    char hex[EVP_MAX_MD_SIZE * 2 + 1] = {0};
    hex_encode(sum, n, hex);
    *out = val_str(c->a, (struct str){hex, (size_t)n * 2});
    return true;
}
FILTER(hash) = {.doc = "Digest of text, hexadecimal.",
                .params = "data, hashtype='sha1'",
                .fn = f_hash,
                .example = "('a' | hash('sha256') | length) == 64"};

static bool f_password_hash(struct jcall *c, struct val *out, struct err *e) {
    struct crypt_opts o = {0};
    struct str hash;
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, e, "password", "a string", c->args[0]);
    }
    if (!opt_str(c, 1, "hashtype", STR_LIT("sha512"), &o.scheme, e) || !opt_str(c, 2, "salt", STR_NONE, &o.salt, e) ||
        (!opt_none(c, 3) && !arg_int(c, 3, 0, &o.salt_size, e)) ||
        (!opt_none(c, 4) && !arg_int(c, 4, 0, &o.rounds, e)) || !opt_str(c, 5, "ident", STR_NONE, &o.ident, e)) {
        return false;
    }
    if (!crypt_hash(c->a, val_text(c->args[0]), &o, c->at, &hash, e)) {
        return err_wrap(e, c->at, "in '%s'", c->name);
    }
    *out = val_str(c->a, hash);
    return true;
}
FILTER(password_hash) = {.doc = "Hash of a password for the system.",
                         .params = "password, hashtype='sha512', salt=None, salt_size=None, rounds=None, ident=None",
                         .fn = f_password_hash,
                         .example = "'secret' | password_hash('sha512', 'salt1234', rounds=5000) is match('[$]6[$]')"};

// -- base64 ----------------------------------------------------------------------------------------------------------

static struct str swap_chars(struct arena *a, struct str s, const char *from, const char *to) {
    struct str r = str_dup(a, s);
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < r.n; i++) {
        const char *p = r.s[i] ? strchr(from, r.s[i]) : NULL;
        char ch = r.s[i];
        if (p) {
            ch = to[p - from];
        }
        buf_char(&b, ch);
    }
    return buf_view(&b);
}

static bool b64_args(struct jcall *c, struct str *codec, bool *urlsafe, struct err *e) {
    return opt_str(c, 1, "encoding", STR_LIT("utf-8"), codec, e) && arg_bool(c, 2, false, urlsafe, e);
}

static bool f_b64encode(struct jcall *c, struct val *out, struct err *e) {
    struct str codec, raw;
    bool urlsafe = false;
    if (!b64_args(c, &codec, &urlsafe, e) || !text_encode(c->a, text_of(c, c->args[0]), codec, c->at, &raw, e)) {
        return false;
    }
    struct str text = base64_encode(c->a, raw);
    *out = val_str(c->a, urlsafe ? swap_chars(c->a, text, "+/", "-_") : text);
    return true;
}
FILTER(b64encode) = {.doc = "Text as base64.",
                     .params = "string, encoding='utf-8', urlsafe=False",
                     .fn = f_b64encode,
                     .example = "'test' | b64encode == 'dGVzdA=='"};

/// What Python's b64decode does: other characters are dropped, a length that cannot be is an error.
static bool b64_clean(struct jcall *c, struct str s, struct str *out, struct err *e) {
    struct buf b = BUF_IN(c->a);
    bool padded = false;
    for (size_t i = 0; i < s.n && !padded; i++) {
        char ch = s.s[i];
        bool alnum = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        if (alnum || ch == '+' || ch == '/') {
            buf_char(&b, ch);
        } else if (ch == '=' && b.n % 4 >= 2) {
            size_t need = 4 - b.n % 4, have = 0;
            for (size_t k = i; k < s.n; k++) {
                have += s.s[k] == '=';
            }
            padded = have >= need;
            if (padded) {
                buf_add(&b, "==", need);
            }
        }
    }
    if (b.n % 4) {
        return plug_err(c, e, ERR_ARGS, "the base64 text is cut short or lacks padding");
    }
    *out = buf_view(&b);
    return true;
}

static bool f_b64decode(struct jcall *c, struct val *out, struct err *e) {
    struct str codec, text, raw;
    bool urlsafe = false;
    if (!b64_args(c, &codec, &urlsafe, e)) {
        return false;
    }
    text = text_of(c, c->args[0]);
    if (urlsafe) {
        text = swap_chars(c->a, text, "-_", "+/");
    }
    if (!b64_clean(c, text, &text, e) || !base64_decode(c->a, text, &raw, e) ||
        !text_decode(c->a, raw, codec, c->at, &raw, e)) {
        return err_wrap(e, c->at, "in '%s'", c->name);
    }
    *out = val_str(c->a, raw);
    return true;
}
FILTER(b64decode) = {.doc = "Text of base64.",
                     .params = "string, encoding='utf-8', urlsafe=False",
                     .fn = f_b64decode,
                     .example = "'dGVzdA==' | b64decode == 'test'"};

// -- uuid ------------------------------------------------------------------------------------------------------------

static bool uuid_parse(struct str s, unsigned char out[16]) {
    unsigned char nibbles[32];
    size_t n = 0;
    if (str_starts(s, "urn:uuid:")) {
        s = str_sub(s, 9, s.n);
    }
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.s[i];
        if (ch == '-' || ch == '{' || ch == '}') {
            continue;
        }
        unsigned d = 16;
        if (ch >= '0' && ch <= '9') {
            d = (unsigned)(ch - '0');
        } else if ((ch | 32) >= 'a' && (ch | 32) <= 'f') {
            d = (unsigned)((ch | 32) - 'a' + 10);
        }
        if (d > 15 || n == 32) {
            return false;
        }
        nibbles[n++] = (unsigned char)d;
    }
    for (size_t i = 0; n == 32 && i < 16; i++) {
        out[i] = (unsigned char)(nibbles[2 * i] << 4 | nibbles[2 * i + 1]);
    }
    return n == 32;
}

static bool f_to_uuid(struct jcall *c, struct val *out, struct err *e) {
    struct str ns;
    unsigned char id[DIGEST_MAX];
    struct val v = opt_val(c, 1);
    if (!opt_none(c, 1) && !need_defined(c, v, e)) {
        return false;
    }
    ns = opt_none(c, 1) ? STR_LIT("361E6D51-FAEC-444A-9079-341386DA8E2E") : text_of(c, v);
    if (!uuid_parse(ns, id)) {
        return err_set(e, ERR_ARGS, c->at, "Invalid value '%.*s' for 'namespace': expected a UUID", STR(ns));
    }
    struct str name = text_of(c, c->args[0]);
    struct digest *d = digest_open("sha1");
    if (!d) {
        return plug_err(c, e, ERR_SYS, "SHA-1 is not available");
    }
    digest_add(d, id, 16);
    digest_add(d, name.s, name.n);
    digest_close(d, id);
    id[6] = (unsigned char)((id[6] & 0x0F) | 0x50);
    id[8] = (unsigned char)((id[8] & 0x3F) | 0x80);
    char hex[33] = {0};
    hex_encode(id, 16, hex);
    *out = val_printf(c->a, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    return true;
}
FILTER(to_uuid) = {.doc = "A UUID made of text.",
                   .params = "string, namespace=None",
                   .fn = f_to_uuid,
                   .example = "'test' | to_uuid == 'f4fb6740-9e00-5ac4-9581-f24b6ecfe71e'"};
