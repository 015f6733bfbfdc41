// Reader of ssh_config and of ssh's command-line arguments: one table of options for both. libssh's own reader is not
// used, because it does not tell what it read (StrictHostKeyChecking, IdentitiesOnly, HostKeyAlias ...).
#include "sshconf.h"

#include "buf.h"
#include "fd.h"
#include "spawn.h"
#include "typo.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <pwd.h>
#include <strings.h>
#include <unistd.h>

#define CONF_MAX      ((size_t)4 << 20)
#define INCLUDE_DEPTH 16

enum conf_type { CONF_IGNORE, CONF_STR, CONF_INT, CONF_TRI, CONF_NAMES };
struct conf_key {
    const char *name;  // lower case
    enum conf_type type;
    size_t at;
};

#define AT(field) offsetof(struct ssh_conf, field)
static const struct conf_key keys[] = {
    {"addkeystoagent", CONF_IGNORE, 0},
    {"addressfamily", CONF_STR, AT(address_family)},
    {"batchmode", CONF_IGNORE, 0},
    {"bindaddress", CONF_STR, AT(bind_address)},
    {"canonicalizehostname", CONF_IGNORE, 0},
    {"challengeresponseauthentication", CONF_TRI, AT(kbdint_auth)},
    {"certificatefile", CONF_NAMES, AT(certificates)},
    {"checkhostip", CONF_IGNORE, 0},
    {"ciphers", CONF_STR, AT(ciphers)},
    {"clearallforwardings", CONF_IGNORE, 0},
    {"compression", CONF_TRI, AT(compression)},
    {"connectionattempts", CONF_INT, AT(connection_attempts)},
    {"connecttimeout", CONF_INT, AT(connect_timeout_s)},
    {"controlmaster", CONF_IGNORE, 0},
    {"controlpath", CONF_IGNORE, 0},
    {"controlpersist", CONF_IGNORE, 0},
    {"enablesshkeysign", CONF_IGNORE, 0},
    {"escapechar", CONF_IGNORE, 0},
    {"exitonforwardfailure", CONF_IGNORE, 0},
    {"fingerprinthash", CONF_IGNORE, 0},
    {"forwardagent", CONF_STR, AT(forward_agent)},
    {"forwardx11", CONF_IGNORE, 0},
    {"forwardx11trusted", CONF_IGNORE, 0},
    {"globalknownhostsfile", CONF_STR, AT(global_known_hosts)},
    {"gssapiauthentication", CONF_IGNORE, 0},
    {"gssapidelegatecredentials", CONF_IGNORE, 0},
    {"hashknownhosts", CONF_TRI, AT(hash_known_hosts)},
    {"hostkeyalgorithms", CONF_STR, AT(host_key_algorithms)},
    {"hostkeyalias", CONF_STR, AT(host_key_alias)},
    {"hostname", CONF_STR, AT(hostname)},
    {"identitiesonly", CONF_TRI, AT(identities_only)},
    {"identityagent", CONF_STR, AT(identity_agent)},
    {"identityfile", CONF_NAMES, AT(identities)},
    {"ipqos", CONF_IGNORE, 0},
    {"kbdinteractiveauthentication", CONF_TRI, AT(kbdint_auth)},
    {"kexalgorithms", CONF_STR, AT(kex)},
    {"loglevel", CONF_IGNORE, 0},
    {"macs", CONF_STR, AT(macs)},
    {"nohostauthenticationforlocalhost", CONF_IGNORE, 0},
    {"numberofpasswordprompts", CONF_IGNORE, 0},
    {"passwordauthentication", CONF_TRI, AT(password_auth)},
    {"port", CONF_INT, AT(port)},
    {"preferredauthentications", CONF_IGNORE, 0},
    {"proxycommand", CONF_STR, AT(proxy_command)},
    {"proxyjump", CONF_STR, AT(proxy_jump)},
    {"pubkeyacceptedalgorithms", CONF_STR, AT(pubkey_algorithms)},
    {"pubkeyacceptedkeytypes", CONF_STR, AT(pubkey_algorithms)},
    {"pubkeyauthentication", CONF_TRI, AT(pubkey_auth)},
    {"requesttty", CONF_IGNORE, 0},
    {"sendenv", CONF_IGNORE, 0},
    {"serveralivecountmax", CONF_INT, AT(alive_count)},
    {"serveraliveinterval", CONF_INT, AT(alive_interval_s)},
    {"sessiontype", CONF_IGNORE, 0},
    {"stricthostkeychecking", CONF_STR, AT(strict)},
    {"tcpkeepalive", CONF_IGNORE, 0},
    {"updatehostkeys", CONF_IGNORE, 0},
    {"user", CONF_STR, AT(user)},
    {"userknownhostsfile", CONF_STR, AT(user_known_hosts)},
    {"verifyhostkeydns", CONF_IGNORE, 0},
    {"visualhostkey", CONF_IGNORE, 0},
};

const char *login_env(const char *name) {
    const char *v = getenv(name);  // NOLINT(concurrency-mt-unsafe): no thread changes the environment
    return v && *v ? v : NULL;
}

void names_push(struct arena *a, struct ssh_names *names, const char *name) {
    VEC_PUSH(a, *names, name);
}

const char *login_home(struct arena *a) {
    const char *home = login_env("HOME");
    if (home) {
        return arena_strndup(a, home, strlen(home));
    }
    struct passwd pw;
    struct passwd *found = NULL;
    char text[4096];
    if (getpwuid_r(getuid(), &pw, text, sizeof text, &found) == 0 && found) {
        return arena_strndup(a, found->pw_dir, strlen(found->pw_dir));
    }
    return "/";
}

const char *login_name(struct arena *a) {
    struct passwd pw;
    struct passwd *found = NULL;
    char text[4096];
    if (getpwuid_r(getuid(), &pw, text, sizeof text, &found) == 0 && found) {
        return arena_strndup(a, found->pw_name, strlen(found->pw_name));
    }
    const char *user = login_env("USER");
    return user ? arena_strndup(a, user, strlen(user)) : arena_printf(a, "%u", (unsigned)getuid());
}

const char *sshconf_user(const struct ssh_conf *c) {
    return c->user ? c->user : login_name(c->a);
}

// -- one option ------------------------------------------------------------------------------------------------------
static bool set_tri(struct ssh_conf *c, const struct conf_key *k, const char *value, struct err *e) {
    enum ssh_tri *slot = (enum ssh_tri *)(void *)((char *)c + k->at);
    bool yes = strcasecmp(value, "yes") == 0 || strcasecmp(value, "true") == 0;
    if (!yes && strcasecmp(value, "no") != 0 && strcasecmp(value, "false") != 0) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "ssh option '%s' must be yes or no, not '%s'", k->name, value);
    }
    if (*slot == SSH_UNSET) {
        *slot = yes ? SSH_YES : SSH_NO;
    }
    return true;
}

static bool set_int(struct ssh_conf *c, const struct conf_key *k, const char *value, struct err *e) {
    int *slot = (int *)(void *)((char *)c + k->at);
    int64_t n = 0;
    if (!str_int(str_from(value), &n) || n < 0 || n > 65535) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "ssh option '%s' must be a number up to 65535, not '%s'", k->name,
                       value);
    }
    if (*slot == 0) {
        *slot = (int)n;
    }
    return true;
}

static const struct conf_key *find_key(const char *name) {
    for (size_t i = 0; i < COUNTOF(keys); i++) {
        if (strcasecmp(keys[i].name, name) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

/// The files may be read twice: a name that is there already stays where it is.
static void push_new(struct arena *a, struct ssh_names *names, const char *value) {
    for (size_t i = 0; i < names->n; i++) {
        if (strcmp(names->p[i], value) == 0) {
            return;
        }
    }
    names_push(a, names, value);
}

static bool set_option(struct ssh_conf *c, const struct conf_key *k, const char *value, struct err *e) {
    switch (k->type) {
    case CONF_IGNORE:
        return true;
    case CONF_TRI:
        return set_tri(c, k, value, e);
    case CONF_INT:
        return set_int(c, k, value, e);
    case CONF_NAMES: {
        struct ssh_names *names = (struct ssh_names *)(void *)((char *)c + k->at);
        push_new(c->a, names, value);
        return true;
    }
    case CONF_STR: {
        const char **slot = (const char **)(void *)((char *)c + k->at);
        if (!*slot) {
            *slot = value;
        }
        return true;
    }
    }
    return true;
}

// -- arguments -------------------------------------------------------------------------------------------------------
bool args_split(struct arena *a, const char *text, struct ssh_names *out, struct err *e) {
    const char *s = text;
    for (;;) {
        s += strspn(s, " \t\r\n");
        if (!*s) {
            return true;
        }
        struct buf word = BUF_IN(a);
        char quote = 0;
        for (; *s && (quote || !strchr(" \t\r\n", *s)); s++) {
            if (quote && *s == quote) {
                quote = 0;
            } else if (!quote && (*s == '\'' || *s == '"')) {
                quote = *s;
            } else if (*s == '\\' && quote != '\'' && s[1]) {
                buf_char(&word, *++s);
            } else {
                buf_char(&word, *s);
            }
        }
        if (quote) {
            return err_set(e, ERR_SYNTAX, NO_MARK, "quote %c is not closed in '%s'", quote, text);
        }
        names_push(a, out, buf_view(&word).s);
    }
}

static bool dash_o(struct ssh_conf *c, const char *text, struct err *e) {
    size_t n = strcspn(text, "= \t");
    char *name = arena_strndup(c->a, text, n);
    const char *value = text + n;
    value += strspn(value, " \t");
    value += *value == '=';
    value += strspn(value, " \t");
    const struct conf_key *k = find_key(name);
    if (k) {
        return set_option(c, k, value, e);
    }
    struct typo near = {.got = str_from(name)};
    for (size_t i = 0; i < COUNTOF(keys); i++) {
        typo_offer(&near, str_from(keys[i].name));
    }
    (void)err_set(e, ERR_ARGS, NO_MARK, "ssh option '%s' in the ssh arguments is not supported", name);
    if (near.best.n) {
        (void)err_hint(e, "did you mean '%.*s'", STR(near.best));
    }
    return false;
}

static bool letter(struct ssh_conf *c, char flag, const char *value, struct err *e) {
    switch (flag) {
    case 'o':
        return dash_o(c, value, e);
    case 'i':
        names_push(c->a, &c->identities, value);
        return true;
    case 'p':
        return set_option(c, find_key("port"), value, e);
    case 'l':
        return set_option(c, find_key("user"), value, e);
    case 'J':
        return set_option(c, find_key("proxyjump"), value, e);
    case 'b':
        return set_option(c, find_key("bindaddress"), value, e);
    case 'c':
        return set_option(c, find_key("ciphers"), value, e);
    case 'm':
        return set_option(c, find_key("macs"), value, e);
    default:
        c->config_file = value;
        return true;
    }
}

/// Letters without a value: harmless ones are dropped, the others refused.
static bool plain_letter(struct ssh_conf *c, char flag, struct err *e) {
    if (flag == '4' || flag == '6') {
        return set_option(c, find_key("addressfamily"), flag == '4' ? "inet" : "inet6", e);
    }
    if (flag == 'C') {
        return set_option(c, find_key("compression"), "yes", e);
    }
    if (flag == 'A' || flag == 'a') {
        return set_option(c, find_key("forwardagent"), flag == 'A' ? "yes" : "no", e);
    }
    if (strchr("knqtTvxX", flag)) {
        return true;
    }
    return err_set(e, ERR_ARGS, NO_MARK, "ssh argument '-%c' is not supported", flag);
}

static bool one_arg(struct ssh_conf *c, const struct ssh_names *words, size_t *i, struct err *e) {
    const char *w = words->p[*i];
    if (w[0] != '-' || !w[1]) {
        return err_set(e, ERR_ARGS, NO_MARK, "expected an ssh option, found '%s' in the ssh arguments", w);
    }
    for (const char *f = w + 1; *f; f++) {
        if (!strchr("oiplFJbcm", *f)) {
            if (!plain_letter(c, *f, e)) {
                return false;
            }
            continue;
        }
        const char *value = f[1] ? f + 1 : NULL;
        if (!value && *i + 1 < words->n) {
            value = words->p[++*i];
        }
        if (!value) {
            return err_set(e, ERR_ARGS, NO_MARK, "ssh argument '-%c' needs a value", *f);
        }
        return letter(c, *f, value, e);
    }
    return true;
}

bool sshconf_args(struct ssh_conf *c, const char *args, struct err *e) {
    struct ssh_names words = {0};
    if (!args_split(c->a, args, &words, e)) {
        return false;
    }
    for (size_t i = 0; i < words.n; i++) {
        if (!one_arg(c, &words, &i, e)) {
            return false;
        }
    }
    return true;
}

// -- tokens ----------------------------------------------------------------------------------------------------------
const char *sshconf_hostname(const struct ssh_conf *c) {
    if (!c->hostname) {
        return c->original;
    }
    struct buf b = BUF_IN(c->a);
    for (const char *s = c->hostname; *s; s++) {
        if (s[0] == '%' && s[1] == 'h') {
            buf_z(&b, c->original);
            s++;
        } else if (s[0] == '%' && s[1] == '%') {
            buf_char(&b, '%');
            s++;
        } else {
            buf_char(&b, *s);
        }
    }
    return buf_view(&b).s;
}

static bool token(const struct ssh_conf *c, char t, struct buf *b, struct err *e) {
    char name[256] = "";
    switch (t) {
    case '%':
        buf_char(b, '%');
        return true;
    case 'd':
        buf_z(b, login_home(c->a));
        return true;
    case 'h':
        buf_z(b, sshconf_hostname(c));
        return true;
    case 'k':
        buf_z(b, c->host_key_alias ? c->host_key_alias : sshconf_hostname(c));
        return true;
    case 'n':
        buf_z(b, c->original);
        return true;
    case 'p':
        buf_printf(b, "%d", c->port ? c->port : 22);
        return true;
    case 'r':
        buf_z(b, sshconf_user(c));
        return true;
    case 'u':
        buf_z(b, login_name(c->a));
        return true;
    case 'i':
        buf_printf(b, "%u", (unsigned)getuid());
        return true;
    case 'l':
    case 'L':
        if (gethostname(name, sizeof name - 1) != 0) {
            name[0] = '\0';
        }
        buf_add(b, name, t == 'L' ? strcspn(name, ".") : strlen(name));
        return true;
    default:
        return err_set(e, ERR_ARGS, NO_MARK, "token '%%%c' is not supported in an ssh option", t);
    }
}

bool sshconf_expand(const struct ssh_conf *c, const char *text, const char **out, struct err *e) {
    struct buf b = BUF_IN(c->a);
    const char *s = text;
    if (s[0] == '~' && (s[1] == '/' || !s[1])) {
        buf_z(&b, login_home(c->a));
        s++;
    }
    for (; *s; s++) {
        const char *end = NULL;
        if (s[0] == '%' && s[1]) {
            if (!token(c, *++s, &b, e)) {
                return false;
            }
        } else if (s[0] == '$' && s[1] == '{' && (end = strchr(s, '}')) != NULL) {
            const char *v = login_env(arena_strndup(c->a, s + 2, (size_t)(end - s) - 2));
            buf_z(&b, v ? v : "");
            s = end;
        } else {
            buf_char(&b, *s);
        }
    }
    *out = buf_view(&b).s;
    return true;
}

// -- files -----------------------------------------------------------------------------------------------------------
bool sshconf_match(struct str patterns, char sep, const char *name) {
    bool found = false;
    struct str p;
    while (str_next(&patterns, sep, &p)) {
        char pat[2048];
        p = str_trim(p);
        bool no = p.n && p.s[0] == '!';
        p = str_sub(p, no, p.n);
        if (!p.n || 2 * p.n >= sizeof pat) {
            continue;
        }
        size_t n = 0;
        for (size_t i = 0; i < p.n; i++) {  // only * and ? mean something to ssh: "[*.org]:2222" is no set
            if (p.s[i] == '[' || p.s[i] == '\\') {
                pat[n++] = '\\';
            }
            pat[n++] = p.s[i];
        }
        pat[n] = '\0';
        if (fnmatch(pat, name, FNM_CASEFOLD) != 0) {
            continue;
        }
        if (no) {
            return false;
        }
        found = true;
    }
    return found;
}

struct conf_reader {
    struct ssh_conf *c;
    const char *path;
    uint32_t line;
    bool active;  // the current Host or Match block applies
    int depth;
};
static bool read_file(struct ssh_conf *c, const char *path, bool must_exist, int depth, struct err *e);

static bool at_line(const struct conf_reader *r, struct err *e) {
    enum err_code code = e->code;
    const char *msg = arena_printf(e->arena, "%s line %u: %s", r->path, r->line, e->msg);
    return err_set(e, code, NO_MARK, "%s", msg);
}

static bool match_exec(const struct ssh_conf *c, const char *cmd, bool *yes, struct err *e) {
    const char *text = NULL;
    if (!sshconf_expand(c, cmd, &text, e)) {
        return false;
    }
    const char *const argv[] = {"/bin/sh", "-c", text, NULL};  // ssh_config defines it as a shell command of the user
    struct spawn_result r;
    if (!spawn_run(&(struct spawn){.argv = argv, .timeout_ms = 30000}, c->a, &r, e)) {
        return false;
    }
    *yes = r.status == 0 && !r.timed_out;
    return true;
}

/// One criterion of a Match line. *used: whether it took the value.
static bool criterion(const struct ssh_conf *c, const char *word, const char *value, bool *yes, struct err *e) {
    if (strcasecmp(word, "host") == 0) {
        *yes = sshconf_match(str_from(value), ',', sshconf_hostname(c));
    } else if (strcasecmp(word, "originalhost") == 0) {
        *yes = sshconf_match(str_from(value), ',', c->original);
    } else if (strcasecmp(word, "user") == 0) {
        *yes = sshconf_match(str_from(value), ',', sshconf_user(c));
    } else if (strcasecmp(word, "localuser") == 0) {
        *yes = sshconf_match(str_from(value), ',', login_name(c->a));
    } else if (strcasecmp(word, "exec") == 0) {
        return match_exec(c, value, yes, e);
    } else {
        return err_set(e, ERR_SYNTAX, NO_MARK, "'Match %s' is not supported", word);
    }
    return true;
}

static bool match_line(const struct conf_reader *r, const struct ssh_names *words, bool *active, struct err *e) {
    *active = true;
    for (size_t i = 1; i < words->n; i++) {
        const char *w = words->p[i];
        bool no = w[0] == '!';
        w += no;
        bool yes = true;
        if (strcasecmp(w, "canonical") == 0 || strcasecmp(w, "final") == 0) {
            r->c->wants_final |= strcasecmp(w, "final") == 0;
            yes = r->c->final;
        } else if (strcasecmp(w, "all") != 0) {
            if (i + 1 >= words->n) {
                return err_set(e, ERR_SYNTAX, NO_MARK, "'Match %s' needs a value", w);
            }
            const char *value = words->p[++i];
            if (*active && !criterion(r->c, w, value, &yes, e)) {
                return false;
            }
        }
        *active &= yes != no;
    }
    return true;
}

static bool include(const struct conf_reader *r, const struct ssh_names *words, struct err *e) {
    if (r->depth >= INCLUDE_DEPTH) {
        return err_set(e, ERR_LIMIT, NO_MARK, "Include is nested deeper than %d files", INCLUDE_DEPTH);
    }
    for (size_t i = 1; i < words->n; i++) {
        const char *pat = words->p[i];
        if (pat[0] == '~' && pat[1] == '/') {
            pat = arena_printf(r->c->a, "%s%s", login_home(r->c->a), pat + 1);
        } else if (pat[0] != '/') {
            bool system = strncmp(r->path, "/etc/ssh/", 9) == 0;
            pat = system ? arena_printf(r->c->a, "/etc/ssh/%s", pat)
                         : arena_printf(r->c->a, "%s/.ssh/%s", login_home(r->c->a), pat);
        }
        glob_t g = {0};
        bool ok = true;
        if (glob(pat, 0, NULL, &g) == 0) {  // NOLINT(concurrency-mt-unsafe): only with ~user patterns, not passed
            for (size_t j = 0; ok && j < g.gl_pathc; j++) {
                ok = read_file(r->c, arena_strndup(r->c->a, g.gl_pathv[j], strlen(g.gl_pathv[j])), false, r->depth + 1,
                               e);
            }
        }
        globfree(&g);
        if (!ok) {
            return false;
        }
    }
    return true;
}

/// A line as words: "Key value", "Key=value", "Key = value"; commands keep their quotes.
static bool line_words(struct conf_reader *r, struct str line, struct ssh_names *words, struct err *e) {
    size_t n = 0;
    while (n < line.n && !strchr(" \t=", line.s[n])) {
        n++;
    }
    names_push(r->c->a, words, arena_strndup(r->c->a, line.s, n));
    struct str rest = str_trim(str_sub(line, n, line.n));
    if (rest.n && rest.s[0] == '=') {
        rest = str_trim(str_sub(rest, 1, rest.n));
    }
    const char *value = arena_strndup(r->c->a, rest.s ? rest.s : "", rest.n);
    if (strcasecmp(words->p[0], "proxycommand") == 0) {
        names_push(r->c->a, words, value);
        return true;
    }
    return args_split(r->c->a, value, words, e);
}

static bool conf_line(struct conf_reader *r, struct str line, struct err *e) {
    struct ssh_names words = {0};
    if (!line_words(r, line, &words, e)) {
        return false;
    }
    const char *key = words.p[0];
    if (strcasecmp(key, "host") == 0) {
        struct buf all = BUF_IN(r->c->a);
        for (size_t i = 1; i < words.n; i++) {
            buf_printf(&all, "%s ", words.p[i]);
        }
        r->active = sshconf_match(buf_view(&all), ' ', r->c->original);
        return true;
    }
    if (strcasecmp(key, "match") == 0) {
        return match_line(r, &words, &r->active, e);
    }
    if (!r->active) {
        return true;
    }
    if (strcasecmp(key, "include") == 0) {
        return include(r, &words, e);
    }
    const struct conf_key *k = find_key(key);
    if (!k) {
        return true;
    }
    if (words.n < 2) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "option '%s' has no value", key);
    }
    const char *value = words.p[1];
    for (size_t i = 2; i < words.n && k->type == CONF_STR; i++) {
        value = arena_printf(r->c->a, "%s %s", value, words.p[i]);
    }
    return set_option(r->c, k, value, e);
}

static bool read_file(struct ssh_conf *c, const char *path, bool must_exist, int depth, struct err *e) {
    if (!must_exist && access(path, F_OK) != 0) {
        return true;
    }
    struct str text;
    if (!fd_read_file(path, CONF_MAX, c->a, &text, e)) {
        return false;
    }
    struct conf_reader r = {.c = c, .path = path, .active = true, .depth = depth};
    struct str line;
    while (str_next(&text, '\n', &line)) {
        r.line++;
        line = str_trim(line);
        if (line.n && line.s[0] != '#' && !conf_line(&r, line, e)) {
            return at_line(&r, e);
        }
    }
    return true;
}

bool sshconf_file(struct ssh_conf *c, const char *path, bool must_exist, struct err *e) {
    return read_file(c, path, must_exist, 0, e);
}
