// Lookups on the controller's system: env, pipe, lines.
#include "filters/text.h"
#include "lookups/common.h"
#include "spawn.h"

static bool l_env(struct jcall *c, struct val *out, struct err *e) {
    static const char *const names[] = {"default", NULL};
    const struct jinja_host *h = c->ctx->host;
    struct val def = lk_opt(c, "default");
    lk_known(c, names);
    if (is_undef(def) && !def.u.undef) {
        def = val_z(c->a, "");
    }
    *out = val_list(c->a, lk_terms(c));
    for (size_t i = 0; i < lk_terms(c); i++) {
        struct str term, name;
        if (!lk_term_str(c, i, &term, e)) {
            return false;
        }
        if (!text_word(&term, &name)) {
            return plug_err(c, e, ERR_ARGS, "the name of a variable must not be empty");
        }
        struct val v = h ? val_get_str(h->environment, name) : (struct val){.kind = VAL_UNDEF};
        if (is_undef(v)) {
            const char *z = getenv(str_z(c->a, name));  // NOLINT(concurrency-mt-unsafe): set before threads run
            v = z ? val_z(c->a, z) : def;
        }
        if (is_undef(v)) {
            return err_set(e, ERR_UNDEFINED, c->at, "lookup 'env': '%.*s' is not in the environment", STR(name));
        }
        val_push(c->a, *out, v);
    }
    return true;
}
LOOKUP(env) = {.doc = "Variables of the environment.",
               .fn = l_env,
               .example = "lookup('env', 'HOME') != ''",
               .options = "default=''"};

/// Runs a command line by the shell, as Ansible does; anything but success is an error.
static bool shell(struct jcall *c, struct str command, struct str *text, struct err *e) {
    const struct jinja_host *h = c->ctx->host;
    *text = STR_NONE;
    if (memchr(command.s ? command.s : "", 0, command.n)) {
        return plug_err(c, e, ERR_ARGS, "a command must not contain a NUL byte");
    }
    const char *argv[] = {"/bin/sh", "-c", str_z(c->a, command), NULL};
    struct spawn s = {.argv = argv,
                      .cwd = h && h->basedir.n ? str_z(c->a, h->basedir) : NULL,
                      .out_cap = TEXT_CAP,
                      .timeout_ms = h ? h->lookup_timeout_ms : 0};
    struct spawn_result r;
    if (!spawn_run(&s, c->a, &r, e)) {
        return err_wrap(e, c->at, "in lookup '%s'", c->name);
    }
    if (r.timed_out) {
        return plug_err(c, e, ERR_TIMEOUT, "the command did not end within %lld ms", (long long)s.timeout_ms);
    }
    if (r.status != 0) {
        return plug_err(c, e, ERR_ARGS, "the command ended with status %d", r.status);
    }
    if (r.truncated) {
        return plug_err(c, e, ERR_LIMIT, "the command printed more than %zu bytes", TEXT_CAP);
    }
    if (!utf8_valid(r.out)) {
        return plug_err(c, e, ERR_TYPE, "the command did not print UTF-8 text");
    }
    *text = r.out;
    return true;
}

static bool l_pipe(struct jcall *c, struct val *out, struct err *e) {
    *out = val_list(c->a, lk_terms(c));
    for (size_t i = 0; i < lk_terms(c); i++) {
        struct str text;
        if (!shell(c, text_of(c, lk_term(c, i)), &text, e)) {
            return false;
        }
        val_push(c->a, *out, val_str(c->a, text_strip(text, STR_NONE, STRIP_RIGHT)));
    }
    return true;
}
LOOKUP(pipe) = {.doc = "What commands print.", .fn = l_pipe, .example = "lookup('pipe', 'echo hi') == 'hi'"};

/// Lines of bytes end with \n, \r or \r\n only.
static bool byte_line(struct str *rest, struct str *line) {
    if (!rest->n) {
        return false;
    }
    size_t i = 0;
    while (i < rest->n && rest->s[i] != '\n' && rest->s[i] != '\r') {
        i++;
    }
    *line = str_sub(*rest, 0, i);
    i += i + 1 < rest->n && rest->s[i] == '\r' && rest->s[i + 1] == '\n';
    *rest = str_sub(*rest, i + 1, rest->n);
    return true;
}

static bool l_lines(struct jcall *c, struct val *out, struct err *e) {
    *out = val_list(c->a, 8);
    for (size_t i = 0; i < lk_terms(c); i++) {
        struct str term, text, line;
        if (!lk_term_str(c, i, &term, e) || !shell(c, term, &text, e)) {
            return false;
        }
        while (byte_line(&text, &line)) {
            val_push(c->a, *out, val_str(c->a, line));
        }
    }
    return true;
}
LOOKUP(lines) = {
    .doc = "The lines commands print.", .fn = l_lines, .example = "query('lines', 'printf \"a\\\\nb\"') == ['a', 'b']"};
