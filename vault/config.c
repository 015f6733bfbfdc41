// ansible.cfg for the vault tool: one section, seven keys.
#include "config.h"

#include "fd.h"

#include <sys/stat.h>
#include <unistd.h>

enum { CONFIG_MAX = 1 << 20 };

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

static bool open_to_all(const char *dir) {
    struct stat st;
    return stat(dir, &st) != 0 || st.st_mode & S_IWOTH;
}

static const char *in_home(struct arena *a, const char *rest) {
    const char *home = secure_getenv("HOME");
    return home ? arena_printf(a, "%s/%s", home, rest) : "";
}

// $ANSIBLE_CONFIG may name the directory.
static const char *named_file(struct arena *a) {
    const char *path = secure_getenv("ANSIBLE_CONFIG");
    struct stat st;
    if (!path || !*path) {
        return NULL;
    }
    if (path[0] == '~' && path[1] == '/') {
        path = in_home(a, path + 2);
    }
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? arena_printf(a, "%s/ansible.cfg", path) : path;
}

static const char *find_file(struct arena *a) {
    const char *named = named_file(a);
    if (named && exists(named)) {
        return named;
    }
    if (!open_to_all(".") && exists("./ansible.cfg")) {
        return "./ansible.cfg";
    }
    const char *mine = in_home(a, ".ansible.cfg");
    if (exists(mine)) {
        return mine;
    }
    return exists("/etc/ansible/ansible.cfg") ? "/etc/ansible/ansible.cfg" : NULL;
}

static struct str without_comment(struct str line) {
    line = str_trim(line);
    if (str_starts(line, "#") || str_starts(line, ";")) {
        return STR_NONE;
    }
    size_t i = str_find(line, 0, STR_LIT(" ;"));
    return str_rtrim(str_sub(line, 0, i));
}

static void setting(struct arena *a, struct vault_config *c, struct str line) {
    size_t sep = 0;
    while (sep < line.n && line.s[sep] != '=' && line.s[sep] != ':') {
        sep++;
    }
    if (sep == line.n) {
        return;
    }
    const struct {
        const char *key;
        const char **to;
    } keys[] = {{"vault_password_file", &c->password_file},
                {"vault_identity_list", &c->identity_list},
                {"vault_encrypt_identity", &c->encrypt_identity},
                {"vault_identity", &c->identity},
                {"vault_id_match", &c->match},
                {"vault_encrypt_salt", &c->salt},
                {"ask_vault_pass", &c->ask}};
    struct str value = str_trim(str_sub(line, sep + 1, line.n));
    for (size_t i = 0; i < COUNTOF(keys); i++) {
        if (str_eqz(str_rtrim(str_sub(line, 0, sep)), keys[i].key) && value.n > 0) {
            *keys[i].to = str_z(a, value);
        }
    }
}

static void parse(struct arena *a, struct vault_config *c, struct str text) {
    bool here = false;
    struct str line;
    while (str_next(&text, '\n', &line)) {
        line = without_comment(line);
        if (str_starts(line, "[")) {
            here = str_eqz(line, "[defaults]");
        } else if (here) {
            setting(a, c, line);
        }
    }
}

// A path of the file is relative to the file.
static const char *beside(struct arena *a, const char *file, const char *path) {
    const char *slash = strrchr(file, '/');
    if (path[0] == '/' || path[0] == '~' || !slash) {
        return path;
    }
    return arena_printf(a, "%.*s/%s", (int)(slash - file), file, path);
}

static const char *from_env(const char *name, const char *otherwise) {
    const char *v = secure_getenv(name);
    return v && *v ? v : otherwise;
}

bool vault_config_read(struct arena *a, struct vault_config *c, struct err *e) {
    *c = (struct vault_config){0};
    const char *file = find_file(a);
    struct str text;
    if (file) {
        if (!fd_read_file(file, CONFIG_MAX, a, &text, e)) {
            return false;
        }
        parse(a, c, text);
        if (c->password_file) {
            c->password_file = beside(a, file, c->password_file);
        }
    }
    c->password_file = from_env("ANSIBLE_VAULT_PASSWORD_FILE", c->password_file);
    c->identity_list = from_env("ANSIBLE_VAULT_IDENTITY_LIST", c->identity_list);
    c->encrypt_identity = from_env("ANSIBLE_VAULT_ENCRYPT_IDENTITY", c->encrypt_identity);
    c->identity = from_env("ANSIBLE_VAULT_IDENTITY", c->identity);
    c->match = from_env("ANSIBLE_VAULT_ID_MATCH", c->match);
    c->salt = from_env("ANSIBLE_VAULT_ENCRYPT_SALT", c->salt);
    c->ask = from_env("ANSIBLE_ASK_VAULT_PASS", c->ask);
    return true;
}
