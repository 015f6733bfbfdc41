// play doc: filters, tests and lookups, those that are built in and those of the project.
#include "cli.h"

#include "plugin.h"
#include "script.h"
#include "typo.h"

/// What the tables of the three kinds have in common.
struct plugin_doc {
    const char *kind, *name, *fqcn, *doc, *params, *aliases, *example, *file;
    const struct arg *args;
};

static struct plugin_doc of_filter(const char *name, const struct filter *f) {
    return (struct plugin_doc){.kind = "filter",
                               .name = name,
                               .fqcn = f->fqcn,
                               .doc = f->doc,
                               .params = f->params,
                               .aliases = f->aliases,
                               .example = f->example};
}

static struct plugin_doc of_test(const char *name, const struct jtest *t) {
    return (struct plugin_doc){.kind = "test",
                               .name = name,
                               .fqcn = t->fqcn,
                               .doc = t->doc,
                               .params = t->params,
                               .aliases = t->aliases,
                               .example = t->example};
}

static struct plugin_doc of_lookup(const char *name, const struct lookup *l) {
    return (struct plugin_doc){
        .kind = "lookup", .name = name, .fqcn = l->fqcn, .doc = l->doc, .params = l->options, .example = l->example};
}

static void print(FILE *f, const struct plugin_doc *d) {
    const char *prefix = d->fqcn ? "" : "ansible.builtin.";
    fprintf(f, "%s %s%s\n\n  %s\n", d->kind, prefix, d->fqcn ? d->fqcn : d->name, d->doc ? d->doc : "");
    if (d->params && *d->params) {
        fprintf(f, "\n%s\n  %s\n", strcmp(d->kind, "lookup") == 0 ? "Options" : "Parameters", d->params);
    }
    for (const struct arg *a = d->args; a && a->name; a++) {
        fprintf(f, "  %s%s%s%s\n      %s\n", a->name, a->required ? " (required)" : "", a->def ? ", default " : "",
                a->def ? a->def : "", a->doc ? a->doc : "");
    }
    if (d->aliases) {
        struct str rest = str_from(d->aliases), one;
        const char *sep = "\nAlso called\n  ";
        while (rest.s && str_next(&rest, '|', &one)) {
            fprintf(f, "%s%.*s", sep, STR(one));
            sep = ", ";
        }
        fputc('\n', f);
    }
    if (d->example) {
        fprintf(f, "\nExample (it is true)\n  {{ %s }}\n", d->example);
    }
    if (d->file) {
        fprintf(f, "\nFile\n  %s\n", d->file);
    }
    fputc('\n', f);
}

static void list_one(FILE *f, const struct plugin_doc *d) {
    fprintf(f, "%s%-*s %s\n", d->fqcn ? "" : "ansible.builtin.", d->fqcn ? 40 : 24, d->fqcn ? d->fqcn : d->name,
            d->doc ? d->doc : "");
}

// -- the project's own -----------------------------------------------------------------------------------------------

struct wanted {
    FILE *f;
    const char *kind;
    struct str name;  // empty: all
    bool found;
};

static void own(void *to, const struct script_plugin *s, struct str name) {
    struct wanted *w = to;
    struct plugin_doc d = {.kind = w->kind,
                           .name = s->name,
                           .fqcn = s->name,
                           .doc = s->doc,
                           .params = s->params,
                           .args = s->args,
                           .example = s->example,
                           .file = s->file};
    if (!w->name.n) {
        list_one(w->f, &d);
    } else if (str_eq(w->name, name)) {
        w->found = true;
        print(w->f, &d);
    }
}

// -- by kind ---------------------------------------------------------------------------------------------------------

static void list_kind(FILE *f, const struct project_plugins *p, enum plugin_kind kind) {
    static const char *const kinds[] = {"filter", "test", "lookup"};
    struct wanted w = {.f = f, .kind = kinds[kind]};
    for (size_t i = 0; kind == PLUGIN_FILTER && i < filter_count; i++) {
        struct plugin_doc d = of_filter(filter_table[i].name, filter_table[i].it);
        list_one(f, &d);
    }
    for (size_t i = 0; kind == PLUGIN_TEST && i < jtest_count; i++) {
        struct plugin_doc d = of_test(jtest_table[i].name, jtest_table[i].it);
        list_one(f, &d);
    }
    for (size_t i = 0; kind == PLUGIN_LOOKUP && i < lookup_count; i++) {
        struct plugin_doc d = of_lookup(lookup_table[i].name, lookup_table[i].it);
        list_one(f, &d);
    }
    plugins_each(p, kind, own, &w);
}

/// A name of the table for what was found by another one.
static const char *row_name(enum plugin_kind kind, const void *row) {
    for (size_t i = 0; kind == PLUGIN_FILTER && i < filter_count; i++) {
        if (filter_table[i].it == row) {
            return filter_table[i].name;
        }
    }
    for (size_t i = 0; kind == PLUGIN_TEST && i < jtest_count; i++) {
        if (jtest_table[i].it == row) {
            return jtest_table[i].name;
        }
    }
    for (size_t i = 0; kind == PLUGIN_LOOKUP && i < lookup_count; i++) {
        if (lookup_table[i].it == row) {
            return lookup_table[i].name;
        }
    }
    return "";
}

static bool show_kind(FILE *f, const struct project_plugins *p, enum plugin_kind kind, struct str name) {
    static const char *const kinds[] = {"filter", "test", "lookup"};
    struct wanted w = {.f = f, .kind = kinds[kind], .name = name};
    plugins_each(p, kind, own, &w);
    if (w.found) {
        return true;
    }
    struct plugin_doc d = {0};
    if (kind == PLUGIN_FILTER) {
        const struct filter *it = filter_find(name);
        d = it ? of_filter(row_name(kind, it), it) : d;
    } else if (kind == PLUGIN_TEST) {
        const struct jtest *it = jtest_find(name);
        d = it ? of_test(row_name(kind, it), it) : d;
    } else {
        const struct lookup *it = lookup_find(name);
        d = it ? of_lookup(row_name(kind, it), it) : d;
    }
    if (d.kind) {
        print(f, &d);
    }
    return d.kind != NULL;
}

bool doc_plugin(struct settings *s, struct str name) {
    struct project_plugins *p = plugins_new(doc_session(s));
    bool found = false;
    for (int k = PLUGIN_FILTER; k <= PLUGIN_LOOKUP; k++) {
        found = show_kind(stdout, p, (enum plugin_kind)k, name) || found;
    }
    return found;
}

static bool not_there(enum plugin_kind kind, struct str name, struct err *e) {
    static const char *const kinds[] = {"filter", "test", "lookup"};
    struct typo t = {.got = name};
    for (size_t i = 0; kind == PLUGIN_FILTER && i < filter_count; i++) {
        typo_offer(&t, str_from(filter_table[i].name));
    }
    for (size_t i = 0; kind == PLUGIN_TEST && i < jtest_count; i++) {
        typo_offer(&t, str_from(jtest_table[i].name));
    }
    for (size_t i = 0; kind == PLUGIN_LOOKUP && i < lookup_count; i++) {
        typo_offer(&t, str_from(lookup_table[i].name));
    }
    err_set(e, ERR_NOT_FOUND, NO_MARK, "no %s '%.*s'", kinds[kind], STR(name));
    return t.best.s ? err_hint(e, "did you mean '%.*s'?", STR(t.best))
                    : err_hint(e, "'play doc -t %s -l' lists them", kinds[kind]);
}

bool doc_kind(struct settings *s, const struct words *names, bool list, struct err *e) {
    static const char *const kinds[] = {"filter", "test", "lookup"};
    struct project_plugins *p = plugins_new(doc_session(s));
    for (size_t k = 0; k < COUNTOF(kinds); k++) {
        if (!str_eqz(s->plugin_type, kinds[k])) {
            continue;
        }
        for (size_t i = 0; !list && i < names->n; i++) {
            if (!show_kind(stdout, p, (enum plugin_kind)k, names->p[i])) {
                return not_there((enum plugin_kind)k, names->p[i], e);
            }
        }
        if (list || names->n == 0) {
            list_kind(stdout, p, (enum plugin_kind)k);
        }
        return true;
    }
    err_set(e, ERR_ARGS, NO_MARK, "'--type' must be module, keyword, filter, test or lookup, not '%.*s'",
            STR(s->plugin_type));
    return false;
}
