// Which command was asked for, and running it: `play VERB env=ENV`, `play run FILE`, `play list`, `play ping`.
#include "cli.h"

#include "fd.h"
#include "spawn.h"
#include "typo.h"

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
                           .timeout_s = 10,
                           .script_timeout_s = 60,
                           .host_key_checking = true,
                           .inject_facts = true,
                           .show_skipped = true,
                           .show_ok = true,
                           .handler_must_exist = true,
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

int cli_report(const struct err *e, int code) {
    render_err(stderr, e, isatty(STDERR_FILENO) != 0 && !getenv("NO_COLOR"));
    return code;
}

// The same once secrets may be known: masked.
int cli_report_in(const struct session *x, const struct err *e, int code) {
    if (!x->output) {
        return cli_report(e, code);
    }
    output_event(x->output, &(struct event){.kind = EV_ERROR, .err = e});
    return code;
}

// Exit code of an error before anything ran: 4 when the user's files or words cannot be read, else 1.
int cli_error_code(const struct err *e) {
    switch (e->code) {
    case ERR_SYNTAX:
    case ERR_ARGS:
    case ERR_UNDEFINED:
    case ERR_TYPE:
        return 4;
    case ERR_NONE:
    case ERR_NOT_FOUND:
    case ERR_UNREACHABLE:
    case ERR_TIMEOUT:
    case ERR_VAULT:
    case ERR_LIMIT:
    case ERR_MODULE:
    case ERR_SYS:
        break;
    }
    return 1;
}

static bool add_playbook_dir(struct session *x, const char *file, struct err *e) {
    char full[4096];
    if (!realpath(file, full)) {
        err_sys(e, errno, NO_MARK, "cannot find the playbook '%s'", file);
        return err_hint(e, "give the path of a playbook; 'play list' shows the verbs of this project");
    }
    char *slash = strrchr(full, '/');
    vars_files_add_playbook(x->vars_files, (struct str){full, slash == full ? 1 : (size_t)(slash - full)});
    return true;
}

static bool load_books(struct session *x, const struct words *files, struct err *e) {
    struct playbook **books = ARENA_ARRAY(x->a, struct playbook *, files->n + 1);
    for (size_t i = 0; i < files->n; i++) {
        const char *file = str_z(x->a, files->p[i]);
        if (access(file, F_OK) != 0) {
            struct str path = pb_collection_playbook(x->loader, files->p[i]);
            file = path.n ? str_z(x->a, path) : file;
        }
        if (!add_playbook_dir(x, file, e)) {
            return false;
        }
        books[i] = pb_load(x->loader, file, e);
        if (!books[i]) {
            return false;
        }
    }
    x->run.books = books;
    x->run.nbooks = files->n;
    return true;
}

static int run_files(struct settings *s, const struct words *files, const struct words *secrets) {
    struct err e = {.arena = s->a};
    struct session x = {0};
    int code;
    if (s->verbosity > 0 && s->config_file.n) {
        printf("Using %.*s as config file\n", STR(s->config_file));
    } else if (s->verbosity > 0) {
        printf("No config file found; using defaults\n");
    }
    if (!session_open(&x, s, secrets, &e) || !load_books(&x, files, &e)) {
        code = cli_report_in(&x, &e, cli_error_code(&e));
    } else if (s->list_hosts || s->list_tasks || s->list_tags) {
        code = run_list(&x.run, s->list_hosts, s->list_tasks, s->list_tags);
    } else {
        code = run_playbooks(&x.run);
    }
    session_close(&x);
    return code;
}

// -- words of a verb: env=ENV, k=v, the rest
// ---------------------------------------------------------------------------

struct verb_words {
    struct str env;
    struct words rest;
};

// One word of the command line as one variable in the form of -e: quoted, so that blanks stay in its value.
static struct str as_extra(struct arena *a, struct str word, size_t eq) {
    struct buf b = BUF_IN(a);
    buf_str(&b, str_sub(word, 0, eq + 1));
    buf_char(&b, '"');
    for (size_t k = eq + 1; k < word.n; k++) {
        if (word.s[k] == '"' || word.s[k] == '\\') {
            buf_char(&b, '\\');
        }
        buf_char(&b, word.s[k]);
    }
    buf_char(&b, '"');
    return buf_view(&b);
}

static struct verb_words split_words(struct settings *s, size_t from) {
    struct verb_words w = {0};
    for (size_t i = from; i < s->positional.n; i++) {
        struct str p = s->positional.p[i];
        size_t eq = str_find_char(p, 0, '=');
        if (str_starts(p, "env=")) {
            w.env = str_sub(p, 4, p.n);
        } else if (eq != SIZE_MAX && eq > 0) {
            VEC_PUSH(s->a, s->extra, as_extra(s->a, p, eq));
        } else {
            VEC_PUSH(s->a, w.rest, p);
        }
    }
    return w;
}

// `vagrant ssh-config`, asked in the directory of the Vagrantfile, as an inventory source: its standard output in a
// private file.
static bool vagrant_source(struct settings *s, const char *dir_asked, struct words *sources, struct err *e) {
    const char *argv[] = {"vagrant", "ssh-config", NULL};
    struct spawn sp = {.argv = argv, .cwd = dir_asked, .timeout_ms = 120000};
    struct spawn_result r;
    if (!spawn_run(&sp, s->a, &r, e)) {
        return err_wrap(e, NO_MARK, "'vagrant ssh-config' cannot be asked for the addresses of the machines");
    }
    if (r.out.n == 0) {
        return err_set(e, ERR_NOT_FOUND, NO_MARK, "'vagrant ssh-config' printed no machine: %.*s",
                       STR(str_trim(r.err)));
    }
    const char *run = getenv("XDG_RUNTIME_DIR");
    char *dir = arena_printf(s->a, "%s/play-vagrant-XXXXXX", run ? run : "/tmp");
    if (!mkdtemp(dir)) {
        return err_sys(e, errno, NO_MARK, "cannot create a temporary directory '%s'", dir);
    }
    struct str path = str_printf(s->a, "%s/ssh-config", dir);
    VEC_PUSH(s->a, *sources, path);
    return fd_replace_file(path.s, r.out, 0600, e);
}

static void remove_vagrant(const struct words *sources) {
    for (size_t i = 0; i < sources->n; i++) {
        if (str_find(sources->p[i], 0, STR_LIT("/play-vagrant-")) != SIZE_MAX &&
            str_ends(sources->p[i], "/ssh-config")) {
            struct arena a = {0};
            char *path = str_z(&a, sources->p[i]);
            unlink(path);
            *strrchr(path, '/') = '\0';
            rmdir(path);
            arena_release(&a);
        }
    }
}

// The directory of an environment that describes its machines with a Vagrantfile, else NULL.
static const char *vagrant_dir(const struct project *p, struct str env) {
    for (size_t i = 0; i < p->envs.n; i++) {
        if (str_eq(p->envs.p[i], env)) {
            const char *file = arena_printf(p->a, "%.*s/Vagrantfile", STR(p->env_paths.p[i]));
            return access(file, F_OK) == 0 ? str_z(p->a, p->env_paths.p[i]) : NULL;
        }
    }
    return NULL;
}

// An environment with a Vagrantfile gets addresses, users and keys from Vagrant; its own files may say otherwise.
static bool ask_vagrant(struct settings *s, const char *dir, struct words *sources, struct err *e) {
    if (!spawn_which(s->a, "vagrant")) {
        VEC_PUSH(s->a, s->config_warnings,
                 str_printf(s->a, "%s/Vagrantfile is not asked for addresses: vagrant is not installed", dir));
        return true;
    }
    return vagrant_source(s, dir, sources, e);
}

static bool resolve_env(struct settings *s, const struct project *p, struct str env, struct words *secrets,
                        struct err *e) {
    if (env.n == 0) {
        if (s->inventory.n > 0) {
            return true;
        }
        err_set(e, ERR_ARGS, NO_MARK, "no environment given");
        return err_hint(e, "say env=ENV (see 'play list') or -i INVENTORY");
    }
    struct words sources = {0};
    const char *dir = vagrant_dir(p, env);
    if (dir && !ask_vagrant(s, dir, &sources, e)) {
        return false;
    }
    if (!project_env(p, env, &sources, secrets, e)) {
        bool vagrant = str_eqz(env, "vagrant") && access("Vagrantfile", F_OK) == 0;
        if (!vagrant || !vagrant_source(s, NULL, &sources, e)) {
            return false;
        }
    }
    for (size_t i = 0; i < sources.n; i++) {
        VEC_PUSH(s->a, s->inventory, sources.p[i]);
    }
    return true;
}

static const struct verb *find_verb(const struct project *p, struct str name, struct err *e) {
    struct typo t = {.got = name};
    for (size_t i = 0; i < p->nverbs; i++) {
        if (str_eq(p->verbs[i].name, name)) {
            return &p->verbs[i];
        }
        typo_offer(&t, p->verbs[i].name);
    }
    typo_offer(&t, STR_LIT("run"));
    typo_offer(&t, STR_LIT("list"));
    err_set(e, ERR_NOT_FOUND, NO_MARK, "no verb '%.*s' here: looked for playbooks/%.*s.yml, %.*s.yml and the tag",
            STR(name), STR(name), STR(name));
    if (t.best.s) {
        err_hint(e, "did you mean '%.*s'? 'play list' shows all verbs", STR(t.best));
    } else {
        err_hint(e, "'play list' shows the verbs of this project, 'play run FILE' runs any playbook");
    }
    return NULL;
}

static int run_ping(struct settings *s, const struct words *rest, const struct words *secrets) {
    s->callback = STR_LIT("minimal");
    s->module_name = STR_LIT("ping");
    return adhoc_run(s, rest->n > 0 ? rest->p[0] : STR_LIT("all"), secrets);
}

static int run_verb(struct settings *s) {
    struct err e = {.arena = s->a};
    struct project p;
    struct words secrets = {0};
    if (!project_find(&p, s->a, &e)) {
        return cli_report(&e, 1);
    }
    struct str name = s->positional.p[0];
    struct verb_words w = split_words(s, 1);
    const struct verb *v = find_verb(&p, name, &e);
    bool ping = !v && str_eqz(name, "ping");
    if (!v && !ping) {
        return cli_report(&e, 4);
    }
    if (!ping && w.rest.n > 0) {
        err_set(&e, ERR_ARGS, NO_MARK, "unexpected word '%.*s' behind '%.*s'", STR(w.rest.p[0]), STR(name));
        err_hint(&e, "variables are given as k=v, hosts with -l PATTERN");
        return cli_report(&e, 4);
    }
    if (!resolve_env(s, &p, w.env, &secrets, &e)) {
        return cli_report(&e, cli_error_code(&e));
    }
    int code;
    if (ping) {
        code = run_ping(s, &w.rest, &secrets);
    } else {
        if (v->tag.n > 0) {
            VEC_PUSH(s->a, s->tags, v->tag);
        }
        struct words files = {0};
        VEC_PUSH(s->a, files, v->file);
        code = run_files(s, &files, &secrets);
    }
    remove_vagrant(&s->inventory);
    return code;
}

static int run_run(struct settings *s, size_t from) {
    struct words files = {0};
    struct words none = {0};
    for (size_t i = from; i < s->positional.n; i++) {
        VEC_PUSH(s->a, files, s->positional.p[i]);
    }
    if (files.n == 0) {
        struct err e = {.arena = s->a};
        err_set(&e, ERR_ARGS, NO_MARK, "no playbook given");
        err_hint(&e, "say: play run PLAYBOOK.yml -i INVENTORY");
        return cli_report(&e, 2);
    }
    return run_files(s, &files, &none);
}

static int show_list(struct arena *a) {
    struct err e = {.arena = a};
    struct project p;
    if (!project_find(&p, a, &e)) {
        return cli_report(&e, 1);
    }
    project_list(&p, stdout);
    return 0;
}

static int show_doc(struct settings *s) {
    struct err e = {.arena = s->a};
    return doc_show(s, &e) ? 0 : cli_report(&e, 1);
}

static int dispatch_run(struct settings *s, bool as_ansible) {
    struct str first = s->positional.n > 0 ? s->positional.p[0] : STR_NONE;
    if (as_ansible) {
        return run_run(s, 0);
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
        return show_list(s->a);
    }
    return str_eqz(first, "run") ? run_run(s, 1) : run_verb(s);
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
