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
    {"output_encoding", ARG_STR, .def = "utf-8", .doc = "Encoding of the result."},
    {"directory_mode", ARG_RAW, .doc = "Mode of directories that are created."},
    PUT_ARGS,
    {0},
};

static bool prepare(struct mod_call *c, struct err *e) {
    struct str path;
    struct str text;
    bool secret;
    struct val extra = val_dict(c->arena, 1);
    val_set(c->arena, extra, "template_destpath", val_str(c->arena, mod_str(c, "dest")));
    if (!c->ctl->find(c->ctl->self, "templates", mod_str(c, "src"), c->arena, &path, e) ||
        !c->ctl->render(c->ctl->self, path, c->args, extra, c->arena, &text, &secret, e) ||
        !c->ctl->encode(c->ctl->self, text, mod_str(c, "output_encoding"), val_get(c->args, "output_encoding").mark,
                        c->arena, &text, e)) {
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
    .order = "diff path dest src md5sum checksum changed",
    .returns = "dest: Where it went.\nchecksum: SHA1 of the content.\nmd5sum: MD5 of what was written.\n"
               "backup_file: Name of the backup.\nstate: Kind of dest.\nmode: Permissions.\nowner: Owner.\n"
               "group: Group.\nuid: Owner's id.\ngid: Group's id.\nsize: Size in bytes.",
    .args = args,
    .file_args = true,
    .tidy = true,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_FULL,
    .side = ON_TARGET,
    .prepare = prepare,
    .plan = put_plan,
    .run = put_run,
};
