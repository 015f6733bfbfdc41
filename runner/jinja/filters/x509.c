// Filters of community.crypto on certificates: x509_certificate_info, openssl_csr_info, x509_crl_info.
#include "digest.h"
#include "filters/ip.h"
#include "filters/pkey.h"

#include <limits.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

struct reader {
    struct jcall *c;
    struct err *e;
    const STACK_OF(X509_EXTENSION) * exts;
    struct val to;
};

// -- names -----------------------------------------------------------------------------------------------------------

static struct str object_name(struct arena *a, const ASN1_OBJECT *o, bool brief) {
    char dotted[200];
    int nid = OBJ_obj2nid(o);
    const char *name = nid == NID_undef ? NULL : brief ? OBJ_nid2sn(nid) : OBJ_nid2ln(nid);
    if (!name) {
        OBJ_obj2txt(dotted, sizeof dotted, o, 1);
        name = dotted;
    }
    return str_dup(a, str_from(name));
}

static struct str dotted_name(struct arena *a, const ASN1_OBJECT *o) {
    char dotted[200];
    OBJ_obj2txt(dotted, sizeof dotted, o, 1);
    return str_dup(a, str_from(dotted));
}

static struct str asn1_text(struct arena *a, const ASN1_STRING *s) {
    unsigned char *utf8 = NULL;
    int n = ASN1_STRING_to_UTF8(&utf8, s);
    struct str out = n < 0 ? STR_LIT("") : str_dup(a, (struct str){(const char *)utf8, (size_t)n});
    OPENSSL_free(utf8);
    return out;
}

static struct str plain_text(struct arena *a, const ASN1_STRING *s) {
    return str_dup(a, (struct str){(const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)});
}

/// Sets `key` to the last value of each part of a name, and `ordered` to all of them.
static void put_name(struct reader *r, X509_NAME *name, const char *key, const char *ordered, bool ordered_first) {
    struct arena *a = r->c->a;
    struct val dict = val_dict(a, 8), list = val_list(a, 8);
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        const X509_NAME_ENTRY *part = X509_NAME_get_entry(name, i);
        struct val pair = val_list(a, 2);
        struct str what = object_name(a, X509_NAME_ENTRY_get_object(part), false);
        struct val text = val_str(a, asn1_text(a, X509_NAME_ENTRY_get_data(part)));
        val_push(a, pair, val_str(a, what));
        val_push(a, pair, text);
        val_push(a, list, pair);
        val_set_str(a, dict, what, text);
    }
    if (ordered_first) {
        val_set(a, r->to, ordered, list);
    }
    val_set(a, r->to, key, dict);
    if (!ordered_first) {
        val_set(a, r->to, ordered, list);
    }
}

/// A part of a distinguished name with RFC 4514's escapes.
static void escape_part(struct buf *b, struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.s[i];
        bool edge = (i == 0 && (ch == ' ' || ch == '#')) || (i + 1 == s.n && ch == ' ');
        if (ch && (edge || strchr("\\,+<>;\"", ch))) {
            buf_char(b, '\\');
        }
        ch ? buf_char(b, ch) : buf_z(b, "\\00");
    }
}

static void directory_name(struct arena *a, struct buf *b, X509_NAME *name) {
    buf_z(b, "dirName:");
    for (int i = X509_NAME_entry_count(name); i-- > 0;) {
        const X509_NAME_ENTRY *part = X509_NAME_get_entry(name, i);
        buf_str(b, object_name(a, X509_NAME_ENTRY_get_object(part), true));
        buf_char(b, '=');
        escape_part(b, asn1_text(a, X509_NAME_ENTRY_get_data(part)));
        buf_z(b, i ? "," : "");
    }
}

/// An address of 4 or 16 bytes, or one and its mask.
static bool address(struct arena *a, struct buf *b, const ASN1_OCTET_STRING *s) {
    const unsigned char *p = ASN1_STRING_get0_data(s);
    int n = ASN1_STRING_length(s), width = n == 4 || n == 8 ? 4 : 16, prefix = 0;
    ip_bits v = 0;
    if (n != width && n != 2 * width) {
        return false;
    }
    for (int i = 0; i < width; i++) {
        v = v << 8 | p[i];
    }
    buf_z(b, "IP:");
    if (width == 16 && v >> 32 == 0xffff) {  // Python writes these in hexadecimal
        buf_printf(b, "::ffff:%x:%x", (unsigned)(v >> 16 & 0xffff), (unsigned)(v & 0xffff));
    } else {
        buf_str(b, ip_text(a, width == 4 ? 4 : 6, v));
    }
    if (n == 2 * width) {
        for (int i = width; i < n; i++) {
            prefix += __builtin_popcount(p[i]);
        }
        buf_printf(b, "/%d", prefix);
    }
    return true;
}

static bool other_name(struct arena *a, struct buf *b, const OTHERNAME *o) {
    unsigned char *der = NULL;
    int n = i2d_ASN1_TYPE(o->value, &der);
    if (n < 0) {
        return false;
    }
    buf_z(b, "otherName:");
    buf_str(b, dotted_name(a, o->type_id));
    buf_char(b, ';');
    buf_str(b, val_text(ssl_hex(a, der, (size_t)n)));
    OPENSSL_free(der);
    return true;
}

static bool general_name(struct reader *r, const GENERAL_NAME *n, struct val list) {
    struct arena *a = r->c->a;
    struct buf b = BUF_IN(a);
    bool ok = true;
    switch (n->type) {
    case GEN_DNS:
    case GEN_EMAIL:
    case GEN_URI:
        buf_z(&b, n->type == GEN_DNS ? "DNS:" : n->type == GEN_EMAIL ? "email:" : "URI:");
        buf_str(&b, plain_text(a, n->d.ia5));
        break;
    case GEN_IPADD:
        ok = address(a, &b, n->d.iPAddress);
        break;
    case GEN_DIRNAME:
        directory_name(a, &b, n->d.directoryName);
        break;
    case GEN_RID:
        buf_z(&b, "RID:");
        buf_str(&b, dotted_name(a, n->d.registeredID));
        break;
    case GEN_OTHERNAME:
        ok = other_name(a, &b, n->d.otherName);
        break;
    default:
        ok = false;
    }
    if (!ok || !utf8_valid(buf_view(&b))) {
        return plug_err(r->c, r->e, ERR_ARGS, "a name of type %d cannot be read", n->type);
    }
    val_push(a, list, val_str(a, buf_view(&b)));
    return true;
}

static bool general_names(struct reader *r, const GENERAL_NAMES *names, struct val *out) {
    *out = val_list(r->c->a, 4);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        if (!general_name(r, sk_GENERAL_NAME_value(names, i), *out)) {
            return false;
        }
    }
    return true;
}

// -- extensions ------------------------------------------------------------------------------------------------------

/// The extension of a kind, decoded; NULL when there is none. False: it cannot be decoded, or is there twice.
static bool extension(struct reader *r, int nid, void **out, bool *critical) {
    int crit = -1;
    *out = X509V3_get_d2i(r->exts, nid, &crit, NULL);
    *critical = crit == 1;
    return *out || crit == -1 || plug_err(r->c, r->e, ERR_ARGS, "the extension %s cannot be read", OBJ_nid2ln(nid));
}

static void put(struct reader *r, const char *name, struct val v) {
    val_set(r->c->a, r->to, name, v);
}

static void put_critical(struct reader *r, const char *name, struct val v, bool critical) {
    put(r, name, v);
    put(r, arena_printf(r->c->a, "%s_critical", name), val_bool(critical));
}

static bool put_sorted(struct reader *r, const char *name, struct val list, bool critical) {
    size_t n = val_len(list);
    struct sort_item *items = ARENA_ARRAY(r->c->a, struct sort_item, n + 1);
    for (size_t i = 0; i < n; i++) {
        items[i].key = items[i].value = val_at_index(list, i);
    }
    if (!sort_items(r->c, items, n, false, r->e)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        list.u.l->items[i] = items[i].value;
    }
    put_critical(r, name, list, critical);
    return true;
}

static bool put_key_usage(struct reader *r) {
    static const char *const names[] = {"Digital Signature", "Non Repudiation", "Key Encipherment",
                                        "Data Encipherment", "Key Agreement",   "Certificate Sign",
                                        "CRL Sign",          "Encipher Only",   "Decipher Only"};
    void *bits = NULL;
    bool critical = false;
    if (!extension(r, NID_key_usage, &bits, &critical)) {
        return false;
    }
    if (!bits) {
        put_critical(r, "key_usage", VNULL, false);
        return true;
    }
    struct val list = val_list(r->c->a, 4);
    bool agrees = ASN1_BIT_STRING_get_bit(bits, 4);
    for (int i = 0; i < (int)COUNTOF(names); i++) {
        if (ASN1_BIT_STRING_get_bit(bits, i) && (i < 7 || agrees)) {
            val_push(r->c->a, list, val_z(r->c->a, names[i]));
        }
    }
    ASN1_BIT_STRING_free(bits);
    return put_sorted(r, "key_usage", list, critical);
}

static bool put_extended_usage(struct reader *r) {
    void *found = NULL;
    bool critical = false;
    if (!extension(r, NID_ext_key_usage, &found, &critical)) {
        return false;
    }
    if (!found) {
        put_critical(r, "extended_key_usage", VNULL, false);
        return true;
    }
    EXTENDED_KEY_USAGE *usages = found;
    struct val list = val_list(r->c->a, 4);
    for (int i = 0; i < sk_ASN1_OBJECT_num(usages); i++) {
        struct str name = object_name(r->c->a, sk_ASN1_OBJECT_value(usages, i), false);
        val_push(r->c->a, list, val_str(r->c->a, name));
    }
    EXTENDED_KEY_USAGE_free(usages);
    return put_sorted(r, "extended_key_usage", list, critical);
}

static bool put_constraints(struct reader *r) {
    void *found = NULL;
    bool critical = false;
    if (!extension(r, NID_basic_constraints, &found, &critical)) {
        return false;
    }
    if (!found) {
        put_critical(r, "basic_constraints", VNULL, false);
        return true;
    }
    BASIC_CONSTRAINTS *bc = found;
    struct val list = val_list(r->c->a, 2);
    val_push(r->c->a, list, val_z(r->c->a, bc->ca ? "CA:TRUE" : "CA:FALSE"));
    if (bc->pathlen) {
        val_push(r->c->a, list, val_printf(r->c->a, "pathlen:%ld", ASN1_INTEGER_get(bc->pathlen)));
    }
    BASIC_CONSTRAINTS_free(bc);
    put_critical(r, "basic_constraints", list, critical);
    return true;
}

static bool put_must_staple(struct reader *r) {
    void *found = NULL;
    bool critical = false, yes = false;
    if (!extension(r, NID_tlsfeature, &found, &critical)) {
        return false;
    }
    TLS_FEATURE *features = found;
    for (int i = 0; features && i < sk_ASN1_INTEGER_num(features); i++) {
        yes = yes || ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == 5;  // status_request
    }
    put_critical(r, "ocsp_must_staple", found ? val_bool(yes) : VNULL, critical);
    TLS_FEATURE_free(features);
    return true;
}

static bool put_names(struct reader *r, int nid, const char *name) {
    void *found = NULL;
    bool critical = false;
    struct val list = VNULL;
    if (!extension(r, nid, &found, &critical)) {
        return false;
    }
    bool ok = !found || general_names(r, found, &list);
    GENERAL_NAMES_free(found);
    put_critical(r, name, list, critical);
    return ok;
}

static bool subtrees(struct reader *r, const STACK_OF(GENERAL_SUBTREE) * trees, struct val *out) {
    *out = val_list(r->c->a, 2);
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++) {
        if (!general_name(r, sk_GENERAL_SUBTREE_value(trees, i)->base, *out)) {
            return false;
        }
    }
    return true;
}

static bool put_name_constraints(struct reader *r) {
    void *found = NULL;
    bool critical = false;
    struct val permitted = VNULL, excluded = VNULL;
    if (!extension(r, NID_name_constraints, &found, &critical)) {
        return false;
    }
    NAME_CONSTRAINTS *nc = found;
    bool ok = !nc || (subtrees(r, nc->permittedSubtrees, &permitted) && subtrees(r, nc->excludedSubtrees, &excluded));
    NAME_CONSTRAINTS_free(nc);
    put(r, "name_constraints_permitted", permitted);
    put(r, "name_constraints_excluded", excluded);
    put(r, "name_constraints_critical", val_bool(critical));
    return ok;
}

static struct val asn1_integer(struct arena *a, const ASN1_INTEGER *i) {
    BIGNUM *n = ASN1_INTEGER_to_BN(i, NULL);
    struct val v = n ? ssl_integer(a, n) : VNULL;
    BN_free(n);
    return v;
}

static struct val octets(struct arena *a, const ASN1_OCTET_STRING *s) {
    return s ? ssl_hex(a, ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)) : VNULL;
}

static bool put_identifiers(struct reader *r) {
    void *ski = NULL, *found = NULL;
    bool critical, ok = true;
    struct val issuer = VNULL;
    if (!extension(r, NID_subject_key_identifier, &ski, &critical)) {
        return false;
    }
    put(r, "subject_key_identifier", octets(r->c->a, ski));
    ASN1_OCTET_STRING_free(ski);
    if (!extension(r, NID_authority_key_identifier, &found, &critical)) {
        return false;
    }
    AUTHORITY_KEYID *aki = found;
    if (aki && aki->issuer) {
        ok = general_names(r, aki->issuer, &issuer);
    }
    put(r, "authority_key_identifier", aki ? octets(r->c->a, aki->keyid) : VNULL);
    put(r, "authority_cert_issuer", issuer);
    put(r, "authority_cert_serial_number", aki && aki->serial ? asn1_integer(r->c->a, aki->serial) : VNULL);
    AUTHORITY_KEYID_free(aki);
    return ok;
}

static void put_all_extensions(struct reader *r) {
    struct arena *a = r->c->a;
    struct val all = val_dict(a, 8);
    for (int i = 0; i < sk_X509_EXTENSION_num(r->exts); i++) {
        X509_EXTENSION *x = sk_X509_EXTENSION_value(r->exts, i);
        const ASN1_OCTET_STRING *s = X509_EXTENSION_get_data(x);
        struct str der = {(const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)};
        struct val one = val_dict(a, 2);
        val_set(a, one, "critical", val_bool(X509_EXTENSION_get_critical(x)));
        val_set(a, one, "value", val_str(a, base64_encode(a, der)));
        val_set_str(a, all, dotted_name(a, X509_EXTENSION_get_object(x)), one);
    }
    put(r, "extensions_by_oid", all);
}

static bool put_authority_access(struct reader *r) {
    void *found = NULL;
    bool critical;
    struct val ocsp = VNULL, issuers = VNULL;
    if (!extension(r, NID_info_access, &found, &critical)) {
        return false;
    }
    AUTHORITY_INFO_ACCESS *aia = found;
    for (int i = 0; aia && i < sk_ACCESS_DESCRIPTION_num(aia); i++) {
        const ACCESS_DESCRIPTION *d = sk_ACCESS_DESCRIPTION_value(aia, i);
        int nid = OBJ_obj2nid(d->method);
        struct val *v = nid == NID_ad_OCSP ? &ocsp : nid == NID_ad_ca_issuers ? &issuers : NULL;
        if (v && v->kind == VAL_NULL && d->location->type == GEN_URI) {
            *v = val_str(r->c->a, plain_text(r->c->a, d->location->d.uniformResourceIdentifier));
        }
    }
    AUTHORITY_INFO_ACCESS_free(aia);
    put(r, "ocsp_uri", ocsp);
    put(r, "issuer_uri", issuers);
    return true;
}

static bool put_public_key(struct reader *r, EVP_PKEY *key) {
    static const struct pkey_names names = {"public_key_type", "public_key_data", "public_key_fingerprints"};
    struct val pem = {0};
    if (!key) {
        return ssl_fail(r->c, r->e, "the public key cannot be read");
    }
    if (!pkey_pem(r->c, key, &pem, r->e)) {
        return false;
    }
    put(r, "public_key", pem);
    return pkey_describe(r->c, key, &names, r->to, r->e);
}

/// What requests and certificates have in common.
static bool put_common(struct reader *r) {
    return put_key_usage(r) && put_extended_usage(r) && put_constraints(r) && put_must_staple(r) &&
           put_names(r, NID_subject_alt_name, "subject_alt_name");
}

static bool put_time(struct reader *r, const char *name, const ASN1_TIME *t) {
    struct tm tm;
    if (!ASN1_TIME_to_tm(t, &tm)) {
        return ssl_fail(r->c, r->e, "a time cannot be read");
    }
    put(r, name,
        val_printf(r->c->a, "%04d%02d%02d%02d%02d%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                   tm.tm_min, tm.tm_sec));
    return true;
}

// -- certificates ----------------------------------------------------------------------------------------------------

static bool put_certificate(struct reader *r, X509 *x) {
    struct arena *a = r->c->a;
    unsigned char *der = NULL;
    long version = X509_get_version(x);
    r->exts = X509_get0_extensions(x);
    const X509_ALGOR *alg = X509_get0_tbs_sigalg(x);
    put(r, "signature_algorithm", val_str(a, object_name(a, alg->algorithm, false)));
    put_name(r, X509_get_subject_name(x), "subject", "subject_ordered", false);
    put_name(r, X509_get_issuer_name(x), "issuer", "issuer_ordered", false);
    put(r, "version", version == 0 || version == 2 ? val_int(version + 1) : val_z(a, "unknown"));
    if (!put_common(r) || !put_time(r, "not_before", X509_get0_notBefore(x)) ||
        !put_time(r, "not_after", X509_get0_notAfter(x))) {
        return false;
    }
    put(r, "expired", val_bool(X509_cmp_current_time(X509_get0_notAfter(x)) < 0));
    int n = i2d_X509(x, &der);
    if (n < 0 || !put_public_key(r, X509_get0_pubkey(x))) {
        OPENSSL_free(der);
        return n >= 0 ? false : ssl_fail(r->c, r->e, "the certificate cannot be written");
    }
    put(r, "fingerprints", ssl_fingerprints(a, der, (size_t)n));
    OPENSSL_free(der);
    if (!put_identifiers(r)) {
        return false;
    }
    put(r, "serial_number", asn1_integer(a, X509_get0_serialNumber(x)));
    put_all_extensions(r);
    return put_authority_access(r);
}

/// Text as input, and the option name_encoding at `encoding`. What names look like is not changed, so only the values
/// that mean that are taken.
static bool start(struct reader *r, size_t encoding, BIO **bio) {
    struct jcall *c = r->c;
    struct str names;
    if (c->args[0].kind != VAL_STR) {
        return bad_arg(c, r->e, "value", "a string", c->args[0]);
    }
    if (!opt_str(c, encoding, "name_encoding", STR_LIT("ignore"), &names, r->e)) {
        return false;
    }
    if (!str_eqz(names, "ignore")) {
        bool known = str_eqz(names, "idna") || str_eqz(names, "unicode");
        return plug_err(c, r->e, ERR_ARGS,
                        known ? "'name_encoding': only 'ignore' is supported, not '%.*s'"
                              : "'name_encoding': valid values are ignore, idna and unicode, not '%.*s'",
                        STR(names));
    }
    struct str s = val_text(c->args[0]);
    *bio = s.n > INT_MAX ? NULL : BIO_new_mem_buf(s.n ? s.s : "", (int)s.n);
    r->to = val_dict(c->a, 40);
    return *bio || plug_err(c, r->e, ERR_LIMIT, "the text is too long");
}

static bool f_certificate_info(struct jcall *c, struct val *out, struct err *e) {
    struct reader r = {.c = c, .e = e};
    BIO *bio = NULL;
    if (!start(&r, 1, &bio)) {
        return false;
    }
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (!x) {
        return ssl_fail(c, e, "no certificate in PEM format that can be read");
    }
    bool ok = put_certificate(&r, x);
    X509_free(x);
    *out = r.to;
    return ok;
}
FILTER(x509_certificate_info) = {.doc = "What stands in a certificate in PEM format.",
                                 .params = "value, name_encoding='ignore'",
                                 .fn = f_certificate_info,
                                 .fqcn = "community.crypto.x509_certificate_info",
                                 .example = "'community.crypto.x509_certificate_info' is filter"};

static bool put_request(struct reader *r, X509_REQ *x) {
    EVP_PKEY *key = X509_REQ_get0_pubkey(x);
    put_name(r, X509_REQ_get_subject_name(x), "subject", "subject_ordered", false);
    if (!put_common(r) || !put_name_constraints(r) || !put_public_key(r, key) || !put_identifiers(r)) {
        return false;
    }
    put_all_extensions(r);
    put(r, "signature_valid", val_bool(true));
    return X509_REQ_verify(x, key) == 1 || ssl_fail(r->c, r->e, "the signature of the request is invalid");
}

static bool f_csr_info(struct jcall *c, struct val *out, struct err *e) {
    struct reader r = {.c = c, .e = e};
    BIO *bio = NULL;
    if (!start(&r, 1, &bio)) {
        return false;
    }
    X509_REQ *x = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (!x) {
        return ssl_fail(c, e, "no certificate signing request in PEM format that can be read");
    }
    STACK_OF(X509_EXTENSION) *exts = X509_REQ_get_extensions(x);
    r.exts = exts;
    bool ok = put_request(&r, x);
    sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
    X509_REQ_free(x);
    *out = r.to;
    return ok;
}
FILTER(openssl_csr_info) = {.doc = "What stands in a certificate signing request in PEM format.",
                            .params = "value, name_encoding='ignore'",
                            .fn = f_csr_info,
                            .fqcn = "community.crypto.openssl_csr_info",
                            .example = "'community.crypto.openssl_csr_info' is filter"};

// -- revocation lists ------------------------------------------------------------------------------------------------

static const char *reason_name(long code) {
    static const char *const names[] = {
        "unspecified",     "key_compromise",         "ca_compromise",    "affiliation_changed",
        "superseded",      "cessation_of_operation", "certificate_hold", NULL,
        "remove_from_crl", "privilege_withdrawn",    "aa_compromise"};
    return code >= 0 && code < (long)COUNTOF(names) ? names[code] : NULL;
}

static bool put_reason(struct reader *r) {
    void *found = NULL;
    bool critical = false;
    if (!extension(r, NID_crl_reason, &found, &critical)) {
        return false;
    }
    const char *name = found ? reason_name(ASN1_ENUMERATED_get(found)) : NULL;
    put_critical(r, "reason", name ? val_z(r->c->a, name) : VNULL, critical);
    ASN1_ENUMERATED_free(found);
    return true;
}

static bool put_invalidity(struct reader *r) {
    void *found = NULL;
    bool critical = false;
    if (!extension(r, NID_invalidity_date, &found, &critical)) {
        return false;
    }
    put(r, "invalidity_date", VNULL);
    bool ok = !found || put_time(r, "invalidity_date", found);
    put(r, "invalidity_date_critical", val_bool(critical));
    ASN1_GENERALIZEDTIME_free(found);
    return ok;
}

static bool put_revoked(struct reader *outer, X509_REVOKED *x, struct val list) {
    struct reader r = *outer;
    r.to = val_dict(r.c->a, 8);
    r.exts = X509_REVOKED_get0_extensions(x);
    put(&r, "serial_number", asn1_integer(r.c->a, X509_REVOKED_get0_serialNumber(x)));
    bool ok = put_time(&r, "revocation_date", X509_REVOKED_get0_revocationDate(x)) &&
              put_names(&r, NID_certificate_issuer, "issuer") && put_reason(&r) && put_invalidity(&r);
    val_push(r.c->a, list, r.to);
    return ok;
}

static bool put_crl(struct reader *r, X509_CRL *crl, bool pem, bool revoked) {
    const X509_ALGOR *alg = NULL;
    struct arena *a = r->c->a;
    put(r, "changed", val_bool(false));
    put(r, "format", val_z(a, pem ? "pem" : "der"));
    if (!put_time(r, "last_update", X509_CRL_get0_lastUpdate(crl))) {
        return false;
    }
    put(r, "next_update", VNULL);
    if (X509_CRL_get0_nextUpdate(crl) && !put_time(r, "next_update", X509_CRL_get0_nextUpdate(crl))) {
        return false;
    }
    X509_CRL_get0_signature(crl, NULL, &alg);
    put(r, "digest", val_str(a, object_name(a, alg->algorithm, false)));
    put_name(r, X509_CRL_get_issuer(crl), "issuer", "issuer_ordered", true);
    if (!revoked) {
        return true;
    }
    STACK_OF(X509_REVOKED) *all = X509_CRL_get_REVOKED(crl);
    struct val list = val_list(a, 8);
    for (int i = 0; i < sk_X509_REVOKED_num(all); i++) {
        if (!put_revoked(r, sk_X509_REVOKED_value(all, i), list)) {
            return false;
        }
    }
    put(r, "revoked_certificates", list);
    return true;
}

/// A list in DER, as base64.
static X509_CRL *read_der(struct jcall *c) {
    struct str der;
    struct err mine = {.arena = c->a};
    if (!base64_decode(c->a, val_text(c->args[0]), &der, &mine) || der.n > INT_MAX) {
        return NULL;
    }
    const unsigned char *p = (const unsigned char *)der.s;
    return d2i_X509_CRL(NULL, &p, (long)der.n);
}

static bool f_crl_info(struct jcall *c, struct val *out, struct err *e) {
    struct reader r = {.c = c, .e = e};
    BIO *bio = NULL;
    if (arg_given(c, 2) && c->args[2].kind != VAL_BOOL) {
        return bad_arg(c, e, "list_revoked_certificates", "a boolean", c->args[2]);
    }
    if (!start(&r, 1, &bio)) {
        return false;
    }
    bool pem = str_find(val_text(c->args[0]), 0, STR_LIT("-----BEGIN ")) != SIZE_MAX;
    X509_CRL *crl = pem ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : read_der(c);
    BIO_free(bio);
    if (!crl) {
        return ssl_fail(c, e, "no certificate revocation list, in PEM or as base64 of DER, that can be read");
    }
    bool ok = put_crl(&r, crl, pem, !arg_given(c, 2) || c->args[2].u.b);
    X509_CRL_free(crl);
    *out = r.to;
    return ok;
}
FILTER(x509_crl_info) = {.doc = "What stands in a certificate revocation list, in PEM or as base64 of DER.",
                         .params = "value, name_encoding='ignore', list_revoked_certificates=True",
                         .fn = f_crl_info,
                         .fqcn = "community.crypto.x509_crl_info",
                         .example = "'community.crypto.x509_crl_info' is filter"};
