// run_cases [-v] [-k TEXT] [-l|-r|[-m] [-s] [-f FAULT_PROGRAM] [-n POINTS]] [-1] PLAY-REMOTE PATH...: the cases of
// these files and directories (README.md); with -f, each of those that write is killed, and meets a full disk (not with
// -s), at its system calls; with -m, at moments in time, and the disk is filled; with -l, what they write is a link of
// another user to a file of root's; with -r, it becomes one meanwhile.
#include "modtest.h"

#include <unistd.h>

int main(int argc, char **argv) {
    struct modtest t = {0};
    int opt;
    while ((opt = getopt(argc, argv, "vlrms1k:f:n:")) != -1) {  // NOLINT(concurrency-mt-unsafe): one thread
        if (opt == 'v') {
            t.verbose = true;
        } else if (opt == 'l') {
            t.links = true;
        } else if (opt == 'r') {
            t.races = true;
        } else if (opt == 'm') {
            t.moments = true;
        } else if (opt == 's') {
            t.kills = true;
        } else if (opt == '1') {
            t.first = true;
        } else if (opt == 'k') {
            t.only = optarg;
        } else if (opt == 'f') {
            t.faults = optarg;
        } else if (opt == 'n') {
            t.points = (int)strtol(optarg, NULL, 10);
        } else {
            return 2;
        }
    }
    if (argc - optind < 2) {
        fprintf(stderr, "usage: run_cases [-v] [-k TEXT] [-l|-r|[-m] [-s] [-f FAULT_PROGRAM] [-n POINTS]] [-1] "
                        "PLAY-REMOTE PATH...\n");
        return 2;
    }
    t.program = argv[optind];
    t.paths = (const char *const *)argv + optind + 1;
    t.npaths = (size_t)(argc - optind - 1);
    return modtest_run(&t);
}
