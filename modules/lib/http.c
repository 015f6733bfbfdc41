// libcurl with everything that could surprise switched off: other protocols, netrc, endless answers.
#include "http.h"

#include "fd.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define BODY_MAX   ((size_t)64 << 20)
#define HEADER_MAX ((size_t)256 << 10)

struct transfer {
    struct mod_call *c;
    const struct http_request *q;
    struct http_response *r;
    struct buf body;
    size_t header_bytes;
    int write_errno;
    bool too_large;
};

static size_t on_body(char *p, size_t size, size_t n, void *self) {
    struct transfer *t = self;
    size_t len = size * n;
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

static size_t on_header(char *p, size_t size, size_t n, void *self) {
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

static const char *ca_bundle(void) {
    static const char *const files[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                        "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem"};
    const char *given = getenv("SSL_CERT_FILE");
    if (given && *given) {
        return given;
    }
    for (size_t i = 0; i < COUNTOF(files); i++) {
        if (access(files[i], R_OK) == 0) {
            return files[i];
        }
    }
    return NULL;
}

static bool header_list(struct mod_call *c, const struct http_request *q, struct curl_slist **list, struct err *e) {
    size_t i = 0;
    for (struct vpair *p; (p = val_each(q->headers, &i));) {
        struct str k = val_str_of(c->arena, p->key);
        struct str v = val_str_of(c->arena, p->value);
        bool bad = str_find_char(k, 0, '\n') != SIZE_MAX || str_find_char(v, 0, '\n') != SIZE_MAX ||
                   str_find_char(v, 0, '\r') != SIZE_MAX || str_find_char(k, 0, '\r') != SIZE_MAX;
        if (bad) {
            return mod_fail(c, e, "header '%.*s' contains a line end", STR(k));
        }
        // "Name;" sends a header without a value.
        const char *line =
            v.n ? arena_printf(c->arena, "%.*s: %.*s", STR(k), STR(v)) : arena_printf(c->arena, "%.*s;", STR(k));
        *list = curl_slist_append(*list, line);
    }
    if (q->body.s && val_get(q->headers, "Expect").kind == VAL_UNDEF) {
        *list = curl_slist_append(*list, "Expect:");
    }
    return true;
}

static void set_tls(CURL *h, const struct http_request *q) {
    curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, q->validate_certs ? 1L : 0L);
    curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, q->validate_certs ? 2L : 0L);
    const char *ca = q->ca_path ? q->ca_path : ca_bundle();
    if (ca) {
        curl_easy_setopt(h, CURLOPT_CAINFO, ca);
    }
    if (q->client_cert) {
        curl_easy_setopt(h, CURLOPT_SSLCERT, q->client_cert);
        curl_easy_setopt(h, CURLOPT_SSLKEY, q->client_key ? q->client_key : q->client_cert);
    }
}

static void set_auth(CURL *h, const struct http_request *q) {
    if (!q->user) {
        return;
    }
    curl_easy_setopt(h, CURLOPT_USERNAME, q->user);
    curl_easy_setopt(h, CURLOPT_PASSWORD, q->password ? q->password : "");
    curl_easy_setopt(h, CURLOPT_HTTPAUTH,
                     q->force_basic ? (long)CURLAUTH_BASIC : (long)(CURLAUTH_BASIC | CURLAUTH_DIGEST));
    if (strncmp(q->url, "https:", 6) == 0) {
        // A password must not follow a redirect to a readable connection.
        curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "https");
    }
}

static void set_options(CURL *h, struct transfer *t, struct curl_slist *headers) {
    const struct http_request *q = t->q;
    bool safe = strcmp(q->method, "GET") == 0 || strcmp(q->method, "HEAD") == 0;
    curl_easy_setopt(h, CURLOPT_URL, q->url);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION,
                     q->follow == HTTP_FOLLOW_ALL || (q->follow == HTTP_FOLLOW_SAFE && safe) ? 1L : 0L);
    curl_easy_setopt(h, CURLOPT_MAXREDIRS, 10L);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)q->timeout_ms);
    // The timeout of Ansible is one of silence, not of the whole transfer.
    curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, (long)(q->timeout_ms / 1000 > 0 ? q->timeout_ms / 1000 : 1));
    curl_easy_setopt(h, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)(q->timeout_ms / 1000 > 0 ? q->timeout_ms / 1000 : 1));
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h, CURLOPT_USERAGENT, q->agent ? q->agent : "ansible-httpget");
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(h, CURLOPT_HEADERDATA, t);
    if (q->body.s) {
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, q->body.s);
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
    }
    if (q->head || strcmp(q->method, "HEAD") == 0) {
        curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
    }
    if (!q->body.s ? !safe : strcmp(q->method, "POST") != 0) {
        curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, q->method);
    }
    if (!q->use_proxy) {
        curl_easy_setopt(h, CURLOPT_PROXY, "");
    }
    if (q->unix_socket) {
        curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, q->unix_socket);
    }
    if (q->modified_since) {
        curl_easy_setopt(h, CURLOPT_TIMECONDITION, (long)CURL_TIMECOND_IFMODSINCE);
        curl_easy_setopt(h, CURLOPT_TIMEVALUE_LARGE, (curl_off_t)q->modified_since);
    }
    set_tls(h, q);
    set_auth(h, q);
}

static bool failed(struct transfer *t, CURLcode rc, const char *why, struct err *e) {
    mod_set(t->c, "status", val_int(-1));
    mod_set_z(t->c, "url", t->q->url);
    if (t->write_errno) {
        return mod_fail_sys(t->c, e, t->write_errno, "cannot store the answer");
    }
    if (t->too_large) {
        return mod_fail(t->c, e, "the answer is larger than the limit of %zu bytes",
                        t->q->body_max ? t->q->body_max : BODY_MAX);
    }
    return mod_fail(t->c, e, "Request failed: %s", why && *why ? why : curl_easy_strerror(rc));
}

bool http_perform(struct mod_call *c, const struct http_request *q, struct http_response *r, struct err *e) {
    *r = (struct http_response){.headers = val_dict(c->arena, 16), .cookies = val_dict(c->arena, 2)};
    struct transfer t = {.c = c, .q = q, .r = r};
    t.body = (struct buf){.a = c->arena, .max = q->body_max ? q->body_max : BODY_MAX};
    struct curl_slist *headers = NULL;
    if (!header_list(c, q, &headers, e)) {
        curl_slist_free_all(headers);
        return false;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *h = curl_easy_init();
    if (!h) {
        curl_slist_free_all(headers);
        return mod_fail(c, e, "libcurl cannot start");
    }
    char why[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, why);
    set_options(h, &t, headers);
    int64_t start = clock_ms();
    CURLcode rc = curl_easy_perform(h);
    r->elapsed_s = (clock_ms() - start) / 1000;
    long status = 0;
    long hops = 0;
    const char *url = NULL;
    curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(h, CURLINFO_REDIRECT_COUNT, &hops);
    curl_easy_getinfo(h, CURLINFO_EFFECTIVE_URL, &url);
    r->status = status;
    r->redirected = hops > 0;
    r->url = str_dup(c->arena, str_from(url ? url : q->url));
    r->body = buf_view(&t.body);
    curl_easy_cleanup(h);
    curl_slist_free_all(headers);
    return rc == CURLE_OK || failed(&t, rc, why, e);
}

bool http_args(struct mod_call *c, struct http_request *q, struct err *e) {
    static const char *const refused[] = {"unredirected_headers", "ciphers"};
    for (size_t i = 0; i < COUNTOF(refused); i++) {
        if (val_len(mod_arg(c, refused[i])) > 0) {
            return mod_fail(c, e, "'%s' is not supported", refused[i]);
        }
    }
    if (mod_bool(c, "use_gssapi")) {
        return mod_fail(c, e, "'use_gssapi' is not supported");
    }
    *q = (struct http_request){.url = mod_z(c, "url"),
                               .method = "GET",
                               .body = STR_NONE,
                               .headers = mod_arg(c, "headers"),
                               .user = mod_z(c, "url_username"),
                               .password = mod_z(c, "url_password"),
                               .force_basic = mod_bool(c, "force_basic_auth"),
                               .validate_certs = mod_bool(c, "validate_certs"),
                               .use_proxy = mod_bool(c, "use_proxy"),
                               .client_cert = mod_z(c, "client_cert"),
                               .client_key = mod_z(c, "client_key"),
                               .agent = mod_z(c, "http_agent"),
                               .timeout_ms = mod_int(c, "timeout", 30) * 1000,
                               .out_fd = -1};
    if (strncmp(q->url, "http://", 7) != 0 && strncmp(q->url, "https://", 8) != 0) {
        return mod_fail(c, e, "only http and https addresses are supported, not '%s'", q->url);
    }
    return true;
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
