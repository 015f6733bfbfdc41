// Modules that a project ships as programs: what kind they are, and what the target needs to run them. The target's
// half is modules/_program.c.
#pragma once
#include "module.h"

/// How a module takes its arguments, told from its text as Ansible tells it.
enum foreign_style {
    FOREIGN_OLD,        // a file of k=v words
    FOREIGN_WANT_JSON,  // a file of JSON
    FOREIGN_BINARY,     // the same for a compiled program
    FOREIGN_JSON_ARGS,  // JSON put into the text
    FOREIGN_PYTHON,     // imports ansible.module_utils
};
struct foreign {
    struct str name;       // of the file, without directories
    struct str path;       // for messages
    struct str fqcn;       // "namespace.collection.name" or empty
    struct str text;       // of the file
    struct val core, own;  // lists of [name, text]: ansible-core's module_utils, and those of the project; null: none
    struct str python;     // configured interpreter; empty: found on the target
    struct val python_fallback;  // list of names
    enum foreign_style style;
};
enum foreign_style foreign_style_of(struct str text);
/// A module of the table's kind for a program. `f` must live as long.
const struct module *foreign_module(struct arena *a, const struct foreign *f);
