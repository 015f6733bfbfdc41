// template: a file rendered on the controller with the host's variables, put on the target as copy does.
#include "put.h"

static const struct arg args[] = {
    {"src", ARG_PATH, .required = true, .doc = "Template on the controller, looked for in templates/."},
    {"dest", ARG_PATH, .required = true, .doc = "Where the result goes."},
    {"newline_sequence", ARG_STR, .choices = "\\n|\\r|\\r\\n|\n|\r|\r\n",
     .doc = "Line ends of the result; \\n by default."},
    {"block_start_string", ARG_STR, .doc = "Start of a statement; {% by default."},
    {"block_end_string", ARG_STR, .doc = "End of a statement; %} by default."},
    {"variable_start_string", ARG_STR, .doc = "Start of an expression; {{ by default."},
    {"variable_end_string", ARG_STR, .doc = "End of an expression; }} by default."},
    {"comment_start_string", ARG_STR, .doc = "Start of a comment; {# by default."},
    {"comment_end_string", ARG_STR, .doc = "End of a comment; #} by default."},
    {"trim_blocks", ARG_BOOL, .def = "true", .doc = "Drop the newline behind a statement."},
    {"lstrip_blocks", ARG_BOOL, .def = "false", .doc = "Drop blanks before a statement."},
    {"output_encoding", ARG_STR, .def = "utf-8",
     .doc = "Encoding of the result: utf-8, latin-1, windows-1252 or ascii."},
    {"directory_mode", ARG_RAW, .doc = "Mode of directories that are created."},
    PUT_ARGS,
    {0},
};

// What windows-1252 has from 0x80 to 0x9f; 0: nothing.
static const uint16_t windows_1252[] = {0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
                                        0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017d, 0,
                                        0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                        0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

// The last character of each encoding we write besides UTF-8 that has its own number; Python's names for them.
static const struct {
    const char *name;
    uint32_t last;
    const uint16_t *high;  // what it has in place of the control characters from 0x80 to 0x9f
} encodings[] = {{"utf-8", 0x10ffff, NULL},     {"utf8", 0x10ffff, NULL},  {"ascii", 0x7f, NULL},
                 {"us-ascii", 0x7f, NULL},      {"latin-1", 0xff, NULL},   {"latin1", 0xff, NULL},
                 {"iso-8859-1", 0xff, NULL},    {"iso8859-1", 0xff, NULL}, {"windows-1252", 0xff, windows_1252},
                 {"cp1252", 0xff, windows_1252}};

/// The byte of a character; false: the encoding does not have it.
static bool byte_of(size_t k, uint32_t cp, unsigned char *byte) {
    const uint16_t *high = encodings[k].high;
    for (size_t i = 0; high && i < COUNTOF(windows_1252); i++) {
        if (high[i] == cp) {
            *byte = (unsigned char)(0x80 + i);
            return true;
        }
    }
    *byte = (unsigned char)cp;
    return cp <= encodings[k].last && !(high && cp >= 0x80 && cp < 0xa0);
}

static bool encode(struct mod_call *c, struct str *text, struct err *e) {
    struct str name = mod_str(c, "output_encoding").n ? mod_str(c, "output_encoding") : STR_LIT("utf-8");
    struct mark at = val_get(c->args, "output_encoding").mark;
    size_t k = 0;
    while (k < COUNTOF(encodings) && strcasecmp(str_z(c->arena, name), encodings[k].name) != 0) {
        k++;
    }
    if (k == COUNTOF(encodings)) {
        return err_set(e, ERR_ARGS, at,
                       "output_encoding '%.*s' is not supported, only utf-8, latin-1, windows-1252 and ascii",
                       STR(name));
    }
    struct buf b = BUF_IN(c->arena);
    for (size_t i = 0; encodings[k].last <= 0xff && i < text->n;) {
        uint32_t cp = utf8_next(*text, &i);
        unsigned char byte;
        if (!byte_of(k, cp, &byte)) {
            return err_set(e, ERR_ARGS, at, "the result has the character U+%04X, which %s does not have", (unsigned)cp,
                           encodings[k].name);
        }
        buf_char(&b, (char)byte);
    }
    *text = encodings[k].last <= 0xff ? buf_view(&b) : *text;
    return true;
}

static bool prepare(struct mod_call *c, struct err *e) {
    struct str path;
    struct str text;
    bool secret;
    struct val extra = val_dict(c->arena, 1);
    val_set(c->arena, extra, "template_destpath", val_str(c->arena, mod_str(c, "dest")));
    if (!c->ctl->find(c->ctl->self, "templates", mod_str(c, "src"), c->arena, &path, e) ||
        !c->ctl->render(c->ctl->self, path, c->args, extra, c->arena, &text, &secret, e) || !encode(c, &text, e)) {
        return false;
    }
    struct str mode = STR_NONE;
    struct stat st;
    if (str_eqz(val_text(mod_arg(c, "mode")), "preserve") && stat(str_z(c->arena, path), &st) == 0) {
        mode = str_printf(c->arena, "%04o", (unsigned)(st.st_mode & 07777));
    }
    put_attach(c, STR_NONE, text, mode, path);
    return true;
}

MODULE(template) = {
    .doc = "Render a template on the controller and put the result on the target.",
    .spec = "ansible.builtin.template",
    .example = "- ansible.builtin.template:\n    src: app.conf.j2\n    dest: /etc/app.conf\n    mode: '0640'",
    .returns = "dest: Where it went.\nchecksum: SHA1 of the content.\nmd5sum: MD5 of what was written.\n"
               "backup_file: Name of the backup.\nstate: Kind of dest.\nmode: Permissions.\nowner: Owner.\n"
               "group: Group.\nuid: Owner's id.\ngid: Group's id.\nsize: Size in bytes.",
    .args = args,
    .file_args = true,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .side = ON_TARGET,
    .prepare = prepare,
    .plan = put_plan,
    .run = put_run,
};
