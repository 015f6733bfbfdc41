// The `vault` tool: Ansible-Vault and age files and values from the command line. Each verb has a file of its own.
#include "nodump.h"
#include "tool.h"
#include "typo.h"

#include <getopt.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

// -- the command line ------------------------------------------------------------------------------------------------

enum lock { LOCK_NONE, LOCK_NEW };  // passwords: when a file needs them; first, and asked twice
enum takes {                        // options that some verbs take
    T_OUTPUT = 1,
    T_ENCRYPT_ID = 2,
    T_STRING = 4,
    T_REKEY = 8,
    T_SALT = 16,
    T_FORCE = 32,
    T_RECIPIENT = 64,
    T_ARMOR = 128,
    T_GREP = 256,
};
struct verb {
    const char *name;
    int (*run)(struct tool *t);
    enum lock lock;
    unsigned takes;
    const char *args, *doc;  // doc NULL: for programs, not listed
};
static const struct verb verbs[] = {
    {"view", verb_view, LOCK_NONE, 0, "FILE...", "show what vaulted files hold"},
    {"edit", verb_edit, LOCK_NONE, T_ENCRYPT_ID | T_FORCE | T_SALT, "FILE...", "edit vaulted files and values"},
    {"create", verb_create, LOCK_NONE, T_ENCRYPT_ID | T_FORCE | T_RECIPIENT | T_ARMOR, "FILE",
     "write a new vaulted file in an editor"},
    {"encrypt", verb_encrypt, LOCK_NEW, T_OUTPUT | T_ENCRYPT_ID | T_RECIPIENT | T_ARMOR, "[--output FILE] [FILE...]",
     "encrypt files in place"},
    {"decrypt", verb_decrypt, LOCK_NONE, T_OUTPUT, "[--output FILE] [FILE...]", "decrypt files in place"},
    {"encrypt_string", verb_encrypt_string, LOCK_NEW, T_OUTPUT | T_ENCRYPT_ID | T_STRING, "[-n NAME] [TEXT...]",
     "encrypt values to paste into YAML"},
    {"rekey", verb_rekey, LOCK_NONE, T_ENCRYPT_ID | T_REKEY | T_SALT, "[-r] FILE...", "change passwords"},
    {"diff", verb_diff, LOCK_NONE, 0, "FILE | A B", "compare versions, decrypted"},
    {"check", verb_check, LOCK_NONE, 0, "[PATH...]", "find secrets that are not encrypted"},
    {"grep", verb_grep, LOCK_NONE, T_GREP, "REGEX [PATH...]", "search vaulted files and values"},
    {"recipients", verb_recipients, LOCK_NONE, T_RECIPIENT, "list|add|remove|set FILE...", "who opens an age file"},
    {"git-setup", verb_git_setup, LOCK_NONE, 0, "[PATTERN...]", "show and merge vaulted files in git"},
    {"textconv", verb_textconv, LOCK_NONE, 0, "FILE", NULL},
    {"merge-driver", verb_merge, LOCK_NONE, 0, "BASE OURS THEIRS [NAME]", NULL},
    {"sweep", verb_sweep, LOCK_NONE, 0, "DIR", NULL},
};

enum option_id {
    OPT_ID = 256,
    OPT_FILE,
    OPT_ENCRYPT_ID,
    OPT_OUTPUT,
    OPT_STDIN_NAME,
    OPT_SHOW,
    OPT_VERSION,
    OPT_NEW_ID,
    OPT_NEW_FILE,
    OPT_SALT,
    OPT_FORCE,
    OPT_RECIPIENT,
    OPT_IDENTITY,
    OPT_ARMOR,
};
static const struct option options[] = {
    {"vault-id", required_argument, NULL, OPT_ID},
    {"vault-password-file", required_argument, NULL, OPT_FILE},
    {"vault-pass-file", required_argument, NULL, OPT_FILE},
    {"ask-vault-pass", no_argument, NULL, 'J'},
    {"ask-vault-password", no_argument, NULL, 'J'},
    {"encrypt-vault-id", required_argument, NULL, OPT_ENCRYPT_ID},
    {"output", required_argument, NULL, OPT_OUTPUT},
    {"name", required_argument, NULL, 'n'},
    {"stdin-name", required_argument, NULL, OPT_STDIN_NAME},
    {"prompt", no_argument, NULL, 'p'},
    {"show-input", no_argument, NULL, OPT_SHOW},
    {"new-vault-id", required_argument, NULL, OPT_NEW_ID},
    {"new-vault-password-file", required_argument, NULL, OPT_NEW_FILE},
    {"recursive", no_argument, NULL, 'r'},
    {"same-salt", no_argument, NULL, OPT_SALT},
    {"force", no_argument, NULL, OPT_FORCE},
    {"recipient", required_argument, NULL, OPT_RECIPIENT},
    {"identity", required_argument, NULL, OPT_IDENTITY},
    {"armor", no_argument, NULL, OPT_ARMOR},
    {"ignore-case", no_argument, NULL, 'i'},
    {"files-with-matches", no_argument, NULL, 'l'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION},
    {0},
};

// The options as the help shows them; those that not every verb takes with those that do.
static const struct {
    unsigned takes;
    const char *words, *doc;
} option_docs[] = {
    {0, "--vault-id [LABEL@]SOURCE", "a password: a file, an executable that prints it, or 'prompt'"},
    {0, "--vault-password-file FILE", "the same without a label (also --vault-pass-file)"},
    {0, "-J, --ask-vault-pass", "ask for the password (also --ask-vault-password)"},
    {0, "--identity FILE", "opens files that are encrypted to recipients"},
    {T_ENCRYPT_ID, "--encrypt-vault-id LABEL", "which of several passwords encrypts"},
    {T_REKEY, "--new-vault-id [LABEL@]SOURCE", "rekey: the new password"},
    {T_REKEY, "--new-vault-password-file FILE", "rekey: the same without a label"},
    {T_REKEY, "-r, --recursive", "rekey: all files of directories, in one go or none"},
    {T_SALT, "--same-salt", "rekey, edit: one salt for all values of a file, which opens faster"},
    {T_FORCE, "--force", "edit: save also what is not YAML any more"},
    {T_RECIPIENT, "--recipient KEY|FILE",
     "encrypt, create, recipients: an age1... or ssh-ed25519 key, or a file of them"},
    {T_ARMOR, "--armor", "encrypt, create: such a file as text"},
    {T_GREP, "-i, --ignore-case", "grep: capitals are small letters"},
    {T_GREP, "-l, --files-with-matches", "grep: only names"},
    {T_OUTPUT, "--output FILE", "where the result goes; '-' is standard output"},
    {T_STRING, "-n, --name NAME", "encrypt_string: the variable's name"},
    {T_STRING, "--stdin-name NAME", "encrypt_string: read standard input, name the result NAME"},
    {T_STRING, "-p, --prompt", "encrypt_string: ask for the text"},
    {T_STRING, "--show-input", "encrypt_string: show the text while it is typed"},
    {0, "-v, --verbose", "accepted for compatibility"},
    {0, "-h, --help", "show this text"},
    {0, "--version", "show the version"},
};

static int help(const struct verb *v) {
    if (v) {
        printf("usage: vault %s [options] %s\n\n%s\n", v->name, v->args, v->doc ? v->doc : "for git and vault itself");
    } else {
        puts("usage: vault VERB [options] ...\n\nEncrypts and decrypts Ansible-Vault files and values.\n\nverbs:");
        for (size_t i = 0; i < COUNTOF(verbs); i++) {
            if (verbs[i].doc) {
                printf("  %-15s %-28s %s\n", verbs[i].name, verbs[i].args, verbs[i].doc);
            }
        }
    }
    puts("\noptions:");
    for (size_t i = 0; i < COUNTOF(option_docs); i++) {
        if (!v || !option_docs[i].takes || (option_docs[i].takes & v->takes)) {
            printf("  %-32s  %s\n", option_docs[i].words, option_docs[i].doc);
        }
    }
    puts("\nWithout a password option: $ANSIBLE_VAULT_IDENTITY_LIST, $ANSIBLE_VAULT_PASSWORD_FILE and the same "
         "settings of\n"
         "ansible.cfg, else the file 'vault-password' in the current directory, else a prompt.\n"
         "A FILE of '-', or none where it may be left out, is standard input.");
    return EXIT_OK;
}

static const struct verb *verb_named(const char *name) {
    for (size_t i = 0; i < COUNTOF(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static int no_such_verb(const char *name) {
    const char *names[COUNTOF(verbs)];
    for (size_t i = 0; i < COUNTOF(verbs); i++) {
        names[i] = verbs[i].name;
    }
    const char *near = typo_nearest(str_from(name), names, COUNTOF(names));
    fprintf(stderr, "vault: no verb '%s'%s%s%s; see vault --help\n", name, near ? ", did you mean '" : "",
            near ? near : "", near ? "'" : "");
    return EXIT_USAGE;
}

// Options without a story: where a flag or a word goes.
static bool plain_option(struct tool *t, int opt) {
    const struct {
        int opt;
        bool *flag;
        const char **word;
        struct texts *list;
    } places[] = {
        {OPT_ID, NULL, NULL, &t->ids},
        {OPT_FILE, NULL, NULL, &t->password_files},
        {'J', &t->ask, NULL, NULL},
        {OPT_ENCRYPT_ID, NULL, &t->encrypt_id, NULL},
        {OPT_OUTPUT, NULL, &t->output, NULL},
        {'n', NULL, NULL, &t->names},
        {OPT_STDIN_NAME, NULL, &t->stdin_name, NULL},
        {'p', &t->prompt, NULL, NULL},
        {OPT_SHOW, &t->show_input, NULL, NULL},
        {OPT_NEW_ID, NULL, &t->new_id, NULL},
        {OPT_NEW_FILE, NULL, &t->new_file, NULL},
        {'r', &t->recursive, NULL, NULL},
        {OPT_SALT, &t->same_salt, NULL, NULL},
        {OPT_FORCE, &t->force, NULL, NULL},
        {OPT_RECIPIENT, NULL, NULL, &t->recipients},
        {OPT_ARMOR, &t->armor, NULL, NULL},
        {'i', &t->ignore_case, NULL, NULL},
        {'l', &t->list, NULL, NULL},
        {'v', NULL, NULL, NULL},
    };
    for (size_t i = 0; i < COUNTOF(places); i++) {
        if (places[i].opt != opt) {
            continue;
        }
        if (places[i].flag) {
            *places[i].flag = true;
        } else if (places[i].word) {
            *places[i].word = optarg;
        } else if (places[i].list) {
            tool_add(t, places[i].list, optarg);
        }
        return true;
    }
    return false;
}

static int no_such_option(const char *word) {
    const char *names[COUNTOF(options)];
    size_t n = 0;
    for (; options[n].name; n++) {
        names[n] = options[n].name;
    }
    struct str name = str_from(word + strspn(word, "-"));
    name = str_sub(name, 0, str_find_char(name, 0, '='));
    const char *near = typo_nearest(name, names, n);
    fprintf(stderr, "vault: no option '%s'%s%s%s; see vault --help\n", word, near ? ", did you mean '--" : "",
            near ? near : "", near ? "'" : "");
    return EXIT_USAGE;
}

// Handles one option; -1 to go on, else the exit status.
static int take_option(struct tool *t, int opt, const struct verb *v) {
    if (opt == 'h') {
        return help(v);
    }
    if (opt == OPT_VERSION) {
        puts("vault 0.1.0");
        return EXIT_OK;
    }
    if (opt == OPT_IDENTITY) {
        age_keys_add(t->keys, optarg);
        return -1;
    }
    return plain_option(t, opt) ? -1 : EXIT_USAGE;
}

// The options that belong to other verbs are refused, as ansible-vault does.
static int check_options(const struct tool *t, const struct verb *v) {
    const struct {
        bool given;
        unsigned what;
        const char *name;
    } rules[] = {
        {t->output != NULL, T_OUTPUT, "--output"},
        {t->encrypt_id != NULL, T_ENCRYPT_ID, "--encrypt-vault-id"},
        {t->names.n > 0, T_STRING, "--name"},
        {t->stdin_name != NULL, T_STRING, "--stdin-name"},
        {t->prompt, T_STRING, "--prompt"},
        {t->show_input, T_STRING, "--show-input"},
        {t->new_id != NULL, T_REKEY, "--new-vault-id"},
        {t->new_file != NULL, T_REKEY, "--new-vault-password-file"},
        {t->recursive, T_REKEY, "--recursive"},
        {t->same_salt, T_SALT, "--same-salt"},
        {t->force, T_FORCE, "--force"},
        {t->recipients.n > 0, T_RECIPIENT, "--recipient"},
        {t->armor, T_ARMOR, "--armor"},
        {t->ignore_case, T_GREP, "--ignore-case"},
        {t->list, T_GREP, "--files-with-matches"},
    };
    for (size_t i = 0; i < COUNTOF(rules); i++) {
        if (rules[i].given && !(rules[i].what & v->takes)) {
            fprintf(stderr, "vault: '%s' has no option '%s'\n", v->name, rules[i].name);
            return EXIT_USAGE;
        }
    }
    if (t->output && t->files.n > 1) {
        return tool_refuse(EXIT_OPTIONS, "--output goes with one input file at most", NULL);
    }
    return EXIT_OK;
}

// Reads the command line; -1 and *v when a verb is to run, else the exit status.
static int parse(struct tool *t, int argc, char **argv, const struct verb **v) {
    // A verb of a later version has options of its own: say that before one of them is called unknown.
    if (argc > 1 && argv[1][0] != '-') {
        *v = verb_named(argv[1]);
        if (!*v) {
            return no_such_verb(argv[1]);
        }
    }
    // One thread, so getopt's globals are safe. NOLINTNEXTLINE(concurrency-mt-unsafe)
    for (int opt; (opt = getopt_long(argc, argv, ":Jn:pvhril", options, NULL)) != -1;) {
        if (opt == ':') {
            return tool_refuse(EXIT_USAGE, "a value is missing behind the option", argv[optind - 1]);
        }
        int status = opt == '?' ? no_such_option(argv[optind - 1]) : take_option(t, opt, *v);
        if (status >= 0) {
            return status;
        }
    }
    if (optind == argc) {
        fputs("vault: expected a verb; see vault --help\n", stderr);
        return EXIT_USAGE;
    }
    *v = verb_named(argv[optind]);
    if (!*v) {
        return no_such_verb(argv[optind]);
    }
    for (int i = optind + 1; i < argc; i++) {
        tool_add(t, &t->files, argv[i]);
    }
    int status = check_options(t, *v);
    return status == EXIT_OK ? -1 : status;
}

static int run(struct tool *t, int argc, char **argv) {
    const struct verb *v = NULL;
    int status = parse(t, argc, argv, &v);
    if (status >= 0 || !v) {
        return status;
    }
    bool first = v->lock == LOCK_NEW && t->recipients.n == 0;
    if (!vault_config_read(t->a, &t->config, t->e) || !tool_policy(t) || (first && !tool_unlock(t, true))) {
        return tool_complain(t->e, NULL);
    }
    if (first && (status = tool_choose_id(t)) != EXIT_OK) {
        return status;
    }
    return v->run(t);
}

int main(int argc, char **argv) {
    struct rlimit none = {0};  // also for the editor
    nodump();
    setrlimit(RLIMIT_CORE, &none);
    umask(077);
    struct arena a = {.secret = true};
    struct err e = {.arena = &a};
    struct tool t = {.a = &a, .e = &e, .ring = vault_ring_new(), .keys = age_keys_new()};
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    t.as_ansible = argc > 0 && strcmp(slash ? slash + 1 : argv[0], "ansible-vault") == 0;
    int status = run(&t, argc, argv);
    age_keys_free(t.keys);
    vault_ring_free(t.ring);
    arena_release(&a);
    if (fflush(stdout) != 0 && status == EXIT_OK) {
        status = EXIT_ERROR;
    }
    return status;
}
