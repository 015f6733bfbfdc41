// Addresses, wildcards and literals on their own.
#include "test.h"

#include "inv_case.h"

static struct str address(struct arena *a, const char *text, bool ranges) {
    struct str host;
    uint32_t port;
    return inv_address(str_from(text), ranges, &host, &port) ? str_printf(a, "%.*s %u", STR(host), port)
                                                             : STR_LIT("no");
}

static const struct {
    const char *text;
    bool ranges;
    const char *want;
} known[] = {
    {"web.example.com", false, "web.example.com 0"},
    {"web:22", false, "web 22"},
    {"1.2.3.4:22", false, "1.2.3.4 22"},
    {"[::1]:22", false, "::1 22"},
    {"::1", false, "::1 0"},
    {"2001:db8::1", false, "2001:db8::1 0"},
    {"1:2:3:4:5:6:7:8", false, "1:2:3:4:5:6:7:8 0"},
    {"web[1:3]:22", true, "web[1:3] 22"},
    {"web[1:3]", false, "no"},
    {"web:db", false, "no"},
    {"-x", false, "no"},
    {"x-", false, "no"},
    {"", false, "no"},
    {"a b", false, "no"},
};

TEST(addresses) {
    struct arena a = {0};
    for (size_t i = 0; i < COUNTOF(known); i++) {
        CHECK_STR(address(&a, known[i].text, known[i].ranges), known[i].want);
    }
    arena_release(&a);
}

TEST(wildcards) {
    CHECK(inv_fnmatch(STR_LIT("*"), STR_LIT("")));
    CHECK(inv_fnmatch(STR_LIT("a*c*e"), STR_LIT("abcde")));
    CHECK(!inv_fnmatch(STR_LIT("a*c*e"), STR_LIT("abcd")));
    CHECK(inv_fnmatch(STR_LIT("[]a]"), STR_LIT("]")));
    CHECK(inv_fnmatch(STR_LIT("[!a]"), STR_LIT("b")));
    CHECK(!inv_fnmatch(STR_LIT("[!a]"), STR_LIT("a")));
    CHECK(inv_fnmatch(STR_LIT("[a-"), STR_LIT("[a-")));
    CHECK(inv_fnmatch(STR_LIT("?"), STR_LIT("\xc3\xbc")));
    CHECK(inv_fnmatch(STR_LIT("[\xc3\xa4-\xc3\xbf]"), STR_LIT("\xc3\xbc")));
    CHECK(!inv_fnmatch(STR_LIT("a"), STR_LIT("A")));
    CHECK(!inv_fnmatch(STR_LIT("*a*a*a*a*a*a*a*b"), STR_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
}

TEST(templates_are_marked) {
    struct arena a = {0};
    struct val v = inv_ini_value(&a, STR_LIT("{{ x }}"), false, NO_MARK);
    CHECK(v.kind == VAL_STR && (v.flags & VAL_TMPL) && (v.flags & VAL_TRUSTED));
    v = inv_ini_value(&a, STR_LIT("['{{ x }}']"), false, NO_MARK);
    CHECK(v.kind == VAL_LIST && (v.flags & VAL_TMPL));
    v = inv_ini_value(&a, STR_LIT("plain"), false, NO_MARK);
    CHECK(!(v.flags & VAL_TMPL) && (v.flags & VAL_TRUSTED));
    arena_release(&a);
}

TEST(safe_group_names) {
    static const struct {
        enum inv_group_chars how;
        const char *name;
        unsigned warnings;
    } ways[] = {{GROUP_CHARS_NEVER, "1-a", 1},
                {GROUP_CHARS_ALWAYS, "__a", 1},
                {GROUP_CHARS_IGNORE, "1-a", 0},
                {GROUP_CHARS_SILENTLY, "__a", 0}};
    for (size_t i = 0; i < COUNTOF(ways); i++) {
        struct inv_case c;
        case_init(&c);
        case_write(&c, STR_LIT("h"), STR_LIT("[top:children]\n1-a\n[1-a]\nh\n[1-a:vars]\nx=1\n"), 0644);
        struct inv_opts o = {.a = &c.a, .warn = case_warn, .warn_self = &c, .group_chars = ways[i].how};
        const char *path = arena_printf(&c.a, "%s/h", c.root);
        c.inv = inv_load(&path, 1, &o, &c.e);
        CHECK(c.inv && c.warnings == ways[i].warnings);
        CHECK(inv_group(c.inv, str_from(ways[i].name)) != NULL);
        CHECK(inv_host(c.inv, STR_LIT("h"))->nall == 3);
        case_close(&c);
    }
}
