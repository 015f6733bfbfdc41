// Reader of ssh_config and of ssh's command-line arguments: one table of options for both (sshopts.c). libssh's own
// reader is not used, because it does not tell what it read (StrictHostKeyChecking, IdentitiesOnly, HostKeyAlias ...).
#include "sshconf.h"

#include "buf.h"
#include "fd.h"
#include "spawn.h"
#include "sshopts.h"
#include "start.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <pwd.h>
#include <strings.h>
#include <unistd.h>

#define CONF_MAX      ((size_t)4 << 20)
#define INCLUDE_DEPTH 16

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
    const struct ssh_opt *o = sshopt_find(name);
    if (!o && c->ignore_unknown && sshconf_match(str_from(c->ignore_unknown), ',', name)) {
        return true;
    }
    if (!o) {
        return sshopt_unknown(name, e) || err_wrap(e, NO_MARK, "in '-o %s'", text);
    }
    const char *missed = sshopt_told(o, value);
    if (missed) {
        (void)err_set(e, ERR_ARGS, NO_MARK, "ssh option '%s' in the ssh arguments is not supported: %s", name, missed);
        return err_hint(e, "ansible_connection=openssh uses the system's ssh, which knows it");
    }
    return sshopt_set(c, o, value, e);
}

static bool set_named(struct ssh_conf *c, const char *name, const char *value, struct err *e) {
    return sshopt_set(c, sshopt_find(name), value, e);
}

static bool letter(struct ssh_conf *c, char flag, const char *value, struct err *e) {
    switch (flag) {
    case 'o':
        return dash_o(c, value, e);
    case 'i':
        names_push(c->a, &c->identities, value);
        return true;
    case 'p':
        return set_named(c, "port", value, e);
    case 'l':
        return set_named(c, "user", value, e);
    case 'J':
        return set_named(c, "proxyjump", value, e);
    case 'b':
        return set_named(c, "bindaddress", value, e);
    case 'c':
        return set_named(c, "ciphers", value, e);
    case 'm':
        return set_named(c, "macs", value, e);
    case 'B':
        return set_named(c, "bindinterface", value, e);
    case 'P':
        return set_named(c, "tag", value, e);
    default:
        c->config_file = value;
        return true;
    }
}

/// Letters without a value: harmless ones are dropped, the others refused.
static bool plain_letter(struct ssh_conf *c, char flag, struct err *e) {
    if (flag == '4' || flag == '6') {
        return set_named(c, "addressfamily", flag == '4' ? "inet" : "inet6", e);
    }
    if (flag == 'C') {
        return set_named(c, "compression", "yes", e);
    }
    if (flag == 'A' || flag == 'a') {
        return set_named(c, "forwardagent", flag == 'A' ? "yes" : "no", e);
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
        if (!strchr("oiplFJbcmBP", *f)) {
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

/// Of the invoking user (""), or of the one who is named; NULL: there is none.
static const char *home_of(struct arena *a, const char *user) {
    struct passwd pw;
    struct passwd *found = NULL;
    char text[4096];
    if (!*user) {
        return login_home(a);
    }
    return getpwnam_r(user, &pw, text, sizeof text, &found) == 0 && found
               ? arena_strndup(a, found->pw_dir, strlen(found->pw_dir))
               : NULL;
}

bool sshconf_expand(const struct ssh_conf *c, const char *text, const char **out, struct err *e) {
    struct buf b = BUF_IN(c->a);
    const char *s = text;
    if (s[0] == '~') {
        size_t n = strcspn(s, "/");
        const char *home = home_of(c->a, arena_strndup(c->a, s + 1, n - 1));
        buf_z(&b, home ? home : "");
        s += home ? n : 0;
    }
    for (; *s; s++) {
        const char *end = NULL;
        if (s[0] == '%' && s[1]) {
            if (!token(c, *++s, &b, e)) {
                return false;
            }
        } else if (s[0] == '$' && s[1] == '{' && (end = strchr(s, '}')) != NULL) {
            const char *name = arena_strndup(c->a, s + 2, (size_t)(end - s) - 2);
            const char *v = login_env(name);
            if (!v) {
                return err_set(e, ERR_ARGS, NO_MARK, "the environment has no variable '%s', as '%s' wants", name, text);
            }
            buf_z(&b, v);
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
    e->msg = arena_printf(e->arena, "%s line %u: %s", r->path, r->line, e->msg);
    return false;
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
    } else if (strcasecmp(word, "tagged") == 0) {
        *yes = c->tag && sshconf_match(str_from(value), ',', c->tag);
    } else if (strcasecmp(word, "sessiontype") == 0) {
        *yes = sshconf_match(str_from(value), ',', "exec");
    } else if (strcasecmp(word, "exec") == 0) {
        return match_exec(c, value, yes, e);
    } else {
        return err_set(e, ERR_SYNTAX, NO_MARK,
                       "'Match %s' is not supported: expected all, canonical, final, exec, host, originalhost, user, "
                       "localuser, tagged or sessiontype",
                       word);
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
        if (pat[0] == '~') {
            if (!sshconf_expand(r->c, pat, &pat, e)) {
                return false;
            }
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

/// The words of a value as ssh takes them: quotes, a backslash before a quote, a backslash or a space; "#" ends the
/// line.
static bool conf_words(struct arena *a, const char *s, struct ssh_names *out, struct err *e) {
    for (;;) {
        s += strspn(s, " \t");
        if (!*s || *s == '#') {
            return true;
        }
        struct buf word = BUF_IN(a);
        char quote = 0;
        for (; *s && (quote || !strchr(" \t", *s)); s++) {
            if (s[0] == '\\' && s[1] && (strchr("\"'\\", s[1]) || (!quote && s[1] == ' '))) {
                buf_char(&word, *++s);
            } else if (quote ? *s == quote : *s == '"' || *s == '\'') {
                quote = quote ? '\0' : *s;
            } else {
                buf_char(&word, *s);
            }
        }
        if (quote) {
            return err_set(e, ERR_SYNTAX, NO_MARK, "quote %c is not closed", quote);
        }
        names_push(a, out, buf_view(&word).s);
    }
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
    const struct ssh_opt *o = sshopt_find(words->p[0]);
    if (o && sshopt_whole(o)) {
        names_push(r->c->a, words, value);
        return true;
    }
    return conf_words(r->c->a, value, words, e);
}

/// A keyword that is none is an error also where its block does not apply, as in ssh.
static bool unknown_key(const struct conf_reader *r, const char *key, struct err *e) {
    const char *passed = r->c->ignore_unknown;
    return (passed && sshconf_match(str_from(passed), ',', key)) || sshopt_unknown(key, e);
}

static bool one_option(struct conf_reader *r, const struct ssh_opt *o, const struct ssh_names *words, struct err *e) {
    const char *key = words->p[0];
    if (words->n < 2 || !*words->p[1]) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "option '%s' has no value", key);
    }
    const char *value = words->p[1];
    if (words->n > 2 && !sshopt_many(o)) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "option '%s' takes one value, and '%s' is another", key, words->p[2]);
    }
    if (!r->active) {
        return true;
    }
    const char *missed = sshopt_told(o, value);
    if (missed) {
        names_push(r->c->a, &r->c->told,
                   arena_printf(r->c->a,
                                "%s line %u: '%s' has no effect: %s; ansible_connection=openssh uses the system's ssh, "
                                "which knows it",
                                r->path, r->line, key, missed));
    }
    if (sshopt_many(o)) {
        struct buf all = BUF_IN(r->c->a);
        for (size_t i = 1; i < words->n; i++) {
            buf_z(&all, i > 1 ? " " : "");
            shell_quote(&all, words->p[i]);
        }
        value = buf_view(&all).s;
    }
    return sshopt_set(r->c, o, value, e);
}

static bool conf_line(struct conf_reader *r, struct str line, struct err *e) {
    struct ssh_names words = {0};
    if (!line_words(r, line, &words, e)) {
        return false;
    }
    const char *key = words.p[0];
    bool host = strcasecmp(key, "host") == 0;
    bool match = strcasecmp(key, "match") == 0;
    bool more = strcasecmp(key, "include") == 0;
    if ((host || match || more) && words.n < 2) {
        return err_set(e, ERR_SYNTAX, NO_MARK, "option '%s' has no value", key);
    }
    if (host) {
        struct buf all = BUF_IN(r->c->a);
        for (size_t i = 1; i < words.n; i++) {
            buf_printf(&all, "%s ", words.p[i]);
        }
        r->active = sshconf_match(buf_view(&all), ' ', r->c->canonical ? r->c->canonical : r->c->original);
        return true;
    }
    if (match) {
        return match_line(r, &words, &r->active, e);
    }
    if (more) {
        return !r->active || include(r, &words, e);
    }
    const struct ssh_opt *o = sshopt_find(key);
    return o ? one_option(r, o, &words, e) : unknown_key(r, key, e);
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
