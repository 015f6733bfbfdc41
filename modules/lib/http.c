// libcurl with everything that could surprise switched off: other protocols, endless answers.
#include "http.h"

#include "ca.h"
#include "ciphers.h"

#include "fd.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#define BODY_MAX   ((size_t)64 << 20)
#define HEADER_MAX ((size_t)256 << 10)
#define HOPS_MAX   10

struct transfer {
    struct mod_call *c;
    const struct http_request *q;
    struct http_response *r;
    CURL *h;
    struct buf body;
    const char *url, *method;  // of this hop
    bool with_body, own_host;  // the request's body and password are (still) sent
    int hops;
    size_t header_bytes;
    int write_errno;
    bool too_large;
};

static bool follows(const struct transfer *t, long status) {
    bool safe = strcmp(t->q->method, "GET") == 0 || strcmp(t->q->method, "HEAD") == 0;
    bool post = strcmp(t->q->method, "POST") == 0 && status < 304;
    switch (t->q->follow) {
    case HTTP_FOLLOW_ALL:
        return true;
    case HTTP_FOLLOW_SAFE:
        return safe;
    case HTTP_FOLLOW_URLLIB:
        return safe || post;
    case HTTP_FOLLOW_NONE:
        break;
    }
    return false;
}

// Whether the answer that is coming in leads elsewhere and that is allowed.
static bool is_redirect(struct transfer *t) {
    long status = 0;
    curl_easy_getinfo(t->h, CURLINFO_RESPONSE_CODE, &status);
    bool moved = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    return moved && follows(t, status) && val_has(t->r->headers, "location");
}

static size_t on_body(char *p, size_t size, size_t n, void *self) {
    struct transfer *t = self;
    size_t len = size * n;
    if (is_redirect(t)) {
        return len;  // nobody asked for the page that says "moved"
    }
    t->r->size += (int64_t)len;
    if (t->q->out_fd >= 0) {
        struct err e = {.arena = t->c->arena};
        if (!fd_write_all(t->q->out_fd, (struct str){p, len}, &e)) {
            t->write_errno = e.sys_errno;
            return 0;
        }
        return len;
    }
    buf_add(&t->body, p, len);
    t->too_large = t->body.full;
    return t->too_large ? 0 : len;
}

static void add_cookie(struct transfer *t, struct str value) {
    struct str pair = str_sub(value, 0, str_find_char(value, 0, ';'));
    size_t eq = str_find_char(pair, 0, '=');
    if (eq != SIZE_MAX) {
        val_set_str(t->c->arena, t->r->cookies, str_trim(str_sub(pair, 0, eq)),
                    val_str(t->c->arena, str_trim(str_sub(pair, eq + 1, pair.n))));
    }
}

static size_t on_header(char *p, size_t size, size_t n, void *self) {  // NOLINT(readability-non-const-parameter)
    struct transfer *t = self;
    struct str line = str_trim((struct str){p, size * n});
    t->header_bytes += size * n;
    if (t->header_bytes > HEADER_MAX) {
        t->too_large = true;
        return 0;
    }
    if (str_starts(line, "HTTP/")) {
        // A new answer (after a redirect or a 100): only the last one counts.
        t->r->headers = val_dict(t->c->arena, 16);
        size_t space = str_find_char(line, 0, ' ');
        size_t second = space == SIZE_MAX ? SIZE_MAX : str_find_char(line, space + 1, ' ');
        t->r->reason = second == SIZE_MAX ? STR_LIT("") : str_dup(t->c->arena, str_sub(line, second + 1, line.n));
        return size * n;
    }
    size_t colon = str_find_char(line, 0, ':');
    if (colon != SIZE_MAX) {
        char *name = str_z(t->c->arena, str_sub(line, 0, colon));
        for (char *s = name; *s; s++) {
            *s = (char)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s);
        }
        struct str value = str_trim(str_sub(line, colon + 1, line.n));
        struct str old = val_text(val_get(t->r->headers, name));
        struct str both = old.s ? str_printf(t->c->arena, "%.*s, %.*s", STR(old), STR(value)) : value;
        val_set(t->c->arena, t->r->headers, name, val_str(t->c->arena, both));
        if (strcmp(name, "set-cookie") == 0) {
            add_cookie(t, value);
        }
    }
    return size * n;
}

static bool same_name(struct str a, struct str b) {
    return a.n == b.n && strncasecmp(a.s, b.s, a.n) == 0;
}

/// A header that the user wants sent with the first request only, and this is another.
static bool only_first(const struct transfer *t, struct str name) {
    for (size_t i = 0; t->hops > 0 && i < val_len(t->q->unredirected); i++) {
        if (same_name(name, val_text(val_at_index(t->q->unredirected, i)))) {
            return true;
        }
    }
    return false;
}

// Headers that must not go to another host, and those the user wants sent only once.
static bool withheld(const struct transfer *t, struct str name) {
    bool private = same_name(name, STR_LIT("Authorization")) || same_name(name, STR_LIT("Cookie"));
    return only_first(t, name) || (private && !t->own_host);
}

// Text without a line end; numbers and booleans become text.
static bool good_header(const struct transfer *t, const struct vpair *p, struct err *e) {
    struct mod_call *c = t->c;
    struct str k = val_str_of(c->arena, p->key);
    struct str v = val_str_of(c->arena, p->value);
    if (p->value.kind != VAL_STR && p->value.kind != VAL_INT && p->value.kind != VAL_BOOL) {
        return mod_fail(c, e, "%sthe value of header '%.*s' is a %s, expected text",
                        t->q->fail_prefix ? t->q->fail_prefix : "", STR(k), val_kind_name(p->value.kind));
    }
    bool bad = str_find_char(k, 0, '\n') != SIZE_MAX || str_find_char(v, 0, '\n') != SIZE_MAX ||
               str_find_char(v, 0, '\r') != SIZE_MAX || str_find_char(k, 0, '\r') != SIZE_MAX;
    return !bad || mod_fail(c, e, "header '%.*s' contains a line end", STR(k));
}

// A request that could have a body and has none: some servers refuse it without a length.
static bool wants_length(const struct transfer *t) {
    bool could = strcmp(t->method, "POST") == 0 || strcmp(t->method, "PUT") == 0 || strcmp(t->method, "PATCH") == 0;
    size_t i = 0;
    for (struct vpair *p; (p = val_each(t->q->headers, &i));) {
        could = could && !same_name(val_text(p->key), STR_LIT("Content-Length"));
    }
    return could && !t->with_body;
}

static bool header_list(struct transfer *t, struct curl_slist **list, struct err *e) {
    struct mod_call *c = t->c;
    struct val headers = t->q->headers;
    static const char *const plain[] = {"Accept", "Accept-Encoding", "Connection", "Cache-Control"};
    bool given[COUNTOF(plain)] = {false};
    size_t i = 0;
    for (struct vpair *p; (p = val_each(headers, &i));) {
        struct str k = val_str_of(c->arena, p->key);
        struct str v = val_str_of(c->arena, p->value);
        if (!good_header(t, p, e)) {
            return false;
        }
        for (size_t n = 0; n < COUNTOF(plain); n++) {
            given[n] = given[n] || same_name(k, str_from(plain[n]));
        }
        bool of_body = same_name(k, STR_LIT("Content-Type")) || same_name(k, STR_LIT("Content-Length"));
        if (withheld(t, k) || (of_body && t->q->body.s && !t->with_body)) {
            continue;
        }
        // "Name;" sends a header without a value.
        const char *line =
            v.n ? arena_printf(c->arena, "%.*s: %.*s", STR(k), STR(v)) : arena_printf(c->arena, "%.*s;", STR(k));
        *list = curl_slist_append(*list, line);
    }
    if (!given[0]) {
        *list = curl_slist_append(*list, "Accept:");
    }
    if (!given[1]) {
        *list = curl_slist_append(*list, "Accept-Encoding: identity");
    }
    if (!given[2]) {
        *list = curl_slist_append(*list, "Connection: close");
    }
    if (t->q->fresh && !given[3]) {
        *list = curl_slist_append(*list, "Cache-Control: no-cache");
    }
    if (t->q->modified_since) {
        // Not by libcurl's condition: it would leave out what a server sends all the same.
        const time_t at = (time_t)t->q->modified_since;
        struct tm utc;
        char line[64];
        gmtime_r(&at, &utc);
        strftime(line, sizeof line, "If-Modified-Since: %a, %d %b %Y %H:%M:%S GMT", &utc);
        *list = curl_slist_append(*list, line);
    }
    if (wants_length(t)) {
        *list = curl_slist_append(*list, "Content-Length: 0");
    }
    if (t->with_body && val_get(headers, "Expect").kind == VAL_UNDEF) {
        *list = curl_slist_append(*list, "Expect:");
    }
    return true;
}

// What is set in the TLS configuration of a transfer.
struct tls_hook {
    const int *suites;    // NULL: the library's
    struct in6_addr *ip;  // the host, when it is given by its address and its certificate is checked; NULL: not
};

// mbedTLS does not compare the addresses of a certificate, so a host given by its address is looked up here.
static int on_certificate(void *self, mbedtls_x509_crt *crt, int depth, uint32_t *flags) {
    const struct in6_addr *ip = self;
    size_t n = IN6_IS_ADDR_V4MAPPED(ip) ? 4 : 16;
    const unsigned char *want = n == 4 ? ip->s6_addr + 12 : ip->s6_addr;
    for (const mbedtls_x509_sequence *s = &crt->subject_alt_names; depth == 0 && s; s = s->next) {
        bool address = (s->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) == MBEDTLS_X509_SAN_IP_ADDRESS;
        if (address && s->buf.len == n && memcmp(s->buf.p, want, n) == 0) {
            *flags &= ~(uint32_t)MBEDTLS_X509_BADCERT_CN_MISMATCH;
        }
    }
    return 0;
}

static CURLcode on_tls(CURL *h, void *conf, void *self) {
    const struct tls_hook *hook = self;
    (void)h;
    if (hook->ip) {
        mbedtls_ssl_conf_verify(conf, on_certificate, hook->ip);
    }
    if (hook->suites) {
        cipher_offer(conf, hook->suites);
    }
    return CURLE_OK;
}

static char *url_part(struct arena *a, const char *url, CURLUPart part) {
    CURLU *u = curl_url();
    char *text = NULL;
    char *out = NULL;
    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, part, &text, part == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0) == CURLUE_OK) {
        out = arena_strndup(a, text, strlen(text));
    }
    curl_free(text);
    curl_url_cleanup(u);
    return out;
}

static struct in6_addr *address_of_host(struct transfer *t) {
    char *host = url_part(t->c->arena, t->url, CURLUPART_HOST);
    struct in_addr v4;
    struct in6_addr *ip = ARENA_NEW(t->c->arena, struct in6_addr);
    struct str h = str_from(host ? host : "");
    const char *bare = str_starts(h, "[") ? str_z(t->c->arena, str_sub(h, 1, h.n - 1)) : h.s;
    bool found = inet_pton(AF_INET6, bare, ip) == 1;
    if (!found && inet_pton(AF_INET, bare, &v4) == 1) {
        found = true;
        ip->s6_addr[10] = 0xff;
        ip->s6_addr[11] = 0xff;
        memcpy(ip->s6_addr + 12, &v4, sizeof v4);
    }
    return found ? ip : NULL;
}

static void set_tls_hook(struct transfer *t) {
    struct tls_hook *hook = ARENA_NEW(t->c->arena, struct tls_hook);
    hook->suites = t->q->suites;
    hook->ip = t->q->validate_certs ? address_of_host(t) : NULL;
    if (hook->suites || hook->ip) {
        curl_easy_setopt(t->h, CURLOPT_SSL_CTX_FUNCTION, on_tls);
        curl_easy_setopt(t->h, CURLOPT_SSL_CTX_DATA, hook);
    }
}

static void set_tls(CURL *h, const struct http_request *q) {
    curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, q->validate_certs ? 1L : 0L);
    curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, q->validate_certs ? 2L : 0L);
    const char *ca = q->ca_path ? q->ca_path : ca_bundle_path();
    if (ca) {
        curl_easy_setopt(h, CURLOPT_CAINFO, ca);
    }
    if (q->client_cert) {
        curl_easy_setopt(h, CURLOPT_SSLCERT, q->client_cert);
        curl_easy_setopt(h, CURLOPT_SSLKEY, q->client_key ? q->client_key : q->client_cert);
    }
}

static void set_method(const struct transfer *t) {
    const struct http_request *q = t->q;
    bool head = q->head || strcmp(t->method, "HEAD") == 0;
    bool get = strcmp(t->method, "GET") == 0;
    if (t->with_body) {
        curl_easy_setopt(t->h, CURLOPT_POSTFIELDS, q->body.s);
        curl_easy_setopt(t->h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
    } else {
        curl_easy_setopt(t->h, CURLOPT_HTTPGET, 1L);
    }
    if (head) {
        curl_easy_setopt(t->h, CURLOPT_NOBODY, 1L);
    }
    if (t->with_body ? strcmp(t->method, "POST") != 0 : !get && !head) {
        curl_easy_setopt(t->h, CURLOPT_CUSTOMREQUEST, t->method);
    }
}

static void set_limits(CURL *h, const struct http_request *q) {
    long seconds = (long)(q->timeout_ms / 1000 > 0 ? q->timeout_ms / 1000 : 1);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)q->timeout_ms);
    // The timeout of Ansible is one of silence, not of the whole transfer.
    curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, seconds);
    curl_easy_setopt(h, CURLOPT_SERVER_RESPONSE_TIMEOUT, seconds);
}

static void set_options(struct transfer *t, struct curl_slist *headers) {
    CURL *h = t->h;
    const struct http_request *q = t->q;
    curl_easy_setopt(h, CURLOPT_URL, t->url);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h, CURLOPT_USERAGENT, q->agent ? q->agent : "ansible-httpget");
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(h, CURLOPT_HEADERDATA, t);
    if (!q->use_proxy) {
        curl_easy_setopt(h, CURLOPT_PROXY, "");
    }
    if (q->unix_socket) {
        curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, q->unix_socket);
    }
    // What is sent without being asked for is a header like any other.
    bool header = !only_first(t, STR_LIT("Authorization"));
    if (q->user && t->own_host && (header || !q->force_basic)) {
        curl_easy_setopt(h, CURLOPT_USERNAME, q->user);
        curl_easy_setopt(h, CURLOPT_PASSWORD, q->password ? q->password : "");
        curl_easy_setopt(h, CURLOPT_HTTPAUTH,
                         q->force_basic ? (long)CURLAUTH_BASIC : (long)(CURLAUTH_BASIC | CURLAUTH_DIGEST));
    }
    if (!q->user && t->own_host && q->netrc && header) {
        curl_easy_setopt(h, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
        curl_easy_setopt(h, CURLOPT_NETRC_FILE, q->netrc);
        curl_easy_setopt(h, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    }
    if (q->decompress) {
        curl_easy_setopt(h, CURLOPT_ACCEPT_ENCODING, "gzip");  // read, not asked for: see header_list
    }
    set_limits(h, q);
    set_method(t);
    set_tls(h, q);
    set_tls_hook(t);
}

struct str http_disposition(const struct http_response *r) {
    struct str d = val_text(val_get(r->headers, "content-disposition"));
    size_t at = str_find(d, 0, STR_LIT("filename="));
    if (at == SIZE_MAX) {
        return STR_NONE;
    }
    struct str name = str_trim(str_sub(d, at + 9, str_find_char(d, at, ';')));
    return name.n > 1 && name.s[0] == '"' ? str_sub(name, 1, name.n - 1) : name;
}

static char *last_part(char *path) {
    char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *http_file_name(struct arena *a, const struct http_response *r) {
    struct str given = http_disposition(r);
    char *path = given.n ? str_z(a, given) : url_part(a, str_z(a, r->url), CURLUPART_PATH);
    char *name = path ? path : str_z(a, STR_LIT(""));
    for (size_t n = strlen(name); !given.n && n > 0 && name[n - 1] == '/'; n--) {
        name[n - 1] = '\0';
    }
    name = last_part(name);
    if (!given.n) {
        char *plain = curl_easy_unescape(NULL, name, 0, NULL);
        name = plain ? last_part(arena_strndup(a, plain, strlen(plain))) : name;
        curl_free(plain);
    }
    bool none = !*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    return none ? "index.html" : name;
}

static bool failed(struct transfer *t, CURLcode rc, const char *why, struct err *e) {
    const char *before = t->q->fail_prefix ? t->q->fail_prefix : "";
    if (t->write_errno) {
        return mod_fail_sys(t->c, e, t->write_errno, "cannot store the answer");
    }
    if (t->too_large) {
        return mod_fail(t->c, e, "the answer is larger than the limit of %zu bytes",
                        t->q->body_max ? t->q->body_max : BODY_MAX);
    }
    if (rc == CURLE_OPERATION_TIMEDOUT) {
        return mod_fail(t->c, e, "%sConnection failure: timed out", before);
    }
    long number = 0;
    curl_easy_getinfo(t->h, CURLINFO_OS_ERRNO, &number);
    if (rc == CURLE_COULDNT_CONNECT && number) {  // in Python's words, which roles look for
        return mod_fail(t->c, e, "%sRequest failed: <urlopen error [Errno %ld] %s>", before, number,
                        strerror((int)number));
    }
    why = why && *why ? why : curl_easy_strerror(rc);
    if (rc == CURLE_COULDNT_RESOLVE_HOST) {
        return mod_fail(t->c, e, "%sRequest failed: <urlopen error [Errno -2] Name or service not known>: %s", before,
                        why);
    }
    if (rc == CURLE_PEER_FAILED_VERIFICATION) {
        return mod_fail(t->c, e,
                        "%sRequest failed: Failed to validate the SSL certificate of %s: certificate verify failed: "
                        "%s. Give ca_path, or add the "
                        "authority to those of the target",
                        before, t->url, why);
    }
    return mod_fail(t->c, e, "%sRequest failed: %s", before, why);
}

// One request and its answer.
static bool one_hop(struct transfer *t, struct err *e) {
    struct curl_slist *headers = NULL;
    char why[CURL_ERROR_SIZE] = "";
    struct curl_slist *places = NULL;
    bool ok = header_list(t, &headers, e);
    if (ok) {
        curl_easy_reset(t->h);
        curl_easy_setopt(t->h, CURLOPT_ERRORBUFFER, why);
        set_options(t, headers);
        if (t->q->connect_to) {
            places = curl_slist_append(NULL, arena_printf(t->c->arena, "::%s", t->q->connect_to));
            curl_easy_setopt(t->h, CURLOPT_CONNECT_TO, places);
        }
        int64_t start = clock_ms();
        CURLcode rc = curl_easy_perform(t->h);
        t->r->elapsed_s += (clock_ms() - start) / 1000;
        ok = rc == CURLE_OK || failed(t, rc, why, e);
    }
    curl_slist_free_all(places);
    curl_slist_free_all(headers);
    return ok;
}

static bool same_server(struct transfer *t, const char *a, const char *b) {
    static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
    for (size_t i = 0; i < COUNTOF(parts); i++) {
        const char *x = url_part(t->c->arena, a, parts[i]);
        const char *y = url_part(t->c->arena, b, parts[i]);
        if (!x || !y || strcasecmp(x, y) != 0) {
            return false;
        }
    }
    return true;
}

/// libcurl keeps name and password in the address that it makes of a redirect. They go on as CURLOPT_USERNAME does, or
/// as a part of the user's own address to the server that it names. NULL: it cannot be read.
static const char *without_login(struct transfer *t, const char *url) {
    char *text = NULL;
    const char *out = NULL;
    CURLU *u = curl_url();
    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_URL, &text, 0) == CURLUE_OK) {
        out = arena_strndup(t->c->arena, text, strlen(text));
    }
    curl_free(text);
    curl_url_cleanup(u);
    return out;
}

// Makes ready for where the answer points to. The method changes as Ansible's does: 303 and 302 ask with GET, 301 only
// after a POST, 307 and 308 say it all again.
static bool next_hop(struct transfer *t, long status, struct err *e) {
    const char *to = NULL;
    curl_easy_getinfo(t->h, CURLINFO_REDIRECT_URL, &to);
    if (!to || (strncmp(to, "http://", 7) != 0 && strncmp(to, "https://", 8) != 0)) {
        return mod_fail(t->c, e, "redirected to an address that is neither http nor https");
    }
    const char *url = arena_strndup(t->c->arena, to, strlen(to));
    bool secret = t->q->user || val_has(t->q->headers, "Authorization");
    if (secret && strncmp(t->q->url, "https:", 6) == 0 && strncmp(url, "http:", 5) == 0) {
        return mod_fail(t->c, e, "a request with a password was redirected from https to http: not followed");
    }
    t->own_host = t->own_host && same_server(t, t->q->url, url);
    bool head = strcmp(t->method, "HEAD") == 0;
    if (!head && (status == 303 || status == 302 || (status == 301 && strcmp(t->method, "POST") == 0))) {
        t->method = "GET";
        t->with_body = false;
    }
    t->hops++;
    bool kept = !t->q->user && t->own_host && !only_first(t, STR_LIT("Authorization"));
    t->url = kept ? url : without_login(t, url);
    return t->url || mod_fail(t->c, e, "redirected to an address that cannot be read");
}

static bool all_hops(struct transfer *t, struct err *e) {
    for (;;) {
        t->r->headers = val_dict(t->c->arena, 16);
        if (!one_hop(t, e)) {
            return false;
        }
        long status = 0;
        curl_easy_getinfo(t->h, CURLINFO_RESPONSE_CODE, &status);
        t->r->status = status;
        t->r->url = str_from(t->url);
        if (!is_redirect(t)) {
            return true;
        }
        if (t->hops == HOPS_MAX) {
            t->r->reason = STR_LIT("The HTTP server returned a redirect error that would lead to an infinite loop.");
            return true;
        }
        if (!next_hop(t, status, e)) {
            return false;
        }
    }
}

/// file:///path: a file of the target, read with the rights of the task.
static bool local_file(struct mod_call *c, const struct http_request *q, struct http_response *r, struct err *e) {
    const char *path = q->url + strlen("file://");
    struct str data;
    if (*path != '/') {
        return mod_fail(c, e, "a file:// address has no host and an absolute path: '%s'", q->url);
    }
    if (!fd_read_file(path, q->body_max ? q->body_max : BODY_MAX, c->arena, &data, e)) {
        return err_wrap(e, NO_MARK, "Request failed: %s", q->url);
    }
    r->status = 200;
    r->url = str_from(q->url);
    r->reason = STR_LIT("OK");
    r->size = (int64_t)data.n;
    val_set(c->arena, r->headers, "content-length", val_printf(c->arena, "%zu", data.n));
    if (q->out_fd < 0) {
        r->body = data;
        return true;
    }
    return q->head || fd_write_all(q->out_fd, data, e);
}

bool http_perform(struct mod_call *c, const struct http_request *q, struct http_response *r, struct err *e) {
    *r = (struct http_response){.headers = val_dict(c->arena, 16), .cookies = val_dict(c->arena, 2)};
    if (strncmp(q->url, "file://", 7) == 0) {
        return local_file(c, q, r, e);
    }
    struct transfer t = {
        .c = c, .q = q, .r = r, .url = q->url, .method = q->method, .with_body = q->body.s != NULL, .own_host = true};
    t.body = (struct buf){.a = c->arena, .max = q->body_max ? q->body_max : BODY_MAX};
    curl_global_init(CURL_GLOBAL_DEFAULT);
    t.h = curl_easy_init();
    if (!t.h) {
        return mod_fail(c, e, "libcurl cannot start");
    }
    bool ok = all_hops(&t, e);
    r->redirected = t.hops > 0;
    r->body = buf_view(&t.body);
    curl_easy_cleanup(t.h);
    return ok;
}

// "http://name:password@host/" without the first two; they become the request's own.
static bool split_userinfo(struct mod_call *c, struct http_request *q, struct err *e) {
    CURLU *u = curl_url();
    char *user = NULL;
    char *password = NULL;
    char *url = NULL;
    bool ok = u && curl_url_set(u, CURLUPART_URL, q->url, 0) == CURLUE_OK;
    if (ok && curl_url_get(u, CURLUPART_USER, &user, CURLU_URLDECODE) == CURLUE_OK) {
        bool secret = curl_url_get(u, CURLUPART_PASSWORD, &password, CURLU_URLDECODE) == CURLUE_OK;
        curl_url_set(u, CURLUPART_USER, NULL, 0);
        curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
        ok = curl_url_get(u, CURLUPART_URL, &url, 0) == CURLUE_OK;
        if (ok) {
            q->url = arena_strndup(c->arena, url, strlen(url));
        }
        if (!q->user) {
            q->user = arena_strndup(c->arena, user, strlen(user));
            q->password = secret ? arena_strndup(c->arena, password, strlen(password)) : NULL;
        }
    }
    curl_free(user);
    curl_free(password);
    curl_free(url);
    curl_url_cleanup(u);
    return ok || mod_fail(c, e, "the address cannot be read: '%s'", q->url);
}

static bool read_ciphers(struct mod_call *c, const int **suites, struct err *e) {
    struct val names = mod_arg(c, "ciphers");
    size_t n = val_len(names);
    int *ids = ARENA_ARRAY(c->arena, int, n + 1);  // ends with 0
    for (size_t i = 0; i < n; i++) {
        struct str name = str_trim(val_str_of(c->arena, val_at_index(names, i)));
        if (!cipher_id(name, &ids[i])) {
            return mod_fail(c, e, "'ciphers': '%.*s' is not known, expected names such as ECDHE-RSA-AES128-GCM-SHA256",
                            STR(name));
        }
    }
    *suites = n ? ids : NULL;
    return true;
}

// The file with passwords of the user who runs the module.
static const char *netrc_path(struct mod_call *c) {
    const char *path = getenv("NETRC");
    const char *home = getenv("HOME");
    return path ? path : home ? arena_printf(c->arena, "%s/.netrc", home) : NULL;
}

bool http_args(struct mod_call *c, struct http_request *q, struct err *e) {
    const int *suites;
    if (!read_ciphers(c, &suites, e)) {
        return false;
    }
    if (mod_bool(c, "use_gssapi")) {
        return mod_fail(c, e, "'use_gssapi' is not supported");
    }
    *q = (struct http_request){.url = mod_z(c, "url"),
                               .method = "GET",
                               .body = STR_NONE,
                               .headers = mod_arg(c, "headers"),
                               .unredirected = mod_arg(c, "unredirected_headers"),
                               .user = mod_z(c, "url_username"),
                               .password = mod_z(c, "url_password"),
                               .force_basic = mod_bool(c, "force_basic_auth"),
                               .validate_certs = mod_bool(c, "validate_certs"),
                               .use_proxy = mod_bool(c, "use_proxy"),
                               .client_cert = mod_z(c, "client_cert"),
                               .client_key = mod_z(c, "client_key"),
                               .agent = mod_z(c, "http_agent"),
                               .suites = suites,
                               .netrc = mod_bool(c, "use_netrc") ? netrc_path(c) : NULL,
                               .decompress = mod_bool(c, "decompress"),
                               .timeout_ms = mod_int(c, "timeout", 30) * 1000,
                               .out_fd = -1};
    bool web = strncasecmp(q->url, "http://", 7) == 0 || strncasecmp(q->url, "https://", 8) == 0;
    // Only a module that fetches files may be asked for one of the target.
    bool file = strncmp(q->url, "file://", 7) == 0 && strcmp(c->name, "get_url") == 0;
    if (!web && !file) {
        return mod_fail(c, e, "only http and https addresses are supported, not '%s'", q->url);
    }
    return split_userinfo(c, q, e);
}

int http_connect(struct arena *a, const char *host, int64_t port, int64_t connect_ms, int64_t read_ms,
                 bool (*found)(void *self, struct str text), void *self) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *h = curl_easy_init();
    if (!h) {
        return 0;
    }
    bool v6 = strchr(host, ':') != NULL && host[0] != '[';
    curl_easy_setopt(h, CURLOPT_URL,
                     arena_printf(a, v6 ? "http://[%s]:%lld/" : "http://%s:%lld/", host, (long long)port));
    curl_easy_setopt(h, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(h, CURLOPT_PROXY, "");
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    int result = curl_easy_perform(h) == CURLE_OK;
    curl_socket_t fd = -1;
    if (result && found && curl_easy_getinfo(h, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK) {
        struct buf text = {.a = a, .max = (size_t)1 << 20};
        int64_t deadline = clock_ms() + read_ms;
        result = 0;
        while (!result && !text.full && fd_wait(fd, POLLIN, deadline) == 1) {
            size_t n = 0;
            char *p = buf_reserve(&text, 4096);
            CURLcode rc = curl_easy_recv(h, p, 4096, &n);
            if (rc == CURLE_AGAIN) {
                continue;
            }
            if (rc != CURLE_OK || n == 0) {
                break;
            }
            text.n += n;
            result = found(self, buf_view(&text));
        }
    }
    curl_easy_cleanup(h);
    return result;
}
