// The row of all sources of this process. Registered once, never moved, read under a lock.
#include "mark.h"

#include <pthread.h>

struct source {
    uint32_t base;  // mark of byte 0
    enum mark_flags flags;
    const char *name;
    struct str text;
};
// The one process-wide table: marks must be 4 bytes and valid in every value, so the table cannot hang on an object.
static struct {
    pthread_mutex_t lock;
    struct arena arena;
    struct {
        struct source **p;
        size_t n, cap;
    } all;
    uint32_t next;
} row = {.lock = PTHREAD_MUTEX_INITIALIZER, .next = 1};

struct mark mark_source(const char *name, struct str text, enum mark_flags flags) {
    pthread_mutex_lock(&row.lock);
    if (text.n >= UINT32_MAX - row.next - 1) {
        BUG("more than 4 GiB of sources");
    }
    struct source *s = ARENA_NEW(&row.arena, struct source);
    *s = (struct source){.base = row.next, .flags = flags, .name = arena_strndup(&row.arena, name, strlen(name))};
    s->text = str_dup(&row.arena, text);
    row.next += (uint32_t)text.n + 1;
    VEC_PUSH(&row.arena, row.all, s);
    struct mark m = {s->base};
    pthread_mutex_unlock(&row.lock);
    return m;
}

// The source that holds `m`, or NULL. Sources never move once registered.
static const struct source *source_of(struct mark m) {
    if (m.at == 0) {
        return NULL;
    }
    pthread_mutex_lock(&row.lock);
    size_t lo = 0;
    size_t hi = row.all.n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (row.all.p[mid]->base <= m.at) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    const struct source *s = lo > 0 ? row.all.p[lo - 1] : NULL;
    pthread_mutex_unlock(&row.lock);
    return s && m.at - s->base <= s->text.n ? s : NULL;
}

struct place mark_place(struct mark m) {
    const struct source *s = source_of(m);
    if (!s) {
        return (struct place){0};
    }
    size_t offset = m.at - s->base;
    size_t start = 0;
    uint32_t line = 1;
    for (size_t i = 0; i < offset; i++) {
        if (s->text.s[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    size_t end = str_find_char(s->text, start, '\n');
    if (end == SIZE_MAX) {
        end = s->text.n;
    }
    struct place p = {.file = s->name, .line = line};
    p.col = (uint32_t)utf8_len(str_sub(s->text, start, offset)) + 1;
    if (!(s->flags & MARK_SECRET)) {
        p.text = str_sub(s->text, start, end);
    }
    return p;
}

bool mark_text(struct mark m, struct str *text, size_t *offset) {
    const struct source *s = source_of(m);
    if (!s || s->flags & MARK_SECRET) {
        return false;
    }
    *text = s->text;
    *offset = m.at - s->base;
    return true;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

// Skips an opening quote or a block scalar header ("|-", ">2 # comment") so that `i` is at content.
static size_t skip_header(struct str src, size_t i) {
    if (i < src.n && (src.s[i] == '|' || src.s[i] == '>')) {
        size_t nl = str_find_char(src, i, '\n');
        return nl == SIZE_MAX ? src.n : nl + 1;
    }
    return i < src.n && (src.s[i] == '"' || src.s[i] == '\'') ? i + 1 : i;
}

struct mark mark_inside(struct mark m, struct str decoded, size_t offset) {
    struct str src;
    size_t i;
    if (!mark_text(m, &src, &i)) {
        return m;
    }
    if (offset <= decoded.n && decoded.n <= src.n - i && memcmp(src.s + i, decoded.s, decoded.n) == 0) {
        return (struct mark){m.at + (uint32_t)offset};  // the text itself, nothing was decoded
    }
    size_t start = i;
    if (offset == 0 || decoded.n == 0 || i >= src.n || src.s[i] != decoded.s[0]) {
        i = skip_header(src, i);
    }
    for (size_t k = 0; k <= offset && k < decoded.n; k++, i++) {
        char want = decoded.s[k];
        if (is_blank(want)) {
            // Folding and indentation: any run of blanks in the source stands for one blank of the text.
            while (i < src.n && is_blank(src.s[i]) && !(k + 1 < decoded.n && is_blank(decoded.s[k + 1]))) {
                i++;
            }
            if (i == 0) {
                return m;
            }
            i--;
            continue;
        }
        while (i < src.n && is_blank(src.s[i])) {
            i++;
        }
        if (i < src.n && src.s[i] != want && (src.s[i] == '\\' || src.s[i] == '\'')) {
            i++;
        }
        if (i >= src.n || src.s[i] != want) {
            return m;
        }
        if (k == offset) {
            return (struct mark){m.at + (uint32_t)(i - start)};
        }
    }
    return (struct mark){m.at + (uint32_t)((i < src.n ? i : src.n) - start)};
}

void mark_reset(void) {
    pthread_mutex_lock(&row.lock);
    arena_release(&row.arena);
    row.all.p = NULL;
    row.all.n = row.all.cap = 0;
    row.next = 1;
    pthread_mutex_unlock(&row.lock);
}
