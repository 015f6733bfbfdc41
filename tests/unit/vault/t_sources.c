// Where passwords come from: files, scripts, client scripts, and what is refused.
#include "test.h"

#include "fd.h"
#include "vault.h"

#include <sys/stat.h>
#include <unistd.h>

struct box {
    struct arena a;
    struct err e;
    struct vault_ring *r;
    char dir[64];
};

static void box_open(struct box *b) {
    *b = (struct box){.dir = "/tmp/t_sources.XXXXXX"};
    b->e.arena = &b->a;
    b->r = vault_ring_new();
    CHECK(mkdtemp(b->dir) != NULL);
}

static void box_close(struct box *b, const char *const *files) {
    for (; *files; files++) {
        unlink(arena_printf(&b->a, "%s/%s", b->dir, *files));
    }
    CHECK(rmdir(b->dir) == 0);
    vault_ring_free(b->r);
    arena_release(&b->a);
}

static const char *put(struct box *b, const char *name, const char *text, unsigned mode) {
    const char *path = arena_printf(&b->a, "%s/%s", b->dir, name);
    CHECK(fd_replace_file(path, str_from(text), mode, &b->e));
    return path;
}

// Seals with the ring and opens with `password`: tells whether the ring holds exactly that password for `id`.
static bool holds(struct box *b, const char *id, const char *password) {
    struct str env;
    struct str plain;
    struct vault_ring *other = vault_ring_new();
    struct err e = {.arena = &b->a};
    vault_ring_add(other, "x", str_from(password));
    bool ok = vault_seal(b->r, id, STR_LIT("text"), &b->a, &env, &e) &&
              vault_open(other, env, NO_MARK, &b->a, &plain, &e) && str_eqz(plain, "text");
    vault_ring_free(other);
    return ok;
}

static struct str refused(struct box *b, const char *spec, bool strict) {
    err_clear(&b->e);
    CHECK(!vault_ring_source(b->r, spec, strict, &b->e));
    return err_text(&b->e);
}

TEST(source_file) {
    struct box b;
    box_open(&b);
    CHECK(vault_ring_source(b.r, put(&b, "p1", "  pass word \n\n", 0644), false, &b.e));
    CHECK(holds(&b, "default", "pass word"));
    const char *spec = arena_printf(&b.a, "dev@%s", put(&b, "p2", "two", 0600));
    CHECK(vault_ring_source(b.r, spec, true, &b.e));
    CHECK(holds(&b, "dev", "two"));
    CHECK(vault_ring_len(b.r) == 2 && strcmp(vault_ring_id(b.r, 1), "dev") == 0);
    box_close(&b, (const char *const[]){"p1", "p2", NULL});
}

TEST(source_refused) {
    struct box b;
    box_open(&b);
    const char *path = put(&b, "open", "x", 0644);
    const char *want = arena_printf(&b.a, "the vault password file '%s' is open to other users (mode 0644)", path);
    CHECK_STR(refused(&b, path, true), want);
    CHECK(b.e.hint != NULL);
    path = put(&b, "empty", " \n", 0600);
    CHECK_STR(refused(&b, path, true), arena_printf(&b.a, "the vault password file '%s' is empty", path));
    CHECK(str_starts(refused(&b, "/nonexistent/p", true), "no vault password file"));
    CHECK(b.e.code == ERR_NOT_FOUND);
    CHECK(str_starts(refused(&b, b.dir, true), "expected a vault password file, found the directory"));
    CHECK(str_starts(refused(&b, "dev@", true), "expected 'label@file'"));
    CHECK(str_starts(refused(&b, "a;b@x", true), "the vault id 'a;b' must not contain"));
    CHECK(vault_ring_empty(b.r));
    box_close(&b, (const char *const[]){"open", "empty", NULL});
}

TEST(source_script) {
    struct box b;
    box_open(&b);
    CHECK(vault_ring_source(b.r, put(&b, "s.sh", "#!/bin/sh\nprintf ' from script \\r\\n'\n", 0700), true, &b.e));
    CHECK(holds(&b, "default", " from script "));
    const char *client = put(&b, "get-client.sh", "#!/bin/sh\necho \"$1 $2\"\n", 0700);
    CHECK(vault_ring_source(b.r, arena_printf(&b.a, "dev@%s", client), true, &b.e));
    CHECK(holds(&b, "dev", "--vault-id dev"));
    const char *unknown = put(&b, "none-client", "#!/bin/sh\nexit 2\n", 0700);
    CHECK(str_ends(refused(&b, arena_printf(&b.a, "dev@%s", unknown), true), "knows no password for the id 'dev'"));
    const char *fails = put(&b, "fails", "#!/bin/sh\necho topsecret\nexit 3\n", 0700);
    struct str why = refused(&b, fails, true);
    CHECK(str_ends(why, "failed with status 3") && str_find(why, 0, STR_LIT("topsecret")) == SIZE_MAX);
    const char *silent = put(&b, "silent", "#!/bin/sh\n", 0700);
    CHECK(str_ends(refused(&b, silent, true), "printed nothing"));
    box_close(&b, (const char *const[]){"s.sh", "get-client.sh", "none-client", "fails", "silent", NULL});
}

TEST(source_file_is_vaulted) {
    struct box b;
    struct str env;
    box_open(&b);
    vault_ring_add(b.r, "outer", STR_LIT("outer password"));
    CHECK(vault_seal(b.r, "outer", STR_LIT("inner password\n"), &b.a, &env, &b.e));
    const char *path = put(&b, "p", str_z(&b.a, env), 0600);
    CHECK(vault_ring_source(b.r, arena_printf(&b.a, "inner@%s", path), true, &b.e));
    CHECK(holds(&b, "inner", "inner password"));
    box_close(&b, (const char *const[]){"p", NULL});
}
