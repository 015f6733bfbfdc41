// The verbs view, encrypt and decrypt.
#include "tool.h"

#include <unistd.h>

typedef bool change(struct tool *t, struct str in, struct str *out);

static bool seal(struct tool *t, struct str in, struct str *out) {
    if (t->recipients.n > 0) {
        struct age_file f;
        if (age_is(in)) {
            return err_set(t->e, ERR_VAULT, NO_MARK, "this is encrypted already");
        }
        if (!tool_age_recipients(t, &f)) {
            return false;
        }
        age_seal_again(&f, in, t->a, out);
        return true;
    }
    return vault_seal(t->ring, t->encrypt_id, in, t->a, out, t->e);
}

// Passes every file through `fn`. Stops at the first that fails; it and the rest stay as they are.
static int each_file(struct tool *t, change *fn, unsigned allow, const char *done) {
    if (t->files.n == 0) {
        tool_add(t, &t->files, "-");
    }
    for (size_t i = 0; i < t->files.n; i++) {
        const char *name = t->files.p[i];
        struct str in;
        struct str out;
        if (tool_is_std(name) && isatty(STDIN_FILENO)) {
            fputs("reading from standard input\n", stderr);
        }
        if (!tool_read(t, name, &in) || !fn(t, in, &out) || !tool_write(t, t->output ? t->output : name, out, allow)) {
            return tool_complain(t->e, tool_is_std(name) ? NULL : name);
        }
    }
    tool_tell(done);
    return EXIT_OK;
}

// -- verbs -----------------------------------------------------------------------------------------------------------

int verb_encrypt(struct tool *t) {
    return each_file(t, seal, 07777, "Encryption successful");
}

// The plaintext is for the owner alone, whatever the encrypted file allowed.
int verb_decrypt(struct tool *t) {
    return each_file(t, tool_open, 0700, "Decryption successful");
}

// A file without vault data is refused, in tool_open's words.
static bool view(struct tool *t, struct str in, struct str *out) {
    return tool_readable(t, in, out) && (out->s != in.s || tool_open(t, in, out));
}

int verb_view(struct tool *t) {
    if (t->files.n == 0) {
        return tool_refuse(EXIT_USAGE, "view needs at least one file", NULL);
    }
    for (size_t i = 0; i < t->files.n; i++) {
        const char *name = t->files.p[i];
        struct str in;
        struct str out;
        if (!tool_read(t, name, &in) || !view(t, in, &out) || !fd_write_all(STDOUT_FILENO, out, t->e)) {
            return tool_complain(t->e, tool_is_std(name) ? NULL : name);
        }
        if (!str_ends(out, "\n") && !fd_write_all(STDOUT_FILENO, STR_LIT("\n"), t->e)) {
            return tool_complain(t->e, NULL);
        }
    }
    return EXIT_OK;
}
