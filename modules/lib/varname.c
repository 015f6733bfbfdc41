// Which names a variable may have: ASCII identifiers that Python does not reserve.
#include "varname.h"

bool var_name_ok(struct str name) {
    static const char *const reserved[] = {
        "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
        "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
        "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
        "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield",
    };
    if (!name.n || (name.s[0] >= '0' && name.s[0] <= '9')) {
        return false;
    }
    for (size_t i = 0; i < name.n; i++) {
        char c = name.s[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(c >= '0' && c <= '9')) {
            return false;
        }
    }
    for (size_t i = 0; i < COUNTOF(reserved); i++) {
        if (str_eqz(name, reserved[i])) {
            return false;
        }
    }
    return true;
}
