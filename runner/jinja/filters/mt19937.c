// The Mersenne Twister MT19937 with the seeding of Python's random module.
#include "filters/mt19937.h"

#include "digest.h"
#include "fd.h"

#include <math.h>

#define N 624
#define M 397

static void init_genrand(struct mt *m, uint32_t s) {
    m->state[0] = s;
    for (uint32_t i = 1; i < N; i++) {
        uint32_t prev = m->state[i - 1];
        m->state[i] = 1812433253U * (prev ^ (prev >> 30)) + i;
    }
    m->at = N;
}

static void init_by_array(struct mt *m, const uint32_t *key, size_t len) {
    init_genrand(m, 19650218U);
    size_t i = 1, j = 0;
    for (size_t k = len > N ? len : N; k; k--) {
        uint32_t prev = m->state[i - 1];
        m->state[i] = (m->state[i] ^ ((prev ^ (prev >> 30)) * 1664525U)) + key[j] + (uint32_t)j;
        if (++i >= N) {
            m->state[0] = m->state[N - 1];
            i = 1;
        }
        if (++j >= len) {
            j = 0;
        }
    }
    for (size_t k = N - 1; k; k--) {
        uint32_t prev = m->state[i - 1];
        m->state[i] = (m->state[i] ^ ((prev ^ (prev >> 30)) * 1566083941U)) - (uint32_t)i;
        if (++i >= N) {
            m->state[0] = m->state[N - 1];
            i = 1;
        }
    }
    m->state[0] = 0x80000000U;
}

static uint32_t next32(struct mt *m) {
    if (m->system) {
        uint32_t r;
        random_bytes(&r, sizeof r);
        return r;
    }
    if (m->at >= N) {
        for (size_t k = 0; k < N; k++) {
            uint32_t y = (m->state[k] & 0x80000000U) | (m->state[(k + 1) % N] & 0x7fffffffU);
            m->state[k] = m->state[(k + M) % N] ^ (y >> 1) ^ ((y & 1) ? 0x9908b0dfU : 0);
        }
        m->at = 0;
    }
    uint32_t y = m->state[m->at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680U;
    y ^= (y << 15) & 0xefc60000U;
    return y ^ (y >> 18);
}

void mt_init_system(struct mt *m) {
    m->system = true;
}

static void seed_u64(struct mt *m, uint64_t n) {
    uint32_t key[2] = {(uint32_t)n, (uint32_t)(n >> 32)};
    init_by_array(m, key, key[1] ? 2 : 1);
}

/// A string seeds with its bytes and their SHA-512 behind them, read as one big-endian number.
static bool seed_text(struct mt *m, struct str s) {
    struct digest *d = digest_open("sha512");
    if (!d) {
        return false;
    }
    unsigned char sum[DIGEST_MAX];
    digest_add(d, s.s, s.n);
    size_t sum_n = digest_close(d, sum);
    size_t total = s.n + sum_n, words = (total + 3) / 4;
    struct buf b = {0};
    char *raw = buf_reserve(&b, words * 4);
    for (size_t w = 0; w < words; w++) {
        uint32_t v = 0;
        for (size_t k = 4; k > 0; k--) {
            size_t from_end = w * 4 + k;  // byte number from the end, 1-based
            unsigned char byte = 0;
            if (from_end <= total) {
                size_t pos = total - from_end;
                byte = pos < s.n ? (unsigned char)s.s[pos] : sum[pos - s.n];
            }
            v = v << 8 | byte;
        }
        memcpy(raw + w * 4, &v, 4);
    }
    struct arena a = {0};
    uint32_t *key = ARENA_ARRAY(&a, uint32_t, words);
    memcpy(key, raw, words * 4);
    while (words > 1 && !key[words - 1]) {
        words--;
    }
    init_by_array(m, key, words);
    arena_release(&a);
    buf_release(&b);
    return true;
}

/// Python's hash(float): the value modulo 2^61 - 1.
static uint64_t hash_float(double d) {
    const uint64_t mod = ((uint64_t)1 << 61) - 1;
    if (isinf(d)) {
        return 314159;
    }
    int exp = 0;
    double f = frexp(fabs(d), &exp);
    uint64_t x = 0;
    while (f != 0) {
        x = ((x << 28) & mod) | x >> 33;
        f *= 268435456.0;
        exp -= 28;
        uint64_t y = (uint64_t)f;
        f -= (double)y;
        x += y;
        x = x >= mod ? x - mod : x;
    }
    unsigned turn = exp >= 0 ? (unsigned)exp % 61 : 60 - (unsigned)(-1 - exp) % 61;
    return ((x << turn) & mod) | x >> (61 - turn);
}

bool mt_init_seed(struct mt *m, struct val seed) {
    m->system = false;
    switch ((enum val_kind)seed.kind) {
    case VAL_STR:
        return seed_text(m, val_text(seed));
    case VAL_BOOL:
        seed_u64(m, seed.u.b);
        return true;
    case VAL_INT:
        seed_u64(m, seed.u.i < 0 ? 0 - (uint64_t)seed.u.i : (uint64_t)seed.u.i);
        return true;
    case VAL_FLOAT: {
        if (isnan(seed.u.f)) {
            return false;
        }
        uint64_t h = hash_float(seed.u.f);
        // A negative hash is taken as an unsigned word, as C's size_t.
        seed_u64(m, signbit(seed.u.f) && h ? 0 - h : h);
        return true;
    }
    case VAL_UNDEF:
    case VAL_NULL:
    case VAL_LIST:
    case VAL_TUPLE:
    case VAL_DICT:
    case VAL_OMIT:
    case VAL_OBJ:
        break;
    }
    return false;
}

uint64_t mt_below(struct mt *m, uint64_t n) {
    unsigned bits = 64 - (unsigned)__builtin_clzll(n | 1);
    if (!n) {
        return 0;
    }
    for (;;) {
        uint64_t r;
        if (bits <= 32) {
            r = next32(m) >> (32 - bits);
        } else {
            r = next32(m);
            r |= (uint64_t)(next32(m) >> (64 - bits)) << 32;
        }
        if (r < n) {
            return r;
        }
    }
}

void mt_shuffle(struct mt *m, struct val *items, size_t n) {
    for (size_t i = n; i-- > 1;) {
        size_t j = (size_t)mt_below(m, i + 1);
        struct val t = items[i];
        items[i] = items[j];
        items[j] = t;
    }
}
