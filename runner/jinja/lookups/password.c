// The lookup password: a password kept in a file of the controller, made when there is none yet.
#include "digest.h"
#include "fd.h"
#include "filters/crypt.h"
#include "filters/path.h"
#include "filters/text.h"
#include "lookups/common.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_WAIT_MS 7000
#define LENGTH_MAX   (1 << 16)
#define FILE_CAP     ((size_t)1 << 20)

struct pass {
    struct jcall *c;
    struct str path;  // absolute
    bool null;        // /dev/null: nothing is kept
    struct str encrypt, ident, seed, chars;
    int64_t length;
    struct str password, salt;
};

static const char *const names[] = {"length", "encrypt", "chars", "ident", "seed", NULL};

static const struct {
    const char *name, *chars;
} charsets[] = {
    {"ascii_lowercase", "abcdefghijklmnopqrstuvwxyz"},
    {"ascii_uppercase", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    {"ascii_letters", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    {"digits", "0123456789"},
    {"hexdigits", "0123456789abcdefABCDEF"},
    {"octdigits", "01234567"},
    {"punctuation", "!#$%&()*+,-./:;<=>?@[\\]^_`{|}~"},
    {"whitespace", " \t\n\r\v\f"},
    {"printable", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                  "!#$%&()*+,-./:;<=>?@[\\]^_`{|}~ \t\n\r\v\f"},
};

/// Quotes are never part of a password.
static void add_chars(struct buf *b, struct str spec) {
    for (size_t i = 0; i < COUNTOF(charsets); i++) {
        if (str_eqz(spec, charsets[i].name)) {
            buf_z(b, charsets[i].chars);
            return;
        }
    }
    for (size_t i = 0; i < spec.n; i++) {
        if (spec.s[i] != '"' && spec.s[i] != '\'') {
            buf_char(b, spec.s[i]);
        }
    }
}

/// `in_term`: written behind the path, where ",," stands for a comma.
static bool read_chars(struct pass *p, struct val v, bool in_term, struct err *e) {
    struct jcall *c = p->c;
    struct buf b = BUF_IN(c->a);
    if (is_undef(v) || v.kind == VAL_NULL) {
        add_chars(&b, STR_LIT("ascii_letters"));
        add_chars(&b, STR_LIT("digits"));
        add_chars(&b, STR_LIT(".,:-_"));
    } else if (v.kind == VAL_STR) {
        struct str all = val_text(v), part;
        if (in_term && str_find(all, 0, STR_LIT(",,")) != SIZE_MAX) {
            buf_char(&b, ',');
        }
        while (str_next(&all, ',', &part)) {
            add_chars(&b, in_term ? part : text_strip(part, STR_NONE, STRIP_BOTH));
        }
    } else if (val_is_seq(v)) {
        for (size_t i = 0; i < val_len(v); i++) {
            add_chars(&b, text_of(c, val_at_index(v, i)));
        }
    } else {
        return bad_arg(c, e, "chars", "a string or a list", v);
    }
    p->chars = buf_view(&b);
    return b.n || plug_err(c, e, ERR_ARGS, "'chars' has no characters");
}

/// "path length=8 chars=digits": options inside the term win over those of the call.
static bool read_options(struct pass *p, struct str term, struct err *e) {
    struct jcall *c = p->c;
    struct jcall t = *c;
    struct str raw = STR_NONE, name = term;
    struct val kv = {.kind = VAL_UNDEF};
    t.kwargs = val_is(c->kwargs, VAL_DICT) ? val_copy(c->a, c->kwargs) : val_dict(c->a, 4);
    size_t space = str_find_char(term, 0, ' ');
    if (space != SIZE_MAX) {
        if (!lk_kv(c, str_sub(term, space + 1, term.n), &raw, &kv, e)) {
            return false;
        }
        name = str_sub(term, 0, space);
        if (raw.s) {
            name = str_printf(c->a, "%.*s %.*s", STR(name), STR(raw));
            if (term.n < name.n || memcmp(term.s, name.s, name.n) != 0) {
                return plug_err(c, e, ERR_ARGS, "there is text behind the options: '%.*s'", STR(raw));
            }
        }
        struct jcall only = *c;
        only.kwargs = kv;
        if (!only_kw(&only, names, e)) {
            return false;
        }
        t.kwargs = val_merge(c->a, t.kwargs, kv, false, MERGE_REPLACE);
    }
    if (!lk_int(&t, "length", 20, &p->length, e) || !lk_str(&t, "encrypt", STR_NONE, &p->encrypt, e) ||
        !lk_str(&t, "ident", STR_NONE, &p->ident, e) || !lk_str(&t, "seed", STR_NONE, &p->seed, e) ||
        !read_chars(p, lk_opt(&t, "chars"), space != SIZE_MAX && val_has(kv, "chars"), e)) {
        return false;
    }
    if (p->length < 0 || p->length > LENGTH_MAX) {
        return plug_err(c, e, ERR_ARGS, "'length' must be from 0 to %d, not %lld", LENGTH_MAX, (long long)p->length);
    }
    p->path = path_abs(c->a, path_join2(c->a, lk_basedir(c), path_user(c->a, name)));
    p->null = str_eqz(p->path, "/dev/null");
    return true;
}

// -- the file --------------------------------------------------------------------------------------------------------

/// Makes a directory and those above it, readable for the owner only.
static bool make_dirs(struct pass *p, struct str dir, struct err *e) {
    const char *z = str_z(p->c->a, dir);
    if (!dir.n || str_eqz(dir, "/") || mkdir(z, 0700) == 0 || errno == EEXIST) {
        return true;
    }
    if (errno != ENOENT) {
        return err_sys(e, errno, p->c->at, "lookup '%s' cannot make the directory '%s'", p->c->name, z);
    }
    if (!make_dirs(p, path_dir(dir), e)) {
        return false;
    }
    return mkdir(z, 0700) == 0 || errno == EEXIST ||
           err_sys(e, errno, p->c->at, "lookup '%s' cannot make the directory '%s'", p->c->name, z);
}

/// Takes the lock file that Ansible uses too; waits for others up to seven seconds.
static bool lock(struct pass *p, const char **lockfile, struct err *e) {
    struct jcall *c = p->c;
    const char *hex = NULL;
    *lockfile = NULL;
    if (p->null) {
        return true;
    }
    if (!make_dirs(p, path_dir(p->path), e) || !digest_hex(c->a, "sha1", p->path, &hex, e)) {
        return false;
    }
    struct str name = str_printf(c->a, "%s.ansible_lockfile", hex);
    const char *z = str_z(c->a, path_join2(c->a, path_dir(p->path), name));
    int64_t deadline = clock_ms() + LOCK_WAIT_MS;
    for (;;) {
        int fd = open(z, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
        if (fd >= 0) {
            close(fd);
            *lockfile = z;
            return true;
        }
        if (errno != EEXIST) {
            return err_sys(e, errno, c->at, "lookup '%s' cannot make the lock '%s'", c->name, z);
        }
        if (clock_ms() > deadline) {
            return plug_err(c, e, ERR_TIMEOUT, "another run holds the lock '%s' (remove it if there is none)", z);
        }
        poll(NULL, 0, 50);
    }
}

/// "password salt=... ident=...".
static void parse_content(struct str s, struct str *password, struct str *salt, struct str *ident) {
    struct str slug = STR_LIT(" salt="), islug = STR_LIT(" ident=");
    size_t at = SIZE_MAX;
    for (size_t k = 0; (k = str_find(s, k, slug)) != SIZE_MAX; k++) {
        at = k;
    }
    *password = at == SIZE_MAX ? s : str_sub(s, 0, at);
    *salt = *ident = STR_NONE;
    if (at == SIZE_MAX || at + slug.n == s.n) {
        return;
    }
    struct str rest = str_sub(s, at + slug.n, s.n);
    at = SIZE_MAX;
    for (size_t k = 0; (k = str_find(rest, k, islug)) != SIZE_MAX; k++) {
        at = k;
    }
    *salt = at == SIZE_MAX ? rest : str_sub(rest, 0, at);
    *ident = at == SIZE_MAX ? STR_NONE : str_sub(rest, at + islug.n, rest.n);
}

static bool generate(struct pass *p, struct err *e) {
    struct mt *m = ARENA_NEW(p->c->a, struct mt);
    mt_init_system(m);
    if (p->seed.s && !mt_init_seed(m, val_str(p->c->a, p->seed))) {
        return plug_err(p->c, e, ERR_ARGS, "'seed' cannot be used");
    }
    p->password = random_chars(p->c->a, m, p->chars, (size_t)p->length);
    return true;
}

/// Reads or makes the password; *changed: the file must be written.
static bool obtain(struct pass *p, bool *changed, struct err *e) {
    struct jcall *c = p->c;
    struct str stored = STR_NONE, text;
    struct stat st;
    const char *z = str_z(c->a, p->path);
    *changed = p->null || stat(z, &st) != 0;
    if (*changed) {
        if (!generate(p, e)) {
            return false;
        }
    } else {
        if (!fd_read_file(z, FILE_CAP, c->a, &text, e)) {
            return err_wrap(e, c->at, "in lookup '%s'", c->name);
        }
        parse_content(text_strip(text, STR_NONE, STRIP_RIGHT), &p->password, &p->salt, &stored);
    }
    if (!p->encrypt.n) {
        p->ident = stored.s ? stored : p->ident;
        return true;
    }
    if (!p->salt.n) {
        p->salt = random_salt(c->a, crypt_salt_size(p->encrypt));
        *changed = true;
    }
    if (stored.n) {
        if (p->ident.n && !str_eq(stored, p->ident)) {
            return plug_err(c, e, ERR_ARGS, "'ident' is '%.*s', but the file says '%.*s'", STR(p->ident), STR(stored));
        }
        p->ident = stored;
    } else if (!p->ident.n && crypt_ident(p->encrypt)) {
        p->ident = str_from(crypt_ident(p->encrypt));
        *changed = true;
    }
    return true;
}

static bool store(struct pass *p, struct err *e) {
    struct jcall *c = p->c;
    struct buf b = BUF_IN(c->a);
    buf_str(&b, p->password);
    if (p->salt.n) {
        buf_z(&b, " salt=");
        buf_str(&b, p->salt);
        if (p->ident.n) {
            buf_z(&b, " ident=");
            buf_str(&b, p->ident);
        }
    }
    buf_char(&b, '\n');
    return fd_replace_file(str_z(c->a, p->path), buf_view(&b), 0600, e) ||
           err_wrap(e, c->at, "in lookup '%s'", c->name);
}

static bool one_term(struct jcall *c, struct str term, struct val out, struct err *e) {
    struct pass p = {.c = c};
    const char *lockfile = NULL;
    bool changed = false;
    if (!read_options(&p, term, e) || !lock(&p, &lockfile, e)) {
        return false;
    }
    bool ok = obtain(&p, &changed, e) && (!changed || p.null || store(&p, e));
    if (lockfile) {
        unlink(lockfile);
    }
    if (!ok) {
        return false;
    }
    struct str result = p.password;
    if (p.encrypt.n) {
        struct crypt_opts o = {.scheme = p.encrypt, .salt = p.salt, .ident = p.ident};
        if (!crypt_hash(c->a, p.password, &o, c->at, &result, e)) {
            return err_wrap(e, c->at, "in lookup '%s'", c->name);
        }
    }
    val_push(c->a, out, val_str(c->a, result));
    return true;
}

static bool l_password(struct jcall *c, struct val *out, struct err *e) {
    lk_known(c, names);
    return lk_each_term(c, one_term, out, e);
}
LOOKUP(password) = {
    .doc = "A password kept in a file.",
    .fn = l_password,
    .example = "lookup('password', '/dev/null', length=8) | length == 8",
    .options = "length=20, chars=['ascii_letters', 'digits', '.,:-_'], encrypt=None, ident=None, seed=None"};
