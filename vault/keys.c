// Where identities come from, and that each is read and asked for once.
#include "keys.h"

#include "fd.h"
#include "vault.h"

#include <pthread.h>
#include <unistd.h>

enum { KEY_FILE_CAP = 1 << 20 };

struct age_keys {
    struct arena a;  // secret
    pthread_mutex_t lock;
    struct {
        const char **p;
        size_t n, cap;
    } named;
    struct age_identities ids;
    bool read;
};

struct age_keys *age_keys_new(void) {
    struct arena a = {.secret = true};
    struct age_keys *k = ARENA_NEW(&a, struct age_keys);
    k->a = a;
    pthread_mutex_init(&k->lock, NULL);
    return k;
}

void age_keys_free(struct age_keys *k) {
    if (k) {
        pthread_mutex_destroy(&k->lock);
        struct arena a = k->a;
        arena_release(&a);
    }
}

void age_keys_add(struct age_keys *k, const char *path) {
    VEC_PUSH(&k->a, k->named, arena_strndup(&k->a, path, strlen(path)));
}

static bool read_file(struct age_keys *k, const char *path, struct err *e) {
    struct str text;
    size_t before = k->ids.n;
    if (!fd_read_file(path, KEY_FILE_CAP, &k->a, &text, e) || !age_identities_read(text, &k->a, &k->ids, e)) {
        return err_wrap(e, NO_MARK, "cannot use the identity file '%s'", path);
    }
    for (size_t i = before; i < k->ids.n; i++) {
        k->ids.p[i].from = path;
    }
    return true;
}

// A key at its usual place that cannot be used (an SSH key of another type) is only passed over.
static void read_usual(struct age_keys *k) {
    const char *config = secure_getenv("XDG_CONFIG_HOME");
    const char *home = secure_getenv("HOME");
    const char *const paths[] = {
        config && *config ? arena_printf(&k->a, "%s/vault/identities", config)
                          : arena_printf(&k->a, "%s/.config/vault/identities", home ? home : ""),
        arena_printf(&k->a, "%s/.ssh/id_ed25519", home ? home : ""),
    };
    for (size_t i = 0; i < COUNTOF(paths); i++) {
        struct err ignored = {.arena = &k->a};
        if (access(paths[i], R_OK) == 0) {
            (void)read_file(k, paths[i], &ignored);
        }
    }
}

static bool read_once(struct age_keys *k, struct err *e) {
    for (size_t i = 0; i < k->named.n && !k->read; i++) {
        if (!read_file(k, k->named.p[i], e)) {
            k->ids.n = 0;
            return false;
        }
    }
    if (!k->read && k->named.n == 0) {
        read_usual(k);
    }
    k->read = true;
    return true;
}

bool age_keys_open(struct age_keys *k, struct str text, struct arena *a, struct age_file *f, struct str *plain,
                   struct err *e) {
    struct age_file unused;
    pthread_mutex_lock(&k->lock);
    bool ok = read_once(k, e) && age_open(text, &k->ids, vault_prompt, a, f ? f : &unused, plain, e);
    pthread_mutex_unlock(&k->lock);
    return ok;
}
