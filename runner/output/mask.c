// Secrets and where they hide. Patterns are kept longest first, so that a secret inside another one cannot tear it.
#include "mask.h"

#include "digest.h"
#include "map.h"
#include "val.h"

#include <strings.h>
#include <sys/mman.h>

#define MIN_SECRET 4
#define MIN_LINE   8
#define MIN_INSIDE 8  // shorter texts are secrets only as whole words: "root" is not in "rooted"
#define MIN_DIGITS 6  // shorter numbers are ports and counts

struct mask {
    struct arena arena;  // secret: wiped when released
    struct {
        struct str *p;
        size_t n, cap;
    } patterns;
    struct map seen;
};

struct mask *mask_new(void) {
    struct arena first = {.secret = true};
    struct mask *m = ARENA_NEW(&first, struct mask);
    m->arena = first;
    return m;
}

void mask_free(struct mask *m) {
    if (m) {
        struct arena a = m->arena;
        arena_release(&a);
    }
}

static int longer_first(const void *x, const void *y) {
    const struct str *a = x;
    const struct str *b = y;
    return a->n == b->n ? 0 : (a->n > b->n ? -1 : 1);
}

static void remember(struct mask *m, struct str s) {
    if (s.n < MIN_SECRET || map_get(&m->seen, s)) {
        return;
    }
    struct str copy = str_dup(&m->arena, s);
    // Best effort: without the right to lock memory the secret is still wiped, only swapping cannot be ruled out.
    (void)mlock(copy.s, copy.n);
    VEC_PUSH(&m->arena, m->patterns, copy);
    map_put(&m->seen, &m->arena, copy, m);
}

// The three ways a text can lie across base64's groups; the ragged ends are cut off.
static void remember_base64(struct mask *m, struct str s) {
    for (size_t shift = 0; shift < 3 && s.n > shift + 5; shift++) {
        struct str tail = str_sub(s, shift, s.n);
        tail.n -= tail.n % 3;
        remember(m, base64_encode(&m->arena, tail));
    }
    remember(m, base64_encode(&m->arena, s));
}

static void json_char(struct buf *b, unsigned char c) {
    if (c == '\n' || c == '\t' || c == '\r') {
        buf_z(b, c == '\n' ? "\\n" : (c == '\t' ? "\\t" : "\\r"));
    } else if (c < 0x20) {
        buf_printf(b, "\\u%04x", c);
    } else {
        buf_z(b, c == '"' || c == '\\' ? "\\" : "");
        buf_char(b, (char)c);
    }
}

static void url_char(struct buf *b, unsigned char c) {
    bool plain =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("-_.~/", c));
    buf_printf(b, plain ? "%c" : "%%%02X", c);
}

// A text and what JSON makes of it.
static void remember_json(struct mask *m, struct str s) {
    struct buf json = BUF_IN(&m->arena);
    for (size_t i = 0; i < s.n; i++) {
        json_char(&json, (unsigned char)s.s[i]);
    }
    remember(m, s);
    remember(m, buf_view(&json));
}

// As templates quote a text inside a list or a message: 'it\'s'.
static void remember_repr(struct mask *m, struct str s) {
    struct buf repr = BUF_IN(&m->arena);
    val_to_repr(&repr, val_str(&m->arena, s));
    struct str text = buf_view(&repr);
    remember_json(m, str_sub(text, 1, text.n - 1));
}

static void remember_escaped(struct mask *m, struct str s) {
    struct buf url = BUF_IN(&m->arena);
    struct buf shell = BUF_IN(&m->arena);
    struct buf ascii = BUF_IN(&m->arena);
    for (size_t i = 0; i < s.n; i++) {
        url_char(&url, (unsigned char)s.s[i]);
        if (s.s[i] == '\'') {
            buf_z(&shell, "'\"'\"'");
        } else {
            buf_char(&shell, s.s[i]);
        }
    }
    for (size_t i = 0; i < s.n;) {
        uint32_t cp = utf8_next(s, &i);
        char utf[4];
        if (cp >= 0x80 && cp < 0x10000) {
            buf_printf(&ascii, "\\u%04x", cp);
        } else {
            buf_add(&ascii, utf, utf8_put(cp, utf));
        }
    }
    remember(m, buf_view(&url));
    remember_json(m, s);
    remember_json(m, buf_view(&shell));
    remember_repr(m, s);
    remember(m, buf_view(&ascii));
}

// What stands in vaulted files beside secrets and in every output beside everything: hiding it would hide nothing and
// make the output unreadable ("changed": ********). As values of their variables these are masked all the same.
static bool ordinary(struct str s) {
    static const char *const words[] = {"true",     "false",    "none",      "null",   "root",    "admin",
                                        "user",     "name",     "localhost", "http",   "https",   "mysql",
                                        "postgres", "password", "secret",    "test",   "present", "absent",
                                        "latest",   "main",     "master",    "default"};
    size_t digits = 0;
    while (digits < s.n && s.s[digits] >= '0' && s.s[digits] <= '9') {
        digits++;
    }
    bool found = digits == s.n && s.n < MIN_DIGITS;
    for (size_t i = 0; i < COUNTOF(words) && !found; i++) {
        found = s.n == strlen(words[i]) && strncasecmp(s.s, words[i], s.n) == 0;
    }
    return found;
}

void mask_add(struct mask *m, struct str text) {
    text = str_trim(text);
    if (text.n < MIN_SECRET || ordinary(text) || map_get(&m->seen, text)) {
        return;
    }
    remember(m, text);
    remember_base64(m, text);
    remember_escaped(m, text);
    if (str_find_char(text, 0, '\n') != SIZE_MAX) {
        struct str rest = text;
        struct str line;
        while (str_next(&rest, '\n', &line)) {
            line = str_trim(line);
            if (line.n >= MIN_LINE) {
                remember(m, line);
                remember_base64(m, line);
                remember_escaped(m, line);
            }
        }
    }
    qsort(m->patterns.p, m->patterns.n, sizeof *m->patterns.p, longer_first);
}

static bool in_word(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

static bool is_word(struct str text, size_t from, size_t end) {
    bool before = from > 0 && in_word((unsigned char)text.s[from - 1]) && in_word((unsigned char)text.s[from]);
    bool after = end < text.n && in_word((unsigned char)text.s[end]) && in_word((unsigned char)text.s[end - 1]);
    return !before && !after;
}

static struct str replace_words(struct arena *a, struct str text, struct str secret) {
    struct buf b = BUF_IN(a);
    size_t done = 0;
    for (size_t at = str_find(text, 0, secret); at != SIZE_MAX; at = str_find(text, at + 1, secret)) {
        if (at >= done && is_word(text, at, at + secret.n)) {
            buf_str(&b, str_sub(text, done, at));
            buf_z(&b, MASKED);
            done = at + secret.n;
        }
    }
    if (done == 0) {
        return text;
    }
    buf_str(&b, str_sub(text, done, text.n));
    return buf_view(&b);
}

struct str mask_apply(const struct mask *m, struct arena *a, struct str text) {
    for (size_t i = 0; i < m->patterns.n; i++) {
        struct str secret = m->patterns.p[i];
        text = secret.n < MIN_INSIDE ? replace_words(a, text, secret) : str_replace(a, text, secret, STR_LIT(MASKED));
    }
    return text;
}
