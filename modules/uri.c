// uri: one HTTP request from the target, its status checked.
#include "digest.h"
#include "fd.h"
#include "http.h"
#include "json.h"
#include "multipart.h"
#include "replace.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct arg args[] = {
    HTTP_ARGS,
    {"url_username", ARG_STR, .aliases = "user", .doc = "Name for authentication."},
    {"url_password", ARG_STR, .no_log = true, .aliases = "password", .doc = "Password for authentication."},
    {"method", ARG_STR, .def = "GET", .doc = "Request method."},
    {"body", ARG_RAW, .doc = "What is sent."},
    {"body_format", ARG_STR, .def = "raw", .choices = "form-urlencoded|json|raw|form-multipart",
     .doc = "How body is written."},
    {"src", ARG_PATH, .doc = "A file to send."},
    {"remote_src", ARG_BOOL, .def = "false", .doc = "src is on the target."},
    {"dest", ARG_PATH, .doc = "File or directory for the answer."},
    {"return_content", ARG_BOOL, .def = "false", .doc = "Return the answer as content."},
    {"status_code", ARG_LIST, .elements = ARG_INT, .def = "[200]", .doc = "Status codes that mean success."},
    {"follow_redirects", ARG_STR, .def = "safe", .choices = "all|none|safe|urllib2|no|yes",
     .doc = "Which redirects are followed."},
    {"timeout", ARG_INT, .def = "30", .doc = "Seconds of silence after which the request fails."},
    {"creates", ARG_PATH, .doc = "Do nothing when this exists."},
    {"removes", ARG_PATH, .doc = "Do nothing when this does not exist."},
    {"ca_path", ARG_PATH, .doc = "PEM file of certificates to trust."},
    {"unix_socket", ARG_PATH, .doc = "Connect to this socket."},
    {"_body_sha256", ARG_STR, .doc = "Internal: the attached file."},
    {"_files", ARG_DICT, .doc = "Internal: the attached files of a multipart body."},
    {0},
};

static bool prepare(struct mod_call *c, struct err *e) {
    if (mod_bool(c, "remote_src")) {
        return true;
    }
    if (str_eqz(mod_str(c, "body_format"), "form-multipart")) {
        return multipart_attach(c, mod_arg(c, "body"), e);
    }
    if (!mod_has(c, "src")) {
        return true;
    }
    struct str path;
    struct str data;
    bool secret;
    if (!c->ctl->find(c->ctl->self, "files", mod_str(c, "src"), c->arena, &path, e) ||
        !c->ctl->read(c->ctl->self, path, false, c->arena, &data, &secret, e)) {
        return false;
    }
    val_set(c->arena, c->args, "_body_sha256", mod_attach(c, data));
    return true;
}

static void url_encode(struct buf *b, struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.s[i];
        bool plain = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                     (ch && strchr("_.-~", ch));
        if (ch == ' ') {
            buf_char(b, '+');
        } else if (plain) {
            buf_char(b, (char)ch);
        } else {
            buf_printf(b, "%%%02X", ch);
        }
    }
}

static void form_one(struct mod_call *c, struct buf *b, struct val key, struct val v) {
    if (v.kind == VAL_NULL) {
        return;
    }
    if (b->n > 0) {
        buf_char(b, '&');
    }
    url_encode(b, val_str_of(c->arena, key));
    buf_char(b, '=');
    url_encode(b, val_str_of(c->arena, v));
}

// A list stands for several values, and so do the keys of a dict.
static void form_pair(struct mod_call *c, struct buf *b, struct val key, struct val v) {
    size_t i = 0;
    if (v.kind == VAL_DICT) {
        for (struct vpair *p; (p = val_each(v, &i));) {
            form_one(c, b, key, p->key);
        }
        return;
    }
    for (; i < (val_is_seq(v) ? val_len(v) : 1); i++) {
        form_one(c, b, key, val_is_seq(v) ? val_at_index(v, i) : v);
    }
}

static bool form_body(struct mod_call *c, struct val body, struct str *out, struct err *e) {
    struct buf b = BUF_IN(c->arena);
    size_t i = 0;
    for (struct vpair *p; (p = val_each(body, &i));) {
        form_pair(c, &b, p->key, p->value);
    }
    for (i = 0; val_is_seq(body) && i < val_len(body); i++) {
        struct val pair = val_at_index(body, i);
        if (!val_is_seq(pair) || val_len(pair) != 2) {
            bool many = val_is_seq(pair) || pair.kind == VAL_DICT || pair.kind == VAL_STR ? val_len(pair) > 2 : false;
            return mod_fail(c, e,
                            "failed to parse body as form_urlencoded: %s: item %zu is no pair, and the body must be a "
                            "dict or a list of pairs",
                            many ? "too many values to unpack" : "not enough values to unpack", i);
        }
        form_pair(c, &b, val_at_index(pair, 0), val_at_index(pair, 1));
    }
    *out = buf_view(&b);
    return true;
}

static bool same_header(struct val key, const char *name) {
    struct str k = val_text(key);
    return k.n == strlen(name) && strncasecmp(k.s, name, k.n) == 0;
}

// In the place of what the user gave.
static void set_header(struct mod_call *c, struct http_request *q, const char *name, const char *value) {
    struct val old = q->headers;
    size_t i = 0;
    q->headers = val_dict(c->arena, 2);
    for (struct vpair *p; old.kind == VAL_DICT && (p = val_each(old, &i));) {
        if (!same_header(p->key, name)) {
            val_set_key(c->arena, q->headers, p->key, p->value);
        }
    }
    val_set(c->arena, q->headers, name, val_z(c->arena, value));
}

// Unless the user gave one.
static void default_header(struct mod_call *c, struct http_request *q, const char *name, const char *value) {
    size_t i = 0;
    for (struct vpair *p; q->headers.kind == VAL_DICT && (p = val_each(q->headers, &i));) {
        if (same_header(p->key, name)) {
            return;
        }
    }
    set_header(c, q, name, value);
}

/// What a result without an answer has. Returns false.
static bool no_answer(struct mod_call *c, const char *url, int64_t elapsed_s) {
    mod_set(c, "status", val_int(-1));
    mod_set_z(c, "url", url);
    mod_set(c, "redirected", val_bool(false));
    mod_set(c, "elapsed", val_int(elapsed_s));
    return false;
}

static bool set_body(struct mod_call *c, struct http_request *q, struct err *e) {
    struct str format = mod_str(c, "body_format");
    struct val body = mod_arg(c, "body");
    if (mod_has(c, "src")) {
        bool found = true;
        if (!mod_bool(c, "remote_src")) {
            return c->blob(c, mod_str(c, "_body_sha256"), &q->body, e);
        }
        return replace_read(c, mod_z(c, "src"), &q->body, &found, e) &&
               (found || mod_fail(c, e, "Unable to open source file %s: no such file", mod_z(c, "src")));
    }
    if (str_eqz(format, "form-multipart")) {
        const char *type;
        if (!multipart_body(c, body, &q->body, &type, e)) {
            return false;
        }
        set_header(c, q, "Content-Type", type);
        return true;
    }
    if (str_eqz(format, "json")) {  // also without a body: null
        if (body.kind == VAL_STR) {
            q->body = val_text(body);
        } else {
            struct buf b = BUF_IN(c->arena);
            if (!json_write(&b, mod_has(c, "body") ? body : VNULL, &(struct json_style){.ascii = true}, e)) {
                return false;
            }
            q->body = buf_view(&b);
        }
        default_header(c, q, "Content-Type", "application/json");
        return true;
    }
    bool form = str_eqz(format, "form-urlencoded");
    if (form) {
        default_header(c, q, "Content-Type", "application/x-www-form-urlencoded");
    }
    if (!mod_has(c, "body")) {
        return true;
    }
    if (body.kind == VAL_STR) {
        q->body = val_text(body);
        return true;
    }
    if (form && (body.kind == VAL_DICT || val_is_seq(body))) {
        return form_body(c, body, &q->body, e);
    }
    no_answer(c, q->url, 0);
    return mod_fail(c, e, "'body' is a %s, expected text%s; quote it, or choose another body_format",
                    val_kind_name(body.kind), form ? ", a dict or a list of pairs" : "");
}

static void report(struct mod_call *c, const struct http_request *q, const struct http_response *r) {
    size_t i = 0;
    for (struct vpair *p; (p = val_each(r->headers, &i));) {
        char *name = str_z(c->arena, val_text(p->key));
        for (char *s = name; *s; s++) {
            *s = *s == '-' ? '_' : *s;
        }
        mod_set(c, name, p->value);
    }
    struct str to = val_text(val_get(r->headers, "location"));
    if (str_starts(to, "/") && !str_starts(to, "//")) {
        size_t host = str_find(r->url, 0, STR_LIT("://"));
        struct str base = str_sub(r->url, 0, host == SIZE_MAX ? 0 : str_find_char(r->url, host + 3, '/'));
        mod_set(c, "location", val_printf(c->arena, "%.*s%.*s", STR(base), STR(to)));
    }
    struct buf cookies = BUF_IN(c->arena);
    i = 0;
    for (struct vpair *p; (p = val_each(r->cookies, &i));) {
        buf_printf(&cookies, "%s%.*s=%.*s", cookies.n ? "; " : "", STR(val_text(p->key)), STR(val_text(p->value)));
    }
    bool good = r->status < 300;
    if (good) {
        mod_set(c, "cookies", r->cookies);
        mod_set_str(c, "cookies_string", buf_view(&cookies));
    }
    mod_set(c, "status", val_int(r->status));
    // An error tells of the address that was asked for, as in Ansible.
    mod_set_str(c, "url", good ? r->url : str_from(q->url));
    mod_set(c, "redirected", val_bool(good && !str_eq(r->url, mod_str(c, "url"))));
    mod_set(c, "elapsed", val_int(r->elapsed_s));
    struct str length = val_text(val_get(r->headers, "content-length"));
    if (good) {
        mod_set(c, "msg", val_printf(c->arena, "OK (%.*s bytes)", STR(length.n ? length : STR_LIT("unknown"))));
    } else {
        mod_set(c, "msg", val_printf(c->arena, "HTTP Error %lld: %.*s", (long long)r->status, STR(r->reason)));
    }
}

// The answer as UTF-8, by the charset its type names.
static struct str decoded(struct mod_call *c, struct str type, struct str body) {
    size_t at = str_find(type, 0, STR_LIT("charset="));
    struct str name = at == SIZE_MAX ? STR_NONE : str_trim(str_sub(type, at + 8, str_find_char(type, at, ';')));
    static const char *const latin[] = {"iso-8859-1", "latin-1", "latin1", "us-ascii"};
    bool bytes = false;
    for (size_t i = 0; i < COUNTOF(latin); i++) {
        bytes = bytes || (name.n == strlen(latin[i]) && strncasecmp(name.s, latin[i], name.n) == 0);
    }
    if (!bytes && utf8_valid(body)) {
        return body;
    }
    struct buf b = BUF_IN(c->arena);
    for (size_t i = 0; i < body.n;) {
        uint32_t cp = bytes ? (unsigned char)body.s[i++] : utf8_next(body, &i);
        char out[4];
        size_t n = utf8_put(cp >= 0xD800 && cp <= 0xDFFF ? 0xFFFD : cp, out);
        buf_add(&b, out, n);
    }
    return buf_view(&b);
}

static void content(struct mod_call *c, const struct http_response *r, bool show, bool wanted) {
    struct str type = val_text(val_get(r->headers, "content-type"));
    struct str kind = str_trim(str_sub(type, 0, str_find_char(type, 0, ';')));
    bool json = str_eqz(kind, "application/json") || str_eqz(kind, "text/json") ||
                str_eqz(kind, "application/javascript") || str_eqz(kind, "text/javascript") || str_ends(kind, "+json");
    struct val v;
    struct err quiet = {.arena = c->arena};
    struct str text = json || show ? decoded(c, type, r->body) : STR_NONE;
    if (json && json_parse(c->arena, text, &v, &quiet)) {
        mod_set(c, "json", v);
    }
    if (show) {
        mod_set_str(c, "content", text);
    } else if (!json && r->status >= 300 && wanted) {
        mod_set_str(c, "body", decoded(c, type, r->body));  // of an error that was expected
    }
}

// Where the answer goes: in a directory, under the name the server gives it, or that of its address.
static const char *file_of(struct mod_call *c, const struct http_response *r) {
    const char *dest = mod_z(c, "dest");
    struct stat st;
    bool dir = stat(dest, &st) == 0 && S_ISDIR(st.st_mode);
    return dir ? arena_printf(c->arena, "%s/%s", dest, http_file_name(c->arena, r)) : dest;
}

static bool store(struct mod_call *c, const struct http_response *r, struct err *e) {
    const char *dest = file_of(c, r);
    struct stat st;
    struct str old;
    bool found;
    struct fsattr attr;
    if (!replace_read(c, dest, &old, &found, e) || !fsattr_read(c, "mode", &attr, e)) {
        return false;
    }
    mod_set_z(c, "path", dest);
    if (!found || !str_eq(old, r->body)) {
        struct replace put = {
            .path = dest, .data = r->body, .attr = &attr, .unsafe_writes = mod_bool(c, "unsafe_writes")};
        if (!replace_file(c, &put, e)) {
            return false;
        }
        mod_changed(c);
        fsattr_info(c, dest);
        return true;
    }
    struct val before = val_dict(c->arena, 2);
    struct val after = val_dict(c->arena, 2);
    bool differs = false;
    if (lstat(dest, &st) != 0 || !fsattr_differs(c, &attr, dest, &st, before, after, &differs, e)) {
        return false;
    }
    if (differs) {
        mod_changed(c);
    }
    if (!fsattr_apply(c, &attr, dest, e)) {
        return false;
    }
    fsattr_info(c, dest);
    return true;
}

static bool allowed_status(struct mod_call *c, int64_t status) {
    struct val list = mod_arg(c, "status_code");
    for (size_t i = 0; i < val_len(list); i++) {
        int64_t n;
        if (val_as_int(val_at_index(list, i), &n) && n == status) {
            return true;
        }
    }
    return false;
}

static enum http_follow follow_of(struct str word) {
    if (str_eqz(word, "none") || str_eqz(word, "no")) {
        return HTTP_FOLLOW_NONE;
    }
    if (str_eqz(word, "urllib2")) {
        return HTTP_FOLLOW_URLLIB;
    }
    return str_eqz(word, "all") || str_eqz(word, "yes") ? HTTP_FOLLOW_ALL : HTTP_FOLLOW_SAFE;
}

/// The method in upper case; NULL: it is no word.
static const char *method_of(struct mod_call *c) {
    char *method = str_z(c->arena, mod_str(c, "method"));
    for (char *s = method; *s; s++) {
        *s = (char)(*s >= 'a' && *s <= 'z' ? *s - 32 : *s);
        if (*s < 'A' || *s > 'Z') {
            return NULL;
        }
    }
    return method;
}

/// Sends the request.
static bool ask(struct mod_call *c, struct http_request *q, struct http_response *r, struct err *e) {
    struct stat st;
    if (!http_args(c, q, e)) {
        return no_answer(c, q->url, 0);
    }
    if (!set_body(c, q, e)) {
        return false;
    }
    q->method = method_of(c);
    q->follow = follow_of(mod_str(c, "follow_redirects"));
    q->ca_path = mod_z(c, "ca_path");
    q->fail_prefix = arena_printf(
        c->arena, "Status code was -1 and not %.*s: ", STR(val_str_of(c->arena, mod_arg(c, "status_code"))));
    q->unix_socket = mod_z(c, "unix_socket");
    if (q->ca_path && access(q->ca_path, R_OK) != 0) {
        int why = errno;
        no_answer(c, q->url, 0);
        return mod_fail_sys(c, e, why, "%sConnection failure: cannot read ca_path '%s'", q->fail_prefix, q->ca_path);
    }
    if (mod_has(c, "dest") && !mod_bool(c, "force") && stat(mod_z(c, "dest"), &st) == 0 && S_ISREG(st.st_mode)) {
        q->modified_since = st.st_mtim.tv_sec;
    }
    return http_perform(c, q, r, e) || no_answer(c, q->url, r->elapsed_s);
}

static bool run(struct mod_call *c, struct err *e) {
    struct http_request q = {.url = mod_z(c, "url")};
    struct http_response r = {.status = 0};
    if (mod_has(c, "creates") && access(mod_z(c, "creates"), F_OK) == 0) {
        mod_set(c, "stdout", val_printf(c->arena, "skipped, since '%s' exists", mod_z(c, "creates")));
        return true;
    }
    if (mod_has(c, "removes") && access(mod_z(c, "removes"), F_OK) != 0) {
        mod_set(c, "stdout", val_printf(c->arena, "skipped, since '%s' does not exist", mod_z(c, "removes")));
        return true;
    }
    if (!method_of(c)) {
        return mod_fail(c, e, "Parameter 'method' needs to be a single word in uppercase, like GET or POST.");
    }
    if (mod_bool(c, "return_content")) {
        mod_set_z(c, "content", "");  // until there is an answer
    }
    if (!ask(c, &q, &r, e)) {
        return false;
    }
    report(c, &q, &r);
    bool good = allowed_status(c, r.status);
    content(c, &r, mod_bool(c, "return_content"), good);
    if (!good) {
        struct val list = mod_arg(c, "status_code");
        struct str msg = val_text(val_get(c->result, "msg"));
        if (mod_has(c, "dest")) {
            const char *dest = file_of(c, &r);
            mod_set_z(c, "path", dest);
            fsattr_info(c, dest);
        }
        return mod_fail(c, e, "Status code was %lld and not %.*s: %.*s", (long long)r.status,
                        STR(val_str_of(c->arena, list)), STR(msg));
    }
    if (mod_has(c, "dest") && r.status == 304) {
        mod_set_z(c, "path", mod_z(c, "dest"));
        return true;
    }
    return !mod_has(c, "dest") || store(c, &r, e);
}

MODULE(uri) = {
    .doc = "Send an HTTP request from the target and check its status.",
    .spec = "ansible.builtin.uri",
    .example = "- ansible.builtin.uri:\n    url: http://localhost/health\n    status_code: [200, 204]",
    .returns = "status: Status code.\nurl: Final address.\nmsg: Status text.\nredirected: Whether it was redirected.\n"
               "content: The answer, with return_content.\njson: The answer, when it is JSON.\nelapsed: Seconds.\n"
               "cookies: Cookies that were set.\npath: File that was written.",
    .args = args,
    .file_args = true,
    .exclusive = "body,src",
    .check = SUPPORT_NONE,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .prepare = prepare,
    .run = run,
};
