// hostname: the name of the target, now and after the next boot.
#include "fsattr.h"
#include "paths.h"
#include "replace.h"
#include "run.h"
#include "spawn.h"

#include <errno.h>
#include <netdb.h>
#include <sys/utsname.h>
#include <unistd.h>

static const struct arg args[] = {
    {"name", ARG_STR, .required = true, .doc = "The name."},
    {"use", ARG_STR,
     .choices = "alpine|debian|freebsd|generic|macos|macosx|darwin|openbsd|openrc|redhat|sles|solaris|systemd",
     .doc = "How the name is kept; found out when absent."},
    {0},
};

enum way { SYSTEMD, PLAIN_FILE, SUSE_FILE, REDHAT_FILE, OPENRC_FILE };
struct naming {
    enum way way;
    const char *file;
    bool now, boot;   // the running name and the kept one are others
    struct str text;  // the file as it is to be
};

static bool is(struct str use, const char *name) {
    return str_eqz(use, name);
}

static bool there(const char *path) {
    return access(path, F_OK) == 0;
}

static bool has_systemd(void) {
    return there("/run/systemd/system");
}

static bool pick(struct mod_call *c, struct naming *n, struct err *e) {
    struct str use = mod_str(c, "use");
    n->file = "/etc/hostname";
    if (is(use, "systemd") || is(use, "debian") || (!use.s && has_systemd() && spawn_which(c->arena, "hostnamectl"))) {
        n->way = SYSTEMD;
        if (!mod_need(c, "hostnamectl", e)) {
            return false;
        }
    } else if (is(use, "redhat") || (!use.s && there("/etc/redhat-release") && !there("/etc/hostname"))) {
        n->way = REDHAT_FILE;
        n->file = "/etc/sysconfig/network";
    } else if (is(use, "sles") || (!use.s && there("/etc/HOSTNAME"))) {
        n->way = SUSE_FILE;
        n->file = "/etc/HOSTNAME";
    } else if (is(use, "openrc") || (!use.s && there("/etc/gentoo-release"))) {
        n->way = OPENRC_FILE;
        n->file = "/etc/conf.d/hostname";
    } else if (!use.s || is(use, "alpine") || is(use, "generic")) {
        n->way = PLAIN_FILE;
    } else {
        return mod_fail(c, e, "use '%.*s' is for another kind of system: this is Linux", STR(use));
    }
    return true;
}

static bool valid(struct str name) {
    for (size_t i = 0; i < name.n; i++) {
        unsigned char ch = (unsigned char)name.s[i];
        if (ch <= ' ' || ch == '/' || ch == '"' || ch == '\'' || ch == '=' || ch == 0x7f) {
            return false;
        }
    }
    return name.n > 0 && name.s[0] != '-';
}

// -- the name that is kept -------------------------------------------------------------------------------------------

static bool hostnamectl(struct mod_call *c, const char *option, const char *name, struct str *out, struct err *e) {
    const char *argv[] = {"hostnamectl", option, name ? "set-hostname" : "status", name, NULL};
    struct run_result r;
    if (!run_command(&(struct run){.argv = argv, .timeout_ms = 60000}, c->arena, &r, e)) {
        return false;
    }
    if (r.rc != 0) {
        return mod_fail(c, e, "Command failed rc=%d, out=%.*s, err=%.*s", r.rc, STR(str_trim(r.out)),
                        STR(str_trim(r.err)));
    }
    *out = str_trim(r.out);
    return true;
}

/// The file with the line KEY=value put in; its old value in *now.
static struct str with_line(struct arena *a, struct str text, const char *key, struct str line, struct str *now) {
    struct buf b = BUF_IN(a);
    struct str one;
    bool done = false;
    while (text.n && str_next(&text, '\n', &one)) {
        if (str_starts(one, key)) {
            struct str value = str_trim(str_sub(one, strlen(key), one.n));
            if (value.n > 1 && (value.s[0] == '"' || value.s[0] == '\'')) {
                value = str_sub(value, 1, value.n - 1);
            }
            *now = value;
            one = line;
            done = true;
        }
        if (one.n || text.s) {
            buf_printf(&b, "%.*s\n", STR(one));
        }
    }
    if (!done) {
        buf_printf(&b, "%.*s\n", STR(line));
    }
    return buf_view(&b);
}

static bool kept_name(struct mod_call *c, struct naming *n, struct str *now, struct err *e) {
    struct str name = mod_str(c, "name");
    struct str text;
    bool found;
    if (n->way == SYSTEMD) {
        return hostnamectl(c, "--static", NULL, now, e);
    }
    if (!replace_read(c, n->file, &text, &found, e)) {
        return false;
    }
    switch (n->way) {
    case REDHAT_FILE:
        n->text = with_line(c->arena, text, "HOSTNAME=", str_printf(c->arena, "HOSTNAME=%.*s", STR(name)), now);
        break;
    case OPENRC_FILE:
        n->text = with_line(c->arena, text, "hostname=", str_printf(c->arena, "hostname=\"%.*s\"", STR(name)), now);
        break;
    case SYSTEMD:
    case PLAIN_FILE:
    case SUSE_FILE:
        n->text = str_printf(c->arena, "%.*s\n", STR(name));
        *now = str_trim(text);
        break;
    }
    return true;
}

// -- the result ------------------------------------------------------------------------------------------------------

/// What /etc/hosts says the full name is; DNS is not asked, which could take long.
static struct str full_name(struct mod_call *c, struct str name) {
    struct str text;
    struct str line;
    bool found;
    struct err e = {.arena = c->arena};
    if (str_find_char(name, 0, '.') != SIZE_MAX || !replace_read(c, "/etc/hosts", &text, &found, &e)) {
        return name;
    }
    while (str_next(&text, '\n', &line)) {
        struct str word;
        struct str first = STR_NONE;
        size_t i = 0;
        line = str_sub(line, 0, str_find_char(line, 0, '#'));
        for (size_t k = 0; k < line.n; k++) {
            i += line.s[k] == '\t';
        }
        line = i ? str_replace(c->arena, line, STR_LIT("\t"), STR_LIT(" ")) : line;
        for (size_t n = 0; str_next(&line, ' ', &word);) {
            n += word.n > 0;
            first = word.n && n == 2 ? word : first;
            if (word.n && n >= 2 && str_eq(word, name)) {
                return first;
            }
        }
    }
    return name;
}

static void report(struct mod_call *c, struct str before) {
    struct arena *a = c->arena;
    struct str name = mod_str(c, "name");
    // Ansible asks the resolver, which in check mode knows the old name.
    struct utsname u;
    struct str full = full_name(c, c->check && uname(&u) == 0 ? str_from(u.nodename) : name);
    size_t dot = str_find_char(full, 0, '.');
    struct val facts = val_dict(a, 4);
    mod_set(c, "name", mod_arg(c, "name"));
    val_set(a, facts, "ansible_hostname", val_str(a, str_sub(name, 0, str_find_char(name, 0, '.'))));
    val_set(a, facts, "ansible_nodename", val_str(a, name));
    val_set(a, facts, "ansible_fqdn", val_str(a, full));
    val_set(a, facts, "ansible_domain", dot == SIZE_MAX ? val_z(a, "") : val_str(a, str_sub(full, dot + 1, full.n)));
    mod_set(c, "ansible_facts", facts);
    if (c->changed) {
        struct val diff = val_dict(a, 2);
        val_set(a, diff, "before", val_printf(a, "hostname = %.*s\n", STR(before)));
        val_set(a, diff, "after", val_printf(a, "hostname = %.*s\n", STR(name)));
        mod_set(c, "diff", diff);
    }
}

static bool plan(struct mod_call *c, struct err *e) {
    struct naming *n = c->state = ARENA_NEW(c->arena, struct naming);
    struct str name = mod_str(c, "name");
    struct str kept = STR_LIT("");
    struct utsname u;
    if (!valid(name)) {
        return mod_fail(c, e, "'%.*s' is no host name", STR(name));
    }
    if (name.n >= sizeof u.nodename - 1) {
        return mod_fail(c, e, "name cannot be longer than %zu characters, Linux has no room for more",
                        sizeof u.nodename - 2);
    }
    if (!pick(c, n, e) || !kept_name(c, n, &kept, e)) {
        return false;
    }
    uname(&u);
    struct str now = str_dup(c->arena, str_from(u.nodename));
    n->now = !str_eq(now, name);
    n->boot = !str_eq(kept, name);
    if (n->now || n->boot) {
        mod_changed(c);
    }
    report(c, n->now ? now : kept);
    return true;
}

static bool run(struct mod_call *c, struct err *e) {
    struct naming *n = c->state;
    const char *name = mod_z(c, "name");
    struct str out;
    if (n->way == SYSTEMD) {
        return (!n->now || hostnamectl(c, "--transient", name, &out, e)) &&
               (!n->boot || (hostnamectl(c, "--pretty", name, &out, e) && hostnamectl(c, "--static", name, &out, e)));
    }
    if (n->boot && !replace_file(c, &(struct replace){.path = n->file, .data = n->text, .new_mode = 0644}, e)) {
        return false;
    }
    if (n->now && sethostname(name, strlen(name)) != 0) {
        return mod_fail_sys(c, e, errno, "cannot set the host name");
    }
    return true;
}

MODULE(hostname) = {
    .doc = "Set the name of the target, now and for the next boot.",
    .spec = "ansible.builtin.hostname",
    .example = "- ansible.builtin.hostname:\n    name: web01",
    .returns = "name: The name.\nansible_facts: The facts about the name.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .side = ON_TARGET,
    .plan = plan,
    .run = run,
};
