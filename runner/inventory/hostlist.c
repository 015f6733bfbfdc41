// The inventory source "host1,host2:2222,": names on the command line.
#include "inv_source.h"

bool inv_parse_host_list(struct inv_source *s, struct err *e) {
    struct str rest = s->path;
    struct str part;
    while (str_next(&rest, ',', &part)) {
        struct str name = str_trim(part);
        uint32_t port = 0;
        if (name.n == 0) {
            continue;
        }
        struct str host;
        if (inv_address(name, false, &host, &port)) {
            name = host;
        } else {
            port = 0;
        }
        if (!inv_host(s->inv, name) && !inv_want_host(s, name, s->inv->ungrouped, port, NO_MARK, e)) {
            return false;
        }
    }
    return true;
}

/// The names of one part. As in Ansible a range that is none is a name, which -vvv tells; bounds that are neither
/// numbers nor letters are an error.
static bool part_names(struct inv_source *s, struct str text, struct host_names *names, struct err *e) {
    if (inv_expand_host(s, text, NO_MARK, names, e)) {
        return true;
    }
    if (e->code != ERR_SYNTAX) {
        return err_wrap(e, NO_MARK, "Failed to parse %.*s, with advanced_host_list", STR(text));
    }
    struct str why = err_text(e);
    inv_remark(s->inv, "Unable to parse address from hostname, leaving unchanged: %.*s", STR(why));
    err_clear(e);
    *names = (struct host_names){0};
    VEC_PUSH(s->o->a, *names, text);
    return true;
}

/// The same with ranges: "web[1:20],db[a:c]:2222".
bool inv_parse_advanced_host_list(struct inv_source *s, struct err *e) {
    struct str rest = s->path;
    struct str part;
    while (str_next(&rest, ',', &part)) {
        struct str text = str_trim(part);
        struct host_names names;
        if (!text.n) {
            continue;
        }
        if (!part_names(s, text, &names, e)) {
            return false;
        }
        for (size_t i = 0; i < names.n; i++) {
            if (!inv_host(s->inv, names.p[i]) &&
                !inv_want_host(s, names.p[i], s->inv->ungrouped, names.port, NO_MARK, e)) {
                return false;
            }
        }
    }
    return true;
}
