// Password hashing through libcrypt, reentrant; the work area is wiped.
#include "filters/crypt.h"

#include "filters/text.h"

#include <crypt.h>

static const struct scheme {
    const char *name, *alias, *id;
    size_t salt_size;
    bool exact;     // the salt must have salt_size characters
    int64_t usual;  // rounds when none are given, those of passlib, which Ansible uses
    int64_t min, max;
} schemes[] = {
    {"md5_crypt", "md5", "1", 8, false, 0, 0, 0},
    {"bcrypt", "blowfish", "2b", 22, true, 12, 4, 31},
    {"sha256_crypt", "sha256", "5", 16, false, 535000, 1000, 999999999},
    {"sha512_crypt", "sha512", "6", 16, false, 656000, 1000, 999999999},
};

static const struct scheme *scheme_find(struct str name) {
    for (size_t i = 0; i < COUNTOF(schemes); i++) {
        if (str_eqz(name, schemes[i].name) || str_eqz(name, schemes[i].alias)) {
            return &schemes[i];
        }
    }
    return NULL;
}

static bool is_bcrypt(const struct scheme *s) {
    return s->exact;
}

size_t crypt_salt_size(struct str scheme) {
    const struct scheme *s = scheme_find(scheme);
    return s && str_eqz(scheme, s->name) ? s->salt_size : 8;
}

const char *crypt_ident(struct str scheme) {
    const struct scheme *s = scheme_find(scheme);
    return s && is_bcrypt(s) && str_eqz(scheme, s->name) ? s->id : NULL;
}

struct str random_chars(struct arena *a, struct mt *m, struct str chars, size_t n) {
    size_t total = utf8_len(chars);
    struct buf b = BUF_IN(a);
    for (size_t i = 0; total && i < n; i++) {
        size_t at = text_offset(chars, (size_t)mt_below(m, total)), next = at;
        utf8_next(chars, &next);
        buf_add(&b, chars.s + at, next - at);
    }
    return buf_view(&b);
}

struct str random_salt(struct arena *a, size_t n) {
    static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./";
    struct mt *m = ARENA_NEW(a, struct mt);
    mt_init_system(m);
    return random_chars(a, m, str_from(chars), n);
}

static bool salt_ok(const struct scheme *s, struct str salt, struct mark at, struct err *e) {
    for (size_t i = 0; i < salt.n; i++) {
        char ch = salt.s[i];
        bool alnum = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        if (!alnum && ch != '.' && ch != '/') {
            return err_set(e, ERR_ARGS, at, "a salt may have letters, digits, '.' and '/' only");
        }
    }
    if (s->exact ? salt.n != s->salt_size : salt.n > s->salt_size) {
        return err_set(e, ERR_ARGS, at, "a salt for %s must have %s%zu characters, not %zu", s->name,
                       s->exact ? "" : "at most ", s->salt_size, salt.n);
    }
    return true;
}

/// SHA hashes with so many rounds do not say so, as passlib writes them.
enum { SILENT_ROUNDS = 5000 };

/// The setting string crypt_r takes: "$id$[rounds=N$]salt".
static bool setting(struct arena *a, const struct scheme *s, const struct crypt_opts *o, struct mark at,
                    const char **out, struct err *e) {
    if (o->salt_size < 0 || o->salt_size > 1024) {
        return err_set(e, ERR_ARGS, at, "the salt size must be from 1 to %zu", s->salt_size);
    }
    struct str salt = o->salt.n ? o->salt : random_salt(a, o->salt_size ? (size_t)o->salt_size : s->salt_size);
    if (!salt_ok(s, salt, at, e)) {
        return false;
    }
    int64_t rounds = o->rounds ? o->rounds : s->usual;
    if (rounds && (rounds < s->min || rounds > s->max)) {
        return err_set(e, ERR_ARGS, at, "rounds for %s must be from %lld to %lld, not %lld", s->name, (long long)s->min,
                       (long long)s->max, (long long)rounds);
    }
    if (is_bcrypt(s)) {
        struct str id = o->ident.n ? o->ident : str_from(s->id);
        if (!str_eqz(id, "2") && !str_eqz(id, "2a") && !str_eqz(id, "2b") && !str_eqz(id, "2y")) {
            return err_set(e, ERR_ARGS, at, "ident must be 2, 2a, 2b or 2y, not '%.*s'", STR(id));
        }
        *out = arena_printf(a, "$%.*s$%02d$%.*s", STR(id), (int)rounds, STR(salt));
    } else if (rounds && rounds != SILENT_ROUNDS) {
        *out = arena_printf(a, "$%s$rounds=%lld$%.*s", s->id, (long long)rounds, STR(salt));
    } else {
        *out = arena_printf(a, "$%s$%.*s", s->id, STR(salt));
    }
    return true;
}

bool crypt_hash(struct arena *a, struct str password, const struct crypt_opts *o, struct mark at, struct str *out,
                struct err *e) {
    const struct scheme *s = scheme_find(o->scheme);
    if (!s) {
        return err_set(e, ERR_ARGS, at,
                       "crypt does not support the password hash '%.*s', expected sha512, sha256, blowfish or md5",
                       STR(o->scheme));
    }
    const char *how = NULL;
    if (!setting(a, s, o, at, &how, e)) {
        return false;
    }
    if (memchr(password.s ? password.s : "", 0, password.n)) {
        return err_set(e, ERR_ARGS, at, "a password must not contain a NUL byte");
    }
    struct arena secret = {.secret = true};
    struct crypt_data *data = ARENA_NEW(&secret, struct crypt_data);
    // not crypt_r: the sanitizers replace that one and fail
    const char *hash = crypt_rn(str_z(&secret, password), how, data, sizeof *data);
    bool ok = hash && hash[0] == '$';
    if (ok) {
        *out = str_dup(a, str_from(hash));
    }
    arena_release(&secret);
    return ok ||
           err_set(e, ERR_ARGS, at, "the system's crypt library does not support %s with this salt and ident", s->name);
}
