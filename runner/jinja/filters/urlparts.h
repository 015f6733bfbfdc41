// A URL cut as Python's urllib.parse.urlsplit cuts it.
#pragma once
#include "str.h"

struct urlparts {
    struct str scheme, netloc, path, query, fragment;
    struct str username, password, hostname, port;  // s == NULL: none
};
/// False for a netloc with unbalanced brackets; `*why` says so.
bool urlparts_split(struct arena *a, struct str url, struct urlparts *p, const char **why);
