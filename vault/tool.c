// What the verbs share: messages, passwords, files.
#include "tool.h"

#include "val.h"
#include "yamlvault.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// -- messages --------------------------------------------------------------------------------------------------------

int tool_complain(const struct err *e, const char *about) {
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

int tool_refuse(int code, const char *text, const char *name) {
    fprintf(stderr, "vault: %s%s%s%s\n", text, name ? " '" : "", name ? name : "", name ? "'" : "");
    return code;
}

// Progress is for people only: scripts that read our output see nothing.
void tool_tell(const char *text) {
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

static bool yes_or_no(struct tool *t, const char *name, const char *text, bool *out) {
    return !text || val_as_bool(val_z(t->a, text), out) ||
           err_set(t->e, ERR_ARGS, NO_MARK, "the setting '%s' must be yes or no, not '%s'", name, text);
}

bool tool_policy(struct tool *t) {
    struct vault_policy p = {.label = t->config.identity, .salt = t->config.salt};
    bool ask = false;
    if (!yes_or_no(t, "vault_id_match", t->config.match, &p.match) ||
        !yes_or_no(t, "ask_vault_pass", t->config.ask, &ask)) {
        return false;
    }
    t->ask |= ask;
    vault_ring_policy(t->ring, &p);
    return true;
}

static const char *own_label(const struct tool *t) {
    return t->config.identity ? t->config.identity : "default";
}

void tool_add(struct tool *t, struct texts *to, const char *text) {
    VEC_PUSH(t->a, *to, text);
}

static void add_list(struct tool *t, struct texts *to, const char *list) {
    struct str rest = str_from(list);
    struct str part;
    while (str_next(&rest, ',', &part)) {
        part = str_trim(part);
        if (part.n > 0) {
            tool_add(t, to, str_z(t->a, part));
        }
    }
}

// All sources in ansible-vault's order: ids of the configuration, ids of the command line, password files, prompt.
static struct texts all_sources(struct tool *t, bool *own_file) {
    struct texts all = {0};
    *own_file = false;
    if (t->config.identity_list) {
        add_list(t, &all, t->config.identity_list);
    }
    for (size_t i = 0; i < t->ids.n; i++) {
        tool_add(t, &all, t->ids.p[i]);
    }
    if (t->config.password_file) {
        tool_add(t, &t->password_files, t->config.password_file);
    }
    for (size_t i = 0; i < t->password_files.n; i++) {
        tool_add(t, &all, arena_printf(t->a, "%s@%s", own_label(t), t->password_files.p[i]));
    }
    if (all.n == 0 && !t->ask && !t->as_ansible && access("vault-password", F_OK) == 0) {
        *own_file = true;
        tool_add(t, &all, arena_printf(t->a, "%s@./vault-password", own_label(t)));
    }
    if (t->ask || (all.n == 0 && vault_has_terminal())) {
        tool_add(t, &all, arena_printf(t->a, "%s@prompt_ask_vault_pass", own_label(t)));
    }
    return all;
}

// Fills the ring. A source that fails is only told about while another one works, as in Ansible; a prompt that fails
// and our own file, when it is open to others, end it.
bool tool_unlock(struct tool *t, bool encrypts) {
    bool own;
    if (t->unlocked) {
        return true;
    }
    struct texts all = all_sources(t, &own);
    if (all.n == 0) {
        err_set(t->e, ERR_NOT_FOUND, NO_MARK,
                "no vault password was given, and there is no terminal to ask for one on");
        return err_hint(t->e, "give it with --vault-password-file or --vault-id");
    }
    struct err last = {.arena = t->a};
    for (size_t i = 0; i < all.n; i++) {
        struct err e = {.arena = t->a};
        const char *spec = all.p[i];
        if (encrypts ? vault_ring_source_new(t->ring, spec, own, &e) : vault_ring_source(t->ring, spec, own, &e)) {
            continue;
        }
        if (is_prompt(spec) || own) {
            *t->e = e;
            return false;
        }
        if (last.msg) {
            tool_complain(&last, "warning");
        }
        last = e;
    }
    if (vault_ring_empty(t->ring)) {
        *t->e = last;
        return false;
    }
    if (last.msg) {
        tool_complain(&last, "warning");
    }
    t->unlocked = true;
    return true;
}

// As ansible-vault: --encrypt-vault-id chooses among the passwords given, the new id and the new file add to them.
bool tool_unlock_new(struct tool *t, struct vault_ring *ring) {
    struct tool fresh = {.a = t->a, .e = t->e, .ring = ring};
    fresh.config.identity = t->config.identity;
    vault_ring_policy(ring, &(struct vault_policy){.label = t->config.identity, .salt = t->config.salt});
    if (t->new_id) {
        tool_add(&fresh, &fresh.ids, t->new_id);
    }
    if (t->new_file) {
        tool_add(&fresh, &fresh.password_files, t->new_file);
    }
    if (t->encrypt_id) {
        fresh.config.identity_list = t->config.identity_list;
        for (size_t i = 0; i < t->ids.n; i++) {
            tool_add(&fresh, &fresh.ids, t->ids.p[i]);
        }
    }
    if (fresh.ids.n == 0 && fresh.password_files.n == 0 && !fresh.config.identity_list) {
        fresh.ask = true;
    }
    return tool_unlock(&fresh, true);
}

static const char *known_ids(struct tool *t) {
    struct buf b = BUF_IN(t->a);
    for (size_t i = 0; i < vault_ring_len(t->ring); i++) {
        buf_printf(&b, "%s%s", i ? "," : "", vault_ring_id(t->ring, i));
    }
    buf_char(&b, '\0');
    return b.p;
}

// Which password encrypts must be clear when there are several.
int tool_choose_id(struct tool *t) {
    if (!t->encrypt_id) {
        t->encrypt_id = t->config.encrypt_identity;
    }
    if (!t->encrypt_id && vault_ring_len(t->ring) > 1) {
        fprintf(stderr, "vault: the vault ids %s could encrypt: choose one with --encrypt-vault-id\n", known_ids(t));
        return EXIT_OPTIONS;
    }
    return EXIT_OK;
}

// -- files -----------------------------------------------------------------------------------------------------------

bool tool_is_std(const char *name) {
    return strcmp(name, "-") == 0;
}

bool tool_read(struct tool *t, const char *name, struct str *text) {
    return tool_is_std(name) ? fd_read_all(STDIN_FILENO, FILE_CAP, t->a, text, t->e)
                             : fd_read_file(name, FILE_CAP, t->a, text, t->e);
}

// Replaces or creates `name`. Symbolic links are followed, so that the link stays. `allow` are the bits of an existing
// file's mode that are kept; a new file is for its owner only.
bool tool_write(struct tool *t, const char *name, struct str text, unsigned allow) {
    if (tool_is_std(name)) {
        return fd_write_all(STDOUT_FILENO, text, t->e);
    }
    char real[PATH_MAX];
    struct stat st;
    unsigned mode = 0600;
    if (realpath(name, real)) {
        name = real;
    }
    bool there = stat(name, &st) == 0;
    if (there) {
        mode = st.st_mode & allow;
    }
    if (!fd_replace_file(name, text, mode, t->e)) {
        return false;
    }
    // Only root can give a file back to its owner; for everybody else it is the own file already.
    if (there && (st.st_uid != geteuid() || st.st_gid != getegid()) && chown(name, st.st_uid, st.st_gid) == 0) {
        (void)chmod(name, mode);  // chown takes special bits away
    }
    return true;
}

bool tool_open(struct tool *t, struct str in, struct str *out) {
    struct age_file f;
    if (age_is(in)) {
        return tool_age_open(t, in, &f, out);
    }
    return tool_unlock(t, false) && vault_open(t->ring, in, NO_MARK, t->a, out, t->e);
}

bool tool_readable(struct tool *t, struct str in, struct str *out) {
    if (vault_is(in) || age_is(in)) {
        return tool_open(t, in, out);
    }
    struct yv_doc d;
    yv_scan(in, t->a, &d);
    if (d.n == 0) {
        *out = in;
        return true;
    }
    if (!tool_unlock(t, false) || !yv_open(t->ring, &d, t->a, t->e)) {
        return false;
    }
    struct buf b = BUF_IN(t->a);
    struct str shown = yv_show(&d, t->a);
    for (size_t at = 0; at < shown.n;) {
        size_t tag = str_find(shown, at, STR_LIT("!decrypted:"));
        buf_str(&b, str_sub(shown, at, tag));
        if (tag == SIZE_MAX) {
            break;
        }
        buf_z(&b, "!decrypted");
        for (at = tag + 11; at < shown.n && shown.s[at] >= '0' && shown.s[at] <= '9';) {
            at++;
        }
    }
    *out = buf_view(&b);
    return true;
}

int tool_wait(int pid) {
    int st = 0;
    while (waitpid(pid, &st, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}
