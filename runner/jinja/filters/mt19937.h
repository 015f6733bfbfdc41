// Python's random.Random: the Mersenne Twister with its seeding, so that a seed gives the same choices as in Ansible.
#pragma once
#include "val.h"

struct mt {
    bool system;  // random numbers of the system instead
    uint32_t state[624];
    size_t at;
};

/// The system's random numbers (random.SystemRandom).
void mt_init_system(struct mt *m);
/// Seeds as Random(seed) does for a string, an integer, a bool or a float; false for any other type.
bool mt_init_seed(struct mt *m, struct val seed);
/// A number from 0 to n-1, n > 0, as Random._randbelow.
uint64_t mt_below(struct mt *m, uint64_t n);
/// Shuffles items as Random.shuffle.
void mt_shuffle(struct mt *m, struct val *items, size_t n);
