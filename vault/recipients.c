// Files for several people's keys: identities and recipients on the command line, and the verb recipients.
#include "tool.h"

#include <unistd.h>

enum { KEY_FILE_CAP = 1 << 20 };

bool tool_age_open(struct tool *t, struct str in, struct age_file *f, struct str *plain) {
    return age_keys_open(t->keys, in, t->a, f, plain, t->e);
}

// -- recipients ------------------------------------------------------------------------------------------------------

static bool add_recipient(struct tool *t, const char *text, struct age_recipients *to) {
    struct str s = str_from(text);
    struct age_recipient r;
    if (str_starts(s, "age1") || str_starts(s, "ssh-") || access(text, R_OK) != 0) {
        if (!age_recipient_read(s, t->a, &r, t->e)) {
            return false;
        }
        VEC_PUSH(t->a, *to, r);
        return true;
    }
    return (fd_read_file(text, KEY_FILE_CAP, t->a, &s, t->e) && age_recipients_read(s, t->a, to, t->e)) ||
           err_wrap(t->e, NO_MARK, "cannot use the recipients file '%s'", text);
}

static bool has(const struct age_recipients *list, const struct age_recipient *r) {
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->p[i].text, r->text) == 0) {
            return true;
        }
    }
    return false;
}

static bool given(struct tool *t, struct age_recipients *to) {
    struct age_recipients all = {0};
    for (size_t i = 0; i < t->recipients.n; i++) {
        if (!add_recipient(t, t->recipients.p[i], &all)) {
            return false;
        }
    }
    for (size_t i = 0; i < all.n; i++) {
        if (!has(to, &all.p[i])) {
            VEC_PUSH(t->a, *to, all.p[i]);
        }
    }
    return true;
}

bool tool_age_recipients(struct tool *t, struct age_file *f) {
    *f = (struct age_file){.armored = t->armor};
    return given(t, &f->to) && age_new(f, t->a, t->e);
}

// -- the verb --------------------------------------------------------------------------------------------------------

static int list(const struct age_file *f) {
    for (size_t i = 0; i < f->to.n; i++) {
        puts(f->to.p[i].text);
    }
    if (f->to.n < f->stanzas) {
        printf("# %zu more that the file does not name\n", f->stanzas - f->to.n);
    }
    return EXIT_OK;
}

static bool add_all(struct tool *t, struct age_file *f) {
    struct age_recipients more = {0};
    if (!given(t, &more)) {
        return false;
    }
    for (size_t i = 0; i < more.n; i++) {
        if (!has(&f->to, &more.p[i]) && !age_add(f, &more.p[i], t->a, t->e)) {
            return false;
        }
    }
    return true;
}

// Those who go know the old file key, so that everything is encrypted anew for those who stay.
static bool remove_all(struct tool *t, struct age_file *f) {
    struct age_recipients gone = {0};
    struct age_recipients stay = {0};
    if (!given(t, &gone)) {
        return false;
    }
    if (f->to.n < f->stanzas) {
        err_set(t->e, ERR_VAULT, NO_MARK,
                "the file does not name all of its recipients, as it was made by another program");
        return err_hint(t->e, "give those who stay: vault recipients set FILE --recipient ...");
    }
    for (size_t i = 0; i < gone.n; i++) {
        if (!has(&f->to, &gone.p[i])) {
            return err_set(t->e, ERR_ARGS, NO_MARK, "'%s' is no recipient of the file", gone.p[i].text);
        }
    }
    for (size_t i = 0; i < f->to.n; i++) {
        if (!has(&gone, &f->to.p[i])) {
            VEC_PUSH(t->a, stay, f->to.p[i]);
        }
    }
    f->to = stay;
    return age_new(f, t->a, t->e);
}

static bool change(struct tool *t, const char *how, struct age_file *f) {
    if (strcmp(how, "add") == 0) {
        return add_all(t, f);
    }
    if (strcmp(how, "remove") == 0) {
        return remove_all(t, f);
    }
    f->to = (struct age_recipients){0};
    return given(t, &f->to) && age_new(f, t->a, t->e);
}

int verb_recipients(struct tool *t) {
    static const char *const hows[] = {"list", "add", "remove", "set"};
    bool known = false;
    for (size_t i = 0; i < COUNTOF(hows) && t->files.n > 0; i++) {
        known |= strcmp(t->files.p[0], hows[i]) == 0;
    }
    if (!known || t->files.n < 2) {
        return tool_refuse(EXIT_USAGE, "expected 'recipients list|add|remove|set FILE...'", NULL);
    }
    bool lists = strcmp(t->files.p[0], "list") == 0;
    if (lists != (t->recipients.n == 0)) {
        return tool_refuse(EXIT_USAGE, lists ? "list takes no --recipient" : "name keys with --recipient", NULL);
    }
    for (size_t i = 1; i < t->files.n; i++) {
        const char *name = t->files.p[i];
        struct age_file f;
        struct str in;
        struct str plain;
        struct str out;
        if (!tool_read(t, name, &in)) {
            return tool_complain(t->e, name);
        }
        if (!age_is(in)) {
            return tool_refuse(EXIT_ERROR, "this is not encrypted to recipients:", name);
        }
        if (!tool_age_open(t, in, &f, &plain)) {
            return tool_complain(t->e, name);
        }
        if (lists) {
            list(&f);
            continue;
        }
        if (!change(t, t->files.p[0], &f)) {
            return tool_complain(t->e, name);
        }
        age_seal_again(&f, plain, t->a, &out);
        if (!tool_write(t, name, out, 07777)) {
            return tool_complain(t->e, name);
        }
    }
    return EXIT_OK;
}
