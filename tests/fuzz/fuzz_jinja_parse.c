// The parser alone: templates and expressions become a tree or are refused; nothing is evaluated.
#include "ast.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    if (n < 1 || n > 65536) {
        return 0;
    }
    struct jinja_opts o = p[0] & 1 ? jinja_opts_file : jinja_opts_plain;
    o.ext_do = o.ext_loopcontrols = p[0] & 2;
    o.autoescape = p[0] & 4;
    o.line_statement = p[0] & 8 ? "#" : NULL;
    struct str text = {(const char *)p + 1, n - 1};
    struct tmpl_key key = {text, NO_MARK, &o, p[0] & 16};
    const struct tmpl *t = jinja_compile(&a, &key, NULL, &e);
    if (!t && e.code == ERR_NONE) {
        BUG("refused without a reason");
    }
    arena_release(&a);
    return 0;
}
