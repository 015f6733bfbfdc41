// Secrets and where they hide. Each is kept in every encoding it may be printed in; an output is searched once for all
// of them, and once more with its line breaks taken out, since tools wrap what is long.
#include "mask.h"

#include "digest.h"
#include "map.h"
#include "val.h"

#include <strings.h>

enum {
    MIN_SECRET = 4,
    MIN_LINE = 8,
    MIN_INSIDE = 8,  // shorter texts are secrets only as whole words: "root" is not in "rooted"
    MIN_DIGITS = 6,  // shorter numbers are ports and counts
    MIN_MADE = 6,    // what a filter made of a secret
    LONG_MADE = 12,
    KEY = MIN_SECRET,  // bytes by which a pattern is found
    BUCKETS_MIN = 256,
};

static const char HEX_HIGH[] = "0123456789ABCDEF";
static const char HEX_LOW[] = "0123456789abcdef";

struct pattern {
    struct str text;
    struct pattern *next;  // in its bucket
};
struct patterns {
    struct pattern **buckets;  // by the first KEY bytes
    size_t n, cap;
};
struct mask {
    struct arena arena;             // secret: locked, and wiped when released
    struct patterns plain, folded;  // as they are; without line breaks
    struct map seen;
    struct arena open_arena;
    struct map open;  // names that plain files show
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
        arena_release(&m->open_arena);
        arena_release(&a);
    }
}

// -- patterns --------------------------------------------------------------------------------------------------------

static size_t bucket_of(const struct patterns *p, const char *text) {
    uint32_t key;
    memcpy(&key, text, KEY);
    return (key * 0x9E3779B1U >> 8) & (p->cap - 1);
}

static void grow(struct patterns *p, struct arena *a) {
    struct patterns bigger = {.n = p->n, .cap = p->cap ? p->cap * 2 : BUCKETS_MIN};
    bigger.buckets = ARENA_ARRAY(a, struct pattern *, bigger.cap);
    for (size_t i = 0; i < p->cap; i++) {
        for (struct pattern *it = p->buckets[i], *next; it; it = next) {
            next = it->next;
            struct pattern **to = &bigger.buckets[bucket_of(&bigger, it->text.s)];
            it->next = *to;
            *to = it;
        }
    }
    *p = bigger;
}

static void insert(struct patterns *p, struct arena *a, struct str text) {
    if (p->n >= p->cap) {
        grow(p, a);
    }
    struct pattern *one = ARENA_NEW(a, struct pattern);
    struct pattern **to = &p->buckets[bucket_of(p, text.s)];
    *one = (struct pattern){.text = text, .next = *to};
    *to = one;
    p->n++;
}

// -- line breaks -----------------------------------------------------------------------------------------------------

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Length of what separates two lines at s[i]: a line break and the indentation behind it; `\n` as it is escaped in
// JSON, also twice; the seam of a list of lines: `", "`. 0: nothing.
static size_t seam(struct str s, size_t i) {
    size_t k = i;
    if (s.s[k] == '\n' || s.s[k] == '\r') {
        while (k < s.n && is_blank(s.s[k])) {
            k++;
        }
        return k - i;
    }
    while (k < s.n && s.s[k] == '\\') {
        k++;
    }
    if (k > i) {
        return k < s.n && (s.s[k] == 'n' || s.s[k] == 'r') ? k + 1 - i : 0;
    }
    char quote = s.s[i];
    if ((quote != '"' && quote != '\'') || i + 1 >= s.n || s.s[i + 1] != ',') {
        return 0;
    }
    for (k = i + 2; k < s.n && is_blank(s.s[k]);) {
        k++;
    }
    return k < s.n && s.s[k] == quote ? k + 1 - i : 0;
}

// Starts the copy of a text whose first seam is at i.
static char *fold_start(struct arena *a, struct str s, size_t i, size_t **from) {
    char *p = arena_alloc(a, s.n);
    memcpy(p, s.s, i);
    if (from) {
        *from = ARENA_ARRAY(a, size_t, s.n);
        for (size_t k = 0; k < i; k++) {
            (*from)[k] = k;
        }
    }
    return p;
}

// The text without its seams; from[i] is where byte i was. NULL `from`: not wanted. False: there are none.
static bool fold(struct arena *a, struct str s, struct str *out, size_t **from) {
    char *p = NULL;
    size_t n = 0;
    for (size_t i = 0; i < s.n;) {
        size_t skip = seam(s, i);
        if (skip > 0 && !p) {
            p = fold_start(a, s, i, from);
            n = i;
        }
        if (skip == 0 && p) {
            p[n] = s.s[i];
            if (from) {
                (*from)[n] = i;
            }
            n++;
        }
        i += skip > 0 ? skip : 1;
    }
    *out = p ? (struct str){p, n} : s;
    return p != NULL;
}

// -- remembering -----------------------------------------------------------------------------------------------------

static void remember(struct mask *m, struct str s) {
    if (s.n < MIN_SECRET || map_get(&m->seen, s)) {
        return;
    }
    struct str copy = str_dup(&m->arena, s);
    struct str folded;
    map_put(&m->seen, &m->arena, copy, m);
    insert(&m->plain, &m->arena, copy);
    if (copy.n >= MIN_INSIDE && (fold(&m->arena, copy, &folded, NULL), folded.n >= MIN_INSIDE)) {
        insert(&m->folded, &m->arena, folded);
    }
}

static struct str url_alphabet(struct mask *m, struct str b64) {
    char *p = arena_strndup(&m->arena, b64.s, b64.n);
    for (size_t i = 0; i < b64.n; i++) {
        p[i] = p[i] == '+' ? '-' : (p[i] == '/' ? '_' : p[i]);
    }
    return (struct str){p, b64.n};
}

// The three ways a text can lie across base64's groups; the ragged ends are cut off.
static void remember_base64(struct mask *m, struct str s) {
    for (size_t shift = 0; shift < 3 && s.n > shift + 5; shift++) {
        struct str tail = str_sub(s, shift, s.n);
        tail.n -= tail.n % 3;
        struct str text = base64_encode(&m->arena, tail);
        remember(m, text);
        remember(m, url_alphabet(m, text));
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

// `safe`: what stays beside letters and digits; `digits`: those of the rest; a blank may be a plus.
static void remember_url(struct mask *m, struct str s, const char *safe, const char *digits, bool plus) {
    struct buf b = BUF_IN(&m->arena);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.s[i];
        bool plain =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr(safe, c));
        if (plain || (plus && c == ' ')) {
            buf_char(&b, plain ? (char)c : '+');
        } else {
            buf_char(&b, '%');
            buf_char(&b, digits[c >> 4]);
            buf_char(&b, digits[c & 15]);
        }
    }
    remember(m, buf_view(&b));
}

static void remember_hex(struct mask *m, struct str s) {
    char *hex = arena_alloc(&m->arena, 2 * s.n + 1);
    hex_encode((const unsigned char *)s.s, s.n, hex);
    remember(m, (struct str){hex, 2 * s.n});
    for (size_t i = 0; i < 2 * s.n; i++) {
        hex[i] = hex[i] >= 'a' ? (char)(hex[i] - 'a' + 'A') : hex[i];
    }
    remember(m, (struct str){hex, 2 * s.n});
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

// The two ways quotes are written in HTML: Python's and everybody's.
static void remember_html(struct mask *m, struct str s, const char *quote, const char *apostrophe) {
    struct buf b = BUF_IN(&m->arena);
    for (size_t i = 0; i < s.n; i++) {
        switch (s.s[i]) {
        case '&':
            buf_z(&b, "&amp;");
            break;
        case '<':
            buf_z(&b, "&lt;");
            break;
        case '>':
            buf_z(&b, "&gt;");
            break;
        case '"':
            buf_z(&b, quote);
            break;
        case '\'':
            buf_z(&b, apostrophe);
            break;
        default:
            buf_char(&b, s.s[i]);
        }
    }
    remember_json(m, buf_view(&b));
}

// As templates quote a text inside a list or a message: 'it\'s'.
static void remember_repr(struct mask *m, struct str s) {
    struct buf repr = BUF_IN(&m->arena);
    val_to_repr(&repr, val_str(&m->arena, s));
    struct str text = buf_view(&repr);
    remember_json(m, str_sub(text, 1, text.n - 1));
}

static void remember_escaped(struct mask *m, struct str s) {
    struct buf bare = BUF_IN(&m->arena);
    struct buf shell = BUF_IN(&m->arena);
    struct buf ascii = BUF_IN(&m->arena);
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] == '\'') {
            buf_z(&shell, "'\"'\"'");
            buf_z(&bare, "'\\''");
        } else {
            buf_char(&shell, s.s[i]);
            buf_char(&bare, s.s[i]);
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
    remember_url(m, s, "-_.~/", HEX_HIGH, false);
    remember_url(m, s, "-_.~", HEX_HIGH, false);
    remember_url(m, s, "-_.~", HEX_LOW, false);
    remember_url(m, s, "-_.~", HEX_HIGH, true);
    remember_hex(m, s);
    remember_html(m, s, "&#34;", "&#39;");
    remember_html(m, s, "&quot;", "&#x27;");
    remember_json(m, s);
    remember_json(m, buf_view(&bare));
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
}

void mask_add_made(struct mask *m, struct str text) {
    bool letter = false;
    bool other = false;
    text = str_trim(text);
    for (size_t i = 0; i < text.n; i++) {
        bool is_letter = (text.s[i] >= 'a' && text.s[i] <= 'z') || (text.s[i] >= 'A' && text.s[i] <= 'Z');
        letter |= is_letter;
        other |= !is_letter;
    }
    if (text.n >= LONG_MADE || (text.n >= MIN_MADE && letter && other)) {
        mask_add(m, text);
    }
}

void mask_public(struct mask *m, struct str name) {
    if (!map_get(&m->open, name)) {
        map_put(&m->open, &m->open_arena, str_dup(&m->open_arena, name), m);
    }
}

// -- finding ---------------------------------------------------------------------------------------------------------

static bool in_word(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

static bool is_word(struct str text, size_t from, size_t end) {
    bool before = from > 0 && in_word((unsigned char)text.s[from - 1]) && in_word((unsigned char)text.s[from]);
    bool after = end < text.n && in_word((unsigned char)text.s[end]) && in_word((unsigned char)text.s[end - 1]);
    return !before && !after;
}

// The longest pattern at text[at]: its length, or 0.
static size_t longest(const struct patterns *p, struct str text, size_t at) {
    size_t best = 0;
    for (const struct pattern *it = p->buckets[bucket_of(p, text.s + at)]; it; it = it->next) {
        size_t n = it->text.n;
        if (n > best && n <= text.n - at && memcmp(text.s + at, it->text.s, n) == 0 &&
            (n >= MIN_INSIDE || is_word(text, at, at + n))) {
            best = n;
        }
    }
    return best;
}

struct hits {
    struct arena *a;
    bool *p;  // of every byte whether it is hidden; NULL until one is
    size_t n;
};

// Marks what is found; overlapping secrets are all hidden. `from` maps a folded text back; NULL: it is the text.
static void find(const struct patterns *p, struct str text, const size_t *from, struct hits *h) {
    for (size_t i = 0; p->n > 0 && i + KEY <= text.n; i++) {
        size_t n = longest(p, text, i);
        if (n == 0) {
            continue;
        }
        h->p = h->p ? h->p : ARENA_ARRAY(h->a, bool, h->n);
        size_t first = from ? from[i] : i;
        size_t last = from ? from[i + n - 1] : i + n - 1;
        memset(h->p + first, true, last - first + 1);
    }
}

static bool in_name(char c) {
    return in_word((unsigned char)c) || c == '.' || c == '-' || c == '_';
}

// Shows what is hidden of a name that is open, unless the secret is the name itself or longer.
static void show_names(const struct mask *m, struct str text, struct hits *h) {
    for (size_t i = 0; i < text.n; i++) {
        size_t from = i;
        size_t end = i;
        while (h->p[i] && from > 0 && in_name(text.s[from - 1])) {
            from--;
        }
        while (h->p[i] && end < text.n && in_name(text.s[end])) {
            end++;
        }
        size_t next = end;
        while (end > from && text.s[end - 1] == '.') {
            end--;  // of a sentence
        }
        struct str name = str_sub(text, from, end);
        if (end > i && map_get(&m->open, name) && !map_get(&m->seen, name) && !(from > 0 && h->p[from - 1]) &&
            !(end < text.n && h->p[end])) {
            memset(h->p + from, false, end - from);
        }
        i = next > i ? next - 1 : i;
    }
}

struct str mask_apply(const struct mask *m, struct arena *a, struct str text) {
    struct hits h = {.a = a, .n = text.n};
    struct str folded;
    size_t *from = NULL;
    find(&m->plain, text, NULL, &h);
    if (m->folded.n > 0 && fold(a, text, &folded, &from)) {
        find(&m->folded, folded, from, &h);
    }
    if (!h.p) {
        return text;
    }
    if (m->open.n) {
        show_names(m, text, &h);
    }
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < text.n;) {
        size_t start = i;
        while (i < text.n && h.p[i] == h.p[start]) {
            i++;
        }
        buf_str(&b, h.p[start] ? STR_LIT(MASKED) : str_sub(text, start, i));
    }
    return buf_view(&b);
}
