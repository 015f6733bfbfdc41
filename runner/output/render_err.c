// Errors for people: message, place, the source line with a caret, what caused it, what to do.
#include "output.h"

#include <unistd.h>

// Text of a file that may be anything: what a terminal would obey, and bytes that are no text, are shown as '?'.
static void put_text(struct buf *b, struct str line) {
    for (size_t i = 0; i < line.n;) {
        size_t from = i;
        uint32_t cp = utf8_next(line, &i);
        bool control = (cp < 0x20 && cp != '\t') || (cp >= 0x7F && cp < 0xA0) || (cp >= 0xDC80 && cp <= 0xDCFF);
        if (control) {
            buf_char(b, '?');
        } else {
            buf_str(b, str_sub(line, from, i));
        }
    }
}

void render_place_buf(struct buf *b, struct mark at, bool color) {
    struct place p = mark_place(at);
    if (!p.file) {
        return;
    }
    buf_printf(b, "  %s%s:%u:%u%s\n", color ? "\033[36m" : "", p.file, p.line, p.col, color ? "\033[0m" : "");
    if (p.text.n == 0) {
        return;
    }
    // Long lines are shown around the column.
    size_t col = p.col - 1;
    struct str line = p.text;
    if (line.n > 160) {
        size_t from = col > 60 ? col - 60 : 0;
        line = str_sub(line, from, from + 140);
        col -= from;
    }
    int width = snprintf(NULL, 0, "%u", p.line);
    buf_printf(b, "  %u | ", p.line);
    put_text(b, line);
    buf_char(b, '\n');
    buf_printf(b, "  %*s | ", width, "");
    for (size_t i = 0, seen = 0; seen < col && i < line.n; seen++) {
        buf_char(b, line.s[i] == '\t' ? '\t' : ' ');
        utf8_next(line, &i);
    }
    buf_z(b, color ? "\033[1;31m^\033[0m\n" : "^\n");
}

// "in the arguments of 'copy'": says where, not what.
static bool is_context(const struct err *e) {
    return e->cause && e->msg && strncmp(e->msg, "in ", 3) == 0;
}

// A further message of the chain with its place, unless that was shown just before.
static void put_more(struct buf *b, const struct err *e, const char *lead, uint32_t *shown, bool color) {
    buf_printf(b, "  %s%s\n", lead, e->msg ? e->msg : "failed");
    if (e->at.at != *shown) {
        render_place_buf(b, e->at, color);
        *shown = e->at.at;
    }
}

void render_err_buf(struct buf *b, const struct err *e, bool color) {
    const struct err *what = e;
    const char *hint = NULL;
    while (is_context(what)) {
        what = what->cause;
    }
    buf_printf(b, "%sERROR!%s %s\n", color ? "\033[1;31m" : "", color ? "\033[0m" : "",
               what->msg ? what->msg : "failed");
    render_place_buf(b, what->at, color);
    uint32_t shown = what->at.at;
    for (const struct err *c = what->cause; c; c = c->cause) {
        put_more(b, c, "because: ", &shown, color);
    }
    for (const struct err *c = e; c != what; c = c->cause) {
        put_more(b, c, "", &shown, color);
    }
    for (const struct err *c = e; c; c = c->cause) {
        hint = c->hint ? c->hint : hint;
    }
    if (hint) {
        buf_printf(b, "  %shint:%s %s\n", color ? "\033[33m" : "", color ? "\033[0m" : "", hint);
    }
}

void render_err(FILE *f, const struct err *e, bool color) {
    struct buf b = {0};
    render_err_buf(&b, e, color);
    struct str s = buf_view(&b);
    fwrite(s.s, 1, s.n, f);
    fflush(f);
    buf_release(&b);
}
