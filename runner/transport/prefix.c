// The table of prefix connections and its reading. Each row is a recipe: fixed words, and words from variables.
#include "prefix.h"

#include "sshconf.h"
#include "typo.h"

enum part_kind {
    PART_END,
    PART_WORD,     // text
    PART_OR,       // text directly followed by a variable's value, or by `other` when it is not set
    PART_WORDS,    // a variable, split as a shell would
    PART_FLAG,     // text and a variable's value as two words, when it is set
    PART_YES,      // text, when a variable is true
    PART_NO,       // text, when a variable is false
    PART_PAIRS,    // text before each word of a variable, split as a shell would
    PART_USER,     // text and a variable's value, or the login user, when there is one
    PART_HOST,     // text directly followed by a variable's value, or the address, or the host's name
    PART_REMOTE,   // "REMOTE:NAME": the variable or `other`, and the host as PART_HOST (variable: text)
    PART_SSH,      // the options of the ssh program
    PART_REFUSED,  // a variable that must not be set; text: why
};
struct part {
    enum part_kind kind;
    const char *vars, *text, *other;
};
struct prefix {
    const char *names;  // short name first, then full names, separated by '|'
    struct part parts[20];
};

#define WORD(TEXT)                                                                                                     \
    { PART_WORD, NULL, TEXT, NULL }
#define EXE(VARS, NAME)                                                                                                \
    { PART_OR, VARS, "", NAME }
#define KUBE(P)                                                                                                        \
    {PART_FLAG, P "_kubeconfig|" P "_config", "--kubeconfig", NULL}, {PART_FLAG, P "_context", "--context", NULL},     \
        {PART_FLAG, P "_host|" P "_server", "--server", NULL},                                                         \
        {PART_FLAG, P "_client_cert|" P "_cert_file", "--client-certificate", NULL},                                   \
        {PART_FLAG, P "_client_key|" P "_key_file", "--client-key", NULL},                                             \
        {PART_FLAG, P "_ca_cert|" P "_ssl_ca_cert", "--certificate-authority", NULL},                                  \
        {PART_NO, P "_validate_certs|" P "_verify_ssl", "--insecure-skip-tls-verify=true", NULL},                      \
        {PART_REFUSED, P "_token|" P "_password",                                                                      \
         "everybody on this machine could read it in the list of processes: put it into the kubeconfig", NULL},        \
        {PART_FLAG, P "_username|" P "_user", "--username", NULL}, {PART_FLAG, P "_namespace", "--namespace", NULL},   \
        {PART_WORDS, P "_extra_args", NULL, NULL}, WORD("exec"), WORD("-i"), {PART_HOST, P "_pod", "", NULL},          \
        {PART_FLAG, P "_container", "-c", NULL}, WORD("--")

static const struct prefix table[] = {
    {"docker|community.docker.docker|community.general.docker|community.docker.docker_api",
     {EXE("ansible_docker_executable", "docker"),
      {PART_FLAG, "ansible_docker_docker_host", "-H", NULL},
      {PART_WORDS, "ansible_docker_extra_args", NULL, NULL},
      WORD("exec"),
      {PART_USER, "ansible_docker_user", "-u", NULL},
      {PART_FLAG, "ansible_docker_working_dir", "-w", NULL},
      {PART_YES, "ansible_docker_privileged", "--privileged", NULL},
      {PART_PAIRS, "ansible_docker_extra_env", "-e", NULL},
      WORD("-i"),
      {PART_HOST, "ansible_docker_host", "", NULL}}},
    {"nsenter|community.docker.nsenter",
     {EXE("ansible_nsenter_executable", "nsenter"),
      WORD("--ipc"),
      WORD("--mount"),
      WORD("--net"),
      WORD("--pid"),
      WORD("--uts"),
      WORD("--preserve-credentials"),
      {PART_OR, "ansible_nsenter_pid", "--target=", "1"},
      WORD("--")}},
    {"podman|containers.podman.podman",
     {EXE("ansible_podman_executable", "podman"),
      {PART_WORDS, "ansible_podman_extra_args", NULL, NULL},
      WORD("exec"),
      {PART_USER, "ansible_podman_user", "--user", NULL},
      WORD("-i"),
      {PART_HOST, "ansible_podman_host", "", NULL}}},
    {"buildah|containers.podman.buildah",
     {EXE("ansible_buildah_executable", "buildah"),
      {PART_WORDS, "ansible_buildah_extra_args", NULL, NULL},
      WORD("run"),
      {PART_USER, "ansible_buildah_user", "--user", NULL},
      WORD("--"),
      {PART_HOST, "ansible_buildah_host", "", NULL},
      WORD("--")}},
    {"kubectl|kubernetes.core.kubectl|community.kubernetes.kubectl|community.general.kubectl",
     {EXE("ansible_kubectl_executable", "kubectl"), KUBE("ansible_kubectl")}},
    {"oc|community.okd.oc|community.general.oc", {EXE("ansible_oc_executable", "oc"), KUBE("ansible_oc")}},
    {"lxc|community.general.lxc",
     {EXE("ansible_lxc_attach_executable", "lxc-attach"),
      {PART_HOST, "ansible_lxc_host", "--name=", NULL},
      WORD("--clear-env"),
      WORD("--")}},
    {"lxd|community.general.lxd",
     {EXE("ansible_lxd_lxc_executable", "lxc"),
      {PART_FLAG, "ansible_lxd_project", "--project", NULL},
      WORD("exec"),
      {PART_REMOTE, "ansible_lxd_remote", "ansible_lxd_host", "local"},
      WORD("-T"),
      WORD("--")}},
    {"incus|community.general.incus",
     {EXE("ansible_incus_incus_executable", "incus"),
      {PART_FLAG, "ansible_incus_project", "--project", NULL},
      WORD("exec"),
      {PART_REMOTE, "ansible_incus_remote", "ansible_incus_host", "local"},
      WORD("-T"),
      WORD("--")}},
    {"chroot|community.general.chroot",
     {EXE("ansible_chroot_exe", "chroot"), {PART_HOST, "ansible_chroot_host", "", NULL}}},
    {"nspawn|systemd-nspawn|systemd_nspawn",
     {EXE("ansible_nspawn_executable", "systemd-nspawn"),
      {PART_WORDS, "ansible_nspawn_extra_args", NULL, NULL},
      WORD("--quiet"),
      WORD("--pipe"),
      {PART_USER, "ansible_nspawn_user", "--user", NULL},
      {PART_HOST, "ansible_nspawn_directory", "--directory=", NULL},
      WORD("--")}},
    {"machinectl|community.general.machinectl",
     {EXE("ansible_machinectl_executable", "systemd-run"),
      WORD("--quiet"),
      WORD("--pipe"),
      WORD("--wait"),
      WORD("--collect"),
      WORD("--service-type=exec"),
      {PART_USER, "ansible_machinectl_user", "--uid", NULL},
      {PART_HOST, "ansible_machinectl_host", "--machine=", NULL},
      WORD("--")}},
    {"libvirt_lxc|community.libvirt.libvirt_lxc|community.general.libvirt_lxc",
     {EXE("ansible_libvirt_lxc_executable", "virsh"),
      WORD("-c"),
      WORD("lxc:///"),
      WORD("lxc-enter-namespace"),
      {PART_YES, "ansible_libvirt_lxc_noseclabel", "--noseclabel", NULL},
      {PART_HOST, "ansible_libvirt_lxc_host", "", NULL},
      WORD("--")}},
    {"openssh",
     {EXE("ansible_ssh_executable", "ssh"),
      {PART_SSH, NULL, NULL, NULL},
      WORD("--"),
      {PART_HOST, "ansible_host", "", NULL}}},
};

static const struct prefix *find(struct str kind) {
    for (size_t i = 0; i < COUNTOF(table); i++) {
        struct str rest = str_from(table[i].names);
        struct str name;
        while (str_next(&rest, '|', &name)) {
            if (str_eq(name, kind)) {
                return &table[i];
            }
        }
    }
    return NULL;
}

bool prefix_known(struct str kind) {
    return find(kind) != NULL;
}

bool prefix_unknown(struct str kind, struct mark at, struct err *e) {
    struct buf names = BUF_IN(e->arena);
    struct typo near = {.got = kind};
    buf_z(&names, "ssh, local");
    typo_offer(&near, STR_LIT("ssh"));
    typo_offer(&near, STR_LIT("local"));
    for (size_t i = 0; i < COUNTOF(table); i++) {
        struct str rest = str_from(table[i].names);
        struct str name;
        (void)str_next(&rest, '|', &name);
        buf_printf(&names, ", %.*s", STR(name));
        typo_offer(&near, name);
    }
    (void)err_set(e, ERR_ARGS, at, "connection '%.*s' is not supported: expected one of %.*s", STR(kind),
                  STR(buf_view(&names)));
    return near.best.n ? err_hint(e, "did you mean '%.*s'?", STR(near.best)) : false;
}

// -- reading a row ---------------------------------------------------------------------------------------------------
struct builder {
    struct arena *a;
    const struct prefix_source *s;
    struct ssh_names v;
};

static void push(struct builder *b, const char *word) {
    names_push(b->a, &b->v, word);
}

static void push_flag(struct builder *b, const char *flag, const char *value) {
    push(b, flag);
    push(b, value);
}

/// A name that stands where an option could.
static bool plain_name(struct str name, const char *what, struct err *e) {
    if (!name.n || name.s[0] == '-') {
        return err_set(e, ERR_ARGS, NO_MARK, "'%.*s' cannot be the name of %s", STR(name), what);
    }
    return true;
}

static bool host_name(struct builder *b, const char *vars, struct str *out, struct err *e) {
    if (!b->s->var(b->s->ctx, vars, out, e)) {
        return false;
    }
    if (!out->n) {
        const struct conn_spec *l = b->s->login;
        *out = str_from(l->address ? l->address : l->host);
    }
    return plain_name(*out, "a host", e);
}

static bool truth(const char *vars, struct str text, bool *out, struct err *e) {
    static const char *const yes[] = {"True", "true", "yes", "on", "1", "y", "t"};
    static const char *const no[] = {"False", "false", "no", "off", "0", "n", "f"};
    for (size_t i = 0; i < COUNTOF(yes); i++) {
        if (str_eqz(text, yes[i]) || str_eqz(text, no[i])) {
            *out = str_eqz(text, yes[i]);
            return true;
        }
    }
    return err_set(e, ERR_ARGS, NO_MARK, "'%s' must be a boolean, not '%.*s'", vars, STR(text));
}

static void ssh_option(struct builder *b, const char *option) {
    push_flag(b, "-o", option);
}

/// The user's own options come first: ssh takes the first value of each.
static bool ssh_words(struct builder *b, struct err *e) {
    const struct conn_spec *l = b->s->login;
    if (l->password.s) {
        return err_set(e, ERR_ARGS, NO_MARK, "connection 'openssh' takes no password: use a key, an agent, or 'ssh'");
    }
    if (l->ssh_args && !args_split(b->a, l->ssh_args, &b->v, e)) {
        return false;
    }
    if (l->port) {
        push_flag(b, "-p", arena_printf(b->a, "%d", l->port));
    }
    if (l->user) {
        push_flag(b, "-l", l->user);
    }
    if (l->key_file) {
        push_flag(b, "-i", l->key_file);
    }
    if (l->config_file) {
        push_flag(b, "-F", l->config_file);
    }
    if (l->host_key == HOST_KEY_OFF) {
        ssh_option(b, "StrictHostKeyChecking=no");
    } else if (l->host_key == HOST_KEY_ACCEPT_NEW) {
        ssh_option(b, "StrictHostKeyChecking=accept-new");
    }
    ssh_option(b, "BatchMode=yes");
    ssh_option(b, "ServerAliveInterval=15");
    ssh_option(b, "ServerAliveCountMax=3");
    if (l->connect_timeout_ms > 0) {
        ssh_option(b, arena_printf(b->a, "ConnectTimeout=%d", (l->connect_timeout_ms + 999) / 1000));
    }
    push(b, "-T");
    return true;
}

static bool remote(struct builder *b, const struct part *p, struct str value, struct err *e) {
    struct str host;
    if (!host_name(b, p->text, &host, e)) {
        return false;
    }
    size_t dot = str_find_char(host, 0, '.');  // a full name: instances have no dots
    host = dot == SIZE_MAX ? host : str_sub(host, 0, dot);
    value = value.n ? value : str_from(p->other);
    push(b, arena_printf(b->a, "%.*s:%.*s", STR(value), STR(host)));
    return plain_name(value, "a remote", e);
}

/// Words that depend on whether the variable is set; `value` is set.
static bool from_variable(struct builder *b, const struct part *p, struct str value, struct err *e) {
    bool yes = false;
    if (p->kind == PART_REFUSED) {
        return err_set(e, ERR_ARGS, NO_MARK, "'%s' is not supported: %s", p->vars, p->text);
    }
    if (p->kind == PART_WORDS) {
        return args_split(b->a, str_z(b->a, value), &b->v, e) || err_wrap(e, NO_MARK, "in '%s'", p->vars);
    }
    if (p->kind == PART_YES || p->kind == PART_NO) {
        if (!truth(p->vars, value, &yes, e)) {
            return false;
        }
        if (yes == (p->kind == PART_YES)) {
            push(b, p->text);
        }
        return true;
    }
    if (p->kind == PART_PAIRS) {
        struct ssh_names words = {0};
        bool ok = args_split(b->a, str_z(b->a, value), &words, e);
        for (size_t i = 0; ok && i < words.n; i++) {
            push_flag(b, p->text, words.p[i]);
        }
        return ok || err_wrap(e, NO_MARK, "in '%s'", p->vars);
    }
    push_flag(b, p->text, str_z(b->a, value));
    return true;
}

static bool add_part(struct builder *b, const struct part *p, struct err *e) {
    struct str value = STR_NONE;
    if (p->vars && p->kind != PART_HOST && !b->s->var(b->s->ctx, p->vars, &value, e)) {
        return false;
    }
    switch (p->kind) {
    case PART_END:
        return true;
    case PART_WORD:
        push(b, p->text);
        return true;
    case PART_OR:
        push(b, arena_printf(b->a, "%s%.*s", p->text, STR(value.n ? value : str_from(p->other))));
        return true;
    case PART_USER:
        value = !value.n && b->s->login->user ? str_from(b->s->login->user) : value;
        return !value.n || (plain_name(value, "a user", e) && from_variable(b, p, value, e));
    case PART_HOST: {
        struct str host;
        bool ok = host_name(b, p->vars, &host, e);
        push(b, arena_printf(b->a, "%s%.*s", p->text, STR(ok ? host : STR_LIT(""))));
        return ok;
    }
    case PART_REMOTE:
        return remote(b, p, value, e);
    case PART_SSH:
        return ssh_words(b, e);
    case PART_WORDS:
    case PART_FLAG:
    case PART_YES:
    case PART_NO:
    case PART_PAIRS:
    case PART_REFUSED:
        return !value.n || from_variable(b, p, value, e);
    }
    return true;
}

bool prefix_argv(struct arena *a, struct str kind, const struct prefix_source *s, const char *const **argv,
                 bool *joined, struct err *e) {
    const struct prefix *row = find(kind);
    struct builder b = {.a = a, .s = s};
    if (!row) {
        return prefix_unknown(kind, NO_MARK, e);
    }
    *joined = false;
    for (const struct part *p = row->parts; p->kind != PART_END; p++) {
        *joined |= p->kind == PART_SSH;
        if (!add_part(&b, p, e)) {
            return err_wrap(e, NO_MARK, "in the connection '%.*s' of host '%s'", STR(kind), s->login->host);
        }
    }
    push(&b, NULL);
    *argv = b.v.p;
    return true;
}
