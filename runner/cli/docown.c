// play doc: the modules of the project itself, in Lua and in other languages.
#include "cli.h"

#include "fd.h"
#include "script.h"

#define FILE_MAX ((size_t)4 << 20)

/// The text that a module in Python gives the name `what`: WHAT = r'''...'''. Empty: there is none.
static struct str python_text(struct str text, struct str what) {
    for (size_t at = 0; (at = str_find(text, at, what)) != SIZE_MAX; at += what.n) {
        size_t i = at + what.n;
        while (i < text.n && text.s[i] == ' ') {
            i++;
        }
        if ((at > 0 && text.s[at - 1] != '\n') || i == text.n || text.s[i] != '=') {
            continue;
        }
        for (i++; i < text.n && (text.s[i] == ' ' || text.s[i] == 'r' || text.s[i] == 'u'); i++) {
        }
        struct str quotes = str_sub(text, i, i + 3);
        size_t end = str_eqz(quotes, "'''") || str_eqz(quotes, "\"\"\"") ? str_find(text, i + 3, quotes) : SIZE_MAX;
        if (end != SIZE_MAX) {
            return str_sub(text, i + 3, end);
        }
    }
    return STR_NONE;
}

/// The lines of a text, without empty ones at its ends and the line that begins a YAML document.
static void print_text(const char *heading, struct str text) {
    struct str line;
    bool begun = false;
    size_t empty = 0;
    while (str_next(&text, '\n', &line)) {
        if (str_trim(line).n == 0 || (!begun && str_eqz(str_trim(line), "---"))) {
            empty++;
            continue;
        }
        if (!begun) {
            printf("\n%s\n", heading);
        }
        for (; begun && empty > 0; empty--) {
            putchar('\n');
        }
        empty = 0;
        begun = true;
        printf("  %.*s\n", STR(line));
    }
}

static void print_program(struct str name, struct str path, struct str text) {
    static const char *const parts[][2] = {
        {"DOCUMENTATION", "Documentation"}, {"EXAMPLES", "Examples"}, {"RETURN", "Return values"}};
    printf("%.*s  (%.*s)\n", STR(name), STR(path));
    bool any = false;
    for (size_t i = 0; i < COUNTOF(parts); i++) {
        struct str part = python_text(text, str_from(parts[i][0]));
        any = any || part.n;
        print_text(parts[i][1], part);
    }
    if (!any) {
        puts("\n  A program of the project without documentation in it.");
    }
}

/// The module of a file in Lua; NULL with no error for a program of another kind, whose text is in *text.
static const struct module *read_own(struct settings *s, struct str name, struct str path, struct str *text,
                                     struct err *e) {
    bool lua = fd_read_file(str_z(s->a, path), FILE_MAX, s->a, text, e) && str_ends(path, ".lua");
    return lua ? script_module(s->a, str_z(s->a, name), str_z(s->a, path), *text, e) : NULL;
}

bool doc_own(struct settings *s, struct str name, struct err *e) {
    struct words names = {0};
    struct words paths = {0};
    library_files(doc_session(s), name, &names, &paths);
    if (!paths.n) {
        return false;
    }
    struct str text;
    const struct module *m = read_own(s, name, paths.p[0], &text, e);
    if (m) {
        (s->doc_markdown ? doc_page : doc_module)(stdout, str_z(s->a, name), m);
    } else if (e->code == ERR_NONE) {
        print_program(name, paths.p[0], text);
    }
    return e->code == ERR_NONE;
}

void doc_own_list(struct settings *s) {
    struct words names = {0};
    struct words paths = {0};
    library_files(doc_session(s), STR_NONE, &names, &paths);
    for (size_t i = 0; i < names.n; i++) {
        struct str text;
        struct err e = {.arena = s->a};
        const struct module *m = read_own(s, names.p[i], paths.p[i], &text, &e);
        printf("%-26.*s %s%s%.*s%s\n", STR(names.p[i]), m ? m->doc : "", m ? " (" : "", STR(paths.p[i]), m ? ")" : "");
    }
}
