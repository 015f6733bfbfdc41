// run_cases [-v] [-k TEXT] PLAY-REMOTE PATH...: the cases of these files and directories (README.md).
#include "modtest.h"

#include <unistd.h>

int main(int argc, char **argv) {
    struct modtest t = {0};
    int opt;
    while ((opt = getopt(argc, argv, "vk:")) != -1) {  // NOLINT(concurrency-mt-unsafe): one thread
        if (opt == 'v') {
            t.verbose = true;
        } else if (opt == 'k') {
            t.only = optarg;
        } else {
            return 2;
        }
    }
    if (argc - optind < 2) {
        fprintf(stderr, "usage: run_cases [-v] [-k TEXT] PLAY-REMOTE PATH...\n");
        return 2;
    }
    t.program = argv[optind];
    t.paths = (const char *const *)argv + optind + 1;
    t.npaths = (size_t)(argc - optind - 1);
    return modtest_run(&t);
}
