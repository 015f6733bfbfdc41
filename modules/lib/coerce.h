// Conversion of one argument value to its declared type, by the rules of Ansible's argument handling.
#pragma once
#include "module.h"

/// Converts `v` (not null) to `type`. Result in `a`, with the flags and mark of `v`. On failure `*why` is what Ansible
/// says behind "unable to convert to x: " (in `a`) and false is returned; nothing else is recorded.
bool coerce_value(struct arena *a, struct val v, enum arg_type type, struct val *out, const char **why);
/// Ansible's name of a type: "str", "list", "path" ...
const char *coerce_type_name(enum arg_type type);
/// How Python prints the class of a value: "<class 'str'>".
const char *coerce_class(struct arena *a, struct val v);
/// Python's ast.literal_eval for what a template may leave behind: strings, numbers, True/False/None, lists, tuples
/// and dicts. false when the text is anything else.
bool literal_parse(struct arena *a, struct str text, struct val *out);
