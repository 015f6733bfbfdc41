// play doc: modules, keywords, filters, tests and lookups, from the program's own tables.
#include "cli.h"

#include "plugin.h"
#include "script.h"
#include "typo.h"

static const char *const type_names[] = {
    [ARG_STR] = "str",   [ARG_INT] = "int",     [ARG_FLOAT] = "float", [ARG_BOOL] = "bool",
    [ARG_LIST] = "list", [ARG_DICT] = "dict",   [ARG_PATH] = "path",   [ARG_RAW] = "raw",
    [ARG_JSON] = "json", [ARG_BYTES] = "bytes", [ARG_BITS] = "bits",
};
static const char *const support_names[] = {
    [SUPPORT_NONE] = "none", [SUPPORT_PARTIAL] = "partial", [SUPPORT_FULL] = "full"};

static void print_arg(FILE *f, const struct arg *arg, const char *indent) {
    fprintf(f, "%s%s (%s%s", indent, arg->name, type_names[arg->type], arg->required ? ", required" : "");
    if (arg->type == ARG_LIST) {
        fprintf(f, " of %s", type_names[arg->elements]);
    }
    if (arg->def) {
        fprintf(f, ", default %s", arg->def);
    }
    fputs(")\n", f);
    if (arg->doc) {
        fprintf(f, "%s    %s\n", indent, arg->doc);
    }
    if (arg->choices) {
        fprintf(f, "%s    choices: %s\n", indent, arg->choices);
    }
    if (arg->aliases) {
        fprintf(f, "%s    aliases: %s\n", indent, arg->aliases);
    }
    for (const struct arg *s = arg->sub; s && s->name; s++) {
        print_arg(f, s, "        ");
    }
}

static void print_lines(FILE *f, const char *indent, const char *text) {
    struct str rest = str_from(text);
    struct str line;
    while (str_next(&rest, '\n', &line)) {
        fprintf(f, "%s%.*s\n", indent, STR(line));
    }
}

void doc_module(FILE *f, const char *name, const struct module *m) {
    fprintf(f, "%s  (%s)\n\n  %s\n", name, m->spec ? m->spec : name, m->doc);
    fprintf(f, "\n  runs on: %s   check mode: %s   diff: %s\n", m->side == ON_TARGET ? "the target" : "the controller",
            support_names[m->check], support_names[m->diff]);
    fputs("\nArguments\n", f);
    for (const struct arg *arg = m->args; arg && arg->name; arg++) {
        if (arg->name[0] != '_' || (m->free_form && strcmp(arg->name, m->free_form) == 0)) {
            print_arg(f, arg, "  ");
        }
    }
    if (m->file_args) {
        fputs("  and the common file arguments: mode, owner, group, seuser, serole, setype, selevel, attributes,\n"
              "  unsafe_writes\n",
              f);
    }
    if (m->returns) {
        fputs("\nReturns\n", f);
        print_lines(f, "  ", m->returns);
    }
    if (m->example) {
        fputs("\nExample\n", f);
        print_lines(f, "  ", m->example);
    }
}

// All modules by name; both tables are sorted, those in C and those in Lua.
static void list_modules(FILE *f) {
    const struct module_lua *l = module_lua_table;
    for (size_t i = 0; i < module_count || l->name;) {
        bool lua = l->name && (i >= module_count || strcmp(l->name, module_table[i].name) < 0);
        const char *name = lua ? (l++)->name : module_table[i++].name;
        const struct module *m = module_find(str_from(name));
        if (name[0] != '_') {  // those are parts of others
            fprintf(f, "%-26s %s\n", name, m ? m->doc : "");
        }
    }
}

static const char *listed_name(const char *name, const char *fqcn) {
    return fqcn ? fqcn : name;
}

/// Settings of ansible.cfg: those with a meaning as a table, the others by name.
static void markdown_settings(FILE *f) {
    fputs("\n## Settings\n\n| setting | of | in the file | environment | what |\n|---|---|---|---|---|\n", f);
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting_row *r = &setting_rows[i];
        if (r->doc) {
            fprintf(f, "| `%s` | %s | %s%s%s | %s%s%s | %s |\n", r->name, r->plugin ? r->plugin : "", r->ini ? "`" : "",
                    r->ini ? r->ini : "", r->ini ? "`" : "", r->env ? "`" : "", r->env ? r->env : "", r->env ? "`" : "",
                    r->doc);
        }
    }
    fputs("\nWithout a meaning here, accepted and shown by `play config`:\n\n", f);
    bool first = true;
    for (size_t i = 0; i < setting_count; i++) {
        if (!setting_rows[i].doc) {
            fprintf(f, "%s`%s`", first ? "" : ", ", setting_rows[i].name);
            first = false;
        }
    }
    fputc('\n', f);
}

static void markdown(FILE *f) {
    fputs("## Modules\n\n| module | side | check | diff | what |\n|---|---|---|---|---|\n", f);
    for (size_t i = 0; i < module_count; i++) {
        const struct module *m = module_table[i].it;
        if (module_table[i].name[0] == '_') {
            continue;
        }
        fprintf(f, "| `%s` | %s | %s | %s | %s |\n", m->spec ? m->spec : module_table[i].name,
                m->side == ON_TARGET ? "target" : "controller", support_names[m->check], support_names[m->diff],
                m->doc);
    }
    for (const struct module_lua *l = module_lua_table; l->name; l++) {
        const struct module *m = module_find(str_from(l->name));
        fprintf(f, "| `%s` (Lua) | target | %s | %s | %s |\n", m->spec ? m->spec : l->name, support_names[m->check],
                support_names[m->diff], m->doc);
    }
    fputs("\n## Filters\n\n", f);
    for (size_t i = 0; i < filter_count; i++) {
        fprintf(f, "%s`%s`", i ? ", " : "", listed_name(filter_table[i].name, filter_table[i].it->fqcn));
    }
    fputs("\n\n## Tests\n\n", f);
    for (size_t i = 0; i < jtest_count; i++) {
        fprintf(f, "%s`%s`", i ? ", " : "", listed_name(jtest_table[i].name, jtest_table[i].it->fqcn));
    }
    fputs("\n\n## Lookups\n\n", f);
    for (size_t i = 0; i < lookup_count; i++) {
        fprintf(f, "%s`%s`", i ? ", " : "", listed_name(lookup_table[i].name, lookup_table[i].it->fqcn));
    }
    fputs("\n\n## Keywords\n\n| keyword | type | what |\n|---|---|---|\n", f);
    for (int k = KW_NONE + 1; k < KW_COUNT; k++) {
        fprintf(f, "| `%s` | %s | %s |\n", keyword_docs[k].name, keyword_docs[k].type, keyword_docs[k].doc);
    }
    markdown_settings(f);
}

static bool print_keyword(FILE *f, struct str name) {
    enum keyword k = keyword_find(name);
    if (k != KW_NONE) {
        fprintf(f, "keyword %s (%s)\n  %s\n", keyword_docs[k].name, keyword_docs[k].type, keyword_docs[k].doc);
    }
    return k != KW_NONE;
}

static void list_keywords(FILE *f) {
    for (int k = KW_NONE + 1; k < KW_COUNT; k++) {
        fprintf(f, "%-24s %s\n", keyword_docs[k].name, keyword_docs[k].doc);
    }
}

static bool unknown(struct str name, struct err *e) {
    struct typo t = {.got = name};
    for (size_t i = 0; i < module_count; i++) {
        typo_offer(&t, str_from(module_table[i].name));
    }
    for (size_t i = 0; i < filter_count; i++) {
        typo_offer(&t, str_from(filter_table[i].name));
    }
    err_set(e, ERR_NOT_FOUND, NO_MARK, "no module, filter, test, lookup or keyword '%.*s'", STR(name));
    return t.best.s ? err_hint(e, "did you mean '%.*s'?", STR(t.best)) : err_hint(e, "'play doc' lists the modules");
}

struct session *doc_session(struct settings *s) {
    struct session *x = ARENA_NEW(s->a, struct session);
    x->s = s;
    x->a = s->a;
    return x;
}

bool doc_show(struct settings *s, struct err *e) {
    const struct words *names = &s->positional;
    bool keywords = str_eqz(s->plugin_type, "keyword");
    bool modules = !s->plugin_type.n || str_eqz(s->plugin_type, "module");
    if (s->doc_markdown && names->n == 0) {
        markdown(stdout);
        return true;
    }
    if (!modules && !keywords) {
        return doc_kind(s, names, s->doc_list, e);
    }
    if (s->doc_list || names->n == 0) {
        if (keywords) {
            list_keywords(stdout);
        } else {
            list_modules(stdout);
            doc_own_list(s);
        }
        return true;
    }
    for (size_t i = 0; i < names->n; i++) {
        if (modules && doc_own(s, names->p[i], e)) {
            continue;  // as in a playbook it goes before one that is built in
        }
        if (e->code != ERR_NONE) {
            return false;
        }
        const struct module *m = modules ? module_find(names->p[i]) : NULL;
        if (m) {
            (s->doc_markdown ? doc_page : doc_module)(stdout, module_short(names->p[i]), m);
        }
        bool other = !s->plugin_type.n && !m && doc_plugin(s, names->p[i]);
        bool keyword = (keywords || !s->plugin_type.n) && !m && print_keyword(stdout, names->p[i]);
        if (!m && !other && !keyword) {
            return unknown(names->p[i], e);
        }
    }
    return true;
}
