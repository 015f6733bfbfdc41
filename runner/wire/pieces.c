// A rolling sum over the last 64 bytes ("gear"): a piece ends where its upper 16 bits are zero.
#include "pieces.h"

/// 256 numbers without a pattern (splitmix64), the same everywhere.
static void gear_table(uint64_t t[256]) {
    uint64_t x = 0;
    for (size_t i = 0; i < 256; i++) {
        x += 0x9e3779b97f4a7c15U;
        uint64_t z = x;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        t[i] = z ^ (z >> 31);
    }
}

size_t piece_length(struct str rest) {
    uint64_t gear[256];
    uint64_t sum = 0;
    size_t end = rest.n < PIECE_MAX ? rest.n : PIECE_MAX;
    if (end <= PIECE_MIN) {
        return end;
    }
    gear_table(gear);
    for (size_t i = PIECE_MIN - 64; i < end; i++) {
        sum = (sum << 1) + gear[(unsigned char)rest.s[i]];
        if (i >= PIECE_MIN && sum >> 48 == 0) {
            return i;
        }
    }
    return end;
}
