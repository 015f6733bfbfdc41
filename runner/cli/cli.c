// Which command was asked for, and which tool runs it.
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION "0.1.0"

static const char usage[] =
    "Usage: play VERB env=ENV [k=v ...] [options]   run playbooks/VERB.yml on inventories/ENV\n"
    "       play run PLAYBOOK... [options]          run playbooks, as ansible-playbook does\n"
    "       play ping [PATTERN] env=ENV [options]   try to reach the hosts\n"
    "       play adhoc PATTERN -m MODULE -a ARGS    one module on the hosts of a pattern, as ansible does\n"
    "       play inventory --list|--host|--graph    hosts, groups and variables, as ansible-inventory does\n"
    "       play vars explain HOST VAR              where the value of a variable comes from\n"
    "       play config dump|list|view|init         settings, as ansible-config does\n"
    "       play list                               verbs and environments of this project\n"
    "       play template FILE|- [-i INV -l HOST]   render a template with a host's variables; --expr EXPRESSION\n"
    "       play doc [NAME...]                      modules and their arguments, filters, tests, keywords\n"
    "\n"
    "play runs Ansible playbooks without Python on either side.\n";

static void set_defaults(struct settings *s, struct arena *a) {
    *s = (struct settings){.a = a,
                           .forks = 5,
                           .diff_max = (int64_t)MOD_DIFF_MAX,
                           .timeout_s = 10,
                           .script_timeout_s = 60,
                           .host_key_checking = true,
                           .inject_facts = true,
                           .show_skipped = true,
                           .show_ok = true,
                           .handler_must_exist = true,
                           .action_warnings = true,
                           .undefined_fails = true,
                           .agnostic_prompt = true,
                           .bad_attribute_fails = true,
                           .diff_context = 3,
                           .debugger_ignores = true,
                           .gathering = STR_LIT("implicit"),
                           .callback = STR_LIT("default"),
                           .poll_s = 15,
                           .json_indent = 4,
                           .junit_setup = true,
                           .cache_plugin = STR_LIT("memory"),
                           .cache_timeout_s = 86400,
                           .inv_unparsed_warning = true,
                           .localhost_warning = true,
                           .inv_script_stderr = true,
                           .module_name = STR_LIT("command"),
                           .interpreter_python = STR_LIT("auto"),
                           .become_method = STR_LIT("sudo"),
                           .become_user = STR_LIT("root")};
    const char *home = getenv("HOME");
    VEC_PUSH(a, s->library, str_printf(a, "%s/.ansible/plugins/modules", home ? home : ""));
    VEC_PUSH(a, s->library, STR_LIT("/usr/share/ansible/plugins/modules"));
    VEC_PUSH(a, s->module_utils, str_printf(a, "%s/.ansible/plugins/module_utils", home ? home : ""));
    VEC_PUSH(a, s->module_utils, STR_LIT("/usr/share/ansible/plugins/module_utils"));
    struct str roles[] = {str_printf(a, "%s/.ansible/roles", home ? home : ""), STR_LIT("/usr/share/ansible/roles"),
                          STR_LIT("/etc/ansible/roles")};
    for (size_t i = 0; i < COUNTOF(roles); i++) {
        VEC_PUSH(a, s->roles_path, roles[i]);
    }
    struct str colls[] = {str_printf(a, "%s/.ansible/collections", home ? home : ""),
                          STR_LIT("/usr/share/ansible/collections")};
    for (size_t i = 0; i < COUNTOF(colls); i++) {
        VEC_PUSH(a, s->collections_path, colls[i]);
    }
}

static int show_doc(struct settings *s) {
    struct err e = {.arena = s->a};
    return doc_show(s, &e) ? 0 : cli_report(&e, 1);
}

static int dispatch_run(struct settings *s, bool as_ansible) {
    struct str first = s->positional.n > 0 ? s->positional.p[0] : STR_NONE;
    if (as_ansible) {
        return cli_run(s, 0);
    }
    if (str_eqz(first, "help")) {
        options_help(stdout, s->tool, usage, true);
        return 0;
    }
    if (first.n == 0 || str_eqz(first, "list")) {
        if (first.n == 0) {
            fputs(usage, stdout);
            fputc('\n', stdout);
        }
        return cli_list(s->a);
    }
    return str_eqz(first, "run") ? cli_run(s, 1) : cli_verb(s);
}

// The tools: `play WORD ...`, and the name of a link that acts as one.
static const struct tool_row {
    enum tool tool;
    const char *word, *link, *usage;
    int (*run)(struct settings *s);
} tools[] = {
    {TOOL_ADHOC, "adhoc", "ansible", "Usage: play adhoc PATTERN [-m MODULE] [-a ARGS] [options]\n", tool_adhoc},
    {TOOL_INVENTORY, "inventory", "ansible-inventory",
     "Usage: play inventory --list | --host HOST | --graph [GROUP] [options]\n", tool_inventory},
    {TOOL_CONFIG, "config", "ansible-config", "Usage: play config dump | list | view | init [options] [PLUGIN...]\n",
     tool_config},
    {TOOL_DOC, "doc", "ansible-doc", "Usage: play doc [NAME...]\n", show_doc},
    {TOOL_TEMPLATE, "template", NULL,
     "Usage: play template FILE [-i INVENTORY -l HOST] [-e VARS] [--json]   (FILE may be - for standard input)\n"
     "       play template --expr EXPRESSION [...]\n"
     "       play template --json-cases FILE\n",
     tool_template},
    {TOOL_MODULE, "module", NULL,
     "Usage: play module new NAME | test [NAME or FILE...]\n\nnew makes library/NAME.lua and its cases; test runs the "
     "cases of tests/modules.\n",
     tool_module},
    {TOOL_PULL, "pull", "ansible-pull", "Usage: play pull -U URL [options] [PLAYBOOK.yml...]\n", tool_pull},
    {TOOL_VARS, "vars", NULL, "Usage: play vars explain HOST VARIABLE [options]\n", tool_vars},
};

static int dispatch(struct settings *s, const struct tool_row *row, bool as_ansible) {
    if (s->version) {
        printf("play %s\n", VERSION);
        return 0;
    }
    if (s->help) {
        options_help(stdout, s->tool, row ? row->usage : usage, true);
        return 0;
    }
    return row ? row->run(s) : dispatch_run(s, as_ansible);
}

// A standard descriptor that is closed would become the next file we open, and that file would get our output. What
// is put in its place cannot be written to, so that lost output is noticed.
static void keep_standard_files(void) {
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            (void)open("/dev/null",
                       O_RDONLY | O_NOCTTY);  // takes the lowest number that is free: fd; stays open in children
        }
    }
}

// Output that did not get through is a failure: somebody waits for it.
static int written(struct arena *a, int code) {
    int failed = fflush(stdout) != 0 ? errno : 0;
    if (!failed && !ferror(stdout)) {
        return code;
    }
    struct err e = {.arena = a};
    if (failed) {
        err_sys(&e, failed, NO_MARK, "cannot write all of the output to standard output");
    } else {
        err_set(&e, ERR_SYS, NO_MARK, "cannot write all of the output to standard output");
    }
    return cli_report(&e, code ? code : 1);
}

/// Named ansible-vault this program is the vault tool beside it.
static int become_vault(struct arena *a, char **argv) {
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    struct err e = {.arena = a};
    if (n > 0) {
        exe[n] = '\0';
        *strrchr(exe, '/') = '\0';
        execv(arena_printf(a, "%s/vault", exe), argv);
    }
    err_sys(&e, errno, NO_MARK, "cannot run the program 'vault' beside this one");
    return cli_report(&e, 1);
}

static const struct tool_row *find_tool(const char *name, int *argc, char ***argv) {
    for (size_t i = 0; i < COUNTOF(tools); i++) {
        if (tools[i].link && strcmp(name, tools[i].link) == 0) {
            return &tools[i];
        }
        if (*argc > 1 && strcmp(name, "ansible-playbook") != 0 && strcmp((*argv)[1], tools[i].word) == 0) {
            (*argc)--;
            (*argv)++;
            return &tools[i];
        }
    }
    return NULL;
}

/// What is configured gives way to what the command line says; lists of tags and passwords are joined.
static void settle(struct settings *s, const struct settings *configured, bool as_ansible) {
    bool env = false;
    for (size_t i = 0; i < s->positional.n; i++) {
        env = env || str_starts(s->positional.p[i], "env=");
    }
    if (s->inventory.n == 0 && !env) {
        s->inventory = configured->inventory;
    }
    bool verb = s->tool == TOOL_RUN && !as_ansible && !(s->positional.n && str_eqz(s->positional.p[0], "run"));
    s->lenient_sources = !verb;
    s->missing_sources_ok = as_ansible || s->tool != TOOL_RUN;
    if (s->inventory.n == 0 && !verb) {
        VEC_PUSH(s->a, s->inventory, STR_LIT("/etc/ansible/hosts"));
    }
    struct words library = {0};
    for (size_t i = 0; i < s->module_path.n; i++) {
        struct str rest = s->module_path.p[i];
        struct str one;
        while (str_next(&rest, ':', &one)) {
            VEC_PUSH(s->a, library, config_path(s->a, one, STR_NONE));
        }
    }
    for (size_t i = 0; i < s->library.n; i++) {
        VEC_PUSH(s->a, library, s->library.p[i]);
    }
    s->library = library;
}

/// With -v Ansible's tools say first where their settings come from.
static void tell_config_file(const struct settings *s) {
    bool tells = (s->tool & (TOOL_RUN | TOOL_ADHOC | TOOL_INVENTORY | TOOL_CONFIG)) != 0;
    if (s->verbosity < 1 || !tells || s->help || s->version) {
        return;
    }
    FILE *f = s->verbose_stderr ? stderr : stdout;
    if (s->config_file.n) {
        fprintf(f, "Using %.*s as config file\n", STR(s->config_file));
    } else {
        fprintf(f, "No config file found; using defaults\n");
    }
}

static int run_tool(struct settings *s, int argc, char **argv) {
    struct err e = {.arena = s->a};
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash ? slash + 1 : argv[0];
    if (str_starts(str_from(name), "ansible") && !locale_usable()) {
        return 1;
    }
    const struct tool_row *row = find_tool(name, &argc, &argv);
    s->tool = row ? row->tool : TOOL_RUN;
    if (s->tool == TOOL_CONFIG) {
        s->config_arg = options_config(argc, argv);
    }
    if (!config_load(s, &e)) {
        return cli_report(&e, 1);
    }
    struct settings configured = *s;
    s->inventory = (struct words){0};
    s->tags = s->configured_tags;
    s->skip_tags = s->configured_skip_tags;
    if (!options_parse(s, argc, argv, &e)) {
        return cli_report(&e, 2);
    }
    bool as_ansible = strcmp(name, "ansible-playbook") == 0;
    s->as_ansible = strncmp(name, "ansible", 7) == 0;
    s->no_vault_file = s->no_vault_file || s->as_ansible;  // Ansible knows no such file
    settle(s, &configured, as_ansible);
    tell_config_file(s);
    return dispatch(s, row, as_ansible);
}

int cli_main(int argc, char **argv) {
    keep_standard_files();
    struct arena a = {0};
    struct settings s;
    set_defaults(&s, &a);
    const char *slash = strrchr(argv[0], '/');
    int code =
        strcmp(slash ? slash + 1 : argv[0], "ansible-vault") == 0 ? become_vault(&a, argv) : run_tool(&s, argc, argv);
    code = written(&a, code);
    arena_release(&a);
    return code;
}
