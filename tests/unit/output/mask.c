// Masking: every encoding of a secret, and what must stay readable.
#include "mask.h"
#include "test.h"

static bool masked(struct mask *m, const char *text, const char *want) {
    struct arena a = {0};
    struct str got = mask_apply(m, &a, str_from(text));
    bool same = str_eqz(got, want);
    if (!same) {
        fprintf(stderr, "'%s' became '%.*s', not '%s'\n", text, STR(got), want);
    }
    arena_release(&a);
    return same;
}

TEST(mask_encodings) {
    struct mask *m = mask_new();
    mask_add(m, str_from("it's \"Pa/ss\""));
    CHECK(masked(m, "<it's \"Pa/ss\">", "<********>"));
    CHECK(masked(m, "<it's \\\"Pa/ss\\\">", "<********>"));          // JSON
    CHECK(masked(m, "<it%27s%20%22Pa/ss%22>", "<********>"));        // URL
    CHECK(masked(m, "'it'\"'\"'s \"Pa/ss\"'", "'********'"));        // shell
    CHECK(masked(m, "['it\\'s \"Pa/ss\"']", "['********']"));        // repr
    CHECK(masked(m, "['it\\\\'s \\\"Pa/ss\\\"']", "['********']"));  // repr in JSON
    CHECK(masked(m, "aXQncyAiUGEvc3Mi", "********"));                // base64
    mask_free(m);
}

TEST(mask_leaves_ordinary_text) {
    static const char *const words[] = {"true", "False", "5432", "root", "localhost", "abc", ""};
    struct mask *m = mask_new();
    for (size_t i = 0; i < COUNTOF(words); i++) {
        mask_add(m, str_from(words[i]));
    }
    CHECK(masked(m, "{\"changed\": true, \"port\": 5432} root@localhost abc",
                 "{\"changed\": true, \"port\": 5432} root@localhost abc"));
    mask_add(m, str_from("crow7"));
    CHECK(masked(m, "crow7 crow77 acrow7 =crow7&crow7", "******** crow77 acrow7 =********&********"));
    mask_add(m, str_from("nightingale"));
    CHECK(masked(m, "xnightingalex", "x********x"));
    mask_free(m);
}
