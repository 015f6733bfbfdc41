// The Ansible-Vault format and its cryptography. Knows nothing of files, terminals or YAML; sources.c fills the ring.
#include "ring.h"

#include "digest.h"
#include "fd.h"
#include "kdf.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/mman.h>

enum {
    KEY_LEN = 32,
    DERIVED_LEN = 3 * KDF_BLOCK,  // cipher key, HMAC key, counter (half of its block)
    HMAC_LEN = 32,
    SALT_LEN = 32,
    BLOCK = 16,
    ROUNDS = 10000,
    LINE = 80,
    CHUNK = 1 << 20,
};
static const char MAGIC[] = "$ANSIBLE_VAULT";

// -- memory that is not swapped or dumped ----------------------------------------------------------------------------

static struct locked *locked_new(size_t need) {
    size_t size = 16384;
    while (size < need + sizeof(struct locked)) {
        size *= 2;
    }
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        BUG("out of memory");
    }
    // Both are best effort: the limit on locked memory may be 0, and secrets still work then.
    (void)mlock(p, size);
    (void)madvise(p, size, MADV_DONTDUMP);
    struct locked *l = p;
    l->size = size;
    l->used = sizeof *l;
    return l;
}

// `n` bytes that live as long as the ring. The caller holds the lock.
static unsigned char *locked_alloc(struct vault_ring *r, size_t n) {
    if (!r->locked || r->locked->size - r->locked->used < n) {
        struct locked *l = locked_new(n);
        l->next = r->locked;
        r->locked = l;
    }
    unsigned char *p = (unsigned char *)r->locked + r->locked->used;
    r->locked->used += n;
    return p;
}

static void locked_free(struct locked *l) {
    while (l) {
        struct locked *next = l->next;
        size_t size = l->size;
        OPENSSL_cleanse(l, size);
        munmap(l, size);
        l = next;
    }
}

// -- the ring --------------------------------------------------------------------------------------------------------

struct vault_ring *vault_ring_new(void) {
    struct arena a = {0};
    struct vault_ring *r = ARENA_NEW(&a, struct vault_ring);
    r->arena = a;
    r->label = "default";
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

void vault_ring_free(struct vault_ring *r) {
    if (!r) {
        return;
    }
    locked_free(r->locked);
    pthread_mutex_destroy(&r->lock);
    struct arena a = r->arena;
    arena_release(&a);
}

void vault_ring_add(struct vault_ring *r, const char *id, struct str password) {
    pthread_mutex_lock(&r->lock);
    struct vault_secret s = {.id = arena_strndup(&r->arena, id, strlen(id)), .n = password.n};
    s.p = locked_alloc(r, password.n + 1);
    memcpy(s.p, password.s, password.n);
    VEC_PUSH(&r->arena, r->secrets, s);
    pthread_mutex_unlock(&r->lock);
}

void vault_ring_policy(struct vault_ring *r, const struct vault_policy *p) {
    r->label = p->label && *p->label ? arena_strndup(&r->arena, p->label, strlen(p->label)) : "default";
    r->salt = p->salt ? str_dup(&r->arena, str_from(p->salt)) : STR_NONE;
    r->match = p->match;
}

bool vault_ring_empty(const struct vault_ring *r) {
    return r->secrets.n == 0;
}

size_t vault_ring_len(const struct vault_ring *r) {
    return r->secrets.n;
}

const char *vault_ring_id(const struct vault_ring *r, size_t i) {
    return r->secrets.p[i].id;
}

// -- keys ------------------------------------------------------------------------------------------------------------

// The parts of a derived key are blocks of PBKDF2, and each costs the same: only those that are needed are computed.
enum { PART_CIPHER = 1, PART_HMAC = 2, PART_IV = 4, PARTS = 7 };

struct want {
    size_t secret;
    struct str salt;
    unsigned parts;
};

// The cache's entry of one password and salt; made when there is none. The caller holds the lock.
static struct vault_derived *entry(struct vault_ring *r, size_t secret, struct str salt) {
    struct arena tmp = {0};
    struct buf key = BUF_IN(&tmp);
    buf_add(&key, &secret, sizeof secret);
    buf_str(&key, salt);
    struct vault_derived *d = map_get(&r->derived, buf_view(&key));
    if (!d) {
        d = ARENA_NEW(&r->arena, struct vault_derived);
        d->key = locked_alloc(r, DERIVED_LEN);
        map_put(&r->derived, &r->arena, str_dup(&r->arena, buf_view(&key)), d);
    }
    arena_release(&tmp);
    return d;
}

struct todo {
    struct kdf_job *p;
    size_t n, cap;
};

// Which blocks are missing. Fresh keys are computed beside the cache, since others may read it. What several wants of
// one derivation (number `by`) ask for is computed once.
static void plan(struct vault_ring *r, uint64_t by, const struct want *w, struct arena *tmp, struct todo *jobs) {
    pthread_mutex_lock(&r->lock);
    struct vault_derived *d = entry(r, w->secret, w->salt);
    unsigned missing = w->parts & ~d->have & (d->by == by ? ~d->planned : ~0U);
    d->planned = d->by == by ? d->planned | missing : missing;
    d->by = by;
    const struct vault_secret *s = &r->secrets.p[w->secret];
    struct kdf_job j = {.password = {(const char *)s->p, s->n}, .salt = w->salt};
    pthread_mutex_unlock(&r->lock);
    unsigned char *fresh = missing ? arena_alloc(tmp, DERIVED_LEN) : NULL;
    for (uint32_t i = 0; i < DERIVED_LEN / KDF_BLOCK; i++) {
        if (missing >> i & 1) {
            j.number = i + 1;
            j.out = fresh + (size_t)i * KDF_BLOCK;
            VEC_PUSH(tmp, *jobs, j);
        }
    }
}

// Fills the cache; the slow part runs outside of the lock and on all processors.
static void derive(struct vault_ring *r, const struct want *wants, size_t n) {
    struct arena tmp = {.secret = true};
    struct todo jobs = {0};
    size_t *until = ARENA_ARRAY(&tmp, size_t, n + 1);
    pthread_mutex_lock(&r->lock);
    uint64_t by = ++r->derivations;
    pthread_mutex_unlock(&r->lock);
    for (size_t i = 0; i < n; i++) {
        plan(r, by, &wants[i], &tmp, &jobs);
        until[i] = jobs.n;
    }
    kdf_run(jobs.p, jobs.n, ROUNDS);
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0, k = 0; i < n; i++) {
        for (; k < until[i]; k++) {
            const struct kdf_job *j = &jobs.p[k];
            struct vault_derived *d = entry(r, wants[i].secret, wants[i].salt);
            memcpy(d->key + (size_t)(j->number - 1) * KDF_BLOCK, j->out, KDF_BLOCK);
            d->have |= 1U << (j->number - 1);
        }
    }
    pthread_mutex_unlock(&r->lock);
    arena_release(&tmp);
}

static void key_of(struct vault_ring *r, struct want w, unsigned char key[DERIVED_LEN]) {
    derive(r, &w, 1);
    pthread_mutex_lock(&r->lock);
    memcpy(key, entry(r, w.secret, w.salt)->key, DERIVED_LEN);
    pthread_mutex_unlock(&r->lock);
}

static void hmac_of(const unsigned char *key, struct str data, unsigned char out[HMAC_LEN]) {
    unsigned n = 0;
    if (!HMAC(EVP_sha256(), key + KEY_LEN, KEY_LEN, (const unsigned char *)data.s, data.n, out, &n) || n != HMAC_LEN) {
        BUG("libcrypto cannot compute an HMAC");
    }
}

static void cipher_release(EVP_CIPHER_CTX **c) {
    EVP_CIPHER_CTX_free(*c);
}

// AES-256-CTR is its own inverse.
static void crypt_ctr(const unsigned char *key, struct str in, char *out) {
    CLEANUP(cipher_release) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && EVP_EncryptInit_ex(c, EVP_aes_256_ctr(), NULL, key, key + 2L * KEY_LEN) == 1;
    for (size_t i = 0; ok && i < in.n;) {
        size_t n = in.n - i < CHUNK ? in.n - i : CHUNK;
        int done = 0;
        ok = EVP_EncryptUpdate(c, (unsigned char *)out + i, &done, (const unsigned char *)in.s + i, (int)n) == 1 &&
             (size_t)done == n;
        i += n;
    }
    if (!ok) {
        BUG("libcrypto cannot run AES-256-CTR");
    }
}

// -- reading the envelope --------------------------------------------------------------------------------------------

struct envelope {
    struct str id;  // empty: format 1.1
    struct str salt, hmac, cipher;
};

bool vault_is(struct str text) {
    return str_starts(text, "$ANSIBLE_VAULT;");
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Decodes hex; white space (line ends, indentation, trailing blanks of an editor) is skipped when `loose`.
static bool unhex(struct arena *a, struct str s, bool loose, struct str *out) {
    char *p = arena_alloc(a, s.n / 2 + 1);
    size_t n = 0;
    int high = -1;
    for (size_t i = 0; i < s.n; i++) {
        if (loose && is_space(s.s[i])) {
            continue;
        }
        int d = hex_digit(s.s[i]);
        if (d < 0) {
            return false;
        }
        if (high < 0) {
            high = d;
        } else {
            p[n++] = (char)(high << 4 | d);
            high = -1;
        }
    }
    *out = (struct str){p, n};
    return high < 0;
}

static bool only_hex(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (hex_digit(s.s[i]) < 0 && !is_space(s.s[i])) {
            return false;
        }
    }
    return true;
}

static bool read_header(struct str line, struct mark at, struct envelope *env, struct err *e) {
    struct str rest = str_trim(line);
    struct str magic;
    struct str version;
    struct str cipher;
    if (!str_next(&rest, ';', &magic) || !str_eqz(magic, MAGIC)) {
        return err_set(e, ERR_VAULT, at, "expected vault data that starts with '%s;', found something else", MAGIC);
    }
    if (!str_next(&rest, ';', &version) || !str_next(&rest, ';', &cipher)) {
        return err_set(e, ERR_VAULT, at, "the vault header is incomplete: expected '%s;VERSION;CIPHER'", MAGIC);
    }
    version = str_trim(version);
    cipher = str_trim(cipher);
    if (!str_eqz(version, "1.1") && !str_eqz(version, "1.2")) {
        return err_set(e, ERR_VAULT, at, "vault format '%.*s' is not supported: expected 1.1 or 1.2",
                       STR(str_sub(version, 0, 40)));
    }
    if (!str_eqz(cipher, "AES256")) {
        return err_set(e, ERR_VAULT, at, "vault cipher '%.*s' is not supported: expected AES256",
                       STR(str_sub(cipher, 0, 40)));
    }
    if (str_next(&rest, ';', &env->id)) {
        env->id = str_trim(env->id);
    }
    return true;
}

static bool damaged(struct err *e, struct mark at, const char *how) {
    return err_set(e, ERR_VAULT, at, "the vault data is damaged: %s", how) ||
           err_hint(e, "restore it from a copy; the password is not the problem");
}

static bool read_envelope(struct arena *a, struct str text, struct mark at, struct envelope *env, struct err *e) {
    *env = (struct envelope){0};
    size_t end = 0;
    while (end < text.n && text.s[end] != '\n' && text.s[end] != '\r') {
        end++;
    }
    if (!read_header(str_sub(text, 0, end), at, env, e)) {
        return false;
    }
    struct str inner;
    if (!unhex(a, str_sub(text, end, text.n), true, &inner)) {
        // Ansible's words, which scripts look for.
        bool odd = only_hex(str_sub(text, end, text.n));
        return damaged(e, at,
                       odd ? "Vault format unhexlify error: Odd-length string"
                           : "Vault format unhexlify error: Non-hexadecimal digit found");
    }
    struct str salt;
    struct str hmac;
    struct str rest = inner;
    if (!str_next(&rest, '\n', &salt) || !str_next(&rest, '\n', &hmac) || !rest.s) {
        return damaged(e, at, "it is cut off");
    }
    if (!unhex(a, salt, false, &env->salt) || !unhex(a, hmac, false, &env->hmac) ||
        !unhex(a, rest, false, &env->cipher) || env->hmac.n != HMAC_LEN) {
        return damaged(e, at, "salt, checksum or content is not in its place");
    }
    if (env->cipher.n == 0 || env->cipher.n % BLOCK != 0) {
        return damaged(e, at, "it is cut off");
    }
    return true;
}

bool vault_is_whole(struct str text, struct mark at, struct err *e) {
    struct arena tmp = {0};
    struct envelope env;
    bool ok = read_envelope(&tmp, text, at, &env, e);
    arena_release(&tmp);
    return ok;
}

// -- opening ---------------------------------------------------------------------------------------------------------

static bool unpad(struct str padded, struct str *plain) {
    unsigned char n = (unsigned char)padded.s[padded.n - 1];
    if (n == 0 || n > BLOCK || n > padded.n) {
        return false;
    }
    for (size_t i = padded.n - n; i < padded.n; i++) {
        if ((unsigned char)padded.s[i] != n) {
            return false;
        }
    }
    *plain = str_sub(padded, 0, padded.n - n);
    return true;
}

const char *vault_label(struct str text, struct arena *a) {
    struct envelope env = {0};
    struct err e = {.arena = a};
    struct str rest = text;
    struct str line;
    if (!str_next(&rest, '\n', &line) || !read_header(line, NO_MARK, &env, &e) || env.id.n == 0) {
        return "default";
    }
    return str_z(a, env.id);
}

struct str vault_salt(struct str text, struct arena *a) {
    struct envelope env;
    struct err e = {.arena = a};
    return read_envelope(a, text, NO_MARK, &env, &e) ? env.salt : STR_NONE;
}

// The passwords that may fit: those of the label first, then all others, each in the order they were given.
struct order {
    size_t *p;
    size_t n, named;  // all, and how many of them have the label
};

static struct order candidates(struct vault_ring *r, const struct envelope *env, struct arena *a) {
    const char *label = env->id.n ? str_z(a, env->id) : "default";
    struct order o = {0};
    pthread_mutex_lock(&r->lock);
    o.p = ARENA_ARRAY(a, size_t, r->secrets.n + 1);
    for (int pass = 0; pass < (r->match ? 1 : 2); pass++) {
        for (size_t i = 0; i < r->secrets.n; i++) {
            if ((strcmp(r->secrets.p[i].id, label) == 0) == (pass == 0)) {
                o.p[o.n++] = i;
            }
        }
        o.named = pass == 0 ? o.n : o.named;
    }
    pthread_mutex_unlock(&r->lock);
    return o;
}

// What to derive for candidate i: all of it where it is likely to fit, else only what tells whether it does.
static struct want guess(const struct order *o, size_t i, struct str salt) {
    bool likely = o->n == 1 || (i == 0 && o->named == 1);
    return (struct want){.secret = o->p[i], .salt = salt, .parts = likely ? PARTS : PART_HMAC};
}

static bool fits(struct vault_ring *r, struct want w, const struct envelope *env) {
    unsigned char key[DERIVED_LEN];
    unsigned char want[HMAC_LEN];
    key_of(r, w, key);
    hmac_of(key, env->cipher, want);
    OPENSSL_cleanse(key, sizeof key);
    return CRYPTO_memcmp(want, env->hmac.s, HMAC_LEN) == 0;
}

// The padded plaintext is in `out` when a password fits; *id says which.
static bool try_all(struct vault_ring *r, const struct envelope *env, struct arena *a, struct str *out,
                    const char **id) {
    struct order o = candidates(r, env, a);
    for (size_t i = 0; i < o.n; i++) {
        struct want w = guess(&o, i, env->salt);
        if (!fits(r, w, env)) {
            continue;
        }
        unsigned char key[DERIVED_LEN];
        w.parts = PARTS;
        key_of(r, w, key);
        char *p = arena_alloc(a, env->cipher.n + 1);
        crypt_ctr(key, env->cipher, p);
        OPENSSL_cleanse(key, sizeof key);
        *out = (struct str){p, env->cipher.n};
        pthread_mutex_lock(&r->lock);
        *id = r->secrets.p[o.p[i]].id;
        pthread_mutex_unlock(&r->lock);
        return true;
    }
    return false;
}

static bool printable(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.s[i] < ' ' && s.s[i] != '\n' && s.s[i] != '\t' && s.s[i] != '\r') {
            return false;
        }
    }
    return s.n > 0 && utf8_valid(s);
}

// A wrong password and a changed content both give another checksum. But the right password still makes text of most of
// a text: of its end, where the padding is, or of its beginning. Only for telling people; nothing is opened by it.
static bool was_changed(struct vault_ring *r, const struct envelope *env, struct arena *a) {
    enum { SAMPLE = 16, LONG = 4 * SAMPLE };
    struct order o = candidates(r, env, a);
    bool changed = false;
    for (size_t i = 0; i < o.n && !changed; i++) {
        unsigned char key[DERIVED_LEN];
        key_of(r, (struct want){.secret = o.p[i], .salt = env->salt, .parts = PARTS}, key);
        char *p = arena_alloc(a, env->cipher.n + 1);
        struct str plain = {p, env->cipher.n};
        crypt_ctr(key, env->cipher, p);
        OPENSSL_cleanse(key, sizeof key);
        struct str whole;
        changed = (unpad(plain, &whole) && (plain.n - whole.n > 2 || printable(whole))) ||
                  (plain.n >= LONG && printable(str_sub(plain, 0, SAMPLE)));
        OPENSSL_cleanse(p, env->cipher.n);
    }
    return changed;
}

struct warming {
    struct envelope env;
    struct order order;
    size_t at;  // candidate
    bool fits;
};

// One step for all: derives what each still needs. False when nothing was left to do.
static bool warm_step(struct vault_ring *r, struct warming *w, size_t n, struct arena *a, bool last) {
    struct want *wants = ARENA_ARRAY(a, struct want, n + 1);
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (last ? w[i].fits : !w[i].fits && w[i].at < w[i].order.n) {
            wants[count] = guess(&w[i].order, w[i].at, w[i].env.salt);
            wants[count++].parts |= last ? PARTS : 0;
        }
    }
    derive(r, wants, count);
    for (size_t i = 0; !last && i < n; i++) {
        if (!w[i].fits && w[i].at < w[i].order.n) {
            w[i].fits = fits(r, guess(&w[i].order, w[i].at, w[i].env.salt), &w[i].env);
            w[i].at += !w[i].fits;
        }
    }
    return count > 0;
}

void vault_warm(struct vault_ring *r, const struct str *envelopes, size_t n) {
    struct arena tmp = {.secret = true};
    struct err e = {.arena = &tmp};
    struct warming *w = ARENA_ARRAY(&tmp, struct warming, n + 1);
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (read_envelope(&tmp, envelopes[i], NO_MARK, &w[count].env, &e)) {
            w[count].order = candidates(r, &w[count].env, &tmp);
            count++;
        }
        err_clear(&e);
    }
    while (warm_step(r, w, count, &tmp, false)) {
    }
    warm_step(r, w, count, &tmp, true);
    arena_release(&tmp);
}

bool vault_open(struct vault_ring *r, struct str text, struct mark at, struct arena *a, struct str *plain,
                struct err *e) {
    const char *id = NULL;
    return vault_open_id(r, text, at, a, plain, &id, e);
}

bool vault_open_id(struct vault_ring *r, struct str text, struct mark at, struct arena *a, struct str *plain,
                   const char **id, struct err *e) {
    struct envelope env;
    struct str padded;
    if (!read_envelope(a, text, at, &env, e)) {
        return false;
    }
    if (!r || vault_ring_empty(r)) {
        return err_set(e, ERR_VAULT, at, "Attempting to decrypt vault data, but no vault password was given") ||
               err_hint(e, "use --vault-id, --vault-password-file or --ask-vault-pass");
    }
    if (!try_all(r, &env, a, &padded, id)) {
        if (r->match && candidates(r, &env, a).n == 0) {
            err_set(e, ERR_VAULT, at, "no vault password with the id '%s' was given, and only that one may be tried",
                    env.id.n ? str_z(a, str_sub(env.id, 0, 80)) : "default");
            return err_hint(e, "vault_id_match is set");
        }
        if (was_changed(r, &env, a)) {
            err_set(e, ERR_VAULT, at, "the vault data was changed: its checksum does not fit, though a password does");
            return err_hint(e, "restore it from a copy");
        }
        if (env.id.n) {
            err_set(e, ERR_VAULT, at,
                    "Decryption failed: no vault password given opens this data, which is labelled '%.*s'",
                    STR(str_sub(env.id, 0, 80)));
        } else {
            err_set(e, ERR_VAULT, at, "Decryption failed: no vault password given opens this data");
        }
        return err_hint(e,
                        "the password is another one; --vault-id and --vault-password-file may be given several times");
    }
    return unpad(padded, plain) || damaged(e, at, "its padding is wrong");
}

// -- sealing ---------------------------------------------------------------------------------------------------------

// The password to encrypt with, and its id.
static bool choose(struct vault_ring *r, const char *id, size_t *at, const char **name, struct err *e) {
    struct buf known = BUF_IN(e->arena);
    pthread_mutex_lock(&r->lock);
    bool found = false;
    for (size_t i = 0; i < r->secrets.n && !found; i++) {
        found = id && r->secrets.p[i].id == id;
        *at = i;
        *name = r->secrets.p[i].id;
    }
    for (size_t i = 0; i < r->secrets.n && !found; i++) {
        found = !id || strcmp(r->secrets.p[i].id, id) == 0;
        *at = i;
        *name = r->secrets.p[i].id;
        buf_printf(&known, "%s%s", i ? ", " : "", r->secrets.p[i].id);
    }
    pthread_mutex_unlock(&r->lock);
    if (found) {
        return true;
    }
    if (!id || known.n == 0) {
        return err_set(e, ERR_VAULT, NO_MARK, "a vault password is needed to encrypt");
    }
    return err_set(e, ERR_VAULT, NO_MARK, "no password for the vault id '%s'; known ids: %.*s", id,
                   STR(buf_view(&known)));
}

static void hex_add(struct buf *b, struct str data) {
    char *p = buf_reserve(b, data.n * 2 + 1);
    hex_encode((const unsigned char *)data.s, data.n, p);
    b->n += data.n * 2;
}

static struct str format(struct arena *a, const char *id, struct str inner) {
    struct buf hex = BUF_IN(a);
    struct buf out = BUF_IN(a);
    bool labelled = strcmp(id, "default") != 0;
    hex_add(&hex, inner);
    buf_printf(&out, "%s;%s;AES256%s%s\n", MAGIC, labelled ? "1.2" : "1.1", labelled ? ";" : "", labelled ? id : "");
    for (size_t i = 0; i < hex.n; i += LINE) {
        buf_add(&out, hex.p + i, hex.n - i < LINE ? hex.n - i : LINE);
        buf_char(&out, '\n');
    }
    return buf_view(&out);
}

static struct str pad(struct arena *a, struct str plain) {
    size_t n = BLOCK - plain.n % BLOCK;
    char *p = arena_alloc(a, plain.n + n);
    if (plain.n > 0) {
        memcpy(p, plain.s, plain.n);
    }
    memset(p + plain.n, (int)n, n);
    return (struct str){p, plain.n + n};
}

bool vault_seal(struct vault_ring *r, const char *id, struct str plain, struct arena *a, struct str *envelope,
                struct err *e) {
    return vault_seal_with(r, &(struct vault_seal_opts){.id = id}, plain, a, envelope, e);
}

bool vault_salts(struct vault_ring *r, const char *id, size_t n, struct arena *a, struct str *salts, struct err *e) {
    size_t secret = 0;
    const char *name;
    if (!choose(r, id, &secret, &name, e)) {
        return false;
    }
    struct want *wants = ARENA_ARRAY(a, struct want, n + 1);
    for (size_t i = 0; i < n; i++) {
        unsigned char *salt = arena_alloc(a, SALT_LEN);
        random_bytes(salt, SALT_LEN);
        salts[i] = r->salt.n > 0 ? r->salt : (struct str){(const char *)salt, SALT_LEN};
        wants[i] = (struct want){.secret = secret, .salt = salts[i], .parts = PARTS};
    }
    derive(r, wants, n);
    return true;
}

bool vault_seal_with(struct vault_ring *r, const struct vault_seal_opts *o, struct str plain, struct arena *a,
                     struct str *envelope, struct err *e) {
    size_t i = 0;
    const char *name = "default";
    unsigned char key[DERIVED_LEN];
    unsigned char hmac[HMAC_LEN];
    char random[SALT_LEN];
    struct str salt = o->salt.n > 0 ? o->salt : (r->salt.n > 0 ? r->salt : (struct str){random, sizeof random});
    if (str_starts(plain, MAGIC)) {
        return err_set(e, ERR_VAULT, NO_MARK, "this is encrypted already");
    }
    if (!choose(r, o->id, &i, &name, e)) {
        return false;
    }
    struct arena tmp = {.secret = true};
    struct str padded = pad(&tmp, plain);
    char *sealed = arena_alloc(&tmp, padded.n);
    struct str cipher = {sealed, padded.n};
    random_bytes(random, sizeof random);
    key_of(r, (struct want){.secret = i, .salt = salt, .parts = PARTS}, key);
    crypt_ctr(key, padded, sealed);
    hmac_of(key, cipher, hmac);
    OPENSSL_cleanse(key, sizeof key);
    struct buf inner = BUF_IN(&tmp);
    hex_add(&inner, salt);
    buf_char(&inner, '\n');
    hex_add(&inner, (struct str){(const char *)hmac, sizeof hmac});
    buf_char(&inner, '\n');
    hex_add(&inner, cipher);
    *envelope = format(a, o->label ? o->label : name, buf_view(&inner));
    arena_release(&tmp);
    return true;
}
