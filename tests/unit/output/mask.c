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

TEST(mask_more_encodings) {
    struct mask *m = mask_new();
    mask_add(m, str_from("a<b>&'c\"/d e+é~"));
    CHECK(masked(m, "[a&lt;b&gt;&amp;&#39;c&#34;/d e+é~]", "[********]"));
    CHECK(masked(m, "[a&lt;b&gt;&amp;&#x27;c&quot;/d e+é~]", "[********]"));
    CHECK(masked(m, "[613c623e262763222f6420652bc3a97e]", "[********]"));
    CHECK(masked(m, "[613C623E262763222F6420652BC3A97E]", "[********]"));
    CHECK(masked(m, "[a%3Cb%3E%26%27c%22%2Fd+e%2B%C3%A9~]", "[********]"));
    CHECK(masked(m, "[a%3cb%3e%26%27c%22%2fd%20e%2b%c3%a9~]", "[********]"));
    CHECK(masked(m, "['a<b>&'\\''c\"/d e+é~']", "['********']"));
    CHECK(masked(m, "[YTxiPiYnYyIvZCBlK8Opfg==]", "[********]"));
    mask_free(m);
}

// A database may have the name of the project: hosts are told by their names all the same.
TEST(mask_public_names) {
    struct mask *m = mask_new();
    mask_add(m, str_from("permacoop"));
    mask_add(m, str_from("swan"));
    mask_add(m, str_from("key-of swan.example.org here"));
    CHECK(masked(m, "[permacoop.example.org]", "[********.example.org]"));
    mask_public(m, str_from("permacoop.example.org"));
    mask_public(m, str_from("swan.example.org"));
    mask_public(m, str_from("swan"));
    CHECK(masked(m, "ok: [permacoop.example.org] => ", "ok: [permacoop.example.org] => "));
    CHECK(masked(m, "u@permacoop.example.org:/srv/permacoop", "u@permacoop.example.org:/srv/********"));
    CHECK(masked(m, "at permacoop.example.org.", "at permacoop.example.org."));
    CHECK(masked(m, "www.permacoop.example.org xpermacoop", "www.********.example.org x********"));
    CHECK(masked(m, "PLAY [swan] swan.example.org swan.other", "PLAY [********] swan.example.org ********.other"));
    CHECK(masked(m, "<key-of swan.example.org here>", "<********>"));
    mask_free(m);
}

// What is long is wrapped: by base64, by fold, in JSON, in lists of lines.
TEST(mask_over_lines) {
    struct mask *m = mask_new();
    mask_add(m, str_from("nightingale"));
    CHECK(masked(m, "<night\ningale>", "<********>"));
    CHECK(masked(m, "<night\r\n    ingale>", "<********>"));
    CHECK(masked(m, "<n\ni\ng\nh\nt\ni\nn\ng\na\nl\ne>", "<********>"));
    CHECK(masked(m, "\"night\\ningale\"", "\"********\""));
    CHECK(masked(m, "[\"night\", \"ingale\"]", "[\"********\"]"));
    CHECK(masked(m, "['night', 'ingale']", "['********']"));
    CHECK(masked(m, "[\n    \"night\",\n    \"ingale\"\n]", "[\n    \"********\"\n]"));
    CHECK(masked(m, "<bmlnaHRp\nbmdhbGU=>", "<********>"));
    CHECK(masked(m, "nigh\nt\nx", "nigh\nt\nx"));
    mask_add(m, str_from("-----BEGIN KEY-----\nfirstlineofit\nsecondlineofit\n-----END KEY-----"));
    CHECK(masked(m, "-----BEGIN KEY-----\\nfirstlineofit\\nsecondlineofit\\n-----END KEY-----", "********"));
    CHECK(masked(m, "<secondline\nofit>", "<********>"));
    mask_free(m);
}

TEST(mask_overlapping) {
    struct mask *m = mask_new();
    mask_add(m, str_from("abcdefgh1234"));
    mask_add(m, str_from("1234zyxwvuts"));
    mask_add(m, str_from("abcdefgh"));
    CHECK(masked(m, "<abcdefgh1234zyxwvuts>", "<********>"));
    CHECK(masked(m, "<abcdefgh-1234zyxwvuts>", "<********-********>"));
    mask_free(m);
}

TEST(mask_made) {
    struct mask *m = mask_new();
    mask_add_made(m, str_from("enabled"));
    mask_add_made(m, str_from("GEHEIM88"));
    mask_add_made(m, str_from("CORRECTHORSEBATTERY"));
    CHECK(masked(m, "enabled GEHEIM88 CORRECTHORSEBATTERY", "enabled ******** ********"));
    mask_free(m);
}

// Many secrets and a long output: one pass, not one for each.
TEST(mask_many) {
    struct mask *m = mask_new();
    struct arena a = {0};
    struct buf b = BUF_IN(&a);
    for (int i = 0; i < 2000; i++) {
        mask_add(m, str_printf(&a, "secret-value-%d-end", i));
    }
    for (int i = 0; i < 20000; i++) {
        buf_printf(&b, "line %d with text and secret-value-%d-end\n", i, i % 2500);
    }
    struct str got = mask_apply(m, &a, buf_view(&b));
    CHECK(str_find(got, 0, STR_LIT("secret-value-1-end")) == SIZE_MAX);
    CHECK(str_find(got, 0, STR_LIT("secret-value-1999-end")) == SIZE_MAX);
    CHECK(str_find(got, 0, STR_LIT("secret-value-2000-end")) != SIZE_MAX);
    arena_release(&a);
    mask_free(m);
}
