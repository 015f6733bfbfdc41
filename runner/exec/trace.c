// What -vvv tells about connections, in the words that Ansible has for it.
#include "exec.h"

enum { LEVEL = 3 };

static void tell(struct run *r, struct str text) {
    output_event(r->o->output, &(struct event){.kind = EV_VERBOSE, .level = LEVEL, .name = text});
}

static const char *where(const struct conn_spec *s) {
    return strcmp(s->kind, "local") == 0 ? "127.0.0.1" : (s->address ? s->address : s->host);
}

static void tell_ssh(struct run *r, struct arena *a, const struct conn_spec *s) {
    struct buf b = BUF_IN(a);
    if (s->port) {
        buf_printf(&b, " port %d", s->port);
    }
    if (s->key_file) {
        buf_printf(&b, " key %s", s->key_file);
    }
    if (s->ssh_args) {
        buf_printf(&b, " %s", s->ssh_args);
    }
    if (b.n) {
        tell(r, str_printf(a, "<%s> SSH:%.*s", where(s), STR(buf_view(&b))));
    }
}

void trace_connection(struct run *r, const struct login *l) {
    const struct conn_spec *s = &l->spec;
    if (r->o->verbosity < LEVEL) {
        return;
    }
    struct arena a = {0};
    bool ssh = strcmp(s->kind, "ssh") == 0;
    const char *kind = ssh ? "SSH" : (strcmp(s->kind, "local") == 0 ? "LOCAL" : s->kind);
    const char *at = where(s);
    tell(r, str_printf(&a, "<%s> ESTABLISH %s CONNECTION FOR USER: %s", at, kind, s->user ? s->user : "None"));
    if (ssh) {
        tell_ssh(r, &a, s);
    }
    arena_release(&a);
}

void trace_become(struct run *r, const struct login *l) {
    const struct conn_become *b = &l->become;
    if (r->o->verbosity < LEVEL || !l->use_become) {
        return;
    }
    struct arena a = {0};
    const char *method = b->method ? b->method : "sudo";
    const char *flags = b->flags ? b->flags : (strcmp(method, "sudo") == 0 ? "-H -S -n" : "");
    tell(r, str_printf(&a, "<%s> BECOME: %s %s%s-u %s", where(&l->spec), b->exe ? b->exe : method, flags,
                       *flags ? " " : "", b->user ? b->user : "root"));
    arena_release(&a);
}
