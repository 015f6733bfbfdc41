// Errors that end a command, and what exit code they give.
#include "cli.h"

#include <unistd.h>

int cli_report(const struct err *e, int code) {
    render_err(stderr, e, isatty(STDERR_FILENO) != 0 && !getenv("NO_COLOR"));
    return code;
}

// The same once secrets may be known: masked.
int cli_report_in(const struct session *x, const struct err *e, int code) {
    if (!x->output) {
        return cli_report(e, code);
    }
    output_event(x->output, &(struct event){.kind = EV_ERROR, .err = e});
    return code;
}

// Exit code of an error before anything ran: 4 when the user's files or words cannot be read, else 1.
int cli_error_code(const struct err *e) {
    switch (e->code) {
    case ERR_SYNTAX:
    case ERR_ARGS:
    case ERR_UNDEFINED:
    case ERR_TYPE:
        return 4;
    case ERR_NONE:
    case ERR_NOT_FOUND:
    case ERR_UNREACHABLE:
    case ERR_TIMEOUT:
    case ERR_VAULT:
    case ERR_LIMIT:
    case ERR_MODULE:
    case ERR_SYS:
        break;
    }
    return 1;
}
