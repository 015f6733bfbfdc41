// The `vault` tool: Ansible-Vault files and values from the command line.
#include "buf.h"
#include "config.h"
#include "fd.h"
#include "typo.h"
#include "vault.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

// As ansible-vault's.
enum { EXIT_OK = 0, EXIT_ERROR = 1, EXIT_USAGE = 2, EXIT_OPTIONS = 5 };
enum { FILE_CAP = 256 << 20, STRING_INDENT = 10 };

struct texts {
    const char **p;
    size_t n, cap;
};
struct cli {
    struct arena *a;  // wiped at the end: it holds plaintexts
    struct err *e;
    struct vault_ring *ring;
    struct vault_config config;
    struct texts files, ids, password_files, names;
    const char *output, *encrypt_id, *stdin_name;
    bool ask, prompt, show_input;
};
struct verb {
    const char *name;
    int (*run)(struct cli *c);
    bool encrypts;
    const char *args, *doc;
};

static const char help_options[] =
    "\n"
    "options:\n"
    "  --vault-id [LABEL@]SOURCE         a password: a file, an executable that prints it, or 'prompt'\n"
    "  --vault-password-file FILE        the same without a label (also --vault-pass-file)\n"
    "  -J, --ask-vault-pass              ask for the password (also --ask-vault-password)\n"
    "  --encrypt-vault-id LABEL          which of several passwords encrypts\n"
    "  --output FILE                     where the result goes; '-' is standard output\n"
    "  -n, --name NAME                   encrypt_string: the variable's name\n"
    "  --stdin-name NAME                 encrypt_string: read standard input, name the result NAME\n"
    "  -p, --prompt                      encrypt_string: ask for the text\n"
    "  --show-input                      encrypt_string: show the text while it is typed\n"
    "  -v, --verbose                     accepted for compatibility\n"
    "  -h, --help                        show this text\n"
    "  --version                         show the version\n"
    "\n"
    "Without a password option: $ANSIBLE_VAULT_IDENTITY_LIST, $ANSIBLE_VAULT_PASSWORD_FILE and the same settings of\n"
    "ansible.cfg, else the file 'vault-password' in the current directory, else a prompt.\n"
    "A FILE of '-', or none where it may be left out, is standard input.\n";

// -- messages --------------------------------------------------------------------------------------------------------

static int complain(const struct err *e, const char *about) {
    struct str text = err_text(e);
    fprintf(stderr, "vault: %s%s%.*s\n", about ? about : "", about ? ": " : "", STR(text));
    for (const struct err *c = e; c; c = c->cause) {
        if (c->hint) {
            fprintf(stderr, "hint: %s\n", c->hint);
            break;
        }
    }
    return EXIT_ERROR;
}

static int refuse(int code, const char *text, const char *name) {
    fprintf(stderr, "vault: %s%s%s%s\n", text, name ? " '" : "", name ? name : "", name ? "'" : "");
    return code;
}

// Progress is for people only: scripts that read our output see nothing.
static void tell(const char *text) {
    if (isatty(STDOUT_FILENO)) {
        fprintf(stderr, "%s\n", text);
    }
}

// -- passwords -------------------------------------------------------------------------------------------------------

static bool is_prompt(const char *spec) {
    const char *at = strchr(spec, '@');
    const char *word = at ? at + 1 : spec;
    return strcmp(word, "prompt") == 0 || strcmp(word, "prompt_ask_vault_pass") == 0;
}

static void add(struct cli *c, struct texts *to, const char *text) {
    VEC_PUSH(c->a, *to, text);
}

static void add_list(struct cli *c, struct texts *to, const char *list) {
    struct str rest = str_from(list);
    struct str part;
    while (str_next(&rest, ',', &part)) {
        part = str_trim(part);
        if (part.n > 0) {
            add(c, to, str_z(c->a, part));
        }
    }
}

// All sources in ansible-vault's order: ids of the configuration, ids of the command line, password files, prompt.
static struct texts all_sources(struct cli *c, bool *own_file) {
    struct texts all = {0};
    *own_file = false;
    if (c->config.identity_list) {
        add_list(c, &all, c->config.identity_list);
    }
    for (size_t i = 0; i < c->ids.n; i++) {
        add(c, &all, c->ids.p[i]);
    }
    if (c->config.password_file) {
        add(c, &c->password_files, c->config.password_file);
    }
    for (size_t i = 0; i < c->password_files.n; i++) {
        add(c, &all, arena_printf(c->a, "default@%s", c->password_files.p[i]));
    }
    if (all.n == 0 && !c->ask && access("vault-password", F_OK) == 0) {
        *own_file = true;
        add(c, &all, "default@./vault-password");
    }
    if (c->ask || all.n == 0) {
        add(c, &all, "default@prompt_ask_vault_pass");
    }
    return all;
}

// Fills the ring. A source that fails is only told about while another one works, as in Ansible; a prompt that fails
// and our own file, when it is open to others, end it.
static bool unlock(struct cli *c, bool encrypts) {
    bool own;
    struct texts all = all_sources(c, &own);
    struct err last = {.arena = c->a};
    for (size_t i = 0; i < all.n; i++) {
        struct err e = {.arena = c->a};
        const char *spec = all.p[i];
        if (encrypts ? vault_ring_source_new(c->ring, spec, own, &e) : vault_ring_source(c->ring, spec, own, &e)) {
            continue;
        }
        if (is_prompt(spec) || own) {
            *c->e = e;
            return false;
        }
        if (last.msg) {
            complain(&last, "warning");
        }
        last = e;
    }
    if (vault_ring_empty(c->ring)) {
        *c->e = last;
        return false;
    }
    if (last.msg) {
        complain(&last, "warning");
    }
    return true;
}

static const char *known_ids(struct cli *c) {
    struct buf b = BUF_IN(c->a);
    for (size_t i = 0; i < vault_ring_len(c->ring); i++) {
        buf_printf(&b, "%s%s", i ? "," : "", vault_ring_id(c->ring, i));
    }
    buf_char(&b, '\0');
    return b.p;
}

// Which password encrypts must be clear when there are several.
static int choose_id(struct cli *c) {
    if (!c->encrypt_id) {
        c->encrypt_id = c->config.encrypt_identity;
    }
    if (!c->encrypt_id && vault_ring_len(c->ring) > 1) {
        fprintf(stderr, "vault: the vault ids %s could encrypt: choose one with --encrypt-vault-id\n", known_ids(c));
        return EXIT_OPTIONS;
    }
    return EXIT_OK;
}

// -- files -----------------------------------------------------------------------------------------------------------

static bool is_std(const char *name) {
    return strcmp(name, "-") == 0;
}

static bool read_input(struct cli *c, const char *name, struct str *text) {
    return is_std(name) ? fd_read_all(STDIN_FILENO, FILE_CAP, c->a, text, c->e)
                        : fd_read_file(name, FILE_CAP, c->a, text, c->e);
}

// Replaces or creates `name`. Symbolic links are followed, so that the link stays. `allow` are the bits of an existing
// file's mode that are kept; a new file is for its owner only.
static bool write_output(struct cli *c, const char *name, struct str text, unsigned allow) {
    if (is_std(name)) {
        return fd_write_all(STDOUT_FILENO, text, c->e);
    }
    char real[PATH_MAX];
    struct stat st;
    unsigned mode = 0600;
    if (realpath(name, real)) {
        name = real;
    }
    if (stat(name, &st) == 0) {
        mode = st.st_mode & allow;
    }
    return fd_replace_file(name, text, mode, c->e);
}

typedef bool change(struct cli *c, struct str in, struct str *out);

static bool seal(struct cli *c, struct str in, struct str *out) {
    return vault_seal(c->ring, c->encrypt_id, in, c->a, out, c->e);
}

static bool open_text(struct cli *c, struct str in, struct str *out) {
    return vault_open(c->ring, in, NO_MARK, c->a, out, c->e);
}

// Passes every file through `fn`. Stops at the first that fails; it and the rest stay as they are.
static int each_file(struct cli *c, change *fn, unsigned allow, const char *done) {
    if (c->files.n == 0) {
        add(c, &c->files, "-");
    }
    for (size_t i = 0; i < c->files.n; i++) {
        const char *name = c->files.p[i];
        struct str in;
        struct str out;
        if (is_std(name) && isatty(STDIN_FILENO)) {
            fputs("reading from standard input\n", stderr);
        }
        if (!read_input(c, name, &in) || !fn(c, in, &out) ||
            !write_output(c, c->output ? c->output : name, out, allow)) {
            return complain(c->e, is_std(name) ? NULL : name);
        }
    }
    tell(done);
    return EXIT_OK;
}

// -- verbs -----------------------------------------------------------------------------------------------------------

static int run_encrypt(struct cli *c) {
    return each_file(c, seal, 07777, "Encryption successful");
}

// The plaintext is for the owner alone, whatever the encrypted file allowed.
static int run_decrypt(struct cli *c) {
    return each_file(c, open_text, 0700, "Decryption successful");
}

static int run_view(struct cli *c) {
    if (c->files.n == 0) {
        return refuse(EXIT_USAGE, "view needs at least one file", NULL);
    }
    for (size_t i = 0; i < c->files.n; i++) {
        const char *name = c->files.p[i];
        struct str in;
        struct str out;
        if (!read_input(c, name, &in) || !open_text(c, in, &out) || !fd_write_all(STDOUT_FILENO, out, c->e)) {
            return complain(c->e, is_std(name) ? NULL : name);
        }
        if (!str_ends(out, "\n") && !fd_write_all(STDOUT_FILENO, STR_LIT("\n"), c->e)) {
            return complain(c->e, NULL);
        }
    }
    return EXIT_OK;
}

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

static bool read_line(struct cli *c, const char *prompt, struct str *out) {
    struct buf b = {.a = c->a, .max = 1 << 20};
    fputs(prompt, stderr);
    for (;;) {
        char ch;
        ssize_t n = read(STDIN_FILENO, &ch, 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_sys(c->e, errno, NO_MARK, "cannot read");
        }
        if (n == 0 || ch == '\n') {
            *out = buf_view(&b);
            return true;
        }
        buf_char(&b, ch);
    }
}

static bool item_from_prompt(struct cli *c, struct items *items) {
    struct str name = STR_NONE;
    struct item it = {.source = "the interactive prompt"};
    if (!read_line(c, "Variable name (enter for no name): ", &name)) {
        return false;
    }
    it.name = name.n > 0 ? str_z(c->a, name) : NULL;
    if (c->show_input ? !read_line(c, "String to encrypt: ", &it.plain)
                      : !vault_prompt("String to encrypt (hidden): ", c->a, &it.plain, c->e)) {
        return false;
    }
    VEC_PUSH(c->a, *items, it);
    return it.plain.n > 0 || err_set(c->e, ERR_ARGS, NO_MARK, "the text typed is empty, nothing was encrypted");
}

static bool item_from_stdin(struct cli *c, struct items *items) {
    struct item it = {.source = "stdin", .name = c->stdin_name};
    if (isatty(STDIN_FILENO)) {
        fputs("reading from standard input (ctrl-d ends it, twice if the text does not end with a newline)\n", stderr);
    }
    if (!fd_read_all(STDIN_FILENO, FILE_CAP, c->a, &it.plain, c->e)) {
        return false;
    }
    VEC_PUSH(c->a, *items, it);
    return it.plain.n > 0 || err_set(c->e, ERR_ARGS, NO_MARK, "standard input is empty, nothing was encrypted");
}

static bool items_from_args(struct cli *c, struct items *items) {
    size_t named = 0;
    for (size_t i = 0; i < c->files.n; i++) {
        if (is_std(c->files.p[i])) {
            continue;
        }
        struct item it = {.plain = str_from(c->files.p[i]), .source = "the command line args"};
        if (it.plain.n == 0) {
            return err_set(c->e, ERR_ARGS, NO_MARK, "a text of the command line is empty, nothing was encrypted");
        }
        if (named < c->names.n) {
            it.name = c->names.p[named++];
        } else if (c->names.n > 0) {
            fprintf(stderr, "vault: fewer names than texts: those after '%s' have none\n", c->names.p[c->names.n - 1]);
        }
        VEC_PUSH(c->a, *items, it);
    }
    return true;
}

// One value as it is pasted into YAML. Several are told apart by comments on standard error, as ansible-vault does.
static bool format_item(struct cli *c, const struct items *items, size_t i, struct buf *out) {
    const struct item *it = &items->p[i];
    struct str text;
    struct str line;
    if (!vault_seal(c->ring, c->encrypt_id, it->plain, c->a, &text, c->e)) {
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

static int run_encrypt_string(struct cli *c) {
    bool from_stdin = c->files.n == 0 || c->stdin_name;
    for (size_t i = 0; i < c->files.n; i++) {
        from_stdin |= is_std(c->files.p[i]);
    }
    if (c->prompt && from_stdin && (c->files.n > 0 || c->stdin_name)) {
        return refuse(EXIT_OPTIONS, "--prompt cannot be used while reading from standard input", NULL);
    }
    struct items items = {0};
    struct buf out = BUF_IN(c->a);
    bool ok = (!c->prompt || item_from_prompt(c, &items)) && (c->prompt || !from_stdin || item_from_stdin(c, &items)) &&
              items_from_args(c, &items);
    for (size_t i = 0; ok && i < items.n; i++) {
        ok = format_item(c, &items, i, &out);
    }
    buf_char(&out, '\n');
    if (!ok || !write_output(c, c->output ? c->output : "-", buf_view(&out), 07777)) {
        complain(c->e, NULL);
        return c->e->code == ERR_ARGS ? EXIT_OPTIONS : EXIT_ERROR;
    }
    tell("Encryption successful");
    return EXIT_OK;
}

// -- the command line ------------------------------------------------------------------------------------------------

static const struct verb verbs[] = {
    {"view", run_view, false, "FILE...", "show what vaulted files hold"},
    {"encrypt", run_encrypt, true, "[--output FILE] [FILE...]", "encrypt files in place"},
    {"decrypt", run_decrypt, false, "[--output FILE] [FILE...]", "decrypt files in place"},
    {"encrypt_string", run_encrypt_string, true, "[-n NAME] [TEXT...]", "encrypt values to paste into YAML"},
};
static const char *const missing_verbs[] = {"edit", "create", "rekey"};

enum option_id {
    OPT_ID = 256,
    OPT_FILE,
    OPT_ENCRYPT_ID,
    OPT_OUTPUT,
    OPT_STDIN_NAME,
    OPT_SHOW,
    OPT_VERSION,
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
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION},
    {0},
};

static int help(const struct verb *v) {
    if (v) {
        printf("usage: vault %s [options] %s\n\n%s\n", v->name, v->args, v->doc);
    } else {
        puts("usage: vault VERB [options] ...\n\nEncrypts and decrypts Ansible-Vault files and values.\n\nverbs:");
        for (size_t i = 0; i < COUNTOF(verbs); i++) {
            printf("  %-15s %-28s %s\n", verbs[i].name, verbs[i].args, verbs[i].doc);
        }
    }
    fputs(help_options, stdout);
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
    for (size_t i = 0; i < COUNTOF(missing_verbs); i++) {
        if (strcmp(name, missing_verbs[i]) == 0) {
            fprintf(stderr, "vault: '%s' is not in this version; use view, decrypt and encrypt\n", name);
            return EXIT_USAGE;
        }
    }
    const char *near = typo_nearest(str_from(name), names, COUNTOF(names));
    fprintf(stderr, "vault: no verb '%s'%s%s%s; see vault --help\n", name, near ? ", did you mean '" : "",
            near ? near : "", near ? "'" : "");
    return EXIT_USAGE;
}

// Handles one option; -1 to go on, else the exit status.
static int take_option(struct cli *c, int opt, const struct verb *v) {
    switch (opt) {
    case OPT_ID:
        add(c, &c->ids, optarg);
        return -1;
    case OPT_FILE:
        add(c, &c->password_files, optarg);
        return -1;
    case 'J':
        c->ask = true;
        return -1;
    case OPT_ENCRYPT_ID:
        c->encrypt_id = optarg;
        return -1;
    case OPT_OUTPUT:
        c->output = optarg;
        return -1;
    case 'n':
        add(c, &c->names, optarg);
        return -1;
    case OPT_STDIN_NAME:
        c->stdin_name = optarg;
        return -1;
    case 'p':
        c->prompt = true;
        return -1;
    case OPT_SHOW:
        c->show_input = true;
        return -1;
    case 'v':
        return -1;
    case 'h':
        return help(v);
    case OPT_VERSION:
        puts("vault 0.1.0");
        return EXIT_OK;
    default:
        return EXIT_USAGE;
    }
}

// The options that belong to other verbs are refused, as ansible-vault does.
static int check_options(const struct cli *c, const struct verb *v) {
    bool string = v->run == run_encrypt_string;
    const struct {
        bool given, allowed;
        const char *name;
    } rules[] = {
        {c->output != NULL, v->run != run_view, "--output"},
        {c->encrypt_id != NULL, v->encrypts, "--encrypt-vault-id"},
        {c->names.n > 0, string, "--name"},
        {c->stdin_name != NULL, string, "--stdin-name"},
        {c->prompt, string, "--prompt"},
        {c->show_input, string, "--show-input"},
    };
    for (size_t i = 0; i < COUNTOF(rules); i++) {
        if (rules[i].given && !rules[i].allowed) {
            fprintf(stderr, "vault: '%s' has no option '%s'\n", v->name, rules[i].name);
            return EXIT_USAGE;
        }
    }
    if (c->output && c->files.n > 1) {
        return refuse(EXIT_OPTIONS, "--output goes with one input file at most", NULL);
    }
    return EXIT_OK;
}

// Reads the command line; -1 and *v when a verb is to run, else the exit status.
static int parse(struct cli *c, int argc, char **argv, const struct verb **v) {
    // A verb of a later version has options of its own: say that before one of them is called unknown.
    if (argc > 1 && argv[1][0] != '-') {
        *v = verb_named(argv[1]);
        if (!*v) {
            return no_such_verb(argv[1]);
        }
    }
    // One thread, so getopt's globals are safe. NOLINTNEXTLINE(concurrency-mt-unsafe)
    for (int opt; (opt = getopt_long(argc, argv, "Jn:pvh", options, NULL)) != -1;) {
        int status = take_option(c, opt, *v);
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
        add(c, &c->files, argv[i]);
    }
    int status = check_options(c, *v);
    return status == EXIT_OK ? -1 : status;
}

static int run(struct cli *c, int argc, char **argv) {
    const struct verb *v = NULL;
    int status = parse(c, argc, argv, &v);
    if (status >= 0) {
        return status;
    }
    if (!vault_config_read(c->a, &c->config, c->e) || !unlock(c, v->encrypts)) {
        return complain(c->e, NULL);
    }
    if (v->encrypts && (status = choose_id(c)) != EXIT_OK) {
        return status;
    }
    return v->run(c);
}

int main(int argc, char **argv) {
    struct rlimit none = {0};
    setrlimit(RLIMIT_CORE, &none);
    umask(077);
    struct arena a = {.secret = true};
    struct err e = {.arena = &a};
    struct cli c = {.a = &a, .e = &e, .ring = vault_ring_new()};
    int status = run(&c, argc, argv);
    vault_ring_free(c.ring);
    arena_release(&a);
    if (fflush(stdout) != 0 && status == EXIT_OK) {
        status = EXIT_ERROR;
    }
    return status;
}
