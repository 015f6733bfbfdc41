// The verbs check and grep: secrets that lie open in a project or are damaged, and words in those that are not.
#include "regex.h"
#include "tool.h"
#include "walk.h"
#include "yamlvault.h"

#include <unistd.h>

struct search {
    struct tool *t;
    struct arena tmp;
    struct regex *re;   // grep's pattern; check's key names
    struct regex *pem;  // check
    size_t found;
    bool failed;
};

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_yaml_name(struct str name) {
    return str_ends(name, ".yml") || str_ends(name, ".yaml");
}

static bool over_files(struct search *s, bool (*fn)(void *self, const char *path, struct err *e), size_t from) {
    struct tool *t = s->t;
    if (t->files.n <= from) {
        tool_add(t, &t->files, ".");
    }
    for (size_t i = from; i < t->files.n; i++) {
        if (!walk(t->files.p[i], fn, s, t->a, t->e)) {
            return false;
        }
    }
    return true;
}

// -- check -----------------------------------------------------------------------------------------------------------

static void report(struct search *s, const char *path, size_t line, const char *what, struct str name) {
    s->found++;
    if (line > 0) {
        printf("%s:%zu: %s%s%.*s%s\n", path, line, what, name.n ? " '" : "", STR(name), name.n ? "'" : "");
    } else {
        printf("%s: %s\n", path, what);
    }
}

// An envelope that no password opens any more.
static void check_envelope(struct search *s, const char *path, size_t line, struct str text) {
    struct err e = {.arena = &s->tmp};
    if (!vault_is_whole(text, NO_MARK, &e)) {
        report(s, path, line, str_z(&s->tmp, err_text(&e)), STR_LIT(""));
    }
}

// A file whose name says that it is for secrets must be vaulted, or hold vaulted values.
static bool named_secret(const char *path) {
    struct str name = str_from(base_name(path));
    bool data = is_yaml_name(name) || str_ends(name, ".json") || str_find_char(name, 0, '.') == SIZE_MAX;
    bool word = str_find(name, 0, STR_LIT("vault")) != SIZE_MAX || str_find(name, 0, STR_LIT("secret")) != SIZE_MAX;
    struct str dir = str_from(path);
    return (word && data) || (is_yaml_name(name) && str_find(dir, 0, STR_LIT("/vault/")) != SIZE_MAX);
}

// Literal text: not a template, a tag, an anchor, a path of a file, or one of the words that are no secrets.
static bool is_literal(struct str v) {
    static const char *const harmless[] = {"true", "false", "yes", "no",       "null", "~",      "none",
                                           "omit", "\"\"",  "''",  "optional", "|",    "absent", "present"};
    for (size_t i = 0; i < COUNTOF(harmless); i++) {
        if (str_eqz(v, harmless[i])) {
            return false;
        }
    }
    return v.n > 0 && !strchr("!&*#{[<", v.s[0]) && str_find(v, 0, STR_LIT("{{")) == SIZE_MAX && !str_starts(v, "/") &&
           !str_starts(v, "\"/");
}

static bool check_line(struct search *s, const char *path, struct str line, size_t no) {
    struct regex_match m;
    int hit = 0;
    if (str_find(line, 0, STR_LIT("vault: ok")) != SIZE_MAX) {
        return true;
    }
    if (memmem(line.s, line.n, "PRIVATE KEY-----", 16) &&
        (hit = regex_exec(s->pem, line, 0, REGEX_SEARCH, &s->tmp, &m, s->t->e)) > 0) {
        report(s, path, no, "a private key in the clear", STR_LIT(""));
        return true;
    }
    if (hit == 0 && is_yaml_name(str_from(path))) {
        hit = regex_exec(s->re, line, 0, REGEX_MATCH, &s->tmp, &m, s->t->e);
        if (hit > 0 && is_literal(str_trim(str_sub(line, m.from[2], m.to[2])))) {
            report(s, path, no, "a plaintext value of", str_sub(line, m.from[1], m.to[1]));
        }
    }
    return hit >= 0;
}

static bool check_file(void *self, const char *path, struct err *e) {
    struct search *s = self;
    struct str text;
    struct yv_doc d;
    bool ok = fd_read_file(path, FILE_CAP, &s->tmp, &text, e);
    if (ok && vault_is(text)) {
        check_envelope(s, path, 1, text);
    } else if (ok && !age_is(text) && !memchr(text.s, '\0', text.n)) {
        yv_scan(text, &s->tmp, &d);
        if (d.n == 0 && named_secret(path) && str_trim(text).n > 0) {
            report(s, path, 0, "should be encrypted by its name, and is not", STR_LIT(""));
        }
        for (size_t i = 0; i < d.n; i++) {
            check_envelope(s, path, d.p[i].line, d.p[i].envelope);
        }
        struct str line;
        for (size_t no = 1; ok && str_next(&text, '\n', &line); no++) {
            ok = check_line(s, path, line, no);
        }
    }
    arena_reset(&s->tmp);
    return ok;
}

// 0: nothing found, 1: something lies open or is damaged.
int verb_check(struct tool *t) {
    struct search s = {.t = t, .tmp = {.secret = true}};
    s.re = regex_compile(t->a,
                         STR_LIT("\\s*(?:-\\s+)?[\"']?([\\w.-]*(?:passw(?:or)?d|passphrase|secret|token|api_?key|"
                                 "private_?key|access_?key|credentials?)(?:_?\\d+)?)[\"']?\\s*:\\s+(\\S.*)"),
                         REGEX_IGNORECASE | REGEX_BYTES, NO_MARK, t->e);
    s.pem = regex_compile(t->a, STR_LIT("-----BEGIN [A-Z ]*PRIVATE KEY-----"), REGEX_BYTES, NO_MARK, t->e);
    bool ok = s.re && s.pem && over_files(&s, check_file, 0);
    arena_release(&s.tmp);
    if (!ok) {
        tool_complain(t->e, NULL);
        return EXIT_USAGE;
    }
    if (s.found > 0) {
        (void)fflush(stdout);
        fprintf(stderr, "vault: %zu found; a line that is fine carries the comment '# vault: ok'\n", s.found);
    }
    return s.found > 0 ? EXIT_ERROR : EXIT_OK;
}

// -- grep ------------------------------------------------------------------------------------------------------------

static bool grep_text(struct search *s, const char *path, struct str text, size_t first_line, bool *hit_file) {
    struct str line;
    for (size_t no = first_line; str_next(&text, '\n', &line); no++) {
        int hit = regex_exec(s->re, line, 0, REGEX_SEARCH, &s->tmp, NULL, s->t->e);
        if (hit < 0) {
            return false;
        }
        if (hit == 0 || (s->t->list && *hit_file)) {
            continue;
        }
        *hit_file = true;
        s->found++;
        if (s->t->list) {
            printf("%s\n", path);
        } else {
            printf("%s:%zu:%.*s\n", path, no, STR(line));
        }
    }
    return true;
}

static bool grep_inline(struct search *s, const char *path, struct str text, struct err *e) {
    struct yv_doc d;
    bool hit = false;
    yv_scan(text, &s->tmp, &d);
    if (d.n == 0) {
        return true;
    }
    if (!tool_unlock(s->t, false) || !yv_open(s->t->ring, &d, &s->tmp, e)) {
        return false;
    }
    for (size_t i = 0; i < d.n; i++) {
        if (!grep_text(s, path, d.p[i].plain, d.p[i].line, &hit)) {
            return false;
        }
    }
    return true;
}

// A file that no password given opens is told about, and the search goes on.
static bool grep_file(void *self, const char *path, struct err *e) {
    struct search *s = self;
    struct str text;
    struct str plain;
    bool hit = false;
    bool ok = fd_read_file(path, FILE_CAP, &s->tmp, &text, e);
    if (ok && (vault_is(text) || age_is(text))) {
        ok = tool_open(s->t, text, &plain) && grep_text(s, path, plain, 1, &hit);
    } else if (ok) {
        ok = grep_inline(s, path, text, e);
    }
    arena_reset(&s->tmp);
    if (!ok) {
        if (!s->t->unlocked && vault_ring_empty(s->t->ring) && e->code != ERR_VAULT) {
            return false;
        }
        tool_complain(e, path);
        err_clear(e);
        s->failed = true;
    }
    return true;
}

// Exit status as grep's: 0 found, 1 not found, 2 trouble.
int verb_grep(struct tool *t) {
    if (t->files.n == 0) {
        return tool_refuse(EXIT_USAGE, "grep takes a pattern, then files or directories", NULL);
    }
    struct search s = {.t = t, .tmp = {.secret = true}};
    s.re = regex_compile(t->a, str_from(t->files.p[0]), (t->ignore_case ? REGEX_IGNORECASE : 0U) | REGEX_BYTES, NO_MARK,
                         t->e);
    bool ok = s.re && over_files(&s, grep_file, 1);
    arena_release(&s.tmp);
    if (!ok) {
        tool_complain(t->e, NULL);
    }
    if (!ok || s.failed) {
        return EXIT_USAGE;
    }
    return s.found > 0 ? EXIT_OK : EXIT_ERROR;
}
