// The lookups ssm_parameter and aws_ssm of amazon.aws: values of the parameter store of AWS Systems Manager. libcurl
// signs the requests.
#include "ca.h"
#include "fd.h"
#include "filters/inifile.h"
#include "filters/text.h"
#include "json.h"
#include "lookups/common.h"

#include <curl/curl.h>
#include <unistd.h>

enum {
    ANSWER_CAP = 16 << 20,
    PAGES_MAX = 1000,
    CONFIG_CAP = 1 << 20,
    TIMEOUT_MS = 60000,
};

// What a request needs beside its text; all NUL-terminated.
struct access {
    const char *key, *secret, *token, *region, *endpoint;
};
struct ssm {
    struct jcall *c;
    struct access access;
    bool decrypt, by_path, recursive, short_names, drop_path;
    struct str on_missing, on_denied;
};

// -- options ---------------------------------------------------------------------------------------------------------

/// The first option of `options`, else the first variable of the environment of `env` that is set; NULL: none.
/// Both lists end with NULL.
static bool named(struct jcall *c, const char *const *options, const char *const *env, const char **out,
                  struct err *e) {
    struct str text = STR_NONE;
    *out = NULL;
    for (size_t i = 0; options[i]; i++) {
        if (lk_given(c, options[i])) {
            if (!lk_str(c, options[i], STR_NONE, &text, e)) {
                return false;
            }
            *out = text.n ? str_z(c->a, text) : NULL;
            return true;
        }
    }
    for (size_t i = 0; env[i]; i++) {
        const char *z = getenv(env[i]);  // NOLINT(concurrency-mt-unsafe): set before threads run
        if (z && *z) {
            *out = z;
            return true;
        }
    }
    return true;
}

/// A section of a file of settings as the AWS tools write it; a null when there is no such file or section.
static bool section(struct jcall *c, const char *env, const char *name, const char *section, struct val *out,
                    struct err *e) {
    struct ini p = {.c = c};
    struct str text = STR_NONE;
    const char *home = getenv("HOME");  // NOLINT(concurrency-mt-unsafe): set before threads run
    const char *path = getenv(env);     // NOLINT(concurrency-mt-unsafe)
    *out = VNULL;
    if (!path) {
        path = arena_printf(c->a, "%s/.aws/%s", home ? home : "", name);
    }
    if (access(path, R_OK) != 0) {
        return true;
    }
    if (!fd_read_file(path, CONFIG_CAP, c->a, &text, e) || !ini_read(&p, text, e)) {
        return err_wrap(e, c->at, "cannot read the settings of AWS in '%s'", path);
    }
    struct val found = val_get(p.sections, section);
    if (val_is(found, VAL_DICT)) {
        *out = found;
    }
    return true;
}

static const char *text_in(struct jcall *c, struct val d, const char *key) {
    struct val v = val_is(d, VAL_DICT) ? val_get(d, key) : VNULL;
    return val_is(v, VAL_STR) && val_text(v).n ? str_z(c->a, val_text(v)) : NULL;
}

/// Keys and region of the profile, for what neither options nor the environment gave.
static bool from_files(struct jcall *c, struct access *to, const char *profile, struct err *e) {
    struct val keys, config;
    const char *in_config = strcmp(profile, "default") == 0 ? profile : arena_printf(c->a, "profile %s", profile);
    if (!section(c, "AWS_SHARED_CREDENTIALS_FILE", "credentials", profile, &keys, e) ||
        !section(c, "AWS_CONFIG_FILE", "config", in_config, &config, e)) {
        return false;
    }
    if (!to->key) {
        struct val from = text_in(c, keys, "aws_access_key_id") ? keys : config;
        to->key = text_in(c, from, "aws_access_key_id");
        to->secret = text_in(c, from, "aws_secret_access_key");
        to->token = text_in(c, from, "aws_session_token");
    }
    if (!to->region) {
        to->region = text_in(c, config, "region");
    }
    return true;
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/// Who asks, and where: options before the environment before the files of the AWS tools. A profile that is named
/// comes before keys of the environment.
static bool find_access(struct jcall *c, struct access *to, struct err *e) {
    const char *profile = NULL;
    *to = (struct access){0};
    if (!named(c, NAMES("region", "aws_region", "ec2_region"), NAMES("AWS_REGION", "EC2_REGION", "AWS_DEFAULT_REGION"),
               &to->region, e) ||
        !named(c, NAMES("endpoint_url", "aws_endpoint_url", "endpoint"), NAMES("AWS_URL", "EC2_URL"), &to->endpoint,
               e) ||
        !named(c, NAMES("profile", "aws_profile", "boto_profile"), NAMES("AWS_PROFILE", "AWS_DEFAULT_PROFILE"),
               &profile, e)) {
        return false;
    }
    const char *const *none = (const char *const[]){NULL};
    bool env = !profile;
    if (!named(c, NAMES("access_key", "aws_access_key_id", "aws_access_key", "ec2_access_key"),
               env ? NAMES("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "EC2_ACCESS_KEY") : none, &to->key, e) ||
        !named(c, NAMES("secret_key", "aws_secret_access_key", "aws_secret_key", "ec2_secret_key"),
               env ? NAMES("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "EC2_SECRET_KEY") : none, &to->secret, e) ||
        !named(c, NAMES("session_token", "aws_session_token", "security_token", "aws_security_token", "access_token"),
               env ? NAMES("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "EC2_SECURITY_TOKEN") : none, &to->token, e) ||
        !from_files(c, to, profile ? profile : "default", e)) {
        return false;
    }
    if (!to->key || !to->secret) {
        plug_err(c, e, ERR_ARGS, "no access key for AWS");
        return err_hint(e, "give access_key and secret_key, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a "
                           "profile of ~/.aws/credentials; roles of instances are not asked");
    }
    if (!to->region) {
        plug_err(c, e, ERR_ARGS, "no region of AWS");
        return err_hint(e, "give region, or set AWS_REGION");
    }
    if (!to->endpoint) {
        to->endpoint = arena_printf(c->a, "https://ssm.%s.amazonaws.com", to->region);
    }
    return true;
}

static bool choice(struct jcall *c, const char *name, struct str *out, struct err *e) {
    if (!lk_str(c, name, STR_LIT("error"), out, e)) {
        return false;
    }
    *out = text_lower(c->a, *out);
    return str_eqz(*out, "error") || str_eqz(*out, "warn") || str_eqz(*out, "skip") ||
           plug_err(c, e, ERR_ARGS, "\"%s\" must be a string and one of \"error\", \"warn\" or \"skip\", not %.*s",
                    name, STR(*out));
}

static bool options(struct ssm *s, struct err *e) {
    static const char *const known[] = {"decrypt",        "bypath",
                                        "recursive",      "shortnames",
                                        "droppath",       "on_missing",
                                        "on_denied",      "region",
                                        "aws_region",     "ec2_region",
                                        "endpoint_url",   "aws_endpoint_url",
                                        "endpoint",       "profile",
                                        "aws_profile",    "boto_profile",
                                        "access_key",     "aws_access_key_id",
                                        "aws_access_key", "ec2_access_key",
                                        "secret_key",     "aws_secret_access_key",
                                        "aws_secret_key", "ec2_secret_key",
                                        "session_token",  "aws_session_token",
                                        "security_token", "aws_security_token",
                                        "access_token",   NULL};
    struct jcall *c = s->c;
    lk_known(c, known);
    if (!lk_bool(c, "decrypt", true, &s->decrypt, e) || !lk_bool(c, "bypath", false, &s->by_path, e) ||
        !lk_bool(c, "recursive", false, &s->recursive, e) || !lk_bool(c, "shortnames", false, &s->short_names, e) ||
        !lk_bool(c, "droppath", false, &s->drop_path, e) || !choice(c, "on_missing", &s->on_missing, e) ||
        !choice(c, "on_denied", &s->on_denied, e)) {
        return false;
    }
    if (s->short_names && s->drop_path) {
        return plug_err(c, e, ERR_ARGS,
                        "shortnames and droppath are mutually exclusive. They cannot both be set to true.");
    }
    return find_access(c, &s->access, e);
}

// -- one request -----------------------------------------------------------------------------------------------------

struct exchange {
    CURL *h;
    struct curl_slist *headers;
    struct buf body;
    char error[CURL_ERROR_SIZE];
};

static void exchange_release(struct exchange *x) {
    curl_slist_free_all(x->headers);
    curl_easy_cleanup(x->h);
}

/// The last word of "com.amazonaws.ssm#ParameterNotFound".
static struct str error_type(struct val answer) {
    struct val v = val_is(answer, VAL_DICT) ? val_get(answer, "__type") : VNULL;
    struct str s = val_is(v, VAL_STR) ? val_text(v) : STR_NONE;
    size_t at = str_find_char(s, 0, '#');
    return at == SIZE_MAX ? s : str_sub(s, at + 1, s.n);
}

static void prepare(struct ssm *s, struct exchange *x, const char *action, struct str request) {
    struct jcall *c = s->c;
    const struct access *a = &s->access;
    int64_t cap = c->ctx->host ? c->ctx->host->lookup_timeout_ms : 0;
    x->headers = curl_slist_append(NULL, arena_printf(c->a, "X-Amz-Target: AmazonSSM.%s", action));
    x->headers = curl_slist_append(x->headers, "Content-Type: application/x-amz-json-1.1");
    if (a->token) {
        x->headers = curl_slist_append(x->headers, arena_printf(c->a, "X-Amz-Security-Token: %s", a->token));
    }
    curl_easy_setopt(x->h, CURLOPT_URL, a->endpoint);
    curl_easy_setopt(x->h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(x->h, CURLOPT_HTTPHEADER, x->headers);
    curl_easy_setopt(x->h, CURLOPT_AWS_SIGV4, arena_printf(c->a, "aws:amz:%s:ssm", a->region));
    curl_easy_setopt(x->h, CURLOPT_USERNAME, a->key);
    curl_easy_setopt(x->h, CURLOPT_PASSWORD, a->secret);
    curl_easy_setopt(x->h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request.n);
    curl_easy_setopt(x->h, CURLOPT_POSTFIELDS, request.s);
    curl_easy_setopt(x->h, CURLOPT_WRITEFUNCTION, lk_receive);
    curl_easy_setopt(x->h, CURLOPT_WRITEDATA, &x->body);
    curl_easy_setopt(x->h, CURLOPT_ERRORBUFFER, x->error);
    curl_easy_setopt(x->h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(x->h, CURLOPT_TIMEOUT_MS, (long)(cap > 0 && cap < TIMEOUT_MS ? cap : TIMEOUT_MS));
    if (ca_bundle_path()) {
        curl_easy_setopt(x->h, CURLOPT_CAINFO, ca_bundle_path());
    }
}

/// Asks, and reads the answer. `*type` names the error that AWS answered with; empty: none.
static bool ask(struct ssm *s, const char *action, struct val request, struct val *answer, struct str *type,
                struct err *e) {
    struct jcall *c = s->c;
    struct buf text = BUF_IN(c->a);
    CLEANUP(exchange_release) struct exchange x = {.h = curl_easy_init(), .body = {.a = c->a, .max = ANSWER_CAP}};
    if (!x.h) {
        return plug_err(c, e, ERR_SYS, "the HTTP library cannot be started");
    }
    if (!json_write(&text, request, &(struct json_style){0}, e)) {
        return false;
    }
    prepare(s, &x, action, buf_view(&text));
    CURLcode rc = curl_easy_perform(x.h);
    if (rc != CURLE_OK) {
        return plug_err(c, e, rc == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_UNREACHABLE, "cannot ask %s: %s",
                        s->access.endpoint, x.error[0] ? x.error : curl_easy_strerror(rc));
    }
    long status = 0;
    curl_easy_getinfo(x.h, CURLINFO_RESPONSE_CODE, &status);
    struct err why = {.arena = c->a};
    if (!json_parse(c->a, buf_view(&x.body), answer, &why) || !val_is(*answer, VAL_DICT)) {
        return plug_err(c, e, ERR_UNREACHABLE, "expected JSON from %s, found an answer of status %ld that is none",
                        s->access.endpoint, status);
    }
    *type = status == 200 ? STR_NONE : error_type(*answer);
    if (status != 200 && !type->n) {
        return plug_err(c, e, ERR_UNREACHABLE, "%s answered with status %ld", s->access.endpoint, status);
    }
    return true;
}

// -- what a term gives -----------------------------------------------------------------------------------------------

/// A term that has no value: an error, or nothing with or without a warning. `what` is "parameter" or "parameter path".
static bool missing(struct ssm *s, const char *what, struct str term, struct err *e) {
    struct jcall *c = s->c;
    if (str_eqz(s->on_missing, "error")) {
        return plug_err(c, e, ERR_NOT_FOUND, "Failed to find SSM %s %.*s (ResourceNotFound)", what, STR(term));
    }
    if (str_eqz(s->on_missing, "warn")) {
        lk_warn(c, arena_printf(c->a, "Skipping, did not find SSM %s %.*s", what, STR(term)));
    }
    return true;
}

static bool denied(struct ssm *s, const char *what, struct str term, struct err *e) {
    struct jcall *c = s->c;
    if (str_eqz(s->on_denied, "error")) {
        return plug_err(c, e, ERR_NOT_FOUND, "Failed to access SSM %s %.*s (AccessDenied)", what, STR(term));
    }
    if (str_eqz(s->on_denied, "warn")) {
        lk_warn(c, arena_printf(c->a, "Skipping, access denied for SSM %s %.*s", what, STR(term)));
    }
    return true;
}

/// After an answer with an error of AWS.
static bool refused(struct ssm *s, struct str type, struct val answer, const char *what, struct str term,
                    struct err *e) {
    if (str_eqz(type, "ParameterNotFound") || str_eqz(type, "ResourceNotFoundException")) {
        return missing(s, what, term, e);
    }
    if (str_eqz(type, "AccessDeniedException")) {
        return denied(s, what, term, e);
    }
    struct val m = val_get(answer, val_has(answer, "message") ? "message" : "Message");
    struct str text = val_is(m, VAL_STR) ? val_text(m) : STR_LIT("no more is said");
    return plug_err(s->c, e, ERR_UNREACHABLE, "SSM lookup exception: %.*s: %.*s", STR(type), STR(text));
}

static bool malformed(struct ssm *s, struct err *e) {
    return plug_err(s->c, e, ERR_TYPE, "the answer of %s has no parameter in its place", s->access.endpoint);
}

static bool by_name(struct ssm *s, struct str term, struct val *out, struct err *e) {
    struct arena *a = s->c->a;
    struct val request = val_dict(a, 2), answer = VNULL;
    struct str type = STR_NONE;
    *out = VNULL;
    val_set(a, request, "WithDecryption", val_bool(s->decrypt));
    val_set(a, request, "Name", val_str(a, term));
    if (!ask(s, "GetParameter", request, &answer, &type, e)) {
        return false;
    }
    if (type.n) {
        return refused(s, type, answer, "parameter", term, e);
    }
    struct val p = val_get(answer, "Parameter");
    *out = val_is(p, VAL_DICT) ? val_get(p, "Value") : VNULL;
    return val_is(*out, VAL_STR) || malformed(s, e);
}

static struct str shown_name(const struct ssm *s, struct str name, struct str path) {
    struct arena *a = s->c->a;
    if (s->short_names) {
        size_t at = name.n;
        while (at > 0 && name.s[at - 1] != '/') {
            at--;
        }
        return str_sub(name, at, name.n);
    }
    return s->drop_path && path.n ? text_replace(a, name, path, STR_LIT(""), -1) : name;
}

static bool add_page(struct ssm *s, struct val list, struct str path, struct val to, struct err *e) {
    for (size_t i = 0; i < val_len(list); i++) {
        struct val p = val_at_index(list, i);
        struct val name = val_is(p, VAL_DICT) ? val_get(p, "Name") : VNULL;
        struct val value = val_is(p, VAL_DICT) ? val_get(p, "Value") : VNULL;
        if (!val_is(name, VAL_STR) || !val_is(value, VAL_STR)) {
            return malformed(s, e);
        }
        val_set_str(s->c->a, to, shown_name(s, val_text(name), path), value);
    }
    return true;
}

static bool by_path(struct ssm *s, struct str term, struct val *out, struct err *e) {
    struct arena *a = s->c->a;
    struct val request = val_dict(a, 4), answer = VNULL;
    struct str type = STR_NONE;
    *out = val_dict(a, 8);
    val_set(a, request, "WithDecryption", val_bool(s->decrypt));
    val_set(a, request, "Recursive", val_bool(s->recursive));
    val_set(a, request, "Path", val_str(a, term));
    for (int page = 0; page < PAGES_MAX; page++) {
        if (!ask(s, "GetParametersByPath", request, &answer, &type, e)) {
            return false;
        }
        if (type.n) {
            return refused(s, type, answer, "parameter path", term, e);
        }
        struct val list = val_get(answer, "Parameters"), next = val_get(answer, "NextToken");
        if (!val_is_seq(list)) {
            return malformed(s, e);
        }
        if (!add_page(s, list, term, *out, e)) {
            return false;
        }
        if (!val_is(next, VAL_STR) || !val_text(next).n) {
            return val_len(*out) > 0 || missing(s, "parameter path", term, e);
        }
        val_set(a, request, "NextToken", next);
    }
    return plug_err(s->c, e, ERR_LIMIT, "more than %d pages of parameters below %.*s", PAGES_MAX, STR(term));
}

static bool l_ssm(struct jcall *c, struct val *out, struct err *e) {
    struct ssm s = {.c = c};
    *out = val_list(c->a, lk_terms(c));
    if (!options(&s, e)) {
        return false;
    }
    for (size_t i = 0; i < lk_terms(c); i++) {
        struct str term;
        struct val v;
        if (!lk_term_str(c, i, &term, e) || !(s.by_path ? by_path : by_name)(&s, term, &v, e)) {
            return false;
        }
        val_push(c->a, *out, v);
    }
    return true;
}
#define SSM_OPTIONS                                                                                                    \
    "decrypt=True, bypath=False, recursive=False, shortnames=False, droppath=False, on_missing='error', "              \
    "on_denied='error', region=None, profile=None, access_key=None, secret_key=None, session_token=None, "             \
    "endpoint_url=None"
LOOKUP(ssm_parameter) = {
    .doc = "Values of the parameter store of AWS, by name, or all below a path.",
    .fn = l_ssm,
    .fqcn = "amazon.aws.ssm_parameter",
    .options = SSM_OPTIONS,
    .example = "lookup('amazon.aws.ssm_parameter', 'a', region='r', access_key='k', secret_key='s', "
               "endpoint_url='http://127.0.0.1:1', errors='ignore') is none"};
LOOKUP(aws_ssm) = {.doc = "The name of ssm_parameter before amazon.aws 6.",
                   .fn = l_ssm,
                   .fqcn = "amazon.aws.aws_ssm",
                   .options = SSM_OPTIONS,
                   .example = "lookup('amazon.aws.aws_ssm', 'a', region='r', access_key='k', secret_key='s', "
                              "endpoint_url='http://127.0.0.1:1', errors='ignore') is none"};
