// Which facts a project reads, so that `setup` can leave out what costs time and nobody looks at. The texts themselves
// are searched, not what was made of them: the directories of the playbooks and of the roles of their plays, the
// inventory's variables and group_vars, extra variables. Whatever this misses is fetched when it is read (factsleft.c);
// where facts are used as a whole, or their names are put together while the run goes on, everything is gathered at
// once.
#include "exec.h"
#include "facts.h"

#include "fd.h"

#include <dirent.h>
#include <sys/stat.h>

#define SCAN_ENTRIES ((size_t)1500)
#define SCAN_BYTES   ((size_t)2 << 20)
#define SCAN_FILE    ((size_t)256 << 10)
#define SCAN_DEPTH   12

struct scan {
    struct arena *a;  // of the run
    struct arena scratch;
    struct val names;  // set of names without "ansible_"
    struct val dirs;   // set of directories that were searched
    size_t entries, bytes;
    bool exact;
};

// -- texts ------------------------------------------------------------------------------------------------------------

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static size_t word_end(struct str s, size_t i) {
    while (i < s.n && is_word(s.s[i])) {
        i++;
    }
    return i;
}

static bool at(struct str s, size_t i, const char *any_of) {
    return i < s.n && strchr(any_of, s.s[i]) && s.s[i];
}

/// A quote at `i`, also with a backslash before it, as inside of text in quotes; 0: none, else its length.
static size_t quote_at(struct str s, size_t i) {
    size_t n = at(s, i, "\\") ? 1 : 0;
    return at(s, i + n, "'\"") ? n + 1 : 0;
}

/// `.name`, `['name']` or `["name"]` at `i`, the name written out; STR_NONE: something else.
static struct str member_at(struct str s, size_t i, size_t *end) {
    bool dot = at(s, i, ".");
    size_t quote = at(s, i, "[") ? quote_at(s, i + 1) : 0;
    size_t from = i + 1 + quote;
    size_t to = dot || quote ? word_end(s, from) : from;
    size_t shut = dot ? 0 : quote_at(s, to);
    if (to == from || (!dot && !(shut && at(s, to + shut, "]")))) {
        return STR_NONE;
    }
    *end = dot ? to : to + shut + 1;
    return str_sub(s, from, to);
}

static bool is_dict_method(struct str name) {
    static const char *const names[] = {"copy",  "fromkeys", "get",        "items",  "keys",  "pop",
                                        "clear", "popitem",  "setdefault", "update", "values"};
    for (size_t i = 0; i < COUNTOF(names); i++) {
        if (str_eqz(name, names[i])) {
            return true;
        }
    }
    return false;
}

static void add_name(struct scan *sc, struct str name) {
    if (val_get_str(sc->names, name).kind == VAL_UNDEF) {
        val_set_str(sc->a, sc->names, str_dup(sc->a, name), val_bool(true));
    }
}

/// The word `ansible_facts` ends at `i`. Behind it stands which fact is meant, else all of them may be.
static void facts_word(struct scan *sc, struct str s, size_t i) {
    size_t end = 0;
    size_t quote = quote_at(s, i);
    i += quote && at(s, i + quote, "]") ? quote + 1 : 0;  // hostvars[h]['ansible_facts']
    struct str name = member_at(s, i, &end);
    if (name.n && !is_dict_method(name)) {
        add_name(sc, name);
    } else {
        sc->exact = false;
    }
}

/// The word `hostvars` ends at `i`: the variable of the other host has to be written out.
static void hostvars_word(struct scan *sc, struct str s, size_t i) {
    size_t end = 0;
    size_t depth = 0;
    if (at(s, i, "[")) {
        do {
            depth += s.s[i] == '[';
            depth -= s.s[i] == ']';
            i++;
        } while (i < s.n && depth && s.s[i] != '\n');
    } else if (at(s, i, ".")) {
        i = word_end(s, i + 1);
    }
    sc->exact = sc->exact && member_at(s, i, &end).n > 0;
}

/// The word `vars` ends at `i`: a keyword or a directory, unless it is used as the dictionary of all variables.
static void vars_word(struct scan *sc, struct str s, size_t from, size_t i) {
    size_t end = 0;
    bool quoted = from && at(s, from - 1, "'\"") && at(s, i, "'\"");  // lookup('vars', ...)
    size_t next = i;
    while (at(s, next, " ")) {
        next++;
    }
    bool used = quoted || at(s, next, "|})") || (at(s, i, "[") && !member_at(s, i, &end).n);
    if (used) {
        sc->exact = false;
    } else if (at(s, i, "[")) {
        struct str name = member_at(s, i, &end);
        add_name(sc, str_starts(name, "ansible_") ? str_sub(name, 8, name.n) : name);
    }
}

static void scan_word(struct scan *sc, struct str s, size_t from, size_t to) {
    struct str word = str_sub(s, from, to);
    if (str_eqz(word, "ansible_facts")) {
        facts_word(sc, s, to);
    } else if (str_eqz(word, "hostvars")) {
        hostvars_word(sc, s, to);
    } else if (str_eqz(word, "vars")) {
        vars_word(sc, s, from, to);
    } else if (str_eqz(word, "varnames") || str_eqz(word, "ansible_")) {
        sc->exact = false;
    } else if (str_starts(word, "ansible_")) {
        add_name(sc, str_sub(word, 8, word.n));
    } else if (str_starts(word, "facter_") || str_starts(word, "ohai_")) {
        add_name(sc, word);
    }
}

static void scan_text(struct scan *sc, struct str s) {
    for (size_t i = 0; i < s.n && sc->exact;) {
        if (!is_word(s.s[i])) {
            i++;
            continue;
        }
        size_t end = word_end(s, i);
        scan_word(sc, s, i, end);
        i = end;
    }
}

static void scan_value(struct scan *sc, struct val v) {
    size_t i = 0;
    struct vpair *p;
    if (!sc->exact || !val_any_flag(v, VAL_TMPL)) {
        return;
    }
    if (val_is(v, VAL_STR)) {
        sc->exact = !(v.flags & VAL_SEALED);
        scan_text(sc, val_text(v));
    } else if (val_is(v, VAL_DICT)) {
        while ((p = val_each(v, &i))) {
            scan_value(sc, p->value);
        }
    } else if (val_is_seq(v)) {
        for (; i < val_len(v); i++) {
            scan_value(sc, val_at_index(v, i));
        }
    }
}

// -- files ------------------------------------------------------------------------------------------------------------

static void scan_file(struct scan *sc, const char *path, size_t size) {
    struct err e = {.arena = &sc->scratch};
    struct str text = STR_NONE;
    sc->bytes += size;
    if (size > SCAN_FILE || sc->bytes > SCAN_BYTES) {
        sc->exact = false;
    } else if (fd_read_file(path, SCAN_FILE, &sc->scratch, &text, &e) && !memchr(text.s, '\0', text.n)) {
        scan_text(sc, text);
    }
    arena_release(&sc->scratch);
    sc->scratch = (struct arena){0};
}

/// Directories whose files are no templates, or belong to something else.
static bool is_aside(const char *name) {
    static const char *const names[] = {"files", "molecule", "node_modules", "collections", "venv", "__pycache__"};
    bool aside = name[0] == '.';
    for (size_t i = 0; i < COUNTOF(names); i++) {
        aside = aside || strcmp(name, names[i]) == 0;
    }
    return aside;
}

static void scan_dir(struct scan *sc, const char *dir, int depth);

static void scan_entry(struct scan *sc, const char *dir, const char *name, int depth) {
    struct arena a = {0};
    struct stat st;
    const char *path = arena_printf(&a, "%s/%s", dir, name);
    if (++sc->entries > SCAN_ENTRIES || depth > SCAN_DEPTH) {
        sc->exact = false;
    } else if (!is_aside(name) && lstat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode)) {
            scan_dir(sc, path, depth + 1);
        } else if (S_ISREG(st.st_mode) || (S_ISLNK(st.st_mode) && stat(path, &st) == 0 && S_ISREG(st.st_mode))) {
            scan_file(sc, path, (size_t)st.st_size);
        }
    }
    arena_release(&a);
}

static void scan_dir(struct scan *sc, const char *dir, int depth) {
    if (!sc->exact || val_get(sc->dirs, dir).kind != VAL_UNDEF) {
        return;
    }
    val_set_str(sc->a, sc->dirs, str_dup(sc->a, str_from(dir)), val_bool(true));
    DIR *d = opendir(dir);
    for (const struct dirent *x; d && sc->exact && (x = readdir(d));) {
        if (strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0) {
            scan_entry(sc, dir, x->d_name, depth);
        }
    }
    if (d) {
        closedir(d);
    }
}

static void scan_path(struct scan *sc, struct str dir) {
    struct arena a = {0};
    if (dir.n) {
        scan_dir(sc, str_z(&a, dir), 0);
    }
    arena_release(&a);
}

static void scan_role(struct scan *sc, const struct role *role) {
    scan_path(sc, role->path);
    for (size_t i = 0; i < role->ndeps; i++) {
        scan_role(sc, role->deps[i]);
    }
}

static void scan_book(struct scan *sc, const struct playbook *b) {
    scan_path(sc, run_dir_of(b->file));
    scan_path(sc, b->basedir);
    for (size_t i = 0; i < b->nplays; i++) {
        const struct play *p = b->plays[i];
        scan_path(sc, run_dir_of(p->book->file));
        for (size_t k = 0; k < p->nroles; k++) {
            scan_role(sc, p->roles[k]);
        }
        for (size_t k = 0; k < p->nimported; k++) {
            scan_role(sc, p->imported[k]);
        }
    }
}

static void scan_inventory(struct scan *sc, const struct inventory *inv) {
    static const char *const dirs[] = {"group_vars", "host_vars"};
    for (size_t i = 0; i < inv->nbasedirs; i++) {
        for (size_t k = 0; k < COUNTOF(dirs); k++) {
            scan_path(sc, str_printf(&sc->scratch, "%.*s/%s", STR(inv->basedirs[i]), dirs[k]));
        }
    }
    for (size_t i = 0; i < inv->nhosts; i++) {
        scan_value(sc, inv->order[i]->vars);
    }
    for (size_t i = 0; i < inv->groups.n; i++) {
        scan_value(sc, ((const struct group *)inv->groups.slots[i].value)->vars);
    }
}

static void scan_run(struct run *r) {
    struct scan sc = {.a = &r->a, .names = val_dict(&r->a, 32), .dirs = val_dict(&r->a, 16), .exact = true};
    for (size_t i = 0; i < r->o->nbooks; i++) {
        scan_book(&sc, r->o->books[i]);
    }
    scan_inventory(&sc, r->o->inventory);
    scan_value(&sc, r->o->extra_vars);
    arena_release(&sc.scratch);
    r->facts_read = VNULL;
    if (sc.exact) {
        struct val list = val_list(&r->a, val_len(sc.names));
        size_t i = 0;
        struct vpair *p;
        while ((p = val_each(sc.names, &i))) {
            val_push(&r->a, list, p->key);
        }
        r->facts_read = list;
    }
}

static void tell_read(struct job *j, struct val args) {
    struct run *r = j->pr->r;
    if (r->o->facts || output_shows_facts(r->o->output) || val_has(args, "gather_subset") || val_has(args, "filter")) {
        return;  // they are kept, shown or asked for by name
    }
    if (val_is(r->facts_read, VAL_UNDEF)) {
        scan_run(r);
    }
    if (val_is(r->facts_read, VAL_LIST)) {
        val_set(&j->a, args, FACTS_READ, r->facts_read);
    }
}

bool facts_tell(struct job *j, struct val args, struct err *e) {
    struct val python = {0};
    if (!gather_is(j->task) && strcmp(j->task->action, "setup") != 0) {
        return true;
    }
    if (!view_var(&j->v, "ansible_python_interpreter", &python, e)) {
        return false;
    }
    if (val_is(python, VAL_UNDEF) || str_starts(val_text(python), "auto")) {
        val_set(&j->a, args, FACTS_DISCOVER, val_bool(true));
    }
    if (j->step == j->pr->setup) {
        tell_read(j, args);
    }
    return true;
}
