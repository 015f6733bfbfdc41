// The command lines of all tools: one row an option. Names and meanings are those of ansible-playbook, ansible,
// ansible-inventory, ansible-config and ansible-doc. A letter may mean different things to different tools.
#include "cli.h"

#include "typo.h"

#include <ctype.h>

#define AT(member) offsetof(struct settings, member)

#define T_PLAYS (TOOL_RUN | TOOL_ADHOC)
#define T_LOGIN (T_PLAYS | TOOL_PULL)
#define T_HOSTS (T_LOGIN | TOOL_INVENTORY | TOOL_VARS | TOOL_TEMPLATE)
#define T_ALL   (T_HOSTS | TOOL_CONFIG | TOOL_DOC | TOOL_MODULE)

const struct option_row option_rows[] = {
    {T_HOSTS, "inventory", "inventory-file", 'i', OPT_LIST, AT(inventory), "SOURCE", "What runs where",
     "inventory file, directory, script or \"host1,host2,\"; may be given several times"},
    {T_HOSTS, "limit", NULL, 'l', OPT_TEXT, AT(limit), "PATTERN", NULL,
     "only the hosts that also match PATTERN (or @FILE)"},
    {TOOL_RUN | TOOL_PULL, "tags", NULL, 't', OPT_COMMA_LIST, AT(tags), "TAGS", NULL,
     "only plays and tasks with one of these tags"},
    {TOOL_RUN | TOOL_PULL, "skip-tags", NULL, 0, OPT_COMMA_LIST, AT(skip_tags), "TAGS", NULL,
     "leave out plays and tasks with these tags"},
    {T_HOSTS, "extra-vars", NULL, 'e', OPT_LIST, AT(extra), "VARS", NULL, "variables: k=v, YAML or JSON, or @FILE"},
    {TOOL_RUN, "start-at-task", NULL, 0, OPT_TEXT, AT(start_at_task), "NAME", NULL, "start at the task of this name"},
    {TOOL_RUN, "step", NULL, 0, OPT_FLAG, AT(step), NULL, NULL, "ask before each task"},
    {T_PLAYS, "forks", NULL, 'f', OPT_NUMBER, AT(forks), "N", NULL, "hosts worked on at once (default 5)"},
    {TOOL_RUN, "force-handlers", NULL, 0, OPT_FLAG, AT(force_handlers), NULL, NULL,
     "run handlers even when a task failed"},
    {T_HOSTS, "flush-cache", NULL, 0, OPT_FLAG, AT(flush_cache), NULL, NULL, "forget cached facts first"},
    {T_HOSTS | TOOL_DOC, "playbook-dir", NULL, 0, OPT_TEXT, AT(playbook_dir), "DIR", NULL,
     "directory that counts as the playbook's: roles, library, group_vars"},
    {T_LOGIN | TOOL_DOC, "module-path", NULL, 'M', OPT_LIST, AT(module_path), "DIRS", NULL,
     "more directories with modules"},
    {TOOL_ADHOC, "module-name", NULL, 'm', OPT_TEXT, AT(module_name), "NAME", "The one task",
     "module to run (default command)"},
    {TOOL_ADHOC, "args", NULL, 'a', OPT_TEXT, AT(module_args), "ARGS", NULL, "its arguments: k=v, JSON or free text"},
    {TOOL_ADHOC, "background", NULL, 'B', OPT_NUMBER, AT(async_s), "SECONDS", NULL,
     "run in the background, for at most SECONDS"},
    {TOOL_ADHOC, "poll", NULL, 'P', OPT_NUMBER, AT(poll_s), "SECONDS", NULL,
     "look at a background task every SECONDS (default 15)"},
    {TOOL_ADHOC, "one-line", NULL, 'o', OPT_FLAG, AT(one_line), NULL, NULL, "one line a host"},
    {TOOL_ADHOC, "tree", NULL, 't', OPT_TEXT, AT(tree), "DIR", NULL, "write results to DIR, one file a host"},
    {T_PLAYS, "task-timeout", NULL, 0, OPT_NUMBER, AT(task_timeout_s), "SECONDS", NULL, "stop a task after this time"},
    {TOOL_INVENTORY, "list", NULL, 0, OPT_FLAG, AT(inv_list), NULL, "What is shown",
     "all hosts, as an inventory script"},
    {TOOL_INVENTORY, "host", NULL, 0, OPT_TEXT, AT(inv_host), "HOST", NULL, "the variables of one host"},
    {TOOL_INVENTORY, "graph", NULL, 0, OPT_FLAG, AT(inv_graph), NULL, NULL, "groups as a tree"},
    {TOOL_INVENTORY, "yaml", NULL, 'y', OPT_FLAG, AT(inv_yaml), NULL, NULL, "as YAML instead of JSON"},
    {TOOL_INVENTORY, "toml", NULL, 0, OPT_FLAG, AT(inv_toml), NULL, NULL, "as TOML instead of JSON"},
    {TOOL_INVENTORY, "vars", NULL, 0, OPT_FLAG, AT(inv_vars), NULL, NULL, "with --graph: variables, too"},
    {TOOL_INVENTORY, "export", NULL, 0, OPT_FLAG, AT(inv_export), NULL, NULL,
     "with --list: variables where they are defined"},
    {TOOL_INVENTORY, "output", NULL, 0, OPT_TEXT, AT(output_file), "FILE", NULL, "write to FILE"},
    {TOOL_CONFIG, "config", NULL, 'c', OPT_TEXT, AT(config_arg), "FILE", "What is shown", "this configuration file"},
    {TOOL_CONFIG | TOOL_DOC, "type", NULL, 't', OPT_TEXT, AT(plugin_type), "TYPE", NULL, "of this type of plugin"},
    {TOOL_CONFIG, "only-changed", "changed-only", 0, OPT_FLAG, AT(only_changed), NULL, NULL,
     "only settings that are not the default"},
    {TOOL_CONFIG, "format", NULL, 'f', OPT_TEXT, AT(format), "FORMAT", NULL,
     "dump: display, json, yaml; list: yaml, json; init: ini, env, vars"},
    {TOOL_CONFIG, "disabled", NULL, 0, OPT_FLAG, AT(disabled), NULL, NULL, "init: every setting as a comment"},
    {T_PLAYS, "check", NULL, 'C', OPT_FLAG, AT(check), NULL, "What is done", "change nothing, say what would change"},
    {T_PLAYS, "diff", NULL, 'D', OPT_FLAG, AT(diff), NULL, NULL, "show how files and settings differ"},
    {TOOL_RUN, "syntax-check", NULL, 0, OPT_FLAG, AT(syntax_check), NULL, NULL,
     "only check that the playbooks can be read"},
    {T_LOGIN, "list-hosts", NULL, 0, OPT_FLAG, AT(list_hosts), NULL, NULL, "only list the hosts"},
    {TOOL_RUN, "list-tasks", NULL, 0, OPT_FLAG, AT(list_tasks), NULL, NULL, "only list the tasks"},
    {TOOL_RUN, "list-tags", NULL, 0, OPT_FLAG, AT(list_tags), NULL, NULL, "only list the tags"},
    {T_LOGIN, "user", NULL, 'u', OPT_TEXT, AT(remote_user), "NAME", "How hosts are reached", "log in as this user"},
    {T_LOGIN, "connection", NULL, 'c', OPT_TEXT, AT(connection), "KIND", NULL, "ssh (default) or local"},
    {T_LOGIN, "private-key", "key-file", 0, OPT_TEXT, AT(private_key), "FILE", NULL, "private key for the login"},
    {T_LOGIN, "timeout", NULL, 'T', OPT_NUMBER, AT(timeout_s), "SECONDS", NULL, "deadline for connecting (default 10)"},
    {T_LOGIN, "ssh-common-args", NULL, 0, OPT_TEXT, AT(ssh_common_args), "ARGS", NULL,
     "options as for ssh, e.g. \"-o Port=2222\""},
    {T_LOGIN, "ssh-extra-args", NULL, 0, OPT_TEXT, AT(ssh_extra_args), "ARGS", NULL, "more options as for ssh"},
    {T_LOGIN, "scp-extra-args", NULL, 0, OPT_TEXT, AT(ignored), "ARGS", NULL, "accepted; scp is not used"},
    {T_LOGIN, "sftp-extra-args", NULL, 0, OPT_TEXT, AT(ignored), "ARGS", NULL, "accepted; sftp is not used"},
    {T_PLAYS, "live", NULL, 0, OPT_FLAG, AT(live), NULL, NULL,
     "show the output of commands while they run, each line behind its host"},
    {T_PLAYS, "compat", NULL, 0, OPT_TEXT, AT(compat), "2.18|2.19", NULL,
     "the ansible-core whose rules hold (default 2.18)"},
    {T_PLAYS, "accept-new", NULL, 0, OPT_FLAG, AT(accept_new), NULL, NULL,
     "add the keys of hosts seen for the first time to known_hosts; a changed key is refused all the same"},
    {T_LOGIN, "ask-pass", NULL, 'k', OPT_FLAG, AT(ask_pass), NULL, NULL, "ask for the login password"},
    {T_LOGIN, "connection-password-file", "conn-pass-file", 0, OPT_TEXT, AT(conn_password_file), "FILE", NULL,
     "file (or program) with the login password"},
    {T_PLAYS, "become", NULL, 'b', OPT_FLAG, AT(become), NULL, "Privileges", "run tasks as another user"},
    {T_PLAYS, "become-method", NULL, 0, OPT_TEXT, AT(become_method), "NAME", NULL, "sudo (default), su or doas"},
    {T_PLAYS, "become-user", NULL, 0, OPT_TEXT, AT(become_user), "NAME", NULL, "user to become (default root)"},
    {T_LOGIN, "ask-become-pass", NULL, 'K', OPT_FLAG, AT(ask_become_pass), NULL, NULL, "ask for the become password"},
    {T_LOGIN, "become-password-file", "become-pass-file", 0, OPT_TEXT, AT(become_password_file), "FILE", NULL,
     "file (or program) with the become password"},
    {T_HOSTS, "vault-id", NULL, 0, OPT_LIST, AT(vault_ids), "[LABEL@]SOURCE", "Secrets",
     "a vault password: file, program or \"prompt\""},
    {T_HOSTS, "vault-password-file", "vault-pass-file", 0, OPT_LIST, AT(vault_files), "FILE", NULL,
     "file (or program) with the vault password"},
    {T_HOSTS, "identity", NULL, 0, OPT_LIST, AT(identities), "FILE", NULL,
     "secret key that opens variables encrypted to recipients (vault --recipient)"},
    {T_HOSTS, "ask-vault-password", "ask-vault-pass", 'J', OPT_FLAG, AT(ask_vault), NULL, NULL,
     "ask for the vault password"},
    {TOOL_RUN, "list", NULL, 0, OPT_FLAG, AT(doc_list), NULL, "Other", "with doc: list the modules"},
    {TOOL_DOC, "list", NULL, 'l', OPT_FLAG, AT(doc_list), NULL, NULL, "list the modules"},
    {TOOL_DOC | TOOL_RUN, "markdown", NULL, 0, OPT_FLAG, AT(doc_markdown), NULL, NULL,
     "with doc: all tables as Markdown"},
    {TOOL_PULL, "url", NULL, 'U', OPT_TEXT, AT(pull_url), "URL", "What is pulled", "repository with the playbook"},
    {TOOL_PULL, "directory", NULL, 'd', OPT_TEXT, AT(pull_dir), "DIR", NULL,
     "where it goes (default ~/.ansible/pull/HOSTNAME)"},
    {TOOL_PULL, "checkout", NULL, 'C', OPT_TEXT, AT(pull_version), "REF", NULL, "branch, tag or commit"},
    {TOOL_PULL, "module-name", NULL, 'm', OPT_TEXT, AT(pull_module), "NAME", NULL,
     "module that fetches it: git (default) or subversion"},
    {TOOL_PULL, "full", NULL, 0, OPT_FLAG, AT(pull_full), NULL, NULL, "with all of its history"},
    {TOOL_PULL, "clean", NULL, 0, OPT_FLAG, AT(pull_clean), NULL, NULL, "throw away what was changed there"},
    {TOOL_PULL, "track-subs", NULL, 0, OPT_FLAG, AT(pull_submodules), NULL, NULL, "submodules at their newest commit"},
    {TOOL_PULL, "verify-commit", NULL, 0, OPT_FLAG, AT(pull_verify), NULL, NULL, "check the commit's signature"},
    {TOOL_PULL, "accept-host-key", NULL, 0, OPT_FLAG, AT(pull_accept_key), NULL, NULL,
     "take the key of the repository's host when it is not known"},
    {TOOL_PULL, "purge", NULL, 0, OPT_FLAG, AT(pull_purge), NULL, NULL, "remove the directory afterwards"},
    {TOOL_PULL, "only-if-changed", NULL, 'o', OPT_FLAG, AT(pull_if_changed), NULL, NULL,
     "run the playbook only when something new came"},
    {TOOL_PULL, "force", NULL, 'f', OPT_FLAG, AT(pull_force), NULL, NULL,
     "run the playbook also when the repository cannot be reached"},
    {TOOL_PULL, "sleep", NULL, 's', OPT_NUMBER, AT(pull_sleep_s), "SECONDS", NULL,
     "wait a random time first, at most SECONDS, so that not all hosts pull at once"},
    {TOOL_PULL, "check", NULL, 0, OPT_FLAG, AT(check), NULL, "What is done", "change nothing, say what would change"},
    {TOOL_PULL, "diff", NULL, 0, OPT_FLAG, AT(diff), NULL, NULL, "show how files and settings differ"},
    {TOOL_TEMPLATE, "expr", NULL, 0, OPT_TEXT, AT(template_expr), "EXPR", "What is rendered",
     "evaluate an expression instead of a template"},
    {TOOL_TEMPLATE, "json", NULL, 0, OPT_FLAG, AT(template_json), NULL, NULL, "result or error as one JSON object"},
    {TOOL_TEMPLATE, "json-cases", NULL, 0, OPT_TEXT, AT(json_cases), "FILE", NULL,
     "render each JSON object of FILE as plain Jinja2, one result a line"},
    {TOOL_TEMPLATE, "bench", NULL, 0, OPT_NUMBER, AT(bench), "SECONDS", NULL,
     "with --json-cases: measure each for this long"},
    {T_ALL, "verbose", NULL, 'v', OPT_COUNT, AT(verbosity), NULL, "Other", "say more; may be repeated"},
    {T_ALL, "help", NULL, 'h', OPT_FLAG, AT(help), NULL, NULL, "this text"},
    {T_ALL, "version", NULL, 0, OPT_FLAG, AT(version), NULL, NULL, "the version"},
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
static const struct option_row *find_long(enum tool tool, struct str name, struct err *e) {
    struct typo t = {.got = name};
    const struct option_row *near = NULL;
    size_t hits = 0;
    for (size_t i = 0; i < option_count; i++) {
        if (!(option_rows[i].tools & tool)) {
            continue;
        }
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

static const struct option_row *find_letter(enum tool tool, char c, struct err *e) {
    for (size_t i = 0; i < option_count; i++) {
        if (option_rows[i].letter == c && option_rows[i].tools & tool) {
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
    const struct option_row *r = find_long(s->tool, str_sub(word, 0, eq), e);
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
        const struct option_row *r = find_letter(s->tool, letters.s[k], e);
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

struct str options_config(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        struct str w = str_from(argv[i]);
        if ((str_eqz(w, "-c") || str_eqz(w, "--config")) && i + 1 < argc) {
            return str_from(argv[i + 1]);
        }
        if (str_starts(w, "--config=")) {
            return str_sub(w, 9, w.n);
        }
        if (str_starts(w, "-c") && w.n > 2) {
            return str_sub(w, 2, w.n);
        }
    }
    return STR_NONE;
}

void options_help(FILE *f, enum tool tool, const char *usage, bool all) {
    fputs(usage, f);
    if (!all) {
        return;
    }
    const char *group = NULL;
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *r = &option_rows[i];
        group = r->group ? r->group : group;
        if (!(r->tools & tool)) {
            continue;
        }
        if (group) {
            fprintf(f, "\n%s\n", group);
            group = NULL;
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
