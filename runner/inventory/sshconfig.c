// Inventory from an OpenSSH client configuration, above all what `vagrant ssh-config` prints.
#include "inv_source.h"

#include <strings.h>

enum setting_kind { SET_VAR, SET_PORT, SET_OPTION, SET_SILENT };

static const struct setting {
    const char *name;
    enum setting_kind kind;
    const char *var;  // SET_VAR: the variable; SET_OPTION: the option as ssh spells it
} settings[] = {
    {"HostName", SET_VAR, "ansible_host"},
    {"User", SET_VAR, "ansible_user"},
    {"Port", SET_PORT, "ansible_port"},
    {"IdentityFile", SET_VAR, "ansible_ssh_private_key_file"},
    {"UserKnownHostsFile", SET_OPTION, "UserKnownHostsFile"},
    {"StrictHostKeyChecking", SET_OPTION, "StrictHostKeyChecking"},
    {"HostKeyAlias", SET_OPTION, "HostKeyAlias"},
    {"ProxyCommand", SET_OPTION, "ProxyCommand"},
    {"ProxyJump", SET_OPTION, "ProxyJump"},
    {"ForwardAgent", SET_OPTION, "ForwardAgent"},
    {"HostKeyAlgorithms", SET_OPTION, "HostKeyAlgorithms"},
    {"PubkeyAcceptedKeyTypes", SET_OPTION, "PubkeyAcceptedKeyTypes"},
    {"PubkeyAcceptedAlgorithms", SET_OPTION, "PubkeyAcceptedAlgorithms"},
    // printed by Vagrant; without effect on which machine is reached and as whom
    {"PasswordAuthentication", SET_SILENT, NULL},
    {"IdentitiesOnly", SET_SILENT, NULL},
    {"LogLevel", SET_SILENT, NULL},
};

struct line {
    struct str key, value;
    const struct setting *setting;  // NULL: Host, or unknown
    bool is_host;
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static bool key_is(struct str key, const char *name) {
    return key.n == strlen(name) && strncasecmp(key.s, name, key.n) == 0;
}

/// "Key value", "Key=value" or "Key "quoted value"". False for blank lines, comments and what has no value.
static bool cut_line(struct str text, struct line *out) {
    text = str_trim(text);
    if (text.n == 0 || text.s[0] == '#') {
        return false;
    }
    size_t i = 0;
    while (i < text.n && !is_blank(text.s[i]) && text.s[i] != '=') {
        i++;
    }
    *out = (struct line){.key = str_sub(text, 0, i)};
    struct str value = str_trim(str_sub(text, i, text.n));
    if (value.n && value.s[0] == '=') {
        value = str_trim(str_sub(value, 1, value.n));
    }
    if (value.n >= 2 && value.s[0] == '"' && value.s[value.n - 1] == '"') {
        value = str_sub(value, 1, value.n - 1);
    }
    out->value = value;
    out->is_host = key_is(out->key, "Host");
    for (size_t k = 0; k < COUNTOF(settings); k++) {
        if (key_is(out->key, settings[k].name)) {
            out->setting = &settings[k];
        }
    }
    return value.n > 0;
}

bool inv_looks_like_ssh_config(struct str text) {
    struct str rest = text;
    struct str raw;
    bool after_host = false;
    while (str_next(&rest, '\n', &raw)) {
        struct line l;
        if (!cut_line(raw, &l)) {
            continue;
        }
        if (after_host && l.setting && raw.n && is_blank(raw.s[0])) {
            return true;
        }
        bool assigned = str_find_char(raw, 0, '=') != SIZE_MAX;
        after_host = l.is_host && !assigned && !is_blank(raw.s[0]);
    }
    return false;
}

struct found {
    struct str value[COUNTOF(settings)];
    struct mark at[COUNTOF(settings)];
};

static bool is_pattern(struct str name) {
    return str_find_char(name, 0, '*') != SIZE_MAX || str_find_char(name, 0, '?') != SIZE_MAX || str_starts(name, "!");
}

static bool next_name(struct str *rest, struct str *name) {
    while (rest->n && (is_blank(rest->s[0]) || rest->s[0] == '"')) {
        *rest = str_sub(*rest, 1, rest->n);
    }
    size_t n = 0;
    while (n < rest->n && !is_blank(rest->s[n]) && rest->s[n] != '"') {
        n++;
    }
    *name = str_sub(*rest, 0, n);
    *rest = str_sub(*rest, n, rest->n);
    return n > 0;
}

static bool host_line_matches(struct str names, struct str host) {
    bool yes = false;
    struct str name;
    while (next_name(&names, &name)) {
        if (str_starts(name, "!")) {
            if (inv_fnmatch(str_sub(name, 1, name.n), host)) {
                return false;
            }
        } else if (inv_fnmatch(name, host)) {
            yes = true;
        }
    }
    return yes;
}

/// As ssh: for each setting the first value of the blocks that match counts.
static void resolve(const struct inv_source *s, struct str host, struct found *f) {
    struct str rest = s->text;
    struct str raw;
    bool in_block = false;
    while (str_next(&rest, '\n', &raw)) {
        struct line l;
        if (!cut_line(raw, &l)) {
            continue;
        }
        if (l.is_host || key_is(l.key, "Match")) {
            in_block = l.is_host && host_line_matches(l.value, host);
        } else if (in_block && l.setting) {
            size_t i = (size_t)(l.setting - settings);
            if (!f->value[i].s) {
                f->value[i] = l.value;
                f->at[i] = (struct mark){s->base.at + (uint32_t)(l.value.s - s->text.s)};
            }
        }
    }
}

/// One word of ansible_ssh_common_args: quoted when it has to be.
static void add_word(struct buf *b, const char *name, struct str value) {
    bool plain = true;
    for (size_t i = 0; i < value.n; i++) {
        plain = plain && !strchr(" \t'\"\\$`;&|<>()*?[]#~!", value.s[i]);
    }
    if (plain) {
        buf_printf(b, "%s-o %s=%.*s", b->n ? " " : "", name, STR(value));
        return;
    }
    buf_printf(b, "%s-o '%s=", b->n ? " " : "", name);
    for (size_t i = 0; i < value.n; i++) {
        if (value.s[i] == '\'') {
            buf_z(b, "'\"'\"'");
        } else {
            buf_char(b, value.s[i]);
        }
    }
    buf_char(b, '\'');
}

static bool define_host(struct inv_source *s, struct str name, struct mark at, struct err *e) {
    struct arena *a = s->o->a;
    struct found f = {0};
    resolve(s, name, &f);
    struct host *h = inv_want_host(s, name, s->inv->ungrouped, 0, at, e);
    if (!h) {
        return false;
    }
    struct buf args = BUF_IN(a);
    for (size_t i = 0; i < COUNTOF(settings); i++) {
        const struct setting *set = &settings[i];
        if (!f.value[i].s || set->kind == SET_SILENT) {
            continue;
        }
        if (set->kind == SET_OPTION) {
            add_word(&args, set->var, f.value[i]);
            continue;
        }
        struct val v = val_flag(val_str(a, f.value[i]), VAL_TRUSTED);
        if (set->kind == SET_PORT) {
            int64_t port;
            if (!str_int(f.value[i], &port) || port < 1 || port > 65535) {
                return err_set(e, ERR_SYNTAX, f.at[i], "expected a port from 1 to 65535, found '%.*s'",
                               STR(f.value[i]));
            }
            v = val_int(port);
        }
        if (!inv_host_var(s->inv, h, str_from(set->var), val_at(v, f.at[i]), e)) {
            return false;
        }
    }
    if (args.n) {
        struct val v = val_at(val_flag(val_str(a, buf_view(&args)), VAL_TRUSTED), at);
        return inv_host_var(s->inv, h, STR_LIT("ansible_ssh_common_args"), v, e);
    }
    return true;
}

static void warn_line(const struct inv_source *s, const struct line *l, bool in_host) {
    struct mark at = {s->base.at + (uint32_t)(l->key.s - s->text.s)};
    if (key_is(l->key, "Match")) {
        inv_warn(s->inv, at, "a Match block is not supported in an inventory and is skipped");
    } else if (!in_host) {
        inv_warn(s->inv, at, "text before the first Host line is skipped");
    } else if (!l->setting) {
        inv_warn(s->inv, at, "ssh setting '%.*s' has no meaning in an inventory and is skipped", STR(l->key));
    }
}

bool inv_parse_ssh_config(struct inv_source *s, struct err *e) {
    struct str rest = s->text;
    struct str raw;
    bool in_host = false;
    bool warned = false;
    s->evident = true;
    while (str_next(&rest, '\n', &raw)) {
        struct line l;
        if (!cut_line(raw, &l)) {
            continue;
        }
        if (!l.is_host) {
            if (in_host || !warned) {
                warn_line(s, &l, in_host);
            }
            warned = warned || !in_host;
            continue;
        }
        in_host = true;
        struct str names = l.value;
        struct str name;
        while (next_name(&names, &name)) {
            struct mark at = {s->base.at + (uint32_t)(name.s - s->text.s)};
            if (!is_pattern(name) && !inv_host(s->inv, name) && !define_host(s, name, at, e)) {
                return false;
            }
        }
    }
    return true;
}
