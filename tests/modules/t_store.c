// Content sent ahead of requests: in memory, in the file, in pieces, damaged.
#include "test.h"

#include "store.h"

#include "frame.h"

#include <unistd.h>

static struct str part(struct arena *a, const char *hex_of, struct str data, unsigned char flags) {
    struct buf b = BUF_IN(a);
    unsigned char sum[DIGEST_MAX];
    struct digest *d = digest_open("sha256");
    digest_add(d, hex_of, strlen(hex_of));
    digest_close(d, sum);
    buf_add(&b, sum, 32);
    buf_char(&b, (char)flags);
    buf_str(&b, data);
    return buf_view(&b);
}

static struct str sha(struct arena *a, struct str data) {
    const char *hex = NULL;
    struct err e = {.arena = a};
    CHECK(digest_hex(a, "sha256", data, &hex, &e));
    return str_from(hex);
}

TEST(store_keeps_small_content) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct store s;
    struct str data;
    store_init(&s, "/nonexistent/store");
    CHECK(store_blob(&s, part(&a, "hello", STR_LIT("he"), 0), &e));
    CHECK(!store_find_blob(&s, sha(&a, STR_LIT("hello")), &a, &data, &e));
    err_clear(&e);
    CHECK(store_blob(&s, part(&a, "hello", STR_LIT("llo"), FRAME_BLOB_LAST), &e));
    CHECK(store_find_blob(&s, sha(&a, STR_LIT("hello")), &a, &data, &e));
    CHECK_STR(data, "hello");
    CHECK(store_blob(&s, part(&a, "", STR_LIT(""), FRAME_BLOB_LAST), &e));
    CHECK(store_find_blob(&s, sha(&a, STR_LIT("")), &a, &data, &e));
    CHECK(data.n == 0);
    store_release(&s);
    arena_release(&a);
}

TEST(store_drops_damaged_content) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct store s;
    struct str data;
    store_init(&s, "/nonexistent/store");
    CHECK(store_blob(&s, part(&a, "hello", STR_LIT("hell0"), FRAME_BLOB_LAST), &e));
    CHECK(!store_find_blob(&s, sha(&a, STR_LIT("hello")), &a, &data, &e));
    CHECK(e.code == ERR_NOT_FOUND);
    err_clear(&e);
    CHECK(store_blob(&s, part(&a, "hello", STR_LIT("hello"), FRAME_BLOB_LAST), &e));
    CHECK(store_find_blob(&s, sha(&a, STR_LIT("hello")), &a, &data, &e));
    CHECK(!store_blob(&s, STR_LIT("short"), &e));
    store_release(&s);
    arena_release(&a);
}

static struct str filled(struct arena *a, size_t n, char c) {
    char *p = arena_alloc(a, n + 1);
    memset(p, c, n);
    return (struct str){p, n};
}

TEST(store_puts_large_content_into_a_file) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct store s;
    char dir[] = "/tmp/play-store-XXXXXX";
    CHECK(mkdtemp(dir) != NULL);
    store_init(&s, dir);
    struct str x = filled(&a, STORE_MEMORY - 100, 'x');
    struct str y = filled(&a, 3000000, 'y');
    struct str z = filled(&a, 5000, 'z');
    CHECK(store_blob(&s, part(&a, x.s, x, FRAME_BLOB_LAST), &e));
    // Two contents in turn: their pieces alternate in the file.
    for (size_t i = 0; i < 3; i++) {
        unsigned char last = i == 2 ? FRAME_BLOB_LAST : 0;
        CHECK(store_blob(&s, part(&a, y.s, str_sub(y, i * 1000000, (i + 1) * 1000000), last), &e));
        CHECK(store_blob(&s, part(&a, z.s, str_sub(z, i * 2000, (i + 1) * 2000), last), &e));
    }
    struct str all[] = {x, y, z};
    for (size_t i = 0; i < COUNTOF(all); i++) {
        struct str data;
        CHECK(store_find_blob(&s, sha(&a, all[i]), &a, &data, &e));
        CHECK(str_eq(data, all[i]));
    }
    CHECK(s.memory <= STORE_MEMORY);
    CHECK(rmdir(dir) == 0);  // the file has no name
    store_release(&s);
    arena_release(&a);
}

TEST(store_knows_scripts_by_their_digest) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct store s;
    store_init(&s, "/nonexistent/store");
    CHECK(store_script(&s, STR_LIT("name\0return {}"), &e));
    const struct store_script *found = store_find_script(&s, sha(&a, STR_LIT("return {}")));
    CHECK(found && strcmp(found->name, "name") == 0);
    CHECK(!store_find_script(&s, STR_LIT("0")));
    CHECK(!store_script(&s, STR_LIT("no end of name"), &e));
    store_release(&s);
    arena_release(&a);
}
