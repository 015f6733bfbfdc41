// The one error type. Libraries fill it, only output/ prints it.
#pragma once
#include "mark.h"

enum err_code {
    ERR_NONE,
    ERR_SYNTAX,       // text from the user cannot be read: YAML, Jinja, INI, k=v
    ERR_UNDEFINED,    // a variable, attribute or item does not exist (a `default` filter may rescue it)
    ERR_TYPE,         // a value of the wrong type met an operator, filter or keyword
    ERR_ARGS,         // a wrong option, keyword or module argument
    ERR_NOT_FOUND,    // a file, role, host, module, filter ... does not exist
    ERR_UNREACHABLE,  // connection, host key, authentication
    ERR_TIMEOUT,      // a deadline fired
    ERR_VAULT,        // wrong password or damaged vault data
    ERR_LIMIT,        // a cap was hit: depth, size, backtracking
    ERR_MODULE,       // a module failed on purpose
    ERR_SYS,          // the system refused: sys_errno says why
};

struct err {
    struct arena *arena;  // where msg and cause are allocated; set by the caller
    enum err_code code;
    int sys_errno;  // 0 unless code == ERR_SYS
    struct mark at;
    const char *msg;
    const char *hint;   // what to do, or NULL
    struct err *cause;  // what failed underneath, or NULL
};

/// Records a failure. Always returns false, so callers write `return err_set(...)`.
bool err_set(struct err *e, enum err_code code, struct mark at, const char *fmt, ...) PRINTF_LIKE(4, 5);
/// As err_set with ERR_SYS: appends ": strerror(errno_)".
bool err_sys(struct err *e, int errno_, struct mark at, const char *fmt, ...) PRINTF_LIKE(4, 5);
/// Pushes an outer message ("while ...") on top of a failure already recorded. Returns false.
bool err_wrap(struct err *e, struct mark at, const char *fmt, ...) PRINTF_LIKE(3, 4);
/// Adds what the user can do about it. Returns false.
bool err_hint(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
// The compilers cannot see that these always return false; said here, they know that what a failure leaves unset is not
// used.
static inline bool err_false(bool always_false) {
    (void)always_false;
    return false;
}
#define err_set(...)  err_false(err_set(__VA_ARGS__))
#define err_sys(...)  err_false(err_sys(__VA_ARGS__))
#define err_wrap(...) err_false(err_wrap(__VA_ARGS__))
#define err_hint(...) err_false(err_hint(__VA_ARGS__))
/// Forgets a failure that was handled.
void err_clear(struct err *e);
/// The innermost message with a place, for tests and one-line uses: "msg: cause: cause". In e->arena.
struct str err_text(const struct err *e);
