// Custom facts: *.fact files (JSON or INI, or programs that print it), and what facter and ohai say.
#include "facts.h"
#include "json.h"
#include "run.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

struct ini {
    struct facts *f;
    struct val out, section;
    struct str key;  // of the last option, for lines that go on
};

static bool ini_section(struct ini *p, struct str name) {
    p->key = STR_NONE;
    if (val_get_str(p->out, name).kind != VAL_UNDEF) {
        return false;
    }
    p->section = val_dict(p->f->a, 4);
    val_set_str(p->f->a, p->out, name, p->section);
    return true;
}

static bool ini_option(struct ini *p, struct str line) {
    size_t cut = 0;
    while (cut < line.n && line.s[cut] != '=' && line.s[cut] != ':') {
        cut++;
    }
    if (p->section.kind != VAL_DICT || cut == line.n || cut == 0) {
        return false;
    }
    char *lower = str_z(p->f->a, str_trim(str_sub(line, 0, cut)));
    for (char *s = lower; *s; s++) {
        *s = (char)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s);
    }
    p->key = str_from(lower);
    if (val_get_str(p->section, p->key).kind != VAL_UNDEF) {
        return false;
    }
    val_set_str(p->f->a, p->section, p->key, val_str(p->f->a, str_trim(str_sub(line, cut + 1, line.n))));
    return true;
}

// "[section]\nkey=value" as a dict of dicts, as Python's ConfigParser reads it (without %-references).
static bool parse_ini(struct facts *f, struct str text, struct val *out) {
    struct ini p = {.f = f, .out = val_dict(f->a, 4), .section = VNULL};
    struct str raw;
    while (text.s && str_next(&text, '\n', &raw)) {
        struct str line = str_trim(raw);
        if (line.n == 0 || line.s[0] == '#' || line.s[0] == ';') {
            continue;
        }
        bool goes_on = p.key.n > 0 && (raw.s[0] == ' ' || raw.s[0] == '\t');
        if (goes_on) {
            struct str old = val_text(val_get_str(p.section, p.key));
            val_set_str(f->a, p.section, p.key, val_printf(f->a, "%.*s\n%.*s", STR(old), STR(line)));
        } else if (line.s[0] == '[' && str_find_char(line, 0, ']') != SIZE_MAX) {
            if (!ini_section(&p, str_sub(line, 1, str_find_char(line, 0, ']')))) {
                return false;
            }
        } else if (!ini_option(&p, line)) {
            return false;
        }
    }
    *out = p.out;
    return true;
}

// Standard output of a fact program; `*failure` says why there is none.
static struct str program_says(struct facts *f, const char *path, const char **failure) {
    const char *argv[] = {path, NULL};
    struct err e = {.arena = f->a};
    struct run_result r;
    // each has the time of a source of its own: one that hangs takes nothing from the others
    if (!run_command(&(struct run){.argv = argv, .timeout_ms = f->timeout_ms}, f->a, &r, &e)) {
        *failure = arena_printf(f->a, "Could not execute fact script (%s): %s", path, err_text(&e).s);
        return STR_NONE;
    }
    if (r.timed_out) {
        *failure = arena_printf(f->a, "Failure executing fact script (%s): no end within %lld seconds (gather_timeout)",
                                path, (long long)(f->timeout_ms / 1000));
        return STR_NONE;
    }
    if (r.rc != 0) {
        *failure = arena_printf(f->a, "Failure executing fact script (%s), rc: %d, err: %.*s", path, r.rc, STR(r.err));
        return STR_NONE;
    }
    return r.out;
}

static struct val local_fact(struct facts *f, const char *path) {
    struct stat st;
    struct err e = {.arena = f->a};
    const char *failure = NULL;
    struct str text = STR_NONE;
    if (stat(path, &st) != 0) {
        failure = arena_printf(f->a, "Could not stat fact (%s): no such file", path);
    } else if (S_ISREG(st.st_mode)) {
        text = st.st_mode & S_IXUSR ? program_says(f, path, &failure) : facts_file(f, path);
    }
    struct val v = VNULL;
    if (!failure && !utf8_valid(text)) {
        failure = arena_printf(f->a, "error loading fact - output of running \"%s\" was not utf-8", path);
    }
    if (!failure && !json_parse(f->a, text, &v, &e) && !parse_ini(f, text, &v)) {
        failure = arena_printf(f->a, "error loading facts as JSON or ini - please check content: %s", path);
    }
    if (failure) {
        mod_warn(f->c, "%s", failure);
        return val_z(f->a, failure);
    }
    return v;
}

void facts_local(struct facts *f) {
    struct val local = val_dict(f->a, 4);
    struct dirent **names;
    int n = f->fact_path ? scandir(f->fact_path, &names, NULL, alphasort) : -1;
    for (int i = 0; i < n; i++) {
        struct str name = str_from(names[i]->d_name);
        if (str_ends(name, ".fact") && name.s[0] != '.') {
            const char *path = arena_printf(f->a, "%s/%s", f->fact_path, names[i]->d_name);
            val_set_str(f->a, local, str_dup(f->a, str_sub(name, 0, name.n - 5)), local_fact(f, path));
        }
        free(names[i]);
    }
    if (n >= 0) {
        free(names);
    }
    facts_set(f, "local", local);
}

// The facts of another tool, their names with its own prefix.
static bool foreign(struct facts *f, const char *prefix, const char *const *argv) {
    struct str text = facts_run(f, argv);
    struct err e = {.arena = f->a};
    struct val v;
    if (!text.s) {
        return false;
    }
    if (json_parse(f->a, text, &v, &e) && v.kind == VAL_DICT) {
        size_t i = 0;
        for (struct vpair *p; (p = val_each(v, &i));) {
            val_set_str(f->a, f->out, str_printf(f->a, "%s_%.*s", prefix, STR(val_text(p->key))), p->value);
        }
    }
    return true;
}

void facts_facter(struct facts *f) {
    const char *path = facts_program(f, "cfacter");
    path = path ? path : facts_program(f, "facter");
    const char *puppet[] = {path, "--puppet", "--json", NULL};
    const char *plain[] = {path, "--json", NULL};
    if (path && facts_wanted(f, "facter_*") && !foreign(f, "facter", puppet)) {
        foreign(f, "facter", plain);
    }
}

void facts_ohai(struct facts *f) {
    const char *path = facts_program(f, "ohai");
    const char *argv[] = {path, NULL};
    if (path && facts_wanted(f, "ohai_*")) {
        foreign(f, "ohai", argv);
    }
}
