// Edit distance (with transpositions) between short names.
#include "typo.h"

#define MAX_NAME 64

static char lower(char c) {
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static size_t min3(size_t a, size_t b, size_t c) {
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

static size_t distance(struct str a, struct str b) {
    size_t rows[3][MAX_NAME + 1];
    for (size_t j = 0; j <= b.n; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a.n; i++) {
        size_t *now = rows[i % 3];
        const size_t *prev = rows[(i + 2) % 3];
        const size_t *prev2 = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            char x = lower(a.s[i - 1]);
            char y = lower(b.s[j - 1]);
            now[j] = min3(prev[j] + 1, now[j - 1] + 1, prev[j - 1] + (x != y));
            bool swapped = i > 1 && j > 1 && x == lower(b.s[j - 2]) && y == lower(a.s[i - 2]);
            if (swapped && prev2[j - 2] + 1 < now[j]) {
                now[j] = prev2[j - 2] + 1;
            }
        }
    }
    return rows[a.n % 3][b.n];
}

void typo_offer(struct typo *t, struct str known) {
    if (t->got.n == 0 || t->got.n > MAX_NAME || known.n == 0 || known.n > MAX_NAME) {
        return;
    }
    size_t limit = t->got.n <= 3 ? 1 : (t->got.n <= 7 ? 2 : 3);
    size_t d = distance(t->got, known);
    if (d <= limit && d < known.n && (!t->best.s || d < t->distance)) {
        t->best = known;
        t->distance = d;
    }
}

const char *typo_nearest(struct str got, const char *const *names, size_t n) {
    struct typo t = {.got = got};
    for (size_t i = 0; i < n; i++) {
        typo_offer(&t, str_from(names[i]));
    }
    return t.best.s;
}
