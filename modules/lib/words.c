// Building an argv word by word and running it.
#include "words.h"

#include <unistd.h>

void words_add(struct mod_call *c, struct words *w, const char *word) {
    VEC_PUSH(c->arena, *w, word);
}

void words_opt(struct mod_call *c, struct words *w, const char *option, const char *value) {
    words_add(c, w, option);
    words_add(c, w, value);
}

void words_opt_int(struct mod_call *c, struct words *w, const char *option, int64_t value) {
    words_opt(c, w, option, arena_printf(c->arena, "%lld", (long long)value));
}

static bool same_name(const char *a, const char *b) {
    size_t n = strcspn(a, "=");
    return n == strcspn(b, "=") && strncmp(a, b, n) == 0;
}

const char *const *words_env(struct mod_call *c, const char *const *settings, size_t n) {
    struct words env = {0};
    for (char **p = environ; p && *p; p++) {
        bool replaced = false;
        for (size_t i = 0; i < n; i++) {
            replaced = replaced || same_name(*p, settings[i]);
        }
        if (!replaced) {
            words_add(c, &env, *p);
        }
    }
    for (size_t i = 0; i < n; i++) {
        words_add(c, &env, settings[i]);
    }
    words_add(c, &env, NULL);
    return env.p;
}

bool words_run(struct mod_call *c, struct words *w, struct str input, struct run_result *r, struct err *e) {
    static const char *const plain[] = {"LC_ALL=C", "LANGUAGE=C"};
    words_add(c, w, NULL);
    w->n--;
    struct run run = {.argv = w->p, .input = input, .envp = words_env(c, plain, COUNTOF(plain))};
    return run_command(&run, c->arena, r, e);
}
