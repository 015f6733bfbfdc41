// The verb git-setup: tells the git repository around us to use vault for diffs and merges.
#include "spawn.h"
#include "tool.h"

#include <limits.h>
#include <unistd.h>

static bool git(struct tool *t, const char *a, const char *b, const char *c) {
    const char *argv[] = {"git", a, b, c, NULL};
    struct spawn s = {.argv = argv};
    struct spawn_result r;
    return spawn_run(&s, t->a, &r, t->e) && (r.status == 0 || err_set(t->e, ERR_VAULT, NO_MARK, "git %s failed: %.*s",
                                                                      a, STR(str_trim(r.err.n > 0 ? r.err : r.out))));
}

static const char *shell_quoted(struct tool *t, const char *path) {
    struct str q = str_replace(t->a, str_from(path), STR_LIT("'"), STR_LIT("'\\''"));
    return arena_printf(t->a, "'%.*s'", STR(q));
}

static bool add_attributes(struct tool *t) {
    struct str text = STR_NONE;
    if (access(".gitattributes", F_OK) == 0 && !fd_read_file(".gitattributes", 1 << 20, t->a, &text, t->e)) {
        return false;
    }
    struct buf b = BUF_IN(t->a);
    buf_str(&b, text);
    if (text.n > 0 && !str_ends(text, "\n")) {
        buf_char(&b, '\n');
    }
    for (size_t i = 0; i < t->files.n; i++) {
        struct str line = str_printf(t->a, "%s diff=vault merge=vault\n", t->files.p[i]);
        size_t at = str_find(text, 0, line);
        if (at == SIZE_MAX || (at > 0 && text.s && text.s[at - 1] != '\n')) {
            buf_str(&b, line);
        }
    }
    return b.n == text.n || tool_write(t, ".gitattributes", buf_view(&b), 07777);
}

int verb_git_setup(struct tool *t) {
    static const char *const usual[] = {"*vault*", "*secret*", "group_vars/**", "host_vars/**"};
    char self[PATH_MAX] = {0};
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) {
        return tool_refuse(EXIT_ERROR, "cannot find this program's path", NULL);
    }
    bool none = t->files.n == 0;
    for (size_t i = 0; i < COUNTOF(usual) && none; i++) {
        tool_add(t, &t->files, usual[i]);
    }
    const char *exe = shell_quoted(t, self);
    // git must not cache what textconv prints: the cache is a plaintext in the repository.
    if (!git(t, "rev-parse", "--git-dir", NULL) ||
        !git(t, "config", "diff.vault.textconv", arena_printf(t->a, "%s textconv", exe)) ||
        !git(t, "config", "diff.vault.cachetextconv", "false") ||
        !git(t, "config", "merge.vault.name", "vaulted files") ||
        !git(t, "config", "merge.vault.driver", arena_printf(t->a, "%s merge-driver %%O %%A %%B %%P", exe)) ||
        !add_attributes(t)) {
        return tool_complain(t->e, NULL);
    }
    tool_tell("git uses vault for the patterns in .gitattributes");
    return EXIT_OK;
}
