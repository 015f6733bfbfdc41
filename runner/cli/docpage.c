// play doc --markdown NAME: one module as a page of docs/modules/.
#include "cli.h"

static const char *const type_names[] = {
    [ARG_STR] = "str",   [ARG_INT] = "int",     [ARG_FLOAT] = "float", [ARG_BOOL] = "bool",
    [ARG_LIST] = "list", [ARG_DICT] = "dict",   [ARG_PATH] = "path",   [ARG_RAW] = "raw",
    [ARG_JSON] = "json", [ARG_BYTES] = "bytes", [ARG_BITS] = "bits",
};
static const char *const support_names[] = {
    [SUPPORT_NONE] = "none", [SUPPORT_PARTIAL] = "partial", [SUPPORT_FULL] = "full"};

/// Text within a cell of a table.
static void cell(FILE *f, const char *text) {
    for (; text && *text; text++) {
        if (*text == '|') {
            fputs("\\|", f);
        } else {
            fputc(*text == '\n' ? ' ' : *text, f);
        }
    }
}

static void choices(FILE *f, const char *label, const char *text) {
    struct str rest = str_from(text);
    struct str one;
    bool first = true;
    while (text && *text && str_next(&rest, '|', &one)) {
        fprintf(f, "%s`%.*s`", first ? label : ", ", STR(one));
        first = false;
    }
    if (!first) {
        fputs(".", f);
    }
}

static void page_arg(FILE *f, const struct arg *arg, const char *above) {
    fprintf(f, "| `%s%s` | %s", above, arg->name, type_names[arg->type]);
    if (arg->type == ARG_LIST) {
        fprintf(f, " of %s", type_names[arg->elements]);
    }
    fputs(arg->required ? " | required | " : " | ", f);
    if (!arg->required && arg->def) {
        fputc('`', f);
        cell(f, *arg->def ? arg->def : "\"\"");
        fputc('`', f);
    }
    fputs(arg->required ? "" : " | ", f);
    cell(f, arg->doc);
    choices(f, " One of ", arg->choices);
    choices(f, " Also called ", arg->aliases);
    fputs(" |\n", f);
    char path[256];
    snprintf(path, sizeof path, "%s%s.", above, arg->name);
    for (const struct arg *s = arg->sub; s && s->name; s++) {
        page_arg(f, s, path);
    }
}

static void page_returns(FILE *f, const char *text) {
    struct str rest = str_from(text);
    struct str line;
    fputs("\n## Return values\n\n| name | what |\n|---|---|\n", f);
    while (str_next(&rest, '\n', &line)) {
        size_t colon = str_find(line, 0, STR_LIT(": "));
        if (colon != SIZE_MAX) {
            fprintf(f, "| `%.*s` | ", STR(str_sub(line, 0, colon)));
            fprintf(f, "%.*s |\n", STR(str_sub(line, colon + 2, line.n)));
        }
    }
}

void doc_page(FILE *f, const char *name, const struct module *m) {
    fprintf(f, "# %s\n\n%s\n\n", m->spec ? m->spec : name, m->doc);
    fprintf(f, "Runs on %s. Check mode: %s. Diff: %s.%s\n", m->side == ON_TARGET ? "the target" : "the controller",
            support_names[m->check], support_names[m->diff], m->script ? " Written in Lua." : "");
    fputs("\n## Arguments\n\n| name | type | default | what |\n|---|---|---|---|\n", f);
    for (const struct arg *arg = m->args; arg && arg->name; arg++) {
        if (arg->name[0] != '_' || (m->free_form && strcmp(arg->name, m->free_form) == 0)) {
            page_arg(f, arg, "");
        }
    }
    if (m->file_args) {
        fputs("\nAnd those of every file: `mode`, `owner`, `group`, `seuser`, `serole`, `setype`, `selevel`, "
              "`attributes`, "
              "`unsafe_writes`.\n",
              f);
    }
    if (m->returns) {
        page_returns(f, m->returns);
    }
    if (m->example) {
        fprintf(f, "\n## Example\n\n```yaml\n%s\n```\n", m->example);
    }
}
