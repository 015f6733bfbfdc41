// The lookup url: what HTTP and HTTPS servers answer.
#include "ca.h"
#include "ciphers.h"
#include "filters/text.h"
#include "filters/urlparts.h"
#include "lookups/common.h"

#include <curl/curl.h>
#include <math.h>

#define BODY_CAP ((size_t)64 << 20)

struct fetch {
    struct jcall *c;
    CURL *h;
    struct curl_slist *headers;
    struct buf body;
    struct str user, password;
    char error[CURL_ERROR_SIZE];
};

static void fetch_release(struct fetch *f) {
    curl_slist_free_all(f->headers);
    curl_easy_cleanup(f->h);
}

/// An option of the call, else the variable ansible_lookup_url_<suffix>, else the environment.
static bool setting(struct jcall *c, const char *name, const char *suffix, struct val *out, struct err *e) {
    bool found = false;
    *out = lk_opt(c, name);
    if (lk_given(c, name) || !suffix) {
        return true;
    }
    struct str var = str_printf(c->a, "ansible_lookup_url_%s", suffix);
    if (!lk_var(c, str_z(c->a, var), out, &found, e)) {
        return false;
    }
    if (!found) {
        const char *env = getenv(str_z(c->a, text_upper(c->a, var)));  // NOLINT(concurrency-mt-unsafe)
        *out = env ? val_z(c->a, env) : (struct val){.kind = VAL_UNDEF};
    }
    return true;
}

static bool set_bool(struct jcall *c, const char *name, const char *suffix, bool def, bool *out, struct err *e) {
    struct val v;
    *out = def;
    if (!setting(c, name, suffix, &v, e)) {
        return false;
    }
    return is_undef(v) || v.kind == VAL_NULL || val_as_bool(v, out) || bad_arg(c, e, name, "a boolean", v);
}

static bool set_str(struct jcall *c, const char *name, const char *suffix, const char *def, const char **out,
                    struct err *e) {
    struct val v;
    *out = def;
    if (!setting(c, name, suffix, &v, e)) {
        return false;
    }
    if (is_undef(v) || v.kind == VAL_NULL) {
        return true;
    }
    if (v.kind != VAL_STR) {
        return bad_arg(c, e, name, "a string", v);
    }
    *out = str_z(c->a, val_text(v));
    return true;
}

static bool add_header(struct fetch *f, struct str name, struct str value, struct err *e) {
    struct str line = str_printf(f->c->a, "%.*s: %.*s", STR(name), STR(value));
    for (size_t i = 0; i < line.n; i++) {
        if ((unsigned char)line.s[i] < ' ' && line.s[i] != '\t') {
            return plug_err(f->c, e, ERR_ARGS, "header '%.*s' contains a line end", STR(name));
        }
    }
    f->headers = curl_slist_append(f->headers, str_z(f->c->a, line));
    return true;
}

static bool headers(struct fetch *f, struct err *e) {
    struct jcall *c = f->c;
    struct val d = lk_opt(c, "headers");
    bool force = false;
    if (lk_given(c, "headers")) {
        if (d.kind != VAL_DICT) {
            return bad_arg(c, e, "headers", "a dictionary", d);
        }
        size_t i = 0;
        const struct vpair *p;
        while ((p = val_each(d, &i)) != NULL) {
            if (!add_header(f, text_of(c, p->key), text_of(c, p->value), e)) {
                return false;
            }
        }
    }
    if (!set_bool(c, "force", "force", false, &force, e)) {
        return false;
    }
    return !force || add_header(f, STR_LIT("cache-control"), STR_LIT("no-cache"), e);
}

/// Credentials: the options, else those in the URL. They are never part of a message.
static bool credentials(struct fetch *f, const struct urlparts *u, struct err *e) {
    struct jcall *c = f->c;
    const char *user, *password;
    bool basic = false, netrc = true;
    if (!set_str(c, "username", NULL, NULL, &user, e) || !set_str(c, "password", NULL, NULL, &password, e) ||
        !set_bool(c, "force_basic_auth", "force_basic_auth", false, &basic, e) ||
        !set_bool(c, "use_netrc", "use_netrc", true, &netrc, e)) {
        return false;
    }
    if (!user && u->username.s) {
        user = str_z(c->a, u->username);
        password = u->password.s ? str_z(c->a, u->password) : "";
    }
    if (user) {
        curl_easy_setopt(f->h, CURLOPT_USERNAME, user);
        curl_easy_setopt(f->h, CURLOPT_PASSWORD, password ? password : "");
        curl_easy_setopt(f->h, CURLOPT_HTTPAUTH, basic ? (long)CURLAUTH_BASIC : (long)CURLAUTH_ANY);
    } else if (netrc) {
        curl_easy_setopt(f->h, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
    }
    return true;
}

/// urllib2 and safe follow redirects of GET; none and no do not.
static bool redirects(struct fetch *f, struct err *e) {
    static const char *const follow[] = {"urllib2", "all", "yes", "safe"};
    const char *how;
    if (!set_str(f->c, "follow_redirects", "follow_redirects", "urllib2", &how, e)) {
        return false;
    }
    struct str s = str_from(how);
    bool yes = false;
    for (size_t i = 0; i < COUNTOF(follow); i++) {
        yes = yes || str_eqz(s, follow[i]);
    }
    if (!yes && !str_eqz(s, "none") && !str_eqz(s, "no")) {
        return plug_err(f->c, e, ERR_ARGS, "'follow_redirects' must be urllib2, all, yes, safe, none or no, not '%s'",
                        how);
    }
    curl_easy_setopt(f->h, CURLOPT_FOLLOWLOCATION, yes ? 1L : 0L);
    curl_easy_setopt(f->h, CURLOPT_MAXREDIRS, 10L);
    return true;
}

static CURLcode on_tls(CURL *h, void *conf, void *suites) {
    (void)h;
    cipher_offer(conf, suites);
    return CURLE_OK;
}

/// Nothing but these is offered to the server: a list, or names with ',' or ':' between them.
static bool only_ciphers(struct fetch *f, struct val names, struct err *e) {
    struct jcall *c = f->c;
    struct buf b = BUF_IN(c->a);
    for (size_t i = 0; val_is_seq(names) && i < val_len(names); i++) {
        buf_z(&b, i ? ":" : "");
        val_to_str(&b, val_at_index(names, i));
    }
    struct str rest = val_is_seq(names) ? buf_view(&b) : text_of(c, names);
    int *suites = ARENA_ARRAY(c->a, int, rest.n + 1);  // ends with 0
    size_t n = 0;
    while (rest.n) {
        size_t end = 0;
        while (end < rest.n && rest.s[end] != ':' && rest.s[end] != ',') {
            end++;
        }
        struct str name = text_strip(str_sub(rest, 0, end), STR_NONE, STRIP_BOTH);
        rest = str_sub(rest, end < rest.n ? end + 1 : end, rest.n);
        if (!cipher_id(name, &suites[n++])) {
            return plug_err(c, e, ERR_ARGS,
                            "'ciphers': '%.*s' is not known, expected names such as ECDHE-RSA-AES128-GCM-SHA256",
                            STR(name));
        }
    }
    if (n) {
        curl_easy_setopt(f->h, CURLOPT_SSL_CTX_FUNCTION, on_tls);
        curl_easy_setopt(f->h, CURLOPT_SSL_CTX_DATA, suites);
    }
    return true;
}

static bool tls(struct fetch *f, struct err *e) {
    struct jcall *c = f->c;
    bool validate = true, gssapi = false;
    const char *ca, *socket;
    struct val ciphers;
    if (!set_bool(c, "validate_certs", NULL, true, &validate, e) || !set_str(c, "ca_path", "ca_path", NULL, &ca, e) ||
        !set_str(c, "unix_socket", "unix_socket", NULL, &socket, e) ||
        !set_bool(c, "use_gssapi", "use_gssapi", false, &gssapi, e) || !setting(c, "ciphers", "ciphers", &ciphers, e)) {
        return false;
    }
    if (gssapi) {
        return plug_err(c, e, ERR_ARGS, "'use_gssapi' is not supported");
    }
    if (lk_given(c, "unredirected_headers") && val_truth(lk_opt(c, "unredirected_headers"))) {
        return plug_err(c, e, ERR_ARGS, "'unredirected_headers' is not supported");
    }
    if (!is_undef(ciphers) && ciphers.kind != VAL_NULL && !only_ciphers(f, ciphers, e)) {
        return false;
    }
    curl_easy_setopt(f->h, CURLOPT_SSL_VERIFYPEER, validate ? 1L : 0L);
    curl_easy_setopt(f->h, CURLOPT_SSL_VERIFYHOST, validate ? 2L : 0L);
    ca = ca ? ca : ca_bundle_path();
    if (ca) {
        curl_easy_setopt(f->h, CURLOPT_CAINFO, ca);
    }
    if (socket) {
        curl_easy_setopt(f->h, CURLOPT_UNIX_SOCKET_PATH, socket);
    }
    return true;
}

static bool timing(struct fetch *f, struct err *e) {
    struct jcall *c = f->c;
    struct val v;
    double seconds = 10;
    bool proxy = true;
    const char *agent;
    if (!setting(c, "timeout", "timeout", &v, e) || !set_bool(c, "use_proxy", NULL, true, &proxy, e) ||
        !set_str(c, "http_agent", "agent", "ansible-httpget", &agent, e)) {
        return false;
    }
    bool given = !is_undef(v) && v.kind != VAL_NULL;
    if (given && !(v.kind == VAL_STR ? text_to_float(c->a, val_text(v), &seconds) : as_num(v, &seconds))) {
        return bad_arg(c, e, "timeout", "a number of seconds", v);
    }
    if (!(seconds > 0 && seconds < 1e6)) {
        return plug_err(c, e, ERR_ARGS, "'timeout' must be more than 0");
    }
    // Python's timeout is one for silence; the whole transfer is bounded by the run's deadline for lookups.
    curl_easy_setopt(f->h, CURLOPT_CONNECTTIMEOUT_MS, (long)ceil(seconds * 1000));
    curl_easy_setopt(f->h, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(f->h, CURLOPT_LOW_SPEED_TIME, (long)ceil(seconds));
    int64_t cap = c->ctx->host ? c->ctx->host->lookup_timeout_ms : 0;
    if (cap > 0) {
        curl_easy_setopt(f->h, CURLOPT_TIMEOUT_MS, (long)cap);
    }
    if (!proxy) {
        curl_easy_setopt(f->h, CURLOPT_PROXY, "");
    }
    curl_easy_setopt(f->h, CURLOPT_USERAGENT, agent);
    return true;
}

/// The URL without what must not be shown.
static struct str shown(struct jcall *c, const struct urlparts *u) {
    return str_printf(c->a, "%.*s://%.*s%.*s", STR(u->scheme), STR(u->hostname.s ? u->hostname : STR_LIT("")),
                      STR(u->path));
}

static bool run(struct fetch *f, const struct urlparts *u, struct err *e) {
    struct jcall *c = f->c;
    curl_easy_setopt(f->h, CURLOPT_HTTPHEADER, f->headers);
    curl_easy_setopt(f->h, CURLOPT_ERRORBUFFER, f->error);
    curl_easy_setopt(f->h, CURLOPT_WRITEFUNCTION, lk_receive);
    curl_easy_setopt(f->h, CURLOPT_WRITEDATA, &f->body);
    curl_easy_setopt(f->h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(f->h, CURLOPT_FAILONERROR, 0L);
    CURLcode rc = curl_easy_perform(f->h);
    struct str where = shown(c, u);
    if (rc == CURLE_OPERATION_TIMEDOUT) {
        return plug_err(c, e, ERR_TIMEOUT, "no answer in time from %.*s", STR(where));
    }
    if (rc == CURLE_WRITE_ERROR) {
        return plug_err(c, e, ERR_LIMIT, "the answer of %.*s is longer than %zu bytes", STR(where), BODY_CAP);
    }
    if (rc == CURLE_PEER_FAILED_VERIFICATION) {
        return plug_err(c, e, ERR_UNREACHABLE, "Error validating the server's certificate for %.*s: %s", STR(where),
                        f->error[0] ? f->error : curl_easy_strerror(rc));
    }
    if (rc != CURLE_OK) {
        return plug_err(c, e, ERR_UNREACHABLE, "failed to fetch %.*s: %s", STR(where),
                        f->error[0] ? f->error : curl_easy_strerror(rc));
    }
    long status = 0;
    curl_easy_getinfo(f->h, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status >= 300) {
        return plug_err(c, e, ERR_UNREACHABLE, "the server answered with status %ld for %.*s", status, STR(where));
    }
    return true;
}

static bool prepare(struct fetch *f, struct str url, const struct urlparts *u, struct err *e) {
    struct jcall *c = f->c;
    // without user and password: those go into options
    struct str host = u->netloc;
    for (size_t i = 0; i < host.n; i++) {
        if (u->netloc.s[i] == '@') {
            host = str_sub(u->netloc, i + 1, u->netloc.n);
        }
    }
    size_t tail = str_find(url, 0, u->netloc) + u->netloc.n;
    struct str plain = str_printf(c->a, "%.*s://%.*s%.*s", STR(u->scheme), STR(host), STR(str_sub(url, tail, url.n)));
    curl_easy_setopt(f->h, CURLOPT_URL, str_z(c->a, plain));
    curl_easy_setopt(f->h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(f->h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    return credentials(f, u, e) && headers(f, e) && redirects(f, e) && tls(f, e) && timing(f, e);
}

static bool fetch(struct jcall *c, struct str url, struct str *body, struct err *e) {
    struct urlparts u;
    const char *why = NULL;
    *body = STR_NONE;
    if (!urlparts_split(c->a, url, &u, &why)) {
        return plug_err(c, e, ERR_ARGS, "%s", why);
    }
    if ((!str_eqz(u.scheme, "http") && !str_eqz(u.scheme, "https")) || !u.hostname.n) {
        return plug_err(c, e, ERR_ARGS, "expected an http or https URL, found scheme '%.*s'", STR(u.scheme));
    }
    CLEANUP(fetch_release) struct fetch f = {.c = c, .h = curl_easy_init(), .body = {.a = c->a, .max = BODY_CAP}};
    if (!f.h) {
        return plug_err(c, e, ERR_SYS, "the HTTP library cannot be started");
    }
    if (!prepare(&f, url, &u, e) || !run(&f, &u, e)) {
        return false;
    }
    *body = buf_view(&f.body);
    return utf8_valid(*body) || plug_err(c, e, ERR_TYPE, "the answer is not UTF-8 text");
}

/// Lines of bytes end with \n, \r or \r\n only.
static void push_lines(struct jcall *c, struct str s, struct val out) {
    for (size_t i = 0, start = 0; i <= s.n; i++) {
        bool end = i == s.n ? start < s.n : s.s[i] == '\n' || s.s[i] == '\r';
        if (!end) {
            continue;
        }
        val_push(c->a, out, val_str(c->a, str_sub(s, start, i)));
        i += i + 1 < s.n && s.s[i] == '\r' && s.s[i + 1] == '\n';
        start = i + 1;
    }
}

static bool l_url(struct jcall *c, struct val *out, struct err *e) {
    static const char *const names[] = {"validate_certs",
                                        "split_lines",
                                        "use_proxy",
                                        "username",
                                        "password",
                                        "headers",
                                        "force",
                                        "timeout",
                                        "http_agent",
                                        "force_basic_auth",
                                        "use_gssapi",
                                        "use_netrc",
                                        "unix_socket",
                                        "ca_path",
                                        "ciphers",
                                        "follow_redirects",
                                        "unredirected_headers",
                                        NULL};
    bool split = true;
    lk_known(c, names);
    if (!lk_bool(c, "split_lines", true, &split, e)) {
        return false;
    }
    *out = val_list(c->a, 8);
    for (size_t i = 0; i < lk_terms(c); i++) {
        struct str url, body;
        if (!lk_term_str(c, i, &url, e) || !fetch(c, url, &body, e)) {
            return false;
        }
        if (split) {
            push_lines(c, body, *out);
        } else {
            val_push(c->a, *out, val_str(c->a, body));
        }
    }
    return true;
}
LOOKUP(url) = {
    .doc = "What web servers answer.",
    .fn = l_url,
    .example = "lookup('url', 'http://127.0.0.1:1/', errors='ignore') is none",
    .options =
        "validate_certs=True, split_lines=True, use_proxy=True, username=None, password=None, headers={}, force=False, "
        "timeout=10, http_agent='ansible-httpget', force_basic_auth=False, follow_redirects='urllib2', "
        "use_gssapi=False, use_netrc=True, unix_socket=None, ca_path=None, unredirected_headers=None, ciphers=None"};
