// Pieces: their sizes, and that a change stays where it is.
#include "pieces.h"
#include "fd.h"

#include "test.h"

#define SIZE ((size_t)4 << 20)

static size_t cut(struct str data, size_t *ends) {
    size_t n = 0;
    for (size_t at = 0; at < data.n; n++) {
        size_t len = piece_length(str_sub(data, at, data.n));
        CHECK(len > 0 && len <= PIECE_MAX && (len >= PIECE_MIN || at + len == data.n));
        at += len;
        ends[n] = at;
    }
    return n;
}

TEST(pieces_have_bounded_sizes) {
    struct arena a = {0};
    size_t ends[SIZE / PIECE_MIN + 1];
    char *p = arena_alloc(&a, SIZE);
    random_bytes(p, SIZE);
    size_t n = cut((struct str){p, SIZE}, ends);
    CHECK(n > SIZE / PIECE_MAX && n < SIZE / PIECE_MIN);
    memset(p, 'a', SIZE);
    CHECK(cut((struct str){p, SIZE}, ends) == SIZE / PIECE_MAX);
    CHECK(piece_length(STR_LIT("")) == 0 && piece_length(STR_LIT("abc")) == 3);
    arena_release(&a);
}

TEST(pieces_behind_a_change_stay_the_same) {
    struct arena a = {0};
    size_t before[SIZE / PIECE_MIN + 1];
    size_t after[SIZE / PIECE_MIN + 1];
    char *p = arena_alloc(&a, SIZE + 7);
    random_bytes(p + 7, SIZE);
    size_t n = cut((struct str){p + 7, SIZE}, before);
    memset(p, 'i', 7);
    size_t m = cut((struct str){p, SIZE + 7}, after);
    size_t same = 0;
    while (same < n && same < m && before[n - 1 - same] + 7 == after[m - 1 - same]) {
        same++;
    }
    CHECK(same + 4 >= n);
    arena_release(&a);
}
