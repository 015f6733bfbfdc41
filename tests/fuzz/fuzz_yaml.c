// Any bytes through the YAML loader; what loads must also print, and load again to the same text.
#include "emit.h"
#include "load.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool open_as_is(void *self, struct str envelope, struct mark at, struct arena *a, struct str *plain,
                       struct err *e) {
    (void)self;
    (void)at;
    (void)e;
    *plain = str_dup(a, envelope);
    return true;
}

// Prints `v`, reads it back and prints it again: the texts must agree. Text that YAML cannot carry (the bytes of a
// !!binary) is the one reason not to print.
static void round_trip(struct arena *a, struct val v) {
    struct err e = {.arena = a};
    struct yaml_style style = {.indent = 4};
    struct yaml_opts o = {.max_depth = 200};
    struct buf first = {.a = a};
    struct buf second = {.a = a};
    struct val again;
    if (!yaml_emit(&first, v, &style, &e)) {
        return;
    }
    if (!yaml_load(NULL, buf_view(&first), &o, a, &again, &e) || !yaml_emit(&second, again, &style, &e) ||
        !str_eq(buf_view(&first), buf_view(&second))) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    struct arena a = {0};
    struct err e = {.arena = &a};
    struct str text = {(const char *)p, n};
    struct yaml_vault vault = {.open = open_as_is};
    struct yaml_opts user = {.trusted = true, .vault = &vault, .max_nodes = 20000};
    struct yaml_opts data = {.max_nodes = 20000};
    struct val v;
    if (yaml_load("fuzz", text, &user, &a, &v, &e)) {
        round_trip(&a, v);
    } else if (e.code == ERR_NONE || !e.msg) {
        abort();
    }
    (void)yaml_load_all(NULL, text, &data, &a, &v, &e);
    (void)yaml_scalar(&a, text);
    arena_release(&a);
    mark_reset();
    return 0;
}
