// play pull: fetches a repository with playbooks and runs one of them on this machine.
#include "cli.h"

#include "fd.h"
#include "json.h"
#include "spawn.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <unistd.h>

struct pull {
    struct settings *s;
    struct arena *a;
    struct str node, host, dir, limit;  // node: the name of this machine; host: its full name
    struct words args;                  // of the command that is being put together
};

static void add(struct pull *p, const char *word) {
    VEC_PUSH(p->a, p->args, str_from(word));
}

static void add_pair(struct pull *p, const char *option, struct str value) {
    add(p, option);
    VEC_PUSH(p->a, p->args, value);
}

static char **argv_of(const struct pull *p) {
    char **argv = ARENA_ARRAY(p->a, char *, p->args.n + 1);
    for (size_t i = 0; i < p->args.n; i++) {
        argv[i] = arena_strndup(p->a, p->args.p[i].s, p->args.p[i].n);
    }
    return argv;
}

static struct str before_dot(struct str name) {
    size_t dot = str_find_char(name, 0, '.');
    return dot == SIZE_MAX ? name : str_sub(name, 0, dot);
}

static void names(struct pull *p) {
    char node[HOST_NAME_MAX + 1] = "localhost";
    struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    (void)gethostname(node, sizeof node - 1);
    p->node = p->host = str_dup(p->a, str_from(node));
    if (getaddrinfo(node, NULL, &hints, &found) == 0 && found) {
        p->host = found->ai_canonname ? str_dup(p->a, str_from(found->ai_canonname)) : p->host;
        freeaddrinfo(found);
    }
    p->limit = str_printf(p->a, "localhost,%.*s,%.*s,%.*s,%.*s,127.0.0.1", STR(p->host), STR(p->node),
                          STR(before_dot(p->host)), STR(before_dot(p->node)));
    struct str dir = p->s->pull_dir.n ? p->s->pull_dir : str_printf(p->a, "~/.ansible/pull/%.*s", STR(p->node));
    p->dir = config_path(p->a, dir, STR_NONE);
}

// Sources that are there, or lists of hosts: what is in the repository may be there only later.
static size_t add_inventory(struct pull *p) {
    size_t n = 0;
    for (size_t i = 0; i < p->s->inventory.n; i++) {
        struct str source = p->s->inventory.p[i];
        if (str_find_char(source, 0, ',') != SIZE_MAX || access(str_z(p->a, source), F_OK) == 0) {
            add_pair(p, "-i", source);
            n++;
        }
    }
    return n;
}

static struct val repository(const struct pull *p) {
    const struct settings *s = p->s;
    bool git = !str_eqz(s->pull_module, "subversion");
    struct val d = val_dict(p->a, 8);
    const struct {
        const char *name;
        bool given;
    } flags[] = {{"accept_hostkey", s->pull_accept_key},
                 {"verify_commit", s->pull_verify},
                 {"track_submodules", s->pull_submodules}};
    val_set(p->a, d, git ? "name" : "repo", val_str(p->a, s->pull_url));
    val_set(p->a, d, "dest", val_str(p->a, p->dir));
    if (s->pull_version.n) {
        val_set(p->a, d, git ? "version" : "revision", val_str(p->a, s->pull_version));
    }
    if (s->pull_clean) {
        val_set(p->a, d, "force", val_bool(true));
    }
    for (size_t i = 0; git && i < COUNTOF(flags); i++) {
        if (flags[i].given) {
            val_set(p->a, d, flags[i].name, val_bool(true));
        }
    }
    if (git && s->private_key.n) {
        val_set(p->a, d, "key_file", val_str(p->a, s->private_key));
    }
    if (git && !s->pull_full) {
        val_set(p->a, d, "depth", val_int(1));
    }
    return d;
}

// One module on this machine, by the same program. Its status; `changed` is what it says of itself.
static int module(struct pull *p, const char *name, struct val args, bool *changed, struct err *e) {
    struct buf json = BUF_IN(p->a);
    struct spawn_result r = {0};
    const struct json_style style = {0};
    if (!json_write(&json, args, &style, e)) {
        return cli_report(e, 1);
    }
    p->args = (struct words){0};
    add(p, "/proc/self/exe");
    add(p, "adhoc");
    add(p, "all");
    if (add_inventory(p) == 0) {
        add_pair(p, "-i", STR_LIT("localhost,"));
    }
    add_pair(p, "-c", STR_LIT("local"));
    add_pair(p, "-l", p->limit);
    add_pair(p, "-m", str_from(name));
    add_pair(p, "-a", buf_view(&json));
    for (size_t i = 0; i < p->s->extra.n; i++) {
        add_pair(p, "-e", p->s->extra.p[i]);
    }
    const struct spawn sp = {.argv = (const char *const *)argv_of(p), .terminal = true};
    if (!spawn_run(&sp, p->a, &r, e)) {
        return cli_report(e, 1);
    }
    fwrite(r.out.s, 1, r.out.n, stdout);
    fflush(stdout);
    *changed = str_find(r.out, 0, STR_LIT("\"changed\": true")) != SIZE_MAX;
    return r.status;
}

// The playbooks that are named, else HOSTNAME.yml, else local.yml.
static bool playbooks(struct pull *p, struct err *e) {
    const struct settings *s = p->s;
    for (size_t i = 0; i < s->positional.n; i++) {
        struct str path = str_printf(p->a, "%.*s/%.*s", STR(p->dir), STR(s->positional.p[i]));
        if (access(path.s, R_OK) != 0) {
            return err_set(e, ERR_NOT_FOUND, NO_MARK, "Could not find a playbook to run: '%s'", path.s);
        }
        VEC_PUSH(p->a, p->args, path);
    }
    const struct str usual[] = {p->host, before_dot(p->host), STR_LIT("local")};
    for (size_t i = 0; s->positional.n == 0 && i < COUNTOF(usual); i++) {
        struct str path = str_printf(p->a, "%.*s/%.*s.yml", STR(p->dir), STR(usual[i]));
        if (access(path.s, R_OK) == 0) {
            VEC_PUSH(p->a, p->args, path);
            return true;
        }
    }
    return s->positional.n > 0 || err_set(e, ERR_NOT_FOUND, NO_MARK,
                                          "Could not find a playbook to run: neither '%.*s.yml' nor 'local.yml' is in "
                                          "'%.*s'",
                                          STR(p->host), STR(p->dir));
}

// An option that both command lines have, as it was given.
static void pass_on(struct pull *p, const struct option_row *r) {
    const char *at = (const char *)p->s + r->offset;
    const char *name = arena_printf(p->a, "--%s", r->name);
    const struct words *w = (const void *)at;
    struct buf number = BUF_IN(p->a);
    switch (r->kind) {
    case OPT_FLAG:
        if (*(const bool *)(const void *)at) {
            add(p, name);
        }
        break;
    case OPT_TEXT:
        if (((const struct str *)(const void *)at)->n) {
            add_pair(p, name, *(const struct str *)(const void *)at);
        }
        break;
    case OPT_LIST:
    case OPT_COMMA_LIST:
        for (size_t i = 0; i < w->n; i++) {
            add_pair(p, name, w->p[i]);
        }
        break;
    case OPT_NUMBER:
        buf_printf(&number, "%lld", (long long)*(const int64_t *)(const void *)at);
        add_pair(p, name, buf_view(&number));
        break;
    case OPT_COUNT:
        for (int64_t i = 0; i < *(const int64_t *)(const void *)at; i++) {
            add(p, name);
        }
        break;
    case OPT_FLAG_OFF:
        break;
    }
}

static int run_playbooks_in(struct pull *p, struct err *e) {
    p->args = (struct words){0};
    add(p, "ansible-playbook");
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *r = &option_rows[i];
        bool own = strcmp(r->name, "inventory") == 0 || strcmp(r->name, "limit") == 0 ||
                   strcmp(r->name, "connection") == 0 || strcmp(r->name, "private-key") == 0;
        if (!own && r->tools & TOOL_PULL &&
            (r->tools & TOOL_RUN || strcmp(r->name, "check") == 0 || strcmp(r->name, "diff") == 0)) {
            pass_on(p, r);
        }
    }
    add_pair(p, "-c", p->s->connection.n ? p->s->connection : STR_LIT("local"));
    add_pair(p, "-l", p->s->limit.n ? p->s->limit : p->limit);
    if (!playbooks(p, e)) {
        return cli_report(e, 1);
    }
    if (chdir(str_z(p->a, p->dir)) != 0) {
        err_sys(e, errno, NO_MARK, "cannot go to '%.*s'", STR(p->dir));
        return cli_report(e, 1);
    }
    (void)add_inventory(p);
    return cli_main((int)p->args.n, argv_of(p));
}

static int purge(struct pull *p, int status, struct err *e) {
    struct val args = val_dict(p->a, 2);
    bool changed = false;
    if (chdir("/") != 0) {
        err_sys(e, errno, NO_MARK, "cannot leave '%.*s'", STR(p->dir));
        return cli_report(e, 1);
    }
    val_set(p->a, args, "path", val_str(p->a, p->dir));
    val_set(p->a, args, "state", val_z(p->a, "absent"));
    int gone = module(p, "file", args, &changed, e);
    return status ? status : gone;
}

int tool_pull(struct settings *s) {
    struct err e = {.arena = s->a};
    struct pull p = {.s = s, .a = s->a};
    bool changed = false;
    if (!s->pull_url.n) {
        err_set(&e, ERR_ARGS, NO_MARK, "URL for repository not specified");
        err_hint(&e, "say: play pull -U URL");
        return cli_report(&e, 2);
    }
    if (s->pull_module.n && !str_eqz(s->pull_module, "git") && !str_eqz(s->pull_module, "subversion")) {
        err_set(&e, ERR_ARGS, NO_MARK, "a repository is fetched with git or subversion, not with '%.*s'",
                STR(s->pull_module));
        return cli_report(&e, 2);
    }
    names(&p);
    if (s->pull_sleep_s > 0) {
        uint32_t random = 0;
        random_bytes(&random, sizeof random);
        unsigned wait = (unsigned)(random % (uint64_t)s->pull_sleep_s);
        printf("Sleeping for %u seconds...\n", wait);
        fflush(stdout);
        sleep(wait);
    }
    int status = module(&p, s->pull_module.n ? str_z(s->a, s->pull_module) : "git", repository(&p), &changed, &e);
    if (status != 0 && !s->pull_force) {
        return status;
    }
    if (status == 0 && s->pull_if_changed && !changed) {
        puts("Repository has not changed, quitting.");
        return 0;
    }
    status = run_playbooks_in(&p, &e);
    return s->pull_purge ? purge(&p, status, &e) : status;
}
