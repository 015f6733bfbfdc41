// Key derivation. The two padded keys are hashed once, then each round is two compressions.
#define OPENSSL_SUPPRESS_DEPRECATED  // libcrypto offers the bare compression function only under its old name
#include "kdf.h"

#include "buf.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

enum { BLOCK_LEN = 64, SUM_LEN = 32 };

static void put32(unsigned char *p, uint32_t v) {
    p[0] = (unsigned char)(v >> 24);
    p[1] = (unsigned char)(v >> 16);
    p[2] = (unsigned char)(v >> 8);
    p[3] = (unsigned char)v;
}

// The state behind one block of the padded key.
static void start(SHA256_CTX *c, const unsigned char key[BLOCK_LEN], unsigned char with) {
    unsigned char block[BLOCK_LEN];
    for (size_t i = 0; i < BLOCK_LEN; i++) {
        block[i] = key[i] ^ with;
    }
    SHA256_Init(c);
    SHA256_Transform(c, block);
    OPENSSL_cleanse(block, sizeof block);
}

// One more hash of a sum, behind the block in `from`: `block` holds the sum and the padding of 96 bytes.
static void step(const SHA256_CTX *from, unsigned char block[BLOCK_LEN]) {
    SHA256_CTX c = *from;
    SHA256_Transform(&c, block);
    for (size_t i = 0; i < SUM_LEN / 4; i++) {
        put32(block + 4 * i, c.h[i]);
    }
}

static void one_block(struct str password, struct str first, const SHA256_CTX pads[2], unsigned rounds,
                      unsigned char sum[SUM_LEN]) {
    unsigned char block[BLOCK_LEN] = {0};
    unsigned n = 0;
    if (!HMAC(EVP_sha256(), password.n > 0 ? password.s : "", (int)password.n, (const unsigned char *)first.s, first.n,
              block, &n)) {
        BUG("libcrypto cannot compute an HMAC");
    }
    memcpy(sum, block, SUM_LEN);
    block[SUM_LEN] = 0x80;
    put32(block + BLOCK_LEN - 4, (BLOCK_LEN + SUM_LEN) * 8);
    for (unsigned r = 1; r < rounds; r++) {
        step(&pads[0], block);
        step(&pads[1], block);
        for (size_t i = 0; i < SUM_LEN; i++) {
            sum[i] ^= block[i];
        }
    }
    OPENSSL_cleanse(block, sizeof block);
}

void vault_pbkdf2(struct str password, struct str salt, unsigned rounds, unsigned char *out, size_t n) {
    unsigned char key[BLOCK_LEN] = {0};
    unsigned char sum[SUM_LEN];
    SHA256_CTX pads[2];
    struct arena tmp = {.secret = true};
    if (password.n > BLOCK_LEN) {
        SHA256((const unsigned char *)password.s, password.n, key);
    } else if (password.n > 0) {
        memcpy(key, password.s, password.n);
    }
    start(&pads[0], key, 0x36);
    start(&pads[1], key, 0x5c);
    for (uint32_t i = 1; n > 0; i++) {
        struct buf first = BUF_IN(&tmp);
        unsigned char number[4];
        size_t part = n < SUM_LEN ? n : SUM_LEN;
        put32(number, i);
        buf_str(&first, salt);
        buf_add(&first, number, sizeof number);
        one_block(password, buf_view(&first), pads, rounds, sum);
        memcpy(out, sum, part);
        out += part;
        n -= part;
    }
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(sum, sizeof sum);
    OPENSSL_cleanse(pads, sizeof pads);
    arena_release(&tmp);
}
