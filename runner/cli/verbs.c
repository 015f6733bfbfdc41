// `play VERB env=ENV k=v`, `play ping`, `play list`: what the project in the current directory offers.
#include "cli.h"

#include "fd.h"
#include "spawn.h"
#include "typo.h"

#include <errno.h>
#include <unistd.h>

// -- words of a verb: env=ENV, k=v, the rest ------------------------------------------------------------------------

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

int cli_verb(struct settings *s) {
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
        code = cli_run_files(s, &files, &secrets);
    }
    remove_vagrant(&s->inventory);
    return code;
}

int cli_list(struct arena *a) {
    struct err e = {.arena = a};
    struct project p;
    if (!project_find(&p, a, &e)) {
        return cli_report(&e, 1);
    }
    project_list(&p, stdout);
    return 0;
}
