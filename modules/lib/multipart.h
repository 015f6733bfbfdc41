// Bodies of the type multipart/form-data, for uri.
#pragma once
#include "module.h"

/// Controller: attaches the files that the fields of `body` name (`filename` without `content`) and writes their
/// digests to the argument `_files`.
bool multipart_attach(struct mod_call *c, struct val body, struct err *e);
/// Target: the body, and its Content-Type with the boundary. Fields are texts or dicts of filename, content, mime_type;
/// a file is the attached one, else one of the target.
bool multipart_body(struct mod_call *c, struct val body, struct str *out, const char **type, struct err *e);
