// Cuts a URL into its parts by Python's rules; knows nothing of templates.
#include "filters/urlparts.h"

#include "filters/text.h"

static bool is_alpha(char ch) {
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
}

static void take_scheme(struct arena *a, struct str *url, struct urlparts *p) {
    size_t colon = str_find_char(*url, 0, ':');
    p->scheme = STR_LIT("");
    if (colon == SIZE_MAX || colon == 0 || !is_alpha(url->s[0])) {
        return;
    }
    for (size_t i = 0; i < colon; i++) {
        char ch = url->s[i];
        if (!is_alpha(ch) && !(ch >= '0' && ch <= '9') && !strchr("+-.", ch)) {
            return;
        }
    }
    p->scheme = text_lower(a, str_sub(*url, 0, colon));
    *url = str_sub(*url, colon + 1, url->n);
}

static struct str cut_at(struct str *url, char ch) {
    size_t at = str_find_char(*url, 0, ch);
    if (at == SIZE_MAX) {
        return STR_LIT("");
    }
    struct str tail = str_sub(*url, at + 1, url->n);
    *url = str_sub(*url, 0, at);
    return tail;
}

static void split_netloc(struct arena *a, struct urlparts *p) {
    struct str host = p->netloc;
    size_t at = SIZE_MAX;
    for (size_t i = 0; i < host.n; i++) {
        at = host.s[i] == '@' ? i : at;
    }
    p->username = p->password = p->hostname = p->port = STR_NONE;
    if (at != SIZE_MAX) {
        struct str user = str_sub(host, 0, at);
        size_t colon = str_find_char(user, 0, ':');
        p->username = str_sub(user, 0, colon);
        if (colon != SIZE_MAX) {
            p->password = str_sub(user, colon + 1, user.n);
        }
        host = str_sub(host, at + 1, host.n);
    }
    size_t open = str_find_char(host, 0, '[');
    struct str rest = host;
    if (open != SIZE_MAX) {
        size_t close = str_find_char(host, open, ']');
        p->hostname = str_sub(host, open + 1, close);
        rest = close == SIZE_MAX ? STR_LIT("") : str_sub(host, close + 1, host.n);
    }
    size_t colon = str_find_char(rest, 0, ':');
    if (open == SIZE_MAX) {
        p->hostname = str_sub(rest, 0, colon);
    }
    if (colon != SIZE_MAX && colon + 1 < rest.n) {
        p->port = str_sub(rest, colon + 1, rest.n);
    }
    if (!p->hostname.n) {
        p->hostname = STR_NONE;
    } else {
        size_t zone = str_find_char(p->hostname, 0, '%');
        struct str low = text_lower(a, str_sub(p->hostname, 0, zone));
        struct str parts[2] = {low, zone == SIZE_MAX ? STR_LIT("") : str_sub(p->hostname, zone, p->hostname.n)};
        p->hostname = text_join(a, STR_LIT(""), parts, 2);
    }
}

bool urlparts_split(struct arena *a, struct str url, struct urlparts *p, const char **why) {
    struct buf b = BUF_IN(a);
    while (url.n && (unsigned char)url.s[0] <= ' ') {
        url = str_sub(url, 1, url.n);
    }
    for (size_t i = 0; i < url.n; i++) {
        if (url.s[i] != '\t' && url.s[i] != '\r' && url.s[i] != '\n') {
            buf_char(&b, url.s[i]);
        }
    }
    struct str rest = buf_view(&b);
    take_scheme(a, &rest, p);
    p->netloc = STR_LIT("");
    if (str_starts(rest, "//")) {
        size_t end = 2;
        while (end < rest.n && !strchr("/?#", rest.s[end])) {
            end++;
        }
        p->netloc = str_sub(rest, 2, end);
        rest = str_sub(rest, end, rest.n);
        bool open = str_find_char(p->netloc, 0, '[') != SIZE_MAX, close = str_find_char(p->netloc, 0, ']') != SIZE_MAX;
        if (open != close) {
            *why = "the IPv6 address of the URL has unbalanced brackets";
            return false;
        }
    }
    p->fragment = cut_at(&rest, '#');
    p->query = cut_at(&rest, '?');
    p->path = rest;
    split_netloc(a, p);
    return true;
}
