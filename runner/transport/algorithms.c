// Lists of algorithms as ssh_config has them: libssh (0.10) takes whole lists only, not what is to be added to the
// usual ones (+), taken out of them (-) or put before them (^).
#include "ssh.h"

static void add(struct buf *out, struct str name) {
    if (name.n) {
        buf_printf(out, "%s%.*s", out->n ? "," : "", STR(name));
    }
}

/// Appends the names of `list`, without those that are in `without` already or that its patterns match.
static void add_all(struct buf *out, const char *list, struct str without) {
    struct str rest = str_from(list);
    struct str name;
    while (str_next(&rest, ',', &name)) {
        char text[128] = "";
        name = str_trim(name);
        if (name.n < sizeof text) {
            memcpy(text, name.s, name.n);
            if (!without.n || !sshconf_match(without, ',', text)) {
                add(out, name);
            }
        }
    }
}

const char *algorithms(struct arena *a, const char *given, const char *usual) {
    struct buf out = BUF_IN(a);
    if (!given || !*given || !strchr("+-^", *given)) {
        return given;
    }
    struct str own = str_from(given + 1);
    if (*given == '^') {
        add_all(&out, given + 1, STR_NONE);
    }
    add_all(&out, usual, *given == '+' ? STR_NONE : own);
    if (*given == '+') {
        add_all(&out, given + 1, str_from(usual));
    }
    return out.n ? buf_view(&out).s : "";
}
