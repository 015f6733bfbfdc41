// Lookups that leave traces or reach out: password files, commands with a deadline, web servers, secrets.
#include "test.h"

#include "fd.h"
#include "jinja.h"
#include "vault.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct world {
    struct arena a;
    struct err e;
    struct jinja_cache *cache;
    struct jinja_host host;
    struct jinja_ctx ctx;
    char dir[64];
    unsigned warnings;
};

static bool find_here(void *self, const char *kind, struct str name, struct arena *a, struct str *path, struct err *e) {
    const struct world *w = self;
    struct stat st;
    (void)kind;
    const char *full = str_z(a, str_printf(a, "%s/%.*s", w->dir, STR(name)));
    *path = str_from(full);
    return stat(full, &st) == 0 || err_set(e, ERR_NOT_FOUND, NO_MARK, "no file '%.*s'", STR(name));
}

/// A file named secret* counts as decrypted.
static bool read_here(void *self, struct str path, struct arena *a, struct str *text, bool *secret, struct err *e) {
    (void)self;
    *secret = str_find(path, 0, STR_LIT("secret")) != SIZE_MAX;
    return fd_read_file(str_z(a, path), 1 << 20, a, text, e);
}

static void count_warning(void *self, struct mark at, const char *msg) {
    struct world *w = self;
    (void)at;
    (void)msg;
    w->warnings++;
}

static bool setting_here(void *self, const struct setting_query *q, struct arena *a, struct val *out) {
    (void)self;
    *out = val_z(a, "/roles");
    return str_eqz(q->name, "DEFAULT_ROLES_PATH");
}

static struct val hosts_here(void *self, struct arena *a, struct str pattern, struct err *e) {
    (void)self;
    struct val l = val_list(a, 2);
    if (str_eqz(pattern, "bad[")) {
        err_set(e, ERR_SYNTAX, NO_MARK, "bad pattern");
        return VNULL;
    }
    val_push(a, l, val_str(a, pattern));
    return l;
}

static void world_open(struct world *w) {
    memset(w, 0, sizeof *w);
    snprintf(w->dir, sizeof w->dir, "/tmp/play-lookups-XXXXXX");
    CHECK(mkdtemp(w->dir) != NULL);
    w->e.arena = &w->a;
    w->cache = jinja_cache_new();
    w->host = (struct jinja_host){.self = w,
                                  .find = find_here,
                                  .read = read_here,
                                  .warn = count_warning,
                                  .hosts = hosts_here,
                                  .setting = setting_here,
                                  .basedir = str_from(w->dir),
                                  .lookup_timeout_ms = 5000};
    w->ctx = (struct jinja_ctx){.a = &w->a, .cache = w->cache, .opts = &jinja_opts_file, .host = &w->host};
}

static void remove_all(const char *dir, const char *const *names) {
    for (size_t i = 0; names[i]; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        if (unlink(path) != 0) {
            rmdir(path);
        }
    }
    CHECK(rmdir(dir) == 0);  // nothing else was left behind
}

static void world_close(struct world *w) {
    jinja_cache_free(w->cache);
    arena_release(&w->a);
}

static struct val eval(struct world *w, const char *expr) {
    struct val v = {.kind = VAL_UNDEF};
    err_clear(&w->e);
    if (!jinja_expr(&w->ctx, str_from(expr), NO_MARK, false, &v, &w->e)) {
        v = (struct val){.kind = VAL_UNDEF};
    }
    return v;
}

static struct str read_text(struct world *w, const char *name) {
    struct str s;
    CHECK(fd_read_file(arena_printf(&w->a, "%s/%s", w->dir, name), 1 << 20, &w->a, &s, &w->e));
    return s;
}

static void write_text(struct world *w, const char *name, const char *text) {
    CHECK(fd_replace_file(arena_printf(&w->a, "%s/%s", w->dir, name), str_from(text), 0600, &w->e));
}

TEST(password_file_is_made_once) {
    struct world w;
    world_open(&w);
    struct str first = val_text(eval(&w, "lookup('password', 'sub/p1', length=12)"));
    assert_int_equal(first.n, 12);
    struct str file = read_text(&w, "sub/p1");
    CHECK(file.n == 13 && memcmp(file.s, first.s, 12) == 0 && file.s[12] == '\n');
    struct stat st;
    CHECK(stat(arena_printf(&w.a, "%s/sub/p1", w.dir), &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK(stat(arena_printf(&w.a, "%s/sub", w.dir), &st) == 0 && (st.st_mode & 0777) == 0700);
    CHECK(str_eq(val_text(eval(&w, "lookup('password', 'sub/p1')")), first));
    remove_all(w.dir, (const char *const[]){"sub/p1", "sub", NULL});
    world_close(&w);
}

TEST(password_salt_is_kept) {
    struct world w;
    world_open(&w);
    struct str hash = val_text(eval(&w, "lookup('password', 'p encrypt=sha512_crypt length=8')"));
    CHECK(str_starts(hash, "$6$"));
    struct str file = read_text(&w, "p");
    CHECK(str_find(file, 0, STR_LIT(" salt=")) == 8 && str_find(file, 0, STR_LIT("ident=")) == SIZE_MAX);
    CHECK(str_eq(val_text(eval(&w, "lookup('password', 'p', encrypt='sha512_crypt')")), hash));
    CHECK(val_text(eval(&w, "lookup('password', 'p')")).n == 8);
    struct str b = val_text(eval(&w, "lookup('password', 'q', encrypt='bcrypt', ident='2a', seed='x')"));
    CHECK(str_starts(b, "$2a$12$"));
    CHECK(str_ends(read_text(&w, "q"), " ident=2a\n"));
    CHECK(str_eq(val_text(eval(&w, "lookup('password', 'q', encrypt='bcrypt')")), b));
    CHECK(eval(&w, "lookup('password', 'q', encrypt='bcrypt', ident='2b')").kind == VAL_UNDEF);
    CHECK(w.e.code == ERR_ARGS);
    remove_all(w.dir, (const char *const[]){"p", "q", NULL});
    world_close(&w);
}

TEST(password_written_by_ansible_is_read) {
    struct world w;
    world_open(&w);
    write_text(&w, "old", "s3cret salt=abcdefgh\n");
    write_text(&w, "odd", "with salt=inside salt=tail\n");
    write_text(&w, "empty", "");
    CHECK_STR(val_text(eval(&w, "lookup('password', 'old')")), "s3cret");
    CHECK_STR(val_text(eval(&w, "lookup('password', 'odd')")), "with salt=inside");
    CHECK_STR(val_text(eval(&w, "lookup('password', 'empty')")), "");
    CHECK(str_starts(val_text(eval(&w, "lookup('password', 'old', encrypt='sha256_crypt')")),
                     "$5$rounds=535000$abcdefgh$"));
    remove_all(w.dir, (const char *const[]){"old", "odd", "empty", NULL});
    world_close(&w);
}

TEST(commands_have_a_deadline) {
    struct world w;
    world_open(&w);
    w.host.lookup_timeout_ms = 200;
    int64_t start = clock_ms();
    CHECK(eval(&w, "lookup('pipe', 'sleep 20')").kind == VAL_UNDEF);
    CHECK(w.e.code == ERR_TIMEOUT && clock_ms() - start < 5000);
    CHECK_STR(val_text(eval(&w, "lookup('pipe', 'pwd')")), w.dir);
    remove_all(w.dir, (const char *const[]){NULL});
    world_close(&w);
}

TEST(secrets_stay_secret) {
    struct world w;
    world_open(&w);
    write_text(&w, "secret.txt", "hush\n");
    write_text(&w, "secret.j2", "{{ 1 + 1 }} hush\n");
    write_text(&w, "secret.ini", "[global]\nk=hush\n");
    write_text(&w, "secret.csv", "k,hush\n");
    static const char *const all[] = {"lookup('file', 'secret.txt')",
                                      "lookup('unvault', 'secret.txt')",
                                      "lookup('template', 'secret.j2')",
                                      "lookup('ini', 'k', file='secret.ini')",
                                      "lookup('csvfile', 'k', file='secret.csv', delimiter=',')",
                                      "lookup('file', 'secret.txt') | upper | b64encode",
                                      "'x' | vault('pw') | unvault('pw')",
                                      "[lookup('file', 'secret.txt')] | map('upper') | join(',')"};
    for (size_t i = 0; i < COUNTOF(all); i++) {
        struct val v = eval(&w, all[i]);
        CHECK(v.kind == VAL_STR && (v.flags & VAL_SECRET) && !(v.flags & (VAL_TRUSTED | VAL_TMPL)));
    }
    remove_all(w.dir, (const char *const[]){"secret.txt", "secret.j2", "secret.ini", "secret.csv", NULL});
    world_close(&w);
}

TEST(lookups_ask_the_host) {
    struct world w;
    world_open(&w);
    CHECK_STR(val_text(eval(&w, "lookup('config', 'DEFAULT_ROLES_PATH')")), "/roles");
    CHECK(eval(&w, "lookup('config', 'NOPE')").kind == VAL_UNDEF && w.e.code == ERR_NOT_FOUND);
    CHECK(val_len(eval(&w, "query('config', 'NOPE', on_missing='skip')")) == 0 && w.warnings == 0);
    CHECK(val_len(eval(&w, "query('config', 'NOPE', on_missing='warn')")) == 0 && w.warnings == 1);
    CHECK(eval(&w, "lookup('config', 'X', plugin_type='shell', plugin_name='sh')").kind == VAL_UNDEF);
    CHECK_STR(val_text(eval(&w, "lookup('inventory_hostnames', 'web', '!db')")), "web,!db");
    CHECK(val_len(eval(&w, "query('inventory_hostnames', 'bad[')")) == 0);
    CHECK(eval(&w, "lookup('file', 'nope', lstripp=true)").kind == VAL_UNDEF && w.warnings == 2);
    w.host = (struct jinja_host){0};
    CHECK(eval(&w, "lookup('config', 'X')").kind == VAL_UNDEF && w.e.code == ERR_NOT_FOUND);
    CHECK(eval(&w, "lookup('file', 'x')").kind == VAL_UNDEF && w.e.code == ERR_NOT_FOUND);
    CHECK(eval(&w, "lookup('first_found', 'x', skip=true)").kind == VAL_UNDEF);
    CHECK(eval(&w, "lookup('inventory_hostnames', 'x')").kind == VAL_UNDEF);
    remove_all(w.dir, (const char *const[]){NULL});
    world_close(&w);
}

// -- url -------------------------------------------------------------------------------------------------------------

struct server {
    int fd;
    unsigned requests;
    size_t n;
    char seen[4096];  // the last request
};

static void answer(int c, const char *request) {
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\none\ntwo\r\n";
    static const char moved[] = "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    static const char file[] =
        "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    static const char missing[] = "HTTP/1.1 404 No\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope";
    const char *text = strstr(request, " /moved")  ? moved
                       : strstr(request, " /file") ? file
                       : strstr(request, " /ok")   ? ok
                                                   : missing;
    struct arena a = {0};
    struct err e = {.arena = &a};
    if (!strstr(request, " /slow")) {
        fd_write_all(c, str_from(text), &e);
    } else {
        fd_wait(c, 0, clock_ms() + 3000);
    }
    arena_release(&a);
}

static void *serve(void *arg) {
    struct server *s = arg;
    for (;;) {
        int c = accept(s->fd, NULL, NULL);
        if (c < 0) {
            return NULL;
        }
        size_t n = 0;
        while (n < sizeof s->seen - 1) {
            ssize_t got = read(c, s->seen + n, sizeof s->seen - 1 - n);
            if (got <= 0) {
                break;
            }
            n += (size_t)got;
            s->seen[n] = '\0';
            if (strstr(s->seen, "\r\n\r\n")) {
                break;
            }
        }
        s->requests++;
        s->n = n;
        answer(c, s->seen);
        close(c);
    }
}

TEST(url_lookup_talks_http) {
    struct world w;
    struct server s = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    pthread_t thread;
    world_open(&w);
    CHECK(bind(s.fd, (struct sockaddr *)&addr, sizeof addr) == 0 && listen(s.fd, 8) == 0);
    CHECK(getsockname(s.fd, (struct sockaddr *)&addr, &len) == 0);
    CHECK(pthread_create(&thread, NULL, serve, &s) == 0);
    struct {
        const char *path, *opts, *want;
    } cases[] = {
        {"ok", "", "['one', 'two']"},
        {"ok", ", split_lines=false", "['one\\ntwo\\r\\n']"},
        {"moved", "", "['one', 'two']"},
        {"moved", ", follow_redirects='none'", NULL},
        {"file", "", NULL},
        {"gone", "", NULL},
        {"ok", ", headers={'X-A': 'b\\r\\nc'}", NULL},
        {"ok", ", follow_redirects='maybe'", NULL},
        {"ok", ", use_gssapi=true", NULL},
        {"ok", ", ciphers=['nosuch']", NULL},
        {"ok", ", ciphers='AES128-SHA:ECDHE-RSA-AES128-SHA256, AES256-SHA'", "['one', 'two']"},
        {"slow", ", timeout=1", NULL},
        {"ok", ", headers={'X-A': 'b'}, force=true, username='me', password='pw', force_basic_auth=true",
         "['one', 'two']"},
    };
    for (size_t i = 0; i < COUNTOF(cases); i++) {
        struct val v = eval(&w, arena_printf(&w.a, "query('url', 'http://127.0.0.1:%d/%s'%s)", ntohs(addr.sin_port),
                                             cases[i].path, cases[i].opts));
        if (!cases[i].want) {
            CHECK(v.kind == VAL_UNDEF);
            continue;
        }
        struct buf b = BUF_IN(&w.a);
        val_to_repr(&b, v);
        CHECK_STR(buf_view(&b), cases[i].want);
    }
    CHECK(strstr(s.seen, "X-A: b\r\n") && strstr(s.seen, "cache-control: no-cache") &&
          strstr(s.seen, "Authorization: Basic bWU6cHc=") && strstr(s.seen, "User-Agent: ansible-httpget"));
    CHECK(eval(&w, "lookup('url', 'http://user:hunter2@127.0.0.1:1/x')").kind == VAL_UNDEF);
    CHECK(str_find(err_text(&w.e), 0, STR_LIT("hunter2")) == SIZE_MAX);
    // only the named suites are offered; the last one says that renegotiation is secure
    CHECK(eval(&w, arena_printf(&w.a,
                                "query('url', 'https://127.0.0.1:%d/', timeout=1, "
                                "ciphers=['ECDHE-RSA-AES128-SHA256', 'AES128-SHA'])",
                                ntohs(addr.sin_port)))
              .kind == VAL_UNDEF);
    shutdown(s.fd, SHUT_RDWR);
    pthread_join(thread, NULL);
    CHECK(memmem(s.seen, s.n, "\0\x06\xC0\x27\0\x2F\0\xFF", 8));
    close(s.fd);
    remove_all(w.dir, (const char *const[]){NULL});
    world_close(&w);
}

// -- caps ------------------------------------------------------------------------------------------------------------

TEST(plugins_have_caps) {
    struct world w;
    world_open(&w);
    static const char *const all[] = {"range(200) | product(range(200), range(200))",
                                      "range(64) | combinations(20)",
                                      "range(12) | permutations",
                                      "'x' | center(99999999999)",
                                      "'%999999999d' | format(1)",
                                      "query('sequence', 'count=99999999')",
                                      "query('nested', range(2000) | list, range(2000) | list)",
                                      "('a' * 100) | regex_search('(a+)+b(a+)+c$|(a|aa)+$(?<!a)')",
                                      "'x' | indent(9999999)",
                                      "[1] | batch(99999999, 0)",
                                      "[1] | slice(99999999)",
                                      "'a' | comment(prefix_count=99999999)",
                                      "('a' * 60000) | replace('a', 'b' * 60000)",
                                      "[1] | product(repeat=5000)"};
    for (size_t i = 0; i < COUNTOF(all); i++) {
        struct val v = eval(&w, all[i]);
        CHECK(v.kind == VAL_UNDEF);
        CHECK(w.e.code == ERR_LIMIT);
    }
    remove_all(w.dir, (const char *const[]){NULL});
    world_close(&w);
}
