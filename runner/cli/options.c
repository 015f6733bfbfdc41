// The command line: one row an option. Names and meanings are those of ansible-playbook.
#include "cli.h"

#include "typo.h"

#include <ctype.h>

#define AT(member) offsetof(struct settings, member)

const struct option_row option_rows[] = {
    {"inventory", "inventory-file", 'i', OPT_LIST, AT(inventory), "SOURCE", "What runs where",
     "inventory file, directory, script or \"host1,host2,\"; may be given several times"},
    {"limit", NULL, 'l', OPT_TEXT, AT(limit), "PATTERN", NULL, "only the hosts that also match PATTERN (or @FILE)"},
    {"tags", NULL, 't', OPT_COMMA_LIST, AT(tags), "TAGS", NULL, "only plays and tasks with one of these tags"},
    {"skip-tags", NULL, 0, OPT_COMMA_LIST, AT(skip_tags), "TAGS", NULL, "leave out plays and tasks with these tags"},
    {"extra-vars", NULL, 'e', OPT_LIST, AT(extra), "VARS", NULL, "variables: k=v, YAML or JSON, or @FILE"},
    {"start-at-task", NULL, 0, OPT_TEXT, AT(start_at_task), "NAME", NULL, "start at the task of this name"},
    {"step", NULL, 0, OPT_FLAG, AT(step), NULL, NULL, "ask before each task"},
    {"forks", NULL, 'f', OPT_NUMBER, AT(forks), "N", NULL, "hosts worked on at once (default 5)"},
    {"force-handlers", NULL, 0, OPT_FLAG, AT(force_handlers), NULL, NULL, "run handlers even when a task failed"},
    {"flush-cache", NULL, 0, OPT_FLAG, AT(flush_cache), NULL, NULL, "forget cached facts first"},
    {"check", NULL, 'C', OPT_FLAG, AT(check), NULL, "What is done", "change nothing, say what would change"},
    {"diff", NULL, 'D', OPT_FLAG, AT(diff), NULL, NULL, "show how files and settings differ"},
    {"syntax-check", NULL, 0, OPT_FLAG, AT(syntax_check), NULL, NULL, "only check that the playbooks can be read"},
    {"list-hosts", NULL, 0, OPT_FLAG, AT(list_hosts), NULL, NULL, "only list the hosts"},
    {"list-tasks", NULL, 0, OPT_FLAG, AT(list_tasks), NULL, NULL, "only list the tasks"},
    {"list-tags", NULL, 0, OPT_FLAG, AT(list_tags), NULL, NULL, "only list the tags"},
    {"user", NULL, 'u', OPT_TEXT, AT(remote_user), "NAME", "How hosts are reached", "log in as this user"},
    {"connection", NULL, 'c', OPT_TEXT, AT(connection), "KIND", NULL, "ssh (default) or local"},
    {"private-key", "key-file", 0, OPT_TEXT, AT(private_key), "FILE", NULL, "private key for the login"},
    {"timeout", NULL, 'T', OPT_NUMBER, AT(timeout_s), "SECONDS", NULL, "deadline for connecting (default 10)"},
    {"ssh-common-args", NULL, 0, OPT_TEXT, AT(ssh_common_args), "ARGS", NULL,
     "options as for ssh, e.g. \"-o Port=2222\""},
    {"ssh-extra-args", NULL, 0, OPT_TEXT, AT(ssh_extra_args), "ARGS", NULL, "more options as for ssh"},
    {"accept-new", NULL, 0, OPT_FLAG, AT(accept_new), NULL, NULL,
     "add the keys of hosts seen for the first time to known_hosts; a changed key is refused all the same"},
    {"ask-pass", NULL, 'k', OPT_FLAG, AT(ask_pass), NULL, NULL, "ask for the login password"},
    {"connection-password-file", "conn-pass-file", 0, OPT_TEXT, AT(conn_password_file), "FILE", NULL,
     "file (or program) with the login password"},
    {"become", NULL, 'b', OPT_FLAG, AT(become), NULL, "Privileges", "run tasks as another user"},
    {"become-method", NULL, 0, OPT_TEXT, AT(become_method), "NAME", NULL, "sudo (default), su or doas"},
    {"become-user", NULL, 0, OPT_TEXT, AT(become_user), "NAME", NULL, "user to become (default root)"},
    {"ask-become-pass", NULL, 'K', OPT_FLAG, AT(ask_become_pass), NULL, NULL, "ask for the become password"},
    {"become-password-file", "become-pass-file", 0, OPT_TEXT, AT(become_password_file), "FILE", NULL,
     "file (or program) with the become password"},
    {"vault-id", NULL, 0, OPT_LIST, AT(vault_ids), "[LABEL@]SOURCE", "Secrets",
     "a vault password: file, program or \"prompt\""},
    {"vault-password-file", "vault-pass-file", 0, OPT_LIST, AT(vault_files), "FILE", NULL,
     "file (or program) with the vault password"},
    {"ask-vault-password", "ask-vault-pass", 'J', OPT_FLAG, AT(ask_vault), NULL, NULL, "ask for the vault password"},
    {"list", NULL, 0, OPT_FLAG, AT(doc_list), NULL, "Other", "with doc: list the modules"},
    {"markdown", NULL, 0, OPT_FLAG, AT(doc_markdown), NULL, NULL, "with doc: all tables as Markdown"},
    {"verbose", NULL, 'v', OPT_COUNT, AT(verbosity), NULL, NULL, "say more; may be repeated"},
    {"help", NULL, 'h', OPT_FLAG, AT(help), NULL, NULL, "this text"},
    {"version", NULL, 0, OPT_FLAG, AT(version), NULL, NULL, "the version"},
};
const size_t option_count = COUNTOF(option_rows);

static bool has_name(const struct option_row *r, struct str name) {
    if (str_eqz(name, r->name)) {
        return true;
    }
    struct str rest = str_from(r->aliases);
    struct str one;
    while (str_next(&rest, '|', &one)) {
        if (str_eq(one, name)) {
            return true;
        }
    }
    return false;
}

static bool starts_with(const struct option_row *r, struct str name) {
    return strlen(r->name) > name.n && memcmp(r->name, name.s, name.n) == 0;
}

// By its full name, or by a beginning that only one option has (as argparse does).
static const struct option_row *find_long(struct str name, struct err *e) {
    struct typo t = {.got = name};
    const struct option_row *near = NULL;
    size_t hits = 0;
    for (size_t i = 0; i < option_count; i++) {
        if (has_name(&option_rows[i], name)) {
            return &option_rows[i];
        }
        if (starts_with(&option_rows[i], name)) {
            near = &option_rows[i];
            hits++;
        }
        typo_offer(&t, str_from(option_rows[i].name));
    }
    if (hits == 1) {
        return near;
    }
    if (hits > 1) {
        err_set(e, ERR_ARGS, NO_MARK, "option '--%.*s' is ambiguous", STR(name));
        return NULL;
    }
    err_set(e, ERR_ARGS, NO_MARK, "unknown option '--%.*s'", STR(name));
    if (t.best.s) {
        err_hint(e, "did you mean '--%.*s'?", STR(t.best));
    } else {
        err_hint(e, "'play --help' lists the options");
    }
    return NULL;
}

static const struct option_row *find_letter(char c, struct err *e) {
    for (size_t i = 0; i < option_count; i++) {
        if (option_rows[i].letter == c) {
            return &option_rows[i];
        }
    }
    err_set(e, ERR_ARGS, NO_MARK, "unknown option '-%c'", c);
    err_hint(e, "'play --help' lists the options");
    return NULL;
}

static bool set_number(const struct option_row *r, struct str value, int64_t *out, struct err *e) {
    if (!str_int(value, out) || *out < 0 || *out > 1000000) {
        return err_set(e, ERR_ARGS, NO_MARK, "option '--%s' takes a whole number, not '%.*s'", r->name, STR(value));
    }
    return true;
}

static void add_parts(struct arena *a, struct words *w, struct str value) {
    struct str one;
    while (str_next(&value, ',', &one)) {
        one = str_trim(one);
        if (one.n > 0) {
            VEC_PUSH(a, *w, one);
        }
    }
}

static bool set_option(struct settings *s, const struct option_row *r, struct str value, struct err *e) {
    char *base = (char *)s + r->offset;
    switch (r->kind) {
    case OPT_FLAG:
        *(bool *)(void *)base = true;
        return true;
    case OPT_FLAG_OFF:
        *(bool *)(void *)base = false;
        return true;
    case OPT_COUNT:
        *(int64_t *)(void *)base += 1;
        return true;
    case OPT_TEXT:
        *(struct str *)(void *)base = value;
        return true;
    case OPT_NUMBER:
        return set_number(r, value, (int64_t *)(void *)base, e);
    case OPT_LIST:
        VEC_PUSH(s->a, *(struct words *)(void *)base, value);
        return true;
    case OPT_COMMA_LIST:
        add_parts(s->a, (struct words *)(void *)base, value);
        return true;
    }
    return false;
}

static bool takes_value(const struct option_row *r) {
    return r->arg != NULL;
}

static bool parse_long(struct settings *s, struct str word, int argc, char **argv, int *i, struct err *e) {
    size_t eq = str_find_char(word, 0, '=');
    const struct option_row *r = find_long(str_sub(word, 0, eq), e);
    if (!r) {
        return false;
    }
    if (!takes_value(r)) {
        if (eq != SIZE_MAX) {
            return err_set(e, ERR_ARGS, NO_MARK, "option '--%s' takes no value", r->name);
        }
        return set_option(s, r, STR_NONE, e);
    }
    if (eq != SIZE_MAX) {
        return set_option(s, r, str_sub(word, eq + 1, word.n), e);
    }
    if (*i + 1 >= argc) {
        return err_set(e, ERR_ARGS, NO_MARK, "option '--%s' needs a value: %s", r->name, r->arg);
    }
    return set_option(s, r, str_from(argv[++*i]), e);
}

static bool parse_letters(struct settings *s, struct str letters, int argc, char **argv, int *i, struct err *e) {
    for (size_t k = 0; k < letters.n; k++) {
        const struct option_row *r = find_letter(letters.s[k], e);
        if (!r) {
            return false;
        }
        if (!takes_value(r)) {
            if (!set_option(s, r, STR_NONE, e)) {
                return false;
            }
            continue;
        }
        if (k + 1 < letters.n) {
            return set_option(s, r, str_sub(letters, k + 1, letters.n), e);
        }
        if (*i + 1 >= argc) {
            return err_set(e, ERR_ARGS, NO_MARK, "option '-%c' needs a value: %s", r->letter, r->arg);
        }
        return set_option(s, r, str_from(argv[++*i]), e);
    }
    return true;
}

bool options_parse(struct settings *s, int argc, char **argv, struct err *e) {
    bool only_words = false;
    for (int i = 1; i < argc; i++) {
        struct str w = str_from(argv[i]);
        bool ok = true;
        if (only_words || w.n < 2 || w.s[0] != '-') {
            VEC_PUSH(s->a, s->positional, w);
        } else if (str_eqz(w, "--")) {
            only_words = true;
        } else if (w.s[1] == '-') {
            ok = parse_long(s, str_sub(w, 2, w.n), argc, argv, &i, e);
        } else {
            ok = parse_letters(s, str_sub(w, 1, w.n), argc, argv, &i, e);
        }
        if (!ok) {
            return false;
        }
    }
    return true;
}

void options_help(FILE *f, const char *usage, bool all) {
    fputs(usage, f);
    if (!all) {
        return;
    }
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *r = &option_rows[i];
        if (r->group) {
            fprintf(f, "\n%s\n", r->group);
        }
        char left[80];
        char letter[8] = "    ";
        if (r->letter) {
            snprintf(letter, sizeof letter, "-%c, ", r->letter);
        }
        snprintf(left, sizeof left, "%s--%s%s%s", letter, r->name, r->arg ? " " : "", r->arg ? r->arg : "");
        fprintf(f, "  %-36s %s\n", left, r->doc);
    }
}
