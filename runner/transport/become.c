// Become: the command lines of sudo, su and doas, and their password prompts. A password goes over standard input only
// after the prompt was seen, never into an argument or the environment.
#include "start.h"

#include "sshconf.h"

static bool push_flags(struct arena *a, struct ssh_names *v, const char *flags, bool drop_n, struct err *e) {
    struct ssh_names words = {0};
    if (!args_split(a, flags, &words, e)) {
        return err_wrap(e, NO_MARK, "in become_flags");
    }
    for (size_t i = 0; i < words.n; i++) {
        if (drop_n && (strcmp(words.p[i], "-n") == 0 || strcmp(words.p[i], "--non-interactive") == 0)) {
            continue;
        }
        names_push(a, v, words.p[i]);
    }
    return true;
}

static bool sudo_argv(struct arena *a, const struct conn_become *b, const struct start *s, struct ssh_names *v,
                      struct err *e) {
    names_push(a, v, b->exe ? b->exe : "sudo");
    if (!push_flags(a, v, b->flags ? b->flags : "-H -S -n", s->has_password, e)) {
        return false;
    }
    if (s->has_password) {
        names_push(a, v, "-S");
    }
    names_push(a, v, "-p");  // also without a password, to notice that one is asked for
    names_push(a, v, arena_printf(a, "[%s] password:", s->nonce));
    names_push(a, v, "-u");
    names_push(a, v, s->user);
    names_push(a, v, "--");
    return true;
}

/// What was said before su and doas start is not theirs: a line of ours stands between.
static void begin(struct arena *a, const struct start *s, struct ssh_names *v) {
    names_push(a, v, "/bin/sh");
    names_push(a, v, "-c");
    names_push(a, v, "echo \"$0\" >&2; exec \"$@\"");
    names_push(a, v, become_marker(a, s));
}

const char *become_marker(struct arena *a, const struct start *s) {
    return arena_printf(a, "%s become", s->nonce);
}

bool become_wants_terminal(const struct conn_become *b) {
    return b->method && strcmp(b->method, "doas") == 0 && b->password.s;
}

/// doas asks on its terminal, so play-remote gives it one and says with our own prompt when it asks.
static bool doas_argv(struct arena *a, const struct conn_become *b, const struct start *s, struct ssh_names *v,
                      struct err *e) {
    if (s->terminal) {
        names_push(a, v, s->terminal);
        names_push(a, v, "--terminal");
        names_push(a, v, s->nonce);
    } else {
        begin(a, s, v);
    }
    names_push(a, v, b->exe ? b->exe : "doas");
    if (!push_flags(a, v, b->flags ? b->flags : (s->terminal ? "" : "-n"), s->has_password, e)) {
        return false;
    }
    names_push(a, v, "-u");
    names_push(a, v, s->user);
    return true;
}

bool become_argv(struct arena *a, const struct conn_become *b, const struct start *s, const char *script,
                 const char *const **argv, struct err *e) {
    struct ssh_names v = {0};
    bool su = false;
    if (s->user[0] == '-') {
        return err_set(e, ERR_ARGS, NO_MARK, "become_user '%s' is not a user name", s->user);
    }
    if (strcmp(s->method, "sudo") == 0) {
        if (!sudo_argv(a, b, s, &v, e)) {
            return false;
        }
    } else if (strcmp(s->method, "doas") == 0) {
        if (!doas_argv(a, b, s, &v, e)) {
            return false;
        }
    } else if (strcmp(s->method, "su") == 0) {
        su = true;
        begin(a, s, &v);
        names_push(a, &v, b->exe ? b->exe : "su");
        if (!push_flags(a, &v, b->flags ? b->flags : "", false, e)) {
            return false;
        }
        names_push(a, &v, "-s");
        names_push(a, &v, "/bin/sh");
        names_push(a, &v, s->user);
    } else {
        return err_set(e, ERR_ARGS, NO_MARK, "become_method '%s' is not supported: expected sudo, su or doas",
                       s->method);
    }
    if (!su) {
        names_push(a, &v, "/bin/sh");
    }
    names_push(a, &v, "-c");
    names_push(a, &v, script);
    names_push(a, &v, NULL);
    *argv = v.p;
    return true;
}

/// su asks in the words of the target's language: any unfinished line that ends with a colon is its prompt, once it
/// runs.
static size_t find_prompt(const struct start *s, struct str all, struct str fresh) {
    if (strcmp(s->method, "sudo") == 0 || s->terminal) {
        size_t at = str_find(fresh, 0, str_from(s->nonce));
        return at == SIZE_MAX ? at : at + strlen(s->nonce);
    }
    struct arena tmp = {0};
    struct str marker = str_from(become_marker(&tmp, s));
    size_t at = str_find(all, 0, marker);
    size_t before = all.n - fresh.n;
    bool runs = at != SIZE_MAX;
    if (runs && at + marker.n > before) {
        fresh = str_sub(all, at + marker.n, all.n);
    }
    arena_release(&tmp);
    if (!runs) {
        return SIZE_MAX;
    }
    struct str t = str_rtrim(fresh);
    bool open_line = fresh.n && fresh.s[fresh.n - 1] != '\n';
    bool asks = open_line && (str_ends(t, ":") || str_ends(t, "\xEF\xBC\x9A"));
    return asks ? all.n - before : SIZE_MAX;
}

bool become_missing(const struct start *s, struct err *e) {
    (void)err_set(e, ERR_MODULE, NO_MARK, "missing %s password for host '%s'", s->method, s->host);
    return err_hint(e, "give it with --ask-become-pass or ansible_become_password");
}

bool become_incorrect(const struct start *s, struct err *e) {
    return err_set(e, ERR_MODULE, NO_MARK, "incorrect %s password for host '%s'", s->method, s->host);
}

enum start_step start_err(struct start *s, struct str text, struct err *e) {
    if (!s->method || s->confirmed || s->seen > text.n) {
        return START_WAIT;
    }
    size_t at = find_prompt(s, text, str_sub(text, s->seen, text.n));
    if (at == SIZE_MAX) {
        return START_WAIT;
    }
    s->seen += at;
    if (!s->has_password) {
        (void)become_missing(s, e);
        return START_FAILED;
    }
    if (s->prompted) {
        (void)become_incorrect(s, e);
        return START_FAILED;
    }
    s->prompted = true;
    return START_PASSWORD;
}
