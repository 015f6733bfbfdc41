// Runs the generated table of one layer's tests with cmocka; an argument selects tests by substring.
#include "test.h"

static void run_one(void **state) {
    const struct test *t = *state;
    t->fn();
}

int main(int argc, char **argv) {
    struct CMUnitTest *tests = calloc(test_count, sizeof *tests);
    size_t n = 0;
    for (size_t i = 0; i < test_count; i++) {
        if (argc > 1 && !strstr(test_table[i].name, argv[1])) {
            continue;
        }
        union {
            const struct test *c;
            void *p;
        } it = {.c = test_table[i].it};
        tests[n++] = (struct CMUnitTest){.name = test_table[i].name, .test_func = run_one, .initial_state = it.p};
    }
    int failed = _cmocka_run_group_tests("unit", tests, n, NULL, NULL);
    free(tests);
    return failed != 0;
}
