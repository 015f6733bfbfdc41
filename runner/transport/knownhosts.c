// known_hosts: plain names are indexed, patterns and hashed names are tried one by one.
#include "knownhosts.h"

#include "digest.h"
#include "fd.h"
#include "map.h"
#include "sshconf.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHA1_LEN  20
#define HMAC_PAD  64
#define NAME_LONG 1100

struct kh_key {
    uint32_t line;
    bool revoked;
    struct str hosts;  // comma list, or one hashed name
    struct str type, key;
};
struct kh_ref {
    const struct kh_key *key;
    struct kh_ref *next;
};
struct kh_file {
    const char *path;
    struct map plain;         // name -> struct kh_ref, newest first
    struct kh_ref *patterns;  // with wildcards, negation or a hash
    struct kh_ref *authorities;
};

// -- parsing ---------------------------------------------------------------------------------------------------------
/// Cuts the next word off `*line`.
static struct str word(struct str *line) {
    *line = str_trim(*line);
    size_t n = 0;
    while (n < line->n && line->s[n] != ' ' && line->s[n] != '\t') {
        n++;
    }
    struct str w = str_sub(*line, 0, n);
    *line = str_sub(*line, n, line->n);
    return w;
}

static char low_char(char c) {
    if (c >= 'A' && c <= 'Z') {
        return "abcdefghijklmnopqrstuvwxyz"[c - 'A'];
    }
    return c;
}

static struct str lower(struct arena *a, struct str s) {
    char *p = str_z(a, s);
    for (size_t i = 0; i < s.n; i++) {
        p[i] = low_char(p[i]);
    }
    return (struct str){p, s.n};
}

static bool is_pattern(struct str hosts) {
    return str_starts(hosts, "|") || str_find_char(hosts, 0, '*') != SIZE_MAX ||
           str_find_char(hosts, 0, '?') != SIZE_MAX || str_find_char(hosts, 0, '!') != SIZE_MAX;
}

static void add_ref(struct arena *a, struct kh_ref **head, const struct kh_key *k) {
    struct kh_ref *r = ARENA_NEW(a, struct kh_ref);
    *r = (struct kh_ref){.key = k, .next = *head};
    *head = r;
}

static void add_key(struct arena *a, struct kh_file *f, const struct kh_key *k) {
    if (is_pattern(k->hosts)) {
        add_ref(a, &f->patterns, k);
        return;
    }
    struct str rest = k->hosts;
    struct str name;
    while (str_next(&rest, ',', &name)) {
        struct str low = lower(a, name);
        struct kh_ref *head = map_get(&f->plain, low);
        add_ref(a, &head, k);
        map_put(&f->plain, a, low, head);
    }
}

static void parse_line(struct arena *a, struct kh_file *f, struct str line, uint32_t number) {
    line = str_trim(line);
    if (!line.n || line.s[0] == '#') {
        return;
    }
    struct str first = word(&line);
    bool revoked = str_eqz(first, "@revoked");
    bool authority = str_eqz(first, "@cert-authority");
    if (!revoked && !authority && first.s[0] == '@') {
        return;
    }
    struct str hosts = revoked || authority ? word(&line) : first;
    struct str type = word(&line);
    struct str key = word(&line);
    if (!hosts.n || !type.n || !key.n || (type.s[0] >= '0' && type.s[0] <= '9')) {
        return;  // damaged, or the SSH 1 format
    }
    struct kh_key *k = ARENA_NEW(a, struct kh_key);
    *k = (struct kh_key){.line = number, .revoked = revoked, .hosts = hosts, .type = type, .key = key};
    if (authority) {
        add_ref(a, &f->authorities, k);
    } else {
        add_key(a, f, k);
    }
}

struct kh_file *kh_parse(struct arena *a, const char *path, struct str text) {
    struct kh_file *f = ARENA_NEW(a, struct kh_file);
    f->path = arena_strndup(a, path, strlen(path));
    text = str_dup(a, text);
    uint32_t number = 0;
    struct str line;
    while (str_next(&text, '\n', &line)) {
        parse_line(a, f, line, ++number);
    }
    return f;
}

// -- looking up ------------------------------------------------------------------------------------------------------
static void hmac_sha1(struct str key, struct str data, unsigned char out[DIGEST_MAX]) {
    unsigned char pad[HMAC_PAD];
    for (int round = 0; round < 2; round++) {
        memset(pad, round ? 0x5c : 0x36, sizeof pad);
        for (size_t i = 0; i < key.n && i < sizeof pad; i++) {
            pad[i] ^= (unsigned char)key.s[i];
        }
        struct digest *d = digest_open("sha1");
        digest_add(d, pad, sizeof pad);
        digest_add(d, round ? (const char *)out : data.s, round ? SHA1_LEN : data.n);
        (void)digest_close(d, out);
    }
}

/// "|1|salt|hash": a name hashed with HMAC-SHA1.
static bool hashed_is(struct str hosts, const char *name) {
    if (!str_starts(hosts, "|1|")) {
        return false;
    }
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str rest = str_sub(hosts, 3, hosts.n);
    struct str salt64;
    struct str salt;
    struct str hash;
    bool same = false;
    if (str_next(&rest, '|', &salt64) && rest.s && base64_decode(&a, salt64, &salt, &e) &&
        base64_decode(&a, rest, &hash, &e) && salt.n == SHA1_LEN && hash.n == SHA1_LEN) {
        unsigned char got[DIGEST_MAX];
        hmac_sha1(salt, str_from(name), got);
        same = memcmp(got, hash.s, SHA1_LEN) == 0;
    }
    arena_release(&a);
    return same;
}

static bool pattern_is(const struct kh_key *k, const char *name) {
    return k->hosts.s[0] == '|' ? hashed_is(k->hosts, name) : sshconf_match(k->hosts, ',', name);
}

static void weigh(struct kh_found *best, const struct kh_file *f, const struct kh_key *k, struct str type,
                  struct str key) {
    bool same = str_eq(k->key, key) && str_eq(k->type, type);
    enum kh_answer answer = KH_OTHER_TYPE;
    if (k->revoked) {
        if (!same) {
            return;
        }
        answer = KH_REVOKED;
    } else if (same) {
        answer = KH_OK;
    } else if (str_eq(k->type, type)) {
        answer = KH_CHANGED;
    }
    // Any matching key makes the host known; a revoked one overrules everything.
    static const int rank[] = {[KH_UNKNOWN] = 0, [KH_OTHER_TYPE] = 1, [KH_CHANGED] = 2, [KH_OK] = 3, [KH_REVOKED] = 4};
    if (rank[answer] > rank[best->answer]) {
        *best = (struct kh_found){.answer = answer, .path = f->path, .line = k->line, .type = k->type};
    }
}

/// Lower-cased copy of a name that is short enough to be one.
static bool name_low(const char *name, char low[NAME_LONG]) {
    size_t n = strlen(name);
    if (n >= NAME_LONG) {
        return false;
    }
    for (size_t i = 0; i <= n; i++) {
        low[i] = low_char(name[i]);
    }
    return true;
}

struct kh_found kh_lookup(const struct kh_file *f, const char *name, struct str type, struct str key) {
    struct kh_found best = {0};
    char low[NAME_LONG];
    if (!name_low(name, low)) {
        return best;
    }
    for (const struct kh_ref *r = map_get(&f->plain, str_from(low)); r; r = r->next) {
        weigh(&best, f, r->key, type, key);
    }
    for (const struct kh_ref *r = f->patterns; r; r = r->next) {
        if (pattern_is(r->key, low)) {
            weigh(&best, f, r->key, type, key);
        }
    }
    return best;
}

uint32_t kh_authority(const struct kh_file *f, const char *name) {
    char low[NAME_LONG];
    uint32_t line = 0;
    for (const struct kh_ref *r = name_low(name, low) ? f->authorities : NULL; r; r = r->next) {
        line = pattern_is(r->key, low) ? r->key->line : line;
    }
    return line;
}

static void add_type(struct buf *out, const struct kh_key *k) {
    if (k->revoked) {
        return;
    }
    struct str rest = buf_view(out);
    struct str t;
    while (str_next(&rest, ',', &t)) {
        if (str_eq(t, k->type)) {
            return;
        }
    }
    if (out->n) {
        buf_char(out, ',');
    }
    buf_str(out, k->type);
}

void kh_types(const struct kh_file *f, const char *name, struct buf *out) {
    char low[NAME_LONG];
    if (!name_low(name, low)) {
        return;
    }
    for (const struct kh_ref *r = map_get(&f->plain, str_from(low)); r; r = r->next) {
        add_type(out, r->key);
    }
    for (const struct kh_ref *r = f->patterns; r; r = r->next) {
        if (pattern_is(r->key, low)) {
            add_type(out, r->key);
        }
    }
}

// -- adding ----------------------------------------------------------------------------------------------------------
const char *kh_name(struct arena *a, const char *host, int port) {
    const char *low = lower(a, str_from(host)).s;
    return port == 22 ? low : arena_printf(a, "[%s]:%d", low, port);
}

struct str kh_line(struct arena *a, const char *name, struct str type, struct str key, bool hash) {
    if (!hash) {
        return str_printf(a, "%s %.*s %.*s\n", name, STR(type), STR(key));
    }
    char salt[SHA1_LEN];
    unsigned char sum[DIGEST_MAX];
    random_bytes(salt, sizeof salt);
    hmac_sha1((struct str){salt, sizeof salt}, str_from(name), sum);
    struct str salt64 = base64_encode(a, (struct str){salt, sizeof salt});
    struct str sum64 = base64_encode(a, (struct str){(const char *)sum, SHA1_LEN});
    return str_printf(a, "|1|%.*s|%.*s %.*s %.*s\n", STR(salt64), STR(sum64), STR(type), STR(key));
}

static bool make_parent(const char *path, struct err *e) {
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path) {
        return true;
    }
    const char *dir = arena_strndup(e->arena, path, (size_t)(slash - path));
    return mkdir(dir, 0700) == 0 || errno == EEXIST || err_sys(e, errno, NO_MARK, "cannot create '%s'", dir);
}

bool kh_append(const char *path, struct str line, struct err *e) {
    if (!make_parent(path, e)) {
        return false;
    }
    CLEANUP(fd_closep) int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0) {
        return err_sys(e, errno, NO_MARK, "cannot open '%s' to add a host key", path);
    }
    while (flock(fd, LOCK_EX) != 0) {
        if (errno != EINTR) {
            return err_sys(e, errno, NO_MARK, "cannot lock '%s'", path);
        }
    }
    // A last line without its newline must not swallow ours.
    char last = '\n';
    off_t size = lseek(fd, 0, SEEK_END);
    if (size > 0 && pread(fd, &last, 1, size - 1) != 1) {
        last = '\n';
    }
    struct buf b = {0};
    if (last != '\n') {
        buf_char(&b, '\n');
    }
    buf_str(&b, line);
    bool ok = fd_write_all(fd, buf_view(&b), e);
    buf_release(&b);
    return ok || err_wrap(e, NO_MARK, "while adding a host key to '%s'", path);
}
