// The lookup collection_version of community.general: which version of a collection is installed.
#include "fd.h"
#include "json.h"
#include "load.h"
#include "lookups/common.h"

#include <sys/stat.h>

#define META_CAP ((size_t)16 << 20)

static bool is_dir(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/// The directory of a collection, "" when it is nowhere: beside the playbook, then where the settings say.
static struct str find_collection(struct jcall *c, struct str space, struct str name) {
    const struct jinja_host *h = c->ctx->host;
    struct setting_query q = {.name = STR_LIT("COLLECTIONS_PATHS"), .given = {.kind = VAL_UNDEF}};
    struct val roots = val_list(c->a, 4), set = {0};
    val_push(c->a, roots, val_str(c->a, str_printf(c->a, "%.*s/collections", STR(lk_basedir(c)))));
    if (h && h->setting && h->setting(h->self, &q, c->a, &set)) {
        for (size_t i = 0; val_is_seq(set) && i < val_len(set); i++) {
            val_push(c->a, roots, val_at_index(set, i));
        }
    }
    for (size_t i = 0; i < val_len(roots); i++) {
        struct str root = val_text(val_at_index(roots, i));
        const char *inner = str_ends(root, "ansible_collections") ? "" : "/ansible_collections";
        struct str dir = str_printf(c->a, "%.*s%s/%.*s/%.*s", STR(root), inner, STR(space), STR(name));
        if (is_dir(str_z(c->a, dir))) {
            return dir;
        }
    }
    return STR_LIT("");
}

static struct val member(struct val d, const char *name) {
    return d.kind == VAL_DICT ? val_get(d, name) : (struct val){.kind = VAL_UNDEF};
}

/// The version that MANIFEST.json or galaxy.yml tells; an undefined value when there is none.
static bool read_version(struct jcall *c, struct str dir, struct val *out, struct err *e) {
    struct str text;
    struct val meta = {0};
    struct err mine = {.arena = c->a};
    const char *manifest = arena_printf(c->a, "%.*s/MANIFEST.json", STR(dir));
    *out = (struct val){.kind = VAL_UNDEF};
    if (fd_read_file(manifest, META_CAP, c->a, &text, &mine)) {
        if (!json_parse(c->a, text, &meta, e)) {
            return err_wrap(e, c->at, "in %s", manifest);
        }
        *out = member(member(meta, "collection_info"), "version");
        return out->kind == VAL_STR || plug_err(c, e, ERR_NOT_FOUND, "%s names no version", manifest);
    }
    err_clear(&mine);
    const char *galaxy = arena_printf(c->a, "%.*s/galaxy.yml", STR(dir));
    if (!fd_read_file(galaxy, META_CAP, c->a, &text, &mine)) {
        return true;
    }
    struct yaml_opts o = {0};
    if (!yaml_load(NULL, text, &o, c->a, &meta, e)) {
        return err_wrap(e, c->at, "in %s", galaxy);
    }
    *out = member(meta, "version");
    return true;
}

static bool is_word(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.s[i];
        if (!(ch >= '0' && ch <= '9') && !(ch >= 'a' && ch <= 'z') && !(ch >= 'A' && ch <= 'Z') && ch != '_') {
            return false;
        }
    }
    return s.n > 0;
}

static bool one_version(struct jcall *c, struct str term, struct val list, struct err *e) {
    size_t dot = str_find_char(term, 0, '.');
    struct val missing = lk_given(c, "result_not_found") ? lk_opt(c, "result_not_found") : VNULL, v = {0};
    struct str none;
    if (dot == SIZE_MAX || !is_word(str_sub(term, 0, dot)) || !is_word(str_sub(term, dot + 1, term.n))) {
        return plug_err(c, e, ERR_ARGS, "'%.*s' is not the name of a collection, as in 'community.general'", STR(term));
    }
    if (!lk_str(c, "result_no_version", STR_LIT("*"), &none, e)) {
        return false;
    }
    struct str dir = find_collection(c, str_sub(term, 0, dot), str_sub(term, dot + 1, term.n));
    if (!dir.n) {
        val_push(c->a, list, missing);
        return true;
    }
    if (!read_version(c, dir, &v, e)) {
        return false;
    }
    bool told = v.kind != VAL_UNDEF && v.kind != VAL_NULL && val_truth(v);
    val_push(c->a, list, told ? v : val_str(c->a, none));
    return true;
}

static bool l_collection_version(struct jcall *c, struct val *out, struct err *e) {
    static const char *const names[] = {"result_not_found", "result_no_version", NULL};
    lk_known(c, names);
    return lk_each_term(c, one_version, out, e);
}
LOOKUP(collection_version) = {
    .doc = "The installed version of collections.",
    .fn = l_collection_version,
    .fqcn = "community.general.collection_version",
    .options = "result_not_found=None, result_no_version='*'",
    .example = "lookup('community.general.collection_version', 'no.such', result_not_found='none') == 'none'"};
