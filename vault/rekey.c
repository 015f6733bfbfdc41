// The verb rekey: other passwords for vaulted files and inline values; all files or none.
#include "digest.h"
#include "tool.h"
#include "walk.h"
#include "yamlvault.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

struct change {
    const char *path;  // real path
    const char *temp;
    struct str old, text;
    unsigned mode;
};
struct rekey {
    struct tool *t;
    struct vault_ring *ring;  // the new passwords
    struct vault_seal_opts seal;
    struct {
        struct change *p;
        size_t n, cap;
    } changes;
};

// -- what changes ----------------------------------------------------------------------------------------------------

static bool new_text(struct rekey *k, const char *name, struct str in, struct str *out, bool *any) {
    struct tool *t = k->t;
    *any = true;
    if (age_is(in)) {
        *any = false;
        return t->recursive ||
               err_set(t->e, ERR_VAULT, NO_MARK, "this is encrypted to recipients: use 'vault recipients'");
    }
    if (vault_is(in)) {
        struct str plain;
        return vault_open(t->ring, in, NO_MARK, t->a, &plain, t->e) &&
               vault_seal_with(k->ring, &k->seal, plain, t->a, out, t->e);
    }
    struct yv_doc d;
    yv_scan(in, t->a, &d);
    *any = d.n > 0;
    if (d.other > 0) {
        fprintf(stderr, "vault: warning: %s:%u: vault data that is no '!vault |' value is left as it is\n", name,
                d.other);
    }
    return d.n == 0 || (yv_open(t->ring, &d, t->a, t->e) && yv_reseal(&d, k->ring, &k->seal, t->a, out, t->e));
}

static bool plan_file(struct rekey *k, const char *name) {
    struct tool *t = k->t;
    struct stat st;
    bool any;
    char real[PATH_MAX];
    struct change c = {0};
    if (!realpath(name, real) || stat(real, &st) != 0) {
        return err_sys(t->e, errno, NO_MARK, "cannot read '%s'", name);
    }
    c.path = arena_strndup(t->a, real, strlen(real));
    c.mode = st.st_mode & 07777;
    for (size_t i = 0; i < k->changes.n; i++) {
        if (strcmp(k->changes.p[i].path, c.path) == 0) {
            return true;
        }
    }
    if (!fd_read_file(real, FILE_CAP, t->a, &c.old, t->e) || !new_text(k, name, c.old, &c.text, &any)) {
        return err_wrap(t->e, NO_MARK, "'%s' cannot be rekeyed", name);
    }
    if (any) {
        VEC_PUSH(t->a, k->changes, c);
    }
    return any || t->recursive || err_set(t->e, ERR_VAULT, NO_MARK, "'%s' holds no vault data", name);
}

static bool plan_walked(void *self, const char *path, struct err *e) {
    struct rekey *k = self;
    (void)e;
    return plan_file(k, path);
}

static bool plan(struct rekey *k) {
    struct tool *t = k->t;
    if (t->recursive && t->files.n == 0) {
        tool_add(t, &t->files, ".");
    }
    for (size_t i = 0; i < t->files.n; i++) {
        const char *name = t->files.p[i];
        if (t->recursive ? !walk(name, plan_walked, k, t->a, t->e) : !plan_file(k, name)) {
            return false;
        }
    }
    return true;
}

// -- all or nothing --------------------------------------------------------------------------------------------------

// New texts are first written next to their files, then a journal names them, then they are renamed. A run that is
// killed before the journal stands changed nothing; the next run finishes one that was killed behind it.
static const char *journal_path(struct rekey *k) {
    struct tool *t = k->t;
    const char *dir = t->recursive && t->files.n > 0 ? t->files.p[0] : ".";
    struct stat st;
    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        dir = ".";
    }
    return arena_printf(t->a, "%s/.vault-rekey.journal", dir);
}

static bool write_temps(struct rekey *k) {
    struct tool *t = k->t;
    for (size_t i = 0; i < k->changes.n; i++) {
        struct change *c = &k->changes.p[i];
        struct str now;
        unsigned char r[8];
        char hex[17];
        random_bytes(r, sizeof r);
        hex_encode(r, sizeof r, hex);
        hex[16] = 0;
        const char *temp = arena_printf(t->a, "%s.%s.vault-rekey", c->path, hex);
        if (!fd_read_file(c->path, FILE_CAP, t->a, &now, t->e)) {
            return false;
        }
        if (!str_eq(now, c->old)) {
            return err_set(t->e, ERR_VAULT, NO_MARK, "'%s' changed meanwhile", c->path);
        }
        c->temp = temp;
        if (!fd_replace_file(temp, c->text, c->mode, t->e)) {
            return false;
        }
    }
    return true;
}

static void drop_temps(struct rekey *k) {
    for (size_t i = 0; i < k->changes.n; i++) {
        if (k->changes.p[i].temp) {
            unlink(k->changes.p[i].temp);
        }
    }
}

// Renames what a journal names: pairs of lines, temporary file and file. Done twice it does no harm.
static bool finish(struct tool *t, struct str journal) {
    struct str temp;
    struct str path;
    while (str_next(&journal, '\0', &temp) && str_next(&journal, '\0', &path)) {
        const char *from = str_z(t->a, temp);
        const char *to = str_z(t->a, path);
        struct str want = str_printf(t->a, "%s.", to);
        if (!str_starts(temp, str_z(t->a, want)) || !str_ends(temp, ".vault-rekey")) {
            return err_set(t->e, ERR_VAULT, NO_MARK, "the rekey journal is damaged");
        }
        if (rename(from, to) != 0 && errno != ENOENT) {
            return err_sys(t->e, errno, NO_MARK, "cannot replace '%s'", to);
        }
    }
    return true;
}

static bool recover(struct rekey *k, const char *journal, bool *found) {
    struct tool *t = k->t;
    struct str text;
    *found = access(journal, F_OK) == 0;
    if (!*found) {
        return true;
    }
    if (!fd_read_file(journal, FILE_CAP, t->a, &text, t->e) || !finish(t, text)) {
        return false;
    }
    unlink(journal);
    return true;
}

static bool commit(struct rekey *k, const char *journal) {
    struct tool *t = k->t;
    struct buf b = BUF_IN(t->a);
    for (size_t i = 0; i < k->changes.n; i++) {
        buf_z(&b, k->changes.p[i].temp);
        buf_char(&b, '\0');
        buf_z(&b, k->changes.p[i].path);
        buf_char(&b, '\0');
    }
    if (!fd_replace_file(journal, buf_view(&b), 0600, t->e)) {
        drop_temps(k);
        return false;
    }
    if (!finish(t, buf_view(&b))) {
        return err_hint(t->e, "run the same command again: it finishes what '%s' names", journal);
    }
    unlink(journal);
    return true;
}

static bool choose_new(struct rekey *k) {
    struct tool *t = k->t;
    const char *want = t->encrypt_id ? t->encrypt_id : t->config.encrypt_identity;
    bool known = !want;
    for (size_t i = 0; i < vault_ring_len(k->ring); i++) {
        known |= want && strcmp(vault_ring_id(k->ring, i), want) == 0;
    }
    k->seal.id = known ? want : NULL;
    return known || !t->encrypt_id || err_set(t->e, ERR_VAULT, NO_MARK, "no new password has the vault id '%s'", want);
}

static int rekey(struct rekey *k) {
    struct tool *t = k->t;
    bool unfinished;
    const char *journal = journal_path(k);
    if (!recover(k, journal, &unfinished)) {
        return tool_complain(t->e, NULL);
    }
    if (unfinished) {
        fputs("Finished a rekey that had been interrupted\n", stderr);
        return EXIT_OK;
    }
    if (!tool_unlock(t, false) || !tool_unlock_new(t, k->ring) || !choose_new(k)) {
        return tool_complain(t->e, NULL);
    }
    if (!plan(k)) {
        tool_complain(t->e, NULL);
        return tool_refuse(EXIT_ERROR, "no file was changed", NULL);
    }
    if (!write_temps(k)) {
        drop_temps(k);
        tool_complain(t->e, NULL);
        return tool_refuse(EXIT_ERROR, "no file was changed", NULL);
    }
    if (k->changes.n > 0 && !commit(k, journal)) {
        return tool_complain(t->e, NULL);
    }
    if (t->recursive) {
        fprintf(stderr, "Rekey successful: %zu files\n", k->changes.n);
    } else {
        fputs("Rekey successful\n", stderr);
    }
    return EXIT_OK;
}

int verb_rekey(struct tool *t) {
    if (t->new_id && t->new_file) {
        return tool_refuse(EXIT_USAGE, "--new-vault-id and --new-vault-password-file exclude each other", NULL);
    }
    struct rekey k = {.t = t, .ring = vault_ring_new()};
    char salt[32];
    random_bytes(salt, sizeof salt);
    if (t->same_salt) {
        k.seal.salt = (struct str){salt, sizeof salt};
    }
    int status = rekey(&k);
    vault_ring_free(k.ring);
    return status;
}
