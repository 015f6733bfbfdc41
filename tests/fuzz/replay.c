// Runs a fuzz target over every file of the directories given: a crash found once stays a test.
#include "fd.h"

#include <dirent.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static size_t replay(const char *dir) {
    struct arena a = {0};
    size_t files = 0;
    DIR *d = opendir(dir);
    for (struct dirent *de; d && (de = readdir(d));) {
        struct err e = {.arena = &a};
        struct str text;
        if (de->d_name[0] != '.' &&
            fd_read_file(arena_printf(&a, "%s/%s", dir, de->d_name), (size_t)64 << 20, &a, &text, &e)) {
            // A copy of exactly this size, so that reading past the end is seen.
            uint8_t *copy = arena_alloc(&a, text.n + 1);
            memcpy(copy, text.s, text.n);
            LLVMFuzzerTestOneInput(copy, text.n);
            files++;
        }
        arena_reset(&a);
    }
    if (d) {
        closedir(d);
    }
    arena_release(&a);
    return files;
}

int main(int argc, char **argv) {
    size_t files = 0;
    for (int i = 1; i < argc; i++) {
        files += replay(argv[i]);
    }
    printf("%zu files replayed\n", files);
    return files > 0 ? 0 : 1;
}
