// The lexer alone: any text under any options is cut into tokens or refused, within the text.
#include "ast.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    if (n < 1 || n > 65536) {
        return 0;
    }
    struct jinja_opts o = jinja_opts_plain;
    o.trim_blocks = p[0] & 1;
    o.lstrip_blocks = p[0] & 2;
    o.keep_trailing_newline = p[0] & 4;
    o.raw_backslashes = p[0] & 8;
    o.line_statement = p[0] & 16 ? "#" : NULL;
    o.line_comment = p[0] & 32 ? "##" : NULL;
    o.block_start = p[0] & 64 ? "<%" : o.block_start;
    struct tmpl t = {.text = str_dup(&a, (struct str){(const char *)p + 1, n - 1}), .o = o};
    t.src = t.text;
    struct source s = {.a = &a, .text = t.text, .o = &t.o, .t = &t};
    struct tokens out = {0};
    (void)jinja_lex(&s, p[0] & 128, &out, &e);
    for (size_t i = 0; i < out.n; i++) {
        if (out.p[i].at > t.text.n || (i > 0 && out.p[i].at < out.p[i - 1].at)) {
            BUG("token %zu at %u of %zu", i, out.p[i].at, t.text.n);
        }
    }
    if (!out.n || out.p[out.n - 1].type != T_EOF) {
        BUG("no end of %zu tokens", out.n);
    }
    arena_release(&a);
    return 0;
}
