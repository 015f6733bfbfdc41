// known_hosts as text: plain, hashed, patterns, ports, revoked, types; and lines that we write.
#include "knownhosts.h"

#include "test.h"

static enum kh_answer look(const char *text, const char *name, const char *type, const char *key, uint32_t *line) {
    struct arena a = {0};
    const struct kh_file *f = kh_parse(&a, "kh", str_from(text));
    struct kh_found k = kh_lookup(f, name, str_from(type), str_from(key));
    *line = k.line;
    arena_release(&a);
    return k.answer;
}

TEST(kh_answers) {
    static const char text[] = "# comment\n"
                               "web1,10.0.0.1 ssh-ed25519 AAAA comment here\n"
                               "web1 ssh-rsa RRRR\n"
                               "\n"
                               "*.example.org,!bad.example.org ssh-ed25519 EEEE\n"
                               "@revoked * ssh-ed25519 XXXX\n"
                               "@cert-authority *.org ssh-ed25519 CCCC\n"
                               "[web1]:2222 ssh-ed25519 PPPP\n"
                               "damaged\n"
                               "last ssh-ed25519 LLLL";
    static const struct {
        const char *name, *type, *key;
        enum kh_answer answer;
        uint32_t line;
    } rows[] = {
        {"web1", "ssh-ed25519", "AAAA", KH_OK, 2},
        {"WEB1", "ssh-ed25519", "AAAA", KH_OK, 2},
        {"10.0.0.1", "ssh-ed25519", "AAAA", KH_OK, 2},
        {"10.0.0.1", "ssh-rsa", "RRRR", KH_OTHER_TYPE, 2},
        {"web1", "ssh-rsa", "RRRR", KH_OK, 3},
        {"web1", "ssh-rsa", "SSSS", KH_CHANGED, 3},
        {"web2", "ssh-ed25519", "AAAA", KH_UNKNOWN, 0},
        {"a.example.org", "ssh-ed25519", "EEEE", KH_OK, 5},
        {"bad.example.org", "ssh-rsa", "q", KH_UNKNOWN, 0},
        {"web1", "ssh-ed25519", "XXXX", KH_REVOKED, 6},
        {"[web1]:2222", "ssh-ed25519", "PPPP", KH_OK, 8},
        {"last", "ssh-ed25519", "LLLL", KH_OK, 10},
    };
    for (size_t i = 0; i < COUNTOF(rows); i++) {
        uint32_t line = 0;
        enum kh_answer got = look(text, rows[i].name, rows[i].type, rows[i].key, &line);
        if (got != rows[i].answer || line != rows[i].line) {
            fail_msg("%s %s %s: answer %d line %u", rows[i].name, rows[i].type, rows[i].key, (int)got, line);
        }
    }
}

TEST(kh_authorities) {
    struct arena a = {0};
    const struct kh_file *f = kh_parse(&a, "kh",
                                       STR_LIT("web1 ssh-rsa RRRR\n@cert-authority *.org,!bad.org ssh-ed25519 C\n"
                                               "@cert-authority [*]:2222 ssh-ed25519 D\n"));
    CHECK(kh_authority(f, "A.org") == 2 && kh_authority(f, "bad.org") == 0 && kh_authority(f, "web1") == 0);
    CHECK(kh_authority(f, "[web1]:2222") == 3);
    // an authority is no key of the host
    CHECK(kh_lookup(f, "a.org", STR_LIT("ssh-ed25519"), STR_LIT("C")).answer == KH_UNKNOWN);
    arena_release(&a);
}

TEST(kh_hashed_by_openssh) {
    // Made by ssh-keygen -H from "web1 ..." and "[127.0.0.1]:2222 ...".
    static const char text[] = "|1|mrOC/mYb+snaxbs7lx9q6bL4kMU=|/AMLJ1cg77axMf1AMVWPP8gH89o= ssh-ed25519 AAAA\n"
                               "|1|+syt+HwcNX7lndpQRnNbHuBCulA=|q913CUAkX7j31DvFOX6x+1y7nk8= ssh-ed25519 BBBB\n";
    uint32_t line = 0;
    CHECK(look(text, "web1", "ssh-ed25519", "AAAA", &line) == KH_OK && line == 1);
    CHECK(look(text, "[127.0.0.1]:2222", "ssh-ed25519", "CCCC", &line) == KH_CHANGED && line == 2);
    CHECK(look(text, "web2", "ssh-ed25519", "AAAA", &line) == KH_UNKNOWN);
}

TEST(kh_lines_we_write_are_found) {
    struct arena a = {0};
    const char *name = kh_name(&a, "Web1.Example", 2200);
    CHECK(strcmp(name, "[web1.example]:2200") == 0);
    CHECK(strcmp(kh_name(&a, "WEB", 22), "web") == 0);
    for (int hash = 0; hash < 2; hash++) {
        struct str line = kh_line(&a, name, STR_LIT("ssh-rsa"), STR_LIT("KKKK"), hash);
        const struct kh_file *f = kh_parse(&a, "kh", line);
        CHECK(kh_lookup(f, name, STR_LIT("ssh-rsa"), STR_LIT("KKKK")).answer == KH_OK);
        CHECK((line.s[0] == '|') == (hash == 1));
        struct buf types = BUF_IN(&a);
        kh_types(f, name, &types);
        CHECK_STR(buf_view(&types), "ssh-rsa");
    }
    arena_release(&a);
}
