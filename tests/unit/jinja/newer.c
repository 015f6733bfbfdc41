// Plugins and options that ansible-core 2.14 does not have yet; expected results from the documentation of 2.18.
#include "test.h"

#include "fd.h"
#include "jinja.h"

#include <unistd.h>

#define FILES TEST_DATA "/cases/plugins/files/"

static bool find_newer(void *self, const char *kind, struct str name, struct arena *a, struct str *path,
                       struct err *e) {
    (void)self;
    const char *full = str_z(a, str_printf(a, FILES "%s/%.*s", kind, STR(name)));
    *path = str_from(full);
    return access(full, R_OK) == 0 || err_set(e, ERR_NOT_FOUND, NO_MARK, "no file");
}

static bool read_newer(void *self, struct str path, struct arena *a, struct str *text, bool *secret, struct err *e) {
    (void)self;
    *secret = false;
    return fd_read_file(str_z(a, path), 1 << 20, a, text, e);
}

/// `want` NULL: an error.
static void check_all(const char *const (*cases)[2], size_t n) {
    static const struct jinja_host host = {.find = find_newer, .read = read_newer};
    struct jinja_cache *cache = jinja_cache_new();
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        struct arena a = {0};
        struct err e = {.arena = &a};
        struct jinja_ctx ctx = {.a = &a, .cache = cache, .opts = &jinja_opts_file, .host = &host};
        struct val v;
        struct buf b = BUF_IN(&a);
        bool ok = jinja_expr(&ctx, str_from(cases[i][0]), NO_MARK, false, &v, &e);
        if (ok) {
            val_to_repr(&b, v);
        }
        struct str got = ok ? buf_view(&b) : err_text(&e);
        if (ok != (cases[i][1] != NULL) || (ok && !str_eqz(got, cases[i][1]))) {
            print_error("%s\n  want [%s]\n  got  [%.*s]\n", cases[i][0], cases[i][1] ? cases[i][1] : "an error",
                        STR(got));
            bad++;
        }
        arena_release(&a);
    }
    jinja_cache_free(cache);
    assert_int_equal(bad, 0);
}

TEST(newer_filters) {
    static const char *const cases[][2] = {
        {"['/a/b/c', '/a/b/d'] | commonpath", "'/a/b'"},
        {"['/a/b', '/c'] | commonpath", "'/'"},
        {"['a/./b', 'a//b/c'] | commonpath", "'a/b'"},
        {"['a', 'b'] | commonpath", "''"},
        {"['/a', 'a'] | commonpath", NULL},
        {"[] | commonpath", NULL},
        {"'x' | commonpath", NULL},
        {"'/a/./b/../c//d' | normpath", "'/a/c/d'"},
        {"'../a/..' | normpath", "'..'"},
        {"'//a' | normpath", "'//a'"},
        {"'' | normpath", "'.'"},
        {"5 | normpath", NULL},
        {"'aaa' | regex_replace('a', 'b', count=2)", "'bba'"},
        {"'aaa' | regex_replace('a', 'b', mandatory_count=3)", "'bbb'"},
        {"'aaa' | regex_replace('a', 'b', mandatory_count=2)", NULL},
        {"'a?>b' | b64encode", "'YT8+Yg=='"},
        {"'a?>b' | b64encode(urlsafe=true)", "'YT8-Yg=='"},
        {"'YT8-Yg==' | b64decode(urlsafe=true)", "'a?>b'"},
        {"('x' | password_hash('bcrypt', 'abcdefghijklmnopqrstuu'))[:7]", "'$2b$12$'"},
        {"('x' | password_hash('blowfish', 'abcdefghijklmnopqrstuu', ident='2y', rounds=5))[:7]", "'$2y$05$'"},
        {"'x' | password_hash('bcrypt', 'abcdefghijklmnopqrstuu', ident='3x')", NULL},
        {"'x' | password_hash('sha512', 'a', rounds=10)", NULL},
    };
    check_all(cases, COUNTOF(cases));
}

TEST(newer_tests) {
    static const char *const cases[][2] = {
        {"{'timedout': {'period': 5}} is timedout", "True"},
        {"{'timedout': false} is timedout", "False"},
        {"{} is timedout", "False"},
        {"'x' is timedout", NULL},
        {"'" FILES "files/a.txt' is vaulted_file", "False"},
        {"'/nope' is vaulted_file", NULL},
        {"'1.0' is version('1.0.0', '==', version_type='pep440')", "True"},
        {"'1.0.dev1' is version('1.0a1', '<', version_type='pep440')", "True"},
        {"'1.0a1.dev1' is version('1.0a1', '<', version_type='pep440')", "True"},
        {"'1.0rc1' is version('1.0', '<', version_type='pep440')", "True"},
        {"'1.0a2' is version('1.0b1', '<', version_type='pep440')", "True"},
        {"'1.0.post1' is version('1.0', '>', version_type='pep440')", "True"},
        {"'1.0-1' is version('1.0.post1', '==', version_type='pep440')", "True"},
        {"'1.0.post1.dev2' is version('1.0', '>', version_type='pep440')", "True"},
        {"'1!0.5' is version('2.0', '>', version_type='pep440')", "True"},
        {"'1.0+abc' is version('1.0', '>', version_type='pep440')", "True"},
        {"'1.0+5' is version('1.0+abc', '>', version_type='pep440')", "True"},
        {"'V1.0ALPHA1' is version('1.0a1', '==', version_type='pep440')", "True"},
        {"'1.0-x' is version('1.0', version_type='pep440')", NULL},
    };
    check_all(cases, COUNTOF(cases));
}

TEST(newer_lookups) {
    static const char *const cases[][2] = {
        {"query('sequence', start=1, end=3)", "['1', '2', '3']"},
        {"query('sequence', count=2, format='h%02d')", "['h01', 'h02']"},
        {"query('sequence', start=1, ends=3)", NULL},
        {"lookup('csvfile', '3', file='elements.csv', delimiter=',', keycol=1, col=0)", "'Li'"},
        {"lookup('csvfile', '3', file='elements.csv', delimiter=',', keycol=7)", NULL},
        {"lookup('ini', 'pass', file='users.ini', section='production', interpolation=false)", "'some %%value'"},
        {"query('first_found', files=['nope', 'a.txt'], skip=true) | map('basename')", "['a.txt']"},
        {"query('subelements', [{'a': 1}, {'l': [1]}], 'l', skip_missing=true)", "[({}, 1)]"},
    };
    check_all(cases, COUNTOF(cases));
}

// What hashids.org and its libraries give; the Python library is not one of Debian's.
TEST(hashids) {
    static const char *const cases[][2] = {
        {"12345 | community.general.hashids_encode('this is my salt')", "'NkK9'"},
        {"[683, 94108, 123, 5] | community.general.hashids_encode(salt='this is my salt')", "'aBMswoO2UB3Sj'"},
        {"1 | community.general.hashids_encode('this is my salt', min_length=8)", "'gB0NV05e'"},
        {"[5, 5, 5, 5] | community.general.hashids_encode('this is my salt')", "'1Wc8cwcE'"},
        {"range(1, 11) | list | community.general.hashids_encode('this is my salt')", "'kRHnurhptKcjIDTWC3sx'"},
        {"[1, 2, 3, 4, 5] | map('community.general.hashids_encode', 'this is my salt') | list",
         "['NV', '6m', 'yD', '2l', 'rD']"},
        {"1234567 | community.general.hashids_encode('this is my salt', '0123456789abcdef')", "'b332db5'"},
        {"'aBMswoO2UB3Sj' | community.general.hashids_decode('this is my salt')", "[683, 94108, 123, 5]"},
        {"'aBMswoO2UB3Sj' | community.general.hashids_decode('another salt')", "[]"},
        {"1 | community.general.hashids_encode(min_length=20) | community.general.hashids_decode(min_length=20)",
         "[1]"},
        {"(1 | community.general.hashids_encode(min_length=200)) | length", "200"},
        {"9223372036854775807 | community.general.hashids_encode | community.general.hashids_decode",
         "[9223372036854775807]"},
        {"2.5 | community.general.hashids_encode", "''"},
        {"-1 | community.general.hashids_encode", "''"},
        {"'x' | community.general.hashids_encode", "''"},
        {"[] | community.general.hashids_encode", "''"},
        {"'' | community.general.hashids_decode", "[]"},
        {"5 | community.general.hashids_decode", "[]"},
        {"'~~' | community.general.hashids_decode", "[]"},
        {"[[1]] | community.general.hashids_encode", NULL},
        {"1 | community.general.hashids_encode(salt=10)", NULL},
        {"1 | community.general.hashids_encode(alphabet='abc')", NULL},
        {"1 | community.general.hashids_encode(min_length='foo')", NULL},
        {"1 | community.general.hashids_encode(min_length=100000)", NULL},
    };
    check_all(cases, COUNTOF(cases));
}
