// One HTTP request through libcurl, for the modules uri, get_url and wait_for. HTTP and HTTPS only.
#pragma once
#include "module.h"

/// Safe: GET and HEAD. As urllib does: these, and a POST that becomes a GET.
enum http_follow { HTTP_FOLLOW_SAFE, HTTP_FOLLOW_ALL, HTTP_FOLLOW_NONE, HTTP_FOLLOW_URLLIB };
struct http_request {
    const char *url, *method;
    struct str body;          // STR_NONE: none
    struct val headers;       // dict, or VAL_UNDEF
    struct val unredirected;  // names of those that are not sent again after a redirect
    const char *fail_prefix;  // before the reason when there was no answer; NULL: nothing
    const char *user, *password;
    bool force_basic, validate_certs, use_proxy, head, decompress, fresh;  // fresh: from no cache
    const char *netrc;  // file with the password when there is no `user`; NULL: none
    const char *ca_path, *client_cert, *client_key, *unix_socket, *agent;
    const char *connect_to;  // "host:port" that is spoken to in place of that of the URL; NULL: that one
    enum http_follow follow;
    const int *suites;  // the only TLS ciphers that are offered, ends with 0; NULL: those of the library
    int64_t timeout_ms;
    time_t modified_since;  // 0: not asked
    size_t body_max;        // cap of the body in memory; 0: 64 MiB
    int out_fd;             // the body goes here instead when >= 0
};
struct http_response {
    int64_t status;      // 0: no answer
    struct val headers;  // dict: lower case names
    struct val cookies;  // dict
    struct str body, url, reason;
    int64_t size, elapsed_s;
    bool redirected;
};
/// ERR_MODULE "Status code was -1 ...": no connection, TLS refused, deadline. A status such as 404 is no error.
bool http_perform(struct mod_call *c, const struct http_request *q, struct http_response *r, struct err *e);
/// The file name that the header Content-Disposition has, as the server wrote it; empty: none.
struct str http_disposition(const struct http_response *r);
/// What came, as a file in a directory: the last part of http_disposition, else of its address, decoded; "index.html"
/// where there is none. Owner: `a`.
const char *http_file_name(struct arena *a, const struct http_response *r);
/// The options uri and get_url share, for their tables.
#define HTTP_ARGS                                                                                                      \
    {"url", ARG_STR, .required = true, .doc = "Address, http or https."},                                              \
        {"headers", ARG_DICT, .doc = "More request headers."},                                                         \
        {"validate_certs", ARG_BOOL, .def = "true", .doc = "Check the server's certificate."},                         \
        {"force_basic_auth", ARG_BOOL, .def = "false", .doc = "Send the password with the first request."},            \
        {"use_proxy", ARG_BOOL, .def = "true", .doc = "Use the proxy of the environment."},                            \
        {"http_agent", ARG_STR, .def = "ansible-httpget", .doc = "User-Agent."},                                       \
        {"client_cert", ARG_PATH, .doc = "PEM file with the client's certificate."},                                   \
        {"client_key", ARG_PATH, .doc = "PEM file with its key."},                                                     \
        {"unredirected_headers", ARG_LIST, .doc = "Headers not sent after a redirect."},                               \
        {"ciphers", ARG_LIST, .doc = "TLS 1.2 ciphers, by OpenSSL's names: no others are offered."},                   \
        {"use_gssapi", ARG_BOOL, .def = "false", .doc = "Kerberos; not supported."},                                   \
        {"use_netrc", ARG_BOOL, .def = "true",                                                                         \
         .doc = "Take name and password from the target's .netrc when none is given."},                                \
        {"decompress", ARG_BOOL, .def = "true", .doc = "Unpack an answer that came compressed by gzip."}, {            \
        "force", ARG_BOOL, .def = "false", .doc = "Do not ask whether the content is newer."                           \
    }
/// Fills what HTTP_ARGS, url_username and url_password say; refuses what is not supported.
bool http_args(struct mod_call *c, struct http_request *q, struct err *e);
/// Connects to host:port and reads until `found` says so or the time is over. 1 connected (and found), 0 not, with the
/// bytes read so far in *text.
int http_connect(struct arena *a, const char *host, int64_t port, int64_t connect_ms, int64_t read_ms,
                 bool (*found)(void *self, struct str text), void *self);
