// The controller's half of modules that are programs: their kind, their interpreter, and the files that go with them.
#include "foreign.h"

#define MARK_JSON_ARGS "<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"

static bool contains(struct str text, const char *what) {
    return str_find(text, 0, str_from(what)) != SIZE_MAX;
}

/// A byte no text has among the first 1024.
static bool is_binary(struct str text) {
    for (size_t i = 0; i < text.n && i < 1024; i++) {
        unsigned char c = (unsigned char)text.s[i];
        bool printable = c >= 0x20
                             ? c != 0x7f
                             : c == '\a' || c == '\b' || c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == 27;
        if (!printable) {
            return true;
        }
    }
    return false;
}

/// `from ansible.module_utils...`, `import ansible.module_utils`, the same of collections, or relative to one.
static bool imports_utils(struct str text) {
    struct str line;
    while (str_next(&text, '\n', &line)) {
        struct str t = str_trim(line);
        bool from = str_starts(t, "from ");
        if ((from || str_starts(t, "import ")) &&
            (contains(t, "ansible.module_utils") ||
             (contains(t, "ansible_collections.") && contains(t, "module_utils")) ||
             (from && str_starts(str_trim(str_sub(t, 5, t.n)), "..") && contains(t, "module_utils")))) {
            return true;
        }
    }
    return false;
}

enum foreign_style foreign_style_of(struct str text) {
    if (is_binary(text)) {
        return FOREIGN_BINARY;
    }
    if (contains(text, "#<<INCLUDE_ANSIBLE_MODULE_COMMON>>") || imports_utils(text)) {
        return FOREIGN_PYTHON;
    }
    if (contains(text, MARK_JSON_ARGS)) {
        return FOREIGN_JSON_ARGS;
    }
    return contains(text, "WANT_JSON") ? FOREIGN_WANT_JSON : FOREIGN_OLD;
}

/// Files as one text: "name\0size\n" and the content, one behind the other.
static struct str pack(struct arena *a, struct val files) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; i < val_len(files); i++) {
        struct val file = val_at_index(files, i);
        struct str text = val_text(val_at_index(file, 1));
        buf_str(&b, val_text(val_at_index(file, 0)));
        buf_char(&b, '\0');
        buf_printf(&b, "%zu\n", text.n);
        buf_str(&b, text);
    }
    return buf_view(&b);
}

/// The interpreter of the first line as "ansible_NAME_interpreter" may replace it; UNDEF without such a line.
static bool interpreter(struct mod_call *c, const struct foreign *f, struct val *out, struct err *e) {
    struct str line = str_sub(f->text, 0, str_find_char(f->text, 0, '\n'));
    *out = (struct val){.kind = VAL_UNDEF};
    if (!str_starts(line, "#!")) {
        return true;
    }
    struct str rest = str_trim(str_sub(line, 2, line.n));
    struct str path = str_sub(rest, 0, str_find_char(rest, 0, ' '));
    struct str more = str_sub(rest, path.n, rest.n);
    struct str name = path;
    for (size_t i = 0; i < path.n; i++) {
        name = path.s[i] == '/' ? str_sub(path, i + 1, path.n) : name;
    }
    struct str program = name;
    if (str_eqz(name, "env")) {  // "/usr/bin/env python3": the program is what env looks for
        program = str_trim(more);
        program = str_sub(program, 0, str_find_char(program, 0, ' '));
    }
    if (str_starts(program, "python")) {
        program = STR_LIT("python");
    }
    struct val given = {0};
    const char *var = arena_printf(c->arena, "ansible_%.*s_interpreter", STR(program));
    if (!c->ctl->var(c->ctl->self, var, c->arena, &given, e)) {
        return false;
    }
    if (val_is(given, VAL_STR) && !str_starts(val_text(given), "auto")) {
        struct str tail =
            str_eqz(name, "env") ? str_sub(str_trim(more), str_find_char(str_trim(more), 0, ' '), more.n) : more;
        *out = val_printf(c->arena, "%.*s%.*s", STR(val_text(given)), STR(tail));
    } else {
        *out = val_str(c->arena, rest);
    }
    return true;
}

static bool python(struct mod_call *c, const struct foreign *f, struct val call, struct err *e) {
    struct val given = {0};
    if (!c->ctl->var(c->ctl->self, "ansible_python_interpreter", c->arena, &given, e)) {
        return false;
    }
    bool set = val_is(given, VAL_STR) && !str_starts(val_text(given), "auto");
    val_set(c->arena, call, "interpreter", set ? given : val_str(c->arena, f->python));
    val_set(c->arena, call, "fallback", f->python_fallback);
    val_set(c->arena, call, "core", mod_attach(c, pack(c->arena, f->core)));
    val_set(c->arena, call, "own", mod_attach(c, pack(c->arena, f->own)));
    return true;
}

static bool prepare(struct mod_call *c, struct err *e) {
    const struct foreign *f = c->mod->foreign;
    static const char *const styles[] = {[FOREIGN_OLD] = "old",
                                         [FOREIGN_WANT_JSON] = "json",
                                         [FOREIGN_BINARY] = "binary",
                                         [FOREIGN_JSON_ARGS] = "inline",
                                         [FOREIGN_PYTHON] = "python"};
    struct val call = val_dict(c->arena, 12);
    val_set(c->arena, call, "style", val_z(c->arena, styles[f->style]));
    val_set(c->arena, call, "name", val_str(c->arena, f->name));
    val_set(c->arena, call, "fqcn", val_str(c->arena, f->fqcn));
    val_set(c->arena, call, "args", c->args);
    val_set(c->arena, call, "program", mod_attach(c, f->text));
    if (f->style == FOREIGN_PYTHON) {
        if (!python(c, f, call, e)) {
            return false;
        }
    } else {
        struct val words = {0};
        if (!interpreter(c, f, &words, e)) {
            return false;
        }
        val_set(c->arena, call, "interpreter", words);
    }
    c->args = call;
    return true;
}

const struct module *foreign_module(struct arena *a, const struct foreign *f) {
    static const struct arg none[] = {{0}};
    struct module *m = ARENA_NEW(a, struct module);
    *m = (struct module){.doc = "A module of the project.",
                         .spec = f->fqcn.n ? str_z(a, f->fqcn) : str_z(a, f->name),
                         .args = none,
                         .any_args = true,
                         .check = SUPPORT_FULL,
                         .diff = SUPPORT_FULL,
                         .side = ON_TARGET,
                         .prepare = prepare,
                         .target = "_program",
                         .foreign = f};
    return m;
}
