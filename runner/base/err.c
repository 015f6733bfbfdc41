// Error records, see err.h.
#include "err.h"

#include <stdarg.h>

#undef err_set
#undef err_sys
#undef err_wrap
#undef err_hint

PRINTF_LIKE(2, 0)
static const char *vfmt(struct arena *a, const char *fmt, va_list ap) {
    char tmp[512];
    va_list copy;
    va_copy(copy, ap);
    int n = vsnprintf(tmp, sizeof tmp, fmt, copy);
    va_end(copy);
    if (n < 0) {
        return "(unprintable message)";
    }
    if ((size_t)n < sizeof tmp) {
        return arena_strndup(a, tmp, (size_t)n);
    }
    char *big = arena_alloc(a, (size_t)n + 1);
    vsnprintf(big, (size_t)n + 1, fmt, ap);
    return big;
}

bool err_set(struct err *e, enum err_code code, struct mark at, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    *e = (struct err){.arena = e->arena, .code = code, .at = at, .msg = vfmt(e->arena, fmt, ap)};
    va_end(ap);
    return false;
}

bool err_sys(struct err *e, int errno_, struct mark at, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    const char *msg = vfmt(e->arena, fmt, ap);
    va_end(ap);
    char text[128];
    const char *why = strerror_r(errno_, text, sizeof text);
    *e = (struct err){.arena = e->arena,
                      .code = ERR_SYS,
                      .sys_errno = errno_,
                      .at = at,
                      .msg = arena_printf(e->arena, "%s: %s", msg, why)};
    return false;
}

bool err_wrap(struct err *e, struct mark at, const char *fmt, ...) {
    struct err *inner = ARENA_NEW(e->arena, struct err);
    *inner = *e;
    va_list ap;
    va_start(ap, fmt);
    *e = (struct err){.arena = inner->arena,
                      .code = inner->code,
                      .sys_errno = inner->sys_errno,
                      .at = at,
                      .msg = vfmt(inner->arena, fmt, ap),
                      .cause = inner};
    va_end(ap);
    return false;
}

bool err_hint(struct err *e, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    e->hint = vfmt(e->arena, fmt, ap);
    va_end(ap);
    return false;
}

void err_clear(struct err *e) {
    *e = (struct err){.arena = e->arena};
}

struct str err_text(const struct err *e) {
    struct str out = str_from(e->msg ? e->msg : "");
    for (const struct err *c = e->cause; c; c = c->cause) {
        out = str_printf(e->arena, "%.*s: %s", STR(out), c->msg);
    }
    return out;
}

void bug_at(const char *file, int line, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "play: internal error at %s:%d: ", file, line);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    abort();
}
