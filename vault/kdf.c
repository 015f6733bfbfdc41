// Key derivation. The two padded keys are hashed once, then each round is two compressions, all of them libcrypto's.
#define OPENSSL_SUPPRESS_DEPRECATED  // libcrypto offers the bare compression function only under its old name
#include "kdf.h"

#include "buf.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <unistd.h>

enum {
    BLOCK_LEN = 64,
    WORDS = 8,
    THREADS_MAX = 16,
};

// A running derivation.
struct run {
    uint32_t inner[WORDS], outer[WORDS];  // SHA-256 behind the padded key
    uint32_t last[WORDS], sum[WORDS];     // U of RFC 8018, and what all of them give
};

// -- one derivation --------------------------------------------------------------------------------------------------

static void put32(unsigned char *p, uint32_t v) {
    p[0] = (unsigned char)(v >> 24);
    p[1] = (unsigned char)(v >> 16);
    p[2] = (unsigned char)(v >> 8);
    p[3] = (unsigned char)v;
}

static void put_words(unsigned char *p, const uint32_t w[WORDS]) {
    for (size_t i = 0; i < WORDS; i++) {
        put32(p + 4 * i, w[i]);
    }
}

// The state behind one block of the padded key.
static void behind_key(uint32_t state[WORDS], const unsigned char key[BLOCK_LEN], unsigned char with) {
    unsigned char block[BLOCK_LEN];
    SHA256_CTX c;
    for (size_t i = 0; i < BLOCK_LEN; i++) {
        block[i] = key[i] ^ with;
    }
    SHA256_Init(&c);
    SHA256_Transform(&c, block);
    memcpy(state, c.h, sizeof c.h);
    OPENSSL_cleanse(block, sizeof block);
    OPENSSL_cleanse(&c, sizeof c);
}

// The first round: HMAC(password, salt || number).
static void first_round(const struct kdf_job *j, struct run *l) {
    struct arena tmp = {0};  // a salt is no secret
    struct buf text = BUF_IN(&tmp);
    unsigned char number[4];
    unsigned char sum[KDF_BLOCK];
    unsigned n = 0;
    put32(number, j->number);
    buf_str(&text, j->salt);
    buf_add(&text, number, sizeof number);
    if (!HMAC(EVP_sha256(), j->password.n > 0 ? j->password.s : "", (int)j->password.n, (const unsigned char *)text.p,
              text.n, sum, &n) ||
        n != sizeof sum) {
        BUG("libcrypto cannot compute an HMAC");
    }
    for (size_t i = 0; i < WORDS; i++) {
        l->last[i] = (uint32_t)sum[4 * i] << 24 | (uint32_t)sum[4 * i + 1] << 16 | (uint32_t)sum[4 * i + 2] << 8 |
                     sum[4 * i + 3];
        l->sum[i] = l->last[i];
    }
    OPENSSL_cleanse(sum, sizeof sum);
    arena_release(&tmp);
}

static void begin(const struct kdf_job *j, struct run *l) {
    unsigned char key[BLOCK_LEN] = {0};
    if (j->password.n > INT32_MAX || j->salt.n > INT32_MAX) {
        BUG("a password or salt of 2 GiB");
    }
    if (j->password.n > BLOCK_LEN) {
        SHA256((const unsigned char *)j->password.s, j->password.n, key);
    } else if (j->password.n > 0) {
        memcpy(key, j->password.s, j->password.n);
    }
    behind_key(l->inner, key, 0x36);
    behind_key(l->outer, key, 0x5c);
    first_round(j, l);
    OPENSSL_cleanse(key, sizeof key);
}

// Half a sum. Moved as one: the compression reads 16 bytes at once, and would wait for narrower writes before it.
typedef uint32_t quad __attribute__((vector_size(16)));

static quad big_endian(quad x) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    x = (x & 0xff00ff00U) >> 8 | (x & 0x00ff00ffU) << 8;
    x = x << 16 | x >> 16;
#endif
    return x;
}

// One more hash of a sum, behind the block that gave `from`: `block` holds the sum and the padding of 96 bytes.
static void step(SHA256_CTX *c, const uint32_t from[WORDS], unsigned char block[BLOCK_LEN], quad out[2]) {
    memcpy(c->h, from, sizeof c->h);
    SHA256_Transform(c, block);
    memcpy(out, c->h, sizeof c->h);
    quad sum[2] = {big_endian(out[0]), big_endian(out[1])};
    memcpy(block, sum, sizeof sum);
}

static void rest(struct run *l, unsigned rounds) {
    unsigned char block[BLOCK_LEN] = {0};
    quad last[2] = {0};
    quad sum[2];
    SHA256_CTX c;
    SHA256_Init(&c);
    memcpy(sum, l->sum, sizeof sum);
    put_words(block, l->last);
    block[KDF_BLOCK] = 0x80;
    put32(block + BLOCK_LEN - 4, (BLOCK_LEN + KDF_BLOCK) * 8);
    for (unsigned r = 0; r < rounds; r++) {
        step(&c, l->inner, block, last);
        step(&c, l->outer, block, last);
        sum[0] ^= last[0];
        sum[1] ^= last[1];
    }
    memcpy(l->sum, sum, sizeof sum);
    OPENSSL_cleanse(block, sizeof block);
    OPENSSL_cleanse(&c, sizeof c);
    OPENSSL_cleanse(last, sizeof last);
    OPENSSL_cleanse(sum, sizeof sum);
}

// -- many ------------------------------------------------------------------------------------------------------------

struct work {
    const struct kdf_job *jobs;
    size_t n, next;
    unsigned rounds;
    pthread_mutex_t lock;
};

static void derive(const struct kdf_job *j, unsigned rounds) {
    struct run r = {0};
    begin(j, &r);
    rest(&r, rounds - 1);
    put_words(j->out, r.sum);
    OPENSSL_cleanse(&r, sizeof r);
}

static void *worker(void *p) {
    struct work *w = p;
    for (;;) {
        pthread_mutex_lock(&w->lock);
        const struct kdf_job *j = w->next < w->n ? &w->jobs[w->next++] : NULL;
        pthread_mutex_unlock(&w->lock);
        if (!j) {
            return NULL;
        }
        derive(j, w->rounds);
    }
}

static size_t processors(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : ((size_t)n > THREADS_MAX ? THREADS_MAX : (size_t)n);
}

void kdf_run(const struct kdf_job *jobs, size_t n, unsigned rounds) {
    struct work w = {.jobs = jobs, .n = n, .rounds = rounds};
    pthread_t threads[THREADS_MAX];
    size_t want = processors();
    want = want > n ? n : want;
    pthread_mutex_init(&w.lock, NULL);
    size_t started = 0;
    while (started + 1 < want && pthread_create(&threads[started], NULL, worker, &w) == 0) {
        started++;
    }
    worker(&w);
    for (size_t i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_mutex_destroy(&w.lock);
}
