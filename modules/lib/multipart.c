// As ansible.module_utils.urls.prepare_multipart writes it: fields by name, files in base64, lines end in CRLF.
#include "multipart.h"

#include "digest.h"
#include "fd.h"

#include <inttypes.h>

#define LINE_MAX_BASE64 76
#define FILE_MAX        ((size_t)64 << 20)

struct kind {
    const char *ending, *type;
};
// What names end in when the target's /etc/mime.types does not know them.
static const struct kind kinds[] = {
    {"bin", "application/octet-stream"},
    {"bmp", "image/bmp"},
    {"css", "text/css"},
    {"csv", "text/csv"},
    {"doc", "application/msword"},
    {"gif", "image/gif"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ico", "image/vnd.microsoft.icon"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript"},
    {"json", "application/json"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"p12", "application/x-pkcs12"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"ps", "application/postscript"},
    {"py", "text/x-python"},
    {"rtf", "application/rtf"},
    {"sh", "application/x-sh"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"tsv", "text/tab-separated-values"},
    {"txt", "text/plain"},
    {"wasm", "application/wasm"},
    {"wav", "audio/x-wav"},
    {"webm", "video/webm"},
    {"xml", "text/xml"},
    {"zip", "application/zip"},
};

static struct str name_of(struct str path) {
    while (path.n && str_find_char(path, 0, '/') != SIZE_MAX) {
        path = str_sub(path, str_find_char(path, 0, '/') + 1, path.n);
    }
    return path;
}

// What follows the last point, STR_NONE without one; `*stem` is what stands before it.
static struct str ending_of(struct str name, struct str *stem) {
    for (size_t i = name.n; i > 1; i--) {
        if (name.s[i - 1] == '.') {
            *stem = str_sub(name, 0, i - 1);
            return str_sub(name, i, name.n);
        }
    }
    return STR_NONE;
}

static bool same_ending(struct str a, struct str b) {
    return a.s && b.s && a.n == b.n && strncasecmp(a.s, b.s, a.n) == 0;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static struct str next_word(struct str *line) {
    size_t i = 0;
    while (i < line->n && is_blank(line->s[i])) {
        i++;
    }
    size_t end = i;
    while (end < line->n && !is_blank(line->s[end])) {
        end++;
    }
    struct str word = str_sub(*line, i, end);
    *line = str_sub(*line, end, line->n);
    return word;
}

// The type of the line of mime.types that has this ending.
static struct str listed_type(struct str table, struct str ending) {
    struct str line;
    while (str_next(&table, '\n', &line)) {
        struct str type = next_word(&line);
        if (str_starts(type, "#")) {
            continue;
        }
        for (struct str word; (word = next_word(&line)).n > 0;) {
            if (same_ending(word, ending)) {
                return type;
            }
        }
    }
    return STR_NONE;
}

// What a program packed: what stands before the ending tells the type.
static bool is_packed(struct str ending) {
    static const char *const packed[] = {"gz", "Z", "bz2", "xz", "br"};
    for (size_t i = 0; i < COUNTOF(packed); i++) {
        if (str_eqz(ending, packed[i])) {
            return true;
        }
    }
    return false;
}

static const char *guess_type(struct mod_call *c, struct str filename) {
    struct str stem = STR_NONE;
    struct str ending = ending_of(name_of(filename), &stem);
    static const char *const tars[] = {"tgz", "taz", "tz", "tbz2", "txz"};
    if (is_packed(ending)) {
        ending = ending_of(stem, &stem);
    }
    for (size_t i = 0; i < COUNTOF(tars); i++) {
        ending = same_ending(ending, str_from(tars[i])) ? STR_LIT("tar") : ending;
    }
    struct str table = STR_NONE;
    struct err quiet = {.arena = c->arena};
    if (ending.s && fd_read_file("/etc/mime.types", FILE_MAX, c->arena, &table, &quiet)) {
        struct str listed = listed_type(table, ending);
        if (listed.s) {
            return str_z(c->arena, listed);
        }
    }
    for (size_t i = 0; ending.s && i < COUNTOF(kinds); i++) {
        if (same_ending(ending, str_from(kinds[i].ending))) {
            return kinds[i].type;
        }
    }
    return "application/octet-stream";
}

// ; name="value", or in the words of RFC 2231 when it is not ASCII.
static void parameter(struct buf *b, const char *name, struct str value) {
    bool ascii = true;
    for (size_t i = 0; i < value.n; i++) {
        ascii = ascii && (unsigned char)value.s[i] < 0x80;
    }
    buf_printf(b, ascii ? "; %s=\"" : "; %s*=utf-8''", name);
    for (size_t i = 0; i < value.n; i++) {
        unsigned char ch = (unsigned char)value.s[i];
        bool plain = (ch >= '0' && ch <= '9') || (ascii_lower((char)ch) >= 'a' && ascii_lower((char)ch) <= 'z') ||
                     (ch && strchr("_.-~", ch));
        if (ascii) {
            buf_z(b, ch == '"' || ch == '\\' ? "\\" : "");
            buf_char(b, (char)ch);
        } else if (plain) {
            buf_char(b, (char)ch);
        } else {
            buf_printf(b, "%%%02X", ch);
        }
    }
    buf_z(b, ascii ? "\"" : "");
}

// Each end of a line becomes CRLF.
static void text_lines(struct buf *b, struct str text) {
    for (size_t i = 0; text.s && i < text.n; i++) {
        if (text.s[i] == '\n' || text.s[i] == '\r') {
            i += text.s[i] == '\r' && i + 1 < text.n && text.s[i + 1] == '\n';
            buf_z(b, "\r\n");
        } else {
            buf_char(b, text.s[i]);
        }
    }
}

static void base64_lines(struct mod_call *c, struct buf *b, struct str data) {
    struct str text = base64_encode(c->arena, data);
    for (size_t i = 0; i < text.n; i += LINE_MAX_BASE64) {
        buf_str(b, str_sub(text, i, i + LINE_MAX_BASE64 < text.n ? i + LINE_MAX_BASE64 : text.n));
        buf_z(b, "\r\n");
    }
}

static bool line_end_in(struct str s) {
    return str_find_char(s, 0, '\n') != SIZE_MAX || str_find_char(s, 0, '\r') != SIZE_MAX;
}

static struct str text_field(struct mod_call *c, struct val field, const char *key) {
    struct val v = val_get(field, key);
    bool none = v.kind == VAL_UNDEF || v.kind == VAL_NULL;
    struct str s = none ? STR_NONE : val_str_of(c->arena, v);
    return s.n ? s : STR_NONE;
}

static bool file_content(struct mod_call *c, struct str name, struct str filename, struct str *data, struct err *e) {
    struct str sha256 = val_text(val_get(mod_arg(c, "_files"), str_z(c->arena, name)));
    if (sha256.s) {
        return c->blob(c, sha256, data, e);
    }
    return fd_read_file(str_z(c->arena, filename), FILE_MAX, c->arena, data, e) ||
           err_wrap(e, NO_MARK, "file '%.*s' of field '%.*s'", STR(filename), STR(name));
}

static bool part(struct mod_call *c, struct buf *b, struct str name, struct val field, struct err *e) {
    struct str content = field.kind == VAL_STR ? val_text(field) : text_field(c, field, "content");
    struct str filename = text_field(c, field, "filename");
    const char *type = "text/plain";
    if (field.kind != VAL_STR && field.kind != VAL_DICT) {
        return mod_fail(c, e,
                        "failed to parse body as form-multipart: field '%.*s': expected a string or a dict, found %s",
                        STR(name), val_kind_name(field.kind));
    }
    if (field.kind == VAL_DICT) {
        struct str given = text_field(c, field, "mime_type");
        if (!filename.s && !content.s) {
            return mod_fail(c, e,
                            "failed to parse body as form-multipart: field '%.*s': expected 'filename' or 'content'",
                            STR(name));
        }
        type = given.s ? str_z(c->arena, given) : guess_type(c, filename);
    }
    if (line_end_in(name) || line_end_in(filename) || line_end_in(str_from(type))) {
        return mod_fail(c, e, "field '%.*s': its name, filename or mime_type contains a line end", STR(name));
    }
    struct str file = STR_NONE;
    bool encoded = !content.s && filename.s;
    if (encoded && !file_content(c, name, filename, &file, e)) {
        return false;
    }
    buf_printf(b, "%sContent-Type: %s\r\nContent-Disposition: form-data",
               encoded ? "Content-Transfer-Encoding: base64\r\n" : "", type);
    parameter(b, "name", name);
    if (filename.s) {
        parameter(b, "filename", name_of(filename));
    }
    buf_z(b, "\r\n\r\n");
    if (encoded) {
        base64_lines(c, b, file);
    } else {
        text_lines(b, content);
    }
    return true;
}

struct field {
    struct str name;
    struct val value;
};

static int by_name(const void *a, const void *b) {
    const struct field *x = a;
    const struct field *y = b;
    return str_cmp(x->name, y->name);
}

bool multipart_body(struct mod_call *c, struct val body, struct str *out, const char **type, struct err *e) {
    if (body.kind != VAL_DICT) {
        return mod_fail(c, e, "failed to parse body as form-multipart: expected a dict, found %s",
                        val_kind_name(body.kind));
    }
    uint64_t number;
    random_bytes(&number, sizeof number);
    const char *boundary = arena_printf(c->arena, "===============%019" PRIu64 "==", number >> 1);
    struct field *fields = ARENA_ARRAY(c->arena, struct field, val_len(body) + 1);
    size_t n = 0;
    size_t i = 0;
    for (struct vpair *p; (p = val_each(body, &i));) {
        fields[n++] = (struct field){val_str_of(c->arena, p->key), p->value};
    }
    qsort(fields, n, sizeof *fields, by_name);
    struct buf b = BUF_IN(c->arena);
    for (i = 0; i < n; i++) {
        buf_printf(&b, "%s--%s\r\n", i ? "\r\n" : "", boundary);
        if (!part(c, &b, fields[i].name, fields[i].value, e)) {
            return false;
        }
    }
    buf_printf(&b, "%s\r\n--%s--\r\n", n ? "" : arena_printf(c->arena, "--%s\r\n", boundary), boundary);
    *out = buf_view(&b);
    *type = arena_printf(c->arena, "multipart/form-data; boundary=\"%s\"", boundary);
    return true;
}

bool multipart_attach(struct mod_call *c, struct val body, struct err *e) {
    struct val files = val_dict(c->arena, 2);
    size_t i = 0;
    for (struct vpair *p; body.kind == VAL_DICT && (p = val_each(body, &i));) {
        struct str filename = p->value.kind == VAL_DICT ? text_field(c, p->value, "filename") : STR_NONE;
        struct str path;
        struct str data;
        bool secret;
        if (!filename.s || text_field(c, p->value, "content").s) {
            continue;
        }
        if (!c->ctl->find(c->ctl->self, "files", filename, c->arena, &path, e) ||
            !c->ctl->read(c->ctl->self, path, false, c->arena, &data, &secret, e)) {
            return false;
        }
        val_set(c->arena, files, str_z(c->arena, val_str_of(c->arena, p->key)), mod_attach(c, data));
    }
    val_set(c->arena, c->args, "_files", files);
    return true;
}
