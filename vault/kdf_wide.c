// Sixteen SHA-256 compressions side by side, one in each 32-bit lane of an AVX-512 register. One compression costs a
// third of what the SHA instructions need, which work on a single chain and wait for themselves.
#include "kdf_wide.h"

#ifdef __x86_64__
#include <immintrin.h>

#define WIDE __attribute__((target("avx512f")))
typedef __m512i lanes;

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// The names are FIPS 180-4's. The last argument of ternarylogic is the truth table of the function.
#define ADD(x, y)     _mm512_add_epi32((x), (y))
#define ROTR(x, n)    _mm512_ror_epi32((x), (n))
#define SHR(x, n)     _mm512_srli_epi32((x), (n))
#define XOR3(x, y, z) _mm512_ternarylogic_epi32((x), (y), (z), 0x96)
#define CH(x, y, z)   _mm512_ternarylogic_epi32((x), (y), (z), 0xca)
#define MAJ(x, y, z)  _mm512_ternarylogic_epi32((x), (y), (z), 0xe8)
#define SIGMA_BIG0(x) XOR3(ROTR(x, 2), ROTR(x, 13), ROTR(x, 22))
#define SIGMA_BIG1(x) XOR3(ROTR(x, 6), ROTR(x, 11), ROTR(x, 25))
#define SIGMA_LOW0(x) XOR3(ROTR(x, 7), ROTR(x, 18), SHR(x, 3))
#define SIGMA_LOW1(x) XOR3(ROTR(x, 17), ROTR(x, 19), SHR(x, 10))

#define ROUND(a, b, c, d, e, f, g, h, i)                                                                               \
    do {                                                                                                               \
        lanes wk = ADD(w[i], _mm512_set1_epi32((int)K[t + (i)]));                                                      \
        lanes t1 = ADD(ADD(h, wk), ADD(SIGMA_BIG1(e), CH(e, f, g)));                                                   \
        d = ADD(d, t1);                                                                                                \
        h = ADD(t1, ADD(SIGMA_BIG0(a), MAJ(a, b, c)));                                                                 \
    } while (0)
#define EIGHT(i)                                                                                                       \
    ROUND(a, b, c, d, e, f, g, h, i);                                                                                  \
    ROUND(h, a, b, c, d, e, f, g, (i) + 1);                                                                            \
    ROUND(g, h, a, b, c, d, e, f, (i) + 2);                                                                            \
    ROUND(f, g, h, a, b, c, d, e, (i) + 3);                                                                            \
    ROUND(e, f, g, h, a, b, c, d, (i) + 4);                                                                            \
    ROUND(d, e, f, g, h, a, b, c, (i) + 5);                                                                            \
    ROUND(c, d, e, f, g, h, a, b, (i) + 6);                                                                            \
    ROUND(b, c, d, e, f, g, h, a, (i) + 7)
#define NEXT(i)                                                                                                        \
    w[i] = ADD(ADD(w[i], SIGMA_LOW0(w[((i) + 1) & 15])), ADD(w[((i) + 9) & 15], SIGMA_LOW1(w[((i) + 14) & 15])))

// One block: the message is a hash of 8 words behind a block of key, so its padding says 96 bytes.
// NOLINTNEXTLINE(readability-function-cognitive-complexity): a straight line, written in macros
WIDE static inline void compress(const lanes from[KDF_WORDS], lanes s[KDF_WORDS]) {
    lanes a = from[0], b = from[1], c = from[2], d = from[3], e = from[4], f = from[5], g = from[6], h = from[7];
    lanes w[16] = {s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], _mm512_set1_epi32((int)0x80000000)};
    w[15] = _mm512_set1_epi32(96 * 8);
    for (unsigned t = 0; t < 64; t += 16) {
        if (t > 0) {
            NEXT(0);
            NEXT(1);
            NEXT(2);
            NEXT(3);
            NEXT(4);
            NEXT(5);
            NEXT(6);
            NEXT(7);
        }
        EIGHT(0);
        if (t > 0) {
            NEXT(8);
            NEXT(9);
            NEXT(10);
            NEXT(11);
            NEXT(12);
            NEXT(13);
            NEXT(14);
            NEXT(15);
        }
        EIGHT(8);
    }
    s[0] = ADD(from[0], a);
    s[1] = ADD(from[1], b);
    s[2] = ADD(from[2], c);
    s[3] = ADD(from[3], d);
    s[4] = ADD(from[4], e);
    s[5] = ADD(from[5], f);
    s[6] = ADD(from[6], g);
    s[7] = ADD(from[7], h);
}

// Word i of all lanes.
WIDE static void gather(const struct kdf_lane *l, size_t offset, lanes out[KDF_WORDS]) {
    for (size_t i = 0; i < KDF_WORDS; i++) {
        uint32_t word[KDF_WIDE];
        for (size_t k = 0; k < KDF_WIDE; k++) {
            const unsigned char *from = (const unsigned char *)&l[k] + offset;
            memcpy(&word[k], from + i * sizeof *word, sizeof *word);
        }
        out[i] = _mm512_loadu_si512(word);
        explicit_bzero(word, sizeof word);
    }
}

WIDE static void scatter(const lanes in[KDF_WORDS], struct kdf_lane *l) {
    for (size_t i = 0; i < KDF_WORDS; i++) {
        uint32_t word[KDF_WIDE];
        _mm512_storeu_si512(word, in[i]);
        for (size_t k = 0; k < KDF_WIDE; k++) {
            l[k].sum[i] = word[k];
        }
        explicit_bzero(word, sizeof word);
    }
}

WIDE void kdf_wide(struct kdf_lane *l, unsigned rounds) {
    lanes inner[KDF_WORDS];
    lanes outer[KDF_WORDS];
    lanes last[KDF_WORDS];
    lanes sum[KDF_WORDS];
    gather(l, offsetof(struct kdf_lane, inner), inner);
    gather(l, offsetof(struct kdf_lane, outer), outer);
    gather(l, offsetof(struct kdf_lane, last), last);
    gather(l, offsetof(struct kdf_lane, sum), sum);
    for (unsigned r = 0; r < rounds; r++) {
        compress(inner, last);
        compress(outer, last);
        for (size_t i = 0; i < KDF_WORDS; i++) {
            sum[i] = _mm512_xor_si512(sum[i], last[i]);
        }
    }
    scatter(sum, l);
    explicit_bzero(inner, sizeof inner);
    explicit_bzero(outer, sizeof outer);
    explicit_bzero(last, sizeof last);
    explicit_bzero(sum, sizeof sum);
}

bool kdf_wide_can(void) {
    return __builtin_cpu_supports("avx512f") != 0;
}
#else
bool kdf_wide_can(void) {
    return false;
}

void kdf_wide(struct kdf_lane *lanes, unsigned rounds) {
    (void)lanes;
    (void)rounds;
    BUG("this processor has no wide registers");
}
#endif
