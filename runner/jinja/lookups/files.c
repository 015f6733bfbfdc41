// Lookups on files of the controller: file, fileglob, first_found, unvault.
#include "filters/path.h"
#include "filters/text.h"
#include "lookups/common.h"

#include <glob.h>
#include <sys/stat.h>

static struct val file_text(struct jcall *c, struct str text, bool secret) {
    return val_flag(val_str(c->a, text), secret ? VAL_SECRET : 0U);
}

static bool term_text(struct jcall *c, struct str name, struct str *text, bool *secret, struct err *e) {
    struct str path;
    return lk_find(c, "files", name, &path, e) && lk_read(c, path, text, secret, e);
}

static bool plain_term(struct jcall *c, struct str name, struct val list, struct err *e) {
    struct str text;
    bool secret;
    if (!term_text(c, name, &text, &secret, e)) {
        return false;
    }
    val_push(c->a, list, file_text(c, text, secret));
    return true;
}

static bool l_file(struct jcall *c, struct val *out, struct err *e) {
    static const char *const names[] = {"rstrip", "lstrip", NULL};
    bool right = true, left = false;
    if (!lk_bool(c, "rstrip", true, &right, e) || !lk_bool(c, "lstrip", false, &left, e)) {
        return false;
    }
    lk_known(c, names);
    *out = val_list(c->a, lk_terms(c));
    for (size_t i = 0; i < lk_terms(c); i++) {
        struct str name, text;
        bool secret;
        if (!lk_term_str(c, i, &name, e) || !term_text(c, name, &text, &secret, e)) {
            return false;
        }
        text = left ? text_strip(text, STR_NONE, STRIP_LEFT) : text;
        text = right ? text_strip(text, STR_NONE, STRIP_RIGHT) : text;
        val_push(c->a, *out, file_text(c, text, secret));
    }
    return true;
}
LOOKUP(file) = {.doc = "The text of files.",
                .fn = l_file,
                .example = "lookup('file', '/dev/null') == ''",
                .options = "lstrip=False, rstrip=True"};

static bool l_unvault(struct jcall *c, struct val *out, struct err *e) {
    return lk_each_term(c, plain_term, out, e);
}
LOOKUP(unvault) = {
    .doc = "The text of files, decrypted.", .fn = l_unvault, .example = "lookup('unvault', '/dev/null') == ''"};

// -- fileglob --------------------------------------------------------------------------------------------------------

/// Adds the regular files that match `pattern` in `dir`; false when there are none.
static bool glob_in(struct jcall *c, struct str dir, struct str pattern, struct val out) {
    struct str full = path_join2(c->a, dir, pattern);
    glob_t g;
    bool any = false;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): without GLOB_TILDE and GLOB_ALTDIRFUNC it is safe
    if (glob(str_z(c->a, full), GLOB_NOESCAPE, NULL, &g) != 0) {
        return false;
    }
    for (size_t i = 0; i < g.gl_pathc; i++) {
        struct stat st;
        if (stat(g.gl_pathv[i], &st) == 0 && S_ISREG(st.st_mode)) {
            val_push(c->a, out, val_z(c->a, g.gl_pathv[i]));
            any = true;
        }
    }
    globfree(&g);
    return any;
}

/// A pattern without a directory: files/ and the directory itself of each search path.
static bool glob_search(struct jcall *c, struct str pattern, struct val out, struct err *e) {
    struct val paths;
    bool found = false;
    if (!lk_var(c, "ansible_search_path", &paths, &found, e)) {
        return false;
    }
    if (!found || !val_is_seq(paths)) {
        paths = val_list(c->a, 1);
        val_push(c->a, paths, val_str(c->a, lk_basedir(c)));
    }
    for (size_t i = 0; i < val_len(paths); i++) {
        struct str p = text_of(c, val_at_index(paths, i));
        if (glob_in(c, path_join2(c->a, p, STR_LIT("files")), pattern, out) || glob_in(c, p, pattern, out)) {
            return true;
        }
    }
    return true;
}

static bool l_fileglob(struct jcall *c, struct val *out, struct err *e) {
    *out = val_list(c->a, 8);
    for (size_t i = 0; i < lk_terms(c); i++) {
        struct str term, dir;
        if (!lk_term_str(c, i, &term, e)) {
            return false;
        }
        struct str base = path_base(term);
        if (base.n == term.n) {
            if (!glob_search(c, term, *out, e)) {
                return false;
            }
            continue;
        }
        if (lk_find(c, "files", path_dir(term), &dir, e)) {
            glob_in(c, dir, base, *out);
        } else if (e->code != ERR_NOT_FOUND || !c->ctx->host || !c->ctx->host->find) {
            return false;
        } else {
            err_clear(e);
        }
    }
    return true;
}
LOOKUP(fileglob) = {.doc = "Regular files by pattern, one directory deep.",
                    .fn = l_fileglob,
                    .example = "query('fileglob', '/etc/host[s]') == ['/etc/hosts']"};

// -- first_found -----------------------------------------------------------------------------------------------------

struct found {
    struct jcall *c;
    struct val search;  // names to try, in order
    bool skip;
};

/// A string cut at `chars`, or the strings of a list cut so.
static bool split_on(struct jcall *c, struct val v, const char *chars, struct val out, struct err *e) {
    if (v.kind == VAL_STR) {
        struct str s = val_text(v);
        size_t start = 0;
        for (size_t i = 0; i <= s.n; i++) {
            // A template is one name, whatever is inside it.
            bool cut = i == s.n || (s.s[i] && strchr(chars, s.s[i]) && !(v.flags & VAL_TMPL));
            if (cut) {
                val_push(c->a, out, val_flag(val_str(c->a, str_sub(s, start, i)), v.flags));
                start = i + 1;
            }
        }
        return true;
    }
    if (!val_is_seq(v)) {
        return bad_arg(c, e, "files", "a string or a list", v);
    }
    for (size_t i = 0; i < val_len(v); i++) {
        if (!split_on(c, val_at_index(v, i), chars, out, e)) {
            return false;
        }
    }
    return true;
}

static bool given(struct val v) {
    return v.kind != VAL_NULL && !is_undef(v);
}

/// Options of one term: from the term itself when it is a dictionary, else from the call.
static bool add_files(struct found *f, struct val opts, struct val term, struct err *e) {
    struct jcall *c = f->c;
    struct val files = val_get(opts, "files"), paths = val_get(opts, "paths"), skip = val_get(opts, "skip");
    struct val names = val_list(c->a, 4), dirs = val_list(c->a, 4);
    f->skip = given(skip) && val_as_bool(skip, &f->skip) && f->skip;
    if ((given(files) && !split_on(c, files, ",;", names, e)) ||
        (given(paths) && !split_on(c, paths, ",:;", dirs, e))) {
        return false;
    }
    for (size_t d = 0; d < val_len(dirs); d++) {
        for (size_t n = 0; n < val_len(names); n++) {
            struct val dir = val_at_index(dirs, d), name = val_at_index(names, n);
            struct str full = path_join2(c->a, val_text(dir), val_text(name));
            unsigned flags = (dir.flags | name.flags) & (VAL_TRUSTED | VAL_TMPL);
            val_push(c->a, f->search, val_flag(val_str(c->a, full), flags));
        }
    }
    for (size_t n = 0; !val_len(dirs) && n < val_len(names); n++) {
        val_push(c->a, f->search, val_at_index(names, n));
    }
    if (!val_len(dirs) && !val_len(names)) {
        val_push(c->a, f->search, term);
    }
    return true;
}

static bool add_terms(struct found *f, struct val terms, struct err *e) {
    for (size_t i = 0; i < val_len(terms); i++) {
        struct val t = val_at_index(terms, i);
        bool ok;
        if (t.kind == VAL_DICT) {
            ok = add_files(f, t, t, e);
        } else if (t.kind == VAL_STR) {
            ok = add_files(f, f->c->kwargs, t, e);
        } else if (val_is_seq(t)) {
            ok = add_terms(f, t, e);
        } else {
            ok = bad_arg(f->c, e, "term", "a string, a dictionary or a list of them", t);
        }
        if (!ok) {
            return false;
        }
    }
    return true;
}

/// *path is empty when the name is undefined or no such file exists.
static bool try_name(struct jcall *c, struct val name, const char *kind, struct str *path, struct err *e) {
    *path = STR_NONE;
    if (name.flags & VAL_TMPL) {
        if (!jinja_string(c->ctx, name, &name, e)) {
            bool undefined = e->code == ERR_UNDEFINED;
            if (undefined) {
                err_clear(e);
            }
            return undefined;
        }
    }
    if (name.kind != VAL_STR) {
        return bad_arg(c, e, "term", "the name of a file", name);
    }
    if (lk_find(c, kind, val_text(name), path, e)) {
        return true;
    }
    *path = STR_NONE;
    if (e->code != ERR_NOT_FOUND || !c->ctx->host || !c->ctx->host->find) {
        return false;
    }
    err_clear(e);
    return true;
}

static bool l_first_found(struct jcall *c, struct val *out, struct err *e) {
    static const char *const names[] = {"files", "paths", "skip", NULL};
    struct found f = {.c = c, .search = val_list(c->a, 8)};
    struct str kind;
    bool skip = false;
    lk_known(c, names);
    if (!lk_str(c, "_subdir", STR_LIT("files"), &kind, e) || !lk_bool(c, "skip", false, &skip, e)) {
        return false;
    }
    if (!lk_terms(c) && lk_given(c, "files")) {
        if (!add_files(&f, c->kwargs, VNULL, e)) {
            return false;
        }
    } else if (!add_terms(&f, c->args[0], e)) {
        return false;
    }
    *out = val_list(c->a, 1);
    for (size_t i = 0; i < val_len(f.search); i++) {
        struct str path;
        if (!try_name(c, val_at_index(f.search, i), str_z(c->a, kind), &path, e)) {
            return false;
        }
        if (path.s) {
            val_push(c->a, *out, val_str(c->a, path));
            return true;
        }
    }
    return f.skip || skip || plug_err(c, e, ERR_NOT_FOUND, "none of %zu files was found", val_len(f.search));
}
LOOKUP(first_found) = {.doc = "The first file that exists.",
                       .fn = l_first_found,
                       .example = "lookup('first_found', ['/nosuch', '/etc/passwd']) == '/etc/passwd'",
                       .options = "files=[], paths=[], skip=False"};
