// The verbs edit and create: a vaulted file, or a YAML file with vaulted values, in an editor.
#include "scratch.h"
#include "yamlvault.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { KIND_FILE, KIND_INLINE, KIND_AGE };
struct edit {
    struct tool *t;
    const char *name;
    enum kind kind;
    struct str old, shown;  // the file's bytes; what the editor gets
    const char *id, *label;
    struct yv_doc doc;
    struct age_file age;
    bool yaml, fresh;
};

// -- opening ---------------------------------------------------------------------------------------------------------

static bool open_inline(struct edit *d) {
    struct tool *t = d->t;
    yv_scan(d->old, t->a, &d->doc);
    if (d->doc.n == 0) {
        return err_set(t->e, ERR_VAULT, NO_MARK,
                       "this holds no vault data: neither a vaulted file nor '!vault |' values");
    }
    d->kind = KIND_INLINE;
    if (!tool_unlock(t, false) || !yv_open(t->ring, &d->doc, t->a, t->e)) {
        return false;
    }
    d->shown = yv_show(&d->doc, t->a);
    d->yaml = yv_is_yaml(d->old);
    return true;
}

static bool open_edit(struct edit *d) {
    struct tool *t = d->t;
    if (!tool_read(t, d->name, &d->old)) {
        return access(d->name, F_OK) == 0 ? false : err_hint(t->e, "'vault create %s' makes a new file", d->name);
    }
    if (age_is(d->old)) {
        d->kind = KIND_AGE;
        if (!tool_age_open(t, d->old, &d->age, &d->shown)) {
            return false;
        }
    } else if (vault_is(d->old)) {
        d->kind = KIND_FILE;
        d->label = vault_label(d->old, t->a);
        if (!tool_unlock(t, false) || !vault_open_id(t->ring, d->old, NO_MARK, t->a, &d->shown, &d->id, t->e)) {
            return false;
        }
    } else {
        return open_inline(d);
    }
    d->yaml = yv_is_yaml(d->shown);
    return true;
}

// -- saving ----------------------------------------------------------------------------------------------------------

static bool seal_edit(struct edit *d, struct str text, struct str *out) {
    struct tool *t = d->t;
    if (d->yaml && d->kind != KIND_INLINE && !t->force && !yv_parses(text, t->e)) {
        return false;
    }
    if (d->kind == KIND_FILE) {
        struct vault_seal_opts o = {.id = d->id, .label = d->label};
        return vault_seal_with(t->ring, &o, text, t->a, out, t->e);
    }
    if (d->kind == KIND_AGE) {
        age_seal_again(&d->age, text, t->a, out);
        return true;
    }
    struct yv_save s = {.old = &d->doc, .ring = t->ring, .force = t->force};
    s.id = t->encrypt_id ? t->encrypt_id : t->config.encrypt_identity;
    if (t->same_salt && d->doc.n > 0) {
        s.salt = vault_salt(d->doc.p[0].envelope, t->a);
    }
    return yv_hide(&s, text, t->a, out, t->e) && (!d->yaml || t->force || yv_parses(*out, t->e));
}

// Writes the result unless the file is not what was opened: then the edited text goes, encrypted, next to it.
static bool save(struct edit *d, struct str sealed) {
    struct tool *t = d->t;
    struct str now = STR_NONE;
    struct err e = {.arena = t->a};
    bool there = access(d->name, F_OK) == 0;
    bool same = d->fresh ? !there : there && fd_read_file(d->name, FILE_CAP, t->a, &now, &e) && str_eq(now, d->old);
    if (same) {
        return tool_write(t, d->name, sealed, 07777);
    }
    const char *aside = arena_printf(t->a, "%s.vault-edit", d->name);
    if (!fd_replace_file(aside, sealed, 0600, t->e)) {
        return false;
    }
    err_set(t->e, ERR_VAULT, NO_MARK, "the file changed while it was edited and was left as it is");
    return err_hint(t->e, "your version is in '%s', encrypted; vault diff shows how they differ", aside);
}

static bool again(struct tool *t, const char *name) {
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        return false;
    }
    tool_complain(t->e, name);
    fputs("(e)dit again or give up? ", stderr);
    char line[64];
    return fgets(line, sizeof line, stdin) && (line[0] == 'e' || line[0] == 'E');
}

static bool edit_rounds(struct edit *d, struct scratch *s) {
    struct tool *t = d->t;
    const char *slash = strrchr(d->name, '/');
    const char *path;
    if (!scratch_put(t, s, slash ? slash + 1 : d->name, d->shown, &path)) {
        return false;
    }
    for (;;) {
        struct str text;
        struct str sealed;
        if (!scratch_edit(t, s, path)) {
            return false;
        }
        if (!fd_read_file(path, FILE_CAP, t->a, &text, t->e)) {
            return err_wrap(t->e, NO_MARK, "the editor left no file; nothing was saved");
        }
        if (!d->fresh && str_eq(text, d->shown)) {
            return true;
        }
        if (seal_edit(d, text, &sealed)) {
            return save(d, sealed);
        }
        if (!again(t, d->name)) {
            return false;
        }
        err_clear(t->e);
    }
}

static int run_edit(struct edit *d) {
    struct scratch s;
    if (!scratch_open(d->t, &s)) {
        return tool_complain(d->t->e, d->name);
    }
    bool ok = edit_rounds(d, &s);
    scratch_close(&s);
    return ok ? EXIT_OK : tool_complain(d->t->e, d->name);
}

// -- the verbs -------------------------------------------------------------------------------------------------------

int verb_edit(struct tool *t) {
    for (size_t i = 0; i < t->files.n; i++) {
        struct edit d = {.t = t, .name = t->files.p[i]};
        if (tool_is_std(d.name)) {
            return tool_refuse(EXIT_ERROR, "edit needs a file, not standard input", NULL);
        }
        if (!open_edit(&d)) {
            return tool_complain(t->e, d.name);
        }
        int status = run_edit(&d);
        if (status != EXIT_OK) {
            return status;
        }
    }
    return EXIT_OK;
}

// Directories that are missing are made, as by ansible-vault.
static bool make_parents(struct tool *t, const char *name) {
    char *path = arena_strndup(t->a, name, strlen(name));
    bool told = false;
    for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        if (mkdir(path, 0777) == 0 && !told) {
            told = true;
            fprintf(stderr, "vault: warning: the directory of '%s' does not exist and is made\n", name);
        } else if (errno != EEXIST && access(path, F_OK) != 0) {
            return err_sys(t->e, errno, NO_MARK, "cannot make the directory '%s'", path);
        }
        *p = '/';
    }
    return true;
}

int verb_create(struct tool *t) {
    if (t->files.n != 1) {
        return tool_refuse(EXIT_OPTIONS, "create takes exactly one file name", NULL);
    }
    struct edit d = {.t = t, .name = t->files.p[0], .fresh = true};
    struct stat st;
    if (tool_is_std(d.name)) {
        return tool_refuse(EXIT_ERROR, "create needs a file name, not standard output", NULL);
    }
    if (lstat(d.name, &st) == 0) {
        return tool_refuse(EXIT_ERROR, "there is a file already, use 'vault edit' for", d.name);
    }
    if (t->recipients.n > 0) {
        d.kind = KIND_AGE;
        if (!tool_age_recipients(t, &d.age)) {
            return tool_complain(t->e, NULL);
        }
    } else {
        if (!tool_unlock(t, true)) {
            return tool_complain(t->e, NULL);
        }
        int status = tool_choose_id(t);
        if (status != EXIT_OK) {
            return status;
        }
        d.id = t->encrypt_id;
    }
    struct str name = str_from(d.name);
    d.yaml = str_ends(name, ".yml") || str_ends(name, ".yaml");
    return make_parents(t, d.name) ? run_edit(&d) : tool_complain(t->e, NULL);
}
