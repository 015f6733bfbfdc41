// Vault passwords, vaulted files and values of a run, and what of them is to be masked. Values stay sealed until
// something reads them: a key costs milliseconds, and most runs read few of the values they load.
#include "cli.h"

#include "fd.h"
#include "keys.h"

#include <unistd.h>

enum { AHEAD_MAX = 256 };
#define FILE_CAP ((size_t)256 << 20)

struct sealed {
    struct str envelope, plain;
    size_t at;  // in the order they were loaded
    bool warm, open;
};
struct secrets {
    struct arena a;  // secret: wiped
    struct map by_envelope;
    struct {
        struct sealed **p;
        size_t n, cap;
    } all;
    size_t opened;
};

// -- masking ---------------------------------------------------------------------------------------------------------

static void mask_values(struct output *o, struct arena *a, struct val v) {
    if (v.kind == VAL_STR || v.kind == VAL_INT || v.kind == VAL_FLOAT) {
        output_secret(o, val_str_of(a, v));
    } else if (val_is_seq(v)) {
        for (size_t i = 0; i < v.u.l->n; i++) {
            mask_values(o, a, v.u.l->items[i]);
        }
    } else if (v.kind == VAL_DICT) {
        size_t i = 0;
        for (struct vpair *p; (p = val_each(v, &i));) {
            mask_values(o, a, p->value);
        }
    }
}

static bool keep_sealed(void *self, struct str envelope, struct mark at, struct arena *a, struct str *plain,
                        struct err *e) {
    (void)self;
    (void)at;
    (void)e;
    *plain = str_dup(a, envelope);
    return true;
}

// A whole file of variables is masked value by value, anything else as one text.
static void mask_plain(struct session *x, struct str plain) {
    if (str_find_char(str_rtrim(plain), 0, '\n') != SIZE_MAX || str_find(plain, 0, STR_LIT(": ")) != SIZE_MAX) {
        struct arena a = {.secret = true};
        struct err e = {.arena = &a};
        struct yaml_vault inner = {.open = keep_sealed};
        struct yaml_opts o = {.secret = true, .vault = &inner};
        struct val v;
        bool vars = yaml_load(NULL, plain, &o, &a, &v, &e) && (v.kind == VAL_DICT || v.kind == VAL_LIST);
        if (vars) {
            mask_values(x->output, &a, v);
        }
        arena_release(&a);
        if (vars) {
            return;
        }
    }
    output_secret(x->output, plain);
}

// -- opening ---------------------------------------------------------------------------------------------------------

static bool is_locked(void *self) {
    const struct session *x = self;
    return vault_ring_empty(x->ring);
}

// Asked before any host is touched, and only once.
static void ask_once(struct session *x) {
    if (!vault_ring_empty(x->ring) || x->asked_vault || !vault_has_terminal()) {
        return;
    }
    x->asked_vault = true;
    struct arena secret = {.secret = true};
    struct err quiet = {.arena = &secret};
    struct str password;
    if (vault_prompt("Vault password: ", &secret, &password, &quiet)) {
        vault_ring_add(x->ring, "default", password);
    }
    arena_release(&secret);
}

static void note_sealed(void *self, struct str envelope) {
    struct session *x = self;
    struct secrets *s = x->secrets;
    ask_once(x);
    if (map_get(&s->by_envelope, envelope)) {
        return;
    }
    struct sealed *one = ARENA_NEW(&s->a, struct sealed);
    one->envelope = str_dup(&s->a, envelope);
    one->at = s->all.n;
    VEC_PUSH(&s->a, s->all, one);
    map_put(&s->by_envelope, &s->a, one->envelope, one);
}

// Who has read some values is likely to read those that stand behind them: their keys are derived together, as many as
// have been opened so far, so that at most as much work is in vain as was not.
static void read_ahead(struct session *x, struct sealed *first) {
    struct secrets *s = x->secrets;
    struct str batch[AHEAD_MAX];
    size_t n = 0;
    size_t most = s->opened < AHEAD_MAX ? s->opened : AHEAD_MAX;
    for (size_t i = first->at; i < s->all.n && n < most; i++) {
        if (!s->all.p[i]->warm) {
            s->all.p[i]->warm = true;
            batch[n++] = s->all.p[i]->envelope;
        }
    }
    if (n > 1) {
        vault_warm(x->ring, batch, n);
    }
}

static bool is_encrypted(struct str text) {
    return vault_is(text) || age_is(text);
}

static bool open_vault(void *self, struct str envelope, struct mark at, struct arena *a, struct str *plain,
                       struct err *e) {
    struct session *x = self;
    struct sealed *known = map_get(&x->secrets->by_envelope, envelope);
    if (known && known->open) {
        *plain = str_dup(a, known->plain);
        return true;
    }
    if (age_is(envelope)) {
        if (!age_keys_open(x->keys, envelope, a, NULL, plain, e)) {
            return err_wrap(e, at, "cannot open what is encrypted to recipients");
        }
    } else {
        ask_once(x);
        if (known && !known->warm) {
            read_ahead(x, known);
        }
        if (!vault_open(x->ring, envelope, at, a, plain, e)) {
            return false;
        }
    }
    mask_plain(x, *plain);
    if (known) {
        x->secrets->opened++;
        known->open = true;
        known->plain = str_dup(&x->secrets->a, *plain);
    }
    return true;
}

void secrets_open(struct session *x) {
    struct arena first = {.secret = true};
    struct secrets *s = ARENA_NEW(&first, struct secrets);
    s->a = first;
    x->secrets = s;
    x->ring = vault_ring_new();
    x->keys = age_keys_new();
    x->yaml_vault = (struct yaml_vault){
        .self = x, .open = open_vault, .sealed = note_sealed, .locked = is_locked, .is_file = is_encrypted};
}

void secrets_close(struct session *x) {
    if (x->secrets) {
        struct arena a = x->secrets->a;
        arena_release(&a);
        x->secrets = NULL;
    }
    vault_ring_free(x->ring);
    x->ring = NULL;
    age_keys_free(x->keys);
    x->keys = NULL;
}

bool secrets_unseal(void *self, struct val sealed, struct arena *a, struct str *plain, struct err *e) {
    return open_vault(self, val_text(sealed), sealed.mark, a, plain, e);
}

bool session_read(void *self, struct str path, struct arena *a, struct str *text, bool *secret, struct err *e) {
    struct session *x = self;
    *secret = false;
    struct str raw;
    if (!fd_read_file(str_z(a, path), FILE_CAP, a, &raw, e)) {
        return false;
    }
    if (!is_encrypted(raw)) {
        *text = raw;
        return true;
    }
    *secret = true;
    struct mark at = mark_source(str_z(a, path), age_is(raw) ? STR_NONE : str_sub(raw, 0, 200), 0);
    return open_vault(x, raw, at, a, text, e);
}

// -- passwords -------------------------------------------------------------------------------------------------------

struct sources {
    struct session *x;
    struct err last;  // of a source that gave nothing
};

// A source that gives nothing is only told about while another one works, as in Ansible; a prompt ends it.
static bool add_source(struct sources *s, const char *spec, struct err *e) {
    struct err mine = {.arena = s->x->a};
    struct str text = str_from(spec);
    if (vault_ring_source(s->x->ring, spec, false, &mine)) {
        return true;
    }
    if (str_eqz(text, "prompt") || str_ends(text, "@prompt") || str_ends(text, "prompt_ask_vault_pass")) {
        *e = mine;
        return false;
    }
    if (s->last.msg) {
        struct str why = err_text(&s->last);
        session_warn(s->x, NO_MARK, str_z(s->x->a, why));
    }
    s->last = mine;
    return true;
}

static bool add_sources(struct sources *s, const struct words *w, bool files, struct err *e) {
    const char *label = s->x->s->vault_label.n > 0 ? str_z(s->x->a, s->x->s->vault_label) : "default";
    for (size_t i = 0; i < w->n; i++) {
        const char *spec = str_z(s->x->a, w->p[i]);
        if (!add_source(s, files ? arena_printf(s->x->a, "%s@%s", label, spec) : spec, e)) {
            return false;
        }
    }
    return true;
}

bool secrets_passwords(struct session *x, struct err *e) {
    struct settings *s = x->s;
    struct sources from = {.x = x};
    struct vault_policy policy = {.label = str_z(x->a, s->vault_label), .match = s->vault_match};
    vault_ring_policy(x->ring, &policy);
    for (size_t i = 0; i < s->identities.n; i++) {
        age_keys_add(x->keys, str_z(x->a, s->identities.p[i]));
    }
    if (!add_sources(&from, &s->vault_list, false, e) || !add_sources(&from, &s->vault_ids, false, e) ||
        !add_sources(&from, &s->vault_files, true, e) || !add_sources(&from, &s->vault_file, true, e) ||
        (s->ask_vault && !vault_ring_source(x->ring, "prompt_ask_vault_pass", false, e))) {
        return false;
    }
    if (from.last.msg && vault_ring_empty(x->ring)) {
        *e = from.last;
        return false;
    }
    if (from.last.msg) {
        struct str why = err_text(&from.last);
        session_warn(x, NO_MARK, str_z(x->a, why));
    }
    static const char *const files[] = {"vault-password", ".vault-password", "vault_password"};
    for (size_t i = 0; vault_ring_empty(x->ring) && !s->no_vault_file && i < COUNTOF(files); i++) {
        if (access(files[i], F_OK) == 0 && !vault_ring_source(x->ring, files[i], true, e)) {
            return false;
        }
    }
    return true;
}
