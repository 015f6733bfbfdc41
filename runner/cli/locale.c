// The locale, as Ansible's tools insist on it: one that exists, with UTF-8. Here it only guards what is promised under
// their names; nothing in this program depends on it.
#include "cli.h"

#include <langinfo.h>
#include <locale.h>

/// Without LC_ALL Python takes the locales C and POSIX for C.UTF-8.
static bool taken_for_utf8(void) {
    const char *all = getenv("LC_ALL");  // NOLINTBEGIN(concurrency-mt-unsafe): no thread runs yet
    const char *name = getenv("LC_CTYPE");
    name = name && *name ? name : getenv("LANG");  // NOLINTEND(concurrency-mt-unsafe)
    bool plain = !name || !*name || strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0;
    return plain && !(all && *all);
}

bool locale_usable(void) {
    locale_t l = newlocale(LC_ALL_MASK, "", (locale_t)0);
    if (!l) {
        fputs("ERROR: Ansible could not initialize the preferred locale: unsupported locale setting\n", stderr);
        return false;
    }
    const char *codeset = nl_langinfo_l(CODESET, l);
    bool ok = strcmp(codeset, "UTF-8") == 0 || taken_for_utf8();
    if (!ok) {
        fprintf(stderr, "ERROR: Ansible requires the locale encoding to be UTF-8; Detected %s.\n", codeset);
    }
    freelocale(l);
    return ok;
}
