// Unit tests: `TEST(name) { CHECK(...); }` in tests/unit/<layer>/*.c; the table of each layer is generated.
#pragma once
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct test {
    const char *name;
    void (*fn)(void);
};
struct test_entry {
    const char *name;
    const struct test *it;
};
extern const struct test_entry test_table[];
extern const size_t test_count;

#define TEST(n)                                                                                                        \
    static void test_fn_##n(void);                                                                                     \
    extern const struct test test_##n;                                                                                 \
    const struct test test_##n = {#n, test_fn_##n};                                                                    \
    static void test_fn_##n(void)

#define CHECK(x) assert_true(x)
/// Compares a struct str with a C string and shows both on failure.
#define CHECK_STR(got, want)                                                                                           \
    do {                                                                                                               \
        struct str got_ = (got);                                                                                       \
        char *z_ = strndup(got_.s ? got_.s : "", got_.n);                                                              \
        assert_string_equal(z_, (want));                                                                               \
        free(z_);                                                                                                      \
    } while (0)
