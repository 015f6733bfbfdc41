// The verb encrypt_string.
#include "tool.h"

#include <errno.h>
#include <unistd.h>

enum { STRING_INDENT = 10 };

// -- encrypt_string --------------------------------------------------------------------------------------------------

struct item {
    struct str plain;
    const char *name;  // NULL: no name
    const char *source;
};
struct items {
    struct item *p;
    size_t n, cap;
};

static bool read_line(struct tool *t, const char *prompt, struct str *out) {
    struct buf b = {.a = t->a, .max = 1 << 20};
    fputs(prompt, stderr);
    for (;;) {
        char ch;
        ssize_t n = read(STDIN_FILENO, &ch, 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_sys(t->e, errno, NO_MARK, "cannot read");
        }
        if (n == 0 || ch == '\n') {
            *out = buf_view(&b);
            return true;
        }
        buf_char(&b, ch);
    }
}

static bool item_from_prompt(struct tool *t, struct items *items) {
    struct str name = STR_NONE;
    struct item it = {.source = "the interactive prompt"};
    if (!read_line(t, "Variable name (enter for no name): ", &name)) {
        return false;
    }
    it.name = name.n > 0 ? str_z(t->a, name) : NULL;
    if (t->show_input ? !read_line(t, "String to encrypt: ", &it.plain)
                      : !vault_prompt("String to encrypt (hidden): ", t->a, &it.plain, t->e)) {
        return false;
    }
    VEC_PUSH(t->a, *items, it);
    return it.plain.n > 0 || err_set(t->e, ERR_ARGS, NO_MARK, "the text typed is empty, nothing was encrypted");
}

static bool item_from_stdin(struct tool *t, struct items *items) {
    struct item it = {.source = "stdin", .name = t->stdin_name};
    if (isatty(STDIN_FILENO)) {
        fputs("reading from standard input (ctrl-d ends it, twice if the text does not end with a newline)\n", stderr);
    }
    if (!fd_read_all(STDIN_FILENO, FILE_CAP, t->a, &it.plain, t->e)) {
        return false;
    }
    VEC_PUSH(t->a, *items, it);
    return it.plain.n > 0 || err_set(t->e, ERR_ARGS, NO_MARK, "standard input is empty, nothing was encrypted");
}

static bool items_from_args(struct tool *t, struct items *items) {
    size_t named = 0;
    for (size_t i = 0; i < t->files.n; i++) {
        if (tool_is_std(t->files.p[i])) {
            continue;
        }
        struct item it = {.plain = str_from(t->files.p[i]), .source = "the command line args"};
        if (it.plain.n == 0) {
            return err_set(t->e, ERR_ARGS, NO_MARK, "a text of the command line is empty, nothing was encrypted");
        }
        if (named < t->names.n) {
            it.name = t->names.p[named++];
        } else if (t->names.n > 0) {
            fprintf(stderr, "vault: fewer names than texts: those after '%s' have none\n", t->names.p[t->names.n - 1]);
        }
        VEC_PUSH(t->a, *items, it);
    }
    return true;
}

// One value as it is pasted into YAML. Several are told apart by comments on standard error, as ansible-vault does.
static bool format_item(struct tool *t, const struct items *items, size_t i, struct str salt, struct buf *out) {
    struct vault_seal_opts o = {.id = t->encrypt_id, .salt = salt};
    const struct item *it = &items->p[i];
    struct str text;
    struct str line;
    if (!vault_seal_with(t->ring, &o, it->plain, t->a, &text, t->e)) {
        return false;
    }
    if (items->n > 1 && it->name) {
        fprintf(stderr, "# The encrypted version of variable (\"%s\", the string #%zu from %s).\n", it->name, i + 1,
                it->source);
    } else if (items->n > 1) {
        fprintf(stderr, "# The encrypted version of the string #%zu from %s.)\n", i + 1, it->source);
    }
    buf_printf(out, "%s%s%s!vault |", i ? "\n" : "", it->name ? it->name : "", it->name ? ": " : "");
    text = str_rtrim(text);
    while (str_next(&text, '\n', &line)) {
        buf_printf(out, "\n%*s%.*s", STRING_INDENT, "", STR(line));
    }
    return true;
}

int verb_encrypt_string(struct tool *t) {
    bool from_stdin = t->files.n == 0 || t->stdin_name;
    for (size_t i = 0; i < t->files.n; i++) {
        from_stdin |= tool_is_std(t->files.p[i]);
    }
    if (t->prompt && from_stdin && (t->files.n > 0 || t->stdin_name)) {
        return tool_refuse(EXIT_OPTIONS, "--prompt cannot be used while reading from standard input", NULL);
    }
    struct items items = {0};
    struct buf out = BUF_IN(t->a);
    bool ok = (!t->prompt || item_from_prompt(t, &items)) && (t->prompt || !from_stdin || item_from_stdin(t, &items)) &&
              items_from_args(t, &items);
    struct str *salts = ARENA_ARRAY(t->a, struct str, items.n + 1);
    ok = ok && vault_salts(t->ring, t->encrypt_id, items.n, t->a, salts, t->e);
    for (size_t i = 0; ok && i < items.n; i++) {
        ok = format_item(t, &items, i, salts[i], &out);
    }
    buf_char(&out, '\n');
    if (!ok || !tool_write(t, t->output ? t->output : "-", buf_view(&out), 07777)) {
        tool_complain(t->e, NULL);
        return t->e->code == ERR_ARGS ? EXIT_OPTIONS : EXIT_ERROR;
    }
    tool_tell("Encryption successful");
    return EXIT_OK;
}
