// Contents and Lua modules of this connection. What is larger than the memory share lies in one unlinked file.
#include "store.h"

#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basis.h"
#include "frame.h"

#define COPY_PART ((size_t)256 << 10)

void store_init(struct store *s, const char *dir) {
    *s = (struct store){.dir = dir, .fd = -1};
}

void store_release(struct store *s) {
    for (size_t i = 0; i < STORE_BUCKETS; i++) {
        for (struct store_blob *b = s->blobs[i]; b; b = b->next) {
            buf_release(&b->mem);
            if (b->digest) {
                unsigned char ignored[DIGEST_MAX];
                digest_close(b->digest, ignored);
            }
            if (b->basis) {
                fd_closep(&b->basis->fd);
            }
        }
    }
    fd_closep(&s->fd);
    arena_release(&s->arena);
    store_init(s, s->dir);
}

static struct store_blob *find(const struct store *s, const unsigned char sha[32]) {
    struct store_blob *b = s->blobs[sha[0]];
    while (b && memcmp(b->sha, sha, sizeof b->sha) != 0) {
        b = b->next;
    }
    return b;
}

static struct store_blob *insert(struct store *s, const unsigned char sha[32]) {
    struct store_blob *b = ARENA_NEW(&s->arena, struct store_blob);
    memcpy(b->sha, sha, sizeof b->sha);
    b->next = s->blobs[sha[0]];
    s->blobs[sha[0]] = b;
    return b;
}

enum store_state store_state(const struct store *s, const unsigned char sha[32]) {
    const struct store_blob *b = find(s, sha);
    if (!b) {
        return STORE_MISSING;
    }
    return b->good ? STORE_WHOLE : (b->digest || b->basis || b->torn || b->retry ? STORE_COMING : STORE_DAMAGED);
}

void store_lend(struct store *s, const unsigned char sha[32], struct str data) {
    struct store_blob *b = insert(s, sha);
    b->lent = data;
    b->len = data.n;
    b->good = true;
    s->lent++;
}

void store_take_back(struct store *s) {
    for (size_t i = 0; s->lent && i < STORE_BUCKETS; i++) {
        for (struct store_blob **at = &s->blobs[i]; *at;) {
            if ((*at)->lent.s) {
                *at = (*at)->next;
                s->lent--;
            } else {
                at = &(*at)->next;
            }
        }
    }
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool store_digest(struct str hex, unsigned char sha[32]) {
    bool ok = hex.n == 64;
    for (size_t i = 0; ok && i < 32; i++) {
        int hi = hex_digit(hex.s[2 * i]);
        int lo = hex_digit(hex.s[2 * i + 1]);
        ok = hi >= 0 && lo >= 0;
        sha[i] = (unsigned char)(ok ? hi * 16 + lo : 0);
    }
    return ok;
}

static bool open_file(struct store *s, struct err *e) {
    if (s->fd >= 0) {
        return true;
    }
    if (mkdir(s->dir, 0700) != 0 && errno != EEXIST) {
        return err_sys(e, errno, NO_MARK, "cannot make the directory '%s'", s->dir);
    }
    s->fd = open(s->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (s->fd >= 0) {
        return true;
    }
    char *path = arena_printf(&s->arena, "%s/content-XXXXXX", s->dir);
    s->fd = mkostemp(path, O_CLOEXEC);
    if (s->fd < 0) {
        return err_sys(e, errno, NO_MARK, "cannot make a file in '%s'", s->dir);
    }
    unlink(path);
    return true;
}

/// Appends to the file; the pieces of one blob that lie side by side become one extent.
static bool spill(struct store *s, struct store_blob *b, struct str data, struct err *e) {
    if (s->disk + data.n > STORE_DISK) {
        return err_set(e, ERR_LIMIT, NO_MARK, "content of one connection is limited to %llu bytes",
                       (unsigned long long)STORE_DISK);
    }
    if (!open_file(s, e) || !fd_write_all(s->fd, data, e)) {
        return false;
    }
    struct store_extent *last = b->extents.n ? &b->extents.p[b->extents.n - 1] : NULL;
    if (last && last->at + last->len == s->disk) {
        last->len += data.n;
    } else {
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): n < cap means there is an array
        VEC_PUSH(&s->arena, b->extents, ((struct store_extent){s->disk, data.n}));
    }
    s->disk += data.n;
    return true;
}

static bool append(struct store *s, struct store_blob *b, struct str data, struct err *e) {
    digest_add(b->digest, data.s, data.n);
    b->len += data.n;
    if (!b->extents.n && s->memory + data.n <= STORE_MEMORY) {
        buf_str(&b->mem, data);
        s->memory += data.n;
        return true;
    }
    if (b->mem.n) {
        if (!spill(s, b, buf_view(&b->mem), e)) {
            return false;
        }
        s->memory -= b->mem.n;
        buf_release(&b->mem);
        b->mem = (struct buf){0};
    }
    return data.n == 0 || spill(s, b, data, e);
}

static void finish(struct store *s, struct store_blob *b) {
    unsigned char sum[DIGEST_MAX];
    digest_close(b->digest, sum);
    b->digest = NULL;
    b->retry = false;
    b->good = memcmp(sum, b->sha, sizeof b->sha) == 0;
    if (!b->good) {
        s->memory -= b->mem.n;
        buf_release(&b->mem);
        b->mem = (struct buf){0};
    }
}

static bool head_is_whole(struct str body, struct err *e) {
    return body.n >= FRAME_BLOB_HEAD ||
           err_set(e, ERR_SYNTAX, NO_MARK, "expected content of at least %zu bytes, found %zu", FRAME_BLOB_HEAD,
                   body.n);
}

static void begin(struct store_blob *b) {
    if (!b->digest) {
        b->digest = digest_open("sha256");
        b->len = 0;
        b->extents.n = 0;
    }
}

bool store_blob(struct store *s, struct str body, struct err *e) {
    s->news++;
    if (!head_is_whole(body, e)) {
        return false;
    }
    const unsigned char *head = (const unsigned char *)body.s;
    struct store_blob *b = find(s, head);
    if (b && b->good) {
        return true;
    }
    if (!b) {
        b = insert(s, head);
    }
    begin(b);
    bool ok = append(s, b, str_sub(body, FRAME_BLOB_HEAD, body.n), e);
    if (ok && head[32] & FRAME_BLOB_LAST) {
        finish(s, b);
    }
    return ok;
}

// -- contents made of the pieces of a file
// -----------------------------------------------------------------------------
static bool read_basis(struct store *s, struct store_basis *f, struct str body, struct buf *ask) {
    const char *path = NULL;
    struct str rest = basis_path(&s->arena, body, &path);
    size_t n = rest.n / BASIS_PIECE;
    f->fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
    if (f->fd < 0) {
        return false;
    }
    f->pieces = ARENA_ARRAY(&s->arena, struct store_extent, n + 1);
    uint64_t at = 0;
    buf_str(ask, str_sub(body, 0, 32));
    for (f->n = 0; f->n < n; f->n++) {
        const char *p = rest.s + f->n * BASIS_PIECE;
        f->pieces[f->n] = (struct store_extent){at, frame_get32((const unsigned char *)p)};
        at += f->pieces[f->n].len;
        buf_add(ask, p + 4, 32);
    }
    return true;
}

bool store_expect(struct store *s, struct str basis, struct buf *ask) {
    unsigned char sha[32];
    if (basis.n < sizeof sha) {
        return false;
    }
    memcpy(sha, basis.s, sizeof sha);
    struct store_basis *f = ARENA_NEW(&s->arena, struct store_basis);
    if (store_state(s, sha) != STORE_MISSING || !read_basis(s, f, basis, ask)) {
        return false;
    }
    insert(s, sha)->basis = f;
    return true;
}

bool store_expects(const struct store *s, const unsigned char sha[32]) {
    const struct store_blob *b = find(s, sha);
    return b && b->basis;
}

/// Old bytes that are not there any more leave the content without its digest, which is found out at its end.
static bool copy_old(struct store *s, struct store_blob *b, uint64_t at, uint64_t len, struct err *e) {
    struct buf part = {0};
    bool ok = true;
    while (ok && len) {
        size_t want = len < COPY_PART ? (size_t)len : COPY_PART;
        ssize_t n = pread(b->basis->fd, buf_reserve(&part, COPY_PART), want, (off_t)at);
        if (n <= 0) {
            break;
        }
        ok = append(s, b, (struct str){part.p, (size_t)n}, e);
        at += (uint64_t)n;
        len -= (uint64_t)n;
    }
    buf_release(&part);
    return ok;
}

/// One step at the front of `rest`; false: *e.
static bool step(struct store *s, struct store_blob *b, struct str *rest, struct err *e) {
    const unsigned char *p = (const unsigned char *)rest->s;
    size_t first = rest->n >= RECIPE_STEP ? frame_get32(p + 1) : 0;
    size_t count = rest->n >= RECIPE_STEP ? frame_get32(p + 5) : 0;
    if (rest->n >= RECIPE_STEP && p[0] == RECIPE_NEW && rest->n - RECIPE_STEP >= first) {
        struct str fresh = str_sub(*rest, RECIPE_STEP, RECIPE_STEP + first);
        *rest = str_sub(*rest, RECIPE_STEP + first, rest->n);
        return append(s, b, fresh, e);
    }
    const struct store_basis *f = b->basis;
    if (rest->n < RECIPE_STEP || p[0] != RECIPE_OLD || first >= f->n || !count || count > f->n - first) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "expected a step of a recipe");
    }
    *rest = str_sub(*rest, RECIPE_STEP, rest->n);
    const struct store_extent *last = &f->pieces[first + count - 1];
    return copy_old(s, b, f->pieces[first].at, last->at + last->len - f->pieces[first].at, e);
}

bool store_recipe(struct store *s, struct str body, struct err *e) {
    s->news++;
    if (!head_is_whole(body, e)) {
        return false;
    }
    const unsigned char *head = (const unsigned char *)body.s;
    struct store_blob *b = find(s, head);
    if (!b || !b->basis) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "a recipe came that nobody asked for");
    }
    begin(b);
    struct str rest = str_sub(body, FRAME_BLOB_HEAD, body.n);
    while (rest.n) {
        if (!step(s, b, &rest, e)) {
            return false;
        }
    }
    if (head[32] & FRAME_BLOB_LAST) {
        finish(s, b);
        fd_closep(&b->basis->fd);
        b->basis = NULL;
        b->torn = !b->good;
    }
    return true;
}

bool store_retry(struct store *s, const unsigned char sha[32]) {
    struct store_blob *b = find(s, sha);
    bool torn = b && b->torn;
    if (torn) {
        b->torn = false;
        b->retry = true;
    }
    return torn;
}

bool store_script(struct store *s, struct str body, struct err *e) {
    s->news++;
    size_t nul = str_find_char(body, 0, '\0');
    if (nul == SIZE_MAX || body.n - nul > SCRIPT_MAX || s->script_bytes + body.n > SCRIPTS_TOTAL) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "expected a name and a Lua source of at most %zu bytes", SCRIPT_MAX);
    }
    const char *hex = NULL;
    struct str source = str_sub(body, nul + 1, body.n);
    if (!digest_hex(&s->arena, "sha256", source, &hex, e)) {
        return false;
    }
    if (store_find_script(s, str_from(hex))) {
        return true;
    }
    struct store_script *script = ARENA_NEW(&s->arena, struct store_script);
    *script = (struct store_script){.next = s->scripts,
                                    .name = str_z(&s->arena, str_sub(body, 0, nul)),
                                    .sha256 = hex,
                                    .source = str_dup(&s->arena, source)};
    s->scripts = script;
    s->script_bytes += body.n;
    return true;
}

const struct store_script *store_find_script(const struct store *s, struct str sha256) {
    const struct store_script *script = s->scripts;
    while (script && !str_eqz(sha256, script->sha256)) {
        script = script->next;
    }
    return script;
}

static bool map_extent(int fd, struct store_extent x, struct str *data, struct err *e) {
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t skip = x.at % page;
    void *p = mmap(NULL, x.len + skip, PROT_READ, MAP_PRIVATE, fd, (off_t)(x.at - skip));
    if (p == MAP_FAILED) {
        return err_sys(e, errno, NO_MARK, "cannot map content");
    }
    *data = (struct str){(const char *)p + skip, x.len};
    return true;
}

static bool read_extents(struct store *s, const struct store_blob *b, struct arena *a, struct str *data,
                         struct err *e) {
    char *p = arena_alloc(a, b->len + 1);
    size_t at = 0;
    for (size_t i = 0; i < b->extents.n; i++) {
        struct store_extent x = b->extents.p[i];
        while (x.len) {
            ssize_t n = pread(s->fd, p + at, x.len, (off_t)x.at);
            if (n <= 0) {
                return err_sys(e, n < 0 ? errno : EIO, NO_MARK, "cannot read content back");
            }
            x.at += (uint64_t)n;
            x.len -= (uint64_t)n;
            at += (size_t)n;
        }
    }
    *data = (struct str){p, at};
    return true;
}

bool store_find_blob(struct store *s, struct str sha256, struct arena *a, struct str *data, struct err *e) {
    unsigned char sha[32];
    const struct store_blob *b = store_digest(sha256, sha) ? find(s, sha) : NULL;
    if (!b || !b->good) {
        return err_set(e, ERR_NOT_FOUND, NO_MARK, "content %.*s did not arrive", STR(sha256));
    }
    if (b->lent.s) {
        *data = b->lent;
    } else if (!b->extents.n) {
        *data = b->mem.n ? (struct str){b->mem.p, b->mem.n} : STR_LIT("");
    } else {
        return b->extents.n == 1 ? map_extent(s->fd, b->extents.p[0], data, e) : read_extents(s, b, a, data, e);
    }
    return true;
}
